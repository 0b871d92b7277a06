"""NASDAQ TotalView-ITCH 5.0: open a file, see what is in it, and turn it into order books.

    import nanobook

    with nanobook.itch.open("01302020.NASDAQ_ITCH50.gz") as day:
        books = day.replay(until="09:45")
        print(books.depth("AAPL", 10).bids)

Prices are integers of four decimals: 1_500_000 is $150.00. Times are nanoseconds since midnight, US/Eastern.
"""

from __future__ import annotations

import builtins
import collections
import contextlib
import datetime
import functools
import itertools
import operator
import os
import stat
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from io import RawIOBase
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self, TypeVar

from nanobook._core import BookSnapshot, Exchange, LevelView, MultiExchange, itch as _itch
from nanobook._core.itch import (
    AddOrder,
    AddOrderMpid,
    Batches,
    BrokenTrade,
    CrossTrade,
    DirectListing,
    FeedSession,
    Finding,
    FramingFinding,
    FramingReport,
    Gap,
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
from nanobook._itch_arguments import (
    Date,
    Interval,
    Progress,
    date_of,
    midnight_of,
    names_of,
    parse_interval,
    parse_time,
)
from nanobook._itch_tables import Tables, depth_options
from nanobook._itch_tools import Check, Filtered, Truth, check_of, filter_writer, volumes_in

__all__ = [
    "FRAMINGS",
    "PUBLIC_DAYS",
    "AddOrder",
    "AddOrderMpid",
    "BookSnapshot",
    "Books",
    "BrokenTrade",
    "Check",
    "CrossTrade",
    "DayFile",
    "DirectListing",
    "EventStream",
    "Feed",
    "FeedSession",
    "FetchError",
    "File",
    "Filtered",
    "Finding",
    "FramingFinding",
    "FramingReport",
    "Gap",
    "IpoQuotingPeriod",
    "ItchError",
    "LevelView",
    "Live",
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
    "Truth",
    "fetch",
    "list_days",
    "open",
    "parse_itch",
    "parse_time",
    "synthesize",
]

#: Decimals of every price.
PRICE_SCALE = 4

#: How messages may lie in a file: behind their lengths, back to back, in packets of a capture, in those of a TCP stream.
FRAMINGS = ("binaryfile", "raw", "moldudp64", "soupbintcp")

#: Where Nasdaq offers some days of its three markets to everybody.
PUBLIC_DAYS = "https://emi.nasdaq.com/ITCH/"

_STREAM = Path("stream")  # what errors call a stream that has no file
_PIECE = 1 << 22  # bytes between two looks at Ctrl-C and the progress bar: some 10 ms of replay
_SHARED_PIECE = 1 << 23  # the same where several threads replay it
_EVENT_PIECE = 1 << 20  # the same where an exchange is told of it
_SMALL_PIECE = 1 << 16  # the same where each message becomes a Python object
_FEW = 1 << 24  # bytes that are not worth threads
_FEW_COMPRESSED = 1 << 22
_ENOUGH_THREADS = 8  # of more, each would do little else than pass over the messages of the others
_BLOCK = 1 << 20  # bytes that are decompressed at once, or more where more are taken at once
_AHEAD = 1 << 24  # that wait for the reader, at most
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


class FetchError(OSError):
    """A download failed for good. `url` is what was asked for, `status` the server's HTTP status, or None."""

    def __init__(self, url: str, problem: str, status: int | None = None) -> None:
        super().__init__(problem)
        self.url = url
        self.filename = url
        self.strerror = problem
        self.status = status

    def __str__(self) -> str:
        return f"{self.url}: {self.strerror}"

    def __reduce__(self) -> tuple[type[FetchError], tuple[str, str | None, int | None]]:
        return FetchError, (self.url, self.strerror, self.status)


class DayFile(NamedTuple):
    """A day that a server offers."""

    name: str  #: of the file
    size: int | None  #: in bytes, where the server gives it to the byte
    date: datetime.date | None  #: of the session, where the name has one
    url: str  #: what `fetch` takes


# What a consumer's feed() takes: bytes, or a piece of a mapped file.
_Chunk = tuple[Any, ...]


class _Consumer(Protocol):
    @property
    def feed(self) -> Callable[..., bool]: ...
    def finish(self) -> None: ...
    @property
    def report(self) -> Report: ...


_C = TypeVar("_C", bound=_Consumer)


class SymbolStats(NamedTuple):
    """One symbol's day so far."""

    symbol: str
    locate: int
    state: str  #: trading state of the last H message: H halted, P paused, Q quotation only, T trading; "" before one
    volume: int  #: shares printed: executions, printable C, hidden trades, crosses; broken ones taken back
    trades: int  #: prints in the volume
    last_price: int | None  #: of the last print in the volume, 4 decimals
    live_orders: int


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


class File(Tables):
    """An ITCH file. Each question reads it once; nothing of it is kept in memory but what the answer needs."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        strict: bool = False,
        *,
        date: Date | None = None,
        framing: str | None = None,
        decimal_prices: bool = False,
        threads: int | None = None,
    ) -> None:
        if framing is not None and framing not in FRAMINGS:
            raise ValueError(f"no such framing: {framing!r}; there are {', '.join(FRAMINGS)}")
        self.path = Path(path)
        self.strict = strict
        self.date = date_of(self.path, date)
        self.decimal_prices = bool(decimal_prices)
        status = self.path.stat()
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            raise ItchError(self.path, "not a regular file: a pipe or device cannot be read twice")
        self.size = status.st_size
        with builtins.open(self.path, "rb") as file:
            head = file.read(3)
        self.compressed = head.startswith(b"\x1f\x8b")
        self._mapped: _itch.MappedFile | None = None
        self._summary: _itch.Summary | None = None
        self._framing_report: FramingReport | None = None
        self._closed = False
        if not self.compressed:
            self._mapped = _itch.MappedFile(self.path)
            self.size = len(self._mapped)
        self.threads = _threads_for(self.size, self.compressed) if threads is None else _threads(threads)
        self._probe(head, framing)

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

    def framing_report(self, progress: Progress | None = None) -> FramingReport:
        """What the packets around the messages tell: gaps, duplicates, sessions, what could not be read.

        Of a file that is only messages, with or without their lengths before them, there is little to tell.
        """
        if self.framing == "binaryfile":
            return _itch.Unwrapper(self.framing).report
        if self._framing_report is None:
            self._summary = None
            self.summary(progress)
        assert self._framing_report is not None  # a pass that raises nothing has it
        return self._framing_report

    @property
    def gaps(self) -> list[Gap]:
        """The messages that are missing in a capture, by their sequence numbers: the first 4,096 gaps."""
        return self.framing_report().gaps

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
        decoder = _itch.Decoder(types, names_of(symbol), self.strict)
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
        names = names_of(symbols)
        replay = _itch.Replay(names, None if until is None else parse_time(until), self.strict)
        return Books(self.path, self._feed(replay, progress))

    # ------------------------------------------------------------------ other files

    def filter(
        self,
        out: str | os.PathLike[str],
        types: str | Iterable[str] | None = None,
        symbols: str | Iterable[str] | None = None,
        start: int | str | datetime.time | None = None,
        until: int | str | datetime.time | None = None,
        progress: Progress | None = None,
    ) -> Filtered:
        """Writes the messages that are chosen to another ITCH file, byte for byte, with a length before each.

        out: the file to write, gzipped where its name ends in .gz. It appears under its name when it is whole.
        types: only these, such as "AFEXDUC"; all by default.
        symbols: only theirs, and those of the whole market (S, V, W). A message that names no symbol belongs to that of
            its locate. The books of what is written are those of `replay(symbols=...)`.
        start, until: a window of time, both ends in it, as in `replay`. Orders from before it are not there.
        progress: as in `replay`.
        Odd messages are left out, and counted in the answer. ValueError where `out` is this file, and for an unknown
        type; ItchError where the file names none of the symbols; OSError where `out` cannot be written.
        """
        if types is not None and not types:
            raise ValueError("no type named: give at least one, or None for all")
        names = names_of(symbols)
        chosen = _itch.Filter(
            "" if types is None else "".join(types),
            names,
            None if start is None else parse_time(start),
            None if until is None else parse_time(until),
            self.strict,
        )
        with filter_writer(Path(out), self.path, chosen) as writer:
            self._feed(writer, progress)
            known = set(chosen.symbols())
            missing = [name for name in names if name not in known]
            if names and len(missing) == len(names):
                raise ItchError(self.path, f"no message of {', '.join(map(repr, names))}")
        return Filtered(Path(out), chosen.written, chosen.message_count, missing, chosen.report)

    def lobster(
        self,
        out: str | os.PathLike[str],
        symbols: str | Iterable[str],
        levels: int = 10,
        start: int | str | datetime.time | None = None,
        until: int | str | datetime.time | None = None,
        progress: Progress | None = None,
    ) -> list[Path]:
        """Writes what happened to some symbols, and the book after each event, as LOBSTER does; returns the paths.

            day.lobster("lobster", ["AAPL", "MSFT"], levels=10, start="09:30", until="16:00")

        Two files a symbol: `out/AAPL_2012-06-21_34200000_57600000_message_10.csv` and the same with `orderbook`. Where
        the date of the session is not known, the name of the file stands in its place. The columns, without a header:
        time (seconds after midnight), type (1 to 7), order id, size, price, direction; and for each level ask price,
        ask size, bid price, bid size. Prices are of 4 decimals. A row of one file belongs to that of the other; types 1
        to 4 are only of events that change the levels shown.

        levels: of a side, 1 to 1000. start, until: only rows of that window, both ends in it, of books built from the
            beginning; from 0 to 86400000 milliseconds, as the names have it, where they are not given.
        progress: as in `replay`.
        All files appear under their names when they are whole. Each symbol takes 2 MiB and two open files. ItchError
        where the file does not name one of the symbols; OSError where `out` cannot be written.
        """
        from nanobook._itch_lobster import write_lobster  # only here: it knows this module

        return write_lobster(self, Path(out), symbols, levels, start, until, progress).paths

    def check(
        self, volumes: str | os.PathLike[str] | Mapping[str, int] | None = None, progress: Progress | None = None
    ) -> Check:
        """What is true of every whole day that Nasdaq publishes, and whether it is true of this file.

        volumes: what a vendor says of the shares traded on Nasdaq, by symbol, to compare: a mapping, or a CSV file with
            the columns symbol and volume.
        progress: as in `replay`.
        ValueError where the CSV file is not like that.
        """
        theirs = volumes if volumes is None or isinstance(volumes, Mapping) else volumes_in(Path(volumes))
        truths = self._feed(_itch.Truths(self.strict), progress)
        return check_of(truths, self.framing_report(), theirs)

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

    def _probe(self, head: bytes, framing: str | None) -> None:
        """Refuses what is not ITCH at all, before anything long begins, and finds out the framing where none is named."""
        summary = _itch.Summary()
        with contextlib.closing(self._pieces_of_file(_SMALL_PIECE)) as pieces:
            for piece, _ in pieces:
                self.framing = _itch.detect_framing(*piece) if framing is None else framing
                if self.framing != "binaryfile":
                    self._probe_wrapped(itertools.chain([piece], (piece for piece, _ in pieces)))
                    return
                summary.feed(*piece)
                if self.compressed:
                    head = piece[0][:3]
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

    def _probe_wrapped(self, pieces: Iterator[_Chunk]) -> None:
        """The same where the messages have to be unwrapped: reads until one comes."""
        summary = _itch.Summary()
        unwrapper = _itch.Unwrapper(self.framing)
        size = 0
        for piece in pieces:
            chunk = unwrapper.feed(*piece)
            summary.feed(chunk)
            size += len(chunk)
            if summary.message_count > 0:
                return
            if size > _SMALL_PIECE:
                break
        summary.feed(unwrapper.finish())
        summary.finish()
        if summary.message_count > 0:
            return
        report = unwrapper.report
        first = report.first or summary.report.first
        reason = f"none of its {report.packets:,} packets bears one" if first is None else str(first)
        offset = 0 if first is None else first.offset
        raise ItchError(self.path, f"no ITCH 5.0 message in it, read as {self.framing}: {reason}", offset)

    def _chunks(self, size: int) -> Generator[tuple[_Chunk, int], None, None]:
        """Pieces of the stream, as arguments of feed(), and how many bytes of the file are done after each."""
        pieces = self._pieces_of_file(size)
        return pieces if self.framing == "binaryfile" else self._unwrap(pieces)

    def _unwrap(self, pieces: Generator[tuple[_Chunk, int], None, None]) -> Generator[tuple[_Chunk, int], None, None]:
        unwrapper = _itch.Unwrapper(self.framing, self.strict)
        done = 0
        with contextlib.closing(pieces):
            for piece, done in pieces:
                # A chunk of no bytes would be the end to some readers.
                if chunk := unwrapper.feed(*piece):
                    yield (chunk,), done
                self._check(unwrapper)
        if chunk := unwrapper.finish():
            yield (chunk,), done
        self._check(unwrapper)
        self._framing_report = unwrapper.report

    def _pieces_of_file(self, size: int) -> Generator[tuple[_Chunk, int], None, None]:
        """The bytes of the file, decompressed, in whatever framing."""
        if self._closed:
            raise ValueError(f"{self.path} is closed")
        if self._mapped is not None:
            for begin in range(0, self.size, size):
                if self._mapped is None:
                    raise ValueError(f"{self.path} is closed")
                yield (self._mapped, begin, size), min(begin + size, self.size)
            return
        with builtins.open(self.path, "rb", buffering=0) as raw:
            yield from self._inflate(raw, size)

    def _inflate(self, raw: RawIOBase, size: int) -> Generator[tuple[_Chunk, int], None, None]:
        """On a thread of its own, some blocks ahead of whoever reads."""
        from concurrent.futures import ThreadPoolExecutor  # these cost 15 ms, which only a gzipped file shall pay

        from isal import igzip, isal_zlib

        stream = igzip.IGzipFile(fileobj=raw)  # type: ignore[no-untyped-call]
        pool = ThreadPoolExecutor(1)
        try:
            many = max(size, _BLOCK)
            ahead = collections.deque(pool.submit(stream.read, many) for _ in range(_AHEAD // many))
            while block := ahead.popleft().result():
                ahead.append(pool.submit(stream.read, many))
                for begin in range(0, len(block), size):
                    yield (block[begin : begin + size],), raw.tell()
        except (OSError, EOFError, OverflowError, isal_zlib.error) as error:  # type: ignore[misc]
            at, done = self._sound_bytes()
            problem = f"gzip data is corrupt or cut off at byte {at} ({done} bytes decompressed): {error}"
            raise ItchError(self.path, problem, at) from error
        finally:
            pool.shutdown(cancel_futures=True)

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

    def _pieces(self, progress: Progress | None) -> Iterator[_Chunk]:
        return _chunks(self, progress, _EVENT_PIECE if self.threads == 1 else _SHARED_PIECE)

    def _finished(self, progress: Progress | None, report: Report) -> None:
        _finish(self, progress, report)

    def _check(self, report: Report | _itch.Unwrapper) -> None:
        if self.strict and (first := report.first) is not None:
            raise ItchError(self.path, str(first), first.offset, first.type if isinstance(first, Finding) else "")


class Live:
    """Books and tables of a stream that goes on, such as that of a socket.

        live = nanobook.itch.Live("bbo", symbols="AAPL", framing="soupbintcp")
        for data in connection:  # in whatever pieces it comes
            for name, rows in live.feed(data).items():
                print(name, pl.DataFrame(rows))
            print(live.books.best_bid_ask("AAPL"))

    names: of tables, as File.tables takes them, or none. Trades that are broken later cannot be left out.
    strict: ItchError at the first odd thing, a gap among them; else it is skipped and counted, in `books.report` and
        `framing_report()`.
    date, decimal_prices: as of `open`.
    framing: as of `open`, but not found out: messages behind their lengths, as in Nasdaq's files, unless it is named.
        With "moldudp64", `feed` takes a capture, as tcpdump writes it, and `feed_datagram` what comes from a socket.
    window: bytes that are held back where numbers of MoldUDP64 are missing, because the missing may still come: late,
        of a second line, or sent again. With 0 a gap is given up at once.
    ValueError where there is no such table or framing. One thread may feed it while others read the books.
    """

    def __init__(
        self,
        *names: str,
        levels: int = 10,
        depth_every: Interval | None = None,
        bars_every: Interval = "1m",
        symbols: str | Iterable[str] | None = None,
        strict: bool = False,
        date: Date | None = None,
        decimal_prices: bool = False,
        framing: str = "binaryfile",
        window: int = 1 << 20,
    ) -> None:
        if window < 0:
            raise ValueError(f"window is {window}; it cannot be negative")
        self.strict = strict
        day = date_of(_STREAM, date)
        self._tables = _itch.LiveTables(
            list(names),
            names_of(symbols),
            strict,
            None if day is None else midnight_of(day),
            bar_interval=parse_interval(bars_every),
            decimal_prices=decimal_prices,
            framing=framing,
            window=window,
            **depth_options(levels, depth_every),
        )
        self._unwrapper = self._tables.unwrapper
        #: The books of all symbols, or of those chosen, as they are now.
        self.books = Books(_STREAM, self._tables.replay)

    def feed(self, data: bytes) -> dict[str, Batches]:
        """The next bytes, cut anywhere. New rows, by the name of their table; each reads as an Arrow stream.

        ItchError where it is no capture at all that is fed with the framing "moldudp64", strict or not.
        """
        return self._checked(self._tables.feed(data))

    def feed_datagram(self, datagram: bytes) -> dict[str, Batches]:
        """One whole datagram of MoldUDP64, as `socket.recv` gives it; new rows, as of `feed`.

        Datagrams may come in any order, more than once, and of two lines. The offsets of gaps and of what else is odd are
        those of all datagrams one behind the other. ValueError where the framing is not "moldudp64".
        """
        return self._checked(self._tables.feed_datagram(datagram))

    def finish(self) -> dict[str, Batches]:
        """There are no more bytes: the last rows, such as bars that had not ended."""
        return self._checked(self._tables.finish())

    def framing_report(self) -> FramingReport:
        """What the packets told so far: gaps, duplicates, sessions, what could not be read."""
        return self._unwrapper.report

    @property
    def gaps(self) -> list[Gap]:
        """The messages that are missing, by their sequence numbers, of gaps that were given up: the first 4,096."""
        return self._unwrapper.report.gaps

    def _checked(self, rows: dict[str, Batches]) -> dict[str, Batches]:
        if self.strict and (first := self.books.report.first) is not None:
            raise ItchError(_STREAM, str(first), first.offset, first.type)
        odd = self._unwrapper.first
        if odd is not None and (self.strict or odd.oddity == "not_a_capture"):
            raise ItchError(_STREAM, str(odd), odd.offset)
        return rows


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

    def __reduce__(self) -> tuple[Callable[..., EventStream], tuple[Path, list[str] | None, int | None, bool, str]]:
        return _reopen, (self.path, self._symbols or None, self._until, self._file.strict, self._file.framing)

    def __repr__(self) -> str:
        chosen = [repr(os.fspath(self.path))]
        if self._symbols:
            symbols: str | list[str] = self._symbols[0] if len(self._symbols) == 1 else self._symbols
            chosen.append(f"symbol={symbols!r}")
        if self._until is not None:
            chosen.append(f"until={self._until}")
        if self._file.strict:
            chosen.append("strict=True")
        if self._file.framing != "binaryfile":
            chosen.append(f"framing={self._file.framing!r}")
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


def _chunks(file: File, progress: Progress | None, size: int = _EVENT_PIECE) -> Iterator[_Chunk]:
    with contextlib.closing(file._chunks(size)) as chunks:
        for chunk, done in chunks:
            yield chunk
            if progress is not None:
                progress(done, file.size)


def _finish(file: File, progress: Progress | None, report: Report) -> None:
    if progress is not None:
        progress(file.size, file.size)
    file._check(report)


def _reopen(path: Path, symbols: list[str] | None, until: int | None, strict: bool, framing: str) -> EventStream:
    return parse_itch(path, symbols, until=until, strict=strict, framing=framing)


def _cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _threads_for(size: int, compressed: bool) -> int:
    """Of a file of that size."""
    if size < (_FEW_COMPRESSED if compressed else _FEW):
        return 1
    threads = min(_cores(), _ENOUGH_THREADS)
    # It comes as fast as one core decompresses, which wants to be left alone.
    return (threads + 1) // 2 if compressed else threads


def _threads(threads: int) -> int:
    try:
        number = operator.index(threads)
    except TypeError:
        raise TypeError(f"threads is a whole number or None, not {threads!r}") from None
    if not 1 <= number <= 1024:
        raise ValueError(f"threads is {number}; it goes from 1 to 1024, or None for as many as there are cores")
    return number


def _begins_a_message(head: bytes) -> bool:
    """A known type behind its own length, or behind 0; or too little to tell."""
    if len(head) < 3:
        return head[:1] == b"\0"
    length = _itch.length_of_type(chr(head[2]))
    return length > 0 and int.from_bytes(head[:2]) in (0, length)


def open(
    path: str | os.PathLike[str],
    strict: bool = False,
    *,
    date: Date | None = None,
    framing: str | None = None,
    decimal_prices: bool = False,
    threads: int | None = None,
) -> File:
    """Opens an ITCH 5.0 file: Nasdaq's day files, captures, and files of other tools, gzipped or not.

    Lenient by default: what is odd (a cut-off end, unknown types, unknown orders) is skipped, counted and reported.
    With `strict=True` the first odd thing raises ItchError with its offset and type.
    date: of the session, "2020-01-30" or a datetime.date, for tables to tell the time in UTC; that in the file's name,
        such as 01302020.NASDAQ_ITCH50, where none is given.
    framing: how the messages lie in the file; found out where it is not named. "binaryfile": behind their lengths, as
        in Nasdaq's day files, or behind lengths that are all 0. "raw": back to back. "moldudp64": in UDP packets of a
        capture, pcap or pcapng. "soupbintcp": in the packets of a TCP stream.
    decimal_prices: prices in tables are decimals, in dollars, rather than integers of 4 decimals.
    threads: that keep the books tables are made of, where no symbols are chosen; by default as many as there are cores,
        but 8 at most, half of that where it is gzipped, and one for a small file. The tables are the same with any
        number. Progress may begin anew: where messages speak of orders by another symbol's locate, one thread reads the
        file again.
    OSError where the file cannot be opened; ItchError where it is empty, no ITCH at all, or its gzip data is corrupt.
    """
    return File(path, strict, date=date, framing=framing, decimal_prices=decimal_prices, threads=threads)


def parse_itch(
    path: str | os.PathLike[str],
    symbol: str | Iterable[str] | None = None,
    *,
    until: int | str | datetime.time | None = None,
    strict: bool = False,
    progress: Progress | None = None,
    framing: str | None = None,
) -> EventStream:
    """The events of an ITCH file, gzipped or not: a lazy list, which Exchange.replay and polars.DataFrame take.

    symbol: only of this symbol, or of these; the others are skipped. An Exchange takes the events of one symbol, a
        MultiExchange those of any. A symbol that the file does not have has no events.
    until: only up to a time of day, as in File.replay.
    strict: the first odd thing raises ItchError when it is reached; else it is skipped, and counted in `report`.
    progress: called with (bytes done, bytes in the file) while the events are read, at most every few milliseconds.
    framing: as of `open`.
    OSError and ItchError as from `open`.
    """
    return EventStream(
        File(path, strict, framing=framing), names_of(symbol), None if until is None else parse_time(until), progress
    )


def fetch(
    url: str,
    out: str | os.PathLike[str] | None = None,
    md5: str | None = None,
    sha256: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Downloads a file, such as a public day of Nasdaq's, and returns its path.

    A connection that drops is taken up again where it dropped, after a while that grows; so is, by another call, a
    download that was given up or interrupted. Until the file is whole, and has the digest, it is called NAME.part.
    A file that is there already is not fetched again; its digest is checked.

    url: https://, http:// or ftp://. What comes by ftp begins anew where it dropped.
    out: a file or a folder; by default the name in the URL, in the current folder.
    md5, sha256: what the digest must be: hexadecimal digits, or the file or URL that has them. Where neither is given, a
        new download must have the md5 that the server publishes beside it, as URL.md5sum, if it does.
    progress: called with (bytes done, bytes in all, or 0 where the server does not say).
    FetchError, an OSError, where the server refuses or too many attempts in a row bring nothing; ItchError where a
    digest is another; ValueError where the URL or a digest makes no sense.
    """
    from nanobook import _itch_fetch  # costs 30 ms, which only a download shall pay

    digests = {kind: text for kind, text in (("md5", md5), ("sha256", sha256)) if text is not None}
    return _itch_fetch.fetch(url, out, digests, progress)[0]


def list_days(url: str = PUBLIC_DAYS) -> list[DayFile]:
    """The days that a server offers in a folder, and in the folders in it: what its pages list, in their order.

    A day is a file that is named as Nasdaq names its days, or NAME.itch, or that is gzipped and has a date in its name.

    url: https:// or http://, of a folder that the server lists, as IIS, nginx, Apache and `python -m http.server` do.
    FetchError where the server does not answer or refuses; ValueError where the URL makes no sense.
    """
    from nanobook import _itch_fetch  # as in fetch

    return _itch_fetch.list_days(url)


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
