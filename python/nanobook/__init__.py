"""Limit order books: orders and market data in, true order books out."""

from collections.abc import Sequence as _Sequence

from nanobook import itch
from nanobook._core import (
    BookSnapshot,
    CancelResult,
    Event,
    Events,
    Exchange,
    JournaledExchange,
    LevelView,
    ModifyResult,
    MultiExchange,
    Order,
    Orders,
    PrintResult,
    StopOrder,
    StopSubmitResult,
    SubmitResult,
    Trade,
    Trades,
    load_events,
    open_journal,
    save_events,
    version as __version__,
)
from nanobook._enums import OrderError, OrderStatus, Side, TimeInForce, TrailType

__all__ = [
    "BookSnapshot",
    "CancelResult",
    "Event",
    "Events",
    "Exchange",
    "JournaledExchange",
    "LevelView",
    "ModifyResult",
    "MultiExchange",
    "Order",
    "OrderError",
    "OrderStatus",
    "Orders",
    "PrintResult",
    "Side",
    "StopOrder",
    "StopSubmitResult",
    "SubmitResult",
    "TimeInForce",
    "Trade",
    "Trades",
    "TrailType",
    "__version__",
    "itch",
    "load_events",
    "open_journal",
    "save_events",
]

for _rows in (Events, Orders, Trades):
    _Sequence.register(_rows)
