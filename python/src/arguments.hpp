// Arguments that are checked with a sentence: words in any case, and whole numbers of any size.
#pragma once

#include <nanobind/nanobind.h>

#include <array>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <nanobook/core/order.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/exchange/event.hpp>
#include <nanobook/exchange/results.hpp>

[[noreturn]] inline void raise_value_error(const std::string& message) { throw nanobind::value_error(message.c_str()); }

/// A str as UTF-8; UnicodeEncodeError where it has half a character.
[[nodiscard]] inline std::string to_utf8(nanobind::handle text) {
    Py_ssize_t size = 0;
    const char* const letters = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
    if (letters == nullptr) throw nanobind::python_error();
    return {letters, static_cast<std::size_t>(size)};
}

/// The pairs of a dict, held: what Python code does to the dict meanwhile does not matter.
[[nodiscard]] inline nanobind::list items_of(nanobind::handle dict) {
    return nanobind::steal<nanobind::list>(PyDict_Items(dict.ptr()));
}

/// The members of a StrEnum of nanobook._enums, in the order of the C++ enumerators. `spellings` are what is taken for
/// each, in lower case.
struct Words {
    const char* name;
    std::array<std::string_view, 6> spellings;
    std::array<std::string_view, 6> others;
    std::size_t count;
    // For as long as the process lives: the members, and the plain words as a program's text has them.
    std::array<PyObject*, 6> members{};
    std::array<PyObject*, 6> interned{};

    /// -1 for any other word.
    [[nodiscard]] int find(PyObject* word) const noexcept;
    [[nodiscard]] int find(std::string_view word) const noexcept;
};

/// Which words an enum has; the enumerator `first` has the first.
template <class Enum>
struct WordsOf;
template <>
struct WordsOf<nanobook::Side> {
    static constexpr auto signature = nanobind::detail::const_name("nanobook._enums.Side | str");
    static inline Words words{"Side", {"buy", "sell"}, {"b", "s"}, 2};
    static constexpr int first = 0;
};
template <>
struct WordsOf<nanobook::TimeInForce> {
    static constexpr auto signature = nanobind::detail::const_name("nanobook._enums.TimeInForce | str");
    static inline Words words{"TimeInForce", {"gtc", "ioc", "fok"}, {}, 3};
    static constexpr int first = 0;
};
template <>
struct WordsOf<nanobook::TrailKind> {
    static constexpr auto signature = nanobind::detail::const_name("nanobook._enums.TrailType | str");
    static inline Words words{"TrailType", {"fixed", "percentage", "atr"}, {"", "pct"}, 3};
    static constexpr int first = 1;
};
template <>
struct WordsOf<nanobook::OrderStatus> {
    static inline Words words{
        "OrderStatus", {"new", "partiallyfilled", "filled", "cancelled", "pending", "triggered"}, {}, 6};
    static constexpr int first = 0;
};
template <>
struct WordsOf<nanobook::OrderError> {
    static inline Words words{"OrderError", {"ordernotfound", "ordernotactive", "invalidquantity"}, {}, 3};
    static constexpr int first = 1;
};

template <class Enum>
[[nodiscard]] nanobind::object to_word(Enum value) {
    const auto at = static_cast<std::size_t>(static_cast<int>(value) - WordsOf<Enum>::first);
    return nanobind::borrow(WordsOf<Enum>::words.members[at]);
}
[[nodiscard]] inline nanobind::object to_word(nanobook::OrderError error) {
    if (error == nanobook::OrderError::none) return nanobind::none();
    return to_word<nanobook::OrderError>(error);
}

/// "side is 'x'; it is one of buy, sell"
template <class Enum>
[[noreturn]] void raise_unknown_word(const char* argument, const std::string& given) {
    std::string message = std::string(argument) + " is " + given + "; it is one of ";
    const Words& words = WordsOf<Enum>::words;
    for (std::size_t i = 0; i < words.count; ++i) {
        message += (i == 0 ? "" : ", ") + std::string(words.spellings[i]);
    }
    raise_value_error(message);
}

/// A word as an argument. `get` raises ValueError where it is unknown.
template <class Enum>
struct Word {
    int found;
    nanobind::handle given;

    [[nodiscard]] Enum get(const char* argument) const {
        if (found < 0) [[unlikely]]
            raise_unknown_word<Enum>(argument, nanobind::repr(given).c_str());
        return static_cast<Enum>(found + WordsOf<Enum>::first);
    }
};

/// A whole number as an argument. `get` raises ValueError where it does not fit.
template <std::integral Number>
struct Whole {
    Number value;
    bool fits;
    nanobind::handle given;

    [[nodiscard]] Number get(const char* argument, int least = 1) const {
        if (!fits) [[unlikely]] {
            if (PyFloat_Check(given.ptr())) {
                const std::string message =
                    std::string(argument) + " is " + nanobind::str(given).c_str() + "; it must be a whole number";
                throw nanobind::type_error(message.c_str());
            }
            raise_value_error(std::string(argument) + " is " + nanobind::str(given).c_str() + "; it must be from " +
                              std::to_string(least) + " to " + std::to_string(std::numeric_limits<Number>::max()));
        }
        return value;
    }
};

namespace nanobind::detail {

template <class Enum>
struct type_caster<Word<Enum>> {
    NB_TYPE_CASTER(Word<Enum>, WordsOf<Enum>::signature)

    bool from_python(handle source, std::uint8_t, cleanup_list*) noexcept {
        value.given = source;
        value.found = WordsOf<Enum>::words.find(source.ptr());
        return value.found >= 0 || PyUnicode_Check(source.ptr());
    }
    static handle from_cpp(const Word<Enum>& word, rv_policy, cleanup_list*) noexcept {
        return to_word(static_cast<Enum>(word.found + WordsOf<Enum>::first)).release();
    }
};

template <std::integral Number>
struct type_caster<Whole<Number>> {
    NB_TYPE_CASTER(Whole<Number>, const_name("int"))

    bool from_python(handle source, std::uint8_t, cleanup_list*) noexcept {
        object index;
        value.given = source;
        if (!PyLong_Check(source.ptr())) [[unlikely]] {
            // NumPy's integers and the like; no float is one.
            index = steal(PyNumber_Index(source.ptr()));
            if (!index.is_valid()) {
                PyErr_Clear();
                value.fits = false;
                return PyFloat_Check(source.ptr());
            }
            source = index;
        }
        if constexpr (std::is_signed_v<Number>) {
            const long long number = PyLong_AsLongLong(source.ptr());
            value.fits = number != -1 || PyErr_Occurred() == nullptr;
            value.value = static_cast<Number>(number);
        } else {
            const unsigned long long number = PyLong_AsUnsignedLongLong(source.ptr());
            value.fits = number != static_cast<unsigned long long>(-1) || PyErr_Occurred() == nullptr;
            value.value = static_cast<Number>(number);
            value.fits &= value.value == number;
        }
        if (!value.fits) PyErr_Clear();
        return true;
    }
    static handle from_cpp(const Whole<Number>& whole, rv_policy, cleanup_list*) noexcept {
        return std::is_signed_v<Number> ? PyLong_FromLongLong(static_cast<long long>(whole.value))
                                        : PyLong_FromUnsignedLongLong(whole.value);
    }
};

}  // namespace nanobind::detail
