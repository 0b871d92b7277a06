// The exchange, sentence by sentence of its specification; random sequences are in exchange_random_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <nanobook/book/book.hpp>
#include <nanobook/detail/random.hpp>
#include <nanobook/exchange/exchange.hpp>
#include <nanobook/exchange/order_table.hpp>

using namespace nanobook;
using nanobook::detail::Random;

namespace {

constexpr Side buy = Side::buy;
constexpr Side sell = Side::sell;
constexpr TimeInForce gtc = TimeInForce::gtc;
constexpr TimeInForce ioc = TimeInForce::ioc;
constexpr TimeInForce fok = TimeInForce::fok;
constexpr Price highest = std::numeric_limits<Price>::max();
constexpr Price lowest = std::numeric_limits<Price>::min();
constexpr Quantity most = std::numeric_limits<Quantity>::max();

using Ids = std::vector<OrderId>;
using Prices = std::vector<Price>;
using Quantities = std::vector<Quantity>;

template <class Exchange>
Ids ids(const Exchange& exchange, Side side) {
    Ids ids;
    for (const Order& order : exchange.orders(side)) ids.push_back(order.id);
    return ids;
}

Ids passive_ids(const TradesView& trades) {
    Ids ids;
    for (const Trade& trade : trades) ids.push_back(trade.passive_order_id);
    return ids;
}

Ids aggressor_ids(const TradesView& trades) {
    Ids ids;
    for (const Trade& trade : trades) ids.push_back(trade.aggressor_order_id);
    return ids;
}

Prices prices(const TradesView& trades) {
    Prices prices;
    for (const Trade& trade : trades) prices.push_back(trade.price);
    return prices;
}

Quantities quantities(const TradesView& trades) {
    Quantities quantities;
    for (const Trade& trade : trades) quantities.push_back(trade.quantity);
    return quantities;
}

template <class View>
auto copy(const View& view) {
    return std::vector<std::remove_cvref_t<decltype(view[0])>>(view.begin(), view.end());
}

OrderStatus status_of(const Exchange& exchange, OrderId id) { return exchange.get_order(id).value().status; }
OrderStatus stop_status(const Exchange& exchange, OrderId id) { return exchange.get_stop_order(id).value().status; }
Price stop_price_of(const Exchange& exchange, OrderId id) { return exchange.get_stop_order(id).value().stop_price; }

/// The order that a stop has become.
Order child_of(const Exchange& exchange, OrderId stop) {
    return exchange.get_order(exchange.get_stop_order(stop).value().child_order_id).value();
}

/// A trade of one at that price, between orders of its own: what a market does for the sake of the stops.
void print(Exchange& exchange, Price price) {
    exchange.submit_limit(sell, price, 1);
    exchange.submit_limit(buy, price, 1);
}

/// The next tick, seen by taking one.
Timestamp take_tick(Exchange& exchange) {
    const OrderId id = exchange.submit_limit(buy, 1, 1).order_id;
    const Timestamp tick = exchange.get_order(id).value().timestamp;
    exchange.cancel(id);
    return tick;
}

}  // namespace

// ---- 1: identifiers and the clock

TEST_CASE("orders_and_trades_are_counted_from_one_each") {
    Exchange exchange;
    CHECK(exchange.submit_limit(sell, 100, 5).order_id == 1);
    CHECK(exchange.submit_limit(sell, 101, 5).order_id == 2);
    const auto result = exchange.submit_limit(buy, 101, 7);
    CHECK(result.order_id == 3);
    REQUIRE(result.trades.size() == 2);
    CHECK(result.trades[0].id == 1);
    CHECK(result.trades[1].id == 2);
}

TEST_CASE("orders_stops_and_trades_share_one_clock") {
    Exchange exchange;
    exchange.submit_limit(sell, 100, 5);                                     // tick 1
    const OrderId stop = exchange.submit_stop_market(buy, 200, 1).order_id;  // tick 2
    const OrderId trail =                                                    // tick 3
        exchange.submit_trailing_stop_market(sell, 1, 1, TrailMethod::fixed(90)).order_id;
    const auto result = exchange.submit_limit(buy, 100, 2);  // tick 4, its trade 5
    CHECK(exchange.get_order(1).value().timestamp == 1);
    CHECK(exchange.get_stop_order(stop).value().timestamp == 2);
    CHECK(exchange.get_stop_order(trail).value().timestamp == 3);
    CHECK(exchange.get_order(result.order_id).value().timestamp == 4);
    CHECK(result.trades[0].timestamp == 5);
    CHECK(take_tick(exchange) == 6);
}

TEST_CASE("trades_take_their_ticks_while_matching_after_the_aggressor") {
    Exchange exchange;
    for (const Price price : {100, 101, 102}) exchange.submit_limit(sell, price, 1);
    const auto result = exchange.submit_market(buy, 3);
    CHECK(exchange.get_order(result.order_id).value().timestamp == 4);
    REQUIRE(result.trades.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) CHECK(result.trades[i].timestamp == 5 + i);
}

TEST_CASE("a_fok_that_is_short_takes_an_id_and_a_tick") {
    Exchange exchange;
    exchange.submit_limit(sell, 100, 5);
    const auto result = exchange.submit_limit(buy, 100, 6, fok);
    CHECK(result.order_id == 2);
    CHECK(exchange.submit_limit(buy, 99, 1).order_id == 3);
    CHECK(exchange.get_order(3).value().timestamp == 3);
}

TEST_CASE("the_child_of_a_stop_takes_an_id_and_a_tick_of_its_own") {
    Exchange exchange;
    exchange.submit_stop_limit(buy, 100, 90, 4);  // id 1, tick 1
    exchange.submit_limit(sell, 100, 1);          // id 2, tick 2
    exchange.submit_limit(buy, 100, 1);           // id 3, tick 3, trade 4: fires
    CHECK(exchange.get_order(4).value().timestamp == 5);
    CHECK(exchange.submit_limit(buy, 1, 1).order_id == 5);
    CHECK(exchange.get_order(5).value().timestamp == 6);
}

TEST_CASE("a_stop_and_its_child_are_linked_both_ways") {
    Exchange exchange;
    const OrderId stop = exchange.submit_stop_limit(buy, 100, 90, 4).order_id;
    CHECK(exchange.get_stop_order(stop).value().child_order_id == 0);
    print(exchange, 100);
    const OrderId child = exchange.get_stop_order(stop).value().child_order_id;
    CHECK(child != 0);
    CHECK(exchange.get_order(child).value().stop_id == stop);
    CHECK(exchange.get_order(child).value().price == 90);
    CHECK(exchange.get_order(2).value().stop_id == 0);
}

TEST_CASE("a_modify_takes_a_new_id_and_a_new_tick") {
    Exchange exchange;
    exchange.submit_limit(buy, 100, 5);
    const auto result = exchange.modify(1, 101, 6);
    CHECK(result.success());
    CHECK(result.old_order_id == 1);
    CHECK(result.submitted.order_id == 2);
    CHECK(exchange.get_order(2).value().timestamp == 2);
}

TEST_CASE("cancel_reduce_and_a_modify_that_fails_take_neither_id_nor_tick") {
    Exchange exchange;
    exchange.submit_limit(buy, 100, 5);
    exchange.reduce(1, 1);
    exchange.cancel(1);
    exchange.modify(1, 100, 5);
    exchange.modify(9, 100, 5);
    exchange.cancel(9);
    CHECK(exchange.submit_limit(buy, 100, 5).order_id == 2);
    CHECK(exchange.get_order(2).value().timestamp == 2);
}

TEST_CASE("counters_never_restart") {
    Exchange exchange;
    print(exchange, 100);
    exchange.clear_trades();
    exchange.clear_order_history();
    print(exchange, 100);
    REQUIRE(exchange.trades().size() == 1);
    CHECK(exchange.trades()[0].id == 2);
    CHECK(exchange.trades()[0].timestamp == 6);
    CHECK(exchange.trades()[0].aggressor_order_id == 4);
}

// ---- 2: orders and matching

TEST_CASE("the_best_price_trades_first") {
    Exchange exchange;
    for (const Price price : {103, 101, 102}) exchange.submit_limit(sell, price, 1);
    CHECK(prices(exchange.submit_market(buy, 3).trades) == Prices{101, 102, 103});
    for (const Price price : {97, 99, 98}) exchange.submit_limit(buy, price, 1);
    CHECK(prices(exchange.submit_market(sell, 3).trades) == Prices{99, 98, 97});
}

TEST_CASE("at_one_price_the_oldest_order_trades_first") {
    Exchange exchange;
    for (int i = 0; i < 6; ++i) exchange.submit_limit(sell, 100, 2);
    const auto result = exchange.submit_market(buy, 7);
    CHECK(passive_ids(result.trades) == Ids{1, 2, 3, 4});
    CHECK(quantities(result.trades) == Quantities{2, 2, 2, 1});
    CHECK(ids(exchange, sell) == Ids{4, 5, 6});
}

TEST_CASE("a_trade_prints_at_the_resting_price") {
    Exchange exchange;
    exchange.submit_limit(sell, 100, 1);
    CHECK(prices(exchange.submit_limit(buy, 105, 1).trades) == Prices{100});
    exchange.submit_limit(buy, 105, 1);
    CHECK(prices(exchange.submit_limit(sell, 100, 1).trades) == Prices{105});
}

TEST_CASE("a_trade_names_both_orders_and_who_came") {
    Exchange exchange;
    exchange.submit_limit(sell, 100, 3);
    const auto result = exchange.submit_limit(buy, 100, 2);
    CHECK(result.trades[0] == Trade{1, 100, 2, 2, 1, 3, buy});
    CHECK(copy(exchange.trades()) == copy(result.trades));
}

TEST_CASE("a_buy_crosses_from_the_best_ask_on") {
    Exchange exchange;
    exchange.submit_limit(sell, 100, 1);
    CHECK(exchange.submit_limit(buy, 99, 1).trades.empty());
    CHECK(exchange.submit_limit(buy, 100, 1).trades.size() == 1);
}

TEST_CASE("a_sell_crosses_from_the_best_bid_on") {
    Exchange exchange;
    exchange.submit_limit(buy, 100, 1);
    CHECK(exchange.submit_limit(sell, 101, 1).trades.empty());
    CHECK(exchange.submit_limit(sell, 100, 1).trades.size() == 1);
}

TEST_CASE("an_order_that_crosses_nothing_rests_as_new") {
    Exchange exchange;
    const auto result = exchange.submit_limit(buy, 100, 5);
    CHECK(result.status == OrderStatus::new_);
    CHECK(result.resting == 5);
    CHECK(exchange.get_order(1) == Order{1, 100, 5, 5, 0, 0, 1, 0, buy, gtc, OrderStatus::new_});
    CHECK(exchange.best_bid() == 100);
}

TEST_CASE("an_order_with_nothing_left_is_filled") {
    Exchange exchange;
    exchange.submit_limit(sell, 100, 5);
    const auto result = exchange.submit_limit(buy, 100, 5);
    CHECK(result.status == OrderStatus::filled);
    CHECK(result.filled == 5);
    CHECK(status_of(exchange, 1) == OrderStatus::filled);
    CHECK(status_of(exchange, 2) == OrderStatus::filled);
    CHECK_FALSE(exchange.best_bid().has_value());
    CHECK_FALSE(exchange.best_ask().has_value());
}

TEST_CASE("what_is_left_of_a_gtc_order_rests") {
    Exchange exchange;
    exchange.submit_limit(sell, 100, 5);
    const auto result = exchange.submit_limit(buy, 101, 8);
    CHECK(result.status == OrderStatus::partially_filled);
    CHECK(result.filled == 5);
    CHECK(result.resting == 3);
    CHECK(result.cancelled == 0);
    CHECK(exchange.best_bid() == 101);
    CHECK(exchange.get_order(2) == Order{2, 101, 8, 3, 5, 0, 2, 0, buy, gtc, OrderStatus::partially_filled});
}

