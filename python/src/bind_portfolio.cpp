// Costs, positions, portfolios, metrics.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/operators.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include <nanobook/exchange/multi_exchange.hpp>
#include <nanobook/portfolio/cost_model.hpp>
#include <nanobook/portfolio/overfitting.hpp>
#include <nanobook/portfolio/portfolio_json.hpp>
#include <nanobook/portfolio/rebalance_lob.hpp>

#include "arguments.hpp"
#include "arrow_in.hpp"
#include "bind.hpp"
#include "busy.hpp"
#include "files.hpp"
#include "portfolio_objects.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using nanobook::CostModel;
using nanobook::Metrics;
using nanobook::MetricsOptions;
using nanobook::Portfolio;
using nanobook::Position;
using nanobook::Price;
using nanobook::Side;
using nanobook::Target;

namespace {

/// A fill with the name of its symbol.
struct FillObject {
    std::string symbol;
    nanobook::Fill fill;

    friend bool operator==(const FillObject&, const FillObject&) = default;
};

struct RebalanceObject {
    nanobook::RebalanceReport report;
    std::vector<FillObject> trades;
};

struct LobFillObject {
    std::string symbol;
    nanobook::LobFill fill;
};

struct LobReportObject {
    nanobook::LobReport report;
    std::vector<LobFillObject> targets;
};

// ---------------------------------------------------------------------- a portfolio and names

// What `take` does with the quotes of all symbols that the portfolio knows.
nanobook::Quotes quotes_of(const Portfolio& portfolio, const NamedPrices& prices, std::vector<Price>& memory) {
    memory.assign(portfolio.symbols().size(), 0);
    for (const auto& [symbol, price] : prices) {
        if (const auto number = portfolio.find_symbol(symbol)) memory[*number] = price;
    }
    return {memory};
}

template <class Work>
auto with_quotes(const Portfolio& portfolio, nb::handle prices, Work&& work) {
    std::vector<Price> memory;
    return work(quotes_of(portfolio, to_prices(prices), memory));
}

std::vector<Target> number_targets(Portfolio& portfolio, const NamedWeights& weights) {
    std::vector<Target> targets;
    for (const auto& [symbol, weight] : weights) targets.push_back({portfolio.add_symbol(symbol), weight});
    return targets;
}

RebalanceObject rebalance_simple(Portfolio& self, nb::handle targets, nb::handle prices) {
    const NamedPrices given = to_prices(prices);
    if (targets.is_none()) return {};
    const NamedWeights weights = to_weights(targets);
    // Before a symbol is made for it.
    for (const auto& [symbol, weight] : weights) {
        if (std::ranges::find(given, symbol, &NamedPrices::value_type::first) == given.end()) {
            raise_value_error("there is no price of " + symbol);
        }
    }
    const std::vector<Target> numbered = number_targets(self, weights);
    std::vector<Price> memory;
    std::vector<nanobook::Fill> fills;
    RebalanceObject result;
    result.report = self.rebalance(numbered, quotes_of(self, given, memory), &fills);
    for (const nanobook::Fill& fill : fills) result.trades.push_back({self.symbols()[fill.symbol], fill});
    return result;
}

LobReportObject rebalance_lob(Portfolio& self, nb::handle targets, nanobook::MultiExchange& exchanges,
                              double max_slippage_bps) {
    if (targets.is_none()) return {};
    const NamedWeights weights = to_weights(targets);
    for (const auto& [symbol, weight] : weights) {
        const auto known = nanobook::Symbol::parse(symbol);
        if (!known || exchanges.find(*known) == nullptr) raise_value_error("there is no order book of " + symbol);
    }
    const std::vector<Target> numbered = number_targets(self, weights);
    LobReportObject result{nanobook::rebalance_lob(self, numbered, exchanges, max_slippage_bps), {}};
    for (const nanobook::LobFill& fill : result.report.fills) {
        result.targets.push_back({self.symbols()[fill.symbol], fill});
    }
    return result;
}

bool was_held(const Position& position) { return position.fills != 0; }

nb::dict positions_of(const Portfolio& self) {
    nb::dict positions;
    for (std::size_t i = 0; i < self.symbols().size(); ++i) {
        if (!was_held(self.positions()[i])) continue;
        positions[nb::cast(self.symbols()[i])] = PositionObject{self.symbols()[i], self.positions()[i]};
    }
    return positions;
}

nb::dict weights_of(const Portfolio& self, const nanobook::Quotes& quotes) {
    nb::dict weights;
    for (const Target& target : self.current_weights(quotes)) {
        weights[nb::cast(self.symbols()[target.symbol])] = target.weight;
    }
    return weights;
}

nb::dict snapshot_of(const Portfolio& self, const nanobook::Quotes& quotes) {
    nb::dict quantities;
    for (std::size_t i = 0; i < self.symbols().size(); ++i) {
        const std::int64_t quantity = self.positions()[i].quantity;
        if (quantity != 0) quantities[nb::cast(self.symbols()[i])] = quantity;
    }
    nb::dict snapshot;
    snapshot["cash"] = self.cash();
    snapshot["equity"] = self.equity(quotes);
    snapshot["fees"] = self.fees();
    snapshot["realised_gross"] = self.realised_gross();
    snapshot["realised_net"] = self.realised_net();
    snapshot["unrealised"] = self.unrealised(quotes);
    snapshot["positions"] = quantities;
    snapshot["weights"] = weights_of(self, quotes);
    return snapshot;
}

Portfolio from_json(std::string_view text) {
    try {
        return nanobook::PortfolioJson::read(text);
    } catch (const nanobook::JsonError& error) {
        raise_value_error(error.what());
    }
}

// ---------------------------------------------------------------------- metrics

std::vector<double> to_returns(nb::handle source) {
    if (nb::hasattr(source, "__arrow_c_stream__") || nb::hasattr(source, "__arrow_c_array__")) {
        return read_reals(source);
    }
    nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu> array;
    if (nb::hasattr(source, "__array__") && nb::try_cast(source, array, false)) {
        return {array.data(), array.data() + array.size()};
    }
    std::vector<double> returns;
    for (const nb::handle value : source) {
        const double number = PyFloat_AsDouble(value.ptr());
        if (number == -1.0 && PyErr_Occurred() != nullptr) {
            PyErr_Clear();
            const std::string message = "the return in row " + std::to_string(returns.size()) + " is " +
                                        nb::repr(value).c_str() + "; it must be a number";
            if (value.is_none()) raise_value_error(message);
            throw nb::type_error(message.c_str());
        }
        returns.push_back(number);
    }
    return returns;
}

Metrics from_dict(const nb::dict& values) {
    Metrics metrics;
    const auto get = [&](const char* name, auto& value) {
        value = nb::cast<std::remove_reference_t<decltype(value)>>(values[name]);
    };
    get("total_return", metrics.total_return);
    get("cagr", metrics.cagr);
    get("volatility", metrics.volatility);
    get("sharpe", metrics.sharpe);
    get("sortino", metrics.sortino);
    get("max_drawdown", metrics.max_drawdown);
    get("calmar", metrics.calmar);
    get("win_rate", metrics.win_rate);
    get("profit_factor", metrics.profit_factor);
    get("cvar_95", metrics.cvar_95);
    get("n_periods", metrics.n_periods);
    get("winning", metrics.winning);
    get("losing", metrics.losing);
    get("periods_per_year", metrics.periods_per_year);
    get("risk_free", metrics.risk_free);
    return metrics;
}

std::string text_of(const nb::dict& values, const char* type) {
    std::string text = type;
    text += '(';
    for (const auto& [name, value] : values) {
        if (text.back() != '(') text += ", ";
        text += nb::cast<std::string>(name) + "=" + nb::repr(value).c_str();
    }
    return text + ")";
}

void bind_metrics(nb::module_& m) {
    nb::class_<Metrics>(m, "Metrics",
                        "What is said of a series of returns, by the conventions of empyrical and quantstats. What is "
                        "not defined for a series is None.")
        .def_ro("total_return", &Metrics::total_return, "Of the whole series: 0.1 is 10 %.")
        .def_ro("cagr", &Metrics::cagr, "(1 + total_return) ** (periods_per_year / n_periods) - 1.")
        .def_ro("volatility", &Metrics::volatility, "Standard deviation (n - 1), of a year; from two returns on.")
        .def_ro("sharpe", &Metrics::sharpe, "Of a year; None where all returns are equal.")
        .def_ro("sortino", &Metrics::sortino,
                "Of a year, by the downside deviation over all periods (n); None where no return is below risk_free.")
        .def_ro("max_drawdown", &Metrics::max_drawdown, "The deepest fall from a peak, as a positive part of it.")
        .def_ro("calmar", &Metrics::calmar, "cagr / max_drawdown; None without a drawdown.")
        .def_ro("win_rate", &Metrics::win_rate, "winning / (winning + losing).")
        .def_ro("profit_factor", &Metrics::profit_factor, "The sum of the gains / that of the losses.")
        .def_ro("cvar_95", &Metrics::cvar_95, "The mean of the lowest int((n - 1) * 0.05) + 1 returns.")
        .def_ro("n_periods", &Metrics::n_periods, "Returns.")
        .def_ro("winning", &Metrics::winning, "Returns above 0.")
        .def_ro("losing", &Metrics::losing, "Returns below 0.")
        .def_ro("periods_per_year", &Metrics::periods_per_year)
        .def_ro("risk_free", &Metrics::risk_free, "Of one period.")
        .def("to_dict", &to_dict, nb::sig("def to_dict(self) -> dict[str, float | int | None]"))
        .def(
            "__eq__", [](const Metrics& a, const Metrics& b) { return a == b; }, nb::is_operator(),
            nb::sig("def __eq__(self, other: object, /) -> bool"))
        .def("__getstate__", &to_dict, nb::sig("def __getstate__(self) -> dict[str, float | int | None]"))
        .def(
            "__setstate__", [](Metrics& self, const nb::dict& values) { new (&self) Metrics(from_dict(values)); },
            nb::sig("def __setstate__(self, values: dict[str, float | int | None]) -> None"))
        .def("__repr__", [](const Metrics& self) { return text_of(to_dict(self), "Metrics"); });

    m.def(
        "compute_metrics",
        [](nb::handle returns, double periods_per_year, double risk_free) -> std::optional<Metrics> {
            const std::vector<double> values = to_returns(returns);
            const Metrics metrics =
                nanobook::compute_metrics(std::span<const double>(values), MetricsOptions{periods_per_year, risk_free});
            if (values.empty()) return std::nullopt;
            return metrics;
        },
        "returns"_a.none(), "periods_per_year"_a = 252.0, "risk_free"_a = 0.0,
        nb::sig("def compute_metrics(returns: typing.Any, periods_per_year: float = 252.0, risk_free: float = 0.0) -> "
                "Metrics | None"),
        "Metrics of returns, each of one period: 0.01 is 1 %.\n\nreturns: a list, a NumPy array, or an Arrow column "
        "such "
        "as a Polars or pandas Series. risk_free: the risk-free return of one period. None where there are no returns. "
        "ValueError names the row of a return that is missing or not finite.");
    m.def(
        "probabilistic_sharpe",
        [](nb::handle returns, double benchmark, double risk_free) {
            return nanobook::probabilistic_sharpe(to_returns(returns), benchmark, risk_free);
        },
        "returns"_a.none(), "benchmark"_a = 0.0, "risk_free"_a = 0.0,
        nb::sig("def probabilistic_sharpe(returns: typing.Any, benchmark: float = 0.0, risk_free: float = 0.0) -> "
                "float | None"),
        "The probability that the true Sharpe ratio of these returns is above `benchmark`; all ratios are of one "
        "period, "
        "not of a year. Bailey and Lopez de Prado (2012).");
}

// ---------------------------------------------------------------------- costs and positions

void bind_costs(nb::module_& m) {
    nb::class_<CostModel>(
        m, "CostModel",
        "What a trade costs. Slippage moves the price of a fill against the trader, rounded half up; the "
        "commission is a part of the notional, rounded half up, once an order, and at least "
        "`min_trade_fee`.")
        .def(
            "__init__",
            [](CostModel* self, double commission_bps, double slippage_bps, Whole<Price> min_trade_fee) {
                new (self) CostModel(commission_bps, slippage_bps, min_trade_fee.get("min_trade_fee", 0));
            },
            "commission_bps"_a = 0.0, "slippage_bps"_a = 0.0, "min_trade_fee"_a = 0,
            "commission_bps, slippage_bps: basis points, in steps of 0.01. min_trade_fee: in the unit of the prices, "
            "such "
            "as cents. ValueError where one is negative.")
        .def_static("zero", &CostModel::zero, "Nothing costs anything.")
        .def_prop_ro("commission_bps", &CostModel::commission_bps, "Of the notional, in basis points.")
        .def_prop_ro("slippage_bps", &CostModel::slippage_bps, "Of the price, in basis points.")
        .def_prop_ro("min_trade_fee", &CostModel::min_trade_fee, "The least an order pays.")
        .def(
            "fill_price",
            [](const CostModel& self, Word<Side> side, Whole<Price> price) {
                const Price market = price.get("price");
                if (market <= 0) raise_value_error("price is " + std::to_string(market) + "; it must be above 0");
                return self.fill_price(side.get("side"), market);
            },
            "side"_a, "price"_a, "What an order is filled at where the market is at `price`.")
        .def(
            "commission",
            [](const CostModel& self, Whole<Price> notional) {
                const Price value = notional.get("notional", 0);
                if (value < 0) raise_value_error("notional is " + std::to_string(value) + "; it must not be negative");
                return self.commission(value);
            },
            "notional"_a, "The fee of an order that comes to `notional`.")
        .def(
            "__eq__", [](const CostModel& a, const CostModel& b) { return a == b; }, nb::is_operator(),
            nb::sig("def __eq__(self, other: object, /) -> bool"))
        .def("__hash__",
             [](const CostModel& self) {
                 return nb::hash(nb::make_tuple(self.commission_bps(), self.slippage_bps(), self.min_trade_fee()));
             })
        .def("__getstate__",
             [](const CostModel& self) {
                 return std::tuple(self.commission_bps(), self.slippage_bps(), self.min_trade_fee());
             })
        .def("__setstate__",
             [](CostModel& self, std::tuple<double, double, Price> state) {
                 new (&self) CostModel(std::get<0>(state), std::get<1>(state), std::get<2>(state));
             })
        .def("__repr__", [](const CostModel& self) {
            std::ostringstream text;
            text << "CostModel(commission_bps=" << self.commission_bps() << ", slippage_bps=" << self.slippage_bps()
                 << ", min_trade_fee=" << self.min_trade_fee() << ")";
            return text.str();
        });
}

void bind_position(nb::module_& m) {
    nb::class_<PositionObject>(m, "Position", "What is held of one symbol, at average cost, and what it has earned.")
        .def_ro("symbol", &PositionObject::symbol)
        .def_prop_ro(
            "quantity", [](const PositionObject& p) { return p.position.quantity; }, "Shares; negative where short.")
        .def_prop_ro(
            "total_cost", [](const PositionObject& p) { return p.position.total_cost; },
            "What was paid for what is held; negative where short: what was received.")
        .def_prop_ro(
            "realised_gross", [](const PositionObject& p) { return p.position.realised_gross; },
            "Profit of what was closed, before fees.")
        .def_prop_ro(
            "fees", [](const PositionObject& p) { return p.position.fees; }, "Of all its orders.")
        .def_prop_ro(
            "realised_net", [](const PositionObject& p) { return p.position.realised_net(); }, "realised_gross - fees.")
        .def_prop_ro(
            "avg_entry_price", [](const PositionObject& p) { return p.position.avg_entry_price(); },
            "total_cost / quantity, for people: no calculation of money starts from it. None where nothing is held.")
        .def(
            "market_value",
            [](const PositionObject& p, Whole<Price> price) { return p.position.market_value(price.get("price")); },
            "price"_a, "quantity * price.")
        .def(
            "unrealised",
            [](const PositionObject& p, Whole<Price> price) { return p.position.unrealised(price.get("price")); },
            "price"_a, "market_value - total_cost.")
        .def(
            "__eq__", [](const PositionObject& a, const PositionObject& b) { return a == b; }, nb::is_operator(),
            nb::sig("def __eq__(self, other: object, /) -> bool"))
        .def("__repr__", [](const PositionObject& p) {
            return "Position(" + p.symbol + ", quantity=" + std::to_string(p.position.quantity) +
                   ", total_cost=" + std::to_string(p.position.total_cost) +
                   ", realised_gross=" + std::to_string(p.position.realised_gross) +
                   ", fees=" + std::to_string(p.position.fees) + ")";
        });
}

void bind_reports(nb::module_& m) {
    nb::class_<FillObject>(m, "Fill", "One order of a rebalance, filled.")
        .def_ro("symbol", &FillObject::symbol)
        .def_prop_ro(
            "side", [](const FillObject& f) { return to_word(f.fill.side); },
            nb::sig("def side(self) -> nanobook._enums.Side"))
        .def_prop_ro(
            "quantity", [](const FillObject& f) { return f.fill.quantity; }, "Shares, above 0.")
        .def_prop_ro(
            "price", [](const FillObject& f) { return f.fill.price; }, "Slippage included.")
        .def_prop_ro("fee", [](const FillObject& f) { return f.fill.fee; })
        .def(
            "__eq__", [](const FillObject& a, const FillObject& b) { return a == b; }, nb::is_operator(),
            nb::sig("def __eq__(self, other: object, /) -> bool"))
        .def("__repr__", [](const FillObject& f) {
            return std::string("Fill(") + (f.fill.side == Side::buy ? "buy " : "sell ") +
                   std::to_string(f.fill.quantity) + " " + f.symbol + " at " + std::to_string(f.fill.price) + ", fee " +
                   std::to_string(f.fill.fee) + ")";
        });

    nb::class_<RebalanceObject>(m, "Rebalance", "What a rebalance came to.")
        .def_prop_ro(
            "equity", [](const RebalanceObject& r) { return r.report.equity; },
            "Before the trades; 0 where nothing was looked at: None was the target, or the portfolio is ruined.")
        .def_ro("trades", &RebalanceObject::trades, "Its orders, sells first.")
        .def_prop_ro(
            "traded", [](const RebalanceObject& r) { return r.report.traded; }, "The sum of the notionals.")
        .def_prop_ro(
            "fees", [](const RebalanceObject& r) { return r.report.fees; }, "Of all orders.")
        .def_prop_ro(
            "slippage", [](const RebalanceObject& r) { return r.report.slippage; },
            "What the fills cost more than the given prices.")
        .def_prop_ro(
            "resized", [](const RebalanceObject& r) { return r.report.resized; },
            "The buys were made smaller, by one factor, for want of cash.")
        .def("__repr__", [](const RebalanceObject& r) {
            return "Rebalance(" + std::to_string(r.trades.size()) +
                   " trades, traded=" + std::to_string(r.report.traded) + ", fees=" + std::to_string(r.report.fees) +
                   (r.report.resized ? ", resized)" : ")");
        });

    nb::class_<LobFillObject>(m, "LobFill", "What became of one symbol in a rebalance through the order books.")
        .def_ro("symbol", &LobFillObject::symbol)
        .def_prop_ro(
            "side", [](const LobFillObject& f) { return to_word(f.fill.side); },
            nb::sig("def side(self) -> nanobook._enums.Side"))
        .def_prop_ro(
            "target", [](const LobFillObject& f) { return f.fill.target; }, "Shares to hold.")
        .def_prop_ro(
            "wanted", [](const LobFillObject& f) { return f.fill.wanted; }, "Shares to trade for that.")
        .def_prop_ro(
            "ordered", [](const LobFillObject& f) { return f.fill.ordered; },
            "Fewer than wanted where the cash does not cover all buys, or a sale would cost more than it brings.")
        .def_prop_ro(
            "filled", [](const LobFillObject& f) { return f.fill.filled; }, "Shares.")
        .def_prop_ro(
            "unfilled", [](const LobFillObject& f) { return f.fill.unfilled(); }, "wanted - filled.")
        .def_prop_ro(
            "average_price", [](const LobFillObject& f) { return f.fill.average_price(); }, "None without a fill.")
        .def_prop_ro(
            "notional", [](const LobFillObject& f) { return f.fill.notional; }, "Of the fills.")
        .def_prop_ro(
            "fees", [](const LobFillObject& f) { return f.fill.fee; }, "Once an order.")
        .def_prop_ro(
            "limit",
            [](const LobFillObject& f) { return f.fill.limit == 0 ? std::nullopt : std::optional(f.fill.limit); },
            "The worst price that the order accepted; None where none was sent.")
        .def_prop_ro(
            "order_id",
            [](const LobFillObject& f) { return f.fill.order_id == 0 ? std::nullopt : std::optional(f.fill.order_id); },
            "In the exchange of the symbol; None where none was sent.")
        .def("__repr__", [](const LobFillObject& f) {
            return std::string("LobFill(") + (f.fill.side == Side::buy ? "buy " : "sell ") + f.symbol +
                   ", wanted=" + std::to_string(f.fill.wanted) + ", ordered=" + std::to_string(f.fill.ordered) +
                   ", filled=" + std::to_string(f.fill.filled) + ", unfilled=" + std::to_string(f.fill.unfilled()) +
                   ")";
        });

    nb::class_<LobReportObject>(m, "LobRebalance", "What a rebalance through the order books came to.")
        .def_prop_ro(
            "equity", [](const LobReportObject& r) { return r.report.equity; }, "Before the trades.")
        .def_ro("targets", &LobReportObject::targets, "One for each symbol that is held or targeted.")
        .def_prop_ro(
            "resized", [](const LobReportObject& r) { return r.report.resized; },
            "The buys were made smaller, by one factor, for want of cash.")
        .def("__repr__", [](const LobReportObject& r) {
            return "LobRebalance(" + std::to_string(r.targets.size()) + " symbols" +
                   (r.report.resized ? ", resized)" : ")");
        });
}

// ---------------------------------------------------------------------- portfolios

constexpr const char* prices_doc = "prices: a mapping or pairs of symbol and price, whole and above 0.";

void bind_portfolios(nb::module_& m) {
    nb::class_<Portfolio>(
        m, "Portfolio",
        "Cash and positions, moved to target weights. Money is in the unit of the prices, such as cents, and exact: "
        "total_equity - initial_cash == realised_gross - fees + unrealised, always.")
        .def(
            "__init__",
            [](Portfolio* self, Whole<Price> initial_cash, const CostModel& costs, double leverage) {
                new (self) Portfolio(initial_cash.get("initial_cash"), costs, leverage);
            },
            "initial_cash"_a, "cost_model"_a = CostModel(), nb::kw_only(), "leverage"_a = 1.0,
            nb::sig("def __init__(self, initial_cash: int, cost_model: CostModel = ..., *, leverage: float = 1.0) -> "
                    "None"),
            "initial_cash: above 0. leverage: what all |weights| together may come to; cash is below zero only where "
            "it is "
            "above 1.")
        .def_prop_ro("initial_cash", &Portfolio::initial_cash)
        .def_prop_ro("cash", &Portfolio::cash)
        .def_prop_ro("cost_model", &Portfolio::costs, nb::rv_policy::copy)
        .def_prop_ro("leverage", &Portfolio::leverage)
        .def_prop_ro("fees", &Portfolio::fees, "Of all orders so far.")
        .def_prop_ro("realised_gross", &Portfolio::realised_gross, "Profit of what was closed, before fees.")
        .def_prop_ro("realised_net", &Portfolio::realised_net, "realised_gross - fees.")
        .def_prop_ro("ruined", &Portfolio::is_ruined,
                     "The equity was once at or below zero: all was sold, and there is no trade any more.")
        .def(
            "position",
            [](const Portfolio& self, std::string_view symbol) -> std::optional<PositionObject> {
                const auto number = self.find_symbol(symbol);
                if (!number || !was_held(self.positions()[*number])) return std::nullopt;
                return PositionObject{std::string(symbol), self.positions()[*number]};
            },
            "symbol"_a, "None where it was never traded. One that was closed has the quantity 0.")
        .def("positions", &positions_of, nb::sig("def positions(self) -> dict[str, Position]"),
             "By symbol, those that were closed too.")
        .def("rebalance_simple", &rebalance_simple, "targets"_a.none(), "prices"_a.none(),
             nb::sig("def rebalance_simple(self, targets: typing.Any, prices: typing.Any) -> Rebalance"),
             "Trades at these prices until every target has floor(weight * equity / price) shares, the equity being "
             "that "
             "before the trades; what is held and not targeted is sold. Sells come first; buys that the cash does not "
             "cover shrink by one common factor. The same targets at the same prices a second time trade nothing.\n\n"
             "targets: a mapping or pairs of symbol and weight, a part of the equity, negative for a short position; "
             "None "
             "holds what there is, an empty mapping sells it. prices: a mapping or pairs of symbol and price. "
             "ValueError, "
             "and nothing is traded, for a weight that is not finite, weights above the leverage in sum, a symbol "
             "twice or "
             "without a price.")
        .def("rebalance_lob", &rebalance_lob, "targets"_a.none(), "exchanges"_a.none(), nb::kw_only(),
             "max_slippage_bps"_a = 100.0,
             nb::sig(
                 "def rebalance_lob(self, targets: typing.Any, exchanges: MultiExchange, *, max_slippage_bps: float = "
                 "100.0) -> LobRebalance"),
             "The same through order books: marketable orders (immediate or cancel), sells first, buys sized against "
             "what "
             "the books ask. Symbols are valued at the middle of their books. Nothing rests, and the report says what "
             "was "
             "not filled.\n\nmax_slippage_bps: how far from the best price an order may be filled. ValueError, and "
             "nothing "
             "is sent, as above and for a symbol without a book; none is made.")
        .def(
            "total_equity",
            [](const Portfolio& self, nb::handle prices) {
                return with_quotes(self, prices, [&](const nanobook::Quotes& quotes) { return self.equity(quotes); });
            },
            "prices"_a.none(), nb::sig("def total_equity(self, prices: typing.Any) -> int"), prices_doc)
        .def(
            "unrealised",
            [](const Portfolio& self, nb::handle prices) {
                return with_quotes(self, prices,
                                   [&](const nanobook::Quotes& quotes) { return self.unrealised(quotes); });
            },
            "prices"_a.none(), nb::sig("def unrealised(self, prices: typing.Any) -> int"),
            "What the positions are worth beyond their cost.")
        .def(
            "current_weights",
            [](const Portfolio& self, nb::handle prices) {
                return with_quotes(self, prices,
                                   [&](const nanobook::Quotes& quotes) { return weights_of(self, quotes); });
            },
            "prices"_a.none(), nb::sig("def current_weights(self, prices: typing.Any) -> dict[str, float]"),
            "The value of every open position as a part of the equity.")
        .def(
            "snapshot",
            [](const Portfolio& self, nb::handle prices) {
                return with_quotes(self, prices,
                                   [&](const nanobook::Quotes& quotes) { return snapshot_of(self, quotes); });
            },
            "prices"_a.none(), nb::sig("def snapshot(self, prices: typing.Any) -> dict[str, typing.Any]"),
            "cash, equity, fees, realised_gross, realised_net, unrealised, positions and weights at these prices.")
        .def(
            "record_return",
            [](Portfolio& self, nb::handle prices) {
                return with_quotes(self, prices,
                                   [&](const nanobook::Quotes& quotes) { return self.record_return(quotes); });
            },
            "prices"_a.none(), nb::sig("def record_return(self, prices: typing.Any) -> float"),
            "Appends the equity at these prices to the curve. Returns the change since the entry before.")
        .def("equity_curve", &Portfolio::equity_curve, "initial_cash, then what record_return saw.")
        .def("returns", &Portfolio::returns, "Of the equity curve: one less than it has entries.")
        .def(
            "compute_metrics",
            [](const Portfolio& self, double periods_per_year, double risk_free) -> std::optional<Metrics> {
                if (self.equity_curve().size() < 2) return std::nullopt;
                return nanobook::compute_metrics(std::span<const Price>(self.equity_curve()),
                                                 MetricsOptions{periods_per_year, risk_free});
            },
            "periods_per_year"_a = 252.0, "risk_free"_a = 0.0, "Of the equity curve; None before the first return.")
        .def("to_json", &nanobook::PortfolioJson::write, "All that decides what it will do; see from_json.")
        .def_static("from_json", &from_json, "text"_a, "ValueError for what to_json did not write.")
        .def(
            "save_json",
            [](const Portfolio& self, const std::filesystem::path& path) {
                with_file(path, [&] { nanobook::save_json(path, self); });
            },
            "path"_a, nb::sig("def save_json(self, path: str | os.PathLike[str]) -> None"),
            "A file that stood there stays as it is until the new one is whole.")
        .def_static(
            "load_json",
            [](const std::filesystem::path& path) {
                return with_file(path, [&] { return nanobook::load_json(path); });
            },
            "path"_a, nb::sig("def load_json(path: str | os.PathLike[str]) -> Portfolio"))
        .def(
            "__eq__",
            [](const Portfolio& a, const Portfolio& b) {
                return nanobook::PortfolioJson::write(a) == nanobook::PortfolioJson::write(b);
            },
            nb::is_operator(), nb::sig("def __eq__(self, other: object, /) -> bool"))
        .def("__hash__",
             [](const Portfolio&) -> std::size_t { throw nb::type_error("a Portfolio changes: it has no hash"); })
        .def("__copy__", [](const Portfolio& self) { return Portfolio(self); })
        .def(
            "__deepcopy__", [](const Portfolio& self, nb::handle) { return Portfolio(self); }, "memo"_a,
            nb::sig("def __deepcopy__(self, memo: dict[int, typing.Any]) -> Portfolio"))
        .def("__getstate__", [](const Portfolio& self) { return nanobook::PortfolioJson::write(self); })
        .def("__setstate__", [](Portfolio& self, std::string_view state) { new (&self) Portfolio(from_json(state)); })
        .def("__repr__", [](const Portfolio& self) {
            const auto held =
                std::ranges::count_if(self.positions(), [](const Position& p) { return p.quantity != 0; });
            return "Portfolio(cash=" + std::to_string(self.cash()) + ", " + std::to_string(held) + " positions" +
                   (self.is_ruined() ? ", ruined)" : ")");
        });
}

}  // namespace

