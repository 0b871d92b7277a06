"""Performance figures of a series of returns: the formulas, what other packages say, and what is not defined."""

import math
import random
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

import nanobook
import reference_portfolio as reference
from reference_portfolio import differences

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical
    import quantstats.stats

NAMES = list(reference.metrics([0.1, -0.1]))
# Steps of 1/10,000, so that neighbours differ by more than rounding.
RETURNS = st.lists(st.integers(-3000, 3000).map(lambda step: step / 10_000), min_size=1, max_size=120)


def figures(returns: Any, *args: float) -> dict[str, Any]:
    result = nanobook.compute_metrics(returns, *args)
    return {name: getattr(result, name) for name in NAMES}


def daily_returns(seed: int, n: int = 504) -> list[float]:
    rng = random.Random(seed)
    return [rng.gauss(0.0004, 0.012) for _ in range(n)]


def close(value: Any, tolerance: float = 1e-10) -> Any:
    return pytest.approx(value, rel=tolerance, abs=1e-12, nan_ok=False)


# ---------------------------------------------------------------------- formulas


def test_figures_of_four_returns_by_hand() -> None:
    result = nanobook.compute_metrics([0.10, -0.05, 0.02, -0.10], 4.0, 0.01)
    assert result.total_return == close(1.1 * 0.95 * 1.02 * 0.9 - 1)
    assert result.cagr == close(1.1 * 0.95 * 1.02 * 0.9 - 1)  # four periods are a year
    squares = (0.10 + 0.0075) ** 2 + (-0.05 + 0.0075) ** 2 + (0.02 + 0.0075) ** 2 + (-0.10 + 0.0075) ** 2
    assert result.volatility == close(math.sqrt(squares / 3) * 2)
    assert result.sharpe == close((-0.0075 - 0.01) / math.sqrt(squares / 3) * 2)
    assert result.sortino == close((-0.0075 - 0.01) / math.sqrt((0.06**2 + 0.11**2) / 4) * 2)
    assert result.max_drawdown == close(1 - 0.95 * 1.02 * 0.9)
    assert result.calmar == close((1.1 * 0.95 * 1.02 * 0.9 - 1) / (1 - 0.95 * 1.02 * 0.9))
    assert result.win_rate == 0.5
    assert result.profit_factor == close(0.12 / 0.15)
    assert result.cvar_95 == -0.10
    assert (result.n_periods, result.winning, result.losing) == (4, 2, 2)
    assert (result.periods_per_year, result.risk_free) == (4.0, 0.01)


@given(RETURNS, st.sampled_from([1.0, 12.0, 52.0, 252.0]), st.sampled_from([0.0, 0.00015, -0.01]))
def test_figures_equal_the_plain_formulas(returns: list[float], periods_per_year: float, risk_free: float) -> None:
    result = nanobook.compute_metrics(returns, periods_per_year, risk_free)
    assert differences(result, reference.metrics(returns, periods_per_year, risk_free)) == {}


@pytest.mark.parametrize("seed", range(4))
def test_figures_equal_numpy(seed: int) -> None:
    r = np.array(daily_returns(seed))
    result = nanobook.compute_metrics(r, 252.0, 0.0001)
    wealth = np.cumprod(1 + r)
    assert result.total_return == close(wealth[-1] - 1)
    assert result.cagr == close(wealth[-1] ** (252 / len(r)) - 1)
    assert result.volatility == close(np.std(r, ddof=1) * np.sqrt(252))
    assert result.sharpe == close(np.mean(r - 0.0001) / np.std(r, ddof=1) * np.sqrt(252))
    downside = np.sqrt(np.mean(np.minimum(r - 0.0001, 0) ** 2))
    assert result.sortino == close(np.mean(r - 0.0001) / downside * np.sqrt(252))
    highest = np.maximum(np.maximum.accumulate(wealth), 1)
    assert result.max_drawdown == close(-np.min(wealth / highest - 1))
    assert result.profit_factor == close(r[r > 0].sum() / -r[r < 0].sum())
    assert result.cvar_95 == close(np.sort(r)[: int((len(r) - 1) * 0.05) + 1].mean())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("risk_free", [0.0, 0.0002])
