// The timetable of a synthetic day: what happens at its hour, whatever the participants do.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <vector>

#include <nanobook/detail/random.hpp>

namespace nanobook::itch::synthetic {

inline constexpr std::uint64_t second = 1'000'000'000;
inline constexpr std::uint64_t minute = 60 * second;

constexpr std::uint64_t clock_time(std::uint64_t hour, std::uint64_t minutes = 0, std::uint64_t seconds = 0) noexcept {
    return (hour * 60 + minutes) * minute + seconds * second;
}

/// A stretch of the day and its share of the flow. The shares add up to 10,000.
struct Stretch {
    std::uint64_t begin;
    std::uint64_t end;
    std::uint32_t share;
};

/// Sparse before the open, bursts at both ends of market hours, and a lull at lunch.
inline constexpr std::array<Stretch, 14> stretches{{{clock_time(4), clock_time(7), 60},
                                                    {clock_time(7), clock_time(9, 25), 240},
                                                    {clock_time(9, 25), clock_time(9, 30), 150},
                                                    {clock_time(9, 30), clock_time(9, 35), 480},
                                                    {clock_time(9, 35), clock_time(10), 1'150},
                                                    {clock_time(10), clock_time(10, 30), 950},
                                                    {clock_time(10, 30), clock_time(11, 30), 1'350},
                                                    {clock_time(11, 30), clock_time(14), 2'250},
                                                    {clock_time(14), clock_time(15, 30), 1'750},
                                                    {clock_time(15, 30), clock_time(15, 50), 640},
                                                    {clock_time(15, 50), clock_time(15, 59), 620},
                                                    {clock_time(15, 59), clock_time(16), 200},
                                                    {clock_time(16, 5), clock_time(18), 110},
                                                    {clock_time(18), clock_time(20), 50}}};

static_assert([] {
    std::uint32_t shares = 0;
    for (const Stretch& stretch : stretches) shares += stretch.share;
    return shares == 10'000;
}());

enum class Happening : std::uint8_t {
    system_event,      ///< S
    decline_levels,    ///< V
    decline_status,    ///< W
    trading_action,    ///< H: the symbol's state changes
    market_maker,      ///< L
    auction_collar,    ///< J
    imbalance,         ///< I, of an auction that ends a halt
    cross,             ///< C printable N, and Q
    ipo_quoting,       ///< K
    direct_listing,    ///< O
    operational_halt,  ///< h
    broken_trade,      ///< B
    showcase,          ///< one of every message of an order's life
};

/// Writes one message, which is counted beforehand. A cross may write executions beside it; a showcase has its own
/// count.
struct Event {
    std::uint64_t time;
    std::uint32_t number;  ///< decides between events of one time
    Happening what;
    char detail;           ///< event code, state, cross type, action
    std::uint32_t symbol;  ///< by activity, 0 the busiest
    std::string_view reason;
};

/// What A, F, U, X, E, C, P, I and N need at most, with the deletes of the two orders.
inline constexpr std::uint64_t showcase_cost = 10;

struct Program {
    std::vector<Event> events;   ///< in the order of time
    std::uint64_t messages = 0;  ///< what they will write
    /// `ipos` symbols from here on begin the day halted and have no opening cross.
    std::uint32_t first_ipo = 0;
    std::uint32_t ipos = 0;

    [[nodiscard]] bool is_ipo(std::uint32_t symbol) const noexcept { return symbol - first_ipo < ipos; }
};

/// Some books are crossed before the open; a sixteenth of them.
constexpr bool crosses_early(std::uint32_t symbol) noexcept { return symbol % 16 == 3; }

/// `rare`: also what happens to a few symbols only: halts, an IPO, a broken trade. `all`: also what happens on hardly
/// any day, and an occurrence of each type whatever the flow brings.
inline Program make_program(std::uint32_t symbols, bool rare, bool all, nanobook::detail::Random& random) {
    Program program;
    const auto at = [&program](std::uint64_t time, Happening what, char detail = ' ', std::uint32_t symbol = 0,
                               std::string_view reason = "") {
        const auto number = static_cast<std::uint32_t>(program.events.size());
        program.events.push_back({time, number, what, detail, symbol, reason});
        program.messages += what == Happening::showcase ? showcase_cost : 1;
    };
    const auto within = [&random](std::uint64_t span) { return random.below(1'000'000) * (span / 1'000'000); };

    // A day of few symbols has no room for one that trades only from ten o'clock.
    if (rare && (symbols >= 8 || all)) {
        program.ipos = std::min(symbols, 1 + std::min(symbols / 4'000, 3U));
        program.first_ipo = std::min(30U, symbols - program.ipos);
    }

    at(clock_time(3) + within(minute), Happening::system_event, 'O');
    at(clock_time(4), Happening::system_event, 'S');
    at(clock_time(7) + within(minute), Happening::decline_levels);
    // Books that are crossed are uncrossed before market hours begin, and all others a little later.
    for (std::uint32_t i = 0; i < symbols; ++i) {
        if (crosses_early(i) && !program.is_ipo(i)) at(clock_time(9, 30), Happening::cross, 'O', i);
    }
    at(clock_time(9, 30), Happening::system_event, 'Q');
    for (std::uint32_t i = 0; i < symbols; ++i) {
        const std::uint64_t opening = clock_time(9, 30) + 1'000 + within(2 * second);
        if (!crosses_early(i) && !program.is_ipo(i)) at(opening, Happening::cross, 'O', i);
        at(clock_time(16) + 1'000 + within(3 * second), Happening::cross, 'C', i);
    }
    at(clock_time(16), Happening::system_event, 'M');
    at(clock_time(20), Happening::system_event, 'E');
    at(clock_time(20, 5), Happening::system_event, 'C');

    // A halt ends with quotation, an auction, and trading at once.
    const auto resume = [&](std::uint64_t quotation, std::uint64_t trading, std::uint32_t symbol,
                            std::string_view quotation_reason, std::string_view trading_reason) {
        at(quotation, Happening::trading_action, 'Q', symbol, quotation_reason);
        at((quotation + trading) / 2, Happening::imbalance, 'H', symbol);
        at(trading, Happening::cross, 'H', symbol);
        at(trading, Happening::trading_action, 'T', symbol, trading_reason);
    };
    if (rare) {
        for (std::uint32_t k = 0; k < program.ipos; ++k) {
            const std::uint32_t symbol = program.first_ipo + k;
            at(clock_time(8) + within(minute), Happening::ipo_quoting, 'A', symbol);
            if (k == 0) at(clock_time(9, 58) + within(minute), Happening::direct_listing, ' ', symbol);
            const std::uint64_t released = clock_time(10, 15) + k * minute;
            resume(released - 15 * minute, released, symbol, "IPOQ", "IPOE");
        }
        // Halts have sixteen minutes each: two never overlap, even where they meet the same symbol.
        const std::uint32_t pairs = std::clamp(symbols / 1'000, 1U, 8U);
        for (std::uint32_t k = 0; k < pairs; ++k) {
            const std::uint32_t paused = (20 + 7 * k) % symbols;
            const std::uint64_t pause = clock_time(10, 40) + std::uint64_t{32} * k * minute + within(3 * minute);
            at(pause, Happening::trading_action, 'P', paused, "LUDP");
            at(pause, Happening::auction_collar, ' ', paused);
            resume(pause + 30 * second, pause + 5 * minute, paused, "LUDP", "LUDP");
            const std::uint32_t halted = (53 + 11 * k) % symbols;
            const std::uint64_t halt = pause + 16 * minute;
            at(halt, Happening::trading_action, 'H', halted, "T1");
            resume(halt + 6 * minute, halt + 11 * minute, halted, "T3", "R1");
        }
        const std::uint32_t operational = 5 % symbols;
        at(clock_time(11, 7), Happening::operational_halt, 'H', operational);
        at(clock_time(11, 9), Happening::operational_halt, 'T', operational);
        at(clock_time(13, 30) + within(minute), Happening::broken_trade);
    }
    if (all) {
        at(clock_time(3, 55), Happening::market_maker);
        at(clock_time(10, 25), Happening::showcase);
        at(clock_time(14, 20), Happening::decline_status, '1');
    }

    std::sort(program.events.begin(), program.events.end(),
              [](const Event& a, const Event& b) { return std::tie(a.time, a.number) < std::tie(b.time, b.number); });
    return program;
}

}  // namespace nanobook::itch::synthetic
