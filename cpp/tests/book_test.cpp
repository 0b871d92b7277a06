// The book's parts by themselves: a level's queue, the levels' memory, the ladder, and the book over them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include <nanobook/book/book.hpp>
#include <nanobook/core/symbol.hpp>
#include <nanobook/detail/block_pool.hpp>
#include <nanobook/detail/random.hpp>
#include <nanobook/detail/stable_array.hpp>

#include "test_orders.hpp"

using namespace nanobook;
using nanobook::detail::BlockPool;
using nanobook::detail::Random;
using nanobook::detail::StableArray;
using nanobook::test::TestMarket;

namespace {

using Keys = std::vector<std::uint64_t>;
using Market = TestMarket<>;
using TightMarket = TestMarket<Levels<std::uint64_t, 1>>;

constexpr Price lowest = std::numeric_limits<Price>::min();
constexpr Price highest = std::numeric_limits<Price>::max();

Keys range(std::uint64_t first, std::uint64_t last) {
    Keys keys(static_cast<std::size_t>(last - first + 1));
    std::iota(keys.begin(), keys.end(), first);
    return keys;
}

template <class T>
void shuffle(std::vector<T>& values, Random& random) {
    for (std::size_t i = values.size(); i > 1; --i) {
        std::swap(values[i - 1], values[random.below(static_cast<std::uint32_t>(i))]);
    }
}

template <class M>
void add_all(M& market, const Keys& keys, Price price = 100) {
    for (const auto key : keys) market.add(Side::buy, price, key, key);
}

}  // namespace

// ---- the queue

TEST_CASE("orders_of_a_level_stand_in_order_of_arrival") {
    Market market;
    add_all(market, range(1, 100));
    CHECK(market.queue(Side::buy) == range(1, 100));
}

TEST_CASE("the_front_is_the_oldest_order_that_rests") {
    Market market;
    add_all(market, range(1, 5));
    CHECK(market.front(Side::buy) == 1);
    market.remove(1);
    CHECK(market.front(Side::buy) == 2);
    market.remove(3);
    market.remove(2);
    CHECK(market.front(Side::buy) == 4);
}

TEST_CASE("a_cancel_takes_the_order_that_was_meant_after_fills_and_compaction") {
    // The sequence the original got wrong, many times over: a handle must survive whatever happens before it.
    TightMarket market;
    add_all(market, range(1, 64));
    for (std::uint64_t key = 1; key <= 40; ++key) market.remove(key);
    market.remove(50);
    Keys expected = range(41, 64);
    std::erase(expected, 50U);
    CHECK(market.queue(Side::buy) == expected);
    CHECK(market.best_level(Side::buy).total() == std::accumulate(expected.begin(), expected.end(), std::uint64_t{0}));
}

TEST_CASE("a_reduced_order_keeps_its_place") {
    Market market;
    add_all(market, {10, 20, 30});
    market.reduce(10, 9);
    CHECK(market.queue(Side::buy) == Keys{10, 20, 30});
    CHECK(market.best_level(Side::buy).total() == 51);
}

TEST_CASE("tombstones_never_outnumber_resting_orders_by_more_than_the_slack") {
    TestMarket<Levels<std::uint64_t, 16>> market;
    add_all(market, range(1, 1000));
    Random random(3);
    Keys keys = range(1, 1000);
    shuffle(keys, random);
    for (const auto key : keys) {
        if (market.ladder(Side::buy).empty()) break;
        const auto& level = market.best_level(Side::buy);
        CHECK(level.tombstones() <= std::max(level.count, 16U));
        market.remove(key);
    }
    CHECK(market.book.empty());
}

TEST_CASE("compact_drops_every_tombstone_and_keeps_the_order") {
    Market market;
    add_all(market, range(1, 30));
    for (const std::uint64_t key : {1U, 7U, 8U, 30U}) market.remove(key);
    const LevelId id = market.ladder(Side::buy).best();
    const Keys before = market.queue(Side::buy);
    CHECK(market.levels[id].tombstones() == 4);
    market.levels.compact(id, market.orders);
    CHECK(market.levels[id].tombstones() == 0);
    CHECK(market.queue(Side::buy) == before);
    market.levels.compact(id, market.orders);
    CHECK(market.queue(Side::buy) == before);
}

