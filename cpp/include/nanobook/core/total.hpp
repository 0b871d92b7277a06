// A sum of quantities, which may exceed 64 bits.
#pragma once

#include <bit>
#include <cmath>
#include <compare>
#include <cstdint>

#include <nanobook/core/types.hpp>

namespace nanobook {

/// Holds any sum of quantities exactly. Compares with plain quantities; `low` alone is the value where `high` is 0.
struct Total {
    std::uint64_t low = 0;
    std::uint64_t high = 0;

    constexpr Total() noexcept = default;
    constexpr Total(Quantity quantity) noexcept : low(quantity) {}
    constexpr Total(std::uint64_t low_half, std::uint64_t high_half) noexcept : low(low_half), high(high_half) {}

    constexpr Total& operator+=(Total other) noexcept {
        low += other.low;
        high += other.high + (low < other.low);
        return *this;
    }
    constexpr Total& operator-=(Total other) noexcept {
        high -= other.high + (low < other.low);
        low -= other.low;
        return *this;
    }
    friend constexpr Total operator+(Total a, Total b) noexcept { return a += b; }
    friend constexpr Total operator-(Total a, Total b) noexcept { return a -= b; }

    /// The nearest double.
    [[nodiscard]] explicit operator double() const noexcept {
        if (high == 0) return static_cast<double>(low);
        // Rounded once: the leading 64 bits, the last of them set where anything follows.
        const auto shift = static_cast<int>(std::bit_width(high));
        const bool rest = low << (64 - shift) != 0;
        const std::uint64_t leading = (shift < 64 ? high << (64 - shift) | low >> shift : high) | rest;
        return std::ldexp(static_cast<double>(leading), shift);
    }

    friend constexpr bool operator==(Total, Total) noexcept = default;
    friend constexpr auto operator<=>(Total a, Total b) noexcept {
        return a.high != b.high ? a.high <=> b.high : a.low <=> b.low;
    }
};

}  // namespace nanobook
