# Sets NANOBOOK_VERSION from version.hpp, so that the version is stated once for C++, CMake and Python.
set(_nanobook_version_header "${CMAKE_CURRENT_LIST_DIR}/../cpp/include/nanobook/version.hpp")
file(STRINGS "${_nanobook_version_header}" _nanobook_version_line REGEX "#define NANOBOOK_VERSION ")
if(NOT _nanobook_version_line MATCHES "\"([0-9]+\\.[0-9]+\\.[0-9]+)\"")
  message(FATAL_ERROR "No version of the form \"1.2.3\" in ${_nanobook_version_header}")
endif()
set(NANOBOOK_VERSION "${CMAKE_MATCH_1}")
# A new version must reconfigure, or the package files would keep the old one.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${_nanobook_version_header}")
