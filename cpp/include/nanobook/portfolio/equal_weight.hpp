// The strategy of the sweep: equal weights in what is selected, now and then, with stops.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <nanobook/core/types.hpp>
#include <nanobook/detail/refuse.hpp>
#include <nanobook/portfolio/cost_model.hpp>
#include <nanobook/portfolio/portfolio.hpp>
#include <nanobook/portfolio/prices.hpp>
#include <nanobook/portfolio/schedule.hpp>
#include <nanobook/portfolio/selection.hpp>
#include <nanobook/portfolio/strategy.hpp>

namespace nanobook {

/// All of it; what stands here holds everything that has a price, at every bar.
struct EqualWeightRules {
    Schedule schedule = {};
    SelectionRules selection = {};
    double cash_buffer = 0;        ///< the part of the equity that is not invested, from 0 to less than 1
    double leverage = 1;           ///< all weights together, before the buffer
    double no_trade_band_bps = 0;  ///< changes of a position below this part of the equity are left out
    // Parts of the price or equity that they are compared with; 0: there is none. A stop sells a symbol until the next
    // bar of the schedule after that of the sale.
    double stop_loss = 0;      ///< below the average entry price
    double trailing_stop = 0;  ///< below the highest price since the entry
    double take_profit = 0;    ///< above the average entry price
    double max_drawdown = 0;   ///< of the equity below its highest: everything is sold, for good

    friend bool operator==(const EqualWeightRules&, const EqualWeightRules&) = default;

    [[nodiscard]] bool has_stops() const noexcept {
        return stop_loss > 0 || trailing_stop > 0 || take_profit > 0 || max_drawdown > 0;
    }
    /// What each of `n` symbols shall be worth.
    [[nodiscard]] double weight(std::size_t n) const noexcept {
        return leverage * (1.0 - cash_buffer) / static_cast<double>(n);
    }
    /// In millionths.
    [[nodiscard]] std::int64_t no_trade_band() const noexcept { return std::llround(no_trade_band_bps * 100); }

    /// Throws std::invalid_argument that names what is wrong.
    void check() const {
        if (!(cash_buffer >= 0 && cash_buffer < 1))
            detail::refuse("cash_buffer", cash_buffer, "it must be from 0 to less than 1");
        if (!(leverage > 0 && leverage <= 1e6)) {
            detail::refuse("leverage", leverage, "it must be above 0, and at most a million");
        }
        if (!(no_trade_band_bps >= 0 && no_trade_band_bps <= 10'000)) {
            detail::refuse("no_trade_band_bps", no_trade_band_bps, "it must be from 0 to 10000");
        }
        check_part("stop_loss_pct", stop_loss);
        check_part("trailing_stop_pct", trailing_stop);
        check_part("max_drawdown_stop", max_drawdown);
        if (!(take_profit >= 0 && std::isfinite(take_profit))) {
            detail::refuse("take_profit_pct", take_profit, "it is a fraction, 0.05 for 5 %, and must not be negative");
        }
        if (selection.min_price < 0) {
            detail::refuse("min_price", selection.min_price, "it must not be negative");
        }
        if (selection.lookback == 0 && selection.top_k != 0) {
            detail::refuse("top_k", selection.top_k, "it needs lookback, the bars by which symbols are ranked");
        }
        if (selection.lookback == 0 && selection.skip != 0) {
            detail::refuse("skip", selection.skip, "it needs lookback, the bars by which symbols are ranked");
        }
    }

  private:
    static void check_part(const char* name, double value) {
        if (!(value >= 0 && value < 1))
            detail::refuse(name, value, "it is a fraction, 0.05 for 5 %, and must be below 1");
    }
};

/// A Strategy.
class EqualWeight {
  public:
    /// The prices are those that it will be run on, from their first bar. Throws std::invalid_argument.
    EqualWeight(const EqualWeightRules& rules, const PriceBlock& prices)
        : rules_(rules), is_scheduled_(rebalance_bars(rules.schedule, prices)) {
        rules.check();
        const SelectionRules& selection = rules.selection;
        if (selection.lookback != 0) {
            ranking_ = std::make_shared<const Ranking>(prices, selection.lookback, selection.skip);
        }
    }
    /// With a ranking that it shares with others, for its lookback and skip; null where it has no lookback.
    EqualWeight(const EqualWeightRules& rules, const PriceBlock& prices, std::shared_ptr<const Ranking> ranking)
        : rules_(rules), ranking_(std::move(ranking)), is_scheduled_(rebalance_bars(rules.schedule, prices)) {
        rules.check();
    }

    void operator()(const Bar& bar, const Portfolio& portfolio, Decision& decision) {
        if (rules_.has_stops() && check_stops(bar, portfolio, decision)) return;
        if (is_scheduled_[bar.index] == 0) return;
        decision.rebalances = true;
        decision.no_trade_band = rules_.no_trade_band();
        select(rules_.selection, ranking_.get(), bar.prices, bar.index, decision.exits,
               [&](std::uint32_t symbol) { decision.targets.push_back({symbol, 0}); });
        const double weight = rules_.weight(decision.targets.size());
        for (Target& target : decision.targets) target.weight = weight;
    }

  private:
    // True where that is all for this bar.
    bool check_stops(const Bar& bar, const Portfolio& portfolio, Decision& decision) {
        const auto& positions = portfolio.positions();
        if (rules_.max_drawdown > 0) {
            const auto equity = static_cast<double>(portfolio.equity(bar.quotes));
            if (highest_equity_ == 0) highest_equity_ = static_cast<double>(portfolio.initial_cash());
            highest_equity_ = std::max(highest_equity_, equity);
            is_stopped_ |= equity <= highest_equity_ * (1.0 - rules_.max_drawdown);
            if (is_stopped_) {
                decision.is_stopped = true;
                for (std::uint32_t symbol = 0; symbol < positions.size(); ++symbol) {
                    if (positions[symbol].quantity != 0) decision.exits.push_back(symbol);
                }
                return true;
            }
        }
        peaks_.resize(positions.size(), 0);
        for (std::uint32_t symbol = 0; symbol < positions.size(); ++symbol) {
            const Position& position = positions[symbol];
            Price& peak = peaks_[symbol];
            if (position.quantity == 0) {
                peak = 0;
                continue;
            }
            // A new position has seen the bar it was bought at.
            if (peak == 0) peak = bar.prices.row(bar.last_execution)[symbol];
            const Price now = bar.quotes.prices[symbol];
            peak = std::max(peak, now);
            const auto price = static_cast<double>(now);
            const double entry = *position.avg_entry_price();
            const bool is_stop =
                (rules_.stop_loss > 0 && price <= entry * (1.0 - rules_.stop_loss)) ||
                (rules_.take_profit > 0 && price >= entry * (1.0 + rules_.take_profit)) ||
                (rules_.trailing_stop > 0 && price <= static_cast<double>(peak) * (1.0 - rules_.trailing_stop));
            if (is_stop) decision.exits.push_back(symbol);
        }
        return false;
    }

    EqualWeightRules rules_;
    std::shared_ptr<const Ranking> ranking_;
    std::vector<std::uint8_t> is_scheduled_;
    std::vector<Price> peaks_;
    double highest_equity_ = 0;
    bool is_stopped_ = false;
};
static_assert(Strategy<EqualWeight>);

}  // namespace nanobook
