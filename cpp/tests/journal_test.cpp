// A journal that is cut, damaged, foreign, locked or on a full disk; and its bytes, which are a promise.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__unix__)
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#endif

#include <nanobook/detail/crc32c.hpp>
#include <nanobook/detail/random.hpp>
#include <nanobook/exchange/journal.hpp>

#include "random_events.hpp"
#include "temporary_folder.hpp"

using namespace nanobook;
using nanobook::test::RandomEvents;
using nanobook::test::read_text;
using nanobook::test::TemporaryFolder;
using nanobook::test::write_text;

namespace {

constexpr std::size_t block = 64;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::vector<Event> first(const std::vector<Event>& events, std::size_t count) {
    return {events.begin(), events.begin() + static_cast<std::ptrdiff_t>(count)};
}

void append_all(Journal& journal, const std::vector<Event>& events) {
    for (const Event& event : events) journal.append(event);
}

// A folder with one journal in it, and the bytes of that.
struct Written {
    explicit Written(const std::vector<Event>& events, const EventFileHeader& header = {}) {
        {
            Journal journal = Journal::open(path, {.header = header});
            append_all(journal, events);
        }
        bytes = read_text(path);
    }
    TemporaryFolder folder;
    std::filesystem::path path = folder.path / "day.journal";
    std::string bytes;
};

// What is wrong with the bytes of a journal, empty where nothing is.
std::string fault(const std::string& bytes) {
    try {
        return parse_journal(bytes_of(bytes)).recovery.reason;
    } catch (const JournalError& error) {
        return std::string("error: ") + error.what();
    }
}

std::string open_fault(const std::filesystem::path& path, const JournalOptions& options = {}) {
    try {
        (void)Journal::open(path, options);
        return {};
    } catch (const JournalError& error) {
        return error.what();
    }
}

std::string hex(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        out += {digits[byte >> 4], digits[byte & 15]};
    }
    return out;
}

}  // namespace

// ---- checksum

TEST_CASE("the_checksum_is_crc_32c") {
    CHECK(detail::crc32c(bytes_of("123456789")) == 0xe3069283U);  // the check value of its catalogue entry
    std::string text;
    for (int length = 0; length < 70; ++length) {
        std::uint32_t crc = ~0U;
        for (const char c : text) {
            crc ^= static_cast<unsigned char>(c);
            for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
        }
        CHECK(detail::crc32c(bytes_of(text)) == ~crc);
        text += static_cast<char>(37 * length);
    }
}

// ---- append and read