TEST_CASE("a_compacted_level_gives_its_memory_back") {
    Market market;
    add_all(market, range(1, 1000));
    const LevelId id = market.ladder(Side::buy).best();
    const std::uint32_t full = market.levels[id].capacity;
    for (std::uint64_t key = 1; key < 1000; ++key) market.remove(key);
    market.levels.compact(id, market.orders);
    CHECK(full == 1024);
    CHECK(market.levels[id].capacity == 2);
    CHECK(market.queue(Side::buy) == Keys{1000});
}

TEST_CASE("a_full_queue_of_tombstones_is_compacted_and_does_not_grow") {
    Market market;
    market.add(Side::buy, 100, 1, 1);
    for (std::uint64_t key = 2; key < 10'000; ++key) {
        market.add(Side::buy, 100, key, 1);
        market.remove(key);
    }
    CHECK(market.best_level(Side::buy).capacity <= 64);
    CHECK(market.queue(Side::buy) == Keys{1});
}

TEST_CASE("a_front_that_passed_tombstones_leaves_the_queue_right_when_it_grows") {
    Market market;
    add_all(market, range(1, 8));
    for (std::uint64_t key = 1; key <= 5; ++key) market.remove(key);
    CHECK(market.front(Side::buy) == 6);
    add_all(market, range(9, 40));
    CHECK(market.queue(Side::buy) == range(6, 40));
    CHECK(market.best_level(Side::buy).tombstones() == 0);
}

TEST_CASE("keys_of_four_bytes_have_room_for_four_in_the_level") {
    TestMarket<Levels<std::uint32_t>> market;
    for (std::uint32_t key = 1; key <= 4; ++key) market.add(Side::sell, 5, key, 1);
    const LevelId id = market.ladder(Side::sell).best();
    CHECK(market.levels[id].capacity == 4);
    for (std::uint32_t key = 5; key <= 40; ++key) market.add(Side::sell, 5, key, 1);
    for (std::uint32_t key = 2; key <= 39; ++key) market.remove(key);
    CHECK(market.queue(Side::sell) == std::vector<std::uint32_t>{1, 40});
}

// ---- keys used once more

TEST_CASE("a_key_used_again_stands_at_the_tail_and_once") {
    Market market;
    add_all(market, {1, 2, 3});
    market.remove(1);
    market.add(Side::buy, 100, 1, 10);
    CHECK(market.queue(Side::buy) == Keys{2, 3, 1});
    CHECK(market.front(Side::buy) == 2);
    CHECK(Book::queue_ahead(market.levels, 1, market.orders) == 5);
}

TEST_CASE("the_last_key_used_again_stands_once") {
    Market market;
    add_all(market, {1, 2, 3});
    market.remove(3);
    market.add(Side::buy, 100, 3, 30);
    CHECK(market.queue(Side::buy) == Keys{1, 2, 3});
    CHECK(market.best_level(Side::buy).tombstones() == 0);
}

TEST_CASE("a_key_that_rested_elsewhere_in_between_stands_once") {
    Market market;
    add_all(market, {1, 2, 3}, 100);
    market.remove(2);
    market.add(Side::buy, 99, 2, 2);
    market.remove(2);
    market.add(Side::buy, 100, 2, 2);
    CHECK(market.queue(Side::buy) == Keys{1, 3, 2});
    CHECK(market.ladder(Side::buy).size() == 1);
}

TEST_CASE("a_key_used_again_after_a_descending_one_stands_once") {
    // After 9, 4 the last key no longer bounds those before it.
    Market market;
    add_all(market, {8, 9, 4});
    market.remove(8);
    market.add(Side::buy, 100, 8, 8);
    CHECK(market.queue(Side::buy) == Keys{9, 4, 8});
    CHECK(market.best_level(Side::buy).total() == 21);
}

TEST_CASE("descending_keys_stand_in_order_of_arrival") {
    Market market;
    Keys keys = range(1, 200);
    std::reverse(keys.begin(), keys.end());
    add_all(market, keys);
    CHECK(market.queue(Side::buy) == keys);
}

// ---- levels come and go

TEST_CASE("a_cancel_frees_its_level") {
    Market market;
    market.add(Side::buy, 100, 1, 5);
    market.add(Side::buy, 101, 2, 5);
    market.remove(2);
    CHECK(market.ladder(Side::buy).size() == 1);
    CHECK(market.book.snapshot(market.levels, 5).best_bid() == 100);
}

