"""Opening an ITCH file, asking what is in it, reading its messages, and replaying its books."""

import datetime
import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import reference_itch
from itch_comparison import (
    assert_same_books,
    engine_fields,
    odd_by_engine,
    odd_by_reference,
    reference_fields,
    reference_replay,
)
from nanobook import itch
from reference_itch import encode, frame

SharedFile = Callable[[str], Path]
AAPL = "aapl_20200130_premarket_10k.itch"
SHARED = [
    AAPL,
    "truncated_tail_4096.itch",
    "ritch_zero_length_prefix.itch",
    "ritch_zero_length_prefix.itch.gz",
    "manav_boundary_values.bin",
    "manav_mixed_types.bin",
    "manav_replace_chain.bin",
    "manav_selftest.bin",
]
HOUR = 3_600_000_000_000


def add(ref: int, side: str, shares: int, price: int, locate: int = 1, stock: str = "ABC", timestamp: int = 0) -> bytes:
    return encode("A", locate=locate, timestamp=timestamp, ref=ref, side=side, shares=shares, stock=stock, price=price)


def delete(ref: int, locate: int = 1, timestamp: int = 0) -> bytes:
    return encode("D", locate=locate, timestamp=timestamp, ref=ref)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of these payloads, or of these bytes."""

    def write(*payloads: bytes, raw: bytes | None = None) -> Path:
        path = tmp_path / "file.itch"
        path.write_bytes(frame(*payloads) if raw is None else raw)
        return path

    return write


def content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


# What is in a file.


def test_counts_are_by_type(write: Callable[..., Path]) -> None:
    path = write(encode("S"), add(1, "B", 1, 1), add(2, "B", 1, 1), encode("h", stock="ABC"))
    assert itch.open(path).counts() == {"S": 1, "A": 2, "h": 1}


def test_the_aapl_slice_has_the_listed_messages(shared_file: SharedFile) -> None:
    with itch.open(shared_file(AAPL)) as file:
        assert file.counts() == {
            "A": 4758, "D": 4083, "E": 849, "P": 240, "L": 52, "U": 7, "X": 6, "F": 2, "R": 1, "H": 1, "Y": 1
        }  # fmt: skip
        books = file.replay()
    assert books.live_orders == 215
    assert not books.report


def test_symbols_are_sorted(write: Callable[..., Path]) -> None:
    path = write(encode("R", locate=1, stock="ZZ"), encode("R", locate=2, stock="AA"))
    assert itch.open(path).symbols() == ["AA", "ZZ"]


def test_a_slice_without_a_directory_still_names_its_symbols(write: Callable[..., Path]) -> None:
    assert itch.open(write(add(1, "B", 1, 1, stock="XYZ"))).symbols() == ["XYZ"]


def test_the_summary_has_the_first_and_the_last_time(write: Callable[..., Path]) -> None:
    summary = itch.open(write(encode("S", timestamp=5), encode("S", timestamp=9))).summary()
    assert (summary.first_time, summary.last_time) == (5, 9)


def test_the_summary_counts_messages_by_symbol(write: Callable[..., Path]) -> None:
    summary = itch.open(write(add(1, "B", 1, 1), delete(1), add(2, "B", 1, 1, locate=2, stock="DEF"))).summary()
    assert summary.symbols() == {"ABC": 2, "DEF": 1}


def test_a_file_of_zero_prefixes_is_framed_by_type(write: Callable[..., Path]) -> None:
    file = itch.open(write(raw=b"".join(b"\0\0" + payload for payload in (add(1, "B", 1, 1), delete(1)))))
    assert file.counts() == {"A": 1, "D": 1}
    assert file.summary().zero_prefixed


def test_a_length_of_zero_ends_the_session(write: Callable[..., Path]) -> None:
    file = itch.open(write(raw=frame(encode("S")) + b"\0\0"))
    assert file.summary().end_of_session
    assert not file.report()


# Messages as records.


@pytest.mark.parametrize("type_", reference_itch.TYPES)
def test_every_field_of_a_type_is_decoded(type_: str, write: Callable[..., Path]) -> None:
    values: dict[str, int | str] = {}
    for number, (name, _, fmt) in enumerate(reference_itch.layout(type_), start=1):
        values[name] = chr(64 + number) * int(fmt[:-1]) if fmt.endswith("s") else number * 257 % 65_536
    payload = encode(type_, **values)
    (record,) = itch.open(write(payload)).messages()
    assert record.type == type_
    assert engine_fields(record) == values
    assert {name: getattr(record, name) for name in values} == values
    assert bytes(record) == payload


@pytest.mark.parametrize("type_", reference_itch.TYPES)
def test_the_largest_value_of_every_field_fits(type_: str, write: Callable[..., Path]) -> None:
    payload = type_.encode() + b"\xff" * (reference_itch.TYPES[type_][0] - 1)
    (record,) = itch.open(write(payload)).messages()
    assert engine_fields(record) == reference_itch.decode(payload).fields()


def test_messages_of_a_file_equal_the_reference(day: Path, day_bytes: bytes) -> None:
    records = [(record.type, engine_fields(record)) for record in itch.open(day).messages()]
    reference = reference_itch.messages(day_bytes, reference_itch.Report())
    assert records == [(message.type, reference_fields(message)) for message in reference]


def test_messages_of_some_types(day: Path) -> None:
    with itch.open(day) as file:
        counts = file.counts()
        types = [record.type for record in file.messages("AF")]
    assert {type_: types.count(type_) for type_ in set(types)} == {"A": counts["A"], "F": counts["F"]}


def test_messages_of_one_symbol_include_those_that_only_bear_its_locate(write: Callable[..., Path]) -> None:
    path = write(
        encode("R", locate=1, stock="ABC"),
        encode("R", locate=2, stock="DEF"),
        add(1, "B", 1, 1),
        add(2, "B", 1, 1, locate=2, stock="DEF"),
        delete(2, locate=2),
    )
    assert [record.type for record in itch.open(path).messages(symbol="DEF")] == ["R", "A", "D"]


def test_records_compare_by_their_bytes(write: Callable[..., Path]) -> None:
    first, second, third = itch.open(write(delete(1), delete(1), delete(2))).messages()
    assert first == second
    assert hash(first) == hash(second)
    assert first != third


def test_the_repr_of_a_record_shows_its_fields(write: Callable[..., Path]) -> None:
    (record,) = itch.open(write(delete(42, locate=3, timestamp=7))).messages()
    assert repr(record) == "OrderDelete(locate=3, timestamp=7, ref=42)"


def test_an_unknown_type_is_refused(write: Callable[..., Path]) -> None:
    file = itch.open(write(delete(1)))
    with pytest.raises(ValueError, match="'z' is not a message type"):
        file.messages("z")


# Books, against the naive reference.


@pytest.mark.parametrize("name", SHARED)
def test_the_books_of_shared_data_equal_the_reference(name: str, shared_file: SharedFile) -> None:
    path = shared_file(name)
    books = itch.open(path).replay()
    reference = reference_replay(content(path))
    assert_same_books(books, reference)
    assert odd_by_engine(books.report) == odd_by_reference(reference.report)
    assert books.out_of_order_executions == reference.report.out_of_fifo


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_books_of_a_synthetic_day_equal_the_reference_all_day(seed: int, tmp_path: Path) -> None:
    path = itch.synthesize(tmp_path / "day.itch", messages=8_000, symbols=12, seed=seed)
    data = path.read_bytes()
    with itch.open(path) as file:
        for until in (4 * HOUR, 9 * HOUR + HOUR // 2, 10 * HOUR, 12 * HOUR, 16 * HOUR - 1, 16 * HOUR, None):
            books = file.replay(until=until)
            reference = reference_replay(data, until)
            assert_same_books(books, reference)
            assert books.out_of_order_executions == reference.report.out_of_fifo
            assert not books.report


def test_a_synthetic_day_ends_without_live_orders(day: Path) -> None:
    assert itch.open(day).replay().live_orders == 0


def test_the_aapl_slice_equals_the_reference_at_every_quarter_of_an_hour(shared_file: SharedFile) -> None:
    path = shared_file(AAPL)
    data = path.read_bytes()
    with itch.open(path) as file:
        for quarter in range(12, 33):
            until = quarter * HOUR // 4
            assert_same_books(file.replay(until=until), reference_replay(data, until))


def test_queue_ahead_is_what_rests_before_an_order(write: Callable[..., Path]) -> None:
    books = itch.open(write(add(1, "B", 100, 5), add(2, "B", 50, 5), add(3, "B", 10, 5), delete(2))).replay()
    assert [books.queue_ahead(ref) for ref in (1, 3)] == [0, 100]


def test_queue_ahead_of_an_order_that_does_not_rest_is_a_key_error(write: Callable[..., Path]) -> None:
    books = itch.open(write(add(1, "B", 100, 5))).replay()
    with pytest.raises(KeyError, match="reference 9"):
        books.queue_ahead(9)


def test_depth_has_the_best_levels_first(write: Callable[..., Path]) -> None:
    path = write(add(1, "B", 10, 98), add(2, "B", 20, 99), add(3, "B", 5, 99), add(4, "S", 7, 101), add(5, "S", 8, 102))
    depth = itch.open(path).replay().depth("ABC", 1)
    assert [tuple(level) for level in depth.bids] == [(99, 25, 2)]
    assert [tuple(level) for level in depth.asks] == [(101, 7, 1)]
    assert (depth.best_bid, depth.best_ask, depth.spread(), depth.mid_price()) == (99, 101, 2, 100.0)


def test_an_empty_side_has_no_best_price(write: Callable[..., Path]) -> None:
    books = itch.open(write(add(1, "B", 10, 98))).replay()
    assert books.best_bid_ask("ABC") == (98, None)
    assert books.depth("ABC").spread() is None


def test_an_unknown_symbol_is_a_key_error(write: Callable[..., Path]) -> None:
    books = itch.open(write(add(1, "B", 10, 98))).replay()
    with pytest.raises(KeyError, match="no book of symbol 'XYZ'"):
        books.depth("XYZ")


def test_stats_have_a_row_for_each_symbol(write: Callable[..., Path]) -> None:
    path = write(
        encode("R", locate=1, stock="ABC"),
        encode("R", locate=2, stock="DEF"),
        encode("H", locate=1, stock="ABC", state="T"),
        add(1, "B", 100, 50_000),
        encode("E", locate=1, ref=1, shares=30, match=1),
    )
    assert itch.open(path).replay().stats() == [
        itch.SymbolStats("ABC", 1, "T", volume=30, trades=1, last_price=50_000, live_orders=1),
        itch.SymbolStats("DEF", 2, "", volume=0, trades=0, last_price=None, live_orders=0),
    ]


def test_a_print_that_a_cross_repeats_is_not_in_the_volume(write: Callable[..., Path]) -> None:
    path = write(
        add(1, "B", 100, 50_000),
        encode("C", locate=1, ref=1, shares=30, match=1, printable="N", price=50_100),
        encode("Q", locate=1, shares=30, stock="ABC", price=50_100, match=2, cross_type="O"),
    )
    (row,) = itch.open(path).replay().stats()
    assert (row.volume, row.trades, row.last_price) == (30, 1, 50_100)


def test_a_broken_trade_is_taken_back(write: Callable[..., Path]) -> None:
    trade = encode("P", locate=1, side="B", shares=7, stock="ABC", price=507, match=4)
    (row,) = itch.open(write(trade, encode("B", locate=1, match=4))).replay().stats()
    assert (row.volume, row.trades) == (0, 0)


def test_a_replay_of_some_symbols_skips_the_others(day: Path) -> None:
    with itch.open(day) as file:
        first, second, *_ = file.symbols()
        everything = file.replay(until="12:00")
        some = file.replay(symbols=[first, second], until="12:00")
        one = file.replay(symbols=first, until="12:00")
    assert some.symbols() == [first, second]
    assert one.symbols() == [first]
    assert some.orders(second) == everything.orders(second)
    assert not some.report, "orders of other symbols are no surprise"


def test_no_symbols_at_all_are_refused(day: Path) -> None:
    with pytest.raises(ValueError, match="at least one"):
        itch.open(day).replay(symbols=[])


def test_a_symbol_that_cannot_be_one_is_refused(day: Path) -> None:
    with pytest.raises(ValueError, match="longer than 8 characters"):
        itch.open(day).replay(symbols="TOOLONGSYMBOL")


@pytest.mark.parametrize("until", ["00:00:00.00000001", datetime.time(0), 10, "00:00"])
def test_until_is_a_time_of_day_in_three_spellings(
    until: int | str | datetime.time, write: Callable[..., Path]
) -> None:
    books = itch.open(write(add(1, "B", 1, 5), add(2, "B", 1, 5, timestamp=11))).replay(until=until)
    assert books.live_orders == 1


def test_until_includes_its_own_nanosecond(write: Callable[..., Path]) -> None:
    file = itch.open(write(add(1, "B", 1, 5, timestamp=10), add(2, "B", 1, 5, timestamp=10), delete(1, timestamp=11)))
    assert file.replay(until=10).live_orders == 2


def test_books_know_the_time_of_their_last_message(write: Callable[..., Path]) -> None:
    file = itch.open(write(add(1, "B", 1, 5, timestamp=10), delete(1, timestamp=20)))
    assert file.replay().time == 20
    assert file.replay(until=15).time == 10


def test_books_count_the_messages_replayed(write: Callable[..., Path]) -> None:
    file = itch.open(write(add(1, "B", 1, 5, timestamp=10), delete(1, timestamp=20)))
    assert file.replay(until=15).message_count == 1


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("09:45", 35_100 * 10**9), ("09:45:01", 35_101 * 10**9), ("00:00:00.5", 500_000_000), ("23:59:59.999999999", 86_399_999_999_999)],
)  # fmt: skip
def test_times_of_day_are_read(text: str, nanoseconds: int) -> None:
    assert itch.parse_time(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "25:00", "9.45", "noon", "09:45:00.1234567890", "09:45:00.-1"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a time of day"):
        itch.parse_time(text)


def test_progress_is_told_up_to_the_end(day: Path) -> None:
    told: list[tuple[int, int]] = []
    with itch.open(day) as file:
        file.replay(progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (day.stat().st_size, day.stat().st_size)
    assert told == sorted(told)


# Odd streams.


def test_an_execution_of_more_than_rests_is_clamped_and_counted(write: Callable[..., Path]) -> None:
    path = write(add(1, "B", 100, 50_000), encode("E", locate=1, ref=1, shares=130, match=1))
    books = itch.open(path).replay()
    assert books.stats()[0].volume == 100
    assert books.report.counts() == {"over_execution": {"E": 1}}


def test_a_cut_off_end_is_reported_where_its_message_begins(write: Callable[..., Path]) -> None:
    report = itch.open(write(raw=frame(delete(1), delete(2))[:-3])).report()
    assert report.truncated_at == 21
    assert report.counts() == {"truncated_tail": {"D": 1}}


def test_a_report_names_the_first_odd_thing(write: Callable[..., Path]) -> None:
    first = itch.open(write(encode("S"), delete(7), delete(8))).replay().report.first
    assert first is not None
    assert (first.oddity, first.type, first.offset, first.number) == ("unknown_reference", "D", 14, 7)
    assert str(first) == "message type D at byte 14 names order 7, which does not rest"


def test_a_clean_report_is_false(write: Callable[..., Path]) -> None:
    report = itch.open(write(add(1, "B", 1, 1))).replay().report
    assert not report
    assert report.first is None
    assert report.counts() == {}


@pytest.mark.parametrize("ask", ["counts", "replay", "messages"])
def test_a_strict_reader_raises_at_the_first_odd_message(ask: str, write: Callable[..., Path]) -> None:
    file = itch.open(write(encode("S"), b"zz", encode("S")), strict=True)
    with pytest.raises(itch.ItchError, match=r"message type z at byte 14 is unknown") as caught:
        list(getattr(file, ask)())
    assert (caught.value.path, caught.value.offset, caught.value.type) == (file.path, 14, "z")


def test_strict_messages_come_up_to_the_odd_one(write: Callable[..., Path]) -> None:
    messages = itch.open(write(encode("S"), b"zz", encode("S")), strict=True).messages()
    assert next(messages).type == "S"
    with pytest.raises(itch.ItchError):
        next(messages)


def test_a_strict_replay_raises_at_the_first_odd_order(write: Callable[..., Path]) -> None:
    with pytest.raises(itch.ItchError, match="names order 7, which does not rest"):
        itch.open(write(encode("S"), delete(7)), strict=True).replay()


def test_a_strict_reader_of_a_clean_file_is_content(day: Path) -> None:
    with itch.open(day, strict=True) as file:
        assert not file.replay().report


# Files that cannot be read.


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.itch"):
        itch.open(tmp_path / "none.itch")


def test_a_directory_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=tmp_path.name):
        itch.open(tmp_path)


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "empty"),
        (b"\0", "no whole ITCH 5.0 message"),
        (frame(delete(1))[:-1], "no whole ITCH 5.0 message"),
        (b"\0\0", "no ITCH message"),
        (frame(b"zz", b"yyy"), "not an ITCH 5.0 file"),
        (frame(b"A" * 35), "not an ITCH 5.0 file"),
    ],
)
def test_what_is_no_itch_is_refused_at_once(raw: bytes, problem: str, write: Callable[..., Path]) -> None:
    with pytest.raises(itch.ItchError, match=rf"file\.itch: .*{problem}"):
        itch.open(write(raw=raw))


# Gzip.


@pytest.fixture
def gzipped(day_bytes: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "day.itch.gz"
    path.write_bytes(gzip.compress(day_bytes, 1))
    return path


def test_a_gzipped_file_gives_the_same_answers(gzipped: Path, day: Path) -> None:
    with itch.open(gzipped) as compressed, itch.open(day) as plain:
        assert compressed.compressed
        assert compressed.counts() == plain.counts()
        assert compressed.symbols() == plain.symbols()
        assert list(compressed.messages("Q")) == list(plain.messages("Q"))
        assert compressed.replay(until="12:00").stats() == plain.replay(until="12:00").stats()


def test_gzip_is_recognised_by_its_bytes(gzipped: Path, day: Path) -> None:
    assert itch.open(gzipped.rename(gzipped.with_name("day"))).counts() == itch.open(day).counts()


def test_a_file_of_several_gzip_members_is_one_stream(tmp_path: Path, day: Path, day_bytes: bytes) -> None:
    path = tmp_path / "day.gz"
    path.write_bytes(gzip.compress(day_bytes[:100_001]) + gzip.compress(day_bytes[100_001:]))
    assert itch.open(path).counts() == itch.open(day).counts()


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_damaged_gzip_data_is_refused(damage: str, gzipped: Path) -> None:
    raw = bytearray(gzipped.read_bytes())
    middle = len(raw) // 2
    if damage == "cut":
        del raw[middle:]
    else:
        raw[middle : middle + 8] = b"\xff" * 8
    gzipped.write_bytes(raw)
    with pytest.raises(itch.ItchError, match=r"day\.itch\.gz: gzip data is corrupt or cut off"):
        itch.open(gzipped).replay()


# A file's life.


def test_a_path_may_be_text(day: Path) -> None:
    assert itch.open(str(day)).path == day


def test_a_path_may_be_anything_path_like(day: Path) -> None:
    class Somewhere(os.PathLike[str]):
        def __fspath__(self) -> str:
            return str(day)

    assert itch.open(Somewhere()).path == day


def test_a_closed_file_refuses_questions(day: Path) -> None:
    with itch.open(day) as file:
        pass
    with pytest.raises(ValueError, match="is closed"):
        file.replay()


def test_books_outlive_their_file(day: Path) -> None:
    with itch.open(day) as file:
        books = file.replay(until="12:00")
        orders = books.live_orders
    assert sum(row.live_orders for row in books.stats()) == orders > 0


def test_a_file_can_be_asked_again(day: Path) -> None:
    with itch.open(day) as file:
        assert file.replay().stats() == file.replay().stats()
