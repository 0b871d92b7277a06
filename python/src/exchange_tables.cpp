#include "exchange_tables.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "arguments.hpp"
#include "exchange_objects.hpp"

using nanobook::Event;
using nanobook::EventKind;
using nanobook::Order;
using nanobook::Price;
using nanobook::Trade;
using nanobook::TrailKind;

namespace {

const std::vector<std::string> time_in_force_names{"gtc", "ioc", "fok"};
const std::vector<std::string> trail_names{"none", "fixed", "percentage", "atr"};

std::vector<std::string> event_names() {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < nanobook::event_kinds; ++i) names.emplace_back(name_of(static_cast<EventKind>(i)));
    return names;
}

template <class Value>
std::optional<Value> only_if(bool has, Value value) {
    return has ? std::optional(value) : std::nullopt;
}

bool is_stop(const Event& e) {
    return e.kind >= EventKind::submit_stop_market && e.kind <= EventKind::submit_trailing_stop_limit;
}
bool is_submit(const Event& e) { return e.kind <= EventKind::submit_market || is_stop(e); }
bool has_time_in_force(const Event& e) { return e.kind == EventKind::submit_limit || has_limit_price(e.kind); }
bool has_order(const Event& e) {
    return e.kind == EventKind::cancel || e.kind == EventKind::reduce || e.kind == EventKind::modify ||
           e.kind == EventKind::execute;
}
bool is_print(const Event& e) { return e.kind == EventKind::execute || e.kind == EventKind::trade; }
bool has_price(const Event& e) {
    return e.kind == EventKind::submit_limit || e.kind == EventKind::modify || e.kind == EventKind::trade ||
           (e.kind == EventKind::execute && e.price != Event::own_price);
}

// Every field of every kind, named like the arguments that make it; null where a kind has none.
const ArrowColumns<Event>& event_columns() {
    static const ArrowColumns<Event> columns =
        ArrowColumns<Event>()
            .add("kind", event_names(), &Event::kind)
            .add("side", side_names(),
                 [](const Event& e) { return only_if(is_submit(e) || e.kind == EventKind::trade, e.side); })
            .add("price", [](const Event& e) { return only_if(has_price(e), e.price); })
            .add("stop_price", [](const Event& e) { return only_if(is_stop(e), e.price); })
            .add("limit_price", [](const Event& e) { return only_if(has_limit_price(e.kind), e.limit_price()); })
            .add("quantity", [](const Event& e) { return only_if(e.kind != EventKind::cancel, e.quantity); })
            .add("tif", time_in_force_names,
                 [](const Event& e) { return only_if(has_time_in_force(e), e.time_in_force); })
            .add("order_id", [](const Event& e) { return only_if(has_order(e), e.order_id()); })
            .add("trail_type", trail_names, [](const Event& e) { return only_if(has_trail(e.kind), e.trail().kind); })
            .add("trail_value",
                 [](const Event& e) {
                     const nanobook::TrailMethod trail = e.trail();
                     return only_if(has_trail(e.kind), trail.kind == TrailKind::fixed
                                                           ? static_cast<double>(trail.distance())
                                                           : trail.factor());
                 })
            .add("atr_period", [](const Event& e) { return only_if(e.trail().kind == TrailKind::atr, e.trail_period); })
            .add("match_number", [](const Event& e) { return only_if(is_print(e), e.match_number()); })
            .add("matching", [](const Event& e) -> bool { return e.matching; })
            .add("printable", [](const Event& e) -> bool { return e.printable; });
    return columns;
}

// Few symbols, many events: a number each.
template <class Events>
void add_symbols(ArrowBatch& batch, const Events& events) {
    std::map<nanobook::Symbol, std::int32_t> numbers;
    std::vector<std::int32_t> column;
    column.reserve(batch.rows());
    nanobook::Symbol last{};
    std::int32_t number = numbers.try_emplace(last, 0).first->second;
    std::vector<std::string> names{""};
    for (const Event& event : events) {
        if (event.symbol != last) {
            last = event.symbol;
            const auto [at, is_new] = numbers.try_emplace(last, static_cast<std::int32_t>(names.size()));
            if (is_new) names.emplace_back(last.view());
            number = at->second;
        }
        column.push_back(number);
    }
    std::copy(column.begin(), column.end(), batch.add_names<std::int32_t>("symbol", std::move(names)));
}

}  // namespace

