// One price of one side: its totals, and the queue of its orders in order of arrival.
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include <nanobook/core/total.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/detail/block_pool.hpp>
#include <nanobook/detail/stable_array.hpp>

namespace nanobook {

/// Names a level for as long as an order rests in it; 0 names none.
using LevelId = std::uint32_t;
inline constexpr LevelId no_level = 0;

/// Who owns the orders: an exchange by its ids, a feed by its references. A level's queue holds only keys; where an
/// order rests and how much of it is left stand with its owner. An entry whose owner says it rests elsewhere (or
/// nowhere) is a tombstone: cancelling an order writes nothing into the queue.
template <class T>
concept OrderOwner = requires(const T& orders, typename T::Key key) {
    requires std::unsigned_integral<typename T::Key>;
    { orders.level_of(key) } -> std::same_as<LevelId>;  // no_level where it does not rest
    { orders.quantity_of(key) } -> std::convertible_to<Quantity>;
};

/// A cache line: what a cancel, a fill or a look at the depth needs is in one place.
template <std::unsigned_integral Key>
struct alignas(detail::cache_line) Level {
    static constexpr std::uint32_t inline_capacity = 16 / sizeof(Key);

    Price price;
    std::uint64_t quantity_low;   ///< total of the resting orders, ...
    Key* queue;                   ///< its entries: `few`, or a block that it outgrew them for; a level never moves
    std::uint32_t count;          ///< resting orders
    std::uint32_t begin;          ///< first entry that may rest
    std::uint32_t end;            ///< one past the last entry
    std::uint32_t capacity;       ///< entries there is room for
    std::uint32_t quantity_high;  ///< ... which are less than 2^32, each less than 2^64
    std::uint16_t book;           ///< the owner's number of the book
    Side side;
    bool ascending;            ///< each key was greater than the one before
    Key few[inline_capacity];  ///< most levels of a real book hold one or two orders

    [[nodiscard]] Total total() const noexcept { return {quantity_low, quantity_high}; }
    void add(Quantity quantity) noexcept {
        quantity_low += quantity;
        quantity_high += quantity_low < quantity;
    }
    void take(Total quantity) noexcept {
        const Total left = total() - quantity;
        quantity_low = left.low;
        quantity_high = static_cast<std::uint32_t>(left.high);
    }

    /// The last key appended, which no entry exceeds while the keys ascend. Reading it touches no more than this
    /// header: while the queue is a block, `few` is free to hold it.
    [[nodiscard]] Key last_key() const noexcept {
        return few[capacity == inline_capacity ? (end - 1) % inline_capacity : 0];
    }

    /// Tombstones and resting orders from the first that may rest.
    [[nodiscard]] std::span<const Key> entries() const noexcept { return {queue + begin, end - begin}; }
    [[nodiscard]] std::uint32_t tombstones() const noexcept { return end - begin - count; }
};
static_assert(sizeof(Level<std::uint64_t>) == detail::cache_line);

/// The levels of any number of books, and the memory of their queues. A level with more than `Slack` tombstones, and
/// more tombstones than resting orders, is compacted; tests set `Slack` low so that it happens all the time.
/// `AscendingKeys` promises that each key is greater than all before it, as those of an exchange are. Without `Queues`
/// a level knows how many orders rest in it, and how much, but not which: an order that comes or goes touches the
/// header alone.
template <std::unsigned_integral KeyType, std::uint32_t Slack = 32, bool AscendingKeys = false, bool Queues = true>
class Levels {
  public:
    using Key = KeyType;
    using Level = nanobook::Level<Key>;
    static constexpr bool keeps_queues = Queues;

    Levels() = default;
    Levels(Levels&& other) noexcept { swap(other); }
    Levels& operator=(Levels&& other) noexcept {
        swap(other);
        return *this;
    }

    [[nodiscard]] Level& operator[](LevelId id) noexcept { return levels_[id]; }
    [[nodiscard]] const Level& operator[](LevelId id) const noexcept { return levels_[id]; }

    [[nodiscard]] detail::BlockPool& pool() noexcept { return pool_; }

    /// Everything taken from the system.
    [[nodiscard]] std::size_t bytes() const noexcept { return levels_.bytes() + pool_.bytes(); }

    /// Asks for the memory that an append will write.
    void prefetch_tail(LevelId id) const noexcept {
        const Level& level = levels_[id];
        detail::prefetch_early(level.queue + level.end);
    }

    [[nodiscard]] LevelId open(std::uint16_t book, Side side, Price price) {
        LevelId id = free_;
        if (id == no_level) {
            id = levels_.claim();
        } else {
            free_ = levels_[id].end;
        }
        // In its place: put together on the stack and copied, it would stall the processor.
        Level& level = levels_[id];
        ::new (&level) Level{price, 0, level.few, 0, 0, 0, Level::inline_capacity, 0, book, side, true, {}};
        return id;
    }

    /// The level must hold no resting order.
    void close(LevelId id) noexcept {
        Level& level = levels_[id];
        release_block(level);
        level.end = free_;
        free_ = id;
    }

