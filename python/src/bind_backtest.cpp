// Prices, strategies and backtests.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nanobook/portfolio/backtest.hpp>
#include <nanobook/portfolio/equal_weight.hpp>
#include <nanobook/portfolio/sweep.hpp>

#include "arguments.hpp"
#include "arrow_in.hpp"
#include "bind.hpp"
#include "portfolio_objects.hpp"
#include "price_source.hpp"
#include "sweep_parameters.hpp"
#include "table.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using nanobook::BacktestOptions;
using nanobook::Bar;
using nanobook::CostModel;
using nanobook::Decision;
using nanobook::Metrics;
using nanobook::Portfolio;
using nanobook::Price;
using nanobook::RunStatus;
using nanobook::SweepKey;

namespace {

constexpr std::size_t bars_between_polls = 64;

// Whatever comes of it: the error itself matters more.
void add_note(nb::python_error& error, const std::string& note) {
    try {
        error.value().attr("add_note")(note);
    } catch (nb::python_error&) {
    }
}

/// What a strategy sees of the portfolio: itself, not a copy, at the prices of the bar.
struct PortfolioView {
    const Portfolio* portfolio = nullptr;  // null: the backtest is over
    nanobook::Quotes quotes;

    [[nodiscard]] const Portfolio& get() const {
        if (portfolio == nullptr) [[unlikely]]
            throw std::runtime_error("the backtest is over: its portfolio is in the result");
        return *portfolio;
    }
};

/// Prices for several runs.
struct PricesObject {
    std::shared_ptr<const PriceSource> source;
};

/// Parameters of the strategy of the sweep.
struct EqualWeightObject {
    nanobook::EqualWeightRules rules;
    bool has_leverage = false;  // or else it takes that of the run
    nb::dict given;             // the parameters that are not None

    explicit EqualWeightObject(const nb::dict& parameters);
};

EqualWeightObject::EqualWeightObject(const nb::dict& parameters) {
    nanobook::ParameterSet set;
    for (const auto& [name, value] : parameters) {
        const SweepKey key = to_key(name);
        const bool is_of_run = key == SweepKey::cost_bps || key == SweepKey::slippage_bps ||
                               key == SweepKey::min_trade_fee || key == SweepKey::execution_lag;
        if (is_of_run) {
            raise_value_error(nb::cast<std::string>(name) +
                              " belongs to the run, not to the strategy: give it to run_backtest");
        }
        const auto parameter = to_parameter(key, value);
        if (!parameter) continue;
        given[name] = value;
        has_leverage |= key == SweepKey::leverage;
        set.set(key, *parameter);
    }
    if (given.contains("rebalance_every") && given.contains("rebalance_on")) {
        raise_value_error("rebalance_every and rebalance_on exclude each other");
    }
    set.rules.check();
    rules = set.rules;
}

// ---------------------------------------------------------------------- strategies in Python

class PythonStrategy {
  public:
    PythonStrategy(nb::callable call, const nanobook::PriceBlock& prices)
        : call_(std::move(call)), view_(nb::cast(PortfolioView{})) {
        for (const std::string& symbol : prices.symbols()) {
            PyObject* name = PyUnicode_FromStringAndSize(symbol.data(), static_cast<Py_ssize_t>(symbol.size()));
            if (name == nullptr) throw nb::python_error();
            // As the strategy's own text is.
            PyUnicode_InternInPlace(&name);
            const nb::object number = nb::int_(names_.size());
            names_.push_back(nb::steal<nb::object>(name));
            if (PyDict_SetItem(numbers_.ptr(), name, number.ptr()) != 0) throw nb::python_error();
            if (PyDict_SetItem(no_prices_.ptr(), name, Py_None) != 0) throw nb::python_error();
        }
    }
    PythonStrategy(const PythonStrategy&) = delete;
    PythonStrategy& operator=(const PythonStrategy&) = delete;
    ~PythonStrategy() { nb::inst_ptr<PortfolioView>(view_)->portfolio = nullptr; }

    void operator()(const Bar& bar, const Portfolio& portfolio, Decision& decision) {
        PortfolioView& view = *nb::inst_ptr<PortfolioView>(view_);
        view.portfolio = &portfolio;
        view.quotes = bar.quotes;
        // A copy has room for all from the start.
        const auto prices = nb::steal<nb::dict>(PyDict_Copy(no_prices_.ptr()));
        if (!prices.is_valid()) throw nb::python_error();
        for (std::size_t symbol = 0; symbol < names_.size(); ++symbol) {
            const Price price = bar.quotes.prices[symbol];
            if (price == 0) continue;
            const nb::object value = nb::steal<nb::object>(PyLong_FromLongLong(price));
            if (PyDict_SetItem(prices.ptr(), names_[symbol].ptr(), value.ptr()) != 0) throw nb::python_error();
        }
        try {
            read(call_(bar.index, prices, view_), decision);
        } catch (nb::python_error& error) {
            add_note(error, "in the strategy at bar " + std::to_string(bar.index));
            throw;
        }
    }

