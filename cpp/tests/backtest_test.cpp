// Backtests: what happens at each bar, the strategy of equal weights rule by rule, and random runs beside naive ones.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nanobook/detail/random.hpp>
#include <nanobook/portfolio/backtest.hpp>
#include <nanobook/portfolio/equal_weight.hpp>
#include <nanobook/portfolio/schedule.hpp>
#include <nanobook/portfolio/sweep.hpp>

#include "random_prices.hpp"
#include "reference_portfolio.hpp"

using namespace nanobook;
using namespace nanobook::test;
using nanobook::detail::Random;

namespace {

using Curve = std::vector<Price>;
using Bars = std::vector<std::size_t>;

const auto hold = [](const Bar&, const Portfolio&, Decision&) {};

/// Everything in the first symbol, at every bar.
const auto all_in = [](const Bar&, const Portfolio&, Decision& decision) {
    decision.rebalances = true;
    decision.targets = {{0, 1.0}};
};

template <class S>
BacktestResult run(S strategy, const PriceTable& table, const BacktestOptions& options) {
    const PriceBlock prices = table.block();
    return run_backtest(strategy, prices, options);
}

BacktestResult run(const PriceTable& table, const ParameterSet& set, Price initial_cash = 1'000'000) {
    return run_equal_weight(table.block(), set, initial_cash, {});
}

/// The bars with a rebalance, or whatever traded.
Bars bars_of(const BacktestResult& result) {
    Bars bars;
    for (const BarFill& fill : result.fills) {
        if (bars.empty() || bars.back() != fill.bar) bars.push_back(fill.bar);
    }
    return bars;
}

Bars scheduled(const Schedule& schedule, const PriceTable& table) {
    Bars bars;
    const auto is_one = rebalance_bars(schedule, table.block());
    for (std::size_t bar = 0; bar < is_one.size(); ++bar) {
        if (is_one[bar] != 0) bars.push_back(bar);
    }
    return bars;
}

PriceTable still(std::size_t bars) { return {{"A"}, {std::vector<Price>(bars, 100)}}; }

/// Held at the end, by the numbers of the symbols.
std::vector<std::int64_t> held(const BacktestResult& result) {
    std::vector<std::int64_t> held;
    for (const Position& position : result.portfolio.positions()) held.push_back(position.quantity);
    return held;
}

}  // namespace

// ---- the loop

