// Arguments that are refused, in a sentence that names them.
#pragma once

#include <charconv>
#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>

namespace nanobook::detail {

/// The shortest text that reads back as the same number.
[[nodiscard]] inline std::string to_text(double value) {
    char text[32];
    return {text, std::to_chars(text, text + sizeof text, value).ptr};
}
[[nodiscard]] inline std::string to_text(std::integral auto value) { return std::to_string(value); }

/// Throws std::invalid_argument: "leverage is -1; it must be above 0". Out of line, so that checks stay small.
[[noreturn, gnu::noinline, gnu::cold]] inline void refuse(std::string_view name, auto value, std::string_view wanted) {
    throw std::invalid_argument(std::string(name) + " is " + to_text(value) + "; " + std::string(wanted));
}

}  // namespace nanobook::detail
