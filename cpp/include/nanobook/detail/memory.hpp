// Memory for things that live long and are touched at random: whole pages, huge ones where the system has them.
#pragma once

#include <cstddef>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

namespace nanobook::detail {

inline constexpr std::size_t cache_line = 64;
inline constexpr std::size_t huge_page = std::size_t{1} << 21;

// A random access over hundreds of megabytes misses the TLB before it misses the cache: huge pages halve a replay's
// time. Small requests stay small: a book of ten orders must not cost two megabytes.
[[nodiscard]] inline void* allocate_block(std::size_t bytes) {
    if (bytes < huge_page) return ::operator new(bytes, std::align_val_t{cache_line});
    void* block = ::operator new(bytes, std::align_val_t{huge_page});
#if defined(__linux__)
    ::madvise(block, bytes, MADV_HUGEPAGE);
#endif
    return block;
}

inline void free_block(void* block, std::size_t bytes) noexcept {
    ::operator delete(block, std::align_val_t{bytes < huge_page ? cache_line : huge_page});
}

// For what is needed next.
inline void prefetch(const void* address) noexcept {
#if defined(_MSC_VER) && !defined(__clang__)
    _mm_prefetch(static_cast<const char*>(address), _MM_HINT_T0);
#else
    __builtin_prefetch(address, 1);
    // GCC takes a function that only prefetches for one without effect, and drops the calls to it: this is an effect.
    asm volatile("" : : "r"(address));
#endif
}

// For one of many, needed later: into the second cache, because the first drops what is asked for beyond some twenty
// requests.
inline void prefetch_early(const void* address) noexcept {
#if defined(_MSC_VER) && !defined(__clang__)
    _mm_prefetch(static_cast<const char*>(address), _MM_HINT_T1);
#else
    __builtin_prefetch(address, 0, 2);
    asm volatile("" : : "r"(address));
#endif
}

}  // namespace nanobook::detail
