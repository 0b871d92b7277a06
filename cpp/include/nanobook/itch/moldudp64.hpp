// MoldUDP64: messages in UDP datagrams, numbered, so that whoever listens knows which are missing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include <nanobook/itch/unwrap_report.hpp>
#include <nanobook/itch/wire.hpp>

namespace nanobook::itch {

/// Brings datagrams into the order of their numbers, each message once: those of two lines that bear the same, of
/// networks where one overtakes another, and of what was sent again. Where numbers are missing, it holds back what
/// comes behind them, of at most `window` bytes and one datagram; then the missing are given up, and reported. A new
/// session gives up what the one before still misses. Up to 64 sessions are told apart.
class MoldUdp64Reader {
  public:
    explicit MoldUdp64Reader(std::size_t window) : window_(window) {}

    /// Takes what a datagram bears, whose end may be `cut` off. False where it is not MoldUDP64.
    bool feed(std::span<const std::byte> datagram, bool cut, std::uint64_t offset, Unwrapped& out) {
        if (datagram.size() < header_size) return false;
        Text<10> name;
        std::memcpy(name.bytes, datagram.data(), sizeof(name.bytes));
        const auto number = load_big_endian<std::uint64_t>(datagram, 10);
        const std::uint64_t count = load_big_endian<std::uint16_t>(datagram, 18);
        const auto blocks = datagram.subspan(header_size);
        if (!is_name(name) || number > last_number) return false;

        if (count == 0 || count == end_of_session) {
            if (!blocks.empty()) return false;
            ++out.report.heartbeats;
            if (Session* const session = session_of(name, number, offset, out)) {
                // Its number is that of the message that comes next.
                learn_end(*session, number, offset);
                if (count == end_of_session) facts_of(*session, out).ended = true;
            }
            return true;
        }
        const auto [whole, size] = walk(blocks, count);
        if (whole == count ? size != blocks.size() : !cut) return false;
        if (Session* const session = session_of(name, number, offset, out)) {
            learn_end(*session, number + count, offset);
            take(*session, {number, whole, offset, blocks.first(size)}, out);
        }
        return true;
    }

    /// There are no more datagrams.
    void finish(Unwrapped& out) {
        for (Session& session : sessions_) settle(session, out);
        if (!sessions_.empty() && out.report.sessions.back().ended) out.end_of_session();
    }

  private:
    static constexpr std::size_t header_size = 20;
    static constexpr std::uint64_t end_of_session = 0xffff;
    // So that no sum of a number and a count overflows.
    static constexpr std::uint64_t last_number = std::numeric_limits<std::uint64_t>::max() / 2;
    // What a held datagram costs beside its bytes, roughly.
    static constexpr std::size_t held_overhead = 128;

    // Messages in a row, each behind its length.
    struct Block {
        std::uint64_t number;  // of the first
        std::uint64_t count;
        std::uint64_t offset;  // of their packet
        std::span<const std::byte> bytes;
    };
    struct Held {
        std::uint64_t count;
        std::uint64_t offset;
        std::vector<std::byte> bytes;
    };
    struct Session {
        std::size_t index;                     // in the report
        std::map<std::uint64_t, Held> held{};  // what comes behind a gap, by number
        std::uint64_t end = 0;                 // behind the last number that was spoken of ...
        std::uint64_t end_offset = 0;          // ... by this packet
    };

    static bool is_name(const Text<10>& name) noexcept {
        return std::all_of(std::begin(name.bytes), std::end(name.bytes),
                           [](char c) { return c == '\0' || (c >= ' ' && c <= '~'); });
    }

    // How many of `count` messages are whole, and their bytes.
    static std::pair<std::uint64_t, std::size_t> walk(std::span<const std::byte> blocks, std::uint64_t count) noexcept {
        std::uint64_t whole = 0;
        std::size_t at = 0;
        while (whole < count && blocks.size() - at >= 2) {
            const std::size_t size = std::size_t{2} + load_big_endian<std::uint16_t>(blocks, at);
            if (blocks.size() - at < size) break;
            at += size;
            ++whole;
        }
        return {whole, at};
    }

