#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/synthetic_day.hpp>

using namespace nanobook::itch;

namespace {

constexpr std::uint64_t hour = 3'600'000'000'000;

std::uint64_t fnv1a(std::span<const std::byte> bytes) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const std::byte byte : bytes) hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3;
    return hash;
}

// A book of maps, and a count of everything that a day should, or should not, have. Prices of a side are negated for
// bids, so that the best is the first.
class Inspection {
  public:
    explicit Inspection(std::span<const std::byte> day) {
        for (std::size_t at = 0; at < day.size();) {
            const std::size_t length =
                std::to_integer<std::size_t>(day[at]) << 8 | std::to_integer<std::size_t>(day[at + 1]);
            const Header& message = *reinterpret_cast<const Header*>(&day[at + 2]);
            bad_framing += length != length_of_type[static_cast<unsigned char>(message.type)];
            at += 2 + length;
            inspect(message);
        }
        live_at_end = orders_.size();
    }

    std::map<char, std::uint64_t> types;
    std::uint64_t messages = 0, bad_framing = 0, back_in_time = 0, unknown_references = 0, known_references = 0;
    std::uint64_t wrong_partition = 0, descending_references = 0, over_executed = 0, nothing_left = 0, no_shares = 0;
    std::uint64_t wrong_locates = 0, executed_while_halted = 0, crossed_while_trading = 0, crossed_otherwise = 0;
    std::uint64_t executions = 0, out_of_order = 0, filled = 0, unequal_crosses = 0, descending_matches = 0;
    std::uint64_t unknown_broken = 0, odd_prices = 0, visible_hidden_trades = 0, not_printed = 0, printed_otherwise = 0;
    std::uint64_t adds = 0, adds_near = 0, adds_within_eight = 0, new_levels = 0, stub_quotes = 0, odd_lots = 0;
    std::uint64_t deep_sides = 0, live_at_end = 0, live_before_end = 0, sub_dollar = 0, dear = 0;
    std::map<std::uint64_t, std::uint64_t> ages;  ///< of touched orders, in messages of their symbol
    std::string events, cross_types;
    std::vector<std::uint64_t> event_times;
    std::set<std::string> tickers;
    std::map<std::uint16_t, std::map<char, std::uint64_t>> by_symbol;
    std::uint64_t first_time = 0, last_time = 0;

    [[nodiscard]] double share(std::initializer_list<char> wanted) const {
        std::uint64_t of = 0;
        std::uint64_t all = 0;
        for (const char type : {'A', 'F', 'D', 'U', 'E', 'C', 'X', 'P'}) all += count(type);
        for (const char type : wanted) of += count(type);
        return static_cast<double>(of) / static_cast<double>(all);
    }
    [[nodiscard]] std::uint64_t count(char type) const { return types.contains(type) ? types.at(type) : 0; }
    [[nodiscard]] std::uint64_t median_age() const {
        std::uint64_t all = 0;
        for (const auto& [age, n] : ages) all += n;
        std::uint64_t seen = 0;
        for (const auto& [age, n] : ages) {
            if ((seen += n) * 2 >= all) return age;
        }
        return 0;
    }

  private:
    struct Order {
        std::uint16_t locate;
        char side;
        std::uint32_t price, shares;
        std::uint64_t born;
    };
    using Side = std::map<std::int64_t, std::set<std::uint64_t>>;
    struct Book {
        Side sides[2];
        char state = '?';
        std::uint64_t messages = 0, cross_shares = 0, last_ref = 0;
        bool sub_dollar = false, priced = false;
    };

    static std::int64_t key(char side, std::uint32_t price) {
        return side == 'B' ? -static_cast<std::int64_t>(price) : static_cast<std::int64_t>(price);
    }
    Side& side_of(const Order& order) { return books_[order.locate].sides[order.side == 'S']; }

