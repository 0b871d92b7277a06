// An event is one input of an exchange: what its log keeps, a replay applies and a file of events holds.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>

namespace nanobook {

/// What an event does to the book.
enum class EventKind : std::uint8_t {
    submit_limit,                 ///< matches, and what is left of a GTC order rests
    submit_market,                ///< matches at any price; nothing rests
    cancel,                       ///< takes an order off the book, or a pending stop out of the way
    reduce,                       ///< takes a part off an order, which keeps its priority
    modify,                       ///< a cancel, then a new limit order: priority is lost
    submit_stop_market,           ///< waits for a price, then is a market order
    submit_stop_limit,            ///< waits for a price, then is a limit order
    submit_trailing_stop_market,  ///< a stop whose price follows the market
    submit_trailing_stop_limit,   ///< the same with a limit price, which does not move
    execute,                      ///< market data: an order that rests was filled, by whom is not told
    trade,                        ///< market data: a trade off the book
};
inline constexpr std::size_t event_kinds = 11;

enum class TrailKind : std::uint8_t {
    none,
    fixed,       ///< by a number of price units
    percentage,  ///< by a fraction of the best price seen
    atr,         ///< by a multiple of the mean absolute change of the last prices
};

/// How far a trailing stop stays behind the best price seen.
struct TrailMethod {
    TrailKind kind = TrailKind::none;
    std::uint32_t period = 0;  ///< atr: how many changes the mean is of
    std::uint64_t bits = 0;    ///< a Price if fixed, else a double

    [[nodiscard]] static constexpr TrailMethod fixed(Price distance) noexcept {
        return {TrailKind::fixed, 0, std::bit_cast<std::uint64_t>(distance)};
    }
    [[nodiscard]] static constexpr TrailMethod percentage(double fraction) noexcept {
        return {TrailKind::percentage, 0, std::bit_cast<std::uint64_t>(fraction)};
    }
    [[nodiscard]] static constexpr TrailMethod atr(double multiplier, std::uint32_t period) noexcept {
        return {TrailKind::atr, period, std::bit_cast<std::uint64_t>(multiplier)};
    }

    [[nodiscard]] constexpr Price distance() const noexcept { return std::bit_cast<Price>(bits); }
    /// The fraction or the multiplier.
    [[nodiscard]] constexpr double factor() const noexcept { return std::bit_cast<double>(bits); }

    friend constexpr bool operator==(const TrailMethod&, const TrailMethod&) noexcept = default;
};

/// Made by the functions named like its kinds. Fields that a kind has no use for are zero, so that events compare by
/// their fields.
struct Event {
    /// The price of an execution that happened at the resting order's own.
    static constexpr Price own_price = std::numeric_limits<Price>::min();

    EventKind kind;
    Side side = Side::buy;
    TimeInForce time_in_force = TimeInForce::gtc;
    TrailKind trail_kind : 4 = TrailKind::none;
    /// Of a limit order or a modify: false for market data, whose orders rest where they say even in a crossed book.
    /// Such a limit order is gtc.
    bool matching : 1 = true;
    /// Of an execution: false where the trade is printed elsewhere, so that only the order shrinks.
    bool printable : 1 = true;
    std::uint32_t trail_period = 0;
    Price price = 0;  ///< limit price, stop price, new price, or that of an execution or trade
    Quantity quantity = 0;
    std::uint64_t reference = 0;  ///< order id, or the limit price of a stop
    std::uint64_t value = 0;      ///< bits of the trail, or match number
    Symbol symbol = {};           ///< only in a stream of several symbols

    [[nodiscard]] OrderId order_id() const noexcept { return reference; }
    [[nodiscard]] Price limit_price() const noexcept { return std::bit_cast<Price>(reference); }
    [[nodiscard]] std::uint64_t match_number() const noexcept { return value; }
    [[nodiscard]] TrailMethod trail() const noexcept { return {trail_kind, trail_period, value}; }

    [[nodiscard]] static Event submit_limit(Side side, Price price, Quantity quantity,
                                            TimeInForce time_in_force = TimeInForce::gtc, bool matching = true) {
        Event event{EventKind::submit_limit, side, time_in_force};
        event.matching = matching;
        event.price = price;
        event.quantity = quantity;
        return event;
    }
    [[nodiscard]] static Event submit_market(Side side, Quantity quantity) {
        Event event{EventKind::submit_market, side};
        event.quantity = quantity;
        return event;
    }
    [[nodiscard]] static Event cancel(OrderId id) {
        Event event{EventKind::cancel};
        event.reference = id;
        return event;
    }
    [[nodiscard]] static Event reduce(OrderId id, Quantity quantity) {
        Event event{EventKind::reduce};
        event.reference = id;
        event.quantity = quantity;
        return event;
    }
    [[nodiscard]] static Event modify(OrderId id, Price new_price, Quantity new_quantity, bool matching = true) {
        Event event{EventKind::modify};
        event.matching = matching;
        event.reference = id;
        event.price = new_price;
        event.quantity = new_quantity;
        return event;
    }
    [[nodiscard]] static Event submit_stop_market(Side side, Price stop_price, Quantity quantity) {
        Event event{EventKind::submit_stop_market, side};
        event.price = stop_price;
        event.quantity = quantity;
        return event;
    }
    [[nodiscard]] static Event submit_stop_limit(Side side, Price stop_price, Price limit_price, Quantity quantity,
                                                 TimeInForce time_in_force = TimeInForce::gtc) {
        Event event{EventKind::submit_stop_limit, side, time_in_force};
        event.price = stop_price;
        event.reference = std::bit_cast<std::uint64_t>(limit_price);
        event.quantity = quantity;
        return event;
    }
    [[nodiscard]] static Event submit_trailing_stop_market(Side side, Price stop_price, Quantity quantity,
                                                           TrailMethod trail) {
        Event event = submit_stop_market(side, stop_price, quantity);
        event.kind = EventKind::submit_trailing_stop_market;
        event.set_trail(trail);
        return event;
    }
    [[nodiscard]] static Event submit_trailing_stop_limit(Side side, Price stop_price, Price limit_price,
                                                          Quantity quantity, TrailMethod trail,
                                                          TimeInForce time_in_force = TimeInForce::gtc) {
        Event event = submit_stop_limit(side, stop_price, limit_price, quantity, time_in_force);
        event.kind = EventKind::submit_trailing_stop_limit;
        event.set_trail(trail);
        return event;
    }
    [[nodiscard]] static Event execute(OrderId id, Quantity quantity, std::uint64_t match_number,
                                       Price price = own_price, bool printable = true) {
        Event event{EventKind::execute};
        event.printable = printable;
        event.price = price;
        event.quantity = quantity;
        event.reference = id;
        event.value = match_number;
        return event;
    }
    [[nodiscard]] static Event trade(Side aggressor_side, Price price, Quantity quantity, std::uint64_t match_number) {
        Event event{EventKind::trade, aggressor_side};
        event.price = price;
        event.quantity = quantity;
        event.value = match_number;
        return event;
    }

    friend bool operator==(const Event&, const Event&) = default;

  private:
    void set_trail(TrailMethod trail) noexcept {
        trail_kind = trail.kind;
        trail_period = trail.period;
        value = trail.bits;
    }
};

}  // namespace nanobook
