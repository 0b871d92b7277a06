// The field types of an ITCH message: big-endian integers and padded text, readable in place at any address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace nanobook::itch {

/// An unsigned big-endian integer of `Size` bytes. Reads and assigns like the `Value` it stands for; the value is
/// truncated to `Size` bytes.
template <class Value, std::size_t Size>
struct BigEndian {
    static_assert(std::is_unsigned_v<Value> && Size <= sizeof(Value));
    using value_type = Value;

    unsigned char bytes[Size];

    // Written as one expression, not a loop: compilers turn it into a load and a byte swap, on any machine.
    [[nodiscard]] constexpr Value value() const noexcept {
        return [this]<std::size_t... I>(std::index_sequence<I...>) {
            return static_cast<Value>(((static_cast<std::uint64_t>(bytes[I]) << (8 * (Size - 1 - I))) | ...));
        }(std::make_index_sequence<Size>{});
    }
    constexpr operator Value() const noexcept { return value(); }

    constexpr BigEndian& operator=(Value value) noexcept {
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            ((bytes[I] = static_cast<unsigned char>(static_cast<std::uint64_t>(value) >> (8 * (Size - 1 - I)))), ...);
        }(std::make_index_sequence<Size>{});
        return *this;
    }
};

using Uint16 = BigEndian<std::uint16_t, 2>;
using Uint32 = BigEndian<std::uint32_t, 4>;
using Uint64 = BigEndian<std::uint64_t, 8>;

/// Nanoseconds since midnight, US/Eastern.
struct Uint48 : BigEndian<std::uint64_t, 6> {
    using BigEndian::operator=;

    // Six bytes are no machine word: read as a two-byte and a four-byte one.
    [[nodiscard]] constexpr std::uint64_t value() const noexcept {
        const std::uint64_t high = static_cast<std::uint64_t>(bytes[0]) << 8 | bytes[1];
        const std::uint32_t low = static_cast<std::uint32_t>(bytes[2]) << 24 |
                                  static_cast<std::uint32_t>(bytes[3]) << 16 |
                                  static_cast<std::uint32_t>(bytes[4]) << 8 | bytes[5];
        return high << 32 | low;
    }
    constexpr operator std::uint64_t() const noexcept { return value(); }
};

/// A price with four decimals: 1,500,000 is $150.00.
struct Price4 : Uint32 {
    using Uint32::operator=;
    static constexpr int decimals = 4;
};

/// A price with eight decimals, in the MWCB decline levels only.
struct Price8 : Uint64 {
    using Uint64::operator=;
    static constexpr int decimals = 8;
};

/// Left-justified text, padded with spaces.
template <std::size_t Size>
struct Text {
    char bytes[Size];

    /// Without the padding.
    [[nodiscard]] constexpr std::string_view view() const noexcept {
        std::size_t length = Size;
        while (length > 0 && (bytes[length - 1] == ' ' || bytes[length - 1] == '\0')) --length;
        return {bytes, length};
    }
    constexpr operator std::string_view() const noexcept { return view(); }

    /// Cut at `Size` characters.
    constexpr Text& operator=(std::string_view text) noexcept {
        for (std::size_t i = 0; i < Size; ++i) bytes[i] = i < text.size() ? text[i] : ' ';
        return *this;
    }
};

}  // namespace nanobook::itch
