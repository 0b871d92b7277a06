// Events to JSON and back: the lines of the specification, everything that is refused, and files of events.
#include <doctest/doctest.h>

#include <bit>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <nanobook/detail/random.hpp>
#include <nanobook/exchange/event_json.hpp>

#include "random_events.hpp"
#include "temporary_folder.hpp"

#if defined(__linux__)
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

using namespace nanobook;
using nanobook::test::RandomEvents;
using nanobook::test::read_text;
using nanobook::test::TemporaryFolder;
using nanobook::test::write_text;

#if defined(__linux__)
namespace {

/// What was brought to the disk, and what stood under the name of interest meanwhile.
struct Sync {
    ino_t file;
    off_t size;
    ino_t under_name;
};

// While a test is interested in syncs.
struct SyncWatch {
    explicit SyncWatch(std::filesystem::path of) : path(std::move(of)) { active = this; }
    SyncWatch(const SyncWatch&) = delete;
    SyncWatch& operator=(const SyncWatch&) = delete;
    ~SyncWatch() { active = nullptr; }

    static struct stat status_of(const std::filesystem::path& path) {
        struct stat status{};
        ::stat(path.c_str(), &status);
        return status;
    }

    static inline SyncWatch* active = nullptr;
    std::filesystem::path path;
    int error = 0;  // that syncs fail with
    std::vector<Sync> syncs;
};

}  // namespace

// In place of the system's: nothing else shows whether a file would survive a power cut. By another name, so that no
// tool takes what it knows of the system's for true of this one.
extern "C" int watched_fsync(int file) __asm__("fsync");
int watched_fsync(int file) {
    if (SyncWatch* const watch = SyncWatch::active) {
        struct stat status{};
        ::fstat(file, &status);
        watch->syncs.push_back({status.st_ino, status.st_size, SyncWatch::status_of(watch->path).st_ino});
        if (watch->error != 0) {
            errno = watch->error;
            return -1;
        }
    }
    return static_cast<int>(::syscall(SYS_fsync, file));
}
#endif

namespace {

constexpr Price greatest_price = std::numeric_limits<Price>::max();
constexpr std::uint64_t greatest = std::numeric_limits<std::uint64_t>::max();

std::string to_json(const Event& event) {
    std::string text;
    append_json(text, event);
    return text;
}

Event of_symbol(Event event, std::string_view symbol) {
    event.symbol = *Symbol::parse(symbol);
    return event;
}

// What is wrong with a line, empty where nothing is.
std::string fault(std::string_view line) {
    try {
        (void)parse_event(line);
        return {};
    } catch (const JsonError& error) {
        return error.what();
    }
}

// What is wrong with a text.
std::string text_fault(std::string_view text) {
    try {
        (void)from_json_lines(text);
        return {};
    } catch (const EventFileError& error) {
        return error.what();
    }
}

Event limit_of(std::string_view fields) {
    return parse_event(R"({"SubmitLimit":{"side":"Buy","price":1,"quantity":1)" + std::string(fields) + "}}");
}

TrailMethod trail_of(std::string_view method) {
    return parse_event(R"({"SubmitTrailingStopMarket":{"side":"Sell","stop_price":1,"quantity":1,"trail_method":)" +
                       std::string(method) + "}}")
        .trail();
}

std::string trail_fault(std::string_view method) {
    return fault(R"({"SubmitTrailingStopMarket":{"trail_method":)" + std::string(method) +
                 R"(,"side":"Sell","stop_price":1,"quantity":1}})");
}

// So many cancels, made when they are asked for; one of them cannot be.
class Cancels {
  public:
    class Iterator {
      public:
        using difference_type = std::ptrdiff_t;
        using value_type = Event;

        Iterator() = default;
        Iterator(const Cancels* range, OrderId id) : range_(range), id_(id) {}
        Event operator*() const {
            if (id_ == range_->lost_) throw std::out_of_range("lost");
            return Event::cancel(id_);
        }
        Iterator& operator++() {
            ++id_;
            return *this;
        }
        Iterator operator++(int) { return {range_, id_++}; }
        friend bool operator==(const Iterator&, const Iterator&) = default;

      private:
        const Cancels* range_ = nullptr;
        OrderId id_ = 0;
    };

    explicit Cancels(OrderId count, OrderId lost = greatest) : count_(count), lost_(lost) {}
    // Not constant: some views of the standard library are not, either.
    Iterator begin() { return {this, 0}; }
    Iterator end() { return {this, count_}; }

