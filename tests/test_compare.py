"""bench/compare.py: what it says of canned samples, and how it takes them from programs. Nothing here is timed."""

import importlib
import json
import math
import os
import random
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parent.parent / "bench"
sys.path.insert(0, str(BENCH))
compare = importlib.import_module("compare")
comparison = importlib.import_module("comparison")
sys.path.remove(str(BENCH))

Row = dict[str, Any]
CONTEXT = {
    "date": "2024-06-01T12:00:00+00:00",
    "host_name": "runner",
    "executable": "bench_fake",
    "num_cpus": 4,
    "mhz_per_cpu": 2600,
    "caches": [{"type": "Unified", "level": 3, "size": 33554432, "num_sharing": 4}],
}


# ---------------------------------------------------------------------- canned files


def row(name: str, real_time: object, unit: str = "ns", **others: object) -> Row:
    """As google-benchmark writes it."""
    standard = {"name": name, "run_name": name, "run_type": "iteration", "repetitions": 1, "threads": 1}
    times = {"iterations": 1000, "real_time": real_time, "cpu_time": real_time, "time_unit": unit}
    return standard | times | others


def rows(name: str, times: Iterable[float], unit: str = "ns", **others: object) -> list[Row]:
    return [row(name, time, unit, repetition_index=i, **others) for i, time in enumerate(times)]


def aggregate(name: str, kind: str, value: float) -> Row:
    return row(f"{name}_{kind}", value, run_name=name, run_type="aggregate", aggregate_name=kind)


def noisy(seed: object, mean: float = 100, count: int = 12, spread: float = 0.02) -> list[float]:
    """Times as they come: near the mean, a few far above."""
    numbers = random.Random(str(seed))
    return [mean * math.exp(numbers.gauss(0, spread)) * numbers.choice([1] * 9 + [1.3]) for _ in range(count)]