@pytest.mark.parametrize("periods", [12, 252])
def test_figures_equal_those_of_empyrical(seed: int, risk_free: float, periods: int) -> None:
    r = np.array(daily_returns(seed))
    result = nanobook.compute_metrics(r, periods, risk_free)
    assert result.total_return == close(empyrical.cum_returns_final(r))
    assert result.cagr == close(empyrical.annual_return(r, annualization=periods))
    assert result.volatility == close(empyrical.annual_volatility(r, annualization=periods))
    assert result.sharpe == close(empyrical.sharpe_ratio(r, risk_free, annualization=periods))
    assert result.sortino == close(empyrical.sortino_ratio(r, risk_free, annualization=periods))
    assert result.max_drawdown == close(-empyrical.max_drawdown(r))
    assert result.calmar == close(empyrical.calmar_ratio(r, annualization=periods))
    assert result.cvar_95 == close(empyrical.conditional_value_at_risk(r))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("risk_free", [0.0, 0.0002])
@pytest.mark.parametrize("periods", [12, 252])
def test_figures_equal_those_of_quantstats(seed: int, risk_free: float, periods: int) -> None:
    r = pd.Series(daily_returns(seed), index=pd.bdate_range("2020-01-01", periods=504))
    yearly = (1 + risk_free) ** periods - 1  # quantstats takes the rate of a year
    result = nanobook.compute_metrics(r.to_numpy(), periods, risk_free)
    assert result.total_return == close(quantstats.stats.comp(r))
    assert result.cagr == close(quantstats.stats.cagr(r, periods=periods))
    assert result.volatility == close(quantstats.stats.volatility(r, periods=periods))
    assert result.sharpe == close(quantstats.stats.sharpe(r, rf=yearly, periods=periods))
    assert result.sortino == close(quantstats.stats.sortino(r, rf=yearly, periods=periods))
    assert result.max_drawdown == close(-quantstats.stats.max_drawdown(r))
    assert result.calmar == close(quantstats.stats.calmar(r, periods=periods))
    assert result.win_rate == close(quantstats.stats.win_rate(r))
    assert result.profit_factor == close(quantstats.stats.profit_factor(r))


def test_a_loss_in_the_first_period_is_a_drawdown() -> None:
    assert nanobook.compute_metrics([-0.25, 0.5]).max_drawdown == 0.25


def test_an_unchanged_period_neither_wins_nor_loses() -> None:
    result = nanobook.compute_metrics([0.0, 0.01, 0.0, -0.01, 0.02])
    assert (result.winning, result.losing, result.win_rate) == (2, 1, close(2 / 3))


def test_the_tail_of_few_returns_is_the_lowest_one() -> None:
    assert nanobook.compute_metrics([i / 100 for i in range(20)]).cvar_95 == 0.0
    assert nanobook.compute_metrics([i / 100 for i in range(21)]).cvar_95 == close(0.005)


def test_the_order_of_returns_changes_only_the_drawdown() -> None:
    up_first, down_first = figures([0.3, 0.1, -0.2, -0.1]), figures([-0.1, -0.2, 0.1, 0.3])
    assert [name for name in NAMES if up_first[name] != close(down_first[name])] == []
    back_and_forth = figures([0.3, -0.2, 0.1, -0.1])
    changed = [name for name in NAMES if up_first[name] != close(back_and_forth[name])]
    assert changed == ["max_drawdown", "calmar"]


# ---------------------------------------------------------------------- what is not defined


def test_no_returns_have_no_figures() -> None:
    assert nanobook.compute_metrics([]) is None


def test_one_return_has_no_volatility_and_no_sharpe() -> None:
    result = nanobook.compute_metrics([0.01])
    assert (result.volatility, result.sharpe, result.n_periods) == (None, None, 1)
    assert result.total_return == close(0.01)


def test_without_a_loss_sortino_profit_factor_and_calmar_are_none() -> None:
    result = nanobook.compute_metrics([0.01, 0.0, 0.02])
    assert (result.sortino, result.profit_factor, result.calmar) == (None, None, None)
    assert (result.max_drawdown, result.win_rate) == (0.0, 1.0)


def test_sortino_knows_a_period_below_the_risk_free_rate_though_none_loses() -> None:
    result = nanobook.compute_metrics([0.01, 0.03], 252.0, 0.02)
    assert result.sortino == close(0.0)
    assert result.profit_factor is None


