// A book of the engine against the naive one: everything there is to see, on one side.
#pragma once

#include <cstddef>
#include <limits>
#include <string>

#include <nanobook/book/book.hpp>

#include "reference_book.hpp"

namespace nanobook::test {

[[nodiscard]] constexpr ReferenceBook::Side reference_side(Side side) noexcept {
    return side == Side::buy ? ReferenceBook::Side::buy : ReferenceBook::Side::sell;
}

/// Empty where the side is equal: its orders in queue order with what is left of each, and the rows of its depth, which
/// the engine keeps as totals and the naive book adds up. Else what differs.
template <class Book, class Levels, OrderOwner Orders>
[[nodiscard]] std::string difference(const Book& book, const Levels& levels, const Orders& orders,
                                     const ReferenceBook& reference, Side side) {
    const std::string where = side == Side::buy ? "bids: " : "asks: ";
    const auto expected = reference.orders(reference_side(side));
    std::size_t seen = 0;
    std::string wrong;
    book.for_each_order(levels, side, orders, [&](auto key, const auto& level) {
        const ReferenceBook::Order order{key, level.price, orders.quantity_of(key)};
        if (wrong.empty() && (seen >= expected.size() || order != expected[seen])) {
            wrong = where + "order " + std::to_string(seen) + " is " + std::to_string(order.key) + " of " +
                    std::to_string(order.quantity) + " at " + std::to_string(order.price);
        }
        ++seen;
    });
    if (!wrong.empty()) return wrong;
    if (seen != expected.size())
        return where + std::to_string(seen) + " orders, not " + std::to_string(expected.size());

    constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
    const BookSnapshot snapshot = book.snapshot(levels, all);
    const auto& views = side == Side::buy ? snapshot.bids : snapshot.asks;
    const auto rows = reference.depth(reference_side(side), all);
    if (views.size() != rows.size()) return where + std::to_string(views.size()) + " levels";
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (views[i].quantity.high != 0 ||
            ReferenceBook::Row{views[i].price, views[i].quantity.low, views[i].order_count} != rows[i]) {
            return where + "level " + std::to_string(i) + " holds " + std::to_string(views[i].quantity.low);
        }
    }
    return {};
}

template <class Book, class Levels, OrderOwner Orders>
[[nodiscard]] std::string difference(const Book& book, const Levels& levels, const Orders& orders,
                                     const ReferenceBook& reference) {
    const std::string bids = difference(book, levels, orders, reference, Side::buy);
    return bids.empty() ? difference(book, levels, orders, reference, Side::sell) : bids;
}

}  // namespace nanobook::test
