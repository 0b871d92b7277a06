"""Cutting ITCH files, checking them and downloading them: File.filter, File.check, itch.fetch and their commands."""

import gzip
import hashlib
import http.server
import os
import pickle
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nanobook import _itch_fetch, itch
from reference_itch import Report, encode, frame, messages
from test_cli import assert_fails, run, start
from wrapped_itch import ethernet, packed, payloads_of, pcap

SharedFile = Callable[[str], Path]
AAPL = "aapl_20200130_premarket_10k.itch"
SECOND = 1_000_000_000


def rows_of(path: Path) -> list[bytes]:
    with itch.open(path) as file:
        return [bytes(message) for message in file.messages()]


def state_of(books: itch.Books, symbols: list[str]) -> dict[str, Any]:
    """All that is known of some symbols."""
    stats = {row.symbol: row for row in books.stats()}
    return {symbol: (stats.get(symbol), books.orders(symbol) if symbol in stats else []) for symbol in symbols}


@pytest.mark.parametrize("command", ["filter", "check", "fetch"])
def test_every_command_explains_itself(command: str) -> None:
    result = run("itch", command, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: main itch {command}")


# filter


def chosen_slowly(path: Path, types: str, symbols: list[str] | None, start: int, until: int) -> list[bytes]:
    """What a filter is to keep, by the specification alone."""
    symbol_of: dict[int, str] = {}
    kept = []
    for row in messages(path.read_bytes(), Report()):
        locate, moment = row.ints["locate"], row.ints["timestamp"]
        if "stock" in row.texts and (row.type == "R" or locate not in symbol_of):
            symbol_of[locate] = row.texts["stock"]
        if moment > until:
            break
        if symbols is not None and row.type not in "SVW" and symbol_of.get(locate) not in symbols:
            continue
        if row.type in types and moment >= start:
            kept.append(row.payload)
    return kept


@pytest.mark.parametrize("seed", range(6))
def test_a_filter_keeps_what_the_specification_says(day: Path, tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    with itch.open(day) as file:
        symbols = dice.sample(file.symbols(), 3)
        types = "".join(dice.sample("SRHYLVWKJhAFECXDUPQBINO", 12))
        start, until = sorted(dice.choices(range(4 * 3600 * SECOND, 20 * 3600 * SECOND), k=2))
        out = tmp_path / "out.itch"
        done = file.filter(out, types, symbols, start, until)
        expected = chosen_slowly(day, types, symbols, start, until)
        assert out.read_bytes() == frame(*expected)
        assert done == (out, len(expected), done.read, [], done.report)
        assert not done.report
        file.filter(out, symbols=symbols)
        assert out.read_bytes() == frame(*chosen_slowly(day, "SRHYLVWKJhAFECXDUPQBINO", symbols, 0, 2**48))


def test_filter_then_replay_is_replay_of_a_selection(day: Path, tmp_path: Path) -> None:
    dice = random.Random(1)
    with itch.open(day) as file:
        names = file.symbols()
        for _ in range(12):
            symbols = dice.sample(names, dice.randint(1, 6))
            until = dice.randrange(4 * 3600 * SECOND, 20 * 3600 * SECOND)
            file.filter(tmp_path / "some.itch", symbols=symbols)
            with itch.open(tmp_path / "some.itch", strict=True) as some:
                assert some.symbols() == sorted(symbols)
                filtered = some.replay(until=until)
            selected = file.replay(symbols=symbols, until=until)
            assert state_of(filtered, symbols) == state_of(selected, symbols)


@pytest.mark.parametrize("name", [AAPL, "ritch_zero_length_prefix.itch", "ritch_zero_length_prefix.itch.gz"])
def test_filter_then_replay_is_replay_of_a_selection_of_shared_data(
    shared_file: SharedFile, tmp_path: Path, name: str
) -> None:
    with itch.open(shared_file(name)) as file:
        for symbol in file.symbols():
            file.filter(tmp_path / "one.itch", symbols=symbol)
            with itch.open(tmp_path / "one.itch") as one:
                filtered, selected = one.replay(), file.replay(symbols=symbol)
                assert state_of(filtered, [symbol]) == state_of(selected, [symbol])
                assert filtered.report.counts() == selected.report.counts()


def test_everything_filtered_is_the_same_file(shared_file: SharedFile, tmp_path: Path) -> None:
    with itch.open(shared_file(AAPL)) as file:
        done = file.filter(tmp_path / "all.itch")
    assert (tmp_path / "all.itch").read_bytes() == shared_file(AAPL).read_bytes()
    assert (done.written, done.read) == (10_000, 10_000)


def test_a_filtered_file_may_be_gzipped_and_read_from_one(day: Path, day_bytes: bytes, tmp_path: Path) -> None:
    with itch.open(day) as file:
        file.filter(tmp_path / "day.itch.gz")
    assert gzip.decompress((tmp_path / "day.itch.gz").read_bytes()) == day_bytes
    with itch.open(tmp_path / "day.itch.gz") as file:
        file.filter(tmp_path / "again.itch")
    assert (tmp_path / "again.itch").read_bytes() == day_bytes


def test_a_filter_tells_its_progress(day: Path, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    with itch.open(day) as file:
        file.filter(tmp_path / "out.itch", progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (day.stat().st_size, day.stat().st_size)


def test_symbols_that_are_not_there_are_named(day: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.itch"
    with itch.open(day) as file:
        assert file.filter(out, symbols=["AAPL", "NOBODY"]).missing == ["NOBODY"]
        out.unlink()
        with pytest.raises(itch.ItchError, match="no message of 'NOBODY', 'NONE'"):
            file.filter(out, symbols=["NOBODY", "NONE"])
    assert list(tmp_path.iterdir()) == []


def test_odd_messages_are_left_out_and_counted(tmp_path: Path) -> None:
    sound = frame(encode("S", event="O"), encode("R", locate=1, stock="ABC"))
    (tmp_path / "odd.itch").write_bytes(sound + b"\x00\x03zzz" + sound + b"\x00")
    with itch.open(tmp_path / "odd.itch") as file:
        done = file.filter(tmp_path / "out.itch")
    assert (tmp_path / "out.itch").read_bytes() == sound + sound
    assert sorted(done.report.counts()) == ["truncated_tail", "unknown_type"]
    with itch.open(tmp_path / "odd.itch", strict=True) as file, pytest.raises(itch.ItchError, match="unknown"):
        file.filter(tmp_path / "strict.itch")
    assert not (tmp_path / "strict.itch").exists()


def test_a_filter_never_writes_over_what_it_reads(day: Path, day_bytes: bytes, tmp_path: Path) -> None:
    for place in (lambda link: link.symlink_to(day), lambda link: os.link(day, link)):
        link = tmp_path / "link.itch"
        place(link)
        with itch.open(day) as file, pytest.raises(ValueError, match="is the file that is read"):
            file.filter(link)
        link.unlink()
    with itch.open(day) as file, pytest.raises(ValueError, match="is the file that is read"):
        file.filter(day)
    assert day.read_bytes() == day_bytes


def test_a_filter_writes_through_a_link_and_over_another_file(day: Path, day_bytes: bytes, tmp_path: Path) -> None:
    (tmp_path / "old.itch").write_bytes(b"old")
    (tmp_path / "link.itch").symlink_to("old.itch")
    with itch.open(day) as file:
        file.filter(tmp_path / "link.itch")
    assert (tmp_path / "link.itch").is_symlink()
    assert (tmp_path / "old.itch").read_bytes() == day_bytes


def test_what_cannot_be_written_is_named(day: Path, tmp_path: Path) -> None:
    with itch.open(day) as file:
        with pytest.raises(FileNotFoundError) as missing:
            file.filter(tmp_path / "none" / "out.itch")
        assert missing.value.filename == str(tmp_path / "none" / "out.itch")
        with pytest.raises(ValueError, match="not a regular file"):
            file.filter(tmp_path)
        with pytest.raises(ValueError, match="not a regular file"):
            file.filter(os.devnull)
        with pytest.raises(ValueError, match="'z' is not a message type"):
            file.filter(tmp_path / "out.itch", types="Az")
        with pytest.raises(ValueError, match="no type named"):
            file.filter(tmp_path / "out.itch", types="")
        with pytest.raises(ValueError, match="no symbol named"):
            file.filter(tmp_path / "out.itch", symbols=[])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out.itch", "out.itch.gz"])
def test_what_breaks_a_filter_off_leaves_nothing(day: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"old")

    def break_off(*_: int) -> None:
        raise KeyboardInterrupt

    with itch.open(day) as file, pytest.raises(KeyboardInterrupt):
        file.filter(tmp_path / name, progress=break_off)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"old"


@pytest.mark.parametrize("name", ["out.itch", "out.itch.gz"])
def test_a_disk_that_is_full_is_blamed_on_the_file_that_is_written(day: Path, tmp_path: Path, name: str) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with itch.open(day) as file, pytest.raises(OSError, match="File too large") as error:
            file.filter(tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.value.filename == str(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_capture_is_filtered_to_a_file_of_messages(day_bytes: bytes, tmp_path: Path) -> None:
    packets = [ethernet(packet) for packet in packed(payloads_of(day_bytes))]
    (tmp_path / "day.pcap").write_bytes(pcap(packets))
    with itch.open(tmp_path / "day.pcap") as file:
        file.filter(tmp_path / "out.itch")
    assert (tmp_path / "out.itch").read_bytes() == day_bytes


# nanobook itch filter


def test_the_command_filters(day: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.itch"
    result = run("itch", "filter", day, out, "--symbols", "AAPL, MSFT", "--types", "AFE,XDUC", "--until", "9:45")
    assert result.exit_code == 0
    assert result.stderr == ""
    with itch.open(day) as file:
        file.filter(tmp_path / "same.itch", "AFEXDUC", ["AAPL", "MSFT"], until="09:45")
    assert out.read_bytes() == (tmp_path / "same.itch").read_bytes()
    assert re.fullmatch(rf"{re.escape(str(out))}: {len(rows_of(out)):,} of [\d,]+ messages read, .*\n", result.stdout)


def test_the_command_filters_a_window_of_time(day: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.itch"
    assert run("itch", "filter", day, out, "--start", "09:30", "--until", "16:00").exit_code == 0
    times = [row.timestamp for row in itch.open(out).messages()]
    assert times == [
        row.timestamp for row in itch.open(day).messages() if 34_200 * SECOND <= row.timestamp <= 57_600 * SECOND
    ]
    assert times


def test_the_command_says_what_it_cannot_filter(day: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.itch"
    assert_fails(run("itch", "filter", tmp_path / "none", out), tmp_path / "none", "no such file")
    assert_fails(run("itch", "filter", day, day), day, "is the file that is read")
    assert_fails(run("itch", "filter", day, tmp_path / "none" / "out"), tmp_path / "none" / "out", "no such file")
    assert_fails(run("itch", "filter", day, out, "--types", "A?"), "'?' is not a message type")
    assert_fails(run("itch", "filter", day, out, "--start", "noon"), "--start", "noon")
    assert_fails(run("itch", "filter", day, out, "--until", "25:00"), "--until", "25:00")
    assert_fails(run("itch", "filter", day, out, "--symbols", "NOBODY"), day, "NOBODY")
    assert_fails(run("itch", "filter", day, out, "--symbols", ","), "no symbol named")
    assert list(tmp_path.iterdir()) == []


def test_the_command_warns_of_symbols_that_are_not_there(day: Path, tmp_path: Path) -> None:
    result = run("itch", "filter", day, tmp_path / "out.itch", "--symbols", "AAPL,NOBODY")
    assert result.exit_code == 0
    assert result.stderr == "Warning: no message of 'NOBODY'\n"


def test_the_command_filters_what_there_is_of_a_file_that_is_cut_off(day_bytes: bytes, tmp_path: Path) -> None:
    (tmp_path / "cut.itch").write_bytes(day_bytes[:10_000])
    result = run("itch", "filter", tmp_path / "cut.itch", tmp_path / "out.itch")
    assert result.exit_code == 2
    assert "cut off" in result.stderr
    assert day_bytes.startswith((tmp_path / "out.itch").read_bytes())
    assert 9_900 < (tmp_path / "out.itch").stat().st_size < 10_000


# check


def truths_of(check: itch.Check) -> dict[str, int | None]:
    return {truth.name: truth.violations for truth in check.truths}


SOUND = {"framing": 0, "references": 0, "locates": 0, "orders": 0, "end": 0, "crossed": 0}


def check_bytes(tmp_path: Path, *rows: bytes, tail: bytes = b"") -> itch.Check:
    (tmp_path / "checked.itch").write_bytes(frame(*rows) + tail)
    with itch.open(tmp_path / "checked.itch") as file:
        return file.check()


def at(second: float, type_: str, **fields: Any) -> bytes:
    return encode(type_, timestamp=round(second * SECOND), **fields)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_synthetic_day_is_true(tmp_path: Path, seed: int) -> None:
    path = itch.synthesize(tmp_path / "day.itch", messages=60_000, symbols=40, seed=seed, all_types=True)
    with itch.open(path) as file:
        check = file.check()
        assert truths_of(check) == SOUND
        assert check.holds
        assert not check.report
        stats = {row.symbol: row.volume for row in file.replay().stats()}
        closes = {row.stock: row.price for row in file.messages("Q") if row.cross_type == "C" and row.shares}
        assert check.volumes == stats
        assert check.closing_prices == closes
    assert (check.messages, check.symbols, check.live_orders) == (60_000, 40, 0)


def test_the_most_live_orders_are_those_of_a_slow_count(day: Path) -> None:
    live: dict[int, int] = {}
    most = 0
    with itch.open(day) as file:
        for row in file.messages("AFECXDU"):
            if row.type in "AF":
                live[row.ref] = row.shares
            elif row.type in "ECX":
                live[row.ref] -= row.shares
                live = live if live[row.ref] else {ref: n for ref, n in live.items() if ref != row.ref}
            else:
                del live[row.old_ref if row.type == "U" else row.ref]
                if row.type == "U":
                    live[row.new_ref] = row.shares
            most = max(most, len(live))
        assert file.check().peak_live_orders == most


def test_a_slice_of_a_day_is_told_apart_from_a_false_day(shared_file: SharedFile) -> None:
    with itch.open(shared_file(AAPL)) as file:
        check = file.check()
    assert truths_of(check) == {**SOUND, "end": None, "crossed": None}
    assert check.holds
    assert check.live_orders == 215


def test_each_kind_of_violation_is_found(tmp_path: Path) -> None:
    begin = [at(1, "R", locate=1, stock="ABC"), at(2, "H", locate=1, stock="ABC", state="T")]
    opened = [*begin, at(3, "S", event="Q")]
    bid = at(4, "A", locate=1, ref=1, side="B", shares=100, stock="ABC", price=1_000_000)
    ask = at(5, "A", locate=1, ref=2, side="S", shares=100, stock="ABC", price=990_000)
    leave = [at(6, "D", locate=1, ref=1), at(6, "D", locate=1, ref=2)]
    ended = at(7, "S", event="C")

    assert truths_of(check_bytes(tmp_path, *opened, bid, at(5, "D", locate=1, ref=1), ended)) == SOUND
    assert truths_of(check_bytes(tmp_path, *opened, ended, tail=b"\x00\x05zzzzz\x00"))["framing"] == 2
    assert truths_of(check_bytes(tmp_path, *opened, at(6, "D", locate=1, ref=9), ended))["references"] == 1
    assert truths_of(check_bytes(tmp_path, *opened, bid, at(6, "D", locate=2, ref=1), ended))["locates"] == 1
    assert truths_of(check_bytes(tmp_path, *opened, bid, bid, ended))["orders"] == 1
    left = check_bytes(tmp_path, *opened, bid, ended)
    assert truths_of(left)["end"] == 1
    assert not left.holds
    crossed = check_bytes(tmp_path, *opened, bid, ask, *leave, ended)
    assert truths_of(crossed) == {**SOUND, "crossed": 1}
    assert "'ABC' at 0:00:05, bid $100.0000 above ask $99.0000" in crossed.truths[-1].detail
    assert truths_of(check_bytes(tmp_path, *begin, bid, ask, *leave, ended))["crossed"] is None


def test_a_gap_in_a_capture_is_a_violation(day_bytes: bytes, tmp_path: Path) -> None:
    packets = [ethernet(packet) for packet in packed(payloads_of(day_bytes))]
    capture = tmp_path / "day.pcap"
    capture.write_bytes(pcap(packets))
    with itch.open(capture) as file:
        assert truths_of(file.check()) == SOUND
    capture.write_bytes(pcap(packets[:10] + packets[12:]))
    with itch.open(capture) as file:
        truth = file.check().truths[0]
    assert (truth.name, truth.violations) == ("framing", 1)
    assert re.match("1 gap of packets; messages .* are missing before byte", truth.detail)


def test_for_a_second_after_a_resumption_a_book_may_be_crossed(tmp_path: Path) -> None:
    rows = [
        at(1, "H", locate=1, stock="ABC", state="H"),
        at(2, "S", event="Q"),
        at(3, "A", locate=1, ref=1, side="B", shares=100, stock="ABC", price=1_000_000),
        at(3, "A", locate=1, ref=2, side="S", shares=100, stock="ABC", price=990_000),
        at(4, "H", locate=1, stock="ABC", state="T"),
    ]
    assert truths_of(check_bytes(tmp_path, *rows, at(5, "D", locate=1, ref=1)))["crossed"] == 0
    assert truths_of(check_bytes(tmp_path, *rows, at(5.000_001, "D", locate=1, ref=1)))["crossed"] == 1


def test_volumes_are_compared_with_a_vendors(day: Path, tmp_path: Path) -> None:
    csv = tmp_path / "volumes.csv"
    with itch.open(day) as file:
        volumes = file.check().volumes
        (truth,) = (truth for truth in file.check(volumes).truths if truth.name == "volumes")
        assert (truth.holds, truth.detail) == (True, "")

        csv.write_text("Date,Symbol,Volume\n" + "".join(f"x,{s},{v}\n" for s, v in volumes.items()) + "x,GONE,0\n")
        assert truths_of(file.check(csv))["volumes"] == 0

        wrong = {**volumes, "AAPL": volumes["AAPL"] + 1, "NOBODY": 5}
        del wrong["MSFT"]
        (truth,) = (truth for truth in file.check(wrong).truths if truth.name == "volumes")
        assert truth.violations == 2
        assert f"first 'AAPL': {volumes['AAPL']:,} here, {volumes['AAPL'] + 1:,} there" in truth.detail
        assert "1 symbol that traded is not compared" in truth.detail
        assert not file.check(wrong).holds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'symbol'"),
        ("symbol,size\n", "no column 'volume'"),
        ("symbol,volume\nA,1\nB,1.5\n", "line 3: the volume of 'B' is '1.5'"),
        ("symbol,volume\nA\n", "line 2: the volume of 'A' is ''"),
        ("symbol,volume\nA,1\nA,1\n", "line 3: 'A' is there twice"),
    ],
)
def test_a_csv_file_that_is_not_of_volumes_is_refused(day: Path, tmp_path: Path, text: str, message: str) -> None:
    csv = tmp_path / "volumes.csv"
    csv.write_text(text)
    with itch.open(day) as file, pytest.raises(ValueError, match=re.escape(message)):
        file.check(csv)
    assert_fails(run("itch", "check", day, "--volumes", csv), csv, message)


# nanobook itch check


def test_the_command_shows_that_a_day_is_true(day: Path) -> None:
    result = run("itch", "check", day)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert "messages     20,000" in result.stdout
    assert "symbols      20" in result.stdout
    assert re.search(r"live orders  0 at the end, [\d,]+ at most", result.stdout)
    assert len(re.findall(r"^.* 0   holds *$", result.stdout, re.MULTILINE)) == 6
    assert "closing cross" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_the_command_lists_closing_crosses(day: Path) -> None:
    with itch.open(day) as file:
        prices = file.check().closing_prices
    result = run("itch", "check", day, "--closing")
    assert prices
    listed = re.findall(r"^(\S+) +\$([\d,.]+)$", result.stdout.partition("closing cross")[2], re.MULTILINE)
    assert {symbol: float(price.replace(",", "")) for symbol, price in listed} == {
        symbol: price / 10_000 for symbol, price in prices.items()
    }


def test_the_command_fails_where_a_truth_does(day: Path, day_bytes: bytes, tmp_path: Path) -> None:
    (tmp_path / "cut.itch").write_bytes(day_bytes[:-5])
    result = run("itch", "check", tmp_path / "cut.itch")
    assert result.exit_code == 1
    assert re.search(r"^every message is there.* 1   FAILS *$", result.stdout, re.MULTILINE)
    assert "1 truncated tail; the end is cut off" in result.stdout
    (tmp_path / "volumes.csv").write_text("symbol,volume\nAAPL,1\n")
    result = run("itch", "check", day, "--volumes", tmp_path / "volumes.csv")
    assert result.exit_code == 1
    assert re.search(r"^every volume is the vendor's +1   FAILS *$", result.stdout, re.MULTILINE)


def test_the_command_says_what_it_cannot_check(day: Path, tmp_path: Path) -> None:
    assert_fails(run("itch", "check", tmp_path / "none"), tmp_path / "none", "no such file")
    assert_fails(run("itch", "check", day, "--volumes", tmp_path / "none"), tmp_path / "none", "no such file")


# fetch


@dataclass
class Server:
    """One file, served in a way that a test chooses for each request in turn; after the last one, soundly."""

    body: bytes = b""
    tag: str | None = '"1"'
    modified: str | None = None
    ranges: bool = True
    answers: list[dict[str, Any]] = field(default_factory=list)  #: status, send (bytes sent), length, body, tag
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    published: bytes = b"HTTP/1.1 404 Not Found\r\n\r\n"  #: the answer where the md5 of the file is asked for
    asked: list[str] = field(default_factory=list)  #: the paths of these requests


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        state = self.state
        if ".md5sum" in self.path:
            state.asked.append(self.path)
            self.wfile.write(state.published)
            self.close_connection = True
            return
        state.requests.append(dict(self.headers))
        answer = state.answers.pop(0) if state.answers else {}
        state.body = answer.get("body", state.body)
        state.tag = answer.get("tag", state.tag)
        if "status" in answer:
            self.send_response(answer["status"])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        begin = 0
        asked = self.headers.get("Range") if state.ranges else None
        if asked and self.headers.get("If-Range") in (None, state.tag, state.modified):
            begin = int(asked.removeprefix("bytes=").removesuffix("-"))
            if begin >= len(state.body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(state.body)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{len(state.body) - 1}/{len(state.body)}")
        else:
            self.send_response(200)
        if state.tag:
            self.send_header("ETag", state.tag)
        if state.modified:
            self.send_header("Last-Modified", state.modified)
        rest = state.body[begin:]
        if answer.get("chunked"):
            self.send_header("Transfer-Encoding", "chunked")
        elif answer.get("length", 0) is not None:
            self.send_header("Content-Length", str(answer.get("length", len(rest))))
        self.end_headers()
        sent = rest[: answer.get("send", len(rest))]
        if answer.get("chunked"):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(sent), sent) + (b"0\r\n\r\n" if len(sent) == len(rest) else b""))
        else:
            self.wfile.write(sent)
        self.wfile.flush()
        if answer.get("reset"):
            # What is still under way is thrown away, and the client is told so.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if "hold" in answer:
            answer["hold"].wait(60)
        self.close_connection = True


BODY = random.Random(1).randbytes(300_000)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(_itch_fetch, "DELAYS", (0.0,) * 3)
    state = Server(body=BODY)
    handler = type("Handler", (Handler,), {"state": state})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as http_server:
        state.url = f"http://127.0.0.1:{http_server.server_port}/days/S010220-v50.txt.gz"
        thread = threading.Thread(target=http_server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield state
        finally:
            http_server.shutdown()
            thread.join()


def ranges(server: Server) -> list[str | None]:
    return [request.get("Range") for request in server.requests]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_under_its_name(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    calls: list[tuple[int, int]] = []
    path = itch.fetch(server.url, progress=lambda done, total: calls.append((done, total)))
    assert path == Path("S010220-v50.txt.gz")
    assert path.read_bytes() == BODY
    assert names(tmp_path) == ["S010220-v50.txt.gz"]
    assert calls[-1] == (len(BODY), len(BODY))
    assert itch.fetch(server.url, tmp_path / "other") == tmp_path / "other"
    (tmp_path / "folder").mkdir()
    assert itch.fetch(server.url, tmp_path / "folder") == tmp_path / "folder" / "S010220-v50.txt.gz"


def test_what_is_there_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "day").write_bytes(b"mine")
    assert itch.fetch(server.url, tmp_path / "day", md5=hashlib.md5(b"mine").hexdigest()).read_bytes() == b"mine"
    with pytest.raises(itch.ItchError, match="md5 is"):
        itch.fetch(server.url, tmp_path / "day", md5=hashlib.md5(BODY).hexdigest())
    assert server.requests == []
    assert (tmp_path / "day").read_bytes() == b"mine"


@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_that_is_cut_is_taken_up_where_it_was(server: Server, tmp_path: Path, reset: bool) -> None:
    server.answers = [{"send": 100_000, "reset": reset}, {"send": 0, "reset": reset}, {"send": 70_000, "reset": reset}]
    path = itch.fetch(server.url, tmp_path / "day")
    assert path.read_bytes() == BODY
    assert names(tmp_path) == ["day"]
    assert ranges(server)[0] is None
    # A reset takes with it what was not read yet.
    if not reset:
        assert ranges(server) == [None, "bytes=100000-", "bytes=100000-", "bytes=170000-"]
    assert all(request["If-Range"] == '"1"' for request in server.requests if "Range" in request)


def test_a_download_that_was_given_up_is_continued_by_another_call(server: Server, tmp_path: Path) -> None:
    server.answers = [{"send": 100_000}] + [{"status": 503}] * 4
    with pytest.raises(itch.FetchError, match=r"503 .*; 4 attempts in a row brought nothing more"):
        itch.fetch(server.url, tmp_path / "day")
    assert (tmp_path / "day.part").read_bytes() == BODY[:100_000]
    assert not (tmp_path / "day").exists()
    server.requests.clear()
    assert itch.fetch(server.url, tmp_path / "day").read_bytes() == BODY
    assert ranges(server) == ["bytes=100000-"]
    assert names(tmp_path) == ["day"]


def test_attempts_count_anew_whenever_bytes_come(server: Server, tmp_path: Path) -> None:
    server.answers = [{"send": 20_000}] * 12
    assert itch.fetch(server.url, tmp_path / "day").read_bytes() == BODY
    assert len(server.requests) == 13


def test_another_file_of_the_same_name_begins_anew(server: Server, tmp_path: Path) -> None:
    new = random.Random(2).randbytes(250_000)
    server.answers = [{"send": 100_000}, {"body": new, "tag": '"2"'}]
    assert itch.fetch(server.url, tmp_path / "day").read_bytes() == new
    assert ranges(server) == [None, "bytes=100000-"]


def test_another_file_is_noticed_where_the_server_ignores_if_range(server: Server, tmp_path: Path) -> None:
    server.tag = 'W/"weak"'  # which If-Range cannot have
    new = random.Random(2).randbytes(250_000)
    server.answers = [{"send": 100_000}, {"body": new}]
    assert itch.fetch(server.url, tmp_path / "day").read_bytes() == new
    assert ranges(server) == [None, "bytes=100000-", None]
    assert all("If-Range" not in request for request in server.requests)


def test_a_shorter_file_is_noticed(server: Server, tmp_path: Path) -> None:
    server.tag = None
    server.answers = [{"send": 100_000}, {"body": BODY[:50_000]}]
    assert itch.fetch(server.url, tmp_path / "day").read_bytes() == BODY[:50_000]


def test_the_time_of_the_last_change_does_where_there_is_no_tag(server: Server, tmp_path: Path) -> None:
    server.tag, server.modified = None, "Thu, 02 Jan 2020 21:00:00 GMT"
    server.answers = [{"send": 100_000}]
    assert itch.fetch(server.url, tmp_path / "day").read_bytes() == BODY
    assert server.requests[1]["If-Range"] == server.modified


def test_a_part_of_another_url_is_not_continued(server: Server, tmp_path: Path) -> None:
    server.answers = [{"send": 100_000}] + [{"status": 503}] * 4
    with pytest.raises(itch.FetchError):
        itch.fetch(server.url, tmp_path / "day")
    server.requests.clear()
    assert itch.fetch(server.url.replace("S0", "T0"), tmp_path / "day").read_bytes() == BODY
    assert ranges(server) == [None]


def test_a_server_that_ignores_ranges_is_asked_for_everything_again(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    server.answers = [{"send": 100_000}, {"send": 200_000}]
    assert itch.fetch(server.url, tmp_path / "day").read_bytes() == BODY
    assert len(server.requests) == 3


def test_a_server_that_always_cuts_at_one_place_is_given_up(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    server.answers = [{"send": 100_000}] * 9
    with pytest.raises(itch.FetchError, match="ended after 100,000 of 300,000 bytes"):
        itch.fetch(server.url, tmp_path / "day")
    assert len(server.requests) == 5


def test_a_length_that_is_too_large_is_given_up(server: Server, tmp_path: Path) -> None:
    server.answers = [{"length": len(BODY) + 1}, {}] * 9
    with pytest.raises(itch.FetchError, match=r"changed on the server|of 300,001 bytes"):
        itch.fetch(server.url, tmp_path / "day")
    assert not (tmp_path / "day").exists()


def test_a_length_that_is_too_small_is_found_by_the_digest(server: Server, tmp_path: Path) -> None:
    server.answers = [{"length": 1000}]
    with pytest.raises(itch.ItchError, match="sha256 is"):
        itch.fetch(server.url, tmp_path / "day", sha256=hashlib.sha256(BODY).hexdigest())
    assert names(tmp_path) == ["day.part", "day.part.json"]


def test_a_file_of_unknown_length_is_fetched(server: Server, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    server.answers = [{"length": None}]
    path = itch.fetch(server.url, tmp_path / "day", progress=lambda done, total: calls.append((done, total)))
    assert path.read_bytes() == BODY
    assert calls[-1] == (len(BODY), 0)


def test_chunks_that_break_off_are_noticed_without_a_length(server: Server, tmp_path: Path) -> None:
    server.answers = [{"chunked": True, "send": 100_000}, {"chunked": True}]
    assert itch.fetch(server.url, tmp_path / "day").read_bytes() == BODY


@pytest.mark.parametrize(("status", "attempts"), [(404, 1), (403, 1), (503, 4), (429, 4)])
def test_what_a_server_refuses_is_an_error(server: Server, tmp_path: Path, status: int, attempts: int) -> None:
    server.answers = [{"status": status}] * 9
    with pytest.raises(itch.FetchError, match=f"^{re.escape(server.url)}: {status} ") as error:
        itch.fetch(server.url, tmp_path / "day")
    assert len(server.requests) == attempts
    assert error.value.url == error.value.filename == server.url
    assert error.value.status == (status if status < 429 else None)
    assert not (tmp_path / "day").exists()
    copy = pickle.loads(pickle.dumps(error.value))
    assert (str(copy), copy.status) == (str(error.value), error.value.status)


def test_a_server_that_is_not_there_is_an_error_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/day"
        with pytest.raises(itch.FetchError, match="refused"):
            itch.fetch(url, tmp_path / "day")


def test_a_digest_decides(server: Server, tmp_path: Path) -> None:
    md5, sha256 = hashlib.md5(BODY).hexdigest(), hashlib.sha256(BODY).hexdigest()
    assert itch.fetch(server.url, tmp_path / "both", md5=md5.upper(), sha256=sha256).exists()
    with pytest.raises(itch.ItchError, match=f"day.part: its md5 is {md5}, not {'0' * 32}; it is kept"):
        itch.fetch(server.url, tmp_path / "day", md5="0" * 32)
    requests = len(server.requests)
    # The right digest finds it whole.
    assert itch.fetch(server.url, tmp_path / "day", md5=md5).read_bytes() == BODY
    assert len(server.requests) == requests
    assert names(tmp_path) == ["both", "day"]


def test_a_digest_may_be_in_a_file_or_at_a_url(server: Server, tmp_path: Path) -> None:
    right, wrong = hashlib.md5(BODY).hexdigest(), "0" * 32
    sums = tmp_path / "day.md5"
    for text in (right, f"{right}  S010220-v50.txt.gz\n", f"{wrong}  other\n{right} *S010220-v50.txt.gz\n"):
        sums.write_text(text)
        assert itch.fetch(server.url, tmp_path / "day", md5=str(sums)).read_bytes() == BODY
        (tmp_path / "day").unlink()
    server.answers = [{"body": sums.read_bytes()}, {"body": BODY}]
    assert itch.fetch(server.url, tmp_path / "day", md5=f"{server.url}.md5").read_bytes() == BODY
    for text in ("", f"{right} a\n{wrong} b\n"):
        sums.write_text(text)
        with pytest.raises(ValueError, match="digests of 32 hexadecimal digits, not one"):
            itch.fetch(server.url, tmp_path / "day", md5=str(sums))
    server.answers = [{"status": 404}]
    with pytest.raises(itch.FetchError, match=r"\.md5: .*Not Found"):
        itch.fetch(server.url, tmp_path / "day", md5=f"{server.url}.md5")


def publish(server: Server, text: str, status: str = "200 OK") -> None:
    server.published = f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{}  S010220-v50.txt.gz\r\n",
        "{0} *out/S010220-v50.txt.gz\n{0}  S010220-v50.txt.gz\n",
        f"{'1' * 32}  ./other\n{{}}  ./S010220-v50.txt.gz\n",
        f"MD5 (other) = {'1' * 32}\nMD5 (S010220-v50.txt.gz) = {{}}\n",
    ],
)
def test_a_published_digest_is_checked(server: Server, tmp_path: Path, text: str) -> None:
    md5, wrong = hashlib.md5(BODY).hexdigest(), "0" * 32
    publish(server, text.format(md5.upper()))
    assert itch.fetch(f"{server.url}?key=1", tmp_path / "right").read_bytes() == BODY
    assert server.asked == ["/days/S010220-v50.txt.gz.md5sum?key=1"]
    publish(server, text.format(wrong))
    with pytest.raises(itch.ItchError, match=f"its md5 is {md5}, not {wrong} as {server.url}.md5sum says; it is kept"):
        itch.fetch(server.url, tmp_path / "day")
    assert names(tmp_path) == ["day.part", "day.part.json", "right"]
    # What its user says about it counts, and nothing is asked about what was checked once.
    server.asked.clear()
    assert itch.fetch(server.url, tmp_path / "day", md5=md5).read_bytes() == BODY
    assert itch.fetch(server.url, tmp_path / "day").read_bytes() == BODY
    assert itch.fetch(server.url, tmp_path / "other", sha256=hashlib.sha256(BODY).hexdigest()).read_bytes() == BODY
    assert server.asked == []


ZEROS = "0" * 32


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"no HTTP\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\n\r\n" + ZEROS.encode(),
        b"HTTP/1.1 500 Oh\r\n\r\n" + ZEROS.encode(),
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: day.md5sum\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + ZEROS.encode(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n00",
        b"HTTP/1.1 200 OK\r\n\r\n<html>no such file, request " + ZEROS.encode(),
        b"HTTP/1.1 200 OK\r\n\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\n\r\n" + f"{ZEROS} a\n{ZEROS} b\n".encode(),
        b"HTTP/1.1 200 OK\r\n\r\n" + f"{ZEROS}  S010220-v50.txt\n".encode(),
    ],
)
def test_what_is_no_published_digest_is_none(server: Server, tmp_path: Path, answer: bytes) -> None:
    server.published = answer
    assert itch.fetch(server.url, tmp_path / "day").read_bytes() == BODY
    assert server.asked[0] == "/days/S010220-v50.txt.gz.md5sum"
    assert names(tmp_path) == ["day"]


@pytest.mark.parametrize(
    ("url", "digest", "message"),
    [
        ("day.gz", None, "no URL"),
        ("file:///etc/passwd", None, "no URL"),
        ("http://127.0.0.1", None, "does not end in the name of a file"),
        ("http://127.0.0.1/..%2F", None, "does not end in the name of a file"),
        ("http://127.0.0.1/day", "abc", "neither 32 hexadecimal digits nor a file"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_fetched(url: str, digest: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        itch.fetch(url, md5=digest)
    assert_fails(run("itch", "fetch", url, *([] if digest is None else ["--md5", digest])), message)


def test_a_folder_that_is_not_there_is_named_before_anything_is_fetched(server: Server, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error:
        itch.fetch(server.url, tmp_path / "none" / "day")
    assert error.value.filename == str(tmp_path / "none")
    assert server.requests == []


def ftp_server(body: bytes, missing: bool) -> tuple[str, threading.Thread]:
    """As much of an FTP server as one download needs."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, listener.accept()[0] as control, control.makefile("rb") as lines:
            data = socket.create_server(("127.0.0.1", 0))

            def say(text: str) -> None:
                control.sendall(f"{text}\r\n".encode())

            with data:
                say("220 ready")
                for line in lines:
                    command, _, argument = line.decode().strip().partition(" ")
                    if command in ("EPSV", "PASV"):
                        port = data.getsockname()[1]
                        say(
                            f"229 passive (|||{port}|)"
                            if command == "EPSV"
                            else f"227 passive (127,0,0,1,{port >> 8},{port & 255})"
                        )
                    elif command in ("RETR", "NLST", "LIST", "CWD") and missing:
                        say("550 no such file")
                    elif command == "RETR":
                        say(f"150 here it comes ({len(body)} bytes)")
                        with data.accept()[0] as stream:
                            stream.sendall(body)
                        say("226 done")
                    elif command == "QUIT":
                        say("221 bye")
                        return
                    else:
                        say("331 password?" if command == "USER" else f"200 {argument}")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return f"ftp://127.0.0.1:{listener.getsockname()[1]}/ITCH/day.gz", thread


def test_a_file_is_fetched_by_ftp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    url, _ = ftp_server(BODY, missing=False)
    calls: list[tuple[int, int]] = []
    path = itch.fetch(url, tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert path == tmp_path / "day.gz"
    assert path.read_bytes() == BODY
    assert calls[-1] == (len(BODY), len(BODY))


def test_a_file_that_is_missing_by_ftp_is_an_error_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    url, _ = ftp_server(BODY, missing=True)
    with pytest.raises(itch.FetchError, match="550 no such file"):
        itch.fetch(url, tmp_path)


# nanobook itch fetch


def test_the_command_fetches(server: Server, tmp_path: Path) -> None:
    md5 = hashlib.md5(BODY).hexdigest()
    result = run("itch", "fetch", server.url, "--out", tmp_path, "--md5", md5)
    assert result.exit_code == 0, result.output
    file = tmp_path / "S010220-v50.txt.gz"
    assert result.stdout == f"{file}: 300,000 bytes, md5 as it should be\n"
    assert result.stderr == ""
    again = run("itch", "fetch", server.url, "--out", tmp_path)
    assert again.stdout == f"{file}: 300,000 bytes, there already: not fetched again\n"
    assert len(server.requests) == 1


def test_the_command_says_that_a_published_digest_was_checked(server: Server, tmp_path: Path) -> None:
    publish(server, hashlib.md5(BODY).hexdigest())
    result = run("itch", "fetch", server.url, "--out", tmp_path / "day")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{tmp_path / 'day'}: 300,000 bytes, md5 as the server publishes it\n"
    publish(server, ZEROS)
    assert_fails(run("itch", "fetch", server.url, "--out", tmp_path / "wrong"), f"not {ZEROS} as {server.url}.md5sum")


def test_the_command_says_what_it_cannot_fetch(server: Server, tmp_path: Path) -> None:
    server.answers = [{"status": 404}]
    assert_fails(run("itch", "fetch", server.url, "--out", tmp_path / "day"), server.url, "404 not found")
    assert_fails(run("itch", "fetch", server.url, "--out", tmp_path / "day", "--md5", "0" * 32), "its md5 is")


def test_control_c_keeps_what_was_fetched(server: Server, tmp_path: Path) -> None:
    released = threading.Event()
    server.answers = [{"send": 100_000, "hold": released}]
    process = start("itch", "fetch", server.url, "--out", str(tmp_path / "day"), no_proxy="127.0.0.1")
    try:
        part = tmp_path / "day.part"
        # Some bytes wait in a buffer until it is full, or the file is closed.
        while process.poll() is None and not (part.exists() and part.stat().st_size > 90_000):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        released.set()
        process.kill()
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    fetched = part.read_bytes()
    assert BODY.startswith(fetched)
    assert itch.fetch(server.url, tmp_path / "day").read_bytes() == BODY
    assert ranges(server)[-1] == f"bytes={len(fetched)}-"


def test_only_a_download_pays_for_what_it_needs() -> None:
    code = "import sys, nanobook; print([name for name in ('urllib.request', 'ftplib', 'csv') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
