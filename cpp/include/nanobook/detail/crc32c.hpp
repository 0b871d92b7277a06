// CRC-32C, the checksum of iSCSI, ext4 and Btrfs: any wrong bit, and any wrong run of up to 32 of them, is found.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <nanobook/detail/little_endian.hpp>

namespace nanobook::detail {

// Castagnoli's polynomial 0x1edc6f41, bits reversed. Table n advances a byte by n more bytes, so that eight bytes take
// eight look-ups that do not wait for one another.
inline constexpr auto crc32c_tables = [] {
    std::array<std::array<std::uint32_t, 256>, 8> tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
        tables[0][byte] = crc;
    }
    for (std::size_t n = 1; n < tables.size(); ++n) {
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t crc = tables[n - 1][byte];
            tables[n][byte] = (crc >> 8) ^ tables[0][crc & 0xffU];
        }
    }
    return tables;
}();

[[nodiscard]] inline std::uint32_t crc32c(std::span<const std::byte> bytes) noexcept {
    const auto& t = crc32c_tables;
    std::uint32_t crc = 0xffffffffU;
    for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
        const std::uint64_t word = load_little_endian<std::uint64_t>(bytes.data()) ^ crc;
        crc = t[7][word & 0xff] ^ t[6][word >> 8 & 0xff] ^ t[5][word >> 16 & 0xff] ^ t[4][word >> 24 & 0xff] ^
              t[3][word >> 32 & 0xff] ^ t[2][word >> 40 & 0xff] ^ t[1][word >> 48 & 0xff] ^ t[0][word >> 56];
    }
    for (const std::byte byte : bytes) crc = (crc >> 8) ^ t[0][(crc ^ std::to_integer<std::uint32_t>(byte)) & 0xff];
    return ~crc;
}

}  // namespace nanobook::detail
