// Every order of an exchange by its id, resting or finished.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <unordered_map>
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
    Timestamp timestamp;
};
static_assert(sizeof(OrderRecord) == 24);

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

    /// Takes the next id. Its slot is to be written, whatever becomes of it, and its record if it becomes an order.
    OrderId take_id() {
        if (next_ == limit_) [[unlikely]]
            add_chunk();
        return next_++;
    }

    /// Of the id that was taken last: found without a look-up.
    [[nodiscard]] OrderSlot& last_slot() noexcept { return last_->slots[(next_ - 1) % chunk_size]; }
    [[nodiscard]] OrderRecord& last_record() noexcept { return last_->records[(next_ - 1) % chunk_size]; }

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
    [[nodiscard]] OrderSlot* find(OrderId id) noexcept { return is_taken(id) ? &slot(id) : nullptr; }
    [[nodiscard]] const OrderSlot* find(OrderId id) const noexcept { return is_taken(id) ? &slot(id) : nullptr; }

    /// What was taken off an order while it rested. Few orders are reduced, so this stands apart.
    [[nodiscard]] Quantity reduced(OrderId id) const noexcept {
        const auto at = reduced_.find(id);
        return at != reduced_.end() ? at->second : 0;
    }
    void add_reduced(OrderId id, Quantity quantity) { reduced_[id] += quantity; }

    // What a book asks of the owner of its orders.
    [[nodiscard]] LevelId level_of(OrderId id) const noexcept { return slot(id).level; }
    [[nodiscard]] Quantity quantity_of(OrderId id) const noexcept { return slot(id).remaining; }

    /// Forgets the orders that do not rest; how many. Memory of ids that are all forgotten serves new ones.
    std::uint64_t forget_finished() {
        std::uint64_t forgotten = 0;
        for (std::size_t c = 0; c < chunks_.size(); ++c) {
            if (chunks_[c] == nowhere()) continue;
            bool in_use = false;
            // Beyond the last id nothing is written yet.
            const auto taken = std::min<OrderId>(next_ - c * chunk_size, chunk_size);
            for (std::size_t i = c == 0 ? 1 : 0; i < taken; ++i) {
                OrderSlot& slot = chunks_[c]->slots[i];
                if (slot.kind == SlotKind::order && slot.level == no_level) {
                    slot = {};
                    ++forgotten;
                }
                in_use |= slot.kind != SlotKind::none;
            }
            const bool is_full = (c + 1) * chunk_size <= next_;
            if (!in_use && is_full) free_.push_back(std::exchange(chunks_[c], nowhere()));
        }
        std::erase_if(reduced_, [this](const auto& entry) { return slot(entry.first).kind != SlotKind::order; });
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

    /// Of all orders there were room for at one time: what is free now serves new ones.
    [[nodiscard]] std::size_t bytes() const noexcept {
        constexpr std::size_t a_reduced_order = 64;  // about: a node of the map and its bucket
        return chunks_.capacity() * sizeof(Chunk*) + touched_ * sizeof(Chunk) + reduced_.size() * a_reduced_order;
    }

  private:
    static constexpr std::size_t chunk_size = 4096;
    struct Chunk {
        OrderSlot slots[chunk_size];
        OrderRecord records[chunk_size];
    };

    // In one comparison: 0 is before all ids, and wraps to the end.
    [[nodiscard]] bool is_taken(OrderId id) const noexcept { return id - 1 < next_ - 1; }

    // Stands for every chunk whose orders are forgotten. Nothing is written there: nothing in it is in use.
    static Chunk* nowhere() noexcept {
        static Chunk chunk{};
        return &chunk;
    }

    [[gnu::noinline]] void add_chunk() {
        chunks_.reserve(chunks_.size() + 1);
        Chunk* const chunk = take_chunk();
        chunks_.push_back(chunk);
        last_ = chunk;
        limit_ = chunks_.size() * chunk_size;
    }

    // A few chunks alone, then slabs of them: three huge pages.
    Chunk* take_chunk() {
        if (free_.empty()) {
            const std::size_t count = slabs_.size() < 4 ? 1 : 32;
            slabs_.reserve(slabs_.size() + 1);
            free_.reserve(free_.size() + count);
            fresh_ += count;
            auto* const block = static_cast<Chunk*>(detail::allocate_block(count * sizeof(Chunk)));
            slabs_.emplace_back(block, count * sizeof(Chunk));
            for (std::size_t i = count; i-- > 0;) free_.push_back(block + i);
        }
        // Those that were never touched lie at the bottom.
        if (free_.size() <= fresh_) {
            --fresh_;
            ++touched_;
        }
        Chunk* const chunk = free_.back();
        free_.pop_back();
        return chunk;
    }

    void swap(OrderTable& other) noexcept {
        std::swap(chunks_, other.chunks_);
        std::swap(free_, other.free_);
        std::swap(slabs_, other.slabs_);
        std::swap(fresh_, other.fresh_);
        std::swap(touched_, other.touched_);
        std::swap(reduced_, other.reduced_);
        std::swap(last_, other.last_);
        std::swap(next_, other.next_);
        std::swap(limit_, other.limit_);
    }

    std::vector<Chunk*> chunks_;
    std::vector<Chunk*> free_;
    std::vector<std::pair<void*, std::size_t>> slabs_;
    std::size_t fresh_ = 0;    // chunks in free_ that were never touched
    std::size_t touched_ = 0;  // all others
    std::unordered_map<OrderId, Quantity> reduced_;
    Chunk* last_ = nullptr;
    OrderId next_ = 1;
    OrderId limit_ = 1;  // the first id there is no chunk for; 1 for id 0, which is none
};

}  // namespace nanobook
