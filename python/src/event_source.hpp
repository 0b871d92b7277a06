// Events that come in pieces and are nowhere all at once, such as those of an ITCH file, and what tells them to an
// exchange.
#pragma once

#include <nanobind/nanobind.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/exchange/event.hpp>
#include <nanobook/exchange/exchange.hpp>
#include <nanobook/exchange/multi_exchange.hpp>
#include <nanobook/itch/events.hpp>

#include "busy.hpp"
#include "event_arguments.hpp"

class EventSource {
  public:
    EventSource() = default;
    EventSource(const EventSource&) = delete;
    EventSource& operator=(const EventSource&) = delete;
    virtual ~EventSource() = default;

    /// The next events, at least `least` of them as long as there are so many; none at the end. Good until the next
    /// call. To be called without the GIL, which it takes now and then: to see Ctrl-C, for one.
    virtual nanobook::itch::EventBatch next(std::size_t least) = 0;

    /// Decimals of the prices.
    [[nodiscard]] virtual std::uint32_t price_scale() const noexcept = 0;

    /// The symbol of every event where only one was asked for, or is known to occur; none where nobody knows.
    [[nodiscard]] virtual std::optional<nanobook::Symbol> only_symbol() const noexcept = 0;
};

/// A stream from its beginning; null where the object is a sequence or iterable of events like any other. Needs the
/// GIL.
[[nodiscard]] std::unique_ptr<EventSource> to_event_source(nanobind::handle events);

/// The symbol of an exchange that is told events of `told` as well. ValueError where it has another.
[[nodiscard]] inline nanobook::Symbol symbol_of(nanobook::Symbol told, nanobook::Symbol symbol) {
    nanobook::Event event = nanobook::Event::cancel(0);
    event.symbol = told;
    return symbol_of(std::vector{event}, symbol);
}

[[nodiscard]] inline nanobook::Symbol symbol_of(std::span<const nanobook::Event> events, nanobook::Symbol symbol) {
    for (const nanobook::Event& event : events) {
        if (event.symbol != symbol) [[unlikely]]
            symbol = symbol_of(event.symbol, symbol);
    }
    return symbol;
}

/// The same for all events of a stream, `source` being a pass over it: it may take another one to know.
[[nodiscard]] inline nanobook::Symbol symbol_of(const EventSource& source, nanobind::handle events,
                                                nanobook::Symbol symbol) {
    if (const auto only = source.only_symbol()) return symbol_of(*only, symbol);
    const auto pass = to_event_source(events);
    const nanobind::gil_scoped_release released;
    for (auto some = pass->next(1); !some.empty(); some = pass->next(1)) symbol = symbol_of(some.events, symbol);
    return symbol;
}

/// What a stream calls its orders, and what their exchange does: the stream counts its own, but the exchange gives ids
/// to others too, to orders of the user and to those that stops become.
class FeedIds {
  public:
    /// The stream's next order has this id; 0 where the exchange has none.
    void add(nanobook::OrderId id) {
        ++last_;
        const std::uint64_t shift = id != 0 ? id - last_ : nowhere;
        if (shift != shift_) [[unlikely]] {
            runs_.push_back({last_, shift});
            shift_ = shift;
        }
    }

    /// 0 for an order that the exchange never had.
    [[nodiscard]] nanobook::OrderId operator[](nanobook::OrderId number) const noexcept {
        if (runs_.empty()) [[likely]]
            return number;
        const auto after = std::upper_bound(runs_.begin(), runs_.end(), number,
                                            [](nanobook::OrderId n, const Run& run) { return n < run.first; });
        const std::uint64_t shift = after != runs_.begin() ? after[-1].shift : 0;
        return shift != nowhere ? number + shift : 0;
    }

  private:
    static constexpr std::uint64_t nowhere = std::numeric_limits<std::uint64_t>::max();

    /// From this number on, up to the next run.
    struct Run {
        nanobook::OrderId first;
        std::uint64_t shift;
    };

    std::vector<Run> runs_;  // none as long as nobody else took an id
    std::uint64_t shift_ = 0;
    nanobook::OrderId last_ = 0;
};

