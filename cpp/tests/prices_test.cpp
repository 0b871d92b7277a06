// Blocks of prices: what is carried, counted and refused.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <nanobook/detail/random.hpp>
#include <nanobook/portfolio/prices.hpp>

#include "random_prices.hpp"

using namespace nanobook;
using namespace nanobook::test;
using nanobook::detail::Random;

namespace {

using Row = std::vector<Price>;

Row row(const PriceBlock& prices, std::size_t bar) { return {prices.row(bar).begin(), prices.row(bar).end()}; }

std::string refusal(const PriceTable& table, NullPolicy nulls = NullPolicy::raise) {
    try {
        (void)table.block(nulls);
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("columns_become_rows") {
    const PriceTable table{{"B", "A"}, {{1, 2, 3}, {4, 5, 6}}};
    const PriceBlock prices = table.block();
    CHECK(prices.bars() == 3);
    CHECK(prices.symbols() == std::vector<std::string>{"B", "A"});
    CHECK(row(prices, 0) == Row{1, 4});
    CHECK(row(prices, 2) == Row{3, 6});
    CHECK_FALSE(prices.has_nulls());
    CHECK(prices.quotes(1).tradable_price(1) == 5);
}

TEST_CASE("blocks_of_any_shape_are_transposed") {
    for (const std::size_t symbols : {1u, 15u, 16u, 17u, 40u}) {
        for (const std::size_t bars : {1u, 15u, 16u, 17u, 100u}) {
            const PriceTable table = RandomPrices{.bars = bars, .symbols = symbols}.make(bars);
            const PriceBlock prices = table.block();
            for (std::size_t bar = 0; bar < bars; ++bar) {
                for (std::size_t symbol = 0; symbol < symbols; ++symbol) {
                    if (prices.row(bar)[symbol] != table.prices[symbol][bar]) FAIL(bar << ", " << symbol);
                }
            }
        }
    }
}

TEST_CASE("a_missing_price_is_refused_by_column_and_row") {
    const PriceTable table{{"A", "B"}, {{1, 2}, {1, 0}}, {{}, {1, 0}}};
    CHECK(refusal(table) == "the price of B in row 1 is null; on_null='carry' would keep the last one");
    CHECK(refusal(table, NullPolicy::carry) == "");
}

TEST_CASE("a_price_that_is_not_above_zero_is_refused_by_column_and_row") {
    for (const NullPolicy nulls : {NullPolicy::raise, NullPolicy::carry}) {
        CHECK(refusal({{"A", "B"}, {{1, 2, 3}, {1, 2, 0}}}, nulls) ==
              "the price of B in row 2 is 0; it must be above 0");
        CHECK(refusal({{"A"}, {{1, -7}}, {{1, 1}}}, nulls) == "the price of A in row 1 is -7; it must be above 0");
    }
}

TEST_CASE("what_stands_in_place_of_a_missing_price_does_not_matter") {
    const PriceTable table{{"A"}, {{5, -99, 7}}, {{1, 0, 1}}};
    const PriceBlock prices = table.block();
    CHECK(row(prices, 1) == Row{5});
    CHECK(prices.hash() == PriceTable{{"A"}, {{5, 123, 7}}, {{1, 0, 1}}}.block().hash());
}

TEST_CASE("a_missing_price_is_the_last_one_and_cannot_be_traded_at") {
    const PriceTable table{{"A", "B"}, {{0, 5, 0, 7}, {1, 2, 3, 4}}, {{0, 1, 0, 1}, {}}};
    const PriceBlock prices = table.block();
    CHECK(prices.has_nulls());
    CHECK(row(prices, 0) == Row{0, 1});
    CHECK(row(prices, 2) == Row{5, 3});
    CHECK(prices.quotes(2).tradable_price(0) == 0);
    CHECK(prices.quotes(2).tradable_price(1) == 3);
    CHECK(prices.quotes(3).tradable_price(0) == 7);
}

TEST_CASE("history_counts_the_prices_that_are_there") {
    const PriceTable table{{"A", "B"}, {{0, 5, 0, 7}, {1, 2, 3, 4}}, {{0, 1, 0, 1}, {}}};
    const PriceBlock prices = table.block();
    const std::vector<std::size_t> expected{0, 1, 1, 2};
    for (std::size_t bar = 0; bar < 4; ++bar) {
        CHECK(prices.history(bar, 0) == expected[bar]);
        CHECK(prices.history(bar, 1) == bar + 1);
    }
    CHECK((PriceTable{{"A"}, {{1, 2}}}.block().history(1, 0) == 2));
}

TEST_CASE("only_what_is_missing_after_a_price_is_a_gap") {
    CHECK_FALSE(PriceTable{{"A"}, {{0, 0, 3}}, {{0, 0, 1}}}.block().has_gaps());
    CHECK(PriceTable{{"A"}, {{1, 0, 3}}, {{1, 0, 1}}}.block().has_gaps());
    CHECK(PriceTable{{"A"}, {{1, 2, 0}}, {{1, 1, 0}}}.block().has_gaps());
}

TEST_CASE("a_symbol_may_never_have_a_price") {
    const PriceBlock prices = PriceTable{{"A", "B"}, {{0, 0}, {1, 2}}, {{0, 0}, {}}}.block();
    CHECK(row(prices, 1) == Row{0, 2});
    CHECK(prices.history(1, 0) == 0);
}

TEST_CASE("a_column_whose_validity_says_that_none_is_missing_has_no_nulls") {
    CHECK_FALSE(PriceTable{{"A"}, {{1, 2}}, {{1, 1}}}.block().has_nulls());
}

TEST_CASE("prices_without_columns_or_rows_are_refused") {
    CHECK(refusal({}) == "the prices have no column of a symbol");
    CHECK(refusal({{"A"}, {{}}}) == "the prices have no rows");
}

TEST_CASE("columns_of_different_lengths_are_refused_by_name") {
    CHECK(refusal({{"A", "B"}, {{1, 2}, {1, 2, 3}}}) == "column B has 3 rows, column A 2");
}

TEST_CASE("two_columns_of_one_name_are_refused") {
    CHECK(refusal({{"A", "B", "A"}, {{1}, {1}, {1}}}) == "two columns are named A");
}

TEST_CASE("dates_must_be_as_many_as_rows_and_ascend") {
    CHECK(refusal({{"A"}, {{1, 2}}, {}, {5}}) == "there are 1 dates for 2 rows");
    CHECK(refusal({{"A"}, {{1, 2, 3}}, {}, {5, 6, 4}}) ==
          "the dates must ascend; that in row 2 is before the one above it");
    CHECK(refusal({{"A"}, {{1, 2, 3}}, {}, {-5, -5, 4}}) == "");
}

TEST_CASE("the_hash_is_that_of_symbols_prices_and_dates_in_whatever_order_columns_stand") {
    const PriceTable table = RandomPrices{.bars = 20, .symbols = 5, .missing = Missing::anywhere}.make(1);
    const std::uint64_t hash = table.block().hash();
    PriceTable other = table;
    std::ranges::reverse(other.symbols);
    std::ranges::reverse(other.prices);
    std::ranges::reverse(other.valid);
    CHECK(other.block().hash() == hash);
    other = table;
    other.dates = trading_days(20, 1);
    CHECK(other.block().hash() != hash);
    other = table;
    other.symbols[0] += '!';
    CHECK(other.block().hash() != hash);
    other = table;
    std::swap(other.symbols[0], other.symbols[1]);
    CHECK(other.block().hash() != hash);
    other = table;
    other.valid[0].assign(20, 1);
    other.prices[0].back() += 1;
    CHECK(other.block().hash() != hash);
}

TEST_CASE("the_columns_are_needed_only_while_the_block_is_made") {
    PriceTable table{{"A"}, {{1, 2}}};
    const PriceBlock prices = table.block();
    table = {{"Z"}, {{9, 9}}};
    CHECK(row(prices, 1) == Row{2});
    CHECK(prices.symbols().front() == "A");
}
