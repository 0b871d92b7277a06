// A Total becomes a Python int, exactly.
#pragma once

#include <nanobind/nanobind.h>

#include <nanobook/core/total.hpp>

namespace nanobind::detail {

template <>
struct type_caster<nanobook::Total> {
    NB_TYPE_CASTER(nanobook::Total, const_name("int"))

    bool from_python(handle, std::uint8_t, cleanup_list*) noexcept { return false; }

    static handle from_cpp(nanobook::Total total, rv_policy, cleanup_list*) noexcept {
        if (total.high == 0) [[likely]]
            return PyLong_FromUnsignedLongLong(total.low);
        object high = steal(PyLong_FromUnsignedLongLong(total.high));
        object bits = steal(PyLong_FromLong(64));
        object low = steal(PyLong_FromUnsignedLongLong(total.low));
        object shifted = steal(PyNumber_Lshift(high.ptr(), bits.ptr()));
        return PyNumber_Or(shifted.ptr(), low.ptr());
    }
};

}  // namespace nanobind::detail
