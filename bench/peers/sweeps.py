"""Parameter sweeps of an equal-weight portfolio, side by side: this package, others, NumPy and numba.

    python bench/peers/sweeps.py                          the engines of this interpreter
    python bench/peers/sweeps.py --python A/bin/python B/bin/python
    python bench/peers/sweeps.py --all --folder build/peers

Every engine gets the same prices and the same grid, in a process of its own, and every figure of a table is of one run.
`--python` also measures what other interpreters have; `--all` makes an environment for each engine that none of them has,
this package included, and `--folder` keeps those. `--rounds 3` takes turns and gives the median of the rounds. Needs
NumPy; this package is measured with Polars.

Work:

- mixed: 10 rebalance periods x 10 costs x 10 cash buffers, 252 bars, 20 symbols.
- every_bar: 1,000 cash buffers, rebalanced every bar, no costs.
- big: 10 x 25 x 40 sets, 2,520 bars, 100 symbols.
- calls: taking in a frame of 2,520 x 100, and a backtest that calls Python at every bar.

Whole shares, a fee rounded for each order, buys cut by one factor where cash is short, six metrics. What each engine
wants to have (tuples, arrays, a frame) is made outside the time; what it makes of that is inside. The column `cents`
compares the final equities with `sweep_numpy`; peers that follow other rules say how far off they end.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import functools
import gc
import importlib
import importlib.metadata
import importlib.util
import json
import math
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from environments import REQUIREMENTS, Failed, environment, run
from naive_backtest import (
    BIG,
    EVERY_BAR,
    INITIAL_CASH,
    METRICS,
    MIXED,
    PERIODS_PER_YEAR,
    Grid,
    bars_of_pairs,
    equity_numpy,
    frame_of,
    make_prices,
    milliseconds,
    rows_of_frame,
    sweep_numpy,
    symbol_names,
    version_of,
)
from peer_tables import sweep_calls_table, sweep_table, sweep_title

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

Call = Callable[[], np.ndarray]


@dataclass(frozen=True)
class Work:
    bars: int
    symbols: int
    grid: Grid

    def prices(self) -> np.ndarray:
        return make_prices(self.bars, self.symbols)

    def small(self) -> Work:
        """The same with few sets and bars: compiles and loads what is compiled and loaded once."""
        few = Grid(self.grid.rebalance_every[:2], self.grid.cost_bps[:2], self.grid.cash_buffer[:2])
        return replace(self, bars=60, grid=few)


WORK = {
    "mixed": Work(252, 20, MIXED),
    "every_bar": Work(252, 20, EVERY_BAR),
    "big": Work(2_520, 100, BIG),
}


@dataclass(frozen=True)
class Case:
    """One way to do a piece of work. `make` prepares; the call it returns is timed, and returns the final cents.

    A call that returns fewer finals than there are sets did every n-th of them: its time is multiplied.
    """

    name: str
    make: Callable[[np.ndarray, Grid], Call]
    work: tuple[str, ...] = ("mixed", "every_bar")
    threads: int = 1
    note: str = ""


# ---- this package -----------------------------------------------------------------------------------------------------


def cases_ours() -> list[Case]:
    import nanobook

    def make(threads: int, prices: np.ndarray, grid: Grid) -> Call:
        frame = frame_of(prices)
        parameters = {
            "rebalance_every": list(grid.rebalance_every),
            "cost_bps": list(grid.cost_bps),
            "cash_buffer": list(grid.cash_buffer),
        }
        sweep = functools.partial(
            nanobook.sweep_equal_weight,
            frame,
            parameters,
            INITIAL_CASH,
            periods_per_year=PERIODS_PER_YEAR,
            threads=threads,
        )
        finals: list[Any] = []

        def call() -> Any:
            finals[:] = [sweep()]
            return lambda: np.array(finals[0].table["final_equity"], dtype=np.int64)

        return call

    return [
        Case("nanobook-cpp", functools.partial(make, threads), ("mixed", "every_bar", "big"), threads, "from a frame")
        for threads in sorted({1, CORES})
    ]


def calls_ours() -> list[tuple[str, float]]:
    import nanobook

    prices = make_prices(2_520, 100)
    frame = frame_of(prices)
    bars = rows_of_frame(frame)
    hold = {"rebalance_every": [0]}
    result = [
        ("2,520 x 100: the frame exports its capsule", milliseconds(frame.__arrow_c_stream__, 51)),
        (
            "the same: one buy-and-hold set from the frame",
            milliseconds(lambda: nanobook.sweep_equal_weight(frame, hold, INITIAL_CASH), 51),
        ),
        (
            "the same: one buy-and-hold set from lists",
            milliseconds(lambda: nanobook.sweep_equal_weight(bars, hold, INITIAL_CASH), 11),
        ),
        ("the same: a frame turned into lists of tuples", milliseconds(lambda: rows_of_frame(frame), 11)),
    ]
    small = frame_of(make_prices(252, 20))
    names = small.columns
    rows = list(small.iter_rows(named=True))
    constant = dict.fromkeys(names, 1.0 / len(names))
    model = nanobook.CostModel(commission_bps=5)
    for what, answer in (("None", None), ("a constant dict", constant)):
        result.append(
            callback_row(
                what, rows, answer, lambda strategy: nanobook.run_backtest(strategy, small, INITIAL_CASH, model)
            )
        )
    return result


def callback_row(
    what: str, rows: list[Any], answer: Any, run: Callable[[Callable[..., Any]], Any]
) -> tuple[str, float]:
    """Of a backtest whose strategy only returns `answer`, less the time of the strategy called by itself."""

    def strategy(_bar: int, _prices: Any, _portfolio: Any) -> Any:
        return answer

    def alone() -> None:
        for bar, row in enumerate(rows):
            strategy(bar, row, None)

    whole = milliseconds(lambda: run(strategy), 31)
    return f"252 x 20: a callback that returns {what}, less the callback", whole - milliseconds(alone, 31)


# ---- nanobook of Rust -------------------------------------------------------------------------------------------------


def old_finals(portfolios: list[Any]) -> Callable[[], np.ndarray]:
    return lambda: np.array([portfolio.equity_curve()[-1] for portfolio in portfolios], dtype=np.int64)


def cases_old() -> list[Case]:
    import nanobook

    def loop(prices: np.ndarray, grid: Grid) -> Call:
        """The only way there to hold between rebalances: its backtests liquidate where a strategy gives no targets."""
        bars = bars_of_pairs(prices)
        names = symbol_names(prices.shape[1])

        def call() -> Any:
            portfolios = []
            for every, cost, buffer in grid.rows():
                targets = [(name, (1.0 - buffer) / len(names)) for name in names]
                portfolio = nanobook.Portfolio(INITIAL_CASH, nanobook.CostModel(cost, 0.0, 0))
                rebalance, record = portfolio.rebalance_simple, portfolio.record_return
                for bar, pairs in enumerate(bars):
                    if bar % every == 0:
                        rebalance(targets, pairs)
                    if bar > 0:
                        record(pairs)
                portfolio.compute_metrics(PERIODS_PER_YEAR, 0.0)
                portfolios.append(portfolio)
            return old_finals(portfolios)

        return call

    def weights(prices: np.ndarray, grid: Grid) -> Call:
        names = symbol_names(prices.shape[1])
        bars = [[(s, nanobook.BarPrices(p, p, p, p)) for s, p in pairs] for pairs in bars_of_pairs(prices)]
        every_tenth = grid.rows()[::10]

        def call() -> Any:
            finals = []
            for _, cost, buffer in every_tenth:
                schedule = [[(name, (1.0 - buffer) / len(names)) for name in names]] * len(bars)
                model = nanobook.CostModel(cost, 0.0, 0)
                policy = nanobook.FillPolicy.SignalBarClose
                result = nanobook.backtest_weights(schedule, bars, INITIAL_CASH, model, policy, PERIODS_PER_YEAR)
                finals.append(result["equity_curve"][-1])
            return lambda: np.array(finals, dtype=np.int64)

        return call

    def sweep(prices: np.ndarray, grid: Grid) -> Call:
        bars = bars_of_pairs(prices)

        def call() -> Any:
            metrics = nanobook.sweep_equal_weight(len(grid), bars, INITIAL_CASH, PERIODS_PER_YEAR)
            return lambda: np.array([round(INITIAL_CASH * (1 + m.total_return)) for m in metrics], dtype=np.int64)

        return call

    return [
        Case("nanobook, Portfolio in a loop", loop, ("mixed",), 1, "the only one with the schedule"),
        Case("nanobook, backtest_weights looped", weights, ("mixed",), 1, "100 sets, extrapolated; trades every bar"),
        Case("nanobook, sweep_equal_weight", sweep, ("every_bar",), CORES, "1,000 times the same set"),
    ]


def calls_old() -> list[tuple[str, float]]:
    import nanobook

    prices = make_prices(252, 20)
    names = symbol_names(20)
    rows = [dict(zip(names, row, strict=True)) for row in prices.tolist()]
    # A dict of weights is taken without a word and nothing is bought; pairs are what it wants.
    constant = [(name, 1.0 / len(names)) for name in names]
    model = nanobook.CostModel(5.0, 0.0, 0)
    return [
        callback_row(what, rows, answer, lambda strategy: nanobook.run_backtest(strategy, rows, INITIAL_CASH, model))
        for what, answer in (("None", None), ("constant pairs", constant))
    ]


# ---- NumPy and numba --------------------------------------------------------------------------------------------------


def cases_numpy() -> list[Case]:
    def make(prices: np.ndarray, grid: Grid) -> Call:
        def call() -> Any:
            final, _ = sweep_numpy(prices, grid)
            return lambda: final

        return call

    return [Case("NumPy, sets at once, bars in a loop", make)]


@functools.cache
def numba_kernel() -> Any:
    """One thread works on one set at a time. Whole cents in doubles, exact below 2**53, so that SIMD has something to do:
    the same with int64 takes a third longer. Sums of whole numbers may be reordered, so that part is fastmath.
    """
    import numba

    exact = numba.njit(nogil=True, fastmath={"reassoc", "nsz", "nnan", "ninf"})

    @exact
    def value_of(held: Any, price: Any) -> Any:
        value = 0.0
        for s in range(held.shape[0]):
            value += held[s] * price[s]
        return value

    @exact
    def plan(price: Any, held: Any, trade: Any, rate: Any, wanted: Any) -> Any:
        proceeds = 0.0
        notional = 0.0
        cost = 0.0
        for s in range(held.shape[0]):
            shares = math.floor(wanted / price[s]) - held[s]
            trade[s] = shares
            value = shares * price[s]
            fee = math.floor((abs(value) * rate + 500_000.0) / 1e6)
            buy = shares > 0
            proceeds += 0.0 if buy else -value - fee
            notional += value if buy else 0.0
            cost += value + fee if buy else 0.0
        return proceeds, notional, cost

    @exact
    def cost_of(price: Any, trade: Any, factor: Any, rate: Any) -> Any:
        cost = 0.0
        for s in range(trade.shape[0]):
            value = math.floor(max(trade[s], 0.0) * factor) * price[s]
            cost += value + math.floor((value * rate + 500_000.0) / 1e6)
        return cost

    @numba.njit(nogil=True)
    def rebalance(price: Any, held: Any, trade: Any, cash: Any, rate: Any, wanted: Any) -> Any:
        proceeds, notional, cost = plan(price, held, trade, rate, wanted)
        cash += proceeds
        if cost > cash:
            factor = max(0.0, cash / cost)
            step = 1.0
            while True:
                cost = cost_of(price, trade, factor, rate)
                if cost <= cash:
                    break
                factor = max(0.0, factor - (cost - cash) * step / notional)
                step *= 2.0
            for s in range(held.shape[0]):
                if trade[s] > 0:
                    trade[s] = math.floor(trade[s] * factor)
        for s in range(held.shape[0]):
            held[s] += trade[s]
        return cash - cost

    @numba.njit(nogil=True, parallel=True)
    def sweep(
        prices: Any, order: Any, every: Any, rate: Any, invested: Any, initial: Any, year: Any, final: Any, metrics: Any
    ) -> None:
        bars, symbols = prices.shape
        for j in numba.prange(order.shape[0]):
            k = order[j]
            held = np.zeros(symbols)
            trade = np.empty(symbols)
            curve = np.empty(bars)
            cash = initial
            weight = invested[k] / symbols
            due = 0
            for t in range(bars):
                price = prices[t]
                equity = cash + value_of(held, price)
                if t == due:
                    due += every[k]
                    cash = rebalance(price, held, trade, cash, rate[k], math.floor(weight * equity))
                    if t > 0:
                        equity = cash + value_of(held, price)
                curve[t] = equity
            n = bars - 1
            total = 0.0
            for t in range(1, bars):
                total += curve[t] / curve[t - 1] - 1.0
            mean = total / n
            squares = 0.0
            losses = 0.0
            peak = curve[0]
            deepest = 0.0
            for t in range(1, bars):
                change = curve[t] / curve[t - 1] - 1.0
                squares += (change - mean) ** 2
                losses += min(change, 0.0) ** 2
                peak = max(peak, curve[t])
                deepest = max(deepest, 1.0 - curve[t] / peak)
            growth = curve[bars - 1] / curve[0]
            deviation = math.sqrt(squares / (n - 1))
            final[k] = np.int64(curve[bars - 1])
            metrics[k, 0] = growth - 1.0
            metrics[k, 1] = growth ** (year / n) - 1.0
            metrics[k, 2] = deviation * math.sqrt(year)
            metrics[k, 3] = mean / deviation * math.sqrt(year)
            metrics[k, 4] = mean / math.sqrt(losses / n) * math.sqrt(year)
            metrics[k, 5] = deepest

    return sweep


def cases_numba() -> list[Case]:
    import numba

    def make(threads: int, prices: np.ndarray, grid: Grid) -> Call:
        kernel = numba_kernel()
        every, rate, invested = grid.columns()
        sets = len(grid)
        # prange gives each thread one run of sets, so that the costly periods would all be one thread's: deal them out.
        order = np.argsort(np.arange(sets) % threads, kind="stable")

        def call() -> Any:
            numba.set_num_threads(threads)
            final = np.empty(sets, dtype=np.int64)
            metrics = np.empty((sets, len(METRICS)))
            cents = prices.astype(np.float64)
            rates = rate.astype(np.float64)
            kernel(cents, order, every, rates, invested, float(INITIAL_CASH), PERIODS_PER_YEAR, final, metrics)
            return lambda: final

        return call

    return [
        Case("numba, prange over sets", functools.partial(make, threads), work, threads)
        for threads, work in ((1, ("mixed", "every_bar")), (CORES, ("mixed", "every_bar", "big")))
    ]


# ---- vectorbt ---------------------------------------------------------------------------------------------------------


def cases_vectorbt() -> list[Case]:
    import pandas as pd
    import vectorbt as vbt
    from numba import njit
    from vectorbt.portfolio import nb
    from vectorbt.portfolio.enums import Direction, SizeType

    vbt.settings.returns["year_freq"] = f"{PERIODS_PER_YEAR:.0f} days"

    def close_of(prices: np.ndarray) -> Any:
        index = pd.date_range("2020-01-01", periods=len(prices))
        return pd.DataFrame(prices / 100.0, index=index, columns=symbol_names(prices.shape[1]))

    def tiled(close: Any, sets: int) -> Any:
        # Plain column numbers: labels for every set and symbol take longer than the backtest.
        return pd.DataFrame(np.tile(close.to_numpy(), (1, sets)), index=close.index)

    def from_orders(engine: str, prices: np.ndarray, grid: Grid) -> Call:
        close = close_of(prices)
        every, rate, invested = grid.columns()
        bars, symbols = prices.shape
        sets = len(grid)

        def call() -> Any:
            due = np.arange(bars)[:, None] % every == 0
            size = np.repeat(np.where(due, invested / symbols, np.nan), symbols, axis=1)
            portfolio = vbt.Portfolio.from_orders(
                tiled(close, sets),
                size,
                size_type="targetpercent",
                direction="longonly",
                fees=np.repeat(rate / 1e6, symbols)[None, :],
                size_granularity=1.0,
                init_cash=INITIAL_CASH / 100,
                cash_sharing=True,
                call_seq="auto",
                group_by=np.repeat(np.arange(sets), symbols),
                freq="1D",
                engine=engine,
            )
            portfolio.total_return()
            portfolio.annualized_return()
            portfolio.annualized_volatility()
            portfolio.sharpe_ratio()
            portfolio.sortino_ratio()
            portfolio.max_drawdown()
            return lambda: np.rint(portfolio.final_value().to_numpy() * 100).astype(np.int64)

        return call

    @njit
    def before_segment(c: Any, weight: Any) -> Any:
        size = np.full(c.group_len, weight[c.group])
        kind = np.full(c.group_len, SizeType.TargetPercent)
        direction = np.full(c.group_len, Direction.LongOnly)
        for column in range(c.from_col, c.to_col):
            c.last_val_price[column] = c.close[c.i, column]
        nb.sort_call_seq_nb(c, size, kind, direction, np.empty(c.group_len, dtype=np.float64))
        return ()

    @njit
    def order(c: Any, weight: Any, fees: Any) -> Any:
        return nb.order_nb(
            size=weight[c.group],
            price=c.close[c.i, c.col],
            size_type=SizeType.TargetPercent,
            direction=Direction.LongOnly,
            fees=fees[c.group],
            size_granularity=1.0,
        )

    @njit
    def after_segment(c: Any, value: Any) -> None:
        total = c.last_cash[c.group]
        for column in range(c.from_col, c.to_col):
            total += c.last_position[column] * c.close[c.i, column]
        value[c.i, c.group] = total

    def from_order_func(prices: np.ndarray, grid: Grid) -> Call:
        """What its author advises where memory matters (vectorbt issue 797): the values go to an array of one's own."""
        close = close_of(prices)
        every, rate, invested = grid.columns()
        bars, symbols = prices.shape
        sets = len(grid)
        initial = INITIAL_CASH / 100

        def call() -> Any:
            due = np.arange(bars)[:, None] % every == 0
            weight = invested / symbols
            value = np.empty((bars, sets))
            vbt.Portfolio.from_order_func(
                tiled(close, sets),
                order,
                weight,
                rate / 1e6,
                segment_mask=due,
                pre_segment_func_nb=before_segment,
                pre_segment_args=(weight,),
                post_segment_func_nb=after_segment,
                post_segment_args=(value,),
                call_post_segment=True,
                init_cash=initial,
                cash_sharing=True,
                group_by=np.repeat(np.arange(sets), symbols),
                max_orders=int(due.sum()) * symbols + 1,
                freq="1D",
            )
            before = np.vstack([np.full((1, sets), initial), value[:-1]])
            returns = pd.DataFrame(value / before - 1.0, index=close.index).vbt.returns(freq="1D")
            returns.total()
            returns.annualized()
            returns.annualized_volatility()
            returns.sharpe_ratio()
            returns.sortino_ratio()
            returns.max_drawdown()
            return lambda: np.rint(value[-1] * 100).astype(np.int64)

        return call

    result = [Case("vectorbt, from_orders, numba", functools.partial(from_orders, "numba"))]
    if importlib.util.find_spec("vectorbt_rust"):
        result.append(Case("vectorbt, from_orders, Rust", functools.partial(from_orders, "rust")))
    result.append(Case("vectorbt, from_order_func, numba", from_order_func, note="values kept by hand"))
    return result


