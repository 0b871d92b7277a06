// Random operations on an exchange: few price levels, much that hits what rests, stops that fire stops.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <vector>

#include <nanobook/detail/random.hpp>
#include <nanobook/exchange/event.hpp>

#include "compare_exchanges.hpp"
#include "reference_exchange.hpp"

namespace nanobook::test {

/// What one sequence is like. Every seed has another mixture.
struct Plan {
    enum class Scale : std::uint8_t {
        usual,    // prices around 10,000
        lowest,   // from 1 on
        highest,  // up to the largest price there is
        wide,     // from 1 to the largest price, far apart: differences add up to more than 64 bits
    };
    enum class Drift : std::uint8_t { none, up, down, swing };

    std::uint64_t seed = 1;
    std::uint32_t operations = 400;
    std::uint32_t prices = 5;  // levels that orders come at, at any one time
    Scale scale = Scale::usual;
    Drift drift = Drift::none;
    std::uint32_t drift_every = 8;  // operations
    std::uint32_t largest = 20;     // quantity; 0 for quantities whose sums exceed 64 bits
    std::uint32_t max_rounds = 100;
    std::uint32_t live = 40;     // orders that rest, about
    std::uint32_t patient = 80;  // of a hundred limit orders, those that cross nothing if they can
    std::uint32_t stops = 10;    // weights, of a hundred or so
    std::uint32_t trails = 10;
    std::uint32_t market_data = 0;
    std::uint32_t trail_methods = 0;  // how many different ones; 0 for no limit
    std::uint32_t trail_reach = 1;    // offsets are up to so many times the prices: far trails pile up
    std::uint32_t clear_history = 2;
    std::uint32_t quiet = 0;         // how many operations long stops gather before some go off
    std::uint32_t avalanche_in = 0;  // one operation of so many starts one

    [[nodiscard]] static Plan of(std::uint64_t seed, std::uint32_t operations) {
        detail::Random random(seed * 1'000'003 + 17);
        Plan plan;
        plan.seed = seed;
        plan.operations = operations;
        plan.prices = std::array{3U, 5U, 11U, 31U}[seed % 4];
        if (random.once_in(5)) plan.scale = static_cast<Scale>(1 + random.below(3));
        plan.drift = static_cast<Drift>(random.below(4));
        plan.drift_every = 2 + random.below(12);
        plan.largest = std::array{3U, 10U, 20U, 100U, 5000U, 0U}[random.below(6)];
        plan.max_rounds = random.once_in(3) ? std::array{0U, 1U, 1U, 2U, 2U, 3U, 3U}[random.below(7)] : 100;
        plan.live = 4 + random.below(60);
        plan.patient = std::array{0U, 60U, 90U}[random.below(3)];
        plan.stops = std::array{0U, 10U, 30U, 80U}[random.below(4)];
        plan.trails = std::array{0U, 10U, 30U, 100U}[random.below(4)];
        plan.market_data = random.once_in(3) ? 30 : 0;
        plan.trail_methods = random.once_in(2) ? 1 + random.below(4) : 0;
        plan.trail_reach = 1 + random.below(4);
        plan.clear_history = random.below(4);
        const bool is_ladder = plan.scale == Scale::usual || plan.scale == Scale::lowest;
        if (is_ladder && plan.largest > 0 && random.once_in(2)) plan.avalanche_in = 40;
        plan.quiet = random.once_in(2) ? 20 + random.below(100) : 0;
        return plan;
    }
};

/// Draws operations; it looks at the naive exchange to aim at what is there.
class RandomOperations {
  public:
    RandomOperations(const Plan& plan, const ReferenceExchange& exchange)
        : plan_(plan), exchange_(exchange), random_(plan.seed) {
        for (std::uint32_t i = 0; i < plan.trail_methods; ++i) methods_.push_back(new_method());
    }

