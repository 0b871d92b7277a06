# Warnings are ours alone: they are set on our tests, benchmarks and module, never on the interface target a consumer links.
option(NANOBOOK_WERROR "Treat warnings in nanobook's own targets as errors (on in the presets and in CI)" OFF)

function(nanobook_set_warnings target)
  if(MSVC)
    target_compile_options(${target} PRIVATE /W4 /permissive- $<$<BOOL:${NANOBOOK_WERROR}>:/WX>)
  else()
    # -Wconversion because money, quantities and times are integers of different widths.
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor
                                             $<$<BOOL:${NANOBOOK_WERROR}>:-Werror>)
    # gcc 12 warns about its own std::string (gcc bug 105651); 13 does not.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
      target_compile_options(${target} PRIVATE -Wno-restrict)
    endif()
    # With sanitizers gcc takes what a std::optional does not hold for what is read uninitialised (gcc bug 105562).
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_FLAGS MATCHES "-fsanitize")
      target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
    endif()
  endif()
endfunction()