    static FeedSession& facts_of(const Session& session, Unwrapped& out) { return out.report.sessions[session.index]; }

    // Null where there are too many.
    Session* session_of(const Text<10>& name, std::uint64_t number, std::uint64_t offset, Unwrapped& out) {
        auto& all = out.report.sessions;
        for (Session& session : sessions_) {
            if (std::memcmp(all[session.index].name.bytes, name.bytes, sizeof(name.bytes)) == 0) return &session;
        }
        if (all.size() == UnwrapReport::most_sessions) {
            out.report.add({UnwrapOddity::too_many_sessions, offset, UnwrapReport::most_sessions});
            return nullptr;
        }
        for (Session& session : sessions_) settle(session, out);
        all.push_back({name, number, number});
        return &sessions_.emplace_back(Session{all.size() - 1});
    }

    static void learn_end(Session& session, std::uint64_t end, std::uint64_t offset) noexcept {
        if (end <= session.end) return;
        session.end = end;
        session.end_offset = offset;
    }

    void take(Session& session, const Block& block, Unwrapped& out) {
        if (block.number > facts_of(session, out).next) {
            hold(session, block, out);
        } else {
            deliver(facts_of(session, out), block, out);
            release(session, out);
        }
    }

    void hold(Session& session, const Block& block, Unwrapped& out) {
        Held& held = session.held[block.number];
        out.report.duplicates += std::min(held.count, block.count);
        if (block.count <= held.count) return;
        held_bytes_ -= size_of(held);
        held = {block.count, block.offset, {block.bytes.begin(), block.bytes.end()}};
        held_bytes_ += size_of(held);
        while (held_bytes_ > window_ && !session.held.empty()) give_up(session, out);
    }

    static std::size_t size_of(const Held& held) noexcept {
        return held.count == 0 ? 0 : held.bytes.size() + held_overhead;
    }

    // Hands out what held blocks now follow.
    void release(Session& session, Unwrapped& out) {
        auto& held = session.held;
        while (!held.empty() && held.begin()->first <= facts_of(session, out).next) {
            const auto first = held.extract(held.begin());
            held_bytes_ -= size_of(first.mapped());
            deliver(facts_of(session, out),
                    {first.key(), first.mapped().count, first.mapped().offset, first.mapped().bytes}, out);
        }
    }

    // What is missing before the first held block will not come any more.
    void give_up(Session& session, Unwrapped& out) {
        const auto& [number, held] = *session.held.begin();
        miss(facts_of(session, out), number, held.offset, out);
        release(session, out);
    }

    void settle(Session& session, Unwrapped& out) {
        while (!session.held.empty()) give_up(session, out);
        if (facts_of(session, out).next < session.end)
            miss(facts_of(session, out), session.end, session.end_offset, out);
    }

    static void miss(FeedSession& facts, std::uint64_t until, std::uint64_t offset, Unwrapped& out) {
        out.report.add_gap({facts.name, facts.next, until - facts.next, offset});
        facts.next = until;
    }

    static void deliver(FeedSession& facts, const Block& block, Unwrapped& out) {
        const std::uint64_t known = std::min(facts.next - block.number, block.count);
        out.report.duplicates += known;
        facts.next += block.count - known;
        auto bytes = block.bytes.subspan(walk(block.bytes, known).second);
        // A length of 0 has a number but no message, and would end a BinaryFILE stream.
        std::size_t size = 0;
        std::uint64_t count = 0;
        const auto flush = [&] {
            out.framed(bytes.first(size), count);
            bytes = bytes.subspan(size);
            size = count = 0;
        };
        for (std::uint64_t left = block.count - known; left > 0; --left) {
            const auto length = load_big_endian<std::uint16_t>(bytes, size);
            if (length == 0) {
                flush();
                out.report.add({UnwrapOddity::malformed, block.offset, 0});
                bytes = bytes.subspan(2);
            } else {
                size += std::size_t{2} + length;
                ++count;
            }
        }
        flush();
    }

    std::size_t window_;
    std::size_t held_bytes_ = 0;
    std::vector<Session> sessions_;
};

}  // namespace nanobook::itch
