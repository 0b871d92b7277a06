// Several threads against one: the same rows in the same order, or doubt.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nanobook/detail/random.hpp>
#include <nanobook/itch/market_data.hpp>
#include <nanobook/itch/parallel_replay.hpp>
#include <nanobook/itch/replay.hpp>

#include "itch_stream.hpp"
#include "random_stream.hpp"

using namespace nanobook;
using namespace nanobook::itch;
using nanobook::test::Bytes;
using nanobook::test::RandomStream;
using nanobook::test::Stream;

namespace {

template <class... Values>
std::string numbers(const Values&... values) {
    std::string text;
    ((text += std::to_string(values) + ' '), ...);
    return text;
}

std::string line(const Origin& row) {
    return numbers(row.timestamp, row.offset, row.locate) + std::string(row.symbol.view()) + ' ';
}

/// Tables as text, a row a line.
using Tables = std::array<std::vector<std::string>, 7>;

void append(Tables& tables, MarketData& data) {
    for (const Quote& row : data.quotes->rows) {
        tables[0].push_back(line(row) +
                            numbers(row.sides[0].price, row.sides[0].shares, row.sides[1].price, row.sides[1].shares));
    }
    for (const TapeTrade& row : data.trades) {
        tables[1].push_back(line(row) + numbers(row.type, row.price, row.shares, row.match, row.ref));
    }
    const std::size_t size = 2 * data.depth->levels();
    for (std::size_t i = 0; i < data.depth->changed.rows.size(); ++i) {
        std::string text = line(data.depth->changed.rows[i]);
        for (std::size_t at = 0; at < size; ++at) {
            const LevelView& level = data.depth->changed.sides[i * size + at];
            text += numbers(level.price, level.quantity.low, level.order_count);
        }
        tables[2].push_back(text);
    }
    for (const Bar& row : data.bars->rows) {
        tables[3].push_back(numbers(row.timestamp, row.locate, row.open, row.high, row.low, row.close, row.volume,
                                    row.vwap(), row.trades));
    }
    if (data.orders) {
        for (const OrderLife& row : data.orders->rows) {
            tables[4].push_back(numbers(row.ref, row.offset, row.entered, static_cast<int>(row.end), row.executed,
                                        row.cancelled, row.ahead_shares, row.new_ref));
        }
        data.orders->rows.clear();
    }
    for (const StatusChange& row : data.status->rows) tables[5].push_back(line(row) + numbers(row.type, row.state));
    for (const MboRow& row : data.mbo->rows) {
        tables[6].push_back(line(row) + numbers(row.type, row.ref, row.price, row.shares, row.remaining, row.old_ref,
                                                row.old_price, row.old_shares, row.match));
    }
    data.quotes->rows.clear();
    data.trades.clear();
    data.depth->changed.clear();
    data.bars->rows.clear();
    data.status->rows.clear();
    data.mbo->rows.clear();
}

MarketData wanted(Timestamp depth_interval, bool orders = true) {
    MarketData data;
    data.keeps_trades = true;
    data.quotes.emplace();
    data.depth.emplace(2, depth_interval);
    data.bars.emplace(25);
    if (orders) data.orders.emplace();
    data.status.emplace();
    data.mbo.emplace();
    return data;
}

struct Outcome {
    Tables tables;
    std::string report;
    std::optional<Timestamp> depth_until;
    bool is_in_doubt = false;
};

std::string text_of(const Report& report) {
    std::string text = report.first() ? describe(*report.first()) : "sound";
    for (std::size_t oddity = 0; oddity < oddity_count; ++oddity) {
        text += ' ' + std::to_string(report.count(static_cast<Oddity>(oddity)));
    }
    return text;
}

template <bool Queues = true>
Outcome by_one(std::span<const std::byte> bytes, Timestamp depth_interval, const ReplayOptions& options = {}) {
    Outcome outcome;
    Replay<MarketData, Queues> replay(options, wanted(depth_interval, Queues));
    replay.feed(bytes);
    replay.finish();
    append(outcome.tables, replay.observer());
    outcome.report = text_of(replay.report());
    outcome.depth_until = replay.observer().depth->next();
    return outcome;
}

// In chunks of random size, which are gone as soon as they may be.
template <bool Queues = true>
Outcome by_several(std::span<const std::byte> bytes, Timestamp depth_interval, std::size_t threads,
                   detail::Random& random, const ReplayOptions& options = {}, std::uint32_t largest = 8'000) {
    Outcome outcome;
    MarketData data = wanted(depth_interval, Queues);
    std::deque<Bytes> chunks;  // which may be at work until the replay is gone
    ParallelReplay<MarketData, Queues> replay(threads, options, data);
    const auto take = [&] {
        data.merge(replay.made());
        append(outcome.tables, data);
    };
    for (bool is_going = true; (is_going && !bytes.empty()) || replay.pieces() > 0;) {
        const bool is_full = replay.pieces() == replay.most_pieces;
        if (is_going && !bytes.empty() && !is_full && (replay.pieces() == 0 || !random.once_in(3))) {
            const std::size_t size = std::min<std::size_t>(1 + random.below(largest), bytes.size());
            replay.start(chunks.emplace_back(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)));
            bytes = bytes.subspan(size);
            continue;
        }
        is_going = replay.wait();
        chunks.pop_front();
        if (replay.is_in_doubt()) {
            outcome.is_in_doubt = true;
            return outcome;
        }
        take();
    }
    replay.finish();
    take();
    data.finish();
    append(outcome.tables, data);
    outcome.report = text_of(replay.report());
    outcome.depth_until = data.depth->next();
    outcome.is_in_doubt = replay.is_in_doubt();
    return outcome;
}

