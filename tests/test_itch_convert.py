"""Tables as Parquet files: read once where that suffices, whatever happened to the conversion before."""

import gzip
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nanobook import _itch_convert, itch
from nanobook._itch_arguments import parse_interval, parse_time
from reference_itch import encode, frame
from test_itch_tables import rows_of

NAMES = ("bbo", "trades", "bars1m", "bars1h", "status")


def parts_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.part"))


def written(paths: list[Path]) -> list[list[dict[str, Any]]]:
    return [rows_of(pl.read_parquet(path, hive_partitioning=False)) for path in paths]


def tables_of(file: itch.File) -> list[list[dict[str, Any]]]:
    tables = [file.bbo(), file.trades(), file.bars("1m"), file.bars("1h"), file.status()]
    return [rows_of(table) for table in tables]


class CountingFile(itch.File):
    """Knows how often it was read."""

    passes = 0

    def _pieces(self, *arguments: Any) -> Iterator[tuple[Any, ...]]:
        self.passes += 1
        return super()._pieces(*arguments)


def trade(match: int) -> bytes:
    return encode("P", locate=1, side="B", shares=match, stock="A", price=10_000, match=match, timestamp=match)


@pytest.fixture
def broken_day(tmp_path: Path) -> Path:
    """Trades 1 to 5, of which 2 is broken, and printed again: no stream of Nasdaq's has that, but it must be right."""
    path = tmp_path / "broken.itch"
    data = [*map(trade, (1, 2, 3)), encode("B", locate=1, match=2, timestamp=4), *map(trade, (2, 4, 5))]
    path.write_bytes(frame(*data))
    return path


class Given:
    """A table as the engine gives it."""

    def __init__(self, table: pa.Table) -> None:
        self.table, self.columns = table, table.column_names

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


def zipped(path: Path) -> Path:
    target = path.with_name(path.name + ".gz")
    target.write_bytes(gzip.compress(path.read_bytes()))
    return target


# ---------------------------------------------------------------------- broken trades


def test_broken_trades_are_left_out_of_a_gzipped_day(broken_day: Path, tmp_path: Path) -> None:
    expected = tables_of(itch.open(broken_day))
    assert [row["match"] for row in expected[1]] == [1, 3, 2, 4, 5]
    assert [row["volume"] for row in expected[2]] == [15]
    path = zipped(broken_day)
    assert written(itch.open(path).convert(tmp_path / "out", *NAMES)) == expected
    in_memory = itch.open(path).tables("bbo", "trades", "bars", "status")
    assert [rows_of(in_memory[name]) for name in ("bbo", "trades", "bars", "status")] == [*expected[:3], expected[4]]


def test_a_second_interrupt_leaves_no_files(day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_itch_convert.Writer, "add", interrupt)
    monkeypatch.setattr(_itch_convert.Writer, "_wait", interrupt)  # while the first is seen to
    with pytest.raises(KeyboardInterrupt):
        itch.open(day).convert(tmp_path / "out", "bbo", "trades")
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_a_window_leaves_out_trades_that_are_broken_after_it(broken_day: Path, tmp_path: Path) -> None:
    for path in (broken_day, zipped(broken_day)):
        (trades,) = itch.open(path).convert(tmp_path / path.suffix, "trades", until=3)
        assert pl.read_parquet(trades)["match"].to_list() == [1, 3]
        assert pl.DataFrame(itch.open(path).tables("trades", until=3)["trades"])["match"].to_list() == [1, 3]


def test_a_gzipped_day_without_broken_trades_is_decompressed_once(tmp_path: Path) -> None:
    sound = tmp_path / "sound.itch"
    sound.write_bytes(frame(*map(trade, (1, 2, 3))))
    file = CountingFile(zipped(sound))
    file.convert(tmp_path / "out", "bbo", "trades", "bars1m")
    assert file.passes == 1


def test_another_pass_is_for_bars_of_which_a_trade_is_broken(broken_day: Path, tmp_path: Path) -> None:
    file = CountingFile(zipped(broken_day))
    file.convert(tmp_path / "trades", "bbo", "trades")
    assert file.passes == 1
    file = CountingFile(zipped(broken_day))
    file.convert(tmp_path / "bars", "bbo", "trades", "bars1m")
    assert file.passes == 2


