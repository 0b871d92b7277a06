"""bench/instructions.py: what it makes of callgrind's files, which a stand-in for valgrind writes as callgrind does."""

import importlib
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parent.parent / "bench"
sys.path.insert(0, str(BENCH))
compare = importlib.import_module("compare")
instructions = importlib.import_module("instructions")
sys.path.remove(str(BENCH))

# What stands in a file of callgrind 3.19.
COUNTED = """\
# callgrind format
version: 1
creator: callgrind-3.19.0
pid: 4711
cmd:  ./bench_exchange --benchmark_filter=^best_bid_ask$ --benchmark_min_time=0 --benchmark_format=json
part: 1


desc: I1 cache: 
desc: D1 cache: 
desc: LL cache: 

desc: Timerange: Basic block 0 - 745035
desc: Trigger: Program termination

positions: line
events: Ir
summary: 23005


ob=(3) /usr/lib/x86_64-linux-gnu/libc.so.6
fl=(181) ./csu/../csu/libc-start.c
fn=(2008) __libc_start_main@@GLIBC_2.34
cfi=(184) ./csu/../sysdeps/nptl/libc_start_call_main.h
cfn=(2156) (below main)
calls=1 29 
360 23005

totals: 23005
"""

PROGRAM = '''#!{python} -IS
"""Prints google-benchmark's JSON, and leaves where the stand-in for valgrind says what callgrind would leave."""
import json, os, re, sys
counts = {counts}
options = dict(argument.lstrip("-").partition("=")[::2] for argument in sys.argv[1:])
if "benchmark_list_tests" in options:
    print(*counts, sep="\\n")
    sys.exit()
(name,) = [name for name in counts if re.search(options["benchmark_filter"], name)]
what = counts[name]
row = {{"name": name, "run_type": "iteration", "iterations": 1, "real_time": 1, "time_unit": "ns"}}
if what == "crash":
    os.abort()
if what == "fail":
    sys.exit("cannot open the day")
if what == "error":
    row |= {{"error_occurred": True, "error_message": "a stop has fired"}}
if what == "two iterations":
    row["iterations"], what = 2, 1000
text = {counted!r}.replace("23005", str(what))
if what == "truncated":
    text = text[:text.index("totals")]
if what == "no instructions":
    text = text.replace("events: Ir", "events: Dr")
if what != "no file":
    with open(os.environ["CALLGRIND_OUT"], "w") as out:
        out.write(text)
print(json.dumps({{"context": {{}}, "benchmarks": [row]}}) if what != "no result" else "Segmentation fault")
'''

VALGRIND = """#!{python}
import json, os, sys
place = next(i for i, argument in enumerate(sys.argv) if i and not argument.startswith("-"))
with open({log!r}, "a") as log:
    log.write(json.dumps([sys.argv[1:], dict(os.environ)]) + "\\n")
(out,) = [argument.partition("=")[2] for argument in sys.argv if argument.startswith("--callgrind-out-file=")]
os.environ["CALLGRIND_OUT"] = out
os.execv(sys.argv[place], sys.argv[place:])
"""

Counts = dict[str, int | str]


class Answer:
    def __init__(self, code: int, out: str, err: str, report: str, document: dict[str, Any]) -> None:
        self.code = code
        self.out = out
        self.err = err
        self.report = report
        self.document = document

    @property
    def changes(self) -> dict[str, float]:
        return {result["name"]: result["change_percent"] for result in self.document["results"]}


