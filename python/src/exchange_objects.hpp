// What an exchange gives to Python, apart from plain numbers.
#pragma once

#include <nanobind/nanobind.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nanobook/core/order.hpp>
#include <nanobook/core/symbol.hpp>
#include <nanobook/core/trade.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/detail/append_log.hpp>
#include <nanobook/exchange/event.hpp>
#include <nanobook/exchange/results.hpp>

#include "arguments.hpp"
#include "exchange_tables.hpp"

/// A trade that knows how many decimals its price has.
struct TradeObject {
    nanobook::Trade trade;
    std::uint32_t price_scale;

    [[nodiscard]] double price_float() const noexcept {
        return static_cast<double>(trade.price) / std::pow(10.0, price_scale);
    }
    friend bool operator==(const TradeObject& a, const TradeObject& b) noexcept { return a.trade == b.trade; }
};

/// The trades of a result, out of the exchange: they stay when those are cleared. Most results have none, and then this
/// is a null pointer.
class TradeLists {
  public:
    TradeLists(nanobook::TradesView own, nanobook::TradesView triggered, std::uint32_t price_scale) {
        if (own.empty() && triggered.empty()) [[likely]]
            return;
        lists_ = std::make_unique<Lists>();
        lists_->own.assign(own.begin(), own.end());
        lists_->triggered.assign(triggered.begin(), triggered.end());
        lists_->price_scale = price_scale;
    }

    [[nodiscard]] nanobind::list own() const { return to_python(&Lists::own); }
    [[nodiscard]] nanobind::list triggered() const { return to_python(&Lists::triggered); }
    [[nodiscard]] std::size_t size() const noexcept { return lists_ ? lists_->own.size() : 0; }

  private:
    struct Lists {
        std::vector<nanobook::Trade> own;
        std::vector<nanobook::Trade> triggered;
        std::uint32_t price_scale;
    };

    [[nodiscard]] nanobind::list to_python(std::vector<nanobook::Trade> Lists::* list) const {
        nanobind::list trades;
        if (lists_) {
            for (const nanobook::Trade& trade : (*lists_).*list) trades.append(TradeObject{trade, lists_->price_scale});
        }
        return trades;
    }

    std::unique_ptr<Lists> lists_;
};

struct SubmitResultObject {
    nanobook::OrderId order_id;
    nanobook::Quantity filled;
    nanobook::Quantity resting;
    nanobook::Quantity cancelled;
    TradeLists trades;
    nanobook::OrderStatus status;
    bool round_limit_hit;

    SubmitResultObject(const nanobook::SubmitResult& result, std::uint32_t scale)
        : order_id(result.order_id),
          filled(result.filled),
          resting(result.resting),
          cancelled(result.cancelled),
          trades(result.trades, result.triggered, scale),
          status(result.status),
          round_limit_hit(result.round_limit_hit) {}
};

struct ModifyResultObject {
    nanobook::OrderId old_order_id;
    nanobook::OrderId new_order_id;  // 0 for none
    nanobook::Quantity cancelled;
    TradeLists trades;
    nanobook::OrderError error;
    bool round_limit_hit;

    ModifyResultObject(const nanobook::ModifyResult& result, std::uint32_t scale)
        : old_order_id(result.old_order_id),
          new_order_id(result.submitted.order_id),
          cancelled(result.cancelled),
          trades(result.submitted.trades, result.submitted.triggered, scale),
          error(result.error),
          round_limit_hit(result.submitted.round_limit_hit) {}
};

struct StopSubmitResultObject {
    nanobook::OrderId order_id;
    TradeLists trades;
    nanobook::OrderStatus status;
    bool round_limit_hit;

    StopSubmitResultObject(const nanobook::StopSubmitResult& result, std::uint32_t scale)
        : order_id(result.order_id),
          trades({}, result.triggered, scale),
          status(result.status),
          round_limit_hit(result.round_limit_hit) {}
};

struct PrintResultObject {
    nanobook::Quantity quantity;
    TradeLists trades;
    nanobook::OrderError error;
    bool round_limit_hit;

    PrintResultObject(const nanobook::PrintResult& result, std::uint32_t scale)
        : quantity(result.quantity),
          trades(result.trades, result.triggered, scale),
          error(result.error),
          round_limit_hit(result.round_limit_hit) {}
};

/// Trades or events as they were when it was made, sharing the exchange's memory.
struct TradeSequence {
    nanobook::detail::AppendLog<nanobook::Trade> rows;
    std::uint32_t price_scale;

    [[nodiscard]] TradeObject at(std::size_t i) const { return {rows[i], price_scale}; }
};
struct EventSequence {
    nanobook::detail::AppendLog<nanobook::Event> rows;

