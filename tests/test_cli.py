"""The command `nanobook`: what it prints, what it says about bad input, and its exit codes."""

import gzip
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

import nanobook
from nanobook import cli, itch
from reference_itch import encode, frame

AAPL = "aapl_20200130_premarket_10k.itch"
NOBODY = 65_534
# What would make rich believe in a terminal, or in another width, is taken away.
PLAIN = {"COLUMNS": "80", **dict.fromkeys(("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"))}


def run(*arguments: str | Path) -> Result:
    """The command in this process, on a plain terminal of 80 columns."""
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments], env=PLAIN)


def start(*arguments: str | Path, **options: str) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    command = [sys.executable, "-m", "nanobook", *map(str, arguments)]
    wanted = {**os.environ, **PLAIN, **options}
    environment = {name: value for name, value in wanted.items() if value is not None}
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # Whoever started the tests in the background has Ctrl-C ignored, and a child inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


@pytest.fixture(autouse=True)
def _a_terminal_that_can_do_more_than_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")


def assert_fails(result: Result, *words: str | Path) -> None:
    """One sentence on standard error, exit code 2, and no trace of the program's inside."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    for word in words:
        assert str(word) in line


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Two symbols, one level a side; the second symbol's book comes later."""
    second = 1_000_000_000
    rows = [
        encode("R", locate=1, stock="ABC", timestamp=1 * second),
        encode("H", locate=1, stock="ABC", state="T", timestamp=2 * second),
        encode("A", locate=1, ref=1, side="B", shares=300, stock="ABC", price=1_500_000, timestamp=3 * second),
        encode("A", locate=1, ref=2, side="S", shares=100, stock="ABC", price=1_500_100, timestamp=4 * second),
        encode("E", locate=1, ref=1, shares=50, match=1, timestamp=5 * second),
        encode("R", locate=2, stock="DEF", timestamp=60 * second),
    ]
    path = tmp_path / "small.itch"
    path.write_bytes(frame(*rows))
    return path


# Numbers and names.


@pytest.mark.parametrize(
    ("price", "text"),
    [(3_201_400, "$320.14"), (3_201_450, "$320.1450"), (1, "$0.0001"), (0, "$0.00"), (1_999_999_900, "$199,999.99"), (None, "-")],
)  # fmt: skip
def test_prices_have_four_decimals_only_where_needed(price: int | None, text: str) -> None:
    assert cli.dollars(price) == text


def test_times_are_cut_at_milliseconds() -> None:
    assert cli.clock(35_100_123_999_999) == "09:45:00.123"


def test_every_message_type_has_a_name() -> None:
    assert sorted(cli.MESSAGE_NAMES) == sorted("SRHYLVWKJhAFECXDUPQBINO")


# nanobook


def test_the_version() -> None:
    assert run("--version").stdout == f"nanobook, version {nanobook.__version__}\n"


