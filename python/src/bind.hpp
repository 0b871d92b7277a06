// One function per area of the module; each lives in bind_<area>.cpp.
#pragma once

#include <nanobind/nanobind.h>

/// After bind_portfolio.
void bind_backtest(nanobind::module_& m);
void bind_book(nanobind::module_& m);
void bind_events(nanobind::module_& m);
void bind_exchange(nanobind::module_& m);
void bind_itch(nanobind::module_& m);
/// After bind_itch.
void bind_itch_events(nanobind::module_& m);
/// After bind_itch.
void bind_itch_framing(nanobind::module_& m);
/// After bind_itch.
void bind_itch_lobster(nanobind::module_& m);
/// After bind_itch.
void bind_itch_tools(nanobind::module_& m);
/// After bind_itch.
void bind_itch_tables(nanobind::module_& m);
/// After bind_exchange and bind_table.
void bind_portfolio(nanobind::module_& m);
void bind_results(nanobind::module_& m);
/// After bind_backtest.
void bind_sweep(nanobind::module_& m);
void bind_table(nanobind::module_& m);

/// Before any function that takes words.
void load_words();