class Files:
    """Base, its copy and head as files, compared."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys

    def write(self, side: str, benchmarks: list[Row] | str, context: dict[str, Any] | None = None) -> Path:
        path = self.folder / f"{side}.json"
        document = {"context": context or CONTEXT, "benchmarks": benchmarks}
        path.write_text(benchmarks if isinstance(benchmarks, str) else json.dumps(document))
        return path

    def compare(
        self,
        base: list[Row] | str,
        head: list[Row] | str,
        copy: list[Row] | None = None,
        *options: str,
        expect: int = 0,
    ) -> "Answer":
        arguments = [str(self.write("base", base)), str(self.write("head", head)), *options]
        if copy is not None:
            arguments += ["--base-copy", str(self.write("copy", copy))]
        return answer_to(arguments, self.folder, self.capsys, expect)


class Answer:
    """What a comparison printed and wrote."""

    def __init__(self, out: str, err: str, report: str, document: dict[str, Any]) -> None:
        self.out = out
        self.err = err
        self.report = report
        self.document = document
        self.extra: dict[str, Any] = document.get("comparison", {})
        self.results: dict[str, dict[str, Any]] = {result["name"]: result for result in self.extra.get("results", [])}

    @property
    def verdicts(self) -> dict[str, str]:
        return {name: result["verdict"] for name, result in self.results.items()}


def answer_to(arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str], expect: int) -> Answer:
    report, document = folder / "report.md", folder / "out.json"
    code = compare.main([*arguments, "--markdown", str(report), "--json", str(document)])
    printed = capsys.readouterr()
    assert code == expect, printed.err
    return Answer(
        printed.out,
        printed.err,
        report.read_text(encoding="utf-8") if report.exists() else "",
        json.loads(document.read_text(encoding="utf-8")) if document.exists() else {},
    )


@pytest.fixture
def files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Files:
    return Files(tmp_path, capsys)


# ---------------------------------------------------------------------- verdicts


@pytest.mark.parametrize("seed", range(10))
def test_a_build_against_itself_gives_no_warning(files: Files, seed: int) -> None:
    names = [f"work/{i}" for i in range(20)]

    def measured(side: str) -> list[Row]:
        return [one for name in names for one in rows(name, noisy((seed, side, name)))]

    answer = files.compare(measured("base"), measured("head"), measured("copy"))
    assert set(answer.verdicts) == set(names)
    assert not {"slower", "faster"} & set(answer.verdicts.values())


@pytest.mark.parametrize("seed", range(10))
def test_eight_percent_more_is_found(files: Files, seed: int) -> None:
    base, copy, head = (noisy((seed, side), mean, 24) for side, mean in (("b", 100), ("c", 100), ("h", 108)))
    answer = files.compare(rows("work", base), rows("work", head), rows("work", copy))
    assert answer.verdicts == {"work": "slower"}
    assert answer.results["work"]["ratio"] == pytest.approx(1.08, abs=0.025)
    change = answer.results["work"]["change"]
    assert 1 < change["low"] <= change["median"] <= change["high"]


def test_an_improvement_is_found(files: Files) -> None:
    base, copy, head = (noisy(side, mean) for side, mean in (("b", 100), ("c", 100), ("h", 80)))
    answer = files.compare(rows("work", base), rows("work", head), rows("work", copy))
    assert answer.verdicts == {"work": "faster"}
    assert "0 slower by more than 5 %, 1 faster by more than 5 %" in answer.report


def test_a_change_below_the_threshold_is_none(files: Files) -> None:
    base, head, copy = rows("work", [100] * 12), rows("work", [104] * 12), rows("work", [100] * 12)
    assert files.compare(base, head, copy).verdicts == {"work": "no change"}
    assert files.compare(base, head, copy, "--warn", "3").verdicts == {"work": "slower"}


def test_a_change_that_is_no_more_than_the_noise_floor_cannot_be_judged(files: Files) -> None:
    copy = rows("work", [112, 90] * 6)
    answer = files.compare(rows("work", [100] * 12), rows("work", [110] * 12), copy)
    assert answer.verdicts == {"work": "too noisy to judge"}
    assert answer.results["work"]["noise_floor"]["high"] == pytest.approx(1.12)


def test_a_change_whose_interval_holds_0_cannot_be_judged(files: Files) -> None:
    quiet = rows("work", [100] * 12)
    answer = files.compare(quiet, rows("work", [80, 80, 80, 80, 80, 90, 130, 130, 130, 130, 130, 130]), quiet)
    assert answer.results["work"]["ratio"] > 1.05
    assert answer.verdicts == {"work": "too noisy to judge"}


def test_a_change_against_base_alone_cannot_be_judged(files: Files) -> None:
    """Base and its copy are one program: a change is one against both."""
    answer = files.compare(rows("work", [100] * 12), rows("work", [107] * 12), rows("work", [103] * 12))
    assert answer.verdicts == {"work": "too noisy to judge"}
    assert answer.results["work"]["change"]["low"] > 1.05
    assert answer.results["work"]["noise_floor"]["high"] < 1.05


def test_no_change_is_claimed_only_where_the_floor_is_below_the_threshold(files: Files) -> None:
    copy = rows("work", [110, 91] * 6)
    answer = files.compare(rows("work", [100] * 12), rows("work", [100] * 12), copy)
    assert answer.verdicts == {"work": "too noisy to judge"}


def test_no_change_is_claimed_only_where_the_interval_is_within_the_threshold(files: Files) -> None:
    quiet = rows("work", [100] * 12)
    answer = files.compare(quiet, rows("work", [85, 85, 85, 85, 85, 100, 100, 115, 115, 115, 115, 115]), quiet)
    assert answer.results["work"]["ratio"] == 1
    assert answer.verdicts == {"work": "too noisy to judge"}


def test_outliers_decide_nothing(files: Files) -> None:
    """Neither the mean nor the minimum is asked: both would call this a change."""
    base, copy = rows("work", [100] * 12), rows("work", [100] * 12)
    assert files.compare(base, rows("work", [100] * 10 + [900, 900]), copy).verdicts == {"work": "no change"}
    assert files.compare(base, rows("work", [100] * 10 + [30, 30]), copy).verdicts == {"work": "no change"}


def test_pairs_cancel_what_a_slow_phase_does_to_both(files: Files) -> None:
    phase = [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]
    base, copy, head = (rows("work", [time * factor for factor in phase]) for time in (100, 101, 110))
    answer = files.compare(base, head, copy)
    assert answer.verdicts == {"work": "slower"}
    assert answer.results["work"]["ratio"] == pytest.approx(1.1)


def test_few_samples_give_no_verdict(files: Files) -> None:
    answer = files.compare(rows("work", [100] * 5), rows("work", [200] * 5), rows("work", [100] * 5))
    assert answer.verdicts == {"work": "too few samples"}
    assert answer.results["work"]["change"] is None
    assert answer.results["work"]["ratio"] == 2


def test_the_same_samples_give_the_same_interval(files: Files) -> None:
    base, copy, head = (rows("work", noisy(side)) for side in "bch")
    first, second = (files.compare(base, head, copy) for _ in range(2))
    assert first.report == second.report
    assert first.document == second.document


def test_without_a_copy_the_floor_is_base_against_itself(files: Files) -> None:
    quiet, loud = [100] * 12, [100, 120] * 6
    head = rows("work", [110] * 12)
    answer = files.compare(rows("work", quiet), head)
    assert answer.verdicts == {"work": "slower"}
    assert "No file of base's copy" in answer.report
    assert files.compare(rows("work", loud), head).verdicts == {"work": "too noisy to judge"}
    # Half as many pairs: six take twelve samples.
    assert files.compare(rows("work", quiet[1:]), head[1:]).verdicts == {"work": "too few samples"}


def test_files_of_different_machines_get_no_verdict(files: Files) -> None:
    base = files.write("base", rows("work", [100] * 12))
    head = files.write("head", rows("work", [200] * 12), CONTEXT | {"num_cpus": 64})
    answer = answer_to([str(base), str(head)], files.folder, files.capsys, 0)
    assert answer.verdicts == {"work": "not judged: other machine"}
    assert "different machines" in answer.report


# ---------------------------------------------------------------------- what is compared


def test_units_are_converted(files: Files) -> None:
    base = rows("a", [100] * 12) + rows("b", [2] * 12, "ms")
    head = rows("a", [0.11] * 12, "us") + rows("b", [0.002] * 12, "s")
    answer = files.compare(base, head, base)
    assert answer.verdicts == {"a": "slower", "b": "no change"}
    assert answer.results["a"]["head"] == pytest.approx([110] * 12)
    assert answer.results["b"]["base"] == pytest.approx([2e6] * 12)
    assert "| 100 ns | 110 ns | +10.0 % |" in answer.report
    assert "| 2.00 ms | 2.00 ms | +0.0 % |" in answer.report


def test_the_time_of_one_operation_counts_where_both_sides_have_it(files: Files) -> None:
    """Head does twice the work an iteration: its operations are no slower."""
    base = rows("work", [1000] * 12, each=10e-9)
    answer = files.compare(base, rows("work", [2000] * 12, each=10e-9), base)
    assert answer.verdicts == {"work": "no change"}
    assert answer.results["work"]["counter"] == "each"
    assert "| 10.0 ns | 10.0 ns |" in answer.report

    answer = files.compare(base, rows("work", [2000] * 12), base)
    assert answer.verdicts == {"work": "slower"}
    assert answer.results["work"]["counter"] == "real_time"


def test_aggregates_are_no_samples(files: Files) -> None:
    means = [aggregate("work", kind, 1e6) for kind in ("mean", "median", "stddev", "cv")]
    cv = aggregate("work", "cv", 0)  # a zero which is no time
    base = rows("work", [100] * 12) + means + [cv]
    answer = files.compare(base, rows("work", [110] * 12), base)
    assert list(answer.results) == ["work"]
    assert answer.results["work"]["base"] == [100] * 12
    assert answer.extra["added"] == answer.extra["removed"] == []


def test_added_and_removed_benchmarks_are_listed(files: Files) -> None:
    both = rows("both", [100] * 12)
    answer = files.compare(both + rows("old_thing/10", [12.5] * 12), both + rows("brand_new", [70_000] * 12), both)
    assert list(answer.results) == ["both"]
    assert answer.extra["added"] == ["brand_new"]
    assert answer.extra["removed"] == ["old_thing/10"]
    assert answer.extra["perhaps_renamed"] == []
    assert "### Added\n\n- `brand_new` (70.0 µs)\n" in answer.report
    assert "### Removed\n\n- `old_thing/10` (12.5 ns)\n" in answer.report
    assert "1 added, 1 removed" in answer.out


def test_renamed_benchmarks_are_guessed_and_said_to_be_guesses(files: Files) -> None:
    base = rows("submit_no_match/10", [100] * 12, each=1e-8) + rows("depth/5", [50] * 12) + rows("l3", [9] * 12)
    head = rows("submit_without_match/10", [300] * 12, each=3e-8) + rows("depth/levels:5", [50] * 12)
    answer = files.compare(base, head + rows("gzip", [8] * 12))
    renamed = [["depth/5", "depth/levels:5"], ["submit_no_match/10", "submit_without_match/10"]]
    assert answer.extra["perhaps_renamed"] == renamed
    assert "### Perhaps renamed" in answer.report
    assert "- `submit_no_match/10` to `submit_without_match/10`" in answer.report
    # A guess moves nothing out of the lists, and compares nothing.
    assert answer.extra["removed"] == ["submit_no_match/10", "depth/5", "l3"]
    assert answer.results == {}


@pytest.mark.parametrize(
    "head",
    [
        rows("submit_no_match/20", [100] * 12, each=1e-8),  # other arguments
        rows("submit_without_match/10", [100] * 12),  # other counters
        rows("submit_without_match/10", [100] * 12, each=1e-9),  # ten times the operations
        rows("cancel_deep/10", [100] * 12, each=1e-8),  # another name altogether
    ],
)
def test_what_differs_in_kind_is_not_renamed(files: Files, head: list[Row]) -> None:
    answer = files.compare(rows("submit_no_match/10", [100] * 12, each=1e-8), head)
    assert answer.extra["perhaps_renamed"] == []


def test_a_filter_chooses_benchmarks(files: Files) -> None:
    base = rows("depth/5", [100] * 12) + rows("l3", [100] * 12) + rows("broken", [0] * 12)
    answer = files.compare(base, base, base, "--filter", "^(depth|l3)")
    assert set(answer.results) == {"depth/5", "l3"}
    answer = files.compare(base, base, base, "--filter", "nothing", expect=2)
    assert "no benchmark matches 'nothing'" in answer.err


# ---------------------------------------------------------------------- what cannot be compared


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (row("bad", 0.0), "real_time is 0: nothing was measured"),
        (row("bad", -1.0), "real_time is -1: nothing was measured"),
        (row("bad", math.nan), "real_time is NaN, not a time"),
        (row("bad", None), "real_time is null, not a time"),
        (row("bad", "12"), 'real_time is "12", not a time'),
        (row("bad", 10, each=0.0), "each is 0: nothing was measured"),
        (row("bad", 10, "minutes"), 'time_unit is "minutes", which is none of ns, us, ms, s'),
        (row("bad", 0, error_occurred=True, error_message="no such file"), "reports an error: no such file"),
        (aggregate("bad", "mean", 10), "only aggregates"),
    ],
)
def test_a_row_without_a_time_is_named_and_the_rest_compared(files: Files, bad: Row, sentence: str) -> None:
    good = rows("good", [100] * 12)
    measured = rows("bad", [10] * 12)
    spoilt = [bad] if bad["run_type"] == "aggregate" else [*measured[:5], bad, *measured[6:]]
    answer = files.compare(good + measured, good + spoilt, good + measured, expect=2)
    assert answer.verdicts == {"good": "no change"}
    for text in (answer.err, answer.report):
        assert "head.json: bad: " in text
        assert sentence in text
    assert "### Not measured" in answer.report
    assert "1 not measured" in answer.out
    assert answer.extra["added"] == answer.extra["removed"] == []


def test_a_zero_time_in_base_is_named_too(files: Files) -> None:
    answer = files.compare(rows("bad", [0] * 12), rows("bad", [1] * 12), expect=2)
    assert "base.json: bad: real_time is 0" in answer.err
    assert answer.results == {}


def test_samples_that_do_not_pair_are_named(files: Files) -> None:
    answer = files.compare(rows("work", [1] * 12), rows("work", [1] * 10), expect=2)
    assert "work: samples do not pair: 12 of base, 10 of head" in answer.err


def test_a_skipped_benchmark_is_listed_with_its_reason(files: Files) -> None:
    base = rows("work", [1] * 12)
    answer = files.compare(base, [row("work", 0, skipped=True, skip_message="no AVX-512 here")])
    assert answer.results == {}
    assert "### Skipped\n\n- `work`: no AVX-512 here\n" in answer.report


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (json.dumps({"context": CONTEXT, "benchmarks": rows("work", [1] * 12)})[:-200], "truncated or not JSON"),
        ("", "truncated or not JSON"),
        ("[]", 'no list "benchmarks"'),
        ('{"context": {}}', 'no list "benchmarks"'),
        ('{"context": [], "benchmarks": []}', '"context" is no object'),
        ('{"benchmarks": [{"real_time": 1}]}', 'row 0 of "benchmarks" has no name'),
        ('{"benchmarks": [7]}', 'row 0 of "benchmarks" has no name'),
    ],
)
def test_a_file_that_is_not_whole_is_named(files: Files, text: str, sentence: str) -> None:
    answer = files.compare(rows("work", [1] * 12), text, expect=2)
    assert "head.json: " in answer.err
    assert sentence in answer.err
    assert len(answer.err.splitlines()) == 1
    assert not answer.report


def test_a_file_that_is_not_there_or_no_text_is_named(files: Files) -> None:
    here = files.write("base", rows("work", [1] * 12))
    answer = answer_to([str(here), str(files.folder / "none.json")], files.folder, files.capsys, 2)
    assert "none.json: No such file" in answer.err
    (files.folder / "bytes.json").write_bytes(b"\xff\xfe{")
    answer = answer_to([str(here), str(files.folder / "bytes.json")], files.folder, files.capsys, 2)
    assert "bytes.json: no text" in answer.err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--rounds", "7"], "an even number from 6 on"),
        (["--rounds", "4"], "an even number from 6 on"),
        (["--warn", "0"], "a number above 0"),
        (["--filter", "("], "no regular expression"),
        (["--programs", "bench_x"], "--programs is for folders"),
        (["--json", "no/such/folder/out.json"], "cannot be written"),
    ],
)
def test_misuse_is_said(files: Files, options: list[str], sentence: str) -> None:
    path = str(files.write("base", rows("work", [1] * 12)))
    with pytest.raises(SystemExit) as ended:
        compare.main([path, path, *options])
    assert ended.value.code == 2
    assert sentence in files.capsys.readouterr().err


# ---------------------------------------------------------------------- report and file


def test_the_report_of_a_comparison(files: Files) -> None:
    def measured(steady: float, worse: float, better: float) -> list[Row]:
        return (
            rows("steady", [steady] * 12)
            + rows("worse/10", [worse] * 12, each=worse * 1e-11)
            + rows("better|x", [better] * 12)
        )

    answer = files.compare(measured(50, 1000, 3000), measured(51, 1080, 2400), measured(50.5, 1000, 2970))
    expected = """\
        <!-- nanobook: benchmarks -->
        ## Benchmarks

        **1 slower by more than 5 %, 1 faster by more than 5 %, 1 no change.**

        | benchmark | base | head | change | 95 % interval | noise floor | verdict |
        |---|--:|--:|--:|--:|--:|---|
        | `worse/10` | 10.0 ns | 10.8 ns | +8.0 % | +8.0 % to +8.0 % | ±0.0 % | :warning: **slower** |
        | `steady` | 50.0 ns | 51.0 ns | +2.0 % | +2.0 % to +2.0 % | ±1.0 % | no change |
        | `better\\|x` | 3.00 µs | 2.40 µs | -20.0 % | -20.0 % to -20.0 % | ±1.0 % | :rocket: **faster** |
        | *A/A: base against its own copy, 3 benchmarks* |  |  | +0.0 % | -1.0 % to +1.0 % | ±1.0 % | noise floor |

        Machine: 4 cores at 2600 MHz, L3 32 MB, 2024-06-01T12:00:00+00:00

        """
    assert answer.report.startswith(textwrap.dedent(expected))
    _, _, raw = answer.report.partition("<details>\n<summary>Raw data</summary>\n\n```text\n")
    assert raw.startswith("worse/10 (one operation, ns)\n  base  10 10 10 ")
    assert raw.endswith("```\n\n</details>\n")
    assert "The A/A rows by themselves raised no alarm." in answer.report
    assert answer.out.splitlines() == [
        "worse/10: slower, +8.0 %",
        "better|x: faster, -20.0 %",
        "1 slower by more than 5 %, 1 faster by more than 5 %, 1 no change",
    ]


def test_a_floor_that_would_pass_for_a_change_is_said(files: Files) -> None:
    base = rows("work", [100] * 12)
    answer = files.compare(base, base, rows("work", [110] * 12))
    assert "The floor would itself have passed for a change: `work`" in answer.report


def test_many_benchmarks_show_those_without_a_change_apart(files: Files) -> None:
    base = [one for i in range(30) for one in rows(f"work/{i:02}", [100] * 12)]
    head = [one | {"real_time": 120} if one["name"] == "work/07" else one for one in base]
    answer = files.compare(base, head, base)
    top, _, folded = answer.report.partition("<summary>29 benchmarks without a change beyond 5 %</summary>")
    assert "`work/07`" in top
    assert "`work/08`" not in top
    assert "`work/08`" in folded


def test_a_report_too_long_for_a_comment_leaves_its_raw_data_to_the_file(files: Files) -> None:
    base = [one for i in range(60) for one in rows(f"work/{i}", noisy(i, 123.456, 120))]
    answer = files.compare(base, base, base)
    assert len(answer.report) < 65_536
    assert "Raw data: too long for a comment" in answer.report
    assert len(answer.results["work/59"]["base"]) == 120


def test_without_a_file_the_report_goes_to_stdout(files: Files) -> None:
    path = str(files.write("base", rows("work", [1] * 12)))
    assert compare.main([path, path]) == 0
    assert files.capsys.readouterr().out.startswith("<!-- nanobook: benchmarks -->\n## Benchmarks\n")


def test_the_file_is_google_benchmarks_and_serves_as_a_base(files: Files) -> None:
    base, head = rows("work", noisy(1), each=1e-9), rows("work", noisy(2, 150), each=1.5e-9)
    answer = files.compare(base, head, base)
    assert set(answer.document) == {"context", "benchmarks", "comparison"}
    assert answer.document["context"] == CONTEXT
    assert [one["real_time"] for one in answer.document["benchmarks"]] == [one["real_time"] for one in head]
    for number, one in enumerate(answer.document["benchmarks"]):
        assert one == head[number] | {"repetitions": 12, "repetition_index": number}
    assert answer.extra["base"]["benchmarks"][0]["real_time"] == base[0]["real_time"]

    again = files.compare(json.dumps(answer.document), json.dumps(answer.document))
    assert again.results["work"]["base"] == answer.results["work"]["head"]


# ---------------------------------------------------------------------- programs

FAKE = '''#!{python}
"""Prints google-benchmark's JSON for the times it is told, and keeps a log of its processes."""
import json, os, re, sys, time
times = {times}
options = dict(argument.lstrip("-").partition("=")[::2] for argument in sys.argv[1:])
if "benchmark_list_tests" in options:
    print(*times, sep="\\n")
    sys.exit()
