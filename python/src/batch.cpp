#include "batch.hpp"

#include <nanobind/nanobind.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <nanobook/detail/memory.hpp>
#include <nanobook/exchange/exchange.hpp>

#include "arguments.hpp"
#include "arrow_in.hpp"
#include "busy.hpp"
#include "event_arguments.hpp"
#include "exchange_objects.hpp"
#include "exchange_tables.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using nanobook::Event;
using nanobook::EventKind;
using nanobook::Exchange;
using nanobook::OrderId;
using nanobook::Price;
using nanobook::Quantity;
using nanobook::Side;
using nanobook::TimeInForce;
using nanobook::TrailKind;

namespace {

constexpr auto no_error = static_cast<std::uint8_t>(nanobook::OrderError::none);
constexpr std::size_t piece = 1 << 20;  // rows between two looks at Ctrl-C: some 30 ms

[[noreturn]] void raise_row(std::size_t row, const std::string& message) {
    raise_value_error("row " + std::to_string(row) + ": " + message);
}

template <class Enum>
std::optional<std::uint8_t> decode(std::string_view text) {
    const int found = WordsOf<Enum>::words.find(text);
    if (found < 0) return std::nullopt;
    return static_cast<std::uint8_t>(found + WordsOf<Enum>::first);
}

// Sides as text, or as numbers: 1 and -1, or 0 and 1 for buy and sell. A column of nothing but 1 may be either.
ArrowColumn<std::uint8_t> read_sides(const ArrowTable& table, std::vector<std::uint8_t>& storage) {
    if (table.kind("side") != ArrowKind::integer) {
        return table.codes("side", decode<Side>, "'buy' or 'sell'");
    }
    auto numbers = table.integers<std::int64_t>("side");
    bool has_zero = false;
    bool has_minus = false;
    bool has_one = false;
    for (std::size_t row = 0; row < numbers.size(); ++row) {
        const std::int64_t number = numbers[row];
        if (number < -1 || number > 1) {
            raise_value_error("column 'side': row " + std::to_string(row) + " holds " + std::to_string(number) +
                              ", which is no side: 1 and -1 are buy and sell, or 0 and 1");
        }
        has_zero |= number == 0;
        has_minus |= number == -1;
        has_one |= number == 1;
    }
    if (has_zero && has_minus) raise_value_error("column 'side' holds 0 and -1: sides are 1 and -1, or 0 and 1");
    if (has_one && !has_zero && !has_minus) {
        raise_value_error(
            "column 'side' holds nothing but 1, which is buy beside -1 and sell beside 0: use 'buy' and 'sell'");
    }
    storage.resize(numbers.size());
    for (std::size_t row = 0; row < numbers.size(); ++row) {
        storage[row] = numbers[row] == (has_zero ? 1 : -1) ? 1 : 0;
    }
    return {};
}

// The sides of a table, however they are written.
class Sides {
  public:
    explicit Sides(const ArrowTable& table) : column_(read_sides(table, numbers_)) {
        codes_ = numbers_.empty() ? column_.values() : std::span<const std::uint8_t>(numbers_);
    }
    [[nodiscard]] Side operator[](std::size_t row) const noexcept { return static_cast<Side>(codes_[row]); }

  private:
    std::vector<std::uint8_t> numbers_;
    ArrowColumn<std::uint8_t> column_;
    std::span<const std::uint8_t> codes_;
};

// In pieces, each without the GIL, with a look at Ctrl-C between.
template <class Work>
void in_pieces(std::size_t rows, Work&& work) {
    for (std::size_t begin = 0; begin < rows; begin += piece) {
        const std::size_t end = std::min(rows, begin + piece);
        {
            const nb::gil_scoped_release released;
            for (std::size_t row = begin; row < end; ++row) work(row);
        }
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
    }
}

// ---------------------------------------------------------------------- events

// A column that may be missing, and then holds nothing.
template <class T>
struct Optional {
    std::optional<ArrowColumn<T>> column;
    const char* name;

