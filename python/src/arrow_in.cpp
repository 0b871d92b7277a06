#include "arrow_in.hpp"

#include <nanobind/stl/string.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <new>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>

namespace nb = nanobind;

namespace {

std::string in_quotes(std::string_view text) { return "'" + std::string(text) + "'"; }

// The beginning of a text, of whole characters.
std::string_view beginning_of(std::string_view text) {
    std::size_t size = std::min<std::size_t>(text.size(), 40);
    while (size > 0 && size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
    return text.substr(0, size);
}

[[noreturn]] void raise_value_error(const std::string& message) { throw nb::value_error(message.c_str()); }
[[noreturn]] void raise_type_error(const std::string& message) { throw nb::type_error(message.c_str()); }

[[noreturn, gnu::noinline]] void refuse(std::string_view column, std::size_t row, const std::string& what) {
    raise_value_error("column " + in_quotes(column) + ": row " + std::to_string(row) + " holds " + what);
}

/// Part of a column, and where it is: what an error tells.
struct Piece {
    std::string_view column;
    std::size_t first_row;
    const ArrowArrayView& view;
    const std::uint8_t* valid;  // a byte a row, or null

    [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(view.length); }
    [[nodiscard]] bool is_null(std::size_t i) const { return valid != nullptr && valid[i] == 0; }
    [[noreturn]] void refuse_row(std::size_t i, const std::string& what) const { refuse(column, first_row + i, what); }
};

void check(ArrowErrorCode code) {
    // Of what is built here: all that can fail is memory.
    if (code != NANOARROW_OK) throw std::bad_alloc();
}

void check(ArrowErrorCode code, const ArrowError& error) {
    if (code == ENOMEM) throw std::bad_alloc();
    if (code != NANOARROW_OK) raise_value_error(std::string("the Arrow table cannot be read: ") + error.message);
}

// ---------------------------------------------------------------------- types

ArrowSchemaView view_of(const ArrowSchema* schema) {
    ArrowSchemaView view;
    ArrowError error{};
    check(ArrowSchemaViewInit(&view, schema, &error), error);
    return view;
}

// As Polars calls it where that is another name.
std::string type_name(const ArrowSchema* schema) {
    std::array<char, 200> name{};
    ArrowSchemaToString(schema, name.data(), name.size(), 1);
    switch (view_of(schema).type) {
        case NANOARROW_TYPE_DOUBLE: return "Float64 (double)";
        case NANOARROW_TYPE_FLOAT: return "Float32 (float)";
        case NANOARROW_TYPE_STRING:
        case NANOARROW_TYPE_LARGE_STRING:
        case NANOARROW_TYPE_STRING_VIEW: return "String (Utf8)";
        case NANOARROW_TYPE_DATE32: return "Date (date32)";
        case NANOARROW_TYPE_DECIMAL128: return std::string("Decimal (") + name.data() + ")";
        default: return name.data();
    }
}

bool is_text(ArrowType type) {
    return type == NANOARROW_TYPE_STRING || type == NANOARROW_TYPE_LARGE_STRING || type == NANOARROW_TYPE_STRING_VIEW;
}

ArrowKind kind_of(const ArrowSchema* schema) {
    switch (const ArrowType type = view_of(schema).type) {
        case NANOARROW_TYPE_INT8:
        case NANOARROW_TYPE_INT16:
        case NANOARROW_TYPE_INT32:
        case NANOARROW_TYPE_INT64:
        case NANOARROW_TYPE_UINT8:
        case NANOARROW_TYPE_UINT16:
        case NANOARROW_TYPE_UINT32:
        case NANOARROW_TYPE_UINT64: return ArrowKind::integer;
        case NANOARROW_TYPE_FLOAT:
        case NANOARROW_TYPE_DOUBLE: return ArrowKind::real;
        case NANOARROW_TYPE_DECIMAL32:
        case NANOARROW_TYPE_DECIMAL64:
        case NANOARROW_TYPE_DECIMAL128:
        case NANOARROW_TYPE_DECIMAL256: return ArrowKind::decimal;
        case NANOARROW_TYPE_BOOL: return ArrowKind::boolean;
        case NANOARROW_TYPE_DICTIONARY:
            return is_text(view_of(schema->dictionary).type) ? ArrowKind::text : ArrowKind::other;
        default: return is_text(type) ? ArrowKind::text : ArrowKind::other;
    }
}

template <class T>
constexpr ArrowType type_of() {
    if (sizeof(T) == 1) return std::is_signed_v<T> ? NANOARROW_TYPE_INT8 : NANOARROW_TYPE_UINT8;
    if (sizeof(T) == 4) return std::is_signed_v<T> ? NANOARROW_TYPE_INT32 : NANOARROW_TYPE_UINT32;
    return std::is_signed_v<T> ? NANOARROW_TYPE_INT64 : NANOARROW_TYPE_UINT64;
}

/// What Arrow's C interface calls it.
template <class T>
constexpr char format_of() {
    switch (type_of<T>()) {
        case NANOARROW_TYPE_INT8: return 'c';
        case NANOARROW_TYPE_UINT8: return 'C';
        case NANOARROW_TYPE_INT32: return 'i';
        case NANOARROW_TYPE_UINT32: return 'I';
        case NANOARROW_TYPE_INT64: return 'l';
        default: return 'L';
    }
}

/// What `read` is told where no type is laid out as its result is.
constexpr ArrowType never_as_it_is = NANOARROW_TYPE_UNINITIALIZED;

// ---------------------------------------------------------------------- numbers

/// Calls `f` with the numbers of a column, whatever their type. Also with the indices into a dictionary.
template <class F>
void with_numbers(const ArrowArrayView& view, F f) {
    const auto call = [&]<class T>(const T* values) { f(values + view.offset); };
    const ArrowBufferViewData data = view.buffer_views[1].data;
    switch (view.storage_type) {
        case NANOARROW_TYPE_INT8: return call(data.as_int8);
        case NANOARROW_TYPE_INT16: return call(data.as_int16);
        case NANOARROW_TYPE_INT32: return call(data.as_int32);
        case NANOARROW_TYPE_INT64: return call(data.as_int64);
        case NANOARROW_TYPE_UINT8: return call(data.as_uint8);
        case NANOARROW_TYPE_UINT16: return call(data.as_uint16);
        case NANOARROW_TYPE_UINT32: return call(data.as_uint32);
        case NANOARROW_TYPE_UINT64: return call(data.as_uint64);
        case NANOARROW_TYPE_FLOAT: return call(data.as_float);
        case NANOARROW_TYPE_DOUBLE: return call(data.as_double);
        default: return;
    }
}

template <class T, class From>
void convert_integers(const Piece& piece, const From* values, T* out) {
    bool all_fit = true;
    for (std::size_t i = 0; i < piece.size(); ++i) {
        all_fit &= std::in_range<T>(values[i]);
        out[i] = static_cast<T>(values[i]);
    }
    if (all_fit) return;
    // Behind a null may be anything.
    for (std::size_t i = 0; i < piece.size(); ++i) {
        if (std::in_range<T>(values[i]) || piece.is_null(i)) continue;
        using Limits = std::numeric_limits<T>;
        piece.refuse_row(i, std::to_string(values[i]) + ", which is not from " + std::to_string(Limits::min()) +
                                " to " + std::to_string(Limits::max()));
    }
}

// ---------------------------------------------------------------------- text

/// The text of a row where offsets say where it ends.
template <class Offset>
struct OffsetText {
    const Offset* offsets;
    const char* data;
    const char* end;

    std::string_view operator()(std::size_t i) const {
        return {data + offsets[i], static_cast<std::size_t>(offsets[i + 1] - offsets[i])};
    }
    /// May twelve bytes be read where a short text begins?
    [[nodiscard]] bool reads_twelve(std::string_view text) const { return end - text.data() >= 12; }
};

/// The text of a row of sixteen bytes, of which twelve hold it if it is short.
struct ViewText {
    const ArrowBinaryView* views;
    const void* const* buffers;

    std::string_view operator()(std::size_t i) const {
        const ArrowBinaryView& view = views[i];
        const auto size = static_cast<std::size_t>(view.inlined.size);
        if (size <= NANOARROW_BINARY_VIEW_INLINE_SIZE) {
            return {reinterpret_cast<const char*>(view.inlined.data), size};
        }
        return {static_cast<const char*>(buffers[view.ref.buffer_index]) + view.ref.offset, size};
    }
    [[nodiscard]] static bool reads_twelve(std::string_view) { return true; }
};

/// Calls `f` with what gives the text of a row, for a column that is no dictionary.
template <class F>
void with_text(const ArrowArrayView& view, F f) {
    const char* data = view.buffer_views[2].data.as_char;
    const char* end = data + view.buffer_views[2].size_bytes;
    switch (view.storage_type) {
        case NANOARROW_TYPE_STRING:
            return f(OffsetText<std::int32_t>{view.buffer_views[1].data.as_int32 + view.offset, data, end});
        case NANOARROW_TYPE_LARGE_STRING:
            return f(OffsetText<std::int64_t>{view.buffer_views[1].data.as_int64 + view.offset, data, end});
        case NANOARROW_TYPE_STRING_VIEW:
            return f(ViewText{view.buffer_views[1].data.as_binary_view + view.offset, view.variadic_buffers});
        default: return;
    }
}

/// Calls `f` with the number and the dictionary index of every row that is not null.
template <class F>
void for_each_index(const Piece& piece, F f) {
    const ArrowArrayView& dictionary = *piece.view.dictionary;
    const auto entries = static_cast<std::uint64_t>(dictionary.length);
    const bool has_null = ArrowArrayViewComputeNullCount(&dictionary) > 0;
    with_numbers(piece.view, [&]<class Index>(const Index* indices) {
        if constexpr (std::is_integral_v<Index>) {
            for (std::size_t i = 0; i < piece.size(); ++i) {
                if (piece.is_null(i)) continue;
                const auto index = static_cast<std::uint64_t>(indices[i]);
                if (index >= entries) piece.refuse_row(i, "an index outside its dictionary");
                if (has_null && ArrowArrayViewIsNull(&dictionary, static_cast<std::int64_t>(index))) {
                    piece.refuse_row(i, "a null of its dictionary");
                }
                f(i, static_cast<std::size_t>(index));
            }
        }
    });
}

/// The codes of the texts seen last. There are few texts in such a column, in random order: a comparison with the last
/// one alone would be a coin that the processor cannot predict.
class CodeCache {
  public:
    template <class Text, class Slow>
    std::uint8_t code(const Text& text, std::size_t i, Slow slow) {
        const std::string_view value = text(i);
        if (value.size() > 12 || !text.reads_twelve(value)) [[unlikely]]
            return slow(value);
        const Key key = key_of(value);
        Entry& entry = entries_[(key.low * 0x9E3779B97F4A7C15 ^ key.high * 0xC2B2AE3D27D4EB4F) >> 56];
        if (entry.key != key) [[unlikely]]
            entry = {key, slow(value)};
        return entry.code;
    }

  private:
    struct Key {
        std::uint64_t low;
        std::uint64_t high = ~std::uint64_t{0};  // no text has it: its size is above twelve
        bool operator==(const Key&) const = default;
    };
    struct Entry {
        Key key{0};
        std::uint8_t code = 0;
    };

    /// All its bytes and its size.
    static Key key_of(std::string_view text) {
        std::uint64_t low = 0;
        std::uint32_t high = 0;
        std::memcpy(&low, text.data(), 8);
        std::memcpy(&high, text.data() + 8, 4);
        const std::size_t size = text.size();
        const std::uint64_t all = ~std::uint64_t{0};
        // Elsewhere the bytes behind the text stay, which makes for more keys than texts, and is as right.
        if constexpr (std::endian::native == std::endian::little) {
            low &= size >= 8 ? all : ~(all << 8 * size);
            high &= static_cast<std::uint32_t>(size <= 8 ? 0 : ~(all << 8 * (size - 8)));
        }
        return {low, std::uint64_t{size} << 32 | high};
    }

    std::array<Entry, 256> entries_{};
};

}  // namespace

// ---------------------------------------------------------------------- streams

struct ArrowTable::Schema {
    nanoarrow::UniqueSchema schema;
    std::vector<std::string_view> names;
    std::unordered_map<std::string_view, std::size_t> index;
    std::unordered_set<std::string_view> ambiguous;

