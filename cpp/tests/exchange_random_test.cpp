// Random operations on an exchange against the naive one, compared after every operation. What is stale after a fill, a
// compaction or a merge of trails shows here.
//
// The environment makes it longer:
//   NANOBOOK_TEST_SEEDS, NANOBOOK_TEST_OPERATIONS   how many sequences, and how long each is
//   NANOBOOK_TEST_FIRST_SEED                        where seeds begin, so that several processes share the work
//   NANOBOOK_TEST_COMPARE_EVERY                     full comparisons only so often; answers are always compared
//   NANOBOOK_TEST_SHRINK                            0 for no search for a shorter sequence that differs
//   NANOBOOK_TEST_TRACE                             prints each operation before it happens: for a crash or a hang
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include <nanobook/exchange/exchange.hpp>

#include "compare_exchanges.hpp"
#include "random_operations.hpp"

using namespace nanobook;
using namespace nanobook::test;

#if !defined(_MSC_VER)
// The engine's memory comes from here. It is never zero at first, so that what is read before it is written shows.
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t alignment) {
    const auto align = static_cast<std::size_t>(alignment);
    void* const block = std::aligned_alloc(align, (bytes + align - 1) / align * align);
    if (block == nullptr) throw std::bad_alloc();
    std::memset(block, 0xa5, std::min(bytes, std::size_t{1} << 18));
    return block;
}
[[gnu::noinline]] void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t, std::align_val_t) noexcept { std::free(block); }
#endif

namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here sets the environment
    return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

// How much of what is hard has been seen: a test that no longer meets it would pass whatever the engine does.
struct Seen {
    std::uint64_t operations = 0;
    std::uint64_t trades = 0;
    std::uint64_t fired = 0;         // stops
    std::uint64_t fired_trails = 0;  // of them trailing
    std::uint64_t cascades = 0;      // operations whose stops fired stops that fired stops
    std::uint64_t round_limits = 0;
    std::uint64_t crowds = 0;     // sequences with 50 trailing stops at a time
    std::uint64_t resting = 0;    // summed over operations
    std::uint64_t cancelled = 0;  // successes
    std::uint64_t modified = 0;
    std::uint64_t executed = 0;
};

void count(Seen& seen, const Event& event, const Answer& answer) {
    if (answer.error != OrderError::none) return;
    seen.cancelled += event.kind == EventKind::cancel;
    seen.modified += event.kind == EventKind::modify;
    seen.executed += event.kind == EventKind::execute;
    seen.round_limits += answer.round_limit_hit;
}

template <class Exchange>
void run(const Plan& plan, std::uint64_t compare_every, Seen& seen) {
    const bool trace = from_environment("NANOBOOK_TEST_TRACE", 0) != 0;
    if (trace) std::fprintf(stderr, "seed %llu\n", static_cast<unsigned long long>(plan.seed));
    ExchangeDuel<Exchange> duel(plan.max_rounds);
    const ReferenceExchange& reference = duel.reference();
    RandomOperations operations(plan, reference);
    std::vector<Operation> done;
    std::size_t most_trails = 0;

    const auto check = [&](const std::string& wrong) {
        if (wrong.empty()) return;
        const bool shrinks = from_environment("NANOBOOK_TEST_SHRINK", 1) != 0;
        FAIL("seed " << plan.seed << ", step " << done.size() << ", " << text(done.back()) << ": " << wrong
                     << (shrinks ? report<Exchange>(done, plan.max_rounds) : ""));
    };
    for (std::uint32_t step = 1; step <= plan.operations; ++step) {
        done.push_back(operations.next());
        const Operation& operation = done.back();
        if (trace) std::fprintf(stderr, "%u %s\n", step, text(operation).c_str());
        const std::uint64_t rounds = reference.rounds_that_fired();
        check(duel.apply(operation));
        if (operation.kind == Operation::Kind::event && duel.answer()) count(seen, operation.event, *duel.answer());
        seen.cascades += reference.rounds_that_fired() >= rounds + 3;
        seen.resting += reference.resting().size();
        if (step % compare_every != 0) continue;
        check(duel.differs_in_full());
        for (int i = 0; i < 3; ++i) check(duel.differs_at(operations.any_id()));
        const auto& pending = reference.pending();
        const auto trails = std::count_if(pending.begin(), pending.end(),
                                          [](const auto& entry) { return entry.second.trail.kind != TrailKind::none; });
        most_trails = std::max(most_trails, static_cast<std::size_t>(trails));
    }
    check(duel.differs_after_all());
    seen.operations += plan.operations;
    seen.trades += reference.next_trade_id() - 1;
    seen.crowds += most_trails >= 50;
    for (OrderId id = 1; id < reference.next_order_id(); ++id) {
        const auto stop = reference.get_stop_order(id);
        if (!stop || stop->status != OrderStatus::triggered) continue;
        ++seen.fired;
        seen.fired_trails += stop->trail.kind != TrailKind::none;
    }
}

void run(const Plan& plan, std::uint64_t compare_every, Seen& seen) {
    // The slack a level allows its tombstones: with little of it, everything is compacted all the time.
    switch (plan.seed / 4 % 4) {
        case 0: return run<BasicExchange<EventLog, 1>>(plan, compare_every, seen);
        case 1: return run<BasicExchange<EventLog, 2>>(plan, compare_every, seen);
        case 2: return run<BasicExchange<EventLog, 4>>(plan, compare_every, seen);
        default: return run<Exchange>(plan, compare_every, seen);
    }
}

}  // namespace

