// A sweep inside a C++ program: one strategy with a few thousand parameter sets over the same prices, and how much of
// the best result is luck.
//
//     sweep [SETS]     that many thousand parameter sets; 2 where nothing is said
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <nanobook/portfolio/overfitting.hpp>
#include <nanobook/portfolio/prices.hpp>
#include <nanobook/portfolio/sweep.hpp>

using namespace nanobook;

namespace {

constexpr std::size_t years = 4;
constexpr std::size_t bars = years * 252;
constexpr Price initial_cash = 1'000'000'00;  // prices are in cents

/// Prices that walk at random, in cents; in your program they come from a file or a database.
struct Market {
    std::vector<std::string> symbols = {"ALPHA", "BRAVO", "CARGO", "DELTA", "EAGLE", "FLINT", "GIANT", "HOTEL"};
    std::vector<std::vector<Price>> prices;

    Market() {
        std::mt19937_64 random(7);
        for (std::size_t i = 0; i < symbols.size(); ++i) {
            double price = 2'000.0 + 1'500.0 * static_cast<double>(i);
            std::vector<Price>& column = prices.emplace_back();
            for (std::size_t bar = 0; bar < bars; ++bar) {
                column.push_back(static_cast<Price>(price));
                const double uniform = static_cast<double>(random() >> 11) * 0x1p-53;
                price = std::max(100.0, price * (1.0003 + (uniform - 0.5) * 0.06));
            }
        }
    }

    [[nodiscard]] PriceBlock block() const {
        std::vector<PriceColumn> columns;
        for (std::size_t i = 0; i < symbols.size(); ++i) columns.push_back({symbols[i], prices[i]});
        return PriceBlock(columns);
    }
};

SweepGrid grid(std::size_t thousands) {
    SweepAxis buffers{SweepKey::cash_buffer, {}};
    for (std::size_t i = 0; i < 20 * thousands; ++i) {
        buffers.values.emplace_back(0.5 * static_cast<double>(i) / static_cast<double>(20 * thousands));
    }
    return SweepGrid::product({{SweepKey::rebalance_every, {1, 5, 10, 21, 63}},
                               {SweepKey::lookback, {std::nullopt, 126}},  // none: all symbols
                               {SweepKey::cost_bps, {0, 2, 5, 10, 20}},
                               buffers});
}

void show(const SweepGrid& grid, std::size_t set, const RunSummary& row) {
    const ParameterSet parameters = grid.at(set, {});
    std::printf("%6zu  %5u  %8u  %4.0f bp  %5.1f %%  %6.2f  %6.1f %%  %6.1f %%  %14.2f\n", set,
                parameters.rules.schedule.every, parameters.rules.selection.lookback, parameters.costs.commission_bps(),
                100 * parameters.rules.cash_buffer, *row.metrics.sharpe, 100 * *row.metrics.cagr,
                100 * *row.metrics.max_drawdown, static_cast<double>(row.final_equity) / 100);
}

void run(std::size_t thousands) {
    const Market market;
    const PriceBlock prices = market.block();
    const SweepGrid sets = grid(thousands);
    SweepOptions options;
    options.initial_cash = initial_cash;

    const auto begin = std::chrono::steady_clock::now();
    const SweepResult result = sweep_equal_weight(prices, sets, options);
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
    std::printf("%zu parameter sets, %zu bars, %zu symbols: %.1f ms\n", sets.size(), prices.bars(),
                prices.symbols().size(), time.count());

    // A set without a Sharpe ratio, where there is one, is no candidate.
    std::vector<std::size_t> order;
    std::vector<double> ratios;
    for (std::size_t set = 0; set < sets.size(); ++set) {
        if (!result.rows[set].metrics.sharpe) continue;
        order.push_back(set);
        ratios.push_back(*result.rows[set].metrics.sharpe);
    }
    if (order.empty()) return;
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
        return *result.rows[a].metrics.sharpe > *result.rows[b].metrics.sharpe;
    });
    std::printf("   set  every  lookback   costs   buffer  sharpe      cagr  drawdown    final equity\n");
    for (std::size_t i = 0; i < std::min<std::size_t>(5, order.size()); ++i) {
        show(sets, order[i], result.rows[order[i]]);
    }

    // The whole backtest of the best, to the same cents.
    const std::size_t best = order.front();
    const BacktestResult whole = run_equal_weight(prices, sets.at(best, {}), initial_cash, {});
    std::printf("the best again: %zu fills, the %s row\n", whole.fills.size(),
                whole.summary == result.rows[best] ? "same" : "other");

    const auto n = static_cast<double>(ratios.size());
    const double mean = std::accumulate(ratios.begin(), ratios.end(), 0.0) / n;
    double squares = 0;
    for (const double ratio : ratios) squares += (ratio - mean) * (ratio - mean);
    if (const auto luck = expected_max_sharpe(squares / (n - 1), ratios.size())) {
        const auto deflated = probabilistic_sharpe(whole.portfolio.returns(), *luck / std::sqrt(252.0));
        std::printf("the best of so many without skill: a Sharpe ratio of %.2f\n", *luck);
        if (deflated) std::printf("the true one of this set is above that with a probability of %.2f\n", *deflated);
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        run(argc > 1 ? static_cast<std::size_t>(std::max(1, std::atoi(argv[1]))) : 2);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "sweep: %s\n", error.what());
        return 1;
    }
}
