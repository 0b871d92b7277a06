// What must hold of files of events whatever bytes come: the check of the fuzz target and of its short version in the
// ordinary tests.
#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nanobook/exchange/event_json.hpp>
#include <nanobook/exchange/journal.hpp>

namespace nanobook::fuzz {

/// The bytes of a journal of these events.
[[nodiscard]] inline std::vector<std::byte> to_journal(const EventFileHeader& header,
                                                       const std::vector<Event>& events) {
    const auto block = detail::encode_header(header);
    std::vector<std::byte> bytes(block.begin(), block.end());
    bytes.resize(block.size() * (1 + events.size()));
    for (std::size_t number = 1; number <= events.size(); ++number) {
        detail::encode_record(bytes.data() + number * detail::journal_block, number, events[number - 1]);
    }
    return bytes;
}

/// Makes the checksums right, so that what is behind them is reached too.
inline void mend_checksums(std::span<std::byte> journal) {
    constexpr std::size_t block = detail::journal_block;
    if (journal.size() < block) return;
    std::memcpy(journal.data(), detail::journal_magic.data(), detail::journal_magic.size());
    detail::store_little_endian(journal.data() + detail::block_payload,
                                detail::header_checksum(detail::JournalBlock(journal.data(), block)));
    for (std::size_t at = block; at + block <= journal.size(); at += block) {
        detail::store_little_endian(journal.data() + at + detail::block_payload,
                                    detail::record_checksum(journal.data() + at));
    }
}

/// Every event that was taken is written and read back as itself.
[[nodiscard]] inline std::string check_lines(std::string_view text) {
    EventFile file;
    try {
        file = from_json_lines(text);
    } catch (const EventFileError&) {
        return {};
    }
    const std::string written = to_json_lines(file.header, file.events);
    const EventFile again = from_json_lines(written);
    if (again.header != file.header || again.events != file.events) return "read back otherwise:\n" + written;
    return {};
}

/// What was kept of a journal is, to the byte, what a journal of these events is.
[[nodiscard]] inline std::string check_journal(std::span<const std::byte> bytes) {
    const auto parse = [&](bool repair) -> std::optional<JournalContents> {
        try {
            return parse_journal(bytes, repair);
        } catch (const JournalError&) {
            return std::nullopt;
        }
    };
    const auto strict = parse(false);
    const auto lenient = parse(true);
    if (!lenient) return strict ? "taken, and not when damage is allowed" : "";
    if (strict && strict->events != lenient->events) return "allowing damage changes what there is";
    const auto& [header, events, recovery] = *lenient;
    if (events.size() != recovery.events_kept) return "events kept are not those counted";
    if (recovery.bytes_cut > bytes.size()) return "more was cut than there was";
    if ((recovery.bytes_cut == 0) != recovery.reason.empty()) return "cut and reason disagree";
    const std::size_t kept = bytes.size() - static_cast<std::size_t>(recovery.bytes_cut);
    if (kept == 0) return events.empty() ? std::string() : "events out of nothing";
    const std::vector<std::byte> written = to_journal(header, events);
    if (written.size() != kept || std::memcmp(written.data(), bytes.data(), kept) != 0) {
        return "what was kept is not a journal of the events kept";
    }
    return {};
}

/// The first byte chooses what the others are: lines, a journal, or a journal whose checksums are right. Empty where
/// all is well, else what is wrong.
[[nodiscard]] inline std::string check_events(std::span<const std::byte> input) {
    if (input.empty()) return {};
    const auto choice = std::to_integer<unsigned>(input[0]) % 3;
    // A copy, so that a sanitizer sees a read past its end.
    std::vector<std::byte> bytes(input.begin() + 1, input.end());
    if (choice == 0) return check_lines({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    if (choice == 2) mend_checksums(bytes);
    return check_journal(bytes);
}

}  // namespace nanobook::fuzz
