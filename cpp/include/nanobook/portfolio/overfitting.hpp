// How much of the best result of many is luck.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numbers>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <nanobook/detail/refuse.hpp>

namespace nanobook {

namespace detail {

[[nodiscard]] inline double normal_cdf(double x) noexcept { return std::erfc(-x / std::numbers::sqrt2) / 2; }

/// For 0 < p < 1.
[[nodiscard]] inline double normal_quantile(double p) noexcept {
    double low = -40;
    double high = 40;
    // Halved until no double lies between.
    for (int i = 0; i < 200; ++i) {
        const double middle = (low + high) / 2;
        (normal_cdf(middle) < p ? low : high) = middle;
    }
    return (low + high) / 2;
}

struct Moments {
    double mean;
    double deviation;  // n - 1
    double skewness;   // of the population, as the kurtosis
    double kurtosis;   // 3 for normal returns
};

[[nodiscard]] inline Moments moments_of(std::span<const double> values) noexcept {
    const auto n = static_cast<double>(values.size());
    // From the first value on, so that the deviation of equal values is 0.
    double offset = 0;
    for (const double value : values) offset += value - values.front();
    const double mean = values.front() + offset / n;
    double second = 0, third = 0, fourth = 0;
    for (const double value : values) {
        const double d = value - mean;
        second += d * d;
        third += d * d * d;
        fourth += d * d * d * d;
    }
    const double variance = second / n;
    return {mean, std::sqrt(second / (n - 1)), third / n / std::pow(variance, 1.5), fourth / n / (variance * variance)};
}

}  // namespace detail

/// The Sharpe ratio that the best of `trials` strategies without any skill is expected to show, if their ratios vary by
/// `variance`: Bailey and Lopez de Prado, "The Deflated Sharpe Ratio" (2014). In the period of the ratios. None for
/// fewer than two trials.
[[nodiscard]] inline std::optional<double> expected_max_sharpe(double variance, std::size_t trials) {
    if (trials < 2 || !(variance >= 0)) return std::nullopt;
    const auto n = static_cast<double>(trials);
    return std::sqrt(variance) * ((1 - std::numbers::egamma) * detail::normal_quantile(1 - 1 / n) +
                                  std::numbers::egamma * detail::normal_quantile(1 - 1 / (n * std::numbers::e)));
}

/// The probability that the true Sharpe ratio of these returns is above `benchmark`, a ratio of one period; with
/// `expected_max_sharpe` as the benchmark it is the deflated Sharpe ratio. None for fewer than two returns, and where
/// all are equal.
[[nodiscard]] inline std::optional<double> probabilistic_sharpe(std::span<const double> returns, double benchmark,
                                                                double risk_free = 0) {
    if (!std::isfinite(benchmark)) detail::refuse("benchmark", benchmark, "it must be finite");
    for (std::size_t i = 0; i < returns.size(); ++i) {
        if (!std::isfinite(returns[i])) {
            detail::refuse("the return in row " + std::to_string(i), returns[i], "it must be finite");
        }
    }
    if (returns.size() < 2) return std::nullopt;
    const detail::Moments moments = detail::moments_of(returns);
    if (!(moments.deviation > 0)) return std::nullopt;
    const double sharpe = (moments.mean - risk_free) / moments.deviation;
    const double spread = 1 - moments.skewness * sharpe + (moments.kurtosis - 1) / 4 * sharpe * sharpe;
    if (!(spread > 0)) return std::nullopt;
    return detail::normal_cdf((sharpe - benchmark) * std::sqrt(static_cast<double>(returns.size() - 1)) /
                              std::sqrt(spread));
}

/// The probability that the best set of one half of the time is below the median in the other: combinatorially
/// symmetric cross-validation by Sharpe ratio, Bailey, Borwein, Lopez de Prado and Zhu (2015). `returns`: a series a
/// set, of equal length. `splits`: an even number of pieces from 2 to 20, into which the series is cut; what is left
/// over at its end is left out. `goes_on` is asked now and then: false ends it, with no answer. Throws
/// std::invalid_argument.
[[nodiscard]] inline std::optional<double> probability_of_overfitting(std::span<const std::vector<double>> returns,
                                                                      unsigned splits = 16,
                                                                      const std::function<bool()>& goes_on = {}) {
    if (splits < 2 || splits > 20 || splits % 2 != 0) {
        detail::refuse("n_splits", splits, "it must be an even number from 2 to 20");
    }
    const std::size_t sets = returns.size();
    if (sets < 2) throw std::invalid_argument("there must be at least two parameter sets to choose from");
    const std::size_t length = returns.front().size() / splits;
    if (length < 1) {
        throw std::invalid_argument("there are " + std::to_string(returns.front().size()) +
                                    " returns; there must be at least one for each of " + std::to_string(splits) +
                                    " splits");
    }
    // Sums of each piece of each set: a combination adds them up.
    struct Sums {
        double first = 0;
        double second = 0;
    };
    std::vector<Sums> pieces(splits * sets);
    for (std::size_t set = 0; set < sets; ++set) {
        for (std::size_t i = 0; i < splits * length; ++i) {
            Sums& sums = pieces[i / length * sets + set];
            // From the first return on: of equal ones nothing is left to round.
            const double change = returns[set][i] - returns[set].front();
            sums.first += change;
            sums.second += change * change;
        }
    }
    const auto half = static_cast<double>(splits / 2 * length);
    const auto ratios = [&](std::uint32_t chosen, std::vector<Sums>& sums, std::vector<double>& out) {
        std::ranges::fill(sums, Sums{});
        for (unsigned piece = 0; piece < splits; ++piece) {
            if ((chosen >> piece & 1) == 0) continue;
            for (std::size_t set = 0; set < sets; ++set) {
                sums[set].first += pieces[piece * sets + set].first;
                sums[set].second += pieces[piece * sets + set].second;
            }
        }
        for (std::size_t set = 0; set < sets; ++set) {
            const double shift = sums[set].first / half;
            const double variance = sums[set].second / half - shift * shift;
            // Sets whose returns are equal have no ratio: they are neither good nor bad. Of a difference of two sums
            // that are equal, rounding leaves less than this.
            out[set] =
                variance > 1e-13 * sums[set].second / half ? (returns[set].front() + shift) / std::sqrt(variance) : 0.0;
        }
    };
    const std::uint32_t all = (1u << splits) - 1;
    std::vector<Sums> sums(sets);
    std::vector<double> inside(sets);
    std::vector<double> outside(sets);
    std::size_t combinations = 0;
    std::size_t failures = 0;
    for (std::uint32_t chosen = 0; chosen <= all; ++chosen) {
        if (static_cast<unsigned>(std::popcount(chosen)) != splits / 2) continue;
        if (combinations % 64 == 0 && goes_on && !goes_on()) return std::nullopt;
        ratios(chosen, sums, inside);
        ratios(all & ~chosen, sums, outside);
        const auto best = static_cast<std::size_t>(std::ranges::max_element(inside) - inside.begin());
        std::size_t below = 0;
        std::size_t equal = 0;
        for (const double ratio : outside) {
            below += ratio < outside[best];
            equal += ratio == outside[best];
        }
        // The middle of the ranks of equals, from 1; at or below the middle of all, the logit is not above 0.
        const double rank = static_cast<double>(below) + (static_cast<double>(equal) + 1) / 2;
        failures += rank <= (static_cast<double>(sets) + 1) / 2;
        ++combinations;
    }
    return static_cast<double>(failures) / static_cast<double>(combinations);
}

}  // namespace nanobook
