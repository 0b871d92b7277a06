// Vectors of doubles, and which of them this processor has.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace nanobook {

/// What a sweep may use of the processor. Results do not depend on it.
enum class SimdLevel : std::uint8_t {
    scalar,    ///< one parameter set after the other, in integers
    baseline,  ///< whatever every processor of the kind has
    avx2,
    avx512,
};

inline constexpr std::string_view simd_level_names[] = {"scalar", "baseline", "avx2", "avx512"};

/// What this processor has, least first.
[[nodiscard]] inline std::vector<SimdLevel> simd_levels() {
    std::vector<SimdLevel> levels{SimdLevel::scalar, SimdLevel::baseline};
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) levels.push_back(SimdLevel::avx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        levels.push_back(SimdLevel::avx512);
    }
#endif
    return levels;
}

/// The best of this processor, but not above what the environment variable NANOBOOK_SIMD names. Throws
/// std::invalid_argument where that is no level.
[[nodiscard]] inline SimdLevel best_simd_level() {
    static const std::vector<SimdLevel> levels = simd_levels();
    const char* const wanted = std::getenv("NANOBOOK_SIMD");
    if (wanted == nullptr || *wanted == '\0') return levels.back();
    const auto* const found = std::ranges::find(simd_level_names, wanted);
    if (found == std::end(simd_level_names)) {
        throw std::invalid_argument("NANOBOOK_SIMD is '" + std::string(wanted) +
                                    "'; it is one of scalar, baseline, avx2, avx512");
    }
    return std::min(levels.back(), static_cast<SimdLevel>(found - std::begin(simd_level_names)));
}

namespace detail {

template <std::size_t Width>
struct DoublesOf {
    using type [[gnu::vector_size(Width * sizeof(double))]] = double;
};
template <>
struct DoublesOf<1> {
    using type = double;
};
template <std::size_t Width>
using Doubles = typename DoublesOf<Width>::type;

template <std::size_t Width>
struct IntegersOf {
    using type [[gnu::vector_size(Width * sizeof(std::int64_t))]] = std::int64_t;
};

template <class V>
inline constexpr std::size_t width_of = sizeof(V) / sizeof(double);

}  // namespace detail
}  // namespace nanobook
