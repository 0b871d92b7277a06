"""Portfolios, backtests and sweeps at their edges: odd dates and weights, interruptions, names that are no text."""

import copy
import datetime
import gc
import pickle
import subprocess
import sys
import tracemalloc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import nanobook
from nanobook import (
    CostModel,
    EqualWeight,
    MultiExchange,
    Portfolio,
    Prices,
    backtest_weights,
    run_backtest,
    sweep,
    sweep_equal_weight,
)

CASH = 1_000_000
ROWS = [[("A", 100), ("B", 50)], [("A", 110), ("B", 55)], [("A", 121), ("B", 50)]]
HALF_A_CHARACTER = "\ud800"


def holding(**_: Any) -> Callable[..., None]:
    """A factory of strategies that do nothing."""
    return lambda *_: None


def bars_traded(result: Any) -> list[int]:
    return sorted(set(result.trades["bar"]))


def said(error: BaseException) -> str:
    """The message and the notes below it."""
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


def in_dev_mode(program: str) -> str:
    """What it prints where memory that was given back is overwritten, and a crash is told from an exception."""
    command = [sys.executable, "-X", "dev", "-c", f"import nanobook\nROWS = {ROWS!r}\n{program}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# ---------------------------------------------------------------------- dates


def moments(*texts: str, zone: str | None = None, unit: Any = "us") -> pl.Series:
    """On the clocks of the zone."""
    values = [datetime.datetime.fromisoformat(text) for text in texts]
    return pl.Series("t", values).dt.replace_time_zone(zone).dt.cast_time_unit(unit)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo", "Asia/Kolkata", "America/New_York", "Europe/Berlin"])
def test_a_month_begins_when_it_does_where_the_dates_are_from(zone: str | None, unit: str) -> None:
    # Clocks changed in Berlin on the 31st.
    days = moments("2024-03-29", "2024-03-30", "2024-03-31", "2024-04-01", "2024-04-02", zone=zone, unit=unit)
    prices = pl.DataFrame({"t": days, "A": [100, 90, 80, 70, 60], "B": [10, 11, 12, 13, 14]})
    result = run_backtest(EqualWeight(rebalance_on="month"), prices, CASH, date="t")
    assert bars_traded(result) == [0, 3]
    assert result.table["date"] == days.to_list() == pl.DataFrame(result)["date"].to_list()
    assert result.table.rows()[3]["date"].isoformat().startswith("2024-04-01T00:00:00")


def test_a_zone_may_be_hours_from_utc() -> None:
    days = pa.array([datetime.datetime(2024, 1, 31), datetime.datetime(2024, 1, 31, 18, 30)], pa.timestamp("s"))
    prices = pa.table({"t": days.cast(pa.timestamp("s", "+05:30")), "A": [100, 50], "B": [100, 200]})
    assert bars_traded(run_backtest(EqualWeight(rebalance_on="month"), prices, CASH, date="t")) == [0, 1]


@pytest.mark.parametrize(
    "form", [pl.DataFrame, lambda columns: {name: list(values) for name, values in columns.items()}]
)
def test_moments_of_one_day_must_ascend_too(form: Callable[[dict[str, Any]], Any]) -> None:
    prices = form({"t": moments("2024-01-01T15:00", "2024-01-01T10:00"), "A": [100, 110]})
    with pytest.raises(ValueError, match=r"ascend.*row 1"):
        Prices(prices, date="t")


def test_a_dict_of_prices_takes_the_dates_of_numpy_and_pandas() -> None:
    days = ["2024-01-31", "2024-02-01", "2024-02-02"]
    units = ("D", "s", "ms", "us", "ns")
    for dates in (*(np.array(days, f"M8[{unit}]") for unit in units), pd.to_datetime(days)):
        prices = {"d": dates, "A": [100, 50, 30], "B": [100, 200, 400]}
        result = run_backtest(EqualWeight(rebalance_on="month"), prices, CASH, date="d")
        assert bars_traded(result) == [0, 1]
        assert result.table["date"][1] == datetime.date(2024, 2, 1)


@pytest.mark.parametrize(
    "date",
    [
        pa.array([2**62], pa.timestamp("ms")),
        pa.array([2**62], pa.timestamp("us")),
        pa.array([-(2**62)], pa.timestamp("us")),
        pa.array([253_402_300_800_000], pa.timestamp("ms")),  # the year 10,000
        pa.array([-62_135_596_800_001], pa.timestamp("ms")),  # the year 0
        pa.array([2**62], pa.timestamp("ms", "Asia/Tokyo")),
        pa.array([2**31 - 1], pa.date32()),
    ],
)
def test_a_date_that_python_does_not_have_is_refused_where_it_is_read(date: pa.Array) -> None:
    with pytest.raises(ValueError, match=r"'d'.*row 0|row 0.*'d'"):
        Prices(pa.table({"d": date, "A": [100]}), date="d")


def test_the_first_and_the_last_date_of_python_are_dates() -> None:
    dates = [datetime.datetime.min, datetime.datetime.max]
    result = run_backtest(lambda *_: None, pl.DataFrame({"d": dates, "A": [100, 110]}), CASH, date="d")
    assert result.table["date"] == dates


# ---------------------------------------------------------------------- schedules of weights

HOURS = [f"2024-01-01T0{hour}:00" for hour in range(6)]


def scheduled(weights: pl.Series, prices: pl.Series) -> Any:
    """All of A from the moment of the only row on."""
    frame = pl.DataFrame({"t": prices, "A": range(100, 100 + len(prices))})
    return backtest_weights(pl.DataFrame({"t": weights, "A": [1.0]}), frame, CASH, date="t")


@pytest.mark.parametrize("weights", ["ms", "us", "ns"])
@pytest.mark.parametrize("prices", ["ms", "us", "ns"])
def test_moments_of_any_unit_are_the_same_moments(weights: str, prices: str) -> None:
    result = scheduled(moments(HOURS[3], unit=weights), moments(*HOURS, unit=prices))
    assert bars_traded(result) == [3]


def test_moments_of_any_zone_are_the_same_moments() -> None:
    prices = moments(*HOURS, zone="UTC")
    assert bars_traded(scheduled(prices[3:4].dt.convert_time_zone("Asia/Tokyo"), prices)) == [3]


def test_a_day_among_days_may_have_a_time() -> None:
    days = pl.Series([datetime.date(2024, 1, day) for day in (1, 2, 3)])
    assert bars_traded(scheduled(moments("2024-01-02T10:00"), days)) == [1]


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        (moments("2024-01-01T03:01"), "2024-01-01 03:01:00, which is none of the dates"),
        (pl.Series([datetime.date(2024, 1, 1)]), "2024-01-01, of which there are several bars"),
        (moments(HOURS[3], zone="UTC"), "time zone"),
    ],
)
def test_a_moment_that_is_no_bar_or_more_than_one_is_refused(weights: pl.Series, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        scheduled(weights, moments(*HOURS))


# ---------------------------------------------------------------------- weights


@pytest.mark.parametrize(
    "answer",
    [
        lambda: pd.Series({"A": 0.5, "B": -0.25}),
        lambda: {"A": 0.5, "B": -0.25}.items(),
        lambda: {("A", 0.5), ("B", -0.25)},
        lambda: iter([("A", 0.5), ("B", -0.25)]),
    ],
    ids=["pandas", "items", "set", "iterator"],
)
def test_weights_are_whatever_pairs_symbols_with_numbers(answer: Callable[[], Any]) -> None:
    expected = run_backtest(lambda *_: {"A": 0.5, "B": -0.25}, ROWS, CASH)
    assert run_backtest(lambda *_: answer(), ROWS, CASH).trades.rows() == expected.trades.rows()
    mine, other = Portfolio(CASH), Portfolio(CASH)
    mine.rebalance_simple(answer(), pd.Series({"A": 100, "B": 50}))
    other.rebalance_simple({"A": 0.5, "B": -0.25}, {"A": 100, "B": 50})
    assert mine == other


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"A": float("nan")}, ValueError),
        ({"A": 1.5}, ValueError),
        ([("A", 0.1), ("A", 0.2)], ValueError),
        ({"NOPE": 0.1}, ValueError),
        ([0.1], ValueError),
        ({"A": "much"}, TypeError),
        (5, TypeError),
    ],
)
def test_an_impossible_answer_is_refused_with_its_bar(answer: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        run_backtest(lambda bar, *_: answer if bar == 1 else None, ROWS, CASH)
    assert "bar 1" in said(caught.value)


def test_an_amount_past_64_bits_is_refused_with_its_bar() -> None:
    with pytest.raises(OverflowError, match="bar 1"):
        run_backtest(lambda *_: {"A": 1.0}, [[("A", 1)], [("A", 2**62)], [("A", 2**62)]], CASH)


def test_an_error_that_takes_no_note_is_still_the_one_of_the_strategy() -> None:
    class Noteless(Exception):
        def add_note(self, note: str) -> None:
            raise RuntimeError(note)

    def strategy(*_: Any) -> None:
        raise Noteless("mine")

    with pytest.raises(Noteless, match="mine"):
        run_backtest(strategy, ROWS, CASH)


@pytest.mark.parametrize("price", [600, 700])
def test_without_equity_there_are_no_weights(price: int) -> None:
    portfolio = Portfolio(3_000)
    portfolio.rebalance_simple({"A": -1.0}, {"A": 300})
    assert portfolio.current_weights({"A": price}) == portfolio.snapshot({"A": price})["weights"] == {}
    seen = []

    def strategy(bar: int, _: Any, view: Any) -> dict[str, float] | None:
        seen.append(view.weights)
        return {"A": -1.0} if bar == 0 else None

    run_backtest(strategy, [[("A", 300)], [("A", 400)], [("A", price)]], 3_000)
    assert seen == [{}, {"A": -2.0}, {}]


def test_trades_are_told_in_the_order_of_names() -> None:
    prices, reports = {"A": 101, "B": 57, "C": 33}, []
    for names in ("ABC", "CBA", "BCA"):
        report = Portfolio(CASH).rebalance_simple(dict.fromkeys(names, 0.3), prices)
        reports.append([str(trade) for trade in report.trades])
        assert [trade.symbol for trade in report.trades] == ["A", "B", "C"]
    assert reports[0] == reports[1] == reports[2]


def test_orders_go_to_the_books_in_the_order_of_names() -> None:
    for names in ("ABC", "CBA", "BCA"):
        books = MultiExchange()
        for name in "CAB":
            books.submit_limit(name, "sell", 100, 1_000)
        report = Portfolio(CASH).rebalance_lob(dict.fromkeys(names, 0.03), books)
        assert [target.symbol for target in report.targets] == ["A", "B", "C"]


@pytest.mark.parametrize(("side", "price"), [("buy", 0), ("sell", -10_001)])
def test_nothing_is_filled_at_a_price_that_is_not_positive(side: str, price: int) -> None:
    with pytest.raises(ValueError, match=f"price is {price}"):
        CostModel(slippage_bps=7).fill_price(side, price)


def test_of_a_single_bar_the_final_equity_has_paid_for_the_entry() -> None:
    result = run_backtest(lambda *_: {"A": 1.0}, ROWS[:1], 10_000, CostModel(commission_bps=100))
    assert (result.equity_curve, result.returns, result.fees) == ([10_000], [], 99)
    assert result.final_equity == result.portfolio.total_equity({"A": 100, "B": 50}) == 9_901


# ---------------------------------------------------------------------- the probability of skill


@pytest.mark.parametrize("n", [2, 3, 10])
@pytest.mark.parametrize("value", [0.1, 0.01, -1 / 3])
def test_constant_returns_show_no_skill(value: float, n: int) -> None:
    assert nanobook.probabilistic_sharpe([value] * n) is None


def test_a_probability_of_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match=r"row 1 is nan"):
        nanobook.probabilistic_sharpe([0.1, float("nan")])
    with pytest.raises(ValueError, match=r"benchmark is nan"):
        nanobook.probabilistic_sharpe([0.1, 0.2], float("nan"))


