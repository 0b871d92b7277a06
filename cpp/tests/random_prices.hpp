// Tables of prices for tests, random ones and those written down.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <nanobook/detail/random.hpp>
#include <nanobook/portfolio/prices.hpp>

namespace nanobook::test {

/// Columns of prices, which must outlive a block of them only while it is made.
struct PriceTable {
    std::vector<std::string> symbols = {};
    std::vector<std::vector<Price>> prices = {};        // by symbol
    std::vector<std::vector<std::uint8_t>> valid = {};  // by symbol; empty where none is missing
    std::vector<std::int32_t> dates = {};

    [[nodiscard]] std::size_t bars() const { return prices.front().size(); }
    [[nodiscard]] bool has(std::size_t symbol, std::size_t bar) const {
        return valid.empty() || valid[symbol].empty() || valid[symbol][bar] != 0;
    }
    [[nodiscard]] std::vector<PriceColumn> columns() const {
        std::vector<PriceColumn> columns;
        for (std::size_t i = 0; i < symbols.size(); ++i) {
            columns.push_back({symbols[i], prices[i]});
            if (!valid.empty()) columns.back().valid = valid[i];
        }
        return columns;
    }
    [[nodiscard]] PriceBlock block(NullPolicy nulls = NullPolicy::carry) const {
        return PriceBlock(columns(), nulls, dates);
    }
};

enum class Missing : std::uint8_t { none, leading, anywhere };

struct RandomPrices {
    std::size_t bars;
    std::size_t symbols;
    Price least = 100;  ///< of the first prices
    Price most = 50'000;
    std::uint32_t per_mille = 40;  ///< how far a price moves in a bar
    Missing missing = Missing::none;
    Price cap = std::int64_t{1} << 40;

    [[nodiscard]] PriceTable make(std::uint64_t seed) const {
        detail::Random random(seed);
        PriceTable table;
        for (std::size_t i = 0; i < symbols; ++i) {
            // Names are not sorted as the columns are.
            table.symbols.push_back(std::string(1, static_cast<char>('A' + i * 7 % 26)) + std::to_string(i));
            std::vector<Price> column;
            std::vector<std::uint8_t> valid;
            Price price = least + static_cast<Price>(random.next() % static_cast<std::uint64_t>(most - least + 1));
            const std::uint32_t first = random.once_in(2) ? random.below(static_cast<std::uint32_t>(bars)) : 0;
            for (std::size_t bar = 0; bar < bars; ++bar) {
                column.push_back(price);
                valid.push_back(missing == Missing::none                                             ? 1
                                : bar < first || (missing == Missing::anywhere && random.once_in(6)) ? 0
                                                                                                     : 1);
                const auto move = static_cast<Price>(random.below(2 * per_mille + 1)) - static_cast<Price>(per_mille);
                // Now and then nothing moves, so that a rebalance may repeat the one before.
                if (!random.once_in(4)) price = std::clamp<Price>(price + price / 1000 * move + move / 8, 1, cap);
            }
            table.prices.push_back(std::move(column));
            if (missing != Missing::none) table.valid.push_back(std::move(valid));
        }
        return table;
    }
};

/// Dates that skip weekends, and now and then a week or a month.
[[nodiscard]] inline std::vector<std::int32_t> trading_days(std::size_t bars, std::uint64_t seed) {
    detail::Random random(seed);
    std::vector<std::int32_t> dates;
    auto day = static_cast<std::int32_t>(random.below(4000)) - 300;
    while (dates.size() < bars) {
        if ((day + 703) % 7 < 5) dates.push_back(day);
        day += random.once_in(30) ? static_cast<std::int32_t>(random.below(40)) + 1 : 1;
    }
    return dates;
}

}  // namespace nanobook::test
