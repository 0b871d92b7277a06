// An exchange: orders in, trades out, one symbol. Deterministic: the same inputs give the same ids, ticks and trades.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include <nanobook/book/book.hpp>
#include <nanobook/core/order.hpp>
#include <nanobook/core/symbol.hpp>
#include <nanobook/core/total.hpp>
#include <nanobook/core/trade.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/detail/append_log.hpp>
#include <nanobook/detail/hasher.hpp>
#include <nanobook/exchange/event.hpp>
#include <nanobook/exchange/event_log.hpp>
#include <nanobook/exchange/matching.hpp>
#include <nanobook/exchange/order_table.hpp>
#include <nanobook/exchange/results.hpp>
#include <nanobook/exchange/stops.hpp>
#include <nanobook/exchange/validation.hpp>

namespace nanobook {

struct ExchangeOptions {
    Symbol symbol = {};
    std::uint32_t max_rounds = 100;  ///< how often stops may fire stops after one order
    std::uint32_t price_scale = 2;   ///< decimals of a price, for those who show it: 2 for cents, 4 for ITCH
};

/// Reads and writes the state of an exchange: see image.hpp.
template <class Exchange>
struct ExchangeImage;

/// `Log` is EventLog, or NoEventLog where nothing shall be kept. An exchange belongs to one thread at a time. It can be
/// moved, but views of its trades and events then refer to the old one.
///
/// The functions that take orders have preconditions: prices and quantities of at least 1, trails that `check` accepts.
/// Their `try_` twins, and `apply`, check.
template <class Log = EventLog, std::uint32_t Slack = 32>
class BasicExchange {
  public:
    using Levels = nanobook::Levels<OrderId, Slack, true>;

    explicit BasicExchange(ExchangeOptions options = {}) : options_(options), stops_(std::make_unique<StopBook>()) {}

    // ------------------------------------------------------------------ orders

    /// `matching` is false for market data: the order, which must be gtc, rests whatever it crosses.
    SubmitResult submit_limit(Side side, Price price, Quantity quantity, TimeInForce time_in_force = TimeInForce::gtc,
                              bool matching = true) {
        assert(price >= matching && quantity > 0 && (matching || time_in_force == TimeInForce::gtc));
        log_.push([&] { return Event::submit_limit(side, price, quantity, time_in_force, matching); });
        SubmitResult result = place(side, price, quantity, time_in_force, matching);
        fire_stops(result);
        return result;
    }

    SubmitResult submit_market(Side side, Quantity quantity) {
        assert(quantity > 0);
        log_.push([&] { return Event::submit_market(side, quantity); });
        SubmitResult result = place(side, worst_price(side), quantity, TimeInForce::ioc);
        fire_stops(result);
        return result;
    }

    /// Of an order that rests, or of a pending stop.
    CancelResult cancel(OrderId id) {
        log_.push([&] { return Event::cancel(id); });
        OrderSlot* const slot = orders_.find(id);
        if (slot != nullptr && slot->kind == SlotKind::stop)
            return cancel_stop(static_cast<StopNumber>(slot->remaining));
        const OrderError error = why_not_active(slot);
        if (error != OrderError::none) return {error};
        return {OrderError::none, take_off(id, *slot)};
    }

    /// Takes `quantity` off an order that rests, which keeps its priority; all of it is a cancel.
    CancelResult reduce(OrderId id, Quantity quantity) {
        log_.push([&] { return Event::reduce(id, quantity); });
        if (quantity == 0) return {OrderError::invalid_quantity};
        OrderSlot* const slot = orders_.find(id);
        const OrderError error = why_not_active(slot);
        if (error != OrderError::none) return {error};
        if (quantity >= slot->remaining) return {OrderError::none, take_off(id, *slot)};
        slot->remaining -= quantity;
        orders_.add_reduced(id, quantity);
        Book::reduce(levels_, slot->level, quantity);
        return {OrderError::none, quantity};
    }