  private:
    OrderId count_;
    OrderId lost_;
};

std::vector<Event> two_events() { return {Event::submit_limit(Side::buy, 10000, 100), Event::cancel(1)}; }
constexpr std::string_view two_lines =
    R"({"SubmitLimit":{"side":"Buy","price":10000,"quantity":100,"time_in_force":"GTC"}}
{"Cancel":{"order_id":1}}
)";
constexpr std::string_view header_of_two =
    R"({"format":"nanobook-events","version":1,"engine":")" NANOBOOK_VERSION R"(","max_rounds":100,"events":2})"
    "\n";

}  // namespace

// ---- one event

TEST_CASE("events_are_written_as_the_specification_has_them_and_read_from_it") {
    const std::pair<std::string_view, Event> lines[] = {
        {R"({"SubmitLimit":{"side":"Buy","price":10000,"quantity":100,"time_in_force":"GTC"}})",
         Event::submit_limit(Side::buy, 10000, 100)},
        {R"({"SubmitLimit":{"side":"Sell","price":5,"quantity":1,"time_in_force":"FOK"}})",
         Event::submit_limit(Side::sell, 5, 1, TimeInForce::fok)},
        {R"({"SubmitLimit":{"side":"Sell","price":0,"quantity":1,"time_in_force":"GTC","matching":false}})",
         Event::submit_limit(Side::sell, 0, 1, TimeInForce::gtc, false)},
        {R"({"SubmitMarket":{"side":"Sell","quantity":7}})", Event::submit_market(Side::sell, 7)},
        {R"({"Cancel":{"order_id":1}})", Event::cancel(1)},
        {R"({"Cancel":{"order_id":1,"symbol":"AAPL"}})", of_symbol(Event::cancel(1), "AAPL")},
        {R"({"Cancel":{"order_id":1,"symbol":"a\"\\/ b"}})", of_symbol(Event::cancel(1), "a\"\\/ b")},
        {R"({"Reduce":{"order_id":1,"quantity":5}})", Event::reduce(1, 5)},
        {R"({"Modify":{"order_id":1,"new_price":10100,"new_quantity":5}})", Event::modify(1, 10100, 5)},
        {R"({"Modify":{"order_id":1,"new_price":0,"new_quantity":0,"matching":false}})", Event::modify(1, 0, 0, false)},
        {R"({"SubmitStopMarket":{"side":"Buy","stop_price":3,"quantity":4}})",
         Event::submit_stop_market(Side::buy, 3, 4)},
        {R"({"SubmitStopLimit":{"side":"Buy","stop_price":3,"limit_price":4,"quantity":5,"time_in_force":"IOC"}})",
         Event::submit_stop_limit(Side::buy, 3, 4, 5, TimeInForce::ioc)},
        {R"({"SubmitTrailingStopMarket":{"side":"Sell","stop_price":7000,"quantity":100,"trail_method":{"Atr":{"multiplier":2.0,"period":14}}}})",
         Event::submit_trailing_stop_market(Side::sell, 7000, 100, TrailMethod::atr(2, 14))},
        {R"({"SubmitTrailingStopMarket":{"side":"Sell","stop_price":1,"quantity":2,"trail_method":{"Fixed":500}}})",
         Event::submit_trailing_stop_market(Side::sell, 1, 2, TrailMethod::fixed(500))},
        {R"({"SubmitTrailingStopLimit":{"side":"Buy","stop_price":1,"limit_price":2,"quantity":3,"time_in_force":"GTC","trail_method":{"Percentage":0.05}}})",
         Event::submit_trailing_stop_limit(Side::buy, 1, 2, 3, TrailMethod::percentage(0.05))},
        {R"({"Execute":{"order_id":1,"quantity":5,"price":10000,"match_number":7}})", Event::execute(1, 5, 7, 10000)},
        {R"({"Execute":{"order_id":1,"quantity":5,"match_number":7,"printable":false}})",
         Event::execute(1, 5, 7, Event::own_price, false)},
        {R"({"Trade":{"side":"Buy","price":1,"quantity":2,"match_number":3}})", Event::trade(Side::buy, 1, 2, 3)},
    };
    for (const auto& entry : lines) {
        const auto& line = entry.first;
        const auto& event = entry.second;
        CAPTURE(line);
        CHECK(to_json(event) == line);
        CHECK(parse_event(line) == event);
    }
}

TEST_CASE("any_event_reads_back_as_itself") {
    RandomEvents events(1);
    for (int i = 0; i < 200'000; ++i) {
        const Event event = events.next();
        const std::string line = to_json(event);
        CAPTURE(line);
        REQUIRE(parse_event(line) == event);
    }
}

TEST_CASE("integers_are_exact_to_the_ends_of_their_range") {
    for (const Event& event : {Event::submit_limit(Side::buy, greatest_price, greatest), Event::cancel(greatest),
                               Event::trade(Side::sell, 0, greatest, greatest)}) {
        CHECK(parse_event(to_json(event)) == event);
    }
    CHECK(to_json(Event::reduce(greatest, 0)) == R"({"Reduce":{"order_id":18446744073709551615,"quantity":0}})");
}

