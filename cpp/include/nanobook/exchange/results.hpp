// What an exchange answers.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include <nanobook/core/order.hpp>
#include <nanobook/core/trade.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/detail/append_log.hpp>
#include <nanobook/exchange/validation.hpp>

namespace nanobook {

/// Why nothing was done: an ordinary outcome, which is logged like every other.
enum class OrderError : std::uint8_t {
    none,
    order_not_found,   ///< never submitted, a refused FOK, or its history was cleared
    order_not_active,  ///< filled, cancelled, fired, or an IOC that is over
    invalid_quantity,  ///< a quantity of 0
};

/// A range of the exchange's trades. It is good until they are cleared and while the exchange stays where it is.
using TradesView = detail::LogView<detail::AppendLog<Trade>>;

/// The order's own match: filled + resting + cancelled is what was submitted.
struct SubmitResult {
    OrderId order_id = 0;
    Quantity filled = 0;
    Quantity resting = 0;
    Quantity cancelled = 0;
    TradesView trades;     ///< its own
    TradesView triggered;  ///< those of the stops that it fired, at once or in turn
    OrderStatus status = OrderStatus::new_;
    bool round_limit_hit = false;  ///< stops kept firing stops until the exchange gave up
};

/// Of cancel and reduce.
struct CancelResult {
    OrderError error = OrderError::none;
    Quantity cancelled = 0;

    [[nodiscard]] bool success() const noexcept { return error == OrderError::none; }
};

struct ModifyResult {
    OrderError error = OrderError::none;
    OrderId old_order_id = 0;
    Quantity cancelled = 0;  ///< of the old order
    SubmitResult submitted;  ///< the new order, if there is one

    [[nodiscard]] bool success() const noexcept { return error == OrderError::none; }
};

/// A stop that fires at once has the trades of its order, and of the stops which that fired, in `triggered`.
struct StopSubmitResult {
    OrderId order_id = 0;
    TradesView triggered;
    OrderStatus status = OrderStatus::pending;
    bool round_limit_hit = false;
};

/// Of market data: an execution or a trade off the book.
struct PrintResult {
    OrderError error = OrderError::none;
    Quantity quantity = 0;  ///< executed: never more than rested
    TradesView trades;      ///< one, or none where nothing is printed
    TradesView triggered;
    bool round_limit_hit = false;

    [[nodiscard]] bool success() const noexcept { return error == OrderError::none; }
};

using EventResult = std::variant<SubmitResult, CancelResult, ModifyResult, StopSubmitResult, PrintResult>;

/// A result, or why the input was refused.
template <class Result>
class Try {
  public:
    Try(InputError error) noexcept : error_(error) {}
    Try(const Result& result) : result_(result) {}

    [[nodiscard]] bool has_value() const noexcept { return error_ == InputError::none; }
    explicit operator bool() const noexcept { return has_value(); }
    [[nodiscard]] InputError error() const noexcept { return error_; }
    [[nodiscard]] const Result& operator*() const noexcept { return result_; }
    [[nodiscard]] const Result* operator->() const noexcept { return &result_; }

  private:
    Result result_{};
    InputError error_ = InputError::none;
};

}  // namespace nanobook