@pytest.mark.parametrize("command", [[], ["demo"], ["itch"], ["itch", "info"], ["itch", "book"]])
def test_every_command_explains_itself(command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: main {' '.join(command)}".rstrip())


def test_an_unknown_command_is_bad_usage() -> None:
    result = run("itch", "nonsense")
    assert result.exit_code == 2
    assert "No such command 'nonsense'" in result.stderr


# nanobook demo


def test_the_demo_shows_messages_symbols_a_book_and_its_speed() -> None:
    result = run("demo", "--messages", "20_000", "--symbols", "50")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert "20,000 messages from 0" in result.stdout
    assert re.search(r"^A +Add Order +[\d,]+ +4\d\.\d %$", result.stdout, re.MULTILINE)
    assert re.search(r"^AAPL +[\d,]+ +[\d,]+ +\d+ +\$\d+\.\d\d", result.stdout, re.MULTILINE)
    assert re.search(r"^AAPL at 12:00, trading", result.stdout, re.MULTILINE)
    assert re.search(r"\d million messages a second", result.stdout)


def test_equal_seeds_give_equal_demos() -> None:
    def tables(seed: int) -> str:
        result = run("demo", "--messages", "5_000", "--symbols", "10", "--seed", str(seed))
        assert result.exit_code == 0
        return result.stdout.partition("\n")[2].partition("Replayed")[0]

    assert tables(3) == tables(3) != tables(4)


def test_the_demo_shows_the_book_of_a_chosen_symbol() -> None:
    assert "\nMSFT at 12:00" in run("demo", "--messages", "5_000", "--symbols", "10", "--symbol", "MSFT").stdout


def test_a_demo_of_too_few_messages_says_how_many_it_takes() -> None:
    result = run("demo", "--messages", "5", "--symbols", "10")
    assert result.exit_code == 2
    assert re.fullmatch(r"Error: .*at least \d+ messages, not 5\n", result.stderr)


def test_the_demo_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run("demo", "--messages", "5_000", "--symbols", "10").exit_code == 0
    assert list(tmp_path.iterdir()) == []


# nanobook itch info


def test_info_says_what_is_in_a_file(small: Path) -> None:
    result = run("itch", "info", small)
    assert result.exit_code == 0
    assert [" ".join(line.split()) for line in result.stdout.splitlines() if line and line[0] != "─"] == [
        f"file {small}, {small.stat().st_size} bytes",
        "framing a length before each message",
        "messages 6",
        "symbols 2",
        "time 00:00:01.000 to 00:01:00.000",
        "type message count share",
        "A Add Order 2 33.3 %",
        "R Stock Directory 2 33.3 %",
        "E Order Executed 1 16.7 %",
        "H Stock Trading Action 1 16.7 %",
        "Nothing is odd in its framing; --books also looks at its orders.",
    ]


def test_info_with_books_reports_odd_orders(tmp_path: Path) -> None:
    path = tmp_path / "odd.itch"
    path.write_bytes(frame(encode("D", ref=7), encode("D", ref=8), encode("X", ref=9)))
    result = run("itch", "info", "--books", path)
    assert result.exit_code == 0
    assert re.search(r"^unknown reference +3 +D 2, X 1", result.stdout, re.MULTILINE)
    assert "First: message type D at byte 0 names order 7, which does not rest." in result.stdout


def test_info_with_books_counts_what_rests(small: Path) -> None:
    result = run("itch", "info", "--books", small)
    assert "2 at the end" in result.stdout
    assert "Nothing is odd." in result.stdout


def test_info_of_real_data(shared_file: Callable[[str], Path]) -> None:
    result = run("itch", "info", "--books", shared_file(AAPL))
    assert re.search(r"^A +Add Order +4,758 +47\.6 %$", result.stdout, re.MULTILINE)
    assert "215 at the end" in result.stdout


def test_info_of_a_gzipped_file_says_so(small: Path) -> None:
    path = small.with_suffix(".itch.gz")
    path.write_bytes(gzip.compress(small.read_bytes()))
    assert "bytes, gzipped" in run("itch", "info", path).stdout


def test_info_of_a_cut_off_file_prints_what_is_there_and_fails(small: Path) -> None:
    size = small.stat().st_size
    small.write_bytes(small.read_bytes()[:-5])
    result = run("itch", "info", small)
    assert result.exit_code == 2
    assert "messages     5" in result.stdout
    assert result.stderr == f"Error: {small}: the end is cut off inside the message at byte {size - 41}\n"


def test_info_shows_strange_bytes_as_codes(tmp_path: Path) -> None:
    path = tmp_path / "strange.itch"
    path.write_bytes(frame(encode("S"), encode("S"), b"\x1b[2J"))
    result = run("itch", "info", path)
    assert re.search(r"^unknown type +1 +\\x1b 1", result.stdout, re.MULTILINE)
    assert "\x1b" not in result.stdout


def test_square_brackets_in_a_symbol_are_not_taken_for_markup(tmp_path: Path) -> None:
    path = tmp_path / "strange.itch"
    path.write_bytes(frame(encode("R", locate=1, stock="[b]X[/b]"), encode("R", locate=2, stock="[red]")))
    assert "[b]X[/b] or [red]?" in run("itch", "book", path, "--symbol", "Y").stderr
    assert run("itch", "book", path, "--symbol", "[b]X[/b]").stdout.startswith("[b]X[/b] at the end")


def test_strict_info_fails_at_the_first_odd_thing(tmp_path: Path) -> None:
    path = tmp_path / "odd.itch"
    path.write_bytes(frame(encode("S"), b"zz"))
    assert_fails(run("itch", "info", "--strict", path), path, "message type z at byte 14")


def test_strict_info_with_books_fails_at_the_first_odd_order(tmp_path: Path) -> None:
    path = tmp_path / "odd.itch"
    path.write_bytes(frame(encode("S"), encode("D", ref=7)))
    assert_fails(run("itch", "info", "--strict", "--books", path), path, "at byte 14 names order 7")


# nanobook itch book


def test_book_shows_both_sides(small: Path) -> None:
    result = run("itch", "book", small, "--symbol", "ABC")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "ABC at the end, 00:01:00.000, trading, 1 trade of 50 shares, last $150.00",
        "",
        "orders   shares                    bid       ask                shares   orders",
        "───────────────────────────────────────────────────────────────────────────────",
        "     1      250   ██████████   $150.00   $150.01   ████            100        1",
    ]


def test_bars_share_one_scale(small: Path) -> None:
    bars = re.findall("█+", run("itch", "book", small, "--symbol", "ABC").stdout)
    assert round(len(bars[0]) * 100 / 250) == len(bars[1])


