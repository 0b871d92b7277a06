"""Compares the speed of two builds so that noise is not taken for a change.

    cmake -S bench -B build/bench-base -G Ninja -DNANOBOOK_SOURCE=../base && cmake --build build/bench-base
    cmake -S bench -B build/bench-head -G Ninja && cmake --build build/bench-head
    python bench/compare.py build/bench-base build/bench-head --markdown report.md --json out.json

BASE and HEAD are two build folders (programs named bench_* there or in bench/ below), or two files of google-benchmark's
JSON measured before. How it measures:

- Base, a copy of base and head lie side by side, copied to paths of equal length; each sample is a process of its own.
- Each round takes one sample of the three of every benchmark, in an order that the next round reverses: seen in pairs,
  A B B A. All six orders occur in six rounds, so that no one has the better place.
- A change is the median of the paired ratios of the rounds, head to base, with a bootstrap 95 % interval. The same of
  base's copy to base is the A/A row: the noise floor of this very run.
- A change is reported where it exceeds the threshold, its interval excludes 0, it is beyond the noise floor of its
  benchmark, and head against base's copy says the same. Where it exceeds the threshold only, or its interval or the
  floor reaches beyond, it is "too noisy to judge".
- What exceeds the threshold gets a second look: as many rounds again, and the verdict is that of all of them. Simulated
  with 4 % of noise and one sample in ten 30 % too high: of 1,000 changes of 8 % it finds 728, one look 459; of 5,000
  benchmarks that did not change it calls none a change, one look 4, and one look that does not ask the copy 17.

A process runs one benchmark, not a whole program: the samples of a pair lie a fraction of a second apart instead of
minutes, every one begins with a fresh heap, and a crash costs one benchmark. The price is that what a program prepares
once is prepared for every sample: bench_itch writes its day each time, so make it smaller (NANOBOOK_BENCH_MESSAGES).

Of files, the n-th sample of base is paired with the n-th of head: measure with repetitions, interleaved. Without
--base-copy the noise floor comes from base's odd against its even samples, which cannot see what changed between the
files. The JSON file that this program writes holds head's samples, so it serves as a base later.

Ends with 0 whatever the times are, and with 2 where something could not be measured or read: it is named on stderr and in
the report. Needs the standard library only.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import comparison
from comparison import BadInput, Comparison, Side

SECONDS_A_PROCESS = 600
# Each order is followed by its reverse; in six rounds everyone is first, second and last equally often.
ORDERS = (
    ("base", "copy", "head"),
    ("head", "copy", "base"),
    ("copy", "head", "base"),
    ("base", "head", "copy"),
    ("head", "base", "copy"),
    ("copy", "base", "head"),
)


# ---------------------------------------------------------------------- programs


def find_programs(folder: Path, label: str) -> dict[str, Path]:
    """By name."""
    found: dict[str, Path] = {}
    for place in (folder, folder / "bench"):
        for path in sorted(place.glob("bench_*")):
            if not re.fullmatch(r"bench_\w+", path.name) or not path.is_file() or not os.access(path, os.X_OK):
                continue
            if path.name in found:
                raise BadInput(f"{label}: holds {path.name} twice, here and in bench/: which one is current?")
            found[path.name] = path
    if not found:
        raise BadInput(f"{label}: no program bench_* in this folder or its folder bench")
    return found


def run(program: Path, label: str, *options: str, environment: dict[str, str] | None = None) -> str:
    """What the program writes to stdout. Its environment is ours unless said."""
    try:
        done = subprocess.run(
            [program, *options],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS_A_PROCESS,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise BadInput(f"{label}: {program.name} did not end within {SECONDS_A_PROCESS} s") from error
    except OSError as error:
        raise BadInput(f"{label}: {program.name} does not run: {error.strerror or error}") from error
    if done.returncode != 0:
        how = f"ended with {done.returncode}" if done.returncode > 0 else f"was killed by signal {-done.returncode}"
        said = done.stderr.strip().splitlines()
        raise BadInput(f"{label}: {program.name} {how}{': ' + said[-1] if said else ''}")
    return done.stdout


def list_benchmarks(programs: dict[str, Path], label: str) -> dict[str, Path]:
    """The program of each benchmark."""
    found: dict[str, Path] = {}
    for program in programs.values():
        for name in run(program, label, "--benchmark_list_tests=true").splitlines():
            if name in found:
                where = f"{found[name].name} and {program.name}" if found[name] != program else f"{program.name}, twice"
                raise BadInput(f"{label}: {name}: is in {where}: which one is meant?")
            found[name] = program
    return found


# ---------------------------------------------------------------------- measuring


@dataclass
class Run:
    """The programs of one side, where they are measured, and their samples."""

    side: Side
    programs: dict[str, Path]
    benchmarks: dict[str, Path] = field(default_factory=dict)

    def sample(self, name: str, min_time: float, scratch: Path) -> None:
        """One process. What goes wrong becomes the problem of the benchmark."""
        out = scratch / "sample.json"
        out.unlink(missing_ok=True)
        options = (f"--benchmark_filter={comparison.filter_for(name)}", f"--benchmark_min_time={min_time:g}")
        label = self.side.label
        try:
            program = self.benchmarks[name]
            run(program, f"{label}: {name}", *options, f"--benchmark_out={out}", "--benchmark_out_format=json")
            document = comparison.read_document(out, f"{label}: {name}: result of {program.name}")
        except BadInput as error:
            self.side.problems.setdefault(name, str(error))
            return
        document["context"]["executable"] = program.name  # its place is gone after this run
        before = len(self.side.rows.get(name, []))
        self.side.add(document)
        rows = self.side.rows.get(name, [])[before:]
        if len(rows) > 1:
            # Repetitions within a process are one sample.
            rows.sort(key=lambda row: row["real_time"])
            self.side.rows[name][before:] = [rows[(len(rows) - 1) // 2]]
        if not rows and name not in self.side.problems and name not in self.side.skipped:
            self.side.problems[name] = f"{label}: {name}: {program.name} printed no result"


class Progress:
    """On stderr: one line that changes on a terminal, else a line every round."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.done = 0
        self.begin = time.monotonic()
        self.live = sys.stderr.isatty()

    def left(self) -> str:
        seconds = (time.monotonic() - self.begin) / max(self.done, 1) * (self.steps - self.done)
        return f"{seconds / 60:.0f} min left" if seconds >= 90 else f"{seconds:.0f} s left"

    def step(self, text: str) -> None:
        self.done += 1
        if self.live:
            print(f"\r\x1b[K{text}, {self.left()}", end="", file=sys.stderr, flush=True)

    def line(self, text: str) -> None:
        print(f"\r\x1b[K{text}" if self.live else f"{text}, {self.left()}", file=sys.stderr, flush=True)


