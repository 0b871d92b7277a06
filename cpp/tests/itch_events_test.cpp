// What each message tells an exchange, and that an exchange so told has the book of the replay after every message.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <nanobook/detail/random.hpp>
#include <nanobook/exchange/exchange.hpp>
#include <nanobook/exchange/multi_exchange.hpp>
#include <nanobook/exchange/validation.hpp>
#include <nanobook/itch/events.hpp>
#include <nanobook/itch/mapped_file.hpp>
#include <nanobook/itch/replay.hpp>
#include <nanobook/itch/synthetic_day.hpp>

#include "itch_stream.hpp"
#include "random_stream.hpp"

using namespace nanobook;
using nanobook::detail::Random;
using nanobook::itch::count_events;
using nanobook::itch::EventBatch;
using nanobook::itch::EventCursor;
using nanobook::itch::EventStream;
using nanobook::itch::Header;
using nanobook::itch::Listing;
using nanobook::itch::Locate;
using nanobook::itch::MappedFile;
using nanobook::itch::Oddity;
using nanobook::itch::ReplayOptions;
using nanobook::test::RandomStream;
using nanobook::test::Stream;
using nanobook::test::summary;

namespace {

using Bytes = std::span<const std::byte>;
using Events = std::vector<Event>;

Symbol symbol(std::string_view name) { return *Symbol::parse(name); }

ReplayOptions only(std::initializer_list<std::string_view> names) {
    ReplayOptions options;
    for (const std::string_view name : names) options.symbols.push_back(symbol(name));
    return options;
}

Event in(std::string_view name, Event event) {
    event.symbol = symbol(name);
    return event;
}
Event aapl(const Event& event) { return in("AAPL", event); }

Event add(Side side, Price price, Quantity shares) {
    return Event::submit_limit(side, price, shares, TimeInForce::gtc, false);
}
Event replace(OrderId id, Price price, Quantity shares) { return Event::modify(id, price, shares, false); }

void append(Events& events, std::span<const Event> batch) { events.insert(events.end(), batch.begin(), batch.end()); }

Events events_of(Bytes bytes, ReplayOptions options = {}) {
    Events events;
    EventStream stream(std::move(options));
    stream.feed(bytes, [&](std::span<const Event> batch) { append(events, batch); });
    stream.finish();
    return events;
}

Events of(std::string_view name, Events events) {
    std::erase_if(events, [&](const Event& event) { return event.symbol != symbol(name); });
    return events;
}

// Data files lie beside the project; they may be absent.
std::filesystem::path shared_data(const std::string& name) {
    return std::filesystem::path(NANOBOOK_SOURCE_DIR) / ".." / "shared" / "data" / name;
}

// Calls `then(frame, message)` with each message and the bytes of its frame.
template <class Then>
void for_each_frame(Bytes bytes, Then&& then) {
    itch::read(bytes, [&](const auto& message) {
        using Message = std::remove_cvref_t<decltype(message)>;
        if constexpr (!std::is_same_v<Message, Header>) {
            then(Bytes{reinterpret_cast<const std::byte*>(&message) - 2, 2 + sizeof(Message)}, message);
        }
    });
}

// Prints of a locate that an exchange shares: all but crosses, and those that a cross prints again.
struct Prints {
    std::map<Locate, std::vector<std::pair<Price, Quantity>>> by_locate;

    void on_change(const itch::BookChange&) {}
    void on_print(const itch::Print& print) {
        if (print.message.type == itch::CrossTrade::code || !print.printable || print.shares == 0) return;
        by_locate[print.locate].emplace_back(print.price, print.shares);
    }
};

// What is in a listing's volume and not among an exchange's trades, and the other way round.
struct OtherVolume {
    std::map<Locate, std::uint64_t> crossed;
    std::map<Locate, std::uint64_t> broken;
    std::map<std::uint64_t, std::uint64_t> shares_of;

    void operator()(const Header&) {}
    void operator()(const itch::OrderExecuted& m) { shares_of[m.match] = m.shares; }
    void operator()(const itch::OrderExecutedWithPrice& m) { shares_of[m.match] = m.shares; }
    void operator()(const itch::Trade& m) { shares_of[m.match] = m.shares; }
    void operator()(const itch::CrossTrade& m) { crossed[m.locate] += m.shares; }
    void operator()(const itch::BrokenTrade& m) { broken[m.locate] += shares_of[m.match]; }
};

// A stream that is turned into events, and the exchanges that are told them.
class Twin {
  public:
    explicit Twin(ReplayOptions options = {}) : stream_(options), prints_(std::move(options)) {}

