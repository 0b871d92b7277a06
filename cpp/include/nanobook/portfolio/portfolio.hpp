// Cash and positions, moved to target weights at given prices.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nanobook/core/types.hpp>
#include <nanobook/detail/money.hpp>
#include <nanobook/detail/refuse.hpp>
#include <nanobook/portfolio/cost_model.hpp>
#include <nanobook/portfolio/position.hpp>

namespace nanobook {

/// What a symbol shall be worth, as a part of the equity: negative for a short position.
struct Target {
    std::uint32_t symbol;  ///< its number in the portfolio
    double weight;
};

/// The prices of the symbols of a portfolio at one moment, by their numbers.
struct Quotes {
    std::span<const Price> prices;                ///< 0 where there has been none yet
    std::span<const std::uint8_t> tradable = {};  ///< 0 where a position can be valued but not traded; empty: none is

    /// 0 where there is none to trade at.
    [[nodiscard]] Price tradable_price(std::size_t symbol) const noexcept {
        if (symbol >= prices.size() || (!tradable.empty() && tradable[symbol] == 0)) return 0;
        return prices[symbol];
    }
};

/// One order of a rebalance, filled.
struct Fill {
    std::uint32_t symbol;
    Side side;
    std::int64_t quantity;
    Price price;  ///< slippage included
    Price fee;

    friend bool operator==(const Fill&, const Fill&) = default;
};

/// What a rebalance came to.
struct RebalanceReport {
    Price equity = 0;  ///< before its trades
    Price traded = 0;  ///< the sum of the notionals
    Price fees = 0;
    Price slippage = 0;  ///< what the fills cost more than the given prices
    std::uint32_t orders = 0;
    bool resized = false;  ///< the buys were made smaller, for want of cash
};

/// Deterministic to the cent: neither the order of symbols nor that of targets changes a result.
class Portfolio {
  public:
    /// initial_cash: more than 0. leverage: what the sum of all |weight| may come to; cash is below zero only where it
    /// is more than 1. Throws std::invalid_argument.
    explicit Portfolio(Price initial_cash, CostModel costs = {}, double leverage = 1.0)
        : costs_(costs), leverage_(leverage), initial_cash_(initial_cash), cash_(initial_cash) {
        if (initial_cash <= 0) detail::refuse("initial_cash", initial_cash, "it must be above 0");
        if (!(leverage > 0 && leverage <= 1e6)) {
            detail::refuse("leverage", leverage, "it must be above 0, and at most a million");
        }
        equity_curve_.push_back(initial_cash);
    }

    /// The number of a symbol, which is new where it was not heard of. Numbers count from 0.
    std::uint32_t add_symbol(std::string_view name) {
        const auto [found, is_new] =
            numbers_.try_emplace(std::string(name), static_cast<std::uint32_t>(symbols_.size()));
        if (is_new) {
            const auto place = std::ranges::lower_bound(
                by_name_, name, {}, [this](std::uint32_t symbol) { return std::string_view(symbols_[symbol]); });
            by_name_.insert(place, found->second);
            symbols_.emplace_back(name);
            positions_.emplace_back();
        }
        return found->second;
    }
    [[nodiscard]] std::optional<std::uint32_t> find_symbol(std::string_view name) const {
        const auto found = numbers_.find(std::string(name));
        if (found == numbers_.end()) return std::nullopt;
        return found->second;
    }

    [[nodiscard]] const std::vector<std::string>& symbols() const noexcept { return symbols_; }
    /// Their numbers, in the order of their names, which is that of orders: whoever lists symbols decides nothing.
    [[nodiscard]] const std::vector<std::uint32_t>& by_name() const noexcept { return by_name_; }
    /// By the numbers of the symbols; those without a position have an empty one.
    [[nodiscard]] const std::vector<Position>& positions() const noexcept { return positions_; }
    [[nodiscard]] const CostModel& costs() const noexcept { return costs_; }
    [[nodiscard]] double leverage() const noexcept { return leverage_; }
    [[nodiscard]] Price initial_cash() const noexcept { return initial_cash_; }
    [[nodiscard]] Price cash() const noexcept { return cash_; }
    /// The equity was once at or below zero. All was sold; there is no trade any more.
    [[nodiscard]] bool is_ruined() const noexcept { return is_ruined_; }
    /// initial_cash, then what `record_return` saw.
    [[nodiscard]] const std::vector<Price>& equity_curve() const noexcept { return equity_curve_; }

