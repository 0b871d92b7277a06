// A synthetic day from its first message to its last: the directory, the timetable and the flow between.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include <nanobook/core/types.hpp>
#include <nanobook/detail/memory.hpp>
#include <nanobook/detail/random.hpp>
#include <nanobook/detail/synthetic_book.hpp>
#include <nanobook/detail/synthetic_bulletins.hpp>
#include <nanobook/detail/synthetic_flow.hpp>
#include <nanobook/detail/synthetic_market.hpp>
#include <nanobook/detail/synthetic_program.hpp>
#include <nanobook/detail/synthetic_venue.hpp>

namespace nanobook::itch::synthetic {

/// Messages of the directory, for each symbol: R, H, Y.
inline constexpr std::uint64_t directory_messages = 3;

template <class Sink>
class Session {
  public:
    using Progress = std::function<bool(std::uint64_t, std::uint64_t)>;

    /// `messages` is at least what `program` and the directory need.
    Session(Sink& sink, std::uint64_t messages, std::uint32_t symbols, std::uint64_t seed, Program program,
            const Progress& progress)
        : random_(seed),
          program_(std::move(program)),
          market_(symbols, messages, program_, random_),
          venue_(sink, messages, program_.messages + directory_messages * symbols, random_),
          flow_(venue_, random_),
          bulletins_(venue_, random_),
          messages_(messages),
          progress_(progress) {}

    /// False where the caller's progress function ended it.
    bool run() {
        run_events(clock_time(3, 4));
        advance(clock_time(3, 5));
        publish_directory();

        const std::uint64_t budget = venue_.budget();
        std::uint64_t share = 0;
        for (const Stretch& stretch : stretches) {
            if (stretch.begin == clock_time(16, 5)) {
                run_events(clock_time(16, 0, 10));
                advance(clock_time(16, 0, 10));
                if (!remove_day_orders()) return false;
            }
            run_events(stretch.begin);
            advance(stretch.begin);
            share += stretch.share;
            // In two steps, so that a day of any length fits the integer.
            const std::uint64_t spent = budget / 10'000 * share + budget % 10'000 * share / 10'000;
            if (!run_flow(stretch.end, budget - spent)) return false;
        }
        run_events(clock_time(20));
        advance(clock_time(20));
        if (!remove_orders(minute * 4, [](const Order&) { return true; })) return false;
        run_events(clock_time(24));
        return !progress_ || progress_(venue_.written(), messages_);
    }

  private:
    static constexpr std::uint64_t report_interval = std::uint64_t{1} << 16;

    static constexpr std::size_t turns_ahead = 16;

    struct Turn {
        std::uint32_t symbol;
        std::uint32_t age;
    };

    void advance(std::uint64_t time) noexcept { venue_.now = std::max(venue_.now, time); }

    // Asks the caller now and then.
    bool report() {
        if (!progress_ || venue_.written() < next_report_) return true;
        next_report_ = venue_.written() + report_interval;
        return progress_(venue_.written(), messages_);
    }

