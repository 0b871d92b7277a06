// ITCH: messages as records, and what reads a stream of bytes. Files, gzip and the comfort are Python (itch.py).
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/mapped_file.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/reader.hpp>
#include <nanobook/itch/replay.hpp>
#include <nanobook/itch/summary.hpp>
#include <nanobook/itch/synthetic_day.hpp>

#include "arguments.hpp"
#include "bind.hpp"
#include "files.hpp"
#include "itch_feeding.hpp"
#include "itch_tables.hpp"
#include "itch_text.hpp"
#include "total_caster.hpp"

namespace nb = nanobind;
namespace itch = nanobook::itch;
using namespace nb::literals;
using nanobook::Side;
using nanobook::Symbol;

namespace {

nb::str to_python(char value) { return text({&value, 1}); }
template <std::size_t Size>
nb::str to_python(const itch::Text<Size>& value) {
    return text(value.view());
}
// An integer field as the integer it stands for.
template <class Field>
typename Field::value_type to_python(const Field& value) {
    return value;
}

// ---------------------------------------------------------------------- messages

// The same field means the same in every message.
const char* doc_of(std::string_view field) {
    static const std::map<std::string_view, const char*> docs{
        {"action", "What happened: see the message."},
        {"attribution", "The market participant whose order it is."},
        {"authenticity", "P production, T test."},
        {"cross_type", "O opening, C closing, H halt or IPO, A extended trading close."},
        {"direction", "Side of the imbalance: B S N (none) O (too few orders) P (paused)."},
        {"eligibility", "Y or N: may the security be released for trading."},
        {"etp_flag", "Exchange-traded product: Y N."},
        {"etp_leverage", "Leverage factor of the exchange-traded product."},
        {"event", "O S Q M E C: start of messages, system hours, market hours; and their ends."},
        {"extension", "Number of extensions of the auction."},
        {"far", "Far indicative clearing price, 4 decimals."},
        {"financial_status", "D deficient, E delinquent, Q bankrupt, S suspended, N normal, ..."},
        {"imbalance", "Shares not paired."},
        {"interest", "Retail interest: B S A (both) N (none)."},
        {"inverse", "Y or N."},
        {"ipo_flag", "Y N or blank."},
        {"issue_classification", "C common stock, Q exchange-traded fund, ..."},
        {"issue_subtype", "Two letters."},
        {"level", "Breached level: 1 2 3."},
        {"level1", "Level 1, 8 decimals."},
        {"level2", "Level 2, 8 decimals."},
        {"level3", "Level 3, 8 decimals."},
        {"lower", "Lower bound, 4 decimals."},
        {"luld_tier", "1 2 or blank."},
        {"market", "Q Nasdaq, B BX, X PSX."},
        {"market_category", "Q G S Nasdaq tiers, N NYSE, A American, P Arca, Z BATS, V IEX."},
        {"match", "Match number of the execution."},
        {"max", "Upper price of the range, 4 decimals."},
        {"min", "Lower price of the range, 4 decimals."},
        {"mode", "Market maker mode: N P S R L."},
        {"mpid", "The market participant."},
        {"near", "Near indicative clearing price, 4 decimals."},
        {"near_time", "Nanoseconds since midnight."},
        {"new_ref", "Reference of the order that replaces."},
        {"old_ref", "Reference of the order that is replaced."},
        {"paired", "Shares paired at the reference price."},
        {"price", "Price, an integer of 4 decimals: 1500000 is $150.00."},
        {"primary", "Primary market maker: Y N."},
        {"printable", "Y, or N where a cross prints the shares again."},
        {"qualifier", "A anticipated release time, C cancelled."},
        {"reason", "Four letters."},
        {"ref", "Order reference, unique for the day."},
        {"reference", "Reference price, 4 decimals."},
        {"release_time", "Seconds since midnight."},
        {"reserved", "Reserved."},
        {"round_lot_size", "Shares in a round lot."},
        {"round_lots_only", "Y N."},
        {"shares", "Shares."},
        {"short_sale_threshold", "Y N or blank."},
        {"side", "B buy, S sell."},
        {"state", "State: see the message."},
        {"stock", "The symbol, without padding."},
        {"upper", "Upper bound, 4 decimals."},
        {"variation", "Price variation indicator."},
    };
    return docs.at(field);
}

template <class Message, class F>
void for_each_field(const Message& message, F&& f) {
    f("type", to_python(message.type));
    f("locate", to_python(message.locate));
    f("tracking", to_python(message.tracking));
    f("timestamp", to_python(message.timestamp));
    std::apply([&](const auto&... field) { (f(field.name, to_python(message.*(field.member))), ...); },
               Message::fields());
}

nb::dict dict_of(const itch::Header&) { return {}; }
template <class Message>
    requires(requires { Message::code; })
nb::dict dict_of(const Message& message) {
    nb::dict dict;
    for_each_field(message, [&](const char* field, const auto& value) { dict[field] = value; });
    return dict;
}

template <class Message>
void bind_message(nb::module_& m, const char* name, const char* doc) {
    auto record = nb::class_<Message, itch::Header>(m, name, doc);
    std::apply(
        [&](const auto&... field) {
            (record.def_prop_ro(
                 field.name, [member = field.member](const Message& message) { return to_python(message.*member); },
                 doc_of(field.name)),
             ...);
        },
        Message::fields());
    record
        .def("__bytes__",
             [](const Message& message) { return nb::bytes(reinterpret_cast<const char*>(&message), sizeof(Message)); })
        .def("__hash__",
             [](const Message& message) {
                 return std::hash<std::string_view>{}({reinterpret_cast<const char*>(&message), sizeof(Message)});
             })
        .def(
            "__eq__", [](const Message& a, const Message& b) { return std::memcmp(&a, &b, sizeof(Message)) == 0; },
            nb::is_operator(), nb::sig("def __eq__(self, other: object, /) -> bool"))
        .def("__repr__", [name](const Message& message) {
            std::string repr(name);
            const char* separator = "(";
            for_each_field(message, [&](const char* field, const auto& value) {
                if (std::string_view(field) == "type" || std::string_view(field) == "tracking") return;
                repr += separator + std::string(field) + "=" + nb::cast<std::string>(nb::repr(nb::cast(value)));
                separator = ", ";
            });
            return repr + ")";
        });
}

void bind_messages(nb::module_& m) {
    nb::class_<itch::Header>(m, "Message", "What every ITCH message begins with.")
        .def_prop_ro(
            "type", [](const itch::Header& h) { return to_python(h.type); }, "The type byte, as a character.")
        .def_prop_ro(
            "locate", [](const itch::Header& h) { return h.locate.value(); }, "Names the symbol for one day.")
        .def_prop_ro(
            "tracking", [](const itch::Header& h) { return h.tracking.value(); }, "Nasdaq's tracking number.")
        .def_prop_ro(
            "timestamp", [](const itch::Header& h) { return h.timestamp.value(); },
            "Nanoseconds since midnight, US/Eastern.")
        .def(
            "as_dict",
            [](const itch::Header& message) {
                return itch::visit(message, [](const auto& typed) { return dict_of(typed); });
            },
            nb::sig("def as_dict(self) -> dict[str, int | str]"), "Every field by name.");

    bind_message<itch::SystemEvent>(m, "SystemEvent", "S: the day's phases.");
    bind_message<itch::StockDirectory>(m, "StockDirectory", "R: names the symbol of a locate.");
    bind_message<itch::TradingAction>(m, "TradingAction", "H: state H halted, P paused, Q quotation only, T trading.");
    bind_message<itch::RegSho>(m, "RegSho", "Y: action 0 none, 1 restricted since today, 2 still restricted.");
    bind_message<itch::MarketParticipantPosition>(m, "MarketParticipantPosition",
                                                  "L: state A E W S D of a market maker.");
    bind_message<itch::MwcbDeclineLevel>(m, "MwcbDeclineLevel", "V: the market-wide circuit breaker's levels.");
    bind_message<itch::MwcbStatus>(m, "MwcbStatus", "W: a circuit breaker level was breached.");
    bind_message<itch::IpoQuotingPeriod>(m, "IpoQuotingPeriod", "K: when an IPO is released for quotation.");
    bind_message<itch::LuldAuctionCollar>(m, "LuldAuctionCollar", "J: the price collar of an auction after a pause.");
    bind_message<itch::OperationalHalt>(m, "OperationalHalt", "h: action H halted, T lifted, on one market centre.");
    bind_message<itch::AddOrder>(m, "AddOrder", "A: an order rests at the tail of its level.");
    bind_message<itch::AddOrderMpid>(m, "AddOrderMpid", "F: as AddOrder, with the market participant.");
    bind_message<itch::OrderExecuted>(m, "OrderExecuted", "E: shares off an order, printed at its price.");
    bind_message<itch::OrderExecutedWithPrice>(m, "OrderExecutedWithPrice",
                                               "C: shares off an order, printed at another price.");
    bind_message<itch::OrderCancel>(m, "OrderCancel", "X: shares off an order, which keeps its place.");
    bind_message<itch::OrderDelete>(m, "OrderDelete", "D: erases an order.");
    bind_message<itch::OrderReplace>(m, "OrderReplace", "U: erases one order and appends another, as one change.");
    bind_message<itch::Trade>(m, "Trade", "P: an execution against a hidden order.");
    bind_message<itch::CrossTrade>(m, "CrossTrade", "Q: an auction's bulk print.");
    bind_message<itch::BrokenTrade>(m, "BrokenTrade", "B: takes an execution back.");
    bind_message<itch::Noii>(m, "Noii", "I: net order imbalance before an auction.");
    bind_message<itch::RetailPriceImprovement>(m, "RetailPriceImprovement", "N: retail interest.");
    bind_message<itch::DirectListing>(m, "DirectListing", "O: a direct listing with a capital raise.");
}

// ---------------------------------------------------------------------- what reads

/// Messages of some types and symbols, as records.
class Decoder {
  public:
    Decoder(const nb::str& types, const std::vector<nb::str>& symbols, bool strict)
        : reader_({strict}), symbols_(symbols_named(symbols)) {
        for (const char type : known_types(types)) wanted_[static_cast<unsigned char>(type)] = true;
    }

