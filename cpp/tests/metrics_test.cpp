// What is said of a series of returns: definitions, what is not defined, and textbook formulas on random series.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <nanobook/detail/random.hpp>
#include <nanobook/portfolio/metrics.hpp>
#include <nanobook/portfolio/portfolio.hpp>

#include "reference_portfolio.hpp"

using namespace nanobook;
using nanobook::detail::Random;
using nanobook::test::ReferenceMetrics;

namespace {

using Returns = std::vector<double>;
using Curve = std::vector<Price>;

doctest::Approx about(double value) { return doctest::Approx(value).epsilon(1e-12); }

Metrics metrics(const Returns& returns, const MetricsOptions& options = {}) {
    return compute_metrics(std::span(returns), options);
}
Metrics metrics(const Curve& curve, const MetricsOptions& options = {}) {
    return compute_metrics(std::span(curve), options);
}

bool is_close(std::optional<double> a, std::optional<double> b) {
    if (!a || !b) return a.has_value() == b.has_value();
    return std::abs(*a - *b) <= 1e-10 * std::max(1.0, std::abs(*b));
}

/// The first that differs; nothing where all agree.
std::string difference(const Metrics& metrics, const ReferenceMetrics& naive) {
    if (!is_close(metrics.total_return, naive.total_return)) return "total_return";
    if (!is_close(metrics.cagr, naive.cagr)) return "cagr";
    if (!is_close(metrics.volatility, naive.volatility)) return "volatility";
    if (!is_close(metrics.sharpe, naive.sharpe)) return "sharpe";
    if (!is_close(metrics.sortino, naive.sortino)) return "sortino";
    if (!is_close(metrics.max_drawdown, naive.max_drawdown)) return "max_drawdown";
    // A drawdown is 1 less a number close to 1: the shallower, the fewer digits it has.
    const bool is_shallow = naive.max_drawdown && *naive.max_drawdown > 0 && *naive.max_drawdown < 1e-3;
    if (!is_shallow && !is_close(metrics.calmar, naive.calmar)) return "calmar";
    if (!is_close(metrics.win_rate, naive.win_rate)) return "win_rate";
    if (!is_close(metrics.profit_factor, naive.profit_factor)) return "profit_factor";
    if (!is_close(metrics.cvar_95, naive.cvar_95)) return "cvar_95";
    return "";
}

}  // namespace

// ---- definitions

