"""Calls of the exchange from Python, and tables in and out of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from conftest import Measure
from nanobook import Exchange

CALLS = 10_000
ORDERS = 1_000_000
ROWS = 100_000


def reserved(orders: int) -> Exchange:
    exchange = Exchange()
    exchange.reserve(orders)
    return exchange


def resting(orders: int) -> Exchange:
    exchange = reserved(2 * orders)
    for i in range(orders):
        exchange.submit_limit("buy", 9_999 - i % 100, 10)
    return exchange


def submit(exchange: Exchange) -> None:
    call = exchange.submit_limit
    for i in range(CALLS):
        call("buy", 9_999 - i % 100, 10)


def cancel(exchange: Exchange) -> None:
    call = exchange.cancel
    for i in range(CALLS):
        call(i + 1)


def best(exchange: Exchange) -> None:
    call = exchange.best_bid_ask
    for _ in range(CALLS):
        call()


def depth(exchange: Exchange) -> None:
    call = exchange.depth
    for _ in range(CALLS):
        call(10)


@pytest.mark.parametrize(
    ("make", "work"),
    [
        pytest.param(lambda: reserved(CALLS), submit, id="submit_limit"),
        pytest.param(lambda: resting(CALLS), cancel, id="cancel"),
        pytest.param(lambda: resting(CALLS), best, id="best_bid_ask"),
        pytest.param(lambda: resting(CALLS), depth, id="depth_10"),
    ],
)
def test_call(measure: Measure, make: Callable[[], Exchange], work: Callable[[Exchange], Any]) -> None:
    measure(make, work, CALLS)


def test_submit_batch(measure: Measure) -> None:
    """From a Polars frame, reserved; the results become a frame."""
    random = np.random.default_rng(1)
    orders = pl.DataFrame(
        {
            "side": random.integers(0, 2, ORDERS, dtype=np.int8),
            "price": random.integers(9_900, 10_100, ORDERS),
            "quantity": random.integers(1, 100, ORDERS),
        }
    )
    measure(lambda: reserved(ORDERS), lambda exchange: pl.DataFrame(exchange.submit_batch(orders)), ORDERS)


def test_trades_to_polars(measure: Measure) -> None:
    exchange = reserved(2 * ROWS)
    for _ in range(ROWS):
        exchange.submit_limit("buy", 10_000, 1)
        exchange.submit_limit("sell", 10_000, 1)
    measure(lambda: exchange, lambda exchange: pl.DataFrame(exchange.trades()), ROWS)
