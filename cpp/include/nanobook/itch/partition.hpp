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

/// One of several replays that share a stream.
struct Part {
    std::uint32_t index = 0;
    std::uint32_t count = 1;

    /// Is a locate this part's, as far as nothing else is known of it? Locates are dense, and neighbours are alike:
    /// they are scattered.
    [[nodiscard]] bool has(Locate locate) const noexcept { return home_of(locate) == index; }
    [[nodiscard]] std::uint32_t home_of(Locate locate) const noexcept {
        return (locate * 40'503u & 0xFFFFu) * count >> 16;
    }
};

/// Picks the messages of a part out of a stream, and watches the others. Orders, executions and prints of a locate are
/// all of one part, which their first one decides: where the number of parts allows, that of the engine of Nasdaq which
/// numbered the order, because the references of an engine lie side by side. All parts see the first same message, and
/// so they agree. Whatever else may name a symbol is for every part.
///
/// Books are apart by locate, but references are unique over all of them: a damaged stream may add an order whose
/// reference rests in another part, or speak of an order by another part's locate. Whoever keeps all books sees that; a
/// part cannot. It is in doubt then: perhaps for nothing, but it never misses one.
class Partition {
  public:
    explicit Partition(Part part) : part_(part), owners_(part.count > 1 ? most_locates : 0, nobody) {}

    /// The messages of this part among the next of the stream. Good until the next call.
    [[nodiscard]] std::span<const Header* const> select(std::span<const Header* const> messages,
                                                        const OrderIndex& orders) {
        own_.resize(messages.size() + 1);
        adds_.resize(messages.size() + 1);
        const std::span<std::uint16_t> owners = owners_;
        const std::uint32_t part = part_.index;
        std::size_t own = 0;
        std::size_t adds = 0;
        // Which is which cannot be guessed, so nothing here branches on it.
        for (const Header* message : messages) {
            const std::uint8_t kind = kinds[static_cast<unsigned char>(message->type)];
            std::uint16_t& owner = owners[message->locate];
            if (owner == nobody && !(kind & for_all)) [[unlikely]]
                owner = owner_for(*message, kind);
            own_[own] = adds_[adds] = message;
            own += (kind & for_all) | (owner == part);
            adds += (kind & of_add) != 0;
        }
        refs_.clear();
        const auto added = std::span<const Header* const>(adds_).first(adds);
        for (const Header* message : added) {
            const std::uint64_t ref = added_by(*message);
            Range& range = ranges_[ref % engines];
            range.lowest = std::min(range.lowest, ref);
            if (ref > range.highest) [[likely]] {
                range.highest = ref;
            } else if (owners_[message->locate] != part_.index) {
                is_in_doubt_ |= orders.level_of(ref) != no_level || is_added(ref, added);
            }
        }
        return std::span<const Header* const>(own_).first(own);
    }

    /// A message of this part speaks of an order that does not rest in it. If the stream never added it, it rests
    /// nowhere.
    void on_unknown(std::uint64_t ref) noexcept { is_in_doubt_ |= ref >= ranges_[ref % engines].lowest; }

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
    static constexpr std::uint32_t engines = 4;
    static constexpr std::size_t most_locates = std::size_t{1} << 16;
    static constexpr std::uint16_t nobody = 0xFFFF;

    // What a type is: for every part, an add, or of an order, whose reference stands where all have it.
    static constexpr std::uint8_t for_all = 1;
    static constexpr std::uint8_t of_add = 2;
    static constexpr std::uint8_t of_order = 4;
    static constexpr auto kinds = [] {
        std::array<std::uint8_t, 256> kinds{};
        kinds.fill(for_all);
        for (const char type : {'A', 'F', 'U'}) kinds[static_cast<unsigned char>(type)] = of_add | of_order;
        for (const char type : {'E', 'C', 'X', 'D'}) kinds[static_cast<unsigned char>(type)] = of_order;
        for (const char type : {'P', 'Q', 'B'}) kinds[static_cast<unsigned char>(type)] = 0;
        return kinds;
    }();

    [[nodiscard]] std::uint16_t owner_for(const Header& message, std::uint8_t kind) const noexcept {
        const std::uint32_t home = part_.home_of(message.locate);
        if (!(kind & of_order)) return static_cast<std::uint16_t>(home);
        const auto engine = static_cast<std::uint32_t>(static_cast<const OrderDelete&>(message).ref % engines);
        if (part_.count == 2) return static_cast<std::uint16_t>(engine % 2);
        // Several parts an engine: those that are the same modulo four.
        if (part_.count % engines == 0) return static_cast<std::uint16_t>(home / engines * engines + engine);
        return static_cast<std::uint16_t>(home);
    }

    // Nasdaq's engines count in steps of four, each upwards: what exceeds all before it is new.
    struct Range {
        std::uint64_t lowest = std::numeric_limits<std::uint64_t>::max();
        std::uint64_t highest = 0;
    };

    [[nodiscard]] static std::uint64_t added_by(const Header& add) noexcept {
        return add.type == OrderReplace::code ? static_cast<const OrderReplace&>(add).new_ref
                                              : static_cast<const AddOrder&>(add).ref;
    }

    // Does one of these messages, which are of this part, add it?
    [[nodiscard]] bool is_added(std::uint64_t ref, std::span<const Header* const> adds) {
        if (refs_.empty()) {
            for (const Header* add : adds) {
                if (owners_[add->locate] == part_.index) refs_.push_back(added_by(*add));
            }
            std::ranges::sort(refs_);
        }
        return std::ranges::binary_search(refs_, ref);
    }

    Part part_;
    bool is_in_doubt_ = false;
    Timestamp time_ = 0;
    std::array<Range, engines> ranges_{};
    std::vector<std::uint16_t> owners_;  // parts, by locate
    std::vector<const Header*> own_;
    std::vector<const Header*> adds_;
    std::vector<std::uint64_t> refs_;  // that this part adds now, sorted, where anybody asked
};

}  // namespace nanobook::itch
