// The fuzz target's check on thousands of damaged files of events, always the same ones.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <nanobook/detail/random.hpp>

#include "../fuzz/check_events.hpp"
#include "random_events.hpp"

using nanobook::Event;
using nanobook::EventFileHeader;
using nanobook::Symbol;
using nanobook::detail::Random;
using nanobook::fuzz::check_events;
using nanobook::test::RandomEvents;

namespace {

using Bytes = std::vector<std::byte>;

constexpr unsigned choices = 3;
constexpr unsigned lines = 0;

std::size_t below(Random& random, std::size_t bound) { return random.below(static_cast<std::uint32_t>(bound)); }

// The choice of the check, and a file that has nothing wrong.
Bytes valid_input(std::uint64_t seed, Random& random, unsigned choice) {
    const EventFileHeader header{random.once_in(2) ? *Symbol::parse("AAPL") : Symbol{}, random.below(200), {}};
    const std::vector<Event> events = RandomEvents(seed).take(random.below(12));
    Bytes input{static_cast<std::byte>(choice)};
    if (choice == lines) {
        const std::string text = to_json_lines(header, events);
        // Without its header it is a file too, whose number of events nobody knows.
        const std::size_t from = random.once_in(2) ? text.find('\n') + 1 : 0;
        for (const char c : std::string_view(text).substr(from)) input.push_back(static_cast<std::byte>(c));
    } else {
        const Bytes journal = nanobook::fuzz::to_journal(header, events);
        input.insert(input.end(), journal.begin(), journal.end());
    }
    return input;
}

void damage(Bytes& input, Random& random) {
    if (input.size() <= 2) return;
    constexpr std::string_view likely = "\"{}[]:,.-+0123456789eE\\u \r\ntrue";
    const auto at = input.begin() + static_cast<std::ptrdiff_t>(1 + below(random, input.size() - 1));
    const auto length = static_cast<std::ptrdiff_t>(below(random, 70));
    const auto end = at + std::min(length, input.end() - at);
    switch (random.below(6)) {
        case 0: *at = static_cast<std::byte>(random.below(256)); break;
        case 1: *at = static_cast<std::byte>(likely[below(random, likely.size())]); break;
        case 2: *at ^= static_cast<std::byte>(1U << random.below(8)); break;
        case 3: input.resize(static_cast<std::size_t>(at - input.begin())); break;
        case 4: input.erase(at, end); break;
        default: {
            const Bytes again(at, end);
            input.insert(at, again.begin(), again.end());
            break;
        }
    }
}

}  // namespace

TEST_CASE("damaged_files_of_events_are_refused_or_read_back_as_they_were_taken") {
    Random random(2024);
    for (std::uint64_t i = 0; i < 20'000; ++i) {
        Bytes input = valid_input(i, random, static_cast<unsigned>(i % choices));
        for (std::uint32_t n = random.below(4); n > 0; --n) damage(input, random);
        if (const std::string wrong = check_events(input); !wrong.empty()) FAIL("input " << i << ": " << wrong);
    }
}

TEST_CASE("files_of_events_that_are_not_damaged_pass_too") {
    Random random(7);
    for (unsigned choice = 0; choice < choices; ++choice)
        CHECK(check_events(valid_input(choice, random, choice)) == "");
}
