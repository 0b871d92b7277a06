// From messages to the books of all symbols.
//
// ITCH keeps a copy of Nasdaq's book in step: an added order is what remains after Nasdaq matched, so nothing is
// matched here. Books are keyed by locate. References are unique over all symbols, and an order's own locate decides
// where it rests, whatever a later message says.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include <nanobook/book/book.hpp>
#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/listing.hpp>
#include <nanobook/itch/lookahead.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/observer.hpp>
#include <nanobook/itch/order_index.hpp>
#include <nanobook/itch/partition.hpp>
#include <nanobook/itch/reader.hpp>
#include <nanobook/itch/report.hpp>
#include <nanobook/itch/trade_log.hpp>

namespace nanobook::itch {

struct ReplayOptions {
    std::vector<Symbol> symbols = {};  ///< only these; empty for all
    std::optional<Timestamp> until =
        {};               ///< stop before the first message later than this, in nanoseconds since midnight
    bool strict = false;  ///< stop at the first odd thing
    Part part = {};       ///< of the locates, where several replays share a stream: see ParallelReplay
};

/// Without `Queues` levels have totals only: faster, and no order's place in its queue is known.
template <class Observer = NoObserver, bool Queues = true>
class Replay {
  public:
    /// Compaction looks up orders long dead, each a miss: it has to be rare.
    using Levels = nanobook::Levels<OrderIndex::Key, 128, false, Queues>;

    explicit Replay(ReplayOptions options = {}, Observer observer = {})
        : reader_({options.strict}),
          options_(std::move(options)),
          partition_(options_.part),
          observer_(std::move(observer)),
          orders_(options_.part.count) {
        if constexpr (!Queues && requires { observer_.needs_queues(); }) {
            if (observer_.needs_queues()) {
                throw std::invalid_argument("the observer needs queues, and this replay keeps none");
            }
        }
        std::sort(options_.symbols.begin(), options_.symbols.end());
    }

    /// The next bytes of the stream, cut anywhere. False once the replay has stopped. Where an observer throws, the
    /// replay is of no further use.
    bool feed(std::span<const std::byte> bytes) {
        // Whoever looks ahead begins anew with each batch, so they are not small.
        return reader_.feed<8192>(bytes, [this](const Batch& batch) { return apply(batch); });
    }

    /// There are no more bytes.
    void finish() {
        reader_.finish();
        if constexpr (requires { observer_.finish(*this); }) observer_.finish(*this);
    }

    /// One message, outside any stream; odd ones are reported at byte 0. False where it was odd and the replay is
    /// strict.
    bool apply(const Header& message) {
        time_ = message.timestamp;
        return visit(message, [this](const auto& m) { return this->on(m); });
    }

    [[nodiscard]] const Reader& reader() const noexcept { return reader_; }
    [[nodiscard]] const Report& report() const noexcept { return reader_.report(); }
    /// Executions of an order that was not first in its queue; 0 without queues. Real days have one or two in a
    /// thousand.
    [[nodiscard]] std::uint64_t out_of_order_executions() const noexcept { return out_of_order_; }
    /// Of the last message applied, in nanoseconds since midnight.
    [[nodiscard]] Timestamp time() const noexcept { return current_ != nullptr ? current_->timestamp.value() : time_; }
    [[nodiscard]] std::uint64_t live_orders() const noexcept { return orders_.size(); }
    [[nodiscard]] Observer& observer() noexcept { return observer_; }
    [[nodiscard]] const Observer& observer() const noexcept { return observer_; }

    /// Where the message begins in the stream that an observer is told of, in bytes.
    [[nodiscard]] std::uint64_t offset() const noexcept {
        return batch_ != nullptr && current_ != nullptr ? batch_->offset_of(*current_) : 0;
    }

    [[nodiscard]] const Levels& levels() const noexcept { return levels_; }
    [[nodiscard]] const OrderIndex& orders() const noexcept { return orders_; }

    /// Every symbol the stream spoke of and the options select; the index is the locate.
    [[nodiscard]] std::span<const Listing> listings() const noexcept { return listings_; }

    /// Null where the stream did not speak of it, or it is not selected.
    [[nodiscard]] const Listing* find(std::string_view name) const noexcept {
        const auto symbol = symbol_of(name);
        if (!symbol) return nullptr;
        const auto found = std::find_if(listings_.begin(), listings_.end(), [&](const Listing& listing) {
            return listing.seen && listing.selected && listing.symbol == *symbol;
        });
        return found != listings_.end() ? &*found : nullptr;
    }

