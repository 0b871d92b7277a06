#include "table.hpp"

#include <nanobind/stl/string.h>

#include <chrono>

namespace nb = nanobind;
using namespace nb::literals;

namespace {

template <class... Ts>
struct Overloaded : Ts... {
    using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

// datetime.date for days, datetime.datetime (to the microsecond) for moments.
nb::object date_of(std::int64_t value, const std::string& format) {
    const nb::module_ datetime = nb::module_::import_("datetime");
    if (format == "tdD") {
        constexpr std::int64_t ordinal_of_1970 = 719'163;
        return datetime.attr("date").attr("fromordinal")(ordinal_of_1970 + value);
    }
    // "tdm" counts milliseconds; "tss:", "tsm:", "tsu:", "tsn:" name their unit.
    const char unit = format == "tdm" ? 'm' : format[2];
    std::int64_t microseconds = value;
    if (unit == 's') microseconds = value * 1'000'000;
    if (unit == 'm') microseconds = value * 1'000;
    if (unit == 'n') microseconds = value / 1'000 - (value % 1'000 < 0 ? 1 : 0);
    const nb::object epoch = datetime.attr("datetime")(1970, 1, 1);
    const nb::object moment = epoch + datetime.attr("timedelta")(0, 0, microseconds);
    const nb::object zone = zone_of(format);
    if (zone.is_none()) return moment;
    const nb::object utc = datetime.attr("timezone").attr("utc");
    return moment.attr("replace")("tzinfo"_a = utc).attr("astimezone")(zone);
}

}  // namespace

nb::object zone_of(const std::string& format) {
    if (format.size() < 5 || format[3] != ':') return nb::none();
    const std::string name = format.substr(4);
    try {
        // "+05:30" is a zone of Arrow's too.
        if (name.front() == '+' || name.front() == '-') {
            const nb::module_ datetime = nb::module_::import_("datetime");
            return datetime.attr("datetime").attr("strptime")(name, "%z").attr("tzinfo");
        }
        return nb::module_::import_("zoneinfo").attr("ZoneInfo")(name);
    } catch (const nb::python_error&) {
        throw nb::value_error(("the time zone '" + name + "' is not known here").c_str());
    }
}

const Table::Column& Table::column(std::string_view name) const {
    for (const Column& column : columns_) {
        if (column.name == name) return column;
    }
    std::string message = "no column '" + std::string(name) + "'; the columns are";
    for (const Column& column : columns_) message += (&column == columns_.data() ? " " : ", ") + column.name;
    throw nb::key_error(message.c_str());
}

nb::object Table::value(const Column& column, std::size_t row) const {
    if (!column.valid.empty() && column.valid[row] == 0) return nb::none();
    return std::visit(
        Overloaded{
            [&](const std::vector<std::int64_t>& values) -> nb::object { return nb::int_(values[row]); },
            [&](const std::vector<double>& values) -> nb::object { return nb::float_(values[row]); },
            [&](const TableTexts& texts) -> nb::object {
                return nb::cast(texts.names[static_cast<std::size_t>(texts.codes[row])]);
            },
            [&](const TableDates& dates) -> nb::object { return date_of(dates.values[row], dates.format); },
            [&](const TableBooleans& booleans) -> nb::object { return nb::bool_(booleans.values[row] != 0); },
        },
        column.values);
}

Table Table::take(std::span<const std::size_t> rows) const {
    const auto pick = [&](const auto& values) {
        std::remove_cvref_t<decltype(values)> picked;
        picked.reserve(rows.size());
        for (const std::size_t row : rows) picked.push_back(values[row]);
        return picked;
    };
    Table table(rows.size());
    table.metadata_ = metadata_;
    for (const Column& column : columns_) {
        Values values = std::visit(
            Overloaded{
                [&](const TableTexts& texts) -> Values { return TableTexts{pick(texts.codes), texts.names}; },
                [&](const TableDates& dates) -> Values { return TableDates{pick(dates.values), dates.format}; },
                [&](const TableBooleans& booleans) -> Values { return TableBooleans{pick(booleans.values)}; },
                [&](const auto& numbers) -> Values { return pick(numbers); },
            },
            column.values);
        table.add(column.name, std::move(values), column.valid.empty() ? column.valid : pick(column.valid));
    }
    return table;
}

ArrowBatch Table::batch(std::shared_ptr<const Table> self) {
    ArrowBatch batch(self->rows_);
    for (const Column& column : self->columns_) {
        std::visit(Overloaded{
                       [&](const TableTexts& texts) {
                           std::int32_t* codes = batch.add_names<std::int32_t>(column.name, texts.names);
                           std::ranges::copy(texts.codes, codes);
                       },
                       [&](const TableDates& dates) {
                           if (dates.format == "tdD") {
                               std::int32_t* days = batch.add<std::int32_t>(column.name);
                               std::ranges::transform(dates.values, days,
                                                      [](std::int64_t day) { return static_cast<std::int32_t>(day); });
                           } else {
                               batch.borrow(column.name, std::span(dates.values), self);
                           }
                           batch.set_format(dates.format);
                       },
                       [&](const TableBooleans& booleans) {
                           std::uint8_t* bits = batch.add_bits(column.name);
                           for (std::size_t i = 0; i < booleans.values.size(); ++i) {
                               bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | booleans.values[i] << i % 8);
                           }
                       },
                       [&](const auto& numbers) { batch.borrow(column.name, std::span(numbers), self); },
                   },
                   column.values);
        if (column.valid.empty()) continue;
        std::uint8_t* bits = batch.add_validity();
        for (std::size_t i = 0; i < column.valid.size(); ++i) {
            bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | (column.valid[i] != 0 ? 1u : 0u) << i % 8);
        }
    }
    batch.set_metadata(self->metadata_);
    return batch;
}
