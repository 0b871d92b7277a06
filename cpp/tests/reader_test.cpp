// From bytes to messages: framing, chunks, and everything odd about a stream; and the file the bytes come from.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <unistd.h>
#endif

#include <nanobook/detail/random.hpp>
#include <nanobook/itch/mapped_file.hpp>
#include <nanobook/itch/reader.hpp>

#include "itch_stream.hpp"

using namespace nanobook;
using namespace nanobook::itch;
using nanobook::test::Bytes;
using nanobook::test::Stream;
using nanobook::test::summary;

namespace {

constexpr std::size_t everything = std::numeric_limits<std::size_t>::max();

struct Seen {
    std::uint64_t offset;
    std::string payload;
    bool operator==(const Seen&) const = default;
};

// What comes out of a reader: messages with their offsets, and the report.
struct Outcome {
    std::vector<Seen> messages;
    std::string report;
    bool operator==(const Outcome&) const = default;
};

// Feeds the pieces into which `cuts` divides the bytes. The sink stops after `wanted` messages.
Outcome read_in_pieces(std::span<const std::byte> bytes, const std::vector<std::size_t>& cuts,
                       Reader::Options options = {}, std::size_t wanted = everything) {
    Reader reader(options);
    Outcome outcome;
    const auto sink = [&](const Batch& batch) {
        std::size_t taken = 0;
        for (const Header* message : batch.messages) {
            if (outcome.messages.size() == wanted) break;
            const std::size_t length = length_of_type[static_cast<unsigned char>(message->type)];
            outcome.messages.push_back(
                {batch.offset_of(*message), std::string(reinterpret_cast<const char*>(message), length)});
            ++taken;
        }
        return taken;
    };
    std::size_t begin = 0;
    for (const std::size_t cut : cuts) {
        // A copy of just these bytes, so that a read past them is seen.
        const Bytes piece(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                          bytes.begin() + static_cast<std::ptrdiff_t>(cut));
        reader.feed(piece, sink);
        begin = cut;
    }
    const Bytes piece(bytes.begin() + static_cast<std::ptrdiff_t>(begin), bytes.end());
    reader.feed(piece, sink);
    reader.finish();
    outcome.report = summary(reader);
    return outcome;
}

Outcome read_whole(std::span<const std::byte> bytes, Reader::Options options = {}, std::size_t wanted = everything) {
    return read_in_pieces(bytes, {}, options, wanted);
}

std::vector<std::size_t> every(std::size_t step, std::size_t size) {
    std::vector<std::size_t> cuts;
    for (std::size_t cut = step; cut < size; cut += step) cuts.push_back(cut);
    return cuts;
}

// Cut once at every position, twice around pieces of a few lengths, and into equal pieces of every length.
void check_chunks(std::span<const std::byte> bytes, Reader::Options options = {}) {
    const Outcome whole = read_whole(bytes, options);
    CAPTURE(bytes.size());
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        CAPTURE(cut);
        const Outcome pieces = read_in_pieces(bytes, {cut}, options);
        CHECK(pieces.report == whole.report);
        REQUIRE(pieces.messages == whole.messages);
        for (const std::size_t length : {0U, 1U, 2U, 3U, 4U, 20U, 40U}) {
            const std::size_t next = std::min(bytes.size(), cut + length);
            CAPTURE(next);
            REQUIRE(read_in_pieces(bytes, {cut, next}, options).report == whole.report);
        }
    }
    for (std::size_t step = 1; step <= bytes.size(); ++step) {
        CAPTURE(step);
        const Outcome pieces = read_in_pieces(bytes, every(step, bytes.size()), options);
        CHECK(pieces.report == whole.report);
        REQUIRE(pieces.messages == whole.messages);
    }
}

Bytes operator+(Bytes left, std::string_view right) {
    for (const char c : right) left.push_back(static_cast<std::byte>(c));
    return left;
}

