"""Sweeps of the equal-weight strategy: every row is the backtest it stands for, whatever the form of what goes in."""

import datetime
import itertools
import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

import nanobook
import reference_portfolio as reference
from nanobook import CostModel, EqualWeight, Prices, run_backtest, sweep, sweep_equal_weight
from reference_portfolio import differences

Params = Mapping[str, Any]
Rows = Sequence[Mapping[str, int | None]]

ENGINE_KEYS = {"cost_bps": "commission_bps", "slippage_bps": "slippage_bps", "min_trade_fee": "min_trade_fee"}
GRID: dict[str, list[Any]] = {
    "rebalance_every": [1, 0, 2, 5],
    "rebalance_on": ["day", "week", "month", "quarter"],
    "offset": [0, 1, 4],
    "cost_bps": [0.0, 5.0, 12.5, 150.0],
    "slippage_bps": [0.0, 0.5, 30.0],
    "min_trade_fee": [0, 1, 500],
    "cash_buffer": [0.0, 0.02, 0.5],
    "no_trade_band_bps": [0.0, 50.0, 1_000.0],
    "lookback": [1, 3, 10],
    "skip": [0, 1, 2],
    "top_k": [1, 2, 9],
    "min_price": [1, 400, 900],
    "min_history": [1, 3, 8],
    "stop_loss_pct": [None, 0.02, 0.1],
    "trailing_stop_pct": [None, 0.03, 0.1],
    "take_profit_pct": [None, 0.04, 1.2],
    "leverage": [1.0, 1.5, 3.0],
    "max_drawdown_stop": [None, 0.05, 0.2],
    "execution_lag": [0, 1],
}
METRICS = list(reference.metrics([0.1]))
OUTCOMES = list(reference.backtest(lambda *_: None, [{"A": 1}] * 2, 1).row())
CASH = 100_000_000


def frame(*columns: Sequence[int | None]) -> pl.DataFrame:
    """Of symbols A, B, ..."""
    return pl.DataFrame(
        {name: pl.Series(column, dtype=pl.Int64) for name, column in zip("ABCDEF", columns, strict=False)}
    )


def table_rows(result: Any) -> list[dict[str, Any]]:
    return pl.DataFrame(result).to_dicts()


def outcomes(result: Any) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in OUTCOMES) for row in table_rows(result)]


def naive(
    rows: Rows, params: Params, cash: int, base: Params, dates: Sequence[datetime.date] | None
) -> reference.Result:
    costs = {name: params.get(key, base.get(name, 0)) for key, name in ENGINE_KEYS.items()}
    own = {key: value for key, value in params.items() if key not in {*ENGINE_KEYS, "leverage", "execution_lag"}}
    return reference.backtest(
        reference.EqualWeight(**own, dates=dates),
        rows,
        cash,
        reference.Costs(**costs),
        leverage=params.get("leverage", 1.0),
        execution_lag=params.get("execution_lag", 0),
    )


class Scenario:
    """Prices and a grid, from a seed."""

    def __init__(self, seed: int, keys: Sequence[str] | None = None) -> None:
        self.rng = rng = random.Random(seed)
        self.symbols = rng.sample("ABCDEF", rng.randint(1, 5))
        bars, missing = rng.randint(2, 40), rng.choice([0.0, 0.0, 0.1])
        self.rows = reference.random_rows(rng, bars, self.symbols, missing)
        first = datetime.date(2023, 11, rng.randint(1, 28))
        days = itertools.accumulate(rng.choices([1, 1, 3, 20], k=bars))
        self.dates = [first + datetime.timedelta(days=day) for day in days]
        self.cash = rng.choice([50_000, 10**7, 10**10])
        self.costs = {"commission_bps": rng.choice([0, 7]), "slippage_bps": rng.choice([0, 4]), "min_trade_fee": 0}
        chosen = keys or rng.sample(list(GRID), rng.randint(1, 7))
        needless = {"rebalance_every"} if "rebalance_on" in chosen else set()
        needless |= set() if "lookback" in chosen else {"top_k", "skip"}
        chosen = [key for key in chosen if key not in needless]
        self.grid = {key: rng.sample(GRID[key], min(len(GRID[key]), rng.choice([1, 2, 2, 3]))) for key in chosen}

    def prices(self) -> pl.DataFrame:
        columns = {symbol: pl.Series([row[symbol] for row in self.rows], dtype=pl.Int64) for symbol in self.symbols}
        return pl.DataFrame({"when": self.dates, **columns})

    def sweep(self, prices: Any = None, grid: Any = None, **options: Any) -> Any:
        return sweep_equal_weight(
            self.prices() if prices is None else prices,
            self.grid if grid is None else grid,
            self.cash,
            CostModel(**self.costs),
            **({"on_null": "carry", "date": "when"} | options),
        )

    def sets(self) -> list[Params]:
        """In grid order: the last key moves fastest."""
        return [dict(zip(self.grid, values, strict=True)) for values in itertools.product(*self.grid.values())]

    def expected(self, params: Params) -> reference.Result:
        return naive(self.rows, params, self.cash, self.costs, self.dates)


SEEDS = st.integers(0, 2**32)
# Schedules, ranks and stops; more sets than fit into two blocks.
BROAD = Scenario(11, ["rebalance_every", "cost_bps", "cash_buffer", "lookback", "top_k", "trailing_stop_pct"])


