// The best levels of every symbol, whenever they change or by the clock.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <nanobook/book/snapshot.hpp>
#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/observer.hpp>

namespace nanobook::itch {

/// Some rows of depth; by the clock, no message is their origin. `sides` has for each its levels: bids, then asks, best
/// first; of 0 orders where there is none.
struct DepthRows {
    std::vector<Origin> rows = {};
    std::vector<LevelView> sides = {};

    void add(const Origin& origin, std::span<const LevelView> levels) {
        rows.push_back(origin);
        sides.insert(sides.end(), levels.begin(), levels.end());
    }
    void clear() noexcept {
        rows.clear();
        sides.clear();
    }
};

/// An observer that keeps the best `levels` levels of both sides: in a row for every change of one of them; or, with an
/// interval, in a row for every whole multiple of it at which they are not what they were at the one before. DepthGrid
/// makes rows of all symbols of these.
class DepthRecorder {
  public:
    /// An interval of 0: on change.
    explicit DepthRecorder(std::size_t levels, Timestamp interval = 0, Timestamp start = 0,
                           std::optional<Timestamp> until = {})
        : levels_(levels), interval_(interval), start_(start), until_(until), scratch_(2 * levels) {}

    /// To be called before a message is applied.
    template <class Replay>
    void before(const Header& message, const Replay& replay) {
        if (interval_ == 0) return;
        Timestamp timestamp = message.timestamp;
        last_ = std::max(last_, timestamp);
        if (until_) timestamp = std::min(timestamp, *until_ + 1);
        if (!next_) next_ = first_ = (std::max(timestamp, start_) + interval_ - 1) / interval_ * interval_;
        if (*next_ < timestamp) sample(timestamp, replay);
    }

    template <class Replay>
    void on_change(const BookChange& change, const Replay& replay) {
        if (change.locate >= known_.size()) [[unlikely]]
            known_.resize(change.locate + std::size_t{1});
        Known& known = known_[change.locate];
        if (interval_ != 0) {
            if (!std::exchange(known.is_dirty, true)) dirty_.push_back(change.locate);
            return;
        }
        if (known.levels.empty()) known.levels.resize(2 * levels_, LevelView{});
        const std::span<LevelView> side = side_of(known.levels, change.side);
        // Behind the last level that is shown nothing changes what is shown.
        const LevelView& last = side.back();
        const auto is_shown = [&](Price price) {
            return last.order_count == 0 || (change.side == Side::buy ? price >= last.price : price <= last.price);
        };
        if (!(change.removed_shares != 0 && is_shown(change.removed_price)) &&
            !(change.added_shares != 0 && is_shown(change.added_price))) {
            return;
        }
        const std::span<LevelView> now = side_of(scratch_, change.side);
        read(replay, change.locate, change.side, now);
        if (std::ranges::equal(now, side)) return;
        std::ranges::copy(now, side.begin());
        if (change.message.timestamp >= start_) {
            changed.add(Origin::of(change.message, change.locate, replay), known.levels);
        }
    }

    /// There are no more messages.
    template <class Replay>
    void finish(const Replay& replay) {
        if (until_) last_ = std::min(last_, *until_);
        if (next_ && *next_ <= last_) sample(last_ + 1, replay);
    }

    [[nodiscard]] std::size_t levels() const noexcept { return levels_; }
    [[nodiscard]] Timestamp interval() const noexcept { return interval_; }
    /// The first multiple of the interval that has rows, and the first of which nothing is known yet; none before the
    /// first message.
    [[nodiscard]] std::optional<Timestamp> first() const noexcept { return first_; }
    [[nodiscard]] std::optional<Timestamp> next() const noexcept { return next_; }

    /// Follows the clock of another, which saw the same messages.
    void follow(const DepthRecorder& other) noexcept {
        first_ = other.first_;
        next_ = other.next_;
    }

    DepthRows changed;  ///< for whoever reads them to take

  private:
    struct Known {
        std::vector<LevelView> levels = {};  // on change
        bool is_dirty = false;               // by the clock: since the last multiple
    };

