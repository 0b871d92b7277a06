"""Streams that go on, in every framing: the same books and tables as the file, however the bytes are cut."""

import datetime
import random
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nanobook import itch
from reference_itch import encode, frame
from wrapped_itch import (
    capture,
    end_of_session,
    ethernet,
    heartbeat,
    packed,
    payloads_of,
    pcap,
    pcapng,
    session_of,
    soup_packet,
    soupbintcp,
)

Tables = dict[str, pl.DataFrame]

TABLES = ("bbo", "trades", "depth", "bars", "orders", "status", "mbo")
OPTIONS: dict[str, Any] = {"levels": 2, "depth_every": "1h", "bars_every": "1h"}

FRAMINGS: dict[str, tuple[str, Callable[[list[bytes]], bytes]]] = {
    "binaryfile": ("binaryfile", lambda payloads: frame(*payloads)),
    "binaryfile, lengths of 0": ("binaryfile", lambda payloads: b"".join(b"\0\0" + each for each in payloads)),
    "raw": ("raw", b"".join),
    "soupbintcp": ("soupbintcp", soupbintcp),
    "pcap": ("moldudp64", lambda payloads: pcap(capture(payloads))),
    "pcapng, a gap": ("moldudp64", lambda payloads: pcapng(capture(payloads)[:30] + capture(payloads)[33:], ">")),
}


