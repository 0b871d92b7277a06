"""An exchange: what becomes of orders and stops, what it answers, what it refuses, and how it is kept and brought back."""

import contextlib
import copy
import enum
import gc
import json
import os
import pickle
import random
import re
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanobook
from exchange_comparison import result_row
from nanobook import Event, Exchange, MultiExchange, OrderError, OrderStatus, Side, TimeInForce, TrailType
from reference_exchange import MAX_PRICE, MAX_QUANTITY, MIN_PRICE

Args = tuple[Any, ...]
RECORD = 64  # bytes of a journal's record, and of its header
STATE_HASH = 15_873_040_946_704_019_051  # of everything(), below


@pytest.fixture
def ex() -> Exchange:
    return Exchange()


def book(*orders: tuple[str, int, int], **options: Any) -> Exchange:
    """An exchange with these limit orders."""
    exchange = Exchange(**options)
    for side, price, quantity in orders:
        exchange.submit_limit(side, price, quantity)
    return exchange


def trade_at(exchange: Exchange, *prices: int) -> None:
    """One trade of quantity 1 at each price, on an otherwise empty book."""
    for price in prices:
        exchange.submit_limit("buy", price, 1)
        exchange.submit_limit("sell", price, 1)


def prints(exchange: Exchange) -> list[tuple[int, int]]:
    return [(trade.price, trade.quantity) for trade in exchange.trades()]


def levels(exchange: Exchange, side: str) -> list[tuple[int, int, int]]:
    shown = exchange.full_book()
    return [tuple(level) for level in (shown.bids if side == "buy" else shown.asks)]


def run_python(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A program of its own, which may crash."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def assert_runs(code: str, *arguments: str | Path) -> str:
    done = run_python(code, *arguments)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr}"
    return done.stdout


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Within, no file can grow beyond that: as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# ---------------------------------------------------------------------- 1. ids and ticks


def test_order_ids_trade_ids_and_ticks_count_from_one(ex: Exchange) -> None:
    first = ex.submit_limit("buy", 100, 2)
    second = ex.submit_limit("sell", 100, 1)
    third = ex.submit_limit("sell", 100, 1)
    assert [first.order_id, second.order_id, third.order_id] == [1, 2, 3]
    assert [trade.trade_id for trade in ex.trades()] == [1, 2]
    # Each order's tick, then those of its trades.
    assert [ex.get_order(order_id).timestamp for order_id in (1, 2, 3)] == [1, 2, 4]
    assert [trade.timestamp for trade in ex.trades()] == [3, 5]


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("submit_limit", ("buy", 100, 1)),
        ("submit_limit", ("buy", 100, 1, "ioc")),
        ("submit_limit", ("buy", 100, 1, "fok")),
        ("submit_market", ("buy", 1)),
        ("submit_stop_market", ("buy", 100, 1)),
        ("submit_stop_limit", ("buy", 100, 100, 1)),
        ("submit_trailing_stop_market", ("buy", 100, 1, "fixed", 5)),
        ("submit_trailing_stop_limit", ("buy", 100, 100, 1, "fixed", 5)),
    ],
)
def test_every_submit_takes_the_next_id_and_one_tick(method: str, args: Args, ex: Exchange) -> None:
    assert getattr(ex, method)(*args).order_id == 1
    after = ex.submit_limit("buy", 1, 1)
    assert after.order_id == 2
    assert ex.get_order(2).timestamp == 2


def test_a_fired_stop_and_its_order_have_an_id_and_a_tick_each() -> None:
    ex = book(("buy", 100, 1), ("buy", 99, 1))
    stop = ex.submit_stop_market("sell", 100, 1)
    ex.submit_market("sell", 1)
    child = ex.get_stop_order(stop.order_id).child_order_id
    assert (stop.order_id, child) == (3, 5)
    assert ex.get_order(child).stop_id == stop.order_id
    assert ex.get_stop_order(3).timestamp == 3
    assert ex.get_order(child).timestamp == 6  # after the market order, 4, and its trade, 5
    assert ex.get_order(4).stop_id is None


def test_a_modify_takes_an_id_and_a_tick_and_a_failed_one_takes_none() -> None:
    ex = book(("buy", 100, 1))
    assert not ex.modify(7, 100, 1)
    assert not ex.modify(1, 100, 0)
    assert ex.modify(1, 101, 1).new_order_id == 2
    assert ex.get_order(2).timestamp == 2


def test_cancel_and_reduce_take_no_id_and_no_tick() -> None:
    ex = book(("buy", 100, 5))
    ex.reduce(1, 2)
    ex.cancel(1)
    ex.cancel(1)
    assert ex.submit_limit("buy", 100, 1).order_id == 2
    assert ex.get_order(2).timestamp == 2


def test_counters_never_restart() -> None:
    ex = book(("buy", 100, 1), ("sell", 100, 1))
    ex.clear_trades()
    ex.clear_order_history()
    trade_at(ex, 100)
    (trade,) = ex.trades()
    assert (trade.trade_id, trade.passive_order_id, trade.aggressor_order_id, trade.timestamp) == (2, 3, 4, 6)


@pytest.mark.parametrize("orders", [0, 1])
def test_id_0_is_nobodys(orders: int) -> None:
    ex = book(*[("buy", 1, 1)] * orders)
    for method, args in [("cancel", (0,)), ("reduce", (0, 1)), ("modify", (0, 1, 1))]:
        assert getattr(ex, method)(*args).error == "OrderNotFound"
    assert ex.apply(Event.execute(0, 1)).error == "OrderNotFound"
    assert (ex.get_order(0), ex.get_stop_order(0), ex.queue_ahead(0)) == (None, None, None)


# ---------------------------------------------------------------------- 2. orders and matching


def test_the_best_price_trades_first() -> None:
    ex = book(("sell", 102, 1), ("sell", 100, 1), ("sell", 101, 1))
    result = ex.submit_limit("buy", 102, 3)
    assert [(trade.price, trade.passive_order_id) for trade in result.trades] == [(100, 2), (101, 3), (102, 1)]


def test_the_earlier_order_trades_first_at_the_same_price() -> None:
    ex = book(("buy", 100, 1), ("buy", 100, 1), ("buy", 100, 1))
    result = ex.submit_limit("sell", 100, 2)
    assert [trade.passive_order_id for trade in result.trades] == [1, 2]
    assert [order.order_id for order in ex.orders()] == [3]


@pytest.mark.parametrize(("side", "resting", "price"), [("buy", "sell", 105), ("sell", "buy", 95)])
def test_a_trade_prints_at_the_resting_price(side: str, resting: str, price: int) -> None:
    ex = book((resting, 100, 1))
    (trade,) = ex.submit_limit(side, price, 1).trades
    assert (trade.price, trade.aggressor_side) == (100, side)
    assert ex.last_trade_price() == 100


@pytest.mark.parametrize(("side", "resting", "worse"), [("buy", "sell", 99), ("sell", "buy", 101)])
def test_prices_that_only_nearly_meet_do_not_trade(side: str, resting: str, worse: int) -> None:
    ex = book((resting, 100, 1))
    assert ex.submit_limit(side, worse, 1).status == "New"
    assert len(ex.trades()) == 0
    assert ex.last_trade_price() is None


@pytest.mark.parametrize(
    ("tif", "quantity", "status", "filled", "resting", "cancelled"),
    [
        ("gtc", 5, "Filled", 5, 0, 0),
        ("gtc", 8, "PartiallyFilled", 5, 3, 0),
        ("ioc", 5, "Filled", 5, 0, 0),
        ("ioc", 8, "PartiallyFilled", 5, 0, 3),
        ("fok", 5, "Filled", 5, 0, 0),
        ("fok", 8, "Cancelled", 0, 0, 8),
    ],
)
def test_what_becomes_of_an_order_by_its_time_in_force(
    tif: str, quantity: int, status: str, filled: int, resting: int, cancelled: int
) -> None:
    ex = book(("sell", 100, 2), ("sell", 101, 3), ("sell", 103, 9))
    result = ex.submit_limit("buy", 102, quantity, tif)
    assert result.status == status
    assert (result.filled_quantity, result.resting_quantity, result.cancelled_quantity) == (filled, resting, cancelled)
    assert sum(trade.quantity for trade in result.trades) == filled
    assert ex.best_bid() == (102 if resting else None)


@pytest.mark.parametrize(("tif", "status"), [("gtc", "New"), ("ioc", "Cancelled"), ("fok", "Cancelled")])
def test_what_becomes_of_an_order_that_meets_nobody(tif: str, status: str, ex: Exchange) -> None:
    result = ex.submit_limit("buy", 100, 7, tif)
    assert result.status == status
    assert (result.filled_quantity, result.resting_quantity + result.cancelled_quantity) == (0, 7)
    assert ex.best_bid() == (100 if tif == "gtc" else None)


@pytest.mark.parametrize(
    ("quantity", "status", "filled", "cancelled"), [(5, "Filled", 5, 0), (9, "PartiallyFilled", 5, 4)]
)
def test_a_market_order_trades_at_any_price(quantity: int, status: str, filled: int, cancelled: int) -> None:
    ex = book(("sell", 1, 2), ("sell", MAX_PRICE, 3))
    result = ex.submit_market("buy", quantity)
    assert (result.status, result.filled_quantity, result.resting_quantity, result.cancelled_quantity) == (
        status, filled, 0, cancelled
    )  # fmt: skip
    assert prints(ex) == [(1, 2), (MAX_PRICE, 3)]


@pytest.mark.parametrize(("side", "price"), [("buy", MAX_PRICE), ("sell", MIN_PRICE)])
def test_a_market_order_on_an_empty_book_is_cancelled(side: str, price: int, ex: Exchange) -> None:
    result = ex.submit_market(side, 5)
    assert (result.status, result.cancelled_quantity, result.trades) == ("Cancelled", 5, [])
    order = ex.get_order(1)
    assert (order.status, order.time_in_force, order.price) == ("Cancelled", "ioc", price)


@pytest.mark.parametrize(("tif", "submit"), [("ioc", "limit"), (None, "market")])
def test_a_partially_filled_order_that_does_not_rest_is_over(tif: str | None, submit: str) -> None:
    ex = book(("sell", 100, 2))
    result = ex.submit_market("buy", 5) if submit == "market" else ex.submit_limit("buy", 100, 5, tif)
    assert result.status == "PartiallyFilled"
    assert ex.cancel(2).error == "OrderNotActive"
    assert ex.reduce(2, 1).error == "OrderNotActive"
    assert ex.modify(2, 100, 1).error == "OrderNotActive"
    order = ex.get_order(2)
    assert (order.filled_quantity, order.remaining_quantity, order.cancelled_quantity) == (2, 0, 3)
    assert order.status == "PartiallyFilled"


def test_a_refused_fok_leaves_no_trace_but_its_id() -> None:
    ex = book(("sell", 100, 2), ("sell", 101, 2))
    result = ex.submit_limit("buy", 100, 3, "fok")
    assert (result.order_id, result.status, result.trades) == (3, "Cancelled", [])
    assert ex.get_order(3) is None
    assert ex.cancel(3).error == "OrderNotFound"
    assert levels(ex, "sell") == [(100, 2, 1), (101, 2, 1)]
    assert ex.submit_limit("buy", 101, 4, "fok").status == "Filled"


def test_the_result_has_the_orders_own_trades_and_those_of_stops_apart() -> None:
    ex = book(("buy", 100, 1), ("buy", 99, 5))
    ex.submit_stop_market("sell", 100, 2)
    result = ex.submit_limit("sell", 100, 1)
    assert [(trade.price, trade.quantity) for trade in result.trades] == [(100, 1)]
    assert [(trade.price, trade.quantity) for trade in result.triggered] == [(99, 2)]
    assert (result.status, result.filled_quantity) == ("Filled", 1)
    assert ex.trades() == result.trades + result.triggered


def test_trades_of_a_result_outlive_those_of_the_exchange() -> None:
    ex = book(("buy", 100, 1))
    result = ex.submit_limit("sell", 100, 1)
    ex.clear_trades()
    del ex
    gc.collect()
    assert [trade.price for trade in result.trades] == [100]


# ---------------------------------------------------------------------- what is refused

HUGE = 10**30
# Method, arguments, and what the message must say.
BAD: list[tuple[str, Args, str]] = [
    *(
        (method, (*before, value, *after), f"{name} is {value}")
        for method, before, after, name in [
            ("submit_limit", ("buy",), (1,), "price"),
            ("modify", (1,), (1,), "price"),
            ("submit_stop_market", ("buy",), (1,), "stop price"),
            ("submit_stop_limit", ("buy",), (1, 1), "stop price"),
            ("submit_stop_limit", ("buy", 1), (1,), "limit price"),
            ("submit_trailing_stop_market", ("buy",), (1, "fixed", 1), "stop price"),
            ("submit_trailing_stop_limit", ("buy",), (1, 1, "fixed", 1), "stop price"),
            ("submit_trailing_stop_limit", ("buy", 1), (1, "fixed", 1), "limit price"),
        ]
        for value in (0, -1, MIN_PRICE, MIN_PRICE - 1, MAX_PRICE + 1, HUGE, -HUGE)
    ),
    *(
        (method, (*before, value, *after), f"quantity is {value}")
        for method, before, after in [
            ("submit_limit", ("buy", 1), ()),
            ("submit_market", ("buy",), ()),
            ("submit_stop_market", ("buy", 1), ()),
            ("submit_stop_limit", ("buy", 1, 1), ()),
            ("submit_trailing_stop_market", ("buy", 1), ("fixed", 1)),
            ("submit_trailing_stop_limit", ("buy", 1, 1), ("fixed", 1)),
        ]
        for value in (0, -1, MAX_QUANTITY + 1, HUGE, -HUGE)
    ),
    # 0 has an answer of its own here.
    *(
        (method, (1, *before, value), f"quantity is {value}")
        for method, before in [("reduce", ()), ("modify", (1,))]
        for value in (-1, MAX_QUANTITY + 1)
    ),
    *(
        (method, (value, *after), f"order id is {value}")
        for method, after in [("cancel", ()), ("reduce", (1,)), ("modify", (1, 1))]
        for value in (-1, MAX_QUANTITY + 1)
    ),
    *(
        (method, (value, *after), f"side is {value!r}")
        for method, after in [
            ("submit_limit", (1, 1)),
            ("submit_market", (1,)),
            ("submit_stop_market", (1, 1)),
            ("submit_stop_limit", (1, 1, 1)),
            ("submit_trailing_stop_market", (1, 1, "fixed", 1)),
            ("submit_trailing_stop_limit", (1, 1, 1, "fixed", 1)),
        ]
        for value in ("bid", "", "buy ", "buy\0", "bų", "\ud800")
    ),
    *(
        (method, (*before, value), f"tif is {value!r}")
        for method, before in [
            ("submit_limit", ("buy", 1, 1)),
            ("submit_stop_limit", ("buy", 1, 1, 1)),
            ("submit_trailing_stop_limit", ("buy", 1, 1, 1, "fixed", 1)),
        ]
        for value in ("day", "", "g")
    ),
    *(
        (method, (*before, *trail), words)
        for method, before in [
            ("submit_trailing_stop_market", ("buy", 1, 1)),
            ("submit_trailing_stop_limit", ("buy", 1, 1, 1)),
        ]
        for trail, words in [
            (("bps", 1), "trail type is 'bps'"),
            (("", 1), "trail type is ''"),
            (("none", 1), "trail type is 'none'"),
            (("fixed", 0), "trail value is 0"),
            (("fixed", -1), "trail value is -1"),
            (("fixed", 1.5), "trail value is 1.5"),
            (("fixed", float("nan")), "trail value is nan"),
            (("fixed", float("inf")), "trail value is inf"),
            (("fixed", 2**63), f"trail value is {2**63}"),
            (("percentage", 0), "trail value is 0"),
            (("percentage", -0.25), "trail value is -0.25"),
            (("percentage", -1e-9), "trail value is -1e-09"),
            (("percentage", float("nan")), "trail value is nan"),
            (("percentage", float("inf")), "trail value is inf"),
            (("percentage", 10**400), "trail value is 1000"),
        ]
    ),
    *(
        ("submit_trailing_stop_market", ("buy", 1, 1, "atr", value, period), words)
        for value, period, words in [
            (0, 14, "trail value is 0"),
            (float("nan"), 14, "trail value is nan"),
            (1, 0, "ATR period is 0"),
            (1, -1, "ATR period is -1"),
            (1, 2**32, f"ATR period is {2**32}"),
            (1, None, "atr_period"),
        ]
    ),
    ("submit_trailing_stop_limit", ("buy", 1, 1, 1, "atr", 1, "gtc", 0), "ATR period is 0"),
    ("submit_trailing_stop_limit", ("buy", 1, 1, 1, "atr", 1, "gtc"), "atr_period"),
]  # fmt: skip
EACH_BAD = pytest.mark.parametrize(
    ("method", "args", "words"), BAD, ids=[ascii(f"{method}{args}")[1:60] for method, args, _ in BAD]
)


