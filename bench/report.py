"""Measures, and writes the tables of docs/performance.md from what was measured.

    python bench/report.py ours build/bench-head    the C++ benchmarks of a build folder, then the Python benchmarks
    python bench/report.py peers                    beside other packages, in environments that it makes
    python bench/report.py page                     nothing: writes the page again; --check only compares it

The first two replace their files in bench/results/, which hold the rows, the machine, the date and the command; the page
is made of these files alone. `nox -s performance` and `nox -s peers` run them. A figure is the median of the rounds, in
which everything takes turns.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
PAGE = ROOT / "docs" / "performance.md"
RESULTS = BENCH / "results"
PEERS = BENCH / "peers"

sys.path[:0] = [str(BENCH), str(PEERS)]
from compare import find_programs, processor_name
from comparison import NANOSECONDS, STANDARD_KEYS
from environments import DISTRIBUTIONS, Failed, engine, environment, run
from peer_tables import (
    calls_table,
    itch_day_table,
    itch_table,
    naive_table,
    number_text,
    sweep_calls_table,
    sweep_table,
    sweep_title,
    table,
    time_text,
)

Row = dict[str, Any]
Result = dict[str, Any]  # "stamp", "rows", and perhaps "failed"


class Problem(Exception):
    """What keeps the page from being made, in a sentence."""


# ---------------------------------------------------------------------- our own tables


@dataclass(frozen=True)
class Line:
    """One line of a table: benchmarks that differ in one word, {} in `name`, for which `variants` stand.

    `value` is the figure it gives: the time of an operation, operations a second, or a counter.
    """

    words: str
    name: str
    variants: str = ""
    value: str = "seconds"

    def names(self) -> dict[str, str]:
        """Of the benchmarks, by variant."""
        return {variant: self.name.replace("{}", variant) for variant in self.variants.split() or [""]}


SHOW: dict[str, Callable[[float], str]] = {
    "seconds": time_text,
    "items_per_second": lambda value: f"{number_text(value / 1e6)} M/s",
    "cells": lambda value: f"{number_text(value / 1e9)} G cells/s",
    "bytes": lambda value: f"{number_text(value)} bytes",
    "peak_MB": lambda value: f"{number_text(value)} MB",
}

EXCHANGE = [
    Line("submit that rests, on 10 / 100 / 1,000 levels", "submit_no_match/{}", "10 100 1000"),
    Line("the same, 100,000 orders at rest on 1,000 levels, prices at random", "submit_no_match_100k_resting"),
    Line("the same, memory cold, 100 levels", "submit_no_match_cold"),
    Line("the same, log off, 100 levels", "submit_no_match_log_off"),
    Line("submit that fills one order", "submit_single_fill"),
    Line("immediate or cancel, of which nothing fills", "submit_ioc"),
    Line("fill or kill, rejected after 10 levels", "submit_fok_rejected"),
    Line("a fill of a market order that takes 1 / 5 / 10 levels of 100 orders", "market_sweep/{}", "1 5 10"),
    Line("the same, the orders of a level 1,000 ids apart", "sweep_interleaved"),
    Line(
        "cancel from the middle of 10 / 100 / 1,000 / 100,000 at one price",
        "cancel_deep/{}/middle",
        "10 100 1000 100000",
    ),
    Line("the same, anywhere", "cancel_deep/{}/random", "10 100 1000 100000"),
    Line("cancel the only order of a level, of 10 / 100 / 1,000", "cancel_shallow/{}", "10 100 1000"),
    Line("cancel after a compaction", "cancel_after_compaction"),
    Line("submit and cancel, memory cold: both together", "submit_and_cancel_cold"),
    Line("add, cancel, fill in turns at one price", "churn"),
    Line("modify, on 10 / 100 levels", "modify/{}", "10 100"),
    Line("reduce for the first time", "reduce"),
    Line("best bid and ask", "best_bid_ask"),
    Line("the 5 / 10 / 20 best levels of both sides", "depth/{}", "5 10 20"),
    Line("the whole book, 200 levels", "full_book"),
    Line("every order of a side, 1,000 of them", "l3"),
    Line("what is ahead of an order, 500 orders", "queue_ahead"),
    Line("a submit on 10 / 100 / 1,000 symbols in turn, memory cold", "multi_symbol/{}", "10 100 1000"),
    Line("45 % add, 45 % cancel, 10 % take, 100,000 live orders", "mixed"),
    Line("the flow of a busy stock, 1,000 live orders", "lobster_like"),
]
STOPS = [
    Line("a trade and its resting order, 0 / 50 / 100,000 stops pending", "with_pending/{}", "0 50 100000"),
    *(
        Line(
            f"the same, 1,000 {words} pending, price to and fro / rising",
            f"trailing_update/{name}/{{}}",
            "to_and_fro rising",
        )
        for words, name in (
            ("fixed trails", "fixed"),
            ("percentage trails", "percentage"),
            ("ATR trails", "atr"),
            ("trails of all three kinds", "mixed"),
            ("ATR trails of 1,000 multipliers", "distinct_atr"),
        )
    ),
    Line("a cascade of 1 / 10 / 50 stops, orders and all", "cascade/{}", "1 10 50"),
    Line("submit and cancel a stop: both together", "submit_and_cancel_stop"),
]
EVENTS = [
    Line("apply an event", "event_apply", value="items_per_second"),
    Line(
        "replay of 100 / 1,000 / 10,000 / a million events", "replay/{}", "100 1000 10000 1000000", "items_per_second"
    ),
    Line(
        "to a file and back, of 100 / 1,000 / 10,000 events",
        "persistence_roundtrip/{}",
        "100 1000 10000",
        "items_per_second",
    ),
    Line(
        "journal: buffered / handed to the system each time", "journal_append/flush_every:{}", "0 1", "items_per_second"
    ),
    Line("an image and back, of 10,000 events", "image_roundtrip", value="items_per_second"),
]
ITCH = [
    Line(
        "a plain loop over the length prefixes, the least anybody could do", "itch_plain_loop", value="items_per_second"
    ),
    Line("framing: type and length of every message checked and counted", "itch_frame", value="items_per_second"),
    Line("every field of every message", "itch_decode", value="items_per_second"),
    Line("encoding Add Orders", "itch_encode", value="items_per_second"),
    Line("the books of all symbols, every order in its queue", "itch_replay_book_all", value="items_per_second"),
    Line("the book of one symbol", "itch_replay_book_one", value="items_per_second"),
    Line("rows of best prices and trades of all symbols", "itch_tables", value="items_per_second"),
    Line(
        "the same on 1 / 2 / 4 threads, and one that orders them",
        "itch_tables_parallel/threads:{}",
        "1 2 4",
        "items_per_second",
    ),
]
PORTFOLIO = [
    Line("all metrics of 100 / 1,000 / 5,000 returns", "compute_metrics/{}", "100 1000 5000"),
    Line("a rebalance of 20 symbols at given prices / through books", "rebalance/{}", "simple lob"),
    Line("a backtest: 20 years of days, 20 stocks, monthly", "single_backtest/20y_20stocks_monthly"),
]
SIMD = "scalar baseline avx2 avx512"
SWEEP = [
    Line(f"{words}: {threads}", f"{name}/{{}}/threads:{count}", levels, "cells")
    for words, name, levels in (
        ("mixed, 1,000 sets x 252 bars x 20 symbols", "mixed_1000x252x20", SIMD),
        ("every bar, the same size", "every_bar_1000x252x20", SIMD),
        ("mixed, 10,000 x 2,520 x 100", "big_10000x2520x100", "baseline avx2 avx512"),
    )
    for count, threads in ((1, "one thread"), (2, "2 threads"), (4, "4 threads"))
]
MEMORY = [
    Line("an order at rest, of 100,000 on 1,000 levels, log off", "bytes_per_resting_order", value="bytes"),
    Line("an order that is done, of which get_order tells", "bytes_per_finished_order", value="bytes"),
    Line("the replay of all symbols, at the most, beyond the file", "itch_replay_memory", value="peak_MB"),
    Line(
        "a sweep of 10,000 x 2,520 x 100 on 4 threads, at the most, beyond the prices", "sweep_memory", value="peak_MB"
    ),
]
PYTHON = [
    Line("`submit_limit`", "test_call[submit_limit]"),
    Line("`cancel`", "test_call[cancel]"),
    Line("`best_bid_ask`", "test_call[best_bid_ask]"),
    Line("`depth(10)`", "test_call[depth_10]"),
    Line("`submit_batch` of a million orders, Polars to Polars, an order", "test_submit_batch"),
    Line("trades to Polars, a trade", "test_trades_to_polars"),
    Line("prices in: 2,520 bars x 100 symbols", "test_capsule_in"),
    Line("`sweep_equal_weight`, 252 x 20, Polars to Polars, 1 set", "test_sweep_from_frame_to_frame[1]"),
    Line("the same, 1,000 sets, a set", "test_sweep_from_frame_to_frame[1000]"),
    Line("a bar of a backtest whose strategy, in Python, holds", "test_backtest_that_calls_python"),
    Line("ITCH, plain / compressed: counting, a message", "test_counts_{}", "plain gzip"),
    Line("ITCH: an object of each message", "test_messages"),
    Line("ITCH: the books of 1,000 symbols, a message", "test_replay"),
    Line(
        "a fresh interpreter that does nothing / that imports nanobook", "test_start_and_import[{}]", "nothing nanobook"
    ),
]


def side_by_side(texts: list[str]) -> str:
    """A unit that all have is said once."""
    numbers, units = zip(*(text.split(" ", 1) for text in texts), strict=True)
    return " / ".join(texts if len(set(units)) > 1 else numbers) + (f" {units[0]}" if len(set(units)) == 1 else "")


def own_table(lines: Iterable[Line], result: Result) -> str:
    rows = {row["name"]: row for row in result["rows"]}
    body = []
    for line in lines:
        found = {}
        for variant, name in line.names().items():
            if name in rows:
                found[variant] = rows[name][line.value]
            # Not every processor has all of them.
            elif not re.search(r"/avx\w+/", name):
                raise Problem(f"no result of {name}: measure again, or mend its line in bench/report.py")
        title = line.name.replace("{}", "{" + ",".join(found) + "}")
        shown = side_by_side([SHOW[line.value](median) for _, median, _ in found.values()])
        spread = max((high - low) / median for low, median, high in found.values())
        body.append([line.words, f"`{title}`", shown, f"{100 * spread:.0f} %"])
    return table(["what", "benchmark", "median", "spread"], body)


# ---------------------------------------------------------------------- the page


def stamp_text(stamp: Row) -> str:
    rounds = "one round" if stamp["rounds"] == 1 else f"{stamp['rounds']} rounds"
    return f"{stamp['machine']}; {stamp['date']}, load {stamp['load']}, {rounds}: `{stamp['command']}`"


def with_stamp(body: str, result: Result) -> str:
    failed = [f"Not measured: {text}" for text in result.get("failed", [])]
    return "\n\n".join([body, *failed, stamp_text(result["stamp"])])


def sweeps_text(result: Result) -> str:
    works = dict.fromkeys(row["work"] for row in result["rows"] if "work" in row)
    parts = []
    for work in works:
        rows = [row for row in result["rows"] if row.get("work") == work]
        parts += [sweep_title(rows[0]), sweep_table(rows)]
    if calls := [row for row in result["rows"] if "what" in row]:
        parts += ["Single calls:", sweep_calls_table(calls)]
    return "\n\n".join(parts)


# The file of each table, and how it is made of that.
TABLES: dict[str, tuple[str, Callable[[Result], str]]] = {
    "exchange": ("cpp", lambda result: own_table(EXCHANGE, result)),
    "stops": ("cpp", lambda result: own_table(STOPS, result)),
    "events": ("cpp", lambda result: own_table(EVENTS, result)),
    "itch": ("cpp", lambda result: own_table(ITCH, result)),
    "portfolio": ("cpp", lambda result: own_table(PORTFOLIO, result)),
    "sweep": ("cpp", lambda result: own_table(SWEEP, result)),
    "memory": ("cpp", lambda result: own_table(MEMORY, result)),
    "python": ("python", lambda result: own_table(PYTHON, result)),
    "calls": ("calls", lambda result: calls_table(result["rows"])),
    "itch_peers": ("itch", lambda result: itch_table(result["rows"])),
    "itch_day_peers": ("itch_day", lambda result: itch_day_table(result["rows"])),
    "sweep_peers": ("sweeps", sweeps_text),
    "naive": ("naive", lambda result: naive_table(result["rows"])),
}
MARKED = re.compile(r"(?<=<!-- table: )(\w+)( -->\n).*?(?=^<!-- end -->$)", re.MULTILINE | re.DOTALL)


def fill(page: str, results: dict[str, Result]) -> str:
    """The page with its tables made anew."""
    found = [match[1] for match in MARKED.finditer(page)]
    if sorted(found) != sorted(TABLES):
        wrong = sorted({*found} ^ {*TABLES}) or sorted(name for name in found if found.count(name) > 1)
        raise Problem(f"each table has to be on the page once, which is not so for {', '.join(wrong)}")

    def made(match: re.Match[str]) -> str:
        file, text = TABLES[match[1]]
        if file not in results:
            raise Problem(f"there is no bench/results/{file}.json: measure first")
        return f"{match[1]}{match[2]}\n{with_stamp(text(results[file]), results[file])}\n\n"

    return MARKED.sub(made, page)


def read_results(folder: Path = RESULTS) -> dict[str, Result]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def write_result(name: str, result: Result) -> None:
    """A row a line, so that a diff can be read."""
    RESULTS.mkdir(exist_ok=True)
    head = {key: value for key, value in result.items() if key != "rows"}
    rows = ",\n".join("  " + json.dumps(row) for row in result["rows"])
    text = json.dumps(head, indent=1)[:-2] + f',\n "rows": [\n{rows}\n ]\n}}\n'
    (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")


# ---------------------------------------------------------------------- measuring


class Stamp:
    """What is said of a measurement: begin it before, finish it after."""

    def __init__(self, command: str, rounds: int, *versions: str) -> None:
        system = f"{platform.system()} {re.sub(r'-.*', '', platform.release())}"
        self.row = {
            "machine": ", ".join([f"{processor_name()}, {os.cpu_count()} processors", system, *versions]),
            "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
            "command": command,
            "rounds": rounds,
        }
        self.load = os.getloadavg()[0]

    def done(self) -> Row:
        return {**self.row, "load": f"{self.load:.1f} to {os.getloadavg()[0]:.1f}"}


def low_median_high(values: Iterable[float]) -> list[float]:
    """To six digits, which is more than any time here is good for."""
    ordered = sorted(values)
    return [float(f"{value:.6g}") for value in (ordered[0], statistics.median(ordered), ordered[-1])]


def merge(samples: dict[str, list[dict[str, float]]]) -> list[Row]:
    """A row a benchmark: of each of its values the least, the median and the greatest."""
    return [
        {"name": name, **{key: low_median_high(row[key] for row in rows) for key in rows[0]}}
        for name, rows in samples.items()
    ]


def values_of(row: Row) -> dict[str, float]:
    """Of one row of google-benchmark: the time of an operation, and the counters."""
    seconds = row.get("each", row["real_time"] * NANOSECONDS[row["time_unit"]] / 1e9)
    counters = {key: value for key, value in row.items() if key not in STANDARD_KEYS and key != "each"}
    return {"seconds": seconds, **counters}


def compiler_of(build: Path) -> str:
    files = sorted(build.glob("CMakeFiles/*/CMakeCXXCompiler.cmake"))
    text = files[-1].read_text(encoding="utf-8") if files else ""
    found = [re.search(rf'set\(CMAKE_CXX_COMPILER_{what} "(.*)"\)', text) for what in ("ID", "VERSION")]
    if not all(found):
        raise Problem(f"{build}: CMake has not noted which compiler it found")
    return " ".join(match[1] for match in found if match)


def measure_cpp(options: argparse.Namespace) -> None:
    programs = find_programs(options.build, str(options.build))
    stamp = Stamp(options.command, options.rounds, compiler_of(options.build))
    samples: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        for number in range(options.rounds):
            for name, program in programs.items():
                print(f"round {number + 1} of {options.rounds}: {name}", file=sys.stderr)
                arguments = [f"--benchmark_min_time={options.min_time:g}", f"--benchmark_out={out}"]
                done = subprocess.run([program, *arguments], check=False, capture_output=True, text=True)
                if done.returncode != 0:
                    said = done.stderr.strip().splitlines() or ["it said nothing"]
                    raise Problem(f"{name} ended with {done.returncode}: {said[-1]}")
                for row in json.loads(out.read_text(encoding="utf-8"))["benchmarks"]:
                    if row.get("error_occurred"):
                        raise Problem(f"{row['name']}: {row['error_message']}")
                    plain = re.sub(r"/(manual_time|real_time|iterations:\d+)\b", "", row["name"])
                    samples.setdefault(plain, []).append(values_of(row))
    write_result("cpp", {"stamp": stamp.done(), "rows": merge(samples)})


def measure_python(options: argparse.Namespace) -> None:
    stamp = Stamp(options.command, options.rounds, f"Python {platform.python_version()}")
    samples: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        for _ in range(options.rounds):
            command = [sys.executable, "-m", "pytest", "-q", str(BENCH / "python"), f"--benchmark-json={out}"]
            subprocess.run(command, check=True, cwd=ROOT, stdout=sys.stderr)
            for row in json.loads(out.read_text(encoding="utf-8"))["benchmarks"]:
                each = row["stats"]["median"] / row["extra_info"]["operations"]
                samples.setdefault(row["name"], []).append({"seconds": each})
    write_result("python", {"stamp": stamp.done(), "rows": merge(samples)})


def in_turns(
    pythons: Iterable[str], script: Path, rounds: int, key: tuple[str, ...], arguments: Iterable[str] = ()
) -> list[Row]:
    """The rows that several interpreters print, as medians of the rounds. A row that two print is the first one's."""
    found: dict[tuple[Any, ...], tuple[str, list[Row]]] = {}
    for _ in range(rounds):
        for python in pythons:
            for row in run(python, script, *arguments):
                owner, rows = found.setdefault(tuple(row[name] for name in key), (python, []))
                if owner == python:
                    rows.append(row)
    return [
        {
            name: statistics.median(row[name] for row in rows) if isinstance(value, float) else value
            for name, value in rows[0].items()
        }
        for _, rows in found.values()
    ]


