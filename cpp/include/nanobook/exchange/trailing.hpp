// Trailing stops of one side, moved together.
//
// A trailing stop follows the best price since its submission, its watermark. All stops that were there at the last new
// extreme have the same one, so they form a cluster, and a price that is no new extreme moves nothing. Clusters stand
// in a stack: an older one has seen more prices, and its watermark is at least as good. A new extreme merges those it
// passes. Nothing is computed for a single stop before its price may have come:
//  - a fixed or percentage trail stands at the watermark less its offset, and the tightest of a cluster, the top of a
//    heap, fires first. Where prices are so large that the rounding of a percentage may loosen a stop as its watermark
//    rises, each is looked at, and keeps the tightest price it has come to;
//  - the offset of an ATR trail changes with every price, but is the same for all stops of equal multiplier and period:
//    such a group has clusters of its own, which remember how far they have come.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <nanobook/core/total.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/detail/append_log.hpp>
#include <nanobook/detail/stable_array.hpp>
#include <nanobook/exchange/event.hpp>
#include <nanobook/exchange/stop_record.hpp>

namespace nanobook {

/// The prices that trailing stops were fed: the last print of every round of tests, from the exchange's first trade on.
class PriceHistory {
  public:
    PriceHistory() = default;
    explicit PriceHistory(detail::AppendLog<Price> prices) noexcept : prices_(std::move(prices)) {}

    void feed(Price price) { prices_.push(price); }
    [[nodiscard]] const detail::AppendLog<Price>& prices() const noexcept { return prices_; }
    void reserve(std::uint64_t prices) { prices_.reserve(prices); }

    /// Price changes there are.
    [[nodiscard]] std::uint64_t changes() const noexcept { return prices_.empty() ? 0 : prices_.size() - 1; }

    /// The absolute change that led to the price `i`, from 1 on.
    [[nodiscard]] std::uint64_t change(std::uint64_t i) const noexcept {
        const Price from = prices_[i - 1];
        const Price to = prices_[i];
        return from < to ? static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from)
                         : static_cast<std::uint64_t>(from) - static_cast<std::uint64_t>(to);
    }

  private:
    detail::AppendLog<Price> prices_;
};

/// The mean of the last `period` absolute changes, or of all where there are fewer, kept as prices come.
class MeanChange {
  public:
    explicit MeanChange(std::uint32_t period) : period_(period) {}

    /// Up to the last price of the history.
    void update(const PriceHistory& history) noexcept {
        const std::uint64_t last = history.changes();
        if (last - seen_ > period_) {
            *this = MeanChange(period_);
            seen_ = last - period_;
        }
        for (; seen_ < last; ++seen_) {
            sum_ += history.change(seen_ + 1);
            if (samples_ == period_) {
                sum_ -= history.change(seen_ + 1 - period_);
            } else {
                ++samples_;
            }
        }
    }

    [[nodiscard]] std::uint32_t period() const noexcept { return period_; }

    /// Infinite before the first change.
    [[nodiscard]] double value() const noexcept {
        if (samples_ == 0) return std::numeric_limits<double>::infinity();
        return static_cast<double>(sum_) / static_cast<double>(samples_);
    }

    /// trunc(multiplier x mean); none before the first change, or where it fits no price.
    [[nodiscard]] Price offset(double multiplier) const noexcept { return offset_of(multiplier * value()); }

  private:
    std::uint32_t period_;
    std::uint32_t samples_ = 0;
    std::uint64_t seen_ = 0;
    Total sum_;
};

using StopRecords = detail::StableArray<StopRecord>;

class TrailingSide {
  public:
    TrailingSide(Side side, StopRecords& stops) noexcept : side_(side), stops_(stops) {}

    /// A stop that has seen no price yet.
    void add(StopNumber number) {
        is_quiet_ = false;
        Stack& stack = stack_of(stops_[number].trail);
        if (stack.fresh == 0) stack.fresh = clusters_.push({});
        join(stack.fresh, number);
    }

