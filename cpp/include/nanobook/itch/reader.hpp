// From bytes to messages: framing, in place, of whatever bytes come.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <nanobook/detail/memory.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/report.hpp>

namespace nanobook::itch {

/// Some messages in a row, each complete and of its type's length, where they lie in the caller's bytes. Good until the
/// call returns that handed it out.
struct Batch {
    std::span<const Header* const> messages;
    const std::byte* origin;      ///< these bytes ...
    std::uint64_t origin_offset;  ///< ... stand here in the stream

    /// Where a message's frame (its length prefix) begins in the stream, in bytes.
    [[nodiscard]] std::uint64_t offset_of(const Header& message) const noexcept {
        return origin_offset + static_cast<std::uint64_t>(reinterpret_cast<const std::byte*>(&message) - origin) - 2;
    }
};

/// Reads BinaryFILE framing (a big-endian u16 length before each message; length 0 ends the session) and files whose
/// every length is 0, where the length comes from the type. Bytes come in chunks cut anywhere. No bytes make it throw:
/// what is odd is skipped and counted in `report()`.
class Reader {
  public:
    struct Options {
        bool strict = false;  ///< stop at the first odd thing
    };

    Reader() = default;
    explicit Reader(Options options) : options_(options) {}

    /// Hands the messages that `chunk` completes to `sink(const Batch&)`, `BatchSize` at once at the most, which
    /// returns how many of them it took; fewer than all stops the reader for good. False once stopped; the bytes after
    /// a session's end are still to be fed, and counted.
    template <std::size_t BatchSize = 2048, class Sink>
    bool feed(std::span<const std::byte> chunk, Sink&& sink) {
        while (!rest_.empty() && !chunk.empty()) {
            // A message cut by the chunks' border: complete a copy of it, and not a byte more.
            const std::size_t missing = std::min(frame_size(rest_) - rest_.size(), chunk.size());
            rest_.insert(rest_.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(missing));
            chunk = chunk.subspan(missing);
            if (rest_.size() < frame_size(rest_)) continue;
            const std::vector<std::byte> frame = std::exchange(rest_, {});
            take<BatchSize>(frame, sink);
        }
        if (rest_.empty()) take<BatchSize>(chunk, sink);
        return !done_ || unreadable_;
    }

    /// Calls `visitor(message)` with each message that `chunk` completes, as its own type: faster than batches where
    /// nothing is looked up ahead. False once stopped.
    template <class Visitor>
    bool feed_each(std::span<const std::byte> chunk, Visitor&& visitor) {
        return feed(chunk, Each<std::remove_reference_t<Visitor>>{visitor});
    }

    /// There are no more bytes. What is left of a message is reported as a truncated tail.
    void finish() {
        if (!rest_.empty() && !done_) {
            if (rest_.size() == 2 && length_at(rest_.data()) == 0) {
                end_of_session_ = true;
            } else {
                report_.add(Oddity::truncated_tail, rest_.size() > 2 ? static_cast<char>(rest_[2]) : '\0', offset_,
                            rest_.size());
            }
        }
        if (trailing_ > 0) report_.add(Oddity::trailing_bytes, '\0', offset_, std::exchange(trailing_, 0));
        done_ = true;
    }

    /// Whoever takes the messages found one of them odd. False where the reader is strict, and the taker is to stop.
    bool note(Oddity oddity, char type, std::uint64_t offset, std::uint64_t number) {
        report_.add(oddity, type, offset, number);
        if (options_.strict) done_ = true;
        return !options_.strict;
    }

    [[nodiscard]] const Report& report() const noexcept { return report_; }
    /// Messages handed out, by type byte.
    [[nodiscard]] const std::array<std::uint64_t, 256>& counts() const noexcept { return counts_; }
    [[nodiscard]] std::uint64_t messages() const noexcept { return messages_; }
    /// Every length prefix is 0.
    [[nodiscard]] bool zero_prefixed() const noexcept { return framing_ == Framing::zero_prefixed; }
    [[nodiscard]] bool end_of_session() const noexcept { return end_of_session_; }

  private:
    enum class Framing : std::uint8_t { undecided, prefixed, zero_prefixed };

    // A visitor of single messages, told from a sink of batches by its mark.
    template <class Visitor>
    struct Each {
        using takes_each = void;
        Visitor& visitor;
    };
    template <class Sink>
    static constexpr bool takes_batches = !requires { typename Sink::takes_each; };

    static std::size_t length_at(const std::byte* p) noexcept {
        return std::to_integer<std::size_t>(p[0]) << 8 | std::to_integer<std::size_t>(p[1]);
    }
    // What stands before a message of each type, as this machine reads it; before an unknown type, nothing that can be.
    static constexpr std::array<std::uint32_t, 256> prefix_of_type = [] {
        std::array<std::uint32_t, 256> prefixes{};
        for (std::size_t type = 0; type < prefixes.size(); ++type) {
            const std::uint32_t length = length_of_type[type];
            prefixes[type] = length == 0 ? ~0u : std::endian::native == std::endian::little ? length << 8 : length;
        }
        return prefixes;
    }();
    static std::size_t type_length_at(const std::byte* p) noexcept {
        return length_of_type[std::to_integer<std::size_t>(*p)];
    }

