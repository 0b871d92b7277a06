"""The tables that an ITCH file answers with."""

from __future__ import annotations

import abc
import datetime
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from nanobook._core import itch as _itch
from nanobook._core.itch import Batches, Report, Table
from nanobook._itch_arguments import Interval, Progress, Time, midnight_of, names_of, parse_interval, parse_time

__all__ = ["Tables", "depth_options"]


class Tables(abc.ABC):
    """What a file is besides: tables."""

    path: Path
    strict: bool
    compressed: bool
    date: datetime.date | None  # of the session
    decimal_prices: bool
    threads: int
    _broken: _itch.BrokenTrades | None = None  # the trades that the day takes back, once they are known

    @abc.abstractmethod
    def _pieces(self, progress: Progress | None) -> Iterator[tuple[Any, ...]]:
        """The messages, as what a reader is fed."""

    @abc.abstractmethod
    def _finished(self, progress: Progress | None, report: Report) -> None:
        """Hears the report at the end."""

    def table(
        self,
        type: str,
        symbols: str | Iterable[str] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        progress: Progress | None = None,
    ) -> Table:
        """The messages of one type as a table, a row each: `pl.DataFrame(file.table("A"))`.

        The table is read from the file when somebody reads it, in batches, so that memory does not depend on the length
        of the file. Columns: `timestamp` (nanoseconds since midnight), `datetime` (UTC; where the date of the session is
        known), `locate`, `tracking`, `symbol`, and the other fields by their names in the specification. Prices are
        integers of 4 decimals (8 in type V), in all tables, or decimals where the file was opened with `decimal_prices`;
        characters and text are dictionaries.

        type: one of the 23 of ITCH 5.0. ValueError for any other.
        symbols: only theirs. start, until: only from and up to these times of day, both included.
        progress: called with (bytes done, bytes in the file).
        """
        if len(type) != 1:
            raise ValueError(f"{type!r} is not a message type of ITCH 5.0")
        return self._table(type, symbols, start, until, progress)

    def bbo(
        self,
        symbols: str | Iterable[str] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        progress: Progress | None = None,
    ) -> Table:
        """Best bid and ask: a row whenever the best price of a symbol, or its shares, change.

        Columns: timestamp, datetime, symbol, bid_price (4 decimals; null where there is no bid), bid_size (shares),
        ask_price, ask_size: as they are after the message. A message makes one row at most. Arguments as in `table`;
        what comes before `start` builds the books all the same.
        """
        return self._table("bbo", symbols, start, until, progress)

    def trades(
        self,
        symbols: str | Iterable[str] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        progress: Progress | None = None,
    ) -> Table:
        """Every trade that counts in the volume: E, printable C, P and Q, without those that are broken later.

        Columns: timestamp, datetime, symbol, price (4 decimals), shares, match, type (E C P Q), side (of the aggressor;
        null for P and Q), ref (the order at rest; null for P and Q), cross_type (of Q). Arguments as in `table`.
        """
        return self._table("trades", symbols, start, until, progress)

    def depth(
        self,
        levels: int = 10,
        every: Interval | None = None,
        symbols: str | Iterable[str] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        progress: Progress | None = None,
    ) -> Table:
        """The best levels of both sides: whenever one of them changes, or by the clock.

        Columns: timestamp, datetime, symbol, then bid_price_1, bid_size_1, bid_orders_1, ... and the same of asks; the
        price is null, and the others are 0, where there is no such level.

        levels: of a side, 1 to 1000.
        every: "1s", "100ms", "1m", a timedelta, or nanoseconds: at each whole multiple of it a row for every symbol that
            has had an order, as of that time, what happens at it included. Other arguments as in `table`.
        """
        return self._table("depth", symbols, start, until, progress, **depth_options(levels, every))

    def bars(
        self,
        every: Interval = "1m",
        symbols: str | Iterable[str] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        progress: Progress | None = None,
    ) -> Table:
        """Trades by the minute, or any interval: a row for every bar of a symbol in which it trades.

        Columns: timestamp (of its begin), datetime, symbol, open, high, low, close (4 decimals), volume (shares), vwap
        (mean price of a share, in 1/10,000; in dollars with `decimal_prices`), trades (their number). The trades are those
        of `trades`. Arguments as in `table` and `depth`. A trade that is stamped earlier than one before it counts at the time of that one.
        """
        return self._table("bars", symbols, start, until, progress, bar_interval=parse_interval(every))

    def orders(
        self,
        symbols: str | Iterable[str] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        progress: Progress | None = None,
    ) -> Table:
        """The life of every order: a row when it ends; those that live at the end of the data, or at `until`, follow.

        Columns: symbol, ref, side, price, shares (at entry), attribution (of F), entered and ended (nanoseconds since
        midnight; null where it lives), end (executed, cancelled, deleted, replaced, live), executed and cancelled
        (shares), executions, first_fill (time), ahead_shares and ahead_orders (at its price, at entry), old_ref and
        new_ref (of the replace that made it, or ended it). Memory grows with the orders alive. Arguments as in `table`.
        """
        return self._table("orders", symbols, start, until, progress)

    def status(
        self,
        symbols: str | Iterable[str] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        progress: Progress | None = None,
    ) -> Table:
        """Trading states, halts and the phases of the day: messages H, h and S.

        Columns: timestamp, datetime, symbol (null for S), type, state (of H; the action of h, the event of S), market
        (of h), reason (of H). Arguments as in `table`; with `symbols` there is no S.
        """
        return self._table("status", symbols, start, until, progress)

    def mbo(
        self,
        symbols: str | Iterable[str] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        progress: Progress | None = None,
    ) -> Table:
        """Market by order: every message that changes a book, with what it leaves to be looked up in the order.

        Columns: timestamp, datetime, symbol, type (A F E C X D U), side, ref, price and shares (added by A, F, U; taken
        off by the others, at the price where the order rests), remaining (shares of the order afterwards), old_ref,
        old_price, old_shares (of the order that a U takes away), match, execution_price, printable (of E and C),
        attribution (of F). Null where a type has no such thing. A U whose new order cannot rest takes `ref` off, and its
        old_ref is null. Arguments as in `table`.
        """
        return self._table("mbo", symbols, start, until, progress)

    def imbalance(
        self,
        symbols: str | Iterable[str] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        progress: Progress | None = None,
    ) -> Table:
        """Net order imbalances before auctions: messages I, as in `table`."""
        return self._table("I", symbols, start, until, progress)

    def tables(
        self,
        *names: str,
        levels: int = 10,
        depth_every: Interval | None = None,
        bars_every: Interval = "1m",
        symbols: str | Iterable[str] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        progress: Progress | None = None,
    ) -> dict[str, Batches]:
        """Several of bbo, trades, depth, bars, orders, status and mbo by one pass, each a table in memory.

        day = file.tables("bbo", "trades")
        quotes = pl.DataFrame(day["bbo"])
        """
        request = self._request_of(names, levels, depth_every, bars_every, symbols, start, until, progress)
        made: dict[str, Batches] = {}
        for name, batches in self._rows(list(names), **request):
            if len(batches) == 0:
                made[name] = batches
            else:
                made[name].extend(batches)
        return made

    def batches(
        self,
        *names: str,
        levels: int = 10,
        depth_every: Interval | None = None,
        bars_every: Interval = "1m",
        symbols: str | Iterable[str] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        progress: Progress | None = None,
    ) -> Iterator[tuple[str, Batches]]:
        """The same, but piece by piece as the file is read, so that memory does not grow with it.

            for name, rows in file.batches("bbo", "trades"):
                pl.DataFrame(rows)  # the next rows of that table

        The rows of a table are in order, and those of several come in turns: 65,536 of a table or more, the last ones aside.
        """
        request = self._request_of(names, levels, depth_every, bars_every, symbols, start, until, progress)
        return _itch.TablesIterator(list(names), **request, broken=self._broken)

    def convert(
        self,
        out: str | os.PathLike[str],
        *names: str,
        symbols: str | Iterable[str] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        progress: Progress | None = None,
    ) -> list[Path]:
        """Writes tables as Parquet files, `out/TABLE/date=2020-01-30/NAME.parquet`, and returns their paths.

            file.convert("parquet", "bbo", "trades", "depth10", "bars1m")

        names: bbo, trades, depth10 (or any number of levels; depth10@1s by the clock), bars1m (or any interval), orders,
            status, mbo, imbalance, or types of messages. Where the date of the session is not known there is no folder
            of it.
        What was written before of the same file and arguments is left as it is, so that a conversion that was broken off
        goes on. A file appears under its name when it is whole; its metadata say of what it was made. What killed
        conversions left is removed. Needs pyarrow: nanobook-cpp[parquet]. Other arguments as in `table`.
        """
        from nanobook._itch_convert import convert  # only here: it needs threads and pyarrow

        return convert(self, Path(out), names, symbols, start, until, progress)

    def _table(
        self,
        name: str,
        symbols: str | Iterable[str] | None,
        start: Time | None,
        until: Time | None,
        progress: Progress | None,
        **options: Any,
    ) -> Table:
        return Table([name], **self._request(symbols, start, until, progress), **options, broken=self._broken)

    def _rows(
        self, names: list[str], mend: Callable[[dict[int, int]], None] | None = None, **request: Any
    ) -> Iterator[tuple[str, Batches]]:
        """Rows of several tables, after none of each, for its columns.

        Where none come again, the table begins anew: what there was of it has trades that are broken later. Trades do
        not where `mend` takes them out: by match number it is told how many rows came before the trade was broken, as
        soon as that is known.
        """
        known = self._broken
        # Most days break none, so it is not worth a second decompression to look for them first. But a pass that ends at
        # `until` would miss those that are broken after it.
        hopes = known is None and self.compressed and request["until"] is None
        passing = _itch.TablesIterator(names, **request, broken=_itch.BrokenTrades() if hopes else known)
        if not hopes or "trades" not in names:
            mend = None
        yield from passing.no_rows().items()
        for rows in passing:
            yield rows
            if mend is not None:
                mend(passing.broken_rows)
        if mend is not None:
            mend(passing.broken_rows)
        if request["until"] is None and len(names[0]) > 1:  # it saw all, and was not after messages of a type alone
            self._broken = passing.broken
        if not hopes or not self._broken:
            return
        if anew := [name for name in names if name == "bars" or (name == "trades" and mend is None)]:
            yield from self._rows(anew, **request)

    def _request_of(
        self, names: tuple[str, ...], levels: int, depth_every: Interval | None, bars_every: Interval, *window: Any
    ) -> dict[str, Any]:
        """Of several tables."""
        if not names:
            raise ValueError("no table named: give some of bbo, trades, depth, bars, orders, status, mbo")
        options = {**depth_options(levels, depth_every), "bar_interval": parse_interval(bars_every)}
        return {**self._request(*window), **options}

    def _request(
        self,
        symbols: str | Iterable[str] | None,
        start: Time | None,
        until: Time | None,
        progress: Progress | None,
    ) -> dict[str, Any]:
        return {
            "chunks": lambda: self._pieces(progress),
            "finish": lambda report: self._finished(progress, report),
            "scan": lambda: self._pieces(None),
            "symbols": names_of(symbols),
            "start": 0 if start is None else parse_time(start),
            "until": None if until is None else parse_time(until),
            "strict": self.strict,
            "midnight": None if self.date is None else midnight_of(self.date),
            "decimal_prices": self.decimal_prices,
            "threads": self.threads,
        }


def depth_options(levels: int, every: Interval | None) -> dict[str, Any]:
    if not 1 <= levels <= 1000:
        raise ValueError(f"levels is {levels}; it goes from 1 to 1000")
    return {"depth": levels, "depth_interval": 0 if every is None else parse_interval(every)}
