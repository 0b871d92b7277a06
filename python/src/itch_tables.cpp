#include "itch_tables.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <functional>
#include <string>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/market_data.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/parallel_replay.hpp>
#include <nanobook/itch/reader.hpp>
#include <nanobook/itch/replay.hpp>

#include "arguments.hpp"

namespace itch = nanobook::itch;
using nanobook::Side;
using nanobook::Symbol;
using nanobook::Timestamp;

namespace {

// Latin-1, as `text()` has it.
std::string to_utf8(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            text += c;
        } else {
            text += static_cast<char>(0xC0 | byte >> 6);
            text += static_cast<char>(0x80 | (byte & 0x3F));
        }
    }
    return text;
}

/// Texts, numbered as they come.
class Names {
  public:
    std::int32_t number_of(std::string_view name) {
        const auto [at, is_new] = numbers_.try_emplace(std::string(name), static_cast<std::int32_t>(names_.size()));
        if (is_new) names_.push_back(to_utf8(name));
        return at->second;
    }

    /// A dictionary has at least one entry: without any it would be none.
    [[nodiscard]] std::vector<std::string> names() const {
        return names_.empty() ? std::vector<std::string>{""} : names_;
    }

  private:
    std::unordered_map<std::string, std::int32_t> numbers_;
    std::vector<std::string> names_;
};

/// Symbols, numbered as they come.
class Symbols {
  public:
    static constexpr std::int32_t none = -1;

    std::int32_t number_of(itch::Locate locate, Symbol symbol) {
        if (symbol == Symbol{}) return none;
        if (locate >= last_.size()) last_.resize(locate + std::size_t{1}, {Symbol{}, none});
        auto& [known, number] = last_[locate];
        if (known != symbol) {
            known = symbol;
            number = names_.number_of(symbol.view());
        }
        return number;
    }
    [[nodiscard]] std::vector<std::string> names() const { return names_.names(); }

  private:
    std::vector<std::pair<Symbol, std::int32_t>> last_;  // by locate
    Names names_;
};

/// Columns of a table, from its rows.
template <class Row>
class TableOf {
  public:
    TableOf(std::span<const Row> rows, const TableOptions& options)
        : rows_(rows), options_(options), batch_(rows.size()) {}

    /// Numbers or booleans, or a std::optional of them that is empty where there is null.
    template <class Get>
    TableOf& add(const char* name, Get get) {
        if constexpr (std::same_as<Number<Get>, bool>) {
            auto* const bits = batch_.add_bits(name);
            return fill(get, [bits](std::size_t i, bool value) { set_bit(bits, i, value); });
        } else {
            auto* const values = batch_.add<Number<Get>>(name);
            return fill(get, [values](std::size_t i, Number<Get> value) { values[i] = value; });
        }
    }

    /// Prices, whole numbers of so many decimals, or a std::optional of them.
    template <class Get>
    TableOf& add_price(const char* name, Get get, int decimals = 4) {
        if (!options_.decimal_prices) return add(name, get);
        auto* const values = batch_.add_decimals(name, decimals);
        return fill(get, [values](std::size_t i, Number<Get> value) {
            values[i] = {static_cast<std::int64_t>(value), value < 0 ? -1 : 0};
        });
    }

    /// Text, or a std::optional of it.
    template <class Get>
    TableOf& add_text(const char* name, Get get) {
        Names names;
        std::vector<std::int32_t> numbers(rows_.size(), Symbols::none);
        for (std::size_t i = 0; i < rows_.size(); ++i) {
            const std::optional<std::string_view> text = get(rows_[i]);
            if (text) numbers[i] = names.number_of(*text);
        }
        return add_numbers(name, names.names(), numbers);
    }

