// What `nanobook itch filter` and `nanobook itch check` read a file with.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <nanobook/itch/encoder.hpp>
#include <nanobook/itch/filter.hpp>
#include <nanobook/itch/replay.hpp>
#include <nanobook/itch/truths.hpp>

#include "arguments.hpp"
#include "bind.hpp"
#include "itch_feeding.hpp"
#include "itch_text.hpp"

namespace nb = nanobind;
namespace itch = nanobook::itch;
using namespace nb::literals;

namespace {

/// What is chosen of the bytes fed, until it is taken.
class Filter {
  public:
    explicit Filter(itch::FilterOptions options) : filter_(std::move(options)) {}

    bool feed(std::span<const std::byte> bytes) { return filter_.feed(bytes, encoder_); }
    void finish() { filter_.finish(encoder_); }

    nb::bytes take() {
        const std::vector<std::byte> bytes = encoder_.take();
        return nb::bytes(bytes.data(), bytes.size());
    }
    [[nodiscard]] std::uint64_t written() const noexcept { return encoder_.count(); }
    [[nodiscard]] const itch::Reader& reader() const noexcept { return filter_.reader(); }
    [[nodiscard]] const itch::Directory& directory() const noexcept { return filter_.directory(); }

  private:
    itch::Filter filter_;
    itch::Encoder encoder_;
};

// Of each symbol that `value_of(locate)` says something of; added up where one had several locates.
template <class ValueOf>
nb::dict by_symbol(const itch::Replay<itch::Truths>& replay, ValueOf&& value_of) {
    nb::dict values;
    for (std::size_t locate = 0; locate < replay.listings().size(); ++locate) {
        const itch::Listing& listing = replay.listings()[locate];
        if (!listing.seen) continue;
        const std::optional<std::uint64_t> value = value_of(static_cast<itch::Locate>(locate), listing);
        if (!value) continue;
        const auto name = text(listing.symbol.view());
        values[name] = *value + (values.contains(name) ? nb::cast<std::uint64_t>(values[name]) : 0);
    }
    return values;
}

}  // namespace

void bind_itch_tools(nb::module_& parent) {
    nb::module_ m = parent.attr("itch");

    auto filter = nb::class_<Filter>(m, "Filter", "The messages chosen by type, symbol and time, as they were.");
    filter.def(
        "__init__",
        [](Filter* self, const nb::str& types, const std::vector<nb::str>& symbols, std::optional<std::uint64_t> start,
           std::optional<std::uint64_t> until,
           bool strict) { new (self) Filter({known_types(types), symbols_named(symbols), start, until, strict}); },
        "types"_a = "", "symbols"_a = std::vector<nb::str>(), "start"_a = nb::none(), "until"_a = nb::none(),
        "strict"_a = false);
    def_feeding<decltype(filter), Filter>(filter);
    def_reporting<decltype(filter), Filter>(filter);
    filter.def("take", &Filter::take, "What was chosen since the last call, framed; after finish() for the last time.")
        .def_prop_ro("written", &Filter::written, "Messages chosen.")
        .def(
            "symbols",
            [](const Filter& self) {
                nb::list names;
                for (const nanobook::Symbol symbol : self.directory().symbols()) {
                    if (symbol != nanobook::Symbol{}) names.append(text(symbol.view()));
                }
                return names;
            },
            nb::sig("def symbols(self) -> list[str]"),
            "The symbols that the stream named, in order of locate; none where all are wanted.");

    using Truths = itch::Replay<itch::Truths>;
    auto truths = nb::class_<Truths>(m, "Truths", "A replay that watches what is true of every whole day.");
    truths.def(
        "__init__", [](Truths* self, bool strict) { new (self) Truths({.strict = strict}); }, "strict"_a = false);
    def_feeding<decltype(truths), Truths>(truths);
    def_reporting<decltype(truths), Truths>(truths);
    truths.def_prop_ro("live_orders", &Truths::live_orders, "Resting orders, over all symbols.")
        .def_prop_ro(
            "peak_live_orders", [](const Truths& self) { return self.observer().peak_live_orders(); },
            "The most orders that rested at any time.")
        .def_prop_ro(
            "market_opened", [](const Truths& self) { return self.observer().market_opened(); },
            "The event Q was seen.")
        .def_prop_ro(
            "messages_ended", [](const Truths& self) { return self.observer().messages_ended(); },
            "The event C was seen.")
        .def_prop_ro(
            "first_crossed",
            [](const Truths& self) -> nb::object {
                const auto& first = self.observer().first_crossed();
                if (!first) return nb::none();
                return nb::make_tuple(text(self.listings()[first->locate].symbol.view()), first->since, first->bid,
                                      first->ask);
            },
            nb::sig("def first_crossed(self) -> tuple[str, int, int, int] | None"),
            "The first book that was crossed while it should not: symbol, since when, bid, ask; or None.")
        .def(
            "crossed",
            [](const Truths& self) {
                return by_symbol(self, [&](itch::Locate locate, const itch::Listing&) -> std::optional<std::uint64_t> {
                    const std::uint64_t spells = self.observer().crossed_spells(locate);
                    return spells > 0 ? std::optional(spells) : std::nullopt;
                });
            },
            nb::sig("def crossed(self) -> dict[str, int]"), "How often, by symbol.")
        .def(
            "volumes",
            [](const Truths& self) {
                return by_symbol(
                    self, [](itch::Locate, const itch::Listing& listing) { return std::optional(listing.volume); });
            },
            nb::sig("def volumes(self) -> dict[str, int]"), "Shares printed, by symbol, in order of locate.")
        .def(
            "closing_prices",
            [](const Truths& self) {
                nb::dict prices;
                for (std::size_t locate = 0; locate < self.listings().size(); ++locate) {
                    const auto price = self.observer().closing_price(static_cast<itch::Locate>(locate));
                    if (price) prices[text(self.listings()[locate].symbol.view())] = *price;
                }
                return prices;
            },
            nb::sig("def closing_prices(self) -> dict[str, int]"),
            "Price of the closing cross, 4 decimals, of each symbol that had one with shares.");
}
