"""Tables made by several threads are those made by one, row by row."""

import gzip
import itertools
import signal
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
from reference_itch import encode, frame
from test_itch_random import streams

ALL = ("bbo", "trades", "depth", "bars", "orders", "status")


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


def test_the_number_of_threads_is_that_of_cores_where_it_is_worth_it(large: Path) -> None:
    assert itch.open(large).threads == 1
    with pytest.raises(ValueError, match="threads is 0"):
        itch.open(large, threads=0)


def test_ctrl_c_ends_a_pass_of_threads(large: Path) -> None:
    file = itch.open(large, threads=3)
    calls = itertools.count()

    def progress(_done: int, _size: int) -> None:
        if next(calls) == 20:
            signal.raise_signal(signal.SIGINT)

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        file.tables("bbo", "trades", progress=progress)
    assert threading.active_count() == before
    assert len(file.tables("bbo")["bbo"]) > 0


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
