// ITCH as it is captured and sent: whatever wraps its messages is taken off, and what the wrapping tells is kept.
//
//     Unwrapper capture(Wrapping::moldudp64);
//     reader.feed_each(capture.feed(bytes), visitor);
//     reader.feed_each(capture.finish(), visitor);
//     for (const Gap& gap : capture.report().gaps) ...
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <variant>

#include <nanobook/itch/datagram.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/moldudp64.hpp>
#include <nanobook/itch/packet_capture.hpp>
#include <nanobook/itch/raw_messages.hpp>
#include <nanobook/itch/soupbintcp.hpp>
#include <nanobook/itch/unwrap_report.hpp>
#include <nanobook/itch/wire.hpp>

namespace nanobook::itch {

/// How messages lie in a file.
enum class Wrapping : std::uint8_t {
    binaryfile,  ///< behind their lengths, as `Reader` takes them: nothing is to be taken off
    raw,         ///< back to back
    moldudp64,   ///< in UDP datagrams of a packet capture, pcap or pcapng
    soupbintcp,  ///< in SoupBinTCP packets, as they come from the server
};

inline constexpr std::array<std::string_view, 4> wrapping_names{"binaryfile", "raw", "moldudp64", "soupbintcp"};

[[nodiscard]] constexpr std::string_view name_of(Wrapping wrapping) noexcept {
    return wrapping_names[static_cast<std::size_t>(wrapping)];
}

/// Packets of a capture, or datagrams from a socket, to the messages of MoldUDP64.
class MoldUdp64Capture {
  public:
    explicit MoldUdp64Capture(std::size_t window) : mold_(window) {}

    void feed(std::span<const std::byte> chunk, Unwrapped& out) {
        packets_.feed(chunk, out.report, [&](const Packet& packet) { take(packet, out); });
    }

    void feed_datagram(std::span<const std::byte> datagram, Unwrapped& out) {
        ++out.report.packets;
        // Other traffic is natural in a capture, but not in a socket that was opened for this.
        if (!mold_.feed(datagram, false, datagram_offset_, out)) {
            out.report.add({UnwrapOddity::malformed, datagram_offset_, datagram.size()});
        }
        datagram_offset_ += datagram.size();
    }

    void finish(Unwrapped& out) {
        packets_.finish(out.report);
        mold_.finish(out);
    }

  private:
    void take(const Packet& packet, Unwrapped& out) {
        const Datagram datagram = datagram_of(packet);
        UnwrapReport& report = out.report;
        switch (datagram.kind) {
            case Datagram::Kind::udp:
                if (!mold_.feed(datagram.payload, datagram.cut, packet.offset, out)) {
                    ++report.unrelated;
                } else if (datagram.cut) {
                    report.add({UnwrapOddity::cut_packet, packet.offset, packet.bytes.size()});
                }
                return;
            case Datagram::Kind::other: ++report.unrelated; return;
            case Datagram::Kind::fragment: return report.add({UnwrapOddity::fragment, packet.offset, 0});
            case Datagram::Kind::malformed:
                return report.add({UnwrapOddity::malformed, packet.offset, packet.bytes.size()});
            case Datagram::Kind::cut: return report.add({UnwrapOddity::cut_packet, packet.offset, packet.bytes.size()});
            case Datagram::Kind::unknown_link:
                return report.add({UnwrapOddity::unknown_link, packet.offset, packet.link});
        }
    }

    CaptureReader packets_;
    MoldUdp64Reader mold_;
    std::uint64_t datagram_offset_ = 0;
};

/// Takes the wrapping off a stream that comes in chunks cut anywhere. What comes out is a BinaryFILE stream: for
/// `Reader`, and all that is made of it. No bytes make it throw; what is odd is skipped and reported.
class Unwrapper {
  public:
    struct Options {
        bool strict = false;  ///< give nothing more from the first odd thing on
        /// Bytes that are held back behind a gap of MoldUDP64, because what is missing may still come; with 0 a gap is
        /// given up at once.
        std::size_t window = std::size_t{1} << 20;
    };

    explicit Unwrapper(Wrapping wrapping) : Unwrapper(wrapping, Options{}) {}
    Unwrapper(Wrapping wrapping, Options options)
        : stream_(stream_of(wrapping, options.window)), out_(options.strict) {}

    /// The messages that `chunk` completes, each behind its length; good until the next call. There is room for those
    /// of one chunk, and for the window.
    [[nodiscard]] std::span<const std::byte> feed(std::span<const std::byte> chunk) {
        if (std::holds_alternative<std::monostate>(stream_)) return chunk;
        return collect([&](auto& stream) { stream.feed(chunk, out_); });
    }

