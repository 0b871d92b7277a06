"""Tables of ITCH files: what the slow reader makes of the same bytes, batch by batch, whoever reads them."""

import contextlib
import datetime
import gc
import gzip
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings

import nanobook
import reference_itch_tables as reference
from nanobook import cli, itch
from nanobook._core.itch import Table
from reference_itch import encode, frame
from test_itch_random import streams

TYPES = "SRHYLVWKJhAFECXDUPQBINO"
HOUR = 3_600_000_000_000


def rows_of(table: Any) -> list[dict[str, Any]]:
    return pl.DataFrame(table).with_columns(pl.col(pl.Categorical).cast(pl.String)).to_dicts()


def assert_same(table: Table, expected: list[dict[str, Any]]) -> None:
    rows = rows_of(table)
    for row in rows:
        row.pop("datetime", None)  # of files with a date in their name
    for row, other in zip(rows, expected, strict=False):
        assert list(row) == list(other)
        if "vwap" in row:
            assert row.pop("vwap") == pytest.approx(other["vwap"], rel=1e-15)
            other = {key: value for key, value in other.items() if key != "vwap"}
        assert row == other
    assert len(rows) == len(expected)


def assert_all_same(path: Path, data: bytes, every: int, orders: bool = True, **rows: Any) -> None:
    file = itch.open(path)
    for type in TYPES:
        assert_same(file.table(type, **rows), reference.message_table(data, type, **rows))
    assert_same(file.bbo(**rows), reference.bbo(data, **rows))
    assert_same(file.trades(**rows), reference.trades(data, **rows))
    assert_same(file.depth(3, **rows), reference.depth(data, 3, **rows))
    assert_same(file.depth(2, every, **rows), reference.depth(data, 2, every, **rows))
    assert_same(file.bars(every, **rows), reference.bars(data, every, **rows))
    assert_same(file.status(**rows), reference.status(data, **rows))
    assert_same(file.mbo(**rows), reference.mbo(data, **rows))
    if orders:
        assert_same(file.orders(**rows), reference.orders(data, **rows))