bool is_prefix(const std::vector<std::string>& begin, const std::vector<std::string>& all) {
    return begin.size() <= all.size() && std::equal(begin.begin(), begin.end(), all.begin());
}

// What is begun with must be true of all of it, and nothing may be missing where there is no doubt.
void check_same(const Outcome& several, const Outcome& one) {
    for (std::size_t table = 0; table < one.tables.size(); ++table) {
        CAPTURE(table);
        REQUIRE(is_prefix(several.tables[table], one.tables[table]));
        if (!several.is_in_doubt) REQUIRE(several.tables[table].size() == one.tables[table].size());
    }
    if (several.is_in_doubt) return;
    CHECK(several.report == one.report);
    CHECK(several.depth_until == one.depth_until);
}

// A flow in which time goes back, now and then, and which has one reference an order.
Stream turning_stream(std::uint64_t seed, std::uint32_t messages) {
    detail::Random random(seed);
    Stream stream;
    Timestamp time = 1'000;
    for (std::uint64_t ref = 1; ref <= messages; ++ref) {
        time = random.once_in(messages / 2) ? time - random.below(60) : time + random.below(8);
        const auto locate = static_cast<std::uint16_t>(1 + random.below(6));
        Trade trade{};
        trade.side = 'B';
        trade.shares = 1 + random.below(9);
        trade.stock = RandomStream::name(locate);
        trade.price = 100;
        trade.match = ref;
        if (random.once_in(4)) {
            stream.write_at(trade, locate, time);
        } else {
            SystemEvent event{};
            stream.write_at(event, locate, time);
        }
    }
    return stream;
}