    /// Characters; a blank is the empty text.
    template <class Get>
    TableOf& add_character(const char* name, Get get) {
        std::array<std::int16_t, 256> number{};
        std::array<bool, 256> is_there{};
        for (const Row& row : rows_) is_there[static_cast<unsigned char>(get(row))] = true;
        std::vector<std::string> names;
        for (std::size_t byte = 0; byte < 256; ++byte) {
            if (!is_there[byte]) continue;
            const auto c = static_cast<char>(byte);
            const bool is_blank = c == ' ' || c == '\0';
            // One name for both: a dictionary has no entry twice.
            if (is_blank && is_there[0] && byte != 0) {
                number[byte] = number[0];
                continue;
            }
            number[byte] = static_cast<std::int16_t>(names.size());
            names.push_back(is_blank ? std::string() : to_utf8({&c, 1}));
        }
        if (names.empty()) names.emplace_back();
        auto* const numbers = batch_.add_names<std::int16_t>(name, std::move(names));
        for (std::size_t i = 0; i < rows_.size(); ++i) numbers[i] = number[static_cast<unsigned char>(get(rows_[i]))];
        return *this;
    }

    /// What `get` gives the number of, or less than 0 where there is null.
    template <class Get>
    TableOf& add_names(const char* name, std::vector<std::string> names, Get get) {
        std::vector<std::int32_t> numbers(rows_.size());
        std::ranges::transform(rows_, numbers.begin(), get);
        return add_numbers(name, std::move(names), numbers);
    }

    /// The same numbers, a row each.
    TableOf& add_numbers(const char* name, std::vector<std::string> names, const std::vector<std::int32_t>& numbers) {
        std::ranges::copy(numbers, batch_.add_names<std::int32_t>(name, std::move(names)));
        if (std::ranges::find(numbers, Symbols::none) == numbers.end()) return *this;
        std::uint8_t* const valid = batch_.add_validity();
        for (std::size_t i = 0; i < numbers.size(); ++i) set_bit(valid, i, numbers[i] != Symbols::none);
        return *this;
    }

    /// The time since midnight, and where the day is known, that of UTC.
    template <class Get>
    TableOf& add_time(Get get) {
        add("timestamp", [get](const Row& row) { return static_cast<std::int64_t>(get(row)); });
        if (!options_.midnight) return *this;
        add("datetime", [get, midnight = *options_.midnight](const Row& row) {
            return midnight + static_cast<std::int64_t>(get(row));
        });
        batch_.set_format("tsn:UTC");
        return *this;
    }

    [[nodiscard]] ArrowBatch batch() {
        // All columns of some rows, then all of the next: the rows come from memory once, however many columns there
        // are.
        constexpr std::size_t piece = 1024;
        for (std::size_t begin = 0; begin < rows_.size(); begin += piece) {
            for (const auto& fill : fills_) fill(begin, std::min(begin + piece, rows_.size()));
        }
        return std::move(batch_);
    }

  private:
    template <class Value>
    struct NumberOf {
        using type = Value;
    };
    template <class Value>
    struct NumberOf<std::optional<Value>> {
        using type = Value;
    };
    template <class Get>
    using Number = typename NumberOf<std::remove_cvref_t<std::invoke_result_t<Get, const Row&>>>::type;

    // Puts what `get` gives, later: it keeps no reference to anything that is gone by then.
    template <class Get, class Put>
    TableOf& fill(Get get, Put put) {
        if constexpr (std::same_as<Number<Get>, std::remove_cvref_t<std::invoke_result_t<Get, const Row&>>>) {
            fills_.push_back([rows = rows_, get, put](std::size_t begin, std::size_t end) {
                for (std::size_t i = begin; i < end; ++i) put(i, get(rows[i]));
            });
        } else {
            std::uint8_t* const valid = batch_.add_validity();
            fills_.push_back([rows = rows_, get, put, valid](std::size_t begin, std::size_t end) {
                for (std::size_t i = begin; i < end; ++i) {
                    const auto value = get(rows[i]);
                    put(i, value.value_or(Number<Get>{}));
                    set_bit(valid, i, value.has_value());
                }
            });
        }
        return *this;
    }

