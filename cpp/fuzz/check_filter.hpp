// What must hold of a filter whatever bytes come: the check of the fuzz target and of its short version in the ordinary
// tests.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <nanobook/itch/encoder.hpp>
#include <nanobook/itch/filter.hpp>
#include <nanobook/itch/reader.hpp>
#include <nanobook/itch/replay.hpp>

#include "../tests/itch_stream.hpp"
#include "check_itch.hpp"

namespace nanobook::fuzz {

/// What a filter is to write, message by message from its description.
class NaiveFilter {
  public:
    explicit NaiveFilter(const itch::FilterOptions& options) : options_(options) {}

    [[nodiscard]] test::Bytes filtered(std::span<const std::byte> stream) {
        itch::Reader reader({options_.strict});
        reader.feed_each(stream, [this](const auto& message) { take(message); });
        reader.finish();
        if (reader.end_of_session() && !is_over_) out_.write_end_of_session();
        return out_.take();
    }

    /// Each locate stands for one symbol throughout.
    [[nodiscard]] bool names_are_plain() const noexcept { return names_are_plain_; }

  private:
    template <class Message>
    void take(const Message& message) {
        if constexpr (requires { Message::code; }) {
            is_over_ = is_over_ || (options_.until && message.timestamp > *options_.until);
            if (is_over_) return;
            learn(message);
            const bool is_wanted = options_.types.empty() || options_.types.find(Message::code) != std::string::npos;
            const bool is_early = options_.start && message.timestamp < *options_.start;
            if (is_wanted && !is_early && is_selected(message)) out_.write(message);
        }
    }

    template <class Message>
    void learn(const Message& message) {
        if constexpr (requires { message.stock; }) {
            const Symbol stock = itch::symbol_of(message.stock);
            Symbol& name = names_[message.locate];
            if (name == Symbol{}) name = stock;
            if (Message::code == itch::StockDirectory::code && stock != Symbol{} && name != stock) {
                name = stock;
                names_are_plain_ = false;
            }
        }
    }

    template <class Message>
    [[nodiscard]] bool is_selected(const Message& message) const {
        if (options_.symbols.empty() || std::string("SVW").find(Message::code) != std::string::npos) return true;
        const auto found = names_.find(message.locate);
        return found != names_.end() && std::ranges::find(options_.symbols, found->second) != options_.symbols.end();
    }

    const itch::FilterOptions& options_;
    itch::Encoder out_;
    std::map<itch::Locate, Symbol> names_;
    bool is_over_ = false;
    bool names_are_plain_ = true;
};

struct FilterResult {
    test::Bytes bytes;
    std::string told;
};

/// The stream in pieces of at most `step` bytes.
[[nodiscard]] inline FilterResult filter(const itch::FilterOptions& options, std::span<const std::byte> stream,
                                         std::size_t step) {
    itch::Filter filter(options);
    itch::Encoder out;
    for (std::size_t at = 0; at < stream.size(); at += step) {
        // A copy of just these bytes, so that a sanitizer sees a read past them.
        const auto piece = stream.subspan(at, std::min(step, stream.size() - at));
        const std::vector<std::byte> copy(piece.begin(), piece.end());
        filter.feed(copy, out);
    }
    filter.finish(out);
    return {out.take(), test::summary(filter.reader())};
}

/// The books, days and odd orders of the symbols that a replay selects, as text.
[[nodiscard]] inline std::string selected_books(const itch::Replay<>& replay, std::string& wrong) {
    std::string text;
    std::uint64_t live = 0;
    for (std::size_t locate = 0; locate < replay.listings().size(); ++locate) {
        const itch::Listing& listing = replay.listings()[locate];
        if (listing.seen && listing.selected) text += digest(replay, locate, live, wrong) + "\n";
    }
    if (live != replay.live_orders()) wrong = "live orders are not those of the selected books";
    text += "out of order " + std::to_string(replay.out_of_order_executions()) + ", odd";
    for (auto odd = static_cast<std::size_t>(itch::Oddity::unknown_reference); odd < itch::oddity_count; ++odd) {
        text += " " + std::to_string(replay.report().count(static_cast<itch::Oddity>(odd)));
    }
    return text;
}

[[nodiscard]] inline itch::Replay<> replayed(std::span<const std::byte> stream, itch::ReplayOptions options) {
    itch::Replay<> replay(std::move(options));
    replay.feed(stream);
    replay.finish();
    return replay;
}

/// The first five bytes choose how the others are filtered. Empty where all is well, else what is wrong.
[[nodiscard]] inline std::string check_filter(std::span<const std::byte> input) {
    constexpr std::size_t chosen = 5;
    if (input.size() < chosen) return {};
    std::array<unsigned, chosen> choice{};
    for (std::size_t i = 0; i < chosen; ++i) choice[i] = std::to_integer<unsigned>(input[i]);
    const auto stream = input.subspan(chosen);
    const std::size_t step = 1 + choice[1];

    itch::FilterOptions options;
    options.strict = (choice[0] & 1U) != 0;
    if ((choice[0] & 2U) != 0) options.symbols.push_back(*Symbol::parse("SYM1"));
    if ((choice[0] & 4U) != 0) options.symbols.push_back(*Symbol::parse("AAPL"));
    if ((choice[0] & 8U) != 0) options.start = choice[2];
    if ((choice[0] & 16U) != 0) options.until = choice[3];
    if ((choice[0] & 32U) != 0) {
        for (const char type : std::string("SRHYLVWKJhAFECXDUPQBINO")) {
            if ((choice[4] >> (static_cast<unsigned char>(type) & 7U) & 1U) != 0) options.types += type;
        }
    }

    const FilterResult whole = filter(options, stream, stream.size() + 1);
    const FilterResult pieces = filter(options, stream, step);
    if (pieces.bytes != whole.bytes) return "other messages in pieces of " + std::to_string(step) + " bytes";
    if (pieces.told != whole.told) {
        return "in pieces of " + std::to_string(step) + " bytes:\n" + pieces.told + "\nnot:\n" + whole.told;
    }

    NaiveFilter naive(options);
    if (naive.filtered(stream) != whole.bytes) return "other messages than the naive filter's";
    const itch::Reader reader = itch::read(whole.bytes, [](const itch::Header&) {});
    if (reader.report().first()) return "the output is odd: " + itch::describe(*reader.report().first());

    // The books of the output are those of a replay that selects, where nothing but symbols was asked for ...
    if (options.strict || options.start || !options.types.empty()) return {};
    const itch::Replay<> selection = replayed(stream, {.symbols = options.symbols, .until = options.until});
    // ... and no order of one symbol is spoken of by the locate of another.
    const bool is_mixed = !naive.names_are_plain() || selection.report().count(itch::Oddity::locate_mismatch) > 0;
    if (is_mixed && !options.symbols.empty()) return {};
    std::string wrong;
    const std::string expected = selected_books(selection, wrong);
    for (const auto& symbols : {std::vector<Symbol>{}, options.symbols}) {
        const std::string found = selected_books(replayed(whole.bytes, {.symbols = symbols}), wrong);
        if (!wrong.empty()) return wrong + " in\n" + found;
        if (found != expected) return "books of the output:\n" + found + "\nnot:\n" + expected;
    }
    return {};
}

}  // namespace nanobook::fuzz
