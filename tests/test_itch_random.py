"""Random small ITCH streams, some of them broken: the engine equals the naive reference, however the bytes arrive."""

from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.strategies import DrawFn

import reference_itch
from itch_comparison import (
    assert_same_books,
    engine_fields,
    engine_replay,
    odd_by_engine,
    odd_by_reference,
    reference_fields,
    reference_replay,
)
from nanobook import itch
from nanobook._core.itch import Decoder, Replay
from reference_itch import encode, frame

STOCKS = {1: "ABC", 2: "DEF", 500: "GHI"}
# Few references and prices, so that messages meet each other's orders; 40,000 lies on another page of the index.
REFS = st.sampled_from([0, 1, 2, 3, 4, 5, 40_000, 2**64 - 1])
PRICES = st.sampled_from([0, 1, 9_900, 10_000, 10_100, 1_999_999_900, 2**32 - 1])
LOCATES = st.sampled_from(sorted(STOCKS))
SIDES = st.sampled_from("BBBBSSSSx")
SHARES = st.sampled_from([0, 1, 2, 5, 100, 2**32 - 1])


def shrugs(type_: str) -> st.SearchStrategy[bytes]:
    """Messages that leave every book alone."""
    return LOCATES.map(lambda locate: encode(type_, locate=locate, stock=STOCKS[locate]))


@st.composite
def payloads(draw: DrawFn, breaks: bool) -> list[bytes]:
    """A short day: prints bear match numbers that no change of one byte confuses with each other."""
    result: list[bytes] = []
    prints: list[tuple[int, int]] = []
    for number in range(1, 1 + draw(st.integers(1, 40))):
        kind = draw(st.sampled_from("AAAAAAFFEEECCXXDDUUUPQRHSI" + "B" * breaks))
        locate, ref, price, shares, match = draw(LOCATES), draw(REFS), draw(PRICES), draw(SHARES), number * 1_000_003
        common = {"locate": locate, "timestamp": number}
        stock = STOCKS[locate]
        match kind:
            case "A" | "F":
                order = encode(kind, **common, ref=ref, side=draw(SIDES), shares=shares, stock=stock, price=price)
                result.append(order)
            case "E":
                result.append(encode("E", **common, ref=ref, shares=shares, match=match))
            case "C":
                printable = draw(st.sampled_from("YN"))
                execution = encode("C", **common, ref=ref, shares=shares, match=match, printable=printable, price=price)
                result.append(execution)
            case "X":
                result.append(encode("X", **common, ref=ref, shares=shares))
            case "D":
                result.append(encode("D", **common, ref=ref))
            case "U":
                result.append(encode("U", **common, old_ref=ref, new_ref=draw(REFS), shares=shares, price=price))
            case "P" | "Q":
                result.append(encode(kind, **common, shares=shares, stock=stock, price=price, match=match))
            case "B":
                broken = draw(st.sampled_from([*prints, (match, locate)]))
                result.append(encode("B", locate=broken[1], timestamp=number, match=broken[0]))
            case _:
                result.append(draw(shrugs(kind)) if kind != "S" else encode("S"))
        if kind in "PQC":
            prints.append((match, locate))
    return result


@st.composite
def streams(draw: DrawFn) -> bytes:
    """A day as it should be, but for orders that do not fit."""
    return frame(*draw(payloads(breaks=True)))


@st.composite
def broken_streams(draw: DrawFn) -> bytes:
    """A day with prefixes of zero, strange frames between messages, changed bytes, or an end cut off."""
    messages = draw(payloads(breaks=False))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(messages) - 1))
        byte = draw(st.integers(0, len(messages[at]) - 1))
        messages[at] = messages[at][:byte] + bytes([draw(st.integers(0, 255))]) + messages[at][byte + 1 :]
    for _ in range(draw(st.integers(0, 2))):
        messages.insert(draw(st.integers(0, len(messages))), draw(st.binary(min_size=1, max_size=60)))
    zero_prefixed = draw(st.booleans())
    stream = b"".join(b"\0\0" + m for m in messages) if zero_prefixed else frame(*messages)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(stream)))
        stream = stream[:at] + draw(st.binary(max_size=3)) + stream[at:]
    return stream[: len(stream) - draw(st.integers(0, 50))] if draw(st.booleans()) else stream


