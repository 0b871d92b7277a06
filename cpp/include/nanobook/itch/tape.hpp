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

/// The trades that a day takes back, found by a pass over its bytes before the one that needs them.
class BrokenTrades {
  public:
    /// The next bytes of the stream, cut anywhere.
    bool feed(std::span<const std::byte> bytes) {
        return reader_.feed(bytes, [this](const Batch& batch) {
            for (const Header* message : batch.messages) {
                if (message->type != BrokenTrade::code) continue;
                last_[static_cast<const BrokenTrade*>(message)->match] = batch.offset_of(*message);
            }
            return batch.messages.size();
        });
    }

    /// Is a trade taken back, whose message begins at `offset`?
    [[nodiscard]] bool has(std::uint64_t match, std::uint64_t offset) const {
        if (last_.empty()) return false;
        const auto found = last_.find(match);
        return found != last_.end() && found->second > offset;
    }

    [[nodiscard]] const Reader& reader() const noexcept { return reader_; }
    void finish() { reader_.finish(); }

  private:
    Reader reader_;
    std::unordered_map<std::uint64_t, std::uint64_t> last_;  // match number to where its last B begins
};

/// A trade that counts in the volume.
struct TapeTrade {
    Timestamp timestamp;
    Locate locate;
    char type;                      ///< E C P Q
    char cross_type;                ///< of Q; a space else
    std::optional<Side> aggressor;  ///< none for P and Q
    Price price;
    std::uint64_t shares;
    std::uint64_t match;
    std::uint64_t ref;  ///< the order at rest; 0 for P and Q
};

/// Hands a print to `take(const TapeTrade&)` if it counts; its message begins at `offset`.
template <class Take>
void for_trade(const Print& print, const BrokenTrades* broken, std::uint64_t offset, Take&& take) {
    if (!print.printable || print.shares == 0) return;
    if (broken != nullptr && broken->has(print.match, offset)) return;
    const bool is_cross = print.message.type == CrossTrade::code;
    take(TapeTrade{print.message.timestamp, print.locate, print.message.type,
                   is_cross ? static_cast<const CrossTrade&>(print.message).cross_type : ' ',
                   print.resting_side ? std::optional(opposite(*print.resting_side)) : std::nullopt, print.price,
                   print.shares, print.match, print.ref});
}

}  // namespace nanobook::itch