    nb::list feed(std::span<const std::byte> bytes) {
        nb::list records;
        reader_.feed_each(bytes, [&](const auto& message) { take(message, records); });
        return records;
    }

    void finish() { reader_.finish(); }
    [[nodiscard]] const itch::Reader& reader() const { return reader_; }

  private:
    void take(const itch::Header&, nb::list&) const {}

    template <class Message>
        requires(requires { Message::code; })
    void take(const Message& message, nb::list& records) {
        if (!symbols_.empty()) directory_.learn(message);
        if (!wanted_[static_cast<unsigned char>(Message::code)]) return;
        if (!symbols_.empty()) {
            const Symbol symbol = directory_[message.locate];
            if (std::find(symbols_.begin(), symbols_.end(), symbol) == symbols_.end()) return;
        }
        records.append(nb::cast(message));
    }

    itch::Reader reader_;
    std::vector<Symbol> symbols_;
    itch::Directory directory_;
    std::array<bool, 256> wanted_{};
};

void bind_report(nb::module_& m) {
    nb::class_<itch::Finding>(m, "Finding", "One odd thing in a stream.")
        .def_prop_ro(
            "oddity", [](const itch::Finding& f) { return itch::name_of(f.oddity); }, "Its kind.")
        .def_prop_ro(
            "type", [](const itch::Finding& f) { return f.type == 0 ? nb::str("") : to_python(f.type); },
            "Type of the message, or '' where the bytes do not reach it.")
        .def_ro("offset", &itch::Finding::offset, "Where the message's frame begins, in bytes.")
        .def_ro("number", &itch::Finding::number, "The reference, match number, length or byte count concerned.")
        .def("__str__", &itch::describe)
        .def("__repr__", [](const itch::Finding& f) { return "<Finding " + itch::describe(f) + ">"; });

    nb::class_<itch::Report>(m, "Report",
                             "What was odd about a stream: nothing odd is lost, and the first keeps its place.")
        .def(
            "counts",
            [](const itch::Report& report) {
                nb::dict counts;
                for (std::size_t kind = 0; kind < itch::oddity_count; ++kind) {
                    const auto oddity = static_cast<itch::Oddity>(kind);
                    if (report.count(oddity) == 0) continue;
                    nb::dict types;
                    for (std::size_t byte = 0; byte < 256; ++byte) {
                        const char type = static_cast<char>(byte);
                        const std::uint64_t count = report.count(oddity, type);
                        if (count > 0) types[type == 0 ? nb::str("") : to_python(type)] = count;
                    }
                    counts[nb::cast(itch::name_of(oddity))] = types;
                }
                return counts;
            },
            nb::sig("def counts(self) -> dict[str, dict[str, int]]"),
            "By kind, then by message type; empty where all was well.")
        .def(
            "count",
            [](const itch::Report& report, std::string_view oddity) {
                for (std::size_t kind = 0; kind < itch::oddity_count; ++kind) {
                    if (itch::oddity_names[kind] == oddity) return report.count(static_cast<itch::Oddity>(kind));
                }
                raise_value_error("no such oddity: '" + std::string(oddity) + "'");
            },
            "oddity"_a, "Of one kind, over all message types.")
        .def_prop_ro(
            "first", [](const itch::Report& report) { return report.first(); }, "The first odd thing, or None.")
        .def_prop_ro(
            "truncated_at", [](const itch::Report& report) { return report.truncated_at(); },
            "Where the message begins, in bytes, that the end of the stream cuts off; or None.")
        .def("__bool__", [](const itch::Report& report) { return report.first().has_value(); })
        .def("__repr__", [](const itch::Report& report) {
            if (!report.first()) return std::string("<Report: nothing odd>");
            return "<Report: first " + itch::describe(*report.first()) + ">";
        });
}

const itch::Listing& listing_of(const MarketReplay& replay, const nb::str& symbol) {
    const itch::Listing* listing = replay.find(latin1(symbol));
    if (listing == nullptr) {
        const std::string message = "no book of symbol '" + std::string(symbol.c_str()) + "'";
        throw nb::key_error(message.c_str());
    }
    return *listing;
}

nb::object price_or_none(std::uint32_t price) { return price == 0 ? nb::none() : nb::object(nb::int_(price)); }

void bind_replay(nb::module_& m) {
    using Replay = MarketReplay;
    auto replay =
        nb::class_<Replay>(m, "Replay", "Messages to the books of all symbols, or of some. Nothing is matched.");
    replay.def(
        "__init__",
        [](Replay* self, const std::vector<nb::str>& symbols, std::optional<std::uint64_t> until, bool strict) {
            new (self) Replay({symbols_named(symbols), until, strict});
        },
        "symbols"_a = std::vector<nb::str>(), "until"_a = nb::none(), "strict"_a = false);
    def_feeding<decltype(replay), Replay>(replay);
    def_reporting<decltype(replay), Replay>(replay);
    replay
        .def(
            "best_bid_ask",
            [](const Replay& self, const nb::str& symbol) {
                const itch::Listing& listing = listing_of(self, symbol);
                const auto price = [&](Side side) -> std::optional<nanobook::Price> {
                    const auto best = listing.book.ladder(side).best();
                    if (best == nanobook::no_level) return std::nullopt;
                    return self.levels()[best].price;
                };
                return nb::make_tuple(price(Side::buy), price(Side::sell));
            },
            nb::sig("def best_bid_ask(self, symbol: str) -> tuple[int | None, int | None]"), "symbol"_a,
            "Prices of the best bid and ask, 4 decimals; None for an empty side. KeyError for an unknown symbol.")
        .def(
            "depth",
            [](const Replay& self, const nb::str& symbol, std::size_t n) {
                return listing_of(self, symbol).book.snapshot(self.levels(), n);
            },
            "symbol"_a, "n"_a = 10, "The best `n` levels a side. KeyError for an unknown symbol.")
        .def(
            "orders",
            [](const Replay& self, const nb::str& symbol) {
                const itch::Listing& listing = listing_of(self, symbol);
                nb::list orders;
                for (const Side side : {Side::buy, Side::sell}) {
                    listing.book.for_each_order(self.levels(), side, self.orders(), [&](auto ref, const auto& level) {
                        orders.append(nb::make_tuple(ref, side == Side::buy ? "B" : "S", level.price,
                                                     self.orders().quantity_of(ref)));
                    });
                }
                return orders;
            },
            nb::sig("def orders(self, symbol: str) -> list[tuple[int, str, int, int]]"), "symbol"_a,
            "Every resting order (ref, side, price, shares): bids, then asks; best price first, then by arrival.")
        .def(
            "queue_ahead",
            [](const Replay& self, std::uint64_t ref) {
                if (self.orders().level_of(ref) == nanobook::no_level) {
                    const std::string message = "no order of reference " + std::to_string(ref) + " rests";
                    throw nb::key_error(message.c_str());
                }
                return nanobook::Book::queue_ahead(self.levels(), ref, self.orders());
            },
            "ref"_a, "Shares that rest before an order at its price. KeyError where it does not rest.")
        .def(
            "listings",
            [](const Replay& self) {
                nb::list rows;
                for (std::size_t locate = 0; locate < self.listings().size(); ++locate) {
                    const itch::Listing& listing = self.listings()[locate];
                    if (!listing.seen || !listing.selected) continue;
                    std::uint64_t orders = 0;
                    for (const Side side : {Side::buy, Side::sell}) {
                        const auto& ladder = listing.book.ladder(side);
                        for (std::size_t i = 0; i < ladder.size(); ++i) orders += self.levels()[ladder[i]].count;
                    }
                    rows.append(nb::make_tuple(text(listing.symbol.view()), locate, to_python(listing.state),
                                               listing.volume, listing.trades, price_or_none(listing.last_price),
                                               orders));
                }
                return rows;
            },
            nb::sig("def listings(self) -> list[tuple[str, int, str, int, int, int | None, int]]"),
            "Of every symbol, by locate: symbol, locate, state, volume, trades, last price, live orders.")
        .def_prop_ro("live_orders", &Replay::live_orders, "Resting orders, over all symbols.")
        .def_prop_ro("out_of_order_executions", &Replay::out_of_order_executions,
                     "Executions of an order that was not first in its queue.")
        .def_prop_ro("time", &Replay::time, "Of the last message applied, in nanoseconds since midnight.");
}

}  // namespace

