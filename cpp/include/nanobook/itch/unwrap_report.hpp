// What a wrapping of ITCH tells of its messages: which are missing, which came twice, what could not be read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nanobook/itch/wire.hpp>

namespace nanobook::itch {

enum class UnwrapOddity : std::uint8_t {
    gap,                ///< sequence numbers that never came
    fragment,           ///< a piece of a UDP datagram that IP has cut up: not read
    cut_packet,         ///< captured in part: its whole messages are read
    malformed,          ///< a length or an index that cannot be: what bears it is skipped
    unknown_link,       ///< packets of a kind of network that is not known here: skipped
    unknown_packet,     ///< a packet type that SoupBinTCP does not have: skipped
    unknown_type,       ///< a message type that ITCH 5.0 does not have, where nothing tells its length: reading ends
    too_many_sessions,  ///< a packet of one more session than are told apart: skipped
    not_a_capture,      ///< neither pcap nor pcapng: nothing is read
    truncated_tail,     ///< the bytes end inside a packet, or inside a message without a length
};
inline constexpr std::size_t unwrap_oddity_count = 10;

inline constexpr std::array<std::string_view, unwrap_oddity_count> unwrap_oddity_names{
    "gap",          "fragment",          "cut_packet",    "malformed",     "unknown_link", "unknown_packet",
    "unknown_type", "too_many_sessions", "not_a_capture", "truncated_tail"};

[[nodiscard]] constexpr std::string_view name_of(UnwrapOddity oddity) noexcept {
    return unwrap_oddity_names[static_cast<std::size_t>(oddity)];
}

/// One odd thing: where, and the number concerned: the first sequence number missing, the length, the kind of link, the
/// type byte, or how many bytes there are.
struct UnwrapFinding {
    UnwrapOddity oddity;
    std::uint64_t offset;  ///< of the packet, record or message, in bytes of the wrapped stream
    std::uint64_t number;
    std::uint64_t count = 1;  ///< of messages missing, where it is a gap
};

/// A sentence for people: "messages 101 to 105 are missing before byte 1234".
[[nodiscard]] inline std::string describe(const UnwrapFinding& finding) {
    const std::string number = std::to_string(finding.number);
    const std::string at = " at byte " + std::to_string(finding.offset);
    const std::string type =
        finding.number > ' ' && finding.number <= '~' ? std::string(1, static_cast<char>(finding.number)) : number;
    switch (finding.oddity) {
        case UnwrapOddity::gap: {
            const std::string before = " missing before byte " + std::to_string(finding.offset);
            if (finding.count == 1) return "message " + number + " is" + before;
            return "messages " + number + " to " + std::to_string(finding.number + (finding.count - 1)) + " are" +
                   before;
        }
        case UnwrapOddity::fragment: return "the packet" + at + " is a fragment of a datagram, which is not read";
        case UnwrapOddity::cut_packet: return "the packet" + at + " was captured in part: " + number + " bytes of it";
        case UnwrapOddity::malformed: return "the packet" + at + " is malformed: no length or index can be " + number;
        case UnwrapOddity::unknown_link: return "the packet" + at + " has link type " + number + ", which is not known";
        case UnwrapOddity::unknown_packet: return "packet type " + type + at + " is unknown to SoupBinTCP";
        case UnwrapOddity::unknown_type:
            return "message type " + type + at + " is unknown to ITCH 5.0, and nothing tells its length";
        case UnwrapOddity::too_many_sessions:
            return "the packet" + at + " is of one session more than the " + number + " that are told apart";
        case UnwrapOddity::not_a_capture: return "it is no packet capture: neither pcap nor pcapng begins so";
        case UnwrapOddity::truncated_tail:
            return "the end is cut off inside the packet or message" + at + ", of which " + number + " bytes are there";
    }
    return {};
}

/// A session of MoldUDP64 or SoupBinTCP, which numbers its messages.
struct FeedSession {
    Text<10> name;
    std::uint64_t first = 1;  ///< of the messages that are there; those before were sent before the capture began
    std::uint64_t next = 1;   ///< behind the last one
    bool ended = false;
};

/// Messages in a row that never came.
struct Gap {
    Text<10> session;
    std::uint64_t first;
    std::uint64_t count;
    std::uint64_t offset;  ///< of the packet that comes behind it, in bytes of the wrapped stream
};

struct UnwrapReport {
    static constexpr std::size_t most_gaps = 4096;
    static constexpr std::size_t most_sessions = 64;

    std::array<std::uint64_t, unwrap_oddity_count> counts{};
    std::optional<UnwrapFinding> first;
    std::optional<std::uint64_t> truncated_at;

    std::uint64_t packets = 0;    ///< of the capture or of SoupBinTCP
    std::uint64_t unrelated = 0;  ///< of them, those that bear no message: other traffic, logins, debugging
    std::uint64_t heartbeats = 0;
    std::uint64_t messages = 0;    ///< handed out
    std::uint64_t duplicates = 0;  ///< messages whose number had been: of a second line, sent again, or far too late
    std::uint64_t missing = 0;     ///< messages, over all gaps
    std::vector<Gap> gaps;         ///< the first `most_gaps` of them
    std::vector<FeedSession> sessions;

    void add(UnwrapFinding finding) {
        ++counts[static_cast<std::size_t>(finding.oddity)];
        if (!first) first = finding;
        if (finding.oddity == UnwrapOddity::truncated_tail) truncated_at = finding.offset;
    }
    void add_gap(const Gap& gap) {
        add({UnwrapOddity::gap, gap.offset, gap.first, gap.count});
        missing += gap.count;
        if (gaps.size() < most_gaps) gaps.push_back(gap);
    }

    [[nodiscard]] std::uint64_t count(UnwrapOddity oddity) const noexcept {
        return counts[static_cast<std::size_t>(oddity)];
    }
};

/// Where unwrapped messages go: as a BinaryFILE stream, a big-endian u16 length before each.
class Unwrapped {
  public:
    explicit Unwrapped(bool strict) : strict_(strict) {}

    UnwrapReport report;

    /// A message of 1 to 65,535 bytes.
    void message(std::span<const std::byte> payload) {
        if (is_stopped()) return;
        length(payload.size());
        bytes_.insert(bytes_.end(), payload.begin(), payload.end());
        ++report.messages;
    }
    /// Messages that have their lengths before them already.
    void framed(std::span<const std::byte> messages, std::uint64_t count) {
        if (is_stopped()) return;
        bytes_.insert(bytes_.end(), messages.begin(), messages.end());
        report.messages += count;
    }
    void end_of_session() {
        if (!is_stopped()) length(0);
    }

    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
    void clear() noexcept { bytes_.clear(); }

  private:
    // A strict reader is given what comes before the first odd thing.
    [[nodiscard]] bool is_stopped() const noexcept { return strict_ && report.first; }

    void length(std::size_t size) {
        bytes_.push_back(static_cast<std::byte>(size >> 8));
        bytes_.push_back(static_cast<std::byte>(size & 0xff));
    }

    bool strict_;
    std::vector<std::byte> bytes_;
};

}  // namespace nanobook::itch
