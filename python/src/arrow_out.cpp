#include "arrow_out.hpp"

#include <cerrno>
#include <exception>
#include <new>
#include <tuple>

#include <nanobook/detail/memory.hpp>

namespace nb = nanobind;
using nanobook::detail::allocate_block;
using nanobook::detail::free_block;

namespace {

void check(ArrowErrorCode code) {
    // All that can fail in what we build ourselves is memory.
    if (code != NANOARROW_OK) throw std::bad_alloc();
}

// What the consumer of a table reads comes in huge pages where it is big: touching it first is most of the work.
std::uint8_t* allocate(ArrowBuffer* buffer, std::size_t bytes) {
    buffer->data = static_cast<std::uint8_t*>(allocate_block(bytes));
    buffer->size_bytes = buffer->capacity_bytes = static_cast<std::int64_t>(bytes);
    buffer->allocator =
        ArrowBufferDeallocator([](ArrowBufferAllocator*, std::uint8_t* data,
                                  std::int64_t size) { free_block(data, static_cast<std::size_t>(size)); },
                               nullptr);
    return buffer->data;
}

}  // namespace

std::uint8_t* ArrowBatch::add_column(std::string name, ArrowType type, std::size_t bytes) {
    Column& column = columns_.emplace_back();
    column.name = std::move(name);
    column.type = type;
    return allocate(column.values.get(), bytes);
}

ArrowBatch::Decimal* ArrowBatch::add_decimals(std::string name, int scale) {
    std::uint8_t* data = add_column(std::move(name), NANOARROW_TYPE_INT64, rows_ * sizeof(Decimal));
    set_format("d:20," + std::to_string(scale));  // 20 digits hold whatever 64 bits do
    return reinterpret_cast<Decimal*>(data);
}

std::uint8_t* ArrowBatch::add_zeroed(std::string name, ArrowType type, std::size_t bytes) {
    std::uint8_t* data = add_column(std::move(name), type, bytes);
    std::memset(data, 0, bytes);
    return data;
}

std::uint8_t* ArrowBatch::add_validity() {
    const std::size_t bytes = (rows_ + 7) / 8;
    std::uint8_t* bits = allocate(columns_.back().validity.get(), bytes);
    std::memset(bits, 0, bytes);
    return bits;
}

void ArrowBatch::borrow_column(std::string name, ArrowType type, const void* values, std::size_t bytes,
                               std::shared_ptr<const void> owner) {
    if (bytes == 0) {
        // There may be no pointer, which Arrow's consumers do not like.
        add_column(std::move(name), type, bytes);
        return;
    }
    Column& column = columns_.emplace_back();
    column.name = std::move(name);
    column.type = type;
    nanoarrow::BufferInitWrapped(column.values.get(), std::move(owner), static_cast<const std::uint8_t*>(values),
                                 static_cast<std::int64_t>(bytes));
}

ArrowBatch ArrowBatch::share(const std::shared_ptr<const ArrowBatch>& batch) {
    ArrowBatch shared(batch->rows_);
    shared.metadata_ = batch->metadata_;
    for (const Column& column : batch->columns_) {
        const auto bytes = static_cast<std::size_t>(column.values->size_bytes);
        shared.borrow_column(column.name, column.type, column.values->data, bytes, batch);
        Column& copy = shared.columns_.back();
        copy.names = column.names;
        copy.format = column.format;
        if (column.validity->data == nullptr) continue;
        nanoarrow::BufferInitWrapped(copy.validity.get(), std::shared_ptr<const void>(batch), column.validity->data,
                                     column.validity->size_bytes);
    }
    return shared;
}

void ArrowBatch::describe(ArrowSchema* schema) const {
    ArrowSchemaInit(schema);
    check(ArrowSchemaSetTypeStruct(schema, static_cast<std::int64_t>(columns_.size())));
    if (!metadata_.empty()) {
        nanoarrow::UniqueBuffer metadata;
        check(ArrowMetadataBuilderInit(metadata.get(), nullptr));
        const auto view = [](const std::string& text) {
            return ArrowStringView{text.data(), static_cast<std::int64_t>(text.size())};
        };
        for (const auto& [key, value] : metadata_) {
            check(ArrowMetadataBuilderAppend(metadata.get(), view(key), view(value)));
        }
        check(ArrowSchemaSetMetadata(schema, reinterpret_cast<const char*>(metadata->data)));
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        const Column& column = columns_[i];
        ArrowSchema* child = schema->children[i];
        check(ArrowSchemaSetName(child, column.name.c_str()));
        check(ArrowSchemaSetType(child, column.type));
        if (!column.format.empty()) check(ArrowSchemaSetFormat(child, column.format.c_str()));
        if (column.names.empty()) continue;
        check(ArrowSchemaAllocateDictionary(child));
        check(ArrowSchemaInitFromType(child->dictionary, NANOARROW_TYPE_STRING));
    }
}

