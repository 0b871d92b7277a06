"""The examples and the code in the documentation run as they stand there."""

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import polars as pl
import pytest

import nanobook
from commands import ROOT, cmake, run
from nanobook import itch

PAGES = ["README.md", "docs/itch.md", "docs/exchange.md", "docs/portfolio.md", "docs/sweep.md"]


def code(page: str, language: str) -> list[tuple[str, str | None]]:
    """The pieces of code of one language in a page, each with what the page says that it prints, where it does."""
    block = r"^```{}\n(.*?)^```\n"
    pattern = block.format(language) + rf"(?:\n{block.format('text')})?"
    text = (ROOT / page).read_text(encoding="utf-8")
    return [(found[1], found[2]) for found in re.finditer(pattern, text, re.DOTALL | re.MULTILINE)]


@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs_and_prints_what_stands_below_it(page: str, tmp_path: Path) -> None:
    pieces = code(page, "python")
    assert pieces
    end = "(end of a piece)\n"
    program = "".join(f"{piece}\nprint({end!r}, end='')\n" for piece, _ in pieces)
    printed = run(sys.executable, "-X", "dev", "-c", program, folder=tmp_path).split(end)
    assert len(printed) == len(pieces) + 1
    said = [text for _, text in pieces]
    assert [None if text is None else output for output, text in zip(printed, said, strict=False)] == said


def test_the_python_of_the_exchange_page_shows_everything_it_prints() -> None:
    silent = [piece for piece, text in code("docs/exchange.md", "python") if "print(" in piece and text is None]
    assert silent == []


def test_the_python_example_of_a_day_runs() -> None:
    output = run(sys.executable, ROOT / "examples" / "replay_day.py")
    assert output.startswith("300,000 messages\n")
    assert re.search(r"^12:00 +[\d,.]+ +[\d,.]+ +[+-]", output, re.MULTILINE)


def test_the_python_example_of_a_day_reads_a_file(day: Path) -> None:
    assert run(sys.executable, ROOT / "examples" / "replay_day.py", day).startswith("20,000 messages\n")


@pytest.mark.parametrize("polars", [True, False], ids=["with Polars", "without"])
def test_the_python_example_of_the_exchange_runs(polars: bool) -> None:
    without = "import runpy, sys; sys.modules['polars'] = None; runpy.run_path(sys.argv[1], run_name='__main__')"
    output = run(sys.executable, *(() if polars else ("-c", without)), ROOT / "examples" / "exchange.py")
    assert output.count("9700") == 2
    assert ("Trade(trade_id=9" in output) == (not polars)
    assert output.endswith("  11 events, the same book, trades and stops\n")


@pytest.fixture(scope="module")
def cpp_examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs."""
    build = tmp_path_factory.mktemp("examples")
    cmake("-S", ROOT / "examples", "-B", build)
    cmake("--build", build)
    return build


def test_the_cpp_example_of_the_exchange_goes_on_with_its_journal(cpp_examples: Path, tmp_path: Path) -> None:
    journal = tmp_path / "acme.journal"
    for before in (0, 7):
        output = run(cpp_examples / "exchange", journal)
        assert output.startswith(f"{before} events in the journal\n")
        assert output.endswith(f"opened again: {before + 7} events, the same state\n")
    with nanobook.open_journal(journal) as ex:
        assert ex.events_recovered == 14
    assert run(cpp_examples / "exchange").startswith("0 events in the journal\n")


def test_the_cpp_example_of_a_day_runs(cpp_examples: Path) -> None:
    assert run(cpp_examples / "replay_day").startswith("300000 messages\n")


def test_the_cpp_example_of_a_day_agrees_with_python(cpp_examples: Path, day: Path) -> None:
    output = run(cpp_examples / "replay_day", day)
    busiest = sorted(itch.open(day).replay().stats(), key=lambda row: -row.volume)[:5]
    volumes = [(symbol, int(shares)) for symbol, shares in re.findall(r"^(\S+) +(\d+) shares", output, re.MULTILINE)]
    assert volumes == [(row.symbol, row.volume) for row in busiest]


def test_the_cpp_example_of_a_sweep_makes_its_best_set_again(cpp_examples: Path) -> None:
    output = run(cpp_examples / "sweep", "1")
    assert output.startswith("1000 parameter sets, 1008 bars, 8 symbols: ")
    assert re.search(r"^the best again: \d+ fills, the same row$", output, re.MULTILINE)


def test_the_cpp_of_the_readme_builds_with_its_cmake_and_runs(tmp_path: Path, day: Path) -> None:
    ((cmake_lists, _),), ((main, _),) = code("README.md", "cmake"), code("README.md", "cpp")
    (tmp_path / "CMakeLists.txt").write_text(cmake_lists, encoding="utf-8")
    (tmp_path / "main.cpp").write_text(main, encoding="utf-8")
    (tmp_path / "nanobook").symlink_to(ROOT)
    cmake("-S", tmp_path, "-B", tmp_path / "build")
    cmake("--build", tmp_path / "build")
    output = run(tmp_path / "build" / "best_prices", day, "AAPL")
    with itch.open(day) as file:
        bids = file.replay(until="12:00").depth("AAPL", 5).bids
    assert output.splitlines() == [f"{bid.price / 10_000:.4f} x {bid.quantity}" for bid in bids]


def compiled(program: str, folder: Path) -> Path:
    """A program of one file that a page shows."""
    (folder / "program.cpp").write_text(program, encoding="utf-8")
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or "clang++"
    options = ("-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-I", ROOT / "cpp" / "include")
    run(compiler, *options, folder / "program.cpp", "-o", folder / "program")
    return folder / "program"


def test_the_cpp_of_the_itch_page_compiles_and_runs(tmp_path: Path, day: Path) -> None:
    ((program, _),) = code("docs/itch.md", "cpp")
    assert run(compiled(program, tmp_path), day).startswith("20000 messages, ")


def test_the_cpp_of_the_exchange_page_prints_what_stands_below_it(tmp_path: Path) -> None:
    ((program, output),) = code("docs/exchange.md", "cpp")
    assert run(compiled(program, tmp_path)) == output


@pytest.mark.parametrize("page", [*PAGES, "docs/index.md", "docs/architecture.md", "CHANGELOG.md", "CONTRIBUTING.md"])
def test_the_links_of_a_page_lead_somewhere(page: str) -> None:
    prose = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\(([^)#]+)\)", prose)
    missing = [link for link in links if "://" not in link and not (ROOT / page).parent.joinpath(link).exists()]
    assert missing == []


def test_the_commands_of_the_sweep_page_run_with_its_grid(tmp_path: Path) -> None:
    ((grid, _),), ((commands, _),) = code("docs/sweep.md", "toml"), code("docs/sweep.md", "sh")
    (tmp_path / "grid.toml").write_text(grid, encoding="utf-8")
    cents = pl.DataFrame(nanobook.synthesize_prices())
    cents.write_parquet(tmp_path / "prices.parquet")
    cents.with_columns(pl.exclude("date") / 100).write_csv(tmp_path / "dollars.csv")
    for command in commands.splitlines():
        program, *arguments = shlex.split(command, comments=True)
        assert program == "nanobook"
        run(sys.executable, "-m", program, *arguments, folder=tmp_path)
    assert (tmp_path / "results.parquet").exists()
    assert (tmp_path / "heatmap.png").exists()
