// LOBSTER's files: their rules by hand, and against what looking at naive books around every message finds.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nanobook/itch/lobster.hpp>
#include <nanobook/itch/replay.hpp>

#include "itch_stream.hpp"
#include "naive_replay.hpp"
#include "random_stream.hpp"
#include "temporary_folder.hpp"

using namespace nanobook;
using namespace nanobook::itch;
using nanobook::test::NaiveReplay;
using nanobook::test::RandomStream;
using nanobook::test::read_text;
using nanobook::test::ReferenceBook;
using nanobook::test::Stream;
using nanobook::test::TemporaryFolder;

namespace {

struct Row {
    std::size_t symbol;
    LobsterEvent event;
    LobsterLevels levels;

    friend bool operator==(const Row&, const Row&) = default;
};
using Rows = std::vector<Row>;

struct Collect {
    Rows rows = {};
    void operator()(std::size_t symbol, const LobsterEvent& event, const LobsterLevels& levels) {
        rows.push_back({symbol, event, levels});
    }
};

Rows rows_of(std::span<const std::byte> bytes, std::vector<std::string_view> names, std::size_t levels,
             Timestamp start = 0) {
    std::vector<Symbol> symbols;
    for (const std::string_view name : names) symbols.push_back(*symbol_of(name));
    Replay<LobsterRecorder<Collect>> replay({.symbols = symbols}, {symbols, levels, Collect{}, start});
    replay.feed(bytes);
    replay.finish();
    return replay.observer().sink().rows;
}

/// The two files of AAPL.
struct Written {
    std::string message;
    std::string orderbook;
};

Written text_of(std::span<const std::byte> bytes, std::size_t levels) {
    const TemporaryFolder folder;
    const std::vector<LobsterFiles::Paths> paths{{folder.path / "message.csv", folder.path / "orderbook.csv"}};
    const std::vector<Symbol> symbols{*symbol_of("AAPL")};
    Replay<LobsterRecorder<LobsterFiles>> replay({.symbols = symbols}, {symbols, levels, LobsterFiles(paths, levels)});
    replay.feed(bytes);
    replay.finish();
    replay.observer().sink().commit();
    CHECK(folder.files() == 2);
    return {read_text(paths[0].message), read_text(paths[0].orderbook)};
}

/// The rows by the rules alone: a look at the naive books before and after each message, and between the parts of a U.
class NaiveRows {
  public:
    NaiveRows(std::size_t symbols, std::size_t levels) : levels_(levels), symbols_(symbols) {}

    void apply(const Header& message) {
        if (message.type == OrderReplace::code) {
            const auto& replace = static_cast<const OrderReplace&>(message);
            OrderDelete first{};
            static_cast<Header&>(first) = message;
            first.type = OrderDelete::code;
            first.ref = replace.old_ref;
            NaiveReplay between = replay_;
            between.apply(first);
            look(message, replay_, between);
            NaiveReplay after = replay_;
            after.apply(message);
            look(message, between, after);
            replay_ = std::move(after);
            return;
        }
        const NaiveReplay before = replay_;
        replay_.apply(message);
        look(message, before, replay_);
        visit(message, [this](const auto& m) { put(m); });
    }

    Rows rows;

  private:
    using Orders = std::map<std::uint64_t, ReferenceBook::Order>;

    void look(const Header& message, const NaiveReplay& before, const NaiveReplay& after) {
        for (std::size_t symbol = 0; symbol < symbols_; ++symbol) {
            if (levels_of(before, symbol) == levels_of(after, symbol)) continue;
            for (const Side side : {Side::buy, Side::sell}) {
                const Orders then = orders_of(before, symbol, side);
                const Orders now = orders_of(after, symbol, side);
                const int direction = side == Side::buy ? 1 : -1;
                for (const auto& [ref, order] : then) {
                    const std::uint64_t left = now.contains(ref) ? now.at(ref).quantity : 0;
                    if (left == order.quantity) continue;
                    const auto type = message.type == 'E' || message.type == 'C' ? LobsterType::execution
                                      : left > 0                                 ? LobsterType::cancellation
                                                                                 : LobsterType::deletion;
                    put(message, symbol, {0, type, ref, order.quantity - left, order.price, direction}, after);
                }
                for (const auto& [ref, order] : now) {
                    if (then.contains(ref)) continue;
                    put(message, symbol, {0, LobsterType::submission, ref, order.quantity, order.price, direction},
                        after);
                }
            }
        }
    }

    void put(const Header&) {}
    void put(const Trade& m) {
        if (m.shares > 0) put(m, m.locate - 1u, {0, LobsterType::hidden_execution, 0, m.shares, m.price, 1}, replay_);
    }
    void put(const CrossTrade& m) {
        if (m.shares > 0) put(m, m.locate - 1u, {0, LobsterType::cross, 1, m.shares, m.price, -1}, replay_);
    }
    void put(const TradingAction& m) {
        put(m, m.locate - 1u, {0, LobsterType::trading_state, 0, 0, m.state == 'T' ? 1 : -1, -1}, replay_);
    }
    void put(const Header& message, std::size_t symbol, LobsterEvent event, const NaiveReplay& state) {
        event.timestamp = message.timestamp;
        rows.push_back({symbol, event, levels_of(state, symbol)});
    }