    [[nodiscard]] Price fees() const {
        return sum_of([](const Position& p) { return p.fees; });
    }
    [[nodiscard]] Price realised_gross() const {
        return sum_of([](const Position& p) { return p.realised_gross; });
    }
    [[nodiscard]] Price realised_net() const { return detail::difference(realised_gross(), fees()); }

    /// Cash and what the positions are worth. Throws std::invalid_argument where a price is missing.
    [[nodiscard]] Price equity(const Quotes& quotes) const {
        return detail::narrow(detail::Wide{cash_} + value_of_positions(quotes));
    }
    [[nodiscard]] Price unrealised(const Quotes& quotes) const {
        return detail::narrow(value_of_positions(quotes) - sum_of([](const Position& p) { return p.total_cost; }));
    }

    /// Trades until every target has floor(floor(weight * equity) / price) shares, the equity being that before the
    /// trades, and all else that is held is sold. Sells come first; buys that the cash does not cover shrink by one
    /// common factor. The same targets at the same prices a second time trade nothing. A symbol that cannot be traded
    /// stays as it is. `no_trade_band` in millionths of the equity: what changes a position by less is left out, unless
    /// it closes it. Fills are appended to `fills`, sells first.
    ///
    /// Equity at or below zero: everything is sold, and the portfolio is ruined. Throws std::invalid_argument, with
    /// nothing changed, for weights that are no numbers or too large in sum, a symbol named twice or without a price.
    RebalanceReport rebalance(std::span<const Target> targets, const Quotes& quotes, std::vector<Fill>* fills = nullptr,
                              std::int64_t no_trade_band = 0) {
        RebalanceReport report;
        if (is_ruined_) return report;
        take_weights(targets, quotes);
        report.equity = equity(quotes);
        if (report.equity <= 0) {
            report = liquidate(quotes, fills);
            is_ruined_ = true;
            return report;
        }
        if (repeats_the_last(quotes, no_trade_band)) return report;
        size_orders(report.equity, quotes, no_trade_band);
        carry_out(report, fills);
        remember(quotes, no_trade_band);
        return report;
    }

    /// Closes all positions at these prices, whether they can be traded or not, whatever it costs.
    RebalanceReport liquidate(const Quotes& quotes, std::vector<Fill>* fills = nullptr) {
        RebalanceReport report;
        report.equity = equity(quotes);
        orders_.clear();
        for (const std::uint32_t symbol : by_name_) {
            const std::int64_t held = positions_[symbol].quantity;
            if (held != 0) add_order(symbol, -held, quotes.prices[symbol]);
        }
        book(report, fills);
        has_last_ = false;
        return report;
    }

    /// Closes these positions, as far as they can be traded.
    RebalanceReport close(std::span<const std::uint32_t> symbols, const Quotes& quotes,
                          std::vector<Fill>* fills = nullptr) {
        RebalanceReport report;
        report.equity = equity(quotes);
        orders_.clear();
        for (const std::uint32_t symbol : by_name_) {
            if (std::ranges::find(symbols, symbol) == symbols.end()) continue;
            const std::int64_t held = positions_[symbol].quantity;
            const Price price = quotes.tradable_price(symbol);
            if (held != 0 && price != 0) add_order(symbol, -held, price);
        }
        carry_out(report, fills);
        has_last_ = false;
        return report;
    }

    /// Carries out what was traded elsewhere, such as through an order book.
    void book_fill(const Fill& fill) {
        const bool buys = fill.side == Side::buy;
        const Price notional = detail::product(fill.quantity, fill.price);
        const Price cash = detail::narrow(detail::Wide{cash_} + (buys ? -notional : notional) - fill.fee);
        positions_[fill.symbol].fill(buys ? fill.quantity : -fill.quantity, fill.price, fill.fee);
        cash_ = cash;
        has_last_ = false;
    }

