// One symbol's book as the generator of synthetic days keeps it: enough to know the best prices, the front of a queue
// and the age of an order, and no more.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <nanobook/core/types.hpp>
#include <nanobook/detail/memory.hpp>

namespace nanobook::itch::synthetic {

/// A price of one side, so that a better one is the greater one on both sides: then one text serves both.
using Rank = std::uint32_t;

/// Above every Price(4), which ends at 2,000,000,000.
inline constexpr std::uint32_t top_price = 0x7fffffff;

/// Its own inverse: also a rank's price.
constexpr Rank rank_of(Side side, std::uint32_t price) noexcept {
    return side == Side::buy ? price : top_price - price;
}

struct Order {
    std::uint64_t ref;
    std::uint32_t key;  ///< rank and, in the top bit, side; 0 once the order is gone
    std::uint32_t shares;

    [[nodiscard]] bool live() const noexcept { return key != 0; }
    [[nodiscard]] Side side() const noexcept { return key >> 31 != 0 ? Side::sell : Side::buy; }
    [[nodiscard]] Rank rank() const noexcept { return key & top_price; }
    [[nodiscard]] std::uint32_t price() const noexcept { return rank_of(side(), rank()); }
};

struct Level {
    Rank rank;
    std::uint32_t orders;
};

/// Orders in the order of their coming, with tombstones, which is both priority and age; levels sorted, the best at the
/// back. There are no queues: the front of one is the first order of its price, and is asked for rarely.
class Book {
  public:
    Book(std::span<Order> orders, std::span<Level> bids, std::span<Level> asks) noexcept
        : orders_(orders.data()),
          capacity_(static_cast<std::uint32_t>(orders.size())),
          sides_{Half{bids.data(), static_cast<std::uint32_t>(bids.size())},
                 Half{asks.data(), static_cast<std::uint32_t>(asks.size())}} {}

    [[nodiscard]] std::uint32_t live() const noexcept { return half(Side::buy).orders + half(Side::sell).orders; }
    [[nodiscard]] std::uint32_t live(Side side) const noexcept { return half(side).orders; }
    [[nodiscard]] std::uint32_t levels(Side side) const noexcept { return half(side).count; }
    [[nodiscard]] bool full() const noexcept { return live() >= capacity_ - capacity_ / 4; }
    [[nodiscard]] bool full(Side side) const noexcept { return half(side).count == half(side).capacity; }

    /// The n-th best, 0 the best.
    [[nodiscard]] Rank rank(Side side, std::uint32_t n) const noexcept {
        return half(side).levels[half(side).count - 1 - n].rank;
    }
    [[nodiscard]] bool has(Side side) const noexcept { return half(side).count != 0; }
    [[nodiscard]] std::uint32_t best_price(Side side) const noexcept { return rank_of(side, rank(side, 0)); }

    /// How many levels are better.
    [[nodiscard]] std::uint32_t depth_of(Side side, Rank rank) const noexcept {
        return half(side).count - upper_bound(half(side), rank);
    }

    /// The orders that came, oldest first, gone ones among them. Valid until the next `add`.
    [[nodiscard]] std::span<Order> orders() const noexcept { return {orders_, size_}; }

    /// Neither the book nor, where the rank is new, the side may be full.
    Order& add(Side side, Rank rank, std::uint32_t shares, std::uint64_t ref) noexcept {
        if (size_ == capacity_) compact();
        Order& order = orders_[size_++] = {ref, key_of(side, rank), shares};
        Half& h = half(side);
        ++h.orders;
        const std::uint32_t end = upper_bound(h, rank);
        if (end != 0 && h.levels[end - 1].rank == rank) {
            ++h.levels[end - 1].orders;
            return order;
        }
        std::copy_backward(h.levels + end, h.levels + h.count, h.levels + h.count + 1);
        h.levels[end] = {rank, 1};
        ++h.count;
        return order;
    }

    void remove(Order& order) noexcept {
        Half& h = half(order.side());
        --h.orders;
        const std::uint32_t end = upper_bound(h, order.rank());
        if (--h.levels[end - 1].orders == 0) {
            std::copy(h.levels + end, h.levels + h.count, h.levels + end - 1);
            --h.count;
        }
        order.key = 0;
    }

    /// The first of the queue at a rank that has orders.
    [[nodiscard]] Order& front(Side side, Rank rank) const noexcept {
        return *std::find_if(orders_, orders_ + size_,
                             [key = key_of(side, rank)](const Order& o) { return o.key == key; });
    }

    /// The last of that queue.
    [[nodiscard]] Order& back(Side side, Rank rank) const noexcept {
        Order* order = orders_ + size_ - 1;
        while (order->key != key_of(side, rank)) --order;
        return *order;
    }

    /// The live order that came `age` arrivals ago, or the next older one, or the oldest. There must be one.
    [[nodiscard]] Order& aged(std::uint32_t age) const noexcept {
        std::uint32_t i = age < size_ ? size_ - age : 0;
        while (i != 0 && !orders_[i - 1].live()) --i;
        if (i != 0) return orders_[i - 1];
        while (!orders_[i].live()) ++i;
        return orders_[i];
    }

    /// Calls for the memory that an `add` and `aged(age)` will read soon.
    void prefetch(std::uint32_t age) const noexcept {
        nanobook::detail::prefetch(orders_ + size_);
        nanobook::detail::prefetch(orders_ + (age < size_ ? size_ - 1 - age : 0));
        for (const Half& h : sides_) nanobook::detail::prefetch(h.levels + (h.count != 0 ? h.count - 1 : 0));
    }

  private:
    struct Half {
        Level* levels;
        std::uint32_t capacity;
        std::uint32_t count = 0;
        std::uint32_t orders = 0;
    };

    static std::uint32_t key_of(Side side, Rank rank) noexcept {
        return rank | static_cast<std::uint32_t>(side == Side::sell) << 31;
    }

    // One past the last level whose rank is not better. From the best on: most of what happens, happens there.
    static std::uint32_t upper_bound(const Half& h, Rank rank) noexcept {
        std::uint32_t end = h.count;
        while (end != 0 && h.levels[end - 1].rank > rank) --end;
        return end;
    }

    void compact() noexcept {
        const Order* const end =
            std::remove_if(orders_, orders_ + size_, [](const Order& order) { return !order.live(); });
        size_ = static_cast<std::uint32_t>(end - orders_);
    }

    Half& half(Side side) noexcept { return sides_[static_cast<std::size_t>(side)]; }
    const Half& half(Side side) const noexcept { return sides_[static_cast<std::size_t>(side)]; }

    Order* orders_;
    std::uint32_t size_ = 0;
    std::uint32_t capacity_;
    Half sides_[2];
};

}  // namespace nanobook::itch::synthetic
