// The parameter sets of a sweep: every combination of some values, or the rows of a table. None of them is kept; each
// is worked out when it is asked for.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <nanobook/core/types.hpp>
#include <nanobook/detail/refuse.hpp>
#include <nanobook/portfolio/cost_model.hpp>
#include <nanobook/portfolio/equal_weight.hpp>
#include <nanobook/portfolio/schedule.hpp>

namespace nanobook {

/// What can be varied, in the order of `sweep_key_names`.
enum class SweepKey : std::uint8_t {
    rebalance_every,
    rebalance_on,  ///< a Period
    offset,
    cost_bps,
    slippage_bps,
    min_trade_fee,
    cash_buffer,
    no_trade_band_bps,
    lookback,
    top_k,
    skip,
    min_price,
    min_history,
    stop_loss_pct,
    trailing_stop_pct,
    take_profit_pct,
    leverage,
    max_drawdown_stop,
    execution_lag,
};

inline constexpr std::array<std::string_view, 19> sweep_key_names{"rebalance_every",
                                                                  "rebalance_on",
                                                                  "offset",
                                                                  "cost_bps",
                                                                  "slippage_bps",
                                                                  "min_trade_fee",
                                                                  "cash_buffer",
                                                                  "no_trade_band_bps",
                                                                  "lookback",
                                                                  "top_k",
                                                                  "skip",
                                                                  "min_price",
                                                                  "min_history",
                                                                  "stop_loss_pct",
                                                                  "trailing_stop_pct",
                                                                  "take_profit_pct",
                                                                  "leverage",
                                                                  "max_drawdown_stop",
                                                                  "execution_lag"};
static_assert(sweep_key_names[static_cast<std::size_t>(SweepKey::execution_lag)] == "execution_lag");

inline constexpr std::array<std::string_view, 4> period_names{"day", "week", "month", "quarter"};

/// Whether the values of a key are whole numbers.
[[nodiscard]] constexpr bool is_whole(SweepKey key) noexcept {
    switch (key) {
        case SweepKey::cost_bps:
        case SweepKey::slippage_bps:
        case SweepKey::cash_buffer:
        case SweepKey::no_trade_band_bps:
        case SweepKey::stop_loss_pct:
        case SweepKey::trailing_stop_pct:
        case SweepKey::take_profit_pct:
        case SweepKey::leverage:
        case SweepKey::max_drawdown_stop: return false;
        default: return true;
    }
}

/// Throws std::invalid_argument that lists the keys there are.
[[nodiscard]] inline SweepKey sweep_key(std::string_view name) {
    for (std::size_t i = 0; i < sweep_key_names.size(); ++i) {
        if (sweep_key_names[i] == name) return static_cast<SweepKey>(i);
    }
    std::string message = "unknown key '" + std::string(name) + "'; the keys are ";
    for (std::size_t i = 0; i < sweep_key_names.size(); ++i) {
        message += (i == 0 ? "" : ", ") + std::string(sweep_key_names[i]);
    }
    throw std::invalid_argument(message);
}

/// One run of a sweep.
struct ParameterSet {
    EqualWeightRules rules = {};
    CostModel costs = {};
    std::uint32_t execution_lag = 0;

    /// Throws std::invalid_argument.
    void set(SweepKey key, double value) {
        switch (key) {
            case SweepKey::rebalance_every:
                rules.schedule.every = count(key, value);
                rules.schedule.on.reset();
                return;
            case SweepKey::rebalance_on: rules.schedule.on = static_cast<Period>(count(key, value, 3)); return;
            case SweepKey::offset: rules.schedule.offset = count(key, value); return;
            case SweepKey::cost_bps:
                std::ignore = CostModel::rate(value, "cost_bps");
                costs = CostModel(value, costs.slippage_bps(), costs.min_trade_fee());
                return;
            case SweepKey::slippage_bps:
                costs = CostModel(costs.commission_bps(), value, costs.min_trade_fee());
                return;
            case SweepKey::min_trade_fee:
                costs = CostModel(costs.commission_bps(), costs.slippage_bps(), money(key, value));
                return;
            case SweepKey::cash_buffer: rules.cash_buffer = value; return;
            case SweepKey::no_trade_band_bps: rules.no_trade_band_bps = value; return;
            case SweepKey::lookback: rules.selection.lookback = count(key, value); return;
            case SweepKey::top_k: rules.selection.top_k = count(key, value); return;
            case SweepKey::skip: rules.selection.skip = count(key, value); return;
            case SweepKey::min_price: rules.selection.min_price = money(key, value); return;
            case SweepKey::min_history: rules.selection.min_history = count(key, value); return;
            case SweepKey::stop_loss_pct: rules.stop_loss = value; return;
            case SweepKey::trailing_stop_pct: rules.trailing_stop = value; return;
            case SweepKey::take_profit_pct: rules.take_profit = value; return;
            case SweepKey::leverage: rules.leverage = value; return;
            case SweepKey::max_drawdown_stop: rules.max_drawdown = value; return;
            case SweepKey::execution_lag: execution_lag = count(key, value, 1); return;
        }
    }

