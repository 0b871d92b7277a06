// The StrEnums of nanobook._enums, as C++ sees them.
#include <nanobind/nanobind.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "arguments.hpp"
#include "bind.hpp"

namespace nb = nanobind;

namespace {

bool is_same(std::string_view word, std::string_view lower_case) noexcept {
    return word.size() == lower_case.size() &&
           std::equal(word.begin(), word.end(), lower_case.begin(),
                      [](unsigned char a, char b) { return std::tolower(a) == static_cast<unsigned char>(b); });
}

void load(const nb::module_& enums, Words& words) {
    std::size_t i = 0;
    for (nb::handle member : enums.attr(words.name)) {
        words.members.at(i) = nb::borrow(member).release().ptr();
        words.interned.at(i) = PyUnicode_InternFromString(nb::str(member).c_str());
        ++i;
    }
}

}  // namespace

int Words::find(std::string_view word) const noexcept {
    for (std::size_t i = 0; i < count; ++i) {
        if (is_same(word, spellings[i]) || (!others[i].empty() && is_same(word, others[i]))) return static_cast<int>(i);
    }
    return -1;
}

int Words::find(PyObject* word) const noexcept {
    for (std::size_t i = 0; i < count; ++i) {
        if (word == members[i] || word == interned[i]) return static_cast<int>(i);
    }
    if (!PyUnicode_Check(word)) return -1;
    Py_ssize_t size = 0;
    const char* const text = PyUnicode_AsUTF8AndSize(word, &size);
    if (text == nullptr) {
        PyErr_Clear();
        return -1;
    }
    return find(std::string_view(text, static_cast<std::size_t>(size)));
}

void load_words() {
    const nb::module_ enums = nb::module_::import_("nanobook._enums");
    load(enums, WordsOf<nanobook::Side>::words);
    load(enums, WordsOf<nanobook::TimeInForce>::words);
    load(enums, WordsOf<nanobook::TrailKind>::words);
    load(enums, WordsOf<nanobook::OrderStatus>::words);
    load(enums, WordsOf<nanobook::OrderError>::words);
}
