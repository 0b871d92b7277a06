// Packets of a capture file, pcap or pcapng, of either byte order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <nanobook/detail/units.hpp>
#include <nanobook/itch/unwrap_report.hpp>
#include <nanobook/itch/wire.hpp>

namespace nanobook::itch {

/// What a network card saw.
struct Packet {
    std::uint32_t link;  ///< the kind of network, by its number in the capture formats: 1 is Ethernet
    std::span<const std::byte> bytes;
    bool cut;              ///< it was longer on the wire
    std::uint64_t offset;  ///< of its record in the file
};

/// Cuts a capture, which comes in chunks, into its packets. Holds one packet of up to 256 KiB, which is the most that
/// capturing programs keep of one, and 8 bytes an interface, of up to 65,536.
class CaptureReader {
  public:
    /// Whether a file that begins so is a capture. Four bytes tell.
    [[nodiscard]] static bool is_capture(std::span<const std::byte> head) noexcept {
        return head.size() >= 4 && format_of(load_big_endian<std::uint32_t>(head, 0)) != Format::none;
    }

    /// Calls `sink(const Packet&)` with the packets that `chunk` completes.
    template <class Sink>
    void feed(std::span<const std::byte> chunk, UnwrapReport& report, Sink&& sink) {
        units_.feed(
            chunk, [this](std::span<const std::byte> bytes) { return size_of(bytes); },
            [&](std::span<const std::byte> unit) {
                if (format_ == Format::pcapng) {
                    take_block(unit, report, sink);
                } else if (format_ == Format::none) {
                    report.add({UnwrapOddity::not_a_capture, units_.offset(), u32(unit, 0)});
                    units_.stop();
                } else if (interfaces_.empty()) {
                    take_pcap_header(unit);
                } else {
                    take_record(unit, report, sink);
                }
            });
    }

    /// There are no more bytes.
    void finish(UnwrapReport& report) const {
        if (units_.unfinished() > 0 || units_.is_skipping()) {
            report.add({UnwrapOddity::truncated_tail, units_.offset(), units_.unfinished()});
        }
    }

  private:
    enum class Format : std::uint8_t { undecided, none, pcap, pcapng };
    struct Interface {
        std::uint32_t link;
        std::uint32_t most;  // bytes kept of a packet; 0 is all
    };

    static constexpr std::uint32_t pcap_microseconds = 0xa1b2c3d4;
    static constexpr std::uint32_t pcap_nanoseconds = 0xa1b23c4d;
    static constexpr std::uint32_t section_block = 0x0a0d0d0a;
    static constexpr std::uint32_t byte_order_mark = 0x1a2b3c4d;
    enum Block : std::uint32_t { interface_block = 1, old_packet_block = 2, simple_block = 3, packet_block = 6 };

    static constexpr std::size_t pcap_header = 24;
    static constexpr std::size_t record_header = 16;
    // Type and length; the length stands behind the block again.
    static constexpr std::size_t block_header = 8;
    static constexpr std::size_t smallest_block = 12;
    static constexpr std::size_t largest_packet = std::size_t{1} << 18;
    static constexpr std::size_t largest_block = largest_packet + 4096;  // with its options
    static constexpr std::size_t most_interfaces = std::size_t{1} << 16;

    static Format format_of(std::uint32_t magic) noexcept {
        for (const std::uint32_t each : {magic, swap_bytes(magic)}) {
            if (each == pcap_microseconds || each == pcap_nanoseconds) return Format::pcap;
        }
        return magic == section_block ? Format::pcapng : Format::none;
    }

    [[nodiscard]] std::uint32_t u32(std::span<const std::byte> bytes, std::size_t at) const noexcept {
        const auto value = load_big_endian<std::uint32_t>(bytes, at);
        return big_endian_ ? value : swap_bytes(value);
    }
    [[nodiscard]] std::uint32_t u16(std::span<const std::byte> bytes, std::size_t at) const noexcept {
        const auto value = load_big_endian<std::uint16_t>(bytes, at);
        return big_endian_ ? value : swap_bytes(value);
    }

