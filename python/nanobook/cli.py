"""The command `nanobook`: demonstrations, work with ITCH files, and sweeps of backtests.

Results go to standard output; progress, warnings and errors to standard error. Exit codes: 0 done, 1 a check failed or the
reader of a pipe went away, 2 bad input or usage, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import datetime
import difflib
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click
from rich import box
from rich.console import Console
from rich.table import Table

from nanobook import BookSnapshot, LevelView, __version__, itch

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["main"]

MESSAGE_NAMES = {
    "S": "System Event",
    "R": "Stock Directory",
    "H": "Stock Trading Action",
    "Y": "Reg SHO Restriction",
    "L": "Market Participant Position",
    "V": "MWCB Decline Level",
    "W": "MWCB Status",
    "K": "IPO Quoting Period",
    "J": "LULD Auction Collar",
    "h": "Operational Halt",
    "A": "Add Order",
    "F": "Add Order, MPID",
    "E": "Order Executed",
    "C": "Order Executed With Price",
    "X": "Order Cancel",
    "D": "Order Delete",
    "U": "Order Replace",
    "P": "Trade (non-cross)",
    "Q": "Cross Trade",
    "B": "Broken Trade",
    "I": "Net Order Imbalance",
    "N": "Retail Price Improvement",
    "O": "Direct Listing",
}

FRAMING_NAMES = {
    "binaryfile": "a length before each message",
    "raw": "messages back to back",
    "moldudp64": "MoldUDP64 in a capture of packets",
    "soupbintcp": "SoupBinTCP",
}
GAPS_SHOWN = 10

STATES = {"H": "halted", "P": "paused", "Q": "quotation only", "T": "trading"}

# The demo's book is shown at noon: at the end of a day every book is empty.
DEMO_TIME = "12:00"
DEMO_BUSIEST = 8
DEMO_DEPTH = 10


# ---------------------------------------------------------------------- numbers and names, for people


def dollars(price: int | None, exact: bool = False) -> str:
    """A price of four decimals: "$320.14", with all four only where they are needed or `exact`; "-" for None."""
    if price is None:
        return "-"
    whole, fraction = divmod(price, 10**itch.PRICE_SCALE)
    digits = f"{fraction:0{itch.PRICE_SCALE}d}"
    return f"${whole:,}.{digits if exact or not digits.endswith('00') else digits[:2]}"


def clock(nanoseconds: int | None) -> str:
    """Nanoseconds since midnight as "09:45:00.123", cut at milliseconds; "-" for None."""
    if nanoseconds is None:
        return "-"
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{rest // 1_000_000:03}"


def size(count: int) -> str:
    """A number of bytes: "30,593,154 bytes", or "30.6 MB" beside it where that reads better."""
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count:,} bytes"


def visible(text: str) -> str:
    """A text out of a file: whatever a terminal might act on is shown as its code."""
    return "".join(c if " " < c <= "~" else f"\\x{ord(c):02x}" for c in text)


def alternatives(names: list[str]) -> str:
    """Names as in "A, B or C"."""
    return " or ".join(", ".join(part) for part in (names[:-1], names[-1:]) if part)


# ---------------------------------------------------------------------- tables


def _table(*columns: str, left: tuple[str, ...] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="left" if column in left else "right", no_wrap=True)
    return table


def counts_table(counts: dict[str, int]) -> Table:
    """Messages by type, most first."""
    table = _table("type", "message", "count", "share", left=("type", "message"))
    total = sum(counts.values())
    for kind, count in sorted(counts.items(), key=lambda item: -item[1]):
        table.add_row(kind, MESSAGE_NAMES[kind], f"{count:,}", f"{100 * count / total:.1f} %")
    return table


def busiest_table(messages: dict[str, int], stats: list[itch.SymbolStats], n: int) -> Table:
    """The `n` symbols with most messages, and what they traded."""
    table = _table("symbol", "messages", "shares traded", "trades", "last price", left=("symbol",))
    rows = {row.symbol: row for row in stats}
    for symbol in sorted(rows, key=lambda symbol: -messages.get(symbol, 0))[:n]:
        row = rows[symbol]
        table.add_row(
            visible(symbol), f"{messages[symbol]:,}", f"{row.volume:,}", f"{row.trades:,}", dollars(row.last_price)
        )
    return table


def ladder_table(book: BookSnapshot, width: int, ascii_only: bool = False) -> Table:
    """Both sides of a book, best level first, quantities also as bars that share one scale.

    width: columns of the terminal; bars take what the figures leave. ascii_only: bars of "#".
    """

    # The points of all prices stand below each other.
    exact = any(level.price % 100 for level in [*book.bids, *book.asks])

    def figures(level: LevelView | None) -> tuple[str, str, str]:
        if level is None:
            return "", "", ""
        return f"{level.order_count:,}", f"{level.quantity:,}", dollars(level.price, exact)

    levels = list(itertools.zip_longest(book.bids, book.asks))
    rows = [(*figures(bid), *reversed(figures(ask))) for bid, ask in levels]
    heads = ("orders", "shares", "bid", "ask", "shares", "orders")
    taken = sum(max(map(len, column)) for column in zip(heads, *rows, strict=True))
    room = max(0, min(20, (width - taken - 21) // 2))  # seven gaps of three between eight columns
    most = max((level.quantity for level in [*book.bids, *book.asks]), default=1)

    def bar(level: LevelView | None) -> str:
        length = 0 if level is None else max(1, round(room * level.quantity / most))
        return ("#" if ascii_only else "█") * min(room, length)

    table = _table("orders", "shares", "", "bid", "ask", " ", "shares", "orders", left=(" ",))
    for column, colour in (("", "green"), ("bid", "green"), ("ask", "red"), (" ", "red")):
        next(c for c in table.columns if c.header == column).style = colour
    for (bid, ask), row in zip(levels, rows, strict=True):
        table.add_row(*row[:2], bar(bid).rjust(room), *row[2:4], bar(ask).ljust(room), *row[4:])
    return table


def framing_facts(report: itch.FramingReport) -> dict[str, str]:
    """What the packets around the messages tell."""
    facts = {"packets": f"{report.packets:,}"} if report.packets else {}
    if report.unrelated:
        facts["packets"] += f", {report.unrelated:,} of them without messages of ITCH"
    if report.duplicates:
        facts["duplicates"] = f"{report.duplicates:,} messages, of a second line or sent again"
    sessions = [
        f"{visible(session.name.strip())}, "
        + (f"messages {session.first:,} to {session.next - 1:,}" if session.next > session.first else "no message")
        + (", ended" if session.ended else "")
        for session in report.sessions
    ]
    if sessions:
        facts["session" if len(sessions) == 1 else "sessions"] = "; ".join(sessions)
    return facts


def gaps_table(report: itch.FramingReport, n: int) -> Table:
    """The first `n` gaps."""
    table = _table("session", "first missing", "last missing", "messages", "before byte", left=("session",))
    for gap in report.gaps[:n]:
        last = gap.first + gap.count - 1
        table.add_row(visible(gap.session.strip()), f"{gap.first:,}", f"{last:,}", f"{gap.count:,}", f"{gap.offset:,}")
    return table


def oddities_table(report: itch.Report) -> Table:
    """What was odd, by kind."""
    table = _table("odd", "count", "by message type", left=("odd", "by message type"))
    for kind, types in report.counts().items():
        by_type = ", ".join(f"{visible(type) or 'none'} {count:,}" for type, count in types.items())
        table.add_row(kind.replace("_", " "), f"{sum(types.values()):,}", by_type)
    return table


# ---------------------------------------------------------------------- the terminal


class Failure(click.ClickException):
    """What the user can mend, in one sentence."""

    exit_code = 2


class Bar:
    """A progress bar on standard error: only on a terminal, only where something takes long."""

    def __init__(self, what: str, console: Console | None = None, patience: float = 0.5) -> None:
        self._what = what
        self._console = console if console is not None else Console(stderr=True)
        self._bar: Progress | None = None
        self._next = time.monotonic() + patience

    def __call__(self, done: int, total: int) -> None:
        """So much is done of so much; cheap enough for every few milliseconds."""
        now = time.monotonic()
        if now < self._next or not self._console.is_terminal:
            return
        self._next = now + 0.1
        if self._bar is None:
            from rich.progress import Progress  # only here: most runs are over before they need it

            self._bar = Progress(console=self._console, transient=True, auto_refresh=False)
            self._bar.add_task(self._what)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done, total=total, refresh=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


class Commands(click.Group):
    """Says what a user can cause in one sentence on standard error, and exits with the codes of this module."""

    def main(self, *args: Any, **options: Any) -> Any:
        try:
            code = super().main(*args, **{**options, "standalone_mode": False})
        except itch.ItchError as error:
            code = _show(Failure(str(error)))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            path = "" if error.filename is None else f"{click.format_filename(error.filename)}: "
            code = _show(Failure(f"{path}{reason}"))
        except click.ClickException as error:
            code = _show(error)
        except click.Abort:
            code = 130
        sys.exit(code or 0)


def _show(error: click.ClickException) -> int:
    error.show()
    return error.exit_code


def _terminal() -> Console:
    """Standard output. Figures are never cut: a terminal of less than 80 columns wraps what it is given."""
    console = Console()
    console.width = max(80, console.width)
    return console


def _print(console: Console, *lines: str | Table) -> None:
    """Text as it is: what stands in brackets is no markup, and nothing but tables is coloured or wrapped."""
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=isinstance(line, str))


def _cut_off(path: Path, report: itch.Report | itch.FramingReport) -> None:
    """Ends with an error where the file does so in the middle of a message, or of a packet."""
    if report.truncated_at is not None:
        name = click.format_filename(path)
        what = "message" if isinstance(report, itch.Report) else "packet"
        raise Failure(f"{name}: the end is cut off inside the {what} at byte {report.truncated_at}")


# ---------------------------------------------------------------------- what the commands share


@contextlib.contextmanager
def _opened(path: Path, strict: bool, framing: str | None = None, **options: Any) -> Iterator[itch.File]:
    try:
        with itch.open(path, strict=strict, framing=framing, **options) as file:
            yield file
    except OSError as error:
        # The system names the file where it opens one, and not where reading it fails.
        if error.filename is not None and str(error.filename) != str(path):
            raise
        reason = (error.strerror or str(error)).lower()
        raise Failure(f"{click.format_filename(path)}: cannot be read: {reason}") from None


def _parse_time(text: str, option: str = "--at") -> int:
    try:
        return itch.parse_time(text if text[1:2] != ":" else f"0{text}")
    except ValueError as error:
        raise Failure(f"{option}: {error}") from None


def _books_of(file: itch.File, symbol: str, until: int | None) -> itch.Books:
    """The book of one symbol, or a Failure that says which symbols there are."""
    if 0 < len(symbol) <= 8 and symbol.isascii() and symbol.isprintable():
        with Bar("Replaying") as bar:
            books = file.replay(symbols=symbol, until=until, progress=bar)
        if symbol in books.symbols():
            return books
    path = click.format_filename(file.path)
    with Bar("Looking for symbols") as bar:
        symbols = [visible(name) for name in file.symbols(progress=bar)]
    if symbol in symbols:
        raise Failure(f"{path}: no message of {symbol}" + (f" by {clock(until)}" if until is not None else ""))
    close = [symbol.upper()] if symbol.upper() in symbols else difflib.get_close_matches(symbol.upper(), symbols)
    if not close and len(symbols) <= 5:
        close = symbols
    hint = f"; did you mean {alternatives(close)}?" if close else f" among its {len(symbols):,}"
    raise Failure(f"{path}: no symbol {symbol!r}{hint}")


def _print_ladder(console: Console, books: itch.Books, symbol: str, depth: int, moment: str) -> None:
    # The first of its locates, if a file gives it several: the one that depth() shows.
    stats = next(row for row in books.stats() if row.symbol == symbol)
    book = books.depth(symbol, depth)
    facts = [f"{symbol} {moment}"]
    if stats.state:
        facts.append(STATES.get(stats.state, f"state {visible(stats.state)}"))
    facts.append(f"{stats.trades:,} trade{'s' * (stats.trades != 1)} of {stats.volume:,} shares")
    if stats.last_price is not None:
        facts.append(f"last {dollars(stats.last_price)}")
    _print(console, ", ".join(facts))
    if book.bids or book.asks:
        _print(console, "", ladder_table(book, console.width, console.options.ascii_only))
    else:
        _print(console, "Both sides of the book are empty; a day's orders are gone at its end, so try --at 12:00.")


# ---------------------------------------------------------------------- commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nanobook")
def main() -> None:
    """Limit order books: market data in, true order books out."""


@main.command()
@click.option(
    "--messages", default=1_000_000, show_default=True, type=click.IntRange(1, 2**64 - 1), help="Messages of the day."
)
@click.option("--symbols", default=500, show_default=True, type=click.IntRange(1, 65_535), help="Symbols of the day.")
@click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(0, 2**64 - 1), help="Equal seeds give equal days."
)
@click.option("--symbol", help="Whose book to show; the busiest one's by default.")
def demo(messages: int, symbols: int, seed: int, symbol: str | None) -> None:
    """Make up a day of NASDAQ messages and turn it into order books."""
    console = _terminal()
    with tempfile.TemporaryDirectory(prefix="nanobook-") as folder:
        path = Path(folder) / "day.itch"
        _print(console, f"nanobook {__version__}: a made-up NASDAQ day of {symbols:,} symbols, seed {seed}", "")
        with Bar("Making up a day") as bar:
            try:
                itch.synthesize(path, messages=messages, symbols=symbols, seed=seed, progress=bar)
            except ValueError as error:
                raise Failure(str(error)) from None
        with itch.open(path) as day:
            _demonstrate(console, day, symbol)


def _demonstrate(console: Console, day: itch.File, symbol: str | None) -> None:
    with Bar("Reading") as bar:
        summary = day.summary(progress=bar)
    counts = summary.symbols()
    span = f"{clock(summary.first_time)} to {clock(summary.last_time)}"
    _print(console, f"{summary.message_count:,} messages from {span}, {size(day.size)}", "")
    _print(console, counts_table(summary.counts), "")

    begin = time.perf_counter()
    with Bar("Replaying") as bar:
        books = day.replay(progress=bar)
    seconds = time.perf_counter() - begin
    _print(console, f"The {DEMO_BUSIEST} busiest symbols at the end of the day", "")
    _print(console, busiest_table(counts, books.stats(), DEMO_BUSIEST), "")

    name = symbol if symbol is not None else max(counts, key=lambda each: counts[each])
    noon = _books_of(day, name, itch.parse_time(DEMO_TIME))
    _print_ladder(console, noon, name, DEMO_DEPTH, f"at {DEMO_TIME}")

    speed = books.message_count / seconds / 1e6
    _print(
        console,
        "",
        f"Replayed into the books of all symbols in {seconds:.2f} s: {speed:.1f} million messages a second, one thread.",
        *_peak_memory(),
        "",
        "Now with a file of your own:",
        "    nanobook itch info FILE",
        "    nanobook itch book FILE --symbol AAPL --at 09:45",
    )


def _peak_memory() -> list[str]:
    try:
        import resource
    except ImportError:  # not on Windows
        return []
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return [f"Memory of the whole process, the mapped file and Python included: at most {peak / 1e6:.0f} MB."]


@main.command()
@click.argument("path", metavar="[PRICES]", required=False, type=click.Path(path_type=Path, readable=False))
@click.option("--grid", metavar="FILE", type=click.Path(path_type=Path, readable=False), help="TOML: the parameters.")
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), help="Where the table goes: .parquet, .csv or .arrow."
)
@click.option("--initial-cash", metavar="AMOUNT", help="In the unit of the prices; also initial_cash in [base].")
@click.option(
    "--price-scale",
    metavar="DIGITS",
    type=click.IntRange(0, 9),
    help="The file has decimals: 2 makes cents of dollars, also of other money that you give.",
)
@click.option("--date", metavar="COLUMN", help="The column of dates; the only one that holds dates by default.")
@click.option("--metric", default="sharpe", show_default=True, help="What is best.")
@click.option("--best", default=10, show_default=True, type=click.IntRange(1, 1_000), help="Sets to show.")
@click.option("--threads", type=click.IntRange(1, 1_024), help="As many as there are cores by default.")
@click.option(
    "--plot",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A picture, .png, .svg or .html: a heatmap with --x and --y, else the best curves.",
)
@click.option("--x", metavar="PARAMETER", help="Across, in a heatmap of the metric.")
@click.option("--y", metavar="PARAMETER", help="Upwards.")
@click.option("--demo", is_flag=True, help="With made-up prices and a grid of its own.")
def sweep(**options: Any) -> int:
    """Run the equal-weight strategy over PRICES with every combination of parameters.

    PRICES is a .parquet, .csv, .arrow or .feather file of a column a symbol, in whole numbers such as cents, and
    maybe one of dates. The grid is a TOML file of parameters and their values, such as cost_bps = [0, 5, 10]; its table
    [base] holds initial_cash, cost_bps, slippage_bps, min_trade_fee, periods_per_year, risk_free, execution_lag,
    on_null, date and price_scale. Ctrl-C keeps the sets that are done. Needs nanobook-cpp[parquet], and for pictures
    nanobook-cpp[plot].
    """
    from nanobook import _sweep_command  # only here: the other commands do without

    return _sweep_command.run(_sweep_command.Request(**options))


@main.group("itch")
def itch_group() -> None:
    """Look into NASDAQ TotalView-ITCH 5.0 files, gzipped or not, check, cut and download them."""


_file = click.argument("path", metavar="FILE", type=click.Path(path_type=Path, readable=False))
_strict = click.option("--strict", is_flag=True, help="Fail at the first odd thing, with its offset and type.")
_start = click.option("--start", metavar="TIME", help="Only from this time of day on, US/Eastern, like 09:30.")
_until = click.option("--until", metavar="TIME", help="Only up to this time of day.")
_date = click.option(
    "--date",
    metavar="DATE",
    type=click.DateTime(["%Y-%m-%d"]),
    callback=lambda _context, _option, date: date and date.date(),
    help="Of the session; that in the name of FILE by default.",
)
_framing = click.option(
    "--framing",
    type=click.Choice(itch.FRAMINGS),
    help="How messages lie in the file; found out by default. moldudp64 is in a capture, pcap or pcapng.",
)


@itch_group.command()
@_file
@click.option("--books", is_flag=True, help="Also build all books, and report orders that do not fit.")
@_framing
@_strict
def info(path: Path, books: bool, framing: str | None, strict: bool) -> None:
    """Say what is in FILE: messages by type, symbols, times, and whatever is odd."""
    console = _terminal()
    replay = None
    with _opened(path, strict, framing) as file:
        with Bar("Reading") as bar:
            summary = file.summary(progress=bar)
        wrapping = file.framing_report()
        if books:
            with Bar("Replaying") as bar:
                replay = file.replay(progress=bar)
    framing_text = FRAMING_NAMES[file.framing]
    if file.framing == "binaryfile" and summary.zero_prefixed:
        framing_text = "every length prefix is 0"
    facts = {
        "file": f"{click.format_filename(path)}, {size(file.size)}{', gzipped' if file.compressed else ''}",
        "framing": framing_text + (", an end of session" if summary.end_of_session else ""),
        **framing_facts(wrapping),
        "messages": f"{summary.message_count:,}",
        "symbols": f"{len(summary.symbols()):,}",
        "time": f"{clock(summary.first_time)} to {clock(summary.last_time)}",
    }
    if replay is not None:
        facts["live orders"] = f"{replay.live_orders:,} at the end"
        facts["executions"] = f"{replay.out_of_order_executions:,} of orders that were not first in their queue"
    _print(console, *(f"{name:<12} {fact}" for name, fact in facts.items()), "", counts_table(summary.counts), "")

    if wrapping:
        kinds = ", ".join(f"{kind.replace('_', ' ')} {count:,}" for kind, count in wrapping.counts().items())
        _print(console, f"Odd in its framing: {kinds}. First: {wrapping.first}.", "")
    if wrapping.gaps:
        _print(console, f"{wrapping.missing:,} messages are missing:", gaps_table(wrapping, GAPS_SHOWN))
        more = wrapping.counts()["gap"] - GAPS_SHOWN
        _print(console, *([f"and {more:,} more gaps"] if more > 0 else []), "")
    report = summary.report if replay is None else replay.report
    if report.first is None and wrapping:
        _print(console, "Nothing else is odd.")
    elif report.first is None:
        _print(
            console, "Nothing is odd." if books else "Nothing is odd in its framing; --books also looks at its orders."
        )
    else:
        _print(console, oddities_table(report))
        if report.first.oddity != "truncated_tail":
            _print(console, "", f"First: {report.first}.")
    _cut_off(path, report)
    _cut_off(path, wrapping)


@itch_group.command()
@_file
@click.option("--symbol", required=True, help="Whose book, as the file names it.")
@click.option(
    "--at", metavar="TIME", help="Time of day, US/Eastern, like 09:45 or 09:45:00.5; the end of the file by default."
)
@click.option("--depth", default=10, show_default=True, type=click.IntRange(1, 1_000_000), help="Levels a side.")
@_framing
@_strict
def book(path: Path, symbol: str, at: str | None, depth: int, framing: str | None, strict: bool) -> None:
    """Show one symbol's order book at a time of the day."""
    until = None if at is None else _parse_time(at)
    with _opened(path, strict, framing) as file:
        books = _books_of(file, symbol, until)
        with Bar("Looking for gaps") as bar:
            wrapping = file.framing_report(progress=bar)
    console = _terminal()
    _print_ladder(
        console, books, symbol, depth, f"at {clock(until)}" if until is not None else f"at the end, {clock(books.time)}"
    )
    odd = {kind: sum(types.values()) for kind, types in books.report.counts().items()}
    if odd:
        kinds = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in odd.items())
        _print(console, "", f"Odd: {kinds}; nanobook itch info --books says more.")
    if wrapping:
        _print(console, "", f"Odd in its framing: {wrapping.first}; nanobook itch info says more.")
    _cut_off(path, books.report)


