// What each message does to a book, and whole streams: against the naive replay, and on files of real data.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nanobook/itch/mapped_file.hpp>
#include <nanobook/itch/replay.hpp>

#include "itch_stream.hpp"
#include "naive_replay.hpp"
#include "random_stream.hpp"

using namespace nanobook;
using namespace nanobook::itch;
using nanobook::test::difference;
using nanobook::test::NaiveReplay;
using nanobook::test::RandomStream;
using nanobook::test::Stream;
using nanobook::test::summary;

namespace {

using Rows = std::vector<LevelView>;

template <class Observer = NoObserver>
Replay<Observer> replay_of(std::span<const std::byte> bytes, ReplayOptions options = {}, Observer observer = {}) {
    Replay<Observer> replay(std::move(options), std::move(observer));
    replay.feed(bytes);
    replay.finish();
    return replay;
}

NaiveReplay naive_of(std::span<const std::byte> bytes) {
    NaiveReplay naive;
    read(bytes, [&](const Header& message) { naive.apply(message); });
    return naive;
}

template <class Replay>
BookSnapshot book_of(const Replay& replay, Locate locate = 1) {
    return replay.listings()[locate].book.snapshot(replay.levels(), 100);
}

template <class Replay>
Rows bids(const Replay& replay, Locate locate = 1) {
    return book_of(replay, locate).bids;
}

template <class Replay>
Rows asks(const Replay& replay, Locate locate = 1) {
    return book_of(replay, locate).asks;
}

template <class Replay>
std::vector<std::uint64_t> queue(const Replay& replay, Side side, Locate locate = 1) {
    std::vector<std::uint64_t> refs;
    replay.listings()[locate].book.for_each_order(replay.levels(), side, replay.orders(),
                                                  [&](std::uint64_t ref, const auto&) { refs.push_back(ref); });
    return refs;
}

template <class Replay>
std::uint64_t odd(const Replay& replay, Oddity oddity) {
    return replay.report().count(oddity);
}

template <class Replay>
std::uint64_t odd(const Replay& replay) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < oddity_count; ++i) sum += odd(replay, static_cast<Oddity>(i));
    return sum;
}

// Data files lie beside the project; they may be absent.
std::filesystem::path shared_data(const std::string& name) {
    return std::filesystem::path(NANOBOOK_SOURCE_DIR) / ".." / "shared" / "data" / name;
}

const Listing& first(const auto& replay) { return replay.listings()[1]; }

ReplayOptions only(std::initializer_list<std::string_view> names) {
    ReplayOptions options;
    for (const std::string_view name : names) options.symbols.push_back(*Symbol::parse(name));
    return options;
}

ReplayOptions up_to(Timestamp until) {
    ReplayOptions options;
    options.until = until;
    return options;
}

ReplayOptions strictly() {
    ReplayOptions options;
    options.strict = true;
    return options;
}

// Keeps what it was told, and asks while it is told.
struct Recorder {
    struct Change {
        char type;
        Locate locate;
        Side side;
        std::uint64_t ref;
        Price removed_price;
        std::uint32_t removed_shares;
        std::uint64_t added_ref;
        Price added_price;
        std::uint32_t added_shares;
        bool operator==(const Change&) const = default;
    };
    struct Printed {
        Locate locate;
        Price price;
        std::uint64_t shares;
        std::uint64_t match;
        bool printable;
        bool operator==(const Printed&) const = default;
    };

    std::vector<Change> changes;
    std::vector<Printed> prints;
    std::function<void()> ask;

    void on_change(const BookChange& c) {
        changes.push_back({c.message.type, c.locate, c.side, c.ref, c.removed_price, c.removed_shares, c.added_ref,
                           c.added_price, c.added_shares});
        if (ask) ask();
    }
    void on_print(const Print& p) { prints.push_back({p.locate, p.price, p.shares, p.match, p.printable}); }
};

}  // namespace

// ---- what each message does

TEST_CASE("an_add_rests_at_the_tail_of_its_level") {
    const auto replay =
        replay_of(Stream().add(1, 'B', 100, 50).add(2, 'B', 30, 50).add_mpid(3, 'B', 7, 51).add(4, 'S', 9, 60));
    CHECK(bids(replay) == Rows{{51, 7, 1}, {50, 130, 2}});
    CHECK(asks(replay) == Rows{{60, 9, 1}});
    CHECK(queue(replay, Side::buy) == std::vector<std::uint64_t>{3, 1, 2});
    CHECK(replay.live_orders() == 4);
    CHECK(odd(replay) == 0);
}