/// Tells an exchange an event of a stream, and gives the event the id that its order has there.
inline void tell(nanobook::Exchange& exchange, FeedIds& ids, nanobook::Event& event) {
    using nanobook::EventKind;
    switch (event.kind) {
        case EventKind::submit_limit:
            ids.add(exchange.submit_limit(event.side, event.price, event.quantity, event.time_in_force, event.matching)
                        .order_id);
            return;
        case EventKind::modify: {
            event.reference = ids[event.reference];
            if (event.reference == 0) return ids.add(0);
            ids.add(exchange.modify(event.reference, event.price, event.quantity, event.matching).submitted.order_id);
            return;
        }
        case EventKind::cancel:
        case EventKind::reduce:
        case EventKind::execute:
            event.reference = ids[event.reference];
            if (event.reference == 0) return;
            break;
        default: break;
    }
    exchange.apply_all(std::span(&event, 1));
}

/// Tells an exchange, or several, what a stream has: all at once, or in parts with other things in between.
template <class Book>
class Feed {
  public:
    Feed(Book& book, std::unique_ptr<EventSource> source) : book_(&book), source_(std::move(source)) {}

    /// Up to `most` events, and none later than `until`; how many there were. Needs the GIL. Other threads run
    /// meanwhile, but for when they could see the book: where it is shared.
    std::uint64_t run(std::uint64_t most, nanobook::Timestamp until, bool is_shared) {
        std::uint64_t count = 0;
        while (count < most && (!left_.empty() || fetch())) {
            std::size_t now = static_cast<std::size_t>(std::min<std::uint64_t>(most - count, left_.size()));
            const auto late = std::find_if(left_.times.begin(), left_.times.begin() + static_cast<std::ptrdiff_t>(now),
                                           [&](nanobook::Timestamp time) { return time > until; });
            now = static_cast<std::size_t>(late - left_.times.begin());
            if (now == 0) break;
            // Others ran while the events were read.
            if (is_shared) Busy::refuse(book_);
            const auto events = left_.events.first(now);
            left_ = left_.subspan(now, left_.size() - now);
            std::optional<nanobind::gil_scoped_release> released;
            if (!is_shared) released.emplace();
            tell_all(events);
            count += now;
        }
        return count;
    }

    /// The next event, told; none at the end.
    std::optional<nanobook::Event> step() {
        if (left_.empty() && !fetch()) return std::nullopt;
        Busy::refuse(book_);
        nanobook::Event event = left_.events.front();
        left_ = left_.subspan(1, left_.size() - 1);
        if constexpr (is_several) {
            nanobook::Exchange& exchange = book_->get_or_create(event.symbol);
            tell(exchange, ids_[&exchange], event);
        } else {
            book_->set_symbol(symbol_of(event.symbol, book_->options().symbol));
            tell(*book_, ids_, event);
        }
        return event;
    }

  private:
    static constexpr bool is_several = std::is_same_v<Book, nanobook::MultiExchange>;
    // Of many symbols many at a time are best: 40 ms of them.
    static constexpr std::size_t at_once = is_several ? std::size_t{1} << 17 : 1;

    bool fetch() {
        if (is_reading_) throw std::runtime_error("the feed is in use already");
        is_reading_ = true;
        struct Done {
            bool& flag;
            ~Done() { flag = false; }
        } done{is_reading_};
        const nanobind::gil_scoped_release released;
        left_ = source_->next(at_once);
        return !left_.empty();
    }

    void tell_all(std::span<const nanobook::Event> events) {
        if constexpr (is_several) {
            book_->in_turns(events, [this](nanobook::Exchange& exchange, const auto& own) {
                FeedIds& ids = ids_[&exchange];
                for (nanobook::Event event : own) tell(exchange, ids, event);
            });
        } else {
            book_->set_symbol(symbol_of(events, book_->options().symbol));
            for (nanobook::Event event : events) tell(*book_, ids_, event);
        }
    }

    Book* book_;
    std::unique_ptr<EventSource> source_;
    nanobook::itch::EventBatch left_;
    std::conditional_t<is_several, std::unordered_map<const nanobook::Exchange*, FeedIds>, FeedIds> ids_;
    bool is_reading_ = false;
};

/// Tells a book a stream. Where others can see the book meanwhile, it is shared.
template <class Book>
void replay_into(Book& book, std::unique_ptr<EventSource> source, bool is_shared = false) {
    Feed<Book>(book, std::move(source))
        .run(std::numeric_limits<std::uint64_t>::max(), std::numeric_limits<nanobook::Timestamp>::max(), is_shared);
}
