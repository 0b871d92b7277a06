// A trade between two orders.
#pragma once

#include <cstdint>

#include <nanobook/core/types.hpp>

namespace nanobook {

struct Trade {
    TradeId id;
    Price price;  ///< the resting order's
    Quantity quantity;
    OrderId aggressor_order_id;  ///< the order that came; 0 where market data does not name it
    OrderId passive_order_id;    ///< the order that rested; 0 in a trade off the book
    Timestamp timestamp;         ///< tick of the logical clock
    Side aggressor_side;

    friend bool operator==(const Trade&, const Trade&) = default;
};
static_assert(sizeof(Trade) == 56);

}  // namespace nanobook
