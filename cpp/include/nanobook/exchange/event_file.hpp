// What the two forms of a file of events, JSON lines and the journal, have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/exchange/event.hpp>
#include <nanobook/exchange/validation.hpp>

namespace nanobook {

/// What a file says of all its events: with it a replay starts from the exchange that logged them.
struct EventFileHeader {
    static constexpr std::uint32_t max_price_scale = 18;

    Symbol symbol = {};              ///< empty where the events name theirs, or nobody does
    std::uint32_t max_rounds = 100;  ///< of stops that fire stops
    /// Decimals of a price: 2 where its unit is a cent, 4 in ITCH. At most 18; none where nobody said.
    std::optional<std::uint32_t> price_scale = {};

    friend bool operator==(const EventFileHeader&, const EventFileHeader&) = default;
};

namespace detail {

[[nodiscard]] inline bool is_plain(const Symbol& symbol) noexcept { return Symbol::parse(symbol.view()) == symbol; }

/// Why a header cannot be kept in a file, empty where it can.
[[nodiscard]] inline std::string fault_of(const EventFileHeader& header) {
    if (!is_plain(header.symbol)) return "the symbol is not printable ASCII";
    if (header.price_scale > EventFileHeader::max_price_scale) {
        return "price scale is " + std::to_string(*header.price_scale) + "; it must be at most " +
               std::to_string(EventFileHeader::max_price_scale);
    }
    return {};
}

/// Why an exchange would refuse the event, or why it is none at all; empty where it is fit to be kept.
[[nodiscard]] inline std::string fault_of(const Event& event) {
    if (static_cast<std::size_t>(event.kind) >= event_kinds) return "the kind is none of those of an event";
    if (event.side > Side::sell) return "the side is neither buy nor sell";
    if (event.time_in_force > TimeInForce::fok) return "the time in force is none of gtc, ioc and fok";
    if (event.trail_kind > TrailKind::atr) return "the trail is none of fixed, percentage and atr";
    if (!is_plain(event.symbol)) return "the symbol is not printable ASCII";
    const InputError error = check(event);
    return error == InputError::none ? std::string() : describe(error, event);
}

}  // namespace detail
}  // namespace nanobook