    void publish_directory() {
        for (const std::uint32_t i : market_.by_locate) {
            Symbol& symbol = market_.symbols[i];
            const bool ipo = program_.is_ipo(i);
            venue_.now += 1'000 + random_.below(20'000);
            venue_.release(directory_messages);
            bulletins_.directory(symbol, market_.listings[i], i < 1'000, ipo);
            venue_.now += random_.below(2'000);
            bulletins_.trading_action(symbol, symbol.state, ipo ? "IPO1" : "");
            bulletins_.short_sale_restriction(symbol);
        }
        // As far as the day can spare them.
        const std::size_t symbols = market_.symbols.size();
        const std::uint64_t positions = std::min<std::uint64_t>(2 * symbols, venue_.budget() / 64);
        advance(clock_time(3, 40));
        for (std::uint64_t n = 0; n < positions; ++n) {
            venue_.now += 500 + random_.below(4'000);
            bulletins_.position(market_.symbols[market_.by_locate[n * symbols / positions]]);
        }
    }

    // Who comes next, drawn ahead so that memory has time to answer: first the symbol, then what the symbol points to.
    // Flow clusters: a message is often followed by another of its symbol.
    void step() {
        Turn& turn = turns_[turn_ % turns_ahead];
        const Turn now = turn;
        turn.symbol =
            random_.once_in(5) ? turns_[(turn_ + turns_ahead - 1) % turns_ahead].symbol : market_.draw(random_);
        turn.age = flow_.draw_age();
        nanobook::detail::prefetch(&market_.symbols[turn.symbol]);
        const Turn& soon = turns_[(turn_ + turns_ahead / 2) % turns_ahead];
        market_.symbols[soon.symbol].book.prefetch(soon.age);
        ++turn_;
        flow_.step(market_.symbols[now.symbol], now.age);
    }

    // Messages until `end`, or rather until the budget is down to `rest`: the time between two follows from what is
    // left of both. Three gaps of four are short, the fourth long, because real messages come in bursts.
    bool run_flow(std::uint64_t end, std::uint64_t rest) {
        flow_.phase.market_hours = venue_.now >= clock_time(9, 30) && venue_.now < clock_time(16);
        flow_.phase.before_open = end == clock_time(9, 30);
        flow_.phase.imbalance = flow_.phase.before_open                                ? 'O'
                                : flow_.phase.market_hours && end > clock_time(15, 50) ? 'C'
                                                                                       : ' ';
        std::uint64_t mean = 0;
        for (std::uint32_t n = 0; venue_.budget() > rest; ++n) {
            if (n % 32 == 0) mean = (end - std::min(end, venue_.now)) / (venue_.budget() - rest);
            const std::uint64_t draw = random_.next();
            const std::uint64_t gap = mean * (draw >> 48) >> 16;
            const std::uint64_t time = venue_.now + (draw % 4 != 0 ? gap / 2 : 6 * gap + gap / 2);
            run_events(std::min(time, end - 1));
            if (venue_.budget() <= rest) break;
            advance(std::min(time, end - 1));
            step();
            if (!report()) return false;
        }
        return true;
    }

    // Spread over `span` at most.
    template <class Which>
    bool remove_orders(std::uint64_t span, Which&& which) {
        const std::uint64_t gap = std::min<std::uint64_t>(3'000, span / (venue_.live() + 1));
        for (const std::uint32_t i : market_.by_locate) {
            for (Order& order : market_.symbols[i].book.orders()) {
                if (!order.live() || !which(order)) continue;
                venue_.now += gap;
                venue_.remove(market_.symbols[i], order);
                if (!report()) return false;
            }
        }
        return true;
    }

    // Most orders are good until the close only, and few come after it.
    bool remove_day_orders() {
        for (Symbol& symbol : market_.symbols) symbol.target = std::max(4U, symbol.target / 8);
        return remove_orders(4 * minute, [](const Order& order) { return order.ref / 4 % 8 != 0; });
    }

    void run_events(std::uint64_t until) {
        for (; next_event_ < program_.events.size() && program_.events[next_event_].time <= until; ++next_event_) {
            const Event& event = program_.events[next_event_];
            advance(event.time);
            venue_.release(event.what == Happening::showcase ? showcase_cost : 1);
            run(event, market_.symbols[event.symbol]);
        }
    }

    void run(const Event& event, Symbol& symbol) {
        switch (event.what) {
            case Happening::system_event: return bulletins_.system_event(event.detail);
            case Happening::decline_levels: return bulletins_.decline_levels();
            case Happening::decline_status: return bulletins_.decline_status(event.detail);
            case Happening::trading_action: return bulletins_.trading_action(symbol, event.detail, event.reason);
            case Happening::market_maker: return bulletins_.position(symbol);
            case Happening::auction_collar: return bulletins_.auction_collar(symbol);
            case Happening::imbalance: return flow_.publish_imbalance(symbol, event.detail);
            case Happening::cross:
                // The busier the book, the more of it takes part; of the quietest nothing does.
                return venue_.cross(symbol, event.detail, random_.below(1 + std::min(symbol.book.live() / 6, 16U)));
            case Happening::ipo_quoting: return bulletins_.ipo_quoting(symbol, event.detail);
            case Happening::direct_listing: return bulletins_.direct_listing(symbol);
            case Happening::operational_halt: return bulletins_.operational_halt(symbol, event.detail);
            case Happening::broken_trade: return venue_.break_trade();
            case Happening::showcase: return run_showcase(symbol);
        }
    }

    // At the worst allowed price, where the bids do not meet the asks: the types matter here, not the market. Each line
    // of it is in `showcase_cost`.
    void run_showcase(Symbol& symbol) {
        Book& book = symbol.book;
        while (book.full() || book.full(Side::buy)) venue_.remove(symbol, book.aged(0));
        const Rank rank = symbol.worst_rank(Side::buy);
        venue_.add(symbol, Side::buy, rank, 300);
        Order& named = venue_.add_with_mpid(symbol, Side::buy, rank, 300, "NITE");
        venue_.replace(symbol, named, rank, 400);
        venue_.cancel(symbol, book.aged(0), 100);
        Order& first = book.front(Side::buy, book.rank(Side::buy, 0));
        venue_.execute(symbol, first, first.shares);
        Order& next = book.front(Side::buy, book.rank(Side::buy, 0));
        venue_.execute_with_price(symbol, next, std::min(next.shares, 100U), 'Y', symbol.fair);
        flow_.trade_hidden(symbol);
        flow_.publish_imbalance(symbol, 'O');
        flow_.publish_retail_interest(symbol);
    }

    nanobook::detail::Random random_;
    Program program_;
    Market market_;
    Venue<Sink> venue_;
    Flow<Sink> flow_;
    Bulletins<Sink> bulletins_;
    std::uint64_t messages_;
    const Progress& progress_;
    std::uint64_t next_report_ = report_interval;
    std::size_t next_event_ = 0;
    std::array<Turn, turns_ahead> turns_{};
    std::size_t turn_ = 0;
};

}  // namespace nanobook::itch::synthetic
