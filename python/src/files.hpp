// What goes wrong with files, as Python says it.
#pragma once

#include <nanobind/nanobind.h>

#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "arguments.hpp"

/// FileNotFoundError and its kin, as Python's own open() raises them.
[[noreturn]] inline void raise_os_error(const std::system_error& error, const std::filesystem::path& path) {
    errno = error.code().value();
    PyErr_SetFromErrnoWithFilename(PyExc_OSError, path.c_str());
    throw nanobind::python_error();
}

/// What `work` does with a file: failures of the system are OSError, of the file's content ValueError.
template <class Work>
auto with_file(const std::filesystem::path& path, Work&& work) {
    try {
        return work();
    } catch (const std::system_error& error) {
        raise_os_error(error, path);
    } catch (const nanobind::python_error&) {
        throw;
    } catch (const std::runtime_error& error) {
        raise_value_error(error.what());
    }
}
