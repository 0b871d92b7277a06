// The fuzz target's check on thousands of damaged streams, always the same ones.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include <nanobook/detail/random.hpp>

#include "../fuzz/check_filter.hpp"
#include "random_stream.hpp"

using nanobook::detail::Random;
using nanobook::fuzz::check_filter;
using nanobook::itch::Framing;
using nanobook::test::Bytes;
using nanobook::test::damage;
using nanobook::test::RandomStream;

namespace {

constexpr std::size_t choices = 5;

// The choices of the check, and a small stream that has nothing wrong in its framing. `choice` is the first of them.
Bytes valid_input(std::uint64_t seed, Random& random, unsigned choice) {
    const Bytes stream = RandomStream{.seed = seed,
                                      .messages = 10 + random.below(50),
                                      .symbols = 3,
                                      .prices = 3,
                                      .refs = 12,
                                      .odd_one_in = random.once_in(2) ? 8U : 0U,
                                      .framing = random.once_in(4) ? Framing::zero : Framing::length,
                                      .shared_refs = random.once_in(4)}
                             .make()
                             .copy();
    Bytes input(choices + stream.size());
    input[0] = static_cast<std::byte>(choice);
    for (std::size_t i = 1; i < choices; ++i) input[i] = static_cast<std::byte>(random.below(i == 1 ? 256 : 64));
    std::ranges::copy(stream, input.begin() + choices);
    return input;
}

}  // namespace

TEST_CASE("damaged_streams_are_filtered_alike_in_any_pieces_and_as_the_naive_filter_does") {
    Random random(2025);
    for (std::uint64_t i = 0; i < 2500; ++i) {
        // Half of them by symbol alone: their books are compared with those of a replay that selects.
        Bytes input = valid_input(i, random, i % 2 == 0 ? 2 : random.below(64));
        for (std::uint32_t n = random.below(4); n > 0; --n) damage(input, choices, random);
        if (const std::string wrong = check_filter(input); !wrong.empty()) FAIL("input " << i << ": " << wrong);
    }
}

TEST_CASE("streams_that_are_not_damaged_are_filtered_as_the_naive_filter_does") {
    Random random(7);
    for (unsigned choice = 0; choice < 64; ++choice) CHECK(check_filter(valid_input(choice, random, choice)) == "");
}
