// A synthetic NASDAQ day in ITCH 5.0: deterministic, and like a real one where a program could tell the difference.
//
//     nanobook::itch::write_synthetic_day("day.itch", {.messages = 1'000'000, .symbols = 500});
//
// What it has of a real day: the six system events; the directory; opening and closing crosses; halts, an IPO, a broken
// trade; a mix of A 44 D 43 U 8 E 2 X 1 P 1 per cent; activity that differs a thousandfold between symbols and bursts
// at the open and the close; half of all adds within one level of the best and three quarters within eight; orders that
// are mostly touched young; sub-dollar stocks, dear stocks and stub quotes; executions at the front of the queue but
// for one or two in a thousand; references that are equal modulo four within a symbol. What it keeps of a feed's
// promises: times never go back; every reference is known and never over-executed; no book is crossed or locked while
// its symbol trades in market hours (between the events Q and M); a cross trade's shares are the sum of its C messages;
// no order is alive at the event C. What it has not: an economy. Prices wander at random, symbols know nothing of each
// other, and nothing can be learnt from it about a strategy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nanobook/detail/random.hpp>
#include <nanobook/detail/synthetic_program.hpp>
#include <nanobook/detail/synthetic_session.hpp>
#include <nanobook/itch/encoder.hpp>

namespace nanobook::itch {

struct SyntheticDayOptions {
    /// Exactly as many are produced. At least `minimum_messages`; about 200 per symbol until the figures above hold.
    std::uint64_t messages = 1'000'000;
    /// 1 to 65,535. The busiest have well-known tickers.
    std::uint32_t symbols = 8'000;
    /// Equal options with equal seeds give equal bytes on every machine.
    std::uint64_t seed = 1;
    /// Makes certain that each of the 23 types occurs, even W, which ordinary days are spared, and even in a small day.
    bool all_types = false;
};

/// Called now and then with the messages written and those to come in all. False ends the generation.
using SyntheticDayProgress = std::function<bool(std::uint64_t written, std::uint64_t messages)>;

namespace synthetic {

// Another stream than the flow's, so that the flow stays what it is where the timetable grows.
inline Program plan(const SyntheticDayOptions& options, bool rare) {
    nanobook::detail::Random random(~options.seed);
    return make_program(options.symbols, rare, options.all_types, random);
}

inline std::uint64_t needed(const SyntheticDayOptions& options, const Program& program) {
    return program.messages + directory_messages * options.symbols;
}

}  // namespace synthetic

/// What the directory, the system events and the crosses of that many symbols need. std::invalid_argument where the
/// number of symbols is not one.
[[nodiscard]] inline std::uint64_t minimum_messages(const SyntheticDayOptions& options) {
    if (options.symbols < 1 || options.symbols > 65'535) {
        throw std::invalid_argument("a synthetic day has 1 to 65535 symbols, not " + std::to_string(options.symbols));
    }
    return synthetic::needed(options, synthetic::plan(options, options.all_types));
}

/// Writes the day into `sink`, which has `write(const Message&)` for each message type, like an encoder. False where
/// `progress` ended it. Memory is bounded by the number of symbols; std::invalid_argument where the messages are too
/// few.
template <class Sink>
bool generate_synthetic_day(Sink& sink, const SyntheticDayOptions& options, const SyntheticDayProgress& progress = {}) {
    const std::uint64_t minimum = minimum_messages(options);
    if (options.messages < minimum) {
        throw std::invalid_argument("a synthetic day of " + std::to_string(options.symbols) + " symbols has at least " +
                                    std::to_string(minimum) + " messages, not " + std::to_string(options.messages));
    }
    // Halts and the like need a flow around them.
    synthetic::Program program = synthetic::plan(options, true);
    if (!options.all_types && options.messages < synthetic::needed(options, program) + 500) {
        program = synthetic::plan(options, false);
    }
    synthetic::Session<Sink> session(sink, options.messages, options.symbols, options.seed, std::move(program),
                                     progress);
    return session.run();
}

/// Into a file, which appears under its name when the day is whole. False, and no file, where `progress` ended it.
/// std::system_error naming the file where it cannot be written.
inline bool write_synthetic_day(const std::filesystem::path& path, const SyntheticDayOptions& options,
                                const SyntheticDayProgress& progress = {}) {
    FileEncoder encoder(path);
    if (!generate_synthetic_day(encoder, options, progress)) return false;
    encoder.close();
    return true;
}

/// In memory: some 32 bytes a message.
[[nodiscard]] inline std::vector<std::byte> synthetic_day(const SyntheticDayOptions& options) {
    Encoder encoder;
    generate_synthetic_day(encoder, options);
    return encoder.take();
}

}  // namespace nanobook::itch