TEST_CASE("an_order_that_rests_and_is_filled_in_part_is_partially_filled_and_keeps_its_place") {
    Exchange exchange;
    exchange.submit_limit(sell, 100, 5);
    exchange.submit_limit(sell, 100, 5);
    exchange.submit_market(buy, 2);
    CHECK(status_of(exchange, 1) == OrderStatus::partially_filled);
    CHECK(exchange.get_order(1).value().remaining == 3);
    CHECK(ids(exchange, sell) == Ids{1, 2});
}

TEST_CASE("what_is_left_of_an_ioc_order_is_cancelled") {
    Exchange exchange;
    exchange.submit_limit(sell, 100, 5);
    const auto result = exchange.submit_limit(buy, 100, 8, ioc);
    CHECK(result.status == OrderStatus::partially_filled);
    CHECK(result.filled == 5);
    CHECK(result.resting == 0);
    CHECK(result.cancelled == 3);
    CHECK_FALSE(exchange.best_bid().has_value());
    CHECK(exchange.get_order(2) == Order{2, 100, 8, 0, 5, 3, 2, 0, buy, ioc, OrderStatus::partially_filled});
}

TEST_CASE("an_ioc_order_that_trades_nothing_is_cancelled") {
    Exchange exchange;
    exchange.submit_limit(sell, 101, 5);
    const auto result = exchange.submit_limit(buy, 100, 8, ioc);
    CHECK(result.status == OrderStatus::cancelled);
    CHECK(result.cancelled == 8);
    CHECK(status_of(exchange, 2) == OrderStatus::cancelled);
}

TEST_CASE("an_ioc_order_filled_in_part_is_no_longer_active") {
    Exchange exchange;
    exchange.submit_limit(sell, 100, 5);
    exchange.submit_limit(buy, 100, 8, ioc);
    CHECK(exchange.cancel(2).error == OrderError::order_not_active);
    CHECK(exchange.reduce(2, 1).error == OrderError::order_not_active);
    CHECK(exchange.modify(2, 100, 8).error == OrderError::order_not_active);
}

TEST_CASE("a_market_order_trades_at_any_price_and_never_rests") {
    Exchange exchange;
    exchange.submit_limit(sell, 1, 1);
    exchange.submit_limit(sell, highest, 1);
    const auto result = exchange.submit_market(buy, 3);
    CHECK(prices(result.trades) == Prices{1, highest});
    CHECK(result.status == OrderStatus::partially_filled);
    CHECK(result.cancelled == 1);
    CHECK(exchange.get_order(3) == Order{3, highest, 3, 0, 2, 1, 3, 0, buy, ioc, OrderStatus::partially_filled});
    const auto other = exchange.submit_market(sell, 4);
    CHECK(other.status == OrderStatus::cancelled);
    CHECK(exchange.get_order(4).value().price == lowest);
}

TEST_CASE("a_market_order_that_finds_enough_is_filled") {
    Exchange exchange;
    exchange.submit_limit(buy, 100, 5);
    const auto result = exchange.submit_market(sell, 5);
    CHECK(result.status == OrderStatus::filled);
    CHECK(result.filled == 5);
}

TEST_CASE("a_fok_is_filled_whole_over_several_levels") {
    Exchange exchange;
    for (const Price price : {100, 101, 102}) exchange.submit_limit(sell, price, 5);
    const auto result = exchange.submit_limit(buy, 101, 10, fok);
    CHECK(result.status == OrderStatus::filled);
    CHECK(result.filled == 10);
    CHECK(status_of(exchange, 4) == OrderStatus::filled);
}

TEST_CASE("a_fok_that_is_short_trades_nothing_and_is_not_kept") {
    Exchange exchange;
    for (const Price price : {100, 101, 102}) exchange.submit_limit(sell, price, 5);
    const auto result = exchange.submit_limit(buy, 101, 11, fok);
    CHECK(result.status == OrderStatus::cancelled);
    CHECK(result.trades.empty());
    CHECK(result.cancelled == 11);
    CHECK_FALSE(exchange.get_order(4).has_value());
    CHECK(exchange.trades().empty());
    CHECK(ids(exchange, sell) == Ids{1, 2, 3});
    CHECK(exchange.cancel(4).error == OrderError::order_not_found);
    CHECK(exchange.modify(4, 101, 1).error == OrderError::order_not_found);
}

TEST_CASE("a_fok_into_an_empty_book_is_refused") {
    Exchange exchange;
    CHECK(exchange.submit_limit(buy, 101, 1, fok).status == OrderStatus::cancelled);
    CHECK_FALSE(exchange.get_order(1).has_value());
}

TEST_CASE("filled_resting_and_cancelled_add_up_to_what_was_submitted") {
    Exchange exchange;
    exchange.submit_limit(sell, 100, 5);
    for (const TimeInForce time_in_force : {gtc, ioc, fok}) {
        const auto result = exchange.submit_limit(buy, 100, 9, time_in_force);
        CHECK(result.filled + result.resting + result.cancelled == 9);
        exchange.submit_limit(sell, 100, 5);
    }
}

TEST_CASE("a_result_shows_the_orders_own_match_and_the_trades_of_stops_apart") {
    Exchange exchange;
    exchange.submit_limit(sell, 100, 1);
    exchange.submit_limit(sell, 101, 1);
    exchange.submit_limit(sell, 102, 1);
    exchange.submit_stop_market(buy, 100, 1);  // id 4
    const auto result = exchange.submit_limit(buy, 100, 1);
    CHECK(result.status == OrderStatus::filled);
    CHECK(prices(result.trades) == Prices{100});
    CHECK(prices(result.triggered) == Prices{101});
    CHECK(aggressor_ids(result.triggered) == Ids{6});
    CHECK(prices(exchange.trades()) == Prices{100, 101});
    CHECK(exchange.last_trade_price() == 101);
}

TEST_CASE("the_status_of_a_result_is_that_before_its_stops") {
    Exchange exchange;
    exchange.submit_limit(sell, 100, 1);
    exchange.submit_stop_market(sell, 100, 2);
    const auto result = exchange.submit_limit(buy, 100, 3);  // what rests of it is hit by the stop that it fires
    CHECK(result.status == OrderStatus::partially_filled);
    CHECK(result.resting == 2);
    CHECK(quantities(result.triggered) == Quantities{2});
    CHECK(status_of(exchange, result.order_id) == OrderStatus::filled);
}

TEST_CASE("level_totals_exceed_64_bits") {
    Exchange exchange;
    for (int i = 0; i < 5; ++i) exchange.submit_limit(buy, 100, most);
    const auto book = exchange.full_book();
    REQUIRE(book.bids.size() == 1);
    CHECK(book.bids[0].quantity == Total(most - 4, 4));
    CHECK(book.bids[0].order_count == 5);
    exchange.cancel(3);
    CHECK(exchange.full_book().bids[0].quantity == Total(most - 3, 3));
    CHECK(exchange.queue_ahead(5) == Total(most - 2, 2));
    CHECK(exchange.submit_market(sell, most).filled == most);
    CHECK(exchange.full_book().bids[0].quantity == Total(most - 2, 2));
    exchange.reduce(2, 10);
    CHECK(exchange.full_book().bids[0].quantity == Total(most - 12, 2));
}

TEST_CASE("what_a_fok_may_fill_exceeds_64_bits") {
    Exchange exchange;
    exchange.submit_limit(sell, 100, most);
    exchange.submit_limit(sell, 101, 1);
    CHECK(exchange.submit_limit(buy, 100, most, fok).status == OrderStatus::filled);
    for (int i = 0; i < 3; ++i) exchange.submit_limit(sell, 101, most - 1);
    // The sum of two of them is most - 2 if it wraps.
    CHECK(exchange.submit_limit(buy, 101, most, fok).status == OrderStatus::filled);
}

TEST_CASE("a_total_beyond_64_bits_becomes_the_nearest_double") {
    CHECK(static_cast<double>(Total(most, 0)) == 0x1p64);
    CHECK(static_cast<double>(Total(0, 1)) == 0x1p64);
    // Half way between two doubles, and a little more: rounded in two steps it would be the lower one.
    CHECK(static_cast<double>(Total((std::uint64_t{1} << 11) + 1, 1)) == 0x1.0000000000001p64);
    CHECK(static_cast<double>(Total(std::uint64_t{1} << 11, 1)) == 0x1p64);
    CHECK(static_cast<double>(Total(1, (std::uint64_t{1} << 53) + 1)) == 0x1.0000000000001p117);
}

TEST_CASE("spread_and_mid_hold_the_farthest_prices") {
    Exchange exchange;
    exchange.submit_limit(buy, 1, 1);
    exchange.submit_limit(sell, highest, 1);
    CHECK(exchange.spread() == highest - 1);
    CHECK(exchange.depth(1).spread() == highest - 1);
    CHECK(exchange.depth(1).mid_price() == doctest::Approx(0x1p62));
}

// ---- 2: bad input

TEST_CASE("an_event_that_means_nothing_is_refused_and_not_logged") {
    constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
    constexpr double endless = std::numeric_limits<double>::infinity();
    const std::vector<std::pair<Event, std::string>> refused = {
        {Event::submit_limit(buy, 100, 0), "quantity is 0"},
        {Event::submit_limit(buy, 0, 5), "price is 0"},
        {Event::submit_limit(sell, -7, 5), "price is -7"},
        {Event::submit_limit(sell, -7, 5, gtc, false), "price is -7"},
        {Event::submit_limit(buy, 100, 5, ioc, false),
         "time in force is ioc; an order that does not match must be gtc"},
        {Event::submit_limit(buy, 0, 5, fok, false), "time in force is fok; an order that does not match must be gtc"},
        {Event::submit_market(buy, 0), "quantity is 0"},
        {Event::modify(1, 0, 5), "price is 0"},
        {Event::modify(1, -3, 5), "price is -3"},
        {Event::submit_stop_market(buy, 0, 5), "stop price is 0"},
        {Event::submit_stop_market(buy, 100, 0), "quantity is 0"},
        {Event::submit_stop_limit(buy, 100, 0, 5), "limit price is 0"},
        {Event::submit_stop_limit(buy, -1, 100, 5), "stop price is -1"},
        {Event::submit_stop_limit(buy, 100, 100, 0), "quantity is 0"},
        {Event::submit_trailing_stop_market(sell, 100, 5, {}), "trail method"},
        {Event::submit_trailing_stop_market(sell, 100, 5, TrailMethod::fixed(0)), "trail value is 0"},
        {Event::submit_trailing_stop_market(sell, 100, 5, TrailMethod::fixed(-2)), "trail value is -2"},
        {Event::submit_trailing_stop_market(sell, 100, 5, TrailMethod::percentage(0)), "trail value is 0"},
        {Event::submit_trailing_stop_market(sell, 100, 5, TrailMethod::percentage(-0.5)), "trail value is -0.5"},
        {Event::submit_trailing_stop_market(sell, 100, 5, TrailMethod::percentage(nothing)), "trail value is nan"},
        {Event::submit_trailing_stop_market(sell, 100, 5, TrailMethod::percentage(endless)), "trail value is inf"},
        {Event::submit_trailing_stop_market(sell, 100, 5, TrailMethod::atr(nothing, 14)), "trail value is nan"},
        {Event::submit_trailing_stop_market(sell, 100, 5, TrailMethod::atr(2, 0)), "ATR period is 0"},
        {Event::submit_trailing_stop_market(sell, 0, 5, TrailMethod::fixed(1)), "stop price is 0"},
        {Event::submit_trailing_stop_market(sell, 100, 0, TrailMethod::fixed(1)), "quantity is 0"},
        {Event::submit_trailing_stop_limit(sell, 100, 0, 5, TrailMethod::fixed(1)), "limit price is 0"},
        {Event::submit_trailing_stop_limit(sell, 100, 90, 5, TrailMethod::atr(-1, 3)), "trail value is -1"},
        {Event::execute(1, 0, 1), "quantity is 0"},
        {Event::execute(1, 1, 1, -5), "price is -5"},
        {Event::trade(buy, -1, 1, 1), "price is -1"},
        {Event::trade(buy, 1, 0, 1), "quantity is 0"},
    };
    Exchange exchange;
    exchange.submit_limit(buy, 100, 5);
    const std::uint64_t before = exchange.state_hash();
    for (const auto& row : refused) {
        const Event& event = row.first;
        const std::string& reason = row.second;
        CAPTURE(reason);
        std::string message;
        try {
            exchange.apply(event);
        } catch (const std::invalid_argument& error) {
            message = error.what();
        }
        CHECK(message.find(reason) != std::string::npos);
        CHECK(check(event) != InputError::none);
        CHECK(exchange.state_hash() == before);
        CHECK(exchange.events().size() == 1);
    }
    CHECK(exchange.submit_limit(buy, 100, 5).order_id == 2);
}

