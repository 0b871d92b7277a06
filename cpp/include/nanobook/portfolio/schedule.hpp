// On which bars a portfolio is rebalanced.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <vector>

#include <nanobook/portfolio/prices.hpp>

namespace nanobook {

enum class Period : std::uint8_t {
    day,
    week,  ///< of ISO 8601, from Monday
    month,
    quarter,
};

struct Schedule {
    std::uint32_t every = 1;        ///< bars; 0: once, and then never again
    std::optional<Period> on = {};  ///< on the first bar of each period, in place of `every`
    std::uint32_t offset = 0;       ///< so many bars later

    friend bool operator==(const Schedule&, const Schedule&) = default;
    friend auto operator<=>(const Schedule&, const Schedule&) = default;
};

namespace detail {

/// Equal for the days of one period, and different for those of two.
[[nodiscard]] inline std::int64_t period_of(std::int32_t day, Period period) {
    using namespace std::chrono;
    if (period == Period::day) return day;
    // 1970-01-01 was a Thursday.
    if (period == Period::week) return floor<weeks>(days{day + 3}).count();
    const year_month_day date{sys_days{days{day}}};
    const std::int64_t month = std::int64_t{int{date.year()}} * 12 + static_cast<unsigned>(date.month()) - 1;
    // Years before 0 do not come here: they would not divide like this.
    return period == Period::month ? month : month / 3;
}

}  // namespace detail

/// 1 for each bar that is one to rebalance on. Throws std::invalid_argument where dates are needed, and are not there.
[[nodiscard]] inline std::vector<std::uint8_t> rebalance_bars(const Schedule& schedule, const PriceBlock& prices) {
    const std::size_t bars = prices.bars();
    std::vector<std::uint8_t> is_one(bars, 0);
    if (!schedule.on) {
        for (std::size_t bar = schedule.offset; bar < bars; bar += schedule.every) {
            is_one[bar] = 1;
            if (schedule.every == 0) break;
        }
        return is_one;
    }
    if (prices.dates().empty()) {
        throw std::invalid_argument("rebalance_on needs a column of dates: name it with date=");
    }
    std::int64_t last = 0;
    for (std::size_t bar = 0; bar < bars; ++bar) {
        const std::int64_t period = detail::period_of(prices.dates()[bar], *schedule.on);
        if ((bar == 0 || period != last) && bar + schedule.offset < bars) is_one[bar + schedule.offset] = 1;
        last = period;
    }
    return is_one;
}

}  // namespace nanobook
