"""The reference ITCH reader against files with known contents and against hand-computed answers."""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

import pytest

import reference_itch
from reference_itch import Message, Report, decode, encode, frame, layout, messages, replay

DATA = Path(__file__).parents[1] / "../shared/data"


def data(name: str) -> bytes:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"no shared data: {path}")
    return path.read_bytes()


def add(ref: int, side: str, shares: int, price: int, locate: int = 1, stock: str = "ABC") -> bytes:
    return encode("A", locate=locate, ref=ref, side=side, shares=shares, stock=stock, price=price)


def odd(report: Report) -> dict[str, object]:
    """The counters of a report that are not zero or empty, without the type counts."""
    return {name: value for name, value in vars(report).items() if value and name != "counts"}


# Real and malformed files.


def test_aapl_slice_has_the_listed_messages_and_215_live_orders() -> None:
    result = replay(data("aapl_20200130_premarket_10k.itch"))
    assert result.report.counts == {
        "A": 4758, "D": 4083, "E": 849, "P": 240, "L": 52, "U": 7, "X": 6, "F": 2, "R": 1, "H": 1, "Y": 1
    }  # fmt: skip
    assert odd(result.report) == {}
    assert len(result.orders) == 215
    assert list(result.books) == [13]
    book = result.books[13]
    assert book.symbol == "AAPL"
    assert book.trades == 849 + 240
    assert (book.best("B"), book.best("S")) == (3201400, 3203000)
    assert book.walk("B")[-1].price == 100  # the stub quotes
    assert book.walk("S")[-1].price == 1_999_999_900


def test_zero_prefixed_file_is_framed_by_the_type_table() -> None:
    report = replay(data("ritch_zero_length_prefix.itch")).report
    assert report.zero_prefixed
    assert sum(report.counts.values()) == 12_012
    assert report.unknown_refs == {"D": 94, "E": 18, "X": 3, "U": 2}
    assert report.truncated_at is None


def test_truncated_file_gives_the_offset_of_the_cut_message() -> None:
    raw = data("truncated_tail_4096.itch")
    report = replay(raw).report
    assert report.counts == {"R": 98, "S": 1, "H": 1, "Y": 1}
    assert report.truncated_at == 4081  # = 14 + 98 * 41 + 27 + 22
    assert odd(report) == {"truncated_at": 4081}


def test_boundary_values() -> None:
    result = replay(data("manav_boundary_values.bin"))
    assert odd(result.report) == {"duplicate_refs": 1, "zero_quantity": 1}
    assert result.books[65535].volume == 0xFFFFFFFF
    assert result.books[65535].last_price == 0xFFFFFFFF
    assert list(result.orders) == [42]


def test_a_message_of_wrong_length_is_counted_and_skipped() -> None:
    report = replay(data("manav_mixed_types.bin")).report
    assert report.wrong_length == {"H": 1}
    assert report.counts == {"A": 2, "F": 1, "C": 1, "X": 1, "U": 1, "D": 1}


def test_replace_chain_leaves_the_old_references_unknown() -> None:
    result = replay(data("manav_replace_chain.bin"))
    assert result.report.unknown_refs == {"D": 1, "X": 1}
    assert result.orders == {}
    assert result.books[1].volume == 200


def test_selftest_file() -> None:
    result = replay(data("manav_selftest.bin"))
    assert odd(result.report) == {}
    assert result.books[1].depth("S") == [(1500100, 400, 1)]
    assert result.books[2].depth("B") == [(4199500, 800, 1)]


# Decoding.


@pytest.mark.parametrize("type_", reference_itch.TYPES)
def test_the_fields_of_a_type_fill_its_length_without_gaps(type_: str) -> None:
    end = 1
    for _, offset, fmt in layout(type_):
        assert offset == end
        end += 6 if fmt == "u48" else struct.calcsize(f">{fmt}")
    assert end == reference_itch.TYPES[type_][0]


def test_there_are_23_types() -> None:
    assert len(reference_itch.TYPES) == 23


