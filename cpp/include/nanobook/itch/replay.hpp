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
#include <string_view>
#include <utility>
#include <vector>

#include <nanobook/book/book.hpp>
#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/order_index.hpp>
#include <nanobook/itch/reader.hpp>
#include <nanobook/itch/report.hpp>
#include <nanobook/itch/trade_log.hpp>

namespace nanobook::itch {

/// What one message did to a book, told after it is done. A replace is one change: it removes and adds.
struct BookChange {
    const Header& message;  ///< the cause
    Locate locate;          ///< the book that changed
    Side side;
    std::uint64_t ref;             ///< the order that lost shares, or was added
    Price removed_price;           ///< where shares were taken off; 0 where none were
    std::uint32_t removed_shares;  ///< 0 where none were
    std::uint64_t added_ref;       ///< the order that was added
    Price added_price;             ///< where it rests
    std::uint32_t added_shares;    ///< 0 where none was
};

/// A trade as it was printed: E at the resting price, C at its own, P, and Q.
struct Print {
    const Header& message;
    Locate locate;
    Price price;
    std::uint64_t shares;
    std::uint64_t match;
    bool printable;  ///< false where a cross prints it again: not in the volume
};

/// Does nothing and costs nothing. An observer of one's own has the same two members.
struct NoObserver {
    void on_change(const BookChange&) const noexcept {}
    void on_print(const Print&) const noexcept {}
};

/// One symbol: its book and the day so far. A cache line.
struct alignas(64) Listing {
    Book book;
    Symbol symbol;
    std::uint64_t volume = 0;      ///< shares printed: E, C where printable, P, Q; less what was broken
    std::uint32_t last_price = 0;  ///< of the last print in the volume; 0 before the first
    std::uint32_t trades = 0;      ///< prints in the volume
    char state = ' ';              ///< of the last H: H P Q T; a space before the first
    bool selected = false;
    bool seen = false;
};
static_assert(sizeof(Listing) == 64);

struct ReplayOptions {
    std::vector<Symbol> symbols = {};  ///< only these; empty for all
    std::optional<Timestamp> until =
        {};               ///< stop before the first message later than this, in nanoseconds since midnight
    bool strict = false;  ///< stop at the first odd thing
};

template <class Observer = NoObserver>
class Replay {
  public:
    using Levels = nanobook::Levels<OrderIndex::Key>;

    explicit Replay(ReplayOptions options = {}, Observer observer = {})
        : reader_({options.strict}), options_(std::move(options)), observer_(std::move(observer)) {
        std::sort(options_.symbols.begin(), options_.symbols.end());
    }

    /// The next bytes of the stream, cut anywhere. False once the replay has stopped.
    bool feed(std::span<const std::byte> bytes) {
        return reader_.feed(bytes, [this](const Batch& batch) { return apply(batch); });
    }

    /// There are no more bytes.
    void finish() { reader_.finish(); }

    /// One message, outside any stream; odd ones are reported at byte 0. False where it was odd and the replay is
    /// strict.
    bool apply(const Header& message) {
        time_ = message.timestamp;
        return visit(message, [this](const auto& m) { return this->on(m); });
    }

    [[nodiscard]] const Reader& reader() const noexcept { return reader_; }
    [[nodiscard]] const Report& report() const noexcept { return reader_.report(); }
    /// Executions of an order that was not first in its queue. Real days have one or two in a thousand.
    [[nodiscard]] std::uint64_t out_of_order_executions() const noexcept { return out_of_order_; }
    /// Of the last message applied, in nanoseconds since midnight.
    [[nodiscard]] Timestamp time() const noexcept { return current_ != nullptr ? current_->timestamp.value() : time_; }
    [[nodiscard]] std::uint64_t live_orders() const noexcept { return orders_.size(); }
    [[nodiscard]] Observer& observer() noexcept { return observer_; }
    [[nodiscard]] const Observer& observer() const noexcept { return observer_; }

    [[nodiscard]] const Levels& levels() const noexcept { return levels_; }
    [[nodiscard]] const OrderIndex& orders() const noexcept { return orders_; }

    /// Every symbol the stream spoke of and the options select; the index is the locate.
    [[nodiscard]] std::span<const Listing> listings() const noexcept { return listings_; }

