// Integers in a file of our own: little-endian whatever the machine, at any address.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <type_traits>

namespace nanobook::detail {

template <class Value>
[[nodiscard]] Value load_little_endian(const std::byte* p) noexcept {
    static_assert(std::is_unsigned_v<Value>);
    Value value = 0;
    if constexpr (std::endian::native == std::endian::little) {
        std::memcpy(&value, p, sizeof(Value));
    } else {
        for (std::size_t i = sizeof(Value); i-- > 0;) {
            value = static_cast<Value>(value << 8 | std::to_integer<Value>(p[i]));
        }
    }
    return value;
}

template <class Value>
void store_little_endian(std::byte* p, Value value) noexcept {
    static_assert(std::is_unsigned_v<Value>);
    if constexpr (std::endian::native == std::endian::little) {
        std::memcpy(p, &value, sizeof(Value));
    } else {
        for (std::size_t i = 0; i < sizeof(Value); ++i) p[i] = static_cast<std::byte>(value >> (8 * i));
    }
}

}  // namespace nanobook::detail
