// Hand-made captures: MoldUDP64 datagrams in packets of all kinds, in pcap and pcapng; SoupBinTCP packets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "itch_stream.hpp"

namespace nanobook::test {

/// Bytes that grow, of one byte order.
class Writer {
  public:
    explicit Writer(bool big_endian = true) : big_endian_(big_endian) {}

    template <class Value>
    Writer& number(Value value) {
        for (std::size_t i = 0; i < sizeof(Value); ++i) {
            const std::size_t place = big_endian_ ? sizeof(Value) - 1 - i : i;
            bytes_.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * place) & 0xff));
        }
        return *this;
    }
    Writer& u8(unsigned value) { return number(static_cast<std::uint8_t>(value)); }
    Writer& u16(std::size_t value) { return number(static_cast<std::uint16_t>(value)); }
    Writer& u32(std::size_t value) { return number(static_cast<std::uint32_t>(value)); }
    Writer& u64(std::uint64_t value) { return number(value); }
    Writer& text(std::string_view text) {
        for (const char c : text) bytes_.push_back(static_cast<std::byte>(c));
        return *this;
    }
    Writer& bytes(std::span<const std::byte> bytes) {
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    Writer& zeros(std::size_t count) {
        bytes_.resize(bytes_.size() + count);
        return *this;
    }

    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
    [[nodiscard]] const Bytes& done() const noexcept { return bytes_; }

  private:
    bool big_endian_;
    Bytes bytes_;
};

/// The messages of a stream, each without its length.
[[nodiscard]] inline std::vector<Bytes> payloads_of(std::span<const std::byte> stream) {
    std::vector<Bytes> payloads;
    while (stream.size() >= 2) {
        const std::size_t length = itch::load_big_endian<std::uint16_t>(stream, 0);
        const auto payload = stream.subspan(2, length);
        payloads.emplace_back(payload.begin(), payload.end());
        stream = stream.subspan(2 + length);
    }
    return payloads;
}

// ---------------------------------------------------------------------- MoldUDP64

inline constexpr std::string_view session_a = "SESSION  A";

[[nodiscard]] inline Bytes mold(std::uint64_t number, std::span<const Bytes> payloads,
                                std::string_view session = session_a) {
    Writer writer;
    writer.text(session).u64(number).u16(payloads.size());
    for (const Bytes& payload : payloads) writer.u16(payload.size()).bytes(payload);
    return writer.done();
}
[[nodiscard]] inline Bytes heartbeat(std::uint64_t number, std::string_view session = session_a) {
    return mold(number, {}, session);
}
[[nodiscard]] inline Bytes mold_end(std::uint64_t number, std::string_view session = session_a) {
    return Writer().text(session).u64(number).u16(0xffff).done();
}

// ---------------------------------------------------------------------- UDP, IP, links

[[nodiscard]] inline Bytes udp(std::span<const std::byte> payload) {
    return Writer().u16(26477).u16(26477).u16(8 + payload.size()).u16(0).bytes(payload).done();
}
/// `fragment` is the field of the flags and the offset; `options` a multiple of 4.
[[nodiscard]] inline Bytes ipv4(std::span<const std::byte> payload, unsigned protocol = 17, unsigned fragment = 0,
                                std::size_t options = 0) {
    Writer writer;
    writer.u8(static_cast<unsigned>(0x45 + options / 4)).u8(0).u16(20 + options + payload.size());
    writer.u16(7).u16(fragment).u8(16).u8(protocol).u16(0).u32(0x0a000001).u32(0xe9360c6f);
    return writer.zeros(options).bytes(payload).done();
}
[[nodiscard]] inline Bytes ipv6(std::span<const std::byte> payload, unsigned next = 17) {
    return Writer().u32(0x60000000).u16(payload.size()).u8(next).u8(16).zeros(32).bytes(payload).done();
}
/// A header of 8 bytes, or more where `length` says so in the header's own unit.
[[nodiscard]] inline Bytes extension(unsigned next, std::span<const std::byte> payload, unsigned length = 0,
                                     std::size_t size = 8) {
    return Writer().u8(next).u8(length).zeros(size - 2).bytes(payload).done();
}
[[nodiscard]] inline Bytes ethernet(std::span<const std::byte> payload, std::size_t type = 0x0800,
                                    std::initializer_list<std::size_t> tags = {}) {
    Writer writer;
    writer.zeros(12);
    for (const std::size_t tag : tags) writer.u16(tag).u16(0x0064);
    writer.u16(type).bytes(payload);
    if (writer.size() < 60) writer.zeros(60 - writer.size());
    return writer.done();
}
[[nodiscard]] inline Bytes ethernet_udp(std::span<const std::byte> payload) { return ethernet(ipv4(udp(payload))); }