nanoarrow::UniqueArray ArrowBatch::build(const ArrowSchema* schema) {
    nanoarrow::UniqueArray array;
    check(ArrowArrayInitFromSchema(array.get(), schema, nullptr));
    array->length = static_cast<std::int64_t>(rows_);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        Column& column = columns_[i];
        ArrowArray* child = array->children[i];
        child->length = array->length;
        if (const std::uint8_t* bits = column.validity->data; bits != nullptr) {
            child->null_count = child->length - ArrowBitCountSet(bits, 0, child->length);
            check(ArrowArraySetBuffer(child, 0, column.validity.get()));
        }
        check(ArrowArraySetBuffer(child, 1, column.values.get()));
        if (column.names.empty()) continue;
        check(ArrowArrayStartAppending(child->dictionary));
        for (const std::string& name : column.names) {
            const ArrowStringView text{name.data(), static_cast<std::int64_t>(name.size())};
            check(ArrowArrayAppendString(child->dictionary, text));
        }
    }
    check(ArrowArrayFinishBuilding(array.get(), NANOARROW_VALIDATION_LEVEL_MINIMAL, nullptr));
    return array;
}

namespace {

// A consumer moves the stream out; if none does, the end of the capsule releases it.
nb::capsule capsule_of(std::unique_ptr<ArrowArrayStream> stream) {
    nb::capsule capsule(stream.get(), "arrow_array_stream", [](void* pointer) noexcept {
        const std::unique_ptr<ArrowArrayStream> unread(static_cast<ArrowArrayStream*>(pointer));
        if (unread->release != nullptr) unread->release(unread.get());
    });
    std::ignore = stream.release();
    return capsule;
}

}  // namespace

// What stands behind a stream whose batches come one by one.
class BatchStream {
  public:
    BatchStream(std::function<std::optional<ArrowBatch>()> next, ArrowBatch first)
        : next_(std::move(next)), first_(std::move(first)) {
        first_->describe(schema_.get());
        if (first_->rows() == 0) first_.reset();
    }

    static void export_to(std::unique_ptr<BatchStream> self, ArrowArrayStream* stream) {
        stream->get_schema = [](ArrowArrayStream* s, ArrowSchema* out) {
            return ArrowSchemaDeepCopy(of(s)->schema_.get(), out);
        };
        stream->get_next = [](ArrowArrayStream* s, ArrowArray* out) { return of(s)->next(out); };
        stream->get_last_error = [](ArrowArrayStream* s) -> const char* { return of(s)->error_.c_str(); };
        stream->release = [](ArrowArrayStream* s) {
            delete of(s);
            s->release = nullptr;
        };
        stream->private_data = self.release();
    }

  private:
    static BatchStream* of(ArrowArrayStream* stream) noexcept {
        return static_cast<BatchStream*>(stream->private_data);
    }

    int next(ArrowArray* out) noexcept {
        try {
            std::optional<ArrowBatch> batch = first_ ? std::exchange(first_, std::nullopt) : next_();
            out->release = nullptr;
            if (batch) batch->build(schema_.get()).move(out);
            return NANOARROW_OK;
        } catch (const std::exception& error) {
            error_ = error.what();
            return EIO;
        }
    }

    std::function<std::optional<ArrowBatch>()> next_;
    std::optional<ArrowBatch> first_;
    nanoarrow::UniqueSchema schema_;
    std::string error_;
};

nb::capsule to_capsule(std::function<std::optional<ArrowBatch>()> next, ArrowBatch first) {
    auto stream = std::make_unique<ArrowArrayStream>();
    BatchStream::export_to(std::make_unique<BatchStream>(std::move(next), std::move(first)), stream.get());
    return capsule_of(std::move(stream));
}

nb::capsule to_capsule(std::vector<ArrowBatch> batches) {
    nanoarrow::UniqueSchema schema;
    batches.front().describe(schema.get());
    std::vector<nanoarrow::UniqueArray> arrays;
    for (ArrowBatch& batch : batches) arrays.push_back(batch.build(schema.get()));

    auto stream = std::make_unique<ArrowArrayStream>();
    nanoarrow::VectorArrayStream(schema.get(), std::move(arrays)).ToArrayStream(stream.get());
    return capsule_of(std::move(stream));
}

nb::capsule to_capsule(ArrowBatch batch) {
    std::vector<ArrowBatch> batches;
    batches.push_back(std::move(batch));
    return to_capsule(std::move(batches));
}
