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

#if defined(__x86_64__)
#include <immintrin.h>
#endif

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
        overdrawn,  // not 0: by a sale
        n_outputs
    };

    double initial_cash;
    double risk_free;
    bool has_fees;
    bool has_least_fees;
    bool has_slippage;
    std::size_t lanes;
    std::size_t tail_size;  // 0: the returns are to be kept in `returns`
    double* inputs;
    double* outputs;
    double* held;     // symbols x lanes
    double* shares;   // symbols x lanes: those of the orders of one vector
    double* tails;    // tail_size x lanes
    double* returns;  // bars x lanes, or null
    double* curve;    // bars x lanes, or null
    bool (*goes_on)(void*);
    void* context;
};

/// How many of the lowest returns are kept sorted as they come; where more are wanted, all returns are kept instead.
inline constexpr std::size_t longest_tail = 192;

[[nodiscard]] inline std::size_t lanes_of(SimdLevel level, bool wide) noexcept {
    const std::size_t width = level == SimdLevel::avx512 ? 8 : level == SimdLevel::avx2 ? 4 : 2;
    return wide ? 4 * width : width;
}

// The kernel, once for each kind of processor. `multiply_add` is a * b + c where that is exact, so that it does not
// matter whether a processor rounds in between.

#define NANOBOOK_LANES_TARGET [[gnu::always_inline]]
#define NANOBOOK_LANES_LAMBDA __attribute__((always_inline))
namespace baseline {
template <class V>
NANOBOOK_LANES_TARGET inline void multiply_add(V& sum, const V& a, const V& b, const V& c) {
    NANOBOOK_NO_CONTRACTION
    sum = a * b + c;
}
#include <nanobook/detail/lanes_kernel.inc>
}  // namespace baseline
#undef NANOBOOK_LANES_LAMBDA
#undef NANOBOOK_LANES_TARGET

NANOBOOK_EXACT_FLOAT inline bool run_lanes_baseline(const LaneMarket& market, const LanePlan& plan, LaneBlock& block) {
    return baseline::run_lanes<2>(market, plan, block);
}

#if defined(__x86_64__)
#define NANOBOOK_LANES_TARGET [[gnu::always_inline, gnu::target("avx2,fma")]]
#define NANOBOOK_LANES_LAMBDA __attribute__((always_inline, target("avx2,fma")))
namespace avx2 {
NANOBOOK_LANES_TARGET inline void multiply_add(Doubles<4>& sum, const Doubles<4>& a, const Doubles<4>& b,
                                               const Doubles<4>& c) {
    sum = _mm256_fmadd_pd(a, b, c);
}
#include <nanobook/detail/lanes_kernel.inc>
}  // namespace avx2
#undef NANOBOOK_LANES_LAMBDA
#undef NANOBOOK_LANES_TARGET

NANOBOOK_EXACT_FLOAT [[gnu::target("avx2,fma")]] inline bool run_lanes_avx2(const LaneMarket& market,
                                                                            const LanePlan& plan, LaneBlock& block) {
    return avx2::run_lanes<4>(market, plan, block);
}

#define NANOBOOK_LANES_TARGET [[gnu::always_inline, gnu::target("avx512f,avx512dq,avx512vl")]]
#define NANOBOOK_LANES_LAMBDA __attribute__((always_inline, target("avx512f,avx512dq,avx512vl")))
namespace avx512 {
NANOBOOK_LANES_TARGET inline void multiply_add(Doubles<8>& sum, const Doubles<8>& a, const Doubles<8>& b,
                                               const Doubles<8>& c) {
    sum = _mm512_fmadd_pd(a, b, c);
}
#include <nanobook/detail/lanes_kernel.inc>
}  // namespace avx512
#undef NANOBOOK_LANES_LAMBDA
#undef NANOBOOK_LANES_TARGET

NANOBOOK_EXACT_FLOAT
[[gnu::target("avx512f,avx512dq,avx512vl")]] inline bool run_lanes_avx512(const LaneMarket& market,
                                                                          const LanePlan& plan, LaneBlock& block) {
    return avx512::run_lanes<8>(market, plan, block);
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
