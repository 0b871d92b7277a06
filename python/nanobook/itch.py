"""NASDAQ TotalView-ITCH 5.0: open a file, see what is in it, and turn it into order books.

    import nanobook

    with nanobook.itch.open("01302020.NASDAQ_ITCH50.gz") as day:
        books = day.replay(until="09:45")
        print(books.depth("AAPL", 10).bids)

Prices are integers of four decimals: 1_500_000 is $150.00. Times are nanoseconds since midnight, US/Eastern.
"""

from __future__ import annotations

import builtins
import contextlib
import datetime
import functools
import os
import stat
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self, TypeVar

from nanobook._core import BookSnapshot, Exchange, LevelView, MultiExchange, itch as _itch
from nanobook._core.itch import (
    AddOrder,
    AddOrderMpid,
    BrokenTrade,
    CrossTrade,
    DirectListing,
    Finding,
    IpoQuotingPeriod,
    LuldAuctionCollar,
    MarketParticipantPosition,
    Message,
    MwcbDeclineLevel,
    MwcbStatus,
    Noii,
    OperationalHalt,
    OrderCancel,
    OrderDelete,
    OrderExecuted,
    OrderExecutedWithPrice,
    OrderReplace,
    RegSho,
    Report,
    RetailPriceImprovement,
    StockDirectory,
    SystemEvent,
    Trade,
    TradingAction,
)

__all__ = [
    "AddOrder",
    "AddOrderMpid",
    "BookSnapshot",
    "Books",
    "BrokenTrade",
    "CrossTrade",
    "DirectListing",
    "EventStream",
    "Feed",
    "File",
    "Finding",
    "IpoQuotingPeriod",
    "ItchError",
    "LevelView",
    "LuldAuctionCollar",
    "MarketParticipantPosition",
    "Message",
    "MwcbDeclineLevel",
    "MwcbStatus",
    "Noii",
    "OperationalHalt",
    "OrderCancel",
    "OrderDelete",
    "OrderExecuted",
    "OrderExecutedWithPrice",
    "OrderReplace",
    "RegSho",
    "Report",
    "RetailPriceImprovement",
    "StockDirectory",
    "SymbolStats",
    "SystemEvent",
    "Trade",
    "TradingAction",
    "open",
    "parse_itch",
    "parse_time",
    "synthesize",
]

#: Decimals of every price.
PRICE_SCALE = 4

#: Told how many bytes of the file are done, and how many there are.
Progress = Callable[[int, int], None]

_PIECE = 1 << 22  # bytes between two looks at Ctrl-C and the progress bar: some 10 ms of replay
_EVENT_PIECE = 1 << 20  # the same where an exchange is told of it
_SMALL_PIECE = 1 << 16  # the same where each message becomes a Python object
_ALL_TYPES = "SRHYLVWKJhAFECXDUPQBINO"


class ItchError(ValueError):
    """A file cannot be read as ITCH, or a strict reader met something odd.

    `path` is the file, `offset` the byte where it happened, `type` the message's type or "".
    """

    def __init__(self, path: Path, problem: str, offset: int = 0, type: str = "") -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem
        self.offset = offset
        self.type = type

    def __reduce__(self) -> tuple[type[ItchError], tuple[Path, str, int, str]]:
        return ItchError, (self.path, self.problem, self.offset, self.type)


# What a consumer's feed() takes: bytes, or a piece of a mapped file.
_Chunk = tuple[Any, ...]
_C = TypeVar("_C", _itch.Summary, _itch.Replay)


class SymbolStats(NamedTuple):
    """One symbol's day so far."""

    symbol: str
    locate: int
    state: str  #: trading state of the last H message: H halted, P paused, Q quotation only, T trading; "" before one
    volume: int  #: shares printed: executions, printable C, hidden trades, crosses; broken ones taken back
    trades: int  #: prints in the volume
    last_price: int | None  #: of the last print in the volume, 4 decimals
    live_orders: int


