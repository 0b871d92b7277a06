"""What compare.py concludes from samples: reading google-benchmark's JSON, statistics, verdicts, the report.

Nothing here measures or looks at the machine.

The time that is compared is the counter `each` where every sample on both sides has it, otherwise `real_time`. `each` is
the time of one operation (measure.hpp): `real_time` divided by the operations of an iteration, so the ratios are the
same, and they stay right where head does more operations an iteration than base did.
"""

from __future__ import annotations

import difflib
import json
import math
import random
import re
import statistics
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

Row = dict[str, Any]

MARK = "<!-- nanobook: benchmarks -->"  # by which a sticky comment can be found again
LONGEST_COMMENT = 44_000  # characters: what bench-comment.yml leaves to times, of the 65,536 that GitHub takes
FEW = 20  # so many benchmarks are shown in one table, more in two
# The range of n samples holds their median with probability 1 - 2 / 2^n: 94 % of 5, 97 % of 6.
FEWEST_PAIRS = 6
RESAMPLES = 2_000
SEED = 20_240_601

NANOSECONDS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
# Every other key of a row is a counter.
STANDARD_KEYS = frozenset(
    re.findall(
        r"\w+",
        """
        name family_index per_family_instance_index run_name run_type repetitions repetition_index threads iterations
        real_time cpu_time time_unit label error_occurred error_message skipped skip_message aggregate_name
        aggregate_unit cpu_coefficient real_coefficient big_o rms
        """,
    )
)

SLOWER = "slower"
FASTER = "faster"
UNCHANGED = "no change"
NOISY = "too noisy to judge"
TOO_FEW = "too few samples"
ELSEWHERE = "not judged: other machine"


class BadInput(Exception):
    """What cannot be compared at all, as a sentence for the user."""


# ---------------------------------------------------------------------- reading


@dataclass
class Side:
    """The benchmarks of base, of its copy or of head: for each, google-benchmark's rows in order of measuring."""

    label: str  # as the user named it
    rows: dict[str, list[Row]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)  # by the benchmark's own word, and why
    problems: dict[str, str] = field(default_factory=dict)  # a sentence for each that cannot be used
    context: dict[str, Any] = field(default_factory=dict)

    def add(self, document: dict[str, Any]) -> None:
        """The rows of one google-benchmark document; aggregates are no samples."""
        self.context = self.context or document["context"]
        aggregated = set()
        for number, row in enumerate(document["benchmarks"]):
            name = row.get("name") if isinstance(row, dict) else None
            if not isinstance(name, str) or not name:
                raise BadInput(f'{self.label}: row {number} of "benchmarks" has no name')
            if row.get("run_type") == "aggregate" or "aggregate_name" in row:
                aggregated.add(row.get("run_name", name))
            elif row.get("error_occurred"):
                why = row.get("error_message") or "no reason given"
                self.problems.setdefault(name, f"{self.label}: {name}: the benchmark reports an error: {why}")
            elif row.get("skipped"):
                self.skipped[name] = str(row.get("skip_message") or "no reason given")
            elif what := what_is_wrong(row):
                self.problems.setdefault(name, f"{self.label}: {name}: {what}")
            else:
                self.rows.setdefault(name, []).append(row)
        for name in aggregated - self.rows.keys() - self.problems.keys() - self.skipped.keys():
            self.problems[name] = (
                f"{self.label}: {name}: only aggregates (mean, median, ...) and no single run: measure without "
                "--benchmark_report_aggregates_only"
            )

    @property
    def names(self) -> list[str]:
        return [name for name in self.rows if name not in self.problems and name not in self.skipped]


def what_is_wrong(row: Row) -> str:
    """With the time of a row; empty if nothing is."""
    if row.get("time_unit") not in NANOSECONDS:
        return f"time_unit is {json.dumps(row.get('time_unit'))}, which is none of {', '.join(NANOSECONDS)}"
    for key in ("real_time", "each"):
        value = row.get(key)
        if key == "each" and key not in row:
            continue
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            return f"{key} is {json.dumps(value)}, not a time"
        if value <= 0:
            return f"{key} is {value:g}: nothing was measured, perhaps the work was optimized away"
    return ""


