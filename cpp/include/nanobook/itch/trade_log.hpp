// The executions of a day by match number, so that a broken one can be taken back.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

namespace nanobook::itch {

/// Written all day and read a few times, if at all: 16 bytes a trade, appended, no index but the range of match numbers
/// in each chunk. Match numbers mostly ascend, so that a look-up reads one chunk.
class TradeLog {
  public:
    struct Trade {
        std::uint64_t shares;
        std::uint16_t locate;
    };

    void add(std::uint64_t match, std::uint16_t locate, std::uint64_t shares) {
        if (chunks_.empty() || chunks_.back().size == chunk_size) {
            chunks_.push_back({std::make_unique<std::array<Entry, chunk_size>>()});
        }
        Chunk& chunk = chunks_.back();
        // 48 bits of shares are more than any company has: an entry has no room for more.
        if (shares >= large) large_.push_back({match, shares});
        (*chunk.entries)[chunk.size++] = {match, std::min(shares, large) << 16 | locate};
        chunk.low = std::min(chunk.low, match);
        chunk.high = std::max(chunk.high, match);
    }

    /// Was there ever a trade of that match number?
    [[nodiscard]] bool has(std::uint64_t match) const noexcept {
        return std::ranges::any_of(chunks_, [&](const Chunk& chunk) {
            if (match < chunk.low || match > chunk.high) return false;
            return std::any_of(chunk.entries->begin(), chunk.entries->begin() + chunk.size,
                               [&](const Entry& entry) { return entry.match == match; });
        });
    }

    /// The latest trade of that match number that still stands, one in the volume before one of 0 shares (a cross
    /// prints its number again for each order in it). It stands no more.
    std::optional<Trade> take(std::uint64_t match) noexcept {
        Entry* found = nullptr;
        for (auto chunk = chunks_.rbegin(); chunk != chunks_.rend(); ++chunk) {
            if (match < chunk->low || match > chunk->high) continue;
            for (std::size_t i = chunk->size; i-- > 0;) {
                Entry& entry = (*chunk->entries)[i];
                if (entry.match != match || entry.shares_and_locate == taken) continue;
                if (entry.shares_and_locate >> 16 > 0) return take(entry);
                if (found == nullptr) found = &entry;
            }
        }
        if (found == nullptr) return std::nullopt;
        return take(*found);
    }

  private:
    static constexpr std::size_t chunk_size = 4096;
    static constexpr std::uint64_t taken = std::numeric_limits<std::uint64_t>::max();
    static constexpr std::uint64_t large = (std::uint64_t{1} << 48) - 2;

    struct Large {
        std::uint64_t match;
        std::uint64_t shares;
    };
    struct Entry {
        std::uint64_t match;
        std::uint64_t shares_and_locate;
    };

    Trade take(Entry& entry) noexcept {
        Trade trade{entry.shares_and_locate >> 16, static_cast<std::uint16_t>(entry.shares_and_locate)};
        if (trade.shares == large) {
            const auto exact =
                std::find_if(large_.rbegin(), large_.rend(), [&](const Large& l) { return l.match == entry.match; });
            trade.shares = exact->shares;
            large_.erase(std::next(exact).base());
        }
        entry.shares_and_locate = taken;
        return trade;
    }

    struct Chunk {
        std::unique_ptr<std::array<Entry, chunk_size>> entries;
        std::size_t size = 0;
        std::uint64_t low = std::numeric_limits<std::uint64_t>::max();
        std::uint64_t high = 0;
    };

    std::vector<Chunk> chunks_;
    std::vector<Large> large_;
};

}  // namespace nanobook::itch
