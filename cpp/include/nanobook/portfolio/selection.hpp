// Which symbols a portfolio of equal weights holds: all that there are, or those that have risen most.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <nanobook/core/types.hpp>
#include <nanobook/portfolio/prices.hpp>

namespace nanobook {

struct SelectionRules {
    std::uint32_t lookback = 0;     ///< bars over which the change of a price is its score; 0: there are no scores
    std::uint32_t skip = 0;         ///< the last so many bars are left out of the score
    std::uint32_t top_k = 0;        ///< so many of the best scores; 0: all that have one
    Price min_price = 0;            ///< now
    std::uint32_t min_history = 0;  ///< prices so far

    friend bool operator==(const SelectionRules&, const SelectionRules&) = default;
    friend auto operator<=>(const SelectionRules&, const SelectionRules&) = default;
};

/// The symbols by score, best first, for each bar: worked out once, and shared by all that ask for the same scores.
class Ranking {
  public:
    Ranking(const PriceBlock& prices, std::uint32_t lookback, std::uint32_t skip) {
        const std::size_t width = prices.symbols().size();
        // Ties go by name, so that the order of the columns decides nothing.
        std::vector<std::uint32_t> by_name(width);
        std::iota(by_name.begin(), by_name.end(), 0u);
        std::ranges::sort(by_name, {},
                          [&](std::uint32_t symbol) -> const std::string& { return prices.symbols()[symbol]; });
        std::vector<double> scores(width);
        begins_.push_back(0);
        for (std::size_t bar = 0; bar < prices.bars(); ++bar) {
            const std::size_t first = ranked_.size();
            if (bar >= std::size_t{skip} + lookback) {
                const auto now = prices.row(bar - skip);
                const auto then = prices.row(bar - skip - lookback);
                for (const std::uint32_t symbol : by_name) {
                    if (then[symbol] == 0) continue;
                    scores[symbol] = static_cast<double>(now[symbol]) / static_cast<double>(then[symbol]) - 1.0;
                    ranked_.push_back(symbol);
                }
            }
            std::stable_sort(ranked_.begin() + static_cast<std::ptrdiff_t>(first), ranked_.end(),
                             [&](std::uint32_t a, std::uint32_t b) { return scores[a] > scores[b]; });
            begins_.push_back(ranked_.size());
        }
    }

    [[nodiscard]] std::span<const std::uint32_t> at(std::size_t bar) const noexcept {
        return std::span(ranked_).subspan(begins_[bar], begins_[bar + 1] - begins_[bar]);
    }

  private:
    std::vector<std::uint32_t> ranked_;
    std::vector<std::size_t> begins_;
};

/// Calls `take(symbol)` for the symbols chosen at a bar, each of which has had a price, and is not `excluded`.
template <class Take>
void select(const SelectionRules& rules, const Ranking* ranking, const PriceBlock& prices, std::size_t bar,
            std::span<const std::uint32_t> excluded, Take take) {
    const auto row = prices.row(bar);
    const auto is_eligible = [&](std::uint32_t symbol) {
        return row[symbol] != 0 && row[symbol] >= rules.min_price && prices.history(bar, symbol) >= rules.min_history &&
               std::ranges::find(excluded, symbol) == excluded.end();
    };
    if (ranking == nullptr) {
        for (std::uint32_t symbol = 0; symbol < row.size(); ++symbol) {
            if (is_eligible(symbol)) take(symbol);
        }
        return;
    }
    std::uint32_t taken = 0;
    for (const std::uint32_t symbol : ranking->at(bar)) {
        if (!is_eligible(symbol)) continue;
        take(symbol);
        if (++taken == rules.top_k) return;
    }
}

}  // namespace nanobook
