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
        if (head != nullptr) return pop(head, bytes);
        if (static_cast<std::size_t>(end_ - next_) < bytes) [[unlikely]]
            return take_elsewhere(bytes);
        return std::exchange(next_, next_ + bytes);
    }

    void give_back(void* block, std::size_t bytes) noexcept {
        FreeBlock*& head = free_[class_of(bytes)];
        head = ::new (block) FreeBlock{head};
        free_bytes_ += bytes;
    }

    /// Everything taken from the system and touched.
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_ - static_cast<std::size_t>(end_ - next_); }

  private:
    struct FreeBlock {
        FreeBlock* next;
    };

    static std::size_t class_of(std::size_t bytes) noexcept {
        return static_cast<std::size_t>(std::bit_width(bytes / smallest)) - 1;
    }

    [[nodiscard]] void* pop(FreeBlock*& head, std::size_t bytes) noexcept {
        free_bytes_ -= bytes;
        return std::exchange(head, head->next);
    }

    // Queues that grow leave ever larger blocks behind, which together are as large as what they grow into: they are
    // merged when there is much of it, before more memory is taken from the system.
    [[nodiscard, gnu::noinline]] void* take_elsewhere(std::size_t bytes) {
        void* block = split_larger(bytes);
        if (block == nullptr && free_bytes_ > bytes_ / 8 && free_bytes_ >= 2 * unmergeable_) {
            merge_free_blocks();
            block = split_larger(bytes);
        }
        if (block != nullptr) return block;
        add_slab(bytes);
        return std::exchange(next_, next_ + bytes);
    }

    [[nodiscard]] void* split_larger(std::size_t bytes) noexcept {
        for (std::size_t size = bytes; class_of(size) < free_.size(); size *= 2) {
            FreeBlock*& head = free_[class_of(size)];
            if (head == nullptr) continue;
            auto* const block = static_cast<std::byte*>(pop(head, size));
            for (; size > bytes; size /= 2) give_back(block + size / 2, size / 2);
            return block;
        }
        return nullptr;
    }

    void merge_free_blocks() {
        std::vector<std::pair<std::byte*, std::size_t>> ranges;
        for (std::size_t c = 0; c < free_.size(); ++c) {
            for (FreeBlock* block = std::exchange(free_[c], nullptr); block != nullptr; block = block->next) {
                ranges.emplace_back(reinterpret_cast<std::byte*>(block), smallest << c);
            }
        }
        std::sort(ranges.begin(), ranges.end());
        free_bytes_ = 0;
        for (std::size_t i = 0; i < ranges.size();) {
            auto [begin, size] = ranges[i];
            for (++i; i < ranges.size() && ranges[i].first == begin + size; ++i) size += ranges[i].second;
            cut(begin, size);
        }
        // What is free now is in pieces too small; it is not worth another look until there is twice as much.
        unmergeable_ = free_bytes_;
    }

    // Makes free blocks of a piece of memory.
    void cut(std::byte* begin, std::size_t size) noexcept {
        while (size >= smallest) {
            const std::size_t piece = std::bit_floor(size);
            give_back(begin, piece);
            begin += piece;
            size -= piece;
        }
    }

    // Slabs double up to a huge page. The rest of the old slab is not lost: it is cut into free blocks.
    void add_slab(std::size_t bytes) {
        const std::size_t slab = std::max(bytes, std::clamp(std::bit_ceil(bytes_), 64 * smallest, huge_page));
        slabs_.reserve(slabs_.size() + 1);
        auto* block = static_cast<std::byte*>(allocate_block(slab));
        slabs_.emplace_back(block, slab);
        cut(next_, static_cast<std::size_t>(end_ - next_));
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
        std::swap(free_bytes_, other.free_bytes_);
        std::swap(unmergeable_, other.unmergeable_);
    }

    std::array<FreeBlock*, 48> free_{};
    std::vector<std::pair<void*, std::size_t>> slabs_;
    std::byte* next_ = nullptr;
    std::byte* end_ = nullptr;
    std::size_t bytes_ = 0;
    std::size_t free_bytes_ = 0;
    std::size_t unmergeable_ = 0;
};

}  // namespace nanobook::detail
