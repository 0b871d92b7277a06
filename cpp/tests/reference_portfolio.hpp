// A naive portfolio and backtest, written from the specification and not from the engine: symbols by name, money in 128
// bits, everything worked out again at every step.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <nanobook/portfolio/sweep_grid.hpp>

#include "random_prices.hpp"

namespace nanobook::test {

__extension__ using Int = __int128;

[[nodiscard]] inline Int floor_division(Int a, Int b) {
    Int quotient = a / b;
    if (quotient * b > a) --quotient;
    return quotient;
}

[[nodiscard]] inline Int round_half_up(Int numerator, Int denominator) {
    return floor_division(2 * numerator + denominator, 2 * denominator);
}

struct ReferenceCosts {
    static constexpr Int unit = 1'000'000;  // rates are hundredths of a basis point
    Int commission = 0;
    Int slippage = 0;
    Int least_fee = 0;

    ReferenceCosts() = default;
    explicit ReferenceCosts(const CostModel& costs)
        : commission(std::llround(costs.commission_bps() * 100)),
          slippage(std::llround(costs.slippage_bps() * 100)),
          least_fee(costs.min_trade_fee()) {}

    [[nodiscard]] Int fill_price(bool buys, Int price) const {
        return round_half_up(price * (buys ? unit + slippage : unit - slippage), unit);
    }
    [[nodiscard]] Int fee(Int notional) const {
        return std::max(round_half_up(notional * commission, unit), least_fee);
    }
};

struct ReferencePosition {
    Int quantity = 0;
    Int total_cost = 0;
    Int realised_gross = 0;
    Int fees = 0;

    void trade(Int shares, Int price, Int fee) {
        const Int sign = quantity < 0 ? -1 : 1;
        const Int closed = std::min(sign * quantity, std::max<Int>(0, -sign * shares));
        if (closed > 0) {
            const Int cost = total_cost * closed / (sign * quantity);
            realised_gross += sign * closed * price - cost;
            total_cost -= cost;
            quantity -= sign * closed;
            shares += sign * closed;
        }
        quantity += shares;
        total_cost += shares * price;
        fees += fee;
    }
};

/// What a symbol is worth, and whether it can be traded at that.
struct Quote {
    Int price;
    bool is_tradable = true;
};
using Market = std::map<std::string, Quote>;
using Weights = std::map<std::string, double>;

struct ReferenceReport {
    Int equity = 0;
    Int traded = 0;
    Int fees = 0;
    std::uint64_t orders = 0;
    bool resized = false;
};

class ReferencePortfolio {
  public:
    ReferencePortfolio(Int money, const CostModel& costs, double leverage)
        : initial_cash(money), cash(money), costs_(costs), leverage_(leverage) {}

    const Int initial_cash;
    Int cash;
    bool is_ruined = false;
    std::map<std::string, ReferencePosition> positions;

    [[nodiscard]] Int equity(const Market& market) const {
        Int all = cash;
        for (const auto& [symbol, position] : positions) {
            if (position.quantity != 0) all += position.quantity * market.at(symbol).price;
        }
        return all;
    }
    [[nodiscard]] Int fees() const {
        Int all = 0;
        for (const auto& [symbol, position] : positions) all += position.fees;
        return all;
    }

