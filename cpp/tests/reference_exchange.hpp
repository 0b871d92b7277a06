// A naive exchange, the model the engine is compared with operation by operation.
//
// Written from the specification and from the decisions at the head of tests/reference_exchange.py, before anybody who
// wrote it had read the engine: one flat list of resting orders, another of pending stops, and a full scan for every
// question. It is slow, and meant to be right at a glance. What the Python model leaves out, replayed market data, is
// here too.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <list>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <nanobook/core/order.hpp>
#include <nanobook/core/trade.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/exchange/event.hpp>
#include <nanobook/exchange/results.hpp>
#include <nanobook/exchange/stop_order.hpp>

namespace nanobook::test {

// Wide enough for every sum and difference of 64 bits.
__extension__ typedef unsigned __int128 Wide;
__extension__ typedef __int128 SignedWide;

/// The answer to an event of any kind. Where a kind has nothing to say, the field stays as it is here.
struct Answer {
    OrderError error = OrderError::none;
    OrderId old_order_id = 0;   // modify
    Quantity taken = 0;         // cancel, reduce, modify: taken off the old order; market data: executed
    OrderId order_id = 0;       // of the new order or stop
    OrderStatus status{};       // of the new order after its own match, or of the new stop
    Quantity filled = 0;        // of the new order
    Quantity resting = 0;       // of the new order
    Quantity cancelled = 0;     // of the new order
    std::vector<Trade> trades;  // the new order's own match, or what market data prints
    std::vector<Trade> triggered;
    bool round_limit_hit = false;

    bool operator==(const Answer&) const = default;
};

class ReferenceExchange {
  public:
    struct Row {
        Price price;
        Wide quantity;
        std::size_t order_count;
        bool operator==(const Row&) const = default;
    };

    explicit ReferenceExchange(std::uint32_t max_rounds = 100) : max_rounds_(max_rounds) {}

    // Inputs.

    /// None, and nothing done, for input that means nothing.
    std::optional<Answer> apply(const Event& event) {
        if (!means_something(event)) return std::nullopt;
        events_.push_back(event);
        switch (event.kind) {
            case EventKind::submit_limit:
                if (!event.matching) return rest(event.side, event.price, event.quantity, event.time_in_force);
                return with_rounds(submit(event.side, event.price, event.quantity, event.time_in_force));
            case EventKind::submit_market:
                return with_rounds(submit(event.side, worst_price(event.side), event.quantity, TimeInForce::ioc));
            case EventKind::cancel: return cancel(event.order_id());
            case EventKind::reduce: return reduce(event.order_id(), event.quantity);
            case EventKind::modify: return modify(event);
            case EventKind::submit_stop_market:
            case EventKind::submit_trailing_stop_market: return submit_stop(event, std::nullopt, TimeInForce::ioc);
            case EventKind::submit_stop_limit:
            case EventKind::submit_trailing_stop_limit:
                return submit_stop(event, event.limit_price(), event.time_in_force);
            case EventKind::execute: return execute(event);
            case EventKind::trade: break;
        }
        Answer answer;
        answer.taken = event.quantity;
        answer.trades = {print(event.price, event.quantity, event.side, 0, 0)};
        return with_rounds(answer);
    }

    void clear_trades() { trades_.clear(); }

    /// Forgets the orders that do not rest; how many.
    std::size_t clear_order_history() {
        const std::size_t count = finished_.size();
        finished_.clear();
        return count;
    }

    // Questions.

    [[nodiscard]] const std::vector<Event>& events() const { return events_; }
    [[nodiscard]] const std::vector<Trade>& trades() const { return trades_; }
    [[nodiscard]] std::optional<Price> last_trade_price() const { return last_trade_price_; }
    /// In order of arrival.
    [[nodiscard]] const std::list<Order>& resting() const { return resting_; }
    [[nodiscard]] const std::map<OrderId, StopOrder>& pending() const { return pending_; }
    /// How much the tests have seen of stops that fire.
    [[nodiscard]] std::uint64_t rounds_that_fired() const { return rounds_that_fired_; }
    [[nodiscard]] OrderId next_order_id() const { return next_order_id_; }
    [[nodiscard]] TradeId next_trade_id() const { return next_trade_id_; }
    [[nodiscard]] Timestamp next_tick() const { return next_tick_; }

