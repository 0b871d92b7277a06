"""The sweep written plainly, in Python and in NumPy, and where the time of such a sweep goes.

    python bench/peers/naive_backtest.py

`sweep_numpy` and `sweep_python` do the work of `nanobook.sweep_equal_weight` with the keys rebalance_every, cost_bps and
cash_buffer, to the cent; `sweeps.py` measures the first and compares everybody's cents with it. Run as a program, this
prints how much of a sweep is taking in prices, accounting and metrics, for 1, 10 and 1,000 parameter sets, of the two and
of the nanobook the interpreter has. Needs NumPy and Polars.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import importlib.metadata
import importlib.util
import json
import math
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
from peer_tables import naive_table

INITIAL_CASH = 1_000_000_00
PERIODS_PER_YEAR = 252.0
METRICS = ("total_return", "cagr", "volatility", "sharpe", "sortino", "max_drawdown")


def make_prices(bars: int, symbols: int, seed: int = 20_260) -> np.ndarray:
    """Cents, one row a bar. Integer arithmetic on the raw bits, so that every NumPy and machine makes the same."""
    raw = np.random.PCG64(seed).random_raw(bars * symbols * 4).reshape(bars, symbols, 4)
    # About 116 basis points of daily volatility and 4 of drift.
    steps = (raw % np.uint64(201)).astype(np.int64).sum(axis=2) - 396
    # Low enough that whole shares leave little cash: the costlier sets without a buffer must cut their buys.
    first = 500 + np.arange(symbols, dtype=np.int64) * 11_500 // symbols
    prices = np.empty((bars, symbols), dtype=np.int64)
    prices[0] = first
    for bar in range(1, bars):
        prices[bar] = np.maximum(prices[bar - 1] + (prices[bar - 1] * steps[bar] + 5_000) // 10_000, 100)
    return prices


def symbol_names(symbols: int) -> list[str]:
    return [f"S{i:03}" for i in range(symbols)]


def bars_of_pairs(prices: np.ndarray) -> list[list[tuple[str, int]]]:
    """The form the list interfaces take: for each bar its (symbol, price) pairs."""
    names = symbol_names(prices.shape[1])
    return [list(zip(names, row, strict=True)) for row in prices.tolist()]


@dataclass(frozen=True)
class Grid:
    """The cartesian product of three parameters, in the order of `product`."""

    rebalance_every: tuple[int, ...]
    cost_bps: tuple[float, ...]
    cash_buffer: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.rebalance_every) * len(self.cost_bps) * len(self.cash_buffer)

    def rows(self) -> list[tuple[int, float, float]]:
        return list(product(self.rebalance_every, self.cost_bps, self.cash_buffer))

    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Bars between rebalances, hundredths of a basis point, weight of each of the symbols times their number."""
        rows = self.rows()
        every = np.array([row[0] for row in rows], dtype=np.int64)
        rate = np.array([round(row[1] * 100) for row in rows], dtype=np.int64)
        invested = np.array([1.0 - row[2] for row in rows])
        return every, rate, invested


EVERY = (1, 2, 3, 5, 10, 15, 21, 42, 63, 126)
COSTS = (0.0, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 25.0)
MIXED = Grid(EVERY, COSTS, tuple(i / 100 for i in range(10)))
EVERY_BAR = Grid((1,), (0.0,), tuple(i / 10_000 for i in range(1_000)))
BIG = Grid(EVERY, tuple(float(i) for i in range(25)), tuple(i / 400 for i in range(40)))


# ---- NumPy: all parameter sets at once, one bar after the other --------------------------------------------------------