    static void set_bit(std::uint8_t* bits, std::size_t i, bool value) {
        bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | unsigned{value} << i % 8);
    }

    std::span<const Row> rows_;
    const TableOptions& options_;
    ArrowBatch batch_;
    std::vector<std::function<void(std::size_t begin, std::size_t end)>> fills_;
};

// ---------------------------------------------------------------------- messages

template <class Message>
class MessageTable final : public TableMaker {
  public:
    explicit MessageTable(TableOptions options)
        : options_(std::move(options)), reader_({options_.strict}), learns_(!options_.symbols.empty() || !has_stock) {
        std::ranges::sort(options_.symbols);
    }

    bool feed(std::span<const std::byte> bytes) override {
        return reader_.feed(bytes, [this](const itch::Batch& batch) {
            for (std::size_t i = 0; i < batch.messages.size(); ++i) {
                const itch::Header& message = *batch.messages[i];
                if (options_.until && message.timestamp > *options_.until) return i;
                if (learns_) itch::visit(message, [this](const auto& m) { learn(m); });
                if (message.type == Message::code) take_in(static_cast<const Message&>(message));
            }
            return batch.messages.size();
        });
    }
    void finish() override { reader_.finish(); }
    [[nodiscard]] itch::Report report() const override { return reader_.report(); }
    void skip(std::size_t, std::size_t) override {}  // is never in doubt
    [[nodiscard]] std::size_t rows(std::size_t) const override { return rows_.size(); }

    ArrowBatch take(std::size_t) override {
        TableOf<Row> table(rows_, options_);
        table.add_time([](const Row& row) { return row.message.timestamp.value(); })
            .add("locate", [](const Row& row) { return row.message.locate.value(); })
            .add("tracking", [](const Row& row) { return row.message.tracking.value(); })
            .add_names("symbol", symbols_.names(), [](const Row& row) { return row.symbol; });
        std::apply([&](const auto&... field) { (add_field(table, field), ...); }, Message::fields());
        ArrowBatch batch = table.batch();
        rows_.clear();
        return batch;
    }

  private:
    struct Row {
        Message message;
        std::int32_t symbol;
    };
    static constexpr bool has_stock = requires(const Message& m) { m.stock; };
    // Some files have the same locate in every message.
    static constexpr bool is_of_market = Message::code == itch::SystemEvent::code ||
                                         Message::code == itch::MwcbDeclineLevel::code ||
                                         Message::code == itch::MwcbStatus::code;

    void learn(const itch::Header&) {}
    template <class Other>
        requires(requires(const Other& m) { m.stock; })
    void learn(const Other& message) {
        directory_.learn(message);
    }

    void take_in(const Message& message) {
        if (message.timestamp < options_.start) return;
        Symbol symbol;
        if constexpr (has_stock) {
            symbol = itch::symbol_of(message.stock);
        } else if (!is_of_market) {
            symbol = directory_[message.locate];
        }
        if (!options_.symbols.empty() && !std::ranges::binary_search(options_.symbols, symbol)) return;
        rows_.push_back({message, symbols_.number_of(message.locate, symbol)});
    }

    template <class Type>
    static void add_field(TableOf<Row>& table, const itch::Field<Message, Type>& field) {
        const auto member = field.member;
        if constexpr (std::same_as<Type, char>) {
            table.add_character(field.name, [member](const Row& row) { return row.message.*member; });
        } else if constexpr (requires(Type value) { value.view(); }) {
            if (std::string_view(field.name) == "stock") return;
            table.add_text(field.name, [member](const Row& row) { return (row.message.*member).view(); });
        } else if constexpr (std::derived_from<Type, itch::Price4>) {
            table.add_price(field.name, [member](const Row& row) {
                return static_cast<std::int64_t>((row.message.*member).value());
            });
        } else if constexpr (std::same_as<Type, itch::Price8>) {
            table.add_price(field.name, [member](const Row& row) { return (row.message.*member).value(); }, 8);
        } else if constexpr (std::same_as<Type, itch::Uint48>) {
            table.add(field.name,
                      [member](const Row& row) { return static_cast<std::int64_t>((row.message.*member).value()); });
        } else {
            table.add(field.name, [member](const Row& row) { return (row.message.*member).value(); });
        }
    }

