"""The slow tables of an ITCH file against hand-computed answers, and against the books of real files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reference_itch import TYPES, encode, frame, layout, replay
from reference_itch_tables import Row, bars, bbo, depth, message_table, orders, status, trades


def directory(locate: int = 1, stock: str = "ABC", time: int = 0) -> bytes:
    return encode("R", locate=locate, timestamp=time, stock=stock)


def add(time: int, ref: int, side: str, shares: int, price: int, locate: int = 1, stock: str = "ABC") -> bytes:
    return encode("A", locate=locate, timestamp=time, ref=ref, side=side, shares=shares, stock=stock, price=price)


def at(time: int, type_: str, **fields: int | str) -> bytes:
    """A message of locate 1."""
    return encode(type_, **{"locate": 1, "timestamp": time, **fields})


def columns(rows: list[Row], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


# Tables of messages.


def test_a_row_has_the_header_then_the_symbol_then_the_other_fields_in_order() -> None:
    order = encode("F", locate=1, tracking=2, timestamp=9, ref=3, side="B", shares=4, stock="ABC", price=5)
    (row,) = message_table(frame(directory(), order), "F")
    assert list(row.items()) == [
        ("timestamp", 9), ("locate", 1), ("tracking", 2), ("symbol", "ABC"), ("ref", 3), ("side", "B"), ("shares", 4),
        ("price", 5), ("attribution", ""),
    ]  # fmt: skip


@pytest.mark.parametrize("type_", TYPES)
def test_every_type_has_all_its_fields_but_stock(type_: str) -> None:
    data = frame(*(encode(kind, locate=1, timestamp=7) for kind in TYPES))
    (row,) = message_table(data, type_)
    fields = [name for name, _, _ in layout(type_)[3:] if name != "stock"]
    assert list(row) == ["timestamp", "locate", "tracking", "symbol", *fields]
    assert row["timestamp"] == 7


def test_padding_is_no_part_of_a_text() -> None:
    data = frame(encode("H", stock="A B", state=" ", reserved="\0", reason="T1"))
    assert columns(message_table(data, "H"), "symbol", "state", "reserved", "reason") == [("A B", "", "", "T1")]


def test_near_time_is_signed() -> None:
    data = frame(encode("O", near_time=2**64 - 1), encode("O", near_time=5))
    assert columns(message_table(data, "O"), "near_time") == [(-1,), (5,)]


def test_levels_of_market_wide_halts_keep_eight_decimals() -> None:
    data = frame(encode("V", level1=2**64 - 1, level2=300_000_000_000, level3=1))
    assert columns(message_table(data, "V"), "level1", "level2", "level3") == [(2**64 - 1, 300_000_000_000, 1)]


def test_a_message_without_a_stock_has_the_symbol_its_locate_has_so_far() -> None:
    data = frame(
        at(1, "D"),
        at(2, "Y", stock="OLD"),
        at(3, "D"),
        at(4, "L", stock="OTHER"),  # its own symbol, but the first name stays the locate's
        at(5, "D"),
        directory(1, "NEW"),
        at(6, "D"),
        at(7, "P", stock="OTHER"),
        at(8, "D"),
        at(9, "D", locate=2),
    )
    expected = [(1, None), (3, "OLD"), (5, "OLD"), (6, "NEW"), (8, "NEW"), (9, None)]
    assert columns(message_table(data, "D"), "timestamp", "symbol") == expected
    assert columns(message_table(data, "L"), "symbol") == [("OTHER",)]


@pytest.mark.parametrize("type_", "SVW")
def test_messages_of_the_market_have_no_symbol(type_: str) -> None:
    assert columns(message_table(frame(directory(), at(1, type_)), type_), "symbol") == [(None,)]


def test_a_blank_stock_names_nothing() -> None:
    data = frame(directory(), at(1, "Y", stock=""), directory(1, ""), at(2, "D"))
    assert columns(message_table(data, "Y"), "symbol") == [("",)]
    assert columns(message_table(data, "D"), "symbol") == [("ABC",)]


def test_a_zero_prefixed_file_gives_the_same_rows() -> None:
    payloads = [directory(), add(1, 1, "B", 10, 100), at(2, "E", ref=1, shares=4, match=7)]
    zero_prefixed = b"".join(b"\0\0" + payload for payload in payloads)
    assert message_table(zero_prefixed, "E") == message_table(frame(*payloads), "E")
    assert columns(trades(zero_prefixed), "shares") == [(4,)]


# Windows and symbols.


TWO_SYMBOLS = frame(
    directory(1, "ABC"),
    directory(2, "DEF"),
    add(10, 1, "B", 5, 100, 1, "ABC"),
    add(20, 2, "B", 5, 100, 2, "DEF"),
    add(30, 3, "B", 5, 101, 1, "ABC"),
    encode("S", timestamp=35, event="Q"),
    add(40, 4, "B", 5, 101, 2, "DEF"),
)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [10, 20, 30, 40]),
        ({"symbols": "DEF"}, [20, 40]),
        ({"symbols": ["DEF", "ABC"]}, [10, 20, 30, 40]),
        ({"symbols": ["AB"]}, []),
        ({"symbols": "ABCDEF"}, []),
        ({"symbols": []}, []),
        ({"start": 20}, [20, 30, 40]),
        ({"start": 21}, [30, 40]),
        ({"until": 30}, [10, 20, 30]),
        ({"until": 29}, [10, 20]),
        ({"start": 20, "until": 30, "symbols": "ABC"}, [30]),
    ],
)
@pytest.mark.parametrize("table", [bbo, depth, lambda data, **options: message_table(data, "A", **options)])
def test_symbols_and_both_inclusive_ends_of_the_window(
    table: Callable[..., list[Row]], options: dict[str, Any], expected: list[int]
) -> None:
    assert [row["timestamp"] for row in table(TWO_SYMBOLS, **options)] == expected


def test_what_came_before_the_window_built_the_books() -> None:
    assert columns(depth(TWO_SYMBOLS, start=30, symbols="ABC"), "bid_price_1", "bid_price_2") == [(101, 100)]


def test_events_of_the_market_belong_to_no_symbol() -> None:
    assert columns(status(TWO_SYMBOLS), "type") == [("S",)]
    assert status(TWO_SYMBOLS, symbols=["ABC", "DEF"]) == []


def test_messages_after_a_late_one_are_judged_by_their_own_times() -> None:
    data = frame(add(10, 1, "B", 5, 100), add(30, 2, "B", 5, 101), add(20, 3, "B", 5, 102))
    assert columns(bbo(data, until=20), "timestamp", "bid_price") == [(10, 100), (20, 102)]


# Best bid and offer.


def test_a_row_whenever_a_best_price_or_size_changes() -> None:
    data = frame(
        directory(),
        add(1, 1, "B", 10, 100),
        add(2, 2, "B", 20, 99),  # below the best: no row
        add(3, 3, "S", 30, 105),
        add(4, 4, "S", 5, 105),
        at(5, "E", ref=3, shares=12, match=1),
        at(6, "C", ref=4, shares=1, match=2, printable="N", price=104),
        at(7, "X", ref=2, shares=1),
        at(8, "P", shares=3, price=102),
        at(9, "X", ref=1, shares=4),
        at(10, "D", ref=1),
        at(11, "D", ref=1),  # unknown by now
        at(12, "D", ref=2),
    )
    assert bbo(data) == [
        {"timestamp": time, "symbol": "ABC", "bid_price": bid, "bid_size": bids, "ask_price": ask, "ask_size": asks}
        for time, bid, bids, ask, asks in [
            (1, 100, 10, None, 0),
            (3, 100, 10, 105, 30),
            (4, 100, 10, 105, 35),
            (5, 100, 10, 105, 23),
            (6, 100, 10, 105, 22),
            (9, 100, 6, 105, 22),
            (10, 99, 19, 105, 22),
            (12, None, 0, 105, 22),
        ]
    ]


def test_a_replacement_is_one_change_and_none_where_the_best_stays_as_it_was() -> None:
    data = frame(
        add(1, 1, "B", 10, 100),
        add(2, 2, "B", 10, 99),
        at(3, "U", old_ref=1, new_ref=3, shares=10, price=100),
        at(4, "U", old_ref=3, new_ref=4, shares=7, price=101),
        at(5, "U", old_ref=4, new_ref=2, shares=7, price=102),  # 2 rests already: only the old order leaves
    )
    expected = [(1, 100, 10), (4, 101, 7), (5, 99, 10)]
    assert columns(bbo(data), "timestamp", "bid_price", "bid_size") == expected


def test_a_price_of_zero_is_a_price() -> None:
    assert columns(bbo(frame(add(1, 1, "S", 10, 0))), "ask_price", "ask_size") == [(0, 10)]


def test_the_stored_locate_decides_whose_quote_changes() -> None:
    data = frame(directory(2, "DEF"), add(1, 1, "B", 10, 100), at(2, "D", locate=2, ref=1))
    assert columns(bbo(data), "timestamp", "symbol", "bid_price") == [(1, "ABC", 100), (2, "ABC", None)]


# Trades.


def test_trades_of_all_kinds() -> None:
    data = frame(
        directory(),
        add(1, 1, "B", 10, 100),
        add(2, 2, "S", 20, 105),
        at(3, "E", ref=1, shares=4, match=11),
        at(4, "C", ref=2, shares=5, match=12, printable="Y", price=104),
        at(5, "C", ref=2, shares=5, match=13, printable="N", price=104),
        at(6, "P", ref=0, side="B", shares=7, stock="ABC", price=102, match=14),
        at(7, "Q", shares=2**32, stock="ABC", price=103, match=15, cross_type="O"),
        at(8, "Q", shares=0, stock="ABC", price=103, match=16, cross_type="C"),
        at(9, "E", ref=9, shares=5, match=17),  # unknown
        at(10, "E", ref=1, shares=50, match=18),  # only 6 are left
    )
    assert trades(data) == [
        {
            "timestamp": time, "symbol": "ABC", "price": price, "shares": shares, "match": match, "type": kind,
            "side": side, "ref": ref, "cross_type": cross,
        }
        for time, price, shares, match, kind, side, ref, cross in [
            (3, 100, 4, 11, "E", "sell", 1, None),
            (4, 104, 5, 12, "C", "buy", 2, None),
            (6, 102, 7, 14, "P", None, None, None),
            (7, 103, 2**32, 15, "Q", None, None, "O"),
            (10, 100, 6, 18, "E", "sell", 1, None),
        ]
    ]  # fmt: skip


def test_a_broken_trade_is_left_out_even_if_it_is_broken_after_the_window() -> None:
    data = frame(at(1, "P", shares=7, match=1), at(2, "P", shares=8, match=2), at(9, "B", match=1))
    assert columns(trades(data, until=5), "match") == [(2,)]


def test_a_break_takes_the_latest_trade_of_its_number_and_only_earlier_ones() -> None:
    data = frame(
        at(1, "B", match=1),
        at(2, "P", shares=7, match=1),
        at(3, "P", shares=8, match=1),
        at(4, "B", match=1),
        at(5, "P", shares=9, match=1),
    )
    assert columns(trades(data), "timestamp", "shares") == [(2, 7), (5, 9)]


def test_a_break_does_not_waste_itself_on_what_was_not_printed() -> None:
    data = frame(
        add(1, 1, "B", 10, 100),
        at(2, "Q", shares=10, match=5, cross_type="O"),
        at(3, "C", ref=1, shares=10, match=5, printable="N", price=100),
        at(4, "B", match=5),
    )
    assert trades(data) == []


# Depth.


def test_depth_has_price_size_and_orders_of_every_level() -> None:
    data = frame(add(1, 1, "B", 10, 100), add(2, 2, "B", 20, 99), add(3, 3, "B", 5, 99), add(4, 4, "S", 7, 105))
    assert list(depth(data, levels=2)[-1].items()) == [
        ("timestamp", 4), ("symbol", "ABC"),
        ("bid_price_1", 100), ("bid_size_1", 10), ("bid_orders_1", 1),
        ("bid_price_2", 99), ("bid_size_2", 25), ("bid_orders_2", 2),
        ("ask_price_1", 105), ("ask_size_1", 7), ("ask_orders_1", 1),
        ("ask_price_2", None), ("ask_size_2", 0), ("ask_orders_2", 0),
    ]  # fmt: skip


def test_only_changes_within_the_levels_make_rows() -> None:
    data = frame(
        add(1, 1, "B", 10, 100),
        add(2, 2, "B", 20, 99),
        add(3, 3, "B", 30, 98),  # the third level
        at(4, "D", ref=1),  # ... comes up
        at(5, "X", ref=3, shares=1),
    )
    expected = [(1, 100, None), (2, 100, 99), (4, 99, 98), (5, 99, 98)]
    assert columns(depth(data, levels=2), "timestamp", "bid_price_1", "bid_price_2") == expected


def test_a_replacement_within_a_level_or_by_another_level_of_the_same_size() -> None:
    data = frame(
        add(1, 1, "B", 10, 100),
        add(2, 2, "B", 5, 100),
        at(3, "U", old_ref=1, new_ref=3, shares=10, price=100),  # the same size and number, other places in the queue
        at(4, "U", old_ref=3, new_ref=4, shares=15, price=99),
        at(5, "D", ref=2),  # 99 has the size 100 had
        at(6, "U", old_ref=4, new_ref=5, shares=15, price=98),
    )
    names = ("timestamp", "bid_price_1", "bid_size_1", "bid_orders_1")
    expected = [(1, 100, 10, 1), (2, 100, 15, 2), (4, 100, 5, 1), (5, 99, 15, 1), (6, 98, 15, 1)]
    assert columns(depth(data, levels=1), *names) == expected


def test_samples_are_states_after_all_messages_up_to_their_time() -> None:
    data = frame(
        encode("S", timestamp=95, event="O"),
        add(105, 1, "B", 10, 100, 9, "DEF"),
        add(120, 2, "S", 5, 200, 2, "ABC"),
        at(120, "X", locate=2, ref=2, shares=1),
        at(121, "D", locate=9, ref=1),
        encode("S", timestamp=141, event="C"),
    )
    assert columns(depth(data, 1, every=10), "timestamp", "symbol", "bid_price_1", "ask_size_1") == [
        (110, "DEF", 100, 0),
        (120, "ABC", None, 4),
        (120, "DEF", 100, 0),
        (130, "ABC", None, 4),
        (130, "DEF", None, 0),
        (140, "ABC", None, 4),
        (140, "DEF", None, 0),
    ]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [(10, 30, [10, 20, 30]), (11, 29, [20]), (9, 31, [10, 20, 30]), (11, 19, []), (0, 9, [0])],
)
def test_samples_begin_and_end_with_the_messages(first: int, last: int, expected: list[int]) -> None:
    data = frame(add(first, 1, "B", 10, 100), encode("S", timestamp=last))
    assert [row["timestamp"] for row in depth(data, every=10)] == expected


def test_a_window_takes_samples_out_but_does_not_move_them() -> None:
    data = frame(add(1, 1, "B", 10, 100), encode("S", timestamp=99))
    assert [row["timestamp"] for row in depth(data, every=10, start=35, until=60)] == [40, 50, 60]


def test_a_print_alone_is_no_order() -> None:
    data = frame(at(1, "P", shares=7, stock="ABC", price=100), add(2, 1, "B", 0, 100), encode("S", timestamp=99))
    assert depth(data, every=10) == []


def test_a_clock_that_goes_backwards_stands_still() -> None:
    data = frame(add(5, 1, "B", 10, 100), add(35, 2, "B", 10, 101), add(15, 3, "B", 10, 102))
    assert columns(depth(data, 1, every=10), "timestamp", "bid_price_1") == [(10, 100), (20, 100), (30, 100)]
    data += frame(add(45, 4, "B", 10, 103))
    assert columns(depth(data, 1, every=10, start=35), "timestamp", "bid_price_1") == [(40, 102)]


def test_no_messages_make_no_samples() -> None:
    assert depth(b"", every=10) == []


# Bars.


PRINTS = frame(
    at(60, "P", shares=10, stock="ABC", price=100, match=1),
    at(69, "P", shares=30, stock="ABC", price=104, match=2),
    at(65, "P", locate=2, shares=1, stock="DEF", price=7, match=3),
    at(69, "P", shares=20, stock="ABC", price=96, match=4),
    at(69, "P", shares=99, stock="ABC", price=999, match=5),
    at(70, "P", shares=5, stock="ABC", price=98, match=6),
    at(95, "Q", shares=4, stock="ABC", price=99, match=7, cross_type="C"),
    at(99, "B", match=5),
)


def test_bars_of_the_trades() -> None:
    names = ("timestamp", "symbol", "open", "high", "low", "close", "volume", "vwap", "trades")
    assert bars(PRINTS, 10) == [
        dict(zip(names, values, strict=True))
        for values in [
            (60, "ABC", 100, 104, 96, 96, 60, (1000 + 3120 + 1920) / 60, 3),
            (60, "DEF", 7, 7, 7, 7, 1, 7.0, 1),
            (70, "ABC", 98, 98, 98, 98, 5, 98.0, 1),
            (90, "ABC", 99, 99, 99, 99, 4, 99.0, 1),
        ]
    ]


def test_trades_outside_the_window_are_in_no_bar() -> None:
    rows = bars(PRINTS, 10, symbols="ABC", start=61, until=70)
    assert columns(rows, "timestamp", "open", "volume") == [(60, 104, 50), (70, 98, 5)]


def test_bars_are_ordered_by_begin_then_locate() -> None:
    data = frame(
        at(25, "P", locate=3, stock="C", shares=1, match=1),
        at(26, "P", locate=1, stock="A", shares=1, match=2),
        at(17, "P", locate=2, stock="B", shares=1, match=3),
    )
    assert columns(bars(data, 10), "timestamp", "symbol") == [(10, "B"), (20, "A"), (20, "C")]


# Status.


def test_status_of_trading_halts_and_the_session() -> None:
    data = frame(
        encode("S", timestamp=1, event="O"),
        at(2, "H", stock="ABC", state="H", reason="LUDP"),
        at(3, "h", stock="ABC", market="Q", action="T"),
        at(4, "H", stock="ABC", state="T"),
    )
    names = ("timestamp", "symbol", "type", "state", "market", "reason")
    assert [list(row.items()) for row in status(data)] == [
        list(zip(names, values, strict=True))
        for values in [
            (1, None, "S", "O", None, None),
            (2, "ABC", "H", "H", None, "LUDP"),
            (3, "ABC", "h", "T", "Q", None),
            (4, "ABC", "H", "T", None, ""),
        ]
    ]


# Orders.


def test_the_whole_row_of_an_order() -> None:
    data = frame(
        add(1, 1, "S", 40, 100),
        add(2, 2, "S", 2, 100),
        add(3, 9, "B", 7, 100),  # the other side is not ahead
        at(4, "X", ref=1, shares=10),
        at(5, "F", ref=3, side="S", shares=100, stock="ABC", price=100, attribution="NITE"),
        at(6, "E", ref=3, shares=0, match=1),
        at(7, "C", ref=3, shares=20, match=2, printable="N", price=101),
        at(8, "E", ref=3, shares=30, match=3),
        at(9, "X", ref=3, shares=5),
        at(10, "E", ref=3, shares=60, match=4),  # only 45 are left
    )
    (row,) = [row for row in orders(data) if row["ref"] == 3]
    assert list(row.items()) == [
        ("symbol", "ABC"), ("ref", 3), ("side", "sell"), ("price", 100), ("shares", 100), ("attribution", "NITE"),
        ("entered", 5), ("ended", 10), ("end", "executed"), ("executed", 95), ("cancelled", 5), ("executions", 3),
        ("first_fill", 7), ("ahead_shares", 32), ("ahead_orders", 2), ("old_ref", None), ("new_ref", None),
    ]  # fmt: skip


def test_the_ends_of_orders_in_their_order() -> None:
    data = frame(
        *(add(ref, ref, "B", 10, 100 + ref) for ref in range(1, 8)),
        at(11, "E", ref=5, shares=3, match=1),
        at(12, "E", ref=5, shares=7, match=2),
        at(13, "C", ref=4, shares=10, match=3, printable="N", price=100),
        at(14, "X", ref=3, shares=11),
        at(15, "E", ref=2, shares=4, match=4),
        at(16, "D", ref=2),
        at(17, "U", old_ref=1, new_ref=8, shares=50, price=90),
        at(18, "X", ref=7, shares=2),
    )
    names = ("ref", "end", "ended", "executed", "cancelled", "executions", "first_fill")
    assert columns(orders(data), *names) == [
        (5, "executed", 12, 10, 0, 2, 11),
        (4, "executed", 13, 10, 0, 1, 13),
        (3, "cancelled", 14, 0, 10, 0, None),
        (2, "deleted", 16, 4, 6, 1, 15),
        (1, "replaced", 17, 0, 10, 0, None),
        (6, "live", None, 0, 0, 0, None),
        (7, "live", None, 0, 2, 0, None),
        (8, "live", None, 0, 0, 0, None),
    ]


def test_a_chain_of_replacements_keeps_side_and_attribution() -> None:
    data = frame(
        at(1, "F", ref=1, side="S", shares=10, stock="ABC", price=100, attribution="NITE"),
        add(2, 2, "S", 3, 100),
        at(3, "U", old_ref=1, new_ref=5, shares=4, price=100),  # behind 2, not behind itself
        at(4, "U", old_ref=5, new_ref=5, shares=6, price=99),  # under its own number
        at(5, "D", ref=5),
    )
    names = ("ref", "side", "shares", "attribution", "end", "ahead_shares", "ahead_orders", "old_ref", "new_ref")
    assert columns(orders(data), *names) == [
        (1, "sell", 10, "NITE", "replaced", 0, 0, None, 5),
        (5, "sell", 4, "NITE", "replaced", 3, 1, 1, 5),
        (5, "sell", 6, "NITE", "deleted", 0, 0, 5, None),
        (2, "sell", 3, None, "live", 10, 1, None, None),
    ]


@pytest.mark.parametrize(("new_ref", "shares"), [(2, 5), (3, 0)])
def test_a_replacement_that_cannot_rest_ends_the_old_order_alone(new_ref: int, shares: int) -> None:
    change = at(3, "U", old_ref=1, new_ref=new_ref, shares=shares, price=100)
    data = frame(add(1, 1, "B", 10, 100), add(2, 2, "B", 10, 100), change)
    expected = [(1, "replaced", None), (2, "live", None)]
    assert columns(orders(data), "ref", "end", "new_ref") == expected


def test_a_blank_attribution_is_not_none() -> None:
    data = frame(at(1, "F", ref=1, side="S", shares=10, stock="ABC", price=100), add(2, 2, "S", 3, 100))
    assert columns(orders(data), "attribution") == [("",), (None,)]


def test_adds_that_do_not_rest_are_no_orders() -> None:
    data = frame(add(1, 1, "B", 10, 100), add(2, 1, "S", 20, 101), add(3, 2, "x", 10, 100), add(4, 3, "B", 0, 100))
    assert columns(orders(data), "ref", "side", "entered") == [(1, "buy", 1)]


def test_a_reference_may_be_used_again() -> None:
    data = frame(add(1, 1, "B", 10, 100), at(2, "D", ref=1), add(3, 1, "S", 20, 101))
    expected = [(1, "ABC", "buy", "deleted"), (1, "ABC", "sell", "live")]
    assert columns(orders(data), "ref", "symbol", "side", "end") == expected


def test_the_window_of_orders_is_of_endings_and_of_entries_of_the_live() -> None:
    data = frame(
        add(1, 1, "B", 10, 100), add(2, 2, "B", 10, 100), add(5, 3, "B", 10, 100), add(6, 4, "B", 10, 100),
        at(7, "D", ref=1), at(9, "D", ref=4),
    )  # fmt: skip
    assert columns(orders(data), "ref") == [(1,), (4,), (2,), (3,)]
    assert columns(orders(data, start=5, until=8), "ref") == [(1,), (3,)]


# Real and malformed files, against their books.


FILES = [
    "aapl_20200130_premarket_10k.itch",
    "ritch_zero_length_prefix.itch",
    "manav_boundary_values.bin",
    "manav_mixed_types.bin",
    "manav_replace_chain.bin",
    "manav_selftest.bin",
]


@pytest.mark.parametrize("name", FILES)
def test_tables_agree_with_the_books(name: str, shared_file: Callable[[str], Path]) -> None:
    data = shared_file(name).read_bytes()
    day = replay(data)

    volumes: Counter[str | None] = Counter()
    for trade in trades(data):
        volumes[trade["symbol"]] += trade["shares"]
    assert volumes == Counter({book.symbol: book.volume for book in day.books.values() if book.volume})
    assert sum(bar["trades"] for bar in bars(data, 60 * 10**9)) == sum(book.trades for book in day.books.values())

    last = {row["symbol"]: (row["bid_price"], row["ask_price"]) for row in bbo(data)}
    assert last == {book.symbol: (book.best("B"), book.best("S")) for book in day.books.values()}

    lives = orders(data)
    left = {row["ref"]: row["shares"] - row["executed"] - row["cancelled"] for row in lives if row["end"] == "live"}
    assert left == {ref: order.shares for ref, order in day.orders.items()}
    assert all(row["executed"] + row["cancelled"] == row["shares"] for row in lives if row["end"] != "live")


def test_the_slice_of_a_real_morning(shared_file: Callable[[str], Path]) -> None:
    data = shared_file("aapl_20200130_premarket_10k.itch").read_bytes()
    assert Counter(trade["type"] for trade in trades(data)) == {"E": 849, "P": 240}
    ends = Counter(row["end"] for row in orders(data))
    assert ends == {"deleted": 4083, "executed": 462, "live": 215, "replaced": 7}
    # What is sampled is what was seen last.
    changes = depth(data, levels=3)
    for sample in depth(data, levels=3, every=600 * 10**9):
        before = [row for row in changes if row["timestamp"] <= sample["timestamp"]]
        assert {**before[-1], "timestamp": sample["timestamp"]} == sample
