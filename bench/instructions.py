"""Counts the instructions of every benchmark of two builds under callgrind, and compares them.

    python bench/instructions.py build/bench-base build/bench-head --markdown report.md

BASE and HEAD are build folders of `bench/`. Counts have no noise: the same source gives the same number, to the last
digit. What is counted is one call of `bench::counted` (measure.hpp), in which the work of a benchmark happens and
nothing of its preparation; a benchmark that does not go through it is listed as not counted. Each runs in a process of
its own, in an environment that is the same for all.

Exit code: 1 where a benchmark takes more than `--fail` per cent more, 2 where a benchmark could not be run.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

FUNCTION = "void bench::counted<*"
# callgrind collects in the thread that calls the function, it knows no AVX-512, and a sweep of 2.5 billion prices would
# take it half an hour.
EXCLUDE = r"avx512|threads:(?!1\b)|^big_"
MESSAGES = 100_000


class Problem(Exception):
    """What keeps the comparison from being made, in a sentence."""


@dataclasses.dataclass(frozen=True)
class Count:
    """The instructions of one benchmark, or why there is no such number."""

    instructions: int = 0
    failure: str = ""


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    base: int
    head: int

    @property
    def change(self) -> float:
        """In per cent."""
        return (self.head / self.base - 1) * 100


@dataclasses.dataclass
class Comparison:
    """Of two sets of counts. Rows are sorted: the greatest change first, up before down."""

    warn: float
    fail: float
    rows: list[Row] = dataclasses.field(default_factory=list)
    added: dict[str, int] = dataclasses.field(default_factory=dict)
    removed: dict[str, int] = dataclasses.field(default_factory=dict)
    renamed: list[tuple[str, str, int]] = dataclasses.field(default_factory=list)
    not_counted: list[str] = dataclasses.field(default_factory=list)
    failures: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    def above(self, percent: float) -> list[Row]:
        return [row for row in self.rows if row.change > percent]

    @property
    def warnings(self) -> list[Row]:
        return [row for row in self.above(self.warn) if row.change <= self.fail]

    def exit_code(self, perf_ok: bool) -> int:
        if self.failures:
            return 2
        return 1 if self.above(self.fail) and not perf_ok else 0

    def summary(self) -> str:
        if not self.rows:
            return "No benchmark was counted on both sides."
        equal = sum(row.base == row.head for row in self.rows)
        text = f"{len(self.rows)} benchmarks: {equal} equal to the last digit"
        for count, what in (
            (len(self.rows) - equal - sum(abs(row.change) > self.warn for row in self.rows), f"within {self.warn:g} %"),
            (sum(row.change < -self.warn for row in self.rows), f"more than {self.warn:g} % down"),
            (len(self.warnings), f"more than {self.warn:g} % up"),
            (len(self.above(self.fail)), f"more than {self.fail:g} % up"),
        ):
            if count:
                text += f", {count} {what}"
        return text + "."


def parse_callgrind(text: str) -> int:
    """The instructions that a callgrind file says were collected."""
    events = re.search(r"^events: (.*)$", text, re.MULTILINE)
    totals = re.search(r"^totals: (.*)$", text, re.MULTILINE)
    if events is None or totals is None:
        raise Problem("callgrind's file has no totals: it was cut short, or is none")
    numbers = dict(zip(events[1].split(), totals[1].split(), strict=False))
    if "Ir" not in numbers:
        raise Problem(f"callgrind counted {events[1]}, and no instructions (Ir)")
    return int(numbers["Ir"])


def compare(base: dict[str, Count], head: dict[str, Count], warn: float, fail: float) -> Comparison:
    comparison = Comparison(warn, fail)
    for side, counts in (("base", base), ("head", head)):
        comparison.failures += [(f"{name} ({side})", count.failure) for name, count in counts.items() if count.failure]
    sound = [{name: count.instructions for name, count in c.items() if not count.failure} for c in (base, head)]
    before, after = sound
    for name in [*before, *(name for name in after if name not in before)]:
        counts = [side[name] for side in sound if name in side]
        if not any(counts):
            comparison.not_counted.append(name)
        elif len(counts) == 2 and all(counts):
            comparison.rows.append(Row(name, *counts))
        elif before.get(name) and name not in head:
            comparison.removed[name] = before[name]
        elif after.get(name):
            comparison.added[name] = after[name]
    comparison.rows.sort(key=lambda row: (-abs(row.change), -row.change, row.name))

    # Counts are exact: what is gone, and what is new with the very same count, are most likely one benchmark.
    for old, count in list(comparison.removed.items()):
        twins = [name for name, other in comparison.added.items() if other == count]
        if len(twins) == 1 and list(comparison.removed.values()).count(count) == 1:
            comparison.renamed.append((old, twins[0], count))
            del comparison.removed[old], comparison.added[twins[0]]
    return comparison


def verdict(row: Row, comparison: Comparison) -> str:
    if row.change > comparison.fail:
        return "**too much**"
    if row.change > comparison.warn:
        return "warning"
    return "better" if row.change < -comparison.warn else ""


def percent(change: float) -> str:
    return "0" if change == 0 else f"{change:+.2f} %" if abs(change) >= 0.005 else f"{change:+.0e} %"


def table(rows: list[Row], comparison: Comparison) -> Iterator[str]:
    yield "| benchmark | base | head | change | |"
    yield "|---|--:|--:|--:|---|"
    for row in rows:
        # A bar would end the cell.
        name = row.name.replace("|", "\\|")
        yield f"| `{name}` | {row.base:,} | {row.head:,} | {percent(row.change)} | {verdict(row, comparison)} |"


def markdown(comparison: Comparison, perf_ok: bool = False) -> str:
    lines = ["### Instructions", "", comparison.summary()]
    too_much = comparison.above(comparison.fail)
    if too_much and perf_ok:
        lines[-1] += f" More than {comparison.fail:g} % is accepted here (`perf-ok`)."
    notable = [row for row in comparison.rows if verdict(row, comparison)]
    if notable:
        lines += ["", *table(notable, comparison)]
    for title, items in (
        ("Could not be run", [f"`{name}`: {why}" for name, why in comparison.failures]),
        (
            "Renamed, to judge by the count",
            [f"`{old}` is `{new}`: {count:,}" for old, new, count in comparison.renamed],
        ),
        ("Added", [f"`{name}`: {count:,}" for name, count in comparison.added.items()]),
        ("Removed", [f"`{name}`: {count:,}" for name, count in comparison.removed.items()]),
    ):
        if items:
            lines += ["", f"{title}:", "", *(f"- {item}" for item in items)]
    if comparison.rows:
        lines += ["", "<details><summary>All counts</summary>", "", *table(comparison.rows, comparison), ""]
        if comparison.not_counted:
            lines += ["Not counted: " + ", ".join(f"`{name}`" for name in comparison.not_counted) + ".", ""]
        lines += ["</details>"]
    return "\n".join(lines) + "\n"


def as_json(comparison: Comparison, context: dict[str, Any]) -> dict[str, Any]:
    return {
        "context": context | {"warn": comparison.warn, "fail": comparison.fail},
        "benchmarks": [
            {"name": row.name, "base": row.base, "head": row.head, "change": row.change / 100}
            for row in comparison.rows
        ],
        "added": comparison.added,
        "removed": comparison.removed,
        "renamed": [{"base": old, "head": new, "count": count} for old, new, count in comparison.renamed],
        "not_counted": comparison.not_counted,
        "failures": [{"name": name, "failure": failure} for name, failure in comparison.failures],
    }


# ---------------------------------------------------------------------- running


def find_valgrind() -> str:
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise Problem("instructions are counted by valgrind, which is not on the path: install the package valgrind")
    return valgrind


def programs(folder: Path) -> list[Path]:
    """The benchmarks of a build folder, of the project bench/ itself or of the preset bench."""
    if not folder.is_dir():
        raise Problem(f"{folder} is no folder: build bench/ there first")
    for place in (folder, folder / "bench"):
        found = sorted(file for file in place.glob("bench_*") if file.is_file() and os.access(file, os.X_OK))
        if found:
            return found
    raise Problem(f"{folder} has no bench_* programs: build bench/ there first")


def environment(folder: Path) -> dict[str, str]:
    """All that a benchmark sees of ours, lengths included: the stack begins behind it."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "VALGRIND_LIB") if name in os.environ}
    ours = {"LC_ALL": "C", "NANOBOOK_SIMD": "avx2", "NANOBOOK_BENCH_MESSAGES": str(MESSAGES)}
    return kept | ours | {"TMPDIR": str(folder)}


