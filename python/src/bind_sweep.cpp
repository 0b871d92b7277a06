// Sweeps: many parameter sets over the same prices.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nanobook/portfolio/overfitting.hpp>
#include <nanobook/portfolio/sweep.hpp>
#include <nanobook/version.hpp>

#include "arguments.hpp"
#include "arrow_in.hpp"
#include "bind.hpp"
#include "portfolio_objects.hpp"
#include "price_source.hpp"
#include "sweep_parameters.hpp"
#include "table.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using nanobook::CostModel;
using nanobook::Metrics;
using nanobook::Price;
using nanobook::RunStatus;
using nanobook::RunSummary;
using nanobook::SweepAxis;
using nanobook::SweepGrid;
using nanobook::SweepKey;

std::optional<double> to_parameter(SweepKey key, nb::handle value) {
    if (value.is_none()) return std::nullopt;
    const std::string name(nanobook::sweep_key_names[static_cast<std::size_t>(key)]);
    if (key == SweepKey::rebalance_on) {
        if (nb::isinstance<nb::str>(value)) {
            const auto found = std::ranges::find(nanobook::period_names, to_utf8(value));
            if (found != nanobook::period_names.end()) {
                return static_cast<double>(found - nanobook::period_names.begin());
            }
        }
        raise_value_error(name + " is " + nb::repr(value).c_str() + "; it is one of day, week, month, quarter");
    }
    const double number = nb::isinstance<nb::bool_>(value) ? -1.0 : PyFloat_AsDouble(value.ptr());
    const bool failed = PyErr_Occurred() != nullptr;
    PyErr_Clear();
    if (failed || nb::isinstance<nb::bool_>(value)) {
        throw nb::type_error((name + " is " + nb::repr(value).c_str() + "; it must be a number").c_str());
    }
    return number;
}

nb::object from_parameter(SweepKey key, std::optional<double> value) {
    if (!value) return nb::none();
    if (key == SweepKey::rebalance_on) {
        return nb::cast(std::string(nanobook::period_names[static_cast<std::size_t>(*value)]));
    }
    if (is_whole(key)) return nb::int_(static_cast<std::int64_t>(*value));
    return nb::float_(*value);
}

SweepKey to_key(nb::handle name) {
    if (!nb::isinstance<nb::str>(name)) {
        throw nb::type_error((std::string("a key is ") + nb::repr(name).c_str() + "; it must be a str").c_str());
    }
    return nanobook::sweep_key(to_utf8(name));
}

namespace {

// ---------------------------------------------------------------------- grids

bool is_sequence(nb::handle value) {
    return nb::hasattr(value, "__iter__") && !nb::isinstance<nb::str>(value) && !nb::isinstance<nb::dict>(value);
}

SweepGrid grid_of_dict(const nb::dict& grid) {
    std::vector<SweepAxis> axes;
    for (const nb::handle pair : items_of(grid)) {
        SweepAxis axis{to_key(nb::object(pair[0])), {}};
        const nb::object values = pair[1];
        if (is_sequence(values)) {
            for (const nb::handle value : values) axis.values.push_back(to_parameter(axis.key, value));
        } else {
            axis.values.push_back(to_parameter(axis.key, values));
        }
        axes.push_back(std::move(axis));
    }
    return SweepGrid::product(std::move(axes));
}

SweepGrid grid_of_rows(nb::handle rows) {
    std::vector<SweepAxis> axes;
    std::size_t row = 0;
    for (const nb::handle set : rows) {
        if (!nb::isinstance<nb::dict>(set)) {
            throw nb::type_error(
                ("row " + std::to_string(row) + " of param_grid is " + nb::repr(set).c_str() + "; it must be a dict")
                    .c_str());
        }
        for (const nb::handle pair : items_of(set)) {
            const SweepKey key = to_key(nb::object(pair[0]));
            const nb::object value = pair[1];
            auto axis = std::ranges::find(axes, key, &SweepAxis::key);
            if (axis == axes.end()) axis = axes.insert(axes.end(), {key, {}});
            axis->values.resize(row);
            axis->values.push_back(to_parameter(key, value));
        }
        ++row;
    }
    if (row == 0) raise_value_error("param_grid is empty");
    for (SweepAxis& axis : axes) axis.values.resize(row);
    return SweepGrid::rows(std::move(axes), row);
}

SweepGrid grid_of_table(nb::handle grid) {
    const ArrowTable table(grid);
    if (table.rows() == 0) raise_value_error("param_grid is empty");
    std::vector<SweepAxis> axes;
    for (const std::string_view name : table.names()) {
        SweepAxis axis{nanobook::sweep_key(name), std::vector<std::optional<double>>(table.rows())};
        if (axis.key == SweepKey::rebalance_on) {
            const auto column = table.text(name, Nulls::allow);
            for (std::size_t row = 0; row < column.size(); ++row) {
                if (!column.is_null(row)) axis.values[row] = to_parameter(axis.key, nb::cast(std::string(column[row])));
            }
        } else {
            const auto column = table.reals(name, Nulls::allow);
            for (std::size_t row = 0; row < column.size(); ++row) {
                if (!column.is_null(row)) axis.values[row] = column[row];
            }
        }
        axes.push_back(std::move(axis));
    }
    return SweepGrid::rows(std::move(axes), table.rows());
}

SweepGrid to_grid(nb::handle grid) {
    if (grid.is_none()) return {};
    if (nb::isinstance<nb::dict>(grid)) return grid_of_dict(nb::borrow<nb::dict>(grid));
    if (nb::isinstance<nb::list>(grid) || nb::isinstance<nb::tuple>(grid)) return grid_of_rows(grid);
    return grid_of_table(grid);
}

// ---------------------------------------------------------------------- results

using Ids = std::vector<std::size_t>;

/// A sweep of equal weights, or of a strategy that Python makes for each set.
struct SweepObject {
    std::vector<RunSummary> rows;
    std::map<std::size_t, std::vector<Price>> curves;
    mutable std::shared_ptr<const Table> table;  // see table_of
    nanobook::MetricsOptions metrics;

