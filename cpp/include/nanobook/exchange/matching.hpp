// An order against the other side of a book: price first, then arrival.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include <nanobook/book/book.hpp>
#include <nanobook/core/total.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/detail/memory.hpp>
#include <nanobook/exchange/order_table.hpp>

namespace nanobook {

/// The price of an order that trades at any.
[[nodiscard]] constexpr Price worst_price(Side side) noexcept {
    return side == Side::buy ? std::numeric_limits<Price>::max() : std::numeric_limits<Price>::min();
}

/// Does as much rest as such an order would fill?
template <class Levels>
[[nodiscard]] bool can_fill(const Book& book, const Levels& levels, Side side, Price price,
                            Quantity quantity) noexcept {
    const Ladder& resting = book.ladder(opposite(side));
    Total available;
    for (std::size_t i = 0; i < resting.size() && available < quantity; ++i) {
        const auto& level = levels[resting[i]];
        if (!Ladder::is_crossed(side, price, Ladder::rank_of(level.side, level.price))) break;
        available += level.total();
    }
    return available >= quantity;
}

/// Fills an order from the best level on, and gives what is left of it. `on_fill(id, price, quantity)` is told of each
/// resting order that trades; its slot is up to date by then.
template <class Levels, class OnFill>
[[gnu::always_inline]] inline Quantity match(Book& book, Levels& levels, OrderTable& orders, Side side, Price price,
                                             Quantity quantity, OnFill&& on_fill) {
    // How far ahead the slots of a queue are asked for: ids of one level may lie anywhere in the table.
    constexpr std::uint32_t ahead = 8;
    const Ladder& resting = book.ladder(opposite(side));
    while (quantity > 0 && !resting.empty() && Ladder::is_crossed(side, price, resting.best_rank())) {
        const LevelId id = resting.best();
        auto& level = levels[id];

        const OrderId* const queue = level.queue;
        std::uint32_t i = level.begin;
        const Quantity before = quantity;
        for (;; ++i) {
            OrderSlot& slot = orders.slot(queue[i]);
            if (slot.level != id) continue;  // a tombstone
            if (quantity < slot.remaining) {
                slot.remaining -= quantity;
                slot.status = OrderStatus::partially_filled;
                on_fill(queue[i], level.price, quantity);
                quantity = 0;
                break;
            }
            const Quantity filled = slot.remaining;
            slot.remaining = 0;
            slot.level = no_level;
            slot.status = OrderStatus::filled;
            on_fill(queue[i], level.price, filled);
            quantity -= filled;
            --level.count;
            if (quantity == 0 || level.count == 0) {
                ++i;
                break;
            }
            // Not before the first: most orders fill no more than one.
            if (i + ahead < level.end) detail::prefetch(&orders.slot(queue[i + ahead]));
        }
        level.begin = i;
        if (level.count == 0) {
            book.pop_best(levels, opposite(side));
        } else {
            level.take(before - quantity);
        }
    }
    return quantity;
}

}  // namespace nanobook
