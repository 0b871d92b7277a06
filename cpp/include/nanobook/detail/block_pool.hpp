// Blocks of 64, 128, 256 ... bytes, recycled by size: the storage of queues and ladders.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <nanobook/detail/memory.hpp>

namespace nanobook::detail {

/// Owns every block it hands out: destroying the pool frees them all, so what lives in them needs no destructor.
class BlockPool {
  public:
    static constexpr std::size_t smallest = cache_line;

    BlockPool() = default;
    BlockPool(BlockPool&& other) noexcept { swap(other); }
    BlockPool& operator=(BlockPool&& other) noexcept {
        swap(other);
        return *this;
    }
    ~BlockPool() {
        for (const auto& [block, bytes] : slabs_) free_block(block, bytes);
    }

    /// `bytes` must be 64 times a power of two. The block is aligned to a cache line and not initialised.
    [[nodiscard]] void* take(std::size_t bytes) {
        FreeBlock*& head = free_[class_of(bytes)];
        if (head != nullptr) return std::exchange(head, head->next);
        if (static_cast<std::size_t>(end_ - next_) < bytes) add_slab(bytes);
        return std::exchange(next_, next_ + bytes);
    }

    void give_back(void* block, std::size_t bytes) noexcept {
        FreeBlock*& head = free_[class_of(bytes)];
        head = ::new (block) FreeBlock{head};
    }

    /// Everything taken from the system.
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  private:
    struct FreeBlock {
        FreeBlock* next;
    };

    static std::size_t class_of(std::size_t bytes) noexcept {
        return static_cast<std::size_t>(std::bit_width(bytes / smallest)) - 1;
    }

    // Slabs double up to a huge page. The rest of the old slab is not lost: it is cut into free blocks.
    void add_slab(std::size_t bytes) {
        const std::size_t slab = std::max(bytes, std::clamp(std::bit_ceil(bytes_), 64 * smallest, huge_page));
        slabs_.reserve(slabs_.size() + 1);
        auto* block = static_cast<std::byte*>(allocate_block(slab));
        slabs_.emplace_back(block, slab);
        for (auto left = static_cast<std::size_t>(end_ - next_); left >= smallest;) {
            const std::size_t piece = std::bit_floor(left);
            give_back(next_, piece);
            next_ += piece;
            left -= piece;
        }
        next_ = block;
        end_ = block + slab;
        bytes_ += slab;
    }

    void swap(BlockPool& other) noexcept {
        std::swap(free_, other.free_);
        std::swap(slabs_, other.slabs_);
        std::swap(next_, other.next_);
        std::swap(end_, other.end_);
        std::swap(bytes_, other.bytes_);
    }

    std::array<FreeBlock*, 48> free_{};
    std::vector<std::pair<void*, std::size_t>> slabs_;
    std::byte* next_ = nullptr;
    std::byte* end_ = nullptr;
    std::size_t bytes_ = 0;
};

}  // namespace nanobook::detail