def test_constant_returns_are_neither_the_best_nor_the_worst_of_overfitting() -> None:
    a = [4**bar * 3 ** (10 - bar) for bar in range(11)]  # a third a bar, which no double is
    b = [100, 110, 130, 140, 160, 170, 150, 140, 120, 110, 90]
    result = sweep(lambda symbol: lambda *_: {symbol: 1.0}, {"symbol": ["A", "B"]}, {"A": a, "B": b}, a[0])
    # B is better than A, which counts as 0, in one half, and worse in the other.
    assert result.pbo(n_splits=2) == 1.0


# ---------------------------------------------------------------------- memory

# A number that empties what holds it while it is read, and then is none.
EVIL = """
class Evil(str):
    def empty(self):
        holder.clear()
        self.junk = ["%060d" % i for i in range(5000)]
        raise TypeError("no number")
    __float__ = __index__ = empty
class Name(str):
    pass
"""


@pytest.mark.parametrize(
    "program",
    [
        "def strategy(*_):\n"
        '    holder.update({Name(name): Evil() for name in "AB"})\n'
        "    return holder\n"
        "holder, call = {}, lambda: nanobook.run_backtest(strategy, ROWS, 1000)",
        'holder = {Name(name): Evil() for name in "AB"}\n'
        'call = lambda: nanobook.Portfolio(1000).rebalance_simple(holder, {"A": 100, "B": 50})',
        'holder = {Name(name): Evil() for name in "AB"}\ncall = lambda: nanobook.Prices([holder])',
        'holder = {Name(name): [Evil(), Evil()] for name in "AB"}\ncall = lambda: nanobook.Prices(holder)',
        'holder = [(Name(name), Evil()) for name in "AB"]\ncall = lambda: nanobook.Prices([holder])',
        'holder = {Name("cost_bps"): Evil()}\ncall = lambda: nanobook.sweep_equal_weight(ROWS, holder, 1000)',
        'holder = {Name("cost_bps"): Evil()}\ncall = lambda: nanobook.sweep_equal_weight(ROWS, [holder], 1000)',
        'holder = [Evil(), Evil()]\ncall = lambda: nanobook.sweep_equal_weight(ROWS, {"cost_bps": holder}, 1000)',
        "holder = [Evil(), Evil()]\ncall = lambda: nanobook.sweep_equal_weight(ROWS, {}, 1000, curves=holder)",
        "holder = [Evil(), Evil()]\ncall = lambda: nanobook.compute_metrics(holder)",
    ],
    ids=[
        "strategy",
        "targets",
        "row of prices",
        "columns of prices",
        "pairs of prices",
        "grid",
        "row of a grid",
        "values of a grid",
        "curves",
        "returns",
    ],
)
def test_what_changes_while_it_is_read_is_an_error_and_no_crash(program: str) -> None:
    ending = "try:\n    print(call())\nexcept TypeError as error:\n    print(type(error).__name__)"
    assert in_dev_mode(f"{EVIL}\n{program}\n{ending}") == "TypeError"