    /// A stop with a watermark, as a saved exchange has it. Watermarks come in descending order, before any price.
    void add(StopNumber number, StopRank watermark) {
        is_quiet_ = false;
        Stack& stack = stack_of(stops_[number].trail);
        if (stack.clusters.empty() || clusters_[stack.clusters.back()].watermark != watermark) {
            if (&stack == &plain_ && !stack.clusters.empty()) wait(stack.clusters.back());
            stack.clusters.push_back(clusters_.push({}));
            clusters_[stack.clusters.back()].watermark = watermark;
        }
        join(stack.clusters.back(), number);
    }

    /// The stop is to be finished: keeps in its record where it has come to.
    void settle(StopNumber number) noexcept {
        StopRecord& stop = stops_[number];
        stop.rank = rank_of(stop);
        stop.watermark = watermark_of(stop);
    }

    [[nodiscard]] StopRank rank_of(const StopRecord& stop) const noexcept {
        const Cluster& cluster = clusters_[root_of(stop.cluster)];
        if (!cluster.watermark) return stop.rank;
        const StopRank trailed =
            stop.trail.kind == TrailKind::atr ? cluster.reached : behind(*cluster.watermark, offset_at(cluster, stop));
        return std::max(stop.rank, trailed);
    }
    [[nodiscard]] std::optional<StopRank> watermark_of(const StopRecord& stop) const noexcept {
        return clusters_[root_of(stop.cluster)].watermark;
    }

    /// Every stop sees a price, which the history holds already. `tighten(number, rank)` is told of a stop whose own
    /// rank had to rise; `fire(number)` of each pending one whose trail the price has reached.
    template <class Tighten, class Fire>
    void feed(Price price, const PriceHistory& history, Tighten&& tighten, Fire&& fire) {
        const StopRank print = stop_rank(side_, price);
        if (!plain_.idle()) feed_plain(print, tighten, fire);
        if (!groups_.empty()) feed_groups(print, history, tighten, fire);
    }

  private:
    using ClusterId = std::uint32_t;

    struct Cluster {
        std::optional<StopRank> watermark = {};  // none until the first price
        StopRank reached = no_rank;              // ATR: the tightest rank that its stops have all come to
        ClusterId parent = 0;                    // where it was merged into
        std::uint32_t size = 0;                  // stops that ever joined
        StopNumber fixed = 0;                    // heaps, the least offset at the top; ATR: the list of stops, ...
        StopNumber percentage = 0;               // ... and its last one

        [[nodiscard]] bool is_empty() const noexcept { return fixed == 0 && percentage == 0; }
    };

    struct Waiting {
        StopRank trigger;
        ClusterId cluster;

        friend bool operator<(const Waiting& a, const Waiting& b) noexcept { return a.trigger < b.trigger; }
    };

    struct Stack {
        std::vector<ClusterId> clusters;  // oldest first
        ClusterId fresh = 0;              // stops that have seen no price

        [[nodiscard]] bool idle() const noexcept { return clusters.empty() && fresh == 0; }
    };

    struct Group {
        TrailMethod trail;
        std::size_t mean;
        Stack stack;
    };

    [[nodiscard]] StopRecord& stop(StopNumber number) noexcept { return stops_[number]; }

    Stack& stack_of(TrailMethod trail) {
        if (trail.kind != TrailKind::atr) return plain_;
        for (Group& group : groups_) {
            if (group.trail == trail) return group.stack;
        }
        std::size_t mean = 0;
        while (mean < means_.size() && means_[mean].period() != trail.period) ++mean;
        if (mean == means_.size()) {
            means_.emplace_back(trail.period);
            least_means_.push_back(0);
        }
        return groups_.emplace_back(Group{trail, mean, {}}).stack;
    }

    void join(ClusterId id, StopNumber number) noexcept {
        Cluster& cluster = clusters_[id];
        StopRecord& stop = this->stop(number);
        stop.cluster = id;
        ++cluster.size;
        switch (stop.trail.kind) {
            case TrailKind::fixed: cluster.fixed = meld(cluster.fixed, number); break;
            case TrailKind::percentage:
                cluster.percentage = meld(cluster.percentage, number);
                steady_to_ = std::min(steady_to_, steady_to(stop.trail.factor()));
                break;
            case TrailKind::atr:
            case TrailKind::none:
                stop.next = cluster.fixed;
                cluster.fixed = number;
                if (cluster.percentage == 0) cluster.percentage = number;
        }
    }