  private:
    void read(const nb::object& wanted, Decision& decision) {
        if (wanted.is_none()) return;
        decision.rebalances = true;
        if (PyDict_CheckExact(wanted.ptr()) && read_plain(wanted, decision)) return;
        if (is_of_numbers(wanted)) {
            std::uint32_t symbol = 0;
            for (const nb::handle weight : wanted) {
                if (symbol < names_.size()) decision.targets.push_back({symbol, weight_of(weight, names_[symbol])});
                ++symbol;
            }
            if (symbol != names_.size()) {
                raise("the strategy gave " + std::to_string(symbol) + " weights for " + std::to_string(names_.size()) +
                      " symbols");
            }
            return;
        }
        try {
            for_each_pair(wanted, "what the strategy wants",
                          [&](nb::handle name, nb::handle weight) { add(name, weight, decision); });
        } catch (const nb::builtin_exception& error) {
            // So that it can be told of the bar.
            PyErr_SetString(PyExc_TypeError, error.what());
            throw nb::python_error();
        }
    }

    // Of plain text and numbers, whose reading runs no code of Python's that could change the dict.
    bool read_plain(nb::handle wanted, Decision& decision) {
        PyObject* name = nullptr;
        PyObject* weight = nullptr;
        Py_ssize_t at = 0;
        while (PyDict_Next(wanted.ptr(), &at, &name, &weight) != 0) {
            const bool is_plain =
                PyUnicode_CheckExact(name) && (PyFloat_CheckExact(weight) || PyLong_CheckExact(weight));
            if (!is_plain) [[unlikely]] {
                decision.targets.clear();
                return false;
            }
            add(name, weight, decision);
        }
        return true;
    }

    // A weight a symbol, such as a NumPy array.
    static bool is_of_numbers(nb::handle wanted) {
        if (nb::hasattr(wanted, "items") || nb::isinstance<nb::str>(wanted) || PySequence_Check(wanted.ptr()) == 0) {
            return false;
        }
        if (nb::len(wanted) == 0) return false;
        const nb::object first = wanted[0];
        return !nb::hasattr(first, "__len__") && !nb::isinstance<nb::str>(first);
    }

    void add(nb::handle name, nb::handle weight, Decision& decision) {
        // Weights often stand in the order of the prices, and bear the very names that those had.
        const std::size_t next = decision.targets.size();
        if (next < names_.size() && names_[next].is(name)) {
            decision.targets.push_back({static_cast<std::uint32_t>(next), weight_of(weight, name)});
            return;
        }
        PyObject* const number = PyDict_GetItemWithError(numbers_.ptr(), name.ptr());
        if (number == nullptr) [[unlikely]] {
            if (PyErr_Occurred() != nullptr) throw nb::python_error();
            raise(std::string("the strategy wants ") + nb::repr(name).c_str() + ", of which there are no prices");
        }
        decision.targets.push_back({static_cast<std::uint32_t>(PyLong_AsLong(number)), weight_of(weight, name)});
    }

    static double weight_of(nb::handle weight, nb::handle name) {
        const double number = PyFloat_AsDouble(weight.ptr());
        if (number == -1.0 && PyErr_Occurred() != nullptr) [[unlikely]] {
            PyErr_Clear();
            PyErr_SetString(PyExc_TypeError, (std::string("the weight of ") + nb::str(name).c_str() + " is " +
                                              nb::repr(weight).c_str() + "; it must be a number")
                                                 .c_str());
            throw nb::python_error();
        }
        return number;
    }

    [[noreturn]] static void raise(const std::string& message) {
        PyErr_SetString(PyExc_ValueError, message.c_str());
        throw nb::python_error();
    }

    nb::callable call_;
    nb::object view_;
    std::vector<nb::object> names_;
    nb::dict numbers_;    // by name
    nb::dict no_prices_;  // None by name
};

/// Weights that were there before.
class WeightSchedule {
  public:
    explicit WeightSchedule(std::size_t bars) : rows_(bars) {}

    std::vector<nanobook::Target>& row(std::size_t bar) {
        if (!rows_[bar]) rows_[bar].emplace();
        return *rows_[bar];
    }
    [[nodiscard]] bool has(std::size_t bar) const { return rows_[bar].has_value(); }

    void operator()(const Bar& bar, const Portfolio&, Decision& decision) {
        if (!rows_[bar.index]) return;
        decision.rebalances = true;
        decision.targets = *rows_[bar.index];
    }

