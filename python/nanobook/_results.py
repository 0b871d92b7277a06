"""Results in words: what the columns of a sweep are called, and their figures as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["METRICS", "Metric", "label", "metrics_of", "parameters_of", "shown", "sized"]


class Metric(NamedTuple):
    """How a column of results is called and shown."""

    words: str
    kind: str  # "ratio", "part" (shown in percent) or "amount"
    centre: float | None = None  # where good and bad meet
    less_is_better: bool = False


METRICS = {
    "total_return": Metric("total return", "part", 0.0),
    "cagr": Metric("return a year (CAGR)", "part", 0.0),
    "volatility": Metric("volatility a year", "part", less_is_better=True),
    "sharpe": Metric("Sharpe ratio", "ratio", 0.0),
    "sortino": Metric("Sortino ratio", "ratio", 0.0),
    "max_drawdown": Metric("maximum drawdown", "part", less_is_better=True),
    "calmar": Metric("Calmar ratio", "ratio", 0.0),
    "win_rate": Metric("win rate", "part", 0.5),
    "profit_factor": Metric("profit factor", "ratio", 1.0),
    "cvar_95": Metric("mean of the worst 5% of returns", "part"),
    "n_periods": Metric("returns", "amount"),
    "winning": Metric("winning periods", "amount"),
    "losing": Metric("losing periods", "amount", less_is_better=True),
    "final_equity": Metric("final equity", "amount"),
    "final_cash": Metric("final cash", "amount"),
    "min_cash": Metric("least cash", "amount"),
    "fees": Metric("fees", "amount", less_is_better=True),
    "turnover": Metric("turnover", "ratio", less_is_better=True),
    "n_rebalances": Metric("rebalances", "amount"),
    "n_orders": Metric("orders", "amount", less_is_better=True),
    "n_resized": Metric("rebalances made smaller", "amount", less_is_better=True),
    "n_bars": Metric("bars", "amount"),
}


def parameters_of(columns: Sequence[str]) -> list[str]:
    """The columns between the id and the first metric."""
    return list(columns[1 : columns.index("total_return")])


def metrics_of(columns: Sequence[str]) -> list[str]:
    """The columns of numbers after the parameters."""
    return [name for name in columns[columns.index("total_return") :] if name in METRICS]


def sized(number: float) -> str:
    """An amount of three figures: "1.58M"."""
    for unit, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= unit:
            return f"{number / unit:.3g}{letter}" if abs(number) < 999.5 * unit else f"{number / unit:,.0f}{letter}"
    return f"{number:.3g}" if abs(number) < 100 else f"{number:.0f}"


def shown(number: float | None, kind: str) -> str:
    """A figure for people: "1.65", "12.3%", "8.51%", "1.58M"."""
    if number is None:
        return "not defined"
    if kind == "part":
        percent = 100 * number
        digits = 1 if abs(percent) >= 9.995 or percent == 0 else 2
        ordinary = percent == 0 or 0.01 <= abs(percent) < 100_000
        text = (f"{percent:,.{digits}f}" if ordinary else sized(percent)) + "%"
    elif kind == "ratio":
        text = f"{number:,.2f}" if abs(number) < 1000 else sized(number)
    else:
        text = sized(number)
    return text if any(digit in text for digit in "123456789") else text.lstrip("-")  # no minus before zero


def label(value: Any) -> str:
    """The value of a parameter, as on an axis."""
    if value is None:
        return "none"
    if isinstance(value, float):
        short = f"{value:.6g}"
        return short if float(short) == value else repr(value)
    return str(value)
