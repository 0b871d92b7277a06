"""Sweeps of strategies that Python makes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from nanobook import _core
from nanobook._core import BacktestResult, CostModel, EqualWeight, Prices, SweepResult

__all__ = ["sweep"]

# What belongs to a run, and not to its strategy.
RUN_KEYS = ("cost_bps", "slippage_bps", "min_trade_fee", "leverage", "execution_lag")


def _columns(param_grid: Any) -> dict[str, list[Any]]:
    """The parameter sets, as a column a key: all combinations of a dict of lists, or the rows of anything else."""
    if isinstance(param_grid, Mapping):
        keys = list(param_grid)
        choices = [
            list(values) if isinstance(values, Iterable) and not isinstance(values, str | Mapping) else [values]
            for values in param_grid.values()
        ]
        for key, values in zip(keys, choices, strict=True):
            if not values:
                raise ValueError(f"{key} has no values")
        columns: dict[str, list[Any]] = {key: [] for key in keys}
        for row in itertools.product(*choices):
            for key, value in zip(keys, row, strict=True):
                columns[key].append(value)
        return columns
    rows = param_grid
    if not isinstance(param_grid, list | tuple):
        if not hasattr(param_grid, "to_dict"):
            raise TypeError(
                f"param_grid must be a dict, a list of dicts or a data frame, not {type(param_grid).__name__}"
            )
        polars = hasattr(param_grid, "to_dicts")
        rows = param_grid.to_dicts() if polars else param_grid.to_dict("records")
    if not rows:
        raise ValueError("param_grid is empty")
    keys = list(dict.fromkeys(key for row in rows for key in row))
    return {key: [row.get(key) for row in rows] for key in keys}


def _costs(base: CostModel, given: Mapping[str, Any]) -> CostModel:
    return CostModel(
        base.commission_bps if given.get("cost_bps") is None else given["cost_bps"],
        base.slippage_bps if given.get("slippage_bps") is None else given["slippage_bps"],
        base.min_trade_fee if given.get("min_trade_fee") is None else given["min_trade_fee"],
    )


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
    param_grid: a dict of keys and values, all combinations of which are run; or a list of dicts, or a Polars or pandas
        frame, whose rows are.
    progress: True for a bar, or called with (done, total).
    Others as in run_backtest. Returns a row a set, in the order of the grid. What a strategy raises names its set in a
    note; KeyboardInterrupt keeps what is done in its attribute `partial`.
    """
    base = CostModel.zero() if cost_model is None else cost_model
    columns = _columns(param_grid)
    read = Prices(prices, date=date, on_null=on_null) if not isinstance(prices, Prices) else prices
    total = len(next(iter(columns.values()), [None]))

    def parameters(row: int) -> dict[str, Any]:
        return {key: values[row] for key, values in columns.items()}

    def run(row: int) -> BacktestResult:
        given = parameters(row)
        try:
            return _core.run_backtest(
                strategy_factory(**{key: value for key, value in given.items() if key not in RUN_KEYS}),
                read,
                initial_cash,
                _costs(base, given),
                periods_per_year,
                risk_free,
                execution_lag=execution_lag if given.get("execution_lag") is None else given["execution_lag"],
                leverage=leverage if given.get("leverage") is None else given["leverage"],
            )
        except Exception as error:
            error.add_note(f"with the parameters {given}")
            raise

    metadata = {
        "nanobook.version": _core.version,
        "nanobook.initial_cash": str(initial_cash),
        "nanobook.cost_model": repr(base),
        "nanobook.periods_per_year": repr(float(periods_per_year)),
        "nanobook.risk_free": repr(float(risk_free)),
        "nanobook.on_null": read.on_null,
    }
    runs: list[BacktestResult | None] = []

    def result() -> SweepResult:
        missing = [None] * (total - len(runs))
        return _core.sweep_of_runs(columns, [*runs, *missing], run, metadata, periods_per_year, risk_free)

    try:
        for row in _counted(total, progress):
            runs.append(run(row))
    except KeyboardInterrupt as interrupt:
        interrupt.partial = result()  # type: ignore[attr-defined]
        raise
    return result()


def _counted(total: int, progress: Callable[[int, int], object] | bool | None) -> Iterator[int]:
    """The numbers below `total`, telling `progress` of each."""
    if not progress:
        yield from range(total)
        return
    if progress is not True:
        for row in range(total):
            yield row
            progress(row + 1, total)
        return
    from nanobook.cli import Bar  # only here: it takes longer to import than most sweeps to start

    with Bar("Sweeping") as bar:
        for row in range(total):
            yield row
            bar(row + 1, total)