    void inspect(const Header& message) {
        ++messages;
        ++types[message.type];
        ++by_symbol[message.locate][message.type];
        if (message.timestamp < last_time) ++back_in_time;
        if (first_time == 0) first_time = message.timestamp;
        last_time = message.timestamp;
        Book& book = books_[message.locate];
        ++book.messages;
        visit(message, [&](const auto& m) { on(book, m); });
        if (message.locate == 0 || book.sides[0].empty() || book.sides[1].empty()) return;
        if (-book.sides[0].begin()->first >= book.sides[1].begin()->first) {
            ++(book.state == 'T' && phase_ == 'Q' ? crossed_while_trading : crossed_otherwise);
        }
    }

    void on(Book&, const Header&) {}
    void on(Book&, const SystemEvent& m) {
        phase_ = m.event;
        events += m.event;
        event_times.push_back(m.timestamp);
        if (m.event == 'E') live_before_end = orders_.size();
    }
    void on(Book&, const StockDirectory& m) { tickers.insert(std::string(m.stock.view())); }
    void on(Book& book, const TradingAction& m) { book.state = m.state; }
    void on(Book& book, const AddOrder& m) { add(book, m, m.ref, m.side, m.shares, m.price); }
    void on(Book& book, const AddOrderMpid& m) { add(book, m, m.ref, m.side, m.shares, m.price); }
    void on(Book& book, const OrderExecuted& m) {
        match(m.match);
        if (book.state != 'T') ++executed_while_halted;
        execute(m, m.ref, m.shares);
    }
    void on(Book& book, const OrderExecutedWithPrice& m) {
        match(m.match);
        ++(m.printable == 'N' ? not_printed : printed_otherwise);
        if (m.printable == 'N') book.cross_shares += m.shares;
        if (m.price == 0) ++odd_prices;
        execute(m, m.ref, m.shares);
    }
    void on(Book&, const OrderCancel& m) {
        if (take(m, m.ref, m.shares)) ++nothing_left;
    }
    void on(Book&, const OrderDelete& m) {
        if (const Order* order = find(m.ref)) take(m, m.ref, order->shares);
    }
    void on(Book& book, const OrderReplace& m) {
        const Order* order = find(m.old_ref);
        if (order == nullptr) return;
        const char side = order->side;
        take(m, m.old_ref, order->shares);
        add(book, m, m.new_ref, side, m.shares, m.price);
    }
    void on(Book&, const Trade& m) {
        match(m.match);
        if (m.ref != 0 || m.side != 'B') ++visible_hidden_trades;
        if (m.shares == 0) ++no_shares;
        if (m.price == 0) ++odd_prices;
    }
    void on(Book& book, const CrossTrade& m) {
        match(m.match);
        if (m.shares != book.cross_shares) ++unequal_crosses;
        if (cross_types.find(m.cross_type) == std::string::npos) cross_types += m.cross_type;
        book.cross_shares = 0;
    }
    void on(Book&, const BrokenTrade& m) { unknown_broken += !matches_.contains(m.match); }

    void match(std::uint64_t number) {
        if (!matches_.empty() && number <= *matches_.rbegin()) ++descending_matches;
        matches_.insert(matches_.end(), number);
    }

    const Order* find(std::uint64_t ref) {
        const auto found = orders_.find(ref);
        if (found != orders_.end()) return &found->second;
        ++unknown_references;
        return nullptr;
    }

    void add(Book& book, const Header& m, std::uint64_t ref, char side, std::uint32_t shares, std::uint32_t price) {
        if (shares == 0) ++no_shares;
        if (shares % 100 != 0) ++odd_lots;
        if (ref % 4 != m.locate % 4U) ++wrong_partition;
        if (ref <= book.last_ref) ++descending_references;
        book.last_ref = ref;
        if (!orders_.insert({ref, {m.locate, side, price, shares, book.messages}}).second) ++known_references;
        check_price(book, price);

        Side& levels = book.sides[side == 'S'];
        std::uint64_t better = 0;
        for (auto level = levels.begin(); level != levels.end() && level->first < key(side, price) && better < 9;
             ++level) {
            ++better;
        }
        ++adds;
        adds_near += better <= 1;
        adds_within_eight += better <= 8;
        new_levels += !levels.contains(key(side, price));
        deep_sides += levels.size() >= 50;
        levels[key(side, price)].insert(ref);
    }

