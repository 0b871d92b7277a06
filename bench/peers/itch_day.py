"""A whole day of ITCH, as large as Nasdaq's of 2020: best prices and trades of all symbols, side by side.

    python bench/peers/itch_day.py --python A/bin/python B/bin/python --messages 50000000
    python bench/peers/itch_day.py --day day.itch --measure "tables, all cores"

As itch.py does: one synthetic day, each package in a process of its own, medians of rounds in which all take turns. The
file, and the same gzipped, have been read before, so that they come from memory.

- tables: trades, and the best prices of all symbols after each change, as columns.
- gzip: the same day, compressed as Nasdaq's files are, only decompressed; by the library that is used for it.
- Parquet: the same two tables of the gzipped day, written to files.

The memory is what the process has besides the file it maps, at the most.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from environments import run
from itch import Work, itch_book_tables, write_day
from peer_tables import itch_day_table

PIECE = 1 << 22


def ours() -> dict[str, Work]:
    from isal import igzip_threaded

    from nanobook import itch

    def rows(day: Path, threads: int | None) -> int:
        return sum(len(table) for table in itch.open(day, threads=threads).tables("bbo", "trades").values())

    def decompress(day: Path) -> int:
        size = 0
        with igzip_threaded.open(f"{day}.gz", "rb") as stream:
            while piece := stream.read(PIECE):
                size += len(piece)
        return size

    def convert(day: Path) -> int:
        with tempfile.TemporaryDirectory(dir=day.parent) as folder:
            return sum(path.stat().st_size for path in itch.open(f"{day}.gz").convert(folder, "bbo", "trades"))

    return {
        "tables, one thread": lambda day: rows(day, 1),
        "tables, all cores": lambda day: rows(day, None),
        "gzip": decompress,
        "Parquet, of gzip": convert,
    }


PEERS: dict[str, Callable[[], dict[str, Work]]] = {
    "nanobook-cpp": ours,
    "itch-book": lambda: {"tables, one thread": itch_book_tables},
}


def anonymous_memory() -> int:
    """Of this process, in bytes: what is mapped from files is not in it."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("this system does not tell the anonymous memory of a process")


@contextlib.contextmanager
def watched() -> Iterator[list[int]]:
    """The most memory while it runs, looked at a hundred times a second."""
    over = threading.Event()
    peak = [anonymous_memory()]

    def watch() -> None:
        while not over.wait(0.01):
            peak[0] = max(peak[0], anonymous_memory())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


def measure(day: Path, messages: int, work: str) -> None:
    """One JSON object, where this interpreter's package does that work."""
    for path in (day, Path(f"{day}.gz")):
        with path.open("rb") as file:
            while file.read(PIECE):
                pass
    for distribution, works in PEERS.items():
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            version = importlib.metadata.version(distribution)
            if do := works().get(work):
                before = anonymous_memory()
                with watched() as peak:
                    begin = time.perf_counter()
                    counted = do(day)
                    seconds = time.perf_counter() - begin
                row = {"work": work, "engine": f"{distribution} {version}", "messages": messages, "counted": counted}
                print(json.dumps({**row, "seconds": seconds, "memory": (peak[0] - before) / 1e6}), flush=True)


def collect(pythons: list[str], messages: int, rounds: int, folder: Path) -> list[dict[str, Any]]:
    day = write_day(pythons, messages, folder)
    packer = shutil.which("pigz") or shutil.which("gzip")
    if packer is None:
        raise SystemExit("neither pigz nor gzip is installed, which compress the day")
    subprocess.run([packer, "-6", "--keep", day], check=True)
    works = ("tables, one thread", "tables, all cores", "gzip", "Parquet, of gzip")
    runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for _ in range(rounds):
        for work in works:
            for python in pythons:
                # A process each: memory that one work leaves behind would serve the next.
                arguments = ["--measure", work, "--day", str(day), "--messages", str(messages)]
                for row in run(python, __file__, *arguments):
                    runs.setdefault((row["work"], row["engine"]), []).append(row)
    return [
        {**rows[0], **{name: statistics.median(row[name] for row in rows) for name in ("seconds", "memory")}}
        for rows in runs.values()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="A whole day of ITCH, side by side.")
    parser.add_argument("--python", nargs="+", default=[sys.executable], metavar="PATH", help="interpreters to measure")
    parser.add_argument("--messages", type=int, default=50_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one object a line instead of a table")
    parser.add_argument("--day", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--measure", metavar="WORK", help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    if arguments.measure:
        measure(arguments.day, arguments.messages, arguments.measure)
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = collect(arguments.python, arguments.messages, arguments.rounds, Path(folder))
    if arguments.json:
        for row in rows:
            print(json.dumps(row))
    else:
        print(itch_day_table(rows))


if __name__ == "__main__":
    main()