# ---------------------------------------------------------------------- the naive sweep


@given(SEEDS)
@settings(max_examples=150, deadline=None)
def test_every_row_equals_the_naive_backtest(seed: int) -> None:
    scenario = Scenario(seed)
    rows, sets = table_rows(scenario.sweep()), scenario.sets()
    assert [row["id"] for row in rows] == list(range(len(sets)))
    assert [{key: row[key] for key in scenario.grid} for row in rows] == sets
    for index in scenario.rng.sample(range(len(sets)), min(len(sets), 12)):
        assert differences(rows[index], scenario.expected(sets[index]).row()) == {}


@pytest.mark.parametrize("key", GRID)
@pytest.mark.parametrize("seed", range(3))
def test_every_key_equals_the_naive_backtest(key: str, seed: int) -> None:
    scenario = Scenario(seed, ["lookback", key] if key in ("top_k", "skip") else [key])
    scenario.grid[key] = GRID[key]
    for row, params in zip(table_rows(scenario.sweep()), scenario.sets(), strict=True):
        assert differences(row, scenario.expected(params).row()) == {}


@pytest.mark.parametrize("sets", [1, 7, 8, 9, 31, 32, 33, 64, 65])
def test_every_number_of_sets_equals_the_naive_backtest(sets: int) -> None:
    scenario = Scenario(sets, ["cost_bps"])
    scenario.grid = {"cost_bps": [count / 2 for count in range(sets)]}
    for row, params in zip(table_rows(scenario.sweep()), scenario.sets(), strict=True):
        assert differences(row, scenario.expected(params).row()) == {}


@pytest.mark.parametrize(
    ("cash", "price"),
    [(10**15, 100), (2**53 - 1, 1), (2**53 + 1, 7), (10**17, 10**6), (10**17, 10**13), (10**9, 10**9)],
)
def test_amounts_that_are_not_exact_in_a_double_equal_the_naive_backtest(cash: int, price: int) -> None:
    scenario = Scenario(3, ["rebalance_every", "cost_bps", "slippage_bps"])
    scenario.cash = cash
    scenario.rows = [{s: p and p * price for s, p in row.items()} for row in scenario.rows]
    for row, params in zip(table_rows(scenario.sweep()), scenario.sets(), strict=True):
        assert differences(row, scenario.expected(params).row()) == {}


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_every_row_is_run_again_to_the_cent(seed: int) -> None:
    scenario = Scenario(seed)
    result = scenario.sweep()
    rows = table_rows(result)
    for row in scenario.rng.sample(rows, min(len(rows), 8)):
        again = result.run(row["id"])
        counts = ("n_rebalances", "n_orders", "n_resized", "n_bars", "status", "min_cash")
        assert {name: getattr(again, name) for name in counts} == {name: row[name] for name in counts}
        assert (again.equity_curve[-1], again.portfolio.cash) == (row["final_equity"], row["final_cash"])
        assert again.portfolio.fees == row["fees"]
        assert again.turnover == pytest.approx(row["turnover"], rel=1e-12)
        assert differences(again.metrics, {name: row[name] for name in METRICS}) == {}
        expected = scenario.expected({key: row[key] for key in scenario.grid})
        assert again.equity_curve == expected.curve
        assert list(result.curve(row["id"])) == expected.curve


@pytest.mark.parametrize("curves", [True, [1, 3]])
def test_curves_that_are_kept_are_those_that_are_worked_out_again(curves: Any) -> None:
    kept, other = BROAD.sweep(curves=curves), BROAD.sweep()
    assert [kept.curve(index) for index in range(5)] == [other.curve(index) for index in range(5)]


def test_amounts_past_64_bits_are_an_error() -> None:
    with pytest.raises(OverflowError, match="64 bits"):
        sweep_equal_weight(frame([1, 2**62, 2**62]), {}, CASH)


@pytest.mark.parametrize("index", [-1, 4, 10**9])
def test_a_row_that_does_not_exist_is_refused(index: int) -> None:
    result = sweep_equal_weight(frame([100, 110]), {"cost_bps": [1, 2, 3, 4]}, CASH)
    for ask in (result.run, result.curve):
        with pytest.raises((IndexError, ValueError, OverflowError), match=str(index)):
            ask(index)


# ---------------------------------------------------------------------- the grid


def test_a_grid_is_a_dictionary_or_rows_or_a_frame() -> None:
    rows, expected = BROAD.sets(), outcomes(BROAD.sweep())
    frames = [pl.DataFrame(rows), pa.Table.from_pylist(rows), pd.DataFrame(rows)]
    for grid in (rows, tuple(rows), *frames):
        assert outcomes(BROAD.sweep(grid=grid)) == expected


def test_parameters_are_typed_columns_after_the_id() -> None:
    grid = {"rebalance_on": ["week", "month"], "stop_loss_pct": [None, 0.5], "min_trade_fee": [5], "cash_buffer": [0]}
    days = [datetime.date(2024, 1, day) for day in (1, 2, 3)]
    table = pl.DataFrame(sweep_equal_weight(frame([9, 9, 9]).with_columns(d=pl.Series(days)), grid, CASH, date="d"))
    assert table.columns == ["id", *grid, *OUTCOMES]
    assert table["rebalance_on"].cast(pl.String).to_list() == ["week", "week", "month", "month"]
    assert table["stop_loss_pct"].to_list() == [None, 0.5, None, 0.5]
    assert table.schema["min_trade_fee"].is_integer()
    assert table.schema["stop_loss_pct"] == pl.Float64