TEST_CASE("nothing_is_matched") {
    const auto replay = replay_of(Stream().add(1, 'B', 100, 60).add(2, 'S', 100, 50));
    CHECK(bids(replay) == Rows{{60, 100, 1}});
    CHECK(asks(replay) == Rows{{50, 100, 1}});
    CHECK(first(replay).volume == 0);
}

TEST_CASE("an_execution_reduces_its_order_and_prints_at_the_resting_price") {
    const auto replay = replay_of(Stream().add(1, 'B', 100, 50).add(2, 'B', 5, 50).execute(1, 40, 7));
    CHECK(bids(replay) == Rows{{50, 65, 2}});
    CHECK(queue(replay, Side::buy) == std::vector<std::uint64_t>{1, 2});
    CHECK(first(replay).volume == 40);
    CHECK(first(replay).last_price == 50);
    CHECK(first(replay).trades == 1);
}

TEST_CASE("an_execution_of_all_that_rests_erases_the_order") {
    const auto replay = replay_of(Stream().add(1, 'B', 100, 50).execute(1, 60, 7).execute(1, 40, 8));
    CHECK(bids(replay).empty());
    CHECK(replay.live_orders() == 0);
    CHECK(first(replay).volume == 100);
    CHECK(odd(replay) == 0);
}

TEST_CASE("an_execution_with_price_prints_at_its_own_price") {
    const auto replay = replay_of(Stream().add(1, 'B', 100, 50).execute_at(1, 40, 7, 'Y', 49));
    CHECK(bids(replay) == Rows{{50, 60, 1}});
    CHECK(first(replay).volume == 40);
    CHECK(first(replay).last_price == 49);
}

TEST_CASE("an_execution_that_is_not_printable_is_in_the_book_and_not_in_the_volume") {
    const auto replay = replay_of(Stream().add(1, 'B', 100, 50).execute_at(1, 40, 7, 'N', 49).cross(40, 49, 8));
    CHECK(bids(replay) == Rows{{50, 60, 1}});
    CHECK(first(replay).volume == 40);
    CHECK(first(replay).trades == 1);
    CHECK(first(replay).last_price == 49);
}

TEST_CASE("a_cancel_reduces_in_place_and_is_no_trade") {
    const auto replay = replay_of(Stream().add(1, 'S', 100, 50).add(2, 'S', 5, 50).cancel(1, 99));
    CHECK(asks(replay) == Rows{{50, 6, 2}});
    CHECK(queue(replay, Side::sell) == std::vector<std::uint64_t>{1, 2});
    CHECK(first(replay).volume == 0);
}

TEST_CASE("a_cancel_of_all_that_rests_erases_the_order") {
    const auto replay = replay_of(Stream().add(1, 'S', 100, 50).cancel(1, 100).cancel(1, 1));
    CHECK(asks(replay).empty());
    CHECK(odd(replay) == 1);
    CHECK(odd(replay, Oddity::unknown_reference) == 1);
}

TEST_CASE("a_delete_erases_the_order_and_its_level") {
    const auto replay = replay_of(Stream().add(1, 'B', 100, 50).add(2, 'B', 5, 49).erase(1));
    CHECK(bids(replay) == Rows{{49, 5, 1}});
    CHECK(replay.live_orders() == 1);
}

TEST_CASE("a_replace_inherits_the_side_and_goes_to_the_tail") {
    const auto replay = replay_of(Stream().add(1, 'S', 100, 50).add(2, 'S', 5, 50).replace(1, 3, 10, 50));
    CHECK(asks(replay) == Rows{{50, 15, 2}});
    CHECK(queue(replay, Side::sell) == std::vector<std::uint64_t>{2, 3});
    CHECK(replay.live_orders() == 2);
}

TEST_CASE("a_replace_to_another_price_moves_the_order") {
    const auto replay = replay_of(Stream().add(1, 'S', 100, 50).replace(1, 3, 10, 49).replace(3, 4, 11, 48));
    CHECK(asks(replay) == Rows{{48, 11, 1}});
    CHECK(replay.orders().level_of(1) == no_level);
    CHECK(replay.level_of(4)->price == 48);
}

TEST_CASE("a_hidden_trade_leaves_the_book_alone") {
    const auto replay = replay_of(Stream().add(1, 'B', 100, 50).trade(30, 51, 7));
    CHECK(bids(replay) == Rows{{50, 100, 1}});
    CHECK(first(replay).volume == 30);
    CHECK(first(replay).last_price == 51);
}