// A sound flow: references ascend within an engine, each names orders of one symbol, and may come back there.
Stream sound_stream(std::uint64_t seed, std::uint32_t messages) {
    struct Order {
        std::uint64_t ref;
        std::uint16_t locate;
        std::uint32_t shares;
    };
    constexpr std::uint16_t symbols = 40;
    detail::Random random(seed);
    Stream stream;
    std::vector<Order> live;
    std::vector<Order> gone;
    std::array<std::uint64_t, 4> next{1'000, 5'001, 9'002, 2'003};
    std::uint64_t match = 0;
    for (std::uint16_t locate = 1; locate <= symbols; ++locate) stream.directory(RandomStream::name(locate), locate);
    for (std::uint32_t i = 0; i < messages; ++i) {
        const auto locate = static_cast<std::uint16_t>(1 + random.below(symbols));
        const std::uint32_t shares = 1 + random.below(30);
        const std::uint32_t price = 100 + random.below(4);
        const std::uint32_t kind = random.below(live.empty() ? 4 : 14);
        const auto fresh = [&](std::uint16_t of) { return std::exchange(next[of % 4], next[of % 4] + 4); };
        if (kind < 4) {
            Order order{0, locate, shares};
            if (!gone.empty() && random.once_in(10)) {
                order = {gone.back().ref, gone.back().locate, shares};
                gone.pop_back();
            } else {
                order.ref = fresh(locate);
            }
            stream.add(order.ref, random.once_in(2) ? 'B' : 'S', shares, price, order.locate,
                       RandomStream::name(order.locate));
            live.push_back(order);
            continue;
        }
        const std::size_t at = random.below(static_cast<std::uint32_t>(live.size()));
        const Order order = live[at];
        const auto leaves = [&](bool is_gone) {
            if (!is_gone) return;
            gone.push_back(order);
            live.erase(live.begin() + static_cast<std::ptrdiff_t>(at));
        };
        switch (kind) {
            case 4:
                stream.execute(order.ref, 1, ++match, order.locate);
                leaves(--live[at].shares == 0);
                break;
            case 5:
                stream.execute_at(order.ref, 1'000, ++match, random.once_in(3) ? 'N' : 'Y', price, order.locate);
                leaves(true);
                break;
            case 6:
                stream.cancel(order.ref, order.shares, order.locate);
                leaves(true);
                break;
            case 7:
            case 8:
                stream.erase(order.ref, order.locate);
                leaves(true);
                break;
            case 9: {
                const std::uint64_t ref = fresh(order.locate);
                stream.replace(order.ref, ref, shares, price, order.locate);
                leaves(true);
                live.push_back({ref, order.locate, shares});
                break;
            }
            case 10: stream.trade(shares, price, ++match, locate, RandomStream::name(locate)); break;
            case 11: stream.state(random.once_in(2) ? 'H' : 'T', RandomStream::name(locate), locate); break;
            case 12: stream.erase(1 + random.below(900), locate); break;  // of before the stream: it rests nowhere
            default: stream.event('Q'); break;
        }
    }
    return stream;
}

}  // namespace

TEST_CASE("several_threads_make_of_a_sound_stream_what_one_makes") {
    detail::Random random(7);
    for (std::uint64_t seed = 1; seed <= 25; ++seed) {
        const auto stream = sound_stream(seed, 3'000);
        for (const Timestamp interval : {0u, 40u}) {
            const Outcome one = by_one(stream.bytes(), interval);
            for (const std::size_t threads : {1u, 2u, 3u, 4u, 8u}) {
                CAPTURE(seed);
                CAPTURE(threads);
                const Outcome several = by_several(stream.bytes(), interval, threads, random);
                CHECK(!several.is_in_doubt);
                check_same(several, one);
            }
        }
    }
}

TEST_CASE("several_threads_stop_where_one_stops") {
    detail::Random random(8);
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const auto stream = sound_stream(seed, 2'000);
        ReplayOptions options;
        options.until = 500 + random.below(1'500);
        for (const Timestamp interval : {0u, 40u}) {
            const Outcome several = by_several(stream.bytes(), interval, 3, random, options);
            CHECK(!several.is_in_doubt);
            check_same(several, by_one(stream.bytes(), interval, options));
        }
    }
}

TEST_CASE("of_any_stream_they_make_the_same_or_are_in_doubt") {
    detail::Random random(9);
    std::size_t doubts = 0;
    std::size_t runs = 0;
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        // From few references on a few books to many on many, so that some are used twice and some are not.
        RandomStream random_stream{.seed = seed, .messages = 3 + random.below(300), .symbols = 2 + random.below(6)};
        random_stream.refs = 20u << random.below(10);
        random_stream.odd_one_in = random.once_in(3) ? 0 : 8 + random.below(60);
        random_stream.shared_refs = random.once_in(2);
        const auto stream = random_stream.make();
        const Timestamp interval = random.once_in(2) ? 0 : 10;
        const std::size_t threads = 2 + random.below(3);
        CAPTURE(seed);
        const Outcome several = by_several(stream.bytes(), interval, threads, random);
        check_same(several, by_one(stream.bytes(), interval));
        doubts += several.is_in_doubt;
        ++runs;
    }
    CHECK(doubts > runs / 4);
    CHECK(doubts < runs);
}

TEST_CASE("where_time_goes_back_nothing_was_handed_out_that_one_thread_would_change") {
    detail::Random random(10);
    std::size_t doubts = 0;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        const auto stream = turning_stream(seed, 100 + random.below(400));
        const Timestamp interval = random.once_in(2) ? 0 : 10;
        CAPTURE(seed);
        const Outcome several = by_several(stream.bytes(), interval, 2 + random.below(2), random, {}, 200);
        check_same(several, by_one(stream.bytes(), interval));
        doubts += several.is_in_doubt;
    }
    CHECK(doubts > 100);
    CHECK(doubts < 200);
}

