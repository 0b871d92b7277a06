// What an exchange gives to Python, as Arrow tables.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <nanobook/book/snapshot.hpp>
#include <nanobook/core/order.hpp>
#include <nanobook/core/trade.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/detail/append_log.hpp>
#include <nanobook/exchange/event.hpp>

#include "arrow_out.hpp"

[[nodiscard]] ArrowBatch to_table(const nanobook::detail::AppendLog<nanobook::Trade>& trades);
[[nodiscard]] ArrowBatch to_table(const std::vector<nanobook::Order>& orders);
/// A row a level. ValueError where a total has more than 64 bits.
[[nodiscard]] ArrowBatch to_table(const nanobook::BookSnapshot& snapshot);
[[nodiscard]] ArrowBatch to_table(const nanobook::detail::AppendLog<nanobook::Event>& events);
/// With the time of each, in nanoseconds since midnight.
[[nodiscard]] ArrowBatch to_table(std::span<const nanobook::Event> events, std::span<const nanobook::Timestamp> times);

/// The names of the enumerators, as tables have them.
[[nodiscard]] const std::vector<std::string>& side_names();
[[nodiscard]] const std::vector<std::string>& status_names();
[[nodiscard]] const std::vector<std::string>& error_names();
