"""The compiled part of nanobook; import nanobook instead."""

from collections.abc import Callable, Iterable, Iterator
import os
import pathlib
from typing import Any, NoReturn, SupportsIndex

from nanobook._core import itch as itch
import nanobook._enums


version: str = ...

class LevelView:
    """
    One price level: unpacks and compares like (price, quantity, order_count).
    """

    @property
    def price(self) -> int:
        """In the price unit of the stream: 1/10,000 dollar for ITCH."""

    @property
    def quantity(self) -> int:
        """Total of the resting orders."""

    @property
    def order_count(self) -> int:
        """Resting orders."""

    def __iter__(self) -> Iterator[int]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __repr__(self) -> str: ...

class BookSnapshot:
    """The best levels of both sides, best first: a copy."""

    def __hash__(self) -> int: ...

    @property
    def bids(self) -> list[LevelView]:
        """Best first."""

    @property
    def asks(self) -> list[LevelView]:
        """Best first."""

    @property
    def best_bid(self) -> int | None:
        """Price of the best bid, or None."""

    @property
    def best_ask(self) -> int | None:
        """Price of the best ask, or None."""

    def spread(self) -> int | None:
        """Best ask less best bid, in price units; None where a side is empty."""

    def mid_price(self) -> float | None:
        """(bid + ask) / 2, in price units; None where a side is empty."""

    def imbalance(self) -> float | None:
        """
        (B - A) / (B + A) over the quantities of the levels shown, from -1 to 1; None where there are none.
        """

    def weighted_mid(self) -> float | None:
        """
        (ask quantity x bid + bid quantity x ask) / (bid quantity + ask quantity) of the best levels; None where a
        side is empty.
        """

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        """
        A row a level, bids first: side, level (0 is the best), price, quantity, order_count.
        """

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class Trade:
    """A trade between two orders."""

    @property
    def trade_id(self) -> int:
        """From 1, in order."""

    @property
    def price(self) -> int:
        """The resting order's, in price units."""

    @property
    def quantity(self) -> int: ...

    @property
    def aggressor_side(self) -> nanobook._enums.Side:
        """Side of the order that came."""

    @property
    def aggressor_order_id(self) -> int:
        """The order that came; 0 where market data does not name it."""

    @property
    def passive_order_id(self) -> int:
        """The order that rested; 0 in a trade off the book."""

    @property
    def timestamp(self) -> int:
        """Tick of the exchange's logical clock."""

    @property
    def price_float(self) -> float:
        """
        The price in whole units of currency: `price` / 10 ** `price_scale` of the exchange.
        """

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __getstate__(self) -> tuple[int, int, int, bool, int, int, int, int]: ...

    def __setstate__(self, arg: tuple[int, int, int, bool, int, int, int, int], /) -> None: ...

    def __repr__(self) -> str: ...

class Order:
    """
    An order as it was when one asked: a copy. original_quantity = filled + remaining + cancelled.
    """

    @property
    def id(self) -> int: ...

    @property
    def order_id(self) -> int:
        """The same as `id`."""

    @property
    def side(self) -> nanobook._enums.Side: ...

    @property
    def price(self) -> int:
        """In price units; of a market order the worst there is."""

    @property
    def original_quantity(self) -> int:
        """As submitted."""

    @property
    def quantity(self) -> int:
        """The same as `original_quantity`."""

    @property
    def remaining_quantity(self) -> int:
        """What rests."""

    @property
    def filled_quantity(self) -> int:
        """What was traded."""

    @property
    def cancelled_quantity(self) -> int:
        """What was taken off, by its owner or its time in force."""

    @property
    def status(self) -> nanobook._enums.OrderStatus: ...

    @property
    def time_in_force(self) -> nanobook._enums.TimeInForce: ...

    @property
    def timestamp(self) -> int:
        """Tick of its submission."""

    @property
    def stop_id(self) -> int | None:
        """The stop order that became this one, or None."""

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __repr__(self) -> str: ...

class StopOrder:
    """
    A stop order as it was when one asked: a copy. Its fields can be had by name too: stop["status"].
    """

    @property
    def id(self) -> int: ...

    @property
    def order_id(self) -> int:
        """The same as `id`."""

    @property
    def side(self) -> nanobook._enums.Side: ...

    @property
    def stop_price(self) -> int:
        """In price units; of a trailing stop where it has moved to."""

    @property
    def limit_price(self) -> int | None:
        """Of the order it becomes; None for a market order."""

    @property
    def quantity(self) -> int: ...

    @property
    def status(self) -> nanobook._enums.OrderStatus:
        """Pending, Triggered or Cancelled."""

    @property
    def time_in_force(self) -> nanobook._enums.TimeInForce:
        """Of the order it becomes."""

    @property
    def timestamp(self) -> int:
        """Tick of its submission."""

    @property
    def trail_type(self) -> nanobook._enums.TrailType | None:
        """None unless it is a trailing stop."""

    @property
    def trail_value(self) -> int | float | None:
        """Price units, fraction or multiplier."""

    @property
    def atr_period(self) -> int | None: ...

    @property
    def watermark(self) -> int | None:
        """
        Of a trailing stop: the best price seen since its submission; None before the first.
        """

    @property
    def child_order_id(self) -> int | None:
        """The order it became, or None."""

    def __getitem__(self, name: str) -> Any: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __repr__(self) -> str: ...

class SubmitResult:
    """
    What became of an order in its own match. Filled, resting and cancelled add up to what was submitted.
    """

    @property
    def order_id(self) -> int: ...

    @property
    def status(self) -> nanobook._enums.OrderStatus:
        """New, PartiallyFilled, Filled or Cancelled."""

    @property
    def trades(self) -> list[Trade]:
        """Its own trades, in order."""

    @property
    def triggered(self) -> list[Trade]:
        """
        The trades of the stops that it fired, and of those which they fired, in order. `get_order(t.aggressor_order_id).stop_id` names the stop.
        """

    @property
    def filled_quantity(self) -> int: ...

    @property
    def resting_quantity(self) -> int: ...

    @property
    def cancelled_quantity(self) -> int: ...

    @property
    def round_limit_hit(self) -> bool:
        """Stops kept firing stops until the exchange gave up: see `max_rounds`."""

    def __repr__(self) -> str: ...

class CancelResult:
    """What a cancel or a reduce did. True where it succeeded."""

    @property
    def success(self) -> bool: ...

    @property
    def cancelled_quantity(self) -> int:
        """What was taken off."""

    @property
    def error(self) -> nanobook._enums.OrderError | None: ...

    def __bool__(self) -> bool: ...

    def __repr__(self) -> str: ...