def test_metadata_is_ones_own_and_outlives_its_result() -> None:
    program = 'print(nanobook.sweep_equal_weight(ROWS, {}, 1000).metadata["nanobook.initial_cash"])'
    assert in_dev_mode(program) == "1000"


def test_a_factory_that_holds_its_own_result_is_collected() -> None:
    class Factory:
        def __call__(self, **_: Any) -> Any:
            return holding()

    factory: Any = Factory()
    factory.result = sweep(factory, {"k": [1]}, ROWS, CASH)
    seen = weakref.ref(factory)
    del factory
    gc.collect()
    assert seen() is None


# ---------------------------------------------------------------------- values


def test_an_equal_weight_says_all_it_was_given_and_is_a_value() -> None:
    given = {"rebalance_on": "month", "lookback": 2, "top_k": 3}
    strategy = EqualWeight(**given)
    assert eval(repr(strategy)) == strategy == EqualWeight(**given)
    assert strategy not in (EqualWeight(), EqualWeight(**given | {"top_k": 4}), EqualWeight(**given, leverage=2.0))
    for other in (pickle.loads(pickle.dumps(strategy)), copy.copy(strategy), copy.deepcopy(strategy)):
        assert other == strategy
        assert hash(other) == hash(strategy)
        assert repr(other) == repr(strategy)