OUR_PROGRAMS, THEIR_PROGRAMS = "nanobook-cpp, C++", "itch-book, C++"
# What takes part in each table: environments, and folders of C++ programs.
TAKING_PART = {
    "calls": ("ours", "nanobook", "bourse"),
    "itch": ("ours", "nanobook", "itch-book", "itchcpp", "meatpy"),
    "itch_day": ("ours", "itch-book", OUR_PROGRAMS, THEIR_PROGRAMS),
    "naive": ("ours", "nanobook"),
    "sweeps": ("ours", "nanobook", "vectorbt", "raptorbt"),
}


def make(name: str, options: argparse.Namespace) -> str:
    """The interpreter of an environment, or the folder of the programs."""
    if name == OUR_PROGRAMS:
        if not (options.build / "bench_itch").exists():
            raise Failed(f"{name}: bench_itch is not built")
        return str(options.build.resolve())
    return str(engine(options.folder)) if name == THEIR_PROGRAMS else environment(options.folder, name)


def peer_of(row: Row) -> str:
    """Whose row it is."""
    name = re.split("[ ,]", row.get("engine") or row["package"])[0]
    return f"{name}, C++" if row.get("work", "").endswith(", C++") else name


def measure_peers(options: argparse.Namespace) -> None:
    made: dict[str, str] = {}
    failed: dict[str, str] = {}
    for name in dict.fromkeys(name for area in options.only for name in TAKING_PART[area]):
        try:
            made[name] = make(name, options)
        except Failed as failure:
            print(failure, file=sys.stderr)
            failed[name] = str(failure)
    if "ours" in failed:
        raise Problem(failed["ours"])

    def of(area: str) -> list[str]:
        return [made[name] for name in TAKING_PART[area] if name in made and not name.endswith(", C++")]

    rounds = ["--json", "--rounds", str(options.rounds)]
    ours = made["ours"]
    itch = [*rounds, "--messages", str(options.messages), "--python", *of("itch")]
    day = [*rounds, "--messages", str(options.day_messages), "--python", *of("itch_day")]
    for option, name in (("--benchmarks", OUR_PROGRAMS), ("--engine", THEIR_PROGRAMS)):
        day += [option, made[name]] if name in made else []
    work = [*rounds, "--work", *options.work, "--python", *of("sweeps")]
    naive = (PEERS / "naive_backtest.py", options.rounds, ("engine", "sets"), ["--json"])
    measurements: dict[str, Callable[[], list[Row]]] = {
        "calls": lambda: in_turns(of("calls"), PEERS / "python_calls.py", options.rounds, ("package",)),
        "itch": lambda: run(ours, PEERS / "itch.py", *itch),
        "itch_day": lambda: run(ours, PEERS / "itch_day.py", *day),
        "naive": lambda: in_turns(of("naive"), *naive),
        "sweeps": lambda: run(ours, PEERS / "sweeps.py", *work),
    }
    for area, measure in measurements.items():
        if area not in options.only:
            continue
        print(f"measuring: {area}", file=sys.stderr)
        peers = TAKING_PART[area]
        compilers = [compiler_of(Path(made[peer])) for peer in peers if peer.endswith(", C++") and peer in made]
        stamp = Stamp(options.command, options.rounds, f"Python {platform.python_version()}", *dict.fromkeys(compilers))
        rows = measure()
        if not rows:
            raise Problem(f"{area}: nothing was measured")
        found = {peer_of(row) for row in rows}
        missing = [
            failed.get(peer, f"{peer}: it gave no result")
            for peer in peers
            if DISTRIBUTIONS.get(peer, peer) not in found
        ]
        write_result(area, {"stamp": stamp.done(), "failed": missing, "rows": rows})