class ModifyResult:
    """What a modify did. True where it succeeded."""

    @property
    def success(self) -> bool: ...

    @property
    def old_order_id(self) -> int: ...

    @property
    def new_order_id(self) -> int | None:
        """None where it failed."""

    @property
    def cancelled_quantity(self) -> int:
        """What was left of the old order."""

    @property
    def trades(self) -> list[Trade]:
        """Those of the new order, in order."""

    @property
    def triggered(self) -> list[Trade]:
        """
        The trades of the stops that it fired, and of those which they fired, in order. `get_order(t.aggressor_order_id).stop_id` names the stop.
        """

    @property
    def error(self) -> nanobook._enums.OrderError | None: ...

    @property
    def round_limit_hit(self) -> bool:
        """Stops kept firing stops until the exchange gave up: see `max_rounds`."""

    def __bool__(self) -> bool: ...

    def __repr__(self) -> str: ...

class StopSubmitResult:
    """What became of a stop at its submission."""

    @property
    def order_id(self) -> int: ...

    @property
    def status(self) -> nanobook._enums.OrderStatus:
        """Pending, or Triggered where the last trade price was there already."""

    @property
    def triggered(self) -> list[Trade]:
        """
        The trades of the order it became at once, and of the stops that this fired.
        """

    @property
    def round_limit_hit(self) -> bool:
        """Stops kept firing stops until the exchange gave up: see `max_rounds`."""

    def __repr__(self) -> str: ...

class PrintResult:
    """What an execution or a trade of market data did."""

    @property
    def success(self) -> bool: ...

    @property
    def quantity(self) -> int:
        """Executed: never more than rested."""

    @property
    def trades(self) -> list[Trade]:
        """One, or none where nothing is printed."""

    @property
    def triggered(self) -> list[Trade]:
        """
        The trades of the stops that it fired, and of those which they fired, in order. `get_order(t.aggressor_order_id).stop_id` names the stop.
        """

    @property
    def error(self) -> nanobook._enums.OrderError | None: ...

    @property
    def round_limit_hit(self) -> bool:
        """Stops kept firing stops until the exchange gave up: see `max_rounds`."""

    def __bool__(self) -> bool: ...

    def __repr__(self) -> str: ...

class Event:
    """
    One input of an exchange: what its log keeps and a replay applies.

    Made by the functions named like its kinds, which take the arguments of the exchange's methods: Event.submit_limit("buy", 100_00, 5), Event.cancel(1), ... `symbol` names the exchange in a stream of several. Fields that a kind does not have are not there: AttributeError.
    """

    @staticmethod
    def submit_limit(side: nanobook._enums.Side | str, price: int, quantity: int, tif: nanobook._enums.TimeInForce | str = ..., matching: bool = ..., symbol: str = ...) -> Event:
        """
        A limit order. Not `matching`: it rests whatever it crosses, as orders of market data do; only "gtc" can.
        """

    @staticmethod
    def submit_market(side: nanobook._enums.Side | str, quantity: int, symbol: str = ...) -> Event:
        """An order that trades at any price; nothing of it rests."""

    @staticmethod
    def cancel(order_id: int, symbol: str = ...) -> Event:
        """Takes an order off the book, or a pending stop out of the way."""

    @staticmethod
    def reduce(order_id: int, quantity: int, symbol: str = ...) -> Event:
        """Takes a part off an order, which keeps its priority."""

    @staticmethod
    def modify(order_id: int, new_price: int, new_quantity: int, matching: bool = ..., symbol: str = ...) -> Event:
        """A cancel, then a new limit order: priority is lost."""

    @staticmethod
    def submit_stop_market(side: nanobook._enums.Side | str, stop_price: int, quantity: int, symbol: str = ...) -> Event:
        """Waits for a price, then is a market order."""

    @staticmethod
    def submit_stop_limit(side: nanobook._enums.Side | str, stop_price: int, limit_price: int, quantity: int, tif: nanobook._enums.TimeInForce | str = ..., symbol: str = ...) -> Event:
        """Waits for a price, then is a limit order."""

    @staticmethod
    def submit_trailing_stop_market(side: nanobook._enums.Side | str, initial_stop_price: int, quantity: int, trail_type: nanobook._enums.TrailType | str, trail_value: float, atr_period: int | None = None, symbol: str = '') -> Event:
        """A stop whose price follows the market."""

    @staticmethod
    def submit_trailing_stop_limit(side: nanobook._enums.Side | str, initial_stop_price: int, limit_price: int, quantity: int, trail_type: nanobook._enums.TrailType | str, trail_value: float, tif: nanobook._enums.TimeInForce | str = 'gtc', atr_period: int | None = None, symbol: str = '') -> Event:
        """The same with a limit price, which does not move."""

    @staticmethod
    def execute(order_id: int, quantity: int, price: int | None = ..., match_number: int = ..., printable: bool = ..., symbol: str = ...) -> Event:
        """
        Market data: an order that rests was filled, at its own price or another. Not `printable`: it is no trade of its own.
        """

    @staticmethod
    def trade(side: nanobook._enums.Side | str, price: int, quantity: int, match_number: int = ..., symbol: str = ...) -> Event:
        """Market data: a trade off the book; the side is the aggressor's."""

    @staticmethod
    def from_json(line: str) -> Event:
        """
        An event as a line of a file of events: {"Cancel":{"order_id":1}}. ValueError says where.
        """

    def to_json(self) -> str:
        """As a line of a file of events."""

    @property
    def kind(self) -> str:
        """"submit_limit", "cancel", ..."""

    def to_dict(self) -> dict[str, Any]:
        """Its kind and its fields."""

    def __getattr__(self, name: str) -> Any: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __getstate__(self) -> str: ...

    def __setstate__(self, arg: str, /) -> None: ...

    def __repr__(self) -> str: ...

class Events:
    """
    Events as they were when one asked: a sequence that shares the exchange's memory. polars.DataFrame(events) makes a table.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int | slice) -> Event | list[Event]: ...

    def __iter__(self) -> Iterator[Any]: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any: ...

    def __repr__(self) -> str: ...

def save_events(path: str | os.PathLike[str], events: Iterable[Event], symbol: str = '', max_rounds: int = 100, price_scale: int | None = None) -> None:
    """
    Writes events as JSON lines: a header, then one a line. The file appears under its name when it is whole.
    """

def load_events(path: str | os.PathLike[str]) -> Events:
    """
    The events of a file of JSON lines, with or without a header. ValueError names the line that is wrong.
    """

class BatchResult:
    """
    A row for each of a batch: polars.DataFrame(result) makes a table of order_id, status, filled_quantity, resting_quantity, cancelled_quantity, error.
    """

    def __len__(self) -> int: ...

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any: ...

    def __repr__(self) -> str: ...

class Trades:
    """
    Trades as they were when one asked: a sequence that shares the exchange's memory. polars.DataFrame(trades) makes a table.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int | slice) -> Trade | list[Trade]: ...

    def __iter__(self) -> Iterator[Any]: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any: ...

    def __repr__(self) -> str: ...

