"""What File.filter and File.check of nanobook.itch do, and what they answer with."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from nanobook._core import itch as _itch
from nanobook._core.itch import FramingReport, Report

__all__ = ["Check", "Filtered", "Truth", "check_of", "filter_writer", "volumes_in"]

_FRAMING = ("unknown_type", "wrong_length", "truncated_tail", "trailing_bytes")
_ORDERS = ("duplicate_reference", "over_execution", "zero_quantity", "invalid_side", "unknown_match")


# ---------------------------------------------------------------------- filter


class Filtered(NamedTuple):
    """What `File.filter` did."""

    path: Path  #: the new file
    written: int  #: messages in it
    read: int  #: messages that were read: all, or those up to the time that ended it
    missing: list[str]  #: of the symbols asked for, those that the file does not name
    report: Report  #: what was odd about the file that was read, and is not in the new one


class _Writer:
    """Feeds a filter, and writes what it chose."""

    def __init__(self, chosen: _itch.Filter, stream: BinaryIO, out: Path) -> None:
        self._filter = chosen
        self._stream = stream
        self._out = out

    def feed(self, *chunk: Any) -> bool:
        going = self._filter.feed(*chunk)
        self._write()
        return going

    def finish(self) -> None:
        self._filter.finish()
        self._write()
        with _naming(self._out):
            self._stream.flush()

    def _write(self) -> None:
        with _naming(self._out):
            self._stream.write(self._filter.take())

    @property
    def report(self) -> Report:
        return self._filter.report


@contextlib.contextmanager
def _naming(out: Path) -> Iterator[None]:
    """The system does not say which file it was that could not be written."""
    try:
        yield
    except OSError as error:
        error.filename = os.fspath(out)
        raise


@contextlib.contextmanager
def filter_writer(out: Path, source: Path, chosen: _itch.Filter) -> Iterator[_Writer]:
    """Writes to a temporary name beside `out`, which takes that name at the end, or is gone if something goes wrong."""
    if out.exists():
        if out.samefile(source):
            raise ValueError(f"{out} is the file that is read: give the new one another name")
        if not out.is_file():
            raise ValueError(f"{out} is not a regular file: a file cannot take its place")
    target = out.resolve()  # a link stays a link
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with _naming(out):
            stream = _opened(temporary, out)
        with stream:
            yield _Writer(chosen, stream, out)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _opened(temporary: Path, out: Path) -> BinaryIO:
    if out.suffix != ".gz":
        return temporary.open("wb")
    from isal import igzip_threaded  # costs 10 ms, which only a gzipped file shall pay

    return cast("BinaryIO", igzip_threaded.open(temporary, "wb"))  # type: ignore[no-untyped-call]


# ---------------------------------------------------------------------- check


class Truth(NamedTuple):
    """Something that is true of every whole day that Nasdaq publishes."""

    name: str  #: framing, references, locates, orders, end, crossed or volumes
    statement: str
    violations: int | None  #: None where the file does not tell
    detail: str  #: what was violated, or why nothing can be said; or ""

    @property
    def holds(self) -> bool | None:
        """None where the file does not tell."""
        return None if self.violations is None else self.violations == 0


class Check(NamedTuple):
    """What `File.check` found."""

    truths: list[Truth]
    messages: int
    symbols: int
    live_orders: int  #: at the end
    peak_live_orders: int  #: the most at any time
    volumes: dict[str, int]  #: shares printed, by symbol
    closing_prices: dict[str, int]  #: of the closing cross, 4 decimals, by symbol, where there was one with shares
    report: Report

    @property
    def holds(self) -> bool:
        """No truth is violated."""
        return all(truth.holds is not False for truth in self.truths)


def check_of(truths: _itch.Truths, framing: FramingReport, volumes: Mapping[str, int] | None) -> Check:
    """The answer, once the whole file was fed; framing: what lies around the messages."""
    ours = truths.volumes()
    return Check(
        [
            _framing(truths, framing),
            _odd(truths, "references", "every order that is spoken of rests", ("unknown_reference",)),
            _odd(truths, "locates", "every locate is that of its order or trade", ("locate_mismatch",)),
            _odd(truths, "orders", "orders and broken trades fit what was before", _ORDERS),
            _end(truths),
            _crossed(truths),
            *([] if volumes is None else [_volumes(ours, volumes)]),
        ],
        truths.message_count,
        len(ours),
        truths.live_orders,
        truths.peak_live_orders,
        ours,
        truths.closing_prices(),
        truths.report,
    )


def _framing(truths: _itch.Truths, framing: FramingReport) -> Truth:
    messages = _odd(truths, "framing", "every message is there, whole and of a known type", _FRAMING)
    counts = framing.counts()
    if not counts:
        return messages
    detail = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in counts.items())
    return messages._replace(
        violations=(messages.violations or 0) + sum(counts.values()),
        detail="; ".join(filter(None, [f"{detail} of packets; {framing.first}", messages.detail])),
    )


def _odd(truths: _itch.Truths, name: str, statement: str, kinds: tuple[str, ...]) -> Truth:
    counts = {kind: truths.report.count(kind) for kind in kinds}
    detail = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in counts.items() if count)
    first = truths.report.first
    if first is not None and first.oddity in kinds:
        detail += f"; {first}"
    return Truth(name, statement, sum(counts.values()), detail)


def _end(truths: _itch.Truths) -> Truth:
    statement = "no order is left after the end of messages"
    if not truths.messages_ended:
        return Truth("end", statement, None, "the file has no end of messages (system event C)")
    left = truths.live_orders
    return Truth("end", statement, left, f"{left:,} orders are left" if left else "")


def _crossed(truths: _itch.Truths) -> Truth:
    statement = "no book is crossed while it trades in market hours"
    if not truths.market_opened:
        return Truth("crossed", statement, None, "the file has no start of market hours (system event Q)")
    first = truths.first_crossed
    if first is None:
        return Truth("crossed", statement, 0, "")
    spells = truths.crossed()
    symbol, since, bid, ask = first
    detail = (
        f"{_count(sum(spells.values()), 'time')} in {_count(len(spells), 'symbol')}; first {symbol!r} at "
        f"{datetime.timedelta(microseconds=since // 1000)}, bid ${bid / 10_000:,.4f} above ask ${ask / 10_000:,.4f}"
    )
    return Truth("crossed", statement, sum(spells.values()), detail)


def _volumes(ours: dict[str, int], theirs: Mapping[str, int]) -> Truth:
    different = [symbol for symbol, volume in theirs.items() if ours.get(symbol, 0) != volume]
    unknown = sum(volume > 0 and symbol not in theirs for symbol, volume in ours.items())
    details = []
    if different:
        symbol = different[0]
        details.append(
            f"{len(different):,} of {_count(len(theirs), 'symbol')}; first {symbol!r}: "
            f"{ours.get(symbol, 0):,} here, {theirs[symbol]:,} there"
        )
    if unknown:
        details.append(f"{_count(unknown, 'symbol')} that traded {'is' if unknown == 1 else 'are'} not compared")
    return Truth("volumes", "every volume is the vendor's", len(different), "; ".join(details))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def volumes_in(path: Path) -> dict[str, int]:
    """The columns symbol and volume of a CSV file. ValueError where they are not there, or hold something else."""
    import csv

    volumes: dict[str, int] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        names = {name.strip().lower(): name for name in rows.fieldnames or []}
        for name in ("symbol", "volume"):
            if name not in names:
                raise ValueError(f"{path}: no column {name!r} in its first line")
        for row in rows:
            symbol, volume = (str(row[names[name]] or "").strip() for name in ("symbol", "volume"))
            where = f"{path}: line {rows.line_num}"
            if not volume.isdecimal():
                raise ValueError(f"{where}: the volume of {symbol!r} is {volume!r}; it must be a whole number")
            if symbol in volumes:
                raise ValueError(f"{where}: {symbol!r} is there twice")
            volumes[symbol] = int(volume)
    return volumes
