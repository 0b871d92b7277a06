// What one sees of a book at one moment: a copy, unaffected by what happens next.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <nanobook/core/total.hpp>
#include <nanobook/core/types.hpp>

namespace nanobook {

/// One price level, as a look at the depth shows it.
struct LevelView {
    Price price;
    Total quantity;  ///< of the resting orders
    std::uint32_t order_count;

    friend bool operator==(const LevelView&, const LevelView&) = default;
};

/// The best levels of both sides, best first.
struct BookSnapshot {
    std::vector<LevelView> bids;
    std::vector<LevelView> asks;

    [[nodiscard]] std::optional<Price> best_bid() const noexcept { return best(bids); }
    [[nodiscard]] std::optional<Price> best_ask() const noexcept { return best(asks); }

    /// Best ask less best bid, in price units; negative in a crossed book. None where a side is empty.
    [[nodiscard]] std::optional<Price> spread() const noexcept {
        if (bids.empty() || asks.empty()) return std::nullopt;
        return asks.front().price - bids.front().price;
    }

    /// (bid + ask) / 2.
    [[nodiscard]] std::optional<double> mid_price() const noexcept {
        if (bids.empty() || asks.empty()) return std::nullopt;
        return static_cast<double>(bids.front().price) / 2 + static_cast<double>(asks.front().price) / 2;
    }

    /// (B - A) / (B + A) over the quantities of the levels shown, from -1 (all asks) to 1 (all bids).
    [[nodiscard]] std::optional<double> imbalance() const noexcept {
        const Total bid = total(bids);
        const Total ask = total(asks);
        if (bid == 0 && ask == 0) return std::nullopt;
        const double difference = bid < ask ? -static_cast<double>(ask - bid) : static_cast<double>(bid - ask);
        return difference / static_cast<double>(bid + ask);
    }

    /// (ask quantity x bid + bid quantity x ask) / (bid quantity + ask quantity), of the best levels.
    [[nodiscard]] std::optional<double> weighted_mid() const noexcept {
        if (bids.empty() || asks.empty()) return std::nullopt;
        const auto bid_quantity = static_cast<double>(bids.front().quantity);
        const auto ask_quantity = static_cast<double>(asks.front().quantity);
        return (ask_quantity * static_cast<double>(bids.front().price) +
                bid_quantity * static_cast<double>(asks.front().price)) /
               (bid_quantity + ask_quantity);
    }

    friend bool operator==(const BookSnapshot&, const BookSnapshot&) = default;

  private:
    static std::optional<Price> best(const std::vector<LevelView>& side) noexcept {
        if (side.empty()) return std::nullopt;
        return side.front().price;
    }

    static Total total(const std::vector<LevelView>& side) noexcept {
        Total sum;
        for (const LevelView& level : side) sum += level.quantity;
        return sum;
    }
};

}  // namespace nanobook
