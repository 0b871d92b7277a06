"""The command `nanobook sweep`: from a file of prices and a grid to a table of results."""

import datetime
import math
import random
import re
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest
from click.testing import Result

import nanobook
from nanobook import _sweep_command, cli
from test_cli import assert_fails, run, start

GRID = """
rebalance_every = [1, 5]
cost_bps = [0, 12.5]

[base]
initial_cash = 100_000_000
slippage_bps = 1
"""


def prices(bars: int = 60) -> dict[str, list[Any]]:
    """Cents of two symbols, on days."""
    dice = random.Random(9)
    columns: dict[str, list[Any]] = {
        "day": [datetime.date(2024, 1, 1) + datetime.timedelta(days=bar) for bar in range(bars)]
    }
    for symbol in ("ABC", "DEF"):
        price, columns[symbol] = dice.uniform(2_000, 30_000), []
        for _ in range(bars):
            columns[symbol].append(round(price))
            price *= math.exp(dice.gauss(0.001, 0.02))
    return columns


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "prices.parquet"
    pa.parquet.write_table(pa.table(prices()), path)
    return path


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    path = tmp_path / "grid.toml"
    path.write_text(GRID)
    return path


def write(path: Path, columns: dict[str, Any]) -> Path:
    pa.parquet.write_table(pa.table(columns), path)
    return path


def swept(path: Path, grid: str, *options: str) -> Result:
    """The command with a grid of this text."""
    file = path.parent / "grid.toml"
    file.write_text(grid)
    return run("sweep", path, "--grid", file, *options)


# What it does.


def test_it_explains_itself() -> None:
    result = run("sweep", "--help")
    assert result.exit_code == 0
    assert "A picture, .png, .svg or .html" in result.stdout