Stream small_stream(Framing framing = Framing::length) {
    Stream stream(framing);
    stream.event('O').directory("AAPL").add(1, 'B', 100, 15'000).execute(1, 100, 7).event('C');
    return stream;
}

std::string types(const Outcome& outcome) {
    std::string types;
    for (const Seen& seen : outcome.messages) types += seen.payload[0];
    return types;
}

std::filesystem::path scratch(const std::string& name) {
    return std::filesystem::temp_directory_path() / ("nanobook_reader_test_" + name);
}

}  // namespace

// ---- framing

TEST_CASE("prefixed_messages_come_in_order_with_the_offset_of_their_frame") {
    const Stream stream = small_stream();
    const Outcome outcome = read_whole(stream);
    CHECK(types(outcome) == "SRAES");
    std::uint64_t offset = 0;
    for (const Seen& seen : outcome.messages) {
        CHECK(seen.offset == offset);
        offset += 2 + seen.payload.size();
    }
    CHECK(offset == stream.size());
    CHECK(outcome.report == "messages 5: A1 E1 R1 S2");
}

TEST_CASE("zero_prefixed_messages_have_the_length_of_their_type") {
    const Outcome zero = read_whole(small_stream(Framing::zero));
    CHECK(zero.messages == read_whole(small_stream()).messages);
    CHECK(zero.report == "messages 5: A1 E1 R1 S2, zero prefixed");
}

TEST_CASE("every_type_is_handed_out") {
    Stream stream;
    std::string expected;
    AllMessages::for_each([&]<class Message>() {
        stream.write(Message{}, 1);
        expected += Message::code;
    });
    CHECK(types(read_whole(stream)) == expected);
}

TEST_CASE("no_bytes_are_no_messages_and_nothing_odd") {
    CHECK(read_whole({}).report == "messages 0:");
    CHECK(read_in_pieces({}, {0, 0}).report == "messages 0:");
}

TEST_CASE("more_messages_than_a_batch_come_all") {
    Stream stream;
    for (std::uint64_t ref = 0; ref < 2000; ++ref) stream.add(ref, 'B', 1, 1);
    const Outcome outcome = read_whole(stream);
    REQUIRE(outcome.messages.size() == 2000);
    for (std::size_t i = 0; i < 2000; ++i) REQUIRE(outcome.messages[i].offset == 38 * i);
}

TEST_CASE("length_zero_ends_the_session") {
    Stream stream = small_stream();
    stream.end_of_session();
    CHECK(read_whole(stream).report == "messages 5: A1 E1 R1 S2, end of session");
}

TEST_CASE("bytes_after_the_end_of_the_session_are_counted_and_not_read") {
    Stream stream = small_stream();
    stream.end_of_session();
    const std::size_t end = stream.size();
    stream.add(2, 'B', 1, 1).add(3, 'B', 1, 1);
    CHECK(read_whole(stream).report == "messages 5: A1 E1 R1 S2, trailing_bytes of type 0 1, first trailing_bytes at " +
                                           std::to_string(end) + " number 76, end of session");
}

TEST_CASE("an_unknown_type_is_skipped_by_its_length") {
    Stream stream = small_stream();
    const std::size_t at = stream.size();
    stream.payload('z', 300).event('E');
    const Outcome outcome = read_whole(stream);
    CHECK(types(outcome) == "SRAESS");
    CHECK(outcome.report == "messages 6: A1 E1 R1 S3, unknown_type of type 122 1, first unknown_type at " +
                                std::to_string(at) + " number 300");
}

TEST_CASE("the_longest_payload_of_an_unknown_type_is_skipped") {
    Stream stream;
    stream.event('O').payload('z', 0xffff).event('C');
    CHECK(types(read_whole(stream)) == "SS");
    CHECK(read_in_pieces(stream, every(1000, stream.size())) == read_whole(stream));
}

TEST_CASE("a_payload_of_one_byte_is_skipped") {
    Stream stream;
    stream.event('O').payload('z', 1).payload('A', 1).event('C');
    const Outcome outcome = read_whole(stream);
    CHECK(types(outcome) == "SS");
    CHECK(outcome.report.find("wrong_length of type 65 1") != std::string::npos);
    CHECK(outcome.report.find("unknown_type of type 122 1") != std::string::npos);
}

