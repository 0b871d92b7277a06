// The engine's exchange against the naive one, operation by operation; and what to print and to try where they differ.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <nanobook/exchange/exchange.hpp>
#include <nanobook/exchange/image.hpp>

#include "reference_exchange.hpp"

namespace nanobook::test {

/// An event, or a piece of housekeeping, which no log knows.
struct Operation {
    enum class Kind : std::uint8_t {
        event,
        clear_trades,
        clear_order_history,
        compact,
        reserve,     // memory for a few thousand orders
        move,        // the exchange goes on in another place
        transplant,  // an exchange made of its image takes its place
    };

    Operation(const Event& what) : event(what) {}
    Operation(Kind what) : kind(what) {}

    Kind kind = Kind::event;
    Event event = Event::cancel(0);
};

// ---- as text

// Of values and rows whose own text follows below.
template <class T>
[[nodiscard]] std::string text(const std::optional<T>& value);
template <class T>
[[nodiscard]] std::string text(const std::vector<T>& rows);

[[nodiscard]] inline std::string text(std::integral auto value) { return std::to_string(value); }

[[nodiscard]] inline std::string text(Side side) { return side == Side::buy ? "Side::buy" : "Side::sell"; }

[[nodiscard]] inline std::string text(TimeInForce time_in_force) {
    constexpr const char* names[] = {"gtc", "ioc", "fok"};
    return std::string("TimeInForce::") + names[static_cast<int>(time_in_force)];
}

[[nodiscard]] inline std::string text(OrderStatus status) {
    constexpr const char* names[] = {"new", "partially_filled", "filled", "cancelled", "pending", "triggered"};
    return names[static_cast<int>(status)];
}

[[nodiscard]] inline std::string text(OrderError error) {
    constexpr const char* names[] = {"none", "order_not_found", "order_not_active", "invalid_quantity"};
    return names[static_cast<int>(error)];
}

/// All digits of a double: what is printed can be compiled, and is the same number.
[[nodiscard]] inline std::string text(double value) {
    std::ostringstream out;
    out.precision(std::numeric_limits<double>::max_digits10);
    out << value;
    return out.str();
}

[[nodiscard]] inline std::string text(Wide value) {
    std::string digits;
    do digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(value % 10)));
    while ((value /= 10) > 0);
    return digits;
}

[[nodiscard]] constexpr Wide wide(Total total) { return Wide{total.high} << 64 | total.low; }

[[nodiscard]] inline std::string text(TrailMethod trail) {
    switch (trail.kind) {
        case TrailKind::none: break;
        case TrailKind::fixed: return "TrailMethod::fixed(" + std::to_string(trail.distance()) + ")";
        case TrailKind::percentage: return "TrailMethod::percentage(" + text(trail.factor()) + ")";
        case TrailKind::atr:
            return "TrailMethod::atr(" + text(trail.factor()) + ", " + std::to_string(trail.period) + ")";
    }
    return "TrailMethod{}";
}

/// As C++ that makes it: a sequence that was found becomes a test by copying it.
[[nodiscard]] inline std::string text(const Event& event) {
    const std::string side = text(event.side);
    const std::string price = std::to_string(event.price);
    const std::string quantity = std::to_string(event.quantity) + "U";
    const std::string reference = std::to_string(event.reference) + "U";
    const std::string limit = std::to_string(event.limit_price());
    const std::string trail = text(event.trail());
    const std::string tif = ", " + text(event.time_in_force);
    const std::string crossing = event.matching ? "" : ", false";
    switch (event.kind) {
        case EventKind::submit_limit:
            return "Event::submit_limit(" + side + ", " + price + ", " + quantity + tif + crossing + ")";
        case EventKind::submit_market: return "Event::submit_market(" + side + ", " + quantity + ")";
        case EventKind::cancel: return "Event::cancel(" + reference + ")";
        case EventKind::reduce: return "Event::reduce(" + reference + ", " + quantity + ")";
        case EventKind::modify: return "Event::modify(" + reference + ", " + price + ", " + quantity + crossing + ")";
        case EventKind::submit_stop_market:
            return "Event::submit_stop_market(" + side + ", " + price + ", " + quantity + ")";
        case EventKind::submit_stop_limit:
            return "Event::submit_stop_limit(" + side + ", " + price + ", " + limit + ", " + quantity + tif + ")";
        case EventKind::submit_trailing_stop_market:
            return "Event::submit_trailing_stop_market(" + side + ", " + price + ", " + quantity + ", " + trail + ")";
        case EventKind::submit_trailing_stop_limit:
            return "Event::submit_trailing_stop_limit(" + side + ", " + price + ", " + limit + ", " + quantity + ", " +
                   trail + tif + ")";
        case EventKind::execute:
            return "Event::execute(" + reference + ", " + quantity + ", " + std::to_string(event.match_number()) +
                   ", " + (event.price == Event::own_price ? "Event::own_price" : price) +
                   (event.printable ? ", true)" : ", false)");
        case EventKind::trade:
            return "Event::trade(" + side + ", " + price + ", " + quantity + ", " +
                   std::to_string(event.match_number()) + ")";
    }
    return "an unknown event";
}

