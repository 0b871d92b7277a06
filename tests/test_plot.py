"""Charts of sweeps and backtests: what they show, what they say, and the files they become."""

import datetime
import math
import random
import re
import statistics
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl
import pytest

import nanobook
from nanobook import BacktestResult, SweepResult, _results, plot, run_backtest, sweep, sweep_equal_weight

Row = dict[str, Any]
GRID: dict[str, list[Any]] = {
    "rebalance_every": [1, 5, 21],
    "cost_bps": [0.0, 5.0, 10.0, 150.0],
    "lookback": [10, 100, 900],
    "top_k": [1, 2],
}


def frame(bars: int, dated: bool = True, symbols: int = 4, drift: float = 0.0003) -> pl.DataFrame:
    """Prices in cents of random walks, on weekdays from 2022-01-03."""
    dice = random.Random(5)
    columns: dict[str, Any] = {}
    if dated:
        first = datetime.date(2022, 1, 3)
        columns["date"] = [first + datetime.timedelta(days=bar // 5 * 7 + bar % 5) for bar in range(bars)]
    for number in range(symbols):
        price, column = dice.uniform(2_000, 30_000), []
        for _ in range(bars):
            column.append(max(1, round(price)))
            price *= math.exp(dice.gauss(drift, 0.015))
        columns[f"S{number}"] = column
    return pl.DataFrame(columns)


@pytest.fixture(scope="module")
def result() -> SweepResult:
    return sweep_equal_weight(frame(400), GRID, 100_000_000, date="date")


@pytest.fixture(scope="module")
def backtest(result: SweepResult) -> BacktestResult:
    return result.run(0)


# What is in a chart.


def parts(node: Any) -> Iterator[Any]:
    """A specification and all that is in it."""
    yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from parts(child)


def spec_of(chart: Any) -> Row:
    spec = chart.to_dict()
    assert isinstance(spec, dict)
    return spec


def tables_of(spec: Row, *keys: str) -> list[list[Row]]:
    """The tables that have these columns."""
    return [rows for rows in spec["datasets"].values() if rows and set(keys) <= rows[0].keys()]


def rows_of(spec: Row, *keys: str) -> list[Row]:
    """The rows of the largest table that has these columns."""
    return max(tables_of(spec, *keys), key=len, default=[])


def found(spec: Row, key: str) -> list[Any]:
    """What stands under a key, wherever it does."""
    return [part[key] for part in parts(spec) if isinstance(part, dict) and key in part]


def marks_of(spec: Row) -> list[str]:
    return [mark if isinstance(mark, str) else mark["type"] for mark in found(spec, "mark")]


def texts_of(spec: Row) -> str:
    """Titles and the lines below them."""
    titles = [title for title in found(spec, "title") if isinstance(title, dict)]
    return " ".join(line for title in titles for line in [title["text"], *title.get("subtitle", [])])


def scale_of(spec: Row) -> Row:
    """The scale of colours of a heatmap."""
    (colour,) = [each for each in found(spec, "color") if isinstance(each, dict) and each.get("field") == "value"]
    scale = colour["scale"]
    assert isinstance(scale, dict)
    return scale


def most_rows(spec: Row) -> int:
    return max(map(len, spec["datasets"].values()))


# Figures.


@pytest.mark.parametrize(
    ("number", "kind", "text"),
    [
        (1.649, "ratio", "1.65"),
        (-0.004, "ratio", "0.00"),
        (12_345.6, "ratio", "12.3k"),
        (0.1234, "part", "12.3%"),
        (-0.0851, "part", "-8.51%"),
        (0.00004, "part", "0.004%"),
        (0.0, "part", "0.0%"),
        (6.2e7, "part", "6.2G%"),
        (158_234_567, "amount", "158M"),
        (999_999, "amount", "1,000k"),
        (42, "amount", "42"),
        (None, "ratio", "not defined"),
    ],
)
def test_figures_are_short(number: float | None, kind: str, text: str) -> None:
    assert _results.shown(number, kind) == text


# heatmap


def test_a_cell_is_the_median_of_its_sets(result: SweepResult) -> None:
    table = result.table.rows()
    cells = [row for row in rows_of(spec_of(result.heatmap("rebalance_every", "lookback")), "x", "y") if row["value"]]
    assert len(cells) == 6
    for cell in cells:
        place = (cell["x"], cell["y"])
        sets = [row["sharpe"] for row in table if (str(row["rebalance_every"]), str(row["lookback"])) == place]
        assert cell["sets"] == len(sets) == 8
        assert cell["value"] == statistics.median(sets)


def test_a_heatmap_says_that_its_cells_are_medians_and_over_what(result: SweepResult) -> None:
    spec = spec_of(result.heatmap("rebalance_every", "lookback"))
    assert "Each cell is the median of 8 sets, over cost_bps and top_k." in texts_of(spec)
    assert "median Sharpe ratio" in [field["title"] for field in found(spec, "tooltip")[0]]


def test_a_cell_of_one_set_is_no_median() -> None:
    result = sweep_equal_weight(frame(50, False), {"offset": [0, 1], "cost_bps": [0, 5]}, 10**8)
    assert "median" not in str(spec_of(result.heatmap("offset", "cost_bps")))


def test_the_axes_are_called_as_the_parameters(result: SweepResult) -> None:
    for encoding in found(spec_of(result.heatmap("cost_bps", "top_k")), "encoding"):
        assert (encoding["x"]["axis"]["title"], encoding["y"]["axis"]["title"]) == ("cost_bps", "top_k")


def test_the_values_of_an_axis_are_sorted_as_numbers_and_rise(result: SweepResult) -> None:
    encoding = found(spec_of(result.heatmap("cost_bps", "rebalance_every")), "encoding")[0]
    assert encoding["x"]["sort"] == ["0", "5", "10", "150"]
    assert encoding["y"]["sort"] == ["21", "5", "1"]


def test_words_stand_on_an_axis_as_they_came_after_none() -> None:
    def factory(word: str | None, part: float) -> Any:
        return lambda bar, *_: {"S0": part if word is None else part / 2} if bar == 0 else None

    result = sweep(factory, {"word": ["b", "a", None], "part": [0.5, 0.1 + 0.2]}, frame(30), 10**8, date="date")
    encoding = found(spec_of(plot.heatmap(result, "word", "part", "total_return")), "encoding")[0]
    assert encoding["x"]["sort"] == ["none", "b", "a"]
    assert encoding["y"]["sort"] == ["0.5", "0.30000000000000004"]


def test_what_is_not_defined_is_grey_and_said(result: SweepResult) -> None:
    spec = spec_of(result.heatmap("lookback", "top_k"))
    grey = [rows for rows in tables_of(spec, "x", "value") if all(row["value"] is None for row in rows)]
    assert [{row["x"] for row in rows} for rows in grey] == [{"900"}]
    assert "Grey: no Sharpe ratio is defined." in texts_of(spec)


def test_a_heatmap_of_nothing_defined_is_grey_throughout() -> None:
    result = sweep_equal_weight(frame(50), {"lookback": [100, 200], "top_k": [1, 2]}, 10**8, date="date")
    assert {row["text"] for row in rows_of(spec_of(result.heatmap("lookback", "top_k")), "text")} == {"\N{EN DASH}"}


def test_values_are_written_into_few_cells_and_not_into_many(result: SweepResult) -> None:
    assert "text" in marks_of(spec_of(result.heatmap("rebalance_every", "cost_bps")))
    grid = {"rebalance_every": list(range(1, 31)), "cost_bps": [0, 5]}
    many = sweep_equal_weight(frame(60), grid, 10**8, date="date")
    assert marks_of(spec_of(many.heatmap("rebalance_every", "cost_bps"))) == ["rect"]


def test_colours_part_at_zero_where_both_signs_are(result: SweepResult) -> None:
    scale = scale_of(spec_of(result.heatmap("rebalance_every", "cost_bps")))
    assert scale["domain"][0] == -scale["domain"][1]
    assert scale["scheme"] == "redblue"


@pytest.mark.parametrize(("drift", "half"), [(0.005, [0.55, 1.0]), (-0.005, [0.0, 0.45])])
def test_one_sign_has_its_half_of_the_colours(drift: float, half: list[float]) -> None:
    prices = frame(120, drift=drift)
    result = sweep_equal_weight(prices, {"rebalance_every": [1, 5], "cost_bps": [0, 5]}, 10**8, date="date")
    scale = scale_of(spec_of(result.heatmap("rebalance_every", "cost_bps")))
    assert scale["scheme"] == {"name": "redblue", "extent": half}


def test_what_should_be_small_has_another_colour(result: SweepResult) -> None:
    scale = scale_of(spec_of(result.heatmap("rebalance_every", "cost_bps", "max_drawdown")))
    assert scale["scheme"]["name"] == "oranges"


def test_many_values_of_an_axis_are_joined_and_said() -> None:
    grid = {"rebalance_every": list(range(1, 151)), "cost_bps": [number / 2 for number in range(130)]}
    spec = spec_of(sweep_equal_weight(frame(20), grid, 10**8, date="date").heatmap("rebalance_every", "cost_bps"))
    cells = rows_of(spec, "x", "y", "value")
    assert len({cell["x"] for cell in cells}) == 50
    assert "1 to 3" in {cell["x"] for cell in cells}
    assert sum(cell["sets"] for cell in cells) == 150 * 130
    assert most_rows(spec) <= 5000
    assert "Neighbouring values of rebalance_every and cost_bps are joined." in texts_of(spec)


def test_a_parameter_that_is_not_there_is_refused(result: SweepResult) -> None:
    with pytest.raises(ValueError, match="no parameter 'foo'; the parameters are rebalance_every, cost_bps, lookback"):
        result.heatmap("foo", "cost_bps")
    with pytest.raises(ValueError, match="no parameter 'sharpe'"):
        result.heatmap("cost_bps", "sharpe")
    with pytest.raises(ValueError, match="both axes are 'top_k'"):
        result.heatmap("top_k", "top_k")


@pytest.mark.parametrize("metric", ["foo", "status", "top_k"])
def test_a_metric_that_is_not_there_is_refused(metric: str, result: SweepResult) -> None:
    with pytest.raises(ValueError, match=f"no metric '{metric}'; the metrics are total_return, cagr"):
        result.heatmap("cost_bps", "top_k", metric)
    with pytest.raises(ValueError, match=f"no metric '{metric}'"):
        result.plot(metric)


# sweep


@pytest.fixture(scope="module")
def curves(result: SweepResult) -> Row:
    """The specification of the chart of a sweep."""
    return spec_of(result.plot(n=7))


def test_the_curves_are_those_of_the_best_sets(result: SweepResult, curves: Row) -> None:
    best = result.best("sharpe", 7).rows()
    (first,) = [rows for rows in tables_of(curves, "rank") if rows[0]["rank"] == 1]
    (others,) = [rows for rows in tables_of(curves, "rank") if rows[0]["rank"] == 2]
    assert [row["id"] for row in best] == [first[0]["id"], *dict.fromkeys(row["id"] for row in others)]
    assert [row["multiple"] for row in first] == [equity / 10**8 for equity in result.curve(best[0]["id"])]


def test_dates_are_moments_without_a_time_zone(curves: Row) -> None:
    assert rows_of(curves, "rank")[0]["when"] == "2022-01-03T00:00:00.000"


def test_the_best_set_is_named_by_what_tells_it_from_others(result: SweepResult, curves: Row) -> None:
    (best,) = result.best("sharpe", 1).rows()
    named = f"set {best['id']}, rebalance_every {best['rebalance_every']}, cost_bps {best['cost_bps']:g}"
    assert f"Blue, the best: {named}" in texts_of(curves)


def test_the_distribution_counts_every_set_that_has_the_metric(result: SweepResult, curves: Row) -> None:
    bars = rows_of(curves, "low", "high", "count")
    values = [value for value in result.table["sharpe"] if value is not None]
    assert sum(bar["count"] for bar in bars) == len(values) == 48
    for bar in bars:
        assert bar["count"] == sum(bar["low"] <= value < bar["high"] for value in values)
    assert "24 sets without a Sharpe ratio are left out." in texts_of(curves)


def test_the_expected_maximum_of_the_sharpe_ratio_is_marked(result: SweepResult, curves: Row) -> None:
    marks = {row["text"]: row["at"] for rows in tables_of(curves, "at") for row in rows}
    best = result.best("sharpe", 1)["sharpe"][0]
    assert marks == {
        f"expected of the best by luck alone: {result.expected_max_sharpe:.2f}": result.expected_max_sharpe,
        f"best: {best:.2f}": best,
    }
    assert "Deflated Sharpe ratio:" in texts_of(curves)


def test_luck_is_a_matter_of_the_sharpe_ratio_only(result: SweepResult) -> None:
    assert "luck" not in str(spec_of(result.plot("cagr", n=1)))


def test_a_mark_far_off_does_not_squeeze_the_distribution() -> None:
    result = sweep_equal_weight(frame(120, drift=0.02), {"cost_bps": [0, 1, 2]}, 10**8, date="date")
    spec = spec_of(result.plot())
    (far,) = [row for rows in tables_of(spec, "at") for row in rows if "luck" in row["text"]]
    assert far["text"].startswith("\N{LEFTWARDS ARROW} expected")
    bars = rows_of(spec, "low", "high", "count")
    assert 0 < bars[0]["low"] - far["at"] < bars[-1]["high"] - bars[0]["low"]


def test_long_curves_keep_their_highs_and_lows_and_say_that_they_are_thinned() -> None:
    result = sweep_equal_weight(frame(2_000, False, symbols=2), {"cost_bps": list(range(30))}, 10**8)
    spec = spec_of(result.plot(n=10))
    assert most_rows(spec) <= 5000
    (first,) = [rows for rows in tables_of(spec, "rank") if rows[0]["rank"] == 1]
    curve = [equity / 10**8 for equity in result.curve(first[0]["id"])]
    drawn = [row["multiple"] for row in first]
    assert (drawn[0], drawn[-1], min(drawn), max(drawn)) == (curve[0], curve[-1], min(curve), max(curve))
    assert f"Drawn with {len(drawn):,} of 2,000 points a curve; highs and lows are kept." in texts_of(spec)


@pytest.mark.parametrize("n", [0, 51])
def test_no_curves_or_too_many_are_refused(n: int, result: SweepResult) -> None:
    with pytest.raises(ValueError, match=f"n is {n}; it must be from 1 to 50"):
        result.plot(n=n)


def test_a_sweep_without_the_metric_has_no_best_to_draw() -> None:
    with pytest.raises(ValueError, match="no set of this sweep has a Sharpe ratio"):
        sweep_equal_weight(frame(20), {"lookback": [100]}, 10**8, date="date").plot()


# tear sheet


@pytest.fixture(scope="module")
def sheet(backtest: BacktestResult) -> Row:
    """The specification of a tear sheet."""
    return spec_of(plot.tear_sheet(backtest))


def test_returns_by_month_compound_to_the_whole(backtest: BacktestResult, sheet: Row) -> None:
    rows = rows_of(sheet, "year", "column", "value")
    months = [row["value"] for row in rows if row["column"] != "year"]
    assert len(months) == 19
    assert math.prod(1 + value for value in months) - 1 == pytest.approx(backtest.metrics.total_return, abs=1e-12)
    years = [row["value"] for row in rows if row["column"] == "year"]
    assert math.prod(1 + value for value in years) - 1 == pytest.approx(backtest.metrics.total_return, abs=1e-12)


def test_without_dates_there_are_returns_over_the_bars_before() -> None:
    text = texts_of(spec_of(plot.tear_sheet(run_backtest(nanobook.EqualWeight(), frame(300, False), 10**8))))
    assert "Return over the last 63 bars" in text
    assert "month" not in text


def test_minutes_of_a_day_have_no_months() -> None:
    moments = [datetime.datetime(2024, 1, 3, 9, 30) + datetime.timedelta(minutes=bar) for bar in range(390)]
    prices = frame(390, False).with_columns(pl.Series("t", moments))
    spec = spec_of(plot.tear_sheet(run_backtest(nanobook.EqualWeight(), prices, 10**8, date="t")))
    assert "Return over the last" in texts_of(spec)
    assert rows_of(spec, "when", "multiple")[1]["when"] == "2024-01-03T09:31:00.000"


def test_the_metrics_stand_in_words(backtest: BacktestResult, sheet: Row) -> None:
    facts = {row["name"]: row["value"] for row in rows_of(sheet, "name", "value")}
    assert facts["Sharpe ratio"] == f"{backtest.metrics.sharpe:.2f}".replace("-", "\N{MINUS SIGN}")
    assert facts["orders"] == f"{backtest.n_orders:,}"


def test_the_drawdown_is_drawn_to_its_depth(backtest: BacktestResult, sheet: Row) -> None:
    rows = rows_of(sheet, "when", "drawdown")
    assert min(row["drawdown"] for row in rows) == pytest.approx(-(backtest.metrics.max_drawdown or 0))


def test_a_tear_sheet_of_a_ruin_says_so() -> None:
    def short(bar: int, *_: object) -> dict[str, float] | None:
        return {"A": -1.0} if bar == 0 else None

    backtest = run_backtest(short, {"A": [100] * 5 + [300] * 5}, 10**6)
    assert backtest.status == "ruined"
    assert "It was ruined: the equity fell to zero." in texts_of(spec_of(plot.tear_sheet(backtest)))


@pytest.mark.parametrize("bars", [1, 2, 3, 9])
def test_the_shortest_backtests_have_a_tear_sheet(bars: int, tmp_path: Path) -> None:
    plot.save(
        plot.tear_sheet(run_backtest(nanobook.EqualWeight(), frame(bars), 10**8, date="date")), tmp_path / "t.svg"
    )


def test_a_long_tear_sheet_is_thinned() -> None:
    backtest = run_backtest(nanobook.EqualWeight(rebalance_every=0), frame(4_000), 10**8, date="date")
    spec = spec_of(plot.tear_sheet(backtest))
    assert most_rows(spec) <= 1500
    assert "of 4,000 points of the equity" in texts_of(spec)


# Files.


@pytest.fixture(params=["heatmap", "sweep", "tear_sheet"])
def chart(request: pytest.FixtureRequest, result: SweepResult, backtest: BacktestResult) -> Any:
    """One of each kind."""
    if request.param == "heatmap":
        return plot.heatmap(result, "cost_bps", "rebalance_every")
    return plot.sweep(result, n=3) if request.param == "sweep" else plot.tear_sheet(backtest)


def test_a_png_is_a_picture_of_some_size(chart: Any, tmp_path: Path) -> None:
    path = tmp_path / "chart.png"
    plot.save(chart, path)
    raw = path.read_bytes()
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", raw[16:24])
    assert width > 600
    assert height > 300


def test_an_svg_holds_the_titles_of_the_axes(result: SweepResult, backtest: BacktestResult, tmp_path: Path) -> None:
    texts = []
    for chart in (result.heatmap("cost_bps", "rebalance_every"), result.plot(n=3), plot.tear_sheet(backtest)):
        plot.save(chart, tmp_path / "chart.svg")
        texts.append((tmp_path / "chart.svg").read_text(encoding="utf-8"))
    for text, words in zip(
        texts,
        (
            ["cost_bps", "rebalance_every", "Sharpe ratio by cost_bps"],
            ["equity / initial cash", "sets", "luck"],
            ["equity / initial cash", "below the peak", "return of a bar", "maximum drawdown", ">Jan<"],
        ),
        strict=True,
    ):
        assert text.startswith("<svg")
        for word in words:
            assert word in text


def test_a_page_needs_no_network(chart: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "chart.HTML")
    plot.save(chart, path)
    page = Path(path).read_text(encoding="utf-8")
    assert len(page) > 100_000
    assert "<script" in page
    outside = re.sub(r"(<script[^>]*>).*?</script>", r"\1", page, flags=re.DOTALL)
    assert not re.search(r"\b(src|href)=|http", outside)


@pytest.mark.parametrize("name", ["chart.pdf", "chart", "chart.json"])
def test_another_suffix_is_refused(name: str, chart: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"chart is saved as \.png, \.svg or \.html, not as"):
        plot.save(chart, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_drawn_leaves_no_file(tmp_path: Path) -> None:
    broken = alt.Chart(alt.InlineData(values=[{}])).mark_point().transform_calculate("a", "this is no expression")
    with pytest.raises(ValueError, match="conversion failed"):
        plot.save(broken, tmp_path / "chart.svg")
    assert list(tmp_path.iterdir()) == []


def test_charts_stand_beside_each_other(result: SweepResult, backtest: BacktestResult, tmp_path: Path) -> None:
    row = result.heatmap("cost_bps", "top_k") | result.heatmap("cost_bps", "rebalance_every") | result.plot(n=2)
    plot.save(row & plot.tear_sheet(backtest), tmp_path / "all.svg")


# Without Altair.


def without(module: str, code: str) -> str:
    """What `code` prints where a module is not installed."""
    program = f"import sys\nsys.modules[{module!r}] = None\n{code}"
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout


def test_without_altair_the_error_says_what_to_install() -> None:
    code = """
import nanobook
result = nanobook.sweep_equal_weight({"A": [100, 101, 102]}, {"cost_bps": [0, 5], "offset": [0, 1]}, 10**6)
try:
    result.heatmap("cost_bps", "offset")
except ImportError as error:
    print(error)
"""
    assert without("altair", code) == 'nanobook.plot needs Altair: pip install "nanobook-cpp[plot]"\n'


def test_without_vl_convert_the_error_says_what_to_install(tmp_path: Path) -> None:
    code = f"""
import altair, nanobook.plot
try:
    nanobook.plot.save(altair.Chart().mark_point(), {str(tmp_path / "chart.svg")!r})
except ImportError as error:
    print(error)
"""
    assert without("vl_convert", code) == 'saving charts needs vl-convert: pip install "nanobook-cpp[plot]"\n'


def test_importing_nanobook_does_not_import_altair() -> None:
    code = "import nanobook, nanobook.cli, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert {"altair", "vl_convert", "pyarrow", "nanobook.plot"}.isdisjoint(loaded)