@itch_group.command()
@_file
@click.option("--out", required=True, metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--tables",
    default="bbo,trades",
    show_default=True,
    metavar="NAMES",
    help="bbo, trades, depth10 (depth10@1s by the clock), bars1m, orders, status, mbo, imbalance, types of messages.",
)
@click.option("--symbols", metavar="NAMES", help="Only theirs: AAPL,MSFT.")
@_start
@_until
@_date
@click.option("--decimal-prices", is_flag=True, help="Prices in dollars rather than integers of four decimals.")
@click.option(
    "--threads", type=click.IntRange(1, 1_024), help="As many as there are cores by default, half of that of gzip."
)
@_framing
@_strict
def convert(
    path: Path,
    out: Path,
    tables: str,
    date: datetime.date | None,
    decimal_prices: bool,
    threads: int | None,
    framing: str | None,
    strict: bool,
    **window: str | None,
) -> None:
    """Write tables of FILE as Parquet: DIR/TABLE/date=DATE/NAME.parquet.

    What was written before of the same file and options is left as it is, so that a conversion that was broken off goes
    on. Each file appears under its name when it is whole.
    """
    from nanobook import _itch_commands

    with _opened(path, strict, framing, date=date, decimal_prices=decimal_prices, threads=threads) as file:
        _itch_commands.convert_file(file, out, tables, **window)