    /// Cancels an order that rests and submits another of its side and time in force: a new id, priority lost. It may
    /// trade, and fires stops like every other.
    ModifyResult modify(OrderId id, Price new_price, Quantity new_quantity, bool matching = true) {
        assert(new_price >= matching);
        log_.push([&] { return Event::modify(id, new_price, new_quantity, matching); });
        ModifyResult result;
        result.old_order_id = id;
        if (new_quantity == 0) {
            result.error = OrderError::invalid_quantity;
            return result;
        }
        OrderSlot* const slot = orders_.find(id);
        result.error = why_not_active(slot);
        if (result.error != OrderError::none) return result;
        const Side side = slot->side;
        const TimeInForce time_in_force = slot->time_in_force;
        result.cancelled = take_off(id, *slot);
        result.submitted = place(side, new_price, new_quantity, time_in_force, matching);
        fire_stops(result.submitted);
        return result;
    }

    // ------------------------------------------------------------------ stops

    StopSubmitResult submit_stop_market(Side side, Price stop_price, Quantity quantity) {
        return submit_stop(Event::submit_stop_market(side, stop_price, quantity));
    }
    StopSubmitResult submit_stop_limit(Side side, Price stop_price, Price limit_price, Quantity quantity,
                                       TimeInForce time_in_force = TimeInForce::gtc) {
        return submit_stop(Event::submit_stop_limit(side, stop_price, limit_price, quantity, time_in_force));
    }
    StopSubmitResult submit_trailing_stop_market(Side side, Price stop_price, Quantity quantity, TrailMethod trail) {
        return submit_stop(Event::submit_trailing_stop_market(side, stop_price, quantity, trail));
    }
    StopSubmitResult submit_trailing_stop_limit(Side side, Price stop_price, Price limit_price, Quantity quantity,
                                                TrailMethod trail, TimeInForce time_in_force = TimeInForce::gtc) {
        return submit_stop(
            Event::submit_trailing_stop_limit(side, stop_price, limit_price, quantity, trail, time_in_force));
    }

    // ------------------------------------------------------------------ market data

    /// An order that rests was filled elsewhere, at its own price unless another is told. What rests bounds the
    /// quantity. A print, like every trade: it sets the last price and fires stops.
    PrintResult execute(OrderId id, Quantity quantity, std::uint64_t match_number, Price price = Event::own_price,
                        bool printable = true) {
        assert(quantity > 0);
        log_.push([&] { return Event::execute(id, quantity, match_number, price, printable); });
        PrintResult result;
        OrderSlot* const slot = orders_.find(id);
        result.error = why_not_active(slot);
        if (result.error != OrderError::none) return result;
        result.quantity = std::min(quantity, slot->remaining);
        if (price == Event::own_price) price = levels_[slot->level].price;
        slot->remaining -= result.quantity;
        if (slot->remaining == 0) {
            // Nothing of it is left, but the level still counts the quantity.
            const LevelId level = std::exchange(slot->level, no_level);
            slot->status = OrderStatus::filled;
            book_.remove(levels_, level, id, result.quantity, orders_);
        } else {
            slot->status = OrderStatus::partially_filled;
            Book::reduce(levels_, slot->level, result.quantity);
        }
        if (printable) print(result, {0, price, result.quantity, 0, id, 0, opposite(slot->side)});
        return result;
    }

    /// A trade off the book.
    PrintResult trade(Side aggressor_side, Price price, Quantity quantity, std::uint64_t match_number) {
        assert(price >= 0 && quantity > 0);
        log_.push([&] { return Event::trade(aggressor_side, price, quantity, match_number); });
        PrintResult result;
        result.quantity = quantity;
        print(result, {0, price, quantity, 0, 0, 0, aggressor_side});
        return result;
    }

    // ------------------------------------------------------------------ checked

