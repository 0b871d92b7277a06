// Where benchmarks write files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>

namespace bench {

/// A path that no other process has, where nothing is yet. Ten digits always: a longer name would leave another heap,
/// and counts of instructions would differ.
inline std::filesystem::path temporary_file() {
    const std::uint64_t number = 1'000'000'000 + std::random_device{}() % 1'000'000'000;
    return std::filesystem::temp_directory_path() / ("nanobook-bench-" + std::to_string(number));
}

}  // namespace bench
