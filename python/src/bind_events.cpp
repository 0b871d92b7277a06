// Events, and files of them.
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <nanobook/exchange/event.hpp>
#include <nanobook/exchange/event_json.hpp>
#include <nanobook/exchange/validation.hpp>

#include "arguments.hpp"
#include "bind.hpp"
#include "event_arguments.hpp"
#include "exchange_objects.hpp"
#include "files.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using nanobook::Event;
using nanobook::EventKind;
using nanobook::Side;
using nanobook::TimeInForce;
using nanobook::TrailKind;
using nanobook::TrailMethod;

namespace {

constexpr std::array<const char*, nanobook::event_kinds> names{"submit_limit",
                                                               "submit_market",
                                                               "cancel",
                                                               "reduce",
                                                               "modify",
                                                               "submit_stop_market",
                                                               "submit_stop_limit",
                                                               "submit_trailing_stop_market",
                                                               "submit_trailing_stop_limit",
                                                               "execute",
                                                               "trade"};

// The fields that mean something in an event, in the order of the arguments that make it.
nb::dict fields_of(const Event& event) {
    nb::dict fields;
    const auto side = [&] { fields["side"] = to_word(event.side); };
    const auto tif = [&] { fields["tif"] = to_word(event.time_in_force); };
    const auto trail = [&] {
        const TrailMethod method = event.trail();
        fields["trail_type"] = to_word(method.kind);
        if (method.kind == TrailKind::fixed) {
            fields["trail_value"] = method.distance();
        } else {
            fields["trail_value"] = method.factor();
        }
    };
    const auto period = [&] {
        if (event.trail_kind == TrailKind::atr) fields["atr_period"] = event.trail_period;
    };
    switch (event.kind) {
        case EventKind::submit_limit:
            side();
            fields["price"] = event.price;
            fields["quantity"] = event.quantity;
            tif();
            break;
        case EventKind::submit_market:
            side();
            fields["quantity"] = event.quantity;
            break;
        case EventKind::cancel: fields["order_id"] = event.order_id(); break;
        case EventKind::reduce:
            fields["order_id"] = event.order_id();
            fields["quantity"] = event.quantity;
            break;
        case EventKind::modify:
            fields["order_id"] = event.order_id();
            fields["new_price"] = event.price;
            fields["new_quantity"] = event.quantity;
            break;
        case EventKind::submit_stop_market:
        case EventKind::submit_stop_limit:
            side();
            fields["stop_price"] = event.price;
            if (event.kind == EventKind::submit_stop_limit) fields["limit_price"] = event.limit_price();
            fields["quantity"] = event.quantity;
            if (event.kind == EventKind::submit_stop_limit) tif();
            break;
        case EventKind::submit_trailing_stop_market:
        case EventKind::submit_trailing_stop_limit:
            side();
            fields["initial_stop_price"] = event.price;
            if (event.kind == EventKind::submit_trailing_stop_limit) fields["limit_price"] = event.limit_price();
            fields["quantity"] = event.quantity;
            trail();
            if (event.kind == EventKind::submit_trailing_stop_limit) tif();
            period();
            break;
        case EventKind::execute:
            fields["order_id"] = event.order_id();
            fields["quantity"] = event.quantity;
            if (event.price != Event::own_price) fields["price"] = event.price;
            fields["match_number"] = event.match_number();
            if (!event.printable) fields["printable"] = false;
            break;
        case EventKind::trade:
            side();
            fields["price"] = event.price;
            fields["quantity"] = event.quantity;
            fields["match_number"] = event.match_number();
            break;
    }
    if (!event.matching) fields["matching"] = false;
    if (event.symbol != nanobook::Symbol{}) fields["symbol"] = to_python(event.symbol);
    return fields;
}

Event checked(Event event, std::string_view symbol = "") {
    event.symbol = to_symbol(symbol);
    const auto error = nanobook::check(event);
    if (error != nanobook::InputError::none) raise_value_error(nanobook::describe(error, event));
    return event;
}

std::string to_json(const Event& event) {
    std::string text;
    nanobook::append_json(text, event);
    return text;
}

void bind_event(nb::module_& m) {
    nb::class_<Event> event(
        m, "Event",
        "One input of an exchange: what its log keeps and a replay applies.\n\n"
        "Made by the functions named like its kinds, which take the arguments of the exchange's methods: "
        "Event.submit_limit(\"buy\", 100_00, 5), Event.cancel(1), ... `symbol` names the exchange in a stream of "
        "several. Fields that a kind does not have are not there: AttributeError.",
        nb::pooled(1024));
    event
        .def_static(
            "submit_limit",
            [](Word<Side> side, Whole<nanobook::Price> price, Whole<nanobook::Quantity> quantity, Word<TimeInForce> tif,
               bool matching, std::string_view symbol) {
                return checked(Event::submit_limit(side.get("side"), price.get("price"), quantity.get("quantity"),
                                                   tif.get("tif"), matching),
                               symbol);
            },
            "side"_a, "price"_a, "quantity"_a, "tif"_a = gtc(), "matching"_a = true, "symbol"_a = "",
            "A limit order. Not `matching`: it rests whatever it crosses, as orders of market data do; only \"gtc\" "
            "can.")
        .def_static(
            "submit_market",
            [](Word<Side> side, Whole<nanobook::Quantity> quantity, std::string_view symbol) {
                return checked(Event::submit_market(side.get("side"), quantity.get("quantity")), symbol);
            },
            "side"_a, "quantity"_a, "symbol"_a = "", "An order that trades at any price; nothing of it rests.")
        .def_static(
            "cancel",
            [](Whole<nanobook::OrderId> id, std::string_view symbol) {
                return checked(Event::cancel(id.get("order id")), symbol);
            },
            "order_id"_a, "symbol"_a = "", "Takes an order off the book, or a pending stop out of the way.")
        .def_static(
            "reduce",
            [](Whole<nanobook::OrderId> id, Whole<nanobook::Quantity> quantity, std::string_view symbol) {
                return checked(Event::reduce(id.get("order id"), quantity.get("quantity")), symbol);
            },
            "order_id"_a, "quantity"_a, "symbol"_a = "", "Takes a part off an order, which keeps its priority.")
        .def_static(
            "modify",
            [](Whole<nanobook::OrderId> id, Whole<nanobook::Price> price, Whole<nanobook::Quantity> quantity,
               bool matching, std::string_view symbol) {
                return checked(
                    Event::modify(id.get("order id"), price.get("new price"), quantity.get("new quantity"), matching),
                    symbol);
            },
            "order_id"_a, "new_price"_a, "new_quantity"_a, "matching"_a = true, "symbol"_a = "",
            "A cancel, then a new limit order: priority is lost.")
        .def_static(
            "submit_stop_market",
            [](Word<Side> side, Whole<nanobook::Price> stop, Whole<nanobook::Quantity> quantity,
               std::string_view symbol) {
                return checked(
                    Event::submit_stop_market(side.get("side"), stop.get("stop price"), quantity.get("quantity")),
                    symbol);
            },
            "side"_a, "stop_price"_a, "quantity"_a, "symbol"_a = "", "Waits for a price, then is a market order.")
        .def_static(
            "submit_stop_limit",
            [](Word<Side> side, Whole<nanobook::Price> stop, Whole<nanobook::Price> limit,
               Whole<nanobook::Quantity> quantity, Word<TimeInForce> tif, std::string_view symbol) {
                return checked(
                    Event::submit_stop_limit(side.get("side"), stop.get("stop price"), limit.get("limit price"),
                                             quantity.get("quantity"), tif.get("tif")),
                    symbol);
            },
            "side"_a, "stop_price"_a, "limit_price"_a, "quantity"_a, "tif"_a = gtc(), "symbol"_a = "",
            "Waits for a price, then is a limit order.")
        .def_static(
            "submit_trailing_stop_market",
            [](Word<Side> side, Whole<nanobook::Price> stop, Whole<nanobook::Quantity> quantity,
               Word<TrailKind> trail_type, nb::handle trail_value, std::optional<Whole<std::uint32_t>> atr_period,
               std::string_view symbol) {
                return checked(Event::submit_trailing_stop_market(side.get("side"), stop.get("initial stop price"),
                                                                  quantity.get("quantity"),
                                                                  to_trail(trail_type, trail_value, atr_period)),
                               symbol);
            },
            nb::sig("def submit_trailing_stop_market(side: nanobook._enums.Side | str, initial_stop_price: int, "
                    "quantity: int, trail_type: nanobook._enums.TrailType | str, trail_value: float, "
                    "atr_period: int | None = None, symbol: str = '') -> Event"),
            "side"_a, "initial_stop_price"_a, "quantity"_a, "trail_type"_a, "trail_value"_a,
            "atr_period"_a = nb::none(), "symbol"_a = "", "A stop whose price follows the market.")
        .def_static(
            "submit_trailing_stop_limit",
            [](Word<Side> side, Whole<nanobook::Price> stop, Whole<nanobook::Price> limit,
               Whole<nanobook::Quantity> quantity, Word<TrailKind> trail_type, nb::handle trail_value,
               Word<TimeInForce> tif, std::optional<Whole<std::uint32_t>> atr_period, std::string_view symbol) {
                return checked(
                    Event::submit_trailing_stop_limit(side.get("side"), stop.get("initial stop price"),
                                                      limit.get("limit price"), quantity.get("quantity"),
                                                      to_trail(trail_type, trail_value, atr_period), tif.get("tif")),
                    symbol);
            },
            nb::sig("def submit_trailing_stop_limit(side: nanobook._enums.Side | str, initial_stop_price: int, "
                    "limit_price: int, quantity: int, trail_type: nanobook._enums.TrailType | str, "
                    "trail_value: float, tif: nanobook._enums.TimeInForce | str = 'gtc', "
                    "atr_period: int | None = None, symbol: str = '') -> Event"),
            "side"_a, "initial_stop_price"_a, "limit_price"_a, "quantity"_a, "trail_type"_a, "trail_value"_a,
            "tif"_a = gtc(), "atr_period"_a = nb::none(), "symbol"_a = "",
            "The same with a limit price, which does not move.")
        .def_static(
            "execute",
            [](Whole<nanobook::OrderId> id, Whole<nanobook::Quantity> quantity,
               std::optional<Whole<nanobook::Price>> price, Whole<std::uint64_t> match_number, bool printable,
               std::string_view symbol) {
                return checked(
                    Event::execute(id.get("order id"), quantity.get("quantity"), match_number.get("match number", 0),
                                   price ? price->get("price") : Event::own_price, printable),
                    symbol);
            },
            "order_id"_a, "quantity"_a, "price"_a = nb::none(), "match_number"_a = 0, "printable"_a = true,
            "symbol"_a = "",
            "Market data: an order that rests was filled, at its own price or another. Not `printable`: it is no trade "
            "of its own.")
        .def_static(
            "trade",
            [](Word<Side> side, Whole<nanobook::Price> price, Whole<nanobook::Quantity> quantity,
               Whole<std::uint64_t> match_number, std::string_view symbol) {
                return checked(Event::trade(side.get("side"), price.get("price"), quantity.get("quantity"),
                                            match_number.get("match number", 0)),
                               symbol);
            },
            "side"_a, "price"_a, "quantity"_a, "match_number"_a = 0, "symbol"_a = "",
            "Market data: a trade off the book; the side is the aggressor's.")
        .def_static(
            "from_json",
            [](std::string_view line) {
                try {
                    return nanobook::parse_event(line);
                } catch (const std::exception& error) {
                    raise_value_error(error.what());
                }
            },
            "line"_a, "An event as a line of a file of events: {\"Cancel\":{\"order_id\":1}}. ValueError says where.")
        .def("to_json", &to_json, "As a line of a file of events.")
        .def_prop_ro(
            "kind", [](const Event& e) { return names.at(static_cast<std::size_t>(e.kind)); },
            "\"submit_limit\", \"cancel\", ...")
        .def(
            "to_dict",
            [](const Event& e) {
                nb::dict dict;
                dict["kind"] = names.at(static_cast<std::size_t>(e.kind));
                dict.update(fields_of(e));
                return dict;
            },
            nb::sig("def to_dict(self) -> dict[str, typing.Any]"), "Its kind and its fields.")
        .def(
            "__getattr__",
            [](const Event& e, const nb::str& name) -> nb::object {
                if (std::strcmp(name.c_str(), "symbol") == 0) return to_python(e.symbol);
                nb::dict fields = fields_of(e);
                if (!fields.contains(name)) {
                    const std::string message = "an event of kind '" +
                                                std::string(names.at(static_cast<std::size_t>(e.kind))) + "' has no '" +
                                                name.c_str() + "'";
                    throw nb::attribute_error(message.c_str());
                }
                return fields[name];
            },
            nb::sig("def __getattr__(self, name: str) -> typing.Any"), "name"_a)
        .def(
            "__eq__", [](const Event& a, const Event& b) { return a == b; }, nb::is_operator(),
            nb::sig("def __eq__(self, other: object, /) -> bool"))
        .def("__hash__", [](const Event& e) { return nb::hash(nb::str(to_json(e).c_str())); })
        .def("__getstate__", &to_json)
        .def("__setstate__", [](Event& e, std::string_view line) { new (&e) Event(nanobook::parse_event(line)); })
        .def("__repr__", [](const Event& e) {
            std::string text = std::string("Event.") + names.at(static_cast<std::size_t>(e.kind)) + "(";
            const nb::dict fields = fields_of(e);
            bool first = true;
            for (const auto& [name, value] : fields) {
                if (!first) text += ", ";
                first = false;
                text += std::string(nb::str(name).c_str()) + "=" +
                        (PyUnicode_Check(value.ptr()) ? "'" + std::string(nb::str(value).c_str()) + "'"
                                                      : std::string(nb::repr(value).c_str()));
            }
            return text + ")";
        });
}

}  // namespace