def read_document(path: Path, label: str) -> dict[str, Any]:
    """A file in google-benchmark's JSON."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{label}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{label}: no text, so not google-benchmark's JSON") from error
    except json.JSONDecodeError as error:
        raise BadInput(f"{label}: truncated or not JSON: {error.msg} at line {error.lineno}") from error
    if not isinstance(document, dict) or not isinstance(document.get("benchmarks"), list):
        raise BadInput(f'{label}: JSON, but not google-benchmark\'s: no list "benchmarks"')
    if not isinstance(document.setdefault("context", {}), dict):
        raise BadInput(f'{label}: JSON, but not google-benchmark\'s: "context" is no object')
    return document


def nanoseconds(row: Row, counter: str) -> float:
    if counter == "each":
        return float(row["each"]) * 1e9
    return float(row["real_time"]) * NANOSECONDS[row["time_unit"]]


def counters(row: Row) -> frozenset[str]:
    return frozenset(row.keys() - STANDARD_KEYS)


# ---------------------------------------------------------------------- statistics


@dataclass(frozen=True)
class Interval:
    """The median of paired ratios and the interval that holds it in 95 of 100 cases."""

    median: float
    low: float
    high: float

    @property
    def excludes_no_change(self) -> bool:
        return self.low > 1 or self.high < 1

    @property
    def reach(self) -> float:
        """How far from 1 the truth may lie, as a factor of at least 1."""
        return max(self.high, 1 / self.low)


@cache
def resampled(count: int) -> list[list[int]]:
    """Which of `count` pairs each resample holds: the same ones every time."""
    numbers = random.Random(SEED)
    return [numbers.choices(range(count), k=count) for _ in range(RESAMPLES)]


def interval(ratios: Sequence[float]) -> Interval | None:
    """By percentile bootstrap; None where there are too few pairs for any such interval."""
    if len(ratios) < FEWEST_PAIRS:
        return None
    medians = sorted(statistics.median([ratios[i] for i in chosen]) for chosen in resampled(len(ratios)))
    tail = len(medians) // 40
    return Interval(statistics.median(ratios), medians[tail], medians[-1 - tail])


def paired(above: Sequence[float], below: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(above, below, strict=True)]


def is_beyond(change: Interval, warn: float) -> bool:
    return abs(change.median - 1) > warn


def judge(change: Interval | None, floor: Interval | None, warn: float, to_copy: Interval | None = None) -> str:
    """`warn` is a share: 0.05 for 5 %. A change counts if it exceeds `warn`, its interval excludes 0, and it is larger
    than anything that base against its own copy allows for in the same rounds; and all of it not only against base:
    head against base's copy has to exceed `warn` the same way. That costs one true change in ten, and most false ones."""
    if change is None or floor is None:
        return TOO_FEW
    if not is_beyond(change, warn):
        # No change is a claim too: neither the change nor the floor may reach beyond the threshold.
        return UNCHANGED if max(floor.reach, change.reach) <= 1 + warn else NOISY
    if not change.excludes_no_change or max(change.median, 1 / change.median) <= floor.reach:
        return NOISY
    if to_copy and not (
        is_beyond(to_copy, warn) and to_copy.excludes_no_change and (to_copy.median > 1) == (change.median > 1)
    ):
        return NOISY
    return SLOWER if change.median > 1 else FASTER


# ---------------------------------------------------------------------- comparison


@dataclass
class Result:
    """Of one benchmark that both sides have; times in nanoseconds."""

    name: str
    counter: str  # "each" or "real_time"
    base: list[float]
    copy: list[float]  # empty where files are compared and none is of the copy
    head: list[float]
    ratio: float
    change: Interval | None
    floor: Interval | None
    verdict: str


@dataclass
class Comparison:
    warn: float
    results: list[Result]  # the slowest first
    base: Side
    copy: Side
    head: Side
    added: list[str]
    removed: list[str]
    renamed: list[tuple[str, str]]  # perhaps
    problems: list[str]
    skipped: dict[str, str]
    notes: list[str] = field(default_factory=list)
    machine: str = ""
    method: str = ""

    def having(self, verdict: str) -> list[Result]:
        return [result for result in self.results if result.verdict == verdict]