def test_an_add_decodes_as_computed_by_hand() -> None:
    payload = bytes.fromhex(
        "41 000d 0002 0a2d46b2b2a5 0000000000001234 42 00000064 4141504c20202020 0030db10".replace(" ", "")
    )
    assert decode(payload).fields() == {
        "locate": 13,
        "tracking": 2,
        "timestamp": 0x0A2D46B2B2A5,
        "ref": 0x1234,
        "side": "B",
        "shares": 100,
        "stock": "AAPL",
        "price": 3_201_808,
    }


def test_cross_trade_shares_take_eight_bytes() -> None:
    payload = bytes.fromhex("51 0001 0000 000000000001 0000000100000000 5a20202020202020 00000002 0000000000000003 4f")
    message = decode(payload)
    assert (message.ints["shares"], message.ints["price"], message.ints["match"]) == (1 << 32, 2, 3)
    assert (message.texts["stock"], message.texts["cross_type"]) == ("Z", "O")


@pytest.mark.parametrize("type_", reference_itch.TYPES)
def test_encode_then_decode_is_the_identity(type_: str) -> None:
    values: dict[str, int | str] = {}
    for number, (name, _, fmt) in enumerate(layout(type_), start=1):
        values[name] = chr(64 + number) * int(fmt[:-1]) if fmt.endswith("s") else number
    assert decode(encode(type_, **values)).fields() == values


# Framing.


def read(raw: bytes) -> tuple[list[Message], Report]:
    report = Report()
    return list(messages(raw, report)), report


def test_length_zero_ends_the_session_and_what_follows_is_counted() -> None:
    got, report = read(frame(encode("S")) + b"\0\0" + b"abc")
    assert len(got) == 1
    assert odd(report) == {"end_of_session": True, "trailing_bytes": 3}


def test_an_unknown_type_is_skipped_by_its_length() -> None:
    got, report = read(frame(b"zz", encode("S"), b"@"))
    assert [(message.type, message.offset) for message in got] == [("S", 4)]
    assert odd(report) == {"unknown_types": Counter("z@")}


@pytest.mark.parametrize("cut", range(1, 14))
def test_a_cut_message_is_reported_at_its_prefix(cut: int) -> None:
    got, report = read((frame(encode("S")) * 2)[:-cut])
    assert len(got) == 1
    assert odd(report) == {"truncated_at": 14}


def test_an_unknown_type_ends_a_zero_prefixed_file() -> None:
    got, report = read(b"\0\0" + encode("S") + b"\0\0zzz")
    assert len(got) == 1
    assert odd(report) == {
        "zero_prefixed": True, "unknown_types": Counter("z"), "unframed_at": 14, "trailing_bytes": 5
    }  # fmt: skip


@pytest.mark.parametrize("raw", [b"", b"\0\0"])
def test_a_file_without_messages(raw: bytes) -> None:
    got, report = read(raw)
    assert got == []
    assert report.end_of_session == (raw != b"")


# Books.


def test_a_small_day_computed_by_hand() -> None:
    result = replay(
        frame(
            encode("R", locate=1, stock="ABC"),
            add(1, "B", 100, 500),
            add(2, "B", 200, 500),
            add(3, "B", 300, 490),
            add(4, "S", 50, 510),
            encode("E", locate=1, ref=1, shares=40, match=1),  # 60 left; 40 at 500
            encode("X", locate=1, ref=1, shares=10),  # 50 left, still first
            encode("C", locate=1, ref=2, shares=150, match=2, printable="N", price=505),  # behind ref 1, not in volume
            encode("C", locate=1, ref=1, shares=20, match=3, printable="Y", price=505),  # 30 left; 20 at 505
            encode("U", locate=1, old_ref=1, new_ref=9, shares=80, price=500),  # loses priority
            encode("P", locate=1, side="B", shares=7, stock="ABC", price=507, match=4),
            encode("Q", locate=1, shares=1000, stock="ABC", price=506, match=5, cross_type="O"),
            encode("B", locate=1, match=3),
        )
    )
    book = result.books[1]
    assert book.symbol == "ABC"
    assert [(order.ref, order.shares) for order in book.walk("B")] == [(2, 50), (9, 80), (3, 300)]
    assert book.depth("B") == [(500, 130, 2), (490, 300, 1)]
    assert book.depth("S") == [(510, 50, 1)]
    assert book.queue_ahead(result.orders[9]) == 50
    assert (book.volume, book.trades, book.last_price) == (40 + 7 + 1000, 3, 506)
    assert odd(result.report) == {"out_of_fifo": 1}


