"""Tables made by several threads are those made by one, row by row."""

import gc
import gzip
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from nanobook import itch
from nanobook._core import itch as _core
from reference_itch import encode, frame
from test_itch_random import streams

ALL = ("bbo", "trades", "depth", "bars", "orders", "status", "mbo")


def tables_of(path: Path, threads: int, clock: bool = False, **options: Any) -> dict[str, pl.DataFrame]:
    every = {"depth_every": "5m", "bars_every": "1s"} if clock else {}
    file = itch.open(path, threads=threads, strict=options.pop("strict", False))
    made = {name: pl.DataFrame(table) for name, table in file.tables(*ALL, levels=2, **every, **options).items()}
    return made | {f"{name} alone": pl.DataFrame(getattr(file, name)(**options)) for name in ("bbo", "orders")}


def assert_same(path: Path, threads: int, **options: Any) -> None:
    one, several = tables_of(path, 1, **options), tables_of(path, threads, **options)
    for name, table in one.items():
        assert several[name].equals(table), (name, threads, options)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(itch, "_SHARED_PIECE", 50_000)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return itch.synthesize(tmp_path_factory.mktemp("threads") / "day.itch", messages=300_000, seed=5)


@pytest.mark.parametrize("threads", [2, 3, 5, 64])
def test_tables_of_a_day(threads: int, large: Path) -> None:
    assert_same(large, threads)
    assert_same(large, threads, clock=True)
    assert_same(large, threads, start="10:00", until="14:30")


def test_tables_of_a_day_of_all_types_and_of_a_gzipped_one(large: Path, tmp_path: Path) -> None:
    day = itch.synthesize(tmp_path / "all.itch", messages=60_000, all_types=True)
    assert_same(day, 4, clock=True)
    packed = tmp_path / "day.itch.gz"
    packed.write_bytes(gzip.compress(large.read_bytes(), 1))
    assert_same(packed, 3)


@pytest.mark.parametrize(
    "name",
    [
        "aapl_20200130_premarket_10k.itch",
        "ritch_zero_length_prefix.itch",
        "manav_mixed_types.bin",
        "truncated_tail_4096.itch",
    ],
)
def test_tables_of_files_of_others(name: str, shared_file: Callable[[str], Path]) -> None:
    assert_same(shared_file(name), 3)
    assert_same(shared_file(name), 3, clock=True)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(streams())
def test_tables_of_random_streams_with_orders_that_do_not_fit(tmp_path: Path, stream: bytes) -> None:
    path = tmp_path / "stream.itch"
    path.write_bytes(stream)
    assert_same(path, 3)
    itch._SHARED_PIECE = 100  # the fixture takes it back
    assert_same(path, 2, clock=True)


def odd_tail(large: Path) -> bytes:
    """An order of each of many symbols, cancelled by another symbol's locate: no two threads can share that."""
    last = max(int(time) for time in pl.DataFrame(itch.open(large).table("S"))["timestamp"])
    messages = []
    for i, locate in enumerate(range(1, 40)):
        ref = (1 << 32) + i
        messages.append(
            encode("A", timestamp=last, locate=locate, ref=ref, side="B", shares=100, stock="ODD", price=10_000)
        )
        messages.append(encode("D", timestamp=last, locate=locate % 7 + 40, ref=ref))
    return b"".join(map(frame, messages))


def test_a_stream_whose_orders_have_messages_of_other_symbols_is_read_again_by_one_thread(
    large: Path, tmp_path: Path
) -> None:
    path = tmp_path / "odd.itch"
    path.write_bytes(large.read_bytes() + odd_tail(large))
    assert_same(path, 4)
    assert_same(path, 3, clock=True)


def test_what_was_handed_out_before_stays_and_nothing_comes_twice(large: Path, tmp_path: Path) -> None:
    path = tmp_path / "odd.itch"
    path.write_bytes(large.read_bytes() + odd_tail(large))
    reader = pa.RecordBatchReader.from_stream(itch.open(path, threads=4).bbo())
    first = reader.read_next_batch()
    assert 65_536 <= first.num_rows < 200_000
    whole = pa.concat_tables([pa.Table.from_batches([first]), reader.read_all()]).unify_dictionaries()
    assert pl.DataFrame(whole).equals(pl.DataFrame(itch.open(path, threads=1).bbo()))


