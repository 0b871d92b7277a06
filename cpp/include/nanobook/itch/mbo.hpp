// Market by order: every message that changes a book, with what it tells only to those who know the order.
#pragma once

#include <cstdint>
#include <vector>

#include <nanobook/core/types.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/observer.hpp>

namespace nanobook::itch {

/// An A or F added `ref`; E, C, X and D took shares off it. A U added it in the place of `old_ref`; if the new order
/// could not rest, the row is that of a deletion.
struct MboRow : Origin {
    std::uint64_t ref;
    Price price;              ///< at which it rests, or rested
    std::uint32_t shares;     ///< added, or taken off
    std::uint32_t remaining;  ///< of it, afterwards
    std::uint64_t old_ref;    ///< where `is_replacement`, as are ...
    Price old_price;
    std::uint32_t old_shares;  ///< ... what was left of it
    Price execution_price;     ///< of E, which is at `price`, and of C
    std::uint64_t match;       ///< of E and C
    Side side;
    char type;  ///< A F E C X D U
    bool is_replacement;
    bool is_printable;    ///< of E and C
    Text<4> attribution;  ///< of F
};

/// An observer that keeps such rows.
class MboRecorder {
  public:
    explicit MboRecorder(Timestamp start = 0) noexcept : start_(start) {}

    template <class Replay>
    void on_change(const BookChange& change, const Replay& replay) {
        const Header& message = change.message;
        const bool adds = change.added_shares != 0;
        if (message.timestamp < start_ || (!adds && change.removed_shares == 0)) return;
        MboRow row{};
        static_cast<Origin&>(row) = Origin::of(message, change.locate, replay);
        row.type = message.type;
        row.side = change.side;
        if (adds) {
            row.ref = change.added_ref;
            row.price = change.added_price;
            row.shares = row.remaining = change.added_shares;
        } else {
            row.ref = change.ref;
            row.price = change.removed_price;
            row.shares = change.removed_shares;
            row.remaining = static_cast<std::uint32_t>(replay.orders().quantity_of(change.ref));
        }
        if (message.type == OrderExecuted::code) {
            row.match = static_cast<const OrderExecuted&>(message).match;
            row.execution_price = row.price;
            row.is_printable = true;
        } else if (message.type == OrderExecutedWithPrice::code) {
            const auto& execution = static_cast<const OrderExecutedWithPrice&>(message);
            row.match = execution.match;
            row.execution_price = execution.price;
            row.is_printable = execution.printable == 'Y';
        } else if (message.type == AddOrderMpid::code) {
            row.attribution = static_cast<const AddOrderMpid&>(message).attribution;
        } else if (message.type == OrderReplace::code && adds) {
            row.is_replacement = true;
            row.old_ref = change.ref;
            row.old_price = change.removed_price;
            row.old_shares = change.removed_shares;
        }
        rows.push_back(row);
    }

    std::vector<MboRow> rows;  ///< for whoever reads them to take

  private:
    Timestamp start_;
};

}  // namespace nanobook::itch