    [[nodiscard]] bool has(std::size_t row) const noexcept { return column && !column->is_null(row); }
    [[nodiscard]] T need(std::size_t row, EventKind kind) const {
        if (!has(row)) raise_row(row, std::string("'") + name_of(kind) + "' needs '" + name + "'");
        return (*column)[row];
    }
    [[nodiscard]] T get(std::size_t row, T otherwise) const noexcept { return has(row) ? (*column)[row] : otherwise; }
};

struct EventColumns {
    explicit EventColumns(const ArrowTable& table)
        : kinds(table.codes("kind", decode_kind, "a kind of event", Nulls::refuse)),
          sides{codes(table, "side", decode<Side>, "'buy' or 'sell'"), "side"},
          prices{integers<Price>(table, "price"), "price"},
          stop_prices{integers<Price>(table, "stop_price"), "stop_price"},
          limit_prices{integers<Price>(table, "limit_price"), "limit_price"},
          quantities{integers<Quantity>(table, "quantity"), "quantity"},
          tifs{codes(table, "tif", decode<TimeInForce>, "'gtc', 'ioc' or 'fok'"), "tif"},
          order_ids{integers<OrderId>(table, "order_id"), "order_id"},
          trail_types{codes(table, "trail_type", decode<TrailKind>, "'fixed', 'percentage' or 'atr'"), "trail_type"},
          trail_values{reals(table, "trail_value"), "trail_value"},
          atr_periods{integers<std::uint32_t>(table, "atr_period"), "atr_period"},
          match_numbers{integers<std::uint64_t>(table, "match_number"), "match_number"},
          matching{booleans(table, "matching"), "matching"},
          printable{booleans(table, "printable"), "printable"},
          symbols{text(table, "symbol"), "symbol"} {}

    [[nodiscard]] Event event(std::size_t row) const {
        const auto kind = static_cast<EventKind>(kinds[row]);
        Event event = make(row, kind);
        if (symbols.has(row)) {
            const auto symbol = nanobook::Symbol::parse((*symbols.column)[row]);
            if (!symbol) raise_row(row, "the symbol is longer than 8 characters, or not ASCII");
            event.symbol = *symbol;
        }
        const auto error = nanobook::check(event);
        if (error != nanobook::InputError::none) raise_row(row, nanobook::describe(error, event));
        return event;
    }

  private:
    static std::optional<std::uint8_t> decode_kind(std::string_view text) {
        for (std::size_t i = 0; i < nanobook::event_kinds; ++i) {
            if (text == name_of(static_cast<EventKind>(i))) return static_cast<std::uint8_t>(i);
        }
        return std::nullopt;
    }
    template <class T>
    static std::optional<ArrowColumn<T>> integers(const ArrowTable& table, const char* name) {
        if (!table.has(name)) return std::nullopt;
        return table.integers<T>(name, Nulls::allow);
    }
    static std::optional<ArrowColumn<double>> reals(const ArrowTable& table, const char* name) {
        if (!table.has(name)) return std::nullopt;
        return table.reals(name, Nulls::allow);
    }
    static std::optional<ArrowColumn<std::uint8_t>> booleans(const ArrowTable& table, const char* name) {
        if (!table.has(name)) return std::nullopt;
        return table.booleans(name, Nulls::allow);
    }
    static std::optional<ArrowColumn<std::string_view>> text(const ArrowTable& table, const char* name) {
        if (!table.has(name)) return std::nullopt;
        return table.text(name, Nulls::allow);
    }
    static std::optional<ArrowColumn<std::uint8_t>> codes(const ArrowTable& table, const char* name,
                                                          const ArrowTable::Decode& decode, std::string_view expected) {
        if (!table.has(name)) return std::nullopt;
        return table.codes(name, decode, expected, Nulls::allow);
    }
    [[nodiscard]] nanobook::TrailMethod trail(std::size_t row, EventKind kind) const {
        const auto type = static_cast<TrailKind>(trail_types.need(row, kind));
        const double value = trail_values.need(row, kind);
        if (type == TrailKind::percentage) return nanobook::TrailMethod::percentage(value);
        if (type == TrailKind::atr) return nanobook::TrailMethod::atr(value, atr_periods.need(row, kind));
        if (!(value >= 1 && value < 0x1p63 && value == static_cast<double>(static_cast<Price>(value)))) {
            raise_row(row, "trail value is " + std::to_string(value) +
                               "; a fixed trail is a whole number of price units, at least 1");
        }
        return nanobook::TrailMethod::fixed(static_cast<Price>(value));
    }

