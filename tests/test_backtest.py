"""The backtest loop: what a strategy sees, when its decisions are carried out, and what is said about it in the end."""

import contextlib
import datetime
import inspect
import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

import nanobook
import reference_portfolio as reference
from nanobook import CostModel, EqualWeight, backtest_weights, run_backtest
from reference_portfolio import differences

Rows = Sequence[Mapping[str, int | None]]
Targets = Mapping[str, float] | None

FORMS: dict[str, Callable[[Rows], Any]] = {
    "lists": lambda rows: [list(row.items()) for row in rows],
    "polars": pl.DataFrame,
    "pyarrow": pa.Table.from_pylist,
    "pandas": lambda rows: pd.DataFrame(rows).convert_dtypes(),
}
CASH = 1_000_000


def lists(*prices: int | None) -> Any:
    """Of one symbol, A."""
    return FORMS["lists"]([{"A": price} for price in prices])


def all_in(*_: Any) -> dict[str, float]:
    return {"A": 1.0}


def trade_rows(result: Any) -> list[tuple[Any, ...]]:
    names = ("bar", "symbol", "side", "quantity", "price", "fee")
    return sorted(tuple(row[name] for name in names) for row in result.trades.rows())


def assert_same(result: Any, expected: reference.Result, *args: float) -> None:
    """To the cent in money, and to rounding in ratios."""
    assert result.equity_curve == expected.curve
    assert result.returns == expected.returns
    assert trade_rows(result) == sorted(expected.trades)
    row = expected.row(*args)
    money = ("final_equity", "final_cash", "fees", "min_cash", "turnover")
    counts = ("n_rebalances", "n_orders", "n_resized", "n_bars", "status")
    assert differences(result, {name: row[name] for name in (*money, *counts)}) == {}
    assert differences(result.metrics, {name: row[name] for name in reference.metrics([0.1])}) == {}
    assert result.table["cash"] == expected.cash
    held = {symbol: position.quantity for symbol, position in result.portfolio.positions().items()}
    assert held == {symbol: position.quantity for symbol, position in expected.portfolio.positions.items()}


# ---------------------------------------------------------------------- the loop


def test_entry_costs_are_in_the_first_return_and_there_is_one_return_less_than_bars() -> None:
    result = run_backtest(all_in, lists(1_000, 1_000, 1_100), 1_001_000, CostModel(commission_bps=10))
    assert result.equity_curve == [1_001_000, 1_000_000, 1_100_000]
    assert result.returns == [1_000_000 / 1_001_000 - 1, 1_100_000 / 1_000_000 - 1]
    assert result.n_bars == 3


def test_a_decision_is_filled_at_the_bar_that_made_it_by_default_and_at_the_next_with_a_lag() -> None:
    prices = lists(100, 110, 121)
    bars = {
        lag: [row[0] for row in trade_rows(run_backtest(decide_once, prices, CASH, execution_lag=lag))]
        for lag in (0, 1)
    }
    assert bars == {0: [0], 1: [1]}
    assert run_backtest(decide_once, prices, CASH).equity_curve == [CASH, 1_100_000, 1_210_000]
    lagged = run_backtest(decide_once, prices, CASH, execution_lag=1)
    # 9,090 shares at 110 leave 100.
    assert lagged.equity_curve == [CASH, CASH, 9_090 * 121 + 100]


def decide_once(bar: int, *_: Any) -> Targets:
    return {"A": 1.0} if bar == 0 else None


def test_with_a_lag_the_last_decision_is_never_carried_out() -> None:
    result = run_backtest(lambda bar, *_: {"A": 1.0} if bar == 2 else None, lists(1, 1, 1), CASH, execution_lag=1)
    assert (result.n_rebalances, result.n_orders, len(result.trades)) == (0, 0, 0)


