// A journal: events appended to a file while an exchange is live, each with a checksum, so that after a crash all that
// was written whole is there, and nothing else is taken for it.
//
// A file is a header of 64 bytes, then records of 64 bytes, all integers little-endian:
//
//     header   0 magic "NANOJRNL"    8 version u32   12 max_rounds u32   16 symbol, 8 bytes, zeros after it
//             24 price scale u32, all ones where nobody said             28 zeros                60 checksum u32
//     record   0 number u64, from 1  8 kind, side, time in force, trail kind, a byte each        12 trail period u32
//             16 price i64          24 quantity u64  32 reference u64    40 value u64            48 symbol
//             56 flags u32: 1 matching, 2 printable                                              60 checksum u32
//
// A checksum is the CRC-32C of all 60 bytes before it; that of a record covers also the 4 bytes before the record,
// which are the checksum before it. So a record vouches for its place: one that is repeated, moved, or left over from
// another file does not follow the one before it.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/detail/crc32c.hpp>
#include <nanobook/detail/file.hpp>
#include <nanobook/detail/little_endian.hpp>
#include <nanobook/exchange/event.hpp>
#include <nanobook/exchange/event_file.hpp>

namespace nanobook {

/// A file that is no journal, a journal that is damaged, or one that somebody else has open.
class JournalError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// What was found in a journal.
struct Recovery {
    std::uint64_t events_kept = 0;
    std::uint64_t bytes_cut = 0;  ///< after the last whole record
    std::string reason;           ///< of the cut; empty where there was none
};

struct JournalContents {
    EventFileHeader header;
    std::vector<Event> events;
    Recovery recovery;  ///< what opening it would cut
};

struct JournalOptions {
    /// Of a new journal. One that exists must have the same, or this be none.
    std::optional<EventFileHeader> header = {};
    /// Hand the events to the system after so many: 1 loses none when the process dies, 0 waits until about a thousand
    /// have gathered. What is handed over survives the process, not a power cut: `sync` is for that.
    std::size_t flush_every = 0;
    /// Where whole records follow damaged ones, drop them all, for good, instead of refusing to open. Copy the file
    /// first.
    bool repair = false;
};

namespace detail {

inline constexpr std::string_view journal_magic = "NANOJRNL";
inline constexpr std::uint32_t journal_version = 1;
inline constexpr std::uint32_t no_price_scale = 0xffffffffU;
inline constexpr std::size_t checksum_size = 4;
inline constexpr std::size_t journal_block = 64;  // the header, and each record
inline constexpr std::size_t block_payload = journal_block - checksum_size;

using JournalBlock = std::span<const std::byte, journal_block>;

[[nodiscard]] inline std::uint32_t stored_checksum(JournalBlock block) noexcept {
    return load_little_endian<std::uint32_t>(block.data() + block_payload);
}

inline void store_symbol(std::byte* place, const Symbol& symbol) noexcept {
    std::memcpy(place, symbol.text.data(), symbol.text.size());
}
[[nodiscard]] inline Symbol load_symbol(const std::byte* place) noexcept {
    Symbol symbol;
    std::memcpy(symbol.text.data(), place, symbol.text.size());
    return symbol;
}

[[nodiscard]] inline std::uint32_t header_checksum(JournalBlock block) noexcept {
    return crc32c(block.first(block_payload));
}

[[nodiscard]] inline std::array<std::byte, journal_block> encode_header(const EventFileHeader& header) noexcept {
    std::array<std::byte, journal_block> block{};
    std::byte* const p = block.data();
    std::memcpy(p, journal_magic.data(), journal_magic.size());
    store_little_endian(p + 8, journal_version);
    store_little_endian(p + 12, header.max_rounds);
    store_symbol(p + 16, header.symbol);
    store_little_endian(p + 24, header.price_scale.value_or(no_price_scale));
    store_little_endian(p + block_payload, header_checksum(block));
    return block;
}

/// JournalError where it is none, or not one of ours.
[[nodiscard]] inline EventFileHeader decode_header(JournalBlock block) {
    const std::byte* const p = block.data();
    // All versions have their checksum here, so that a newer one is told from a damaged one.
    if (stored_checksum(block) != header_checksum(block)) throw JournalError("the header is damaged");
    if (const auto version = load_little_endian<std::uint32_t>(p + 8); version != journal_version) {
        throw JournalError("the journal is of version " + std::to_string(version) + "; this nanobook knows version " +
                           std::to_string(journal_version));
    }
    EventFileHeader header;
    header.max_rounds = load_little_endian<std::uint32_t>(p + 12);
    header.symbol = load_symbol(p + 16);
    const auto price_scale = load_little_endian<std::uint32_t>(p + 24);
    if (price_scale != no_price_scale) header.price_scale = price_scale;
    const bool zeros = std::all_of(p + 28, p + block_payload, [](std::byte byte) { return byte == std::byte{0}; });
    if (!zeros || !fault_of(header).empty()) throw JournalError("the header is damaged");
    return header;
}

/// `place` is that of the block, with the checksum before it in front.
[[nodiscard]] inline std::uint32_t record_checksum(const std::byte* place) noexcept {
    return crc32c({place - checksum_size, journal_block});
}

/// The checksum before the record must stand in front of `place`.
inline void encode_record(std::byte* place, std::uint64_t number, const Event& event) noexcept {
    store_little_endian(place, number);
    place[8] = static_cast<std::byte>(event.kind);
    place[9] = static_cast<std::byte>(event.side);
    place[10] = static_cast<std::byte>(event.time_in_force);
    place[11] = static_cast<std::byte>(event.trail_kind);
    store_little_endian(place + 12, event.trail_period);
    store_little_endian(place + 16, std::bit_cast<std::uint64_t>(event.price));
    store_little_endian(place + 24, event.quantity);
    store_little_endian(place + 32, event.reference);
    store_little_endian(place + 40, event.value);
    store_symbol(place + 48, event.symbol);
    store_little_endian(place + 56, (event.matching ? 1U : 0U) | (event.printable ? 2U : 0U));
    store_little_endian(place + block_payload, record_checksum(place));
}

/// Why the block at `place` is not that record, empty where `event` is now what it holds.
[[nodiscard]] inline std::string decode_record(const std::byte* place, std::uint64_t number, Event& event) {
    if (stored_checksum(JournalBlock(place, journal_block)) != record_checksum(place)) {
        return "does not match its checksum";
    }
    if (const auto found = load_little_endian<std::uint64_t>(place); found != number) {
        return "has the number " + std::to_string(found);
    }
    const auto flags = load_little_endian<std::uint32_t>(place + 56);
    if (flags > 3 || place[11] > static_cast<std::byte>(TrailKind::atr)) return "holds no event of this version";
    event = Event{static_cast<EventKind>(place[8]), static_cast<Side>(place[9]), static_cast<TimeInForce>(place[10])};
    event.trail_kind = static_cast<TrailKind>(place[11]);
    event.matching = (flags & 1U) != 0;
    event.printable = (flags & 2U) != 0;
    event.trail_period = load_little_endian<std::uint32_t>(place + 12);
    event.price = std::bit_cast<Price>(load_little_endian<std::uint64_t>(place + 16));
    event.quantity = load_little_endian<std::uint64_t>(place + 24);
    event.reference = load_little_endian<std::uint64_t>(place + 32);
    event.value = load_little_endian<std::uint64_t>(place + 40);
    event.symbol = load_symbol(place + 48);
    const std::string fault = fault_of(event);
    return fault.empty() ? fault : "holds no event: " + fault;
}

/// Bytes in memory, read as a file is.
class BytesSource {
  public:
    explicit BytesSource(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}
    std::size_t read_at(std::uint64_t offset, std::span<std::byte> out) const noexcept {
        if (out.empty()) return 0;
        std::memcpy(out.data(), bytes_.data() + offset, out.size());
        return out.size();
    }

