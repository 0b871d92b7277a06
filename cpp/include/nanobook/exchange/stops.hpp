// The stops of an exchange, found by price.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <nanobook/core/order.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/exchange/event.hpp>
#include <nanobook/exchange/stop_order.hpp>
#include <nanobook/exchange/stop_record.hpp>
#include <nanobook/exchange/trailing.hpp>
#include <nanobook/exchange/validation.hpp>

namespace nanobook {

/// Pending stops of one side by rank, highest first: a heap. An entry is out of date when its stop is finished or has
/// another rank by now; such entries are skipped when they come up, and swept out when they are the greater part.
class StopIndex {
  public:
    void add(StopNumber number, StopRank rank) {
        heap_.push_back({rank, number});
        std::push_heap(heap_.begin(), heap_.end());
    }

    /// An entry has gone out of date.
    void outdate(const StopRecords& stops) {
        ++outdated_;
        if (outdated_ <= heap_.size() / 2 || outdated_ < 32) return;
        std::erase_if(heap_, [&](const Entry& entry) { return !is_current(entry, stops); });
        std::make_heap(heap_.begin(), heap_.end());
        outdated_ = 0;
    }

    /// Removes every pending stop at or above the rank of a print.
    template <class Fire>
    void fire_from(StopRank print, const StopRecords& stops, Fire&& fire) {
        while (!heap_.empty() && heap_.front().rank >= print) {
            const Entry first = heap_.front();
            std::pop_heap(heap_.begin(), heap_.end());
            heap_.pop_back();
            if (is_current(first, stops)) {
                fire(first.number);
            } else if (outdated_ > 0) {
                --outdated_;
            }
        }
    }

  private:
    struct Entry {
        StopRank rank;
        StopNumber number;

        friend bool operator<(const Entry& a, const Entry& b) noexcept { return a.rank < b.rank; }
    };

    static bool is_current(const Entry& entry, const StopRecords& stops) noexcept {
        return stops[entry.number].is_pending() && stops[entry.number].rank == entry.rank;
    }

    std::vector<Entry> heap_;
    std::size_t outdated_ = 0;
};

class StopBook {
  public:
    StopBook() = default;
    StopBook(const StopBook&) = delete;
    StopBook& operator=(const StopBook&) = delete;

    [[nodiscard]] PriceHistory& history() noexcept { return history_; }
    [[nodiscard]] const PriceHistory& history() const noexcept { return history_; }

    /// Takes in a stop that an event describes; it is pending, and nothing waits for it yet.
    StopNumber add(OrderId id, Timestamp timestamp, const Event& event) {
        StopRecord stop{};
        stop.id = id;
        stop.rank = stop_rank(event.side, event.price);
        stop.limit_price = has_limit_price(event.kind) ? event.limit_price() : 0;
        stop.quantity = event.quantity;
        stop.timestamp = timestamp;
        stop.trail = event.trail();
        stop.side = event.side;
        // A market order is an IOC at the worst price.
        stop.time_in_force = has_limit_price(event.kind) ? event.time_in_force : TimeInForce::ioc;
        stop.status = OrderStatus::pending;
        return stops_.push(stop);
    }

    /// A pending stop waits from now on.
    void arm(StopNumber number) {
        const StopRecord& stop = stops_[number];
        index(stop.side).add(number, stop.rank);
        if (stop.trail.kind != TrailKind::none) trailing(stop.side).add(number);
        ++pending_;
    }

    /// Takes in stops as `get` has shown them, in order of their ids, and what they were fed: those of a saved
    /// exchange.
    void restore(std::span<const StopOrder> saved, detail::AppendLog<Price> prices) {
        history_ = PriceHistory(std::move(prices));
        std::vector<StopNumber> trailed;
        for (const StopOrder& order : saved) {
            StopRecord stop{};
            stop.id = order.id;
            stop.rank = stop_rank(order.side, order.stop_price);
            stop.limit_price = order.limit_price.value_or(0);
            stop.quantity = order.quantity;
            stop.timestamp = order.timestamp;
            stop.child = order.child_order_id;
            if (order.watermark) stop.watermark = stop_rank(order.side, *order.watermark);
            stop.trail = order.trail;
            stop.side = order.side;
            stop.time_in_force = order.time_in_force;
            stop.status = order.status;
            const StopNumber number = stops_.push(stop);
            if (!stop.is_pending()) continue;
            if (stop.watermark) {
                trailed.push_back(number);
            } else {
                arm(number);
            }
        }
        std::stable_sort(trailed.begin(), trailed.end(),
                         [&](StopNumber a, StopNumber b) { return stops_[a].watermark > stops_[b].watermark; });
        for (const StopNumber number : trailed) {
            const StopRecord& stop = stops_[number];
            index(stop.side).add(number, stop.rank);
            trailing(stop.side).add(number, *stop.watermark);
            ++pending_;
        }
    }