    TableOptions options_;
    itch::Reader reader_;
    bool learns_;
    itch::Directory directory_;
    Symbols symbols_;
    std::vector<Row> rows_;
};

// ---------------------------------------------------------------------- what is worked out

/// Tables of the rows that a MarketData has.
class MarketTables : public TableMaker {
  public:
    MarketTables(std::vector<MarketTable> tables, TableOptions options)
        : tables_(std::move(tables)), options_(std::move(options)), skip_(tables_.size()) {}

    [[nodiscard]] itch::BrokenTrades broken() const override { return data().taken_back; }

    [[nodiscard]] std::unordered_map<std::uint64_t, std::size_t> broken_rows() override {
        place_broken();
        std::unordered_map<std::uint64_t, std::size_t> rows;
        for (const auto& [match, place] : broken_) rows.emplace(match, place.rows);
        return rows;
    }

    void skip(std::size_t table, std::size_t rows) override { skip_[table] = rows; }

    [[nodiscard]] std::size_t piece_size() const override { return limited(TableMaker::piece_size()); }

    [[nodiscard]] std::size_t rows(std::size_t table) const override {
        const itch::MarketData& found = data();
        switch (tables_[table]) {
            case MarketTable::bbo: return found.quotes->rows.size();
            case MarketTable::trades: return found.trades.size();
            case MarketTable::depth:
                if (options_.depth_interval != 0) return grid_.rows(*found.depth);
                return found.depth->changed.rows.size() * std::max<std::size_t>(1, options_.depth / 16);
            case MarketTable::bars: return found.bars->rows.size();
            case MarketTable::orders: return found.orders->rows.size();
            case MarketTable::status: return found.status->rows.size();
            case MarketTable::mbo: return found.mbo->rows.size();
        }
        return 0;
    }

    ArrowBatch take(std::size_t table) override {
        itch::MarketData& found = data();
        switch (tables_[table]) {
            case MarketTable::bbo: return taken(table, found.quotes->rows, &MarketTables::quotes);
            case MarketTable::trades:
                place_broken();
                trades_made_ += found.trades.size();
                return taken(table, found.trades, &MarketTables::trades);
            case MarketTable::depth: return depth(table, *found.depth);
            case MarketTable::bars: return taken(table, found.bars->rows, &MarketTables::bars);
            case MarketTable::orders: return taken(table, found.orders->rows, &MarketTables::orders);
            case MarketTable::status: return taken(table, found.status->rows, &MarketTables::status);
            default: return taken(table, found.mbo->rows, &MarketTables::mbo);
        }
    }

  protected:
    [[nodiscard]] virtual itch::MarketData& data() noexcept = 0;
    [[nodiscard]] const itch::MarketData& data() const noexcept { return const_cast<MarketTables*>(this)->data(); }

    // Rows of depth are long, and there may be one of each message.
    [[nodiscard]] std::size_t limited(std::size_t piece_size) const noexcept {
        const bool has_depth = std::ranges::find(tables_, MarketTable::depth) != tables_.end();
        return has_depth ? std::min(piece_size, (std::size_t{1} << 24) / options_.depth) : piece_size;
    }

    [[nodiscard]] itch::ReplayOptions replay_options() const {
        return {.symbols = options_.symbols, .until = options_.until, .strict = options_.strict};
    }