    // What made it: one of the two.
    struct EqualWeights {
        std::shared_ptr<const PriceSource> prices;
        SweepGrid grid;
        nanobook::ParameterSet base;
        Price initial_cash;
    };
    std::optional<EqualWeights> equal_weights;
    nb::object run;  // of a set, by its number

    [[nodiscard]] std::size_t checked(std::int64_t id) const {
        if (id >= 0 && static_cast<std::size_t>(id) < rows.size()) return static_cast<std::size_t>(id);
        throw nb::index_error(
            ("there is no parameter set " + std::to_string(id) + "; there are " + std::to_string(rows.size())).c_str());
    }
};

template <class Get>
void add_money(Table& table, const char* name, const std::vector<RunSummary>& rows, Get get) {
    std::vector<std::int64_t> values(rows.size());
    std::vector<std::uint8_t> valid;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i].status == RunStatus::cancelled) {
            valid.resize(rows.size(), 1);
            valid[i] = 0;
        } else {
            values[i] = static_cast<std::int64_t>(get(rows[i]));
        }
    }
    table.add(name, std::move(values), std::move(valid));
}

template <class Get>
void add_ratio(Table& table, const char* name, const std::vector<RunSummary>& rows, Get get) {
    std::vector<std::optional<double>> values(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i].status != RunStatus::cancelled) values[i] = get(rows[i]);
    }
    table.add_optional(name, values);
}

void add_results(Table& table, const std::vector<RunSummary>& rows) {
    const auto metric = [&](const char* name, std::optional<double> Metrics::* member) {
        add_ratio(table, name, rows, [member](const RunSummary& row) { return row.metrics.*member; });
    };
    metric("total_return", &Metrics::total_return);
    metric("cagr", &Metrics::cagr);
    metric("volatility", &Metrics::volatility);
    metric("sharpe", &Metrics::sharpe);
    metric("sortino", &Metrics::sortino);
    metric("max_drawdown", &Metrics::max_drawdown);
    metric("calmar", &Metrics::calmar);
    metric("win_rate", &Metrics::win_rate);
    metric("profit_factor", &Metrics::profit_factor);
    metric("cvar_95", &Metrics::cvar_95);
    add_money(table, "n_periods", rows, [](const RunSummary& row) { return row.metrics.n_periods; });
    add_money(table, "winning", rows, [](const RunSummary& row) { return row.metrics.winning; });
    add_money(table, "losing", rows, [](const RunSummary& row) { return row.metrics.losing; });
    add_money(table, "final_equity", rows, [](const RunSummary& row) { return row.final_equity; });
    add_money(table, "final_cash", rows, [](const RunSummary& row) { return row.final_cash; });
    add_money(table, "min_cash", rows, [](const RunSummary& row) { return row.min_cash; });
    add_money(table, "fees", rows, [](const RunSummary& row) { return row.fees; });
    add_ratio(table, "turnover", rows, [](const RunSummary& row) { return std::optional(row.turnover); });
    add_money(table, "n_rebalances", rows, [](const RunSummary& row) { return row.n_rebalances; });
    add_money(table, "n_orders", rows, [](const RunSummary& row) { return row.n_orders; });
    add_money(table, "n_resized", rows, [](const RunSummary& row) { return row.n_resized; });
    add_money(table, "n_bars", rows, [](const RunSummary& row) { return row.n_bars; });
    TableTexts status{{}, {"ok", "ruined", "stopped", "cancelled"}};
    for (const RunSummary& row : rows) status.codes.push_back(static_cast<std::int32_t>(row.status));
    table.add("status", std::move(status));
}

