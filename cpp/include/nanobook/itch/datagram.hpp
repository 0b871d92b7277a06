// The UDP datagram in a packet, under whatever wraps it: Ethernet and its kin, VLAN tags, IPv4, IPv6.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <nanobook/itch/packet_capture.hpp>

namespace nanobook::itch {

struct Datagram {
    enum class Kind : std::uint8_t {
        udp,
        other,         ///< not UDP
        fragment,      ///< a piece of a UDP datagram
        malformed,     ///< a length in a header cannot be
        cut,           ///< captured in part, and not even all headers
        unknown_link,  ///< a kind of network that is not known here
    };

    Kind kind;
    /// Of `udp`: what the datagram bears, without the padding of Ethernet; in part where the packet was cut.
    std::span<const std::byte> payload{};
    /// Of `udp`: some of the payload is missing.
    bool cut = false;
};

/// Reads the headers of one packet from the outside in.
class DatagramReader {
  public:
    explicit DatagramReader(const Packet& packet) : rest_(packet.bytes), cut_(packet.cut) {}

    [[nodiscard]] Datagram read(std::uint32_t link) {
        switch (link) {
            case ethernet: return skip(12) ? read_ethertype() : short_of_bytes();
            case linux_cooked: return skip(14) ? read_ethertype() : short_of_bytes();
            case linux_cooked_2: {
                // Its type stands first, and no tag comes between.
                if (rest_.size() < 20) return short_of_bytes();
                const auto type = u16(0);
                rest_ = rest_.subspan(20);
                return read_network(type);
            }
            case bsd_loopback:
            case openbsd_loopback: return skip(4) ? read_ip() : short_of_bytes();
            case raw_ip:
            case raw_ip_openbsd:
            case raw_ip_bsd:
            case raw_ipv4:
            case raw_ipv6: return read_ip();
            default: return {Datagram::Kind::unknown_link};
        }
    }

  private:
    enum Link : std::uint32_t {
        bsd_loopback = 0,
        ethernet = 1,
        raw_ip_bsd = 12,
        raw_ip_openbsd = 14,
        raw_ip = 101,
        openbsd_loopback = 108,
        linux_cooked = 113,
        raw_ipv4 = 228,
        raw_ipv6 = 229,
        linux_cooked_2 = 276,
    };
    enum Protocol : std::uint8_t {
        hop_by_hop = 0,
        udp = 17,
        routing = 43,
        fragment_header = 44,
        authentication = 51,
        destination_options = 60,
    };

    [[nodiscard]] unsigned u8(std::size_t at) const noexcept { return std::to_integer<unsigned>(rest_[at]); }
    [[nodiscard]] unsigned u16(std::size_t at) const noexcept { return load_big_endian<std::uint16_t>(rest_, at); }

    bool skip(std::size_t bytes) noexcept {
        if (rest_.size() < bytes) return false;
        rest_ = rest_.subspan(bytes);
        return true;
    }

    // A packet that ends inside its headers. Where all of it was captured, it is none of ours.
    [[nodiscard]] Datagram short_of_bytes() const noexcept {
        return {cut_ ? Datagram::Kind::cut : Datagram::Kind::malformed};
    }

    // From the type on, before which VLAN tags may stand.
    [[nodiscard]] Datagram read_ethertype() {
        while (rest_.size() >= 2) {
            const unsigned type = u16(0);
            const bool is_tag = type == 0x8100 || type == 0x88a8 || type == 0x9100;
            if (!skip(is_tag ? 4 : 2)) break;
            if (!is_tag) return read_network(type);
        }
        return short_of_bytes();
    }

    [[nodiscard]] Datagram read_network(unsigned type) {
        if (type != 0x0800 && type != 0x86dd) return {Datagram::Kind::other};
        return read_ip();
    }

    [[nodiscard]] Datagram read_ip() {
        if (rest_.empty()) return short_of_bytes();
        const unsigned version = u8(0) >> 4;
        if (version == 4) return read_ipv4();
        return version == 6 ? read_ipv6() : Datagram{Datagram::Kind::other};
    }

    // What a header says to be the rest: less is there of what was cut, more where Ethernet has padded it. A length of
    // 0 says nothing: the network card was to fill it in, or it does not fit in 16 bits.
    bool trim(std::size_t length) noexcept {
        if (length == 0) return true;
        if (length > rest_.size() && !cut_) return false;
        rest_ = rest_.first(std::min(length, rest_.size()));
        return true;
    }

    [[nodiscard]] Datagram read_ipv4() {
        if (rest_.size() < 20) return short_of_bytes();
        const std::size_t header = std::size_t{4} * (u8(0) & 0xf);
        const std::size_t length = u16(2);
        const bool is_fragment = (u16(6) & 0x3fff) != 0;  // more follow, or this is not the first
        if (u8(9) != udp) return {Datagram::Kind::other};
        if (is_fragment) return {Datagram::Kind::fragment};
        if (header < 20 || (length != 0 && length < header) || !trim(length)) return {Datagram::Kind::malformed};
        return skip(header) ? read_udp() : short_of_bytes();
    }

    [[nodiscard]] Datagram read_ipv6() {
        if (rest_.size() < 40) return short_of_bytes();
        const std::size_t length = u16(4);
        unsigned protocol = u8(6);
        rest_ = rest_.subspan(40);
        if (!trim(length)) return {Datagram::Kind::malformed};
        while (protocol != udp) {
            const bool is_extension = protocol == hop_by_hop || protocol == routing || protocol == fragment_header ||
                                      protocol == authentication || protocol == destination_options;
            if (!is_extension) return {Datagram::Kind::other};
            if (rest_.size() < 8) return short_of_bytes();
            const unsigned next = u8(0);
            std::size_t size = 8;
            if (protocol == fragment_header) {
                // All but the three bits that are no offset and no mark of more.
                if ((u16(2) & 0xfff9) != 0) {
                    return {next == udp ? Datagram::Kind::fragment : Datagram::Kind::other};
                }
            } else if (protocol == authentication) {
                size = std::size_t{4} * (u8(1) + 2);
            } else {
                size = std::size_t{8} * (u8(1) + 1);
            }
            if (!skip(size)) return short_of_bytes();
            protocol = next;
        }
        return read_udp();
    }

    [[nodiscard]] Datagram read_udp() {
        if (rest_.size() < 8) return short_of_bytes();
        const std::size_t length = u16(4);
        if ((length != 0 && length < 8) || (length > rest_.size() && !cut_)) return {Datagram::Kind::malformed};
        const bool is_cut = length == 0 ? cut_ : length > rest_.size();
        trim(length);
        return {Datagram::Kind::udp, rest_.subspan(8), is_cut};
    }

    std::span<const std::byte> rest_;
    bool cut_;
};

/// The datagram of a packet. Checksums are not looked at: network cards fill them in after a capture sees the packet.
[[nodiscard]] inline Datagram datagram_of(const Packet& packet) { return DatagramReader(packet).read(packet.link); }

}  // namespace nanobook::itch
