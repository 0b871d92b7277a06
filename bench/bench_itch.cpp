// ITCH: framing, decoding, encoding, and the books of a day.
//
// The day is synthetic: NANOBOOK_BENCH_MESSAGES (default 4 million) of 8,000 symbols, written to a temporary file
// and mapped, so that what a replay allocates can be told from its input.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <nanobook/itch/encoder.hpp>
#include <nanobook/itch/mapped_file.hpp>
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

std::uint64_t day_messages() {
    const char* text = std::getenv("NANOBOOK_BENCH_MESSAGES");
    return text != nullptr ? std::strtoull(text, nullptr, 10) : 4'000'000;
}

// Written, mapped and unlinked: the next run may have another generator.
std::span<const std::byte> day() {
    static const MappedFile file = [] {
        const auto path = bench::temporary_file();
        write_synthetic_day(path, {.messages = day_messages()});
        MappedFile mapped(path);
        std::error_code ignored;  // a system that keeps the files it has mapped
        std::filesystem::remove(path, ignored);
        return mapped;
    }();
    // Every page of it is in memory before anything is timed.
    static const bool warm = [] {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < file.bytes().size(); i += 4096)
            sum += std::to_integer<std::uint64_t>(file.bytes()[i]);
        benchmark::DoNotOptimize(sum);
        return true;
    }();
    benchmark::DoNotOptimize(warm);
    return file.bytes();
}

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

// The best of both sides, a row whenever a price or a size of it changed.
struct BestTable {
    struct Row {
        Timestamp time;
        Price bid, ask;  // 0 where there is none
        std::uint64_t bid_size, ask_size;
        Locate locate;
    };

    void on_change(const BookChange& change) {
        const Book& book = replay->listings()[change.locate].book;
        Row row{change.message.timestamp, 0, 0, 0, 0, change.locate};
        if (const LevelId level = book.ladder(Side::buy).best(); level != no_level) {
            row.bid = replay->levels()[level].price;
            row.bid_size = replay->levels()[level].quantity_low;
        }
        if (const LevelId level = book.ladder(Side::sell).best(); level != no_level) {
            row.ask = replay->levels()[level].price;
            row.ask_size = replay->levels()[level].quantity_low;
        }
        Row& last = latest[change.locate];
        if (row.bid == last.bid && row.ask == last.ask && row.bid_size == last.bid_size &&
            row.ask_size == last.ask_size) {
            return;
        }
        last = row;
        rows.push_back(row);
    }
    void on_print(const Print&) const noexcept {}

    const Replay<BestTable>* replay = nullptr;
    std::vector<Row> latest = std::vector<Row>(std::size_t{1} << 16);
    std::vector<Row> rows = {};
};

void itch_bbo_table(benchmark::State& state) {
    std::size_t rows = 0;
    day();
    measure(
        state, day_messages(),
        [] {
            auto replay = std::make_unique<Replay<BestTable>>();
            replay->observer().replay = replay.get();
            replay->observer().rows.reserve(day_messages());
            return replay;
        },
        [&](auto& replay) {
            feed(*replay);
            rows = replay->observer().rows.size();
        });
    count_messages(state, day_messages());
    state.counters["rows"] = static_cast<double>(rows);
}
BENCHMARK(itch_bbo_table)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