def test_none_holds_and_an_empty_mapping_liquidates() -> None:
    decisions: list[Targets] = [{"A": 1.0}, None, {}, None]
    result = run_backtest(lambda bar, *_: decisions[bar], lists(100, 120, 130, 140), CASH)
    assert trade_rows(result) == [(0, "A", "buy", 10_000, 100, 0), (2, "A", "sell", 10_000, 130, 0)]
    assert result.equity_curve == [CASH, 1_200_000, 1_300_000, 1_300_000]
    assert result.n_rebalances == 2


@pytest.mark.parametrize(
    "answer", [{"A": 0.25, "B": -0.5}, [("B", -0.5), ("A", 0.25)], [0.25, -0.5], (0.25, -0.5), np.array([0.25, -0.5])]
)
def test_a_strategy_answers_with_a_mapping_pairs_or_a_number_for_each_symbol(answer: Any) -> None:
    result = run_backtest(lambda *_: answer, [[("A", 100), ("B", 10)]] * 2, 1_000)
    assert trade_rows(result) == [(0, "A", "buy", 2, 100, 0), (0, "B", "sell", 50, 10, 0)]


@pytest.mark.parametrize("form", FORMS)
def test_a_strategy_sees_the_bar_its_prices_in_column_order_and_the_portfolio(form: str) -> None:
    seen = []

    def strategy(bar: int, prices: dict[str, int], portfolio: Any) -> dict[str, float]:
        seen.append((bar, list(prices.items()), portfolio.cash, portfolio.quantity("B")))
        assert portfolio.equity == portfolio.cash + portfolio.quantity("B") * prices["B"]
        assert (portfolio.initial_cash, list(portfolio.symbols)) == (1_000, list(prices))
        return {"B": 0.5}

    run_backtest(strategy, FORMS[form]([{"Z": 7, "B": 100, "A": 3}, {"Z": 8, "B": 110, "A": 4}]), 1_000)
    assert seen == [(0, [("Z", 7), ("B", 100), ("A", 3)], 1_000, 0), (1, [("Z", 8), ("B", 110), ("A", 4)], 500, 5)]


def test_the_view_of_the_portfolio_cannot_be_changed() -> None:
    def strategy(_bar: int, prices: dict[str, int], portfolio: Any) -> dict[str, float]:
        for name in ("rebalance_simple", "record_return"):
            with pytest.raises(AttributeError):
                getattr(portfolio, name)
        for name in ("cash", "initial_cash", "ruined", "anything"):
            with pytest.raises(AttributeError):
                setattr(portfolio, name, 5)
        prices["A"] = 1  # its own
        return {"A": 1.0}

    assert run_backtest(strategy, lists(100, 110), 1_000).equity_curve == [1_000, 1_100]


def test_a_view_that_is_kept_does_no_harm_after_the_run() -> None:
    kept: list[Any] = []
    result = run_backtest(lambda _bar, _prices, view: kept.append(view), lists(100, 110), 1_000)
    for view in kept:
        with contextlib.suppress(RuntimeError):
            assert view.cash == 1_000
    assert result.portfolio.cash == 1_000


def test_the_final_portfolio_is_ones_own() -> None:
    result = run_backtest(all_in, lists(100, 110), 1_000)
    result.portfolio.rebalance_simple({}, {"A": 110})
    assert result.equity_curve == [1_000, 1_100]
    assert result.portfolio.cash == 1_100 or result.portfolio.positions()["A"].quantity == 10


@pytest.mark.parametrize("kind", [KeyError, ZeroDivisionError, KeyboardInterrupt])
def test_an_exception_in_the_strategy_comes_out_as_it_is_with_its_bar(kind: type[BaseException]) -> None:
    def strategy(bar: int, *_: Any) -> Targets:
        if bar == 17:
            raise kind("oh")
        return {}

    with pytest.raises(kind, match="oh") as caught:
        run_backtest(strategy, lists(*[100] * 30), CASH)
    assert any("bar 17" in note for note in caught.value.__notes__)