def copy_programs(programs: dict[str, Path], folder: Path) -> dict[str, Path]:
    folder.mkdir()
    return {name: Path(shutil.copy2(path, folder / name)) for name, path in programs.items()}


def chosen(programs: dict[str, Path], names: list[str] | None) -> dict[str, Path]:
    return {name: path for name, path in programs.items() if names is None or name in names}


def measure(options: argparse.Namespace) -> Comparison:
    """Two build folders."""
    labels = {"base": f"BASE {options.base}", "copy": f"copy of BASE {options.base}", "head": f"HEAD {options.head}"}
    found = {
        key: find_programs(options.base if key == "base" else options.head, labels[key]) for key in ("base", "head")
    }
    for name in options.programs or []:
        if name not in found["base"] and name not in found["head"]:
            raise BadInput(f"{labels['base']} and {labels['head']}: no program {name}")
    found = {key: chosen(programs, options.programs) for key, programs in found.items()}

    with tempfile.TemporaryDirectory(prefix="compare-") as folder:
        scratch = Path(folder)
        # All three, not the copy only: paths of equal length, on one file system, safe from a build meanwhile.
        sources = {"base": found["base"], "copy": found["base"], "head": found["head"]}
        runs = {key: Run(Side(labels[key]), copy_programs(sources[key], scratch / key)) for key in sources}
        for key, one in runs.items():
            listed = list_benchmarks(one.programs, labels[key])
            one.benchmarks = {name: path for name, path in listed.items() if options.filter.search(name)}
        base, head = runs["base"].benchmarks, runs["head"].benchmarks
        if not base and not head:
            raise BadInput(f"{labels['base']} and {labels['head']}: no benchmark matches {options.filter.pattern!r}")

        load = [os.getloadavg()[0]]
        again = measure_all(runs, options, scratch)
        load.append(os.getloadavg()[0])

    sides = {key: one.side for key, one in runs.items()}
    result = comparison.compare(sides["base"], sides["copy"], sides["head"], options.warn / 100)
    result.machine = comparison.describe_machine(
        sides["base"].context or sides["head"].context, processor_name(), f"{load[0]:.1f} to {load[1]:.1f}"
    )
    result.method = (
        f"{options.rounds} rounds of base, base's copy and head, interleaved A B B A, one process a sample, "
        f"{options.min_time:g} s at least; the median of paired ratios with its bootstrap interval. "
        f"As many rounds again for {len(again)} beyond {options.warn:g} %."
    )
    return result


