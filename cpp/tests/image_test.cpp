// The image of an exchange: all of its state, and nothing but an image is read.
#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <stdexcept>
#include <vector>

#include <nanobook/exchange/image.hpp>

using namespace nanobook;

namespace {

// Anything an exchange may be told; prices near 100, so that much of it trades.
Event random_event(std::mt19937_64& random, OrderId ids) {
    const auto up_to = [&](std::uint64_t n) { return 1 + random() % n; };
    const Side side = random() % 2 == 0 ? Side::buy : Side::sell;
    const auto price = static_cast<Price>(95 + random() % 11);
    const Quantity quantity = up_to(50);
    const auto limit = static_cast<Price>(95 + random() % 11);
    const TrailMethod trails[] = {TrailMethod::fixed(static_cast<Price>(up_to(5))), TrailMethod::percentage(0.03),
                                  TrailMethod::atr(1.5, 3)};
    switch (random() % 10) {
        case 0: return Event::submit_market(side, quantity);
        case 1: return Event::cancel(up_to(ids));
        case 2: return Event::reduce(up_to(ids), up_to(5));
        case 3: return Event::modify(up_to(ids), price, quantity);
        case 4: return Event::submit_stop_market(side, price, quantity);
        case 5: return Event::submit_stop_limit(side, price, limit, quantity, TimeInForce::fok);
        case 6: return Event::submit_trailing_stop_market(side, price, quantity, trails[random() % 3]);
        case 7: return Event::submit_trailing_stop_limit(side, price, limit, quantity, trails[random() % 3]);
        default: return Event::submit_limit(side, price, quantity, static_cast<TimeInForce>(random() % 8 % 3));
    }
}

Exchange random_exchange(std::uint64_t seed, int events) {
    std::mt19937_64 random(seed);
    Exchange exchange({*Symbol::parse("IMAGE"), 7});
    for (int i = 0; i < events; ++i) exchange.apply(random_event(random, 1 + static_cast<OrderId>(i)));
    return exchange;
}

void check_equal(const Exchange& a, const Exchange& b) {
    CHECK(a.state_hash() == b.state_hash());
    CHECK(a.options().symbol == b.options().symbol);
    CHECK(std::vector(a.trades().begin(), a.trades().end()) == std::vector(b.trades().begin(), b.trades().end()));
    CHECK(std::vector(a.events().begin(), a.events().end()) == std::vector(b.events().begin(), b.events().end()));
    for (OrderId id = 0; id < 1000; ++id) {
        CHECK(a.get_order(id) == b.get_order(id));
        CHECK(a.get_stop_order(id) == b.get_stop_order(id));
    }
}

}  // namespace

TEST_CASE("an_exchange_is_equal_to_what_its_image_gives_and_goes_on_like_it") {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        std::mt19937_64 random(seed + 1000);
        Exchange exchange = random_exchange(seed, 300);
        if (seed % 3 == 0) exchange.clear_order_history();
        if (seed % 5 == 0) exchange.clear_trades();
        if (seed % 7 == 0) exchange.log().enable(false);
        Exchange copy = from_image(to_image(exchange));
        check_equal(exchange, copy);
        for (int i = 0; i < 300; ++i) {
            const Event event = random_event(random, 600);
            exchange.apply(event);
            copy.apply(event);
            REQUIRE(exchange.state_hash() == copy.state_hash());
        }
        check_equal(exchange, copy);
        CHECK(exchange.log().complete() == copy.log().complete());
    }
}

TEST_CASE("an_image_that_is_cut_off_or_changed_is_refused") {
    const std::vector<std::byte> image = to_image(random_exchange(1, 60));
    for (std::size_t size = 0; size < image.size(); ++size) {
        CHECK_THROWS_AS((void)from_image(std::span(image).first(size)), std::invalid_argument);
    }
    std::vector<std::byte> longer = image;
    longer.push_back(std::byte{0});
    CHECK_THROWS_AS((void)from_image(longer), std::invalid_argument);
}

TEST_CASE("the_state_hash_is_the_same_in_every_build") {
    CHECK(random_exchange(1, 1000).state_hash() == 5210414831963723811U);
}