TEST_CASE("random_operations_are_answered_as_the_naive_exchange_answers_them") {
    const std::uint64_t first = from_environment("NANOBOOK_TEST_FIRST_SEED", 1);
    const std::uint64_t seeds = from_environment("NANOBOOK_TEST_SEEDS", 2000);
    const auto operations = static_cast<std::uint32_t>(from_environment("NANOBOOK_TEST_OPERATIONS", 400));
    const std::uint64_t every = from_environment("NANOBOOK_TEST_COMPARE_EVERY", 1);
    Seen seen;
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) run(Plan::of(seed, operations), every, seen);
    MESSAGE(seen.operations << " operations, " << seen.trades << " trades, " << seen.fired << " stops fired, "
                            << seen.fired_trails << " of them trailing, " << seen.cascades << " cascades, "
                            << seen.round_limits << " at the limit of rounds, " << seen.crowds << " crowds of trails; "
                            << seen.cancelled << " cancelled, " << seen.modified << " modified, " << seen.executed
                            << " executed; " << seen.resting / seen.operations << " orders rested on average");
    if (seeds < 500) return;
    CHECK(seen.trades > seen.operations / 4);
    CHECK(seen.fired > seen.operations / 10);
    CHECK(seen.fired_trails > seen.operations / 20);
    CHECK(seen.cascades > seen.operations / 500);
    CHECK(seen.round_limits > seen.operations / 500);
    CHECK(seen.crowds > seeds / 50);
    CHECK(seen.cancelled > seen.operations / 30);
    CHECK(seen.modified > seen.operations / 80);
    CHECK(seen.executed > seen.operations / 300);
}

TEST_CASE("percentage_trails_of_large_prices_move_as_those_of_the_naive_exchange") {
    // Where a product is so large that its rounding shows, a higher watermark may give a lower stop, which is not
    // adopted. Prices move by little, as if one wanted to see it.
    std::uint64_t kept = 0;  // answers in which a stop is tighter than its watermark has it
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        detail::Random random(seed);
        const std::uint32_t bits = 26 + random.below(36);
        const Price spacing = bits > 53 ? Price{1} << (bits - 53) : 1;  // of doubles
        const Price reach = random.once_in(2) ? spacing : 4;
        Price price = (Price{1} << bits) + random.below(1'000'000);
        const auto factor = [&] {
            switch (random.below(4)) {
                case 0: return (1 + random.below(1'000'000)) * 0x1p-20;
                case 1: return (1 + random.below(1'000)) * 0x1p-6 / static_cast<double>(price);  // of a few units
                case 2: return 1 - (1 + random.below(1'000'000)) * 0x1p-20 / (1U << random.below(24));
                default: {
                    // Around a power of two, from which on doubles are farther apart.
                    const double power = std::exp2(static_cast<double>(bits - random.below(2)));
                    return (power - 0.5) / static_cast<double>(price + random.below(4)) *
                           (1 + random.below(8) * 0x1p-52);
                }
            }
        };
        ExchangeDuel<Exchange> duel;
        for (int step = 0; step < 200; ++step) {
            const Side side = random.below(4) == 0 ? Side::buy : Side::sell;
            Operation operation = Operation::Kind::transplant;
            switch (random.below(16)) {
                case 0: break;
                case 1: operation = Event::cancel(1 + random.below(30)); break;
                case 2:
                case 3:
                case 4: {
                    const Price at = side == Side::buy ? std::numeric_limits<Price>::max() : 1;
                    const double fraction = factor();
                    operation = Event::submit_trailing_stop_market(side, at, 1, TrailMethod::percentage(fraction));
                    break;
                }
                case 5:
                    price -= random.below(static_cast<std::uint32_t>(std::min<Price>(64 * reach, 1 << 20)));
                    [[fallthrough]];
                default:
                    price += random.below(static_cast<std::uint32_t>(std::min<Price>(2 * reach, 1 << 20)));
                    operation = Event::trade(side, price, 1, 0);
            }
            std::string wrong = duel.apply(operation);
            if (wrong.empty()) wrong = duel.differs_in_full();
            if (!wrong.empty()) FAIL("seed " << seed << ", step " << step << ", " << text(operation) << ": " << wrong);
            for (const auto& [id, stop] : duel.reference().pending()) {
                if (stop.side == Side::buy || !stop.watermark || stop.stop_price == 1) continue;
                const double offset = std::round(static_cast<double>(*stop.watermark) * stop.trail.factor());
                kept += offset < 0x1p62 && stop.stop_price > *stop.watermark - static_cast<Price>(offset);
            }
        }
    }
    MESSAGE(kept << " times a stop was tighter than its watermark has it");
    CHECK(kept > 10'000);
}

TEST_CASE("long_sequences_are_answered_as_the_naive_exchange_answers_them") {
    // Long enough that the table of orders goes through several of its chunks, which are given back when all orders of
    // one are forgotten.
    if (std::getenv("NANOBOOK_TEST_FIRST_SEED") != nullptr) return;  // NOLINT(concurrency-mt-unsafe): as above
    Seen seen;
    for (std::uint64_t seed = 1; seed <= 16; ++seed) {
        Plan plan = Plan::of(seed, 20'000);
        // Stops are never forgotten, and would keep every chunk.
        if (seed % 2 == 0) plan.stops = plan.trails = plan.avalanche_in = 0;
        plan.clear_history = 1;
        run(plan, 50, seen);
    }
    CHECK(seen.operations == 320'000);
}