  private:
    std::vector<std::optional<std::vector<nanobook::Target>>> rows_;  // none: hold
};

std::uint32_t number_of(const nanobook::PriceBlock& prices, std::string_view symbol) {
    const auto found = std::ranges::find(prices.symbols(), symbol);
    if (found == prices.symbols().end()) {
        raise_value_error("there are weights of " + std::string(symbol) + ", but no prices");
    }
    return static_cast<std::uint32_t>(found - prices.symbols().begin());
}

// Which bar each row of a schedule is for.
std::vector<std::size_t> bars_of(const ArrowTable& table, const PriceSource& prices,
                                 const std::optional<std::string>& date, bool has_bars) {
    std::vector<std::size_t> bars(table.rows());
    if (has_bars) {
        const auto column = table.integers<std::int64_t>("bar");
        for (std::size_t row = 0; row < bars.size(); ++row) {
            if (column[row] < 0 || static_cast<std::size_t>(column[row]) >= prices.block.bars()) {
                raise_value_error("column 'bar': row " + std::to_string(row) + " holds " + std::to_string(column[row]) +
                                  "; there are " + std::to_string(prices.block.bars()) + " bars");
            }
            bars[row] = static_cast<std::size_t>(column[row]);
        }
        return bars;
    }
    if (date && table.has(*date)) {
        const ArrowDates dates = table.dates(*date);
        const TableDates& known = prices.dates;
        const auto has_zone = [](const std::string& format) { return format.size() > 4; };
        const bool by_day = dates.per_day == 1 || units_a_day(known.format) == 1;
        if (!by_day && has_zone(dates.format) != has_zone(known.format)) {
            raise_value_error("column '" + *date +
                              "' has a time zone in the weights or in the prices, and none in the other");
        }
        const std::vector<std::int32_t> days = by_day ? days_of(dates) : std::vector<std::int32_t>();
        for (std::size_t row = 0; row < bars.size(); ++row) {
            // Moments are compared in the units of both.
            using nanobook::detail::Wide;
            const auto order = [&](std::size_t bar) {
                if (by_day) return Wide{prices.block.dates()[bar]} - days[row];
                return Wide{known.values[bar]} * dates.per_day - Wide{dates.values[row]} * units_a_day(known.format);
            };
            const auto all = std::views::iota(std::size_t{0}, prices.block.bars());
            const std::size_t bar = *std::ranges::partition_point(all, [&](std::size_t b) { return order(b) < 0; });
            const auto refuse = [&](const std::string& why) {
                Table named(1);
                named.add("date", TableDates{{dates.values[row]}, dates.format});
                raise_value_error("column '" + *date + "': row " + std::to_string(row) + " holds " +
                                  nb::str(named.value(named.columns().front(), 0)).c_str() + ", " + why);
            };
            if (bar == prices.block.bars() || order(bar) != 0) refuse("which is none of the dates of the prices");
            if (bar + 1 < prices.block.bars() && order(bar + 1) == 0) refuse("of which there are several bars");
            bars[row] = bar;
        }
        return bars;
    }
    if (bars.size() != prices.block.bars()) {
        raise_value_error("there are " + std::to_string(bars.size()) + " rows of weights for " +
                          std::to_string(prices.block.bars()) +
                          " bars; a column 'bar', or one of dates that date= names, would say which are meant");
    }
    for (std::size_t row = 0; row < bars.size(); ++row) bars[row] = row;
    return bars;
}

WeightSchedule read_schedule(nb::handle weights, const PriceSource& prices, const std::optional<std::string>& date) {
    const std::size_t n_bars = prices.block.bars();
    WeightSchedule schedule(n_bars);
    if (nb::isinstance<nb::list>(weights) || nb::isinstance<nb::tuple>(weights)) {
        if (nb::len(weights) != n_bars) {
            raise_value_error("there are weights for " + std::to_string(nb::len(weights)) + " bars, and prices for " +
                              std::to_string(n_bars));
        }
        std::size_t bar = 0;
        for (const nb::handle row : weights) {
            if (!row.is_none()) {
                auto& targets = schedule.row(bar);
                for (const auto& [symbol, weight] : to_weights(row)) {
                    targets.push_back({number_of(prices.block, symbol), weight});
                }
            }
            ++bar;
        }
        return schedule;
    }
    const ArrowTable table(weights);
    const bool has_bars =
        table.has("bar") && std::ranges::find(prices.block.symbols(), "bar") == prices.block.symbols().end();
    const std::vector<std::size_t> bars = bars_of(table, prices, date, has_bars);
    std::vector<std::uint32_t> symbols;
    std::vector<ArrowColumn<double>> columns;
    for (const std::string_view name : table.names()) {
        if ((date && name == *date) || (has_bars && name == "bar")) continue;
        symbols.push_back(number_of(prices.block, name));
        columns.push_back(table.reals(name, Nulls::allow));
    }
    for (std::size_t row = 0; row < bars.size(); ++row) {
        const auto is_null = [row](const ArrowColumn<double>& column) { return column.is_null(row); };
        if (schedule.has(bars[row])) {
            raise_value_error("bar " + std::to_string(bars[row]) + " has two rows of weights, the second in row " +
                              std::to_string(row));
        }
        // Nothing but nulls: hold.
        if (std::ranges::all_of(columns, is_null)) continue;
        auto& targets = schedule.row(bars[row]);
        for (std::size_t i = 0; i < columns.size(); ++i) {
            if (!is_null(columns[i])) targets.push_back({symbols[i], columns[i][row]});
        }
    }
    return schedule;
}

// ---------------------------------------------------------------------- running

std::shared_ptr<BacktestObject> finished(nanobook::BacktestResult result, std::shared_ptr<const PriceSource> prices) {
    return std::make_shared<BacktestObject>(BacktestObject{std::move(result), std::move(prices)});
}

// What the engine finds wrong with a strategy's weights is told with the bar.
template <class Strategy>
nanobook::BacktestResult run(Strategy&& strategy, const PriceSource& prices, const BacktestOptions& options,
                             Progress& progress, bool has_gil) {
    std::size_t now = 0;
    try {
        const auto goes_on = [&](std::size_t bar) {
            now = bar;
            return bar % bars_between_polls != 0 || progress(bar, prices.block.bars());
        };
        nanobook::BacktestResult result = [&] {
            if (has_gil) return run_backtest(strategy, prices.block, options, nanobook::Record::all, goes_on);
            const nb::gil_scoped_release release;
            return run_backtest(strategy, prices.block, options, nanobook::Record::all, goes_on);
        }();
        if (!progress.has_failed()) progress.finish(prices.block.bars());
        if (progress.has_failed()) throw nb::python_error(std::move(progress.error()));
        return result;
    } catch (const std::invalid_argument& error) {
        raise_value_error("bar " + std::to_string(now) + ": " + error.what());
    } catch (const std::overflow_error& error) {
        throw std::overflow_error("bar " + std::to_string(now) + ": " + error.what());
    }
}

BacktestOptions to_options(Whole<Price> initial_cash, const CostModel& costs, double leverage,
                           Whole<std::uint32_t> execution_lag, double periods_per_year, double risk_free) {
    BacktestOptions options{initial_cash.get("initial_cash"),
                            costs,
                            leverage,
                            execution_lag.get("execution_lag", 0),
                            {periods_per_year, risk_free}};
    options.check();
    std::ignore = Portfolio(options.initial_cash, options.costs, options.leverage);
    return options;
}

std::shared_ptr<BacktestObject> run_backtest_of(nb::object strategy, nb::handle prices, Whole<Price> initial_cash,
                                                const CostModel& costs, double periods_per_year, double risk_free,
                                                std::optional<std::string> date, std::string_view on_null,
                                                Whole<std::uint32_t> execution_lag, double leverage,
                                                nb::object callback) {
    const std::shared_ptr<const PriceSource> source = prices_of(prices, std::move(date), on_null);
    BacktestOptions options = to_options(initial_cash, costs, leverage, execution_lag, periods_per_year, risk_free);
    Progress progress(std::move(callback), "Running");
    if (nb::isinstance<EqualWeightObject>(strategy)) {
        const auto& given = nb::cast<const EqualWeightObject&>(strategy);
        nanobook::EqualWeightRules rules = given.rules;
        if (!given.has_leverage) rules.leverage = options.leverage;
        options.leverage = std::max(options.leverage, rules.leverage);
        return finished(run(nanobook::EqualWeight(rules, source->block), *source, options, progress, false), source);
    }
    if (PyCallable_Check(strategy.ptr()) == 0) {
        throw nb::type_error(
            ("the strategy is " + std::string(nb::repr(strategy).c_str()) + "; it must be callable, or an EqualWeight")
                .c_str());
    }
    PythonStrategy python(nb::cast<nb::callable>(strategy), source->block);
    return finished(run(python, *source, options, progress, true), source);
}

std::shared_ptr<BacktestObject> backtest_weights(nb::handle weights, nb::handle prices, Whole<Price> initial_cash,
                                                 const CostModel& costs, double periods_per_year, double risk_free,
                                                 std::optional<std::string> date, std::string_view on_null,
                                                 Whole<std::uint32_t> execution_lag, double leverage,
                                                 nb::object callback) {
    const std::shared_ptr<const PriceSource> source = prices_of(prices, date, on_null);
    const BacktestOptions options =
        to_options(initial_cash, costs, leverage, execution_lag, periods_per_year, risk_free);
    Progress progress(std::move(callback), "Running");
    return finished(run(read_schedule(weights, *source, date), *source, options, progress, false), source);
}

// ---------------------------------------------------------------------- binding

template <class Get>
auto with_view(Get get) {
    return [get](const PortfolioView& view) { return get(view.get(), view.quotes); };
}

void bind_view(nb::module_& m) {
    nb::class_<PortfolioView>(
        m, "PortfolioView",
        "The portfolio of a running backtest, at the prices of the bar: to look at, for as long as "
        "the backtest runs.")
        .def_prop_ro("cash", with_view([](const Portfolio& p, const nanobook::Quotes&) { return p.cash(); }))
        .def_prop_ro("initial_cash",
                     with_view([](const Portfolio& p, const nanobook::Quotes&) { return p.initial_cash(); }))
        .def_prop_ro("equity", with_view([](const Portfolio& p, const nanobook::Quotes& q) { return p.equity(q); }),
                     "Cash and what the positions are worth.")
        .def_prop_ro("fees", with_view([](const Portfolio& p, const nanobook::Quotes&) { return p.fees(); }))
        .def_prop_ro("realised_gross",
                     with_view([](const Portfolio& p, const nanobook::Quotes&) { return p.realised_gross(); }))
        .def_prop_ro("unrealised",
                     with_view([](const Portfolio& p, const nanobook::Quotes& q) { return p.unrealised(q); }))
        .def_prop_ro("symbols", with_view([](const Portfolio& p, const nanobook::Quotes&) { return p.symbols(); }),
                     "In the order of the columns.")
        .def_prop_ro("weights", with_view([](const Portfolio& p, const nanobook::Quotes& q) {
                         nb::dict weights;
                         for (const nanobook::Target& target : p.current_weights(q)) {
                             weights[nb::cast(p.symbols()[target.symbol])] = target.weight;
                         }
                         return weights;
                     }),
                     nb::sig("def weights(self) -> dict[str, float]"), "Of the open positions, as parts of the equity.")
        .def(
            "position",
            [](const PortfolioView& view, std::string_view symbol) -> std::optional<PositionObject> {
                const auto number = view.get().find_symbol(symbol);
                if (!number || view.get().positions()[*number].fills == 0) return std::nullopt;
                return PositionObject{std::string(symbol), view.get().positions()[*number]};
            },
            "symbol"_a, "None where it was never traded.")
        .def(
            "quantity",
            [](const PortfolioView& view, std::string_view symbol) -> std::int64_t {
                const auto number = view.get().find_symbol(symbol);
                return number ? view.get().positions()[*number].quantity : 0;
            },
            "symbol"_a, "Shares that are held; 0 where there are none.")
        .def(
            "positions",
            [](const PortfolioView& view) {
                const Portfolio& portfolio = view.get();
                nb::dict positions;
                for (std::size_t i = 0; i < portfolio.symbols().size(); ++i) {
                    if (portfolio.positions()[i].fills == 0) continue;
                    positions[nb::cast(portfolio.symbols()[i])] =
                        PositionObject{portfolio.symbols()[i], portfolio.positions()[i]};
                }
                return positions;
            },
            nb::sig("def positions(self) -> dict[str, Position]"), "By symbol, those that were closed too.")
        .def("copy", with_view([](const Portfolio& p, const nanobook::Quotes&) { return Portfolio(p); }),
             "A portfolio of one's own.")
        .def("__repr__", [](const PortfolioView& view) {
            if (view.portfolio == nullptr) return std::string("PortfolioView(of a backtest that is over)");
            return "PortfolioView(cash=" + std::to_string(view.get().cash()) + ")";
        });
}

void bind_strategies(nb::module_& m) {
    nb::class_<PricesObject>(m, "Prices", "Prices that were read and checked once, for several runs.")
        .def(
            "__init__",
            [](PricesObject* self, nb::handle prices, std::optional<std::string> date, std::string_view on_null) {
                new (self) PricesObject{prices_of(prices, std::move(date), on_null)};
            },
            "prices"_a.none(), nb::kw_only(), "date"_a = nb::none(), "on_null"_a = "raise",
            nb::sig(
                "def __init__(self, prices: typing.Any, *, date: str | None = None, on_null: str = \"raise\") -> None"),
            "prices: anything with an Arrow stream, an integer column a symbol; or a row a bar, of pairs or a mapping; "
            "or a "
            "mapping of symbols to lists. date: the column of dates or moments, which is no symbol. on_null: 'raise', "
            "or "
            "'carry': a missing price is the last one, at which nothing is traded. TypeError for a column of another "
            "kind, "
            "ValueError for what is empty, ragged, missing or not above 0.")
        .def_prop_ro("symbols", [](const PricesObject& prices) { return prices.source->block.symbols(); })
        .def_prop_ro(
            "on_null", [](const PricesObject& prices) { return prices.source->carries ? "carry" : "raise"; },
            "'raise' or 'carry'.")
        .def("__len__", [](const PricesObject& prices) { return prices.source->block.bars(); })
        .def("__repr__", [](const PricesObject& prices) {
            return "Prices(" + std::to_string(prices.source->block.bars()) + " bars of " +
                   std::to_string(prices.source->block.symbols().size()) + " symbols)";
        });

    nb::class_<EqualWeightObject>(
        m, "EqualWeight",
        "The strategy of sweep_equal_weight, which runs without Python: equal weights in what is "
        "selected, on the bars of a schedule, with stops.")
        .def(
            "__init__",
            [](EqualWeightObject* self, const nb::kwargs& parameters) { new (self) EqualWeightObject(parameters); },
            nb::sig(
                "def __init__(self, *, rebalance_every: int | None = None, rebalance_on: str | None = None, offset: "
                "int = 0, "
                "cash_buffer: float = 0.0, no_trade_band_bps: float = 0.0, lookback: int | None = None, top_k: int | "
                "None "
                "= None, skip: int = 0, min_price: int = 0, min_history: int = 0, stop_loss_pct: float | None = None, "
                "trailing_stop_pct: float | None = None, take_profit_pct: float | None = None, leverage: float | None "
                "= "
                "None, max_drawdown_stop: float | None = None) -> None"),
            "rebalance_every: bars; 0 is once; 1 where neither it nor rebalance_on is given. rebalance_on: 'day', "
            "'week', "
            "'month' or 'quarter', the first bar of each. offset: so many bars later. cash_buffer: the part that is "
            "not "
            "invested. no_trade_band_bps: smaller changes of a position are left out. lookback, skip, top_k: the "
            "symbols "
            "that rose most over `lookback` bars, the last `skip` left out. min_price, min_history: what a symbol "
            "needs. "
            "stop_loss_pct, trailing_stop_pct, take_profit_pct, max_drawdown_stop: fractions, 0.05 is 5 %; 0, as None, "
            "is "
            "none. leverage: None is that of the run.")
        .def(
            "__eq__",
            [](const EqualWeightObject& a, const EqualWeightObject& b) {
                return a.rules == b.rules && a.has_leverage == b.has_leverage;
            },
            nb::is_operator(), nb::sig("def __eq__(self, other: object, /) -> bool"))
        .def("__hash__", [](const EqualWeightObject& self) { return nb::hash(nb::repr(self.given)); })
        .def(
            "__getstate__", [](const EqualWeightObject& self) { return self.given; },
            nb::sig("def __getstate__(self) -> dict[str, typing.Any]"))
        .def(
            "__setstate__",
            [](EqualWeightObject& self, const nb::dict& given) { new (&self) EqualWeightObject(given); },
            nb::sig("def __setstate__(self, given: dict[str, typing.Any]) -> None"))
        .def("__repr__", [](const EqualWeightObject& self) {
            std::string text = "EqualWeight(";
            for (const auto& [name, value] : self.given) {
                if (text.back() != '(') text += ", ";
                text += nb::cast<std::string>(name) + "=" + nb::repr(value).c_str();
            }
            return text + ")";
        });
}

void bind_result(nb::module_& m) {
    const auto summary = [](auto member) {
        return [member](const BacktestObject& self) { return self.result.summary.*member; };
    };
    using Summary = nanobook::RunSummary;
    nb::class_<BacktestObject>(m, "BacktestResult", "A backtest that is over. pl.DataFrame(result) is its table.")
        .def_prop_ro(
            "equity_curve", [](const BacktestObject& self) { return self.result.curve; },
            "The equity after each bar; the first is initial_cash, before the trades of bar 0.")
        .def_prop_ro(
            "returns",
            [](const BacktestObject& self) {
                std::vector<double> returns;
                for (std::size_t i = 1; i < self.result.curve.size(); ++i) {
                    returns.push_back(Portfolio::return_between(self.result.curve[i - 1], self.result.curve[i]));
                }
                return returns;
            },
            "Of the equity curve: one less than there are bars; the costs of entry are in the first.")
        .def_prop_ro("metrics", summary(&Summary::metrics), nb::sig("def metrics(self) -> Metrics"))
        .def_prop_ro(
            "portfolio", [](const BacktestObject& self) { return self.result.portfolio; }, "As it was at the end.")
        .def_prop_ro("trades", &fills_table,
                     "bar, date where there are dates, symbol, side, quantity, price (slippage included) and fee of "
                     "every order.")
        .def_prop_ro("table", &curve_table,
                     "bar, date where there are dates, equity, return, drawdown (0 or negative) and cash, a row a bar.")
        .def_prop_ro("final_equity", summary(&Summary::final_equity))
        .def_prop_ro("final_cash", summary(&Summary::final_cash))
        .def_prop_ro("min_cash", summary(&Summary::min_cash), "The least after any bar, or at the beginning.")
        .def_prop_ro("fees", summary(&Summary::fees))
        .def_prop_ro("turnover", summary(&Summary::turnover),
                     "The sum of traded value / equity at the time: 1 is all that there was, bought once.")
        .def_prop_ro("n_rebalances", summary(&Summary::n_rebalances))
        .def_prop_ro("n_orders", summary(&Summary::n_orders))
        .def_prop_ro("n_resized", summary(&Summary::n_resized),
                     "Rebalances whose buys were made smaller, for want of cash.")
        .def_prop_ro("n_bars", summary(&Summary::n_bars))
        .def_prop_ro(
            "status", [](const BacktestObject& self) { return status_name(self.result.summary.status); },
            "'ok', 'ruined', or 'stopped' by its strategy.")
        .def(
            "plot",
            [](const nb::object& self) { return nb::module_::import_("nanobook.plot").attr("tear_sheet")(self); },
            nb::sig("def plot(self) -> typing.Any"),
            "A tear sheet as an Altair chart: equity, drawdown, returns. Needs nanobook-cpp[plot].")
        .def(
            "__arrow_c_stream__",
            [](const BacktestObject& self, nb::handle) {
                return to_capsule(Table::batch(std::make_shared<const Table>(curve_table(self))));
            },
            "requested_schema"_a = nb::none(),
            nb::sig("def __arrow_c_stream__(self, requested_schema: object | None = None) -> object"),
            "`table` as an Arrow stream.")
        .def("__repr__", [](const BacktestObject& self) {
            return "BacktestResult(" + std::to_string(self.result.summary.n_bars) +
                   " bars, final_equity=" + std::to_string(self.result.summary.final_equity) + ", " +
                   std::to_string(self.result.summary.n_orders) + " orders, " +
                   status_name(self.result.summary.status) + ")";
        });
}

constexpr const char* run_doc =
    "prices: as Prices takes them, or Prices. initial_cash: in the unit of the prices. periods_per_year, risk_free (of "
    "one "
    "period): for the metrics. date: the column of dates. on_null: 'raise' or 'carry'. execution_lag: 0, orders are "
    "filled "
    "at the prices of the bar that decides, or 1, at those of the next. leverage: what all |weights| may come to. "
    "progress: "
    "True for a bar, or called with (done, total), in bars.";

}  // namespace

