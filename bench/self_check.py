"""Shows that compare.py and instructions.py find a change that is there and none that is not.

    python bench/self_check.py                        # some three minutes, and the time of four builds
    python bench/self_check.py --runs 3 --folder build/self-check

Builds bench_exchange of this checkout and of three copies of its engine: one that is the same; one whose `queue_ahead`
has a block of no instructions in it; and one where that block has so many that the benchmark `queue_ahead` takes 8 %
more. How many that is comes from the count of this checkout. Then

- instructions: this checkout and the same copy have to be equal to the last digit, in every benchmark and every run.
  From the empty block to the full one it has to be 100 times its length, not one more or less; from this checkout to
  the full one about 8 %, which is warned of above 1 %, passes at 10 %, and is refused at 5 %, unless by --perf-ok. The
  empty block is there because any block changes what the compiler makes of the code around it.
- time: this checkout against itself, on a few benchmarks: nothing may be reported, in any run. This checkout against
  the full block: it has to be reported in most runs.

Ends with 0 if all of it holds, with 1 if not, and with 2 if something could not be built or measured. Samples are
shorter and rounds are more than compare.py's own, for the same time: a machine that others use too is judged better so.
Needs x86-64 and valgrind.
"""

from __future__ import annotations

import argparse
import collections
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
UNCHANGED = "^(queue_ahead|depth/20|best_bid_ask)$"
CHANGED = "queue_ahead"
SHARE = 0.08
CALLS = 100  # of the function, in what is counted of the benchmark
HEADER = Path("cpp/include/nanobook/book/book.hpp")
HEAD = "static Total queue_ahead(const Levels& levels, typename Levels::Key key, const Orders& orders) {\n"
# Three chains of additions: at three instructions a cycle, so that they take time as well.
BLOCK = """
        asm volatile(".rept %d; paddd %%%%xmm0, %%%%xmm1; paddd %%%%xmm0, %%%%xmm2; paddd %%%%xmm0, %%%%xmm3; .endr"
                     : : : "xmm1", "xmm2", "xmm3");
"""
CHAINS = 3


class Failed(Exception):
    """What stopped the check, as a sentence."""


def call(*command: str | Path, expect: int = 0) -> str:
    """What the command writes to stdout."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    if done.returncode != expect:
        raise Failed(f"{' '.join(map(str, command))} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def say(text: str) -> None:
    print(text, flush=True)


# ---------------------------------------------------------------------- builds


def copy_engine(folder: Path, repetitions: int | None) -> Path:
    """Of this checkout, with so much of the block in `queue_ahead`; without it if None."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "cpp" / "include", folder / "cpp" / "include")
    shutil.copytree(ROOT / "cmake", folder / "cmake")
    shutil.copy2(ROOT / "CMakeLists.txt", folder)
    header = folder / HEADER
    text = header.read_text(encoding="utf-8")
    if text.count(HEAD) != 1:
        raise Failed(f"{HEADER} has not exactly one line {HEAD.strip()!r}: adapt it here to what queue_ahead is")
    if repetitions is not None:
        header.write_text(text.replace(HEAD, HEAD + BLOCK % repetitions), encoding="utf-8")
    return folder


def build(source: Path, folder: Path) -> Path:
    say(f"building {folder.name}")
    options = (f"-DNANOBOOK_SOURCE={source}", "-DCMAKE_BUILD_TYPE=Release")
    call("cmake", "-S", BENCH, "-B", folder, *options)
    call("cmake", "--build", folder, "--target", "bench_exchange", "--parallel", "2")
    return folder


# ---------------------------------------------------------------------- instructions


def count(base: Path, head: Path, only: str, *options: str, expect: int = 0) -> dict[str, Any]:
    """What instructions.py writes."""
    with tempfile.TemporaryDirectory() as folder:
        report, document = Path(folder, "report.md"), Path(folder, "out.json")
        files = ("--markdown", report, "--json", document)
        call(sys.executable, BENCH / "instructions.py", base, head, "--filter", only, *options, *files, expect=expect)
        counted: dict[str, Any] = json.loads(document.read_text(encoding="utf-8"))
    say(f"instructions, {base.name} to {head.name}: {counted['summary']}")
    return counted