class Orders:
    """
    Orders as they were when one asked: a sequence. polars.DataFrame(orders) makes a table.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int | slice) -> Order | list[Order]: ...

    def __iter__(self) -> Iterator[Any]: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any: ...

    def __repr__(self) -> str: ...

class Exchange:
    """
    A limit order book of one symbol that matches orders by price, then arrival. Deterministic: equal inputs give equal ids, ticks, trades and books.

    Prices are integers in the smallest unit: cents, unless `price_scale` (decimals) says otherwise. Sides and times in force are words in any case. Bad input (a price or quantity of 0) is a ValueError, and takes no id; an unknown or finished order is an ordinary answer.
    """

    def __init__(self, symbol: str = ..., *, max_rounds: int = ..., price_scale: int = ..., log_events: bool = ...) -> None:
        """
        `max_rounds` bounds how often stops may fire stops after one order. Without `log_events` it keeps no events.
        """

    def submit_limit(self, side: nanobook._enums.Side | str, price: int, quantity: int, tif: nanobook._enums.TimeInForce | str = ...) -> SubmitResult:
        """
        A limit order: trades at `price` or better; the rest rests ("gtc"), is cancelled ("ioc"), or the order is refused unless all of it trades ("fok").
        """

    def submit_market(self, side: nanobook._enums.Side | str, quantity: int) -> SubmitResult:
        """Trades at any price; what is not filled is cancelled."""

    def cancel(self, order_id: int) -> CancelResult:
        """Takes an order off the book, or a pending stop out of the way."""

    def reduce(self, order_id: int, quantity: int) -> CancelResult:
        """
        Takes `quantity` off an order, which keeps its priority; all of it, or more, is a cancel.
        """

    def modify(self, order_id: int, new_price: int, new_quantity: int) -> ModifyResult:
        """
        Cancels an order and submits another of its side and time in force: a new id, priority lost. It may trade.
        """

    def submit_stop_market(self, side: nanobook._enums.Side | str, stop_price: int, quantity: int) -> StopSubmitResult:
        """
        A stop order that becomes a market order when the last trade price is at or above its stop price (buy), at or below it (sell). It fires at once where that holds already.
        """

    def submit_stop_limit(self, side: nanobook._enums.Side | str, stop_price: int, limit_price: int, quantity: int, tif: nanobook._enums.TimeInForce | str = ...) -> StopSubmitResult:
        """The same, but it becomes a limit order."""

    def submit_trailing_stop_market(self, side: nanobook._enums.Side | str, initial_stop_price: int, quantity: int, trail_type: nanobook._enums.TrailType | str, trail_value: float, atr_period: int | None = None) -> StopSubmitResult:
        """
        A stop order that becomes a market order. Its stop price follows the best price since its submission at a distance, and only ever gets tighter.

        `trail_type` "fixed": `trail_value` price units; "percentage": that fraction of the best price (0.05 is 5 %), rounded half away from zero; "atr": trunc(trail_value x mean of the last `atr_period` absolute changes of the last trade price, one after each matched order, counted from the exchange's first trade). That is a mean absolute change of trade prices, not Wilder's average true range, which needs bars.
        It never fires at its submission. ValueError for a value that is NaN or not above 0, or an ATR period of 0.
        """

    def submit_trailing_stop_limit(self, side: nanobook._enums.Side | str, initial_stop_price: int, limit_price: int, quantity: int, trail_type: nanobook._enums.TrailType | str, trail_value: float, tif: nanobook._enums.TimeInForce | str = 'gtc', atr_period: int | None = None) -> StopSubmitResult:
        """The same, but it becomes a limit order, whose price does not move."""

    def apply(self, event: Event) -> SubmitResult | CancelResult | ModifyResult | StopSubmitResult | PrintResult:
        """Does what an event says, and answers like the method of its kind."""

    def apply_all(self, events: Iterable[Event]) -> None:
        """Applies events in order."""

    @staticmethod
    def replay(events: Iterable[Event], symbol: str = '', *, max_rounds: int = 100, price_scale: int | None = None) -> Exchange:
        """
        A new exchange to which all of the events happened. ValueError where they are for several symbols. parse_itch knows the price scale and the symbol; else it is 2 and that of the events.
        """

    def events(self) -> Events:
        """
        Every input so far, in order, whether or not it succeeded: a sequence; polars.DataFrame(ex.events()) makes a table.
        """

    @property
    def log_events(self) -> bool:
        """
        Whether events are kept. What comes while they are not is lost to `events`, `save` and replays.
        """

    @log_events.setter
    def log_events(self, arg: bool, /) -> None: ...

    def save(self, path: str | os.PathLike[str]) -> None:
        """
        Writes its events as JSON lines. The file appears under its name when it is whole and on the disk.
        """

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Exchange:
        """
        The exchange that a file of events describes, with or without a header. ValueError names the line that is wrong.
        """

    def __getstate__(self) -> object: ...

    def __setstate__(self, arg: object, /) -> None: ...

    def submit_batch(self, frame: Any) -> BatchResult:
        """
        Submits every row of a table of orders, in order, at the speed of the engine: any object with an Arrow stream, such as a Polars frame.

        Columns: side (text, categorical; or integers, 1 and -1 or 0 and 1 for buy and sell), price (integers; null for a market order; pandas needs its Int64 for that), quantity, and perhaps tif. Other columns are ignored. ValueError for a row that is no order; then nothing was submitted. Other threads run meanwhile.
        polars.DataFrame(result) has a row each: order_id, status, filled_quantity, resting_quantity, cancelled_quantity, error.
        """

    def apply_batch(self, frame: Any) -> BatchResult:
        """
        The same with every row of a table of events. Columns as polars.DataFrame(ex.events()) has them: kind, and what the kinds at hand need of side, price, stop_price, limit_price, quantity, tif, order_id, trail_type, trail_value, atr_period, match_number, matching, printable, symbol.
        """

    @property
    def symbol(self) -> str:
        """Its symbol; empty where nobody gave it one."""

    @property
    def price_scale(self) -> int:
        """Decimals of a price: 2 for cents, 4 for ITCH."""

    @property
    def max_rounds(self) -> int:
        """How often stops may fire stops after one order."""

    def best_bid(self) -> int | None:
        """Price of the best bid, or None."""

    def best_ask(self) -> int | None:
        """Price of the best ask, or None."""

    def best_bid_ask(self) -> tuple[int | None, int | None]:
        """(best bid, best ask): prices, or None for an empty side."""

    def spread(self) -> int | None:
        """Best ask less best bid, in price units; None where a side is empty."""

    def last_trade_price(self) -> int | None:
        """Price of the last trade, or None."""

    def depth(self, levels: int = ...) -> BookSnapshot:
        """The best `levels` price levels of each side: a copy."""

    def full_book(self) -> BookSnapshot:
        """All price levels of each side: a copy."""

    def orders(self, side: nanobook._enums.Side | str | None = ...) -> Orders:
        """
        Every resting order (L3), bids then asks or one side; best price first, then by arrival: a copy. polars.DataFrame(ex.orders()) makes a table.
        """

    def queue_ahead(self, order_id: int) -> int | None:
        """
        Quantity that rests before an order at its price; None where the order does not rest.
        """

    def get_order(self, order_id: int) -> Order | None:
        """
        An order, resting or finished; None where there is none: unknown, a stop, a refused FOK, or cleared.
        """

    def get_stop_order(self, order_id: int) -> StopOrder | None:
        """A stop order, pending or not; None where there is none."""

    def pending_stop_count(self) -> int:
        """How many stop orders are pending."""

    def pending_stops(self) -> list[StopOrder]:
        """The stop orders that are pending, in order of submission."""

    def trades(self) -> Trades:
        """
        Every trade since they were last cleared: a sequence; polars.DataFrame(ex.trades()) makes a table.
        """

    def state_hash(self) -> int:
        """
        Equal for exchanges that will answer alike: over counters, last price, resting orders, stops and what trailing stops have seen; the same on every machine.
        """

    def clear_trades(self) -> None:
        """Empties the list of trades, and nothing else."""

    def clear_order_history(self) -> int:
        """
        Forgets the orders that do not rest, and returns how many; stops are kept.
        """

    def compact(self) -> None:
        """Drops the blanks that cancels leave; it is also done when it is due."""

    def reserve(self, orders: int) -> None:
        """Takes memory for so many orders more, ahead of time."""

    def __repr__(self) -> str: ...

class JournaledExchange(Exchange):
    """
    An exchange whose every input is in a file before anything is done about it: after a crash, opening the file gives the exchange again.

        with nanobook.open_journal("orders.journal") as ex:
            ex.submit_limit("buy", 100_00, 5)
    """

    def flush(self) -> None:
        """Hands everything to the system, where it survives the process."""

    def sync(self) -> None:
        """Returns when everything is on the disk, where it survives the machine."""

    def close(self) -> None:
        """Flushes, and takes no more inputs."""

    @property
    def path(self) -> pathlib.Path: ...

    @property
    def bytes_cut(self) -> int:
        """
        What opening the journal cut off its end: the rest of a record that a crash tore.
        """

    @property
    def events_recovered(self) -> int:
        """Events that opening it found."""

    def __copy__(self) -> Exchange: ...

    def __deepcopy__(self, memo: object) -> Exchange: ...

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn: ...

    def __enter__(self) -> JournaledExchange: ...

    def __exit__(self, *args: object) -> None: ...

def open_journal(path: str | os.PathLike[str], symbol: str | None = None, *, max_rounds: int | None = None, price_scale: int | None = None, flush_every: int = 1, repair: bool = False) -> JournaledExchange:
    """
    The exchange that a journal holds, or a new one; its inputs are appended from now on.

    A record that a crash tore is cut off, and `bytes_cut` says so. Damage in the middle is a ValueError, unless `repair` allows to drop everything from there on. Each input is handed to the system at once, or every `flush_every` inputs.
    """

class MultiExchange:
    """
    One exchange a symbol. The methods are those of Exchange with the symbol first; a symbol gets its exchange with its first order.

    ValueError for a symbol of more than 8 ASCII characters.
    """

    def __init__(self, *, max_rounds: int = ..., price_scale: int = ...) -> None:
        """
        `max_rounds` bounds how often stops may fire stops after one order. `price_scale` is the decimals of all prices.
        """

    def get_or_create(self, symbol: str) -> Exchange:
        """
        The exchange of a symbol itself, not a copy: what happens there happens here.
        """

    def __getitem__(self, symbol: str) -> Exchange:
        """
        The exchange of a symbol, not a copy; KeyError for a symbol that has none.
        """

    def __contains__(self, symbol: str) -> bool:
        """Whether a symbol has an exchange."""

    def __len__(self) -> int:
        """How many symbols there are."""

    def len(self) -> int:
        """How many symbols there are; len() does as well."""

    def __iter__(self) -> Iterator[str]:
        """The symbols, sorted."""

    def symbols(self) -> list[str]:
        """The symbols that have an exchange, sorted."""

    def best_prices(self) -> list[tuple[str, int | None, int | None]]:
        """
        (symbol, best bid, best ask) of each, sorted by symbol: prices, or None for an empty side.
        """

    def submit_limit(self, symbol: str, side: nanobook._enums.Side | str, price: int, quantity: int, tif: nanobook._enums.TimeInForce | str = ...) -> SubmitResult:
        """
        A limit order in `symbol`, in its price units: trades at `price` or better; the rest rests ("gtc"), is cancelled ("ioc"), or the order is refused unless all of it trades ("fok"). ValueError for a price or quantity of 0; then no exchange was created.
        """

    def submit_market(self, symbol: str, side: nanobook._enums.Side | str, quantity: int) -> SubmitResult:
        """
        Trades in `symbol` at any price; what is not filled is cancelled. ValueError for a quantity of 0.
        """

    def cancel(self, symbol: str, order_id: int) -> CancelResult:
        """
        Takes an order of `symbol` off the book, or a pending stop out of the way. Ids are those of the symbol's own exchange. An unknown symbol is an unknown order, and creates nothing.
        """

    def reduce(self, symbol: str, order_id: int, quantity: int) -> CancelResult:
        """
        Takes `quantity` off an order of `symbol`, which keeps its priority; all of it, or more, is a cancel. An unknown symbol is an unknown order, and creates nothing.
        """

    def modify(self, symbol: str, order_id: int, new_price: int, new_quantity: int) -> ModifyResult:
        """
        Cancels an order of `symbol` and submits another of its side and time in force: a new id, priority lost. It may trade. ValueError for a price of 0; an unknown symbol is an unknown order, and creates nothing.
        """

    def submit_stop_market(self, symbol: str, side: nanobook._enums.Side | str, stop_price: int, quantity: int) -> StopSubmitResult:
        """
        A stop order that becomes a market order when the last trade price is at or above its stop price (buy), at or below it (sell). It fires at once where that holds already.
        """

    def submit_stop_limit(self, symbol: str, side: nanobook._enums.Side | str, stop_price: int, limit_price: int, quantity: int, tif: nanobook._enums.TimeInForce | str = ...) -> StopSubmitResult:
        """The same as submit_stop_market, but it becomes a limit order."""

    def submit_trailing_stop_market(self, symbol: str, side: nanobook._enums.Side | str, initial_stop_price: int, quantity: int, trail_type: nanobook._enums.TrailType | str, trail_value: float, atr_period: int | None = None) -> StopSubmitResult:
        """
        A stop order that becomes a market order. Its stop price follows the best price since its submission at a distance, and only ever gets tighter.

        `trail_type` "fixed": `trail_value` price units; "percentage": that fraction of the best price (0.05 is 5 %), rounded half away from zero; "atr": trunc(trail_value x mean of the last `atr_period` absolute changes of the last trade price, one after each matched order, counted from the exchange's first trade). That is a mean absolute change of trade prices, not Wilder's average true range, which needs bars.
        It never fires at its submission. ValueError for a value that is NaN or not above 0, or an ATR period of 0.
        """

    def submit_trailing_stop_limit(self, symbol: str, side: nanobook._enums.Side | str, initial_stop_price: int, limit_price: int, quantity: int, trail_type: nanobook._enums.TrailType | str, trail_value: float, tif: nanobook._enums.TimeInForce | str = 'gtc', atr_period: int | None = None) -> StopSubmitResult:
        """
        The same as submit_trailing_stop_market, but it becomes a limit order, whose price does not move.
        """

    def apply(self, event: Event) -> SubmitResult | CancelResult | ModifyResult | StopSubmitResult | PrintResult:
        """
        Does what an event says, where its `symbol` says, and answers like the method of its kind.
        """

    def apply_all(self, events: Iterable[Event]) -> None:
        """Applies events in order, each where its `symbol` says."""

    @staticmethod
    def replay(events: Iterable[Event], *, max_rounds: int = 100, price_scale: int | None = None) -> MultiExchange:
        """
        New exchanges to which all of the events happened, each where its `symbol` says. parse_itch knows the price scale; else it is 2.
        """

    def events(self) -> Events:
        """
        The events of every exchange, one symbol after another, each with its symbol.
        """

    def state_hash(self) -> int:
        """
        Equal for those that will answer alike: over the symbols and the state hash of each exchange; the same on every machine.
        """

    def __getstate__(self) -> tuple[int, int, list[bytes]]: ...

    def __setstate__(self, state: tuple[int, int, list[bytes]]) -> None: ...

    def __repr__(self) -> str: ...

class Table:
    """
    Columns of results. pl.DataFrame(table) and others read it as Arrow, without a copy of its numbers; table["sharpe"] is a list.
    """

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""

    @property
    def metadata(self) -> dict[str, str]:
        """How the results were made; it goes with the Arrow schema."""

    def __getitem__(self, column: str) -> list[Any]:
        """
        The values of a column; None where they are null. KeyError where there is none of this name.
        """

    def rows(self) -> list[dict[str, Any]]:
        """A dict a row."""

    def __len__(self) -> int:
        """Rows."""

    def __contains__(self, column: str) -> bool:
        """Whether there is a column of this name."""

    def __iter__(self) -> Iterator[str]:
        """The names of the columns."""

    def __repr__(self) -> str: ...

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The table as an Arrow stream."""

class Metrics:
    """
    What is said of a series of returns, by the conventions of empyrical and quantstats. What is not defined for a series is None.
    """

    @property
    def total_return(self) -> float | None:
        """Of the whole series: 0.1 is 10 %."""

    @property
    def cagr(self) -> float | None:
        """(1 + total_return) ** (periods_per_year / n_periods) - 1."""

    @property
    def volatility(self) -> float | None:
        """Standard deviation (n - 1), of a year; from two returns on."""

    @property
    def sharpe(self) -> float | None:
        """Of a year; None where all returns are equal."""

    @property
    def sortino(self) -> float | None:
        """
        Of a year, by the downside deviation over all periods (n); None where no return is below risk_free.
        """

    @property
    def max_drawdown(self) -> float | None:
        """The deepest fall from a peak, as a positive part of it."""

    @property
    def calmar(self) -> float | None:
        """cagr / max_drawdown; None without a drawdown."""

    @property
    def win_rate(self) -> float | None:
        """winning / (winning + losing)."""

    @property
    def profit_factor(self) -> float | None:
        """The sum of the gains / that of the losses."""

    @property
    def cvar_95(self) -> float | None:
        """The mean of the lowest int((n - 1) * 0.05) + 1 returns."""

    @property
    def n_periods(self) -> int:
        """Returns."""

    @property
    def winning(self) -> int:
        """Returns above 0."""

    @property
    def losing(self) -> int:
        """Returns below 0."""

    @property
    def periods_per_year(self) -> float: ...

    @property
    def risk_free(self) -> float:
        """Of one period."""

    def to_dict(self) -> dict[str, float | int | None]: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __getstate__(self) -> dict[str, float | int | None]: ...

    def __setstate__(self, values: dict[str, float | int | None]) -> None: ...

    def __repr__(self) -> str: ...

def compute_metrics(returns: Any, periods_per_year: float = 252.0, risk_free: float = 0.0) -> Metrics | None:
    """
    Metrics of returns, each of one period: 0.01 is 1 %.

    returns: a list, a NumPy array, or an Arrow column such as a Polars or pandas Series. risk_free: the risk-free return of one period. None where there are no returns. ValueError names the row of a return that is missing or not finite.
    """

def probabilistic_sharpe(returns: Any, benchmark: float = 0.0, risk_free: float = 0.0) -> float | None:
    """
    The probability that the true Sharpe ratio of these returns is above `benchmark`; all ratios are of one period, not of a year. Bailey and Lopez de Prado (2012).
    """

class CostModel:
    """
    What a trade costs. Slippage moves the price of a fill against the trader, rounded half up; the commission is a part of the notional, rounded half up, once an order, and at least `min_trade_fee`.
    """

    def __init__(self, commission_bps: float = ..., slippage_bps: float = ..., min_trade_fee: int = ...) -> None:
        """
        commission_bps, slippage_bps: basis points, in steps of 0.01. min_trade_fee: in the unit of the prices, such as cents. ValueError where one is negative.
        """

    @staticmethod
    def zero() -> CostModel:
        """Nothing costs anything."""

    @property
    def commission_bps(self) -> float:
        """Of the notional, in basis points."""

    @property
    def slippage_bps(self) -> float:
        """Of the price, in basis points."""

    @property
    def min_trade_fee(self) -> int:
        """The least an order pays."""

    def fill_price(self, side: nanobook._enums.Side | str, price: int) -> int:
        """What an order is filled at where the market is at `price`."""

    def commission(self, notional: int) -> int:
        """The fee of an order that comes to `notional`."""

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __getstate__(self) -> tuple[float, float, int]: ...

    def __setstate__(self, arg: tuple[float, float, int], /) -> None: ...

    def __repr__(self) -> str: ...

class Position:
    """What is held of one symbol, at average cost, and what it has earned."""

    @property
    def symbol(self) -> str: ...

    @property
    def quantity(self) -> int:
        """Shares; negative where short."""

    @property
    def total_cost(self) -> int:
        """
        What was paid for what is held; negative where short: what was received.
        """

    @property
    def realised_gross(self) -> int:
        """Profit of what was closed, before fees."""

    @property
    def fees(self) -> int:
        """Of all its orders."""

    @property
    def realised_net(self) -> int:
        """realised_gross - fees."""

    @property
    def avg_entry_price(self) -> float | None:
        """
        total_cost / quantity, for people: no calculation of money starts from it. None where nothing is held.
        """

    def market_value(self, price: int) -> int:
        """quantity * price."""

    def unrealised(self, price: int) -> int:
        """market_value - total_cost."""

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class Fill:
    """One order of a rebalance, filled."""

    @property
    def symbol(self) -> str: ...

    @property
    def side(self) -> nanobook._enums.Side: ...

    @property
    def quantity(self) -> int:
        """Shares, above 0."""

    @property
    def price(self) -> int:
        """Slippage included."""

    @property
    def fee(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class Rebalance:
    """What a rebalance came to."""

    @property
    def equity(self) -> int:
        """
        Before the trades; 0 where nothing was looked at: None was the target, or the portfolio is ruined.
        """

    @property
    def trades(self) -> list[Fill]:
        """Its orders, sells first."""

    @property
    def traded(self) -> int:
        """The sum of the notionals."""

    @property
    def fees(self) -> int:
        """Of all orders."""

    @property
    def slippage(self) -> int:
        """What the fills cost more than the given prices."""

    @property
    def resized(self) -> bool:
        """The buys were made smaller, by one factor, for want of cash."""

    def __repr__(self) -> str: ...

class LobFill:
    """What became of one symbol in a rebalance through the order books."""

    @property
    def symbol(self) -> str: ...

    @property
    def side(self) -> nanobook._enums.Side: ...

    @property
    def target(self) -> int:
        """Shares to hold."""

    @property
    def wanted(self) -> int:
        """Shares to trade for that."""

    @property
    def ordered(self) -> int:
        """
        Fewer than wanted where the cash does not cover all buys, or a sale would cost more than it brings.
        """

    @property
    def filled(self) -> int:
        """Shares."""

    @property
    def unfilled(self) -> int:
        """wanted - filled."""

    @property
    def average_price(self) -> float | None:
        """None without a fill."""

    @property
    def notional(self) -> int:
        """Of the fills."""

    @property
    def fees(self) -> int:
        """Once an order."""

    @property
    def limit(self) -> int | None:
        """The worst price that the order accepted; None where none was sent."""

    @property
    def order_id(self) -> int | None:
        """In the exchange of the symbol; None where none was sent."""

    def __repr__(self) -> str: ...

class LobRebalance:
    """What a rebalance through the order books came to."""

    @property
    def equity(self) -> int:
        """Before the trades."""

    @property
    def targets(self) -> list[LobFill]:
        """One for each symbol that is held or targeted."""

    @property
    def resized(self) -> bool:
        """The buys were made smaller, by one factor, for want of cash."""

    def __repr__(self) -> str: ...

class Portfolio:
    """
    Cash and positions, moved to target weights. Money is in the unit of the prices, such as cents, and exact: total_equity - initial_cash == realised_gross - fees + unrealised, always.
    """

    def __init__(self, initial_cash: int, cost_model: CostModel = ..., *, leverage: float = 1.0) -> None:
        """
        initial_cash: above 0. leverage: what all |weights| together may come to; cash is below zero only where it is above 1.
        """

    @property
    def initial_cash(self) -> int: ...

    @property
    def cash(self) -> int: ...

    @property
    def cost_model(self) -> CostModel: ...

    @property
    def leverage(self) -> float: ...

    @property
    def fees(self) -> int:
        """Of all orders so far."""

    @property
    def realised_gross(self) -> int:
        """Profit of what was closed, before fees."""

    @property
    def realised_net(self) -> int:
        """realised_gross - fees."""

    @property
    def ruined(self) -> bool:
        """
        The equity was once at or below zero: all was sold, and there is no trade any more.
        """

    def position(self, symbol: str) -> Position | None:
        """
        None where it was never traded. One that was closed has the quantity 0.
        """

    def positions(self) -> dict[str, Position]:
        """By symbol, those that were closed too."""

    def rebalance_simple(self, targets: Any, prices: Any) -> Rebalance:
        """
        Trades at these prices until every target has floor(weight * equity / price) shares, the equity being that before the trades; what is held and not targeted is sold. Sells come first; buys that the cash does not cover shrink by one common factor. The same targets at the same prices a second time trade nothing.

        targets: a mapping or pairs of symbol and weight, a part of the equity, negative for a short position; None holds what there is, an empty mapping sells it. prices: a mapping or pairs of symbol and price. ValueError, and nothing is traded, for a weight that is not finite, weights above the leverage in sum, a symbol twice or without a price.
        """

    def rebalance_lob(self, targets: Any, exchanges: MultiExchange, *, max_slippage_bps: float = 100.0) -> LobRebalance:
        """
        The same through order books: marketable orders (immediate or cancel), sells first, buys sized against what the books ask. Symbols are valued at the middle of their books. Nothing rests, and the report says what was not filled.

        max_slippage_bps: how far from the best price an order may be filled. ValueError, and nothing is sent, as above and for a symbol without a book; none is made.
        """

    def total_equity(self, prices: Any) -> int:
        """prices: a mapping or pairs of symbol and price, whole and above 0."""

    def unrealised(self, prices: Any) -> int:
        """What the positions are worth beyond their cost."""

    def current_weights(self, prices: Any) -> dict[str, float]:
        """The value of every open position as a part of the equity."""

    def snapshot(self, prices: Any) -> dict[str, Any]:
        """
        cash, equity, fees, realised_gross, realised_net, unrealised, positions and weights at these prices.
        """

    def record_return(self, prices: Any) -> float:
        """
        Appends the equity at these prices to the curve. Returns the change since the entry before.
        """

    def equity_curve(self) -> list[int]:
        """initial_cash, then what record_return saw."""

    def returns(self) -> list[float]:
        """Of the equity curve: one less than it has entries."""

    def compute_metrics(self, periods_per_year: float = ..., risk_free: float = ...) -> Metrics | None:
        """Of the equity curve; None before the first return."""

    def to_json(self) -> str:
        """All that decides what it will do; see from_json."""

    @staticmethod
    def from_json(text: str) -> Portfolio:
        """ValueError for what to_json did not write."""

    def save_json(self, path: str | os.PathLike[str]) -> None:
        """A file that stood there stays as it is until the new one is whole."""

    @staticmethod
    def load_json(path: str | os.PathLike[str]) -> Portfolio: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __copy__(self) -> Portfolio: ...

    def __deepcopy__(self, memo: dict[int, Any]) -> Portfolio: ...

    def __getstate__(self) -> str: ...

    def __setstate__(self, arg: str, /) -> None: ...

    def __repr__(self) -> str: ...

class PortfolioView:
    """
    The portfolio of a running backtest, at the prices of the bar: to look at, for as long as the backtest runs.
    """

    @property
    def cash(self) -> int: ...

    @property
    def initial_cash(self) -> int: ...

    @property
    def equity(self) -> int:
        """Cash and what the positions are worth."""

    @property
    def fees(self) -> int: ...

    @property
    def realised_gross(self) -> int: ...

    @property
    def unrealised(self) -> int: ...

    @property
    def symbols(self) -> list[str]:
        """In the order of the columns."""

    @property
    def weights(self) -> dict[str, float]:
        """Of the open positions, as parts of the equity."""

    def position(self, symbol: str) -> Position | None:
        """None where it was never traded."""

    def quantity(self, symbol: str) -> int:
        """Shares that are held; 0 where there are none."""

    def positions(self) -> dict[str, Position]:
        """By symbol, those that were closed too."""

    def copy(self) -> Portfolio:
        """A portfolio of one's own."""

    def __repr__(self) -> str: ...

class Prices:
    """Prices that were read and checked once, for several runs."""

    def __init__(self, prices: Any, *, date: str | None = None, on_null: str = "raise") -> None:
        """
        prices: anything with an Arrow stream, an integer column a symbol; or a row a bar, of pairs or a mapping; or a mapping of symbols to lists. date: the column of dates or moments, which is no symbol. on_null: 'raise', or 'carry': a missing price is the last one, at which nothing is traded. TypeError for a column of another kind, ValueError for what is empty, ragged, missing or not above 0.
        """

    @property
    def symbols(self) -> list[str]: ...

    @property
    def on_null(self) -> str:
        """'raise' or 'carry'."""

    def __len__(self) -> int: ...

    def __repr__(self) -> str: ...

class EqualWeight:
    """
    The strategy of sweep_equal_weight, which runs without Python: equal weights in what is selected, on the bars of a schedule, with stops.
    """

    def __init__(self, *, rebalance_every: int | None = None, rebalance_on: str | None = None, offset: int = 0, cash_buffer: float = 0.0, no_trade_band_bps: float = 0.0, lookback: int | None = None, top_k: int | None = None, skip: int = 0, min_price: int = 0, min_history: int = 0, stop_loss_pct: float | None = None, trailing_stop_pct: float | None = None, take_profit_pct: float | None = None, leverage: float | None = None, max_drawdown_stop: float | None = None) -> None:
        """
        rebalance_every: bars; 0 is once; 1 where neither it nor rebalance_on is given. rebalance_on: 'day', 'week', 'month' or 'quarter', the first bar of each. offset: so many bars later. cash_buffer: the part that is not invested. no_trade_band_bps: smaller changes of a position are left out. lookback, skip, top_k: the symbols that rose most over `lookback` bars, the last `skip` left out. min_price, min_history: what a symbol needs. stop_loss_pct, trailing_stop_pct, take_profit_pct, max_drawdown_stop: fractions, 0.05 is 5 %; 0, as None, is none. leverage: None is that of the run.
        """

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __getstate__(self) -> dict[str, Any]: ...

    def __setstate__(self, given: dict[str, Any]) -> None: ...

    def __repr__(self) -> str: ...

class BacktestResult:
    """A backtest that is over. pl.DataFrame(result) is its table."""

    @property
    def equity_curve(self) -> list[int]:
        """
        The equity after each bar; the first is initial_cash, before the trades of bar 0.
        """

    @property
    def returns(self) -> list[float]:
        """
        Of the equity curve: one less than there are bars; the costs of entry are in the first.
        """

    @property
    def metrics(self) -> Metrics: ...

    @property
    def portfolio(self) -> Portfolio:
        """As it was at the end."""

    @property
    def trades(self) -> Table:
        """
        bar, date where there are dates, symbol, side, quantity, price (slippage included) and fee of every order.
        """

    @property
    def table(self) -> Table:
        """
        bar, date where there are dates, equity, return, drawdown (0 or negative) and cash, a row a bar.
        """

    @property
    def final_equity(self) -> int: ...

    @property
    def final_cash(self) -> int: ...

    @property
    def min_cash(self) -> int:
        """The least after any bar, or at the beginning."""

    @property
    def fees(self) -> int: ...

    @property
    def turnover(self) -> float:
        """
        The sum of traded value / equity at the time: 1 is all that there was, bought once.
        """

    @property
    def n_rebalances(self) -> int: ...

    @property
    def n_orders(self) -> int: ...

    @property
    def n_resized(self) -> int:
        """Rebalances whose buys were made smaller, for want of cash."""

    @property
    def n_bars(self) -> int: ...

    @property
    def status(self) -> str:
        """'ok', 'ruined', or 'stopped' by its strategy."""

    def plot(self) -> Any:
        """
        A tear sheet as an Altair chart: equity, drawdown, returns. Needs nanobook-cpp[plot].
        """

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """`table` as an Arrow stream."""

    def __repr__(self) -> str: ...

def run_backtest(strategy: Any, prices: Any, initial_cash: int, cost_model: CostModel = ..., periods_per_year: float = 252.0, risk_free: float = 0.0, *, date: str | None = None, on_null: str = "raise", execution_lag: int = 0, leverage: float = 1.0, progress: Callable[[int, int], object] | bool | None = None) -> BacktestResult:
    """
    prices: as Prices takes them, or Prices. initial_cash: in the unit of the prices. periods_per_year, risk_free (of one period): for the metrics. date: the column of dates. on_null: 'raise' or 'carry'. execution_lag: 0, orders are filled at the prices of the bar that decides, or 1, at those of the next. leverage: what all |weights| may come to. progress: True for a bar, or called with (done, total), in bars.
    """

def backtest_weights(weights: Any, prices: Any, initial_cash: int, cost_model: CostModel = ..., periods_per_year: float = 252.0, risk_free: float = 0.0, *, date: str | None = None, on_null: str = "raise", execution_lag: int = 0, leverage: float = 1.0, progress: Callable[[int, int], object] | bool | None = None) -> BacktestResult:
    """
    weights: a table with a column a symbol, of numbers, and a row a bar; or the rows of some bars, with a column 'bar' of their numbers or one of dates, which `date` names; or a list with a mapping or None a bar. A row of nothing but nulls, and None, hold; a null among weights is 0. prices: as Prices takes them, or Prices. initial_cash: in the unit of the prices. periods_per_year, risk_free (of one period): for the metrics. date: the column of dates. on_null: 'raise' or 'carry'. execution_lag: 0, orders are filled at the prices of the bar that decides, or 1, at those of the next. leverage: what all |weights| may come to. progress: True for a bar, or called with (done, total), in bars.
    """

def column_addresses(prices: object | None) -> list[int]:
    """
    Where the values of integer columns are read from: in the table itself, not a copy.
    """

class SweepResult:
    """
    A row for every parameter set, in the order of the grid. pl.DataFrame(result) is its table.
    """

    @property
    def table(self) -> Table:
        """
        id, the parameters, the metrics, final_equity, final_cash, min_cash, fees, turnover, n_rebalances, n_orders, n_resized, n_bars and status ('ok', 'ruined', 'stopped', 'cancelled'). Money is in the unit of the prices.
        """

    @property
    def metadata(self) -> dict[str, str]:
        """How the results were made."""

    def best(self, metric: str = ..., n: int = ..., *, ascending: bool | None = ...) -> Table:
        """
        The `n` best rows by a column of the table, best first, without those where it is null. Less is better of max_drawdown, volatility, fees, turnover, n_orders and n_resized, more of all else; `ascending` decides otherwise.
        """

    def curve(self, id: int) -> list[int]:
        """The equity curve of a set: kept, or worked out again."""

    def run(self, id: int) -> BacktestResult:
        """The whole backtest of a set, to the same cents as its row."""

    @property
    def expected_max_sharpe(self) -> float | None:
        """
        The Sharpe ratio, of a year, that the best of so many sets would show by luck alone: Bailey and Lopez de Prado (2014). None for fewer than two sets with a ratio.
        """

    @property
    def deflated_sharpe(self) -> float | None:
        """
        The deflated Sharpe ratio: the probability that the true Sharpe ratio of the best set is above expected_max_sharpe.
        """

    def pbo(self, n_splits: int = ...) -> float:
        """
        The probability of backtest overfitting: how often the best set of one half of the time is below the median in the other, over all ways to choose half of `n_splits` pieces (Bailey, Borwein, Lopez de Prado and Zhu, 2015).
        """

    def heatmap(self, x: str, y: str, metric: str = "sharpe") -> Any:
        """
        A metric over two parameters, as an Altair chart: see nanobook.plot.heatmap. Needs nanobook-cpp[plot].
        """

    def plot(self, metric: str = "sharpe", n: int = 10) -> Any:
        """
        The equity curves of the `n` best sets and the distribution of the metric, as an Altair chart. Needs nanobook-cpp[plot].
        """

    def __len__(self) -> int: ...

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """`table` as an Arrow stream."""

    def __repr__(self) -> str: ...

def sweep_equal_weight(prices: Any, param_grid: Any, initial_cash: int, cost_model: CostModel = ..., periods_per_year: float = 252.0, risk_free: float = 0.0, *, date: str | None = None, curves: Iterable[int] | bool | str | None = None, threads: int | None = None, progress: Callable[[int, int], object] | bool | None = None, on_null: str = "raise", execution_lag: int = 0) -> SweepResult:
    """
    Runs EqualWeight with every parameter set, on several threads where that is worth it.

    prices: anything with an Arrow stream (Polars, pyarrow, pandas, DuckDB), an integer column a symbol, read where it is; or lists, see Prices. param_grid: a dict of keys and values, all combinations of which are run; or a list of dicts, or a table, whose rows are. The keys are those of EqualWeight, cost_bps, slippage_bps, min_trade_fee and execution_lag; one that is not there, or None, leaves the base as it is. initial_cash: in the unit of the prices, such as cents. curves: the numbers of the sets whose equity curves are kept, or True. threads: None for as many as there are cores. progress: True for a bar, or called with (done, total) at most ten times a second. Others as in run_backtest. ValueError for a set that makes no sense, before any is run. KeyboardInterrupt keeps the rows that are done in its attribute `partial`.
    """

class RunSummary:
    """What a sweep keeps of a run."""

    def __init__(self, run: BacktestResult) -> None: ...

def rows_of(table: Any) -> list[dict[str, Any]]:
    """The rows of anything with an Arrow stream, of numbers and text."""

def costs_of(parameters: dict[str, Any], cost_model: CostModel) -> CostModel:
    """
    cost_model, but for cost_bps, slippage_bps and min_trade_fee among the parameters.
    """

def parameter_column(name: str, values: list[Any]) -> Table:
    """Parameters as a table of one column, of numbers, booleans or text."""

def sweep_of_runs(parameters: list[tuple[Table, int]], sets: int, runs: list[RunSummary], run: Callable[[int], BacktestResult], prices: Prices, initial_cash: int, cost_model: CostModel, execution_lag: int, leverage: float, periods_per_year: float, risk_free: float) -> SweepResult:
    """
    The result of runs that Python made, the first of `sets`. parameters: of each, its values, and how many sets in a row have one before the next comes; after the last it begins again.
    """

def sweep_columns() -> list[str]:
    """The columns of a result besides its parameters."""

def simd_levels() -> list[str]:
    """
    What sweeps can use of this processor, least first; the environment variable NANOBOOK_SIMD names the most they may use. Results do not depend on it.
    """
