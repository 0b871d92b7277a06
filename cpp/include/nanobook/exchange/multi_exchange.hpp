// One exchange a symbol.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/detail/hasher.hpp>
#include <nanobook/exchange/event.hpp>
#include <nanobook/exchange/exchange.hpp>
#include <nanobook/exchange/results.hpp>
#include <nanobook/exchange/validation.hpp>

namespace nanobook {

/// Best bid and ask of a symbol.
struct BestPrices {
    Symbol symbol;
    std::optional<Price> bid;
    std::optional<Price> ask;

    friend bool operator==(const BestPrices&, const BestPrices&) = default;
};

/// Symbols know nothing of each other: every exchange has its own ids and ticks. References to an exchange stay good
/// for as long as this lives.
class MultiExchange {
  public:
    /// What every exchange is made with, its symbol excepted.
    explicit MultiExchange(ExchangeOptions options = {}) : options_(options) {}
    MultiExchange(MultiExchange&&) = default;
    MultiExchange& operator=(MultiExchange&&) = default;

    [[nodiscard]] Exchange& get_or_create(Symbol symbol) {
        ExchangeOptions options = options_;
        options.symbol = symbol;
        return exchanges_.try_emplace(symbol, options).first->second;
    }

    /// Null where the symbol has none.
    [[nodiscard]] Exchange* find(Symbol symbol) noexcept {
        const auto at = exchanges_.find(symbol);
        return at != exchanges_.end() ? &at->second : nullptr;
    }
    [[nodiscard]] const Exchange* find(Symbol symbol) const noexcept {
        const auto at = exchanges_.find(symbol);
        return at != exchanges_.end() ? &at->second : nullptr;
    }

    [[nodiscard]] std::size_t size() const noexcept { return exchanges_.size(); }
    [[nodiscard]] const ExchangeOptions& options() const noexcept { return options_; }

    /// By symbol, sorted.
    [[nodiscard]] auto begin() const noexcept { return exchanges_.begin(); }
    [[nodiscard]] auto end() const noexcept { return exchanges_.end(); }

    [[nodiscard]] std::vector<Symbol> symbols() const {
        std::vector<Symbol> symbols;
        symbols.reserve(size());
        for (const auto& [symbol, exchange] : exchanges_) symbols.push_back(symbol);
        return symbols;
    }

    [[nodiscard]] std::vector<BestPrices> best_prices() const {
        std::vector<BestPrices> prices;
        prices.reserve(size());
        for (const auto& [symbol, exchange] : exchanges_) {
            prices.push_back({symbol, exchange.best_bid(), exchange.best_ask()});
        }
        return prices;
    }

    SubmitResult submit_limit(Symbol symbol, Side side, Price price, Quantity quantity,
                              TimeInForce time_in_force = TimeInForce::gtc) {
        return get_or_create(symbol).submit_limit(side, price, quantity, time_in_force);
    }
    SubmitResult submit_market(Symbol symbol, Side side, Quantity quantity) {
        return get_or_create(symbol).submit_market(side, quantity);
    }
    StopSubmitResult submit_stop_market(Symbol symbol, Side side, Price stop_price, Quantity quantity) {
        return get_or_create(symbol).submit_stop_market(side, stop_price, quantity);
    }
    StopSubmitResult submit_stop_limit(Symbol symbol, Side side, Price stop_price, Price limit_price, Quantity quantity,
                                       TimeInForce time_in_force = TimeInForce::gtc) {
        return get_or_create(symbol).submit_stop_limit(side, stop_price, limit_price, quantity, time_in_force);
    }
    StopSubmitResult submit_trailing_stop_market(Symbol symbol, Side side, Price stop_price, Quantity quantity,
                                                 TrailMethod trail) {
        return get_or_create(symbol).submit_trailing_stop_market(side, stop_price, quantity, trail);
    }
    StopSubmitResult submit_trailing_stop_limit(Symbol symbol, Side side, Price stop_price, Price limit_price,
                                                Quantity quantity, TrailMethod trail,
                                                TimeInForce time_in_force = TimeInForce::gtc) {
        return get_or_create(symbol).submit_trailing_stop_limit(side, stop_price, limit_price, quantity, trail,
                                                                time_in_force);
    }

    // A symbol that was never heard of has no orders, and gets no exchange.
    CancelResult cancel(Symbol symbol, OrderId id) {
        Exchange* const exchange = find(symbol);
        return exchange != nullptr ? exchange->cancel(id) : CancelResult{OrderError::order_not_found};
    }
    CancelResult reduce(Symbol symbol, OrderId id, Quantity quantity) {
        Exchange* const exchange = find(symbol);
        if (exchange != nullptr) return exchange->reduce(id, quantity);
        return {quantity == 0 ? OrderError::invalid_quantity : OrderError::order_not_found};
    }
    ModifyResult modify(Symbol symbol, OrderId id, Price new_price, Quantity new_quantity) {
        if (Exchange* const exchange = find(symbol)) return exchange->modify(id, new_price, new_quantity);
        ModifyResult result;
        result.old_order_id = id;
        result.error = new_quantity == 0 ? OrderError::invalid_quantity : OrderError::order_not_found;
        return result;
    }

    /// The event's symbol says where. An event that needs an order creates no exchange.
    EventResult apply(const Event& event) {
        // Before anything is created.
        const InputError error = check(event);
        if (error != InputError::none) throw std::invalid_argument(describe(error, event));
        if (Exchange* const exchange = find(event.symbol)) return exchange->apply(event);
        switch (event.kind) {
            case EventKind::cancel: return cancel(event.symbol, event.order_id());
            case EventKind::reduce: return reduce(event.symbol, event.order_id(), event.quantity);
            case EventKind::modify: return modify(event.symbol, event.order_id(), event.price, event.quantity);
            case EventKind::execute: {
                PrintResult result;
                result.error = OrderError::order_not_found;
                return result;
            }
            default: return get_or_create(event.symbol).apply(event);
        }
    }

    template <class Events>
    void apply_all(const Events& events) {
        for (const Event& event : events) apply(event);
    }

    template <class Events>
    [[nodiscard]] static MultiExchange replay(const Events& events, ExchangeOptions options = {}) {
        MultiExchange exchanges(options);
        exchanges.apply_all(events);
        return exchanges;
    }

    /// Equal where the symbols are, and the states of their exchanges.
    [[nodiscard]] std::uint64_t state_hash() const {
        detail::Hasher hasher;
        for (const auto& [symbol, exchange] : exchanges_) {
            for (const char letter : symbol.text) hasher.add(letter);
            hasher.add(exchange.state_hash());
        }
        return hasher.value();
    }

  private:
    ExchangeOptions options_;
    std::map<Symbol, Exchange> exchanges_;
};

}  // namespace nanobook