    [[nodiscard]] std::optional<Order> get_order(OrderId id) const {
        for (const Order& order : resting_) {
            if (order.id == id) return order;
        }
        const auto found = finished_.find(id);
        return found == finished_.end() ? std::nullopt : std::optional<Order>(found->second);
    }

    [[nodiscard]] std::optional<StopOrder> get_stop_order(OrderId id) const {
        if (const auto found = pending_.find(id); found != pending_.end()) return found->second;
        const auto found = finished_stops_.find(id);
        return found == finished_stops_.end() ? std::nullopt : std::optional<StopOrder>(found->second);
    }

    /// In the order of their ticks.
    [[nodiscard]] std::vector<StopOrder> pending_stops() const {
        std::vector<StopOrder> all;
        for (const auto& [id, stop] : pending_) all.push_back(stop);
        return all;
    }

    /// What rests on a side: best price first, then by arrival.
    [[nodiscard]] std::vector<Order> orders(Side side) const {
        std::vector<Order> all;
        for (const Order& order : resting_) {
            if (order.side == side) all.push_back(order);
        }
        std::sort(all.begin(), all.end(), [side](const Order& a, const Order& b) {
            return a.price != b.price ? better(side, a.price, b.price) : a.timestamp < b.timestamp;
        });
        return all;
    }

    /// Every level of a side, best first.
    [[nodiscard]] std::vector<Row> depth(Side side) const {
        std::vector<Row> rows;
        for (const Order& order : orders(side)) {
            if (rows.empty() || rows.back().price != order.price) rows.push_back({order.price, 0, 0});
            rows.back().quantity += order.remaining;
            ++rows.back().order_count;
        }
        return rows;
    }

    [[nodiscard]] std::optional<Price> best(Side side) const {
        const auto rows = depth(side);
        return rows.empty() ? std::nullopt : std::optional<Price>(rows.front().price);
    }

    /// What rests before an order at its own price; none unless it rests itself.
    [[nodiscard]] std::optional<Wide> queue_ahead(OrderId id) const {
        const auto mine = std::find_if(resting_.begin(), resting_.end(), [id](const Order& o) { return o.id == id; });
        if (mine == resting_.end()) return std::nullopt;
        Wide ahead = 0;
        for (const Order& order : resting_) {
            const bool same_level = order.side == mine->side && order.price == mine->price;
            if (same_level && order.timestamp < mine->timestamp) ahead += order.remaining;
        }
        return ahead;
    }

  private:
    using Resting = std::list<Order>::iterator;

    static bool better(Side side, Price a, Price b) { return side == Side::buy ? a > b : a < b; }

    static Price worst_price(Side side) {
        return side == Side::buy ? std::numeric_limits<Price>::max() : std::numeric_limits<Price>::min();
    }

    static bool means_something(const Event& event) {
        // Prices of 0 occur in market data.
        const Price least = event.matching ? 1 : 0;
        switch (event.kind) {
            case EventKind::cancel:
            case EventKind::reduce: return true;
            case EventKind::modify: return event.price >= least;
            case EventKind::submit_limit:
                // What does not match can only rest.
                if (!event.matching && event.time_in_force != TimeInForce::gtc) return false;
                return event.price >= least && event.quantity > 0;
            case EventKind::submit_market: return event.quantity > 0;
            case EventKind::submit_stop_market: return event.price > 0 && event.quantity > 0;
            case EventKind::submit_stop_limit: return event.price > 0 && event.quantity > 0 && event.limit_price() > 0;
            case EventKind::submit_trailing_stop_market:
                return event.price > 0 && event.quantity > 0 && means_something(event.trail());
            case EventKind::submit_trailing_stop_limit:
                return event.price > 0 && event.quantity > 0 && event.limit_price() > 0 &&
                       means_something(event.trail());
            case EventKind::execute: return event.quantity > 0 && (event.price >= 0 || event.price == Event::own_price);
            case EventKind::trade: return event.quantity > 0 && event.price >= 0;
        }
        return false;
    }