// ---------------------------------------------------------------------- shared

std::shared_ptr<const PriceSource> prices_of(nb::handle prices, std::optional<std::string> date,
                                             std::string_view on_null) {
    if (nb::isinstance<PricesObject>(prices)) {
        if (date) raise_value_error("date is '" + *date + "'; of Prices it is known already");
        const auto& source = nb::cast<const PricesObject&>(prices).source;
        if (to_null_policy(on_null) == nanobook::NullPolicy::carry && !source->carries) {
            raise_value_error("on_null is 'carry'; these Prices were read with 'raise'");
        }
        return source;
    }
    return std::make_shared<const PriceSource>(read_prices(prices, std::move(date), on_null));
}

const char* status_name(RunStatus status) {
    switch (status) {
        case RunStatus::ok: return "ok";
        case RunStatus::ruined: return "ruined";
        case RunStatus::stopped: return "stopped";
        default: return "cancelled";
    }
}

Progress::Progress(nb::object callback, const char* what) : callback_(std::move(callback)) {
    if (callback_.is(nb::bool_(false))) callback_ = nb::none();
    is_bar_ = callback_.is(nb::bool_(true));
    if (is_bar_) callback_ = nb::module_::import_("nanobook.cli").attr("Bar")(what);
    if (callback_.is_none() || PyCallable_Check(callback_.ptr()) != 0) return;
    throw nb::type_error(
        (std::string("progress is ") + nb::repr(callback_).c_str() + "; it must be callable, True or None").c_str());
}

