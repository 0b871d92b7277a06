// Tables of results.
#include <nanobind/nanobind.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bind.hpp"
#include "table.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

nb::list list_of(const Table& table, std::string_view name) {
    const Table::Column& column = table.column(name);
    nb::list values;
    for (std::size_t row = 0; row < table.rows(); ++row) values.append(table.value(column, row));
    return values;
}

nb::list rows_of(const Table& table, std::size_t n) {
    nb::list rows;
    for (std::size_t row = 0; row < std::min(n, table.rows()); ++row) {
        nb::dict values;
        for (const Table::Column& column : table.columns()) {
            values[nb::cast(column.name)] = table.value(column, row);
        }
        rows.append(values);
    }
    return rows;
}

// The first rows, in columns.
std::string text_of(const Table& table) {
    constexpr std::size_t most = 10;
    const std::size_t shown = std::min(most, table.rows());
    std::vector<std::string> lines(shown + 1);
    for (const Table::Column& column : table.columns()) {
        std::vector<std::string> cells{column.name};
        for (std::size_t row = 0; row < shown; ++row) {
            const nb::object value = table.value(column, row);
            const char* const format = nb::isinstance<nb::float_>(value) ? "{:.6g}" : "{}";
            cells.push_back(nb::cast<std::string>(nb::str(format).attr("format")(value)));
        }
        const std::size_t width = std::ranges::max_element(cells, {}, &std::string::size)->size();
        for (std::size_t i = 0; i < cells.size(); ++i) {
            lines[i] += std::string(width - cells[i].size() + (lines[i].empty() ? 0 : 2), ' ') + cells[i];
        }
    }
    std::string text = "Table of " + std::to_string(table.rows()) + " rows";
    for (const std::string& line : lines) text += "\n" + line;
    if (shown < table.rows()) text += "\n... " + std::to_string(table.rows() - shown) + " more";
    return text;
}

}  // namespace

void bind_table(nb::module_& m) {
    nb::class_<Table>(m, "Table",
                      "Columns of results. pl.DataFrame(table) and others read it as Arrow, without a copy of its "
                      "numbers; table[\"sharpe\"] is a list.")
        .def_prop_ro(
            "columns",
            [](const Table& table) {
                std::vector<std::string> names;
                for (const Table::Column& column : table.columns()) names.push_back(column.name);
                return names;
            },
            "The names of the columns.")
        .def_prop_ro(
            "metadata",
            [](const Table& table) {
                nb::dict metadata;
                for (const auto& [key, value] : table.metadata()) metadata[nb::cast(key)] = value;
                return metadata;
            },
            nb::sig("def metadata(self) -> dict[str, str]"),
            "How the results were made; it goes with the Arrow schema.")
        .def("__getitem__", &list_of, "column"_a, nb::sig("def __getitem__(self, column: str) -> list[typing.Any]"),
             "The values of a column; None where they are null. KeyError where there is none of this name.")
        .def(
            "rows", [](const Table& table) { return rows_of(table, table.rows()); },
            nb::sig("def rows(self) -> list[dict[str, typing.Any]]"), "A dict a row.")
        .def("__len__", &Table::rows, "Rows.")
        .def(
            "__contains__",
            [](const Table& table, std::string_view name) {
                return std::ranges::find(table.columns(), name, &Table::Column::name) != table.columns().end();
            },
            "column"_a, "Whether there is a column of this name.")
        .def(
            "__iter__", [](const nb::object& table) { return nb::iter(table.attr("columns")); },
            nb::sig("def __iter__(self) -> collections.abc.Iterator[str]"), "The names of the columns.")
        .def("__repr__", &text_of)
        .def(
            "__arrow_c_stream__",
            [](const std::shared_ptr<Table>& table, nb::handle) { return to_capsule(Table::batch(table)); },
            "requested_schema"_a = nb::none(),
            nb::sig("def __arrow_c_stream__(self, requested_schema: object | None = None) -> object"),
            "The table as an Arrow stream.");
}