    Try<SubmitResult> try_submit_limit(Side side, Price price, Quantity quantity,
                                       TimeInForce time_in_force = TimeInForce::gtc) {
        if (price <= 0) return InputError::price_not_positive;
        if (quantity == 0) return InputError::zero_quantity;
        return submit_limit(side, price, quantity, time_in_force);
    }
    Try<SubmitResult> try_submit_market(Side side, Quantity quantity) {
        if (quantity == 0) return InputError::zero_quantity;
        return submit_market(side, quantity);
    }
    Try<ModifyResult> try_modify(OrderId id, Price new_price, Quantity new_quantity) {
        if (new_price <= 0) return InputError::price_not_positive;
        return modify(id, new_price, new_quantity);
    }
    Try<StopSubmitResult> try_submit_stop_market(Side side, Price stop_price, Quantity quantity) {
        return try_submit_stop(Event::submit_stop_market(side, stop_price, quantity));
    }
    Try<StopSubmitResult> try_submit_stop_limit(Side side, Price stop_price, Price limit_price, Quantity quantity,
                                                TimeInForce time_in_force = TimeInForce::gtc) {
        return try_submit_stop(Event::submit_stop_limit(side, stop_price, limit_price, quantity, time_in_force));
    }
    Try<StopSubmitResult> try_submit_trailing_stop_market(Side side, Price stop_price, Quantity quantity,
                                                          TrailMethod trail) {
        return try_submit_stop(Event::submit_trailing_stop_market(side, stop_price, quantity, trail));
    }
    Try<StopSubmitResult> try_submit_trailing_stop_limit(Side side, Price stop_price, Price limit_price,
                                                         Quantity quantity, TrailMethod trail,
                                                         TimeInForce time_in_force = TimeInForce::gtc) {
        return try_submit_stop(
            Event::submit_trailing_stop_limit(side, stop_price, limit_price, quantity, trail, time_in_force));
    }

    // ------------------------------------------------------------------ events

    /// Does what an event says. std::invalid_argument where it means nothing; then nothing has happened.
    EventResult apply(const Event& event) {
        EventResult result;
        dispatch(event, [&](const auto& answer) { result = answer; });
        return result;
    }

    template <class Events>
    void apply_all(const Events& events) {
        for (const Event& event : events) dispatch(event, [](const auto&) {});
    }

    /// A new exchange to which all that happened.
    template <class Events>
    [[nodiscard]] static BasicExchange replay(const Events& events, ExchangeOptions options = {}) {
        BasicExchange exchange(options);
        exchange.apply_all(events);
        return exchange;
    }

    /// What it was told, in order, whether or not it succeeded.
    [[nodiscard]] EventsView events() const noexcept { return log_.events().view(); }
    /// To switch it off or on. Events that come while it is off are lost to it.
    [[nodiscard]] Log& log() noexcept { return log_; }
    [[nodiscard]] const Log& log() const noexcept { return log_; }

    // ------------------------------------------------------------------ questions

    [[nodiscard]] const ExchangeOptions& options() const noexcept { return options_; }
    /// Names an exchange that has no name yet. It decides nothing.
    void set_symbol(Symbol symbol) noexcept { options_.symbol = symbol; }
    [[nodiscard]] std::optional<Price> best_bid() const noexcept { return book_.best(Side::buy); }
    [[nodiscard]] std::optional<Price> best_ask() const noexcept { return book_.best(Side::sell); }
    /// Best ask less best bid.
    [[nodiscard]] std::optional<Price> spread() const noexcept {
        const auto bid = best_bid();
        const auto ask = best_ask();
        if (!bid || !ask) return std::nullopt;
        return *ask - *bid;
    }
    [[nodiscard]] std::optional<Price> last_trade_price() const noexcept { return last_price_; }

    /// The best levels of a side into `rows`, best first; how many.
    std::size_t depth(Side side, std::span<LevelView> rows) const noexcept { return book_.depth(levels_, side, rows); }
    [[nodiscard]] BookSnapshot depth(std::size_t levels) const { return book_.snapshot(levels_, levels); }
    [[nodiscard]] BookSnapshot full_book() const { return depth(std::numeric_limits<std::size_t>::max()); }

