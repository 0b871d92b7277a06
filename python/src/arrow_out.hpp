// Tables of ours as Arrow streams, which Polars, pyarrow, pandas, DuckDB and others read as they are.
//
//     ArrowBatch batch = ArrowColumns<Trade>()
//                            .add("price", &Trade::price)
//                            .add("side", {"buy", "sell"}, &Trade::aggressor_side)
//                            .batch(trades);
//     return to_capsule(std::move(batch));  // from __arrow_c_stream__, whose requested schema is only a wish
#pragma once

#include <nanobind/nanobind.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nanoarrow/nanoarrow.hpp>

/// Columns of so many rows each. Nothing here needs the GIL: a big table is best filled without it, from rows that
/// nobody changes meanwhile, such as a log's snapshot.
class ArrowBatch {
  public:
    explicit ArrowBatch(std::size_t rows) : rows_(rows) {}

    [[nodiscard]] std::size_t rows() const noexcept { return rows_; }

    /// Room for a column of T, an integer or a floating-point number, for the caller to fill.
    template <class T>
    T* add(std::string name) {
        return reinterpret_cast<T*>(add_column(std::move(name), type_of<T>(), rows_ * sizeof(T)));
    }
    /// A decimal: a whole number of 128 bits, of which our values need 64.
    struct Decimal {
        std::int64_t low;
        std::int64_t high;
    };
    /// Room for a column of decimals with so many digits behind the point.
    Decimal* add_decimals(std::string name, int scale);
    /// A column of booleans: a bit a row, all of them zero.
    std::uint8_t* add_bits(std::string name) {
        return add_zeroed(std::move(name), NANOARROW_TYPE_BOOL, (rows_ + 7) / 8);
    }
    /// A column of names, as indices into them. Dictionaries because a byte a row is a sixteenth of what text is to
    /// Polars and filters twice as fast. It becomes a Categorical there and in pandas, and compares with text as text
    /// does.
    template <class Index>
    Index* add_names(std::string name, std::vector<std::string> names) {
        Index* indices = add<Index>(std::move(name));
        columns_.back().names = std::move(names);
        return indices;
    }
    /// Makes the last column nullable: a bit a row, all of them zero, which means null.
    std::uint8_t* add_validity();

    /// Makes of the last column, of integers, what Arrow's C interface calls by this name: "tdD" is dates.
    void set_format(std::string format) { columns_.back().format = std::move(format); }
    /// Of the table, as it goes with its schema.
    void set_metadata(std::vector<std::pair<std::string, std::string>> metadata) { metadata_ = std::move(metadata); }

    /// A column that stays where it is, with `owner` keeping it alive for as long as anyone reads it.
    template <class T>
    void borrow(std::string name, std::span<const T> values, std::shared_ptr<const void> owner) {
        borrow_column(std::move(name), type_of<T>(), values.data(), values.size_bytes(), std::move(owner));
    }

    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> names;
        for (const Column& column : columns_) names.push_back(column.name);
        return names;
    }

    /// The same values, not copied: for who exports them more than once.
    [[nodiscard]] static ArrowBatch share(const std::shared_ptr<const ArrowBatch>& batch);

  private:
    friend nanobind::capsule to_capsule(std::vector<ArrowBatch> batches);
    friend class BatchStream;

    struct Column {
        std::string name;
        ArrowType type;
        nanoarrow::UniqueBuffer values;
        nanoarrow::UniqueBuffer validity;  // no data: nothing is null
        std::vector<std::string> names;
        std::string format;  // empty: that of the type
    };

    template <class T>
    static constexpr ArrowType type_of() {
        static_assert(std::is_arithmetic_v<T> && !std::same_as<T, bool>);
        if constexpr (std::floating_point<T>) return sizeof(T) == 8 ? NANOARROW_TYPE_DOUBLE : NANOARROW_TYPE_FLOAT;
        constexpr bool is_signed = std::is_signed_v<T>;
        switch (sizeof(T)) {
            case 1: return is_signed ? NANOARROW_TYPE_INT8 : NANOARROW_TYPE_UINT8;
            case 2: return is_signed ? NANOARROW_TYPE_INT16 : NANOARROW_TYPE_UINT16;
            case 4: return is_signed ? NANOARROW_TYPE_INT32 : NANOARROW_TYPE_UINT32;
            default: return is_signed ? NANOARROW_TYPE_INT64 : NANOARROW_TYPE_UINT64;
        }
    }

    std::uint8_t* add_column(std::string name, ArrowType type, std::size_t bytes);
    std::uint8_t* add_zeroed(std::string name, ArrowType type, std::size_t bytes);
    void borrow_column(std::string name, ArrowType type, const void* values, std::size_t bytes,
                       std::shared_ptr<const void> owner);
    void describe(ArrowSchema* schema) const;
    nanoarrow::UniqueArray build(const ArrowSchema* schema);

    std::size_t rows_;
    std::vector<Column> columns_;
    std::vector<std::pair<std::string, std::string>> metadata_;
};

