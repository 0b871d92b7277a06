// Text of a feed, as Python has it.
#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <string_view>
#include <vector>

#include <nanobook/core/symbol.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/messages.hpp>

#include "arguments.hpp"

/// Any byte may stand in a text field: Latin-1 gives each a character, and loses none.
[[nodiscard]] inline nanobind::str text(std::string_view bytes) {
    return nanobind::steal<nanobind::str>(
        PyUnicode_DecodeLatin1(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), nullptr));
}

/// The bytes of a text made by `text()`.
[[nodiscard]] inline std::string latin1(const nanobind::str& name) {
    const auto bytes = nanobind::steal<nanobind::bytes>(PyUnicode_AsLatin1String(name.ptr()));
    if (!bytes.is_valid()) throw nanobind::python_error();
    return {bytes.c_str(), bytes.size()};
}

/// Type bytes; ValueError where ITCH 5.0 does not have one of them.
[[nodiscard]] inline std::string known_types(const nanobind::str& types) {
    std::string known = latin1(types);
    for (const char type : known) {
        if (nanobook::itch::length_of_type[static_cast<unsigned char>(type)] == 0) {
            raise_value_error(std::string(nanobind::repr(text({&type, 1})).c_str()) +
                              " is not a message type of ITCH 5.0");
        }
    }
    return known;
}

/// ValueError where it is longer than 8 characters.
[[nodiscard]] inline nanobook::Symbol symbol_named(const nanobind::str& name) {
    const auto symbol = nanobook::itch::symbol_of(latin1(name));
    if (!symbol) raise_value_error("symbol '" + std::string(name.c_str()) + "' is longer than 8 characters");
    return *symbol;
}

[[nodiscard]] inline std::vector<nanobook::Symbol> symbols_named(const std::vector<nanobind::str>& names) {
    std::vector<nanobook::Symbol> symbols;
    symbols.reserve(names.size());
    for (const nanobind::str& name : names) symbols.push_back(symbol_named(name));
    return symbols;
}
