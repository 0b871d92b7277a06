// What a book of stops keeps of each, and how it ranks prices.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include <nanobook/core/order.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/exchange/event.hpp>

namespace nanobook {

/// Counts stops from 1, in order of submission, which is the order of their ticks.
using StopNumber = std::uint32_t;

/// Prices ranked such that a stop fires when the rank of the print is at or below its own: the price for sells, its
/// complement (which cannot overflow) for buys. A tighter trail ranks higher. One code then does both sides.
using StopRank = std::int64_t;
inline constexpr StopRank no_rank = std::numeric_limits<StopRank>::min();

[[nodiscard]] constexpr StopRank stop_rank(Side side, Price price) noexcept {
    return side == Side::sell ? price : ~price;
}
[[nodiscard]] constexpr Price stop_price(Side side, StopRank rank) noexcept {
    return side == Side::sell ? rank : ~rank;
}

/// `rank` less an offset of price units. Offsets too large for a price are no candidate: no stop is as loose.
[[nodiscard]] constexpr StopRank behind(StopRank rank, Price offset) noexcept {
    return offset < 0 || rank < no_rank + offset ? no_rank : rank - offset;
}

struct StopRecord {
    OrderId id;
    StopRank rank;      ///< of the stop price: as submitted, or where a trail has left it for good
    Price limit_price;  ///< 0 where it becomes a market order
    Quantity quantity;
    Timestamp timestamp;
    OrderId child;
    std::optional<StopRank> watermark;  ///< once it is finished: while it is pending its cluster knows
    TrailMethod trail;
    Side side;
    TimeInForce time_in_force;
    OrderStatus status;
    // Of a trailing stop:
    std::uint32_t cluster;  ///< stops of one watermark
    StopNumber first;       ///< the heap's first child; unused in a list
    StopNumber next;        ///< the next sibling in a heap, or in a list

    [[nodiscard]] bool is_pending() const noexcept { return status == OrderStatus::pending; }
};

/// An offset that a floating point formula gives, -1 where it fits no price.
[[nodiscard]] inline Price offset_of(double offset) noexcept {
    return offset < 0x1p63 ? static_cast<Price>(offset) : -1;
}

}  // namespace nanobook
