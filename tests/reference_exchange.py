"""A naive exchange, the model the engine is compared with operation by operation.

Written from the specification alone: one flat list of resting orders, one dictionary of stops, and a full scan for
every question. It is slow, and meant to be right at a glance.

Decisions where the specification is silent or can be read in two ways
----------------------------------------------------------------------
Orders
 1. The status of a stored order is that of its result: an IOC or market order filled in part is kept as
    PartiallyFilled, with remaining 0 and cancelled > 0, and is not active. An order is active exactly while it rests,
    that is has remaining > 0.
 2. quantity = filled + remaining + cancelled holds for every stored order; reduce adds to cancelled and leaves the
    status.
 3. A market order is stored with the worst int64 price of its side as its price, and time in force ioc.
 4. A result (status and quantities) is the state right after the order's own match, before the stops it fires.
 5. `triggered` lists (stop id, result of its child) in the order fired, children without a trade included.
Refusals
 6. ValueError: prices outside 1..2^63-1, quantities outside 1..2^64-1, an unknown side, time in force or trail type,
    a trail value that is NaN, infinite or <= 0, a fixed trail that is not whole, an ATR trail without a period >= 1.
    Also for modify with new_price <= 0, whatever the order. modify and reduce with quantity 0 are logged and answer
    InvalidQuantity, before all else.
 7. reduce takes orders only: a stop's id is OrderNotFound, as for modify. A failed modify has no new id (None).
 8. clear_order_history drops finished orders, not stops; it is no event. A dropped order is OrderNotFound from then
    on.
Stops
 9. Stops share the ids of orders; get_order knows no stop, get_stop_order no order.
10. A stop that fires at submission is result status Triggered; it fires before any round, and counts as none.
11. Rounds come from submissions, modifies and stops fired at submission. A child does not start rounds of its own:
    its prints are tested by the round after the one that fired it, once, on the last print of that round.
12. The limit is hit when the last permitted round still traded. That last print is then neither fed nor tested; what
    would have fired stays pending until the next round of a later call. The last trade price does move.
13. A FOK child that is refused is still linked by its id, and get_order gives None. The order a modify makes is
    linked to no stop.
Trails
14. Prices are fed from the exchange's first trade on, trailing stops or none: one price a round. The ATR sample of
    the price being fed is part of the mean. A stop's watermark moves even when there is no offset.
15. Arithmetic is in IEEE doubles: watermark, sum and count are converted first, then percentage = watermark *
    fraction, rounded half away from zero on the exact double product (as C++ std::round; never floor(x + 0.5)), and
    atr = trunc(multiplier * (sum / count)). An offset that is not finite moves nothing. The candidate is exact: it
    cannot wrap.
16. An offset of 0 (a flat market, a tiny fraction) is used as it is: the stop moves to the watermark, and fires
    there.

Left out: Execute and Trade events of replayed market data, JSON, journal. max_rounds is no event: replay has to be
given it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

MAX_PRICE = 2**63 - 1
MIN_PRICE = -(2**63)
MAX_QUANTITY = 2**64 - 1

BUY, SELL = "buy", "sell"
GTC, IOC, FOK = "gtc", "ioc", "fok"
NEW, PARTIALLY_FILLED, FILLED, CANCELLED = "New", "PartiallyFilled", "Filled", "Cancelled"
PENDING, TRIGGERED = "Pending", "Triggered"
ORDER_NOT_FOUND, ORDER_NOT_ACTIVE, INVALID_QUANTITY = "OrderNotFound", "OrderNotActive", "InvalidQuantity"


@dataclass
class Order:
    order_id: int
    side: str
    price: int
    quantity: int  # as submitted
    time_in_force: str
    timestamp: int  # the tick of its submission, and so its rank within a level
    stop_id: int | None  # the stop whose child it is
    status: str = NEW
    filled: int = 0
    remaining: int = 0
    cancelled: int = 0


@dataclass(frozen=True)
class Trail:
    kind: str  # "fixed", "percentage", "atr"
    value: float  # price units, fraction, multiplier
    period: int | None  # atr only


@dataclass
class StopOrder:
    order_id: int
    side: str
    stop_price: int
    limit_price: int | None  # None: the child is an IOC at the worst price
    quantity: int
    time_in_force: str  # of the child
    timestamp: int
    trail: Trail | None
    status: str = PENDING
    watermark: int | None = None
    child_order_id: int | None = None

    def holds(self, price: int) -> bool:
        return price >= self.stop_price if self.side == BUY else price <= self.stop_price


@dataclass(frozen=True)
class Trade:
    trade_id: int
    price: int
    quantity: int
    aggressor_side: str
    aggressor_order_id: int
    passive_order_id: int
    timestamp: int


@dataclass(frozen=True)
class Triggered:
    stop_id: int
    child: SubmitResult


@dataclass(frozen=True)
class SubmitResult:
    order_id: int
    status: str
    trades: tuple[Trade, ...]
    filled_quantity: int
    resting_quantity: int
    cancelled_quantity: int
    triggered: tuple[Triggered, ...] = ()
    round_limit_hit: bool = False


@dataclass(frozen=True)
class StopSubmitResult:
    order_id: int
    status: str
    triggered: tuple[Triggered, ...] = ()
    round_limit_hit: bool = False


@dataclass(frozen=True)
class CancelResult:
    """Of cancel and of reduce."""

    success: bool
    cancelled_quantity: int = 0
    error: str | None = None


@dataclass(frozen=True)
class ModifyResult:
    success: bool
    old_order_id: int
    new_order_id: int | None = None
    cancelled_quantity: int = 0
    trades: tuple[Trade, ...] = ()
    error: str | None = None
    triggered: tuple[Triggered, ...] = ()
    round_limit_hit: bool = False


@dataclass(frozen=True)
class Event:
    """One input: the name of the method and its arguments, all of them, in order."""

    kind: str
    args: tuple[str | float | None, ...]


class ReferenceExchange:
    def __init__(self, symbol: str = "", max_rounds: int = 100) -> None:
        if len(symbol) > 8 or not symbol.isascii():
            raise ValueError(f"symbol {symbol!r} is not at most 8 ASCII bytes")
        self.max_rounds = max_rounds
        self.next_order_id = 1
        self.next_trade_id = 1
        self.next_tick = 1
        self.last_trade_price: int | None = None
        self.orders: dict[int, Order] = {}  # resting and finished
        self.resting: list[Order] = []
        self.stops: dict[int, StopOrder] = {}  # in order of submission, which is tick order
        self.fed: list[int] = []  # every price fed to the trails
        self._trades: list[Trade] = []
        self._events: list[Event] = []

    # Inputs.

    def submit_limit(self, side: str, price: int, quantity: int, tif: str = GTC) -> SubmitResult:
        check_side(side)
        check_price(price)
        check_quantity(quantity)
        check_tif(tif)
        self._log("submit_limit", side, price, quantity, tif)
        return self._with_rounds(self._submit(side, price, quantity, tif))

    def submit_market(self, side: str, quantity: int) -> SubmitResult:
        check_side(side)
        check_quantity(quantity)
        self._log("submit_market", side, quantity)
        return self._with_rounds(self._submit(side, worst_price(side), quantity, IOC))

    def cancel(self, order_id: int) -> CancelResult:
        self._log("cancel", order_id)
        stop = self.stops.get(order_id)
        if stop is not None:
            if stop.status != PENDING:
                return CancelResult(False, error=ORDER_NOT_ACTIVE)
            stop.status = CANCELLED
            return CancelResult(True, stop.quantity)
        order = self.orders.get(order_id)
        if order is None:
            return CancelResult(False, error=ORDER_NOT_FOUND)
        if order.remaining == 0:
            return CancelResult(False, error=ORDER_NOT_ACTIVE)
        return CancelResult(True, self._take_off(order, order.remaining))

    def reduce(self, order_id: int, quantity: int) -> CancelResult:
        check_quantity(quantity, least=0)
        self._log("reduce", order_id, quantity)
        error = self._refusal(order_id, quantity)
        if error is not None:
            return CancelResult(False, error=error)
        order = self.orders[order_id]
        return CancelResult(True, self._take_off(order, min(quantity, order.remaining)))

    def modify(self, order_id: int, new_price: int, new_quantity: int) -> ModifyResult:
        check_price(new_price)
        check_quantity(new_quantity, least=0)
        self._log("modify", order_id, new_price, new_quantity)
        error = self._refusal(order_id, new_quantity)
        if error is not None:
            return ModifyResult(False, order_id, error=error)
        old = self.orders[order_id]
        cancelled = self._take_off(old, old.remaining)
        new = self._with_rounds(self._submit(old.side, new_price, new_quantity, old.time_in_force))
        return ModifyResult(
            True, order_id, new.order_id, cancelled, new.trades, None, new.triggered, new.round_limit_hit
        )

    def submit_stop_market(self, side: str, stop_price: int, quantity: int) -> StopSubmitResult:
        check_stop(side, stop_price, None, quantity, IOC)
        self._log("submit_stop_market", side, stop_price, quantity)
        return self._submit_stop(side, stop_price, None, quantity, IOC, None)

    def submit_stop_limit(
        self, side: str, stop_price: int, limit_price: int, quantity: int, tif: str = GTC
    ) -> StopSubmitResult:
        check_stop(side, stop_price, limit_price, quantity, tif)
        self._log("submit_stop_limit", side, stop_price, limit_price, quantity, tif)
        return self._submit_stop(side, stop_price, limit_price, quantity, tif, None)

    def submit_trailing_stop_market(
        self,
        side: str,
        initial_stop_price: int,
        quantity: int,
        trail_type: str,
        trail_value: float,
        atr_period: int | None = None,
    ) -> StopSubmitResult:
        check_stop(side, initial_stop_price, None, quantity, IOC)
        trail = make_trail(trail_type, trail_value, atr_period)
        self._log(
            "submit_trailing_stop_market", side, initial_stop_price, quantity, trail.kind, trail.value, trail.period
        )
        return self._submit_stop(side, initial_stop_price, None, quantity, IOC, trail)

    def submit_trailing_stop_limit(
        self,
        side: str,
        initial_stop_price: int,
        limit_price: int,
        quantity: int,
        trail_type: str,
        trail_value: float,
        tif: str = GTC,
        atr_period: int | None = None,
    ) -> StopSubmitResult:
        check_stop(side, initial_stop_price, limit_price, quantity, tif)
        trail = make_trail(trail_type, trail_value, atr_period)
        stop = (side, initial_stop_price, limit_price, quantity)
        self._log("submit_trailing_stop_limit", *stop, trail.kind, trail.value, tif, trail.period)
        return self._submit_stop(*stop, tif, trail)

    # The log.

    def events(self) -> tuple[Event, ...]:
        return tuple(self._events)

    def apply(self, event: Event) -> SubmitResult | StopSubmitResult | CancelResult | ModifyResult:
        result: SubmitResult | StopSubmitResult | CancelResult | ModifyResult = getattr(self, event.kind)(*event.args)
        return result

    def apply_all(self, events: Iterable[Event]) -> None:
        for event in events:
            self.apply(event)

    @classmethod
    def replay(cls, events: Iterable[Event], max_rounds: int = 100) -> ReferenceExchange:
        exchange = cls(max_rounds=max_rounds)
        exchange.apply_all(events)
        return exchange

    # Questions.

    def trades(self) -> tuple[Trade, ...]:
        return tuple(self._trades)

    def clear_trades(self) -> None:
        self._trades.clear()

    def get_order(self, order_id: int) -> Order | None:
        order = self.orders.get(order_id)
        return None if order is None else replace(order)

    def get_stop_order(self, order_id: int) -> StopOrder | None:
        stop = self.stops.get(order_id)
        return None if stop is None else replace(stop)

    def clear_order_history(self) -> int:
        """Forgets the orders that do not rest; how many."""
        before = len(self.orders)
        self.orders = {order.order_id: order for order in self.orders.values() if order.remaining > 0}
        return before - len(self.orders)

    def pending_stops(self) -> tuple[StopOrder, ...]:
        """In tick order."""
        return tuple(replace(stop) for stop in self.stops.values() if stop.status == PENDING)

    def queue(self, side: str) -> tuple[Order, ...]:
        """The resting orders of a side, best price first, then by arrival."""
        return tuple(replace(order) for order in self._queue(side))

    def depth(self, side: str, n: int | None = None) -> tuple[tuple[int, int, int], ...]:
        """(price, quantity, order count) of the first n levels, or of all."""
        rows: dict[int, tuple[int, int]] = {}
        for order in self._queue(side):
            quantity, count = rows.get(order.price, (0, 0))
            rows[order.price] = (quantity + order.remaining, count + 1)
        return tuple((price, quantity, count) for price, (quantity, count) in rows.items())[:n]

    def best_bid(self) -> int | None:
        return max((order.price for order in self.resting if order.side == BUY), default=None)

    def best_ask(self) -> int | None:
        return min((order.price for order in self.resting if order.side == SELL), default=None)

    def queue_ahead(self, order_id: int) -> int | None:
        """Quantity resting before an order at its own price; None unless it rests."""
        level = [order for order in self.resting if order.order_id == order_id]
        if not level:
            return None
        mine = level[0]
        return sum(
            order.remaining
            for order in self.resting
            if (order.side, order.price) == (mine.side, mine.price) and order.timestamp < mine.timestamp
        )

    def state(self) -> tuple[object, ...]:
        """All that decides what the exchange does next; equal for live and replayed."""
        counters = (self.next_order_id, self.next_trade_id, self.next_tick)
        return (
            counters,
            self.last_trade_price,
            self.queue(BUY),
            self.queue(SELL),
            self.pending_stops(),
            tuple(self.fed),
        )

    def check(self) -> None:
        """The invariants that must hold after every call."""
        bid, ask = self.best_bid(), self.best_ask()
        assert bid is None or ask is None or bid < ask
        for order in self.orders.values():
            assert order.quantity == order.filled + order.remaining + order.cancelled
            assert (order.remaining > 0) == (order in self.resting)
        for order in self.resting:
            assert self.orders[order.order_id] is order
            assert order.time_in_force == GTC
            assert order.status == (PARTIALLY_FILLED if order.filled else NEW)
        assert len({order.order_id for order in self.resting}) == len(self.resting)
        for side in (BUY, SELL):
            total = sum(order.remaining for order in self.resting if order.side == side)
            assert sum(quantity for _, quantity, _ in self.depth(side)) == total
        assert all(trade.quantity > 0 for trade in self._trades)
        ids = [trade.trade_id for trade in self._trades]
        ticks = [trade.timestamp for trade in self._trades]
        assert ids == sorted(set(ids))
        assert ticks == sorted(set(ticks))
        ticks += [order.timestamp for order in self.orders.values()]
        ticks += [stop.timestamp for stop in self.stops.values()]
        assert len(set(ticks)) == len(ticks)
        assert all(tick < self.next_tick for tick in ticks)

    # Matching.

    def _log(self, kind: str, *args: str | float | None) -> None:
        self._events.append(Event(kind, args))

    def _ids(self) -> tuple[int, int]:
        """The next order id and a tick."""
        order_id = self.next_order_id
        self.next_order_id += 1
        return order_id, self._tick()

    def _tick(self) -> int:
        self.next_tick += 1
        return self.next_tick - 1

    def _queue(self, side: str) -> list[Order]:
        mine = [order for order in self.resting if order.side == side]
        return sorted(mine, key=lambda order: (-order.price if side == BUY else order.price, order.timestamp))

    def _opposite(self, side: str, price: int) -> list[Order]:
        """The resting orders that an order of this side and price would trade with, first to last."""
        if side == BUY:
            return [order for order in self._queue(SELL) if price >= order.price]
        return [order for order in self._queue(BUY) if price <= order.price]

    def _submit(self, side: str, price: int, quantity: int, tif: str, stop_id: int | None = None) -> SubmitResult:
        """One order and its own match; no stop is tested."""
        order_id, tick = self._ids()
        opposite = self._opposite(side, price)
        if tif == FOK and sum(order.remaining for order in opposite) < quantity:
            return SubmitResult(order_id, CANCELLED, (), 0, 0, quantity)
        order = Order(order_id, side, price, quantity, tif, tick, stop_id, remaining=quantity)
        self.orders[order_id] = order
        trades = []
        for passive in opposite:
            if order.remaining == 0:
                break
            trades.append(self._trade(order, passive))
        resting = 0
        if order.remaining == 0:
            order.status = FILLED
        elif tif == GTC:
            order.status = PARTIALLY_FILLED if order.filled else NEW
            self.resting.append(order)
            resting = order.remaining
        else:
            order.status = PARTIALLY_FILLED if order.filled else CANCELLED
            order.cancelled, order.remaining = order.remaining, 0
        return SubmitResult(order_id, order.status, tuple(trades), order.filled, resting, order.cancelled)

    def _trade(self, aggressor: Order, passive: Order) -> Trade:
        quantity = min(aggressor.remaining, passive.remaining)
        for order in (aggressor, passive):
            order.filled += quantity
            order.remaining -= quantity
        passive.status = PARTIALLY_FILLED if passive.remaining else FILLED
        if passive.remaining == 0:
            self.resting.remove(passive)
        trade = Trade(
            self.next_trade_id,
            passive.price,
            quantity,
            aggressor.side,
            aggressor.order_id,
            passive.order_id,
            self._tick(),
        )
        self.next_trade_id += 1
        self._trades.append(trade)
        self.last_trade_price = trade.price
        return trade

    def _refusal(self, order_id: int, quantity: int) -> str | None:
        """Why modify or reduce cannot be done."""
        if quantity == 0:
            return INVALID_QUANTITY
        if order_id not in self.orders:
            return ORDER_NOT_FOUND
        if self.orders[order_id].remaining == 0:
            return ORDER_NOT_ACTIVE
        return None

    def _take_off(self, order: Order, quantity: int) -> int:
        """Cancels that much of a resting order."""
        order.remaining -= quantity
        order.cancelled += quantity
        if order.remaining == 0:
            self.resting.remove(order)
            order.status = CANCELLED
        return quantity

    # Stops.

    def _submit_stop(
        self, side: str, stop_price: int, limit_price: int | None, quantity: int, tif: str, trail: Trail | None
    ) -> StopSubmitResult:
        order_id, tick = self._ids()
        stop = StopOrder(order_id, side, stop_price, limit_price, quantity, tif, tick, trail)
        self.stops[order_id] = stop
        if trail is not None or self.last_trade_price is None or not stop.holds(self.last_trade_price):
            return StopSubmitResult(order_id, PENDING)
        stop.status = TRIGGERED
        child = self._with_rounds(self._fire(stop))
        own = Triggered(order_id, replace(child, triggered=(), round_limit_hit=False))
        return StopSubmitResult(order_id, TRIGGERED, (own, *child.triggered), child.round_limit_hit)

    def _fire(self, stop: StopOrder) -> SubmitResult:
        price = worst_price(stop.side) if stop.limit_price is None else stop.limit_price
        child = self._submit(stop.side, price, stop.quantity, stop.time_in_force, stop.order_id)
        stop.child_order_id = child.order_id
        return child

    def _with_rounds(self, result: SubmitResult) -> SubmitResult:
        """Tests the stops on the last print of a match, then on that of every round that traded."""
        triggered: list[Triggered] = []
        price = result.trades[-1].price if result.trades else None
        for _ in range(self.max_rounds):
            if price is None:
                break
            self._feed(price)
            fired = [stop for stop in self.stops.values() if stop.status == PENDING and stop.holds(price)]
            for stop in fired:
                stop.status = TRIGGERED
            price = None
            for stop in fired:
                child = self._fire(stop)
                triggered.append(Triggered(stop.order_id, child))
                if child.trades:
                    price = child.trades[-1].price
        return replace(result, triggered=tuple(triggered), round_limit_hit=price is not None)

    def _feed(self, price: int) -> None:
        self.fed.append(price)
        for stop in self.stops.values():
            if stop.status != PENDING or stop.trail is None:
                continue
            tighter = max if stop.side == SELL else min
            stop.watermark = price if stop.watermark is None else tighter(stop.watermark, price)
            offset = self._offset(stop.trail, stop.watermark)
            if offset is not None:
                candidate = stop.watermark - offset if stop.side == SELL else stop.watermark + offset
                stop.stop_price = tighter(stop.stop_price, candidate)

    def _offset(self, trail: Trail, watermark: int) -> int | None:
        if trail.kind == "fixed":
            return int(trail.value)
        if trail.kind == "percentage":
            product = float(watermark) * trail.value
            return round_half_away(product) if math.isfinite(product) else None
        assert trail.period is not None
        samples = [abs(new - old) for old, new in zip(self.fed, self.fed[1:], strict=False)][-trail.period :]
        if not samples:
            return None
        product = trail.value * (float(sum(samples)) / float(len(samples)))
        return math.trunc(product) if math.isfinite(product) else None


def worst_price(side: str) -> int:
    return MAX_PRICE if side == BUY else MIN_PRICE


def round_half_away(x: float) -> int:
    """Of x >= 0. x - floor(x) is exact, where x + 0.5 may itself round up."""
    whole = math.floor(x)
    return whole + 1 if x - whole >= 0.5 else whole


def check_side(side: str) -> None:
    if side not in (BUY, SELL):
        raise ValueError(f"unknown side {side!r}")


def check_tif(tif: str) -> None:
    if tif not in (GTC, IOC, FOK):
        raise ValueError(f"unknown time in force {tif!r}")


def check_price(price: int) -> None:
    if not 1 <= price <= MAX_PRICE:
        raise ValueError(f"price {price} is not in 1..{MAX_PRICE}")


def check_quantity(quantity: int, least: int = 1) -> None:
    if not least <= quantity <= MAX_QUANTITY:
        raise ValueError(f"quantity {quantity} is not in {least}..{MAX_QUANTITY}")


def check_stop(side: str, stop_price: int, limit_price: int | None, quantity: int, tif: str) -> None:
    check_side(side)
    check_price(stop_price)
    if limit_price is not None:
        check_price(limit_price)
    check_quantity(quantity)
    check_tif(tif)


def make_trail(kind: str, value: float, period: int | None) -> Trail:
    if kind not in ("fixed", "percentage", "atr"):
        raise ValueError(f"unknown trail type {kind!r}")
    if not 0 < value < math.inf:
        raise ValueError(f"trail value {value} is not a positive number")
    if kind == "fixed" and (value != int(value) or value > MAX_PRICE):
        raise ValueError(f"fixed trail {value} is not a whole number of price units")
    if kind == "atr" and (period is None or period < 1):
        raise ValueError(f"ATR period {period} is not at least 1")
    return Trail(kind, int(value) if kind == "fixed" else float(value), period if kind == "atr" else None)
