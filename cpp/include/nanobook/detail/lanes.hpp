// Many backtests of equal weights at once, one in each lane of a vector: those that are rebalanced on the same bars, to
// the same symbols, and differ in costs, buffers and leverage.
//
// Money and shares are whole numbers in doubles, exact below 2^53. Every lane does what Portfolio::rebalance does, step
// by step, so that it comes to the same cents, and to the same bits of every ratio. What a lane cannot do exactly (an
// amount too large, a ruin, a sale that costs more than it brings) is marked, and left to Portfolio.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <vector>

#include <nanobook/detail/exact_float.hpp>
#include <nanobook/detail/return_statistics.hpp>
#include <nanobook/detail/simd.hpp>
#include <nanobook/portfolio/cost_model.hpp>

// Whatever has vectors as parameters here is inlined.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace nanobook::detail {

/// Memory that vectors of any width may be read from.
class AlignedDoubles {
  public:
    AlignedDoubles() noexcept = default;
    explicit AlignedDoubles(std::size_t size)
        : memory_(static_cast<double*>(::operator new(size * sizeof(double), alignment))) {}

    [[nodiscard]] double* get() const noexcept { return memory_.get(); }

  private:
    static constexpr std::align_val_t alignment{64};
    struct Free {
        void operator()(double* memory) const noexcept { ::operator delete(memory, alignment); }
    };
    std::unique_ptr<double[], Free> memory_;
};

/// The prices, row by row.
struct LaneMarket {
    std::size_t bars;
    std::size_t symbols;
    const double* prices;
    const double* reciprocals;
};

/// What the lanes of a block have in common: on which bars to trade, and in what.
struct LanePlan {
    struct Step {
        std::size_t bar;
        std::size_t n_targets;
        const std::uint8_t* is_target;  // by symbol; null: all are
        bool repeats;                   // the step before, at the same prices: nothing is traded
    };
    std::vector<Step> steps;
};

/// What the lanes are given, and what they come to: arrays of a value a lane.
struct LaneBlock {
    enum Input : std::size_t { commission, slippage, min_trade_fee, weight, borrowing, n_inputs };
    enum Output : std::size_t {
        equity,
        cash,
        min_cash,
        fees,
        turnover,
        orders,
        resized,
        trough,
        tail,
        mean,
        squares,
        downside,
        gains,
        losses,
        winning,
        losing,
        lowest,     // equity
        highest,    // equity
        largest,    // product
        overdrawn,  // not 0: by a sale
        n_outputs
    };

    double initial_cash;
    double risk_free;
    bool has_costs;
    bool has_slippage;
    std::size_t lanes;
    std::size_t tail_size;  // 0: the returns are to be kept in `returns`
    double* inputs;
    double* outputs;
    double* held;     // symbols x lanes
    double* orders_;  // symbols x lanes
    double* tails;    // tail_size x lanes
    double* returns;  // bars x lanes, or null
    double* curve;    // bars x lanes, or null
    bool (*goes_on)(void*);
    void* context;
};

/// How many of the lowest returns are kept sorted as they come; where more are wanted, all returns are kept instead.
inline constexpr std::size_t longest_tail = 192;

template <class V, std::size_t Vectors>
class Lanes {
  public:
    static constexpr std::size_t width = width_of<V>;
    static constexpr std::size_t lanes = width * Vectors;