    static bool means_something(TrailMethod trail) {
        if (trail.kind == TrailKind::none) return false;
        if (trail.kind == TrailKind::fixed) return trail.distance() > 0;
        if (!std::isfinite(trail.factor()) || trail.factor() <= 0) return false;
        return trail.kind == TrailKind::percentage || trail.period > 0;
    }

    // Orders.

    Order make_order(Side side, Price price, Quantity quantity, TimeInForce time_in_force, OrderId stop_id) {
        const OrderId id = next_order_id_++;
        const Timestamp tick = next_tick_++;
        return {id, price, quantity, quantity, 0, 0, tick, stop_id, side, time_in_force, OrderStatus::new_};
    }

    /// One order and its own match; no stop is tested.
    Answer submit(Side side, Price price, Quantity quantity, TimeInForce time_in_force, OrderId stop_id = 0) {
        Order order = make_order(side, price, quantity, time_in_force, stop_id);
        Answer answer;
        answer.order_id = order.id;
        if (time_in_force == TimeInForce::fok && available(side, price) < quantity) {
            answer.status = OrderStatus::cancelled;
            answer.cancelled = quantity;
            return answer;
        }
        while (order.remaining > 0) {
            const Resting passive = next_to_trade(side, price);
            if (passive == resting_.end()) break;
            const Quantity traded = std::min(order.remaining, passive->remaining);
            answer.trades.push_back(print(passive->price, traded, side, order.id, passive->id));
            fill(order, traded);
            fill(*passive, traded);
            if (passive->remaining == 0) finish(passive);
        }
        if (order.remaining > 0 && time_in_force == TimeInForce::gtc) {
            answer.resting = order.remaining;
            resting_.push_back(order);
        } else {
            if (order.remaining > 0 && order.filled == 0) order.status = OrderStatus::cancelled;
            order.cancelled = order.remaining;
            order.remaining = 0;
            finished_[order.id] = order;
        }
        answer.status = order.status;
        answer.filled = order.filled;
        answer.cancelled = order.cancelled;
        return answer;
    }

    /// Market data: rests at its price whatever it crosses.
    Answer rest(Side side, Price price, Quantity quantity, TimeInForce time_in_force) {
        resting_.push_back(make_order(side, price, quantity, time_in_force, 0));
        Answer answer;
        answer.order_id = resting_.back().id;
        answer.status = resting_.back().status;
        answer.resting = quantity;
        return answer;
    }

    /// The oldest order at the best price that an order of this side and price trades with.
    Resting next_to_trade(Side side, Price price) {
        Resting next = resting_.end();
        for (Resting it = resting_.begin(); it != resting_.end(); ++it) {
            if (!trades_with(side, price, *it)) continue;
            if (next == resting_.end() || better(it->side, it->price, next->price)) next = it;
        }
        return next;
    }

    [[nodiscard]] Wide available(Side side, Price price) const {
        Wide sum = 0;
        for (const Order& order : resting_) {
            if (trades_with(side, price, order)) sum += order.remaining;
        }
        return sum;
    }

    static bool trades_with(Side side, Price price, const Order& passive) {
        return passive.side != side && (side == Side::buy ? price >= passive.price : price <= passive.price);
    }

    static void fill(Order& order, Quantity quantity) {
        order.filled += quantity;
        order.remaining -= quantity;
        order.status = order.remaining == 0 ? OrderStatus::filled : OrderStatus::partially_filled;
    }

    Trade print(Price price, Quantity quantity, Side aggressor_side, OrderId aggressor, OrderId passive) {
        const TradeId id = next_trade_id_++;
        trades_.push_back({id, price, quantity, aggressor, passive, next_tick_++, aggressor_side});
        last_trade_price_ = price;
        return trades_.back();
    }

