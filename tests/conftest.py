"""What several test files share."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nanobook import itch

SHARED_DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"


@pytest.fixture(scope="session")
def shared_file() -> Callable[[str], Path]:
    """The path of a file of real or malformed data, which is not part of the project; skips where it is absent."""

    def path_of(name: str) -> Path:
        path = SHARED_DATA / name
        if not path.exists():
            pytest.skip(f"no shared data: {path}")
        return path

    return path_of


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic day of 20,000 messages and 20 symbols."""
    path = tmp_path_factory.mktemp("day") / "day.itch"
    itch.synthesize(path, messages=20_000, symbols=20, seed=7)
    return path


@pytest.fixture(scope="session")
def day_bytes(day: Path) -> bytes:
    return day.read_bytes()


@pytest.fixture
def interrupted() -> Iterator[Callable[[float], None]]:
    """Ctrl-C once this process has worked for so many seconds, however slow the machine."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGVTALRM, interrupt)
    yield lambda seconds: signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)
