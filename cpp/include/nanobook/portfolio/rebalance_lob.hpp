// A portfolio moved to target weights through order books: the one place where portfolio and exchange meet.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nanobook/book/snapshot.hpp>
#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/detail/money.hpp>
#include <nanobook/detail/refuse.hpp>
#include <nanobook/exchange/exchange.hpp>
#include <nanobook/exchange/multi_exchange.hpp>
#include <nanobook/portfolio/cost_model.hpp>
#include <nanobook/portfolio/portfolio.hpp>

namespace nanobook {

/// What became of one symbol.
struct LobFill {
    std::uint32_t symbol;
    Side side = Side::buy;
    std::int64_t target = 0;  ///< shares to hold
    std::int64_t wanted = 0;  ///< shares to trade for that
    std::int64_t ordered =
        0;  ///< fewer where the cash does not cover all buys, or where a sale would cost more than it brings
    std::int64_t filled = 0;
    Price notional = 0;  ///< of the fills
    Price fee = 0;
    Price limit = 0;       ///< the worst price the order accepted; 0 without an order
    OrderId order_id = 0;  ///< in the exchange of the symbol; 0 without an order

    [[nodiscard]] std::int64_t unfilled() const noexcept { return wanted - filled; }
    [[nodiscard]] std::optional<double> average_price() const noexcept {
        if (filled == 0) return std::nullopt;
        return static_cast<double>(notional) / static_cast<double>(filled);
    }
};

struct LobReport {
    Price equity = 0;            ///< before the trades, at the prices below
    std::vector<LobFill> fills;  ///< one for each symbol that is held or targeted, in the order of their names
    std::vector<Price> prices;   ///< what symbols were valued at, by their numbers; 0: it did not matter
    bool resized = false;        ///< the buys were made smaller, for want of cash
};

namespace detail {

class LobRebalance {
  public:
    LobRebalance(Portfolio& portfolio, MultiExchange& exchanges, double max_slippage_bps)
        : portfolio_(portfolio),
          exchanges_(exchanges),
          slippage_(CostModel::rate(max_slippage_bps, "max_slippage_bps")) {
        if (slippage_ == CostModel::unit) refuse("max_slippage_bps", max_slippage_bps, "a sale might be for nothing");
    }

    LobReport run(std::span<const Target> targets) {
        value_books(targets);
        // Checks the targets, and works out the shares, without touching the portfolio itself.
        Portfolio sizing = portfolio_.without_costs();
        report_.equity = sizing.equity({report_.prices});
        // What the books did not take at a ruin is sold as they do.
        if (portfolio_.is_ruined()) {
            sizing.liquidate({report_.prices});
        } else {
            sizing.rebalance(targets, {report_.prices});
        }
        if (sizing.is_ruined()) portfolio_.ruin();
        for (LobFill& fill : report_.fills) {
            fill.target = sizing.positions()[fill.symbol].quantity;
            const std::int64_t change = fill.target - portfolio_.positions()[fill.symbol].quantity;
            fill.side = change < 0 ? Side::sell : Side::buy;
            fill.wanted = fill.ordered = change < 0 ? -change : change;
        }
        sell();
        buy();
        return std::move(report_);
    }

  private:
    struct Depth {
        Exchange* exchange;
        BookSnapshot book;
    };
    struct Cost {
        Price notional = 0;
        std::int64_t shares = 0;
    };

    void value_books(std::span<const Target> targets) {
        const std::size_t symbols = portfolio_.symbols().size();
        std::vector<bool> matters(symbols, false);
        for (const Target& target : targets) {
            if (target.symbol < symbols) matters[target.symbol] = true;
        }
        report_.prices.assign(symbols, 0);
        depths_.resize(symbols);
        for (const std::uint32_t symbol : portfolio_.by_name()) {
            if (!matters[symbol] && portfolio_.positions()[symbol].quantity == 0) continue;
            const std::string& name = portfolio_.symbols()[symbol];
            const auto known = Symbol::parse(name);
            Exchange* const exchange = known ? exchanges_.find(*known) : nullptr;
            if (exchange == nullptr) throw std::invalid_argument("there is no order book of " + name);
            depths_[symbol] = {exchange, exchange->full_book()};
            report_.prices[symbol] = price_of(name, depths_[symbol]);
            report_.fills.push_back({symbol});
        }
    }

    // The middle of the book, or the one side there is, or the last trade.
    static Price price_of(const std::string& name, const Depth& depth) {
        const auto bid = depth.book.best_bid();
        const auto ask = depth.book.best_ask();
        std::optional<Price> price = depth.exchange->last_trade_price();
        if (bid && ask) {
            price = *bid / 2 + *ask / 2 + (*bid % 2 + *ask % 2) / 2;
        } else if (bid || ask) {
            price = bid ? bid : ask;
        }
        if (!price) throw std::invalid_argument("the order book of " + name + " is empty, and it has had no trade");
        if (*price <= 0) {
            refuse("the price of " + name, *price, "it must be above 0");
        }
        return *price;
    }

    // The worst price that an order accepts: the slippage is counted from the best price of the other side, and rounded
    // in favour of the portfolio.
    [[nodiscard]] std::optional<Price> limit_of(const LobFill& fill) const {
        const BookSnapshot& book = depths_[fill.symbol].book;
        const auto best = fill.side == Side::buy ? book.best_ask() : book.best_bid();
        if (!best || *best <= 0) return std::nullopt;
        if (fill.side == Side::buy) return narrow(Wide{*best} * (CostModel::unit + slippage_) / CostModel::unit);
        return narrow((Wide{*best} * (CostModel::unit - slippage_) + CostModel::unit - 1) / CostModel::unit);
    }

