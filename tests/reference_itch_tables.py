"""Slow tables of an ITCH file: the model the engine's tables are compared with.

Built upon `reference_itch`, whose framing, books and decisions about odd messages hold here too. Every function takes
the bytes of a BinaryFILE, ordinary or zero-prefixed, and gives a list of rows; a row is a dictionary of the columns in
their order, without `datetime`. Times and intervals are integers of nanoseconds. Decisions where the contract of the
tables is silent:

Values
* Trailing blanks and zero bytes are padding in every text, those of one character too: a blank is "". Bytes are
  Latin-1.
* `near_time` is what its eight bytes are as a signed integer. All other integers are exact, sums of any size too.
* A reference of 0 is one like any other.

Symbols
* A locate is named by its latest R; before any R by the first message of any type that has a `stock`, whatever the
  message then does to a book. A blank names nothing.
* Tables of messages, and the status: the message's own `stock`, even "" or another than the locate's name; where the
  type has none, the name of the message's own locate.
* The other tables: the name of the book's locate, which is the stored order's, else the message's own. It is the name
  known after the message that causes the row: for a bar its last trade, for a sample the last message before it, for
  an order its ending message, and for one that lives on the last message of all.
* `symbols` keeps rows by the column `symbol`, so no S, V or W; a symbol that does not occur has no rows.

Windows
* The result is the whole table without the rows outside the window; only bars are made anew, of the trades inside.
  So a trade of the window is left out even if the B that breaks it comes after the window, samples are taken of
  the same books as without one, and an order is live if it rests at the end of the data, not of the window.
* Every row is judged by its own time: a late message with an early time is not lost, and nothing stops at `until`.

Tables
* Quotes and depth: before its first order a symbol's sides are empty, so there is no row until that changes. A U that
  erases the old order and cannot rest the new one is a change.
* Trades: a C whose `printable` is neither Y nor N is left out, as it is not in the volume. A B takes away the latest
  trade of its match number that is still there; its locate does not matter.
* Samples: a symbol has had an order once one has rested; a print alone is none. Where times go backwards, a message
  counts at the latest time seen so far. First and last message are those of the file, of any type and symbol.
* Bars: by locate. `open` is the first trade in file order and `close` the last. `vwap` is the quotient of two exact
  integers, correctly rounded. A bar may begin before `start`.
* Orders: adds that do not rest are no orders. An execution of 0 shares is none, nor is it a fill. A U whose new order
  cannot rest ends the old one as 'replaced' with `new_ref` null: a `new_ref` always has a row whose `old_ref` leads
  back. What stands ahead of the new order of a U no longer has the old one in it. A `first_fill` may be a C that is not
  printable. The attribution of an F is "" where blank, and null only for an A and what replaced it.
* Market by order: a message that changes no book, such as an execution of 0 shares, has no row. A U whose new order
  cannot rest is a deletion: `old_ref` and the like are null. `execution_price` of E is the price of the order.
* Status: S has no `symbol`, `market`, `reason`; a blank reason of H is "".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from reference_itch import Book, Message, Order, Replay, Report, messages

Row = dict[str, Any]  # int, float, str or None by column
Symbols = str | Collection[str] | None

RESTING = {"B": "buy", "S": "sell"}
AGGRESSOR = {"B": "sell", "S": "buy"}


def text(raw: str) -> str:
    """A text without its padding."""
    return raw.rstrip(" \0")


def select(rows: list[Row], symbols: Symbols, start: int | None, until: int | None) -> list[Row]:
    """The rows of these symbols whose time lies in the window."""
    wanted = [symbols] if isinstance(symbols, str) else symbols
    return [
        row
        for row in rows
        if (wanted is None or row["symbol"] in wanted)
        and (start is None or start <= time_of(row))
        and (until is None or time_of(row) <= until)
    ]


def time_of(row: Row) -> int:
    """The time of a row; of an order its ending, or its entry where it lives on."""
    if "timestamp" in row:
        time: int = row["timestamp"]
    elif row["ended"] is not None:
        time = row["ended"]
    else:
        time = row["entered"]
    return time


class Names:
    """The symbols of locates, as far as the messages so far tell."""

    def __init__(self) -> None:
        self.by_directory: dict[int, str] = {}
        self.by_others: dict[int, str] = {}

    def learn(self, message: Message) -> None:
        locate, stock = message.ints["locate"], text(message.texts.get("stock", ""))
        if stock and message.type == "R":
            self.by_directory[locate] = stock
        elif stock:
            self.by_others.setdefault(locate, stock)

    def of(self, locate: int) -> str | None:
        return self.by_directory.get(locate, self.by_others.get(locate))

    def of_message(self, message: Message) -> str | None:
        """The message's own stock, else the name of its locate."""
        if message.type in "SVW":
            return None
        if "stock" in message.texts:
            return text(message.texts["stock"])
        return self.of(message.ints["locate"])


