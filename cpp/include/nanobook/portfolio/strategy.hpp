// What decides, bar by bar, what a portfolio shall hold.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <nanobook/portfolio/portfolio.hpp>
#include <nanobook/portfolio/prices.hpp>

namespace nanobook {

/// One moment of a backtest. Symbols are numbered as the columns of the prices, in the portfolio too.
struct Bar {
    const PriceBlock& prices;
    std::size_t index;
    Quotes quotes;
    std::size_t last_execution;  ///< the bar at whose prices the last decision was carried out
};

/// What a strategy wants. As it comes, empty, it means to hold what there is.
struct Decision {
    bool rebalances = false;  ///< to `targets`; all else is sold
    std::vector<Target> targets = {};
    std::vector<std::uint32_t> exits = {};  ///< positions to close where nothing is rebalanced
    std::int64_t no_trade_band = 0;         ///< in millionths: see Portfolio::rebalance
    bool is_stopped = false;                ///< the strategy has given up, which becomes the status of the run

    void clear() noexcept {
        rebalances = is_stopped = false;
        targets.clear();
        exits.clear();
        no_trade_band = 0;
    }
};

/// Called once a bar, in order. What it throws ends the backtest.
template <class T>
concept Strategy = requires(T& strategy, const Bar& bar, const Portfolio& portfolio, Decision& decision) {
    { strategy(bar, portfolio, decision) } -> std::same_as<void>;
};

}  // namespace nanobook