@itch_group.command("filter")
@_file
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--symbols", metavar="NAMES", help="Only theirs, and those of the whole market: AAPL,MSFT.")
@click.option("--types", metavar="LETTERS", help="Only these types of messages: AFEXDUC.")
@_start
@_until
@_framing
@_strict
def filter_command(path: Path, out: Path, framing: str | None, strict: bool, **options: str | None) -> None:
    """Write the messages of FILE that are chosen to another ITCH file, OUT.

    OUT is gzipped where its name ends in .gz. Messages that name no symbol go with their order's, and those of the
    whole market (S, V, W) with any. A window of time leaves out the orders that were entered before it.
    """
    from nanobook import _itch_commands

    with _opened(path, strict, framing) as file:
        _itch_commands.filter_file(file, out, **options)


@itch_group.command()
@_file
@click.option("--out", metavar="DIR", required=True, type=click.Path(path_type=Path), help="The folder for the files.")
@click.option("--symbols", metavar="NAMES", required=True, help="Whose: AAPL,MSFT.")
@click.option("--levels", default=10, show_default=True, type=click.IntRange(1, 1000), help="Levels a side.")
@_start
@_until
@_date
@_framing
@_strict
def lobster(
    path: Path,
    out: Path,
    symbols: str,
    levels: int,
    start: str | None,
    until: str | None,
    date: datetime.date | None,
    framing: str | None,
    strict: bool,
) -> None:
    """Write the message and orderbook files of LOBSTER, two for each symbol.

    They are called SYMBOL_DATE_START_UNTIL_message_LEVELS.csv and SYMBOL_DATE_START_UNTIL_orderbook_LEVELS.csv, with
    times in milliseconds after midnight, and appear under these names when they are whole.
    """
    from nanobook import _itch_commands

    with _opened(path, strict, framing, date=date) as file:
        _itch_commands.lobster_file(file, out, symbols, levels, start, until)


