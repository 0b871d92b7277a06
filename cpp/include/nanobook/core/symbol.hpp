// A ticker of at most eight ASCII characters, held in place.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace nanobook {

/// Padded with zeros, so that two symbols compare as one eight-byte value would.
struct Symbol {
    static constexpr std::size_t max_length = 8;

    std::array<char, max_length> text{};

    /// None where the text is longer than eight characters or holds anything but printable ASCII.
    [[nodiscard]] static constexpr std::optional<Symbol> parse(std::string_view name) noexcept {
        if (name.size() > max_length) return std::nullopt;
        Symbol symbol;
        for (std::size_t i = 0; i < name.size(); ++i) {
            if (name[i] < ' ' || name[i] > '~') return std::nullopt;
            symbol.text[i] = name[i];
        }
        return symbol;
    }

    [[nodiscard]] constexpr std::string_view view() const noexcept {
        const auto end = std::find(text.begin(), text.end(), '\0');
        return {text.data(), static_cast<std::size_t>(end - text.begin())};
    }

    friend constexpr bool operator==(const Symbol& a, const Symbol& b) noexcept {
        return std::bit_cast<std::uint64_t>(a.text) == std::bit_cast<std::uint64_t>(b.text);
    }
    friend constexpr auto operator<=>(const Symbol&, const Symbol&) noexcept = default;
};
static_assert(sizeof(Symbol) == 8);

}  // namespace nanobook