    void check_price(Book& book, std::uint32_t price) {
        if (price == 1'999'999'900 || price == 100 || price == 1) {
            ++stub_quotes;
            return;
        }
        if (!book.priced) {
            book.priced = true;
            book.sub_dollar = price < 10'000;
            sub_dollar += book.sub_dollar;
            dear += price > 10'000'000;
        }
        if (price == 0 || book.sub_dollar != (price < 10'000) || (!book.sub_dollar && price % 100 != 0)) ++odd_prices;
    }

    void execute(const Header& m, std::uint64_t ref, std::uint32_t shares) {
        const Order* order = find(ref);
        if (order == nullptr) return;
        ++executions;
        const auto& [price, queue] = *side_of(*order).begin();
        if (price != key(order->side, order->price) || *queue.begin() != ref) ++out_of_order;
        filled += take(m, ref, shares);
    }

    // True where the order is gone.
    bool take(const Header& m, std::uint64_t ref, std::uint32_t shares) {
        const auto found = orders_.find(ref);
        if (found == orders_.end()) {
            ++unknown_references;
            return false;
        }
        Order& order = found->second;
        if (order.locate != m.locate) ++wrong_locates;
        if (shares == 0) ++no_shares;
        if (shares > order.shares) ++over_executed;
        ++ages[books_[order.locate].messages - order.born];
        order.shares -= std::min(shares, order.shares);
        if (order.shares != 0) return false;
        Side& levels = side_of(order);
        const auto level = levels.find(key(order.side, order.price));
        level->second.erase(ref);
        if (level->second.empty()) levels.erase(level);
        orders_.erase(found);
        return true;
    }

    std::unordered_map<std::uint64_t, Order> orders_;
    std::vector<Book> books_ = std::vector<Book>(65'536);
    std::set<std::uint64_t> matches_;
    char phase_ = ' ';
};

// One day serves many tests.
const Inspection& ordinary_day() {
    static const Inspection day(synthetic_day({.messages = 1'000'000, .symbols = 200}));
    return day;
}

void check_promises(const Inspection& day) {
    CHECK(day.bad_framing == 0);
    CHECK(day.back_in_time == 0);
    CHECK(day.unknown_references == 0);
    CHECK(day.known_references == 0);
    CHECK(day.over_executed == 0);
    CHECK(day.no_shares == 0);
    CHECK(day.crossed_while_trading == 0);
    CHECK(day.unequal_crosses == 0);
    CHECK(day.live_at_end == 0);
    CHECK(day.events == "OSQMEC");
}

std::string refusal_of(const SyntheticDayOptions& options) {
    try {
        static_cast<void>(synthetic_day(options));
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "";
}

struct CountingSink {
    std::uint64_t count = 0;
    template <class Message>
    void write(const Message&) {
        ++count;
    }
};

}  // namespace

TEST_CASE("equal_options_give_equal_bytes") {
    const SyntheticDayOptions options{.messages = 20'000, .symbols = 50, .seed = 7};
    CHECK(synthetic_day(options) == synthetic_day(options));
}

TEST_CASE("another_seed_gives_another_day") {
    CHECK(synthetic_day({.messages = 20'000, .symbols = 50, .seed = 1}) !=
          synthetic_day({.messages = 20'000, .symbols = 50, .seed = 2}));
}

TEST_CASE("a_day_has_the_same_bytes_on_every_machine") {
    // Changes with the generator, on purpose only: data made from equal options is equal between versions no longer.
    CHECK(fnv1a(synthetic_day({.messages = 50'000, .symbols = 100, .seed = 1})) == 16874612049756448367U);
    CHECK(fnv1a(synthetic_day({.messages = 5'000, .symbols = 20, .seed = 3, .all_types = true})) ==
          3315995770446157448U);
}

TEST_CASE("a_day_has_exactly_the_messages_asked_for") {
    for (const std::uint64_t messages : {700U, 1'000U, 1'001U, 5'432U, 10'000U, 99'999U}) {
        CHECK(Inspection(synthetic_day({.messages = messages, .symbols = 20})).messages == messages);
    }
    CHECK(ordinary_day().messages == 1'000'000);
}

TEST_CASE("small_days_keep_the_promises_too") {
    std::mt19937_64 random(11);
    for (int i = 0; i < 150; ++i) {
        SyntheticDayOptions options{
            .symbols = static_cast<std::uint32_t>(1 + random() % 40), .seed = random(), .all_types = i % 2 == 0};
        options.messages = minimum_messages(options) + (i % 3 == 0 ? random() % 20 : random() % 8'000);
        CAPTURE(options.messages);
        CAPTURE(options.symbols);
        CAPTURE(options.seed);
        const Inspection day(synthetic_day(options));
        CHECK(day.messages == options.messages);
        check_promises(day);
    }
}

TEST_CASE("the_least_day_is_the_timetable_alone") {
    for (const std::uint32_t symbols : {1U, 2U, 3U, 20U, 300U}) {
        SyntheticDayOptions options{.symbols = symbols};
        options.messages = minimum_messages(options);
        CHECK(options.messages == 7 + 5 * symbols);
        const Inspection day(synthetic_day(options));
        CHECK(day.messages == options.messages);
        CHECK(day.count('A') == 0);
    }
}

TEST_CASE("too_few_messages_are_refused_with_the_least_number") {
    const std::string message = refusal_of({.messages = 100, .symbols = 20});
    CHECK(message == "a synthetic day of 20 symbols has at least 107 messages, not 100");
}

TEST_CASE("no_symbols_and_too_many_are_refused") {
    CHECK(refusal_of({.messages = 1'000, .symbols = 0}) == "a synthetic day has 1 to 65535 symbols, not 0");
    CHECK(refusal_of({.messages = 1'000'000, .symbols = 65'536}) ==
          "a synthetic day has 1 to 65535 symbols, not 65536");
}

TEST_CASE("as_many_symbols_as_locates_are_possible") {
    const Inspection day(synthetic_day({.messages = 400'000, .symbols = 65'535}));
    CHECK(day.count('R') == 65'535);
    CHECK(day.tickers.size() == 65'535);
    check_promises(day);
}

TEST_CASE("all_types_occur_where_they_are_asked_for") {
    for (const std::uint32_t symbols : {1U, 2U, 20U}) {
        SyntheticDayOptions options{.symbols = symbols, .all_types = true};
        options.messages = minimum_messages(options);
        const Inspection day(synthetic_day(options));
        CHECK(day.messages == options.messages);
        AllMessages::for_each([&]<class Message>() {
            CAPTURE(Message::code);
            CHECK(day.count(Message::code) > 0);
        });
        check_promises(day);
    }
}

TEST_CASE("a_day_of_ordinary_size_has_every_type_but_the_circuit_breaker") {
    const Inspection day(synthetic_day({.messages = 200'000, .symbols = 8'000}));
    AllMessages::for_each([&]<class Message>() {
        CAPTURE(Message::code);
        CHECK((day.count(Message::code) > 0) == (Message::code != 'W'));
    });
    check_promises(day);
}

TEST_CASE("an_ordinary_day_keeps_the_promises_of_a_feed") { check_promises(ordinary_day()); }

TEST_CASE("the_mix_is_that_of_a_real_day") {
    const Inspection& day = ordinary_day();
    CHECK(day.share({'A', 'F'}) == doctest::Approx(0.44).epsilon(0.03));
    CHECK(day.share({'D'}) == doctest::Approx(0.43).epsilon(0.03));
    CHECK(day.share({'U'}) == doctest::Approx(0.08).epsilon(0.05));
    CHECK(day.share({'E', 'C'}) == doctest::Approx(0.02).epsilon(0.1));
    CHECK(day.share({'X'}) == doctest::Approx(0.01).epsilon(0.15));
    CHECK(day.share({'P'}) == doctest::Approx(0.01).epsilon(0.15));
    const double named = static_cast<double>(day.count('F')) / static_cast<double>(day.count('A') + day.count('F'));
    CHECK(named == doctest::Approx(0.01).epsilon(0.2));
}

TEST_CASE("adds_land_near_the_best") {
    const Inspection& day = ordinary_day();
    const auto share = [&](std::uint64_t n) { return static_cast<double>(n) / static_cast<double>(day.adds); };
    CHECK(share(day.adds_near) == doctest::Approx(0.50).epsilon(0.06));
    CHECK(share(day.adds_within_eight) == doctest::Approx(0.75).epsilon(0.06));
    CHECK(share(day.new_levels) == doctest::Approx(0.24).epsilon(0.25));
}

TEST_CASE("most_orders_are_touched_young") {
    CHECK(ordinary_day().median_age() >= 25);
    CHECK(ordinary_day().median_age() <= 50);
}

TEST_CASE("busy_books_are_deep") { CHECK(ordinary_day().deep_sides > 0); }

TEST_CASE("references_ascend_and_share_their_remainder_by_four_within_a_symbol") {
    CHECK(ordinary_day().wrong_partition == 0);
    CHECK(ordinary_day().descending_references == 0);
}

TEST_CASE("a_partial_cancel_leaves_something") { CHECK(ordinary_day().nothing_left == 0); }

TEST_CASE("messages_name_the_symbol_of_their_order") { CHECK(ordinary_day().wrong_locates == 0); }

TEST_CASE("nothing_is_executed_while_a_symbol_is_halted") { CHECK(ordinary_day().executed_while_halted == 0); }

TEST_CASE("some_books_are_crossed_outside_of_trading") { CHECK(ordinary_day().crossed_otherwise > 0); }

TEST_CASE("executions_leave_the_order_of_the_queue_rarely") {
    const Inspection& day = ordinary_day();
    CHECK(day.out_of_order > 0);
    CHECK(day.out_of_order * 1'000 < day.executions * 3);
}

TEST_CASE("executions_fill_and_leave_orders") {
    const Inspection& day = ordinary_day();
    CHECK(day.filled * 10 > day.executions * 4);
    CHECK(day.filled * 10 < day.executions * 8);
}

TEST_CASE("executions_with_a_price_are_of_both_kinds") {
    CHECK(ordinary_day().not_printed > 0);
    CHECK(ordinary_day().printed_otherwise > 0);
}

TEST_CASE("crosses_open_close_and_end_halts") {
    for (const char type : {'O', 'C', 'H'}) CHECK(ordinary_day().cross_types.find(type) != std::string::npos);
}

TEST_CASE("match_numbers_ascend_and_a_broken_trade_names_one") {
    CHECK(ordinary_day().descending_matches == 0);
    CHECK(ordinary_day().count('B') == 1);
    CHECK(ordinary_day().unknown_broken == 0);
}

TEST_CASE("hidden_trades_have_no_reference") { CHECK(ordinary_day().visible_hidden_trades == 0); }

TEST_CASE("prices_stand_on_their_ticks") {
    CHECK(ordinary_day().odd_prices == 0);
    CHECK(ordinary_day().sub_dollar > 0);
    CHECK(ordinary_day().dear > 0);
    CHECK(ordinary_day().stub_quotes > 0);
    CHECK(ordinary_day().odd_lots > 0);
}

TEST_CASE("orders_outlive_market_hours_but_not_the_day") {
    CHECK(ordinary_day().live_before_end > 0);
    CHECK(ordinary_day().live_at_end == 0);
}

TEST_CASE("system_events_stand_at_their_hours") {
    const Inspection& day = ordinary_day();
    REQUIRE(day.event_times.size() == 6);
    const std::array<double, 6> hours{3.0, 4.0, 9.5, 16.0, 20.0, 20.0 + 5.0 / 60};
    for (std::size_t i = 0; i < 6; ++i) {
        CHECK(static_cast<double>(day.event_times[i]) / hour == doctest::Approx(hours[i]).epsilon(0.01));
    }
    CHECK(day.first_time >= 3 * hour);
    CHECK(day.last_time <= 20 * hour + hour / 12);
}

TEST_CASE("every_symbol_has_a_directory_entry_and_its_own_ticker") {
    const Inspection& day = ordinary_day();
    CHECK(day.tickers.size() == 200);
    CHECK(day.tickers.contains("AAPL"));
    for (const auto& [locate, types] : day.by_symbol) {
        if (locate == 0) continue;
        CHECK(types.at('R') == 1);
        CHECK(types.at('Y') == 1);
        CHECK(types.at('H') >= 1);
        CHECK(types.at('Q') >= 2);
    }
}

TEST_CASE("activity_is_skewed") {
    std::vector<std::uint64_t> counts;
    for (const auto& [locate, types] : ordinary_day().by_symbol) {
        std::uint64_t n = 0;
        for (const auto& [type, count] : types) n += count;
        if (locate != 0) counts.push_back(n);
    }
    std::sort(counts.rbegin(), counts.rend());
    CHECK(counts.front() > 8 * counts[counts.size() / 2]);
}

TEST_CASE("progress_is_reported_up_to_the_last_message") {
    CountingSink sink;
    std::vector<std::uint64_t> reports;
    CHECK(generate_synthetic_day(sink, {.messages = 300'000, .symbols = 30},
                                 [&](std::uint64_t written, std::uint64_t messages) {
                                     CHECK(messages == 300'000);
                                     CHECK(written == sink.count);
                                     reports.push_back(written);
                                     return true;
                                 }));
    CHECK(reports.size() >= 4);
    CHECK(reports.back() == 300'000);
    CHECK(std::is_sorted(reports.begin(), reports.end()));
}

TEST_CASE("progress_can_end_the_generation") {
    CountingSink sink;
    CHECK(!generate_synthetic_day(sink, {.messages = 300'000, .symbols = 30},
                                  [](std::uint64_t written, std::uint64_t) { return written < 100'000; }));
    CHECK(sink.count < 200'000);
}

TEST_CASE("a_written_day_has_the_bytes_of_memory_and_an_ended_one_leaves_no_file") {
    const auto folder =
        std::filesystem::temp_directory_path() / ("nanobook-day-" + std::to_string(std::random_device{}()));
    std::filesystem::create_directory(folder);
    const SyntheticDayOptions options{.messages = 200'000, .symbols = 20};
    const auto files = [&] { return std::distance(std::filesystem::directory_iterator(folder), {}); };

    CHECK(!write_synthetic_day(folder / "day.itch", options, [](std::uint64_t, std::uint64_t) { return false; }));
    CHECK(files() == 0);
    CHECK_THROWS_AS(write_synthetic_day(folder / "day.itch", {.messages = 1, .symbols = 20}), std::invalid_argument);
    CHECK(files() == 0);

    CHECK(write_synthetic_day(folder / "day.itch", options));
    CHECK(files() == 1);
    std::ifstream file(folder / "day.itch", std::ios::binary);
    const std::string written(std::istreambuf_iterator<char>(file), {});
    const auto expected = synthetic_day(options);
    REQUIRE(written.size() == expected.size());
    CHECK(std::memcmp(written.data(), expected.data(), expected.size()) == 0);
    file.close();
    std::filesystem::remove_all(folder);
}
