// The symbols of a synthetic day: how active they are, and the room their books need.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <nanobook/core/types.hpp>
#include <nanobook/detail/alias_table.hpp>
#include <nanobook/detail/random.hpp>
#include <nanobook/detail/synthetic_book.hpp>
#include <nanobook/detail/synthetic_listing.hpp>
#include <nanobook/detail/synthetic_program.hpp>
#include <nanobook/itch/wire.hpp>

namespace nanobook::itch::synthetic {

struct Symbol {
    explicit Symbol(const Book& empty) noexcept : book(empty) {}

    Book book;
    std::uint32_t
        fair;  ///< what the market thinks the symbol is worth: a price on its tick; bids at or below, asks above
    std::uint32_t tick = 0;
    std::uint32_t spacing = 0;  ///< ticks between levels: wide where the price is high
    std::uint32_t target = 0;   ///< live orders the book tends to
    std::uint16_t locate = 0;
    char state = 'T';
    bool small_lots = false;     ///< dear stocks trade by the share
    bool crosses_early = false;  ///< its book may be crossed in the minutes before the opening cross
    Text<8> stock{};

    [[nodiscard]] bool trades() const noexcept { return state == 'T'; }

    /// Where bids and asks may not go, as ranks: a sub-dollar stock stays one, because its tick would change.
    [[nodiscard]] Rank worst_rank(Side side) const noexcept {
        if (side == Side::buy) return tick == 1 ? 1 : 10'000;
        return rank_of(side, tick == 1 ? 9'999 : 1'900'000'000);
    }
    /// The price of an order that nobody means to be met.
    [[nodiscard]] Rank stub_rank(Side side) const noexcept {
        return rank_of(side, side == Side::sell ? 1'999'999'900 : tick);
    }
};

class Market {
  public:
    /// `messages` decide how much the books will hold.
    Market(std::uint32_t count, std::uint64_t messages, const Program& program, nanobook::detail::Random& random)
        : listings(list_securities(count, random)), activity_(weights(count)) {
        std::uint64_t total = 0;
        for (std::uint32_t i = 0; i < count; ++i) total += weight(i);

        // A book holds at most what a real one of its activity does, however long the day.
        std::vector<std::uint32_t> targets;
        std::size_t orders = 0;
        std::size_t levels = 0;
        for (std::uint32_t i = 0; i < count; ++i) {
            const std::uint64_t expected = messages / total * weight(i) + messages % total * weight(i) / total;
            targets.push_back(static_cast<std::uint32_t>(std::clamp<std::uint64_t>(expected / 96, 4, 600)));
            orders += order_room(targets.back());
            levels += 2 * level_room(targets.back());
        }
        orders_.resize(orders);
        levels_.resize(levels);

        std::span<Order> free_orders = orders_;
        std::span<Level> free_levels = levels_;
        const auto take = [](auto& from, std::size_t n) {
            const auto part = from.first(n);
            from = from.subspan(n);
            return part;
        };
        symbols.reserve(count);
        for (std::uint32_t i = 0; i < count; ++i) {
            const std::uint32_t price = listings[i].price;
            const auto room = take(free_orders, order_room(targets[i]));
            const auto bids = take(free_levels, level_room(targets[i]));
            const auto asks = take(free_levels, level_room(targets[i]));
            Symbol& symbol = symbols.emplace_back(Book(room, bids, asks));
            symbol.fair = price;
            symbol.tick = tick_of(price);
            symbol.spacing = spacing(price, targets[i]);
            symbol.target = targets[i];
            symbol.small_lots = price > 5'000'000;
            symbol.stock = listings[i].ticker;
            symbol.crosses_early = crosses_early(i) && !program.is_ipo(i);
            if (program.is_ipo(i)) symbol.state = 'H';
        }

        by_locate.resize(count);
        std::iota(by_locate.begin(), by_locate.end(), 0U);
        std::sort(by_locate.begin(), by_locate.end(),
                  [this](std::uint32_t a, std::uint32_t b) { return listings[a].ticker < listings[b].ticker; });
        for (std::uint32_t i = 0; i < count; ++i) symbols[by_locate[i]].locate = static_cast<std::uint16_t>(i + 1);
    }

    // The symbols point into the storage.
    Market(const Market&) = delete;
    Market& operator=(const Market&) = delete;

    std::vector<Listing> listings;
    std::vector<Symbol> symbols;           ///< the busiest first, as `listings`
    std::vector<std::uint32_t> by_locate;  ///< into both; the day's locates follow the alphabet, not the activity

    /// The symbol that acts next.
    [[nodiscard]] std::uint32_t draw(nanobook::detail::Random& random) const noexcept { return activity_.draw(random); }

  private:
    // The busiest symbol of 8,000 has somewhat more than a hundredth of all messages, the last a fifty-thousandth.
    static std::uint32_t weight(std::uint32_t symbol) noexcept { return (std::uint32_t{12} << 20) / (symbol + 12); }

    static std::vector<std::uint32_t> weights(std::uint32_t count) {
        std::vector<std::uint32_t> result;
        for (std::uint32_t i = 0; i < count; ++i) result.push_back(weight(i));
        return result;
    }

    static std::uint32_t spacing(std::uint32_t price, std::uint32_t target) noexcept {
        const std::uint32_t ticks = price >= 10'000'000 ? 25 : price >= 2'000'000 ? 3 : price >= 10'000 ? 1 : 5;
        return target < 16 ? 4 * ticks : ticks;
    }

    // Room for the tombstones too: see Book.
    static std::size_t order_room(std::uint32_t target) noexcept { return 3 * std::size_t{target} + 32; }
    static std::size_t level_room(std::uint32_t target) noexcept { return std::clamp<std::size_t>(target, 16, 112); }

    nanobook::detail::AliasTable activity_;
    std::vector<Order> orders_;
    std::vector<Level> levels_;
};

}  // namespace nanobook::itch::synthetic