Table with_ids(std::size_t rows) {
    Table table(rows);
    std::vector<std::int64_t> ids(rows);
    std::iota(ids.begin(), ids.end(), std::int64_t{0});
    table.add("id", std::move(ids));
    return table;
}

void add_parameters(Table& table, const SweepGrid& grid) {
    for (std::size_t axis = 0; axis < grid.axes().size(); ++axis) {
        const SweepKey key = grid.axes()[axis].key;
        std::string name(nanobook::sweep_key_names[static_cast<std::size_t>(key)]);
        std::vector<std::uint8_t> valid;
        std::vector<double> values(grid.size());
        for (std::size_t set = 0; set < values.size(); ++set) {
            const std::optional<double> value = grid.value(set, axis);
            if (value) {
                values[set] = *value;
            } else {
                valid.resize(values.size(), 1);
                valid[set] = 0;
            }
        }
        if (key == SweepKey::rebalance_on) {
            TableTexts texts{{}, {nanobook::period_names.begin(), nanobook::period_names.end()}};
            for (const double value : values) texts.codes.push_back(static_cast<std::int32_t>(value));
            table.add(std::move(name), std::move(texts), std::move(valid));
        } else if (is_whole(key)) {
            std::vector<std::int64_t> whole(values.size());
            std::ranges::transform(values, whole.begin(),
                                   [](double value) { return static_cast<std::int64_t>(value); });
            table.add(std::move(name), std::move(whole), std::move(valid));
        } else {
            table.add(std::move(name), std::move(values), std::move(valid));
        }
    }
}

std::string number(double value) {
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%.17g", value);
    return text.data();
}

// What makes the table again, with the prices.
void add_metadata(Table& table, const PriceSource& prices, const nanobook::ParameterSet& base, Price initial_cash,
                  const nanobook::MetricsOptions& metrics) {
    std::array<char, 17> hash{};
    std::snprintf(hash.data(), hash.size(), "%016" PRIx64, prices.block.hash());
    table.add_metadata("nanobook.version", nanobook::version);
    table.add_metadata("nanobook.prices_hash", hash.data());
    table.add_metadata("nanobook.initial_cash", std::to_string(initial_cash));
    table.add_metadata("nanobook.commission_bps", number(base.costs.commission_bps()));
    table.add_metadata("nanobook.slippage_bps", number(base.costs.slippage_bps()));
    table.add_metadata("nanobook.min_trade_fee", std::to_string(base.costs.min_trade_fee()));
    table.add_metadata("nanobook.execution_lag", std::to_string(base.execution_lag));
    table.add_metadata("nanobook.leverage", number(base.rules.leverage));
    table.add_metadata("nanobook.on_null", prices.carries ? "carry" : "raise");
    table.add_metadata("nanobook.periods_per_year", number(metrics.periods_per_year));
    table.add_metadata("nanobook.risk_free", number(metrics.risk_free));
    table.add_metadata("nanobook.money", "in the unit of the prices");
}

// Made when it is first asked for: whoever stops a sweep of a million sets does not wait for it.
const std::shared_ptr<const Table>& table_of(const SweepObject& self) {
    if (self.table == nullptr) {
        const SweepObject::EqualWeights& made = *self.equal_weights;
        Table table = with_ids(made.grid.size());
        add_parameters(table, made.grid);
        add_results(table, self.rows);
        add_metadata(table, *made.prices, made.base, made.initial_cash, self.metrics);
        self.table = std::make_shared<const Table>(std::move(table));
    }
    return self.table;
}

