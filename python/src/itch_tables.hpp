// Tables of an ITCH stream: messages of a type, and what is worked out from all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/itch/market_data.hpp>
#include <nanobook/itch/replay.hpp>
#include <nanobook/itch/report.hpp>
#include <nanobook/itch/tape.hpp>

#include "arrow_out.hpp"

/// The one replay of the module: it keeps the tables that are wanted, or none.
using MarketReplay = nanobook::itch::Replay<nanobook::itch::MarketData>;

/// What of a stream is wanted.
struct TableOptions {
    std::vector<nanobook::Symbol> symbols;  ///< only these; empty for all
    nanobook::Timestamp start = 0;          ///< in nanoseconds since midnight, as is ...
    std::optional<nanobook::Timestamp> until;
    bool strict = false;
    std::optional<std::int64_t> midnight;  ///< of the session in New York, in nanoseconds since 1970 in UTC
    std::size_t depth = 10;                ///< levels
    nanobook::Timestamp depth_interval = 0;
    nanobook::Timestamp bar_interval = 60'000'000'000;
    bool decimal_prices = false;
    std::size_t threads = 1;  ///< that keep books; the calling one besides
};

enum class MarketTable : std::uint8_t { bbo, trades, depth, bars, orders, status, mbo };
inline constexpr std::string_view market_table_names[] = {"bbo", "trades", "depth", "bars", "orders", "status", "mbo"};

/// Makes tables of the bytes of a stream. Needs no GIL.
class TableMaker {
  public:
    virtual ~TableMaker() = default;

    /// How many bytes are best fed between two looks at the rows.
    [[nodiscard]] virtual std::size_t piece_size() const { return std::size_t{1} << 18; }
    /// The next bytes, cut anywhere; they must stay where they are until the next call but one. False once it has
    /// stopped.
    virtual bool feed(std::span<const std::byte> bytes) = 0;
    /// There are no more.
    virtual void finish() = 0;
    [[nodiscard]] virtual nanobook::itch::Report report() const = 0;
    /// The trades that were taken back so far.
    [[nodiscard]] virtual nanobook::itch::BrokenTrades broken() const { return {}; }
    /// By match number, the trades that were taken back so far, and how many rows of trades were made before.
    [[nodiscard]] virtual std::unordered_map<std::uint64_t, std::size_t> broken_rows() { return {}; }
    /// Makes the rows of all that was fed, where `feed` only began to. False once it has stopped.
    virtual bool settle() { return true; }
    /// What was fed may have been misunderstood: begin anew with one thread.
    [[nodiscard]] virtual bool is_in_doubt() const { return false; }
    /// Leaves out the first rows of a table.
    virtual void skip(std::size_t table, std::size_t rows) = 0;
    /// Rows of the table of that number that may be taken; long ones count as several.
    [[nodiscard]] virtual std::size_t rows(std::size_t table) const = 0;
    /// Rows of a table, all there are or very many; they are no more there.
    virtual ArrowBatch take(std::size_t table) = 0;
};

/// The messages of a type. ValueError where there is none.
std::unique_ptr<TableMaker> message_table(char type, const TableOptions& options);
/// Several tables; `broken` only where trades or bars are among them.
std::unique_ptr<TableMaker> market_tables(const std::vector<MarketTable>& tables, const TableOptions& options,
                                          std::shared_ptr<const nanobook::itch::BrokenTrades> broken);

/// The same for a stream that goes on, with its books.
struct LiveMarket {
    std::shared_ptr<MarketReplay> replay;
    std::unique_ptr<TableMaker> tables;
};
LiveMarket live_market(const std::vector<MarketTable>& tables, const TableOptions& options);