// ---------------------------------------------------------------------- shared

NamedPrices to_prices(nb::handle prices) {
    NamedPrices named;
    for_each_pair(prices, "prices", [&](nb::handle name, nb::handle price) {
        const std::string symbol = to_utf8(name);
        Whole<Price> whole{};
        if (nb::isinstance<nb::bool_>(price) || !nb::try_cast(price, whole) || !whole.fits) {
            const std::string message = "the price of " + symbol + " is " + nb::repr(price).c_str() +
                                        "; it must be a whole number of 64 bits, such as cents";
            throw nb::type_error(message.c_str());
        }
        if (whole.value <= 0) {
            raise_value_error("the price of " + symbol + " is " + std::to_string(whole.value) + "; it must be above 0");
        }
        named.emplace_back(symbol, whole.value);
    });
    std::vector<std::string_view> names;
    for (const auto& [symbol, price] : named) names.push_back(symbol);
    std::ranges::sort(names);
    const auto twice = std::ranges::adjacent_find(names);
    if (twice != names.end()) raise_value_error("the price of " + std::string(*twice) + " is given twice");
    return named;
}

double to_weight(nb::handle weight, std::string_view symbol) {
    const double number = PyFloat_AsDouble(weight.ptr());
    if (number == -1.0 && PyErr_Occurred() != nullptr) [[unlikely]] {
        PyErr_Clear();
        const std::string message =
            "the weight of " + std::string(symbol) + " is " + nb::repr(weight).c_str() + "; it must be a number";
        throw nb::type_error(message.c_str());
    }
    return number;
}

