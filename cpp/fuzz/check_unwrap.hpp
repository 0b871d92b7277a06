// What must hold of an unwrapper whatever bytes come: the check of the fuzz target.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <nanobook/itch/unwrap.hpp>

#include "../tests/wrapped_stream.hpp"

namespace nanobook::fuzz {

/// What came out, and what was told of it.
struct UnwrapResult {
    std::vector<std::byte> bytes;
    std::string told;
    itch::UnwrapReport report;

    void append(std::span<const std::byte> more) { bytes.insert(bytes.end(), more.begin(), more.end()); }

    void tell(const itch::UnwrapReport& all) {
        report = all;
        for (const std::uint64_t count : report.counts) told += std::to_string(count) + " ";
        for (const std::uint64_t count : {report.packets, report.unrelated, report.heartbeats, report.messages,
                                          report.duplicates, report.missing, report.truncated_at.value_or(0)}) {
            told += std::to_string(count) + " ";
        }
        for (const itch::Gap& gap : report.gaps) {
            told += "gap " + std::to_string(gap.first) + "+" + std::to_string(gap.count) + "@" +
                    std::to_string(gap.offset) + " ";
        }
        for (const itch::FeedSession& session : report.sessions) {
            told += std::string(session.name.view()) + std::to_string(session.first) + "-" +
                    std::to_string(session.next) + (session.ended ? "! " : " ");
        }
        if (report.first) told += itch::describe(*report.first);
    }
};

/// The stream in pieces of at most `step` bytes.
[[nodiscard]] inline UnwrapResult unwrap(itch::Wrapping wrapping, itch::Unwrapper::Options options,
                                         std::span<const std::byte> stream, std::size_t step) {
    itch::Unwrapper unwrapper(wrapping, options);
    UnwrapResult result;
    while (!stream.empty()) {
        // A copy of just these bytes, so that a sanitizer sees a read past them.
        const auto piece = stream.first(std::min(step, stream.size()));
        const std::vector<std::byte> copy(piece.begin(), piece.end());
        result.append(unwrapper.feed(copy));
        stream = stream.subspan(piece.size());
    }
    result.append(unwrapper.finish());
    result.tell(unwrapper.report());
    return result;
}

/// What comes out is messages behind their lengths, as many as are told, and nothing after an end of the session; each
/// number is that of a message, of a gap, or of nothing, which is malformed. Empty, or what is wrong.
[[nodiscard]] inline std::string check_output(itch::Wrapping wrapping, bool strict, const UnwrapResult& result) {
    const std::span<const std::byte> bytes(result.bytes);
    std::uint64_t messages = 0;
    std::size_t at = 0;
    while (bytes.size() - at >= 2) {
        const std::size_t length = itch::load_big_endian<std::uint16_t>(bytes, at);
        at += 2;
        if (length == 0) break;
        if (bytes.size() - at < length) return "a message is cut";
        at += length;
        ++messages;
    }
    if (at != bytes.size()) return "bytes after the end of the session";
    if (messages != result.report.messages) return "other messages than told: " + result.told;
    if (wrapping != itch::Wrapping::moldudp64 || strict) return {};

    std::uint64_t numbers = 0;
    for (const itch::FeedSession& session : result.report.sessions) numbers += session.next - session.first;
    const std::uint64_t known = messages + result.report.missing;
    if (numbers < known || numbers - known > result.report.count(itch::UnwrapOddity::malformed)) {
        return std::to_string(numbers) + " sequence numbers: " + result.told;
    }
    return {};
}

/// Datagrams of a socket, each behind a length here. A capture of them has the same messages and gaps.
[[nodiscard]] inline std::string check_datagrams(itch::Unwrapper::Options options, std::span<const std::byte> stream) {
    std::vector<test::Captured> packets;
    itch::Unwrapper unwrapper(itch::Wrapping::moldudp64, options);
    UnwrapResult result;
    while (stream.size() >= 2) {
        const std::size_t size = itch::load_big_endian<std::uint16_t>(stream, 0) & 0x07ffU;
        const auto datagram = stream.subspan(2, std::min(size, stream.size() - 2));
        stream = stream.subspan(2 + datagram.size());
        const std::vector<std::byte> copy(datagram.begin(), datagram.end());
        packets.push_back({test::ethernet_udp(copy)});
        result.append(unwrapper.feed_datagram(copy));
    }
    result.append(unwrapper.finish());
    result.tell(unwrapper.report());
    if (std::string wrong = check_output(itch::Wrapping::moldudp64, options.strict, result); !wrong.empty()) {
        return wrong;
    }
    // What is not MoldUDP64 is odd in a socket, and other traffic in a capture.
    if (options.strict && result.report.count(itch::UnwrapOddity::malformed) > 0) return {};
    const test::Bytes capture = test::pcap(packets);
    const UnwrapResult captured = unwrap(itch::Wrapping::moldudp64, options, capture, capture.size() + 1);
    if (captured.bytes != result.bytes || captured.report.missing != result.report.missing) {
        return "otherwise in a capture:\n" + captured.told + "\nnot:\n" + result.told;
    }
    return {};
}

/// The first two bytes choose how the others are read. Empty where all is well, else what is wrong.
[[nodiscard]] inline std::string check_unwrap(std::span<const std::byte> input) {
    constexpr std::size_t chosen = 2;
    if (input.size() < chosen) return {};
    const auto choice = std::to_integer<unsigned>(input[0]);
    const std::size_t step = 1 + std::to_integer<std::size_t>(input[1]);
    const auto stream = input.subspan(chosen);
    constexpr std::array windows{std::size_t{1} << 20, std::size_t{0}, std::size_t{300}, std::size_t{1000}};
    const itch::Unwrapper::Options options{.strict = (choice & 4U) != 0, .window = windows[choice >> 3U & 3U]};
    const auto wrapping = static_cast<itch::Wrapping>(choice & 3U);
    const auto detected = static_cast<std::size_t>(itch::detect_wrapping(stream));
    if (detected >= itch::wrapping_names.size()) return "no wrapping is detected";

    if (wrapping == itch::Wrapping::moldudp64 && (choice & 32U) != 0) return check_datagrams(options, stream);
    const UnwrapResult whole = unwrap(wrapping, options, stream, stream.size() + 1);
    const UnwrapResult pieces = unwrap(wrapping, options, stream, step);
    if (pieces.bytes != whole.bytes) return "other messages in pieces of " + std::to_string(step) + " bytes";
    if (pieces.told != whole.told) {
        return "in pieces of " + std::to_string(step) + " bytes:\n" + pieces.told + "\nnot:\n" + whole.told;
    }
    if (wrapping == itch::Wrapping::binaryfile) return {};
    return check_output(wrapping, options.strict, whole);
}

}  // namespace nanobook::fuzz
