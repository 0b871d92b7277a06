// What a trade costs: commission, slippage, a least fee.
#pragma once

#include <cmath>
#include <cstdint>

#include <nanobook/core/types.hpp>
#include <nanobook/detail/money.hpp>
#include <nanobook/detail/refuse.hpp>

namespace nanobook {

/// Costs of an order, however many fills it takes. All rates are in basis points, whole or in hundredths: 0.5 is fine.
class CostModel {
  public:
    /// The unit rates are kept in: 1/100 of a basis point, a millionth of the amount.
    static constexpr std::int64_t unit = 1'000'000;

    constexpr CostModel() noexcept = default;
    /// commission_bps: of the notional, 0 to 10,000. slippage_bps: of the price, against the trader, 0 to less than
    /// 10,000. min_trade_fee: in units of money, the least an order pays. Throws std::invalid_argument.
    explicit CostModel(double commission_bps, double slippage_bps = 0, Price min_trade_fee = 0)
        : commission_(rate(commission_bps, "commission_bps")),
          slippage_(rate(slippage_bps, "slippage_bps")),
          min_trade_fee_(min_trade_fee) {
        if (slippage_ == unit) detail::refuse("slippage_bps", slippage_bps, "a sale would be for nothing");
        if (min_trade_fee < 0) detail::refuse("min_trade_fee", min_trade_fee, "it must not be negative");
    }
    [[nodiscard]] static constexpr CostModel zero() noexcept { return {}; }

    [[nodiscard]] constexpr double commission_bps() const noexcept { return static_cast<double>(commission_) / 100; }
    [[nodiscard]] constexpr double slippage_bps() const noexcept { return static_cast<double>(slippage_) / 100; }
    [[nodiscard]] constexpr Price min_trade_fee() const noexcept { return min_trade_fee_; }
    /// In millionths.
    [[nodiscard]] constexpr std::int64_t commission_rate() const noexcept { return commission_; }
    [[nodiscard]] constexpr std::int64_t slippage_rate() const noexcept { return slippage_; }

    /// What an order is filled at where the market is at `price`: worse by the slippage, rounded half up.
    [[nodiscard]] constexpr Price fill_price(Side side, Price price) const {
        if (slippage_ == 0) return price;
        return scale(price, side == Side::buy ? unit + slippage_ : unit - slippage_);
    }

    /// The fee of an order of this value, which is not negative: rounded half up, then at least the least fee.
    [[nodiscard]] constexpr Price commission(Price notional) const {
        const Price fee = commission_ == 0 ? 0 : scale(notional, commission_);
        return fee < min_trade_fee_ ? min_trade_fee_ : fee;
    }

    friend constexpr bool operator==(const CostModel&, const CostModel&) = default;

    /// Basis points as millionths. Throws std::invalid_argument that names what they are.
    [[nodiscard]] static std::int64_t rate(double bps, const char* name) {
        const double hundredths = bps * 100;
        const double whole = std::nearbyint(hundredths);
        // The tolerance is for 0.07 and the like, which no double is.
        const bool is_a_rate =
            whole >= 0 && whole <= static_cast<double>(unit) && std::abs(hundredths - whole) < 1e-9 * (1 + whole);
        if (!is_a_rate) detail::refuse(name, bps, "it must be from 0 to 10000, in steps of 0.01");
        return static_cast<std::int64_t>(whole);
    }

  private:
    static constexpr Price scale(Price amount, std::int64_t millionths) {
        std::int64_t small = 0;
        if (!__builtin_mul_overflow(amount, millionths, &small) && !__builtin_add_overflow(small, unit / 2, &small))
            return small / unit;
        return detail::narrow((detail::Wide{amount} * millionths + unit / 2) / unit);
    }

    std::int64_t commission_ = 0;
    std::int64_t slippage_ = 0;
    Price min_trade_fee_ = 0;
};

}  // namespace nanobook
