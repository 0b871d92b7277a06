// What an order costs.
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

#include <nanobook/detail/random.hpp>
#include <nanobook/portfolio/cost_model.hpp>

#include "reference_portfolio.hpp"

using namespace nanobook;
using nanobook::detail::Random;
using nanobook::test::Int;
using nanobook::test::ReferenceCosts;

namespace {

constexpr Side buy = Side::buy;
constexpr Side sell = Side::sell;
constexpr Price highest = std::numeric_limits<Price>::max();

std::string refusal(double commission_bps, double slippage_bps, Price min_trade_fee) {
    try {
        (void)CostModel(commission_bps, slippage_bps, min_trade_fee);
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("a_model_of_no_costs_charges_nothing_and_moves_no_price") {
    CHECK(CostModel() == CostModel::zero());
    CHECK(CostModel::zero().commission(highest) == 0);
    CHECK(CostModel::zero().fill_price(buy, highest) == highest);
    CHECK(CostModel::zero().fill_price(sell, 1) == 1);
}

TEST_CASE("slippage_moves_the_price_against_whoever_trades") {
    const CostModel costs(0, 10);
    CHECK(costs.fill_price(buy, 100'000) == 100'100);
    CHECK(costs.fill_price(sell, 100'000) == 99'900);
}

TEST_CASE("a_price_with_its_slippage_is_rounded_half_up") {
    CHECK(CostModel(0, 50).fill_price(buy, 100) == 101);    // 100.5
    CHECK(CostModel(0, 50).fill_price(sell, 100) == 100);   // 99.5
    CHECK(CostModel(0, 49).fill_price(buy, 100) == 100);    // 100.49
    CHECK(CostModel(0, 51).fill_price(sell, 100) == 99);    // 99.49
    CHECK(CostModel(0, 9'999).fill_price(sell, 100) == 0);  // 0.01
}

TEST_CASE("commission_is_a_part_of_the_notional_rounded_half_up") {
    const CostModel costs(1);
    CHECK(costs.commission(10'000) == 1);
    CHECK(costs.commission(5'000) == 1);  // 0.5
    CHECK(costs.commission(4'999) == 0);
    CHECK(costs.commission(14'999) == 1);
    CHECK(costs.commission(15'000) == 2);
}

TEST_CASE("an_order_pays_at_least_the_least_fee") {
    const CostModel costs(10, 0, 100);
    CHECK(costs.commission(0) == 100);
    CHECK(costs.commission(100'499) == 100);
    CHECK(costs.commission(100'500) == 101);
    CHECK(CostModel(0, 0, 7).commission(highest) == 7);
}

TEST_CASE("rates_may_be_hundredths_of_a_basis_point") {
    CHECK(CostModel(0.5).commission(1'000'000) == 50);
    CHECK(CostModel(0.01).commission(1'000'000) == 1);
    CHECK(CostModel(0, 0.07).fill_price(buy, 1'000'000) == 1'000'007);
    CHECK(CostModel(0.29).commission_bps() == 0.29);
    CHECK(CostModel(0, 0.58).slippage_bps() == 0.58);
}

TEST_CASE("every_rate_in_steps_of_a_hundredth_is_taken_as_it_is_written") {
    for (int hundredths = 0; hundredths <= 1'000'000; hundredths += 1 + hundredths / 100) {
        const CostModel costs(hundredths / 100.0);
        if (costs.commission_rate() != hundredths) FAIL(hundredths);
        if (CostModel(costs.commission_bps()) != costs) FAIL(hundredths);
    }
}

TEST_CASE("a_rate_that_is_negative_too_large_or_too_fine_is_refused_by_name") {
    CHECK(refusal(-1, 0, 0) == "commission_bps is -1; it must be from 0 to 10000, in steps of 0.01");
    CHECK(refusal(10'000.01, 0, 0).starts_with("commission_bps is 10000"));
    CHECK(refusal(0.005, 0, 0).starts_with("commission_bps is 0.005;"));
    CHECK(refusal(std::numeric_limits<double>::quiet_NaN(), 0, 0).starts_with("commission_bps is nan"));
    CHECK(refusal(std::numeric_limits<double>::infinity(), 0, 0).starts_with("commission_bps is inf"));
    CHECK(refusal(0, -0.01, 0).starts_with("slippage_bps is -0.01;"));
    CHECK(refusal(0, 10'000, 0).starts_with("slippage_bps is 10000"));
    CHECK(refusal(10'000, 9'999.99, 0) == "");
}

TEST_CASE("a_negative_least_fee_is_refused") {
    CHECK(refusal(0, 0, -1) == "min_trade_fee is -1; it must not be negative");
    CHECK(refusal(0, 0, highest) == "");
}

TEST_CASE("what_passes_64_bits_on_the_way_is_worked_out_in_128") {
    CHECK(CostModel(10'000).commission(highest) == highest);
    CHECK(CostModel(5'000).commission(highest) == highest / 2 + 1);
    CHECK(CostModel(0, 100).fill_price(sell, 9'000'000'000'000'000'000) == 8'910'000'000'000'000'000);
}

TEST_CASE("what_does_not_fit_64_bits_in_the_end_is_refused") {
    CHECK_THROWS_AS((void)CostModel(0, 1).fill_price(buy, highest), std::overflow_error);
}

TEST_CASE("prices_and_fees_are_those_of_naive_arithmetic") {
    Random random(1);
    for (int i = 0; i < 20'000; ++i) {
        const CostModel costs(random.below(1'000'001) / 100.0, random.below(1'000'000) / 100.0,
                              random.once_in(2) ? random.below(1000) : 0);
        const ReferenceCosts naive(costs);
        // The shift leaves room for a price that is doubled.
        const auto amount = static_cast<Price>(random.next() >> (2 + random.below(60)));
        const bool right = costs.fill_price(buy, amount) == naive.fill_price(true, amount) &&
                           costs.fill_price(sell, amount) == naive.fill_price(false, amount) &&
                           costs.commission(amount) == naive.fee(amount);
        if (!right) FAIL(amount << " at " << costs.commission_rate() << ", " << costs.slippage_rate());
    }
}