std::shared_ptr<SweepObject> sweep_equal_weight(nb::handle prices, nb::handle param_grid, Whole<Price> initial_cash,
                                                const CostModel& costs, double periods_per_year, double risk_free,
                                                std::optional<std::string> date, nb::handle curves,
                                                std::optional<unsigned> threads, nb::object callback,
                                                std::string_view on_null, Whole<std::uint32_t> execution_lag) {
    auto result = std::make_shared<SweepObject>();
    nanobook::SweepOptions options;
    options.initial_cash = initial_cash.get("initial_cash");
    options.base.costs = costs;
    options.base.execution_lag = execution_lag.get("execution_lag", 0);
    nanobook::BacktestOptions{options.initial_cash, costs, 1.0, options.base.execution_lag, {}}.check();
    options.metrics = result->metrics = {periods_per_year, risk_free};
    if (threads == 0u) raise_value_error("threads is 0; it must be at least 1, or None for as many as there are cores");
    options.threads = threads.value_or(0);

    result->equal_weights.emplace(SweepObject::EqualWeights{prices_of(prices, std::move(date), on_null),
                                                            to_grid(param_grid), options.base, options.initial_cash});
    const SweepObject::EqualWeights& made = *result->equal_weights;
    const bool all_curves = curves.is(nb::bool_(true)) || (nb::isinstance<nb::str>(curves) && to_utf8(curves) == "all");
    if (all_curves) {
        options.curves.resize(made.grid.size());
        std::iota(options.curves.begin(), options.curves.end(), std::size_t{0});
    } else if (!curves.is_none() && !curves.is(nb::bool_(false))) {
        Ids ids;
        if (!is_sequence(curves) || !nb::try_cast(nb::list(curves), ids)) {
            throw nb::type_error((std::string("curves is ") + nb::repr(curves).c_str() +
                                  "; it must be the numbers of parameter sets, True or None")
                                     .c_str());
        }
        options.curves = std::move(ids);
    }

    Progress progress(std::move(callback), "Sweeping");
    options.progress = [&progress](std::size_t done, std::size_t total) { return progress(done, total); };
    {
        const nb::gil_scoped_release release;
        nanobook::SweepResult swept = nanobook::sweep_equal_weight(made.prices->block, made.grid, options);
        result->rows = std::move(swept.rows);
        result->curves = std::move(swept.curves);
        std::erase_if(result->curves, [](const auto& curve) { return curve.second.empty(); });
    }
    if (!progress.has_failed()) progress.finish(made.grid.size());
    if (progress.has_failed()) {
        // What was done is not lost.
        progress.error().value().attr("partial") = result;
        throw nb::python_error(std::move(progress.error()));
    }
    return result;
}

std::shared_ptr<BacktestObject> run_set(const SweepObject& self, std::int64_t id) {
    const std::size_t set = self.checked(id);
    if (!self.equal_weights) return nb::cast<std::shared_ptr<BacktestObject>>(self.run(set));
    const SweepObject::EqualWeights& made = *self.equal_weights;
    const nb::gil_scoped_release release;
    return std::make_shared<BacktestObject>(BacktestObject{
        nanobook::run_equal_weight(made.prices->block, made.grid.at(set, made.base), made.initial_cash, self.metrics),
        made.prices});
}

std::vector<Price> curve_of(const SweepObject& self, std::int64_t id) {
    const auto kept = self.curves.find(self.checked(id));
    return kept != self.curves.end() ? kept->second : run_set(self, id)->result.curve;
}

// ---------------------------------------------------------------------- the best of them

std::vector<std::optional<double>> numbers_of(const Table& table, std::string_view name) {
    if (std::ranges::find(table.columns(), name, &Table::Column::name) == table.columns().end()) {
        std::string message = "no column '" + std::string(name) + "' in the results; the columns are";
        for (const Table::Column& column : table.columns()) {
            message += (&column == table.columns().data() ? " " : ", ") + column.name;
        }
        raise_value_error(message);
    }
    const Table::Column& column = table.column(name);
    std::vector<std::optional<double>> values(table.rows());
    const auto fill = [&](const auto& numbers) {
        for (std::size_t row = 0; row < values.size(); ++row) {
            if (column.valid.empty() || column.valid[row] != 0) values[row] = static_cast<double>(numbers[row]);
        }
    };
    if (const auto* whole = std::get_if<std::vector<std::int64_t>>(&column.values)) {
        fill(*whole);
    } else if (const auto* real = std::get_if<std::vector<double>>(&column.values)) {
        fill(*real);
    } else {
        throw nb::type_error(("column '" + std::string(name) + "' holds no numbers").c_str());
    }
    return values;
}

Ids ranked(const Table& table, std::string_view metric, std::optional<bool> ascending) {
    const auto values = numbers_of(table, metric);
    // Of these, less is better.
    const bool rises = ascending.value_or(metric == "max_drawdown" || metric == "volatility" || metric == "fees" ||
                                          metric == "turnover" || metric == "n_orders" || metric == "n_resized");
    Ids ids;
    for (std::size_t id = 0; id < values.size(); ++id) {
        if (values[id]) ids.push_back(id);
    }
    std::ranges::stable_sort(
        ids, [&](std::size_t a, std::size_t b) { return rises ? *values[a] < *values[b] : *values[a] > *values[b]; });
    return ids;
}

