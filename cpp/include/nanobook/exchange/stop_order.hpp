// A stop order, as an exchange shows it.
#pragma once

#include <cstdint>
#include <optional>

#include <nanobook/core/order.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/exchange/event.hpp>

namespace nanobook {

/// A copy. A buy stop fires at a last trade price at or above its stop price, a sell stop at or below.
struct StopOrder {
    OrderId id;
    Price stop_price;                  ///< of a trailing stop where it has moved to
    std::optional<Price> limit_price;  ///< none: it becomes a market order
    Quantity quantity;
    Timestamp timestamp;             ///< tick of its submission
    OrderId child_order_id;          ///< the order it became, or 0
    std::optional<Price> watermark;  ///< of a trailing stop: the best price seen since its submission
    TrailMethod trail;
    Side side;
    TimeInForce time_in_force;  ///< of the order it becomes
    OrderStatus status;         ///< pending, triggered or cancelled

    friend bool operator==(const StopOrder&, const StopOrder&) = default;
};

}  // namespace nanobook
