// The life of every order: when it came, what stood before it, and what became of it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/observer.hpp>

namespace nanobook::itch {

/// How an order's last shares left the book.
enum class OrderEnd : std::uint8_t { executed, cancelled, deleted, replaced, live };
inline constexpr std::string_view order_end_names[] = {"executed", "cancelled", "deleted", "replaced", "live"};

struct OrderLife {
    std::uint64_t ref;
    std::uint64_t offset;  ///< of the message that ended it, or entered it where it lives: rows are in this order
    std::uint64_t entry;   ///< orders are numbered as they come
    Timestamp entered;
    Timestamp ended;  ///< of no meaning where it lives
    Timestamp first_fill;
    std::uint64_t ahead_shares;  ///< at its price when it came
    std::uint64_t old_ref;       ///< the order it replaced, where `is_replacement`
    std::uint64_t new_ref;       ///< the order that replaced it, where `is_replaced`
    Price price;
    std::uint32_t shares;  ///< when it came
    std::uint32_t ahead_orders;
    std::uint32_t executed;  ///< shares, printable or not
    std::uint32_t cancelled;
    std::uint32_t executions;
    Symbol symbol;  ///< as it was called when the order came
    Locate locate;
    Side side;
    OrderEnd end;
    bool is_replacement;
    bool is_replaced;  ///< false also where the new order could not rest
    bool has_attribution;
    Text<4> attribution;  ///< of F, which a replacement keeps
};

/// An observer that keeps a row for every order, when it ends; those that live at the end of the stream come last, in
/// the order of their entry.
class LifecycleRecorder {
  public:
    explicit LifecycleRecorder(Timestamp start = 0) noexcept : start_(start) {}

    template <class Replay>
    void on_change(const BookChange& change, const Replay& replay) {
        OrderLife origin{};  // of a replacement
        if (change.removed_shares != 0) {
            const auto found = live_.find(change.ref);
            origin = take_off(found->second, change, replay.offset());
            if (origin.end != OrderEnd::live) {
                if (origin.ended >= start_) rows.push_back(origin);
                live_.erase(found);
            }
        }
        if (change.added_shares != 0) add(change, origin, replay);
    }

    /// There are no more messages.
    void finish() {
        const std::size_t ended = rows.size();
        for (const auto& [ref, life] : live_) {
            if (life.entered >= start_) rows.push_back(life);
        }
        std::ranges::sort(rows.begin() + static_cast<std::ptrdiff_t>(ended), rows.end(), {}, &OrderLife::entry);
        live_.clear();
    }

    std::vector<OrderLife> rows;  ///< for whoever reads them to take

  private:
    static const OrderLife& take_off(OrderLife& life, const BookChange& change, std::uint64_t offset) {
        const Header& message = change.message;
        const bool is_execution = message.type == OrderExecuted::code || message.type == OrderExecutedWithPrice::code;
        if (is_execution) {
            if (life.executions++ == 0) life.first_fill = message.timestamp;
            life.executed += change.removed_shares;
        } else {
            life.cancelled += change.removed_shares;
        }
        if (life.executed + life.cancelled < life.shares) return life;
        life.ended = message.timestamp;
        life.offset = offset;
        life.end = is_execution                         ? OrderEnd::executed
                   : message.type == OrderCancel::code  ? OrderEnd::cancelled
                   : message.type == OrderReplace::code ? OrderEnd::replaced
                                                        : OrderEnd::deleted;
        life.is_replaced = change.added_shares != 0;
        life.new_ref = change.added_ref;
        return life;
    }

    template <class Replay>
    void add(const BookChange& change, const OrderLife& origin, const Replay& replay) {
        const auto& level = *replay.level_of(change.added_ref);
        OrderLife life{};
        life.ref = change.added_ref;
        life.entry = entries_++;
        life.offset = replay.offset();
        life.entered = change.message.timestamp;
        life.ahead_shares = level.total().low - change.added_shares;
        life.ahead_orders = level.count - 1;
        life.price = change.added_price;
        life.shares = change.added_shares;
        life.symbol = replay.listings()[change.locate].symbol;
        life.locate = change.locate;
        life.side = change.side;
        life.end = OrderEnd::live;
        life.is_replacement = change.message.type == OrderReplace::code;
        if (life.is_replacement) {
            life.old_ref = change.ref;
            life.has_attribution = origin.has_attribution;
            life.attribution = origin.attribution;
        } else if (change.message.type == AddOrderMpid::code) {
            life.has_attribution = true;
            life.attribution = static_cast<const AddOrderMpid&>(change.message).attribution;
        }
        live_.emplace(change.added_ref, life);
    }

    Timestamp start_;
    std::uint64_t entries_ = 0;
    std::unordered_map<std::uint64_t, OrderLife> live_;
};

}  // namespace nanobook::itch