# ---------------------------------------------------------------------- command line


def write_page(check: bool) -> int:
    page = PAGE.read_text(encoding="utf-8")
    made = fill(page, read_results())
    if check and made != page:
        print(f"{PAGE} is not what bench/results/ gives: python bench/report.py page", file=sys.stderr)
        return 1
    if made != page:
        PAGE.write_text(made, encoding="utf-8")
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures, and writes the tables of docs/performance.md.")
    commands = parser.add_subparsers(dest="what", required=True)
    ours = commands.add_parser("ours", help="the C++ and the Python benchmarks")
    ours.add_argument("build", type=Path, help="the folder the C++ benchmarks were built in")
    ours.add_argument("--min-time", type=float, default=0.2, metavar="SECONDS", help="of each in a round, C++ (0.2)")
    peers = commands.add_parser("peers", help="beside other packages")
    peers.add_argument(
        "--build", type=Path, default=ROOT / "build" / "bench-head", help="the folder bench_itch was built in"
    )
    peers.add_argument("--folder", type=Path, default=ROOT / "build" / "peers", help="of what is made of them")
    peers.add_argument("--messages", type=int, default=4_000_000, help="of the day of ITCH (4,000,000)")
    peers.add_argument("--day-messages", type=int, default=50_000_000, help="of the large one (50,000,000)")
    peers.add_argument("--work", nargs="+", default=["mixed", "every_bar", "big", "calls"], help="of the sweeps")
    peers.add_argument("--only", nargs="+", choices=TAKING_PART, default=list(TAKING_PART), help="some of the tables")
    for command in (ours, peers):
        command.add_argument("--rounds", type=int, default=5)
        command.add_argument("--command", help=argparse.SUPPRESS)
    page = commands.add_parser("page", help="only write the page again")
    page.add_argument("--check", action="store_true", help="or only compare it")
    options = parser.parse_args(arguments)
    if options.what != "page" and options.command is None:
        options.command = " ".join(["python bench/report.py", *(sys.argv[1:] if arguments is None else arguments)])
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    try:
        if options.what == "ours":
            measure_cpp(options)
            measure_python(options)
        elif options.what == "peers":
            measure_peers(options)
        return write_page(options.what == "page" and options.check)
    except Problem as problem:
        print(f"report.py: {problem}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
