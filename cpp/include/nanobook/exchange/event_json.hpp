// Events as JSON, and files of them: a header line, then one event a line, each an object named by its kind.
//
//     {"format":"nanobook-events","version":1,"engine":"0.1.0","max_rounds":100,"events":2}
//     {"SubmitLimit":{"side":"Buy","price":10000,"quantity":100,"time_in_force":"GTC"}}
//     {"Cancel":{"order_id":1}}
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/detail/json.hpp>
#include <nanobook/detail/output_file.hpp>
#include <nanobook/exchange/event.hpp>
#include <nanobook/exchange/event_file.hpp>
#include <nanobook/exchange/validation.hpp>
#include <nanobook/version.hpp>

namespace nanobook {

/// A line that cannot be taken: "orders.jsonl: line 7: price is -5; it must be at least 1".
class EventFileError : public std::runtime_error {
  public:
    /// `path` is empty for text that is in no file.
    EventFileError(std::string path, std::uint64_t line, std::string reason)
        : std::runtime_error((path.empty() ? "" : path + ": ") + "line " + std::to_string(line) + ": " + reason),
          path_(std::move(path)),
          line_(line),
          reason_(std::move(reason)) {}

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] std::uint64_t line() const noexcept { return line_; }
    /// With the column, where one is to blame.
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

  private:
    std::string path_;
    std::uint64_t line_;
    std::string reason_;
};

struct EventFile {
    EventFileHeader header;
    std::vector<Event> events;
    bool had_header = false;  ///< else the header is what one has by default
};

namespace detail {

inline constexpr std::string_view event_format = "nanobook-events";
inline constexpr std::uint32_t event_format_version = 1;

// In the order in which they are written. An execution's price has a place of its own, and may be left out.
enum class EventField : std::uint8_t {
    side,
    order_id,
    price,
    new_price,
    stop_price,
    limit_price,
    quantity,
    new_quantity,
    execution_price,
    time_in_force,
    trail_method,
    match_number,
    matching,
    printable,
    symbol,
};

inline constexpr std::array<std::string_view, 15> event_field_names{
    "side",  "order_id",      "price",        "new_price",    "stop_price", "limit_price", "quantity", "new_quantity",
    "price", "time_in_force", "trail_method", "match_number", "matching",   "printable",   "symbol"};

class EventFields {
  public:
    constexpr EventFields() = default;
    constexpr EventFields(std::initializer_list<EventField> fields) noexcept {
        for (const EventField field : fields) add(field);
    }
    constexpr void add(EventField field) noexcept { bits_ |= 1U << static_cast<unsigned>(field); }
    [[nodiscard]] constexpr bool has(EventField field) const noexcept {
        return (bits_ >> static_cast<unsigned>(field) & 1U) != 0;
    }
    [[nodiscard]] constexpr EventFields without(EventFields others) const noexcept {
        EventFields left;
        left.bits_ = bits_ & ~others.bits_;
        return left;
    }
    /// Calls `visit` until it returns true, and says which field that was for.
    template <class Visitor>
    constexpr std::optional<EventField> find(Visitor&& visit) const {
        for (std::uint32_t left = bits_; left != 0; left &= left - 1) {
            const auto field = static_cast<EventField>(std::countr_zero(left));
            if (visit(field)) return field;
        }
        return std::nullopt;
    }