const char* name_of(EventKind kind) noexcept { return names[static_cast<std::size_t>(kind)]; }

TrailMethod to_trail(Word<TrailKind> type, nb::handle value, const std::optional<Whole<std::uint32_t>>& period) {
    const TrailKind kind = type.get("trail type");
    const double number = PyFloat_AsDouble(value.ptr());
    if (number == -1 && PyErr_Occurred() != nullptr) {
        if (PyErr_ExceptionMatches(PyExc_OverflowError) == 0) throw nb::python_error();
        PyErr_Clear();
        raise_value_error("trail value is " + std::string(nb::str(value).c_str()) + "; no number is as large");
    }
    if (kind == TrailKind::percentage) return TrailMethod::percentage(number);
    if (kind == TrailKind::atr) {
        if (!period) raise_value_error("an ATR trail needs atr_period");
        return TrailMethod::atr(number, period->get("ATR period"));
    }
    // A price: exactly.
    const bool is_whole = number == std::floor(number) && number < 0x1p63 && number > -0x1p63;
    if (!is_whole) {
        raise_value_error("trail value is " + std::string(nb::str(value).c_str()) +
                          "; a fixed trail is a whole number of price units");
    }
    nanobook::Price distance = 0;
    if (PyLong_Check(value.ptr())) {
        distance = PyLong_AsLongLong(value.ptr());
        if (distance == -1 && PyErr_Occurred() != nullptr) throw nb::python_error();
    } else {
        distance = static_cast<nanobook::Price>(number);
    }
    return TrailMethod::fixed(distance);
}

