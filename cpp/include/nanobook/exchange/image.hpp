// The whole state of an exchange as bytes, and back: for copies, pickles and checkpoints. Unlike a replay of its events
// it works whatever was cleared, and with the log switched off.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include <nanobook/core/trade.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/detail/append_log.hpp>
#include <nanobook/detail/little_endian.hpp>
#include <nanobook/exchange/event.hpp>
#include <nanobook/exchange/exchange.hpp>
#include <nanobook/exchange/order_table.hpp>
#include <nanobook/exchange/stop_order.hpp>

namespace nanobook {
namespace detail {

/// Writes numbers one after another.
class Packer {
  public:
    static constexpr bool reads = false;

    template <class... Values>
    void operator()(const Values&... values) {
        (put(values), ...);
    }
    [[nodiscard]] std::vector<std::byte> take() && noexcept { return std::move(bytes_); }

  private:
    template <class Value>
        requires(std::integral<Value> || std::is_enum_v<Value>)
    void put(Value value) {
        const auto number =
            static_cast<std::make_unsigned_t<std::conditional_t<std::same_as<Value, bool>, char, Value>>>(value);
        bytes_.resize(bytes_.size() + sizeof(number));
        store_little_endian(bytes_.data() + bytes_.size() - sizeof(number), number);
    }
    void put(const std::optional<Price>& price) { (*this)(price.has_value(), price.value_or(0)); }

    std::vector<std::byte> bytes_;
};

/// Reads them back. std::invalid_argument where there are no more.
class Unpacker {
  public:
    static constexpr bool reads = true;

    explicit Unpacker(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

    template <class... Values>
    void operator()(Values&... values) {
        (get(values), ...);
    }
    /// A number of rows, each of a byte at least.
    [[nodiscard]] std::uint64_t count() {
        std::uint64_t count = 0;
        get(count);
        require(count <= bytes_.size());
        return count;
    }
    static void require(bool sound) {
        if (!sound) throw std::invalid_argument("the bytes are not the whole image of an exchange");
    }
    [[nodiscard]] bool is_at_end() const noexcept { return bytes_.empty(); }

  private:
    template <class Value>
        requires(std::integral<Value> || std::is_enum_v<Value>)
    void get(Value& value) {
        using Number = std::make_unsigned_t<std::conditional_t<std::same_as<Value, bool>, char, Value>>;
        require(bytes_.size() >= sizeof(Number));
        value = static_cast<Value>(load_little_endian<Number>(bytes_.data()));
        bytes_ = bytes_.subspan(sizeof(Number));
    }
    void get(std::optional<Price>& price) {
        bool has_value = false;
        Price value = 0;
        (*this)(has_value, value);
        price = has_value ? std::optional(value) : std::nullopt;
    }

    std::span<const std::byte> bytes_;
};

// Each row once, for both directions.
template <class Archive, class Row>
    requires std::same_as<std::remove_const_t<Row>, Trade>
void pack(Archive& archive, Row& trade) {
    archive(trade.id, trade.price, trade.quantity, trade.aggressor_order_id, trade.passive_order_id, trade.timestamp,
            trade.aggressor_side);
}
template <class Archive, class Row>
    requires std::same_as<std::remove_const_t<Row>, StopOrder>
void pack(Archive& archive, Row& stop) {
    archive(stop.id, stop.stop_price, stop.limit_price, stop.quantity, stop.timestamp, stop.child_order_id,
            stop.watermark, stop.trail.kind, stop.trail.period, stop.trail.bits, stop.side, stop.time_in_force,
            stop.status);
}
template <class Archive, class Row>
    requires std::same_as<std::remove_const_t<Row>, Event>
void pack(Archive& archive, Row& event) {
    archive(event.kind, event.side, event.time_in_force);
    TrailKind trail = event.trail_kind;
    bool matching = event.matching;
    bool printable = event.printable;
    archive(trail, matching, printable);
    if constexpr (Archive::reads) {
        event.trail_kind = trail;
        event.matching = matching;
        event.printable = printable;
    }
    archive(event.trail_period, event.price, event.quantity, event.reference, event.value);
    for (auto& letter : event.symbol.text) archive(letter);
}
template <class Archive, class Row>
    requires std::same_as<std::remove_const_t<Row>, Price>
void pack(Archive& archive, Row& price) {
    archive(price);
}

template <class Row>
void pack_log(Packer& packer, const AppendLog<Row>& log) {
    packer(log.size());
    for (const Row& row : log.view()) pack(packer, row);
}
template <class Row>
[[nodiscard]] AppendLog<Row> unpack_log(Unpacker& unpacker) {
    AppendLog<Row> log;
    for (std::uint64_t left = unpacker.count(); left > 0; --left) {
        Row row{};
        pack(unpacker, row);
        log.push(row);
    }
    return log;
}

}  // namespace detail

/// Its own kind of exchange reads what it has written.
template <class Log, std::uint32_t Slack>
struct ExchangeImage<BasicExchange<Log, Slack>> {
    using Exchange = BasicExchange<Log, Slack>;