TEST_CASE("total_return_is_the_product_of_all") {
    CHECK(*metrics(Returns{0.1, -0.5, 1.0}).total_return == about(0.1));
    CHECK(*metrics(Curve{1'000, 1'100, 550, 1'100}).total_return == about(0.1));
}

TEST_CASE("cagr_is_the_return_of_a_year") {
    CHECK(*metrics(Returns{0.1, 0.1}, {1, 0}).cagr == about(0.1));
    CHECK(*metrics(Returns{0.1, 0.1}, {4, 0}).cagr == about(std::pow(1.1, 4) - 1));
}

TEST_CASE("volatility_divides_by_one_less_than_the_number") {
    CHECK(*metrics(Returns{0.01, 0.03}, {4, 0}).volatility == about(std::sqrt(0.0002) * 2));
}

TEST_CASE("sharpe_is_the_mean_excess_by_the_deviation_of_a_year") {
    CHECK(*metrics(Returns{0.01, 0.03}, {4, 0.005}).sharpe == about(0.015 / std::sqrt(0.0002) * 2));
}

TEST_CASE("sortino_takes_the_downside_of_all_periods") {
    // One of four periods is 0.02 below.
    CHECK(*metrics(Returns{0.01, -0.02, 0.03, 0.02}, {1, 0}).sortino == about(0.01 / std::sqrt(0.0004 / 4)));
    CHECK(*metrics(Returns{0.01, 0.03}, {1, 0.02}).sortino == doctest::Approx(0.0));
}

TEST_CASE("max_drawdown_is_the_deepest_fall_as_a_positive_part_of_the_peak") {
    CHECK(*metrics(Curve{1'000, 2'000, 1'500, 3'000, 2'400}).max_drawdown == about(0.25));
}

TEST_CASE("the_first_value_counts_as_a_peak") {
    CHECK(*metrics(Returns{-0.1, 0.5}).max_drawdown == about(0.1));
    CHECK(*metrics(Curve{1'000, 900, 2'000}).max_drawdown == about(0.1));
}

TEST_CASE("calmar_is_the_cagr_by_the_drawdown") {
    const Metrics result = metrics(Returns{0.2, -0.1, 0.3}, {12, 0});
    CHECK(*result.calmar == about(*result.cagr / *result.max_drawdown));
}

TEST_CASE("the_win_rate_leaves_out_periods_without_a_change") {
    const Metrics result = metrics(Returns{0.1, 0, 0, -0.1, 0.2});
    CHECK(*result.win_rate == about(2.0 / 3));
    CHECK(result.winning == 2);
    CHECK(result.losing == 1);
    CHECK(result.n_periods == 5);
}

TEST_CASE("the_profit_factor_is_gains_by_losses") {
    CHECK(*metrics(Returns{0.1, -0.05, 0.2}).profit_factor == about(6.0));
    CHECK(metrics(Returns{-0.05, -0.1}).profit_factor == 0.0);
}

TEST_CASE("cvar_is_the_mean_of_the_lowest_twentieth") {
    Returns returns;
    for (int i = 0; i < 20; ++i) returns.push_back(0.01 * (7 * i % 20 - 10));
    CHECK(*metrics(returns).cvar_95 == about(-0.1));
    returns.push_back(0.5);
    CHECK(*metrics(returns).cvar_95 == about(-0.095));
}

TEST_CASE("the_options_are_in_the_result") {
    const Metrics result = metrics(Returns{0.1}, {12, 0.001});
    CHECK(result.periods_per_year == 12);
    CHECK(result.risk_free == 0.001);
}

// ---- what is not defined

TEST_CASE("of_no_returns_nothing_is_defined") {
    for (const Metrics& result : {metrics(Returns{}), metrics(Curve{}), metrics(Curve{1'000})}) {
        CHECK(result.n_periods == 0);
        for (const auto& value :
             {result.total_return, result.cagr, result.volatility, result.sharpe, result.sortino, result.max_drawdown,
              result.calmar, result.win_rate, result.profit_factor, result.cvar_95}) {
            CHECK_FALSE(value.has_value());
        }
    }
}

TEST_CASE("a_single_return_has_no_deviation") {
    const Metrics result = metrics(Returns{0.1});
    CHECK_FALSE(result.volatility.has_value());
    CHECK_FALSE(result.sharpe.has_value());
    CHECK(*result.total_return == about(0.1));
}

TEST_CASE("equal_returns_have_a_volatility_of_zero_and_no_sharpe") {
    for (const double change : {0.01, 0.1, 1.0 / 3, -0.07, 0.0}) {
        const Metrics result = metrics(Returns(1'000, change));
        CHECK(result.volatility == 0.0);
        CHECK_FALSE(result.sharpe.has_value());
    }
}

TEST_CASE("a_curve_that_stands_still_has_no_ratio") {
    const Metrics result = metrics(Curve(10, 1'000));
    CHECK(result.total_return == 0.0);
    CHECK(result.max_drawdown == 0.0);
    CHECK_FALSE(result.sharpe.has_value());
    CHECK_FALSE(result.sortino.has_value());
    CHECK_FALSE(result.calmar.has_value());
    CHECK_FALSE(result.win_rate.has_value());
    CHECK_FALSE(result.profit_factor.has_value());
}

TEST_CASE("without_a_loss_there_is_no_sortino_no_profit_factor_and_no_calmar") {
    const Metrics result = metrics(Returns{0.1, 0.2, 0});
    CHECK_FALSE(result.sortino.has_value());
    CHECK_FALSE(result.profit_factor.has_value());
    CHECK_FALSE(result.calmar.has_value());
    CHECK(result.max_drawdown == 0.0);
    CHECK(result.win_rate == 1.0);
}

TEST_CASE("a_year_of_more_than_any_double_is_no_cagr") {
    const Metrics result = metrics(Returns{1e10, -0.5}, {252, 0});
    CHECK_FALSE(result.cagr.has_value());
    CHECK_FALSE(result.calmar.has_value());
    CHECK(*result.total_return == about(0.5e10 - 0.5));
}

TEST_CASE("no_figure_is_infinite_however_large_the_returns_are") {
    const Metrics result = metrics(Returns{1e200, 1e200, -0.5, 1e300});
    for (const auto& value : {result.total_return, result.cagr, result.volatility, result.sharpe, result.sortino,
                              result.max_drawdown, result.calmar, result.profit_factor, result.cvar_95}) {
        CHECK((!value || std::isfinite(*value)));
    }
}

// ---- ruin

TEST_CASE("a_ruin_is_minus_one_for_good") {
    for (const Metrics& result : {metrics(Returns{0.1, -1.0, 5.0}), metrics(Returns{0.1, -1.33, 1.0}),
                                  metrics(Curve{1'000, 1'100, -300, 2'000}), metrics(Curve{1'000, 0, 0, 0})}) {
        CHECK(result.total_return == -1.0);
        CHECK(result.max_drawdown == 1.0);
        CHECK(result.cagr == -1.0);
        CHECK(result.calmar == -1.0);
    }
}

TEST_CASE("the_returns_of_a_curve_are_cut_off_at_a_ruin") {
    const Metrics curve = metrics(Curve{1'000, 1'200, -700, -900, 100});
    const Metrics returns = metrics(Returns{1'200.0 / 1'000 - 1, -1, 0, 0});
    CHECK(curve == returns);
}

// ---- what is refused

TEST_CASE("returns_that_are_no_numbers_are_refused_by_row") {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    CHECK_THROWS_WITH_AS((void)metrics(Returns{0.1, std::nan("")}), "the return in row 1 is nan; it must be finite",
                         std::invalid_argument);
    CHECK_THROWS_WITH_AS((void)metrics(Returns{-infinity}), "the return in row 0 is -inf; it must be finite",
                         std::invalid_argument);
}

TEST_CASE("options_that_make_no_sense_are_refused") {
    for (const double year : {0.0, -252.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
        CHECK_THROWS_AS((void)metrics(Returns{0.1}, {year, 0}), std::invalid_argument);
        CHECK_THROWS_AS((void)metrics(Curve{1'000}, {year, 0}), std::invalid_argument);
    }
    CHECK_THROWS_WITH_AS((void)metrics(Returns{}, {252, std::nan("")}), "risk_free is nan; it must be finite",
                         std::invalid_argument);
}

// ---- beside textbook formulas

TEST_CASE("random_returns_have_the_metrics_of_the_textbook") {
    Random random(1);
    for (int series = 0; series < 3'000; ++series) {
        const double size = std::pow(10.0, -1.0 - random.below(5));
        Returns returns(random.below(300));
        for (double& change : returns) {
            if (!random.once_in(5))
                change = (static_cast<double>(random.below(2'001)) - 1'000 + random.below(50)) / 1'000 * size;
        }
        if (!returns.empty() && random.once_in(10))
            returns[random.below(static_cast<std::uint32_t>(returns.size()))] = -1.2;
        const MetricsOptions options{random.once_in(2) ? 252.0 : 12.0, random.once_in(2) ? 0.0 : size / 10};
        const ReferenceMetrics naive(returns, options.periods_per_year, options.risk_free);
        const std::string wrong = difference(metrics(returns, options), naive);
        if (!wrong.empty()) FAIL("series " << series << ": " << wrong);
    }
}

TEST_CASE("a_curve_has_the_metrics_of_its_returns") {
    Random random(2);
    for (int series = 0; series < 500; ++series) {
        Curve curve{100'000 + static_cast<Price>(random.below(100'000))};
        Returns returns;
        for (std::uint32_t i = 0, n = random.below(100); i < n; ++i) {
            curve.push_back(curve.back() + static_cast<Price>(random.below(4'001)) - 2'000);
            returns.push_back(Portfolio::return_between(curve[i], curve[i + 1]));
        }
        const std::string wrong = difference(metrics(curve), ReferenceMetrics(returns, 252, 0));
        if (!wrong.empty()) FAIL("series " << series << ": " << wrong);
    }
}

TEST_CASE("returns_that_are_all_but_equal_keep_their_deviation") {
    Returns returns;
    for (int i = 0; i < 1'000; ++i) returns.push_back(i % 2 == 0 ? 0.01 : 0.01 + 1e-12);
    const ReferenceMetrics naive(returns, 252, 0);
    CHECK(*metrics(returns).volatility == doctest::Approx(*naive.volatility).epsilon(1e-3));
}
