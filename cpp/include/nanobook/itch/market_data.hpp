// Several tables in one pass over a day: quotes, trades, depth, bars, orders, status.
//
//     MarketData wanted;
//     wanted.quotes.emplace();
//     Replay<MarketData> replay({}, std::move(wanted));
//     replay.feed(bytes);
//     replay.observer().quotes->rows
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <nanobook/core/types.hpp>
#include <nanobook/itch/bars.hpp>
#include <nanobook/itch/depth.hpp>
#include <nanobook/itch/lifecycle.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/observer.hpp>
#include <nanobook/itch/quotes.hpp>
#include <nanobook/itch/status.hpp>
#include <nanobook/itch/tape.hpp>

namespace nanobook::itch {

/// An observer made of those that are there.
struct MarketData {
    Timestamp start = 0;                           ///< of trades and bars; the others know their own
    std::shared_ptr<const BrokenTrades> broken{};  ///< left out of trades and bars
    bool keeps_trades = false;

    std::optional<QuoteRecorder> quotes{};
    std::vector<TapeTrade> trades{};
    std::optional<DepthRecorder> depth{};
    std::optional<BarRecorder> bars{};
    std::optional<LifecycleRecorder> orders{};
    std::optional<StatusRecorder> status{};
    BrokenTrades taken_back{};  ///< what this pass found

    template <class Replay>
    void before(const Header& message, const Replay& replay) {
        if (depth) depth->before(message, replay);
    }
    template <class Message, class Replay>
    void on_message(const Message& message, const Replay& replay) {
        if (status) status->on_message(message, replay);
    }
    template <class Replay>
    void on_message(const BrokenTrade& message, const Replay& replay) {
        taken_back.add(message.match, replay.offset());
    }
    template <class Replay>
    void on_change(const BookChange& change, const Replay& replay) {
        if (quotes) quotes->on_change(change, replay);
        if (depth) depth->on_change(change, replay);
        if (orders) orders->on_change(change, replay);
    }
    template <class Replay>
    void on_print(const Print& print, const Replay& replay) {
        if (!(keeps_trades || bars) || print.message.timestamp < start) return;
        for_trade(print, broken.get(), replay, [&](const TapeTrade& trade) {
            if (keeps_trades) trades.push_back(trade);
            if (bars) bars->on_trade(trade);
        });
    }
    /// There are no more messages.
    template <class Replay>
    void finish(const Replay& replay) {
        if (depth) depth->finish(replay);
        if (bars) bars->finish();
        if (orders) orders->finish();
    }
};

}  // namespace nanobook::itch
