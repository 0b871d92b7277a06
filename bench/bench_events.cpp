// Events: applied, replayed, written to files and read back.
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nanobook/exchange/event_json.hpp>
#include <nanobook/exchange/exchange.hpp>
#include <nanobook/exchange/image.hpp>
#include <nanobook/exchange/journal.hpp>

#include "measure.hpp"
#include "temporary_file.hpp"

using namespace nanobook;
using bench::measure;
using bench::Random;
using bench::repeat;

namespace {

// 45 % adds, 45 % cancels, 10 % that trade, on a few dozen levels.
std::vector<Event> flow(std::size_t count) {
    Random random;
    std::vector<Event> events;
    OrderId next = 1;
    while (events.size() < count) {
        const auto die = random.below(100);
        const Side side = random.below(2) == 0 ? Side::buy : Side::sell;
        const auto away = static_cast<Price>(random.below(20));
        if (die < 45 || next < 20) {
            events.push_back(Event::submit_limit(side, side == Side::buy ? 9'999 - away : 10'000 + away, 10));
            ++next;
        } else if (die < 90) {
            events.push_back(Event::cancel(next - 1 - random.below(19)));
        } else {
            events.push_back(Event::submit_market(side, 10));
            ++next;
        }
    }
    return events;
}

void event_apply(benchmark::State& state) {
    constexpr std::size_t count = 2'000;
    const auto events = flow(count);
    measure(
        state, count,
        [] {
            Exchange exchange;
            exchange.reserve(count);
            return exchange;
        },
        [&](Exchange& exchange) {
            for (const Event& event : events) benchmark::DoNotOptimize(exchange.apply(event));
        });
}
BENCHMARK(event_apply)->UseManualTime();

void replay(benchmark::State& state) {
    const auto events = flow(static_cast<std::size_t>(state.range(0)));
    measure(
        state, events.size(),
        [&] {
            Exchange exchange;
            exchange.reserve(events.size());
            return exchange;
        },
        [&](Exchange& exchange) { exchange.apply_all(events); });
}
BENCHMARK(replay)->Arg(100)->Arg(1000)->Arg(10'000)->Arg(1'000'000)->UseManualTime();

void persistence_roundtrip(benchmark::State& state) {
    const auto events = flow(static_cast<std::size_t>(state.range(0)));
    const auto path = bench::temporary_file();
    repeat(state, [&] {
        save_events(path, {}, events);
        benchmark::DoNotOptimize(load_events(path));
    });
    std::filesystem::remove(path);
    state.SetItemsProcessed(static_cast<std::int64_t>(events.size()) * state.iterations());
}
BENCHMARK(persistence_roundtrip)->Arg(100)->Arg(1000)->Arg(10'000);

void journal_append(benchmark::State& state) {
    const auto events = flow(10'000);
    const auto path = bench::temporary_file();
    JournalOptions options;
    options.flush_every = static_cast<std::size_t>(state.range(0));
    measure(
        state, events.size(),
        [&] {
            std::filesystem::remove(path);
            return Journal::open(path, options);
        },
        [&](Journal& journal) {
            for (const Event& event : events) journal.append(event);
        });
    std::filesystem::remove(path);
}
BENCHMARK(journal_append)->ArgName("flush_every")->Arg(0)->Arg(1)->UseManualTime();

void image_roundtrip(benchmark::State& state) {
    const auto events = flow(10'000);
    const Exchange exchange = Exchange::replay(events);
    measure(
        state, events.size(), [] { return Exchange(); },
        [&](Exchange& copy) { copy = from_image(to_image(exchange)); });
}
BENCHMARK(image_roundtrip)->UseManualTime();

}  // namespace