ANY_STREAM = st.one_of(streams(), broken_streams(), st.binary(max_size=200))


def cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    borders = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    return [stream[begin:end] for begin, end in pairwise(borders)]


def orders_of(replay: Replay, symbol: str) -> object:
    try:
        return replay.orders(symbol)
    except KeyError:
        return None


def answers(*chunks: bytes) -> object:
    """Everything a replay of these chunks tells."""
    replay = engine_replay(*chunks)
    first = replay.report.first
    return (
        replay.listings(),
        replay.counts,
        replay.report.counts(),
        None if first is None else (first.oddity, first.type, first.offset, first.number),
        replay.time,
        replay.live_orders,
        replay.out_of_order_executions,
        replay.zero_prefixed and replay.message_count > 0,
        replay.end_of_session,
        [orders_of(replay, stock) for stock in STOCKS.values()],
    )


@settings(max_examples=300, deadline=None)
@given(ANY_STREAM)
def test_books_and_report_equal_the_reference(stream: bytes) -> None:
    engine = engine_replay(stream)
    reference = reference_replay(stream)
    assert engine.counts == reference.report.counts
    assert odd_by_engine(engine.report) == odd_by_reference(reference.report)
    assert engine.report.truncated_at == reference.report.truncated_at
    assert engine.zero_prefixed == reference.report.zero_prefixed
    assert engine.end_of_session == reference.report.end_of_session
    assert_same_books(engine, reference)


@settings(max_examples=200, deadline=None)
@given(ANY_STREAM, st.lists(st.integers(0, 1500), max_size=12))
def test_chunks_cut_anywhere_give_the_same_answers(stream: bytes, cuts: list[int]) -> None:
    assert answers(*cut(stream, cuts)) == answers(stream)


@settings(max_examples=50, deadline=None)
@given(ANY_STREAM)
def test_single_bytes_give_the_same_answers(stream: bytes) -> None:
    assert answers(*(stream[i : i + 1] for i in range(len(stream)))) == answers(stream)


@settings(max_examples=200, deadline=None)
@given(ANY_STREAM, st.lists(st.integers(0, 1500), max_size=3))
def test_records_equal_the_reference(stream: bytes, cuts: list[int]) -> None:
    decoder = Decoder("".join(reference_itch.TYPES), [])
    records = [record for chunk in cut(stream, cuts) for record in decoder.feed(chunk)]
    expected = list(reference_itch.messages(stream, reference_itch.Report()))
    assert [(record.type, engine_fields(record)) for record in records] == [
        (message.type, reference_fields(message)) for message in expected
    ]
    assert [bytes(record) for record in records] == [message.payload for message in expected]


@settings(max_examples=50, deadline=None)
@given(streams(), st.integers(0, 41))
def test_replay_until_equals_the_reference(tmp_path_factory: pytest.TempPathFactory, stream: bytes, until: int) -> None:
    path = tmp_path_factory.getbasetemp() / "random.itch"
    path.write_bytes(stream)
    with itch.open(path) as file:
        assert_same_books(file.replay(until=until), reference_replay(stream, until))


@settings(max_examples=100, deadline=None)
@given(ANY_STREAM)
def test_a_strict_replay_stops_at_what_a_lenient_one_finds_first(stream: bytes) -> None:
    strict = Replay(strict=True)
    strict.feed(stream)
    strict.finish()
    lenient = engine_replay(stream)
    assert bool(strict.report) == bool(lenient.report)
    if strict.report.first is not None and lenient.report.first is not None:
        assert str(strict.report.first) == str(lenient.report.first)
    else:
        assert strict.listings() == lenient.listings()
