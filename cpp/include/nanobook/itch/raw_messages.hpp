// Messages back to back, without a length before them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <nanobook/detail/units.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/unwrap_report.hpp>

namespace nanobook::itch {

/// Takes each message's length from its type. A type that is unknown ends what can be read. Holds one message.
class RawMessageReader {
  public:
    void feed(std::span<const std::byte> chunk, Unwrapped& out) {
        units_.feed(
            chunk,
            [](std::span<const std::byte> bytes) {
                return std::max<std::size_t>(1, length_of_type[std::to_integer<std::size_t>(bytes[0])]);
            },
            [&](std::span<const std::byte> message) {
                if (message.size() > 1) return out.message(message);
                out.report.add(
                    {UnwrapOddity::unknown_type, units_.offset(), std::to_integer<std::uint64_t>(message[0])});
                units_.stop();
            });
    }

    /// There are no more bytes.
    void finish(Unwrapped& out) const {
        if (units_.unfinished() == 0) return;
        out.report.add({UnwrapOddity::truncated_tail, units_.offset(), units_.unfinished()});
    }

  private:
    nanobook::detail::Units units_;
};

}  // namespace nanobook::itch
