// Tables of others, as columns of ours: any object with an Arrow stream, such as a Polars or pandas frame.
//
//     const ArrowTable orders(frame);
//     const auto prices = orders.integers<Price>("price");
//     const auto sides = orders.codes("side", side_of, "'buy' or 'sell'");
//     const nb::gil_scoped_release release;
//     for (std::size_t i = 0; i < orders.rows(); ++i) submit(sides[i], prices[i]);
//
// What a column does not hold is a TypeError that names the column, and what a row may not hold a ValueError that names
// column and row.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nanoarrow/nanoarrow.hpp>

enum class Nulls : bool { refuse, allow };

enum class ArrowKind : std::uint8_t { integer, real, decimal, boolean, text, other };

/// The values of a column, in one piece. They may lie in the table itself, which must outlive the column.
template <class T>
class ArrowColumn {
  public:
    [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }
    [[nodiscard]] const T& operator[](std::size_t row) const noexcept { return values_[row]; }
    [[nodiscard]] std::span<const T> values() const noexcept { return values_; }
    [[nodiscard]] bool has_nulls() const noexcept { return !valid_.empty(); }
    /// A byte a row, 0 where it is null; empty where nothing is.
    [[nodiscard]] std::span<const std::uint8_t> validity() const noexcept { return valid_; }
    /// What is null has the value T{}.
    [[nodiscard]] bool is_null(std::size_t row) const noexcept { return !valid_.empty() && valid_[row] == 0; }

  private:
    friend class ArrowTable;

    T* allocate(std::size_t rows) {
        owned_ = std::make_unique_for_overwrite<T[]>(rows);
        values_ = {owned_.get(), rows};
        return owned_.get();
    }

    std::span<const T> values_;
    std::unique_ptr<T[]> owned_;
    std::vector<std::uint8_t> valid_;  // a byte a row; empty where nothing is null
};

/// A column of dates, or of moments in time, of the years 1 to 9999.
struct ArrowDates {
    ArrowColumn<std::int64_t> values;
    std::string format;    ///< of Arrow's C interface, such as "tdD" or "tsu:UTC"
    std::int64_t per_day;  ///< so many of its unit
};

/// A table, read whole; or a part of one, from an ArrowReader. Only the constructor needs the GIL.
class ArrowTable {
  public:
    /// Reads all there is. TypeError where `source` is no table.
    explicit ArrowTable(nanobind::handle source);

    [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
    [[nodiscard]] const std::vector<std::string_view>& names() const noexcept;
    [[nodiscard]] bool has(std::string_view name) const;
    /// ValueError where there is no such column, or there are two; as below.
    [[nodiscard]] ArrowKind kind(std::string_view name) const;

    /// Integers of any width, if all of them fit T: std::uint8_t, or one of 32 or 64 bits. Without a copy where the
    /// column is of T and in one piece.
    template <class T>
    [[nodiscard]] ArrowColumn<T> integers(std::string_view name, Nulls nulls = Nulls::refuse) const;
    /// Floating-point numbers, or integers, which are rounded above 2^53. Without a copy as above.
    [[nodiscard]] ArrowColumn<double> reals(std::string_view name, Nulls nulls = Nulls::refuse) const;
    [[nodiscard]] ArrowColumn<std::uint8_t> booleans(std::string_view name, Nulls nulls = Nulls::refuse) const;
    [[nodiscard]] bool is_date(std::string_view name) const;
    /// Dates or moments in time.
    [[nodiscard]] ArrowDates dates(std::string_view name) const;
    /// Text in any spelling, dictionaries (categoricals, enums) among them. It lies in the table.
    [[nodiscard]] ArrowColumn<std::string_view> text(std::string_view name, Nulls nulls = Nulls::refuse) const;

    /// The code of a text, or nothing where it has none.
    using Decode = std::function<std::optional<std::uint8_t>(std::string_view)>;
    /// Text as codes. `decode` is called about once for every text there is, of a dictionary and of up to twelve bytes,
    /// and may be slow; for longer ones, for every row. ValueError for a text without a code; it says that the text is
    /// not `expected`.
    [[nodiscard]] ArrowColumn<std::uint8_t> codes(std::string_view name, const Decode& decode,
                                                  std::string_view expected, Nulls nulls = Nulls::refuse) const;

  private:
    friend class ArrowReader;

    struct Batch {
        nanoarrow::UniqueArray array;
        std::size_t first_row;  // of the whole stream
    };
    struct Schema;

    ArrowTable(std::shared_ptr<const Schema> schema, nanoarrow::UniqueArray array, std::size_t first_row);
    [[nodiscard]] std::size_t index_of(std::string_view name) const;
    [[nodiscard]] const ArrowSchema* schema_of(std::size_t column) const noexcept;
    template <class T>
    [[nodiscard]] const T* as_they_are(std::size_t column) const noexcept;
    template <class T, class Convert>
    ArrowColumn<T> read(std::string_view name, Nulls nulls, std::initializer_list<ArrowKind> kinds, const char* wanted,
                        ArrowType as_it_is, Convert convert) const;

    std::shared_ptr<const Schema> schema_;
    std::vector<Batch> batches_;
    std::size_t rows_ = 0;
};

/// The numbers of one column that is no part of a table, such as a Series.
[[nodiscard]] std::vector<double> read_reals(nanobind::handle column);

/// A table, batch by batch, each of which can go before the next comes: for what is larger than memory. Needs the GIL,
/// and gives it away where it waits for the source.
class ArrowReader {
  public:
    /// TypeError where `source` is no table.
    explicit ArrowReader(nanobind::handle source) : ArrowReader(source, false) {}

    /// The next rows, numbered on from the last in what errors say; or nothing at the end.
    [[nodiscard]] std::optional<ArrowTable> next();

  private:
    friend class ArrowTable;
    friend std::vector<double> read_reals(nanobind::handle column);

    /// `takes_column`: one column is a table too, of a column without a name.
    ArrowReader(nanobind::handle source, bool takes_column);

    nanoarrow::UniqueArrayStream stream_;
    std::shared_ptr<const ArrowTable::Schema> schema_;
    std::size_t rows_read_ = 0;
    bool is_column_ = false;
};
