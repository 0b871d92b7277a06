# One function per dependency: found on the machine first, fetched second, pinned, never committed.
# The engine itself depends on the standard library only; everything here serves tests, benchmarks and bindings.
include(FetchContent)

# C++ tests: doctest-dev on Debian and Ubuntu.
# Gives doctest::doctest.
function(nanobook_find_doctest)
  # 2.4.12 is the first release that current CMake versions configure without complaint.
  FetchContent_Declare(
    doctest
    GIT_REPOSITORY https://github.com/doctest/doctest.git
    GIT_TAG v2.4.12
    GIT_SHALLOW TRUE
    FIND_PACKAGE_ARGS 2.4)
  set(DOCTEST_WITH_TESTS OFF)
  set(DOCTEST_WITH_MAIN_IN_STATIC_LIB OFF)
  set(DOCTEST_NO_INSTALL ON)
  nanobook_make_available(doctest doctest)
endfunction()

# C++ benchmarks: libbenchmark-dev on Debian and Ubuntu.
# Gives benchmark::benchmark and benchmark::benchmark_main.
function(nanobook_find_benchmark)
  FetchContent_Declare(
    benchmark
    GIT_REPOSITORY https://github.com/google/benchmark.git
    GIT_TAG v1.9.4
    GIT_SHALLOW TRUE
    FIND_PACKAGE_ARGS 1.7)
  set(BENCHMARK_ENABLE_TESTING OFF)
  set(BENCHMARK_ENABLE_INSTALL OFF)
  set(BENCHMARK_ENABLE_WERROR OFF)
  nanobook_make_available(benchmark benchmark)
endfunction()

# What the two above share: options set as plain variables reach the fetched project, and its headers, like those of a
# found package, are not ours to warn about.
function(nanobook_make_available name target)
  set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)
  FetchContent_MakeAvailable(${name})
  if(NOT ${name}_FOUND)
    set_target_properties(${target} PROPERTIES SYSTEM TRUE)
  endif()
endfunction()

# Python bindings: nanobind comes as a build requirement of the wheel (pyproject.toml), and in a plain CMake build from
# the Python that is found. Gives nanobind_add_module(). A macro: find_package must leave its variables to the caller.
macro(nanobook_find_nanobind)
  # scikit-build-core names the stable ABI component where its CMake knows it; older ones need it on Windows only.
  find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Module ${SKBUILD_SABI_COMPONENT})
  if(NOT nanobind_DIR)
    execute_process(
      COMMAND "${Python_EXECUTABLE}" -m nanobind --cmake_dir
      OUTPUT_STRIP_TRAILING_WHITESPACE
      OUTPUT_VARIABLE nanobind_DIR
      RESULT_VARIABLE _nanobind_missing)
    if(_nanobind_missing)
      message(FATAL_ERROR "${Python_EXECUTABLE} has no nanobind: run \"${Python_EXECUTABLE} -m pip install nanobind\"")
    endif()
  endif()
  find_package(nanobind 3.1 CONFIG REQUIRED)
endmacro()