    /// False where it was told not to go on.
    [[gnu::always_inline]] static inline bool run(const LaneMarket& market, const LanePlan& plan, LaneBlock& block) {
        NANOBOOK_NO_CONTRACTION
        const V zero{};
        const V start = zero + block.initial_cash;
        State state[Vectors];
        ReturnStatistics<V> sums[Vectors];
        Drawdown<V> drawdowns[Vectors];
        V before[Vectors];
        V now[Vectors];
        V lowest[Vectors];
        for (std::size_t u = 0; u < Vectors; ++u) {
            state[u].cash = state[u].min_cash = before[u] = now[u] = lowest[u] = start;
            drawdowns[u] = Drawdown<V>(block.initial_cash);
        }
        for (std::size_t i = 0; i < market.symbols * Vectors; ++i) at(block.held, i) = zero;
        for (std::size_t i = 0; i < block.tail_size * Vectors; ++i) {
            at(block.tails, i) = zero + std::numeric_limits<double>::infinity();
        }

        std::size_t step = 0;
        for (std::size_t bar = 0; bar < market.bars; ++bar) {
            if (bar % 64 == 0 && !block.goes_on(block.context)) return false;
            const double* const prices = market.prices + bar * market.symbols;
            for (std::size_t u = 0; u < Vectors; ++u) now[u] = state[u].cash;
            for (std::size_t symbol = 0; symbol < market.symbols; ++symbol) {
                for (std::size_t u = 0; u < Vectors; ++u) {
                    now[u] = now[u] + at(block.held, symbol * Vectors + u) * prices[symbol];
                }
            }
            if (step < plan.steps.size() && plan.steps[step].bar == bar) {
                if (!plan.steps[step].repeats) {
                    const double* const reciprocals = market.reciprocals + bar * market.symbols;
                    for (std::size_t u = 0; u < Vectors; ++u) {
                        rebalance(market, plan.steps[step], prices, reciprocals, block, u, state[u], now[u]);
                    }
                }
                ++step;
            }
            for (std::size_t u = 0; u < Vectors; ++u) lowest[u] = now[u] < lowest[u] ? now[u] : lowest[u];
            if (block.curve != nullptr) {
                for (std::size_t u = 0; u < Vectors; ++u)
                    at(block.curve, bar * Vectors + u) = bar == 0 ? start : now[u];
            }
            if (bar == 0) continue;

            V changes[Vectors];
            const double share = 1.0 / static_cast<double>(bar);
            for (std::size_t u = 0; u < Vectors; ++u) {
                changes[u] = now[u] / before[u] - 1.0;
                before[u] = now[u];
                sums[u].add(changes[u], share, block.risk_free);
            }
            auto falls = zero < zero;
            for (std::size_t u = 0; u < Vectors; ++u) drawdowns[u].rise(now[u], falls);
            if (any(falls)) {
                for (std::size_t u = 0; u < Vectors; ++u) drawdowns[u].fall(now[u]);
            }
            if (block.tail_size != 0) {
                keep_lowest(block, changes);
            } else {
                for (std::size_t u = 0; u < Vectors; ++u) at(block.returns, (bar - 1) * Vectors + u) = changes[u];
            }
        }

        for (std::size_t u = 0; u < Vectors; ++u) {
            const auto put = [&](LaneBlock::Output output, const V& value)
                                 __attribute__((always_inline)) { at(block.outputs, output * Vectors + u) = value; };
            V tail = zero;
            for (std::size_t i = 0; i < block.tail_size; ++i) tail = tail + at(block.tails, i * Vectors + u);
            put(LaneBlock::equity, now[u]);
            put(LaneBlock::cash, state[u].cash);
            put(LaneBlock::min_cash, state[u].min_cash);
            put(LaneBlock::fees, state[u].fees);
            put(LaneBlock::turnover, state[u].turnover);
            put(LaneBlock::orders, state[u].orders);
            put(LaneBlock::resized, state[u].resized);
            put(LaneBlock::trough, drawdowns[u].trough);
            put(LaneBlock::tail, tail / static_cast<double>(block.tail_size));
            put(LaneBlock::mean, sums[u].mean);
            put(LaneBlock::squares, sums[u].squares);
            put(LaneBlock::downside, sums[u].downside);
            put(LaneBlock::gains, sums[u].gains);
            put(LaneBlock::losses, sums[u].losses);
            put(LaneBlock::winning, sums[u].winning);
            put(LaneBlock::losing, sums[u].losing);
            put(LaneBlock::lowest, lowest[u]);
            put(LaneBlock::highest, drawdowns[u].peak);
            put(LaneBlock::largest, state[u].largest);
            put(LaneBlock::overdrawn, state[u].overdrawn);
        }
        return true;
    }

  private:
    struct State {
        V cash{};
        V min_cash{};
        V fees{};
        V turnover{};
        V orders{};
        V resized{};
        V largest{};
        V overdrawn{};
    };

    static constexpr double unit = static_cast<double>(CostModel::unit);

    [[gnu::always_inline]] static V& at(double* values, std::size_t vector) {
        return *reinterpret_cast<V*>(values + vector * width);
    }

    // What an order of `shares`, bought where they are positive, is filled at.
    [[gnu::always_inline]] static void fill_price(V& price, const V& shares, const V& slippage) {
        NANOBOOK_NO_CONTRACTION
        const V zero{};
        V product = price * (unit + (shares > zero ? slippage : -slippage)) + unit / 2;
        divide_lanes(product, unit, 1.0 / unit);
        price = product;
    }