TEST_CASE("try_functions_give_the_error_or_the_result") {
    Exchange exchange;
    CHECK(exchange.try_submit_limit(buy, 0, 5).error() == InputError::price_not_positive);
    CHECK(exchange.try_submit_limit(buy, -1, 5).error() == InputError::price_not_positive);
    CHECK(exchange.try_submit_limit(buy, 100, 0).error() == InputError::zero_quantity);
    CHECK(exchange.try_submit_market(buy, 0).error() == InputError::zero_quantity);
    CHECK(exchange.try_modify(1, 0, 5).error() == InputError::price_not_positive);
    CHECK(exchange.try_submit_stop_market(buy, 0, 5).error() == InputError::price_not_positive);
    CHECK(exchange.try_submit_stop_limit(buy, 1, 0, 5).error() == InputError::limit_price_not_positive);
    CHECK(exchange.try_submit_trailing_stop_market(buy, 1, 5, TrailMethod::fixed(0)).error() ==
          InputError::fixed_trail_not_positive);
    CHECK(exchange.try_submit_trailing_stop_limit(buy, 1, 1, 5, TrailMethod::atr(1, 0)).error() ==
          InputError::zero_atr_period);
    CHECK(exchange.try_submit_trailing_stop_market(buy, 1, 5, TrailMethod::percentage(-1)).error() ==
          InputError::trail_factor_not_positive);
    CHECK(exchange.try_submit_trailing_stop_market(buy, 1, 5, {}).error() == InputError::no_trail);
    CHECK(exchange.events().empty());

    const auto order = exchange.try_submit_limit(buy, 100, 5, gtc);
    REQUIRE(order);
    CHECK(order.has_value());
    CHECK(order->order_id == 1);
    CHECK((*order).resting == 5);
    CHECK(exchange.try_submit_market(sell, 1)->filled == 1);
    CHECK(exchange.try_modify(1, 99, 7)->submitted.order_id == 3);
    CHECK(exchange.try_modify(1, 99, 7)->error == OrderError::order_not_active);
    CHECK(exchange.try_submit_stop_market(buy, 200, 5)->order_id == 4);
    CHECK(exchange.try_submit_stop_limit(buy, 200, 201, 5, fok)->status == OrderStatus::pending);
    CHECK(exchange.try_submit_trailing_stop_market(buy, 200, 5, TrailMethod::percentage(0.5))->order_id == 6);
    CHECK(exchange.try_submit_trailing_stop_limit(buy, 200, 201, 5, TrailMethod::atr(2, 3), ioc)->order_id == 7);
    CHECK(exchange.events().size() == 8);
}

TEST_CASE("an_odd_quantity_in_reduce_and_modify_has_an_answer_and_is_logged") {
    Exchange exchange;
    exchange.submit_limit(buy, 100, 5);
    CHECK(exchange.reduce(1, 0).error == OrderError::invalid_quantity);
    CHECK(exchange.modify(1, 100, 0).error == OrderError::invalid_quantity);
    CHECK(exchange.events().size() == 3);
    CHECK(exchange.get_order(1).value().remaining == 5);
}

TEST_CASE("a_symbol_has_at_most_eight_ascii_characters") {
    CHECK(Symbol::parse("ABCDEFGH").has_value());
    CHECK_FALSE(Symbol::parse("ABCDEFGHI").has_value());
    CHECK_FALSE(Symbol::parse("\xc3\x84").has_value());
    CHECK(Exchange({.symbol = *Symbol::parse("AAPL")}).options().symbol.view() == "AAPL");
}

// ---- 3: cancel, reduce, modify

TEST_CASE("a_cancel_takes_what_rests") {
    Exchange exchange;
    exchange.submit_limit(buy, 100, 5);
    exchange.submit_market(sell, 2);
    const auto result = exchange.cancel(1);
    CHECK(result.success());
    CHECK(result.cancelled == 3);
    CHECK(exchange.get_order(1) == Order{1, 100, 5, 0, 2, 3, 1, 0, buy, gtc, OrderStatus::cancelled});
    CHECK_FALSE(exchange.best_bid().has_value());
}

TEST_CASE("a_cancel_of_a_pending_stop_gives_its_quantity") {
    Exchange exchange;
    exchange.submit_stop_market(buy, 100, 7);
    const auto result = exchange.cancel(1);
    CHECK(result.success());
    CHECK(result.cancelled == 7);
    CHECK(stop_status(exchange, 1) == OrderStatus::cancelled);
    CHECK(exchange.pending_stop_count() == 0);
    print(exchange, 100);
    CHECK(stop_status(exchange, 1) == OrderStatus::cancelled);
    CHECK(exchange.trades().size() == 1);
}

TEST_CASE("ids_that_nobody_has_are_not_found") {
    Exchange exchange;
    const auto nobody = [&](OrderId id) {
        CHECK(exchange.cancel(id).error == OrderError::order_not_found);
        CHECK(exchange.reduce(id, 1).error == OrderError::order_not_found);
        CHECK(exchange.modify(id, 100, 1).error == OrderError::order_not_found);
        CHECK(exchange.execute(id, 1, 1).error == OrderError::order_not_found);
        CHECK_FALSE(exchange.get_order(id).has_value());
        CHECK_FALSE(exchange.get_stop_order(id).has_value());
        CHECK_FALSE(exchange.queue_ahead(id).has_value());
    };
    // Before the first order, and after.
    for (const OrderId id : {OrderId{0}, OrderId{1}, OrderId{4096}, ~OrderId{0}}) nobody(id);
    exchange.submit_limit(buy, 100, 5);
    for (const OrderId id : {OrderId{0}, OrderId{2}, OrderId{4096}, ~OrderId{0}}) nobody(id);
}

TEST_CASE("an_order_that_is_over_is_not_active") {
    Exchange exchange;
    exchange.submit_limit(buy, 100, 5);
    exchange.submit_market(sell, 5);
    exchange.submit_limit(buy, 100, 5);
    exchange.cancel(3);
    for (const OrderId over : {1U, 2U, 3U}) {
        CHECK(exchange.cancel(over).error == OrderError::order_not_active);
        CHECK(exchange.reduce(over, 1).error == OrderError::order_not_active);
        CHECK(exchange.modify(over, 100, 1).error == OrderError::order_not_active);
        CHECK(exchange.execute(over, 1, 1).error == OrderError::order_not_active);
    }
}

TEST_CASE("a_stop_that_is_over_is_not_active") {
    Exchange exchange;
    exchange.submit_stop_market(buy, 100, 5);
    exchange.submit_stop_market(buy, 200, 5);
    print(exchange, 100);
    exchange.cancel(2);
    CHECK(exchange.cancel(1).error == OrderError::order_not_active);
    CHECK(exchange.cancel(2).error == OrderError::order_not_active);
}

TEST_CASE("reduce_and_modify_know_no_stops") {
    Exchange exchange;
    exchange.submit_stop_market(buy, 100, 5);
    CHECK(exchange.reduce(1, 1).error == OrderError::order_not_found);
    CHECK(exchange.modify(1, 100, 1).error == OrderError::order_not_found);
    CHECK(stop_status(exchange, 1) == OrderStatus::pending);
}

TEST_CASE("reduce_keeps_priority") {
    Exchange exchange;
    for (int i = 0; i < 3; ++i) exchange.submit_limit(buy, 100, 10);
    const auto result = exchange.reduce(1, 4);
    CHECK(result.success());
    CHECK(result.cancelled == 4);
    CHECK(ids(exchange, buy) == Ids{1, 2, 3});
    CHECK(exchange.get_order(1) == Order{1, 100, 10, 6, 0, 4, 1, 0, buy, gtc, OrderStatus::new_});
    CHECK(exchange.full_book().bids[0].quantity == 26);
    CHECK(passive_ids(exchange.submit_market(sell, 7).trades) == Ids{1, 2});
    CHECK(exchange.get_order(1).value().filled == 6);
    CHECK(exchange.get_order(1).value().cancelled == 4);
}

TEST_CASE("a_reduce_to_nothing_is_a_cancel") {
    Exchange exchange;
    exchange.submit_limit(buy, 100, 10);
    exchange.submit_limit(buy, 100, 10);
    exchange.submit_market(sell, 1);
    exchange.reduce(1, 2);
    CHECK(exchange.reduce(1, most).cancelled == 7);
    CHECK(exchange.get_order(1) == Order{1, 100, 10, 0, 1, 9, 1, 0, buy, gtc, OrderStatus::cancelled});
    CHECK(exchange.reduce(2, 10).cancelled == 10);
    CHECK(status_of(exchange, 2) == OrderStatus::cancelled);
    CHECK_FALSE(exchange.best_bid().has_value());
}

TEST_CASE("a_modify_checks_quantity_then_whether_there_is_such_an_order_then_whether_it_rests") {
    Exchange exchange;
    exchange.submit_limit(buy, 100, 5);
    exchange.cancel(1);
    CHECK(exchange.modify(9, 100, 0).error == OrderError::invalid_quantity);
    CHECK(exchange.modify(1, 100, 0).error == OrderError::invalid_quantity);
    CHECK(exchange.modify(9, 100, 1).error == OrderError::order_not_found);
    const auto result = exchange.modify(1, 100, 1);
    CHECK(result.error == OrderError::order_not_active);
    CHECK_FALSE(result.success());
    CHECK(result.old_order_id == 1);
    CHECK(result.submitted.order_id == 0);
    CHECK(exchange.reduce(9, 0).error == OrderError::invalid_quantity);
}

TEST_CASE("a_modify_loses_priority_and_keeps_side_and_time_in_force") {
    Exchange exchange;
    for (int i = 0; i < 3; ++i) exchange.submit_limit(sell, 100, 10);
    const auto result = exchange.modify(1, 100, 12);
    CHECK(result.cancelled == 10);
    CHECK(result.submitted.resting == 12);
    CHECK(ids(exchange, sell) == Ids{2, 3, 4});
    CHECK(status_of(exchange, 1) == OrderStatus::cancelled);
    CHECK(exchange.get_order(4) == Order{4, 100, 12, 12, 0, 0, 4, 0, sell, gtc, OrderStatus::new_});
}

TEST_CASE("a_modify_may_trade_and_then_sets_the_last_price_and_fires_stops") {
    Exchange exchange;
    exchange.submit_limit(sell, 100, 5);       // 1
    exchange.submit_limit(buy, 90, 7);         // 2
    exchange.submit_stop_market(buy, 100, 1);  // 3
    exchange.submit_limit(sell, 101, 1);       // 4
    const auto result = exchange.modify(2, 100, 7);
    CHECK(result.submitted.filled == 5);
    CHECK(result.submitted.resting == 2);
    CHECK(prices(result.submitted.trades) == Prices{100});
    CHECK(prices(result.submitted.triggered) == Prices{101});
    CHECK(exchange.last_trade_price() == 101);
    CHECK(stop_status(exchange, 3) == OrderStatus::triggered);
    const Exchange again = Exchange::replay(exchange.events());
    CHECK(again.state_hash() == exchange.state_hash());
    CHECK(again.last_trade_price() == 101);
}

TEST_CASE("an_order_that_a_modify_made_is_linked_to_no_stop") {
    Exchange exchange;
    exchange.submit_stop_limit(buy, 100, 90, 5);
    print(exchange, 100);
    const OrderId child = exchange.get_stop_order(1).value().child_order_id;
    const OrderId made = exchange.modify(child, 91, 5).submitted.order_id;
    CHECK(exchange.get_order(made).value().stop_id == 0);
    CHECK(exchange.get_order(child).value().stop_id == 1);
    CHECK(exchange.get_stop_order(1).value().child_order_id == child);
}