    /// `band`: hundredths of a basis point of the equity.
    ReferenceReport rebalance(const Weights& targets, const Market& market, Int band = 0) {
        ReferenceReport report;
        if (is_ruined) return report;
        report.equity = equity(market);
        if (report.equity <= 0) {
            is_ruined = true;
            std::map<std::string, Int> orders;
            for (const auto& [symbol, position] : positions) orders[symbol] = -position.quantity;
            trade(orders, market, report);
            return report;
        }
        std::map<std::string, Int> prices;  // 0: cannot be traded
        bool repeats = last_ && last_->targets == targets && last_->band == band;
        std::map<std::string, Int> orders;
        for (const auto& [symbol, quote] : market) {
            const auto target = targets.find(symbol);
            const Int held = positions.contains(symbol) ? positions[symbol].quantity : 0;
            prices[symbol] = quote.is_tradable ? quote.price : 0;
            if (target == targets.end() && held == 0) continue;
            repeats = repeats && last_->prices[symbol] == prices[symbol];
            if (!quote.is_tradable || quote.price == 0) continue;
            Int wanted = 0;
            if (target != targets.end()) {
                const auto value = static_cast<Int>(std::floor(target->second * static_cast<double>(report.equity)));
                wanted = floor_division(value, quote.price);
            }
            const Int change = wanted - held;
            const Int size = change < 0 ? -change : change;
            const bool is_small = wanted != 0 && size * quote.price * ReferenceCosts::unit < band * report.equity;
            if (!is_small) orders[symbol] = change;
        }
        if (repeats) return report;
        carry_out(orders, market, report);
        last_ = Decided{targets, prices, band};
        return report;
    }

    ReferenceReport close(const std::set<std::string>& symbols, const Market& market) {
        ReferenceReport report;
        report.equity = equity(market);
        std::map<std::string, Int> orders;
        for (const std::string& symbol : symbols) {
            if (market.at(symbol).is_tradable) orders[symbol] = -positions[symbol].quantity;
        }
        carry_out(orders, market, report);
        last_.reset();
        return report;
    }

  private:
    struct Decided {
        Weights targets;
        std::map<std::string, Int> prices;
        Int band;
    };

    [[nodiscard]] Int fill_price(const std::string& symbol, Int shares, const Market& market) const {
        return costs_.fill_price(shares > 0, market.at(symbol).price);
    }

    void carry_out(std::map<std::string, Int> orders, const Market& market, ReferenceReport& report) {
        const Int borrowed =
            leverage_ > 1 ? static_cast<Int>(std::floor((leverage_ - 1) * static_cast<double>(report.equity))) : 0;
        const auto fee_of = [&](const std::string& symbol, Int shares) {
            return costs_.fee((shares < 0 ? -shares : shares) * fill_price(symbol, shares, market));
        };
        const auto after_sells = [&] {
            Int left = cash;
            for (const auto& [symbol, shares] : orders) {
                if (shares < 0) left += -shares * fill_price(symbol, shares, market) - fee_of(symbol, shares);
            }
            return left;
        };
        if (after_sells() < 0 && borrowed == 0) {
            std::erase_if(orders, [&](const auto& order) {
                const auto& [symbol, shares] = order;
                return shares < 0 && fee_of(symbol, shares) > -shares * fill_price(symbol, shares, market);
            });
        }
        const Int available = after_sells() + borrowed;
        Int notional = 0, fees = 0, fixed = 0;
        for (const auto& [symbol, shares] : orders) {
            if (shares <= 0) continue;
            const Int fee = fee_of(symbol, shares);
            notional += shares * fill_price(symbol, shares, market);
            fees += fee;
            if (costs_.least_fee > 0 && fee == costs_.least_fee) fixed += fee;
        }
        if (notional > 0 && notional + fees > available) {
            report.resized = true;
            double factor = 0;
            if (available > fixed) {
                factor = static_cast<double>(available - fixed) / static_cast<double>(notional + fees - fixed);
            }
            std::map<std::string, Int> smaller;
            for (double step = 1;; step *= 2) {
                smaller = orders;
                Int cost = 0;
                for (auto& [symbol, shares] : smaller) {
                    if (shares <= 0) continue;
                    shares = static_cast<Int>(std::floor(static_cast<double>(shares) * factor));
                    if (shares == 0) continue;
                    cost += shares * fill_price(symbol, 1, market) + fee_of(symbol, shares);
                }
                if (cost <= available || factor == 0) break;
                factor -= static_cast<double>(cost - available) * step / static_cast<double>(notional);
                factor = std::max(factor, 0.0);
            }
            orders = smaller;
        }
        trade(orders, market, report);
    }