@pytest.fixture(scope="module")
def payloads(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """A day of messages of every type but B: a stream has told of a trade before it learns that it is broken."""
    path = itch.synthesize(tmp_path_factory.mktemp("day") / "day", messages=3_000, symbols=8, seed=5, all_types=True)
    return [payload for payload in payloads_of(path.read_bytes()) if payload[:1] != b"B"]


def frame_of(rows: Any) -> pl.DataFrame:
    return pl.DataFrame(rows).with_columns(pl.col(pl.Categorical).cast(pl.String))


def drive(live: itch.Live, feed: Callable[[bytes], dict[str, Any]], pieces: Iterable[bytes]) -> Tables:
    """All rows of all tables."""
    parts: dict[str, list[pl.DataFrame]] = {}
    for made in (*map(feed, pieces), live.finish()):
        for name, rows in made.items():
            parts.setdefault(name, []).append(frame_of(rows))
    return {name: pl.concat(frames) for name, frames in parts.items()}


def pieces_of(data: bytes, rng: random.Random) -> Iterator[bytes]:
    """Chunks of random sizes, of one byte and many."""
    at = 0
    while at < len(data):
        size = rng.randint(1, rng.choice([1, 10, 300, 20_000]))
        yield data[at : at + size]
        at += size


def books_of(books: itch.Books) -> Any:
    return books.stats(), [books.orders(name) for name in books.symbols()], books.report.counts()


def tables_of(file: itch.File) -> Tables:
    made = file.tables(*TABLES, **OPTIONS)
    return {name: frame_of(rows) for name, rows in made.items() if len(rows) > 0}


def told(report: itch.FramingReport) -> Any:
    counted = (report.packets, report.unrelated, report.heartbeats, report.messages, report.duplicates, report.missing)
    return report.counts(), counted, report.truncated_at, repr(report.gaps), repr(report.sessions)


def same(tables: Tables, expected: Tables) -> bool:
    return tables.keys() == expected.keys() and all(tables[name].equals(expected[name]) for name in expected)


# Any bytes, any chunks.


@pytest.mark.parametrize("name", FRAMINGS)
def test_a_day_cut_at_any_byte_and_fed_in_chunks_of_any_size_is_the_file(
    name: str, payloads: list[bytes], tmp_path: Path
) -> None:
    framing, wrap = FRAMINGS[name]
    whole = wrap(payloads)
    rng = random.Random(name)
    for cut in (len(whole), *(rng.randint(1_000, len(whole)) for _ in range(20))):
        path = tmp_path / "cut"
        path.write_bytes(whole[:cut])
        live = itch.Live(*TABLES, **OPTIONS, framing=framing)
        rows = drive(live, live.feed, pieces_of(whole[:cut], rng))
        file = itch.open(path, framing=framing)
        assert books_of(live.books) == books_of(file.replay())
        assert same(rows, tables_of(file))
        assert told(live.framing_report()) == told(file.framing_report())
        assert repr(live.gaps) == repr(file.gaps)


def test_between_two_chunks_the_books_are_those_of_the_messages_so_far(payloads: list[bytes]) -> None:
    whole = soupbintcp(payloads[:500])
    live = itch.Live(framing="soupbintcp")
    messages = 0
    for at in range(len(whole)):
        live.feed(whole[at : at + 1])
        assert live.books.message_count in (messages, messages + 1)
        messages = live.books.message_count
    assert messages == 500


def test_prices_may_be_decimals(payloads: list[bytes]) -> None:
    live = itch.Live("trades", decimal_prices=True)
    rows = drive(live, live.feed, [frame(*payloads)])
    plain = itch.Live("trades")
    integers = drive(plain, plain.feed, [frame(*payloads)])
    assert isinstance(rows["trades"].schema["price"], pl.Decimal)
    assert (rows["trades"]["price"] * 10_000).cast(pl.Int64).equals(integers["trades"]["price"])


@pytest.mark.parametrize("date", ["2020-01-30", datetime.date(2020, 1, 30)])
def test_with_a_date_rows_have_moments(date: str | datetime.date, payloads: list[bytes]) -> None:
    live = itch.Live("bbo", date=date)
    rows = drive(live, live.feed, [frame(*payloads)])["bbo"]
    midnight = datetime.datetime(2020, 1, 30, 5, tzinfo=datetime.UTC)
    assert rows["datetime"][0] - midnight == datetime.timedelta(microseconds=rows["timestamp"][0] // 1000)


# Datagrams of a socket.


def test_datagrams_are_the_file(payloads: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(pcap(capture(payloads)))
    live = itch.Live(*TABLES, **OPTIONS, framing="moldudp64", strict=True)
    rows = drive(live, live.feed_datagram, session_of(payloads))
    assert books_of(live.books) == books_of(itch.open(path).replay())
    assert same(rows, tables_of(itch.open(path)))
    assert told(live.framing_report()) == told(itch.open(path).framing_report())


def test_datagrams_of_two_lines_late_and_twice_are_the_messages_once(payloads: list[bytes]) -> None:
    datagrams = packed(payloads, size=7)
    rng = random.Random(1)
    # Each line loses some, which the other has, and brings them a little out of order.
    lines = [(at, each) for at, each in enumerate(datagrams) if at % 5 != 1]
    lines += [(at, each) for at, each in enumerate(datagrams) if at % 3 != 0 or at % 5 == 1]
    mixed = [each for _, each in sorted(lines[1:], key=lambda pair: pair[0] + rng.random() * 9)]
    live, plain = itch.Live(framing="moldudp64"), itch.Live()
    drive(live, live.feed_datagram, [datagrams[0], *mixed])
    plain.feed(frame(*payloads))
    assert books_of(live.books) == books_of(plain.books)
    assert not live.framing_report()
    assert live.framing_report().duplicates > 1000


def test_what_is_missing_is_waited_for_until_the_window_is_full(payloads: list[bytes]) -> None:
    first, second, *later = packed(payloads[:200])
    live = itch.Live(framing="moldudp64")
    for datagram in (first, *later):
        live.feed_datagram(datagram)
    assert (live.books.message_count, live.gaps) == (20, [])
    live.feed_datagram(second)
    assert (live.books.message_count, live.gaps) == (200, [])

    at_once = itch.Live(framing="moldudp64", window=0)
    for datagram in (first, *later, second):
        at_once.feed_datagram(datagram)
    assert at_once.books.message_count == 180
    assert repr(at_once.gaps) == f"[Gap(session='SESSION00A', first=21, count=20, offset={len(first)})]"
    assert at_once.framing_report().duplicates == 20


def test_the_end_of_the_stream_tells_what_never_came(payloads: list[bytes]) -> None:
    live = itch.Live(framing="moldudp64")
    for datagram in (*packed(payloads[:40]), heartbeat(51)):
        live.feed_datagram(datagram)
    assert live.gaps == []
    live.finish()
    assert [(gap.first, gap.count) for gap in live.gaps] == [(41, 10)]


def test_datagrams_come_from_a_udp_socket(payloads: list[bytes]) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        live = itch.Live(framing="moldudp64", strict=True)
        for datagram in session_of(payloads[:500]):
            sender.sendto(datagram, receiver.getsockname())
            live.feed_datagram(receiver.recv(65_536))
    assert live.books.message_count == 500
    assert live.framing_report().sessions[0].ended


def test_soupbintcp_comes_from_a_socket(payloads: list[bytes]) -> None:
    server, client = socket.socketpair()

    def serve() -> None:
        with server:
            server.sendall(soupbintcp(payloads))

    sending = threading.Thread(target=serve)
    sending.start()
    live = itch.Live(framing="soupbintcp", strict=True)
    with client:
        while data := client.recv(1_500):
            live.feed(data)
    sending.join()
    live.finish()
    assert live.books.message_count == len(payloads)


def test_another_thread_reads_the_books_between_two_chunks(day_bytes: bytes) -> None:
    live = itch.Live()
    feeding = threading.Thread(target=live.feed, args=(day_bytes,))
    seen = set()
    feeding.start()
    while feeding.is_alive():
        seen.add(live.books.message_count)
    feeding.join()
    assert seen <= {0, 20_000}
    assert live.books.message_count == 20_000


# What is odd.


def test_a_strict_stream_ends_at_a_gap_behind_the_messages_before_it(payloads: list[bytes]) -> None:
    packets = capture(payloads[:200])
    data = pcap(packets[:4] + packets[6:])
    live = itch.Live(framing="moldudp64", strict=True, window=0)
    with pytest.raises(itch.ItchError, match="stream: messages 81 to 120 are missing before byte") as caught:
        live.feed(data)
    assert caught.value.offset == live.gaps[0].offset == 24 + sum(16 + len(packet) for packet in packets[:4])
    assert live.books.message_count == 80
    with pytest.raises(itch.ItchError, match="messages 81 to 120"):
        live.feed(data)
    assert live.books.message_count == 80


def test_a_strict_stream_of_datagrams_ends_at_a_gap(payloads: list[bytes]) -> None:
    first, _, third = packed(payloads[:60])
    live = itch.Live(framing="moldudp64", strict=True, window=0)
    live.feed_datagram(first)
    with pytest.raises(itch.ItchError, match=f"messages 21 to 40 are missing before byte {len(first)}"):
        live.feed_datagram(third)
    assert live.books.message_count == 20


def test_of_two_odd_things_a_strict_stream_names_the_first() -> None:
    unknown = encode("D", ref=9)
    live = itch.Live(framing="soupbintcp", strict=True)
    with pytest.raises(itch.ItchError, match="names order 9, which does not rest"):
        live.feed(soup_packet(b"S", unknown) + soup_packet(b"?"))


ODD: dict[str, tuple[str, bytes, str, str]] = {
    "an unknown packet": ("soupbintcp", soup_packet(b"?", b"x"), "unknown_packet", "packet type \\? at byte {at} is"),
    "an empty packet": ("soupbintcp", b"\0\0", "malformed", "the packet at byte {at} is malformed"),
    "an unknown type": ("raw", b"z", "unknown_type", "message type z at byte {at} is unknown to ITCH 5.0"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_bytes_are_counted_or_end_a_strict_stream(name: str, payloads: list[bytes]) -> None:
    framing, odd, kind, problem = ODD[name]
    sound = FRAMINGS[framing][1](payloads[:50])
    lenient = itch.Live(framing=framing)
    lenient.feed(sound + odd)
    assert lenient.framing_report().counts() == {kind: 1}
    assert lenient.books.message_count == 50
    strict = itch.Live(framing=framing, strict=True)
    with pytest.raises(itch.ItchError, match=problem.format(at=len(sound))) as caught:
        strict.feed(sound + odd)
    assert caught.value.offset == len(sound)
    assert strict.books.message_count == 50


@pytest.mark.parametrize("name", ["soupbintcp", "raw", "pcap"])
def test_a_stream_that_ends_inside_a_packet_says_so(name: str, payloads: list[bytes]) -> None:
    framing, wrap = FRAMINGS[name]
    data = wrap(payloads[:50])[:-1]
    lenient, strict = itch.Live(framing=framing), itch.Live(framing=framing, strict=True)
    lenient.feed(data)
    lenient.finish()
    assert lenient.framing_report().counts() == {"truncated_tail": 1}
    strict.feed(data)
    with pytest.raises(itch.ItchError, match="the end is cut off inside the packet or message at byte"):
        strict.finish()


@pytest.mark.parametrize("strict", [False, True])
def test_what_is_no_capture_is_refused(strict: bool, payloads: list[bytes]) -> None:
    live = itch.Live(framing="moldudp64", strict=strict)
    with pytest.raises(itch.ItchError, match="it is no packet capture: neither pcap nor pcapng begins so"):
        live.feed(packed(payloads)[0])


def test_what_is_no_moldudp64_is_malformed(payloads: list[bytes]) -> None:
    first, second = packed(payloads[:40])
    for odd in (b"", b"domain name system", second[:-1], ethernet(second)):
        lenient = itch.Live(framing="moldudp64")
        for datagram in (first, odd, second, end_of_session(41)):
            lenient.feed_datagram(datagram)
        assert lenient.framing_report().counts() == {"malformed": 1}
        assert lenient.books.message_count == 40
        strict = itch.Live(framing="moldudp64", strict=True)
        strict.feed_datagram(first)
        with pytest.raises(itch.ItchError, match=f"the packet at byte {len(first)} is malformed"):
            strict.feed_datagram(odd)


def test_random_bytes_do_no_harm() -> None:
    rng = random.Random(8)
    for framing in ("binaryfile", "raw", "soupbintcp"):
        for _ in range(50):
            live = itch.Live(*TABLES, framing=framing)
            for piece in pieces_of(rng.randbytes(2_000), rng):
                live.feed(piece)
            live.finish()
            assert live.books.report or live.framing_report()


# Arguments.


def test_arguments_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="no such framing: 'mold'; there are binaryfile, raw, moldudp64, soupbintcp"):
        itch.Live(framing="mold")
    with pytest.raises(ValueError, match="not a date: 'yesterday'"):
        itch.Live(date="yesterday")
    with pytest.raises(ValueError, match="window is -1; it cannot be negative"):
        itch.Live(framing="moldudp64", window=-1)
    for framing in ("binaryfile", "raw", "soupbintcp"):
        with pytest.raises(ValueError, match="only a stream of moldudp64 takes datagrams"):
            itch.Live(framing=framing).feed_datagram(b"")
