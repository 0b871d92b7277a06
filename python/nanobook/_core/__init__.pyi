"""The compiled part of nanobook; import nanobook instead."""

from collections.abc import Iterator

from nanobook._core import itch as itch


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

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...