TEST_CASE("reals_are_written_with_the_fewest_digits_that_read_back_as_the_same") {
    const std::pair<double, std::string_view> numbers[] = {
        {2, "2.0"},        {0.1, "0.1"},       {1.0 / 3, "0.3333333333333333"},
        {1e-5, "0.00001"}, {9e-6, "9e-06"},    {123456789012345.0, "123456789012345.0"},
        {1e16, "1e+16"},   {5e-324, "5e-324"}, {std::numeric_limits<double>::max(), "1.7976931348623157e+308"},
    };
    for (const auto& [number, text] : numbers) {
        std::string out;
        detail::append_real(out, number);
        CHECK(out == text);
        CHECK(trail_of("{\"Percentage\":" + out + "}").factor() == number);
    }
}

TEST_CASE("what_has_a_default_may_be_left_out") {
    CHECK(limit_of("") == Event::submit_limit(Side::buy, 1, 1));
    CHECK(limit_of(R"(,"matching":true,"symbol":"")") == Event::submit_limit(Side::buy, 1, 1));
    CHECK(parse_event(R"({"SubmitStopLimit":{"side":"Sell","stop_price":3,"limit_price":4,"quantity":5}})") ==
          Event::submit_stop_limit(Side::sell, 3, 4, 5));
    CHECK(parse_event(R"({"Execute":{"order_id":1,"quantity":5}})") == Event::execute(1, 5, 0));
    CHECK(parse_event(R"({"Execute":{"order_id":1,"quantity":5,"printable":true}})") == Event::execute(1, 5, 0));
    CHECK(parse_event(R"({"Trade":{"side":"Sell","price":1,"quantity":2}})") == Event::trade(Side::sell, 1, 2, 0));
}

TEST_CASE("names_of_sides_and_times_in_force_are_read_in_any_case") {
    for (const std::string_view name : {"Sell", "sell", "SELL", "sElL"}) {
        CHECK(parse_event(R"({"SubmitMarket":{"quantity":1,"side":")" + std::string(name) + "\"}}").side == Side::sell);
    }
    for (const std::string_view name : {"Ioc", "ioc", "IOC"}) {
        CHECK(limit_of(R"(,"time_in_force":")" + std::string(name) + '"').time_in_force == TimeInForce::ioc);
    }
}

TEST_CASE("white_space_and_the_order_of_keys_mean_nothing") {
    CHECK(parse_event("\t { \"SubmitLimit\" : { \"quantity\" :2 ,\r\n \"price\": 1, \"side\":\"Buy\" } } \r") ==
          Event::submit_limit(Side::buy, 1, 2));
}

TEST_CASE("escapes_are_read_in_keys_and_values") {
    CHECK(parse_event(R"({"Can\u0063el":{"order\u005Fid":1,"symbol":"\u0041\/\\\""}})") ==
          of_symbol(Event::cancel(1), "A/\\\""));
}

TEST_CASE("trail_methods_are_read_in_all_their_spellings") {
    CHECK(trail_of(R"({"SmaAbsChange":{"period":14,"multiplier":2}})") == TrailMethod::atr(2, 14));
    CHECK(trail_of(R"({"Percentage":1})") == TrailMethod::percentage(1));
    CHECK(trail_of(R"({"Percentage":5e-2})") == TrailMethod::percentage(0.05));
    CHECK(trail_of(R"({"Fixed":500.0})") == TrailMethod::fixed(500));
    CHECK(trail_of(R"({"Fixed":5E+2})") == TrailMethod::fixed(500));
    CHECK(trail_of(R"({"Fixed":9223372036854775807})") == TrailMethod::fixed(greatest_price));
}

// ---- what is refused

