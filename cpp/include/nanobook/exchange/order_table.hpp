// Every order of an exchange by its id, resting or finished.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include <nanobook/book/level.hpp>
#include <nanobook/core/order.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/detail/memory.hpp>

namespace nanobook {

/// What the ids of an exchange stand for.
enum class SlotKind : std::uint8_t {
    none,  ///< nothing yet, a refused FOK, or an order whose history was cleared
    order,
    stop,
};

/// What a match or a cancel needs of an order.
struct OrderSlot {
    std::uint64_t remaining;  ///< quantity that rests, or was cancelled in the end; of a stop its number
    LevelId level;            ///< where it rests; no_level for all that do not
    OrderStatus status;
    SlotKind kind;
    Side side;
    TimeInForce time_in_force;
};
static_assert(sizeof(OrderSlot) == 16);

/// The rest of it, written once, at its submission.
struct OrderRecord {
    Price price;
    Quantity quantity;
    Quantity reduced;  ///< taken off while it rested: the one field written later, and rarely
    Timestamp timestamp;
};
static_assert(sizeof(OrderRecord) == 32);

/// Ids are dense, so the table is an array, in chunks of 4,096: no hash beats it, and recent orders stand together.
/// Slots and records stand apart, because matches and cancels, which go anywhere, read slots only.
class OrderTable {
  public:
    using Key = OrderId;

    OrderTable() = default;
    OrderTable(OrderTable&& other) noexcept { swap(other); }
    OrderTable& operator=(OrderTable&& other) noexcept {
        swap(other);
        return *this;
    }
    ~OrderTable() {
        for (const auto& [block, bytes] : slabs_) detail::free_block(block, bytes);
    }

    /// The id that comes next.
    [[nodiscard]] OrderId next_id() const noexcept { return next_; }

    /// Takes the next id; its slot and record are to be written.
    OrderId take_id() {
        if (next_ / chunk_size == chunks_.size()) [[unlikely]]
            add_chunk();
        return next_++;
    }

    /// The id must have been taken.
    [[nodiscard]] OrderSlot& slot(OrderId id) noexcept { return chunks_[id / chunk_size]->slots[id % chunk_size]; }
    [[nodiscard]] const OrderSlot& slot(OrderId id) const noexcept {
        return chunks_[id / chunk_size]->slots[id % chunk_size];
    }
    /// The id must be that of an order whose history was not cleared.
    [[nodiscard]] OrderRecord& record(OrderId id) noexcept {
        return chunks_[id / chunk_size]->records[id % chunk_size];
    }
    [[nodiscard]] const OrderRecord& record(OrderId id) const noexcept {
        return chunks_[id / chunk_size]->records[id % chunk_size];
    }

    /// Null for an id that was never taken.
    [[nodiscard]] OrderSlot* find(OrderId id) noexcept { return id < next_ ? &slot(id) : nullptr; }
    [[nodiscard]] const OrderSlot* find(OrderId id) const noexcept { return id < next_ ? &slot(id) : nullptr; }

    // What a book asks of the owner of its orders.
    [[nodiscard]] LevelId level_of(OrderId id) const noexcept { return slot(id).level; }
    [[nodiscard]] Quantity quantity_of(OrderId id) const noexcept { return slot(id).remaining; }

    /// Forgets the orders that do not rest; how many. Memory of ids that are all forgotten serves new ones.
    std::uint64_t forget_finished() {
        std::uint64_t forgotten = 0;
        for (std::size_t c = 0; c < chunks_.size(); ++c) {
            if (chunks_[c] == nowhere()) continue;
            bool in_use = false;
            for (OrderSlot& slot : chunks_[c]->slots) {
                if (slot.kind == SlotKind::order && slot.level == no_level) {
                    slot = {};
                    ++forgotten;
                }
                in_use |= slot.kind != SlotKind::none;
            }
            const bool is_full = (c + 1) * chunk_size <= next_;
            if (!in_use && is_full) free_.push_back(std::exchange(chunks_[c], nowhere()));
        }
        return forgotten;
    }

    /// Memory for so many orders more, touched.
    void reserve(std::uint64_t orders) {
        const std::uint64_t needed = (next_ + orders) / chunk_size + 1;
        chunks_.reserve(needed);
        std::vector<Chunk*> taken;
        while (chunks_.size() + taken.size() < needed) {
            taken.push_back(take_chunk());
            std::memset(static_cast<void*>(taken.back()), 0, sizeof(Chunk));
        }
        free_.insert(free_.end(), taken.rbegin(), taken.rend());
    }

    /// Everything taken from the system.
    [[nodiscard]] std::size_t bytes() const noexcept {
        std::size_t sum = chunks_.capacity() * sizeof(Chunk*);
        for (const auto& slab : slabs_) sum += slab.second;
        return sum;
    }

  private:
    static constexpr std::size_t chunk_size = 4096;
    struct Chunk {
        OrderSlot slots[chunk_size];
        OrderRecord records[chunk_size];
    };

    // Stands for every chunk whose orders are forgotten. Nothing is written there: nothing in it is in use.
    static Chunk* nowhere() noexcept {
        static Chunk chunk{};
        return &chunk;
    }

    [[gnu::noinline]] void add_chunk() {
        chunks_.reserve(chunks_.size() + 1);
        Chunk* const chunk = take_chunk();
        // Ids of refused orders are never written.
        std::memset(static_cast<void*>(chunk->slots), 0, sizeof(chunk->slots));
        chunks_.push_back(chunk);
    }

    // A few chunks alone, then slabs of them: three huge pages.
    Chunk* take_chunk() {
        if (free_.empty()) {
            const std::size_t count = slabs_.size() < 4 ? 1 : 32;
            slabs_.reserve(slabs_.size() + 1);
            free_.reserve(free_.size() + count);
            auto* const block = static_cast<Chunk*>(detail::allocate_block(count * sizeof(Chunk)));
            slabs_.emplace_back(block, count * sizeof(Chunk));
            for (std::size_t i = count; i-- > 0;) free_.push_back(block + i);
        }
        Chunk* const chunk = free_.back();
        free_.pop_back();
        return chunk;
    }

    void swap(OrderTable& other) noexcept {
        std::swap(chunks_, other.chunks_);
        std::swap(free_, other.free_);
        std::swap(slabs_, other.slabs_);
        std::swap(next_, other.next_);
    }

    std::vector<Chunk*> chunks_;
    std::vector<Chunk*> free_;
    std::vector<std::pair<void*, std::size_t>> slabs_;
    OrderId next_ = 1;
};

}  // namespace nanobook