NamedWeights to_weights(nb::handle weights) {
    NamedWeights named;
    for_each_pair(weights, "targets", [&](nb::handle name, nb::handle weight) {
        const std::string symbol = to_utf8(name);
        named.emplace_back(symbol, to_weight(weight, symbol));
    });
    return named;
}

nb::dict to_dict(const Metrics& metrics) {
    nb::dict values;
    values["total_return"] = metrics.total_return;
    values["cagr"] = metrics.cagr;
    values["volatility"] = metrics.volatility;
    values["sharpe"] = metrics.sharpe;
    values["sortino"] = metrics.sortino;
    values["max_drawdown"] = metrics.max_drawdown;
    values["calmar"] = metrics.calmar;
    values["win_rate"] = metrics.win_rate;
    values["profit_factor"] = metrics.profit_factor;
    values["cvar_95"] = metrics.cvar_95;
    values["n_periods"] = metrics.n_periods;
    values["winning"] = metrics.winning;
    values["losing"] = metrics.losing;
    values["periods_per_year"] = metrics.periods_per_year;
    values["risk_free"] = metrics.risk_free;
    return values;
}

void bind_portfolio(nb::module_& m) {
    bind_metrics(m);
    bind_costs(m);
    bind_position(m);
    bind_reports(m);
    bind_portfolios(m);
}
