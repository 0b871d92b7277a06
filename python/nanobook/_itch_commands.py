"""What `nanobook itch filter`, `convert`, `lobster`, `check`, `fetch` and `list` say."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click
from rich.table import Table

from nanobook import itch
from nanobook.cli import Bar, Failure, _cut_off, _parse_time, _print, _table, _terminal, dollars, size, visible

__all__ = ["check_file", "convert_file", "fetch_file", "filter_file", "list_files", "lobster_file"]


@contextlib.contextmanager
def _working(what: str) -> Iterator[Bar]:
    """Shows how far it is; what is wrong with the arguments ends the command."""
    try:
        with Bar(what) as bar:
            yield bar
    except itch.ItchError:
        raise
    except (ValueError, ModuleNotFoundError) as error:
        raise Failure(str(error)) from None


def filter_file(
    file: itch.File, out: Path, symbols: str | None, types: str | None, start: str | None, until: str | None
) -> None:
    """Writes the file, and says how much of the other it is."""
    names = None if symbols is None else _names(symbols)
    with _working("Filtering") as bar:
        done = file.filter(
            out,
            None if types is None else types.replace(",", ""),
            names,
            _time(start, "--start"),
            _time(until, "--until"),
            bar,
        )
    written = click.format_filename(out)
    _print(
        _terminal(),
        f"{written}: {done.written:,} of {done.read:,} messages read, {size(out.stat().st_size)}",
    )
    if done.missing:
        click.echo(f"Warning: no message of {', '.join(map(repr, done.missing))}", err=True)
    if odd := _odd(done.report):
        click.echo(f"Warning: {odd:,} odd messages are left out; nanobook itch info says more.", err=True)
    _cut_off(file.path, done.report)


def convert_file(
    file: itch.File, out: Path, tables: str, symbols: str | None, start: str | None, until: str | None
) -> None:
    """Writes tables as Parquet, and says what they are."""
    with _working("Converting") as bar:
        paths = file.convert(
            out,
            *_names(tables),
            symbols=None if symbols is None else _names(symbols),
            start=_time(start, "--start"),
            until=_time(until, "--until"),
            progress=bar,
        )
    _print(_terminal(), *(f"{click.format_filename(path)}: {size(path.stat().st_size)}" for path in paths))


def lobster_file(file: itch.File, out: Path, symbols: str, levels: int, start: str | None, until: str | None) -> None:
    """Writes LOBSTER's files, and says what they are."""
    from nanobook._itch_lobster import write_lobster

    with _working("Writing") as bar:
        paths, report = write_lobster(
            file,
            out,
            _names(symbols),
            levels,
            _time(start, "--start"),
            _time(until, "--until"),
            bar,
        )
    _print(_terminal(), *(f"{click.format_filename(path)}: {size(path.stat().st_size)}" for path in paths))
    if odd := _odd(report):
        click.echo(f"Warning: {odd:,} odd message{'s' * (odd != 1)}; nanobook itch info --books says more.", err=True)
    _cut_off(file.path, report)


def _odd(report: itch.Report) -> int:
    """How many odd things it counts."""
    return sum(sum(kinds.values()) for kinds in report.counts().values())


def _time(text: str | None, option: str) -> int | None:
    return None if text is None else _parse_time(text, option)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def check_file(file: itch.File, volumes: Path | None, closing: bool) -> int:
    """Shows what is true of the file and what is not; returns the exit code."""
    with _working("Checking") as bar:
        check = file.check(volumes, bar)
    console = _terminal()
    facts = {
        "file": f"{click.format_filename(file.path)}, {size(file.size)}{', gzipped' if file.compressed else ''}",
        "messages": f"{check.messages:,}",
        "symbols": f"{check.symbols:,}",
        "live orders": f"{check.live_orders:,} at the end, {check.peak_live_orders:,} at most",
    }
    _print(console, *(f"{name:<12} {fact}" for name, fact in facts.items()), "", _truths_table(check))
    for truth in check.truths:
        if truth.detail:
            _print(console, "", f"{truth.statement}: {visible_sentence(truth.detail)}")
    if closing:
        _print(console, "", _closing_table(check.closing_prices))
    return 0 if check.holds else 1


def visible_sentence(text: str) -> str:
    """A sentence that quotes a file, without what a terminal might act on."""
    return " ".join(visible(word) for word in text.split(" "))


def _truths_table(check: itch.Check) -> Table:
    table = _table("truth", "violations", "result", left=("truth", "result"))
    for truth in check.truths:
        violations = "-" if truth.violations is None else f"{truth.violations:,}"
        result = {True: "holds", False: "FAILS", None: "not told"}[truth.holds]
        table.add_row(truth.statement, violations, result)
    return table


def _closing_table(prices: dict[str, int]) -> Table:
    table = _table("symbol", "closing cross", left=("symbol",))
    for symbol, price in prices.items():
        table.add_row(visible(symbol), dollars(price))
    return table


def fetch_file(url: str, out: Path | None, md5: str | None, sha256: str | None) -> None:
    """Downloads the file, and says where it is."""
    from nanobook import _itch_fetch

    digests = {name: text for name, text in (("md5", md5), ("sha256", sha256)) if text is not None}
    with _working("Fetching") as bar:
        was_there = _itch_fetch.target_of(url, out).exists()
        path, published = _itch_fetch.fetch(url, out, digests, bar)
    checked = f", {' and '.join(digests)} as it should be" if digests else ""
    if published:
        checked = ", md5 as the server publishes it"
    known = ", there already: not fetched again" if was_there else ""
    _print(_terminal(), f"{click.format_filename(path)}: {size(path.stat().st_size)}{known}{checked}")


def list_files(url: str) -> None:
    """Shows the days that a server offers."""
    with _working("Listing"):
        days = itch.list_days(url)
    if not days:
        raise Failure(f"{url}: no day is listed there")
    table = _table("date", "size", "url", left=("date", "url"))
    for day in days:
        table.add_row(str(day.date or "-"), "-" if day.size is None else size(day.size), day.url)
    console = _terminal()
    console.width = max(console.width, 40 + max(len(day.url) for day in days))  # a URL is there to be copied
    _print(console, table)