TEST_CASE("a_cross_of_no_shares_is_no_trade") {
    const auto replay = replay_of(Stream().trade(30, 51, 6).cross(0, 99, 7));
    CHECK(first(replay).volume == 30);
    CHECK(first(replay).trades == 1);
    CHECK(first(replay).last_price == 51);
    CHECK(odd(replay) == 0);
}

TEST_CASE("a_cross_has_shares_of_64_bits") {
    CHECK(first(replay_of(Stream().cross(std::uint64_t{5} << 32, 50, 7))).volume == std::uint64_t{5} << 32);
}

TEST_CASE("a_broken_trade_is_taken_out_of_the_volume_once") {
    for (const int how : {0, 1, 2, 3}) {
        CAPTURE(how);
        Stream stream;
        stream.add(1, 'B', 100, 50).trade(5, 50, 6);
        if (how == 0) stream.execute(1, 40, 7);
        if (how == 1) stream.execute_at(1, 40, 7, 'Y', 51);
        if (how == 2) stream.trade(40, 51, 7);
        if (how == 3) stream.cross(40, 51, 7);
        const auto replay = replay_of(stream.broken(7).broken(7).broken(99));
        CHECK(first(replay).volume == 5);
        CHECK(first(replay).trades == 1);
        CHECK(odd(replay, Oddity::unknown_match) == 2);
        CHECK(bids(replay) == Rows{{50, how < 2 ? 60U : 100U, 1}});
    }
}

TEST_CASE("a_broken_execution_that_was_not_printable_changes_nothing_and_is_nothing_odd") {
    const auto replay = replay_of(Stream().add(1, 'B', 100, 50).execute_at(1, 40, 7, 'N', 49).broken(7));
    CHECK(first(replay).volume == 0);
    CHECK(first(replay).trades == 0);
    CHECK(odd(replay) == 0);
}

TEST_CASE("a_broken_trade_of_absurdly_many_shares_leaves_no_volume") {
    for (const std::uint64_t shares : {std::uint64_t{1} << 48, ~std::uint64_t{0}}) {
        const auto replay = replay_of(Stream().cross(shares, 50, 7).broken(7));
        CHECK(first(replay).volume == 0);
        CHECK(first(replay).trades == 0);
    }
}

