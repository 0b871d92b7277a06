// One side of a book: its levels by price, the best one last.
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include <nanobook/book/level.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/detail/block_pool.hpp>
#include <nanobook/detail/memory.hpp>

namespace nanobook {

/// A sorted array. Prices range from stub quotes of a hundredth of a cent to 199,999.99, so nothing is indexed by tick;
/// but half of all orders come within one level of the best and three quarters within eight, so a scan from the back
/// finds most at once and moves few. Storage comes from a pool, which must outlive the ladder. `RankType` holds every
/// price of the stream: where 32 bits are enough, a search reads half as much. `IsLearnable` says that the processor
/// may learn where a search ends: one book and few prices, in turn.
template <std::integral RankType, bool IsLearnable>
class BasicLadder {
  public:
    /// Higher rank is better: the price for bids, its complement (which cannot overflow) for asks.
    using Rank = RankType;

    struct Rung {
        Rank rank;
        LevelId level;
    };

    [[nodiscard]] static constexpr Rank rank_of(Side side, Price price) noexcept {
        return static_cast<Rank>(side == Side::buy ? price : ~price);
    }

    [[nodiscard]] static constexpr Price price_of(Side side, Rank rank) noexcept {
        return side == Side::buy ? rank : static_cast<Rank>(~rank);
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

    /// Where the rung of that rank stands, or would stand, from the worst. No search where that is `guess`.
    [[nodiscard]] std::uint32_t position(Rank rank, std::uint32_t guess = no_position) const noexcept {
        if (guess > size_ || size_ == 0) return search(rank);
        const bool is_above = (guess == 0) | (rungs_[guess - (guess > 0)].rank < rank);
        const bool is_not_below = (guess == size_) | (rungs_[std::min(guess, size_ - 1)].rank >= rank);
        return (is_above & is_not_below) ? guess : search(rank);
    }

    /// The level of that rank, which belongs at `position`, or no_level. There must be some level.
    [[nodiscard]] LevelId find_at(std::uint32_t position, Rank rank) const noexcept {
        const Rung& rung = rungs_[std::min(position, size_ - 1)];
        return rung.level & -LevelId{rung.rank == rank};
    }

    /// The level of that rank, or no_level.
    [[nodiscard]] LevelId find(Rank rank) const noexcept { return empty() ? no_level : find_at(position(rank), rank); }

    /// The level of that rank, opened by `open()` where there is none.
    template <class Open>
    LevelId find_or_insert(Rank rank, detail::BlockPool& pool, Open&& open, std::uint32_t guess = no_position) {
        const std::uint32_t at = position(rank, guess);
        if (at < size_ && rungs_[at].rank == rank) return rungs_[at].level;
        if (size_ == capacity_) grow(pool);
        const LevelId level = open();
        std::memmove(rungs_ + at + 1, rungs_ + at, (size_ - at) * sizeof(Rung));
        rungs_[at] = {rank, level};
        ++size_;
        return level;
    }

    /// The rank must be there.
    [[gnu::noinline]] void erase(Rank rank, std::uint32_t guess = no_position) noexcept {
        const std::uint32_t at = position(rank, guess);
        --size_;
        std::memmove(rungs_ + at, rungs_ + at + 1, (size_ - at) * sizeof(Rung));
        rungs_[size_].rank = vacant;
    }

    /// Of the best level. There must be one.
    [[nodiscard]] Rank best_rank() const noexcept { return rungs_[size_ - 1].rank; }

    /// There must be a level.
    void pop_best() noexcept { rungs_[--size_].rank = vacant; }

    /// Asks for the memory that a search near the best will read.
    void prefetch() const noexcept {
        if (empty()) return;
        detail::prefetch_early(rungs_ + size_ - 1);
        detail::prefetch_early(rungs_ + size_ - std::min(size_, near));
    }

    /// Asks for the memory of the best rung.
    void prefetch_best() const noexcept { detail::prefetch_early(rungs_ + size_ - (size_ > 0)); }

    /// Asks for the memory of a rung.
    void prefetch(std::uint32_t position) const noexcept { detail::prefetch_early(rungs_ + position); }

    /// No rung stands there.
    static constexpr std::uint32_t no_position = std::numeric_limits<std::uint32_t>::max();

  private:
    static constexpr std::uint32_t near = 8;
    static constexpr std::uint32_t first_capacity =
        std::max<std::uint32_t>(near, detail::BlockPool::smallest / sizeof(Rung));

    // The rank of the room above the best level: the worst of all, so that a search may count there too.
    static constexpr Rank vacant = std::numeric_limits<Rank>::min();

    // The first rung, from the worst, that is not worse than `rank`: the best rungs are counted, the others halved.
    [[nodiscard]] std::uint32_t search(Rank rank) const noexcept {
        if (size_ == 0 || rank == vacant) [[unlikely]]
            return 0;
        std::uint32_t end = size_;
        if (!IsLearnable || size_ >= near) {
            const Rung* const best = rungs_ + size_ - std::min(size_, near);
            std::uint32_t better = 0;
            for (std::uint32_t i = 0; i < near; ++i) better += best[i].rank >= rank;
            if (better < near) return size_ - better;
            end -= near;
            if (end == 0) return 0;
        }
        std::uint32_t worse = 0;
        if constexpr (IsLearnable) {
            for (std::uint32_t left = end; left > 1;) {
                const std::uint32_t half = left / 2;
                if (rungs_[worse + half - 1].rank < rank) worse += half;
                left -= half;
            }
            return worse + (rungs_[worse].rank < rank);
        }
        // No branch on how many rungs there are, nor on what is found.
        for (std::uint32_t half = std::max(std::bit_floor(end), 32U); half > 0; half /= 2) {
            const std::uint32_t more = std::min(half, end - worse);
            worse += more & -std::uint32_t{rungs_[worse + more - 1].rank < rank};
        }
        return worse;
    }

    void grow(detail::BlockPool& pool) {
        const std::uint32_t capacity = capacity_ == 0 ? first_capacity : 2 * capacity_;
        auto* rungs = static_cast<Rung*>(pool.take(capacity * sizeof(Rung)));
        if (capacity_ != 0) {
            std::memcpy(rungs, rungs_, size_ * sizeof(Rung));
            pool.give_back(rungs_, capacity_ * sizeof(Rung));
        }
        std::fill(rungs + size_, rungs + capacity, Rung{vacant, no_level});
        rungs_ = rungs;
        capacity_ = capacity;
    }

    Rung* rungs_ = nullptr;
    std::uint32_t size_ = 0;
    std::uint32_t capacity_ = 0;
};

using Ladder = BasicLadder<std::int64_t, true>;
static_assert(sizeof(Ladder) == 16);

}  // namespace nanobook
