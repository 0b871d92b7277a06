"""Tables: what an exchange gives to Polars, pyarrow and pandas, and the batches of orders and events it takes from them."""

import gc
import os
import random
import re
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

import arrow_frames
import nanobook
from arrow_frames import (
    DEPTH,
    EVENTS,
    INTEGERS,
    ORDERS,
    POLARS,
    RANDOM_EVENTS,
    RESULTS,
    TEXT_FORMS,
    TEXTS,
    TRADES,
    UNUSED,
    Order,
    Row,
    alternating,
    apply_each,
    depth_rows,
    event_row,
    event_rows,
    event_tables,
    order_rows,
    order_tables,
    submit_each,
    table_of,
    trade_rows,
)
from nanobook import Event, Exchange, MultiExchange
from reference_exchange import MAX_PRICE, MAX_QUANTITY

CHUNK = 4096  # rows of a log that lie together


@pytest.fixture
def ex() -> Exchange:
    return Exchange()


def rows_of(table: Any) -> list[Row]:
    return pl.DataFrame(table).rows()


def assert_runs(code: str, *arguments: str | Path) -> str:
    """What a program of its own prints, which may crash."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=Path(__file__).parent)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr}"
    return done.stdout


def assert_equal(one: Exchange, other: Exchange) -> None:
    assert one.state_hash() == other.state_hash()
    assert one.events() == other.events()
    assert one.trades() == other.trades()
    assert one.orders() == other.orders()


def everything() -> Exchange:
    """An exchange to which every kind of event happened, and in which every status and every error is found."""
    ex = Exchange(max_rounds=7)
    for event in (
        Event.trade("sell", 100, 5, 9),
        Event.submit_limit("buy", 99, 2**63 + 5),
        Event.submit_limit("buy", 99, 4),
        Event.submit_limit("buy", 98, 5, "ioc"),
        Event.submit_limit("sell", 103, 6),
        Event.submit_limit("sell", 104, 6, matching=False),
        Event.submit_stop_market("sell", 95, 3),
        Event.submit_stop_limit("buy", 102, 103, 2, "gtc"),
        Event.submit_stop_limit("sell", 99, 105, 2, "gtc"),
        Event.submit_stop_limit("sell", 90, 89, 2, "fok"),
        Event.submit_trailing_stop_market("sell", 80, 4, "atr", 2.5, 14),
        Event.submit_trailing_stop_limit("sell", 80, 70, 4, "percentage", 0.25, "ioc"),
        Event.submit_trailing_stop_market("sell", 80, 4, "fixed", 30),
        Event.submit_market("buy", 1),
        Event.submit_limit("sell", 99, 7),
        Event.modify(2, 99, 3),
        Event.modify(2, 99, 0),
        Event.modify(5, 105, 8, matching=False),
        Event.reduce(1, 5),
        Event.cancel(1_000_000),
        Event.cancel(7),
        Event.cancel(7),
        Event.execute(1, 6, None, 2**64 - 1),
        Event.execute(1, 6, 97, 8, printable=False),
        Event.submit_limit("buy", 104, 50),
        Event.submit_limit("buy", 200, 1, "fok"),
    ):
        ex.apply(event)
    return ex


EVERYTHING = everything()
ALL_EVENTS = EVERYTHING.events()


class Source(NamedTuple):
    """A table of an exchange, and what its rows must be."""

    schema: dict[str, pa.DataType]
    table: Callable[[Exchange], Any]
    rows: Callable[[Exchange], list[Row]]


SOURCES = {
    "trades": Source(TRADES, lambda ex: ex.trades(), lambda ex: trade_rows(ex.trades())),
    "orders": Source(ORDERS, lambda ex: ex.orders(), lambda ex: order_rows(ex.orders())),
    "bids": Source(ORDERS, lambda ex: ex.orders("buy"), lambda ex: order_rows(ex.orders("buy"))),
    "events": Source(EVENTS, lambda ex: ex.events(), lambda ex: event_rows(ex.events())),
    "depth": Source(DEPTH, lambda ex: ex.depth(1), lambda ex: depth_rows(ex.depth(1))),
    "book": Source(DEPTH, lambda ex: ex.full_book(), lambda ex: depth_rows(ex.full_book())),
    "results": Source(
        RESULTS,
        lambda ex: Exchange(max_rounds=7).apply_batch(ex.events()),
        lambda ex: apply_each(Exchange(max_rounds=7), ex.events()),
    ),
}
EACH_SOURCE = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)


# ---------------------------------------------------------------------- tables of an exchange


@EACH_SOURCE
@pytest.mark.parametrize("exchange", [EVERYTHING, Exchange()], ids=["everything", "empty"])
def test_a_table_has_its_columns(source: Source, exchange: Exchange) -> None:
    table = pa.table(source.table(exchange))
    table.validate(full=True)
    assert table.schema == pa.schema(source.schema)
    assert (table.num_rows == 0) == (exchange is not EVERYTHING)
    types = {name: POLARS[type_] for name, type_ in source.schema.items()}
    assert dict(pl.DataFrame(source.table(exchange)).schema) == types


@EACH_SOURCE
def test_a_row_is_an_object(source: Source) -> None:
    expected = source.rows(EVERYTHING)
    assert len(expected) > 1
    assert rows_of(source.table(EVERYTHING)) == expected
    table = pa.table(source.table(EVERYTHING))
    assert [tuple(row.values()) for row in table.to_pylist()] == expected
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    assert list(frame.columns) == list(source.schema)
    rows = [tuple(None if value is pd.NA else value for value in row) for row in frame.itertuples(index=False)]
    assert rows == expected


def test_the_tables_above_have_every_word() -> None:
    """Otherwise they would prove less."""
    events, orders, results = (
        pl.DataFrame(SOURCES[name].table(EVERYTHING)) for name in ("events", "orders", "results")
    )
    assert set(events["kind"]) == set(arrow_frames.EVERY_KIND)
    assert set(events["tif"]) == {"gtc", "ioc", "fok", None}
    assert set(events["trail_type"]) == {"fixed", "percentage", "atr", None}
    assert set(orders["status"]) == {"New", "PartiallyFilled"}
    assert orders["stop_id"].drop_nulls().len() == 1
    assert set(results["status"]) == {"New", "PartiallyFilled", "Filled", "Cancelled", "Pending", None}
    assert set(results["error"]) == {"OrderNotFound", "OrderNotActive", "InvalidQuantity", None}


def test_pandas_reads_a_table_by_itself() -> None:
    frame = pd.DataFrame.from_arrow(EVERYTHING.trades())
    assert list(frame.itertuples(index=False, name=None)) == trade_rows(EVERYTHING.trades())
    assert (frame["aggressor_side"] == "sell").sum() == [t.aggressor_side for t in EVERYTHING.trades()].count("sell")


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (Event.submit_limit("buy", 5, 6), {"side": "buy", "price": 5, "quantity": 6, "tif": "gtc"}),
        (Event.submit_limit("sell", 5, 6, "fok"), {"side": "sell", "price": 5, "quantity": 6, "tif": "fok"}),
        (Event.submit_limit("sell", 5, 6, matching=False),
         {"side": "sell", "price": 5, "quantity": 6, "tif": "gtc", "matching": False}),
        (Event.submit_market("sell", 6), {"side": "sell", "quantity": 6}),
        (Event.cancel(7), {"order_id": 7}),
        (Event.reduce(7, 6), {"order_id": 7, "quantity": 6}),
        (Event.modify(7, 5, 0), {"order_id": 7, "price": 5, "quantity": 0}),
        (Event.submit_stop_market("buy", 5, 6), {"side": "buy", "stop_price": 5, "quantity": 6}),
        (Event.submit_stop_limit("buy", 5, 4, 6, "ioc"),
         {"side": "buy", "stop_price": 5, "limit_price": 4, "quantity": 6, "tif": "ioc"}),
        (Event.submit_trailing_stop_market("sell", 5, 6, "atr", 1.5, 14),
         {"side": "sell", "stop_price": 5, "quantity": 6, "trail_type": "atr", "trail_value": 1.5, "atr_period": 14}),
        (Event.submit_trailing_stop_limit("sell", 5, 4, 6, "fixed", 3, "gtc"),
         {"side": "sell", "stop_price": 5, "limit_price": 4, "quantity": 6, "tif": "gtc", "trail_type": "fixed",
          "trail_value": 3.0}),
        (Event.submit_trailing_stop_market("sell", 5, 6, "percentage", 0.1),
         {"side": "sell", "stop_price": 5, "quantity": 6, "trail_type": "percentage", "trail_value": 0.1}),
        (Event.execute(7, 6), {"order_id": 7, "quantity": 6, "match_number": 0}),
        (Event.execute(7, 6, 5, 2**64 - 1, printable=False),
         {"order_id": 7, "quantity": 6, "price": 5, "match_number": 2**64 - 1, "printable": False}),
        (Event.trade("buy", 5, 6, 8), {"side": "buy", "price": 5, "quantity": 6, "match_number": 8}),
    ],
    ids=lambda value: value.kind if isinstance(value, Event) else "",
)  # fmt: skip
def test_an_event_has_null_where_its_kind_has_no_field(event: Event, fields: dict[str, Any], ex: Exchange) -> None:
    ex.apply(event)
    expected = dict.fromkeys(EVENTS) | {"kind": event.kind, "matching": True, "printable": True, "symbol": ""}
    assert pl.DataFrame(ex.events()).to_dicts() == [expected | fields]


@pytest.mark.parametrize("count", [1, 511, 512, 513, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1, 10_000])
def test_a_table_of_any_length_is_whole(count: int, ex: Exchange) -> None:
    cycle = list(ALL_EVENTS)
    for number in range(count):
        ex.apply(cycle[number % len(cycle)])
    for table, rows in ((ex.events(), event_rows), (ex.trades(), trade_rows), (ex.orders(), order_rows)):
        assert rows_of(table) == rows(table)
    table = pa.table(ex.events())
    table.validate(full=True)
    # Which is null is told by bits.
    assert table["order_id"].null_count == sum(event_row(event)[7] is None for event in ex.events())


def test_a_trades_table_of_many_pieces_is_whole(ex: Exchange) -> None:
    for number in range(10_001):
        ex.submit_limit("buy", 1 + number, 1 + number % 7)
        ex.submit_limit("sell", 1 + number, 1 + number % 7)
    assert len(ex.trades()) == 10_001 > 2 * CHUNK
    assert rows_of(ex.trades()) == trade_rows(ex.trades())


def test_depth_shows_the_best_levels_of_each_side(ex: Exchange) -> None:
    for level in range(5000):
        ex.submit_limit("buy", 10_000 - level, 1 + level)
        ex.submit_limit("sell", 10_001 + level, 1)
        ex.submit_limit("sell", 10_001 + level, 2 + level)
    assert rows_of(ex.depth(2)) == [
        ("buy", 0, 10_000, 1, 1),
        ("buy", 1, 9_999, 2, 1),
        ("sell", 0, 10_001, 3, 2),
        ("sell", 1, 10_002, 4, 2),
    ]
    assert rows_of(ex.full_book()) == depth_rows(ex.full_book())
    assert len(rows_of(ex.full_book())) == 10_000


def test_quantities_and_prices_have_all_their_bits(ex: Exchange) -> None:
    ex.submit_limit("sell", MAX_PRICE, MAX_QUANTITY)
    ex.submit_limit("buy", MAX_PRICE, MAX_QUANTITY - 1)
    ex.submit_limit("buy", 1, MAX_QUANTITY)
    trades, orders, events = pl.DataFrame(ex.trades()), pl.DataFrame(ex.orders()), pl.DataFrame(ex.events())
    assert trades["quantity"].to_list() == [MAX_QUANTITY - 1]
    assert trades["price"].to_list() == [MAX_PRICE]
    assert orders["remaining_quantity"].to_list() == [MAX_QUANTITY, 1]
    assert orders["filled_quantity"].to_list() == [0, MAX_QUANTITY - 1]
    assert events["quantity"].to_list() == [MAX_QUANTITY, MAX_QUANTITY - 1, MAX_QUANTITY]
    assert rows_of(ex.depth()) == [("buy", 0, 1, MAX_QUANTITY, 1), ("sell", 0, MAX_PRICE, 1, 1)]
    assert pa.table(ex.trades())["quantity"].to_pylist() == [MAX_QUANTITY - 1]


def test_a_level_that_no_column_can_hold_is_an_error_where_it_is_shown(ex: Exchange) -> None:
    ex.submit_limit("sell", 7, 1)
    ex.submit_limit("sell", 8, MAX_QUANTITY)
    assert rows_of(ex.depth(2)) == [("sell", 0, 7, 1, 1), ("sell", 1, 8, MAX_QUANTITY, 1)]
    ex.submit_limit("sell", 8, 1)
    words = re.escape("the total quantity at price 8 is above 2^64 - 1")
    for book in (ex.depth(2), ex.full_book()):
        with pytest.raises(ValueError, match=words):
            pl.DataFrame(book)
    assert rows_of(ex.depth(1)) == [("sell", 0, 7, 1, 1)]
    assert pl.DataFrame(ex.orders())["remaining_quantity"].to_list() == [1, MAX_QUANTITY, 1]


def test_words_compare_with_text() -> None:
    events = pl.DataFrame(ALL_EVENTS)
    kinds = [event.kind for event in ALL_EVENTS]
    assert events.filter(pl.col("kind") == "cancel").height == kinds.count("cancel") > 0
    assert (events["side"] == "buy").sum() == sum(getattr(event, "side", None) == "buy" for event in ALL_EVENTS)
    assert events.group_by("kind").len().sort("kind").rows() == sorted(Counter(kinds).items())
    assert events.filter(pl.col("kind").is_in(["modify", "reduce"])).height == 4
    # Of another table: the same words.
    orders = pl.DataFrame(EVERYTHING.orders())
    assert events.join(orders, on="side").height > 0
    assert pl.concat([orders, pl.DataFrame(Exchange().orders())]).equals(orders)


def test_symbols_are_words_of_their_own(ex: Exchange) -> None:
    several = MultiExchange()
    names = [f"S{number}" for number in range(300)]
    for number, name in enumerate(names):
        for _ in range(1 + number % 3):
            several.submit_limit(name, "buy", 1 + number, 1)
    events = several.events()
    table = pl.DataFrame(events)
    assert table["symbol"].to_list() == [event.symbol for event in events]
    assert set(table["symbol"]) == set(names)
    assert table.filter(pl.col("symbol") == "S299")["price"].to_list() == [300] * 3
    assert rows_of(events) == event_rows(events)
    assert pl.DataFrame(ex.events())["symbol"].to_list() == []


def test_a_file_of_events_is_a_table(tmp_path: Path) -> None:
    events = [*ALL_EVENTS, *(Event.cancel(1, symbol=symbol) for symbol in ["A", "B", "", "A", "A", "B", "C", "A"])]
    nanobook.save_events(tmp_path / "events", events)
    assert rows_of(nanobook.load_events(tmp_path / "events")) == event_rows(events)


# What a table shows stays.


@pytest.mark.parametrize("count", [10, CHUNK - 2, CHUNK, 3 * CHUNK])
def test_a_table_does_not_change_with_the_exchange(count: int) -> None:
    orders = alternating(2 * count)
    ex = Exchange()
    result = ex.submit_batch(orders)
    ex.submit_limit("buy", 1, 1)
    sources = [ex.trades(), ex.events(), ex.orders(), ex.depth(), result]
    frames = [pl.DataFrame(source) for source in sources]
    assert [len(frame) for frame in frames] == [count, 2 * count + 1, 1, 1, 2 * count]
    before = [frame.write_csv() for frame in frames]  # which shares no memory with anything

    def now() -> list[str]:
        return [pl.DataFrame(source).write_csv() for source in sources]

    ex.submit_batch(orders)
    ex.cancel(2 * count + 1)
    assert now() == before
    ex.clear_trades()
    ex.clear_order_history()
    ex.submit_batch(orders.with_columns(price=pl.col("price") + 1000))
    assert now() == before
    del ex
    gc.collect()
    assert now() == before
    del result
    sources.clear()
    gc.collect()
    assert [frame.write_csv() for frame in frames] == before


def test_a_table_is_read_while_the_exchange_goes_on(ex: Exchange) -> None:
    orders = alternating(2 * CHUNK + 2)
    ex.submit_batch(orders)
    trades, events = ex.trades(), ex.events()
    before = rows_of(trades), rows_of(events)
    done = threading.Event()

    def go_on() -> None:
        while not done.is_set():
            ex.submit_batch(orders)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        for _ in range(20):
            assert (rows_of(trades), rows_of(events)) == before
    finally:
        done.set()
        thread.join()


# How it is read.


@EACH_SOURCE
def test_a_table_can_be_read_more_than_once(source: Source) -> None:
    table = source.table(EVERYTHING)
    assert rows_of(table) == rows_of(table) == source.rows(EVERYTHING)
    assert pa.table(table).equals(pa.table(table))


def test_a_stream_can_be_read_once() -> None:
    class Once:
        def __init__(self, capsule: object) -> None:
            self.capsule = capsule

        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return self.capsule

    stream = Once(ALL_EVENTS.__arrow_c_stream__())
    assert len(rows_of(stream)) == len(ALL_EVENTS)
    with pytest.raises(ValueError, match="the Arrow stream has been read already"):
        Exchange().apply_batch(stream)


@EACH_SOURCE
def test_the_schema_that_a_reader_wishes_for_is_taken_and_not_followed(source: Source) -> None:
    class Wish:
        def __init__(self, *args: object, **kwargs: object) -> None:
            self.capsule = source.table(EVERYTHING).__arrow_c_stream__(*args, **kwargs)

        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return self.capsule

    expected = source.rows(EVERYTHING)
    wish = pa.schema({"trade_id": pa.float64()}).__arrow_c_schema__()
    assert rows_of(Wish()) == rows_of(Wish(None)) == rows_of(Wish(wish)) == expected
    assert rows_of(Wish(requested_schema=None)) == rows_of(Wish(requested_schema=wish)) == expected


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc")
@pytest.mark.parametrize(
    "use",
    [
        lambda table: table.__arrow_c_stream__(),
        lambda table: pa.RecordBatchReader.from_stream(table),
        lambda table: pa.RecordBatchReader.from_stream(table).read_next_batch(),
        lambda table: pl.DataFrame(table),
    ],
    ids=["capsule", "stream", "batch", "frame"],
)
def test_nothing_leaks_however_far_a_table_is_read(use: Callable[[Any], object]) -> None:
    ex = Exchange()
    result = ex.submit_batch(alternating(40_000))
    sources = (ex.trades(), ex.events(), result)
    size = sum(pa.table(source).nbytes for source in sources)
    for source in sources:
        use(source)
    before = resident()
    times = 40
    for _ in range(times):
        for source in sources:
            use(source)
        result.__arrow_c_stream__()
    assert resident() - before < times * size / 5
    assert times * size > 200_000_000


def test_the_capsule_of_nobody_outlives_the_exchange(ex: Exchange) -> None:
    result = ex.submit_batch(alternating(10))
    capsules = [source.__arrow_c_stream__() for source in (ex.trades(), ex.events(), ex.orders(), ex.depth(), result)]
    del ex, result
    gc.collect()
    assert all("arrow_array_stream" in repr(capsule) for capsule in capsules)
    del capsules
    gc.collect()


# ---------------------------------------------------------------------- batches of orders

ORDER_COLUMNS: dict[str, list[Any]] = {
    "side": ["buy", "sell", "buy", "sell", "sell"],
    "price": [100, 101, 101, None, 99],
    "quantity": [5, 4, 1, 3, 2],
}
SOME_ORDERS: list[Order] = [(*row, None) for row in zip(*ORDER_COLUMNS.values(), strict=True)]


def assert_submits(table: Any, orders: list[Order] = SOME_ORDERS) -> None:
    """A batch answers, and leaves the exchange, as one order after another does."""
    batch, single = Exchange(), Exchange()
    result = batch.submit_batch(table)
    assert rows_of(result) == submit_each(single, orders)
    assert len(result) == len(orders)
    assert_equal(batch, single)


def with_column(**columns: Any) -> dict[str, Any]:
    return ORDER_COLUMNS | columns


def test_a_batch_answers_with_a_row_for_each_order(ex: Exchange) -> None:
    result = ex.submit_batch(pl.DataFrame(ORDER_COLUMNS))
    assert rows_of(result) == [
        (1, "New", 0, 5, 0, None),
        (2, "New", 0, 4, 0, None),
        (3, "Filled", 1, 0, 0, None),
        (4, "Filled", 3, 0, 0, None),
        (5, "Filled", 2, 0, 0, None),
    ]
    assert len(result) == 5
    assert repr(result) == "BatchResult(5 rows)"
    assert [(trade.price, trade.quantity) for trade in ex.trades()] == [(101, 1), (100, 3), (100, 2)]
    assert_submits(pl.DataFrame(ORDER_COLUMNS))


@settings(max_examples=250, deadline=None)
@given(order_tables())
def test_random_tables_are_submitted_like_single_orders(random_table: tuple[list[Order], Any]) -> None:
    orders, table = random_table
    assert_submits(table, orders)


def test_batches_go_on_where_the_exchange_is(ex: Exchange) -> None:
    orders: list[Order] = [(side, 95 + n * 7 % 11, 1 + n % 5, None) for n, side in enumerate(["buy", "sell"] * 100)]
    single = Exchange()
    table = pl.DataFrame(orders, schema=["side", "price", "quantity", "tif"], orient="row")
    for begin, end in ((0, 50), (50, 51), (51, 51), (51, 200)):
        assert rows_of(ex.submit_batch(table[begin:end])) == submit_each(single, orders[begin:end])
    assert_equal(ex, single)


def test_a_batch_fires_stops_as_orders_do(ex: Exchange) -> None:
    single = Exchange()
    for exchange in (ex, single):
        exchange.submit_stop_market("sell", 101, 3)
        exchange.submit_trailing_stop_limit("sell", 50, 90, 1, "fixed", 1)
    assert rows_of(ex.submit_batch(pl.DataFrame(ORDER_COLUMNS))) == submit_each(single, SOME_ORDERS)
    assert_equal(ex, single)
    assert ex.get_stop_order(1).status == "Triggered"


@pytest.mark.parametrize("form", TEXT_FORMS)
@pytest.mark.parametrize("column", ["side", "tif"])
def test_text_may_be_of_any_kind(column: str, form: str) -> None:
    words = {"side": ["BUY", "sell", "b", "s", "Sell"], "tif": ["GTC", "ioc", None, None, "Fok"]}[column]
    orders = SOME_ORDERS
    if column == "tif":
        orders = [(side, price, quantity, tif) for (side, price, quantity, _), tif in zip(orders, words, strict=True)]
    columns = with_column(**{column: TEXT_FORMS[form](words)}, price=pa.array(ORDER_COLUMNS["price"]))
    if form.startswith("pandas"):
        columns["price"] = pd.Series(ORDER_COLUMNS["price"], dtype="Int64")
    table = table_of(columns)
    assert_submits(table, orders)
    assert_submits(table[2:4] if form.startswith("pandas") else table.slice(2, 2), orders[2:4])


@pytest.mark.parametrize("type_", INTEGERS, ids=str)
@pytest.mark.parametrize("codes", [(1, -1), (0, 1)], ids=["1 and -1", "0 and 1"])
def test_sides_may_be_integers(codes: tuple[int, int], type_: pa.DataType) -> None:
    if min(codes) < 0 and not pa.types.is_signed_integer(type_):
        pytest.skip("it has no -1")
    numbers = pa.array([codes[side == "sell"] for side in ORDER_COLUMNS["side"]], type_)
    assert_submits(pa.table(with_column(side=numbers)))
    assert_submits(pl.DataFrame(with_column(side=pl.Series(numbers))))
    assert_submits(pd.DataFrame(with_column(side=numbers.to_pandas(), price=pd.array([100] * 5))), at_100())
    chunked = pa.concat_tables([pa.table(with_column(side=numbers)).slice(*part) for part in ((0, 1), (1, 0), (1, 4))])
    assert chunked["side"].num_chunks > 1
    assert_submits(chunked)


def at_100() -> list[Order]:
    return [(side, 100, quantity, None) for side, _, quantity, _ in SOME_ORDERS]


@pytest.mark.parametrize(("number", "side"), [(-1, "sell"), (0, "buy")])
def test_integers_of_one_side_that_can_be_but_one_are_taken(number: int, side: str) -> None:
    assert_submits(pl.DataFrame({"side": [number] * 2, "price": [5, 6], "quantity": [7, 8]}),
                   [(side, 5, 7, None), (side, 6, 8, None)])  # fmt: skip


@pytest.mark.parametrize("type_", INTEGERS, ids=str)
@pytest.mark.parametrize("column", ["price", "quantity"])
def test_numbers_may_be_of_any_width(column: str, type_: pa.DataType) -> None:
    numbers = pa.array(ORDER_COLUMNS[column], type_)
    assert_submits(pa.table(with_column(**{column: numbers})))
    assert_submits(pl.DataFrame(with_column(**{column: pl.Series(numbers)})))


@pytest.mark.parametrize("type_", INTEGERS, ids=str)
@pytest.mark.parametrize("column", ["price", "quantity"])
def test_the_greatest_number_of_a_width_is_itself(column: str, type_: pa.DataType) -> None:
    most = min(arrow_frames.greatest(type_), MAX_PRICE if column == "price" else MAX_QUANTITY)
    order = {"side": "buy", "price": 1, "quantity": 1} | {column: most}
    table = pa.table({"side": ["buy"], "price": [order["price"]], "quantity": pa.array([order["quantity"]], "uint64")})
    table = table.set_column(table.column_names.index(column), column, pa.array([most], type_))
    assert_submits(table, [("buy", order["price"], order["quantity"], None)])


@pytest.mark.parametrize(
    "prices",
    [
        pl.Series([None, 3, None], dtype=pl.Int64),
        pl.Series([None, 3, None], dtype=pl.UInt8),
        pa.array([None, 3, None]),
        # Behind a null may be anything.
        pa.array(np.array([0, 3, -5]), mask=np.array([True, False, True])),
        pa.array(np.array([2**64 - 1, 3, 0], np.uint64), mask=np.array([True, False, True])),
        pd.Series([None, 3, None], dtype="Int64"),
        pd.Series([None, 3, None], dtype="int64[pyarrow]"),
    ],
    ids=lambda prices: f"{type(prices).__module__.split('.')[0]} {getattr(prices, 'dtype', None) or prices.type}",
)
def test_an_order_without_a_price_is_a_market_order(prices: Any) -> None:
    table = table_of({"side": ["sell", "buy", "sell"], "price": prices, "quantity": [1, 5, 2]})
    assert_submits(table, [("sell", None, 1, None), ("buy", 3, 5, None), ("sell", None, 2, None)])


def test_orders_without_any_price_are_market_orders() -> None:
    orders: list[Order] = [("sell", None, 1, None), ("buy", None, 5, None)]
    for price in ([None, None], pl.Series([None, None], dtype=pl.Null), pl.Series([None, None], dtype=pl.Int32)):
        assert_submits(pl.DataFrame({"side": ["sell", "buy"], "price": price, "quantity": [1, 5]}), orders)


@pytest.mark.parametrize(
    "tif", [[None] * 5, pl.Series([None] * 5, dtype=pl.String), pl.Series([None] * 5, dtype=pl.Enum([UNUSED]))]
)
def test_a_time_in_force_that_is_null_is_gtc(tif: Any) -> None:
    assert_submits(pl.DataFrame(with_column(tif=tif)))


def test_other_columns_and_the_order_of_columns_do_not_matter() -> None:
    others = {"Price": [0] * 5, "note": ["x"] * 5, "list": [[1]] * 5, "none": [None] * 5, "order_id": [0] * 5}
    columns = others | ORDER_COLUMNS
    for library in (pl.DataFrame, pa.table):
        assert_submits(library(columns))
        assert_submits(library(dict(reversed(columns.items()))))
    # Even where two of them have one name.
    assert_submits(pa.table([*ORDER_COLUMNS.values(), [1] * 5, [2] * 5], [*ORDER_COLUMNS, "x", "x"]))


def in_pieces(columns: dict[str, Any], *cuts: int) -> Iterator[Any]:
    """The same rows as several chunks, or as a part of more rows."""
    frame = pl.DataFrame(columns)
    rows = len(frame)
    bounds = [0, *cuts, rows]
    pieces = [slice(a, b) for a, b in pairwise(bounds)]
    yield pl.concat([frame[piece] for piece in pieces], rechunk=False)
    yield pa.concat_tables([frame[piece].to_arrow() for piece in pieces])
    yield pa.concat_tables([frame.to_arrow().slice(piece.start, piece.stop - piece.start) for piece in pieces])
    more = pl.concat([frame, frame, frame])
    yield more[rows : 2 * rows]
    yield more.to_arrow().slice(rows, rows)
    yield more.to_arrow().combine_chunks().slice(rows, rows).to_batches()[0]
    yield more.to_arrow().combine_chunks().to_struct_array().chunk(0).slice(rows, rows)


@pytest.mark.parametrize("side", [pl.String, pl.Categorical, pl.Enum(["sell", "buy"])], ids=str)
@pytest.mark.parametrize("cuts", [(1,), (2, 2), (0, 3, 5), (1, 2, 3, 4)], ids=str)
def test_a_table_may_come_in_pieces(cuts: tuple[int, ...], side: pl.DataType) -> None:
    for table in in_pieces(with_column(side=pl.Series(ORDER_COLUMNS["side"], dtype=side)), *cuts):
        assert_submits(table)


def test_pieces_may_have_dictionaries_of_their_own() -> None:
    pieces = [
        pa.table({"side": dictionary, "price": [5, 5], "quantity": [1, 1]})
        for dictionary in (
            pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), ["buy", "sell"]),
            pa.DictionaryArray.from_arrays(pa.array([1, 2], pa.int8()), ["hold", "sell", "buy"]),
        )
    ]
    sides = ["buy", "sell", "sell", "buy"]
    assert_submits(pa.concat_tables(pieces), [(side, 5, 1, None) for side in sides])


def test_a_stream_that_python_makes_is_read_to_its_end() -> None:
    schema = pa.table(ORDER_COLUMNS).schema
    batches = (batch for part in range(5) for batch in pa.table(ORDER_COLUMNS).slice(part, 1).to_batches())
    assert_submits(pa.RecordBatchReader.from_batches(schema, batches))


def test_anything_with_an_arrow_stream_is_a_table() -> None:
    class Mine:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return pl.DataFrame(ORDER_COLUMNS).__arrow_c_stream__(requested_schema)

    class Array:
        def __arrow_c_array__(self, requested_schema: object = None) -> object:
            return pa.record_batch(ORDER_COLUMNS).__arrow_c_array__(requested_schema)

    assert_submits(Mine())
    assert_submits(Array())
    assert_submits(pa.record_batch(ORDER_COLUMNS))
    assert_submits(pa.array([dict(zip(ORDER_COLUMNS, order, strict=False)) for order in SOME_ORDERS]))


def test_a_pandas_frame_is_a_table() -> None:
    frame = pd.DataFrame(with_column(price=pd.array(ORDER_COLUMNS["price"], "Int64")), index=list("edcba"))
    assert_submits(frame)
    assert_submits(frame.iloc[1:4], SOME_ORDERS[1:4])
    assert_submits(frame.iloc[::-1], SOME_ORDERS[::-1])
    assert_submits(frame[frame["side"] == "sell"], [order for order in SOME_ORDERS if order[0] == "sell"])


@pytest.mark.parametrize(
    "table",
    [
        pl.DataFrame({"side": [], "price": [], "quantity": []}),
        pl.DataFrame(ORDER_COLUMNS)[:0],
        pl.DataFrame(with_column(side=[1, -1, 1, -1, -1]))[:0],
        pa.table(ORDER_COLUMNS).schema.empty_table(),
        pa.RecordBatchReader.from_batches(pa.table(ORDER_COLUMNS).schema, []),
        pd.DataFrame({"side": pd.Series([], dtype="str"), "price": np.array([], int), "quantity": np.array([], int)}),
    ],
    ids=["without types", "polars", "integers", "pyarrow", "no batches", "pandas"],
)
def test_a_table_without_rows_does_nothing(table: Any, ex: Exchange) -> None:
    ex.submit_limit("buy", 1, 1)
    before = ex.state_hash()
    result = ex.submit_batch(table)
    assert rows_of(result) == []
    assert pl.DataFrame(result).columns == list(RESULTS)
    assert len(result) == 0
    assert ex.state_hash() == before
    assert len(ex.events()) == 1


def test_an_exchange_of_several_takes_batches() -> None:
    several = MultiExchange()
    view = several.get_or_create("ABC")
    assert rows_of(view.submit_batch(pl.DataFrame(ORDER_COLUMNS))) == submit_each(Exchange("ABC"), SOME_ORDERS)
    assert several["ABC"].best_ask() == 101
    assert set(pl.DataFrame(several.events())["symbol"]) == {"ABC"}


def test_a_batch_is_not_logged_while_the_log_is_off() -> None:
    ex, single = Exchange(log_events=False), Exchange()
    assert rows_of(ex.submit_batch(pl.DataFrame(ORDER_COLUMNS))) == submit_each(single, SOME_ORDERS)
    assert ex.state_hash() == single.state_hash()
    assert len(ex.events()) == 0


def test_a_batch_is_in_the_journal(tmp_path: Path) -> None:
    with nanobook.open_journal(tmp_path / "journal") as ex:
        ex.submit_batch(pl.DataFrame(ORDER_COLUMNS))
        ex.apply_batch(pl.DataFrame({"kind": ["cancel"], "order_id": [1]}))
        state = ex.state_hash()
    with nanobook.open_journal(tmp_path / "journal") as ex:
        assert ex.state_hash() == state
        assert ex.events_recovered == 6


def test_a_full_disk_stops_a_batch(tmp_path: Path) -> None:
    code = """
        import resource, sys
        import nanobook, polars as pl
        ex = nanobook.open_journal(sys.argv[1])
        orders = pl.DataFrame({"side": ["buy"] * 5, "price": [100, 101, 102, 103, 104], "quantity": [1] * 5})
        resource.setrlimit(resource.RLIMIT_FSIZE, (3 * 64, resource.RLIM_INFINITY))
        try:
            ex.submit_batch(orders)
        except OSError as error:
            print(error.filename == sys.argv[1], ex.best_bid(), len(ex.events()))
    """
    assert assert_runs(code, tmp_path / "journal") == "True 101 2\n"


# What is refused: nothing happened then.


def assert_refused(use: Callable[[Any], object], table: Any, error: type[Exception], words: str, ex: Exchange) -> None:
    before = ex.state_hash(), list(ex.events()), list(ex.trades()), list(ex.orders())
    with pytest.raises(error, match=words):
        use(table)
    assert (ex.state_hash(), list(ex.events()), list(ex.trades()), list(ex.orders())) == before
    # And it goes on.
    assert ex.submit_limit("buy", 1, 1).order_id == len(before[1]) + 1


@pytest.fixture
def used() -> Exchange:
    """An exchange that is not empty, so that what it should not have done would show."""
    ex = Exchange()
    submit_each(ex, SOME_ORDERS)
    return ex


def column_at(column: str, row: int, value: Any, type_: Any = None) -> dict[str, Any]:
    values = [*ORDER_COLUMNS[column]]
    values[row] = value
    return with_column(**{column: values if type_ is None else pl.Series(values, dtype=type_)})


INT64 = "from -9223372036854775808 to 9223372036854775807"
UINT64 = "from 0 to 18446744073709551615"
LONG = "hold on for as long as you please, my friend"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (column_at("side", 3, "hold"), "column 'side': row 3 holds 'hold', not 'buy' or 'sell'"),
        (column_at("side", 4, ""), "column 'side': row 4 holds '', not 'buy' or 'sell'"),
        (column_at("side", 4, "buys"), "column 'side': row 4 holds 'buys', not 'buy' or 'sell'"),
        (column_at("side", 4, LONG), f"column 'side': row 4 holds '{LONG[:40]}', not 'buy' or 'sell'"),
        (column_at("side", 2, "hold", pl.Categorical), "column 'side': row 2 holds 'hold', not 'buy' or 'sell'"),
        (column_at("side", 2, "hold", pl.Enum(["buy", "sell", "hold"])), "column 'side': row 2 holds 'hold', not"),
        (column_at("side", 2, None), "column 'side': row 2 holds null"),
        (column_at("side", 2, None, pl.Categorical), "column 'side': row 2 holds null"),
        (with_column(side=[None] * 5), "column 'side': row 0 holds null"),
        (with_column(side=[1, -1, 1, None, -1]), "column 'side': row 3 holds null"),
        (with_column(side=[1, -1, 1, 1, 2]), "column 'side': row 4 holds 2, which is no side"),
        (with_column(side=[1, -1, -2, 1, 2]), "column 'side': row 2 holds -2, which is no side"),
        (with_column(side=pl.Series([0, 1, 0, 255, 1], dtype=pl.UInt8)), "column 'side': row 3 holds 255, which is no"),
        (with_column(side=pl.Series([0, 1, 0, 2**63, 1], dtype=pl.UInt64)), f"row 3 holds {2**63}, which is not"),
        (with_column(side=[1, -1, 0, 1, 1]), "column 'side' holds 0 and -1: sides are 1 and -1, or 0 and 1"),
        (with_column(side=[1] * 5), "column 'side' holds nothing but 1, which is buy beside -1 and sell beside 0"),
        (column_at("price", 1, 0), "row 1: price is 0; it must be at least 1"),
        (column_at("price", 4, -7), "row 4: price is -7; it must be at least 1"),
        (column_at("price", 4, -128, pl.Int8), "row 4: price is -128; it must be at least 1"),
        (column_at("price", 2, 2**63, pl.UInt64), f"column 'price': row 2 holds {2**63}, which is not {INT64}"),
        (column_at("quantity", 4, 0), "row 4: quantity is 0; it must be at least 1"),
        (column_at("quantity", 4, -3), f"column 'quantity': row 4 holds -3, which is not {UINT64}"),
        (column_at("quantity", 2, -3, pl.Int8), f"column 'quantity': row 2 holds -3, which is not {UINT64}"),
        (column_at("quantity", 1, None), "column 'quantity': row 1 holds null"),
        (with_column(quantity=[None] * 5), "column 'quantity': row 0 holds null"),
        (with_column(tif=["gtc", "gtc", "day", "gtc", "ioc"]), "column 'tif': row 2 holds 'day', not 'gtc', 'ioc' or"),
        (with_column(tif=["gtc", None, "", "gtc", "ioc"]), "column 'tif': row 2 holds '', not 'gtc', 'ioc' or 'fok'"),
    ],
)  # fmt: skip
def test_a_row_that_is_no_order_is_named_and_nothing_is_submitted(
    columns: dict[str, Any], words: str, used: Exchange
) -> None:
    for table in (pl.DataFrame(columns), *in_pieces(columns, 1, 3)):
        assert_refused(used.submit_batch, table, ValueError, re.escape(words), used)
        used = Exchange.replay(list(used.events())[:5])


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (with_column(side=[1.0, -1.0, 1.0, 1.0, 1.0]), r"column 'side' holds Float64 \(double\), not"),
        (with_column(side=[True, False, True, False, True]), "column 'side' holds bool, not"),
        (with_column(side=[["buy"]] * 5), "column 'side' holds large_list"),
        (with_column(side=[b"buy"] * 5), "column 'side' holds binary_view, not"),
        (
            with_column(price=[100.0, 101.0, 101.0, None, 99.0]),
            r"column 'price' holds Float64 \(double\), not integers",
        ),
        (
            with_column(price=pl.Series([1, 2, 3, 4, 5], dtype=pl.Float32)),
            r"column 'price' holds Float32 \(float\), not integers",
        ),
        (with_column(price=["1"] * 5), r"column 'price' holds String \(Utf8\), not integers"),
        (with_column(price=pl.Series([1] * 5).cast(pl.Decimal(10, 2))), r"column 'price' holds Decimal \(decimal128"),
        (with_column(price=pl.Series([1] * 5).cast(pl.Date)), r"column 'price' holds Date \(date32\), not integers"),
        (with_column(quantity=[1.0] * 5), r"column 'quantity' holds Float64 \(double\), not integers"),
        (with_column(quantity=[True] * 5), "column 'quantity' holds bool, not integers"),
        (with_column(quantity=pl.Series(["1"] * 5, dtype=pl.Categorical)), "column 'quantity' holds dictionary"),
        (with_column(tif=[1, 2, 3, 4, 5]), "column 'tif' holds int64, not text"),
    ],
)
def test_a_column_of_another_type_is_named(columns: dict[str, Any], words: str, used: Exchange) -> None:
    assert_refused(used.submit_batch, pl.DataFrame(columns), TypeError, words, used)


@pytest.mark.parametrize("column", ORDER_COLUMNS)
def test_a_column_that_is_missing_is_named_with_those_there_are(column: str, used: Exchange) -> None:
    columns = {name: values for name, values in ORDER_COLUMNS.items() if name != column} | {column.title(): [1] * 5}
    there = ", ".join(columns)
    words = f"^no column '{column}'; the columns are {there}$"
    assert_refused(used.submit_batch, pl.DataFrame(columns), ValueError, words, used)


def test_a_table_without_columns_is_refused(used: Exchange) -> None:
    assert_refused(used.submit_batch, pl.DataFrame(), ValueError, "no column 'side'", used)


@pytest.mark.parametrize("column", [*ORDER_COLUMNS, "tif"])
def test_two_columns_of_a_name_are_refused(column: str, used: Exchange) -> None:
    columns = with_column(tif=["gtc"] * 5)
    table = pa.table([*columns.values(), columns[column]], [*columns, column])
    assert_refused(used.submit_batch, table, ValueError, f"^two columns are named '{column}'$", used)


@pytest.mark.parametrize("method", ["submit_batch", "apply_batch"])
@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pl.DataFrame(ORDER_COLUMNS).lazy(), r"LazyFrame: call \.collect\(\) first$"),
        (ORDER_COLUMNS, "a table is needed, such as a Polars, pandas or pyarrow table, not dict$"),
        (SOME_ORDERS, "a table is needed.*, not list$"),
        (np.zeros(3, [("side", "i8"), ("price", "i8"), ("quantity", "i8")]), "a table is needed.*, not ndarray$"),
        ("orders.csv", "a table is needed.*, not str$"),
        (pl.Series([1, 2]), "^a table is needed, not one column of int64$"),
        (pa.array(["buy"]), "^a table is needed, not one column of String"),
        (Exchange(), "a table is needed.*, not Exchange$"),
    ],
    ids=["lazy", "dict", "list", "array", "path", "series", "column", "exchange"],
)
def test_what_is_no_table_is_refused(table: Any, words: str, method: str, used: Exchange) -> None:
    assert_refused(getattr(used, method), table, TypeError, words, used)


@pytest.mark.parametrize("method", ["submit_batch", "apply_batch"])
def test_none_is_no_table(method: str, used: Exchange) -> None:
    assert_refused(getattr(used, method), None, TypeError, "NoneType", used)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (lambda: 3, ValueError, "PyCapsule"),
        (lambda: pa.schema({}).__arrow_c_schema__(), ValueError, "PyCapsule"),
        (lambda: {}["mine"], KeyError, "mine"),
    ],
    ids=["number", "schema", "error"],
)
def test_a_table_that_breaks_its_word_is_refused(
    answer: Callable[[], object], error: type[Exception], words: str, used: Exchange
) -> None:
    class Broken:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return answer()

    assert_refused(used.submit_batch, Broken(), error, words, used)


def test_a_stream_that_fails_in_the_middle_submits_nothing(used: Exchange) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield from pa.table(ORDER_COLUMNS).to_batches()
        raise RuntimeError("the disk is full")

    reader = pa.RecordBatchReader.from_batches(pa.table(ORDER_COLUMNS).schema, batches())
    assert_refused(used.submit_batch, reader, ValueError, "cannot be read: .*the disk is full", used)


def test_rows_that_are_null_are_refused(used: Exchange) -> None:
    array = pa.StructArray.from_arrays(list(map(pa.array, ORDER_COLUMNS.values())), list(ORDER_COLUMNS),
                                       mask=pa.array([False, False, False, True, False]))  # fmt: skip
    assert_refused(used.submit_batch, array, ValueError, "rows that are null", used)
    assert_submits(array.slice(0, 3), SOME_ORDERS[:3])


@pytest.mark.parametrize(
    ("dictionary", "words"),
    [
        (pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 0, 1], pa.int8()), ["buy", "sell"], safe=False),
         "^column 'side': row 2 holds an index outside its dictionary$"),
        (pa.DictionaryArray.from_arrays(pa.array([0, 1, 0, -1, 1], pa.int8()), ["buy", "sell"], safe=False),
         "^column 'side': row 3 holds an index outside its dictionary$"),
        (pa.DictionaryArray.from_arrays(pa.array([0, 0, 0, 0, 1], pa.int8()), ["buy", None]),
         "^column 'side': row 4 holds a null of its dictionary$"),
        (pa.DictionaryArray.from_arrays(pa.array([0, 0, 0, 0, 1], pa.int8()), pa.array([1, -1])),
         "^column 'side' holds dictionary"),
    ],
    ids=["above", "below", "null", "numbers"],
)  # fmt: skip
def test_a_dictionary_that_lacks_an_entry_is_refused(dictionary: pa.Array, words: str, used: Exchange) -> None:
    table = pa.table(with_column(side=dictionary))
    assert_refused(used.submit_batch, table, (ValueError, TypeError), words, used)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", TEXTS, ids=str)
@pytest.mark.parametrize(
    ("word", "bad"),
    [
        ("buy", "buy\0"),
        ("buy", "bu"),
        ("b", ""),
        ("b", "\0"),
        ("sell", "sell\0\0\0\0\0\0\0\0"),
        ("buy", "buybuybuybuybuy"),
    ],
    ids=ascii,
)
def test_a_word_is_told_from_those_it_is_like(word: str, bad: str, text: pa.DataType, used: Exchange) -> None:
    # The other is known already, and there is text behind it.
    sides = [word] * 200 + [bad] + [word] * 20
    table = pa.table({"side": pa.array(sides, text), "price": [1] * 221, "quantity": [1] * 221})
    assert_refused(used.submit_batch, table, ValueError, "^column 'side': row 200 holds '", used)


@pytest.mark.parametrize("text", TEXTS, ids=str)
@pytest.mark.parametrize("bad", ["submit_stop_mArket", "submit_stop_marke", "submit_stop_market ", "submit_limiT"])
def test_a_kind_is_told_from_those_it_is_like(bad: str, text: pa.DataType, used: Exchange) -> None:
    kinds = pa.array(["submit_stop_market", "submit_limit"] * 10 + [bad], text)
    columns = {
        name: [value] * 21 for name, value in {"side": "buy", "price": 5, "stop_price": 5, "quantity": 1}.items()
    }
    table = pa.table({"kind": kinds} | columns)
    words = f"^column 'kind': row 20 holds '{bad}', not a kind of event$"
    assert_refused(used.apply_batch, table, ValueError, words, used)


@pytest.mark.parametrize("word", ["é" * 30, "a" + "é" * 30, "€" * 30, "😀" * 20], ids=ascii)
def test_a_word_of_any_script_is_named(word: str, used: Exchange) -> None:
    for text in (pl.String, pl.Categorical):
        table = pl.DataFrame({"side": pl.Series(["buy", word], dtype=text), "price": [1, 1], "quantity": [1, 1]})
        assert_refused(used.submit_batch, table, ValueError, f"^column 'side': row 1 holds '{word[:10]}", used)
        used = Exchange()


# ---------------------------------------------------------------------- batches of events


def assert_applies(table: Any, events: list[Event] | nanobook._core.Events, **options: Any) -> Exchange:
    """A batch answers, and leaves the exchange, as one event after another does."""
    batch, single = Exchange(**options), Exchange(**options)
    result = batch.apply_batch(table)
    assert rows_of(result) == apply_each(single, events)
    assert len(result) == len(events)
    assert_equal(batch, single)
    assert batch.pending_stops() == single.pending_stops()
    return batch


@settings(max_examples=250, deadline=None)
@given(RANDOM_EVENTS, st.sampled_from([100, 1]), st.data())
def test_the_table_of_a_log_gives_the_exchange_again(events: list[Event], max_rounds: int, data: st.DataObject) -> None:
    live = Exchange(max_rounds=max_rounds)
    live.apply_all(events)
    assert_applies(data.draw(event_tables(live.events())), events, max_rounds=max_rounds)


def random_event(draw: random.Random, last_id: int) -> Event:
    """Of the last orders, by few prices."""
    side, tif = draw.choice(["buy", "sell"]), draw.choice(["gtc", "gtc", "gtc", "ioc", "fok"])
    price, stop, limit = (draw.randint(95, 105) for _ in range(3))
    quantity, order_id = draw.randint(1, 9), max(0, last_id + 1 - draw.randint(0, 15))
    match draw.choices(range(11), [20, 1, 4, 2, 3, 1, 1, 1, 1, 3, 1])[0]:
        case 0:
            return Event.submit_limit(side, price, quantity, tif, tif != "gtc" or draw.random() < 0.9)
        case 1:
            return Event.submit_market(side, quantity)
        case 2:
            return Event.cancel(order_id)
        case 3:
            return Event.reduce(order_id, quantity - 1)
        case 4:
            return Event.modify(order_id, price, quantity - 1, draw.random() < 0.9)
        case 5:
            return Event.submit_stop_market(side, stop, quantity)
        case 6:
            return Event.submit_stop_limit(side, stop, limit, quantity, tif)
        case 7:
            return Event.submit_trailing_stop_market(side, stop, quantity, "atr", draw.uniform(0.2, 3), 5)
        case 8:
            return Event.submit_trailing_stop_limit(side, stop, limit, quantity, "fixed", draw.randint(1, 3), tif)
        case 9:
            return Event.execute(order_id, quantity, draw.choice([None, price]), 1, draw.random() < 0.8)
    return Event.trade(side, price, quantity, 2)


def test_a_long_random_log_gives_the_exchange_again() -> None:
    draw = random.Random(7)
    live = Exchange(max_rounds=3)
    rows: list[Row] = []
    last_id = 0
    for _ in range(10_000):
        event = random_event(draw, last_id)
        rows += apply_each(live, [event])
        last_id = rows[-1][0] or last_id
    assert len(live.events()) > 2 * CHUNK
    for table in (live.events(), pl.DataFrame(live.events()), pa.table(live.events())):
        batch = Exchange(max_rounds=3)
        assert rows_of(batch.apply_batch(table)) == rows
        assert_equal(batch, live)
    # What was met on the way: a test that no longer meets it would pass whatever the batch does.
    met = Counter(row[1] or row[5] for row in rows)
    wanted = ["New", "PartiallyFilled", "Filled", "Cancelled", "Pending", "Triggered"]
    wanted += ["OrderNotFound", "OrderNotActive", "InvalidQuantity"]
    assert {name: met[name] for name in wanted if met[name] < 50} == {}
    met = Counter(event.kind for event, row in zip(live.events(), rows, strict=True) if row[5] is None)
    assert {kind: met[kind] for kind in arrow_frames.EVERY_KIND if met[kind] < 50} == {}
    assert len(live.trades()) > 2_000
    assert max(trade.aggressor_order_id for trade in live.trades()) > 5_000


@pytest.mark.parametrize("cut", [0, 1, 5_000, 9_999])
def test_a_log_may_be_applied_in_parts(cut: int) -> None:
    table = pl.DataFrame(EVERYTHING.events())
    table = pl.concat([table] * 500)[:10_000]
    whole, parts = Exchange(), Exchange()
    rows = rows_of(whole.apply_batch(table))
    assert rows_of(parts.apply_batch(table[:cut])) + rows_of(parts.apply_batch(table[cut:])) == rows
    assert_equal(parts, whole)


def test_a_batch_of_events_answers_with_a_row_for_each(ex: Exchange) -> None:
    for event in (
        Event.submit_limit("buy", 100, 10),
        Event.submit_limit("sell", 100, 4),
        Event.modify(1, 101, 7),
        Event.reduce(3, 2),
        Event.execute(3, 9),
        Event.cancel(3),
        Event.cancel(9),
        Event.modify(1, 101, 0),
        Event.submit_stop_market("sell", 50, 1),
        Event.submit_stop_market("sell", 101, 1),
        Event.cancel(4),
        Event.trade("buy", 100, 8),
        Event.submit_market("buy", 2),
    ):
        ex.apply(event)
    assert rows_of(Exchange().apply_batch(ex.events())) == [
        (1, "New", 0, 10, 0, None),
        (2, "Filled", 4, 0, 0, None),
        (3, "New", 0, 7, 0, None),
        (None, None, 0, 0, 2, None),
        (None, None, 5, 0, 0, None),
        (None, None, 0, 0, 0, "OrderNotActive"),
        (None, None, 0, 0, 0, "OrderNotFound"),
        (None, None, 0, 0, 0, "InvalidQuantity"),
        (4, "Pending", 0, 0, 0, None),
        (5, "Triggered", 0, 0, 0, None),
        (None, None, 0, 0, 1, None),
        (None, None, 8, 0, 0, None),
        (7, "Cancelled", 0, 0, 2, None),
    ]


# The fields that a kind needs, and those which have a default.
NEEDED: dict[str, dict[str, Any]] = {
    "submit_limit": {"side": "buy", "price": 5, "quantity": 6},
    "submit_market": {"side": "buy", "quantity": 6},
    "cancel": {"order_id": 7},
    "reduce": {"order_id": 7, "quantity": 6},
    "modify": {"order_id": 7, "price": 5, "quantity": 6},
    "submit_stop_market": {"side": "buy", "stop_price": 5, "quantity": 6},
    "submit_stop_limit": {"side": "sell", "stop_price": 5, "limit_price": 4, "quantity": 6},
    "submit_trailing_stop_market": {
        "side": "sell", "stop_price": 5, "quantity": 6, "trail_type": "atr", "trail_value": 2.5, "atr_period": 3
    },
    "submit_trailing_stop_limit": {
        "side": "sell", "stop_price": 5, "limit_price": 4, "quantity": 6, "trail_type": "fixed", "trail_value": 2
    },
    "execute": {"order_id": 7, "quantity": 6},
    "trade": {"side": "sell", "price": 5, "quantity": 6},
}  # fmt: skip
OTHER_NAMES = {
    "modify": {"price": "new_price", "quantity": "new_quantity"},
    "submit_trailing_stop_market": {"stop_price": "initial_stop_price"},
    "submit_trailing_stop_limit": {"stop_price": "initial_stop_price"},
}


def event_of(kind: str, fields: dict[str, Any]) -> Event:
    names = OTHER_NAMES.get(kind, {})
    return getattr(Event, kind)(**{names.get(name, name): value for name, value in fields.items()})


@pytest.mark.parametrize("kind", NEEDED)
def test_what_an_event_does_not_say_has_its_default(kind: str) -> None:
    fields = NEEDED[kind]
    assert set(NEEDED) == set(arrow_frames.EVERY_KIND)
    event = event_of(kind, fields)
    for table in (
        pl.DataFrame({"kind": [kind]} | {name: [value] for name, value in fields.items()}),
        pl.DataFrame({name: [fields.get(name)] for name in EVENTS} | {"kind": [kind]}),
    ):
        assert_applies(table, [event])


@pytest.mark.parametrize("kind", ["submit_limit", "submit_stop_limit", "submit_trailing_stop_limit"])
@pytest.mark.parametrize("tif", ["ioc", "FOK"])
def test_an_event_may_have_a_time_in_force(kind: str, tif: str) -> None:
    fields = NEEDED[kind] | {"tif": tif}
    table = pl.DataFrame({"kind": [kind]} | {name: [value] for name, value in fields.items()})
    assert_applies(table, [event_of(kind, fields)])


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind, fields in NEEDED.items() for field in fields], ids=str
)
def test_a_field_that_an_event_lacks_is_named_with_its_row(kind: str, field: str, used: Exchange) -> None:
    words = f"^row 1: '{kind}' needs '{field}'$"
    with_null = pl.DataFrame([{"kind": kind} | NEEDED[kind], {"kind": kind} | NEEDED[kind] | {field: None}])
    assert_refused(used.apply_batch, with_null, ValueError, words, used)
    used = Exchange()
    whole = {"kind": "submit_trailing_stop_market"} | NEEDED["submit_trailing_stop_market"] | {"limit_price": 1}
    without = pl.DataFrame([{"kind": kind} | NEEDED[kind]]).drop(field)
    assert_refused(used.apply_batch, without, ValueError, words.replace("1", "0", 1), used)
    if field in whole and kind != whole["kind"]:
        # Another row has it.
        other = pl.DataFrame([whole]), pl.DataFrame([{"kind": kind} | NEEDED[kind]]).drop(field)
        table = pl.concat(other, how="diagonal_relaxed")
        assert_refused(used.apply_batch, table, ValueError, words, used)


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"kind": "buy"}, ValueError, "column 'kind': row 1 holds 'buy', not a kind of event"),
        ({"kind": None}, ValueError, "column 'kind': row 1 holds null"),
        ({"side": "hold"}, ValueError, "column 'side': row 1 holds 'hold', not 'buy' or 'sell'"),
        ({"tif": "day"}, ValueError, "column 'tif': row 1 holds 'day', not 'gtc', 'ioc' or 'fok'"),
        ({"price": 0}, ValueError, "row 1: price is 0; it must be at least 1"),
        ({"price": -5}, ValueError, "row 1: price is -5; it must be at least 1"),
        ({"quantity": 0}, ValueError, "row 1: quantity is 0; it must be at least 1"),
        ({"quantity": -1}, ValueError, f"column 'quantity': row 1 holds -1, which is not {UINT64}"),
        ({"price": 5.5}, TypeError, "column 'price' holds Float64"),
        ({"matching": 1}, TypeError, "column 'matching' holds int64, not booleans"),
        ({"matching": False, "tif": "ioc"}, ValueError, "row 1: time in force is ioc; an order that does not match must"),
        ({"symbol": "TOOLONGER"}, ValueError, "row 1: the symbol is longer than 8 characters, or not ASCII"),
        ({"symbol": "Ä"}, ValueError, "row 1: the symbol is longer than 8 characters, or not ASCII"),
        ({"kind": "cancel", "order_id": -1}, ValueError, "column 'order_id': row 1 holds -1, which is not"),
        ({"kind": "submit_stop_market", "stop_price": 0}, ValueError, "row 1: stop price is 0; it must be"),
        ({"kind": "submit_stop_limit", "stop_price": 1, "limit_price": 0}, ValueError, "row 1: limit price is 0; it"),
        ({"kind": "modify", "order_id": 1, "price": 0}, ValueError, "row 1: price is 0; it must be at least 1"),
        ({"kind": "execute", "order_id": 1, "price": -1}, ValueError, "row 1: price is -1; it cannot be negative"),
        ({"kind": "trade", "price": -1}, ValueError, "row 1: price is -1; it cannot be negative"),
        ({"kind": "execute", "order_id": 1, "quantity": 0}, ValueError, "row 1: quantity is 0; it must be at least 1"),
    ],
)  # fmt: skip
def test_a_row_that_is_no_event_is_named_and_nothing_is_applied(
    fields: dict[str, Any], error: type[Exception], words: str, used: Exchange
) -> None:
    good = {"kind": "submit_limit", "side": "buy", "price": 100, "quantity": 1}
    if "order_id" in fields:
        good["order_id"] = 1
    table = pl.from_dicts([good, good | fields], infer_schema_length=None)
    assert_refused(used.apply_batch, table, error, re.escape(words), used)


@pytest.mark.parametrize(
    ("trail", "words"),
    [
        (("none", 1.0, 1), "column 'trail_type': row 1 holds 'none', not 'fixed', 'percentage' or 'atr'"),
        (("fixed", 1.5, None), "row 1: trail value is 1.5"),
        (("fixed", 0.0, None), "row 1: trail value is 0"),
        (("fixed", -1.0, None), "row 1: trail value is -1"),
        (("fixed", float("nan"), None), "row 1: trail value is nan"),
        (("fixed", 2.0**63, None), "row 1: trail value is 9223372036854775808"),
        (("percentage", 0.0, None), "row 1: trail value is 0"),
        (("percentage", float("nan"), None), "row 1: trail value is nan"),
        (("pct", -0.5, None), "row 1: trail value is -0.5"),
        (("atr", float("inf"), 14), "row 1: trail value is inf"),
        (("atr", -2.0, 14), "row 1: trail value is -2"),
        (("atr", 2.0, 0), "row 1: ATR period is 0; it must be at least 1"),
        (("atr", 2.0, 2**32), "column 'atr_period': row 1 holds 4294967296, which is not from 0 to 4294967295"),
        (("atr", 2.0, None), "row 1: 'submit_trailing_stop_market' needs 'atr_period'"),
    ],
    ids=str,
)
def test_a_trail_that_is_none_is_named_and_nothing_is_applied(trail: Row, words: str, used: Exchange) -> None:
    names = ("trail_type", "trail_value", "atr_period")
    good = {"kind": "submit_trailing_stop_market"} | NEEDED["submit_trailing_stop_market"]
    table = pl.from_dicts([good, good | dict(zip(names, trail, strict=True))])
    assert_refused(used.apply_batch, table, ValueError, re.escape(words), used)


@pytest.mark.parametrize("distance", [1, 2**53 - 1, 2**62])
def test_a_fixed_trail_is_exact_there_and_back(distance: int, ex: Exchange) -> None:
    ex.submit_trailing_stop_market("sell", 5, 1, "fixed", distance)
    assert_applies(ex.events(), ex.events())


@pytest.mark.parametrize(
    "trail", [("percentage", 0.1), ("percentage", 5e-324), ("pct", 1.7e308), ("atr", 1 / 3, 2**32 - 1)]
)
def test_a_trail_is_exact_there_and_back(trail: Row, ex: Exchange) -> None:
    ex.submit_trailing_stop_market("sell", 5, 1, *trail)
    assert_applies(ex.events(), ex.events())


def test_a_table_of_several_symbols_is_for_no_exchange(used: Exchange) -> None:
    several = MultiExchange()
    for symbol in ("A", "B", "A"):
        several.submit_limit(symbol, "buy", 5, 1)
    table = pl.DataFrame(several.events())
    assert_refused(used.apply_batch, table, ValueError, "several symbols, A and B among them: use a MultiExch", used)
    for symbol, count in (("A", 2), ("B", 1)):
        ex = Exchange()
        ex.apply_batch(table.filter(pl.col("symbol") == symbol))
        assert len(ex.events()) == count
        assert ex.state_hash() == several[symbol].state_hash()


def test_an_exchange_with_a_symbol_refuses_the_table_of_another() -> None:
    cancel = {"kind": ["cancel", "cancel"], "order_id": [1, 1]}
    ex = Exchange("ABC")
    table = pl.DataFrame(cancel | {"symbol": ["", "DEF"]})
    assert_refused(ex.apply_batch, table, ValueError, "symbols, ABC and DEF among them", ex)
    assert len(ex.apply_batch(pl.DataFrame(cancel | {"symbol": ["", "ABC"]}))) == 2
    assert len(ex.apply_batch(pl.DataFrame(cancel | {"symbol": [None, "ABC"]}))) == 2
    assert len(ex.apply_batch(pl.DataFrame(cancel))) == 2


def test_tables_of_two_symbols_do_not_meet_one_after_the_other_either(ex: Exchange) -> None:
    table = pl.DataFrame({"kind": ["submit_limit"], "side": ["buy"], "price": [5], "quantity": [1], "symbol": ["B"]})
    ex.apply_batch(table)
    other = table.with_columns(symbol=pl.lit("A"), side=pl.lit("sell"))
    assert_refused(ex.apply_batch, other, ValueError, "symbols, B and A", ex)


@pytest.mark.parametrize("column", ["kind", "side", "quantity", "symbol"])
def test_two_columns_of_events_of_a_name_are_refused(column: str, used: Exchange) -> None:
    table = pa.table(ALL_EVENTS)
    table = table.append_column(column, table[column])
    assert_refused(used.apply_batch, table, ValueError, f"^two columns are named '{column}'$", used)


def test_a_table_of_events_needs_kinds(used: Exchange) -> None:
    words = "^no column 'kind'; the columns are side, price, quantity$"
    assert_refused(used.apply_batch, pl.DataFrame(ORDER_COLUMNS), ValueError, words, used)


@pytest.mark.parametrize(
    "table",
    [pl.DataFrame({"kind": []}), Exchange().events(), pl.DataFrame(ALL_EVENTS)[:0]],
    ids=["without types", "sequence", "polars"],
)
def test_a_table_without_events_does_nothing(table: Any, used: Exchange) -> None:
    before = used.state_hash()
    assert rows_of(used.apply_batch(table)) == []
    assert used.state_hash() == before
    assert len(used.events()) == 5


# ---------------------------------------------------------------------- large batches

MANY = 2_000_000


@pytest.mark.parametrize("method", ["submit_batch", "apply_batch"])
def test_other_threads_run_during_a_large_batch(method: str, ex: Exchange) -> None:
    table = alternating(MANY)
    ticks: list[float] = []
    done = threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.0002)

    thread = threading.Thread(target=tick)
    thread.start()
    begin = time.perf_counter()
    result = getattr(ex, method)(table)
    end = time.perf_counter()
    done.set()
    thread.join()
    # While the table is read, others wait; and at the end, this thread may have to wait for them.
    length = end - begin
    assert any(0.5 < (tick - begin) / length < 0.95 for tick in ticks), f"{length} s without others"

    answers = pl.DataFrame(result)
    assert (answers["order_id"] == pl.int_range(1, MANY + 1, eager=True)).all()
    assert (answers["status"].gather_every(2) == "New").all()
    assert (answers["status"].gather_every(2, offset=1) == "Filled").all()
    assert len(ex.trades()) == MANY // 2
    assert Exchange.replay(ex.events()).state_hash() == ex.state_hash()


@pytest.mark.parametrize("method", ["submit_batch", "apply_batch"])
def test_ctrl_c_ends_a_large_batch_and_leaves_the_exchange_whole(method: str) -> None:
    code = """
        import os, signal, sys, threading
        import numpy as np, polars as pl
        from nanobook import Exchange

        rows = 3_500_000
        side = pl.Series(np.arange(rows) % 2).replace_strict({0: "buy", 1: "sell"}, return_dtype=pl.Categorical)
        table = pl.DataFrame({"kind": "submit_limit", "side": side}).with_columns(price=100, quantity=1)
        begin = threading.Event()

        def interrupt():
            begin.wait()
            os.kill(os.getpid(), signal.SIGINT)

        class Frame:
            def __arrow_c_stream__(self, requested_schema=None):
                stream = table.__arrow_c_stream__()
                begin.set()
                return stream

        # No thread runs until this one lets others run, which it does in the batch.
        sys.setswitchinterval(1000)
        threading.Thread(target=interrupt, daemon=True).start()
        ex = Exchange()
        try:
            getattr(ex, sys.argv[1])(Frame())
        except KeyboardInterrupt:
            events = len(ex.events())
            print(events < rows, Exchange.replay(ex.events()).state_hash() == ex.state_hash())
            print(ex.submit_limit("buy", 1, 1).order_id == events + 1, len(ex.trades()) == events // 2)
    """
    assert assert_runs(code, method) == "True True\nTrue True\n"


@pytest.mark.parametrize("meanwhile", ["ex.full_book(), ex.orders(), ex.trades()[-5:]", "ex.submit_batch(few)"])
def test_other_threads_may_use_an_exchange_to_which_a_batch_is_submitted(meanwhile: str) -> None:
    # They may be told to wait, but nothing is torn and nothing crashes.
    code = f"""
        import threading
        import numpy as np, polars as pl
        from nanobook import Exchange
        number = np.arange(500_000)
        many = pl.DataFrame({{"side": number % 2, "price": 1 + number * 7919 % 100_003, "quantity": 1 + number % 7}})
        few = many[:1000]
        ex = Exchange()
        done = threading.Event()

        def use():
            while not done.is_set():
                try:
                    {meanwhile}
                except RuntimeError:
                    pass

        thread = threading.Thread(target=use)
        thread.start()
        while not done.is_set():
            try:
                ex.submit_batch(many)
                done.set()
            except RuntimeError:
                pass
        thread.join()
        print(Exchange.replay(ex.events()).state_hash() == ex.state_hash())
    """
    assert assert_runs(code) == "True\n"
