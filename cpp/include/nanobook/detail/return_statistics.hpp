// Sums over a series of returns: of one series, where V is double, or of as many at once as a vector of doubles has.
// Every lane comes to the bits that a double would.
#pragma once

#include <nanobook/detail/exact_float.hpp>

namespace nanobook::detail {

template <class V>
struct ReturnStatistics {
    V mean{};
    V squares{};   // of the differences from the mean
    V downside{};  // squares of what is below the risk-free rate
    V gains{};
    V losses{};
    V winning{};
    V losing{};

    /// The next return, of which `share` is 1 / its number from 1. The mean is Welford's: it stays right where the
    /// returns are all but equal, and their variance is 0 where they are equal.
    [[gnu::always_inline]] void add(const V& change, double share, double risk_free) {
        NANOBOOK_NO_CONTRACTION
        const V zero{};
        const V one = zero + 1.0;
        const V difference = change - mean;
        mean = mean + difference * share;
        squares = squares + difference * (change - mean);
        const V excess = change - risk_free;
        const V below = excess < zero ? excess : zero;
        downside = downside + below * below;
        gains = gains + (change > zero ? change : zero);
        losses = losses + (change < zero ? change : zero);
        winning = winning + (change > zero ? one : zero);
        losing = losing + (change < zero ? one : zero);
    }
};

/// The deepest fall of a series from its peak.
template <class V>
struct Drawdown {
    V peak{};
    V trough{};  // the least value as a part of the peak before it; at most 1

    Drawdown() noexcept = default;
    [[gnu::always_inline]] explicit Drawdown(double first) : peak(V{} + first), trough(V{} + 1.0) {}

    /// Adds 1 to `falls` where the value is a new trough, to be told to `fall`, which divides and is seldom needed.
    [[gnu::always_inline]] void rise(const V& value, V& falls) {
        const V zero{};
        const V one = zero + 1.0;
        peak = value > peak ? value : peak;
        const V deepest = trough * peak;
        falls = falls + (value < deepest ? one : zero);
    }
    [[gnu::always_inline]] void fall(const V& value) {
        const V part = value / peak;
        trough = part < trough ? part : trough;
    }
};

}  // namespace nanobook::detail