void bind_itch(nb::module_& parent) {
    nb::module_ m = parent.def_submodule("itch", "The compiled part of nanobook.itch.");
    bind_messages(m);
    bind_report(m);

    nb::class_<itch::MappedFile>(m, "MappedFile", "A file's bytes, mapped into memory.")
        .def(
            "__init__",
            [](itch::MappedFile* self, const std::filesystem::path& path) {
                try {
                    new (self) itch::MappedFile(path);
                } catch (const std::system_error& error) {
                    raise_os_error(error, path);
                }
            },
            nb::sig("def __init__(self, path: str | os.PathLike[str]) -> None"), "path"_a,
            "OSError where the file is missing, a directory, or not readable.")
        .def("__len__", [](const itch::MappedFile& file) { return file.bytes().size(); });

    auto summary = nb::class_<itch::Summary>(m, "Summary", "One pass over a stream that builds no books.");
    summary.def(
        "__init__", [](itch::Summary* self, bool strict) { new (self) itch::Summary({strict}); }, "strict"_a = false);
    def_feeding<decltype(summary), itch::Summary>(summary);
    def_reporting<decltype(summary), itch::Summary>(summary);
    summary
        .def(
            "symbols",
            [](const itch::Summary& self) {
                nb::dict counts;
                for (std::size_t locate = 0; locate < self.directory().symbols().size(); ++locate) {
                    const Symbol symbol = self.directory().symbols()[locate];
                    if (symbol == Symbol{}) continue;
                    // One symbol may have had several locates.
                    const auto name = text(symbol.view());
                    const auto count = self.messages_of(static_cast<itch::Locate>(locate));
                    counts[name] = count + (counts.contains(name) ? nb::cast<std::uint64_t>(counts[name]) : 0);
                }
                return counts;
            },
            nb::sig("def symbols(self) -> dict[str, int]"), "Messages by symbol, in order of locate.")
        .def_prop_ro("first_time", &itch::Summary::first_time, "Of the first message, in nanoseconds since midnight.")
        .def_prop_ro("last_time", &itch::Summary::last_time, "Of the last message, in nanoseconds since midnight.");

    auto decoder = nb::class_<Decoder>(m, "Decoder", "Messages of some types and symbols, as records.");
    decoder
        .def(nb::init<const nb::str&, const std::vector<nb::str>&, bool>(), "types"_a, "symbols"_a, "strict"_a = false)
        .def(
            "feed", [](Decoder& self, const nb::bytes& chunk) { return self.feed(bytes_of(chunk)); },
            nb::sig("def feed(self, chunk: bytes) -> list[Message]"), "chunk"_a, "The records that `chunk` completes.")
        .def(
            "feed",
            [](Decoder& self, const itch::MappedFile& file, std::size_t begin, std::size_t size) {
                return self.feed(piece_of(file, begin, size));
            },
            nb::sig("def feed(self, file: MappedFile, begin: int, size: int) -> list[Message]"), "file"_a, "begin"_a,
            "size"_a, "The records in a piece of a mapped file.");
    def_reporting<decltype(decoder), Decoder>(decoder);

    bind_replay(m);

    m.def(
        "length_of_type",
        [](std::string_view type) -> int {
            return type.size() == 1 ? itch::length_of_type[static_cast<unsigned char>(type[0])] : 0;
        },
        "type"_a, "Bytes of a message of that type; 0 for a type unknown to ITCH 5.0.");
    m.def(
        "synthesize",
        [](const std::filesystem::path& path, std::uint64_t messages, std::uint32_t symbols, std::uint64_t seed,
           bool all_types, const std::optional<nb::callable>& progress) {
            std::optional<nb::python_error> raised;
            const auto report = [&](std::uint64_t written, std::uint64_t total) {
                const nb::gil_scoped_acquire acquire;
                try {
                    if (PyErr_CheckSignals() != 0) throw nb::python_error();
                    if (progress) (*progress)(written, total);
                    return true;
                } catch (nb::python_error& error) {
                    raised.emplace(std::move(error));
                    return false;
                }
            };
            try {
                const nb::gil_scoped_release release;
                itch::write_synthetic_day(
                    path, {.messages = messages, .symbols = symbols, .seed = seed, .all_types = all_types}, report);
            } catch (const std::system_error& error) {
                raise_os_error(error, path);
            }
            if (raised) throw std::move(*raised);
        },
        "path"_a, "messages"_a, "symbols"_a, "seed"_a, "all_types"_a = false, "progress"_a = nb::none(),
        nb::sig(
            "def synthesize(path: str | os.PathLike[str], messages: int, symbols: int, seed: int, all_types: bool = "
            "False, progress: "
            "collections.abc.Callable[[int, int], object] | None = None) -> None"),
        "Writes a synthetic day. ValueError where the numbers do not fit each other, OSError where the file cannot be\n"
        "written.");
}
