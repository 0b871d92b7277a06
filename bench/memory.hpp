// What the system says of this process's memory.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace bench {

/// One of the figures of this process, in bytes; 0 where the system does not say.
inline std::uint64_t memory(std::string_view name) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(name)) return std::strtoull(line.c_str() + name.size(), nullptr, 10) * 1024;
    }
    return 0;
}

/// Not a time: what `work()` takes beyond what there was before, when its result is there and at the most.
template <class Work>
void measure_memory(benchmark::State& state, Work&& work) {
    for (auto _ : state) {
        std::ofstream("/proc/self/clear_refs") << 5;  // the peak begins anew
        const std::uint64_t before = memory("VmRSS:");
        const auto result = work();
        state.counters["memory_MB"] = (static_cast<double>(memory("VmRSS:")) - static_cast<double>(before)) / 1e6;
        state.counters["peak_MB"] = (static_cast<double>(memory("VmHWM:")) - static_cast<double>(before)) / 1e6;
    }
}

}  // namespace bench