    [[nodiscard]] ClusterId root_of(ClusterId id) const noexcept {
        while (clusters_[id].parent != 0) id = clusters_[id].parent;
        return id;
    }

    // The larger one stays, so that a path to a root is short.
    std::pair<ClusterId, ClusterId> unite(ClusterId a, ClusterId b) noexcept {
        if (clusters_[a].size < clusters_[b].size) std::swap(a, b);
        clusters_[b].parent = a;
        clusters_[a].size += clusters_[b].size;
        return {a, b};
    }

    // Whatever a cluster had not been told of the print: fresh stops get their watermark, passed clusters are merged.
    template <class Merge>
    void raise(Stack& stack, StopRank print, Merge&& merge) {
        auto& clusters = stack.clusters;
        if (stack.fresh != 0) {
            clusters_[stack.fresh].watermark = print;
            clusters.push_back(std::exchange(stack.fresh, 0));
        }
        while (clusters.size() > 1 && clusters_[clusters[clusters.size() - 2]].watermark <= print) {
            const ClusterId top = clusters.back();
            clusters.pop_back();
            clusters.back() = merge(clusters.back(), top);
        }
        Cluster& top = clusters_[clusters.back()];
        top.watermark = std::max(*top.watermark, print);
    }

    // ------------------------------------------------------------------ fixed and percentage: pairing heaps

    [[nodiscard]] Price offset_at(const Cluster& cluster, const StopRecord& stop) const noexcept {
        if (stop.trail.kind == TrailKind::fixed) return stop.trail.distance();
        const auto watermark = static_cast<double>(stop_price(side_, *cluster.watermark));
        return offset_of(std::round(watermark * stop.trail.factor()));
    }

    [[nodiscard]] bool is_tighter(const StopRecord& a, const StopRecord& b) const noexcept {
        return a.trail.kind == TrailKind::fixed ? a.trail.distance() < b.trail.distance()
                                                : a.trail.factor() < b.trail.factor();
    }

    [[nodiscard]] StopNumber meld(StopNumber a, StopNumber b) noexcept {
        if (a == 0) return b;
        if (b == 0) return a;
        if (is_tighter(stop(b), stop(a))) std::swap(a, b);
        stop(b).next = stop(a).first;
        stop(a).first = b;
        return a;
    }

    // The heap without its top: children melded in pairs, then all together.
    [[nodiscard]] StopNumber pop(StopNumber top) noexcept {
        StopNumber pairs = 0;
        for (StopNumber child = std::exchange(stop(top).first, 0); child != 0;) {
            const StopNumber a = child;
            const StopNumber b = std::exchange(stop(a).next, 0);
            child = b == 0 ? 0 : std::exchange(stop(b).next, 0);
            const StopNumber pair = meld(a, b);
            stop(pair).next = pairs;
            pairs = pair;
        }
        StopNumber heap = 0;
        while (pairs != 0) {
            const StopNumber pair = pairs;
            pairs = std::exchange(stop(pair).next, 0);
            heap = meld(heap, pair);
        }
        return heap;
    }

    /// The rank at which the tightest stop of a heap fires.
    [[nodiscard]] StopRank trigger(const Cluster& cluster, StopNumber heap) noexcept {
        return heap == 0 ? no_rank : behind(*cluster.watermark, offset_at(cluster, stop(heap)));
    }

    /// The rank at which the first stop of a cluster fires.
    [[nodiscard]] StopRank trigger(const Cluster& cluster) noexcept {
        return std::max(trigger(cluster, cluster.fixed), trigger(cluster, cluster.percentage));
    }

