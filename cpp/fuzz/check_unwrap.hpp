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

namespace nanobook::fuzz {

/// What came out, and what was told of it.
struct UnwrapResult {
    std::vector<std::byte> bytes;
    std::string told;
    itch::UnwrapReport report;
};

/// The stream in pieces of at most `step` bytes.
[[nodiscard]] inline UnwrapResult unwrap(itch::Wrapping wrapping, itch::Unwrapper::Options options,
                                         std::span<const std::byte> stream, std::size_t step) {
    itch::Unwrapper unwrapper(wrapping, options);
    UnwrapResult result;
    const auto append = [&](std::span<const std::byte> bytes) {
        result.bytes.insert(result.bytes.end(), bytes.begin(), bytes.end());
    };
    while (!stream.empty()) {
        // A copy of just these bytes, so that a sanitizer sees a read past them.
        const auto piece = stream.first(std::min(step, stream.size()));
        const std::vector<std::byte> copy(piece.begin(), piece.end());
        append(unwrapper.feed(copy));
        stream = stream.subspan(piece.size());
    }
    append(unwrapper.finish());

    const itch::UnwrapReport& report = result.report = unwrapper.report();
    for (const std::uint64_t count : report.counts) result.told += std::to_string(count) + " ";
    for (const std::uint64_t count : {report.packets, report.unrelated, report.heartbeats, report.messages,
                                      report.duplicates, report.missing, report.truncated_at.value_or(0)}) {
        result.told += std::to_string(count) + " ";
    }
    for (const itch::Gap& gap : report.gaps) {
        result.told += "gap " + std::to_string(gap.first) + "+" + std::to_string(gap.count) + "@" +
                       std::to_string(gap.offset) + " ";
    }
    for (const itch::FeedSession& session : report.sessions) {
        result.told += std::string(session.name.view()) + std::to_string(session.first) + "-" +
                       std::to_string(session.next) + (session.ended ? "! " : " ");
    }
    if (report.first) result.told += itch::describe(*report.first);
    return result;
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

    const UnwrapResult whole = unwrap(wrapping, options, stream, stream.size() + 1);
    const UnwrapResult pieces = unwrap(wrapping, options, stream, step);
    if (pieces.bytes != whole.bytes) return "other messages in pieces of " + std::to_string(step) + " bytes";
    if (pieces.told != whole.told) {
        return "in pieces of " + std::to_string(step) + " bytes:\n" + pieces.told + "\nnot:\n" + whole.told;
    }
    if (wrapping == itch::Wrapping::binaryfile) return {};

    // Messages behind their lengths, as many as are told, and nothing after an end of the session.
    const std::span<const std::byte> bytes(whole.bytes);
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
    if (messages != whole.report.messages) return "other messages than told: " + whole.told;
    if (wrapping != itch::Wrapping::moldudp64 || options.strict) return {};

    // Each number is that of a message, of a gap, or of nothing, which is malformed.
    std::uint64_t numbers = 0;
    for (const itch::FeedSession& session : whole.report.sessions) numbers += session.next - session.first;
    const std::uint64_t known = messages + whole.report.missing;
    if (numbers < known || numbers - known > whole.report.count(itch::UnwrapOddity::malformed)) {
        return std::to_string(numbers) + " sequence numbers: " + whole.told;
    }
    return {};
}

}  // namespace nanobook::fuzz
