// ITCH as tables: streams of Arrow batches, whose memory does not depend on the length of the file.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/unordered_map.h>
#include <nanobind/stl/vector.h>

#if !defined(_WIN32)
#include <unistd.h>
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nanobook/itch/unwrap.hpp>

#include "arguments.hpp"
#include "arrow_out.hpp"
#include "bind.hpp"
#include "chunk_source.hpp"
#include "itch_framing.hpp"
#include "itch_tables.hpp"
#include "itch_text.hpp"

namespace nb = nanobind;
namespace itch = nanobook::itch;
using namespace nb::literals;
using nanobook::Timestamp;

namespace {

/// What passes over a stream are made of. Needs the GIL.
struct Request {
    std::vector<MarketTable> tables;  // empty: messages of ...
    char type = 0;                    // ... this type
    TableOptions options;
    nb::object chunks;  // called without arguments: an iterator of (bytes,) or (mapped file, begin, size)
    nb::object finish;  // called with the report at the end of a pass; what it raises ends the pass instead
    nb::object scan;    // as `chunks`, for the pass that looks for broken trades, ...
    std::shared_ptr<const itch::BrokenTrades> broken;  // ... unless they are known

    [[nodiscard]] bool needs_scan() const {
        return !broken && std::ranges::any_of(tables, [](MarketTable table) {
            return table == MarketTable::trades || table == MarketTable::bars;
        });
    }
};

/// One pass: batches of its tables, as there are rows. `next` is called without the GIL, which it takes where it meets
/// Python: for each chunk, above all.
class Pass {
  public:
    explicit Pass(std::shared_ptr<const Request> request)
        : request_(std::move(request)), options_(request_->options), rows_(number_of_tables()) {
        chunks_.emplace(request_->chunks);
    }
    ~Pass() {
        if (is_of_other_process()) (void)maker_.release();  // its threads are not in this one, and cannot be ended
        if (!nb::is_alive()) {
            // A stream that outlived the interpreter, and with it all that it refers to.
            (void)new std::shared_ptr<const Request>(std::move(request_));
            return;
        }
        const nb::gil_scoped_acquire held;
        request_.reset();
    }

    [[nodiscard]] const Request& request() const noexcept { return *request_; }

    /// Lets go of the file: there are no more rows. Needs the GIL.
    void close() {
        let_go_of_books();
        chunks_->close();
        is_over_ = true;
    }

    /// The trades that were taken back so far.
    [[nodiscard]] itch::BrokenTrades broken() const { return maker_ ? maker_->broken() : last_broken_; }
    [[nodiscard]] std::unordered_map<std::uint64_t, std::size_t> broken_rows() {
        return maker_ ? maker_->broken_rows() : last_broken_rows_;
    }

    /// For the garbage collector: what of Python it holds.
    int traverse(visitproc visit, void* arg) const {
        if (request_.use_count() > 1) return 0;  // held by others too, who are not asked
        for (const nb::object* held : {&request_->chunks, &request_->finish, &request_->scan}) Py_VISIT(held->ptr());
        return chunks_->traverse(visit, arg);
    }
    void clear() {
        close();
        request_ = std::make_shared<const Request>();
    }

    /// The number of a table and rows of it; none at the end, nor where the `most` bytes have not enough for a batch.
    std::optional<std::pair<std::size_t, ArrowBatch>> next(std::size_t most = std::numeric_limits<std::size_t>::max()) {
        if (is_of_other_process()) throw std::runtime_error("this pass over the file is another process's: begin anew");
        if (has_failed_) throw std::runtime_error("this pass over the file broke off: begin anew");
        has_failed_ = true;
        auto batch = next_of(most);
        has_failed_ = false;
        return batch;
    }

  private:
    // A batch is this large or larger, but for the last.
    static constexpr std::size_t enough_rows = std::size_t{1} << 16;

    [[nodiscard]] std::size_t number_of_tables() const noexcept {
        return std::max<std::size_t>(1, request_->tables.size());
    }

    // What it begun in another process has its threads there: those that keep books, and one that decompresses.
    [[nodiscard]] bool is_of_other_process() const noexcept {
#if defined(_WIN32)
        return false;
#else
        return maker_ && process_ != ::getpid();
#endif
    }

    // Whoever keeps a pass that is over shall not keep its books and threads.
    void let_go_of_books() {
        last_broken_ = broken();
        last_broken_rows_ = broken_rows();
        maker_.reset();
    }

