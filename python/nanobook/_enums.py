"""The words of an exchange. Each is a str: "buy" will do wherever a Side is asked for, in any case."""

from __future__ import annotations

from enum import StrEnum


class _Word(StrEnum):
    @classmethod
    def _missing_(cls, value: object) -> _Word | None:
        if not isinstance(value, str):
            return None
        word = value.lower()
        return next((member for member in cls if word in (member.value.lower(), *member._other_names())), None)

    def _other_names(self) -> tuple[str, ...]:
        return ()


class Side(_Word):
    """Which side of the book an order rests on."""

    BUY = "buy"  #: rests among the bids, crosses asks at or below its price; also "b"
    SELL = "sell"  #: rests among the asks, crosses bids at or above its price; also "s"

    def _other_names(self) -> tuple[str, ...]:
        return (self.value[0],)


class TimeInForce(_Word):
    """What happens to the part of an order that is not filled at once."""

    GTC = "gtc"  #: good till cancelled: it rests
    IOC = "ioc"  #: immediate or cancel: it is cancelled
    FOK = "fok"  #: fill or kill: the order is filled whole, or refused


class TrailType(_Word):
    """How far a trailing stop stays behind the best price seen since its submission."""

    FIXED = "fixed"  #: a number of price units
    PERCENTAGE = "percentage"  #: a fraction of that price: 0.05 is 5 %; also "pct"
    ATR = "atr"  #: a multiple of the mean absolute change of the last prices

    def _other_names(self) -> tuple[str, ...]:
        return ("pct",) if self is TrailType.PERCENTAGE else ()


class OrderStatus(_Word):
    """Of orders and stops."""

    NEW = "New"  #: rests, nothing filled yet
    PARTIALLY_FILLED = "PartiallyFilled"  #: filled in part; it rests, or the rest of it was cancelled
    FILLED = "Filled"
    CANCELLED = "Cancelled"  #: cancelled, or refused
    PENDING = "Pending"  #: a stop that waits for its price
    TRIGGERED = "Triggered"  #: a stop that has fired


class OrderError(_Word):
    """Why a cancel, a reduce or a modify did nothing."""

    ORDER_NOT_FOUND = "OrderNotFound"  #: never submitted, a refused FOK, or its history was cleared
    ORDER_NOT_ACTIVE = "OrderNotActive"  #: filled, cancelled, fired, or an IOC that is over
    INVALID_QUANTITY = "InvalidQuantity"  #: a quantity of 0