@EACH_BAD
def test_bad_input_is_refused_by_name_and_value_and_has_no_effect(method: str, args: Args, words: str) -> None:
    ex = book(("buy", 100, 5))
    before = ex.state_hash()
    with pytest.raises(ValueError, match=re.escape(words)):
        getattr(ex, method)(*args)
    assert ex.state_hash() == before
    assert len(ex.events()) == 1
    assert ex.submit_limit("buy", 1, 1).order_id == 2


@EACH_BAD
def test_bad_input_for_a_new_symbol_is_refused_and_creates_nothing(method: str, args: Args, words: str) -> None:
    several = MultiExchange()
    with pytest.raises(ValueError, match=re.escape(words)):
        getattr(several, method)("ABC", *args)
    assert several.symbols() == []


@EACH_BAD
def test_bad_input_makes_no_event(method: str, args: Args, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        getattr(Event, method)(*args)


NUMBERS: list[tuple[str, Args]] = [
    ("submit_limit", ("buy", ..., 1)),
    ("submit_limit", ("buy", 1, ...)),
    ("submit_market", ("buy", ...)),
    ("cancel", (...,)),
    ("reduce", (..., 1)),
    ("reduce", (1, ...)),
    ("modify", (..., 1, 1)),
    ("modify", (1, ..., 1)),
    ("modify", (1, 1, ...)),
    ("submit_stop_market", ("buy", ..., 1)),
    ("submit_stop_market", ("buy", 1, ...)),
    ("submit_stop_limit", ("buy", ..., 1, 1)),
    ("submit_stop_limit", ("buy", 1, ..., 1)),
    ("submit_stop_limit", ("buy", 1, 1, ...)),
    ("submit_trailing_stop_market", ("buy", ..., 1, "fixed", 1)),
    ("submit_trailing_stop_market", ("buy", 1, ..., "fixed", 1)),
    ("submit_trailing_stop_market", ("buy", 1, 1, "atr", 1, ...)),
    ("submit_trailing_stop_limit", ("buy", ..., 1, 1, "fixed", 1)),
    ("submit_trailing_stop_limit", ("buy", 1, ..., 1, "fixed", 1)),
    ("submit_trailing_stop_limit", ("buy", 1, 1, ..., "fixed", 1)),
    ("submit_trailing_stop_limit", ("buy", 1, 1, 1, "atr", 1, "gtc", ...)),
    ("get_order", (...,)),
    ("get_stop_order", (...,)),
    ("queue_ahead", (...,)),
    ("depth", (...,)),
]
EACH_NUMBER = pytest.mark.parametrize(
    ("method", "args"), NUMBERS, ids=[f"{method}-{args.index(...)}" for method, args in NUMBERS]
)


def call(exchange: Exchange, method: str, args: Args, value: object) -> object:
    return getattr(exchange, method)(*(value if arg is ... else arg for arg in args))


@EACH_NUMBER
@pytest.mark.parametrize("value", [1.0, np.float64(1), float("nan"), float("inf"), "1", b"1", [1]], ids=repr)
def test_a_whole_number_is_no_float_and_no_text(method: str, args: Args, value: object, ex: Exchange) -> None:
    with pytest.raises(TypeError, match=f"{method}|whole number"):
        call(ex, method, args, value)
    assert len(ex.events()) == 0


@EACH_NUMBER
@pytest.mark.parametrize("type_", [np.int64, np.uint64, np.int8, np.uint32], ids=lambda type_: type_.__name__)
def test_a_whole_number_may_be_one_of_numpy(method: str, args: Args, type_: type) -> None:
    ex, twin = book(("sell", 1, 5)), book(("sell", 1, 5))
    call(ex, method, args, type_(1))
    call(twin, method, args, 1)
    assert ex.state_hash() == twin.state_hash()
    assert ex.events() == twin.events()


def test_the_greatest_number_of_numpy_fits(ex: Exchange) -> None:
    assert ex.submit_limit("buy", np.int64(MAX_PRICE), np.uint64(MAX_QUANTITY)).resting_quantity == MAX_QUANTITY
    assert ex.best_bid() == MAX_PRICE


@pytest.mark.parametrize("value", [None, 1, 1.5, b"buy", ["buy"]], ids=repr)
@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("submit_limit", (..., 1, 1)),
        ("submit_limit", ("buy", 1, 1, ...)),
        ("submit_market", (..., 1)),
        ("submit_stop_limit", ("buy", 1, 1, 1, ...)),
        ("submit_trailing_stop_market", ("buy", 1, 1, ..., 1)),
    ],
)
def test_a_word_is_text(method: str, args: Args, value: object, ex: Exchange) -> None:
    with pytest.raises(TypeError, match=method):
        call(ex, method, args, value)
    assert len(ex.events()) == 0


@pytest.mark.parametrize("value", ["5", None, [5], 1j], ids=repr)
def test_a_trail_value_is_a_number(value: object, ex: Exchange) -> None:
    with pytest.raises(TypeError):
        ex.submit_trailing_stop_market("buy", 1, 1, "percentage", value)
    assert len(ex.events()) == 0


@pytest.mark.parametrize("value", [5, 5.0, np.int32(5), np.float32(5)], ids=repr)
def test_a_fixed_trail_is_kept_as_a_whole_number(value: float, ex: Exchange) -> None:
    ex.submit_trailing_stop_market("buy", 1, 1, "fixed", value)
    stop = ex.get_stop_order(1)
    assert stop.trail_value == 5
    assert isinstance(stop.trail_value, int)


@pytest.mark.parametrize("symbol", ["ABCDEFGHI", "É", "A\n", "A\0", "AB\0C", "A\x7f"], ids=ascii)
@pytest.mark.parametrize(
    "use",
    [
        lambda symbol: Exchange(symbol),
        lambda symbol: Exchange.replay([], symbol),
        lambda symbol: MultiExchange().get_or_create(symbol),
        lambda symbol: MultiExchange().submit_limit(symbol, "buy", 1, 1),
        lambda symbol: MultiExchange().cancel(symbol, 1),
        lambda symbol: Event.cancel(1, symbol=symbol),
        lambda symbol: MultiExchange.replay([(symbol, Event.cancel(1))]),
        lambda symbol: nanobook.save_events(os.devnull, [], symbol),
    ],
    ids=["Exchange", "replay", "get_or_create", "submit", "cancel", "Event", "pair", "save_events"],
)
def test_a_symbol_that_is_too_long_or_not_printable_ascii_is_refused(use: Callable[[str], object], symbol: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"symbol is {symbol!r}")):
        use(symbol)


