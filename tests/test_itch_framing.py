"""ITCH in other wrappings: captures, SoupBinTCP, messages without lengths. The same messages and books come out."""

import copy
import gzip
import pickle
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

import nanobook
import wrapped_itch
from nanobook import itch
from nanobook.cli import main
from reference_itch import encode, frame
from wrapped_itch import capture, ethernet, heartbeat, packed, payloads_of, pcap, pcapng, soupbintcp

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: bytes, name: str = "capture") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.fixture(scope="session")
def payloads(day_bytes: bytes) -> list[bytes]:
    return payloads_of(day_bytes)


WRAPPINGS: dict[str, tuple[str, Callable[[list[bytes]], bytes]]] = {
    "pcap": ("moldudp64", lambda payloads: pcap(capture(payloads))),
    "pcap, big-endian nanoseconds": ("moldudp64", lambda payloads: pcap(capture(payloads), ">", 0xA1B23C4D)),
    "pcapng": ("moldudp64", lambda payloads: pcapng(capture(payloads))),
    "pcapng, big-endian": ("moldudp64", lambda payloads: pcapng(capture(payloads), ">")),
    "pcap, gzipped": ("moldudp64", lambda payloads: gzip.compress(pcap(capture(payloads)), 1)),
    "SoupBinTCP": ("soupbintcp", soupbintcp),
    "raw": ("raw", b"".join),
    "raw, gzipped": ("raw", lambda payloads: gzip.compress(b"".join(payloads), 1)),
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("is_named", [False, True], ids=["detected", "named"])
def test_a_wrapped_day_is_the_day(
    wrapping: str, is_named: bool, write: Write, day: Path, payloads: list[bytes]
) -> None:
    framing, wrap = WRAPPINGS[wrapping]
    plain = itch.open(day)
    with itch.open(write(wrap(payloads)), strict=True, framing=framing if is_named else None) as file:
        assert file.framing == framing
        assert file.counts() == plain.counts()
        assert file.symbols() == plain.symbols()
        assert file.summary().end_of_session == (framing in ("moldudp64", "soupbintcp"))
        assert [bytes(message) for message in file.messages()] == payloads
        for until in (None, "12:00"):
            books, expected = file.replay(until=until), plain.replay(until=until)
            assert books.stats() == expected.stats()
            assert all(books.orders(name) == expected.orders(name) for name in expected.symbols())
        report = file.framing_report()
        assert not report
        assert report.messages == len(payloads)
        assert file.gaps == []


@pytest.mark.parametrize("wrapping", ["pcap, gzipped", "SoupBinTCP", "raw"])
def test_events_come_out_of_a_wrapping(wrapping: str, write: Write, day: Path, payloads: list[bytes]) -> None:
    path = write(WRAPPINGS[wrapping][1](payloads))
    events = nanobook.parse_itch(path, strict=True)
    assert events[:] == nanobook.parse_itch(day)[:]
    assert pl.DataFrame(events).equals(pl.DataFrame(nanobook.parse_itch(day)))
    assert repr(events).endswith(f"framing={itch.open(path).framing!r})")
    assert pickle.loads(pickle.dumps(events))[:5] == events[:5]
    assert copy.copy(events)[-1] == events[-1]


def test_tables_come_out_of_a_wrapping(write: Write, day: Path, payloads: list[bytes]) -> None:
    file = itch.open(write(pcap(capture(payloads))))
    assert pl.DataFrame(file.table("A")).equals(pl.DataFrame(itch.open(day).table("A")))


# Gaps and duplicates.


def test_gaps_are_reported_with_their_numbers(write: Write, payloads: list[bytes]) -> None:
    packets = [ethernet(each) for each in packed(payloads[:1000], first=501)]
    kept = [packet for number, packet in enumerate(packets) if number not in (10, 21, 22)]
    file = itch.open(write(pcap(kept)))
    assert [(gap.session, gap.first, gap.count) for gap in file.gaps] == [
        ("SESSION00A", 701, 20),
        ("SESSION00A", 921, 40),
    ]
    assert file.gaps[0].offset == 24 + sum(16 + len(packet) for packet in packets[:10])
    report = file.framing_report()
    assert report.missing == 60
    assert report.counts() == {"gap": 2}
    assert str(report.first) == f"messages 701 to 720 are missing before byte {file.gaps[0].offset}"
    assert (report.sessions[0].first, report.sessions[0].next) == (501, 1501)
    assert file.summary().message_count == 940


def test_strict_raises_at_the_first_gap_and_gives_what_comes_before_it(write: Write, payloads: list[bytes]) -> None:
    packets = capture(payloads[:1000])
    path = write(pcap(packets[:10] + packets[12:]))
    messages = itch.open(path, strict=True).messages()
    got = []
    with pytest.raises(itch.ItchError, match="messages 201 to 240 are missing before byte") as caught:
        got.extend(message for message in messages)
    assert caught.value.offset == 24 + sum(16 + len(packet) for packet in packets[:10])
    with pytest.raises(itch.ItchError, match="messages 201 to 240"):
        itch.open(path, strict=True).replay()
    with pytest.raises(itch.ItchError, match="messages 201 to 240"):
        list(nanobook.parse_itch(path, strict=True))
    messages = itch.open(path, strict=True).messages()
    assert [bytes(next(messages)) for _ in range(200)] == payloads[:200]


def test_of_two_lines_each_message_comes_once_and_one_makes_up_for_the_other(
    write: Write, payloads: list[bytes]
) -> None:
    packets = capture(payloads)
    a = [packet for number, packet in enumerate(packets) if number % 7 != 3]
    b = [packet for number, packet in enumerate(packets) if number % 5 != 1 and number % 7 != 2]
    both = [packet for pair in zip(a, b + [b[-1]] * (len(a) - len(b)), strict=True) for packet in pair]
    lost = {number for number in range(len(packets)) if number % 7 == 3 and number % 5 == 1}
    file = itch.open(write(pcap(both)))
    assert [(gap.first, gap.count) for gap in file.gaps] == [(1 + 20 * number, 20) for number in sorted(lost)]
    assert file.framing_report().duplicates > 10_000
    expected = [payload for number, payload in enumerate(payloads) if number // 20 not in lost]
    assert [bytes(message) for message in file.messages()] == expected


def test_a_heartbeat_tells_what_is_missing_at_the_end(write: Write, payloads: list[bytes]) -> None:
    file = itch.open(write(pcap([*map(ethernet, packed(payloads[:40])), ethernet(heartbeat(51))])))
    assert [(gap.first, gap.count) for gap in file.gaps] == [(41, 10)]


def test_a_soupbintcp_login_tells_what_is_missing(write: Write, payloads: list[bytes]) -> None:
    file = itch.open(write(soupbintcp(payloads[:50]) + soupbintcp(payloads[60:90], first=61)))
    assert [(gap.first, gap.count) for gap in file.gaps] == [(51, 10)]
    assert file.summary().message_count == 80


# What is odd.


def test_traffic_of_others_is_counted(write: Write, payloads: list[bytes]) -> None:
    others = [bytes(12) + b"\x08\x06" + bytes(46), ethernet(b"domain name system")]
    report = itch.open(write(pcap([*others, *capture(payloads[:100])]))).framing_report()
    assert (report.packets, report.unrelated, report.heartbeats) == (9, 2, 2)
    assert not report


def test_an_unknown_type_ends_what_is_read_without_lengths(write: Write, payloads: list[bytes]) -> None:
    sound = b"".join(payloads[:20])
    file = itch.open(write(sound + b"z" * 50 + b"".join(payloads[20:])))
    assert file.summary().message_count == 20
    first = file.framing_report().first
    assert first is not None
    assert (first.oddity, first.offset) == ("unknown_type", len(sound))


@pytest.mark.parametrize("wrapping", ["pcap", "pcapng", "SoupBinTCP", "raw"])
def test_a_capture_that_is_cut_off_says_where(wrapping: str, write: Write, payloads: list[bytes]) -> None:
    framing, wrap = WRAPPINGS[wrapping]
    whole = wrap(payloads[:100])
    cut = whole[:-201]  # more than the packets of a capture that bear no message
    file = itch.open(write(cut), framing=framing)
    report = file.framing_report()
    assert report.truncated_at is not None
    assert len(cut) - 1600 < report.truncated_at < len(cut)
    assert file.summary().message_count == report.messages < 100


def test_what_bears_no_message_is_refused(write: Write, payloads: list[bytes]) -> None:
    for content, framing, problem in [
        (pcap([]), None, "read as moldudp64: none of its 0 packets bears one"),
        (pcap([bytes(60)] * 3), None, "read as moldudp64: none of its 3 packets bears one"),
        (
            pcap([ethernet(each) for each in packed([b"??"] * 9)]),
            None,
            "message type \\? at byte 0 is unknown to ITCH 5.0",
        ),
        (b"".join(payloads), "moldudp64", "it is no packet capture"),
        (b"some text", "raw", "message type s at byte 0 is unknown to ITCH 5.0, and nothing tells its length"),
        (b"some text", "soupbintcp", "the end is cut off"),
        (b"some text", "binaryfile", "not an ITCH 5.0 file"),
    ]:
        with pytest.raises(itch.ItchError, match=problem):
            itch.open(write(content), framing=framing)
    with pytest.raises(itch.ItchError, match="the file is empty"):
        itch.open(write(b""), framing="raw")


def test_a_framing_that_is_not_there_is_refused(day: Path) -> None:
    with pytest.raises(ValueError, match="no such framing: 'mold'; there are binaryfile, raw, moldudp64, soupbintcp"):
        itch.open(day, framing="mold")


# Detection leaves alone what is no other wrapping.


@pytest.mark.parametrize("framing", [None, "binaryfile"])
def test_plain_files_are_binaryfile(framing: str | None, write: Write, payloads: list[bytes]) -> None:
    for content in (
        frame(*payloads[:3]),
        b"".join(b"\0\0" + payload for payload in payloads[:3]),
        frame(payloads[0] + b"?", *payloads[1:3]),  # the first of another length than its type's
        frame(b"?", *payloads[:3]),
    ):
        file = itch.open(write(content), framing=framing)
        assert file.framing == "binaryfile"
        assert file.summary().message_count >= 2
        assert not file.framing_report()
        assert file.gaps == []


@pytest.mark.parametrize(
    "name", ["aapl_20200130_premarket_10k.itch", "truncated_tail_4096.itch", "manav_mixed_types.bin"]
)
def test_real_files_are_binaryfile_and_their_messages_raw(
    name: str, shared_file: Callable[[str], Path], write: Write
) -> None:
    plain = itch.open(shared_file(name))
    assert plain.framing == "binaryfile"
    raw = itch.open(write(b"".join(bytes(message) for message in plain.messages())))
    assert raw.framing == "raw"
    assert raw.counts() == plain.counts()


def test_few_messages_are_recognised(write: Write) -> None:
    payload = encode("S", event="O")
    assert itch.open(write(payload)).framing == "raw"
    assert itch.open(write(wrapped_itch.soup_packet(b"S", payload))).framing == "soupbintcp"


# The command line.


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(main, ["itch", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def test_info_shows_the_packets_and_the_gaps(write: Write, payloads: list[bytes]) -> None:
    packets = capture(payloads[:1000])
    path = write(pcap(packets[:10] + packets[12:] + packets[12:13]))
    out = run("info", path, "--framing", "moldudp64")
    assert "MoldUDP64 in a capture of packets, an end of session" in out
    assert "SESSION00A, messages 1 to 1,000, ended" in out
    assert "20 messages, of a second line or sent again" in out
    assert "40 messages are missing" in out
    (row,) = (line for line in out.splitlines() if line.startswith("SESSION00A "))
    assert row.split()[1:4] == ["201", "240", "40"]
    assert "messages back to back" in run("info", write(b"".join(payloads)))


def test_info_of_a_whole_capture_has_nothing_odd(write: Write, payloads: list[bytes]) -> None:
    assert "Nothing is odd in its framing" in run("info", write(pcap(capture(payloads))))


def test_a_capture_that_is_cut_off_is_an_error_behind_what_is_there(write: Write, payloads: list[bytes]) -> None:
    path = write(pcap(capture(payloads))[:-100])
    result = CliRunner().invoke(main, ["itch", "info", str(path)])
    assert result.exit_code == 2
    assert "messages" in result.stdout
    assert "the end is cut off inside the packet at byte" in result.stderr


def test_book_takes_a_framing_and_tells_of_gaps(write: Write, day: Path, payloads: list[bytes]) -> None:
    symbol = itch.open(day).symbols()[0]
    plain = run("book", day, "--symbol", symbol, "--at", "12:00")
    assert run("book", write(soupbintcp(payloads)), "--symbol", symbol, "--at", "12:00") == plain
    packets = capture(payloads)
    out = run("book", write(pcap(packets[:30] + packets[31:])), "--symbol", symbol, "--at", "12:00")
    assert "messages 601 to 620 are missing before byte" in out