names = [name for name in times if re.search(options["benchmark_filter"], name)]
with open({log!r}, "a") as log:
    side = os.path.basename(os.path.dirname(sys.argv[0]))
    log.write(json.dumps([os.getpid(), side, os.path.basename(sys.argv[0]), names, options, sys.argv[0]]) + "\\n")
rows = []
for name in names:
    time_ = times[name]
    if time_ == "crash":
        os.abort()
    if time_ == "fail":
        sys.exit("cannot open the day")
    if time_ == "hang":
        time.sleep(60)
    if time_ == "nothing":
        continue
    for i, one in enumerate(time_ if isinstance(time_, list) else [time_]):
        row = {{"name": name, "run_name": name, "run_type": "iteration", "iterations": 10, "real_time": one,
               "cpu_time": one, "time_unit": "ns", "repetition_index": i}}
        rows.append(row)
with open(options["benchmark_out"], "w") as out:
    text = json.dumps({{"context": {{"num_cpus": 4, "executable": sys.argv[0]}}, "benchmarks": rows}})
    out.write(text[:-40] if "truncate" in times else text)
print("a table, which nobody reads")
'''


class Builds:
    """Two build folders with fake programs."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        self.log_path = folder / "log"

    def program(self, side: str, times: dict[str, object], name: str = "bench_fake", place: str = "") -> Path:
        path = self.folder / "builds" / side / place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FAKE.format(python=sys.executable, times=repr(times), log=str(self.log_path)))
        path.chmod(0o755)
        return path

    def arguments(self, *options: str) -> list[str]:
        builds = self.folder / "builds"
        return [str(builds / "base"), str(builds / "head"), "--rounds", "6", *options]

    def compare(self, *options: str, expect: int = 0) -> Answer:
        return answer_to(self.arguments(*options), self.folder, self.capsys, expect)

    def log(self) -> list[tuple[int, str, str, list[str], dict[str, str], str]]:
        return [tuple(json.loads(line)) for line in self.log_path.read_text().splitlines()]  # type: ignore[misc]


@pytest.fixture
def builds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Builds:
    return Builds(tmp_path, capsys)


def test_two_builds_are_measured_and_compared(builds: Builds) -> None:
    builds.program("base", {"work/10": 100, "steady": 40}, place="bench")
    builds.program("head", {"work/10": 110, "steady": 40})
    answer = builds.compare()
    assert answer.verdicts == {"work/10": "slower", "steady": "no change"}
    assert answer.results["steady"]["base"] == [40] * 6
    assert answer.results["steady"]["base_copy"] == [40] * 6
    assert answer.extra["rounds"] == 6
    assert answer.document["context"]["executable"] == "bench_fake"
    assert "6 rounds of base, base's copy and head, interleaved A B B A, one process a sample" in answer.report
    assert re.search(r"^Machine: .*4 cores.*, load ", answer.report, re.MULTILINE)
    assert [line.partition(":")[0] for line in answer.err.splitlines()][:6] == [f"round {i} of 6" for i in range(1, 7)]


def test_what_exceeds_the_threshold_is_measured_again(builds: Builds) -> None:
    builds.program("base", {"worse": 100, "better": 100, "steady": 100})
    builds.program("head", {"worse": 106, "better": 94, "steady": 104})
    answer = builds.compare()
    assert {name: len(one["head"]) for name, one in answer.results.items()} == {"worse": 12, "better": 12, "steady": 6}
    assert "second look, round 6 of 6: 2 benchmarks" in answer.err
    assert "As many rounds again for 2 beyond 5 %." in answer.report


def test_each_sample_is_a_process_of_its_own_and_pairs_run_a_b_b_a(builds: Builds) -> None:
    for side in ("base", "head"):
        builds.program(side, {"one": 10, "two/10": 20})
    builds.compare()
    log = builds.log()
    assert len({pid for pid, *_ in log}) == len(log) == 2 * 3 * 6
    for name in ("one", "two/10"):
        sides = [side for _, side, _, names, *_ in log if names == [name]]
        rounds = [sides[i : i + 3] for i in range(0, len(sides), 3)]
        assert all(sorted(each) == ["base", "copy", "head"] for each in rounds)
        # What is first in a round is last in the next: every pair runs A B B A.
        assert all(second == first[::-1] for first, second in zip(rounds[::2], rounds[1::2], strict=True))
        # Nobody has the better place: all orders occur.
        assert len({tuple(each) for each in rounds}) == 6
    # A benchmark's three samples follow one another; the rounds of all benchmarks lie between those of one.
    assert [names[0] for _, _, _, names, *_ in log[:9]] == ["one"] * 3 + ["two/10"] * 3 + ["one"] * 3


def test_base_is_measured_against_a_real_copy_of_itself(builds: Builds) -> None:
    original = builds.program("base", {"work": 10})
    builds.program("head", {"work": 10})
    builds.compare()
    paths = {side: Path(path) for _, side, _, _, _, path in builds.log()}
    assert set(paths) == {"base", "copy", "head"}
    assert original not in paths.values()
    # The length of a path moves the stack of a process.
    assert len({len(str(path)) for path in paths.values()}) == 1
    assert not any(path.exists() for path in paths.values())  # cleaned up


def test_options_are_those_of_old_and_new_google_benchmarks(builds: Builds) -> None:
    for side in ("base", "head"):
        builds.program(side, {"a.b<int>/x:1/manual_time": 10, "aXb<int>/x:1/manual_time": 10})
    builds.compare("--min-time", "0.25")
    options = builds.log()[0][4]
    assert options["benchmark_min_time"] == "0.25"
    assert options["benchmark_filter"] == r"^a\.b<int>/x:1/manual_time$"
    assert all(len(names) == 1 for _, _, _, names, *_ in builds.log())


def test_programs_and_benchmarks_can_be_chosen(builds: Builds) -> None:
    for side in ("base", "head"):
        for program in ("bench_one", "bench_two", "bench_three"):
            builds.program(side, {f"{program}_a": 10, f"{program}_b": 10}, program)
    answer = builds.compare("--programs", "bench_one,bench_two", "--filter", "_a$")
    assert set(answer.results) == {"bench_one_a", "bench_two_a"}
    answer = builds.compare("--programs", "bench_four", expect=2)
    assert "no program bench_four" in answer.err


def test_a_benchmark_may_move_to_another_program(builds: Builds) -> None:
    builds.program("base", {"depth": 10, "l3": 10}, "bench_exchange")
    builds.program("head", {"l3": 10}, "bench_exchange")
    builds.program("head", {"depth": 10}, "bench_query")
    answer = builds.compare()
    assert answer.verdicts == {"depth": "no change", "l3": "no change"}


def test_what_one_side_only_has_is_measured_once(builds: Builds) -> None:
    builds.program("base", {"both": 10, "gone": 11})
    builds.program("head", {"both": 10, "fresh_one": 12})
    answer = builds.compare()
    assert answer.extra["added"] == ["fresh_one"]
    assert answer.extra["removed"] == ["gone"]
    assert "- `fresh_one` (12.0 ns)" in answer.report
    assert [side for _, side, _, names, *_ in builds.log() if names == ["gone"]] == ["base"]
    assert [side for _, side, _, names, *_ in builds.log() if names == ["fresh_one"]] == ["head"]


def test_repetitions_within_a_process_are_one_sample(builds: Builds) -> None:
    for side in ("base", "head"):
        builds.program(side, {"work": [30, 10, 20]})
    assert builds.compare().results["work"]["head"] == [20] * 6


@pytest.mark.parametrize(
    ("time_", "sentence"),
    [
        ("crash", "bench_fake was killed by signal 6"),
        ("fail", "bench_fake ended with 1: cannot open the day"),
        ("nothing", "bench_fake printed no result"),
        (0, "real_time is 0"),
    ],
)
def test_a_benchmark_that_fails_is_named_and_the_rest_compared(builds: Builds, time_: object, sentence: str) -> None:
    builds.program("base", {"bad": 10, "good": 10})
    builds.program("head", {"bad": time_, "good": 10})
    answer = builds.compare(expect=2)
    assert answer.verdicts == {"good": "no change"}
    assert re.search(rf"HEAD .*head: bad: {sentence}", answer.err)
    assert sentence in answer.report
    # It is not tried again and again.
    assert sum(names == ["bad"] and side == "head" for _, side, _, names, *_ in builds.log()) == 1


def test_a_truncated_result_is_named(builds: Builds) -> None:
    builds.program("base", {"work": 10})
    builds.program("head", {"work": 10, "truncate": 10})
    answer = builds.compare("--filter", "work", expect=2)
    assert "work: result of bench_fake: truncated or not JSON" in answer.err


def test_a_process_that_does_not_end_is_named(builds: Builds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "SECONDS_A_PROCESS", 0.5)
    builds.program("base", {"work": "hang"})
    builds.program("head", {"work": "hang"})
    assert "bench_fake did not end within 0.5 s" in builds.compare(expect=2).err


def test_folders_that_cannot_be_compared_are_named(builds: Builds) -> None:
    builds.program("base", {"work": 10})
    (builds.folder / "builds" / "head").mkdir()
    (builds.folder / "builds" / "head" / "bench_notes.txt").touch()
    assert re.search("HEAD .*head: no program bench_", builds.compare(expect=2).err)
    builds.program("head", {"work": 10})
    builds.program("head", {"work": 10}, place="bench")
    assert "holds bench_fake twice" in builds.compare(expect=2).err


def test_one_name_in_two_programs_is_refused(builds: Builds) -> None:
    for side in ("base", "head"):
        builds.program(side, {"work": 10}, "bench_one")
        builds.program(side, {"work": 10}, "bench_two")
    assert "work: is in bench_one and bench_two: which one is meant?" in builds.compare(expect=2).err


def test_a_folder_is_not_compared_with_a_file(builds: Builds) -> None:
    builds.program("base", {"work": 10})
    file = builds.folder / "head.json"
    file.write_text("{}")
    with pytest.raises(SystemExit):
        compare.main([str(builds.folder / "builds" / "base"), str(file)])
    assert "two folders or two files" in builds.capsys.readouterr().err


def test_an_interrupt_leaves_nothing_behind(builds: Builds, tmp_path: Path) -> None:
    for side in ("base", "head"):
        builds.program(side, {"work": "hang"})
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, BENCH / "compare.py", *builds.arguments("--markdown", str(tmp_path / "report.md"))]
    environment = os.environ | {"TMPDIR": str(scratch)}
    started = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_for(builds.log_path.exists)
    os.killpg(started.pid, signal.SIGINT)  # as a terminal does
    out, err = started.communicate(timeout=30)
    assert started.returncode == 130
    assert err.strip().endswith("interrupted: nothing was written")
    assert "Traceback" not in out + err
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "report.md").exists()
    (pid, *_), *_ = builds.log()
    wait_for(lambda: not Path(f"/proc/{pid}").exists())


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
