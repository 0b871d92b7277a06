// What was odd about a stream. Nothing odd stops a lenient reader; everything odd is counted, the first with its place.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nanobook/itch/messages.hpp>

namespace nanobook::itch {

enum class Oddity : std::uint8_t {
    unknown_type,         ///< a type byte that ITCH 5.0 does not have; skipped by its length
    wrong_length,         ///< a known type with another length than its own; skipped
    truncated_tail,       ///< the bytes end inside a message
    trailing_bytes,       ///< bytes after the end of the session
    unknown_reference,    ///< E C X D U of an order that does not rest; nothing done
    duplicate_reference,  ///< an order added while one of its reference rests; the resting one stands
    over_execution,       ///< E C of more than rests, X likewise; clamped
    locate_mismatch,      ///< a message's locate is not its order's or trade's; their own counts
    zero_quantity,        ///< an order added or replaced with 0 shares; it does not rest
    invalid_side,         ///< neither B nor S; skipped
    unknown_match,        ///< B of an execution that was not seen, or is broken already
};
inline constexpr std::size_t oddity_count = 11;

inline constexpr std::array<std::string_view, oddity_count> oddity_names{
    "unknown_type",   "wrong_length",    "truncated_tail", "trailing_bytes", "unknown_reference", "duplicate_reference",
    "over_execution", "locate_mismatch", "zero_quantity",  "invalid_side",   "unknown_match"};

[[nodiscard]] constexpr std::string_view name_of(Oddity oddity) noexcept {
    return oddity_names[static_cast<std::size_t>(oddity)];
}

/// One odd thing: where, in a message of which type, and the number concerned: the reference, the match number, the
/// length found, or how many bytes are left over.
struct Finding {
    Oddity oddity;
    char type;  ///< 0 where the bytes do not reach it
    std::uint64_t offset;
    std::uint64_t number;
};

/// A sentence for people: "message type E at byte 1234 names order 42, which does not rest".
[[nodiscard]] inline std::string describe(const Finding& finding) {
    const std::string number = std::to_string(finding.number);
    const std::string at = " at byte " + std::to_string(finding.offset);
    const auto byte = static_cast<unsigned char>(finding.type);
    const bool printable = byte > ' ' && byte <= '~';
    std::string message = "message type " + (printable ? std::string(1, finding.type) : std::to_string(byte)) + at;
    switch (finding.oddity) {
        case Oddity::unknown_type: return message + " is unknown to ITCH 5.0 (length " + number + ")";
        case Oddity::wrong_length:
            return message + " has length " + number + " instead of " + std::to_string(length_of_type[byte]);
        case Oddity::truncated_tail:
            return "the end is cut off inside the message" + at + ", of which " + number + " bytes are there";
        case Oddity::trailing_bytes: return number + " bytes after the end of the session" + at;
        case Oddity::unknown_reference: return message + " names order " + number + ", which does not rest";
        case Oddity::duplicate_reference: return message + " adds order " + number + ", which rests already";
        case Oddity::over_execution: return message + " takes more off order " + number + " than rests";
        case Oddity::locate_mismatch: return message + " has another locate than its order or trade " + number;
        case Oddity::zero_quantity: return message + " adds order " + number + " with 0 shares";
        case Oddity::invalid_side: return message + " adds order " + number + " on neither side B nor S";
        case Oddity::unknown_match:
            return message + " breaks trade " + number + ", which was not seen or is broken already";
    }
    return message;
}

/// Counts of odd things by kind and message type, and the first of all.
class Report {
  public:
    void add(Oddity oddity, char type, std::uint64_t offset, std::uint64_t number) {
        ++counts_[static_cast<std::size_t>(oddity)][static_cast<unsigned char>(type)];
        if (!first_) first_ = Finding{oddity, type, offset, number};
        if (oddity == Oddity::truncated_tail) truncated_at_ = offset;
    }

    /// Adds what another replay of the same bytes, of other books, found odd about its messages. What is odd about the
    /// framing both have found.
    void add_of_part(const Report& part) {
        for (auto oddity = static_cast<std::size_t>(Oddity::unknown_reference); oddity < oddity_count; ++oddity) {
            for (std::size_t type = 0; type < 256; ++type) counts_[oddity][type] += part.counts_[oddity][type];
        }
        if (part.first_ && (!first_ || part.first_->offset < first_->offset)) first_ = part.first_;
    }

    [[nodiscard]] std::uint64_t count(Oddity oddity) const noexcept {
        std::uint64_t sum = 0;
        for (const std::uint64_t count : counts_[static_cast<std::size_t>(oddity)]) sum += count;
        return sum;
    }
    [[nodiscard]] std::uint64_t count(Oddity oddity, char type) const noexcept {
        return counts_[static_cast<std::size_t>(oddity)][static_cast<unsigned char>(type)];
    }

    [[nodiscard]] const std::optional<Finding>& first() const noexcept { return first_; }
    /// Where the message begins that the end of the bytes cuts off.
    [[nodiscard]] const std::optional<std::uint64_t>& truncated_at() const noexcept { return truncated_at_; }

  private:
    std::array<std::array<std::uint64_t, 256>, oddity_count> counts_{};
    std::optional<Finding> first_;
    std::optional<std::uint64_t> truncated_at_;
};

}  // namespace nanobook::itch
