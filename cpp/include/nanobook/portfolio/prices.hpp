// Prices of several symbols over several bars.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include <nanobook/core/types.hpp>
#include <nanobook/detail/hasher.hpp>
#include <nanobook/detail/refuse.hpp>
#include <nanobook/portfolio/portfolio.hpp>

namespace nanobook {

/// What is done about a price that is missing.
enum class NullPolicy : std::uint8_t {
    raise,  ///< it is refused
    carry,  ///< a position is valued at the last price; the symbol is not traded at that bar
};

/// A column of prices, which stays where it is: it must outlive what is made of it.
struct PriceColumn {
    std::string symbol;
    std::span<const Price> prices;
    std::span<const std::uint8_t> valid = {};  ///< 0 where the price is missing; empty: none is
};

/// Prices bar by bar, checked, with missing ones carried.
class PriceBlock {
  public:
    /// Columns of equal length, one a symbol. dates: days since 1970-01-01, in ascending order, one a bar; or none.
    /// Throws std::invalid_argument that names column and row.
    explicit PriceBlock(std::span<const PriceColumn> columns, NullPolicy nulls = NullPolicy::raise,
                        std::vector<std::int32_t> dates = {})
        : dates_(std::move(dates)) {
        if (columns.empty()) throw std::invalid_argument("the prices have no column of a symbol");
        bars_ = columns.front().prices.size();
        if (bars_ == 0) throw std::invalid_argument("the prices have no rows");
        std::unordered_set<std::string_view> seen;
        for (const PriceColumn& column : columns) {
            if (!seen.insert(column.symbol).second) {
                throw std::invalid_argument("two columns are named " + column.symbol);
            }
            if (column.prices.size() != bars_) {
                throw std::invalid_argument("column " + column.symbol + " has " + std::to_string(column.prices.size()) +
                                            " rows, column " + columns.front().symbol + " " + std::to_string(bars_));
            }
            symbols_.push_back(column.symbol);
        }
        check_dates();
        marks_ = std::make_unique_for_overwrite<Price[]>(bars_ * columns.size());
        transpose(columns);
        for (std::size_t i = 0; i < columns.size(); ++i) check_column(columns[i], i, nulls);
    }

    [[nodiscard]] std::size_t bars() const noexcept { return bars_; }
    [[nodiscard]] const std::vector<std::string>& symbols() const noexcept { return symbols_; }
    /// Empty where there are none.
    [[nodiscard]] const std::vector<std::int32_t>& dates() const noexcept { return dates_; }
    [[nodiscard]] bool has_nulls() const noexcept { return !tradable_.empty(); }

    /// The prices of a bar, by symbol; 0 where there was none yet.
    [[nodiscard]] std::span<const Price> row(std::size_t bar) const noexcept {
        return {marks_.get() + bar * symbols_.size(), symbols_.size()};
    }
    [[nodiscard]] Quotes quotes(std::size_t bar) const noexcept {
        Quotes quotes{row(bar)};
        if (has_nulls()) quotes.tradable = std::span(tradable_).subspan(bar * symbols_.size(), symbols_.size());
        return quotes;
    }
    /// How many prices of a symbol were not missing, up to and with this bar.
    [[nodiscard]] std::size_t history(std::size_t bar, std::size_t symbol) const noexcept {
        return has_nulls() ? history_[bar * symbols_.size() + symbol] : bar + 1;
    }

    /// Whether a price is missing after one that was not: a position can be held that cannot be traded.
    [[nodiscard]] bool has_gaps() const noexcept { return has_gaps_; }
    /// No price is above it.
    [[nodiscard]] double bound() const noexcept { return static_cast<double>(most_); }

    /// Of the symbols with their prices, in whatever order they stand, and of the dates.
    [[nodiscard]] std::uint64_t hash() const {
        const std::size_t width = symbols_.size();
        std::vector<detail::Hasher> hashers(width);
        for (std::size_t symbol = 0; symbol < width; ++symbol) {
            for (const char letter : symbols_[symbol]) hashers[symbol].add(letter);
        }
        // Row by row, so that the hashes do not wait for each other.
        for (std::size_t bar = 0; bar < bars_; ++bar) {
            const Quotes quotes = this->quotes(bar);
            for (std::size_t symbol = 0; symbol < width; ++symbol) hashers[symbol].add(quotes.tradable_price(symbol));
        }
        detail::Hasher hasher;
        std::uint64_t all = 0;
        for (const detail::Hasher& one : hashers) all += one.value();
        hasher.add(all);
        for (const std::int32_t date : dates_) hasher.add(date);
        return hasher.value();
    }