Progress::~Progress() {
    if (!is_bar_) return;
    // Even where an error is on its way.
    nb::error_scope scope;
    callback_.attr("__exit__")(nb::none(), nb::none(), nb::none());
}

bool Progress::operator()(std::size_t done, std::size_t total) {
    const nb::gil_scoped_acquire acquire;
    if (error_) return false;
    try {
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
        const auto now =
            std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
                .count();
        constexpr std::int64_t interval = 100;
        if (!callback_.is_none() && now - last_report_ >= interval) {
            if (last_report_ != 0) callback_(done, total);
            last_report_ = now;
        }
        return true;
    } catch (nb::python_error& error) {
        error_.emplace(std::move(error));
        return false;
    }
}

void Progress::finish(std::size_t total) {
    last_report_ = 1;  // however long ago: this one is told
    (*this)(total, total);
}

Table fills_table(const BacktestObject& backtest) {
    const auto& fills = backtest.result.fills;
    std::vector<std::int64_t> bars;
    TableTexts symbols{{}, backtest.prices->block.symbols()};
    TableTexts sides{{}, {"buy", "sell"}};
    std::vector<std::int64_t> quantities;
    std::vector<std::int64_t> prices;
    std::vector<std::int64_t> fees;
    for (const auto& [bar, fill] : fills) {
        bars.push_back(static_cast<std::int64_t>(bar));
        symbols.codes.push_back(static_cast<std::int32_t>(fill.symbol));
        sides.codes.push_back(static_cast<std::int32_t>(fill.side));
        quantities.push_back(fill.quantity);
        prices.push_back(fill.price);
        fees.push_back(fill.fee);
    }
    Table table(fills.size());
    backtest.prices->label(table, std::move(bars));
    table.add("symbol", std::move(symbols));
    table.add("side", std::move(sides));
    table.add("quantity", std::move(quantities));
    table.add("price", std::move(prices));
    table.add("fee", std::move(fees));
    return table;
}

