// Tables of a stream in C++: against what looking at every book after every message finds.
#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <nanobook/itch/market_data.hpp>
#include <nanobook/itch/replay.hpp>

#include "itch_stream.hpp"
#include "random_stream.hpp"

using namespace nanobook;
using namespace nanobook::itch;
using nanobook::test::RandomStream;
using nanobook::test::Stream;

namespace {

MarketData observed(std::span<const std::byte> bytes, MarketData wanted) {
    Replay<MarketData> replay({}, std::move(wanted));
    replay.feed(bytes);
    replay.finish();
    return std::move(replay.observer());
}

std::vector<LevelView> depth_of(const Replay<>& replay, const Listing& listing, std::size_t levels) {
    std::vector<LevelView> both(2 * levels, LevelView{});
    for (const Side side : {Side::buy, Side::sell}) {
        listing.book.depth(replay.levels(), side, std::span(both).subspan(side == Side::buy ? 0 : levels, levels));
    }
    return both;
}

}  // namespace

TEST_CASE("depth_on_change_is_what_every_look_at_every_book_finds") {
    for (const std::size_t levels : {1u, 2u, 4u}) {
        for (std::uint64_t seed = 1; seed <= 60; ++seed) {
            const auto stream = RandomStream{.seed = seed, .messages = 400}.make();
            MarketData wanted;
            wanted.depth.emplace(levels);
            const DepthRows found = observed(stream.bytes(), std::move(wanted)).depth->changed;

            DepthRows expected;
            Replay<> replay;
            std::map<Locate, std::vector<LevelView>> known;
            read(stream.bytes(), [&](const Header& message) {
                replay.apply(message);
                for (std::size_t locate = 0; locate < replay.listings().size(); ++locate) {
                    auto now = depth_of(replay, replay.listings()[locate], levels);
                    auto& before = known[static_cast<Locate>(locate)];
                    before.resize(2 * levels, LevelView{});
                    if (std::exchange(before, now) == now) continue;
                    expected.add({message.timestamp, 0, {}, static_cast<Locate>(locate)}, now);
                }
            });
            REQUIRE(found.rows.size() == expected.rows.size());
            CHECK(found.sides == expected.sides);
            for (std::size_t i = 0; i < found.rows.size(); ++i) {
                CHECK(found.rows[i].timestamp == expected.rows[i].timestamp);
                CHECK(found.rows[i].locate == expected.rows[i].locate);
            }
        }
    }
}

TEST_CASE("quotes_are_the_best_level_of_the_depth") {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        const auto stream = RandomStream{.seed = seed, .messages = 400}.make();
        MarketData wanted;
        wanted.depth.emplace(1);
        wanted.quotes.emplace();
        const MarketData data = observed(stream.bytes(), std::move(wanted));

        // But for the number of orders, of which quotes know nothing.
        std::vector<std::array<Best, 2>> expected;
        std::map<Locate, std::array<Best, 2>> known;
        for (std::size_t i = 0; i < data.depth->changed.rows.size(); ++i) {
            std::array<Best, 2> sides;
            for (std::size_t side = 0; side < 2; ++side) {
                const LevelView& level = data.depth->changed.sides[2 * i + side];
                sides[side] = {level.price, level.quantity.low};
            }
            auto& before = known[data.depth->changed.rows[i].locate];
            if (std::exchange(before, sides) != sides) expected.push_back(sides);
        }
        REQUIRE(data.quotes->rows.size() == expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) CHECK(data.quotes->rows[i].sides == expected[i]);
    }
}

TEST_CASE("a_replace_is_one_change_of_the_quote") {
    Stream stream;
    stream.add(1, 'B', 100, 5000).replace(1, 2, 200, 5000).replace(2, 3, 200, 4900);
    MarketData wanted;
    wanted.quotes.emplace();
    const auto rows = observed(stream.bytes(), std::move(wanted)).quotes->rows;
    REQUIRE(rows.size() == 3);
    CHECK(rows[1].sides[0] == Best{5000, 200});
    CHECK(rows[2].sides[0] == Best{4900, 200});
}