    [[nodiscard]] static std::vector<std::byte> write(const Exchange& exchange) {
        detail::Packer packer;
        packer(format);
        for (const char letter : exchange.options_.symbol.text) packer(letter);
        packer(exchange.options_.max_rounds, exchange.options_.price_scale, exchange.next_trade_, exchange.next_tick_,
               exchange.last_price_);

        const OrderTable& orders = exchange.orders_;
        packer(orders.next_id() - 1);
        for (OrderId id = 1; id < orders.next_id(); ++id) {
            const OrderSlot& slot = orders.slot(id);
            packer(slot.kind);
            if (slot.kind == SlotKind::none) continue;
            packer(slot.remaining, slot.status, slot.side, slot.time_in_force);
            if (slot.kind == SlotKind::stop) continue;
            const OrderRecord& record = orders.record(id);
            packer(record.price, record.quantity, record.timestamp, orders.reduced(id));
        }
        for (const Side side : {Side::buy, Side::sell}) {
            std::vector<OrderId> queue;
            exchange.book_.for_each_order(exchange.levels_, side, orders,
                                          [&](OrderId id, const auto&) { queue.push_back(id); });
            packer(std::uint64_t{queue.size()});
            for (const OrderId id : queue) packer(id);
        }

        packer(std::uint64_t{exchange.stops_->end()} - 1);
        for (StopNumber number = 1; number < exchange.stops_->end(); ++number) {
            const StopOrder stop = exchange.stops_->get(number);
            pack(packer, stop);
        }
        packer(std::uint64_t{exchange.children_.size()});
        for (const auto& child : exchange.children_) packer(child.order_id, child.stop_id);

        pack_log(packer, exchange.stops_->history().prices());
        pack_log(packer, exchange.trades_);
        packer(exchange.log_.enabled(), exchange.log_.complete());
        pack_log(packer, exchange.log_.events());
        packer(exchange.state_hash());
        return std::move(packer).take();
    }

    /// std::invalid_argument where the bytes are no image.
    [[nodiscard]] static Exchange read(std::span<const std::byte> bytes) {
        detail::Unpacker unpacker(bytes);
        std::uint64_t word = 0;
        unpacker(word);
        detail::Unpacker::require(word == format);
        ExchangeOptions options;
        for (char& letter : options.symbol.text) unpacker(letter);
        unpacker(options.max_rounds, options.price_scale);
        Exchange exchange(options);
        unpacker(exchange.next_trade_, exchange.next_tick_, exchange.last_price_);

        OrderTable& orders = exchange.orders_;
        for (std::uint64_t left = unpacker.count(); left > 0; --left) {
            const OrderId id = orders.take_id();
            OrderSlot& slot = orders.slot(id);
            slot = {};
            unpacker(slot.kind);
            if (slot.kind == SlotKind::none) continue;
            unpacker(slot.remaining, slot.status, slot.side, slot.time_in_force);
            if (slot.kind == SlotKind::stop) continue;
            OrderRecord& record = orders.record(id);
            Quantity reduced = 0;
            unpacker(record.price, record.quantity, record.timestamp, reduced);
            if (reduced > 0) orders.add_reduced(id, reduced);
        }
        for (const Side side : {Side::buy, Side::sell}) {
            for (std::uint64_t left = unpacker.count(); left > 0; --left) {
                OrderId id = 0;
                unpacker(id);
                OrderSlot* const slot = orders.find(id);
                detail::Unpacker::require(slot != nullptr && slot->kind == SlotKind::order && slot->level == no_level &&
                                          slot->side == side);
                slot->level =
                    exchange.book_.add(exchange.levels_, 0, side, orders.record(id).price, id, slot->remaining);
            }
        }

        std::vector<StopOrder> stops(unpacker.count());
        for (StopOrder& stop : stops) pack(unpacker, stop);
        exchange.children_.resize(unpacker.count());
        for (auto& child : exchange.children_) unpacker(child.order_id, child.stop_id);

        exchange.stops_->restore(stops, detail::unpack_log<Price>(unpacker));
        exchange.trades_ = detail::unpack_log<Trade>(unpacker);
        bool log_enabled = false;
        bool log_complete = false;
        unpacker(log_enabled, log_complete);
        exchange.log_.restore(detail::unpack_log<Event>(unpacker), log_complete);
        exchange.log_.enable(log_enabled);
        unpacker(word);
        detail::Unpacker::require(unpacker.is_at_end() && word == exchange.state_hash());
        return exchange;
    }

  private:
    static constexpr std::uint64_t format = 0x0001'474d'4942'4e01;
};

/// The state of an exchange as bytes.
template <class Log, std::uint32_t Slack>
[[nodiscard]] std::vector<std::byte> to_image(const BasicExchange<Log, Slack>& exchange) {
    return ExchangeImage<BasicExchange<Log, Slack>>::write(exchange);
}

/// An exchange as it was when `to_image` gave these bytes. std::invalid_argument where they are no image.
template <class Exchange = nanobook::Exchange>
[[nodiscard]] Exchange from_image(std::span<const std::byte> bytes) {
    return ExchangeImage<Exchange>::read(bytes);
}

}  // namespace nanobook
