// Several tables in one pass over a day: quotes, trades, depth, bars, orders, status, market by order.
//
//     MarketData wanted;
//     wanted.quotes.emplace();
//     Replay<MarketData> replay({}, std::move(wanted));
//     replay.feed(bytes);
//     replay.observer().quotes->rows
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <nanobook/core/types.hpp>
#include <nanobook/itch/bars.hpp>
#include <nanobook/itch/depth.hpp>
#include <nanobook/itch/lifecycle.hpp>
#include <nanobook/itch/mbo.hpp>
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
    std::optional<MboRecorder> mbo{};
    BrokenTrades taken_back{};  ///< what this pass found

    void prefetch(Locate locate) const noexcept {
        if (quotes) quotes->prefetch(locate);
    }
    [[nodiscard]] bool watches_best() const noexcept { return quotes.has_value(); }
    /// Does it look at the order in which orders came?
    [[nodiscard]] bool needs_queues() const noexcept { return orders.has_value(); }

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
        if (mbo) mbo->on_change(change, replay);
        if constexpr (Replay::Levels::keeps_queues) {
            if (orders) orders->on_change(change, replay);
        }
    }
    template <class Replay>
    void on_print(const Print& print, const Replay& replay) {
        if (!(keeps_trades || bars) || print.message.timestamp < start) return;
        for_trade(print, broken.get(), replay, [&](const TapeTrade& trade) {
            if (keeps_trades) trades.push_back(trade);
            if (bars) bars->on_trade(trade);
        });
    }
    /// For a replay of a part of the books: time goes on to that of any message.
    template <class Replay>
    void advance(const Header& message, const Replay& replay) {
        if (depth) depth->before(message, replay);
    }
    /// Do rows depend on the times of messages that make none?
    [[nodiscard]] bool has_clock() const noexcept { return bars || (depth && depth->interval() != 0); }

    /// There are no more messages.
    template <class Replay>
    void finish(const Replay& replay) {
        if (depth) depth->finish(replay);
        if (bars) bars->flush();
        if (orders) orders->finish();
    }

    /// Gives the rows made so far to another, which has none. Bars may be of some trades only.
    void give_to(MarketData& to) {
        if (quotes) quotes->rows.swap(to.quotes->rows);
        trades.swap(to.trades);
        if (depth) {
            std::swap(depth->changed, to.depth->changed);
            to.depth->follow(*depth);
        }
        if (bars) {
            bars->flush();
            bars->rows.swap(to.bars->rows);
        }
        if (orders) orders->rows.swap(to.orders->rows);
        if (status) status->rows.swap(to.status->rows);
        if (mbo) mbo->rows.swap(to.mbo->rows);
        to.taken_back = std::exchange(taken_back, {});
    }

    /// There is nothing more to merge.
    void finish() {
        if (bars) bars->flush();
    }

    /// Takes the rows that several gave, each of which saw some of the books, and puts them in order.
    void merge(std::span<MarketData> parts) {
        const auto by_offset = [](const auto& row) { return row.offset; };
        const auto by_time = [](const auto& row) { return std::pair(row.timestamp, row.locate); };
        const auto rows_of = [&](auto get) {
            std::vector<std::remove_reference_t<decltype(get(parts[0]))>*> rows;
            for (MarketData& part : parts) rows.push_back(&get(part));
            return rows;
        };
        const auto put = [&](auto get, auto key) {
            const auto rows = rows_of(get);
            merge_rows(rows, key, [&](std::size_t part, std::size_t i) { get(*this).push_back((*rows[part])[i]); });
            for (auto* part : rows) part->clear();
        };
        if (quotes) put([](MarketData& data) -> auto& { return data.quotes->rows; }, by_offset);
        put([](MarketData& data) -> auto& { return data.trades; }, by_offset);
        if (bars) {
            const auto rows = rows_of([](MarketData& data) -> auto& { return data.bars->rows; });
            merge_rows(rows, by_time, [&](std::size_t part, std::size_t i) { bars->add((*rows[part])[i]); });
            for (auto* part : rows) part->clear();
        }
        if (orders) put([](MarketData& data) -> auto& { return data.orders->rows; }, by_offset);
        if (status) put([](MarketData& data) -> auto& { return data.status->rows; }, by_offset);
        if (mbo) put([](MarketData& data) -> auto& { return data.mbo->rows; }, by_offset);
        if (depth) {
            const auto rows = rows_of([](MarketData& data) -> auto& { return data.depth->changed.rows; });
            const std::size_t size = 2 * depth->levels();
            const auto add = [&](std::size_t part, std::size_t i) {
                depth->changed.add((*rows[part])[i],
                                   std::span(parts[part].depth->changed.sides).subspan(i * size, size));
            };
            if (depth->interval() == 0) {
                merge_rows(rows, by_offset, add);
            } else {
                merge_rows(rows, by_time, add);
            }
            for (MarketData& part : parts) part.depth->changed.clear();
            depth->follow(*parts[0].depth);
        }
        for (const MarketData& part : parts) taken_back.add(part.taken_back);
    }

  private:
    // Calls `take(part, i)` for each row, in the order of their keys; each part is in order.
    template <class Rows, class Key, class Take>
    static void merge_rows(const std::vector<Rows*>& parts, Key key, Take take) {
        struct Head {
            decltype(key((*parts[0])[0])) place;
            std::size_t part;
            std::size_t row;
        };
        std::vector<Head> heads;
        for (std::size_t part = 0; part < parts.size(); ++part) {
            if (!parts[part]->empty()) heads.push_back({key((*parts[part])[0]), part, 0});
        }
        while (!heads.empty()) {
            Head& head = *std::ranges::min_element(heads, {}, &Head::place);
            take(head.part, head.row);
            const Rows& rows = *parts[head.part];
            if (++head.row < rows.size()) {
                head.place = key(rows[head.row]);
            } else {
                std::swap(head, heads.back());
                heads.pop_back();
            }
        }
    }
};

}  // namespace nanobook::itch