    void trade(const std::map<std::string, Int>& orders, const Market& market, ReferenceReport& report) {
        for (const auto& [symbol, shares] : orders) {
            if (shares == 0) continue;
            const Int price = fill_price(symbol, shares, market);
            const Int notional = (shares < 0 ? -shares : shares) * price;
            const Int fee = costs_.fee(notional);
            cash -= shares * price + fee;
            positions[symbol].trade(shares, price, fee);
            report.traded += notional;
            report.fees += fee;
            ++report.orders;
        }
    }

    ReferenceCosts costs_;
    double leverage_;
    std::optional<Decided> last_;
};

/// The calendar, day by day from 1968-01-01, a Monday.
struct Calendar {
    static constexpr std::int32_t first_day = -731;  // counted from 1970-01-01

    int year = 1968, month = 1, day = 1, weekday = 0;  // 0: Monday

    [[nodiscard]] static bool is_leap(int y) { return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0); }
    void next() {
        constexpr int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        weekday = (weekday + 1) % 7;
        if (++day <= lengths[month - 1] + (month == 2 && is_leap(year) ? 1 : 0)) return;
        day = 1;
        if (++month <= 12) return;
        month = 1;
        ++year;
    }
    [[nodiscard]] static const Calendar& of(std::int32_t days) {
        static std::vector<Calendar> all{{}};
        const auto at = static_cast<std::size_t>(days - first_day);
        while (all.size() <= at) {
            all.push_back(all.back());
            all.back().next();
        }
        return all[at];
    }
};

/// Equal for days of the same period: the year, and the number of the period in it.
[[nodiscard]] inline std::pair<int, int> naive_period(std::int32_t days, Period period) {
    const Calendar date = Calendar::of(days);
    switch (period) {
        case Period::day: return {days, 0};
        case Period::month: return {date.year, date.month};
        case Period::quarter: return {date.year, (date.month + 2) / 3};
        case Period::week: break;
    }
    // ISO 8601: a week belongs to the year of its Thursday.
    const std::int32_t thursday = days - date.weekday + 3;
    const int year = Calendar::of(thursday).year;
    int week = 1;
    for (std::int32_t before = thursday - 7; Calendar::of(before).year == year; before -= 7) ++week;
    return {year, week};
}

[[nodiscard]] inline bool is_scheduled(const Schedule& schedule, const PriceTable& table, std::size_t bar) {
    if (bar < schedule.offset) return false;
    bar -= schedule.offset;
    if (!schedule.on) return schedule.every == 0 ? bar == 0 : bar % schedule.every == 0;
    return bar == 0 || naive_period(table.dates[bar], *schedule.on) != naive_period(table.dates[bar - 1], *schedule.on);
}

struct ReferenceRun {
    ReferencePortfolio portfolio;
    std::vector<Int> curve;
    std::vector<Int> cash;
    double turnover = 0;
    std::uint64_t n_rebalances = 0;
    std::uint64_t n_orders = 0;
    std::uint64_t n_resized = 0;
    std::string status = "ok";
};

class ReferenceEqualWeight {
  public:
    ReferenceEqualWeight(const PriceTable& table, const ParameterSet& set, Int initial_cash)
        : table_(table),
          set_(set),
          run_{ReferencePortfolio(initial_cash, set.costs, std::max(1.0, set.rules.leverage)), {}, {}},
          highest_equity_(initial_cash) {}

    [[nodiscard]] ReferenceRun run() {
        ReferencePortfolio& portfolio = run_.portfolio;
        for (std::size_t bar = 0; bar < table_.bars(); ++bar) {
            const Market market = market_at(bar);
            if (set_.execution_lag == 1 && bar > 0) execute(market);
            decision_ = {};
            if (!portfolio.is_ruined) {
                decide(market, bar);
                if (set_.execution_lag == 0) execute(market);
            }
            if (!portfolio.is_ruined && portfolio.equity(market) <= 0) {
                run_.n_orders += portfolio.rebalance({}, market).orders;
                decision_ = {};
            }
            run_.curve.push_back(bar == 0 ? portfolio.initial_cash : portfolio.equity(market));
            run_.cash.push_back(portfolio.cash);
        }
        if (portfolio.is_ruined) run_.status = "ruined";
        return run_;
    }