def test_money_is_integers_and_ratios_are_doubles() -> None:
    table = pl.DataFrame(sweep_equal_weight(frame([100, 110]), {"cost_bps": [5]}, CASH))
    for name in ("final_equity", "final_cash", "min_cash", "fees"):
        assert table.schema[name] == pl.Int64, name
    for name in (*METRICS[:11], "turnover"):
        assert table.schema[name] == pl.Float64 or table.schema[name].is_integer(), name
    # One return: neither volatility nor what divides by it, nor a loss.
    row = table.to_dicts()[0]
    assert [name for name in METRICS if row[name] is None] == [
        "volatility",
        "sharpe",
        "sortino",
        "calmar",
        "profit_factor",
    ]


def test_a_key_of_the_grid_overrides_the_base() -> None:
    prices, costs = frame([1_000, 1_010, 990]), CostModel(7, 3, 2)
    base = sweep_equal_weight(prices, {"cash_buffer": [0.1]}, CASH, costs, execution_lag=1)
    same = sweep_equal_weight(
        prices,
        {"cash_buffer": [0.1], "cost_bps": [7], "slippage_bps": [3], "min_trade_fee": [2], "execution_lag": [1]},
        CASH,
    )
    free = sweep_equal_weight(prices, {"cost_bps": [0], "slippage_bps": [0], "min_trade_fee": [0]}, CASH, costs)
    assert outcomes(base) == outcomes(same)
    assert table_rows(free)[0]["fees"] == 0


def test_an_empty_grid_is_the_strategy_as_it_is() -> None:
    assert len(sweep_equal_weight(frame([100, 110]), {}, CASH)) == 1


def test_a_null_of_a_frame_is_a_key_that_is_not_set() -> None:
    prices = frame([100, 50, 80, 70], [100, 120, 90, 130])
    grid = pl.DataFrame({"stop_loss_pct": [None, 0.1], "rebalance_every": [0, 0]})
    with_null, other = outcomes(sweep_equal_weight(prices, grid, CASH))
    assert with_null == outcomes(sweep_equal_weight(prices, {"rebalance_every": [0]}, CASH))[0]
    assert with_null != other


def test_a_key_that_a_row_does_not_have_is_left_as_it_is() -> None:
    prices, costs = frame([1_000, 1_010, 990]), CostModel(7)
    rows = table_rows(sweep_equal_weight(prices, [{"cost_bps": 5}, {"cash_buffer": 0.1}], CASH, costs))
    assert [(row["cost_bps"], row["cash_buffer"]) for row in rows] == [(5.0, None), (None, 0.1)]
    assert rows[1]["fees"] == table_rows(sweep_equal_weight(prices, {"cash_buffer": [0.1]}, CASH, costs))[0]["fees"] > 0


@pytest.mark.parametrize("grid", [{"cost_bps": []}, [], pl.DataFrame({"cost_bps": []})])
def test_a_grid_without_sets_is_refused(grid: Any) -> None:
    with pytest.raises(ValueError, match=r"cost_bps|param_grid"):
        sweep_equal_weight(frame([100, 110]), grid, CASH)


def test_an_unknown_key_is_refused_with_a_list_of_the_known_ones() -> None:
    with pytest.raises((ValueError, TypeError), match="nope") as caught:
        sweep_equal_weight(frame([100, 110]), {"nope": [1], "cost_bps": [5]}, CASH)
    assert [key for key in GRID if key not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rebalance_every", -1),
        ("rebalance_on", "fortnight"),
        ("offset", -2),
        ("cost_bps", -5),
        ("cost_bps", 0.005),
        ("slippage_bps", 10_000),
        ("min_trade_fee", -7),
        ("cash_buffer", -0.5),
        ("cash_buffer", 1.5),
        ("cash_buffer", math.nan),
        ("no_trade_band_bps", -3),
        ("stop_loss_pct", 5),
        ("stop_loss_pct", -0.1),
        ("trailing_stop_pct", 1),
        ("take_profit_pct", -0.25),
        ("max_drawdown_stop", 20),
        ("leverage", 0),
        ("leverage", math.inf),
        ("execution_lag", 2),
    ],
)
def test_an_impossible_value_is_refused_by_its_key_and_value(key: str, value: Any) -> None:
    prices = frame([100, 110]).with_columns(d=pl.Series([datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)]))
    with pytest.raises(ValueError, match=re.escape(f"{value}".removesuffix(".0"))) as caught:
        sweep_equal_weight(prices, {key: [value]}, CASH, date="d")
    assert key in str(caught.value) or ENGINE_KEYS.get(key, key) in str(caught.value)


@pytest.mark.parametrize("key", ["rebalance_every", "top_k", "rebalance_on", "cost_bps"])
def test_a_value_of_a_wrong_type_is_refused_by_its_key(key: str) -> None:
    with pytest.raises((TypeError, ValueError), match=key):
        sweep_equal_weight(frame([100, 110]), {key: [object()]}, CASH)