[[nodiscard]] inline std::string text(const Operation& operation) {
    switch (operation.kind) {
        case Operation::Kind::event: return text(operation.event);
        case Operation::Kind::clear_trades: return "clear_trades()";
        case Operation::Kind::clear_order_history: return "clear_order_history()";
        case Operation::Kind::compact: return "compact()";
        case Operation::Kind::reserve: return "reserve()";
        case Operation::Kind::move: return "move()";
        case Operation::Kind::transplant: return "transplant()";
    }
    return "an unknown operation";
}

[[nodiscard]] inline std::string text(const Trade& trade) {
    return "trade " + std::to_string(trade.id) + ": " + text(trade.aggressor_side) + " " +
           std::to_string(trade.quantity) + " at " + std::to_string(trade.price) + ", order " +
           std::to_string(trade.aggressor_order_id) + " with " + std::to_string(trade.passive_order_id) + ", tick " +
           std::to_string(trade.timestamp);
}

[[nodiscard]] inline std::string text(const Order& order) {
    return "order " + std::to_string(order.id) + ": " + text(order.side) + " " + std::to_string(order.quantity) +
           " at " + std::to_string(order.price) + " (" + text(order.time_in_force) + ", " + text(order.status) +
           "; remaining " + std::to_string(order.remaining) + ", filled " + std::to_string(order.filled) +
           ", cancelled " + std::to_string(order.cancelled) + "; tick " + std::to_string(order.timestamp) +
           ", of stop " + std::to_string(order.stop_id) + ")";
}

[[nodiscard]] inline std::string text(const StopOrder& stop) {
    return "stop " + std::to_string(stop.id) + ": " + text(stop.side) + " " + std::to_string(stop.quantity) + " at " +
           std::to_string(stop.stop_price) + ", limit " + text(stop.limit_price) + " (" + text(stop.time_in_force) +
           ", " + text(stop.status) + ", " + text(stop.trail) + ", watermark " + text(stop.watermark) + "; tick " +
           std::to_string(stop.timestamp) + ", child " + std::to_string(stop.child_order_id) + ")";
}

[[nodiscard]] inline std::string text(const ReferenceExchange::Row& row) {
    return text(row.quantity) + " of " + std::to_string(row.order_count) + " orders at " + std::to_string(row.price);
}

[[nodiscard]] inline std::string text(const Answer& answer) {
    return "error " + text(answer.error) + ", old id " + std::to_string(answer.old_order_id) + ", taken " +
           std::to_string(answer.taken) + ", id " + std::to_string(answer.order_id) + ", " + text(answer.status) +
           ", filled " + std::to_string(answer.filled) + ", resting " + std::to_string(answer.resting) +
           ", cancelled " + std::to_string(answer.cancelled) + (answer.round_limit_hit ? ", round limit hit" : "") +
           ", trades" + text(answer.trades) + "\n triggered" + text(answer.triggered);
}

template <class T>
[[nodiscard]] std::string text(const std::optional<T>& value) {
    return value ? text(*value) : "none";
}

template <class T>
[[nodiscard]] std::string text(const std::vector<T>& rows) {
    std::string lines;
    for (const T& row : rows) lines += "\n  " + text(row);
    return lines.empty() ? "\n  nothing" : lines;
}

// ---- what the engine says, in the words of the naive exchange

[[nodiscard]] inline std::vector<Trade> copy(TradesView trades) { return {trades.begin(), trades.end()}; }