@pytest.mark.parametrize("tail", ["odd", "cut"])
@pytest.mark.parametrize("table", ["bbo", "bars", "imbalance"])
def test_what_is_wrong_with_a_small_file_is_an_error_of_ours(table: str, tail: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.itch"
    add = frame(encode("A", locate=1, ref=1, side="B", shares=1, stock="A", price=1))
    path.write_bytes(add + (b"\x00\x09?12345678" if tail == "odd" else add[:20]))
    errors = []
    for threads in (1, 3):
        with pytest.raises(itch.ItchError) as error:
            pl.DataFrame(getattr(itch.open(path, strict=True, threads=threads), table)())
        errors.append(str(error.value))
    assert errors[0] == errors[1]


def test_what_is_wrong_with_the_beginning_of_a_large_file_is_an_error_of_ours(large: Path, tmp_path: Path) -> None:
    path = tmp_path / "odd.itch"
    path.write_bytes(frame(encode("D", locate=1, ref=1)) + large.read_bytes())
    for threads in (1, 3):
        with pytest.raises(itch.ItchError, match="names order 1, which does not rest"):
            pl.DataFrame(itch.open(path, strict=True, threads=threads).orders())


def test_what_is_wrong_behind_the_end_of_the_window_does_not_matter(large: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.itch.gz"
    path.write_bytes(gzip.compress(large.read_bytes(), 1)[:1_000_000])
    broken = _core.BrokenTrades()
    rows = []
    for threads in (1, 3):
        file = itch.open(path, threads=threads)
        request = file._request(None, None, "04:05", None)
        passing = _core.TablesIterator(["bbo"], **request, broken=broken)
        rows.append([pl.DataFrame(batch) for _, batch in passing])
    assert pl.concat(rows[0]).equals(pl.concat(rows[1]))


def test_reports_of_all_threads_make_one(large: Path, tmp_path: Path) -> None:
    path = tmp_path / "unknown.itch"
    tail = [encode("D", locate=locate, timestamp=1, ref=1) for locate in range(1, 60)]
    path.write_bytes(frame(*tail) + large.read_bytes() + frame(encode("S", timestamp=1 << 47))[:9])
    reports = []
    for threads in (1, 3):
        heard: list[itch.Report] = []
        request = itch.open(path, threads=threads)._request(None, None, None, None) | {"finish": heard.append}
        for _ in _core.TablesIterator(["bbo"], **request, broken=_core.BrokenTrades()):
            pass
        reports.append((heard[0].counts(), str(heard[0].first), heard[0].truncated_at))
    assert reports[0] == reports[1]
    assert reports[0][0]["unknown_reference"] == {"D": 59}


def test_a_strict_table_ends_with_the_same_error(large: Path, tmp_path: Path) -> None:
    path = tmp_path / "odd.itch"
    path.write_bytes(large.read_bytes() + odd_tail(large))
    errors = []
    for threads in (1, 3):
        with pytest.raises(itch.ItchError) as error:
            itch.open(path, strict=True, threads=threads).tables("bbo")
        errors.append(str(error.value))
    assert errors[0] == errors[1]
    assert "another locate" in errors[0]


def test_the_number_of_threads_is_that_of_cores_where_it_is_worth_it(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert itch.open(large).threads == 1
    monkeypatch.setattr(itch, "_FEW", 1)
    assert itch.open(large).threads == min(8, len(os.sched_getaffinity(0)))


@pytest.mark.parametrize("threads", [0, -1, 1025, 10**20])
def test_a_number_of_threads_that_cannot_be_is_refused(threads: int, large: Path) -> None:
    with pytest.raises(ValueError, match=f"threads is {threads}; it goes from 1 to 1024"):
        itch.open(large, threads=threads)


@pytest.mark.parametrize("threads", ["2", 2.0])
def test_what_is_no_number_of_threads_is_refused(threads: Any, large: Path) -> None:
    with pytest.raises(TypeError, match="threads is a whole number or None"):
        itch.open(large, threads=threads)


def test_ctrl_c_ends_a_pass_of_threads(large: Path) -> None:
    file = itch.open(large, threads=3)
    calls = itertools.count()

    def progress(_done: int, _size: int) -> None:
        if next(calls) == 20:
            signal.raise_signal(signal.SIGINT)

    before = sum(1 for _ in Path("/proc/self/task").iterdir())
    with pytest.raises(KeyboardInterrupt):
        file.tables("bbo", "trades", progress=progress)
    gc.collect()
    assert sum(1 for _ in Path("/proc/self/task").iterdir()) <= before
    assert len(file.tables("bbo")["bbo"]) > 0


@pytest.mark.parametrize(("threads", "packed"), [(3, False), (1, True)])
def test_a_stream_of_another_process_ends_without_harm(large: Path, tmp_path: Path, threads: int, packed: bool) -> None:
    path = large
    if packed:  # on a thread of its own, which the other process has not
        path = tmp_path / "day.itch.gz"
        path.write_bytes(gzip.compress(large.read_bytes(), 1))
    code = f"""
import os
import pyarrow as pa
from nanobook import itch
reader = pa.RecordBatchReader.from_stream(itch.open({str(path)!r}, threads={threads}).bbo())
reader.read_next_batch()
child = os.fork()
if child == 0:
    try:
        reader.read_all()
    except OSError as error:
        assert "another process" in str(error)
        del reader
        os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert reader.read_all().num_rows > 0
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=120)


def test_passes_in_doubt_beside_another_thread_of_python(tmp_path: Path) -> None:
    path = tmp_path / "odd.itch"
    odd = [encode("A", locate=locate, ref=locate, side="B", shares=1, stock="A", price=1) for locate in range(1, 50)]
    odd += [encode("D", locate=locate % 7 + 40, ref=locate) for locate in range(1, 50)]
    path.write_bytes(frame(*odd))
    over = threading.Event()
    request = itch.open(path, threads=2)._request(None, None, None, None)

    def touch() -> None:
        while not over.is_set():
            for _ in range(1000):
                _ = [request["chunks"], request["scan"]]

    other = threading.Thread(target=touch)
    other.start()
    try:
        for _ in range(300):
            assert sum(len(rows) for _, rows in _core.TablesIterator(["bbo", "trades"], **request)) > 40
    finally:
        over.set()
        other.join()


# ---------------------------------------------------------------------- prices


def test_prices_may_be_decimals(large: Path) -> None:
    whole, decimal = (itch.open(large, decimal_prices=choice) for choice in (False, True))
    for table, columns in {
        "bbo": ("bid_price", "ask_price"),
        "trades": ("price",),
        "depth": ("bid_price_1", "ask_price_10"),
        "bars": ("open", "high", "low", "close"),
        "orders": ("price",),
        "imbalance": ("far", "near", "reference"),
    }.items():
        integers = pl.DataFrame(getattr(whole, table)())
        decimals = pl.DataFrame(getattr(decimal, table)())
        assert decimals.height == integers.height > 0
        for column in columns:
            assert decimals.schema[column] == pl.Decimal(20, 4)
            assert (decimals[column].cast(pl.Decimal(38, 4)) * 10_000).cast(pl.Int64).equals(integers[column]), column
        others = [name for name in integers.columns if name not in columns and "price" not in name and name != "vwap"]
        assert decimals.select(others).equals(integers.select(others))
    vwap = pl.DataFrame(decimal.bars())["vwap"] * 10_000
    assert vwap.is_close(pl.DataFrame(whole.bars())["vwap"]).all()


def test_levels_of_market_wide_halts_are_decimals_of_eight_places(tmp_path: Path) -> None:
    path = tmp_path / "halts.itch"
    path.write_bytes(frame(encode("V", level1=(1 << 64) - 1, level2=5, level3=100_000_000)))
    row = pa.table(itch.open(path, decimal_prices=True).table("V")).to_pylist()[0]
    assert row["level1"] == Decimal("184467440737.09551615")
    assert (row["level2"], row["level3"]) == (Decimal("0.00000005"), Decimal(1))
