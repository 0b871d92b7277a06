// What an exchange answers: results, orders, trades.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/tuple.h>

#include <cstdint>
#include <optional>
#include <tuple>

#include <nanobook/exchange/stop_order.hpp>

#include "arguments.hpp"
#include "bind.hpp"
#include "exchange_objects.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using nanobook::CancelResult;
using nanobook::Order;
using nanobook::StopOrder;
using nanobook::TrailKind;
using nanobook::TrailMethod;

namespace {

constexpr const char* status_signature = "def status(self) -> nanobook._enums.OrderStatus";
constexpr const char* error_signature = "def error(self) -> nanobook._enums.OrderError | None";
constexpr const char* side_signature = "def side(self) -> nanobook._enums.Side";
constexpr const char* trades_signature = "def trades(self) -> list[Trade]";
constexpr const char* triggered_signature = "def triggered(self) -> list[Trade]";
constexpr const char* triggered_doc =
    "The trades of the stops that it fired, and of those which they fired, in order. `get_order(t.aggressor_order_id)"
    ".stop_id` names the stop.";
constexpr const char* round_limit_doc = "Stops kept firing stops until the exchange gave up: see `max_rounds`.";

nb::object id_or_none(nanobook::OrderId id) { return id == 0 ? nb::none() : nb::object(nb::int_(id)); }

// The enum member of a word, for the properties that have one.
template <class Object, class Enum>
auto word(Enum Object::* member) {
    return [member](const Object& self) { return to_word(self.*member); };
}

nb::object trail_value(const TrailMethod& trail) {
    if (trail.kind == TrailKind::none) return nb::none();
    if (trail.kind == TrailKind::fixed) return nb::int_(trail.distance());
    return nb::float_(trail.factor());
}

void bind_trade(nb::module_& m) {
    nb::class_<TradeObject>(m, "Trade", "A trade between two orders.", nb::pooled(1024))
        .def_prop_ro(
            "trade_id", [](const TradeObject& t) { return t.trade.id; }, "From 1, in order.")
        .def_prop_ro(
            "price", [](const TradeObject& t) { return t.trade.price; }, "The resting order's, in price units.")
        .def_prop_ro("quantity", [](const TradeObject& t) { return t.trade.quantity; })
        .def_prop_ro(
            "aggressor_side", [](const TradeObject& t) { return to_word(t.trade.aggressor_side); },
            nb::sig("def aggressor_side(self) -> nanobook._enums.Side"), "Side of the order that came.")
        .def_prop_ro(
            "aggressor_order_id", [](const TradeObject& t) { return t.trade.aggressor_order_id; },
            "The order that came; 0 where market data does not name it.")
        .def_prop_ro(
            "passive_order_id", [](const TradeObject& t) { return t.trade.passive_order_id; },
            "The order that rested; 0 in a trade off the book.")
        .def_prop_ro(
            "timestamp", [](const TradeObject& t) { return t.trade.timestamp; },
            "Tick of the exchange's logical clock.")
        .def_prop_ro("price_float", &TradeObject::price_float,
                     "The price in whole units of currency: `price` / 10 ** `price_scale` of the exchange.")
        .def(
            "__eq__", [](const TradeObject& a, const TradeObject& b) { return a == b; }, nb::is_operator(),
            nb::sig("def __eq__(self, other: object, /) -> bool"))
        .def("__hash__", [](const TradeObject& t) { return t.trade.id; })
        .def("__getstate__",
             [](const TradeObject& t) {
                 return std::tuple(t.trade.id, t.trade.price, t.trade.quantity,
                                   t.trade.aggressor_side == nanobook::Side::buy, t.trade.aggressor_order_id,
                                   t.trade.passive_order_id, t.trade.timestamp, t.price_scale);
             })
        .def("__setstate__",
             [](TradeObject& t,
                const std::tuple<nanobook::TradeId, nanobook::Price, nanobook::Quantity, bool, nanobook::OrderId,
                                 nanobook::OrderId, nanobook::Timestamp, std::uint32_t>& state) {
                 const auto& [id, price, quantity, is_buy, aggressor, passive, timestamp, scale] = state;
                 const auto side = is_buy ? nanobook::Side::buy : nanobook::Side::sell;
                 new (&t) TradeObject{{id, price, quantity, aggressor, passive, timestamp, side}, scale};
             })
        .def("__repr__", [](const TradeObject& t) {
            return nb::str(
                       "Trade(trade_id={}, price={}, quantity={}, aggressor_side='{}', aggressor_order_id={}, "
                       "passive_order_id={}, timestamp={})")
                .format(t.trade.id, t.trade.price, t.trade.quantity, to_word(t.trade.aggressor_side),
                        t.trade.aggressor_order_id, t.trade.passive_order_id, t.trade.timestamp);
        });
}

void bind_order(nb::module_& m) {
    nb::class_<Order>(m, "Order",
                      "An order as it was when one asked: a copy. original_quantity = filled + remaining + cancelled.")
        .def_ro("id", &Order::id)
        .def_ro("order_id", &Order::id, "The same as `id`.")
        .def_prop_ro("side", word(&Order::side), nb::sig(side_signature))
        .def_ro("price", &Order::price, "In price units; of a market order the worst there is.")
        .def_ro("original_quantity", &Order::quantity, "As submitted.")
        .def_ro("quantity", &Order::quantity, "The same as `original_quantity`.")
        .def_ro("remaining_quantity", &Order::remaining, "What rests.")
        .def_ro("filled_quantity", &Order::filled, "What was traded.")
        .def_ro("cancelled_quantity", &Order::cancelled, "What was taken off, by its owner or its time in force.")
        .def_prop_ro("status", word(&Order::status), nb::sig(status_signature))
        .def_prop_ro("time_in_force", word(&Order::time_in_force),
                     nb::sig("def time_in_force(self) -> nanobook._enums.TimeInForce"))
        .def_ro("timestamp", &Order::timestamp, "Tick of its submission.")
        .def_prop_ro(
            "stop_id", [](const Order& order) { return id_or_none(order.stop_id); },
            nb::sig("def stop_id(self) -> int | None"), "The stop order that became this one, or None.")
        .def(
            "__eq__", [](const Order& a, const Order& b) { return a == b; }, nb::is_operator(),
            nb::sig("def __eq__(self, other: object, /) -> bool"))
        .def("__hash__", [](const Order& order) { return order.id; })
        .def("__repr__", [](const Order& order) {
            return nb::str(
                       "Order(id={}, side='{}', price={}, original_quantity={}, remaining_quantity={}, "
                       "filled_quantity={}, status='{}', time_in_force='{}')")
                .format(order.id, to_word(order.side), order.price, order.quantity, order.remaining, order.filled,
                        to_word(order.status), to_word(order.time_in_force));
        });

    nb::class_<StopOrder>(m, "StopOrder",
                          "A stop order as it was when one asked: a copy. Its fields can be had by name too: "
                          "stop[\"status\"].")
        .def_ro("id", &StopOrder::id)
        .def_ro("order_id", &StopOrder::id, "The same as `id`.")
        .def_prop_ro("side", word(&StopOrder::side), nb::sig(side_signature))
        .def_ro("stop_price", &StopOrder::stop_price, "In price units; of a trailing stop where it has moved to.")
        .def_ro("limit_price", &StopOrder::limit_price, "Of the order it becomes; None for a market order.")
        .def_ro("quantity", &StopOrder::quantity)
        .def_prop_ro("status", word(&StopOrder::status), nb::sig(status_signature), "Pending, Triggered or Cancelled.")
        .def_prop_ro("time_in_force", word(&StopOrder::time_in_force),
                     nb::sig("def time_in_force(self) -> nanobook._enums.TimeInForce"), "Of the order it becomes.")
        .def_ro("timestamp", &StopOrder::timestamp, "Tick of its submission.")
        .def_prop_ro(
            "trail_type",
            [](const StopOrder& stop) -> nb::object {
                if (stop.trail.kind == TrailKind::none) return nb::none();
                return to_word(stop.trail.kind);
            },
            nb::sig("def trail_type(self) -> nanobook._enums.TrailType | None"), "None unless it is a trailing stop.")
        .def_prop_ro(
            "trail_value", [](const StopOrder& stop) { return trail_value(stop.trail); },
            nb::sig("def trail_value(self) -> int | float | None"), "Price units, fraction or multiplier.")
        .def_prop_ro(
            "atr_period",
            [](const StopOrder& stop) -> nb::object {
                if (stop.trail.kind != TrailKind::atr) return nb::none();
                return nb::int_(stop.trail.period);
            },
            nb::sig("def atr_period(self) -> int | None"))
        .def_ro("watermark", &StopOrder::watermark,
                "Of a trailing stop: the best price seen since its submission; None before the first.")
        .def_prop_ro(
            "child_order_id", [](const StopOrder& stop) { return id_or_none(stop.child_order_id); },
            nb::sig("def child_order_id(self) -> int | None"), "The order it became, or None.")
        .def(
            "__getitem__",
            [](nb::handle self, const nb::str& name) -> nb::object {
                if (!nb::hasattr(self, name) || name.c_str()[0] == '_') throw nb::key_error(name.c_str());
                return self.attr(name);
            },
            nb::sig("def __getitem__(self, name: str) -> typing.Any"), "name"_a)
        .def(
            "__eq__", [](const StopOrder& a, const StopOrder& b) { return a == b; }, nb::is_operator(),
            nb::sig("def __eq__(self, other: object, /) -> bool"))
        .def("__hash__", [](const StopOrder& stop) { return stop.id; })
        .def("__repr__", [](const StopOrder& stop) {
            return nb::str("StopOrder(id={}, side='{}', stop_price={}, limit_price={}, quantity={}, status='{}')")
                .format(stop.id, to_word(stop.side), stop.stop_price, stop.limit_price, stop.quantity,
                        to_word(stop.status));
        });
}

}  // namespace