def test_metrics_are_values() -> None:
    metrics = nanobook.compute_metrics([0.1, -0.2, 0.3])
    for other in (pickle.loads(pickle.dumps(metrics)), copy.copy(metrics), copy.deepcopy(metrics)):
        assert other == metrics
    assert metrics != nanobook.compute_metrics([0.1, -0.2, 0.2])


def test_a_table_is_asked_for_its_columns_as_a_mapping_is() -> None:
    table = sweep_equal_weight(ROWS, {"cost_bps": [1]}, CASH).table
    assert list(table) == table.columns
    assert "cost_bps" in table
    assert "top_k" not in table


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("frame", [pl.DataFrame, pd.DataFrame, pa.table])
@pytest.mark.parametrize(("values", "name"), [([1.5], "Float64"), (["1"], "String")])
def test_a_column_of_a_wrong_type_is_named_by_a_type_that_users_of_python_know(
    frame: Callable[..., Any], values: list[Any], name: str
) -> None:
    with pytest.raises(TypeError, match=f"column 'WRONG' holds {name}"):
        sweep_equal_weight(frame({"WRONG": values}), {}, CASH)


def test_a_lazy_frame_is_told_what_to_call() -> None:
    with pytest.raises(TypeError, match=r"LazyFrame: call \.collect\(\) first"):
        sweep_equal_weight(pl.LazyFrame({"A": [100, 110]}), {}, CASH)