    [[nodiscard]] Event make(std::size_t row, EventKind kind) const {
        const auto side = [&] { return static_cast<Side>(sides.need(row, kind)); };
        const auto quantity = [&] { return quantities.need(row, kind); };
        const auto price = [&] { return prices.need(row, kind); };
        const auto stop = [&] { return stop_prices.need(row, kind); };
        const auto limit = [&] { return limit_prices.need(row, kind); };
        const auto order = [&] { return order_ids.need(row, kind); };
        const auto tif = static_cast<TimeInForce>(tifs.get(row, 0));
        const bool is_matching = matching.get(row, 1) != 0;
        const std::uint64_t match = match_numbers.get(row, 0);
        switch (kind) {
            case EventKind::submit_limit: return Event::submit_limit(side(), price(), quantity(), tif, is_matching);
            case EventKind::submit_market: return Event::submit_market(side(), quantity());
            case EventKind::cancel: return Event::cancel(order());
            case EventKind::reduce: return Event::reduce(order(), quantity());
            case EventKind::modify: return Event::modify(order(), price(), quantity(), is_matching);
            case EventKind::submit_stop_market: return Event::submit_stop_market(side(), stop(), quantity());
            case EventKind::submit_stop_limit:
                return Event::submit_stop_limit(side(), stop(), limit(), quantity(), tif);
            case EventKind::submit_trailing_stop_market:
                return Event::submit_trailing_stop_market(side(), stop(), quantity(), trail(row, kind));
            case EventKind::submit_trailing_stop_limit:
                return Event::submit_trailing_stop_limit(side(), stop(), limit(), quantity(), trail(row, kind), tif);
            case EventKind::execute:
                return Event::execute(order(), quantity(), match, prices.get(row, Event::own_price),
                                      printable.get(row, 1) != 0);
            case EventKind::trade: break;
        }
        return Event::trade(side(), price(), quantity(), match);
    }

    ArrowColumn<std::uint8_t> kinds;
    Optional<std::uint8_t> sides;
    Optional<Price> prices;
    Optional<Price> stop_prices;
    Optional<Price> limit_prices;
    Optional<Quantity> quantities;
    Optional<std::uint8_t> tifs;
    Optional<OrderId> order_ids;
    Optional<std::uint8_t> trail_types;
    Optional<double> trail_values;
    Optional<std::uint32_t> atr_periods;
    Optional<std::uint64_t> match_numbers;
    Optional<std::uint8_t> matching;
    Optional<std::uint8_t> printable;
    Optional<std::string_view> symbols;
};

// Where the answer to an event goes.
struct PutAnswer {
    BatchResult& results;
    std::size_t row;

    void operator()(const nanobook::SubmitResult& r) const {
        results.put(row, r.order_id, static_cast<std::uint8_t>(r.status), r.filled, r.resting, r.cancelled, no_error);
    }
    void operator()(const nanobook::CancelResult& r) const {
        results.put(row, 0, BatchResult::none, 0, 0, r.cancelled, static_cast<std::uint8_t>(r.error));
    }
    void operator()(const nanobook::ModifyResult& r) const {
        if (r.success()) return (*this)(r.submitted);
        results.put(row, 0, BatchResult::none, 0, 0, 0, static_cast<std::uint8_t>(r.error));
    }
    void operator()(const nanobook::StopSubmitResult& r) const {
        results.put(row, r.order_id, static_cast<std::uint8_t>(r.status), 0, 0, 0, no_error);
    }
    void operator()(const nanobook::PrintResult& r) const {
        results.put(row, 0, BatchResult::none, r.quantity, 0, 0, static_cast<std::uint8_t>(r.error));
    }
};

}  // namespace