@pytest.mark.parametrize("symbol", ["", "A", "BRK.B", "ABCDEFGH", "A B"])
def test_a_symbol_has_up_to_eight_characters(symbol: str) -> None:
    assert Exchange(symbol).symbol == symbol


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Exchange(price_scale=19), "price scale is 19"),
        (lambda: MultiExchange(price_scale=19), "price scale is 19"),
        (lambda: Exchange.replay([], price_scale=19), "price scale is 19"),
        (lambda: MultiExchange.replay([], price_scale=19), "price scale is 19"),
        (lambda: nanobook.save_events(os.devnull, [], price_scale=19), "price scale is 19"),
        (lambda: Exchange(price_scale=-1), "price.scale is -1"),
        (lambda: Exchange(max_rounds=-1), "max.rounds is -1"),
        (lambda: Exchange(max_rounds=2**32), "max.rounds is 4294967296"),
        (lambda: MultiExchange(max_rounds=-1), "max.rounds is -1"),
        (lambda: Exchange.replay([], max_rounds=-1), "max.rounds is -1"),
        (lambda: Event.execute(1, 1, match_number=-1), "match number is -1"),
        (lambda: Event.execute(1, 0), "quantity is 0"),
        (lambda: Event.execute(1, 1, -1), "price is -1"),
        (lambda: Event.execute(-1, 1), "order id is -1"),
        (lambda: Event.trade("buy", -1, 1), "price is -1"),
        (lambda: Event.trade("buy", 1, 0), "quantity is 0"),
        (lambda: Event.trade("up", 1, 1), "side is 'up'"),
        (lambda: Event.submit_limit("buy", -1, 1, matching=False), "price is -1"),
        (
            lambda: Event.submit_limit("buy", 1, 1, "ioc", matching=False),
            "time in force is ioc; an order that does not",
        ),
        (
            lambda: Event.submit_limit("buy", 1, 1, "fok", matching=False),
            "time in force is fok; an order that does not",
        ),
        (lambda: Exchange().depth(-1), "levels is -1"),
        (lambda: Exchange().orders("up"), "side is 'up'"),
        (lambda: Exchange().get_order(-1), "order id is -1"),
        (lambda: Exchange().get_stop_order(2**64), f"order id is {2**64}"),
        (lambda: Exchange().queue_ahead(-1), "order id is -1"),
        (lambda: Exchange().reserve(-1), "orders is -1"),
    ],
)
def test_bad_options_and_questions_are_refused_by_name_and_value(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_memory_that_nobody_has_is_not_reserved(ex: Exchange) -> None:
    for orders in (2**62, MAX_QUANTITY):
        with pytest.raises((MemoryError, ValueError)):
            ex.reserve(orders)
    assert ex.submit_limit("buy", 1, 1).order_id == 1


def test_reserving_changes_nothing() -> None:
    ex = book(("buy", 100, 5))
    before = ex.state_hash()
    ex.reserve(10_000)
    assert ex.state_hash() == before
    assert [order.order_id for order in ex.orders()] == [1]


# ---------------------------------------------------------------------- 3. cancel, reduce, modify


def test_cancel_takes_an_order_off_and_says_how_much() -> None:
    ex = book(("buy", 100, 5), ("buy", 100, 3))
    ex.submit_limit("sell", 100, 2)
    result = ex.cancel(1)
    assert (result.success, bool(result), result.cancelled_quantity, result.error) == (True, True, 3, None)
    order = ex.get_order(1)
    assert (order.status, order.filled_quantity, order.cancelled_quantity) == ("Cancelled", 2, 3)
    assert levels(ex, "buy") == [(100, 3, 1)]


def states_of_orders() -> tuple[Exchange, dict[str, int]]:
    """An exchange that has one order, or stop, of every fate."""
    ex = Exchange()
    ids = {"unknown": 1000, "filled": ex.submit_limit("buy", 100, 1).order_id}
    ex.submit_limit("sell", 100, 1)
    ids["cancelled"] = ex.submit_limit("buy", 90, 1).order_id
    ex.cancel(ids["cancelled"])
    ids["refused FOK"] = ex.submit_limit("buy", 90, 1, "fok").order_id
    ids["IOC"] = ex.submit_limit("buy", 90, 1, "ioc").order_id
    ids["fired stop"] = ex.submit_stop_market("buy", 100, 1).order_id
    ids["cancelled stop"] = ex.submit_stop_market("buy", 200, 1).order_id
    ex.cancel(ids["cancelled stop"])
    ids["pending stop"] = ex.submit_stop_market("buy", 200, 7).order_id
    ids["resting"] = ex.submit_limit("buy", 80, 5).order_id
    return ex, ids


@pytest.mark.parametrize(
    ("fate", "cancel", "others"),
    [
        ("unknown", "OrderNotFound", "OrderNotFound"),
        ("filled", "OrderNotActive", "OrderNotActive"),
        ("cancelled", "OrderNotActive", "OrderNotActive"),
        ("refused FOK", "OrderNotFound", "OrderNotFound"),
        ("IOC", "OrderNotActive", "OrderNotActive"),
        ("fired stop", "OrderNotActive", "OrderNotFound"),
        ("cancelled stop", "OrderNotActive", "OrderNotFound"),
        ("pending stop", None, "OrderNotFound"),
        ("resting", None, None),
    ],
)
def test_who_can_be_cancelled_reduced_and_modified(fate: str, cancel: str | None, others: str | None) -> None:
    def error_of(method: str, *args: int) -> str | None:
        ex, ids = states_of_orders()
        before = ex.state_hash()
        result = getattr(ex, method)(ids[fate], *args)
        assert result.success == (result.error is None) == bool(result)
        if result.error is not None:
            assert result.cancelled_quantity == 0
            assert ex.state_hash() == before
        return result.error

    assert error_of("cancel") == cancel
    assert error_of("reduce", 1) == others
    assert error_of("modify", 81, 1) == others
    # A quantity of 0 is the first thing that is looked at.
    assert error_of("reduce", 0) == error_of("modify", 81, 0) == "InvalidQuantity"


def test_an_input_that_does_not_succeed_is_logged_all_the_same(ex: Exchange) -> None:
    ex.cancel(9)
    ex.reduce(9, 0)
    ex.modify(9, 1, 0)
    ex.submit_limit("buy", 1, 1, "fok")
    assert [event.kind for event in ex.events()] == ["cancel", "reduce", "modify", "submit_limit"]


def test_cancelling_a_pending_stop_says_how_much_it_was_for(ex: Exchange) -> None:
    ex.submit_stop_market("buy", 100, 7)
    result = ex.cancel(1)
    assert (result.success, result.cancelled_quantity) == (True, 7)
    assert ex.get_stop_order(1).status == "Cancelled"
    assert ex.pending_stop_count() == 0
    trade_at(ex, 100)
    assert ex.get_stop_order(1).child_order_id is None


def test_reduce_keeps_the_place_in_the_queue() -> None:
    ex = book(("buy", 100, 5), ("buy", 100, 5))
    result = ex.reduce(1, 3)
    assert (result.success, result.cancelled_quantity) == (True, 3)
    assert [trade.passive_order_id for trade in ex.submit_limit("sell", 100, 3).trades] == [1, 2]
    order = ex.get_order(1)
    assert (order.original_quantity, order.filled_quantity, order.cancelled_quantity) == (5, 2, 3)


@pytest.mark.parametrize("quantity", [5, 6, MAX_QUANTITY])
def test_to_reduce_by_all_or_more_is_a_cancel(quantity: int) -> None:
    ex = book(("buy", 100, 5))
    assert ex.reduce(1, quantity).cancelled_quantity == 5
    assert ex.get_order(1).status == "Cancelled"
    assert ex.best_bid() is None


def test_modify_is_a_new_order_at_the_end_of_the_queue() -> None:
    ex = book(("buy", 100, 5), ("buy", 100, 1))
    result = ex.modify(1, 100, 4)
    assert (result.success, result.error) == (True, None)
    assert (result.old_order_id, result.new_order_id, result.cancelled_quantity, result.trades) == (1, 3, 5, [])
    assert [order.order_id for order in ex.orders()] == [2, 3]
    assert ex.get_order(1).status == "Cancelled"
    assert ex.get_order(3).side == "buy"


def test_a_modify_that_crosses_trades_sets_the_last_price_and_fires_stops() -> None:
    ex = book(("buy", 100, 2), ("buy", 99, 5), ("sell", 105, 2))
    stop = ex.submit_stop_market("sell", 100, 1)
    result = ex.modify(3, 100, 2)
    assert [(trade.price, trade.passive_order_id) for trade in result.trades] == [(100, 1)]
    assert [(trade.price, trade.passive_order_id) for trade in result.triggered] == [(99, 2)]
    assert ex.last_trade_price() == 99
    assert ex.get_stop_order(stop.order_id).status == "Triggered"
    assert Exchange.replay(ex.events()).state_hash() == ex.state_hash()


def test_a_failed_modify_has_no_new_order(ex: Exchange) -> None:
    result = ex.modify(7, 100, 1)
    assert not result
    assert (result.old_order_id, result.new_order_id, result.cancelled_quantity) == (7, None, 0)
    assert (result.trades, result.triggered, result.error) == ([], [], "OrderNotFound")


def test_clear_order_history_forgets_what_does_not_rest() -> None:
    ex, ids = states_of_orders()
    finished = [order_id for order_id in range(1, 20) if (order := ex.get_order(order_id)) and order.status != "New"]
    assert ex.clear_order_history() == len(finished) > 0
    assert all(ex.get_order(order_id) is None for order_id in finished)
    assert ex.cancel(ids["filled"]).error == "OrderNotFound"
    assert ex.get_order(ids["resting"]).status == "New"
    assert ex.get_stop_order(ids["fired stop"]).status == "Triggered"
    assert ex.clear_order_history() == 0


def test_clear_trades_empties_the_list_of_trades_only() -> None:
    ex = book(("buy", 100, 1), ("sell", 100, 1))
    before = ex.state_hash()
    ex.clear_trades()
    assert len(ex.trades()) == 0
    assert ex.last_trade_price() == 100
    assert ex.state_hash() == before
    assert ex.get_order(1).filled_quantity == 1


# ---------------------------------------------------------------------- 4. tombstones


def test_the_sequence_that_corrupted_the_original() -> None:
    # Its remembered place of order 2 was stale after the fill of order 1: the cancel blanked another order, left a
    # phantom quantity, booked a trade of quantity 0, and then matched for ever.
    ex = book(("buy", 100, 10), ("buy", 100, 20), ("sell", 100, 10))
    assert ex.cancel(2).cancelled_quantity == 20
    result = ex.submit_market("sell", 5)
    assert (result.status, result.trades, result.cancelled_quantity) == ("Cancelled", [], 5)
    assert prints(ex) == [(100, 10)]
    assert levels(ex, "buy") == []


@pytest.mark.parametrize("cancelled", [range(1, 100), range(0, 100, 2), range(50, 100), [0, 99], range(99)])
@pytest.mark.parametrize("compact", [False, True])
def test_cancels_anywhere_in_a_level_leave_the_others_in_order(cancelled: Sequence[int], compact: bool) -> None:
    ex = book(*[("buy", 100, 1 + i) for i in range(100)])
    for i in cancelled:
        assert ex.cancel(1 + i).cancelled_quantity == 1 + i
    if compact:
        ex.compact()
    left = [i for i in range(100) if i not in cancelled]
    assert [(order.order_id, order.remaining_quantity) for order in ex.orders()] == [(1 + i, 1 + i) for i in left]
    assert levels(ex, "buy") == [(100, sum(1 + i for i in left), len(left))]
    result = ex.submit_market("sell", MAX_QUANTITY)
    assert [trade.passive_order_id for trade in result.trades] == [1 + i for i in left]


def test_a_level_that_was_emptied_serves_again() -> None:
    ex = book(("buy", 100, 1), ("buy", 100, 1))
    ex.cancel(1)
    ex.cancel(2)
    assert ex.best_bid() is None
    ex.submit_limit("buy", 100, 3)
    assert levels(ex, "buy") == [(100, 3, 1)]


# ---------------------------------------------------------------------- 5. stops


@pytest.mark.parametrize(
    ("side", "stop", "price", "fires"),
    [
        ("buy", 100, 99, False),
        ("buy", 100, 100, True),
        ("buy", 100, 101, True),
        ("sell", 100, 101, False),
        ("sell", 100, 100, True),
        ("sell", 100, 99, True),
    ],
)
def test_a_stop_fires_where_the_last_price_reaches_it(side: str, stop: int, price: int, fires: bool) -> None:
    status = "Triggered" if fires else "Pending"
    ex = Exchange()
    ex.submit_stop_market(side, stop, 1)
    trade_at(ex, price)
    assert ex.get_stop_order(1).status == status
    # At once, if the price is there before it.
    ex = Exchange()
    trade_at(ex, price)
    assert ex.submit_stop_market(side, stop, 1).status == status


def test_a_stop_waits_while_nothing_has_traded() -> None:
    ex = book(("buy", 100, 1), ("sell", 101, 1))
    assert ex.submit_stop_market("buy", 1, 1).status == "Pending"
    assert ex.pending_stop_count() == 1


def test_a_stop_that_fires_at_its_submission_tells_its_trades() -> None:
    ex = book(("sell", 100, 1), ("buy", 100, 1), ("sell", 101, 5))
    result = ex.submit_stop_market("buy", 100, 2)
    assert result.status == "Triggered"
    assert [(trade.price, trade.quantity) for trade in result.triggered] == [(101, 2)]
    assert not result.round_limit_hit


def test_only_the_last_print_of_a_match_counts() -> None:
    ex = book(("sell", 100, 1), ("sell", 105, 1))
    ex.submit_stop_market("sell", 102, 1)
    ex.submit_market("buy", 2)
    assert ex.pending_stop_count() == 1


def test_stops_of_both_sides_fire_in_order_of_their_submission() -> None:
    ex = Exchange()
    ids = [ex.submit_stop_limit(side, 100, 100, 1).order_id for side in ("sell", "buy", "buy", "sell")]
    trade_at(ex, 100)
    children = [ex.get_stop_order(stop_id).child_order_id for stop_id in ids]
    assert children == sorted(children)
    # The second meets the first, and the fourth the third.
    assert [(trade.aggressor_order_id, trade.passive_order_id) for trade in ex.trades()][1:] == [
        (children[1], children[0]),
        (children[3], children[2]),
    ]


def test_a_stop_limit_becomes_a_limit_order() -> None:
    ex = book(("sell", 103, 5))
    ex.submit_stop_limit("buy", 100, 102, 3)
    trade_at(ex, 100)
    child = ex.get_order(ex.get_stop_order(2).child_order_id)
    assert (child.price, child.status, child.remaining_quantity, child.time_in_force) == (102, "New", 3, "gtc")
    assert ex.best_bid() == 102


@pytest.mark.parametrize(("tif", "filled", "status"), [("ioc", 1, "PartiallyFilled"), ("fok", 0, None)])
def test_a_stop_limit_has_the_time_in_force_it_was_given(tif: str, filled: int, status: str | None) -> None:
    ex = book(("sell", 102, 1))
    ex.submit_stop_limit("buy", 100, 102, 3, tif)
    trade_at(ex, 100)
    stop = ex.get_stop_order(2)
    assert (stop.time_in_force, stop.status, stop.child_order_id) == (tif, "Triggered", 5)
    child = ex.get_order(5)
    assert (child.status if child else None) == status
    assert sum(trade.quantity for trade in ex.trades()) == 1 + filled


def cascade(**options: Any) -> Exchange:
    """Bids of 1 from 100 down to 96, and sell stops that fire each other one level at a time, once 100 is traded."""
    ex = book(*[("buy", price, 1) for price in range(100, 95, -1)], **options)
    for price in (100, 99, 98):
        ex.submit_stop_market("sell", price, 1)
    return ex


def test_stops_fire_stops() -> None:
    ex = cascade()
    result = ex.submit_market("sell", 1)
    assert [trade.price for trade in result.trades] == [100]
    assert [trade.price for trade in result.triggered] == [99, 98, 97]
    assert not result.round_limit_hit
    assert ex.last_trade_price() == 97
    names = [ex.get_order(trade.aggressor_order_id).stop_id for trade in result.triggered]
    assert names == [6, 7, 8]


@pytest.mark.parametrize(("max_rounds", "fired"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3)])
def test_rounds_are_limited_and_the_result_says_so(max_rounds: int, fired: int) -> None:
    ex = cascade(max_rounds=max_rounds)
    result = ex.submit_market("sell", 1)
    assert len(result.triggered) == fired
    assert result.round_limit_hit == (max_rounds < 4)
    assert ex.pending_stop_count() == 3 - fired
    assert Exchange.replay(ex.events(), max_rounds=max_rounds).state_hash() == ex.state_hash()


def test_what_the_limit_of_rounds_left_fires_with_the_next_trade() -> None:
    ex = cascade(max_rounds=1)
    ex.submit_market("sell", 1)
    assert [stop.stop_price for stop in ex.pending_stops()] == [99, 98]
    result = ex.submit_market("sell", 1)  # at 98
    assert [trade.price for trade in result.triggered] == [97, 96]
    assert ex.pending_stop_count() == 0


def test_the_limit_of_rounds_holds_for_stops_that_fire_at_their_submission() -> None:
    ex = book(*[("buy", price, 1) for price in range(100, 95, -1)], max_rounds=1)
    ex.submit_market("sell", 1)
    for price in (99, 98):
        ex.submit_stop_market("sell", price, 1)
    # It trades at 99; the round after it at 98; the one after that is not allowed.
    result = ex.submit_stop_market("sell", 100, 1)
    assert [trade.price for trade in result.triggered] == [99, 98]
    assert result.round_limit_hit


def test_pending_stops_are_in_order_of_submission() -> None:
    ex = Exchange()
    for price in (105, 101, 103):
        ex.submit_stop_market("buy", price, 1)
    ex.cancel(2)
    ex.submit_trailing_stop_market("sell", 90, 1, "fixed", 5)
    assert [stop.order_id for stop in ex.pending_stops()] == [1, 3, 4]
    assert ex.pending_stop_count() == 3


def test_a_stop_order_shows_all_of_itself(ex: Exchange) -> None:
    ex.submit_trailing_stop_limit("Sell", 90, 85, 7, "ATR", 2.5, "IOC", 14)
    stop = ex.get_stop_order(1)
    expected = {
        "id": 1, "order_id": 1, "side": "sell", "stop_price": 90, "limit_price": 85, "quantity": 7,
        "status": "Pending", "time_in_force": "ioc", "timestamp": 1, "trail_type": "atr", "trail_value": 2.5,
        "atr_period": 14, "watermark": None, "child_order_id": None,
    }  # fmt: skip
    assert {name: getattr(stop, name) for name in expected} == expected
    assert {name: stop[name] for name in expected} == expected


def test_a_plain_stop_has_no_trail_and_no_limit(ex: Exchange) -> None:
    ex.submit_stop_market("buy", 100, 1)
    stop = ex.get_stop_order(1)
    assert (stop.trail_type, stop.trail_value, stop.atr_period, stop.watermark) == (None, None, None, None)
    assert stop.limit_price is None


@pytest.mark.parametrize("name", ["price", "", "__class__", "_x"])
def test_a_stop_order_has_no_other_fields(name: str, ex: Exchange) -> None:
    ex.submit_stop_market("buy", 100, 1)
    with pytest.raises(KeyError, match=re.escape(repr(name))):
        ex.get_stop_order(1)[name]


def test_orders_and_stops_share_ids_and_are_asked_for_apart(ex: Exchange) -> None:
    ex.submit_limit("buy", 1, 1)
    ex.submit_stop_market("buy", 100, 1)
    assert ex.get_order(1) is not None
    assert ex.get_stop_order(1) is None
    assert ex.get_order(2) is None
    assert ex.get_stop_order(2) is not None
    assert ex.get_stop_order(3) is None


# Trailing stops.


def trail_prices(side: str, initial: int, *prices: int, trail: Args) -> list[tuple[int, int | None]]:
    """(stop price, watermark) of a trailing stop after each trade."""
    ex = Exchange()
    stop_id = ex.submit_trailing_stop_market(side, initial, 1, *trail).order_id
    seen = []
    for price in prices:
        trade_at(ex, price)
        stop = ex.get_stop_order(stop_id)
        seen.append((stop.stop_price, stop.watermark))
    return seen


def test_a_selling_trail_follows_the_highest_price() -> None:
    seen = trail_prices("sell", 90, 100, 103, 101, 105, trail=("fixed", 5))
    assert seen == [(95, 100), (98, 103), (98, 103), (100, 105)]


def test_a_buying_trail_follows_the_lowest_price() -> None:
    seen = trail_prices("buy", 110, 100, 97, 99, 95, trail=("fixed", 5))
    assert seen == [(105, 100), (102, 97), (102, 97), (100, 95)]


@pytest.mark.parametrize(("side", "initial", "prices"), [("sell", 99, (100, 102)), ("buy", 101, (100, 98))])
def test_a_trail_only_gets_tighter(side: str, initial: int, prices: tuple[int, int]) -> None:
    assert [stop for stop, _ in trail_prices(side, initial, *prices, trail=("fixed", 50))] == [initial, initial]


@pytest.mark.parametrize(
    ("watermark", "fraction", "stop"), [(200, 0.05, 190), (101, 0.5, 50), (5, 0.5, 2), (3, 0.1, 3), (7, 0.0625, 7)]
)
def test_a_percentage_is_of_the_watermark_rounded_half_away_from_zero(
    watermark: int, fraction: float, stop: int
) -> None:
    assert trail_prices("sell", 1, watermark, trail=("percentage", fraction)) == [(stop, watermark)]


def test_an_atr_trail_takes_the_mean_of_the_last_changes() -> None:
    # Changes of 4, 3 and 10; the mean of the last two, times 1.5, truncated.
    seen = trail_prices("sell", 1, 100, 104, 101, 111, trail=("atr", 1.5, 2))
    assert seen == [(1, 100), (98, 104), (99, 104), (102, 111)]


def test_the_changes_of_an_atr_trail_are_counted_from_the_first_trade() -> None:
    ex = Exchange()
    trade_at(ex, 100, 110)
    ex.submit_trailing_stop_market("sell", 1, 1, "atr", 1.0, 14)
    trade_at(ex, 130)
    assert ex.get_stop_order(5).stop_price == 115  # mean of 10 and 20


def test_a_trailing_stop_never_fires_at_its_submission() -> None:
    ex = Exchange()
    trade_at(ex, 100)
    result = ex.submit_trailing_stop_market("sell", 200, 1, "fixed", 5)
    assert (result.status, result.triggered) == ("Pending", [])
    assert ex.get_stop_order(result.order_id).watermark is None
    trade_at(ex, 199)
    assert ex.get_stop_order(result.order_id).status == "Triggered"


def test_the_updated_trail_is_tested_with_the_price_that_moved_it() -> None:
    # A tiny fraction: the stop moves to the watermark, and fires there.
    ex = Exchange()
    ex.submit_trailing_stop_market("sell", 1, 1, "percentage", 1e-9)
    trade_at(ex, 100)
    stop = ex.get_stop_order(1)
    assert (stop.status, stop.stop_price, stop.watermark) == ("Triggered", 100, 100)


