// ITCH in other wrappings: what takes them off, and what they tell. Files are Python (itch.py).
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <nanobook/itch/mapped_file.hpp>
#include <nanobook/itch/unwrap.hpp>

#include "bind.hpp"
#include "itch_feeding.hpp"
#include "itch_framing.hpp"
#include "itch_text.hpp"

namespace nb = nanobind;
namespace itch = nanobook::itch;
using namespace nb::literals;

namespace {

nb::bytes to_python(std::span<const std::byte> bytes) { return nb::bytes(bytes.data(), bytes.size()); }

nb::bytes unwrap(itch::Unwrapper& unwrapper, std::span<const std::byte> chunk) {
    std::span<const std::byte> messages;
    {
        const nb::gil_scoped_release release;
        messages = unwrapper.feed(chunk);
    }
    return to_python(messages);
}

std::string_view detect(std::span<const std::byte> head) { return itch::name_of(itch::detect_wrapping(head)); }

std::string repr_of(const itch::Gap& gap) {
    return "Gap(session=" + std::string(nb::repr(text(gap.session.view())).c_str()) +
           ", first=" + std::to_string(gap.first) + ", count=" + std::to_string(gap.count) +
           ", offset=" + std::to_string(gap.offset) + ")";
}
std::string repr_of(const itch::FeedSession& session) {
    return "FeedSession(name=" + std::string(nb::repr(text(session.name.view())).c_str()) +
           ", first=" + std::to_string(session.first) + ", next=" + std::to_string(session.next) +
           ", ended=" + (session.ended ? "True)" : "False)");
}

void bind_report(nb::module_& m) {
    nb::class_<itch::UnwrapFinding>(m, "FramingFinding", "One odd thing about a wrapping.")
        .def_prop_ro(
            "oddity", [](const itch::UnwrapFinding& f) { return itch::name_of(f.oddity); }, "Its kind.")
        .def_ro("offset", &itch::UnwrapFinding::offset, "Of the packet or message, in bytes of the file.")
        .def_ro("number", &itch::UnwrapFinding::number,
                "The first sequence number missing, the length, link or packet type, or byte count concerned.")
        .def_ro("count", &itch::UnwrapFinding::count, "Messages missing, where it is a gap.")
        .def("__str__", [](const itch::UnwrapFinding& f) { return itch::describe(f); })
        .def("__repr__", [](const itch::UnwrapFinding& f) { return "<FramingFinding " + itch::describe(f) + ">"; });

    nb::class_<itch::Gap>(m, "Gap", "Messages in a row that never came.")
        .def_prop_ro(
            "session", [](const itch::Gap& gap) { return text(gap.session.view()); }, "Whose numbers they are.")
        .def_ro("first", &itch::Gap::first, "The first sequence number that is missing.")
        .def_ro("count", &itch::Gap::count, "How many are missing.")
        .def_ro("offset", &itch::Gap::offset, "Of the packet that comes behind it, in bytes of the file.")
        .def("__repr__", [](const itch::Gap& gap) { return repr_of(gap); });

    nb::class_<itch::FeedSession>(m, "FeedSession", "A session of MoldUDP64 or SoupBinTCP, which numbers its messages.")
        .def_prop_ro(
            "name", [](const itch::FeedSession& session) { return text(session.name.view()); }, "Its name.")
        .def_ro("first", &itch::FeedSession::first,
                "The first number that is there: those before it were sent before the capture began.")
        .def_ro("next", &itch::FeedSession::next, "The number behind the last one.")
        .def_ro("ended", &itch::FeedSession::ended, "Its end was captured.")
        .def("__repr__", [](const itch::FeedSession& session) { return repr_of(session); });

    using Report = itch::UnwrapReport;
    nb::class_<Report>(m, "FramingReport",
                       "What a wrapping told of its messages: which are missing, came twice, or could not be read.")
        .def(
            "counts",
            [](const Report& report) {
                nb::dict counts;
                for (std::size_t kind = 0; kind < itch::unwrap_oddity_count; ++kind) {
                    if (report.counts[kind] > 0)
                        counts[nb::cast(itch::unwrap_oddity_names[kind])] = report.counts[kind];
                }
                return counts;
            },
            nb::sig("def counts(self) -> dict[str, int]"), "Odd things by kind; empty where all was well.")
        .def_ro("first", &Report::first, "The first odd thing, or None.")
        .def_ro("truncated_at", &Report::truncated_at,
                "Where the packet or message begins, in bytes, that the end of the file cuts off; or None.")
        .def_ro("gaps", &Report::gaps, "The gaps, in order; the first 4,096 of them.")
        .def_ro("missing", &Report::missing, "Messages that are missing, over all gaps.")
        .def_ro("duplicates", &Report::duplicates, "Messages whose number had been: of a second line, or sent again.")
        .def_ro("messages", &Report::messages, "Messages handed out.")
        .def_ro("packets", &Report::packets, "Packets of the capture, or of SoupBinTCP.")
        .def_ro("unrelated", &Report::unrelated,
                "Of them, those that bear no message: other traffic, logins, debugging.")
        .def_ro("heartbeats", &Report::heartbeats, "Packets that say that the line is alive, or has ended.")
        .def_ro("sessions", &Report::sessions, "In the order in which they began.")
        .def("__bool__", [](const Report& report) { return report.first.has_value(); })
        .def("__repr__", [](const Report& report) {
            return report.first ? "<FramingReport: first " + itch::describe(*report.first) + ">"
                                : std::string("<FramingReport: nothing odd>");
        });
}

}  // namespace

void bind_itch_framing(nb::module_& parent) {
    auto m = nb::cast<nb::module_>(parent.attr("itch"));
    bind_report(m);

    nb::class_<itch::Unwrapper>(m, "Unwrapper", "A stream in another wrapping to a stream of lengths and messages.")
        .def(
            "__init__",
            [](itch::Unwrapper* self, std::string_view framing, bool strict) {
                new (self) itch::Unwrapper(wrapping_named(framing), {.strict = strict});
            },
            "framing"_a, "strict"_a = false, "ValueError where there is no such framing.")
        .def(
            "feed", [](itch::Unwrapper& self, const nb::bytes& chunk) { return unwrap(self, bytes_of(chunk)); },
            "chunk"_a, "The messages that the next bytes of the stream complete, each behind its length.")
        .def(
            "feed",
            [](itch::Unwrapper& self, const itch::MappedFile& file, std::size_t begin, std::size_t size) {
                return unwrap(self, piece_of(file, begin, size));
            },
            "file"_a, "begin"_a, "size"_a, "Those that a piece of a mapped file completes.")
        .def(
            "finish", [](itch::Unwrapper& self) { return to_python(self.finish()); },
            "There are no more bytes: the messages that were held back.")
        .def_prop_ro(
            "first", [](const itch::Unwrapper& self) { return self.report().first; }, "The first odd thing, or None.")
        .def_prop_ro(
            "report", [](const itch::Unwrapper& self) { return self.report(); }, "What the wrapping told so far.");

    m.def(
        "detect_framing", [](const nb::bytes& head) { return detect(bytes_of(head)); }, "head"_a,
        "The framing of a stream that begins so: binaryfile unless it is another beyond doubt.");
    m.def(
        "detect_framing",
        [](const itch::MappedFile& file, std::size_t begin, std::size_t size) {
            return detect(piece_of(file, begin, size));
        },
        "file"_a, "begin"_a, "size"_a, "The same of a piece of a mapped file.");
}
