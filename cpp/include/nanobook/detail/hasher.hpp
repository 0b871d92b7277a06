// A hash of a sequence of numbers, the same on every machine.
#pragma once

#include <concepts>
#include <cstdint>

namespace nanobook::detail {

/// Not for adversaries: it tells states apart, it signs nothing.
class Hasher {
  public:
    template <std::integral... Numbers>
    void add(Numbers... numbers) noexcept {
        (mix(static_cast<std::uint64_t>(numbers)), ...);
    }

    [[nodiscard]] std::uint64_t value() const noexcept { return hash_ ^ (hash_ >> 31); }

  private:
    void mix(std::uint64_t number) noexcept {
        hash_ = (hash_ ^ number) * 0x9e3779b97f4a7c15;
        hash_ ^= hash_ >> 32;
    }

    std::uint64_t hash_ = 0x6a09e667f3bcc909;
};

}  // namespace nanobook::detail
