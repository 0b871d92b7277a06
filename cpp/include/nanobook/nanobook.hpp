// Everything, in order of dependency.
#pragma once

#include <nanobook/version.hpp>

#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>

#include <nanobook/core/order.hpp>
#include <nanobook/core/total.hpp>
#include <nanobook/core/trade.hpp>

#include <nanobook/book/level.hpp>

#include <nanobook/book/ladder.hpp>
#include <nanobook/book/snapshot.hpp>

#include <nanobook/book/book.hpp>

#include <nanobook/exchange/event.hpp>

#include <nanobook/exchange/stop_order.hpp>
#include <nanobook/exchange/validation.hpp>

#include <nanobook/exchange/event_log.hpp>
#include <nanobook/exchange/results.hpp>

#include <nanobook/exchange/event_file.hpp>

#include <nanobook/exchange/event_json.hpp>
#include <nanobook/exchange/journal.hpp>

#include <nanobook/exchange/exchange.hpp>

#include <nanobook/exchange/image.hpp>
#include <nanobook/exchange/multi_exchange.hpp>

#include <nanobook/itch/wire.hpp>

#include <nanobook/itch/messages.hpp>

#include <nanobook/itch/report.hpp>
#include <nanobook/itch/unwrap_report.hpp>

#include <nanobook/itch/packet_capture.hpp>

#include <nanobook/itch/datagram.hpp>
#include <nanobook/itch/moldudp64.hpp>
#include <nanobook/itch/raw_messages.hpp>
#include <nanobook/itch/soupbintcp.hpp>

#include <nanobook/itch/unwrap.hpp>

#include <nanobook/itch/reader.hpp>

#include <nanobook/itch/encoder.hpp>
#include <nanobook/itch/filter.hpp>
#include <nanobook/itch/mapped_file.hpp>
#include <nanobook/itch/summary.hpp>
#include <nanobook/itch/synthetic_day.hpp>
#include <nanobook/itch/truths.hpp>

#include <nanobook/itch/replay.hpp>

#include <nanobook/itch/events.hpp>
#include <nanobook/itch/tape.hpp>
//
#include <nanobook/itch/bars.hpp>
#include <nanobook/itch/depth.hpp>
#include <nanobook/itch/lifecycle.hpp>
#include <nanobook/itch/lobster.hpp>
#include <nanobook/itch/mbo.hpp>
#include <nanobook/itch/quotes.hpp>
#include <nanobook/itch/status.hpp>
//
#include <nanobook/itch/market_data.hpp>

#include <nanobook/portfolio/cost_model.hpp>
#include <nanobook/portfolio/metrics.hpp>
#include <nanobook/portfolio/position.hpp>

#include <nanobook/portfolio/portfolio.hpp>

#include <nanobook/portfolio/portfolio_json.hpp>
#include <nanobook/portfolio/prices.hpp>

#include <nanobook/portfolio/schedule.hpp>
#include <nanobook/portfolio/selection.hpp>
#include <nanobook/portfolio/strategy.hpp>

#include <nanobook/portfolio/backtest.hpp>
#include <nanobook/portfolio/equal_weight.hpp>

#include <nanobook/portfolio/sweep_grid.hpp>

#include <nanobook/portfolio/overfitting.hpp>
#include <nanobook/portfolio/sweep.hpp>

#include <nanobook/portfolio/rebalance_lob.hpp>
