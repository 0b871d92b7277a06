// What is held of one symbol, and what it has earned.
#pragma once

#include <cstdint>
#include <optional>

#include <nanobook/core/types.hpp>
#include <nanobook/detail/money.hpp>

namespace nanobook {

/// Long or short, at average cost. Nothing is lost in rounding: at any time, and to the cent,
///     cash spent on it so far == total_cost - realised_gross + fees.
struct Position {
    std::int64_t quantity = 0;  ///< shares; negative where short
    Price total_cost = 0;       ///< paid for what is held now; negative for a short one, what was received
    Price realised_gross = 0;   ///< profit of what was closed, before fees
    Price fees = 0;             ///< of all its orders, those that opened it too
    std::int64_t fills = 0;     ///< so many; 0: it was never traded

    [[nodiscard]] constexpr Price realised_net() const { return detail::difference(realised_gross, fees); }
    [[nodiscard]] constexpr Price market_value(Price price) const { return detail::product(quantity, price); }
    [[nodiscard]] constexpr Price unrealised(Price price) const {
        return detail::difference(market_value(price), total_cost);
    }
    /// For people: no calculation of money starts from it. None where nothing is held.
    [[nodiscard]] constexpr std::optional<double> avg_entry_price() const noexcept {
        if (quantity == 0) return std::nullopt;
        return static_cast<double>(total_cost) / static_cast<double>(quantity);
    }

    /// Buys `shares`, or sells where they are negative. What closes a part of it takes its part of the cost, rounded
    /// towards zero; the rest of the cost stays. What crosses zero closes it, and opens the other side.
    constexpr void fill(std::int64_t shares, Price price, Price fee) {
        const bool closes = quantity != 0 && (quantity > 0) != (shares > 0);
        if (closes) {
            const bool crosses = shares < 0 ? quantity < -shares : -quantity < shares;
            const std::int64_t closed = crosses ? -quantity : shares;
            const Price cost = detail::scaled(total_cost, -closed, quantity);
            realised_gross = detail::sum(realised_gross, detail::difference(detail::product(-closed, price), cost));
            total_cost -= cost;
            quantity += closed;
            shares -= closed;
        }
        total_cost = detail::sum(total_cost, detail::product(shares, price));
        quantity = detail::sum(quantity, shares);
        fees = detail::sum(fees, fee);
        ++fills;
    }

    friend constexpr bool operator==(const Position&, const Position&) = default;
};
static_assert(sizeof(Position) == 40);

}  // namespace nanobook
