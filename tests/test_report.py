"""bench/report.py: the tables of docs/performance.md are made of bench/results/, and of nothing else. Nothing is timed."""

import argparse
import copy
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parent.parent / "bench"
sys.path.insert(0, str(BENCH))
report = importlib.import_module("report")
sys.path.remove(str(BENCH))
for place in (str(BENCH), str(BENCH / "peers")):  # report adds them for itself
    sys.path.remove(place)

Result = dict[str, Any]


@pytest.fixture
def results() -> dict[str, Result]:
    return copy.deepcopy(report.read_results())


@pytest.fixture
def page() -> str:
    return report.PAGE.read_text(encoding="utf-8")


def result(*rows: dict[str, Any]) -> Result:
    stamp = {"machine": "A machine", "date": "2024-06-01", "command": "a command", "rounds": 3, "load": "0.1 to 0.2"}
    return {"stamp": stamp, "rows": list(rows)}


# ---------------------------------------------------------------------- the page


def test_the_page_is_what_the_results_give(page: str, results: dict[str, Result]) -> None:
    assert report.fill(page, results) == page


def test_another_result_gives_another_page_and_leaves_the_prose(page: str, results: dict[str, Result]) -> None:
    (row,) = (row for row in results["cpp"]["rows"] if row["name"] == "best_bid_ask")
    row["seconds"] = [4e-7, 4.56e-7, 5e-7]
    made = report.fill(page, results)
    changed = [(old, new) for old, new in zip(page.splitlines(), made.splitlines(), strict=True) if old != new]
    assert [new for _, new in changed] == ["| best bid and ask | `best_bid_ask` | 456 ns | 22 % |"]


def test_a_benchmark_without_a_result_is_named(page: str, results: dict[str, Result]) -> None:
    results["cpp"]["rows"] = [row for row in results["cpp"]["rows"] if row["name"] != "reduce"]
    with pytest.raises(report.Problem, match="no result of reduce"):
        report.fill(page, results)


def test_an_instruction_set_that_a_processor_lacks_is_no_problem(page: str, results: dict[str, Result]) -> None:
    results["cpp"]["rows"] = [row for row in results["cpp"]["rows"] if "/avx512/" not in row["name"]]
    made = report.fill(page, results)
    assert "`mixed_1000x252x20/{scalar,baseline,avx2}/threads:1`" in made
    assert "avx512" not in made


def test_a_measurement_that_was_not_made_is_named(page: str, results: dict[str, Result]) -> None:
    del results["naive"]
    with pytest.raises(report.Problem, match=r"no bench/results/naive\.json"):
        report.fill(page, results)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("<!-- table: stops -->", "<!-- stops -->", "stops"),
        ("<!-- table: stops -->", "<!-- table: starts -->", "starts, stops"),
        ("<!-- table: stops -->", "<!-- table: events -->", "stops"),
    ],
    ids=["missing", "unknown", "twice"],
)
def test_a_table_that_is_not_on_the_page_once_is_named(
    page: str, results: dict[str, Result], old: str, new: str, named: str
) -> None:
    with pytest.raises(report.Problem, match=named):
        report.fill(page.replace(old, new), results)


def test_a_package_that_could_not_be_measured_is_said_on_the_page(page: str, results: dict[str, Result]) -> None:
    results["itch"]["failed"] = ["meatpy: meatpy could not be installed: no such version"]
    assert "\nNot measured: meatpy: meatpy could not be installed: no such version\n" in report.fill(page, results)


def test_check_tells_of_a_page_that_was_changed_by_hand(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "performance.md"
    file.write_text(page.replace("| best bid and ask |", "| best bid |"), encoding="utf-8")
    monkeypatch.setattr(report, "PAGE", file)
    assert report.main(["page", "--check"]) == 1
    assert "is not what bench/results/ gives" in capsys.readouterr().err
    assert report.main(["page"]) == 0
    assert file.read_text(encoding="utf-8") == page
    assert report.main(["page", "--check"]) == 0


# ---------------------------------------------------------------------- tables


def test_a_line_shows_its_variants_and_the_widest_spread() -> None:
    rows = [{"name": f"submit/{n}", "seconds": [n * 0.9e-9, n * 1e-9, n * 1.3e-9]} for n in (10, 2_500)]
    rows[1]["seconds"] = [2.4e-6, 2.5e-6, 2.6e-6]
    lines = [report.Line("on 10 / 2,500 levels", "submit/{}", "10 2500")]
    assert report.own_table(lines, result(*rows)).splitlines() == [
        "| what | benchmark | median | spread |",
        "| --- | --- | --- | --- |",
        "| on 10 / 2,500 levels | `submit/{10,2500}` | 10.0 ns / 2.50 us | 40 % |",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.1234e-9, "0.123 ns"),
        (1.234e-9, "1.23 ns"),
        (99.96e-9, "100 ns"),
        (999.4e-9, "999 ns"),
        (999.6e-9, "1.00 us"),
        (0.0123456, "12.3 ms"),
        (75.04, "75.0 s"),
        (12_345.0, "12,300 s"),
    ],
)
def test_times_have_three_digits_and_a_unit(seconds: float, text: str) -> None:
    assert report.time_text(seconds) == text