@itch_group.command()
@_file
@click.option(
    "--volumes",
    metavar="CSV",
    type=click.Path(path_type=Path, readable=False),
    help="Shares traded on Nasdaq, of another source, to compare: columns symbol and volume.",
)
@click.option("--closing", is_flag=True, help="Also list the price of each symbol's closing cross.")
@_framing
@_strict
def check(path: Path, volumes: Path | None, closing: bool, framing: str | None, strict: bool) -> int:
    """Check what is true of every whole day that Nasdaq publishes. Exit code 1 where something is not true of FILE."""
    from nanobook import _itch_commands

    with _opened(path, strict, framing) as file:
        return _itch_commands.check_file(file, volumes, closing)


@itch_group.command()
@click.argument("url")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="Where it goes; a folder will do.")
@click.option("--md5", metavar="HEX", help="The digest it must have, or the file or URL that holds the digest.")
@click.option("--sha256", metavar="HEX", help="The same.")
def fetch(url: str, out: Path | None, md5: str | None, sha256: str | None) -> None:
    """Download the public day at URL. What drops or is interrupted is taken up again; call again after Ctrl-C.

    Without --md5 and --sha256 the file must have the md5 that the server publishes as URL.md5sum, if it does.
    """
    from nanobook import _itch_commands

    _itch_commands.fetch_file(url, out, md5, sha256)


@itch_group.command("list")
@click.argument("url", default=itch.PUBLIC_DAYS)
def list_command(url: str) -> None:
    """List the days in the folder at URL, and in the folders in it; by default those that Nasdaq offers to everybody."""
    from nanobook import _itch_commands

    _itch_commands.list_files(url)


if __name__ == "__main__":
    main()
