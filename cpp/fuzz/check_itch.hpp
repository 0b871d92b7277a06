// What must hold of the reader and the replay whatever bytes come: the check of the fuzz target and of its short
// version in the ordinary tests.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <nanobook/itch/replay.hpp>

#include "../tests/itch_stream.hpp"
#include "../tests/naive_replay.hpp"

namespace nanobook::fuzz {

/// A symbol's day and book, as text; `live` grows by its orders. Where the book contradicts itself, `wrong` says how.
[[nodiscard]] inline std::string digest(const itch::Replay<>& replay, std::size_t locate, std::uint64_t& live,
                                        std::string& wrong) {
    const itch::Listing& listing = replay.listings()[locate];
    std::string text = std::to_string(locate) + " " + std::string(listing.symbol.view()) + " " + listing.state +
                       std::to_string(listing.volume) + " " + std::to_string(listing.trades) + " " +
                       std::to_string(listing.last_price);
    const BookSnapshot snapshot = listing.book.snapshot(replay.levels(), 1'000'000);
    for (const Side side : {Side::buy, Side::sell}) {
        const auto& rows = side == Side::buy ? snapshot.bids : snapshot.asks;
        std::vector<LevelView> sums;
        listing.book.for_each_order(replay.levels(), side, replay.orders(), [&](auto ref, const auto& level) {
            if (sums.empty() || sums.back().price != level.price) sums.push_back({level.price, 0, 0});
            const Quantity shares = replay.orders().quantity_of(ref);
            if (shares == 0) wrong = "an empty order rests";
            sums.back().quantity += shares;
            ++sums.back().order_count;
            text += " " + std::to_string(ref) + ":" + std::to_string(shares) + "@" + std::to_string(level.price);
            if (replay.level_of(ref) != &level) wrong = "an order is in another level";
        });
        if (sums != rows) wrong = "totals of the levels are not those of their orders";
        const bool sorted = std::is_sorted(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
            return side == Side::buy ? a.price > b.price : a.price < b.price;
        });
        if (!sorted) wrong = "levels are not in order of price";
        for (const LevelView& row : rows) live += row.order_count;
    }
    return text;
}

/// The same of all that a replay holds.
[[nodiscard]] inline std::string digest(const itch::Replay<>& replay, std::string& wrong) {
    std::string text = test::summary(replay.reader());
    std::uint64_t live = 0;
    const auto listings = replay.listings();
    for (std::size_t locate = 0; locate < listings.size(); ++locate) {
        if (!listings[locate].seen && listings[locate].book.empty()) continue;
        text += "\n" + digest(replay, locate, live, wrong);
    }
    if (live != replay.live_orders()) wrong = "live orders are not those of the books";
    return text + "\nlive " + std::to_string(live) + " at " + std::to_string(replay.time());
}

/// The first three bytes choose how the others are read. Empty where all is well, else what is wrong.
[[nodiscard]] inline std::string check_itch(std::span<const std::byte> input) {
    constexpr std::size_t chosen = 3;
    if (input.size() < chosen) return {};
    const auto choice = std::to_integer<unsigned>(input[0]);
    const std::size_t step = 1 + std::to_integer<std::size_t>(input[1]);
    const auto until = std::to_integer<Timestamp>(input[2]);
    const auto stream = input.subspan(chosen);

    itch::ReplayOptions options;
    options.strict = (choice & 1U) != 0;
    if ((choice & 2U) != 0) options.symbols = {*Symbol::parse("SYM1"), *Symbol::parse("AAPL")};
    if ((choice & 4U) != 0) options.until = until;
    const bool plain = (choice & 7U) == 0;

    itch::Replay<> whole(options);
    whole.feed(stream);
    whole.finish();
    std::string wrong;
    const std::string expected = digest(whole, wrong);
    if (!wrong.empty()) return wrong + " in\n" + expected;

    itch::Replay<> pieces(options);
    for (std::size_t at = 0; at < stream.size(); at += step) {
        // A copy of just these bytes, so that a sanitizer sees a read past them.
        const auto piece = stream.subspan(at, std::min(step, stream.size() - at));
        const std::vector<std::byte> copy(piece.begin(), piece.end());
        pieces.feed(copy);
    }
    pieces.finish();
    if (const std::string found = digest(pieces, wrong); found != expected) {
        return "in pieces of " + std::to_string(step) + " bytes:\n" + found + "\nnot:\n" + expected;
    }

    if (!plain) return {};
    test::NaiveReplay naive;
    itch::read(stream, [&](const itch::Header& message) { naive.apply(message); });
    return test::difference(whole, naive);
}

}  // namespace nanobook::fuzz