BatchResult::BatchResult(std::size_t rows) : rows_(rows) {
    const std::size_t bytes = rows * (4 * sizeof(std::uint64_t) + 2);
    memory_ = {static_cast<std::byte*>(nanobook::detail::allocate_block(bytes)),
               [bytes](std::byte* memory) { nanobook::detail::free_block(memory, bytes); }};
    order_ids_ = reinterpret_cast<std::uint64_t*>(memory_.get());
    filled_ = order_ids_ + rows;
    resting_ = filled_ + rows;
    cancelled_ = resting_ + rows;
    statuses_ = reinterpret_cast<std::uint8_t*>(cancelled_ + rows);
    errors_ = statuses_ + rows;
}

ArrowBatch BatchResult::table() const {
    ArrowBatch table(rows_);
    const auto set_if = [&](std::uint8_t* bits, auto&& has) {
        for (std::size_t row = 0; row < rows_; ++row) {
            bits[row / 8] = static_cast<std::uint8_t>(bits[row / 8] | unsigned{has(row)} << row % 8);
        }
    };
    table.borrow("order_id", std::span<const std::uint64_t>(order_ids_, rows_), memory_);
    set_if(table.add_validity(), [&](std::size_t row) { return order_ids_[row] != 0; });
    std::memcpy(table.add_names<std::int8_t>("status", status_names()), statuses_, rows_);
    set_if(table.add_validity(), [&](std::size_t row) { return statuses_[row] != none; });
    table.borrow("filled_quantity", std::span<const std::uint64_t>(filled_, rows_), memory_);
    table.borrow("resting_quantity", std::span<const std::uint64_t>(resting_, rows_), memory_);
    table.borrow("cancelled_quantity", std::span<const std::uint64_t>(cancelled_, rows_), memory_);
    std::memcpy(table.add_names<std::int8_t>("error", error_names()), errors_, rows_);
    set_if(table.add_validity(), [&](std::size_t row) { return errors_[row] != no_error; });
    return table;
}

BatchResult submit_batch(Exchange& self, nb::handle frame) {
    const ArrowTable table(frame);
    const Sides sides(table);
    const auto prices = table.integers<Price>("price", Nulls::allow);
    const auto quantities = table.integers<Quantity>("quantity");
    std::optional<ArrowColumn<std::uint8_t>> tifs;
    if (table.has("tif")) tifs = table.codes("tif", decode<TimeInForce>, "'gtc', 'ioc' or 'fok'", Nulls::allow);

    // All of them before the first is submitted.
    for (std::size_t row = 0; row < table.rows(); ++row) {
        if (quantities[row] == 0) raise_row(row, "quantity is 0; it must be at least 1");
        if (prices[row] <= 0 && !prices.is_null(row)) {
            raise_row(row, "price is " + std::to_string(prices[row]) + "; it must be at least 1");
        }
    }
    BatchResult results(table.rows());
    const Busy busy(self);
    in_pieces(table.rows(), [&](std::size_t row) {
        const auto tif = tifs ? static_cast<TimeInForce>((*tifs)[row]) : TimeInForce::gtc;
        const nanobook::SubmitResult result = prices.is_null(row)
                                                  ? self.submit_market(sides[row], quantities[row])
                                                  : self.submit_limit(sides[row], prices[row], quantities[row], tif);
        PutAnswer{results, row}(result);
    });
    return results;
}

BatchResult apply_batch(Exchange& self, nb::handle frame) {
    const ArrowTable table(frame);
    const EventColumns columns(table);
    std::vector<Event> events(table.rows());
    // All of them before the first is applied.
    for (std::size_t row = 0; row < events.size(); ++row) events[row] = columns.event(row);
    BatchResult results(events.size());
    const Busy busy(self);
    self.set_symbol(symbol_of(events, self.options().symbol));
    in_pieces(events.size(), [&](std::size_t row) { std::visit(PutAnswer{results, row}, self.apply(events[row])); });
    return results;
}
