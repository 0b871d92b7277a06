// When a book may be crossed and when not; what else a whole day shows.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include <nanobook/itch/replay.hpp>
#include <nanobook/itch/synthetic_day.hpp>
#include <nanobook/itch/truths.hpp>

#include "itch_stream.hpp"

using namespace nanobook;
using namespace nanobook::itch;

namespace {

constexpr Timestamp second = 1'000'000'000;

// A stream whose messages come at given times.
class Day {
  public:
    Day& event(Timestamp time, char event) {
        SystemEvent m{};
        m.event = event;
        return write(time, m, 0);
    }
    Day& state(Timestamp time, char state, std::uint16_t locate = 1) {
        TradingAction m{};
        m.stock = locate == 1 ? "AAPL" : "MSFT";
        m.state = state;
        return write(time, m, locate);
    }
    Day& add(Timestamp time, std::uint64_t ref, char side, std::uint32_t price, std::uint16_t locate = 1) {
        AddOrder m{};
        m.ref = ref;
        m.side = side;
        m.shares = 100;
        m.stock = locate == 1 ? "AAPL" : "MSFT";
        m.price = price;
        return write(time, m, locate);
    }
    Day& erase(Timestamp time, std::uint64_t ref, std::uint16_t locate = 1) {
        OrderDelete m{};
        m.ref = ref;
        return write(time, m, locate);
    }
    Day& cross(Timestamp time, char type, std::uint64_t shares, std::uint32_t price, std::uint16_t locate = 1) {
        CrossTrade m{};
        m.shares = shares;
        m.stock = locate == 1 ? "AAPL" : "MSFT";
        m.price = price;
        m.match = ++match_;
        m.cross_type = type;
        return write(time, m, locate);
    }

    [[nodiscard]] Replay<Truths> replayed() const {
        Replay<Truths> replay;
        replay.feed(encoder_.bytes());
        replay.finish();
        return replay;
    }
    [[nodiscard]] std::uint64_t spells() const { return replayed().observer().crossed_spells(); }

  private:
    template <class Message>
    Day& write(Timestamp time, Message message, std::uint16_t locate) {
        message.locate = locate;
        message.tracking = 0;
        message.timestamp = time;
        encoder_.write(message);
        return *this;
    }

    Encoder encoder_;
    std::uint64_t match_ = 0;
};

// Trading since long ago, the market open.
Day open_day() { return Day().state(second, 'T').event(10 * second, 'Q'); }

}  // namespace

TEST_CASE("a bid above the ask while a symbol trades in market hours is a spell, however short") {
    const auto replay = open_day()
                            .add(11 * second, 1, 'B', 1000)
                            .add(11 * second + 1, 2, 'S', 990)
                            .erase(11 * second + 1, 1)
                            .replayed();
    const Truths& truths = replay.observer();
    CHECK(truths.crossed_spells() == 1);
    CHECK(truths.crossed_spells(1) == 1);
    CHECK(truths.crossed_spells(2) == 0);
    REQUIRE(truths.first_crossed());
    CHECK(truths.first_crossed()->locate == 1);
    CHECK(truths.first_crossed()->since == 11 * second + 1);
    CHECK(truths.first_crossed()->bid == 1000);
    CHECK(truths.first_crossed()->ask == 990);
}

TEST_CASE("a locked book is not crossed") {
    CHECK(open_day().add(11 * second, 1, 'B', 1000).add(11 * second, 2, 'S', 1000).spells() == 0);
}

TEST_CASE("a spell is one as long as it lasts, and another after it has ended") {
    Day day = open_day();
    day.add(11 * second, 1, 'B', 1000).add(11 * second, 2, 'S', 990);
    CHECK(day.add(12 * second, 3, 'S', 980).spells() == 1);
    CHECK(day.erase(13 * second, 1).add(14 * second, 4, 'B', 1000).spells() == 2);
}

TEST_CASE("before the market opens a book may be crossed, but not when it opens") {
    Day day;
    day.state(second, 'T').add(2 * second, 1, 'B', 1000).add(2 * second, 2, 'S', 990);
    CHECK(Day(day).erase(9 * second, 1).event(10 * second, 'Q').spells() == 0);
    CHECK(Day(day).event(10 * second, 'Q').erase(10 * second, 1).spells() == 1);
    CHECK_FALSE(day.replayed().observer().market_opened());
}

