// What an exchange refuses to take: input that means nothing. It is not logged and takes no id.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>

#include <nanobook/core/types.hpp>
#include <nanobook/exchange/event.hpp>

namespace nanobook {

enum class InputError : std::uint8_t {
    none,
    zero_quantity,
    price_not_positive,
    limit_price_not_positive,
    fixed_trail_not_positive,
    trail_factor_not_positive,  ///< or not a finite number
    zero_atr_period,
    negative_price,
    no_trail,
    time_in_force_not_gtc,  ///< of an order that does not match
};

[[nodiscard]] constexpr bool has_trail(EventKind kind) noexcept {
    return kind == EventKind::submit_trailing_stop_market || kind == EventKind::submit_trailing_stop_limit;
}
[[nodiscard]] constexpr bool has_limit_price(EventKind kind) noexcept {
    return kind == EventKind::submit_stop_limit || kind == EventKind::submit_trailing_stop_limit;
}

[[nodiscard]] inline InputError check(TrailMethod trail) noexcept {
    switch (trail.kind) {
        case TrailKind::none: return InputError::no_trail;
        case TrailKind::fixed: return trail.distance() > 0 ? InputError::none : InputError::fixed_trail_not_positive;
        case TrailKind::percentage:
        case TrailKind::atr: break;
    }
    // False of NaN too.
    const bool is_sound = trail.factor() > 0 && trail.factor() <= std::numeric_limits<double>::max();
    if (!is_sound) return InputError::trail_factor_not_positive;
    return trail.kind == TrailKind::atr && trail.period == 0 ? InputError::zero_atr_period : InputError::none;
}

/// Why an exchange would refuse the event whatever its state. A cancel is never refused; a quantity of 0 in a reduce
/// or a modify has an answer of its own (InvalidQuantity).
[[nodiscard]] inline InputError check(const Event& event) noexcept {
    switch (event.kind) {
        case EventKind::cancel:
        case EventKind::reduce: return InputError::none;
        case EventKind::execute:
            // Prices of 0 occur in market data.
            if (event.price < 0 && event.price != Event::own_price) return InputError::negative_price;
            return event.quantity == 0 ? InputError::zero_quantity : InputError::none;
        case EventKind::trade:
            if (event.price < 0) return InputError::negative_price;
            return event.quantity == 0 ? InputError::zero_quantity : InputError::none;
        case EventKind::modify:
            if (!event.matching) return event.price < 0 ? InputError::negative_price : InputError::none;
            return event.price <= 0 ? InputError::price_not_positive : InputError::none;
        case EventKind::submit_market: return event.quantity == 0 ? InputError::zero_quantity : InputError::none;
        case EventKind::submit_limit:
            if (!event.matching) {
                if (event.time_in_force != TimeInForce::gtc) return InputError::time_in_force_not_gtc;
                if (event.price == 0) break;
            }
            [[fallthrough]];
        default:
            if (event.price <= 0) return InputError::price_not_positive;
    }
    if (event.quantity == 0) return InputError::zero_quantity;
    if (has_limit_price(event.kind) && event.limit_price() <= 0) return InputError::limit_price_not_positive;
    return has_trail(event.kind) ? check(event.trail()) : InputError::none;
}

/// A number as one would write it.
[[nodiscard]] inline std::string shortest(double number) {
    for (int digits = 6; digits < 17; ++digits) {
        char text[40];
        std::snprintf(text, sizeof(text), "%.*g", digits, number);
        if (std::strtod(text, nullptr) == number || std::isnan(number)) return text;
    }
    char text[40];
    std::snprintf(text, sizeof(text), "%.17g", number);
    return text;
}

/// A sentence that names the value.
[[nodiscard]] inline std::string describe(InputError error, const Event& event) {
    const bool is_stop =
        event.kind >= EventKind::submit_stop_market && event.kind <= EventKind::submit_trailing_stop_limit;
    switch (error) {
        case InputError::none: break;
        case InputError::zero_quantity: return "quantity is 0; it must be at least 1";
        case InputError::price_not_positive:
            return (is_stop ? "stop price is " : "price is ") + std::to_string(event.price) + "; it must be at least 1";
        case InputError::limit_price_not_positive:
            return "limit price is " + std::to_string(event.limit_price()) + "; it must be at least 1";
        case InputError::fixed_trail_not_positive:
            return "trail value is " + std::to_string(event.trail().distance()) + "; it must be at least 1";
        case InputError::trail_factor_not_positive:
            return "trail value is " + shortest(event.trail().factor()) + "; it must be a number above 0";
        case InputError::zero_atr_period: return "ATR period is 0; it must be at least 1";
        case InputError::negative_price: return "price is " + std::to_string(event.price) + "; it cannot be negative";
        case InputError::no_trail: return "a trailing stop needs a trail method: fixed, percentage or atr";
        case InputError::time_in_force_not_gtc:
            return std::string("time in force is ") + (event.time_in_force == TimeInForce::ioc ? "ioc" : "fok") +
                   "; an order that does not match must be gtc";
    }
    return {};
}

}  // namespace nanobook