    [[nodiscard]] const nanobook::Event& at(std::size_t i) const { return rows[i]; }
};

/// Resting orders.
struct OrderSequence {
    std::vector<nanobook::Order> rows;

    [[nodiscard]] const nanobook::Order& at(std::size_t i) const { return rows[i]; }
};

/// ValueError where the text is no symbol.
[[nodiscard]] inline nanobook::Symbol to_symbol(std::string_view text) {
    const auto symbol = nanobook::Symbol::parse(text);
    if (!symbol) {
        raise_value_error("symbol is " + std::string(nanobind::repr(nanobind::str(text.data(), text.size())).c_str()) +
                          "; it must be at most 8 ASCII characters");
    }
    return *symbol;
}
[[nodiscard]] inline nanobind::str to_python(const nanobook::Symbol& symbol) {
    return nanobind::str(symbol.view().data(), symbol.view().size());
}

/// "submit_limit", ...
[[nodiscard]] const char* name_of(nanobook::EventKind kind) noexcept;

inline constexpr const char* arrow_stream_signature =
    "def __arrow_c_stream__(self, requested_schema: object | None = None) -> typing.Any";

/// The rows of an object as an Arrow stream. The requested schema is only a wish.
template <class Object>
nanobind::capsule arrow_stream(const Object& self, const nanobind::object&) {
    ArrowBatch table = [&] {
        const nanobind::gil_scoped_release released;
        return to_table(self.rows);
    }();
    return to_capsule(std::move(table));
}

/// What compares equal by its content must not hash by its place.
template <class Object>
Py_hash_t refuse_to_hash(const Object&) {
    throw nanobind::type_error("unhashable: it is compared by its content");
}

/// A class of rows: len, indices, slices (lists), iteration, comparison with any sequence, Arrow. It is not registered
/// as a collections.abc.Sequence: Polars would take it for a list of objects then.
template <class Sequence, class... Extra>
nanobind::class_<Sequence> bind_sequence(nanobind::module_& m, const char* name, const char* doc,
                                         const char* get_signature, const Extra&... extra) {
    namespace nb = nanobind;
    using namespace nb::literals;
    nb::class_<Sequence> sequence(m, name, doc, extra...);
    sequence.def("__len__", [](const Sequence& self) { return self.rows.size(); })
        .def(
            "__getitem__",
            [](const Sequence& self, nb::handle index) -> nb::object {
                const auto size = static_cast<Py_ssize_t>(self.rows.size());
                if (PySlice_Check(index.ptr())) {
                    Py_ssize_t start = 0;
                    Py_ssize_t stop = 0;
                    Py_ssize_t step = 0;
                    if (PySlice_Unpack(index.ptr(), &start, &stop, &step) < 0) throw nb::python_error();
                    const Py_ssize_t count = PySlice_AdjustIndices(size, &start, &stop, step);
                    nb::list list;
                    for (Py_ssize_t i = 0; i < count; ++i) {
                        list.append(self.at(static_cast<std::size_t>(start + i * step)));
                    }
                    return list;
                }
                Py_ssize_t i = PyNumber_AsSsize_t(index.ptr(), PyExc_IndexError);
                if (i == -1 && PyErr_Occurred() != nullptr) throw nb::python_error();
                if (i < 0) i += size;
                if (i < 0 || i >= size) throw nb::index_error("index out of range");
                return nb::cast(self.at(static_cast<std::size_t>(i)));
            },
            nb::sig(get_signature), "index"_a)
        // Through __getitem__, which needs no class of its own.
        .def(
            "__iter__", [](nb::handle self) { return nb::steal(PySeqIter_New(self.ptr())); },
            nb::sig("def __iter__(self) -> collections.abc.Iterator[typing.Any]"))
        .def(
            "__eq__",
            [](nb::handle self, nb::handle other) -> nb::object {
                if (PySequence_Check(other.ptr()) == 0) return nb::borrow(Py_NotImplemented);
                const auto size = nb::len(self);
                if (nb::len(other) != size) return nb::bool_(false);
                for (std::size_t i = 0; i < size; ++i) {
                    if (!self[i].equal(other[i])) return nb::bool_(false);
                }
                return nb::bool_(true);
            },
            nb::sig("def __eq__(self, other: object, /) -> bool"))
        .def("__hash__", &refuse_to_hash<Sequence>)
        .def("__arrow_c_stream__", &arrow_stream<Sequence>, nb::sig(arrow_stream_signature),
             "requested_schema"_a = nb::none())
        .def("__repr__", [name = std::string(name)](const Sequence& self) {
            return nb::str("{}({} rows)").format(name.c_str(), self.rows.size());
        });
    return sequence;
}