  private:
    struct Decision {
        std::optional<Weights> targets;
        std::set<std::string> exits;
        bool stops = false;
    };

    [[nodiscard]] std::optional<Price> price(std::size_t symbol, std::size_t bar) const {
        for (std::size_t at = bar + 1; at-- > 0;) {
            if (table_.has(symbol, at)) return table_.prices[symbol][at];
        }
        return std::nullopt;
    }
    [[nodiscard]] Market market_at(std::size_t bar) const {
        Market market;
        for (std::size_t symbol = 0; symbol < table_.symbols.size(); ++symbol) {
            if (const auto now = price(symbol, bar)) market[table_.symbols[symbol]] = {*now, table_.has(symbol, bar)};
        }
        return market;
    }

    void execute(const Market& market) {
        ReferencePortfolio& portfolio = run_.portfolio;
        if (portfolio.is_ruined) return;
        if (decision_.stops) run_.status = "stopped";
        ReferenceReport report;
        if (decision_.targets) {
            const auto band = static_cast<Int>(std::llround(set_.rules.no_trade_band_bps * 100));
            report = portfolio.rebalance(*decision_.targets, market, band);
            ++run_.n_rebalances;
            run_.n_resized += report.resized ? 1 : 0;
        } else if (!decision_.exits.empty()) {
            report = portfolio.close(decision_.exits, market);
        }
        for (const auto& [symbol, position] : portfolio.positions) {
            if (position.quantity == 0) {
                peaks_.erase(symbol);
            } else {
                peaks_.try_emplace(symbol, market.at(symbol).price);
            }
        }
        run_.n_orders += report.orders;
        if (report.equity > 0 && report.traded > 0) {
            run_.turnover += static_cast<double>(report.traded) / static_cast<double>(report.equity);
        }
    }

    void decide(const Market& market, std::size_t bar) {
        const EqualWeightRules& rules = set_.rules;
        const ReferencePortfolio& portfolio = run_.portfolio;
        if (rules.max_drawdown > 0) {
            const Int equity = portfolio.equity(market);
            highest_equity_ = std::max(highest_equity_, equity);
            gave_up_ |=
                static_cast<double>(equity) <= static_cast<double>(highest_equity_) * (1.0 - rules.max_drawdown);
        }
        for (const auto& [symbol, position] : portfolio.positions) {
            if (position.quantity == 0) continue;
            const Int now = market.at(symbol).price;
            peaks_[symbol] = std::max(peaks_[symbol], now);
            const auto price = static_cast<double>(now);
            const double entry = static_cast<double>(position.total_cost) / static_cast<double>(position.quantity);
            if (gave_up_ || (rules.stop_loss > 0 && price <= entry * (1.0 - rules.stop_loss)) ||
                (rules.take_profit > 0 && price >= entry * (1.0 + rules.take_profit)) ||
                (rules.trailing_stop > 0 &&
                 price <= static_cast<double>(peaks_[symbol]) * (1.0 - rules.trailing_stop))) {
                decision_.exits.insert(symbol);
            }
        }
        decision_.stops = gave_up_;
        if (gave_up_ || !is_scheduled(rules.schedule, table_, bar)) return;
        decision_.targets = targets_at(bar);
    }