    /// The same of one MoldUDP64 datagram as a socket gives it, in place of a capture of them. Offsets are those of the
    /// datagrams one behind the other. std::invalid_argument where the wrapping is another.
    [[nodiscard]] std::span<const std::byte> feed_datagram(std::span<const std::byte> datagram) {
        auto* const mold = std::get_if<MoldUdp64Capture>(&stream_);
        if (mold == nullptr) throw std::invalid_argument("only a stream of moldudp64 takes datagrams");
        out_.clear();
        mold->feed_datagram(datagram, out_);
        return out_.bytes();
    }

    /// There are no more bytes. What was held back; and a length of 0 where the wrapping ended the session.
    [[nodiscard]] std::span<const std::byte> finish() {
        return collect([&](auto& stream) { stream.finish(out_); });
    }

    [[nodiscard]] const UnwrapReport& report() const noexcept { return out_.report; }

  private:
    using Stream = std::variant<std::monostate, RawMessageReader, MoldUdp64Capture, SoupBinTcpReader>;

    static Stream stream_of(Wrapping wrapping, std::size_t window) {
        switch (wrapping) {
            case Wrapping::binaryfile: break;
            case Wrapping::raw: return RawMessageReader();
            case Wrapping::moldudp64: return MoldUdp64Capture(window);
            case Wrapping::soupbintcp: return SoupBinTcpReader();
        }
        return {};
    }

    template <class Work>
    std::span<const std::byte> collect(Work&& work) {
        out_.clear();
        std::visit(
            [&]<class Each>(Each& stream) {
                if constexpr (!std::is_same_v<Each, std::monostate>) work(stream);
            },
            stream_);
        return out_.bytes();
    }

    Stream stream_;
    Unwrapped out_;
};

namespace wrapping_detection {

// The length of a message of the type that stands there; 0 for an unknown type.
inline std::size_t type_length(std::span<const std::byte> bytes, std::size_t at) noexcept {
    return length_of_type[std::to_integer<std::size_t>(bytes[at])];
}

// The first length is that of the type behind it; or 0, as some tools write it.
inline bool is_binaryfile(std::span<const std::byte> head) noexcept {
    if (head.size() < 3) return false;
    const std::size_t length = load_big_endian<std::uint16_t>(head, 0);
    return type_length(head, 2) != 0 && (length == 0 || length == type_length(head, 2));
}

// Every packet is one that the protocol has, and at least one bears a message of its type's length.
inline bool is_soupbintcp(std::span<const std::byte> head) noexcept {
    std::size_t messages = 0;
    for (std::size_t at = 0; head.size() - at >= 3;) {
        const std::size_t length = load_big_endian<std::uint16_t>(head, at);
        const bool is_whole = head.size() - at >= 2 + length;
        switch (static_cast<char>(head[at + 2])) {
            case 'S':
                if (length < 2) return false;
                if (head.size() - at < 4 || type_length(head, at + 3) == 0) break;
                if (type_length(head, at + 3) != length - 1) return false;
                messages += is_whole;
                break;
            case '+':
            case 'U':
                if (length == 0) return false;
                break;
            case 'A':
                if (length != 31) return false;
                break;
            case 'L':
                if (length != 47) return false;
                break;
            case 'J':
                if (length != 2) return false;
                break;
            case 'H':
            case 'R':
            case 'O':
            case 'Z':
                if (length != 1) return false;
                break;
            default: return false;
        }
        if (!is_whole) break;
        at += 2 + length;
    }
    return messages > 0;
}

// Messages one behind the other, whose times of day do not go back: eight, or all that there are.
inline bool is_raw(std::span<const std::byte> head) noexcept {
    constexpr std::size_t enough = 8;
    constexpr std::uint64_t day = 86'400'000'000'000;
    std::uint64_t time = 0;
    std::size_t at = 0;
    for (std::size_t messages = 0; messages < enough && at < head.size(); ++messages) {
        const std::size_t length = type_length(head, at);
        if (length == 0 || head.size() - at < length) return false;
        const auto& message = *reinterpret_cast<const Header*>(head.data() + at);
        if (message.timestamp < time || message.timestamp >= day) return false;
        time = message.timestamp;
        at += length;
    }
    return at > 0;
}

}  // namespace wrapping_detection

/// How the messages of a file lie that begins with these bytes, the more the better: 64 KiB are plenty. Whatever is not
/// another wrapping beyond doubt is BinaryFILE.
[[nodiscard]] inline Wrapping detect_wrapping(std::span<const std::byte> head) noexcept {
    if (CaptureReader::is_capture(head)) return Wrapping::moldudp64;
    if (wrapping_detection::is_binaryfile(head)) return Wrapping::binaryfile;
    if (wrapping_detection::is_soupbintcp(head)) return Wrapping::soupbintcp;
    return wrapping_detection::is_raw(head) ? Wrapping::raw : Wrapping::binaryfile;
}

}  // namespace nanobook::itch
