"""How the engine's answers are compared with those of the naive reference reader."""

from collections import Counter

import reference_itch
from nanobook._core.itch import Replay as EngineReplay
from nanobook.itch import Books, Message, Report


class Reference(reference_itch.Replay):
    """The reference counts executions out of order for C as well; the engine for E only, because C is what crosses print."""

    def _execute(self, order: reference_itch.Order, ints: dict[str, int], price: int, printed: bool) -> None:
        before = self.report.out_of_fifo
        super()._execute(order, ints, price, printed)
        if "price" in ints:
            self.report.out_of_fifo = before


def reference_replay(data: bytes, until: int | None = None) -> Reference:
    """The naive books after a file, or after its last message before the first that is later than `until`."""
    result = Reference()
    for message in reference_itch.messages(data, result.report):
        if until is not None and message.ints["timestamp"] > until:
            break
        result.apply(message)
    return result


def engine_replay(*chunks: bytes) -> EngineReplay:
    """The engine's books after a stream that arrives in these chunks."""
    replay = EngineReplay()
    for chunk in chunks:
        replay.feed(chunk)
    replay.finish()
    return replay


def odd_by_reference(report: reference_itch.Report) -> dict[str, dict[str, int] | int]:
    """The reference's report in the engine's words, without what is zero.

    Two kinds are added up where the engine and the reference look at a doubly odd message in another order.
    """
    by_type: dict[str, dict[str, int]] = {
        # To the engine a type byte of 0 is no type.
        "unknown_type": {type_.strip("\0"): count for type_, count in report.unknown_types.items()},
        "wrong_length": dict(report.wrong_length),
        "unknown_reference": dict(report.unknown_refs),
    }
    total = {
        "truncated_tail": int(report.truncated_at is not None),
        "trailing_bytes": int(report.trailing_bytes > 0),
        "over_execution": report.over_executions + report.over_cancels,
        "locate_mismatch": report.locate_mismatches,
        "duplicate_reference or zero_quantity": report.duplicate_refs + report.zero_quantity,
        "invalid_side": report.bad_side,
        "unknown_match": report.unknown_matches,
    }
    return {kind: count for kind, count in {**by_type, **total}.items() if count}


def odd_by_engine(report: Report) -> dict[str, dict[str, int] | int]:
    """The engine's report in the same words."""
    found: dict[str, dict[str, int] | int] = {}
    merged = 0
    for kind, types in report.counts().items():
        if kind in ("unknown_type", "wrong_length", "unknown_reference"):
            found[kind] = types
        elif kind in ("duplicate_reference", "zero_quantity"):
            merged += sum(types.values())
        else:
            found[kind] = sum(types.values())
    if merged:
        found["duplicate_reference or zero_quantity"] = merged
    return found


def assert_same_books(engine: Books | EngineReplay, reference: reference_itch.Replay) -> None:
    """Volume, trades, last price, every level and every order of every symbol."""
    rows = engine.listings() if isinstance(engine, EngineReplay) else [tuple(row) for row in engine.stats()]
    named = Counter(row[0] for row in rows)
    by_locate = {row[1]: row for row in rows}
    assert set(reference.books) <= set(by_locate)
    for locate, (symbol, _, _, volume, trades, last_price, live_orders) in by_locate.items():
        book = reference.books.get(locate, reference_itch.Book())
        # The engine's volume stops at 64 bits, and no price of 0 is ever printed but by malformed messages.
        assert (trades, last_price) == (book.trades, book.last_price or None), symbol
        assert volume in (book.volume, 2**64 - 1), symbol
        assert live_orders == len(book.orders), symbol
        typed = symbol.isascii() and symbol.isprintable() and symbol != ""
        if not typed or named[symbol] > 1 or symbol != book.symbol:
            continue  # malformed: two locates of one name, or a name that nobody can type
        depth = engine.depth(symbol, 1_000_000)
        assert [tuple(level) for level in depth.bids] == book.depth("B"), symbol
        assert [tuple(level) for level in depth.asks] == book.depth("S"), symbol
        assert engine.best_bid_ask(symbol) == (book.best("B"), book.best("S")), symbol
        orders = [(order.ref, order.side, order.price, order.shares) for side in "BS" for order in book.walk(side)]
        assert engine.orders(symbol) == orders, symbol
    assert engine.live_orders == len(reference.orders)


def engine_fields(record: Message) -> dict[str, int | str]:
    """A record's fields by name, without the type."""
    fields = record.as_dict()
    return {name: value for name, value in fields.items() if name != "type"}


def reference_fields(message: reference_itch.Message) -> dict[str, int | str]:
    """The same of the reference, which keeps zero bytes behind a text as they are."""
    widths = {name: fmt for name, _, fmt in reference_itch.layout(message.type)}
    return {
        name: value.rstrip(" \0") if isinstance(value, str) and widths[name] != "1s" else value
        for name, value in message.fields().items()
    }
