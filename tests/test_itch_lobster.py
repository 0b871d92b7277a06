"""LOBSTER's files: File.lobster and `nanobook itch lobster` obey LOBSTER's rules."""

import gzip
import resource
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from nanobook import itch
from reference_itch import encode, frame
from test_cli import assert_fails, run

SharedFile = Callable[[str], Path]
AAPL = "aapl_20200130_premarket_10k.itch"
SECOND = 1_000_000_000
NO_ASK, NO_BID = 9_999_999_999, -9_999_999_999

#: type, order id, size, price, direction
Event = tuple[int, int, int, int, int]
#: Size by price, best first.
Side = dict[int, int]
Book = tuple[Side, Side]  # bids, asks


def events_of(message: Path) -> Iterator[tuple[str, Event]]:
    """Time and event of each row."""
    for line in message.read_text().splitlines():
        time, *numbers = line.split(",")
        kind, ref, size, price, direction = map(int, numbers)
        yield time, (kind, ref, size, price, direction)


def books_of(orderbook: Path, levels: int) -> Iterator[Book]:
    """The book of each row, once it is known to be written as it must be."""
    with orderbook.open() as file:
        for line in file:
            row = list(map(int, line.split(",")))
            assert len(row) == 4 * levels
            yield side_of(row[2::4], row[3::4], NO_BID), side_of(row[0::4], row[1::4], NO_ASK)


def side_of(prices: list[int], sizes: list[int], none: int) -> Side:
    count = prices.index(none) if none in prices else len(prices)
    assert prices[count:] == [none] * (len(prices) - count)
    assert sizes[count:] == [0] * (len(prices) - count)
    assert all(sizes[:count])
    ascending = none == NO_ASK
    assert all(a < b if ascending else a > b for a, b in pairwise(prices[:count]))
    return dict(zip(prices[:count], sizes[:count], strict=True))


def assert_obeys_lobster(message: Path, orderbook: Path, levels: int) -> None:
    """Each event explains how the row of the book differs from the one before."""
    last_time = ""
    # The first row of a window has a row before it that is not there.
    last: Book | None = None
    for (time, (kind, ref, size, price, direction)), book in zip(
        events_of(message), books_of(orderbook, levels), strict=True
    ):
        seconds, fraction = time.split(".")
        assert len(fraction) == 9
        assert last_time <= time.rjust(15)
        last_time = f"{seconds}.{fraction}".rjust(15)
        assert direction in (1, -1)
        if kind == 7:
            assert (ref, size, direction) == (0, 0, -1)
            assert price in (-1, 0, 1)
        else:
            assert size > 0
        if last is not None and kind >= 5:
            assert book == last
        elif last is not None:
            side = 0 if direction == 1 else 1
            assert book[1 - side] == last[1 - side]
            before, after = last[side], book[side]
            sign = 1 if kind == 1 else -1
            assert after.get(price, 0) == before.get(price, 0) + sign * size
            # All that both show, but for this price, is as it was; what only one shows stands behind it.
            assert all(before[each] == after[each] for each in before.keys() & after.keys() - {price})
            come, gone = list(after.keys() - before.keys() - {price}), list(before.keys() - after.keys() - {price})
            assert len(come) + len(gone) <= 1
            if come:
                assert sign == -1
                assert list(after)[-1] == come[0]
                assert len(before) == levels
            if gone:
                assert sign == 1
                assert list(before)[-1] == gone[0]
                assert len(after) == levels
        last = book


def assert_replays(message: Path, orderbook: Path, levels: int) -> Book:
    """The message file alone, from an empty book, gives every row of the orderbook file."""
    orders: dict[int, list[int]] = {}  # price, direction, size
    sides: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
    book: Book = ({}, {})
    for (_, (kind, ref, size, price, direction)), book in zip(
        events_of(message), books_of(orderbook, levels), strict=True
    ):
        if kind == 1:
            assert ref not in orders
            orders[ref] = [price, direction, size]
        elif kind < 5:
            assert orders[ref][:2] == [price, direction]
            orders[ref][2] -= size
            assert orders[ref][2] > 0 if kind == 2 else orders[ref][2] == 0 if kind == 3 else orders[ref][2] >= 0
            if orders[ref][2] == 0:
                del orders[ref]
        if kind < 5:
            side = sides[0 if direction == 1 else 1]
            side[price] += size if kind == 1 else -size
            if side[price] == 0:
                del side[price]
        assert book == sides
        assert max(map(len, sides)) < levels  # all levels are shown
    return book