    std::optional<std::pair<std::size_t, ArrowBatch>> next_of(std::size_t most) {
        if (is_over_ && !maker_) return std::nullopt;
        if (!maker_) begin();
        for (;;) {
            for (; at_ < number_of_tables(); ++at_) {
                while (maker_->rows(at_) >= (is_over_ ? 1 : enough_rows)) {
                    ArrowBatch batch = maker_->take(at_);
                    rows_[at_] += batch.rows();
                    if (batch.rows() > 0) return std::pair(at_, std::move(batch));
                }
            }
            if (is_over_) {
                let_go_of_books();
                return std::nullopt;
            }
            at_ = 0;
            if (fed_ < most) {
                read();
            } else if (!maker_->settle() || maker_->is_in_doubt()) {
                stop();
            } else {
                return std::nullopt;
            }
        }
    }

    void begin() {
#if !defined(_WIN32)
        process_ = ::getpid();
#endif
        if (request_->tables.empty()) {
            maker_ = message_table(request_->type, options_);
            return;
        }
        broken_ = request_->broken;
        if (request_->needs_scan()) {
            itch::Reader reader;
            itch::BrokenTrades found;
            ChunkSource scan = source_of(request_->scan);
            for (auto bytes = scan.next(); !bytes.empty() && find_broken_trades(reader, bytes, found);) {
                bytes = scan.next();
            }
            broken_ = std::make_shared<const itch::BrokenTrades>(std::move(found));
        }
        maker_ = market_tables(request_->tables, options_, broken_);
    }

    static ChunkSource source_of(const nb::object& chunks) {
        const nb::gil_scoped_acquire held;
        return ChunkSource(chunks);
    }

    void read() {
        if (left_.empty() && !read_chunk()) return stop();
        const auto piece = left_.first(std::min(maker_->piece_size(), left_.size()));
        left_ = left_.subspan(piece.size());
        fed_ += piece.size();
        if (!maker_->feed(piece) || maker_->is_in_doubt()) stop();
    }

    // False at the end.
    bool read_chunk() {
        try {
            left_ = chunks_->next();
            return !left_.empty();
        } catch (const nb::python_error& error) {
            // What is wrong with bytes that one thread would not have read is not wrong.
            const bool is_over = !maker_->settle() || maker_->is_in_doubt();
            const nb::gil_scoped_acquire held;
            if (!is_over || error.matches(PyExc_KeyboardInterrupt)) throw;
            return false;
        }
    }

    void stop() {
        left_ = {};
        if (!maker_->is_in_doubt()) maker_->finish();
        if (maker_->is_in_doubt()) return begin_anew();
        is_over_ = true;
        const nb::gil_scoped_acquire held;
        request_->finish(maker_->report());
        chunks_->close();
    }

    // With one thread, up to where it was: what was handed out was sound.
    void begin_anew() {
        options_.threads = 1;
        maker_ = market_tables(request_->tables, options_, broken_);
        for (std::size_t table = 0; table < rows_.size(); ++table) maker_->skip(table, rows_[table]);
        fed_ = 0;
        const nb::gil_scoped_acquire held;
        chunks_.emplace(request_->chunks);
    }

    std::shared_ptr<const Request> request_;
    TableOptions options_;
    std::optional<ChunkSource> chunks_;
    std::shared_ptr<const itch::BrokenTrades> broken_;
    std::unique_ptr<TableMaker> maker_;  // may read the chunks until it is gone
    std::vector<std::size_t> rows_;      // handed out, by table
    std::span<const std::byte> left_;    // of the chunk
    std::size_t at_ = 0;                 // the table at hand
    std::size_t fed_ = 0;                // bytes
    bool has_failed_ = false;
    bool is_over_ = false;
    itch::BrokenTrades last_broken_;  // of the maker that is gone
    std::unordered_map<std::uint64_t, std::size_t> last_broken_rows_;
#if !defined(_WIN32)
    ::pid_t process_ = 0;  // in which it began
#endif
};

// Of no rows, for the names of its columns.
ArrowBatch empty_batch(const Request& request, std::size_t table) {
    TableOptions options = request.options;
    options.threads = 1;
    const auto maker =
        request.tables.empty() ? message_table(request.type, options) : market_tables(request.tables, options, nullptr);
    return maker->take(table);
}

/// One table of a stream.
struct TableObject {
    explicit TableObject(std::shared_ptr<const Request> wanted) : request(std::move(wanted)) {}