/// The stream of the batches, at least one, which all have the same columns. Needs the GIL.
nanobind::capsule to_capsule(std::vector<ArrowBatch> batches);
nanobind::capsule to_capsule(ArrowBatch batch);

/// The same one by one, as the consumer asks for them: `next` gives nothing at the end. It is called without the GIL,
/// from whatever thread reads. The first batch has the columns of all, and perhaps no rows.
nanobind::capsule to_capsule(std::function<std::optional<ArrowBatch>()> next, ArrowBatch first);

/// How rows that are structs become columns: a description, which is made once and serves any number of tables.
template <class Row>
class ArrowColumns {
  public:
    /// A column of what `get` returns for a row: a number, a bool, or a std::optional of these that is empty where
    /// there is null. A pointer to a member will do.
    template <class Get>
    ArrowColumns& add(std::string name, Get get) {
        using Value = decltype(value_of(get, std::declval<const Row&>()));
        columns_.push_back([name = std::move(name), get](ArrowBatch& batch) {
            if constexpr (std::same_as<Value, bool>) {
                std::uint8_t* bits = batch.add_bits(name);
                return filler<Get>(batch, get, [bits](std::size_t i, bool value) { set_bit(bits, i, value); });
            } else {
                Value* values = batch.add<Value>(name);
                return filler<Get>(batch, get, [values](std::size_t i, Value value) { values[i] = value; });
            }
        });
        return *this;
    }

    /// A column of names, of which `get` returns the number: an integer, an enumerator, or a std::optional of these.
    template <class Get>
    ArrowColumns& add(std::string name, std::vector<std::string> names, Get get) {
        columns_.push_back([name = std::move(name), names = std::move(names), get](ArrowBatch& batch) -> Fill {
            if (names.size() <= 128) return names_filler<std::int8_t>(batch, name, names, get);
            return names_filler<std::int32_t>(batch, name, names, get);
        });
        return *this;
    }

    /// `count` of the rows, from row `first`. They lie in one piece, or in several that `contiguous_from` tells of.
    template <class Rows>
    [[nodiscard]] ArrowBatch batch(const Rows& rows, std::size_t first, std::size_t count) const {
        ArrowBatch batch(count);
        std::vector<Fill> fills;
        for (const auto& add_to : columns_) fills.push_back(add_to(batch));
        // All columns of some rows, then all of the next: the rows come from memory once, whatever the number of
        // columns.
        for (std::size_t at = 0; at < count;) {
            const std::size_t n = std::min({piece, count - at, contiguous(rows, first + at)});
            for (const Fill& fill : fills) fill(&rows[first + at], n, at);
            at += n;
        }
        return batch;
    }
    template <class Rows>
    [[nodiscard]] ArrowBatch batch(const Rows& rows) const {
        return batch(rows, 0, rows.size());
    }

  private:
    /// Writes what it takes from `n` rows to the column, from its row `at`.
    using Fill = std::function<void(const Row* rows, std::size_t n, std::size_t at)>;
    static constexpr std::size_t piece = 512;

    template <class T>
    struct IsOptional : std::false_type {};
    template <class T>
    struct IsOptional<std::optional<T>> : std::true_type {};
    template <class Get>
    static constexpr bool is_nullable = IsOptional<std::remove_cvref_t<std::invoke_result_t<Get, const Row&>>>::value;

    template <class Get>
    static auto value_of(const Get& get, const Row& row) {
        if constexpr (is_nullable<Get>) {
            return *std::invoke(get, row);
        } else {
            return std::invoke(get, row);
        }
    }

    static void set_bit(std::uint8_t* bits, std::size_t i, bool value) {
        bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | unsigned{value} << i % 8);
    }

    template <class Index, class Get>
    static Fill names_filler(ArrowBatch& batch, const std::string& name, const std::vector<std::string>& names,
                             const Get& get) {
        Index* indices = batch.add_names<Index>(name, names);
        return filler<Get>(batch, get,
                           [indices](std::size_t i, auto value) { indices[i] = static_cast<Index>(value); });
    }

    template <class Get, class Put>
    static Fill filler(ArrowBatch& batch, const Get& get, Put put) {
        if constexpr (is_nullable<Get>) {
            std::uint8_t* validity = batch.add_validity();
            return [get, put, validity](const Row* rows, std::size_t n, std::size_t at) {
                for (std::size_t i = 0; i < n; ++i) {
                    const auto value = std::invoke(get, rows[i]);
                    set_bit(validity, at + i, value.has_value());
                    put(at + i, value ? *value : std::remove_cvref_t<decltype(*value)>{});
                }
            };
        } else {
            return [get, put](const Row* rows, std::size_t n, std::size_t at) {
                for (std::size_t i = 0; i < n; ++i) put(at + i, std::invoke(get, rows[i]));
            };
        }
    }

    template <class Rows>
    static std::size_t contiguous(const Rows& rows, std::size_t i) {
        if constexpr (std::ranges::contiguous_range<Rows>) {
            return rows.size() - i;
        } else {
            return rows.contiguous_from(i);
        }
    }

    std::vector<std::function<Fill(ArrowBatch&)>> columns_;
};
