// What is true of every whole day that Nasdaq publishes, watched while the books are built.
//
//     nanobook::itch::Replay<nanobook::itch::Truths> replay;
//     replay.feed(file.bytes());
//     replay.finish();
//     replay.report();                            // what is odd about framing and orders: nothing
//     replay.live_orders();                       // at the end: none
//     replay.observer().crossed_spells();         // of a crossed book while its symbol traded: none
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <nanobook/book/level.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/observer.hpp>

namespace nanobook::itch {

/// A book that was crossed (its best bid above its best ask) when it should not have been.
struct CrossedSpell {
    Locate locate;
    Timestamp since;  ///< of the message that crossed it, began the symbol's trading, or opened the market
    Price bid;        ///< the last while it was crossed
    Price ask;
};

/// An observer of a replay of all symbols. A book may be crossed before the market opens and after it closes (events Q
/// and M), in any state but T, and for a second after its symbol resumes trading: in the message H that says T after
/// another state. Any other time, however short, makes a spell.
class Truths {
  public:
    static constexpr Timestamp grace = 1'000'000'000;

    template <class Replay>
    void on_change(const BookChange& change, const Replay& replay) {
        peak_live_orders_ = std::max(peak_live_orders_, replay.live_orders());
        Watch& watch = watch_of(change.locate);
        const auto& book = replay.listings()[change.locate].book;
        const auto& levels = replay.levels();
        const LevelId bid = book.ladder(Side::buy).best();
        const LevelId ask = book.ladder(Side::sell).best();
        watch.crossed = bid != no_level && ask != no_level && levels[bid].price > levels[ask].price;
        if (!watch.crossed && !watch.exposed) [[likely]]
            return;
        if (watch.crossed) {
            watch.bid = levels[bid].price;
            watch.ask = levels[ask].price;
        }
        judge(change.locate, change.message.timestamp);
    }

    void on_print(const Print& print) {
        if (print.message.type != CrossTrade::code || print.shares == 0) return;
        if (static_cast<const CrossTrade&>(print.message).cross_type != 'C') return;
        watch_of(print.locate).closing_price = print.price;
    }

    void on_message(const Header&) const noexcept {}
    void on_message(const SystemEvent& m) {
        if (m.event == 'Q') opened_ = open_ = true;
        if (m.event == 'M') open_ = false;
        if (m.event == 'C') ended_ = true;
        judge_all(m.timestamp);
    }
    void on_message(const TradingAction& m) {
        Watch& watch = watch_of(m.locate);
        const bool trading = m.state == 'T';
        // What was crossed until now is judged by the grace it had.
        judge(m.locate, m.timestamp);
        if (trading && !watch.trading) watch.grace_until = m.timestamp + grace;
        watch.trading = trading;
        judge(m.locate, m.timestamp);
    }
    template <class Replay>
    void finish(const Replay& replay) {
        judge_all(replay.time());
    }

    [[nodiscard]] std::uint64_t crossed_spells() const noexcept { return crossed_spells_; }
    [[nodiscard]] std::uint64_t crossed_spells(Locate locate) const noexcept {
        return locate < watches_.size() ? watches_[locate].crossed_spells : 0;
    }
    /// The first one that was certain.
    [[nodiscard]] const std::optional<CrossedSpell>& first_crossed() const noexcept { return first_crossed_; }
    /// The event Q was seen: there were market hours.
    [[nodiscard]] bool market_opened() const noexcept { return opened_; }
    /// The event C was seen: no order may be left.
    [[nodiscard]] bool messages_ended() const noexcept { return ended_; }
    /// The most orders that rested at any time.
    [[nodiscard]] std::uint64_t peak_live_orders() const noexcept { return peak_live_orders_; }
    /// Of the closing cross, the last one that had shares.
    [[nodiscard]] std::optional<Price> closing_price(Locate locate) const noexcept {
        return locate < watches_.size() ? watches_[locate].closing_price : std::nullopt;
    }

  private:
    struct Watch {
        bool crossed = false;
        bool trading = false;
        bool exposed = false;  // crossed when it should not be, but for the grace
        bool counted = false;  // this spell is
        Timestamp since = 0;
        Timestamp grace_until = 0;
        Price bid = 0;
        Price ask = 0;
        std::uint64_t crossed_spells = 0;
        std::optional<Price> closing_price;
    };

    Watch& watch_of(Locate locate) {
        if (locate >= watches_.size()) [[unlikely]]
            watches_.resize(locate + std::size_t{1});
        return watches_[locate];
    }

    // Up to this time the book was as it was when last judged; from now on it is as it is.
    void judge(Locate locate, Timestamp time) {
        Watch& watch = watch_of(locate);
        const bool exposed = open_ && watch.trading && watch.crossed;
        if (exposed && !watch.exposed) watch.since = time;
        if ((exposed || watch.exposed) && !watch.counted && time > watch.grace_until) {
            if (!first_crossed_) first_crossed_ = CrossedSpell{locate, watch.since, watch.bid, watch.ask};
            ++crossed_spells_;
            ++watch.crossed_spells;
            watch.counted = true;
        }
        watch.exposed = exposed;
        if (!exposed) watch.counted = false;
    }

    void judge_all(Timestamp time) {
        for (std::size_t locate = 0; locate < watches_.size(); ++locate) judge(static_cast<Locate>(locate), time);
    }

    std::vector<Watch> watches_;  // by locate
    std::optional<CrossedSpell> first_crossed_;
    std::uint64_t crossed_spells_ = 0;
    std::uint64_t peak_live_orders_ = 0;
    bool open_ = false;
    bool opened_ = false;
    bool ended_ = false;
};

}  // namespace nanobook::itch