def test_book_at_a_time_of_day(small: Path) -> None:
    result = run("itch", "book", small, "--symbol", "ABC", "--at", "00:00:03")
    assert "ABC at 00:00:03.000, trading, 0 trades of 0 shares" in result.stdout
    assert "$150.01" not in result.stdout


def test_an_hour_may_have_one_digit(small: Path) -> None:
    assert "at 09:45:00.000" in run("itch", "book", small, "--symbol", "ABC", "--at", "9:45").stdout


def test_depth_limits_the_levels(shared_file: Callable[[str], Path]) -> None:
    result = run("itch", "book", shared_file(AAPL), "--symbol", "AAPL", "--at", "07:45", "--depth", "3")
    assert len(re.findall(r"^ +\d+ ", result.stdout, re.MULTILINE)) == 3


def test_a_book_of_sub_cent_prices_shows_them_in_one_width(tmp_path: Path) -> None:
    path = tmp_path / "cheap.itch"
    adds = [
        encode("A", locate=1, ref=ref, side="B", shares=1, stock="ABC", price=price)
        for ref, price in enumerate((5_000, 4_999))
    ]
    path.write_bytes(frame(*adds))
    assert re.findall(r"\$\S+", run("itch", "book", path, "--symbol", "ABC").stdout) == ["$0.5000", "$0.4999"]


def test_an_empty_book_says_why(small: Path) -> None:
    assert "Both sides of the book are empty" in run("itch", "book", small, "--symbol", "DEF").stdout


def test_a_book_of_an_odd_stream_says_so(tmp_path: Path) -> None:
    path = tmp_path / "odd.itch"
    path.write_bytes(frame(encode("R", locate=1, stock="ABC"), encode("D", locate=1, ref=7)))
    assert "Odd: 1 unknown reference;" in run("itch", "book", path, "--symbol", "ABC").stdout


def test_a_book_of_a_cut_off_file_is_shown_and_fails(small: Path) -> None:
    small.write_bytes(small.read_bytes()[:-5])
    result = run("itch", "book", small, "--symbol", "ABC")
    assert result.exit_code == 2
    assert "$150.01" in result.stdout
    assert "cut off" in result.stderr


@pytest.mark.parametrize(
    ("symbol", "meant"), [("ABCD", "ABC"), ("def", "DEF"), ("XYZ", "ABC or DEF"), ("", "ABC or DEF")]
)
def test_an_unknown_symbol_is_answered_with_close_ones(symbol: str, meant: str, small: Path) -> None:
    assert_fails(run("itch", "book", small, "--symbol", symbol), small, f"{symbol!r}; did you mean {meant}?")


def test_an_unknown_symbol_too_long_to_be_one_is_unknown(small: Path) -> None:
    assert_fails(run("itch", "book", small, "--symbol", "TOOLONGSYMBOL"), "no symbol 'TOOLONGSYMBOL'")


def test_a_symbol_nobody_has_named_yet_is_no_unknown_one(small: Path) -> None:
    result = run("itch", "book", small, "--symbol", "DEF", "--at", "00:00:30")
    assert_fails(result, small, "no message of DEF by 00:00:30.000")


@pytest.mark.parametrize("at", ["noon", "25:00", "", "-1"])
def test_a_bad_time_is_refused(at: str, small: Path) -> None:
    assert_fails(run("itch", "book", small, "--symbol", "ABC", f"--at={at}"), "--at: not a time of day")


def test_strict_book_fails_at_the_first_odd_order(tmp_path: Path) -> None:
    path = tmp_path / "odd.itch"
    path.write_bytes(frame(encode("R", locate=1, stock="ABC"), encode("D", locate=1, ref=7)))
    assert_fails(run("itch", "book", path, "--symbol", "ABC", "--strict"), path, "at byte 41 names order 7")


# Bad input.


@pytest.fixture(params=["info", "book"])
def ask(request: pytest.FixtureRequest) -> Callable[[Path], Result]:
    """Both commands that read a file."""
    return lambda path: run("itch", request.param, path, *(["--symbol", "ABC"] if request.param == "book" else []))


def test_a_missing_file(ask: Callable[[Path], Result], tmp_path: Path) -> None:
    path = tmp_path / "none.itch"
    assert_fails(ask(path), path, "no such file")


def test_a_directory(ask: Callable[[Path], Result], tmp_path: Path) -> None:
    assert_fails(ask(tmp_path), tmp_path, "is a directory")