  private:
    std::uint32_t bits_ = 0;
};

struct EventShape {
    std::string_view name;
    EventFields fields;
};

// By EventKind.
inline constexpr auto event_shapes = [] {
    using enum EventField;
    return std::array<EventShape, event_kinds>{{
        {"SubmitLimit", {side, price, quantity, time_in_force, matching, symbol}},
        {"SubmitMarket", {side, quantity, symbol}},
        {"Cancel", {order_id, symbol}},
        {"Reduce", {order_id, quantity, symbol}},
        {"Modify", {order_id, new_price, new_quantity, matching, symbol}},
        {"SubmitStopMarket", {side, stop_price, quantity, symbol}},
        {"SubmitStopLimit", {side, stop_price, limit_price, quantity, time_in_force, symbol}},
        {"SubmitTrailingStopMarket", {side, stop_price, quantity, trail_method, symbol}},
        {"SubmitTrailingStopLimit", {side, stop_price, limit_price, quantity, time_in_force, trail_method, symbol}},
        {"Execute", {order_id, quantity, execution_price, match_number, printable, symbol}},
        {"Trade", {side, price, quantity, match_number, symbol}},
    }};
}();

inline constexpr EventFields optional_event_fields = [] {
    using enum EventField;
    return EventFields{time_in_force, match_number, execution_price, matching, printable, symbol};
}();

[[nodiscard]] inline bool equal_in_any_case(std::string_view a, std::string_view b) noexcept {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

inline constexpr std::array<std::string_view, 2> side_names{"Buy", "Sell"};
inline constexpr std::array<std::string_view, 3> time_in_force_names{"GTC", "IOC", "FOK"};

// ---- writing

inline void append_trail(std::string& out, TrailMethod trail) {
    switch (trail.kind) {
        case TrailKind::none: out += "null"; break;
        case TrailKind::fixed:
            out += "{\"Fixed\":";
            append_integer(out, trail.distance());
            out += '}';
            break;
        case TrailKind::percentage:
            out += "{\"Percentage\":";
            append_real(out, trail.factor());
            out += '}';
            break;
        case TrailKind::atr:
            out += "{\"Atr\":{\"multiplier\":";
            append_real(out, trail.factor());
            out += ",\"period\":";
            append_integer(out, trail.period);
            out += "}}";
            break;
    }
}

inline void append_name(std::string& out, std::string_view name) {
    out += '"';
    out += name;
    out += '"';
}

inline void append_field(std::string& out, const Event& event, EventField field) {
    using enum EventField;
    switch (field) {
        case side: return append_name(out, side_names[static_cast<std::size_t>(event.side)]);
        case order_id: return append_integer(out, event.order_id());
        case price:
        case new_price:
        case stop_price:
        case execution_price: return append_integer(out, event.price);
        case limit_price: return append_integer(out, event.limit_price());
        case quantity:
        case new_quantity: return append_integer(out, event.quantity);
        case time_in_force: return append_name(out, time_in_force_names[static_cast<std::size_t>(event.time_in_force)]);
        case trail_method: return append_trail(out, event.trail());
        case match_number: return append_integer(out, event.match_number());
        // Written only where they are not what they mostly are.
        case matching:
        case printable: out += "false"; return;
        case symbol: return append_quoted(out, event.symbol.view());
    }
}

[[nodiscard]] inline bool goes_without_saying(const Event& event, EventField field) noexcept {
    switch (field) {
        case EventField::execution_price: return event.price == Event::own_price;
        case EventField::matching: return event.matching;
        case EventField::printable: return event.printable;
        case EventField::symbol: return event.symbol.text[0] == '\0';
        default: return false;
    }
}

// ---- reading

[[nodiscard]] inline std::string comes_twice(std::string_view key) {
    return "the key " + in_quotes(key) + " comes twice";
}

/// Which of `names` the string is.
template <class Enum, std::size_t count>
[[nodiscard]] Enum read_name(JsonReader& reader, std::string_view key,
                             const std::array<std::string_view, count>& names) {
    const std::string_view text = reader.string();
    for (std::size_t i = 0; i < count; ++i) {
        if (equal_in_any_case(text, names[i])) return static_cast<Enum>(i);
    }
    std::string reason = std::string(key) + " is " + in_quotes(text) + "; it must be ";
    for (std::size_t i = 0; i < count; ++i) {
        reason += (i == 0 ? "" : i + 1 == count ? " or " : ", ") + in_quotes(names[i]);
    }
    reader.refuse(reason);
}

[[nodiscard]] inline Symbol read_symbol(JsonReader& reader) {
    const std::string_view text = reader.string();
    if (const auto symbol = Symbol::parse(text)) return *symbol;
    reader.refuse("symbol is " + in_quotes(text) + "; it must be at most 8 printable ASCII characters");
}

/// A number of price units that may be written with a fraction of zero.
[[nodiscard]] inline Price read_distance(JsonReader& reader) {
    const std::string_view text = reader.number();
    double value = 0;
    // 2^63 is the first double past a Price.
    if (!JsonReader::is_whole(text) && JsonReader::to_double(text, value) && value == std::trunc(value) &&
        std::abs(value) < 0x1p63) {
        return static_cast<Price>(value);
    }
    return reader.to_integer<Price>(text, "Fixed");
}

[[nodiscard]] inline TrailMethod read_atr(JsonReader& reader) {
    std::optional<double> multiplier;
    std::optional<std::uint32_t> period;
    reader.open_object();
    while (const auto key = reader.next_key()) {
        if (*key == "multiplier" && !multiplier) {
            multiplier = reader.real("multiplier");
        } else if (*key == "period" && !period) {
            period = reader.integer<std::uint32_t>("period");
        } else {
            const bool known = *key == "multiplier" || *key == "period";
            reader.refuse(known ? comes_twice(*key) : "Atr has no key " + in_quotes(*key));
        }
    }
    if (!multiplier) throw JsonError(0, "Atr lacks the key \"multiplier\"");
    if (!period) throw JsonError(0, "Atr lacks the key \"period\"");
    return TrailMethod::atr(*multiplier, *period);
}

[[nodiscard]] inline TrailMethod read_trail(JsonReader& reader) {
    reader.open_object();
    const auto key = reader.next_key();
    if (!key) throw JsonError(0, "trail_method is empty; it must be Fixed, Percentage or Atr");
    TrailMethod trail;
    if (*key == "Fixed") {
        trail = TrailMethod::fixed(read_distance(reader));
    } else if (*key == "Percentage") {
        trail = TrailMethod::percentage(reader.real("Percentage"));
    } else if (*key == "Atr" || *key == "SmaAbsChange") {
        // The latter is what an early version called it.
        trail = read_atr(reader);
    } else {
        reader.refuse("trail_method is " + in_quotes(*key) + "; it must be Fixed, Percentage or Atr");
    }
    if (const auto another = reader.next_key()) reader.refuse("a second trail method, " + in_quotes(*another));
    return trail;
}

inline void read_field(JsonReader& reader, Event& event, EventField field) {
    using enum EventField;
    const std::string_view key = event_field_names[static_cast<std::size_t>(field)];
    switch (field) {
        case side: event.side = read_name<Side>(reader, key, side_names); break;
        case order_id: event.reference = reader.integer<OrderId>(key); break;
        case price:
        case new_price:
        case stop_price: event.price = reader.integer<Price>(key); break;
        // The least integer stands for a price that is not there.
        case execution_price: event.price = reader.integer<Price>(key, Event::own_price + 1); break;
        case limit_price: event.reference = std::bit_cast<std::uint64_t>(reader.integer<Price>(key)); break;
        case quantity:
        case new_quantity: event.quantity = reader.integer<Quantity>(key); break;
        case time_in_force: event.time_in_force = read_name<TimeInForce>(reader, key, time_in_force_names); break;
        case trail_method: {
            const TrailMethod trail = read_trail(reader);
            event.trail_kind = trail.kind;
            event.trail_period = trail.period;
            event.value = trail.bits;
            break;
        }
        case match_number: event.value = reader.integer<std::uint64_t>(key); break;
        case matching: event.matching = reader.boolean(); break;
        case printable: event.printable = reader.boolean(); break;
        case symbol: event.symbol = read_symbol(reader); break;
    }
}

/// The value of the key `name`, and what follows it to the end of the line.
[[nodiscard]] inline Event read_event(JsonReader& reader, std::string_view name) {
    const auto shape =
        std::find_if(event_shapes.begin(), event_shapes.end(), [&](const EventShape& s) { return s.name == name; });
    if (shape == event_shapes.end()) reader.refuse("there is no event " + in_quotes(name));

    Event event{static_cast<EventKind>(shape - event_shapes.begin())};
    if (event.kind == EventKind::execute) event.price = Event::own_price;
    EventFields seen;
    reader.open_object();
    while (const auto key = reader.next_key()) {
        const auto field =
            shape->fields.find([&](EventField f) { return event_field_names[static_cast<std::size_t>(f)] == *key; });
        if (!field) reader.refuse(std::string(shape->name) + " has no key " + in_quotes(*key));
        if (seen.has(*field)) reader.refuse(comes_twice(*key));
        seen.add(*field);
        read_field(reader, event, *field);
    }
    const auto missing =
        shape->fields.without(seen).without(optional_event_fields).find([](EventField) { return true; });
    if (missing) {
        throw JsonError(0, std::string(shape->name) + " lacks the key " +
                               in_quotes(event_field_names[static_cast<std::size_t>(*missing)]));
    }
    if (const auto another = reader.next_key()) reader.refuse("a second event, " + in_quotes(*another));
    reader.finish();
    if (const std::string fault = fault_of(event); !fault.empty()) throw JsonError(0, fault);
    return event;
}

}  // namespace detail

/// Appends one event, as it stands on a line of a file. It must be one that `check` finds nothing against. Fields that
/// its kind has no use for are not written.
inline void append_json(std::string& out, const Event& event) {
    const detail::EventShape& shape = detail::event_shapes[static_cast<std::size_t>(event.kind)];
    out += "{\"";
    out += shape.name;
    out += "\":";
    char separator = '{';
    shape.fields.find([&](detail::EventField field) {
        if (detail::goes_without_saying(event, field)) return false;
        out += separator;
        out += '"';
        out += detail::event_field_names[static_cast<std::size_t>(field)];
        out += "\":";
        detail::append_field(out, event, field);
        separator = ',';
        return false;
    });
    out += "}}";
}

/// The event of a line, with any white space and its keys in any order. JsonError where it is not one, or one that an
/// exchange would refuse. May be left out: time_in_force (GTC), match_number (0), the price of an Execute (the
/// order's own), matching and printable (true), symbol.
[[nodiscard]] inline Event parse_event(std::string_view line) {
    detail::JsonReader reader(line);
    reader.open_object();
    const auto name = reader.next_key();
    if (!name) throw JsonError(0, "an object without an event");
    return detail::read_event(reader, *name);
}

namespace detail {

/// Takes the lines of a file one after the other. EventFileError where one cannot be taken.
class EventLines {
  public:
    explicit EventLines(std::string path) : path_(std::move(path)) {}

