// A strategy over prices: decide, trade, mark, bar by bar.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <nanobook/core/types.hpp>
#include <nanobook/detail/refuse.hpp>
#include <nanobook/portfolio/cost_model.hpp>
#include <nanobook/portfolio/metrics.hpp>
#include <nanobook/portfolio/portfolio.hpp>
#include <nanobook/portfolio/prices.hpp>
#include <nanobook/portfolio/strategy.hpp>

namespace nanobook {

enum class RunStatus : std::uint8_t {
    ok,
    ruined,     ///< the equity came to zero or below
    stopped,    ///< by the strategy itself, such as at a drawdown
    cancelled,  ///< not run to its end
};

struct BacktestOptions {
    Price initial_cash = 0;
    CostModel costs = {};
    double leverage = 1.0;
    std::uint32_t execution_lag = 0;  ///< 0: filled at the prices of the bar that decides; 1: at those of the next
    MetricsOptions metrics = {};

    /// Throws std::invalid_argument.
    void check() const {
        metrics.check();
        if (execution_lag > 1) detail::refuse("execution_lag", execution_lag, "it must be 0 or 1");
    }
};

/// What a run came to, but for its curve.
struct RunSummary {
    Metrics metrics = {};
    Price final_equity = 0;
    Price final_cash = 0;
    Price min_cash = 0;  ///< the least after any bar, or at the beginning
    Price fees = 0;
    double turnover = 0;  ///< the sum of traded value / equity at the time
    std::uint64_t n_rebalances = 0;
    std::uint64_t n_orders = 0;
    std::uint64_t n_resized = 0;  ///< rebalances whose buys were made smaller, for want of cash
    std::uint64_t n_bars = 0;
    RunStatus status = RunStatus::cancelled;

    friend bool operator==(const RunSummary&, const RunSummary&) = default;
};

struct BarFill {
    std::size_t bar;
    Fill fill;

    friend bool operator==(const BarFill&, const BarFill&) = default;
};

struct BacktestResult {
    RunSummary summary;
    std::vector<Price> curve;  ///< the equity after each bar; the first is initial_cash, before the trades of bar 0
    std::vector<Price> cash;   ///< after each bar
    std::vector<BarFill> fills;
    Portfolio portfolio;
};

/// What of a run is kept besides its summary. Curves cost 16 bytes a bar.
enum class Record : bool { summary, all };

/// Runs `strategy` over `prices`. `goes_on(bar)` is asked before each bar: false ends the run there, with the status
/// cancelled. What the strategy throws is passed on.
template <Strategy S, class GoesOn>
BacktestResult run_backtest(S&& strategy, const PriceBlock& prices, const BacktestOptions& options, Record record,
                            GoesOn&& goes_on) {
    options.check();
    BacktestResult result{{}, {}, {}, {}, Portfolio(options.initial_cash, options.costs, options.leverage)};
    Portfolio& portfolio = result.portfolio;
    for (const std::string& symbol : prices.symbols()) portfolio.add_symbol(symbol);
    RunSummary& summary = result.summary;
    summary.min_cash = options.initial_cash;
    result.curve.reserve(prices.bars());
    if (record == Record::all) result.cash.reserve(prices.bars());

    std::vector<Fill> fills;
    std::vector<Fill>* const to = record == Record::all ? &fills : nullptr;
    Decision decision;
    bool is_stopped = false;
    const auto execute = [&](const Quotes& quotes, std::size_t bar) {
        is_stopped |= decision.is_stopped;
        RebalanceReport report;
        if (decision.rebalances) {
            report = portfolio.rebalance(decision.targets, quotes, to, decision.no_trade_band);
            ++summary.n_rebalances;
            summary.n_resized += report.resized;
        } else if (!decision.exits.empty()) {
            report = portfolio.close(decision.exits, quotes, to);
        }
        summary.n_orders += report.orders;
        if (report.traded != 0 && report.equity > 0) {
            summary.turnover += static_cast<double>(report.traded) / static_cast<double>(report.equity);
        }
        for (const Fill& fill : fills) result.fills.push_back({bar, fill});
        fills.clear();
    };

    std::size_t bar = 0;
    for (; bar < prices.bars(); ++bar) {
        if (!goes_on(bar)) break;
        const Quotes quotes = prices.quotes(bar);
        const bool lags = options.execution_lag == 1;
        if (lags && bar > 0 && !portfolio.is_ruined()) execute(quotes, bar);
        decision.clear();
        if (!portfolio.is_ruined()) {
            strategy(Bar{prices, bar, quotes, lags || bar == 0 ? bar : bar - 1}, std::as_const(portfolio), decision);
            if (!lags) execute(quotes, bar);
        }
        Price equity = portfolio.equity(quotes);
        if (equity <= 0 && !portfolio.is_ruined()) {
            decision = {true};
            execute(quotes, bar);
            --summary.n_rebalances;
            equity = portfolio.equity(quotes);
        }
        result.curve.push_back(bar == 0 ? options.initial_cash : equity);
        summary.min_cash = std::min(summary.min_cash, portfolio.cash());
        if (record == Record::all) result.cash.push_back(portfolio.cash());
        summary.final_equity = equity;
    }
    if (record == Record::all && bar > 0) portfolio.set_equity_curve(result.curve);
    summary.n_bars = bar;
    summary.final_cash = portfolio.cash();
    summary.fees = portfolio.fees();
    summary.metrics = compute_metrics(std::span<const Price>(result.curve), options.metrics);
    summary.status = bar < prices.bars()     ? RunStatus::cancelled
                     : portfolio.is_ruined() ? RunStatus::ruined
                     : is_stopped            ? RunStatus::stopped
                                             : RunStatus::ok;
    return result;
}

template <Strategy S>
BacktestResult run_backtest(S&& strategy, const PriceBlock& prices, const BacktestOptions& options) {
    return run_backtest(strategy, prices, options, Record::all, [](std::size_t) { return true; });
}

}  // namespace nanobook