def parse_time(time: int | str | datetime.time) -> int:
    """Nanoseconds since midnight from "09:45", "09:45:00.5", a datetime.time, or nanoseconds themselves."""
    if isinstance(time, int):
        if not 0 <= time < 1 << 48:
            raise ValueError(f"not a time of day: {time} nanoseconds since midnight")
        return time
    if isinstance(time, datetime.time):
        if time.tzinfo is not None:
            raise ValueError(f"not a time of day in New York: {time} has a time zone; ITCH times have none")
        return ((time.hour * 60 + time.minute) * 60 + time.second) * 1_000_000_000 + time.microsecond * 1000
    if not isinstance(time, str):
        raise TypeError(f"a time of day is an int, a str or a datetime.time, not {type(time).__name__}")
    clock, _, fraction = time.partition(".")
    with contextlib.suppress(ValueError):
        if not fraction or (fraction.isdecimal() and len(fraction) <= 9):
            return parse_time(datetime.time.fromisoformat(clock)) + int(fraction.ljust(9, "0"))
    raise ValueError(f"not a time of day: {time!r}; write it like '09:45' or '09:45:00.123456789'")


class Books:
    """The books of all symbols, or of those selected, as of one moment of the day."""

    def __init__(self, path: Path, replay: _itch.Replay) -> None:
        self._path = path
        self._replay = replay

    def best_bid_ask(self, symbol: str) -> tuple[int | None, int | None]:
        """Prices of the best bid and ask, 4 decimals; None for an empty side. KeyError for an unknown symbol."""
        return self._replay.best_bid_ask(symbol)

    def depth(self, symbol: str, n: int = 10) -> BookSnapshot:
        """The best `n` levels a side: price (4 decimals), quantity and order count of each."""
        if n < 0:
            raise ValueError(f"depth is {n}; it cannot be negative")
        return self._replay.depth(symbol, min(n, 1 << 32))

    def orders(self, symbol: str) -> list[tuple[int, str, int, int]]:
        """Every resting order as (ref, side, price, shares): bids, then asks; best price first, then by arrival."""
        return self._replay.orders(symbol)

    def queue_ahead(self, ref: int) -> int:
        """Shares that rest before an order at its price."""
        if not 0 <= ref < 1 << 64:
            raise KeyError(f"no order of reference {ref} rests")
        return self._replay.queue_ahead(ref)

    def stats(self) -> list[SymbolStats]:
        """One row a symbol, in order of locate; `polars.DataFrame(books.stats())` makes a table."""
        return [
            SymbolStats(symbol, locate, state.strip(), volume, trades, last_price, live_orders)
            for symbol, locate, state, volume, trades, last_price, live_orders in self._replay.listings()
        ]

    def symbols(self) -> list[str]:
        """The symbols that have a book, sorted."""
        return sorted(row[0] for row in self._replay.listings())

    @property
    def time(self) -> int:
        """Time of the last message, in nanoseconds since midnight."""
        return self._replay.time

    @property
    def message_count(self) -> int:
        """Messages replayed."""
        return self._replay.message_count

    @property
    def live_orders(self) -> int:
        """Resting orders, over all symbols."""
        return self._replay.live_orders

    @property
    def out_of_order_executions(self) -> int:
        """Executions of an order that was not first in its queue: one or two in a thousand on real days."""
        return self._replay.out_of_order_executions

    @property
    def report(self) -> Report:
        """What was odd about the stream."""
        return self._replay.report

    def __repr__(self) -> str:
        return f"<Books of {self._path.name}: {self.message_count:,} messages, {self.live_orders:,} live orders>"


