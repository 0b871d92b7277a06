"""Counts the instructions of every benchmark of two builds under callgrind, and compares them.

    python bench/instructions.py build/bench-base build/bench-head --markdown report.md

BASE and HEAD are build folders, as for compare.py. Counts have no noise: the same source gives the same number, to the
last digit, in whatever folder it was built. What is counted is one call of `bench::counted` (measure.hpp), in which the
work of a benchmark happens and nothing of its preparation; a benchmark that does not go through it is listed as not
counted. Each runs in a process of its own, for one iteration, in an environment that is the same for all.

A count says what the compiler made of the source, and that may change where the source did not: how much is inlined
depends on all else in the program. An unrelated function, added to measure.hpp, moved 4 of 98 counts by 6 to 14 %,
one by 1 %, and the others by less than 0.5 %. So look at where the instructions are (callgrind_annotate) before blaming
a change.

Not run unless --exclude says otherwise: what callgrind cannot count (AVX-512; work on other threads, which it collects
apart), what measures memory, and the sweep of 2.5 billion prices, which would take it longer than all others together.

Ends with 1 where a benchmark takes more than `--fail` per cent more, unless `--perf-ok`, and with 2 where one could not
be run. Needs valgrind, and of Python the standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import comparison
from compare import Progress, copy_programs, find_programs, list_benchmarks, output_file, positive, regex, run
from comparison import BadInput, code, count_of, details

FUNCTION = "void bench::counted<*"
EXCLUDE = r"avx512|threads:(?!1\b)|memory|^big_"
MESSAGES = 100_000  # of a day of ITCH: callgrind is fifty times slower than the processor
LONGEST_REPORT = 20_000  # characters that bench-comment.yml leaves to it


@dataclass(frozen=True)
class Count:
    """Of one run of a benchmark. No instructions: it did not go through `bench::counted`."""

    instructions: int = 0
    iterations: int = 1
    failure: str = ""  # a sentence; then the numbers mean nothing


@dataclass(frozen=True)
class Row:
    name: str
    base: int
    head: int

    @property
    def change(self) -> float:
        """In per cent; 1 of 100 is exactly 1."""
        return 100 * (self.head - self.base) / self.base


@dataclass
class Comparison:
    """Of two sets of counts; what takes most more comes first."""

    warn: float
    fail: float
    rows: list[Row] = field(default_factory=list)
    added: dict[str, int] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)
    renamed: list[tuple[str, str, int]] = field(default_factory=list)  # perhaps
    not_counted: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def too_many(self) -> list[Row]:
        return [row for row in self.rows if row.change > self.fail]

    @property
    def more(self) -> list[Row]:
        return [row for row in self.rows if self.warn < row.change <= self.fail]

    @property
    def fewer(self) -> list[Row]:
        return [row for row in self.rows if row.change < -self.warn]

    def exit_code(self, perf_ok: bool) -> int:
        if self.problems:
            return 2
        return 1 if self.too_many and not perf_ok else 0


def collected(text: str) -> int:
    """The instructions that a callgrind file says were counted."""
    events = re.search(r"^events: (.*)$", text, re.MULTILINE)
    totals = re.search(r"^totals: (.*)$", text, re.MULTILINE)
    if events is None or totals is None:
        raise BadInput("callgrind's file has no totals: it is truncated, or no such file")
    numbers = dict(zip(events[1].split(), totals[1].split(), strict=False))
    if not numbers.get("Ir", "").isdecimal():
        raise BadInput(f"callgrind counted {events[1]} as {totals[1]}: that is no number of instructions (Ir)")
    return int(numbers["Ir"])


def compare(base: dict[str, Count], head: dict[str, Count], warn: float, fail: float) -> Comparison:
    """Counts by name of the benchmark."""
    result = Comparison(warn, fail)
    for name in dict.fromkeys([*base, *head]):
        found = [side[name] for side in (base, head) if name in side]
        if failures := [count.failure for count in found if count.failure]:
            result.problems += failures
        elif not all(count.instructions for count in found):
            result.not_counted.append(name)
        elif len(found) == 1:
            (result.removed if name in base else result.added)[name] = found[0].instructions
        elif found[0].iterations != found[1].iterations:
            said = f"{found[0].iterations} iterations of base, {found[1].iterations} of head"
            result.problems.append(f"{name}: {said}: only benchmarks that do the same each time can be counted")
        else:
            result.rows.append(Row(name, found[0].instructions, found[1].instructions))
    result.rows.sort(key=lambda row: (-row.change, row.name))

    # Counts are exact: what is gone, and what is new with the very same count, are most likely one benchmark.
    for old, count in list(result.removed.items()):
        twins = [name for name, other in result.added.items() if other == count]
        if len(twins) == 1 and list(result.removed.values()).count(count) == 1:
            result.renamed.append((old, twins[0], count))
            del result.removed[old], result.added[twins[0]]
    return result


# ---------------------------------------------------------------------- report


def percent(change: float) -> str:
    """However small it is: 0 means equal."""
    return "0" if change == 0 else f"{change:+.2f} %" if abs(change) >= 0.005 else f"{change:+.0e} %"


def summary(result: Comparison) -> str:
    """The whole in one line."""
    equal = [row for row in result.rows if row.base == row.head]
    within = len(result.rows) - sum(map(len, (equal, result.too_many, result.more, result.fewer)))
    parts = [
        f"{count} {what}"
        for count, what in (
            (len(result.too_many), f"up by more than {result.fail:g} %"),
            (len(result.more), f"up by more than {result.warn:g} %"),
            (len(result.fewer), f"down by more than {result.warn:g} %"),
            (within, f"changed by less than {result.warn:g} %"),
        )
        if count
    ]
    others = [
        count_of(found, what)
        for found, what in (
            (result.added, "added"),
            (result.removed, "removed"),
            (result.renamed, "perhaps renamed"),
            (result.problems, "not measured"),
        )
        if found
    ]
    return ", ".join([*parts, f"{len(equal)} equal to the last digit", *others])


def table(rows: Iterable[Row], result: Comparison) -> list[str]:
    def verdict(row: Row) -> str:
        if row.change > result.fail:
            return ":x: **too many**"
        if row.change > result.warn:
            return ":warning: **more**"
        return ":rocket: **fewer**" if row.change < -result.warn else ""

    return [
        "| benchmark | base | head | change | verdict |",
        "|---|--:|--:|--:|---|",
        *(
            f"| {code(row.name)} | {row.base:,} | {row.head:,} | {percent(row.change)} | {verdict(row)} |"
            for row in rows
        ),
    ]


def markdown(result: Comparison, perf_ok: bool = False) -> str:
    """Fit for a comment on a pull request."""
    lines = ["## Instructions", "", f"**{summary(result)}.**", ""]
    if result.too_many:
        accepted = "accepted here (`perf-ok`)" if perf_ok else "refused without the label `perf-ok`"
        lines += [f"More than {result.fail:g} % is {accepted}.", ""]
    notable = [*result.too_many, *result.more, *result.fewer]
    if notable:
        lines += [*table(notable, result), ""]
    for title, items in (
        ("Not measured", result.problems),
        ("Added", [f"{code(name)}: {count:,}" for name, count in result.added.items()]),
        ("Removed", [f"{code(name)}: {count:,}" for name, count in result.removed.items()]),
        (
            "Perhaps renamed",
            [f"{code(old)} to {code(new)}: the same count, {count:,}" for old, new, count in result.renamed],
        ),
    ):
        if items:
            lines += [f"### {title}", "", *(f"- {item}" for item in items), ""]
    if result.not_counted:
        lines += [f"Not counted, as they measure something else: {', '.join(map(code, result.not_counted))}.", ""]
    others = [row for row in result.rows if row not in notable]
    if others:
        title = f"{len(others)} benchmarks without a change beyond {result.warn:g} %"
        rest = details(title, table(others, result))
        if len("\n".join(lines + rest)) > LONGEST_REPORT:
            rest = [f"{title}: too long for a comment; the JSON file has them.", ""]
        lines += rest
    return "\n".join(lines).rstrip() + "\n"


def as_json(result: Comparison, settings: dict[str, Any]) -> dict[str, Any]:
    return {
        **settings,
        "warn_percent": result.warn,
        "fail_percent": result.fail,
        "summary": summary(result),
        "results": [
            {"name": row.name, "base": row.base, "head": row.head, "change_percent": row.change} for row in result.rows
        ],
        "added": result.added,
        "removed": result.removed,
        "perhaps_renamed": [{"base": old, "head": new, "count": count} for old, new, count in result.renamed],
        "not_counted": result.not_counted,
        "not_measured": result.problems,
    }


# ---------------------------------------------------------------------- counting


def find_valgrind() -> Path:
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise BadInput("instructions are counted by valgrind, which is not on the path: install the package valgrind")
    return Path(valgrind)


def environment(folder: Path) -> dict[str, str]:
    """All that a benchmark sees of ours, and as long every time: the stack begins below it."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "VALGRIND_LIB") if name in os.environ}
    ours = {"LC_ALL": "C", "NANOBOOK_SIMD": "avx2", "NANOBOOK_BENCH_MESSAGES": str(MESSAGES)}
    return kept | ours | {"TMPDIR": str(folder)}