def test_a_sweep_writes_the_table_that_python_makes(file: Path, grid: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.parquet"
    result = run("sweep", file, "--grid", grid, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    expected = nanobook.sweep_equal_weight(
        prices=pl.DataFrame(prices()),
        param_grid={"rebalance_every": [1, 5], "cost_bps": [0.0, 12.5]},
        initial_cash=100_000_000,
        cost_model=nanobook.CostModel(slippage_bps=1),
        date="day",
    )
    read = pa.parquet.read_table(out)
    assert read.to_pylist() == expected.table.rows()
    assert {key.decode(): value.decode() for key, value in read.schema.metadata.items()} == expected.metadata


def test_it_shows_the_prices_the_best_sets_and_what_luck_would_do(file: Path, grid: Path) -> None:
    result = run("sweep", file, "--grid", grid, "--best", "3")
    assert result.stdout.startswith(f"{file}: 60 bars of 2 symbols, 2024-01-01 to 2024-02-29\n4 sets in ")
    assert re.search(r"^id +rebalance_every +cost_bps +sharpe", result.stdout, re.MULTILINE)
    assert len(re.findall(r"^ *\d +[15] +(?:0|12\.5) ", result.stdout, re.MULTILINE)) == 3
    assert re.search(r"By luck alone .*; the deflated Sharpe ratio of set \d is \d", result.stdout)


def test_the_best_are_by_the_metric_that_is_asked_for(file: Path, grid: Path) -> None:
    result = run("sweep", file, "--grid", grid, "--metric", "fees")
    assert "The best by fees" in result.stdout
    costs = re.findall(r"^ *\d +[15] +(0|12\.5) ", result.stdout, re.MULTILINE)
    assert costs == ["0", "0", "12.5", "12.5"]
    assert "luck" not in result.stdout


def test_nothing_is_wider_than_80_columns(file: Path) -> None:
    grid = "lookback = [5, 10]\ntop_k = [1, 2]\nrebalance_every = [1, 5]\ncost_bps = [0.5, 12.25]\n[base]\ninitial_cash = 1_000_000"
    table = swept(file, grid).stdout.partition("The best")[2].partition("By luck")[0]
    assert max(map(len, table.splitlines())) <= 80


def test_many_parameters_are_never_cut(file: Path) -> None:
    keys = ("no_trade_band_bps", "trailing_stop_pct", "max_drawdown_stop", "take_profit_pct", "rebalance_every")
    grid = "".join(f"{key} = [{'1, 2' if key == 'rebalance_every' else '0.1, 0.2'}]\n" for key in keys)
    result = swept(file, grid, "--initial-cash", "1000000", "--metric", "total_return")
    (head,) = [line for line in result.stdout.splitlines() if line.lstrip().startswith("id ")]
    assert head.split()[:7] == ["id", *keys, "total_return"]


def test_sets_without_the_metric_are_said_to_have_none(file: Path) -> None:
    result = swept(file, "lookback = [1000]\n[base]\ninitial_cash = 1000", "--metric", "sharpe")
    assert result.exit_code == 0
    assert "No set has a Sharpe ratio: none has traded." in result.stdout


def test_a_folder_like_a_partition_adds_no_column(grid: Path, tmp_path: Path) -> None:
    (tmp_path / "year=2024").mkdir()
    path = write(tmp_path / "year=2024" / "prices.parquet", prices())
    assert "60 bars of 2 symbols" in run("sweep", path, "--grid", grid).stdout


@pytest.mark.parametrize("suffix", [".csv", ".arrow", ".feather"])
def test_every_kind_of_file_gives_the_same_results(suffix: str, file: Path, grid: Path, tmp_path: Path) -> None:
    other = tmp_path / f"prices{suffix}"
    if suffix == ".csv":
        pa.csv.write_csv(pa.table(prices()), other)
    else:
        pa.feather.write_feather(pa.table(prices()), other)
    tables = []
    for path in (file, other):
        assert run("sweep", path, "--grid", grid, "--out", tmp_path / "out.parquet").exit_code == 0
        tables.append(pa.parquet.read_table(tmp_path / "out.parquet"))
    assert tables[0].equals(tables[1])


def test_a_stream_of_arrow_is_read_too(grid: Path, tmp_path: Path) -> None:
    path = tmp_path / "prices.arrow"
    table = pa.table(prices())
    with pa.ipc.new_stream(str(path), table.schema) as stream:
        stream.write_table(table)
    assert run("sweep", path, "--grid", grid).exit_code == 0


def test_results_go_to_arrow_and_csv_too(file: Path, grid: Path, tmp_path: Path) -> None:
    for name in ("out.parquet", "out.arrow", "out.csv"):
        assert run("sweep", file, "--grid", grid, "--out", tmp_path / name).exit_code == 0
    expected = pa.parquet.read_table(tmp_path / "out.parquet")
    with pa.OSFile(str(tmp_path / "out.arrow")) as source:
        read = pa.ipc.open_file(source).read_all()
    assert read.to_pylist() == expected.to_pylist()
    assert read.schema.metadata == expected.schema.metadata
    assert pa.csv.read_csv(tmp_path / "out.csv")["final_equity"].to_pylist() == expected["final_equity"].to_pylist()


def test_what_stood_at_the_name_is_replaced_and_nothing_else_is_left(file: Path, grid: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("before")
    assert run("sweep", file, "--grid", grid, "--out", out).exit_code == 0
    assert out.read_text().startswith('"id"')
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grid.toml", "out.csv", "prices.parquet"]


def test_the_base_of_the_grid_reaches_the_sweep(file: Path, tmp_path: Path) -> None:
    base = "initial_cash = 5000000\ncost_bps = 2\nslippage_bps = 0.5\nmin_trade_fee = 100\nperiods_per_year = 365\n"
    base += 'risk_free = 0.0001\nexecution_lag = 1\non_null = "carry"\ndate = "day"'
    result = swept(file, f'rebalance_on = ["week"]\n[base]\n{base}', "--out", str(tmp_path / "out.parquet"))
    assert result.exit_code == 0, result.stderr
    metadata = pa.parquet.read_schema(tmp_path / "out.parquet").metadata
    words = "initial_cash commission_bps slippage_bps min_trade_fee execution_lag periods_per_year risk_free on_null"
    values = [metadata[f"nanobook.{word}".encode()].decode() for word in words.split()]
    assert values == ["5000000", "2", "0.5", "100", "1", "365", "0.0001", "carry"]


def test_an_option_counts_more_than_the_base(file: Path, grid: Path, tmp_path: Path) -> None:
    run("sweep", file, "--grid", grid, "--initial-cash", "7_000_000", "--out", tmp_path / "out.parquet")
    assert pa.parquet.read_schema(tmp_path / "out.parquet").metadata[b"nanobook.initial_cash"] == b"7000000"


# Prices with decimals.


def decimals(tmp_path: Path, values: Any) -> Path:
    return write(tmp_path / "decimals.parquet", {"ABC": values})


def cents_of(path: Path) -> list[int]:
    """The prices that the sweep runs on."""
    table, _ = _sweep_command._read_prices(path, 2, None)
    return list(table["ABC"].to_pylist())


def test_prices_with_decimals_are_refused_with_a_hint(grid: Path, tmp_path: Path) -> None:
    path = decimals(tmp_path, [187.23, 187.5])
    result = run("sweep", path, "--grid", grid)
    assert_fails(result, path, "column 'ABC' holds double", "--price-scale 2 makes whole numbers of them")


def test_the_hint_names_as_many_decimals_as_it_takes(grid: Path, tmp_path: Path) -> None:
    assert_fails(run("sweep", decimals(tmp_path, [1.2345, None, 2.0]), "--grid", grid), "--price-scale 4 ")
    assert_fails(run("sweep", decimals(tmp_path, [187.2299957275391]), "--grid", grid), "round them first")


def test_every_cent_up_to_a_thousand_dollars_is_exact(tmp_path: Path) -> None:
    cents = list(range(1, 100_001))
    assert cents_of(decimals(tmp_path, [cent / 100 for cent in cents])) == cents
    assert cents_of(decimals(tmp_path, [cent * 0.01 for cent in cents])) == cents  # as some libraries divide


def test_decimal_columns_and_whole_numbers_are_scaled_exactly(tmp_path: Path) -> None:
    values = [Decimal("12.3400"), None, Decimal("90071992547409.93")]
    assert cents_of(decimals(tmp_path, pa.array(values, pa.decimal128(30, 4)))) == [1234, None, 9007199254740993]
    assert cents_of(decimals(tmp_path, [1, 2])) == [100, 200]


def test_nan_is_a_missing_price(tmp_path: Path) -> None:
    assert cents_of(decimals(tmp_path, [1.5, math.nan])) == [150, None]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.5, 1.234], ["the price of ABC in row 1 is 1.234", "more than 2 decimals"]),
        ([1.5, 2.0, math.inf], ["row 2 is inf", "must be a number"]),
        ([1e15], ["row 0 is 1000000000000000.0", "too large"]),
        ([2**60], ["column 'ABC'", "too large for --price-scale 2"]),
        (pa.array([1.5], pa.float32()), ["column 'ABC' holds float", "too coarse"]),
        ([Decimal("1.234")], ["the price of ABC in row 0 is 1.234", "more than 2 decimals"]),
    ],
)
def test_prices_that_a_scale_does_not_fit_are_refused(
    values: Any, words: list[str], grid: Path, tmp_path: Path
) -> None:
    path = decimals(tmp_path, values)
    assert_fails(run("sweep", path, "--grid", grid, "--price-scale", "2"), path, *words)


