// How the benchmarks of the exchange measure: what is set up and destroyed stays outside the time.
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

namespace bench {

/// Calls `work()`. What happens in here, and nothing else, is what instructions.py counts: callgrind is told to collect
/// from the entry of this function, which therefore keeps its name and is never inlined, to its return. `work` is a
/// copy: were it somebody else's, what it refers to would be read again after every barrier of the compiler.
template <class Work>
[[gnu::noinline]] void counted(Work work) {
    static_assert(std::is_trivially_copyable_v<Work>, "the copy is timed: capture by reference");
    work();
    benchmark::ClobberMemory();  // no tail call
}

/// Times `work(subject)` on a fresh `make()` an iteration, and reports the time of one of its `operations`.
template <class Make, class Work>
void measure(benchmark::State& state, std::size_t operations, Make&& make, Work&& work) {
    for (auto _ : state) {
        auto subject = make();
        benchmark::ClobberMemory();
        const auto begin = std::chrono::steady_clock::now();
        counted([work, &subject]() mutable { work(subject); });
        const auto end = std::chrono::steady_clock::now();
        state.SetIterationTime(std::chrono::duration<double>(end - begin).count());
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(operations) * state.iterations());
    state.counters["each"] = benchmark::Counter(
        static_cast<double>(operations), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

/// Times `work()` where there is nothing to set up or destroy, `Times` of it at once: a call of `counted` is not to be
/// noticed.
template <benchmark::IterationCount Times = 1, class Work>
void repeat(benchmark::State& state, Work&& work) {
    while (state.KeepRunningBatch(Times)) {
        counted([work]() mutable {
            for (benchmark::IterationCount i = 0; i < Times; ++i) work();
        });
    }
}

/// The same numbers on every machine: xorshift64*.
class Random {
  public:
    explicit Random(std::uint64_t seed = 1) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}

    /// From 0 to `n` - 1.
    std::uint64_t below(std::uint64_t n) noexcept {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return (state_ * 0x2545f4914f6cdd1d >> 33) % n;
    }

    /// The numbers from `first` on, in random order.
    std::vector<std::uint64_t> shuffled(std::size_t count, std::uint64_t first) {
        std::vector<std::uint64_t> numbers(count);
        for (std::size_t i = 0; i < count; ++i) numbers[i] = first + i;
        for (std::size_t i = count; i > 1; --i) std::swap(numbers[i - 1], numbers[below(i)]);
        return numbers;
    }

  private:
    std::uint64_t state_;
};

}  // namespace bench