    [[nodiscard]] const StopRecord& operator[](StopNumber number) const noexcept { return stops_[number]; }
    [[nodiscard]] StopRecord& operator[](StopNumber number) noexcept { return stops_[number]; }

    [[nodiscard]] StopOrder get(StopNumber number) const {
        const StopRecord& stop = stops_[number];
        StopOrder order{};
        order.id = stop.id;
        order.quantity = stop.quantity;
        order.timestamp = stop.timestamp;
        order.child_order_id = stop.child;
        order.trail = stop.trail;
        order.side = stop.side;
        order.time_in_force = stop.time_in_force;
        order.status = stop.status;
        if (stop.limit_price != 0) order.limit_price = stop.limit_price;
        StopRank rank = stop.rank;
        std::optional<StopRank> watermark = stop.watermark;
        if (stop.is_pending() && stop.trail.kind != TrailKind::none) {
            rank = trailing(stop.side).rank_of(stop);
            watermark = trailing(stop.side).watermark_of(stop);
        }
        order.stop_price = stop_price(stop.side, rank);
        if (watermark) order.watermark = stop_price(stop.side, *watermark);
        return order;
    }

    void cancel(StopNumber number) {
        finish(number, OrderStatus::cancelled);
        index(stops_[number].side).outdate(stops_);
    }

    /// The history has been fed a price: every trailing stop sees it, and then every pending stop whose condition
    /// holds is triggered. They are in order of their ticks, until the next call.
    [[nodiscard]] std::span<const StopNumber> feed(Price price) {
        fired_.clear();
        if (pending_ == 0) return {};
        const auto fire = [this](StopNumber number) {
            finish(number, OrderStatus::triggered);
            fired_.push_back(number);
        };
        for (const Side side : {Side::buy, Side::sell}) {
            const auto tighten = [&](StopNumber number, StopRank rank) {
                stops_[number].rank = rank;
                index(side).add(number, rank);
                index(side).outdate(stops_);
            };
            trailing(side).feed(price, history_, tighten, [&](StopNumber number) {
                fire(number);
                index(side).outdate(stops_);
            });
            index(side).fire_from(stop_rank(side, price), stops_, fire);
        }
        std::sort(fired_.begin(), fired_.end());
        return fired_;
    }

    [[nodiscard]] std::uint64_t pending() const noexcept { return pending_; }
    /// One past the number of the last stop.
    [[nodiscard]] StopNumber end() const noexcept { return stops_.end_id(); }

  private:
    [[nodiscard]] StopIndex& index(Side side) noexcept { return index_[static_cast<std::size_t>(side)]; }
    [[nodiscard]] TrailingSide& trailing(Side side) noexcept { return trailing_[static_cast<std::size_t>(side)]; }
    [[nodiscard]] const TrailingSide& trailing(Side side) const noexcept {
        return trailing_[static_cast<std::size_t>(side)];
    }

    void finish(StopNumber number, OrderStatus status) noexcept {
        StopRecord& stop = stops_[number];
        if (stop.trail.kind != TrailKind::none) trailing(stop.side).settle(number);
        stop.status = status;
        --pending_;
    }

    PriceHistory history_;
    StopRecords stops_;
    StopIndex index_[2];
    TrailingSide trailing_[2] = {{Side::buy, stops_}, {Side::sell, stops_}};
    std::vector<StopNumber> fired_;
    std::uint64_t pending_ = 0;
};

}  // namespace nanobook