TEST_CASE("a_known_type_of_another_length_is_skipped") {
    for (const std::size_t length : {35U, 37U}) {
        Stream stream = small_stream();
        const std::size_t at = stream.size();
        stream.payload('A', length).event('E');
        const Outcome outcome = read_whole(stream);
        CHECK(types(outcome) == "SRAESS");
        CHECK(outcome.report == "messages 6: A1 E1 R1 S3, wrong_length of type 65 1, first wrong_length at " +
                                    std::to_string(at) + " number " + std::to_string(length));
    }
}

TEST_CASE("an_unknown_type_ends_a_zero_prefixed_stream") {
    // Nobody can tell how long it is.
    Bytes bytes = small_stream(Framing::zero).copy();
    const std::size_t at = bytes.size();
    bytes = bytes + std::string_view("\0\0zzzz", 6);
    const std::string report = read_whole(bytes).report;
    CHECK(report.find("unknown_type of type 122 1, trailing_bytes of type 0 1, first unknown_type at " +
                      std::to_string(at)) != std::string::npos);
}

TEST_CASE("a_lone_length_zero_in_a_prefixed_stream_is_not_taken_for_zero_prefixes") {
    Stream stream;
    stream.event('O').end_of_session().event('C');
    CHECK(read_whole(stream).report.find("messages 1: S1, trailing_bytes") == 0);
}

// ---- truncated tails

TEST_CASE("a_cut_stream_reports_where_its_last_message_begins") {
    const Stream stream = small_stream();
    const Outcome whole = read_whole(stream);
    std::vector<std::uint64_t> frames{stream.size()};
    for (const Seen& seen : whole.messages) frames.push_back(seen.offset);
    std::sort(frames.begin(), frames.end());
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        CAPTURE(cut);
        const auto next = std::upper_bound(frames.begin(), frames.end(), cut);
        const std::uint64_t frame = *(next - 1);
        const auto complete = static_cast<std::size_t>(next - frames.begin()) - 1;

        Reader reader;
        reader.feed(stream.bytes().first(cut), [](const Batch& batch) { return batch.messages.size(); });
        reader.finish();
        CHECK(reader.messages() == complete);
        CHECK(reader.report().count(Oddity::truncated_tail) == (cut == frame ? 0 : 1));
        if (cut == frame) {
            CHECK_FALSE(reader.report().truncated_at());
        } else {
            CHECK(reader.report().truncated_at() == frame);
            CHECK(reader.report().first()->number == cut - frame);
        }
    }
}

TEST_CASE("finish_reports_once") {
    Stream stream = small_stream();
    stream.end_of_session().event('C');
    Reader reader;
    reader.feed(stream, [](const Batch& batch) { return batch.messages.size(); });
    reader.finish();
    const std::string once = summary(reader);
    reader.finish();
    CHECK(summary(reader) == once);
}

TEST_CASE("nothing_is_read_after_finish") {
    const Stream stream = small_stream();
    Reader reader;
    reader.finish();
    CHECK_FALSE(reader.feed(stream, [](const Batch& batch) { return batch.messages.size(); }));
    CHECK(reader.messages() == 0);
}

// ---- chunks

TEST_CASE("chunks_of_one_byte_give_the_same_messages") {
    const Stream stream = small_stream();
    CHECK(read_in_pieces(stream, every(1, stream.size())) == read_whole(stream));
}

TEST_CASE("an_empty_chunk_loses_nothing") {
    const Stream stream = small_stream();
    CHECK(read_in_pieces(stream, {20, 20, 20, 21, 21}) == read_whole(stream));
}

TEST_CASE("chunks_cut_anywhere_give_the_same_as_one_piece") {
    check_chunks(small_stream());
    check_chunks(small_stream(Framing::zero));
}

TEST_CASE("chunks_of_a_malformed_stream_give_the_same_as_one_piece") {
    Stream odd;
    odd.event('O').payload('z', 5).payload('A', 3).event('Q').payload('S', 1).payload('z', 70).add(1, 'B', 1, 1);
    check_chunks(odd);
    check_chunks(odd.bytes().first(odd.size() - 1));
    check_chunks(odd, {.strict = true});
}