TEST_CASE("a_freed_level_is_used_again_and_remembers_nothing") {
    Market market;
    add_all(market, range(1, 50), 100);
    const LevelId before = market.ladder(Side::buy).best();
    for (std::uint64_t key = 1; key <= 50; ++key) market.remove(key);
    CHECK(market.book.empty());
    const LevelId after = market.add(Side::sell, 200, 3, 8);
    CHECK(after == before);
    const auto& level = market.levels[after];
    CHECK(level.price == 200);
    CHECK(level.side == Side::sell);
    CHECK(level.total() == 8);
    CHECK(level.count == 1);
    CHECK(level.book == 7);
    CHECK(market.queue(Side::sell) == Keys{3});
}

TEST_CASE("freed_levels_are_used_before_new_ones") {
    Market market;
    for (std::uint64_t key = 1; key <= 500; ++key) market.add(Side::buy, static_cast<Price>(key), key, 1);
    LevelId most = 0;
    for (std::uint64_t key = 1; key <= 500; ++key) most = std::max(most, market.orders.level_of(key));
    for (std::uint64_t key = 1; key <= 500; ++key) market.remove(key);
    for (std::uint64_t key = 1; key <= 500; ++key) {
        CHECK(market.add(Side::sell, static_cast<Price>(key), key, 1) <= most);
    }
}

