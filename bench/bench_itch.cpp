// ITCH: framing, decoding, encoding, and the books of a day.
//
// The day is the file NANOBOOK_BENCH_DAY, a BinaryFILE that is not compressed. Unless that is set it is synthetic:
// NANOBOOK_BENCH_MESSAGES (default 4 million) of 8,000 symbols, written to a temporary file. Both are mapped, so that
// what a replay allocates can be told from its input.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <nanobook/itch/encoder.hpp>
#include <nanobook/itch/mapped_file.hpp>
#include <nanobook/itch/market_data.hpp>
#include <nanobook/itch/parallel_replay.hpp>
#include <nanobook/itch/reader.hpp>
#include <nanobook/itch/replay.hpp>
#include <nanobook/itch/synthetic_day.hpp>

#include "measure.hpp"
#include "memory.hpp"
#include "temporary_file.hpp"

using bench::measure;
using bench::repeat;

namespace {

using namespace nanobook;
using namespace nanobook::itch;

MappedFile map_day() {
    if (const char* given = std::getenv("NANOBOOK_BENCH_DAY")) return MappedFile(given);
    const char* messages = std::getenv("NANOBOOK_BENCH_MESSAGES");
    const auto path = bench::temporary_file();
    write_synthetic_day(path, {.messages = messages != nullptr ? std::strtoull(messages, nullptr, 10) : 4'000'000});
    MappedFile mapped(path);
    std::error_code ignored;                 // a system that keeps the files it has mapped
    std::filesystem::remove(path, ignored);  // the next run may have another generator
    return mapped;
}

struct Day {
    MappedFile file = map_day();
    // Whoever counts them touches every page: all of it is in memory before anything is timed.
    std::uint64_t messages = read(file.bytes(), [](const Header&) {}).messages();
};

const Day& the_day() {
    static const Day day;
    return day;
}

std::span<const std::byte> day() { return the_day().file.bytes(); }

std::uint64_t day_messages() { return the_day().messages; }

void count_messages(benchmark::State& state, std::uint64_t messages) {
    state.SetItemsProcessed(static_cast<std::int64_t>(messages) * state.iterations());
    state.SetBytesProcessed(static_cast<std::int64_t>(day().size()) * state.iterations());
}

// The least anybody could do: walk the length prefixes.
void itch_plain_loop(benchmark::State& state) {
    const auto bytes = day();
    std::uint64_t messages = 0;
    repeat(state, [&] {
        std::uint64_t count = 0;
        for (std::size_t i = 0; i + 2 < bytes.size(); ++count) {
            i += 2 + (std::to_integer<std::size_t>(bytes[i]) << 8 | std::to_integer<std::size_t>(bytes[i + 1]));
        }
        messages = count;
    });
    count_messages(state, messages);
}
BENCHMARK(itch_plain_loop)->Unit(benchmark::kMillisecond);

void itch_frame(benchmark::State& state) {
    const auto bytes = day();
    std::uint64_t messages = 0;
    repeat(state, [&] {
        Reader reader;
        reader.feed(bytes, [](const Batch& batch) { return batch.messages.size(); });
        messages = reader.messages();
    });
    count_messages(state, messages);
}
BENCHMARK(itch_frame)->Unit(benchmark::kMillisecond);

// Inlined always: with 23 messages to decode the compiler would call these.
template <class Field>
[[gnu::always_inline]] inline std::uint64_t number(const Field& field) {
    return field;
}
[[gnu::always_inline]] inline std::uint64_t number(char field) { return static_cast<unsigned char>(field); }
template <std::size_t Size>
[[gnu::always_inline]] inline std::uint64_t number(const Text<Size>& field) {
    std::uint64_t value = 0;
    std::memcpy(&value, field.bytes, Size);
    return value;
}

void itch_decode(benchmark::State& state) {
    const auto bytes = day();
    std::uint64_t messages = 0;
    repeat(state, [&] {
        std::uint64_t sum = 0;
        const Reader reader = read(bytes, [&]<class Message>(const Message& m) {
            std::uint64_t fields = m.locate + m.tracking + m.timestamp;
            if constexpr (requires { Message::fields(); }) {
                std::apply([&](const auto&... field) { fields += (number(m.*(field.member)) + ...); },
                           Message::fields());
            }
            sum += fields;
        });
        benchmark::DoNotOptimize(sum);
        messages = reader.messages();
    });
    count_messages(state, messages);
}
BENCHMARK(itch_decode)->Unit(benchmark::kMillisecond);

void itch_encode(benchmark::State& state) {
    AddOrder add{};
    add.stock = "AAPL";
    add.side = 'B';
    constexpr std::uint32_t count = 1000;
    measure(
        state, count,
        [] {
            Encoder encoder;
            encoder.reserve(count * (2 + sizeof(AddOrder)));
            return encoder;
        },
        [&](Encoder& encoder) {
            for (std::uint32_t i = 0; i < count; ++i) {
                add.timestamp = i;
                add.ref = i;
                add.shares = i;
                add.price = i;
                encoder.write(add);
            }
            benchmark::DoNotOptimize(encoder.bytes().data());
        });
}
BENCHMARK(itch_encode)->UseManualTime();

template <class Observer>
void feed(Replay<Observer>& replay) {
    replay.feed(day());
    replay.finish();
}

// Beyond the mapped file. Before the other replays, which leave memory behind that would serve this one.
void itch_replay_memory(benchmark::State& state) {
    day();
    bench::measure_memory(state, [] {
        auto replay = std::make_unique<Replay<>>();
        feed(*replay);
        return replay;
    });
}
BENCHMARK(itch_replay_memory)->Iterations(1)->Unit(benchmark::kMillisecond);

void replay_day(benchmark::State& state, const ReplayOptions& options) {
    day();
    measure(
        state, day_messages(), [&] { return std::make_unique<Replay<>>(options); },
        [](auto& replay) { feed(*replay); });
    count_messages(state, day_messages());
}

void itch_replay_book_all(benchmark::State& state) { replay_day(state, {}); }
BENCHMARK(itch_replay_book_all)->UseManualTime()->Unit(benchmark::kMillisecond);

void itch_replay_book_one(benchmark::State& state) {
    replay_day(state, {.symbols = {*Symbol::parse("AAPL")}, .until = {}, .strict = false});
}
BENCHMARK(itch_replay_book_one)->UseManualTime()->Unit(benchmark::kMillisecond);

// What tables of best prices and of trades are made of. Rows are thrown away as often as Python would take them.
MarketData quotes_and_trades() {
    MarketData wanted;
    wanted.quotes.emplace();
    wanted.keeps_trades = true;
    return wanted;
}

std::size_t throw_away(MarketData& data) {
    const std::size_t rows = data.quotes->rows.size() + data.trades.size();
    data.quotes->rows.clear();
    data.trades.clear();
    return rows;
}

template <class Feed>
std::size_t for_each_piece(std::size_t size, Feed feed) {
    std::size_t rows = 0;
    for (std::size_t at = 0; at < day().size(); at += size) {
        rows += feed(day().subspan(at, std::min(size, day().size() - at)));
    }
    return rows;
}

void itch_tables(benchmark::State& state) {
    std::size_t rows = 0;
    day();
    measure(
        state, day_messages(),
        [] { return std::make_unique<Replay<MarketData, false>>(ReplayOptions{}, quotes_and_trades()); },
        [&](auto& replay) {
            rows = for_each_piece(std::size_t{1} << 18, [&](std::span<const std::byte> bytes) {
                replay->feed(bytes);
                return throw_away(replay->observer());
            });
        });
    count_messages(state, day_messages());
    state.counters["rows"] = static_cast<double>(rows);
}
BENCHMARK(itch_tables)->UseManualTime()->Unit(benchmark::kMillisecond);

void itch_tables_parallel(benchmark::State& state) {
    const auto threads = static_cast<std::size_t>(state.range(0));
    std::size_t rows = 0;
    day();
    measure(
        state, day_messages(),
        [&] {
            return std::make_unique<ParallelReplay<MarketData, false>>(threads, ReplayOptions{}, quotes_and_trades());
        },
        [&](auto& replay) {
            MarketData data = quotes_and_trades();
            const auto take = [&] {
                data.merge(replay->made());
                return throw_away(data);
            };
            rows = for_each_piece(std::size_t{1} << 23, [&](std::span<const std::byte> bytes) {
                const bool is_full = replay->pieces() == replay->most_pieces;
                if (is_full) replay->wait();
                replay->start(bytes);
                return is_full ? take() : 0;
            });
            while (replay->pieces() > 0) {
                replay->wait();
                rows += take();
            }
        });
    count_messages(state, day_messages());
    state.counters["rows"] = static_cast<double>(rows);
}
BENCHMARK(itch_tables_parallel)
    ->ArgName("threads")
    ->Arg(1)
    ->Arg(2)
    ->Arg(4)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