class Builds:
    """Two build folders, and a valgrind on the path."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        self.log_path = folder / "log"
        self.executable(folder / "tools" / "valgrind", VALGRIND.format(python=sys.executable, log=str(self.log_path)))
        monkeypatch.setenv("PATH", str(folder / "tools"))

    def executable(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def program(self, side: str, counts: Counts, name: str = "bench_fake") -> None:
        text = PROGRAM.format(python=sys.executable, counts=repr(counts), counted=COUNTED)
        self.executable(self.folder / side / name, text)

    def compare(self, base: Counts, head: Counts, *options: str) -> Answer:
        self.program("base", base)
        self.program("head", head)
        return self.run(*options)

    def run(self, *options: str) -> Answer:
        report, document = self.folder / "report.md", self.folder / "out.json"
        files = ("--markdown", str(report), "--json", str(document))
        code = instructions.main([str(self.folder / "base"), str(self.folder / "head"), *files, *options])
        printed = self.capsys.readouterr()
        return Answer(
            code,
            printed.out,
            printed.err,
            report.read_text(encoding="utf-8") if report.exists() else "",
            json.loads(document.read_text(encoding="utf-8")) if document.exists() else {},
        )

    def log(self) -> list[tuple[list[str], dict[str, str]]]:
        return [tuple(json.loads(line)) for line in self.log_path.read_text().splitlines()]


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Builds:
    return Builds(tmp_path, monkeypatch, capsys)


def cells(report: str) -> dict[str, list[str]]:
    """The rows of all tables, by name of the benchmark."""
    rows = re.findall(r"^\| `(.*?)` \|(.*)\|$", report, re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split(" | ")] for name, rest in rows}


# ---------------------------------------------------------------------- verdicts


def test_equal_counts_are_no_change(builds: Builds) -> None:
    answer = builds.compare({"submit": 23005, "cancel": 7}, {"submit": 23005, "cancel": 7})
    assert answer.code == 0
    assert answer.changes == {"submit": 0, "cancel": 0}
    assert answer.out == "2 equal to the last digit\n"
    assert answer.err.count("\n") == 0


@pytest.mark.parametrize(
    ("head", "change", "verdict", "code"),
    [
        (8_900, "-11.00 %", ":rocket: **fewer**", 0),
        (9_900, "-1.00 %", "", 0),
        (9_999, "-0.01 %", "", 0),
        (10_000, "0", "", 0),
        (10_099, "+0.99 %", "", 0),
        (10_100, "+1.00 %", "", 0),
        (10_101, "+1.01 %", ":warning: **more**", 0),
        (11_000, "+10.00 %", ":warning: **more**", 0),
        (11_001, "+10.01 %", ":x: **too many**", 1),
    ],
)
def test_more_than_1_percent_is_warned_of_and_more_than_10_refused(
    builds: Builds, head: int, change: str, verdict: str, code: int
) -> None:
    answer = builds.compare({"submit": 10_000}, {"submit": head})
    assert cells(answer.report)["submit"] == ["10,000", f"{head:,}", change, verdict]
    assert answer.code == code


def test_a_change_of_one_in_a_billion_is_seen(builds: Builds) -> None:
    answer = builds.compare({"submit": 10**9}, {"submit": 10**9 + 1})
    assert cells(answer.report)["submit"] == ["1,000,000,000", "1,000,000,001", "+1e-07 %", ""]
    assert answer.out.splitlines() == [
        "submit: +1e-07 %, 1,000,000,000 to 1,000,000,001",
        "1 changed by less than 1 %, 0 equal to the last digit",
    ]


def test_perf_ok_accepts_what_would_be_refused(builds: Builds) -> None:
    refused = builds.compare({"submit": 10_000}, {"submit": 11_001})
    assert refused.code == 1
    assert "More than 10 % is refused without the label `perf-ok`." in refused.report
    accepted = builds.compare({"submit": 10_000}, {"submit": 11_001}, "--perf-ok")
    assert accepted.code == 0
    assert "More than 10 % is accepted here (`perf-ok`)." in accepted.report
    assert cells(accepted.report) == cells(refused.report)


def test_thresholds_can_be_chosen(builds: Builds) -> None:
    answer = builds.compare({"submit": 1000, "cancel": 1000}, {"submit": 1051, "cancel": 1021}, "--warn=2", "--fail=5")
    assert answer.code == 1
    assert [row[-1] for row in cells(answer.report).values()] == [":x: **too many**", ":warning: **more**"]


# ---------------------------------------------------------------------- what is there on one side only


def test_added_and_removed_benchmarks_are_listed_and_refuse_nothing(builds: Builds) -> None:
    answer = builds.compare({"submit": 5, "old": 100}, {"submit": 5, "new": 2000})
    assert answer.code == 0
    assert answer.document["added"] == {"new": 2000}
    assert answer.document["removed"] == {"old": 100}
    assert "### Added\n\n- `new`: 2,000\n\n### Removed\n\n- `old`: 100\n" in answer.report
    assert answer.out == "1 equal to the last digit, 1 added, 1 removed\n"


def test_the_same_count_under_another_name_is_perhaps_renamed(builds: Builds) -> None:
    answer = builds.compare({"old": 1234}, {"new": 1234})
    assert answer.document["perhaps_renamed"] == [{"base": "old", "head": "new", "count": 1234}]
    assert "- `old` to `new`: the same count, 1,234\n" in answer.report
    assert not answer.document["added"]
    assert not answer.document["removed"]


@pytest.mark.parametrize(("base", "head"), [({"old": 7}, {"new": 7, "other": 7}), ({"old": 7, "older": 7}, {"new": 7})])
def test_a_count_that_two_have_tells_no_names(builds: Builds, base: Counts, head: Counts) -> None:
    answer = builds.compare(base, head)
    assert answer.document["perhaps_renamed"] == []
    assert answer.document["added"] == head
    assert answer.document["removed"] == base


@pytest.mark.parametrize(("base", "head"), [(0, 0), (0, 500), (500, 0)])
def test_what_does_not_go_through_counted_is_said_not_to_be_counted(builds: Builds, base: int, head: int) -> None:
    answer = builds.compare({"memory_of": 1, "bytes": base}, {"memory_of": 1, "bytes": head}, "--exclude=^$")
    assert answer.code == 0
    assert answer.document["not_counted"] == ["bytes"]
    assert "Not counted, as they measure something else: `bytes`." in answer.report
    assert answer.changes == {"memory_of": 0}


def test_where_nothing_at_all_was_counted_it_is_an_error(builds: Builds) -> None:
    answer = builds.compare({"submit": 0}, {"submit": 0})
    assert answer.code == 2
    assert answer.err.endswith("no benchmark called bench::counted: are the programs stripped of their symbols?\n")


def test_a_program_that_base_does_not_have_counts_as_added(builds: Builds) -> None:
    builds.program("head", {"sweep": 12}, name="bench_sweep")
    answer = builds.compare({"submit": 5}, {"submit": 5})
    assert answer.document["added"] == {"sweep": 12}


# ---------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("truncated", "callgrind's file has no totals: it is truncated, or no such file"),
        ("no instructions", "callgrind counted Dr as no instructions: that is no number of instructions (Ir)"),
        ("no file", "submit: bench_fake left no result under valgrind: "),
        ("no result", "submit: bench_fake left no result under valgrind: "),
        ("crash", "submit: valgrind was killed by signal 6"),
        ("fail", "submit: valgrind ended with 1: cannot open the day"),
        ("error", "submit: the benchmark reports an error: a stop has fired"),
        ("two iterations", "submit: 1 iterations of base, 2 of head: only benchmarks that do the same each time"),
    ],
)
def test_a_benchmark_that_cannot_be_counted_is_named_and_the_rest_compared(
    builds: Builds, what: str, sentence: str
) -> None:
    answer = builds.compare({"submit": 1000, "cancel": 9}, {"submit": what, "cancel": 9}, "--perf-ok")
    assert answer.code == 2
    assert sentence in answer.err
    assert sentence in answer.report
    (problem,) = answer.document["not_measured"]
    assert sentence in problem
    assert answer.changes == {"cancel": 0}
    assert not answer.document["removed"]


def test_a_failure_of_base_is_no_new_benchmark_of_head(builds: Builds) -> None:
    answer = builds.compare({"submit": "fail"}, {"submit": 1000})
    assert answer.code == 2
    assert "BASE" in answer.document["not_measured"][0]
    assert not answer.document["added"]


@pytest.mark.parametrize("text", ["", "totals: 5\n", "events: Ir\n", "events: Ir\ntotals: many\n"])
def test_a_file_without_a_count_is_refused(text: str) -> None:
    with pytest.raises(instructions.BadInput, match="callgrind"):
        instructions.collected(text)


def test_the_count_is_that_of_instructions_whatever_else_was_counted() -> None:
    assert instructions.collected(COUNTED) == 23005
    assert instructions.collected("events: Dr Ir Dw\ntotals: 1 2 3\n") == 2


def test_without_valgrind_it_says_what_to_install(builds: Builds) -> None:
    (builds.folder / "tools" / "valgrind").unlink()
    answer = builds.compare({"submit": 1}, {"submit": 1})
    assert answer.code == 2
    assert "install the package valgrind" in answer.err


def test_folders_without_programs_are_named(builds: Builds) -> None:
    builds.program("base", {"submit": 1})
    answer = builds.run()
    assert answer.code == 2
    assert answer.err == f"HEAD {builds.folder / 'head'}: no program bench_* in this folder or its folder bench\n"
    assert not builds.log_path.exists()


def test_a_filter_that_nothing_passes_is_an_error(builds: Builds) -> None:
    answer = builds.compare({"submit": 1}, {"submit": 1}, "--filter=^cancel$")
    assert answer.code == 2
    assert "no benchmark matches '^cancel$'" in answer.err


@pytest.mark.parametrize("options", [["--jobs=0"], ["--warn=0"], ["--fail=x"], ["--filter=("], ["--json=/no/such/x"]])
def test_misuse_is_said(builds: Builds, options: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        builds.compare({"submit": 1}, {"submit": 1}, *options)
    assert end.value.code == 2


# ---------------------------------------------------------------------- what is run, and how


def test_each_benchmark_runs_alone_once_with_collection_in_counted_only(builds: Builds) -> None:
    builds.compare({"depth/5": 1, "depth/50": 2}, {"depth/5": 1, "depth/50": 2}, "--jobs=1")
    found = builds.log()
    assert len(found) == 4
    for arguments, _ in found:
        assert arguments[:4] == [
            "-q",
            "--tool=callgrind",
            "--collect-atstart=no",
            "--toggle-collect=void bench::counted<*",
        ]
        assert "--benchmark_min_time=0" in arguments
    filters = [argument for arguments, _ in found for argument in arguments if "filter" in argument]
    assert filters == ["--benchmark_filter=^depth/5$", "--benchmark_filter=^depth/50$"] * 2


def test_both_sides_see_the_same_environment(builds: Builds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMETHING_OF_THE_USER", "x" * 1000)
    builds.compare({"submit": 1}, {"submit": 1})
    (one, other) = builds.log()
    for _, environment in (one, other):
        assert environment["NANOBOOK_SIMD"] == "avx2"
        assert environment["NANOBOOK_BENCH_MESSAGES"] == "100000"
        assert "SOMETHING_OF_THE_USER" not in environment

    def sizes(environment: dict[str, str]) -> dict[str, int]:
        return {name: len(value) for name, value in environment.items()}

    assert sizes(one[1]) == sizes(other[1])
    assert list(map(len, one[0])) == list(map(len, other[0]))
    assert one[1]["TMPDIR"] != other[1]["TMPDIR"]
    assert not Path(one[1]["TMPDIR"]).exists()


def test_what_callgrind_cannot_count_is_not_run(builds: Builds) -> None:
    kept = ["mixed/avx2/threads:1/real_time", "every_bar/scalar/threads:1/real_time", "bytes_per_order"]
    names = [*kept, "mixed/avx512/threads:1", "mixed/avx2/threads:2", "x/threads:16", "big_1/avx2/threads:1", "memory"]
    answer = builds.compare(dict.fromkeys(names, 5), dict.fromkeys(names, 5))
    assert sorted(answer.changes) == sorted(kept)
    answer = builds.compare(dict.fromkeys(names, 5), dict.fromkeys(names, 5), "--exclude=^mixed")
    assert sorted(answer.changes) == sorted(name for name in names if not name.startswith("mixed"))


# ---------------------------------------------------------------------- the report


def test_the_report_of_a_comparison(builds: Builds) -> None:
    base: Counts = {"steady": 100, "a|b": 1000, "worse": 1000, "much_worse": 1000, "better": 1000, "bytes": 0, "old": 3}
    head: Counts = {
        "steady": 100,
        "a|b": 1001,
        "worse": 1080,
        "much_worse": 2000,
        "better": 500,
        "bytes": 0,
        "broken": "fail",
    }
    answer = builds.compare(base, head)
    assert answer.code == 2
    head_folder = builds.folder / "head"
    assert (
        answer.report
        == f"""\