def test_a_file_one_may_not_read(ask: Callable[[Path], Result], small: Path) -> None:
    small.chmod(0)
    user = os.geteuid()
    if user == 0:  # to whom nothing is forbidden
        os.seteuid(NOBODY)
    try:
        result = ask(small)
    finally:
        os.seteuid(user)
    assert_fails(result, small, "permission denied")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="only Linux has a file that opens but cannot be read")
def test_a_file_that_fails_while_it_is_read(ask: Callable[[Path], Result]) -> None:
    assert_fails(ask(Path("/proc/self/mem")), "/proc/self/mem", "input/output error")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", ["empty", "0 bytes"]),
        (b"\0", ["no whole ITCH", "byte 0"]),
        (frame(encode("D"))[:-1], ["no whole ITCH", "byte 0"]),
        (b"time,price\n" * 3000, ["ITCH 5.0", "byte 0"]),
        (frame(b"zz", b"A"), ["not an ITCH 5.0 file", "byte 0"]),
        (b"\x1f\x8b", ["gzip"]),
        (b"\x1f\x8b" + b"nonsense" * 100, ["gzip"]),
        (gzip.compress(frame(encode("D")) * 20_000)[:-100], ["gzip", "cut off"]),
        (gzip.compress(b""), ["empty"]),
        (gzip.compress(b"time,price\n" * 3000), ["ITCH 5.0"]),
    ],
    ids=["empty", "one byte", "one cut message", "text", "other frames", "gzip magic", "no gzip", "cut gzip",
         "empty gzip", "gzipped text"],
)  # fmt: skip
def test_bad_data(ask: Callable[[Path], Result], raw: bytes, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "file.itch"
    path.write_bytes(raw)
    assert_fails(ask(path), path, *words)


# Terminals, pipes and signals.


@pytest.mark.parametrize("options", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_what_is_no_terminal_gets_no_colour(options: dict[str, str], small: Path) -> None:
    process = start("itch", "book", small, "--symbol", "ABC", **options)
    stdout, stderr = process.communicate(timeout=30)
    assert "$150.01" in stdout
    assert "\x1b" not in stdout + stderr


def test_nothing_is_wider_than_80_columns(day: Path) -> None:
    output = run("itch", "book", day, "--symbol", "AAPL", "--at", "12:00").stdout
    output += run("demo", "--messages", "20_000", "--symbols", "50").stdout.split("Replayed")[0]
    assert max(map(len, output.splitlines())) <= 80


def test_a_narrow_terminal_gets_whole_figures(small: Path) -> None:
    stdout, _ = start("itch", "book", small, "--symbol", "ABC", COLUMNS="30").communicate(timeout=30)
    assert "$150.00   $150.01" in stdout


def test_a_terminal_that_knows_ascii_only_gets_ascii(small: Path) -> None:
    process = start("itch", "book", small, "--symbol", "ABC", PYTHONIOENCODING="ascii")
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 0, stderr
    assert stdout.isascii()
    assert "###" in stdout


def test_a_reader_that_goes_away_is_no_error_to_talk_about(day: Path) -> None:
    process = start("itch", "book", day, "--symbol", "AAPL", "--at", "12:00", "--depth", "1000")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=30) == 1
    process.stderr.close()


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    _, stderr = start("itch", "info", pipe).communicate(timeout=30)
    assert "not a regular file" in stderr


def test_ctrl_c_ends_with_130_and_without_a_trace(tmp_path: Path) -> None:
    process = start("demo", "--messages", "1000000000", TMPDIR=str(tmp_path))
    try:
        while not any(tmp_path.rglob("*.itch*")):  # it has begun to write its day
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert stderr.strip() == ""
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_in_the_middle_of_a_file_ends_with_130(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.Bar, "__call__", interrupt)
    assert run("itch", "info", small).exit_code == 130


def told_on(console: Console, patience: float) -> cli.Bar:
    with cli.Bar("Reading", console, patience) as bar:
        for done in range(101):
            bar(done, 100)
    return bar


def test_the_progress_bar_shows_on_a_terminal() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    told_on(console, patience=0)
    assert "Reading" in console.file.getvalue()


def test_the_progress_bar_is_drawn_at_most_ten_times_a_second() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    told_on(console, patience=0)
    assert console.file.getvalue().count("Reading") <= 3


@pytest.mark.parametrize(("terminal", "patience"), [(True, 60.0), (False, 0.0)])
def test_the_progress_bar_is_silent_where_it_is_quick_or_nobody_looks(terminal: bool, patience: float) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=80)
    told_on(console, patience)
    assert console.file.getvalue() == ""


def test_nothing_is_drawn_on_standard_output_while_reading(day: Path) -> None:
    process = start("itch", "info", day)
    stdout, stderr = process.communicate(timeout=30)
    assert stderr == ""
    assert "\r" not in stdout
    assert itch.open(day).counts()["A"] > 0
