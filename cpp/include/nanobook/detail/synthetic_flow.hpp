// What the participants of a synthetic day do: one message at a time, drawn to the mix of a real day.
#pragma once

#include <algorithm>
#include <cstdint>

#include <nanobook/core/types.hpp>
#include <nanobook/detail/random.hpp>
#include <nanobook/detail/synthetic_book.hpp>
#include <nanobook/detail/synthetic_bulletins.hpp>
#include <nanobook/detail/synthetic_market.hpp>
#include <nanobook/detail/synthetic_venue.hpp>
#include <nanobook/itch/messages.hpp>

namespace nanobook::itch::synthetic {

/// How the time of day shapes the flow.
struct FlowPhase {
    char imbalance = ' ';  ///< the auction whose imbalance is published now: O C, or space for none
    bool market_hours = false;
    bool before_open = false;  ///< the minutes in which some books may be crossed
};

template <class Sink>
class Flow {
  public:
    Flow(Venue<Sink>& venue, nanobook::detail::Random& random) : venue_(venue), random_(random) {}

    FlowPhase phase;

    /// The age, in arrivals, of the order that a delete, cancel or replace will concern. Spread over powers of two:
    /// half of the orders touched are young, and some are as old as the day.
    std::uint32_t draw_age() noexcept {
        const std::uint32_t bits = random_.below(20) / 2;
        return random_.below(2U << bits);
    }