std::vector<Event> to_events(nb::handle events) {
    if (nb::isinstance<EventSequence>(events)) {
        const auto& rows = nb::cast<const EventSequence&>(events).rows.view();
        return {rows.begin(), rows.end()};
    }
    std::vector<Event> list;
    std::size_t at = 0;
    for (nb::handle item : events) {
        // (symbol, event), as some parsers give them.
        if (PyTuple_Check(item.ptr()) && PyTuple_Size(item.ptr()) == 2 && nb::isinstance<Event>(item[1])) {
            Event event = nb::cast<const Event&>(item[1]);
            event.symbol = to_symbol(nb::cast<std::string_view>(nb::handle(item[0])));
            list.push_back(event);
        } else if (nb::isinstance<Event>(item)) {
            list.push_back(nb::cast<const Event&>(item));
        } else {
            const std::string message = "item " + std::to_string(at) + " is no Event but " +
                                        nb::str(nb::handle(reinterpret_cast<PyObject*>(Py_TYPE(item.ptr())))).c_str();
            throw nb::type_error(message.c_str());
        }
        ++at;
    }
    return list;
}

nanobook::Symbol symbol_of(const std::vector<Event>& events, nanobook::Symbol symbol) {
    for (const Event& event : events) {
        if (event.symbol == nanobook::Symbol{} || event.symbol == symbol) continue;
        if (symbol != nanobook::Symbol{}) {
            raise_value_error("the events are for several symbols, " + std::string(symbol.view()) + " and " +
                              std::string(event.symbol.view()) +
                              " among them: use a MultiExchange, or choose one symbol, as in parse_itch(path, symbol=" +
                              "\"" + std::string(symbol.view()) + "\")");
        }
        symbol = event.symbol;
    }
    return symbol;
}

