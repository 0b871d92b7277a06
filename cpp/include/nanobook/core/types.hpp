// The integers of a market, by name. Money, quantity, price and time are integers everywhere in the engine.
#pragma once

#include <cstdint>

namespace nanobook {

/// In the smallest unit of the stream: cents in an exchange of one's own, 1/10,000 dollar in ITCH. The unit is a
/// property of the stream and never guessed.
using Price = std::int64_t;

/// Shares, or whatever unit is traded.
using Quantity = std::uint64_t;

/// Nanoseconds since midnight in a feed; ticks of the logical clock in an exchange.
using Timestamp = std::uint64_t;

/// Of orders and stops alike: an exchange counts them from 1, in order of submission.
using OrderId = std::uint64_t;

/// An exchange counts its trades from 1.
using TradeId = std::uint64_t;

enum class Side : std::uint8_t {
    buy,   ///< rests among the bids, crosses asks at or below its price
    sell,  ///< rests among the asks, crosses bids at or above its price
};

enum class TimeInForce : std::uint8_t {
    gtc,  ///< good till cancelled: what is not filled rests
    ioc,  ///< immediate or cancel: what is not filled is cancelled
    fok,  ///< fill or kill: filled whole, or refused
};

[[nodiscard]] constexpr Side opposite(Side side) noexcept { return side == Side::buy ? Side::sell : Side::buy; }

}  // namespace nanobook