    std::shared_ptr<const Request> request;

    [[nodiscard]] nb::capsule arrow() const {
        const auto pass = std::make_shared<Pass>(request);
        // What is wrong with a small file, or the beginning of a large one, raises here: the consumer of the stream
        // would make an error of its own of it.
        constexpr std::size_t beginning = std::size_t{1} << 23;
        auto first = [&] {
            const nb::gil_scoped_release released;
            return pass->next(beginning);
        }();
        const auto read = [pass]() -> std::optional<ArrowBatch> {
            auto batch = pass->next();
            if (!batch) return std::nullopt;
            return std::move(batch->second);
        };
        return to_capsule(interruptible(read, pass), first ? std::move(first->second) : empty_batch(*request, 0));
    }
};

/// Batches in memory, which can be read any number of times.
struct Batches {
    std::vector<std::shared_ptr<const ArrowBatch>> batches;

    [[nodiscard]] nb::capsule arrow() const {
        std::vector<ArrowBatch> shared;
        for (const auto& batch : batches) shared.push_back(ArrowBatch::share(batch));
        return to_capsule(std::move(shared));
    }
    [[nodiscard]] std::size_t rows() const {
        std::size_t rows = 0;
        for (const auto& batch : batches) rows += batch->rows();
        return rows;
    }
};

/// Several tables, in one pass.
class TablesIterator {
  public:
    explicit TablesIterator(std::shared_ptr<const Request> request) : pass_(std::move(request)) {}

    nb::object next() {
        auto batch = [&] {
            const nb::gil_scoped_release released;
            return pass_.next();
        }();
        if (!batch) throw nb::stop_iteration();
        auto batches = std::make_shared<Batches>();
        batches->batches.push_back(std::make_shared<const ArrowBatch>(std::move(batch->second)));
        return nb::make_tuple(nb::cast(name_of(batch->first)), nb::cast(batches));
    }

    [[nodiscard]] Pass& pass() noexcept { return pass_; }
    [[nodiscard]] itch::BrokenTrades broken() const { return pass_.broken(); }
    [[nodiscard]] std::unordered_map<std::uint64_t, std::size_t> broken_rows() { return pass_.broken_rows(); }

    [[nodiscard]] nb::dict no_rows() const {
        nb::dict made;
        for (std::size_t i = 0; i < std::max<std::size_t>(1, pass_.request().tables.size()); ++i) {
            auto batches = std::make_shared<Batches>();
            batches->batches.push_back(std::make_shared<const ArrowBatch>(empty_batch(pass_.request(), i)));
            made[name_of(i).c_str()] = nb::cast(batches);
        }
        return made;
    }

  private:
    [[nodiscard]] std::string name_of(std::size_t table) const {
        const Request& request = pass_.request();
        if (request.tables.empty()) return {request.type};
        return std::string(market_table_names[static_cast<std::size_t>(request.tables[table])]);
    }

    Pass pass_;
};

// Whoever hears the progress may hold the iterator: the garbage collector has to see that.
int traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    return nb::inst_ready(self) ? nb::inst_ptr<TablesIterator>(self)->pass().traverse(visit, arg) : 0;
}
int clear(PyObject* self) {
    if (nb::inst_ready(self)) nb::inst_ptr<TablesIterator>(self)->pass().clear();
    return 0;
}
PyType_Slot iterator_slots[] = {
    {Py_tp_traverse, reinterpret_cast<void*>(traverse)}, {Py_tp_clear, reinterpret_cast<void*>(clear)}, {0, nullptr}};

/// Tables and books of a stream that goes on. It works with the GIL, so that one thread may read the books that another
/// feeds.
class LiveTables {
  public:
    LiveTables(std::shared_ptr<const Request> request, itch::Unwrapper unwrapper)
        : request_(std::move(request)),
          market_(live_market(request_->tables, request_->options)),
          unwrapper_(std::move(unwrapper)) {}

    /// New rows, by the name of the table.
    nb::dict feed(const nb::bytes& bytes) {
        market_.tables->feed(unwrapper_.feed(bytes_of(bytes)));
        return taken();
    }
    nb::dict feed_datagram(const nb::bytes& datagram) {
        market_.tables->feed(unwrapper_.feed_datagram(bytes_of(datagram)));
        return taken();
    }
    nb::dict finish() {
        market_.tables->feed(unwrapper_.finish());
        market_.tables->finish();
        return taken();
    }