    void feed(Bytes bytes) {
        stream_.feed(bytes, [&](const EventBatch& batch) {
            REQUIRE(batch.times.size() == batch.size());
            for (const Event& event : batch) apply(event);
        });
        prints_.feed(bytes);
    }

    void finish() {
        stream_.finish();
        prints_.finish();
    }

    // Empty where the exchange of a locate has the replay's book and prints; else what differs.
    [[nodiscard]] std::string difference(Locate locate) const {
        const itch::Listing& listing = stream_.replay().listings()[locate];
        const std::string where = "locate " + std::to_string(locate) + ": ";
        const Exchange* const exchange = exchanges_.find(listing.symbol);
        const auto prints = prints_.observer().by_locate.find(locate);
        const bool has_prints = prints != prints_.observer().by_locate.end();
        if (exchange == nullptr) return listing.book.empty() && !has_prints ? "" : where + "no exchange";
        for (const Side side : {Side::buy, Side::sell}) {
            const std::string orders = difference(listing, *exchange, side);
            if (!orders.empty()) return where + orders;
        }
        constexpr std::size_t all = 1'000'000;
        if (exchange->full_book() != listing.book.snapshot(stream_.replay().levels(), all)) return where + "levels";

        const auto& trades = exchange->trades();
        const std::size_t expected = has_prints ? prints->second.size() : 0;
        if (trades.size() != expected) {
            return where + std::to_string(trades.size()) + " trades, not " + std::to_string(expected);
        }
        // Earlier ones were compared when they were the latest.
        std::size_t& compared = compared_trades_[locate];
        for (; compared < expected; ++compared) {
            const auto& [price, shares] = prints->second[compared];
            if (trades[compared].price != price || trades[compared].quantity != shares) return where + "a trade";
        }
        return {};
    }

    [[nodiscard]] std::string difference() const {
        for (std::size_t locate = 0; locate < stream_.replay().listings().size(); ++locate) {
            const std::string text = difference(static_cast<Locate>(locate));
            if (!text.empty()) return text;
        }
        return {};
    }

    [[nodiscard]] const EventStream& stream() const { return stream_; }
    [[nodiscard]] const Exchange* exchange(std::string_view name) const { return exchanges_.find(symbol(name)); }
    [[nodiscard]] const MultiExchange& exchanges() const { return exchanges_; }

  private:
    // Nothing that an exchange is told is refused or fails.
    void apply(const Event& event) {
        if (check(event) != InputError::none) FAIL("refused: " << describe(check(event), event));
        const EventResult result = exchanges_.apply(event);
        if (const auto* cancel = std::get_if<CancelResult>(&result)) REQUIRE(cancel->success());
        if (const auto* modify = std::get_if<ModifyResult>(&result)) REQUIRE(modify->success());
        if (const auto* print = std::get_if<PrintResult>(&result)) {
            REQUIRE(print->success());
            REQUIRE(print->quantity == event.quantity);
        }
    }

    std::string difference(const Listing& listing, const Exchange& exchange, Side side) const {
        const auto& replay = stream_.replay();
        const std::vector<Order> orders = exchange.orders(side);
        std::size_t seen = 0;
        std::string wrong;
        listing.book.for_each_order(replay.levels(), side, replay.orders(), [&](std::uint64_t ref, const auto& level) {
            const bool equal = seen < orders.size() && orders[seen].id == stream_.order_id(ref) &&
                               orders[seen].price == level.price &&
                               orders[seen].remaining == replay.orders().quantity_of(ref);
            if (!equal && wrong.empty()) wrong = "order " + std::to_string(ref);
            ++seen;
        });
        if (wrong.empty() && seen != orders.size()) wrong = std::to_string(orders.size()) + " orders";
        return wrong;
    }

    EventStream stream_;
    itch::Replay<Prints> prints_;
    MultiExchange exchanges_;
    mutable std::map<Locate, std::size_t> compared_trades_;
};

}  // namespace

// ---- what each message becomes

TEST_CASE("an_add_is_a_limit_order_that_does_not_match") {
    const auto events = events_of(Stream().add(7, 'B', 100, 60).add_mpid(8, 'S', 30, 50));
    CHECK(events == Events{aapl(add(Side::buy, 60, 100)), aapl(add(Side::sell, 50, 30))});
}

