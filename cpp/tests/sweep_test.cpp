// Sweeps: every row is that of a backtest of its own, bit for bit, however it was worked out.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nanobook/detail/random.hpp>
#include <nanobook/portfolio/sweep.hpp>

#include "random_prices.hpp"

using namespace nanobook;
using namespace nanobook::test;
using nanobook::detail::Random;

namespace {

/// What differs, in the bits; nothing where they are the same.
std::string difference(const RunSummary& a, const RunSummary& b) {
    std::string names;
    const auto whole = [&](const char* name, auto x, auto y) {
        if (x != y) names += std::string(" ") + name + " " + std::to_string(x) + " for " + std::to_string(y);
    };
    const auto real = [&](const char* name, std::optional<double> x, std::optional<double> y) {
        const bool is_same = x.has_value() == y.has_value() &&
                             (!x || std::bit_cast<std::uint64_t>(*x) == std::bit_cast<std::uint64_t>(*y));
        if (!is_same) names += std::string(" ") + name;
    };
    whole("status", static_cast<int>(a.status), static_cast<int>(b.status));
    whole("final_equity", a.final_equity, b.final_equity);
    whole("final_cash", a.final_cash, b.final_cash);
    whole("min_cash", a.min_cash, b.min_cash);
    whole("fees", a.fees, b.fees);
    whole("n_rebalances", a.n_rebalances, b.n_rebalances);
    whole("n_orders", a.n_orders, b.n_orders);
    whole("n_resized", a.n_resized, b.n_resized);
    whole("n_bars", a.n_bars, b.n_bars);
    real("turnover", a.turnover, b.turnover);
    const Metrics& m = a.metrics;
    const Metrics& n = b.metrics;
    whole("n_periods", m.n_periods, n.n_periods);
    whole("winning", m.winning, n.winning);
    whole("losing", m.losing, n.losing);
    real("total_return", m.total_return, n.total_return);
    real("cagr", m.cagr, n.cagr);
    real("volatility", m.volatility, n.volatility);
    real("sharpe", m.sharpe, n.sharpe);
    real("sortino", m.sortino, n.sortino);
    real("max_drawdown", m.max_drawdown, n.max_drawdown);
    real("calmar", m.calmar, n.calmar);
    real("win_rate", m.win_rate, n.win_rate);
    real("profit_factor", m.profit_factor, n.profit_factor);
    real("cvar_95", m.cvar_95, n.cvar_95);
    real("periods_per_year", m.periods_per_year, n.periods_per_year);
    real("risk_free", m.risk_free, n.risk_free);
    return names;
}

/// Where two sweeps differ first; nothing where no bit does.
std::string difference(const SweepResult& a, const SweepResult& b) {
    if (a.rows.size() != b.rows.size()) return "the number of rows";
    for (std::size_t set = 0; set < a.rows.size(); ++set) {
        const std::string names = difference(a.rows[set], b.rows[set]);
        if (!names.empty()) return "set " + std::to_string(set) + ":" + names;
    }
    return a.curves == b.curves ? "" : "a curve";
}

/// Some sweep: its grid, and what it is run with.
struct Case {
    PriceTable table;
    SweepGrid grid;
    SweepOptions options;
};

SweepResult run(const Case& sweep, SimdLevel level, unsigned threads = 1) {
    SweepOptions options = sweep.options;
    options.simd = level;
    options.threads = threads;
    const PriceBlock prices = sweep.table.block();
    return sweep_equal_weight(prices, sweep.grid, options);
}

/// Every set on its own.
SweepResult one_by_one(const Case& sweep) {
    const PriceBlock prices = sweep.table.block();
    SweepResult result;
    for (std::size_t set = 0; set < sweep.grid.size(); ++set) {
        BacktestResult one = run_equal_weight(prices, sweep.grid.at(set, sweep.options.base),
                                              sweep.options.initial_cash, sweep.options.metrics);
        result.rows.push_back(one.summary);
        const auto& wanted = sweep.options.curves;
        if (std::ranges::find(wanted, set) != wanted.end()) result.curves[set] = std::move(one.curve);
    }
    return result;
}

void check_all_levels(const Case& sweep, const std::string& what) {
    const SweepResult expected = one_by_one(sweep);
    for (const SimdLevel level : simd_levels()) {
        const std::string wrong = difference(run(sweep, level), expected);
        if (!wrong.empty()) FAIL(what << ", " << simd_level_names[static_cast<std::size_t>(level)] << ": " << wrong);
    }
}

std::vector<std::optional<double>> values(Random& random, std::size_t count, auto draw) {
    std::vector<std::optional<double>> values;
    for (std::size_t i = 0; i < count; ++i) {
        values.emplace_back();
        if (!random.once_in(8)) values.back() = draw();
    }
    return values;
}

/// Sets that differ in all that lanes can do, few of them alike.
SweepGrid random_grid(Random& random, std::size_t sets, bool has_dates) {
    const auto below = [&](std::uint32_t bound) { return static_cast<double>(random.below(bound)); };
    std::vector<SweepAxis> axes;
    axes.push_back({SweepKey::cost_bps, values(random, sets, [&] { return below(3'000) / 100; })});
    if (random.once_in(2))
        axes.push_back({SweepKey::slippage_bps, values(random, sets, [&] { return below(200) / 2; })});
    if (random.once_in(2)) axes.push_back({SweepKey::min_trade_fee, values(random, sets, [&] { return below(500); })});
    if (random.once_in(2))
        axes.push_back({SweepKey::cash_buffer, values(random, sets, [&] { return below(50) / 100; })});
    if (random.once_in(2))
        axes.push_back({SweepKey::leverage, values(random, sets, [&] { return 0.5 + below(26) / 10; })});
    // Few values each, so that groups have several sets.
    if (random.once_in(3)) axes.push_back({SweepKey::execution_lag, values(random, sets, [&] { return below(2); })});
    if (random.once_in(3)) axes.push_back({SweepKey::offset, values(random, sets, [&] { return 3 * below(2); })});
    if (has_dates && random.once_in(2)) {
        axes.push_back({SweepKey::rebalance_on, values(random, sets, [&] { return below(4); })});
    } else {
        axes.push_back({SweepKey::rebalance_every, values(random, sets, [&] { return below(3) * below(4); })});
    }
    if (random.once_in(3))
        axes.push_back({SweepKey::min_price, values(random, sets, [&] { return 1'000 * below(3); })});
    if (random.once_in(3)) axes.push_back({SweepKey::min_history, values(random, sets, [&] { return 9 * below(2); })});
    if (random.once_in(2)) {
        std::vector<std::optional<double>> lookback, top_k, skip;
        for (std::size_t i = 0; i < sets; ++i) {
            const bool ranks = !random.once_in(3);
            lookback.push_back(ranks ? 1 + 5 * below(2) : 0);
            top_k.push_back(ranks ? 2 * below(2) : 0);
            skip.push_back(ranks ? below(2) : 0);
        }
        axes.push_back({SweepKey::lookback, lookback});
        axes.push_back({SweepKey::top_k, top_k});
        axes.push_back({SweepKey::skip, skip});
    }
    return SweepGrid::rows(std::move(axes), sets);
}

SweepOptions options(Price initial_cash) {
    SweepOptions options;
    options.initial_cash = initial_cash;
    return options;
}

SweepGrid costs_and_buffers(std::size_t sets) {
    SweepAxis costs{SweepKey::cost_bps, {}};
    SweepAxis buffers{SweepKey::cash_buffer, {}};
    for (std::size_t i = 0; i < sets; ++i) {
        costs.values.emplace_back(static_cast<double>(i % 17) / 2);
        buffers.values.emplace_back(static_cast<double>(i % 7) / 50);
    }
    return SweepGrid::rows({costs, buffers}, sets);
}

std::vector<std::size_t> all_of(const SweepGrid& grid) {
    std::vector<std::size_t> sets(grid.size());
    for (std::size_t i = 0; i < sets.size(); ++i) sets[i] = i;
    return sets;
}

}  // namespace

// ---- lanes beside backtests of their own

TEST_CASE("random_grids_come_to_the_bits_of_a_backtest_for_each_set_on_every_processor") {
    int ruined = 0, resized = 0, borrowed = 0;
    for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
        Random random(seed);
        const RandomPrices shape{.bars = 2 + random.below(120),
                                 .symbols = 1 + random.below(12),
                                 .per_mille = random.once_in(4) ? 250u : 40u,
                                 .missing = random.once_in(3) ? Missing::leading : Missing::none};
        Case sweep{shape.make(seed), {}, options(1'000 + static_cast<Price>(random.next() >> (30 + random.below(20))))};
        const bool has_dates = random.once_in(2);
        if (has_dates) sweep.table.dates = trading_days(shape.bars, seed);
        sweep.grid = random_grid(random, 1 + random.below(60), has_dates);
        sweep.options.metrics = {random.once_in(2) ? 252.0 : 12.0, random.once_in(2) ? 0.0 : 0.0001};
        if (random.once_in(3)) sweep.options.curves = all_of(sweep.grid);
        sweep.options.base.costs = CostModel(random.below(10), random.below(3), random.below(2));
        sweep.options.base.execution_lag = random.below(2);
        check_all_levels(sweep, "seed " + std::to_string(seed));
        for (const RunSummary& row : run(sweep, SimdLevel::baseline).rows) {
            ruined += row.status == RunStatus::ruined ? 1 : 0;
            resized += row.n_resized != 0 ? 1 : 0;
            borrowed += row.min_cash < 0 ? 1 : 0;
        }
    }
    CHECK(ruined > 100);
    CHECK(resized > 5'000);
    CHECK(borrowed > 1'000);
}

TEST_CASE("sets_with_stops_bands_and_gaps_come_to_the_bits_of_a_backtest_too") {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        Random random(seed);
        const RandomPrices shape{
            .bars = 60, .symbols = 5, .missing = seed % 2 == 0 ? Missing::anywhere : Missing::none};
        Case sweep{shape.make(seed), {}, options(10'000'000)};
        sweep.grid = SweepGrid::product({{SweepKey::rebalance_every, {1, 5}},
                                         {SweepKey::no_trade_band_bps, {std::nullopt, 0, 50}},
                                         {SweepKey::stop_loss_pct, {std::nullopt, 0.05}},
                                         {SweepKey::trailing_stop_pct, {std::nullopt, 0.1}},
                                         {SweepKey::take_profit_pct, {std::nullopt, 0.2}},
                                         {SweepKey::max_drawdown_stop, {std::nullopt, 0.15}}});
        sweep.options.base.costs = CostModel(5);
        check_all_levels(sweep, "seed " + std::to_string(seed));
    }
}

TEST_CASE("a_group_of_any_size_comes_to_the_bits_of_a_backtest_for_each") {
    for (std::size_t sets = 1; sets <= 40; ++sets) {
        Case sweep{RandomPrices{.bars = 30, .symbols = 4}.make(sets), costs_and_buffers(sets), options(1'000'000)};
        sweep.options.curves = all_of(sweep.grid);
        check_all_levels(sweep, std::to_string(sets) + " sets");
    }
}

TEST_CASE("a_single_bar_trades_and_has_no_return") {
    Case sweep{RandomPrices{.bars = 1, .symbols = 3}.make(1), costs_and_buffers(9), options(1'000'000)};
    sweep.options.curves = all_of(sweep.grid);
    check_all_levels(sweep, "one bar");
    const SweepResult result = run(sweep, simd_levels().back());
    CHECK(result.rows[0].n_orders == 3);
    CHECK(result.rows[0].metrics.n_periods == 0);
    CHECK_FALSE(result.rows[0].metrics.total_return.has_value());
    CHECK(result.curves.at(0) == std::vector<Price>{1'000'000});
}

TEST_CASE("two_bars_have_one_return_with_the_cost_of_entry_in_it") {
    Case sweep{{{"A"}, {{100, 110}}}, SweepGrid::product({{SweepKey::cost_bps, {0, 100}}}), options(1'000'000)};
    check_all_levels(sweep, "two bars");
    const SweepResult result = run(sweep, simd_levels().back());
    CHECK(result.rows[0].metrics.n_periods == 1);
    CHECK(result.rows[0].metrics.total_return == 1'100'000.0 / 1'000'000 - 1);
    CHECK(result.rows[1].final_equity < 1'090'000);
    CHECK(result.rows[1].metrics.sharpe == std::nullopt);
}

TEST_CASE("prices_as_high_as_lanes_take_them_and_higher_come_to_the_same_bits") {
    SweepAxis slippage{SweepKey::slippage_bps, {}};
    for (int i = 0; i < 60; ++i) slippage.values.emplace_back(0.01 * (i * i * i + 1));
    for (const Price highest : {Price{2'251'799'813}, Price{2'251'799'814}, Price{1} << 31, Price{1} << 44}) {
        const RandomPrices shape{
            .bars = 100, .symbols = 3, .least = highest - highest / 50, .most = highest, .cap = highest};
        Case sweep{shape.make(7), SweepGrid::product({slippage}), options(Price{1} << 48)};
        check_all_levels(sweep, std::to_string(highest));
    }
}

TEST_CASE("cash_as_large_as_lanes_take_it_and_larger_comes_to_the_same_bits") {
    for (int bits = 44; bits < 61; ++bits) {
        for (const Price more : {-3, 0, 1}) {
            Case sweep{RandomPrices{.bars = 25, .symbols = 3}.make(7), costs_and_buffers(9),
                       options((Price{1} << bits) + more)};
            sweep.grid = SweepGrid::product({{SweepKey::cost_bps, {0, 0.5, 25}},
                                             {SweepKey::slippage_bps, {0, 11}},
                                             {SweepKey::leverage, {0.9, 1, 1.7}}});
            check_all_levels(sweep, "2^" + std::to_string(bits));
        }
    }
}

TEST_CASE("least_fees_as_large_as_lanes_take_them_and_larger_come_to_the_same_bits") {
    Case sweep{RandomPrices{.bars = 25, .symbols = 3}.make(7), {}, options(Price{1} << 52)};
    SweepAxis fees{SweepKey::min_trade_fee, {}};
    for (int bits = 40; bits < 53; ++bits) fees.values.emplace_back(std::ldexp(1.0, bits));
    sweep.grid = SweepGrid::product({fees});
    check_all_levels(sweep, "fees");
    sweep.options.initial_cash = Price{1} << 48;
    check_all_levels(sweep, "fees, less cash");
}

TEST_CASE("buys_that_shrink_to_about_the_least_fee_come_to_the_same_bits") {
    // A fee that becomes the least one is what makes a second factor necessary, and a third.
    for (std::uint64_t seed = 0; seed < 1'500; ++seed) {
        Random random(seed);
        const std::size_t symbols = 1 + random.below(8);
        const auto most = static_cast<Price>(1u << (1 + random.below(12)));
        const auto cash = 50 + static_cast<Price>(random.next() >> (28 + random.below(30)));
        Case sweep{RandomPrices{.bars = 2, .symbols = symbols, .least = 1, .most = most}.make(seed), {}, options(cash)};
        const double bps = 2 * (1 + random.below(1'500));
        SweepAxis fees{SweepKey::min_trade_fee, {}};
        for (int i = 1; i < 20; ++i) {
            const double fee = static_cast<double>(cash) / static_cast<double>(symbols) * bps / 10'000;
            fees.values.emplace_back(std::floor(fee * (0.06 * i)));
        }
        sweep.grid = SweepGrid::product({fees, {SweepKey::cost_bps, {bps, bps / 2}}});
        sweep.options.base.costs = CostModel(0, random.once_in(2) ? 0 : random.below(300));
        check_all_levels(sweep, "seed " + std::to_string(seed));
    }
}

TEST_CASE("a_price_of_one_cent_comes_to_the_same_bits") {
    const RandomPrices shape{.bars = 14, .symbols = 4, .least = 1, .most = 3, .per_mille = 900, .cap = 9};
    for (const Price cash : {Price{7}, Price{1'000}, Price{1} << 40, (Price{1} << 48) - 1}) {
        Case sweep{shape.make(5), costs_and_buffers(11), options(cash)};
        check_all_levels(sweep, std::to_string(cash));
    }
}

TEST_CASE("an_equity_too_large_before_a_trade_and_not_after_it_comes_to_the_same_bits") {
    // A rises a millionfold, and is sold at once for B at a cost that takes nearly all of it.
    Random random(1);
    Case sweep{{{"A", "B"}, {{1'000, 1'001, 1'001, 1'000'000'007}, {1'000, 1'000, 1'002, 1'003}}}, {}, {}};
    sweep.grid = SweepGrid::product({{SweepKey::cost_bps, {9'999, 9'999.9, 9'999.99}},
                                     {SweepKey::slippage_bps, {0, 9'000}},
                                     {SweepKey::leverage, {1, 0.9}}});
    sweep.options.base.rules.selection = {.lookback = 1, .skip = 1, .top_k = 1};
    for (int i = 0; i < 100; ++i) {
        sweep.options.initial_cash = 1'000'000'000 + random.below(1'200'000'000);
        check_all_levels(sweep, std::to_string(sweep.options.initial_cash));
    }
}

TEST_CASE("an_equity_too_large_between_trades_comes_to_the_same_bits") {
    Case sweep{{{"A", "B"}, {{1'000, 16'000'007, 2'000'000'001, 1'001, 1'002}, {1'000, 1'003, 1'003, 1'003, 1'004}}},
               costs_and_buffers(9),
               {}};
    sweep.options.base.rules.schedule.every = 0;
    sweep.options.curves = all_of(sweep.grid);
    for (int bits = 30; bits < 42; ++bits) {
        sweep.options.initial_cash = (Price{1} << bits) - 1;
        check_all_levels(sweep, std::to_string(bits));
    }
}

TEST_CASE("more_bars_than_lanes_keep_their_lowest_returns_for_come_to_the_same_bits") {
    constexpr std::size_t last_kept = detail::longest_tail * 20;  // of whose returns the lowest 192 are the tail
    for (const std::size_t bars : {last_kept, last_kept + 1, last_kept + 2, last_kept + 500}) {
        Case sweep{RandomPrices{.bars = bars, .symbols = 2, .per_mille = 9}.make(3), costs_and_buffers(9),
                   options(1'000'000)};
        sweep.options.base.rules.schedule.every = 21;
        sweep.options.curves = {3};
        check_all_levels(sweep, std::to_string(bars) + " bars");
    }
}

TEST_CASE("prices_that_stand_still_come_to_the_same_bits") {
    Case sweep{{{"A", "B"}, {std::vector<Price>(50, 777), std::vector<Price>(50, 1'234)}},
               costs_and_buffers(20),
               options(1'000'000)};
    check_all_levels(sweep, "still");
    const SweepResult result = run(sweep, simd_levels().back());
    CHECK(result.rows[0].n_orders == 2);
    CHECK(result.rows[0].n_rebalances == 50);
    CHECK(result.rows[0].metrics.sharpe == std::nullopt);
}

TEST_CASE("a_bar_on_which_nothing_may_be_held_liquidates") {
    Case sweep{{{"A"}, {{100, 200, 50, 300}}}, SweepGrid::product({{SweepKey::min_price, {0, 100}}}), options(1'000)};
    check_all_levels(sweep, "nothing");
    const SweepResult result = run(sweep, simd_levels().back());
    CHECK(result.rows[0].final_equity == 3'000);
    CHECK(result.rows[1].final_equity == 500);
    CHECK(result.rows[1].n_rebalances == 4);
}

TEST_CASE("curves_are_kept_of_the_sets_that_are_asked_for") {
    Case sweep{RandomPrices{.bars = 80, .symbols = 5}.make(4), costs_and_buffers(70), options(1'000'000)};
    sweep.options.curves = {69, 3, 0, 3};
    check_all_levels(sweep, "curves");
    const SweepResult result = run(sweep, simd_levels().back());
    REQUIRE(result.curves.size() == 3);
    for (const auto& [set, curve] : result.curves) {
        CHECK(curve.size() == 80);
        CHECK(curve.front() == 1'000'000);
        CHECK(curve.back() == result.rows[set].final_equity);
    }
}

TEST_CASE("curves_of_sets_that_are_ruined_are_those_of_their_backtests") {
    Case sweep{{{"A"}, {{1'000, 900, 400, 100, 300}}},
               SweepGrid::product({{SweepKey::leverage, {1, 2, 3}}}),
               options(1'000'000)};
    sweep.options.curves = {0, 1, 2};
    sweep.options.base.rules.schedule.every = 0;
    check_all_levels(sweep, "ruin");
    const SweepResult result = run(sweep, simd_levels().back());
    CHECK(result.rows[0].status == RunStatus::ok);
    CHECK(result.rows[2].status == RunStatus::ruined);
    CHECK(result.rows[2].metrics.total_return == -1.0);
    CHECK(result.rows[2].metrics.max_drawdown == 1.0);
}

// ---- what must not matter

TEST_CASE("the_order_of_the_columns_changes_no_bit") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        Random random(seed);
        Case sweep{
            RandomPrices{.bars = 50, .symbols = 7, .missing = Missing::leading}.make(seed), {}, options(1'000'000)};
        sweep.grid = random_grid(random, 30, false);
        Case reversed = sweep;
        std::ranges::reverse(reversed.table.symbols);
        std::ranges::reverse(reversed.table.prices);
        std::ranges::reverse(reversed.table.valid);
        for (const SimdLevel level : simd_levels()) CHECK(difference(run(sweep, level), run(reversed, level)) == "");
    }
}

TEST_CASE("the_order_of_the_sets_changes_no_bit") {
    Random random(3);
    Case sweep{RandomPrices{.bars = 50, .symbols = 5}.make(3), random_grid(random, 45, false), options(1'000'000)};
    std::vector<SweepAxis> axes = sweep.grid.axes();
    for (SweepAxis& axis : axes) std::ranges::reverse(axis.values);
    Case reversed = sweep;
    reversed.grid = SweepGrid::rows(axes, 45);
    SweepResult result = run(reversed, simd_levels().back());
    std::ranges::reverse(result.rows);
    CHECK(difference(run(sweep, simd_levels().back()), result) == "");
}

TEST_CASE("the_number_of_threads_changes_no_bit") {
    Random random(5);
    Case sweep{RandomPrices{.bars = 60, .symbols = 6}.make(5), {}, options(10'000'000)};
    sweep.grid = random_grid(random, 300, false);
    sweep.options.curves = {0, 17, 299};
    for (const SimdLevel level : simd_levels()) {
        const SweepResult expected = run(sweep, level, 1);
        for (unsigned threads = 2; threads <= 8; ++threads) {
            CHECK(difference(run(sweep, level, threads), expected) == "");
        }
    }
}

TEST_CASE("threads_share_rankings_and_sets_with_stops") {
    Case sweep{RandomPrices{.bars = 60, .symbols = 6}.make(6), {}, options(10'000'000)};
    sweep.grid = SweepGrid::product({{SweepKey::lookback, {1, 2, 3, 5, 8, 13}},
                                     {SweepKey::top_k, {1, 3}},
                                     {SweepKey::stop_loss_pct, {std::nullopt, 0.05, 0.1}},
                                     {SweepKey::cost_bps, {0, 5, 10}}});
    const SweepResult expected = one_by_one(sweep);
    for (const unsigned threads : {1u, 4u, 8u}) {
        CHECK(difference(run(sweep, simd_levels().back(), threads), expected) == "");
    }
}

TEST_CASE("as_many_threads_as_there_are_cores_are_used_where_none_are_asked_for") {
    Case sweep{RandomPrices{.bars = 300, .symbols = 20}.make(8), costs_and_buffers(600), options(10'000'000)};
    sweep.options.base.rules.schedule.every = 50;
    CHECK(difference(run(sweep, simd_levels().back(), 0), run(sweep, simd_levels().back(), 1)) == "");
}

TEST_CASE("the_environment_says_what_of_the_processor_is_used_at_most") {
    const char* const before = std::getenv("NANOBOOK_SIMD");
    const std::string kept = before == nullptr ? "" : before;
    for (const SimdLevel level : simd_levels()) {
        ::setenv("NANOBOOK_SIMD", std::string(simd_level_names[static_cast<std::size_t>(level)]).c_str(), 1);
        CHECK(best_simd_level() == level);
    }
    ::setenv("NANOBOOK_SIMD", "AVX2", 1);
    CHECK_THROWS_WITH_AS(std::ignore = best_simd_level(),
                         "NANOBOOK_SIMD is 'AVX2'; it is one of scalar, baseline, avx2, avx512", std::invalid_argument);
    ::unsetenv("NANOBOOK_SIMD");
    CHECK(best_simd_level() == simd_levels().back());
    if (before != nullptr) ::setenv("NANOBOOK_SIMD", kept.c_str(), 1);
}

// ---- progress and its end

TEST_CASE("a_sweep_that_is_cancelled_keeps_the_rows_that_are_finished") {
    for (const unsigned threads : {1u, 4u}) {
        for (const SimdLevel level : {SimdLevel::scalar, simd_levels().back()}) {
            Case sweep{RandomPrices{.bars = 1'500, .symbols = 20}.make(8), costs_and_buffers(4'000),
                       options(10'000'000)};
            sweep.options.progress = [](std::size_t done, std::size_t all) {
                CHECK(all == 4'000);
                return done == 0;
            };
            const SweepResult part = run(sweep, level, threads);
            sweep.options.progress = nullptr;
            const PriceBlock prices = sweep.table.block();
            std::size_t finished = 0;
            for (std::size_t set = 0; set < part.rows.size(); ++set) {
                if (part.rows[set].status == RunStatus::cancelled) {
                    if (part.rows[set] != RunSummary{}) FAIL("a row that is half finished");
                    continue;
                }
                if (++finished > 40) continue;
                const auto one = run_equal_weight(prices, sweep.grid.at(set, {}), 10'000'000, {});
                CHECK(difference(part.rows[set], one.summary) == "");
            }
            CHECK(finished > 0);
            CHECK(finished < part.rows.size());
        }
    }
}

TEST_CASE("a_sweep_is_cancelled_in_the_middle_of_a_set") {
    for (const SimdLevel level : {SimdLevel::scalar, simd_levels().back()}) {
        Case sweep{{{"A", "B"}, {std::vector<Price>(2'000'000, 777), std::vector<Price>(2'000'000, 1'234)}},
                   costs_and_buffers(8),
                   options(10'000'000)};
        int calls = 0;
        sweep.options.progress = [&](std::size_t done, std::size_t) {
            CHECK(done == 0);
            ++calls;
            return false;
        };
        for (const RunSummary& row : run(sweep, level).rows) CHECK(row.status == RunStatus::cancelled);
        CHECK(calls == 1);
    }
}

TEST_CASE("a_sweep_is_cancelled_while_its_sets_are_sorted") {
    std::vector<std::optional<double>> many;
    for (int i = 0; i < 100'000; ++i) many.emplace_back(i);
    Case sweep{{{"A"}, {{100, 110}}},
               SweepGrid::product({{SweepKey::offset, many}, {SweepKey::skip, {0, 0, 0}}}),
               options(1'000)};
    int calls = 0;
    sweep.options.progress = [&](std::size_t done, std::size_t) {
        CHECK(done == 0);
        ++calls;
        return false;
    };
    const SweepResult result = run(sweep, SimdLevel::scalar);
    CHECK(calls == 1);
    CHECK(std::ranges::all_of(result.rows, [](const RunSummary& row) { return row == RunSummary{}; }));
}

TEST_CASE("what_progress_throws_is_passed_on") {
    for (const unsigned threads : {1u, 4u}) {
        Case sweep{RandomPrices{.bars = 1'500, .symbols = 20}.make(8), costs_and_buffers(4'000), options(10'000'000)};
        sweep.options.progress = [](std::size_t, std::size_t) -> bool { throw std::logic_error("enough"); };
        CHECK_THROWS_WITH_AS(run(sweep, SimdLevel::scalar, threads), "enough", std::logic_error);
    }
}

TEST_CASE("money_that_does_not_fit_in_a_worker_is_passed_on") {
    Case sweep{{{"A"}, {{1, 2, 4, 8, 16}}}, costs_and_buffers(40), options(Price{1} << 60)};
    for (const unsigned threads : {1u, 4u}) {
        for (const SimdLevel level : simd_levels()) CHECK_THROWS_AS(run(sweep, level, threads), std::overflow_error);
    }
}

// ---- what is refused

TEST_CASE("a_set_that_makes_no_sense_is_refused_before_any_is_run") {
    Case sweep{RandomPrices{.bars = 9, .symbols = 2}.make(1), SweepGrid::product({{SweepKey::cost_bps, {5, 10, -1}}}),
               options(1'000)};
    sweep.options.progress = [](std::size_t, std::size_t) -> bool { throw std::logic_error("it was run"); };
    CHECK_THROWS_WITH_AS(run(sweep, SimdLevel::scalar),
                         "parameter set 2: cost_bps is -1; it must be from 0 to 10000, in steps of 0.01",
                         std::invalid_argument);
}

TEST_CASE("a_calendar_without_dates_is_refused") {
    Case sweep{RandomPrices{.bars = 9, .symbols = 2}.make(1), SweepGrid::product({{SweepKey::rebalance_on, {2}}}),
               options(1'000)};
    CHECK_THROWS_AS(run(sweep, SimdLevel::scalar), std::invalid_argument);
}

TEST_CASE("cash_that_no_portfolio_could_have_is_refused") {
    Case sweep{RandomPrices{.bars = 9, .symbols = 2}.make(1), {}, options(0)};
    CHECK_THROWS_WITH_AS(run(sweep, SimdLevel::scalar), "initial_cash is 0; it must be above 0", std::invalid_argument);
}

TEST_CASE("a_curve_of_no_set_is_refused") {
    Case sweep{RandomPrices{.bars = 9, .symbols = 2}.make(1), costs_and_buffers(3), options(1'000)};
    sweep.options.curves = {3};
    CHECK_THROWS_WITH_AS(run(sweep, SimdLevel::scalar), "there is no parameter set 3; there are 3",
                         std::invalid_argument);
}

TEST_CASE("a_grid_without_sets_has_no_rows") {
    Case sweep{RandomPrices{.bars = 9, .symbols = 2}.make(1), SweepGrid::rows({}, 0), options(1'000)};
    for (const SimdLevel level : simd_levels()) CHECK(run(sweep, level, 4).rows.empty());
}

// ---- grids

TEST_CASE("a_product_has_all_combinations_the_last_key_changing_fastest") {
    const SweepGrid grid = SweepGrid::product({{SweepKey::rebalance_every, {1, 5}}, {SweepKey::cost_bps, {0, 5, 10}}});
    REQUIRE(grid.size() == 6);
    const std::array<std::pair<std::uint32_t, double>, 6> expected{{{1, 0}, {1, 5}, {1, 10}, {5, 0}, {5, 5}, {5, 10}}};
    for (std::size_t set = 0; set < 6; ++set) {
        const ParameterSet parameters = grid.at(set, {});
        CHECK(parameters.rules.schedule.every == expected[set].first);
        CHECK(parameters.costs.commission_bps() == expected[set].second);
    }
}

TEST_CASE("no_keys_are_one_set_the_base") {
    ParameterSet base;
    base.costs = CostModel(7);
    CHECK(SweepGrid().size() == 1);
    CHECK(SweepGrid::product({}).at(0, base).costs == CostModel(7));
}

TEST_CASE("a_value_that_is_empty_leaves_the_base_as_it_is") {
    ParameterSet base;
    base.costs = CostModel(7, 3, 2);
    base.rules.leverage = 2;
    const SweepGrid grid =
        SweepGrid::rows({{SweepKey::cost_bps, {std::nullopt, 1}}, {SweepKey::leverage, {3, std::nullopt}}}, 2);
    CHECK(grid.at(0, base).costs == CostModel(7, 3, 2));
    CHECK(grid.at(0, base).rules.leverage == 3);
    CHECK(grid.at(1, base).costs == CostModel(1, 3, 2));
    CHECK(grid.at(1, base).rules.leverage == 2);
}

TEST_CASE("every_key_sets_what_it_names") {
    const std::map<std::string, double> given{{"rebalance_every", 3},
                                              {"offset", 4},
                                              {"cost_bps", 5},
                                              {"slippage_bps", 6},
                                              {"min_trade_fee", 7},
                                              {"cash_buffer", 0.1},
                                              {"no_trade_band_bps", 8},
                                              {"lookback", 9},
                                              {"top_k", 10},
                                              {"skip", 11},
                                              {"min_price", 12},
                                              {"min_history", 13},
                                              {"stop_loss_pct", 0.2},
                                              {"leverage", 1.5},
                                              {"trailing_stop_pct", 0.3},
                                              {"take_profit_pct", 1.4},
                                              {"max_drawdown_stop", 0.5},
                                              {"execution_lag", 1}};
    std::vector<SweepAxis> axes;
    for (const auto& [name, value] : given) axes.push_back({sweep_key(name), {value}});
    const ParameterSet set = SweepGrid::product(axes).at(0, {});
    CHECK(set.rules.schedule == Schedule{3, std::nullopt, 4});
    CHECK(set.costs == CostModel(5, 6, 7));
    CHECK(set.rules.cash_buffer == 0.1);
    CHECK(set.rules.no_trade_band_bps == 8);
    CHECK(set.rules.selection == SelectionRules{9, 11, 10, 12, 13});
    CHECK(set.rules.stop_loss == 0.2);
    CHECK(set.rules.trailing_stop == 0.3);
    CHECK(set.rules.take_profit == 1.4);
    CHECK(set.rules.max_drawdown == 0.5);
    CHECK(set.rules.leverage == 1.5);
    CHECK(set.execution_lag == 1);
    CHECK(given.size() + 1 == sweep_key_names.size());
    CHECK(SweepGrid::product({{SweepKey::rebalance_on, {2}}}).at(0, {}).rules.schedule.on == Period::month);
}

TEST_CASE("bars_override_the_calendar_of_the_base") {
    ParameterSet base;
    base.rules.schedule.on = Period::week;
    CHECK(SweepGrid::product({{SweepKey::rebalance_every, {5}}}).at(0, base).rules.schedule == Schedule{5});
}

TEST_CASE("bars_and_a_calendar_in_one_set_exclude_each_other") {
    const SweepGrid grid = SweepGrid::rows(
        {{SweepKey::rebalance_every, {5, std::nullopt, 5}}, {SweepKey::rebalance_on, {std::nullopt, 1, 1}}}, 3);
    CHECK(grid.at(0, {}).rules.schedule.every == 5);
    CHECK(grid.at(1, {}).rules.schedule.on == Period::week);
    CHECK_THROWS_WITH_AS((void)grid.at(2, {}), "parameter set 2: rebalance_every and rebalance_on exclude each other",
                         std::invalid_argument);
}

TEST_CASE("an_unknown_key_is_refused_with_the_keys_there_are") {
    CHECK(sweep_key("skip") == SweepKey::skip);
    CHECK_THROWS_WITH_AS(
        (void)sweep_key("cost"),
        "unknown key 'cost'; the keys are rebalance_every, rebalance_on, offset, cost_bps, slippage_bps, "
        "min_trade_fee, cash_buffer, no_trade_band_bps, lookback, top_k, skip, min_price, min_history, stop_loss_pct, "
        "trailing_stop_pct, take_profit_pct, leverage, max_drawdown_stop, execution_lag",
        std::invalid_argument);
}

TEST_CASE("grids_that_are_none_are_refused") {
    const auto refusal = [](auto make) -> std::string {
        try {
            (void)make();
        } catch (const std::invalid_argument& error) {
            return error.what();
        }
        return "";
    };
    CHECK(refusal([] { return SweepGrid::product({{SweepKey::skip, {}}}); }) == "skip has no values");
    CHECK(refusal([] { return SweepGrid::product({{SweepKey::skip, {1}}, {SweepKey::skip, {2}}}); }) ==
          "skip is given twice");
    CHECK(refusal([] { return SweepGrid::rows({{SweepKey::skip, {1}}}, 2); }) ==
          "skip has 1 values for 2 parameter sets");
    const std::vector<std::optional<double>> many(100'000, 1.0);
    CHECK(refusal([&] { return SweepGrid::product({{SweepKey::skip, many}, {SweepKey::offset, many}}); }) ==
          "param_grid has more than 4 billion combinations");
}

TEST_CASE("values_out_of_range_are_refused_with_their_set_and_name") {
    const auto refusal = [](const char* key, double value) -> std::string {
        try {
            (void)SweepGrid::product({{sweep_key(key), {value}}}).at(0, {});
        } catch (const std::invalid_argument& error) {
            return error.what();
        }
        return "";
    };
    for (const char* const key :
         {"rebalance_every", "offset", "min_trade_fee", "lookback", "min_price", "min_history", "execution_lag"}) {
        CHECK(refusal(key, 0.5).starts_with("parameter set 0: " + std::string(key) + " is 0.5;"));
        CHECK(refusal(key, -1).starts_with("parameter set 0: " + std::string(key) + " is -1;"));
        CHECK(refusal(key, 1) == "");
    }
    for (const char* const key : {"cash_buffer", "stop_loss_pct", "trailing_stop_pct", "max_drawdown_stop"}) {
        CHECK(refusal(key, 1).starts_with("parameter set 0: " + std::string(key) + " is 1;"));
        CHECK(refusal(key, -0.1).starts_with("parameter set 0: " + std::string(key) + " is -0.1;"));
        CHECK(refusal(key, std::nan("")).starts_with("parameter set 0: " + std::string(key) + " is nan;"));
        CHECK(refusal(key, 0.99) == "");
    }
    CHECK(refusal("take_profit_pct", 7) == "");
    CHECK(refusal("take_profit_pct", -0.1).starts_with("parameter set 0: take_profit_pct is -0.1;"));
    CHECK(refusal("no_trade_band_bps", 10'001).starts_with("parameter set 0: no_trade_band_bps is 10001;"));
    CHECK(refusal("leverage", 0).starts_with("parameter set 0: leverage is 0;"));
    CHECK(refusal("execution_lag", 2).starts_with("parameter set 0: execution_lag is 2;"));
    CHECK(refusal("top_k", 3).starts_with("parameter set 0: top_k is 3; it needs lookback"));
    CHECK(refusal("skip", 3).starts_with("parameter set 0: skip is 3; it needs lookback"));
}