# ---- raptorbt ---------------------------------------------------------------------------------------------------------


def cases_raptorbt() -> list[Case]:
    import raptorbt

    def make(prices: np.ndarray, grid: Grid) -> Call:
        closes = [np.ascontiguousarray(column / 100.0) for column in prices.T]
        names = symbol_names(prices.shape[1])
        bars = len(prices)
        times = 1_577_836_800_000_000_000 + np.arange(bars, dtype=np.int64) * 86_400_000_000_000
        volume = np.full(bars, 1e6)

        def call() -> Any:
            finals = []
            for every, cost, buffer in grid.rows():
                entries = np.arange(bars) % every == 0
                exits = np.zeros(bars, dtype=bool)
                if every > 1:
                    exits[every - 1 :: every] = True
                weight = (1.0 - buffer) / len(names)
                instruments = [
                    (times, close, close, close, close, volume, entries, exits, 1, weight, name)
                    for close, name in zip(closes, names, strict=True)
                ]
                config = raptorbt.BacktestConfig(
                    initial_capital=INITIAL_CASH / 100,
                    fees=cost / 1e4,
                    slippage=0.0,
                    fill_timing="same_bar_close",
                    periods_per_year=PERIODS_PER_YEAR,
                )
                finals.append(raptorbt.run_portfolio_backtest(instruments, config).metrics.end_value)
            return lambda: np.rint(np.array(finals) * 100).astype(np.int64)

        return call

    return [Case("raptorbt, run_portfolio_backtest", make, ("mixed",), 1, "sells all a bar before: no rebalancing")]