    /// Every resting order of a side, best price first, then by arrival.
    [[nodiscard]] std::vector<Order> orders(Side side) const {
        std::vector<Order> all;
        book_.for_each_order(levels_, side, orders_, [&](OrderId id, const auto&) { all.push_back(order(id)); });
        return all;
    }

    /// What rests before an order at its own price; none where it does not rest.
    [[nodiscard]] std::optional<Total> queue_ahead(OrderId id) const noexcept {
        const OrderSlot* const slot = orders_.find(id);
        if (slot == nullptr || slot->level == no_level) return std::nullopt;
        return Book::queue_ahead(levels_, id, orders_);
    }

    /// Resting or finished; none for stops, refused FOKs and cleared history.
    [[nodiscard]] std::optional<Order> get_order(OrderId id) const {
        const OrderSlot* const slot = orders_.find(id);
        if (slot == nullptr || slot->kind != SlotKind::order) return std::nullopt;
        return order(id);
    }

    [[nodiscard]] std::optional<StopOrder> get_stop_order(OrderId id) const {
        const OrderSlot* const slot = orders_.find(id);
        if (slot == nullptr || slot->kind != SlotKind::stop) return std::nullopt;
        return stops_->get(static_cast<StopNumber>(slot->remaining));
    }

    [[nodiscard]] std::uint64_t pending_stop_count() const noexcept { return stops_->pending(); }
    /// In order of their ticks.
    [[nodiscard]] std::vector<StopOrder> pending_stops() const {
        std::vector<StopOrder> pending;
        for (StopNumber number = 1; number < stops_->end(); ++number) {
            if ((*stops_)[number].is_pending()) pending.push_back(stops_->get(number));
        }
        return pending;
    }

    /// Since they were last cleared.
    [[nodiscard]] TradesView trades() const noexcept { return trades_.view(); }
    [[nodiscard]] const detail::AppendLog<Trade>& trade_log() const noexcept { return trades_; }

    // ------------------------------------------------------------------ housekeeping

    /// Empties the list of trades, and nothing else.
    void clear_trades() { trades_.clear(); }

    /// Forgets the orders that do not rest; how many. Stops are kept.
    std::uint64_t clear_order_history() { return orders_.forget_finished(); }

    /// Drops every tombstone. Levels that need it are compacted by themselves.
    void compact() {
        for (const Side side : {Side::buy, Side::sell}) {
            const Ladder& ladder = book_.ladder(side);
            for (std::size_t i = 0; i < ladder.size(); ++i) levels_.compact(ladder[i], orders_);
        }
    }

    /// Memory for so many orders more, each with an event and a trade, touched: no page fault comes in between.
    void reserve(std::uint64_t orders) {
        orders_.reserve(orders);
        log_.reserve(orders);
        trades_.reserve(orders);
        stops_->history().reserve(orders);
    }

    /// Bytes taken from the system for orders, resting and finished, and for the queues of the book.
    [[nodiscard]] std::size_t order_memory() const noexcept { return orders_.bytes() + levels_.bytes(); }

    /// Equal for exchanges that will answer alike, in every build: counters, last price, resting orders, stops and what
    /// the trails have seen. Finished orders, trades and the log do not decide what comes, and have no part in it.
    [[nodiscard]] std::uint64_t state_hash() const {
        detail::Hasher hasher;
        hasher.add(options_.max_rounds, orders_.next_id(), next_trade_, next_tick_, last_price_.has_value(),
                   last_price_.value_or(0));
        for (const Side side : {Side::buy, Side::sell}) {
            book_.for_each_order(levels_, side, orders_, [&](OrderId id, const auto& level) {
                const Order resting = order(id);
                hasher.add(id, level.price, resting.remaining, resting.filled, resting.timestamp, resting.stop_id);
            });
            // So that one side's orders are not the other's.
            hasher.add(~OrderId{0});
        }
        for (StopNumber number = 1; number < stops_->end(); ++number) {
            const StopOrder stop = stops_->get(number);
            hasher.add(stop.id, static_cast<int>(stop.side), stop.stop_price, stop.limit_price.value_or(0),
                       stop.quantity, static_cast<int>(stop.status), stop.timestamp,
                       static_cast<int>(stop.time_in_force), static_cast<int>(stop.trail.kind), stop.trail.period,
                       stop.trail.bits, stop.watermark.has_value(), stop.watermark.value_or(0), stop.child_order_id);
        }
        for (const Price price : stops_->history().prices().view()) hasher.add(price);
        return hasher.value();
    }

