// The Python module nanobook._core: one bind_<area>() per file bind_<area>.cpp, and nothing else.
#include <nanobook/version.hpp>

#include "bind.hpp"

NB_MODULE(_core, m) {
    m.doc() = "The compiled part of nanobook; import nanobook instead.";
    m.attr("version") = nanobook::version;
    // Who keeps objects of ours until the interpreter ends, a frame of them say, has done nothing wrong.
    nanobind::set_leak_warnings(false);
    load_words();
    bind_book(m);
    bind_results(m);
    bind_events(m);
    bind_exchange(m);
    bind_itch(m);
    bind_itch_events(m);
    bind_itch_framing(m);
    bind_itch_lobster(m);
    bind_itch_tools(m);
    bind_itch_tables(m);
    bind_table(m);
    bind_portfolio(m);
    bind_backtest(m);
    bind_sweep(m);
}