    Operation next() {
        drift();
        if (!script_.empty()) {
            const Operation next = script_.back();
            script_.pop_back();
            return next;
        }
        if (plan_.avalanche_in > 0 && random_.once_in(plan_.avalanche_in)) avalanche();
        const Draw draw{side(), price(), price(), quantity(), any_id(), time_in_force(), method(), random_.next()};
        if (random_.once_in(200)) return meaningless(draw);
        if (random_.once_in(300)) {
            constexpr std::array kinds = {Operation::Kind::reserve, Operation::Kind::move, Operation::Kind::transplant};
            return kinds[random_.below(3)];
        }
        const std::size_t live = exchange_.resting().size();
        if (live > 2U * plan_.live) {
            if (random_.once_in(3)) return Event::submit_market(draw.side, draw.quantity);
            return Event::cancel(resting_id());
        }
        const bool quiet = is_quiet();
        const auto unless_quiet = [quiet](std::uint32_t weight) { return quiet ? 0 : weight; };
        const std::uint32_t limits = live < plan_.live ? 80 + plan_.stops + plan_.trails : 15;
        const std::uint32_t weights[] = {limits,
                                         unless_quiet(9),
                                         unless_quiet(8),
                                         14,
                                         6,
                                         unless_quiet(10),
                                         plan_.stops,
                                         plan_.trails,
                                         unless_quiet(plan_.market_data),
                                         1,
                                         plan_.clear_history,
                                         1};
        const Quantity to_modify = random_.once_in(40) ? 0 : draw.quantity;
        switch (choose(weights)) {
            case 0: return limit(draw);
            case 1: {
                const TimeInForce at_once = random_.once_in(2) ? TimeInForce::ioc : TimeInForce::fok;
                return Event::submit_limit(draw.side, draw.price, draw.quantity, at_once);
            }
            case 2: return Event::submit_market(draw.side, draw.quantity);
            case 3: return Event::cancel(draw.id);
            case 4: return reduce(draw);
            case 5: return Event::modify(draw.id, draw.price, to_modify);
            case 6: return stop(draw);
            case 7: return trailing_stop(draw);
            case 8: return market_data(draw, to_modify);
            case 9: return Operation::Kind::clear_trades;
            case 10: return Operation::Kind::clear_order_history;
            default: return Operation::Kind::compact;
        }
    }

    /// An id that may be that of anything, or of nothing.
    OrderId any_id() {
        switch (random_.below(20)) {
            case 0: return 0;
            case 1: return exchange_.next_order_id() + random_.below(3);
            case 2: return random_.once_in(2) ? ~OrderId{0} : OrderId{1} << random_.below(64);
            case 3:
            case 4: return random_.below(static_cast<std::uint32_t>(exchange_.next_order_id()) + 1);
            case 5:
            case 6: return stop_id();
            default: return resting_id();
        }
    }

  private:
    /// What an event may need. Drawn in one place, because arguments of a function are evaluated in any order: a seed
    /// has to be the same sequence with every compiler.
    struct Draw {
        Side side;
        Price price;
        Price other;
        Quantity quantity;
        OrderId id;
        TimeInForce time_in_force;
        TrailMethod trail;
        std::uint64_t match;
    };

    /// Nothing trades for a while, so that stops gather; then they all go off.
    [[nodiscard]] bool is_quiet() const { return plan_.quiet > 0 && operations_ / plan_.quiet % 2 == 0; }

    template <std::size_t N>
    std::uint32_t choose(const std::uint32_t (&weights)[N]) {
        std::uint32_t sum = 0;
        for (const std::uint32_t weight : weights) sum += weight;
        std::uint32_t left = random_.below(sum);
        std::uint32_t chosen = 0;
        while (left >= weights[chosen]) left -= weights[chosen++];
        return chosen;
    }

    void drift() {
        if (++operations_ % plan_.drift_every != 0) return;
        switch (plan_.drift) {
            case Plan::Drift::none: break;
            case Plan::Drift::up: ++centre_; break;
            case Plan::Drift::down: --centre_; break;
            case Plan::Drift::swing: {
                const std::int64_t reach = 2 * static_cast<std::int64_t>(plan_.prices);
                centre_ += rising_ ? 1 : -1;
                if (centre_ >= reach) rising_ = false;
                if (centre_ <= -reach) rising_ = true;
            }
        }
    }

    Side side() {
        // A market that drifts is pushed.
        if (plan_.drift == Plan::Drift::up || (plan_.drift == Plan::Drift::swing && rising_)) {
            return random_.below(100) < 58 ? Side::buy : Side::sell;
        }
        if (plan_.drift == Plan::Drift::none) return random_.once_in(2) ? Side::buy : Side::sell;
        return random_.below(100) < 58 ? Side::sell : Side::buy;
    }