@pytest.mark.parametrize(
    ("answer", "named"),
    [({"A": math.nan}, "nan"), ({"NOPE": 0.1}, "NOPE"), ({"A": 1.5}, r"1\.5"), ([("A", 0.1), ("A", 0.2)], "A")],
)
def test_an_impossible_answer_is_refused_by_its_value(answer: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        run_backtest(lambda *_: answer, lists(100, 110), CASH)


@pytest.mark.parametrize("answer", [5, "A", {"A": "1"}, [("A",)]])
def test_an_answer_of_a_wrong_type_is_refused(answer: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        run_backtest(lambda *_: answer, lists(100, 110), CASH)


def test_a_sequence_of_a_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\b3\b"):
        run_backtest(lambda *_: [0.1, 0.1, 0.1], lists(100, 110), CASH)


def test_the_default_lag_is_documented() -> None:
    assert "execution_lag" in (inspect.getdoc(run_backtest) or "")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"execution_lag": 2}, "2"),
        ({"execution_lag": -1}, "-1"),
        ({"on_null": "ignore"}, "ignore"),
        ({"leverage": 0.0}, "0"),
    ],
)
def test_an_impossible_option_is_refused_by_its_value(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        run_backtest(all_in, lists(100, 110), CASH, **options)


def test_a_strategy_may_run_a_backtest_of_its_own() -> None:
    def nested(bar: int, _prices: Any, view: Any) -> Targets:
        inner = run_backtest(all_in, lists(*range(100, 102 + bar)), CASH)
        assert view.cash == CASH
        return {} if inner.equity_curve[-1] > CASH else None

    assert run_backtest(nested, lists(100, 110), CASH).equity_curve == [CASH, CASH]


def test_amounts_past_64_bits_are_an_error() -> None:
    with pytest.raises(OverflowError, match="64 bits"):
        run_backtest(all_in, lists(1, 2**62, 2**62), CASH)


# ---------------------------------------------------------------------- missing prices


@pytest.mark.parametrize("form", FORMS)
def test_a_missing_price_is_refused_by_column_and_row(form: str) -> None:
    rows = [{"A": 100, "BB": 50}, {"A": 101, "BB": 51}, {"A": 102, "BB": None}]
    with pytest.raises(ValueError, match=r"BB.*\b2\b|\b2\b.*BB"):
        run_backtest(all_in, FORMS[form](rows), CASH)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("on_null", ["raise", "carry"])
@pytest.mark.parametrize("price", [0, -5])
def test_a_price_that_is_not_positive_is_refused_by_column_and_row(form: str, on_null: str, price: int) -> None:
    rows = [{"A": 100, "BB": 50}, {"A": 101, "BB": price}]
    with pytest.raises(ValueError, match=r"BB.*\b1\b|\b1\b.*BB"):
        run_backtest(all_in, FORMS[form](rows), CASH, on_null=on_null)


@pytest.mark.parametrize("form", FORMS)
def test_a_missing_price_is_worth_the_last_one_and_not_zero(form: str) -> None:
    rows = FORMS[form]([{"A": 100, "B": 100}, {"A": 100, "B": None}, {"A": 100, "B": 100}])
    result = run_backtest(lambda bar, *_: {"A": 0.5, "B": 0.5} if bar == 0 else None, rows, CASH, on_null="carry")
    assert result.returns == [0.0, 0.0]


def test_a_symbol_without_a_price_is_not_traded_at_that_bar() -> None:
    rows = [{"A": 100, "B": 100}, {"A": 100, "B": None}, {"A": 100, "B": 90}]
    decisions: list[Targets] = [{"A": 0.5, "B": 0.5}, {}, {}]
    result = run_backtest(lambda bar, *_: decisions[bar], FORMS["lists"](rows), 1_000, on_null="carry")
    assert trade_rows(result)[2:] == [(1, "A", "sell", 5, 100, 0), (2, "B", "sell", 5, 90, 0)]


def test_a_symbol_that_never_had_a_price_is_none_and_cannot_be_bought() -> None:
    rows = [{"A": 100, "B": None}, {"A": 100, "B": None}, {"A": 100, "B": 10}]
    seen = []

    def strategy(_bar: int, prices: dict[str, int | None], _: Any) -> Targets:
        seen.append(prices["B"])
        return {"A": 0.5, "B": 0.5}

    result = run_backtest(strategy, FORMS["lists"](rows), 1_000, on_null="carry")
    assert seen == [None, None, 10]
    assert trade_rows(result) == [(0, "A", "buy", 5, 100, 0), (2, "B", "buy", 50, 10, 0)]


# ---------------------------------------------------------------------- ruin


@pytest.mark.parametrize(("price", "left"), [(600, 0), (700, -1_000)])
def test_ruin_loses_everything_once_and_ends_the_strategy(price: int, left: int) -> None:
    bars = []

    def short(bar: int, *_: Any) -> Targets:
        bars.append(bar)
        return {"A": -1.0} if bar == 0 else None

    result = run_backtest(short, lists(300, 400, price, 50, 900), 3_000)
    assert result.equity_curve == [3_000, 2_000, left, left, left]
    assert result.returns == [2_000 / 3_000 - 1, -1.0, 0.0, 0.0]
    assert (result.status, result.metrics.total_return, result.metrics.max_drawdown) == ("ruined", -1.0, 1.0)
    assert bars[-1] <= 2
    assert trade_rows(result)[-1] == (2, "A", "buy", 10, price, 0)
    assert result.portfolio.ruined


# ---------------------------------------------------------------------- tables


@pytest.mark.parametrize("read", [pl.DataFrame, pa.table, lambda table: pl.from_arrow(pa.table(table))])
def test_results_are_arrow_tables(read: Callable[[Any], Any]) -> None:
    days = [datetime.date(2024, 1, 30), datetime.date(2024, 1, 31), datetime.date(2024, 2, 1)]
    prices = pl.DataFrame({"day": days, "A": [100, 120, 90]})
    result = run_backtest(all_in, prices, 1_000, CostModel(min_trade_fee=10), date="day")
    table, trades = pl.DataFrame(read(result.table)), pl.DataFrame(read(result.trades))
    assert table.columns == ["bar", "date", "equity", "return", "drawdown", "cash"]
    assert table["date"].to_list() == days
    assert table["bar"].to_list() == [0, 1, 2]
    assert table["equity"].to_list() == result.equity_curve
    assert table["return"].to_list() == [None, *result.returns]
    assert table["drawdown"].to_list() == pytest.approx([0.0, *reference.drawdowns(result.returns)])
    assert (table.schema["equity"], table.schema["cash"], table.schema["return"]) == (pl.Int64, pl.Int64, pl.Float64)
    assert trades.columns == ["bar", "date", "symbol", "side", "quantity", "price", "fee"]
    assert trades.rows()[0] == (0, days[0], "A", "buy", 9, 100, 10)


def test_a_table_tells_its_length_columns_and_rows() -> None:
    result = run_backtest(all_in, lists(100, 120), 1_000)
    table = result.table
    assert (len(table), list(table.columns)) == (2, ["bar", "equity", "return", "drawdown", "cash"])
    assert table["return"] == [None, 120 / 100 - 1]
    assert table.rows() == pl.DataFrame(table).to_dicts()
    assert len(result.trades) == 1
    assert "equity" in repr(table)
    with pytest.raises(KeyError, match="nope"):
        table["nope"]


def test_a_drawdown_is_negative_in_the_table_and_positive_in_the_metrics() -> None:
    result = run_backtest(all_in, lists(100, 80, 90), 1_000)
    assert min(result.table["drawdown"]) == pytest.approx(-0.2)
    assert result.metrics.max_drawdown == pytest.approx(0.2)


# ---------------------------------------------------------------------- given weights


def test_weights_of_some_symbols_leave_the_others_at_zero() -> None:
    prices = pl.DataFrame({"A": [100, 100], "B": [10, 10]})
    result = backtest_weights(pl.DataFrame({"B": [0.5, 0.25]}), prices, 1_000)
    assert trade_rows(result) == [(0, "B", "buy", 50, 10, 0), (1, "B", "sell", 25, 10, 0)]


def test_a_row_of_nulls_holds_and_a_null_among_numbers_is_zero() -> None:
    weights = pl.DataFrame({"A": [0.5, None, 0.2], "B": [0.5, None, None]})
    result = backtest_weights(weights, pl.DataFrame({"A": [100] * 3, "B": [10] * 3}), 1_000)
    assert trade_rows(result)[2:] == [(2, "A", "sell", 3, 100, 0), (2, "B", "sell", 50, 10, 0)]
    assert result.n_rebalances == 2


def test_a_schedule_is_matched_by_date_or_by_bar() -> None:
    days = [datetime.date(2024, 1, day) for day in (2, 3, 4, 5)]
    prices = pl.DataFrame({"day": days, "A": [100, 110, 120, 130]})
    by_date = pl.DataFrame({"day": [days[1], days[3]], "A": [1.0, 0.0]})
    by_bar = pl.DataFrame({"bar": [1, 3], "A": [1.0, 0.0]})
    expected = [(1, "A", "buy", 9, 110, 0), (3, "A", "sell", 9, 130, 0)]
    assert trade_rows(backtest_weights(by_date, prices, 1_000, date="day")) == expected
    assert trade_rows(backtest_weights(by_bar, prices.drop("day"), 1_000)) == expected


def test_a_date_that_is_no_bar_is_refused() -> None:
    prices = pl.DataFrame({"day": [datetime.date(2024, 1, 2), datetime.date(2024, 1, 3)], "A": [100, 110]})
    weights = pl.DataFrame({"day": [datetime.date(2024, 1, 6)], "A": [1.0]})
    with pytest.raises(ValueError, match="2024-01-06"):
        backtest_weights(weights, prices, 1_000, date="day")


@pytest.mark.parametrize(
    ("weights", "named"),
    [
        (pl.DataFrame({"NOPE": [0.5, 0.5]}), "NOPE"),
        (pl.DataFrame({"A": [0.5, math.nan]}), "A"),
        (pl.DataFrame({"A": [0.5, 1.5]}), r"1\.5"),
        (pl.DataFrame({"A": [0.5]}), r"\b1\b"),
        ([{"A": 0.5}], r"\b1\b"),
    ],
)
def test_impossible_weights_are_refused_by_their_value(weights: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        backtest_weights(weights, pl.DataFrame({"A": [100, 110]}), 1_000)


# ---------------------------------------------------------------------- the naive backtest


class Scenario:
    """Prices and what is decided at each bar, from a seed."""

    def __init__(self, seed: int, *, missing: bool = True) -> None:
        rng = random.Random(seed)
        self.symbols = rng.sample("ABCDEF", rng.randint(1, 5))
        # A first row without a gap: pandas and pyarrow must see integers.
        share = rng.choice([0.0, 0.0, 0.1]) if missing else 0.0
        self.rows = reference.random_rows(rng, 1, self.symbols) + reference.random_rows(
            rng, rng.randint(1, 24), self.symbols, share
        )
        self.leverage = rng.choice([1.0, 1.0, 2.5])
        least = rng.choice([0, 0, -9])
        self.decisions: list[Targets] = []
        for _ in self.rows:
            shares = {symbol: rng.randint(least, 9) for symbol in self.symbols}
            whole = (sum(map(abs, shares.values())) or 1) * rng.choice([1, 1, 2])
            weights = {symbol: share / whole * self.leverage for symbol, share in shares.items()}
            self.decisions.append(rng.choice([None, {}, weights, weights, weights]))
        self.costs = rng.choice([(0, 0, 0), (5, 0, 0), (12.5, 3, 99), (200, 100, 5_000)])
        self.cash = rng.choice([10**4, 10**6, 10**9])
        self.lag = rng.choice([0, 1])
        self.options = {"on_null": "carry", "execution_lag": self.lag, "leverage": self.leverage}

    def decide(self, bar: int, *_: Any) -> Targets:
        return self.decisions[bar]

    def expected(self, strategy: Any = None) -> reference.Result:
        costs = reference.Costs(*self.costs)
        return reference.backtest(
            strategy or self.decide, self.rows, self.cash, costs, leverage=self.leverage, execution_lag=self.lag
        )

    def weights(self) -> pl.DataFrame:
        """As a frame, where a row of nulls holds."""
        rows = [dict.fromkeys(self.symbols, None if d is None else 0.0) | (d or {}) for d in self.decisions]
        return pl.DataFrame(rows, schema=dict.fromkeys(self.symbols, pl.Float64))


SEEDS = st.integers(0, 2**32)


@given(SEEDS, st.sampled_from(list(FORMS)))
@settings(max_examples=150, deadline=None)
def test_every_backtest_equals_the_naive_one_in_every_form_of_prices(seed: int, form: str) -> None:
    scenario = Scenario(seed)
    args = (scenario.decide, FORMS[form](scenario.rows), scenario.cash, CostModel(*scenario.costs))
    assert_same(run_backtest(*args, 52.0, 0.0005, **scenario.options), scenario.expected(), 52.0, 0.0005)


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_given_weights_are_the_strategy_that_answers_with_them(seed: int) -> None:
    scenario = Scenario(seed)
    prices, expected = FORMS["polars"](scenario.rows), scenario.expected()
    frame = scenario.weights()
    shuffled = frame.select(random.Random(seed).sample(frame.columns, len(frame.columns)))
    for weights in (scenario.decisions, frame, shuffled.to_arrow(), frame.with_row_index("bar").drop_nulls()):
        result = backtest_weights(weights, prices, scenario.cash, CostModel(*scenario.costs), **scenario.options)
        assert_same(result, expected)


@given(SEEDS)
@settings(max_examples=40, deadline=None)
def test_the_order_of_columns_changes_no_result(seed: int) -> None:
    scenario = Scenario(seed)
    rng = random.Random(seed)
    prices = FORMS["polars"](scenario.rows)
    shuffled = [prices.select(rng.sample(prices.columns, len(prices.columns)))]
    shuffled.append([rng.sample(list(row.items()), len(row)) for row in scenario.rows])
    for other in shuffled:
        result = run_backtest(scenario.decide, other, scenario.cash, CostModel(*scenario.costs), **scenario.options)
        assert_same(result, scenario.expected())


@given(SEEDS, st.sampled_from([None, 1, 3, 0]), st.sampled_from([0.0, 0.01, 0.5]))
@settings(max_examples=60, deadline=None)
def test_the_native_strategy_equals_the_naive_one(seed: int, every: int | None, buffer: float) -> None:
    scenario = Scenario(seed)
    keys = {"cash_buffer": buffer, "no_trade_band_bps": random.Random(seed).choice([0, 200])}
    keys |= {} if every is None else {"rebalance_every": every}
    naive = scenario.expected(reference.EqualWeight(**keys))
    args = (FORMS["polars"](scenario.rows), scenario.cash, CostModel(*scenario.costs))
    assert_same(run_backtest(EqualWeight(**keys, leverage=scenario.leverage), *args, **scenario.options), naive)


def test_an_unknown_key_of_the_native_strategy_is_refused() -> None:
    with pytest.raises((TypeError, ValueError), match="nope"):
        EqualWeight(nope=3)
    with pytest.raises(ValueError, match="top_k"):
        EqualWeight(top_k=3)


def test_a_backtest_gives_the_same_bits_again() -> None:
    scenario = Scenario(7, missing=False)
    args = (FORMS["polars"](scenario.rows), scenario.cash, CostModel(5, 1, 10))
    one, other = (run_backtest(EqualWeight(cash_buffer=0.01), *args) for _ in range(2))
    assert one.table.rows() == other.table.rows()
    assert one.trades.rows() == other.trades.rows()
    assert nanobook.compute_metrics(one.returns).sharpe == other.metrics.sharpe