TEST_CASE("what_is_not_json_is_refused_with_the_column") {
    const std::pair<std::string_view, std::string_view> lines[] = {
        {"", "column 1: expected an object, found the end of the line"},
        {"x", "column 1: expected an object, found 'x'"},
        {"\xff", R"(column 1: expected an object, found '\xff')"},
        {"[]", "column 1: expected an object, found '['"},
        {"{", "column 2: expected a key, found the end of the line"},
        {"{1:2}", "column 2: expected a key, found '1'"},
        {R"({"Cancel")", "column 10: expected ':', found the end of the line"},
        {R"({"Cancel" 1})", "column 11: expected ':', found '1'"},
        {R"({"Cancel":1})", "column 11: expected an object, found '1'"},
        {R"({"Cancel":{"order_id":1})", "column 25: expected ',' or '}', found the end of the line"},
        {R"({"Cancel":{"order_id":1)", "column 24: expected ',' or '}', found the end of the line"},
        {R"({"Cancel":{"order_id":1,}})", "column 25: expected a key, found '}'"},
        {R"({"Cancel":{,"order_id":1}})", "column 12: expected a key, found ','"},
        {R"({"Cancel":{"order_id":1 "symbol":"A"}})", "column 25: expected ',' or '}', found '\"'"},
        {R"({"Cancel":{"order_id":1}}})", "column 26: expected the end of the line, found '}'"},
        {R"({"Cancel":{"order_id":1}} {"Cancel":{"order_id":1}})",
         "column 27: expected the end of the line, found '{'"},
        {R"({"Cancel":{"order_id":})", "column 23: expected a number, found '}'"},
        {R"({"Cancel":{"order_id":null}})", "column 23: expected a number, found 'n'"},
        {R"({"Cancel":{"order_id":"1"}})", "column 23: expected a number, found '\"'"},
        {R"({"Cancel":{"order_id":+1}})", "column 23: expected a number, found '+'"},
        {R"({"Cancel":{"order_id":NaN}})", "column 23: expected a number, found 'N'"},
        {R"({"Cancel":{"order_id":-}})", "column 24: expected a digit, found '}'"},
        {R"({"Cancel":{"order_id":1.}})", "column 25: expected a digit, found '}'"},
        {R"({"Cancel":{"order_id":1e}})", "column 25: expected a digit, found '}'"},
        {R"({"Cancel":{"order_id":01}})", "column 23: a number does not begin with 0"},
        {R"({"Cancel":{"order_id":0x1}})", "column 24: expected ',' or '}', found 'x'"},
        {R"({"Cancel":{"order_id":1,"symbol":"A}})",
         "column 38: expected the end of the string, found the end of the line"},
        {"{\"Cancel\":{\"order_id\":1,\"symbol\":\"A\tB\"}}",
         R"(column 36: expected the end of the string, found '\x09')"},
        {R"({"Cancel":{"order_id":1,"symbol":"A\x"}})", "column 36: no such escape"},
        {R"({"Cancel":{"order_id":1,"symbol":"\u00-1"}})", "column 35: no such escape"},
        {R"({"Cancel":{"order_id":1,"symbol":"\u00)", "column 35: no such escape"},
        {R"({"Cancel":{"order_id":1,"symbol":"\)", "column 35: no such escape"},
        {R"({"Cancel":{"order_id":1,"symbol":"\ud83d"}})", "column 35: half of a character beyond U+FFFF"},
        {R"({"Cancel":{"order_id":1,"symbol":"\ud83d\u0041"}})", "column 35: half of a character beyond U+FFFF"},
        {R"({"Cancel":{"order_id":1,"symbol":"\ude00"}})", "column 35: half of a character beyond U+FFFF"},
        {R"({"SubmitLimit":{"matching":1}})", "column 28: expected true or false, found '1'"},
        {R"({"SubmitLimit":{"matching":fals}})", "column 28: expected true or false, found 'f'"},
        {R"({"SubmitLimit":{"matching":truex}})", "column 32: expected ',' or '}', found 'x'"},
    };
    for (const auto& entry : lines) {
        const std::string_view line = entry.first;
        CAPTURE(line);
        CHECK(fault(line) == entry.second);
    }
}

