// What must hold of the exchange whatever operations come: the check of the fuzz target and of its short version in the
// ordinary tests.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <nanobook/exchange/exchange.hpp>

#include "../tests/compare_exchanges.hpp"

namespace nanobook::fuzz {

/// The first byte of an input: what all of its operations have in common.
struct ExchangeChoice {
    explicit ExchangeChoice(std::byte byte) : bits(std::to_integer<unsigned>(byte)) {}

    [[nodiscard]] std::uint32_t max_rounds() const { return bits % 4 == 0 ? 100 : bits % 4; }
    [[nodiscard]] unsigned slack() const { return bits / 4 % 4; }
    [[nodiscard]] bool highest_prices() const { return (bits & 16U) != 0; }
    [[nodiscard]] bool large_quantities() const { return (bits & 32U) != 0; }

    unsigned bits;
};

inline constexpr std::size_t operation_bytes = 4;

/// Four bytes each, so that what is inserted or cut out leaves the other operations as they were: the kind and its
/// variant; a price; a quantity; an order id, a limit price or a trail. Zeros make events that have to be refused.
[[nodiscard]] inline test::Operation decode_operation(std::span<const std::byte, operation_bytes> input,
                                                      ExchangeChoice choice, OrderId next_id) {
    const auto kind = std::to_integer<unsigned>(input[0]) % 16;
    const Side side = (std::to_integer<unsigned>(input[0]) & 16U) != 0 ? Side::sell : Side::buy;
    const auto variant = std::to_integer<unsigned>(input[0]) / 32;
    const auto last = std::to_integer<std::uint8_t>(input[3]);
    const auto time_in_force = static_cast<TimeInForce>(variant % 3);

    const auto price_of = [&](std::byte byte) -> Price {
        const Price level = std::to_integer<Price>(byte) % 32;
        if (choice.highest_prices()) return std::numeric_limits<Price>::max() - 31 + level;
        return std::to_integer<unsigned>(byte) >= 128 ? 1000 + level : level;
    };
    const Price price = price_of(input[1]);
    Quantity quantity = std::to_integer<Quantity>(input[2]);
    if (choice.large_quantities() && quantity >= 128) quantity = ~Quantity{0} - quantity + 128;
    // Half of the ids count from the last one: what was submitted just now.
    const OrderId id = last < 128 ? last : next_id + 127 - last;
    const auto trail = [&] {
        const unsigned value = last / 3;
        switch (last % 3) {
            case 0: return TrailMethod::fixed(static_cast<Price>(value));
            case 1:
                // A double holds no price beyond 2^53: there a higher watermark may round to a lower stop.
                if (!choice.highest_prices()) return TrailMethod::percentage(static_cast<double>(value) / 256);
                [[fallthrough]];
            default: return TrailMethod::atr(static_cast<double>(value % 16) / 4, value / 16);
        }
    };
    switch (kind) {
        case 3: return Event::submit_market(side, quantity);
        case 4: return Event::cancel(id);
        case 5: return Event::reduce(id, quantity);
        case 6: return Event::modify(id, price, quantity);
        case 7: return Event::submit_stop_market(side, price, quantity);
        case 8: return Event::submit_stop_limit(side, price, price_of(input[3]), quantity, time_in_force);
        case 9: return Event::submit_trailing_stop_market(side, price, quantity, trail());
        case 10: {
            const Price limit = price_of(std::byte{static_cast<unsigned char>(last ^ quantity)});
            return Event::submit_trailing_stop_limit(side, price, limit, quantity, trail(), time_in_force);
        }
        case 11: return Event::execute(id, quantity, last, variant < 4 ? Event::own_price : price, variant != 1);
        case 12: return Event::trade(side, price, quantity, last);
        case 13:
            if (variant < 2) return Event::modify(id, price, quantity, false);
            return Event::submit_limit(side, price, quantity, TimeInForce::gtc, false);
        case 14: return static_cast<test::Operation::Kind>(1 + last % 6);
        default: return Event::submit_limit(side, price, quantity, kind < 2 ? TimeInForce::gtc : time_in_force);
    }
}

template <class Exchange>
[[nodiscard]] std::string check_exchange(std::span<const std::byte> input, ExchangeChoice choice) {
    // The naive exchange takes as long for an operation as there are orders.
    constexpr std::size_t most = 400;
    constexpr std::size_t full_comparison_every = 16;
    test::ExchangeDuel<Exchange> duel(choice.max_rounds());
    std::vector<test::Operation> done;
    std::string wrong;
    while (wrong.empty() && input.size() >= operation_bytes && done.size() < most) {
        done.push_back(decode_operation(input.first<operation_bytes>(), choice, duel.reference().next_order_id()));
        input = input.subspan(operation_bytes);
        wrong = duel.apply(done.back());
        if (wrong.empty() && done.size() % full_comparison_every == 0) wrong = duel.differs_in_full();
    }
    if (wrong.empty()) wrong = duel.differs_after_all();
    return wrong.empty() ? wrong : wrong + test::report<Exchange>(done, choice.max_rounds());
}

/// Empty where the engine does what the naive exchange does, else how they differ.
[[nodiscard]] inline std::string check_exchange(std::span<const std::byte> input) {
    if (input.empty()) return {};
    const ExchangeChoice choice(input[0]);
    const auto operations = input.subspan(1);
    switch (choice.slack()) {
        case 0: return check_exchange<BasicExchange<EventLog, 1>>(operations, choice);
        case 1: return check_exchange<BasicExchange<EventLog, 2>>(operations, choice);
        case 2: return check_exchange<BasicExchange<EventLog, 4>>(operations, choice);
        default: return check_exchange<Exchange>(operations, choice);
    }
}

}  // namespace nanobook::fuzz
