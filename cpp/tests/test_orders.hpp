// An owner of orders with dense ids, as an exchange is one: the simplest thing a book can stand on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <nanobook/book/book.hpp>

namespace nanobook::test {

template <class KeyType = std::uint64_t>
class TestOrders {
  public:
    using Key = KeyType;

    [[nodiscard]] LevelId level_of(Key key) const { return key < orders_.size() ? orders_[key].level : no_level; }
    [[nodiscard]] Quantity quantity_of(Key key) const { return key < orders_.size() ? orders_[key].quantity : 0; }

    void set(Key key, LevelId level, Quantity quantity) {
        if (key >= orders_.size()) orders_.resize(static_cast<std::size_t>(key) + 1);
        orders_[key] = {level, quantity};
    }
    void forget(Key key) { orders_[key] = {}; }

  private:
    struct Order {
        LevelId level = no_level;
        Quantity quantity = 0;
    };
    std::vector<Order> orders_;
};

/// One book with its levels and its orders: what a test says in one word.
template <class Levels = nanobook::Levels<std::uint64_t>>
struct TestMarket {
    using Key = typename Levels::Key;

    Levels levels;
    TestOrders<Key> orders;
    Book book;

    LevelId add(Side side, Price price, Key key, Quantity quantity) {
        const LevelId level = book.add(levels, 7, side, price, key, quantity);
        orders.set(key, level, quantity);
        return level;
    }

    void reduce(Key key, Quantity quantity) {
        Book::reduce(levels, orders.level_of(key), quantity);
        orders.set(key, orders.level_of(key), orders.quantity_of(key) - quantity);
    }

    void remove(Key key) {
        const LevelId level = orders.level_of(key);
        const Quantity left = orders.quantity_of(key);
        orders.forget(key);
        book.remove(levels, level, key, left, orders);
    }

    /// The keys of a side in queue order, best level first.
    [[nodiscard]] std::vector<Key> queue(Side side) const {
        std::vector<Key> keys;
        book.for_each_order(levels, side, orders, [&](Key key, const auto&) { keys.push_back(key); });
        return keys;
    }

    [[nodiscard]] const Ladder& ladder(Side side) const { return book.ladder(side); }
    [[nodiscard]] const auto& best_level(Side side) const { return levels[ladder(side).best()]; }
    [[nodiscard]] Key front(Side side) { return levels.front(ladder(side).best(), orders); }
};

}  // namespace nanobook::test
