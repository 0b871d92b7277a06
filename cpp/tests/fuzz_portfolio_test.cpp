// The fuzz target's check on thousands of damaged portfolios, always the same ones.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nanobook/detail/random.hpp>

#include "../fuzz/check_portfolio.hpp"

using nanobook::CostModel;
using nanobook::Portfolio;
using nanobook::PortfolioJson;
using nanobook::Price;
using nanobook::Target;
using nanobook::detail::Random;
using nanobook::fuzz::check_portfolio;

namespace {

std::string check(std::string_view text) { return check_portfolio(std::as_bytes(std::span(text))); }

std::string valid_text(Random& random) {
    Portfolio portfolio(1 + random.below(1'000'000), CostModel(random.below(100)), 1.0 + random.below(2));
    for (const char* const symbol : {"A", "B \"quoted\"", "C\n"}) portfolio.add_symbol(symbol);
    const std::vector<Price> prices{10, 200, 3'000};
    for (std::uint32_t n = random.below(4); n > 0; --n) {
        const std::vector<Target> targets{{random.below(3), random.below(100) / 100.0}};
        portfolio.rebalance(targets, {prices});
        portfolio.record_return({prices});
    }
    return PortfolioJson::write(portfolio);
}

void damage(std::string& text, Random& random) {
    constexpr std::string_view likely = "\"{}[]:,.-+0123456789eE\\u \r\ntrue";
    if (text.empty()) return;
    const std::size_t at = random.below(static_cast<std::uint32_t>(text.size()));
    const std::size_t length = random.below(30);
    switch (random.below(6)) {
        case 0: text[at] = static_cast<char>(random.below(256)); break;
        case 1: text[at] = likely[random.below(likely.size())]; break;
        case 2: text.resize(at); break;
        case 3: text.erase(at, length); break;
        case 4: {
            const std::size_t digit = text.find_first_of("0123456789", at);
            if (digit != std::string::npos)
                text.replace(digit, 1, random.once_in(2) ? "9223372036854775807" : "-92233720368547758");
            break;
        }
        default: text.insert(at, std::string(text, at, length)); break;
    }
}

}  // namespace

TEST_CASE("damaged_portfolios_are_refused_or_read_back_as_they_were_taken") {
    Random random(2024);
    for (int i = 0; i < 20'000; ++i) {
        std::string text = valid_text(random);
        for (std::uint32_t n = random.below(4); n > 0; --n) damage(text, random);
        if (const std::string wrong = check(text); !wrong.empty()) FAIL("input " << i << ": " << wrong);
    }
}

TEST_CASE("portfolios_that_are_not_damaged_pass_too") {
    Random random(7);
    for (int i = 0; i < 100; ++i) CHECK(check(valid_text(random)) == "");
}

TEST_CASE("the_least_amounts_there_are_make_no_portfolio_that_does_harm") {
    constexpr std::string_view least = "-9223372036854775808";
    for (const char* const key : {"quantity", "total_cost", "realised_gross", "fees"}) {
        for (const char* const cash : {"1000", "-9223372036854775808"}) {
            CHECK(check(R"({"format":"nanobook portfolio","version":1,"initial_cash":1000,"cash":)" +
                        std::string(cash) + R"(,"positions":{"A":{")" + key + "\":" + std::string(least) +
                        R"(,"fills":1}},"equity_curve":[1000]})") == "");
        }
    }
}
