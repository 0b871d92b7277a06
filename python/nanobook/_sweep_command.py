"""What `nanobook sweep` does: prices and a grid from files, the sweep, its results into a file.

Files of prices and results are read and written by pyarrow (the extra `[parquet]`): it is the reference implementation
of Parquet and of Arrow's own format, keeps the metadata of a table in both, says which column or row it stumbles over,
and gives the column types of a file as they are, decimals included.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal, DecimalException
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import click

import nanobook
from nanobook import CostModel, Prices, SweepResult
from nanobook._results import METRICS, label, parameters_of, shown
from nanobook.cli import Bar, Failure, _print, _table, _terminal, alternatives, visible

__all__ = ["Request", "run"]

INPUTS = (".parquet", ".csv", ".arrow", ".feather")
OUTPUTS = (".parquet", ".csv", ".arrow")
PICTURES = (".png", ".svg", ".html")

# What a table [base] may hold, and of what kind it is. Money may have decimals with a price scale.
BASE = {
    "initial_cash": "money",
    "cost_bps": "number",
    "slippage_bps": "number",
    "min_trade_fee": "money",
    "periods_per_year": "number",
    "risk_free": "number",
    "execution_lag": "whole number",
    "on_null": "text",
    "date": "text",
    "price_scale": "whole number",
}
RUN_KEYS: tuple[str, ...] = ("periods_per_year", "risk_free", "execution_lag")
MONEY = ("min_trade_fee", "min_price")  # of the grid
MOST_MONEY = 2**63 - 1
MOST_SCALE = 9

# A double holds every whole number up to EXACT; NOISE is what a calculation or two may add to a number.
EXACT = 2**53
NOISE = 2.0**-50

DEMO_BARS = 1_260
DEMO_CASH = 1_000_000_00
DEMO_GRID: dict[str, list[Any]] = {
    "lookback": [10, 20, 40, 60, 90, 120, 180, 250],
    "top_k": [1, 2, 3, 5, 8, 12],
    "rebalance_every": [1, 5, 10, 21, 63],
    "cost_bps": [0, 5, 10, 20],
}


class Request(NamedTuple):
    """The arguments of the command."""

    path: Path | None
    grid: Path | None
    out: Path | None
    initial_cash: str | None
    price_scale: int | None
    date: str | None
    metric: str
    best: int
    threads: int | None
    plot: Path | None
    x: str | None
    y: str | None
    demo: bool


class Job(NamedTuple):
    """What is run."""

    prices: Prices
    about: str  # the prices, in words
    grid: Any
    initial_cash: int
    cost_model: CostModel
    options: dict[str, Any]  # of sweep_equal_weight
    where: str  # what an error about a parameter names
    scale: int | None


def run(request: Request) -> int:
    """Does what the command says; returns its exit code."""
    console = _terminal()
    _check(request)
    with contextlib.ExitStack() as stack:
        # Before the sweep: nobody should wait an hour to read that a folder is not there.
        out = None if request.out is None else stack.enter_context(_replacing(request.out))
        job = _demonstration() if request.demo else _job(request)
        _check_axes(request, job)
        begin = time.perf_counter()
        try:
            with Bar("Sweeping") as bar:
                result = nanobook.sweep_equal_weight(
                    job.prices,
                    job.grid,
                    job.initial_cash,
                    job.cost_model,
                    **job.options,
                    threads=request.threads,
                    progress=bar,
                )
        except KeyboardInterrupt as interrupt:
            return _interrupted(request, job, out, getattr(interrupt, "partial", None))
        except (ValueError, TypeError, OverflowError) as error:
            raise Failure(f"{job.where}{_sentence(error)}") from None
        seconds = time.perf_counter() - begin

        cells = len(result) * len(job.prices) * len(job.prices.symbols)
        sets = "set" if len(result) == 1 else "sets"
        took = f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"
        speed = f"{cells / seconds / 1e6:,.0f} million cells a second, each a set, a bar and a symbol"
        _print(console, job.about, f"{len(result):,} {sets} in {took}: {speed}", "")
        _print_best(console, result, request)
        written = []
        if request.out is not None and out is not None:
            _write(result, out, request.out, job.scale)
            written.append(click.format_filename(request.out))
        if request.plot is not None:
            _draw(result, request)
            written.append(click.format_filename(request.plot))
        if written:
            _print(console, "", f"Written: {', '.join(written)}")
        if request.demo:
            _print(
                console,
                "",
                "Now with prices of your own, a column a symbol, and a grid such as",
                "    rebalance_every = [1, 5, 21]",
                "    cost_bps = [0, 5, 10]",
                "by",
                "    nanobook sweep prices.parquet --grid grid.toml --initial-cash 100000000 --out results.parquet",
            )
    return 0


# ---------------------------------------------------------------------- what is asked for


def _check(request: Request) -> None:
    """Refuses what cannot end well before anything is read."""
    if request.demo:
        for name in ("path", "grid", "initial_cash", "price_scale", "date"):
            if getattr(request, name) is not None:
                what = "PRICES" if name == "path" else f"--{name.replace('_', '-')}"
                raise Failure(f"--demo makes up its own prices and grid: {what} does not go with it")
    elif request.path is None:
        raise Failure("PRICES is missing: a file, or --demo for made-up ones")
    elif request.grid is None:
        raise Failure("--grid is missing: a TOML file of parameters and their values, such as cost_bps = [0, 5, 10]")
    for option, written in (("--out", request.out), ("--plot", request.plot)):
        for read in (request.path, request.grid):
            if (
                written is not None
                and read is not None
                and written.exists()
                and read.exists()
                and written.samefile(read)
            ):
                raise Failure(f"{option}: {click.format_filename(written)} is what the sweep reads")
    if request.metric not in METRICS:
        raise Failure(f"--metric: no metric {request.metric!r}; the metrics are {', '.join(METRICS)}")
    if request.out is not None:
        _check_suffix("--out", request.out, OUTPUTS)
        _pyarrow()
    if request.plot is not None:
        _check_suffix("--plot", request.plot, PICTURES)
        if not request.plot.parent.is_dir():
            raise Failure(f"--plot: no folder {click.format_filename(request.plot.parent)}")
        _plots()
    elif request.x is not None or request.y is not None:
        raise Failure("--x and --y are the axes of a heatmap: say where it goes with --plot")
    if (request.x is None) != (request.y is None):
        raise Failure("a heatmap needs both --x and --y; without them --plot shows the best curves")


def _check_suffix(option: str, path: Path, known: tuple[str, ...]) -> None:
    if path.suffix.lower() not in known:
        raise Failure(f"{option}: {click.format_filename(path)} must end in {alternatives(list(known))}")


def _check_axes(request: Request, job: Job) -> None:
    for option, name in (("--x", request.x), ("--y", request.y)):
        if name is not None and name not in job.grid:
            raise Failure(f"{option}: no parameter {name!r} in the grid, which has {', '.join(job.grid)}")
    if request.x is not None and request.x == request.y:
        raise Failure(f"--x and --y are both {request.x!r}")


def _sentence(error: Exception) -> str:
    """What an exception says, in one line, without what a terminal might act on."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in " ".join(str(error).split()))