@pytest.mark.parametrize(
    "key", ["stop_loss_pct", "trailing_stop_pct", "take_profit_pct", "max_drawdown_stop", "lookback"]
)
def test_zero_is_a_key_that_is_not_set(key: str) -> None:
    prices = frame([100, 50, 80, 170, 60], [100, 120, 90, 130, 140])
    zero, none = (outcomes(sweep_equal_weight(prices, {key: [value]}, CASH)) for value in (0, None))
    assert zero == none


def test_keys_that_contradict_each_other_are_refused() -> None:
    prices = frame([100, 110]).with_columns(d=pl.Series([datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)]))
    with pytest.raises(ValueError, match="rebalance_on"):
        sweep_equal_weight(prices, {"rebalance_on": ["week"], "rebalance_every": [3]}, CASH, date="d")
    with pytest.raises(ValueError, match="lookback"):
        sweep_equal_weight(prices, {"top_k": [1]}, CASH, date="d")
    with pytest.raises(ValueError, match="date"):
        sweep_equal_weight(prices.drop("d"), {"rebalance_on": ["week"]}, CASH)


# ---------------------------------------------------------------------- the strategy


def test_calendar_schedules_begin_at_the_first_bar_of_each_period() -> None:
    days = [datetime.date(2023, 12, 28) + datetime.timedelta(days=day) for day in range(100)]
    prices = pl.DataFrame({"d": days, "A": range(100, 200), "B": range(300, 200, -1)})
    result = sweep_equal_weight(
        prices, {"rebalance_on": ["day", "week", "month", "quarter"], "offset": [0, 2]}, CASH, date="d"
    )
    bars = [sorted({row["bar"] for row in result.run(index).trades.rows()}) for index in range(8)]
    assert bars[0] == list(range(100))
    assert bars[2] == [0, *range(4, 100, 7)]  # the first of January was a Monday
    assert bars[4] == [0, 4, 35, 64, 95]
    assert bars[5] == [2, 6, 37, 66, 97]
    assert bars[6] == [0, 4, 95]


@pytest.mark.parametrize("unit", ["week", "month", "quarter"])
def test_the_same_week_month_and_quarter_of_another_year_is_another_period(unit: str) -> None:
    days = pl.Series([datetime.date(2023, 1, 4), datetime.date(2024, 1, 3), datetime.date(2024, 1, 4)])
    row = table_rows(
        sweep_equal_weight(frame([1, 1, 1]).with_columns(d=days), {"rebalance_on": [unit]}, CASH, date="d")
    )
    assert row[0]["n_rebalances"] == 2


def test_momentum_buys_the_best_and_of_equals_the_first_by_name() -> None:
    prices = pl.DataFrame({"C": [100, 110, 100], "A": [100, 110, 100], "B": [100, 120, 130], "D": [100, 90, 80]})
    result = sweep_equal_weight(
        prices, {"lookback": [1], "skip": [0, 1], "top_k": [2], "rebalance_every": [0], "offset": [1, 2]}, CASH
    )
    bought = [{row["symbol"] for row in result.run(index).trades.rows()} for index in range(4)]
    # In grid order: skip 0 at bar 1 and 2, skip 1 at bar 1 (no score yet) and 2.
    assert bought == [{"A", "B"}, {"A", "B"}, set(), {"A", "B"}]


def test_stops_close_a_position_until_the_next_scheduled_rebalance() -> None:
    prices = frame([100, 90, 80, 80, 80], [100, 100, 100, 100, 100])
    result = sweep_equal_weight(prices, {"stop_loss_pct": [0.1], "rebalance_every": [4]}, 1_000)
    trades = [row for row in result.run(0).trades.rows() if row["symbol"] == "A"]
    expected = [(0, "buy", 5), (1, "sell", 5), (4, "buy", 5)]
    assert [(row["bar"], row["side"], row["quantity"]) for row in trades] == expected


def test_with_a_lag_a_stop_waits_for_a_price() -> None:
    prices = frame([100, 100, 80, None, 80, 80])
    result = sweep_equal_weight(
        prices, {"stop_loss_pct": [0.1], "rebalance_every": [0]}, 1_000, on_null="carry", execution_lag=1
    )
    assert [(row["bar"], row["side"]) for row in result.run(0).trades.rows()] == [(1, "buy"), (4, "sell")]


def test_a_trailing_stop_follows_the_highest_price_and_a_profit_is_taken() -> None:
    prices = frame([100, 150, 140, 134, 90])
    result = sweep_equal_weight(
        prices, {"trailing_stop_pct": [0.1, None], "take_profit_pct": [None, 0.5], "rebalance_every": [0]}, CASH
    )
    exits = [[row["bar"] for row in result.run(index).trades.rows() if row["side"] == "sell"] for index in range(4)]
    assert exits == [[3], [1], [], [1]]


def test_a_drawdown_stop_sells_everything_for_good() -> None:
    row = table_rows(sweep_equal_weight(frame([100, 80, 200, 400]), {"max_drawdown_stop": [0.2]}, 1_000))[0]
    assert (row["status"], row["final_equity"], row["final_cash"], row["n_orders"]) == ("stopped", 800, 800, 2)


