#include "price_source.hpp"

#include <nanobind/stl/string.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <stdexcept>
#include <utility>

#include <nanobook/detail/money.hpp>

#include "arguments.hpp"
#include "arrow_in.hpp"

namespace nb = nanobind;
using nanobook::NullPolicy;
using nanobook::Price;
using nanobook::PriceBlock;
using nanobook::PriceColumn;

namespace {

[[noreturn]] void raise_type_error(const std::string& message) { throw nb::type_error(message.c_str()); }

std::string symbol_of(nb::handle name, const std::string& where) {
    if (!nb::isinstance<nb::str>(name)) {
        raise_type_error(where + " has the symbol " + nb::repr(name).c_str() + "; it must be a str");
    }
    return to_utf8(name);
}

/// Columns as lists give them.
class ListColumns {
  public:
    void add_row(nb::handle row) {
        const std::string where = "row " + std::to_string(rows_);
        std::size_t given = 0;
        const auto take = [&](nb::handle name, nb::handle price) {
            const std::string symbol = symbol_of(name, where);
            std::size_t column = given;
            // Rows usually have the same order.
            if (column >= names_.size() || names_[column] != symbol) column = find(symbol, where);
            if (prices_[column].size() != rows_) raise_value_error(where + " has two prices of " + symbol);
            add(column, price);
            ++given;
        };
        if (nb::isinstance<nb::dict>(row)) {
            for (const nb::handle pair : items_of(row)) take(nb::object(pair[0]), nb::object(pair[1]));
        } else {
            for (const nb::handle item : row) {
                if (nb::isinstance<nb::str>(item) || nb::len_hint(item) != 2) {
                    raise_type_error(where + " holds " + nb::repr(item).c_str() + "; it must be (symbol, price)");
                }
                take(nb::object(item[0]), nb::object(item[1]));
            }
        }
        if (given != names_.size()) {
            raise_value_error(where + " has " + std::to_string(given) + " prices, row 0 " +
                              std::to_string(names_.size()));
        }
        ++rows_;
    }

    void add_column(nb::handle name, nb::handle prices) {
        names_.push_back(symbol_of(name, "the prices"));
        prices_.emplace_back();
        valid_.emplace_back();
        for (const nb::handle price : prices) add(names_.size() - 1, price);
    }

    // Of datetime.date, or of datetime.datetime, of which the time of the day is left out.
    void add_dates(const std::string& name, nb::handle dates) {
        nb::object before;
        for (const nb::handle given : dates) {
            const auto row = [&] { return " in row " + std::to_string(days_.size()); };
            nb::object date = nb::borrow(given);
            // NumPy's, of any unit.
            if (nb::hasattr(date, "dtype")) date = date.attr("astype")("M8[us]").attr("item")();
            if (!nb::hasattr(date, "toordinal")) {
                raise_type_error(name + row() + " is " + nb::repr(given).c_str() + "; it must be a datetime.date");
            }
            if (before.is_valid() && date < before) {
                raise_value_error(name + ": the dates must ascend; that" + row() + " is before the one above it");
            }
            before = date;
            constexpr std::int32_t ordinal_of_1970 = 719'163;
            days_.push_back(nb::cast<std::int32_t>(date.attr("toordinal")()) - ordinal_of_1970);
        }
    }

    [[nodiscard]] PriceSource source(NullPolicy nulls) const {
        if (names_.empty()) throw std::invalid_argument("the prices are empty");
        std::vector<PriceColumn> columns;
        for (std::size_t i = 0; i < names_.size(); ++i) columns.push_back({names_[i], prices_[i], valid_[i]});
        return {PriceBlock(columns, nulls, days_), {{days_.begin(), days_.end()}, "tdD"}, nulls == NullPolicy::carry};
    }

  private:
    std::size_t find(const std::string& symbol, const std::string& where) {
        const auto found = std::ranges::find(names_, symbol);
        if (found != names_.end()) return static_cast<std::size_t>(found - names_.begin());
        if (rows_ != 0) raise_value_error(where + " has a price of " + symbol + ", which row 0 has not");
        names_.push_back(symbol);
        prices_.emplace_back();
        valid_.emplace_back();
        return names_.size() - 1;
    }

    void add(std::size_t column, nb::handle price) {
        std::vector<Price>& prices = prices_[column];
        std::vector<std::uint8_t>& valid = valid_[column];
        if (price.is_none()) {
            if (valid.empty()) valid.assign(prices.size(), 1);
            prices.push_back(0);
            valid.push_back(0);
            return;
        }
        Whole<Price> whole{};
        if (nb::isinstance<nb::bool_>(price) || !nb::try_cast(price, whole) || !whole.fits) {
            raise_type_error("the price of " + names_[column] + " in row " + std::to_string(prices.size()) + " is " +
                             nb::repr(price).c_str() + "; it must be a whole number of 64 bits, such as cents");
        }
        prices.push_back(whole.value);
        if (!valid.empty()) valid.push_back(1);
    }