@pytest.mark.parametrize("curves", ["best", [-1], [None], [0.5], 5, object()])
def test_curves_that_are_no_numbers_of_sets_are_refused_by_name(curves: Any) -> None:
    with pytest.raises(TypeError, match=r"curves is .*; it must be the numbers"):
        sweep_equal_weight(ROWS, {}, CASH, curves=curves)


SWEEPS: dict[str, Callable[..., Any]] = {
    "sweep_equal_weight": sweep_equal_weight,
    "sweep": lambda prices, grid, cash, **options: sweep(holding, grid, prices, cash, **options),
}


@pytest.mark.parametrize("name", SWEEPS)
@pytest.mark.parametrize(
    ("options", "named"), [({"date": "nope"}, "nope"), ({"on_null": "bogus"}, "bogus"), ({"on_null": "carry"}, "carry")]
)
def test_prices_that_were_read_are_not_read_otherwise(name: str, options: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        SWEEPS[name](Prices(ROWS), {}, CASH, **options)


@pytest.mark.parametrize("name", SWEEPS)
def test_a_result_says_how_its_prices_were_read(name: str) -> None:
    assert SWEEPS[name](Prices(ROWS, on_null="carry"), {}, CASH).metadata["nanobook.on_null"] == "carry"


@pytest.mark.parametrize("name", SWEEPS)
@pytest.mark.parametrize("key", ["cost_bps", "slippage_bps", "min_trade_fee"])
def test_an_impossible_cost_of_a_grid_is_refused_by_its_key(name: str, key: str) -> None:
    with pytest.raises(ValueError, match=f"{key} is -1"):
        SWEEPS[name](ROWS, {key: [-1]}, CASH)


@pytest.mark.parametrize(
    "call",
    [
        lambda text: Prices([[(text, 100)]]),
        lambda text: Prices({text: [100]}),
        lambda text: Portfolio(CASH).rebalance_simple({text: 0.5}, {text: 100}),
        lambda text: run_backtest(lambda *_: {text: 0.5}, ROWS, CASH),
        lambda text: backtest_weights([{text: 0.5}] * 3, ROWS, CASH),
        lambda text: sweep_equal_weight(ROWS, {text: [1]}, CASH),
        lambda text: sweep_equal_weight(ROWS, {"rebalance_on": [text]}, CASH),
        lambda text: sweep_equal_weight(ROWS, {}, CASH, curves=text),
        lambda text: EqualWeight(**{text: 1}),
        lambda text: sweep(holding, {text: [1]}, ROWS, CASH),
        lambda text: sweep(holding, {"k": [text]}, ROWS, CASH),
    ],
    ids=range(11),
)
def test_half_a_character_is_refused_as_python_refuses_it(call: Callable[[str], Any]) -> None:
    with pytest.raises(ValueError, match=r"surrogates not allowed|ud800"):
        call(HALF_A_CHARACTER)


@pytest.mark.parametrize("level", ["AVX-9000", "AVX2"])
def test_a_kernel_that_does_not_exist_is_refused(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NANOBOOK_SIMD", level)
    with pytest.raises(ValueError, match=f"NANOBOOK_SIMD.*{level}"):
        sweep_equal_weight(ROWS, {}, CASH)


def test_the_best_of_no_ranking_are_refused() -> None:
    with pytest.raises(ValueError, match=r"top_k is 2; it needs lookback"):
        sweep_equal_weight(ROWS, {"lookback": [0, 1], "top_k": [2]}, CASH)


# ---------------------------------------------------------------------- interruptions


def test_ctrl_c_among_many_rankings_keeps_the_sets_that_are_done(interrupted: Callable[[float], None]) -> None:
    prices = np.random.default_rng(1).integers(9_000, 11_000, (100, 2_520))
    frame = pl.DataFrame({f"S{symbol}": column for symbol, column in enumerate(prices)})
    grid = {"lookback": range(1, 1_000), "top_k": [5]}
    interrupted(0.5)
    with pytest.raises(KeyboardInterrupt) as caught:
        sweep_equal_weight(frame, grid, 10**8, threads=1)
    # Were all rankings made first, none would be done.
    assert 0 < sum(status != "cancelled" for status in caught.value.partial.table["status"]) < 999


def test_ctrl_c_ends_the_probability_of_overfitting(interrupted: Callable[[float], None]) -> None:
    rng = np.random.default_rng(2)
    result = sweep_equal_weight({"A": rng.integers(90, 110, 60)}, {"cash_buffer": np.linspace(0, 0.9, 200)}, 10**8)
    answers: list[float] = []
    interrupted(0.05)
    with pytest.raises(KeyboardInterrupt):
        answers.extend(map(result.pbo, [20]))  # nothing looks at signals between the answer and the list
    assert answers == []


@pytest.mark.parametrize("name", SWEEPS)
def test_an_interruption_in_the_last_report_loses_nothing(name: str) -> None:
    def report(done: int, total: int) -> None:
        if done == total:
            raise KeyboardInterrupt

    grid = {"cost_bps": [1, 2, 3]}
    with pytest.raises(KeyboardInterrupt) as caught:
        SWEEPS[name](ROWS, grid, CASH, progress=report)
    assert caught.value.partial.table["status"] == ["ok"] * 3
    assert caught.value.partial.table.rows() == SWEEPS[name](ROWS, grid, CASH).table.rows()


# ---------------------------------------------------------------------- grids of strategies of one's own


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([1, 2]), pl.Int64),
        (np.arange(3), pl.Int64),
        (np.linspace(0, 1, 3), pl.Float64),
        (np.array([True, False]), pl.Boolean),
        ([np.float32(1.5), np.int64(2)], pl.Float64),
        (range(3), pl.Int64),
    ],
    ids=range(6),
)
def test_numbers_of_numpy_are_numbers_in_the_table_and_in_the_factory(values: Any, dtype: Any) -> None:
    kinds = []

    def factory(k: Any) -> Any:
        kinds.append(type(k))
        return holding()

    column = pl.DataFrame(sweep(factory, {"k": values}, ROWS, CASH))["k"]
    assert column.dtype == dtype
    assert column.to_list() == [value.item() if hasattr(value, "item") else value for value in values]
    assert set(kinds) <= {int, float, bool}