  private:
    friend struct ExchangeImage<BasicExchange>;

    // ------------------------------------------------------------------ matching

    // One order and its own match; no stop is tested. Inline, because half of its time would be spent on arguments and
    // results.
    [[gnu::always_inline]] inline SubmitResult place(Side side, Price price, Quantity quantity,
                                                     TimeInForce time_in_force, bool matching = true) {
        const OrderId id = orders_.take_id();
        const Timestamp timestamp = next_tick_++;
        const Ladder& resting = book_.ladder(opposite(side));
        if (matching && !resting.empty() && Ladder::is_crossed(side, price, resting.best_rank())) {
            return place_crossing(id, timestamp, side, price, quantity, time_in_force);
        }
        if (time_in_force == TimeInForce::gtc) [[likely]] {
            const LevelId level = rest(side, price, id, quantity);
            write(quantity, level, OrderStatus::new_, side, time_in_force, price, quantity, timestamp);
            return result(id, quantity, quantity, OrderStatus::new_, trades_.size());
        }
        return place_idle(id, timestamp, side, price, quantity, time_in_force);
    }

    // It trades, or is a FOK that is short.
    [[gnu::noinline]] SubmitResult place_crossing(OrderId id, Timestamp timestamp, Side side, Price price,
                                                  Quantity quantity, TimeInForce time_in_force) {
        if (time_in_force == TimeInForce::fok && !can_fill(book_, levels_, side, price, quantity)) {
            return place_idle(id, timestamp, side, price, quantity, time_in_force);
        }
        const std::uint64_t first_trade = trades_.size();
        const Quantity left =
            match(book_, levels_, orders_, side, price, quantity, [&](OrderId passive, Price at, Quantity filled) {
                trades_.emplace([&] { return Trade{next_trade_++, at, filled, id, passive, next_tick_++, side}; });
            });
        last_price_ = trades_.back().price;
        const OrderStatus status = left == 0 ? OrderStatus::filled : OrderStatus::partially_filled;
        const bool rests = left > 0 && time_in_force == TimeInForce::gtc;
        const LevelId level = rests ? rest(side, price, id, left) : no_level;
        write(left, level, status, side, time_in_force, price, quantity, timestamp);
        return result(id, quantity, left, status, first_trade, rests);
    }

    // It neither trades nor rests. A FOK leaves no order behind.
    [[gnu::noinline]] SubmitResult place_idle(OrderId id, Timestamp timestamp, Side side, Price price,
                                              Quantity quantity, TimeInForce time_in_force) {
        if (time_in_force == TimeInForce::fok) {
            orders_.last_slot() = {};
        } else {
            write(quantity, no_level, OrderStatus::cancelled, side, time_in_force, price, quantity, timestamp);
        }
        return result(id, quantity, quantity, OrderStatus::cancelled, trades_.size(), false);
    }

    // A level is where the last order of its price found it, or is searched for: half of a random search is wrong
    // guesses of the processor.
    LevelId rest(Side side, Price price, OrderId id, Quantity quantity) {
        LevelId& hint = hints_[(static_cast<std::size_t>(price) * 2 + static_cast<std::size_t>(side)) % hints];
        if (hint != no_level) [[likely]] {
            const auto& level = levels_[hint];
            if (level.count != 0 && level.price == price && level.side == side) [[likely]] {
                levels_.append(hint, id, quantity);
                return hint;
            }
        }
        return hint = book_.add(levels_, 0, side, price, id, quantity);
    }

