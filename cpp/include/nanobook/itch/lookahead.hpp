// Asks for memory before it is needed: what makes a replay several times faster than its cache misses would.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

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

/// Decoding a message takes a few nanoseconds; waiting for the order, level and queue it speaks of would take hundreds.
/// So they are asked for ahead, in steps each of which needs the one before, a step a block of messages.
template <class Levels>
class Lookahead {
  public:
    Lookahead(const std::vector<Listing>& listings, const Levels& levels, const OrderIndex& orders) noexcept
        : listings_(listings), levels_(levels), orders_(orders) {}

    /// Calls `apply(message, hint)` for each message in order until it says stop; returns how many were taken. The hint
    /// is a level where an added order may rest, found a while ago: it may be closed by now or serve another price.
    template <class Apply>
    std::size_t run(std::span<const Header* const> messages, Apply&& apply) const {
        constexpr std::size_t steps = 4;
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
            for (std::size_t i = begin; i < end; ++i) {
                const Taken taken = apply(*messages[i], block(now - steps).levels[i - begin]);
                if (taken != Taken::yes) return i + (taken == Taken::last);
            }
        }
        return messages.size();
    }

  private:
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

    void fetch_listing(Locate locate) const noexcept {
        if (locate < listings_.size()) detail::prefetch(&listings_[locate]);
    }

    void fetch_orders(Block& block) const noexcept {
        block.for_each_touch([&](const OrderDelete& m, LevelId&) {
            orders_.prefetch(m.ref);
            const Header& header = m;
            if (m.type == OrderReplace::code) orders_.prefetch(static_cast<const OrderReplace&>(header).new_ref);
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
            const auto& level = levels_[id];
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
            const auto& level = levels_[id];
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

    const std::vector<Listing>& listings_;
    const Levels& levels_;
    const OrderIndex& orders_;
};

}  // namespace nanobook::itch