TEST_CASE("chunks_around_the_end_of_the_session_give_the_same_as_one_piece") {
    Stream ended;
    ended.event('O').end_of_session();
    for (const std::string_view tail : {"", "A", "Axyz", "zxyz", "\x01\x02\x03\x04\x05"}) {
        CAPTURE(tail);
        check_chunks(ended.copy() + tail);
        check_chunks(ended.copy() + tail, {.strict = true});
    }
    ended.event('C').event('C').event('C').event('C');
    check_chunks(ended);
}

TEST_CASE("chunks_of_a_stream_that_begins_with_length_zero_give_the_same_as_one_piece") {
    using namespace std::string_view_literals;
    for (const std::string_view bytes : {"\0"sv, "\0\0"sv, "\0\0S"sv, "\0\0Sabc"sv, "\0\0z"sv, "\0\0zabc"sv}) {
        check_chunks(Bytes{} + bytes);
    }
}

TEST_CASE("chunks_of_a_zero_prefixed_stream_with_an_unknown_type_give_the_same_as_one_piece") {
    check_chunks(small_stream(Framing::zero).copy() + std::string_view("\0\0zzzzzzzz", 10));
}

TEST_CASE("chunks_of_noise_give_the_same_as_one_piece") {
    detail::Random random(23);
    const std::string_view likely("\0\0\0\0SAEDXz\x0c\x13\x24", 13);
    for (int round = 0; round < 3000; ++round) {
        Bytes noise(random.below(80));
        for (std::byte& byte : noise) {
            byte = static_cast<std::byte>(random.once_in(6) ? random.below(256)
                                                            : static_cast<unsigned char>(likely[random.below(13)]));
        }
        const Reader::Options options{.strict = random.once_in(3)};
        std::vector<std::size_t> cuts;
        for (std::size_t cut = 0; (cut += random.below(9)) < noise.size();) cuts.push_back(cut);
        CAPTURE(round);
        const Outcome whole = read_whole(noise, options);
        const Outcome pieces = read_in_pieces(noise, cuts, options);
        CHECK(pieces.report == whole.report);
        REQUIRE(pieces.messages == whole.messages);
    }
}

// ---- strict and stops

TEST_CASE("strict_stops_at_the_first_odd_thing_after_the_messages_before_it") {
    Stream stream = small_stream();
    stream.payload('z', 30).event('E').payload('y', 30);
    const Outcome outcome = read_whole(stream, {.strict = true});
    CHECK(types(outcome) == "SRAES");
    CHECK(outcome.report.find("unknown_type of type 122 1, first unknown_type") != std::string::npos);
    CHECK(outcome.report.find("of type 121") == std::string::npos);
}

TEST_CASE("a_strict_feed_says_that_it_stopped") {
    Stream stream = small_stream();
    stream.payload('z', 30);
    Reader reader({.strict = true});
    CHECK_FALSE(reader.feed(stream, [](const Batch& batch) { return batch.messages.size(); }));
    CHECK_FALSE(reader.feed(small_stream(), [](const Batch& batch) { return batch.messages.size(); }));
    CHECK(reader.messages() == 5);
}

TEST_CASE("a_strict_reader_stops_where_the_taker_notes_something_odd_in_the_last_message_of_a_batch") {
    Reader reader({.strict = true});
    const auto sink = [&](const Batch& batch) {
        reader.note(Oddity::unknown_reference, batch.messages.back()->type, 0, 1);
        return batch.messages.size();
    };
    CHECK_FALSE(reader.feed(small_stream(), sink));
    CHECK_FALSE(reader.feed(small_stream(), sink));
    CHECK(reader.messages() == 5);
}

TEST_CASE("a_lenient_reader_goes_on") {
    Reader reader;
    CHECK(reader.note(Oddity::unknown_reference, 'E', 0, 1));
    CHECK(reader.feed(small_stream(), [](const Batch& batch) { return batch.messages.size(); }));
    CHECK(reader.messages() == 5);
}

