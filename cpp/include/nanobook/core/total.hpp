// A sum of quantities, which may exceed 64 bits.
#pragma once

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

    [[nodiscard]] explicit operator double() const noexcept {
        return std::ldexp(static_cast<double>(high), 64) + static_cast<double>(low);
    }

    friend constexpr bool operator==(Total, Total) noexcept = default;
    friend constexpr auto operator<=>(Total a, Total b) noexcept {
        return a.high != b.high ? a.high <=> b.high : a.low <=> b.low;
    }
};

}  // namespace nanobook
