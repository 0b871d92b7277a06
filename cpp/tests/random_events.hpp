// Events of every kind over the whole ranges of their fields, always the same ones, that no exchange would refuse.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <nanobook/detail/random.hpp>
#include <nanobook/exchange/event.hpp>

namespace nanobook::test {

class RandomEvents {
  public:
    explicit RandomEvents(std::uint64_t seed) : random_(seed) {}

    [[nodiscard]] Event next() {
        Event event = of_kind(static_cast<EventKind>(random_.below(event_kinds)));
        if (random_.once_in(3)) event.symbol = symbol();
        return event;
    }

    [[nodiscard]] std::vector<Event> take(std::size_t count) {
        std::vector<Event> events;
        events.reserve(count);
        while (events.size() < count) events.push_back(next());
        return events;
    }

  private:
    Event of_kind(EventKind kind) {
        switch (kind) {
            case EventKind::submit_limit:
                if (random_.once_in(4)) {
                    return Event::submit_limit(side(), price(0), quantity(), TimeInForce::gtc, false);
                }
                return Event::submit_limit(side(), price(), quantity(), lasts());
            case EventKind::submit_market: return Event::submit_market(side(), quantity());
            case EventKind::cancel: return Event::cancel(integer());
            case EventKind::reduce: return Event::reduce(integer(), integer());
            case EventKind::modify:
                if (random_.once_in(4)) return Event::modify(integer(), price(0), integer(), false);
                return Event::modify(integer(), price(), integer());
            case EventKind::submit_stop_market: return Event::submit_stop_market(side(), price(), quantity());
            case EventKind::submit_stop_limit:
                return Event::submit_stop_limit(side(), price(), price(), quantity(), lasts());
            case EventKind::submit_trailing_stop_market:
                return Event::submit_trailing_stop_market(side(), price(), quantity(), trail());
            case EventKind::submit_trailing_stop_limit:
                return Event::submit_trailing_stop_limit(side(), price(), price(), quantity(), trail(), lasts());
            case EventKind::execute:
                return Event::execute(integer(), quantity(), integer(),
                                      random_.once_in(2) ? price(0) : Event::own_price, random_.once_in(2));
            case EventKind::trade: break;
        }
        return Event::trade(side(), price(0), quantity(), integer());
    }

    // Of any length in bits, and often one of the ends.
    std::uint64_t integer(std::uint64_t least = 0, std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) {
        if (random_.once_in(10)) return random_.once_in(2) ? least : most;
        return std::clamp(random_.next() >> random_.below(64), least, most);
    }
    Quantity quantity() { return integer(1); }
    Price price(std::uint64_t least = 1) {
        return static_cast<Price>(integer(least, std::numeric_limits<std::int64_t>::max()));
    }
    Side side() { return static_cast<Side>(random_.below(2)); }
    TimeInForce lasts() { return static_cast<TimeInForce>(random_.below(3)); }

    double factor() {
        if (random_.once_in(2)) return (1 + random_.below(1000)) / 100.0;
        for (;;) {
            const double value = std::bit_cast<double>(random_.next() >> 1);
            if (std::isfinite(value) && value > 0) return value;
        }
    }
    TrailMethod trail() {
        switch (random_.below(3)) {
            case 0: return TrailMethod::fixed(price());
            case 1: return TrailMethod::percentage(factor());
            default: return TrailMethod::atr(factor(), static_cast<std::uint32_t>(integer(1, 0xffffffffU)));
        }
    }
    Symbol symbol() {
        Symbol symbol;
        for (std::size_t i = 1 + random_.below(Symbol::max_length); i-- > 0;) {
            symbol.text[i] = static_cast<char>(' ' + random_.below('~' - ' ' + 1));
        }
        return symbol;
    }

    detail::Random random_;
};

}  // namespace nanobook::test
