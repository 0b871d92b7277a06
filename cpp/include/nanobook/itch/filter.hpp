// The messages of a stream that somebody wants, written back as they were.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/reader.hpp>

namespace nanobook::itch {

struct FilterOptions {
    std::string types = {};               ///< only these type bytes; empty for all
    std::vector<Symbol> symbols = {};     ///< only these, and what concerns the whole market; empty for all
    std::optional<Timestamp> start = {};  ///< drop messages earlier than this, in nanoseconds since midnight
    std::optional<Timestamp> until = {};  ///< stop before the first message later than this
    bool strict = false;                  ///< stop at the first odd thing
};

/// Chooses messages by type, symbol and time. A message is of the symbol that its locate stands for, whether or not it
/// names one: so the books of what is chosen by symbol are those of a replay that selects these symbols. S, V and W
/// concern the whole market and go with any symbol. What the reader skips as odd is left out.
class Filter {
  public:
    explicit Filter(FilterOptions options = {}) : reader_({options.strict}), options_(std::move(options)) {
        std::sort(options_.symbols.begin(), options_.symbols.end());
        wanted_.fill(options_.types.empty());
        for (const char type : options_.types) wanted_[static_cast<unsigned char>(type)] = true;
    }

    /// The next bytes of the stream, cut anywhere; the messages chosen go to an `Encoder` or a `FileEncoder`. False
    /// once the filter has stopped.
    template <class Encoder>
    bool feed(std::span<const std::byte> bytes, Encoder& out) {
        return reader_.feed(bytes, [&](const Batch& batch) {
            for (std::size_t i = 0; i < batch.messages.size(); ++i) {
                const Header& message = *batch.messages[i];
                if (options_.until && message.timestamp > *options_.until) return i;
                if (!chosen(message)) continue;
                const std::size_t length = length_of_type[static_cast<unsigned char>(message.type)];
                out.write_payload({reinterpret_cast<const std::byte*>(&message), length});
            }
            return batch.messages.size();
        });
    }

    /// There are no more bytes. An end of session is passed on.
    template <class Encoder>
    void finish(Encoder& out) {
        reader_.finish();
        if (reader_.end_of_session()) out.write_end_of_session();
    }

    [[nodiscard]] const Reader& reader() const noexcept { return reader_; }
    /// The symbols that the stream named; empty where all are wanted.
    [[nodiscard]] const Directory& directory() const noexcept { return directory_; }

  private:
    bool chosen(const Header& message) {
        // The directory is wanted even where its messages are not.
        const bool of_symbol =
            options_.symbols.empty() || visit(message, [this](const auto& m) { return this->of(m); });
        return of_symbol && wanted_[static_cast<unsigned char>(message.type)] &&
               (!options_.start || message.timestamp >= *options_.start);
    }

    static bool of(const SystemEvent&) noexcept { return true; }
    static bool of(const MwcbDeclineLevel&) noexcept { return true; }
    static bool of(const MwcbStatus&) noexcept { return true; }
    template <class Message>
    bool of(const Message& m) {
        if constexpr (requires { m.stock; }) {
            const Symbol before = directory_[m.locate];
            directory_.learn(m);
            const Symbol symbol = directory_[m.locate];
            if (symbol != before) {
                selected_[m.locate] = std::binary_search(options_.symbols.begin(), options_.symbols.end(), symbol);
            }
        }
        return selected_[m.locate];
    }

    Reader reader_;
    FilterOptions options_;
    Directory directory_;
    std::array<bool, 256> wanted_{};
    std::vector<bool> selected_ = std::vector<bool>(std::size_t{1} << 16);  // by locate
};

}  // namespace nanobook::itch