def shrink(
    buys: np.ndarray, price: np.ndarray, rate: np.ndarray, available: np.ndarray, cost: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The buys of each row times one factor, so that they and their fees fit; and what they cost."""
    notional = buys @ price
    factor = np.maximum(0.0, available / cost)
    result = np.empty_like(buys)
    total = np.empty_like(available)
    rows = np.arange(len(buys))
    step = 1.0
    while rows.size:
        shares = np.floor(buys[rows] * factor[rows, None])
        value = shares * price
        spent = (value + np.floor((value * rate[rows, None] + 500_000.0) / 1e6)).sum(axis=1)
        result[rows] = shares
        total[rows] = spent
        over = spent > available[rows]
        rows, spent = rows[over], spent[over]
        factor[rows] = np.maximum(0.0, factor[rows] - (spent - available[rows]) * step / notional[rows])
        step *= 2.0
    return result, total


def equity_numpy(prices: np.ndarray, every: np.ndarray, rate: np.ndarray, invested: np.ndarray) -> np.ndarray:
    """The equity in cents, one row a bar and one column a set. Cents below 2**53 are exact in doubles."""
    bars, symbols = prices.shape
    sets = len(every)
    price_of = prices.astype(np.float64)
    rates = rate.astype(np.float64)
    weight = invested / symbols
    cash = np.full(sets, float(INITIAL_CASH))
    held = np.zeros((sets, symbols))
    equity = np.empty((bars, sets))
    due_of = {period: np.flatnonzero(every == period) for period in np.unique(every).tolist()}
    for bar in range(bars):
        price = price_of[bar]
        now = cash + held @ price
        equity[bar] = now
        due = [rows for period, rows in due_of.items() if bar % period == 0]
        if not due:
            continue
        rows = np.concatenate(due) if len(due) > 1 else due[0]
        row_rate = rates[rows]
        wanted = np.floor(weight[rows] * now[rows])
        before = held[rows]
        trade = np.floor(wanted[:, None] / price) - before
        value = trade * price
        fee = np.floor((np.abs(value) * row_rate[:, None] + 500_000.0) / 1e6)
        sold = (np.maximum(-value, 0.0) - np.where(trade < 0, fee, 0.0)).sum(axis=1)
        cost = (np.maximum(value, 0.0) + np.where(trade > 0, fee, 0.0)).sum(axis=1)
        available = cash[rows] + sold
        short = np.flatnonzero(cost > available)
        if short.size:
            buys = np.maximum(trade[short], 0.0)
            fitting, spent = shrink(buys, price, row_rate[short], available[short], cost[short])
            trade[short] += fitting - buys
            cost[short] = spent
        held[rows] = before + trade
        cash[rows] = available - cost
        if bar > 0:
            equity[bar, rows] = cash[rows] + held[rows] @ price
    return equity


def metrics_numpy(equity: np.ndarray) -> dict[str, np.ndarray]:
    returns = equity[1:] / equity[:-1] - 1.0
    n = len(returns)
    mean = returns.mean(axis=0)
    deviation = returns.std(axis=0, ddof=1)
    downside = np.sqrt((np.minimum(returns, 0.0) ** 2).mean(axis=0))
    growth = equity[-1] / equity[0]
    year = math.sqrt(PERIODS_PER_YEAR)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "total_return": growth - 1.0,
            "cagr": growth ** (PERIODS_PER_YEAR / n) - 1.0,
            "volatility": deviation * year,
            "sharpe": mean / deviation * year,
            "sortino": mean / downside * year,
            "max_drawdown": 1.0 - (equity / np.maximum.accumulate(equity, axis=0)).min(axis=0),
        }


def sweep_numpy(prices: np.ndarray, grid: Grid) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The final equities in cents, and the six metrics."""
    equity = equity_numpy(prices, *grid.columns())
    return equity[-1].astype(np.int64), metrics_numpy(equity)


# ---- plain Python -----------------------------------------------------------------------------------------------------


def equity_python(bars: list[list[tuple[str, int]]], every: int, cost_bps: float, cash_buffer: float) -> list[int]:
    """One set, as anybody would write it first: a mapping of positions, lists of orders."""
    rate = round(cost_bps * 100)
    cash = INITIAL_CASH
    held: dict[str, int] = {}
    curve = []
    for bar, pairs in enumerate(bars):
        equity = cash + sum(held.get(symbol, 0) * price for symbol, price in pairs)
        if bar % every == 0:
            wanted = math.floor((1.0 - cash_buffer) / len(pairs) * equity)
            orders = [(symbol, price, wanted // price - held.get(symbol, 0)) for symbol, price in pairs]
            for symbol, price, shares in orders:
                if shares < 0:
                    cash += -shares * price - (-shares * price * rate + 500_000) // 1_000_000
                    held[symbol] += shares
            buys = [(symbol, price, shares) for symbol, price, shares in orders if shares > 0]
            notional = sum(price * shares for _, price, shares in buys)
            cost = notional + sum((price * shares * rate + 500_000) // 1_000_000 for _, price, shares in buys)
            factor, step, wish = cash / cost if cost else 1.0, 1.0, buys
            while cost > cash:
                buys = [(symbol, price, math.floor(shares * factor)) for symbol, price, shares in wish]
                cost = sum(price * n + (price * n * rate + 500_000) // 1_000_000 for _, price, n in buys)
                factor -= (cost - cash) * step / notional
                step *= 2.0
            for symbol, _, shares in buys:
                held[symbol] = held.get(symbol, 0) + shares
            cash -= cost
            if bar > 0:
                equity = cash + sum(held.get(symbol, 0) * price for symbol, price in pairs)
        curve.append(equity)
    return curve


def metrics_python(curve: list[int]) -> dict[str, float]:
    returns = [after / before - 1.0 for before, after in pairwise(curve)]
    n = len(returns)
    mean = math.fsum(returns) / n
    deviation = math.sqrt(math.fsum((r - mean) ** 2 for r in returns) / (n - 1))
    downside = math.sqrt(math.fsum(min(r, 0.0) ** 2 for r in returns) / n)
    peak, deepest = curve[0], 0.0
    for value in curve:
        peak = max(peak, value)
        deepest = max(deepest, 1.0 - value / peak)
    growth = curve[-1] / curve[0]
    year = math.sqrt(PERIODS_PER_YEAR)
    return {
        "total_return": growth - 1.0,
        "cagr": growth ** (PERIODS_PER_YEAR / n) - 1.0,
        "volatility": deviation * year,
        "sharpe": mean / deviation * year if deviation else math.nan,
        "sortino": mean / downside * year if downside else math.nan,
        "max_drawdown": deepest,
    }


def has_rust() -> bool:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return bool(importlib.metadata.version("nanobook"))
    return False


def version_of(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        # This package may be on the path without having been installed; the one of Rust may not.
        if distribution != "nanobook-cpp" or importlib.util.find_spec("nanobook") is None or has_rust():
            raise
        module = importlib.import_module("nanobook")
        if not hasattr(module, "sweep_equal_weight"):
            raise
        return str(module.__version__)


# ---- where the time goes ----------------------------------------------------------------------------------------------


def milliseconds(call: Callable[[], Any], repeats: int = 5, budget: float = 2.0) -> float:
    """The median, after one call that does not count; fewer repeats where they would take longer than the budget.

    Calls of less than a millisecond are timed several at a time.
    """
    begin = time.perf_counter()
    call()
    once = time.perf_counter() - begin
    if once > budget:
        return once * 1e3
    number = max(1, int(1e-3 / max(once, 1e-6)))
    times = []
    for _ in range(max(3, min(repeats, int(budget / (once * number))))):
        gc.collect()
        begin = time.perf_counter()
        for _ in range(number):
            call()
        times.append((time.perf_counter() - begin) / number)
    return statistics.median(times) * 1e3


Row = tuple[str, int, float, float, float, float]
PARTS = ("making", "taking", "accounting", "metrics")


def frame_of(prices: np.ndarray) -> Any:
    import polars

    return polars.DataFrame(dict(zip(symbol_names(prices.shape[1]), prices.T.copy(), strict=True)))


def rows_of_frame(frame: Any) -> list[list[tuple[str, int]]]:
    names = frame.columns
    return [list(zip(names, row, strict=True)) for row in frame.iter_rows()]


def profile_numpy(frame: Any, prices: np.ndarray, grid: Grid, sets: int) -> Row:
    columns = tuple(column[:: len(grid) // sets] for column in grid.columns())
    taking = milliseconds(lambda: np.ascontiguousarray(frame.to_numpy()))
    equity = equity_numpy(prices, *columns)
    accounting = milliseconds(lambda: equity_numpy(prices, *columns))
    return (f"NumPy {np.__version__}", sets, 0.0, taking, accounting, milliseconds(lambda: metrics_numpy(equity)))


def profile_python(frame: Any, grid: Grid, sets: int) -> Row:
    """Ten sets at most; more are as many times as long, since each is by itself."""
    bars = rows_of_frame(frame)
    making = milliseconds(lambda: rows_of_frame(frame))
    rows = grid.rows()[:: len(grid) // min(sets, 10)]
    scale = sets / len(rows)
    curves = [equity_python(bars, *row) for row in rows]
    accounting = milliseconds(lambda: [equity_python(bars, *row) for row in rows], 3)
    metrics = milliseconds(lambda: [metrics_python(curve) for curve in curves], 3)
    return ("plain Python", sets, making, 0.0, accounting * scale, metrics * scale)


def fails(call: Callable[[], Any]) -> Callable[[], None]:
    """For input that is wrong in its last element: everything before it is converted, and nothing else is done."""

    def run() -> None:
        try:
            call()
        except TypeError:
            return
        raise AssertionError("the last element was not looked at")

    return run


def profile_old(module: Any, frame: Any, sets: int) -> list[Row]:
    """nanobook of Rust. What a call takes in is measured by a call that fails at the last element of its input."""
    names = frame.columns
    bars = rows_of_frame(frame)
    threads = os.cpu_count() or 1
    making = milliseconds(lambda: rows_of_frame(frame))
    torn = [*bars[:-1], [*bars[-1][:-1], (names[-1], "x")]]
    taking = milliseconds(fails(lambda: module.sweep_equal_weight(1, torn, INITIAL_CASH)))
    returns = [0.001 * (i % 7 - 3) for i in range(len(bars) - 1)]
    # A list of floats is converted there, so this is more than the metrics take inside the engine.
    metrics = milliseconds(lambda: module.py_compute_metrics(returns, PERIODS_PER_YEAR, 0.0))
    parallel = min(sets, threads)
    total = milliseconds(lambda: module.sweep_equal_weight(sets, bars, INITIAL_CASH, PERIODS_PER_YEAR))
    share = metrics * sets / parallel
    result = [("sweep_equal_weight", sets, making, taking, total - taking - share, share)]

    # Ten calls at most: the calls are alike.
    calls = min(sets, 10)
    scale = sets / calls
    policy = module.FillPolicy.SignalBarClose
    model = module.CostModel(5.0, 0.0, 0)
    schedule = [[(name, 1.0 / len(names)) for name in names]] * len(bars)

    def open_bars() -> list[list[tuple[str, Any]]]:
        return [[(s, module.BarPrices(p, p, p, p)) for s, p in zip(names, r, strict=True)] for r in frame.iter_rows()]

    quotes = open_bars()
    making = milliseconds(open_bars)
    torn = [*quotes[:-1], [*quotes[-1][:-1], (names[-1], "x")]]
    taking = milliseconds(fails(lambda: module.backtest_weights(schedule, torn, INITIAL_CASH, model, policy)))
    one = milliseconds(
        lambda: [module.backtest_weights(schedule, quotes, INITIAL_CASH, model, policy) for _ in range(calls)]
    )
    rest = one * scale - (taking + metrics) * sets
    result.append(("backtest_weights, looped", sets, making, taking * sets, rest, metrics * sets))

    targets = schedule[0]

    def loop(trades: bool) -> None:
        for _ in range(calls):
            portfolio = module.Portfolio(INITIAL_CASH, model)
            for bar, pairs in enumerate(bars):
                if bar % 21 == 0:
                    # Without a target everything else is done: the prices are taken in.
                    portfolio.rebalance_simple(targets if trades else [], pairs)
                portfolio.record_return(pairs)

    making = milliseconds(lambda: rows_of_frame(frame))
    taking = milliseconds(lambda: loop(False)) * scale
    accounting = milliseconds(lambda: loop(True)) * scale - taking
    result.append(("Portfolio, a loop, every 21st bar", sets, making, taking, accounting, metrics * sets))
    return result


def profile_new(module: Any, frame: Any, grid: Grid, sets: int) -> list[Row]:
    """This package, from a frame and from lists: one buy-and-hold set stands for taking in the prices."""
    rows = [
        {"rebalance_every": every, "cost_bps": cost, "cash_buffer": buffer}
        for every, cost, buffer in grid.rows()[:: len(grid) // sets]
    ]
    hold = {"rebalance_every": [0]}
    result = []
    bars = rows_of_frame(frame)
    making = milliseconds(lambda: rows_of_frame(frame))
    for name, prices, before in (("from a frame", frame, 0.0), ("from lists", bars, making)):
        taking = milliseconds(lambda prices=prices: module.sweep_equal_weight(prices, hold, INITIAL_CASH), 51)
        total = milliseconds(lambda prices=prices: module.sweep_equal_weight(prices, rows, INITIAL_CASH), 51)
        result.append((f"sweep_equal_weight {name}", sets, before, taking, max(0.0, total - taking), math.nan))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="Where the time of a plain sweep goes.")
    parser.add_argument("--sets", type=int, nargs="+", default=[1, 10, 1_000])
    parser.add_argument("--bars", type=int, default=252)
    parser.add_argument("--symbols", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="one object a line instead of a table")
    arguments = parser.parse_args()

    prices = make_prices(arguments.bars, arguments.symbols)
    frame = frame_of(prices)
    rows: list[dict[str, Any]] = []
    old = new = None
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        old = (version_of("nanobook"), importlib.import_module("nanobook"))
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        new = (version_of("nanobook-cpp"), importlib.import_module("nanobook"))
    for sets in arguments.sets:
        profiles = [("", profile_python(frame, MIXED, sets)), ("", profile_numpy(frame, prices, MIXED, sets))]
        if old:
            profiles += [(f"nanobook {old[0]} ", row) for row in profile_old(old[1], frame, sets)]
        if new:
            profiles += [(f"nanobook-cpp {new[0]} ", row) for row in profile_new(new[1], frame, MIXED, sets)]
        for version, (name, _, *parts) in profiles:
            milliseconds_of = zip(PARTS, (None if math.isnan(part) else part for part in parts), strict=True)
            rows.append({"engine": version + name, "sets": sets, **dict(milliseconds_of)})
    if arguments.json:
        for row in rows:
            print(json.dumps(row))
    else:
        print(f"{arguments.bars} bars, {arguments.symbols} symbols; ms, and the share of the whole\n")
        print(naive_table(rows))


if __name__ == "__main__":
    main()
