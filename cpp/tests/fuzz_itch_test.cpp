// The fuzz target's check on thousands of damaged streams, always the same ones.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <nanobook/detail/random.hpp>

#include "../fuzz/check_itch.hpp"
#include "random_stream.hpp"

using nanobook::detail::Random;
using nanobook::fuzz::check_itch;
using nanobook::itch::Framing;
using nanobook::test::Bytes;
using nanobook::test::damage;
using nanobook::test::RandomStream;

namespace {

constexpr std::size_t choices = 3;

// The choices of the check, and a small stream that has nothing wrong in its framing.
Bytes valid_input(std::uint64_t seed, Random& random, unsigned choice) {
    const Bytes stream = RandomStream{.seed = seed,
                                      .messages = 10 + random.below(50),
                                      .symbols = 2,
                                      .prices = 3,
                                      .refs = 12,
                                      .framing = random.once_in(4) ? Framing::zero : Framing::length}
                             .make()
                             .copy();
    // In one piece: where a small one grows, gcc 12 sees an overflow that is none.
    Bytes input(choices + stream.size());
    input[0] = static_cast<std::byte>(choice);
    input[1] = static_cast<std::byte>(random.below(256));
    input[2] = static_cast<std::byte>(random.below(256));
    std::ranges::copy(stream, input.begin() + choices);
    return input;
}

}  // namespace

TEST_CASE("damaged_streams_are_read_alike_in_any_pieces_and_as_the_naive_replay_reads_them") {
    Random random(2024);
    for (std::uint64_t i = 0; i < 2500; ++i) {
        // Half of them plain: those are compared with the naive replay.
        Bytes input = valid_input(i, random, i % 2 == 0 ? 0 : random.below(8));
        for (std::uint32_t n = random.below(4); n > 0; --n) damage(input, choices, random);
        if (const std::string wrong = check_itch(input); !wrong.empty()) FAIL("input " << i << ": " << wrong);
    }
}

TEST_CASE("streams_that_are_not_damaged_pass_too") {
    Random random(7);
    for (unsigned choice = 0; choice < 8; ++choice) CHECK(check_itch(valid_input(choice, random, choice)) == "");
}
