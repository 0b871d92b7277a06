"""What File.lobster of nanobook.itch does."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from nanobook import itch
from nanobook._core import itch as _itch
from nanobook._itch_arguments import Progress, Time, parse_time

__all__ = ["Written", "write_lobster"]

_MILLISECOND = 1_000_000  # nanoseconds
_DAY = 86_400_000 * _MILLISECOND


class Written(NamedTuple):
    """What was made."""

    paths: list[Path]  #: of each symbol in order: the message file, the orderbook file
    report: itch.Report  #: what was odd about the file that was read


def write_lobster(
    file: itch.File,
    out: Path,
    symbols: str | Iterable[str],
    levels: int,
    start: Time | None,
    until: Time | None,
    progress: Progress | None,
) -> Written:
    """One pass for all symbols; the files appear under their names when they are whole."""
    if not 1 <= levels <= 1000:
        raise ValueError(f"levels is {levels}; it goes from 1 to 1000")
    names = [symbols] if isinstance(symbols, str) else list(dict.fromkeys(symbols))
    if not names:
        raise ValueError("no symbol named: give at least one")
    for name in names:
        if not name or set(name) & set("/\\\0"):
            raise ValueError(f"symbol {name!r} cannot be part of the name of a file")
    begin = 0 if start is None else parse_time(start)
    end = None if until is None else parse_time(until)
    # LOBSTER names the session; where its date is not known, the file stands for it.
    session = file.path.name.partition(".")[0] if file.date is None else file.date.isoformat()
    window = f"{begin // _MILLISECOND}_{(_DAY if end is None else end) // _MILLISECOND}"
    pairs = [
        (
            out / f"{name}_{session}_{window}_message_{levels}.csv",
            out / f"{name}_{session}_{window}_orderbook_{levels}.csv",
        )
        for name in names
    ]
    out.mkdir(parents=True, exist_ok=True)
    writer = _itch.Lobster(names, pairs, levels, begin, end, file.strict)
    try:
        file._feed(writer, progress)
        if missing := writer.missing():
            raise itch.ItchError(file.path, f"no message of {', '.join(map(repr, missing))}")
        writer.commit()
    finally:
        writer.discard()
    return Written([path for pair in pairs for path in pair], writer.report)