TEST_CASE("json_that_is_no_event_is_refused_with_the_reason") {
    const std::pair<std::string_view, std::string_view> lines[] = {
        {"{}", "an object without an event"},
        {R"({"cancel":{"order_id":1}})", "column 2: there is no event \"cancel\""},
        {R"({"Cancel":{"order_id":1},"Cancel":{"order_id":1}})", "column 26: a second event, \"Cancel\""},
        {R"({"Cancel":{"order_id":1,"price":1}})", "column 25: Cancel has no key \"price\""},
        {R"({"Cancel":{"order_id":1,"order_id":1}})", "column 25: the key \"order_id\" comes twice"},
        {R"({"Execute":{"order_id":1,"quantity":1,"price":1,"price":1}})", "column 49: the key \"price\" comes twice"},
        {R"({"Cancel":{}})", "Cancel lacks the key \"order_id\""},
        {R"({"SubmitLimit":{"side":"Buy","quantity":1}})", "SubmitLimit lacks the key \"price\""},
        {R"({"Trade":{"side":"Buy","quantity":1}})", "Trade lacks the key \"price\""},
        {R"({"Cancel":{"order_id":1.0}})", "column 23: order_id is 1.0; it must be a whole number"},
        {R"({"Cancel":{"order_id":1e3}})", "column 23: order_id is 1e3; it must be a whole number"},
        {R"({"Cancel":{"order_id":-1}})",
         "column 23: order_id is -1; it must be a whole number from 0 to 18446744073709551615"},
        {R"({"Cancel":{"order_id":18446744073709551616}})",
         "column 23: order_id is 18446744073709551616; it must be a whole number from 0 to 18446744073709551615"},
        {R"({"Modify":{"new_price":9223372036854775808}})",
         "column 24: new_price is 9223372036854775808; it must be a whole number from -9223372036854775808 to "
         "9223372036854775807"},
        // It would be taken for the resting order's own price.
        {R"({"Execute":{"price":-9223372036854775808}})",
         "column 21: price is -9223372036854775808; it must be a whole number from -9223372036854775807 to "
         "9223372036854775807"},
        {R"({"SubmitLimit":{"side":"Hold"}})", "column 24: side is \"Hold\"; it must be \"Buy\" or \"Sell\""},
        {R"({"SubmitLimit":{"side":1}})", "column 24: expected a string, found '1'"},
        {R"({"SubmitLimit":{"time_in_force":"Day"}})",
         "column 33: time_in_force is \"Day\"; it must be \"GTC\", \"IOC\" or \"FOK\""},
        {R"({"Cancel":{"symbol":"TOOLONGNAME"}})",
         "column 21: symbol is \"TOOLONGNAME\"; it must be at most 8 printable ASCII characters"},
        {R"({"Cancel":{"symbol":"\u00e9\n\ud83d\ude00"}})",
         R"(column 21: symbol is "\xc3\xa9\x0a\xf0\x9f\x98\x80"; it must be at most 8 printable ASCII characters)"},
    };
    for (const auto& entry : lines) {
        const std::string_view line = entry.first;
        CAPTURE(line);
        CHECK(fault(line) == entry.second);
    }
    CHECK(fault("{\"" + std::string(100, 'k') + "\":1}") ==
          "column 2: there is no event \"" + std::string(40, 'k') + "...\"");
}

TEST_CASE("an_event_that_an_exchange_would_refuse_is_refused_in_its_words") {
    const std::pair<std::string_view, std::string_view> lines[] = {
        {R"({"SubmitLimit":{"side":"Buy","price":-5,"quantity":1}})", "price is -5; it must be at least 1"},
        {R"({"SubmitLimit":{"side":"Buy","price":5,"quantity":0}})", "quantity is 0; it must be at least 1"},
        {R"({"SubmitLimit":{"side":"Buy","price":5,"quantity":1,"time_in_force":"FOK","matching":false}})",
         "time in force is fok; an order that does not match must be gtc"},
        {R"({"SubmitStopMarket":{"side":"Buy","stop_price":0,"quantity":1}})",
         "stop price is 0; it must be at least 1"},
        {R"({"SubmitStopLimit":{"side":"Buy","stop_price":1,"limit_price":-1,"quantity":1}})",
         "limit price is -1; it must be at least 1"},
        {R"({"Execute":{"order_id":1,"quantity":1,"price":-1}})", "price is -1; it cannot be negative"},
        {R"({"Trade":{"side":"Buy","price":-1,"quantity":1}})", "price is -1; it cannot be negative"},
    };
    for (const auto& entry : lines) {
        const std::string_view line = entry.first;
        CAPTURE(line);
        CHECK(fault(line) == entry.second);
    }
}

TEST_CASE("a_trail_that_is_none_is_refused_with_the_reason") {
    const std::pair<std::string_view, std::string_view> methods[] = {
        {"{}", "trail_method is empty; it must be Fixed, Percentage or Atr"},
        {R"({"fixed":1})", "column 46: trail_method is \"fixed\"; it must be Fixed, Percentage or Atr"},
        {R"({"Fixed":1,"Fixed":1})", "column 56: a second trail method, \"Fixed\""},
        {R"({"Fixed":0.5})", "column 54: Fixed is 0.5; it must be a whole number"},
        {R"({"Fixed":1e19})", "column 54: Fixed is 1e19; it must be a whole number"},
        {R"({"Fixed":9223372036854775808})",
         "column 54: Fixed is 9223372036854775808; it must be a whole number from -9223372036854775808 to "
         "9223372036854775807"},
        {R"({"Fixed":-2.0})", "trail value is -2; it must be at least 1"},
        {R"({"Fixed":0})", "trail value is 0; it must be at least 1"},
        {R"({"Percentage":1e400})", "column 59: Percentage is 1e400; it is out of the range of a number"},
        {R"({"Percentage":NaN})", "column 59: expected a number, found 'N'"},
        {R"({"Percentage":-0.5})", "trail value is -0.5; it must be a number above 0"},
        {R"({"Atr":{"multiplier":2}})", "Atr lacks the key \"period\""},
        {R"({"Atr":{"period":2}})", "Atr lacks the key \"multiplier\""},
        {R"({"Atr":{"period":2,"period":2}})", "column 64: the key \"period\" comes twice"},
        {R"({"Atr":{"period":2,"x":2}})", "column 64: Atr has no key \"x\""},
        {R"({"Atr":{"period":2.0}})", "column 62: period is 2.0; it must be a whole number"},
        {R"({"Atr":{"period":4294967296}})",
         "column 62: period is 4294967296; it must be a whole number from 0 to 4294967295"},
        {R"({"Atr":{"multiplier":2,"period":0}})", "ATR period is 0; it must be at least 1"},
        {R"({"Atr":{"multiplier":0,"period":1}})", "trail value is 0; it must be a number above 0"},
    };
    for (const auto& entry : methods) {
        const std::string_view method = entry.first;
        CAPTURE(method);
        CHECK(trail_fault(method) == entry.second);
    }
    CHECK(fault(R"({"SubmitTrailingStopMarket":{"side":"Sell","stop_price":1,"quantity":1}})") ==
          "SubmitTrailingStopMarket lacks the key \"trail_method\"");
}