    // Of an order of `shares`, in either direction.
    [[gnu::always_inline]] static void fee_of(V& fee, const V& shares, const V& notional, const V& commission,
                                              const V& least, V& largest) {
        NANOBOOK_NO_CONTRACTION
        fee = notional * commission + unit / 2;
        largest = fee > largest ? fee : largest;
        divide_lanes(fee, unit, 1.0 / unit);
        const V zero{};
        fee = fee < least ? least : fee;
        fee = shares == zero ? zero : fee;
    }

    // `now` is the equity before, and then that after.
    [[gnu::always_inline]] static void rebalance(const LaneMarket& market, const LanePlan::Step& step,
                                                 const double* prices, const double* reciprocals, LaneBlock& block,
                                                 std::size_t u, State& state, V& now) {
        NANOBOOK_NO_CONTRACTION
        const V zero{};
        const V one = zero + 1.0;
        const V commission = at(block.inputs, LaneBlock::commission * Vectors + u);
        const V slippage = at(block.inputs, LaneBlock::slippage * Vectors + u);
        const V least_fee = at(block.inputs, LaneBlock::min_trade_fee * Vectors + u);

        V value = at(block.inputs, LaneBlock::weight * Vectors + u) / static_cast<double>(step.n_targets) * now;
        floor_lanes(value);
        V cash = state.cash;
        V sold{}, sale_fees{}, bought{}, fees{}, least_fees{};
        for (std::size_t symbol = 0; symbol < market.symbols; ++symbol) {
            V shares = zero - at(block.held, symbol * Vectors + u);
            if (prices[symbol] > 0 && (step.is_target == nullptr || step.is_target[symbol] != 0)) {
                V wanted = value;
                divide_lanes(wanted, prices[symbol], reciprocals[symbol]);
                shares = wanted + shares;
            }
            at(block.orders_, symbol * Vectors + u) = shares;
            V price = zero + prices[symbol];
            if (block.has_slippage) fill_price(price, shares, slippage);
            const auto buys = shares > zero;
            const V notional = (buys ? shares : zero - shares) * price;
            sold = sold + (buys ? zero : notional);
            bought = bought + (buys ? notional : zero);
            if (block.has_costs) {
                V fee;
                fee_of(fee, shares, notional, commission, least_fee, state.largest);
                sale_fees = sale_fees + (buys ? zero : fee);
                fees = fees + (buys ? fee : zero);
                const V is_least = fee == least_fee ? fee : zero;
                least_fees = least_fees + (buys ? is_least : zero);
            }
        }
        cash = cash + (sold - sale_fees);
        V borrowed = at(block.inputs, LaneBlock::borrowing * Vectors + u) * now;
        floor_lanes(borrowed);
        state.overdrawn = state.overdrawn + ((cash < zero ? one : zero) * (borrowed == zero ? one : zero));
        const V available = cash + borrowed;
        const V excess = (bought + fees > available ? one : zero) * (bought > zero ? one : zero);
        if (any(excess > zero)) shrink(market, prices, block, u, state, available, excess, least_fees, bought, fees);

        V equity = cash - (bought + fees);
        state.cash = equity;
        state.min_cash = equity < state.min_cash ? equity : state.min_cash;
        V orders = state.orders;
        for (std::size_t symbol = 0; symbol < market.symbols; ++symbol) {
            V& held = at(block.held, symbol * Vectors + u);
            const V shares = at(block.orders_, symbol * Vectors + u);
            held = held + shares;
            orders = orders + (shares == zero ? zero : one);
            equity = equity + held * prices[symbol];
        }
        state.orders = orders;
        state.resized = state.resized + excess;
        state.fees = state.fees + (sale_fees + fees);
        state.turnover = state.turnover + (sold + bought) / now;
        now = equity;
    }

