// What `nanobook itch lobster` writes with.
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <nanobook/core/symbol.hpp>
#include <nanobook/itch/lobster.hpp>
#include <nanobook/itch/replay.hpp>

#include "bind.hpp"
#include "itch_feeding.hpp"
#include "itch_text.hpp"

namespace nb = nanobind;
namespace itch = nanobook::itch;
using namespace nb::literals;

namespace {

using PairsOfPaths = std::vector<std::pair<std::filesystem::path, std::filesystem::path>>;

class Lobster {
  public:
    Lobster(std::vector<nanobook::Symbol> symbols, const PairsOfPaths& paths, std::size_t levels, std::uint64_t start,
            std::optional<std::uint64_t> until, bool strict)
        : symbols_(std::move(symbols)),
          replay_({symbols_, until, strict}, {symbols_, levels, files(paths, levels), start}) {}

    bool feed(std::span<const std::byte> bytes) { return replay_.feed(bytes); }
    void finish() { replay_.finish(); }
    void commit() { replay_.observer().sink().commit(); }
    void discard() noexcept { replay_.observer().sink().discard(); }

    [[nodiscard]] const itch::Reader& reader() const noexcept { return replay_.reader(); }
    [[nodiscard]] nb::list missing() const {
        nb::list names;
        for (const nanobook::Symbol symbol : symbols_) {
            if (replay_.find(symbol.view()) == nullptr) names.append(text(symbol.view()));
        }
        return names;
    }

  private:
    static itch::LobsterFiles files(const PairsOfPaths& paths, std::size_t levels) {
        std::vector<itch::LobsterFiles::Paths> pairs;
        pairs.reserve(paths.size());
        for (const auto& [message, orderbook] : paths) pairs.push_back({message, orderbook});
        return {pairs, levels};
    }

    std::vector<nanobook::Symbol> symbols_;
    itch::Replay<itch::LobsterRecorder<itch::LobsterFiles>> replay_;
};

}  // namespace

void bind_itch_lobster(nb::module_& parent) {
    nb::module_ m = parent.attr("itch");

    // Of a file among several.
    nb::register_exception_translator([](const std::exception_ptr& thrown, void*) {
        try {
            std::rethrow_exception(thrown);
        } catch (const std::filesystem::filesystem_error& error) {
            errno = error.code().value();
            PyErr_SetFromErrnoWithFilename(PyExc_OSError, error.path1().c_str());
        }
    });

    auto lobster = nb::class_<Lobster>(m, "Lobster", "Writes LOBSTER's two files of each symbol.");
    lobster.def(
        "__init__",
        [](Lobster* self, const std::vector<nb::str>& symbols, const PairsOfPaths& paths, std::size_t levels,
           std::uint64_t start, std::optional<std::uint64_t> until,
           bool strict) { new (self) Lobster(symbols_named(symbols), paths, levels, start, until, strict); },
        // Paths within tuples would bear no type of their text.
        nb::sig("def __init__(self, symbols: Sequence[str], paths: Sequence[tuple[str | os.PathLike[str], "
                "str | os.PathLike[str]]], levels: int, start: int = 0, until: int | None = None, "
                "strict: bool = False) -> None"),
        "symbols"_a, "paths"_a, "levels"_a, "start"_a = 0, "until"_a = nb::none(), "strict"_a = false);
    def_feeding<decltype(lobster), Lobster>(lobster);
    def_reporting<decltype(lobster), Lobster>(lobster);
    lobster
        .def("missing", &Lobster::missing, nb::sig("def missing(self) -> list[str]"),
             "The symbols that the stream does not name.")
        .def("commit", &Lobster::commit, nb::call_guard<nb::gil_scoped_release>(), "Gives the files their names.")
        .def("discard", &Lobster::discard, "Removes what is not committed; nothing may be fed after that.");
}