def test_the_limit_price_of_a_trailing_stop_does_not_move() -> None:
    ex = Exchange()
    ex.submit_trailing_stop_limit("sell", 90, 80, 3, "fixed", 5)
    trade_at(ex, 100, 95)
    stop = ex.get_stop_order(1)
    assert (stop.status, stop.stop_price, stop.limit_price) == ("Triggered", 95, 80)
    child = ex.get_order(stop.child_order_id)
    assert (child.price, child.remaining_quantity) == (80, 3)


@pytest.mark.parametrize(
    ("side", "price", "trail", "stop"),
    [
        ("sell", 1, ("fixed", 2**62), 1),
        ("buy", MAX_PRICE, ("fixed", 2**62), MAX_PRICE),
        ("sell", MAX_PRICE, ("percentage", 1e300), 1),
        ("buy", MAX_PRICE, ("percentage", 1.7e308), MAX_PRICE),
        ("sell", MAX_PRICE, ("fixed", 1), MAX_PRICE - 1),
    ],
)
def test_no_trail_wraps_around(side: str, price: int, trail: Args, stop: int) -> None:
    initial = 1 if side == "sell" else MAX_PRICE
    assert trail_prices(side, initial, price, trail=trail)[-1] == (stop, price)


# ---------------------------------------------------------------------- great numbers


def test_a_level_holds_more_than_64_bits() -> None:
    ex = book(("buy", 100, MAX_QUANTITY), ("buy", 100, MAX_QUANTITY), ("buy", 100, 3), ("sell", 101, MAX_QUANTITY))
    total = 2 * MAX_QUANTITY + 3
    assert levels(ex, "buy") == [(100, total, 3)]
    assert ex.queue_ahead(3) == 2 * MAX_QUANTITY
    shown = ex.depth()
    assert shown.imbalance() == pytest.approx((total - MAX_QUANTITY) / (total + MAX_QUANTITY))
    assert shown.weighted_mid() == pytest.approx((MAX_QUANTITY * 100 + total * 101) / (MAX_QUANTITY + total))


def test_a_fok_counts_what_there_is_beyond_64_bits() -> None:
    orders = [("sell", 100, MAX_QUANTITY - 1), ("sell", 101, 5)]
    assert book(*orders).submit_limit("buy", 101, MAX_QUANTITY, "fok").status == "Filled"
    assert book(*orders).submit_limit("buy", 100, MAX_QUANTITY, "fok").status == "Cancelled"


def test_the_greatest_order_takes_two_of_its_size_one_after_the_other() -> None:
    ex = book(("sell", 100, MAX_QUANTITY), ("sell", 100, MAX_QUANTITY))
    assert ex.submit_market("buy", MAX_QUANTITY).filled_quantity == MAX_QUANTITY
    assert levels(ex, "sell") == [(100, MAX_QUANTITY, 1)]
    result = ex.submit_limit("buy", 100, MAX_QUANTITY)
    assert (result.status, result.filled_quantity) == ("Filled", MAX_QUANTITY)
    assert levels(ex, "sell") == []


def test_prices_go_up_to_63_bits() -> None:
    ex = book(("buy", 1, 1), ("sell", MAX_PRICE, 1))
    assert ex.spread() == MAX_PRICE - 1
    assert ex.depth().mid_price() == 2.0**62
    assert ex.depth().weighted_mid() == pytest.approx(2.0**62)
    ex.submit_market("buy", 1)
    (trade,) = ex.trades()
    assert (trade.price, trade.price_float) == (MAX_PRICE, pytest.approx(MAX_PRICE / 100))
    assert ex.submit_stop_market("sell", MAX_PRICE, 1).status == "Triggered"


# ---------------------------------------------------------------------- market data


def test_orders_of_market_data_rest_whatever_they_cross() -> None:
    ex = book(("sell", 100, 5))
    result = ex.apply(Event.submit_limit("buy", 105, 5, matching=False))
    assert (result.status, result.trades) == ("New", [])
    assert ex.best_bid_ask() == (105, 100)
    assert ex.spread() == -5
    assert Exchange.replay(ex.events()).state_hash() == ex.state_hash()


def test_an_execution_fills_the_order_that_it_names() -> None:
    ex = book(("buy", 100, 5), ("buy", 100, 5))
    result = ex.apply(Event.execute(2, 3, match_number=77))
    assert (result.success, bool(result), result.quantity, result.error) == (True, True, 3, None)
    (trade,) = result.trades
    assert (trade.price, trade.quantity, trade.aggressor_side) == (100, 3, "sell")
    assert (trade.passive_order_id, trade.aggressor_order_id) == (2, 0)
    assert [order.remaining_quantity for order in ex.orders()] == [5, 2]
    assert ex.last_trade_price() == 100


def test_an_execution_has_the_price_it_names_and_takes_no_more_than_rests() -> None:
    ex = book(("buy", 100, 5))
    ex.submit_stop_market("sell", 98, 1)
    result = ex.apply(Event.execute(1, 9, 98))
    assert (result.quantity, result.trades[0].price) == (5, 98)
    assert ex.get_order(1).status == "Filled"
    assert ex.get_stop_order(2).status == "Triggered"


def test_an_execution_that_is_not_printable_only_shrinks_the_order() -> None:
    ex = book(("buy", 100, 5))
    result = ex.apply(Event.execute(1, 2, printable=False))
    assert (result.quantity, result.trades) == (2, [])
    assert levels(ex, "buy") == [(100, 3, 1)]
    assert (len(ex.trades()), ex.last_trade_price()) == (0, None)


@pytest.mark.parametrize(("order_id", "error"), [(9, "OrderNotFound"), (1, "OrderNotActive")])
def test_an_execution_of_an_order_that_does_not_rest_does_nothing(order_id: int, error: str) -> None:
    ex = book(("buy", 100, 5))
    ex.cancel(1)
    result = ex.apply(Event.execute(order_id, 1))
    assert (result.success, bool(result), result.error, result.trades) == (False, False, error, [])


def test_a_trade_off_the_book_sets_the_last_price_and_fires_stops() -> None:
    ex = book(("sell", 105, 5))
    ex.submit_stop_market("buy", 103, 2)
    result = ex.apply(Event.trade("sell", 103, 10))
    (trade,) = result.trades
    assert (trade.price, trade.quantity, trade.aggressor_side) == (103, 10, "sell")
    assert (trade.passive_order_id, trade.aggressor_order_id) == (0, 0)
    assert [(trade.price, trade.quantity) for trade in result.triggered] == [(105, 2)]
    assert levels(ex, "sell") == [(105, 3, 1)]


# ---------------------------------------------------------------------- 7. snapshots


def test_best_prices_and_spread() -> None:
    ex = book(("buy", 99, 1), ("buy", 98, 1), ("sell", 103, 1), ("sell", 102, 1))
    assert (ex.best_bid(), ex.best_ask(), ex.best_bid_ask(), ex.spread()) == (99, 102, (99, 102), 3)


def test_an_empty_book_has_no_prices(ex: Exchange) -> None:
    assert (ex.best_bid(), ex.best_ask(), ex.best_bid_ask(), ex.spread()) == (None, None, (None, None), None)
    assert ex.last_trade_price() is None
    shown = ex.depth()
    assert (shown.bids, shown.asks, shown.best_bid, shown.best_ask) == ([], [], None, None)
    assert (shown.imbalance(), shown.weighted_mid(), shown.mid_price(), shown.spread()) == (None, None, None, None)


@pytest.mark.parametrize(("side", "imbalance"), [("buy", 1.0), ("sell", -1.0)])
def test_a_book_of_one_side_is_all_imbalance_and_has_no_middle(side: str, imbalance: float) -> None:
    ex = book((side, 100, 5))
    shown = ex.depth()
    assert shown.imbalance() == imbalance
    assert (shown.weighted_mid(), shown.mid_price(), shown.spread(), ex.spread()) == (None, None, None, None)


def test_the_numbers_of_a_snapshot() -> None:
    shown = book(("buy", 99, 30), ("buy", 98, 30), ("sell", 102, 10), ("sell", 104, 10)).depth()
    assert (shown.best_bid, shown.best_ask, shown.spread()) == (99, 102, 3)
    assert shown.mid_price() == 100.5
    assert shown.imbalance() == (60 - 20) / (60 + 20)
    assert shown.weighted_mid() == (10 * 99 + 30 * 102) / (10 + 30)


def test_depth_shows_the_first_levels_and_their_imbalance() -> None:
    ex = book(("buy", 99, 3), ("buy", 98, 9), ("buy", 99, 1), ("sell", 101, 2), ("sell", 102, 9))
    shown = ex.depth(1)
    assert shown.bids == [(99, 4, 2)]
    assert shown.asks == [(101, 2, 1)]
    assert shown.imbalance() == (4 - 2) / (4 + 2)
    assert ex.depth(100) == ex.full_book()
    assert ex.depth(1) != ex.full_book()


def test_depth_shows_ten_levels_unless_told() -> None:
    ex = book(*[("buy", price, 1) for price in range(1, 13)])
    assert [level.price for level in ex.depth().bids] == list(range(12, 2, -1))
    assert len(ex.full_book().bids) == 12


def test_a_level_unpacks_and_compares_like_a_tuple() -> None:
    (level,) = book(("buy", 99, 3), ("buy", 99, 4)).depth().bids
    price, quantity, order_count = level
    assert (price, quantity, order_count) == (level.price, level.quantity, level.order_count) == (99, 7, 2)
    assert level == (99, 7, 2)
    assert level != (99, 7, 3)
    assert hash(level) == hash((99, 7, 2))
    assert (level[0], level[-1], len(level)) == (99, 2, 3)


def test_a_snapshot_is_a_copy() -> None:
    ex = book(("buy", 99, 3))
    shown = ex.depth()
    ex.submit_market("sell", 3)
    assert shown.bids == [(99, 3, 1)]
    assert shown != ex.depth()


def test_orders_are_by_price_then_arrival() -> None:
    ex = book(("buy", 98, 1), ("sell", 102, 1), ("buy", 99, 1), ("sell", 101, 1), ("buy", 98, 1))
    assert [order.order_id for order in ex.orders("buy")] == [3, 1, 5]
    assert [order.order_id for order in ex.orders(Side.SELL)] == [4, 2]
    assert [order.order_id for order in ex.orders()] == [3, 1, 5, 4, 2]


def test_an_order_shows_all_of_itself() -> None:
    ex = book(("buy", 100, 10))
    ex.submit_limit("sell", 100, 3)
    ex.reduce(1, 2)
    order = ex.get_order(1)
    expected = {
        "id": 1, "order_id": 1, "side": "buy", "price": 100, "original_quantity": 10, "quantity": 10,
        "remaining_quantity": 5, "filled_quantity": 3, "cancelled_quantity": 2, "status": "PartiallyFilled",
        "time_in_force": "gtc", "timestamp": 1, "stop_id": None,
    }  # fmt: skip
    assert {name: getattr(order, name) for name in expected} == expected


def test_an_order_is_a_copy() -> None:
    ex = book(("buy", 100, 10))
    before = ex.get_order(1)
    assert before == ex.get_order(1)
    ex.submit_limit("sell", 100, 3)
    assert before.remaining_quantity == 10
    assert before != ex.get_order(1)


def test_queue_ahead_is_what_rests_before_an_order() -> None:
    ex = book(("buy", 100, 5), ("buy", 100, 7), ("buy", 100, 1), ("buy", 101, 9))
    assert [ex.queue_ahead(order_id) for order_id in (1, 2, 3, 4, 99)] == [0, 5, 12, 0, None]
    ex.cancel(1)
    ex.reduce(2, 3)
    assert [ex.queue_ahead(order_id) for order_id in (1, 2, 3)] == [None, 0, 4]


# ---------------------------------------------------------------------- 8. words

SPELLINGS: list[tuple[type[enum.StrEnum], str, list[str]]] = [
    (Side, "buy", ["buy", "b", "BUY", "B", "Buy"]),
    (Side, "sell", ["sell", "s", "SELL", "S", "Sell"]),
    (TimeInForce, "gtc", ["gtc", "GTC", "Gtc"]),
    (TimeInForce, "ioc", ["ioc", "IOC"]),
    (TimeInForce, "fok", ["fok", "FOK"]),
    (TrailType, "fixed", ["fixed", "FIXED", "Fixed"]),
    (TrailType, "percentage", ["percentage", "pct", "PCT", "Percentage"]),
    (TrailType, "atr", ["atr", "ATR", "Atr"]),
    (OrderStatus, "New", ["New", "new", "NEW"]),
    (OrderStatus, "PartiallyFilled", ["PartiallyFilled", "partiallyfilled"]),
    (OrderStatus, "Filled", ["Filled", "filled"]),
    (OrderStatus, "Cancelled", ["Cancelled", "CANCELLED"]),
    (OrderStatus, "Pending", ["Pending"]),
    (OrderStatus, "Triggered", ["Triggered"]),
    (OrderError, "OrderNotFound", ["OrderNotFound", "ordernotfound"]),
    (OrderError, "OrderNotActive", ["OrderNotActive"]),
    (OrderError, "InvalidQuantity", ["InvalidQuantity"]),
]
EVERY_SPELLING = [(type_, word, spelling) for type_, word, spellings in SPELLINGS for spelling in spellings]
EACH_SPELLING = pytest.mark.parametrize(("type_", "word", "spelling"), EVERY_SPELLING)
EACH_ARGUMENT = pytest.mark.parametrize(
    ("type_", "word", "spelling"), [row for row in EVERY_SPELLING if row[0] in (Side, TimeInForce, TrailType)]
)


def as_argument(word: object, type_: type[enum.StrEnum]) -> enum.StrEnum:
    """What an exchange takes a word for."""
    ex = Exchange()
    if type_ is Side:
        ex.submit_limit(word, 1, 1)
        return ex.get_order(1).side
    if type_ is TimeInForce:
        ex.submit_stop_limit("buy", 1, 1, 1, word)
        return ex.get_stop_order(1).time_in_force
    ex.submit_trailing_stop_market("buy", 1, 1, word, 1, 14)
    return ex.get_stop_order(1).trail_type


@EACH_SPELLING
def test_a_word_is_known_in_every_spelling(type_: type[enum.StrEnum], word: str, spelling: str) -> None:
    member = type_(spelling)
    assert member == word
    assert isinstance(member, str)
    assert str(member) == f"{member}" == word
    assert hash(member) == hash(word)
    assert json.dumps(member) == json.dumps(word)
    assert pickle.loads(pickle.dumps(member)) is member


@EACH_ARGUMENT
def test_an_exchange_takes_every_spelling(type_: type[enum.StrEnum], word: str, spelling: str) -> None:
    expected = type_(word)
    # A text of its own, one that is known by its address, the member, and one of numpy.
    for argument in ("".join(list(spelling)), sys.intern(spelling), expected, np.str_(spelling)):
        assert as_argument(argument, type_) is expected


def test_the_enums_have_no_other_members() -> None:
    types: dict[type[enum.StrEnum], set[str]] = {}
    for type_, word, _ in SPELLINGS:
        types.setdefault(type_, set()).add(word)
    assert {type_: {str(member) for member in type_} for type_ in types} == types


@pytest.mark.parametrize("type_", [Side, TimeInForce, TrailType, OrderStatus, OrderError])
@pytest.mark.parametrize("word", ["", "x", None, 1, " buy"])
def test_other_words_are_no_members(type_: type[enum.StrEnum], word: object) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{word!r} is not a valid {type_.__name__}")):
        type_(word)