# Tables of messages.


def message_table(
    data: bytes, type_: str, symbols: Symbols = None, start: int | None = None, until: int | None = None
) -> list[Row]:
    """All messages of a type."""
    names = Names()
    rows = []
    for message in messages(data, Report()):
        names.learn(message)
        if message.type != type_:
            continue
        ints, texts = message.ints, message.texts
        row: Row = {key: ints[key] for key in ("timestamp", "locate", "tracking")}
        row["symbol"] = names.of_message(message)
        for key in message.fields():
            if key == "near_time":
                row[key] = int.from_bytes(ints[key].to_bytes(8, "big"), "big", signed=True)
            elif key != "stock":
                row[key] = text(texts[key]) if key in texts else ints[key]
        rows.append(row)
    return select(rows, symbols, start, until)


def status(data: bytes, symbols: Symbols = None, start: int | None = None, until: int | None = None) -> list[Row]:
    """Trading actions (H), operational halts (h) and system events (S)."""
    state_field = {"H": "state", "h": "action", "S": "event"}
    names = Names()
    rows = []
    for message in messages(data, Report()):
        names.learn(message)
        kind, texts = message.type, message.texts
        if kind in state_field:
            rows.append(
                {
                    "timestamp": message.ints["timestamp"],
                    "symbol": names.of_message(message),
                    "type": kind,
                    "state": text(texts[state_field[kind]]),
                    "market": text(texts["market"]) if kind == "h" else None,
                    "reason": text(texts["reason"]) if kind == "H" else None,
                }
            )
    return select(rows, symbols, start, until)


# Tables derived from books.


@dataclass
class Step:
    """A message that was just applied."""

    message: Message
    order: Order | None  # the resting order that an E, C, X, D or U names, as it was before
    locate: int  # of the book concerned: that of the order, else the message's own

    @property
    def time(self) -> int:
        return self.message.ints["timestamp"]


class Day(Replay):
    """The books and names of all symbols after the messages applied so far."""

    def __init__(self) -> None:
        super().__init__()
        self.names = Names()

    def step(self, message: Message) -> Step:
        order = None
        if message.type in "ECXDU":
            order = self.orders.get(message.ints["old_ref" if message.type == "U" else "ref"])
        before = replace(order) if order is not None else None  # a copy: the message may change the order
        self.names.learn(message)
        self.apply(message)
        return Step(message, before, before.locate if before is not None else message.ints["locate"])

    def steps(self, data: bytes) -> Iterator[Step]:
        for message in messages(data, self.report):
            yield self.step(message)


def ladder(book: Book, levels: int) -> Row:
    """The columns of the first levels of both sides."""
    row: Row = {}
    for side, name in (("B", "bid"), ("S", "ask")):
        found = book.depth(side, levels)
        for level in range(1, levels + 1):
            price, size, orders = found[level - 1] if level <= len(found) else (None, 0, 0)
            row[f"{name}_price_{level}"] = price
            row[f"{name}_size_{level}"] = size
            row[f"{name}_orders_{level}"] = orders
    return row


def quote(book: Book) -> Row:
    """The columns of the best bid and ask."""
    best = ladder(book, 1)
    return {name: best[f"{name}_1"] for name in ("bid_price", "bid_size", "ask_price", "ask_size")}


def changes(data: bytes, view: Callable[[Book], Row]) -> list[Row]:
    """A row whenever the view of a book is no longer what it was."""
    day = Day()
    last: dict[int, Row] = {}
    rows = []
    for step in day.steps(data):
        before = last.get(step.locate, view(Book()))
        after = view(day.books.get(step.locate, Book()))
        if after != before:
            rows.append({"timestamp": step.time, "symbol": day.names.of(step.locate), **after})
            last[step.locate] = after
    return rows


