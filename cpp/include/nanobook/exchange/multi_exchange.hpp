// One exchange a symbol.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/detail/hasher.hpp>
#include <nanobook/detail/memory.hpp>
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

    [[nodiscard]] Exchange& get_or_create(Symbol symbol) { return *by_number_[number_for(symbol)]; }

    /// Null where the symbol has none.
    [[nodiscard]] Exchange* find(Symbol symbol) noexcept {
        const Number number = numbers_.find(symbol);
        return number != nobody ? by_number_[number] : nullptr;
    }
    [[nodiscard]] const Exchange* find(Symbol symbol) const noexcept {
        const Number number = numbers_.find(symbol);
        return number != nobody ? by_number_[number] : nullptr;
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
        refuse_nonsense(event);
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

    /// Leaves every exchange as it is when events are applied one by one, but serves one symbol after another: see
    /// `in_turns`.
    template <class Events>
    void apply_all(const Events& events) {
        if constexpr (std::ranges::contiguous_range<const Events>) {
            in_turns(events, [](Exchange& exchange, const auto& own) { exchange.apply_all(own); });
        } else {
            for (const Event& event : events) apply(event);
        }
    }

    /// Calls `visit(exchange, own)` with events of each exchange, in their order, in place of applying them. In a
    /// stream of thousands of symbols each event would find its exchange out of the cache; here one symbol comes after
    /// another, as far as 2^17 events reach. The more come at once the better. What needs an order of a symbol that was
    /// never heard of is left out, as in `apply`. An event that means nothing throws when those before it were visited.
    template <class Visit>
    void in_turns(std::span<const Event> events, Visit&& visit) {
        constexpr std::size_t few = 256;
        constexpr std::size_t most = std::size_t{1} << 17;
        while (events.size() >= few) {
            const auto now = events.first(std::min(events.size(), most));
            visit_in_turns(now, visit);
            events = events.subspan(now.size());
        }
        for (const Event& event : events) {
            refuse_nonsense(event);
            const Number number = number_for(event);
            if (number != nobody) visit(*by_number_[number], std::span(&event, 1));
        }
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
    /// Exchanges are numbered as they come.
    using Number = std::uint32_t;
    static constexpr Number nobody = std::numeric_limits<Number>::max();

    /// The number of a symbol's exchange, found by hash. Symbols are added and never removed.
    class Numbers {
      public:
        [[nodiscard]] Number find(Symbol symbol) const noexcept {
            return slots_.empty() ? nobody : slots_[place_of(symbol)].number;
        }

        /// The symbol must be new, and the number that of all before it.
        void add(Symbol symbol, Number number) {
            // Half of the slots stay free, so that what is sought is where it should be, or next to it.
            if (2 * (number + std::size_t{1}) > slots_.size()) {
                std::vector<Slot> old(std::max<std::size_t>(16, 2 * slots_.size()));
                std::swap(old, slots_);
                for (const Slot& slot : old) {
                    if (slot.number != nobody) slots_[place_of(slot.symbol)] = slot;
                }
            }
            slots_[place_of(symbol)] = {symbol, number};
        }

      private:
        struct Slot {
            Symbol symbol;
            Number number = nobody;
        };

        // Where the symbol is, or else where it goes.
        [[nodiscard]] std::size_t place_of(Symbol symbol) const noexcept {
            const std::uint64_t mixed = std::bit_cast<std::uint64_t>(symbol.text) * 0x9E3779B97F4A7C15u;
            const std::size_t mask = slots_.size() - 1;
            std::size_t at = static_cast<std::size_t>(mixed ^ mixed >> 32) & mask;
            while (slots_[at].number != nobody && slots_[at].symbol != symbol) at = (at + 1) & mask;
            return at;
        }

        std::vector<Slot> slots_;  // a power of two
    };

    /// Some of the events, in their order: a range.
    struct Picked {
        class Iterator {
          public:
            Iterator(const Event* events, const std::uint32_t* at) noexcept : events_(events), at_(at) {}
            const Event& operator*() const noexcept { return events_[*at_]; }
            Iterator& operator++() noexcept {
                // They lie far apart. Beyond the last of the symbol are those of the next one.
                detail::prefetch(events_ + at_[ahead]);
                ++at_;
                return *this;
            }
            friend bool operator==(Iterator a, Iterator b) noexcept { return a.at_ == b.at_; }

          private:
            const Event* events_;
            const std::uint32_t* at_;
        };

        static constexpr std::size_t ahead = 8;

        const Event* events;
        std::span<const std::uint32_t> picked;  ///< at least `ahead` more follow in memory

        [[nodiscard]] Iterator begin() const noexcept { return {events, picked.data()}; }
        [[nodiscard]] Iterator end() const noexcept { return {events, picked.data() + picked.size()}; }
    };

    Number number_for(Symbol symbol) {
        const Number number = numbers_.find(symbol);
        return number != nobody ? number : create(symbol);
    }

    // Nobody's where the event needs an order, and the symbol never had any.
    Number number_for(const Event& event) {
        const bool needs_order = event.kind == EventKind::cancel || event.kind == EventKind::reduce ||
                                 event.kind == EventKind::modify || event.kind == EventKind::execute;
        return needs_order ? numbers_.find(event.symbol) : number_for(event.symbol);
    }

    static void refuse_nonsense(const Event& event) {
        const InputError error = check(event);
        if (error != InputError::none) [[unlikely]]
            throw std::invalid_argument(describe(error, event));
    }

    [[gnu::noinline]] Number create(Symbol symbol) {
        ExchangeOptions options = options_;
        options.symbol = symbol;
        Exchange& exchange = exchanges_.try_emplace(symbol, options).first->second;
        const auto number = static_cast<Number>(by_number_.size());
        by_number_.reserve(number + std::size_t{1});
        numbers_.add(symbol, number);
        by_number_.push_back(&exchange);
        return number;
    }

    // Sorts the events by exchange.
    template <class Visit>
    void visit_in_turns(std::span<const Event> events, Visit& visit) {
        std::vector<Number> whose;
        std::vector<std::uint32_t> ends(by_number_.size());  // by exchange: first how many events it gets
        whose.reserve(events.size());
        for (const Event& event : events) {
            if (check(event) != InputError::none) [[unlikely]]
                break;
            const Number number = number_for(event);
            whose.push_back(number);
            if (number == nobody) continue;
            if (number >= ends.size()) ends.resize(number + std::size_t{1});
            ++ends[number];
        }
        std::uint32_t sum = 0;
        for (std::uint32_t& end : ends) sum += std::exchange(end, sum);
        std::vector<std::uint32_t> order(sum + Picked::ahead);
        for (std::uint32_t i = 0; i < whose.size(); ++i) {
            if (whose[i] != nobody) order[ends[whose[i]]++] = i;
        }
        std::uint32_t begin = 0;
        for (Number number = 0; number < ends.size(); ++number) {
            const std::uint32_t end = ends[number];
            if (begin != end) visit(*by_number_[number], Picked{events.data(), {&order[begin], &order[end]}});
            begin = end;
        }
        if (whose.size() < events.size()) refuse_nonsense(events[whose.size()]);
    }

    ExchangeOptions options_;
    std::map<Symbol, Exchange> exchanges_;
    std::vector<Exchange*> by_number_;
    Numbers numbers_;
};

}  // namespace nanobook