    /// Null where the stream did not speak of it, or it is not selected.
    [[nodiscard]] const Listing* find(std::string_view name) const noexcept {
        const auto symbol = Symbol::parse(name);
        if (!symbol) return nullptr;
        const auto found = std::find_if(listings_.begin(), listings_.end(), [&](const Listing& listing) {
            return listing.seen && listing.selected && listing.symbol == *symbol;
        });
        return found != listings_.end() ? &*found : nullptr;
    }

    /// The level an order rests in, or null.
    [[nodiscard]] const Levels::Level* level_of(std::uint64_t ref) const noexcept {
        const LevelId id = orders_.level_of(ref);
        return id != no_level ? &levels_[id] : nullptr;
    }

  private:
    std::size_t apply(const Batch& batch) {
        batch_ = &batch;
        const std::size_t taken = replay(batch);
        // The bytes are the caller's again: keep no pointer into them.
        time_ = time();
        batch_ = nullptr;
        current_ = nullptr;
        hint_ = no_level;
        return taken;
    }

    // Decoding a message takes a few nanoseconds; waiting for the order, level and queue it speaks of would take
    // hundreds. So their memory is asked for ahead, in steps each of which needs the one before, a step a block.
    std::size_t replay(const Batch& batch) {
        constexpr std::size_t steps = 4;
        const auto messages = batch.messages;
        const std::size_t blocks = (messages.size() + Block::size - 1) / Block::size;
        std::array<Block, steps + 1> ahead;
        const auto block = [&](std::size_t number) -> Block& { return ahead[number % ahead.size()]; };
        for (std::size_t now = 0; now < blocks + steps; ++now) {
            if (now < blocks) {
                const std::size_t begin = now * Block::size;
                block(now).sort(messages.subspan(begin, std::min(Block::size, messages.size() - begin)));
                fetch_orders(block(now));
            }
            if (now >= 1 && now - 1 < blocks) fetch_places(block(now - 1));
            if (now >= 2 && now - 2 < blocks) fetch_levels(block(now - 2));
            if (now >= 3 && now - 3 < blocks) fetch_queues(block(now - 3));
            if (now < steps) continue;
            const std::size_t begin = (now - steps) * Block::size;
            const std::size_t end = std::min(begin + Block::size, messages.size());
            const auto& hints = block(now - steps).levels;
            for (std::size_t i = begin; i < end; ++i) {
                const Header& message = *messages[i];
                hint_ = hints[i - begin];
                if (options_.until && message.timestamp > *options_.until) return i;
                current_ = &message;
                if (!visit(message, [this](const auto& m) { return this->on(m); })) return i + 1;
            }
        }
        return messages.size();
    }

    // ------------------------------------------------------------------ what each message does; false stops a replay

    bool on(const Header&) const noexcept { return true; }

    bool on(const StockDirectory& m) {
        name(listing_of(m.locate), m.stock);
        return true;
    }

    bool on(const TradingAction& m) {
        named_listing(m).state = m.state;
        return true;
    }

    bool on(const AddOrder& m) { return add(m); }
    bool on(const AddOrderMpid& m) { return add(m); }

    bool on(const OrderExecuted& m) {
        return touch(m, m.ref, [&](OrderSlot* slot, const Place& place) {
            if (levels_.front(slot->level, orders_) != m.ref) ++out_of_order_;
            return execute(m, slot, place, place.price, true);
        });
    }

    bool on(const OrderExecutedWithPrice& m) {
        return touch(m, m.ref, [&](OrderSlot* slot, const Place& place) {
            return execute(m, slot, place, m.price, m.printable == 'Y');
        });
    }

    bool on(const OrderCancel& m) {
        return touch(m, m.ref, [&](OrderSlot* slot, const Place& place) {
            const std::uint32_t taken = take_off(m.ref, slot, m.shares);
            tell(m, place, m.ref, taken);
            return taken == m.shares || odd(Oddity::over_execution, m, m.ref);
        });
    }

    bool on(const OrderDelete& m) {
        return touch(m, m.ref, [&](OrderSlot* slot, const Place& place) {
            tell(m, place, m.ref, erase(m.ref, slot));
            return true;
        });
    }

