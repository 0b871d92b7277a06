// What is said of a series of returns, by the conventions of empyrical and quantstats.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nanobook/core/types.hpp>
#include <nanobook/detail/exact_float.hpp>
#include <nanobook/detail/refuse.hpp>
#include <nanobook/detail/return_statistics.hpp>

namespace nanobook {

/// What is not defined for a series is empty, never 0 or a huge number.
struct Metrics {
    std::optional<double> total_return;   ///< of the whole series: 0.1 is 10 %
    std::optional<double> cagr;           ///< (1 + total_return)^(periods_per_year / n) - 1
    std::optional<double> volatility;     ///< standard deviation (n - 1), of a year; from two returns on
    std::optional<double> sharpe;         ///< of a year; none where all returns are equal
    std::optional<double> sortino;        ///< of a year, by the downside of all periods (n); none without one below
    std::optional<double> max_drawdown;   ///< the deepest fall from a peak, as a positive part of it
    std::optional<double> calmar;         ///< cagr / max_drawdown; none without a drawdown
    std::optional<double> win_rate;       ///< winning / (winning + losing)
    std::optional<double> profit_factor;  ///< the sum of the gains / that of the losses; none without a loss
    std::optional<double> cvar_95;        ///< the mean of the lowest int((n - 1) / 20) + 1 returns
    std::uint64_t n_periods = 0;
    std::uint64_t winning = 0;  ///< returns above 0
    std::uint64_t losing = 0;   ///< returns below 0
    double periods_per_year = 0;
    double risk_free = 0;  ///< of one period

    friend bool operator==(const Metrics&, const Metrics&) = default;
};

struct MetricsOptions {
    double periods_per_year = 252;  ///< 252 for days of trading, 12 for months
    double risk_free = 0;           ///< the risk-free return of one period

