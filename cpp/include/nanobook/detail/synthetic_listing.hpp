// The securities of a synthetic day: tickers, prices, ticks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <nanobook/detail/random.hpp>

namespace nanobook::itch::synthetic {

struct Listing {
    std::string ticker;
    std::uint32_t price;  ///< where the day begins, four decimals
    bool etf = false;
};

/// Below one dollar a stock ticks in 1/10,000, from there on in cents.
constexpr std::uint32_t tick_of(std::uint32_t price) noexcept { return price < 10'000 ? 1 : 100; }

struct KnownListing {
    std::string_view ticker;
    std::uint32_t dollars;
    bool etf = false;
};

/// The busiest first. BKNG and AZO are here for their prices, which are rare.
inline constexpr KnownListing known_listings[] = {
    {"AAPL", 227},      {"MSFT", 428},     {"NVDA", 131},      {"AMZN", 186},  {"SPY", 571, true}, {"QQQ", 489, true},
    {"TSLA", 249},      {"META", 563},     {"GOOGL", 165},     {"AMD", 162},   {"GOOG", 167},      {"INTC", 23},
    {"IWM", 219, true}, {"NFLX", 710},     {"AVGO", 172},      {"PLTR", 37},   {"TQQQ", 72, true}, {"CSCO", 53},
    {"MU", 107},        {"CMCSA", 41},     {"SQQQ", 8, true},  {"BAC", 40},    {"F", 11},          {"SOFI", 8},
    {"MARA", 16},       {"PYPL", 78},      {"T", 22},          {"QCOM", 168},  {"SMCI", 46},       {"ADBE", 505},
    {"XLF", 46, true},  {"EEM", 45, true}, {"GLD", 245, true}, {"JPM", 211},   {"XOM", 117},       {"PFE", 29},
    {"COST", 890},      {"PEP", 170},      {"SBUX", 97},       {"AMGN", 322},  {"TXN", 205},       {"HON", 206},
    {"GILD", 84},       {"MRNA", 66},      {"BKNG", 4'212},    {"AZO", 3'150}, {"WMT", 80},        {"KO", 72},
    {"DIS", 96},        {"BA", 155},       {"GE", 188},        {"C", 62},      {"WFC", 56},        {"V", 275},
    {"MA", 494},        {"UNH", 585},      {"JNJ", 162},       {"PG", 173},    {"HD", 405},        {"CVX", 147},
    {"ORCL", 170},      {"CRM", 273},      {"UBER", 75},       {"COIN", 178}};

/// `count` listings, the busiest first. The tickers are always the same; `random` decides the prices of those that are
/// not well known, spread as a real market's: a few below a dollar, a few above a thousand.
inline std::vector<Listing> list_securities(std::uint32_t count, nanobook::detail::Random& random) {
    std::vector<Listing> listings;
    std::unordered_set<std::string_view> taken;
    for (const KnownListing& known : known_listings) {
        taken.insert(known.ticker);
        if (listings.size() == count) continue;
        const std::uint32_t cents = random.below(100) * 100;
        listings.push_back({std::string(known.ticker), known.dollars * 10'000 + cents, known.etf});
    }

    // Ranges in four decimals, and how many of 256 securities begin in them.
    struct Range {
        std::uint32_t share, low, high;
    };
    static constexpr Range ranges[] = {{10, 1'000, 8'000},          {66, 15'000, 100'000},
                                       {110, 100'000, 500'000},     {56, 500'000, 2'000'000},
                                       {12, 2'000'000, 10'000'000}, {2, 10'000'000, 80'000'000}};
    for (std::uint32_t n = 0; listings.size() < count; ++n) {
        // Every eighth ticker has three letters, as long as they last; the others have four. Multiplying by a number
        // coprime to the count of words visits each word once, in an order that looks like none.
        const bool three = n % 8 == 0;
        const std::uint32_t words = three ? 26 * 26 * 26 : 26 * 26 * 26 * 26;
        std::uint32_t word = static_cast<std::uint32_t>((n / (three ? 8 : 1) + 1) * std::uint64_t{180'181} % words);
        std::string ticker(three ? 3 : 4, 'A');
        for (char& letter : ticker) {
            letter = static_cast<char>('A' + word % 26);
            word /= 26;
        }
        if (taken.contains(ticker)) continue;

        std::uint32_t draw = random.below(256);
        const Range* range = ranges;
        while (draw >= range->share) draw -= range++->share;
        const std::uint32_t price = range->low + random.below(range->high - range->low);
        listings.push_back({std::move(ticker), price - price % tick_of(price), random.once_in(4)});
    }
    return listings;
}

}  // namespace nanobook::itch::synthetic
