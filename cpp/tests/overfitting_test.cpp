// How much of the best of many is luck: published formulas, and cross-validation done the long way.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <nanobook/detail/random.hpp>
#include <nanobook/portfolio/overfitting.hpp>

using namespace nanobook;
using nanobook::detail::Random;

namespace {

using Returns = std::vector<double>;

doctest::Approx about(double value, double epsilon = 1e-10) { return doctest::Approx(value).epsilon(epsilon); }

Returns noise(Random& random, std::size_t size, double drift = 0) {
    Returns returns(size);
    for (double& value : returns) {
        value = drift;
        for (int i = 0; i < 12; ++i) value += (random.below(10'001) / 10'000.0 - 0.5) / 100;
    }
    return returns;
}

double ratio(const Returns& returns) {
    double mean = 0, square = 0;
    for (const double value : returns) mean += value / static_cast<double>(returns.size());
    for (const double value : returns) square += (value - mean) * (value - mean) / static_cast<double>(returns.size());
    return square > 1e-24 ? mean / std::sqrt(square) : 0;
}

/// Combination by combination, with series put together anew.
double naive_overfitting(const std::vector<Returns>& sets, unsigned splits) {
    const std::size_t length = sets.front().size() / splits;
    int failures = 0, combinations = 0;
    for (std::uint32_t chosen = 0; chosen < (1u << splits); ++chosen) {
        if (std::popcount(chosen) * 2 != static_cast<int>(splits)) continue;
        std::vector<double> inside, outside;
        for (const Returns& set : sets) {
            Returns in, out;
            for (std::size_t i = 0; i < length * splits; ++i) {
                ((chosen >> (i / length) & 1) != 0 ? in : out).push_back(set[i]);
            }
            inside.push_back(ratio(in));
            outside.push_back(ratio(out));
        }
        const auto best = std::max_element(inside.begin(), inside.end()) - inside.begin();
        const double rank = 1 + static_cast<double>(std::count_if(outside.begin(), outside.end(), [&](double r) {
                                return r < outside[static_cast<std::size_t>(best)];
                            }));
        const double part = rank / static_cast<double>(sets.size() + 1);
        failures += std::log(part / (1 - part)) <= 1e-12 ? 1 : 0;
        ++combinations;
    }
    return static_cast<double>(failures) / combinations;
}

}  // namespace

// ---- the normal distribution

TEST_CASE("the_normal_distribution_has_its_known_values") {
    CHECK(detail::normal_cdf(0) == 0.5);
    CHECK(detail::normal_cdf(1.96) == about(0.9750021048517795));
    CHECK(detail::normal_cdf(-3) == about(0.0013498980316300933));
    CHECK(detail::normal_quantile(0.975) == about(1.959963984540054));
    CHECK(detail::normal_quantile(0.0013498980316300933) == about(-3));
    CHECK(detail::normal_quantile(0.5) == doctest::Approx(0.0).epsilon(1e-12));
}

TEST_CASE("quantiles_are_the_inverse_of_the_distribution") {
    for (double x = -7; x < 5; x += 0.37) CHECK(detail::normal_quantile(detail::normal_cdf(x)) == about(x, 1e-7));
}

// ---- the expected maximum

TEST_CASE("the_expected_maximum_grows_with_the_trials_and_the_spread") {
    CHECK(*expected_max_sharpe(1, 10) == about(1.5746, 1e-4));
    CHECK(*expected_max_sharpe(1, 100) == about(2.5306, 1e-4));
    CHECK(*expected_max_sharpe(1, 1'000) == about(3.2555, 1e-4));
    CHECK(*expected_max_sharpe(0.25, 100) == about(*expected_max_sharpe(1, 100) / 2));
    CHECK(expected_max_sharpe(0, 5) == 0.0);
}

TEST_CASE("the_expected_maximum_is_near_that_of_random_draws") {
    Random random(7);
    double sum = 0;
    constexpr int draws = 2'000;
    for (int i = 0; i < draws; ++i) {
        double best = -100;
        for (int trial = 0; trial < 50; ++trial) {
            best = std::max(best, detail::normal_quantile((random.below(1'000'000) + 0.5) / 1'000'000));
        }
        sum += best;
    }
    CHECK(*expected_max_sharpe(1, 50) == about(sum / draws, 0.02));
}

TEST_CASE("fewer_than_two_trials_have_no_expected_maximum") {
    CHECK(expected_max_sharpe(1, 0) == std::nullopt);
    CHECK(expected_max_sharpe(1, 1) == std::nullopt);
    CHECK(expected_max_sharpe(-1, 10) == std::nullopt);
    CHECK(expected_max_sharpe(std::nan(""), 10) == std::nullopt);
}

// ---- the probabilistic ratio

TEST_CASE("a_ratio_at_the_benchmark_is_as_likely_above_as_below") {
    Random random(1);
    const Returns returns = noise(random, 500, 0.001);
    const detail::Moments moments = detail::moments_of(returns);
    CHECK(*probabilistic_sharpe(returns, moments.mean / moments.deviation) == about(0.5, 1e-9));
}

TEST_CASE("the_probability_is_that_of_the_published_formula") {
    // Mean 0.01; deviations 0.03 and -0.01 thrice: skewness 2 / sqrt(3), kurtosis 7 / 3.
    const Returns returns{0.04, 0, 0, 0};
    const double sharpe = 0.01 / 0.02;
    const double spread = 1 - 2 / std::numbers::sqrt3 * sharpe + (7.0 / 3 - 1) / 4 * sharpe * sharpe;
    CHECK(*probabilistic_sharpe(returns, 0.1) ==
          about(detail::normal_cdf((sharpe - 0.1) * std::sqrt(3.0) / std::sqrt(spread))));
}

TEST_CASE("the_risk_free_rate_is_taken_off_the_mean") {
    Random random(2);
    const Returns returns = noise(random, 100, 0.002);
    Returns excess = returns;
    for (double& value : excess) value -= 0.001;
    CHECK(*probabilistic_sharpe(returns, 0.05, 0.001) == about(*probabilistic_sharpe(excess, 0.05)));
}

TEST_CASE("a_higher_benchmark_is_less_likely_beaten") {
    Random random(3);
    const Returns returns = noise(random, 100, 0.002);
    CHECK(*probabilistic_sharpe(returns, 0.1) < *probabilistic_sharpe(returns, 0.05));
}

TEST_CASE("returns_without_a_deviation_have_no_probability") {
    CHECK(probabilistic_sharpe({}, 0) == std::nullopt);
    CHECK(probabilistic_sharpe(Returns{0.1}, 0) == std::nullopt);
    CHECK(probabilistic_sharpe(Returns(50, 0.25), 0) == std::nullopt);
    CHECK(probabilistic_sharpe(Returns(50, 0.0), 0) == std::nullopt);
}

TEST_CASE("equal_returns_that_do_not_sum_exactly_have_no_probability_either") {
    CHECK(probabilistic_sharpe(Returns(50, 0.1), 0) == std::nullopt);
    CHECK(probabilistic_sharpe(Returns(1'000, 1.0 / 3), 0) == std::nullopt);
}

// ---- cross-validation

TEST_CASE("random_sets_are_overfitted_as_the_naive_way_says") {
    Random random(4);
    for (int i = 0; i < 60; ++i) {
        const unsigned splits = 2 * (1 + random.below(4));
        std::vector<Returns> sets;
        const std::size_t length = splits * (2 + random.below(9)) + random.below(splits);
        for (std::uint32_t n = 2 + random.below(9); n > 0; --n) {
            sets.push_back(noise(random, length, random.below(3) * 0.002));
        }
        CHECK(probability_of_overfitting(sets, splits) == about(naive_overfitting(sets, splits)));
    }
}

TEST_CASE("a_set_that_is_better_throughout_is_not_overfitted") {
    Random random(5);
    std::vector<Returns> sets;
    for (int i = 0; i < 8; ++i) sets.push_back(noise(random, 320, i == 3 ? 0.05 : 0));
    CHECK(probability_of_overfitting(sets, 8) == 0);
}

TEST_CASE("sets_that_win_only_in_one_half_are_overfitted") {
    std::vector<Returns> sets(2, Returns(40));
    for (std::size_t i = 0; i < 40; ++i) {
        const double wiggle = i % 2 == 0 ? 0.001 : -0.001;
        sets[0][i] = (i < 20 ? 0.01 : -0.01) + wiggle;
        sets[1][i] = (i < 20 ? -0.01 : 0.01) + wiggle;
    }
    CHECK(probability_of_overfitting(sets, 2) == 1);
}

TEST_CASE("equal_sets_are_in_the_middle_and_count_as_overfitted") {
    Random random(6);
    const std::vector<Returns> sets(5, noise(random, 64));
    CHECK(probability_of_overfitting(sets, 4) == 1);
}

TEST_CASE("what_does_not_divide_is_left_out_at_the_end") {
    Random random(8);
    std::vector<Returns> sets;
    for (int i = 0; i < 4; ++i) sets.push_back(noise(random, 67));
    std::vector<Returns> shorter = sets;
    for (Returns& returns : shorter) returns.resize(64);
    CHECK(probability_of_overfitting(sets, 16) == probability_of_overfitting(shorter, 16));
}

TEST_CASE("splits_and_series_that_make_no_sense_are_refused") {
    const std::vector<Returns> sets(3, Returns(64, 0.01));
    for (const unsigned splits : {0u, 1u, 3u, 22u}) {
        CHECK_THROWS_AS((void)probability_of_overfitting(sets, splits), std::invalid_argument);
    }
    CHECK_THROWS_AS((void)probability_of_overfitting({}, 16), std::invalid_argument);
    CHECK_THROWS_AS((void)probability_of_overfitting(std::vector<Returns>(1, Returns(64, 0.01))),
                    std::invalid_argument);
    CHECK_THROWS_AS((void)probability_of_overfitting(std::vector<Returns>(3, Returns(15, 0.01))),
                    std::invalid_argument);
}