def test_ruin_is_a_loss_of_everything() -> None:
    prices = frame([100, 60, 1_000, 1_000])
    ruined, fine = table_rows(sweep_equal_weight(prices, {"leverage": [3.0, 1.0], "rebalance_every": [0]}, 1_000))
    assert (ruined["status"], ruined["final_equity"], ruined["final_cash"]) == ("ruined", -200, -200)
    assert (ruined["total_return"], ruined["max_drawdown"], ruined["cagr"]) == (-1.0, 1.0, -1.0)
    assert (fine["status"], fine["final_equity"]) == ("ok", 10_000)


def test_a_no_trade_band_leaves_small_trades_out_but_no_exit() -> None:
    prices = frame([100, 101, 102, 300], [100, 100, 100, 100])
    wide, none = table_rows(sweep_equal_weight(prices, {"no_trade_band_bps": [500, 0]}, CASH))
    assert (wide["n_orders"], wide["n_rebalances"]) == (4, 4)
    assert none["n_orders"] == 8


def test_a_trade_as_large_as_the_band_takes_place() -> None:
    # One share of 150, of an equity of 1,250: 1,200 basis points.
    result = sweep_equal_weight(
        frame([100, 150]), {"no_trade_band_bps": [1_200, 1_200.01], "cash_buffer": [0.5]}, 1_000
    )
    assert [row["n_orders"] for row in table_rows(result)] == [2, 1]


# ---------------------------------------------------------------------- the same bits


@pytest.fixture(scope="module")
def large() -> Callable[..., pl.DataFrame]:
    """A sweep of four million cells, enough for several threads."""
    symbols = [f"S{i}" for i in range(20)]
    prices = pl.DataFrame(reference.random_rows(random.Random(8), 252, symbols))

    def run(**options: Any) -> pl.DataFrame:
        return pl.DataFrame(sweep_equal_weight(prices, LARGE_GRID, CASH, CostModel(1, 2, 3), **options))

    return run


LARGE_GRID = {
    "rebalance_every": [1, 5, 21, 0],
    "cost_bps": list(range(10)),
    "cash_buffer": [0.0, 0.01, 0.02, 0.1, 0.5],
    "lookback": [None, 20],
    "trailing_stop_pct": [None, 0.1],
}


@pytest.mark.parametrize("threads", range(1, 9))
def test_any_number_of_threads_gives_the_same_bits(threads: int, large: Callable[..., pl.DataFrame]) -> None:
    assert large(threads=threads).equals(large())