TEST_CASE("broken_trades_are_found_among_many") {
    Stream stream;
    for (std::uint32_t i = 1; i <= 20'000; ++i) stream.trade(i, 50, 3 * i);
    for (const std::uint32_t i : {1U, 4096U, 4097U, 12'288U, 20'000U}) stream.broken(3 * i);
    const auto replay = replay_of(stream);
    CHECK(first(replay).trades == 19'995);
    CHECK(first(replay).volume == 20'000ULL * 20'001 / 2 - 1 - 4096 - 4097 - 12'288 - 20'000);
    CHECK(odd(replay) == 0);
}

TEST_CASE("a_trading_action_sets_the_state_and_leaves_the_book_alone") {
    const auto replay = replay_of(Stream().add(1, 'B', 100, 50).state('T').state('H'));
    CHECK(first(replay).state == 'H');
    CHECK(bids(replay) == Rows{{50, 100, 1}});
    CHECK(first(replay_of(Stream().add(1, 'B', 100, 50))).state == ' ');
}

TEST_CASE("administrative_messages_leave_the_book_alone") {
    Stream stream;
    stream.add(1, 'B', 100, 50);
    AllMessages::for_each([&]<class Message>() {
        constexpr std::string_view administrative = "SYLVWKJhINO";
        if (administrative.find(Message::code) != std::string_view::npos) stream.write(Message{}, 1);
    });
    const auto replay = replay_of(stream);
    CHECK(bids(replay) == Rows{{50, 100, 1}});
    CHECK(first(replay).volume == 0);
    CHECK(odd(replay) == 0);
}

TEST_CASE("stub_quotes_rest_like_any_order") {
    const auto replay = replay_of(Stream().add(1, 'B', 1, 1).add(2, 'S', 1, 1'999'999'900).add(3, 'S', 1, 0xffff'ffff));
    CHECK(bids(replay) == Rows{{1, 1, 1}});
    CHECK(asks(replay) == Rows{{1'999'999'900, 1, 1}, {0xffff'ffff, 1, 1}});
}

// ---- symbols and locates

TEST_CASE("the_directory_names_a_locate") {
    const auto replay = replay_of(Stream().directory("MSFT", 9).add(1, 'B', 1, 50, 9, "MSFT"));
    REQUIRE(replay.find("MSFT") != nullptr);
    CHECK(replay.find("MSFT") == &replay.listings()[9]);
    CHECK(replay.find("AAPL") == nullptr);
    CHECK(replay.find("") == nullptr);
    CHECK(replay.find("A_NAME_TOO_LONG") == nullptr);
}

TEST_CASE("without_a_directory_an_order_names_its_locate") {
    const auto replay = replay_of(Stream().add(1, 'B', 1, 50, 9, "MSFT"));
    CHECK(replay.find("MSFT") == &replay.listings()[9]);
}

TEST_CASE("the_order_of_symbols_is_that_of_their_locates_not_of_their_text") {
    const auto replay = replay_of(Stream().add(1, 'B', 1, 50, 65'535, "LAST").add(2, 'B', 2, 50, 0, "ZERO"));
    CHECK(bids(replay, 65'535) == Rows{{50, 1, 1}});
    CHECK(bids(replay, 0) == Rows{{50, 2, 1}});
    CHECK(replay.find("ZERO") == &replay.listings()[0]);
}

TEST_CASE("the_orders_own_locate_decides") {
    Stream stream;
    stream.add(1, 'B', 100, 50).add(2, 'S', 100, 60).add(9, 'B', 100, 50, 2, "MSFT");
    stream.execute(1, 10, 7, 2).cancel(1, 10, 2).replace(1, 3, 10, 51, 2).erase(2, 2).execute_at(3, 1, 8, 'Y', 52, 2);
    const auto replay = replay_of(stream);
    CHECK(bids(replay, 1) == Rows{{51, 9, 1}});
    CHECK(asks(replay, 1).empty());
    CHECK(bids(replay, 2) == Rows{{50, 100, 1}});
    CHECK(replay.listings()[1].volume == 11);
    CHECK(replay.listings()[2].volume == 0);
    CHECK(odd(replay, Oddity::locate_mismatch) == 5);
}

// ---- what is odd

TEST_CASE("messages_of_unknown_orders_do_nothing") {
    Stream stream;
    stream.add(1, 'B', 100, 50).execute(2, 1, 7).execute_at(2, 1, 7, 'Y', 1).cancel(2, 1).erase(2);
    const auto replay = replay_of(stream.replace(2, 3, 1, 50));
    CHECK(bids(replay) == Rows{{50, 100, 1}});
    CHECK(replay.live_orders() == 1);
    CHECK(odd(replay) == 5);
    for (const char type : {'E', 'C', 'X', 'D', 'U'})
        CHECK(replay.report().count(Oddity::unknown_reference, type) == 1);
}

TEST_CASE("an_unknown_order_in_a_locate_never_seen_is_counted") {
    const auto replay = replay_of(Stream().erase(1, 4000));
    CHECK(odd(replay, Oddity::unknown_reference) == 1);
}

TEST_CASE("an_order_deleted_twice_in_a_short_time_is_unknown_the_second_time") {
    // Looking ahead finds the order, whose level is gone when its turn comes.
    for (std::uint64_t distance = 1; distance < 64; ++distance) {
        Stream stream;
        for (std::uint32_t ref = 1; ref <= 64; ++ref) stream.add(ref, 'B', 1, ref);
        for (std::uint64_t ref = 1; ref <= 64; ++ref) {
            stream.erase(ref);
            if (ref > distance) stream.erase(ref - distance);
        }
        const auto replay = replay_of(stream);
        CHECK(replay.live_orders() == 0);
        CHECK(odd(replay, Oddity::unknown_reference) == 64 - distance);
    }
}

TEST_CASE("the_resting_order_stands_against_a_duplicate") {
    const auto replay = replay_of(Stream().add(1, 'B', 100, 50).add(1, 'S', 7, 60).add(1, 'B', 7, 50, 2, "MSFT"));
    CHECK(bids(replay) == Rows{{50, 100, 1}});
    CHECK(asks(replay).empty());
    CHECK(bids(replay, 2).empty());
    CHECK(replay.live_orders() == 1);
    CHECK(odd(replay, Oddity::duplicate_reference) == 2);
}

TEST_CASE("a_reference_may_be_used_again_after_its_order_is_gone") {
    const auto replay = replay_of(Stream().add(1, 'B', 100, 50).add(2, 'B', 1, 50).erase(1).add(1, 'B', 7, 50));
    CHECK(bids(replay) == Rows{{50, 8, 2}});
    CHECK(queue(replay, Side::buy) == std::vector<std::uint64_t>{2, 1});
    CHECK(odd(replay) == 0);
}

TEST_CASE("an_over_execution_is_clamped_and_counted") {
    const auto replay = replay_of(Stream().add(1, 'B', 100, 50).add(2, 'B', 100, 50).execute(1, 101, 7));
    CHECK(bids(replay) == Rows{{50, 100, 1}});
    CHECK(first(replay).volume == 100);
    CHECK(odd(replay, Oddity::over_execution) == 1);
}

TEST_CASE("a_cancel_of_more_than_rests_is_clamped_and_counted") {
    const auto replay = replay_of(Stream().add(1, 'B', 100, 50).cancel(1, 0xffff'ffff));
    CHECK(bids(replay).empty());
    CHECK(odd(replay, Oddity::over_execution) == 1);
}

TEST_CASE("an_execution_of_no_shares_is_no_trade") {
    const auto replay = replay_of(Stream().add(1, 'B', 100, 50).execute(1, 0, 7));
    CHECK(bids(replay) == Rows{{50, 100, 1}});
    CHECK(first(replay).trades == 0);
}

TEST_CASE("an_order_of_no_shares_does_not_rest") {
    const auto replay = replay_of(Stream().add(1, 'B', 0, 50));
    CHECK(first(replay).book.empty());
    CHECK(replay.live_orders() == 0);
    CHECK(odd(replay, Oddity::zero_quantity) == 1);
}

TEST_CASE("a_replace_with_no_shares_erases") {
    const auto replay = replay_of(Stream().add(1, 'B', 100, 50).replace(1, 2, 0, 50));
    CHECK(first(replay).book.empty());
    CHECK(replay.live_orders() == 0);
    CHECK(odd(replay, Oddity::zero_quantity) == 1);
}

TEST_CASE("a_replace_onto_a_live_order_erases_the_old_one_and_appends_nothing") {
    const auto replay = replay_of(Stream().add(1, 'B', 100, 50).add(2, 'B', 5, 49).replace(1, 2, 10, 51));
    CHECK(bids(replay) == Rows{{49, 5, 1}});
    CHECK(replay.live_orders() == 1);
    CHECK(odd(replay, Oddity::duplicate_reference) == 1);
}

TEST_CASE("a_replace_may_keep_its_reference_and_goes_to_the_tail") {
    const auto replay = replay_of(Stream().add(1, 'B', 100, 50).add(2, 'B', 5, 50).replace(1, 1, 10, 50));
    CHECK(bids(replay) == Rows{{50, 15, 2}});
    CHECK(queue(replay, Side::buy) == std::vector<std::uint64_t>{2, 1});
    CHECK(odd(replay) == 0);
}

TEST_CASE("a_replace_of_the_only_order_of_a_level_by_itself_leaves_the_level") {
    const auto replay = replay_of(Stream().add(1, 'B', 100, 50).replace(1, 1, 10, 50).replace(1, 1, 20, 50));
    CHECK(bids(replay) == Rows{{50, 20, 1}});
}

TEST_CASE("an_order_of_neither_side_is_skipped") {
    const auto replay = replay_of(Stream().add(1, 'b', 1, 50).add(2, '\0', 1, 50));
    CHECK(first(replay).book.empty());
    CHECK(odd(replay, Oddity::invalid_side) == 2);
}

TEST_CASE("executions_out_of_order_are_counted_and_done") {
    Stream stream;
    stream.add(1, 'B', 10, 50).add(2, 'B', 10, 50).add(3, 'B', 10, 49);
    const auto replay = replay_of(stream.execute(2, 1, 7).execute(1, 10, 8).execute(2, 1, 9).execute(3, 1, 10));
    CHECK(replay.out_of_order_executions() == 1);
    CHECK(bids(replay) == Rows{{50, 8, 1}, {49, 9, 1}});
    CHECK(odd(replay) == 0);
}

// ---- the observer

TEST_CASE("an_observer_sees_each_change_once_and_after_it_is_done") {
    Stream stream;
    stream.add(1, 'S', 100, 50).cancel(1, 10).execute(1, 20, 7).execute_at(1, 5, 8, 'N', 49).replace(1, 2, 30, 51);
    auto replay = replay_of<Recorder>(stream.erase(2));
    const auto& changes = replay.observer().changes;
    CHECK(changes == std::vector<Recorder::Change>{
                         {'A', 1, Side::sell, 1, 0, 0, 1, 50, 100},
                         {'X', 1, Side::sell, 1, 50, 10, 0, 0, 0},
                         {'E', 1, Side::sell, 1, 50, 20, 0, 0, 0},
                         {'C', 1, Side::sell, 1, 50, 5, 0, 0, 0},
                         {'U', 1, Side::sell, 1, 50, 65, 2, 51, 30},
                         {'D', 1, Side::sell, 2, 51, 30, 0, 0, 0},
                     });
    CHECK(replay.observer().prints == std::vector<Recorder::Printed>{{1, 50, 20, 7, true}, {1, 49, 5, 8, false}});
}

TEST_CASE("an_observer_never_sees_the_book_between_the_halves_of_a_replace") {
    Replay<Recorder> replay;
    std::vector<std::size_t> levels;
    replay.observer().ask = [&] { levels.push_back(replay.listings()[1].book.ladder(Side::buy).size()); };
    replay.feed(Stream().add(1, 'B', 100, 50).replace(1, 2, 30, 51).replace(2, 3, 30, 51).erase(3));
    CHECK(levels == std::vector<std::size_t>{1, 1, 1, 0});
}

TEST_CASE("an_observer_is_told_nothing_where_nothing_changes") {
    Stream stream;
    stream.add(1, 'B', 100, 50).add(1, 'B', 9, 50).erase(7).replace(7, 8, 1, 50).add(2, 'X', 1, 1).add(3, 'B', 0, 1);
    CHECK(replay_of<Recorder>(stream).observer().changes.size() == 1);
}

TEST_CASE("an_observer_sees_prints_off_the_book") {
    auto replay = replay_of<Recorder>(Stream().trade(30, 51, 6).cross(0, 52, 7));
    CHECK(replay.observer().changes.empty());
    CHECK(replay.observer().prints == std::vector<Recorder::Printed>{{1, 51, 30, 6, true}, {1, 52, 0, 7, true}});
}

TEST_CASE("an_observer_sees_what_was_taken_of_an_over_execution") {
    auto replay = replay_of<Recorder>(Stream().add(1, 'B', 100, 50).execute(1, 500, 7));
    CHECK(replay.observer().changes.back().removed_shares == 100);
    CHECK(replay.observer().prints == std::vector<Recorder::Printed>{{1, 50, 100, 7, true}});
}

// ---- until, strict, symbols

TEST_CASE("until_stops_before_the_first_later_message") {
    // Messages of a test stream are one nanosecond apart, from 1.
    Stream stream;
    for (std::uint64_t ref = 1; ref <= 10; ++ref) stream.add(ref, 'B', 1, 50);
    for (Timestamp until = 0; until <= 11; ++until) {
        CAPTURE(until);
        Replay<> replay(up_to(until));
        CHECK(replay.feed(stream) == (until >= 10));
        CHECK(replay.live_orders() == std::min<std::uint64_t>(until, 10));
        CHECK(replay.reader().messages() == std::min<std::uint64_t>(until, 10));
        CHECK(replay.time() == std::min<Timestamp>(until, 10));
        CHECK(odd(replay) == 0);
    }
}

TEST_CASE("the_time_is_that_of_the_last_message_applied") {
    Stream stream;
    stream.add(1, 'B', 1, 50).add(2, 'B', 1, 50).add(3, 'B', 1, 50);
    Replay<> replay;
    read(stream, [&](const Header& message) {
        replay.apply(message);
        CHECK(replay.time() == message.timestamp);
    });
}

TEST_CASE("the_time_an_observer_sees_is_that_of_the_change") {
    Replay<Recorder> replay;
    std::vector<Timestamp> times;
    replay.observer().ask = [&] { times.push_back(replay.time()); };
    replay.feed(Stream().add(1, 'B', 1, 50).add(2, 'B', 1, 50).add(3, 'B', 1, 50));
    CHECK(times == std::vector<Timestamp>{1, 2, 3});
}

TEST_CASE("strict_stops_at_the_first_odd_message_with_the_ones_before_it_done") {
    Stream stream;
    stream.add(1, 'B', 1, 50).add(2, 'B', 1, 50);
    const std::size_t at = stream.size();
    stream.erase(77).add(3, 'B', 1, 50).erase(78);
    const auto replay = replay_of(stream, strictly());
    CHECK(replay.live_orders() == 2);
    CHECK(odd(replay) == 1);
    REQUIRE(replay.report().first());
    CHECK(replay.report().first()->offset == at);
    CHECK(replay.report().first()->type == 'D');
    CHECK(replay.report().first()->number == 77);
}

TEST_CASE("strict_stops_wherever_the_odd_message_stands_among_its_chunk") {
    // The odd message is the last of its chunk, of its batch, or alone.
    for (const std::size_t before : {0U, 1U, 5U, 511U, 512U, 1023U}) {
        CAPTURE(before);
        Stream stream;
        for (std::uint64_t ref = 1; ref <= before; ++ref) stream.add(ref, 'B', 1, 50);
        stream.erase(7777);
        const std::size_t cut = stream.size();
        stream.add(9001, 'B', 1, 50).erase(7778).add(9002, 'B', 1, 50);
        for (const bool chunks : {false, true}) {
            Replay<> replay(strictly());
            if (chunks) {
                CHECK_FALSE(replay.feed(stream.bytes().first(cut)));
                CHECK_FALSE(replay.feed(stream.bytes().subspan(cut)));
            } else {
                CHECK_FALSE(replay.feed(stream));
            }
            CHECK(odd(replay) == 1);
            CHECK(replay.live_orders() == before);
        }
    }
}

TEST_CASE("strict_does_not_stop_at_what_is_not_odd") {
    Stream stream;
    stream.directory("AAPL").add(1, 'B', 9, 50).add(2, 'B', 9, 50).execute(2, 1, 3).replace(1, 1, 5, 50).cross(0, 1, 4);
    const auto replay = replay_of(stream, strictly());
    CHECK(odd(replay) == 0);
    CHECK(replay.reader().messages() == 6);
}

TEST_CASE("a_replay_of_some_symbols_has_their_books_only") {
    Stream stream;
    stream.directory("AAPL", 1).directory("MSFT", 2).add(1, 'B', 10, 50, 1, "AAPL").add(2, 'B', 20, 60, 2, "MSFT");
    stream.execute(1, 1, 7, 1).execute(2, 1, 8, 2).trade(5, 50, 9, 1, "AAPL").broken(7, 1).erase(2, 2);
    const auto replay = replay_of(stream, only({"MSFT", "ABSENT"}));
    CHECK(replay.find("AAPL") == nullptr);
    REQUIRE(replay.find("MSFT") != nullptr);
    CHECK(replay.listings()[1].book.empty());
    CHECK(replay.listings()[1].volume == 0);
    CHECK(replay.listings()[2].volume == 1);
    CHECK(replay.live_orders() == 0);
    CHECK(odd(replay) == 0);
}

TEST_CASE("a_symbol_is_selected_by_its_whole_name") {
    const auto replay = replay_of(Stream().add(1, 'B', 1, 50, 1, "AAPLW").add(2, 'B', 1, 50, 2, "AAP"), only({"AAPL"}));
    CHECK(replay.live_orders() == 0);
}

TEST_CASE("a_replay_of_some_symbols_equals_a_full_one_restricted_to_them") {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        CAPTURE(seed);
        const Stream stream = RandomStream{.seed = seed, .symbols = 4, .shared_refs = false}.make();
        const auto full = replay_of(stream);
        const auto some = replay_of(stream, only({"SYM2", "SYM4"}));
        for (const Locate locate : {Locate{2}, Locate{4}}) {
            CHECK(book_of(full, locate) == book_of(some, locate));
            for (const Side side : {Side::buy, Side::sell}) {
                CHECK(queue(full, side, locate) == queue(some, side, locate));
            }
        }
        for (const Locate locate : {Locate{1}, Locate{3}}) {
            if (locate < some.listings().size()) CHECK(some.listings()[locate].book.empty());
        }
    }
}

// ---- the same stream in other pieces

TEST_CASE("a_replay_in_chunks_equals_a_replay_of_the_whole") {
    const Stream stream = RandomStream{.seed = 99, .messages = 700}.make();
    const auto whole = replay_of(stream);
    for (const std::size_t step : {1U, 2U, 3U, 37U, 38U, 39U, 100U, 4096U}) {
        CAPTURE(step);
        Replay<> replay;
        for (std::size_t at = 0; at < stream.size(); at += step) {
            replay.feed(stream.bytes().subspan(at, std::min(step, stream.size() - at)));
        }
        replay.finish();
        CHECK(summary(replay.reader()) == summary(whole.reader()));
        REQUIRE(difference(replay, naive_of(stream)) == "");
    }
}

TEST_CASE("a_moved_replay_goes_on") {
    const Stream stream = RandomStream{.seed = 5}.make();
    Replay<> replay;
    const std::size_t half = stream.size() / 2;
    replay.feed(stream.bytes().first(half));
    Replay<> moved = std::move(replay);
    moved.feed(stream.bytes().subspan(half));
    moved.finish();
    CHECK(difference(moved, naive_of(stream)) == "");
}

// ---- against the naive replay

TEST_CASE("random_messages_give_the_naive_replay_after_every_message") {
    for (const std::uint32_t odd_one_in : {0U, 20U, 4U}) {
        for (std::uint64_t seed = 1; seed <= 4; ++seed) {
            CAPTURE(odd_one_in);
            CAPTURE(seed);
            const Stream stream =
                RandomStream{.seed = seed, .messages = 600, .symbols = 2, .odd_one_in = odd_one_in}.make();
            Replay<> replay;
            NaiveReplay naive;
            std::uint64_t number = 0;
            read(stream, [&](const Header& message) {
                replay.apply(message);
                naive.apply(message);
                CAPTURE(++number);
                REQUIRE(difference(replay, naive) == "");
            });
        }
    }
}

TEST_CASE("random_messages_give_the_naive_replay_in_the_end") {
    for (std::uint64_t seed = 1; seed <= 24; ++seed) {
        CAPTURE(seed);
        const Stream stream = RandomStream{.seed = seed,
                                           .messages = 3000,
                                           .symbols = 1 + static_cast<std::uint32_t>(seed % 5),
                                           .prices = 3 + static_cast<std::uint32_t>(seed % 4) * 9,
                                           .refs = 20 + static_cast<std::uint32_t>(seed % 3) * 100}
                                  .make();
        REQUIRE(difference(replay_of(stream), naive_of(stream)) == "");
    }
}

// ---- data files beside the project

TEST_CASE("the_real_premarket_gives_the_naive_books_after_every_message") {
    const auto path = shared_data("aapl_20200130_premarket_10k.itch");
    if (!std::filesystem::exists(path)) {
        MESSAGE("skipped: " << path << " is absent");
        return;
    }
    const MappedFile file(path);
    Replay<> replay;
    NaiveReplay naive;
    constexpr Locate aapl = 13;
    const Reader reader = read(file.bytes(), [&](const auto& message) {
        // A frame at a time, so that there is a moment after each message.
        const auto* frame = reinterpret_cast<const std::byte*>(&message) - 2;
        using Message = std::remove_cvref_t<decltype(message)>;
        replay.feed({frame, 2 + sizeof(Message)});
        naive.apply(message);
        const auto& listing = replay.listings()[aapl];
        if (const std::string text = difference(listing.book, replay.levels(), replay.orders(), naive.day(aapl).book);
            !text.empty()) {
            FAIL("message " << replay.reader().messages() << ": " << text);
        }
    });
    replay.finish();
    CHECK(difference(replay, naive) == "");
    CHECK(summary(reader) == "messages 10000: A4758 D4083 E849 F2 H1 L52 P240 R1 U7 X6 Y1");
    CHECK(odd(replay) == 0);
    CHECK(replay.live_orders() == 215);

    const auto whole = replay_of(file.bytes(), strictly());
    CHECK(difference(whole, naive) == "");
    CHECK(whole.find("AAPL") == &whole.listings()[aapl]);
    CHECK(bids(whole, aapl).back().price == 100);
    CHECK(asks(whole, aapl).back().price == 1'999'999'900);
}

TEST_CASE("a_real_file_cut_in_a_message_says_where") {
    const auto path = shared_data("truncated_tail_4096.itch");
    if (!std::filesystem::exists(path)) {
        MESSAGE("skipped: " << path << " is absent");
        return;
    }
    const MappedFile file(path);
    const auto replay = replay_of(file.bytes());
    CHECK(summary(replay.reader()).find("messages 101: H1 R98 S1 Y1, truncated_tail") == 0);
    REQUIRE(replay.report().truncated_at());
    CHECK(*replay.report().truncated_at() < 4096);
    CHECK(*replay.report().truncated_at() > 4096 - 52);
}

TEST_CASE("a_file_of_zero_prefixes_is_read_to_its_end") {
    const auto path = shared_data("ritch_zero_length_prefix.itch");
    if (!std::filesystem::exists(path)) {
        MESSAGE("skipped: " << path << " is absent");
        return;
    }
    const MappedFile file(path);
    const auto replay = replay_of(file.bytes());
    CHECK(replay.reader().zero_prefixed());
    CHECK(replay.reader().messages() == 12'012);
    const std::map<char, std::uint64_t> unknown{{'D', 94}, {'E', 18}, {'X', 3}, {'U', 2}};
    for (const auto& [type, count] : unknown) CHECK(replay.report().count(Oddity::unknown_reference, type) == count);
    CHECK(odd(replay, Oddity::unknown_reference) == 117);
    CHECK(difference(replay, naive_of(file.bytes())) == "");
}

TEST_CASE("every_data_file_gives_a_report_and_the_naive_books") {
    const auto folder = shared_data("");
    if (!std::filesystem::exists(folder)) {
        MESSAGE("skipped: " << folder << " is absent");
        return;
    }
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        CAPTURE(entry.path().filename().string());
        const MappedFile file(entry.path());
        const auto replay = replay_of(file.bytes());
        CHECK(difference(replay, naive_of(file.bytes())) == "");
    }
}
