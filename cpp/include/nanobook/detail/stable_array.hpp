// An array that grows without moving what it holds, addressed by a 32-bit id.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <nanobook/detail/memory.hpp>

namespace nanobook::detail {

/// Each chunk is as long as all before it together: growth copies nothing, a small array stays small, and the table of
/// chunks fits in a few cache lines however many elements there are. Ids begin at `first_id`; 0 is never one.
template <class T>
class StableArray {
    static_assert(std::is_trivially_copyable_v<T>);

  public:
    static constexpr std::uint32_t first_id = 64;

    StableArray() = default;
    StableArray(StableArray&& other) noexcept
        : chunks_(std::exchange(other.chunks_, {})), end_(std::exchange(other.end_, first_id)) {}
    StableArray& operator=(StableArray&& other) noexcept {
        std::swap(chunks_, other.chunks_);
        std::swap(end_, other.end_);
        return *this;
    }
    ~StableArray() {
        for (std::size_t width = 0; width < chunks_.size(); ++width) {
            if (chunks_[width] != nullptr) free_block(chunks_[width], bytes_of(width));
        }
    }

    [[nodiscard]] T& operator[](std::uint32_t id) noexcept { return chunks_[chunk_of(id)][offset_of(id)]; }
    [[nodiscard]] const T& operator[](std::uint32_t id) const noexcept { return chunks_[chunk_of(id)][offset_of(id)]; }

    /// One past the last id.
    [[nodiscard]] std::uint32_t end_id() const noexcept { return end_; }

    std::uint32_t push(const T& value) {
        const std::size_t chunk = chunk_of(end_);
        if (chunks_[chunk] == nullptr) chunks_[chunk] = static_cast<T*>(allocate_block(bytes_of(chunk)));
        ::new (&chunks_[chunk][offset_of(end_)]) T(value);
        return end_++;
    }

  private:
    static std::size_t chunk_of(std::uint32_t id) noexcept { return static_cast<std::size_t>(std::bit_width(id)); }
    // The id without its highest bit, which says which chunk it is in.
    static std::size_t offset_of(std::uint32_t id) noexcept { return id ^ std::bit_floor(id); }
    static std::size_t bytes_of(std::size_t chunk) noexcept { return sizeof(T) << (chunk - 1); }

    std::array<T*, 33> chunks_{};
    std::uint32_t end_ = first_id;
};

}  // namespace nanobook::detail
