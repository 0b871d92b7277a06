// Asks for memory before it is needed: what makes a replay several times faster than its cache misses would.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <nanobook/book/ladder.hpp>
#include <nanobook/book/level.hpp>
#include <nanobook/detail/memory.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/listing.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/order_index.hpp>

namespace nanobook::itch {

/// Whether a message was taken, and whether more may follow.
enum class Taken : std::uint8_t { yes, last, no };

/// What was found ahead of time for a message. By now it may be gone, or serve another price.
struct Hint {
    LevelId level = no_level;     ///< where an order that comes may rest
    std::uint32_t comes_at = 0;   ///< the rung of that level, or where a new one belongs
    std::uint32_t leaves_at = 0;  ///< the rung of a level whose last order goes
};

/// Decoding a message takes a few nanoseconds; waiting for the order, level and queue it speaks of would take hundreds.
/// So they are asked for ahead, in steps each of which needs the one before, a step a block of messages.
template <class Levels, class Observer>
class Lookahead {
  public:
    Lookahead(const std::span<Listing>& listings, const Levels& levels, const OrderIndex& orders,
              const Observer& observer) noexcept
        : listings_(listings), levels_(levels), orders_(orders), observer_(observer) {}

    /// Calls `apply(message, hint)` for each message in order until it says stop; returns how many were taken.
    template <class Apply>
    std::size_t run(std::span<const Header* const> messages, Apply&& apply) const {
        constexpr std::size_t steps = 4;
        const std::size_t blocks = (messages.size() + Block::size - 1) / Block::size;
        std::array<Block, steps + 1> ahead;
        const auto block = [&](std::size_t number) -> Block& { return ahead[number % ahead.size()]; };
        for (std::size_t now = 0; now < blocks + steps; ++now) {
            if (now < blocks) {
                const std::size_t begin = now * Block::size;
                fetch_orders(block(now), messages.subspan(begin, std::min(Block::size, messages.size() - begin)));
            }
            if (now >= 1 && now - 1 < blocks) fetch_places(block(now - 1));
            if (now >= 2 && now - 2 < blocks) fetch_levels(block(now - 2));
            if (now >= 3 && now - 3 < blocks) fetch_queues(block(now - 3));
            if (now < steps) continue;
            const std::size_t begin = (now - steps) * Block::size;
            const std::size_t end = std::min(begin + Block::size, messages.size());
            for (std::size_t i = begin; i < end; ++i) {
                const Taken taken = apply(*messages[i], block(now - steps).hints[i - begin]);
                if (taken != Taken::yes) return i + (taken == Taken::last);
            }
        }
        return messages.size();
    }

  private:
    static constexpr bool has_prefetch = requires(const Observer& observer) { observer.prefetch(Locate{}); };

    [[nodiscard]] bool watches_best() const noexcept {
        if constexpr (requires { observer_.watches_best(); }) return observer_.watches_best();
        return false;
    }

    using Level = typename Levels::Level;

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

    /// Some messages in a row, and lists of those that need the same. The lists are made without a branch, so that a
    /// loop over each has nothing to guess but its end. Their numbers are no bytes, which could be parts of anything:
    /// what a loop reads of others would be read again after each.
    struct Block {
        static constexpr std::size_t size = 64;

        struct List {
            std::array<std::uint16_t, size + 1> numbers;
            std::size_t count = 0;

            void add_if(bool wanted, std::uint16_t number) noexcept {
                numbers[count] = number;
                count += wanted;
            }
            [[nodiscard]] const std::uint16_t* begin() const noexcept { return numbers.data(); }
            [[nodiscard]] const std::uint16_t* end() const noexcept { return numbers.data() + count; }
        };

        template <class Message>
        [[nodiscard]] const Message& message(std::uint16_t number) const noexcept {
            return static_cast<const Message&>(*messages[number]);
        }

        std::span<const Header* const> messages;
        std::array<Hint, size> hints;
        std::array<const Level*, size> levels;  // of the orders at rest
        List adds, touches, replaces;           // every replace is a touch of an order at rest
        List resting;                           // touches whose order was found ...
        List closing;                           // ... and is the last of its level
        List joining;                           // adds and replaces whose order will find its level
    };