    /// The same holdings, to see what would be traded if nothing cost anything.
    [[nodiscard]] Portfolio without_costs() const {
        Portfolio other(*this);
        other.costs_ = {};
        other.has_last_ = false;
        return other;
    }
    /// There is no trade any more.
    void ruin() noexcept { is_ruined_ = true; }

    /// Appends the equity to the curve. Returns the change since the last: see `return_between`.
    double record_return(const Quotes& quotes) {
        const Price now = equity(quotes);
        const double change = return_between(equity_curve_.back(), now);
        equity_curve_.push_back(now);
        return change;
    }

    /// In place of what was recorded: a curve begins with initial_cash.
    void set_equity_curve(std::vector<Price> curve) noexcept { equity_curve_ = std::move(curve); }

    /// after / before - 1; -1 where nothing is left, and 0 where nothing was left before.
    [[nodiscard]] static double return_between(Price before, Price after) noexcept {
        if (before <= 0) return 0;
        if (after <= 0) return -1;
        return static_cast<double>(after) / static_cast<double>(before) - 1.0;
    }

    /// Of the curve: one less than it has entries.
    [[nodiscard]] std::vector<double> returns() const {
        std::vector<double> returns;
        returns.reserve(equity_curve_.size() - 1);
        for (std::size_t i = 1; i < equity_curve_.size(); ++i) {
            returns.push_back(return_between(equity_curve_[i - 1], equity_curve_[i]));
        }
        return returns;
    }

    /// The value of every open position as a part of the equity; nothing where that is not above zero.
    [[nodiscard]] std::vector<Target> current_weights(const Quotes& quotes) const {
        const auto all = static_cast<double>(equity(quotes));
        std::vector<Target> weights;
        if (all <= 0) return weights;
        for (std::uint32_t symbol = 0; symbol < positions_.size(); ++symbol) {
            const Position& position = positions_[symbol];
            if (position.quantity == 0) continue;
            weights.push_back({symbol, static_cast<double>(position.market_value(quotes.prices[symbol])) / all});
        }
        return weights;
    }

  private:
    friend class PortfolioJson;

    struct Order {
        std::uint32_t symbol;
        std::int64_t shares;  // negative: a sale
        Price given;          // before slippage
        Price price;
        Price notional;
        Price fee;
    };

    /// What decided the last rebalance, by symbol.
    struct Decided {
        double weight;  // NaN: no target
        Price price;    // 0: could not be traded

        [[nodiscard]] bool is_target() const noexcept { return weight == weight; }
    };
    static constexpr double no_target = std::numeric_limits<double>::quiet_NaN();

    template <class Member>
    Price sum_of(Member member) const {
        detail::Wide sum = 0;
        for (const Position& position : positions_) sum += member(position);
        return detail::narrow(sum);
    }

    detail::Wide value_of_positions(const Quotes& quotes) const {
        detail::Wide value = 0;
        for (std::size_t symbol = 0; symbol < positions_.size(); ++symbol) {
            const std::int64_t held = positions_[symbol].quantity;
            if (held == 0) continue;
            const Price price = symbol < quotes.prices.size() ? quotes.prices[symbol] : 0;
            if (price <= 0) [[unlikely]]
                refuse_price(symbol, price);
            value += detail::Wide{held} * price;
        }
        return value;
    }

    [[noreturn, gnu::noinline]] void refuse_price(std::size_t symbol, Price price) const {
        if (price == 0) throw std::invalid_argument("there is no price of " + symbols_[symbol]);
        detail::refuse("the price of " + symbols_[symbol], price, "it must be above 0");
    }

    // ---- what is wanted