// ---- text of many events

TEST_CASE("a_text_is_a_header_and_a_line_for_each_event") {
    CHECK(to_json_lines({}, two_events()) == std::string(header_of_two) + std::string(two_lines));
    CHECK(to_json_lines({*Symbol::parse("AAPL"), 7, 4}, std::vector<Event>{}) ==
          R"({"format":"nanobook-events","version":1,"engine":")" NANOBOOK_VERSION
          R"(","symbol":"AAPL","max_rounds":7,"price_scale":4,"events":0})"
          "\n");
}

TEST_CASE("a_text_reads_back_as_its_header_and_events") {
    const std::vector<Event> events = RandomEvents(2).take(1000);
    const EventFileHeader header{*Symbol::parse("A\"B"), 4294967295U, 18};
    const EventFile file = from_json_lines(to_json_lines(header, events));
    CHECK(file.had_header);
    CHECK(file.header == header);
    CHECK(file.events == events);
}

TEST_CASE("any_range_of_events_can_be_written") {
    const std::vector<Event> events = two_events();
    const std::list<Event> list(events.begin(), events.end());
    CHECK(to_json_lines({}, list) == to_json_lines({}, events));
    CHECK(to_json_lines({}, Cancels{2}) == to_json_lines({}, std::vector{Event::cancel(0), Event::cancel(1)}));
}

TEST_CASE("a_text_without_a_header_is_read_as_one_with_the_defaults") {
    const EventFile file = from_json_lines(two_lines);
    CHECK_FALSE(file.had_header);
    CHECK(file.header == EventFileHeader{});
    CHECK(file.events == two_events());
    CHECK(from_json_lines("").events.empty());
}

TEST_CASE("blank_lines_carriage_returns_and_a_byte_order_mark_are_passed_over") {
    std::string text = "\xef\xbb\xbf";
    for (const char c : std::string(header_of_two) + std::string(two_lines))
        text += c == '\n' ? "\r\n \t\r\n" : std::string(1, c);
    const EventFile file = from_json_lines(text);
    CHECK(file.had_header);
    CHECK(file.events == two_events());
    CHECK(from_json_lines("\xef\xbb\xbf" + std::string(two_lines)).events == two_events());
    CHECK(from_json_lines("\n\n" + std::string(header_of_two) + std::string(two_lines)).had_header);
    CHECK(from_json_lines(two_lines.substr(0, two_lines.size() - 1)).events == two_events());
    CHECK(text_fault("\n\xef\xbb\xbf") == R"(line 2: column 1: expected an object, found '\xef')");
}