def pairs_of_one_side(samples: Sequence[float]) -> list[float]:
    """Neighbours, in alternating order: the floor of a file without base's copy."""
    pairs = zip(samples[::2], samples[1::2], strict=False)
    return [a / b if number % 2 == 0 else b / a for number, (a, b) in enumerate(pairs)]


def compare(base: Side, copy: Side, head: Side, warn: float, other_machine: bool = False) -> Comparison:
    problems = base.problems | copy.problems | head.problems
    skipped = base.skipped | copy.skipped | head.skipped
    in_base = [name for name in base.rows if name not in problems and name not in skipped]
    in_head = [name for name in head.rows if name not in problems and name not in skipped]
    results = []
    for name in in_base:
        if name not in head.rows:
            continue
        rows = {label: side.rows.get(name, []) for label, side in (("base", base), ("copy", copy), ("head", head))}
        counts = {label: len(found) for label, found in rows.items() if found}
        if len(set(counts.values())) > 1:
            said = ", ".join(f"{count} of {label}" for label, count in counts.items())
            problems[name] = f"{base.label} and {head.label}: {name}: samples do not pair: {said}"
            continue
        everywhere = all("each" in row for found in rows.values() for row in found)
        counter = "each" if everywhere else "real_time"
        times = {label: [nanoseconds(row, counter) for row in found] for label, found in rows.items()}
        ratios = paired(times["head"], times["base"])
        change = interval(ratios)
        if rows["copy"]:
            floor = interval(paired(times["copy"], times["base"]))
            to_copy = interval(paired(times["head"], times["copy"]))
        else:
            floor, to_copy = interval(pairs_of_one_side(times["base"])), None
        verdict = ELSEWHERE if other_machine else judge(change, floor, warn, to_copy)
        results.append(
            Result(name, counter, **times, ratio=statistics.median(ratios), change=change, floor=floor, verdict=verdict)
        )
    results.sort(key=lambda result: (-result.ratio, result.name))
    removed = [name for name in in_base if name not in head.rows]
    added = [name for name in in_head if name not in base.rows]
    return Comparison(
        warn=warn,
        results=results,
        base=base,
        copy=copy,
        head=head,
        added=added,
        removed=removed,
        renamed=perhaps_renamed(removed, base, added, head),
        problems=list(problems.values()),
        skipped=skipped,
    )


def arguments(name: str) -> tuple[str, ...]:
    """What follows the function's name, without the names of the arguments."""
    return tuple(part.rpartition(":")[2] for part in name.split("/")[1:])


def operations(row: Row) -> int | None:
    """In an iteration."""
    return round(nanoseconds(row, "real_time") / nanoseconds(row, "each")) if "each" in row else None


def perhaps_renamed(removed: list[str], base: Side, added: list[str], head: Side) -> list[tuple[str, str]]:
    """Pairs of one that is gone and one that is new, most alike first: the same arguments, counters and operations an
    iteration, and either a similar name or the same one with arguments that only got names. A guess: nothing says so."""

    def kind(name: str, side: Side) -> object:
        row = side.rows[name][0]
        return arguments(name), counters(row), operations(row)

    alike = []
    for old in removed:
        for new in added:
            if kind(old, base) == kind(new, head):
                likeness = difflib.SequenceMatcher(None, old.split("/")[0], new.split("/")[0], autojunk=False).ratio()
                if likeness >= 0.6:
                    alike.append((-likeness, old, new))
    pairs: dict[str, str] = {}
    for _, old, new in sorted(alike):
        if old not in pairs and new not in pairs.values():
            pairs[old] = new
    return list(pairs.items())


# ---------------------------------------------------------------------- machines


def same_machine(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """As far as two contexts tell."""
    return all(one.get(key) == other.get(key) for key in ("host_name", "num_cpus", "caches"))


def describe_machine(context: dict[str, Any], processor: str = "", load: str = "") -> str:
    """One line, from google-benchmark's context and what the caller knows besides."""
    parts = [processor] if processor else []
    if "num_cpus" in context:
        clock = f" at {context['mhz_per_cpu']} MHz" if "mhz_per_cpu" in context else ""
        parts.append(f"{context['num_cpus']} cores{clock}")
    for cache_ in context.get("caches", []):
        if cache_.get("level") == 3:
            parts.append(f"L3 {cache_['size'] / 2**20:g} MB")
    if load:
        parts.append(f"load {load}")
    if "date" in context:
        parts.append(str(context["date"]))
    return ", ".join(parts) or "unknown"


# ---------------------------------------------------------------------- report


def percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f} %"


