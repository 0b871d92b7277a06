// Many orders at once, from tables.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <nanobook/core/order.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/exchange/exchange.hpp>
#include <nanobook/exchange/results.hpp>

#include "arrow_out.hpp"

/// A row each of what was asked, in columns, which tables of it share.
class BatchResult {
  public:
    /// What has no status or no error has this.
    static constexpr std::uint8_t none = 0xff;

    explicit BatchResult(std::size_t rows);

    void put(std::size_t row, nanobook::OrderId id, std::uint8_t status, nanobook::Quantity filled,
             nanobook::Quantity resting, nanobook::Quantity cancelled, std::uint8_t error) noexcept {
        order_ids_[row] = id;
        filled_[row] = filled;
        resting_[row] = resting;
        cancelled_[row] = cancelled;
        statuses_[row] = status;
        errors_[row] = error;
    }

    [[nodiscard]] std::size_t size() const noexcept { return rows_; }
    [[nodiscard]] ArrowBatch table() const;

  private:
    std::size_t rows_;
    std::shared_ptr<std::byte> memory_;
    std::uint64_t* order_ids_;  // 0 for none
    std::uint64_t* filled_;
    std::uint64_t* resting_;
    std::uint64_t* cancelled_;
    std::uint8_t* statuses_;
    std::uint8_t* errors_;
};

/// Limit orders, and market orders where the price is null. ValueError for a row that is no order, before any is
/// submitted.
[[nodiscard]] BatchResult submit_batch(nanobook::Exchange& exchange, nanobind::handle frame);

/// Events, as the table of a log has them. ValueError for a row that is none, before any is applied.
[[nodiscard]] BatchResult apply_batch(nanobook::Exchange& exchange, nanobind::handle frame);
