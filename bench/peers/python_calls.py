"""What a call from Python costs: this package, the Rust nanobook and bourse, whichever the interpreter has.

    python bench/peers/python_calls.py

Each figure is the least of several rounds, in nanoseconds a call, less an empty loop. The two nanobooks share an import
name, so each runs in an environment of its own: `nox -s peers`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import time
from collections.abc import Callable
from typing import Any

CALLS = 100_000
ROUNDS = 7


def nanoseconds(prepare: Callable[[], Callable[[int], Any]]) -> float:
    """Of one call of what `prepare` gives; it is called with 0, 1, 2, ..."""
    best = float("inf")
    for _ in range(ROUNDS):
        call = prepare()
        begin = time.perf_counter_ns()
        for i in range(CALLS):
            call(i)
        best = min(best, (time.perf_counter_ns() - begin) / CALLS)
    return best


def measure_nanobook(module: Any) -> dict[str, float]:
    def submit() -> Callable[[int], Any]:
        submit_limit = module.Exchange().submit_limit
        return lambda i: submit_limit("buy", 10_000 - i % 100, 10)

    def cancel() -> Callable[[int], Any]:
        exchange = module.Exchange()
        for i in range(CALLS):
            exchange.submit_limit("buy", 10_000 - i % 100, 10)
        call = exchange.cancel
        return lambda i: call(i + 1)

    def query(name: str, *arguments: int) -> Callable[[], Callable[[int], Any]]:
        exchange = module.Exchange()
        for i in range(100):
            exchange.submit_limit("buy", 9_999 - i % 20, 10)
            exchange.submit_limit("sell", 10_000 + i % 20, 10)
        call = getattr(exchange, name)
        return lambda: lambda _: call(*arguments)

    return {
        "submit_limit": nanoseconds(submit),
        "cancel": nanoseconds(cancel),
        "best_bid_ask": nanoseconds(query("best_bid_ask")),
        "depth(10)": nanoseconds(query("depth", 10)),
    }


def measure_bourse(module: Any) -> dict[str, float]:
    book = module.core.OrderBook

    def submit() -> Callable[[int], Any]:
        place = book(0, 1, True).place_order
        return lambda i: place(True, 10, 1, price=10_000 - i % 100)

    def cancel() -> Callable[[int], Any]:
        orders = book(0, 1, True)
        for i in range(CALLS):
            orders.place_order(True, 10, 1, price=10_000 - i % 100)
        call = orders.cancel_order
        return lambda i: call(i)

    def best() -> Callable[[int], Any]:
        orders = book(0, 1, True)
        orders.place_order(True, 10, 1, price=9_999)
        orders.place_order(False, 10, 1, price=10_000)
        return lambda _: orders.bid_ask()

    return {"submit_limit": nanoseconds(submit), "cancel": nanoseconds(cancel), "best_bid_ask": nanoseconds(best)}


def main() -> None:
    loop = nanoseconds(lambda: lambda _: None)
    for distribution, name, measure in (
        ("nanobook-cpp", "nanobook", measure_nanobook),
        ("nanobook", "nanobook", measure_nanobook),
        ("bourse", "bourse", measure_bourse),
    ):
        try:
            version = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
        figures = measure(importlib.import_module(name))
        row = {key: round(value - loop, 1) for key, value in figures.items()}
        print(json.dumps({"package": f"{distribution} {version}", **row}))


if __name__ == "__main__":
    main()