    void fetch_orders(Block& block, std::span<const Header* const> messages) const noexcept {
        block.messages = messages;
        block.hints = {};
        block.adds.count = block.touches.count = block.replaces.count = 0;
        for (std::uint16_t i = 0; i < messages.size(); ++i) {
            const Needs needs = needs_of(*messages[i]);
            if (needs == Needs::nothing) [[unlikely]]
                continue;
            block.adds.add_if(needs == Needs::ladder, i);
            block.touches.add_if(needs == Needs::order, i);
            // All seven types have the reference in the same place.
            orders_.prefetch(block.template message<OrderDelete>(i).ref);
            const Locate locate = messages[i]->locate;
            if (locate < listings_.size()) detail::prefetch_early(&listings_[locate]);
            if constexpr (has_prefetch) observer_.prefetch(locate);
        }
        for (const auto i : block.touches) block.replaces.add_if(messages[i]->type == OrderReplace::code, i);
        for (const auto i : block.replaces) orders_.prefetch(block.template message<OrderReplace>(i).new_ref);
    }

    void fetch_places(Block& block) const noexcept {
        block.resting.count = 0;
        for (const auto i : block.touches) {
            const LevelId level = orders_.level_of(block.template message<OrderDelete>(i).ref);
            block.levels[i] = level != no_level ? &levels_[level] : nullptr;
            block.resting.add_if(level != no_level, i);
            detail::prefetch_early(block.levels[i]);
        }
        for (const auto i : block.adds) {
            const auto& m = block.template message<AddOrder>(i);
            if (m.locate < listings_.size()) listings_[m.locate].book.ladder(side_of(m)).prefetch();
        }
        // Which side it is, the level will tell.
        for (const auto i : block.replaces) {
            const Locate locate = block.messages[i]->locate;
            if (locate >= listings_.size()) continue;
            for (const Side side : {Side::buy, Side::sell}) listings_[locate].book.ladder(side).prefetch();
        }
    }

    void fetch_levels(Block& block) const noexcept {
        block.closing.count = block.joining.count = 0;
        // The last order of a level takes it off its ladder. The level may be closed by now.
        for (const auto i : block.resting) block.closing.add_if(block.levels[i]->count == 1, i);
        for (const auto i : block.closing) ladder_of(*block.levels[i]).prefetch();
        if (watches_best()) {
            for (const auto i : block.resting) ladder_of(*block.levels[i]).prefetch_best();
        }
        for (const auto i : block.adds) {
            const auto& m = block.template message<AddOrder>(i);
            if (m.locate >= listings_.size()) continue;
            find_level(block, i, listings_[m.locate].book.ladder(side_of(m)), side_of(m), m.price);
        }
        for (const auto i : block.replaces) {
            if (block.levels[i] == nullptr) continue;
            const Level& level = *block.levels[i];
            find_level(block, i, ladder_of(level), level.side, block.template message<OrderReplace>(i).price);
        }
    }

    void find_level(Block& block, std::uint16_t i, const FeedBook::Ladder& ladder, Side side,
                    Price price) const noexcept {
        if (ladder.empty()) return;
        const auto rank = FeedBook::Ladder::rank_of(side, price);
        Hint& hint = block.hints[i];
        hint.comes_at = ladder.position(rank);
        hint.level = ladder.find_at(hint.comes_at, rank);
        block.joining.add_if(hint.level != no_level, i);
        detail::prefetch_early(&levels_[hint.level]);
    }

    void fetch_queues(Block& block) const noexcept {
        for (const auto i : block.closing) {
            const Level& level = *block.levels[i];
            const FeedBook::Ladder& ladder = ladder_of(level);
            const std::uint32_t rung = ladder.position(FeedBook::Ladder::rank_of(level.side, level.price));
            block.hints[i].leaves_at = rung;
            ladder.prefetch(rung);
            // The next best one, where the best goes.
            if (watches_best() && rung + 1 == ladder.size()) detail::prefetch_early(&levels_[ladder[rung > 0]]);
        }
        if constexpr (Levels::keeps_queues) {
            for (const auto i : block.joining) levels_.prefetch_tail(block.hints[i].level);
        }
    }

    static Side side_of(const AddOrder& message) noexcept { return message.side == 'B' ? Side::buy : Side::sell; }

    const FeedBook::Ladder& ladder_of(const Level& level) const noexcept {
        return listings_[level.book].book.ladder(level.side);
    }

    const std::span<Listing>& listings_;
    const Levels& levels_;
    const OrderIndex& orders_;
    const Observer& observer_;
};

}  // namespace nanobook::itch
