// One pass over a stream that builds no books: what is in it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <nanobook/core/types.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/reader.hpp>

namespace nanobook::itch {

class Summary {
  public:
    explicit Summary(Reader::Options options = {}) : reader_(options) {}

    /// The next bytes of the stream, cut anywhere. False once a strict reader has stopped.
    bool feed(std::span<const std::byte> bytes) {
        return reader_.feed_each(bytes, [this](const auto& message) {
            ++messages_[message.locate];
            directory_.learn(message);
            last_ = message.timestamp;
            if (!first_) first_ = last_;
        });
    }

    /// There are no more bytes.
    void finish() { reader_.finish(); }

    [[nodiscard]] const Reader& reader() const noexcept { return reader_; }
    [[nodiscard]] const Directory& directory() const noexcept { return directory_; }
    /// By locate.
    [[nodiscard]] std::uint64_t messages_of(Locate locate) const noexcept { return messages_[locate]; }
    /// Of the first and last message, in nanoseconds since midnight.
    [[nodiscard]] std::optional<Timestamp> first_time() const noexcept { return first_; }
    [[nodiscard]] std::optional<Timestamp> last_time() const noexcept { return last_; }

  private:
    Reader reader_;
    Directory directory_;
    std::vector<std::uint64_t> messages_ = std::vector<std::uint64_t>(std::size_t{1} << 16);
    std::optional<Timestamp> first_;
    std::optional<Timestamp> last_;
};

}  // namespace nanobook::itch
