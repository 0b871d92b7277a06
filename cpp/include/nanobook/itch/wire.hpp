// The field types of an ITCH message: big-endian integers and padded text, readable in place at any address.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace nanobook::itch {

// Inlined always: where a visitor has 23 bodies, compilers run out of patience and call these.
[[nodiscard, gnu::always_inline]] constexpr std::uint16_t swap_bytes(std::uint16_t value) noexcept {
    return static_cast<std::uint16_t>(value << 8 | value >> 8);
}
[[nodiscard, gnu::always_inline]] constexpr std::uint32_t swap_bytes(std::uint32_t value) noexcept {
    return value << 24 | (value << 8 & 0xff0000) | (value >> 8 & 0xff00) | value >> 24;
}
[[nodiscard, gnu::always_inline]] constexpr std::uint64_t swap_bytes(std::uint64_t value) noexcept {
    return static_cast<std::uint64_t>(swap_bytes(static_cast<std::uint32_t>(value))) << 32 |
           swap_bytes(static_cast<std::uint32_t>(value >> 32));
}

/// The big-endian integer of `sizeof(Value)` bytes at `p`: one load and one instruction. The loop says the same to the
/// compiler's own interpreter, and to big-endian machines.
template <class Value>
[[nodiscard, gnu::always_inline]] constexpr Value load_big_endian(const unsigned char* p) noexcept {
    Value value = 0;
    if (std::endian::native == std::endian::little && !std::is_constant_evaluated()) {
        std::memcpy(&value, p, sizeof(Value));
        return swap_bytes(value);
    }
    for (std::size_t i = 0; i < sizeof(Value); ++i) value = static_cast<Value>(std::uint64_t{value} << 8 | p[i]);
    return value;
}

/// The big-endian integer at a place of `bytes`, which must be there.
template <class Value>
[[nodiscard]] Value load_big_endian(std::span<const std::byte> bytes, std::size_t at) noexcept {
    return load_big_endian<Value>(reinterpret_cast<const unsigned char*>(bytes.data()) + at);
}

template <class Value>
[[gnu::always_inline]] constexpr void store_big_endian(unsigned char* p, Value value) noexcept {
    if (std::endian::native == std::endian::little && !std::is_constant_evaluated()) {
        value = swap_bytes(value);
        std::memcpy(p, &value, sizeof(Value));
        return;
    }
    for (std::size_t i = sizeof(Value); i-- > 0;) {
        p[i] = static_cast<unsigned char>(value);
        value = static_cast<Value>(std::uint64_t{value} >> 8);
    }
}

/// An unsigned big-endian integer. Reads and assigns like the `Value` it stands for.
template <class Value>
struct BigEndian {
    static_assert(std::is_unsigned_v<Value>);
    using value_type = Value;

    unsigned char bytes[sizeof(Value)];

    [[nodiscard, gnu::always_inline]] constexpr Value value() const noexcept { return load_big_endian<Value>(bytes); }
    [[gnu::always_inline]] constexpr operator Value() const noexcept { return value(); }
    [[gnu::always_inline]] constexpr BigEndian& operator=(Value value) noexcept {
        store_big_endian(bytes, value);
        return *this;
    }
};

using Uint16 = BigEndian<std::uint16_t>;
using Uint32 = BigEndian<std::uint32_t>;
using Uint64 = BigEndian<std::uint64_t>;

/// Six bytes: nanoseconds since midnight, US/Eastern. An assigned value is cut to them.
struct Uint48 {
    using value_type = std::uint64_t;

    unsigned char bytes[6];

    // No machine word: read and written as one of two bytes and one of four.
    [[nodiscard, gnu::always_inline]] constexpr std::uint64_t value() const noexcept {
        return std::uint64_t{load_big_endian<std::uint16_t>(bytes)} << 32 | load_big_endian<std::uint32_t>(bytes + 2);
    }
    [[gnu::always_inline]] constexpr operator std::uint64_t() const noexcept { return value(); }
    [[gnu::always_inline]] constexpr Uint48& operator=(std::uint64_t value) noexcept {
        store_big_endian(bytes, static_cast<std::uint16_t>(value >> 32));
        store_big_endian(bytes + 2, static_cast<std::uint32_t>(value));
        return *this;
    }
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
