// SoupBinTCP: messages in a TCP stream, as a file of its bytes from the server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include <nanobook/detail/units.hpp>
#include <nanobook/itch/unwrap_report.hpp>
#include <nanobook/itch/wire.hpp>

namespace nanobook::itch {

/// Takes the sequenced messages out of a stream that comes in chunks: a big-endian u16 length, a packet type, what it
/// bears. Where the stream has logins, messages are numbered: a later login of the same session shows what is missing
/// between the two, and what comes twice. Holds one packet of up to 64 KiB.
class SoupBinTcpReader {
  public:
    static constexpr std::string_view packet_types = "+AJSHZULRO";

    void feed(std::span<const std::byte> chunk, Unwrapped& out) {
        units_.feed(
            chunk,
            [](std::span<const std::byte> bytes) {
                return bytes.size() < 2 ? 2 : std::size_t{2} + load_big_endian<std::uint16_t>(bytes, 0);
            },
            [&](std::span<const std::byte> packet) { take(packet.subspan(2), out); });
    }

    /// There are no more bytes.
    void finish(Unwrapped& out) const {
        if (units_.unfinished() > 0) {
            out.report.add({UnwrapOddity::truncated_tail, units_.offset(), units_.unfinished()});
        }
        if (has_ended_) out.end_of_session();
    }

  private:
    void take(std::span<const std::byte> packet, Unwrapped& out) {
        ++out.report.packets;
        const char type = packet.empty() ? '\0' : static_cast<char>(packet[0]);
        if (type == 'S' && packet.size() > 1) {
            take_message(packet.subspan(1), out);
        } else if (packet.empty() || type == 'S') {
            out.report.add({UnwrapOddity::malformed, units_.offset(), packet.size()});
        } else if (packet_types.find(type) == std::string_view::npos) {
            out.report.add({UnwrapOddity::unknown_packet, units_.offset(), static_cast<unsigned char>(type)});
        } else if (type == 'H') {
            ++out.report.heartbeats;
        } else {
            ++out.report.unrelated;
            if (type == 'A') log_in(packet.subspan(1), out);
            if (type == 'Z') has_ended_ = true;
            if (type == 'Z' && has_session_) out.report.sessions[session_].ended = true;
        }
    }

    void take_message(std::span<const std::byte> message, Unwrapped& out) {
        has_ended_ = false;
        if (has_session_ && number_++ < out.report.sessions[session_].next) {
            ++out.report.duplicates;
            return;
        }
        if (has_session_) ++out.report.sessions[session_].next;
        out.message(message);
    }

    // A login is answered with the session and the number of the message that comes next, as text.
    void log_in(std::span<const std::byte> answer, Unwrapped& out) {
        constexpr std::size_t name_size = 10;
        constexpr std::size_t number_size = 20;
        FeedSession session;
        std::uint64_t number = 0;
        bool is_number = false;
        if (answer.size() == name_size + number_size) {
            std::memcpy(session.name.bytes, answer.data(), name_size);
            is_number = read_number(answer.subspan(name_size), number);
        }
        has_session_ = false;
        if (!is_number) {
            out.report.add({UnwrapOddity::malformed, units_.offset(), answer.size() + 1});
            return;
        }
        auto& sessions = out.report.sessions;
        for (session_ = 0; session_ < sessions.size(); ++session_) {
            if (std::memcmp(sessions[session_].name.bytes, session.name.bytes, name_size) == 0) break;
        }
        if (session_ == UnwrapReport::most_sessions) {
            out.report.add({UnwrapOddity::too_many_sessions, units_.offset(), UnwrapReport::most_sessions});
            return;
        }
        if (session_ == sessions.size()) {
            session.first = session.next = number;
            sessions.push_back(session);
        }
        FeedSession& known = sessions[session_];
        if (number > known.next) {
            out.report.add_gap({known.name, known.next, number - known.next, units_.offset()});
            known.next = number;
        }
        number_ = number;
        has_session_ = true;
    }

    // Digits, with spaces on their left.
    static bool read_number(std::span<const std::byte> text, std::uint64_t& number) noexcept {
        constexpr std::uint64_t largest = std::uint64_t{1} << 60;
        bool has_digits = false;
        for (const std::byte byte : text) {
            const auto c = static_cast<char>(byte);
            if (c == ' ' && !has_digits) continue;
            if (c < '0' || c > '9' || number > largest) return false;
            number = number * 10 + static_cast<std::uint64_t>(c - '0');
            has_digits = true;
        }
        return has_digits;
    }

    nanobook::detail::Units units_;
    bool has_session_ = false;  // a login has told where the numbers are
    bool has_ended_ = false;
    std::size_t session_ = 0;  // in the report
    std::uint64_t number_ = 0;
};

}  // namespace nanobook::itch