    [[nodiscard]] const std::shared_ptr<MarketReplay>& replay() const noexcept { return market_.replay; }
    [[nodiscard]] const itch::Unwrapper& unwrapper() const noexcept { return unwrapper_; }

  private:
    nb::dict taken() {
        nb::dict made;
        for (std::size_t table = 0; table < request_->tables.size(); ++table) {
            auto batches = std::make_shared<Batches>();
            while (market_.tables->rows(table) > 0) {
                ArrowBatch batch = market_.tables->take(table);
                if (batch.rows() > 0) {
                    batches->batches.push_back(std::make_shared<const ArrowBatch>(std::move(batch)));
                }
            }
            const std::string name(market_table_names[static_cast<std::size_t>(request_->tables[table])]);
            if (!batches->batches.empty()) made[name.c_str()] = nb::cast(batches);
        }
        return made;
    }

    std::shared_ptr<const Request> request_;
    LiveMarket market_;
    itch::Unwrapper unwrapper_;
};

std::shared_ptr<const Request> to_request(const std::vector<std::string>& tables, nb::object chunks, nb::object finish,
                                          nb::object scan, TableOptions options,
                                          std::shared_ptr<const itch::BrokenTrades> broken = nullptr) {
    auto request = std::make_shared<Request>();
    request->options = std::move(options);
    request->broken = std::move(broken);
    for (const std::string& name : tables) {
        const auto found = std::ranges::find(market_table_names, name);
        if (found != std::end(market_table_names)) {
            request->tables.push_back(static_cast<MarketTable>(found - std::begin(market_table_names)));
        } else if (tables.size() == 1 && name.size() == 1 && chunks.is_valid()) {
            request->type = name.front();
        } else {
            raise_value_error("there is no table '" + name + "'");
        }
    }
    request->chunks = std::move(chunks);
    request->finish = std::move(finish);
    request->scan = std::move(scan);
    if (request->tables.empty() && request->chunks.is_valid())
        std::ignore = empty_batch(*request, 0);  // is there such a type?
    return request;
}

/// The constructor of what passes over a file.
template <class Object>
void def_init(nb::class_<Object>& cls) {
    cls.def(
        "__init__",
        [](Object* self, const std::vector<std::string>& tables, nb::object chunks, nb::object finish, nb::object scan,
           const std::vector<nb::str>& symbols, Timestamp start, std::optional<Timestamp> until, bool strict,
           std::optional<std::int64_t> midnight, std::size_t depth, Timestamp depth_interval, Timestamp bar_interval,
           bool decimal_prices, std::size_t threads, std::shared_ptr<itch::BrokenTrades> broken) {
            new (self) Object(to_request(tables, std::move(chunks), std::move(finish), std::move(scan),
                                         {symbols_named(symbols), start, until, strict, midnight, depth, depth_interval,
                                          bar_interval, decimal_prices, threads},
                                         std::move(broken)));
        },
        "tables"_a, "chunks"_a, "finish"_a, "scan"_a, "symbols"_a = std::vector<nb::str>(), "start"_a = 0,
        "until"_a = nb::none(), "strict"_a = false, "midnight"_a = nb::none(), "depth"_a = 10, "depth_interval"_a = 0,
        "bar_interval"_a = 60'000'000'000, "decimal_prices"_a = false, "threads"_a = 1, "broken"_a = nb::none(),
        "tables: names of tables, or one type of message. `chunks` and `scan` begin a pass: an iterator of what `feed` "
        "of a reader takes; `scan` is the one that looks for broken trades, unless they are given. `finish` hears the "
        "report. Times are in nanoseconds.");
}

}  // namespace