def test_both_sweeps_say_the_same_of_how_they_were_made() -> None:
    costs = CostModel(5, 2, 3)
    arguments = (CASH, costs, 52.0, 0.001)
    own = sweep(holding, {}, ROWS, *arguments, execution_lag=1).metadata
    assert own == sweep_equal_weight(ROWS, {}, *arguments, execution_lag=1).metadata
    assert own != sweep(holding, {}, ROWS[:2], *arguments, execution_lag=1).metadata


GRIDS: dict[str, Callable[[], Any]] = {
    "list": lambda: [{"k": 1}, {"k": 2}],
    "polars": lambda: pl.DataFrame({"k": [1, 2]}),
    "pyarrow": lambda: pa.table({"k": [1, 2]}),
    "pandas": lambda: pd.DataFrame({"k": [1, 2]}),
    "stream": lambda: pa.RecordBatchReader.from_batches(pa.schema({"k": pa.int64()}), [pa.record_batch({"k": [1, 2]})]),
    "capsule only": lambda: type(
        "Capsule", (), {"__arrow_c_stream__": staticmethod(pl.DataFrame({"k": [1, 2]}).__arrow_c_stream__)}
    )(),
}


@pytest.mark.parametrize("form", GRIDS)
def test_a_grid_of_a_factory_is_rows_in_any_form(form: str) -> None:
    assert sweep(holding, GRIDS[form](), ROWS, CASH).table["k"] == [1, 2]


