// Captures and other wrappings to the messages that they bear, and what they tell of those that they do not.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <nanobook/detail/random.hpp>
#include <nanobook/itch/reader.hpp>
#include <nanobook/itch/synthetic_day.hpp>
#include <nanobook/itch/unwrap.hpp>

#include "itch_stream.hpp"
#include "wrapped_stream.hpp"

using namespace nanobook::test;
using nanobook::detail::Random;
namespace itch = nanobook::itch;
using itch::UnwrapOddity;
using itch::Unwrapper;
using itch::Wrapping;

namespace {

// What came out of a wrapping.
struct Result {
    Bytes bytes;
    itch::UnwrapReport report;

    [[nodiscard]] std::vector<Bytes> payloads() const { return payloads_of(bytes); }
};

Result unwrap(Wrapping wrapping, std::span<const std::byte> stream, Unwrapper::Options options = {},
              Random* random = nullptr) {
    Unwrapper unwrapper(wrapping, options);
    Result result;
    const auto append = [&](std::span<const std::byte> bytes) {
        result.bytes.insert(result.bytes.end(), bytes.begin(), bytes.end());
    };
    while (!stream.empty()) {
        const std::size_t size =
            random == nullptr ? stream.size() : std::min<std::size_t>(1 + random->below(80), stream.size());
        const Bytes copy(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(size));
        append(unwrapper.feed(copy));
        stream = stream.subspan(size);
    }
    append(unwrapper.finish());
    result.report = unwrapper.report();
    return result;
}

Result unwrap_pcap(std::span<const Captured> packets, PcapOptions options = {}, Unwrapper::Options how = {}) {
    return unwrap(Wrapping::moldudp64, pcap(packets, options), how);
}

// Packets on Ethernet, of these datagrams.
std::vector<Captured> on_ethernet(std::initializer_list<Bytes> datagrams) {
    std::vector<Captured> packets;
    for (const Bytes& datagram : datagrams) packets.push_back({ethernet_udp(datagram)});
    return packets;
}

// Of the messages 1, 2, ...: an order each, whose reference is the message's number.
std::vector<Bytes> orders(std::uint64_t first, std::uint64_t count) {
    Stream stream;
    for (std::uint64_t i = first; i < first + count; ++i) stream.add(i, 'B', 100, 10'000);
    return payloads_of(stream);
}

Bytes datagram(std::uint64_t first, std::uint64_t count, std::string_view session = session_a) {
    return mold(first, orders(first, count), session);
}

// The numbers of the messages that came out, as `orders` made them.
std::vector<std::uint64_t> numbers(const Result& result) {
    std::vector<std::uint64_t> all;
    for (const Bytes& payload : result.payloads()) {
        if (!payload.empty()) all.push_back(itch::load_big_endian<std::uint64_t>(payload, 11));
    }
    return all;
}

std::vector<std::uint64_t> range(std::uint64_t first, std::uint64_t last) {
    std::vector<std::uint64_t> all;
    for (std::uint64_t i = first; i <= last; ++i) all.push_back(i);
    return all;
}

// "first+count" of each.
std::string gaps(const Result& result) {
    std::string text;
    for (const itch::Gap& gap : result.report.gaps) {
        text += (text.empty() ? "" : " ") + std::to_string(gap.first) + "+" + std::to_string(gap.count);
    }
    return text;
}

// All that is odd, by kind.
std::string odd(const Result& result) {
    std::string text;
    for (std::size_t kind = 0; kind < itch::unwrap_oddity_count; ++kind) {
        if (result.report.counts[kind] == 0) continue;
        text += (text.empty() ? "" : " ") + std::string(itch::unwrap_oddity_names[kind]) + " " +
                std::to_string(result.report.counts[kind]);
    }
    return text;
}

// One datagram of two orders in this packet, captured on that link.
Result one_packet(const Bytes& packet, std::size_t link) {
    return unwrap_pcap(std::vector{Captured{packet}}, {.link = link});
}

const Bytes two_orders = datagram(1, 2);

}  // namespace

TEST_CASE("binaryfile_passes_through") {
    Stream stream;
    stream.event('O').add(1, 'B', 100, 10'000);
    CHECK(unwrap(Wrapping::binaryfile, stream).bytes == stream.copy());
}

// Capture files.

TEST_CASE("pcap_is_read_in_either_byte_order_and_resolution") {
    const auto packets = on_ethernet({datagram(1, 3), datagram(4, 2)});
    for (const bool big_endian : {false, true}) {
        for (const bool nanoseconds : {false, true}) {
            const Result result = unwrap_pcap(packets, {big_endian, nanoseconds});
            CHECK(numbers(result) == range(1, 5));
            CHECK(odd(result) == "");
            CHECK(result.report.packets == 2);
            CHECK(result.report.messages == 5);
        }
    }
}

TEST_CASE("pcapng_is_read_in_either_byte_order") {
    for (const bool big_endian : {false, true}) {
        PcapNg file(big_endian);
        file.interface(1).packet({ethernet_udp(datagram(1, 1))}).packet({ethernet_udp(datagram(2, 2))});
        const Result result = unwrap(Wrapping::moldudp64, file.done());
        CHECK(numbers(result) == range(1, 3));
        CHECK(odd(result) == "");
    }
}

TEST_CASE("each_interface_of_a_pcapng_has_its_kind_of_network") {
    PcapNg file;
    file.interface(101).interface(1);
    file.packet({.bytes = ethernet_udp(datagram(1, 1)), .interface = 1});
    file.packet({.bytes = ipv4(udp(datagram(2, 1))), .interface = 0});
    CHECK(numbers(unwrap(Wrapping::moldudp64, file.done())) == range(1, 2));
}

TEST_CASE("old_and_simple_packet_blocks_are_read_and_other_blocks_are_skipped") {
    PcapNg file;
    file.interface(1).block(5, Writer().zeros(30)).old_packet({ethernet_udp(datagram(1, 1))});
    file.block(0x0bad, Writer().zeros(1)).simple_packet(ethernet_udp(datagram(2, 1)));
    const Result result = unwrap(Wrapping::moldudp64, file.done());
    CHECK(numbers(result) == range(1, 2));
    CHECK(odd(result) == "");
    CHECK(result.report.packets == 2);
}

TEST_CASE("a_simple_packet_is_cut_where_its_interface_says") {
    const Bytes packet = ethernet_udp(datagram(1, 3));
    PcapNg file;
    file.interface(1, packet.size() - 10).simple_packet(packet, 10);
    const Result result = unwrap(Wrapping::moldudp64, file.done());
    CHECK(numbers(result) == range(1, 2));
    CHECK(odd(result) == "gap 1 cut_packet 1");
}

TEST_CASE("a_new_section_of_a_pcapng_begins_with_no_interface_and_in_its_own_byte_order") {
    PcapNg file(false);
    file.interface(101).packet({ipv4(udp(datagram(1, 1)))});
    file.section(true).interface(1).packet({ethernet_udp(datagram(2, 1))});
    CHECK(numbers(unwrap(Wrapping::moldudp64, file.done())) == range(1, 2));
}

TEST_CASE("a_packet_of_an_interface_that_is_not_there_is_malformed") {
    PcapNg file;
    file.interface(1).packet({.bytes = ethernet_udp(datagram(1, 1)), .interface = 1});
    file.packet({ethernet_udp(datagram(2, 1))});
    const Result result = unwrap(Wrapping::moldudp64, file.done());
    CHECK(odd(result) == "malformed 1");
    CHECK(numbers(result) == range(2, 2));
}

TEST_CASE("a_block_whose_length_cannot_be_ends_what_is_read") {
    for (const std::size_t length : {0UL, 8UL, 13UL}) {
        PcapNg file;
        file.interface(1).packet({ethernet_udp(datagram(1, 1))});
        Bytes bytes = file.done();
        const std::size_t end = bytes.size();
        const Bytes bad = Writer(false).u32(6).u32(length).zeros(100).done();
        bytes.insert(bytes.end(), bad.begin(), bad.end());
        const Result result = unwrap(Wrapping::moldudp64, bytes);
        CHECK(numbers(result) == range(1, 1));
        CHECK(odd(result) == "malformed 1");
        CHECK(result.report.first->offset == end);
        CHECK(result.report.first->number == length);
    }
}

TEST_CASE("a_packet_larger_than_captures_have_is_passed_by") {
    const std::size_t large = (1UL << 18) + 4;
    const auto around = on_ethernet({datagram(1, 1), datagram(2, 1)});
    const std::vector<Captured> packets{around[0], {Bytes(large)}, around[1]};
    const Result record = unwrap_pcap(packets);
    CHECK(numbers(record) == range(1, 2));
    CHECK(odd(record) == "malformed 1");
    PcapNg file;
    file.interface(1).packet(packets[0]).packet({Bytes(large + 4096)}).packet(packets[2]);
    const Result block = unwrap(Wrapping::moldudp64, file.done());
    CHECK(numbers(block) == range(1, 2));
    CHECK(odd(block) == "malformed 1");
}

TEST_CASE("a_capture_that_ends_inside_a_packet_has_a_truncated_tail") {
    Bytes bytes = pcap(on_ethernet({datagram(1, 1), datagram(2, 1)}));
    const std::size_t second = 24 + (bytes.size() - 24) / 2;
    bytes.resize(bytes.size() - 1);
    const Result result = unwrap(Wrapping::moldudp64, bytes);
    CHECK(numbers(result) == range(1, 1));
    CHECK(odd(result) == "truncated_tail 1");
    CHECK(result.report.truncated_at == second);
}

TEST_CASE("what_is_no_capture_is_not_read") {
    const Result result = unwrap(Wrapping::moldudp64, Writer().text("no capture at all").done());
    CHECK(odd(result) == "not_a_capture 1");
    CHECK(result.bytes.empty());
}

// From the packet to the datagram.

TEST_CASE("ethernet_may_have_vlan_tags") {
    const Bytes ip = ipv4(udp(two_orders));
    CHECK(numbers(one_packet(ethernet(ip, 0x0800, {0x8100}), 1)) == range(1, 2));
    CHECK(numbers(one_packet(ethernet(ip, 0x0800, {0x88a8, 0x8100}), 1)) == range(1, 2));
    CHECK(numbers(one_packet(ethernet(ip, 0x0800, {0x9100, 0x8100}), 1)) == range(1, 2));
}

TEST_CASE("padding_behind_a_datagram_is_not_read") {
    const Result result = one_packet(ethernet_udp(heartbeat(1)), 1);
    CHECK(ethernet_udp(heartbeat(1)).size() == 62);
    CHECK(result.report.heartbeats == 1);
    Bytes padded = ethernet_udp(two_orders);
    padded.resize(padded.size() + 20, std::byte{0xff});
    CHECK(numbers(one_packet(padded, 1)) == range(1, 2));
}

TEST_CASE("other_kinds_of_network_are_read") {
    const Bytes ip = ipv4(udp(two_orders));
    for (const std::size_t link : {12UL, 14UL, 101UL, 228UL}) CHECK(numbers(one_packet(ip, link)) == range(1, 2));
    CHECK(numbers(one_packet(ipv6(udp(two_orders)), 229)) == range(1, 2));
    CHECK(numbers(one_packet(Writer(false).u32(2).bytes(ip).done(), 0)) == range(1, 2));
    CHECK(numbers(one_packet(Writer().u32(2).bytes(ip).done(), 108)) == range(1, 2));
    CHECK(numbers(one_packet(Writer().zeros(14).u16(0x0800).bytes(ip).done(), 113)) == range(1, 2));
    CHECK(numbers(one_packet(Writer().u16(0x0800).zeros(18).bytes(ip).done(), 276)) == range(1, 2));
}

TEST_CASE("a_kind_of_network_that_is_not_known_is_reported") {
    const Result result = one_packet(ethernet_udp(two_orders), 127);
    CHECK(odd(result) == "unknown_link 1");
    CHECK(result.report.first->number == 127);
}

TEST_CASE("the_upper_half_of_a_pcap_link_type_is_not_part_of_it") {
    CHECK(numbers(one_packet(ethernet_udp(two_orders), 0x14000001)) == range(1, 2));
}

TEST_CASE("ipv4_may_have_options") {
    CHECK(numbers(one_packet(ethernet(ipv4(udp(two_orders), 17, 0, 24)), 1)) == range(1, 2));
}

TEST_CASE("ipv6_may_have_extension_headers") {
    const Bytes inner = udp(two_orders);
    const auto over_ipv6 = [](const Bytes& payload, unsigned next) {
        return one_packet(ethernet(ipv6(payload, next), 0x86dd), 1);
    };
    CHECK(numbers(over_ipv6(inner, 17)) == range(1, 2));
    CHECK(numbers(over_ipv6(extension(60, extension(17, inner, 1, 16)), 0)) == range(1, 2));
    CHECK(numbers(over_ipv6(extension(17, inner, 4, 24), 51)) == range(1, 2));  // in units of four bytes
    CHECK(numbers(over_ipv6(extension(17, inner), 44)) == range(1, 2));         // a fragment that is all
    CHECK(over_ipv6(extension(17, inner), 59).report.unrelated == 1);
}

TEST_CASE("fragments_are_not_read_and_what_they_bore_is_a_gap") {
    const Bytes more = ethernet(ipv4(udp(datagram(2, 2)), 17, 0x2000));
    const Bytes later = ethernet(ipv4(Bytes(40), 17, 0x0040));
    const std::vector<Captured> packets{
        {ethernet_udp(datagram(1, 1))}, {more}, {later}, {ethernet_udp(datagram(4, 1))}};
    const Result result = unwrap_pcap(packets);
    CHECK(odd(result) == "gap 1 fragment 2");
    CHECK(gaps(result) == "2+2");
    Bytes header = extension(17, udp(two_orders));
    header[3] = std::byte{1};
    CHECK(odd(one_packet(ethernet(ipv6(header, 44), 0x86dd), 1)) == "fragment 1");
}

TEST_CASE("do_not_fragment_is_no_fragment") {
    CHECK(numbers(one_packet(ethernet(ipv4(udp(two_orders), 17, 0x4000)), 1)) == range(1, 2));
}

TEST_CASE("traffic_of_others_is_counted_and_not_odd") {
    const std::vector<Captured> packets{
        {ethernet(Bytes(28), 0x0806)},                         // ARP
        {ethernet(ipv4(Bytes(40), 6))},                        // TCP
        {ethernet(ipv4(Bytes(40), 6, 0x2000))},                // a fragment of it
        {ethernet_udp(Writer().text("time, please").done())},  // UDP of another kind
        {ethernet_udp(Writer().text("thirty bytes of other traffic!").done())},
        {ethernet_udp(two_orders)},
    };
    const Result result = unwrap_pcap(packets);
    CHECK(numbers(result) == range(1, 2));
    CHECK(odd(result) == "");
    CHECK(result.report.packets == 6);
    CHECK(result.report.unrelated == 5);
}

TEST_CASE("a_header_whose_length_cannot_be_is_malformed") {
    Bytes short_header = ipv4(udp(two_orders));
    short_header[0] = std::byte{0x44};
    CHECK(odd(one_packet(short_header, 101)) == "malformed 1");
    Bytes long_packet = ipv4(udp(two_orders));
    long_packet[2] = std::byte{0x7f};
    CHECK(odd(one_packet(long_packet, 101)) == "malformed 1");
    Bytes short_udp = udp(two_orders);
    short_udp[4] = std::byte{0};
    short_udp[5] = std::byte{7};
    CHECK(odd(one_packet(ipv4(short_udp), 101)) == "malformed 1");
    Bytes long_udp = udp(two_orders);
    long_udp[4] = std::byte{0x7f};
    CHECK(odd(one_packet(ipv4(long_udp), 101)) == "malformed 1");
    CHECK(odd(one_packet(Bytes(5), 1)) == "malformed 1");
}

TEST_CASE("lengths_of_0_say_nothing") {
    Bytes packet = ipv4(udp(two_orders));
    packet[2] = packet[3] = std::byte{0};
    CHECK(numbers(one_packet(packet, 101)) == range(1, 2));
    packet[24] = packet[25] = std::byte{0};
    CHECK(numbers(one_packet(packet, 101)) == range(1, 2));
}

TEST_CASE("of_a_packet_captured_in_part_the_whole_messages_are_read") {
    const Bytes packet = ethernet_udp(datagram(1, 3));
    for (std::size_t cut = 1; cut < packet.size(); ++cut) {
        const Result result = unwrap_pcap(std::vector{Captured{packet, cut}, Captured{ethernet_udp(datagram(4, 1))}});
        const std::size_t there = packet.size() - cut;
        const std::size_t headers = 14 + 20 + 8 + 20;
        const std::uint64_t whole = there < headers ? 0 : (there - headers) / 38;
        std::vector<std::uint64_t> expected = range(1, whole);
        expected.push_back(4);
        CHECK(numbers(result) == expected);
        // Without the headers of MoldUDP64 nobody knows what it was.
        const bool is_known = there >= headers;
        CHECK(result.report.missing == (is_known ? 3 - whole : 0));
        CHECK(result.report.count(UnwrapOddity::cut_packet) == (there < headers - 20 || is_known ? 1 : 0));
    }
}

TEST_CASE("what_one_line_cut_the_other_has") {
    const Bytes packet = ethernet_udp(datagram(1, 3));
    const Result result = unwrap_pcap(std::vector{Captured{packet, 50}, Captured{packet}});
    CHECK(numbers(result) == range(1, 3));
    CHECK(odd(result) == "cut_packet 1");
    CHECK(result.report.duplicates == 1);
}

// Sequence numbers.

TEST_CASE("a_gap_is_reported_by_its_numbers_and_place") {
    const auto packets = on_ethernet({datagram(1, 2), datagram(6, 1), datagram(8, 1)});
    const Result result = unwrap_pcap(packets);
    CHECK(numbers(result) == std::vector<std::uint64_t>{1, 2, 6, 8});
    CHECK(gaps(result) == "3+3 7+1");
    CHECK(result.report.missing == 4);
    CHECK(result.report.gaps[0].session.view() == session_a);
    CHECK(result.report.gaps[0].offset == 24 + 16 + packets[0].bytes.size());
    CHECK(itch::describe(*result.report.first) == "messages 3 to 5 are missing before byte 178");
}

TEST_CASE("a_heartbeat_reveals_a_gap_at_the_end") {
    CHECK(gaps(unwrap_pcap(on_ethernet({datagram(1, 2), heartbeat(3)}))) == "");
    CHECK(gaps(unwrap_pcap(on_ethernet({datagram(1, 2), heartbeat(5)}))) == "3+2");
    CHECK(gaps(unwrap_pcap(on_ethernet({datagram(1, 2), heartbeat(5), datagram(3, 2)}))) == "");
}

TEST_CASE("the_end_of_a_session_reveals_a_gap_and_ends_the_stream") {
    const Result result = unwrap_pcap(on_ethernet({datagram(1, 2), mold_end(4), mold_end(4)}));
    CHECK(gaps(result) == "3+1");
    CHECK(result.report.sessions[0].ended);
    itch::Reader reader = itch::read(result.bytes, [](const itch::Header&) {});
    CHECK(reader.messages() == 2);
    CHECK(reader.end_of_session());
    CHECK(!reader.report().first());
}

TEST_CASE("messages_before_the_capture_began_are_no_gap") {
    const Result result = unwrap_pcap(on_ethernet({datagram(1001, 2), datagram(1003, 1)}));
    CHECK(gaps(result) == "");
    CHECK(result.report.sessions[0].first == 1001);
    CHECK(result.report.sessions[0].next == 1004);
}

TEST_CASE("of_two_lines_each_message_comes_once") {
    std::vector<Captured> packets;
    for (std::uint64_t i = 0; i < 10; ++i) {
        for (int line = 0; line < 2; ++line) packets.push_back({ethernet_udp(datagram(1 + 3 * i, 3))});
    }
    const Result result = unwrap_pcap(packets);
    CHECK(numbers(result) == range(1, 30));
    CHECK(odd(result) == "");
    CHECK(result.report.duplicates == 30);
}

TEST_CASE("what_one_line_lost_the_other_brings_later") {
    const auto packets = on_ethernet({datagram(1, 1), datagram(4, 2), datagram(6, 1), datagram(1, 1), datagram(2, 2),
                                      datagram(4, 2), datagram(6, 1)});
    const Result result = unwrap_pcap(packets);
    CHECK(numbers(result) == range(1, 6));
    CHECK(odd(result) == "");
    CHECK(result.report.duplicates == 4);
}

TEST_CASE("packets_of_other_cuts_are_joined") {
    const auto packets = on_ethernet({datagram(1, 3), datagram(6, 2), datagram(6, 5), datagram(2, 5), datagram(1, 12)});
    const Result result = unwrap_pcap(packets);
    CHECK(numbers(result) == range(1, 12));
    CHECK(odd(result) == "");
}

TEST_CASE("what_is_missing_is_given_up_when_the_window_is_full") {
    const auto packets = on_ethernet({datagram(1, 1), datagram(3, 1), datagram(4, 1), datagram(2, 1), datagram(5, 1)});
    // A held datagram of one order is some 170 bytes.
    const Result at_once = unwrap_pcap(packets, {}, {.window = 0});
    CHECK(numbers(at_once) == std::vector<std::uint64_t>{1, 3, 4, 5});
    CHECK(gaps(at_once) == "2+1");
    CHECK(at_once.report.duplicates == 1);
    CHECK(numbers(unwrap_pcap(packets, {}, {.window = 300})) == std::vector<std::uint64_t>{1, 3, 4, 5});
    CHECK(numbers(unwrap_pcap(packets, {}, {.window = 400})) == range(1, 5));
}

TEST_CASE("one_wild_number_does_not_hide_what_comes_after_it") {
    const auto packets = on_ethernet({datagram(1, 1), datagram(1'000'000'000, 1), datagram(2, 1), datagram(3, 1)});
    const Result result = unwrap_pcap(packets);
    CHECK(numbers(result) == std::vector<std::uint64_t>{1, 2, 3, 1'000'000'000});
    CHECK(gaps(result) == "4+999999996");
}

TEST_CASE("a_new_session_begins_anew_and_the_old_one_is_remembered") {
    const std::string_view session_b = "SESSION  B";
    const auto packets = on_ethernet(
        {datagram(1, 1), datagram(3, 1), datagram(1, 2, session_b), datagram(2, 1), datagram(4, 1, session_b)});
    const Result result = unwrap_pcap(packets);
    CHECK(numbers(result) == std::vector<std::uint64_t>{1, 3, 1, 2, 4});
    CHECK(gaps(result) == "2+1 3+1");
    CHECK(result.report.gaps[0].session.view() == session_a);
    CHECK(result.report.gaps[1].session.view() == session_b);
    CHECK(result.report.duplicates == 1);
    CHECK(result.report.sessions.size() == 2);
}

TEST_CASE("sessions_beyond_the_most_are_reported") {
    std::vector<Captured> packets;
    for (int i = 0; i < 66; ++i) {
        packets.push_back({ethernet_udp(datagram(1, 1, "SESSION" + std::to_string(100 + i)))});
    }
    const Result result = unwrap_pcap(packets);
    CHECK(result.report.messages == 64);
    CHECK(odd(result) == "too_many_sessions 2");
}

TEST_CASE("an_empty_message_has_a_number_and_nothing_else") {
    std::vector<Bytes> payloads = orders(1, 3);
    payloads[1].clear();
    const Result result = unwrap_pcap(on_ethernet({mold(1, payloads), datagram(4, 1)}));
    CHECK(numbers(result) == std::vector<std::uint64_t>{1, 3, 4});
    CHECK(odd(result) == "malformed 1");
}

// Datagrams of a socket.

namespace {

Result unwrap_datagrams(std::initializer_list<Bytes> datagrams, Unwrapper::Options options = {}) {
    Unwrapper unwrapper(Wrapping::moldudp64, options);
    Result result;
    const auto append = [&](std::span<const std::byte> bytes) {
        result.bytes.insert(result.bytes.end(), bytes.begin(), bytes.end());
    };
    for (const Bytes& datagram : datagrams) append(unwrapper.feed_datagram(datagram));
    append(unwrapper.finish());
    result.report = unwrapper.report();
    return result;
}

}  // namespace

TEST_CASE("datagrams_of_a_socket_need_no_capture") {
    const Result result = unwrap_datagrams({datagram(1, 2), heartbeat(3), datagram(4, 1), datagram(3, 1), mold_end(5)});
    CHECK(numbers(result) == range(1, 4));
    CHECK(odd(result) == "");
    CHECK(result.report.packets == 5);
    CHECK(result.report.heartbeats == 2);
    CHECK(itch::read(result.bytes, [](const itch::Header&) {}).end_of_session());
}

TEST_CASE("a_gap_between_datagrams_is_told_by_the_bytes_before_it") {
    const Result result = unwrap_datagrams({datagram(1, 1), datagram(2, 2), datagram(6, 1)}, {.window = 0});
    CHECK(gaps(result) == "4+2");
    CHECK(result.report.gaps[0].offset == datagram(1, 1).size() + datagram(2, 2).size());
}

TEST_CASE("a_datagram_that_is_not_moldudp64_is_malformed") {
    Bytes cut = datagram(2, 2);
    cut.pop_back();
    const Result result = unwrap_datagrams({datagram(1, 1), cut, Bytes(19), {}, datagram(4, 1)});
    CHECK(numbers(result) == std::vector<std::uint64_t>{1, 4});
    CHECK(odd(result) == "gap 1 malformed 3");
    CHECK(result.report.first->number == cut.size());
    CHECK(numbers(unwrap_datagrams({datagram(1, 1), cut, datagram(2, 1)}, {.strict = true})) == range(1, 1));
}

TEST_CASE("only_moldudp64_has_datagrams") {
    Unwrapper soup(Wrapping::soupbintcp);
    CHECK_THROWS_AS(std::ignore = soup.feed_datagram(two_orders), std::invalid_argument);
}

// SoupBinTCP.

namespace {

Bytes joined(std::initializer_list<Bytes> parts) {
    Writer writer;
    for (const Bytes& part : parts) writer.bytes(part);
    return writer.done();
}

}  // namespace

TEST_CASE("sequenced_packets_of_soupbintcp_are_the_messages") {
    const auto messages = orders(1, 3);
    const Bytes stream =
        joined({soup('+', Writer().text("debug").done()), soup_login(1), soup('S', messages[0]), soup('H'),
                soup('S', messages[1]), soup('U', messages[2]), soup('S', messages[2]), soup('Z')});
    const Result result = unwrap(Wrapping::soupbintcp, stream);
    CHECK(numbers(result) == range(1, 3));
    CHECK(odd(result) == "");
    CHECK(result.report.packets == 8);
    CHECK(result.report.heartbeats == 1);
    CHECK(result.report.unrelated == 4);
    CHECK(result.report.sessions[0].ended);
    CHECK(result.report.sessions[0].next == 4);
    CHECK(itch::read(result.bytes, [](const itch::Header&) {}).end_of_session());
}

TEST_CASE("a_later_login_shows_what_is_missing_and_what_comes_twice") {
    const auto m = orders(1, 9);
    const Bytes stream = joined({soup_login(1), soup('S', m[0]), soup('S', m[1]), soup_login(5), soup('S', m[4]),
                                 soup_login(5), soup('S', m[4]), soup('S', m[5])});
    const Result result = unwrap(Wrapping::soupbintcp, stream);
    CHECK(numbers(result) == std::vector<std::uint64_t>{1, 2, 5, 6});
    CHECK(gaps(result) == "3+2");
    CHECK(result.report.duplicates == 1);
}

TEST_CASE("soupbintcp_without_a_login_has_no_numbers") {
    const auto m = orders(1, 2);
    const Result result = unwrap(Wrapping::soupbintcp, joined({soup('S', m[0]), soup('S', m[1])}));
    CHECK(numbers(result) == range(1, 2));
    CHECK(result.report.sessions.empty());
}

TEST_CASE("odd_packets_of_soupbintcp_are_skipped") {
    const auto m = orders(1, 2);
    const Bytes stream = joined({soup('S', m[0]), soup('?', Bytes(7)), soup('S'), Writer().u16(0).done(),
                                 soup('A', Bytes(30)), soup('S', m[1]), soup('S', m[1])});
    const Result result = unwrap(Wrapping::soupbintcp, std::span(stream).first(stream.size() - 3));
    CHECK(numbers(result) == range(1, 2));
    CHECK(odd(result) == "malformed 3 unknown_packet 1 truncated_tail 1");
    CHECK(result.report.first->offset == 39);
}

// Raw messages.

TEST_CASE("messages_without_a_length_have_that_of_their_type") {
    Stream stream;
    stream.event('O').directory("AAPL").add(1, 'B', 100, 10'000).erase(1);
    const Bytes raw = [&] {
        Writer writer;
        for (const Bytes& payload : payloads_of(stream)) writer.bytes(payload);
        return writer.done();
    }();
    CHECK(unwrap(Wrapping::raw, raw).bytes == stream.copy());
    const Result cut = unwrap(Wrapping::raw, std::span(raw).first(raw.size() - 1));
    CHECK(cut.report.messages == 3);
    CHECK(cut.report.truncated_at == 12 + 39 + 36);
}

TEST_CASE("an_unknown_type_ends_what_can_be_read_without_lengths") {
    const auto m = orders(1, 2);
    const Result result = unwrap(Wrapping::raw, joined({m[0], Writer().text("z").zeros(10).done(), m[1]}));
    CHECK(numbers(result) == range(1, 1));
    CHECK(odd(result) == "unknown_type 1");
    CHECK(itch::describe(*result.report.first) ==
          "message type z at byte 36 is unknown to ITCH 5.0, and nothing tells its length");
}

// All of them.

TEST_CASE("a_strict_unwrapper_gives_what_comes_before_the_first_odd_thing") {
    const auto packets = on_ethernet({datagram(1, 2), datagram(4, 1), mold_end(5)});
    const Result result = unwrap_pcap(packets, {}, {.strict = true});
    CHECK(numbers(result) == range(1, 2));
    CHECK(result.report.messages == 2);
    CHECK(result.report.first->oddity == UnwrapOddity::gap);
}

TEST_CASE("bytes_cut_anywhere_give_the_same") {
    // A day in packets of two lines, of which one loses some and the other lags behind.
    const auto day = itch::synthetic_day({.messages = 3'000, .symbols = 5, .all_types = true});
    const auto payloads = payloads_of(day);
    Random random(5);
    std::vector<Captured> packets;
    std::vector<Captured> behind;
    Writer soup_stream;
    Writer raw_stream;
    soup_stream.bytes(soup_login(1));
    for (const Bytes& payload : payloads) {
        soup_stream.bytes(soup('S', payload));
        raw_stream.bytes(payload);
    }
    PcapNg file;
    file.interface(1);
    for (std::size_t at = 0; at < payloads.size();) {
        const std::size_t count = std::min<std::size_t>(1 + random.below(30), payloads.size() - at);
        const Captured packet{ethernet_udp(mold(1 + at, std::span(payloads).subspan(at, count)))};
        at += count;
        behind.push_back(packet);
        // The first and the last come on both.
        if (behind.size() == 1 || at == payloads.size() || !random.once_in(5)) packets.push_back(packet);
        if (behind.size() % 7 == 0) packets.push_back(behind[behind.size() - 4]);
    }
    packets.insert(packets.end(), behind.begin(), behind.end());
    for (const Captured& packet : packets) file.packet(packet);

    const auto check = [&](Wrapping wrapping, const Bytes& stream) {
        for (int round = 0; round < 5; ++round) {
            const Result result = unwrap(wrapping, stream, {}, round == 0 ? nullptr : &random);
            CHECK(result.bytes == Bytes(day.begin(), day.end()));
            CHECK(odd(result) == "");
        }
        CHECK(itch::detect_wrapping(std::span(stream).first(std::min<std::size_t>(stream.size(), 65'536))) == wrapping);
    };
    check(Wrapping::moldudp64, pcap(packets));
    check(Wrapping::moldudp64, file.done());
    check(Wrapping::soupbintcp, soup_stream.done());
    check(Wrapping::raw, raw_stream.done());
    check(Wrapping::binaryfile, Bytes(day.begin(), day.end()));
}

// Detection.

TEST_CASE("what_is_not_another_wrapping_beyond_doubt_is_binaryfile") {
    const auto detect = [](const Bytes& bytes) { return itch::detect_wrapping(bytes); };
    const auto m = orders(1, 9);
    CHECK(detect({}) == Wrapping::binaryfile);
    CHECK(detect(Writer().text("Some text, to see what happens.").done()) == Wrapping::binaryfile);
    // A length that is not its type's, behind which all is well.
    CHECK(detect(Writer().u16(35).bytes(m[0]).u16(36).bytes(m[0]).done()) == Wrapping::binaryfile);
    // Logins and heartbeats, but no message.
    CHECK(detect(joined({soup_login(1), soup('H'), soup('H')})) == Wrapping::binaryfile);
    // One packet that SoupBinTCP does not have.
    CHECK(detect(joined({soup('S', m[0]), soup('S', m[1]), soup('?')})) == Wrapping::binaryfile);
    CHECK(detect(joined({soup('S', m[0]), soup('S', Bytes(m[1].begin(), m[1].end() - 1))})) == Wrapping::binaryfile);
    // Too few messages for so much that is none.
    CHECK(detect(joined({m[0], m[1], m[2], Writer().text("????").done()})) == Wrapping::binaryfile);
}

TEST_CASE("short_files_are_recognised_too") {
    const auto detect = [](const Bytes& bytes) { return itch::detect_wrapping(bytes); };
    const auto m = orders(1, 1);
    CHECK(detect(m[0]) == Wrapping::raw);
    CHECK(detect(soup('S', m[0])) == Wrapping::soupbintcp);
    CHECK(detect(joined({soup_login(1), soup('S', m[0])})) == Wrapping::soupbintcp);
    CHECK(detect(pcap({})) == Wrapping::moldudp64);
    CHECK(detect(PcapNg().done()) == Wrapping::moldudp64);
    CHECK(detect(Writer().u16(0).bytes(m[0]).done()) == Wrapping::binaryfile);
    CHECK(detect(Writer().u16(36).bytes(m[0]).done()) == Wrapping::binaryfile);
}