def names_of(program: Path, folder: Path) -> list[str]:
    command = [program, "--benchmark_list_tests"]
    answer = subprocess.run(command, env=environment(folder), check=False, capture_output=True, text=True)
    if answer.returncode != 0:
        raise Problem(f"{program} does not list its benchmarks: {last_line(answer.stderr)}")
    return answer.stdout.split("\n")[:-1]


def last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def count(valgrind: str, program: Path, name: str, folder: Path) -> Count:
    """Runs one benchmark once, in a folder of its own."""
    folder.mkdir()
    file = folder / "callgrind.out"
    only = re.sub(r"[][(){}.*+?^$|\\]", r"\\\g<0>", name)
    command = [
        *(valgrind, "--tool=callgrind", "--collect-atstart=no", f"--toggle-collect={FUNCTION}"),
        *(f"--callgrind-out-file={file}", "--error-exitcode=0", "-q", program),
        # No time is too short: one iteration.
        *(f"--benchmark_filter=^{only}$", "--benchmark_min_time=0", "--benchmark_format=json"),
    ]
    answer = subprocess.run(command, env=environment(folder), cwd=folder, check=False, capture_output=True, text=True)
    try:
        if answer.returncode != 0:
            return Count(failure=f"exit code {answer.returncode}: {last_line(answer.stderr)}")
        try:
            (result,) = json.loads(answer.stdout)["benchmarks"]
        except ValueError:
            return Count(failure="it did not run under valgrind")
        if result.get("error_occurred"):
            return Count(failure=result.get("error_message", "an error without a message"))
        return Count(parse_callgrind(file.read_text(encoding="utf-8", errors="replace")))
    except (Problem, OSError) as problem:
        return Count(failure=str(problem))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def count_all(sides: list[Path], wanted: str, exclude: str, jobs: int) -> list[dict[str, Count]]:
    """The counts of every benchmark of each side, by name."""
    valgrind = find_valgrind()
    with tempfile.TemporaryDirectory(prefix="nanobook-") as temporary, ThreadPoolExecutor(jobs) as pool:
        runs = []
        for side, folder in enumerate(sides):
            place = Path(temporary) / f"programs{side}"
            place.mkdir()
            for program in programs(folder):
                # Programs are copied: their paths are as long on both sides, and a build may go on.
                copy = Path(shutil.copy(program, place))
                for name in names_of(copy, place):
                    if re.search(wanted, name) and not (exclude and re.search(exclude, name)):
                        at = Path(temporary) / f"{len(runs):05}"
                        runs.append((side, name, pool.submit(count, valgrind, copy, name, at)))
        counts: list[dict[str, Count]] = [{} for _ in sides]
        for done, (side, name, run) in enumerate(runs, 1):
            if name in counts[side]:
                raise Problem(f"two benchmarks are called {name}")
            counts[side][name] = run.result()
            if sys.stderr.isatty():
                print(f"\r{done} of {len(runs)}", end="\n" if done == len(runs) else "", file=sys.stderr)
        return counts


def regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression: {error}") from None
    return text


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compares instruction counts of the benchmarks of two builds.")
    parser.add_argument("base", type=Path, help="a build folder of bench/")
    parser.add_argument("head", type=Path, help="another")
    parser.add_argument("--warn", type=float, default=1, metavar="PERCENT", help="warn above (default: %(default)s)")
    parser.add_argument("--fail", type=float, default=10, metavar="PERCENT", help="fail above (default: %(default)s)")
    parser.add_argument("--perf-ok", action="store_true", help="do not fail")
    parser.add_argument("--filter", type=regex, default="", metavar="REGEX", help="only benchmarks whose name has it")
    parser.add_argument(
        "--exclude", type=regex, default=EXCLUDE, metavar="REGEX", help="none whose name has it (default: %(default)s)"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at a time (default: one a processor)")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    try:
        base, head = count_all([options.base, options.head], options.filter, options.exclude, max(1, options.jobs))
    except Problem as problem:
        print(f"instructions.py: {problem}", file=sys.stderr)
        return 2

    comparison = compare(base, head, options.warn, options.fail)
    if options.markdown:
        options.markdown.write_text(markdown(comparison, options.perf_ok), encoding="utf-8")
    if options.json:
        context = {"base": str(options.base), "head": str(options.head), "messages": MESSAGES}
        options.json.write_text(json.dumps(as_json(comparison, context), indent=2) + "\n", encoding="utf-8")
    for row in comparison.rows:
        if row.change != 0:
            print(f"{percent(row.change):>10}  {row.name}: {row.base:,} to {row.head:,}")
    for name, failure in comparison.failures:
        print(f"not run: {name}: {failure}")
    for what, names in (("added", comparison.added), ("removed", comparison.removed)):
        for name in names:
            print(f"{what}: {name}")
    for old, new, _ in comparison.renamed:
        print(f"renamed: {old} is {new}")
    if comparison.not_counted:
        print("not counted: " + ", ".join(comparison.not_counted))
    print(comparison.summary())
    return comparison.exit_code(options.perf_ok)


if __name__ == "__main__":
    sys.exit(main())