def test_rows_without_keys_are_sets_and_no_grid_is_one() -> None:
    assert len(sweep(holding, [{}, {}], ROWS, CASH)) == 2
    assert len(sweep(holding, None, ROWS, CASH)) == 1


def test_a_key_that_a_row_does_not_have_is_not_given_to_the_factory() -> None:
    seen = []

    def factory(fast: int = 5, slow: int = 50) -> Any:
        seen.append((fast, slow))
        return holding()

    result = sweep(factory, [{"fast": 3}, {"slow": 20}], ROWS, CASH)
    assert seen == [(3, 50), (5, 20)]
    assert (result.table["fast"], result.table["slow"]) == ([3, None], [None, 20])


@pytest.mark.parametrize("key", ["id", "sharpe", "status", "n_bars"])
def test_a_parameter_with_the_name_of_a_result_is_refused_before_it_is_run(key: str) -> None:
    def factory(**_: Any) -> Any:
        raise AssertionError

    with pytest.raises(ValueError, match=f"{key} is a column"):
        sweep(factory, {key: [1]}, ROWS, CASH)


@pytest.mark.parametrize("value", [2**70, 2**2_000], ids=["2**70", "2**2000"])
def test_a_number_that_no_column_holds_loses_no_result(value: int) -> None:
    table = sweep(holding, {"k": [value, 1]}, ROWS, CASH).table
    assert table["status"] == ["ok", "ok"]
    assert [type(value)(k) for k in table["k"]] == [value, 1]


def test_a_factory_that_makes_nothing_is_refused_with_its_parameters() -> None:
    with pytest.raises(TypeError, match=r"strategy is None; it must be callable") as caught:
        sweep(lambda **_: None, {"k": [7]}, ROWS, CASH)
    assert "{'k': 7}" in said(caught.value)


def test_short_sets_are_reported_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10**6))
    monkeypatch.setattr("nanobook.sweeps.time.monotonic", lambda: next(clock) / 32)  # a set takes as many seconds
    told: list[tuple[int, int]] = []
    sweep(holding, {"k": range(205)}, ROWS, CASH, progress=lambda done, total: told.append((done, total)))
    assert told == [*((done, 205) for done in range(4, 205, 4)), (205, 205)]


def test_combinations_are_made_when_their_turn_comes() -> None:
    def factory(a: int, b: int) -> Any:
        if (a, b) == (0, 2):
            raise LookupError
        return holding()

    tracemalloc.start()
    try:
        with pytest.raises(LookupError):
            sweep(factory, {"a": range(1_000), "b": range(1_000)}, ROWS, CASH)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000  # a million of them take more
    finally:
        tracemalloc.stop()


def test_a_sweep_keeps_summaries_and_no_whole_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[Any] = []
    counts: list[list[int]] = []
    run_one = nanobook._core.run_backtest

    def watched(*arguments: Any, **options: Any) -> Any:
        counts.append([sys.getrefcount(run) for run in runs])
        runs.append(run_one(*arguments, **options))
        return runs[-1]

    monkeypatch.setattr(nanobook._core, "run_backtest", watched)
    sweep(holding, {"k": [1, 2, 3]}, ROWS, CASH)
    (alone,) = {sys.getrefcount(run) for run in runs}
    assert counts == [[], [alone], [alone, alone]]