  private:
    static std::uint32_t count(SweepKey key, double value,
                               std::uint32_t most = std::numeric_limits<std::uint32_t>::max() / 2) {
        if (value >= 0 && value <= most && value == std::floor(value)) return static_cast<std::uint32_t>(value);
        detail::refuse(sweep_key_names[static_cast<std::size_t>(key)], value,
                       "it must be a whole number from 0 to " + std::to_string(most));
    }
    static Price money(SweepKey key, double value) {
        if (value >= 0 && value < 0x1p53 && value == std::floor(value)) return static_cast<Price>(value);
        detail::refuse(sweep_key_names[static_cast<std::size_t>(key)], value, "it must be a whole number from 0");
    }
};

/// Values of one key; what is empty leaves the base value as it is.
struct SweepAxis {
    SweepKey key;
    std::vector<std::optional<double>> values;
};

class SweepGrid {
  public:
    /// One set: the base.
    SweepGrid() = default;

    /// All combinations; the values of the last axis change fastest. Throws std::invalid_argument.
    [[nodiscard]] static SweepGrid product(std::vector<SweepAxis> axes) {
        SweepGrid grid(std::move(axes));
        for (std::size_t i = grid.axes_.size(); i-- > 0;) {
            const std::size_t values = grid.axes_[i].values.size();
            grid.strides_[i] = grid.size_;
            if (values == 0) throw std::invalid_argument(std::string(name_of(grid.axes_[i])) + " has no values");
            if (grid.size_ > std::numeric_limits<std::uint32_t>::max() / values) {
                throw std::invalid_argument("param_grid has more than 4 billion combinations");
            }
            grid.size_ *= values;
        }
        return grid;
    }

    /// One set for each place in the axes, which are columns of equal length.
    [[nodiscard]] static SweepGrid rows(std::vector<SweepAxis> columns, std::size_t size) {
        SweepGrid grid(std::move(columns));
        for (const SweepAxis& axis : grid.axes_) {
            if (axis.values.size() == size) continue;
            throw std::invalid_argument(std::string(name_of(axis)) + " has " + std::to_string(axis.values.size()) +
                                        " values for " + std::to_string(size) + " parameter sets");
        }
        if (size > std::numeric_limits<std::uint32_t>::max()) {
            throw std::invalid_argument("param_grid has more than 4 billion rows");
        }
        grid.size_ = size;
        grid.is_product_ = false;
        return grid;
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] const std::vector<SweepAxis>& axes() const noexcept { return axes_; }

    [[nodiscard]] std::optional<double> value(std::size_t set, std::size_t axis) const noexcept {
        const SweepAxis& values = axes_[axis];
        return values.values[is_product_ ? set / strides_[axis] % values.values.size() : set];
    }

    /// The set of a number below size(), which differs from `base` in what the axes say. Throws std::invalid_argument
    /// that names the set and what is wrong with it.
    [[nodiscard]] ParameterSet at(std::size_t set, const ParameterSet& base) const {
        ParameterSet parameters = base;
        bool has_every = false;
        bool has_on = false;
        try {
            for (std::size_t axis = 0; axis < axes_.size(); ++axis) {
                const std::optional<double> given = value(set, axis);
                if (!given) continue;
                const SweepKey key = axes_[axis].key;
                has_every |= key == SweepKey::rebalance_every;
                has_on |= key == SweepKey::rebalance_on;
                parameters.set(key, *given);
            }
            if (has_every && has_on) {
                throw std::invalid_argument("rebalance_every and rebalance_on exclude each other");
            }
            parameters.rules.check();
        } catch (const std::invalid_argument& error) {
            throw std::invalid_argument("parameter set " + std::to_string(set) + ": " + error.what());
        }
        return parameters;
    }

  private:
    explicit SweepGrid(std::vector<SweepAxis> axes) : axes_(std::move(axes)), strides_(axes_.size()) {
        for (std::size_t i = 0; i < axes_.size(); ++i) {
            for (std::size_t j = 0; j < i; ++j) {
                if (axes_[i].key == axes_[j].key) {
                    throw std::invalid_argument(std::string(name_of(axes_[i])) + " is given twice");
                }
            }
        }
    }

    static std::string_view name_of(const SweepAxis& axis) noexcept {
        return sweep_key_names[static_cast<std::size_t>(axis.key)];
    }

    std::vector<SweepAxis> axes_;
    std::vector<std::size_t> strides_;
    std::size_t size_ = 1;
    bool is_product_ = true;
};

}  // namespace nanobook
