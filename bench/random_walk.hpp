// Prices for benchmarks: the same walks on every machine.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <nanobook/portfolio/prices.hpp>

#include "measure.hpp"

namespace bench {

struct RandomWalk {
    std::vector<std::string> symbols = {};
    std::vector<std::vector<nanobook::Price>> prices = {};

    /// In cents, a few dollars to a few hundred; some 2 % up or down a bar.
    RandomWalk(std::size_t bars, std::size_t count, std::uint64_t seed = 1) {
        Random random(seed);
        for (std::size_t i = 0; i < count; ++i) {
            symbols.push_back("S" + std::to_string(i));
            auto& column = prices.emplace_back();
            column.reserve(bars);
            auto price = static_cast<nanobook::Price>(1'000 + random.below(40'000));
            for (std::size_t bar = 0; bar < bars; ++bar) {
                column.push_back(price);
                const auto part = static_cast<nanobook::Price>(random.below(4'001)) - 1'980;
                price = std::clamp<nanobook::Price>(price + price * part / 100'000, 200, 10'000'000);
            }
        }
    }

    [[nodiscard]] nanobook::PriceBlock block() const {
        std::vector<nanobook::PriceColumn> columns;
        for (std::size_t i = 0; i < symbols.size(); ++i) columns.push_back({symbols[i], prices[i]});
        return nanobook::PriceBlock(columns);
    }
};

}  // namespace bench