  private:
    std::span<const std::byte> bytes_;
};

/// A source, a piece at a time: a journal may be larger than memory. What is appended meanwhile is not looked at.
template <class Source>
class JournalWindow {
  public:
    JournalWindow(const Source& source, std::uint64_t size) : source_(source), size_(size) {}

    /// The `count` bytes at `offset`, at most two blocks; fewer at the end. Good until the next call.
    [[nodiscard]] std::span<const std::byte> at(std::uint64_t offset, std::size_t count) {
        const auto available =
            static_cast<std::size_t>(std::min<std::uint64_t>(count, size_ - std::min(offset, size_)));
        if (offset < begin_ || offset + available > begin_ + filled_) {
            const auto wanted = std::min<std::uint64_t>(buffer_.size(), size_ - offset);
            begin_ = offset;
            filled_ = source_.read_at(offset, std::span(buffer_).first(static_cast<std::size_t>(wanted)));
        }
        const auto start = static_cast<std::size_t>(std::min<std::uint64_t>(offset - begin_, filled_));
        return std::span(buffer_).subspan(start, std::min(available, filled_ - start));
    }

  private:
    const Source& source_;
    std::uint64_t size_;
    std::uint64_t begin_ = 0;
    std::size_t filled_ = 0;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(std::size_t{1} << 16);
};

[[nodiscard]] inline std::string describe(const EventFileHeader& header) {
    return (header.symbol == Symbol{} ? "no symbol" : std::string(header.symbol.view())) + ", max_rounds " +
           std::to_string(header.max_rounds) +
           (header.price_scale ? ", price scale " + std::to_string(*header.price_scale) : ", no price scale");
}

struct JournalScan {
    std::optional<EventFileHeader> header;  ///< none where the file is empty, or the header itself was cut off
    std::uint64_t end = 0;                  ///< of the last whole record
    Recovery recovery;
};

/// Hands every whole event to `visit`. JournalError where the file is no journal, is not the one that is wanted, or has
/// whole records behind a damaged one.
template <class Source, class Visitor>
[[nodiscard]] JournalScan scan_journal(const Source& source, std::uint64_t size,
                                       const std::optional<EventFileHeader>& wanted, bool repair, Visitor&& visit) {
    JournalWindow<Source> window(source, size);
    JournalScan scan;
    const auto header = window.at(0, journal_block);
    if (header.empty()) return scan;
    if (header.size() < journal_magic.size() ||
        std::memcmp(header.data(), journal_magic.data(), journal_magic.size()) != 0) {
        throw JournalError("this is no journal; it is left as it is");
    }
    const auto cut_off = [&](const std::string& what, std::size_t bytes) {
        scan.recovery.bytes_cut = bytes;
        scan.recovery.reason = what + " is cut off: " + std::to_string(bytes) + " of its " +
                               std::to_string(journal_block) + " bytes are there";
        return scan;
    };
    if (header.size() < journal_block) return cut_off("the header", header.size());
    scan.header = decode_header(JournalBlock(header));
    if (wanted && *wanted != *scan.header) {
        throw JournalError("the journal has " + describe(*scan.header) + "; wanted was " + describe(*wanted));
    }

    constexpr std::size_t with_checksum_before = checksum_size + journal_block;
    Event event{};
    for (scan.end = journal_block;; scan.end += journal_block, ++scan.recovery.events_kept) {
        const auto bytes = window.at(scan.end - checksum_size, with_checksum_before);
        if (bytes.size() <= checksum_size) return scan;
        const std::uint64_t number = scan.recovery.events_kept + 1;
        const auto record = [&] { return "record " + std::to_string(number) + " at byte " + std::to_string(scan.end); };
        if (bytes.size() < with_checksum_before) return cut_off(record(), bytes.size() - checksum_size);
        const std::string fault = decode_record(bytes.data() + checksum_size, number, event);
        if (fault.empty()) {
            visit(std::as_const(event));
            continue;
        }
        scan.recovery.bytes_cut = size - scan.end;
        scan.recovery.reason = record() + " " + fault;
        break;
    }

    // A crash leaves a torn end, with nothing whole behind it. At any byte, for some may be lost or put in.
    for (std::uint64_t offset = scan.end;; ++offset) {
        const auto bytes = window.at(offset - checksum_size, with_checksum_before);
        if (bytes.size() < with_checksum_before) return scan;
        const std::byte* const place = bytes.data() + checksum_size;
        // Most bytes are dismissed for their number and flags, without their checksum.
        const auto number = load_little_endian<std::uint64_t>(place);
        const auto flags = load_little_endian<std::uint32_t>(place + 56);
        if (number == 0 || flags > 3) continue;
        if (stored_checksum(JournalBlock(place, journal_block)) != record_checksum(place)) continue;
        scan.recovery.reason += ", yet a whole record stands at byte " + std::to_string(offset) +
                                ": this is no torn end. " + std::to_string(scan.recovery.bytes_cut) +
                                " bytes follow record " + std::to_string(scan.recovery.events_kept);
        if (!repair) throw JournalError(scan.recovery.reason + "; repair drops them");
        return scan;
    }
}

template <class Source>
[[nodiscard]] JournalContents read_journal(const Source& source, std::uint64_t size, bool repair) {
    JournalContents contents;
    JournalScan scan =
        scan_journal(source, size, std::nullopt, repair, [&](const Event& event) { contents.events.push_back(event); });
    contents.header = scan.header.value_or(EventFileHeader{});
    contents.recovery = std::move(scan.recovery);
    return contents;
}

[[nodiscard]] inline EventFileHeader header_of_new(const std::optional<EventFileHeader>& wanted) {
    if (!wanted) return {};
    if (const std::string fault = fault_of(*wanted); !fault.empty()) throw std::invalid_argument(fault);
    return *wanted;
}

template <class Function>
decltype(auto) naming(const std::filesystem::path& path, Function&& function) {
    try {
        return function();
    } catch (const JournalError& error) {
        throw JournalError(path.string() + ": " + error.what());
    }
}

}  // namespace detail

/// What a journal holds, given its bytes. JournalError as in `read_journal`.
[[nodiscard]] inline JournalContents parse_journal(std::span<const std::byte> bytes, bool repair = false) {
    return detail::read_journal(detail::BytesSource(bytes), bytes.size(), repair);
}

/// What a journal holds; the file is not changed, and may be appended to meanwhile. JournalError where it is no
/// journal, or where whole records follow a damaged one, unless that is allowed; std::system_error naming a file that
/// cannot be read.
[[nodiscard]] inline JournalContents read_journal(const std::filesystem::path& path, bool repair = false) {
    const detail::File file(path, detail::File::Access::read);
    return detail::naming(path, [&] { return detail::read_journal(file, file.size(), repair); });
}

/// Appends events to a journal. One thread at a time. Failures of the system are std::system_error naming the file.
class Journal {
  public:
    /// Creates the file, or checks all of the one that stands there, cuts off what a crash left after its last whole
    /// record, and goes on from there. `visit` is called with each event kept, to replay them; if this throws, it may
    /// have seen some.
    ///
    /// JournalError where another Journal, in this process or another, has the file open (as far as the file system has
    /// locks); where the file is no journal: then it is not touched; where it has another header than wanted; and where
    /// whole records follow a damaged one, unless that is allowed.
    template <class Visitor>
    [[nodiscard]] static Journal open(const std::filesystem::path& path, const JournalOptions& options,
                                      Visitor&& visit) {
        const EventFileHeader header = detail::header_of_new(options.header);
        detail::File file(path, detail::File::Access::write);
        if (!file.try_lock()) throw JournalError(path.string() + ": another Journal has it open");
        const std::uint64_t size = file.size();
        auto scan = detail::naming(
            path, [&] { return detail::scan_journal(file, size, options.header, options.repair, visit); });
        Journal journal(std::move(file), options.flush_every, scan.recovery);
        if (scan.header) {
            journal.header_ = *scan.header;
            journal.go_on_from(scan.end, size);
        } else {
            journal.header_ = header;
            journal.begin();
        }
        return journal;
    }
    [[nodiscard]] static Journal open(const std::filesystem::path& path, const JournalOptions& options = {}) {
        return open(path, options, [](const Event&) {});
    }