TEST_CASE("a_trade_that_is_broken_later_is_none_and_one_of_the_same_match_after_that_is") {
    Stream stream;
    stream.add(1, 'B', 100, 5000).execute(1, 10, 7).broken(7).execute(1, 20, 7).execute(1, 5, 8);
    MarketData wanted;
    wanted.keeps_trades = true;
    wanted.bars.emplace(1'000);
    auto broken = std::make_shared<BrokenTrades>();
    Reader reader;
    find_broken_trades(reader, stream.bytes(), *broken);
    wanted.broken = broken;
    const MarketData data = observed(stream.bytes(), std::move(wanted));
    REQUIRE(data.trades.size() == 2);
    CHECK(data.trades[0].shares == 20);
    CHECK(data.trades[0].aggressor == Side::sell);
    REQUIRE(data.bars->rows.size() == 1);
    CHECK(data.bars->rows[0].volume == 25);
    CHECK(data.bars->rows[0].vwap() == 5000);
}

TEST_CASE("a_grid_has_every_symbol_at_every_tick_however_few_rows_are_made_at_a_time") {
    for (const std::size_t most : {1u, 3u, 1000u}) {
        const auto stream = RandomStream{.seed = 3, .messages = 300}.make();  // a nanosecond apart
        MarketData wanted;
        wanted.depth.emplace(2, 10);
        Replay<MarketData> replay({}, std::move(wanted));
        DepthGrid grid;
        DepthRows rows;
        const auto take = [&] {
            while (grid.has_more(*replay.observer().depth)) {
                DepthRows some;
                grid.expand(*replay.observer().depth, some, most);
                REQUIRE(some.rows.size() <= most);
                rows.rows.insert(rows.rows.end(), some.rows.begin(), some.rows.end());
                rows.sides.insert(rows.sides.end(), some.sides.begin(), some.sides.end());
            }
        };
        const auto bytes = stream.bytes();
        for (std::size_t at = 0; at < bytes.size(); at += 1000) {
            replay.feed(bytes.subspan(at, std::min<std::size_t>(1000, bytes.size() - at)));
            take();
        }
        replay.finish();
        take();

        DepthRows expected;
        Replay<> naive;
        std::optional<Timestamp> tick;
        std::map<Locate, bool> seen;
        const auto sample = [&](Timestamp before) {
            for (; *tick < before; *tick += 10) {
                for (const auto& [locate, has_order] : seen) {
                    if (has_order) expected.add({*tick, 0, {}, locate}, depth_of(naive, naive.listings()[locate], 2));
                }
            }
        };
        read(bytes, [&](const Header& message) {
            if (!tick) tick = (message.timestamp + 9) / 10 * 10;
            sample(message.timestamp);
            naive.apply(message);
            for (std::size_t i = 0; i < naive.listings().size(); ++i) {
                seen[static_cast<Locate>(i)] |= !naive.listings()[i].book.empty();
            }
        });
        sample(naive.time() + 1);
        REQUIRE(rows.rows.size() == expected.rows.size());
        CHECK(rows.sides == expected.sides);
    }
}

TEST_CASE("the_life_of_an_order_adds_up") {
    Stream stream;
    stream.add(1, 'B', 100, 5000).add(2, 'B', 50, 5000).execute(1, 30, 7).cancel(1, 20).replace(1, 3, 80, 5000);
    stream.execute(3, 80, 8).erase(2);
    MarketData wanted;
    wanted.orders.emplace();
    const auto rows = observed(stream.bytes(), std::move(wanted)).orders->rows;
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].ref == 1);
    CHECK(rows[0].end == OrderEnd::replaced);
    CHECK(rows[0].new_ref == 3);
    CHECK(rows[0].executed == 30);
    CHECK(rows[0].cancelled == 70);
    CHECK(rows[1].ref == 3);
    CHECK(rows[1].old_ref == 1);
    CHECK(rows[1].ahead_shares == 50);
    CHECK(rows[1].ahead_orders == 1);
    CHECK(rows[1].end == OrderEnd::executed);
    CHECK(rows[2].end == OrderEnd::deleted);
}

TEST_CASE("books_can_be_made_of_market_by_order") {
    struct Resting {
        Locate locate;
        Side side;
        Price price;
        std::uint32_t shares;

        bool operator==(const Resting&) const = default;
    };
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        const auto stream = RandomStream{.seed = seed, .messages = 400}.make();
        MarketData wanted;
        wanted.mbo.emplace();
        const auto rows = observed(stream.bytes(), std::move(wanted)).mbo->rows;

        std::map<std::uint64_t, Resting> made;
        for (const MboRow& row : rows) {
            INFO(seed, " ", row.type, " ", row.ref);
            if (row.is_replacement) {
                const auto old = made.find(row.old_ref);
                REQUIRE(old != made.end());
                CHECK(old->second == Resting{row.locate, row.side, row.old_price, row.old_shares});
                made.erase(old);
            }
            const bool adds = row.type == 'A' || row.type == 'F' || row.is_replacement;
            if (adds) {
                REQUIRE(made.try_emplace(row.ref, Resting{row.locate, row.side, row.price, row.shares}).second);
            } else {
                const auto found = made.find(row.ref);
                REQUIRE(found != made.end());
                REQUIRE(row.shares <= found->second.shares);
                found->second.shares -= row.shares;
                CHECK(found->second == Resting{row.locate, row.side, row.price, row.remaining});
                if (row.remaining == 0) made.erase(found);
            }
            CHECK(row.shares > 0);
        }

        Replay<> replay;
        replay.feed(stream.bytes());
        replay.finish();
        CHECK(made.size() == replay.live_orders());
        for (const auto& [ref, order] : made) {
            CHECK(replay.orders().quantity_of(ref) == order.shares);
            REQUIRE(replay.level_of(ref) != nullptr);
            CHECK(replay.level_of(ref)->price == order.price);
            CHECK(replay.level_of(ref)->book == order.locate);
        }
    }
}