    bool on(const OrderReplace& m) {
        return touch(m, m.old_ref, [&](OrderSlot* slot, const Place& place) {
            const std::uint32_t taken = erase(m.old_ref, slot);
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
        const auto broken = trades_.take(m.match);
        if (!broken) return !listing_of(m.locate).selected || odd(Oddity::unknown_match, m, m.match);
        Listing& listing = listings_[broken->locate];
        listing.volume -= broken->shares;
        listing.trades -= broken->shares > 0;
        return true;
    }

    // ------------------------------------------------------------------ the parts of it

    using Level = typename Levels::Level;

    /// Where an order rests; a copy, because the level may go with it.
    struct Place {
        Locate locate;
        Side side;
        Price price;
    };

    template <class Add>
    bool add(const Add& m) {
        if (!named_listing(m).selected) return true;
        if (m.side != 'B' && m.side != 'S') return odd(Oddity::invalid_side, m, m.ref);
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
        LevelId level = hint_;
        if (level != no_level && is_level_of(levels_[level], locate, side, price)) {
            levels_.append(level, ref, shares);
        } else {
            level = listings_[locate].book.add(levels_, locate, side, price, ref, shares);
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
        observer_.on_change({m, place.locate, place.side, ref, place.price, removed, added_ref, added_price, added});
    }

    // Finds the order a message speaks of, and hands it on.
    template <class Message, class Then>
    bool touch(const Message& m, std::uint64_t ref, Then&& then) {
        OrderSlot* const slot = orders_.find(ref);
        // With some symbols selected, an order of another symbol is no surprise.
        if (slot == nullptr) return !listing_of(m.locate).selected || odd(Oddity::unknown_reference, m, ref);
        const Level& level = levels_[slot->level];
        const Place place{static_cast<Locate>(level.book), level.side, level.price};
        if (place.locate != m.locate && !odd(Oddity::locate_mismatch, m, ref)) return false;
        return then(slot, place);
    }

    template <class Execution>
    bool execute(const Execution& m, OrderSlot* slot, const Place& place, Price price, bool printable) {
        const std::uint32_t taken = take_off(m.ref, slot, m.shares);
        print({m, place.locate, price, taken, m.match, printable});
        tell(m, place, m.ref, taken);
        return taken == m.shares || odd(Oddity::over_execution, m, m.ref);
    }

    // Takes shares off an order, which keeps its place; what rests of it bounds them.
    std::uint32_t take_off(std::uint64_t ref, OrderSlot* slot, std::uint32_t shares) {
        if (shares >= slot->shares) return erase(ref, slot);
        slot->shares -= shares;
        Book::reduce(levels_, slot->level, shares);
        return shares;
    }

    std::uint32_t erase(std::uint64_t ref, OrderSlot* slot) {
        const auto [level, shares] = *slot;
        orders_.erase(ref, slot);
        listings_[levels_[level].book].book.remove(levels_, level, ref, shares, orders_);
        return shares;
    }

    void print(const Print& print) {
        const std::uint64_t shares = print.printable ? std::min(print.shares, TradeLog::most_shares) : 0;
        trades_.add(print.match, print.locate, shares);
        if (shares > 0) {
            Listing& listing = listings_[print.locate];
            listing.volume += shares;
            listing.last_price = static_cast<std::uint32_t>(print.price);
            ++listing.trades;
        }
        observer_.on_print(print);
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
        listings_.resize(locate + std::size_t{1}, fresh);
    }

    // A slice of a day may begin after the directory: then any message that names its symbol will do.
    template <class Message>
    Listing& named_listing(const Message& m) {
        Listing& listing = listing_of(m.locate);
        if (!listing.seen) [[unlikely]]
            name(listing, m.stock);
        return listing;
    }

    [[gnu::noinline]] void name(Listing& listing, const Text<8>& stock) {
        listing.symbol = symbol_of(stock);
        listing.seen = true;
        if (!options_.symbols.empty()) {
            listing.selected = std::binary_search(options_.symbols.begin(), options_.symbols.end(), listing.symbol);
        }
    }

    [[gnu::noinline]] bool odd(Oddity oddity, const Header& message, std::uint64_t number) {
        return reader_.note(oddity, message.type, batch_ != nullptr ? batch_->offset_of(message) : 0, number);
    }

    // ------------------------------------------------------------------ looking ahead

    /// Some messages in a row, sorted without a branch into those that speak of a resting order and those that add one:
    /// a loop over each kind has nothing to guess.
    struct Block {
        static constexpr std::size_t size = 16;

        void sort(std::span<const Header* const> batch) noexcept {
            messages = batch.data();
            touch_count = add_count = 0;
            levels = {};
            for (std::size_t i = 0; i < batch.size(); ++i) {
                const Needs needs = needs_of(*batch[i]);
                touches[touch_count] = adds[add_count] = static_cast<std::uint8_t>(i);
                touch_count += needs == Needs::order;
                add_count += needs == Needs::ladder;
            }
        }

        // All five types that speak of a resting order have its reference in the same place; both adds are alike.
        template <class F>
        void for_each_touch(F&& f) {
            for (std::size_t i = 0; i < touch_count; ++i) {
                f(static_cast<const OrderDelete&>(*messages[touches[i]]), levels[touches[i]]);
            }
        }
        template <class F>
        void for_each_add(F&& f) {
            for (std::size_t i = 0; i < add_count; ++i) {
                f(static_cast<const AddOrder&>(*messages[adds[i]]), levels[adds[i]]);
            }
        }

        const Header* const* messages;
        std::array<LevelId, size> levels;  // by message, as far as they are known yet
        std::array<std::uint8_t, size + 1> touches;
        std::array<std::uint8_t, size + 1> adds;
        std::size_t touch_count = 0;
        std::size_t add_count = 0;
    };

    enum class Needs : std::uint8_t { nothing, ladder, order };

    static Needs needs_of(const Header& message) noexcept {
        static constexpr auto table = [] {
            std::array<Needs, 256> needs{};
            for (const char type : {'A', 'F'}) needs[static_cast<unsigned char>(type)] = Needs::ladder;
            for (const char type : {'E', 'C', 'X', 'D', 'U'}) needs[static_cast<unsigned char>(type)] = Needs::order;
            return needs;
        }();
        return table[static_cast<unsigned char>(message.type)];
    }

    void fetch_listing(Locate locate) const noexcept {
        if (locate < listings_.size()) detail::prefetch(&listings_[locate]);
    }

    void fetch_orders(Block& block) const noexcept {
        block.for_each_touch([&](const OrderDelete& m, LevelId&) {
            orders_.prefetch(m.ref);
            if (m.type == OrderReplace::code)
                orders_.prefetch(static_cast<const OrderReplace&>(static_cast<const Header&>(m)).new_ref);
            fetch_listing(m.locate);
        });
        block.for_each_add([&](const AddOrder& m, LevelId&) {
            orders_.prefetch(m.ref);
            fetch_listing(m.locate);
        });
    }

    void fetch_places(Block& block) const noexcept {
        block.for_each_touch([&](const OrderDelete& m, LevelId& level) {
            level = orders_.level_of(m.ref);
            if (level != no_level) detail::prefetch(&levels_[level]);
        });
        block.for_each_add([&](const AddOrder& m, LevelId&) {
            if (const Ladder* ladder = ladder_for(m)) ladder->prefetch();
        });
    }

    void fetch_levels(Block& block) const noexcept {
        block.for_each_touch([&](const OrderDelete&, LevelId& id) {
            if (id == no_level) return;
            // The last order of a level takes it off its ladder. The level may be closed by now.
            const Level& level = levels_[id];
            if (level.count == 1) listings_[level.book].book.ladder(level.side).prefetch();
        });
        block.for_each_add([&](const AddOrder& m, LevelId& level) {
            const Ladder* ladder = ladder_for(m);
            level = ladder != nullptr ? ladder->find(Ladder::rank_of(side_of(m), m.price)) : no_level;
            if (level != no_level) detail::prefetch(&levels_[level]);
        });
    }

    void fetch_queues(Block& block) const noexcept {
        block.for_each_touch([&](const OrderDelete&, LevelId& id) {
            if (id == no_level) return;
            const Level& level = levels_[id];
            if (level.count != 1) return;
            listings_[level.book].book.ladder(level.side).prefetch(Ladder::rank_of(level.side, level.price));
        });
        block.for_each_add([&](const AddOrder&, LevelId& level) {
            if (level != no_level) levels_.prefetch_tail(level);
        });
    }

    static Side side_of(const AddOrder& message) noexcept { return message.side == 'B' ? Side::buy : Side::sell; }

    const Ladder* ladder_for(const AddOrder& message) const noexcept {
        if (message.locate >= listings_.size()) return nullptr;
        return &listings_[message.locate].book.ladder(side_of(message));
    }

    Reader reader_;
    ReplayOptions options_;
    Observer observer_;
    std::vector<Listing> listings_;
    Levels levels_;
    OrderIndex orders_;
    TradeLog trades_;
    std::uint64_t out_of_order_ = 0;
    const Batch* batch_ = nullptr;     // while one is replayed, ...
    const Header* current_ = nullptr;  // ... its message at hand, ...
    LevelId hint_ = no_level;          // ... and the level where that one will rest, perhaps
    Timestamp time_ = 0;
};

}  // namespace nanobook::itch