def test_with_a_scale_all_money_has_decimals(tmp_path: Path) -> None:
    path = decimals(tmp_path, [10.5, 11.0, 12.25])
    out = tmp_path / "out.parquet"
    grid = "min_trade_fee = [0, 0.35]\nmin_price = [10]\n[base]\ninitial_cash = 1000.01\nprice_scale = 2"
    assert swept(path, grid, "--out", str(out)).exit_code == 0
    read = pa.parquet.read_table(out)
    assert read["min_trade_fee"].to_pylist() == [0, 35]
    assert read["min_price"].to_pylist() == [1000, 1000]
    assert read.schema.metadata[b"nanobook.initial_cash"] == b"100001"
    assert read.schema.metadata[b"nanobook.price_scale"] == b"2"


# Charts.


def test_a_heatmap_of_two_parameters(file: Path, grid: Path, tmp_path: Path) -> None:
    chart = tmp_path / "heatmap.svg"
    result = run("sweep", file, "--grid", grid, "--plot", chart, "--x", "cost_bps", "--y", "rebalance_every")
    assert result.exit_code == 0, result.stderr
    text = chart.read_text(encoding="utf-8")
    assert "Sharpe ratio by cost_bps and rebalance_every" in text


def test_without_axes_the_best_curves_are_drawn(file: Path, grid: Path, tmp_path: Path) -> None:
    chart = tmp_path / "curves.png"
    assert run("sweep", file, "--grid", grid, "--plot", chart).exit_code == 0
    assert chart.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--plot", "a.pdf"], ["--plot", "a.pdf must end in .png, .svg or .html"]),
        (["--plot", "nowhere/a.png"], ["no folder nowhere"]),
        (["--plot", "a.png", "--x", "cost_bps"], ["both --x and --y"]),
        (["--x", "cost_bps", "--y", "rebalance_every"], ["--plot"]),
        (
            ["--plot", "a.png", "--x", "foo", "--y", "cost_bps"],
            ["--x: no parameter 'foo'", "rebalance_every, cost_bps"],
        ),
        (["--plot", "a.png", "--x", "cost_bps", "--y", "cost_bps"], ["both 'cost_bps'"]),
    ],
)
def test_charts_that_make_no_sense_are_refused(options: list[str], words: list[str], file: Path, grid: Path) -> None:
    assert_fails(run("sweep", file, "--grid", grid, *options), *words)