    void take_weights(std::span<const Target> targets, const Quotes& quotes) {
        weights_.assign(positions_.size(), no_target);
        for (const Target& target : targets) {
            if (target.symbol >= positions_.size()) [[unlikely]]
                throw std::invalid_argument("there is no symbol of number " + std::to_string(target.symbol));
            if (!std::isfinite(target.weight)) [[unlikely]] {
                detail::refuse("the weight of " + symbols_[target.symbol], target.weight, "it must be finite");
            }
            double& weight = weights_[target.symbol];
            if (weight == weight) [[unlikely]]
                throw std::invalid_argument("the weight of " + symbols_[target.symbol] + " is given twice");
            weight = target.weight;
        }
        double gross = 0;
        for (const std::uint32_t symbol : by_name_) {
            if (weights_[symbol] == weights_[symbol]) gross += std::abs(weights_[symbol]);
        }
        // The sum of ten times 0.1 need not be 1, the less if each was of single precision. No more is bought for that.
        if (!(gross <= leverage_ * (1 + 1e-6))) [[unlikely]] {
            throw std::invalid_argument("the weights sum to " + detail::to_text(gross) +
                                        " in absolute terms; the leverage is " + detail::to_text(leverage_));
        }
        if (!quotes.tradable.empty()) return;
        for (const Target& target : targets) {
            const Price price = target.symbol < quotes.prices.size() ? quotes.prices[target.symbol] : 0;
            if (price <= 0) [[unlikely]]
                refuse_price(target.symbol, price);
        }
    }

    // Without this, fees would lower the equity, and the second of two equal calls would sell a share or two.
    [[nodiscard]] bool repeats_the_last(const Quotes& quotes, std::int64_t band) const noexcept {
        if (!has_last_ || band != last_band_) return false;
        for (std::size_t symbol = 0; symbol < weights_.size(); ++symbol) {
            const Decided last = symbol < last_.size() ? last_[symbol] : Decided{no_target, 0};
            const bool is_target = weights_[symbol] == weights_[symbol];
            if (is_target != last.is_target() || (is_target && weights_[symbol] != last.weight)) return false;
            const bool matters = is_target || positions_[symbol].quantity != 0;
            if (matters && quotes.tradable_price(symbol) != last.price) return false;
        }
        return true;
    }

    void remember(const Quotes& quotes, std::int64_t band) {
        last_.resize(weights_.size());
        for (std::size_t symbol = 0; symbol < weights_.size(); ++symbol) {
            last_[symbol] = {weights_[symbol], quotes.tradable_price(symbol)};
        }
        last_band_ = band;
        has_last_ = true;
    }

    // ---- orders

    void add_order(std::uint32_t symbol, std::int64_t shares, Price price) {
        const Price fill_price = costs_.fill_price(shares > 0 ? Side::buy : Side::sell, price);
        const Price notional = detail::product(detail::magnitude(shares), fill_price);
        orders_.push_back({symbol, shares, price, fill_price, notional, costs_.commission(notional)});
    }

    void size_orders(Price equity, const Quotes& quotes, std::int64_t band) {
        const auto all = static_cast<double>(equity);
        // Equal weights are usual: their value is worked out once.
        double weight = 0;
        Price value = 0;
        orders_.clear();
        for (const std::uint32_t symbol : by_name_) {
            const Price price = quotes.tradable_price(symbol);
            if (price == 0) continue;
            const std::int64_t held = positions_[symbol].quantity;
            std::int64_t wanted = 0;
            if (weights_[symbol] == weights_[symbol]) {
                if (weights_[symbol] != weight) {
                    weight = weights_[symbol];
                    value = detail::floor_of(weight * all);
                }
                wanted = detail::floor_quotient(value, price);
            }
            if (wanted == held) continue;
            const std::int64_t shares = detail::difference(wanted, held);
            const bool is_small =
                band != 0 && wanted != 0 &&
                detail::Wide{detail::magnitude(shares)} * price * CostModel::unit < detail::Wide{band} * equity;
            if (!is_small) add_order(symbol, shares, price);
        }
    }

    void carry_out(RebalanceReport& report, std::vector<Fill>* fills) {
        const Price borrowed =
            leverage_ > 1 ? detail::floor_of((leverage_ - 1) * static_cast<double>(report.equity)) : Price{0};
        detail::Wide cash = cash_after_sells();
        if (cash < 0 && borrowed == 0) {
            // A sale may cost more than it brings; what cannot be paid for does not take place.
            std::erase_if(orders_, [](const Order& order) { return order.shares < 0 && order.fee > order.notional; });
            cash = cash_after_sells();
        }
        report.resized = shrink_buys(cash + borrowed);
        book(report, fills);
    }

