// The exchange, and one a symbol.
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include <nanobook/exchange/event_json.hpp>
#include <nanobook/exchange/exchange.hpp>
#include <nanobook/exchange/image.hpp>
#include <nanobook/exchange/journal.hpp>
#include <nanobook/exchange/multi_exchange.hpp>

#include "arguments.hpp"
#include "batch.hpp"
#include "bind.hpp"
#include "busy.hpp"
#include "event_arguments.hpp"
#include "event_source.hpp"
#include "exchange_objects.hpp"
#include "files.hpp"
#include "total_caster.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using nanobook::Event;
using nanobook::Exchange;
using nanobook::ExchangeOptions;
using nanobook::MultiExchange;
using nanobook::OrderId;
using nanobook::Price;
using nanobook::Quantity;
using nanobook::Side;
using nanobook::TimeInForce;
using nanobook::TrailKind;

namespace {

// ---------------------------------------------------------------------- results

std::uint32_t scale_of(const Exchange& exchange) { return exchange.options().price_scale; }

// Everything one may call is checked here, and then goes the one way that every input goes.
[[noreturn]] void refuse(const Event& event) { raise_value_error(nanobook::describe(nanobook::check(event), event)); }

struct ToPython {
    std::uint32_t scale;

    nb::object operator()(const nanobook::SubmitResult& r) const { return nb::cast(SubmitResultObject(r, scale)); }
    nb::object operator()(const nanobook::CancelResult& r) const { return nb::cast(r); }
    nb::object operator()(const nanobook::ModifyResult& r) const { return nb::cast(ModifyResultObject(r, scale)); }
    nb::object operator()(const nanobook::StopSubmitResult& r) const {
        return nb::cast(StopSubmitResultObject(r, scale));
    }
    nb::object operator()(const nanobook::PrintResult& r) const { return nb::cast(PrintResultObject(r, scale)); }
};

SubmitResultObject submit_limit(Exchange& self, Word<Side> side, Whole<Price> price, Whole<Quantity> quantity,
                                Word<TimeInForce> tif) {
    const Side s = side.get("side");
    const Price p = price.get("price");
    const Quantity q = quantity.get("quantity");
    const TimeInForce t = tif.get("tif");
    const auto result = self.try_submit_limit(s, p, q, t);
    if (!result) [[unlikely]]
        refuse(Event::submit_limit(s, p, q, t));
    return {*result, scale_of(self)};
}

SubmitResultObject submit_market(Exchange& self, Word<Side> side, Whole<Quantity> quantity) {
    const Side s = side.get("side");
    const Quantity q = quantity.get("quantity");
    const auto result = self.try_submit_market(s, q);
    if (!result) [[unlikely]]
        refuse(Event::submit_market(s, q));
    return {*result, scale_of(self)};
}

ModifyResultObject modify(Exchange& self, Whole<OrderId> id, Whole<Price> new_price, Whole<Quantity> new_quantity) {
    const OrderId i = id.get("order id");
    const Price p = new_price.get("new price");
    const Quantity q = new_quantity.get("new quantity");
    const auto result = self.try_modify(i, p, q);
    if (!result) [[unlikely]]
        refuse(Event::modify(i, p, q));
    return {*result, scale_of(self)};
}

StopSubmitResultObject submit_stop(Exchange& self, const Event& event) {
    if (nanobook::check(event) != nanobook::InputError::none) refuse(event);
    return {std::get<nanobook::StopSubmitResult>(self.apply(event)), scale_of(self)};
}

// The same event for an exchange of its own and for one of several.
Event stop_market(Word<Side> side, Whole<Price> stop, Whole<Quantity> quantity) {
    return Event::submit_stop_market(side.get("side"), stop.get("stop price"), quantity.get("quantity"));
}
Event stop_limit(Word<Side> side, Whole<Price> stop, Whole<Price> limit, Whole<Quantity> quantity,
                 Word<TimeInForce> tif) {
    return Event::submit_stop_limit(side.get("side"), stop.get("stop price"), limit.get("limit price"),
                                    quantity.get("quantity"), tif.get("tif"));
}
Event trailing_stop_market(Word<Side> side, Whole<Price> stop, Whole<Quantity> quantity, Word<TrailKind> trail_type,
                           nb::handle trail_value, const std::optional<Whole<std::uint32_t>>& atr_period) {
    return Event::submit_trailing_stop_market(side.get("side"), stop.get("initial stop price"),
                                              quantity.get("quantity"), to_trail(trail_type, trail_value, atr_period));
}
Event trailing_stop_limit(Word<Side> side, Whole<Price> stop, Whole<Price> limit, Whole<Quantity> quantity,
                          Word<TrailKind> trail_type, nb::handle trail_value, Word<TimeInForce> tif,
                          const std::optional<Whole<std::uint32_t>>& atr_period) {
    return Event::submit_trailing_stop_limit(side.get("side"), stop.get("initial stop price"), limit.get("limit price"),
                                             quantity.get("quantity"), to_trail(trail_type, trail_value, atr_period),
                                             tif.get("tif"));
}

// ---------------------------------------------------------------------- replay

// Stops between two pieces where the user wants to. Lets other threads run if they cannot see the book yet.
template <class Book>
void replay_into(Book& book, std::span<const Event> events, bool is_shared = false) {
    constexpr std::size_t piece = 1 << 17;  // some 10 ms; 40 of many symbols
    while (!events.empty()) {
        const auto now = events.first(std::min(piece, events.size()));
        {
            std::optional<nb::gil_scoped_release> released;
            if (!is_shared) released.emplace();
            book.apply_all(now);
        }
        events = events.subspan(now.size());
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
    }
}

nb::object apply(Exchange& self, const Event& event) {
    self.set_symbol(symbol_of({event}, self.options().symbol));
    return std::visit(ToPython{scale_of(self)}, self.apply(event));
}

void apply_events(Exchange& self, nb::handle events) {
    if (auto source = to_event_source(events)) {
        self.set_symbol(symbol_of(*source, events, self.options().symbol));
        return replay_into(self, std::move(source), true);
    }
    const std::vector<Event> list = to_events(events);
    self.set_symbol(symbol_of(list, self.options().symbol));
    replay_into(self, list, true);
}

ExchangeOptions options(std::string_view symbol, std::uint32_t max_rounds, std::uint32_t price_scale) {
    if (price_scale > nanobook::EventFileHeader::max_price_scale) {
        raise_value_error("price scale is " + std::to_string(price_scale) + "; it must be at most 18");
    }
    return {to_symbol(symbol), max_rounds, price_scale};
}

ExchangeOptions options(std::string_view symbol, Whole<std::uint32_t> max_rounds, Whole<std::uint32_t> price_scale) {
    return options(symbol, max_rounds.get("max rounds", 0), price_scale.get("price scale", 0));
}

// ITCH says what its prices are; of a list of events nobody knows.
ExchangeOptions options(const EventSource* source, std::string_view symbol, Whole<std::uint32_t> max_rounds,
                        const std::optional<Whole<std::uint32_t>>& price_scale) {
    ExchangeOptions wanted = options(symbol, max_rounds.get("max rounds", 0),
                                     source != nullptr ? source->price_scale() : ExchangeOptions{}.price_scale);
    if (!price_scale) return wanted;
    const std::uint32_t scale = price_scale->get("price scale", 0);
    if (source != nullptr && scale != source->price_scale()) {
        raise_value_error("price scale is " + std::to_string(scale) + ", but the prices of the events have " +
                          std::to_string(source->price_scale()) + " decimals");
    }
    return options(symbol, wanted.max_rounds, scale);
}

Exchange replay_one(nb::handle events, std::string_view symbol, Whole<std::uint32_t> max_rounds,
                    const std::optional<Whole<std::uint32_t>>& price_scale) {
    auto source = to_event_source(events);
    ExchangeOptions wanted = options(source.get(), symbol, max_rounds, price_scale);
    if (source) {
        if (const auto only = source->only_symbol()) wanted.symbol = symbol_of(*only, wanted.symbol);
        Exchange exchange(wanted);
        replay_into(exchange, std::move(source));
        return exchange;
    }
    const std::vector<Event> list = to_events(events);
    wanted.symbol = symbol_of(list, wanted.symbol);
    Exchange exchange(wanted);
    replay_into(exchange, list);
    return exchange;
}

// ---------------------------------------------------------------------- files

nanobook::EventFileHeader header_of(const Exchange& exchange) {
    const ExchangeOptions& options = exchange.options();
    return {options.symbol, options.max_rounds, options.price_scale};
}

ExchangeOptions options_of(const nanobook::EventFileHeader& header) {
    return {header.symbol, header.max_rounds, header.price_scale.value_or(ExchangeOptions{}.price_scale)};
}

void save(const Exchange& self, const std::filesystem::path& path) {
    if (!self.log().complete()) {
        raise_value_error(
            "the log does not hold every event, because it was switched off: pickle the exchange instead");
    }
    with_file(path, [&] { nanobook::save_events(path, header_of(self), self.events()); });
}

Exchange load(const std::filesystem::path& path) {
    const nanobook::EventFile file = with_file(path, [&] { return nanobook::load_events(path); });
    ExchangeOptions options = options_of(file.header);
    options.symbol = symbol_of(file.events, options.symbol);
    Exchange exchange(options);
    replay_into(exchange, file.events);
    return exchange;
}

nb::bytes to_bytes(const std::vector<std::byte>& image) { return nb::bytes(image.data(), image.size()); }
Exchange from_bytes(const nb::bytes& image) {
    return nanobook::from_image({static_cast<const std::byte*>(image.data()), image.size()});
}

// A journal could not be written.
struct JournalWriteError : std::system_error {
    JournalWriteError(const std::system_error& error, std::filesystem::path file)
        : std::system_error(error), path(std::move(file)) {}