    /// Off the book, into the history.
    void finish(Resting order) {
        finished_[order->id] = *order;
        resting_.erase(order);
    }

    Quantity take_off(Resting order, Quantity quantity) {
        order->remaining -= quantity;
        order->cancelled += quantity;
        if (order->remaining == 0) {
            order->status = OrderStatus::cancelled;
            finish(order);
        }
        return quantity;
    }

    Resting find(OrderId id) {
        return std::find_if(resting_.begin(), resting_.end(), [id](const Order& order) { return order.id == id; });
    }

    /// Why nothing can be done to an order that does not rest; a stop's id is not found here.
    [[nodiscard]] Answer refusal(OrderId id) const {
        Answer answer;
        answer.error = finished_.contains(id) ? OrderError::order_not_active : OrderError::order_not_found;
        return answer;
    }

    Answer cancel(OrderId id) {
        Answer answer;
        if (pending_.contains(id)) {
            answer.taken = finish_stop(id, OrderStatus::cancelled).quantity;
            return answer;
        }
        if (finished_stops_.contains(id)) {
            answer.error = OrderError::order_not_active;
            return answer;
        }
        const Resting order = find(id);
        if (order == resting_.end()) return refusal(id);
        answer.taken = take_off(order, order->remaining);
        return answer;
    }

    Answer reduce(OrderId id, Quantity quantity) {
        Answer answer;
        if (quantity == 0) {
            answer.error = OrderError::invalid_quantity;
            return answer;
        }
        const Resting order = find(id);
        if (order == resting_.end()) return refusal(id);
        answer.taken = take_off(order, std::min(quantity, order->remaining));
        return answer;
    }

    Answer modify(const Event& event) {
        Answer answer;
        const Resting old = find(event.order_id());
        if (event.quantity == 0) {
            answer.error = OrderError::invalid_quantity;
        } else if (old == resting_.end()) {
            answer = refusal(event.order_id());
        } else {
            const Side side = old->side;
            const TimeInForce time_in_force = old->time_in_force;
            const Quantity taken = take_off(old, old->remaining);
            answer = event.matching ? with_rounds(submit(side, event.price, event.quantity, time_in_force))
                                    : rest(side, event.price, event.quantity, time_in_force);
            answer.taken = taken;
        }
        answer.old_order_id = event.order_id();
        return answer;
    }

    Answer execute(const Event& event) {
        const Resting order = find(event.order_id());
        if (order == resting_.end()) return refusal(event.order_id());
        Answer answer;
        answer.taken = std::min(event.quantity, order->remaining);
        if (event.printable) {
            const Price price = event.price == Event::own_price ? order->price : event.price;
            answer.trades = {print(price, answer.taken, opposite(order->side), 0, order->id)};
        }
        fill(*order, answer.taken);
        if (order->remaining == 0) finish(order);
        return with_rounds(answer);
    }

    // Stops.

    static bool holds(const StopOrder& stop, Price price) {
        return stop.side == Side::buy ? price >= stop.stop_price : price <= stop.stop_price;
    }

    Answer submit_stop(const Event& event, std::optional<Price> limit_price, TimeInForce time_in_force) {
        const OrderId id = next_order_id_++;
        const Timestamp tick = next_tick_++;
        pending_[id] = {id,         event.price,   limit_price,         event.quantity, tick, 0, {}, event.trail(),
                        event.side, time_in_force, OrderStatus::pending};
        Answer answer;
        answer.order_id = id;
        answer.status = OrderStatus::pending;
        if (event.trail_kind != TrailKind::none || !last_trade_price_ || !holds(pending_[id], *last_trade_price_)) {
            return answer;
        }
        // It fires at once, alone and before any round; the rounds are those of its trades.
        Answer child = with_rounds(fire(finish_stop(id, OrderStatus::triggered)));
        answer.status = OrderStatus::triggered;
        answer.triggered = std::move(child.trades);
        answer.triggered.insert(answer.triggered.end(), child.triggered.begin(), child.triggered.end());
        answer.round_limit_hit = child.round_limit_hit;
        return answer;
    }

