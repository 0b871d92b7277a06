// The exchange of a synthetic day: keeps the books, and writes the message of everything that happens to them.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <vector>

#include <nanobook/core/types.hpp>
#include <nanobook/detail/random.hpp>
#include <nanobook/detail/synthetic_book.hpp>
#include <nanobook/detail/synthetic_market.hpp>
#include <nanobook/itch/messages.hpp>

namespace nanobook::itch::synthetic {

/// `Sink` has `write(const Message&)` for every message.
template <class Sink>
class Venue {
  public:
    /// `messages` is what the day will have in all, `reserved` what the schedule will write of it.
    Venue(Sink& sink, std::uint64_t messages, std::uint64_t reserved, nanobook::detail::Random& random)
        : sink_(sink), random_(random), messages_(messages), reserved_(reserved) {
        // The first references of a day are small numbers, but not the smallest.
        for (std::size_t i = 0; i < next_ref_.size(); ++i) next_ref_[i] = 4096 + i;
    }

    std::uint64_t now = 0;  ///< nanoseconds since midnight; never set back

    [[nodiscard]] std::uint64_t written() const noexcept { return written_; }
    [[nodiscard]] std::uint64_t live() const noexcept { return live_; }

    /// Messages that may still be spent: not those of the schedule, and not the delete every live order will need. So
    /// an add costs two, a delete nothing, everything else that leaves the order alive one.
    [[nodiscard]] std::uint64_t budget() const noexcept { return messages_ - written_ - reserved_ - live_; }

    /// Gives `count` messages of the schedule free: to be called before they are written.
    void release(std::uint64_t count) noexcept { reserved_ -= count; }

    /// Fills in the header.
    template <class Message>
    void write(std::uint16_t locate, Message message, std::uint16_t tracking = 0) {
        message.type = Message::code;
        message.locate = locate;
        message.tracking = tracking;
        message.timestamp = now;
        sink_.write(message);
        ++written_;
    }

    Order& add(Symbol& symbol, Side side, Rank rank, std::uint32_t shares) {
        const std::uint64_t ref = take_ref(symbol);
        AddOrder message{};
        fill_add(message, symbol, side, rank, shares, ref);
        write(symbol.locate, message);
        return rest(symbol, side, rank, shares, ref);
    }

    Order& add_with_mpid(Symbol& symbol, Side side, Rank rank, std::uint32_t shares, std::string_view mpid) {
        const std::uint64_t ref = take_ref(symbol);
        AddOrderMpid message{};
        fill_add(message, symbol, side, rank, shares, ref);
        message.attribution = mpid;
        write(symbol.locate, message);
        return rest(symbol, side, rank, shares, ref);
    }

    void replace(Symbol& symbol, Order& order, Rank rank, std::uint32_t shares) {
        const std::uint64_t ref = take_ref(symbol);
        const Side side = order.side();
        OrderReplace message{};
        message.old_ref = order.ref;
        message.new_ref = ref;
        message.shares = shares;
        message.price = rank_of(side, rank);
        write(symbol.locate, message);
        erase(symbol, order);
        rest(symbol, side, rank, shares, ref);
    }

    /// Takes less than all.
    void cancel(Symbol& symbol, Order& order, std::uint32_t shares) {
        OrderCancel message{};
        message.ref = order.ref;
        message.shares = shares;
        write(symbol.locate, message);
        order.shares -= shares;
    }

    void remove(Symbol& symbol, Order& order) {
        OrderDelete message{};
        message.ref = order.ref;
        write(symbol.locate, message);
        erase(symbol, order);
    }

    void execute(Symbol& symbol, Order& order, std::uint32_t shares) {
        OrderExecuted message{};
        message.ref = order.ref;
        message.shares = shares;
        message.match = take_match(symbol);
        write(symbol.locate, message, trading_tracking());
        reduce(symbol, order, shares);
    }

    void execute_with_price(Symbol& symbol, Order& order, std::uint32_t shares, char printable, std::uint32_t price) {
        OrderExecutedWithPrice message{};
        message.ref = order.ref;
        message.shares = shares;
        message.match = take_match(symbol);
        message.printable = printable;
        message.price = price;
        write(symbol.locate, message, trading_tracking());
        reduce(symbol, order, shares);
    }

    /// Against an order nobody saw.
    void trade_hidden(Symbol& symbol, std::uint32_t shares, std::uint32_t price) {
        Trade message{};
        message.ref = 0;
        message.side = 'B';
        message.shares = shares;
        message.stock = symbol.stock;
        message.price = price;
        message.match = take_match(symbol);
        write(symbol.locate, message, trading_tracking());
        last_hidden_ = last_match_;
    }