    /// The level an order rests in, or null.
    [[nodiscard]] const typename Levels::Level* level_of(std::uint64_t ref) const noexcept {
        const LevelId id = orders_.level_of(ref);
        return id != no_level ? &levels_[id] : nullptr;
    }

    // ------------------------------------------------------------------ of a part

    /// Might a message have concerned books of this part and of another?
    [[nodiscard]] bool is_in_doubt() const noexcept { return partition_.is_in_doubt(); }
    /// Was there a print of that match number?
    [[nodiscard]] bool has_printed(std::uint64_t match) const noexcept { return trades_.has(match); }
    /// The match numbers of the trades that were broken since the last call.
    [[nodiscard]] std::vector<std::uint64_t> take_breaks() noexcept { return std::exchange(breaks_, {}); }

  private:
    std::size_t apply(const Batch& batch) {
        // The bytes are the caller's again afterwards, even where an observer throws: keep no pointer into them.
        struct Guard {
            Replay& self;
            ~Guard() {
                self.time_ = self.time();
                self.batch_ = nullptr;
                self.current_ = nullptr;
                self.hint_ = &no_hint;
            }
        } guard{*this};
        batch_ = &batch;
        return options_.part.count == 1 ? replay(batch.messages) : replay_part(batch.messages);
    }

    // Of all messages it takes its own; but the time is that of all.
    std::size_t replay_part(std::span<const Header* const> batch) {
        auto messages = batch;
        if (options_.until) {
            const auto end = std::ranges::find_if(
                batch, [&](const Header* message) { return message->timestamp > *options_.until; });
            messages = batch.first(static_cast<std::size_t>(end - batch.begin()));
        }
        const auto own = partition_.select(messages, orders_);
        if constexpr (requires { observer_.advance(*batch.front(), *this); }) {
            if (observer_.has_clock()) partition_.watch_time(messages);
            observer_.advance(*batch.front(), *this);
            const std::size_t taken = replay(own);
            observer_.advance(messages.size() < batch.size() ? *batch[messages.size()] : *batch.back(), *this);
            return taken < own.size() ? 0 : messages.size();
        } else {
            return replay(own) < own.size() ? 0 : messages.size();
        }
    }

    std::size_t replay(std::span<const Header* const> messages) {
        const Lookahead lookahead(listings_, levels_, orders_, observer_);
        return lookahead.run(messages, [this](const Header& message, const Hint& hint) {
            if constexpr (requires { observer_.before(message, *this); }) observer_.before(message, *this);
            if (options_.until && message.timestamp > *options_.until) return Taken::no;
            current_ = &message;
            hint_ = &hint;
            return visit(message, [this](const auto& m) { return this->on(m); }) ? Taken::yes : Taken::last;
        });
    }

    // ------------------------------------------------------------------ what each message does; false stops a replay

    // Every other message: all it may do is to name its symbol. All parts see it, and one tells.
    template <class Message>
    bool on(const Message& m) {
        bool is_selected = options_.symbols.empty();
        if constexpr (requires { m.stock; }) is_selected = named_listing(m).selected;
        if (is_selected && options_.part.has(m.locate)) tell_of(m);
        return true;
    }

    bool on(const StockDirectory& m) {
        name(listing_of(m.locate), m.stock);
        return true;
    }

    bool on(const TradingAction& m) {
        Listing& listing = named_listing(m);
        listing.state = m.state;
        if (listing.selected && options_.part.has(m.locate)) tell_of(m);
        return true;
    }

    bool on(const AddOrder& m) { return add(m); }
    bool on(const AddOrderMpid& m) { return add(m); }

    bool on(const OrderExecuted& m) {
        return touch(m, m.ref, [&](Order order, const Place& place) {
            if constexpr (Queues) {
                // Alone, it is the first: its queue need not be looked at.
                if (levels_[order->level].count > 1) out_of_order_ += levels_.front(order->level, orders_) != m.ref;
            }
            return execute(m, order, place, place.price, true);
        });
    }

    bool on(const OrderExecutedWithPrice& m) {
        return touch(m, m.ref, [&](Order order, const Place& place) {
            return execute(m, order, place, m.price, m.printable == 'Y');
        });
    }