    std::filesystem::path path;
};

// An exchange whose every event is in a journal before anything is done about it.
class JournaledExchange : public Exchange {
  public:
    static std::unique_ptr<JournaledExchange> open(const std::filesystem::path& path,
                                                   std::optional<ExchangeOptions> wanted, std::size_t flush_every,
                                                   bool repair) {
        nanobook::JournalOptions options;
        if (wanted) {
            options.header = nanobook::EventFileHeader{wanted->symbol, wanted->max_rounds, wanted->price_scale};
        }
        options.flush_every = flush_every;
        options.repair = repair;
        std::vector<Event> events;
        auto journal = with_file(path, [&] {
            return nanobook::Journal::open(path, options, [&](const Event& event) { events.push_back(event); });
        });
        auto exchange = std::make_unique<JournaledExchange>(options_of(journal.header()));
        replay_into<Exchange>(*exchange, events);
        exchange->sink_.journal.emplace(std::move(journal));
        exchange->log().set_sink(&exchange->sink_);
        return exchange;
    }

    explicit JournaledExchange(const ExchangeOptions& options) : Exchange(options) {}

    // Of a closed one there is nothing to tell.
    [[nodiscard]] nanobook::Journal& journal() { return sink_.get(); }
    void flush() {
        with_file(journal().path(), [&] { journal().flush(); });
    }
    void sync() {
        with_file(journal().path(), [&] {
            const nb::gil_scoped_release released;
            journal().sync();
        });
    }
    void close() {
        if (!sink_.journal) return;
        flush();
        sink_.journal.reset();
    }

