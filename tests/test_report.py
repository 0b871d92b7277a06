"""bench/report.py: the tables of docs/performance.md are made of bench/results/, and of nothing else. Nothing is timed."""

import argparse
import copy
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

import nanobook

BENCH = Path(__file__).resolve().parent.parent / "bench"
sys.path.insert(0, str(BENCH))
report = importlib.import_module("report")
environments = importlib.import_module("environments")
itch_day = importlib.import_module("itch_day")
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


def test_a_day_has_the_fastest_of_a_work_first_and_no_memory_where_none_was_measured() -> None:
    rows = [
        {"work": "framing, C++", "engine": "slow 1.0", "messages": 2_000_000, "seconds": 0.02},
        {"work": "framing, C++", "engine": "fast 1.0", "messages": 2_000_000, "seconds": 0.01},
        {"work": "books, C++", "engine": "fast 1.0", "messages": 2_000_000, "seconds": 0.001, "memory": 1234.5},
    ]
    assert report.itch_day_table(rows).splitlines()[2:] == [
        "| framing, C++ | fast 1.0 | 200 | 10.0 ms |  |",
        "| framing, C++ | slow 1.0 | 100 | 20.0 ms |  |",
        "| books, C++ | fast 1.0 | 2,000 | 1.00 ms | 1,234 MB |",
    ]


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


# ---------------------------------------------------------------------- C++ programs of others


def test_our_benchmarks_of_a_day_give_a_row(tmp_path: Path) -> None:
    fake(
        tmp_path,
        "bench_itch",
        """
import json, os, sys
(chosen,) = (a.partition("=")[2] for a in sys.argv if a.startswith("--benchmark_filter="))
if chosen.startswith("^itch_replay_memory") and os.environ["NANOBOOK_BENCH_DAY"] != "day.itch":
    sys.exit("too little memory")
counters = {"^itch_replay_book_all(/|$)": {"items_per_second": 1e7}, "^itch_replay_memory(/|$)": {"peak_MB": 90.5},
            "^itch_decode(/|$)": {"items_per_second": 2e8}}[chosen]
print(json.dumps({"context": {}, "benchmarks": [{"name": "x", "real_time": 2.0, "time_unit": "ms", **counters}]}))
""",
    )
    day = Path("day.itch")
    (books,) = itch_day.our_programs(tmp_path, day, 50_000_000, "books of all symbols, C++")
    assert books == {**books, "messages": 50_000_000, "seconds": 5.0, "memory": 90.5}
    assert books["engine"] == f"nanobook-cpp {nanobook.__version__}"
    assert report.peer_of(books) == "nanobook-cpp, C++"
    (fields,) = itch_day.our_programs(tmp_path, day, 50_000_000, "every field, C++")
    assert fields["seconds"] == 0.25
    assert "memory" not in fields
    # There is none where a benchmark fails.
    assert list(itch_day.our_programs(tmp_path, day, 50_000_000, "framing, C++")) == []
    assert list(itch_day.our_programs(tmp_path, Path("large.itch"), 50_000_000, "books of all symbols, C++")) == []


def test_what_the_programs_of_itch_book_print_gives_rows(tmp_path: Path) -> None:
    fake(
        tmp_path,
        "parse_throughput",
        """
print("file: day.itch (0.06 GB in memory)\\n")
for name, rates in ("framing", (200.0, 400.0, 500.0)), ("decode", (100.0, 125.0, 131.6)):
    for number, rate in enumerate(rates):
        print(f"{name:12} rep {number + 1}: {rate:6.1f} M msg/s ({rate * 30:.0f} MB/s)")
    print(f"{name:12} best:  {max(rates):6.1f} M msg/s, {1e3 / max(rates):.1f} ns/msg\\n")
print("checksum 11169347998605")
""",
    )
    fake(
        tmp_path,
        "book_throughput",
        """
import sys
assert sys.argv[1] == "day.itch"
print({"inline": "inline      2.8 M msg/s  358.1 ns/msg  structures ~1.02 GB",
       "flathash": "flathash    5.7 M msg/s  175.0 ns/msg  structures ~0.18 GB"}[sys.argv[2]])
print("  anomalies: missing 1 dup 2 rejected 3")
""",
    )

    def rows(work: str) -> list[dict[str, Any]]:
        found = list(itch_day.their_programs(tmp_path, Path("day.itch"), 1_000_000, work))
        assert {report.peer_of(row) for row in found} == {"itch-book, C++"}
        return found

    one = {"messages": 1_000_000, "engine": "itch-book 0.2.1"}
    assert rows("framing, C++") == [{**one, "work": "framing, C++", "seconds": 0.0025}]
    assert rows("every field, C++") == [{**one, "work": "every field, C++", "seconds": 0.008}]
    # That one of the stores fails keeps nobody from the others.
    assert [(row["engine"], row["seconds"], row["memory"]) for row in rows("books of all symbols, C++")] == [
        ("itch-book 0.2.1, inline", pytest.approx(0.3581), pytest.approx(1_020.0)),
        ("itch-book 0.2.1, flathash", pytest.approx(0.175), pytest.approx(180.0)),
    ]


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of pip and CMake: they note what they are told, and fail at the word in the file `fails`."""
    text = """
