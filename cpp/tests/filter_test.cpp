// What a filter keeps of a stream, and that the books of it are those of a replay that selects.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <nanobook/detail/random.hpp>
#include <nanobook/itch/encoder.hpp>
#include <nanobook/itch/filter.hpp>
#include <nanobook/itch/replay.hpp>
#include <nanobook/itch/synthetic_day.hpp>

#include "itch_stream.hpp"

using namespace nanobook;
using namespace nanobook::itch;
using nanobook::test::Bytes;
using nanobook::test::Stream;

namespace {

Bytes filtered(std::span<const std::byte> bytes, FilterOptions options, std::size_t piece = 1 << 20) {
    Filter filter(std::move(options));
    Encoder out;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        if (!filter.feed(bytes.subspan(at, std::min(piece, bytes.size() - at)), out)) break;
    }
    filter.finish(out);
    return out.take();
}

// The bytes of some messages of a stream, by their numbers.
Bytes picked(std::span<const std::byte> bytes, const std::vector<std::size_t>& numbers) {
    Encoder out;
    std::size_t number = 0;
    read(bytes, [&](const auto& message) {
        if constexpr (requires { message.code; }) {
            if (std::find(numbers.begin(), numbers.end(), number++) != numbers.end()) out.write(message);
        }
    });
    return out.take();
}

// Everything that is to be known of some symbols' books and trades.
std::string books(const Replay<>& replay, const std::vector<Symbol>& symbols) {
    std::string text;
    for (const Symbol& symbol : symbols) {
        const Listing* listing = replay.find(symbol.view());
        if (listing == nullptr) continue;
        text += std::string(symbol.view()) + " " + listing->state + " " + std::to_string(listing->volume) + " " +
                std::to_string(listing->trades) + " " + std::to_string(listing->last_price);
        for (const Side side : {Side::buy, Side::sell}) {
            listing->book.for_each_order(replay.levels(), side, replay.orders(), [&](auto ref, const auto& level) {
                text += " " + std::to_string(ref) + "@" + std::to_string(level.price) + "x" +
                        std::to_string(replay.orders().quantity_of(ref));
            });
        }
        text += "\n";
    }
    return text;
}

std::string replayed(std::span<const std::byte> bytes, const std::vector<Symbol>& selected,
                     const std::vector<Symbol>& symbols) {
    Replay<> replay({.symbols = selected});
    replay.feed(bytes);
    replay.finish();
    CHECK_FALSE(replay.report().first());
    return books(replay, symbols);
}

// The number of each message stands behind it.
Stream two_symbols() {
    MwcbStatus breach{};
    breach.level = '1';
    return Stream()
        .event('O')                         // 0
        .directory("AAPL", 1)               // 1
        .directory("MSFT", 2)               // 2
        .add(1, 'B', 100, 1000, 1, "AAPL")  // 3
        .add(2, 'S', 100, 2000, 2, "MSFT")  // 4
        .execute(1, 10, 7, 1)               // 5
        .erase(2, 2)                        // 6
        .replace(1, 3, 50, 1100, 1)         // 7
        .trade(5, 1500, 8, 2, "MSFT")       // 8
        .broken(7, 1)                       // 9
        .write(breach, 0);                  // 10
}

}  // namespace

