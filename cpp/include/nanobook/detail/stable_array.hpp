// An array that grows without moving what it holds, addressed by a 32-bit id.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include <nanobook/detail/memory.hpp>

namespace nanobook::detail {

/// Chunks of 4,096 elements: growth copies nothing, and an id becomes an address with a shift, a load and an addition.
/// Ids begin at 1; 0 is never one.
template <class T>
class StableArray {
    static_assert(std::is_trivially_copyable_v<T>);

  public:
    StableArray() = default;
    StableArray(StableArray&& other) noexcept { swap(other); }
    StableArray& operator=(StableArray&& other) noexcept {
        swap(other);
        return *this;
    }
    ~StableArray() {
        for (const auto& [block, bytes] : slabs_) free_block(block, bytes);
    }

    [[nodiscard]] T& operator[](std::uint32_t id) noexcept { return chunks_[id / chunk_size][id % chunk_size]; }
    [[nodiscard]] const T& operator[](std::uint32_t id) const noexcept {
        return chunks_[id / chunk_size][id % chunk_size];
    }

    /// One past the last id.
    [[nodiscard]] std::uint32_t end_id() const noexcept { return end_; }

    /// Everything taken from the system.
    [[nodiscard]] std::size_t bytes() const noexcept {
        std::size_t sum = 0;
        for (const auto& slab : slabs_) sum += slab.second;
        return sum;
    }

    std::uint32_t push(const T& value) {
        const std::uint32_t id = claim();
        ::new (&(*this)[id]) T(value);
        return id;
    }

    /// The next id, whose element is to be written.
    std::uint32_t claim() {
        if (end_ / chunk_size == chunks_.size()) [[unlikely]]
            add_slab();
        return end_++;
    }

  private:
    static constexpr std::size_t chunk_size = 4096;
    static constexpr std::size_t chunk_bytes = chunk_size * sizeof(T);
    static constexpr std::size_t small_chunks = 4;

    // A few chunks alone, whose pages the system gives as they are touched; then huge pages full of them.
    [[gnu::noinline]] void add_slab() {
        const std::size_t count =
            chunks_.size() < small_chunks || chunk_bytes >= huge_page ? 1 : huge_page / chunk_bytes;
        slabs_.reserve(slabs_.size() + 1);
        chunks_.reserve(chunks_.size() + count);
        auto* const slab = static_cast<std::byte*>(allocate_block(count * chunk_bytes));
        slabs_.emplace_back(slab, count * chunk_bytes);
        for (std::size_t i = 0; i < count; ++i) chunks_.push_back(reinterpret_cast<T*>(slab + i * chunk_bytes));
    }

    void swap(StableArray& other) noexcept {
        std::swap(chunks_, other.chunks_);
        std::swap(slabs_, other.slabs_);
        std::swap(end_, other.end_);
    }

    std::vector<T*> chunks_;
    std::vector<std::pair<void*, std::size_t>> slabs_;
    std::uint32_t end_ = 1;
};

}  // namespace nanobook::detail
