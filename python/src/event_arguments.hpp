// Arguments that describe events.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>

#include <cstdint>
#include <optional>
#include <vector>

#include <nanobook/exchange/event.hpp>

#include "arguments.hpp"

/// A trail as three arguments give it: a value that no trail has raises ValueError where it has no room in one, and is
/// for `check` else.
[[nodiscard]] nanobook::TrailMethod to_trail(Word<nanobook::TrailKind> type, nanobind::handle value,
                                             const std::optional<Whole<std::uint32_t>>& period);

/// Any iterable of events, or of (symbol, event). TypeError names the item that is none.
[[nodiscard]] std::vector<nanobook::Event> to_events(nanobind::handle events);

/// The default of a time in force: found by its address.
[[nodiscard]] inline nanobind::object gtc() {
    return nanobind::borrow(WordsOf<nanobook::TimeInForce>::words.interned[0]);
}

/// The symbol of an exchange that is told these events: its own, or else that of the first that names one. ValueError
/// where they are for several.
[[nodiscard]] nanobook::Symbol symbol_of(const std::vector<nanobook::Event>& events, nanobook::Symbol symbol);