    /// The price so many levels from the lowest that orders come at.
    [[nodiscard]] Price price_at(std::int64_t level) {
        constexpr Price largest = std::numeric_limits<Price>::max();
        const std::int64_t at = centre_ + level;
        switch (plan_.scale) {
            case Plan::Scale::usual: return std::max<Price>(10'000 + at, 1);
            case Plan::Scale::lowest: return std::max<Price>(1 + at, 1);
            case Plan::Scale::highest: {
                const std::int64_t below = static_cast<std::int64_t>(plan_.prices) - 1 - at;
                return largest - std::max<std::int64_t>(below, 0);
            }
            case Plan::Scale::wide: break;
        }
        const Price step = largest / plan_.prices;
        const auto clamped = std::clamp<std::int64_t>(at, 0, plan_.prices - 1);
        return 1 + clamped * step + random_.below(2);
    }

    Price price() { return price_at(random_.below(plan_.prices)); }

    /// Now and then far from where orders come.
    Price stop_price(Side side) {
        const auto prices = static_cast<std::int64_t>(plan_.prices);
        const std::int64_t level = random_.below(plan_.prices);
        if (random_.once_in(6)) return price_at(level);
        const auto last = exchange_.last_trade_price();
        if (last && plan_.scale == Plan::Scale::usual && random_.once_in(2)) {
            return side == Side::buy ? *last + 1 + level / 2 : std::max<Price>(*last - 1 - level / 2, 1);
        }
        // Above the market for buys, below for sells: stops that wait.
        return price_at(side == Side::buy ? prices / 2 + level : prices / 2 - level);
    }

    Quantity quantity() {
        if (plan_.largest > 0) return 1 + random_.below(plan_.largest);
        switch (random_.below(4)) {
            case 0: return ~Quantity{0} - random_.below(3);
            case 1: return (Quantity{1} << 63) + random_.below(10);
            case 2: return std::max<Quantity>(random_.next() >> random_.below(64), 1);
            default: return 1 + random_.below(10);
        }
    }

    Event limit(const Draw& draw) {
        if (!is_quiet() && random_.below(100) >= plan_.patient) {
            return Event::submit_limit(draw.side, draw.price, draw.quantity);
        }
        // Bids below, asks above: a book of some depth.
        const std::int64_t level = random_.below((plan_.prices + 1) / 2);
        const Price price = price_at(draw.side == Side::buy ? level : plan_.prices - 1 - level);
        return Event::submit_limit(draw.side, price, draw.quantity);
    }

    Event reduce(const Draw& draw) {
        if (random_.once_in(40)) return Event::reduce(draw.id, 0);
        const auto order = exchange_.get_order(draw.id);
        if (!order || random_.once_in(3)) return Event::reduce(draw.id, draw.quantity);
        if (order->remaining < 1000) {
            return Event::reduce(draw.id, 1 + random_.below(static_cast<std::uint32_t>(order->remaining) + 1));
        }
        return Event::reduce(draw.id, order->remaining - random_.below(3));
    }

    /// Now and then more than a level holds: the price moves, and other stops are reached.
    Quantity stop_quantity(Quantity one) {
        return plan_.largest > 0 && random_.once_in(3) ? one * (2 + random_.below(8)) : one;
    }

    Event stop(const Draw& draw) {
        const Price at = stop_price(draw.side);
        const Quantity quantity = stop_quantity(draw.quantity);
        if (random_.once_in(2)) return Event::submit_stop_market(draw.side, at, quantity);
        return Event::submit_stop_limit(draw.side, at, draw.price, quantity, draw.time_in_force);
    }

    Event trailing_stop(const Draw& draw) {
        const Side side = draw.side;
        const Price at = random_.once_in(2) ? stop_price(side) : price_at(side == Side::buy ? 4 * plan_.prices : 0);
        const Quantity quantity = stop_quantity(draw.quantity);
        if (random_.once_in(2)) return Event::submit_trailing_stop_market(side, at, quantity, draw.trail);
        return Event::submit_trailing_stop_limit(side, at, draw.price, quantity, draw.trail, draw.time_in_force);
    }

    /// Orders one price after another, a stop at each of them, and at last a spark: every round reaches the next stop.
    void avalanche() {
        const Side side = this->side();
        const std::int64_t step = side == Side::buy ? 1 : -1;
        const Price start = exchange_.last_trade_price().value_or(price());
        const std::int64_t length = 2 + random_.below(12);
        const auto at = [&](std::int64_t level) { return std::max<Price>(start + step * level, 1); };
        script_.push_back(Event::submit_market(side, stop_quantity(quantity())));
        for (std::int64_t level = length; level > 0; --level) {
            const Quantity resting = quantity();
            // Enough to go one further, mostly.
            const Quantity wanted = random_.once_in(4) ? quantity() : resting + 1;
            if (random_.once_in(3)) {
                script_.push_back(Event::submit_stop_limit(side, at(level), at(level + random_.below(3)), wanted));
            } else if (random_.once_in(4)) {
                script_.push_back(Event::submit_trailing_stop_market(side, at(level), wanted, method()));
            } else {
                script_.push_back(Event::submit_stop_market(side, at(level), wanted));
            }
            script_.push_back(Event::submit_limit(opposite(side), at(level), resting));
        }
    }

    Event market_data(const Draw& draw, Quantity to_modify) {
        const Price price = random_.once_in(50) ? 0 : draw.price;
        switch (random_.below(8)) {
            case 0:
            case 1:
            case 2: return Event::submit_limit(draw.side, price, draw.quantity, TimeInForce::gtc, false);
            case 3: return Event::modify(draw.id, price, to_modify, false);
            case 4: return Event::trade(draw.side, price, draw.quantity, draw.match);
            default: {
                const Price at = random_.once_in(3) ? price : Event::own_price;
                return Event::execute(draw.id, draw.quantity, draw.match, at, !random_.once_in(4));
            }
        }
    }

    /// What every exchange has to refuse.
    Event meaningless(const Draw& draw) {
        const Price wrong = random_.once_in(2) ? 0 : -1 - static_cast<Price>(random_.below(5));
        const auto& [side, price, other, quantity, id, time_in_force, trail, match] = draw;
        const auto no_number = TrailMethod::percentage(std::numeric_limits<double>::quiet_NaN());
        switch (random_.below(14)) {
            case 0: return Event::submit_limit(side, wrong, quantity, time_in_force);
            case 1: return Event::submit_limit(side, price, 0, time_in_force);
            case 2: return Event::submit_market(side, 0);
            case 3: return Event::modify(id, wrong, quantity);
            case 4: return Event::submit_stop_market(side, wrong, quantity);
            case 5: return Event::submit_stop_limit(side, price, wrong, quantity);
            case 6: return Event::submit_stop_limit(side, price, other, 0);
            case 7: return Event::submit_trailing_stop_market(side, price, quantity, TrailMethod::fixed(wrong));
            case 8: return Event::submit_trailing_stop_market(side, price, quantity, no_number);
            case 9: return Event::submit_trailing_stop_limit(side, price, wrong, quantity, trail);
            case 10: return Event::submit_trailing_stop_limit(side, price, other, quantity, TrailMethod::atr(1, 0));
            case 11: return Event::execute(id, 0, match);
            case 12: return Event::submit_limit(side, price, quantity, TimeInForce::fok, false);
            default: return Event::trade(side, -1, quantity, match);
        }
    }

    TimeInForce time_in_force() { return static_cast<TimeInForce>(random_.below(3)); }

    TrailMethod method() {
        if (methods_.empty()) return new_method();
        return methods_[random_.below(static_cast<std::uint32_t>(methods_.size()))];
    }

    TrailMethod new_method() {
        constexpr std::array factors = {1e-300, 1e-6, 1e-4, 0.0005, 0.001, 0.002, 0.01,
                                        0.1,    0.25, 0.5,  1.0,    1.5,   1e300};
        constexpr std::array periods = {1U, 2U, 3U, 5U, 14U, 50U};
        const auto any_of = [&](const auto& values) {
            return values[random_.below(static_cast<std::uint32_t>(values.size()))];
        };
        // A part that is no round number, so that rounding matters.
        const double part = 1 + random_.below(1'000'000) * 0x1p-20;
        const double factor = any_of(factors);
        const std::uint32_t period = random_.once_in(20) ? ~0U - random_.below(2) : any_of(periods);
        const bool round = random_.once_in(4);
        switch (random_.below(3)) {
            case 0: {
                const Price offset = 1 + random_.below(plan_.trail_reach * plan_.prices);
                if (random_.once_in(50)) return TrailMethod::fixed(std::numeric_limits<Price>::max() - offset);
                const bool is_wide = plan_.scale == Plan::Scale::wide && plan_.trail_reach == 1;
                return TrailMethod::fixed(is_wide ? offset * (std::numeric_limits<Price>::max() / 64) : offset);
            }
            case 1: {
                const double unit = plan_.scale > Plan::Scale::lowest ? 1e-18 : 0.0003;
                return TrailMethod::percentage(round ? factor : part * unit * plan_.trail_reach);
            }
            default: return TrailMethod::atr(round ? factor : part * plan_.trail_reach, period);
        }
    }

    OrderId resting_id() {
        const auto& resting = exchange_.resting();
        if (resting.empty()) return 1;
        return std::next(resting.begin(), random_.below(static_cast<std::uint32_t>(resting.size())))->id;
    }

    OrderId stop_id() {
        const auto& pending = exchange_.pending();
        if (pending.empty()) return 1;
        return std::next(pending.begin(), random_.below(static_cast<std::uint32_t>(pending.size())))->first;
    }

    Plan plan_;
    const ReferenceExchange& exchange_;
    detail::Random random_;
    std::vector<TrailMethod> methods_;
    std::vector<Event> script_;  // what comes next, last first
    std::uint64_t operations_ = 0;
    std::int64_t centre_ = 0;
    bool rising_ = true;
};

}  // namespace nanobook::test