TEST_CASE("the_curve_begins_with_the_initial_cash_and_has_an_entry_a_bar") {
    const BacktestResult result = run(all_in, {{"A"}, {{100, 110, 99}}}, {.initial_cash = 1'000});
    CHECK(result.curve == Curve{1'000, 1'100, 990});
    CHECK(result.cash == Curve{0, 0, 0});
    CHECK(result.summary.n_bars == 3);
    CHECK(result.summary.metrics.n_periods == 2);
    CHECK(result.summary.final_equity == 990);
    CHECK(result.summary.status == RunStatus::ok);
}

TEST_CASE("the_portfolio_at_the_end_has_the_curve_of_the_run_and_its_returns") {
    const BacktestResult result = run(all_in, {{"A"}, {{100, 110, 99}}}, {.initial_cash = 1'000});
    CHECK(result.portfolio.equity_curve() == result.curve);
    CHECK(result.portfolio.returns() == std::vector<double>{1'100.0 / 1'000 - 1, 990.0 / 1'100 - 1});
}

TEST_CASE("the_cost_of_entry_is_in_the_first_return") {
    const BacktestResult result =
        run(all_in, {{"A"}, {{100, 100, 100}}}, {.initial_cash = 1'000'000, .costs = CostModel(100)});
    CHECK(result.curve[0] == 1'000'000);
    CHECK(result.curve[1] < 991'000);
    CHECK(result.curve[2] == result.curve[1]);
}

TEST_CASE("two_yearly_bars_ten_percent_apart_are_a_cagr_of_ten_percent") {
    const BacktestResult result = run(all_in, {{"A"}, {{100, 110}}}, {.initial_cash = 1'000, .metrics = {1, 0}});
    CHECK(result.summary.metrics.n_periods == 1);
    CHECK(*result.summary.metrics.cagr == doctest::Approx(0.1).epsilon(1e-12));
}

TEST_CASE("the_strategy_is_called_once_a_bar_in_order_before_its_trades") {
    std::vector<std::pair<std::size_t, Price>> seen;
    run(
        [&](const Bar& bar, const Portfolio& portfolio, Decision& decision) {
            seen.emplace_back(bar.index, portfolio.cash());
            decision.rebalances = bar.index == 1;
            decision.targets = {{0, 1.0}};
        },
        still(3), {.initial_cash = 1'000});
    CHECK(seen == std::vector<std::pair<std::size_t, Price>>{{0, 1'000}, {1, 1'000}, {2, 0}});
}

TEST_CASE("a_strategy_that_says_nothing_holds") {
    const BacktestResult result = run(hold, {{"A"}, {{100, 200}}}, {.initial_cash = 1'000});
    CHECK(result.curve == Curve{1'000, 1'000});
    CHECK(result.summary.n_rebalances == 0);
}

TEST_CASE("a_rebalance_to_nothing_liquidates") {
    const BacktestResult result = run(
        [](const Bar& bar, const Portfolio&, Decision& decision) {
            decision.rebalances = true;
            if (bar.index == 0) decision.targets = {{0, 1.0}};
        },
        {{"A"}, {{100, 120, 500}}}, {.initial_cash = 1'000});
    CHECK(result.curve == Curve{1'000, 1'200, 1'200});
    CHECK(result.summary.n_rebalances == 3);
    CHECK(result.summary.n_orders == 2);
}

TEST_CASE("with_a_lag_a_decision_is_carried_out_at_the_prices_of_the_next_bar") {
    const BacktestResult result = run(all_in, {{"A"}, {{100, 200, 300}}}, {.initial_cash = 1'000, .execution_lag = 1});
    CHECK(result.curve == Curve{1'000, 1'000, 1'500});
    CHECK(bars_of(result) == Bars{1});
    CHECK(result.summary.n_rebalances == 2);
}

TEST_CASE("with_a_lag_the_strategy_sees_what_was_traded_at_its_bar") {
    std::vector<Price> seen;
    run(
        [&](const Bar&, const Portfolio& portfolio, Decision& decision) {
            seen.push_back(portfolio.cash());
            decision.rebalances = true;
            decision.targets = {{0, 1.0}};
        },
        still(3), {.initial_cash = 1'000, .execution_lag = 1});
    CHECK(seen == std::vector<Price>{1'000, 0, 0});
}

TEST_CASE("a_lag_of_two_bars_is_refused") {
    CHECK_THROWS_WITH_AS(run(hold, still(3), {.initial_cash = 1'000, .execution_lag = 2}),
                         "execution_lag is 2; it must be 0 or 1", std::invalid_argument);
}

TEST_CASE("what_the_strategy_throws_is_passed_on") {
    const auto fails = [](const Bar& bar, const Portfolio&, Decision&) {
        if (bar.index == 2) throw std::domain_error("at bar 2");
    };
    CHECK_THROWS_WITH_AS(run(fails, still(5), {.initial_cash = 1'000}), "at bar 2", std::domain_error);
}

TEST_CASE("weights_that_the_portfolio_refuses_end_the_backtest") {
    const auto twice = [](const Bar&, const Portfolio&, Decision& decision) {
        decision.rebalances = true;
        decision.targets = {{0, 0.5}, {0, 0.5}};
    };
    CHECK_THROWS_WITH_AS(run(twice, still(2), {.initial_cash = 1'000}), "the weight of A is given twice",
                         std::invalid_argument);
}

TEST_CASE("a_backtest_that_is_told_to_end_is_cancelled_and_has_what_it_came_to") {
    const PriceTable table{{"A"}, {{100, 110, 120, 130}}};
    const PriceBlock prices = table.block();
    const BacktestResult result =
        run_backtest(all_in, prices, {.initial_cash = 1'000}, Record::all, [](std::size_t bar) { return bar < 2; });
    CHECK(result.curve == Curve{1'000, 1'100});
    CHECK(result.summary.n_bars == 2);
    CHECK(result.summary.status == RunStatus::cancelled);
}

TEST_CASE("a_run_of_which_only_the_summary_is_kept_has_the_same_one") {
    const PriceTable table = RandomPrices{.bars = 40, .symbols = 3}.make(1);
    const PriceBlock prices = table.block();
    const BacktestOptions options{.initial_cash = 1'000'000, .costs = CostModel(5)};
    const auto go_on = [](std::size_t) { return true; };
    const BacktestResult all = run_backtest(all_in, prices, options);
    const BacktestResult summary = run_backtest(all_in, prices, options, Record::summary, go_on);
    CHECK(summary.summary == all.summary);
    CHECK(summary.fills.empty());
    CHECK(summary.cash.empty());
    CHECK(summary.curve == all.curve);
}

TEST_CASE("the_fills_are_those_of_the_summary") {
    const BacktestResult result = run(RandomPrices{.bars = 40, .symbols = 3}.make(1), {.costs = CostModel(5, 3, 10)});
    CHECK(result.fills.size() == result.summary.n_orders);
    Price fees = 0;
    for (const BarFill& fill : result.fills) fees += fill.fill.fee;
    CHECK(fees == result.summary.fees);
    CHECK(result.summary.fees == result.portfolio.fees());
    CHECK(result.summary.final_cash == result.portfolio.cash());
}

TEST_CASE("turnover_is_what_was_traded_as_a_part_of_the_equity_at_the_time") {
    const BacktestResult result = run(
        [](const Bar& bar, const Portfolio&, Decision& decision) {
            decision.rebalances = true;
            if (bar.index == 0) decision.targets = {{0, 0.5}};
        },
        {{"A"}, {{100, 300}}}, {.initial_cash = 1'000});
    CHECK(result.summary.turnover == 500.0 / 1'000 + 1'500.0 / 2'000);
}

TEST_CASE("the_least_cash_is_that_after_any_bar_or_at_the_beginning") {
    CHECK(run(all_in, {{"A"}, {{300, 300}}}, {.initial_cash = 1'000}).summary.min_cash == 100);
    CHECK(run(hold, still(2), {.initial_cash = 1'000}).summary.min_cash == 1'000);
}

// ---- ruin

TEST_CASE("a_ruin_loses_all_and_no_more_and_ends_the_trade") {
    int calls = 0;
    const BacktestResult result = run(
        [&](const Bar& bar, const Portfolio&, Decision& decision) {
            ++calls;
            decision.rebalances = bar.index == 0;
            decision.targets = {{0, -1.0}};
        },
        {{"A"}, {{100, 233, 50}}}, {.initial_cash = 1'000});
    CHECK(result.curve == Curve{1'000, -330, -330});
    CHECK(calls == 2);
    CHECK(result.summary.status == RunStatus::ruined);
    CHECK(result.summary.metrics.total_return == -1.0);
    CHECK(result.summary.metrics.max_drawdown == 1.0);
    CHECK(result.summary.metrics.cagr == -1.0);
    CHECK(held(result) == std::vector<std::int64_t>{0});
}

TEST_CASE("the_flattening_of_a_ruin_is_an_order_and_no_rebalance") {
    const auto lever = [](const Bar& bar, const Portfolio&, Decision& decision) {
        decision.rebalances = bar.index == 0;
        decision.targets = {{0, 2.0}};
    };
    const BacktestResult result =
        run(lever, {{"A"}, {{100, 40}}}, {.initial_cash = 1'000, .costs = CostModel(0, 0, 1), .leverage = 2});
    CHECK(result.summary.n_rebalances == 1);
    CHECK(result.summary.n_orders == 2);
    CHECK(result.summary.fees == 2);
    CHECK(result.curve.back() == 1'000 - 19 * 60 - 2);
}

// ---- missing prices

TEST_CASE("a_missing_price_is_the_last_one_and_not_zero") {
    const PriceTable table{{"A", "B"}, {{100, 100, 100}, {100, 0, 100}}, {{}, {1, 0, 1}}};
    const BacktestResult result = run(table, {.rules = {.schedule = {.every = 0}}});
    CHECK(result.curve == Curve{1'000'000, 1'000'000, 1'000'000});
}

TEST_CASE("a_symbol_is_not_traded_where_its_price_is_missing") {
    const PriceTable table{{"A", "B"}, {{100, 200, 200}, {100, 0, 100}}, {{}, {1, 0, 1}}};
    const BacktestResult result = run(table, {});
    REQUIRE(result.fills.size() == 4);
    CHECK(result.fills[2] == BarFill{1, {0, Side::sell, 1'250, 200, 0}});
    CHECK(result.fills[3] == BarFill{2, {1, Side::buy, 2'500, 100, 0}});
    CHECK(result.curve == Curve{1'000'000, 1'500'000, 1'500'000});
}

TEST_CASE("a_symbol_is_bought_from_its_first_price_on") {
    const PriceTable table{{"A", "B"}, {{100, 100, 100}, {0, 100, 200}}, {{}, {0, 1, 1}}};
    const BacktestResult result = run(table, {});
    CHECK(result.curve == Curve{1'000'000, 1'000'000, 1'500'000});
    CHECK(held(result) == std::vector<std::int64_t>{7'500, 3'750});
}

// ---- when: bars

TEST_CASE("bars_are_scheduled_by_their_distance") {
    CHECK(scheduled({.every = 1}, still(4)) == Bars{0, 1, 2, 3});
    CHECK(scheduled({.every = 3}, still(8)) == Bars{0, 3, 6});
    CHECK(scheduled({.every = 3, .offset = 2}, still(8)) == Bars{2, 5});
    CHECK(scheduled({.every = 100}, still(8)) == Bars{0});
    CHECK(scheduled({.every = 1, .offset = 8}, still(8)) == Bars{});
}

TEST_CASE("every_zero_bars_is_once") {
    CHECK(scheduled({.every = 0}, still(5)) == Bars{0});
    CHECK(scheduled({.every = 0, .offset = 3}, still(5)) == Bars{3});
    CHECK(scheduled({.every = 0, .offset = 5}, still(5)) == Bars{});
}

// ---- when: calendars

TEST_CASE("weeks_begin_on_monday") {
    PriceTable table = still(5);
    table.dates = {0, 1, 3, 4, 10};  // Thursday 1970-01-01, Friday, Sunday, Monday, Sunday
    CHECK(scheduled({.on = Period::week}, table) == Bars{0, 3});
    table.dates = {-4, -3, 0, 3, 4};  // Sunday 1969-12-28, Monday
    CHECK(scheduled({.on = Period::week}, table) == Bars{0, 1, 4});
}

TEST_CASE("a_week_goes_on_across_the_end_of_a_year") {
    PriceTable table = still(3);
    table.dates = {18'261, 18'262, 18'267};  // Tuesday 2019-12-31, Wednesday 2020-01-01, Monday 2020-01-06
    CHECK(scheduled({.on = Period::week}, table) == Bars{0, 2});
}

TEST_CASE("months_and_quarters_are_those_of_the_calendar") {
    PriceTable table = still(6);
    // 2020-01-31, 2020-02-01, 2020-02-29, 2020-03-31, 2020-04-01, 2021-04-01
    table.dates = {18'292, 18'293, 18'321, 18'352, 18'353, 18'718};
    CHECK(scheduled({.on = Period::month}, table) == Bars{0, 1, 3, 4, 5});
    CHECK(scheduled({.on = Period::quarter}, table) == Bars{0, 4, 5});
}

TEST_CASE("a_month_of_another_year_is_another_month") {
    PriceTable table = still(2);
    table.dates = {18'276, 18'642};  // 2020-01-15, 2021-01-15
    for (const Period period : {Period::month, Period::quarter, Period::week}) {
        CHECK(scheduled({.on = period}, table) == Bars{0, 1});
    }
}

TEST_CASE("several_bars_of_a_day_are_one_day") {
    PriceTable table = still(5);
    table.dates = {7, 7, 7, 8, 8};
    CHECK(scheduled({.on = Period::day}, table) == Bars{0, 3});
}

TEST_CASE("an_offset_counts_bars_from_the_first_of_a_period") {
    PriceTable table = still(7);
    table.dates = {0, 1, 4, 5, 6, 11, 12};
    CHECK(scheduled({.on = Period::week, .offset = 1}, table) == Bars{1, 3, 6});
    CHECK(scheduled({.on = Period::week, .offset = 2}, table) == Bars{2, 4});
}

TEST_CASE("calendars_are_those_of_a_naive_one_over_decades") {
    PriceTable table = still(22'000);
    for (std::int32_t day = -360; table.dates.size() < 22'000; ++day) table.dates.push_back(day);
    for (const Period period : {Period::day, Period::week, Period::month, Period::quarter}) {
        const auto is_one = rebalance_bars({.on = period}, table.block());
        for (std::size_t bar = 1; bar < is_one.size(); ++bar) {
            const bool begins = naive_period(table.dates[bar], period) != naive_period(table.dates[bar - 1], period);
            if (begins != (is_one[bar] != 0)) FAIL("day " << table.dates[bar]);
        }
    }
}

TEST_CASE("calendars_of_days_with_gaps_are_those_of_a_naive_one") {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        PriceTable table = still(300);
        table.dates = trading_days(300, seed);
        for (const Period period : {Period::day, Period::week, Period::month, Period::quarter}) {
            const Schedule schedule{.on = period, .offset = static_cast<std::uint32_t>(seed % 4)};
            Bars naive;
            for (std::size_t bar = 0; bar < 300; ++bar) {
                if (is_scheduled(schedule, table, bar)) naive.push_back(bar);
            }
            CHECK(scheduled(schedule, table) == naive);
        }
    }
}

TEST_CASE("a_calendar_needs_dates") {
    CHECK_THROWS_WITH_AS((void)scheduled({.on = Period::month}, still(3)),
                         "rebalance_on needs a column of dates: name it with date=", std::invalid_argument);
}

// ---- what: selection

TEST_CASE("weights_are_equal_and_leave_the_buffer") {
    const PriceTable table{{"A", "B"}, {{100}, {100}}};
    CHECK(held(run(table, {.rules = {.cash_buffer = 0.2}})) == std::vector<std::int64_t>{4'000, 4'000});
    CHECK(held(run(table, {.rules = {.leverage = 1.5}})) == std::vector<std::int64_t>{7'500, 7'500});
    CHECK(held(run(table, {.rules = {.cash_buffer = 0.5, .leverage = 0.5}})) ==
          std::vector<std::int64_t>{1'250, 1'250});
}

TEST_CASE("momentum_holds_what_has_risen_most") {
    const PriceTable table{{"A", "B", "C"}, {{100, 110}, {100, 130}, {100, 120}}};
    const SelectionRules best{.lookback = 1, .top_k = 2};
    const BacktestResult result = run(table, {.rules = {.selection = best}});
    CHECK(bars_of(result) == Bars{1});
    CHECK(held(result) == std::vector<std::int64_t>{0, 3'846, 4'166});
}

TEST_CASE("equal_scores_go_by_name_and_not_by_column") {
    const PriceTable table{{"C", "B", "A"}, {{100, 110}, {100, 110}, {200, 220}}};
    const BacktestResult result = run(table, {.rules = {.selection = {.lookback = 1, .top_k = 2}}});
    CHECK(held(result) == std::vector<std::int64_t>{0, 4'545, 2'272});
}

TEST_CASE("all_that_have_a_score_are_held_where_no_number_is_given") {
    const PriceTable table{{"A", "B"}, {{100, 100, 100}, {0, 100, 100}}, {{}, {0, 1, 1}}};
    const BacktestResult result = run(table, {.rules = {.selection = {.lookback = 1}}});
    CHECK(bars_of(result) == Bars{1, 2});
    CHECK(result.fills[0].fill.quantity == 10'000);
    CHECK(held(result) == std::vector<std::int64_t>{5'000, 5'000});
}

TEST_CASE("skipped_bars_are_left_out_of_the_score") {
    const PriceTable table{{"A", "B"}, {{100, 150, 100}, {100, 120, 300}}};
    const BacktestResult result = run(table, {.rules = {.selection = {.lookback = 1, .skip = 1, .top_k = 1}}});
    CHECK(held(result) == std::vector<std::int64_t>{10'000, 0});
}

TEST_CASE("a_symbol_below_the_least_price_is_not_held") {
    const PriceTable table{{"A", "B"}, {{100, 99}, {100, 100}}};
    CHECK(held(run(table, {.rules = {.selection = {.min_price = 100}}})) == std::vector<std::int64_t>{0, 9'950});
}

TEST_CASE("a_symbol_is_held_from_its_least_history_on_which_counts_prices_that_are_there") {
    const PriceTable table{{"A", "B"}, {{100, 100, 100, 100}, {100, 0, 100, 100}}, {{}, {1, 0, 1, 1}}};
    const BacktestResult result = run(table, {.rules = {.selection = {.min_history = 3}}});
    CHECK(bars_of(result) == Bars{2, 3});
    CHECK(held(result) == std::vector<std::int64_t>{5'000, 5'000});
}

TEST_CASE("symbols_below_the_least_price_leave_their_place_to_the_next_best") {
    const PriceTable table{{"A", "B", "C"}, {{10, 20}, {100, 130}, {100, 120}}};
    const BacktestResult result = run(table, {.rules = {.selection = {.lookback = 1, .top_k = 2, .min_price = 50}}});
    CHECK(held(result) == std::vector<std::int64_t>{0, 3'846, 4'166});
}

TEST_CASE("the_order_of_the_columns_changes_nothing") {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
        const PriceTable table = RandomPrices{.bars = 40, .symbols = 6, .missing = Missing::anywhere}.make(seed);
        PriceTable reversed{{table.symbols.rbegin(), table.symbols.rend()},
                            {table.prices.rbegin(), table.prices.rend()},
                            {table.valid.rbegin(), table.valid.rend()}};
        const ParameterSet set{.rules = {.selection = {.lookback = 2, .top_k = 3}, .stop_loss = 0.1},
                               .costs = CostModel(5, 5, 5)};
        CHECK(run(table, set).summary == run(reversed, set).summary);
        CHECK(run(table, set).curve == run(reversed, set).curve);
    }
}

// ---- stops

TEST_CASE("a_stop_sells_below_the_average_entry_until_the_next_bar_of_the_schedule") {
    const PriceTable table{{"A"}, {{100, 91, 90, 80, 70, 60}}};
    const BacktestResult result = run(table, {.rules = {.schedule = {.every = 4}, .stop_loss = 0.1}});
    CHECK(bars_of(result) == Bars{0, 2, 4, 5});
    CHECK(result.curve == Curve{1'000'000, 910'000, 900'000, 900'000, 900'000, 771'430});
    CHECK(result.summary.n_rebalances == 2);
    CHECK(result.summary.n_orders == 4);
}

TEST_CASE("a_trailing_stop_sells_below_the_highest_price_since_the_entry") {
    const PriceTable table{{"A"}, {{100, 150, 136, 135, 200}}};
    const BacktestResult result = run(table, {.rules = {.schedule = {.every = 0}, .trailing_stop = 0.1}});
    CHECK(bars_of(result) == Bars{0, 3});
    CHECK(result.summary.final_equity == 1'350'000);
}

TEST_CASE("the_highest_price_is_forgotten_with_the_position") {
    const PriceTable table{{"A"}, {{100, 200, 170, 100, 95, 96}}};
    const BacktestResult result = run(table, {.rules = {.schedule = {.every = 3}, .trailing_stop = 0.1}});
    CHECK(bars_of(result) == Bars{0, 2, 3});
}

TEST_CASE("the_price_of_the_bar_of_entry_counts_as_the_highest") {
    const PriceTable table{{"A"}, {{100, 90, 95}}};
    CHECK(bars_of(run(table, {.rules = {.schedule = {.every = 0}, .trailing_stop = 0.1}})) == Bars{0, 1});
    const ParameterSet lags{.rules = {.schedule = {.every = 0}, .trailing_stop = 0.1}, .execution_lag = 1};
    CHECK(bars_of(run({{"A"}, {{200, 100, 95, 90, 80}}}, lags)) == Bars{1, 4});
}

TEST_CASE("a_profit_is_taken_above_the_average_entry") {
    const PriceTable table{{"A"}, {{100, 119, 120, 300}}};
    const BacktestResult result = run(table, {.rules = {.schedule = {.every = 0}, .take_profit = 0.2}});
    CHECK(bars_of(result) == Bars{0, 2});
    CHECK(result.summary.final_equity == 1'200'000);
}

TEST_CASE("on_a_bar_of_the_schedule_a_stopped_symbol_is_left_out_and_the_others_share") {
    const PriceTable table{{"A", "B"}, {{100, 80}, {100, 100}}};
    const BacktestResult result = run(table, {.rules = {.stop_loss = 0.1}});
    CHECK(held(result) == std::vector<std::int64_t>{0, 9'000});
    CHECK(result.summary.n_rebalances == 2);
}

TEST_CASE("a_stop_waits_where_the_price_is_missing") {
    const PriceTable table{{"A"}, {{100, 80, 0, 70, 200}}, {{1, 1, 0, 1, 1}}};
    const ParameterSet set{.rules = {.schedule = {.every = 0}, .stop_loss = 0.1}, .execution_lag = 1};
    // Bought at 80, at bar 1; 70 is decided upon at bar 3 and sold at 200.
    CHECK(bars_of(run(table, set)) == Bars{1, 4});
    const PriceTable gap{{"A"}, {{100, 90, 0, 0, 95}}, {{1, 1, 0, 0, 1}}};
    CHECK(bars_of(run(gap, {.rules = {.schedule = {.every = 0}, .stop_loss = 0.1}})) == Bars{0, 1});
}

TEST_CASE("a_drawdown_of_the_equity_stops_for_good") {
    const PriceTable table{{"A"}, {{100, 200, 150, 300, 400}}};
    const BacktestResult result = run(table, {.rules = {.max_drawdown = 0.25}});
    CHECK(result.curve == Curve{1'000'000, 2'000'000, 1'500'000, 1'500'000, 1'500'000});
    CHECK(result.summary.status == RunStatus::stopped);
    CHECK(result.summary.n_rebalances == 2);
    CHECK(result.summary.n_orders == 2);
}

TEST_CASE("after_a_drawdown_what_could_not_be_sold_is_sold_as_soon_as_it_can_be") {
    const PriceTable table{{"A", "B"}, {{100, 30, 30, 30}, {100, 0, 0, 90}}, {{}, {1, 0, 0, 1}}};
    const BacktestResult result = run(table, {.rules = {.max_drawdown = 0.25}});
    CHECK(bars_of(result) == Bars{0, 1, 3});
    CHECK(held(result) == std::vector<std::int64_t>{0, 0});
    CHECK(result.summary.status == RunStatus::stopped);
}

TEST_CASE("a_drawdown_that_is_decided_upon_and_never_carried_out_is_no_stop") {
    const PriceTable table{{"A"}, {{100, 100, 50}}};
    CHECK(run(table, {.rules = {.max_drawdown = 0.25}, .execution_lag = 1}).summary.status == RunStatus::ok);
}

TEST_CASE("a_change_below_the_band_is_not_traded") {
    const PriceTable table{{"A", "B"}, {{100, 102}, {100, 100}}};
    CHECK(run(table, {.rules = {.no_trade_band_bps = 100}}).summary.n_orders == 2);
    CHECK(run(table, {.rules = {.no_trade_band_bps = 10}}).summary.n_orders == 4);
}

// ---- beside the naive backtest

namespace {

struct Seen {
    int ruined = 0, stopped = 0, resized = 0, borrowed = 0;
};

ParameterSet random_set(Random& random, bool has_dates) {
    ParameterSet set;
    const auto part = [&](std::uint32_t most) { return (1 + random.below(most)) / 100.0; };
    EqualWeightRules& rules = set.rules;
    rules.schedule.every = random.below(8);
    rules.schedule.offset = random.once_in(3) ? random.below(6) : 0;
    if (has_dates && random.once_in(2)) rules.schedule.on = static_cast<Period>(random.below(4));
    if (random.once_in(2)) rules.cash_buffer = part(60);
    if (random.once_in(2)) rules.leverage = 0.5 + part(300);
    if (random.once_in(3)) rules.no_trade_band_bps = random.below(50'000) / 100.0;
    if (random.once_in(3)) rules.selection = {1 + random.below(9), random.below(3), random.below(4), 0, 0};
    if (random.once_in(4)) rules.selection.min_price = 1 + random.below(20'000);
    if (random.once_in(4)) rules.selection.min_history = random.below(12);
    if (random.once_in(4)) rules.stop_loss = part(20);
    if (random.once_in(4)) rules.trailing_stop = part(20);
    if (random.once_in(4)) rules.take_profit = part(40);
    if (random.once_in(5)) rules.max_drawdown = part(40);
    set.costs = CostModel(random.once_in(3) ? 0 : random.below(10'000) / 100.0,
                          random.once_in(2) ? 0 : random.below(100), random.once_in(2) ? 0 : random.below(1'000));
    set.execution_lag = random.below(2);
    return set;
}

/// What differs, or nothing.
std::string difference(const BacktestResult& result, const ReferenceRun& naive, Seen& seen) {
    constexpr const char* statuses[] = {"ok", "ruined", "stopped", "cancelled"};
    const RunSummary& summary = result.summary;
    const std::string status = statuses[static_cast<std::size_t>(summary.status)];
    seen.ruined += status == "ruined" ? 1 : 0;
    seen.stopped += status == "stopped" ? 1 : 0;
    seen.resized += summary.n_resized != 0 ? 1 : 0;
    seen.borrowed += summary.min_cash < 0 ? 1 : 0;
    Int least = naive.portfolio.initial_cash;
    for (std::size_t bar = 0; bar < result.curve.size(); ++bar) {
        if (result.curve[bar] != naive.curve[bar]) return "the equity at bar " + std::to_string(bar);
        if (result.cash[bar] != naive.cash[bar]) return "the cash at bar " + std::to_string(bar);
        least = std::min(least, naive.cash[bar]);
    }
    if (summary.min_cash != least) return "the least cash";
    if (summary.fees != naive.portfolio.fees()) return "fees";
    if (summary.n_rebalances != naive.n_rebalances) return "rebalances";
    if (summary.n_orders != naive.n_orders) return "orders";
    if (summary.n_resized != naive.n_resized) return "resized";
    if (summary.turnover != naive.turnover) return "turnover";
    if (status != naive.status) return "status " + status + " for " + naive.status;
    for (std::size_t symbol = 0; symbol < result.portfolio.symbols().size(); ++symbol) {
        const auto found = naive.portfolio.positions.find(result.portfolio.symbols()[symbol]);
        const ReferencePosition other = found == naive.portfolio.positions.end() ? ReferencePosition{} : found->second;
        const Position& position = result.portfolio.positions()[symbol];
        if (position.quantity != other.quantity || position.realised_gross != other.realised_gross) return "a position";
    }
    return "";
}

}  // namespace

TEST_CASE("random_runs_come_to_the_cents_of_the_naive_backtest") {
    Seen seen;
    for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
        Random random(seed);
        const RandomPrices shape{.bars = 1 + random.below(50),
                                 .symbols = 1 + random.below(6),
                                 .per_mille = random.once_in(2) ? 400u : 40u,
                                 .missing = static_cast<Missing>(random.below(3))};
        PriceTable table = shape.make(seed);
        const bool has_dates = random.once_in(2);
        if (has_dates) table.dates = trading_days(shape.bars, seed);
        const ParameterSet set = random_set(random, has_dates);
        const auto cash = static_cast<Price>(100 + (random.next() >> (36 + random.below(20))));
        const ReferenceRun naive = ReferenceEqualWeight(table, set, cash).run();
        const std::string wrong = difference(run(table, set, cash), naive, seen);
        if (!wrong.empty()) FAIL("seed " << seed << ": " << wrong);
    }
    CHECK(seen.ruined > 20);
    CHECK(seen.stopped > 50);
    CHECK(seen.resized > 200);
    CHECK(seen.borrowed > 100);
}