TEST_CASE("memory_is_bounded_under_churn") {
    Market market;
    Random random(11);
    constexpr std::uint64_t live = 2000;
    std::size_t settled = 0;
    for (std::uint64_t key = 0; key < 200'000; ++key) {
        if (key >= live) market.remove(key - live);
        market.add(random.once_in(2) ? Side::buy : Side::sell, random.below(50), key, 1);
        if (key == 20'000) settled = market.levels.pool().bytes();
    }
    CHECK(settled < 512 * 1024);
    CHECK(market.levels.pool().bytes() <= settled + settled / 2);
}

TEST_CASE("a_closed_level_gives_its_memory_back") {
    Market market;
    for (std::uint64_t key = 0; key < 100'000; key += 100) {
        add_all(market, range(key, key + 99), static_cast<Price>(key));
        for (std::uint64_t gone = key; gone < key + 100; ++gone) market.remove(gone);
    }
    CHECK(market.book.empty());
    CHECK(market.levels.pool().bytes() <= 16 * 1024);
}

TEST_CASE("many_books_share_levels") {
    Levels<std::uint64_t> levels;
    test::TestOrders<> orders;
    std::vector<Book> books(300);
    for (std::uint64_t key = 0; key < 3000; ++key) {
        const auto number = static_cast<std::uint16_t>(key % books.size());
        orders.set(key, books[number].add(levels, number, Side::buy, static_cast<Price>(key / 600), key, 1), 1);
    }
    for (std::uint16_t number = 0; number < books.size(); ++number) {
        CHECK(std::as_const(books[number]).ladder(Side::buy).size() == 5);
        books[number].for_each_order(levels, Side::buy, orders, [&](std::uint64_t key, const auto& level) {
            CHECK(key % books.size() == number);
            CHECK(level.book == number);
        });
    }
}

// ---- the ladder

TEST_CASE("an_empty_ladder_has_no_best_level") {
    const Ladder ladder;
    CHECK(ladder.empty());
    CHECK(ladder.best() == no_level);
    CHECK(ladder.find(5) == no_level);
    ladder.prefetch();
}

TEST_CASE("a_ladder_stays_sorted_whatever_comes_and_goes") {
    // Levels are named after their rank, so that what is found can be told from what was meant.
    Random random(5);
    for (const std::uint32_t size : {1U, 2U, 3U, 4U, 5U, 7U, 8U, 9U, 10U, 16U, 17U, 33U, 100U, 2000U}) {
        CAPTURE(size);
        BlockPool pool;
        Ladder ladder;
        std::vector<std::uint32_t> ranks(size);
        std::iota(ranks.begin(), ranks.end(), 1);
        shuffle(ranks, random);
        for (const std::uint32_t rank : ranks) {
            CHECK(ladder.find(rank) == no_level);
            CHECK(ladder.find_or_insert(rank, pool, [&] { return rank; }) == rank);
            CHECK(ladder.find_or_insert(rank, pool, [&]() -> LevelId {
                FAIL("opened twice");
                return 0;
            }) == rank);
        }
        REQUIRE(ladder.size() == size);
        for (std::uint32_t i = 0; i < size; ++i) REQUIRE(ladder[i] == size - i);

        shuffle(ranks, random);
        const std::uint32_t half = size / 2;
        std::vector<std::uint32_t> left(ranks.begin() + half, ranks.end());
        for (std::uint32_t i = 0; i < half; ++i) ladder.erase(ranks[i]);
        std::sort(left.begin(), left.end(), std::greater<>());
        REQUIRE(ladder.size() == left.size());
        for (std::uint32_t i = 0; i < left.size(); ++i) REQUIRE(ladder[i] == left[i]);
        for (std::uint32_t i = 0; i < half; ++i) CHECK(ladder.find(ranks[i]) == no_level);
        for (const std::uint32_t rank : left) CHECK(ladder.find(rank) == rank);
        for (const std::uint32_t rank : left) ladder.erase(rank);
        CHECK(ladder.empty());
    }
}

TEST_CASE("a_guess_of_a_rungs_position_changes_nothing_but_the_time") {
    for (const std::uint32_t size : {0U, 1U, 7U, 8U, 9U, 40U, 41U, 200U}) {
        CAPTURE(size);
        BlockPool pool;
        BasicLadder<std::uint32_t, false> ladder;
        for (LevelId rank = 2; rank <= 2 * size; rank += 2) ladder.find_or_insert(rank, pool, [&] { return rank; });
        for (std::uint32_t rank = 0; rank <= 2 * size + 2; ++rank) {
            const std::uint32_t worse = rank == 0 ? 0 : std::min((rank - 1) / 2, size);
            REQUIRE(ladder.position(rank) == worse);
            for (std::uint32_t guess = 0; guess <= size + 2; ++guess) REQUIRE(ladder.position(rank, guess) == worse);
        }
    }
}

TEST_CASE("a_ladder_of_32_bits_holds_every_price_of_32_bits") {
    using Narrow = BasicLadder<std::uint32_t, false>;
    static_assert(sizeof(Narrow::Rung) == 8);
    for (const Side side : {Side::buy, Side::sell}) {
        BlockPool pool;
        Narrow ladder;
        std::vector<Price> prices{0, 1, 2'000'000'000, 2'147'483'647, 2'147'483'648, 4'294'967'294, 4'294'967'295};
        if (side == Side::sell) std::reverse(prices.begin(), prices.end());
        for (const Price price : prices) {
            const auto rank = Narrow::rank_of(side, price);
            CHECK(Narrow::price_of(side, rank) == price);
            CHECK(ladder.find(rank) == no_level);
            ladder.find_or_insert(rank, pool, [&] { return ladder.size() + 1; });
        }
        for (std::uint32_t i = 0; i < prices.size(); ++i) CHECK(ladder[i] == prices.size() - i);
        for (const Price price : prices) ladder.erase(Narrow::rank_of(side, price));
        CHECK(ladder.empty());
    }
}

TEST_CASE("a_ladder_finds_nothing_between_below_and_above_its_levels") {
    BlockPool pool;
    Ladder ladder;
    for (LevelId rank = 2; rank <= 80; rank += 2) ladder.find_or_insert(rank, pool, [&] { return rank; });
    for (Ladder::Rank rank = 1; rank <= 81; rank += 2) CHECK(ladder.find(rank) == no_level);
    CHECK(ladder.find(lowest) == no_level);
    CHECK(ladder.find(highest) == no_level);
}

TEST_CASE("the_best_bid_is_the_highest_and_the_best_ask_the_lowest_price") {
    CHECK(Ladder::rank_of(Side::buy, 11) > Ladder::rank_of(Side::buy, 10));
    CHECK(Ladder::rank_of(Side::sell, 10) > Ladder::rank_of(Side::sell, 11));
}

TEST_CASE("ranks_of_extreme_prices_do_not_overflow") {
    for (const Side side : {Side::buy, Side::sell}) {
        Market market;
        std::uint64_t key = 1;
        for (const Price price : {Price{0}, highest, lowest, Price{-1}, highest - 1, lowest + 1, Price{1}}) {
            market.add(side, price, key++, 1);
        }
        std::vector<Price> prices;
        const BookSnapshot snapshot = market.book.snapshot(market.levels, 10);
        for (const LevelView& level : side == Side::buy ? snapshot.bids : snapshot.asks) prices.push_back(level.price);
        std::vector<Price> expected{lowest, lowest + 1, -1, 0, 1, highest - 1, highest};
        if (side == Side::buy) std::reverse(expected.begin(), expected.end());
        CHECK(prices == expected);
        while (!market.book.empty()) market.remove(--key);
    }
}

// ---- the book

TEST_CASE("a_new_book_is_empty") {
    const Market market;
    CHECK(market.book.empty());
    const BookSnapshot snapshot = market.book.snapshot(market.levels, 3);
    CHECK(snapshot == BookSnapshot{});
    CHECK_FALSE(snapshot.best_bid());
    CHECK_FALSE(snapshot.best_ask());
    CHECK_FALSE(snapshot.spread());
    CHECK_FALSE(snapshot.mid_price());
    CHECK_FALSE(snapshot.imbalance());
    CHECK_FALSE(snapshot.weighted_mid());
}

TEST_CASE("a_snapshot_shows_as_many_levels_as_asked_for_best_first") {
    Market market;
    for (std::uint64_t key = 1; key <= 20; ++key) {
        market.add(Side::buy, 100 - static_cast<Price>(key % 10), key, key);
        market.add(Side::sell, 101 + static_cast<Price>(key % 10), 100 + key, key);
    }
    for (const std::size_t depth : {0U, 1U, 5U, 10U, 50U}) {
        const BookSnapshot snapshot = market.book.snapshot(market.levels, depth);
        REQUIRE(snapshot.bids.size() == std::min<std::size_t>(depth, 10));
        REQUIRE(snapshot.asks.size() == std::min<std::size_t>(depth, 10));
    }
    const BookSnapshot snapshot = market.book.snapshot(market.levels, 2);
    CHECK(snapshot.bids == std::vector<LevelView>{{100, 30, 2}, {99, 12, 2}});
    CHECK(snapshot.asks == std::vector<LevelView>{{101, 30, 2}, {102, 12, 2}});
}

TEST_CASE("a_snapshot_is_a_copy") {
    Market market;
    market.add(Side::buy, 100, 1, 5);
    const BookSnapshot snapshot = market.book.snapshot(market.levels, 1);
    market.remove(1);
    CHECK(snapshot.bids == std::vector<LevelView>{{100, 5, 1}});
}

TEST_CASE("a_snapshot_weighs_quantities_and_prices") {
    const BookSnapshot snapshot{{{100, 30, 1}, {99, 10, 1}}, {{103, 10, 1}}};
    CHECK(snapshot.spread() == 3);
    CHECK(snapshot.mid_price() == 101.5);
    CHECK(snapshot.imbalance() == doctest::Approx(0.6));
    CHECK(snapshot.weighted_mid() == doctest::Approx((10 * 100 + 30 * 103) / 40.0));
}

TEST_CASE("the_mid_of_the_highest_prices_does_not_overflow") {
    const BookSnapshot snapshot{{{highest - 1, 1, 1}}, {{highest, 1, 1}}};
    CHECK(snapshot.mid_price() == doctest::Approx(static_cast<double>(highest)));
    CHECK(snapshot.spread() == 1);
}

TEST_CASE("bids_and_asks_of_one_price_are_two_levels") {
    // Crossed and locked books are legitimate before the opening.
    Market market;
    market.add(Side::buy, 100, 1, 5);
    market.add(Side::sell, 100, 2, 6);
    CHECK(market.book.snapshot(market.levels, 1) == BookSnapshot{{{100, 5, 1}}, {{100, 6, 1}}});
    CHECK(market.book.snapshot(market.levels, 1).spread() == 0);
}

TEST_CASE("queue_ahead_counts_what_rests_before_and_not_what_left") {
    Market market;
    add_all(market, {1, 2, 3, 4, 5});
    CHECK(Book::queue_ahead(market.levels, 1, market.orders) == 0);
    CHECK(Book::queue_ahead(market.levels, 5, market.orders) == 10);
    market.remove(2);
    market.reduce(4, 3);
    CHECK(Book::queue_ahead(market.levels, 5, market.orders) == 5);
    CHECK(Book::queue_ahead(market.levels, 3, market.orders) == 1);
}

TEST_CASE("for_each_order_walks_best_price_first_then_by_arrival") {
    Market market;
    market.add(Side::sell, 12, 1, 1);
    market.add(Side::sell, 10, 2, 1);
    market.add(Side::sell, 11, 3, 1);
    market.add(Side::sell, 10, 4, 1);
    market.add(Side::sell, 12, 5, 1);
    market.remove(3);
    CHECK(market.queue(Side::sell) == Keys{2, 4, 1, 5});
    CHECK(market.queue(Side::buy).empty());
}

// ---- storage

TEST_CASE("block_pool_uses_a_block_again") {
    BlockPool pool;
    void* const block = pool.take(128);
    pool.give_back(block, 128);
    CHECK(pool.take(128) == block);
}

TEST_CASE("blocks_are_aligned_and_do_not_overlap") {
    BlockPool pool;
    Random random(17);
    struct Block {
        std::byte* begin;
        std::size_t bytes;
        std::byte mark;
    };
    std::vector<Block> blocks;
    for (int i = 0; i < 3000; ++i) {
        const std::size_t bytes = BlockPool::smallest << random.below(9);
        auto* const begin = static_cast<std::byte*>(pool.take(bytes));
        REQUIRE(reinterpret_cast<std::uintptr_t>(begin) % 64 == 0);
        const auto mark = static_cast<std::byte>(random.below(256));
        std::fill(begin, begin + bytes, mark);
        blocks.push_back({begin, bytes, mark});
        if (random.once_in(3)) {
            const Block gone = blocks[random.below(static_cast<std::uint32_t>(blocks.size()))];
            std::erase_if(blocks, [&](const Block& block) { return block.begin == gone.begin; });
            pool.give_back(gone.begin, gone.bytes);
        }
    }
    for (const Block& block : blocks) {
        REQUIRE(std::all_of(block.begin, block.begin + block.bytes, [&](std::byte b) { return b == block.mark; }));
    }
}

TEST_CASE("block_pool_hands_out_blocks_larger_than_a_slab") {
    BlockPool pool;
    constexpr std::size_t large = std::size_t{8} << 20;
    auto* const block = static_cast<std::byte*>(pool.take(large));
    block[0] = block[large - 1] = std::byte{1};
    CHECK(pool.bytes() >= large);
    CHECK(pool.take(64) != block);
}

TEST_CASE("a_small_pool_stays_small") {
    BlockPool pool;
    CHECK(pool.bytes() == 0);
    CHECK(pool.take(64) != nullptr);
    CHECK(pool.bytes() <= 4096);
}

TEST_CASE("a_moved_pool_keeps_its_blocks") {
    BlockPool pool;
    auto* const block = static_cast<std::byte*>(pool.take(64));
    BlockPool other = std::move(pool);
    block[0] = std::byte{1};
    CHECK(other.take(64) != block);
}

TEST_CASE("a_stable_array_never_moves_what_it_holds") {
    StableArray<std::uint64_t> array;
    const std::uint32_t first = array.push(0);
    const std::uint64_t* const address = &array[first];
    CHECK(first != 0);
    for (std::uint64_t i = 1; i < 50'000; ++i) CHECK(array.push(i) == first + i);
    CHECK(&array[first] == address);
    for (std::uint32_t i = 0; i < 50'000; ++i) REQUIRE(array[first + i] == i);
    CHECK(array.end_id() == first + 50'000);
}

TEST_CASE("a_moved_stable_array_keeps_its_elements_and_leaves_an_empty_one") {
    StableArray<int> array;
    const std::uint32_t id = array.push(42);
    StableArray<int> other = std::move(array);
    CHECK(other[id] == 42);
    CHECK(array.push(43) == id);  // NOLINT(bugprone-use-after-move)
    CHECK(array[id] == 43);
}

TEST_CASE("moved_levels_keep_their_orders") {
    Market market;
    add_all(market, range(1, 100));
    market.add(Side::sell, 200, 101, 1);
    market.remove(101);
    Market other = std::move(market);
    CHECK(other.queue(Side::buy) == range(1, 100));
    other.add(Side::sell, 201, 102, 1);
    CHECK(other.queue(Side::sell) == Keys{102});
}

TEST_CASE("levels_that_were_moved_from_serve_again") {
    Market market;
    market.add(Side::sell, 200, 101, 1);
    market.remove(101);
    const Levels<std::uint64_t> other = std::move(market.levels);
    const LevelId id = market.levels.open(1, Side::buy, 5);  // NOLINT(bugprone-use-after-move)
    CHECK(market.levels[id].price == 5);
}

// ---- symbol

TEST_CASE("a_symbol_has_at_most_eight_printable_characters") {
    CHECK(Symbol::parse("AAPL")->view() == "AAPL");
    CHECK(Symbol::parse("ABCDEFGH")->view() == "ABCDEFGH");
    CHECK(Symbol::parse("")->view().empty());
    CHECK_FALSE(Symbol::parse("ABCDEFGHI"));
    CHECK_FALSE(Symbol::parse("A\tB"));
    CHECK_FALSE(Symbol::parse("\xc3\x84"));
    CHECK(*Symbol::parse("A") < *Symbol::parse("AA"));
}
