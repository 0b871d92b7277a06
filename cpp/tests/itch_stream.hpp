// Small ITCH streams for tests, a message a line; and what readers and replays say about them, as text to compare.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nanobook/itch/encoder.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/reader.hpp>
#include <nanobook/itch/report.hpp>

namespace nanobook::test {

using Bytes = std::vector<std::byte>;

/// Writes messages one nanosecond apart. Prices in 1/10,000; the locate comes last, and is 1 unless said.
class Stream {
  public:
    explicit Stream(itch::Framing framing = itch::Framing::length) : encoder_(framing) {}

    Stream& event(char event) {
        itch::SystemEvent m{};
        m.event = event;
        return write(m, 0);
    }
    Stream& directory(std::string_view stock, std::uint16_t locate = 1) {
        itch::StockDirectory m{};
        m.stock = stock;
        return write(m, locate);
    }
    Stream& state(char state, std::string_view stock = "AAPL", std::uint16_t locate = 1) {
        itch::TradingAction m{};
        m.stock = stock;
        m.state = state;
        return write(m, locate);
    }
    Stream& add(std::uint64_t ref, char side, std::uint32_t shares, std::uint32_t price, std::uint16_t locate = 1,
                std::string_view stock = "AAPL") {
        itch::AddOrder m{};
        m.ref = ref;
        m.side = side;
        m.shares = shares;
        m.stock = stock;
        m.price = price;
        return write(m, locate);
    }
    Stream& add_mpid(std::uint64_t ref, char side, std::uint32_t shares, std::uint32_t price,
                     std::uint16_t locate = 1) {
        itch::AddOrderMpid m{};
        m.ref = ref;
        m.side = side;
        m.shares = shares;
        m.stock = "AAPL";
        m.price = price;
        m.attribution = "NSDQ";
        return write(m, locate);
    }
    Stream& execute(std::uint64_t ref, std::uint32_t shares, std::uint64_t match, std::uint16_t locate = 1) {
        itch::OrderExecuted m{};
        m.ref = ref;
        m.shares = shares;
        m.match = match;
        return write(m, locate);
    }
    Stream& execute_at(std::uint64_t ref, std::uint32_t shares, std::uint64_t match, char printable,
                       std::uint32_t price, std::uint16_t locate = 1) {
        itch::OrderExecutedWithPrice m{};
        m.ref = ref;
        m.shares = shares;
        m.match = match;
        m.printable = printable;
        m.price = price;
        return write(m, locate);
    }
    Stream& cancel(std::uint64_t ref, std::uint32_t shares, std::uint16_t locate = 1) {
        itch::OrderCancel m{};
        m.ref = ref;
        m.shares = shares;
        return write(m, locate);
    }
    Stream& erase(std::uint64_t ref, std::uint16_t locate = 1) {
        itch::OrderDelete m{};
        m.ref = ref;
        return write(m, locate);
    }
    Stream& replace(std::uint64_t old_ref, std::uint64_t new_ref, std::uint32_t shares, std::uint32_t price,
                    std::uint16_t locate = 1) {
        itch::OrderReplace m{};
        m.old_ref = old_ref;
        m.new_ref = new_ref;
        m.shares = shares;
        m.price = price;
        return write(m, locate);
    }
    Stream& trade(std::uint32_t shares, std::uint32_t price, std::uint64_t match, std::uint16_t locate = 1,
                  std::string_view stock = "AAPL") {
        itch::Trade m{};
        m.side = 'B';
        m.shares = shares;
        m.stock = stock;
        m.price = price;
        m.match = match;
        return write(m, locate);
    }
    Stream& cross(std::uint64_t shares, std::uint32_t price, std::uint64_t match, std::uint16_t locate = 1,
                  std::string_view stock = "AAPL") {
        itch::CrossTrade m{};
        m.shares = shares;
        m.stock = stock;
        m.price = price;
        m.match = match;
        m.cross_type = 'O';
        return write(m, locate);
    }
    Stream& broken(std::uint64_t match, std::uint16_t locate = 1) {
        itch::BrokenTrade m{};
        m.match = match;
        return write(m, locate);
    }

    /// A payload of any type and length.
    Stream& payload(char type, std::size_t length) {
        Bytes bytes(length, std::byte{'x'});
        bytes[0] = static_cast<std::byte>(type);
        encoder_.write_payload(bytes);
        return *this;
    }
    Stream& end_of_session() {
        encoder_.write_end_of_session();
        return *this;
    }

    template <class Message>
    Stream& write(Message message, std::uint16_t locate) {
        return write_at(message, locate, ++time_);
    }
    template <class Message>
    Stream& write_at(Message message, std::uint16_t locate, std::uint64_t time) {
        message.type = Message::code;
        message.locate = locate;
        message.tracking = 0;
        message.timestamp = time;
        encoder_.write(message);
        return *this;
    }

    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return encoder_.bytes(); }
    [[nodiscard]] std::size_t size() const noexcept { return encoder_.bytes().size(); }
    [[nodiscard]] Bytes copy() const { return {bytes().begin(), bytes().end()}; }
    operator std::span<const std::byte>() const noexcept { return bytes(); }

  private:
    itch::Encoder encoder_;
    std::uint64_t time_ = 0;
};

/// All that a reader says about a stream.
[[nodiscard]] inline std::string summary(const itch::Reader& reader) {
    std::string text = "messages " + std::to_string(reader.messages()) + ":";
    for (std::size_t type = 0; type < 256; ++type) {
        if (reader.counts()[type] == 0) continue;
        text += std::string(" ") + static_cast<char>(type) + std::to_string(reader.counts()[type]);
    }
    const itch::Report& report = reader.report();
    for (std::size_t i = 0; i < itch::oddity_count; ++i) {
        const auto oddity = static_cast<itch::Oddity>(i);
        for (int type = 0; type < 256; ++type) {
            const std::uint64_t count = report.count(oddity, static_cast<char>(type));
            if (count == 0) continue;
            text +=
                ", " + std::string(name_of(oddity)) + " of type " + std::to_string(type) + " " + std::to_string(count);
        }
    }
    if (const auto& first = report.first()) {
        text += ", first " + std::string(name_of(first->oddity)) + " at " + std::to_string(first->offset) + " number " +
                std::to_string(first->number);
    }
    if (report.truncated_at()) text += ", truncated at " + std::to_string(*report.truncated_at());
    if (reader.end_of_session()) text += ", end of session";
    if (reader.zero_prefixed()) text += ", zero prefixed";
    return text;
}

}  // namespace nanobook::test