Table curve_table(const BacktestObject& backtest) {
    const auto& curve = backtest.result.curve;
    std::vector<std::int64_t> bars(curve.size());
    std::vector<std::optional<double>> returns(curve.size());
    std::vector<double> drawdowns(curve.size());
    double peak = 0;
    for (std::size_t bar = 0; bar < curve.size(); ++bar) {
        bars[bar] = static_cast<std::int64_t>(bar);
        if (bar > 0) returns[bar] = Portfolio::return_between(curve[bar - 1], curve[bar]);
        const double equity = std::max(0.0, static_cast<double>(curve[bar]));
        peak = std::max(peak, equity);
        drawdowns[bar] = equity / peak - 1.0;
    }
    Table table(curve.size());
    backtest.prices->label(table, std::move(bars));
    table.add("equity", std::vector<std::int64_t>(curve.begin(), curve.end()));
    table.add_optional("return", returns);
    table.add("drawdown", std::move(drawdowns));
    table.add("cash", std::vector<std::int64_t>(backtest.result.cash.begin(), backtest.result.cash.end()));
    return table;
}

void bind_backtest(nb::module_& m) {
    bind_view(m);
    bind_strategies(m);
    bind_result(m);
    m.def(
        "run_backtest", &run_backtest_of, "strategy"_a.none(), "prices"_a.none(), "initial_cash"_a,
        "cost_model"_a = CostModel(), "periods_per_year"_a = 252.0, "risk_free"_a = 0.0, nb::kw_only(),
        "date"_a = nb::none(), "on_null"_a = "raise", "execution_lag"_a = 0, "leverage"_a = 1.0,
        "progress"_a = nb::none(),
        nb::sig(
            "def run_backtest(strategy: typing.Any, prices: typing.Any, initial_cash: int, cost_model: CostModel = "
            "..., "
            "periods_per_year: float = 252.0, risk_free: float = 0.0, *, date: str | None = None, on_null: str = "
            "\"raise\", execution_lag: int = 0, leverage: float = 1.0, progress: collections.abc.Callable[[int, int], "
            "object] | bool | None = None) -> BacktestResult"),
        run_doc);
    m.def(
        "backtest_weights", &backtest_weights, "weights"_a.none(), "prices"_a.none(), "initial_cash"_a,
        "cost_model"_a = CostModel(), "periods_per_year"_a = 252.0, "risk_free"_a = 0.0, nb::kw_only(),
        "date"_a = nb::none(), "on_null"_a = "raise", "execution_lag"_a = 0, "leverage"_a = 1.0,
        "progress"_a = nb::none(),
        nb::sig(
            "def backtest_weights(weights: typing.Any, prices: typing.Any, initial_cash: int, cost_model: CostModel = "
            "..., periods_per_year: float = 252.0, risk_free: float = 0.0, *, date: str | None = None, on_null: str = "
            "\"raise\", execution_lag: int = 0, leverage: float = 1.0, progress: collections.abc.Callable[[int, int], "
            "object] | bool | None = None) -> BacktestResult"),
        (std::string("weights: a table with a column a symbol, of numbers, and a row a bar; or the rows of some bars, "
                     "with a column 'bar' of their numbers or one of dates, which `date` names; or a list with a "
                     "mapping or None a bar. A row of nothing but nulls, and None, hold; a null among weights is 0. ") +
         run_doc)
            .c_str());
    m.def(
        "column_addresses",
        [](nb::handle prices) {
            const ArrowTable table(prices);
            std::vector<std::uintptr_t> addresses;
            for (const std::string_view name : table.names()) {
                addresses.push_back(reinterpret_cast<std::uintptr_t>(table.integers<Price>(name).values().data()));
            }
            return addresses;
        },
        "prices"_a.none(), "Where the values of integer columns are read from: in the table itself, not a copy.");
}