    // Slot and record of the id taken last.
    void write(Quantity left, LevelId level, OrderStatus status, Side side, TimeInForce time_in_force, Price price,
               Quantity quantity, Timestamp timestamp) noexcept {
        OrderSlot& slot = orders_.last_slot();
        slot.remaining = left;
        slot.level = level;
        slot.status = status;
        slot.kind = SlotKind::order;
        slot.side = side;
        slot.time_in_force = time_in_force;
        OrderRecord& record = orders_.last_record();
        record.price = price;
        record.quantity = quantity;
        record.timestamp = timestamp;
    }

    [[nodiscard]] SubmitResult result(OrderId id, Quantity quantity, Quantity left, OrderStatus status,
                                      std::uint64_t first_trade, bool rests = true) const noexcept {
        const std::uint64_t trades = trades_.size();
        return {id,
                quantity - left,
                rests ? left : 0,
                rests ? 0 : left,
                {trades_, first_trade, trades - first_trade},
                {trades_, trades, 0},
                status};
    }

    [[nodiscard]] static OrderError why_not_active(const OrderSlot* slot) noexcept {
        if (slot == nullptr || slot->kind != SlotKind::order) return OrderError::order_not_found;
        return slot->level == no_level ? OrderError::order_not_active : OrderError::none;
    }

    // Takes an order that rests off the book. What is left of it stays in its slot: that is what was cancelled.
    Quantity take_off(OrderId id, OrderSlot& slot) {
        const Quantity left = slot.remaining;
        const LevelId level = std::exchange(slot.level, no_level);
        slot.status = OrderStatus::cancelled;
        book_.remove(levels_, level, id, left, orders_);
        return left;
    }

    // ------------------------------------------------------------------ stops

    CancelResult cancel_stop(StopNumber number) {
        if (!(*stops_)[number].is_pending()) return {OrderError::order_not_active};
        stops_->cancel(number);
        return {OrderError::none, (*stops_)[number].quantity};
    }

    StopSubmitResult submit_stop(const Event& event) {
        assert(check(event) == InputError::none);
        log_.push([&] { return event; });
        StopSubmitResult result;
        result.order_id = orders_.take_id();
        const StopNumber number = stops_->add(result.order_id, next_tick_++, event);
        orders_.slot(result.order_id) = {number,         no_level,   OrderStatus::pending,
                                         SlotKind::stop, event.side, event.time_in_force};
        // A trailing stop waits for its first price.
        if (event.trail_kind != TrailKind::none || !last_price_ ||
            stop_rank(event.side, *last_price_) > (*stops_)[number].rank) {
            stops_->arm(number);
            return result;
        }
        result.status = OrderStatus::triggered;
        const std::uint64_t first_trade = trades_.size();
        (*stops_)[number].status = OrderStatus::triggered;
        if (fire(number)) result.round_limit_hit = !run_rounds();
        result.triggered = {trades_, first_trade, trades_.size() - first_trade};
        return result;
    }

    Try<StopSubmitResult> try_submit_stop(const Event& event) {
        const InputError error = check(event);
        if (error != InputError::none) return error;
        return submit_stop(event);
    }

    // After a match: tests the stops on its last print.
    template <class Result>
    void fire_stops(Result& result) {
        if (result.trades.empty()) return;
        const std::uint64_t first_trade = trades_.size();
        result.round_limit_hit = !run_rounds();
        result.triggered = {trades_, first_trade, trades_.size() - first_trade};
    }

    // Tests the stops on the last price, then on that of every round that traded. False where it had to give up.
    bool run_rounds() {
        if (stops_->pending() == 0 && options_.max_rounds > 0) {
            stops_->history().feed(*last_price_);
            return true;
        }
        return run_all_rounds();
    }

    [[gnu::noinline]] bool run_all_rounds() {
        for (std::uint32_t round = 0; round < options_.max_rounds; ++round) {
            stops_->history().feed(*last_price_);
            bool traded = false;
            for (const StopNumber number : stops_->feed(*last_price_)) traded |= fire(number);
            if (!traded) return true;
        }
        return false;
    }