class File:
    """An ITCH file. Each question reads it once; nothing of it is kept in memory but what the answer needs."""

    def __init__(self, path: str | os.PathLike[str], strict: bool = False) -> None:
        self.path = Path(path)
        self.strict = strict
        status = self.path.stat()
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            raise ItchError(self.path, "not a regular file: a pipe or device cannot be read twice")
        self.size = status.st_size
        with builtins.open(self.path, "rb") as file:
            head = file.read(3)
        self.compressed = head.startswith(b"\x1f\x8b")
        self._mapped: _itch.MappedFile | None = None
        self._summary: _itch.Summary | None = None
        self._closed = False
        if not self.compressed:
            self._mapped = _itch.MappedFile(self.path)
            self.size = len(self._mapped)
        self._probe(head)

    # ------------------------------------------------------------------ questions

    def counts(self, progress: Progress | None = None) -> dict[str, int]:
        """Messages by type."""
        return self.summary(progress).counts

    def symbols(self, progress: Progress | None = None) -> list[str]:
        """The symbols the file speaks of, sorted."""
        return sorted(self.summary(progress).symbols())

    def report(self, progress: Progress | None = None) -> Report:
        """What is odd about the file's framing. `replay().report` also tells of orders."""
        return self.summary(progress).report

    def summary(self, progress: Progress | None = None) -> _itch.Summary:
        """Counts, symbols and times, by one pass over the file that is not repeated."""
        if self._summary is None:
            self._summary = self._feed(_itch.Summary(self.strict), progress)
        return self._summary

    def messages(
        self, type: str | Iterable[str] | None = None, symbol: str | Iterable[str] | None = None
    ) -> Iterator[Message]:
        """The messages in order, as records: of all types or some ("AF"), of all symbols or some.

        A record's fields bear the names of the specification: `ref`, `shares`, `price`, ...
        """
        types = _ALL_TYPES if type is None else "".join(type)
        decoder = _itch.Decoder(types, _names(symbol), self.strict)
        return self._decode(decoder)

    def replay(
        self,
        symbols: str | Iterable[str] | None = None,
        until: int | str | datetime.time | None = None,
        progress: Progress | None = None,
    ) -> Books:
        """The order books after the last message, or after the last one not later than `until`.

        symbols: only these; the others are skipped.
        until: a time of day, US/Eastern: "09:45", datetime.time(9, 45), or nanoseconds since midnight.
        progress: called with (bytes done, bytes in the file) at most every few milliseconds.
        """
        names = _names(symbols)
        replay = _itch.Replay(names, None if until is None else parse_time(until), self.strict)
        return Books(self.path, self._feed(replay, progress))

    # ------------------------------------------------------------------ life

    def close(self) -> None:
        """Unmaps the file. Books made from it stay good."""
        self._mapped = None
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"nanobook.itch.open({os.fspath(self.path)!r})"

    # ------------------------------------------------------------------ bytes

    def _probe(self, head: bytes) -> None:
        """Refuses what is not ITCH at all, before anything long begins."""
        summary = _itch.Summary()
        with contextlib.closing(self._chunks(_SMALL_PIECE)) as chunks:
            for chunk, _ in chunks:
                summary.feed(*chunk)
                if self.compressed:
                    head = chunk[0][:3]
                break
            else:
                raise ItchError(self.path, "the file is empty: 0 bytes, no ITCH message")
        if summary.message_count > 0:
            return
        summary.finish()
        first = summary.report.first
        if first is None:
            raise ItchError(self.path, "no ITCH message in it: the session ends at byte 0")
        if first.oddity == "truncated_tail" and _begins_a_message(head):
            raise ItchError(self.path, f"no whole ITCH 5.0 message in it ({first})", first.offset, first.type)
        reason = f"at byte 0 it begins with {head!r}" if first.oddity == "truncated_tail" else str(first)
        raise ItchError(self.path, f"not an ITCH 5.0 file: {reason}", first.offset, first.type)

    def _chunks(self, size: int) -> Generator[tuple[_Chunk, int], None, None]:
        """Pieces of the stream, as arguments of feed(), and how many bytes of the file are done after each."""
        if self._closed:
            raise ValueError(f"{self.path} is closed")
        if self._mapped is not None:
            for begin in range(0, self.size, size):
                if self._mapped is None:
                    raise ValueError(f"{self.path} is closed")
                yield (self._mapped, begin, size), min(begin + size, self.size)
            return
        with builtins.open(self.path, "rb") as raw:
            yield from self._inflate(raw, size)

    def _inflate(self, raw: BinaryIO, size: int) -> Generator[tuple[_Chunk, int], None, None]:
        from isal import igzip_threaded, isal_zlib  # costs 10 ms, which only a gzipped file shall pay

        try:
            with igzip_threaded.open(raw, "rb") as stream:  # type: ignore[no-untyped-call]
                while chunk := stream.read(size):
                    yield (chunk,), raw.tell()
        except (OSError, EOFError, isal_zlib.error) as error:  # type: ignore[misc]
            at, done = self._sound_bytes()
            problem = f"gzip data is corrupt or cut off at byte {at} ({done} bytes decompressed): {error}"
            raise ItchError(self.path, problem, at) from error

    def _sound_bytes(self) -> tuple[int, int]:
        """How far the gzip data is sound, in the file and decompressed: the fast reader tells to some megabytes only."""
        import zlib

        inflater = zlib.decompressobj(31)
        at = done = 0
        with builtins.open(self.path, "rb") as raw, contextlib.suppress(zlib.error):
            while piece := raw.read(4096):
                while piece:
                    done += len(inflater.decompress(piece))
                    at += len(piece) - len(inflater.unused_data)
                    piece = inflater.unused_data
                    if inflater.eof:
                        inflater = zlib.decompressobj(31)
        return at, done

    def _feed(self, consumer: _C, progress: Progress | None) -> _C:
        with contextlib.closing(self._chunks(_PIECE)) as chunks:
            for chunk, done in chunks:
                going = consumer.feed(*chunk)
                if progress is not None:
                    progress(done, self.size)
                if not going:
                    break
        consumer.finish()
        if progress is not None:
            progress(self.size, self.size)
        self._check(consumer.report)
        return consumer

    def _decode(self, decoder: _itch.Decoder) -> Iterator[Message]:
        with contextlib.closing(self._chunks(_SMALL_PIECE)) as chunks:
            for chunk, _ in chunks:
                yield from decoder.feed(*chunk)
                self._check(decoder.report)
        decoder.finish()
        self._check(decoder.report)

    def _check(self, report: Report) -> None:
        if self.strict and report.first is not None:
            raise ItchError(self.path, str(report.first), report.first.offset, report.first.type)


