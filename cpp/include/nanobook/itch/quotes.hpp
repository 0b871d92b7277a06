// The best bid and ask of every symbol, whenever they change.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <nanobook/book/level.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/detail/memory.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/observer.hpp>

namespace nanobook::itch {

/// The best level of a side; of 0 shares where the side is empty.
struct Best {
    Price price = 0;
    std::uint64_t shares = 0;

    friend bool operator==(const Best&, const Best&) = default;
};

/// Best bid and ask after a message that changed one of them.
struct Quote : Origin {
    std::array<Best, 2> sides;  ///< by Side
};

/// An observer that keeps a row for every change of a best price or its shares.
class QuoteRecorder {
  public:
    explicit QuoteRecorder(Timestamp start = 0) noexcept : start_(start) {}

    void prefetch(Locate locate) const noexcept {
        if (locate < best_.size()) detail::prefetch_early(&best_[locate]);
    }
    [[nodiscard]] bool watches_best() const noexcept { return true; }

    template <class Replay>
    void on_change(const BookChange& change, const Replay& replay) {
        if (change.locate >= best_.size()) [[unlikely]]
            best_.resize(change.locate + std::size_t{1});
        std::array<Best, 2>& sides = best_[change.locate];
        Best& best = sides[static_cast<std::size_t>(change.side)];
        // Behind the best price nothing changes it. Which it is cannot be guessed: one branch, not five.
        const Price flip = -Price{change.side == Side::sell};  // the complement: the higher the better
        const bool takes_from_best = (change.removed_shares != 0) & (change.removed_price == best.price);
        const bool is_best =
            (change.added_shares != 0) & ((best.shares == 0) | ((change.added_price ^ flip) >= (best.price ^ flip)));
        if (!(takes_from_best | is_best)) return;
        const Best now = best_of(replay, change.locate, change.side);
        if (now == best) return;
        best = now;
        if (change.message.timestamp >= start_) {
            rows.push_back({Origin::of(change.message, change.locate, replay), sides});
        }
    }

    std::vector<Quote> rows;  ///< for whoever reads them to take

  private:
    template <class Replay>
    static Best best_of(const Replay& replay, Locate locate, Side side) {
        const LevelId id = replay.listings()[locate].book.ladder(side).best();
        if (id == no_level) return {};
        const auto& level = replay.levels()[id];
        return {level.price, level.total().low};
    }

    Timestamp start_;
    std::vector<std::array<Best, 2>> best_;  // by locate
};

}  // namespace nanobook::itch