TEST_CASE("a_sink_that_stops_gets_no_more_and_counts_only_what_it_took") {
    const Stream stream = small_stream();
    const Outcome whole = read_whole(stream);
    for (std::size_t wanted = 0; wanted < whole.messages.size(); ++wanted) {
        CAPTURE(wanted);
        std::vector<Seen> expected(whole.messages.begin(),
                                   whole.messages.begin() + static_cast<std::ptrdiff_t>(wanted));
        const Outcome outcome = read_whole(stream, {}, wanted);
        CHECK(outcome.messages == expected);
        CHECK(outcome.report.find("messages " + std::to_string(wanted) + ":") == 0);
        CHECK(outcome == read_in_pieces(stream, every(7, stream.size()), {}, wanted));
    }
}

TEST_CASE("a_sink_that_stops_hides_what_is_odd_further_on") {
    Stream stream = small_stream();
    stream.payload('z', 9);
    CHECK(read_whole(stream, {}, 4).report == "messages 4: A1 E1 R1 S1");
}

// ---- report

TEST_CASE("the_sentence_of_a_finding_names_its_place_and_number") {
    for (std::size_t i = 0; i < oddity_count; ++i) {
        const std::string sentence = describe({static_cast<Oddity>(i), 'E', 1234, 42});
        CAPTURE(sentence);
        CHECK(sentence.find("1234") != std::string::npos);
        CHECK(sentence.find("42") != std::string::npos);
    }
    CHECK(describe({Oddity::unknown_reference, 'E', 1234, 42}).find("type E") != std::string::npos);
    CHECK(describe({Oddity::unknown_type, '\xff', 0, 3}).find("type 255") != std::string::npos);
}

TEST_CASE("read_hands_each_message_to_the_visitor_of_its_type") {
    struct Visitor {
        std::uint64_t shares = 0;
        std::uint64_t others = 0;
        void operator()(const AddOrder& m) { shares += m.shares; }
        void operator()(const Header&) { ++others; }
    } visitor;
    const Reader reader = read(small_stream(), visitor);
    CHECK(reader.messages() == 5);
    CHECK(visitor.shares == 100);
    CHECK(visitor.others == 4);
}

// ---- mapped file

TEST_CASE("a_mapped_file_holds_the_bytes_of_the_file") {
    const auto path = scratch("bytes");
    std::ofstream(path, std::ios::binary) << "abc";
    {
        MappedFile file(path);
        CHECK(file.bytes().size() == 3);
        CHECK(file.bytes()[2] == std::byte{'c'});
        MappedFile moved = std::move(file);
        CHECK(moved.bytes().size() == 3);
        CHECK(file.bytes().empty());  // NOLINT(bugprone-use-after-move)
    }
    std::filesystem::remove(path);
}

TEST_CASE("an_empty_file_has_no_bytes") {
    const auto path = scratch("empty");
    std::ofstream(path, std::ios::binary).flush();
    CHECK(MappedFile(path).bytes().empty());
    std::filesystem::remove(path);
}

TEST_CASE("a_missing_file_is_an_error_that_names_it") {
    const auto path = scratch("missing");
    try {
        const MappedFile file(path);
        FAIL("no error");
    } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::no_such_file_or_directory);
        CHECK(std::string(error.what()).find(path.string()) != std::string::npos);
    }
}

TEST_CASE("a_directory_is_an_error_that_names_it") {
    const auto path = std::filesystem::temp_directory_path();
    try {
        const MappedFile file(path);
        FAIL("no error");
    } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::is_a_directory);
        CHECK(std::string(error.what()).find(path.string()) != std::string::npos);
    }
}

TEST_CASE("a_file_below_a_file_is_an_error_that_names_it") {
    const auto path = scratch("file");
    std::ofstream(path, std::ios::binary) << "abc";
    CHECK_THROWS_AS(MappedFile(path / "below"), std::system_error);
    std::filesystem::remove(path);
}

#if defined(__linux__)
TEST_CASE("a_pipe_is_read_to_its_end") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    REQUIRE(::write(ends[1], "abc", 3) == 3);
    ::close(ends[1]);
    CHECK(MappedFile("/dev/fd/" + std::to_string(ends[0])).bytes().size() == 3);
    ::close(ends[0]);
}
#endif
