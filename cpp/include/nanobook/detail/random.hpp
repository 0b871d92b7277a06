// Random integers that are the same on every machine, compiler and build type.
#pragma once

#include <cstdint>

namespace nanobook::detail {

/// xoshiro256** 1.0 (Blackman and Vigna, 2018), seeded by splitmix64. The standard's distributions may differ between
/// libraries, and its engines are slower; this one is four words and a dozen instructions.
class Random {
  public:
    explicit constexpr Random(std::uint64_t seed) noexcept {
        for (std::uint64_t& word : state_) {
            seed += 0x9e3779b97f4a7c15U;
            std::uint64_t mixed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9U;
            mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
            word = mixed ^ (mixed >> 31);
        }
    }

    constexpr std::uint64_t next() noexcept {
        const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
        const std::uint64_t shifted = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = rotate(state_[3], 45);
        return result;
    }

    /// In [0, bound), 0 where `bound` is 0. The bias of the multiplication is below bound / 2^32.
    constexpr std::uint32_t below(std::uint32_t bound) noexcept {
        return static_cast<std::uint32_t>((next() >> 32) * bound >> 32);
    }

    /// True once in `times`.
    constexpr bool once_in(std::uint32_t times) noexcept { return below(times) == 0; }

  private:
    static constexpr std::uint64_t rotate(std::uint64_t value, int bits) noexcept {
        return value << bits | value >> (64 - bits);
    }

    std::uint64_t state_[4] = {};
};

}  // namespace nanobook::detail
