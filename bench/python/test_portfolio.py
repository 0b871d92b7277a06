"""Prices in by their capsules, sweeps from a frame to a frame, backtests that call Python."""

from typing import Any

import numpy as np
import polars as pl
import pytest

import nanobook
from conftest import Measure

CASH = 1_000_000_00
GRID = {
    "rebalance_every": [1, 2, 3, 5, 10, 15, 21, 42, 63, 126],
    "cost_bps": [2.0 * i for i in range(10)],
    "cash_buffer": [i / 100 for i in range(10)],
}


def prices(bars: int, symbols: int) -> pl.DataFrame:
    steps = np.random.default_rng(1).normal(0.0003, 0.015, (bars, symbols))
    cents = np.maximum(np.exp(steps.cumsum(axis=0)) * np.linspace(500, 12_000, symbols), 100).astype(np.int64)
    return pl.DataFrame({f"S{i:03}": column.copy() for i, column in enumerate(cents.T)})


def test_capsule_in(measure: Measure) -> None:
    """A hundred columns of ten years, read where they are."""
    frame = prices(2_520, 100)
    measure(lambda: frame, nanobook.Prices, 1)


@pytest.mark.parametrize("sets", [1, 1_000])
def test_sweep_from_frame_to_frame(measure: Measure, sets: int) -> None:
    frame = prices(252, 20)
    grid = GRID if sets > 1 else {"rebalance_every": [21]}
    measure(lambda: frame, lambda frame: pl.DataFrame(nanobook.sweep_equal_weight(frame, grid, CASH).table), sets)


def test_backtest_that_calls_python(measure: Measure) -> None:
    """The time is that of a bar whose strategy holds."""
    frame = prices(252, 20)

    def hold(_bar: int, _prices: Any, _portfolio: Any) -> None:
        return None

    measure(lambda: frame, lambda frame: nanobook.run_backtest(hold, frame, CASH), len(frame))
