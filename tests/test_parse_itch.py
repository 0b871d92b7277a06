"""An ITCH file as a lazy list of events, and what exchanges make of it."""

import contextlib
import copy
import gzip
import itertools
import pickle
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import nanobook
from nanobook import Event, Exchange, MultiExchange, itch
from reference_itch import encode, frame

SharedFile = Callable[[str], Path]
AAPL = "aapl_20200130_premarket_10k.itch"
HOUR = 3_600_000_000_000
UNTILS = (None, 0, 4 * HOUR, 8 * HOUR, 9 * HOUR + HOUR // 2, 10 * HOUR, 16 * HOUR)


def add(ref: int, side: str, shares: int, price: int, stock: str = "ABC", locate: int = 1, timestamp: int = 0) -> bytes:
    return encode("A", locate=locate, timestamp=timestamp, ref=ref, side=side, shares=shares, stock=stock, price=price)


def execute(ref: int, shares: int, match: int, locate: int = 1, timestamp: int = 0) -> bytes:
    return encode("E", locate=locate, timestamp=timestamp, ref=ref, shares=shares, match=match)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(*payloads: bytes) -> Path:
        path = tmp_path / "file.itch"
        path.write_bytes(frame(*payloads))
        return path

    return write


@pytest.fixture(scope="module")
def long_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic day of 12 MB, which is read in a dozen pieces."""
    return itch.synthesize(tmp_path_factory.mktemp("long") / "day.itch", messages=400_000, symbols=300, seed=3)


@pytest.fixture(scope="module")
def zipped(long_day: Path) -> Path:
    path = long_day.with_suffix(".itch.gz")
    with open(long_day, "rb") as source, gzip.open(path, "wb", compresslevel=1) as target:
        shutil.copyfileobj(source, target)
    return path


@pytest.fixture(scope="module")
def events(day: Path) -> list[Event]:
    """All events of the short day."""
    return list(nanobook.parse_itch(day))


def book_of(exchange: Exchange) -> tuple[Any, ...]:
    """Every level and every order, in the words of Books."""
    book = exchange.full_book()
    orders = [("B" if o.side == "buy" else "S", o.price, o.remaining_quantity) for o in exchange.orders()]
    return ([tuple(level) for level in book.bids], [tuple(level) for level in book.asks], orders)


def book_in(books: itch.Books, symbol: str) -> tuple[Any, ...]:
    book = books.depth(symbol, 1_000_000)
    orders = [order[1:] for order in books.orders(symbol)]
    return ([tuple(level) for level in book.bids], [tuple(level) for level in book.asks], orders)


def prints_of(path: Path, symbol: str | None = None, until: int | None = None) -> int:
    """Messages E, P and printable C."""
    messages = itch.open(path).messages("ECP", symbol=symbol)
    if until is not None:
        messages = itertools.takewhile(lambda message: message.timestamp <= until, messages)
    return sum(message.as_dict().get("printable") != "N" for message in messages)


# Exchanges that are told the events.


def test_the_events_of_the_aapl_slice_are_its_messages(shared_file: SharedFile) -> None:
    events = nanobook.parse_itch(shared_file(AAPL))
    assert Counter(event.kind for event in events) == {
        "submit_limit": 4758 + 2, "cancel": 4083, "execute": 849, "trade": 240, "modify": 7, "reduce": 6
    }  # fmt: skip
    assert len(events) == 9945
    assert events.symbols == ["AAPL"]
    assert not events.report


@pytest.mark.parametrize("until", [None, *(quarter * HOUR // 4 for quarter in range(13, 32, 2))])
def test_an_exchange_has_the_book_and_the_trades_of_the_aapl_slice(until: int | None, shared_file: SharedFile) -> None:
    path = shared_file(AAPL)
    exchange = Exchange.replay(nanobook.parse_itch(path, until=until))
    assert book_of(exchange) == book_in(itch.open(path).replay(until=until), "AAPL")
    assert len(exchange.trades()) == prints_of(path, until=until)


@pytest.mark.parametrize("until", UNTILS)
def test_exchanges_have_the_books_of_a_day(until: int | None, day: Path) -> None:
    exchanges = MultiExchange.replay(nanobook.parse_itch(day, until=until))
    books = itch.open(day).replay(until=until)
    for row in books.stats():
        exchange = exchanges[row.symbol] if row.symbol in exchanges else Exchange()
        assert book_of(exchange) == book_in(books, row.symbol), row.symbol
        assert len(exchange.trades()) == prints_of(day, row.symbol, until), row.symbol


def test_exchanges_have_the_books_of_a_longer_day(long_day: Path) -> None:
    exchanges = MultiExchange.replay(nanobook.parse_itch(long_day, until="11:00"))
    books = itch.open(long_day).replay(until="11:00")
    for symbol in exchanges:
        assert book_of(exchanges[symbol]) == book_in(books, symbol), symbol
    assert sum(len(exchanges[symbol].trades()) for symbol in exchanges) == prints_of(long_day, until=11 * HOUR)


@pytest.mark.parametrize("until", UNTILS)
def test_one_symbol_of_a_day_has_its_book(until: int | None, day: Path) -> None:
    books = itch.open(day).replay(until=until)
    exchange = Exchange.replay(nanobook.parse_itch(day, "AAPL", until=until))
    assert book_of(exchange) == (book_in(books, "AAPL") if until != 0 else ([], [], []))
    assert len(exchange.trades()) == prints_of(day, "AAPL", until)


def test_trades_are_the_prints_of_the_messages(day: Path) -> None:
    trades = Exchange.replay(nanobook.parse_itch(day, "AAPL")).trades()
    own = {message.ref: message.price for message in itch.open(day).messages("AF", "AAPL")}
    own |= {message.new_ref: message.price for message in itch.open(day).messages("U", "AAPL")}
    prints = [
        (message.as_dict().get("price", own.get(message.ref)), message.shares)
        for message in itch.open(day).messages("ECP", "AAPL")
        if message.as_dict().get("printable") != "N"
    ]
    assert [(trade.price, trade.quantity) for trade in trades] == prints


def test_a_stream_and_a_list_of_its_events_make_equal_exchanges(day: Path) -> None:
    events = nanobook.parse_itch(day, "AAPL")
    replayed = Exchange.replay(events)
    assert replayed.state_hash() == Exchange.replay(list(events)).state_hash()
    assert [event.to_dict() for event in replayed.events()] == [
        {name: value for name, value in event.to_dict().items() if name != "symbol"} for event in events
    ]


def test_a_stream_and_a_list_of_several_symbols_make_equal_exchanges(day: Path, events: list[Event]) -> None:
    one_by_one = MultiExchange()
    for event in events:
        one_by_one.apply(event)
    at_once = MultiExchange()
    at_once.apply_all(events)
    streamed = MultiExchange()
    streamed.apply_all(nanobook.parse_itch(day))
    expected = one_by_one.state_hash()
    assert (at_once.state_hash(), streamed.state_hash()) == (expected, expected)
    assert MultiExchange.replay(nanobook.parse_itch(day)).state_hash() == expected
    assert streamed.events() == one_by_one.events()


def test_an_exchange_takes_the_scale_and_the_symbol_of_the_stream(day: Path) -> None:
    events = nanobook.parse_itch(day, "AAPL")
    assert events.price_scale == 4
    exchange = Exchange.replay(events)
    assert (exchange.price_scale, exchange.symbol) == (4, "AAPL")
    assert exchange.trades()[0].price_float == exchange.trades()[0].price / 10_000
    exchanges = MultiExchange.replay(nanobook.parse_itch(day))
    assert exchanges["AAPL"].price_scale == 4


def test_a_scale_that_is_not_that_of_the_stream_is_refused(day: Path) -> None:
    for replay in (Exchange.replay, MultiExchange.replay):
        with pytest.raises(ValueError, match="price scale is 2, but the prices of the events have 4 decimals"):
            replay(nanobook.parse_itch(day, "AAPL"), price_scale=2)
        replay(nanobook.parse_itch(day, "AAPL"), price_scale=4)


def test_one_exchange_for_several_symbols_is_an_error_that_says_what_to_do(write: Callable[..., Path]) -> None:
    path = write(add(1, "B", 1, 5, "AAPL", 1), add(2, "B", 1, 5, "MSFT", 2))
    with pytest.raises(
        ValueError, match=r'several symbols, AAPL and MSFT .*MultiExchange.*parse_itch\(path, symbol="AAPL"\)'
    ):
        Exchange.replay(nanobook.parse_itch(path))
    with pytest.raises(ValueError, match=r"several symbols, MSFT and AAPL "):
        Exchange.replay(nanobook.parse_itch(path, "AAPL"), symbol="MSFT")


def test_an_exchange_that_is_told_of_several_symbols_stays_as_it_was(write: Callable[..., Path]) -> None:
    path = write(add(1, "B", 1, 5, "AAPL", 1), add(2, "B", 1, 5, "MSFT", 2))
    for symbol in ("", "AAPL", "MSFT"):
        exchange = Exchange(symbol)
        with pytest.raises(ValueError, match="several symbols"):
            exchange.apply_all(nanobook.parse_itch(path))
        assert (len(exchange.events()), exchange.symbol) == (0, symbol)


def test_a_file_of_one_symbol_needs_no_choice(write: Callable[..., Path]) -> None:
    exchange = Exchange()
    exchange.apply_all(nanobook.parse_itch(write(encode("R", locate=2, stock="DEF"), add(1, "B", 1, 5))))
    assert (exchange.best_bid(), exchange.symbol) == (5, "ABC")


def test_events_of_some_symbols_are_those_among_all(day: Path, events: list[Event]) -> None:
    names = sorted({event.symbol for event in events})[:3]
    assert list(nanobook.parse_itch(day, names)) == [event for event in events if event.symbol in names]


def test_a_symbol_that_the_file_does_not_have_has_no_events(day: Path) -> None:
    events = nanobook.parse_itch(day, "NOSUCH")
    assert (len(events), list(events), bool(events), events.symbols) == (0, [], False, [])
    assert len(pl.DataFrame(events)) == 0
    assert Exchange.replay(events).symbol == "NOSUCH"


def test_symbols_that_cannot_be_are_refused(day: Path) -> None:
    with pytest.raises(ValueError, match="'LONGSYMBOL' is longer than 8 characters"):
        nanobook.parse_itch(day, "LONGSYMBOL")
    with pytest.raises(ValueError, match="no symbol named"):
        nanobook.parse_itch(day, [])


# Own orders in between.


def test_a_stop_fires_on_a_later_print_of_the_feed(write: Callable[..., Path]) -> None:
    path = write(
        add(1, "S", 100, 50, timestamp=1),
        add(2, "S", 100, 60, timestamp=2),
        execute(1, 100, 1, timestamp=3),
        execute(2, 40, 2, timestamp=4),
    )
    exchange = Exchange(price_scale=4)
    feed = nanobook.parse_itch(path).feed(exchange)
    assert feed.run(until=3) == 3
    stop = exchange.submit_stop_market("buy", 60, 25)
    assert feed.run() == 1
    assert exchange.get_stop_order(stop.order_id).status == "Triggered"
    assert [(trade.price, trade.quantity) for trade in exchange.trades()] == [(50, 100), (60, 40), (60, 25)]
    assert exchange.orders()[0].remaining_quantity == 100 - 40 - 25


def test_a_feed_in_parts_keeps_the_book_whatever_ids_others_take(shared_file: SharedFile) -> None:
    path = shared_file(AAPL)
    events = nanobook.parse_itch(path)
    books = itch.open(path).replay()
    exchange = Exchange(price_scale=4)
    feed = events.feed(exchange)
    stops = []
    while feed.run(700):
        # It fires, and rests far off the book: one more id taken while the feed goes on.
        last = exchange.last_trade_price() or 1
        stops.append(exchange.submit_stop_limit("buy", last + 1, 1, 7).order_id)
    own = [order for order in exchange.orders() if order.stop_id is not None]
    assert len(own) == sum(exchange.get_stop_order(stop).status == "Triggered" for stop in stops) > 3
    for order in own:
        exchange.cancel(order.order_id)
    assert book_of(exchange) == book_in(books, "AAPL")
    assert len(exchange.trades()) == prints_of(path)


def test_a_feed_of_several_symbols_keeps_every_book(long_day: Path) -> None:
    exchanges = MultiExchange(price_scale=4)
    feed = nanobook.parse_itch(long_day).feed(exchanges)
    for hour in range(5, 12):
        feed.run(until=hour * HOUR)
        for symbol in exchanges:
            # Twice the highest price there is: it never fires.
            exchanges.submit_stop_market(symbol, "buy", 4_000_000_000, 1)
    books = itch.open(long_day).replay(until=11 * HOUR)
    for symbol in exchanges:
        assert book_of(exchanges[symbol]) == book_in(books, symbol), symbol


def test_a_stream_is_right_for_an_exchange_that_has_orders_already(day: Path) -> None:
    exchange = Exchange("AAPL", price_scale=4)
    order = exchange.submit_limit("buy", 1, 5).order_id
    for _ in range(2):
        exchange.apply_all(nanobook.parse_itch(day, "AAPL"))
    assert [resting.order_id for resting in exchange.orders()] == [order]
    assert len(exchange.trades()) == 2 * prints_of(day, "AAPL")


def test_a_feed_is_an_iterator_of_what_it_tells(day: Path) -> None:
    exchange = Exchange("AAPL", price_scale=4)
    exchange.submit_limit("buy", 1, 5)
    count = 0
    for event in nanobook.parse_itch(day, "AAPL").feed(exchange):
        count += 1
        if event.kind in ("reduce", "cancel", "execute"):
            assert exchange.get_order(event.order_id) is not None
            assert event.order_id > 1
    assert count == len(nanobook.parse_itch(day, "AAPL")) == len(exchange.events()) - 1
    assert len(exchange.orders()) == 1


def test_the_iterator_feeds_several_symbols(day: Path) -> None:
    exchanges = MultiExchange(price_scale=4)
    told = list(nanobook.parse_itch(day).feed(exchanges))
    assert told == list(nanobook.parse_itch(day))
    assert exchanges.state_hash() == MultiExchange.replay(told).state_hash()


def test_what_own_orders_took_is_not_there_for_the_feed(write: Callable[..., Path]) -> None:
    path = write(
        add(1, "S", 100, 50),
        add(2, "S", 10, 60),
        encode("U", locate=1, old_ref=1, new_ref=3, shares=100, price=55),
        execute(3, 10, 1),
        execute(2, 10, 2),
    )
    exchange = Exchange("ABC", price_scale=4)
    feed = nanobook.parse_itch(path).feed(exchange)
    feed.run(2)
    exchange.submit_limit("buy", 50, 100)
    assert [event.kind for event in feed] == ["modify", "execute", "execute"]
    assert [(trade.price, trade.quantity) for trade in exchange.trades()] == [(50, 100), (60, 10)]
    assert len(exchange.orders()) == 0


def test_a_journal_holds_what_a_stream_told(day: Path, tmp_path: Path) -> None:
    with nanobook.open_journal(tmp_path / "day.journal", "AAPL", price_scale=4) as exchange:
        exchange.apply_all(nanobook.parse_itch(day, "AAPL", until="10:00"))
        state = exchange.state_hash()
    with nanobook.open_journal(tmp_path / "day.journal") as exchange:
        assert exchange.state_hash() == state


def test_a_feed_goes_to_exchanges_only(day: Path) -> None:
    with pytest.raises(TypeError, match="an Exchange or a MultiExchange"):
        nanobook.parse_itch(day).feed([])  # type: ignore[arg-type]


# Like a list.


@pytest.mark.parametrize("index", [0, 1, 7, 5000, -1, -2, -5000])
def test_an_index_gives_the_event_there(index: int, day: Path, events: list[Event]) -> None:
    assert nanobook.parse_itch(day)[index] == events[index]


def test_indices_may_jump(day: Path, events: list[Event]) -> None:
    stream = nanobook.parse_itch(day)
    for index in (3, 900, 901, 900, 2, 15_000, -1, 0, len(events) - 1, -len(events)):
        assert stream[index] == events[index], index


def test_an_index_out_of_range_is_an_index_error(day: Path, events: list[Event]) -> None:
    for index in (len(events), -len(events) - 1, 1 << 62, -(1 << 62)):
        stream = nanobook.parse_itch(day)
        with pytest.raises(IndexError, match="out of range"):
            stream[index]
        assert stream[0] == events[0]
    with pytest.raises(TypeError):
        nanobook.parse_itch(day)["0"]  # type: ignore[call-overload]


BOUNDS = (None, 0, 1, 100, 15_000, 1_000_000, -1, -100, -1_000_000)


@pytest.mark.parametrize("step", [None, 1, 2, 997, -1, -3, -100_000])
def test_slices_are_lists(step: int | None, day: Path, events: list[Event]) -> None:
    stream = nanobook.parse_itch(day)
    for start, stop in itertools.product(BOUNDS, repeat=2):
        some = stream[start:stop:step]
        assert type(some) is list
        assert some == events[start:stop:step], (start, stop)


def test_a_slice_of_step_0_is_refused(day: Path) -> None:
    with pytest.raises(ValueError, match="zero"):
        nanobook.parse_itch(day)[::0]


def test_a_stream_walks_backwards(long_day: Path) -> None:
    stream = nanobook.parse_itch(long_day, ["AAPL", "MSFT"])
    assert list(reversed(stream)) == list(stream)[::-1]


def test_iterators_are_independent(day: Path, events: list[Event]) -> None:
    stream = nanobook.parse_itch(day)
    first, second = iter(stream), iter(stream)
    assert [next(first) for _ in range(100)] == events[:100]
    assert next(second) == events[0]
    assert stream[50] == events[50]
    assert list(first) == events[100:]
    assert list(first) == []
    assert list(second) == events[1:]


def test_a_stream_is_true_where_it_has_events(day: Path, write: Callable[..., Path]) -> None:
    assert nanobook.parse_itch(day)
    assert not nanobook.parse_itch(write(encode("S")))


def test_a_file_without_events_makes_an_empty_exchange(write: Callable[..., Path]) -> None:
    events = nanobook.parse_itch(write(encode("S"), encode("R", locate=1, stock="ABC")))
    assert (len(events), events[:], list(events)) == (0, [], [])
    assert Exchange.replay(events).symbol == ""
    assert len(MultiExchange.replay(events)) == 0


def test_the_symbols_are_those_that_have_events(write: Callable[..., Path]) -> None:
    path = write(encode("R", locate=3, stock="NONE"), add(1, "B", 1, 5, "ZZ", 1), add(2, "B", 1, 5, "AA", 2))
    assert nanobook.parse_itch(path).symbols == ["AA", "ZZ"]


def test_a_symbol_may_be_of_any_bytes(write: Callable[..., Path]) -> None:
    assert nanobook.parse_itch(write(add(1, "B", 1, 5, "A\xff\x01"))).symbols == ["A\xff\x01"]


def test_the_report_tells_what_was_odd(write: Callable[..., Path]) -> None:
    events = nanobook.parse_itch(write(add(1, "B", 1, 5), execute(9, 1, 1), encode("D", locate=1, ref=1)))
    assert [event.kind for event in events] == ["submit_limit", "cancel"]
    assert events.report.counts() == {"unknown_reference": {"E": 1}}


def test_the_repr_needs_no_file(day: Path) -> None:
    stream = nanobook.parse_itch(day, "AAPL", until="09:45", strict=True, progress=refuse)
    assert repr(stream) == f"nanobook.parse_itch({str(day)!r}, symbol='AAPL', until=35100000000000, strict=True)"
    assert repr(nanobook.parse_itch(str(day), progress=refuse)) == f"nanobook.parse_itch({str(day)!r})"


def refuse(done: int, total: int) -> None:
    raise AssertionError(f"{done} of {total} bytes were read")


def test_a_stream_can_be_copied_and_pickled(day: Path) -> None:
    stream = nanobook.parse_itch(day, ["AAPL", "MSFT"], until="10:00")
    expected = list(stream)
    for other in (copy.copy(stream), copy.deepcopy(stream), pickle.loads(pickle.dumps(stream))):
        assert list(other) == expected
        assert repr(other) == repr(stream)


# Tables.


def rows_of(events: Iterable[Event]) -> Iterator[dict[str, Any]]:
    for event in events:
        yield {name: value for name, value in event.to_dict().items() if name not in ("matching", "printable")}


@pytest.mark.parametrize("symbol", [None, "AAPL"])
def test_a_table_has_a_row_an_event(symbol: str | None, day: Path) -> None:
    events = nanobook.parse_itch(day, symbol)
    table = pl.DataFrame(events)
    renamed = {"new_price": "price", "new_quantity": "quantity"}
    rows = [
        {name: value for name, value in row.items() if value is not None and name not in ("matching", "printable")}
        for row in table.drop("timestamp").to_dicts()
    ]
    assert rows == [{renamed.get(name, name): value for name, value in row.items()} for row in rows_of(events)]


def test_a_table_has_the_times_of_the_messages(write: Callable[..., Path]) -> None:
    path = write(add(1, "B", 1, 5, timestamp=7), encode("S", timestamp=8), execute(1, 1, 1, timestamp=9))
    assert pl.DataFrame(nanobook.parse_itch(path))["timestamp"].to_list() == [7, 9]


def test_tables_come_one_by_one(long_day: Path) -> None:
    done = [0]
    events = nanobook.parse_itch(long_day, progress=lambda now, _: done.append(now))
    reader = pa.RecordBatchReader.from_stream(events)
    size = long_day.stat().st_size
    assert 0 < done[-1] < size
    counts = [batch.num_rows for batch in reader]
    assert len(counts) > 2
    assert done[-1] == size
    assert sum(counts) == len(events)


def test_several_tables_are_one_table(long_day: Path) -> None:
    events = nanobook.parse_itch(long_day)
    table = pl.DataFrame(events)
    assert len(table) == len(events)
    counted = dict(table.group_by("symbol").len().rows())
    assert counted == Counter(event.symbol for event in events)
    assert dict(table.group_by("kind").len().rows()) == Counter(event.kind for event in events)


def test_other_readers_of_arrow_read_them(long_day: Path) -> None:
    pd = pytest.importorskip("pandas")
    events = nanobook.parse_itch(long_day, "AAPL")
    table = pa.table(events)
    assert table.num_rows == len(events)
    assert len(pd.DataFrame({"price": table["price"].to_pandas()})) == len(events)


# Files.


def test_gzipped_is_the_same_as_plain(long_day: Path, zipped: Path) -> None:
    plain, packed = nanobook.parse_itch(long_day), nanobook.parse_itch(zipped)
    assert len(packed) == len(plain)
    assert all(a == b for a, b in zip(packed, plain, strict=True))
    assert packed[200_000:200_010] == plain[200_000:200_010]
    assert packed[-1] == plain[-1]
    assert packed.symbols == plain.symbols
    assert MultiExchange.replay(packed).state_hash() == MultiExchange.replay(plain).state_hash()
    assert pl.DataFrame(packed).equals(pl.DataFrame(plain))


def test_gzip_data_that_is_cut_off_is_an_itch_error(zipped: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.itch.gz"
    path.write_bytes(zipped.read_bytes()[: zipped.stat().st_size // 2])
    events = nanobook.parse_itch(path)
    for question in (len, list, MultiExchange.replay, lambda stream: stream[-1]):
        with pytest.raises(itch.ItchError, match="gzip data is corrupt or cut off"):
            question(events)


def test_a_cut_file_has_the_events_before_the_cut(day: Path, events: list[Event], tmp_path: Path) -> None:
    path = tmp_path / "cut.itch"
    path.write_bytes(day.read_bytes()[:-5])
    stream = nanobook.parse_itch(path)
    assert list(stream) == events[: len(stream)]
    assert len(stream) >= len(events) - 1
    assert stream.report.truncated_at is not None


def test_a_cut_file_is_an_error_where_it_is_read_strictly(day: Path, events: list[Event], tmp_path: Path) -> None:
    path = tmp_path / "cut.itch"
    path.write_bytes(day.read_bytes()[:-5])
    stream = nanobook.parse_itch(path, strict=True)
    assert stream[:100] == events[:100]
    for question in (len, list, MultiExchange.replay, lambda stream: stream.report):
        with pytest.raises(itch.ItchError, match="the end is cut off"):
            question(stream)


def test_a_strict_stream_gives_the_events_before_the_odd_one(write: Callable[..., Path]) -> None:
    path = write(add(1, "B", 1, 5), add(2, "B", 1, 6), execute(9, 1, 1), add(3, "B", 1, 7))
    stream = iter(nanobook.parse_itch(path, strict=True))
    assert [next(stream).price for _ in range(2)] == [5, 6]
    with pytest.raises(itch.ItchError, match="names order 9, which does not rest") as error:
        next(stream)
    assert error.value.type == "E"


def test_what_is_no_time_of_day_is_refused(day: Path) -> None:
    with pytest.raises(ValueError, match="not a time of day"):
        nanobook.parse_itch(day, until="half past nine")


def test_what_is_no_itch_file_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        nanobook.parse_itch(tmp_path / "nothing.itch")
    path = tmp_path / "text.itch"
    path.write_text("this is no market data\n" * 100)
    with pytest.raises(itch.ItchError, match="not an ITCH"):
        nanobook.parse_itch(path)


def test_a_file_of_zero_prefixes_is_a_stream_too(shared_file: SharedFile) -> None:
    path = shared_file("ritch_zero_length_prefix.itch")
    books = itch.open(path).replay()
    exchanges = MultiExchange.replay(nanobook.parse_itch(path))
    for symbol in exchanges:
        assert book_of(exchanges[symbol]) == book_in(books, symbol)
    assert list(nanobook.parse_itch(path)) == list(nanobook.parse_itch(path.with_suffix(".itch.gz")))


# What is read, and what is kept.


@pytest.mark.parametrize(
    "question",
    [
        lambda stream: next(iter(stream)),
        lambda stream: stream[0],
        lambda stream: stream[10:20],
        lambda stream: bool(stream),
        lambda stream: stream.feed(MultiExchange()).run(10),
    ],
)
def test_the_first_events_need_the_beginning_of_the_file(question: Callable[[Any], object], long_day: Path) -> None:
    done = [0]
    question(nanobook.parse_itch(long_day, progress=lambda now, _: done.append(now)))
    assert done[-1] < long_day.stat().st_size / 2


def test_the_file_is_counted_once(long_day: Path) -> None:
    seen: list[int] = []
    stream = nanobook.parse_itch(long_day, progress=lambda done, _: seen.append(done))
    count = sum(1 for _ in stream)
    seen.clear()
    assert (len(stream), len(stream.symbols), bool(stream.report)) == (count, 300, False)
    assert seen == []


@pytest.mark.parametrize("name", ["long_day", "zipped"])
def test_progress_goes_from_some_bytes_to_all(name: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(name)
    seen: list[tuple[int, int]] = []
    len(nanobook.parse_itch(path, until="15:00", progress=lambda done, total: seen.append((done, total))))
    size = path.stat().st_size
    assert [total for _, total in seen] == [size] * len(seen)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len(seen) > 3
    assert seen[-1] == (size, size)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_follow_the_events(long_day: Path) -> None:
    def kilobytes() -> int:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1])
        raise AssertionError

    stream = nanobook.parse_itch(long_day)
    for _ in stream:
        break
    before = kilobytes()
    # 400,000 events of 48 bytes and an object each would be 40 MB.
    for _ in range(2):
        assert sum(1 for _ in stream) > 390_000
    stream[-1]
    assert kilobytes() - before < 16_000


QUESTIONS: dict[str, Callable[[Any], object]] = {
    "len": len,
    "list": list,
    "index": lambda stream: stream[300_000],
    "slice": lambda stream: stream[::1000],
    "replay": MultiExchange.replay,
    "apply_all": lambda stream: MultiExchange().apply_all(stream),
    "apply_all to one": lambda stream: Exchange().apply_all(stream),
    "feed": lambda stream: stream.feed(MultiExchange()).run(),
    "table": pl.DataFrame,
}


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("name", ["long_day", "zipped"])
def test_ctrl_c_stops_it(question: str, name: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(name)
    calls = 0

    def interrupt(done: int, _: int) -> None:
        nonlocal calls
        calls += 1
        if done > 0:
            signal.raise_signal(signal.SIGINT)

    stream = nanobook.parse_itch(path, "AAPL" if question == "apply_all to one" else None, progress=interrupt)
    with pytest.raises(KeyboardInterrupt):
        QUESTIONS[question](stream)
    assert calls == 1


@pytest.mark.parametrize("read", [pa.table, pl.DataFrame])
def test_ctrl_c_stops_a_reader_of_tables(read: Callable[[Any], object], long_day: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done > total / 2:
            signal.raise_signal(signal.SIGINT)

    try:
        try:
            read(nanobook.parse_itch(long_day, progress=interrupt))
        except (OSError, pl.exceptions.ComputeError):
            # The reader's own error; Ctrl-C comes right behind it.
            for _ in range(1000):
                time.sleep(0.001)
    except KeyboardInterrupt:
        return
    pytest.fail("it went on")


def test_a_feed_goes_on_after_ctrl_c(long_day: Path) -> None:
    exchanges = MultiExchange(price_scale=4)
    feed = nanobook.parse_itch(long_day).feed(exchanges)

    def interrupt(_: int, frame: FrameType | None) -> None:
        # An exception while bytes are fetched is the end of them: Feed.run itself shall see it.
        if frame is not None and frame.f_code.co_name == "run":
            raise KeyboardInterrupt
        signal.setitimer(signal.ITIMER_REAL, 0.001)

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        with pytest.raises(KeyboardInterrupt):
            feed.run()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert feed.run() > 0
    assert exchanges.state_hash() == MultiExchange.replay(nanobook.parse_itch(long_day)).state_hash()


def test_a_feed_whose_file_breaks_off_says_so(long_day: Path) -> None:
    exchanges = MultiExchange(price_scale=4)
    feed = nanobook.parse_itch(long_day, progress=refuse).feed(exchanges)
    with pytest.raises(AssertionError, match="bytes were read"):
        feed.run()
    with pytest.raises(RuntimeError, match="broke off: begin anew"):
        feed.run()


def test_a_feed_keeps_off_an_exchange_at_work(long_day: Path) -> None:
    exchange = Exchange("AAPL", price_scale=4)
    feed = nanobook.parse_itch(long_day, "AAPL").feed(exchange)
    orders = pl.DataFrame({"side": ["buy"] * 1_000_000, "price": [1] * 1_000_000, "quantity": [1] * 1_000_000})
    batch = threading.Thread(target=exchange.submit_batch, args=[orders])
    batch.start()
    told = 0
    while batch.is_alive():
        with contextlib.suppress(RuntimeError):
            told += feed.run(1)
    batch.join()
    told += feed.run()
    assert told == len(nanobook.parse_itch(long_day, "AAPL"))
    assert len(exchange.orders("buy")) == 1_000_000


def test_other_threads_ask_meanwhile(long_day: Path) -> None:
    stream = nanobook.parse_itch(long_day)
    expected = list(itertools.islice(stream, 0, None, 10_000))
    wrong: list[int] = []

    def ask(first: int) -> None:
        for index in range(first, len(expected), 7):
            if stream[index * 10_000] != expected[index]:
                wrong.append(index)

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