    /// Adds an entry at the tail. The order of `key` must not rest anywhere yet.
    void append(LevelId id, Key key, Quantity quantity) {
        Level& level = levels_[id];
        if constexpr (Queues) enqueue(level, key);
        level.add(quantity);
        ++level.count;
    }

    /// The order `key` of the level stopped resting, with `left` of it unfilled. Its owner must have forgotten it
    /// already. False where it was the last one: then the level is to be closed.
    template <OrderOwner Orders>
    bool drop(LevelId id, Key key, Quantity left, const Orders& orders) {
        Level& level = levels_[id];
        level.take(left);
        if (--level.count == 0) return false;
        if constexpr (!Queues) return true;
        if (level.capacity == Level::inline_capacity) {
            // The header is at hand, and the queue in it: no need of a tombstone.
            level.end = static_cast<std::uint32_t>(std::remove(level.few, level.few + level.end, key) - level.few);
        } else if (level.tombstones() > std::max(level.count, Slack)) [[unlikely]] {
            compact(id, orders);
        }
        return true;
    }

    /// The order that is first in the queue, which is kept. The level must hold a resting order.
    template <OrderOwner Orders>
    [[nodiscard]] Key front(LevelId id, const Orders& orders) noexcept {
        Level& level = levels_[id];
        const Key* queue = level.queue;
        while (orders.level_of(queue[level.begin]) != id) ++level.begin;
        return queue[level.begin];
    }

    /// Drops every tombstone, and memory that is no longer needed. Amortised O(1) a cancel.
    template <OrderOwner Orders>
    [[gnu::noinline]] void compact(LevelId id, const Orders& orders) {
        Level& level = levels_[id];
        Key* queue = level.queue;
        if constexpr (requires(Key key) { orders.prefetch(key); }) {
            for (const Key key : level.entries()) orders.prefetch(key);
        }
        Key* last = queue;
        for (const Key key : level.entries()) {
            *last = key;
            last += orders.level_of(key) == id;
        }
        level.begin = 0;
        level.end = static_cast<std::uint32_t>(last - queue);
        const std::uint32_t enough = capacity_for(2 * level.count);
        if (enough < level.capacity) move_queue(level, enough);
    }

  private:
    void enqueue(Level& level, Key key) {
        if constexpr (!AscendingKeys) {
            if ((level.end != level.begin) & (!level.ascending | (key <= level.last_key()))) [[unlikely]]
                forget(level, key);
        }
        if (level.end == level.capacity) make_room(level);
        level.queue[level.end] = key;
        if constexpr (!AscendingKeys) level.few[level.capacity == Level::inline_capacity ? level.end : 0] = key;
        ++level.end;
    }

    static constexpr std::uint32_t block_entries = detail::BlockPool::smallest / sizeof(Key);

    static std::uint32_t capacity_for(std::uint32_t entries) noexcept {
        return entries <= Level::inline_capacity ? Level::inline_capacity
                                                 : std::max(block_entries, std::bit_ceil(entries));
    }

    // Out of line and rare: a queue whose front is spent moves up, else it doubles.
    [[gnu::noinline]] void make_room(Level& level) {
        if (level.begin < level.capacity / 2) return move_queue(level, capacity_for(level.capacity + 1));
        const std::uint32_t entries = level.end - level.begin;
        std::memmove(level.queue, level.queue + level.begin, entries * sizeof(Key));
        level.begin = 0;
        level.end = entries;
    }

    // A feed may use a reference again that it erased before, and the old entry would come back to life: remove it.
    // Keys that only ascend, as an exchange's and Nasdaq's do, never come here.
    [[gnu::noinline]] static void forget(Level& level, Key key) noexcept {
        level.ascending = false;
        if (level.tombstones() == 0) return;
        Key* const last = level.queue + level.end;
        level.end = static_cast<std::uint32_t>(std::remove(level.queue + level.begin, last, key) - level.queue);
    }

    void move_queue(Level& level, std::uint32_t capacity) {
        const std::uint32_t entries = level.end - level.begin;
        Key* to =
            capacity == Level::inline_capacity ? level.few : static_cast<Key*>(pool_.take(capacity * sizeof(Key)));
        std::memcpy(to, level.queue + level.begin, entries * sizeof(Key));
        const Key last = level.last_key();
        release_block(level);
        level.begin = 0;
        level.end = entries;
        level.capacity = capacity;
        level.queue = to;
        if (to != level.few) level.few[0] = last;
    }

    void release_block(Level& level) noexcept {
        if (level.capacity != Level::inline_capacity) pool_.give_back(level.queue, level.capacity * sizeof(Key));
    }

    void swap(Levels& other) noexcept {
        std::swap(levels_, other.levels_);
        std::swap(pool_, other.pool_);
        std::swap(free_, other.free_);
    }

    detail::StableArray<Level> levels_;
    detail::BlockPool pool_;
    LevelId free_ = no_level;
};

}  // namespace nanobook
