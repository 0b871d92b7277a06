"""A slow ITCH 5.0 reader and book builder, the model the engine's replay is compared with.

Written from the specification alone, with `struct`, lists and dictionaries. Nothing is ever matched here: an Add is
what remained after the venue matched. Decisions where the specification is silent:

* Every message is counted under `counts` once it is framed with the right length, whatever it then does to a book.
* An odd message counts ONE oddity, the first of: bad side, duplicate reference, zero shares (for A and F); unknown
  reference, duplicate reference, zero shares (for U). It then changes nothing, but a U still erases the old order.
* A locate that differs from the stored order's is counted for E, C, X, D and U, and for a B against its print.
* E, C, X, P and Q of 0 shares change nothing and are no trade. An X of more than remains is an over-cancel.
* An execution is out of FIFO when its order is not the oldest of its own level; C counts like E, printable or not.
* Only prints that counted in volume can be broken; a later print with the same match number takes the earlier one's
  place. A broken trade leaves the last price alone.
* A book is made by the first order that rests or the first print that counts. Its symbol is R's, else the first A's
  or F's that rests; never P's or Q's.
* The truncated tail's offset is that of the length prefix of the message that is cut.
* Where every prefix is 00 00, a prefix that is not is believed; a 00 00 at the very end ends the session; an unknown
  type has no known length, so that reading stops there (`unframed_at`).
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

HEADER = "locate@1:H tracking@3:H timestamp@5:u48"

# type: (length, name, fields as name@offset:format); B H I Q and Ns are the formats of `struct`.
TYPES: dict[str, tuple[int, str, str]] = {
    "S": (12, "System Event", "event@11:1s"),
    "R": (
        39,
        "Stock Directory",
        (
            "stock@11:8s market_category@19:1s financial_status@20:1s round_lot_size@21:I round_lots_only@25:1s "
            "issue_classification@26:1s issue_subtype@27:2s authenticity@29:1s short_sale_threshold@30:1s "
            "ipo_flag@31:1s luld_tier@32:1s etp_flag@33:1s etp_leverage@34:I inverse@38:1s"
        ),
    ),
    "H": (25, "Stock Trading Action", "stock@11:8s state@19:1s reserved@20:1s reason@21:4s"),
    "Y": (20, "Reg SHO", "stock@11:8s action@19:1s"),
    "L": (26, "Market Participant Position", "mpid@11:4s stock@15:8s primary@23:1s mode@24:1s state@25:1s"),
    "V": (35, "MWCB Decline Level", "level1@11:Q level2@19:Q level3@27:Q"),
    "W": (12, "MWCB Status", "level@11:1s"),
    "K": (28, "IPO Quoting Period", "stock@11:8s release_time@19:I qualifier@23:1s price@24:I"),
    "J": (35, "LULD Auction Collar", "stock@11:8s reference@19:I upper@23:I lower@27:I extension@31:I"),
    "h": (21, "Operational Halt", "stock@11:8s market@19:1s action@20:1s"),
    "A": (36, "Add Order", "ref@11:Q side@19:1s shares@20:I stock@24:8s price@32:I"),
    "F": (40, "Add Order, MPID", "ref@11:Q side@19:1s shares@20:I stock@24:8s price@32:I attribution@36:4s"),
    "E": (31, "Order Executed", "ref@11:Q shares@19:I match@23:Q"),
    "C": (36, "Order Executed With Price", "ref@11:Q shares@19:I match@23:Q printable@31:1s price@32:I"),
    "X": (23, "Order Cancel", "ref@11:Q shares@19:I"),
    "D": (19, "Order Delete", "ref@11:Q"),
    "U": (35, "Order Replace", "old_ref@11:Q new_ref@19:Q shares@27:I price@31:I"),
    "P": (44, "Trade", "ref@11:Q side@19:1s shares@20:I stock@24:8s price@32:I match@36:Q"),
    "Q": (40, "Cross Trade", "shares@11:Q stock@19:8s price@27:I match@31:Q cross_type@39:1s"),
    "B": (19, "Broken Trade", "match@11:Q"),
    "I": (
        50,
        "NOII",
        (
            "paired@11:Q imbalance@19:Q direction@27:1s stock@28:8s far@36:I near@40:I reference@44:I "
            "cross_type@48:1s variation@49:1s"
        ),
    ),
    "N": (20, "Retail Price Improvement", "stock@11:8s interest@19:1s"),
    "O": (
        48,
        "Direct Listing, Capital Raise",
        "stock@11:8s eligibility@19:1s min@20:I max@24:I near@28:I near_time@32:Q lower@40:I upper@44:I",
    ),
}


def layout(type_: str) -> list[tuple[str, int, str]]:
    """(name, offset, format) of every field of a type, header first."""
    rows = []
    for entry in f"{HEADER} {TYPES[type_][2]}".split():
        name, _, where = entry.partition("@")
        offset, _, fmt = where.partition(":")
        rows.append((name, int(offset), fmt))
    return rows


@dataclass(frozen=True)
class Message:
    """One well-formed message; `offset` is where its length prefix begins in the file."""

    offset: int
    type: str
    payload: bytes
    ints: dict[str, int]
    texts: dict[str, str]  # without the padding, but a one-character text is kept as it is

    def fields(self) -> dict[str, int | str]:
        """All fields by their names in the specification, in wire order."""
        return {name: self.ints[name] if name in self.ints else self.texts[name] for name, _, _ in layout(self.type)}


def decode(payload: bytes, offset: int = 0) -> Message:
    """The message in a payload of a known type and the right length."""
    type_ = chr(payload[0])
    ints: dict[str, int] = {}
    texts: dict[str, str] = {}
    for name, at, fmt in layout(type_):
        if fmt == "u48":
            ints[name] = int.from_bytes(payload[at : at + 6], "big")
        elif fmt.endswith("s"):
            raw = struct.unpack_from(f">{fmt}", payload, at)[0].decode("latin-1")
            texts[name] = raw if fmt == "1s" else raw.rstrip(" ")
        else:
            ints[name] = struct.unpack_from(f">{fmt}", payload, at)[0]
    return Message(offset, type_, payload, ints, texts)


def encode(type_: str, **values: int | str) -> bytes:
    """The payload of a message; fields left out are 0 or blank."""
    payload = bytearray(type_.encode() + bytes(TYPES[type_][0] - 1))
    for name, at, fmt in layout(type_):
        value = values.pop(name, "" if fmt.endswith("s") else 0)
        if isinstance(value, str):
            size = int(fmt[:-1])
            payload[at : at + size] = value.encode("latin-1").ljust(size)
        elif fmt == "u48":
            payload[at : at + 6] = value.to_bytes(6, "big")
        else:
            struct.pack_into(f">{fmt}", payload, at, value)
    if values:
        raise TypeError(f"{type_} has no field {', '.join(values)}")
    return bytes(payload)


def frame(*payloads: bytes) -> bytes:
    """A BinaryFILE of these payloads."""
    return b"".join(struct.pack(">H", len(payload)) + payload for payload in payloads)


@dataclass
class Report:
    """What was read, and everything odd about it."""

    # Framing.
    counts: Counter[str] = field(default_factory=Counter)
    unknown_types: Counter[str] = field(default_factory=Counter)
    wrong_length: Counter[str] = field(default_factory=Counter)
    zero_prefixed: bool = False
    end_of_session: bool = False
    trailing_bytes: int = 0  # after the end of the session, or from `unframed_at` on
    truncated_at: int | None = None
    unframed_at: int | None = None
    # Books.
    unknown_refs: Counter[str] = field(default_factory=Counter)
    duplicate_refs: int = 0
    zero_quantity: int = 0
    bad_side: int = 0
    locate_mismatches: int = 0
    over_executions: int = 0
    over_cancels: int = 0
    out_of_fifo: int = 0
    unknown_matches: int = 0


def messages(data: bytes, report: Report) -> Iterator[Message]:
    """The well-formed messages of a BinaryFILE, filling in the framing half of the report on the way."""
    report.zero_prefixed = data[:2] == b"\0\0" and chr_at(data, 2) in TYPES
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            report.truncated_at = at
            return
        length = int.from_bytes(data[at : at + 2], "big")
        type_ = chr_at(data, at + 2)
        if length == 0:
            if not report.zero_prefixed or type_ == "":
                report.end_of_session = True
                report.trailing_bytes = len(data) - at - 2
                return
            if type_ not in TYPES:
                report.unknown_types[type_] += 1
                report.unframed_at = at
                report.trailing_bytes = len(data) - at
                return
            length = TYPES[type_][0]
        payload = data[at + 2 : at + 2 + length]
        if len(payload) < length:
            report.truncated_at = at
            return
        if type_ not in TYPES:
            report.unknown_types[type_] += 1
        elif length != TYPES[type_][0]:
            report.wrong_length[type_] += 1
        else:
            report.counts[type_] += 1
            yield decode(payload, at)
        at += 2 + length


def chr_at(data: bytes, at: int) -> str:
    """The byte at an offset as a character, '' past the end."""
    return data[at : at + 1].decode("latin-1")


@dataclass
class Order:
    ref: int
    locate: int
    side: str  # "B" or "S"
    price: int
    shares: int  # what remains, never 0
    attribution: str


@dataclass
class Book:
    """One symbol: its resting orders in order of arrival, and what traded."""

    orders: list[Order] = field(default_factory=list)
    symbol: str = ""
    volume: int = 0
    trades: int = 0
    last_price: int | None = None

    def walk(self, side: str) -> list[Order]:
        """Best level first, oldest first within a level: sorting is stable, and `orders` is in order of arrival."""
        mine = [order for order in self.orders if order.side == side]
        return sorted(mine, key=lambda order: -order.price if side == "B" else order.price)

    def depth(self, side: str, n: int | None = None) -> list[tuple[int, int, int]]:
        """(price, shares, order count) of the first n levels, or of all."""
        rows: dict[int, tuple[int, int]] = {}
        for order in self.walk(side):
            shares, count = rows.get(order.price, (0, 0))
            rows[order.price] = (shares + order.shares, count + 1)
        return [(price, shares, count) for price, (shares, count) in rows.items()][:n]

    def best(self, side: str) -> int | None:
        return next((price for price, _, _ in self.depth(side, 1)), None)

    def queue_ahead(self, order: Order) -> int:
        """Shares of the older orders of the same level."""
        level = [other for other in self.orders if (other.side, other.price) == (order.side, order.price)]
        return sum(other.shares for other in level[: level.index(order)])


class Replay:
    """The books of all symbols, by locate, after the messages applied so far."""

    def __init__(self, report: Report | None = None) -> None:
        self.report = report if report is not None else Report()
        self.orders: dict[int, Order] = {}  # live orders of all symbols by reference
        self.books: dict[int, Book] = {}
        self.directory: dict[int, str] = {}  # locate to symbol, from R
        self.matches: dict[int, list[tuple[int, int]]] = {}  # by match number: locate, and shares in the volume

    def apply(self, message: Message) -> None:
        ints, texts, kind = message.ints, message.texts, message.type
        if kind == "R":
            self.directory[ints["locate"]] = texts["stock"]
            if ints["locate"] in self.books:
                self.books[ints["locate"]].symbol = texts["stock"]
        elif kind in "AF":
            self._add(ints, texts)
        elif kind == "U":
            self._replace(ints)
        elif kind in "ECXD":
            order = self._find(kind, ints["ref"], ints["locate"])
            if order is None:
                return
            if kind == "D":
                self._erase(order)
            elif kind == "X":
                self.report.over_cancels += ints["shares"] > order.shares
                self._take(order, min(ints["shares"], order.shares))
            else:
                # A C that is not printable is printed again, in bulk, inside a later cross.
                printed = kind == "E" or texts["printable"] == "Y"
                self._execute(order, ints, ints["price"] if kind == "C" else order.price, printed)
        elif kind in "PQ":
            self._print(ints["locate"], ints["shares"], ints["price"], ints["match"])
        elif kind == "B":
            self._break(ints)

    def _book(self, locate: int) -> Book:
        return self.books.setdefault(locate, Book(symbol=self.directory.get(locate, "")))

    def _find(self, kind: str, ref: int, locate: int) -> Order | None:
        order = self.orders.get(ref)
        if order is None:
            self.report.unknown_refs[kind] += 1
        elif order.locate != locate:
            self.report.locate_mismatches += 1  # the stored order's wins
        return order

    def _rest(self, order: Order) -> None:
        self.orders[order.ref] = order
        self._book(order.locate).orders.append(order)

    def _erase(self, order: Order) -> None:
        del self.orders[order.ref]
        self.books[order.locate].orders.remove(order)

    def _take(self, order: Order, shares: int) -> None:
        order.shares -= shares
        if order.shares == 0:
            self._erase(order)

    def _add(self, ints: dict[str, int], texts: dict[str, str]) -> None:
        if texts["side"] not in ("B", "S"):
            self.report.bad_side += 1
        elif ints["ref"] in self.orders:
            self.report.duplicate_refs += 1
        elif ints["shares"] == 0:
            self.report.zero_quantity += 1
        else:
            attribution = texts.get("attribution", "")
            self._rest(Order(ints["ref"], ints["locate"], texts["side"], ints["price"], ints["shares"], attribution))
            book = self.books[ints["locate"]]
            book.symbol = book.symbol or texts["stock"]

    def _replace(self, ints: dict[str, int]) -> None:
        old = self._find("U", ints["old_ref"], ints["locate"])
        if old is None:
            return
        self._erase(old)
        if ints["new_ref"] in self.orders:
            self.report.duplicate_refs += 1
        elif ints["shares"] == 0:
            self.report.zero_quantity += 1
        else:
            self._rest(Order(ints["new_ref"], old.locate, old.side, ints["price"], ints["shares"], old.attribution))

    def _execute(self, order: Order, ints: dict[str, int], price: int, printed: bool) -> None:
        executed = min(ints["shares"], order.shares)
        self.report.over_executions += ints["shares"] > order.shares
        if executed > 0:
            self.report.out_of_fifo += self.books[order.locate].queue_ahead(order) > 0
            self._take(order, executed)
        self._print(order.locate, executed if printed else 0, price, ints["match"])

    def _print(self, locate: int, shares: int, price: int, match: int) -> None:
        self.matches.setdefault(match, []).append((locate, shares))
        if shares > 0:
            book = self._book(locate)
            book.volume += shares
            book.trades += 1
            book.last_price = price

    def _break(self, ints: dict[str, int]) -> None:
        """The latest print of that number, one in the volume first: a cross gives its number to its orders too."""
        prints = self.matches.get(ints["match"])
        if not prints:
            self.report.unknown_matches += 1
            return
        latest = max(range(len(prints)), key=lambda i: (prints[i][1] > 0, i))
        locate, shares = prints.pop(latest)
        self.report.locate_mismatches += locate != ints["locate"]
        if shares > 0:
            self.books[locate].volume -= shares
            self.books[locate].trades -= 1


def replay(data: bytes) -> Replay:
    """The books of a whole file."""
    result = Replay()
    for message in messages(data, result.report):
        result.apply(message)
    return result