# ---------------------------------------------------------------------- libraries that not everyone has


def _pyarrow() -> ModuleType:
    try:
        import pyarrow
    except ModuleNotFoundError:
        raise Failure('reading and writing tables needs pyarrow: pip install "nanobook-cpp[parquet]"') from None
    module: ModuleType = pyarrow
    return module


def _plots() -> ModuleType:
    try:
        import vl_convert  # noqa: F401

        from nanobook import plot
    except ImportError:
        raise Failure('--plot needs Altair and vl-convert: pip install "nanobook-cpp[plot]"') from None
    return plot


# ---------------------------------------------------------------------- the grid


def _job(request: Request) -> Job:
    assert request.path is not None
    assert request.grid is not None
    name = click.format_filename(request.grid)
    grid, base = _read_grid(request.grid)
    scale = request.price_scale if request.price_scale is not None else base.get("price_scale")
    if scale is not None and not 0 <= scale <= MOST_SCALE:
        raise Failure(f"{name}: price_scale is {scale}; it must be from 0 to {MOST_SCALE}")

    if request.initial_cash is not None:
        try:
            given = Decimal(request.initial_cash.replace("_", ""))
        except DecimalException:
            raise Failure(f"--initial-cash: {request.initial_cash!r} is no number") from None
        cash = _money(given, scale, "--initial-cash")
    elif "initial_cash" in base:
        cash = _money(base["initial_cash"], scale, f"{name}: initial_cash")
    else:
        raise Failure(f"{name}: no initial_cash in its table [base], and no --initial-cash")
    if cash <= 0:
        where = "--initial-cash" if request.initial_cash is not None else f"{name}: initial_cash"
        raise Failure(f"{where} must be above 0")
    fee = _money(base.get("min_trade_fee", 0), scale, f"{name}: min_trade_fee")
    try:
        costs = CostModel(base.get("cost_bps", 0), base.get("slippage_bps", 0), fee)
    except (ValueError, TypeError) as error:
        raise Failure(f"{name}: {_sentence(error)}") from None
    for key in MONEY:
        if key in grid:
            grid[key] = [_money(value, scale, f"{name}: {key}") for value in grid[key]]

    on_null = base.get("on_null", "raise")
    if on_null not in ("raise", "carry"):
        raise Failure(f"{name}: on_null is {on_null!r}; it is 'raise' or 'carry'")
    table, date = _read_prices(request.path, scale, request.date if request.date is not None else base.get("date"))
    try:
        prices = Prices(table, date=date, on_null=on_null)
    except (ValueError, TypeError) as error:
        raise Failure(f"{click.format_filename(request.path)}: {_sentence(error)}") from None
    span = ""
    if date is not None and len(prices):
        span = f", {table[date][0].as_py()} to {table[date][-1].as_py()}"
    about = f"{click.format_filename(request.path)}: {len(prices):,} bars of {len(prices.symbols):,} symbols{span}"
    options: dict[str, Any] = {key: base[key] for key in RUN_KEYS if key in base}
    return Job(prices, about, grid, cash, costs, options, f"{name}: ", scale)