Table best_of(const SweepObject& self, std::string_view metric, std::size_t n, std::optional<bool> ascending) {
    Ids ids = ranked(*table_of(self), metric, ascending);
    ids.resize(std::min(ids.size(), n));
    return table_of(self)->take(ids);
}

std::optional<double> expected_max_sharpe(const SweepObject& self) {
    std::vector<double> ratios;
    for (const RunSummary& row : self.rows) {
        if (row.status != RunStatus::cancelled && row.metrics.sharpe) ratios.push_back(*row.metrics.sharpe);
    }
    if (ratios.size() < 2) return std::nullopt;
    const double deviation = nanobook::detail::moments_of(ratios).deviation;
    return nanobook::expected_max_sharpe(deviation * deviation, ratios.size());
}

std::optional<double> deflated_sharpe(const SweepObject& self) {
    const auto benchmark = expected_max_sharpe(self);
    const Ids ids = ranked(*table_of(self), "sharpe", false);
    if (!benchmark || ids.empty()) return std::nullopt;
    const auto curve = curve_of(self, static_cast<std::int64_t>(ids.front()));
    std::vector<double> returns;
    for (std::size_t i = 1; i < curve.size(); ++i) {
        returns.push_back(nanobook::Portfolio::return_between(curve[i - 1], curve[i]));
    }
    return nanobook::probabilistic_sharpe(returns, *benchmark / std::sqrt(self.metrics.periods_per_year),
                                          self.metrics.risk_free);
}

double overfitting_of(const SweepObject& self, unsigned splits) {
    std::vector<std::vector<double>> returns;
    std::map<std::size_t, std::vector<Price>> made;
    if (self.equal_weights) {
        const SweepObject::EqualWeights& how = *self.equal_weights;
        nanobook::SweepOptions options;
        options.initial_cash = how.initial_cash;
        options.base = how.base;
        options.metrics = self.metrics;
        for (std::size_t set = 0; set < self.rows.size(); ++set) {
            if (!self.curves.contains(set)) options.curves.push_back(set);
        }
        const nb::gil_scoped_release release;
        if (!options.curves.empty()) {
            made = nanobook::sweep_equal_weight(how.prices->block, how.grid, options).curves;
        }
    }
    for (std::size_t set = 0; set < self.rows.size(); ++set) {
        if (self.rows[set].status == RunStatus::cancelled) continue;
        const auto found = made.find(set);
        const std::vector<Price> curve =
            found != made.end() ? found->second : curve_of(self, static_cast<std::int64_t>(set));
        std::vector<double>& changes = returns.emplace_back();
        for (std::size_t i = 1; i < curve.size(); ++i) {
            changes.push_back(nanobook::Portfolio::return_between(curve[i - 1], curve[i]));
        }
    }
    Progress progress(nb::none(), "");
    std::optional<double> probability;
    {
        const nb::gil_scoped_release release;
        probability = nanobook::probability_of_overfitting(returns, splits, [&] { return progress(0, 0); });
    }
    if (progress.has_failed()) throw nb::python_error(std::move(progress.error()));
    return *probability;
}

// ---------------------------------------------------------------------- strategies of Python

// A column of whatever Python put there: numbers, booleans, or text of anything else.
void add_column(Table& table, const std::string& name, const nb::list& values) {
    bool whole = true, real = true, boolean = true;
    std::vector<std::uint8_t> valid;
    const std::size_t rows = nb::len(values);
    for (std::size_t row = 0; row < rows; ++row) {
        const nb::object value = values[row];
        if (value.is_none()) {
            valid.resize(rows, 1);
            valid[row] = 0;
            continue;
        }
        const bool is_bool = nb::isinstance<nb::bool_>(value);
        const bool is_int = !is_bool && nb::isinstance<nb::int_>(value);
        std::int64_t as_whole = 0;
        double as_real = 0;
        boolean &= is_bool;
        whole &= is_int && nb::try_cast(value, as_whole);
        real &= !is_bool && nb::try_cast(value, as_real);
    }
    const auto fill = [&]<class T>(std::vector<T> column) {
        column.resize(rows);
        for (std::size_t row = 0; row < rows; ++row) {
            const nb::object value = values[row];
            if (!value.is_none()) column[row] = nb::cast<T>(value);
        }
        return column;
    };
    if (boolean) {
        TableBooleans booleans{std::vector<std::uint8_t>(rows)};
        for (std::size_t row = 0; row < rows; ++row) booleans.values[row] = nb::object(values[row]).is(nb::bool_(true));
        table.add(name, std::move(booleans), std::move(valid));
    } else if (whole) {
        table.add(name, fill(std::vector<std::int64_t>{}), std::move(valid));
    } else if (real) {
        table.add(name, fill(std::vector<double>{}), std::move(valid));
    } else {
        TableTexts texts;
        for (std::size_t row = 0; row < rows; ++row) {
            const nb::object value = values[row];
            const std::string text = value.is_none() ? std::string() : to_utf8(nb::str(value));
            const auto found = std::ranges::find(texts.names, text);
            texts.codes.push_back(static_cast<std::int32_t>(found - texts.names.begin()));
            if (found == texts.names.end()) texts.names.push_back(text);
        }
        table.add(name, std::move(texts), std::move(valid));
    }
}

