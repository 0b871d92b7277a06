// Trading states, halts and the phases of the day.
#pragma once

#include <cstdint>
#include <vector>

#include <nanobook/core/types.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/messages.hpp>

namespace nanobook::itch {

/// A Trading Action (H), an Operational Halt (h) or a System Event (S).
struct StatusChange {
    Timestamp timestamp;
    Locate locate;
    char type;
    char state;      ///< of H; the action of h; the event of S
    char market;     ///< of h; a space else
    Text<4> reason;  ///< of H; blank else
};

/// To be shown messages; others than these three are nothing to it.
class StatusRecorder {
  public:
    explicit StatusRecorder(Timestamp start = 0) noexcept : start_(start) {}

    void on_message(const Header&) noexcept {}
    void on_message(const TradingAction& m) { put(m, m.state, ' ', m.reason); }
    void on_message(const OperationalHalt& m) { put(m, m.action, m.market, {' ', ' ', ' ', ' '}); }
    void on_message(const SystemEvent& m) { put(m, m.event, ' ', {' ', ' ', ' ', ' '}); }

    std::vector<StatusChange> rows;  ///< for whoever reads them to take

  private:
    void put(const Header& message, char state, char market, const Text<4>& reason) {
        const Timestamp timestamp = message.timestamp;
        if (timestamp >= start_) rows.push_back({timestamp, message.locate, message.type, state, market, reason});
    }

    Timestamp start_;
};

}  // namespace nanobook::itch