def measure_all(runs: dict[str, Run], options: argparse.Namespace, scratch: Path) -> list[str]:
    """The names of those that got a second look."""
    base, head = runs["base"], runs["head"]
    both = [name for name in base.benchmarks if name in head.benchmarks]
    # What only one side has is measured once: its time and its counters tell what it is.
    for one, other in ((base, head), (head, base)):
        for name in one.benchmarks:
            if name not in other.benchmarks:
                one.sample(name, options.min_time, scratch)
    measure_rounds(runs, both, "round", options, scratch)
    first = comparison.compare(base.side, runs["copy"].side, head.side, options.warn / 100)
    again = {result.name for result in first.results if abs(result.ratio - 1) > first.warn}
    if again:
        measure_rounds(runs, [name for name in both if name in again], "second look, round", options, scratch)
    return sorted(again)


def measure_rounds(
    runs: dict[str, Run], names: list[str], what: str, options: argparse.Namespace, scratch: Path
) -> None:
    progress = Progress(options.rounds * len(names))
    for number, order in zip(range(1, options.rounds + 1), itertools.cycle(ORDERS), strict=False):
        for name in names:
            progress.step(f"{what} {number} of {options.rounds}: {name}")
            for key in order:
                # One bad sample ends it: what is left of its pairs would tell nothing.
                if not any(name in one.side.problems or name in one.side.skipped for one in runs.values()):
                    runs[key].sample(name, options.min_time, scratch)
        progress.line(f"{what} {number} of {options.rounds}: {len(names)} benchmarks")


def processor_name() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


# ---------------------------------------------------------------------- files


def read_files(options: argparse.Namespace) -> Comparison:
    """Two files, and perhaps one of base's copy."""
    sides = {}
    for key, path in (("base", options.base), ("copy", options.base_copy), ("head", options.head)):
        label = str(path) if path else ""
        sides[key] = Side(label)
        if path:
            document = comparison.read_document(path, label)
            document["benchmarks"] = [
                row
                for row in document["benchmarks"]
                if not isinstance(row, dict) or options.filter.search(str(row.get("name")))
            ]
            sides[key].add(document)
    base, copy, head = sides["base"], sides["copy"], sides["head"]
    if not any(side.rows or side.problems or side.skipped for side in (base, head)):
        raise BadInput(f"{base.label} and {head.label}: no benchmark matches {options.filter.pattern!r}")
    contexts = [side.context for side in (copy, head) if side.label]
    elsewhere = not all(comparison.same_machine(base.context, context) for context in contexts)
    result = comparison.compare(base, copy, head, options.warn / 100, elsewhere)
    result.machine = comparison.describe_machine(base.context)
    result.method = "From files: the n-th sample of base is paired with the n-th of head."
    if elsewhere:
        result.notes.append("The files come from different machines: what differs may be the machines. No verdicts.")
    elif not options.base_copy:
        result.notes.append(
            "No file of base's copy: the noise floor is of base's odd against its even samples, which cannot see "
            "what changed between the two files. Unless they were measured interleaved, measure again."
        )
    return result