// The rows of a table, of numbers and text.
nb::list rows_of(nb::handle source) {
    const ArrowTable table(source);
    nb::list rows;
    for (std::size_t row = 0; row < table.rows(); ++row) rows.append(nb::dict());
    for (const std::string_view view : table.names()) {
        const std::string name(view);
        const auto put = [&](const auto& column, auto to_object) {
            for (std::size_t row = 0; row < table.rows(); ++row) {
                rows[row][name.c_str()] = column.is_null(row) ? nb::none() : nb::object(to_object(column[row]));
            }
        };
        switch (table.kind(name)) {
            case ArrowKind::boolean:
                put(table.booleans(name, Nulls::allow), [](std::uint8_t value) { return nb::bool_(value != 0); });
                break;
            case ArrowKind::real:
                put(table.reals(name, Nulls::allow), [](double value) { return nb::float_(value); });
                break;
            case ArrowKind::text:
                put(table.text(name, Nulls::allow),
                    [](std::string_view value) { return nb::str(value.data(), value.size()); });
                break;
            default:
                put(table.integers<std::int64_t>(name, Nulls::allow),
                    [](std::int64_t value) { return nb::int_(value); });
        }
    }
    return rows;
}

// The costs of a set, of which `parameters` may name some.
CostModel costs_of(const nb::dict& parameters, const CostModel& costs) {
    nanobook::ParameterSet set;
    set.costs = costs;
    for (const nb::handle pair : items_of(parameters)) {
        const SweepKey key = to_key(nb::object(pair[0]));
        if (const auto value = to_parameter(key, nb::object(pair[1]))) set.set(key, *value);
    }
    return set.costs;
}

/// The values of a parameter, a table of one column; and how many sets in a row have one before the next comes. After
/// the last it begins again.
using ParameterColumn = std::pair<std::shared_ptr<Table>, std::size_t>;

/// What a sweep keeps of a run that Python made.
struct SummaryObject {
    RunSummary summary;
};

std::shared_ptr<SweepObject> sweep_of_runs(const std::vector<ParameterColumn>& parameters, std::size_t sets,
                                           const std::vector<const SummaryObject*>& runs, nb::object run,
                                           nb::handle prices, Price initial_cash, const CostModel& costs,
                                           std::uint32_t execution_lag, double leverage, double periods_per_year,
                                           double risk_free) {
    auto result = std::make_shared<SweepObject>();
    result->metrics = {periods_per_year, risk_free};
    result->run = std::move(run);
    result->rows.resize(sets);
    for (std::size_t set = 0; set < runs.size(); ++set) result->rows[set] = runs[set]->summary;
    Table table = with_ids(sets);
    for (const auto& [values, repeats] : parameters) {
        Ids places(sets);
        for (std::size_t set = 0; set < sets; ++set) places[set] = set / repeats % values->rows();
        const Table column = values->take(places);
        const Table::Column& taken = column.columns().front();
        table.add(taken.name, taken.values, taken.valid);
    }
    add_results(table, result->rows);
    nanobook::ParameterSet base;
    base.costs = costs;
    base.execution_lag = execution_lag;
    base.rules.leverage = leverage;
    add_metadata(table, *prices_of(prices, {}, "raise"), base, initial_cash, result->metrics);
    result->table = std::make_shared<const Table>(std::move(table));
    return result;
}