TEST_CASE("finished_orders_are_known_until_the_history_is_cleared") {
    Exchange exchange;
    exchange.submit_limit(buy, 100, 5);  // filled
    exchange.submit_market(sell, 5);     // filled
    exchange.submit_limit(buy, 100, 5);  // cancelled
    exchange.cancel(3);
    exchange.submit_limit(buy, 100, 5);  // rests
    exchange.submit_stop_market(buy, 200, 5);
    exchange.submit_limit(buy, 100, 5, fok);  // refused: not kept at all
    CHECK(exchange.clear_order_history() == 3);
    for (const OrderId dropped : {1U, 2U, 3U}) {
        CHECK_FALSE(exchange.get_order(dropped).has_value());
        CHECK(exchange.cancel(dropped).error == OrderError::order_not_found);
    }
    CHECK(exchange.get_order(4).value().remaining == 5);
    CHECK(exchange.get_stop_order(5).has_value());
    CHECK(exchange.clear_order_history() == 0);
    CHECK(exchange.cancel(4).cancelled == 5);
}

TEST_CASE("clear_trades_empties_the_list_and_nothing_else") {
    Exchange exchange;
    print(exchange, 100);
    const std::uint64_t before = exchange.state_hash();
    exchange.clear_trades();
    CHECK(exchange.trades().empty());
    CHECK(exchange.state_hash() == before);
    CHECK(exchange.last_trade_price() == 100);
    CHECK(exchange.get_order(1).has_value());
    CHECK(exchange.submit_limit(buy, 100, 1).trades.empty());
    CHECK(exchange.submit_limit(sell, 100, 1).trades.size() == 1);
    CHECK(exchange.trades().size() == 1);
}

// ---- 4: cancels, tombstones, compaction

TEST_CASE("buy_buy_sell_cancel_2_market_sell") {
    // What the original got wrong: the cancel blanked another order, and the market order matched phantoms for ever.
    Exchange exchange;
    exchange.submit_limit(buy, 100, 10);
    exchange.submit_limit(buy, 100, 20);
    exchange.submit_limit(sell, 100, 10);
    CHECK(exchange.cancel(2).cancelled == 20);
    const auto result = exchange.submit_market(sell, 5);
    CHECK(result.trades.empty());
    CHECK(result.status == OrderStatus::cancelled);
    CHECK_FALSE(exchange.best_bid().has_value());
    CHECK(exchange.full_book().bids.empty());
    CHECK(exchange.trades().size() == 1);
}

TEST_CASE("a_cancel_takes_the_order_that_was_meant_wherever_it_stands") {
    for (OrderId cancelled = 1; cancelled <= 9; ++cancelled) {
        for (Quantity filled = 0; filled <= 9; ++filled) {
            Exchange exchange;
            for (int i = 0; i < 9; ++i) exchange.submit_limit(sell, 100, 1);
            if (filled > 0) exchange.submit_market(buy, filled);
            CHECK(exchange.cancel(cancelled).success() == (cancelled > filled));
            Ids expected;
            for (OrderId id = filled + 1; id <= 9; ++id) {
                if (id != cancelled) expected.push_back(id);
            }
            CHECK(ids(exchange, sell) == expected);
            CHECK(passive_ids(exchange.submit_market(buy, 9).trades) == expected);
        }
    }
}

namespace {

/// Orders at one price, cancelled and filled in random order. The model is a row of quantities and who is first.
template <class Exchange>
void churn(std::size_t orders, std::uint64_t seed) {
    Random random(seed);
    Exchange exchange;
    std::vector<Quantity> left(orders + 1);
    Quantity total = 0;
    std::size_t live = orders;
    for (OrderId id = 1; id <= orders; ++id) {
        left[id] = 1 + random.below(20);
        total += left[id];
        exchange.submit_limit(buy, 100, left[id]);
    }
    Ids queue(orders);
    std::iota(queue.begin(), queue.end(), OrderId{1});
    for (std::size_t i = orders; i > 1; --i) {
        std::swap(queue[i - 1], queue[random.below(static_cast<std::uint32_t>(i))]);
    }
    bool right = true;
    OrderId first = 1;
    for (const OrderId id : queue) {
        const bool rests = left[id] > 0;
        const auto result = exchange.cancel(id);
        right = right && result.success() == rests && result.cancelled == left[id];
        total -= left[id];
        live -= rests;
        left[id] = 0;
        if (random.once_in(4) && total > 0) {
            Quantity wanted = std::min<Quantity>(1 + random.below(30), total);
            for (const Trade& trade : exchange.submit_market(sell, wanted).trades) {
                while (left[first] == 0) ++first;
                const Quantity expected = std::min(wanted, left[first]);
                right = right && trade.passive_order_id == first && trade.quantity == expected;
                left[first] -= expected;
                live -= left[first] == 0;
                wanted -= expected;
                total -= expected;
            }
            right = right && wanted == 0;
        }
        std::array<LevelView, 1> row{};
        const bool is_there = exchange.depth(buy, row) == 1;
        right = right && is_there == (live > 0);
        if (is_there) right = right && row[0] == LevelView{100, total, static_cast<std::uint32_t>(live)};
        if (!right) break;
    }
    CHECK(right);
    CHECK(exchange.full_book() == BookSnapshot{});
    CHECK(exchange.orders(buy).empty());

    // Nothing is left behind that a later order could meet.
    CHECK(exchange.submit_market(sell, 1).trades.empty());
    exchange.submit_limit(buy, 100, 3);
    CHECK(exchange.submit_market(sell, 5).filled == 3);
}

}  // namespace

TEST_CASE("a_thousand_orders_at_one_price_come_and_go_in_any_order") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        churn<BasicExchange<EventLog, 1>>(1000, seed);
        churn<Exchange>(1000, seed);
    }
}