  private:
    struct Sink : nanobook::EventSink {
        std::optional<nanobook::Journal> journal;

        nanobook::Journal& get() {
            if (!journal) throw nanobook::JournalError("the journal is closed");
            return *journal;
        }
        // Perhaps without the GIL: what goes wrong is told to Python later.
        void on_event(const Event& event) override {
            try {
                get().append(event);
            } catch (const std::system_error& error) {
                throw JournalWriteError(error, get().path());
            }
        }
    };

    Sink sink_;
};

// Without the journal, which has one writer.
Exchange plain_copy(const JournaledExchange& self) { return nanobook::from_image(nanobook::to_image(self)); }

// ---------------------------------------------------------------------- the classes

constexpr const char* stop_doc =
    "A stop order that becomes a market order when the last trade price is at or above its stop price (buy), at or "
    "below it (sell). It fires at once where that holds already.";
constexpr const char* trailing_doc =
    "A stop order that becomes a market order. Its stop price follows the best price since its submission at a "
    "distance, and only ever gets tighter.\n\n"
    "`trail_type` \"fixed\": `trail_value` price units; \"percentage\": that fraction of the best price (0.05 is 5 %), "
    "rounded half away from zero; \"atr\": trunc(trail_value x mean of the last `atr_period` absolute changes of the "
    "last trade price, one after each matched order, counted from the exchange's first trade). That is a mean absolute "
    "change of trade prices, not Wilder's average true range, which needs bars.\n"
    "It never fires at its submission. ValueError for a value that is NaN or not above 0, or an ATR period of 0.";

void bind_one(nb::module_& m) {
    nb::class_<Exchange> one(
        m, "Exchange",
        "A limit order book of one symbol that matches orders by price, then arrival. Deterministic: equal inputs give "
        "equal ids, ticks, trades and books.\n\n"
        "Prices are integers in the smallest unit: cents, unless `price_scale` (decimals) says otherwise. Sides and "
        "times in force are words in any case. Bad input (a price or quantity of 0) is a ValueError, and takes no id; "
        "an unknown or finished order is an ordinary answer.");
    one.def(
           "__init__",
           [](Exchange* self, std::string_view symbol, Whole<std::uint32_t> max_rounds,
              Whole<std::uint32_t> price_scale, bool log_events) {
               new (self) Exchange(options(symbol, max_rounds, price_scale));
               self->log().enable(log_events);
           },
           "symbol"_a = "", nb::kw_only(), "max_rounds"_a = 100, "price_scale"_a = 2, "log_events"_a = true,
           "`max_rounds` bounds how often stops may fire stops after one order. Without `log_events` it keeps no "
           "events.")
        // ---- orders
        .def("submit_limit", &submit_limit, "side"_a, "price"_a, "quantity"_a, "tif"_a = gtc(),
             "A limit order: trades at `price` or better; the rest rests (\"gtc\"), is cancelled (\"ioc\"), or the "
             "order is refused unless all of it trades (\"fok\").")
        .def("submit_market", &submit_market, "side"_a, "quantity"_a,
             "Trades at any price; what is not filled is cancelled.")
        .def(
            "cancel", [](Exchange& self, Whole<OrderId> id) { return self.cancel(id.get("order id")); }, "order_id"_a,
            "Takes an order off the book, or a pending stop out of the way.")
        .def(
            "reduce",
            [](Exchange& self, Whole<OrderId> id, Whole<Quantity> quantity) {
                return self.reduce(id.get("order id"), quantity.get("quantity"));
            },
            "order_id"_a, "quantity"_a,
            "Takes `quantity` off an order, which keeps its priority; all of it, or more, is a cancel.")
        .def("modify", &modify, "order_id"_a, "new_price"_a, "new_quantity"_a,
             "Cancels an order and submits another of its side and time in force: a new id, priority lost. It may "
             "trade.")
        // ---- stops
        .def(
            "submit_stop_market",
            [](Exchange& self, Word<Side> side, Whole<Price> stop, Whole<Quantity> quantity) {
                return submit_stop(self, stop_market(side, stop, quantity));
            },
            "side"_a, "stop_price"_a, "quantity"_a, stop_doc)
        .def(
            "submit_stop_limit",
            [](Exchange& self, Word<Side> side, Whole<Price> stop, Whole<Price> limit, Whole<Quantity> quantity,
               Word<TimeInForce> tif) { return submit_stop(self, stop_limit(side, stop, limit, quantity, tif)); },
            "side"_a, "stop_price"_a, "limit_price"_a, "quantity"_a, "tif"_a = gtc(),
            "The same, but it becomes a limit order.")
        .def(
            "submit_trailing_stop_market",
            [](Exchange& self, Word<Side> side, Whole<Price> stop, Whole<Quantity> quantity, Word<TrailKind> type,
               nb::handle value, const std::optional<Whole<std::uint32_t>>& period) {
                return submit_stop(self, trailing_stop_market(side, stop, quantity, type, value, period));
            },
            nb::sig("def submit_trailing_stop_market(self, side: nanobook._enums.Side | str, initial_stop_price: int, "
                    "quantity: int, trail_type: nanobook._enums.TrailType | str, trail_value: float, "
                    "atr_period: int | None = None) -> StopSubmitResult"),
            "side"_a, "initial_stop_price"_a, "quantity"_a, "trail_type"_a, "trail_value"_a,
            "atr_period"_a = nb::none(), trailing_doc)
        .def(
            "submit_trailing_stop_limit",
            [](Exchange& self, Word<Side> side, Whole<Price> stop, Whole<Price> limit, Whole<Quantity> quantity,
               Word<TrailKind> type, nb::handle value, Word<TimeInForce> tif,
               const std::optional<Whole<std::uint32_t>>& period) {
                return submit_stop(self, trailing_stop_limit(side, stop, limit, quantity, type, value, tif, period));
            },
            nb::sig("def submit_trailing_stop_limit(self, side: nanobook._enums.Side | str, initial_stop_price: int, "
                    "limit_price: int, quantity: int, trail_type: nanobook._enums.TrailType | str, "
                    "trail_value: float, tif: nanobook._enums.TimeInForce | str = 'gtc', "
                    "atr_period: int | None = None) -> StopSubmitResult"),
            "side"_a, "initial_stop_price"_a, "limit_price"_a, "quantity"_a, "trail_type"_a, "trail_value"_a,
            "tif"_a = gtc(), "atr_period"_a = nb::none(),
            "The same, but it becomes a limit order, whose price does not move.")
        // ---- events
        .def("apply", &apply,
             nb::sig("def apply(self, event: Event) -> SubmitResult | CancelResult | ModifyResult | StopSubmitResult | "
                     "PrintResult"),
             "event"_a, "Does what an event says, and answers like the method of its kind.")
        .def("apply_all", &apply_events,
             nb::sig("def apply_all(self, events: collections.abc.Iterable[Event]) -> None"), "events"_a,
             "Applies events in order.")
        .def_static(
            "replay", &replay_one,
            nb::sig("def replay(events: collections.abc.Iterable[Event], symbol: str = '', *, max_rounds: int = 100, "
                    "price_scale: int | None = None) -> Exchange"),
            "events"_a, "symbol"_a = "", nb::kw_only(), "max_rounds"_a = 100, "price_scale"_a = nb::none(),
            "A new exchange to which all of the events happened. ValueError where they are for several "
            "symbols. parse_itch knows the price scale and the symbol; else it is 2 and that of the events.")
        .def(
            "events", [](const Exchange& self) { return EventSequence{self.log().events().snapshot()}; },
            "Every input so far, in order, whether or not it succeeded: a sequence; polars.DataFrame(ex.events()) "
            "makes "
            "a table.")
        .def_prop_rw(
            "log_events", [](const Exchange& self) { return self.log().enabled(); },
            [](Exchange& self, bool on) { self.log().enable(on); },
            "Whether events are kept. What comes while they are not is lost to `events`, `save` and replays.")
        // ---- files
        .def("save", &save, nb::sig("def save(self, path: str | os.PathLike[str]) -> None"), "path"_a,
             "Writes its events as JSON lines. The file appears under its name when it is whole and on the disk.")
        .def_static("load", &load, nb::sig("def load(path: str | os.PathLike[str]) -> Exchange"), "path"_a,
                    "The exchange that a file of events describes, with or without a header. ValueError names the line "
                    "that is wrong.")
        .def("__getstate__",
             [](nb::handle self) -> nb::object {
                 const nb::bytes image = to_bytes(nanobook::to_image(nb::cast<const Exchange&>(self)));
                 // Subclasses have attributes of their own.
                 if (!nb::hasattr(self, "__dict__")) return image;
                 return nb::make_tuple(image, self.attr("__dict__"));
             })
        .def("__setstate__",
             [](nb::pointer_and_handle<Exchange> self, const nb::object& state) {
                 const bool has_attributes = nb::isinstance<nb::tuple>(state);
                 new (self.p) Exchange(from_bytes(nb::cast<nb::bytes>(has_attributes ? nb::object(state[0]) : state)));
                 if (has_attributes) self.h.attr("__dict__").attr("update")(state[1]);
             })
        // ---- tables
        .def("submit_batch", &submit_batch, nb::sig("def submit_batch(self, frame: typing.Any) -> BatchResult"),
             "frame"_a,
             "Submits every row of a table of orders, in order, at the speed of the engine: any object with an Arrow "
             "stream, such as a Polars frame.\n\n"
             "Columns: side (text, categorical; or integers, 1 and -1 or 0 and 1 for buy and sell), price (integers; "
             "null for a market order; pandas needs its Int64 for that), quantity, and perhaps tif. Other columns are "
             "ignored. ValueError for a row that "
             "is no order; then nothing was submitted. Other threads run meanwhile.\n"
             "polars.DataFrame(result) has a row each: order_id, status, filled_quantity, resting_quantity, "
             "cancelled_quantity, error.")
        .def(
            "apply_batch", &apply_batch, nb::sig("def apply_batch(self, frame: typing.Any) -> BatchResult"), "frame"_a,
            "The same with every row of a table of events. Columns as polars.DataFrame(ex.events()) has them: kind, "
            "and "
            "what the kinds at hand need of side, price, stop_price, limit_price, quantity, tif, order_id, trail_type, "
            "trail_value, atr_period, match_number, matching, printable, symbol.")
        // ---- questions
        .def_prop_ro(
            "symbol", [](const Exchange& self) { return to_python(self.options().symbol); },
            "Its symbol; empty where nobody gave it one.")
        .def_prop_ro("price_scale", &scale_of, "Decimals of a price: 2 for cents, 4 for ITCH.")
        .def_prop_ro(
            "max_rounds", [](const Exchange& self) { return self.options().max_rounds; },
            "How often stops may fire stops after one order.")
        .def("best_bid", &Exchange::best_bid, "Price of the best bid, or None.")
        .def("best_ask", &Exchange::best_ask, "Price of the best ask, or None.")
        .def(
            "best_bid_ask", [](const Exchange& self) { return std::pair(self.best_bid(), self.best_ask()); },
            "(best bid, best ask): prices, or None for an empty side.")
        .def("spread", &Exchange::spread, "Best ask less best bid, in price units; None where a side is empty.")
        .def("last_trade_price", &Exchange::last_trade_price, "Price of the last trade, or None.")
        .def(
            "depth",
            [](const Exchange& self, Whole<std::uint32_t> levels) { return self.depth(levels.get("levels", 0)); },
            "levels"_a = 10, "The best `levels` price levels of each side: a copy.")
        .def("full_book", &Exchange::full_book, "All price levels of each side: a copy.")
        .def(
            "orders",
            [](const Exchange& self, std::optional<Word<Side>> side) {
                OrderSequence orders;
                if (!side || side->get("side") == Side::buy) orders.rows = self.orders(Side::buy);
                if (!side || side->get("side") == Side::sell) {
                    const auto asks = self.orders(Side::sell);
                    orders.rows.insert(orders.rows.end(), asks.begin(), asks.end());
                }
                return orders;
            },
            "side"_a = nb::none(),
            "Every resting order (L3), bids then asks or one side; best price first, then by arrival: a copy. "
            "polars.DataFrame(ex.orders()) makes a table.")
        .def(
            "queue_ahead", [](const Exchange& self, Whole<OrderId> id) { return self.queue_ahead(id.get("order id")); },
            "order_id"_a, "Quantity that rests before an order at its price; None where the order does not rest.")
        .def(
            "get_order", [](const Exchange& self, Whole<OrderId> id) { return self.get_order(id.get("order id")); },
            "order_id"_a,
            "An order, resting or finished; None where there is none: unknown, a stop, a refused FOK, or cleared.")
        .def(
            "get_stop_order",
            [](const Exchange& self, Whole<OrderId> id) { return self.get_stop_order(id.get("order id")); },
            "order_id"_a, "A stop order, pending or not; None where there is none.")
        .def("pending_stop_count", &Exchange::pending_stop_count, "How many stop orders are pending.")
        .def("pending_stops", &Exchange::pending_stops, "The stop orders that are pending, in order of submission.")
        .def(
            "trades", [](const Exchange& self) { return TradeSequence{self.trade_log().snapshot(), scale_of(self)}; },
            "Every trade since they were last cleared: a sequence; polars.DataFrame(ex.trades()) makes a table.")
        .def("state_hash", &Exchange::state_hash,
             "Equal for exchanges that will answer alike: over counters, last price, resting orders, stops and what "
             "trailing stops have seen; the same on every machine.")
        // ---- housekeeping
        .def("clear_trades", &Exchange::clear_trades, "Empties the list of trades, and nothing else.")
        .def("clear_order_history", &Exchange::clear_order_history,
             "Forgets the orders that do not rest, and returns how many; stops are kept.")
        .def("compact", &Exchange::compact, "Drops the blanks that cancels leave; it is also done when it is due.")
        .def(
            "reserve",
            [](Exchange& self, Whole<std::uint64_t> orders) {
                constexpr std::uint64_t most = std::uint64_t{1} << 40;  // orders of a hundred bytes
                if (orders.get("orders", 0) > most) throw std::bad_alloc();
                self.reserve(orders.value);
            },
            "orders"_a, "Takes memory for so many orders more, ahead of time.")
        .def("__repr__", [](const Exchange& self) {
            return nb::str("Exchange({!r}, best {} / {}, {} trades)")
                .format(to_python(self.options().symbol), self.best_bid(), self.best_ask(), self.trades().size());
        });

    nb::class_<JournaledExchange, Exchange>(
        m, "JournaledExchange",
        "An exchange whose every input is in a file before anything is done about it: after a crash, opening the file "
        "gives the exchange again.\n\n"
        "    with nanobook.open_journal(\"orders.journal\") as ex:\n"
        "        ex.submit_limit(\"buy\", 100_00, 5)")
        .def("flush", &JournaledExchange::flush, "Hands everything to the system, where it survives the process.")
        .def("sync", &JournaledExchange::sync, "Returns when everything is on the disk, where it survives the machine.")
        .def("close", &JournaledExchange::close, "Flushes, and takes no more inputs.")
        .def_prop_ro("path", [](JournaledExchange& self) { return self.journal().path(); })
        .def_prop_ro(
            "bytes_cut", [](JournaledExchange& self) { return self.journal().recovery().bytes_cut; },
            "What opening the journal cut off its end: the rest of a record that a crash tore.")
        .def_prop_ro(
            "events_recovered", [](JournaledExchange& self) { return self.journal().recovery().events_kept; },
            "Events that opening it found.")
        .def("__copy__", &plain_copy)
        .def(
            "__deepcopy__", [](const JournaledExchange& self, nb::handle) { return plain_copy(self); }, "memo"_a)
        .def(
            "__reduce_ex__",
            [](const JournaledExchange&, nb::handle) -> nb::object {
                throw nb::type_error("an exchange with a journal cannot be pickled: copy.copy(it) can");
            },
            nb::sig("def __reduce_ex__(self, protocol: typing.SupportsIndex, /) -> typing.NoReturn"), "protocol"_a)
        .def(
            "__enter__", [](nb::object self) { return self; }, nb::sig("def __enter__(self) -> JournaledExchange"))
        .def(
            "__exit__", [](JournaledExchange& self, const nb::args&) { self.close(); },
            nb::sig("def __exit__(self, *args: object) -> None"));

    m.def(
        "open_journal",
        [](const std::filesystem::path& path, std::optional<std::string_view> symbol,
           std::optional<Whole<std::uint32_t>> max_rounds, std::optional<Whole<std::uint32_t>> price_scale,
           Whole<std::uint64_t> flush_every, bool repair) {
            ExchangeOptions wanted = options(symbol.value_or(""), 100, 2);
            if (max_rounds) wanted.max_rounds = max_rounds->get("max rounds", 0);
            if (price_scale)
                wanted = options(symbol.value_or(""), wanted.max_rounds, price_scale->get("price scale", 0));
            // One that has its header knows better.
            std::error_code missing;
            const auto size = std::filesystem::file_size(path, missing);
            const bool is_new = missing || size < nanobook::detail::journal_block;
            auto journaled = JournaledExchange::open(path, is_new ? std::optional(wanted) : std::nullopt,
                                                     flush_every.get("flush every", 0), repair);
            const ExchangeOptions& found = journaled->options();
            // Only what was asked for, and is not so.
            std::string has;
            std::string asked;
            const auto compare = [&](bool is_asked, const std::string& in_file, const std::string& other) {
                if (!is_asked || in_file == other) return;
                const char* const joint = has.empty() ? "" : " and ";
                has += joint + in_file;
                asked += joint + other;
            };
            const auto name = [](const ExchangeOptions& o) {
                return o.symbol == nanobook::Symbol{} ? "no symbol" : "symbol " + std::string(o.symbol.view());
            };
            const auto number = [](const char* what, std::uint32_t value) { return what + std::to_string(value); };
            compare(symbol.has_value(), name(found), name(wanted));
            compare(max_rounds.has_value(), number("max rounds ", found.max_rounds),
                    number("max rounds ", wanted.max_rounds));
            compare(price_scale.has_value(), number("price scale ", found.price_scale),
                    number("price scale ", wanted.price_scale));
            if (!has.empty()) {
                raise_value_error(path.string() + ": the journal has " + has + "; asked for was " + asked);
            }
            return journaled.release();
        },
        nb::sig("def open_journal(path: str | os.PathLike[str], symbol: str | None = None, *, "
                "max_rounds: int | None = None, price_scale: int | None = None, flush_every: int = 1, "
                "repair: bool = False) -> JournaledExchange"),
        nb::rv_policy::take_ownership, "path"_a, "symbol"_a = nb::none(), nb::kw_only(), "max_rounds"_a = nb::none(),
        "price_scale"_a = nb::none(), "flush_every"_a = 1, "repair"_a = false,
        "The exchange that a journal holds, or a new one; its inputs are appended from now on.\n\n"
        "A record that a crash tore is cut off, and `bytes_cut` says so. Damage in the middle is a ValueError, unless "
        "`repair` allows to drop everything from there on. Each input is handed to the system at once, or every "
        "`flush_every` inputs.");
}

void apply_to_several(MultiExchange& self, nb::handle events, bool is_shared) {
    if (auto source = to_event_source(events)) {
        replay_into(self, std::move(source), is_shared);
    } else {
        replay_into(self, to_events(events), is_shared);
    }
}

MultiExchange replay_several(nb::handle events, Whole<std::uint32_t> max_rounds,
                             const std::optional<Whole<std::uint32_t>>& price_scale) {
    MultiExchange exchanges(options(to_event_source(events).get(), "", max_rounds, price_scale));
    apply_to_several(exchanges, events, false);
    return exchanges;
}

// Submits to the exchange of a symbol, which is created only for an order that is sound.
template <class Submit>
auto submit_to(MultiExchange& self, std::string_view symbol, Submit&& submit) {
    const nanobook::Symbol name = to_symbol(symbol);
    if (Exchange* const exchange = self.find(name)) return submit(*exchange);
    Exchange fresh([&] {
        ExchangeOptions options = self.options();
        options.symbol = name;
        return options;
    }());
    // An exchange of nobody's refuses what it has to.
    (void)submit(fresh);
    return submit(self.get_or_create(name));
}

void bind_several(nb::module_& m) {
    nb::class_<MultiExchange>(
        m, "MultiExchange",
        "One exchange a symbol. The methods are those of Exchange with the symbol first; a symbol "
        "gets its exchange with its first order.\n\n"
        "ValueError for a symbol of more than 8 ASCII characters.")
        .def(
            "__init__",
            [](MultiExchange* self, Whole<std::uint32_t> max_rounds, Whole<std::uint32_t> price_scale) {
                new (self) MultiExchange(options("", max_rounds, price_scale));
            },
            nb::kw_only(), "max_rounds"_a = 100, "price_scale"_a = 2,
            "`max_rounds` bounds how often stops may fire stops after one order. `price_scale` is the decimals of all "
            "prices.")
        .def(
            "get_or_create",
            [](MultiExchange& self, std::string_view symbol) -> Exchange& {
                return self.get_or_create(to_symbol(symbol));
            },
            nb::rv_policy::reference_internal, "symbol"_a,
            "The exchange of a symbol itself, not a copy: what happens there happens here.")
        .def(
            "__getitem__",
            [](MultiExchange& self, std::string_view symbol) -> Exchange& {
                if (Exchange* const exchange = self.find(to_symbol(symbol))) return *exchange;
                throw nb::key_error(std::string(symbol).c_str());
            },
            nb::rv_policy::reference_internal, "symbol"_a,
            "The exchange of a symbol, not a copy; KeyError for a symbol that has none.")
        .def(
            "__contains__",
            [](const MultiExchange& self, std::string_view symbol) { return self.find(to_symbol(symbol)) != nullptr; },
            "symbol"_a, "Whether a symbol has an exchange.")
        .def("__len__", &MultiExchange::size, "How many symbols there are.")
        .def("len", &MultiExchange::size, "How many symbols there are; len() does as well.")
        .def(
            "__iter__", [](nb::handle self) { return nb::iter(self.attr("symbols")()); },
            nb::sig("def __iter__(self) -> collections.abc.Iterator[str]"), "The symbols, sorted.")
        .def(
            "symbols",
            [](const MultiExchange& self) {
                nb::list list;
                for (const nanobook::Symbol& symbol : self.symbols()) list.append(to_python(symbol));
                return list;
            },
            nb::sig("def symbols(self) -> list[str]"), "The symbols that have an exchange, sorted.")
        .def(
            "best_prices",
            [](const MultiExchange& self) {
                nb::list list;
                for (const nanobook::BestPrices& prices : self.best_prices()) {
                    list.append(nb::make_tuple(to_python(prices.symbol), prices.bid, prices.ask));
                }
                return list;
            },
            nb::sig("def best_prices(self) -> list[tuple[str, int | None, int | None]]"),
            "(symbol, best bid, best ask) of each, sorted by symbol: prices, or None for an empty side.")
        .def(
            "submit_limit",
            [](MultiExchange& self, std::string_view symbol, Word<Side> side, Whole<Price> price,
               Whole<Quantity> quantity, Word<TimeInForce> tif) {
                return submit_to(self, symbol,
                                 [&](Exchange& e) { return submit_limit(e, side, price, quantity, tif); });
            },
            "symbol"_a, "side"_a, "price"_a, "quantity"_a, "tif"_a = gtc(),
            "A limit order in `symbol`, in its price units: trades at `price` or better; the rest rests (\"gtc\"), is "
            "cancelled (\"ioc\"), or the order is refused unless all of it trades (\"fok\"). ValueError for a price or "
            "quantity of 0; then no exchange was created.")
        .def(
            "submit_market",
            [](MultiExchange& self, std::string_view symbol, Word<Side> side, Whole<Quantity> quantity) {
                return submit_to(self, symbol, [&](Exchange& e) { return submit_market(e, side, quantity); });
            },
            "symbol"_a, "side"_a, "quantity"_a,
            "Trades in `symbol` at any price; what is not filled is cancelled. ValueError for a quantity of 0.")
        .def(
            "cancel",
            [](MultiExchange& self, std::string_view symbol, Whole<OrderId> id) {
                return self.cancel(to_symbol(symbol), id.get("order id"));
            },
            "symbol"_a, "order_id"_a,
            "Takes an order of `symbol` off the book, or a pending stop out of the way. Ids are those of the symbol's "
            "own exchange. An unknown symbol is an unknown order, and creates nothing.")
        .def(
            "reduce",
            [](MultiExchange& self, std::string_view symbol, Whole<OrderId> id, Whole<Quantity> quantity) {
                return self.reduce(to_symbol(symbol), id.get("order id"), quantity.get("quantity"));
            },
            "symbol"_a, "order_id"_a, "quantity"_a,
            "Takes `quantity` off an order of `symbol`, which keeps its priority; all of it, or more, is a cancel. An "
            "unknown symbol is an unknown order, and creates nothing.")
        .def(
            "modify",
            [](MultiExchange& self, std::string_view symbol, Whole<OrderId> id, Whole<Price> price,
               Whole<Quantity> quantity) {
                if (Exchange* const exchange = self.find(to_symbol(symbol))) {
                    return modify(*exchange, id, price, quantity);
                }
                const Event event =
                    Event::modify(id.get("order id"), price.get("new price"), quantity.get("new quantity"));
                if (nanobook::check(event) != nanobook::InputError::none) refuse(event);
                return ModifyResultObject(self.modify(to_symbol(symbol), event.order_id(), event.price, event.quantity),
                                          self.options().price_scale);
            },
            "symbol"_a, "order_id"_a, "new_price"_a, "new_quantity"_a,
            "Cancels an order of `symbol` and submits another of its side and time in force: a new id, priority lost. "
            "It may trade. ValueError for a price of 0; an unknown symbol is an unknown order, and creates nothing.")
        .def(
            "submit_stop_market",
            [](MultiExchange& self, std::string_view symbol, Word<Side> side, Whole<Price> stop,
               Whole<Quantity> quantity) {
                return submit_to(self, symbol,
                                 [&](Exchange& e) { return submit_stop(e, stop_market(side, stop, quantity)); });
            },
            "symbol"_a, "side"_a, "stop_price"_a, "quantity"_a, stop_doc)
        .def(
            "submit_stop_limit",
            [](MultiExchange& self, std::string_view symbol, Word<Side> side, Whole<Price> stop, Whole<Price> limit,
               Whole<Quantity> quantity, Word<TimeInForce> tif) {
                return submit_to(self, symbol, [&](Exchange& e) {
                    return submit_stop(e, stop_limit(side, stop, limit, quantity, tif));
                });
            },
            "symbol"_a, "side"_a, "stop_price"_a, "limit_price"_a, "quantity"_a, "tif"_a = gtc(),
            "The same as submit_stop_market, but it becomes a limit order.")
        .def(
            "submit_trailing_stop_market",
            [](MultiExchange& self, std::string_view symbol, Word<Side> side, Whole<Price> stop,
               Whole<Quantity> quantity, Word<TrailKind> type, nb::handle value,
               const std::optional<Whole<std::uint32_t>>& period) {
                return submit_to(self, symbol, [&](Exchange& e) {
                    return submit_stop(e, trailing_stop_market(side, stop, quantity, type, value, period));
                });
            },
            nb::sig("def submit_trailing_stop_market(self, symbol: str, side: nanobook._enums.Side | str, "
                    "initial_stop_price: int, quantity: int, trail_type: nanobook._enums.TrailType | str, "
                    "trail_value: float, atr_period: int | None = None) -> StopSubmitResult"),
            "symbol"_a, "side"_a, "initial_stop_price"_a, "quantity"_a, "trail_type"_a, "trail_value"_a,
            "atr_period"_a = nb::none(), trailing_doc)
        .def(
            "submit_trailing_stop_limit",
            [](MultiExchange& self, std::string_view symbol, Word<Side> side, Whole<Price> stop, Whole<Price> limit,
               Whole<Quantity> quantity, Word<TrailKind> type, nb::handle value, Word<TimeInForce> tif,
               const std::optional<Whole<std::uint32_t>>& period) {
                return submit_to(self, symbol, [&](Exchange& e) {
                    return submit_stop(e, trailing_stop_limit(side, stop, limit, quantity, type, value, tif, period));
                });
            },
            nb::sig("def submit_trailing_stop_limit(self, symbol: str, side: nanobook._enums.Side | str, "
                    "initial_stop_price: int, limit_price: int, quantity: int, "
                    "trail_type: nanobook._enums.TrailType | str, trail_value: float, "
                    "tif: nanobook._enums.TimeInForce | str = 'gtc', atr_period: int | None = None) "
                    "-> StopSubmitResult"),
            "symbol"_a, "side"_a, "initial_stop_price"_a, "limit_price"_a, "quantity"_a, "trail_type"_a,
            "trail_value"_a, "tif"_a = gtc(), "atr_period"_a = nb::none(),
            "The same as submit_trailing_stop_market, but it becomes a limit order, whose price does not move.")
        .def(
            "apply",
            [](MultiExchange& self, const Event& event) {
                return std::visit(ToPython{self.options().price_scale}, self.apply(event));
            },
            nb::sig("def apply(self, event: Event) -> SubmitResult | CancelResult | ModifyResult | StopSubmitResult | "
                    "PrintResult"),
            "event"_a, "Does what an event says, where its `symbol` says, and answers like the method of its kind.")
        .def(
            "apply_all", [](MultiExchange& self, nb::handle events) { apply_to_several(self, events, true); },
            nb::sig("def apply_all(self, events: collections.abc.Iterable[Event]) -> None"), "events"_a,
            "Applies events in order, each where its `symbol` says.")
        .def_static("replay", &replay_several,
                    nb::sig("def replay(events: collections.abc.Iterable[Event], *, max_rounds: int = 100, "
                            "price_scale: int | None = None) -> MultiExchange"),
                    "events"_a, nb::kw_only(), "max_rounds"_a = 100, "price_scale"_a = nb::none(),
                    "New exchanges to which all of the events happened, each where its `symbol` says. parse_itch knows "
                    "the price scale; else it is 2.")
        .def(
            "events",
            [](const MultiExchange& self) {
                EventSequence events;
                for (const auto& [symbol, exchange] : self) {
                    for (Event event : exchange.events()) {
                        event.symbol = symbol;
                        events.rows.push(event);
                    }
                }
                return events;
            },
            "The events of every exchange, one symbol after another, each with its symbol.")
        .def(
            "state_hash", &MultiExchange::state_hash,
            "Equal for those that will answer alike: over the symbols and the state hash of each exchange; the same on "
            "every machine.")
        .def(
            "__getstate__",
            [](const MultiExchange& self) {
                nb::list images;
                for (const auto& [symbol, exchange] : self) images.append(to_bytes(nanobook::to_image(exchange)));
                return nb::make_tuple(self.options().max_rounds, self.options().price_scale, images);
            },
            nb::sig("def __getstate__(self) -> tuple[int, int, list[bytes]]"))
        .def(
            "__setstate__",
            [](MultiExchange& self, const std::tuple<std::uint32_t, std::uint32_t, nb::list>& state) {
                const auto& [max_rounds, price_scale, images] = state;
                MultiExchange exchanges(options("", max_rounds, price_scale));
                for (nb::handle image : images) {
                    Exchange exchange = from_bytes(nb::cast<nb::bytes>(image));
                    exchanges.get_or_create(exchange.options().symbol) = std::move(exchange);
                }
                new (&self) MultiExchange(std::move(exchanges));
            },
            nb::sig("def __setstate__(self, state: tuple[int, int, list[bytes]]) -> None"))
        .def("__repr__",
             [](const MultiExchange& self) { return nb::str("MultiExchange({} symbols)").format(self.size()); });
}

}  // namespace