# The demonstration.


def test_the_demo_needs_no_file() -> None:
    result = run("sweep", "--demo", "--best", "5")
    assert result.exit_code == 0, result.stderr
    assert "Made-up prices: 1,260 bars of 20 symbols" in result.stdout
    assert "960 sets in " in result.stdout
    assert "nanobook sweep prices.parquet --grid grid.toml" in result.stdout


def test_equal_demos_are_equal(tmp_path: Path) -> None:
    tables = []
    for threads in ("1", "3"):
        assert run("sweep", "--demo", "--threads", threads, "--out", tmp_path / "out.parquet").exit_code == 0
        tables.append(pa.parquet.read_table(tmp_path / "out.parquet"))
    assert tables[0].equals(tables[1])


def test_the_demo_takes_no_file(file: Path) -> None:
    assert_fails(run("sweep", "--demo", file), "PRICES does not go with it")
    assert_fails(run("sweep", "--demo", "--initial-cash", "1"), "--initial-cash does not go with it")


# Bad input.


def test_without_arguments_it_says_what_it_needs(file: Path) -> None:
    assert_fails(run("sweep"), "PRICES is missing", "--demo")
    assert_fails(run("sweep", file), "--grid is missing")


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        ("none.parquet", None, ["no such file"]),
        ("prices.xlsx", b"", ["must end in .parquet, .csv, .arrow or .feather"]),
        ("prices.parquet", b"no parquet at all", ["Parquet"]),
        ("prices.arrow", b"no arrow at all", ["rrow"]),
        ("prices.csv", b"", ["Empty CSV file"]),
        ("prices.csv", b"ABC,DEF\n1,2\n3\n", ["Row #3", "Expected 2 columns, got 1"]),
        ("prices.csv", b"ABC,ABC\n1,2\n", ["two columns are called 'ABC'"]),
        ("prices.csv", b"ABC,DEF\n1,x\n", ["column 'DEF' holds String"]),
        ("prices.csv", b"ABC,DEF\n1,2\n1,\n", ["DEF in row 1 is null"]),
        ("prices.csv", b"ABC,DEF\n1,2\n1,0\n", ["DEF in row 1 is 0"]),
        ("prices.csv", b"a,b,ABC\n2024-01-01,2024-01-01,1\n", ["'a', 'b' hold dates", "--date"]),
        ("prices.csv", b"ABC\n", ["no rows"]),
    ],
)
def test_bad_prices(name: str, raw: bytes | None, words: list[str], grid: Path, tmp_path: Path) -> None:
    path = tmp_path / name
    if raw is not None:
        path.write_bytes(raw)
    assert_fails(run("sweep", path, "--grid", grid), path, *words)


