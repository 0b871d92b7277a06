// What each message means for a book, written from the specification alone, over the naive book. Slow, and meant to be
// right at a glance.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/replay.hpp>

#include "compare_books.hpp"
#include "reference_book.hpp"

namespace nanobook::test {

class NaiveReplay {
  public:
    struct Day {
        ReferenceBook book;
        std::string symbol;
        std::uint64_t volume = 0;
        std::uint64_t last_price = 0;
        std::uint64_t trades = 0;
        char state = ' ';
    };

    void apply(const itch::Header& message) {
        itch::visit(message, [this](const auto& m) { on(m); });
    }

    [[nodiscard]] const std::map<std::uint16_t, Day>& days() const { return days_; }
    [[nodiscard]] const Day& day(std::uint16_t locate) const { return days_.at(locate); }
    [[nodiscard]] std::uint64_t count(itch::Oddity oddity) const {
        const auto found = odd_.find(oddity);
        return found != odd_.end() ? found->second : 0;
    }
    [[nodiscard]] std::uint64_t out_of_order() const { return out_of_order_; }
    [[nodiscard]] std::size_t live_orders() const { return resting_.size(); }
    [[nodiscard]] std::vector<std::uint64_t> refs() const {
        std::vector<std::uint64_t> refs;
        for (const auto& [ref, order] : resting_) refs.push_back(ref);
        return refs;
    }

  private:
    using Oddity = itch::Oddity;

    struct Resting {
        std::uint16_t locate;
        ReferenceBook::Side side;
    };
    struct Execution {
        std::uint64_t match;
        std::uint16_t locate;
        std::uint64_t shares;  // in the volume
    };

    void on(const itch::Header&) {}

    // A blank names nothing.
    void on(const itch::StockDirectory& m) {
        Day& day = days_[m.locate];
        if (const std::string symbol = text_of(m.stock); !symbol.empty()) day.symbol = symbol;
    }
    void on(const itch::TradingAction& m) { named(m).state = m.state; }
    void on(const itch::AddOrder& m) { add(m); }
    void on(const itch::AddOrderMpid& m) { add(m); }

    void on(const itch::OrderExecuted& m) {
        if (!knows(m, m.ref)) return;
        const Resting order = resting_.at(m.ref);
        if (book_of(order).queue_ahead(m.ref) != 0) ++out_of_order_;
        const auto price = price_of(m.ref);
        print(order.locate, price, take_off(m.ref, m.shares), m.match, true);
    }

    void on(const itch::OrderExecutedWithPrice& m) {
        if (!knows(m, m.ref)) return;
        const Resting order = resting_.at(m.ref);
        print(order.locate, m.price, take_off(m.ref, m.shares), m.match, m.printable == 'Y');
    }

    void on(const itch::OrderCancel& m) {
        if (knows(m, m.ref)) take_off(m.ref, m.shares);
    }

    void on(const itch::OrderDelete& m) {
        if (knows(m, m.ref)) erase(m.ref);
    }

    void on(const itch::OrderReplace& m) {
        if (!knows(m, m.old_ref)) return;
        const Resting order = resting_.at(m.old_ref);
        erase(m.old_ref);
        rest(m.new_ref, order, m.price, m.shares);
    }

    void on(const itch::Trade& m) {
        named(m);
        print(m.locate, m.price, m.shares, m.match, true);
    }

    void on(const itch::CrossTrade& m) {
        named(m);
        print(m.locate, m.price, m.shares, m.match, true);
    }

    void on(const itch::BrokenTrade& m) {
        // One in the volume first: a cross gives its number to each order in it.
        auto found = std::find_if(executions_.rbegin(), executions_.rend(), [&](const Execution& execution) {
            return execution.match == m.match && execution.shares > 0;
        });
        if (found == executions_.rend()) {
            found = std::find_if(executions_.rbegin(), executions_.rend(),
                                 [&](const Execution& execution) { return execution.match == m.match; });
        }
        if (found == executions_.rend()) {
            ++odd_[Oddity::unknown_match];
            return;
        }
        if (found->locate != m.locate) ++odd_[Oddity::locate_mismatch];
        Day& day = days_.at(found->locate);
        day.volume -= std::min(found->shares, day.volume);
        if (found->shares > 0) --day.trades;
        executions_.erase(std::next(found).base());
    }

    template <class Add>
    void add(const Add& m) {
        named(m);
        if (m.side != 'B' && m.side != 'S') {
            ++odd_[Oddity::invalid_side];
            return;
        }
        rest(m.ref, {m.locate, m.side == 'B' ? ReferenceBook::Side::buy : ReferenceBook::Side::sell}, m.price,
             m.shares);
    }

