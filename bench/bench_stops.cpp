// Stops: what they cost when they fire, when they follow the price, and when they only wait.
#include <cstddef>
#include <string>
#include <vector>

#include <nanobook/exchange/exchange.hpp>

#include "measure.hpp"

using namespace nanobook;
using bench::measure;
using bench::Random;

namespace {

constexpr Price touch = 100'000;
constexpr std::size_t trades = 2'000;

enum Waiting { stops, fixed, percentage, atr, mixed, distinct_atr };
enum Path { oscillating, rising };

// Trades at prices that go to and fro, or up, each of one fill: the time is that of one trade, its resting order too.
// So many stops wait far away.
void trade(benchmark::State& state, Waiting what, std::size_t count, Path path) {
    std::vector<Price> prices(trades);
    Random random;
    for (std::size_t i = 0; i < trades; ++i) {
        prices[i] = touch + (path == rising ? static_cast<Price>(i) : static_cast<Price>(random.below(20)));
    }
    const auto one_trade = [](Exchange& exchange, Price price) {
        exchange.submit_limit(Side::buy, price, 10);
        benchmark::DoNotOptimize(exchange.submit_limit(Side::sell, price, 10));
    };
    measure(
        state, trades,
        [&] {
            Exchange exchange;
            exchange.reserve(count + 2 * trades + 100);
            for (std::size_t i = 0; i < 20; ++i) one_trade(exchange, prices[i]);
            for (std::size_t i = 0; i < count; ++i) {
                const auto far = 20'000 + static_cast<Price>(i % 10'000);
                const auto trail = [&](TrailMethod method) {
                    exchange.submit_trailing_stop_market(Side::sell, 1, 1, method);
                };
                switch (what == mixed ? static_cast<Waiting>(fixed + i % 3) : what) {
                    case stops: exchange.submit_stop_market(Side::sell, touch - far, 1); break;
                    case fixed: trail(TrailMethod::fixed(far)); break;
                    case percentage: trail(TrailMethod::percentage(0.2 + 0.00001 * static_cast<double>(i))); break;
                    case distinct_atr: trail(TrailMethod::atr(5000 + static_cast<double>(i), 14)); break;
                    default: trail(TrailMethod::atr(5000, 14));
                }
            }
            return exchange;
        },
        [&](Exchange& exchange) {
            for (const Price price : prices) one_trade(exchange, price);
            if (exchange.pending_stop_count() != count) state.SkipWithError("a stop has fired");
        });
}

void with_pending(benchmark::State& state) {
    trade(state, stops, static_cast<std::size_t>(state.range(0)), oscillating);
}
BENCHMARK(with_pending)->Arg(0)->Arg(50)->Arg(100'000)->UseManualTime();

// A thousand trails pend. A price that rises moves them all at every trade; one that goes to and fro hardly any.
const bool registered = [] {
    struct Trails {
        std::string name;
        Waiting what;
    };
    for (const auto& [name, what] : {Trails{"fixed", fixed},
                                     {"percentage", percentage},
                                     {"atr", atr},
                                     {"mixed", mixed},
                                     {"distinct_atr", distinct_atr}}) {
        for (const Path path : {oscillating, rising}) {
            const std::string full = "trailing_update/" + name + (path == rising ? "/rising" : "/to_and_fro");
            benchmark::RegisterBenchmark(full.c_str(), trade, what, 1000, path)->UseManualTime();
        }
    }
    return true;
}();

// One trade fires a stop, whose order trades one level lower and fires the next, and so on; the time is that of the
// whole cascade.
void cascade(benchmark::State& state) {
    const auto length = static_cast<std::size_t>(state.range(0));
    constexpr std::size_t cascades = 100;
    measure(
        state, cascades,
        [&] {
            Exchange exchange;
            exchange.reserve(cascades * (3 * length + 2));
            return exchange;
        },
        [&](Exchange& exchange) {
            for (std::size_t i = 0; i < cascades; ++i) {
                for (std::size_t level = 0; level <= length; ++level) {
                    exchange.submit_limit(Side::buy, touch - static_cast<Price>(level), 10);
                }
                exchange.submit_limit(Side::sell, touch + 1, 1);
                exchange.submit_market(Side::buy, 1);
                for (std::size_t level = 0; level < length; ++level) {
                    exchange.submit_stop_market(Side::sell, touch - static_cast<Price>(level), 10);
                }
                benchmark::DoNotOptimize(exchange.submit_market(Side::sell, 10));
            }
        });
}
BENCHMARK(cascade)->Arg(1)->Arg(10)->Arg(50)->UseManualTime();

void submit_and_cancel_stop(benchmark::State& state) {
    constexpr std::size_t count = 10'000;
    const auto ids = Random().shuffled(count, 1);
    measure(
        state, count,
        [] {
            Exchange exchange;
            exchange.reserve(count);
            return exchange;
        },
        [&](Exchange& exchange) {
            Random random;
            for (std::size_t i = 0; i < count; ++i) {
                exchange.submit_stop_market(Side::sell, touch - static_cast<Price>(random.below(1000)), 1);
            }
            for (const OrderId id : ids) benchmark::DoNotOptimize(exchange.cancel(id));
        });
}
BENCHMARK(submit_and_cancel_stop)->UseManualTime();

}  // namespace
