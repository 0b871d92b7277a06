// Prices from Python: a table with an Arrow stream, or lists.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nanobook/portfolio/prices.hpp>

#include "arrow_in.hpp"
#include "table.hpp"

/// Prices as a backtest reads them, and the dates as they came.
struct PriceSource {
    nanobook::PriceBlock block;
    TableDates dates;  // empty where there are none
    bool carries;

    /// bar, and date where there are dates, for each of these bars.
    void label(Table& table, std::vector<std::int64_t> bars) const;
};

/// `prices`: anything with an Arrow stream, an int64 column a symbol; or rows [("AAPL", 15000), ...] or
/// {"AAPL": 15000, ...}; or {"AAPL": [15000, ...], ...}. `date`: the column of dates, of a table or mapping. TypeError
/// for a column of another kind, ValueError for what is empty, ragged, missing or not above 0; both name column and
/// row.
PriceSource read_prices(nanobind::handle prices, std::optional<std::string> date, std::string_view on_null);
/// Days since 1970-01-01, of the place whose time zone the column has.
std::vector<std::int32_t> days_of(const ArrowDates& dates);
/// How many units of time of a format of Arrow's a day has: 1 where it counts days.
std::int64_t units_a_day(const std::string& format);

/// ValueError for an unknown word.
nanobook::NullPolicy to_null_policy(std::string_view on_null);

/// The same; or Prices that were read before, as they are.
std::shared_ptr<const PriceSource> prices_of(nanobind::handle prices, std::optional<std::string> date,
                                             std::string_view on_null);