    [[nodiscard]] Weights targets_at(std::size_t bar) const {
        const SelectionRules& rules = set_.rules.selection;
        std::vector<std::pair<double, std::string>> chosen;  // by score, which is negative here: best first
        for (std::size_t symbol = 0; symbol < table_.symbols.size(); ++symbol) {
            const std::string& name = table_.symbols[symbol];
            const auto now = price(symbol, bar);
            if (!now || *now < rules.min_price || decision_.exits.contains(name)) continue;
            std::size_t history = 0;
            for (std::size_t at = 0; at <= bar; ++at) history += table_.has(symbol, at) ? 1 : 0;
            if (history < rules.min_history) continue;
            double score = 0;
            if (rules.lookback != 0) {
                if (bar < rules.skip + rules.lookback) continue;
                const auto then = price(symbol, bar - rules.skip - rules.lookback);
                if (!then) continue;
                score = static_cast<double>(*price(symbol, bar - rules.skip)) / static_cast<double>(*then) - 1.0;
            }
            chosen.emplace_back(-score, name);
        }
        std::sort(chosen.begin(), chosen.end());
        if (rules.top_k != 0 && chosen.size() > rules.top_k) chosen.resize(rules.top_k);
        Weights targets;
        for (const auto& [score, name] : chosen) {
            targets[name] = set_.rules.leverage * (1.0 - set_.rules.cash_buffer) / static_cast<double>(chosen.size());
        }
        return targets;
    }

    const PriceTable& table_;
    const ParameterSet& set_;
    ReferenceRun run_;
    Decision decision_;
    std::map<std::string, Int> peaks_;
    Int highest_equity_;
    bool gave_up_ = false;
};

/// Textbook formulas, each over the whole series.
struct ReferenceMetrics {
    std::optional<double> total_return, cagr, volatility, sharpe, sortino, max_drawdown, calmar, win_rate,
        profit_factor, cvar_95;

    ReferenceMetrics(std::span<const double> returns, double year, double risk_free) {
        using Real = long double;
        const std::size_t n = returns.size();
        if (n == 0) return;
        Real wealth = 1, peak = 1, deepest = 0, sum = 0, below = 0, gains = 0, losses = 0;
        std::size_t winning = 0, losing = 0;
        bool is_ruined = false;
        for (const double change : returns) {
            wealth *= 1 + static_cast<Real>(change);
            is_ruined |= wealth <= 0;
            peak = std::max(peak, wealth);
            deepest = std::max(deepest, 1 - wealth / peak);
            sum += change;
            const Real excess = static_cast<Real>(change) - risk_free;
            if (excess < 0) below += excess * excess;
            (change > 0 ? gains : losses) += change;
            winning += change > 0 ? 1 : 0;
            losing += change < 0 ? 1 : 0;
        }
        const Real count = static_cast<Real>(n);
        const Real mean = sum / count;
        total_return = is_ruined ? -1.0 : static_cast<double>(wealth - 1);
        max_drawdown = is_ruined ? 1.0 : static_cast<double>(deepest);
        cagr = is_ruined ? -1.0 : static_cast<double>(std::pow(wealth, static_cast<Real>(year) / count) - 1);
        if (*max_drawdown > 0) calmar = *cagr / *max_drawdown;
        if (n > 1) {
            Real squares = 0;
            for (const double change : returns) squares += (change - mean) * (change - mean);
            const Real deviation = std::sqrt(squares / (count - 1));
            volatility = static_cast<double>(deviation * std::sqrt(static_cast<Real>(year)));
            const bool all_equal =
                std::all_of(returns.begin(), returns.end(), [&](double r) { return r == returns[0]; });
            if (!all_equal) {
                sharpe = static_cast<double>((mean - risk_free) / deviation * std::sqrt(static_cast<Real>(year)));
            }
        }
        if (below > 0) {
            sortino = static_cast<double>((mean - risk_free) * year /
                                          (std::sqrt(below / count) * std::sqrt(static_cast<Real>(year))));
        }
        if (winning + losing > 0) win_rate = static_cast<double>(winning) / static_cast<double>(winning + losing);
        if (losses < 0) profit_factor = static_cast<double>(gains / -losses);
        std::vector<double> sorted(returns.begin(), returns.end());
        std::sort(sorted.begin(), sorted.end());
        sorted.resize((n - 1) / 20 + 1);
        Real tail = 0;
        for (const double change : sorted) tail += change;
        cvar_95 = static_cast<double>(tail / static_cast<Real>(sorted.size()));
    }
};

}  // namespace nanobook::test