    void take(std::string_view line) {
        ++line_;
        constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
        if (line_ == 1 && line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
        try {
            if (!std::exchange(begun_, true) && take_header(line)) return;
            file_.events.push_back(parse_event(line));
        } catch (const JsonError& error) {
            throw EventFileError(path_, line_, error.what());
        }
    }

    [[nodiscard]] EventFile finish() {
        if (promised_ && *promised_ != file_.events.size()) {
            throw EventFileError(path_, line_,
                                 "the file ends after event " + std::to_string(file_.events.size()) +
                                     "; its header promises " + std::to_string(*promised_) + " events");
        }
        return std::move(file_);
    }

  private:
    /// False where the line is no header: a file without one, as the original Rust project writes it.
    bool take_header(std::string_view line) {
        // What the other keys mean is the version's to say.
        if (!is_header(line)) return false;
        JsonReader reader(line);
        reader.open_object();
        while (const auto key = reader.next_key()) {
            if (*key == "symbol") {
                file_.header.symbol = read_symbol(reader);
            } else if (*key == "max_rounds") {
                file_.header.max_rounds = reader.integer<std::uint32_t>("max_rounds");
            } else if (*key == "price_scale") {
                file_.header.price_scale = reader.integer<std::uint32_t>("price_scale");
            } else if (*key == "events") {
                promised_ = reader.integer<std::uint64_t>("events");
            } else {
                reader.skip();
            }
        }
        if (const std::string fault = fault_of(file_.header); !fault.empty()) throw JsonError(0, fault);
        file_.had_header = true;
        return true;
    }

    [[nodiscard]] static bool is_header(std::string_view line) {
        JsonReader reader(line);
        std::set<std::string, std::less<>> seen;
        std::string format;
        std::uint32_t version = 0;
        reader.open_object();
        while (const auto key = reader.next_key()) {
            if (!seen.emplace(*key).second) reader.refuse(comes_twice(*key));
            if (*key == "format") {
                format = reader.string();
            } else if (*key == "version") {
                version = reader.integer<std::uint32_t>("version", 1);
            } else {
                reader.skip();
            }
        }
        reader.finish();
        if (!seen.contains("format")) return false;
        if (format != event_format) {
            throw JsonError(0, "format is " + in_quotes(format) + "; it must be " + in_quotes(event_format));
        }
        if (version == 0) throw JsonError(0, "the header lacks the key \"version\"");
        if (version > event_format_version) {
            throw JsonError(0, "version is " + std::to_string(version) +
                                   "; nanobook " NANOBOOK_VERSION " reads versions up to " +
                                   std::to_string(event_format_version));
        }
        return true;
    }

    std::string path_;
    std::uint64_t line_ = 0;
    bool begun_ = false;
    std::optional<std::uint64_t> promised_;
    EventFile file_;
};

inline void append_header(std::string& out, const EventFileHeader& header, std::uint64_t events) {
    if (const std::string fault = fault_of(header); !fault.empty()) throw std::invalid_argument(fault);
    out += "{\"format\":";
    append_quoted(out, event_format);
    out += ",\"version\":";
    append_integer(out, event_format_version);
    out += ",\"engine\":";
    append_quoted(out, version);
    if (header.symbol != Symbol{}) {
        out += ",\"symbol\":";
        append_quoted(out, header.symbol.view());
    }
    out += ",\"max_rounds\":";
    append_integer(out, header.max_rounds);
    if (header.price_scale) {
        out += ",\"price_scale\":";
        append_integer(out, *header.price_scale);
    }
    // So that a file cut off between two lines is known for one.
    out += ",\"events\":";
    append_integer(out, events);
    out += "}\n";
}

template <class Range>
concept EventRange =
    std::ranges::forward_range<Range> && std::convertible_to<std::ranges::range_reference_t<Range>, const Event&>;

/// Appends to `out`, and calls `after_line` after each line.
template <EventRange Events, class AfterLine>
void append_lines(std::string& out, const EventFileHeader& header, Events&& events, AfterLine&& after_line) {
    append_header(out, header, static_cast<std::uint64_t>(std::ranges::distance(events)));
    std::uint64_t number = 0;
    for (const Event& event : events) {
        ++number;
        if (const std::string fault = fault_of(event); !fault.empty()) {
            throw std::invalid_argument("event " + std::to_string(number) + ": " + fault);
        }
        append_json(out, event);
        out += '\n';
        after_line();
    }
}

}  // namespace detail

/// The text of a file. std::invalid_argument where an event is one that an exchange would refuse.
template <detail::EventRange Events>
[[nodiscard]] std::string to_json_lines(const EventFileHeader& header, Events&& events) {
    std::string text;
    detail::append_lines(text, header, events, [] {});
    return text;
}

/// The events of such a text, blank lines skipped. EventFileError where a line is wrong, or where the header promises
/// another number of events. A text without a header is taken too.
[[nodiscard]] inline EventFile from_json_lines(std::string_view text, std::string path = {}) {
    detail::EventLines lines(std::move(path));
    while (!text.empty()) {
        const std::size_t length = std::min(text.find('\n'), text.size());
        lines.take(text.substr(0, length));
        text.remove_prefix(std::min(length + 1, text.size()));
    }
    return lines.finish();
}

/// Writes a file that appears under its name only when it is whole: where this fails, a file that stood there still
/// stands. std::system_error naming the file; std::invalid_argument as above.
template <detail::EventRange Events>
void save_events(const std::filesystem::path& path, const EventFileHeader& header, Events&& events) {
    constexpr std::size_t enough = std::size_t{1} << 16;
    detail::OutputFile file(path);
    std::string buffer;
    const auto write = [&] {
        std::memcpy(file.extend(buffer.size()), buffer.data(), buffer.size());
        buffer.clear();
    };
    detail::append_lines(buffer, header, events, [&] {
        if (buffer.size() >= enough) write();
    });
    write();
    file.commit();
}

/// Reads a file line by line: it may be larger than what memory holds twice. EventFileError as above;
/// std::system_error naming the file where it cannot be read.
[[nodiscard]] inline EventFile load_events(const std::filesystem::path& path) {
    const auto fail = [&](std::errc otherwise) {
        const auto error =
            errno != 0 ? std::error_code(errno, std::generic_category()) : std::make_error_code(otherwise);
        throw std::system_error(error, path.string());
    };
    errno = 0;
    // Not all systems refuse to open a folder.
    if (std::filesystem::is_directory(path)) fail(std::errc::is_a_directory);
    std::ifstream file(path, std::ios::binary);
    if (!file) fail(std::errc::io_error);
    detail::EventLines lines(path.string());
    for (std::string line; std::getline(file, line);) lines.take(line);
    if (file.bad()) fail(std::errc::io_error);
    return lines.finish();
}

}  // namespace nanobook
