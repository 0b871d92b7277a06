// JSON (RFC 8259), strictly, one value after the other: no tree is built, and whoever reads says what must come.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#if defined(_LIBCPP_VERSION) && _LIBCPP_VERSION < 200000
#include <locale>
#include <sstream>
#endif

namespace nanobook {

/// Text that is not JSON, or not the JSON that is wanted.
class JsonError : public std::runtime_error {
  public:
    /// The column counts bytes from 1; 0 where the reason is about the whole text.
    JsonError(std::size_t column, const std::string& reason)
        : std::runtime_error(column == 0 ? reason : "column " + std::to_string(column) + ": " + reason),
          column_(column) {}

    [[nodiscard]] std::size_t column() const noexcept { return column_; }

  private:
    std::size_t column_;
};

namespace detail {

/// For a message: shortened, and with nothing in it that a terminal would obey.
[[nodiscard]] inline std::string legible(std::string_view text) {
    constexpr std::size_t longest = 40;
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (const char c : text.substr(0, longest)) {
        if (c >= ' ' && c <= '~') {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
        }
    }
    return text.size() > longest ? out + "..." : out;
}
[[nodiscard]] inline std::string in_quotes(std::string_view text) { return '"' + legible(text) + '"'; }

/// A pull reader. Whatever is read is read with the white space before it; all functions throw JsonError.
class JsonReader {
  public:
    explicit JsonReader(std::string_view text) noexcept
        : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), value_(begin_) {}

    char peek() noexcept {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\r' || *at_ == '\n')) ++at_;
        return at_ == end_ ? '\0' : *at_;
    }

    void open_object() {
        expect('{', "an object");
        empty_so_far_ = true;
    }

    /// The next key of the object, with its colon; none where the object ends. Good until the next string.
    [[nodiscard]] std::optional<std::string_view> next_key() {
        const char next = peek();
        if (next == '}') {
            ++at_;
            empty_so_far_ = false;
            return std::nullopt;
        }
        if (!empty_so_far_) expect(',', "',' or '}'");
        empty_so_far_ = false;
        if (peek() != '"') fail("a key");
        const std::string_view key = string();
        const char* const place = value_;
        expect(':', "':'");
        value_ = place;
        return key;
    }

    void open_array() {
        expect('[', "an array");
        empty_so_far_ = true;
    }

    /// Whether there is one more value in the array, which is to be read next.
    [[nodiscard]] bool next_item() {
        if (peek() == ']') {
            ++at_;
            empty_so_far_ = false;
            return false;
        }
        if (!empty_so_far_) expect(',', "',' or ']'");
        empty_so_far_ = false;
        return true;
    }

    /// Good until the next string.
    [[nodiscard]] std::string_view string() {
        expect('"', "a string");
        const char* const start = at_;
        while (at_ != end_ && *at_ != '"' && *at_ != '\\' && !is_control(*at_)) ++at_;
        if (at_ != end_ && *at_ == '"') {
            ++at_;
            return {start, static_cast<std::size_t>(at_ - 1 - start)};
        }
        return string_with_escapes(start);
    }

    [[nodiscard]] bool boolean() {
        const bool value = peek() == 't';
        word(value ? "true" : "false", "true or false");
        return value;
    }

    /// A number as it is written.
    [[nodiscard]] std::string_view number() {
        peek();
        value_ = at_;
        if (at_ != end_ && *at_ == '-') ++at_;
        const char* const whole = at_;
        digits();
        if (at_ - whole > 1 && *whole == '0') refuse("a number does not begin with 0");
        if (at_ != end_ && *at_ == '.') {
            ++at_;
            digits();
        }
        if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
            ++at_;
            if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
            digits();
        }
        return {value_, static_cast<std::size_t>(at_ - value_)};
    }

    /// `name` says in a message what the number is.
    template <std::integral Integer>
    [[nodiscard]] Integer integer(std::string_view name, Integer least = std::numeric_limits<Integer>::min()) {
        return to_integer(number(), name, least);
    }