def samples(data: bytes, view: Callable[[Book], Row], every: int) -> list[Row]:
    """A row of every symbol that has had an order, at every multiple of the interval."""
    waiting = list(messages(data, Report()))
    if not waiting:
        return []
    # Where times go backwards, the clock stands still.
    clock = list(accumulate((message.ints["timestamp"] for message in waiting), max))
    first = -(-clock[0] // every) * every  # rounded up
    day = Day()
    done = 0
    had_order = set()
    rows = []
    for time in range(first, clock[-1] + 1, every):
        while done < len(waiting) and clock[done] <= time:
            locate = day.step(waiting[done]).locate
            if locate in day.books and day.books[locate].orders:
                had_order.add(locate)
            done += 1
        for locate in sorted(had_order):
            rows.append({"timestamp": time, "symbol": day.names.of(locate), **view(day.books[locate])})
    return rows


def bbo(data: bytes, symbols: Symbols = None, start: int | None = None, until: int | None = None) -> list[Row]:
    """A row whenever a best bid or ask changes in price or size."""
    return select(changes(data, quote), symbols, start, until)


def depth(
    data: bytes,
    levels: int = 10,
    every: int | None = None,
    symbols: Symbols = None,
    start: int | None = None,
    until: int | None = None,
) -> list[Row]:
    """The first levels of both sides: on every change of theirs, or sampled at multiples of an interval."""

    def view(book: Book) -> Row:
        return ladder(book, levels)

    return select(changes(data, view) if every is None else samples(data, view, every), symbols, start, until)


def prints(data: bytes) -> list[Row]:
    """The table of trades, with one column more: `locate`."""
    day = Day()
    rows: list[Row] = []
    for step in day.steps(data):
        kind, ints, texts, order = step.message.type, step.message.ints, step.message.texts, step.order
        if kind == "B":
            broken = [row for row in rows if row["match"] == ints["match"]]
            if broken:
                rows = [row for row in rows if row is not broken[-1]]
            continue
        if kind in "EC" and order is not None:
            shares = min(ints["shares"], order.shares)
            price = ints["price"] if kind == "C" else order.price
        elif kind in "PQ":
            shares = ints["shares"]
            price = ints["price"]
        else:
            continue
        if shares == 0 or (kind == "C" and texts["printable"] != "Y"):
            continue
        rows.append(
            {
                "timestamp": step.time,
                "symbol": day.names.of(step.locate),
                "price": price,
                "shares": shares,
                "match": ints["match"],
                "type": kind,
                "side": AGGRESSOR[order.side] if order is not None else None,
                "ref": order.ref if order is not None else None,
                "cross_type": text(texts["cross_type"]) if kind == "Q" else None,
                "locate": step.locate,
            }
        )
    return rows


def trades(data: bytes, symbols: Symbols = None, start: int | None = None, until: int | None = None) -> list[Row]:
    """What counts in the volume."""
    rows = select(prints(data), symbols, start, until)
    return [{key: value for key, value in row.items() if key != "locate"} for row in rows]


def bars(
    data: bytes, every: int, symbols: Symbols = None, start: int | None = None, until: int | None = None
) -> list[Row]:
    """Open, high, low, close, volume and average price of the trades of every interval."""
    by_bar: dict[tuple[int, int], list[Row]] = {}
    for trade in select(prints(data), symbols, start, until):
        begin = trade["timestamp"] // every * every
        by_bar.setdefault((begin, trade["locate"]), []).append(trade)
    rows = []
    for begin, locate in sorted(by_bar):
        inside = by_bar[begin, locate]
        prices = [trade["price"] for trade in inside]
        volume = sum(trade["shares"] for trade in inside)
        notional = sum(trade["price"] * trade["shares"] for trade in inside)
        rows.append(
            {
                "timestamp": begin,
                "symbol": inside[-1]["symbol"],
                "open": prices[0],
                "high": max(prices),
                "low": min(prices),
                "close": prices[-1],
                "volume": volume,
                "vwap": notional / volume,
                "trades": len(inside),
            }
        )
    return rows


def mbo(data: bytes, symbols: Symbols = None, start: int | None = None, until: int | None = None) -> list[Row]:
    """A row of every message that changes a book."""
    day = Day()
    rested: dict[int, Order] = {}  # by id: an order that rests anew is another object
    rows: list[Row] = []
    for step in day.steps(data):
        kind, ints, texts, order = step.message.type, step.message.ints, step.message.texts, step.order
        added = day.orders.get(ints["new_ref" if kind == "U" else "ref"]) if kind in "AFU" else None
        if added is not None and id(added) in rested:
            added = None  # it rested before, and its reference came again
        if added is not None:
            rested[id(added)] = added
            ref, side, price, shares, remaining = added.ref, added.side, added.price, added.shares, added.shares
        elif order is not None and kind in "ECXDU":
            ref, side, price = order.ref, order.side, order.price
            shares = min(ints["shares"], order.shares) if kind in "ECX" else order.shares
            remaining = order.shares - shares
            if shares == 0:
                continue
        else:
            continue
        replaced = order if kind == "U" and added is not None else None
        rows.append(
            {
                "timestamp": step.time,
                "symbol": day.names.of(added.locate if added is not None else step.locate),
                "type": kind,
                "side": RESTING[side],
                "ref": ref,
                "price": price,
                "shares": shares,
                "remaining": remaining,
                "old_ref": replaced.ref if replaced is not None else None,
                "old_price": replaced.price if replaced is not None else None,
                "old_shares": replaced.shares if replaced is not None else None,
                "match": ints["match"] if kind in "EC" else None,
                "execution_price": {"E": price, "C": ints.get("price")}.get(kind),
                "printable": kind == "E" or texts["printable"] == "Y" if kind in "EC" else None,
                "attribution": text(texts["attribution"]) if kind == "F" else None,
            }
        )
    return select(rows, symbols, start, until)


def entry(day: Day, step: Step, ref: int, attribution: str | None, old_ref: int | None) -> Row:
    """The row of an order that the step has just added."""
    order = day.orders[ref]
    ahead = [
        other
        for other in day.books[order.locate].orders
        if other is not order and (other.side, other.price) == (order.side, order.price)
    ]
    return {
        "symbol": None,  # known when the order ends
        "ref": ref,
        "side": RESTING[order.side],
        "price": order.price,
        "shares": order.shares,
        "attribution": attribution,
        "entered": step.time,
        "ended": None,
        "end": "live",
        "executed": 0,
        "cancelled": 0,
        "executions": 0,
        "first_fill": None,
        "ahead_shares": sum(other.shares for other in ahead),
        "ahead_orders": len(ahead),
        "old_ref": old_ref,
        "new_ref": None,
    }


def orders(data: bytes, symbols: Symbols = None, start: int | None = None, until: int | None = None) -> list[Row]:
    """What became of every order: those that ended, by their endings, then those that live on, by their entries."""
    day = Day()
    live: dict[int, Row] = {}  # in order of entry
    ended: list[Row] = []

    for step in day.steps(data):
        kind, ints, order = step.message.type, step.message.ints, step.order
        if kind in "AF":
            if ints["ref"] in day.orders and ints["ref"] not in live:
                attribution = text(step.message.texts["attribution"]) if kind == "F" else None
                live[ints["ref"]] = entry(day, step, ints["ref"], attribution, None)
            continue
        if order is None:
            continue

        row = live[order.ref]
        taken = min(ints["shares"], order.shares) if kind in "ECX" else order.shares
        if kind in "EC":
            row["executed"] += taken
            if taken > 0:
                row["executions"] += 1
                if row["first_fill"] is None:
                    row["first_fill"] = step.time
        else:
            row["cancelled"] += taken

        if taken == order.shares:
            row["symbol"] = day.names.of(step.locate)
            row["ended"] = step.time
            row["end"] = {"E": "executed", "C": "executed", "X": "cancelled", "D": "deleted", "U": "replaced"}[kind]
            ended.append(live.pop(order.ref))
        if kind == "U" and ints["new_ref"] in day.orders and ints["new_ref"] not in live:
            row["new_ref"] = ints["new_ref"]
            live[ints["new_ref"]] = entry(day, step, ints["new_ref"], row["attribution"], order.ref)

    for ref, row in live.items():
        row["symbol"] = day.names.of(day.orders[ref].locate)
    return select(ended + list(live.values()), symbols, start, until)