def test_answers_are_members_and_plain_words_at_once() -> None:
    ex, ids = states_of_orders()
    result = ex.submit_limit("buy", 1, 1)
    assert result.status is OrderStatus.NEW
    assert result.status == "New"
    assert {result.status: 1}["New"] == 1
    error = ex.cancel(1000).error
    assert error is OrderError.ORDER_NOT_FOUND
    assert error == "OrderNotFound"
    assert ex.get_order(ids["resting"]).side is Side.BUY
    assert ex.get_order(ids["resting"]).time_in_force is TimeInForce.GTC
    assert ex.trades()[0].aggressor_side is Side.SELL
    assert ex.get_stop_order(ids["pending stop"]).status is OrderStatus.PENDING
    assert ex.events()[0].side is Side.BUY


def test_arguments_have_names(ex: Exchange) -> None:
    ex.submit_limit(side="buy", price=100, quantity=5, tif="gtc")
    ex.submit_market(side="sell", quantity=1)
    ex.reduce(order_id=1, quantity=1)
    ex.modify(order_id=1, new_price=99, new_quantity=2)
    ex.cancel(order_id=3)
    ex.submit_stop_market(side="buy", stop_price=200, quantity=1)
    ex.submit_stop_limit(side="buy", stop_price=200, limit_price=201, quantity=1, tif="ioc")
    trail = {"side": "buy", "initial_stop_price": 200, "quantity": 1, "trail_type": "atr", "trail_value": 2}
    ex.submit_trailing_stop_market(**trail, atr_period=3)
    ex.submit_trailing_stop_limit(**trail, limit_price=201, tif="fok", atr_period=3)
    events = ex.events()
    assert [event.kind for event in events] == [
        "submit_limit", "submit_market", "reduce", "modify", "cancel", "submit_stop_market", "submit_stop_limit",
        "submit_trailing_stop_market", "submit_trailing_stop_limit",
    ]  # fmt: skip
    # The same words make the same events.
    assert Event.submit_trailing_stop_limit(**trail, limit_price=201, tif="fok", atr_period=3) == events[-1]
    several = MultiExchange()
    several.submit_trailing_stop_limit(symbol="A", **trail, limit_price=201, tif="fok", atr_period=3)
    assert several["A"].events() == events[-1:]


def test_a_time_in_force_is_gtc_unless_told(ex: Exchange) -> None:
    ex.submit_limit("buy", 1, 1)
    ex.submit_stop_limit("buy", 5, 5, 1)
    ex.submit_trailing_stop_limit("buy", 5, 5, 1, "fixed", 1)
    assert [event.tif for event in ex.events()] == ["gtc", "gtc", "gtc"]


@pytest.mark.parametrize(("scale", "price"), [(None, 123.45), (0, 12345.0), (2, 123.45), (4, 1.2345), (18, 1.2345e-14)])
def test_a_trade_knows_its_price_as_a_float(scale: int | None, price: float) -> None:
    ex = Exchange() if scale is None else Exchange(price_scale=scale)
    assert ex.price_scale == (2 if scale is None else scale)
    trade_at(ex, 12345)
    assert ex.trades()[0].price_float == pytest.approx(price, rel=1e-15)


def test_a_trade_is_a_value() -> None:
    ex = Exchange(price_scale=4)
    trade_at(ex, 12345, 12345)
    first, second = ex.trades()
    assert first == ex.trades()[0]
    assert hash(first) == hash(ex.trades()[0])
    assert first != second
    assert first != (1, 12345, 1)
    loaded = pickle.loads(pickle.dumps(first))
    assert loaded == first
    assert loaded.price_float == 1.2345
    assert repr(first) == (
        "Trade(trade_id=1, price=12345, quantity=1, aggressor_side='sell', aggressor_order_id=2, passive_order_id=1, "
        "timestamp=3)"
    )


def test_results_tell_what_they_are() -> None:
    ex = book(("buy", 100, 5))
    assert repr(ex.submit_limit("sell", 100, 2)) == (
        "SubmitResult(order_id=2, status='Filled', filled_quantity=2, resting_quantity=0, cancelled_quantity=0, "
        "trades=1)"
    )
    assert "success=True, cancelled_quantity=1, error=None" in repr(ex.reduce(1, 1))
    assert "OrderNotFound" in repr(ex.cancel(9))
    assert "new_order_id=3" in repr(ex.modify(1, 99, 1))
    assert repr(ex.submit_stop_market("buy", 200, 1)) == "StopSubmitResult(order_id=4, status='Pending')"
    assert repr(ex.get_stop_order(4)).startswith("StopOrder(id=4, side='buy', stop_price=200, limit_price=None,")
    assert repr(ex.get_order(3)).startswith("Order(id=3, side='buy', price=99, original_quantity=1,")
    assert repr(ex) == "Exchange('', best 99 / None, 1 trades)"


# ---------------------------------------------------------------------- sequences


@pytest.fixture(params=["trades", "events", "orders"])
def rows(request: pytest.FixtureRequest) -> Any:
    """A sequence of five."""
    ex = Exchange()
    if request.param == "trades":
        trade_at(ex, 1, 2, 3, 4, 5)
        return ex.trades()
    for price in range(5, 0, -1):
        ex.submit_limit("buy", price, 1)
    return ex.orders() if request.param == "orders" else ex.events()


def test_a_sequence_is_like_a_list(rows: Any) -> None:
    plain = list(rows)
    assert len(rows) == len(plain) == 5
    assert [rows[i] for i in range(-5, 5)] == [plain[i] for i in range(-5, 5)]
    for begin, end, step in [
        (None, None, None),
        (1, 3, None),
        (None, None, -1),
        (-2, None, None),
        (4, 0, -2),
        (9, 9, 1),
    ]:
        assert rows[begin:end:step] == plain[begin:end:step]
    assert rows[np.int64(1)] == plain[1]
    assert list(reversed(rows)) == plain[::-1]
    assert plain[3] in rows
    assert plain[3] not in rows[:3]


@pytest.mark.parametrize("index", [5, -6, 10**30])
def test_a_sequence_ends(rows: Any, index: int) -> None:
    with pytest.raises(IndexError):
        rows[index]


@pytest.mark.parametrize("index", ["0", 1.0, None, (0,)], ids=repr)
def test_a_sequence_has_indices_only(rows: Any, index: object) -> None:
    with pytest.raises(TypeError):
        rows[index]


def test_a_step_of_zero_is_refused(rows: Any) -> None:
    with pytest.raises(ValueError, match="step"):
        rows[::0]


def test_sequences_compare_with_sequences(rows: Any) -> None:
    plain = list(rows)
    assert rows == plain
    assert rows == tuple(plain)
    assert rows != plain[:4]
    assert rows != plain[::-1]
    assert rows != 5
    assert rows != "abcde"


@pytest.mark.parametrize("question", ["trades", "events", "orders", "depth"])
def test_what_is_equal_has_equal_hashes_or_none(question: str) -> None:
    ex = book(("buy", 100, 5), ("sell", 100, 1))
    first, second = getattr(ex, question)(), getattr(ex, question)()
    assert first == second
    try:
        assert hash(first) == hash(second)
    except TypeError as error:
        assert "unhashable" in str(error)  # noqa: PT017 - either will do


def test_a_sequence_says_how_long_it_is(rows: Any) -> None:
    assert repr(rows) == f"{type(rows).__name__}(5 rows)"


@pytest.mark.parametrize("count", [1, 100, 5000])
def test_sequences_do_not_change_with_the_exchange(count: int) -> None:
    ex = Exchange()
    trade_at(ex, *range(1, count + 1))
    trades, events, orders = ex.trades(), ex.events(), ex.orders()
    plain = list(trades)
    trade_at(ex, *range(1, 1000))
    assert (len(trades), len(events), len(orders)) == (count, 2 * count, 0)
    ex.clear_trades()
    trade_at(ex, *range(1, 1000))
    assert trades == plain
    assert len(ex.trades()) == 999
    del ex
    gc.collect()
    assert [trade.price for trade in trades] == list(range(1, count + 1))
    assert {event.kind for event in events} == {"submit_limit"}


# ---------------------------------------------------------------------- 6. events

# Every kind: how it is made, its fields, and its line in a file.
EVENTS: list[tuple[Event, dict[str, Any], str]] = [
    (
        Event.submit_limit("buy", 10000, 100),
        {"kind": "submit_limit", "side": "buy", "price": 10000, "quantity": 100, "tif": "gtc"},
        '{"SubmitLimit":{"side":"Buy","price":10000,"quantity":100,"time_in_force":"GTC"}}',
    ),
    (
        Event.submit_limit("sell", 5, 1, "fok", symbol="AAPL"),
        {"kind": "submit_limit", "side": "sell", "price": 5, "quantity": 1, "tif": "fok", "symbol": "AAPL"},
        '{"SubmitLimit":{"side":"Sell","price":5,"quantity":1,"time_in_force":"FOK","symbol":"AAPL"}}',
    ),
    (
        Event.submit_limit("sell", 5, 1, matching=False),
        {"kind": "submit_limit", "side": "sell", "price": 5, "quantity": 1, "tif": "gtc", "matching": False},
        '{"SubmitLimit":{"side":"Sell","price":5,"quantity":1,"time_in_force":"GTC","matching":false}}',
    ),
    (
        Event.submit_market("sell", MAX_QUANTITY),
        {"kind": "submit_market", "side": "sell", "quantity": MAX_QUANTITY},
        '{"SubmitMarket":{"side":"Sell","quantity":18446744073709551615}}',
    ),
    (Event.cancel(1), {"kind": "cancel", "order_id": 1}, '{"Cancel":{"order_id":1}}'),
    (
        Event.reduce(1, 5),
        {"kind": "reduce", "order_id": 1, "quantity": 5},
        '{"Reduce":{"order_id":1,"quantity":5}}',
    ),
    (
        Event.modify(1, 10100, 5),
        {"kind": "modify", "order_id": 1, "new_price": 10100, "new_quantity": 5},
        '{"Modify":{"order_id":1,"new_price":10100,"new_quantity":5}}',
    ),
    (
        Event.submit_stop_market("sell", 9000, 7),
        {"kind": "submit_stop_market", "side": "sell", "stop_price": 9000, "quantity": 7},
        '{"SubmitStopMarket":{"side":"Sell","stop_price":9000,"quantity":7}}',
    ),
    (
        Event.submit_stop_limit("buy", 9000, MAX_PRICE, 7, "ioc"),
        {"kind": "submit_stop_limit", "side": "buy", "stop_price": 9000, "limit_price": MAX_PRICE, "quantity": 7,
         "tif": "ioc"},
        '{"SubmitStopLimit":{"side":"Buy","stop_price":9000,"limit_price":9223372036854775807,"quantity":7,'
        '"time_in_force":"IOC"}}',
    ),
    (
        Event.submit_trailing_stop_market("sell", 7000, 100, "atr", 2, 14),
        {"kind": "submit_trailing_stop_market", "side": "sell", "initial_stop_price": 7000, "quantity": 100,
         "trail_type": "atr", "trail_value": 2.0, "atr_period": 14},
        '{"SubmitTrailingStopMarket":{"side":"Sell","stop_price":7000,"quantity":100,'
        '"trail_method":{"Atr":{"multiplier":2.0,"period":14}}}}',
    ),
    (
        Event.submit_trailing_stop_market("sell", 7000, 100, "pct", 0.1),
        {"kind": "submit_trailing_stop_market", "side": "sell", "initial_stop_price": 7000, "quantity": 100,
         "trail_type": "percentage", "trail_value": 0.1},
        '{"SubmitTrailingStopMarket":{"side":"Sell","stop_price":7000,"quantity":100,'
        '"trail_method":{"Percentage":0.1}}}',
    ),
    (
        Event.submit_trailing_stop_limit("buy", 7000, 7100, 100, "fixed", 50, "fok"),
        {"kind": "submit_trailing_stop_limit", "side": "buy", "initial_stop_price": 7000, "limit_price": 7100,
         "quantity": 100, "trail_type": "fixed", "trail_value": 50, "tif": "fok"},
        '{"SubmitTrailingStopLimit":{"side":"Buy","stop_price":7000,"limit_price":7100,"quantity":100,'
        '"time_in_force":"FOK","trail_method":{"Fixed":50}}}',
    ),
    (
        Event.execute(1, 5),
        {"kind": "execute", "order_id": 1, "quantity": 5, "match_number": 0},
        '{"Execute":{"order_id":1,"quantity":5,"match_number":0}}',
    ),
    (
        Event.execute(1, 5, 100, 77, printable=False),
        {"kind": "execute", "order_id": 1, "quantity": 5, "price": 100, "match_number": 77, "printable": False},
        '{"Execute":{"order_id":1,"quantity":5,"price":100,"match_number":77,"printable":false}}',
    ),
    (
        Event.trade("buy", 100, 5, 77),
        {"kind": "trade", "side": "buy", "price": 100, "quantity": 5, "match_number": 77},
        '{"Trade":{"side":"Buy","price":100,"quantity":5,"match_number":77}}',
    ),
]  # fmt: skip
EACH_EVENT = pytest.mark.parametrize(("event", "fields", "line"), EVENTS, ids=[event.kind for event, _, _ in EVENTS])
ALL_FIELDS = {name for _, fields, _ in EVENTS for name in fields} - {"symbol"}


@EACH_EVENT
def test_an_event_has_its_fields_and_no_others(event: Event, fields: dict[str, Any], line: str) -> None:
    del line
    assert event.to_dict() == fields
    assert {name: getattr(event, name) for name in fields} == fields
    assert event.symbol == fields.get("symbol", "")
    for name in ALL_FIELDS - set(fields):
        with pytest.raises(AttributeError, match=f"'{event.kind}' has no '{name}'"):
            getattr(event, name)


@EACH_EVENT
def test_an_event_is_a_line_of_json(event: Event, fields: dict[str, Any], line: str) -> None:
    del fields
    assert event.to_json() == line
    assert Event.from_json(line) == event
    assert Event.from_json(json.dumps(json.loads(line), indent=1)) == event


@EACH_EVENT
def test_an_event_is_a_value(event: Event, fields: dict[str, Any], line: str) -> None:
    del fields, line
    copies = [copy.copy(event), copy.deepcopy(event), pickle.loads(pickle.dumps(event)), eval(repr(event))]
    assert copies == [event] * 4
    assert {hash(other) for other in copies} == {hash(event)}
    others = [other for other, _, _ in EVENTS if other is not event]
    assert event not in others
    assert event != event.to_json()
    assert event != None


@EACH_EVENT
def test_an_event_does_not_change(event: Event, fields: dict[str, Any], line: str) -> None:
    del line
    for name, value in fields.items():
        with pytest.raises(AttributeError):
            setattr(event, name, value)


