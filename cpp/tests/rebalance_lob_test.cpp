// A portfolio moved through order books, against books worked out by hand.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nanobook/core/symbol.hpp>
#include <nanobook/detail/random.hpp>
#include <nanobook/exchange/multi_exchange.hpp>
#include <nanobook/portfolio/portfolio.hpp>
#include <nanobook/portfolio/portfolio_json.hpp>
#include <nanobook/portfolio/rebalance_lob.hpp>

using namespace nanobook;
using nanobook::detail::Random;

namespace {

constexpr Side buy = Side::buy;
constexpr Side sell = Side::sell;
constexpr double wide = 5'000;  // half of the price: no limit that matters

using Levels = std::vector<std::pair<Price, Quantity>>;

Symbol symbol(std::string_view name) { return Symbol::parse(name).value(); }

/// Exchanges with books, and a portfolio that trades in them.
struct Venue {
    explicit Venue(Price cash, CostModel costs = {}, double leverage = 1.0) : portfolio(cash, costs, leverage) {}

    void rest(std::string_view name, const Levels& bids, const Levels& asks) {
        for (const auto& [price, quantity] : bids) exchanges.submit_limit(symbol(name), buy, price, quantity);
        for (const auto& [price, quantity] : asks) exchanges.submit_limit(symbol(name), sell, price, quantity);
    }
    LobReport rebalance(const std::vector<std::pair<std::string, double>>& weights, double max_slippage_bps = wide) {
        std::vector<Target> targets;
        for (const auto& [name, weight] : weights) targets.push_back({portfolio.add_symbol(name), weight});
        return rebalance_lob(portfolio, targets, exchanges, max_slippage_bps);
    }
    [[nodiscard]] const Position& at(std::string_view name) const {
        return portfolio.positions()[portfolio.find_symbol(name).value()];
    }
    [[nodiscard]] std::int64_t held(std::string_view name) const { return at(name).quantity; }
    [[nodiscard]] std::uint64_t state() const { return exchanges.state_hash(); }

    MultiExchange exchanges;
    Portfolio portfolio;
};

/// What a rebalance that must be refused says; neither portfolio nor books may change.
std::string refusal(Venue& venue, const std::vector<std::pair<std::string, double>>& weights, double slippage = wide) {
    for (const auto& [name, weight] : weights) venue.portfolio.add_symbol(name);
    const std::string before = PortfolioJson::write(venue.portfolio);
    const std::uint64_t books = venue.state();
    std::string reason;
    try {
        venue.rebalance(weights, slippage);
    } catch (const std::invalid_argument& error) {
        reason = error.what();
    }
    CHECK(PortfolioJson::write(venue.portfolio) == before);
    CHECK(venue.state() == books);
    return reason;
}

}  // namespace

// ---- orders and fills