import os, pathlib, sys
here = pathlib.Path(__file__).parent
with (here / "log").open("a") as log:
    print(*sys.argv[1:], file=log)
if (here / "fails").read_text() in sys.argv:
    sys.exit("no")
if "--target" in sys.argv:
    for name in sys.argv[sys.argv.index("--target") + 1 :]:
        (pathlib.Path(sys.argv[2]) / name).touch()
elif "-B" in sys.argv:
    pathlib.Path(sys.argv[sys.argv.index("-B") + 1]).mkdir()
"""
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "fails").write_text("nowhere")
    for name in ("python", "cmake"):
        fake(folder, name, text)
    monkeypatch.setattr(environments.sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("NANOBOOK_PEER_CMAKE_ARGS", raising=False)
    return folder


def test_programs_are_made_once_with_the_arguments_of_the_environment(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NANOBOOK_PEER_CMAKE_ARGS", "-DONE=1 '-DTWO=a b'")
    build = environments.engine(tmp_path)
    assert build == tmp_path / "itch-book-engine" / "build"
    steps = (tools / "log").read_text().splitlines()
    assert [words.split()[0] for words in steps] == ["-m", "-E", "-S", "--build"]
    assert steps[0].endswith("--no-deps --no-binary itch-book itch-book==0.2.1")
    assert steps[2] == f"-S itch_book-0.2.1 -B {build} -G Ninja -DCMAKE_BUILD_TYPE=Release -DONE=1 -DTWO=a b"
    assert environments.engine(tmp_path) == build
    assert (tools / "log").read_text().splitlines() == steps


@pytest.mark.parametrize(
    ("word", "step"), [("pip", "downloaded"), ("-E", "unpacked"), ("-S", "configured"), ("--build", "built")]
)
def test_programs_that_cannot_be_made_are_told_of_in_a_sentence(
    tools: Path, tmp_path: Path, word: str, step: str
) -> None:
    (tools / "fails").write_text(word)
    with pytest.raises(environments.Failed, match=rf"^itch-book, C\+\+: the sdist of \S+ could not be {step}$"):
        environments.engine(tmp_path)


def test_programs_cannot_be_made_without_cmake(tools: Path, tmp_path: Path) -> None:
    (tools / "cmake").unlink()
    with pytest.raises(environments.Failed, match="could not be unpacked"):
        environments.engine(tmp_path)


def test_a_day_is_measured_without_the_programs_that_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str, results: dict[str, Result]
) -> None:
    calls = []

    def no_engine(folder: Path) -> Path:
        raise environments.Failed(f"itch-book, C++: the sdist could not be built in {folder}")

    def run(python: str, script: Path, *arguments: str) -> list[dict[str, Any]]:
        calls.append((python, script.name, *arguments))
        row = {"work": "tables, one thread", "messages": 1_000, "seconds": 0.5, "memory": 1.0}
        return [{**row, "engine": engine} for engine in ("nanobook-cpp 0.1.0", "itch-book 0.2.1")]

    monkeypatch.setattr(report, "engine", no_engine)
    monkeypatch.setattr(report, "environment", lambda folder, name: f"{folder}/{name}")
    monkeypatch.setattr(report, "run", run)
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    words = ["peers", "--folder", "here", "--build", str(tmp_path), "--only", "itch_day", "--rounds", "3"]
    report.measure_peers(report.parse(words))
    day = ("--json", "--rounds", "3", "--messages", "50000000", "--python", "here/ours", "here/itch-book")
    assert calls == [("here/ours", "itch_day.py", *day)]
    results["itch_day"] = report.read_results(tmp_path / "results")["itch_day"]
    made = report.fill(page, results)
    assert "\nNot measured: nanobook-cpp, C++: bench_itch is not built\n" in made
    assert "\nNot measured: itch-book, C++: the sdist could not be built in here\n" in made
