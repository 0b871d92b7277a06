// One side of a book: its levels by price, the best one last.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <nanobook/book/level.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/detail/block_pool.hpp>
#include <nanobook/detail/memory.hpp>

namespace nanobook {

/// A sorted array. Prices range from stub quotes of a hundredth of a cent to 199,999.99, so nothing is indexed by tick;
/// but half of all orders come within one level of the best and three quarters within eight, so a scan from the back
/// finds most at once and moves few. Storage comes from a pool, which must outlive the ladder.
class Ladder {
  public:
    /// Higher rank is better: the price for bids, its complement (which cannot overflow) for asks.
    using Rank = std::int64_t;

    struct Rung {
        Rank rank;
        LevelId level;
    };

    [[nodiscard]] static constexpr Rank rank_of(Side side, Price price) noexcept {
        return side == Side::buy ? price : ~price;
    }

    [[nodiscard]] static constexpr Price price_of(Side side, Rank rank) noexcept {
        return side == Side::buy ? rank : ~rank;
    }

    /// Would an order of that side and price trade with one that rests on the other side at `resting`?
    [[nodiscard]] static constexpr bool is_crossed(Side side, Price price, Rank resting) noexcept {
        return side == Side::buy ? price >= ~resting : price <= resting;
    }

    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

    /// The `i`th level from the best, which is 0.
    [[nodiscard]] LevelId operator[](std::size_t i) const noexcept { return rungs_[size_ - 1 - i].level; }

    /// The best level, or no_level.
    [[nodiscard]] LevelId best() const noexcept { return size_ == 0 ? no_level : rungs_[size_ - 1].level; }

    /// The level of that rank, or no_level.
    [[nodiscard]] LevelId find(Rank rank) const noexcept {
        const std::uint32_t at = position(rank);
        return at < size_ && rungs_[at].rank == rank ? rungs_[at].level : no_level;
    }

    /// The level of that rank, opened by `open()` where there is none.
    template <class Open>
    LevelId find_or_insert(Rank rank, detail::BlockPool& pool, Open&& open) {
        const std::uint32_t at = position(rank);
        if (at < size_ && rungs_[at].rank == rank) return rungs_[at].level;
        if (size_ == capacity_) grow(pool);
        const LevelId level = open();
        std::memmove(rungs_ + at + 1, rungs_ + at, (size_ - at) * sizeof(Rung));
        rungs_[at] = {rank, level};
        ++size_;
        return level;
    }

    /// The rank must be there.
    void erase(Rank rank) noexcept {
        const std::uint32_t at = position(rank);
        --size_;
        std::memmove(rungs_ + at, rungs_ + at + 1, (size_ - at) * sizeof(Rung));
    }

    /// Of the best level. There must be one.
    [[nodiscard]] Rank best_rank() const noexcept { return rungs_[size_ - 1].rank; }

    /// There must be a level.
    void pop_best() noexcept { --size_; }

    /// Asks for the memory that a search near the best will read.
    void prefetch() const noexcept {
        if (size_ == 0) return;
        const Rung* best = rungs_ + size_ - 1;
        detail::prefetch(best);
        if (size_ > 4) detail::prefetch(best - 4);
        if (size_ >= near) detail::prefetch(best - (near - 1));
    }

    /// Searches, for the sake of the memory the search reads.
    void prefetch(Rank rank) const noexcept { detail::prefetch(rungs_ + position(rank)); }

  private:
    static constexpr std::uint32_t near = 8;
    static constexpr std::uint32_t first_capacity = detail::BlockPool::smallest / sizeof(Rung);

    // The first rung, from the worst, that is not worse than `rank`. Which one it is cannot be guessed, so nothing here
    // branches on it: the best rungs are counted, the others halved.
    [[nodiscard]] std::uint32_t position(Rank rank) const noexcept {
        std::uint32_t end = size_;
        if (size_ >= near) [[likely]] {
            const Rung* const best = rungs_ + size_ - near;
            std::uint32_t better = 0;
            for (std::uint32_t i = 0; i < near; ++i) better += best[i].rank >= rank;
            if (better < near) return size_ - better;
            end = size_ - near;
        }
        if (end == 0) return 0;
        const Rung* base = rungs_;
        for (std::uint32_t left = end; left > 1;) {
            const std::uint32_t half = left / 2;
            base += base[half - 1].rank < rank ? half : 0;
            left -= half;
        }
        return static_cast<std::uint32_t>(base - rungs_) + (base->rank < rank);
    }

    void grow(detail::BlockPool& pool) {
        const std::uint32_t capacity = capacity_ == 0 ? first_capacity : 2 * capacity_;
        auto* rungs = static_cast<Rung*>(pool.take(capacity * sizeof(Rung)));
        if (capacity_ != 0) {
            std::memcpy(rungs, rungs_, size_ * sizeof(Rung));
            pool.give_back(rungs_, capacity_ * sizeof(Rung));
        }
        rungs_ = rungs;
        capacity_ = capacity;
    }

    Rung* rungs_ = nullptr;
    std::uint32_t size_ = 0;
    std::uint32_t capacity_ = 0;
};
static_assert(sizeof(Ladder) == 16);

}  // namespace nanobook
