// What portfolios, backtests and sweeps have in common in Python.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nanobook/portfolio/backtest.hpp>
#include <nanobook/portfolio/metrics.hpp>
#include <nanobook/portfolio/portfolio.hpp>
#include <nanobook/portfolio/position.hpp>
#include <nanobook/portfolio/sweep_grid.hpp>

#include "arguments.hpp"
#include "price_source.hpp"

/// A position with the name of its symbol.
struct PositionObject {
    std::string symbol;
    nanobook::Position position;

    friend bool operator==(const PositionObject&, const PositionObject&) = default;
};

/// A backtest that is over. It keeps its prices, whose dates label its tables.
struct BacktestObject {
    nanobook::BacktestResult result;
    std::shared_ptr<const PriceSource> prices;
};

using NamedPrices = std::vector<std::pair<std::string, nanobook::Price>>;
using NamedWeights = std::vector<std::pair<std::string, double>>;

/// Calls `take(name, value)` for a mapping, or for pairs. TypeError for anything else; `what` says what it was to be.
template <class Take>
void for_each_pair(nanobind::handle source, const char* what, Take take) {
    namespace nb = nanobind;
    const auto refuse = [&](nb::handle value) {
        const std::string message =
            std::string(what) + " must be a mapping or pairs of a symbol and a number, not " + nb::repr(value).c_str();
        throw nb::type_error(message.c_str());
    };
    const auto take_pair = [&](nb::handle name, nb::handle value) {
        if (!nb::isinstance<nb::str>(name)) refuse(source);
        take(name, value);
    };
    const nb::object items = nb::isinstance<nb::dict>(source) ? nb::object(items_of(source))
                             : nb::hasattr(source, "items")   ? source.attr("items")()
                                                              : nb::borrow(source);
    if (nb::isinstance<nb::str>(items) || !nb::hasattr(items, "__iter__")) refuse(source);
    for (const nb::handle item : items) {
        if (nb::isinstance<nb::str>(item) || !nb::hasattr(item, "__getitem__") || nb::len_hint(item) != 2) refuse(item);
        take_pair(nb::object(item[0]), nb::object(item[1]));
    }
}

/// Symbol and price, in whole numbers. ValueError where a symbol is there twice.
NamedPrices to_prices(nanobind::handle prices);
/// Symbol and weight. Nothing is checked about the weights.
NamedWeights to_weights(nanobind::handle weights);
/// A weight; TypeError where it is no number.
double to_weight(nanobind::handle weight, std::string_view symbol);

/// Symbols, with their numbers in a portfolio, as Fill tables have them.
Table fills_table(const BacktestObject& backtest);
Table curve_table(const BacktestObject& backtest);

const char* status_name(nanobook::RunStatus status);
nanobind::dict to_dict(const nanobook::Metrics& metrics);

/// The call of a Python function now and then with (done, total), and Ctrl-C. Made and destroyed with the GIL; asked
/// from the thread that made it, without it. `goes_on` gives false once Python wants to stop: then `rethrow` says why.
class Progress {
  public:
    /// `callback`: callable; None or False; or True for a bar on the terminal that says `what`.
    Progress(nanobind::object callback, const char* what);
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress();

    bool operator()(std::size_t done, std::size_t total);
    [[nodiscard]] bool has_failed() const noexcept { return error_.has_value(); }
    /// The error, which Python has raised.
    [[nodiscard]] nanobind::python_error& error() { return *error_; }
    /// The last report, that all is done. With the GIL.
    void finish(std::size_t total);

  private:
    nanobind::object callback_;
    bool is_bar_ = false;
    std::int64_t last_report_ = 0;
    std::optional<nanobind::python_error> error_;
};
