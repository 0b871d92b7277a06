// From ITCH messages to what an exchange is told: a stream becomes events, and events become the same books.
//
//     nanobook::itch::EventStream stream({.symbols = {*nanobook::Symbol::parse("AAPL")}});
//     nanobook::Exchange exchange;
//     stream.feed(bytes, [&](std::span<const nanobook::Event> events) { exchange.apply_all(events); });
//
// A message makes one event or none:
//
//     A F    submit_limit that does not match: Nasdaq has matched already, and before the open books are crossed
//     E      execute at the order's own price
//     C      execute at its price, printable or not
//     X      reduce
//     D      cancel
//     U      modify that does not match; a cancel where the replay adds nothing (0 shares, or a reference that rests)
//     P      trade off the book
//     other  none. A cross (Q) prints what its C messages took off the book already, or what never was there; and an
//            exchange takes no trade back (B).
//
// So an exchange has as many trades as the stream has E, printable C and P, of orders that rest and of at least one
// share; its book is the replay's after every message. What the replay finds odd it counts, and what then changes
// nothing makes no event: no exchange refuses an event, and all answer with success.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/exchange/event.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/observer.hpp>
#include <nanobook/itch/order_index.hpp>
#include <nanobook/itch/replay.hpp>

namespace nanobook::itch {

/// Decimals of the prices of events made from ITCH: 1500000 is $150.00.
inline constexpr std::uint32_t event_price_scale = 4;

/// Events in a row, and when their messages say they happened. A range of events.
struct EventBatch {
    std::span<const Event> events;
    std::span<const Timestamp> times;  ///< one an event, in nanoseconds since midnight

    [[nodiscard]] std::size_t size() const noexcept { return events.size(); }
    [[nodiscard]] bool empty() const noexcept { return events.empty(); }
    [[nodiscard]] auto begin() const noexcept { return events.begin(); }
    [[nodiscard]] auto end() const noexcept { return events.end(); }

    [[nodiscard]] EventBatch subspan(std::size_t first, std::size_t count) const noexcept {
        return {events.subspan(first, count), times.subspan(first, count)};
    }
};

/// The replay's index of live orders serves for ids too: a slot holds an id in place of level and shares.
struct IdSlot {
    static constexpr std::uint32_t low_bits = 31;
    static constexpr std::uint32_t in_use = 1u << low_bits;  // no id may look like an empty slot

    [[nodiscard]] static constexpr OrderSlot of(OrderId id) noexcept {
        return {static_cast<std::uint32_t>(id) | in_use, static_cast<std::uint32_t>(id >> low_bits)};
    }
    [[nodiscard]] static constexpr OrderId id(const OrderSlot& slot) noexcept {
        return OrderId{slot.shares} << low_bits | (slot.level & (in_use - 1));
    }
};
static_assert(IdSlot::id(IdSlot::of(1)) == 1 && IdSlot::id(IdSlot::of(OrderId{3} << 31)) == OrderId{3} << 31);
static_assert(IdSlot::of(OrderId{3} << 31).level != no_level);

/// Makes events of what a replay tells it: the observer of an EventStream.
class EventMaker {
  public:
    using Source = Replay<EventMaker>;

    void on_change(const BookChange& change) {
        if (change.removed_shares == 0) {
            if (change.added_shares != 0) submit(change);
        } else if (change.added_shares != 0) {
            modify(change);
        } else {
            remove(change);
        }
    }

    // What an E or C prints its execution does.
    void on_print(const Print& print) {
        if (print.message.type != Trade::code || print.shares == 0) return;
        const auto& message = static_cast<const Trade&>(print.message);
        // The message has the side of the order that rested unseen (always B since 2014); the event has the other's.
        const Side aggressor = message.side == 'S' ? Side::buy : Side::sell;
        push(Event::trade(aggressor, print.price, print.shares, print.match), message,
             exchange_for(desk_of(print.locate), print.locate));
    }

    /// To be told before it is told anything else: the replay may have moved.
    void observe(const Source& replay) noexcept { replay_ = &replay; }

    /// Forgets the events made so far.
    void clear() noexcept {
        events_.clear();
        times_.clear();
        named_ = 0;
    }

    /// The events made since it was cleared.
    [[nodiscard]] EventBatch take() {
        while (named_ < events_.size()) name_oldest();
        return {events_, times_};
    }

    /// What the exchange calls a live order; 0 for none. Not while events wait to be taken.
    [[nodiscard]] OrderId order_id(std::uint64_t ref) const noexcept {
        const OrderSlot slot = ids_.slot_of(ref);
        return slot.level != no_level ? IdSlot::id(slot) : 0;
    }

    [[nodiscard]] std::vector<Symbol> symbols() const {
        std::vector<Symbol> symbols;
        for (const ExchangeOf& exchange : exchanges_) symbols.push_back(exchange.symbol);
        return symbols;
    }

  private:
    /// What is told to one symbol. Every order it is told of, and every replacement, takes its next id.
    struct ExchangeOf {
        Symbol symbol;
        OrderId next_id = 1;
    };

