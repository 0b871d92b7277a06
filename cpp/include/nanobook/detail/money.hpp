// Sums and products of money, exact or refused: no amount wraps.
#pragma once

#include <cstdint>
#include <limits>
#include <stdexcept>

#include <nanobook/core/types.hpp>

namespace nanobook::detail {

#if defined(__SIZEOF_INT128__)
__extension__ using Wide = __int128;
#else
#error "nanobook's portfolio needs a compiler with 128-bit integers, such as gcc or clang"
#endif

// Out of line, so that whoever calls it stays small.
[[noreturn, gnu::noinline, gnu::cold]] inline void throw_too_much_money() {
    throw std::overflow_error("an amount of money does not fit 64 bits: use a larger unit of price");
}

[[nodiscard]] constexpr std::int64_t narrow(Wide amount) {
    if (amount > std::numeric_limits<std::int64_t>::max() || amount < std::numeric_limits<std::int64_t>::min())
        [[unlikely]]
        throw_too_much_money();
    return static_cast<std::int64_t>(amount);
}
[[nodiscard]] constexpr std::int64_t product(std::int64_t a, std::int64_t b) {
    std::int64_t result = 0;
    if (__builtin_mul_overflow(a, b, &result)) [[unlikely]]
        throw_too_much_money();
    return result;
}
[[nodiscard]] constexpr std::int64_t sum(std::int64_t a, std::int64_t b) {
    std::int64_t result = 0;
    if (__builtin_add_overflow(a, b, &result)) [[unlikely]]
        throw_too_much_money();
    return result;
}
[[nodiscard]] constexpr std::int64_t difference(std::int64_t a, std::int64_t b) {
    std::int64_t result = 0;
    if (__builtin_sub_overflow(a, b, &result)) [[unlikely]]
        throw_too_much_money();
    return result;
}
/// a * b / c, towards zero, with nothing lost in between.
[[nodiscard]] constexpr std::int64_t scaled(std::int64_t a, std::int64_t b, std::int64_t c) {
    // A division of 128 bits takes ten times as long, and is seldom needed.
    std::int64_t result = 0;
    if (!__builtin_mul_overflow(a, b, &result)) [[likely]]
        return result / c;
    return narrow(Wide{a} * b / c);
}
[[nodiscard]] constexpr std::int64_t magnitude(std::int64_t a) { return a < 0 ? narrow(-Wide{a}) : a; }

/// a / b, towards minus infinity; b is positive.
[[nodiscard]] constexpr std::int64_t floor_quotient(std::int64_t a, std::int64_t b) noexcept {
    return a / b - (a % b < 0 ? 1 : 0);
}

/// The greatest whole number that is not above `value`; refused where that is no int64.
[[nodiscard]] inline std::int64_t floor_of(double value) {
    // Not std::floor: without SSE4.1 that is a call.
    if (!(value > -0x1p63 && value < 0x1p63)) [[unlikely]]
        throw_too_much_money();
    const auto whole = static_cast<std::int64_t>(value);
    return whole - (static_cast<double>(whole) > value ? 1 : 0);
}

}  // namespace nanobook::detail
