// A position: what its trades have cost and earned.
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>

#include <nanobook/detail/random.hpp>
#include <nanobook/portfolio/position.hpp>

#include "reference_portfolio.hpp"

using namespace nanobook;
using nanobook::detail::Random;
using nanobook::test::Int;
using nanobook::test::ReferencePosition;

namespace {

bool is(const Position& position, std::int64_t quantity, Price total_cost, Price realised_gross, Price fees) {
    return position.quantity == quantity && position.total_cost == total_cost &&
           position.realised_gross == realised_gross && position.fees == fees;
}

}  // namespace

TEST_CASE("buys_add_to_shares_and_cost") {
    Position position;
    position.fill(10, 100, 0);
    position.fill(5, 130, 0);
    CHECK(is(position, 15, 1'650, 0, 0));
    CHECK(position.avg_entry_price() == 110.0);
}

TEST_CASE("a_partial_sale_takes_its_part_of_the_cost") {
    Position position;
    position.fill(10, 100, 0);
    position.fill(-4, 120, 0);
    CHECK(is(position, 6, 600, 80, 0));
}

TEST_CASE("a_cost_that_does_not_divide_stays_with_what_is_held") {
    Position position;
    position.fill(2, 100, 0);
    position.fill(1, 101, 0);  // 301 for three
    position.fill(-1, 100, 0);
    CHECK(is(position, 2, 201, 0, 0));
    position.fill(-1, 100, 0);
    CHECK(is(position, 1, 101, 0, 0));
    position.fill(-1, 100, 0);
    CHECK(is(position, 0, 0, -1, 0));
}

TEST_CASE("an_average_that_is_no_whole_price_books_no_profit_that_never_was") {
    Position position;
    position.fill(1, 100, 0);
    position.fill(2, 101, 0);  // 100.67 on average
    for (int i = 0; i < 3; ++i) position.fill(-1, 101, 0);
    CHECK(position.realised_gross == 1);
}

TEST_CASE("a_short_position_has_a_negative_cost_what_was_received") {
    Position position;
    position.fill(-10, 100, 0);
    CHECK(is(position, -10, -1'000, 0, 0));
    CHECK(position.avg_entry_price() == 100.0);
    CHECK(position.market_value(90) == -900);
    CHECK(position.unrealised(90) == 100);
    CHECK(position.unrealised(120) == -200);
}

TEST_CASE("a_short_position_earns_by_buying_lower") {
    Position position;
    position.fill(-10, 100, 0);
    position.fill(4, 90, 0);
    CHECK(is(position, -6, -600, 40, 0));
}

TEST_CASE("the_cost_of_a_short_position_is_rounded_towards_zero_too") {
    Position position;
    position.fill(-2, 100, 0);
    position.fill(-1, 101, 0);
    position.fill(1, 100, 0);
    CHECK(is(position, -2, -201, 0, 0));
}

TEST_CASE("crossing_zero_closes_and_opens_the_other_side") {
    Position position;
    position.fill(10, 100, 0);
    position.fill(-15, 120, 0);
    CHECK(is(position, -5, -600, 200, 0));
    position.fill(7, 110, 0);
    CHECK(is(position, 2, 220, 250, 0));
}

TEST_CASE("fees_are_kept_beside_the_gross_profit_and_taken_off_the_net") {
    Position position;
    position.fill(10, 100, 7);
    CHECK(position.realised_net() == -7);
    position.fill(-10, 120, 8);
    CHECK(is(position, 0, 0, 200, 15));
    CHECK(position.realised_net() == 185);
}

TEST_CASE("an_order_that_crosses_zero_pays_one_fee") {
    Position position;
    position.fill(10, 100, 0);
    position.fill(-20, 100, 9);
    CHECK(position.fees == 9);
}

TEST_CASE("a_flat_position_has_no_entry_price_and_is_worth_nothing") {
    Position position;
    position.fill(3, 100, 0);
    position.fill(-3, 100, 0);
    CHECK(position.avg_entry_price() == std::nullopt);
    CHECK(position.market_value(500) == 0);
    CHECK(position.unrealised(500) == 0);
}

TEST_CASE("fills_are_counted") {
    Position position;
    CHECK(position.fills == 0);
    position.fill(10, 100, 0);
    position.fill(-20, 100, 0);
    CHECK(position.fills == 2);
}

TEST_CASE("costs_beyond_64_bits_on_the_way_are_divided_exactly") {
    constexpr std::int64_t shares = 3'000'000'001;
    Position position;
    position.fill(shares, 3'000'000'000, 0);
    position.fill(-(shares - 1), 3'000'000'000, 0);
    CHECK(is(position, 1, 3'000'000'000, 0, 0));
}

TEST_CASE("a_value_that_does_not_fit_64_bits_is_refused") {
    Position position;
    position.fill(std::int64_t{1} << 40, 1, 0);
    CHECK_THROWS_AS((void)position.market_value(std::int64_t{1} << 40), std::overflow_error);
}

TEST_CASE("random_trades_come_to_what_naive_arithmetic_says_and_every_cent_is_accounted_for") {
    Random random(3);
    for (int sequence = 0; sequence < 300; ++sequence) {
        Position position;
        ReferencePosition naive;
        Int spent = 0;
        const auto most = std::uint32_t{1} << (1 + random.below(20));
        for (int i = 0; i < 40; ++i) {
            const auto shares = static_cast<std::int64_t>(random.below(2 * most + 1)) - most;
            const auto price = static_cast<Price>(1 + random.below(most));
            const auto fee = static_cast<Price>(random.below(100));
            if (shares == 0) continue;
            position.fill(shares, price, fee);
            naive.trade(shares, price, fee);
            spent += Int{shares} * price + fee;
            const bool is_same = position.quantity == naive.quantity && position.total_cost == naive.total_cost &&
                                 position.realised_gross == naive.realised_gross && position.fees == naive.fees;
            const bool adds_up = spent == Int{position.total_cost} - position.realised_gross + position.fees;
            if (!is_same || !adds_up) FAIL("sequence " << sequence << ", trade " << i);
            // What is held never costs other than in its own direction.
            if ((position.quantity < 0) != (position.total_cost < 0)) FAIL("cost of the other sign");
        }
    }
}