def reach_percent(floor: Interval | None) -> str:
    return "unknown" if floor is None else f"±{100 * (floor.reach - 1):.1f} %"


def time_text(value: float) -> str:
    unit = next((unit for unit in ("s", "ms", "us") if value >= NANOSECONDS[unit]), "ns")
    value /= NANOSECONDS[unit]
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:.{min(digits, 3)}f} {'µs' if unit == 'us' else unit}"


def code(name: str) -> str:
    """A name in a cell of a table."""
    return f"`{name.replace('|', chr(92) + '|')}`"


def count_of(things: Collection[object], what: str) -> str:
    return f"{len(things)} {what}"


def summary(comparison: Comparison) -> str:
    """The whole in one line."""
    judged = [
        count_of(
            found, f"{verdict} by more than {100 * comparison.warn:g} %" if verdict in (SLOWER, FASTER) else verdict
        )
        for verdict in (SLOWER, FASTER, UNCHANGED, NOISY, TOO_FEW, ELSEWHERE)
        if (found := comparison.having(verdict)) or verdict in (SLOWER, FASTER)
    ]
    others = [
        count_of(found, what)
        for found, what in (
            (comparison.added, "added"),
            (comparison.removed, "removed"),
            (comparison.renamed, "perhaps renamed"),
            (comparison.skipped, "skipped"),
            (comparison.problems, "not measured"),
        )
        if found
    ]
    return ", ".join(judged + others)


def false_alarms(comparison: Comparison) -> list[Result]:
    """Where base against its own copy, which is no change, exceeds the threshold with an interval that excludes 0."""
    return [
        result
        for result in comparison.results
        if result.floor and is_beyond(result.floor, comparison.warn) and result.floor.excludes_no_change
    ]


def table_row(result: Result) -> str:
    emphasis = {SLOWER: ":warning: **slower**", FASTER: ":rocket: **faster**"}
    cells = (
        code(result.name),
        time_text(statistics.median(result.base)),
        time_text(statistics.median(result.head)),
        percent(result.ratio),
        f"{percent(result.change.low)} to {percent(result.change.high)}" if result.change else "",
        reach_percent(result.floor),
        emphasis.get(result.verdict, result.verdict),
    )
    return f"| {' | '.join(cells)} |"


def floor_row(comparison: Comparison) -> list[str]:
    floors = [result.floor for result in comparison.results if result.floor]
    if not floors:
        return []
    medians = [floor.median for floor in floors]
    what = "base against its own copy" if comparison.copy.rows else "base against itself, odd against even samples"
    cells = (
        f"*A/A: {what}, {len(floors)} benchmarks*",
        "",
        "",
        percent(statistics.median(medians)),
        f"{percent(min(medians))} to {percent(max(medians))}",
        f"±{100 * (statistics.median(floor.reach for floor in floors) - 1):.1f} %",
        "noise floor",
    )
    return [f"| {' | '.join(cells)} |"]


TABLE_HEAD = [
    "| benchmark | base | head | change | 95 % interval | noise floor | verdict |",
    "|---|--:|--:|--:|--:|--:|---|",
]


def details(title: str, lines: list[str]) -> list[str]:
    return ["<details>", f"<summary>{title}</summary>", "", *lines, "", "</details>", ""]


def raw_data(comparison: Comparison) -> list[str]:
    lines = []
    for result in comparison.results:
        lines.append(f"{result.name} ({'one operation' if result.counter == 'each' else 'one iteration'}, ns)")
        for label, times in (("base", result.base), ("copy", result.copy), ("head", result.head)):
            if times:
                lines.append(f"  {label}  {' '.join(f'{value:.4g}' for value in times)}")
    return ["```text", *lines, "```"]