## Instructions

**1 up by more than 10 %, 1 up by more than 1 %, 1 down by more than 1 %, 1 changed by less than 1 %, \
1 equal to the last digit, 1 removed, 1 not measured.**

More than 10 % is refused without the label `perf-ok`.

| benchmark | base | head | change | verdict |
|---|--:|--:|--:|---|
| `much_worse` | 1,000 | 2,000 | +100.00 % | :x: **too many** |
| `worse` | 1,000 | 1,080 | +8.00 % | :warning: **more** |
| `better` | 1,000 | 500 | -50.00 % | :rocket: **fewer** |

### Not measured

- HEAD {head_folder}: broken: valgrind ended with 1: cannot open the day

### Removed

- `old`: 3

Not counted, as they measure something else: `bytes`.

<details>
<summary>2 benchmarks without a change beyond 1 %</summary>

| benchmark | base | head | change | verdict |
|---|--:|--:|--:|---|
| `a\\|b` | 1,000 | 1,001 | +0.10 % |  |
| `steady` | 100 | 100 | 0 |  |

</details>
"""
    )


def test_a_report_too_long_for_its_part_of_a_comment_leaves_what_did_not_change_to_the_file() -> None:
    def counts(names: Iterable[str]) -> dict[str, Any]:
        return {name: instructions.Count(1000) for name in names}

    names = [f"benchmark_{number:04}/with_some:arguments" for number in range(500)]
    result = instructions.compare(counts(names), counts(names), 1, 10)
    report = instructions.markdown(result)
    assert len(report) < instructions.LONGEST_REPORT
    assert "500 benchmarks without a change beyond 1 %: too long for a comment; the JSON file has them." in report
    assert len(instructions.as_json(result, {})["results"]) == 500


def test_without_a_file_the_report_goes_to_stdout(builds: Builds) -> None:
    builds.program("base", {"submit": 100})
    builds.program("head", {"submit": 108})
    assert instructions.main([str(builds.folder / "base"), str(builds.folder / "head")]) == 0
    printed = builds.capsys.readouterr().out
    assert cells(printed) == {"submit": ["100", "108", "+8.00 %", ":warning: **more**"]}