    /// What is to be found.
    [[nodiscard]] itch::MarketData wanted(std::shared_ptr<const itch::BrokenTrades> broken) const {
        itch::MarketData data;
        data.start = options_.start;
        data.broken = std::move(broken);
        for (const MarketTable table : tables_) {
            switch (table) {
                case MarketTable::bbo: data.quotes.emplace(options_.start); break;
                case MarketTable::trades: data.keeps_trades = true; break;
                case MarketTable::depth:
                    data.depth.emplace(options_.depth, options_.depth_interval, options_.start, options_.until);
                    break;
                case MarketTable::bars: data.bars.emplace(options_.bar_interval); break;
                case MarketTable::orders: data.orders.emplace(options_.start); break;
                case MarketTable::status: data.status.emplace(options_.start); break;
                case MarketTable::mbo: data.mbo.emplace(options_.start); break;
            }
        }
        return data;
    }

  private:
    // Of depth in a batch: a row of many levels is long.
    [[nodiscard]] std::size_t most_rows() const noexcept {
        return std::clamp<std::size_t>(1'000'000 / options_.depth, 1, 65'536);
    }

    // How many trades were made before each was taken back: before the rows are handed out, and the offsets forgotten.
    void place_broken() {
        const itch::MarketData& found = data();
        for (const auto& [match, offset] : found.taken_back.all()) {
            const auto [place, is_new] = broken_.try_emplace(match);
            if (!is_new && place->second.offset == offset) continue;
            const auto later = std::ranges::lower_bound(found.trades, offset, {}, &itch::TapeTrade::offset);
            place->second = {offset, trades_made_ + static_cast<std::size_t>(later - found.trades.begin())};
        }
    }

    // Those that are not to be left out.
    template <class Row>
    std::span<const Row> unskipped(std::size_t table, const std::vector<Row>& rows) {
        const std::size_t left_out = std::min(skip_[table], rows.size());
        skip_[table] -= left_out;
        return std::span(rows).subspan(left_out);
    }

    template <class Row>
    ArrowBatch taken(std::size_t table, std::vector<Row>& rows,
                     ArrowBatch (MarketTables::*make)(std::span<const Row>)) {
        ArrowBatch batch = (this->*make)(unskipped(table, rows));
        rows.clear();
        return batch;
    }

    template <class Row>
    TableOf<Row> table_of(std::span<const Row> rows) {
        TableOf<Row> table(rows, options_);
        table.add_time([](const Row& row) { return row.timestamp; });
        add_symbol(table, rows);
        return table;
    }

    template <class Row>
    void add_symbol(TableOf<Row>& table, std::span<const Row> rows) {
        std::vector<std::int32_t> numbers;
        numbers.reserve(rows.size());
        for (const Row& row : rows) numbers.push_back(symbols_.number_of(row.locate, row.symbol));
        table.add_numbers("symbol", symbols_.names(), numbers);
    }

    static std::optional<std::int64_t> price_of(const itch::Best& best) {
        return best.shares != 0 ? std::optional(best.price) : std::nullopt;
    }

    ArrowBatch quotes(std::span<const itch::Quote> rows) {
        using Row = itch::Quote;
        return table_of(rows)
            .add_price("bid_price", [](const Row& row) { return price_of(row.sides[0]); })
            .add("bid_size", [](const Row& row) { return row.sides[0].shares; })
            .add_price("ask_price", [](const Row& row) { return price_of(row.sides[1]); })
            .add("ask_size", [](const Row& row) { return row.sides[1].shares; })
            .batch();
    }

    ArrowBatch trades(std::span<const itch::TapeTrade> rows) {
        using Row = itch::TapeTrade;
        return table_of(rows)
            .add_price("price", [](const Row& row) { return row.price; })
            .add("shares", [](const Row& row) { return row.shares; })
            .add("match", [](const Row& row) { return row.match; })
            .add_character("type", [](const Row& row) { return row.type; })
            .add_names("side", {"buy", "sell"},
                       [](const Row& row) {
                           return row.aggressor ? static_cast<std::int32_t>(*row.aggressor) : Symbols::none;
                       })
            .add("ref", [](const Row& row) { return row.aggressor ? std::optional(row.ref) : std::nullopt; })
            .add_text("cross_type",
                      [](const Row& row) -> std::optional<std::string_view> {
                          if (row.type != itch::CrossTrade::code) return std::nullopt;
                          return blank_is_empty(row.cross_type);
                      })
            .batch();
    }

    static std::string_view blank_is_empty(const char& c) {
        return c == ' ' || c == '\0' ? std::string_view() : std::string_view(&c, 1);
    }

    ArrowBatch bars(std::span<const itch::Bar> rows) {
        using Row = itch::Bar;
        return table_of(rows)
            .add_price("open", [](const Row& row) { return row.open; })
            .add_price("high", [](const Row& row) { return row.high; })
            .add_price("low", [](const Row& row) { return row.low; })
            .add_price("close", [](const Row& row) { return row.close; })
            .add("volume", [](const Row& row) { return row.volume; })
            .add("vwap", [this](const Row& row) { return options_.decimal_prices ? row.vwap() / 1e4 : row.vwap(); })
            .add("trades", [](const Row& row) { return row.trades; })
            .batch();
    }

    ArrowBatch status(std::span<const itch::StatusChange> rows) {
        using Row = itch::StatusChange;
        return table_of(rows)
            .add_character("type", [](const Row& row) { return row.type; })
            .add_character("state", [](const Row& row) { return row.state; })
            .add_text("market",
                      [](const Row& row) -> std::optional<std::string_view> {
                          if (row.type != itch::OperationalHalt::code) return std::nullopt;
                          return blank_is_empty(row.market);
                      })
            .add_text("reason",
                      [](const Row& row) -> std::optional<std::string_view> {
                          if (row.type != itch::TradingAction::code) return std::nullopt;
                          return row.reason.view();
                      })
            .batch();
    }

    ArrowBatch mbo(std::span<const itch::MboRow> rows) {
        using Row = itch::MboRow;
        const auto is_execution = [](const Row& row) {
            return row.type == itch::OrderExecuted::code || row.type == itch::OrderExecutedWithPrice::code;
        };
        // Of executions, or replacements, only: null else.
        const auto of = [](auto is_so, auto get) {
            return [is_so, get](const Row& row) { return is_so(row) ? std::optional(get(row)) : std::nullopt; };
        };
        const auto is_replacement = [](const Row& row) { return row.is_replacement; };
        return table_of(rows)
            .add_character("type", [](const Row& row) { return row.type; })
            .add_names("side", {"buy", "sell"}, [](const Row& row) { return static_cast<std::int32_t>(row.side); })
            .add("ref", [](const Row& row) { return row.ref; })
            .add_price("price", [](const Row& row) { return row.price; })
            .add("shares", [](const Row& row) { return row.shares; })
            .add("remaining", [](const Row& row) { return row.remaining; })
            .add("old_ref", of(is_replacement, [](const Row& row) { return row.old_ref; }))
            .add_price("old_price", of(is_replacement, [](const Row& row) { return row.old_price; }))
            .add("old_shares", of(is_replacement, [](const Row& row) { return row.old_shares; }))
            .add("match", of(is_execution, [](const Row& row) { return row.match; }))
            .add_price("execution_price", of(is_execution, [](const Row& row) { return row.execution_price; }))
            .add("printable", of(is_execution, [](const Row& row) { return row.is_printable; }))
            .add_text("attribution",
                      [](const Row& row) -> std::optional<std::string_view> {
                          if (row.type != itch::AddOrderMpid::code) return std::nullopt;
                          return row.attribution.view();
                      })
            .batch();
    }

    ArrowBatch orders(std::span<const itch::OrderLife> rows) {
        using Row = itch::OrderLife;
        TableOf<Row> table(rows, options_);
        add_symbol(table, rows);
        return table.add("ref", [](const Row& row) { return row.ref; })
            .add_names("side", {"buy", "sell"}, [](const Row& row) { return static_cast<std::int32_t>(row.side); })
            .add_price("price", [](const Row& row) { return row.price; })
            .add("shares", [](const Row& row) { return row.shares; })
            .add_text("attribution",
                      [](const Row& row) -> std::optional<std::string_view> {
                          if (!row.has_attribution) return std::nullopt;
                          return row.attribution.view();
                      })
            .add("entered", [](const Row& row) { return static_cast<std::int64_t>(row.entered); })
            .add("ended",
                 [](const Row& row) {
                     return row.end == itch::OrderEnd::live ? std::nullopt
                                                            : std::optional(static_cast<std::int64_t>(row.ended));
                 })
            .add_names("end", {std::begin(itch::order_end_names), std::end(itch::order_end_names)},
                       [](const Row& row) { return static_cast<std::int32_t>(row.end); })
            .add("executed", [](const Row& row) { return row.executed; })
            .add("cancelled", [](const Row& row) { return row.cancelled; })
            .add("executions", [](const Row& row) { return row.executions; })
            .add("first_fill",
                 [](const Row& row) {
                     return row.executions == 0 ? std::nullopt
                                                : std::optional(static_cast<std::int64_t>(row.first_fill));
                 })
            .add("ahead_shares", [](const Row& row) { return row.ahead_shares; })
            .add("ahead_orders", [](const Row& row) { return row.ahead_orders; })
            .add("old_ref",
                 [](const Row& row) { return row.is_replacement ? std::optional(row.old_ref) : std::nullopt; })
            .add("new_ref", [](const Row& row) { return row.is_replaced ? std::optional(row.new_ref) : std::nullopt; })
            .batch();
    }

    ArrowBatch depth(std::size_t table_number, itch::DepthRecorder& recorder) {
        itch::DepthRows made;
        if (options_.depth_interval != 0) {
            grid_.expand(recorder, made, most_rows());
        } else {
            std::swap(made, recorder.changed);
        }
        using Row = itch::Origin;
        const std::span<const Row> rows = unskipped(table_number, made.rows);
        TableOf<Row> table = table_of(rows);
        const std::size_t size = 2 * recorder.levels();
        for (std::size_t at = 0; at < size; ++at) {
            const auto level = [&made, size, at](const Row& row) -> const nanobook::LevelView& {
                return made.sides[static_cast<std::size_t>(&row - made.rows.data()) * size + at];
            };
            const std::string side = at < recorder.levels() ? "bid" : "ask";
            const std::string number = std::to_string(at % recorder.levels() + 1);
            table
                .add_price((side + "_price_" + number).c_str(),
                           [level](const Row& row) {
                               return level(row).order_count != 0 ? std::optional(level(row).price) : std::nullopt;
                           })
                .add((side + "_size_" + number).c_str(), [level](const Row& row) { return level(row).quantity.low; })
                .add((side + "_orders_" + number).c_str(), [level](const Row& row) { return level(row).order_count; });
        }
        return table.batch();
    }

    std::vector<MarketTable> tables_;
    TableOptions options_;
    std::vector<std::size_t> skip_;  // rows, by table
    struct BrokenPlace {
        std::uint64_t offset = 0;
        std::size_t rows = 0;  // of trades before it
    };
    std::unordered_map<std::uint64_t, BrokenPlace> broken_;  // by match number
    std::size_t trades_made_ = 0;
    itch::DepthGrid grid_;
    Symbols symbols_;
};

template <class Replay>
class SerialMarketTables final : public MarketTables {
  public:
    SerialMarketTables(const std::vector<MarketTable>& tables, const TableOptions& options,
                       std::shared_ptr<const itch::BrokenTrades> broken)
        : MarketTables(tables, options),
          replay_(std::make_shared<Replay>(replay_options(), wanted(std::move(broken)))) {}