@pytest.mark.parametrize("value", [0.01, -0.01, 0.1, 1 / 3])
@pytest.mark.parametrize("n", [2, 3, 10, 251])
def test_constant_returns_have_no_sharpe(value: float, n: int) -> None:
    result = nanobook.compute_metrics([value] * n, 252.0, 0.001)
    assert result.sharpe is None
    assert result.volatility == pytest.approx(0, abs=1e-15)


def test_a_portfolio_that_does_nothing_has_returns_of_zero_and_no_ratios() -> None:
    result = nanobook.compute_metrics([0.0] * 5)
    assert (result.total_return, result.cagr, result.volatility, result.max_drawdown, result.cvar_95) == (0,) * 5
    undefined = (result.sharpe, result.sortino, result.calmar, result.win_rate, result.profit_factor)
    assert undefined == (None,) * 5


def test_only_losses_have_a_profit_factor_and_a_win_rate_of_zero() -> None:
    result = nanobook.compute_metrics([-0.01, -0.02])
    assert (result.profit_factor, result.win_rate) == (0.0, 0.0)


@pytest.mark.parametrize("returns", [[0.5, -1.0, 0.0], [-1.0], [0.1, -1.33, 0.5], [0.1, -1.5, -3.0]])
def test_ruin_is_a_loss_of_everything_and_never_more(returns: list[float]) -> None:
    result = nanobook.compute_metrics(returns)
    assert (result.total_return, result.max_drawdown, result.cagr, result.calmar) == (-1.0, 1.0, -1.0, -1.0)


# ---------------------------------------------------------------------- what goes in

FORMS: dict[str, Callable[[Sequence[float]], Any]] = {
    "tuple": tuple,
    "numpy": np.array,
    "every second of numpy": lambda values: np.repeat(values, 2)[::2],
    "polars": pl.Series,
    "slice of polars": lambda values: pl.Series([9.0, *values, 9.0]).slice(1, len(values)),
    "pyarrow": pa.array,
    "chunks of pyarrow": lambda values: pa.chunked_array([values[:3], [], values[3:]], pa.float64()),
    "pandas": pd.Series,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_column_gives_the_same_bits(form: str) -> None:
    returns = daily_returns(1, 50)
    assert figures(FORMS[form](returns)) == figures(returns)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("form", [list, np.array, pl.Series, pa.array])
def test_a_return_that_is_no_number_is_refused_with_its_row(bad: float, form: Callable[[list[float]], Any]) -> None:
    with pytest.raises(ValueError, match=r"\b2\b"):
        nanobook.compute_metrics(form([0.01, 0.0, bad, 0.5]))


@pytest.mark.parametrize("form", [pl.Series, pa.array])
def test_a_null_is_refused_with_its_row(form: Callable[[list[float | None]], Any]) -> None:
    with pytest.raises(ValueError, match=r"\b2\b"):
        nanobook.compute_metrics(form([0.01, 0.0, None, 0.5]))


def test_text_is_refused() -> None:
    with pytest.raises(TypeError):
        nanobook.compute_metrics(["0.01", "0.02"])


# ---------------------------------------------------------------------- of whole backtests


def test_two_yearly_bars_are_one_year() -> None:
    result = nanobook.run_backtest(
        lambda *_: {"A": 1.0}, [[("A", 10_000)], [("A", 11_000)]], 1_000_000, periods_per_year=1.0
    )
    assert result.returns == [close(0.1)]
    assert result.metrics.cagr == close(0.1)
    assert result.metrics.n_periods == 1


def test_metrics_of_a_backtest_are_those_of_its_returns() -> None:
    rng = random.Random(5)
    prices = [[("A", rng.randint(900, 1100)), ("B", rng.randint(900, 1100))] for _ in range(60)]
    result = nanobook.run_backtest(
        lambda *_: {"A": 0.5, "B": 0.4}, prices, 1_000_000, periods_per_year=52.0, risk_free=0.001
    )
    assert differences(result.metrics, figures(result.returns, 52.0, 0.001)) == {}
    assert (result.metrics.periods_per_year, result.metrics.risk_free) == (52.0, 0.001)