    /// Writes one message of the symbol, about an order of that age if about one. There must be budget for a message.
    void step(Symbol& symbol, std::uint32_t age) {
        age_ = age;
        move_fair_price(symbol);
        if (phase.imbalance != ' ' && random_.once_in(12)) return publish_imbalance(symbol, phase.imbalance);
        // Of 65,536: U 8 %, E and C 2 %, X 1.1 %, P 1 %, N; the rest is A and D.
        std::uint32_t draw = random_.below(65'536);
        const auto drawn = [&draw](std::uint32_t share) {
            if (draw < share) return true;
            draw -= share;
            return false;
        };
        const bool any = symbol.book.live() != 0;
        if (drawn(5'300)) return any ? replace(symbol) : add_or_remove(symbol);
        if (drawn(1'340)) return symbol.trades() && any ? execute(symbol) : add_or_remove(symbol);
        if (drawn(700)) return any ? cancel(symbol) : add_or_remove(symbol);
        if (drawn(650)) return symbol.trades() ? trade_hidden(symbol) : add_or_remove(symbol);
        if (drawn(40) && phase.market_hours) return publish_retail_interest(symbol);
        add_or_remove(symbol);
    }

    void add(Symbol& symbol) {
        const Side side = thinner_side(symbol);
        const Rank rank =
            random_.once_in(1'024) && !symbol.book.full(side) ? symbol.stub_rank(side) : choose_rank(symbol, side);
        if (rank == 0) return trade_hidden(symbol);
        const std::uint32_t shares = choose_shares(symbol);
        if (random_.once_in(96)) {
            venue_.add_with_mpid(symbol, side, rank, shares, market_makers[random_.below(8)]);
        } else {
            venue_.add(symbol, side, rank, shares);
        }
    }

    void replace(Symbol& symbol) {
        Order& order = choose_order(symbol);
        const Side side = order.side();
        // Half of them keep the price and change the size.
        const Rank rank = random_.once_in(2) ? order.rank() : choose_rank(symbol, side);
        venue_.replace(symbol, order, rank != 0 ? rank : order.rank(), choose_shares(symbol));
    }

    void execute(Symbol& symbol) {
        Book& book = symbol.book;
        // Aggressors take the side that the fair price presses against.
        Side side = random_.once_in(2) ? Side::buy : Side::sell;
        if (book.has(Side::sell) && symbol.fair >= book.best_price(Side::sell)) side = Side::sell;
        if (book.has(Side::buy) && symbol.fair < book.best_price(Side::buy)) side = Side::buy;
        if (!book.has(side)) side = opposite(side);
        const Rank best = book.rank(side, 0);
        if (best == symbol.stub_rank(side)) return add_or_remove(symbol);
        // Real feeds leave the order of the queue in one or two of a thousand cases.
        Order& order = random_.once_in(600) ? book.back(side, best) : book.front(side, best);
        const std::uint32_t shares =
            order.shares == 1 || random_.below(16) < 10 ? order.shares : 1 + random_.below(order.shares - 1);
        if (random_.once_in(64)) {
            venue_.execute_with_price(symbol, order, shares, 'Y', middle_price(symbol));
        } else {
            venue_.execute(symbol, order, shares);
        }
    }

    void cancel(Symbol& symbol) {
        Order& order = choose_order(symbol);
        if (order.shares == 1) return venue_.remove(symbol, order);
        // In round lots where there are enough of them.
        std::uint32_t shares = 1 + random_.below(order.shares - 1);
        if (shares > 100) shares -= shares % 100;
        venue_.cancel(symbol, order, shares);
    }

    void trade_hidden(Symbol& symbol) {
        // A symbol that does not trade has a message to spend all the same.
        if (!symbol.trades()) return publish_retail_interest(symbol);
        venue_.trade_hidden(symbol, choose_shares(symbol), middle_price(symbol));
    }

    void publish_imbalance(Symbol& symbol, char cross_type) {
        static constexpr char directions[] = {'B', 'S', 'N', 'O'};
        const std::uint32_t reference = middle_price(symbol);
        Noii message{};
        message.paired = std::uint64_t{100} * random_.below(4'000);
        message.direction = directions[random_.below(4)];
        const bool imbalanced = message.direction == 'B' || message.direction == 'S';
        message.imbalance = imbalanced ? 100 * (1U + random_.below(400)) : 0;
        message.stock = symbol.stock;
        message.far = reference + random_.below(4) * symbol.tick;
        message.near = reference + random_.below(2) * symbol.tick;
        message.reference = reference;
        message.cross_type = cross_type;
        message.variation = 'L';
        venue_.write(symbol.locate, message);
    }

    void publish_retail_interest(Symbol& symbol) {
        static constexpr char interests[] = {'B', 'S', 'A', 'N'};
        RetailPriceImprovement message{};
        message.stock = symbol.stock;
        message.interest = interests[random_.below(4)];
        venue_.write(symbol.locate, message);
    }

    /// Half way between the best prices; on a half tick where it falls there, as hidden midpoint orders trade.
    [[nodiscard]] std::uint32_t middle_price(const Symbol& symbol) const noexcept {
        const Book& book = symbol.book;
        if (!book.has(Side::buy) || !book.has(Side::sell) || is_stub(symbol, Side::buy, 0) ||
            is_stub(symbol, Side::sell, 0)) {
            return symbol.fair;
        }
        return (book.best_price(Side::buy) + book.best_price(Side::sell)) / 2;
    }

    [[nodiscard]] std::uint32_t choose_shares(const Symbol& symbol) noexcept {
        const std::uint32_t draw = random_.below(256);
        if (symbol.small_lots) return draw < 96 ? 100 : 1 + random_.below(60);
        if (draw < 130) return 100;
        if (draw < 180) return 100 * (2 + random_.below(9));
        if (draw < 236) return 1 + random_.below(99);
        if (draw < 250) return 101 + random_.below(900);
        return 1'000 * (1 + random_.below(10));
    }

  private:
    static bool is_stub(const Symbol& symbol, Side side, std::uint32_t n) noexcept {
        return symbol.book.rank(side, n) == symbol.stub_rank(side);
    }

    void add_or_remove(Symbol& symbol) {
        const Book& book = symbol.book;
        const bool wanted = book.live() < symbol.target;
        bool grow = random_.below(256) < (wanted ? 145U : 113U);
        if (book.live() == 0) grow = true;
        if (book.full()) grow = false;
        // An add needs its delete too; with one message left, a hidden trade spends it.
        if (!grow) return venue_.remove(symbol, choose_order(symbol));
        if (venue_.budget() < 2) return trade_hidden(symbol);
        add(symbol);
    }

    // A random walk, which the best prices follow.
    void move_fair_price(Symbol& symbol) noexcept {
        const std::uint64_t bits = random_.next();
        if (bits % 64 != 0) return;
        const std::uint32_t low = symbol.tick == 1 ? 500 : 12'000;
        const std::uint32_t high = symbol.tick == 1 ? 8'500 : 1'500'000'000;
        const std::uint32_t step = symbol.tick * (1 + (static_cast<std::uint32_t>(bits >> 16) % symbol.spacing));
        if ((bits >> 8) % 2 != 0) {
            if (symbol.fair + step <= high) symbol.fair += step;
        } else if (symbol.fair >= low + step) {
            symbol.fair -= step;
        }
    }

    Side thinner_side(const Symbol& symbol) noexcept {
        const std::uint32_t bids = symbol.book.live(Side::buy);
        const std::uint32_t asks = symbol.book.live(Side::sell);
        if (bids > asks + asks / 2) return Side::sell;
        if (asks > bids + bids / 2) return Side::buy;
        return random_.once_in(2) ? Side::buy : Side::sell;
    }

    Order& choose_order(const Symbol& symbol) noexcept { return symbol.book.aged(age_); }

    // How many better levels an order to come will have above it: none or one for half of them, up to eight for three
    // quarters, and a tail as long as a busy book is deep.
    std::uint32_t choose_depth() noexcept {
        const std::uint32_t draw = random_.below(256);
        if (draw < 72) return 0;
        if (draw < 128) return 1;
        if (draw < 182) return 2 + random_.below(7);
        return 9 + random_.below(72);
    }

    // 0 where there is none that would keep the book in order.
    Rank choose_rank(const Symbol& symbol, Side side) noexcept {
        const Book& book = symbol.book;
        const std::uint32_t tick = symbol.tick;
        const Rank fair = side == Side::buy ? symbol.fair : rank_of(side, symbol.fair + tick);
        Rank limit = fair;
        if (book.has(opposite(side))) {
            const Rank touch = rank_of(side, book.best_price(opposite(side)));
            limit = std::min(limit, touch - tick);
            // Before a cross a few orders go through the other side's best price.
            const bool may_cross = symbol.state == 'Q' || (symbol.crosses_early && phase.before_open);
            if (may_cross && random_.once_in(4)) limit = std::min(touch, fair) + random_.below(4) * tick;
        }
        const Rank worst = symbol.worst_rank(side);
        if (limit < worst) return 0;

        std::uint32_t levels = book.levels(side);
        if (levels != 0 && is_stub(symbol, side, levels - 1)) --levels;
        if (levels == 0) return std::max(worst, limit - std::min(limit, random_.below(4) * symbol.spacing * tick));

        const std::uint32_t depth = std::min(choose_depth(), levels);
        const bool open = !book.full(side) && (depth == levels || random_.below(256) < 54);
        if (open) {
            // Between the level and the better one before it; with none, between the best and the limit.
            const Rank before = depth != 0 ? book.rank(side, depth - 1) : limit + tick;
            const Rank behind = depth != levels ? std::min(book.rank(side, depth), before) : 0;
            const std::uint32_t vacant = (before - behind) / tick;
            if (vacant > 1) {
                const std::uint32_t away = tick * (1 + random_.below(std::min(vacant - 1, 2 * symbol.spacing)));
                if (before >= worst + away) return before - away;
            }
        }
        return book.rank(side, std::min(depth, levels - 1));
    }

    Venue<Sink>& venue_;
    nanobook::detail::Random& random_;
    std::uint32_t age_ = 0;
};

}  // namespace nanobook::itch::synthetic
