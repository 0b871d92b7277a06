// Several replays that share the work on one stream, each of which keeps the books of some locates.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <nanobook/core/types.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/order_index.hpp>

namespace nanobook::itch {

/// Some of the locates: part `index` of `count`.
struct Part {
    std::uint32_t index = 0;
    std::uint32_t count = 1;

    /// Locates are dense, and neighbours are alike: they are scattered.
    [[nodiscard]] bool has(Locate locate) const noexcept { return (locate * 40'503u & 0xFFFFu) * count >> 16 == index; }
};

/// Picks the messages of a part out of a stream, and watches the others. Books are apart by locate, but references are
/// unique over all of them: a damaged stream may add an order whose reference rests in another part, or speak of an
/// order by another part's locate. Whoever keeps all books sees that; a part cannot. It is in doubt then: perhaps for
/// nothing, but it never misses one.
class Partition {
  public:
    explicit Partition(Part part) noexcept : part_(part) {}

    /// The messages of this part among the next of the stream. Good until the next call.
    [[nodiscard]] std::span<const Header* const> select(std::span<const Header* const> messages,
                                                        const OrderIndex& orders) {
        own_.resize(messages.size() + 1);
        adds_.resize(messages.size() + 1);
        std::size_t own = 0;
        std::size_t adds = 0;
        // Which is which cannot be guessed, so nothing here branches on it.
        for (const Header* message : messages) {
            own_[own] = adds_[adds] = message;
            own += part_.has(message->locate);
            adds += is_add[static_cast<unsigned char>(message->type)];
        }
        refs_.clear();
        const auto added = std::span<const Header* const>(adds_).first(adds);
        for (const Header* message : added) {
            const std::uint64_t ref = ref_of(*message);
            Range& range = ranges_[ref % ranges_.size()];
            range.lowest = std::min(range.lowest, ref);
            if (ref > range.highest) [[likely]] {
                range.highest = ref;
            } else if (!part_.has(message->locate)) {
                is_in_doubt_ |= orders.find(ref) != nullptr || is_added(ref, added);
            }
        }
        return std::span<const Header* const>(own_).first(own);
    }

    /// A message of this part speaks of an order that does not rest in it. If the stream never added it, it rests
    /// nowhere.
    void on_unknown(std::uint64_t ref) noexcept { is_in_doubt_ |= ref >= ranges_[ref % ranges_.size()].lowest; }

    /// In a stream whose tables follow the clock: times that go back.
    void watch_time(std::span<const Header* const> messages) noexcept {
        for (const Header* message : messages) {
            const Timestamp time = message->timestamp;
            is_in_doubt_ |= time < time_;
            time_ = time;
        }
    }

    [[nodiscard]] bool is_in_doubt() const noexcept { return is_in_doubt_; }

  private:
    static constexpr auto is_add = [] {
        std::array<bool, 256> is_add{};
        for (const char type : {'A', 'F', 'U'}) is_add[static_cast<unsigned char>(type)] = true;
        return is_add;
    }();

    // Nasdaq's engines count in steps of four, each upwards: what exceeds all before it is new.
    struct Range {
        std::uint64_t lowest = std::numeric_limits<std::uint64_t>::max();
        std::uint64_t highest = 0;
    };

    [[nodiscard]] static std::uint64_t ref_of(const Header& add) noexcept {
        return add.type == OrderReplace::code ? static_cast<const OrderReplace&>(add).new_ref
                                              : static_cast<const AddOrder&>(add).ref;
    }

    // Does one of these messages, which are of this part, add it?
    [[nodiscard]] bool is_added(std::uint64_t ref, std::span<const Header* const> adds) {
        if (refs_.empty()) {
            for (const Header* add : adds) {
                if (part_.has(add->locate)) refs_.push_back(ref_of(*add));
            }
            std::ranges::sort(refs_);
        }
        return std::ranges::binary_search(refs_, ref);
    }

    Part part_;
    bool is_in_doubt_ = false;
    Timestamp time_ = 0;
    std::array<Range, 4> ranges_{};
    std::vector<const Header*> own_;
    std::vector<const Header*> adds_;
    std::vector<std::uint64_t> refs_;  // that this part adds now, sorted, where anybody asked
};

}  // namespace nanobook::itch
