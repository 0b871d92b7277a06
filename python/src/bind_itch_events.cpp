// ITCH as events of an exchange: a stream like a list, which is read anew for every question. Files are Python
// (itch.py).
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <nanobook/exchange/exchange.hpp>
#include <nanobook/exchange/multi_exchange.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/events.hpp>
#include <nanobook/itch/replay.hpp>
#include <nanobook/itch/report.hpp>

#include "arguments.hpp"
#include "arrow_out.hpp"
#include "bind.hpp"
#include "chunk_source.hpp"
#include "event_source.hpp"
#include "exchange_objects.hpp"
#include "exchange_tables.hpp"
#include "itch_text.hpp"

namespace nb = nanobind;
namespace itch = nanobook::itch;
using namespace nb::literals;
using nanobook::Event;
using nanobook::Symbol;
using nanobook::Timestamp;

namespace {

// ---------------------------------------------------------------------- passes

/// What every pass over a stream begins with, and what the first whole one found out. Needs the GIL.
struct Origin {
    struct Found {
        std::uint64_t count;
        std::vector<Symbol> symbols;
        itch::Report report;
    };

    nb::object chunks;  // called without arguments: an iterator of (bytes,) or (mapped file, begin, size)
    nb::object finish;  // called with the report at the end of a pass; what it raises ends the pass instead
    itch::ReplayOptions options;
    std::optional<Found> found;
};

/// The events from first to last, once. Needs no GIL: it takes it for each chunk.
class Pass final : public EventSource {
  public:
    explicit Pass(std::shared_ptr<Origin> origin)
        : origin_(std::move(origin)), chunks_(origin_->chunks), stream_(std::in_place, origin_->options) {}
    ~Pass() override {
        if (!nb::is_alive()) {
            // An Arrow stream that outlived the interpreter, and with it all that it refers to.
            (void)new std::shared_ptr<Origin>(std::move(origin_));
            return;
        }
        const nb::gil_scoped_acquire held;
        close();
        origin_.reset();
    }

    /// Lets go of the file: there are no more events. Needs the GIL.
    void close() {
        stream_.reset();
        left_ = {};
        chunks_.close();
        is_over_ = true;
    }

    /// None at the end. Good until the next call. After an exception such as KeyboardInterrupt it goes on, unless the
    /// bytes ended with it.
    itch::EventBatch next() {
        const itch::EventBatch batch = more();
        if (batch.empty() && !is_over_) finish();
        return batch;
    }

    /// The same, at least `least` at a time as long as there are so many. Good until there are more: not the end.
    itch::EventBatch read(std::size_t least) {
        if (!is_reading_) {
            const itch::EventBatch first = next();
            if (first.empty()) return first;
            events_.clear();
            times_.clear();
            append(first);
            is_reading_ = true;
        }
        while (events_.size() < least) {
            const itch::EventBatch batch = more();
            if (batch.empty()) break;
            append(batch);
        }
        is_reading_ = false;
        return {events_, times_};
    }

    itch::EventBatch next(std::size_t least) override { return least <= 1 ? next() : read(least); }
    [[nodiscard]] std::uint32_t price_scale() const noexcept override { return itch::event_price_scale; }
    [[nodiscard]] std::optional<Symbol> only_symbol() const noexcept override {
        if (origin_->options.symbols.size() == 1) return origin_->options.symbols.front();
        if (origin_->found && origin_->found->symbols.size() == 1) return origin_->found->symbols.front();
        return std::nullopt;
    }

  private:
    // None at the end, of which nobody hears yet.
    itch::EventBatch more() {
        itch::EventBatch batch;
        while (batch.empty() && !is_over_) {
            if (left_.empty() && (has_stopped_ || !fetch())) break;
            const auto piece = left_.first(std::min(itch::EventStream::piece_size, left_.size()));
            left_ = left_.subspan(piece.size());
            if (!stream_->feed(piece, [&](const itch::EventBatch& made) { batch = made; })) {
                has_stopped_ = true;
                left_ = {};
            }
        }
        count_ += batch.size();
        return batch;
    }

    void append(const itch::EventBatch& batch) {
        events_.insert(events_.end(), batch.begin(), batch.end());
        times_.insert(times_.end(), batch.times.begin(), batch.times.end());
    }

