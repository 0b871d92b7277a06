"""The examples and the code in the documentation run as they stand there."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from commands import ROOT, cmake, run
from nanobook import itch

PAGES = ["README.md", "docs/itch.md"]


def code(page: str, language: str) -> list[str]:
    """The pieces of code of one language in a page."""
    return re.findall(
        rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs(page: str, tmp_path: Path) -> None:
    program = "".join(code(page, "python"))
    assert program
    run(sys.executable, "-c", program, folder=tmp_path)


def test_the_python_example_runs() -> None:
    output = run(sys.executable, ROOT / "examples" / "replay_day.py")
    assert output.startswith("300,000 messages\n")
    assert re.search(r"^12:00 +[\d,.]+ +[\d,.]+ +[+-]", output, re.MULTILINE)


def test_the_python_example_reads_a_file(day: Path) -> None:
    assert run(sys.executable, ROOT / "examples" / "replay_day.py", day).startswith("20,000 messages\n")


@pytest.fixture(scope="module")
def cpp_example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    build = tmp_path_factory.mktemp("examples")
    cmake("-S", ROOT / "examples", "-B", build)
    cmake("--build", build)
    return build / "replay_day"


def test_the_cpp_example_runs(cpp_example: Path) -> None:
    assert run(cpp_example).startswith("300000 messages\n")


def test_the_cpp_example_agrees_with_python(cpp_example: Path, day: Path) -> None:
    output = run(cpp_example, day)
    busiest = sorted(itch.open(day).replay().stats(), key=lambda row: -row.volume)[:5]
    volumes = [(symbol, int(shares)) for symbol, shares in re.findall(r"^(\S+) +(\d+) shares", output, re.MULTILINE)]
    assert volumes == [(row.symbol, row.volume) for row in busiest]


def test_the_cpp_of_the_readme_builds_with_its_cmake_and_runs(tmp_path: Path, day: Path) -> None:
    (cmake_lists,), (main,) = code("README.md", "cmake"), code("README.md", "cpp")
    (tmp_path / "CMakeLists.txt").write_text(cmake_lists, encoding="utf-8")
    (tmp_path / "main.cpp").write_text(main, encoding="utf-8")
    (tmp_path / "nanobook").symlink_to(ROOT)
    cmake("-S", tmp_path, "-B", tmp_path / "build")
    cmake("--build", tmp_path / "build")
    output = run(tmp_path / "build" / "best_prices", day, "AAPL")
    with itch.open(day) as file:
        bids = file.replay(until="12:00").depth("AAPL", 5).bids
    assert output.splitlines() == [f"{bid.price / 10_000:.4f} x {bid.quantity}" for bid in bids]


def test_the_cpp_of_the_itch_page_compiles_and_runs(tmp_path: Path, day: Path) -> None:
    (program,) = code("docs/itch.md", "cpp")
    (tmp_path / "tape.cpp").write_text(program, encoding="utf-8")
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or "clang++"
    include = ROOT / "cpp" / "include"
    run(
        compiler,
        "-std=c++20",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-I",
        include,
        tmp_path / "tape.cpp",
        "-o",
        tmp_path / "tape",
    )
    assert run(tmp_path / "tape", day).startswith("20000 messages, ")


@pytest.mark.parametrize("page", [*PAGES, "docs/index.md", "docs/architecture.md", "CHANGELOG.md", "CONTRIBUTING.md"])
def test_the_links_of_a_page_lead_somewhere(page: str) -> None:
    prose = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\(([^)#]+)\)", prose)
    missing = [link for link in links if "://" not in link and not (ROOT / page).parent.joinpath(link).exists()]
    assert missing == []