    bool on(const OrderCancel& m) {
        return touch(m, m.ref, [&](Order order, const Place& place) {
            const std::uint32_t taken = take_off(m.ref, order, m.shares);
            tell(m, place, m.ref, taken);
            return taken == m.shares || odd(Oddity::over_execution, m, m.ref);
        });
    }

    bool on(const OrderDelete& m) {
        return touch(m, m.ref, [&](Order order, const Place& place) {
            tell(m, place, m.ref, erase(m.ref, order));
            return true;
        });
    }

    bool on(const OrderReplace& m) {
        return touch(m, m.old_ref, [&](Order order, const Place& place) {
            const std::uint32_t taken = erase(m.old_ref, order);
            if (m.shares == 0 || !rest(place.locate, place.side, m.new_ref, m.price, m.shares)) {
                tell(m, place, m.old_ref, taken);
                return odd(m.shares == 0 ? Oddity::zero_quantity : Oddity::duplicate_reference, m, m.new_ref);
            }
            tell(m, place, m.old_ref, taken, m.new_ref, m.price, m.shares);
            return true;
        });
    }

    bool on(const Trade& m) {
        if (named_listing(m).selected) print({m, m.locate, m.price, m.shares, m.match, true});
        return true;
    }

    bool on(const CrossTrade& m) {
        if (named_listing(m).selected) print({m, m.locate, m.price, m.shares, m.match, true});
        return true;
    }

    bool on(const BrokenTrade& m) {
        tell_of(m);
        if (options_.part.count > 1) breaks_.push_back(m.match);
        const auto broken = trades_.take(m.match);
        if (!broken) return !listing_of(m.locate).selected || odd(Oddity::unknown_match, m, m.match);
        Listing& listing = listings_[broken->locate];
        listing.volume -= std::min(broken->shares, listing.volume);
        listing.trades -= broken->shares > 0;
        return broken->locate == m.locate || odd(Oddity::locate_mismatch, m, m.match);
    }

    // ------------------------------------------------------------------ the parts of it

    using Level = typename Levels::Level;
    using Order = OrderIndex::Order;

    /// Where an order rests; a copy, because the level may go with it.
    struct Place {
        Locate locate;
        Side side;
        Price price;
    };

    template <class Add>
    bool add(const Add& m) {
        if (!named_listing(m).selected) return true;
        if ((m.side == 'B') == (m.side == 'S')) return odd(Oddity::invalid_side, m, m.ref);
        if (m.shares == 0) return odd(Oddity::zero_quantity, m, m.ref);
        const Place nothing{m.locate, m.side == 'B' ? Side::buy : Side::sell, 0};
        if (!rest(nothing.locate, nothing.side, m.ref, m.price, m.shares)) {
            return odd(Oddity::duplicate_reference, m, m.ref);
        }
        tell(m, nothing, m.ref, 0, m.ref, m.price, m.shares);
        return true;
    }

    // False where an order of that reference rests already.
    bool rest(Locate locate, Side side, std::uint64_t ref, Price price, std::uint32_t shares) {
        OrderSlot* const slot = orders_.claim(ref);
        if (slot == nullptr) return false;
        LevelId level = hint_->level;
        if (level != no_level && is_level_of(levels_[level], locate, side, price)) {
            levels_.append(level, ref, shares);
        } else {
            level = listings_[locate].book.add(levels_, locate, side, price, ref, shares, hint_->comes_at);
        }
        *slot = {level, shares};
        return true;
    }

    // What was found ahead of time may be gone by now, or serve another price.
    static bool is_level_of(const Level& level, Locate locate, Side side, Price price) noexcept {
        return level.count != 0 && level.price == price && level.book == locate && level.side == side;
    }

    void tell(const Header& m, const Place& place, std::uint64_t ref, std::uint32_t removed,
              std::uint64_t added_ref = 0, Price added_price = 0, std::uint32_t added = 0) {
        const BookChange change{m, place.locate, place.side, ref, place.price, removed, added_ref, added_price, added};
        if constexpr (requires { observer_.on_change(change, *this); }) {
            observer_.on_change(change, *this);
        } else {
            observer_.on_change(change);
        }
    }

