// Trading states, halts and the phases of the day.
#pragma once

#include <cstdint>
#include <vector>

#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/observer.hpp>

namespace nanobook::itch {

/// A Trading Action (H), an Operational Halt (h) or a System Event (S).
struct StatusChange : Origin {
    char type;
    char state;      ///< of H; the action of h; the event of S
    char market;     ///< of h; a space else
    Text<4> reason;  ///< of H; blank else
};

/// To be shown messages; others than these three are nothing to it.
class StatusRecorder {
  public:
    explicit StatusRecorder(Timestamp start = 0) noexcept : start_(start) {}

    template <class Replay>
    void on_message(const Header&, const Replay&) noexcept {}
    template <class Replay>
    void on_message(const TradingAction& m, const Replay& replay) {
        put(m, replay, symbol_of(m.stock), m.state, ' ', m.reason);
    }
    template <class Replay>
    void on_message(const OperationalHalt& m, const Replay& replay) {
        put(m, replay, symbol_of(m.stock), m.action, m.market, {' ', ' ', ' ', ' '});
    }
    template <class Replay>
    void on_message(const SystemEvent& m, const Replay& replay) {
        put(m, replay, {}, m.event, ' ', {' ', ' ', ' ', ' '});
    }

    std::vector<StatusChange> rows;  ///< for whoever reads them to take

  private:
    template <class Replay>
    void put(const Header& message, const Replay& replay, Symbol symbol, char state, char market,
             const Text<4>& reason) {
        if (message.timestamp < start_) return;
        rows.push_back(
            {{message.timestamp, replay.offset(), symbol, message.locate}, message.type, state, market, reason});
    }

    Timestamp start_;
};

}  // namespace nanobook::itch