def count(valgrind: Path, program: Path, name: str, label: str, folder: Path) -> Count:
    """Runs one benchmark once, with a folder of its own."""
    folder.mkdir()
    file = folder / "callgrind.out"
    options = (
        *("-q", "--tool=callgrind", "--collect-atstart=no", f"--toggle-collect={FUNCTION}"),
        *(f"--callgrind-out-file={file}", str(program), f"--benchmark_filter={comparison.filter_for(name)}"),
        # No time is too short: one iteration.
        *("--benchmark_min_time=0", "--benchmark_format=json"),
    )
    label = f"{label}: {name}"
    try:
        (row,) = json.loads(run(valgrind, label, *options, environment=environment(folder)))["benchmarks"]
        if row.get("error_occurred"):
            raise BadInput(f"{label}: the benchmark reports an error: {row.get('error_message') or 'no reason given'}")
        instructions = collected(file.read_text(encoding="utf-8", errors="replace"))
        return Count(instructions, row["iterations"])
    except BadInput as error:
        return Count(failure=str(error))
    except (OSError, ValueError, KeyError) as error:
        return Count(failure=f"{label}: {program.name} left no result under valgrind: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def count_both(options: argparse.Namespace) -> tuple[dict[str, Count], dict[str, Count]]:
    """The counts of base and of head, by name of the benchmark."""
    valgrind = find_valgrind()
    folders = {"base": options.base, "head": options.head}
    counts: dict[str, dict[str, Count]] = {key: {} for key in folders}
    with tempfile.TemporaryDirectory(prefix="instructions-") as temporary:
        scratch = Path(temporary)
        wanted = []
        for key, folder in folders.items():
            label = f"{key.upper()} {folder}"
            # Copied to paths of equal length, and safe from a build meanwhile.
            programs = copy_programs(find_programs(folder, label), scratch / key)
            for name, program in list_benchmarks(programs, label).items():
                if options.filter.search(name) and not options.exclude.search(name):
                    wanted.append((key, program, name, label))
        if not wanted:
            raise BadInput(f"no benchmark matches {options.filter.pattern!r} and not {options.exclude.pattern!r}")
        progress = Progress(len(wanted))
        pool = ThreadPoolExecutor(options.jobs)
        try:
            tasks = [
                pool.submit(count, valgrind, program, name, label, scratch / f"{number:05}")
                for number, (_, program, name, label) in enumerate(wanted)
            ]
            for (key, _, name, _), task in zip(wanted, tasks, strict=True):
                counts[key][name] = task.result()
                progress.step(name)
        finally:
            pool.shutdown(cancel_futures=True)  # an interrupt waits for those that run, not for all
    found = [*counts["base"].values(), *counts["head"].values()]
    if not any(one.instructions or one.failure for one in found):
        raise BadInput("no benchmark called bench::counted: are the programs stripped of their symbols?")
    return counts["base"], counts["head"]


# ---------------------------------------------------------------------- command line


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Compares how many instructions the benchmarks of two builds take.",
        epilog="Ends with 1 where one takes too many more, with 2 where something could not be measured.",
    )
    parser.add_argument("base", metavar="BASE", type=Path, help="build folder")
    parser.add_argument("head", metavar="HEAD", type=Path, help="the same of what is to be judged")
    parser.add_argument("--warn", type=positive, default=1, metavar="PERCENT", help="smaller changes do not count (1)")
    parser.add_argument("--fail", type=positive, default=10, metavar="PERCENT", help="more is refused (10)")
    parser.add_argument("--perf-ok", action="store_true", help="nothing is refused")
    parser.add_argument("--filter", type=regex, default=regex(""), metavar="REGEX", help="benchmarks, Python's syntax")
    parser.add_argument("--exclude", type=regex, default=regex(EXCLUDE), metavar="REGEX", help=f"not these ({EXCLUDE})")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at a time (one a processor)")
    parser.add_argument("--markdown", type=output_file, metavar="FILE", help="the report; without it, to stdout")
    parser.add_argument("--json", type=output_file, metavar="FILE", help="all counts")
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error(f"--jobs: at least 1, not {options.jobs}")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    try:
        base, head = count_both(options)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    result = compare(base, head, options.warn, options.fail)
    report = markdown(result, options.perf_ok)
    if options.json:
        settings = {"base": str(options.base), "head": str(options.head), "messages": MESSAGES}
        comparison.write_json(options.json, as_json(result, settings))
    if options.markdown:
        options.markdown.write_text(report, encoding="utf-8")
        for row in result.rows:
            if row.base != row.head:
                print(f"{row.name}: {percent(row.change)}, {row.base:,} to {row.head:,}")
        print(summary(result))
    else:
        print(report, end="")
    for problem in result.problems:
        print(problem, file=sys.stderr)
    return result.exit_code(options.perf_ok)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ninterrupted: nothing was written", file=sys.stderr)
        sys.exit(130)