TEST_CASE("tables_that_need_no_queues_are_the_same_without_them") {
    detail::Random random(11);
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        RandomStream damaged{.seed = seed, .messages = 1'000, .symbols = 3};
        damaged.odd_one_in = 30;
        const auto stream = seed % 2 == 0 ? sound_stream(seed, 2'000) : damaged.make();
        const Timestamp interval = random.once_in(2) ? 0 : 10;
        CAPTURE(seed);
        Outcome with = by_one(stream.bytes(), interval);
        with.tables[4].clear();
        check_same(by_one<false>(stream.bytes(), interval), with);
        check_same(by_several<false>(stream.bytes(), interval, 2 + random.below(3), random), with);
    }
    CHECK_THROWS_WITH((Replay<MarketData, false>({}, wanted(0))),
                      "the observer needs queues, and this replay keeps none");
}

TEST_CASE("a_parallel_replay_needs_a_thread_and_all_symbols") {
    CHECK_THROWS_WITH(ParallelReplay<>(0, {}, {}), "a parallel replay has 0 threads; it needs at least 1");
    ReplayOptions some;
    some.symbols = {*Symbol::parse("AAPL")};
    CHECK_THROWS_AS(ParallelReplay<>(2, some, {}), std::invalid_argument);
}

namespace {

// Two locates that are not in the same part of three, which engines do not decide.
constexpr std::uint16_t here = 1;
std::uint16_t elsewhere() {
    std::uint16_t locate = 2;
    while (Part{0, 3}.home_of(locate) == Part{0, 3}.home_of(here)) ++locate;
    return locate;
}

bool is_in_doubt(const Stream& stream, const ReplayOptions& options = {}) {
    detail::Random random(1);
    const Outcome several = by_several(stream.bytes(), 0, 3, random, options);
    check_same(several, by_one(stream.bytes(), 0, options));
    return several.is_in_doubt;
}

}  // namespace

TEST_CASE("every_locate_is_in_one_part_and_parts_are_about_even") {
    for (const std::uint32_t count : {1u, 2u, 3u, 4u, 7u, 16u}) {
        std::vector<std::size_t> sizes(count);
        for (std::uint32_t locate = 0; locate < 8'192; ++locate) {
            std::size_t parts = 0;
            for (std::uint32_t part = 0; part < count; ++part) {
                const bool has = Part{part, count}.has(static_cast<Locate>(locate));
                parts += has;
                sizes[part] += has;
            }
            REQUIRE(parts == 1);
        }
        for (const std::size_t size : sizes) CHECK(size > 8'192 / count * 9 / 10);
    }
}

TEST_CASE("an_order_of_another_part_makes_doubt") {
    const auto there = elsewhere();
    CHECK(is_in_doubt(Stream().add(1, 'B', 10, 100, here).erase(1, there)));
    CHECK(is_in_doubt(Stream().add(1, 'B', 10, 100, here).execute(1, 5, 1, there)));
    CHECK(is_in_doubt(Stream().add(1, 'B', 10, 100, here).replace(1, 5, 5, 101, there)));
    CHECK(!is_in_doubt(Stream().add(1, 'B', 10, 100, here).erase(1, here)));
}

TEST_CASE("a_reference_that_rests_in_another_part_makes_doubt_and_one_that_is_gone_does_not") {
    const auto there = elsewhere();
    CHECK(is_in_doubt(Stream().add(1, 'B', 10, 100, here).add(1, 'B', 10, 100, there, "MSFT")));
    CHECK(is_in_doubt(
        Stream().add(1, 'B', 10, 100, here).add(9, 'S', 10, 110, there, "MSFT").replace(9, 1, 5, 111, there)));
    // In another batch than the first.
    Stream stream;
    stream.add(1, 'B', 10, 100, here).add(2, 'B', 10, 100, here);
    for (int i = 0; i < 10'000; ++i) stream.event('Q');
    CHECK(is_in_doubt(stream.add(1, 'B', 10, 100, there, "MSFT")));
    Stream gone;
    gone.add(1, 'B', 10, 100, here).erase(1, here);
    for (int i = 0; i < 10'000; ++i) gone.event('Q');
    CHECK(!is_in_doubt(gone.add(1, 'B', 10, 100, there, "MSFT").erase(1, there)));
}

TEST_CASE("a_locate_stays_with_the_part_of_its_first_order") {
    // Of two engines, and of prints before and after.
    Stream stream;
    for (std::uint16_t locate = 1; locate <= 9; ++locate) {
        const std::string name = RandomStream::name(locate);
        stream.state('T', name, locate).trade(5, 100, 900u + locate, locate == 4 ? locate : 9, name);
        stream.add(100u + locate, 'B', 10, 100, locate, name).add(201u + locate, 'S', 10, 110, locate, name);
        stream.execute(100u + locate, 5, locate, locate).replace(201u + locate, 303u + locate, 7, 109, locate);
        stream.trade(5, 100, 800u + locate, locate, name).broken(800u + locate, locate).directory("NEW", locate);
        stream.erase(303u + locate, locate);
    }
    detail::Random random(3);
    const Outcome one = by_one(stream.bytes(), 0);
    for (const std::size_t threads : {2u, 3u, 4u, 12u}) {
        const Outcome several = by_several(stream.bytes(), 0, threads, random);
        CHECK(!several.is_in_doubt);
        check_same(several, one);
    }
}

TEST_CASE("an_order_that_was_never_added_makes_no_doubt") {
    CHECK(!is_in_doubt(Stream().erase(7).add(8, 'B', 10, 100).erase(4, elsewhere())));
    CHECK(is_in_doubt(Stream().add(8, 'B', 10, 100).erase(12, elsewhere())));  // it cannot tell this from a damaged one
}

TEST_CASE("a_trade_that_is_broken_by_another_part_makes_doubt") {
    const auto there = elsewhere();
    CHECK(is_in_doubt(Stream().trade(10, 100, 5, here).broken(5, there)));
    CHECK(is_in_doubt(Stream().trade(10, 100, 5, here).trade(10, 100, 5, there, "MSFT").broken(5, there)));
    CHECK(!is_in_doubt(Stream().trade(10, 100, 5, here).trade(10, 100, 6, there, "MSFT").broken(5, here)));
    CHECK(!is_in_doubt(Stream().trade(10, 100, 5, here).broken(6, there)));
}

TEST_CASE("a_strict_replay_leaves_what_is_odd_to_one_thread") {
    ReplayOptions strict;
    strict.strict = true;
    CHECK(is_in_doubt(Stream().add(8, 'B', 10, 100).erase(4), strict));
    CHECK(is_in_doubt(Stream().add(8, 'B', 10, 100).payload('?', 9), strict));
    CHECK(!is_in_doubt(Stream().add(8, 'B', 10, 100), strict));
}

TEST_CASE("time_that_goes_back_makes_doubt_where_tables_follow_the_clock") {
    Stream stream;
    for (const std::uint64_t time : {1'000u, 900u}) {
        AddOrder late{};
        late.ref = 2'000 - time;
        late.side = 'B';
        late.shares = 10;
        late.stock = "AAPL";
        late.price = 100;
        stream.write_at(late, here, time);
    }
    detail::Random random(1);
    CHECK(by_several(stream.bytes(), 10, 2, random).is_in_doubt);
}

TEST_CASE("what_an_observer_throws_comes_out_of_wait") {
    struct Thrower {
        void on_change(const BookChange&) const { throw std::runtime_error("enough"); }
        void on_print(const Print&) const noexcept {}
    };
    const auto stream = Stream().add(1, 'B', 10, 100);
    ParallelReplay<Thrower> replay(3, {}, Thrower());
    replay.start(stream.bytes());
    CHECK_THROWS_WITH(replay.wait(), "enough");
}