    /// Of a number that was just read.
    template <std::integral Integer>
    [[nodiscard]] Integer to_integer(std::string_view text, std::string_view name,
                                     Integer least = std::numeric_limits<Integer>::min()) const {
        Integer value{};
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error == std::errc{} && end == text.data() + text.size() && value >= least) return value;
        std::string range;
        if (is_whole(text)) {
            range = " from " + std::to_string(least) + " to " + std::to_string(std::numeric_limits<Integer>::max());
        }
        refuse(std::string(name) + " is " + legible(text) + "; it must be a whole number" + range);
    }

    [[nodiscard]] double real(std::string_view name) {
        const std::string_view text = number();
        double value = 0;
        if (to_double(text, value)) return value;
        refuse(std::string(name) + " is " + legible(text) + "; it is out of the range of a number");
    }

    /// Passes over a value of any kind.
    void skip(int depth = 64) {
        const char first = peek();
        if (depth == 0) throw JsonError(column(at_), "the objects are nested too deeply");
        switch (first) {
            case '{':
                open_object();
                while (next_key()) skip(depth - 1);
                break;
            case '[':
                ++at_;
                if (peek() == ']') {
                    ++at_;
                    break;
                }
                for (skip(depth - 1); peek() == ','; skip(depth - 1)) ++at_;
                expect(']', "',' or ']'");
                break;
            case '"': (void)string(); break;
            case 't':
            case 'f': (void)boolean(); break;
            case 'n': word("null", "null"); break;
            default:
                if (first != '-' && (first < '0' || first > '9')) fail("a value");
                (void)number();
        }
    }

    void finish() {
        peek();
        if (at_ != end_) fail("the end of the line");
    }

    /// Of what was read last, that is of its first character.
    [[noreturn]] void refuse(const std::string& reason) const { throw JsonError(column(value_), reason); }

    [[nodiscard]] static bool is_whole(std::string_view number) noexcept {
        return number.find_first_of(".eE") == std::string_view::npos;
    }

    [[nodiscard]] static bool to_double(std::string_view text, double& value) {
#if defined(_LIBCPP_VERSION) && _LIBCPP_VERSION < 200000
        // This library has from_chars for integers only.
        std::istringstream stream{std::string(text)};
        stream.imbue(std::locale::classic());
        return static_cast<bool>(stream >> value);
#else
        return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc{};
#endif
    }

  private:
    [[nodiscard]] static bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < ' '; }

    [[nodiscard]] std::size_t column(const char* place) const noexcept {
        return static_cast<std::size_t>(place - begin_) + 1;
    }

    [[noreturn]] void fail(std::string_view wanted) const {
        const std::string found = at_ == end_ ? "the end of the line" : "'" + legible({at_, 1}) + "'";
        throw JsonError(column(at_), "expected " + std::string(wanted) + ", found " + found);
    }

    void expect(char c, std::string_view wanted) {
        if (peek() != c) fail(wanted);
        value_ = at_++;
    }

    void word(std::string_view text, std::string_view wanted) {
        peek();
        if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).substr(0, text.size()) != text) fail(wanted);
        value_ = at_;
        at_ += text.size();
    }

    void digits() {
        if (at_ == end_ || *at_ < '0' || *at_ > '9') fail(at_ == value_ ? "a number" : "a digit");
        while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    }

    [[nodiscard]] std::string_view string_with_escapes(const char* start) {
        const char* const opened = value_;
        unescaped_.assign(start, at_);
        for (;;) {
            if (at_ == end_ || is_control(*at_)) fail("the end of the string");
            const char c = *at_++;
            if (c == '"') break;
            if (c != '\\') {
                unescaped_ += c;
                continue;
            }
            value_ = at_ - 1;
            constexpr std::string_view escapes = "\"\\/bfnrt";
            constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
            const auto which = at_ == end_ ? std::string_view::npos : escapes.find(*at_);
            if (which != std::string_view::npos) {
                ++at_;
                unescaped_ += meanings[which];
            } else {
                append_utf8(code_point());
            }
        }
        value_ = opened;
        return unescaped_;
    }

    /// Of an escape u, at whose u the reader stands; two of them where the first is half a character.
    [[nodiscard]] std::uint32_t code_point() {
        const std::uint32_t first = code_unit();
        if (first < 0xd800 || first > 0xdfff) return first;
        if (first <= 0xdbff && at_ != end_ && *at_ == '\\') {
            ++at_;
            const std::uint32_t second = code_unit();
            if (second >= 0xdc00 && second <= 0xdfff) return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        }
        refuse("half of a character beyond U+FFFF");
    }

    [[nodiscard]] std::uint32_t code_unit() {
        constexpr std::ptrdiff_t length = 5;
        std::uint32_t unit = 0;
        if (end_ - at_ < length || *at_ != 'u') refuse("no such escape");
        const auto [end, error] = std::from_chars(at_ + 1, at_ + length, unit, 16);
        if (error != std::errc{} || end != at_ + length) refuse("no such escape");
        at_ = end;
        return unit;
    }

    void append_utf8(std::uint32_t point) {
        const auto add = [&](std::uint32_t byte) { unescaped_ += static_cast<char>(byte); };
        const auto rest = [&](int shift) { add(0x80 | (point >> shift & 0x3f)); };
        if (point < 0x80) {
            add(point);
        } else if (point < 0x800) {
            add(0xc0 | point >> 6);
            rest(0);
        } else if (point < 0x10000) {
            add(0xe0 | point >> 12);
            rest(6);
            rest(0);
        } else {
            add(0xf0 | point >> 18);
            rest(12);
            rest(6);
            rest(0);
        }
    }

    const char* begin_;
    const char* at_;
    const char* end_;
    const char* value_;  // where what was read last begins
    bool empty_so_far_ = false;
    std::string unescaped_;
};

inline void append_integer(std::string& out, std::integral auto number) {
    char text[24];
    out.append(text, std::to_chars(text, text + sizeof text, number).ptr);
}

/// The shortest digits that read back as the same number; a whole one keeps its ".0". Finite.
inline void append_real(std::string& out, double number) {
    const double size = number < 0 ? -number : number;
    const bool plain = number == 0 || (size >= 1e-5 && size < 1e16);
    const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
    char text[32];
    const char* const end = std::to_chars(text, text + sizeof text, number, format).ptr;
    const std::string_view digits(text, static_cast<std::size_t>(end - text));
    out += digits;
    if (JsonReader::is_whole(digits)) out += ".0";
}

inline void append_quoted(std::string& out, std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') out += '\\';
        if (byte >= ' ') {
            out += c;
        } else {
            out += {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
        }
    }
    out += '"';
}

}  // namespace detail
}  // namespace nanobook