void bind_results(nb::module_& m) {
    bind_trade(m);
    bind_order(m);

    nb::class_<SubmitResultObject>(m, "SubmitResult",
                                   "What became of an order in its own match. Filled, resting and cancelled add up to "
                                   "what was submitted.",
                                   nb::pooled(64))
        .def_ro("order_id", &SubmitResultObject::order_id)
        .def_prop_ro("status", word(&SubmitResultObject::status), nb::sig(status_signature),
                     "New, PartiallyFilled, Filled or Cancelled.")
        .def_prop_ro(
            "trades", [](const SubmitResultObject& r) { return r.trades.own(); }, nb::sig(trades_signature),
            "Its own trades, in order.")
        .def_prop_ro(
            "triggered", [](const SubmitResultObject& r) { return r.trades.triggered(); }, nb::sig(triggered_signature),
            triggered_doc)
        .def_ro("filled_quantity", &SubmitResultObject::filled)
        .def_ro("resting_quantity", &SubmitResultObject::resting)
        .def_ro("cancelled_quantity", &SubmitResultObject::cancelled)
        .def_ro("round_limit_hit", &SubmitResultObject::round_limit_hit, round_limit_doc)
        .def("__repr__", [](const SubmitResultObject& r) {
            return nb::str(
                       "SubmitResult(order_id={}, status='{}', filled_quantity={}, resting_quantity={}, "
                       "cancelled_quantity={}, trades={})")
                .format(r.order_id, to_word(r.status), r.filled, r.resting, r.cancelled, r.trades.size());
        });

    nb::class_<CancelResult>(m, "CancelResult", "What a cancel or a reduce did. True where it succeeded.",
                             nb::pooled(64))
        .def_prop_ro("success", &CancelResult::success)
        .def_ro("cancelled_quantity", &CancelResult::cancelled, "What was taken off.")
        .def_prop_ro("error", word(&CancelResult::error), nb::sig(error_signature))
        .def("__bool__", &CancelResult::success)
        .def("__repr__", [](const CancelResult& r) {
            return nb::str("CancelResult(success={}, cancelled_quantity={}, error={!r})")
                .format(r.success(), r.cancelled, to_word(r.error));
        });

    nb::class_<ModifyResultObject>(m, "ModifyResult", "What a modify did. True where it succeeded.", nb::pooled(64))
        .def_prop_ro("success", [](const ModifyResultObject& r) { return r.error == nanobook::OrderError::none; })
        .def_ro("old_order_id", &ModifyResultObject::old_order_id)
        .def_prop_ro(
            "new_order_id", [](const ModifyResultObject& r) { return id_or_none(r.new_order_id); },
            nb::sig("def new_order_id(self) -> int | None"), "None where it failed.")
        .def_ro("cancelled_quantity", &ModifyResultObject::cancelled, "What was left of the old order.")
        .def_prop_ro(
            "trades", [](const ModifyResultObject& r) { return r.trades.own(); }, nb::sig(trades_signature),
            "Those of the new order, in order.")
        .def_prop_ro(
            "triggered", [](const ModifyResultObject& r) { return r.trades.triggered(); }, nb::sig(triggered_signature),
            triggered_doc)
        .def_prop_ro("error", word(&ModifyResultObject::error), nb::sig(error_signature))
        .def_ro("round_limit_hit", &ModifyResultObject::round_limit_hit, round_limit_doc)
        .def("__bool__", [](const ModifyResultObject& r) { return r.error == nanobook::OrderError::none; })
        .def("__repr__", [](const ModifyResultObject& r) {
            return nb::str(
                       "ModifyResult(success={}, old_order_id={}, new_order_id={}, cancelled_quantity={}, "
                       "error={!r}, trades={})")
                .format(r.error == nanobook::OrderError::none, r.old_order_id, id_or_none(r.new_order_id), r.cancelled,
                        to_word(r.error), r.trades.size());
        });

    nb::class_<StopSubmitResultObject>(m, "StopSubmitResult", "What became of a stop at its submission.",
                                       nb::pooled(64))
        .def_ro("order_id", &StopSubmitResultObject::order_id)
        .def_prop_ro("status", word(&StopSubmitResultObject::status), nb::sig(status_signature),
                     "Pending, or Triggered where the last trade price was there already.")
        .def_prop_ro(
            "triggered", [](const StopSubmitResultObject& r) { return r.trades.triggered(); },
            nb::sig(triggered_signature),
            "The trades of the order it became at once, and of the stops that this fired.")
        .def_ro("round_limit_hit", &StopSubmitResultObject::round_limit_hit, round_limit_doc)
        .def("__repr__", [](const StopSubmitResultObject& r) {
            return nb::str("StopSubmitResult(order_id={}, status='{}')").format(r.order_id, to_word(r.status));
        });

    nb::class_<PrintResultObject>(m, "PrintResult", "What an execution or a trade of market data did.", nb::pooled(64))
        .def_prop_ro("success", [](const PrintResultObject& r) { return r.error == nanobook::OrderError::none; })
        .def_ro("quantity", &PrintResultObject::quantity, "Executed: never more than rested.")
        .def_prop_ro(
            "trades", [](const PrintResultObject& r) { return r.trades.own(); }, nb::sig(trades_signature),
            "One, or none where nothing is printed.")
        .def_prop_ro(
            "triggered", [](const PrintResultObject& r) { return r.trades.triggered(); }, nb::sig(triggered_signature),
            triggered_doc)
        .def_prop_ro("error", word(&PrintResultObject::error), nb::sig(error_signature))
        .def_ro("round_limit_hit", &PrintResultObject::round_limit_hit, round_limit_doc)
        .def("__bool__", [](const PrintResultObject& r) { return r.error == nanobook::OrderError::none; })
        .def("__repr__", [](const PrintResultObject& r) {
            return nb::str("PrintResult(success={}, quantity={}, error={!r})")
                .format(r.error == nanobook::OrderError::none, r.quantity, to_word(r.error));
        });
}