def test_events_are_of_every_kind_that_the_exchange_has_a_method_for() -> None:
    kinds = {event.kind for event, _, _ in EVENTS}
    submits = {name for name in dir(Exchange) if name.startswith("submit_")} - {"submit_batch"}
    assert kinds == submits | {"cancel", "reduce", "modify", "execute", "trade"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "expected an object"),
        ("{}", "an object without an event"),
        ("[]", "column 1"),
        ('{"Cancel":{}}', 'Cancel lacks the key "order_id"'),
        ('{"Cancel":{"order_id":-1}}', "order_id is -1"),
        ('{"Cancel":{"order_id":1,"order_id":1}}', 'the key "order_id" comes twice'),
        ('{"Cancel":{"order_id":1,"price":1}}', 'Cancel has no key "price"'),
        ('{"Cancel":{"order_id":1}}{}', "column 26"),
        ('{"Explode":{"order_id":1}}', 'there is no event "Explode"'),
        ('{"SubmitMarket":{"side":"Up","quantity":1}}', 'side is "Up"'),
        ('{"SubmitMarket":{"side":"Buy","quantity":0}}', "quantity is 0"),
        ('{"SubmitMarket":{"side":"Buy","quantity":1.5}}', "quantity is 1.5"),
        ('{"SubmitMarket":{"side":"Buy","quantity":1,"symbol":"NINECHARS"}}', 'symbol is "NINECHARS"'),
        ('{"SubmitLimit":{"side":"Buy","price":0,"quantity":1}}', "price is 0"),
    ],
)
def test_a_line_that_is_no_event_says_why(line: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        Event.from_json(line)


def test_apply_answers_like_the_method_of_the_kind() -> None:
    ex, twin = book(("sell", 100, 5)), book(("sell", 100, 5))
    calls: list[tuple[str, Args]] = [
        ("submit_limit", ("buy", 100, 2)),
        ("submit_market", ("buy", 1)),
        ("submit_limit", ("buy", 90, 2)),
        ("reduce", (4, 1)),
        ("modify", (4, 91, 3)),
        ("modify", (4, 91, 3)),
        ("cancel", (5,)),
        ("cancel", (5,)),
        ("submit_stop_market", ("buy", 100, 1)),
        ("submit_stop_limit", ("sell", 50, 49, 1)),
        ("submit_trailing_stop_market", ("sell", 50, 1, "fixed", 5)),
        ("submit_trailing_stop_limit", ("sell", 50, 49, 1, "fixed", 5)),
    ]
    for method, args in calls:
        answer = ex.apply(getattr(Event, method)(*args))
        direct = getattr(twin, method)(*args)
        assert type(answer) is type(direct)
        assert result_row(answer) == result_row(direct)
    assert ex.events() == twin.events()
    assert ex.state_hash() == twin.state_hash()


def everything() -> Exchange:
    """An exchange to which all kinds of events happened, with stops that are pending, fired and cancelled."""
    ex = book(("buy", 100, 5), ("buy", 99, 5), ("sell", 105, 5), ("sell", 106, 5), max_rounds=7, symbol="ACME")
    ex.submit_stop_market("sell", 100, 1)
    ex.submit_stop_limit("buy", 110, 111, 2, "ioc")
    ex.submit_trailing_stop_market("sell", 90, 1, "percentage", 0.0625)
    ex.submit_trailing_stop_market("buy", 120, 1, "atr", 2.5, 3)
    ex.submit_trailing_stop_limit("sell", 80, 70, 3, "fixed", 12, "fok")
    ex.submit_market("sell", 2)
    ex.submit_limit("buy", 105, 2, "ioc")
    ex.cancel(6)
    ex.reduce(4, 2)
    ex.modify(2, 98, 6)
    ex.submit_limit("buy", 105, 100, "fok")
    ex.apply(Event.submit_limit("sell", 104, 3, matching=False))
    ex.apply(Event.execute(4, 1, 103, 9))
    ex.apply(Event.execute(3, 1, printable=False))
    ex.apply(Event.trade("buy", 101, 50, 10))
    ex.cancel(1000)
    return ex


def test_the_state_hash_of_a_sequence_is_the_same_everywhere() -> None:
    assert len({event.kind for event in everything().events()}) == 11
    assert everything().state_hash() == STATE_HASH


def test_the_state_hash_tells_states_apart() -> None:
    def hash_after(*calls: tuple[str, Args], **options: Any) -> int:
        ex = book(("buy", 100, 5), **options)
        for method, args in calls:
            getattr(ex, method)(*args)
        return ex.state_hash()

    hashes = [
        hash_after(),
        hash_after(max_rounds=99),
        hash_after(("submit_limit", ("buy", 100, 5))),
        hash_after(("submit_limit", ("sell", 101, 5))),
        hash_after(("submit_limit", ("sell", 102, 5))),
        hash_after(("submit_limit", ("sell", 101, 6))),
        hash_after(("submit_limit", ("sell", 101, 5)), ("cancel", (2,))),
        hash_after(("submit_limit", ("sell", 101, 5)), ("reduce", (2, 1))),
        hash_after(("submit_limit", ("sell", 100, 1))),
        hash_after(("submit_stop_market", ("sell", 90, 1))),
        hash_after(("submit_stop_market", ("sell", 91, 1))),
        hash_after(("submit_stop_market", ("sell", 90, 1)), ("cancel", (2,))),
        hash_after(("submit_stop_limit", ("sell", 90, 90, 1))),
        hash_after(("submit_stop_limit", ("sell", 90, 90, 1, "ioc"))),
        hash_after(("submit_trailing_stop_market", ("sell", 90, 1, "fixed", 1))),
        hash_after(("submit_trailing_stop_market", ("sell", 90, 1, "pct", 1))),
        hash_after(("submit_trailing_stop_market", ("sell", 90, 1, "atr", 1, 1))),
        hash_after(("submit_trailing_stop_market", ("sell", 90, 1, "atr", 1, 2))),
    ]
    assert len(set(hashes)) == len(hashes)
    assert hash_after(symbol="OTHER", price_scale=4) == hashes[0]


@pytest.mark.parametrize("form", ["events", "list", "slice", "generator", "json"])
def test_a_replay_gives_the_exchange_again(form: str) -> None:
    ex = everything()
    events: Any = {
        "events": ex.events(),
        "list": list(ex.events()),
        "slice": ex.events()[:],
        "generator": (event for event in ex.events()),
        "json": [Event.from_json(event.to_json()) for event in ex.events()],
    }[form]
    again = Exchange.replay(events, "ACME", max_rounds=7)
    assert again.state_hash() == ex.state_hash()
    assert again.trades() == ex.trades()
    assert again.orders() == ex.orders()
    assert again.pending_stops() == ex.pending_stops()
    assert again.events() == ex.events()
    assert (again.symbol, again.max_rounds) == ("ACME", 7)
    assert [again.get_stop_order(i) for i in range(1, 30)] == [ex.get_stop_order(i) for i in range(1, 30)]
    assert [again.get_order(i) for i in range(1, 30)] == [ex.get_order(i) for i in range(1, 30)]


def test_replay_has_options() -> None:
    again = Exchange.replay([Event.cancel(1)], symbol="ABC", max_rounds=3, price_scale=4)
    assert (again.symbol, again.max_rounds, again.price_scale) == ("ABC", 3, 4)
    assert Exchange.replay([]).state_hash() == Exchange().state_hash()


def test_a_replay_and_the_live_exchange_go_on_alike() -> None:
    ex = everything()
    again = Exchange.replay(ex.events(), max_rounds=7)
    for exchange in (ex, again):
        exchange.submit_market("buy", 9)
        exchange.submit_market("sell", 20)
    assert again.state_hash() == ex.state_hash()
    assert again.trades() == ex.trades()


def test_apply_all_goes_on_from_where_an_exchange_is() -> None:
    ex = everything()
    events = ex.events()
    again = Exchange("ACME", max_rounds=7)
    again.apply_all(events[:9])
    again.apply_all(iter(events[9:]))
    assert again.state_hash() == ex.state_hash()


def test_an_exchange_can_be_given_its_own_events() -> None:
    ex = book(("buy", 100, 1))
    ex.apply_all(ex.events())
    assert levels(ex, "buy") == [(100, 2, 2)]


@pytest.mark.parametrize("item", [5, None, "cancel", ("A", 5), ("A", Event.cancel(1), 1)], ids=repr)
def test_what_is_no_event_is_named_by_its_place_and_nothing_happens(item: object, ex: Exchange) -> None:
    for apply in (ex.apply_all, Exchange.replay, MultiExchange.replay):
        with pytest.raises(TypeError, match="item 1 is no Event but"):
            apply([Event.submit_limit("buy", 1, 1), item])
    assert len(ex.events()) == 0


def test_what_an_iterator_raises_comes_through_and_nothing_happens(ex: Exchange) -> None:
    def events() -> Iterator[Event]:
        yield Event.submit_limit("buy", 1, 1)
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        ex.apply_all(events())
    assert len(ex.events()) == 0


@pytest.mark.parametrize("events", [5, None, Event.cancel(1)], ids=repr)
def test_events_come_from_an_iterable(events: object, ex: Exchange) -> None:
    for apply in (ex.apply_all, Exchange.replay, MultiExchange.replay):
        with pytest.raises(TypeError):
            apply(events)
    with pytest.raises(TypeError):
        ex.apply(events if events != Event.cancel(1) else [events])


@pytest.mark.parametrize("meanwhile", ["ex.full_book(), ex.orders(), ex.trades()[-5:]", "ex.apply_all(events[:1000])"])
def test_other_threads_may_use_an_exchange_to_which_events_are_applied(meanwhile: str) -> None:
    # They may be told to wait, but nothing is torn and nothing crashes.
    code = f"""
        import threading
        from nanobook import Event, Exchange
        events = [Event.submit_limit("bs"[i % 2], 1 + i * 7919 % 100_003, 1 + i % 7) for i in range(200_000)]
        ex = Exchange()
        done = threading.Event()

        def use():
            while not done.is_set():
                try:
                    {meanwhile}
                except RuntimeError:
                    pass

        thread = threading.Thread(target=use)
        thread.start()
        while not done.is_set():
            try:
                ex.apply_all(events)
                done.set()
            except RuntimeError:
                pass
        thread.join()
        print(Exchange.replay(ex.events()).state_hash() == ex.state_hash())
    """
    assert assert_runs(code) == "True\n"


# The log.


def test_the_log_can_be_switched_off_and_on() -> None:
    ex = Exchange(log_events=False)
    assert ex.log_events is False
    trade_at(ex, 100)
    assert (len(ex.events()), len(ex.trades())) == (0, 1)
    ex.log_events = True
    ex.submit_limit("buy", 99, 1)
    assert [event.price for event in ex.events()] == [99]
    twin = Exchange()
    trade_at(twin, 100)
    twin.submit_limit("buy", 99, 1)
    assert twin.log_events is True
    assert ex.state_hash() == twin.state_hash()


def test_a_log_with_gaps_is_not_saved(tmp_path: Path) -> None:
    ex = Exchange(log_events=False)
    ex.submit_limit("buy", 1, 1)
    ex.log_events = True
    with pytest.raises(ValueError, match="pickle"):
        ex.save(tmp_path / "log.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_was_off_while_nothing_happened_is_whole(tmp_path: Path) -> None:
    ex = Exchange(log_events=False)
    with pytest.raises(ValueError, match="price is 0"):
        ex.submit_limit("buy", 0, 1)
    ex.log_events = True
    ex.submit_limit("buy", 1, 1)
    ex.save(tmp_path / "log.jsonl")
    assert Exchange.load(tmp_path / "log.jsonl").state_hash() == ex.state_hash()


# ---------------------------------------------------------------------- copies and pickles


def copied(ex: Any) -> Any:
    return copy.copy(ex)


def deep_copied(ex: Any) -> Any:
    return copy.deepcopy(ex)


def pickled(ex: Any) -> Any:
    return pickle.loads(pickle.dumps(ex))


EACH_COPY = pytest.mark.parametrize("copied", [copied, deep_copied, pickled])


@EACH_COPY
@pytest.mark.parametrize("clear", [False, True])
@pytest.mark.parametrize("log_events", [False, True])
def test_a_copy_is_the_same_exchange(copied: Callable[[Any], Any], clear: bool, log_events: bool) -> None:
    ex = everything()
    if clear:
        ex.clear_trades()
        ex.clear_order_history()
    ex.log_events = log_events
    ex.submit_limit("buy", 1, 1)
    other = copied(ex)
    assert other is not ex
    assert (other.symbol, other.max_rounds, other.price_scale) == ("ACME", 7, 2)
    assert other.log_events == log_events
    assert other.state_hash() == ex.state_hash()
    for _ in range(2):
        assert other.trades() == ex.trades()
        assert other.events() == ex.events()
        assert other.orders() == ex.orders()
        assert other.full_book() == ex.full_book()
        assert [other.get_order(i) for i in range(1, 40)] == [ex.get_order(i) for i in range(1, 40)]
        assert [other.get_stop_order(i) for i in range(1, 40)] == [ex.get_stop_order(i) for i in range(1, 40)]
        for exchange in (ex, other):
            exchange.submit_market("buy", 7)
            exchange.submit_market("sell", 30)


@EACH_COPY
def test_a_copy_is_an_exchange_of_its_own(copied: Callable[[Any], Any]) -> None:
    ex = everything()
    before = ex.state_hash()
    other = copied(ex)
    other.submit_market("buy", 7)
    other.clear_trades()
    assert ex.state_hash() == before
    assert len(ex.trades()) > 0


@EACH_COPY
def test_a_copy_of_an_incomplete_log_is_incomplete(copied: Callable[[Any], Any], tmp_path: Path) -> None:
    ex = Exchange(log_events=False)
    ex.submit_limit("buy", 1, 1)
    with pytest.raises(ValueError, match="switched off"):
        copied(ex).save(tmp_path / "log.jsonl")


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b + b"\0", lambda _: b"", lambda b: b"x" + b[1:]])
def test_a_pickle_that_is_damaged_is_refused(damage: Callable[[bytes], bytes]) -> None:
    make, arguments, state = everything().__reduce_ex__(2)[:3]
    image, *rest = state if isinstance(state, tuple) else (state,)
    damaged = (damage(image), *rest) if rest else damage(image)
    with pytest.raises(ValueError, match="image"):
        make(*arguments).__setstate__(damaged)


