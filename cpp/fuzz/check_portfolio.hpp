// What must hold of the JSON of portfolios whatever bytes come: the check of the fuzz target and of its short version
// in the ordinary tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <nanobook/portfolio/portfolio_json.hpp>

namespace nanobook::fuzz {

/// Does with a portfolio what anybody might do next: amounts that are too large are refused, and nothing is changed.
[[nodiscard]] inline std::string use(Portfolio portfolio) {
    const std::string before = PortfolioJson::write(portfolio);
    const std::vector<Price> prices(portfolio.symbols().size(), 3);
    try {
        std::vector<Target> targets;
        if (!prices.empty()) targets.push_back({0, portfolio.leverage() / 2});
        portfolio.rebalance(targets, {prices});
        const Price fees = portfolio.fees();
        const Price equity = portfolio.record_return({prices}) < 0 ? 0 : portfolio.equity({prices});
        static_cast<void>(equity + Price{fees < 0});
    } catch (const std::overflow_error&) {
        return {};
    } catch (const std::invalid_argument&) {
        if (PortfolioJson::write(portfolio) != before) return "refused, and changed nevertheless:\n" + before;
    }
    return {};
}

/// Empty where the text is refused, or is a portfolio that is written and read back as itself; else what is wrong.
[[nodiscard]] inline std::string check_portfolio(std::span<const std::byte> input) {
    // A copy, so that a sanitizer sees a read past its end.
    const std::vector<char> text(reinterpret_cast<const char*>(input.data()),
                                 reinterpret_cast<const char*>(input.data()) + input.size());
    try {
        const Portfolio portfolio = PortfolioJson::read(std::string_view(text.data(), text.size()));
        const std::string written = PortfolioJson::write(portfolio);
        std::string again;
        try {
            again = PortfolioJson::write(PortfolioJson::read(written));
        } catch (const JsonError& error) {
            return "written, and refused: " + std::string(error.what()) + '\n' + written;
        }
        if (again != written) return "read back otherwise:\n" + written + '\n' + again;
        return use(portfolio);
    } catch (const JsonError&) {
        return {};
    }
}

}  // namespace nanobook::fuzz