TEST_CASE("an_execution_names_the_order_by_its_id_and_bears_its_match_number") {
    const auto events = events_of(Stream().add(70, 'B', 100, 50).add(80, 'B', 30, 50).execute(80, 10, 4711));
    CHECK(events.back() == aapl(Event::execute(2, 10, 4711)));
    CHECK(events.back().price == Event::own_price);
    CHECK(events.back().match_number() == 4711);
}

TEST_CASE("an_execution_with_price_keeps_its_price_and_whether_it_is_printed") {
    const auto events =
        events_of(Stream().add(7, 'B', 100, 50).execute_at(7, 10, 1, 'Y', 49).execute_at(7, 10, 2, 'N', 48));
    CHECK(events.size() == 3);
    CHECK(events[1] == aapl(Event::execute(1, 10, 1, 49, true)));
    CHECK(events[2] == aapl(Event::execute(1, 10, 2, 48, false)));
}

TEST_CASE("a_cancel_of_some_shares_is_a_reduce_and_a_delete_is_a_cancel") {
    const auto events = events_of(Stream().add(7, 'B', 100, 50).cancel(7, 60).erase(7));
    CHECK(events == Events{aapl(add(Side::buy, 50, 100)), aapl(Event::reduce(1, 60)), aapl(Event::cancel(1))});
}

TEST_CASE("a_replace_is_a_modify_and_takes_the_next_id") {
    Stream stream;
    stream.add(7, 'S', 100, 50).replace(7, 9, 30, 51).add(10, 'S', 1, 50).replace(9, 11, 20, 52).erase(11);
    CHECK(events_of(stream) == Events{aapl(add(Side::sell, 50, 100)), aapl(replace(1, 51, 30)),
                                      aapl(add(Side::sell, 50, 1)), aapl(replace(2, 52, 20)), aapl(Event::cancel(4))});
}

TEST_CASE("a_replace_that_adds_nothing_is_a_cancel") {
    Stream stream;
    stream.add(1, 'B', 100, 50).replace(1, 2, 0, 50).add(3, 'B', 9, 50).add(4, 'B', 8, 50).replace(3, 4, 7, 51);
    CHECK(events_of(stream.erase(4)) == Events{aapl(add(Side::buy, 50, 100)), aapl(Event::cancel(1)),
                                               aapl(add(Side::buy, 50, 9)), aapl(add(Side::buy, 50, 8)),
                                               aapl(Event::cancel(2)), aapl(Event::cancel(3))});
}

TEST_CASE("a_replace_may_keep_its_reference") {
    const auto events = events_of(Stream().add(1, 'B', 100, 50).replace(1, 1, 10, 51).execute(1, 4, 5));
    CHECK(events[1] == aapl(replace(1, 51, 10)));
    CHECK(events[2] == aapl(Event::execute(2, 4, 5)));
}

TEST_CASE("a_trade_off_the_book_has_the_side_opposite_to_the_message") {
    itch::Trade sell{};
    sell.side = 'S';
    sell.shares = 5;
    sell.stock = "AAPL";
    sell.price = 52;
    sell.match = 8;
    const auto events = events_of(Stream().trade(30, 51, 7).write(sell, 1));
    CHECK(events == Events{aapl(Event::trade(Side::sell, 51, 30, 7)), aapl(Event::trade(Side::buy, 52, 5, 8))});
}

TEST_CASE("crosses_broken_trades_and_administrative_messages_are_no_events") {
    Stream stream;
    stream.directory("AAPL").state('T').cross(100, 50, 7).broken(7);
    itch::AllMessages::for_each([&]<class Message>() {
        constexpr std::string_view administrative = "SYLVWKJhINO";
        if (administrative.find(Message::code) != std::string_view::npos) stream.write(Message{}, 1);
    });
    CHECK(events_of(stream).empty());
}

TEST_CASE("a_broken_trade_stays_a_trade_of_the_exchange") {
    Twin twin;
    twin.feed(Stream().add(1, 'B', 100, 50).execute(1, 40, 7).broken(7));
    CHECK(twin.difference() == "");
    CHECK(twin.exchange("AAPL")->trades().size() == 1);
    CHECK(twin.stream().replay().listings()[1].trades == 0);
}

TEST_CASE("messages_of_no_shares_are_no_events") {
    Stream stream;
    stream.add(1, 'B', 0, 50).add(2, 'B', 10, 50).execute(2, 0, 7).execute_at(2, 0, 8, 'Y', 50).cancel(2, 0);
    CHECK(events_of(stream.trade(0, 50, 9)) == Events{aapl(add(Side::buy, 50, 10))});
}

