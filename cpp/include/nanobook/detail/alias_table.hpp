// Drawing an index with given weights in constant time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <nanobook/detail/random.hpp>

namespace nanobook::detail {

/// Walker's alias method in integers (Vose, 1991): every slot holds one index and shares what it does not fill with one
/// other. Weights must be below 2^24, and not all zero.
class AliasTable {
  public:
    explicit AliasTable(std::span<const std::uint32_t> weights) : slots_(weights.size()) {
        std::uint64_t total = 0;
        for (const std::uint32_t weight : weights) total += weight;
        // Scaled by the number of weights, so that `total` is the average.
        std::vector<std::uint64_t> scaled;
        std::vector<std::uint32_t> poor;
        std::vector<std::uint32_t> rich;
        for (std::uint32_t i = 0; i < weights.size(); ++i) {
            scaled.push_back(std::uint64_t{weights[i]} * weights.size());
            (scaled.back() < total ? poor : rich).push_back(i);
        }
        while (!poor.empty() && !rich.empty()) {
            const std::uint32_t taker = poor.back();
            const std::uint32_t giver = rich.back();
            poor.pop_back();
            slots_[taker] = {static_cast<std::uint32_t>((scaled[taker] << 22) / total) << 10, giver};
            scaled[giver] -= total - scaled[taker];
            if (scaled[giver] < total) {
                rich.pop_back();
                poor.push_back(giver);
            }
        }
        // What remains is full but for rounding: it stands for itself alone.
        for (const std::uint32_t i : rich) slots_[i] = {0, i};
        for (const std::uint32_t i : poor) slots_[i] = {0, i};
    }

    std::uint32_t draw(Random& random) const noexcept {
        const std::uint64_t bits = random.next();
        const auto i = static_cast<std::uint32_t>((bits >> 32) * slots_.size() >> 32);
        return static_cast<std::uint32_t>(bits) < slots_[i].own ? i : slots_[i].other;
    }

  private:
    struct Slot {
        std::uint32_t own;    ///< the share of 2^32 the slot keeps for its own index
        std::uint32_t other;  ///< who gets the rest
    };
    std::vector<Slot> slots_;
};

}  // namespace nanobook::detail