@pytest.mark.parametrize("level", ["scalar", "baseline", "avx2", "avx512"])
def test_every_simd_level_gives_the_same_bits(
    level: str, large: Callable[..., pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    if level not in nanobook.simd_levels():
        pytest.skip(f"this machine has no {level}")
    scenarios = [BROAD, *map(Scenario, range(40))]
    expected, expected_large = [table_rows(scenario.sweep()) for scenario in scenarios], large()
    monkeypatch.setenv("NANOBOOK_SIMD", level)
    assert [table_rows(scenario.sweep()) for scenario in scenarios] == expected
    assert large().equals(expected_large)


def test_the_order_of_columns_changes_nothing() -> None:
    expected = outcomes(BROAD.sweep())
    for columns in itertools.islice(itertools.permutations(BROAD.prices().columns), 0, 700, 99):
        assert outcomes(BROAD.sweep(BROAD.prices().select(columns))) == expected


def test_the_order_of_the_grid_changes_nothing_but_the_order_of_rows() -> None:
    sets, expected = BROAD.sets(), outcomes(BROAD.sweep())
    order = random.Random(3).sample(range(len(sets)), len(sets))
    assert outcomes(BROAD.sweep(grid=[sets[index] for index in order])) == [expected[index] for index in order]
    reversed_keys = dict(reversed(BROAD.grid.items()))
    assert sorted(map(repr, outcomes(BROAD.sweep(grid=reversed_keys)))) == sorted(map(repr, expected))


# ---------------------------------------------------------------------- the prices


def with_nulls_below(column: Sequence[int | None]) -> pa.Array:
    """What is null has a value under its validity bit all the same."""
    mask = np.array([price is None for price in column])
    return pa.Array.from_buffers(
        pa.int64(),
        len(column),
        [
            pa.py_buffer(np.packbits(~mask, bitorder="little")),
            pa.py_buffer(np.array([p or -1 for p in column], np.int64)),
        ],
    )


FORMS: dict[str, Callable[[pl.DataFrame], Any]] = {
    "lists": lambda df: [list(row.items()) for row in df.to_dicts()],
    "tuples": lambda df: tuple(tuple(row.items()) for row in df.to_dicts()),
    "polars": lambda df: df,
    "pyarrow": lambda df: df.to_arrow(),
    "pandas": lambda df: df.to_pandas(use_pyarrow_extension_array=True),
    "numpy of pandas": lambda df: df.to_pandas().convert_dtypes(),
    "capsule only": lambda df: type("Capsule", (), {"__arrow_c_stream__": df.__arrow_c_stream__})(),
    "slice of polars": lambda df: pl.concat([df[:3], df, df[:2]], rechunk=True).slice(3, len(df)),
    "slice of pyarrow": lambda df: pa.concat_tables([df[:3].to_arrow(), df.to_arrow()]).combine_chunks().slice(3),
    "chunks of polars": lambda df: pl.concat([df[:1], df[1:7], df[7:7], df[7:]], rechunk=False),
    "chunks of pyarrow": lambda df: pa.concat_tables([df[:9].to_arrow(), df[9:9].to_arrow(), df[9:].to_arrow()]),
    "columns in chunks of their own": lambda df: pa.table(
        {c: pa.chunked_array([df[c].to_arrow()[:i], df[c].to_arrow()[i:]]) for i, c in enumerate(df.columns, start=2)}
    ),
    "batches": lambda df: pa.RecordBatchReader.from_batches(df.to_arrow().schema, df.to_arrow().to_batches(5)),
    "values below nulls": lambda df: pa.table({c: with_nulls_below(df[c].to_list()) for c in df.columns}),
    "read once": lambda df: Prices(df, on_null="carry"),
    "int32": lambda df: df.cast(pl.Int32),
    "uint32": lambda df: df.cast(pl.UInt32),
    "int32 of pyarrow": lambda df: df.cast(pl.Int32).to_arrow(),
}


def gapped(seed: int = 5, bars: int = 21) -> pl.DataFrame:
    rng = random.Random(seed)
    # The first row is whole, so that rows of dictionaries know their types.
    rows = reference.random_rows(rng, 1, "CAB") + reference.random_rows(rng, bars - 1, "CAB", 0.2)
    return pl.DataFrame(rows)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_prices_gives_the_same_bits(form: str) -> None:
    grid = {"rebalance_every": [1, 3], "cost_bps": [0, 10]}
    expected = sweep_equal_weight(gapped(), grid, CASH, on_null="carry")
    assert table_rows(sweep_equal_weight(FORMS[form](gapped()), grid, CASH, on_null="carry")) == table_rows(expected)


def test_a_validity_bitmap_is_read_from_the_offset_of_its_slice() -> None:
    prices = frame([None, None, 100, None, 120, 130, None, 90, 80, 95] * 3)
    for start in range(2, 12):
        expected = [naive([{"A": p} for p in prices["A"].to_list()[start:]], {}, CASH, {}, None).row()]
        rows = table_rows(sweep_equal_weight(prices.slice(start), {}, CASH, on_null="carry"))
        assert differences(rows[0], expected[0]) == {}


def test_a_date_column_is_no_symbol() -> None:
    prices = gapped().with_columns(pl.all().forward_fill())
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(days=day) for day in range(len(prices))]
    dates = [pl.Series(days), pl.Series(days).cast(pl.Datetime("us")), pl.Series(days).cast(pl.Datetime("ns", "UTC"))]
    grid = {"rebalance_on": ["week"]}
    expected = [outcomes(sweep_equal_weight(prices.with_columns(d=column), grid, CASH, date="d")) for column in dates]
    assert expected[0] == expected[1] == expected[2]
    middle = prices.select("C", pl.Series("d", days), "A", "B")
    assert outcomes(sweep_equal_weight(middle, grid, CASH, date="d")) == expected[0]


def test_a_date_column_that_does_not_exist_is_refused() -> None:
    with pytest.raises((ValueError, KeyError), match="when"):
        sweep_equal_weight(frame([100, 110]), {}, CASH, date="when")


def test_dates_that_do_not_ascend_are_refused() -> None:
    days = [datetime.date(2024, 1, 3), datetime.date(2024, 1, 2)]
    with pytest.raises(ValueError, match=r"2024-01-02|row 1|bar 1"):
        sweep_equal_weight(
            frame([100, 110]).with_columns(d=pl.Series(days)), {"rebalance_on": ["week"]}, CASH, date="d"
        )


@pytest.mark.parametrize(
    ("column", "named"),
    [
        (pa.array([1.0, 2.0]), "double|float64|Float64"),
        (pa.array([1.0, 2.0], pa.float32()), "float"),
        (pa.array([100, 110], pa.decimal128(10, 2)), "[Dd]ecimal"),
        (pa.array(["1", "2"]), "[Ss]tring|[Uu]tf8"),
        (pa.array(["1", "2"], pa.large_utf8()), "[Ss]tring|[Uu]tf8"),
        (pa.array([True, False]), "[Bb]ool"),
        (pa.array([datetime.date(2024, 1, 1)] * 2), "[Dd]ate"),
        (pa.array([[1], [2]]), "[Ll]ist"),
    ],
)
@pytest.mark.parametrize("build", [pa.table, lambda columns: pl.DataFrame(pa.table(columns))])
def test_a_column_of_a_wrong_type_is_refused_by_name_and_type(
    column: pa.Array, named: str, build: Callable[..., Any]
) -> None:
    prices = build({"GOOD": pa.array([100, 110]), "WRONG": column})
    with pytest.raises(TypeError, match="WRONG") as caught:
        sweep_equal_weight(prices, {}, CASH)
    assert re.search(named, str(caught.value))
    assert "GOOD" not in str(caught.value)


def test_a_lazy_frame_is_told_to_collect() -> None:
    with pytest.raises(TypeError, match=r"collect\(\)"):
        sweep_equal_weight(frame([100, 110]).lazy(), {}, CASH)


@pytest.mark.parametrize(
    "prices",
    [
        frame([]),
        pl.DataFrame(),
        pa.table({}),
        pl.DataFrame({"d": [datetime.date(2024, 1, 1)]}),
        [],
        [[]],
        [[("A", 100), ("B", 100)], [("A", 100)]],
        [[("A", 100)], [("A", 100), ("B", 100)]],
        [[("A", 100)], [("B", 100)]],
        [[("A", 100), ("A", 100)]],
        pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["A", "A"]),
    ],
    ids=range(11),
)
def test_prices_without_rows_or_columns_or_with_ragged_ones_are_refused(prices: Any) -> None:
    options = {"date": "d"} if isinstance(prices, pl.DataFrame) and "d" in prices.columns else {}
    with pytest.raises(ValueError, match=r"\w"):
        sweep_equal_weight(prices, {}, CASH, **options)


