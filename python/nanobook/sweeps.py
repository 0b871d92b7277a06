"""Sweeps of strategies that Python makes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from nanobook import _core
from nanobook._core import BacktestResult, CostModel, EqualWeight, Prices, RunSummary, SweepResult

__all__ = ["sweep"]

# What belongs to a run, and not to its strategy.
COST_KEYS = ("cost_bps", "slippage_bps", "min_trade_fee")
RUN_KEYS = (*COST_KEYS, "leverage", "execution_lag")


class _Grid:
    """Parameter sets by their numbers: all combinations of some values, or rows. Each is made when it is asked for."""

    def __init__(self, param_grid: Any) -> None:
        self._choices: dict[str, list[Any]] | None = None
        self._rows: list[Mapping[str, Any]] = []
        if param_grid is None or isinstance(param_grid, Mapping):
            self._choices = {key: _values(key, values) for key, values in dict(param_grid or {}).items()}
            self.keys = list(self._choices)
        else:
            self._rows = _rows(param_grid)
            self.keys = list(dict.fromkeys(key for row in self._rows for key in row))
        for key in self.keys:
            if not isinstance(key, str):
                raise TypeError(f"a key of param_grid is {key!r}; it must be a str")
            if key in _core.sweep_columns():
                raise ValueError(f"{key} is a column of every result: a parameter needs another name")

    def __len__(self) -> int:
        if self._choices is None:
            return len(self._rows)
        total = 1
        for values in self._choices.values():
            total *= len(values)
        return total

    def __getitem__(self, number: int) -> dict[str, Any]:
        if self._choices is None:
            return {key: _plain(value) for key, value in self._rows[number].items()}
        chosen = {}
        for key, values in reversed(self._choices.items()):
            number, place = divmod(number, len(values))
            chosen[key] = _plain(values[place])
        return {key: chosen[key] for key in self.keys}

    def columns(self) -> list[tuple[_core.Table, int]]:
        """The values of each key; and how many sets in a row have one before the next comes."""
        if self._choices is None:
            return [(_column(key, [row.get(key) for row in self._rows]), 1) for key in self.keys]
        columns = []
        repeats = 1
        for key, values in reversed(self._choices.items()):
            columns.append((_column(key, values), repeats))
            repeats *= len(values)
        return columns[::-1]


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    return value.item() if hasattr(value, "dtype") and hasattr(value, "item") else value


def _column(key: str, values: list[Any]) -> _core.Table:
    return _core.parameter_column(key, [_plain(value) for value in values])


def _values(key: str, values: Any) -> list[Any]:
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        return [values]
    listed = list(values)
    if not listed:
        raise ValueError(f"{key} has no values")
    return listed


def _rows(param_grid: Any) -> list[Mapping[str, Any]]:
    """The rows of a list of dicts, or of a data frame of Polars, pyarrow or pandas."""
    rows = param_grid
    if not isinstance(param_grid, list | tuple):
        for method, arguments in (("to_dicts", ()), ("to_pylist", ()), ("to_dict", ("records",))):
            if hasattr(param_grid, method):
                rows = getattr(param_grid, method)(*arguments)
                break
        else:
            if not hasattr(param_grid, "__arrow_c_stream__"):
                kind = type(param_grid).__name__
                raise TypeError(f"param_grid must be a dict, a list of dicts or a data frame, not {kind}")
            rows = _core.rows_of(param_grid)
    if not rows:
        raise ValueError("param_grid is empty")
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise TypeError(f"row {number} of param_grid is {row!r}; it must be a dict")
    return list(rows)


def sweep(
    strategy_factory: Callable[..., Callable[..., Any] | EqualWeight],
    param_grid: Any,
    prices: Any,
    initial_cash: int,
    cost_model: CostModel | None = None,
    periods_per_year: float = 252.0,
    risk_free: float = 0.0,
    *,
    date: str | None = None,
    progress: Callable[[int, int], object] | bool | None = None,
    on_null: str = "raise",
    execution_lag: int = 0,
    leverage: float = 1.0,
) -> SweepResult:
    """Runs a strategy with every parameter set, one after the other.

    strategy_factory: called with the parameters of a set, by name; returns a strategy as run_backtest takes it, a new one
        each time. cost_bps, slippage_bps, min_trade_fee, leverage and execution_lag go to the run instead.
    param_grid: a dict of keys and values, all combinations of which are run; or a list of dicts, or a data frame, whose
        rows are.
    progress: True for a bar, or called with (done, total) at most ten times a second.
    Others as in run_backtest. Returns a row a set, in the order of the grid; `run(id)` and `curve(id)` of the result run
    the set again. What a strategy raises names its set in a note, and keeps what is done in its attribute `partial`, as
    KeyboardInterrupt does.
    """
    base = CostModel.zero() if cost_model is None else cost_model
    grid = _Grid(param_grid)
    columns = grid.columns()
    read = Prices(prices, date=date, on_null=on_null)
    total = len(grid)

    def run(number: int) -> BacktestResult:
        given = grid[number]

        def own(key: str, otherwise: Any) -> Any:
            return otherwise if given.get(key) is None else given[key]

        try:
            return _core.run_backtest(
                strategy_factory(**{key: value for key, value in given.items() if key not in RUN_KEYS}),
                read,
                initial_cash,
                _core.costs_of({key: given[key] for key in COST_KEYS if key in given}, base),
                periods_per_year,
                risk_free,
                execution_lag=own("execution_lag", execution_lag),
                leverage=own("leverage", leverage),
            )
        except Exception as error:
            error.add_note(f"with the parameters {given}")
            raise

    runs: list[RunSummary] = []

    def result() -> SweepResult:
        return _core.sweep_of_runs(
            columns,
            total,
            runs,
            run,
            read,
            initial_cash,
            base,
            execution_lag,
            leverage,
            periods_per_year,
            risk_free,
        )

    try:
        for number in _counted(total, progress):
            runs.append(RunSummary(run(number)))
    except BaseException as error:
        with contextlib.suppress(AttributeError):  # not every exception takes one
            error.partial = result()  # type: ignore[attr-defined]
        raise
    return result()


def _counted(total: int, progress: Callable[[int, int], object] | bool | None) -> Iterator[int]:
    """The numbers below `total`, telling `progress` of them now and then, and at the end."""
    with contextlib.ExitStack() as stack:
        report = progress
        if progress is True:
            from nanobook.cli import Bar  # only here: it takes longer to import than most sweeps to start

            report = stack.enter_context(Bar("Sweeping"))
        last = time.monotonic()
        for number in range(total):
            yield number
            now = time.monotonic()
            if callable(report) and (now - last >= 0.1 or number + 1 == total):
                last = now
                report(number + 1, total)
