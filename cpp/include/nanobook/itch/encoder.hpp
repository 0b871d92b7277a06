// ITCH 5.0 out: messages to framed bytes, in memory or in a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nanobook/detail/output_file.hpp>
#include <nanobook/itch/messages.hpp>

namespace nanobook::itch {

/// What stands before each payload.
enum class Framing : std::uint8_t {
    length,  ///< the payload's length as a big-endian u16, as in Nasdaq's day files
    zero,    ///< 00 00 always, as some tools write: the reader takes the length from the type
};

/// A growing run of bytes.
class MemoryOutput {
  public:
    std::byte* extend(std::size_t size) {
        // Grown ahead of need and filled in place: a vector would clear the bytes of every message first.
        if (bytes_.size() - used_ < size) bytes_.resize(2 * bytes_.size() + size + 4096);
        std::byte* const place = bytes_.data() + used_;
        used_ += size;
        return place;
    }

    void reserve(std::size_t size) {
        if (bytes_.size() < size) bytes_.resize(size);
    }

    /// Valid until the next message is written.
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return std::span{bytes_}.first(used_); }

    /// Leaves the output empty.
    [[nodiscard]] std::vector<std::byte> take() {
        bytes_.resize(std::exchange(used_, 0));
        return std::exchange(bytes_, {});
    }

  private:
    std::vector<std::byte> bytes_;
    std::size_t used_ = 0;
};

/// Frames messages into an `Output`, which has `std::byte* extend(std::size_t)`: room for that many bytes at its end.
template <class Output>
class BasicEncoder {
  public:
    template <class... Args>
    explicit BasicEncoder(Framing framing, Args&&... args) : output_(std::forward<Args>(args)...), framing_(framing) {}

    /// One of the 23 message structs. Its type byte is set here; every other field must have been assigned.
    template <class Message>
    void write(const Message& message) {
        static_assert(length_of_type[static_cast<unsigned char>(Message::code)] == sizeof(Message));
        std::byte* const place = frame(sizeof(Message));
        std::memcpy(place, &message, sizeof(Message));
        place[0] = static_cast<std::byte>(Message::code);
    }

    /// A payload as it was read, of a type known or unknown; of a known type where the framing is zero, because nobody
    /// could tell its length. std::invalid_argument where the length does not fit its prefix.
    void write_payload(std::span<const std::byte> payload) {
        if (payload.empty() || payload.size() > 0xffff) {
            throw std::invalid_argument("an ITCH payload has 1 to 65535 bytes, not " + std::to_string(payload.size()));
        }
        std::memcpy(frame(payload.size()), payload.data(), payload.size());
    }

    /// A zero length with nothing behind it. Public day files end without one, and `Framing::zero` has no such mark.
    void write_end_of_session() {
        if (framing_ == Framing::length) put_length(output_.extend(2), 0);
    }

    /// Messages written.
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

  protected:
    Output output_;

  private:
    static void put_length(std::byte* place, std::size_t length) noexcept {
        place[0] = static_cast<std::byte>(length >> 8);
        place[1] = static_cast<std::byte>(length & 0xff);
    }

    std::byte* frame(std::size_t length) {
        std::byte* const place = output_.extend(length + 2);
        put_length(place, framing_ == Framing::length ? length : 0);
        ++count_;
        return place + 2;
    }

    Framing framing_;
    std::uint64_t count_ = 0;
};

/// Encodes into memory.
class Encoder : public BasicEncoder<MemoryOutput> {
  public:
    explicit Encoder(Framing framing = Framing::length) : BasicEncoder(framing) {}

    void reserve(std::size_t bytes) { output_.reserve(bytes); }

    /// Valid until the next message is written.
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return output_.bytes(); }

    /// The bytes written since the last `take()`.
    [[nodiscard]] std::vector<std::byte> take() { return output_.take(); }
};

/// Encodes into a file, which appears under its name in `close()`. An encoder destroyed before that leaves nothing
/// behind. Failures are std::system_error naming the file.
class FileEncoder : public BasicEncoder<nanobook::detail::OutputFile> {
  public:
    explicit FileEncoder(const std::filesystem::path& path, Framing framing = Framing::length)
        : BasicEncoder(framing, path) {}

    void close() { output_.commit(); }
};

}  // namespace nanobook::itch
