// A limit order book: bids and asks in price order, each price a queue in order of arrival. It matches nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <nanobook/book/ladder.hpp>
#include <nanobook/book/level.hpp>
#include <nanobook/book/snapshot.hpp>
#include <nanobook/core/total.hpp>
#include <nanobook/core/types.hpp>

namespace nanobook {

/// One book serves matching, replay and whoever trades through it. It is 32 bytes: two ladders. Levels live in a
/// `Levels` that any number of books share; where each order rests and how much of it is left, its owner knows
/// (see `OrderOwner`). The handle of a resting order is the `LevelId` that `add` returns: good until the order leaves.
template <class LadderType>
class BasicBook {
  public:
    using Ladder = LadderType;

    [[nodiscard]] const Ladder& ladder(Side side) const noexcept { return sides_[static_cast<std::size_t>(side)]; }
    [[nodiscard]] bool empty() const noexcept { return sides_[0].empty() && sides_[1].empty(); }

    [[nodiscard]] std::optional<Price> best(Side side) const noexcept {
        if (ladder(side).empty()) return std::nullopt;
        return Ladder::price_of(side, ladder(side).best_rank());
    }

    /// Rests `quantity` at the tail of its level. `number` is the caller's number of this book, kept in the level. The
    /// caller then notes the returned level as the order's place.
    template <class Levels>
    [[nodiscard]] LevelId add(Levels& levels, std::uint16_t number, Side side, Price price, typename Levels::Key key,
                              Quantity quantity, std::uint32_t guess = Ladder::no_position) {
        const LevelId id = rungs(side).find_or_insert(
            Ladder::rank_of(side, price), levels.pool(), [&] { return levels.open(number, side, price); }, guess);
        levels.append(id, key, quantity);
        return id;
    }

    /// Takes `quantity` off a resting order, which keeps its place and something to fill.
    template <class Levels>
    static void reduce(Levels& levels, LevelId id, Quantity quantity) noexcept {
        levels[id].take(quantity);
    }

    /// The order `key` of level `id` is gone, with `left` of it unfilled. Its owner must have forgotten it already.
    template <class Levels, OrderOwner Orders>
    void remove(Levels& levels, LevelId id, typename Levels::Key key, Quantity left, const Orders& orders,
                std::uint32_t guess = Ladder::no_position) {
        if (levels.drop(id, key, left, orders)) return;
        const auto& level = levels[id];
        rungs(level.side).erase(Ladder::rank_of(level.side, level.price), guess);
        levels.close(id);
    }

    /// The best level of a side is empty: no order of it rests any more.
    template <class Levels>
    void pop_best(Levels& levels, Side side) noexcept {
        levels.close(ladder(side).best());
        rungs(side).pop_best();
    }

    /// The best levels of a side into `rows`, best first; how many.
    template <class Levels>
    std::size_t depth(const Levels& levels, Side side, std::span<LevelView> rows) const noexcept {
        const Ladder& rungs = ladder(side);
        const std::size_t count = std::min<std::size_t>(rows.size(), rungs.size());
        for (std::size_t i = 0; i < count; ++i) {
            const auto& level = levels[rungs[i]];
            rows[i] = {level.price, level.total(), level.count};
        }
        return count;
    }

    /// The best `depth` levels a side, best first.
    template <class Levels>
    [[nodiscard]] BookSnapshot snapshot(const Levels& levels, std::size_t depth) const {
        return {rows(levels, Side::buy, depth), rows(levels, Side::sell, depth)};
    }

    /// Calls `visit(key, level)` for every resting order of a side, best price first, then by arrival.
    template <class Levels, OrderOwner Orders, class Visit>
    void for_each_order(const Levels& levels, Side which, const Orders& orders, Visit&& visit) const {
        const Ladder& rungs = ladder(which);
        for (std::size_t i = 0; i < rungs.size(); ++i) {
            const LevelId id = rungs[i];
            const auto& level = levels[id];
            for (const auto key : level.entries()) {
                if (orders.level_of(key) == id) visit(key, level);
            }
        }
    }

    /// What rests before the order `key` at its own price. The order must rest.
    template <class Levels, OrderOwner Orders>
    [[nodiscard]] static Total queue_ahead(const Levels& levels, typename Levels::Key key, const Orders& orders) {
        const LevelId id = orders.level_of(key);
        Total ahead;
        for (const auto other : levels[id].entries()) {
            if (other == key) break;
            if (orders.level_of(other) == id) ahead += orders.quantity_of(other);
        }
        return ahead;
    }

  private:
    [[nodiscard]] Ladder& rungs(Side side) noexcept { return sides_[static_cast<std::size_t>(side)]; }

    template <class Levels>
    [[nodiscard]] std::vector<LevelView> rows(const Levels& levels, Side side, std::size_t count) const {
        std::vector<LevelView> rows(std::min<std::size_t>(count, ladder(side).size()));
        depth(levels, side, rows);
        return rows;
    }

    Ladder sides_[2];
};
using Book = BasicBook<Ladder>;
static_assert(sizeof(Book) == 32);

}  // namespace nanobook
