"""The compiled part of nanobook; import nanobook instead."""

from collections.abc import Iterable, Iterator
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
        A limit order. Not `matching`: it rests whatever it crosses, as orders of market data do.
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
        Writes its events as JSON lines. The file appears under its name when it is whole.
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
    def symbol(self) -> str: ...

    @property
    def price_scale(self) -> int:
        """Decimals of a price: 2 for cents, 4 for ITCH."""

    @property
    def max_rounds(self) -> int: ...

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

    def pending_stop_count(self) -> int: ...

    def pending_stops(self) -> list[StopOrder]:
        """In order of submission."""

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
    """

    def __init__(self, *, max_rounds: int = ..., price_scale: int = ...) -> None: ...

    def get_or_create(self, symbol: str) -> Exchange:
        """
        The exchange of a symbol itself, not a copy: what happens there happens here.
        """

    def __getitem__(self, symbol: str) -> Exchange:
        """The same; KeyError for a symbol that has none."""

    def __contains__(self, symbol: str) -> bool: ...

    def __len__(self) -> int: ...

    def len(self) -> int:
        """How many symbols there are; len() does as well."""

    def __iter__(self) -> Iterator[str]: ...

    def symbols(self) -> list[str]:
        """Sorted."""

    def best_prices(self) -> list[tuple[str, int | None, int | None]]:
        """(symbol, best bid, best ask) of each, sorted by symbol."""

    def submit_limit(self, symbol: str, side: nanobook._enums.Side | str, price: int, quantity: int, tif: nanobook._enums.TimeInForce | str = ...) -> SubmitResult: ...

    def submit_market(self, symbol: str, side: nanobook._enums.Side | str, quantity: int) -> SubmitResult: ...

    def cancel(self, symbol: str, order_id: int) -> CancelResult:
        """An unknown symbol is an unknown order, and creates nothing."""

    def reduce(self, symbol: str, order_id: int, quantity: int) -> CancelResult: ...

    def modify(self, symbol: str, order_id: int, new_price: int, new_quantity: int) -> ModifyResult: ...

    def submit_stop_market(self, symbol: str, side: nanobook._enums.Side | str, stop_price: int, quantity: int) -> StopSubmitResult: ...

    def submit_stop_limit(self, symbol: str, side: nanobook._enums.Side | str, stop_price: int, limit_price: int, quantity: int, tif: nanobook._enums.TimeInForce | str = ...) -> StopSubmitResult: ...

    def submit_trailing_stop_market(self, symbol: str, side: nanobook._enums.Side | str, initial_stop_price: int, quantity: int, trail_type: nanobook._enums.TrailType | str, trail_value: float, atr_period: int | None = None) -> StopSubmitResult: ...

    def submit_trailing_stop_limit(self, symbol: str, side: nanobook._enums.Side | str, initial_stop_price: int, limit_price: int, quantity: int, trail_type: nanobook._enums.TrailType | str, trail_value: float, tif: nanobook._enums.TimeInForce | str = 'gtc', atr_period: int | None = None) -> StopSubmitResult: ...

    def apply(self, event: Event) -> SubmitResult | CancelResult | ModifyResult | StopSubmitResult | PrintResult:
        """Does what an event says, where its `symbol` says."""

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

    def state_hash(self) -> int: ...

    def __getstate__(self) -> tuple[int, int, list[bytes]]: ...

    def __setstate__(self, state: tuple[int, int, list[bytes]]) -> None: ...

    def __repr__(self) -> str: ...
