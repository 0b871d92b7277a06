"""A whole day of ITCH, as large as Nasdaq's of 2020, side by side: in C++, and as tables of all symbols in Python.

    python bench/peers/itch_day.py --python A/bin/python B/bin/python --messages 50000000
    A/bin/python bench/peers/itch_day.py --benchmarks build/bench-head --engine build/peers/itch-book-engine/build
    python bench/peers/itch_day.py --day day.itch --measure "tables, all cores"

As itch.py does: one synthetic day, each package in a process of its own, medians of rounds in which all take turns. The
file, and the same gzipped, have been read before, so that they come from memory.

- framing, every field, books of all symbols, C++: by the programs with which each measures itself, a process a sample,
  one thread: our bench_itch in --benchmarks, and parse_throughput and book_throughput of itch-book in --engine, this one
  with each of three stores of orders. They map the file or read it into memory before the time begins.
- tables: trades, and the best prices of all symbols after each change, as columns.
- gzip: the same day, compressed as Nasdaq's files are, only decompressed; by the library that is used for it.
- Parquet: the same two tables of the gzipped day, written to files.

The memory is what the process has besides the file, at the most.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from environments import REQUIREMENTS, ROOT, run
from itch import Work, itch_book_tables, write_day
from peer_tables import Row, itch_day_table

PIECE = 1 << 22

# What is done in C++, and our benchmarks of it: of the time, and of the memory where that is told.
BENCHMARKS = {
    "framing, C++": ["itch_frame"],
    "every field, C++": ["itch_decode"],
    "books of all symbols, C++": ["itch_replay_book_all", "itch_replay_memory"],
}
# What parse_throughput calls the first two.
TIERS = {"framing, C++": "framing", "every field, C++": "decode"}
STORES = ("inline", "pooled", "flathash")  # of orders, for book_throughput


def ours() -> dict[str, Work]:
    from isal import igzip_threaded

    from nanobook import itch

    def rows(day: Path, threads: int | None) -> int:
        return sum(len(batch) for _, batch in itch.open(day, threads=threads).batches("bbo", "trades"))

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


def said(*command: str | Path, **variables: str) -> str:
    """What a program prints; nothing of one that fails."""
    done = subprocess.run(command, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        print(f"{' '.join(map(str, command))} failed with {done.returncode}", file=sys.stderr)
        return ""
    return done.stdout


def our_version() -> str:
    """Of the headers, as bench_itch has them."""
    header = (ROOT / "cpp" / "include" / "nanobook" / "version.hpp").read_text(encoding="utf-8")
    return header.partition('NANOBOOK_VERSION "')[2].partition('"')[0]


def our_programs(folder: Path, day: Path, messages: int, work: str) -> Iterator[Row]:
    """The row that bench_itch gives; a process each, so that the books' memory is new when it is measured."""
    options = ["--benchmark_min_time=0.05", "--benchmark_format=json"]
    texts = [
        said(folder / "bench_itch", f"--benchmark_filter=^{name}(/|$)", *options, NANOBOOK_BENCH_DAY=str(day))
        for name in BENCHMARKS[work]
    ]
    if all(texts):
        counters: Row = {}
        for text in texts:
            counters |= json.loads(text)["benchmarks"][0]
        engine = f"nanobook-cpp {our_version()}"
        row = {"work": work, "engine": engine, "messages": messages, "seconds": messages / counters["items_per_second"]}
        yield row | ({"memory": counters["peak_MB"]} if "peak_MB" in counters else {})


def their_programs(folder: Path, day: Path, messages: int, work: str) -> Iterator[Row]:
    """The rows that the programs of itch-book give."""
    engine = REQUIREMENTS["itch-book"][0].replace("==", " ")
    if work in TIERS:
        # Each is done three times: the median, as everywhere.
        pattern = rf"^{TIERS[work]} +rep \d+: +([\d.]+) M msg/s"
        if rates := re.findall(pattern, said(folder / "parse_throughput", day), re.MULTILINE):
            seconds = messages / statistics.median(map(float, rates)) / 1e6
            yield {"work": work, "engine": engine, "messages": messages, "seconds": seconds}
        return
    for store in STORES:
        text = said(folder / "book_throughput", day, store)
        if found := re.search(r"([\d.]+) ns/msg +structures ~([\d.]+) GB", text):
            values = {"seconds": messages * float(found[1]) / 1e9, "memory": float(found[2]) * 1e3}
            yield {"work": work, "engine": f"{engine}, {store}", "messages": messages, **values}


def collect(arguments: argparse.Namespace, folder: Path) -> list[Row]:
    messages = arguments.messages
    day = write_day(arguments.python, messages, folder)
    packer = shutil.which("pigz") or shutil.which("gzip")
    if packer is None:
        raise SystemExit("neither pigz nor gzip is installed, which compress the day")
    subprocess.run([packer, "-6", "--keep", day], check=True)
    runs: dict[tuple[str, str], list[Row]] = {}

    def measured(work: str) -> Iterator[Row]:
        if work not in BENCHMARKS:
            for python in arguments.python:
                # A process each: memory that one work leaves behind would serve the next.
                yield from run(python, __file__, "--measure", work, "--day", str(day), "--messages", str(messages))
            return
        if arguments.benchmarks:
            yield from our_programs(arguments.benchmarks, day, messages, work)
        if arguments.engine:
            yield from their_programs(arguments.engine, day, messages, work)

    works = (*BENCHMARKS, "tables, one thread", "tables, all cores", "gzip", "Parquet, of gzip")
    for _ in range(arguments.rounds):
        for work in works:
            for row in measured(work):
                runs.setdefault((row["work"], row["engine"]), []).append(row)
    return [
        {
            name: statistics.median(row[name] for row in rows) if isinstance(value, float) else value
            for name, value in rows[0].items()
        }
        for rows in runs.values()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="A whole day of ITCH, side by side.")
    parser.add_argument("--python", nargs="+", default=[sys.executable], metavar="PATH", help="interpreters to measure")
    parser.add_argument("--benchmarks", type=Path, metavar="FOLDER", help="where our bench_itch is")
    parser.add_argument("--engine", type=Path, metavar="FOLDER", help="where the C++ programs of itch-book are")
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
        rows = collect(arguments, Path(folder))
    if arguments.json:
        for row in rows:
            print(json.dumps(row))
    else:
        print(itch_day_table(rows))


if __name__ == "__main__":
    main()
