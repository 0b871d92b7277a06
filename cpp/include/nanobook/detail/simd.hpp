// Vectors of doubles of any width, for functions that are compiled once for each kind of processor.
//
// Such functions are templates over the vector, always inlined into one function a processor that names what it may
// use: [[gnu::target("avx2")]] void f(...) { f_with<Doubles<4>>(...); }. Vectors go by reference, for how they go by
// value depends on the processor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include <nanobook/detail/exact_float.hpp>

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
    if (__builtin_cpu_supports("avx2")) levels.push_back(SimdLevel::avx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        levels.push_back(SimdLevel::avx512);
    }
#endif
    return levels;
}

/// The best of this processor, but not above what the environment variable NANOBOOK_SIMD names.
[[nodiscard]] inline SimdLevel best_simd_level() {
    static const std::vector<SimdLevel> levels = simd_levels();
    const char* const wanted = std::getenv("NANOBOOK_SIMD");
    if (wanted == nullptr) return levels.back();
    SimdLevel best = levels.front();
    for (const SimdLevel level : levels) {
        best = level;
        if (simd_level_names[static_cast<std::size_t>(level)] == wanted) break;
    }
    return best;
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

template <class V>
inline constexpr std::size_t width_of = sizeof(V) / sizeof(double);

/// Whether any lane of what a comparison gave is true.
template <class Mask>
[[gnu::always_inline]] inline bool any(const Mask& mask) {
    if constexpr (sizeof(Mask) == 64) {
        const auto half =
            __builtin_shufflevector(mask, mask, 0, 1, 2, 3) | __builtin_shufflevector(mask, mask, 4, 5, 6, 7);
        const auto quarter = __builtin_shufflevector(half, half, 0, 1) | __builtin_shufflevector(half, half, 2, 3);
        return (quarter[0] | quarter[1]) != 0;
    } else if constexpr (sizeof(Mask) == 32) {
        const auto half = __builtin_shufflevector(mask, mask, 0, 1) | __builtin_shufflevector(mask, mask, 2, 3);
        return (half[0] | half[1]) != 0;
    } else if constexpr (sizeof(Mask) == 16) {
        return (mask[0] | mask[1]) != 0;
    } else {
        return mask;
    }
}

/// The greatest whole number that is not above it; right from -2^51 to 2^52.
template <class V>
[[gnu::always_inline]] inline void floor_lanes(V& value) {
    constexpr double shift = 0x1p52;  // from there on a double has no fraction
    const V whole = (value + shift) - shift;
    const V zero{};
    value = whole - (whole > value ? zero + 1.0 : zero);
}

/// floor(value / divisor) for whole numbers from 0 to 2^52, without a division: the product with the reciprocal is off
/// by one at most.
template <class V, class Divisor>
[[gnu::always_inline]] inline void divide_lanes(V& value, const Divisor& divisor, const Divisor& reciprocal) {
    NANOBOOK_NO_CONTRACTION
    V quotient = value * reciprocal;
    floor_lanes(quotient);
    const V rest = value - quotient * divisor;
    const V zero{};
    const V one = zero + 1.0;
    value = quotient + (rest >= divisor ? one : zero) - (rest < zero ? one : zero);
}

}  // namespace detail
}  // namespace nanobook