@pytest.fixture(scope="session")
def every_type(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic day of 4,000 messages, of all types, and 12 symbols."""
    path = tmp_path_factory.mktemp("tables") / "day.itch"
    itch.synthesize(path, messages=4_000, symbols=12, seed=11, all_types=True)
    return path


# ---------------------------------------------------------------------- against the slow reader


def test_all_tables_of_a_day_of_every_type(every_type: Path) -> None:
    assert_all_same(every_type, every_type.read_bytes(), HOUR // 60)


def test_all_tables_of_some_symbols(every_type: Path) -> None:
    some = itch.open(every_type).symbols()[:3]
    assert_all_same(every_type, every_type.read_bytes(), HOUR // 4, symbols=some)


def test_all_tables_of_a_time_window(every_type: Path) -> None:
    window = {"start": 10 * HOUR, "until": 14 * HOUR}
    assert_all_same(every_type, every_type.read_bytes(), HOUR // 60, orders=False, **window)


@pytest.mark.parametrize(
    "name",
    [
        "aapl_20200130_premarket_10k.itch",
        "ritch_zero_length_prefix.itch",
        "manav_mixed_types.bin",
        "manav_replace_chain.bin",
        "manav_selftest.bin",
    ],
)
def test_all_tables_of_files_of_others(name: str, shared_file: Callable[[str], Path]) -> None:
    path = shared_file(name)
    assert_all_same(path, path.read_bytes(), HOUR // 60)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(streams())
def test_all_tables_of_random_streams_with_orders_that_do_not_fit(tmp_path: Path, stream: bytes) -> None:
    path = tmp_path / "stream.itch"
    path.write_bytes(stream)
    assert_all_same(path, stream, 7)


# ---------------------------------------------------------------------- as tables


def test_a_table_reads_anew_for_everybody_who_reads_it(day: Path) -> None:
    quotes = itch.open(day).bbo()
    first = pl.DataFrame(quotes)
    assert first.equals(pl.DataFrame(quotes))
    assert pa.table(quotes).num_rows == len(pd.DataFrame.from_arrow(quotes)) == len(first) > 1_000
    assert first.columns == quotes.columns == ["timestamp", "symbol", "bid_price", "bid_size", "ask_price", "ask_size"]
    assert (repr(first["symbol"].dtype), first["bid_price"].dtype) == ("Categorical", pl.Int64)


def test_a_gzipped_day_has_the_tables_of_the_day(day: Path, tmp_path: Path) -> None:
    zipped = tmp_path / "day.itch.gz"
    zipped.write_bytes(gzip.compress(day.read_bytes()))
    for question in (itch.File.trades, itch.File.bars, lambda file: file.table("U")):
        assert rows_of(question(itch.open(zipped))) == rows_of(question(itch.open(day)))


def test_large_tables_come_in_batches(tmp_path: Path) -> None:
    day = itch.synthesize(tmp_path / "day.itch", messages=500_000, symbols=50)
    reader = pa.RecordBatchReader.from_stream(itch.open(day).table("A"))
    sizes = [batch.num_rows for batch in reader]
    assert len(sizes) > 2
    assert max(sizes) < 100_000
    assert sum(sizes) == itch.open(day).counts()["A"]
    grid = pa.RecordBatchReader.from_stream(itch.open(day).depth(1, "10s"))
    assert max(batch.num_rows for batch in grid) <= 65_536


def test_several_tables_come_of_one_pass(day: Path) -> None:
    file = itch.open(day)
    told: list[int] = []
    made = file.tables("bbo", "trades", "bars", progress=lambda done, _: told.append(done))
    assert list(made) == ["bbo", "trades", "bars"]
    assert told == sorted(told)
    assert rows_of(made["bbo"]) == rows_of(made["bbo"]) == rows_of(file.bbo())
    assert rows_of(made["trades"]) == rows_of(file.trades())
    assert rows_of(made["bars"]) == rows_of(file.bars())
    assert len(made["bbo"]) == len(rows_of(file.bbo()))


def test_several_tables_come_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(itch, "_SHARED_PIECE", 1 << 20)
    day = itch.synthesize(tmp_path / "day.itch", messages=400_000, symbols=50)
    packed = tmp_path / "day.itch.gz"
    packed.write_bytes(gzip.compress(day.read_bytes(), 1))
    names = ("mbo", "bbo", "trades", "bars")
    whole = {name: pl.DataFrame(table) for name, table in itch.open(day).tables(*names).items()}
    for path in (day, packed):
        pieces: dict[str, list[pl.DataFrame]] = {}
        for name, rows in itch.open(path, threads=3).batches(*names):
            assert 0 < len(rows) < 200_000
            pieces.setdefault(name, []).append(pl.DataFrame(rows))
        assert len(pieces["mbo"]) > 2
        assert pieces.keys() == whole.keys()
        assert all(pl.concat(frames).equals(whole[name]) for name, frames in pieces.items())


@pytest.mark.parametrize("threads", [1, 3])
def test_an_iterator_in_a_cycle_is_collected_and_one_that_is_through_has_no_threads(day: Path, threads: int) -> None:
    class Reader:
        def __init__(self) -> None:
            self.pieces = itch.open(day, threads=threads).batches("bbo", "mbo", progress=self.hear)

        def hear(self, *done: int) -> None:
            self.done = done

    reader = Reader()
    next(reader.pieces)
    gone = weakref.ref(reader)
    del reader
    gc.collect()
    assert gone() is None

    rows = len(pl.DataFrame(itch.open(day).bbo()))
    tasks = Path("/proc/self/task")
    before = len([*tasks.iterdir()])
    pieces = itch.open(day, threads=threads).batches("bbo")
    assert sum(len(batch) for _, batch in pieces) == rows
    assert len([*tasks.iterdir()]) == before
    assert list(pieces) == []


def test_a_blank_name_names_nothing(tmp_path: Path) -> None:
    add = {"locate": 1, "side": "B", "shares": 5, "price": 100}
    path = tmp_path / "day.itch"
    path.write_bytes(
        frame(encode("A", ref=1, stock="", **add), encode("A", ref=2, stock="ABC", **add), encode("D", locate=1, ref=1))
    )
    assert [row["symbol"] for row in rows_of(itch.open(path).mbo())] == [None, "ABC", "ABC"]
    assert itch.open(path).replay(symbols="ABC").orders("ABC") == [(2, "B", 100, 5)]


def test_a_book_can_be_built_of_market_by_order(day: Path) -> None:
    books: dict[str, dict[int, int]] = {}  # by side: shares by price
    quotes: list[tuple[int, int | None, int, int | None, int]] = []
    for row in pl.DataFrame(itch.open(day).mbo(symbols="AAPL")).iter_rows(named=True):
        changes = [(row["price"], row["shares"] if row["type"] in "AFU" else -row["shares"])]
        if row["old_ref"] is not None:
            changes.append((row["old_price"], -row["old_shares"]))
        book = books.setdefault(row["side"], {})
        for price, shares in changes:
            book[price] = book.get(price, 0) + shares
            assert book[price] >= 0
            if book[price] == 0:
                del book[price]
        bids, asks = books.get("buy", {}), books.get("sell", {})
        bid, ask = max(bids, default=None), min(asks, default=None)
        quote = (row["timestamp"], bid, bids.get(bid, 0), ask, asks.get(ask, 0))
        if quote[1:] != (quotes[-1][1:] if quotes else (None, 0, None, 0)):
            quotes.append(quote)
    known = pl.DataFrame(itch.open(day).bbo(symbols="AAPL"))
    assert quotes == known.drop("symbol").rows()


def test_a_table_without_rows_has_its_columns(day: Path) -> None:
    file = itch.open(day)
    for table in (file.bbo(until=0), file.tables("bbo", until=0)["bbo"]):
        assert pl.DataFrame(table).shape == (0, 6)
        assert table.columns == file.bbo().columns
    assert pl.DataFrame(file.table("O")).columns[:4] == ["timestamp", "locate", "tracking", "symbol"]


# ---------------------------------------------------------------------- time


def test_the_date_of_the_session_gives_utc_through_new_york(tmp_path: Path) -> None:
    stream = frame(encode("S", timestamp=34_200_000_000_001))
    for name, date, hour in (
        ("day.itch", "2020-01-30", 14),  # winter
        ("day.itch", datetime.date(2020, 7, 30), 13),  # summer
        ("01302020.NASDAQ_ITCH50", None, 14),
        ("S073020-v50.txt", None, 13),
        ("itch_2020-07-30.bin", None, 13),
        ("20200730.itch", None, 13),
    ):
        path = tmp_path / name
        path.write_bytes(stream)
        (moment,) = pl.DataFrame(itch.open(path, date=date).table("S"))["datetime"].dt.strftime("%H:%M:%S%.9f")
        assert moment == f"{hour}:30:00.000000001"


@pytest.mark.parametrize("name", ["AAPL_093000.itch", "day.itch", "itch50_12345678.bin", "101520.itch", "99999999"])
def test_digits_that_are_no_date_are_none(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(frame(encode("S")))
    assert itch.open(tmp_path / name).date is None


def test_without_a_date_there_is_no_datetime(day: Path) -> None:
    assert itch.open(day).date is None
    assert "datetime" not in itch.open(day).table("A").columns


@pytest.mark.parametrize("date", ["30.1.2020", "2020-02-30", 20200130, "2262-01-01", "0001-01-01"])
def test_what_is_no_date_is_refused(date: Any, day: Path) -> None:
    with pytest.raises(ValueError, match=f"not a date: {date!r}"):
        itch.open(day, date=date)


@pytest.mark.parametrize(
    ("every", "nanoseconds"),
    [
        (datetime.timedelta(milliseconds=1), 10**6),
        ("1.5s", 15 * 10**8),
        ("100 ms", 10**8),
        ("1h", HOUR),
        (5, 5),
    ],
)
def test_intervals_are_text_or_numbers(every: Any, nanoseconds: int, day: Path) -> None:
    assert nanobook._itch_arguments.parse_interval(every) == nanoseconds
    assert len(pl.DataFrame(itch.open(day).bars("1h"))) > 0


@pytest.mark.parametrize("every", [0, -1, "0s", "1", "m", "1.5ns", "1d", 1 << 48])
def test_what_is_no_interval_is_refused(every: Any, day: Path) -> None:
    with pytest.raises(ValueError, match="not an interval"):
        itch.open(day).bars(every)


# ---------------------------------------------------------------------- errors


def test_arguments_that_mean_nothing_are_refused_at_once(day: Path) -> None:
    file = itch.open(day)
    for type in ("Z", "bbo", ""):
        with pytest.raises(ValueError, match=f"'{type}' is not a message type"):
            file.table(type)
    with pytest.raises(ValueError, match="no table 'quotes'"):
        file.tables("quotes")
    with pytest.raises(ValueError, match="no table named"):
        file.tables()
    with pytest.raises(ValueError, match="levels is 0"):
        file.depth(0)
    with pytest.raises(ValueError, match="not a time of day"):
        file.bbo(start="noon")


def test_a_strict_table_ends_at_the_first_odd_thing(tmp_path: Path) -> None:
    path = tmp_path / "odd.itch"
    path.write_bytes(frame(encode("A", locate=1, ref=1, side="B", shares=1, stock="A", price=1), encode("D", ref=9)))
    assert len(rows_of(itch.open(path).bbo())) == 1
    with pytest.raises(Exception, match="names order 9, which does not rest"):
        pl.DataFrame(itch.open(path, strict=True).bbo())


def test_ctrl_c_ends_the_reading_of_a_table(day: Path) -> None:
    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    def read() -> None:
        with contextlib.suppress(pl.exceptions.ComputeError):  # what Polars makes of it; ours comes right behind
            pl.DataFrame(itch.open(day).bbo(progress=interrupt))
        time.sleep(10)

    with pytest.raises(KeyboardInterrupt):
        read()
    with pytest.raises(KeyboardInterrupt):
        itch.open(day).tables("bbo", progress=interrupt)


def test_a_rare_table_is_not_read_where_only_its_columns_are_wanted(tmp_path: Path) -> None:
    path = itch.synthesize(tmp_path / "day.itch", messages=400_000)
    done = []
    table = itch.open(path).table("R", progress=lambda at, _: done.append(at))
    schema = pa.RecordBatchReader.from_stream(table).schema
    assert schema.names == table.columns
    assert max(done) < 1 << 23  # of 12 million: nothing beyond the beginning was asked for
    assert pa.table(table).num_rows > 1_000


def test_a_file_that_is_closed_has_no_more_tables(day: Path) -> None:
    with itch.open(day) as file:
        table = file.bbo()
    with pytest.raises(Exception, match="is closed"):
        pl.DataFrame(table)


# ---------------------------------------------------------------------- Parquet


def test_a_conversion_writes_what_the_tables_are(day: Path, tmp_path: Path) -> None:
    file = itch.open(day, date="2020-01-30")
    names = ["bbo", "trades", "depth3", "depth2@1m", "bars1m", "bars1h", "orders", "status", "mbo", "imbalance", "A"]
    paths = file.convert(tmp_path / "out", *names)
    assert paths == [tmp_path / "out" / name / "date=2020-01-30" / "day.itch.parquet" for name in names]
    tables = [file.bbo(), file.trades(), file.depth(3), file.depth(2, "1m"), file.bars("1m"), file.bars("1h")]
    tables += [file.orders(), file.status(), file.mbo(), file.imbalance(), file.table("A")]
    for path, table in zip(paths, tables, strict=True):
        assert rows_of(pl.read_parquet(path, hive_partitioning=False)) == rows_of(table)
    metadata = pl.read_parquet_metadata(paths[0])
    assert metadata["nanobook.version"] == nanobook.__version__
    assert metadata["nanobook.source"] == "day.itch"
    assert sorted(path.suffix for path in (tmp_path / "out").rglob("*") if path.is_file()) == [".parquet"] * len(names)


def test_a_conversion_that_was_broken_off_goes_on(day: Path, tmp_path: Path) -> None:
    file = itch.open(day)
    (quotes,) = file.convert(tmp_path, "bbo")
    before = quotes.stat()

    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        file.convert(tmp_path, "bbo", "trades", progress=interrupt)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [quotes]
    file.convert(tmp_path, "bbo", "trades")
    assert (quotes.stat().st_mtime_ns, quotes.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    file.convert(tmp_path, "bbo", symbols=file.symbols()[0])
    assert quotes.stat().st_ino != before.st_ino


@pytest.mark.parametrize("name", ["quotes", "depth0", "depth1001", "bars1", "", "Z"])
def test_a_table_that_does_not_exist_is_not_converted(name: str, day: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no table|levels|not an interval"):
        itch.open(day).convert(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_the_command_converts_and_says_what_it_wrote(day: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli.main, ["itch", "convert", str(day), "--out", str(tmp_path), *arguments])

    symbol = itch.open(day).symbols()[0]
    done = run("--tables", "bbo,bars5m", "--symbols", symbol, "--start", "09:30", "--date", "2020-01-30")
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 2)
    quotes = tmp_path / "bbo" / "date=2020-01-30" / "day.itch.parquet"
    expected = itch.open(day, date="2020-01-30").bbo(symbols=symbol, start="09:30")
    assert rows_of(pl.read_parquet(quotes, hive_partitioning=False)) == rows_of(expected)
    for wrong, said in ((("--tables", "bb"), "no table 'bb'"), (("--start", "noon"), "--start: not a time of day")):
        refused = run(*wrong)
        assert refused.exit_code == 2
        assert said in refused.stderr


# ---------------------------------------------------------------------- live


@pytest.mark.parametrize("size", [1_000, 7, 100_000])
def test_a_stream_in_pieces_makes_the_tables_and_books_of_the_file(size: int, every_type: Path) -> None:
    data = every_type.read_bytes()[: 1 << 16]
    path = every_type.with_name("cut.itch")
    path.write_bytes(data)
    live = itch.Live("bbo", "depth", "bars", "orders", levels=2, depth_every="1h", bars_every="1h")
    rows: dict[str, list[dict[str, Any]]] = {}
    for begin in range(0, len(data), size):
        for name, some in live.feed(data[begin : begin + size]).items():
            assert len(some) > 0
            rows.setdefault(name, []).extend(rows_of(some))
    for name, some in live.finish().items():
        rows.setdefault(name, []).extend(rows_of(some))

    file = itch.open(path)
    assert rows["bbo"] == rows_of(file.bbo())
    assert rows["depth"] == rows_of(file.depth(2, "1h"))
    assert rows["bars"] == rows_of(file.bars("1h"))
    assert rows["orders"] == rows_of(file.orders())
    books = file.replay()
    assert live.books.stats() == books.stats()
    assert [live.books.orders(name) for name in books.symbols()] == [books.orders(name) for name in books.symbols()]


def test_books_of_a_stream_are_there_at_any_time_and_need_no_table() -> None:
    live = itch.Live(symbols="AB")
    order = frame(encode("A", locate=1, ref=1, side="B", shares=5, stock="AB", price=10_000))
    assert live.feed(order[:-1]) == {}
    with pytest.raises(KeyError):
        live.books.best_bid_ask("AB")
    assert live.feed(order[-1:]) == {}
    assert live.books.best_bid_ask("AB") == (10_000, None)
    assert live.finish() == {}


def test_a_strict_stream_ends_at_the_first_odd_thing() -> None:
    live = itch.Live("bbo", strict=True)
    with pytest.raises(itch.ItchError, match="names order 9, which does not rest"):
        live.feed(frame(encode("D", ref=9)))
    with pytest.raises(ValueError, match="no table 'A'"):
        itch.Live("A")