    Journal(Journal&&) = default;
    Journal& operator=(Journal&&) = delete;

    /// Hands what is left to the system, as well as it can: call `flush` to learn of a failure.
    ~Journal() {
        // Nobody is there to be told.
        [[maybe_unused]] const std::error_code error = sync_failed_ ? std::error_code() : write_pending();
    }

    /// The event before it is processed. std::invalid_argument where an exchange would refuse it. Where this throws,
    /// the event is not in the journal, and those before it still are.
    void append(const Event& event) {
        if (const std::string fault = detail::fault_of(event); !fault.empty()) throw std::invalid_argument(fault);
        if (pending() == most_pending) flush();
        pending_.resize(pending_.size() + detail::journal_block);
        detail::encode_record(pending_.data() + pending_.size() - detail::journal_block, ++events_, event);
        if (flush_every_ == 0 || pending() < flush_every_) return;
        try {
            flush();
        } catch (...) {
            pending_.resize(pending_.size() - detail::journal_block);
            --events_;
            throw;
        }
    }

    /// Hands all that was appended to the system. Where this throws, the file ends with its last whole record, and the
    /// next attempt writes the same again.
    void flush() {
        if (sync_failed_) throw JournalError(path().string() + ": a sync has failed: open the journal anew");
        require(write_pending());
    }