void bind_itch_tables(nb::module_& parent) {
    auto m = nb::cast<nb::module_>(parent.attr("itch"));
    const auto stream_signature = "def __arrow_c_stream__(self, requested_schema: object | None = None) -> object";

    nb::class_<Batches>(m, "Batches", "A table in memory. pl.DataFrame(table), pa.table(table) read it.")
        .def("__len__", &Batches::rows)
        .def_prop_ro(
            "columns", [](const Batches& self) { return self.batches.front()->names(); }, "Their names.")
        .def(
            "extend",
            [](Batches& self, const Batches& more) {
                if (self.batches.front()->names() != more.batches.front()->names()) {
                    raise_value_error("the columns of the other table are others");
                }
                const auto added = more.batches;  // a copy: it may be itself
                self.batches.insert(self.batches.end(), added.begin(), added.end());
            },
            "more"_a, "Adds the rows of another of the same columns.")
        .def(
            "__arrow_c_stream__", [](const Batches& self, const nb::object&) { return self.arrow(); },
            nb::sig(stream_signature), "requested_schema"_a = nb::none(), "The table as an Arrow stream.")
        .def("__repr__", [](const Batches& self) {
            return "<" + std::to_string(self.rows()) + " rows of " +
                   std::to_string(self.batches.front()->names().size()) + " columns>";
        });

    nb::class_<itch::BrokenTrades>(m, "BrokenTrades", "The trades that a day takes back, by match number.")
        .def(nb::init<>())
        .def("__len__", &itch::BrokenTrades::size);

    auto table = nb::class_<TableObject>(
        m, "Table", "A table of an ITCH file, which is read when the table is: pl.DataFrame(table), pa.table(table).");
    def_init(table);
    table
        .def_prop_ro(
            "columns", [](const TableObject& self) { return empty_batch(*self.request, 0).names(); }, "Their names.")
        .def(
            "__arrow_c_stream__", [](const TableObject& self, const nb::object&) { return self.arrow(); },
            nb::sig(stream_signature), "requested_schema"_a = nb::none(),
            "The table as an Arrow stream, read from the file batch by batch as the consumer asks.");

    auto iterator = nb::class_<TablesIterator>(m, "TablesIterator", "Several tables in one pass, batch by batch.",
                                               nb::type_slots(iterator_slots));
    def_init(iterator);
    iterator.def(
                "__iter__", [](nb::object self) { return self; }, nb::sig("def __iter__(self) -> TablesIterator"))
        .def("__next__", &TablesIterator::next, nb::sig("def __next__(self) -> tuple[str, Batches]"))
        .def("no_rows", &TablesIterator::no_rows, nb::sig("def no_rows(self) -> dict[str, Batches]"),
             "The tables by name, before anything is read.")
        .def_prop_ro("broken", &TablesIterator::broken, "The trades that were taken back so far.")
        .def_prop_ro("broken_rows", &TablesIterator::broken_rows,
                     "The same by match number, with the number of rows of trades that came before each was.");

    nb::class_<LiveTables>(m, "LiveTables", "Tables and books of a stream that goes on.")
        .def(
            "__init__",
            [](LiveTables* self, const std::vector<std::string>& tables, const std::vector<nb::str>& symbols,
               bool strict, std::optional<std::int64_t> midnight, std::size_t depth, Timestamp depth_interval,
               Timestamp bar_interval, bool decimal_prices, std::string_view framing, std::size_t window) {
                const TableOptions options{
                    symbols_named(symbols), 0, std::nullopt, strict, midnight, depth, depth_interval, bar_interval,
                    decimal_prices};
                new (self) LiveTables(to_request(tables, {}, {}, {}, options),
                                      itch::Unwrapper(wrapping_named(framing), {strict, window}));
            },
            "tables"_a, "symbols"_a = std::vector<nb::str>(), "strict"_a = false, "midnight"_a = nb::none(),
            "depth"_a = 10, "depth_interval"_a = 0, "bar_interval"_a = 60'000'000'000, "decimal_prices"_a = false,
            "framing"_a = "binaryfile", "window"_a = itch::Unwrapper::Options{}.window, "Times are in nanoseconds.")
        .def("feed", &LiveTables::feed, "chunk"_a, nb::sig("def feed(self, chunk: bytes) -> dict[str, Batches]"),
             "The next bytes of the stream, cut anywhere; new rows by the name of their table.")
        .def("feed_datagram", &LiveTables::feed_datagram, "datagram"_a,
             nb::sig("def feed_datagram(self, datagram: bytes) -> dict[str, Batches]"),
             "The same of one MoldUDP64 datagram; ValueError where the framing is another.")
        .def("finish", &LiveTables::finish, nb::sig("def finish(self) -> dict[str, Batches]"),
             "There are no more bytes.")
        .def_prop_ro("replay", &LiveTables::replay, nb::sig("def replay(self) -> Replay"),
                     "The books, as they are now.")
        .def_prop_ro("unwrapper", &LiveTables::unwrapper, nb::rv_policy::reference_internal,
                     nb::sig("def unwrapper(self) -> Unwrapper"), "What takes off the framing.");
}