    // What `shares` come to, as far as the book has them within the limit.
    [[nodiscard]] Cost walk(const LobFill& fill, std::int64_t shares) const {
        Cost cost;
        const auto limit = limit_of(fill);
        if (!limit) return cost;
        const BookSnapshot& book = depths_[fill.symbol].book;
        for (const LevelView& level : fill.side == Side::buy ? book.asks : book.bids) {
            const bool is_beyond = fill.side == Side::buy ? level.price > *limit : level.price < *limit;
            if (is_beyond || cost.shares == shares) break;
            const auto left = static_cast<std::uint64_t>(shares - cost.shares);
            const auto taken = static_cast<std::int64_t>(level.quantity < Total(left) ? level.quantity.low : left);
            cost.notional = sum(cost.notional, product(taken, level.price));
            cost.shares += taken;
        }
        return cost;
    }

    [[nodiscard]] Wide outlay(const LobFill& fill, std::int64_t shares) const {
        const Cost cost = walk(fill, shares);
        return cost.shares == 0 ? Wide{0} : Wide{cost.notional} + portfolio_.costs().commission(cost.notional);
    }

    void sell() {
        Wide cash = portfolio_.cash();
        for (const LobFill& fill : report_.fills) {
            if (fill.side != Side::sell || fill.wanted == 0) continue;
            const Cost cost = walk(fill, fill.wanted);
            if (cost.shares == 0) continue;
            cash += Wide{cost.notional} - portfolio_.costs().commission(cost.notional);
        }
        // As in a rebalance at given prices: what cannot be paid for does not take place.
        const bool spares = cash < 0 && portfolio_.leverage() <= 1;
        for (LobFill& fill : report_.fills) {
            if (fill.side != Side::sell || fill.wanted == 0) continue;
            const Cost cost = walk(fill, fill.wanted);
            if (spares && portfolio_.costs().commission(cost.notional) > cost.notional) fill.ordered = 0;
            send(fill);
        }
    }

    void buy() {
        const double leverage = portfolio_.leverage();
        const Wide available = Wide{portfolio_.cash()} +
                               (leverage > 1 ? floor_of((leverage - 1) * static_cast<double>(report_.equity)) : 0);
        // One factor for all, in steps of 2^-32: the greatest that the cash covers.
        constexpr std::int64_t one = std::int64_t{1} << 32;
        const auto part = [](const LobFill& fill, std::int64_t factor) {
            return static_cast<std::int64_t>(Wide{fill.wanted} * factor / one);
        };
        const auto is_covered = [&](std::int64_t factor) {
            Wide all = 0;
            for (const LobFill& fill : report_.fills) {
                if (fill.side == Side::buy) all += outlay(fill, part(fill, factor));
            }
            return all <= available || all == 0;
        };
        std::int64_t factor = one;
        if (!is_covered(one)) {
            std::int64_t too_much = one;
            factor = 0;
            while (too_much - factor > 1) {
                const std::int64_t middle = factor + (too_much - factor) / 2;
                (is_covered(middle) ? factor : too_much) = middle;
            }
            report_.resized = true;
        }
        for (LobFill& fill : report_.fills) {
            if (fill.side != Side::buy) continue;
            fill.ordered = part(fill, factor);
            send(fill);
        }
    }

    void send(LobFill& fill) {
        const auto limit = limit_of(fill);
        if (fill.ordered == 0 || !limit) return;
        fill.limit = *limit;
        Exchange& exchange = *depths_[fill.symbol].exchange;
        const SubmitResult result =
            exchange.submit_limit(fill.side, *limit, static_cast<Quantity>(fill.ordered), TimeInForce::ioc);
        fill.order_id = result.order_id;
        fill.filled = static_cast<std::int64_t>(result.filled);
        if (fill.filled == 0) return;
        for (const Trade& trade : result.trades) {
            fill.notional = sum(fill.notional, product(static_cast<std::int64_t>(trade.quantity), trade.price));
        }
        fill.fee = portfolio_.costs().commission(fill.notional);
        // One order, one fee: with its last fill.
        std::int64_t left = fill.filled;
        for (const Trade& trade : result.trades) {
            const auto quantity = static_cast<std::int64_t>(trade.quantity);
            left -= quantity;
            portfolio_.book_fill({fill.symbol, fill.side, quantity, trade.price, left == 0 ? fill.fee : 0});
        }
    }

    Portfolio& portfolio_;
    MultiExchange& exchanges_;
    std::int64_t slippage_;
    std::vector<Depth> depths_;  // by symbol
    LobReport report_;
};

}  // namespace detail

/// Sends marketable orders (immediate or cancel) of at most `max_slippage_bps` from the best price, sells first. Buys
/// are sized against the book that is there, so that cash covers what they cost; all shrink by one factor where it does
/// not. Fees are those of the portfolio's cost model, once an order; slippage is the book's own. What is not filled is
/// in the report, and nothing rests. Throws std::invalid_argument, with nothing sent, for a symbol that has no book
/// (none is made), or whose book has no price, and for what Portfolio::rebalance refuses. Symbols are valued at the
/// middle of their books, or the one side there is, or the last trade.
inline LobReport rebalance_lob(Portfolio& portfolio, std::span<const Target> targets, MultiExchange& exchanges,
                               double max_slippage_bps = 100) {
    return detail::LobRebalance(portfolio, exchanges, max_slippage_bps).run(targets);
}

}  // namespace nanobook
