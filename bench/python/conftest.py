"""How the Python benchmarks measure."""

from collections.abc import Callable
from typing import Any

import pytest

Measure = Callable[[Callable[[], Any], Callable[[Any], Any], int], None]


@pytest.fixture
def measure(benchmark: Any) -> Measure:
    """Times `work(subject)`, which is so many `operations`, on a fresh `make()` each round.

    What is set up and destroyed stays outside the time.
    """

    def run(make: Callable[[], Any], work: Callable[[Any], Any], operations: int) -> None:
        benchmark.extra_info["operations"] = operations
        benchmark.pedantic(work, setup=lambda: ((make(),), {}), rounds=20, warmup_rounds=2)

    return run