// A strategy's factory may hold its own result: the garbage collector has to see that.
int traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    if (nb::inst_ready(self)) Py_VISIT(nb::inst_ptr<SweepObject>(self)->run.ptr());
    return 0;
}
int clear(PyObject* self) {
    if (nb::inst_ready(self)) nb::inst_ptr<SweepObject>(self)->run.reset();
    return 0;
}
PyType_Slot sweep_slots[] = {
    {Py_tp_traverse, reinterpret_cast<void*>(traverse)}, {Py_tp_clear, reinterpret_cast<void*>(clear)}, {0, nullptr}};

}  // namespace

void bind_sweep(nb::module_& m) {
    nb::class_<SweepObject>(
        m, "SweepResult", "A row for every parameter set, in the order of the grid. pl.DataFrame(result) is its table.",
        nb::type_slots(sweep_slots))
        .def_prop_ro(
            "table", [](const SweepObject& self) { return std::const_pointer_cast<Table>(table_of(self)); },
            nb::sig("def table(self) -> Table"),
            "id, the parameters, the metrics, final_equity, final_cash, min_cash, fees, turnover, n_rebalances, "
            "n_orders, "
            "n_resized, n_bars and status ('ok', 'ruined', 'stopped', 'cancelled'). Money is in the unit of the "
            "prices.")
        .def_prop_ro(
            "metadata", [](const nb::object& self) -> nb::object { return self.attr("table").attr("metadata"); },
            nb::sig("def metadata(self) -> dict[str, str]"), "How the results were made.")
        .def(
            "best", &best_of, "metric"_a = "sharpe", "n"_a = 10, nb::kw_only(), "ascending"_a = nb::none(),
            "The `n` best rows by a column of the table, best first, without those where it is null. Less is better of "
            "max_drawdown, volatility, fees, turnover, n_orders and n_resized, more of all else; `ascending` decides "
            "otherwise.")
        .def("curve", &curve_of, "id"_a, "The equity curve of a set: kept, or worked out again.")
        .def("run", &run_set, "id"_a, nb::sig("def run(self, id: int) -> BacktestResult"),
             "The whole backtest of a set, to the same cents as its row.")
        .def_prop_ro(
            "expected_max_sharpe", &expected_max_sharpe,
            "The Sharpe ratio, of a year, that the best of so many sets would show by luck alone: Bailey and Lopez de "
            "Prado (2014). None for fewer than two sets with a ratio.")
        .def_prop_ro("deflated_sharpe", &deflated_sharpe,
                     "The deflated Sharpe ratio: the probability that the true Sharpe ratio of the best set is above "
                     "expected_max_sharpe.")
        .def("pbo", &overfitting_of, "n_splits"_a = 16,
             "The probability of backtest overfitting: how often the best set of one half of the time is below the "
             "median in "
             "the other, over all ways to choose half of `n_splits` pieces (Bailey, Borwein, Lopez de Prado and Zhu, "
             "2015).")
        .def(
            "heatmap",
            [](const nb::object& self, std::string_view x, std::string_view y, std::string_view metric) {
                return nb::module_::import_("nanobook.plot").attr("heatmap")(self, x, y, metric);
            },
            "x"_a, "y"_a, "metric"_a = "sharpe",
            nb::sig("def heatmap(self, x: str, y: str, metric: str = \"sharpe\") -> typing.Any"),
            "A metric over two parameters, as an Altair chart: see nanobook.plot.heatmap. Needs nanobook-cpp[plot].")
        .def(
            "plot",
            [](const nb::object& self, std::string_view metric, std::size_t n) {
                return nb::module_::import_("nanobook.plot").attr("sweep")(self, metric, n);
            },
            "metric"_a = "sharpe", "n"_a = 10,
            nb::sig("def plot(self, metric: str = \"sharpe\", n: int = 10) -> typing.Any"),
            "The equity curves of the `n` best sets and the distribution of the metric, as an Altair chart. Needs "
            "nanobook-cpp[plot].")
        .def("__len__", [](const SweepObject& self) { return self.rows.size(); })
        .def(
            "__arrow_c_stream__",
            [](const SweepObject& self, nb::handle) { return to_capsule(Table::batch(table_of(self))); },
            "requested_schema"_a = nb::none(),
            nb::sig("def __arrow_c_stream__(self, requested_schema: object | None = None) -> object"),
            "`table` as an Arrow stream.")
        .def("__repr__", [](const nb::object& self) {
            const std::size_t sets = nb::len(self);
            return "SweepResult of " + std::to_string(sets) +
                   " sets; the best by sharpe: " + nb::cast<std::string>(nb::repr(self.attr("best")()));
        });

    m.def("sweep_equal_weight", &sweep_equal_weight, "prices"_a.none(), "param_grid"_a.none(), "initial_cash"_a,
          "cost_model"_a = CostModel(), "periods_per_year"_a = 252.0, "risk_free"_a = 0.0, nb::kw_only(),
          "date"_a = nb::none(), "curves"_a = nb::none(), "threads"_a = nb::none(), "progress"_a = nb::none(),
          "on_null"_a = "raise", "execution_lag"_a = 0,
          nb::sig("def sweep_equal_weight(prices: typing.Any, param_grid: typing.Any, initial_cash: int, cost_model: "
                  "CostModel "
                  "= ..., periods_per_year: float = 252.0, risk_free: float = 0.0, *, date: str | None = None, curves: "
                  "collections.abc.Iterable[int] | bool | str | None = None, threads: int | None = None, progress: "
                  "collections.abc.Callable[[int, int], object] | bool | None = None, on_null: str = \"raise\", "
                  "execution_lag: int = 0) -> SweepResult"),
          "Runs EqualWeight with every parameter set, on several threads where that is worth it.\n\n"
          "prices: anything with an Arrow stream (Polars, pyarrow, pandas, DuckDB), an integer column a symbol, read "
          "where "
          "it is; or lists, see Prices. param_grid: a dict of keys and values, all combinations of which are run; or a "
          "list "
          "of dicts, or a table, whose rows are. The keys are those of EqualWeight, cost_bps, slippage_bps, "
          "min_trade_fee and "
          "execution_lag; one that is not there, or None, leaves the base as it is. initial_cash: in the unit of the "
          "prices, such as cents. curves: the numbers of the sets whose equity curves are kept, or True. threads: None "
          "for as "
          "many as there are cores. progress: True for a bar, or called with (done, total) at most ten times a second. "
          "Others as in run_backtest. ValueError for a set that makes no sense, before any is run. KeyboardInterrupt "
          "keeps "
          "the rows that are done in its attribute `partial`.");
    nb::class_<SummaryObject>(m, "RunSummary", "What a sweep keeps of a run.")
        .def(
            "__init__",
            [](SummaryObject* self, const BacktestObject& run) { new (self) SummaryObject{run.result.summary}; },
            "run"_a);
    m.def("rows_of", &rows_of, "table"_a, nb::sig("def rows_of(table: typing.Any) -> list[dict[str, typing.Any]]"),
          "The rows of anything with an Arrow stream, of numbers and text.");
    m.def("costs_of", &costs_of, "parameters"_a, "cost_model"_a,
          nb::sig("def costs_of(parameters: dict[str, typing.Any], cost_model: CostModel) -> CostModel"),
          "cost_model, but for cost_bps, slippage_bps and min_trade_fee among the parameters.");
    m.def(
        "parameter_column",
        [](const nb::str& name, const nb::list& values) {
            auto column = std::make_shared<Table>(nb::len(values));
            add_column(*column, to_utf8(name), values);
            return column;
        },
        "name"_a, "values"_a, nb::sig("def parameter_column(name: str, values: list[typing.Any]) -> Table"),
        "Parameters as a table of one column, of numbers, booleans or text.");
    m.def(
        "sweep_of_runs", &sweep_of_runs, "parameters"_a, "sets"_a, "runs"_a, "run"_a, "prices"_a.none(),
        "initial_cash"_a, "cost_model"_a, "execution_lag"_a, "leverage"_a, "periods_per_year"_a, "risk_free"_a,
        nb::sig("def sweep_of_runs(parameters: list[tuple[Table, int]], sets: int, runs: list[RunSummary], run: "
                "collections.abc.Callable[[int], BacktestResult], prices: Prices, initial_cash: int, cost_model: "
                "CostModel, "
                "execution_lag: int, leverage: float, periods_per_year: float, risk_free: float) -> SweepResult"),
        "The result of runs that Python made, the first of `sets`. parameters: of each, its values, and how many sets "
        "in a row have one before the next comes; after the last it begins again.");
    m.def(
        "sweep_columns",
        [] {
            Table table = with_ids(0);
            add_results(table, {});
            std::vector<std::string> names;
            for (const Table::Column& column : table.columns()) names.push_back(column.name);
            return names;
        },
        "The columns of a result besides its parameters.");
    m.def(
        "simd_levels",
        [] {
            std::vector<std::string> names;
            for (const nanobook::SimdLevel level : nanobook::simd_levels()) {
                names.emplace_back(nanobook::simd_level_names[static_cast<std::size_t>(level)]);
            }
            return names;
        },
        "What sweeps can use of this processor, least first; the environment variable NANOBOOK_SIMD names the most "
        "they may "
        "use. Results do not depend on it.");
}