def test_a_unit_that_all_variants_have_is_said_once() -> None:
    assert report.side_by_side(["1.00 ns", "20.0 ns"]) == "1.00 / 20.0 ns"
    assert report.side_by_side(["0.020 G cells/s"]) == "0.020 G cells/s"


def test_the_stamp_says_how_it_was_measured() -> None:
    assert report.stamp_text(result()["stamp"]) == ("A machine; 2024-06-01, load 0.1 to 0.2, 3 rounds: `a command`")


def test_a_part_that_is_in_the_others_counts_for_nothing() -> None:
    row = {"engine": "one", "sets": 1_000, "making": 1.0, "taking": 2.0, "accounting": 5.0, "metrics": None}
    last = report.naive_table([row]).splitlines()[-1]
    assert last == "| one | 1,000 | 8.00 | 1.00 (12.5 %) | 2.00 (25.0 %) | 5.00 (62.5 %) | in those |"


# ---------------------------------------------------------------------- measuring


def fake(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
    path.chmod(0o755)


def test_benchmarks_run_in_rounds_and_give_medians(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = tmp_path / "build"
    noted = build / "CMakeFiles" / "3.25.1" / "CMakeCXXCompiler.cmake"
    noted.parent.mkdir(parents=True)
    noted.write_text('set(CMAKE_CXX_COMPILER_ID "GNU")\nset(CMAKE_CXX_COMPILER_VERSION "12.2.0")\n')
    fake(
        build,
        "bench_fake",
        """
import json, pathlib, sys
(out,) = (a.partition("=")[2] for a in sys.argv if a.startswith("--benchmark_out="))
calls = pathlib.Path(__file__).with_name("calls")
calls.write_text(calls.read_text() + "x" if calls.exists() else "x")
each = {1: 5e-9, 2: 9e-9, 3: 6e-9}[len(calls.read_text())]
standard = {"real_time": 2.0, "cpu_time": 2.0, "time_unit": "us", "iterations": 7, "run_type": "iteration"}
rows = [{"name": "a/10/manual_time", **standard, "each": each, "items_per_second": 1 / each},
        {"name": "b/iterations:1", **standard, "bytes": 58.0}]
pathlib.Path(out).write_text(json.dumps({"benchmarks": rows}))
""",
    )
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    report.measure_cpp(argparse.Namespace(build=build, rounds=3, min_time=0.1, command="a command"))
    written = json.loads((tmp_path / "results" / "cpp.json").read_text())
    assert written["rows"] == [
        {"name": "a/10", "seconds": [5e-9, 6e-9, 9e-9], "items_per_second": [1.11111e8, 1.66667e8, 2e8]},
        {"name": "b", "seconds": [2e-6] * 3, "bytes": [58.0] * 3},
    ]
    assert written["stamp"]["machine"].endswith(", GNU 12.2.0")
    assert (written["stamp"]["command"], written["stamp"]["rounds"]) == ("a command", 3)


def test_interpreters_take_turns_and_a_row_of_two_is_the_first_ones(tmp_path: Path) -> None:
    script = tmp_path / "peer.py"
    script.write_text(
        """
import json, pathlib, sys
log = pathlib.Path(__file__).with_name("log")
me = pathlib.Path(sys.executable).name
turns = log.read_text().split() if log.exists() else []
log.write_text(" ".join([*turns, me]))
print(json.dumps({"engine": "plain", "ms": float(len(turns)), "note": me}))
print(json.dumps({"engine": me, "ms": 10.0 + len(turns)}))
""",
        encoding="utf-8",
    )
    pythons = [str(tmp_path / name) for name in ("first", "second")]
    for python in pythons:
        fake(
            tmp_path,
            Path(python).name,
            f"import runpy, sys\nsys.executable = {python!r}\nrunpy.run_path(sys.argv[1])\n",
        )
    rows = report.in_turns(pythons, script, 3, ("engine",))
    assert (tmp_path / "log").read_text() == "first second first second first second"
    assert rows == [
        {"engine": "plain", "ms": 2.0, "note": "first"},
        {"engine": "first", "ms": 12.0},
        {"engine": "second", "ms": 13.0},
    ]