TEST_CASE("an_order_walks_the_levels_of_the_book") {
    Venue venue(100'000);
    venue.rest("A", {{99, 1'000}}, {{101, 200}, {102, 200}, {105, 1'000}});
    const LobReport report = venue.rebalance({{"A", 0.5}});  // 500 shares at 100
    REQUIRE(report.fills.size() == 1);
    const LobFill& fill = report.fills[0];
    CHECK(fill.target == 500);
    CHECK(fill.wanted == 500);
    CHECK(fill.ordered == 500);
    CHECK(fill.filled == 500);
    CHECK(fill.unfilled() == 0);
    CHECK(fill.notional == 200 * 101 + 200 * 102 + 100 * 105);
    CHECK(fill.average_price() == (200 * 101 + 200 * 102 + 100 * 105) / 500.0);
    CHECK(venue.held("A") == 500);
    CHECK(venue.at("A").total_cost == fill.notional);
    CHECK(venue.portfolio.cash() == 100'000 - fill.notional);
    CHECK(venue.exchanges.find(symbol("A"))->best_ask() == 105);
}

TEST_CASE("symbols_are_valued_at_the_middle_of_their_books") {
    Venue venue(100'000);
    venue.rest("A", {{98, 1'000}}, {{103, 2'000}});
    const LobReport report = venue.rebalance({{"A", 0.5}});
    CHECK(report.prices[0] == 100);
    CHECK(report.equity == 100'000);
    CHECK(venue.held("A") == 500);
}

TEST_CASE("a_book_with_one_side_is_valued_at_that") {
    Venue venue(100'000);
    venue.rest("A", {}, {{100, 2'000}});
    CHECK(venue.rebalance({{"A", 0.5}}).prices[0] == 100);
    venue.rest("B", {{50, 10}}, {});
    const LobReport report = venue.rebalance({{"A", 0.5}, {"B", 0.1}});
    CHECK(report.prices[1] == 50);
    CHECK(report.fills[1].unfilled() == 200);
}

TEST_CASE("an_empty_book_is_valued_at_its_last_trade") {
    Venue venue(100'000);
    venue.rest("A", {{100, 7}}, {{100, 7}});
    const LobReport report = venue.rebalance({{"A", 0.5}});
    CHECK(report.prices[0] == 100);
    CHECK(report.fills[0].wanted == 500);
    CHECK(report.fills[0].filled == 0);
    CHECK(report.fills[0].order_id == 0);
    CHECK(report.fills[0].average_price() == std::nullopt);
}

TEST_CASE("nothing_is_bought_above_the_limit") {
    Venue venue(100'000);
    venue.rest("A", {{98, 1'000}}, {{100, 100}, {101, 100}, {102, 1'000}});
    const LobReport report = venue.rebalance({{"A", 0.5}}, 100);  // up to 101
    CHECK(report.fills[0].limit == 101);
    CHECK(report.fills[0].filled == 200);
    CHECK(report.fills[0].unfilled() == report.fills[0].wanted - 200);
    CHECK(venue.exchanges.find(symbol("A"))->best_ask() == 102);
}

TEST_CASE("nothing_is_sold_below_the_limit") {
    Venue venue(10'000);
    venue.rest("A", {{100, 30}, {99, 30}, {98, 1'000}}, {{10'000, 1}});
    venue.portfolio.add_symbol("A");
    venue.portfolio.book_fill({0, buy, 100, 100, 0});
    const LobReport report = venue.rebalance({}, 100);  // down to 99
    REQUIRE(report.fills.size() == 1);
    CHECK(report.fills[0].side == sell);
    CHECK(report.fills[0].limit == 99);
    CHECK(report.fills[0].filled == 60);
    CHECK(report.fills[0].unfilled() == 40);
    CHECK(venue.held("A") == 40);
    CHECK(venue.portfolio.cash() == 30 * 100 + 30 * 99);
}

TEST_CASE("a_limit_is_rounded_in_favour_of_the_portfolio") {
    Venue venue(100'000);
    venue.rest("A", {{149, 1'000}}, {{150, 10}, {151, 1'000}});
    CHECK(venue.rebalance({{"A", 0.5}}, 100).fills[0].limit == 151);  // 151.5
    CHECK(venue.rebalance({}, 100).fills[0].limit == 148);            // 147.51
}

TEST_CASE("what_is_not_filled_does_not_rest") {
    Venue venue(100'000);
    venue.rest("A", {{99, 1'000}}, {{101, 200}});
    const LobReport report = venue.rebalance({{"A", 0.9}});
    CHECK(report.fills[0].filled == 200);
    CHECK(report.fills[0].unfilled() == 700);
    const Exchange& exchange = *venue.exchanges.find(symbol("A"));
    CHECK(exchange.get_order(report.fills[0].order_id).value().status == OrderStatus::partially_filled);
    CHECK(exchange.best_bid() == 99);
    CHECK(exchange.best_ask() == std::nullopt);
}

TEST_CASE("every_symbol_held_or_targeted_is_in_the_report") {
    Venue venue(100'000);
    for (const char* const name : {"A", "B", "C"}) venue.rest(name, {{100, 1'000}}, {{101, 1'000}});
    venue.portfolio.add_symbol("C");
    venue.portfolio.add_symbol("B");
    venue.portfolio.add_symbol("A");
    venue.portfolio.book_fill({1, buy, 10, 100, 0});
    const LobReport report = venue.rebalance({{"A", 0.0}});
    REQUIRE(report.fills.size() == 2);
    CHECK(report.fills[0].symbol == 2);
    CHECK(report.fills[0].wanted == 0);
    CHECK(report.fills[0].order_id == 0);
    CHECK(report.fills[1].symbol == 1);
    CHECK(report.fills[1].filled == 10);
}

TEST_CASE("sells_come_first_and_pay_for_the_buys") {
    Venue venue(10'000);
    venue.rest("A", {{100, 1'000}}, {{10'000, 1}});
    venue.rest("Z", {{1, 1}}, {{10, 1'000}});
    for (const char* const name : {"Z", "A"}) venue.portfolio.add_symbol(name);
    venue.portfolio.book_fill({1, buy, 100, 100, 0});
    CHECK(venue.portfolio.cash() == 0);
    venue.rest("A", {}, {{100, 1}});
    CHECK(venue.rebalance({{"Z", 1.0}}).fills[1].filled == 1'000);
    CHECK(venue.held("A") == 0);
}

TEST_CASE("a_short_position_is_opened_and_covered") {
    Venue venue(10'000);
    venue.rest("A", {{100, 30}, {99, 70}}, {{101, 1'000}});
    CHECK(venue.rebalance({{"A", -0.5}}).fills[0].target == -50);
    CHECK(venue.held("A") == -50);
    CHECK(venue.portfolio.cash() == 10'000 + 30 * 100 + 20 * 99);
    venue.rebalance({});
    CHECK(venue.held("A") == 0);
    CHECK(venue.portfolio.cash() == 10'000 + 30 * 100 + 20 * 99 - 50 * 101);
}

// ---- costs

TEST_CASE("a_fee_is_of_the_order_however_many_fills_it_has") {
    Venue venue(100'000, CostModel(100, 0, 70));
    venue.rest("A", {{99, 1'000}}, {{101, 20}, {101, 20}, {102, 10}});
    const LobReport report = venue.rebalance({{"A", 0.05}});
    CHECK(report.fills[0].filled == 50);
    CHECK(report.fills[0].fee == 70);  // 1 % of 5,060 is less
    CHECK(venue.portfolio.fees() == 70);
    CHECK(venue.portfolio.cash() == 100'000 - 5'060 - 70);
}

TEST_CASE("an_order_that_fills_nothing_pays_nothing") {
    Venue venue(100'000, CostModel(0, 0, 70));
    venue.rest("A", {{100, 10}}, {});
    CHECK(venue.rebalance({{"A", 0.5}}).fills[0].fee == 0);
    CHECK(venue.portfolio.cash() == 100'000);
}

TEST_CASE("slippage_is_the_book_and_not_the_cost_model") {
    Venue venue(100'000, CostModel(0, 500));
    venue.rest("A", {{99, 1'000}}, {{101, 1'000}});
    CHECK(venue.rebalance({{"A", 0.5}}).fills[0].notional == 500 * 101);
}

// ---- cash

TEST_CASE("buys_are_sized_by_the_book_that_is_there") {
    Venue venue(10'000);
    venue.rest("A", {{99, 1'000}}, {{101, 50}, {200, 1'000}});
    const LobReport report = venue.rebalance({{"A", 1.0}}, 9'900);
    // 50 for 5,050, then (10,000 - 5,050) / 200 = 24.75 more.
    CHECK(report.resized);
    CHECK(report.fills[0].wanted == 100);
    CHECK(report.fills[0].ordered == 74);
    CHECK(report.fills[0].filled == 74);
    CHECK(report.fills[0].unfilled() == 26);
    CHECK(venue.portfolio.cash() == 10'000 - 5'050 - 24 * 200);
}

TEST_CASE("what_lies_beyond_the_limit_needs_no_cash") {
    Venue venue(10'000);
    venue.rest("A", {{99, 1'000}}, {{101, 50}, {200, 1'000}});
    const LobReport report = venue.rebalance({{"A", 1.0}}, 100);
    CHECK_FALSE(report.resized);
    CHECK(report.fills[0].ordered == 100);
    CHECK(report.fills[0].filled == 50);
}

TEST_CASE("all_buys_shrink_by_one_factor_whatever_their_order") {
    for (const bool reversed : {false, true}) {
        Venue venue(100'000, CostModel(100));
        venue.rest("A", {{99, 1'000}}, {{101, 1'000}});
        venue.rest("B", {{99, 1'000}}, {{101, 1'000}});
        if (reversed) venue.portfolio.add_symbol("B");
        CHECK(venue.rebalance({{"A", 0.5}, {"B", 0.5}}).resized);
        CHECK(venue.held("A") == venue.held("B"));
        CHECK(venue.held("A") == 490);  // 980 shares at 101 and 1 % of it are 99,969.8
        CHECK(venue.portfolio.cash() >= 0);
    }
}

TEST_CASE("leverage_lets_cash_go_below_zero_as_far_as_it_reaches") {
    Venue venue(10'000, {}, 2.0);
    venue.rest("A", {{99, 1'000}}, {{101, 1'000}});
    const LobReport report = venue.rebalance({{"A", 2.0}});
    CHECK(report.resized);
    CHECK(venue.held("A") == 198);
    CHECK(venue.portfolio.cash() == 10'000 - 198 * 101);
}

TEST_CASE("a_sale_that_costs_more_than_it_brings_is_left_out_where_the_cash_does_not_cover_it") {
    Venue venue(1'000, CostModel(0, 0, 70));
    venue.rest("A", {{5, 100}}, {{7, 1}});
    venue.portfolio.add_symbol("A");
    venue.portfolio.book_fill({0, buy, 10, 100, 0});
    const LobReport report = venue.rebalance({});
    CHECK(report.fills[0].wanted == 10);
    CHECK(report.fills[0].ordered == 0);
    CHECK(report.fills[0].unfilled() == 10);
    CHECK(venue.portfolio.cash() == 0);
}

TEST_CASE("cash_stays_at_or_above_zero_and_every_cent_is_accounted_for_in_random_books") {
    Random random(5);
    for (int venues = 0; venues < 300; ++venues) {
        Venue venue(1 + static_cast<Price>(random.below(500'000)),
                    CostModel(random.below(400), 0, random.once_in(2) ? 0 : random.below(300)));
        const std::vector<std::string> names{"A", "B", "C"};
        for (const std::string& name : names) venue.portfolio.add_symbol(name);
        for (int round = 0; round < 6; ++round) {
            for (const std::string& name : names) {
                const Price middle = 50 + static_cast<Price>(random.below(100));
                for (int i = 0; i < 6; ++i) {
                    venue.rest(name, {{middle - 1 - static_cast<Price>(random.below(20)), 1 + random.below(200)}},
                               {{middle + 1 + static_cast<Price>(random.below(20)), 1 + random.below(200)}});
                }
            }
            const double first = random.below(101) / 100.0;
            const double second = random.once_in(2) ? (1 - first) : (first - 1) / 2;
            const Price cash = venue.portfolio.cash();
            const LobReport report = venue.rebalance({{"A", first}, {"B", second}}, random.below(4'000));
            if (venue.portfolio.is_ruined()) break;
            if (venue.portfolio.cash() < 0) FAIL("cash is " << venue.portfolio.cash());
            Price moved = 0;
            for (const LobFill& fill : report.fills) {
                moved += (fill.side == sell ? fill.notional : -fill.notional) - fill.fee;
                if (fill.filled > fill.ordered || fill.ordered > fill.wanted) FAIL("more than was wanted");
            }
            if (cash + moved != venue.portfolio.cash()) FAIL("the report is not what happened");
            const Quotes quotes{report.prices};
            const Portfolio& portfolio = venue.portfolio;
            if (portfolio.equity(quotes) - portfolio.initial_cash() !=
                portfolio.realised_gross() - portfolio.fees() + portfolio.unrealised(quotes)) {
                FAIL("it does not add up");
            }
        }
    }
}

TEST_CASE("equity_at_or_below_zero_sells_everything_for_good") {
    Venue venue(1'000, {}, 2.0);
    venue.rest("A", {{40, 100}}, {{42, 1}});
    venue.portfolio.add_symbol("A");
    venue.portfolio.book_fill({0, buy, 20, 100, 0});
    const LobReport report = venue.rebalance({{"A", 1.0}});
    CHECK(report.equity == -180);
    CHECK(venue.portfolio.is_ruined());
    CHECK(venue.held("A") == 0);
    CHECK(venue.portfolio.cash() == -200);
}

TEST_CASE("what_the_books_did_not_take_at_a_ruin_is_sold_as_they_do_and_nothing_is_bought") {
    Venue venue(1'000, {}, 2.0);
    venue.rest("A", {{40, 12}}, {{42, 1}});
    venue.portfolio.add_symbol("A");
    venue.portfolio.book_fill({0, buy, 20, 100, 0});
    CHECK(venue.rebalance({{"A", 1.0}}).fills[0].unfilled() == 8);
    CHECK(venue.portfolio.is_ruined());
    CHECK(venue.held("A") == 8);
    venue.rest("A", {{500, 100}}, {});
    venue.rest("A", {}, {{501, 100}});
    CHECK(venue.rebalance({{"A", 1.0}}).fills[0].filled == 8);
    CHECK(venue.held("A") == 0);
    CHECK(venue.rebalance({{"A", 1.0}}).fills[0].wanted == 0);
}

// ---- what is refused

TEST_CASE("a_symbol_without_a_book_is_refused_and_none_is_made") {
    Venue venue(1'000);
    venue.rest("A", {{99, 10}}, {{101, 10}});
    CHECK(refusal(venue, {{"A", 0.5}, {"B", 0.5}}) == "there is no order book of B");
    CHECK(venue.exchanges.size() == 1);
    CHECK(refusal(venue, {{"TOO LONG A NAME", 0.5}}) == "there is no order book of TOO LONG A NAME");
}

TEST_CASE("a_book_without_any_price_is_refused") {
    Venue venue(1'000);
    (void)venue.exchanges.get_or_create(symbol("A"));
    CHECK(refusal(venue, {{"A", 0.5}}) == "the order book of A is empty, and it has had no trade");
}

TEST_CASE("weights_that_a_portfolio_refuses_are_refused_and_nothing_is_sent") {
    Venue venue(1'000);
    venue.rest("A", {{99, 10}}, {{101, 10}});
    CHECK(refusal(venue, {{"A", 1.5}}) != "");
    CHECK(refusal(venue, {{"A", 0.1}, {"A", 0.1}}) == "the weight of A is given twice");
}

TEST_CASE("a_slippage_that_makes_no_sense_is_refused") {
    Venue venue(1'000);
    venue.rest("A", {{99, 10}}, {{101, 10}});
    for (const double slippage : {-1.0, 10'000.0, 9'999.999}) {
        CHECK(refusal(venue, {{"A", 0.5}}, slippage).starts_with("max_slippage_bps is "));
    }
}