    // False where there are no more bytes.
    bool fetch() {
        left_ = chunks_.next();
        has_stopped_ = left_.empty();
        return !has_stopped_;
    }

    void finish() {
        const nb::gil_scoped_acquire held;
        stream_->finish();
        origin_->finish(stream_->report());
        if (!origin_->found) origin_->found = {count_, stream_->symbols(), stream_->report()};
        close();
    }

    std::shared_ptr<Origin> origin_;
    ChunkSource chunks_;
    std::optional<itch::EventStream> stream_;
    std::span<const std::byte> left_;  // of the chunk
    bool has_stopped_ = false;         // no more bytes are wanted, or there are none
    bool is_over_ = false;
    bool is_reading_ = false;  // an exception came while `events_` were read
    std::uint64_t count_ = 0;
    std::vector<Event> events_;
    std::vector<Timestamp> times_;
};

/// A place in the stream, with the events around it. Onwards is cheap; there is no way back.
class Cursor {
  public:
    explicit Cursor(std::shared_ptr<Origin> origin) : pass_(std::move(origin)) {}

    /// The number of the first event that it can still give.
    [[nodiscard]] std::uint64_t begin() const noexcept { return begin_; }

    /// Null where the stream has no such event.
    [[nodiscard]] const Event* find(std::uint64_t index) {
        while (index - begin_ >= block_.size()) {
            if (!read_block()) return nullptr;
        }
        return &block_.events[index - begin_];
    }

    /// How many events there are.
    std::uint64_t go_to_end() {
        while (read_block()) {
        }
        return begin_ + block_.size();
    }

  private:
    // So many that who walks backwards begins anew seldom.
    static constexpr std::size_t block_size = std::size_t{1} << 15;

    // At the end the last block stays.
    bool read_block() {
        const nb::gil_scoped_release released;
        const itch::EventBatch block = pass_.read(block_size);
        if (block.empty()) return false;
        begin_ += block_.size();
        block_ = block;
        return true;
    }

    Pass pass_;
    std::uint64_t begin_ = 0;
    itch::EventBatch block_;
};

// ---------------------------------------------------------------------- what Python sees

/// An iterator. Each has a pass of its own.
class EventIterator {
  public:
    explicit EventIterator(std::shared_ptr<Origin> origin) : pass_(std::make_unique<Pass>(std::move(origin))) {}

    nb::object next() {
        if (at_ == batch_.size()) [[unlikely]]
            read();
        return nb::cast(batch_.events[at_++]);
    }

  private:
    void read() {
        // Meanwhile it is nobody else's.
        if (is_reading_) throw std::runtime_error("the iterator is in use already");
        is_reading_ = true;
        struct Done {
            bool& flag;
            ~Done() { flag = false; }
        } done{is_reading_};
        at_ = 0;
        batch_ = {};
        {
            const nb::gil_scoped_release released;
            batch_ = pass_->next();
        }
        if (batch_.empty()) throw nb::stop_iteration();
    }

    std::unique_ptr<Pass> pass_;
    itch::EventBatch batch_;
    std::size_t at_ = 0;
    bool is_reading_ = false;
};

/// A feed of an exchange, or of several.
class FeedObject {
  public:
    FeedObject(nb::handle events, nb::handle exchange)
        : feed_(make(events, exchange)), exchange_(nb::borrow(exchange)) {}

    std::uint64_t run(const std::optional<Whole<std::uint64_t>>& count, std::optional<Timestamp> until) {
        constexpr std::uint64_t all = std::numeric_limits<std::uint64_t>::max();
        const std::uint64_t most = count ? count->get("count", 0) : all;
        return std::visit([&](auto& feed) { return feed.run(most, until.value_or(all), true); }, feed_);
    }

    nb::object next() {
        const std::optional<Event> event = std::visit([](auto& feed) { return feed.step(); }, feed_);
        if (!event) throw nb::stop_iteration();
        return nb::cast(*event);
    }

  private:
    using OneOrSeveral = std::variant<Feed<nanobook::Exchange>, Feed<nanobook::MultiExchange>>;

    static OneOrSeveral make(nb::handle events, nb::handle exchange) {
        auto source = to_event_source(events);
        if (!source) throw nb::type_error("a feed has the events of a stream, as parse_itch gives it");
        if (nb::isinstance<nanobook::MultiExchange>(exchange)) {
            return Feed(nb::cast<nanobook::MultiExchange&>(exchange), std::move(source));
        }
        if (nb::isinstance<nanobook::Exchange>(exchange)) {
            return Feed(nb::cast<nanobook::Exchange&>(exchange), std::move(source));
        }
        throw nb::type_error("a feed tells an Exchange or a MultiExchange");
    }