TEST_CASE("unknown_keys_of_a_header_are_passed_over") {
    const EventFile file = from_json_lines(
        R"({"a":[1,[],{}],"version":1,"b":{"c":null,"d":{"e":true}},"format":"nanobook-events","f":-1.5e3,"g":"\ud83d\ude00"})");
    CHECK(file.had_header);
    CHECK(file.header == EventFileHeader{});
    const std::string deep = R"({"format":"nanobook-events","version":1,"a":)" + std::string(100'000, '[');
    CHECK(text_fault(deep) == "line 1: column 109: the objects are nested too deeply");
}

TEST_CASE("a_header_of_another_format_or_a_newer_version_is_refused_by_name") {
    const std::pair<std::string_view, std::string_view> headers[] = {
        {R"({"format":"other","version":1})", "line 1: format is \"other\"; it must be \"nanobook-events\""},
        {R"({"events":"?","version":2,"format":"nanobook-events"})",
         "line 1: version is 2; nanobook " NANOBOOK_VERSION " reads versions up to 1"},
        {R"({"format":"nanobook-events","version":0})",
         "line 1: column 39: version is 0; it must be a whole number from 1 to 4294967295"},
        {R"({"format":"nanobook-events"})", "line 1: the header lacks the key \"version\""},
        {R"({"format":1})", "line 1: column 11: expected a string, found '1'"},
        {R"({"version":1})", "line 1: column 2: there is no event \"version\""},
        {R"({"format":"nanobook-events","format":"nanobook-events"})",
         "line 1: column 29: the key \"format\" comes twice"},
        {R"({"format":"nanobook-events","version":1,"a":1,"a":1})", "line 1: column 47: the key \"a\" comes twice"},
        {R"({"format":"nanobook-events","version":1} x)", "line 1: column 42: expected the end of the line, found 'x'"},
        {R"({"format":"nanobook-events","version":1,"a":[1 2]})", "line 1: column 48: expected ',' or ']', found '2'"},
        {R"({"format":"nanobook-events","version":1,"a":x})", "line 1: column 45: expected a value, found 'x'"},
        {R"({"format":"nanobook-events","version":1,"symbol":"TOOLONGNAME"})",
         "line 1: column 50: symbol is \"TOOLONGNAME\"; it must be at most 8 printable ASCII characters"},
        {R"({"format":"nanobook-events","version":1,"max_rounds":-1})",
         "line 1: column 54: max_rounds is -1; it must be a whole number from 0 to 4294967295"},
        {R"({"format":"nanobook-events","version":1,"price_scale":19})",
         "line 1: price scale is 19; it must be at most 18"},
    };
    for (const auto& entry : headers) {
        const std::string_view header = entry.first;
        CAPTURE(header);
        CHECK(text_fault(header) == entry.second);
    }
}

TEST_CASE("a_header_is_one_on_the_first_line_only") {
    CHECK(text_fault(std::string(two_lines) + std::string(header_of_two)) ==
          "line 3: column 2: there is no event \"format\"");
}

TEST_CASE("the_line_of_a_fault_is_counted_with_the_blank_ones") {
    CHECK(text_fault(std::string(two_lines) + "\n\r\n" + R"({"SubmitLimit":{"side":"Buy","price":-5,"quantity":1}})") ==
          "line 5: price is -5; it must be at least 1");
    try {
        (void)from_json_lines("x", "orders.jsonl");
        FAIL("no error");
    } catch (const EventFileError& error) {
        CHECK(std::string(error.what()) == "orders.jsonl: line 1: column 1: expected an object, found 'x'");
        CHECK(error.path() == "orders.jsonl");
        CHECK(error.line() == 1);
        CHECK(error.reason() == "column 1: expected an object, found 'x'");
    }
}

TEST_CASE("a_text_cut_off_anywhere_is_refused") {
    const std::string text = to_json_lines({}, two_events());
    for (std::size_t size = header_of_two.size() - 1; size < text.size() - 1; ++size) {
        CAPTURE(size);
        CHECK(text_fault(text.substr(0, size)) != "");
    }
    CHECK(text_fault(text.substr(0, text.find("{\"Cancel"))) ==
          "line 2: the file ends after event 1; its header promises 2 events");
    CHECK(text_fault(text + R"({"Cancel":{"order_id":1}})") ==
          "line 4: the file ends after event 3; its header promises 2 events");
}

TEST_CASE("an_event_or_a_header_that_could_not_be_read_back_is_not_written") {
    const auto fault_of = [](const EventFileHeader& header, const Event& event) {
        try {
            (void)to_json_lines(header, std::vector{Event::cancel(1), event});
            return std::string();
        } catch (const std::invalid_argument& error) {
            return std::string(error.what());
        }
    };
    CHECK(fault_of({}, Event::submit_market(Side::buy, 0)) == "event 2: quantity is 0; it must be at least 1");
    const TrailMethod trail = TrailMethod::percentage(std::numeric_limits<double>::quiet_NaN());
    CHECK(fault_of({}, Event::submit_trailing_stop_market(Side::buy, 1, 1, trail)) != "");
    Event odd = Event::cancel(1);
    odd.symbol.text = {'A', '\0', 'B'};
    CHECK(fault_of({}, odd) == "event 2: the symbol is not printable ASCII");
    odd = Event{static_cast<EventKind>(event_kinds)};
    CHECK(fault_of({}, odd) == "event 2: the kind is none of those of an event");
    CHECK(fault_of({.price_scale = 19}, Event::cancel(1)) == "price scale is 19; it must be at most 18");
}

// ---- files

TEST_CASE("a_saved_file_loads_as_its_header_and_events") {
    const TemporaryFolder folder;
    const auto path = folder.path / "orders.jsonl";
    // More than one buffer of them.
    const std::vector<Event> events = RandomEvents(3).take(20'000);
    const EventFileHeader header{*Symbol::parse("MSFT"), 5, 2};
    save_events(path, header, events);
    const EventFile file = load_events(path);
    CHECK(file.header == header);
    CHECK(file.events == events);
    CHECK(read_text(path) == to_json_lines(header, events));
}

TEST_CASE("a_fault_in_a_file_names_the_file_and_the_line") {
    const TemporaryFolder folder;
    const auto path = folder.path / "orders.jsonl";
    write_text(path, std::string(two_lines) + R"({"SubmitLimit":{"side":"Buy","price":-5,"quantity":1}})");
    try {
        (void)load_events(path);
        FAIL("no error");
    } catch (const EventFileError& error) {
        CHECK(error.what() == path.string() + ": line 3: price is -5; it must be at least 1");
    }
}

TEST_CASE("a_save_that_fails_leaves_the_file_that_stood_there_and_no_other") {
    const TemporaryFolder folder;
    const auto path = folder.path / "orders.jsonl";
    save_events(path, {}, two_events());
    const std::string before = read_text(path);

    std::vector<Event> events = RandomEvents(4).take(20'000);
    events.push_back(Event::submit_market(Side::buy, 0));
    CHECK_THROWS_AS(save_events(path, {}, events), std::invalid_argument);
    CHECK_THROWS_AS(save_events(path, {}, Cancels{20'000, 19'999}), std::out_of_range);
    CHECK(read_text(path) == before);
    CHECK(folder.files() == 1);
}

TEST_CASE("a_file_that_cannot_be_read_is_an_error_that_names_it") {
    const TemporaryFolder folder;
    const std::pair<std::filesystem::path, std::errc> paths[] = {
        {folder.path / "missing", std::errc::no_such_file_or_directory}, {folder.path, std::errc::is_a_directory}};
    for (const auto& [path, code] : paths) {
        try {
            (void)load_events(path);
            FAIL("no error");
        } catch (const std::system_error& error) {
            CHECK(error.code() == code);
            CHECK(std::string(error.what()).find(path.string()) != std::string::npos);
        }
    }
}

#if defined(__linux__)
TEST_CASE("a_saved_file_is_on_the_disk_before_it_takes_its_name_and_then_the_name_is") {
    const TemporaryFolder folder;
    const auto path = folder.path / "orders.jsonl";
    write_text(path, "what stood there");
    const struct stat before = SyncWatch::status_of(path);
    SyncWatch watch(path);
    save_events(path, {}, RandomEvents(5).take(20'000));
    const struct stat after = SyncWatch::status_of(path);
    REQUIRE(watch.syncs.size() == 2);
    const Sync& bytes = watch.syncs[0];
    CHECK(bytes.file == after.st_ino);
    CHECK(bytes.size == after.st_size);
    CHECK(bytes.under_name == before.st_ino);
    const Sync& name = watch.syncs[1];
    CHECK(name.file == SyncWatch::status_of(folder.path).st_ino);
    CHECK(name.under_name == after.st_ino);
}

TEST_CASE("a_sync_that_fails_is_an_error_that_names_the_file_and_leaves_what_stood_there") {
    const TemporaryFolder folder;
    const auto path = folder.path / "orders.jsonl";
    write_text(path, "what stood there");
    SyncWatch watch(path);
    watch.error = EIO;
    try {
        save_events(path, {}, two_events());
        FAIL("no error");
    } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::io_error);
        CHECK(std::string(error.what()).find(path.string()) != std::string::npos);
    }
    CHECK(read_text(path) == "what stood there");
    CHECK(folder.files() == 1);
}

TEST_CASE("a_file_system_that_cannot_sync_is_written_to_all_the_same") {
    const TemporaryFolder folder;
    const auto path = folder.path / "orders.jsonl";
    SyncWatch watch(path);
    watch.error = EINVAL;
    save_events(path, {}, two_events());
    CHECK(load_events(path).events == two_events());
}

TEST_CASE("what_is_no_regular_file_is_not_synced") {
    SyncWatch watch("/dev/null");
    save_events("/dev/null", {}, two_events());
    CHECK(watch.syncs.empty());
}

TEST_CASE("a_full_disk_is_an_error_that_names_the_file") {
    try {
        save_events("/dev/full", {}, two_events());
        FAIL("no error");
    } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::no_space_on_device);
        CHECK(std::string(error.what()).find("/dev/full") != std::string::npos);
    }
}
#endif
