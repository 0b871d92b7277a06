// What a book shows of itself.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <nanobook/book/snapshot.hpp>

#include "bind.hpp"
#include "exchange_objects.hpp"
#include "exchange_tables.hpp"
#include "total_caster.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using nanobook::BookSnapshot;
using nanobook::LevelView;

namespace {

nb::tuple to_tuple(const LevelView& level) { return nb::make_tuple(level.price, level.quantity, level.order_count); }

}  // namespace

void bind_book(nb::module_& m) {
    nb::class_<LevelView>(m, "LevelView", "One price level: unpacks and compares like (price, quantity, order_count).")
        .def_ro("price", &LevelView::price, "In the price unit of the stream: 1/10,000 dollar for ITCH.")
        .def_ro("quantity", &LevelView::quantity, "Total of the resting orders.")
        .def_ro("order_count", &LevelView::order_count, "Resting orders.")
        .def(
            "__iter__", [](const LevelView& level) { return nb::iter(to_tuple(level)); },
            nb::sig("def __iter__(self) -> collections.abc.Iterator[int]"))
        .def("__len__", [](const LevelView&) { return 3; })
        .def(
            "__getitem__",
            [](const LevelView& level, nb::int_ i) { return nb::object(nb::object(to_tuple(level))[i]); },
            nb::sig("def __getitem__(self, index: int) -> int"), "index"_a)
        .def(
            "__eq__",
            [](const LevelView& level, nb::handle other) {
                if (nb::isinstance<LevelView>(other)) return level == nb::cast<const LevelView&>(other);
                return to_tuple(level).equal(other);
            },
            nb::sig("def __eq__(self, other: object, /) -> bool"), "other"_a.none())
        .def("__hash__", [](const LevelView& level) { return PyObject_Hash(to_tuple(level).ptr()); })
        .def("__repr__", [](const LevelView& level) {
            return nb::str("LevelView(price={}, quantity={}, order_count={})")
                .format(level.price, level.quantity, level.order_count);
        });

    nb::class_<BookSnapshot>(m, "BookSnapshot", "The best levels of both sides, best first: a copy.")
        .def("__hash__", &refuse_to_hash<BookSnapshot>)
        .def_ro("bids", &BookSnapshot::bids, "Best first.")
        .def_ro("asks", &BookSnapshot::asks, "Best first.")
        .def_prop_ro("best_bid", &BookSnapshot::best_bid, "Price of the best bid, or None.")
        .def_prop_ro("best_ask", &BookSnapshot::best_ask, "Price of the best ask, or None.")
        .def("spread", &BookSnapshot::spread, "Best ask less best bid, in price units; None where a side is empty.")
        .def("mid_price", &BookSnapshot::mid_price, "(bid + ask) / 2, in price units; None where a side is empty.")
        .def("imbalance", &BookSnapshot::imbalance,
             "(B - A) / (B + A) over the quantities of the levels shown, from -1 to 1; None where there are none.")
        .def("weighted_mid", &BookSnapshot::weighted_mid,
             "(ask quantity x bid + bid quantity x ask) / (bid quantity + ask quantity) of the best levels; None where "
             "a\n"
             "side is empty.")
        .def(
            "__arrow_c_stream__",
            [](const BookSnapshot& book, const nb::object&) { return to_capsule(to_table(book)); },
            nb::sig("def __arrow_c_stream__(self, requested_schema: object | None = None) -> typing.Any"),
            "requested_schema"_a = nb::none(),
            "A row a level, bids first: side, level (0 is the best), price, quantity, order_count.")
        .def(
            "__eq__", [](const BookSnapshot& a, const BookSnapshot& b) { return a == b; }, nb::is_operator(),
            nb::sig("def __eq__(self, other: object, /) -> bool"))
        .def("__repr__", [](const BookSnapshot& book) {
            return nb::str("BookSnapshot({} bids, {} asks, best {} / {})")
                .format(book.bids.size(), book.asks.size(), book.best_bid(), book.best_ask());
        });
}