    /// Where the events of a locate go.
    struct Desk {
        static constexpr std::uint32_t nowhere = std::numeric_limits<std::uint32_t>::max();

        std::uint32_t exchange = nowhere;
        std::uint32_t live_orders = 0;
    };

    /// What an event must still learn: the id of its order.
    struct Nameless {
        std::uint64_t ref;      ///< of the order it speaks of
        std::uint64_t new_ref;  ///< of the order it adds, ...
        OrderId new_id;         ///< ... which has this id
        bool is_last;           ///< the order it speaks of is gone afterwards
    };

    void submit(const BookChange& change) {
        Desk& desk = desk_of(change.locate);
        ExchangeOf& exchange = exchange_for(desk, change.locate);
        ++desk.live_orders;
        const Event event =
            Event::submit_limit(change.side, change.added_price, change.added_shares, TimeInForce::gtc, false);
        push(event, change.message, exchange, {0, change.added_ref, exchange.next_id++, false});
    }

    void modify(const BookChange& change) {
        ExchangeOf& exchange = exchanges_[desks_[change.locate].exchange];
        push(Event::modify(0, change.added_price, change.added_shares, false), change.message, exchange,
             {change.ref, change.added_ref, exchange.next_id++, true});
    }

    void remove(const BookChange& change) {
        Desk& desk = desks_[change.locate];
        // The replay has just touched it.
        const bool is_last = replay_->orders().level_of(change.ref) == no_level;
        if (is_last) --desk.live_orders;
        push(removal(change), change.message, exchanges_[desk.exchange], {change.ref, 0, 0, is_last});
    }

    static Event removal(const BookChange& change) {
        switch (change.message.type) {
            case OrderExecuted::code: {
                const auto& message = static_cast<const OrderExecuted&>(change.message);
                return Event::execute(0, change.removed_shares, message.match);
            }
            case OrderExecutedWithPrice::code: {
                const auto& message = static_cast<const OrderExecutedWithPrice&>(change.message);
                return Event::execute(0, change.removed_shares, message.match, message.price, message.printable == 'Y');
            }
            case OrderCancel::code: return Event::reduce(0, change.removed_shares);
            default: return Event::cancel(0);
        }
    }

    // The id of an order lies anywhere in memory, like the order: it is asked for now and read some events later.
    void push(const Event& event, const Header& message, const ExchangeOf& exchange, const Nameless& nameless = {}) {
        if (events_.size() - named_ == nameless_.size()) name_oldest();
        if (nameless.new_id != 0) ids_.prefetch(nameless.new_ref);
        if (event.kind != EventKind::submit_limit) ids_.prefetch(nameless.ref);
        nameless_[events_.size() % nameless_.size()] = nameless;
        events_.push_back(event);
        events_.back().symbol = exchange.symbol;
        times_.push_back(message.timestamp);
    }

    void name_oldest() {
        Event& event = events_[named_];
        const Nameless& nameless = nameless_[named_ % nameless_.size()];
        ++named_;
        if (event.kind == EventKind::trade) return;
        if (event.kind != EventKind::submit_limit) {
            const auto order = ids_.find(nameless.ref);
            assert(order);
            event.reference = IdSlot::id(*order);
            if (nameless.is_last) ids_.erase(order);
        }
        if (nameless.new_id != 0) {
            OrderSlot* const slot = ids_.claim(nameless.new_ref);
            assert(slot != nullptr);
            *slot = IdSlot::of(nameless.new_id);
        }
    }

    Desk& desk_of(Locate locate) {
        if (locate >= desks_.size()) [[unlikely]]
            desks_.resize(locate + std::size_t{1});
        return desks_[locate];
    }

    ExchangeOf& exchange_for(Desk& desk, Locate locate) {
        const Symbol& symbol = replay_->listings()[locate].symbol;
        if (desk.exchange == Desk::nowhere || exchanges_[desk.exchange].symbol != symbol) [[unlikely]]
            assign(desk, symbol);
        return exchanges_[desk.exchange];
    }

    // A locate has its symbol for a day: in a file of several it has another the next day. The orders it has must be
    // gone by then; as long as they are not, they and what comes stay where they are. Two locates of one symbol share
    // its exchange.
    [[gnu::noinline]] void assign(Desk& desk, const Symbol& symbol) {
        if (desk.live_orders != 0) return;
        const auto next = static_cast<std::uint32_t>(exchanges_.size());
        const auto [found, is_new] = numbers_.try_emplace(symbol, next);
        if (is_new) exchanges_.push_back({symbol});
        desk.exchange = found->second;
    }

    const Source* replay_ = nullptr;
    std::vector<Event> events_;
    std::vector<Timestamp> times_;
    std::size_t named_ = 0;  // so many events have the ids they need
    std::array<Nameless, 32> nameless_{};
    OrderIndex ids_;
    std::vector<Desk> desks_;  // by locate
    std::vector<ExchangeOf> exchanges_;
    std::map<Symbol, std::uint32_t> numbers_;  // of exchanges
};

/// Bytes in, events out. Every event bears its symbol. Order ids are those that an exchange of that symbol alone gives
/// when it is told all events of the symbol, and nothing else. Memory follows the live orders, and 16 bytes an
/// execution (see TradeLog). It can be moved between feeds.
class EventStream {
  public:
    explicit EventStream(ReplayOptions options = {}) : replay_(std::move(options)) {}