[[nodiscard]] inline Answer answer_of(const SubmitResult& result) {
    Answer answer;
    answer.order_id = result.order_id;
    answer.status = result.status;
    answer.filled = result.filled;
    answer.resting = result.resting;
    answer.cancelled = result.cancelled;
    answer.trades = copy(result.trades);
    answer.triggered = copy(result.triggered);
    answer.round_limit_hit = result.round_limit_hit;
    return answer;
}

[[nodiscard]] inline Answer answer_of(const CancelResult& result) {
    Answer answer;
    answer.error = result.error;
    answer.taken = result.cancelled;
    return answer;
}

[[nodiscard]] inline Answer answer_of(const ModifyResult& result) {
    Answer answer = answer_of(result.submitted);
    answer.error = result.error;
    answer.old_order_id = result.old_order_id;
    answer.taken = result.cancelled;
    return answer;
}

[[nodiscard]] inline Answer answer_of(const StopSubmitResult& result) {
    Answer answer;
    answer.order_id = result.order_id;
    answer.status = result.status;
    answer.triggered = copy(result.triggered);
    answer.round_limit_hit = result.round_limit_hit;
    return answer;
}

[[nodiscard]] inline Answer answer_of(const PrintResult& result) {
    Answer answer;
    answer.error = result.error;
    answer.taken = result.quantity;
    answer.trades = copy(result.trades);
    answer.triggered = copy(result.triggered);
    answer.round_limit_hit = result.round_limit_hit;
    return answer;
}

[[nodiscard]] inline Answer answer_of(const EventResult& result) {
    return std::visit([](const auto& one) { return answer_of(one); }, result);
}

[[nodiscard]] inline std::vector<ReferenceExchange::Row> rows_of(const std::vector<LevelView>& levels) {
    std::vector<ReferenceExchange::Row> rows;
    rows.reserve(levels.size());
    for (const LevelView& level : levels) rows.push_back({level.price, wide(level.quantity), level.order_count});
    return rows;
}

// ---- the comparison

/// Empty where they are equal, else both.
template <class T>
[[nodiscard]] std::string difference(const char* what, const T& engine, const T& reference) {
    if (engine == reference) return {};
    return std::string(what) + "\n engine: " + text(engine) + "\n reference: " + text(reference) + "\n";
}

/// An exchange of the engine and the naive one, to which the same happens.
template <class Exchange>
class ExchangeDuel {
  public:
    explicit ExchangeDuel(std::uint32_t max_rounds = 100)
        : engine_(ExchangeOptions{.max_rounds = max_rounds}), reference_(max_rounds) {}

    [[nodiscard]] const Exchange& engine() const { return engine_; }
    [[nodiscard]] const ReferenceExchange& reference() const { return reference_; }
    /// To the last event; none where it was refused.
    [[nodiscard]] const std::optional<Answer>& answer() const { return answer_; }

    /// Does it to both. Empty where they answer alike and agree on the best prices, else how they differ.
    [[nodiscard]] std::string apply(const Operation& operation) {
        switch (operation.kind) {
            case Operation::Kind::event: break;
            case Operation::Kind::clear_trades:
                engine_.clear_trades();
                reference_.clear_trades();
                return differs_at_a_glance();
            case Operation::Kind::clear_order_history: {
                history_cleared_ = true;
                const std::uint64_t dropped = engine_.clear_order_history();
                const std::uint64_t expected = reference_.clear_order_history();
                if (dropped != expected) return difference("orders dropped", dropped, expected);
                return differs_at_a_glance();
            }
            case Operation::Kind::compact: engine_.compact(); return differs_at_a_glance();
            case Operation::Kind::reserve: engine_.reserve(5000); return differs_at_a_glance();
            case Operation::Kind::move: {
                Exchange elsewhere(std::move(engine_));
                engine_ = std::move(elsewhere);
                return differs_at_a_glance();
            }
            case Operation::Kind::transplant:
                engine_ = from_image<Exchange>(to_image(engine_));
                return differs_at_a_glance();
        }
        std::optional<Answer> answer;
        try {
            answer = answer_of(engine_.apply(operation.event));
        } catch (const std::invalid_argument&) {
            answer.reset();  // refused: the naive exchange says so with none
        }
        answer_ = reference_.apply(operation.event);
        if (answer != answer_) return difference("answer", answer, answer_);
        return differs_at_a_glance();
    }

