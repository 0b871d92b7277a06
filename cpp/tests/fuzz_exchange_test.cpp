// The fuzz target's check on thousands of sequences, always the same ones.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <nanobook/detail/random.hpp>

#include "../fuzz/check_exchange.hpp"

using nanobook::detail::Random;
using nanobook::fuzz::check_exchange;
using nanobook::fuzz::ExchangeChoice;

namespace {

using Bytes = std::vector<std::byte>;

Bytes noise(Random& random, unsigned choice, std::uint32_t length) {
    Bytes bytes{static_cast<std::byte>(choice)};
    for (std::uint32_t i = 0; i < length; ++i) bytes.push_back(static_cast<std::byte>(random.below(256)));
    return bytes;
}

/// Sequences in which one thing is repeated: what noise hardly ever does.
Bytes repeated(Random& random, unsigned choice) {
    Bytes bytes = noise(random, choice, 4 * (1 + random.below(20)));
    const Bytes piece(bytes.begin() + 1, bytes.end());
    for (std::uint32_t n = random.below(12); n > 0; --n) {
        bytes.insert(bytes.end(), piece.begin(), piece.end());
        bytes[1 + random.below(static_cast<std::uint32_t>(bytes.size() - 1))] =
            static_cast<std::byte>(random.below(256));
    }
    return bytes;
}

}  // namespace

TEST_CASE("random_bytes_are_operations_that_are_answered_as_the_naive_exchange_answers_them") {
    Random random(2024);
    for (unsigned i = 0; i < 2000; ++i) {
        const Bytes input = i % 2 == 0 ? noise(random, i / 2, random.below(1600)) : repeated(random, i / 2);
        if (const std::string wrong = check_exchange(input); !wrong.empty()) FAIL("input " << i << ": " << wrong);
    }
}

TEST_CASE("every_choice_of_the_first_byte_is_taken") {
    CHECK(ExchangeChoice(std::byte{0}).max_rounds() == 100);
    CHECK(ExchangeChoice(std::byte{3}).max_rounds() == 3);
    CHECK(ExchangeChoice(std::byte{12}).slack() == 3);
    CHECK(ExchangeChoice(std::byte{16}).highest_prices());
    CHECK(ExchangeChoice(std::byte{32}).large_quantities());
}

TEST_CASE("an_input_without_a_whole_operation_does_nothing") {
    for (std::size_t size = 0; size < 5; ++size) CHECK(check_exchange(Bytes(size)) == "");
}