TEST_CASE("a_hundred_thousand_orders_at_one_price_come_and_go_in_any_order") {
    churn<Exchange>(100'000, 1);
    churn<BasicExchange<NoEventLog, 2>>(100'000, 2);
}

TEST_CASE("compact_changes_nothing_that_one_sees") {
    Exchange exchange;
    for (int i = 0; i < 60; ++i) exchange.submit_limit(sell, 100 + i % 3, 5);
    for (OrderId id = 1; id <= 60; ++id) {
        if (id % 4 != 0) exchange.cancel(id);
    }
    const std::uint64_t before = exchange.state_hash();
    const auto book = exchange.full_book();
    const auto orders = exchange.orders(sell);
    exchange.compact();
    CHECK(exchange.state_hash() == before);
    CHECK(exchange.full_book() == book);
    CHECK(exchange.orders(sell) == orders);
    CHECK(exchange.cancel(8).cancelled == 5);
    CHECK(passive_ids(exchange.submit_market(buy, 5).trades) == Ids{4});
}

TEST_CASE("memory_of_orders_that_are_forgotten_serves_new_ones") {
    OrderTable orders;
    std::size_t bytes = 0;
    for (int round = 0; round < 100; ++round) {
        for (int i = 0; i < 10'000; ++i)
            orders.slot(orders.take_id()) = {0, no_level, OrderStatus::filled, SlotKind::order, buy, gtc};
        CHECK(orders.forget_finished() == 10'000);
        if (round == 10) bytes = orders.bytes();
    }
    // The table of chunks itself grows by eight bytes for every 4,096 orders.
    CHECK(orders.bytes() < bytes + 10'000);
}

TEST_CASE("memory_of_levels_serves_new_ones") {
    Levels<OrderId> levels;
    OrderTable orders;
    Book book;
    std::size_t bytes = 0;
    for (int round = 0; round < 100; ++round) {
        Ids ids;
        for (int i = 0; i < 5000; ++i) {
            const OrderId id = orders.take_id();
            orders.slot(id) = {
                1,  book.add(levels, 0, buy, 100 + i % 7 + round * 10, id, 1), OrderStatus::new_, SlotKind::order, buy,
                gtc};
            ids.push_back(id);
        }
        for (const OrderId id : ids) book.remove(levels, std::exchange(orders.slot(id).level, no_level), id, 1, orders);
        CHECK(book.empty());
        if (round == 10) bytes = levels.pool().bytes();
    }
    CHECK(levels.pool().bytes() == bytes);
}

TEST_CASE("memory_of_orders_that_come_and_go_does_not_grow") {
    BasicExchange<NoEventLog> exchange;
    std::size_t bytes = 0;
    for (int round = 0; round < 100; ++round) {
        for (int i = 0; i < 10'000; ++i) exchange.submit_limit(buy, 100 + i % 50, 5);
        exchange.submit_market(sell, 20'000);
        for (OrderId id = 1; id <= 10'000; ++id) exchange.cancel(exchange.trades().back().aggressor_order_id - id);
        CHECK(exchange.full_book().bids.empty());
        exchange.clear_order_history();
        exchange.clear_trades();
        if (round == 10) bytes = exchange.order_memory();
    }
    // The table of chunks itself grows by eight bytes for every 4,096 orders.
    CHECK(exchange.order_memory() < bytes + 10'000);
}

TEST_CASE("prices_far_apart_have_levels_of_their_own") {
    Exchange exchange;
    for (int power = 0; power < 62; ++power) {
        const Price price = Price{1} << power;
        exchange.submit_limit(buy, price, 5);
        exchange.submit_limit(sell, highest - price / 2, 5);
    }
    for (int power = 0; power < 62; ++power) exchange.submit_limit(buy, Price{1} << power, 7);
    const auto book = exchange.full_book();
    REQUIRE(book.bids.size() == 62);
    for (std::size_t i = 0; i < 62; ++i) CHECK(book.bids[i] == LevelView{Price{1} << (61 - i), 12, 2});
    CHECK(book.asks.size() == 62);
}

TEST_CASE("a_price_that_comes_back_has_a_level_again") {
    Exchange exchange;
    for (int i = 0; i < 5; ++i) {
        print(exchange, 100);
        print(exchange, 101);
        const OrderId bid = exchange.submit_limit(buy, 100, 3).order_id;
        CHECK(exchange.full_book().bids == std::vector<LevelView>{{100, 3, 1}});
        exchange.cancel(bid);
        const OrderId ask = exchange.submit_limit(sell, 100, 4).order_id;
        CHECK(exchange.full_book().asks == std::vector<LevelView>{{100, 4, 1}});
        CHECK(exchange.full_book().bids.empty());
        exchange.cancel(ask);
    }
}

TEST_CASE("ids_live_on_when_the_orders_around_them_are_forgotten") {
    Exchange exchange;
    const OrderId early = exchange.submit_limit(buy, 50, 7).order_id;
    Ids late;
    for (int i = 0; i < 50'000; ++i) {
        print(exchange, 100);
        if (i % 10'000 == 0) late.push_back(exchange.submit_limit(buy, 51, 7).order_id);
        if (i % 7'000 == 0) exchange.clear_order_history();
    }
    exchange.clear_order_history();
    CHECK(exchange.get_order(early).value().remaining == 7);
    CHECK(ids(exchange, buy) == Ids{late[0], late[1], late[2], late[3], late[4], early});
    CHECK_FALSE(exchange.get_order(early + 1).has_value());
    CHECK(exchange.cancel(20'000).error == OrderError::order_not_found);
    CHECK(passive_ids(exchange.submit_market(sell, 36).trades) ==
          Ids{late[0], late[1], late[2], late[3], late[4], early});
}

// ---- 5: stops

TEST_CASE("a_buy_stop_fires_at_its_price_or_above") {
    Exchange exchange;
    exchange.submit_stop_limit(buy, 100, 1, 5);
    print(exchange, 99);
    CHECK(stop_status(exchange, 1) == OrderStatus::pending);
    print(exchange, 100);
    CHECK(stop_status(exchange, 1) == OrderStatus::triggered);
    exchange.submit_stop_limit(buy, 110, 1, 5);
    print(exchange, 150);
    CHECK(exchange.pending_stop_count() == 0);
}

TEST_CASE("a_sell_stop_fires_at_its_price_or_below") {
    Exchange exchange;
    exchange.submit_stop_limit(sell, 100, 1000, 5);
    print(exchange, 101);
    CHECK(stop_status(exchange, 1) == OrderStatus::pending);
    print(exchange, 100);
    CHECK(stop_status(exchange, 1) == OrderStatus::triggered);
    exchange.submit_stop_limit(sell, 90, 1000, 5);
    print(exchange, 50);
    CHECK(exchange.pending_stop_count() == 0);
}

TEST_CASE("quotes_fire_no_stop") {
    Exchange exchange;
    exchange.submit_stop_market(buy, 100, 5);
    exchange.submit_limit(buy, 150, 5);
    exchange.submit_limit(sell, 200, 5);
    CHECK(stop_status(exchange, 1) == OrderStatus::pending);
}

TEST_CASE("a_stop_market_becomes_an_ioc_at_the_worst_price") {
    Exchange exchange;
    exchange.submit_stop_market(buy, 100, 5);
    exchange.submit_limit(sell, 500, 2);
    print(exchange, 100);
    const Order child = child_of(exchange, 1);
    CHECK(child.price == highest);
    CHECK(child.time_in_force == ioc);
    CHECK(child.filled == 2);
    CHECK(child.cancelled == 3);
    CHECK(child.status == OrderStatus::partially_filled);
    CHECK(exchange.get_stop_order(1).value().time_in_force == ioc);
    CHECK_FALSE(exchange.get_stop_order(1).value().limit_price.has_value());
}

TEST_CASE("a_stop_limit_becomes_a_limit_order_with_its_time_in_force") {
    Exchange exchange;
    for (const TimeInForce time_in_force : {gtc, ioc}) exchange.submit_stop_limit(buy, 100, 105, 5, time_in_force);
    exchange.submit_limit(sell, 105, 2);
    exchange.submit_limit(sell, 106, 9);
    print(exchange, 100);
    const Order rests = child_of(exchange, 1);
    const Order over = child_of(exchange, 2);
    CHECK(rests.filled == 2);
    CHECK(rests.remaining == 3);
    CHECK(rests.price == 105);
    CHECK(over.status == OrderStatus::cancelled);
    CHECK(over.cancelled == 5);
}

TEST_CASE("a_stop_whose_fok_is_refused_keeps_the_link") {
    Exchange exchange;
    exchange.submit_stop_limit(buy, 100, 105, 5, fok);
    print(exchange, 100);
    const OrderId child = exchange.get_stop_order(1).value().child_order_id;
    CHECK(child == 4);
    CHECK_FALSE(exchange.get_order(child).has_value());
    CHECK(stop_status(exchange, 1) == OrderStatus::triggered);
}

TEST_CASE("stops_are_tested_on_the_last_print_of_a_whole_match") {
    Exchange exchange;
    for (const Price price : {100, 101, 102}) exchange.submit_limit(sell, price, 1);
    exchange.submit_stop_market(sell, 100, 5);  // 100 is printed, but is not the last
    exchange.submit_stop_limit(buy, 102, 1, 5);
    const auto result = exchange.submit_market(buy, 3);
    CHECK(prices(result.trades) == Prices{100, 101, 102});
    CHECK(stop_status(exchange, 4) == OrderStatus::pending);
    CHECK(stop_status(exchange, 5) == OrderStatus::triggered);
}

TEST_CASE("stops_of_a_round_fire_in_the_order_of_their_ticks_buys_and_sells_mixed") {
    Exchange exchange;
    // At 100 all of them hold. Prices and sides are in no order.
    exchange.submit_stop_limit(buy, 100, 10, 1);                                       // 1
    exchange.submit_stop_limit(sell, 105, 900, 1);                                     // 2
    exchange.submit_stop_limit(buy, 95, 10, 1);                                        // 3
    exchange.submit_trailing_stop_limit(sell, 100, 900, 1, TrailMethod::fixed(1000));  // 4
    exchange.submit_stop_limit(buy, 90, 10, 1);                                        // 5
    exchange.submit_stop_limit(sell, 101, 900, 1);                                     // 6
    exchange.submit_trailing_stop_limit(buy, 99, 10, 1, TrailMethod::percentage(1));   // 7
    print(exchange, 100);                                                              // 8 and 9
    Ids children;
    for (OrderId stop = 1; stop <= 7; ++stop) children.push_back(exchange.get_stop_order(stop).value().child_order_id);
    CHECK(children == Ids{10, 11, 12, 13, 14, 15, 16});
}

TEST_CASE("prints_of_a_round_are_tested_by_the_next_on_the_last_of_them") {
    Exchange exchange;
    exchange.submit_limit(sell, 105, 1);           // 1
    exchange.submit_limit(buy, 95, 1);             // 2
    exchange.submit_limit(buy, 94, 1);             // 3
    exchange.submit_stop_market(buy, 100, 1);      // 4: prints 105
    exchange.submit_stop_market(sell, 100, 1);     // 5: of the same round, prints 95, the last
    exchange.submit_stop_limit(buy, 105, 10, 1);   // 6: 105 was printed, but in the middle of the round
    exchange.submit_stop_market(sell, 95, 1);      // 7: of the second round, prints 94
    exchange.submit_stop_limit(sell, 94, 900, 1);  // 8: of the third, trades nothing
    exchange.submit_limit(sell, 100, 1);
    const auto result = exchange.submit_limit(buy, 100, 1);
    CHECK(prices(result.triggered) == Prices{105, 95, 94});
    CHECK(stop_status(exchange, 6) == OrderStatus::pending);
    CHECK(stop_status(exchange, 8) == OrderStatus::triggered);
    CHECK_FALSE(result.round_limit_hit);
    CHECK(exchange.last_trade_price() == 94);
}

TEST_CASE("stops_that_the_children_of_a_round_reach_wait_for_the_next_round") {
    Exchange exchange;
    exchange.submit_limit(sell, 101, 1);         // 1
    exchange.submit_limit(sell, 102, 1);         // 2
    exchange.submit_stop_market(buy, 101, 1);    // 3: older, but of the second round
    exchange.submit_stop_market(buy, 100, 1);    // 4: prints 101
    exchange.submit_stop_limit(buy, 100, 9, 1);  // 5: of the first round like 4
    print(exchange, 100);                        // 6 and 7
    CHECK(exchange.get_stop_order(4).value().child_order_id == 8);
    CHECK(exchange.get_stop_order(5).value().child_order_id == 9);
    CHECK(exchange.get_stop_order(3).value().child_order_id == 10);
}

namespace {

/// Five stops, each of which prints the price of the next; the first waits for 100.
Exchange chain(std::uint32_t max_rounds) {
    Exchange exchange({.max_rounds = max_rounds});
    for (Price price = 101; price <= 105; ++price) exchange.submit_limit(sell, price, 1);       // 1 to 5
    for (Price price = 100; price <= 104; ++price) exchange.submit_stop_market(buy, price, 1);  // 6 to 10
    exchange.submit_trailing_stop_market(sell, 1, 1, TrailMethod::fixed(50));                   // 11
    exchange.submit_limit(sell, 100, 1);
    return exchange;
}

}  // namespace

TEST_CASE("rounds_go_on_until_none_trades") {
    Exchange exchange = chain(100);
    const auto result = exchange.submit_limit(buy, 100, 1);
    CHECK(prices(result.triggered) == Prices{101, 102, 103, 104, 105});
    CHECK_FALSE(result.round_limit_hit);
    CHECK(exchange.get_stop_order(11).value().watermark == 105);
}

TEST_CASE("the_round_limit_stops_a_chain_and_the_result_says_so") {
    Exchange exchange = chain(3);
    const auto result = exchange.submit_limit(buy, 100, 1);
    CHECK(prices(result.triggered) == Prices{101, 102, 103});
    CHECK(result.round_limit_hit);
    CHECK(exchange.last_trade_price() == 103);
    // The last print is neither fed nor tested.
    CHECK(exchange.get_stop_order(11).value().watermark == 102);
    CHECK(stop_status(exchange, 9) == OrderStatus::pending);
    CHECK(exchange.pending_stop_count() == 3);
    // What would have fired waits for the rounds of a later call.
    CHECK(exchange.submit_limit(buy, 1, 1).triggered.empty());
    exchange.submit_limit(sell, 103, 1);
    const auto later = exchange.submit_limit(buy, 103, 1);
    CHECK(prices(later.triggered) == Prices{104, 105});
    CHECK_FALSE(later.round_limit_hit);
}

TEST_CASE("a_chain_as_long_as_the_limit_hits_it_unless_the_last_round_trades_nothing") {
    Exchange five = chain(5);
    CHECK(five.submit_limit(buy, 100, 1).round_limit_hit);
    Exchange six = chain(6);
    CHECK_FALSE(six.submit_limit(buy, 100, 1).round_limit_hit);
}

TEST_CASE("a_hundred_rounds_are_permitted_by_default") {
    Exchange exchange;
    for (Price price = 101; price <= 300; ++price) exchange.submit_limit(sell, price, 1);
    for (Price price = 100; price <= 299; ++price) exchange.submit_stop_market(buy, price, 1);
    exchange.submit_limit(sell, 100, 1);
    const auto result = exchange.submit_limit(buy, 100, 1);
    CHECK(result.triggered.size() == 100);
    CHECK(result.round_limit_hit);
}

TEST_CASE("a_modify_and_a_stop_that_fires_at_once_tell_of_the_round_limit_too") {
    Exchange exchange = chain(2);
    exchange.submit_limit(buy, 90, 1);
    CHECK(exchange.modify(13, 100, 1).submitted.round_limit_hit);
    Exchange other = chain(2);
    other.trade(buy, 99, 1, 1);
    const auto result = other.submit_stop_market(buy, 98, 1);
    CHECK(prices(result.triggered) == Prices{100, 101, 102});
    CHECK(result.round_limit_hit);
}

TEST_CASE("a_plain_stop_whose_condition_holds_fires_at_submission_alone") {
    Exchange exchange({.max_rounds = 1});
    exchange.submit_limit(sell, 101, 1);       // 1
    exchange.submit_limit(sell, 102, 1);       // 2
    print(exchange, 100);                      // 3 and 4
    exchange.submit_stop_market(buy, 101, 1);  // 5: waits for the print of the next
    const auto result = exchange.submit_stop_market(buy, 100, 1);
    CHECK(result.status == OrderStatus::triggered);
    CHECK(prices(result.triggered) == Prices{101, 102});
    CHECK(exchange.get_stop_order(6).value().child_order_id == 7);
    CHECK(exchange.get_stop_order(5).value().child_order_id == 8);
    // Firing at submission counted as no round: the one that is permitted fired the other stop.
    CHECK(result.round_limit_hit);
}

TEST_CASE("a_stop_that_fires_at_submission_and_trades_nothing_starts_no_round") {
    Exchange exchange;
    exchange.submit_trailing_stop_market(sell, 1, 1, TrailMethod::fixed(5));
    print(exchange, 100);
    exchange.submit_stop_limit(buy, 90, 50, 1);
    CHECK(stop_status(exchange, 4) == OrderStatus::triggered);
    CHECK(exchange.best_bid() == 50);
    CHECK(exchange.get_stop_order(1).value().watermark == 100);
    CHECK(exchange.trades().size() == 1);
}

TEST_CASE("a_stop_before_the_first_trade_waits") {
    Exchange exchange;
    CHECK(exchange.submit_stop_market(buy, 1, 1).status == OrderStatus::pending);
    CHECK(exchange.submit_stop_market(sell, highest, 1).status == OrderStatus::pending);
    CHECK(exchange.pending_stop_count() == 2);
}

TEST_CASE("a_trailing_stop_never_fires_at_submission") {
    Exchange exchange;
    print(exchange, 100);
    CHECK(exchange.submit_trailing_stop_market(sell, 500, 1, TrailMethod::fixed(5)).status == OrderStatus::pending);
    CHECK(exchange.submit_trailing_stop_limit(buy, 1, 1, 1, TrailMethod::fixed(5)).status == OrderStatus::pending);
    CHECK(exchange.pending_stop_count() == 2);
    print(exchange, 100);
    CHECK(exchange.pending_stop_count() == 0);
}

TEST_CASE("pending_stops_are_listed_in_the_order_of_their_ticks") {
    Exchange exchange;
    exchange.submit_stop_market(buy, 300, 1);
    exchange.submit_stop_market(sell, 10, 1);
    exchange.submit_trailing_stop_market(buy, 200, 1, TrailMethod::fixed(90));
    exchange.cancel(2);
    const auto pending = exchange.pending_stops();
    REQUIRE(pending.size() == 2);
    CHECK(pending[0].id == 1);
    CHECK(pending[1].id == 3);
    CHECK(exchange.pending_stop_count() == 2);
}

TEST_CASE("get_stop_order_shows_everything_of_a_stop") {
    Exchange exchange;
    print(exchange, 100);
    exchange.submit_trailing_stop_limit(sell, 80, 75, 5, TrailMethod::atr(2.5, 14), fok);
    StopOrder expected{3, 80, 75, 5, 4, 0, std::nullopt, TrailMethod::atr(2.5, 14), sell, fok, OrderStatus::pending};
    CHECK(exchange.get_stop_order(3) == expected);
    print(exchange, 102);
    expected.watermark = 102;
    expected.stop_price = 97;
    CHECK(exchange.get_stop_order(3) == expected);
    exchange.cancel(3);
    expected.status = OrderStatus::cancelled;
    CHECK(exchange.get_stop_order(3) == expected);
    CHECK_FALSE(exchange.get_order(3).has_value());
    CHECK_FALSE(exchange.get_stop_order(1).has_value());
}

// ---- 5: trails

TEST_CASE("a_trailing_sell_follows_the_market_up_and_never_down") {
    Exchange exchange;
    print(exchange, 100);
    exchange.submit_trailing_stop_market(sell, 90, 1, TrailMethod::fixed(5));  // 3
    CHECK_FALSE(exchange.get_stop_order(3).value().watermark.has_value());
    CHECK(stop_price_of(exchange, 3) == 90);
    print(exchange, 103);
    CHECK(exchange.get_stop_order(3).value().watermark == 103);
    CHECK(stop_price_of(exchange, 3) == 98);
    print(exchange, 99);
    CHECK(exchange.get_stop_order(3).value().watermark == 103);
    CHECK(stop_price_of(exchange, 3) == 98);
    print(exchange, 110);
    CHECK(stop_price_of(exchange, 3) == 105);
    print(exchange, 105);
    CHECK(stop_status(exchange, 3) == OrderStatus::triggered);
    CHECK(stop_price_of(exchange, 3) == 105);
    CHECK(exchange.get_stop_order(3).value().watermark == 110);
}

TEST_CASE("a_trailing_buy_follows_the_market_down_and_never_up") {
    Exchange exchange;
    print(exchange, 100);
    exchange.submit_trailing_stop_market(buy, 110, 1, TrailMethod::fixed(5));  // 3
    print(exchange, 97);
    CHECK(exchange.get_stop_order(3).value().watermark == 97);
    CHECK(stop_price_of(exchange, 3) == 102);
    print(exchange, 101);
    CHECK(exchange.get_stop_order(3).value().watermark == 97);
    CHECK(stop_price_of(exchange, 3) == 102);
    print(exchange, 90);
    CHECK(stop_price_of(exchange, 3) == 95);
    print(exchange, 95);
    CHECK(stop_status(exchange, 3) == OrderStatus::triggered);
}

TEST_CASE("a_candidate_that_is_looser_than_the_stop_is_not_adopted") {
    Exchange exchange;
    exchange.submit_trailing_stop_market(sell, 98, 1, TrailMethod::fixed(5));
    print(exchange, 100);
    CHECK(stop_price_of(exchange, 1) == 98);
    CHECK(exchange.get_stop_order(1).value().watermark == 100);
    print(exchange, 104);
    CHECK(stop_price_of(exchange, 1) == 99);
}

TEST_CASE("the_limit_price_of_a_trail_does_not_move") {
    Exchange exchange;
    exchange.submit_trailing_stop_limit(sell, 90, 88, 1, TrailMethod::fixed(5));
    print(exchange, 200);
    CHECK(stop_price_of(exchange, 1) == 195);
    CHECK(exchange.get_stop_order(1).value().limit_price == 88);
    print(exchange, 150);
    CHECK(child_of(exchange, 1).price == 88);
}

TEST_CASE("the_test_of_a_trail_uses_the_stop_that_the_same_price_moved") {
    Exchange exchange;
    // 100 less 0.4 percent, which rounds to 0: the stop is moved to 100 and fires at 100.
    exchange.submit_trailing_stop_market(sell, 90, 1, TrailMethod::percentage(0.004));
    print(exchange, 100);
    CHECK(stop_status(exchange, 1) == OrderStatus::triggered);
    CHECK(stop_price_of(exchange, 1) == 100);
}

TEST_CASE("a_percentage_is_of_the_watermark_rounded_half_away_from_zero") {
    Exchange exchange;
    exchange.submit_trailing_stop_market(sell, 1, 1, TrailMethod::percentage(0.125));   // 1
    exchange.submit_trailing_stop_market(buy, 999, 1, TrailMethod::percentage(0.125));  // 2
    print(exchange, 100);                                                               // 12.5 is 13
    CHECK(stop_price_of(exchange, 1) == 87);
    CHECK(stop_price_of(exchange, 2) == 113);
    print(exchange, 108);  // 13.5 is 14
    CHECK(stop_price_of(exchange, 1) == 94);
    CHECK(stop_price_of(exchange, 2) == 113);
    print(exchange, 109);  // 13.625 is 14
    CHECK(stop_price_of(exchange, 1) == 95);
    print(exchange, 97);  // 12.125 is 12
    CHECK(stop_price_of(exchange, 2) == 109);
}

TEST_CASE("a_percentage_trail_never_loosens_where_a_double_holds_no_price") {
    // Of prices beyond 2^53, that is: at 2^60 one price more may be 256 more to a double, and 2 % of that are about 5.
    constexpr Price huge = (Price{1} << 60) + 128;
    constexpr Price stop = huge - 23'058'430'092'136'940;
    Exchange exchange;
    exchange.submit_trailing_stop_market(sell, 1, 1, TrailMethod::percentage(0.02));  // 1
    print(exchange, huge);
    exchange.submit_trailing_stop_market(sell, 1, 1, TrailMethod::percentage(0.02));  // 4
    CHECK(stop_price_of(exchange, 1) == stop);
    print(exchange, huge + 1);
    CHECK(exchange.get_stop_order(1).value().watermark == huge + 1);
    CHECK(stop_price_of(exchange, 1) == stop);
    CHECK(stop_price_of(exchange, 4) == stop - 3);
    print(exchange, stop + 1);
    CHECK(stop_status(exchange, 1) == OrderStatus::pending);
    print(exchange, stop);
    CHECK(stop_status(exchange, 1) == OrderStatus::triggered);
    CHECK(stop_price_of(exchange, 1) == stop);
    CHECK(stop_status(exchange, 4) == OrderStatus::pending);
}

TEST_CASE("a_percentage_trail_near_1_never_loosens_either") {
    Exchange exchange;
    exchange.submit_trailing_stop_market(sell, 1, 1, TrailMethod::percentage(0.9999999906867743));
    print(exchange, 268'435'458);
    CHECK(stop_price_of(exchange, 1) == 3);
    print(exchange, 268'435'459);
    CHECK(stop_price_of(exchange, 1) == 3);
}

TEST_CASE("an_atr_is_the_truncated_multiple_of_the_mean_absolute_change") {
    Exchange exchange;
    exchange.submit_trailing_stop_market(sell, 1, 1, TrailMethod::atr(1.5, 3));
    print(exchange, 1000);  // no change yet: the stop stays, the watermark does not
    CHECK(stop_price_of(exchange, 1) == 1);
    CHECK(exchange.get_stop_order(1).value().watermark == 1000);
    print(exchange, 1010);  // 10: 15
    CHECK(stop_price_of(exchange, 1) == 995);
    print(exchange, 1013);  // 10, 3: 9.75
    CHECK(stop_price_of(exchange, 1) == 1004);
    print(exchange, 1012);  // 10, 3, 1: 7
    CHECK(stop_price_of(exchange, 1) == 1006);
    print(exchange, 1011);  // 3, 1, 1: 2.5
    CHECK(stop_price_of(exchange, 1) == 1011);
    CHECK(stop_status(exchange, 1) == OrderStatus::triggered);
}

TEST_CASE("an_atr_knows_the_prices_from_the_exchanges_first_trade_on") {
    Exchange exchange;
    for (const Price price : {100, 120, 110}) print(exchange, price);
    exchange.submit_trailing_stop_market(sell, 1, 1, TrailMethod::atr(1, 100));  // 7
    print(exchange, 140);                                                        // 20, 10, 30
    CHECK(stop_price_of(exchange, 7) == 120);
}

TEST_CASE("an_atr_sees_one_price_a_round_and_not_every_trade") {
    Exchange exchange;
    print(exchange, 100);
    for (const Price price : {110, 130, 140}) exchange.submit_limit(sell, price, 1);
    exchange.submit_market(buy, 3);                                            // 40, not 10, 20, 10
    exchange.submit_trailing_stop_market(sell, 1, 1, TrailMethod::atr(1, 2));  // 7
    print(exchange, 150);                                                      // 40, 10
    CHECK(stop_price_of(exchange, 7) == 125);
}

TEST_CASE("the_offset_of_an_atr_changes_with_every_price_also_below_the_watermark") {
    Exchange exchange;
    print(exchange, 1000);
    exchange.submit_trailing_stop_market(sell, 1, 1, TrailMethod::atr(10, 2));  // 3
    print(exchange, 1050);                                                      // 50: 500
    CHECK(stop_price_of(exchange, 3) == 550);
    print(exchange, 1049);  // 50, 1: 255
    CHECK(stop_price_of(exchange, 3) == 795);
    print(exchange, 1048);  // 1, 1: 10
    CHECK(stop_price_of(exchange, 3) == 1040);
    CHECK(exchange.get_stop_order(3).value().watermark == 1050);
    print(exchange, 1100);  // looser: 52, 1 is 265
    CHECK(stop_price_of(exchange, 3) == 1040);
    CHECK(exchange.get_stop_order(3).value().watermark == 1100);
}

TEST_CASE("an_offset_that_fits_no_price_moves_nothing") {
    Exchange exchange;
    exchange.submit_trailing_stop_market(sell, 7, 1, TrailMethod::percentage(1e300));
    exchange.submit_trailing_stop_market(buy, 900, 1, TrailMethod::percentage(1e300));
    exchange.submit_trailing_stop_market(sell, 7, 1, TrailMethod::atr(1e300, 2));
    exchange.submit_trailing_stop_market(buy, 900, 1, TrailMethod::atr(1e300, 2));
    exchange.submit_trailing_stop_market(sell, 7, 1, TrailMethod::fixed(highest));
    exchange.submit_trailing_stop_market(buy, 900, 1, TrailMethod::fixed(highest));
    for (const Price price : {100, 120, 110}) print(exchange, price);
    for (OrderId id = 1; id <= 6; ++id) {
        CHECK(stop_price_of(exchange, id) == (id % 2 == 1 ? 7 : 900));
        CHECK(exchange.get_stop_order(id).value().watermark == (id % 2 == 1 ? 120 : 100));
    }
}

TEST_CASE("stops_have_the_watermark_of_their_own_time") {
    Exchange exchange;
    exchange.submit_trailing_stop_market(sell, 1, 1, TrailMethod::fixed(50));  // 1
    print(exchange, 130);
    exchange.submit_trailing_stop_market(sell, 1, 1, TrailMethod::fixed(50));  // 4
    print(exchange, 110);
    exchange.submit_trailing_stop_market(sell, 1, 1, TrailMethod::fixed(50));  // 7
    print(exchange, 120);
    CHECK(exchange.get_stop_order(1).value().watermark == 130);
    CHECK(exchange.get_stop_order(4).value().watermark == 120);
    CHECK(exchange.get_stop_order(7).value().watermark == 120);
    print(exchange, 125);
    CHECK(exchange.get_stop_order(1).value().watermark == 130);
    CHECK(exchange.get_stop_order(4).value().watermark == 125);
    print(exchange, 131);
    for (const OrderId id : {1U, 4U, 7U}) CHECK(exchange.get_stop_order(id).value().watermark == 131);
    CHECK(stop_price_of(exchange, 4) == 81);
}

TEST_CASE("a_watermark_may_be_the_highest_price") {
    Exchange exchange;
    exchange.submit_trailing_stop_market(sell, 1, 1, TrailMethod::fixed(50));
    exchange.submit_trailing_stop_market(buy, highest, 1, TrailMethod::fixed(50));
    print(exchange, highest);
    CHECK(exchange.get_stop_order(1).value().watermark == highest);
    CHECK(exchange.get_stop_order(1).value().stop_price == highest - 50);
    CHECK(exchange.get_stop_order(2).value().watermark == highest);
    CHECK(stop_status(exchange, 2) == OrderStatus::triggered);
}

TEST_CASE("a_hundred_thousand_stops_wait_without_being_looked_at") {
    // With a look at every stop for every print this would take minutes.
    Exchange exchange;
    Random random(5);
    for (int i = 0; i < 100'000; ++i) {
        const Price away = 1 + random.below(1'000'000);
        const Side side = random.once_in(2) ? buy : sell;
        const Price stop = side == buy ? 10'000'000 + away : 5'000'000 - away;
        if (random.once_in(2)) {
            exchange.submit_stop_market(side, stop, 1);
        } else {
            const auto trail = random.once_in(2) ? TrailMethod::fixed(4'000'000 + away)
                                                 : TrailMethod::percentage(0.5 + static_cast<double>(away) * 1e-7);
            exchange.submit_trailing_stop_market(side, stop, 1, trail);
        }
    }
    for (int i = 0; i < 50'000; ++i) exchange.trade(buy, 7'000'000 + random.below(100'000), 1, 1);
    CHECK(exchange.pending_stop_count() == 100'000);
    exchange.trade(buy, 20'000'000, 1, 1);
    exchange.trade(buy, 1, 1, 1);
    CHECK(exchange.pending_stop_count() == 0);
}

// ---- market data

TEST_CASE("an_order_of_market_data_rests_whatever_it_crosses") {
    Exchange exchange;
    exchange.submit_limit(sell, 100, 5);
    const auto result = exchange.submit_limit(buy, 105, 5, gtc, false);
    CHECK(result.status == OrderStatus::new_);
    CHECK(result.resting == 5);
    CHECK(exchange.best_bid() == 105);
    CHECK(exchange.best_ask() == 100);
    CHECK(exchange.spread() == -5);
    exchange.submit_limit(sell, 0, 5, gtc, false);
    CHECK(exchange.best_ask() == 0);
    CHECK(exchange.trades().empty());
}

TEST_CASE("a_modify_of_market_data_rests_whatever_it_crosses") {
    Exchange exchange;
    exchange.submit_limit(sell, 100, 5);
    exchange.submit_limit(buy, 90, 5);
    const auto result = exchange.modify(2, 105, 6, false);
    CHECK(result.cancelled == 5);
    CHECK(result.submitted.resting == 6);
    CHECK(result.submitted.trades.empty());
    CHECK(exchange.best_bid() == 105);
}

TEST_CASE("an_execution_prints_one_trade_at_the_resting_price") {
    Exchange exchange;
    exchange.submit_limit(sell, 100, 5);
    const auto result = exchange.execute(1, 3, 77);
    CHECK(result.success());
    CHECK(result.quantity == 3);
    REQUIRE(result.trades.size() == 1);
    CHECK(result.trades[0] == Trade{1, 100, 3, 0, 1, 2, buy});
    CHECK(status_of(exchange, 1) == OrderStatus::partially_filled);
    CHECK(exchange.last_trade_price() == 100);
    CHECK(exchange.submit_limit(buy, 1, 1).order_id == 2);
    CHECK(exchange.get_order(2).value().timestamp == 3);
}

TEST_CASE("an_execution_is_bounded_by_what_rests") {
    Exchange exchange;
    exchange.submit_limit(buy, 100, 5);
    exchange.submit_limit(buy, 100, 6);
    const auto result = exchange.execute(1, most, 77);
    CHECK(result.quantity == 5);
    CHECK(result.trades[0].aggressor_side == sell);
    CHECK(exchange.get_order(1) == Order{1, 100, 5, 0, 5, 0, 1, 0, buy, gtc, OrderStatus::filled});
    CHECK(exchange.execute(1, 1, 78).error == OrderError::order_not_active);
    CHECK(exchange.full_book().bids[0].quantity == 6);
}

TEST_CASE("an_execution_may_have_a_price_of_its_own") {
    Exchange exchange;
    exchange.submit_limit(buy, 100, 5);
    exchange.submit_stop_limit(sell, 95, 900, 1);
    CHECK(prices(exchange.execute(1, 1, 77, 95).trades) == Prices{95});
    CHECK(exchange.last_trade_price() == 95);
    CHECK(stop_status(exchange, 2) == OrderStatus::triggered);
}

TEST_CASE("an_execution_that_is_not_printable_only_shrinks_the_order") {
    Exchange exchange;
    exchange.submit_limit(buy, 100, 5);
    exchange.submit_stop_market(sell, 100, 1);
    const auto result = exchange.execute(1, 2, 77, Event::own_price, false);
    CHECK(result.quantity == 2);
    CHECK(result.trades.empty());
    CHECK(exchange.get_order(1).value().remaining == 3);
    CHECK(exchange.get_order(1).value().filled == 2);
    CHECK_FALSE(exchange.last_trade_price().has_value());
    CHECK(stop_status(exchange, 2) == OrderStatus::pending);
    CHECK(take_tick(exchange) == 3);
}

TEST_CASE("an_execution_of_a_stop_finds_no_order") {
    Exchange exchange;
    exchange.submit_stop_market(sell, 100, 1);
    CHECK(exchange.execute(1, 2, 77).error == OrderError::order_not_found);
}

TEST_CASE("a_trade_off_the_book_sets_the_last_price_and_fires_stops") {
    Exchange exchange;
    exchange.submit_limit(sell, 120, 1);
    exchange.submit_stop_market(buy, 110, 1);
    const auto result = exchange.trade(buy, 110, 9, 5);
    REQUIRE(result.trades.size() == 1);
    CHECK(result.quantity == 9);
    CHECK(result.trades[0] == Trade{1, 110, 9, 0, 0, 3, buy});
    CHECK(prices(result.triggered) == Prices{120});
    CHECK(exchange.last_trade_price() == 120);
}

// ---- 6: the log

TEST_CASE("events_are_logged_whether_or_not_they_succeed_and_fired_stops_are_not") {
    Exchange exchange;
    std::vector<Event> expected;
    const auto apply = [&](const Event& event) {
        exchange.apply(event);
        expected.push_back(event);
    };
    apply(Event::submit_stop_limit(buy, 100, 90, 4, fok));
    apply(Event::cancel(9));
    apply(Event::submit_limit(sell, 100, 1));
    apply(Event::submit_limit(buy, 100, 1, ioc));
    apply(Event::submit_limit(buy, 100, 1, fok));
    apply(Event::modify(9, 100, 1));
    apply(Event::reduce(9, 0));
    apply(Event::submit_market(sell, 5));
    apply(Event::submit_trailing_stop_market(sell, 90, 4, TrailMethod::atr(2, 14)));
    apply(Event::submit_trailing_stop_limit(sell, 90, 80, 4, TrailMethod::percentage(0.5), ioc));
    apply(Event::submit_limit(buy, 0, 1, gtc, false));
    apply(Event::modify(9, 0, 1, false));
    apply(Event::execute(9, 1, 4, 55, false));
    apply(Event::execute(9, 1, 4));
    apply(Event::trade(sell, 50, 1, 4));
    CHECK(copy(exchange.events()) == expected);
}

TEST_CASE("the_functions_log_what_the_events_of_their_names_say") {
    Exchange called;
    called.submit_limit(buy, 100, 5, ioc);
    called.submit_limit(buy, 0, 5, gtc, false);
    called.submit_market(sell, 5);
    called.cancel(1);
    called.reduce(1, 2);
    called.modify(1, 100, 2);
    called.modify(1, 0, 2, false);
    called.submit_stop_market(buy, 100, 5);
    called.submit_stop_limit(buy, 100, 101, 5, fok);
    called.submit_trailing_stop_market(sell, 100, 5, TrailMethod::fixed(3));
    called.submit_trailing_stop_limit(sell, 100, 99, 5, TrailMethod::atr(0.5, 3), ioc);
    called.execute(1, 2, 3, 4, false);
    called.trade(sell, 4, 5, 6);
    const std::vector<Event> expected = {
        Event::submit_limit(buy, 100, 5, ioc),
        Event::submit_limit(buy, 0, 5, gtc, false),
        Event::submit_market(sell, 5),
        Event::cancel(1),
        Event::reduce(1, 2),
        Event::modify(1, 100, 2),
        Event::modify(1, 0, 2, false),
        Event::submit_stop_market(buy, 100, 5),
        Event::submit_stop_limit(buy, 100, 101, 5, fok),
        Event::submit_trailing_stop_market(sell, 100, 5, TrailMethod::fixed(3)),
        Event::submit_trailing_stop_limit(sell, 100, 99, 5, TrailMethod::atr(0.5, 3), ioc),
        Event::execute(1, 2, 3, 4, false),
        Event::trade(sell, 4, 5, 6),
    };
    CHECK(copy(called.events()) == expected);
    Exchange applied;
    applied.apply_all(expected);
    CHECK(applied.state_hash() == called.state_hash());
}

TEST_CASE("a_replay_gives_the_exchange_again_with_its_stops") {
    Exchange exchange({.max_rounds = 3});
    for (Price price = 101; price <= 110; ++price) exchange.submit_limit(sell, price, 3);
    exchange.submit_stop_market(buy, 101, 5);
    exchange.submit_stop_limit(buy, 102, 120, 9);
    exchange.submit_trailing_stop_market(sell, 1, 5, TrailMethod::percentage(0.01));
    exchange.submit_trailing_stop_market(sell, 1, 5, TrailMethod::atr(3, 4));
    exchange.submit_trailing_stop_limit(buy, 500, 1, 5, TrailMethod::fixed(3));
    exchange.submit_limit(buy, 101, 1);
    exchange.modify(10, 104, 20);
    exchange.submit_stop_market(sell, 50, 2);
    const Exchange again = Exchange::replay(exchange.events(), exchange.options());
    CHECK(again.state_hash() == exchange.state_hash());
    CHECK(again.pending_stops() == exchange.pending_stops());
    CHECK(again.full_book() == exchange.full_book());
    CHECK(copy(again.trades()) == copy(exchange.trades()));
    CHECK(copy(again.events()) == copy(exchange.events()));
    for (OrderId id = 1; id < 30; ++id) {
        CHECK(again.get_order(id) == exchange.get_order(id));
        CHECK(again.get_stop_order(id) == exchange.get_stop_order(id));
    }
}

TEST_CASE("apply_answers_as_the_function_does") {
    Exchange exchange;
    CHECK(std::get<SubmitResult>(exchange.apply(Event::submit_limit(buy, 100, 5))).resting == 5);
    CHECK(std::get<ModifyResult>(exchange.apply(Event::modify(1, 101, 5))).submitted.order_id == 2);
    CHECK(std::get<CancelResult>(exchange.apply(Event::reduce(2, 1))).cancelled == 1);
    CHECK(std::get<StopSubmitResult>(exchange.apply(Event::submit_stop_market(buy, 200, 5))).order_id == 3);
    CHECK(std::get<PrintResult>(exchange.apply(Event::execute(2, 1, 1))).quantity == 1);
    CHECK(std::get<SubmitResult>(exchange.apply(Event::submit_market(sell, 1))).filled == 1);
    CHECK(std::get<PrintResult>(exchange.apply(Event::trade(buy, 9, 1, 1))).trades.size() == 1);
    CHECK(std::get<CancelResult>(exchange.apply(Event::cancel(3))).cancelled == 5);
}

TEST_CASE("a_log_that_is_switched_off_keeps_nothing_and_changes_nothing") {
    Exchange exchange;
    exchange.submit_limit(buy, 100, 5);
    CHECK(exchange.log().complete());
    exchange.log().enable(false);
    CHECK_FALSE(exchange.log().enabled());
    CHECK(exchange.submit_market(sell, 2).filled == 2);
    exchange.submit_stop_market(buy, 300, 1);
    CHECK(exchange.events().size() == 1);
    exchange.log().enable(true);
    CHECK(exchange.cancel(1).cancelled == 3);
    REQUIRE(exchange.events().size() == 2);
    CHECK(exchange.events()[1] == Event::cancel(1));
    CHECK_FALSE(exchange.log().complete());
}

TEST_CASE("an_exchange_without_a_log_does_all_the_same") {
    Exchange logged;
    BasicExchange<NoEventLog> silent;
    const auto both = [&](const Event& event) {
        logged.apply(event);
        silent.apply(event);
        CHECK(logged.state_hash() == silent.state_hash());
    };
    both(Event::submit_limit(sell, 100, 5));
    both(Event::submit_stop_market(buy, 100, 2));
    both(Event::submit_trailing_stop_market(sell, 50, 2, TrailMethod::percentage(0.1)));
    both(Event::submit_limit(buy, 100, 1));
    both(Event::submit_market(buy, 9));
    both(Event::cancel(1));
    CHECK(silent.events().empty());
    CHECK(copy(silent.trades()) == copy(logged.trades()));
}

TEST_CASE("an_exchange_that_was_moved_goes_on") {
    const auto moves = [](Exchange& from) {
        Exchange elsewhere(std::move(from));
        from = std::move(elsewhere);
    };
    Exchange moved = chain(3);
    Exchange stayed = chain(3);
    moves(moved);
    CHECK(moved.state_hash() == stayed.state_hash());
    moved.submit_trailing_stop_market(sell, 2, 1, TrailMethod::atr(2, 3));
    stayed.submit_trailing_stop_market(sell, 2, 1, TrailMethod::atr(2, 3));
    moves(moved);
    const auto expected = stayed.submit_limit(buy, 100, 1);
    CHECK(prices(moved.submit_limit(buy, 100, 1).triggered) == prices(expected.triggered));
    moves(moved);
    moved.cancel(11);
    stayed.cancel(11);
    CHECK(moved.state_hash() == stayed.state_hash());
    CHECK(copy(moved.trades()) == copy(stayed.trades()));
    CHECK(copy(moved.events()) == copy(stayed.events()));
    CHECK(Exchange::replay(moved.events(), moved.options()).state_hash() == stayed.state_hash());
}

TEST_CASE("memory_that_was_reserved_changes_nothing") {
    Exchange exchange;
    Exchange reserved;
    reserved.reserve(20'000);
    for (Exchange* one : {&exchange, &reserved}) {
        for (int i = 0; i < 10'000; ++i) {
            print(*one, 100 + i % 10);
            if (i % 1000 == 0) one->submit_stop_limit(buy, 105, 1, 1);
            if (i % 3000 == 0) one->reserve(5'000);
        }
    }
    CHECK(reserved.state_hash() == exchange.state_hash());
    CHECK(copy(reserved.trades()) == copy(exchange.trades()));
    CHECK(copy(reserved.events()) == copy(exchange.events()));
}

// ---- 7: looking at the book

TEST_CASE("an_empty_exchange_has_nothing_to_show") {
    const Exchange exchange;
    CHECK_FALSE(exchange.best_bid().has_value());
    CHECK_FALSE(exchange.best_ask().has_value());
    CHECK_FALSE(exchange.spread().has_value());
    CHECK_FALSE(exchange.last_trade_price().has_value());
    const auto book = exchange.full_book();
    CHECK(book == BookSnapshot{});
    CHECK_FALSE(book.mid_price().has_value());
    CHECK_FALSE(book.imbalance().has_value());
    CHECK_FALSE(book.weighted_mid().has_value());
    CHECK_FALSE(book.spread().has_value());
}

TEST_CASE("depth_shows_the_first_levels_of_a_side") {
    Exchange exchange;
    for (const Price price : {98, 100, 99, 100}) exchange.submit_limit(buy, price, 5);
    for (const Price price : {103, 101, 102}) exchange.submit_limit(sell, price, 7);
    const auto book = exchange.depth(2);
    CHECK(book.bids == std::vector<LevelView>{{100, 10, 2}, {99, 5, 1}});
    CHECK(book.asks == std::vector<LevelView>{{101, 7, 1}, {102, 7, 1}});
    CHECK(exchange.full_book().bids.size() == 3);
    std::array<LevelView, 5> rows{};
    CHECK(exchange.depth(sell, rows) == 3);
    CHECK(rows[2] == LevelView{103, 7, 1});
    CHECK(exchange.depth(0) == BookSnapshot{});
}

TEST_CASE("a_snapshot_is_a_copy") {
    Exchange exchange;
    exchange.submit_limit(buy, 100, 5);
    const auto book = exchange.full_book();
    exchange.cancel(1);
    CHECK(book.bids.size() == 1);
    CHECK(exchange.full_book().bids.empty());
}

TEST_CASE("orders_are_shown_in_queue_order") {
    Exchange exchange;
    for (const Price price : {99, 100, 99, 100, 98}) exchange.submit_limit(buy, price, 5);
    CHECK(ids(exchange, buy) == Ids{2, 4, 1, 3, 5});
    for (const Price price : {102, 101, 102, 101, 103}) exchange.submit_limit(sell, price, 5);
    CHECK(ids(exchange, sell) == Ids{7, 9, 6, 8, 10});
}

TEST_CASE("mid_imbalance_and_weighted_mid_are_as_defined") {
    Exchange exchange;
    exchange.submit_limit(buy, 100, 30);
    exchange.submit_limit(buy, 98, 10);
    exchange.submit_limit(sell, 103, 10);
    const auto book = exchange.full_book();
    CHECK(book.mid_price() == doctest::Approx(101.5));
    CHECK(book.imbalance() == doctest::Approx((40.0 - 10.0) / 50.0));
    CHECK(book.weighted_mid() == doctest::Approx((10.0 * 100 + 30.0 * 103) / 40.0));
    CHECK(exchange.depth(1).imbalance() == doctest::Approx(0.5));
    CHECK(exchange.spread() == 3);
}

TEST_CASE("an_imbalance_needs_one_side_only") {
    Exchange exchange;
    exchange.submit_limit(sell, 103, 10);
    CHECK(exchange.full_book().imbalance() == doctest::Approx(-1));
    CHECK_FALSE(exchange.full_book().mid_price().has_value());
    CHECK_FALSE(exchange.full_book().weighted_mid().has_value());
}

TEST_CASE("queue_ahead_is_what_rests_before_an_order_at_its_price") {
    Exchange exchange;
    exchange.submit_limit(buy, 101, 100);
    for (const Quantity quantity : {5U, 6U, 7U}) exchange.submit_limit(buy, 100, quantity);  // 2, 3, 4
    CHECK(exchange.queue_ahead(2) == Total(0));
    CHECK(exchange.queue_ahead(4) == Total(11));
    exchange.reduce(2, 2);
    CHECK(exchange.queue_ahead(4) == Total(9));
    exchange.cancel(3);
    CHECK(exchange.queue_ahead(4) == Total(3));
    CHECK_FALSE(exchange.queue_ahead(3).has_value());
}

// ---- 9: the hash

namespace {

/// A sequence of every kind of event that does not depend on what the exchange answers.
std::vector<Event> fixed_sequence() {
    Random random(2026);
    std::vector<Event> events;
    // One draw a statement: compilers evaluate arguments in different orders.
    const auto method = [&] {
        const std::uint32_t a = random.below(500);
        const std::uint32_t b = random.below(20);
        switch (random.below(3)) {
            case 0: return TrailMethod::fixed(1 + b);
            case 1: return TrailMethod::percentage(1.0 / (3 + a));
            default: return TrailMethod::atr(0.02 * (1 + a), 1 + b);
        }
    };
    for (std::uint32_t i = 0; i < 5000; ++i) {
        const Side side = random.once_in(2) ? buy : sell;
        const Price price = 1000 + random.below(21) + i / 100;
        const Price other = 1000 + random.below(21) + i / 100;
        const Quantity quantity = 1 + random.below(50);
        const OrderId id = 1 + random.below(i + 1);
        const auto time_in_force = static_cast<TimeInForce>(random.below(3));
        switch (random.below(18)) {
            case 0: events.push_back(Event::submit_market(side, quantity)); break;
            case 1:
            case 2: events.push_back(Event::cancel(id)); break;
            case 3: events.push_back(Event::reduce(id, quantity)); break;
            case 4: events.push_back(Event::modify(id, price, quantity)); break;
            case 5: events.push_back(Event::submit_stop_market(side, price, quantity)); break;
            case 6: events.push_back(Event::submit_stop_limit(side, price, other, quantity, time_in_force)); break;
            case 7: events.push_back(Event::submit_trailing_stop_market(side, price, quantity, method())); break;
            case 8:
                events.push_back(
                    Event::submit_trailing_stop_limit(side, price, other, quantity, method(), time_in_force));
                break;
            case 9: events.push_back(Event::execute(id, quantity, i)); break;
            case 10: events.push_back(Event::trade(side, price, quantity, i)); break;
            case 11: events.push_back(Event::submit_limit(side, price, quantity, time_in_force)); break;
            default: events.push_back(Event::submit_limit(side, price, quantity)); break;
        }
    }
    return events;
}

}  // namespace

TEST_CASE("the_state_hash_of_a_fixed_sequence_is_the_same_in_every_build") {
    // Where the engine's behaviour or the hash itself was changed on purpose, the number has to be changed with it;
    // where a compiler, a library or an optimisation makes another one, something is not deterministic.
    const auto events = fixed_sequence();
    const Exchange exchange = Exchange::replay(events);
    CHECK(exchange.state_hash() == 13'197'373'386'113'695'062U);
    CHECK(BasicExchange<NoEventLog, 1>::replay(events).state_hash() == exchange.state_hash());
}

TEST_CASE("the_state_hash_tells_states_apart") {
    const auto hash_after = [](const std::vector<Event>& events) { return Exchange::replay(events).state_hash(); };
    const std::vector<std::vector<Event>> states = {
        {},
        {Event::submit_limit(buy, 100, 5)},
        {Event::submit_limit(sell, 100, 5)},
        {Event::submit_limit(buy, 101, 5)},
        {Event::submit_limit(buy, 100, 6)},
        {Event::submit_limit(buy, 100, 6), Event::cancel(1)},
        {Event::submit_limit(buy, 100, 6), Event::execute(1, 1, 1, Event::own_price, false)},
        {Event::submit_limit(buy, 100, 6), Event::execute(1, 1, 1)},
        {Event::submit_stop_market(buy, 100, 5)},
        {Event::submit_stop_limit(buy, 100, 99, 5)},
        {Event::submit_stop_limit(buy, 100, 99, 5, fok)},
        {Event::submit_stop_limit(buy, 100, 98, 5)},
        {Event::submit_trailing_stop_market(buy, 100, 5, TrailMethod::fixed(1))},
        {Event::submit_trailing_stop_market(buy, 100, 5, TrailMethod::fixed(2))},
        {Event::submit_stop_market(buy, 100, 5), Event::cancel(1)},
        {Event::trade(buy, 100, 1, 1)},
        {Event::trade(buy, 101, 1, 1)},
    };
    std::vector<std::uint64_t> hashes;
    for (const auto& events : states) hashes.push_back(hash_after(events));
    std::sort(hashes.begin(), hashes.end());
    CHECK(std::adjacent_find(hashes.begin(), hashes.end()) == hashes.end());
    CHECK(Exchange({.max_rounds = 5}).state_hash() != Exchange().state_hash());
}