    /// No longer pending.
    StopOrder& finish_stop(OrderId id, OrderStatus status) {
        StopOrder& stop = finished_stops_[id] = pending_[id];
        pending_.erase(id);
        stop.status = status;
        return stop;
    }

    Answer fire(StopOrder& stop) {
        const Price price = stop.limit_price.value_or(worst_price(stop.side));
        Answer child = submit(stop.side, price, stop.quantity, stop.time_in_force, stop.id);
        stop.child_order_id = child.order_id;
        return child;
    }

    /// Tests the stops on the last print of a match, then on that of every round that traded.
    Answer with_rounds(Answer answer) {
        bool traded = !answer.trades.empty();
        Price price = traded ? answer.trades.back().price : 0;
        for (std::uint32_t round = 0; traded && round < max_rounds_; ++round) {
            feed(price);
            std::vector<OrderId> fired;
            for (const auto& [id, stop] : pending_) {
                if (holds(stop, price)) fired.push_back(id);
            }
            for (const OrderId id : fired) finish_stop(id, OrderStatus::triggered);
            if (!fired.empty()) ++rounds_that_fired_;
            traded = false;
            for (const OrderId id : fired) {
                const Answer child = fire(finished_stops_[id]);
                if (child.trades.empty()) continue;
                answer.triggered.insert(answer.triggered.end(), child.trades.begin(), child.trades.end());
                price = child.trades.back().price;
                traded = true;
            }
        }
        answer.round_limit_hit = traded;
        return answer;
    }

    void feed(Price price) {
        fed_.push_back(price);
        for (auto& [id, stop] : pending_) {
            if (stop.trail.kind == TrailKind::none) continue;
            const bool sell = stop.side == Side::sell;
            if (!stop.watermark || (sell ? price > *stop.watermark : price < *stop.watermark)) stop.watermark = price;
            const std::optional<Price> offset = trail_offset(stop.trail, *stop.watermark);
            if (!offset) continue;
            const SignedWide watermark = *stop.watermark;
            const SignedWide candidate = sell ? watermark - *offset : watermark + *offset;
            if (sell ? candidate > stop.stop_price : candidate < stop.stop_price) {
                stop.stop_price = static_cast<Price>(candidate);
            }
        }
    }

    [[nodiscard]] std::optional<Price> trail_offset(TrailMethod trail, Price watermark) const {
        if (trail.kind == TrailKind::fixed) return trail.distance();
        double offset = 0;
        if (trail.kind == TrailKind::percentage) {
            offset = std::round(static_cast<double>(watermark) * trail.factor());
        } else {
            Wide sum = 0;
            std::uint32_t count = 0;
            for (std::size_t i = fed_.size() - 1; i > 0 && count < trail.period; --i, ++count) {
                const SignedWide change = SignedWide{fed_[i]} - fed_[i - 1];
                sum += static_cast<Wide>(change < 0 ? -change : change);
            }
            if (count == 0) return std::nullopt;
            offset = std::trunc(trail.factor() * (static_cast<double>(sum) / static_cast<double>(count)));
        }
        // Further than any price: it could not tighten the stop.
        if (!(offset < 0x1p63)) return std::nullopt;
        return static_cast<Price>(offset);
    }

    std::uint32_t max_rounds_;
    OrderId next_order_id_ = 1;
    TradeId next_trade_id_ = 1;
    Timestamp next_tick_ = 1;
    std::optional<Price> last_trade_price_;
    std::list<Order> resting_;                     // in order of arrival
    std::map<OrderId, Order> finished_;            // filled, cancelled
    std::map<OrderId, StopOrder> pending_;         // ids are in the order of ticks
    std::map<OrderId, StopOrder> finished_stops_;  // triggered, cancelled
    std::vector<Price> fed_;                       // every price fed to the trails
    std::vector<Trade> trades_;
    std::vector<Event> events_;
    std::uint64_t rounds_that_fired_ = 0;
};

}  // namespace nanobook::test
