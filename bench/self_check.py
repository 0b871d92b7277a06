"""Shows that compare.py finds a change that is there and none that is not.

    python bench/self_check.py                        # some two minutes, and the time of two builds
    python bench/self_check.py --runs 3 --folder build/self-check

Builds bench_exchange of this checkout, and of a copy whose `queue_ahead` does its work twice in 2 calls of 25: 8 % more
instructions. Then it compares, each time with a run of compare.py of its own,

- the unchanged build with itself, on a few benchmarks: nothing may be reported, in any run;
- the unchanged build with the changed one, on `queue_ahead`: it has to be reported in most runs.

Ends with 0 if both hold, with 1 if not, and with 2 if something could not be built or measured. Samples are shorter and
rounds are more than compare.py's own, for the same time: a machine that others use too is judged better so.
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

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
UNCHANGED = "^(queue_ahead|depth/20|best_bid_ask)$"
CHANGED = "^queue_ahead$"
HEADER = Path("cpp/include/nanobook/book/book.hpp")
# `Book::queue_ahead` does all of its work again in 2 calls of 25: the same instructions, so that it takes 8 % more time.
# Callgrind counts 8.2 % more in the benchmark.
OLD = """
    [[nodiscard]] static Total queue_ahead(const Levels& levels, typename Levels::Key key, const Orders& orders) {
"""
NEW = """
    [[nodiscard]] static Total queue_ahead(const Levels& levels, typename Levels::Key key, const Orders& orders) {
        static unsigned calls = 0;
        if (++calls % 25 < 2) {
            const Total again = queue_ahead_once(levels, key, orders);
            asm volatile("" : : "r"(again.low), "r"(again.high) : "memory");
        }
        return queue_ahead_once(levels, key, orders);
    }
    template <class Levels, OrderOwner Orders>
    [[nodiscard]] static Total queue_ahead_once(const Levels& levels, typename Levels::Key key, const Orders& orders) {
"""


class Failed(Exception):
    """What stopped the check, as a sentence."""


def call(*command: str | Path) -> str:
    """What the command writes to stdout."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def change(folder: Path) -> Path:
    """A copy of this checkout's engine, with the change."""
    copy = folder / "changed"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT / "cpp" / "include", copy / "cpp" / "include")
    shutil.copytree(ROOT / "cmake", copy / "cmake")
    shutil.copy2(ROOT / "CMakeLists.txt", copy)
    header = copy / HEADER
    text = header.read_text(encoding="utf-8")
    if text.count(OLD) != 1:
        raise Failed(
            f"the text that is to be changed is not in {HEADER} exactly once: adapt it here to what queue_ahead is"
        )
    header.write_text(text.replace(OLD, NEW), encoding="utf-8")
    return copy


def build(source: Path, folder: Path) -> Path:
    say(f"building {folder.name}")
    options = (f"-DNANOBOOK_SOURCE={source}", "-DCMAKE_BUILD_TYPE=Release")
    call("cmake", "-S", BENCH, "-B", folder, *options)
    call("cmake", "--build", folder, "--target", "bench_exchange", "--parallel", "2")
    return folder


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


def say(text: str) -> None:
    print(text, flush=True)


def check(options: argparse.Namespace, folder: Path) -> bool:
    changed_source = change(folder)
    base, changed = build(ROOT, folder / "build-base"), build(changed_source, folder / "build-changed")
    calm = repeat("unchanged", base, base, UNCHANGED, options)
    found = repeat("8 % more instructions", base, changed, CHANGED, options)
    quiet_runs = sum(not run & {"slower", "faster"} for run in calm)
    found_runs = sum("slower" in run for run in found)
    say(f"nothing reported where nothing changed: {quiet_runs} of {options.runs} runs")
    say(f"the change reported: {found_runs} of {options.runs} runs")
    return quiet_runs == options.runs and found_runs * 2 > len(found)


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Shows that compare.py finds a change that is there and none that is not."
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