    // Submits the order that a triggered stop becomes. Whether it traded.
    bool fire(StopNumber number) {
        StopRecord& stop = (*stops_)[number];
        stop.child = orders_.next_id();
        children_.push_back({stop.child, stop.id});
        const Price price = stop.limit_price == 0 ? worst_price(stop.side) : stop.limit_price;
        return !place(stop.side, price, stop.quantity, stop.time_in_force).trades.empty();
    }

    void print(PrintResult& result, Trade trade) {
        trade.id = next_trade_++;
        trade.timestamp = next_tick_++;
        result.trades = {trades_, trades_.size(), 1};
        trades_.push(trade);
        last_price_ = trade.price;
        fire_stops(result);
    }

    // ------------------------------------------------------------------ the rest

    template <class Answer>
    void dispatch(const Event& event, Answer&& answer) {
        const InputError error = check(event);
        if (error != InputError::none) [[unlikely]]
            refuse(error, event);
        switch (event.kind) {
            case EventKind::submit_limit:
                answer(submit_limit(event.side, event.price, event.quantity, event.time_in_force, event.matching));
                break;
            case EventKind::submit_market: answer(submit_market(event.side, event.quantity)); break;
            case EventKind::cancel: answer(cancel(event.order_id())); break;
            case EventKind::reduce: answer(reduce(event.order_id(), event.quantity)); break;
            case EventKind::modify:
                answer(modify(event.order_id(), event.price, event.quantity, event.matching));
                break;
            case EventKind::submit_stop_market:
            case EventKind::submit_stop_limit:
            case EventKind::submit_trailing_stop_market:
            case EventKind::submit_trailing_stop_limit: answer(submit_stop(event)); break;
            case EventKind::execute:
                answer(execute(event.order_id(), event.quantity, event.match_number(), event.price, event.printable));
                break;
            case EventKind::trade: answer(trade(event.side, event.price, event.quantity, event.match_number())); break;
        }
    }

    [[noreturn, gnu::noinline]] static void refuse(InputError error, const Event& event) {
        throw std::invalid_argument(describe(error, event));
    }

    // The id must be that of an order.
    [[nodiscard]] Order order(OrderId id) const {
        const OrderSlot& slot = orders_.slot(id);
        const OrderRecord& record = orders_.record(id);
        Order order{};
        order.id = id;
        order.price = record.price;
        order.quantity = record.quantity;
        (slot.level != no_level ? order.remaining : order.cancelled) = slot.remaining;
        const Quantity reduced = orders_.reduced(id);
        order.cancelled += reduced;
        order.filled = record.quantity - reduced - slot.remaining;
        order.timestamp = record.timestamp;
        order.stop_id = stop_of(id);
        order.side = slot.side;
        order.time_in_force = slot.time_in_force;
        order.status = slot.status;
        return order;
    }

    [[nodiscard]] OrderId stop_of(OrderId child) const noexcept {
        const auto at = std::lower_bound(children_.begin(), children_.end(), child,
                                         [](const Child& c, OrderId id) { return c.order_id < id; });
        return at != children_.end() && at->order_id == child ? at->stop_id : 0;
    }

    struct Child {
        OrderId order_id;
        OrderId stop_id;
    };

    static constexpr std::size_t hints = 1024;

    ExchangeOptions options_;
    Book book_;
    Levels levels_;
    OrderTable orders_;
    detail::AppendLog<Trade> trades_;
    Log log_;
    TradeId next_trade_ = 1;
    Timestamp next_tick_ = 1;
    std::optional<Price> last_price_;
    std::unique_ptr<StopBook> stops_;  // it stays where it is when the exchange is moved
    std::unique_ptr<LevelId[]> hints_ = std::make_unique<LevelId[]>(hints);  // by price and side
    std::vector<Child> children_;                                            // of fired stops, in order of their ids
};

using Exchange = BasicExchange<>;

}  // namespace nanobook