class Counting(Exchange):
    """A subclass, as a user may write one."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.submitted = 0

    def submit_limit(self, *args: Any, **options: Any) -> nanobook.SubmitResult:
        self.submitted += 1
        return super().submit_limit(*args, **options)


def test_an_exchange_can_be_subclassed() -> None:
    ex = Counting("ABC", max_rounds=3)
    result = ex.submit_limit("buy", 100, 5, tif="gtc")
    assert (result.order_id, ex.submitted, ex.symbol, ex.max_rounds) == (1, 1, "ABC", 3)
    assert isinstance(ex, Exchange)
    assert ex.best_bid() == 100


@EACH_COPY
def test_a_copy_of_a_subclass_is_one_too(copied: Callable[[Any], Any]) -> None:
    ex = Counting("ABC")
    ex.submit_limit("buy", 100, 5)
    other = copied(ex)
    assert type(other) is Counting
    assert other.submitted == 1
    assert other.state_hash() == ex.state_hash()


def test_a_subclass_that_forgets_its_base_is_refused_but_does_not_crash() -> None:
    code = """
        import warnings
        from nanobook import Exchange
        warnings.simplefilter("ignore")
        class Forgetful(Exchange):
            def __init__(self):
                pass
        try:
            Forgetful().submit_limit("buy", 1, 1)
        except TypeError:
            print("TypeError")
    """
    assert assert_runs(code) == "TypeError\n"


# ---------------------------------------------------------------------- files


def test_an_exchange_is_saved_and_loaded(tmp_path: Path) -> None:
    ex = everything()
    path = tmp_path / "log.jsonl"
    ex.save(path)
    again = Exchange.load(path)
    assert again.state_hash() == ex.state_hash()
    assert again.events() == ex.events()
    assert (again.symbol, again.max_rounds, again.price_scale) == ("ACME", 7, 2)
    again.save(str(path) + "2")
    assert Path(str(path) + "2").read_bytes() == path.read_bytes()


def test_a_file_begins_with_a_header(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    book(("buy", 100, 5), symbol="ABC", max_rounds=9, price_scale=4).save(path)
    header, line = path.read_text().splitlines()
    assert json.loads(header) == {
        "format": "nanobook-events", "version": 1, "engine": nanobook.__version__, "symbol": "ABC", "max_rounds": 9,
        "price_scale": 4, "events": 1,
    }  # fmt: skip
    assert line == Event.submit_limit("buy", 100, 5).to_json()


def test_events_are_saved_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    events = [event for event, _, _ in EVENTS]
    nanobook.save_events(path, iter(events), "ABC", max_rounds=9, price_scale=4)
    loaded = nanobook.load_events(path)
    assert isinstance(loaded, nanobook.Events)
    assert loaded == events
    nanobook.save_events(path, loaded)
    assert nanobook.load_events(path) == events


def test_events_with_their_symbol_beside_them_are_saved_with_it(tmp_path: Path) -> None:
    nanobook.save_events(tmp_path / "log.jsonl", [("ABC", Event.cancel(1)), Event.cancel(2)])
    assert [event.symbol for event in nanobook.load_events(tmp_path / "log.jsonl")] == ["ABC", ""]


def test_saving_nothing_makes_a_file_that_loads(tmp_path: Path) -> None:
    Exchange("ABC").save(tmp_path / "log.jsonl")
    assert Exchange.load(tmp_path / "log.jsonl").symbol == "ABC"


LINES = """\
{"SubmitLimit":{"side":"Buy","price":10000,"quantity":100,"time_in_force":"GTC"}}
{"SubmitTrailingStopMarket":{"side":"Sell","stop_price":7000,"quantity":100,"trail_method":{"SmaAbsChange":{"multiplier":2.0,"period":14}}}}
{"Cancel":{"order_id":1}}
"""


@pytest.mark.parametrize(
    "text", [LINES, LINES.rstrip(), LINES.replace("\n", "\r\n"), LINES.replace("\n", "\n\n"), "\ufeff" + LINES]
)
def test_a_file_without_a_header_loads(text: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(text, encoding="utf-8", newline="")
    trail = Event.submit_trailing_stop_market("sell", 7000, 100, "atr", 2.0, 14)
    assert nanobook.load_events(path) == [Event.submit_limit("buy", 10000, 100), trail, Event.cancel(1)]
    ex = Exchange.load(path)
    assert (ex.symbol, ex.max_rounds, ex.price_scale) == ("", 100, 2)
    assert ex.get_stop_order(2).trail_type == "atr"


HEADER = '{"format":"nanobook-events","version":1}\n'


@pytest.mark.parametrize("load", [nanobook.load_events, Exchange.load], ids=["load_events", "Exchange.load"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LINES + "x\n", "line 4: column 1: expected an object"),
        (LINES + '{"Cancel":{"order_id":', "line 4: column 23"),
        (HEADER + LINES + '{"Cancel":{}}\n', 'line 5: Cancel lacks the key "order_id"'),
        (LINES + '\n\n{"SubmitMarket":{"side":"Buy","quantity":0}}\n', "line 6: quantity is 0"),
        (LINES + HEADER, 'line 4: column 2: there is no event "format"'),
        (HEADER.replace("1", "2"), "line 1: version is 2"),
        (HEADER.replace("events", "orders"), 'line 1: format is "nanobook-orders"'),
        (HEADER.replace('1}', '1,"max_rounds":-1}'), "line 1: column 54: max_rounds is -1"),
        (HEADER.replace('1}', '1,"price_scale":19}'), "line 1: price scale is 19"),
        (HEADER.replace('1}', '1,"events":4}') + LINES, "event 3; its header promises 4 events"),
        (LINES.encode().replace(b"Buy", b"\xff\xfe"), 'line 1: column 24: side is "\\xff\\xfe"'),
    ],
)  # fmt: skip
def test_a_line_that_is_wrong_is_named_with_the_file_and_the_reason(
    load: Callable[[Path], object], text: str | bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_file_of_several_symbols_is_no_exchange(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    nanobook.save_events(path, [("A", Event.submit_limit("buy", 1, 1)), ("B", Event.submit_limit("sell", 1, 1))])
    with pytest.raises(ValueError, match=r"several symbols.*MultiExchange"):
        Exchange.load(path)
    assert MultiExchange.replay(nanobook.load_events(path)).symbols() == ["A", "B"]


@pytest.mark.parametrize(
    "use",
    [
        lambda path: Exchange.load(path),
        lambda path: nanobook.load_events(path),
        lambda path: Exchange().save(path),
        lambda path: nanobook.save_events(path, []),
        lambda path: nanobook.open_journal(path),
    ],
    ids=["Exchange.load", "load_events", "Exchange.save", "save_events", "open_journal"],
)
def test_failures_of_the_system_are_those_of_open(use: Callable[[Path], object], tmp_path: Path) -> None:
    missing = tmp_path / "no folder" / "file"
    with pytest.raises(FileNotFoundError, match=re.escape(str(missing))) as caught:
        use(missing)
    assert caught.value.filename == str(missing)
    with pytest.raises(IsADirectoryError, match=re.escape(str(tmp_path))):
        use(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_save_that_fails_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    ex = book(("buy", 100, 5))
    ex.save(path)
    before = path.read_bytes()
    ex.apply_all([Event.submit_limit("buy", 99, 1)] * 1000)
    with largest_file(10_000), pytest.raises(OSError, match="File too large") as caught:
        ex.save(path)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    ex.save(path)
    assert len(nanobook.load_events(path)) == 1001


def test_events_that_cannot_be_read_keep_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("old")
    with pytest.raises(TypeError, match="item 1 is no Event"):
        nanobook.save_events(path, [Event.cancel(1), 5])
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_paths_are_of_any_kind(tmp_path: Path) -> None:
    ex = book(("buy", 100, 5))
    for path in (tmp_path / "a", str(tmp_path / "b"), os.fsencode(tmp_path / "c"), tmp_path / "ä"):
        ex.save(path)
        assert Exchange.load(path).state_hash() == ex.state_hash()


# ---------------------------------------------------------------------- journals


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "orders.journal"


def fill(path: Path, prices: Sequence[int], **options: Any) -> int:
    """A journal of one bid at each price; the state it ends with."""
    with nanobook.open_journal(path, **options) as ex:
        for price in prices:
            ex.submit_limit("buy", price, 1)
        return ex.state_hash()


def prices_in(path: Path, **options: Any) -> list[int]:
    with nanobook.open_journal(path, **options) as ex:
        return [event.price for event in ex.events()]


def test_a_journal_gives_the_exchange_again(journal: Path) -> None:
    source = everything()
    with nanobook.open_journal(journal, "ACME", max_rounds=7, price_scale=4) as ex:
        assert isinstance(ex, Exchange)
        assert isinstance(ex, nanobook.JournaledExchange)
        assert ex.path == journal
        ex.apply_all(source.events())
    with nanobook.open_journal(journal) as again:
        assert again.state_hash() == source.state_hash()
        assert again.trades() == source.trades()
        assert again.events() == source.events()
        assert (again.symbol, again.max_rounds, again.price_scale) == ("ACME", 7, 4)
        assert (again.events_recovered, again.bytes_cut) == (len(source.events()), 0)
        # It goes on from there.
        for exchange in (again, source):
            exchange.submit_market("sell", 9)
    with nanobook.open_journal(journal) as again:
        assert again.state_hash() == source.state_hash()


def test_a_new_journal_is_a_new_exchange(journal: Path) -> None:
    with nanobook.open_journal(journal) as ex:
        assert (ex.symbol, ex.max_rounds, ex.price_scale) == ("", 100, 2)
        assert (ex.events_recovered, ex.bytes_cut, ex.best_bid()) == (0, 0, None)
    assert journal.stat().st_size == RECORD


def test_bad_input_is_not_in_the_journal(journal: Path) -> None:
    with nanobook.open_journal(journal) as ex:
        with pytest.raises(ValueError, match="price is 0"):
            ex.submit_limit("buy", 0, 1)
        ex.cancel(5)
    with nanobook.open_journal(journal) as ex:
        assert ex.events() == [Event.cancel(5)]


@pytest.mark.parametrize("kept", range(RECORD))
def test_a_record_that_is_cut_anywhere_is_cut_off(kept: int, journal: Path) -> None:
    fill(journal, [100, 101])
    two = Exchange.replay([Event.submit_limit("buy", price, 1) for price in (100, 101)])
    fill(journal, [102])
    os.truncate(journal, RECORD * 3 + kept)
    with nanobook.open_journal(journal) as ex:
        assert (ex.events_recovered, ex.bytes_cut) == (2, kept)
        assert ex.state_hash() == two.state_hash()
        ex.submit_limit("buy", 103, 1)
    assert prices_in(journal) == [100, 101, 103]
    with nanobook.open_journal(journal) as ex:
        assert ex.bytes_cut == 0


@pytest.mark.parametrize("place", [0, 7, 8, 16, 30, 59, 60, 63])
def test_a_last_record_with_a_wrong_byte_is_cut_off(place: int, journal: Path) -> None:
    fill(journal, [100, 101])
    data = bytearray(journal.read_bytes())
    data[RECORD * 2 + place] ^= 1
    journal.write_bytes(data)
    with nanobook.open_journal(journal) as ex:
        assert (ex.events_recovered, ex.bytes_cut) == (1, RECORD)
    assert prices_in(journal) == [100]


def test_damage_in_the_middle_is_refused_unless_repair_is_allowed(journal: Path) -> None:
    fill(journal, [100, 101, 102, 103])
    data = bytearray(journal.read_bytes())
    data[RECORD * 2 + 20] ^= 1
    journal.write_bytes(data)
    with pytest.raises(ValueError, match=rf"{re.escape(str(journal))}: record 2 at byte {RECORD * 2} .*repair"):
        nanobook.open_journal(journal)
    assert journal.read_bytes() == data
    with nanobook.open_journal(journal, repair=True) as ex:
        assert (ex.events_recovered, ex.bytes_cut) == (1, RECORD * 3)
    assert prices_in(journal) == [100]


@pytest.mark.parametrize("place", [8, 20, 63])
def test_a_damaged_header_is_refused(place: int, journal: Path) -> None:
    fill(journal, [100])
    data = bytearray(journal.read_bytes())
    data[place] ^= 1
    journal.write_bytes(data)
    with pytest.raises(ValueError, match="the header is damaged"):
        nanobook.open_journal(journal, repair=True)
    assert journal.read_bytes() == data


@pytest.mark.parametrize("content", [b"x", b"no journal at all", LINES.encode(), bytes(200)])
def test_another_file_is_no_journal_and_left_alone(content: bytes, journal: Path) -> None:
    journal.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(f"{journal}: this is no journal")):
        nanobook.open_journal(journal, repair=True)
    assert journal.read_bytes() == content


def test_a_journal_of_another_symbol_is_refused(journal: Path) -> None:
    fill(journal, [100], symbol="ABC")
    for asked, words in (("XYZ", "symbol XYZ"), ("", "no symbol")):
        with pytest.raises(ValueError, match=f"the journal has symbol ABC; asked for was {words}$"):
            nanobook.open_journal(journal, asked)
    assert prices_in(journal, symbol="ABC") == [100]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"symbol": "XYZ"}, "no symbol; asked for was symbol XYZ"),
        ({"max_rounds": 7}, "max rounds 100; asked for was max rounds 7"),
        ({"price_scale": 4}, "price scale 2; asked for was price scale 4"),
        ({"symbol": "", "max_rounds": 7}, "max rounds 100; asked for was max rounds 7"),
        (
            {"symbol": "XYZ", "price_scale": 4},
            "no symbol and price scale 2; asked for was symbol XYZ and price scale 4",
        ),
    ],
)
def test_a_journal_with_other_options_is_refused_by_name(options: dict[str, Any], words: str, journal: Path) -> None:
    fill(journal, [100])
    with pytest.raises(ValueError, match=f"^{re.escape(f'{journal}: the journal has {words}')}$"):
        nanobook.open_journal(journal, **options)


@pytest.mark.parametrize("kept", [0, 8, 40, 63])
def test_a_journal_whose_header_was_cut_begins_anew_with_the_options_it_is_given(kept: int, journal: Path) -> None:
    fill(journal, [], max_rounds=7, price_scale=4)
    os.truncate(journal, kept)
    with nanobook.open_journal(journal, max_rounds=7, price_scale=4) as ex:
        assert (ex.max_rounds, ex.price_scale, ex.bytes_cut) == (7, 4, kept)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"symbol": "NINECHARS"}, "symbol is 'NINECHARS'"),
        ({"price_scale": 19}, "price scale is 19"),
        ({"max_rounds": -1}, "max.rounds is -1"),
        ({"flush_every": -1}, "flush.every is -1"),
    ],
)
def test_a_journal_with_bad_options_is_not_made(options: dict[str, Any], words: str, journal: Path) -> None:
    with pytest.raises(ValueError, match=words):
        nanobook.open_journal(journal, **options)
    assert not journal.exists()


def test_a_journal_has_one_writer(journal: Path) -> None:
    with nanobook.open_journal(journal) as ex:
        with pytest.raises(ValueError, match=re.escape(f"{journal}: another Journal has it open")):
            nanobook.open_journal(journal)
        done = run_python("import nanobook, sys; nanobook.open_journal(sys.argv[1])", journal)
        assert "another Journal has it open" in done.stderr
        ex.submit_limit("buy", 100, 1)
    assert prices_in(journal) == [100]


def test_a_journal_that_nobody_holds_is_closed(journal: Path) -> None:
    ex = nanobook.open_journal(journal, flush_every=0)
    ex.submit_limit("buy", 100, 1)
    del ex
    gc.collect()
    assert prices_in(journal) == [100]


def test_a_closed_journal_takes_nothing_and_still_answers(journal: Path) -> None:
    ex = nanobook.open_journal(journal)
    ex.submit_limit("buy", 100, 1)
    before = ex.state_hash()
    ex.close()
    ex.close()
    for method, args in [
        ("submit_limit", ("buy", 1, 1)),
        ("submit_market", ("buy", 1)),
        ("cancel", (1,)),
        ("reduce", (1, 1)),
        ("modify", (1, 1, 1)),
        ("submit_stop_market", ("buy", 1, 1)),
        ("submit_trailing_stop_market", ("buy", 1, 1, "fixed", 1)),
        ("apply", (Event.cancel(1),)),
        ("apply_all", ([Event.cancel(1)],)),
        ("flush", ()),
        ("sync", ()),
    ]:
        with pytest.raises(ValueError, match="the journal is closed"):
            getattr(ex, method)(*args)
    assert ex.state_hash() == before
    assert ex.best_bid() == 100
    assert len(ex.events()) == 1
    assert prices_in(journal) == [100]


def test_leaving_the_block_closes_the_journal_whatever_happens(journal: Path) -> None:
    ex = nanobook.open_journal(journal, flush_every=0)
    with contextlib.suppress(RuntimeError), ex:
        ex.submit_limit("buy", 100, 1)
        raise RuntimeError("by chance")
    with pytest.raises(ValueError, match="closed"):
        ex.submit_limit("buy", 100, 1)
    assert prices_in(journal) == [100]


@pytest.mark.parametrize(("flush_every", "sizes"), [(1, [1, 2, 3, 4]), (3, [0, 0, 3, 3]), (0, [0, 0, 0, 0])])
def test_inputs_are_handed_over_as_often_as_told(flush_every: int, sizes: list[int], journal: Path) -> None:
    with nanobook.open_journal(journal, flush_every=flush_every) as ex:
        for size in sizes:
            ex.submit_limit("buy", 100, 1)
            assert journal.stat().st_size == RECORD * (1 + size)
        ex.flush()
        assert journal.stat().st_size == RECORD * 5
        ex.submit_limit("buy", 100, 1)
        ex.sync()
        assert journal.stat().st_size == RECORD * 6


def test_an_input_that_does_not_get_into_the_journal_does_not_happen(journal: Path) -> None:
    with nanobook.open_journal(journal) as ex:
        ex.submit_limit("buy", 100, 1)
        before = ex.state_hash()
        with largest_file(2 * RECORD + 10), pytest.raises(OSError, match="File too large") as caught:
            ex.submit_limit("buy", 101, 1)
        assert caught.value.filename == str(journal)
        assert ex.state_hash() == before
        assert len(ex.events()) == 1
        assert ex.submit_limit("buy", 102, 1).order_id == 2
        assert ex.state_hash() != before
    assert prices_in(journal) == [100, 102]


def test_a_full_disk_stops_many_events_too(journal: Path) -> None:
    code = """
        import resource, sys
        import nanobook
        ex = nanobook.open_journal(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (3 * 64, resource.RLIM_INFINITY))
        try:
            ex.apply_all([nanobook.Event.submit_limit("buy", 100 + i, 1) for i in range(5)])
        except OSError as error:
            print(error.filename == sys.argv[1], ex.best_bid(), len(ex.events()))
    """
    assert assert_runs(code, journal) == "True 101 2\n"
    assert prices_in(journal) == [100, 101]


def test_a_journal_survives_the_death_of_its_process(journal: Path) -> None:
    code = """
        import sys
        import nanobook
        ex = nanobook.open_journal(sys.argv[1], "ABC", flush_every=1)
        ex.submit_limit("buy", 100, 5)
        ex.submit_stop_market("sell", 100, 1)
        ex.submit_limit("sell", 100, 1)
        print(ex.state_hash(), flush=True)
        sys.stdin.read()
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(journal)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        state = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    with nanobook.open_journal(journal) as ex:
        assert (ex.events_recovered, ex.bytes_cut, ex.symbol) == (3, 0, "ABC")
        assert ex.state_hash() == state