TEST_CASE("after the market closes a book may be crossed") {
    CHECK(open_day().event(16 * second, 'M').add(17 * second, 1, 'B', 1000).add(17 * second, 2, 'S', 990).spells() ==
          0);
}

TEST_CASE("a book may be crossed in any state but T, and in one that nobody told") {
    for (const char state : {'H', 'P', 'Q'}) {
        CAPTURE(state);
        CHECK(open_day()
                  .state(11 * second, state)
                  .add(12 * second, 1, 'B', 1000)
                  .add(12 * second, 2, 'S', 990)
                  .spells() == 0);
    }
    CHECK(Day().event(10 * second, 'Q').add(11 * second, 1, 'B', 1000).add(11 * second, 2, 'S', 990).spells() == 0);
}

TEST_CASE("for a second after a resumption a book may be crossed") {
    Day halted = open_day();
    halted.state(11 * second, 'H').add(12 * second, 1, 'B', 1000).add(12 * second, 2, 'S', 990);
    halted.state(20 * second, 'T');
    CHECK(Day(halted).erase(21 * second, 1).spells() == 0);
    CHECK(Day(halted).erase(21 * second + 1, 1).spells() == 1);
    CHECK(Day(halted).state(21 * second + 1, 'H').spells() == 1);
    // Nothing more is heard of the symbol; of another it is.
    CHECK(Day(halted).add(21 * second, 9, 'B', 10, 2).spells() == 0);
    CHECK(Day(halted).add(22 * second, 9, 'B', 10, 2).spells() == 1);
    CHECK(Day(halted).event(22 * second, 'M').spells() == 1);
    // That the symbol trades, told again, is no resumption.
    CHECK(Day(halted).state(21 * second, 'T').erase(21 * second + 2, 1).spells() == 1);
}

TEST_CASE("each book is watched for itself") {
    const auto replay = open_day()
                            .state(11 * second, 'T', 2)
                            .add(13 * second, 1, 'B', 1000, 1)
                            .add(13 * second, 2, 'S', 990, 2)
                            .add(13 * second, 3, 'B', 995, 2)
                            .replayed();
    CHECK(replay.observer().crossed_spells(1) == 0);
    CHECK(replay.observer().crossed_spells(2) == 1);
}

TEST_CASE("orders are counted at their most, and the end of messages is noticed") {
    Day day = open_day();
    day.add(11 * second, 1, 'B', 10).add(11 * second, 2, 'B', 20).erase(12 * second, 1).add(13 * second, 3, 'B', 30);
    const auto replay = day.replayed();
    CHECK(replay.observer().peak_live_orders() == 2);
    CHECK(replay.live_orders() == 2);
    CHECK_FALSE(replay.observer().messages_ended());
    CHECK(day.event(20 * second, 'C').replayed().observer().messages_ended());
}

TEST_CASE("the closing price is that of the closing cross with shares") {
    const auto replay = open_day()
                            .cross(10 * second, 'O', 100, 1000)
                            .cross(16 * second, 'C', 100, 1010)
                            .cross(17 * second, 'H', 100, 1020)
                            .cross(16 * second, 'C', 0, 0, 2)
                            .replayed();
    CHECK(replay.observer().closing_price(1) == 1010);
    CHECK_FALSE(replay.observer().closing_price(2));
    CHECK_FALSE(replay.observer().closing_price(999));
}

TEST_CASE("a synthetic day is true") {
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
        Replay<Truths> replay;
        replay.feed(synthetic_day({.messages = 50'000, .symbols = 30, .seed = seed, .all_types = true}));
        replay.finish();
        CHECK_FALSE(replay.report().first());
        CHECK(replay.live_orders() == 0);
        CHECK(replay.observer().messages_ended());
        CHECK(replay.observer().market_opened());
        CHECK(replay.observer().peak_live_orders() > 100);
        CHECK(replay.observer().crossed_spells() == 0);
        std::size_t closed = 0;
        for (Locate locate = 0; locate < replay.listings().size(); ++locate) {
            closed += replay.observer().closing_price(locate).has_value();
        }
        CHECK(closed > 10);
    }
}