    [[nodiscard]] LobsterLevels levels_of(const NaiveReplay& replay, std::size_t symbol) const {
        LobsterLevels levels;
        const auto day = replay.days().find(static_cast<std::uint16_t>(symbol + 1));
        if (day == replay.days().end()) return levels;
        for (const auto side : {ReferenceBook::Side::buy, ReferenceBook::Side::sell}) {
            for (const auto& row : day->second.book.depth(side, levels_)) {
                levels[static_cast<std::size_t>(side)].push_back({row.price, row.quantity});
            }
        }
        return levels;
    }

    static Orders orders_of(const NaiveReplay& replay, std::size_t symbol, Side side) {
        Orders orders;
        const auto day = replay.days().find(static_cast<std::uint16_t>(symbol + 1));
        if (day == replay.days().end()) return orders;
        const auto theirs = side == Side::buy ? ReferenceBook::Side::buy : ReferenceBook::Side::sell;
        for (const auto& order : day->second.book.orders(theirs)) orders[order.key] = order;
        return orders;
    }

    NaiveReplay replay_;
    std::size_t levels_;
    std::size_t symbols_;
};

std::vector<std::string> names_of(std::size_t symbols) {
    std::vector<std::string> names;
    for (std::uint32_t locate = 1; locate <= symbols; ++locate) names.push_back(RandomStream::name(locate));
    return names;
}

}  // namespace

TEST_CASE("rows_are_what_every_look_at_naive_books_finds") {
    const std::size_t symbols = 3;
    const auto names = names_of(symbols);
    const std::vector<std::string_view> wanted(names.begin(), names.end());
    std::map<LobsterType, std::size_t> seen;
    for (const std::size_t levels : {1u, 2u, 3u, 10u}) {
        for (std::uint64_t seed = 1; seed <= 25; ++seed) {
            const auto stream = RandomStream{.seed = seed, .messages = 400}.make();
            NaiveRows naive(symbols, levels);
            read(stream.bytes(), [&](const Header& message) { naive.apply(message); });
            const Rows rows = rows_of(stream.bytes(), wanted, levels);
            REQUIRE(rows.size() == naive.rows.size());
            for (std::size_t i = 0; i < rows.size(); ++i) {
                CAPTURE(levels);
                CAPTURE(seed);
                CAPTURE(i);
                REQUIRE((rows[i] == naive.rows[i]));
                ++seen[rows[i].event.type];
            }
        }
    }
    CHECK(seen.size() == 7);
}

TEST_CASE("rows_of_some_symbols_are_theirs_among_all") {
    const auto stream = RandomStream{.seed = 5, .messages = 2000, .odd_one_in = 0, .shared_refs = false}.make();
    const Rows all = rows_of(stream.bytes(), {"SYM1", "SYM2", "SYM3"}, 2);
    Rows expected;
    for (Row row : all) {
        if (row.symbol == 0) continue;
        row.symbol = row.symbol == 2 ? 0 : 1;
        expected.push_back(row);
    }
    CHECK((rows_of(stream.bytes(), {"SYM3", "SYM2"}, 2) == expected));
    CHECK(expected.size() > 100);
}

TEST_CASE("a_start_leaves_rows_out_and_keeps_the_book") {
    const auto stream = RandomStream{.seed = 6, .messages = 2000}.make();
    const Rows all = rows_of(stream.bytes(), {"SYM1"}, 2);
    const Timestamp start = all[all.size() / 2].event.timestamp;
    const auto first =
        std::ranges::find_if(all, [&](const Row& row) { return row.event.timestamp >= start; }) - all.begin();
    CHECK((rows_of(stream.bytes(), {"SYM1"}, 2, start) == Rows(all.begin() + first, all.end())));
}

