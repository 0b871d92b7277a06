// Random integers that are the same on every machine, compiler and build type.
#pragma once

#include <cstdint>

namespace nanobook::detail {

/// splitmix64 (Steele, Lea and Flood, 2014): one word of state and ten instructions, which passes the usual batteries
/// of tests. The standard's engines are slower, and its distributions may differ between libraries.
class Random {
  public:
    explicit constexpr Random(std::uint64_t seed) noexcept : state_(seed) {}

    constexpr std::uint64_t next() noexcept {
        state_ += 0x9e3779b97f4a7c15U;
        std::uint64_t mixed = (state_ ^ (state_ >> 30)) * 0xbf58476d1ce4e5b9U;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
        return mixed ^ (mixed >> 31);
    }

    /// In [0, bound), 0 where `bound` is 0. The bias of the multiplication is below bound / 2^32.
    constexpr std::uint32_t below(std::uint32_t bound) noexcept {
        return static_cast<std::uint32_t>((next() >> 32) * bound >> 32);
    }

    /// True once in `times`.
    constexpr bool once_in(std::uint32_t times) noexcept { return below(times) == 0; }

  private:
    std::uint64_t state_;
};

}  // namespace nanobook::detail