# ---------------------------------------------------------------------- command line


def even_rounds(text: str) -> int:
    rounds = int(text)
    if rounds < comparison.FEWEST_PAIRS or rounds % 2:
        raise argparse.ArgumentTypeError(f"an even number from {comparison.FEWEST_PAIRS} on, not {text}")
    return rounds


def positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"a number above 0, not {text}")
    return value


def regex(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"no regular expression: {error}") from error


def output_file(text: str) -> Path:
    """Where nothing can be written, it is said before an hour of measuring, not after."""
    path = Path(text)
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} cannot be written")
    return path


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Compares the speed of two builds so that noise is not taken for a change.",
        epilog="Ends with 0 whatever the times are, with 2 where something could not be measured or read.",
    )
    parser.add_argument("base", metavar="BASE", type=Path, help="build folder, or file of google-benchmark's JSON")
    parser.add_argument("head", metavar="HEAD", type=Path, help="the same of what is to be judged")
    parser.add_argument("--rounds", type=even_rounds, default=12, help="samples of each benchmark and side (12)")
    parser.add_argument("--warn", type=positive, default=5, metavar="PERCENT", help="smaller changes do not count (5)")
    parser.add_argument("--min-time", type=positive, default=0.05, metavar="SECONDS", help="of a sample (0.05)")
    parser.add_argument("--filter", type=regex, default=regex(""), metavar="REGEX", help="benchmarks, Python's syntax")
    parser.add_argument("--programs", type=lambda text: text.split(","), metavar="NAMES", help="bench_exchange,...")
    parser.add_argument("--base-copy", type=Path, metavar="FILE", help="for files: samples of base's copy")
    parser.add_argument("--markdown", type=output_file, metavar="FILE", help="the report; without it, to stdout")
    parser.add_argument("--json", type=output_file, metavar="FILE", help="head's samples, and all else below a key")
    options = parser.parse_args(arguments)
    if options.base.is_dir() != options.head.is_dir():
        parser.error("BASE and HEAD must be two folders or two files: a folder and a file cannot be interleaved")
    if options.base.is_dir() and options.base_copy:
        parser.error("--base-copy is for files: of a folder the copy is made here")
    if not options.base.is_dir() and options.programs:
        parser.error("--programs is for folders: choose benchmarks of a file with --filter")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    from_folders = options.base.is_dir()
    try:
        result = measure(options) if from_folders else read_files(options)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    report = comparison.markdown(result)
    if options.markdown:
        options.markdown.write_text(report, encoding="utf-8")
    if options.json:
        settings: dict[str, Any] = {"rounds": options.rounds, "min_time": options.min_time} if from_folders else {}
        comparison.write_json(options.json, comparison.as_json(result, settings))
    if options.markdown:
        for verdict in (comparison.SLOWER, comparison.FASTER):
            for one in result.having(verdict):
                print(f"{one.name}: {verdict}, {comparison.percent(one.ratio)}")
        print(comparison.summary(result))
    else:
        print(report, end="")
    for problem in result.problems:
        print(problem, file=sys.stderr)
    return 2 if result.problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ninterrupted: nothing was written", file=sys.stderr)
        sys.exit(130)
