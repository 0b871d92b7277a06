"""Prices that are made up, to try things on."""

from __future__ import annotations

import datetime
import random
from typing import Any

__all__ = ["synthesize_prices"]

NAMES = ("AAPL", "AMZN", "COST", "CVX", "GOOG", "HD", "JNJ", "JPM", "KO", "LLY", "MA", "META", "MSFT", "NVDA", "PG",
         "TSLA", "UNH", "V", "WMT", "XOM")  # fmt: skip


def synthesize_prices(
    bars: int = 504, symbols: int = 20, *, seed: int = 1, start: datetime.date | None = None
) -> dict[str, list[Any]]:
    """Made-up daily closes in cents, the same for the same arguments on every machine.

    Returns {"date": [...], "AAPL": [...], ...}: a date a working day from `start` (2022-01-03), and `bars` whole prices
    a symbol, of random walks that share a market. `pl.DataFrame(synthesize_prices())` makes a frame of it; run_backtest
    and sweep_equal_weight take it as it is, with date="date".
    """
    if bars < 1 or symbols < 1:
        raise ValueError(f"bars is {bars} and symbols is {symbols}; both must be at least 1")
    chance = random.Random(seed)

    def normal(mean: float, deviation: float) -> float:
        # Of sums alone: a logarithm need not be the same on every machine.
        return mean + deviation * (sum(chance.random() for _ in range(12)) - 6)

    dates: list[datetime.date] = []
    day = start or datetime.date(2022, 1, 3)
    while len(dates) < bars:
        if day.weekday() < 5:
            dates.append(day)
        day += datetime.timedelta(days=1)
    market = [normal(0.0003, 0.009) for _ in range(bars)]
    names = [NAMES[i] if i < len(NAMES) else f"S{i:03}" for i in range(symbols)]
    prices: dict[str, list[Any]] = {"date": dates}
    for name in names:
        price = chance.uniform(2_000, 40_000)
        beta, drift, noise = chance.uniform(0.5, 1.5), normal(0.0, 0.0003), chance.uniform(0.008, 0.022)
        column = []
        for move in market:
            column.append(max(1, round(price)))
            price *= max(0.5, 1 + beta * move + normal(drift, noise))
        prices[name] = column
    return prices
