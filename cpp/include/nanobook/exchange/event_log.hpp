// What an exchange was told, in order; or nothing.
#pragma once

#include <cstdint>
#include <utility>

#include <nanobook/detail/append_log.hpp>
#include <nanobook/exchange/event.hpp>

namespace nanobook {

using EventsView = detail::LogView<detail::AppendLog<Event>>;

/// Is told of every event before anything is done about it. Where it throws, nothing is done.
class EventSink {
  public:
    EventSink() = default;
    EventSink(const EventSink&) = delete;
    EventSink& operator=(const EventSink&) = delete;
    virtual ~EventSink() = default;
    virtual void on_event(const Event& event) = 0;
};

/// Keeps every event, unless it is switched off.
class EventLog {
  public:
    template <class MakeEvent>
    void push(MakeEvent&& make_event) {
        if (sink_ != nullptr) [[unlikely]]
            sink_->on_event(make_event());
        if (enabled_) [[likely]]
            events_.emplace(make_event);
        else
            complete_ = false;
    }

    /// Who is told of events from now on, besides the log; null for nobody. It must outlive the exchange.
    void set_sink(EventSink* sink) noexcept { sink_ = sink; }

    [[nodiscard]] const detail::AppendLog<Event>& events() const noexcept { return events_; }
    [[nodiscard]] bool enabled() const noexcept { return enabled_; }
    void enable(bool on) noexcept { enabled_ = on; }
    /// Whether it holds every event there ever was: then a replay of it gives the exchange again.
    [[nodiscard]] bool complete() const noexcept { return complete_; }
    void reserve(std::uint64_t events) {
        if (enabled_) events_.reserve(events);
    }

    /// Takes the place of all events: those of a saved exchange.
    void restore(detail::AppendLog<Event> events, bool complete) noexcept {
        events_ = std::move(events);
        complete_ = complete;
    }

  private:
    detail::AppendLog<Event> events_;
    EventSink* sink_ = nullptr;
    bool enabled_ = true;
    bool complete_ = true;
};

/// Keeps nothing and costs nothing.
class NoEventLog {
  public:
    template <class MakeEvent>
    void push(MakeEvent&&) noexcept {}

    [[nodiscard]] const detail::AppendLog<Event>& events() const noexcept {
        static const detail::AppendLog<Event> nothing;
        return nothing;
    }
    [[nodiscard]] bool enabled() const noexcept { return false; }
    void enable(bool) noexcept {}
    [[nodiscard]] bool complete() const noexcept { return false; }
    void reserve(std::uint64_t) noexcept {}
    void restore(const detail::AppendLog<Event>&, bool) noexcept {}
};

}  // namespace nanobook