@pytest.mark.parametrize(("threads", "rows"), [(1, 1 << 18), (1, 1), (2, 1)])
def test_trades_broken_at_any_distance_are_left_out(
    threads: int, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_itch_convert, "ROWS", rows)  # so that some are written before they are broken
    chance = random.Random(5)
    data = []
    for number in range(150_000):  # more than two batches
        kind = chance.random()
        if kind < 0.001:
            data.append(encode("B", locate=1, match=chance.randrange(number + 10), timestamp=number))
        else:
            data.append(trade(chance.randrange(number) if kind < 0.002 else number))  # some twice
    path = tmp_path / "day.itch"
    path.write_bytes(frame(*data))
    (trades,) = itch.open(zipped(path), threads=threads).convert(tmp_path / "out", "trades")
    expected = rows_of(itch.open(path).trades())
    assert len(expected) < 149_800
    assert written([trades]) == [expected]
    assert parts_in(tmp_path) == []


@pytest.mark.parametrize("widens", [False, True])
def test_broken_trades_are_left_out_whether_they_are_written_or_not(
    widens: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = pq.ParquetFile.read_row_group

    def widened(self: Any, group: int, columns: list[str] | None = None) -> pa.Table:
        table = read(self, group, columns)
        at = table.schema.get_field_index("type")
        if at < 0:
            return table
        return table.set_column(at, "type", table["type"].cast(pa.dictionary(pa.int32(), pa.string())))

    if widens:  # as pyarrow below 20 does
        monkeypatch.setattr(pq.ParquetFile, "read_row_group", widened)
    chance = random.Random(11)
    for _ in range(60):
        count = chance.randrange(60)
        matches = [chance.randrange(40) + (1 << 63) - 20 for _ in range(count)]
        types = pa.array(["EP"[match % 2] for match in matches], pa.string())
        rows = pa.table(
            {
                "match": pa.array(matches, pa.uint64()),
                "type": types.dictionary_encode().cast(pa.dictionary(pa.int16(), pa.string())),
                "row": range(count),
            }
        )
        # Each is broken by a message that comes after as many rows, and may be known before these are given.
        breaks = {chance.choice(matches): chance.randrange(count + 1) for _ in range(chance.randrange(4)) if matches}
        monkeypatch.setattr(_itch_convert, "ROWS", chance.choice([1, 5, 100]))
        writer = _itch_convert.Writer(tmp_path / "trades.parquet", {})
        writer.add(Given(rows.slice(0, 0)))
        at = 0
        while at < count:
            size = 1 + chance.randrange(9)
            writer.add(Given(rows.slice(at, size)))
            at += size
            writer.leave_out({match: after for match, after in breaks.items() if after < at + 3})
        writer.leave_out(breaks)
        writer.close()
        writer.finish()
        expected = [row for row in range(count) if row >= breaks.get(matches[row], 0)]
        assert pq.read_table(writer.path)["row"].to_pylist() == expected
        assert parts_in(tmp_path) == []


@pytest.mark.parametrize("questions", [("trades",), ("bbo",), ("orders", "bars")])
def test_what_a_whole_pass_found_to_be_broken_is_remembered(questions: tuple[str, ...], broken_day: Path) -> None:
    file = CountingFile(zipped(broken_day))
    file.tables(*questions)
    before = file.passes
    assert pl.DataFrame(file.trades())["match"].to_list() == [1, 3, 2, 4, 5]
    assert pl.DataFrame(file.tables("trades", "bars")["trades"])["match"].to_list() == [1, 3, 2, 4, 5]
    assert file.passes == before + 2


@pytest.mark.parametrize("question", ["until", "a type of messages", "Ctrl-C"])
def test_a_pass_that_saw_not_all_is_not_believed(question: str, broken_day: Path, tmp_path: Path) -> None:
    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    file = itch.open(zipped(broken_day))
    if question == "until":
        file.tables("bbo", until=3)
    elif question == "a type of messages":
        file.convert(tmp_path, "A")
    else:
        with pytest.raises(KeyboardInterrupt):
            file.tables("bbo", progress=interrupt)
    assert pl.DataFrame(file.trades())["match"].to_list() == [1, 3, 2, 4, 5]


# ---------------------------------------------------------------------- files


def test_a_table_of_no_rows_has_its_columns(broken_day: Path, tmp_path: Path) -> None:
    (orders,) = itch.open(broken_day, date="2020-01-30").convert(tmp_path, "orders")
    assert pl.read_parquet(orders).columns[:3] == ["symbol", "ref", "side"]
    assert len(pl.read_parquet(orders)) == 0


def test_columns_are_written_as_suits_them(day: Path, tmp_path: Path) -> None:
    (trades,) = itch.open(day, date="2020-01-30").convert(tmp_path, "trades")
    group = pq.read_metadata(trades).row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    for name in ("timestamp", "datetime", "match", "ref"):
        assert "DELTA_BINARY_PACKED" in columns[name].encodings
    for name in ("symbol", "price", "shares", "type"):
        assert "RLE_DICTIONARY" in columns[name].encodings
    assert columns["price"].statistics.min <= columns["price"].statistics.max
    assert columns["symbol"].statistics is None


def test_what_a_killed_conversion_left_is_removed_by_the_next(day: Path, tmp_path: Path) -> None:
    code = """
import os, sys
from nanobook import _itch_convert, itch
itch.open(sys.argv[1]).convert(sys.argv[2], "bbo", "trades", progress=lambda *_: os._exit(9))
"""
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", code, day, tmp_path], check=False).returncode == 9
        assert len(parts_in(tmp_path)) == 2
    paths = itch.open(day).convert(tmp_path, "bbo", "trades")
    assert parts_in(tmp_path) == []
    assert written(paths) == [rows_of(itch.open(day).bbo()), rows_of(itch.open(day).trades())]


def test_two_conversions_to_the_same_files_leave_each_other_alone(day: Path, tmp_path: Path) -> None:
    begun = False

    def another(*_: int) -> None:
        nonlocal begun
        if not begun:
            begun = True
            mine = parts_in(tmp_path)
            itch.open(day).convert(tmp_path, "bbo", "trades")
            assert parts_in(tmp_path) == mine != []

    paths = itch.open(day).convert(tmp_path, "bbo", "trades", progress=another)
    assert begun
    assert parts_in(tmp_path) == []
    assert written(paths) == [rows_of(itch.open(day).bbo()), rows_of(itch.open(day).trades())]


# ---------------------------------------------------------------------- decompression


def test_reading_that_is_given_up_ends_the_thread_that_decompresses(day: Path, tmp_path: Path) -> None:
    path = tmp_path / "day.itch.gz"
    path.write_bytes(gzip.compress(day.read_bytes()))
    before = threading.active_count()
    messages = itch.open(path).messages()
    next(messages)
    assert threading.active_count() == before + 1
    del messages
    assert threading.active_count() == before


def test_a_gzip_header_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "day.itch.gz"
    path.write_bytes(b"\x1f\x8b\x08\x08\0\0\0\0\0\0" + b"name" * 300_000)
    with pytest.raises(itch.ItchError, match=r"gzip data is corrupt or cut off .*header"):
        itch.open(path)


def test_what_is_before_the_damage_is_read(day_bytes: bytes, tmp_path: Path) -> None:
    path = tmp_path / "day.itch.gz"
    data = day_bytes * 10
    path.write_bytes(gzip.compress(data)[:-1000])
    read: list[int] = []
    with pytest.raises(itch.ItchError, match="cut off"):
        read.extend(message.timestamp for message in itch.open(path).messages())
    assert len(read) > 20_000


# ---------------------------------------------------------------------- times


def test_times_and_intervals_of_numpy_and_pandas_are_exact() -> None:
    assert parse_time(np.int64(34_200_000_000_001)) == 34_200_000_000_001
    assert parse_time(np.uint64(5)) == 5
    assert type(parse_time(np.int64(5))) is int
    assert parse_interval(np.int64(60_000_000_001)) == 60_000_000_001
    assert parse_interval(pd.Timedelta(1_000_000_001, "ns")) == 1_000_000_001
    assert parse_interval(pd.Timedelta("1h") + pd.Timedelta(7, "ns")) == 3_600_000_000_007


@pytest.mark.parametrize("value", [1.5, np.float64(1), np.timedelta64(1, "s"), pd.Timestamp("2020-01-30"), None, b"1m"])
def test_other_types_of_times_and_intervals_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=f"a time of day is .*not {type(value).__name__}"):
        parse_time(value)
    with pytest.raises(TypeError, match=f"an interval is .*not {type(value).__name__}"):
        parse_interval(value)


def test_an_interval_of_pandas_that_is_not_above_0_is_refused() -> None:
    for value in (pd.Timedelta(0), pd.Timedelta(-1, "ns")):
        with pytest.raises(ValueError, match="not an interval"):
            parse_interval(value)
