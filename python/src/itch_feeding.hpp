// What every reader of the module has: bytes in until it says stop, a report out.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include <nanobook/itch/mapped_file.hpp>
#include <nanobook/itch/reader.hpp>

[[nodiscard]] inline std::span<const std::byte> bytes_of(const nanobind::bytes& chunk) {
    return {static_cast<const std::byte*>(chunk.data()), chunk.size()};
}

// As much of a piece of a mapped file as there is.
[[nodiscard]] inline std::span<const std::byte> piece_of(const nanobook::itch::MappedFile& file, std::size_t begin,
                                                         std::size_t size) {
    const auto bytes = file.bytes().subspan(std::min(begin, file.bytes().size()));
    return bytes.first(std::min(size, bytes.size()));
}

[[nodiscard]] inline std::map<std::string, std::uint64_t> counts_of(const nanobook::itch::Reader& reader) {
    std::map<std::string, std::uint64_t> counts;
    for (std::size_t type = 0; type < 256; ++type) {
        if (reader.counts()[type] > 0) counts[std::string(1, static_cast<char>(type))] = reader.counts()[type];
    }
    return counts;
}

/// `feed`, of bytes and of a piece of a mapped file.
template <class Class, class Consumer>
void def_feeding(Class& cls) {
    cls.def(
           "feed",
           [](Consumer& self, const nanobind::bytes& chunk) {
               const auto bytes = bytes_of(chunk);
               const nanobind::gil_scoped_release release;
               return self.feed(bytes);
           },
           nanobind::arg("chunk"), "The next bytes of the stream, cut anywhere. False once it has stopped.")
        .def(
            "feed",
            [](Consumer& self, const nanobook::itch::MappedFile& file, std::size_t begin, std::size_t size) {
                const auto bytes = piece_of(file, begin, size);
                const nanobind::gil_scoped_release release;
                return self.feed(bytes);
            },
            nanobind::arg("file"), nanobind::arg("begin"), nanobind::arg("size"), "A piece of a mapped file.");
}

template <class Class, class Consumer>
void def_reporting(Class& cls) {
    cls.def("finish", &Consumer::finish, "There are no more bytes.")
        .def_prop_ro(
            "report", [](const Consumer& self) { return self.reader().report(); }, "What was odd about the stream.")
        .def_prop_ro(
            "counts", [](const Consumer& self) { return counts_of(self.reader()); }, "Messages by type.")
        .def_prop_ro(
            "message_count", [](const Consumer& self) { return self.reader().messages(); }, "Messages taken.")
        .def_prop_ro(
            "zero_prefixed", [](const Consumer& self) { return self.reader().zero_prefixed(); },
            "Every length prefix is 0.")
        .def_prop_ro(
            "end_of_session", [](const Consumer& self) { return self.reader().end_of_session(); },
            "A length of 0 ended the stream.");
}