TEST_CASE("what_changes_nothing_in_the_replay_is_no_event_and_is_in_its_report") {
    Stream stream;
    stream.add(1, 'B', 100, 50).add(1, 'B', 9, 50).erase(7).replace(7, 8, 1, 50).add(2, 'X', 1, 1).execute(9, 1, 1);
    EventStream events;
    std::size_t count = 0;
    events.feed(stream, [&](const EventBatch& batch) { count += batch.size(); });
    CHECK(count == 1);
    CHECK(events.report().count(Oddity::duplicate_reference) == 1);
    CHECK(events.report().count(Oddity::unknown_reference) == 3);
    CHECK(events.report().count(Oddity::invalid_side) == 1);
}

TEST_CASE("more_than_rests_is_what_rests") {
    Stream stream;
    stream.add(1, 'B', 100, 50).execute(1, 500, 7).add(2, 'B', 10, 50).cancel(2, 11).add(3, 'B', 5, 50);
    const auto events = events_of(stream.execute_at(3, 6, 8, 'N', 1));
    CHECK(events[1] == aapl(Event::execute(1, 100, 7)));
    CHECK(events[3] == aapl(Event::reduce(2, 10)));
    CHECK(events[5] == aapl(Event::execute(3, 5, 8, 1, false)));
}