def test_an_over_execution_is_clamped_in_book_and_volume() -> None:
    result = replay(frame(add(1, "S", 30, 500), encode("E", locate=1, ref=1, shares=31, match=1)))
    assert result.books[1].volume == 30
    assert result.orders == {}
    assert odd(result.report) == {"over_executions": 1}


def test_the_stored_locate_wins() -> None:
    result = replay(frame(add(1, "S", 30, 500), encode("E", locate=2, ref=1, shares=10, match=1)))
    assert list(result.books) == [1]
    assert result.books[1].volume == 10
    assert odd(result.report) == {"locate_mismatches": 1}


def test_a_duplicate_add_leaves_the_resting_order_as_it_is() -> None:
    result = replay(frame(add(1, "S", 30, 500), add(1, "B", 40, 400, locate=2)))
    assert result.books[1].depth("S") == [(500, 30, 1)]
    assert list(result.books) == [1]
    assert odd(result.report) == {"duplicate_refs": 1}


@pytest.mark.parametrize(
    ("old_ref", "new_ref", "shares", "live", "oddity"),
    [
        (1, 3, 5, {2: 20, 3: 5}, {}),
        (1, 1, 5, {1: 5, 2: 20}, {}),
        (1, 2, 5, {2: 20}, {"duplicate_refs": 1}),
        (1, 3, 0, {2: 20}, {"zero_quantity": 1}),
        (7, 8, 5, {1: 10, 2: 20}, {"unknown_refs": {"U": 1}}),
    ],
)
def test_replace(old_ref: int, new_ref: int, shares: int, live: dict[int, int], oddity: dict[str, object]) -> None:
    change = encode("U", locate=1, old_ref=old_ref, new_ref=new_ref, shares=shares, price=490)
    result = replay(frame(add(1, "B", 10, 500), add(2, "B", 20, 500), change))
    assert {ref: order.shares for ref, order in result.orders.items()} == live
    assert odd(result.report) == oddity
    assert sorted(order.ref for order in result.books[1].orders) == sorted(live)


def test_a_replaced_order_inherits_its_attribution() -> None:
    first = encode("F", locate=1, ref=1, side="S", shares=5, stock="ABC", price=500, attribution="NITE")
    result = replay(frame(first, encode("U", locate=1, old_ref=1, new_ref=2, shares=6, price=501)))
    order = result.orders[2]
    assert (order.side, order.price, order.shares, order.attribution) == ("S", 501, 6, "NITE")


def test_adds_that_cannot_rest_are_counted() -> None:
    result = replay(frame(add(1, "b", 10, 500), add(2, "B", 0, 500)))
    assert result.books == {}
    assert odd(result.report) == {"bad_side": 1, "zero_quantity": 1}


def test_a_match_is_broken_once() -> None:
    trade = encode("P", locate=1, side="B", shares=7, stock="ABC", price=507, match=4)
    result = replay(frame(trade, encode("B", locate=1, match=4), encode("B", locate=1, match=4)))
    assert (result.books[1].volume, result.books[1].trades, result.books[1].last_price) == (0, 0, 507)
    assert odd(result.report) == {"unknown_matches": 1}


def test_a_cross_of_nothing_is_no_trade() -> None:
    result = replay(frame(encode("Q", locate=1, shares=0, stock="ABC", price=0, match=5, cross_type="C")))
    assert result.books == {}