    OneOrSeveral feed_;
    nb::object exchange_;
};

/// The events of a stream of bytes. Nothing is kept of them but what lies around the index asked for last.
class Stream {
  public:
    Stream(nb::object chunks, nb::object finish, itch::ReplayOptions options)
        : origin_(std::make_shared<Origin>(
              Origin{std::move(chunks), std::move(finish), std::move(options), std::nullopt})) {}

    [[nodiscard]] const std::shared_ptr<Origin>& origin() const noexcept { return origin_; }

    [[nodiscard]] const Origin::Found& found() {
        if (!origin_->found) use_cursor(0, [](Cursor& cursor) { return cursor.go_to_end(); });
        return *origin_->found;
    }
    [[nodiscard]] std::uint64_t size() { return found().count; }
    [[nodiscard]] bool has_any() {
        return use_cursor(0, [](Cursor& cursor) { return cursor.find(0) != nullptr; });
    }

    [[nodiscard]] nb::object item(nb::handle number) {
        Py_ssize_t i = PyNumber_AsSsize_t(number.ptr(), PyExc_IndexError);
        if (i == -1 && PyErr_Occurred() != nullptr) throw nb::python_error();
        if (i < 0) i += static_cast<Py_ssize_t>(size());
        if (i >= 0) {
            const auto index = static_cast<std::uint64_t>(i);
            const auto event = use_cursor(index, [&](Cursor& cursor) -> std::optional<Event> {
                const Event* const found = cursor.find(index);
                return found != nullptr ? std::optional(*found) : std::nullopt;
            });
            if (event) return nb::cast(*event);
        }
        throw nb::index_error("index out of range");
    }

    [[nodiscard]] nb::list slice(const nb::slice& slice) {
        Py_ssize_t start = 0;
        Py_ssize_t stop = 0;
        Py_ssize_t step = 0;
        if (PySlice_Unpack(slice.ptr(), &start, &stop, &step) < 0) throw nb::python_error();
        // What is counted from the end needs to know where that is.
        const bool needs_size = start < 0 || stop < 0 || step < 0;
        const Py_ssize_t size = needs_size ? static_cast<Py_ssize_t>(this->size()) : PY_SSIZE_T_MAX;
        const Py_ssize_t count = PySlice_AdjustIndices(size, &start, &stop, step);
        if (count == 0) return {};
        const auto stride = static_cast<std::uint64_t>(step < 0 ? -step : step);
        const auto lowest = static_cast<std::uint64_t>(step < 0 ? start + (count - 1) * step : start);
        nb::list list = use_cursor(lowest, [&](Cursor& cursor) {
            nb::list events;
            for (Py_ssize_t i = 0; i < count; ++i) {
                const Event* const event = cursor.find(lowest + static_cast<std::uint64_t>(i) * stride);
                if (event == nullptr) break;
                events.append(nb::cast(*event));
            }
            return events;
        });
        if (step < 0) list.attr("reverse")();
        return list;
    }

    [[nodiscard]] nb::capsule arrow() const {
        // Large enough that what a table costs does not count, and small beside what reads it.
        constexpr std::size_t rows = std::size_t{1} << 17;
        const auto pass = std::make_shared<Pass>(origin_);
        const auto read = [pass]() -> std::optional<ArrowBatch> {
            const itch::EventBatch events = pass->read(rows);
            if (events.empty()) return std::nullopt;
            return to_table(events.events, events.times);
        };
        std::optional<ArrowBatch> first = [&] {
            const nb::gil_scoped_release released;
            return read();
        }();
        return to_capsule(interruptible(read, pass),
                          first ? std::move(*first) : to_table(std::span<const Event>(), {}));
    }

  private:
    // While somebody uses the cursor, it is not there for others: not for other threads, nor for a progress function
    // that asks on. They begin anew.
    template <class Use>
    std::invoke_result_t<Use, Cursor&> use_cursor(std::uint64_t index, Use&& use) {
        std::unique_ptr<Cursor> cursor = std::move(cursor_);
        if (!cursor || cursor->begin() > index) cursor = std::make_unique<Cursor>(origin_);
        auto result = use(*cursor);
        cursor_ = std::move(cursor);
        return result;
    }