    [[nodiscard]] const std::shared_ptr<Replay>& replay() const noexcept { return replay_; }

    bool feed(std::span<const std::byte> bytes) override { return replay_->feed(bytes); }
    void finish() override { replay_->finish(); }
    [[nodiscard]] itch::Report report() const override { return replay_->report(); }

  private:
    [[nodiscard]] itch::MarketData& data() noexcept override { return replay_->observer(); }

    std::shared_ptr<Replay> replay_;
};

/// While threads replay some bytes, the rows of those before are put in order.
template <bool Queues>
class ParallelMarketTables final : public MarketTables {
  public:
    ParallelMarketTables(const std::vector<MarketTable>& tables, const TableOptions& options,
                         const std::shared_ptr<const itch::BrokenTrades>& broken)
        : MarketTables(tables, options), data_(wanted(broken)), replay_(options.threads, replay_options(), data_) {}

    [[nodiscard]] std::size_t piece_size() const override { return limited(std::size_t{1} << 23); }
    bool feed(std::span<const std::byte> bytes) override {
        const bool is_full = replay_.pieces() == replay_.most_pieces;
        const bool is_going = !is_full || replay_.wait();
        if (replay_.is_in_doubt()) return is_going;
        replay_.start(bytes);
        if (is_full) data_.merge(replay_.made());
        return is_going;
    }
    bool settle() override {
        bool is_going = true;
        while (replay_.pieces() > 0 && !replay_.is_in_doubt()) {
            is_going = replay_.wait();
            merge();
        }
        return is_going;
    }
    void finish() override {
        settle();
        if (replay_.is_in_doubt()) return;
        replay_.finish();
        merge();
        data_.finish();
    }
    [[nodiscard]] bool is_in_doubt() const override { return replay_.is_in_doubt(); }
    [[nodiscard]] itch::Report report() const override { return replay_.report(); }