    /// Executes the displayed orders that take part in an auction, then prints the auction. The counterparties are
    /// orders for the auction only, which the feed never shows: so each displayed share is a share of the auction.
    /// A crossed book is uncrossed; of any other, up to `participants` orders of one side's best price take part.
    void cross(Symbol& symbol, char cross_type, std::uint32_t participants) {
        Book& book = symbol.book;
        std::uint64_t crossed = 0;
        std::uint32_t price = 0;
        const auto take = [&](Side side, std::uint32_t share_of_256) {
            Order& order = book.front(side, book.rank(side, 0));
            // A part of an order costs a message more than the whole of it.
            const bool part = share_of_256 < 256 && order.shares > 1 && budget() != 0;
            const std::uint32_t shares = part ? 1 + ((order.shares - 1) * share_of_256 >> 8) : order.shares;
            crossed += shares;
            execute_with_price(symbol, order, shares, 'N', price);
        };
        if (book.has(Side::buy) && book.has(Side::sell) && book.best_price(Side::buy) >= book.best_price(Side::sell)) {
            price = (book.best_price(Side::buy) + book.best_price(Side::sell)) / 2;
            price -= price % symbol.tick;
            while (book.has(Side::buy) && book.best_price(Side::buy) >= price) take(Side::buy, 256);
            while (book.has(Side::sell) && book.best_price(Side::sell) <= price) take(Side::sell, 256);
        } else if (participants != 0) {
            Side side = random_.once_in(2) ? Side::buy : Side::sell;
            if (!book.has(side)) side = opposite(side);
            if (book.has(side) && book.rank(side, 0) != symbol.stub_rank(side)) {
                price = book.best_price(side);
                for (; participants != 0 && book.has(side) && book.best_price(side) == price; --participants) {
                    take(side, participants == 1 ? random_.below(257) : 256);
                }
            }
        }
        CrossTrade message{};
        message.shares = crossed;
        message.stock = symbol.stock;
        message.price = price;
        message.match = take_match(symbol);
        message.cross_type = cross_type;
        write(symbol.locate, message);
    }

    /// Takes back the last hidden trade or, on a day too short to have one yet, the last print of any kind.
    void break_trade() {
        const Match broken = last_hidden_.number != 0 ? last_hidden_ : last_match_;
        BrokenTrade message{};
        message.match = broken.number;
        write(broken.locate, message);
    }

  private:
    struct Match {
        std::uint64_t number;
        std::uint16_t locate;
    };

    template <class Message>
    static void fill_add(Message& message, const Symbol& symbol, Side side, Rank rank, std::uint32_t shares,
                         std::uint64_t ref) {
        message.ref = ref;
        message.side = side == Side::buy ? 'B' : 'S';
        message.shares = shares;
        message.stock = symbol.stock;
        message.price = rank_of(side, rank);
    }

    Order& rest(Symbol& symbol, Side side, Rank rank, std::uint32_t shares, std::uint64_t ref) noexcept {
        ++live_;
        return symbol.book.add(side, rank, shares, ref);
    }

    void erase(Symbol& symbol, Order& order) noexcept {
        --live_;
        symbol.book.remove(order);
    }

    void reduce(Symbol& symbol, Order& order, std::uint32_t shares) noexcept {
        order.shares -= shares;
        if (order.shares == 0) erase(symbol, order);
    }

    // A partition of Nasdaq's matching serves a quarter of the symbols and numbers its orders in steps of four. Orders
    // that never rested leave holes.
    std::uint64_t take_ref(const Symbol& symbol) noexcept {
        std::uint64_t& next = next_ref_[symbol.locate % 4];
        const std::uint64_t bits = random_.next();
        next += bits % 4 != 0 ? 4 : 4 * (1 + (bits >> 8) % 4);
        return next;
    }

    std::uint64_t take_match(const Symbol& symbol) noexcept {
        last_match_ = {last_match_.number + 1 + random_.below(2), symbol.locate};
        return last_match_.number;
    }

    std::uint16_t trading_tracking() noexcept { return static_cast<std::uint16_t>(2 + 2 * random_.below(4)); }

    Sink& sink_;
    nanobook::detail::Random& random_;
    std::uint64_t messages_;
    std::uint64_t reserved_;
    std::uint64_t written_ = 0;
    std::uint64_t live_ = 0;
    Match last_match_{16'384, 0};
    Match last_hidden_{0, 0};
    std::array<std::uint64_t, 4> next_ref_;
};

}  // namespace nanobook::itch::synthetic