void bind_events(nb::module_& m) {
    bind_event(m);
    bind_sequence<EventSequence>(m, "Events",
                                 "Events as they were when one asked: a sequence that shares the exchange's memory. "
                                 "polars.DataFrame(events) makes a table.",
                                 "def __getitem__(self, index: int | slice) -> Event | list[Event]");

    m.def(
        "save_events",
        [](const std::filesystem::path& path, nb::handle events, std::string_view symbol,
           Whole<std::uint32_t> max_rounds, std::optional<Whole<std::uint32_t>> price_scale) {
            const std::vector<Event> list = to_events(events);
            nanobook::EventFileHeader header{to_symbol(symbol), max_rounds.get("max_rounds", 0), {}};
            if (price_scale) header.price_scale = price_scale->get("price_scale", 0);
            with_file(path, [&] {
                const nb::gil_scoped_release released;
                nanobook::save_events(path, header, list);
            });
        },
        nb::sig("def save_events(path: str | os.PathLike[str], events: collections.abc.Iterable[Event], "
                "symbol: str = '', max_rounds: int = 100, price_scale: int | None = None) -> None"),
        "path"_a, "events"_a, "symbol"_a = "", "max_rounds"_a = 100, "price_scale"_a = nb::none(),
        "Writes events as JSON lines: a header, then one a line. The file appears under its name when it is whole.");
    m.def(
        "load_events",
        [](const std::filesystem::path& path) {
            const nanobook::EventFile file = with_file(path, [&] {
                const nb::gil_scoped_release released;
                return nanobook::load_events(path);
            });
            EventSequence events;
            for (const Event& event : file.events) events.rows.push(event);
            return events;
        },
        nb::sig("def load_events(path: str | os.PathLike[str]) -> Events"), "path"_a,
        "The events of a file of JSON lines, with or without a header. ValueError names the line that is wrong.");
}
