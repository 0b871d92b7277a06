"""A C++ project can use nanobook through find_package, add_subdirectory and FetchContent."""

from pathlib import Path

import pytest

from commands import ROOT, cmake, run
from reference_itch import encode, frame

CONSUMER = ROOT / "tests" / "consumer"


def build_and_run_consumer(build: Path, *options: str) -> str:
    cmake("-S", CONSUMER, "-B", build, *options)
    cmake("--build", build)
    path = build / "day.itch"
    orders = [
        encode("A", locate=7, ref=1, side="B", shares=100, stock="ABC", price=1_000_000),
        encode("A", locate=7, ref=2, side="S", shares=100, stock="ABC", price=1_000_100),
        encode("A", locate=7, ref=3, side="S", shares=100, stock="ABC", price=1_000_000),
        encode("D", locate=7, ref=3),
    ]
    path.write_bytes(frame(*orders))
    return run(build / "consumer", path)


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain CMake install of the checkout."""
    build = tmp_path_factory.mktemp("build")
    prefix = tmp_path_factory.mktemp("prefix")
    cmake("-S", ROOT, "-B", build, "-DNANOBOOK_TESTS=OFF")
    cmake("--build", build)
    cmake("--install", build, "--prefix", prefix)
    return prefix


def test_find_package(prefix: Path, tmp_path: Path) -> None:
    output = build_and_run_consumer(
        tmp_path, "-DCONSUMER_FINDS_NANOBOOK_BY=find_package", f"-DCMAKE_PREFIX_PATH={prefix}"
    )
    assert output.splitlines()[0].endswith(": 4 messages, 2 live orders")
    assert output.splitlines()[1:] == ["ABC 1000000 / 1000100"]


@pytest.mark.parametrize("way", ["add_subdirectory", "FetchContent"])
def test_from_a_checkout(way: str, tmp_path: Path) -> None:
    output = build_and_run_consumer(tmp_path, f"-DCONSUMER_FINDS_NANOBOOK_BY={way}", f"-DNANOBOOK_CHECKOUT={ROOT}")
    assert output.splitlines()[0].endswith(": 4 messages, 2 live orders")
    assert output.splitlines()[1:] == ["ABC 1000000 / 1000100"]


def test_the_install_holds_every_header_and_no_python(prefix: Path) -> None:
    headers = {path.relative_to(ROOT / "cpp" / "include") for path in (ROOT / "cpp" / "include").rglob("*.hpp")}
    assert {path.relative_to(prefix / "include") for path in prefix.rglob("*.hpp")} == headers

    others = {path.suffix for path in prefix.rglob("*") if path.is_file()} - {".hpp"}
    assert others == {".cmake", ".inc", ""}, "beside headers, only the CMake package and the licence"