    std::shared_ptr<Origin> origin_;
    std::unique_ptr<Cursor> cursor_;
};

}  // namespace

std::unique_ptr<EventSource> to_event_source(nb::handle events) {
    if (!nb::isinstance<Stream>(events)) return nullptr;
    return std::make_unique<Pass>(nb::cast<const Stream&>(events).origin());
}

void bind_itch_events(nb::module_& parent) {
    auto m = nb::cast<nb::module_>(parent.attr("itch"));
    nb::class_<EventIterator>(m, "EventIterator", "The events of a stream, one by one.")
        .def(
            "__iter__", [](nb::object self) { return self; }, nb::sig("def __iter__(self) -> EventIterator"))
        .def("__next__", &EventIterator::next, nb::sig("def __next__(self) -> nanobook._core.Event"));

    nb::class_<FeedObject>(m, "Feed", "Tells an exchange a stream of events in parts.")
        .def(nb::init<nb::handle, nb::handle>(),
             nb::sig("def __init__(self, events: EventStream, exchange: nanobook._core.Exchange | "
                     "nanobook._core.MultiExchange) -> None"),
             "events"_a, "exchange"_a)
        .def("run", &FeedObject::run, "count"_a = nb::none(), "until"_a = nb::none(),
             "Up to `count` events, and none later than `until`; how many there were.")
        .def(
            "__iter__", [](nb::object self) { return self; }, nb::sig("def __iter__(self) -> typing.Self"))
        .def("__next__", &FeedObject::next, nb::sig("def __next__(self) -> nanobook._core.Event"),
             "Tells one event, and gives it.");

    nb::class_<Stream>(m, "EventStream", "A stream of bytes as events of an exchange, like a list.")
        .def(
            "__init__",
            [](Stream* self, nb::object chunks, nb::object finish, const std::vector<nb::str>& symbols,
               std::optional<Timestamp> until, bool strict) {
                new (self) Stream(std::move(chunks), std::move(finish), {symbols_named(symbols), until, strict});
            },
            nb::sig(
                "def __init__(self, chunks: collections.abc.Callable[[], collections.abc.Iterator[tuple[typing.Any, "
                "...]]], finish: collections.abc.Callable[[Report], object], symbols: collections.abc.Sequence[str] "
                "= ..., until: int | None = None, strict: bool = False) -> None"),
            "chunks"_a, "finish"_a, "symbols"_a = std::vector<nb::str>(), "until"_a = nb::none(), "strict"_a = false,
            "`chunks` begins a pass: an iterator of what `feed` of a reader takes. `finish` hears its report.")
        .def("__len__", &Stream::size, "How many events there are. The first time it reads the whole file.")
        .def("__bool__", &Stream::has_any, "Whether there is any event at all.")
        .def("__getitem__", &Stream::slice,
             nb::sig("def __getitem__(self, index: slice) -> list[nanobook._core.Event]"), "index"_a)
        .def("__getitem__", &Stream::item, nb::sig("def __getitem__(self, index: int) -> nanobook._core.Event"),
             "index"_a)
        .def(
            "__iter__", [](const Stream& self) { return EventIterator(self.origin()); },
            "The events in order, by a pass of its own.")
        .def(
            "__arrow_c_stream__", [](const Stream& self, const nb::object&) { return self.arrow(); },
            nb::sig(arrow_stream_signature), "requested_schema"_a = nb::none(),
            "Tables one by one, as the reader asks for them: polars.DataFrame(events) makes one table.")
        .def_prop_ro(
            "price_scale", [](const Stream&) { return itch::event_price_scale; },
            "Decimals of every price: 4, so that 1_500_000 is $150.00.")
        .def_prop_ro(
            "symbols",
            [](Stream& self) {
                std::vector<Symbol> symbols = self.found().symbols;
                std::sort(symbols.begin(), symbols.end());
                nb::list names;
                for (const Symbol& symbol : symbols) names.append(text(symbol.view()));
                return names;
            },
            nb::sig("def symbols(self) -> list[str]"), "Those that have events, sorted. Like len.")
        .def_prop_ro(
            "report", [](Stream& self) { return self.found().report; }, "What was odd about the stream. Like len.");
}