TEST_CASE("a_journal_reads_back_as_its_header_and_events") {
    // Several windows of the reader, several buffers of the writer.
    const std::vector<Event> events = RandomEvents(1).take(20'000);
    const EventFileHeader header{*Symbol::parse("AAPL"), 7, 4};
    const Written written(events, header);
    CHECK(written.bytes.size() == block * 20'001);
    for (const JournalContents& contents : {read_journal(written.path), parse_journal(bytes_of(written.bytes))}) {
        CHECK(contents.header == header);
        CHECK(contents.events == events);
        CHECK(contents.recovery.events_kept == events.size());
        CHECK(contents.recovery.bytes_cut == 0);
        CHECK(contents.recovery.reason.empty());
    }
}

TEST_CASE("the_bytes_of_a_journal_are_those_of_its_description") {
    // Computed by another program from the layout at the top of journal.hpp.
    const std::vector<Event> events{
        [] {
            Event event = Event::submit_trailing_stop_limit(Side::sell, 7000, 6900, 100, TrailMethod::atr(2, 14),
                                                            TimeInForce::ioc);
            event.symbol = *Symbol::parse("MSFT");
            return event;
        }(),
        Event::execute(std::numeric_limits<OrderId>::max(), 5, 7, Event::own_price, false),
    };
    CHECK(hex(Written(events, {*Symbol::parse("AAPL"), 50, 4}).bytes) ==
          "4e414e4f4a524e4c01000000320000004141504c000000000400000000000000"
          "000000000000000000000000000000000000000000000000000000004c88c859"
          "0100000000000000080101030e000000581b0000000000006400000000000000"
          "f41a00000000000000000000000000404d5346540000000003000000e2108ea1"
          "0200000000000000090000000000000000000000000000800500000000000000"
          "ffffffffffffffff0700000000000000000000000000000001000000f7a6141f");
}

TEST_CASE("a_journal_goes_on_where_it_ended") {
    const std::vector<Event> events = RandomEvents(2).take(3000);
    const TemporaryFolder folder;
    const auto path = folder.path / "day.journal";
    std::size_t at = 0;
    for (const std::size_t step : {0U, 1U, 2U, 997U, 0U, 2000U}) {
        std::vector<Event> seen;
        Journal journal = Journal::open(path, {}, [&](const Event& event) { seen.push_back(event); });
        CHECK(seen == first(events, at));
        CHECK(journal.recovery().events_kept == at);
        CHECK(journal.recovery().reason.empty());
        for (const std::size_t end = at + step; at < end; ++at) journal.append(events[at]);
        CHECK(journal.events() == at);
    }
    CHECK(read_journal(path).events == events);
}

TEST_CASE("events_reach_the_file_when_the_options_say_so") {
    const std::vector<Event> events = RandomEvents(3).take(10);
    const TemporaryFolder folder;
    const auto path = folder.path / "day.journal";
    for (const std::size_t every : {0U, 1U, 3U}) {
        CAPTURE(every);
        std::filesystem::remove(path);
        Journal journal = Journal::open(path, {.flush_every = every});
        CHECK(std::filesystem::file_size(path) == block);
        for (std::size_t n = 1; n <= events.size(); ++n) {
            journal.append(events[n - 1]);
            const std::size_t there = every == 0 ? 0 : n / every * every;
            CHECK(read_journal(path).events == first(events, there));
        }
        journal.flush();
        CHECK(read_journal(path).events == events);
        journal.append(events[0]);
        journal.sync();
        CHECK(read_journal(path).events.size() == events.size() + 1);
    }
}

TEST_CASE("events_do_not_gather_for_ever") {
    const TemporaryFolder folder;
    const auto path = folder.path / "day.journal";
    Journal journal = Journal::open(path);
    for (OrderId id = 0; id < 5000; ++id) journal.append(Event::cancel(id));
    CHECK(read_journal(path).events.size() > 3900);
}

TEST_CASE("an_event_that_an_exchange_would_refuse_is_not_taken") {
    const TemporaryFolder folder;
    const auto path = folder.path / "day.journal";
    {
        Journal journal = Journal::open(path);
        CHECK_THROWS_WITH_AS(journal.append(Event::submit_market(Side::buy, 0)), "quantity is 0; it must be at least 1",
                             std::invalid_argument);
        journal.append(Event::cancel(1));
    }
    CHECK(read_journal(path).events == std::vector{Event::cancel(1)});
}

TEST_CASE("a_journal_that_exists_keeps_its_header") {
    const EventFileHeader header{*Symbol::parse("AAPL"), 7, {}};
    const Written written({Event::cancel(1)}, header);
    CHECK(Journal::open(written.path).header() == header);
    CHECK(Journal::open(written.path, {.header = header}).header() == header);
    CHECK(open_fault(written.path, {.header = EventFileHeader{}}) ==
          written.path.string() +
              ": the journal has AAPL, max_rounds 7, no price scale; wanted was no symbol, max_rounds 100, no price "
              "scale");
    CHECK(read_text(written.path) == written.bytes);
}

TEST_CASE("a_header_that_could_not_be_read_back_creates_no_file") {
    const TemporaryFolder folder;
    CHECK_THROWS_AS((void)Journal::open(folder.path / "x", {.header = EventFileHeader{.price_scale = 19}}),
                    std::invalid_argument);
    CHECK(folder.files() == 0);
}

TEST_CASE("a_journal_can_be_moved") {
    static_assert(!std::is_copy_constructible_v<Journal>);
    const TemporaryFolder folder;
    const auto path = folder.path / "day.journal";
    {
        Journal journal = Journal::open(path);
        journal.append(Event::cancel(1));
        Journal moved = std::move(journal);
        moved.append(Event::cancel(2));
    }
    CHECK(read_journal(path).events == std::vector{Event::cancel(1), Event::cancel(2)});
}

// ---- a torn end

TEST_CASE("a_journal_cut_at_any_byte_of_its_last_records_opens_to_the_last_whole_one_and_goes_on") {
    const std::vector<Event> events = RandomEvents(4).take(8);
    const std::vector<Event> later = RandomEvents(5).take(3);
    const Written written(events);
    for (std::size_t size = 5 * block + block; size <= written.bytes.size(); ++size) {
        CAPTURE(size);
        const std::size_t kept = size / block - 1;
        const std::size_t torn = size % block;
        const std::string reason =
            torn == 0 ? ""
                      : "record " + std::to_string(kept + 1) + " at byte " + std::to_string(size - torn) +
                            " is cut off: " + std::to_string(torn) + " of its 64 bytes are there";
        const auto check = [&](const Recovery& recovery) {
            CHECK(recovery.events_kept == kept);
            CHECK(recovery.bytes_cut == torn);
            CHECK(recovery.reason == reason);
        };
        write_text(written.path, written.bytes.substr(0, size));
        const JournalContents contents = read_journal(written.path);
        check(contents.recovery);
        CHECK(contents.events == first(events, kept));
        {
            Journal journal = Journal::open(written.path);
            check(journal.recovery());
            CHECK(std::filesystem::file_size(written.path) == size - torn);
            append_all(journal, later);
        }
        std::vector<Event> expected = first(events, kept);
        expected.insert(expected.end(), later.begin(), later.end());
        const JournalContents after = read_journal(written.path);
        CHECK(after.events == expected);
        CHECK(after.recovery.reason.empty());
    }
}

TEST_CASE("an_end_of_zeros_or_of_noise_is_cut_off") {
    // What a power cut leaves where the size of a file was written and its data was not.
    const std::vector<Event> events = RandomEvents(6).take(8);
    const Written written(events);
    detail::Random random(1);
    for (std::size_t size = 6 * block; size <= written.bytes.size(); ++size) {
        const std::size_t kept = size / block - 1;
        for (const bool zeros : {true, false}) {
            std::string bytes = written.bytes.substr(0, size);
            for (std::size_t n = 1 + random.below(200); n > 0; --n) {
                bytes += static_cast<char>(zeros ? 0 : random.below(256));
            }
            CAPTURE(size);
            CAPTURE(zeros);
            const JournalContents contents = parse_journal(bytes_of(bytes));
            CHECK(contents.events == first(events, kept));
            CHECK(contents.recovery.bytes_cut == bytes.size() - (kept + 1) * block);
        }
    }
}

TEST_CASE("a_header_that_was_cut_off_is_written_again") {
    const Written written({});
    for (std::size_t size = 0; size < block; ++size) {
        CAPTURE(size);
        write_text(written.path, written.bytes.substr(0, size));
        if (size > 0 && size < 8) {
            // It could be anybody's file.
            CHECK(open_fault(written.path) == written.path.string() + ": this is no journal; it is left as it is");
            CHECK(read_text(written.path) == written.bytes.substr(0, size));
            continue;
        }
        CHECK(read_journal(written.path).recovery.bytes_cut == size);
        const Recovery recovery = Journal::open(written.path).recovery();
        CHECK(recovery.events_kept == 0);
        CHECK(recovery.bytes_cut == size);
        CHECK(recovery.reason ==
              (size == 0 ? "" : "the header is cut off: " + std::to_string(size) + " of its 64 bytes are there"));
        CHECK(read_text(written.path) == written.bytes);
    }
}

// ---- damage

TEST_CASE("any_bit_that_flips_is_found") {
    const std::vector<Event> events = RandomEvents(7).take(6);
    const Written written(events);
    for (std::size_t bit = 0; bit < 8 * written.bytes.size(); ++bit) {
        std::string bytes = written.bytes;
        bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
        const std::size_t at = bit / 8 / block;
        CAPTURE(bit);
        const std::string wrong = fault(bytes);
        if (at == 0) {
            CHECK(wrong ==
                  (bit / 8 < 8 ? "error: this is no journal; it is left as it is" : "error: the header is damaged"));
            continue;
        }
        const std::string record =
            "record " + std::to_string(at) + " at byte " + std::to_string(at * block) + " does not match its checksum";
        const bool is_last = at == events.size();
        // A bit of a checksum spoils the next record too; then nothing whole follows the last but one.
        const bool nothing_follows = is_last || (at + 1 == events.size() && bit / 8 % block >= 60);
        CHECK(wrong.find((nothing_follows ? "" : "error: ") + record) == 0);
        const JournalContents contents = parse_journal(bytes_of(bytes), true);
        CHECK(contents.events == first(events, at - 1));
        CHECK(contents.recovery.bytes_cut == bytes.size() - at * block);
    }
}

TEST_CASE("damage_before_whole_records_is_an_error_until_it_is_allowed") {
    const std::vector<Event> events = RandomEvents(8).take(10);
    const Written written(events);
    std::string damaged = written.bytes;
    damaged[3 * block + 20] ^= 1;
    write_text(written.path, damaged);
    const std::string reason =
        "record 3 at byte 192 does not match its checksum, yet a whole record stands at byte 256: this is no torn end. "
        "512 bytes follow record 2";
    const std::string error = written.path.string() + ": " + reason + "; repair drops them";
    CHECK(open_fault(written.path) == error);
    CHECK_THROWS_WITH_AS((void)read_journal(written.path), error.c_str(), JournalError);
    CHECK(read_text(written.path) == damaged);

    CHECK(read_journal(written.path, true).recovery.reason == reason);
    {
        Journal journal = Journal::open(written.path, {.repair = true});
        CHECK(journal.recovery().events_kept == 2);
        CHECK(journal.recovery().bytes_cut == 512);
        CHECK(journal.recovery().reason == reason);
        append_all(journal, events);
    }
    std::vector<Event> expected = first(events, 2);
    expected.insert(expected.end(), events.begin(), events.end());
    CHECK(read_journal(written.path).events == expected);
}

TEST_CASE("damage_is_found_and_whole_records_behind_it_far_into_a_file") {
    const std::vector<Event> events = RandomEvents(9).take(20'000);
    const Written written(events);
    std::string bytes = written.bytes;
    std::fill(bytes.begin() + 9000 * block, bytes.begin() + 19'000 * block, '\0');
    write_text(written.path, bytes);
    CHECK(open_fault(written.path)
              .find("record 9000 at byte 576000 does not match its checksum, yet a whole record "
                    "stands at byte 1216064") != std::string::npos);
    CHECK(read_journal(written.path, true).events == first(events, 8999));
}

TEST_CASE("records_that_are_repeated_lost_exchanged_or_shifted_are_found") {
    const std::vector<Event> events = RandomEvents(10).take(6);
    const Written written(events);
    const auto record = [&](std::size_t number) { return written.bytes.substr(number * block, block); };
    const auto with = [&](std::size_t from, std::size_t to, const std::string& instead) {
        return written.bytes.substr(0, from) + instead + written.bytes.substr(to);
    };
    const std::string at_3 = "error: record 3 at byte 192 does not match its checksum, yet a whole record stands";
    CHECK(fault(with(3 * block, 3 * block, record(2))).find(at_3) == 0);
    CHECK(fault(with(3 * block, 4 * block, "")).find(at_3) == 0);
    CHECK(fault(with(3 * block, 5 * block, record(4) + record(3))).find(at_3) == 0);
    CHECK(fault(with(3 * block + 5, 3 * block + 5, "x")).find(at_3) == 0);
    CHECK(fault(with(3 * block + 5, 3 * block + 6, "")).find(at_3) == 0);
    // At the end of the file nothing whole follows.
    CHECK(fault(written.bytes + record(6)) == "record 7 at byte 448 does not match its checksum");
}

TEST_CASE("records_of_another_journal_do_not_follow") {
    // The end of a longer file may come to light again behind a shorter one.
    std::vector<Event> events = RandomEvents(11).take(6);
    const Written written(events);
    events[1] = Event::cancel(12345);
    const Written other(events);
    const std::string mixed = written.bytes.substr(0, 3 * block) + other.bytes.substr(3 * block);
    CHECK(fault(mixed).find("error: record 3 at byte 192 does not match its checksum") == 0);
    CHECK(fault(mixed.substr(0, 4 * block)) == "record 3 at byte 192 does not match its checksum");
}

TEST_CASE("a_record_with_a_right_checksum_and_no_event_in_it_is_found") {
    const Written written({Event::cancel(1), Event::cancel(2)});
    const auto forged = [&](std::size_t offset, char value) {
        std::string bytes = written.bytes;
        const auto record = std::as_writable_bytes(std::span(bytes)).subspan(2 * block);
        record[offset] = static_cast<std::byte>(value);
        detail::store_little_endian(record.data() + 60, detail::record_checksum(record.data()));
        return fault(bytes);
    };
    const std::string start = "error: record 2 at byte 128 ";
    CHECK(forged(0, 7).find(start + "has the number 7, yet a whole record stands at byte 128") == 0);
    CHECK(forged(8, 1).find(start + "holds no event: quantity is 0") == 0);
    CHECK(forged(8, 11).find(start + "holds no event: the kind is none") == 0);
    CHECK(forged(9, 2).find(start + "holds no event: the side is neither") == 0);
    CHECK(forged(10, 3).find(start + "holds no event: the time in force is none") == 0);
    CHECK(forged(11, 4).find(start + "holds no event of this version") == 0);
    CHECK(forged(11, 16).find(start + "holds no event of this version") == 0);
    CHECK(forged(48, '\n').find(start + "holds no event: the symbol is not") == 0);
    CHECK(forged(56, 4) == "record 2 at byte 128 holds no event of this version");
}

TEST_CASE("a_header_of_a_newer_version_is_told_from_a_damaged_one") {
    const Written written({Event::cancel(1)});
    const auto forged = [&](std::size_t offset, char value) {
        std::string bytes = written.bytes;
        const auto header = std::as_writable_bytes(std::span(bytes)).first<block>();
        header[offset] = static_cast<std::byte>(value);
        detail::store_little_endian(header.data() + 60, detail::header_checksum(header));
        return fault(bytes);
    };
    CHECK(forged(8, 2) == "error: the journal is of version 2; this nanobook knows version 1");
    CHECK(forged(16, '\n') == "error: the header is damaged");
    CHECK(forged(24, 19) == "error: the header is damaged");
    CHECK(forged(28, 1) == "error: the header is damaged");
    CHECK(forged(59, 1) == "error: the header is damaged");
}

TEST_CASE("a_damaged_header_is_never_written_over") {
    const Written written({Event::cancel(1)});
    std::string bytes = written.bytes;
    bytes[20] ^= 1;
    write_text(written.path, bytes);
    CHECK(open_fault(written.path, {.repair = true}) == written.path.string() + ": the header is damaged");
    CHECK(read_text(written.path) == bytes);
}

// ---- other files, other writers

TEST_CASE("a_file_of_another_kind_is_left_as_it_is") {
    const TemporaryFolder folder;
    const auto path = folder.path / "notes.txt";
    for (const std::string& text : {std::string("x"), std::string("dear diary"), std::string(1000, '\0')}) {
        write_text(path, text);
        CHECK(open_fault(path, {.repair = true}) == path.string() + ": this is no journal; it is left as it is");
        CHECK_THROWS_AS((void)read_journal(path, true), JournalError);
        CHECK(read_text(path) == text);
    }
}

TEST_CASE("two_journals_cannot_have_one_file_open") {
    const TemporaryFolder folder;
    const auto path = folder.path / "day.journal";
    {
        Journal journal = Journal::open(path);
        CHECK(open_fault(path) == path.string() + ": another Journal has it open");
        journal.append(Event::cancel(1));
        journal.flush();
        CHECK(read_journal(path).events.size() == 1);
    }
    CHECK(open_fault(path) == "");
}

TEST_CASE("a_file_that_cannot_be_opened_is_an_error_that_names_it") {
    const TemporaryFolder folder;
    const auto check = [](const std::filesystem::path& path, std::errc code, auto&& open) {
        try {
            open(path);
            FAIL("no error");
        } catch (const std::system_error& error) {
            CHECK(error.code() == code);
            CHECK(std::string(error.what()).find(path.string()) != std::string::npos);
        }
    };
    const auto write = [](const auto& path) { (void)Journal::open(path); };
    const auto read = [](const auto& path) { (void)read_journal(path); };
    check(folder.path / "no" / "such", std::errc::no_such_file_or_directory, write);
    check(folder.path / "missing", std::errc::no_such_file_or_directory, read);
#if defined(__unix__)
    check(folder.path, std::errc::is_a_directory, write);
    check(folder.path, std::errc::is_a_directory, read);
    const auto pipe = folder.path / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    check(pipe, std::errc::invalid_argument, write);
    check(pipe, std::errc::invalid_argument, read);
#endif
}

#if defined(__unix__)

namespace {

// Files of this process end at `size` bytes, as if the disk were full there: a write across it is cut short.
class FullDisk {
  public:
    explicit FullDisk(std::size_t size) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        handler_ = std::signal(SIGXFSZ, SIG_IGN);
        rlimit limit = before_;
        limit.rlim_cur = size;
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
    }
    FullDisk(const FullDisk&) = delete;
    FullDisk& operator=(const FullDisk&) = delete;
    ~FullDisk() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        (void)std::signal(SIGXFSZ, handler_);
    }

  private:
    rlimit before_{};
    void (*handler_)(int) = nullptr;
};

}  // namespace

TEST_CASE("an_append_that_fails_leaves_no_half_record_and_is_not_in_the_journal") {
    const std::vector<Event> events = RandomEvents(12).take(10);
    const TemporaryFolder folder;
    const auto path = folder.path / "day.journal";
    for (const std::size_t every : {1U, 2U}) {
        CAPTURE(every);
        std::filesystem::remove(path);
        std::vector<Event> taken;
        {
            Journal journal = Journal::open(path, {.flush_every = every});
            {
                const FullDisk full(4 * block + 10);
                for (const Event& event : events) {
                    try {
                        journal.append(event);
                        taken.push_back(event);
                    } catch (const std::system_error& error) {
                        CHECK(error.code() == std::errc::file_too_large);
                        CHECK(std::string(error.what()).find(path.string()) != std::string::npos);
                        CHECK(std::filesystem::file_size(path) % block == 0);
                    }
                }
            }
            CHECK(taken.size() < events.size());
            CHECK(journal.events() == taken.size());
            // Room again.
            for (const Event& event : events) {
                journal.append(event);
                taken.push_back(event);
            }
        }
        const JournalContents contents = read_journal(path);
        CHECK(contents.events == taken);
        CHECK(contents.recovery.reason.empty());
    }
}

TEST_CASE("a_flush_that_fails_keeps_the_events_for_the_next") {
    const std::vector<Event> events = RandomEvents(13).take(100);
    const TemporaryFolder folder;
    const auto path = folder.path / "day.journal";
    Journal journal = Journal::open(path);
    append_all(journal, events);
    {
        const FullDisk full(50 * block + 1);
        CHECK_THROWS_AS(journal.flush(), std::system_error);
        CHECK(std::filesystem::file_size(path) == block);
    }
    journal.flush();
    CHECK(read_journal(path).events == events);
}

TEST_CASE("a_full_disk_under_a_new_journal_leaves_an_empty_file") {
    const TemporaryFolder folder;
    const auto path = folder.path / "day.journal";
    {
        const FullDisk full(10);
        CHECK_THROWS_AS((void)Journal::open(path), std::system_error);
    }
    CHECK(std::filesystem::file_size(path) == 0);
    CHECK(open_fault(path) == "");
}

TEST_CASE("a_process_that_is_killed_leaves_a_journal_that_goes_on") {
    const TemporaryFolder folder;
    const auto path = folder.path / "day.journal";
    const std::vector<Event> events = RandomEvents(14).take(1000);
    std::size_t kept = 0;
    for (int round = 0; round < 5; ++round) {
        const ::pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            try {
                Journal journal = Journal::open(path, {.flush_every = 3});
                for (std::size_t i = journal.events();; ++i) journal.append(events[i % events.size()]);
            } catch (...) {
                ::_exit(1);
            }
        }
        const auto grown = [&] {
            std::error_code missing;
            const auto size = std::filesystem::file_size(path, missing);
            return !missing && size > (kept + 1000) * block;
        };
        while (!grown()) {
            REQUIRE(::waitpid(child, nullptr, WNOHANG) == 0);
            ::usleep(100);
        }
        // Alive, it has the lock: of another process this time.
        CHECK(open_fault(path) == path.string() + ": another Journal has it open");
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        std::size_t seen = 0;
        bool same = true;
        const Journal journal = Journal::open(
            path, {}, [&](const Event& event) { same = same && event == events[seen++ % events.size()]; });
        CHECK(same);
        CHECK(journal.recovery().events_kept == seen);
        CHECK(seen > kept);
        kept = seen;
    }
}

#endif