class EventStream(_itch.EventStream):
    """What an ITCH file tells an exchange, as events: a list that is never all there.

        events = nanobook.parse_itch("01302020.NASDAQ_ITCH50.gz", symbol="AAPL")
        ex = nanobook.Exchange.replay(events)  # the same book and trades
        polars.DataFrame(events)  # a row each, with its timestamp

    `len`, indices, slices (which are lists), iteration and tables read the file for each question, and keep of it what
    lies around the index asked for last. Indices that go up are cheap; going back begins anew. `price_scale` is 4: a
    price of 1_500_000 is $150.00.

    An event names an order by the id that an exchange gives it when it is told the events of its symbol from the first
    on, and nothing else. Where you trade on the same exchange, your orders and fired stops take ids too: then hand over
    the stream itself (`apply_all`), or a `feed`, which minds that, in place of one event after another.

    A, F: `submit_limit` that does not match. E, C: `execute`. X: `reduce`. D: `cancel`. U: `modify` that does not
    match. P: `trade`. Other messages, and what changes nothing because it is odd (see `report`), make no event.
    """

    def __init__(self, file: File, symbols: list[str], until: int | None, progress: Progress | None = None) -> None:
        super().__init__(
            functools.partial(_chunks, file, progress),
            functools.partial(_finish, file, progress),
            symbols,
            until,
            file.strict,
        )
        self._file = file
        self._symbols = symbols
        self._until = until

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    def feed(self, exchange: Exchange | MultiExchange) -> Feed:
        """Tells an exchange, or several, the events in parts, so that you can trade in between."""
        return Feed(self, exchange)

    def __reduce__(self) -> tuple[Callable[..., EventStream], tuple[Path, list[str] | None, int | None, bool]]:
        return _reopen, (self.path, self._symbols or None, self._until, self._file.strict)

    def __repr__(self) -> str:
        chosen = [repr(os.fspath(self.path))]
        if self._symbols:
            symbols: str | list[str] = self._symbols[0] if len(self._symbols) == 1 else self._symbols
            chosen.append(f"symbol={symbols!r}")
        if self._until is not None:
            chosen.append(f"until={self._until}")
        if self._file.strict:
            chosen.append("strict=True")
        return f"nanobook.parse_itch({', '.join(chosen)})"


class Feed(_itch.Feed):
    """Tells an exchange a stream of events, with your orders in between.

        ex = nanobook.Exchange("AAPL", price_scale=4)
        feed = nanobook.parse_itch(path, symbol="AAPL").feed(ex)
        feed.run(until="09:45")
        stop = ex.submit_stop_market("buy", 3_250_000, 100)
        feed.run()  # the rest

    It is an iterator as well: it tells one event, and gives it with the id that its order has in the exchange (0 for an
    order that your trading kept away from it). What is taken off an order by you is no longer there for the feed.
    """

    def run(self, count: int | None = None, until: int | str | datetime.time | None = None) -> int:
        """Tells what comes next: up to `count` events, and none later than `until`. Returns how many there were."""
        return super().run(count, None if until is None else parse_time(until))