    // Finds the order a message speaks of, and hands it on.
    template <class Message, class Then>
    bool touch(const Message& m, std::uint64_t ref, Then&& then) {
        const Order order = orders_.find(ref);
        if (!order) [[unlikely]] {
            partition_.on_unknown(ref);
            // With some symbols selected, an order of another symbol is no surprise.
            return !listing_of(m.locate).selected || odd(Oddity::unknown_reference, m, ref);
        }
        const Level& level = levels_[order->level];
        const Place place{static_cast<Locate>(level.book), level.side, level.price};
        if (place.locate != m.locate && !odd(Oddity::locate_mismatch, m, ref)) return false;
        return then(order, place);
    }

    template <class Execution>
    bool execute(const Execution& m, Order order, const Place& place, Price price, bool printable) {
        const std::uint32_t taken = take_off(m.ref, order, m.shares);
        print({m, place.locate, price, taken, m.match, printable, place.side, m.ref});
        tell(m, place, m.ref, taken);
        return taken == m.shares || odd(Oddity::over_execution, m, m.ref);
    }

    // Takes shares off an order, which keeps its place; what rests of it bounds them.
    std::uint32_t take_off(std::uint64_t ref, Order order, std::uint32_t shares) {
        if (shares >= order->shares) return erase(ref, order);
        order->shares -= shares;
        FeedBook::reduce(levels_, order->level, shares);
        return shares;
    }

    std::uint32_t erase(std::uint64_t ref, Order order) {
        const auto [level, shares] = *order;
        orders_.erase(order);
        listings_[levels_[level].book].book.remove(levels_, level, ref, shares, orders_, hint_->leaves_at);
        return shares;
    }

    void print(const Print& print) {
        const std::uint64_t shares = print.printable ? print.shares : 0;
        trades_.add(print.match, print.locate, shares);
        if (shares > 0) {
            Listing& listing = listings_[print.locate];
            listing.volume += std::min(shares, ~listing.volume);  // absurd sums stop at the greatest
            listing.last_price = static_cast<std::uint32_t>(print.price);
            ++listing.trades;
        }
        if constexpr (requires { observer_.on_print(print, *this); }) {
            observer_.on_print(print, *this);
        } else {
            observer_.on_print(print);
        }
    }

    template <class Message>
    void tell_of(const Message& message) {
        if constexpr (requires { observer_.on_message(message, *this); }) {
            observer_.on_message(message, *this);
        } else if constexpr (requires { observer_.on_message(message); }) {
            observer_.on_message(message);
        }
    }

    Listing& listing_of(Locate locate) {
        if (locate >= listings_.size()) [[unlikely]]
            add_listings(locate);
        return listings_[locate];
    }

    // Rare things are out of line, so that what happens with every message stays small.
    [[gnu::noinline]] void add_listings(Locate locate) {
        Listing fresh;
        fresh.selected = options_.symbols.empty();
        all_listings_.resize(locate + std::size_t{1}, fresh);
        listings_ = all_listings_;
    }

    // A slice of a day may begin after the directory: then any message that names its symbol will do.
    template <class Message>
    Listing& named_listing(const Message& m) {
        Listing& listing = listing_of(m.locate);
        if (listing.symbol == Symbol{}) [[unlikely]]
            name(listing, m.stock);
        return listing;
    }

    [[gnu::noinline]] void name(Listing& listing, const Text<8>& stock) {
        listing.seen = true;
        const Symbol symbol = symbol_of(stock);
        if (symbol == Symbol{}) return;  // a blank names nothing: another message may
        listing.symbol = symbol;
        if (!options_.symbols.empty()) {
            listing.selected = std::binary_search(options_.symbols.begin(), options_.symbols.end(), listing.symbol);
        }
    }

    [[gnu::noinline]] bool odd(Oddity oddity, const Header& message, std::uint64_t number) {
        return reader_.note(oddity, message.type, batch_ != nullptr ? batch_->offset_of(message) : 0, number);
    }

    Reader reader_;
    ReplayOptions options_;
    Partition partition_;
    Observer observer_;
    std::vector<Listing> all_listings_;
    std::span<Listing> listings_;  // all of them, as in OrderIndex
    Levels levels_;
    OrderIndex orders_;
    TradeLog trades_;
    std::vector<std::uint64_t> breaks_;
    std::uint64_t out_of_order_ = 0;

    static constexpr Hint no_hint{};

    const Batch* batch_ = nullptr;     // while one is replayed, ...
    const Header* current_ = nullptr;  // ... its message at hand, ...
    const Hint* hint_ = &no_hint;      // ... and where that one will find its level, perhaps
    Timestamp time_ = 0;
};

}  // namespace nanobook::itch