def _read_grid(path: Path) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """The parameters and the values of each, and the table [base]."""
    name = click.format_filename(path)
    try:
        with path.open("rb") as file:
            read = tomllib.load(file, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Failure(f"{name}: not TOML: {_sentence(error)}") from None
    base = read.pop("base", {})
    if not isinstance(base, dict):
        raise Failure(f"{name}: base must be a table: [base], and below it initial_cash = 100_000_000 and the like")
    for key, value in base.items():
        if key not in BASE:
            hint = "; parameters to try stand above [base]" if isinstance(value, list) else ""
            raise Failure(f"{name}: unknown key {key!r} in [base]{hint}; its keys are {', '.join(BASE)}")
        _check_base(name, key, value)
    grid: dict[str, list[Any]] = {}
    for key, value in read.items():
        if isinstance(value, dict):
            raise Failure(f"{name}: unknown table [{visible(key)}]; the only one is [base]")
        values = value if isinstance(value, list) else [value]
        if any(isinstance(each, list | dict) for each in values):
            raise Failure(f"{name}: {visible(key)} must be a list of plain values")
        # Money stays exact until its scale is known.
        grid[key] = values if key in MONEY else [_number(each) for each in values]
    return grid, {key: value if BASE[key] == "money" else _number(value) for key, value in base.items()}


def _check_base(name: str, key: str, value: Any) -> None:
    kind = BASE[key]
    if kind == "text":
        right = isinstance(value, str)
    elif kind == "whole number":
        right = isinstance(value, int) and not isinstance(value, bool)
    else:
        right = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if not right:
        what = "a text" if kind == "text" else "a whole number" if kind == "whole number" else "a number"
        raise Failure(f"{name}: {key} in [base] must be {what}")


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _money(value: Any, scale: int | None, where: str) -> int:
    """An amount in the unit of the prices, exactly."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite():
        raise Failure(f"{where} must be a number")
    scaled = Decimal(value).scaleb(scale or 0)
    if abs(scaled) > MOST_MONEY:
        raise Failure(f"{where} is {value}, which is too large")
    if scaled != int(scaled):
        if scale is None:
            raise Failure(f"{where} is {value}; it must be a whole number, such as cents, or say --price-scale")
        raise Failure(f"{where} is {value}, which has more than {scale} decimals")
    return int(scaled)


# ---------------------------------------------------------------------- prices


def _read_prices(path: Path, scale: int | None, date: str | None) -> tuple[Any, str | None]:
    """A table of whole numbers, and the column of dates: the one named, or the only one that holds dates."""
    name = click.format_filename(path)
    _check_suffix("PRICES", path, INPUTS)
    pa = _pyarrow()
    with path.open("rb"):  # what cannot be opened is said by the system, in words of its own
        pass
    try:
        table = _read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise Failure(f"{name}: {_sentence(error)}") from None
    if len(set(table.column_names)) < len(table.column_names):
        twice = next(column for column in table.column_names if table.column_names.count(column) > 1)
        raise Failure(f"{name}: two columns are called {twice!r}")
    dates = [field.name for field in table.schema if pa.types.is_date(field.type) or pa.types.is_timestamp(field.type)]
    if date is None and len(dates) > 1:
        raise Failure(f"{name}: {', '.join(map(repr, dates))} hold dates; say which counts with --date")
    if date is None and dates:
        date = dates[0]
    if date is not None and date not in table.column_names:
        raise Failure(f"{name}: no column {date!r}; the columns are {', '.join(table.column_names)}")
    for index, column in enumerate(table.column_names):
        if column != date:
            whole = _whole_numbers(name, column, table.column(index), scale)
            table = table.set_column(index, column, whole)
    return table, date


def _read_table(path: Path) -> Any:
    pa = _pyarrow()
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        import pyarrow.parquet

        return pyarrow.parquet.ParquetFile(path).read()
    if suffix == ".csv":
        import pyarrow.csv

        # On one thread, which knows the numbers of the rows, for its errors.
        return pyarrow.csv.read_csv(path, read_options=pyarrow.csv.ReadOptions(use_threads=False))
    with pa.memory_map(str(path)) as source:
        try:
            return pa.ipc.open_file(source).read_all()
        except pa.ArrowInvalid:
            source.seek(0)
            return pa.ipc.open_stream(source).read_all()


def _whole_numbers(name: str, column: str, values: Any, scale: int | None) -> Any:
    """A column of prices times 10 ** scale, exactly; whole numbers are what they are without a scale."""
    pa = _pyarrow()
    kind = values.type
    if pa.types.is_float64(kind) or pa.types.is_decimal(kind):
        if scale is None:
            least = _least_scale(values)
            hint = "round them first" if least is None else f"--price-scale {least} makes whole numbers of them"
            raise Failure(f"{name}: column {column!r} holds {kind}, and prices must be whole numbers: {hint}")
        return (_of_doubles if pa.types.is_float64(kind) else _of_decimals)(name, column, values, scale)
    if pa.types.is_floating(kind):
        raise Failure(f"{name}: column {column!r} holds {kind}, which is too coarse for prices: write 64 bits")
    if scale and pa.types.is_integer(kind):
        import pyarrow.compute as pc

        try:
            return pc.multiply_checked(values.cast(pa.int64()), 10**scale)
        except pa.ArrowInvalid:
            raise Failure(f"{name}: column {column!r} holds prices too large for --price-scale {scale}") from None
    return values  # anything else is refused where prices are read, with a reason


def _rounded(values: Any, scale: int) -> tuple[Any, Any]:
    """Doubles times 10 ** scale, rounded; and whether each was the double of such a decimal.

    Or was a few units in its last place away from it: 3616 / 100 is 36.160000000000004 in some libraries.
    """
    import pyarrow.compute as pc

    power = 10.0**scale
    rounded = pc.round(pc.multiply(values, power), round_mode="half_towards_infinity")
    error = pc.abs(pc.subtract(pc.divide(rounded, power), values))
    exact = pc.less_equal(error, pc.multiply(pc.abs(values), NOISE))
    return rounded, pc.and_(exact, pc.less(pc.abs(rounded), float(EXACT)))


def _of_doubles(name: str, column: str, values: Any, scale: int) -> Any:
    pa = _pyarrow()
    import pyarrow.compute as pc

    values = pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)  # pandas writes what is missing so
    rounded, exact = _rounded(values, scale)
    row = pc.index(exact, False).as_py()
    if row >= 0:
        _refuse(name, column, row, values[row].as_py(), scale)
    return pc.cast(rounded, pa.int64())


def _of_decimals(name: str, column: str, values: Any, scale: int) -> Any:
    whole: list[int | None] = []
    for row, value in enumerate(values.to_pylist()):
        scaled = None if value is None else value.scaleb(scale)
        if scaled is not None and (scaled != int(scaled) or abs(scaled) > MOST_MONEY):
            _refuse(name, column, row, value, scale)
        whole.append(None if scaled is None else int(scaled))
    pa = _pyarrow()
    return pa.chunked_array([pa.array(whole, pa.int64())])


def _refuse(name: str, column: str, row: int, value: Any, scale: int) -> None:
    if not math.isfinite(value):
        why = "it must be a number"
    elif abs(value) * 10**scale >= EXACT:
        why = f"it is too large for --price-scale {scale}"
    else:
        why = f"it has more than {scale} decimals: round the prices first, or choose a larger --price-scale"
    raise Failure(f"{name}: the price of {column} in row {row} is {value}; {why}")


def _least_scale(values: Any) -> int | None:
    """The least scale from 2 that makes whole numbers of prices, if a small one does."""
    pa = _pyarrow()
    import pyarrow.compute as pc

    if pa.types.is_decimal(values.type):
        values = pc.cast(values, pa.float64())
    values = pc.filter(values, pc.is_finite(values))
    return next((scale for scale in range(2, 7) if pc.all(_rounded(values, scale)[1]).as_py() is not False), None)


def _demonstration() -> Job:
    prices = nanobook.synthesize_prices(DEMO_BARS)
    about = f"Made-up prices: {DEMO_BARS:,} bars of {len(prices) - 1} symbols, in cents; they say nothing about markets"
    return Job(Prices(prices, date="date"), about, DEMO_GRID, DEMO_CASH, CostModel.zero(), {}, "", None)


# ---------------------------------------------------------------------- results


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path`, gone afterwards unless it has been given that name."""
    name = click.format_filename(path)
    if path.is_dir():
        raise Failure(f"--out: {name} is a directory")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise Failure(f"--out: {name} cannot be written: {(error.strerror or str(error)).lower()}") from None
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _write(result: SweepResult, temporary: Path, path: Path, scale: int | None) -> None:
    """Writes the table under a temporary name, then gives it its own."""
    pa = _pyarrow()
    table = pa.table(result)
    metadata: Mapping[str, str] = dict(result.metadata)
    if scale is not None:
        metadata = {**metadata, "nanobook.price_scale": str(scale)}
    table = table.replace_schema_metadata(metadata)
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            import pyarrow.parquet

            pyarrow.parquet.write_table(table, temporary)
        elif suffix == ".csv":
            import pyarrow.csv

            words = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
            for word in words:
                table = table.set_column(table.column_names.index(word), word, table[word].cast(pa.string()))
            pyarrow.csv.write_csv(table, temporary)
        else:
            with pa.ipc.new_file(str(temporary), table.schema) as file:
                file.write_table(table)
        temporary.replace(path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Failure(f"--out: {click.format_filename(path)} cannot be written: {reason}") from None


def _interrupted(request: Request, job: Job, out: Path | None, partial: SweepResult | None) -> int:
    """Ctrl-C: what is done is kept where results were to go."""
    done = 0 if partial is None else sum(status != "cancelled" for status in partial.table["status"])
    if partial is None or not done:
        click.echo("Interrupted before a set was done; nothing is written.", err=True)
        return 130
    told = f"Interrupted after {done:,} of {len(partial):,} sets"
    if request.out is not None and out is not None:
        _write(partial, out, request.out, job.scale)
        told += f"; {click.format_filename(request.out)} has them, and the others with the status 'cancelled'"
    if request.plot is not None:
        told += f"; {click.format_filename(request.plot)} is not drawn"
    click.echo(f"{told}.", err=True)
    return 130


def _draw(result: SweepResult, request: Request) -> None:
    assert request.plot is not None
    plot = _plots()
    try:
        if request.x is not None and request.y is not None:
            chart = plot.heatmap(result, request.x, request.y, request.metric)
        else:
            chart = plot.sweep(result, request.metric, min(max(request.best, 1), plot.MOST_CURVES))
    except ValueError as error:
        raise Failure(f"--plot: {_sentence(error)}") from None
    plot.save(chart, request.plot)


def _print_best(console: Any, result: SweepResult, request: Request) -> None:
    words = METRICS[request.metric].words
    rows = result.best(request.metric, request.best).rows()
    if not rows:
        why = "" if any(result.table["n_orders"]) else ": none has traded"
        _print(console, f"No set has a {words}{why}.")
        return
    columns = parameters_of(result.table.columns)
    varying = [name for name in columns if len(set(result.table[name])) > 1]
    figures = [request.metric]
    figures += [name for name in ("sharpe", "cagr", "max_drawdown", "turnover", "n_orders") if name != request.metric]
    same = [f"{name} {label(rows[0][name])}" for name in columns if name not in varying]
    heads = ["id", *varying]
    cells = [[f"{row['id']}", *(label(row[name]) for name in varying)] for row in rows]
    odd = any(row["status"] != "ok" for row in rows)

    def width(head: str, cell: list[str]) -> int:
        return max(map(len, [head, *cell])) + 3

    # As many figures as fit; the parameters and the metric are always there.
    room = console.width - sum(width(head, [row[at] for row in cells]) for at, head in enumerate(heads)) + 3
    for name in figures:
        kind = METRICS[name].kind
        texts = [_figure(row[name], kind) for row in rows]
        room -= width(name, texts)
        if room < 0 and name != request.metric:
            break
        heads.append(name)
        for row, text in zip(cells, texts, strict=True):
            row.append(text)
    if odd:
        heads.append("status")
        for row, source in zip(cells, rows, strict=True):
            row.append(source["status"])
    table = _table(*heads, left=("status",))
    for row in cells:
        table.add_row(*row)
    console.width = max(console.width, sum(width(head, [row[at] for row in cells]) for at, head in enumerate(heads)))
    _print(console, f"The best by {words}{', ' if same else ''}{', '.join(same)}", "", table)
    if request.metric == "sharpe" and result.expected_max_sharpe is not None:
        luck = f"By luck alone the best of so many would show {result.expected_max_sharpe:.2f}"
        if result.deflated_sharpe is not None:
            chance = result.deflated_sharpe
            sure = f"{100 * chance:.1f}%" if chance < 0.999 else "above 99.9%"
            luck += f"; the deflated Sharpe ratio of set {rows[0]['id']} is {sure}"
        _print(console, "", f"{luck}.")


def _figure(value: float | None, kind: str) -> str:
    return "-" if value is None else f"{value:,}" if kind == "amount" else shown(value, kind)
