"""An exchange of the engine and the naive one, to which the same happens; and how their answers are compared."""

import copy
import pickle
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import astuple
from itertools import groupby, pairwise

import pytest

import nanobook
import reference_exchange
from nanobook import Event, Exchange
from reference_exchange import BUY, SELL, ReferenceExchange

Row = tuple[object, ...]
Result = nanobook.SubmitResult | nanobook.StopSubmitResult | nanobook.CancelResult | nanobook.ModifyResult
ReferenceResult = (
    reference_exchange.SubmitResult
    | reference_exchange.StopSubmitResult
    | reference_exchange.CancelResult
    | reference_exchange.ModifyResult
)

RESULT_FIELDS = {
    nanobook.SubmitResult: ("order_id", "status", "filled_quantity", "resting_quantity", "cancelled_quantity"),
    nanobook.StopSubmitResult: ("order_id", "status"),
    nanobook.CancelResult: ("success", "cancelled_quantity", "error"),
    nanobook.ModifyResult: ("success", "old_order_id", "new_order_id", "cancelled_quantity", "error"),
}


# The engine's objects and the reference's as the same rows.


def trade_row(trade: nanobook.Trade | reference_exchange.Trade) -> Row:
    return (
        trade.trade_id,
        trade.price,
        trade.quantity,
        trade.aggressor_side,
        trade.aggressor_order_id,
        trade.passive_order_id,
        trade.timestamp,
    )


def trade_rows(trades: Iterable[nanobook.Trade] | Iterable[reference_exchange.Trade]) -> list[Row]:
    return [trade_row(trade) for trade in trades]


def order_row(order: nanobook.Order | reference_exchange.Order | None) -> Row | None:
    if order is None:
        return None
    common = (order.order_id, order.side, order.price, order.quantity, order.time_in_force, order.timestamp)
    if isinstance(order, nanobook.Order):
        quantities = (order.filled_quantity, order.remaining_quantity, order.cancelled_quantity)
    else:
        quantities = (order.filled, order.remaining, order.cancelled)
    return (*common, order.stop_id, order.status, *quantities)


def stop_row(stop: nanobook.StopOrder | reference_exchange.StopOrder | None) -> Row | None:
    if stop is None:
        return None
    if isinstance(stop, nanobook.StopOrder):
        trail: Row = (stop.trail_type, stop.trail_value, stop.atr_period)
    else:
        trail = (None, None, None) if stop.trail is None else astuple(stop.trail)
    return (
        stop.order_id,
        stop.side,
        stop.stop_price,
        stop.limit_price,
        stop.quantity,
        stop.time_in_force,
        stop.timestamp,
        *trail,
        stop.status,
        stop.watermark,
        stop.child_order_id,
    )


def result_row(result: Result) -> Row:
    """A result of the engine."""
    fields = tuple(getattr(result, name) for name in RESULT_FIELDS[type(result)])
    if isinstance(result, nanobook.CancelResult):
        return fields
    trades = [] if isinstance(result, nanobook.StopSubmitResult) else trade_rows(result.trades)
    return (*fields, trades, trade_rows(result.triggered), result.round_limit_hit)


def reference_result_row(result: ReferenceResult) -> Row:
    """A result of the reference, whose fired stops have a result each: the engine has their trades in one list."""
    fields = RESULT_FIELDS[getattr(nanobook, type(result).__name__)]
    row = tuple(getattr(result, name) for name in fields)
    if isinstance(result, reference_exchange.CancelResult):
        return row
    trades = [] if isinstance(result, reference_exchange.StopSubmitResult) else trade_rows(result.trades)
    triggered = [trade for fired in result.triggered for trade in fired.child.trades]
    return (*row, trades, trade_rows(triggered), result.round_limit_hit)


# What holds of every exchange after every call, whatever the reference says.


def check_book(exchange: Exchange) -> None:
    """Prices and levels against the orders that rest."""
    bid, ask = exchange.best_bid_ask()
    assert bid is None or ask is None or bid < ask
    assert (bid, ask) == (exchange.best_bid(), exchange.best_ask())
    assert exchange.spread() == (None if bid is None or ask is None else ask - bid)
    book = exchange.full_book()
    everywhere: list[int] = []
    for side, levels, best in ((BUY, book.bids, bid), (SELL, book.asks, ask)):
        orders = exchange.orders(side)
        rows = []
        for price, group in groupby(orders, key=lambda order: order.price):
            members = list(group)
            rows.append((price, sum(order.remaining_quantity for order in members), len(members)))
            # First come, first served: a reduce keeps the place, everything else is a new order.
            assert all(a.timestamp < b.timestamp for a, b in pairwise(members))
            ahead = 0
            for order in members:
                assert exchange.queue_ahead(order.order_id) == ahead
                ahead += order.remaining_quantity
        assert [tuple(level) for level in levels] == rows
        prices = [price for price, _, _ in rows]
        assert prices == sorted(set(prices), reverse=side == BUY)
        assert best == (prices[0] if prices else None)
        everywhere += [order.order_id for order in orders]
    assert len(set(everywhere)) == len(everywhere)
    assert [order.order_id for order in exchange.orders()] == everywhere


def check_trades(exchange: Exchange) -> None:
    trades = exchange.trades()
    assert all(trade.quantity > 0 for trade in trades)
    assert all(a.trade_id < b.trade_id and a.timestamp < b.timestamp for a, b in pairwise(trades))