    /// Returns when all that was appended is on the disk. If that fails nobody knows what is: the journal takes no
    /// more.
    void sync() {
        flush();
        sync_failed_ = true;
        file_.sync();
        sync_failed_ = false;
    }

    [[nodiscard]] const EventFileHeader& header() const noexcept { return header_; }
    /// What opening it found.
    [[nodiscard]] const Recovery& recovery() const noexcept { return recovery_; }
    /// Those kept and those appended.
    [[nodiscard]] std::uint64_t events() const noexcept { return events_; }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return file_.path(); }

  private:
    static constexpr std::size_t most_pending = 1024;

    Journal(detail::File file, std::size_t flush_every, Recovery recovery)
        : file_(std::move(file)),
          flush_every_(flush_every),
          recovery_(std::move(recovery)),
          events_(recovery_.events_kept) {
        pending_.reserve(detail::checksum_size + most_pending * detail::journal_block);
        pending_.resize(detail::checksum_size);
    }

    [[nodiscard]] std::size_t pending() const noexcept { return pending_.size() / detail::journal_block; }

    void begin() {
        const auto block = detail::encode_header(header_);
        require(file_.append(0, block));
        file_.sync();
        file_.sync_folder();
        go_on_from(block.size(), block.size());
    }

    void go_on_from(std::uint64_t end, std::uint64_t size) {
        if (end < size) {
            file_.truncate(end);
            file_.sync();
        }
        file_.read_at(end - detail::checksum_size, std::span(pending_));
        written_ = end;
    }

    // Always at the same place until it succeeds: half a record that could not be taken off is written over.
    std::error_code write_pending() noexcept {
        if (pending() == 0) return {};
        const auto records = std::span<const std::byte>(pending_).subspan(detail::checksum_size);
        if (const std::error_code error = file_.append(written_, records)) return error;
        written_ += records.size();
        std::copy(pending_.end() - detail::checksum_size, pending_.end(), pending_.begin());
        pending_.resize(detail::checksum_size);
        return {};
    }

    void require(std::error_code error) const {
        if (error) throw std::system_error(error, path().string());
    }

    detail::File file_;
    EventFileHeader header_;
    std::size_t flush_every_;
    Recovery recovery_;
    std::uint64_t events_;
    std::uint64_t written_ = 0;       // bytes of the file
    std::vector<std::byte> pending_;  // the checksum before them, then records that are not yet in the file
    bool sync_failed_ = false;
};

}  // namespace nanobook