// ---------------------------------------------------------------------- captures

struct Captured {
    Bytes bytes;
    std::size_t cut = 0;        ///< bytes that were not kept
    std::size_t interface = 0;  ///< pcapng only
};

struct PcapOptions {
    bool big_endian = false;
    bool nanoseconds = false;
    std::size_t link = 1;
};

[[nodiscard]] inline Bytes pcap(std::span<const Captured> packets, PcapOptions options = {}) {
    Writer writer(options.big_endian);
    writer.u32(options.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4);
    writer.u16(2).u16(4).u32(0).u32(0).u32(65535).u32(options.link);
    for (const Captured& packet : packets) {
        const auto kept = std::span(packet.bytes).first(packet.bytes.size() - packet.cut);
        writer.u32(1).u32(2).u32(kept.size()).u32(packet.bytes.size()).bytes(kept);
    }
    return writer.done();
}

/// Blocks of a pcapng file.
class PcapNg {
  public:
    explicit PcapNg(bool big_endian = false) : big_endian_(big_endian), writer_(big_endian) { section(big_endian); }

    PcapNg& section(bool big_endian) {
        big_endian_ = big_endian;
        return block(0x0a0d0d0a, Writer(big_endian).u32(0x1a2b3c4d).u16(1).u16(0).u64(~std::uint64_t{0}));
    }
    PcapNg& interface(std::size_t link, std::size_t most = 0) {
        return block(1, Writer(big_endian_).u16(link).u16(0).u32(most));
    }
    PcapNg& packet(const Captured& packet) {
        const auto kept = std::span(packet.bytes).first(packet.bytes.size() - packet.cut);
        return block(
            6, Writer(big_endian_).u32(packet.interface).u64(0).u32(kept.size()).u32(packet.bytes.size()).bytes(kept));
    }
    PcapNg& old_packet(const Captured& packet) {
        Writer body(big_endian_);
        body.u16(packet.interface).u16(0).u64(0).u32(packet.bytes.size()).u32(packet.bytes.size());
        return block(2, body.bytes(packet.bytes));
    }
    PcapNg& simple_packet(std::span<const std::byte> bytes, std::size_t cut = 0) {
        return block(3, Writer(big_endian_).u32(bytes.size()).bytes(bytes.first(bytes.size() - cut)));
    }
    PcapNg& block(std::size_t type, Writer body) {
        body.zeros((4 - body.size() % 4) % 4);
        Writer whole(big_endian_);
        whole.u32(type).u32(body.size() + 12).bytes(body.done()).u32(body.size() + 12);
        writer_.bytes(whole.done());
        return *this;
    }

    [[nodiscard]] const Bytes& done() const noexcept { return writer_.done(); }

  private:
    bool big_endian_;
    Writer writer_;
};

// ---------------------------------------------------------------------- SoupBinTCP

[[nodiscard]] inline Bytes soup(char type, std::span<const std::byte> payload = {}) {
    return Writer().u16(1 + payload.size()).u8(static_cast<unsigned char>(type)).bytes(payload).done();
}
[[nodiscard]] inline Bytes soup_login(std::uint64_t number, std::string_view session = session_a) {
    const std::string digits = std::to_string(number);
    return soup('A', Writer().text(session).text(std::string(20 - digits.size(), ' ')).text(digits).done());
}

}  // namespace nanobook::test
