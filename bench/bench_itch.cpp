// ITCH: framing, decoding, encoding, and the books of a day.
//
// The day is synthetic: NANOBOOK_BENCH_MESSAGES (default 4 million) of 8,000 symbols, written to a temporary file
// and mapped, so that what a replay allocates can be told from its input.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <system_error>

#include <nanobook/itch/encoder.hpp>
#include <nanobook/itch/mapped_file.hpp>
#include <nanobook/itch/reader.hpp>
#include <nanobook/itch/replay.hpp>
#include <nanobook/itch/synthetic_day.hpp>

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
        const auto folder = std::filesystem::temp_directory_path();
        const auto path = folder / ("nanobook-bench-" + std::to_string(std::random_device{}()) + ".itch");
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

// Memory that is ours and not the mapped file's, in bytes; 0 where the system does not say.
std::uint64_t anonymous_memory() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("RssAnon:")) return std::strtoull(line.c_str() + 8, nullptr, 10) * 1024;
    }
    return 0;
}

void count_messages(benchmark::State& state, std::uint64_t messages) {
    state.SetItemsProcessed(static_cast<std::int64_t>(messages) * state.iterations());
    state.SetBytesProcessed(static_cast<std::int64_t>(day().size()) * state.iterations());
}

// The least anybody could do: walk the length prefixes.
void BM_itch_plain_loop(benchmark::State& state) {
    const auto bytes = day();
    std::uint64_t messages = 0;
    for (auto _ : state) {
        messages = 0;
        for (std::size_t i = 0; i + 2 < bytes.size(); ++messages) {
            i += 2 + (std::to_integer<std::size_t>(bytes[i]) << 8 | std::to_integer<std::size_t>(bytes[i + 1]));
        }
        benchmark::DoNotOptimize(messages);
    }
    count_messages(state, messages);
}
BENCHMARK(BM_itch_plain_loop)->Unit(benchmark::kMillisecond);

void BM_itch_frame(benchmark::State& state) {
    const auto bytes = day();
    std::uint64_t messages = 0;
    for (auto _ : state) {
        Reader reader;
        reader.feed(bytes, [](const Batch& batch) { return batch.messages.size(); });
        messages = reader.messages();
    }
    count_messages(state, messages);
}
BENCHMARK(BM_itch_frame)->Unit(benchmark::kMillisecond);

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

void BM_itch_decode(benchmark::State& state) {
    const auto bytes = day();
    std::uint64_t messages = 0;
    for (auto _ : state) {
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
    }
    count_messages(state, messages);
}
BENCHMARK(BM_itch_decode)->Unit(benchmark::kMillisecond);

void BM_itch_encode(benchmark::State& state) {
    AddOrder add{};
    add.stock = "AAPL";
    add.side = 'B';
    Encoder encoder;
    encoder.reserve(std::size_t{1} << 20);
    for (auto _ : state) {
        for (std::uint32_t i = 0; i < 1000; ++i) {
            add.timestamp = i;
            add.ref = i;
            add.shares = i;
            add.price = i;
            encoder.write(add);
        }
        benchmark::DoNotOptimize(encoder.bytes().data());
        encoder = Encoder();
        encoder.reserve(std::size_t{1} << 20);
    }
    state.SetItemsProcessed(1000 * state.iterations());
}
BENCHMARK(BM_itch_encode);

void replay_day(benchmark::State& state, const ReplayOptions& options) {
    std::uint64_t messages = 0;
    std::uint64_t memory = 0;
    const auto bytes = day();
    for (auto _ : state) {
        const std::uint64_t before = anonymous_memory();
        auto replay = std::make_unique<Replay<>>(options);
        replay->feed(bytes);
        replay->finish();
        state.PauseTiming();
        messages = replay->reader().messages();
        memory = std::max(memory, anonymous_memory() - before);
        replay.reset();
        state.ResumeTiming();
    }
    count_messages(state, messages);
    state.counters["memory_MB"] = static_cast<double>(memory) / 1e6;
}

void BM_itch_replay_book_all(benchmark::State& state) { replay_day(state, {}); }
BENCHMARK(BM_itch_replay_book_all)->Unit(benchmark::kMillisecond);

void BM_itch_replay_book_one(benchmark::State& state) {
    replay_day(state, {.symbols = {*Symbol::parse("AAPL")}, .until = {}, .strict = false});
}
BENCHMARK(BM_itch_replay_book_one)->Unit(benchmark::kMillisecond);

}  // namespace
