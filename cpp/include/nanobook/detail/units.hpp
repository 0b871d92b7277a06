// A stream that comes in chunks cut anywhere, cut into its units: packets, records, messages.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace nanobook::detail {

/// Holds a copy of the one unit that the border of two chunks cuts, and nothing else. A unit that is not wanted, or is
/// too large to hold, is passed by with `skip`.
class Units {
  public:
    /// `size_of(bytes)` says how long the unit is that begins there, as far as the bytes tell, and more than there are
    /// of them where they do not tell it yet; at least 1. `take(unit)` is given each that is whole.
    template <class SizeOf, class Take>
    void feed(std::span<const std::byte> chunk, SizeOf&& size_of, Take&& take) {
        while (!chunk.empty()) {
            if (skip_ > 0) {
                const std::size_t skipped = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, chunk.size()));
                skip_ -= skipped;
                offset_ += skipped;
                chunk = chunk.subspan(skipped);
            } else if (rest_.empty()) {
                const std::size_t size = size_of(chunk);
                if (size > chunk.size()) {
                    rest_.assign(chunk.begin(), chunk.end());
                    return;
                }
                take(chunk.first(size));
                offset_ += size;
                chunk = chunk.subspan(size);
            } else {
                const std::size_t missing = std::min(size_of(rest_) - rest_.size(), chunk.size());
                rest_.insert(rest_.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(missing));
                chunk = chunk.subspan(missing);
                if (rest_.size() < size_of(rest_)) continue;
                take(std::span<const std::byte>(rest_));
                offset_ += rest_.size();
                rest_.clear();
            }
        }
    }

    /// For `take`: so many bytes behind its unit are passed by.
    void skip(std::uint64_t bytes) noexcept { skip_ = bytes; }
    /// For `take`: no more units.
    void stop() noexcept { skip_ = forever; }

    /// Where in the stream the unit begins that is being taken, or the next one.
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
    /// Bytes of a unit that is not whole yet.
    [[nodiscard]] std::size_t unfinished() const noexcept { return rest_.size(); }
    /// Whether the bytes end inside something that is being skipped.
    [[nodiscard]] bool is_skipping() const noexcept { return skip_ > 0 && skip_ <= forever / 2; }

  private:
    // No stream is that long.
    static constexpr std::uint64_t forever = std::numeric_limits<std::uint64_t>::max();

    std::uint64_t offset_ = 0;
    std::uint64_t skip_ = 0;
    std::vector<std::byte> rest_;
};

}  // namespace nanobook::detail