    /// The next bytes of the stream, cut anywhere. Hands the events they make to `sink(batch)`, which may take an
    /// EventBatch or a std::span<const Event>; a batch is good until the next feed. False once the replay has stopped.
    /// Where the sink throws, the stream is of no further use.
    template <class Sink>
    bool feed(std::span<const std::byte> bytes, Sink&& sink) {
        EventMaker& maker = replay_.observer();
        maker.observe(replay_);
        for (;;) {
            const auto piece = bytes.first(std::min(piece_size, bytes.size()));
            bytes = bytes.subspan(piece.size());
            maker.clear();
            const bool goes_on = replay_.feed(piece);
            const EventBatch batch = maker.take();
            if (!batch.empty()) sink(batch);
            if (bytes.empty() || !goes_on) return goes_on;
        }
    }

    /// There are no more bytes. Makes no events.
    void finish() { replay_.finish(); }

    /// With the books, and the report of what was odd.
    [[nodiscard]] const EventMaker::Source& replay() const noexcept { return replay_; }
    [[nodiscard]] const Reader& reader() const noexcept { return replay_.reader(); }
    [[nodiscard]] const Report& report() const noexcept { return replay_.report(); }

    /// What its exchange calls the live order of a reference; 0 where none is live.
    [[nodiscard]] OrderId order_id(std::uint64_t ref) const noexcept { return replay_.observer().order_id(ref); }

    /// Those that events bore so far, in order of their first.
    [[nodiscard]] std::vector<Symbol> symbols() const { return replay_.observer().symbols(); }

    /// How many bytes make a batch: their events fit a cache, and what begins anew with each batch costs little.
    static constexpr std::size_t piece_size = std::size_t{1} << 16;

  private:
    EventMaker::Source replay_;
};

/// How many events a stream makes: a pass over all of it.
[[nodiscard]] inline std::uint64_t count_events(std::span<const std::byte> bytes, ReplayOptions options = {}) {
    std::uint64_t count = 0;
    EventStream(std::move(options)).feed(bytes, [&](const EventBatch& batch) { count += batch.size(); });
    return count;
}

/// The events of bytes that stay, such as a mapped file's, read like a file: onwards is cheap, back begins anew.
class EventCursor {
  public:
    explicit EventCursor(std::span<const std::byte> bytes, ReplayOptions options = {})
        : bytes_(bytes), left_(bytes), options_(std::move(options)), stream_(options_) {}

    /// The next events, at most `most` and at most a batch; none at the end. Good until the next call.
    [[nodiscard]] EventBatch next(std::size_t most = std::numeric_limits<std::size_t>::max()) {
        fill();
        const EventBatch taken = batch_.subspan(0, std::min(most, batch_.size()));
        batch_ = batch_.subspan(taken.size(), batch_.size() - taken.size());
        position_ += taken.size();
        return taken;
    }

    /// The number of the event that comes next, counted from 0.
    [[nodiscard]] std::uint64_t position() const noexcept { return position_; }

    /// Goes to an event, or to the end where there are fewer; gives the position.
    std::uint64_t seek(std::uint64_t index) {
        if (index < position_) {
            stream_ = EventStream(options_);
            left_ = bytes_;
            batch_ = {};
            position_ = 0;
            at_end_ = false;
        }
        while (position_ < index && !next(clamped(index - position_)).empty()) {
        }
        return position_;
    }

    /// Copies events from number `first` on; how many there were.
    std::size_t read(std::uint64_t first, std::span<Event> events) {
        seek(first);
        std::size_t count = 0;
        while (count < events.size()) {
            const EventBatch batch = next(events.size() - count);
            if (batch.empty()) break;
            std::copy(batch.begin(), batch.end(), events.begin() + static_cast<std::ptrdiff_t>(count));
            count += batch.size();
        }
        return count;
    }

    /// The stream as far as it was read, which is up to a batch further than the position. At the end its report is
    /// whole.
    [[nodiscard]] const EventStream& stream() const noexcept { return stream_; }

  private:
    static std::size_t clamped(std::uint64_t count) noexcept {
        return static_cast<std::size_t>(std::min<std::uint64_t>(count, std::numeric_limits<std::size_t>::max()));
    }

    void fill() {
        while (batch_.empty() && !at_end_) {
            const auto piece = left_.first(std::min(EventStream::piece_size, left_.size()));
            left_ = left_.subspan(piece.size());
            const bool goes_on = stream_.feed(piece, [this](const EventBatch& batch) { batch_ = batch; });
            at_end_ = left_.empty() || !goes_on;
            if (at_end_) stream_.finish();
        }
    }

    std::span<const std::byte> bytes_;
    std::span<const std::byte> left_;
    ReplayOptions options_;
    EventStream stream_;
    EventBatch batch_;  // what the stream made and nobody took yet
    std::uint64_t position_ = 0;
    bool at_end_ = false;
};

}  // namespace nanobook::itch