# ---- measuring --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Engine:
    distribution: str
    cases: Callable[[], list[Case]]
    calls: Callable[[], list[tuple[str, float]]] | None = None


ENGINES = {
    "ours": Engine("nanobook-cpp", cases_ours, calls_ours),
    "numba": Engine("numba", cases_numba),
    "numpy": Engine("numpy", cases_numpy),
    "raptorbt": Engine("raptorbt", cases_raptorbt),
    "vectorbt": Engine("vectorbt", cases_vectorbt),
    "nanobook": Engine("nanobook", cases_old, calls_old),
}


def installed() -> list[str]:
    result = []
    for name, engine in ENGINES.items():
        with contextlib.suppress(importlib.metadata.PackageNotFoundError, ImportError):
            version_of(engine.distribution)
            result.append(name)
    return result


def resident(field: str) -> float:
    """VmRSS or VmHWM in MB; not a number where there is no such file."""
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return math.nan
    found = re.search(rf"{field}:\s+(\d+) kB", text)
    return int(found[1]) / 1024 if found else math.nan


def start_of_memory() -> float:
    """What is resident once all that can be given back has been; the peak counts from here."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return resident("VmRSS")


def reference(prices: np.ndarray, grid: Grid) -> tuple[int, np.ndarray]:
    """Every n-th final equity of NumPy: all of them, or a hundredth of the big work."""
    step = 97 if len(grid) * prices.size > 1_000_000_000 else 1
    columns = [column[::step] for column in grid.columns()]
    return step, equity_numpy(prices, *columns)[-1].astype(np.int64)


def agreement(final: np.ndarray, prices: np.ndarray, grid: Grid) -> str:
    step, expected = reference(prices, grid)
    every = len(grid) // len(final)
    both = math.lcm(step, every)
    ours, theirs = final[:: both // every], expected[:: both // step]
    count = min(len(ours), len(theirs))
    ours, theirs = ours[:count], theirs[:count]
    if np.array_equal(ours, theirs):
        return f"{count} equal"
    return f"within {100 * np.max(np.abs(ours / theirs - 1.0)):.2g} %"


def seconds(call: Call) -> tuple[float, Any]:
    gc.collect()
    begin = time.perf_counter()
    result = call()
    return time.perf_counter() - begin, result


def measure(case: Case, name: str, version: str) -> dict[str, Any]:
    work = WORK[name]
    prices = work.prices()
    small = work.small()
    first, _ = seconds(case.make(small.prices(), small.grid))
    call = case.make(prices, work.grid)
    before = start_of_memory()
    once, result = seconds(call)
    peak = resident("VmHWM") - before
    final = result()
    del result
    times = [once] if once > 6.0 else []
    while not times or (once <= 6.0 and len(times) < (3 if once > 0.7 else min(101, int(2.0 / once)))):
        taken, result = seconds(call)
        del result
        times.append(taken)
    kept = start_of_memory() - before
    scale = len(work.grid) / len(final)
    return {
        "work": name,
        "engine": f"{case.name} {version}",
        "threads": case.threads,
        "seconds": statistics.median(times) * scale,
        "runs": len(times),
        "sets": len(work.grid),
        "bars": work.bars,
        "symbols": work.symbols,
        "peak": peak,
        "kept": kept,
        "first": first,
        "cents": agreement(final, prices, work.grid),
        "note": case.note,
    }


def measure_engine(name: str, work: list[str]) -> None:
    """One JSON object a line."""
    engine = ENGINES[name]
    version = version_of(engine.distribution)
    for case in engine.cases():
        for piece in work:
            if piece in case.work:
                print(json.dumps(measure(case, piece, version)), flush=True)
    if "calls" in work and engine.calls:
        for what, value in engine.calls():
            row = {"what": what, "engine": f"{engine.distribution} {version}", "milliseconds": value}
            print(json.dumps(row), flush=True)


# ---- several interpreters ---------------------------------------------------------------------------------------------


def choose(pythons: list[str], chosen: dict[str, str]) -> None:
    """The first interpreter that has an engine runs it."""
    for python in pythons:
        for names in run(python, __file__, "--list"):
            for name in names:
                chosen.setdefault(name, python)


def collect(chosen: dict[str, str], work: list[str], rounds: int) -> list[dict[str, Any]]:
    runs: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for _, name in product(range(rounds), [name for name in ENGINES if name in chosen]):
        print(f"measuring {name}", file=sys.stderr)
        for row in run(chosen[name], __file__, "--measure", name, "--work", *work):
            key = tuple(str(row.get(field)) for field in ("work", "what", "engine", "threads"))
            runs.setdefault(key, []).append(row)
    result = []
    for rows in runs.values():
        merged = dict(rows[0])
        for field in ("seconds", "milliseconds", "peak"):
            if field in merged:
                merged[field] = statistics.median(row[field] for row in rows)
        result.append(merged)
    return result


def show(rows: list[dict[str, Any]]) -> None:
    for name in WORK:
        if found := [row for row in rows if row.get("work") == name]:
            print(f"\n{sweep_title(found[0])}\n\n{sweep_table(found)}")
    if calls := [row for row in rows if "what" in row]:
        print(f"\ncalls\n\n{sweep_calls_table(calls)}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Parameter sweeps, side by side.")
    parser.add_argument("--work", nargs="+", choices=[*WORK, "calls"], default=[*WORK, "calls"])
    parser.add_argument("--python", nargs="+", default=[], metavar="PATH", help="interpreters to measure, too")
    parser.add_argument("--all", action="store_true", help="make an environment for each peer")
    parser.add_argument("--folder", type=Path, help="where --all keeps its environments")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one object a line instead of tables")
    parser.add_argument("--list", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--measure", choices=list(ENGINES), help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    if arguments.list:
        print(json.dumps(installed()))
        return
    if arguments.measure:
        measure_engine(arguments.measure, arguments.work)
        return
    with tempfile.TemporaryDirectory() as temporary:
        chosen: dict[str, str] = {}
        choose([sys.executable, *arguments.python], chosen)
        if arguments.all:
            folder = arguments.folder or Path(temporary)
            for name in ENGINES:
                if name not in chosen and name in REQUIREMENTS:
                    try:
                        choose([environment(folder, name)], chosen)
                    except Failed as failure:
                        print(failure, file=sys.stderr)
        rows = collect(chosen, arguments.work, arguments.rounds)
    if arguments.json:
        for row in rows:
            print(json.dumps(row))
    else:
        show(rows)


if __name__ == "__main__":
    main()
