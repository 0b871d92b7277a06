// One symbol of a day: its book, and what happened in it so far.
#pragma once

#include <cstdint>

#include <nanobook/book/book.hpp>
#include <nanobook/core/symbol.hpp>

namespace nanobook::itch {

/// The prices of a feed have 32 bits, and its books take turns.
using FeedBook = BasicBook<BasicLadder<std::uint32_t, false>>;

/// One symbol: its book and the day so far. A cache line.
struct alignas(64) Listing {
    FeedBook book;
    Symbol symbol;
    std::uint64_t volume = 0;      ///< shares printed: E, C where printable, P, Q; less what was broken
    std::uint32_t last_price = 0;  ///< of the last print in the volume; 0 before the first
    std::uint32_t trades = 0;      ///< prints in the volume
    char state = ' ';              ///< of the last H: H P Q T; a space before the first
    bool selected = false;
    bool seen = false;
};
static_assert(sizeof(Listing) == 64);

}  // namespace nanobook::itch