def test_a_journaled_exchange_is_made_by_opening_a_journal_only() -> None:
    with pytest.raises(TypeError, match="JournaledExchange"):
        nanobook.JournaledExchange()


@pytest.mark.parametrize("how", ["copy.copy(ex)", "copy.deepcopy(ex)"])
def test_a_copy_of_a_journaled_exchange_writes_no_journal(how: str, journal: Path) -> None:
    with nanobook.open_journal(journal) as ex:
        ex.submit_limit("buy", 100, 1)
        other = eval(how, {"copy": copy, "ex": ex})
        assert type(other) is Exchange
        other.submit_limit("buy", 101, 1)
    assert prices_in(journal) == [100]


def test_a_pickle_of_a_journaled_exchange_is_a_plain_one_or_refused(journal: Path) -> None:
    code = """
        import pickle, sys
        import nanobook
        ex = nanobook.open_journal(sys.argv[1])
        ex.submit_limit("buy", 100, 1)
        try:
            other = pickle.loads(pickle.dumps(ex))
        except (TypeError, pickle.PicklingError):
            print("ok")
        else:
            assert type(other) is nanobook.Exchange, type(other)
            assert other.state_hash() == ex.state_hash()
            print("ok")
    """
    assert assert_runs(code, journal) == "ok\n"


def test_a_journal_is_kept_while_the_log_is_off(journal: Path) -> None:
    with nanobook.open_journal(journal) as ex:
        ex.log_events = False
        ex.submit_limit("buy", 100, 1)
        assert len(ex.events()) == 0
    assert prices_in(journal) == [100]


def test_a_journaled_exchange_can_be_saved_as_text(journal: Path, tmp_path: Path) -> None:
    with nanobook.open_journal(journal, "ABC") as ex:
        ex.submit_limit("buy", 100, 1)
        ex.save(tmp_path / "log.jsonl")
        assert Exchange.load(tmp_path / "log.jsonl").state_hash() == ex.state_hash()


# ---------------------------------------------------------------------- 7. several symbols


def test_every_symbol_has_its_exchange() -> None:
    several = MultiExchange(max_rounds=7, price_scale=4)
    assert several.submit_limit("MSFT", "buy", 100, 5).order_id == 1
    assert several.submit_limit("AAPL", "buy", 200, 5).order_id == 1
    assert several.submit_limit("AAPL", "sell", 205, 5).order_id == 2
    assert (len(several), several.len()) == (2, 2)
    assert several.symbols() == list(several) == ["AAPL", "MSFT"]
    assert several.best_prices() == [("AAPL", 200, 205), ("MSFT", 100, None)]
    assert "AAPL" in several
    assert "X" not in several
    for symbol in several:
        exchange = several[symbol]
        assert (exchange.symbol, exchange.max_rounds, exchange.price_scale) == (symbol, 7, 4)
    assert repr(several) == "MultiExchange(2 symbols)"


@pytest.mark.parametrize("one", [Exchange, MultiExchange])
def test_every_method_says_what_it_does(one: type) -> None:
    spoken = [name for name in vars(one) if not name.startswith("_")]
    assert len(spoken) > 15
    for name in spoken:
        # The signature, an empty line, and what it does.
        member = vars(one)[name]
        member = getattr(member, "__func__", member)
        text = (member.__doc__ or "").partition("\n\n")[2] if callable(member) else member.__doc__
        assert text, name


def test_symbols_are_sorted() -> None:
    several = MultiExchange()
    for symbol in ("ZZ", "A", "AB", "", "a", "Z"):
        several.get_or_create(symbol)
    assert several.symbols() == sorted(["ZZ", "A", "AB", "", "a", "Z"])
    assert several.best_prices() == [(symbol, None, None) for symbol in several.symbols()]


CALLS: list[tuple[str, Args]] = [
    ("submit_limit", ("sell", 100, 5)),
    ("submit_limit", ("buy", 100, 2, "ioc")),
    ("submit_market", ("buy", 1)),
    ("submit_limit", ("buy", 90, 5)),
    ("reduce", (4, 1)),
    ("modify", (4, 91, 3)),
    ("modify", (4, 91, 3)),
    ("cancel", (5,)),
    ("cancel", (5,)),
    ("submit_stop_market", ("buy", 100, 1)),
    ("submit_stop_limit", ("sell", 50, 49, 1, "fok")),
    ("submit_trailing_stop_market", ("sell", 50, 1, "fixed", 5)),
    ("submit_trailing_stop_market", ("sell", 50, 1, "atr", 5, 2)),
    ("submit_trailing_stop_limit", ("sell", 50, 49, 1, "pct", 0.5, "ioc")),
    ("submit_trailing_stop_limit", ("sell", 50, 49, 1, "atr", 5, "gtc", 2)),
]


def test_the_methods_are_those_of_an_exchange_with_the_symbol_first() -> None:
    several, alone = MultiExchange(), Exchange("ABC")
    for method, args in CALLS:
        answer = getattr(several, method)("ABC", *args)
        assert result_row(answer) == result_row(getattr(alone, method)(*args))
    assert several["ABC"].state_hash() == alone.state_hash()
    assert several["ABC"].events() == alone.events()


@pytest.mark.parametrize(("method", "args"), [call for call in CALLS if call[0].startswith("submit")])
def test_any_submit_gives_a_symbol_its_exchange(method: str, args: Args) -> None:
    several = MultiExchange()
    assert getattr(several, method)("ABC", *args).order_id == 1
    assert several.symbols() == ["ABC"]
    assert len(several["ABC"].events()) == 1


@pytest.mark.parametrize(
    ("method", "args", "error"),
    [
        ("cancel", (1,), "OrderNotFound"),
        ("reduce", (1, 1), "OrderNotFound"),
        ("modify", (1, 1, 1), "OrderNotFound"),
        ("reduce", (1, 0), "InvalidQuantity"),
        ("modify", (1, 1, 0), "InvalidQuantity"),
    ],
)
def test_an_unknown_symbol_has_no_orders_and_gets_no_exchange(method: str, args: Args, error: str) -> None:
    several = MultiExchange()
    result = getattr(several, method)("ABC", *args)
    assert (result.success, result.error, result.cancelled_quantity) == (False, error, 0)
    assert several.apply(getattr(Event, method)(*args, symbol="ABC")).error == error
    assert len(several) == 0


def test_an_execution_of_an_unknown_symbol_creates_nothing() -> None:
    several = MultiExchange()
    assert several.apply(Event.execute(1, 1, symbol="ABC")).error == "OrderNotFound"
    assert len(several) == 0


def test_a_symbol_without_an_exchange_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="'ABC'"):
        MultiExchange()["ABC"]


def test_an_exchange_seen_through_its_parent_is_the_exchange_itself() -> None:
    several = MultiExchange()
    view = several.get_or_create("ABC")
    view.submit_limit("buy", 100, 5)
    assert several.best_prices() == [("ABC", 100, None)]
    several.submit_limit("ABC", "sell", 100, 2)
    assert view.orders()[0].remaining_quantity == 3
    assert several.get_or_create("ABC").state_hash() == several["ABC"].state_hash() == view.state_hash()
    # Others that come do not move it.
    for number in range(1000):
        several.submit_limit(f"S{number}", "buy", 1, 1)
    several.cancel("ABC", 1)
    assert view.best_bid() is None


def test_a_view_keeps_its_parent_alive() -> None:
    several = MultiExchange()
    views = [several.get_or_create(symbol) for symbol in ("A", "B")]
    views.append(several["A"])
    del several
    gc.collect()
    views[0].submit_limit("buy", 100, 5)
    assert [view.best_bid() for view in views] == [100, None, 100]


@EACH_COPY
def test_a_copy_of_several_exchanges_is_of_its_own(copied: Callable[[Any], Any]) -> None:
    several = MultiExchange(max_rounds=7, price_scale=4)
    several.submit_limit("B", "buy", 100, 5)
    several.submit_limit("A", "sell", 100, 5)
    several.submit_market("A", "buy", 1)
    several["B"].log_events = False
    other = copied(several)
    assert other.state_hash() == several.state_hash()
    assert other.symbols() == ["A", "B"]
    assert other["A"].trades() == several["A"].trades()
    assert other.events() == several.events()
    assert (other["A"].log_events, other["B"].log_events) == (True, False)
    other.cancel("B", 1)
    other.submit_limit("C", "buy", 1, 1)
    assert several.best_prices() == [("A", None, 100), ("B", 100, None)]
    assert (other["C"].max_rounds, other["C"].price_scale) == (7, 4)


@EACH_COPY
def test_a_copy_of_a_view_is_an_exchange_of_its_own(copied: Callable[[Any], Any]) -> None:
    several = MultiExchange()
    several.submit_limit("A", "buy", 100, 5)
    other = copied(several["A"])
    assert (type(other), other.symbol) == (Exchange, "A")
    other.submit_limit("buy", 101, 1)
    assert several.best_prices() == [("A", 100, None)]


STREAM = [
    Event.submit_limit("buy", 100, 5, symbol="B"),
    Event.submit_limit("sell", 100, 2, symbol="A"),
    Event.submit_market("sell", 1, symbol="B"),
    Event.cancel(1, symbol="A"),
    Event.cancel(1, symbol="C"),
]


@pytest.mark.parametrize("pairs", [False, True])
def test_a_stream_of_several_symbols_is_replayed(pairs: bool) -> None:
    stream: list[Any] = STREAM
    if pairs:
        bare = [Event.from_json(event.to_json().replace(f',"symbol":"{event.symbol}"', "")) for event in STREAM]
        assert {event.symbol for event in bare} == {""}
        stream = [(event.symbol, plain) for event, plain in zip(STREAM, bare, strict=True)]
    several = MultiExchange.replay(stream, max_rounds=7, price_scale=4)
    assert several.best_prices() == [("A", None, None), ("B", 100, None)]
    assert (several["B"].max_rounds, several["B"].price_scale) == (7, 4)
    assert [(event.symbol, event.kind) for event in several.events()] == [
        ("A", "submit_limit"), ("A", "cancel"), ("B", "submit_limit"), ("B", "submit_market")
    ]  # fmt: skip
    again = MultiExchange(max_rounds=7, price_scale=4)
    again.apply_all(several.events())
    assert again.state_hash() == several.state_hash()
    assert again.state_hash() != MultiExchange.replay(STREAM[:3], max_rounds=7).state_hash()


@pytest.mark.parametrize("count", [500, 1023, 1024, 1500, 5000])
def test_many_events_of_many_symbols_are_applied_as_one_by_one(count: int) -> None:
    draw = random.Random(count)
    stream = []
    for _ in range(count):
        symbol, side = f"S{draw.randrange(40)}", draw.choice("bs")
        order_id, price, quantity = draw.randint(1, 40), draw.randint(95, 105), draw.randint(1, 9)
        stream.append(
            draw.choice(
                [
                    Event.submit_limit(side, price, quantity, symbol=symbol),
                    Event.submit_limit(side, price, quantity, symbol=symbol),
                    Event.submit_stop_market(side, price, quantity, symbol=symbol),
                    # Some of these come before there is anything of their symbol.
                    Event.cancel(order_id, symbol=symbol),
                    Event.modify(order_id, price, quantity, symbol=symbol),
                    Event.execute(order_id, quantity, symbol=symbol),
                ]
            )
        )
    one_by_one = MultiExchange()
    for event in stream:
        one_by_one.apply(event)
    together = MultiExchange.replay(stream)
    assert together.symbols() == one_by_one.symbols()
    assert together.state_hash() == one_by_one.state_hash()
    for symbol in together:
        assert together[symbol].events() == one_by_one[symbol].events()
        assert together[symbol].trades() == one_by_one[symbol].trades()
    assert sum(len(together[symbol].trades()) for symbol in together) > count / 20


def test_apply_goes_where_the_symbol_says() -> None:
    several = MultiExchange()
    answers = [several.apply(event) for event in STREAM]
    assert [type(answer).__name__ for answer in answers] == [
        "SubmitResult", "SubmitResult", "SubmitResult", "CancelResult", "CancelResult"
    ]  # fmt: skip
    assert [bool(answer) for answer in answers[3:]] == [True, False]
    assert several.symbols() == ["A", "B"]


def test_the_hash_of_several_depends_on_their_symbols() -> None:
    def hash_of(*symbols: str) -> int:
        several = MultiExchange()
        for symbol in symbols:
            several.get_or_create(symbol)
        return several.state_hash()

    assert hash_of("A", "B") == hash_of("B", "A")
    assert len({hash_of(), hash_of("A"), hash_of("B"), hash_of("A", "B"), hash_of("AB")}) == 5


@pytest.mark.parametrize("stream", [STREAM, [(event.symbol, event) for event in STREAM]], ids=["events", "pairs"])
def test_an_exchange_refuses_a_stream_of_several_symbols_and_says_what_to_do(stream: list[Any], ex: Exchange) -> None:
    for use in (Exchange.replay, ex.apply_all):
        with pytest.raises(ValueError, match=r"several symbols, B and A.*use a MultiExchange.*symbol="):
            use(stream)
    assert len(ex.events()) == 0


def test_an_exchange_with_a_symbol_refuses_events_of_another() -> None:
    ex = Exchange("A")
    for use in (ex.apply, lambda event: ex.apply_all([event]), lambda event: Exchange.replay([event], "A")):
        with pytest.raises(ValueError, match="symbols, A and B"):
            use(Event.submit_limit("buy", 1, 1, symbol="B"))
    assert len(ex.events()) == 0
    assert ex.apply(Event.submit_limit("buy", 1, 1, symbol="A")).order_id == 1
    assert ex.apply(Event.submit_limit("buy", 1, 1)).order_id == 2


def test_events_of_two_symbols_do_not_meet_one_by_one_either(ex: Exchange) -> None:
    ex.apply(STREAM[0])
    with pytest.raises(ValueError, match="symbols, B and A"):
        ex.apply(STREAM[1])
    assert len(ex.trades()) == 0


def test_a_replay_takes_its_symbol_from_the_events() -> None:
    ex = Exchange.replay([Event.cancel(1), Event.submit_limit("buy", 1, 1, symbol="ABC")])
    assert ex.symbol == "ABC"
    # An exchange knows its symbol: its events need not.
    assert [event.symbol for event in ex.events()] == ["", ""]