def _chunks(file: File, progress: Progress | None) -> Iterator[_Chunk]:
    with contextlib.closing(file._chunks(_EVENT_PIECE)) as chunks:
        for chunk, done in chunks:
            yield chunk
            if progress is not None:
                progress(done, file.size)


def _finish(file: File, progress: Progress | None, report: Report) -> None:
    if progress is not None:
        progress(file.size, file.size)
    file._check(report)


def _reopen(path: Path, symbols: list[str] | None, until: int | None, strict: bool) -> EventStream:
    return parse_itch(path, symbols, until=until, strict=strict)


def _begins_a_message(head: bytes) -> bool:
    """A known type behind its own length, or behind 0; or too little to tell."""
    if len(head) < 3:
        return head[:1] == b"\0"
    length = _itch.length_of_type(chr(head[2]))
    return length > 0 and int.from_bytes(head[:2]) in (0, length)


def _names(symbols: str | Iterable[str] | None) -> list[str]:
    if symbols is None:
        return []
    names = [symbols] if isinstance(symbols, str) else list(symbols)
    if not names:
        raise ValueError("no symbol named: give at least one, or None for all")
    return names


def open(path: str | os.PathLike[str], strict: bool = False) -> File:
    """Opens an ITCH 5.0 file: Nasdaq's day files, gzipped or not, and files whose every length prefix is 0.

    Lenient by default: what is odd (a cut-off end, unknown types, unknown orders) is skipped, counted and reported.
    With `strict=True` the first odd thing raises ItchError with its offset and type.
    OSError where the file cannot be opened; ItchError where it is empty, no ITCH at all, or its gzip data is corrupt.
    """
    return File(path, strict)


def parse_itch(
    path: str | os.PathLike[str],
    symbol: str | Iterable[str] | None = None,
    *,
    until: int | str | datetime.time | None = None,
    strict: bool = False,
    progress: Progress | None = None,
) -> EventStream:
    """The events of an ITCH file, gzipped or not: a lazy list, which Exchange.replay and polars.DataFrame take.

    symbol: only of this symbol, or of these; the others are skipped. An Exchange takes the events of one symbol, a
        MultiExchange those of any. A symbol that the file does not have has no events.
    until: only up to a time of day, as in File.replay.
    strict: the first odd thing raises ItchError when it is reached; else it is skipped, and counted in `report`.
    progress: called with (bytes done, bytes in the file) while the events are read, at most every few milliseconds.
    OSError and ItchError as from `open`.
    """
    return EventStream(File(path, strict), _names(symbol), None if until is None else parse_time(until), progress)


def synthesize(
    path: str | os.PathLike[str],
    messages: int = 1_000_000,
    symbols: int = 8000,
    seed: int = 1,
    all_types: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Writes a synthetic but realistic NASDAQ day of exactly that many messages, and returns its path.

    The same arguments give the same bytes on every machine. The mix of messages, the crosses, halts and hidden trades,
    the skewed activity and the shape of the books are those of real days; the prices are a random walk.

    messages: at least what the directory and the crosses of the symbols need, some 10 for each.
    symbols: 1 to 65,535. The busiest bear well-known names.
    all_types: makes certain that each of the 23 message types occurs.
    progress: called now and then with (messages written, messages in all).
    ValueError where the numbers do not fit each other; OSError where the file cannot be written. The file appears under
    its name when it is whole.
    """
    for name, value, least, most in (
        ("messages", messages, 1, 2**64 - 1),
        ("symbols", symbols, 1, 65_535),
        ("seed", seed, 0, 2**64 - 1),
    ):
        if not least <= value <= most:
            raise ValueError(f"{name} is {value}; it goes from {least} to {most}")
    if Path(path).suffix == ".gz":
        raise ValueError(f"{os.fspath(path)}: a synthetic day is written uncompressed; choose a name without .gz")
    _itch.synthesize(Path(path), messages, symbols, seed, all_types, progress)
    return Path(path)