    void rest(std::uint64_t ref, const Resting& order, std::uint32_t price, std::uint32_t shares) {
        if (shares == 0) {
            ++odd_[Oddity::zero_quantity];
        } else if (resting_.contains(ref)) {
            ++odd_[Oddity::duplicate_reference];
        } else {
            days_.at(order.locate).book.add(order.side, price, ref, shares);
            resting_[ref] = order;
        }
    }

    bool knows(const itch::Header& m, std::uint64_t ref) {
        const auto found = resting_.find(ref);
        if (found == resting_.end()) {
            ++odd_[Oddity::unknown_reference];
            return false;
        }
        if (found->second.locate != m.locate) ++odd_[Oddity::locate_mismatch];
        return true;
    }

    std::uint64_t take_off(std::uint64_t ref, std::uint64_t shares) {
        ReferenceBook& book = days_.at(resting_.at(ref).locate).book;
        const std::uint64_t taken = book.reduce(ref, shares);
        if (taken < shares) ++odd_[Oddity::over_execution];
        if (!book.contains(ref)) resting_.erase(ref);
        return taken;
    }

    void erase(std::uint64_t ref) {
        days_.at(resting_.at(ref).locate).book.remove(ref);
        resting_.erase(ref);
    }

    void print(std::uint16_t locate, std::uint64_t price, std::uint64_t shares, std::uint64_t match, bool printable) {
        if (!printable) shares = 0;
        executions_.push_back({match, locate, shares});
        if (shares == 0) return;
        Day& day = days_.at(locate);
        day.volume += std::min(shares, ~day.volume);  // absurd sums stop at the greatest
        day.last_price = price;
        ++day.trades;
    }

    // A zero ends the text, as in the engine's symbols.
    static std::string text_of(std::string_view stock) { return std::string(stock.substr(0, stock.find('\0'))); }

    template <class Message>
    Day& named(const Message& m) {
        Day& day = days_[m.locate];
        if (day.symbol.empty()) day.symbol = text_of(m.stock);
        return day;
    }

    [[nodiscard]] const ReferenceBook& book_of(const Resting& order) const { return days_.at(order.locate).book; }

    [[nodiscard]] std::uint64_t price_of(std::uint64_t ref) const {
        const Resting order = resting_.at(ref);
        for (const ReferenceBook::Order& resting : book_of(order).orders(order.side)) {
            if (resting.key == ref) return static_cast<std::uint64_t>(resting.price);
        }
        return 0;
    }

    std::map<std::uint16_t, Day> days_;
    std::map<std::uint64_t, Resting> resting_;
    std::map<Oddity, std::uint64_t> odd_;
    std::vector<Execution> executions_;
    std::uint64_t out_of_order_ = 0;
};

/// Empty where a replay has the books, days and counts of the naive one; else what differs.
template <class Replay>
[[nodiscard]] std::string difference(const Replay& replay, const NaiveReplay& naive) {
    for (const auto& [locate, day] : naive.days()) {
        const std::string where = "locate " + std::to_string(locate) + ": ";
        if (locate >= replay.listings().size()) return where + "no listing";
        const itch::Listing& listing = replay.listings()[locate];
        const std::string books = difference(listing.book, replay.levels(), replay.orders(), day.book);
        if (!books.empty()) return where + books;
        if (listing.symbol.view() != day.symbol) return where + "symbol " + std::string(listing.symbol.view());
        if (listing.volume != day.volume) return where + "volume " + std::to_string(listing.volume);
        if (listing.last_price != day.last_price) return where + "last price " + std::to_string(listing.last_price);
        if (listing.trades != day.trades) return where + "trades " + std::to_string(listing.trades);
        if (listing.state != day.state) return where + "state " + std::string(1, listing.state);
    }
    for (const auto oddity : {itch::Oddity::unknown_reference, itch::Oddity::duplicate_reference,
                              itch::Oddity::over_execution, itch::Oddity::locate_mismatch, itch::Oddity::zero_quantity,
                              itch::Oddity::invalid_side, itch::Oddity::unknown_match}) {
        if (replay.report().count(oddity) != naive.count(oddity)) {
            return std::string(name_of(oddity)) + " " + std::to_string(replay.report().count(oddity)) + ", not " +
                   std::to_string(naive.count(oddity));
        }
    }
    if (replay.live_orders() != naive.live_orders()) return "live orders " + std::to_string(replay.live_orders());
    if (replay.out_of_order_executions() != naive.out_of_order()) return "executions out of order";
    return {};
}

}  // namespace nanobook::test
