// Tables of results: columns in memory, which Python sees as lists, and others as Arrow.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "arrow_out.hpp"

/// Texts, each kept once.
struct TableTexts {
    std::vector<std::int32_t> codes;
    std::vector<std::string> names;
};
/// Dates or moments, as they came: in units of an Arrow format.
struct TableDates {
    std::vector<std::int64_t> values;
    std::string format;
};
struct TableBooleans {
    std::vector<std::uint8_t> values;
};

/// The datetime.tzinfo of a format of Arrow's, such as "tsu:Asia/Tokyo"; None where it names none. ValueError for a
/// zone that Python does not know.
nanobind::object zone_of(const std::string& format);

class Table {
  public:
    using Values = std::variant<std::vector<std::int64_t>, std::vector<double>, TableTexts, TableDates, TableBooleans>;
    struct Column {
        std::string name;
        Values values;
        std::vector<std::uint8_t> valid = {};  // 0: null; empty: nothing is
    };

    explicit Table(std::size_t rows) : rows_(rows) {}

    void add(std::string name, Values values, std::vector<std::uint8_t> valid = {}) {
        columns_.push_back({std::move(name), std::move(values), std::move(valid)});
    }
    /// What is empty is null.
    template <class T>
    void add_optional(std::string name, const std::vector<std::optional<T>>& values) {
        std::vector<T> all(values.size());
        std::vector<std::uint8_t> valid(values.size());
        for (std::size_t i = 0; i < values.size(); ++i) {
            all[i] = values[i].value_or(T{});
            valid[i] = values[i].has_value();
        }
        add(std::move(name), std::move(all), std::move(valid));
    }
    void add_metadata(std::string key, std::string value) { metadata_.emplace_back(std::move(key), std::move(value)); }

    [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
    [[nodiscard]] const std::vector<Column>& columns() const noexcept { return columns_; }
    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& metadata() const noexcept {
        return metadata_;
    }
    /// KeyError where there is none.
    [[nodiscard]] const Column& column(std::string_view name) const;
    [[nodiscard]] nanobind::object value(const Column& column, std::size_t row) const;
    /// These rows, in this order.
    [[nodiscard]] Table take(std::span<const std::size_t> rows) const;

    /// Without a copy: `self` keeps the values alive.
    [[nodiscard]] static ArrowBatch batch(std::shared_ptr<const Table> self);

  private:
    std::size_t rows_;
    std::vector<Column> columns_;
    std::vector<std::pair<std::string, std::string>> metadata_;
};