    /// The watermark up to which a higher one never rounds to a looser stop. A stop is loosened where its offset gains
    /// more than the watermark, so where two products, of which each is wrong by at most 2^-53 of it, are together
    /// wrong by more than 1 - fraction: not below 2^52 (1 - fraction) / fraction, of which this is half, to be safe.
    /// Where that is less than 2^26, the fraction is so near to 1 that up to there all stops are at 1 or below, and no
    /// stop that was submitted is looser than that. From a fraction of 1 on they always are, as long as a double holds
    /// the watermark.
    [[nodiscard]] StopRank steady_to(double fraction) const noexcept {
        // Of a buy the watermark and the offset fall together.
        if (side_ == Side::buy) return std::numeric_limits<StopRank>::max();
        if (fraction >= 1) return StopRank{1} << 51;
        return static_cast<StopRank>(std::clamp(0x1p51 * (1 - fraction) / fraction, 0x1p26, 0x1p51));
    }

    // Before a print that raises watermarks: stops that it would loosen keep what they have reached as their own rank.
    template <class Tighten>
    [[gnu::noinline]] void keep_reached(StopRank print, Tighten& tighten) {
        const auto& clusters = plain_.clusters;
        for (std::size_t i = clusters.size(); i-- > 0 && clusters_[clusters[i]].watermark < print;) {
            const Cluster& now = clusters_[clusters[i]];
            Cluster then;
            then.watermark = print;
            if (now.percentage != 0) to_visit_.push_back(now.percentage);
            while (!to_visit_.empty()) {
                const StopNumber number = to_visit_.back();
                to_visit_.pop_back();
                const StopRecord& stop = this->stop(number);
                if (stop.first != 0) to_visit_.push_back(stop.first);
                if (stop.next != 0) to_visit_.push_back(stop.next);
                const StopRank reached = behind(*now.watermark, offset_at(now, stop));
                const bool is_lost = reached > stop.rank && reached > behind(print, offset_at(then, stop));
                if (is_lost && stop.is_pending()) tighten(number, reached);
            }
        }
    }

    template <class Tighten, class Fire>
    void feed_plain(StopRank print, Tighten& tighten, Fire& fire) {
        auto& clusters = plain_.clusters;
        if (print > steady_to_) [[unlikely]]
            keep_reached(print, tighten);
        if (plain_.fresh != 0 && !clusters.empty() && clusters_[clusters.back()].watermark > print) {
            wait(clusters.back());
        }
        raise(plain_, print, [this](ClusterId a, ClusterId b) {
            const auto [root, other] = unite(a, b);
            Cluster& merged = clusters_[root];
            merged.watermark = std::max(merged.watermark, clusters_[other].watermark);
            merged.fixed = meld(merged.fixed, clusters_[other].fixed);
            merged.percentage = meld(merged.percentage, clusters_[other].percentage);
            return root;
        });
        drain(clusters_[clusters.back()], print, fire);
        while (!waiting_.empty() && waiting_.front().trigger >= print) {
            const Waiting first = waiting_.front();
            std::pop_heap(waiting_.begin(), waiting_.end());
            waiting_.pop_back();
            Cluster& cluster = clusters_[first.cluster];
            // Out of date where the cluster was merged, or has risen to the top meanwhile.
            if (cluster.parent != 0 || trigger(cluster) != first.trigger) continue;
            drain(cluster, print, fire);
            wait(first.cluster);
        }
        while (!clusters.empty() && clusters_[clusters.back()].is_empty()) clusters.pop_back();
    }

    // Only the newest cluster moves with the market; the others wait for the price to come back.
    void wait(ClusterId id) {
        if (clusters_[id].is_empty()) return;
        waiting_.push_back({trigger(clusters_[id]), id});
        std::push_heap(waiting_.begin(), waiting_.end());
    }

    template <class Fire>
    void drain(Cluster& cluster, StopRank print, Fire& fire) {
        drain(cluster, cluster.fixed, print, fire);
        drain(cluster, cluster.percentage, print, fire);
    }

    template <class Fire>
    void drain(const Cluster& cluster, StopNumber& heap, StopRank print, Fire& fire) {
        while (heap != 0 && (trigger(cluster, heap) >= print || !stop(heap).is_pending())) {
            const StopNumber top = heap;
            heap = pop(top);
            if (stop(top).is_pending()) fire(top);
        }
    }

    // ------------------------------------------------------------------ ATR: groups of equal parameters