def markdown(comparison: Comparison) -> str:
    """Fit for a comment on a pull request."""
    judged = comparison.results
    quiet = comparison.having(UNCHANGED) if len(judged) > FEW else []
    shown = [result for result in judged if result not in quiet]
    lines = [MARK, "## Benchmarks", "", f"**{summary(comparison)}.**", ""]
    lines += [*(f"> {note}" for note in comparison.notes), ""] if comparison.notes else []
    if judged:
        lines += [*TABLE_HEAD, *map(table_row, shown), *floor_row(comparison), ""]
    if quiet:
        title = f"{len(quiet)} benchmarks without a change beyond {100 * comparison.warn:g} %"
        lines += details(title, [*TABLE_HEAD, *map(table_row, quiet)])

    lines += [f"Machine: {comparison.machine}", ""]
    if comparison.method:
        lines += [comparison.method, ""]
    if judged:
        alarms = false_alarms(comparison)
        said = f"would itself have passed for a change: {', '.join(code(result.name) for result in alarms)}. With care."
        lines += [
            f"Noise floor: where base's own copy may lie, by the same rounds. A change counts above "
            f"{100 * comparison.warn:g} %, with an interval that excludes 0, above the noise floor of its benchmark, and against base's copy too. "
            + (f"The floor {said}" if alarms else "The A/A rows by themselves raised no alarm."),
            "",
        ]

    def line(name: str, side: Side) -> str:
        return (
            f"- {code(name)} ({time_text(statistics.median(nanoseconds(row, 'real_time') for row in side.rows[name]))})"
        )

    for title, names, side in (
        ("Added", comparison.added, comparison.head),
        ("Removed", comparison.removed, comparison.base),
    ):
        if names:
            lines += [f"### {title}", "", *(line(name, side) for name in names), ""]
    if comparison.renamed:
        lines += ["### Perhaps renamed", "", "Same arguments and counters, similar names; not compared.", ""]
        lines += [*(f"- {code(old)} to {code(new)}" for old, new in comparison.renamed), ""]
    if comparison.skipped:
        lines += ["### Skipped", "", *(f"- {code(name)}: {why}" for name, why in comparison.skipped.items()), ""]
    if comparison.problems:
        lines += ["### Not measured", "", *(f"- {problem}" for problem in comparison.problems), ""]

    if judged:
        raw = details("Raw data", raw_data(comparison))
        if len("\n".join(lines + raw)) > LONGEST_COMMENT:
            raw = ["Raw data: too long for a comment; the JSON file has it.", ""]
        lines += raw
    return "\n".join(lines).rstrip() + "\n"


def as_json(comparison: Comparison, settings: dict[str, Any]) -> dict[str, Any]:
    """Head's samples as google-benchmark writes repetitions, so that its tools and we can read them; all else is below
    "comparison", where base and its copy are such documents of their own."""

    def document(side: Side) -> dict[str, Any]:
        rows = []
        for found in side.rows.values():
            repeated = {"repetitions": len(found)}
            rows += [row | repeated | {"repetition_index": number} for number, row in enumerate(found)]
        return {"context": side.context, "benchmarks": rows}

    def bounds(found: Interval | None) -> dict[str, float] | None:
        return {"median": found.median, "low": found.low, "high": found.high} if found else None

    results = [
        {
            "name": result.name,
            "counter": result.counter,
            "time_unit": "ns",
            "base": result.base,
            "base_copy": result.copy,
            "head": result.head,
            "ratio": result.ratio,
            "change": bounds(result.change),
            "noise_floor": bounds(result.floor),
            "verdict": result.verdict,
        }
        for result in comparison.results
    ]
    return document(comparison.head) | {
        "comparison": {
            **settings,
            "warn_percent": 100 * comparison.warn,
            "machine": comparison.machine,
            "summary": summary(comparison),
            "notes": comparison.notes,
            "results": results,
            "added": comparison.added,
            "removed": comparison.removed,
            "perhaps_renamed": [list(pair) for pair in comparison.renamed],
            "skipped": comparison.skipped,
            "not_measured": comparison.problems,
            "base": document(comparison.base),
            "base_copy": document(comparison.copy),
        }
    }


def write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def filter_for(name: str) -> str:
    """The --benchmark_filter that only this benchmark passes, in whichever dialect google-benchmark was built with."""
    return "^" + re.sub(r"[.^$*+?()\[\]{}|\\]", r"\\\g<0>", name) + "$"
