// What a replay tells whoever listens: changes of books, and prints.
#pragma once

#include <cstdint>
#include <optional>

#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/messages.hpp>

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
    bool printable;                         ///< false where a cross prints it again: not in the volume
    std::optional<Side> resting_side = {};  ///< of the order at rest; none for P and Q
    std::uint64_t ref = 0;                  ///< the order at rest; 0 for P and Q
};

/// Which message a row of a table comes from, and of which symbol it is.
struct Origin {
    Timestamp timestamp;
    std::uint64_t offset;  ///< where the message begins in the stream: rows are in this order
    Symbol symbol;         ///< as it is called then; empty where it has no name
    Locate locate;

    template <class Replay>
    [[nodiscard]] static Origin of(const Header& message, Locate locate, const Replay& replay) noexcept {
        return {message.timestamp, replay.offset(), replay.listings()[locate].symbol, locate};
    }
};

/// Does nothing and costs nothing. An observer of one's own has the same two members. Each may take the Replay as well,
/// to look at its books. It may also have `before(message, replay)`, called before each message is applied (and before
/// that at which a replay stops); `on_message(message)`, or with the replay, for messages that neither change a book
/// nor print; and `finish(replay)`. Where it says `watches_best()`, best prices are fetched ahead of it, and what it
/// keeps of a book it may fetch itself in `prefetch(locate)`, which comes some messages before. Where it says
/// `needs_queues()`, a replay without them refuses it. In a replay of a part of the books all these are of its own
/// messages; with `has_clock()` and `advance(message, replay)` it hears of some of the others too, what time it is.
/// Where it has `give_to(other)`, a ParallelReplay has it give what it made to another, piece by piece.
struct NoObserver {
    void on_change(const BookChange&) const noexcept {}
    void on_print(const Print&) const noexcept {}
};

}  // namespace nanobook::itch