    template <class Tighten, class Fire>
    void feed_groups(StopRank print, const PriceHistory& history, Tighten& tighten, Fire& fire) {
        bool nothing_moves = is_quiet_ && print <= lowest_watermark_ && print > highest_reached_;
        for (std::size_t i = 0; i < means_.size(); ++i) {
            means_[i].update(history);
            nothing_moves &= means_[i].value() >= least_means_[i];
        }
        if (nothing_moves) return;

        lowest_watermark_ = std::numeric_limits<StopRank>::max();
        highest_reached_ = no_rank;
        least_means_.assign(means_.size(), 0.0);
        for (Group& group : groups_) {
            if (group.stack.idle()) continue;
            feed_group(group, print, tighten, fire);
            remember(group);
        }
        is_quiet_ = true;
    }

    // Many groups wait together: a price that is no new extreme for any, is behind where all have come to, and at which
    // no mean is so low that one would get tighter, leaves them as they are.
    void remember(const Group& group) {
        if (group.stack.clusters.empty()) return;
        lowest_watermark_ = std::min(lowest_watermark_, *clusters_[group.stack.clusters.back()].watermark);
        for (const ClusterId id : group.stack.clusters) {
            const Cluster& cluster = clusters_[id];
            highest_reached_ = std::max(highest_reached_, cluster.reached);
            // It gets tighter where trunc(multiplier x mean) is below the gap; a little is added for the rounding.
            const auto gap = static_cast<double>(static_cast<std::uint64_t>(*cluster.watermark) -
                                                 static_cast<std::uint64_t>(cluster.reached));
            constexpr double rounding = 1 + 1e-12;
            double& least = least_means_[group.mean];
            least = std::max(least, gap / group.trail.factor() * rounding);
        }
    }

    template <class Tighten, class Fire>
    void feed_group(Group& group, StopRank print, Tighten& tighten, Fire& fire) {
        const Price offset = means_[group.mean].offset(group.trail.factor());
        const StopRank newest = behind(print, offset);
        raise(group.stack, print, [&](ClusterId a, ClusterId b) {
            // Stops of the one that has come further keep what they have reached as their own rank, unless all go
            // further now.
            const ClusterId further = clusters_[a].reached < clusters_[b].reached ? b : a;
            const StopRank less = std::min(clusters_[a].reached, clusters_[b].reached);
            if (clusters_[further].reached > std::max(less, newest)) {
                for (StopNumber n = clusters_[further].fixed; n != 0; n = stop(n).next) {
                    if (stop(n).is_pending() && stop(n).rank < clusters_[further].reached) {
                        tighten(n, clusters_[further].reached);
                    }
                }
            }
            const auto [root, other] = unite(a, b);
            Cluster& merged = clusters_[root];
            merged.watermark = print;
            merged.reached = less;
            stop(merged.percentage).next = clusters_[other].fixed;
            merged.percentage = clusters_[other].percentage;
            return root;
        });
        std::erase_if(group.stack.clusters, [&](ClusterId id) {
            Cluster& cluster = clusters_[id];
            cluster.reached = std::max(cluster.reached, behind(*cluster.watermark, offset));
            if (cluster.reached < print) return false;
            for (StopNumber n = cluster.fixed; n != 0; n = stop(n).next) {
                if (stop(n).is_pending()) fire(n);
            }
            return true;
        });
    }

    Side side_;
    StopRecords& stops_;
    detail::StableArray<Cluster> clusters_;
    Stack plain_;                   // fixed and percentage
    std::vector<Waiting> waiting_;  // a heap of its clusters but the newest
    // Of all its percentage trails: see `steady_to`.
    StopRank steady_to_ = std::numeric_limits<StopRank>::max();
    std::vector<StopNumber> to_visit_;
    std::vector<Group> groups_;
    std::vector<MeanChange> means_;
    // What the groups need to move; true of all of them while it is quiet.
    bool is_quiet_ = false;
    StopRank lowest_watermark_ = 0;
    StopRank highest_reached_ = no_rank;
    std::vector<double> least_means_;
};

}  // namespace nanobook