TEST_CASE("without a choice every byte stays") {
    const Bytes day = synthetic_day({.messages = 5'000, .symbols = 10, .all_types = true});
    CHECK(filtered(day, {}) == day);
    const Bytes ended = two_symbols().end_of_session().copy();
    CHECK(filtered(ended, {}) == ended);
}

TEST_CASE("messages without a symbol of their own go with their locate, those of the whole market with all") {
    const Stream stream = two_symbols();
    CHECK(filtered(stream, {.symbols = {*symbol_of("AAPL")}}) == picked(stream, {0, 1, 3, 5, 7, 9, 10}));
    CHECK(filtered(stream, {.symbols = {*symbol_of("MSFT")}}) == picked(stream, {0, 2, 4, 6, 8, 10}));
    CHECK(filtered(stream, {.symbols = {*symbol_of("NONE")}}) == picked(stream, {0, 10}));
}

TEST_CASE("types and symbols must both fit, and the directory is known even where it is not wanted") {
    const Stream stream = two_symbols();
    CHECK(filtered(stream, {.types = "DUE", .symbols = {*symbol_of("AAPL")}}) == picked(stream, {5, 7}));
    CHECK(filtered(stream, {.types = "S"}) == picked(stream, {0}));
}

TEST_CASE("a window of time has both its ends, and knows the directory before it") {
    // Message n has the time n + 1.
    const Stream stream = two_symbols();
    CHECK(filtered(stream, {.start = 4, .until = 6}) == picked(stream, {3, 4, 5}));
    CHECK(filtered(stream, {.symbols = {*symbol_of("MSFT")}, .start = 6}) == picked(stream, {6, 8, 10}));
}

TEST_CASE("what follows the window is not read") {
    Stream stream = two_symbols();
    stream.payload('A', 5);
    Filter all({.strict = true});
    Encoder out;
    all.feed(stream, out);
    CHECK(all.reader().report().count(Oddity::wrong_length) == 1);
    Filter stopped({.until = 10, .strict = true});
    CHECK_FALSE(stopped.feed(stream, out));
    CHECK_FALSE(stopped.reader().report().first());
}

TEST_CASE("what is odd is left out and counted") {
    Stream stream = two_symbols();
    const Bytes sound = stream.copy();
    stream.payload('z', 9).payload('A', 5);
    Bytes cut = stream.copy();
    cut.push_back(std::byte{0});
    Filter filter;
    Encoder out;
    filter.feed(cut, out);
    filter.finish(out);
    CHECK(out.take() == sound);
    CHECK(filter.reader().report().count(Oddity::unknown_type) == 1);
    CHECK(filter.reader().report().count(Oddity::wrong_length) == 1);
    CHECK(filter.reader().report().truncated_at());
}

TEST_CASE("a stream whose every prefix is 0 is written with lengths") {
    Stream zero(Framing::zero);
    Stream length;
    for (Stream* stream : {&zero, &length}) stream->directory("AAPL").add(1, 'B', 100, 1000);
    CHECK(filtered(zero, {}) == length.copy());
}

TEST_CASE("pieces cut anywhere make no difference") {
    const Bytes day = synthetic_day({.messages = 3'000, .symbols = 5});
    const FilterOptions options{.symbols = {*symbol_of("AAPL")}};
    const Bytes whole = filtered(day, options);
    for (const std::size_t piece : {1U, 7U, 1000U}) CHECK(filtered(day, options, piece) == whole);
}

TEST_CASE("filter, then replay, is replay of a selection") {
    const Bytes day = synthetic_day({.messages = 60'000, .symbols = 40, .seed = 3, .all_types = true});
    Filter naming({.symbols = {*symbol_of("AAPL")}});
    Encoder ignored;
    naming.feed(day, ignored);
    const std::vector<Symbol> all(naming.directory().symbols().begin() + 1, naming.directory().symbols().end());
    REQUIRE(all.size() == 40);

    nanobook::detail::Random random(1);
    for (int round = 0; round < 20; ++round) {
        std::vector<Symbol> symbols;
        for (const Symbol& symbol : all) {
            if (random.below(4) == 0) symbols.push_back(symbol);
        }
        if (symbols.empty()) continue;
        // By day every order dies; so also cut the day at some message.
        const auto part = std::span(day).first(day.size() / 20 * static_cast<std::size_t>(round + 1));
        Replay<> whole({.symbols = symbols});
        whole.feed(part);
        const std::string expected = books(whole, symbols);
        const Bytes chosen = filtered(part, {.symbols = symbols});
        CHECK(replayed(chosen, {}, symbols) == expected);
        CHECK(replayed(chosen, symbols, symbols) == expected);
    }
}

TEST_CASE("what was filtered already stays as it is") {
    const Bytes day = synthetic_day({.messages = 5'000, .symbols = 10});
    const FilterOptions options{.types = "SRAFEXDUCQ", .symbols = {*symbol_of("AAPL"), *symbol_of("MSFT")}};
    const Bytes once = filtered(day, options);
    CHECK(once.size() < day.size());
    CHECK(filtered(once, options) == once);
}