  private:
    void check_dates() const {
        if (dates_.empty()) return;
        if (dates_.size() != bars_) {
            throw std::invalid_argument("there are " + std::to_string(dates_.size()) + " dates for " +
                                        std::to_string(bars_) + " rows");
        }
        const auto fall = std::ranges::adjacent_find(dates_, [](auto a, auto b) { return b < a; });
        if (fall == dates_.end()) return;
        throw std::invalid_argument("the dates must ascend; that in row " + std::to_string(fall - dates_.begin() + 1) +
                                    " is before the one above it");
    }

    // In tiles, so that neither side leaves the cache between two of its values.
    void transpose(std::span<const PriceColumn> columns) {
        constexpr std::size_t tile = 16;
        const std::size_t width = columns.size();
        for (std::size_t first = 0; first < width; first += tile) {
            const std::size_t last = std::min(width, first + tile);
            for (std::size_t top = 0; top < bars_; top += tile) {
                const std::size_t bottom = std::min(bars_, top + tile);
                for (std::size_t symbol = first; symbol < last; ++symbol) {
                    const Price* const prices = columns[symbol].prices.data();
                    for (std::size_t bar = top; bar < bottom; ++bar) marks_[bar * width + symbol] = prices[bar];
                }
            }
        }
    }

    void check_column(const PriceColumn& column, std::size_t symbol, NullPolicy nulls) {
        // The sign of `any` is set where a price is not above 0, and `all` has every bit that one has: no comparison,
        // which would take the prices one by one.
        std::uint64_t any = 0;
        std::uint64_t all = 0;
        for (const Price price : column.prices) {
            const auto bits = static_cast<std::uint64_t>(price);
            any |= bits | (bits - 1);
            all |= bits;
        }
        most_ |= all;
        const bool has_nulls = std::ranges::find(column.valid, std::uint8_t{0}) != column.valid.end();
        if (any >> 63 == 0 && !has_nulls) return;
        if (has_nulls && nulls == NullPolicy::carry) make_room_for_nulls();
        const std::size_t width = symbols_.size();
        Price last = 0;
        std::uint32_t seen = 0;
        for (std::size_t bar = 0; bar < bars_; ++bar) {
            const std::size_t at = bar * width + symbol;
            if (has_nulls && column.valid[bar] == 0) {
                if (nulls == NullPolicy::raise) {
                    throw std::invalid_argument("the price of " + column.symbol + " in row " + std::to_string(bar) +
                                                " is null; on_null='carry' would keep the last one");
                }
                marks_[at] = last;
                has_gaps_ |= last != 0;
                tradable_[at] = 0;
            } else if (column.prices[bar] <= 0) {
                detail::refuse("the price of " + column.symbol + " in row " + std::to_string(bar), column.prices[bar],
                               "it must be above 0");
            } else {
                last = column.prices[bar];
                ++seen;
            }
            if (has_nulls && nulls == NullPolicy::carry) history_[at] = seen;
        }
    }

    void make_room_for_nulls() {
        if (has_nulls()) return;
        tradable_.assign(bars_ * symbols_.size(), 1);
        history_.resize(bars_ * symbols_.size());
        for (std::size_t i = 0; i < history_.size(); ++i)
            history_[i] = static_cast<std::uint32_t>(i / symbols_.size() + 1);
    }

    std::size_t bars_ = 0;
    std::vector<std::string> symbols_;
    std::vector<std::int32_t> dates_;
    std::unique_ptr<Price[]> marks_;      // row by row, missing ones carried
    std::vector<std::uint8_t> tradable_;  // row by row; empty where no price is missing
    std::vector<std::uint32_t> history_;  // as `history` says; empty where no price is missing
    std::uint64_t most_ = 0;
    bool has_gaps_ = false;
};

}  // namespace nanobook
