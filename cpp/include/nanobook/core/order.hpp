// An order, as an exchange shows it.
#pragma once

#include <cstdint>

#include <nanobook/core/types.hpp>

namespace nanobook {

enum class OrderStatus : std::uint8_t {
    new_,              ///< rests, nothing filled yet
    partially_filled,  ///< filled in part; it rests, or the rest of it was cancelled
    filled,            ///< filled whole
    cancelled,         ///< cancelled, or refused
    pending,           ///< a stop that waits for its price
    triggered,         ///< a stop that has fired: it became an order of its own
};

/// A copy. quantity = filled + remaining + cancelled.
struct Order {
    OrderId id;
    Price price;          ///< of a market order the worst there is
    Quantity quantity;    ///< as submitted
    Quantity remaining;   ///< what rests
    Quantity filled;      ///< what was traded
    Quantity cancelled;   ///< what was taken off, by its owner or its time in force
    Timestamp timestamp;  ///< tick of its submission
    OrderId stop_id;      ///< the stop whose child it is, or 0
    Side side;
    TimeInForce time_in_force;
    OrderStatus status;

    friend bool operator==(const Order&, const Order&) = default;
};

}  // namespace nanobook