    /// What takes no time to compare.
    [[nodiscard]] std::string differs_at_a_glance() const {
        std::optional<Price> bid;
        std::optional<Price> ask;
        for (const Order& order : reference_.resting()) {
            if (order.side == Side::buy && (!bid || order.price > *bid)) bid = order.price;
            if (order.side == Side::sell && (!ask || order.price < *ask)) ask = order.price;
        }
        const std::optional<Price> spread = bid && ask ? std::optional<Price>(*ask - *bid) : std::nullopt;
        if (engine_.best_bid() != bid) return difference("best bid", engine_.best_bid(), bid);
        if (engine_.best_ask() != ask) return difference("best ask", engine_.best_ask(), ask);
        if (engine_.spread() != spread) return difference("spread", engine_.spread(), spread);
        const auto last = reference_.last_trade_price();
        if (engine_.last_trade_price() != last) return difference("last price", engine_.last_trade_price(), last);
        if (engine_.trades().size() != reference_.trades().size()) {
            return difference("number of trades", engine_.trades().size(), reference_.trades().size());
        }
        return {};
    }

    /// Both books whole, and every pending stop.
    [[nodiscard]] std::string differs_in_full() const {
        const BookSnapshot book = engine_.full_book();
        for (const Side side : {Side::buy, Side::sell}) {
            const auto orders = engine_.orders(side);
            if (const auto expected = reference_.orders(side); orders != expected) {
                return difference("orders", orders, expected);
            }
            const auto rows = rows_of(side == Side::buy ? book.bids : book.asks);
            if (const auto expected = reference_.depth(side); rows != expected) {
                return difference("levels", rows, expected);
            }
        }
        const auto stops = engine_.pending_stops();
        if (const auto expected = reference_.pending_stops(); stops != expected) {
            return difference("pending stops", stops, expected);
        }
        return difference("number of pending stops", engine_.pending_stop_count(), std::uint64_t{stops.size()});
    }

    /// What there is to know of one id, known or not.
    [[nodiscard]] std::string differs_at(OrderId id) const {
        if (const auto order = reference_.get_order(id); engine_.get_order(id) != order) {
            return difference("get_order", engine_.get_order(id), order);
        }
        if (const auto stop = reference_.get_stop_order(id); engine_.get_stop_order(id) != stop) {
            return difference("get_stop_order", engine_.get_stop_order(id), stop);
        }
        const auto ahead = engine_.queue_ahead(id);
        const auto found = ahead ? std::optional<Wide>(wide(*ahead)) : std::nullopt;
        return difference("queue_ahead", found, reference_.queue_ahead(id));
    }

    /// At the end: everything there ever was, its own consistency, and a replay.
    [[nodiscard]] std::string differs_after_all() const {
        std::string wrong = differs_in_full();
        for (OrderId id = 0; wrong.empty() && id <= reference_.next_order_id(); ++id) wrong = differs_at(id);
        if (!wrong.empty()) return wrong;
        const auto& trades = reference_.trades();
        if (const auto found = copy(engine_.trades()); found != trades) return difference("trades", found, trades);
        const auto& events = reference_.events();
        const std::vector<Event> logged(engine_.events().begin(), engine_.events().end());
        if (logged != events) return difference("events", logged, events);
        if (wrong = contradicts_itself(); !wrong.empty()) return wrong;
        return differs_when_replayed();
    }

  private:
    /// Section 9 of the specification, of the engine alone.
    [[nodiscard]] std::string contradicts_itself() const {
        Timestamp tick = 0;
        TradeId id = 0;
        for (const Trade& trade : engine_.trades()) {
            if (trade.quantity == 0) return "a trade of quantity 0: " + text(trade);
            if (trade.id <= id || trade.timestamp <= tick) return "ids and ticks do not increase: " + text(trade);
            id = trade.id;
            tick = trade.timestamp;
        }
        tick = 0;
        for (OrderId order_id = 1; order_id < reference_.next_order_id(); ++order_id) {
            const auto order = engine_.get_order(order_id);
            const auto stop = engine_.get_stop_order(order_id);
            if (order && stop) return "an order is a stop: " + text(*order);
            if (order && wide(Total(order->filled) + order->remaining + order->cancelled) != order->quantity) {
                return "quantities do not add up: " + text(*order);
            }
            const Timestamp own = order ? order->timestamp : stop ? stop->timestamp : tick + 1;
            if (own <= tick) return "ticks of orders do not increase at " + std::to_string(order_id);
            tick = own;
        }
        return {};
    }