    // The size of the frame that begins a buffer, as far as its bytes tell. Three are needed to tell anything.
    [[nodiscard]] std::size_t frame_size(std::span<const std::byte> bytes) noexcept {
        if (bytes.size() < 3) return 3;
        decide_framing(bytes.data());
        const std::size_t length = length_at(bytes.data());
        return 2 + std::max<std::size_t>(1, length == 0 && zero_prefixed() ? type_length_at(bytes.data() + 2) : length);
    }

    // The stream's first three bytes tell.
    void decide_framing(const std::byte* p) noexcept {
        if (framing_ != Framing::undecided) return;
        framing_ = length_at(p) == 0 && type_length_at(p + 2) != 0 ? Framing::zero_prefixed : Framing::prefixed;
    }

    template <std::size_t BatchSize, class Sink>
    void take(std::span<const std::byte> bytes, Sink& sink) {
        const std::size_t used = done_ ? 0 : scan<BatchSize>(bytes, sink);
        offset_ += used;
        const auto left = bytes.subspan(used);
        if (!done_) {
            rest_.assign(left.begin(), left.end());
        } else if (unreadable_) {
            trailing_ += left.size();
        }
    }

    // Hands out every complete message; returns how many bytes it is done with.
    template <std::size_t BatchSize, class Sink>
    std::size_t scan(std::span<const std::byte> bytes, Sink& sink) {
        const std::byte* const begin = bytes.data();
        const std::byte* const end = begin + bytes.size();
        const std::byte* p = begin;
        std::array<const Header*, BatchSize> messages;
        std::size_t count = 0;
        if (end - p >= 3) decide_framing(p);

        const auto flush = [&] {
            if constexpr (takes_batches<Sink>) {
                if (count == 0) return;
                const std::span<const Header* const> batch(messages.data(), count);
                const std::size_t taken = sink(Batch{batch, begin, offset_});
                for (const Header* left : batch.subspan(taken)) --counts_[static_cast<unsigned char>(left->type)];
                messages_ += taken;
                if (taken < count) {
                    done_ = true;
                    p = reinterpret_cast<const std::byte*>(batch[taken]) - 2;
                }
                count = 0;
            }
        };

        while (end - p >= 3 && !done_) {
            // Known lengths need one byte: what comes next waits for no more than that.
            std::size_t length = std::to_integer<std::size_t>(p[1]);
            std::uint16_t prefix;
            std::memcpy(&prefix, p, 2);
            if (prefix != prefix_of_type[std::to_integer<std::size_t>(p[2])]) [[unlikely]] {
                const std::size_t type_length = type_length_at(p + 2);
                if (prefix == 0 && zero_prefixed() && type_length != 0) {
                    length = type_length;
                } else {
                    // What was odd comes after the messages before it.
                    flush();
                    if (done_) break;
                    const std::size_t skipped = skip_odd(p, begin, end);
                    if (skipped == 0) break;
                    p += skipped;
                    continue;
                }
            }
            if (static_cast<std::size_t>(end - p) < 2 + length) break;
            // The processor reads ahead by itself, but stops at each page.
            detail::prefetch_early(p + 1024);
            const auto* message = reinterpret_cast<const Header*>(p + 2);
            ++counts_[static_cast<unsigned char>(message->type)];
            p += 2 + length;
            if constexpr (takes_batches<Sink>) {
                messages[count++] = message;
                if (count == BatchSize) flush();
            } else {
                ++messages_;
                visit(*message, sink.visitor);
            }
        }
        if (!done_) flush();
        return static_cast<std::size_t>(p - begin);
    }

    // The frame at `p` is no message that we know, or the end of the session. Returns its size, or 0 where its end is
    // not there yet.
    std::size_t skip_odd(const std::byte* p, const std::byte* begin, const std::byte* end) {
        const std::size_t length = length_at(p);
        const auto type = static_cast<char>(p[2]);
        const std::uint64_t offset = offset_ + static_cast<std::uint64_t>(p - begin);
        if (length == 0) {
            // Where every prefix is 0, nothing tells how long an unknown message is.
            if (zero_prefixed()) report_.add(Oddity::unknown_type, type, offset, 0);
            end_of_session_ = !zero_prefixed();
            done_ = unreadable_ = true;
            return 2;
        }
        if (static_cast<std::size_t>(end - p) < 2 + length) return 0;
        report_.add(type_length_at(p + 2) != 0 ? Oddity::wrong_length : Oddity::unknown_type, type, offset, length);
        done_ = options_.strict;
        return 2 + length;
    }

    Options options_;
    Framing framing_ = Framing::undecided;
    bool done_ = false;
    bool end_of_session_ = false;
    bool unreadable_ = false;   // what follows is not messages
    std::uint64_t offset_ = 0;  // of the first byte not scanned
    std::uint64_t messages_ = 0;
    std::uint64_t trailing_ = 0;
    std::array<std::uint64_t, 256> counts_{};
    std::vector<std::byte> rest_;
    Report report_;
};

/// Calls `visitor(message)` with every message of `bytes`, as its own type. A visitor that cares for a few types takes
/// the others as `const Header&`. Returns the reader, for its report and counts.
template <class Visitor>
Reader read(std::span<const std::byte> bytes, Visitor&& visitor) {
    Reader reader;
    reader.feed_each(bytes, visitor);
    reader.finish();
    return reader;
}

}  // namespace nanobook::itch