    std::span<LevelView> side_of(std::span<LevelView> both, Side side) const noexcept {
        return both.subspan(side == Side::buy ? 0 : levels_, levels_);
    }

    // At the multiples before `time`, of which the first alone can differ from the one before.
    template <class Replay>
    void sample(Timestamp time, const Replay& replay) {
        std::ranges::sort(dirty_);
        for (const Locate locate : dirty_) {
            for (const Side side : {Side::buy, Side::sell}) read(replay, locate, side, side_of(scratch_, side));
            changed.add({*next_, 0, replay.listings()[locate].symbol, locate}, scratch_);
            known_[locate].is_dirty = false;
        }
        dirty_.clear();
        *next_ += (time - *next_ + interval_ - 1) / interval_ * interval_;
    }

    template <class Replay>
    static void read(const Replay& replay, Locate locate, Side side, std::span<LevelView> into) {
        const std::size_t count = replay.listings()[locate].book.depth(replay.levels(), side, into);
        std::ranges::fill(into.subspan(count), LevelView{});
    }

    std::size_t levels_;
    Timestamp interval_;
    Timestamp start_;
    std::optional<Timestamp> until_;
    Timestamp last_ = 0;  // of all messages
    std::vector<LevelView> scratch_;
    std::vector<Known> known_;  // by locate
    std::vector<Locate> dirty_;
    std::optional<Timestamp> first_;
    std::optional<Timestamp> next_;
};

/// Of what a DepthRecorder found at the multiples of its interval, a row for every symbol that has had an order, at
/// each of them: by time, then by locate. Piece by piece, for there may be many more rows than messages.
class DepthGrid {
  public:
    /// Adds rows to `out` until it has `most`, or there are no more yet: then what `recorder` has is used up.
    void expand(DepthRecorder& recorder, DepthRows& out, std::size_t most) {
        if (!has_more(recorder)) return;
        if (!tick_) tick_ = recorder.first();
        DepthRows& changed = recorder.changed;
        const std::size_t size = 2 * recorder.levels();
        while (*tick_ < *recorder.next()) {
            if (states_.empty()) {
                // Nothing to show before the first order.
                const bool has_changes = used_ < changed.rows.size();
                *tick_ = has_changes ? changed.rows[used_].timestamp : *recorder.next();
                if (!has_changes) break;
            }
            for (; used_ < changed.rows.size() && changed.rows[used_].timestamp == *tick_; ++used_) {
                const auto levels = std::span(changed.sides).subspan(used_ * size, size);
                State& state = states_[changed.rows[used_].locate];
                state.symbol = changed.rows[used_].symbol;
                state.levels.assign(levels.begin(), levels.end());
            }
            for (auto state = states_.lower_bound(at_); state != states_.end(); ++state) {
                if (out.rows.size() >= most) {
                    at_ = state->first;
                    return;
                }
                out.add({*tick_, 0, state->second.symbol, state->first}, state->second.levels);
            }
            at_ = 0;
            *tick_ += recorder.interval();
        }
        changed.clear();
        used_ = 0;
    }

    [[nodiscard]] bool has_more(const DepthRecorder& recorder) const noexcept {
        return recorder.next() && next_tick(recorder) < *recorder.next();
    }

    /// How many it has, roughly; at least 1 where it has more.
    [[nodiscard]] std::size_t rows(const DepthRecorder& recorder) const noexcept {
        if (!has_more(recorder)) return 0;
        const std::size_t ticks = (*recorder.next() - next_tick(recorder)) / recorder.interval();
        return std::max(recorder.changed.rows.size(), ticks * std::max<std::size_t>(1, states_.size()));
    }

  private:
    struct State {
        Symbol symbol;
        std::vector<LevelView> levels;
    };

    [[nodiscard]] Timestamp next_tick(const DepthRecorder& recorder) const noexcept {
        return tick_ ? *tick_ : *recorder.first();
    }

    std::map<Locate, State> states_;
    std::optional<Timestamp> tick_;
    Locate at_ = 0;         // the next symbol of the tick
    std::size_t used_ = 0;  // rows of the recorder's
};

}  // namespace nanobook::itch
