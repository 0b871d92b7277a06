// Sweeps: sets x bars x symbols, by what of the processor is used, and on so many threads. Items are sets, `cells` are
// prices times sets a second. Names begin with what varies: a mixed grid of schedules, costs and buffers, or a
// rebalance at every bar.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nanobook/portfolio/sweep.hpp>

#include "measure.hpp"
#include "memory.hpp"
#include "random_walk.hpp"

using namespace nanobook;
using bench::RandomWalk;
using bench::repeat;

namespace {

std::vector<std::optional<double>> steps(std::size_t count, double step) {
    std::vector<std::optional<double>> values;
    for (std::size_t i = 0; i < count; ++i) values.emplace_back(static_cast<double>(i) * step);
    return values;
}

// Ten schedules, ten costs, and so many buffers.
SweepGrid mixed(std::size_t sets) {
    return SweepGrid::product({{SweepKey::rebalance_every, {1, 2, 3, 5, 10, 15, 21, 42, 63, 126}},
                               {SweepKey::cost_bps, steps(10, 2)},
                               {SweepKey::cash_buffer, steps(sets / 100, 20.0 / static_cast<double>(sets))}});
}

SweepGrid every_bar(std::size_t sets) {
    return SweepGrid::product({{SweepKey::cost_bps, steps(10, 2)},
                               {SweepKey::cash_buffer, steps(sets / 10, 2.0 / static_cast<double>(sets))}});
}

void sweep(benchmark::State& state, const PriceBlock& prices, const SweepGrid& grid, SimdLevel level) {
    SweepOptions options;
    options.initial_cash = 1'000'000'00;
    options.simd = level;
    options.threads = static_cast<unsigned>(state.range(0));
    repeat(state, [&] { benchmark::DoNotOptimize(sweep_equal_weight(prices, grid, options)); });
    state.SetItemsProcessed(static_cast<std::int64_t>(grid.size()) * state.iterations());
    const auto cells = static_cast<double>(grid.size() * prices.bars() * prices.symbols().size());
    state.counters["cells"] = benchmark::Counter(cells, benchmark::Counter::kIsIterationInvariantRate);
}

// Made once: a block of a decade takes longer to make than to sweep.
const PriceBlock& year() {
    static const PriceBlock prices = RandomWalk(252, 20).block();
    return prices;
}
const PriceBlock& decade() {
    static const PriceBlock prices = RandomWalk(2'520, 100).block();
    return prices;
}

// Beyond the prices, on all of four threads.
void sweep_memory(benchmark::State& state) {
    const PriceBlock& prices = decade();
    const SweepGrid grid = mixed(10'000);
    SweepOptions options;
    options.initial_cash = 1'000'000'00;
    options.threads = 4;
    bench::measure_memory(state, [&] { return sweep_equal_weight(prices, grid, options); });
}
BENCHMARK(sweep_memory)->Iterations(1)->Unit(benchmark::kMillisecond);

template <class Prices, class Grid>
void add(const std::string& name, SimdLevel level, Prices prices, Grid grid, int iterations) {
    const std::string full = name + '/' + std::string(simd_level_names[static_cast<std::size_t>(level)]);
    auto* const benchmark = benchmark::RegisterBenchmark(
        full.c_str(), [=](benchmark::State& state) { sweep(state, prices(), grid(), level); });
    benchmark->ArgName("threads")->Arg(1)->Arg(2)->Arg(4)->UseRealTime()->Unit(benchmark::kMillisecond);
    if (iterations != 0) benchmark->Iterations(iterations);
}

// Every level that this processor has.
const bool registered = [] {
    for (const SimdLevel level : simd_levels()) {
        add("mixed_1000x252x20", level, year, [] { return mixed(1'000); }, 0);
        add("every_bar_1000x252x20", level, year, [] { return every_bar(1'000); }, 0);
        if (level == SimdLevel::scalar) continue;
        add("big_10000x2520x100", level, decade, [] { return mixed(10'000); }, 3);
    }
    return true;
}();

}  // namespace
