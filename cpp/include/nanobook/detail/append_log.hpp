// A log that is only appended to: rows never move, and a copy of it is cheap.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include <nanobook/detail/memory.hpp>

namespace nanobook::detail {

/// Rows of a log, by number. It refers to the log, which must outlive it.
template <class Log>
class LogView {
  public:
    using Row = typename Log::Row;

    class Iterator {
      public:
        using iterator_category = std::random_access_iterator_tag;
        using value_type = Row;
        using difference_type = std::ptrdiff_t;
        using pointer = const Row*;
        using reference = const Row&;

        Iterator() = default;
        Iterator(const Log* log, std::uint64_t at) noexcept : log_(log), at_(at) {}
        reference operator*() const noexcept { return (*log_)[at_]; }
        pointer operator->() const noexcept { return &(*log_)[at_]; }
        reference operator[](difference_type n) const noexcept { return *(*this + n); }
        Iterator& operator++() noexcept { return *this += 1; }
        Iterator operator++(int) noexcept { return std::exchange(*this, *this + 1); }
        Iterator& operator--() noexcept { return *this -= 1; }
        Iterator operator--(int) noexcept { return std::exchange(*this, *this - 1); }
        Iterator& operator+=(difference_type n) noexcept {
            at_ += static_cast<std::uint64_t>(n);
            return *this;
        }
        Iterator& operator-=(difference_type n) noexcept { return *this += -n; }
        friend Iterator operator+(Iterator i, difference_type n) noexcept { return i += n; }
        friend Iterator operator+(difference_type n, Iterator i) noexcept { return i += n; }
        friend Iterator operator-(Iterator i, difference_type n) noexcept { return i -= n; }
        friend difference_type operator-(Iterator a, Iterator b) noexcept {
            return static_cast<difference_type>(a.at_ - b.at_);
        }
        friend bool operator==(Iterator a, Iterator b) noexcept { return a.at_ == b.at_; }
        friend auto operator<=>(Iterator a, Iterator b) noexcept { return a.at_ <=> b.at_; }

      private:
        const Log* log_ = nullptr;
        std::uint64_t at_ = 0;
    };

    LogView() = default;
    LogView(const Log& log, std::uint64_t first, std::uint64_t size) noexcept
        : log_(&log), first_(first), size_(size) {}

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] const Row& operator[](std::size_t i) const noexcept { return (*log_)[first_ + i]; }
    [[nodiscard]] const Row& front() const noexcept { return (*this)[0]; }
    [[nodiscard]] const Row& back() const noexcept { return (*this)[size_ - 1]; }
    [[nodiscard]] Iterator begin() const noexcept { return {log_, first_}; }
    [[nodiscard]] Iterator end() const noexcept { return {log_, first_ + size_}; }

  private:
    const Log* log_ = nullptr;
    std::uint64_t first_ = 0;
    std::uint64_t size_ = 0;
};

/// Chunks of 4,096 rows. `snapshot()` shares them: it sees the rows there are, whatever happens to the log.
template <class RowType>
class AppendLog {
    static_assert(std::is_trivially_copyable_v<RowType>);

  public:
    using Row = RowType;
    static constexpr std::size_t chunk_size = 4096;

    AppendLog() = default;
    AppendLog(AppendLog&& other) noexcept { swap(other); }
    AppendLog& operator=(AppendLog&& other) noexcept {
        swap(other);
        return *this;
    }

    /// Appends what `make()` gives, which is built in its place: a row put together on the stack and then copied in
    /// larger pieces would stall the processor.
    template <class Make>
    void emplace(Make&& make) {
        if (next_ == end_) [[unlikely]]
            next_chunk();
        ::new (static_cast<void*>(next_)) Row(make());
        ++next_;
        ++size_;
    }
    void push(const Row& row) {
        emplace([&] { return row; });
    }

    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] const Row& operator[](std::uint64_t i) const noexcept {
        return chunks_[i / chunk_size].get()[i % chunk_size];
    }
    [[nodiscard]] const Row& back() const noexcept { return next_[-1]; }

    [[nodiscard]] LogView<AppendLog> view() const noexcept { return {*this, 0, size()}; }

    /// Rows that follow one another in memory, from row `i`.
    [[nodiscard]] std::size_t contiguous_from(std::uint64_t i) const noexcept {
        return static_cast<std::size_t>(std::min<std::uint64_t>(chunk_size - i % chunk_size, size() - i));
    }

    /// Forgets all rows, not their memory; except what a snapshot still shows.
    void clear() {
        std::erase_if(chunks_, [](const Chunk& chunk) { return chunk.use_count() > 1; });
        size_ = used_ = 0;
        next_ = end_ = nullptr;
    }

    /// Memory for so many rows more, touched.
    void reserve(std::uint64_t rows) {
        const std::uint64_t needed = (size() + rows + chunk_size - 1) / chunk_size;
        chunks_.reserve(needed);
        while (chunks_.size() < needed) {
            chunks_.push_back(make_chunk());
            std::memset(static_cast<void*>(chunks_.back().get()), 0, chunk_bytes);
        }
    }

    [[nodiscard]] AppendLog snapshot() const {
        AppendLog copy;
        copy.chunks_.assign(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(used_));
        copy.size_ = size_;
        copy.used_ = used_;
        copy.next_ = next_;
        copy.end_ = end_;
        return copy;
    }

  private:
    using Chunk = std::shared_ptr<Row>;
    static constexpr std::size_t chunk_bytes = chunk_size * sizeof(Row);

    static Chunk make_chunk() {
        return Chunk(static_cast<Row*>(allocate_block(chunk_bytes)), [](Row* rows) { free_block(rows, chunk_bytes); });
    }

    [[gnu::noinline]] void next_chunk() {
        if (used_ == chunks_.size()) chunks_.push_back(make_chunk());
        next_ = chunks_[used_++].get();
        end_ = next_ + chunk_size;
    }

    void swap(AppendLog& other) noexcept {
        std::swap(chunks_, other.chunks_);
        std::swap(size_, other.size_);
        std::swap(used_, other.used_);
        std::swap(next_, other.next_);
        std::swap(end_, other.end_);
    }

    std::vector<Chunk> chunks_;  // those in use, then those kept for later
    std::uint64_t size_ = 0;
    std::uint64_t used_ = 0;  // chunks
    Row* next_ = nullptr;
    Row* end_ = nullptr;
};

}  // namespace nanobook::detail