    /// A replay knows what was cleared here, but nothing else may differ.
    [[nodiscard]] std::string differs_when_replayed() const {
        const Exchange again = Exchange::replay(engine_.events(), engine_.options());
        if (again.state_hash() != engine_.state_hash()) return "a replay has another state hash";
        const auto other = BasicExchange<NoEventLog, 7>::replay(engine_.events(), engine_.options());
        if (other.state_hash() != engine_.state_hash()) return "a replay with other slack has another state hash";
        for (const Side side : {Side::buy, Side::sell}) {
            if (again.orders(side) != engine_.orders(side)) {
                return difference("orders of a replay", again.orders(side), engine_.orders(side));
            }
        }
        if (again.full_book() != engine_.full_book()) return "a replay has other levels";
        if (again.last_trade_price() != engine_.last_trade_price()) return "a replay has another last price";
        for (OrderId id = 0; id <= reference_.next_order_id(); ++id) {
            const auto order = engine_.get_order(id);
            if ((order || !history_cleared_) && again.get_order(id) != order) {
                return difference("order of a replay", again.get_order(id), order);
            }
            if (again.get_stop_order(id) != engine_.get_stop_order(id)) {
                return difference("stop of a replay", again.get_stop_order(id), engine_.get_stop_order(id));
            }
        }
        const std::size_t kept = engine_.trades().size();
        if (again.trades().size() < kept) return "a replay has fewer trades";
        const std::size_t cleared = again.trades().size() - kept;
        for (std::size_t i = 0; i < kept; ++i) {
            if (again.trades()[cleared + i] != engine_.trades()[i]) {
                return difference("trade of a replay", again.trades()[cleared + i], engine_.trades()[i]);
            }
        }
        if (again.events().size() != engine_.events().size()) return "a replay has another log";
        return {};
    }

    Exchange engine_;
    ReferenceExchange reference_;
    std::optional<Answer> answer_;
    bool history_cleared_ = false;
};

// ---- when they differ

/// Runs the operations until the first difference. Empty if there is none.
template <class Exchange>
[[nodiscard]] std::string first_difference(const std::vector<Operation>& operations, std::uint32_t max_rounds) {
    ExchangeDuel<Exchange> duel(max_rounds);
    for (std::size_t i = 0; i < operations.size(); ++i) {
        std::string wrong = duel.apply(operations[i]);
        if (wrong.empty()) wrong = duel.differs_in_full();
        if (!wrong.empty()) return "after operation " + std::to_string(i) + ": " + wrong;
    }
    return duel.differs_after_all();
}

/// Leaves out whatever is not needed for a difference to remain, larger pieces first.
template <class Exchange>
[[nodiscard]] std::vector<Operation> shrink(std::vector<Operation> operations, std::uint32_t max_rounds) {
    // Whatever comes after the first difference first: `first_difference` stops there anyhow.
    for (std::size_t piece = operations.size() / 2; piece > 0;) {
        bool shorter = false;
        for (std::size_t end = operations.size(); end >= piece; end -= piece) {
            std::vector<Operation> fewer = operations;
            const auto last = fewer.begin() + static_cast<std::ptrdiff_t>(end);
            fewer.erase(last - static_cast<std::ptrdiff_t>(piece), last);
            if (first_difference<Exchange>(fewer, max_rounds).empty()) continue;
            operations = std::move(fewer);
            shorter = true;
        }
        if (piece > 1 || !shorter) piece /= 2;
    }
    return operations;
}

/// A report of a difference: the shortest sequence found that still shows one, as C++.
template <class Exchange>
[[nodiscard]] std::string report(const std::vector<Operation>& operations, std::uint32_t max_rounds) {
    const auto fewer = shrink<Exchange>(operations, max_rounds);
    std::string lines = "a shorter sequence, with max_rounds " + std::to_string(max_rounds) + ":\n";
    for (const Operation& operation : fewer) lines += "    " + text(operation) + ",\n";
    return lines + first_difference<Exchange>(fewer, max_rounds);
}

}  // namespace nanobook::test