def projection(message: Path, orderbook: Path, deep: int, levels: int) -> list[tuple[str, Event, Book]]:
    """What must be left of the files of `deep` levels where fewer are asked for."""
    rows = []
    last: Book = ({}, {})
    for (time, event), (bids, asks) in zip(events_of(message), books_of(orderbook, deep), strict=True):
        book = dict(list(bids.items())[:levels]), dict(list(asks.items())[:levels])
        if event[0] >= 5 or book != last:
            rows.append((time, event, book))
        last = book
    return rows


def rows_of(message: Path, orderbook: Path, levels: int) -> list[tuple[str, Event, Book]]:
    return [
        (time, event, book) for (time, event), book in zip(events_of(message), books_of(orderbook, levels), strict=True)
    ]


def pairs_of(paths: Iterable[Path]) -> list[tuple[Path, Path]]:
    paths = list(paths)
    return list(zip(paths[::2], paths[1::2], strict=True))


@pytest.fixture(scope="module")
def rich_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All types of messages, and few symbols."""
    path = tmp_path_factory.mktemp("lobster") / "day.itch"
    return itch.synthesize(path, messages=20_000, symbols=4, seed=3, all_types=True)


# Rules.


def test_the_message_file_gives_every_row_of_the_orderbook_file(rich_day: Path, tmp_path: Path) -> None:
    with itch.open(rich_day) as file:
        symbols = file.symbols()
        pairs = pairs_of(file.lobster(tmp_path, symbols, levels=300))
        for symbol, (message, orderbook) in zip(symbols, pairs, strict=True):
            assert assert_replays(message, orderbook, 300) == ({}, {})
            found = Counter(event[0] for _, event in events_of(message))
            counts = Counter(row.type for row in file.messages(symbol=symbol) if row.type != "Q" or row.shares)
            assert found[1] == counts["A"] + counts["F"] + counts["U"]
            assert found[2] + found[3] == counts["X"] + counts["D"] + counts["U"]
            assert found[4] == counts["E"] + counts["C"]
            assert (found[5], found[6], found[7]) == (counts["P"], counts["Q"], counts["H"])


def test_the_message_file_gives_every_row_of_real_data(shared_file: SharedFile, tmp_path: Path) -> None:
    with itch.open(shared_file(AAPL), date="2020-01-30") as file:
        ((message, orderbook),) = pairs_of(file.lobster(tmp_path, "AAPL", levels=250))
        last = assert_replays(message, orderbook, 250)
        book = file.replay().depth("AAPL", 250)
        assert last == (
            {level.price: level.quantity for level in book.bids},
            {level.price: level.quantity for level in book.asks},
        )
    assert message.name == "AAPL_2020-01-30_0_86400000_message_250.csv"
    # A 4758, F 2, D 4083, E 849, P 240, U 7, X 6, H 1, none of which is odd; U makes two rows.
    assert Counter(event[0] in (1, 2, 3, 4) for _, event in events_of(message)) == {True: 9712, False: 241}


@pytest.mark.parametrize("levels", [1, 2, 10])
def test_every_row_is_explained_by_its_event(rich_day: Path, tmp_path: Path, levels: int) -> None:
    with itch.open(rich_day) as file:
        pairs = pairs_of(file.lobster(tmp_path, file.symbols(), levels))
    for message, orderbook in pairs:
        assert_obeys_lobster(message, orderbook, levels)
        assert message.stat().st_size > 10_000


@pytest.mark.parametrize("levels", [1, 10])
def test_every_row_of_real_data_is_explained_by_its_event(shared_file: SharedFile, tmp_path: Path, levels: int) -> None:
    with itch.open(shared_file(AAPL)) as file:
        ((message, orderbook),) = pairs_of(file.lobster(tmp_path, "AAPL", levels))
    assert_obeys_lobster(message, orderbook, levels)
    assert message.stat().st_size > 10_000


@pytest.mark.parametrize("levels", [1, 3, 10])
def test_fewer_levels_are_the_events_that_change_them(rich_day: Path, tmp_path: Path, levels: int) -> None:
    with itch.open(rich_day) as file:
        deep = pairs_of(file.lobster(tmp_path, file.symbols(), 300))
        some = pairs_of(file.lobster(tmp_path, file.symbols(), levels))
    for many, few in zip(deep, some, strict=True):
        assert rows_of(*few, levels) == projection(*many, 300, levels)


def test_odd_files_obey_the_rules_too(shared_file: SharedFile, tmp_path: Path) -> None:
    with itch.open(shared_file("ritch_zero_length_prefix.itch")) as file:
        for message, orderbook in pairs_of(file.lobster(tmp_path, file.symbols(), 5)):
            assert_obeys_lobster(message, orderbook, 5)


def test_a_window_is_a_part_of_the_whole_day(rich_day: Path, tmp_path: Path) -> None:
    with itch.open(rich_day) as file:
        whole = pairs_of(file.lobster(tmp_path, file.symbols(), 3))
        part = pairs_of(file.lobster(tmp_path, file.symbols(), 3, start="09:30", until="11:00"))
    assert part[0][0].name.endswith("_34200000_39600000_message_3.csv")
    for all_rows, some_rows in zip(whole, part, strict=True):
        expected = [row for row in rows_of(*all_rows, 3) if 34_200 <= float(row[0]) <= 39_600]
        assert rows_of(*some_rows, 3) == expected
        assert expected


def test_both_ends_of_a_window_are_in_it(tmp_path: Path) -> None:
    rows = [
        encode("A", locate=1, ref=ref, side="B", shares=1, stock="ABC", price=ref, timestamp=ref * SECOND)
        for ref in range(1, 5)
    ]
    (tmp_path / "four.itch").write_bytes(frame(*rows))
    with itch.open(tmp_path / "four.itch") as file:
        message, orderbook = file.lobster(tmp_path, "ABC", 1, start=2 * SECOND, until=3 * SECOND)
    assert message.read_text() == "2.000000000,1,2,1,2,1\n3.000000000,1,3,1,3,1\n"
    assert orderbook.read_text() == "9999999999,0,2,1\n9999999999,0,3,1\n"


def test_the_kind_of_a_cross_and_the_side_of_an_old_hidden_order_are_told(tmp_path: Path) -> None:
    crosses = [encode("Q", locate=1, shares=5, stock="ABC", price=7, match=1, cross_type=kind) for kind in "OCHAI"]
    hidden = [encode("P", locate=1, ref=9, side=side, shares=5, stock="ABC", price=7, match=1) for side in "BS"]
    (tmp_path / "prints.itch").write_bytes(frame(*crosses, *hidden))
    with itch.open(tmp_path / "prints.itch") as file:
        message, _ = file.lobster(tmp_path, "ABC")
    assert [(kind, ref, direction) for _, (kind, ref, _, _, direction) in events_of(message)] == [
        (6, -1, -1),
        (6, -2, -1),
        (6, -3, -1),
        (6, -4, -1),
        (6, -4, -1),
        (5, 9, 1),
        (5, 9, -1),
    ]


# Files.


def test_files_are_called_as_lobster_calls_them(rich_day: Path, tmp_path: Path) -> None:
    with itch.open(rich_day) as file:
        name, other, *_ = file.symbols()
    with itch.open(rich_day, date="2012-06-21") as file:
        paths = file.lobster(tmp_path / "new" / "folder", [name, other, name], 10, "09:30", "16:00")
    window = "2012-06-21_34200000_57600000"
    assert [path.name for path in paths] == [
        f"{each}_{window}_{kind}_10.csv" for each in (name, other) for kind in ("message", "orderbook")
    ]
    assert sorted((tmp_path / "new" / "folder").iterdir()) == sorted(paths)


def test_where_no_date_is_known_the_file_stands_for_it(rich_day: Path, tmp_path: Path) -> None:
    (tmp_path / "some.day.itch.gz").write_bytes(gzip.compress(rich_day.read_bytes()))
    with itch.open(tmp_path / "some.day.itch.gz") as file, itch.open(rich_day) as plain:
        name = file.symbols()[0]
        zipped, same = file.lobster(tmp_path / "z", name, 2), plain.lobster(tmp_path / "p", name, 2)
    assert [path.name for path in zipped] == [
        f"{name}_some_0_86400000_message_2.csv",
        f"{name}_some_0_86400000_orderbook_2.csv",
    ]
    assert [path.read_bytes() for path in zipped] == [path.read_bytes() for path in same]


def test_a_symbol_that_is_only_named_has_files_without_rows(tmp_path: Path) -> None:
    (tmp_path / "named.itch").write_bytes(frame(encode("R", locate=1, stock="ABC")))
    with itch.open(tmp_path / "named.itch") as file:
        assert [path.read_bytes() for path in file.lobster(tmp_path, "ABC")] == [b"", b""]


def test_progress_is_told(rich_day: Path, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    with itch.open(rich_day) as file:
        file.lobster(tmp_path, file.symbols()[0], progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (rich_day.stat().st_size, rich_day.stat().st_size)


def test_what_breaks_it_off_leaves_what_was_there(rich_day: Path, tmp_path: Path) -> None:
    def break_off(*_: int) -> None:
        raise KeyboardInterrupt

    with itch.open(rich_day) as file:
        name = file.symbols()[0]
        paths = file.lobster(tmp_path, name)
        before = [path.read_bytes() for path in paths]
        with pytest.raises(KeyboardInterrupt):
            file.lobster(tmp_path, name, progress=break_off)
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert [path.read_bytes() for path in paths] == before


def test_a_strict_reader_leaves_nothing_of_an_odd_file(tmp_path: Path) -> None:
    sound = frame(encode("R", locate=1, stock="ABC"))
    (tmp_path / "odd.itch").write_bytes(sound + frame(encode("D", locate=1, ref=5)))
    out = tmp_path / "out"
    with itch.open(tmp_path / "odd.itch", strict=True) as file, pytest.raises(itch.ItchError, match="order 5"):
        file.lobster(out, "ABC")
    assert list(out.iterdir()) == []


def test_a_disk_that_is_full_is_blamed_on_the_file_that_is_written(rich_day: Path, tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, limits[1]))
    try:
        with itch.open(rich_day) as file, pytest.raises(OSError, match="File too large") as error:
            file.lobster(tmp_path, file.symbols(), 10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "_orderbook_10.csv" in str(error.value.filename)
    assert list(tmp_path.glob("*.partial")) == []


def test_arguments_that_cannot_be_are_refused(rich_day: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with itch.open(rich_day) as file:
        with pytest.raises(ValueError, match="levels is 0; it goes from 1 to 1000"):
            file.lobster(out, "ABC", 0)
        with pytest.raises(ValueError, match="no symbol named"):
            file.lobster(out, [])
        for name in ("", "../x", "a\\b", "a\0b"):
            with pytest.raises(ValueError, match="cannot be part of the name of a file"):
                file.lobster(out, name)
        with pytest.raises(ValueError, match="longer than 8"):
            file.lobster(out, "NINECHARS")
        with pytest.raises(ValueError, match="not a time of day"):
            file.lobster(out, "ABC", start="noon")
        with pytest.raises(itch.ItchError, match="no message of 'NOBODY'"):
            file.lobster(out, [file.symbols()[0], "NOBODY"])
        with pytest.raises(OSError, match="File exists"):
            file.lobster(rich_day, file.symbols()[0])
    assert not out.exists() or list(out.iterdir()) == []


# nanobook itch lobster


def test_the_command_writes_the_files(rich_day: Path, tmp_path: Path) -> None:
    with itch.open(rich_day) as file:
        first, second, *_ = file.symbols()
        same = file.lobster(tmp_path / "same", [first, second], 5, "09:30", "16:00")
    result = run(
        *("itch", "lobster", rich_day, "--out", tmp_path / "out", "--symbols", f"{first}, {second}"),
        *("--levels", "5", "--start", "9:30", "--until", "16:00", "--date", "2012-06-21"),
    )
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    names = [path.name.replace("_day_", "_2012-06-21_") for path in same]
    assert [line.partition(": ")[0] for line in result.stdout.splitlines()] == [
        str(tmp_path / "out" / name) for name in names
    ]
    assert [(tmp_path / "out" / name).read_bytes() for name in names] == [path.read_bytes() for path in same]


def test_the_command_says_what_it_cannot_do(rich_day: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ("itch", "lobster", rich_day, "--out", out, "--symbols")
    assert_fails(run("itch", "lobster", tmp_path / "none", "--out", out, "--symbols", "A"), "no such file")
    assert_fails(run(*command, ","), "no symbol named")
    assert_fails(run(*command, "NOBODY"), rich_day, "NOBODY")
    assert_fails(run(*command, "A/B"), "'A/B'", "cannot be part of the name")
    assert_fails(run(*command, "A", "--start", "noon"), "--start", "noon")
    (tmp_path / "file").write_bytes(b"")
    assert_fails(run("itch", "lobster", rich_day, "--out", tmp_path / "file", "--symbols", "A"), tmp_path / "file")


def test_the_command_warns_of_what_is_odd_and_cut_off(tmp_path: Path) -> None:
    sound = frame(encode("R", locate=1, stock="ABC"), encode("D", locate=1, ref=5))
    (tmp_path / "odd.itch").write_bytes(sound)
    result = run("itch", "lobster", tmp_path / "odd.itch", "--out", tmp_path, "--symbols", "ABC")
    assert result.exit_code == 0
    assert result.stderr == "Warning: 1 odd message; nanobook itch info --books says more.\n"
    (tmp_path / "cut.itch").write_bytes(sound[:-1])
    result = run("itch", "lobster", tmp_path / "cut.itch", "--out", tmp_path, "--symbols", "ABC")
    assert result.exit_code == 2
    assert "cut off" in result.stderr