    // A unit that is too large, or whose length cannot be, is its header alone.
    [[nodiscard]] std::size_t size_of(std::span<const std::byte> bytes) noexcept {
        if (format_ == Format::undecided) {
            if (bytes.size() < 4) return 4;
            format_ = format_of(u32(bytes, 0));
        }
        if (format_ == Format::pcapng) {
            if (bytes.size() < smallest_block) return smallest_block;
            // A section may have another byte order than the one before.
            if (is_section(bytes)) big_endian_ = load_big_endian<std::uint32_t>(bytes, 8) == byte_order_mark;
            const std::size_t size = u32(bytes, 4);
            return is_block_size(size) && size <= largest_block ? size : smallest_block;
        }
        if (format_ == Format::none) return 4;
        if (interfaces_.empty()) return pcap_header;
        if (bytes.size() < record_header) return record_header;
        const std::size_t kept = u32(bytes, 8);
        return record_header + (kept <= largest_packet ? kept : 0);
    }

    static bool is_section(std::span<const std::byte> block) noexcept {
        return load_big_endian<std::uint32_t>(block, 0) == section_block;
    }
    static bool is_block_size(std::size_t size) noexcept { return size >= smallest_block && size % 4 == 0; }

    void take_pcap_header(std::span<const std::byte> header) {
        const auto magic = u32(header, 0);
        big_endian_ = magic == pcap_microseconds || magic == pcap_nanoseconds;
        // The upper half says other things.
        interfaces_.push_back({u32(header, 20) & 0xffff, 0});
    }

    template <class Sink>
    void take_record(std::span<const std::byte> record, UnwrapReport& report, Sink& sink) {
        const std::uint32_t kept = u32(record, 8);
        ++report.packets;
        if (kept > largest_packet) {
            report.add({UnwrapOddity::malformed, units_.offset(), kept});
            units_.skip(kept);
        } else {
            give(0, kept, u32(record, 12), record.subspan(record_header), report, sink);
        }
    }

    template <class Sink>
    void take_block(std::span<const std::byte> block, UnwrapReport& report, Sink& sink) {
        const std::uint32_t size = u32(block, 4);
        if (is_section(block)) {
            interfaces_.clear();
            if (!big_endian_ && u32(block, 8) != byte_order_mark) return stop(size, report);
        }
        if (!is_block_size(size)) return stop(size, report);
        const std::uint32_t type = u32(block, 0);
        const bool bears_packet = type == packet_block || type == simple_block || type == old_packet_block;
        report.packets += bears_packet;
        if (size > largest_block) {
            if (bears_packet) report.add({UnwrapOddity::malformed, units_.offset(), size});
            units_.skip(size - block.size());
            return;
        }
        const std::size_t fixed = type == simple_block || type == interface_block ? 4 : 20;
        if (!bears_packet && type != interface_block) return;
        auto body = block.subspan(block_header, size - smallest_block);
        if (body.size() < fixed) {
            report.add({UnwrapOddity::malformed, units_.offset(), size});
        } else if (type == interface_block) {
            if (interfaces_.size() < most_interfaces) {
                interfaces_.push_back({u16(body, 0), body.size() < 8 ? 0 : u32(body, 4)});
            }
        } else if (type == simple_block) {
            const std::uint32_t most = interfaces_.empty() ? 0 : interfaces_[0].most;
            const std::uint32_t length = u32(body, 0);
            body = body.subspan(fixed);
            // Nothing but the block's own length says how much of a long packet is there.
            const std::size_t kept = std::min<std::size_t>(length, most == 0 ? length : most);
            give(0, std::min(kept, body.size()), length, body, report, sink);
        } else {
            const std::uint32_t interface = type == packet_block ? u32(body, 0) : u16(body, 0);
            give(interface, u32(body, 12), u32(body, 16), body.subspan(fixed), report, sink);
        }
    }

    // Nothing tells where the next block begins.
    void stop(std::uint32_t size, UnwrapReport& report) {
        report.add({UnwrapOddity::malformed, units_.offset(), size});
        units_.stop();
    }

    template <class Sink>
    void give(std::size_t interface, std::size_t kept, std::size_t length, std::span<const std::byte> bytes,
              UnwrapReport& report, Sink& sink) {
        if (interface >= interfaces_.size() || kept > bytes.size()) {
            report.add({UnwrapOddity::malformed, units_.offset(), kept > bytes.size() ? kept : interface});
            return;
        }
        sink(Packet{interfaces_[interface].link, bytes.first(kept), kept < length, units_.offset()});
    }

    Format format_ = Format::undecided;
    bool big_endian_ = true;
    std::vector<Interface> interfaces_;
    nanobook::detail::Units units_;
};

}  // namespace nanobook::itch
