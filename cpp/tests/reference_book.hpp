// A naive book of one symbol, the model the engine's book is compared with.
//
// Written from the specification alone: std::map of levels, std::list of orders, every query a plain walk. Nothing is
// cached, so that there is nothing to go stale; it is slow, and meant to be right at a glance.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <vector>

namespace nanobook::test {

class ReferenceBook {
  public:
    enum class Side : std::uint8_t { buy, sell };

    using Price = std::int64_t;
    using Quantity = std::uint64_t;
    using Key = std::uint64_t;  // whatever names an order: an order id or an ITCH reference

    struct Order {
        Key key;
        Price price;
        Quantity quantity;  // what still rests, never 0
        bool operator==(const Order&) const = default;
    };
    using Fill = Order;  // of a fill: the order hit, the level's price, the quantity taken

    struct Row {
        Price price;
        Quantity quantity;
        std::size_t order_count;
        bool operator==(const Row&) const = default;
    };

    // Appends at the tail of its level. False, and nothing done, for quantity 0 or a key that already rests.
    bool add(Side side, Price price, Key key, Quantity quantity) {
        if (quantity == 0 || contains(key)) return false;
        levels(side)[price].push_back({key, price, quantity});
        where_[key] = {side, price};
        return true;
    }

    // Takes up to `quantity` off in place; the order keeps its position. Returns what was taken (0: no such order).
    Quantity reduce(Key key, Quantity quantity) {
        Order* order = find(key);
        if (order == nullptr) return 0;
        const Quantity taken = std::min(quantity, order->quantity);
        order->quantity -= taken;
        if (order->quantity == 0) erase(key);
        return taken;
    }

    // Returns the quantity that rested (0: no such order).
    Quantity remove(Key key) {
        const Order* order = find(key);
        if (order == nullptr) return 0;
        const Quantity rested = order->quantity;
        erase(key);
        return rested;
    }

    // Takes from the oldest orders of the BEST LEVEL ONLY; fills may add up to less than `quantity`.
    std::vector<Fill> execute_front(Side side, Quantity quantity) {
        std::vector<Fill> fills;
        const std::optional<Price> price = best(side);
        while (quantity > 0 && price && best(side) == price) {
            const Order front = levels(side)[*price].front();
            const Quantity taken = reduce(front.key, quantity);
            fills.push_back({front.key, *price, taken});
            quantity -= taken;
        }
        return fills;
    }

    // As execute_front, going on to the next level while there is something left to take and to take from.
    std::vector<Fill> sweep(Side side, Quantity quantity) {
        std::vector<Fill> fills;
        while (quantity > 0 && best(side)) {
            for (const Fill& fill : execute_front(side, quantity)) {
                fills.push_back(fill);
                quantity -= fill.quantity;
            }
        }
        return fills;
    }

    [[nodiscard]] std::optional<Price> best(Side side) const {
        const std::vector<Row> rows = depth(side, 1);
        return rows.empty() ? std::nullopt : std::optional<Price>(rows.front().price);
    }

    // The first n levels, best first.
    [[nodiscard]] std::vector<Row> depth(Side side, std::size_t n) const {
        std::vector<Row> rows;
        for (const auto& [price, queue] : levels(side)) {
            Row row{price, 0, queue.size()};
            for (const Order& order : queue) row.quantity += order.quantity;
            rows.push_back(row);
        }
        if (side == Side::buy) std::reverse(rows.begin(), rows.end());  // the map ascends; the best bid is the highest
        rows.resize(std::min(n, rows.size()));
        return rows;
    }

    // Every order of a side, best level first, oldest first within a level.
    [[nodiscard]] std::vector<Order> orders(Side side) const {
        std::vector<Order> all;
        for (const Row& row : depth(side, levels(side).size())) {
            const std::list<Order>& queue = levels(side).at(row.price);
            all.insert(all.end(), queue.begin(), queue.end());
        }
        return all;
    }

    // Quantity of the older orders of the same level; nothing for an unknown key.
    [[nodiscard]] std::optional<Quantity> queue_ahead(Key key) const {
        if (!contains(key)) return std::nullopt;
        const Place place = where_.at(key);
        Quantity ahead = 0;
        for (const Order& order : levels(place.side).at(place.price)) {
            if (order.key == key) break;
            ahead += order.quantity;
        }
        return ahead;
    }

    [[nodiscard]] std::size_t size() const { return where_.size(); }
    [[nodiscard]] bool contains(Key key) const { return where_.contains(key); }

  private:
    struct Place {
        Side side{};
        Price price{};
    };
    using Levels = std::map<Price, std::list<Order>>;  // holds no empty level

    Levels& levels(Side side) { return side == Side::buy ? bids_ : asks_; }
    [[nodiscard]] const Levels& levels(Side side) const { return side == Side::buy ? bids_ : asks_; }

    Order* find(Key key) {
        if (!contains(key)) return nullptr;
        const Place place = where_.at(key);
        for (Order& order : levels(place.side).at(place.price)) {
            if (order.key == key) return &order;
        }
        return nullptr;
    }

    void erase(Key key) {
        const Place place = where_.at(key);
        std::list<Order>& queue = levels(place.side).at(place.price);
        queue.remove_if([key](const Order& order) { return order.key == key; });
        if (queue.empty()) levels(place.side).erase(place.price);
        where_.erase(key);
    }

    Levels bids_;
    Levels asks_;
    std::map<Key, Place> where_;
};

}  // namespace nanobook::test