    [[nodiscard]] detail::Wide cash_after_sells() const noexcept {
        detail::Wide cash = cash_;
        for (const Order& order : orders_) {
            if (order.shares < 0) cash += detail::Wide{order.notional} - order.fee;
        }
        return cash;
    }

    // One factor for all, so that nobody's place in a list decides who gets the cash. A sweep's lanes do the very same
    // with doubles: see detail/lanes.hpp.
    bool shrink_buys(detail::Wide available) {
        detail::Wide notional = 0;
        detail::Wide fees = 0;
        detail::Wide least_fees = 0;  // do not shrink with the order
        for (const Order& order : orders_) {
            if (order.shares < 0) continue;
            notional += order.notional;
            fees += order.fee;
            if (order.fee == costs_.min_trade_fee()) least_fees += order.fee;
        }
        if (notional + fees <= available || notional == 0) return false;

        const auto slope = static_cast<double>(notional);
        double factor = 0;
        if (available > least_fees) {
            factor = static_cast<double>(available - least_fees) / static_cast<double>(notional + fees - least_fees);
        }
        wanted_.clear();
        for (const Order& order : orders_) wanted_.push_back(order.shares);
        for (double step = 1;; step *= 2) {
            detail::Wide cost = 0;
            for (std::size_t i = 0; i < orders_.size(); ++i) {
                Order& order = orders_[i];
                if (wanted_[i] < 0) continue;
                order.shares = detail::floor_of(static_cast<double>(wanted_[i]) * factor);
                order.notional = detail::product(order.shares, order.price);
                order.fee = order.shares == 0 ? 0 : costs_.commission(order.notional);
                cost += detail::Wide{order.notional} + order.fee;
            }
            if (cost <= available || factor == 0) break;
            // What the fees were rounded by, or one that now is the least.
            factor -= static_cast<double>(cost - available) * step / slope;
            if (factor < 0) factor = 0;
        }
        std::erase_if(orders_, [](const Order& order) { return order.shares == 0; });
        return true;
    }

    // Sells first. All is worked out before anything is done: where an amount is too large, nothing is.
    void book(RebalanceReport& report, std::vector<Fill>* fills) {
        detail::Wide cash = cash_;
        detail::Wide traded = 0;
        detail::Wide fees = 0;
        detail::Wide slippage = 0;
        booked_.clear();
        for (const Order& order : orders_) {
            cash += (order.shares > 0 ? -detail::Wide{order.notional} : detail::Wide{order.notional}) - order.fee;
            traded += order.notional;
            fees += order.fee;
            slippage += detail::Wide{order.shares} * (order.price - order.given);
            booked_.push_back(positions_[order.symbol]);
            booked_.back().fill(order.shares, order.price, order.fee);
        }
        report.orders = static_cast<std::uint32_t>(orders_.size());
        report.traded = detail::narrow(traded);
        report.fees = detail::narrow(fees);
        report.slippage = detail::narrow(slippage);
        cash_ = detail::narrow(cash);
        for (std::size_t i = 0; i < orders_.size(); ++i) positions_[orders_[i].symbol] = booked_[i];
        if (fills == nullptr) return;
        for (const bool buys : {false, true}) {
            for (const Order& order : orders_) {
                if ((order.shares > 0) != buys) continue;
                fills->push_back({order.symbol, buys ? Side::buy : Side::sell, detail::magnitude(order.shares),
                                  order.price, order.fee});
            }
        }
    }

    CostModel costs_;
    double leverage_;
    Price initial_cash_;
    Price cash_;
    bool is_ruined_ = false;
    std::vector<std::string> symbols_;
    std::vector<std::uint32_t> by_name_;
    std::unordered_map<std::string, std::uint32_t> numbers_;
    std::vector<Position> positions_;
    std::vector<Price> equity_curve_;

    bool has_last_ = false;
    std::int64_t last_band_ = 0;
    std::vector<Decided> last_;

    // Used by one rebalance, kept for the next.
    std::vector<double> weights_;
    std::vector<Order> orders_;
    std::vector<std::int64_t> wanted_;
    std::vector<Position> booked_;
};

}  // namespace nanobook