def test_the_column_of_dates_must_be_there_and_hold_dates(file: Path, grid: Path) -> None:
    assert_fails(run("sweep", file, "--grid", grid, "--date", "when"), file, "no column 'when'", "day, ABC, DEF")
    assert_fails(run("sweep", file, "--grid", grid, "--date", "ABC"), file, "column 'ABC' holds int64, not dates")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = = 1", ["not TOML", "line 1"]),
        ("\udcff", ["not TOML"]),
        ("cost_bps = [0]", ["no initial_cash", "--initial-cash"]),
        ("foo = [1]\n[base]\ninitial_cash = 1000", ["unknown key 'foo'", "rebalance_every"]),
        ("cost_bps = []\n[base]\ninitial_cash = 1000", ["cost_bps has no values"]),
        ("cost_bps = [-1]\n[base]\ninitial_cash = 1000", ["-1"]),
        ("cost_bps = [[1]]\n[base]\ninitial_cash = 1000", ["cost_bps must be a list of plain values"]),
        ("[grid]\ncost_bps = [1]", ["unknown table [grid]"]),
        ("base = 3", ["[base]"]),
        ("[base]\ncost_bps = [1, 2]", ["cost_bps in [base] must be a number"]),
        ("[base]\nlookback = [1, 2]", ["unknown key 'lookback' in [base]", "above [base]"]),
        ("[base]\ninitial_cash = 0", ["initial_cash must be above 0"]),
        ("[base]\ninitial_cash = 0.5", ["initial_cash is 0.5", "--price-scale"]),
        ("[base]\ninitial_cash = nan", ["initial_cash must be a number"]),
        ("[base]\ninitial_cash = 1e30", ["too large"]),
        ("[base]\ninitial_cash = 1000\ncost_bps = -1", ["commission_bps is -1"]),
        ("[base]\ninitial_cash = 1000\nprice_scale = 10", ["price_scale is 10"]),
        ("[base]\ninitial_cash = 1000\nexecution_lag = 2", ["execution_lag is 2"]),
        ('[base]\ninitial_cash = 1000\non_null = "x"', ["on_null is 'x'"]),
        ('[base]\ninitial_cash = 1000\nrisk_free = "x"', ["risk_free in [base] must be a number"]),
        ("[base]\ninitial_cash = 1000\ndate = 1", ["date in [base] must be a text"]),
        ("[base]\ninitial_cash = 1000\nexecution_lag = 0.5", ["must be a whole number"]),
        ('"\\u001b[31m" = [1]\n[base]\ninitial_cash = 1000', ["\\x1b[31m"]),
    ],
)
def test_bad_grids(text: str, words: list[str], file: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    result = run("sweep", file, "--grid", path)
    assert_fails(result, path, *words)
    assert "\x1b" not in result.stderr


@pytest.mark.parametrize("cash", ["much", "1.5", "0", "-1", "nan", "1e30"])
def test_bad_cash(cash: str, file: Path, grid: Path) -> None:
    assert_fails(run("sweep", file, "--grid", grid, "--initial-cash", cash), "--initial-cash")


def test_an_unknown_metric_is_answered_with_those_there_are(file: Path, grid: Path) -> None:
    assert_fails(run("sweep", file, "--grid", grid, "--metric", "foo"), "'foo'", "sharpe, sortino")


def test_a_place_where_nothing_can_be_written_is_refused_before_the_sweep(
    file: Path, grid: Path, tmp_path: Path
) -> None:
    assert_fails(run("sweep", file, "--grid", grid, "--out", tmp_path / "no" / "out.csv"), "--out", "no such file")
    assert_fails(
        run("sweep", file, "--grid", grid, "--out", tmp_path / "out.txt"), "must end in .parquet, .csv or .arrow"
    )
    (tmp_path / "dir.csv").mkdir()
    assert_fails(run("sweep", file, "--grid", grid, "--out", tmp_path / "dir.csv"), "is a directory")


def test_an_error_leaves_what_stood_at_the_name(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("before")
    assert_fails(swept(file, "foo = [1]\n[base]\ninitial_cash = 1000", "--out", str(out)), "foo")
    assert out.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grid.toml", "out.csv", "prices.parquet"]


@pytest.mark.parametrize(
    ("module", "options", "words"),
    [
        ("pyarrow", ["prices.parquet", "--grid", "grid.toml"], 'needs pyarrow: pip install "nanobook-cpp[parquet]"'),
        ("altair", ["--demo", "--plot", "a.png"], 'pip install "nanobook-cpp[plot]"'),
        ("vl_convert", ["--demo", "--plot", "a.png"], 'pip install "nanobook-cpp[plot]"'),
    ],
)
def test_without_a_library_the_error_says_what_to_install(
    module: str, options: list[str], words: str, tmp_path: Path
) -> None:
    write(tmp_path / "prices.parquet", prices())
    (tmp_path / "grid.toml").write_text(GRID)
    code = f"import sys\nsys.modules[{module!r}] = None\nfrom nanobook.cli import main\nmain(['sweep', *{options!r}])"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_demo_needs_no_library() -> None:
    code = "import sys\nsys.modules.update(pyarrow=None, altair=None, numpy=None)\n"
    code += "from nanobook.cli import main\nmain(['sweep', '--demo'])"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# Ctrl-C.


def test_ctrl_c_keeps_the_sets_that_are_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.Bar, "__call__", interrupt)
    path = write(tmp_path / "long.parquet", {name: column * 200 for name, column in prices().items() if name != "day"})
    out = tmp_path / "out.parquet"
    everies = ", ".join(map(str, range(1, 2_001)))
    grid = f"rebalance_every = [{everies}]\n[base]\ninitial_cash = 1_000_000_000"
    result = swept(path, grid, "--threads", "1", "--out", str(out))
    assert result.exit_code == 130
    assert result.stdout == ""
    told = re.fullmatch(
        r"Interrupted after ([\d,]+) of 2,000 sets; (.*) has them, and the others with .*\n", result.stderr
    )
    assert told
    assert told[2] == str(out)
    read = pa.parquet.read_table(out)["status"].to_pylist()
    assert read.count("ok") == int(told[1].replace(",", ""))
    assert read.count("cancelled") == 2_000 - read.count("ok") > 0


def test_ctrl_c_in_a_long_sweep_ends_with_130(tmp_path: Path) -> None:
    path = write(tmp_path / "long.parquet", {name: column * 500 for name, column in prices().items() if name != "day"})
    everies = ", ".join(map(str, range(1, 100_001)))
    grid = tmp_path / "grid.toml"
    grid.write_text(f"rebalance_every = [{everies}]\n[base]\ninitial_cash = 1_000_000_000")
    process = start("sweep", path, "--grid", grid, "--out", tmp_path / "out.csv", "--threads", "1")
    try:
        while not any(tmp_path.glob(".out.csv.*")):  # it has begun
            assert process.poll() is None
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert stdout == ""
    assert "\x1b" not in stderr
    assert not any(tmp_path.glob(".out.csv.*"))


def test_ctrl_c_before_a_set_is_done_writes_nothing(file: Path, grid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(nanobook, "sweep_equal_weight", interrupted)
    out = file.parent / "out.csv"
    result = run("sweep", file, "--grid", grid, "--out", out)
    assert result.exit_code == 130
    assert result.stderr == "Interrupted before a set was done; nothing is written.\n"
    assert sorted(path.name for path in file.parent.iterdir()) == ["grid.toml", "prices.parquet"]


def test_what_is_read_is_not_written_over(tmp_path: Path) -> None:
    prices, grid = tmp_path / "prices.csv", tmp_path / "grid.toml"
    prices.write_text("ABC\n100\n101\n")
    grid.write_text("rebalance_every = [1]\n[base]\ninitial_cash = 100000\n")
    assert_fails(
        run("sweep", prices, "--grid", grid, "--out", prices), "--out", "prices.csv", "is what the sweep reads"
    )
    assert prices.read_text() == "ABC\n100\n101\n"