  private:
    [[nodiscard]] itch::MarketData& data() noexcept override { return data_; }

    // What there is, unless it is in doubt.
    void merge() {
        if (!replay_.is_in_doubt()) data_.merge(replay_.made());
    }

    itch::MarketData data_;
    itch::ParallelReplay<itch::MarketData, Queues> replay_;
};

template <bool Queues>
std::unique_ptr<TableMaker> market_tables_of(const std::vector<MarketTable>& tables, const TableOptions& options,
                                             std::shared_ptr<const itch::BrokenTrades> broken) {
    // The few books of some symbols are soon kept: nearly all the work is to pass over the others' messages.
    if (options.threads > 1 && options.symbols.empty()) {
        return std::make_unique<ParallelMarketTables<Queues>>(tables, options, broken);
    }
    using Replay = itch::Replay<itch::MarketData, Queues>;
    return std::make_unique<SerialMarketTables<Replay>>(tables, options, std::move(broken));
}

}  // namespace

std::unique_ptr<TableMaker> message_table(char type, const TableOptions& options) {
    std::unique_ptr<TableMaker> made;
    itch::AllMessages::for_each([&]<class Message>() {
        if (Message::code == type) made = std::make_unique<MessageTable<Message>>(options);
    });
    if (!made) raise_value_error("'" + to_utf8({&type, 1}) + "' is not a message type of ITCH 5.0");
    return made;
}

std::unique_ptr<TableMaker> market_tables(const std::vector<MarketTable>& tables, const TableOptions& options,
                                          std::shared_ptr<const itch::BrokenTrades> broken) {
    const bool needs_queues = std::ranges::find(tables, MarketTable::orders) != tables.end();
    return needs_queues ? market_tables_of<true>(tables, options, std::move(broken))
                        : market_tables_of<false>(tables, options, std::move(broken));
}

LiveMarket live_market(const std::vector<MarketTable>& tables, const TableOptions& options) {
    auto made = std::make_unique<SerialMarketTables<MarketReplay>>(tables, options, nullptr);
    auto replay = made->replay();
    return {std::move(replay), std::move(made)};
}
