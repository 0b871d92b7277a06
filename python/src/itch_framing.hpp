// Framings by their names.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include <nanobook/itch/unwrap.hpp>

#include "arguments.hpp"

/// ValueError where there is none of that name.
[[nodiscard]] inline nanobook::itch::Wrapping wrapping_named(std::string_view name) {
    const auto& names = nanobook::itch::wrapping_names;
    const auto* const found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
        std::string known;
        for (const std::string_view each : names) known += (known.empty() ? "" : ", ") + std::string(each);
        raise_value_error("no such framing: '" + std::string(name) + "'; there are " + known);
    }
    return static_cast<nanobook::itch::Wrapping>(found - names.begin());
}
