// The trades of a day: what was printed, and counts in the volume.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nanobook/core/types.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/observer.hpp>
#include <nanobook/itch/reader.hpp>

namespace nanobook::itch {

/// The trades that a day takes back, by match number.
class BrokenTrades {
  public:
    /// A trade is taken back by a message that begins at `offset`.
    void add(std::uint64_t match, std::uint64_t offset) {
        std::uint64_t& last = last_[match];
        last = std::max(last, offset);
    }
    void add(const BrokenTrades& others) {
        for (const auto& [match, offset] : others.last_) add(match, offset);
    }

    /// Is a trade taken back, whose message begins at `offset`?
    [[nodiscard]] bool has(std::uint64_t match, std::uint64_t offset) const {
        if (last_.empty()) return false;
        const auto found = last_.find(match);
        return found != last_.end() && found->second > offset;
    }
    [[nodiscard]] std::size_t size() const noexcept { return last_.size(); }
    /// Match numbers, and where the last message begins that takes each back.
    [[nodiscard]] const std::unordered_map<std::uint64_t, std::uint64_t>& all() const noexcept { return last_; }

  private:
    std::unordered_map<std::uint64_t, std::uint64_t> last_;  // match number to where its last B begins
};

/// Adds those that the next bytes of a stream, cut anywhere, take back: for a pass before the one that needs them.
inline bool find_broken_trades(Reader& reader, std::span<const std::byte> bytes, BrokenTrades& broken) {
    return reader.feed(bytes, [&](const Batch& batch) {
        for (const Header* message : batch.messages) {
            if (message->type != BrokenTrade::code) continue;
            broken.add(static_cast<const BrokenTrade*>(message)->match, batch.offset_of(*message));
        }
        return batch.messages.size();
    });
}

/// A trade that counts in the volume.
struct TapeTrade : Origin {
    char type;                      ///< E C P Q
    char cross_type;                ///< of Q; a space else
    std::optional<Side> aggressor;  ///< none for P and Q
    Price price;
    std::uint64_t shares;
    std::uint64_t match;
    std::uint64_t ref;  ///< the order at rest; 0 for P and Q
};

/// Hands a print to `take(const TapeTrade&)` if it counts.
template <class Replay, class Take>
void for_trade(const Print& print, const BrokenTrades* broken, const Replay& replay, Take&& take) {
    if (!print.printable || print.shares == 0) return;
    if (broken != nullptr && broken->has(print.match, replay.offset())) return;
    const bool is_cross = print.message.type == CrossTrade::code;
    take(TapeTrade{Origin::of(print.message, print.locate, replay), print.message.type,
                   is_cross ? static_cast<const CrossTrade&>(print.message).cross_type : ' ',
                   print.resting_side ? std::optional(opposite(*print.resting_side)) : std::nullopt, print.price,
                   print.shares, print.match, print.ref});
}

}  // namespace nanobook::itch