@pytest.mark.parametrize("prices", [5, None, "prices", [5], [[5]], [[("A", 100.5)]], [[("A", "1")]], [[(1, 2)]]])
def test_what_is_no_prices_is_refused(prices: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        sweep_equal_weight(prices, {}, CASH)


@pytest.mark.parametrize("form", ["lists", "polars", "chunks of polars", "int32"])
def test_a_missing_price_is_refused_by_column_and_row(form: str) -> None:
    prices = frame([100] * 12, [100] * 9 + [None] + [100] * 2)
    with pytest.raises(ValueError, match=r"B.*\b9\b|\b9\b.*B"):
        sweep_equal_weight(FORMS[form](prices), {}, CASH)


@pytest.mark.parametrize("cash", [0, -100])
def test_a_sweep_without_cash_is_refused(cash: int) -> None:
    with pytest.raises(ValueError, match=str(cash)):
        sweep_equal_weight(frame([100, 110]), {}, cash)


# ---------------------------------------------------------------------- what it gives


def test_the_result_is_an_arrow_table() -> None:
    result = BROAD.sweep()
    table = pl.DataFrame(result)
    assert len(result) == len(table) == len(BROAD.sets())
    assert (
        table.to_dicts() == result.table.rows() == pa.table(result).to_pylist() == pl.DataFrame(result.table).to_dicts()
    )


def test_the_best_rows_come_first_and_those_without_a_value_not_at_all() -> None:
    result = BROAD.sweep()
    rows = [row for row in table_rows(result) if row["sharpe"] is not None]
    best = result.best("sharpe", n=5).rows()
    assert [row["sharpe"] for row in best] == sorted((row["sharpe"] for row in rows), reverse=True)[:5]
    assert all(row in rows for row in best)
    assert len(result.best("sharpe")) == min(10, len(rows))
    with pytest.raises((KeyError, ValueError), match="nope"):
        result.best("nope")


def test_the_best_of_a_loss_is_the_least_one() -> None:
    losses = sorted(row["max_drawdown"] for row in table_rows(BROAD.sweep()))
    assert BROAD.sweep().best("max_drawdown", 3)["max_drawdown"] == losses[:3]
    assert BROAD.sweep().best("max_drawdown", 3, ascending=False)["max_drawdown"] == losses[:-4:-1]


def test_progress_is_told_and_can_stop_the_sweep() -> None:
    told: list[tuple[int, int]] = []
    BROAD.sweep(progress=lambda done, total: told.append((done, total)))
    sets = len(BROAD.sets())
    assert told == sorted(told)
    assert told[-1] == (sets, sets)

    def stop(_done: int, _total: int) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        BROAD.sweep(progress=stop)


def test_metadata_says_what_it_was_made_of() -> None:
    prices, grid, costs = frame([100, 110, 120]), {"cash_buffer": [0.1]}, CostModel(7, 3, 2)
    result = sweep_equal_weight(prices, grid, CASH, costs, 52.0, 0.001)
    said = result.metadata
    assert said == result.table.metadata == sweep_equal_weight(prices, grid, CASH, costs, 52.0, 0.001).metadata
    assert {key.decode(): value.decode() for key, value in pa.table(result).schema.metadata.items()} == said
    assert nanobook.__version__ in said.values()
    text = repr(said)
    for value in (str(CASH), "52", "0.001"):
        assert value in text
    others = [
        sweep_equal_weight(frame([100, 110, 121]), grid, CASH, costs, 52.0, 0.001),
        sweep_equal_weight(prices, grid, CASH, CostModel(7, 3, 1), 52.0, 0.001),
        sweep_equal_weight(prices, grid, CASH, costs, 252.0, 0.001),
    ]
    assert all(other.metadata != said for other in others)


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_keeps_what_is_done(
    threads: int, monkeypatch: pytest.MonkeyPatch, interrupted: Callable[[float], None]
) -> None:
    monkeypatch.setenv("NANOBOOK_SIMD", "scalar")
    rng = random.Random(1)
    prices = pl.DataFrame({f"S{i}": [rng.randint(9_000, 11_000) for _ in range(500)] for i in range(40)})
    grid = {"cost_bps": [i / 4 for i in range(2_000)], "cash_buffer": [i / 1_000 for i in range(125)]}
    interrupted(1)
    with pytest.raises(KeyboardInterrupt) as caught:
        sweep_equal_weight(prices, grid, CASH, threads=threads)
    done = pl.DataFrame(caught.value.partial).filter(pl.col("status") != "cancelled")
    assert 0 < len(done) < 2_000 * 125
    some = done.sample(5, seed=2).to_dicts()
    sets = [{key: row[key] for key in grid} for row in some]
    assert outcomes(sweep_equal_weight(prices, sets, CASH)) == [tuple(row[name] for name in OUTCOMES) for row in some]


# ---------------------------------------------------------------------- luck


def sharpes(result: Any) -> list[float]:
    """Per period."""
    return [row["sharpe"] / math.sqrt(252) for row in table_rows(result) if row["sharpe"] is not None]


def test_the_deflated_sharpe_ratio_is_that_of_bailey_and_lopez_de_prado() -> None:
    result = BROAD.sweep()
    expected = reference.expected_max_sharpe(sharpes(result))
    assert result.expected_max_sharpe == pytest.approx(expected * math.sqrt(252), rel=1e-8)
    best = result.run(result.best("sharpe", n=1)["id"][0])
    assert result.deflated_sharpe == pytest.approx(reference.deflated_sharpe(best.returns, expected), rel=1e-8)


def test_the_example_of_the_paper_is_reproduced() -> None:
    # 100 trials of variance 1/2 a year, 1,250 days, Sharpe 2.5, skewness -3, kurtosis 10: 0.9004 (page 100).
    expected = (
        math.sqrt(1 / 2 / 250)
        * reference.expected_max_sharpe([-math.sqrt(0.5), math.sqrt(0.5)] * 50)
        / (math.sqrt(50 / 99))
    )
    spread = math.sqrt(1 + 3 * 2.5 / math.sqrt(250) + 9 / 4 * 2.5**2 / 250)
    deflated = NormalDist().cdf((2.5 / math.sqrt(250) - expected) * math.sqrt(1249) / spread)
    assert expected == pytest.approx(0.1132, abs=5e-5)
    assert deflated == pytest.approx(0.9004, abs=5e-5)


def test_one_set_has_no_deflated_sharpe_ratio() -> None:
    result = sweep_equal_weight(frame([100, 90, 120, 110]), {}, CASH)
    assert (result.expected_max_sharpe, result.deflated_sharpe) == (None, None)


def overfitting(curves: Sequence[Sequence[int]], n_splits: int) -> float:
    """How often the best set of one half of the blocks is below the median in the other half (CSCV)."""
    returns = np.array([reference.returns_of(curve) for curve in curves])
    size = returns.shape[1] // n_splits
    blocks = np.split(returns[:, : size * n_splits], n_splits, axis=1)
    below = []
    for chosen in itertools.combinations(range(n_splits), n_splits // 2):
        inside, outside = (
            np.concatenate([block for i, block in enumerate(blocks) if (i in chosen) == side], axis=1)
            for side in (True, False)
        )
        best = np.argmax(inside.mean(axis=1) / inside.std(axis=1, ddof=1))
        scores = outside.mean(axis=1) / outside.std(axis=1, ddof=1)
        rank = (scores < scores[best]).sum() + 1
        below.append(rank / (len(curves) + 1) <= 0.5)
    return sum(below) / len(below)


@pytest.mark.parametrize("n_splits", [2, 4, 6])
def test_the_probability_of_overfitting_is_that_of_cscv(n_splits: int) -> None:
    rng = random.Random(9)
    prices = pl.DataFrame(reference.random_rows(rng, 124, "ABCDE"))
    result = sweep_equal_weight(prices, {"lookback": [1, 2, 3, 5, 8], "top_k": [1, 2]}, CASH)
    curves = [list(result.curve(index)) for index in range(len(result))]
    assert result.pbo(n_splits=n_splits) == pytest.approx(overfitting(curves, n_splits), abs=1e-12)


@pytest.mark.parametrize("n_splits", [0, 3, 10_000])
def test_an_impossible_number_of_splits_is_refused(n_splits: int) -> None:
    with pytest.raises(ValueError, match=re.escape(str(n_splits))):
        BROAD.sweep().pbo(n_splits=n_splits)


# ---------------------------------------------------------------------- of any strategy


def test_a_sweep_of_a_factory_of_the_native_strategy_is_the_native_sweep() -> None:
    grid = {"rebalance_every": [1, 4], "cash_buffer": [0.0, 0.1]}
    grid |= {"cost_bps": [0, 10], "execution_lag": [0, 1], "leverage": [1.0, 2.0]}
    prices = BROAD.prices().drop("when").with_columns(pl.all().forward_fill().backward_fill())
    assert outcomes(sweep(EqualWeight, grid, prices, CASH)) == outcomes(sweep_equal_weight(prices, grid, CASH))


def test_a_sweep_of_a_factory_of_callables_runs_each_of_them() -> None:
    rows = reference.random_rows(random.Random(4), 20, "AB")

    def factory(share: float) -> Callable[..., Any]:
        return lambda bar, *_: {"A": share, "B": 1 - share} if bar % 3 == 0 else None

    grid = {"share": [0.0, 0.3, 1.0], "cost_bps": [0, 25], "min_trade_fee": [0, 100]}
    result = sweep(factory, grid, pl.DataFrame(rows), CASH)
    for row in table_rows(result):
        costs = reference.Costs(row["cost_bps"], 0, row["min_trade_fee"])
        assert differences(row, reference.backtest(factory(row["share"]), rows, CASH, costs).row()) == {}
    single = run_backtest(factory(0.3), pl.DataFrame(rows), CASH, CostModel(25, 0, 100))
    assert result.run(7).equity_curve == single.equity_curve