    // As Portfolio::shrink_buys. `excess` is 1 where the buys are too large, or else 0.
    [[gnu::always_inline]] static void shrink(const LaneMarket& market, const double* prices, LaneBlock& block,
                                              std::size_t u, State& state, const V& available, const V& excess,
                                              const V& least_fees, V& bought, V& fees) {
        NANOBOOK_NO_CONTRACTION
        const V zero{};
        const V one = zero + 1.0;
        const V commission = at(block.inputs, LaneBlock::commission * Vectors + u);
        const V slippage = at(block.inputs, LaneBlock::slippage * Vectors + u);
        const V least_fee = at(block.inputs, LaneBlock::min_trade_fee * Vectors + u);
        const V ratio = (available - least_fees) / (bought + fees - least_fees);
        V factor = available > least_fees ? ratio : zero;
        factor = excess > zero ? factor : one;
        V notionals{}, all_fees{};
        for (double repeat = 1;; repeat *= 2) {
            notionals = all_fees = zero;
            for (std::size_t symbol = 0; symbol < market.symbols; ++symbol) {
                const V shares = at(block.orders_, symbol * Vectors + u);
                V buys = (shares > zero ? shares : zero) * factor;
                floor_lanes(buys);
                V price = zero + prices[symbol];
                if (block.has_slippage) fill_price(price, one, slippage);
                const V notional = buys * price;
                notionals = notionals + notional;
                if (block.has_costs) {
                    V fee;
                    fee_of(fee, buys, notional, commission, least_fee, state.largest);
                    all_fees = all_fees + fee;
                }
            }
            const V over = notionals + all_fees - available;
            const V is_over = (over > zero ? excess : zero) * (factor > zero ? one : zero);
            if (!any(is_over > zero)) break;
            V less = factor - over * repeat / bought;
            less = less < zero ? zero : less;
            factor = is_over > zero ? less : factor;
        }
        for (std::size_t symbol = 0; symbol < market.symbols; ++symbol) {
            V& shares = at(block.orders_, symbol * Vectors + u);
            V buys = shares * factor;
            floor_lanes(buys);
            shares = shares > zero ? buys : shares;
        }
        bought = notionals;
        fees = all_fees;
    }

    [[gnu::always_inline]] static void keep_lowest(LaneBlock& block, const V (&changes)[Vectors]) {
        double* const last = block.tails + (block.tail_size - 1) * lanes;
        auto lower = changes[0] < at(last, 0);
        for (std::size_t u = 1; u < Vectors; ++u) lower = lower | (changes[u] < at(last, u));
        if (!any(lower)) return;
        for (std::size_t u = 0; u < Vectors; ++u) {
            V change = changes[u];
            for (std::size_t i = 0; i < block.tail_size; ++i) {
                V& kept = at(block.tails, i * Vectors + u);
                const V least = change < kept ? change : kept;
                change = change < kept ? kept : change;
                kept = least;
            }
        }
    }
};

// One function a kind of processor. `wide`: several vectors at once, for which there must be as many lanes in the
// block.

[[nodiscard]] inline std::size_t lanes_of(SimdLevel level, bool wide) noexcept {
    const std::size_t width = level == SimdLevel::avx512 ? 8 : level == SimdLevel::avx2 ? 4 : 2;
    return wide ? 4 * width : width;
}

NANOBOOK_EXACT_FLOAT inline bool run_lanes_baseline(const LaneMarket& market, const LanePlan& plan, LaneBlock& block) {
    if (block.lanes == 8) return Lanes<Doubles<2>, 4>::run(market, plan, block);
    return Lanes<Doubles<2>, 1>::run(market, plan, block);
}

#if defined(__x86_64__)
NANOBOOK_EXACT_FLOAT [[gnu::target("avx2")]] inline bool run_lanes_avx2(const LaneMarket& market, const LanePlan& plan,
                                                                        LaneBlock& block) {
    if (block.lanes == 16) return Lanes<Doubles<4>, 4>::run(market, plan, block);
    return Lanes<Doubles<4>, 1>::run(market, plan, block);
}
NANOBOOK_EXACT_FLOAT [[gnu::target("avx512f,avx512dq,avx512vl")]] inline bool run_lanes_avx512(const LaneMarket& market,
                                                                                               const LanePlan& plan,
                                                                                               LaneBlock& block) {
    if (block.lanes == 32) return Lanes<Doubles<8>, 4>::run(market, plan, block);
    return Lanes<Doubles<8>, 1>::run(market, plan, block);
}
#endif

/// block.lanes is lanes_of the level.
inline bool run_lanes(SimdLevel level, const LaneMarket& market, const LanePlan& plan, LaneBlock& block) {
#if defined(__x86_64__)
    if (level == SimdLevel::avx512) return run_lanes_avx512(market, plan, block);
    if (level == SimdLevel::avx2) return run_lanes_avx2(market, plan, block);
#endif
    return run_lanes_baseline(market, plan, block);
}

}  // namespace nanobook::detail

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