    /// Throws std::invalid_argument.
    void check() const {
        if (!(periods_per_year > 0 && std::isfinite(periods_per_year))) {
            detail::refuse("periods_per_year", periods_per_year, "it must be above 0");
        }
        if (!std::isfinite(risk_free)) detail::refuse("risk_free", risk_free, "it must be finite");
    }
};

namespace detail {

/// How many of `n` returns are the lowest twentieth.
[[nodiscard]] inline std::size_t tail_size(std::size_t n) noexcept {
    return n == 0 ? 0 : static_cast<std::size_t>(static_cast<double>(n - 1) * 0.05) + 1;
}

/// The mean of values in ascending order.
[[nodiscard]] inline double mean_of(std::span<const double> ascending) noexcept {
    double sum = 0;
    for (const double value : ascending) sum += value;
    return sum / static_cast<double>(ascending.size());
}

/// Reorders the returns.
[[nodiscard]] inline double tail_mean(std::span<double> returns) {
    const auto tail = returns.first(tail_size(returns.size()));
    std::nth_element(returns.begin(), returns.begin() + static_cast<std::ptrdiff_t>(tail.size()) - 1, returns.end());
    std::sort(tail.begin(), tail.end());
    return mean_of(tail);
}

/// `wealth`: what one unit of money became. `trough`: its least part of the peak before. `tail`: the mean of the lowest
/// returns.
[[nodiscard]] inline Metrics conclude(const ReturnStatistics<double>& sums, std::size_t n, double wealth, double trough,
                                      double tail, const MetricsOptions& options) {
    Metrics metrics;
    metrics.periods_per_year = options.periods_per_year;
    metrics.risk_free = options.risk_free;
    metrics.n_periods = n;
    if (n == 0) return metrics;
    metrics.winning = static_cast<std::uint64_t>(sums.winning);
    metrics.losing = static_cast<std::uint64_t>(sums.losing);

    const auto count = static_cast<double>(n);
    const double year = options.periods_per_year;
    metrics.total_return = wealth - 1.0;
    metrics.max_drawdown = 1.0 - trough;
    // A ruin is one for good, however the series goes on.
    if (trough <= 0) {
        metrics.total_return = -1.0;
        metrics.max_drawdown = 1.0;
    }
    metrics.cagr = std::pow(1.0 + *metrics.total_return, year / count) - 1.0;
    if (*metrics.max_drawdown > 0) metrics.calmar = *metrics.cagr / *metrics.max_drawdown;

    const double excess = sums.mean - options.risk_free;
    if (n > 1) {
        const double deviation = std::sqrt(sums.squares / (count - 1.0));
        metrics.volatility = deviation * std::sqrt(year);
        if (deviation > 0) metrics.sharpe = excess / deviation * std::sqrt(year);
    }
    if (sums.downside > 0) {
        metrics.sortino = excess * year / (std::sqrt(sums.downside / count) * std::sqrt(year));
    }
    if (sums.winning + sums.losing > 0) metrics.win_rate = sums.winning / (sums.winning + sums.losing);
    if (sums.losses < 0) metrics.profit_factor = sums.gains / -sums.losses;
    metrics.cvar_95 = tail;
    // A figure that is too large for a number is none.
    for (auto* const value : {&metrics.total_return, &metrics.cagr, &metrics.calmar, &metrics.volatility,
                              &metrics.sharpe, &metrics.sortino, &metrics.profit_factor, &metrics.cvar_95}) {
        if (*value && !std::isfinite(**value)) value->reset();
    }
    return metrics;
}

}  // namespace detail

/// Metrics of returns, each of one period: 0.01 is 1 %. Throws std::invalid_argument for what is not finite.
[[nodiscard]] NANOBOOK_EXACT_FLOAT inline Metrics compute_metrics(std::span<const double> returns,
                                                                  const MetricsOptions& options = {}) {
    NANOBOOK_NO_CONTRACTION
    options.check();
    detail::ReturnStatistics<double> sums;
    detail::Drawdown<double> drawdown(1.0);
    double wealth = 1.0;
    for (std::size_t i = 0; i < returns.size(); ++i) {
        if (!std::isfinite(returns[i])) {
            detail::refuse("the return in row " + std::to_string(i), returns[i], "it must be finite");
        }
        sums.add(returns[i], 1.0 / static_cast<double>(i + 1), options.risk_free);
        // Below nothing there is no way back.
        wealth = wealth > 0 ? wealth * (1.0 + returns[i]) : 0.0;
        double falls = 0;
        drawdown.rise(wealth, falls);
        if (falls > 0) drawdown.fall(wealth);
    }
    std::vector<double> sorted(returns.begin(), returns.end());
    const double tail = sorted.empty() ? 0.0 : detail::tail_mean(sorted);
    return detail::conclude(sums, returns.size(), wealth, drawdown.trough, tail, options);
}

/// Metrics of an equity curve: of the returns between its entries, the first of which is above 0. Once at or below zero
/// it counts as lost.
[[nodiscard]] NANOBOOK_EXACT_FLOAT inline Metrics compute_metrics(std::span<const Price> curve,
                                                                  const MetricsOptions& options = {}) {
    NANOBOOK_NO_CONTRACTION
    options.check();
    if (curve.empty()) return detail::conclude({}, 0, 1.0, 1.0, 0.0, options);
    const auto first = static_cast<double>(curve.front());
    detail::ReturnStatistics<double> sums;
    detail::Drawdown<double> drawdown(first);
    std::vector<double> returns(curve.size() - 1);
    double before = first;
    for (std::size_t i = 0; i < returns.size(); ++i) {
        const double after = before > 0 && curve[i + 1] > 0 ? static_cast<double>(curve[i + 1]) : 0.0;
        returns[i] = before > 0 ? after / before - 1.0 : 0.0;
        sums.add(returns[i], 1.0 / static_cast<double>(i + 1), options.risk_free);
        double falls = 0;
        drawdown.rise(after, falls);
        if (falls > 0) drawdown.fall(after);
        before = after;
    }
    const double wealth = before / first;
    const double tail = returns.empty() ? 0.0 : detail::tail_mean(returns);
    return detail::conclude(sums, returns.size(), wealth, drawdown.trough, tail, options);
}

}  // namespace nanobook