def check_orders(exchange: Exchange, ids: Iterable[int], filled: dict[int, int]) -> None:
    """Of every id: nothing lost, and on the book exactly where something is left. `filled` is by the trades seen."""
    resting = {order.order_id for order in exchange.orders()}
    pending = {stop.order_id for stop in exchange.pending_stops()}
    assert len(pending) == exchange.pending_stop_count()
    for order_id in ids:
        order = exchange.get_order(order_id)
        stop = exchange.get_stop_order(order_id)
        assert order is None or stop is None
        assert (stop is not None and stop.status == "Pending") == (order_id in pending)
        assert (order is not None and order.remaining_quantity > 0) == (order_id in resting)
        assert (exchange.queue_ahead(order_id) is None) == (order_id not in resting)
        if order is None:
            continue
        total = order.filled_quantity + order.remaining_quantity + order.cancelled_quantity
        assert order.original_quantity == order.quantity == total
        assert order.filled_quantity == filled[order_id]


# Both together.


class Twins:
    """The same inputs for both; an assertion fails where they answer differently."""

    def __init__(self, max_rounds: int = 100) -> None:
        self.max_rounds = max_rounds
        self.engine = Exchange(max_rounds=max_rounds)
        self.reference = ReferenceExchange(max_rounds=max_rounds)
        self.filled: dict[int, int] = defaultdict(int)
        self.last_order_id = 0
        self.last_tick = 0

    def do(self, kind: str, *args: object) -> ReferenceResult:
        """One input, by the name of its method. Answers as the reference does."""
        engine: Result = getattr(self.engine, kind)(*args)
        reference: ReferenceResult = getattr(self.reference, kind)(*args)
        assert result_row(engine) == reference_result_row(reference)
        assert self.engine.events()[-1] == getattr(Event, kind)(*args)
        self._see(engine)
        self.compare_at_a_glance()
        return reference

    def refuse(self, kind: str, args: tuple[object, ...]) -> None:
        """An input that neither takes."""
        before = self.engine.state_hash()
        for exchange in (self.engine, self.reference):
            with pytest.raises(ValueError, match=r"is|unknown"):
                getattr(exchange, kind)(*args)
        assert self.engine.state_hash() == before
        self.compare_at_a_glance()

    def keep_house(self, name: str) -> None:
        """What no log knows. After a copy, a pickle or a replay the other exchange goes on in its place."""
        match name:
            case "clear_trades":
                self.engine.clear_trades()
                self.reference.clear_trades()
            case "clear_order_history":
                assert self.engine.clear_order_history() == self.reference.clear_order_history()
            case "compact":
                self.engine.compact()
            case "copy":
                self._go_on_as(copy.copy(self.engine))
            case "pickle":
                self._go_on_as(pickle.loads(pickle.dumps(self.engine)))
            case "replay":
                # Brings back what was cleared, for the reference too.
                self._go_on_as(Exchange.replay(self.engine.events(), max_rounds=self.max_rounds))
                self.reference = ReferenceExchange.replay(self.reference.events(), max_rounds=self.max_rounds)
            case _:
                raise ValueError(name)

    def _go_on_as(self, other: Exchange) -> None:
        assert other.state_hash() == self.engine.state_hash()
        assert other.events() == self.engine.events()
        self.engine = other

    # What both say of themselves.

    def compare_at_a_glance(self) -> None:
        assert self.engine.best_bid_ask() == (self.reference.best_bid(), self.reference.best_ask())
        assert self.engine.last_trade_price() == self.reference.last_trade_price
        assert len(self.engine.trades()) == len(self.reference.trades())
        assert len(self.engine.events()) == len(self.reference.events())

    def compare(self) -> None:
        """Books, pending stops and trades whole; then the invariants."""
        self.compare_at_a_glance()
        book = self.engine.full_book()
        for side, levels in ((BUY, book.bids), (SELL, book.asks)):
            assert [tuple(level) for level in levels] == list(self.reference.depth(side))
            expected = [order_row(order) for order in self.reference.queue(side)]
            assert [order_row(order) for order in self.engine.orders(side)] == expected
        pending = [stop_row(stop) for stop in self.reference.pending_stops()]
        assert [stop_row(stop) for stop in self.engine.pending_stops()] == pending
        assert trade_rows(self.engine.trades()) == trade_rows(self.reference.trades())
        check_book(self.engine)
        check_trades(self.engine)

    def compare_ids(self, ids: Iterable[int] | None = None) -> None:
        """What is known of each id, or of all there are and one that is not."""
        ids = range(self.reference.next_order_id + 1) if ids is None else list(ids)
        for order_id in ids:
            assert order_row(self.engine.get_order(order_id)) == order_row(self.reference.get_order(order_id))
            stop = self.reference.get_stop_order(order_id)
            assert stop_row(self.engine.get_stop_order(order_id)) == stop_row(stop)
            assert self.engine.queue_ahead(order_id) == self.reference.queue_ahead(order_id)
        check_orders(self.engine, ids, self.filled)

    def compare_replays(self) -> None:
        replayed = Exchange.replay(self.engine.events(), max_rounds=self.max_rounds)
        assert replayed.state_hash() == self.engine.state_hash()

    def _see(self, result: Result) -> None:
        """Ids and ticks go up, across whatever was cleared."""
        if isinstance(result, nanobook.CancelResult):
            return
        own = [] if isinstance(result, nanobook.StopSubmitResult) else result.trades
        for trade in (*own, *result.triggered):
            self.filled[trade.aggressor_order_id] += trade.quantity
            self.filled[trade.passive_order_id] += trade.quantity
            assert trade.timestamp > self.last_tick
            self.last_tick = trade.timestamp
        order_id = result.new_order_id if isinstance(result, nanobook.ModifyResult) else result.order_id
        if order_id is not None:
            assert order_id > self.last_order_id
            self.last_order_id = order_id
