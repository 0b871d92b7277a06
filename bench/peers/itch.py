"""A day of ITCH in Python, side by side: messages as objects, books, tables.

    python bench/peers/itch.py --python A/bin/python B/bin/python
    python bench/peers/itch.py --day day.itch --measure

The interpreter that has this package writes one synthetic day, which everybody then reads, each in a process of its own;
`--measure` reads it with what the interpreter at hand has. The file has been read before, so that it comes from memory,
and every figure is the median of the rounds, in which all take turns.

- objects: every message becomes a Python object, in a loop that only counts them.
- books: the books of all symbols, of every order.
- one book: that of one busy symbol; the other messages are only passed over.
- tables: trades, and the best prices of all symbols after each change, as columns; on one thread (see itch_day.py).
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib.metadata
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from environments import run
from peer_tables import itch_table

SYMBOL = "AAPL"  # a busy one on a synthetic day

Work = Callable[[Path], object]  # what it returns is a count that two can be compared by


def count(messages: Any) -> int:
    return sum(1 for _ in messages)


def ours() -> dict[str, Work]:
    from nanobook import itch

    return {
        "objects": lambda day: count(itch.open(day).messages()),
        "books": lambda day: len(itch.open(day).replay().stats()),
        "one book": lambda day: len(itch.open(day).replay(symbols=SYMBOL).stats()),
        "tables": lambda day: [len(t) for t in itch.open(day, threads=1).tables("bbo", "trades").values()],
    }


def nanobook_rust() -> dict[str, Work]:
    import nanobook

    return {"objects": lambda day: len(nanobook.parse_itch(str(day)))}


def itch_book_tables(day: Path) -> int:
    import itch_book

    with itch_book.open(str(day), date=datetime.date(2020, 1, 30), price_type="fixed") as feed:
        return sum(len(batch.bbo["seq"]) + len(batch.trades["seq"]) for batch in feed.batches(("bbo", "trades")))


def itchcpp() -> dict[str, Work]:
    from itchcpp.book import BookManager
    from itchcpp.parser import MessageParser

    def objects(day: Path) -> int:
        with day.open("rb") as file:
            return count(MessageParser().parse_file(file))

    def books(day: Path, *symbols: str) -> int:
        manager = BookManager()
        for symbol in symbols:
            manager.track_symbol(symbol)
        manager.process_stream(day.read_bytes())
        return int(manager.book_count())

    return {"objects": objects, "books": books, "one book": lambda day: books(day, SYMBOL)}


def meatpy() -> dict[str, Work]:
    from meatpy.itch50 import ITCH50MarketProcessor, ITCH50MessageReader

    def objects(day: Path) -> int:
        with ITCH50MessageReader(day) as reader:
            return count(reader)

    def book(day: Path) -> int:
        processor = ITCH50MarketProcessor(SYMBOL, datetime.datetime(2020, 1, 30))
        with ITCH50MessageReader(day) as reader:
            for message in reader:
                processor.process_message(message)
        return 1

    return {"objects": objects, "one book": book}


PEERS: dict[str, Callable[[], dict[str, Work]]] = {
    "nanobook-cpp": ours,
    "nanobook": nanobook_rust,
    "itch-book": lambda: {"tables": itch_book_tables},
    "itchcpp": itchcpp,
    "meatpy": meatpy,
}


def measure(day: Path, messages: int) -> None:
    """One JSON object a line, for each piece of work that this interpreter's package does."""
    day.read_bytes()
    for distribution, works in PEERS.items():
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            version = importlib.metadata.version(distribution)
            for name, work in works().items():
                begin = time.perf_counter()
                counted = work(day)
                row = {"work": name, "engine": f"{distribution} {version}", "messages": messages, "counted": counted}
                print(json.dumps({**row, "seconds": time.perf_counter() - begin}), flush=True)


def drop_direct_listings(day: Path) -> int:
    """Writes the day again without its O messages, which MeatPy 0.5 takes for longer than they are; returns how many
    messages are left."""
    data = day.read_bytes()
    kept = []
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if data[at + 2 : at + 3] != b"O":
            kept.append(data[at:end])
        at = end
    day.write_bytes(b"".join(kept))
    return len(kept)


def write_day(pythons: list[str], messages: int, folder: Path) -> Path:
    """By the first interpreter that has this package."""
    day = folder / "day.itch"
    code = f"from nanobook import itch; itch.synthesize({str(day)!r}, messages={messages})"
    for python in pythons:
        run(python, "-c", code)
        if day.exists():
            return day
    raise SystemExit("no interpreter has this package, which writes the day")


def collect(pythons: list[str], messages: int, rounds: int, folder: Path) -> list[dict[str, Any]]:
    day = write_day(pythons, messages, folder)
    messages = drop_direct_listings(day)
    runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for _ in range(rounds):
        for python in pythons:
            for row in run(python, __file__, "--measure", "--day", str(day), "--messages", str(messages)):
                runs.setdefault((row["work"], row["engine"]), []).append(row)
    return [{**rows[0], "seconds": statistics.median(row["seconds"] for row in rows)} for rows in runs.values()]


def main() -> None:
    parser = argparse.ArgumentParser(description="A day of ITCH in Python, side by side.")
    parser.add_argument("--python", nargs="+", default=[sys.executable], metavar="PATH", help="interpreters to measure")
    parser.add_argument("--messages", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one object a line instead of a table")
    parser.add_argument("--day", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    if arguments.measure:
        measure(arguments.day, arguments.messages)
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = collect(arguments.python, arguments.messages, arguments.rounds, Path(folder))
    if arguments.json:
        for row in rows:
            print(json.dumps(row))
    else:
        print(itch_table(rows))


if __name__ == "__main__":
    main()