def check_instructions(folder: Path, base: Path, runs: int) -> tuple[bool, Path]:
    """And the build with the full block."""
    same = build(copy_engine(folder / "same", None), folder / "build-same")
    # All benchmarks once, which takes a while, then a few of them.
    calm = [count(base, same, only)["results"] for only in ("", *[UNCHANGED] * (runs - 1))]
    equal = sum(all(result["base"] == result["head"] for result in results) for results in calm)

    empty = build(copy_engine(folder / "empty", 0), folder / "build-empty")
    whole = f"^{CHANGED}$"
    (result,) = count(base, empty, whole)["results"]
    repetitions = round(SHARE * result["base"] / CALLS / CHAINS)
    full = build(copy_engine(folder / "full", repetitions), folder / "build-full")
    (exact,) = count(empty, full, whole)["results"]
    wanted = CALLS * CHAINS * repetitions
    (change,) = count(base, full, whole, "--warn", "1", "--fail", "10")["results"]
    count(base, full, whole, "--fail", "5", expect=1)
    count(base, full, whole, "--fail", "5", "--perf-ok")

    say(f"two folders, the same counts: {equal} of {runs} runs")
    say(f"{wanted:,} instructions more: {exact['head'] - exact['base']:,} counted")
    say(f"{100 * SHARE:g} % more: {change['change_percent']:.3f} % counted")
    about = abs(change["change_percent"] / 100 - SHARE) < SHARE / 10
    return equal == runs and exact["head"] - exact["base"] == wanted and about, full


# ---------------------------------------------------------------------- time


def verdicts(base: Path, head: Path, only: str, options: argparse.Namespace) -> dict[str, tuple[str, float]]:
    """Of one comparison: verdict and ratio."""
    with tempfile.TemporaryDirectory() as folder:
        report, document = Path(folder, "report.md"), Path(folder, "out.json")
        effort = ("--rounds", str(options.rounds), "--min-time", str(options.min_time))
        choice = ("--programs", "bench_exchange", "--filter", only)
        files = ("--markdown", report, "--json", document)
        call(sys.executable, BENCH / "compare.py", base, head, *effort, *choice, *files)
        results = json.loads(document.read_text(encoding="utf-8"))["comparison"]["results"]
    if not results:
        raise Failed(f"no benchmark matches {only}")
    return {result["name"]: (result["verdict"], result["ratio"]) for result in results}


def repeat(title: str, base: Path, head: Path, only: str, options: argparse.Namespace) -> list[set[str]]:
    """The verdicts of each run."""
    begin = time.monotonic()
    found = []
    counts: collections.Counter[str] = collections.Counter()
    for number in range(1, options.runs + 1):
        results = verdicts(base, head, only, options)
        counts.update(verdict for verdict, _ in results.values())
        found.append({verdict for verdict, _ in results.values()})
        said = ", ".join(f"{name} {100 * (ratio - 1):+.1f} % {verdict}" for name, (verdict, ratio) in results.items())
        say(f"{title}, run {number} of {options.runs}: {said}")
    say(f"{title}: {dict(counts)} in {time.monotonic() - begin:.0f} s")
    return found


def check_time(base: Path, full: Path, options: argparse.Namespace) -> bool:
    calm = repeat("unchanged", base, base, UNCHANGED, options)
    found = repeat(f"{100 * SHARE:g} % more instructions", base, full, f"^{CHANGED}$", options)
    quiet_runs = sum(not run & {"slower", "faster"} for run in calm)
    found_runs = sum("slower" in run for run in found)
    say(f"nothing reported where nothing changed: {quiet_runs} of {options.runs} runs")
    say(f"the change reported: {found_runs} of {options.runs} runs")
    return quiet_runs == options.runs and found_runs * 2 > len(found)


def check(options: argparse.Namespace, folder: Path) -> bool:
    base = build(ROOT, folder / "build-base")
    instructions, full = check_instructions(folder, base, options.runs)
    return check_time(base, full, options) and instructions


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Shows that comparisons find a change that is there and none that is not."
    )
    parser.add_argument("--runs", type=int, default=10, help="comparisons of each kind (10)")
    parser.add_argument("--rounds", type=int, default=24, help="of each comparison (24)")
    parser.add_argument("--min-time", type=float, default=0.01, help="seconds of a sample (0.01)")
    parser.add_argument("--folder", type=Path, help="where to build, and to keep it; a temporary folder unless said")
    options = parser.parse_args()
    try:
        if options.folder:
            options.folder.mkdir(parents=True, exist_ok=True)
            return 0 if check(options, options.folder.resolve()) else 1
        with tempfile.TemporaryDirectory(prefix="self-check-") as folder:
            return 0 if check(options, Path(folder)) else 1
    except Failed as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