    explicit Schema(nanoarrow::UniqueSchema taken) : schema(std::move(taken)) {
        for (std::int64_t i = 0; i < schema->n_children; ++i) {
            const char* name = schema->children[i]->name;
            names.emplace_back(name == nullptr ? "" : name);
            if (!index.emplace(names.back(), names.size() - 1).second) ambiguous.insert(names.back());
        }
    }
};

namespace {

template <class T>
T* pointer_in(nb::handle capsule, const char* name) {
    void* pointer = PyCapsule_GetPointer(capsule.ptr(), name);
    if (pointer == nullptr) throw nb::python_error();
    return static_cast<T*>(pointer);
}

nanoarrow::UniqueArrayStream stream_of(nb::handle source) {
    nanoarrow::UniqueArrayStream stream;
    if (nb::hasattr(source, "__arrow_c_stream__")) {
        const nb::object capsule = source.attr("__arrow_c_stream__")();
        stream.reset(pointer_in<ArrowArrayStream>(capsule, "arrow_array_stream"));
    } else if (nb::hasattr(source, "__arrow_c_array__")) {
        const nb::object pair = source.attr("__arrow_c_array__")();
        nanoarrow::UniqueSchema schema(pointer_in<ArrowSchema>(nb::object(pair[0]), "arrow_schema"));
        nanoarrow::UniqueArray array(pointer_in<ArrowArray>(nb::object(pair[1]), "arrow_array"));
        nanoarrow::VectorArrayStream(schema.get(), array.get()).ToArrayStream(stream.get());
    } else {
        const std::string type = nb::cast<std::string>(source.type().attr("__name__"));
        const bool is_lazy = nb::hasattr(source, "collect");
        raise_type_error("a table is needed, such as a Polars, pandas or pyarrow table, not " + type +
                         (is_lazy ? ": call .collect() first" : ""));
    }
    if (stream->release == nullptr) raise_value_error("the Arrow stream has been read already");
    return stream;
}

}  // namespace

ArrowReader::ArrowReader(nb::handle source, bool takes_column) : stream_(stream_of(source)) {
    nanoarrow::UniqueSchema schema;
    {
        const nb::gil_scoped_release release;
        ArrowError error{};
        check(ArrowArrayStreamGetSchema(stream_.get(), schema.get(), &error), error);
    }
    is_column_ = view_of(schema.get()).type != NANOARROW_TYPE_STRUCT;
    if (is_column_ && takes_column) {
        nanoarrow::UniqueSchema table;
        ArrowSchemaInit(table.get());
        check(ArrowSchemaSetTypeStruct(table.get(), 1));
        ArrowSchemaRelease(table->children[0]);
        ArrowSchemaMove(schema.get(), table->children[0]);
        schema = std::move(table);
    } else if (is_column_) {
        raise_type_error("a table is needed, not one column of " + type_name(schema.get()));
    }
    schema_ = std::make_shared<const ArrowTable::Schema>(std::move(schema));
}

std::optional<ArrowTable> ArrowReader::next() {
    const nb::gil_scoped_release release;
    nanoarrow::UniqueArray array;
    ArrowError error{};
    check(ArrowArrayStreamGetNext(stream_.get(), array.get(), &error), error);
    if (array->release == nullptr) return std::nullopt;
    if (is_column_) {
        nanoarrow::UniqueArray table;
        check(ArrowArrayInitFromType(table.get(), NANOARROW_TYPE_STRUCT));
        check(ArrowArrayAllocateChildren(table.get(), 1));
        table->length = array->length;
        ArrowArrayMove(array.get(), table->children[0]);
        array = std::move(table);
    }
    ArrowTable table(schema_, std::move(array), rows_read_);
    rows_read_ += table.rows();
    return table;
}

// ---------------------------------------------------------------------- columns

ArrowTable::ArrowTable(nb::handle source) {
    ArrowReader reader(source);
    schema_ = reader.schema_;
    while (std::optional<ArrowTable> next = reader.next()) {
        rows_ += next->rows_;
        batches_.push_back(std::move(next->batches_.front()));
    }
}

std::vector<double> read_reals(nb::handle column) {
    ArrowReader reader(column, true);
    std::vector<double> values;
    while (const std::optional<ArrowTable> next = reader.next()) {
        if (next->names().size() != 1)
            raise_type_error("one column is needed, not a table of " + std::to_string(next->names().size()));
        const ArrowColumn<double> piece = next->reals(next->names().front());
        values.insert(values.end(), piece.values().begin(), piece.values().end());
    }
    return values;
}

ArrowTable::ArrowTable(std::shared_ptr<const Schema> schema, nanoarrow::UniqueArray array, std::size_t first_row)
    : schema_(std::move(schema)), rows_(static_cast<std::size_t>(array->length)) {
    if (array->n_children != schema_->schema->n_children) {
        raise_value_error("the Arrow table has not the columns that it says");
    }
    const auto* validity = array->n_buffers > 0 ? static_cast<const std::uint8_t*>(array->buffers[0]) : nullptr;
    if (validity != nullptr && ArrowBitCountSet(validity, array->offset, array->length) < array->length) {
        raise_value_error("the Arrow table has rows that are null");
    }
    batches_.push_back({std::move(array), first_row});
}

const std::vector<std::string_view>& ArrowTable::names() const noexcept { return schema_->names; }

const ArrowSchema* ArrowTable::schema_of(std::size_t column) const noexcept {
    return schema_->schema->children[column];
}

bool ArrowTable::has(std::string_view name) const { return schema_->index.contains(name); }

std::size_t ArrowTable::index_of(std::string_view name) const {
    if (schema_->ambiguous.contains(name)) raise_value_error("two columns are named " + in_quotes(name));
    const auto found = schema_->index.find(name);
    if (found != schema_->index.end()) return found->second;
    std::string message = "no column " + in_quotes(name) + "; the columns are";
    const char* separator = " ";
    for (const std::string_view other : names()) {
        message += separator + std::string(other);
        separator = ", ";
    }
    raise_value_error(message);
}

ArrowKind ArrowTable::kind(std::string_view name) const { return kind_of(schema_of(index_of(name))); }

template <class T, class Convert>
ArrowColumn<T> ArrowTable::read(std::string_view name, Nulls nulls, std::initializer_list<ArrowKind> kinds,
                                const char* wanted, ArrowType as_it_is, Convert convert) const {
    const std::size_t index = index_of(name);
    const ArrowSchema* schema = schema_of(index);
    const ArrowType type = view_of(schema).type;
    ArrowColumn<T> column;
    if (type == NANOARROW_TYPE_NA) {
        // A column of nothing but nulls, such as one that was made without saying what of.
        if (nulls == Nulls::refuse && rows_ > 0) refuse(name, batches_.front().first_row, "null");
        column.valid_.resize(rows_);
        std::fill_n(column.allocate(rows_), rows_, T{});
        return column;
    }
    if (std::ranges::find(kinds, kind_of(schema)) == kinds.end()) {
        raise_type_error("column " + in_quotes(name) + " holds " + type_name(schema) + ", not " + wanted);
    }

    std::vector<nanoarrow::UniqueArrayView> views(batches_.size());
    for (std::size_t i = 0, row = 0; i < batches_.size(); ++i) {
        const ArrowArray& batch = *batches_[i].array.get();
        ArrowArrayView* view = views[i].get();
        ArrowError error{};
        check(ArrowArrayViewInitFromSchema(view, schema, &error), error);
        check(ArrowArrayViewSetArray(view, batch.children[index], &error), error);
        // A slice of a table may be told by the offset of its rows, of which the columns know nothing.
        view->offset += batch.offset;
        view->length = batch.length;
        if (ArrowArrayViewComputeNullCount(view) > 0) {
            column.valid_.resize(rows_, 1);
            for (std::int64_t j = 0; j < view->length; ++j) {
                if (!ArrowArrayViewIsNull(view, j)) continue;
                const auto at = static_cast<std::size_t>(j);
                if (nulls == Nulls::refuse) refuse(name, batches_[i].first_row + at, "null");
                column.valid_[row + at] = 0;
            }
        }
        row += static_cast<std::size_t>(view->length);
    }

    if (type == as_it_is && batches_.size() == 1 && !column.has_nulls()) {
        const ArrowArrayView& view = *views.front().get();
        column.values_ = {static_cast<const T*>(view.buffer_views[1].data.data) + view.offset, rows_};
        return column;
    }
    T* out = column.allocate(rows_);
    const std::uint8_t* valid = column.has_nulls() ? column.valid_.data() : nullptr;
    for (std::size_t i = 0, row = 0; i < batches_.size(); ++i) {
        const Piece piece{name, batches_[i].first_row, *views[i].get(), valid == nullptr ? nullptr : valid + row};
        convert(piece, out + row);
        row += piece.size();
    }
    for (std::size_t i = 0; i < column.valid_.size(); ++i) {
        if (column.is_null(i)) out[i] = T{};
    }
    return column;
}

// A wide table has hundreds of columns, and most are as they are wanted: for these there is no need of a view.
template <class T>
const T* ArrowTable::as_they_are(std::size_t index) const noexcept {
    const ArrowSchema* schema = schema_of(index);
    if (batches_.size() != 1 || schema->dictionary != nullptr) return nullptr;
    if (schema->format[0] != format_of<T>() || schema->format[1] != '\0') return nullptr;
    const ArrowArray& batch = *batches_.front().array.get();
    const ArrowArray& column = *batch.children[index];
    const std::int64_t offset = column.offset + batch.offset;
    if (column.n_buffers != 2 || column.length - batch.offset < batch.length) return nullptr;
    const auto* validity = static_cast<const std::uint8_t*>(column.buffers[0]);
    const bool has_nulls = validity != nullptr && column.null_count != 0 &&
                           ArrowBitCountSet(validity, offset, batch.length) < batch.length;
    if (has_nulls || column.buffers[1] == nullptr) return nullptr;
    return static_cast<const T*>(column.buffers[1]) + offset;
}

template <class T>
ArrowColumn<T> ArrowTable::integers(std::string_view name, Nulls nulls) const {
    if (const T* values = as_they_are<T>(index_of(name))) {
        ArrowColumn<T> column;
        column.values_ = {values, rows_};
        return column;
    }
    return read<T>(name, nulls, {ArrowKind::integer}, "integers", type_of<T>(), [](const Piece& piece, T* out) {
        with_numbers(piece.view, [&]<class From>(const From* values) {
            if constexpr (std::is_integral_v<From>) convert_integers(piece, values, out);
        });
    });
}
template ArrowColumn<std::uint8_t> ArrowTable::integers(std::string_view, Nulls) const;
template ArrowColumn<std::int32_t> ArrowTable::integers(std::string_view, Nulls) const;
template ArrowColumn<std::uint32_t> ArrowTable::integers(std::string_view, Nulls) const;
template ArrowColumn<std::int64_t> ArrowTable::integers(std::string_view, Nulls) const;
template ArrowColumn<std::uint64_t> ArrowTable::integers(std::string_view, Nulls) const;

ArrowColumn<double> ArrowTable::reals(std::string_view name, Nulls nulls) const {
    const auto convert = [](const Piece& piece, double* out) {
        with_numbers(piece.view, [&](const auto* values) {
            std::transform(values, values + piece.size(), out, [](auto value) { return static_cast<double>(value); });
        });
    };
    return read<double>(name, nulls, {ArrowKind::real, ArrowKind::integer}, "numbers", NANOARROW_TYPE_DOUBLE, convert);
}

bool ArrowTable::is_date(std::string_view name) const {
    const ArrowType type = view_of(schema_of(index_of(name))).type;
    return type == NANOARROW_TYPE_DATE32 || type == NANOARROW_TYPE_DATE64 || type == NANOARROW_TYPE_TIMESTAMP;
}

ArrowDates ArrowTable::dates(std::string_view name) const {
    const ArrowSchema* schema = schema_of(index_of(name));
    const ArrowSchemaView view = view_of(schema);
    constexpr std::int64_t seconds = 86'400;
    std::int64_t per_day = 1;
    switch (view.type) {
        case NANOARROW_TYPE_DATE32: break;
        case NANOARROW_TYPE_DATE64: per_day = seconds * 1'000; break;
        case NANOARROW_TYPE_TIMESTAMP:
            per_day = seconds;
            for (int unit = NANOARROW_TIME_UNIT_SECOND; unit < view.time_unit; ++unit) per_day *= 1'000;
            break;
        default: raise_type_error("column " + in_quotes(name) + " holds " + type_name(schema) + ", not dates");
    }
    const auto convert = [](const Piece& piece, std::int64_t* out) {
        with_numbers(piece.view, [&](const auto* values) {
            std::transform(values, values + piece.size(), out,
                           [](auto value) { return static_cast<std::int64_t>(value); });
        });
    };
    ArrowDates dates{read<std::int64_t>(name, Nulls::refuse, {ArrowKind::other}, "dates",
                                        per_day == 1 ? never_as_it_is : view.type, convert),
                     schema->format, per_day};
    constexpr std::int64_t first_day = -719'162;  // 0001-01-01, as Python has it
    constexpr std::int64_t last_day = 2'932'896;  // 9999-12-31
    for (std::size_t row = 0; row < rows_; ++row) {
        const std::int64_t value = dates.values[row];
        const std::int64_t day = value / per_day - (value % per_day < 0 ? 1 : 0);
        if (day < first_day || day > last_day) {
            refuse(name, batches_.front().first_row + row, "a date outside the years 1 to 9999");
        }
    }
    return dates;
}

ArrowColumn<std::uint8_t> ArrowTable::booleans(std::string_view name, Nulls nulls) const {
    const auto convert = [](const Piece& piece, std::uint8_t* out) {
        ArrowBitsUnpackInt8(piece.view.buffer_views[1].data.as_uint8, piece.view.offset, piece.view.length,
                            reinterpret_cast<std::int8_t*>(out));
    };
    return read<std::uint8_t>(name, nulls, {ArrowKind::boolean}, "booleans", never_as_it_is, convert);
}

ArrowColumn<std::string_view> ArrowTable::text(std::string_view name, Nulls nulls) const {
    const auto convert = [](const Piece& piece, std::string_view* out) {
        if (piece.view.dictionary != nullptr) {
            with_text(*piece.view.dictionary, [&](const auto& text) {
                for_each_index(piece, [&](std::size_t i, std::size_t index) { out[i] = text(index); });
            });
            return;
        }
        with_text(piece.view, [&](const auto& text) {
            for (std::size_t i = 0; i < piece.size(); ++i) {
                if (!piece.is_null(i)) out[i] = text(i);
            }
        });
    };
    return read<std::string_view>(name, nulls, {ArrowKind::text}, "text", never_as_it_is, convert);
}

ArrowColumn<std::uint8_t> ArrowTable::codes(std::string_view name, const Decode& decode, std::string_view expected,
                                            Nulls nulls) const {
    const auto convert = [&](const Piece& piece, std::uint8_t* out) {
        const auto code_of = [&](std::size_t i, std::string_view text) -> std::uint8_t {
            if (const auto code = decode(text)) return *code;
            piece.refuse_row(i, in_quotes(beginning_of(text)) + ", not " + std::string(expected));
        };
        if (piece.view.dictionary == nullptr) {
            with_text(piece.view, [&](const auto& text) {
                CodeCache cache;
                for (std::size_t i = 0; i < piece.size(); ++i) {
                    if (piece.is_null(i)) continue;
                    out[i] = cache.code(text, i, [&](std::string_view value) { return code_of(i, value); });
                }
            });
            return;
        }
        // A dictionary may have entries that no row has, and those need no code.
        constexpr int unknown = -1;
        std::vector<std::int16_t> codes(static_cast<std::size_t>(piece.view.dictionary->length), unknown);
        with_text(*piece.view.dictionary, [&](const auto& text) {
            for_each_index(piece, [&](std::size_t i, std::size_t index) {
                if (codes[index] == unknown) [[unlikely]]
                    codes[index] = code_of(i, text(index));
                out[i] = static_cast<std::uint8_t>(codes[index]);
            });
        });
    };
    return read<std::uint8_t>(name, nulls, {ArrowKind::text}, "text", never_as_it_is, convert);
}
