// Any bytes as a capture, a SoupBinTCP stream or raw messages: see check_unwrap.hpp for what must hold.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>

#include "check_unwrap.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string wrong = nanobook::fuzz::check_unwrap(std::as_bytes(std::span(data, size)));
    if (!wrong.empty()) {
        std::fputs(wrong.c_str(), stderr);
        std::abort();
    }
    return 0;
}