const std::vector<std::string>& side_names() {
    static const std::vector<std::string> names{"buy", "sell"};
    return names;
}

const std::vector<std::string>& status_names() {
    static const std::vector<std::string> names{"New",       "PartiallyFilled", "Filled",
                                                "Cancelled", "Pending",         "Triggered"};
    return names;
}

const std::vector<std::string>& error_names() {
    static const std::vector<std::string> names{"none", "OrderNotFound", "OrderNotActive", "InvalidQuantity"};
    return names;
}

ArrowBatch to_table(const nanobook::detail::AppendLog<Trade>& trades) {
    static const ArrowColumns<Trade> columns = ArrowColumns<Trade>()
                                                   .add("trade_id", &Trade::id)
                                                   .add("price", &Trade::price)
                                                   .add("quantity", &Trade::quantity)
                                                   .add("aggressor_side", side_names(), &Trade::aggressor_side)
                                                   .add("aggressor_order_id", &Trade::aggressor_order_id)
                                                   .add("passive_order_id", &Trade::passive_order_id)
                                                   .add("timestamp", &Trade::timestamp);
    return columns.batch(trades);
}

ArrowBatch to_table(const std::vector<Order>& orders) {
    static const ArrowColumns<Order> columns =
        ArrowColumns<Order>()
            .add("order_id", &Order::id)
            .add("side", side_names(), &Order::side)
            .add("price", &Order::price)
            .add("original_quantity", &Order::quantity)
            .add("remaining_quantity", &Order::remaining)
            .add("filled_quantity", &Order::filled)
            .add("cancelled_quantity", &Order::cancelled)
            .add("status", status_names(), &Order::status)
            .add("time_in_force", time_in_force_names, &Order::time_in_force)
            .add("timestamp", &Order::timestamp)
            .add("stop_id", [](const Order& order) { return only_if(order.stop_id != 0, order.stop_id); });
    return columns.batch(orders);
}

ArrowBatch to_table(const nanobook::BookSnapshot& snapshot) {
    struct Row {
        nanobook::Side side;
        std::uint32_t level;
        nanobook::LevelView view;
    };
    std::vector<Row> rows;
    for (const auto side : {nanobook::Side::buy, nanobook::Side::sell}) {
        std::uint32_t level = 0;
        for (const nanobook::LevelView& view : side == nanobook::Side::buy ? snapshot.bids : snapshot.asks) {
            if (view.quantity.high != 0) {
                raise_value_error("the total quantity at price " + std::to_string(view.price) +
                                  " is above 2^64 - 1, the most that a column holds");
            }
            rows.push_back({side, level++, view});
        }
    }
    static const ArrowColumns<Row> columns =
        ArrowColumns<Row>()
            .add("side", side_names(), &Row::side)
            .add("level", &Row::level)
            .add("price", [](const Row& row) { return row.view.price; })
            .add("quantity", [](const Row& row) { return row.view.quantity.low; })
            .add("order_count", [](const Row& row) { return row.view.order_count; });
    return columns.batch(rows);
}

ArrowBatch to_table(const nanobook::detail::AppendLog<Event>& events) {
    ArrowBatch batch = event_columns().batch(events);
    add_symbols(batch, events.view());
    return batch;
}

ArrowBatch to_table(std::span<const Event> events, std::span<const nanobook::Timestamp> times) {
    ArrowBatch batch = event_columns().batch(events);
    add_symbols(batch, events);
    std::copy(times.begin(), times.end(), batch.add<nanobook::Timestamp>("timestamp"));
    return batch;
}