    std::size_t rows_ = 0;
    std::vector<std::string> names_;
    std::vector<std::vector<Price>> prices_;
    std::vector<std::vector<std::uint8_t>> valid_;  // empty where nothing is missing
    std::vector<std::int32_t> days_;
};

// What a column of another kind holds is said by the table; here, what to do about it.
ArrowColumn<Price> prices_in(const ArrowTable& table, std::string_view name) {
    try {
        return table.integers<Price>(name, Nulls::allow);
    } catch (const nb::builtin_exception& error) {
        if (error.type() != nb::exception_type::type_error) throw;
        std::string message = error.what();
        if (const ArrowKind kind = table.kind(name); kind == ArrowKind::real || kind == ArrowKind::decimal) {
            message += ": make whole numbers of them, such as cents by (pl.col('" + std::string(name) +
                       "') * 100).round().cast(pl.Int64)";
        } else if (table.is_date(name)) {
            message += ": name it with date='" + std::string(name) + "'";
        } else if (kind == ArrowKind::text) {
            message +=
                ": if it is dates, make them so by .str.to_date() and name the column with date=; if it is "
                "symbols, make a column of each by .pivot()";
        }
        raise_type_error(message);
    }
}

PriceSource read_table(nb::handle prices, const std::optional<std::string>& date, NullPolicy nulls) {
    const ArrowTable table(prices);
    TableDates dates;
    std::vector<std::int32_t> days;
    if (date) {
        if (table.kind(*date) == ArrowKind::text) {
            raise_type_error("column '" + *date + "' holds text, not dates: make them so by .str.to_date()");
        }
        const ArrowDates column = table.dates(*date);
        dates.format = column.format;
        dates.values.assign(column.values.values().begin(), column.values.values().end());
        const auto fall = std::ranges::adjacent_find(dates.values, std::greater<>());
        if (fall != dates.values.end()) {
            raise_value_error("column '" + *date + "': the dates must ascend; that in row " +
                              std::to_string(fall - dates.values.begin() + 1) + " is before the one above it");
        }
        days = days_of(column);
    }
    std::vector<ArrowColumn<Price>> columns;
    std::vector<PriceColumn> views;
    columns.reserve(table.names().size());
    for (const std::string_view name : table.names()) {
        if (name == date) continue;
        columns.push_back(prices_in(table, name));
        views.push_back({std::string(name), columns.back().values(), columns.back().validity()});
    }
    return {PriceBlock(views, nulls, std::move(days)), std::move(dates), nulls == NullPolicy::carry};
}

}  // namespace

// The days of the place whose time it is: a month begins when it does there.
std::vector<std::int32_t> days_of(const ArrowDates& dates) {
    std::vector<std::int32_t> days;
    days.reserve(dates.values.size());
    const nb::object zone = zone_of(dates.format);
    constexpr std::int64_t no_quarter = std::numeric_limits<std::int64_t>::min();
    std::int64_t quarter = no_quarter;  // of an hour: within one, no clock is changed
    std::int64_t ahead = 0;
    for (const std::int64_t value : dates.values.values()) {
        if (!zone.is_none()) {
            const std::int64_t quarters_a_day = 96;
            const std::int64_t now = nanobook::detail::floor_quotient(value, dates.per_day / quarters_a_day);
            if (now != quarter) {
                quarter = now;
                const nb::object moment =
                    nb::module_::import_("datetime").attr("datetime").attr("fromtimestamp")(now * 900, zone);
                ahead = nb::cast<std::int64_t>(moment.attr("utcoffset")().attr("total_seconds")().attr("__int__")());
            }
        }
        const std::int64_t local = value + ahead * (dates.per_day / 86'400);
        days.push_back(static_cast<std::int32_t>(nanobook::detail::floor_quotient(local, dates.per_day)));
    }
    return days;
}

std::int64_t units_a_day(const std::string& format) {
    constexpr std::int64_t seconds = 86'400;
    if (format == "tdD") return 1;
    switch (format == "tdm" ? 'm' : format[2]) {
        case 's': return seconds;
        case 'm': return seconds * 1'000;
        case 'u': return seconds * 1'000'000;
        default: return seconds * 1'000'000'000;
    }
}

void PriceSource::label(Table& table, std::vector<std::int64_t> bars) const {
    TableDates labels{{}, dates.format};
    if (!dates.values.empty()) {
        for (const std::int64_t bar : bars) labels.values.push_back(dates.values[static_cast<std::size_t>(bar)]);
    }
    table.add("bar", std::move(bars));
    if (!dates.values.empty()) table.add("date", std::move(labels));
}

NullPolicy to_null_policy(std::string_view on_null) {
    if (on_null == "carry") return NullPolicy::carry;
    if (on_null == "raise") return NullPolicy::raise;
    raise_value_error("on_null is '" + std::string(on_null) + "'; it is one of raise, carry");
}

PriceSource read_prices(nb::handle prices, std::optional<std::string> date, std::string_view on_null) {
    const NullPolicy nulls = to_null_policy(on_null);
    const bool is_list = nb::isinstance<nb::list>(prices) || nb::isinstance<nb::tuple>(prices);
    const bool is_dict = nb::isinstance<nb::dict>(prices);
    if (!is_list && !is_dict) return read_table(prices, date, nulls);
    ListColumns columns;
    if (is_dict) {
        const auto named = nb::borrow<nb::dict>(prices);
        if (date && !named.contains(*date)) raise_value_error("no column '" + *date + "' in the prices");
        for (const nb::handle pair : items_of(named)) {
            const nb::object name = pair[0];
            const nb::object values = pair[1];
            if (date && nb::isinstance<nb::str>(name) && to_utf8(name) == *date) {
                columns.add_dates(*date, values);
            } else {
                columns.add_column(name, values);
            }
        }
    } else {
        if (date) raise_value_error("date names a column of a table; rows of prices have none");
        for (const nb::handle row : prices) columns.add_row(row);
    }
    return columns.source(nulls);
}
