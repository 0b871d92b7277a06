// Metrics, rebalances and one backtest: what a portfolio does outside a sweep.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nanobook/core/symbol.hpp>
#include <nanobook/exchange/multi_exchange.hpp>
#include <nanobook/portfolio/backtest.hpp>
#include <nanobook/portfolio/metrics.hpp>
#include <nanobook/portfolio/portfolio.hpp>
#include <nanobook/portfolio/rebalance_lob.hpp>
#include <nanobook/portfolio/sweep.hpp>

#include "measure.hpp"
#include "random_walk.hpp"

using namespace nanobook;
using bench::measure;
using bench::Random;
using bench::RandomWalk;
using bench::repeat;

namespace {

constexpr Price cash = 1'000'000'00;

// All metrics of so many returns; the time is that of the whole series.
void compute_metrics(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(0));
    Random random;
    std::vector<double> returns(count);
    for (double& change : returns) change = (static_cast<double>(random.below(2'001)) - 990) / 50'000;
    repeat(state, [&] { benchmark::DoNotOptimize(nanobook::compute_metrics(std::span<const double>(returns))); });
    state.SetItemsProcessed(static_cast<std::int64_t>(count) * state.iterations());
}
BENCHMARK(compute_metrics)->Arg(100)->Arg(1000)->Arg(5000);

constexpr std::size_t symbols = 20;

Portfolio portfolio_of(const std::vector<std::string>& names) {
    Portfolio portfolio(cash, CostModel(5, 2));
    for (const std::string& name : names) portfolio.add_symbol(name);
    return portfolio;
}

// Weights that change a little from one rebalance to the next, so that every symbol is traded.
std::vector<Target> targets_of(std::size_t turn) {
    std::vector<Target> targets;
    for (std::uint32_t symbol = 0; symbol < symbols; ++symbol) {
        targets.push_back({symbol, (symbol + turn) % 2 == 0 ? 0.045 : 0.05});
    }
    return targets;
}

// One rebalance of twenty symbols at given prices.
void rebalance_simple(benchmark::State& state) {
    const RandomWalk walk(252, symbols);
    const PriceBlock prices = walk.block();
    const std::vector<std::vector<Target>> targets{targets_of(0), targets_of(1)};
    measure(
        state, prices.bars(), [&] { return portfolio_of(walk.symbols); },
        [&](Portfolio& portfolio) {
            for (std::size_t bar = 0; bar < prices.bars(); ++bar) {
                benchmark::DoNotOptimize(portfolio.rebalance(targets[bar % 2], prices.quotes(bar)));
            }
        });
}
BENCHMARK(rebalance_simple)->Name("rebalance/simple")->UseManualTime();

// One rebalance of twenty symbols, each with a book of ten levels a side.
void rebalance_through_books(benchmark::State& state) {
    struct Venue {
        MultiExchange exchanges;
        Portfolio portfolio;
    };
    constexpr std::size_t turns = 20;
    const RandomWalk walk(1, symbols);
    const std::vector<std::vector<Target>> targets{targets_of(0), targets_of(1)};
    measure(
        state, turns,
        [&] {
            Venue venue{MultiExchange(), portfolio_of(walk.symbols)};
            for (std::size_t i = 0; i < symbols; ++i) {
                const Symbol symbol = Symbol::parse(walk.symbols[i]).value();
                for (Price level = 1; level <= 10; ++level) {
                    const Price away = level * walk.prices[i][0] / 1'000;
                    venue.exchanges.submit_limit(symbol, Side::buy, walk.prices[i][0] - away, 500);
                    venue.exchanges.submit_limit(symbol, Side::sell, walk.prices[i][0] + away, 500);
                }
            }
            return venue;
        },
        [&](Venue& venue) {
            for (std::size_t turn = 0; turn < turns; ++turn) {
                benchmark::DoNotOptimize(rebalance_lob(venue.portfolio, targets[turn % 2], venue.exchanges));
            }
        });
}
BENCHMARK(rebalance_through_books)->Name("rebalance/lob")->UseManualTime();

// One set on its own, with its curve and its fills: twenty years of days, twenty stocks, every 21 days.
void single_backtest(benchmark::State& state) {
    const RandomWalk walk(20 * 252, 20);
    const PriceBlock prices = walk.block();
    ParameterSet set;
    set.rules.schedule.every = 21;
    set.costs = CostModel(5, 2);
    measure(
        state, 1, [] { return std::optional<BacktestResult>(); },
        [&](std::optional<BacktestResult>& result) { result = run_equal_weight(prices, set, cash, {}); });
}
BENCHMARK(single_backtest)->Name("single_backtest/20y_20stocks_monthly")->UseManualTime();

}  // namespace