TEST_CASE("every_type_is_written_as_lobster_writes_it") {
    Stream stream;
    stream.state('T')
        .add(11, 'B', 300, 1'000'000)
        .add(12, 'S', 200, 1'000'500)
        .cancel(11, 100)
        .execute(12, 50, 1)
        .execute_at(12, 20, 2, 'Y', 999'900)
        .trade(70, 1'000'200, 3)
        .replace(11, 13, 500, 1'000'100)
        .state('P')
        .state('Q')
        .state('H')
        .cross(1000, 1'000'300, 4)
        .cross(0, 1'000'300, 5)
        .broken(4)
        .cancel(12, 130)
        .erase(13);
    const Written text = text_of(stream.bytes(), 2);
    CHECK(text.message ==
          "0.000000001,7,0,0,1,-1\n"
          "0.000000002,1,11,300,1000000,1\n"
          "0.000000003,1,12,200,1000500,-1\n"
          "0.000000004,2,11,100,1000000,1\n"
          "0.000000005,4,12,50,1000500,-1\n"
          "0.000000006,4,12,20,1000500,-1\n"
          "0.000000007,5,0,70,1000200,1\n"
          "0.000000008,3,11,200,1000000,1\n"
          "0.000000008,1,13,500,1000100,1\n"
          "0.000000009,7,0,0,-1,-1\n"
          "0.000000010,7,0,0,0,-1\n"
          "0.000000011,7,0,0,-1,-1\n"
          "0.000000012,6,-1,1000,1000300,-1\n"
          "0.000000015,3,12,130,1000500,-1\n"
          "0.000000016,3,13,500,1000100,1\n");
    const std::string none = "9999999999,0,-9999999999,0";
    CHECK(text.orderbook == none + "," + none + "\n" +                        //
                                "9999999999,0,1000000,300," + none + "\n" +   //
                                "1000500,200,1000000,300," + none + "\n" +    //
                                "1000500,200,1000000,200," + none + "\n" +    //
                                "1000500,150,1000000,200," + none + "\n" +    //
                                "1000500,130,1000000,200," + none + "\n" +    //
                                "1000500,130,1000000,200," + none + "\n" +    //
                                "1000500,130,-9999999999,0," + none + "\n" +  //
                                "1000500,130,1000100,500," + none + "\n" +    //
                                "1000500,130,1000100,500," + none + "\n" +    //
                                "1000500,130,1000100,500," + none + "\n" +    //
                                "1000500,130,1000100,500," + none + "\n" +    //
                                "1000500,130,1000100,500," + none + "\n" +    //
                                "9999999999,0,1000100,500," + none + "\n" +   //
                                none + "," + none + "\n");
}

TEST_CASE("a_replace_that_brings_in_a_hidden_level_shows_it_between") {
    Stream stream;
    stream.add(1, 'B', 100, 5000).add(2, 'B', 200, 4900).add(3, 'B', 300, 4800);
    stream.replace(1, 4, 50, 5100);  // the levels between are 4900 and 4800, of which no row told
    const Written text = text_of(stream.bytes(), 2);
    CHECK(text.message ==
          "0.000000001,1,1,100,5000,1\n"
          "0.000000002,1,2,200,4900,1\n"
          "0.000000004,3,1,100,5000,1\n"
          "0.000000004,1,4,50,5100,1\n");
    CHECK(text.orderbook ==
          "9999999999,0,5000,100,9999999999,0,-9999999999,0\n"
          "9999999999,0,5000,100,9999999999,0,4900,200\n"
          "9999999999,0,4900,200,9999999999,0,4800,300\n"
          "9999999999,0,5100,50,9999999999,0,4900,200\n");
}

TEST_CASE("the_greatest_numbers_are_written_whole") {
    Stream stream;
    stream.add(~std::uint64_t{0}, 'B', ~std::uint32_t{0}, ~std::uint32_t{0}).cross(~std::uint64_t{0}, 1, 1);
    CHECK(text_of(stream.bytes(), 1).message ==
          "0.000000001,1,18446744073709551615,4294967295,4294967295,1\n"
          "0.000000002,6,-1,18446744073709551615,1,-1\n");
    CHECK(text_of(stream.bytes(), 1).orderbook ==
          "9999999999,0,4294967295,4294967295\n9999999999,0,4294967295,4294967295\n");
}

TEST_CASE("the_first_locate_of_a_symbol_is_it") {
    Stream stream;
    stream.add(1, 'B', 100, 5000, 7).add(2, 'B', 100, 6000, 3).erase(2, 3).erase(1, 7);
    const Rows rows = rows_of(stream.bytes(), {"AAPL"}, 1);
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].event.order_id == 1);
    CHECK(rows[1].event.order_id == 1);
}

TEST_CASE("files_that_are_not_committed_leave_nothing") {
    const TemporaryFolder folder;
    const std::vector<LobsterFiles::Paths> paths{{folder.path / "a", folder.path / "b"}};
    {
        LobsterFiles files(paths, 1);
        CHECK(folder.files() == 2);
        files({}, {1, LobsterType::submission, 1, 1, 1, 1}, {});
    }
    CHECK(folder.files() == 0);
    LobsterFiles files(paths, 1);
    files.discard();
    CHECK(folder.files() == 0);
    CHECK_THROWS_AS(LobsterFiles(std::vector<LobsterFiles::Paths>{{folder.path / "a", folder.path / "none" / "b"}}, 1),
                    std::filesystem::filesystem_error);
    CHECK(folder.files() == 0);
}

TEST_CASE("levels_that_cannot_be_are_refused") {
    CHECK_THROWS_AS(rows_of({}, {"AAPL"}, 0), std::invalid_argument);
    CHECK_THROWS_AS(LobsterFiles({}, 10'001), std::invalid_argument);
}
