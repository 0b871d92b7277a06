// Random messages on few symbols and few prices, with malformed ones among them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <nanobook/detail/random.hpp>

#include "itch_stream.hpp"

namespace nanobook::test {

struct RandomStream {
    std::uint64_t seed = 1;
    std::uint32_t messages = 2000;
    std::uint32_t symbols = 3;  // locates 1, 2, ...: SYM1, SYM2, ...
    std::uint32_t prices = 5;
    std::uint32_t refs = 40;       // references are below this, used again and again
    std::uint32_t odd_one_in = 8;  // how often a message has something wrong; 0 for never
    itch::Framing framing = itch::Framing::length;
    bool shared_refs = true;  // a reference may name orders of several symbols

    [[nodiscard]] Stream make() const {
        detail::Random random(seed);
        Stream stream(framing);
        for (std::uint32_t locate = 1; locate <= symbols; ++locate) {
            if (random.once_in(2)) stream.directory(name(locate), static_cast<std::uint16_t>(locate));
        }
        const auto odd = [&] { return odd_one_in != 0 && random.once_in(odd_one_in); };
        for (std::uint32_t i = 0; i < messages; ++i) {
            // Where references are not shared, a symbol's are those that its locate leaves as remainder.
            std::uint32_t owner = 1 + random.below(symbols);
            const auto ref_of = [&] { return shared_refs ? random.below(refs) : random.below(refs) * symbols + owner; };
            const std::uint64_t ref = ref_of();
            const std::uint64_t other = odd() ? ref : ref_of();
            const auto locate = static_cast<std::uint16_t>(odd() ? 1 + random.below(symbols) : owner);
            const std::uint32_t shares = odd() ? random.below(3) * 1000 : 1 + random.below(30);
            const std::uint32_t price = 100 + random.below(prices);
            const char side = odd() ? 'X' : random.once_in(2) ? 'B' : 'S';
            const std::uint64_t match = random.below(400);
            switch (random.below(17)) {
                case 0:
                case 1:
                case 2:
                case 3:
                case 4: {
                    const auto home = static_cast<std::uint16_t>(shared_refs ? locate : owner);
                    stream.add(ref, side, shares, price, home, name(home));
                    break;
                }
                case 5: {
                    const auto home = static_cast<std::uint16_t>(shared_refs ? locate : owner);
                    stream.directory(name(home), home).add_mpid(ref, side, shares, price, home);
                    break;
                }
                case 6:
                case 7: stream.execute(ref, shares, match, locate); break;
                case 8: stream.execute_at(ref, shares, match, random.once_in(2) ? 'Y' : 'N', price, locate); break;
                case 9: stream.cancel(ref, shares, locate); break;
                case 10:
                case 11: stream.erase(ref, locate); break;
                case 12:
                case 13: stream.replace(ref, other, shares, price, locate); break;
                case 14: stream.trade(shares, price, match, locate, name(locate)); break;
                case 15: stream.cross(odd() ? ~std::uint64_t{0} : shares, price, match, locate, name(locate)); break;
                default:
                    if (odd()) stream.broken(match, locate);
                    if (odd()) stream.state(random.once_in(2) ? 'H' : 'T', name(locate), locate);
                    break;
            }
        }
        return stream;
    }

    [[nodiscard]] static std::string name(std::uint32_t locate) { return "SYM" + std::to_string(locate); }
};

/// Does something to the bytes behind the first `begin`: some are changed, lost, or there twice.
inline void damage(Bytes& bytes, std::size_t begin, detail::Random& random) {
    if (bytes.size() <= begin + 1) return;
    const auto at = bytes.begin() +
                    static_cast<std::ptrdiff_t>(begin + random.below(static_cast<std::uint32_t>(bytes.size() - begin)));
    const auto length = static_cast<std::ptrdiff_t>(random.below(60));
    const auto end = at + std::min(length, bytes.end() - at);
    switch (random.below(7)) {
        case 0: *at = static_cast<std::byte>(random.below(256)); break;
        case 1: *at ^= static_cast<std::byte>(1U << random.below(8)); break;
        case 2: *at = std::byte{0}; break;
        case 3: bytes.resize(static_cast<std::size_t>(at - bytes.begin())); break;
        case 4: bytes.erase(at, end); break;
        case 5: std::fill(at, end, std::byte{0}); break;
        default: {
            const Bytes again(at, end);
            bytes.insert(at, again.begin(), again.end());
            break;
        }
    }
}

}  // namespace nanobook::test