void bind_exchange(nb::module_& m) {
    nb::register_exception_translator([](const std::exception_ptr& thrown, void*) {
        try {
            std::rethrow_exception(thrown);
        } catch (const JournalWriteError& error) {
            errno = error.code().value();
            PyErr_SetFromErrnoWithFilename(PyExc_OSError, error.path.c_str());
        } catch (const nanobook::JournalError& error) {
            PyErr_SetString(PyExc_ValueError, error.what());
        }
    });
    nb::class_<BatchResult>(m, "BatchResult",
                            "A row for each of a batch: polars.DataFrame(result) makes a table of order_id, status, "
                            "filled_quantity, resting_quantity, cancelled_quantity, error.")
        .def("__len__", &BatchResult::size)
        .def(
            "__arrow_c_stream__", [](const BatchResult& self, const nb::object&) { return to_capsule(self.table()); },
            nb::sig(arrow_stream_signature), "requested_schema"_a = nb::none())
        .def("__repr__", [](const BatchResult& self) { return nb::str("BatchResult({} rows)").format(self.size()); });

    bind_sequence<TradeSequence>(m, "Trades",
                                 "Trades as they were when one asked: a sequence that shares the exchange's memory. "
                                 "polars.DataFrame(trades) makes a table.",
                                 "def __getitem__(self, index: int | slice) -> Trade | list[Trade]");
    bind_sequence<OrderSequence>(m, "Orders",
                                 "Orders as they were when one asked: a sequence. polars.DataFrame(orders) makes a "
                                 "table.",
                                 "def __getitem__(self, index: int | slice) -> Order | list[Order]");
    bind_one(m);
    bind_several(m);
}
