"""Files: plain and compressed, their messages as objects, their books."""

import gzip
import shutil
from pathlib import Path

import pytest

from conftest import Measure
from nanobook import itch

MESSAGES = 200_000


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return itch.synthesize(tmp_path_factory.mktemp("day") / "day.itch", messages=MESSAGES, symbols=1_000)


@pytest.fixture(scope="module")
def compressed(day: Path) -> Path:
    path = day.with_suffix(".itch.gz")
    with day.open("rb") as source, gzip.open(path, "wb", compresslevel=6) as target:
        shutil.copyfileobj(source, target)
    return path


def test_counts_plain(measure: Measure, day: Path) -> None:
    measure(lambda: itch.open(day), itch.File.counts, MESSAGES)


def test_counts_gzip(measure: Measure, compressed: Path) -> None:
    measure(lambda: itch.open(compressed), itch.File.counts, MESSAGES)


def test_messages(measure: Measure, day: Path) -> None:
    """As objects."""
    measure(lambda: itch.open(day), lambda file: sum(1 for _ in file.messages()), MESSAGES)


def test_replay(measure: Measure, day: Path) -> None:
    measure(lambda: itch.open(day), itch.File.replay, MESSAGES)