TEST_CASE("orders_of_price_0_and_of_the_greatest_price_rest") {
    Twin twin;
    twin.feed(Stream().add(1, 'B', 1, 0).add(2, 'S', 1, 0xffff'ffff).replace(1, 3, 2, 0).trade(1, 0, 5));
    CHECK(twin.difference() == "");
    CHECK(twin.exchange("AAPL")->best_bid() == 0);
    CHECK(twin.exchange("AAPL")->best_ask() == 0xffff'ffff);
}

TEST_CASE("every_event_has_the_time_of_its_message") {
    std::vector<Timestamp> times;
    EventStream stream;
    stream.feed(Stream().add(1, 'B', 9, 50).state('T').execute(1, 1, 2).erase(5).trade(1, 50, 3),
                [&](const EventBatch& batch) { times.assign(batch.times.begin(), batch.times.end()); });
    CHECK(times == std::vector<Timestamp>{1, 3, 5});
}

// ---- symbols

TEST_CASE("each_symbol_counts_its_own_ids") {
    Stream stream;
    stream.add(1, 'B', 1, 50, 1, "AAPL").add(2, 'B', 2, 60, 2, "MSFT").add(3, 'B', 3, 50, 1, "AAPL").erase(3, 1);
    CHECK(events_of(stream.erase(2, 2)) == Events{aapl(add(Side::buy, 50, 1)), in("MSFT", add(Side::buy, 60, 2)),
                                                  aapl(add(Side::buy, 50, 3)), aapl(Event::cancel(2)),
                                                  in("MSFT", Event::cancel(1))});
}

TEST_CASE("an_event_goes_where_its_order_rests_whatever_the_locate_of_its_message") {
    Stream stream;
    stream.add(1, 'B', 9, 50, 1, "AAPL").add(2, 'B', 9, 60, 2, "MSFT").execute(1, 1, 7, 2).replace(1, 3, 5, 50, 2);
    const auto events = events_of(stream);
    CHECK(events[2] == aapl(Event::execute(1, 1, 7)));
    CHECK(events[3] == aapl(replace(1, 50, 5)));
}

TEST_CASE("a_stream_knows_the_symbols_of_its_events") {
    EventStream stream;
    const auto ignore = [](const EventBatch&) {};
    stream.feed(Stream().directory("ABSENT", 9).add(1, 'B', 1, 50, 4, "MSFT").trade(1, 50, 3, 2, "AAPL"), ignore);
    CHECK(stream.symbols() == std::vector<Symbol>{symbol("MSFT"), symbol("AAPL")});
}

TEST_CASE("a_locate_that_has_another_symbol_the_next_day_serves_another_exchange") {
    Stream stream;
    stream.directory("AAPL").add(1, 'B', 1, 50).erase(1).directory("MSFT").add(1, 'B', 2, 60, 1, "MSFT");
    CHECK(events_of(stream.trade(1, 60, 3, 1, "MSFT")) == Events{aapl(add(Side::buy, 50, 1)), aapl(Event::cancel(1)),
                                                                 in("MSFT", add(Side::buy, 60, 2)),
                                                                 in("MSFT", Event::trade(Side::sell, 60, 1, 3))});
}

TEST_CASE("orders_stay_with_their_exchange_where_their_locate_is_renamed") {
    Stream stream;
    stream.directory("AAPL").add(1, 'B', 10, 50).directory("MSFT").add(2, 'B', 20, 50, 1, "MSFT").execute(1, 10, 3);
    stream.replace(2, 3, 5, 51).cancel(3, 5).add(4, 'B', 1, 50, 1, "MSFT");
    const auto events = events_of(stream);
    CHECK(of("AAPL", events) == Events{aapl(add(Side::buy, 50, 10)), aapl(add(Side::buy, 50, 20)),
                                       aapl(Event::execute(1, 10, 3)), aapl(replace(2, 51, 5)),
                                       aapl(Event::reduce(3, 5))});
    CHECK(of("MSFT", events) == Events{in("MSFT", add(Side::buy, 50, 1))});
}

TEST_CASE("two_locates_of_one_symbol_share_its_exchange") {
    Stream stream;
    stream.add(1, 'B', 10, 50, 1, "AAPL").add(2, 'B', 20, 50, 2, "AAPL").erase(1, 1).execute(2, 5, 7, 2);
    const auto events = events_of(stream);
    CHECK(events == Events{aapl(add(Side::buy, 50, 10)), aapl(add(Side::buy, 50, 20)), aapl(Event::cancel(1)),
                           aapl(Event::execute(2, 5, 7))});
    CHECK(Exchange::replay(events).full_book().bids == std::vector<LevelView>{{50, 15, 1}});
    EventStream whole;
    whole.feed(stream, [](const EventBatch&) {});
    CHECK(whole.symbols() == std::vector<Symbol>{symbol("AAPL")});
}

TEST_CASE("one_symbol_selected_gives_the_events_that_it_has_among_all") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        CAPTURE(seed);
        const Stream stream = RandomStream{.seed = seed, .symbols = 4, .shared_refs = false}.make();
        const Events all = events_of(stream);
        for (const std::string_view name : {"SYM1", "SYM3"}) {
            const Events some = events_of(stream, only({name}));
            CHECK(some == of(name, all));
            CHECK(of(name, some).size() == some.size());
        }
    }
}

TEST_CASE("a_stream_of_one_symbol_gives_an_exchange_and_one_of_several_the_exchange_of_each") {
    const auto day = itch::synthetic_day({.messages = 20'000, .symbols = 12});
    const Events all = events_of(day);
    const MultiExchange exchanges = MultiExchange::replay(all);
    CHECK(exchanges.size() == 12);
    std::size_t sum = 0;
    for (const auto& [name, exchange] : exchanges) {
        const Events some = events_of(day, only({name.view()}));
        CHECK(some == of(name.view(), all));
        CHECK(Exchange::replay(some).state_hash() == exchange.state_hash());
        sum += some.size();
    }
    CHECK(sum == all.size());
}

// ---- the same book after every message

TEST_CASE("random_messages_give_the_replays_book_after_every_message") {
    for (const std::uint32_t odd_one_in : {0U, 20U, 4U}) {
        for (std::uint64_t seed = 1; seed <= 10; ++seed) {
            CAPTURE(odd_one_in);
            CAPTURE(seed);
            const Stream stream =
                RandomStream{.seed = seed, .messages = 1500, .symbols = 3, .odd_one_in = odd_one_in}.make();
            Twin twin;
            std::uint64_t number = 0;
            for_each_frame(stream, [&](Bytes frame, const Header&) {
                ++number;
                twin.feed(frame);
                if (const std::string text = twin.difference(); !text.empty()) {
                    FAIL("message " << number << ": " << text);
                }
            });
            twin.finish();
        }
    }
}

TEST_CASE("long_random_streams_give_the_replays_book_in_the_end") {
    for (std::uint64_t seed = 1; seed <= 24; ++seed) {
        CAPTURE(seed);
        const Stream stream = RandomStream{.seed = seed,
                                           .messages = 20'000,
                                           .symbols = 1 + static_cast<std::uint32_t>(seed % 5),
                                           .prices = 3 + static_cast<std::uint32_t>(seed % 4) * 9,
                                           .refs = 20 + static_cast<std::uint32_t>(seed % 3) * 2000}
                                  .make();
        Twin twin;
        twin.feed(stream);
        twin.finish();
        REQUIRE(twin.difference() == "");
    }
}

TEST_CASE("references_from_all_over_give_the_replays_book") {
    Random random(11);
    Stream stream;
    std::vector<std::uint64_t> refs;
    for (std::uint32_t i = 0; i < 30'000; ++i) {
        if (refs.size() < 100 || random.once_in(2)) {
            refs.push_back(random.next());
            stream.add(refs.back(), random.once_in(2) ? 'B' : 'S', 1 + random.below(9), 50 + random.below(9));
            continue;
        }
        auto& ref = refs[random.below(static_cast<std::uint32_t>(refs.size()))];
        if (random.once_in(3)) {
            const std::uint64_t old = std::exchange(ref, random.next());
            stream.replace(old, ref, 1 + random.below(9), 50 + random.below(9));
        } else {
            stream.erase(std::exchange(ref, refs.back()));
            refs.pop_back();
        }
    }
    Twin twin;
    twin.feed(stream);
    CHECK(twin.difference() == "");
    CHECK(twin.stream().replay().live_orders() == refs.size());
}

TEST_CASE("damaged_streams_make_no_event_that_fails") {
    Random random(77);
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        CAPTURE(seed);
        test::Bytes bytes = RandomStream{.seed = seed, .messages = 400}.make().copy();
        for (std::uint32_t n = 1 + random.below(40); n > 0; --n) {
            bytes[random.below(static_cast<std::uint32_t>(bytes.size()))] = static_cast<std::byte>(random.below(256));
        }
        Twin twin;
        twin.feed(bytes);
        twin.finish();
        // Locates may bear each other's symbol by now: their orders then rest in one exchange, but all of them rest.
        std::size_t resting = 0;
        for (const auto& [name, exchange] : twin.exchanges()) {
            resting += exchange.orders(Side::buy).size() + exchange.orders(Side::sell).size();
        }
        CHECK(resting == twin.stream().replay().live_orders());
    }
}

TEST_CASE("a_synthetic_day_gives_the_replays_book_after_every_message") {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        CAPTURE(seed);
        const auto day = itch::synthetic_day({.messages = 20'000, .symbols = 20, .seed = seed, .all_types = true});
        Twin twin;
        std::uint64_t number = 0;
        std::map<char, std::uint64_t> prints;
        for_each_frame(day, [&]<class Message>(Bytes frame, const Message& message) {
            ++number;
            twin.feed(frame);
            const Locate locate = message.locate;
            if (locate < twin.stream().replay().listings().size()) {
                if (const std::string text = twin.difference(locate); !text.empty()) {
                    FAIL("message " << number << ": " << text);
                }
            }
            if constexpr (requires { message.printable; }) {
                if (message.printable == 'Y') ++prints['C'];
            } else if (message.type == 'E' || message.type == 'P') {
                ++prints[message.type];
            }
        });
        twin.finish();
        CHECK(twin.difference() == "");
        std::uint64_t trades = 0;
        for (const auto& [name, exchange] : twin.exchanges()) trades += exchange.trades().size();
        CHECK(trades == prints['E'] + prints['C'] + prints['P']);
        CHECK(prints['E'] > 0);
        CHECK(prints['C'] > 0);
        CHECK(prints['P'] > 0);
    }
}

TEST_CASE("a_larger_day_gives_the_replays_books_now_and_then") {
    const auto day = itch::synthetic_day({.messages = 400'000, .symbols = 300, .seed = 5});
    Twin twin;
    constexpr std::size_t step = 500'001;
    for (std::size_t at = 0; at < day.size(); at += step) {
        twin.feed(Bytes(day).subspan(at, std::min(step, day.size() - at)));
        REQUIRE(twin.difference() == "");
    }
    twin.finish();
    CHECK(twin.stream().reader().messages() == 400'000);
    // Volume is what the exchange traded, and the crosses; a broken trade is in it no more.
    OtherVolume other;
    itch::read(day, other);
    for (std::size_t i = 0; i < twin.stream().replay().listings().size(); ++i) {
        const itch::Listing& listing = twin.stream().replay().listings()[i];
        const Exchange* const exchange = twin.exchanges().find(listing.symbol);
        std::uint64_t volume = 0;
        if (exchange != nullptr) {
            for (const nanobook::Trade& trade : exchange->trades()) volume += trade.quantity;
        }
        const auto locate = static_cast<Locate>(i);
        CHECK(volume + other.crossed[locate] == listing.volume + other.broken[locate]);
    }
}

TEST_CASE("the_real_premarket_gives_the_replays_book_after_every_message") {
    const auto path = shared_data("aapl_20200130_premarket_10k.itch");
    if (!std::filesystem::exists(path)) {
        MESSAGE("skipped: " << path << " is absent");
        return;
    }
    const MappedFile file(path);
    Twin twin;
    std::uint64_t number = 0;
    for_each_frame(file.bytes(), [&](Bytes frame, const Header&) {
        ++number;
        twin.feed(frame);
        if (const std::string text = twin.difference(13); !text.empty()) FAIL("message " << number << ": " << text);
    });
    twin.finish();
    CHECK(number == 10'000);
    CHECK(twin.difference() == "");
    // E849 P240, no C.
    CHECK(twin.exchange("AAPL")->trades().size() == 849 + 240);
    CHECK(twin.exchange("AAPL")->events().size() == count_events(file.bytes()));
    CHECK(Exchange::replay(events_of(file.bytes())).state_hash() == twin.exchange("AAPL")->state_hash());
}

TEST_CASE("every_data_file_gives_the_replays_books") {
    const auto folder = shared_data("");
    if (!std::filesystem::exists(folder)) {
        MESSAGE("skipped: " << folder << " is absent");
        return;
    }
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        CAPTURE(entry.path().filename().string());
        const MappedFile file(entry.path());
        Twin twin;
        constexpr std::size_t step = 10'000;
        for (std::size_t at = 0; at < file.bytes().size(); at += step) {
            twin.feed(file.bytes().subspan(at, std::min(step, file.bytes().size() - at)));
            REQUIRE(twin.difference() == "");
        }
        twin.finish();
    }
}

// ---- replay of the events

TEST_CASE("a_replay_of_the_events_is_applying_them_one_by_one") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        const Events events = events_of(RandomStream{.seed = seed, .symbols = 1}.make());
        Exchange exchange;
        for (const Event& event : events) {
            REQUIRE(check(event) == InputError::none);
            exchange.apply(event);
        }
        CHECK(Exchange::replay(events).state_hash() == exchange.state_hash());
        // And once more from what the exchange logged, which leaves the symbol out.
        CHECK(Exchange::replay(exchange.events()).state_hash() == exchange.state_hash());
    }
}

TEST_CASE("a_batch_is_a_range_of_events") {
    Exchange exchange;
    EventStream stream;
    stream.feed(Stream().add(1, 'B', 9, 50).execute(1, 4, 2),
                [&](const EventBatch& batch) { exchange.apply_all(batch); });
    CHECK(exchange.full_book().bids == std::vector<LevelView>{{50, 5, 1}});
}

// ---- the same stream in other pieces

TEST_CASE("a_stream_cut_anywhere_gives_the_same_events") {
    const Stream stream = RandomStream{.seed = 3, .messages = 120}.make();
    const Events whole = events_of(stream);
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        Events events;
        EventStream pieces;
        const auto keep = [&](const EventBatch& batch) { append(events, batch); };
        pieces.feed(stream.bytes().first(cut), keep);
        pieces.feed(stream.bytes().subspan(cut), keep);
        pieces.finish();
        if (events != whole) FAIL("cut at " << cut);
    }
}

TEST_CASE("a_stream_in_random_pieces_gives_the_same_events_and_report") {
    Random random(8);
    for (const std::uint32_t largest : {1U, 3U, 40U, 5000U, 200'000U}) {
        CAPTURE(largest);
        const Stream stream = RandomStream{.seed = largest, .messages = 20'000}.make();
        EventStream whole;
        Events expected;
        std::vector<Timestamp> expected_times;
        whole.feed(stream, [&](const EventBatch& batch) {
            append(expected, batch);
            expected_times.insert(expected_times.end(), batch.times.begin(), batch.times.end());
        });
        whole.finish();
        EventStream pieces;
        Events events;
        std::vector<Timestamp> times;
        for (std::size_t at = 0; at < stream.size();) {
            const std::size_t size = std::min<std::size_t>(1 + random.below(largest), stream.size() - at);
            pieces.feed(stream.bytes().subspan(at, size), [&](const EventBatch& batch) {
                append(events, batch);
                times.insert(times.end(), batch.times.begin(), batch.times.end());
            });
            at += size;
        }
        pieces.finish();
        CHECK(events == expected);
        CHECK(times == expected_times);
        CHECK(summary(pieces.reader()) == summary(whole.reader()));
    }
}

TEST_CASE("a_moved_stream_goes_on") {
    const Stream stream = RandomStream{.seed = 5, .messages = 5000}.make();
    Events events;
    const auto keep = [&](const EventBatch& batch) { append(events, batch); };
    EventStream first;
    first.feed(stream.bytes().first(stream.size() / 2), keep);
    EventStream second = std::move(first);
    second.feed(stream.bytes().subspan(stream.size() / 2), keep);
    CHECK(events == events_of(stream));
}

TEST_CASE("until_and_strict_stop_the_events_where_they_stop_the_replay") {
    Stream stream;
    for (std::uint64_t ref = 1; ref <= 10; ++ref) stream.add(ref, 'B', 1, 50);
    stream.execute(1, 2, 7).add(11, 'B', 1, 50);
    ReplayOptions until;
    until.until = 4;
    CHECK(events_of(stream, until).size() == 4);
    ReplayOptions strict;
    strict.strict = true;
    // What the odd message did is done.
    CHECK(events_of(stream, strict).size() == 11);
    EventStream stopped(strict);
    std::size_t count = 0;
    CHECK_FALSE(stopped.feed(stream, [&](const EventBatch& batch) { count += batch.size(); }));
    CHECK_FALSE(stopped.feed(stream, [&](const EventBatch& batch) { count += batch.size(); }));
    CHECK(count == 11);
}

TEST_CASE("a_sink_may_throw") {
    EventStream stream;
    const auto refuse = [](const EventBatch&) { throw std::runtime_error("enough"); };
    CHECK_THROWS_AS(stream.feed(Stream().add(1, 'B', 1, 50), refuse), std::runtime_error);
}

TEST_CASE("bytes_after_the_end_of_the_session_are_counted") {
    Stream stream;
    stream.add(1, 'B', 1, 50).end_of_session();
    const std::size_t session = stream.size();
    for (int i = 0; i < 5000; ++i) stream.add(2, 'B', 1, 50);
    EventStream events;
    std::size_t count = 0;
    events.feed(stream, [&](const EventBatch& batch) { count += batch.size(); });
    events.finish();
    CHECK(count == 1);
    CHECK(events.report().first()->oddity == Oddity::trailing_bytes);
    CHECK(events.report().first()->number == stream.size() - session);
}

// ---- random access

TEST_CASE("a_cursor_gives_all_events_whatever_is_asked_for_at_once") {
    const auto day = itch::synthetic_day({.messages = 20'000, .symbols = 12});
    const Events all = events_of(day);
    CHECK(count_events(day) == all.size());
    for (const std::size_t most : {std::size_t{1}, std::size_t{7}, std::size_t{5000}, ~std::size_t{0}}) {
        EventCursor cursor(day);
        Events events;
        for (EventBatch batch = cursor.next(most); !batch.empty(); batch = cursor.next(most)) {
            CHECK(batch.size() <= most);
            append(events, batch);
            REQUIRE(cursor.position() == events.size());
        }
        CHECK(events == all);
        CHECK(cursor.next(most).empty());
        CHECK(cursor.stream().reader().messages() == 20'000);
    }
}

TEST_CASE("a_cursor_reads_from_anywhere") {
    const auto day = itch::synthetic_day({.messages = 20'000, .symbols = 12});
    const Events all = events_of(day);
    EventCursor cursor(day);
    Random random(3);
    Events slice;
    for (int i = 0; i < 60; ++i) {
        const std::size_t first = random.below(static_cast<std::uint32_t>(all.size() + 10));
        slice.assign(random.below(2000), Event::cancel(0));
        const std::size_t count = cursor.read(first, slice);
        const std::size_t expected = first < all.size() ? std::min(slice.size(), all.size() - first) : 0;
        REQUIRE(count == expected);
        if (count > 0)
            REQUIRE(std::equal(slice.begin(), slice.begin() + static_cast<std::ptrdiff_t>(count), &all[first]));
    }
    CHECK(cursor.seek(0) == 0);
    CHECK(cursor.seek(~std::uint64_t{0}) == all.size());
    CHECK(cursor.next().empty());
    CHECK(cursor.seek(5) == 5);
    CHECK(cursor.next(1).events.front() == all[5]);
}

TEST_CASE("a_cursor_keeps_its_options_and_completes_the_report") {
    Stream stream;
    stream.add(1, 'B', 1, 50, 1, "AAPL").add(2, 'B', 2, 60, 2, "MSFT").erase(1, 1).erase(2, 2);
    const auto bytes = stream.bytes().first(stream.size() - 3);
    EventCursor cursor(bytes, only({"MSFT"}));
    for (int i = 0; i < 2; ++i) {
        CHECK(cursor.seek(9) == 1);
        CHECK(cursor.stream().report().count(Oddity::truncated_tail) == 1);
        CHECK(cursor.seek(0) == 0);
        CHECK(cursor.next().events.front() == in("MSFT", add(Side::buy, 60, 2)));
    }
    EventCursor nothing(Bytes{});
    CHECK(nothing.next().empty());
    CHECK(nothing.seek(3) == 0);
}
