// The one statement of the version: CMake and the Python package read it from here.
#pragma once

#define NANOBOOK_VERSION "0.1.0"

namespace nanobook {

inline constexpr const char* version = NANOBOOK_VERSION;

}  // namespace nanobook
