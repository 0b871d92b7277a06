"""Arguments that several questions to an ITCH file have: times, intervals, symbols, the date."""

from __future__ import annotations

import contextlib
import datetime
import operator
import re
import zoneinfo
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import SupportsIndex

__all__ = ["Date", "Interval", "Progress", "Time", "date_of", "midnight_of", "names_of", "parse_interval", "parse_time"]

#: Told how many bytes of the file are done, and how many there are.
Progress = Callable[[int, int], None]
#: A time of day: "09:45", "09:45:00.5", a datetime.time, or nanoseconds since midnight.
Time = SupportsIndex | str | datetime.time
#: "1m", "500ms", a timedelta, or nanoseconds.
Interval = SupportsIndex | str | datetime.timedelta
#: "2020-01-30", or a datetime.date.
Date = str | datetime.date

UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000}


def parse_time(time: Time) -> int:
    """Nanoseconds since midnight from "09:45", "09:45:00.5", a datetime.time, or nanoseconds themselves.

    ValueError for what is no time of day, TypeError for any other type: a float of nanoseconds is not exact.
    """
    if isinstance(time, SupportsIndex):
        nanoseconds = operator.index(time)
        if not 0 <= nanoseconds < 1 << 48:
            raise ValueError(f"not a time of day: {nanoseconds} nanoseconds since midnight")
        return nanoseconds
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


def parse_interval(interval: Interval) -> int:
    """Nanoseconds of "1m", "500ms", "1.5s", "1h", a timedelta, or nanoseconds themselves. ValueError where not above 0."""
    if isinstance(interval, datetime.timedelta):
        nanoseconds = (interval.days * 86_400 + interval.seconds) * 1_000_000_000 + interval.microseconds * 1_000
        nanoseconds += getattr(interval, "nanoseconds", 0)  # those of pandas have them
    elif isinstance(interval, SupportsIndex):
        nanoseconds = operator.index(interval)
    elif isinstance(interval, str):
        found = re.fullmatch(r"(\d+)(?:\.(\d+))? ?(ns|us|ms|s|m|h)", interval)
        if found is None:
            raise ValueError(f"not an interval: {interval!r}; write it like '1m', '500ms' or '1.5s'")
        whole, fraction, unit = found[1], found[2] or "", UNITS[found[3]]
        nanoseconds, rest = divmod(int(whole + fraction) * unit, 10 ** len(fraction))
        if rest:
            raise ValueError(f"not an interval: {interval!r} is no whole number of nanoseconds")
    else:
        raise TypeError(f"an interval is an int, a str or a datetime.timedelta, not {type(interval).__name__}")
    if not 0 < nanoseconds < 1 << 48:
        raise ValueError(f"not an interval: {interval!r}; it must be above 0 and less than 78 hours")
    return nanoseconds


def names_of(symbols: str | Iterable[str] | None) -> list[str]:
    if symbols is None:
        return []
    names = [symbols] if isinstance(symbols, str) else list(symbols)
    if not names:
        raise ValueError("no symbol named: give at least one, or None for all")
    return names


def midnight_of(date: datetime.date) -> int:
    """When the day begins in New York, in nanoseconds since 1970 in UTC."""
    midnight = datetime.datetime.combine(date, datetime.time(), zoneinfo.ZoneInfo("America/New_York"))
    return int(midnight.timestamp()) * 1_000_000_000


def date_of(path: Path, date: Date | None) -> datetime.date | None:
    """That which is given, or else that in the name of the file, or none."""
    if date is None:
        return _date_in(path.name)
    day = _to_date(date)
    if not 1970 <= day.year < 2262:
        raise ValueError(f"not a date: {date!r}; nanoseconds in 64 bits reach from 1970 to 2261")
    return day


def _to_date(date: Date) -> datetime.date:
    if isinstance(date, datetime.datetime):
        return date.date()
    if isinstance(date, datetime.date):
        return date
    with contextlib.suppress(ValueError, TypeError):
        return datetime.date.fromisoformat(date)
    raise ValueError(f"not a date: {date!r}; write it like '2020-01-30'")


def _date_in(name: str) -> datetime.date | None:
    """As Nasdaq names its files, 01302020.NASDAQ_ITCH50 and S013020-v50.txt, or with a date of ISO 8601."""
    for pattern, form in (
        (r"(?<!\d)\d{4}-\d\d-\d\d(?!\d)", "%Y-%m-%d"),
        (r"(?<!\d)\d{8}(?!\d)", "%m%d%Y"),
        (r"(?<!\d)\d{8}(?!\d)", "%Y%m%d"),
        (r"(?<=\bS)\d{6}(?=-v)", "%m%d%y"),
    ):
        for text in re.findall(pattern, name):
            with contextlib.suppress(ValueError):
                found = datetime.datetime.strptime(text, form).date()
                if 1990 <= found.year < 2100:
                    return found
    return None
