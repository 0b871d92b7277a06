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

# Arrow in the bindings: a nanoarrow that is installed, else the bundle of its sources. Python must have been found.
# Gives nanoarrow::nanoarrow_static, for our module alone.
function(nanobook_find_nanoarrow)
  find_package(nanoarrow 0.9.0 CONFIG QUIET)
  if(TARGET nanoarrow::nanoarrow_static)
    return()
  endif()
  nanobook_bundle_nanoarrow(bundle)
  add_library(nanobook_nanoarrow STATIC EXCLUDE_FROM_ALL "${bundle}/nanoarrow/nanoarrow.cc")
  add_library(nanoarrow::nanoarrow_static ALIAS nanobook_nanoarrow)
  target_include_directories(nanobook_nanoarrow SYSTEM PUBLIC "${bundle}")
  target_compile_features(nanobook_nanoarrow PUBLIC cxx_std_20)
  # Without the definition every function is marked as one to export, which no compiler option can undo.
  target_compile_definitions(nanobook_nanoarrow PUBLIC NANOARROW_DLL=)
  set_target_properties(nanobook_nanoarrow PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden
                                                      VISIBILITY_INLINES_HIDDEN ON)
endfunction()

# Sets `result` to a folder that holds nanoarrow/nanoarrow.{h,hpp,cc}, as nanoarrow's own script bundles them. It is kept
# outside the build folder: a build in isolation, as pip makes it, has a new one every time.
function(nanobook_bundle_nanoarrow result)
  set(NANOBOOK_CACHE "" CACHE PATH "Keeps fetched sources; if empty, $NANOBOOK_CACHE, else nanobook in the user's cache")
  set(name nanoarrow-0.9.0)
  set(cache "${NANOBOOK_CACHE}")
  if(NOT cache)
    set(cache "$ENV{NANOBOOK_CACHE}")
  endif()
  if(NOT cache AND NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
    set(cache "$ENV{XDG_CACHE_HOME}/nanobook")
  elseif(NOT cache)
    set(cache "$ENV{HOME}/.cache/nanobook")
  endif()
  cmake_path(ABSOLUTE_PATH cache BASE_DIRECTORY "${CMAKE_BINARY_DIR}")

  if(NOT EXISTS "${cache}/${name}")
    # Everything is made in a folder of its own and then renamed: builds at the same time do not see each other's halves.
    string(RANDOM LENGTH 12 suffix)
    execute_process(COMMAND "${CMAKE_COMMAND}" -E make_directory "${cache}/${name}.${suffix}" RESULT_VARIABLE unwritable
                    ERROR_QUIET)
    if(unwritable)
      set(cache "${CMAKE_BINARY_DIR}")
    endif()
    set(work "${cache}/${name}.${suffix}")
    message(STATUS "Fetching ${name} into ${cache}")
    nanobook_fetch_nanoarrow("${work}" source)
    execute_process(
      COMMAND "${Python_EXECUTABLE}" ci/scripts/bundle.py --cpp --symbol-namespace Nanobook --header-namespace nanoarrow/
              --include-output-dir "${work}/bundle" --source-output-dir "${work}/bundle/nanoarrow"
      WORKING_DIRECTORY "${source}"
      RESULT_VARIABLE failed
      ERROR_VARIABLE reason)
    if(failed)
      message(FATAL_ERROR "The sources of ${name} in ${source} could not be bundled:\n${reason}")
    endif()
    # This fails where another build was first, and then there is what we wanted.
    file(RENAME "${work}/bundle" "${cache}/${name}" RESULT failed)
    file(REMOVE_RECURSE "${work}")
    if(NOT EXISTS "${cache}/${name}")
      message(FATAL_ERROR "${cache}/${name} could not be made: ${failed}")
    endif()
  endif()
  set(${result} "${cache}/${name}" PARENT_SCOPE)
endfunction()

# Sets `result` to a folder with nanoarrow's sources: those in the sdist of its Python package, because every machine that
# could install our build requirements has a package index; else those on GitHub.
function(nanobook_fetch_nanoarrow work result)
  if(NOT FETCHCONTENT_SOURCE_DIR_NANOARROW)
    nanobook_download_nanoarrow("${work}" failure)
    if(NOT failure)
      set(${result} "${work}/nanoarrow-0.9.0/subprojects/arrow-nanoarrow" PARENT_SCOPE)
      return()
    endif()
    file(REMOVE_RECURSE "${work}")
    message(
      WARNING
        "\"${Python_EXECUTABLE} -m pip download\" could not get the sdist of nanoarrow 0.9.0:\n${failure}\n"
        "GitHub is tried next. If that fails too, do one of these and build again:\n"
        "  - point pip at a package index that serves nanoarrow, in its configuration or by PIP_INDEX_URL;\n"
        "  - install the nanoarrow 0.9.0 C library and name its place in CMAKE_PREFIX_PATH;\n"
        "  - unpack its sources and name the folder in FETCHCONTENT_SOURCE_DIR_NANOARROW;\n"
        "  - copy ~/.cache/nanobook from a machine where the build works.")
  endif()
  FetchContent_Declare(
    nanoarrow
    GIT_REPOSITORY https://github.com/apache/arrow-nanoarrow.git
    GIT_TAG apache-arrow-nanoarrow-0.9.0
    GIT_SHALLOW TRUE
    # Nothing is built there: only the sources are wanted.
    SOURCE_SUBDIR only-the-sources)
  FetchContent_MakeAvailable(nanoarrow)
  set(${result} "${nanoarrow_SOURCE_DIR}" PARENT_SCOPE)
endfunction()

# Downloads nanoarrow's sdist with pip, whose index, proxy and credentials are the user's own, and unpacks it in `work`.
# Sets `failure` to what went wrong, if something did.
function(nanobook_download_nanoarrow work failure)
  set(sha256 1ce15bbed8532839347faa78824c5dbd3769bff60661003e34c6fba5dd881bd3)
  file(WRITE "${work}/requirements.txt" "nanoarrow==0.9.0 --hash=sha256:${sha256}\n")
  # pip does not download an sdist without asking its build backend for metadata, which would install meson and compile
  # for half a minute. So this stands where that backend is looked for, and answers at once.
  file(
    WRITE "${work}/backend/mesonpy.py"
    "import pathlib\n"
    "def prepare_metadata_for_build_wheel(folder, config_settings=None):\n"
    "    info = pathlib.Path(folder, 'nanoarrow-0.9.0.dist-info')\n"
    "    info.mkdir()\n"
    "    info.joinpath('METADATA').write_text('Metadata-Version: 2.1\\nName: nanoarrow\\nVersion: 0.9.0\\n')\n"
    "    return info.name\n"
    "def build_wheel(*_):\n"
    "    raise NotImplementedError\n")

  # The Python of an isolated build may have no pip, or one that its PYTHONPATH hides; the venv module brings its own.
  set(python "${CMAKE_COMMAND}" -E env "PYTHONPATH=${work}/backend" PIP_REQUIRE_VIRTUALENV=0 "${Python_EXECUTABLE}")
  execute_process(COMMAND ${python} -m pip --version RESULT_VARIABLE no_pip OUTPUT_QUIET ERROR_QUIET)
  if(no_pip)
    execute_process(COMMAND ${python} -m venv "${work}/venv" OUTPUT_QUIET ERROR_QUIET)
    list(POP_BACK python)
    list(APPEND python "${work}/venv/bin/python")
  endif()
  execute_process(
    COMMAND ${python} -m pip download --quiet --no-input --disable-pip-version-check --no-deps --no-build-isolation
            --no-binary nanoarrow --requirement requirements.txt
    WORKING_DIRECTORY "${work}"
    RESULT_VARIABLE failed
    ERROR_VARIABLE reason)
  if(failed)
    set(${failure} "${failed} ${reason}" PARENT_SCOPE)
    return()
  endif()
  set(${failure} "" PARENT_SCOPE)
  file(ARCHIVE_EXTRACT INPUT "${work}/nanoarrow-0.9.0.tar.gz" DESTINATION "${work}"
       PATTERNS "*/subprojects/arrow-nanoarrow/*")
endfunction()
