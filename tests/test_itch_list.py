"""Listing the days that a server offers: itch.list_days and its command, on pages as IIS, nginx, Apache and Python make."""

import datetime
import functools
import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nanobook import itch
from test_cli import assert_fails, run

IIS = """<html><head><title>host - /ITCH/Nasdaq BX ITCH/</title></head><body><H1>host - /ITCH/Nasdaq BX ITCH/</H1><hr>

<pre><A HREF="/ITCH/">[To Parent Directory]</A><br><br>\
 4/29/2020  2:53 PM        &lt;dir&gt; <A HREF="/ITCH/Nasdaq%20BX%20ITCH/March%2020/">March 20</A><br>\
 7/31/2019 12:16 AM    391242214 <A HREF="/ITCH/Nasdaq%20BX%20ITCH/20190730.BX_ITCH_50.gz">20190730.BX_ITCH_50.gz</A><br>\
 7/31/2019 12:16 AM           70 <A HREF="/ITCH/Nasdaq%20BX%20ITCH/20190730.BX_ITCH_50.gz.md5sum">\
20190730.BX_ITCH_50.gz.md5sum</A><br>\
12/15/2025  1:14 AM            0 <A HREF="/ITCH/Nasdaq%20BX%20ITCH/S121225-v50.txt.done">S121225-v50.txt.done</A><br>\
Friday, August 26, 2016 10:51 AM     58907174 <A HREF="/ITCH/Nasdaq%20BX%20ITCH/S010303-v2.zip">S010303-v2.zip</A><br>\
Tuesday, June 09, 2026  7:13 PM  13047496628 <A HREF="/ITCH/Nasdaq%20BX%20ITCH/itch50_05_15.gz">itch50_05_15.gz</A><br>\
 3/26/2019  3:02 PM    294755242 <A HREF="/ITCH/Nasdaq%20BX%20ITCH/tvagg.gz">tvagg.gz</A><br>\
</pre><hr></body></html>"""
MARCH = """<pre><A HREF="/ITCH/Nasdaq%20BX%20ITCH/">[To Parent Directory]</A><br><br> 3/3/2020  9:00 PM  1500000000 \
<A HREF="/ITCH/Nasdaq%20BX%20ITCH/March%2020/S030220-v50-bx.txt.gz">S030220-v50-bx.txt.gz</A><br>\
 3/3/2020  9:00 PM  &lt;dir&gt; <A HREF="/ITCH/Nasdaq%20BX%20ITCH/March%2020/Deeper/">Deeper</A><br></pre>"""
NGINX = """<html>\r
<head><title>Index of /days/</title></head>\r
<body>\r
<h1>Index of /days/</h1><hr><pre><a href="../">../</a>\r
<a href="01302020.NASDAQ_ITCH50.gz">01302020.NASDAQ_ITCH50.gz</a>                          31-Jan-2020 03:13      5597158940\r
<a href="S013020-v50.txt">S013020-v50.txt</a>                          31-Jan-2020 03:13     12G\r
<a href="ndq_stocklocate_20200130.txt">ndq_stocklocate_20200130.txt</a>                 31-Jan-2020 03:13          204800\r
<a href="20190730.PSX_ITCH_50">20190730.PSX_ITCH_50</a>                           31-Jul-2019 03:13               17\r
</pre><hr></body>\r
</html>\r
"""
APACHE = """<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN"><html><body><h1>Index of /days</h1><table>
<tr><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=S;O=A">Size</a></th><th><a href="?C=D;O=A">Description</a></th></tr>
<tr><td><a href="/">Parent Directory</a></td><td>&nbsp;</td><td align="right">  - </td><td>&nbsp;</td></tr>
<tr><td><a href="old/"><img src="/icons/folder.gif" alt="[DIR]"></a></td><td><a href="old/">old/</a></td><td>  - </td></tr>
<tr><td valign="top"><a href="01302020.NASDAQ_ITCH50.gz"><img src="/icons/compressed.gif" alt="[   ]"></a></td>\
<td><a href="01302020.NASDAQ_ITCH50.gz">01302020.NASDAQ_ITCH50.gz</a></td>\
<td align="right">2020-01-31 03:13  </td><td align="right">5.2G</td><td>&nbsp;</td></tr>
<tr><td><a href="20200102.gz">20200102.gz</a></td><td align="right">2020-01-31 03:13  </td><td align="right"> 41K</td>\
<td>Nasdaq day of 2020</td></tr>
<tr><td><a href="day.itch">day.itch</a></td><td align="right">2020-01-31 03:13  </td><td align="right">907 </td></tr>
</table></body></html>"""
#: Nothing of it is a day of this folder.
STRANGE = """<p>day.itch 12 <a>no link</a> <a href=""></a> <a href="#day.itch"></a> <a href="./"></a> <a href="..">up</a>
<a href="../day.itch">up</a> <a href="/day.itch">up</a> <a href="/other/day.itch">beside</a> <a href="deep/er/day.itch">below</a>
<a href="http://example.com/days/day.itch">elsewhere</a> <a href="//example.com/days/day.itch">elsewhere</a>
<a href="http://[/day.itch">bad</a> <a href="mailto:day.itch">no place</a> <a href="?file=day.itch">asked</a>
<a href="day.itch?x">asked</a> <a href="..%2Fday.itch/x">more</a> <![x[ <a href="day.itch">behind what ends the reading</a>"""


class Handler(http.server.BaseHTTPRequestHandler):
    pages: dict[str, str | bytes]  #: by path; bytes are the whole answer

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        page = self.pages.get(self.path, b"HTTP/1.0 404 Not Found\r\n\r\n")
        answer = (
            page if isinstance(page, bytes) else b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" + page.encode()
        )
        self.wfile.write(answer)


@contextmanager
def serving(handler: Any) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def pages() -> dict[str, str | bytes]:
    return {}


@pytest.fixture
def host(pages: dict[str, str | bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving(type("Handler", (Handler,), {"pages": pages})) as host:
        yield host


def test_the_days_of_a_folder_of_iis_and_of_the_folders_in_it(host: str, pages: dict[str, str | bytes]) -> None:
    folder = "/ITCH/Nasdaq%20BX%20ITCH/"
    pages.update({folder: IIS, f"{folder}March%2020/": MARCH, f"{folder}March%2020/Deeper/": NGINX})
    days = itch.list_days(host + folder)
    assert days == [
        ("20190730.BX_ITCH_50.gz", 391_242_214, datetime.date(2019, 7, 30), f"{host}{folder}20190730.BX_ITCH_50.gz"),
        ("itch50_05_15.gz", 13_047_496_628, None, f"{host}{folder}itch50_05_15.gz"),
        (
            "S030220-v50-bx.txt.gz",
            1_500_000_000,
            datetime.date(2020, 3, 2),
            f"{host}{folder}March%2020/S030220-v50-bx.txt.gz",
        ),
    ]
    assert itch.list_days(f"{host}/ITCH/Nasdaq BX ITCH/") == days


def test_the_days_of_nginx(host: str, pages: dict[str, str | bytes]) -> None:
    pages["/days/"] = NGINX
    assert [(day.name, day.size, str(day.date)) for day in itch.list_days(f"{host}/days/")] == [
        ("01302020.NASDAQ_ITCH50.gz", 5_597_158_940, "2020-01-30"),
        ("S013020-v50.txt", None, "2020-01-30"),
        ("20190730.PSX_ITCH_50", 17, "2019-07-30"),
    ]


def test_the_days_of_apache(host: str, pages: dict[str, str | bytes]) -> None:
    pages.update({"/days/": APACHE, "/days/old/": b"HTTP/1.0 403 Forbidden\r\n\r\n"})
    assert itch.list_days(f"{host}/days/") == [
        ("01302020.NASDAQ_ITCH50.gz", None, datetime.date(2020, 1, 30), f"{host}/days/01302020.NASDAQ_ITCH50.gz"),
        ("20200102.gz", None, datetime.date(2020, 1, 2), f"{host}/days/20200102.gz"),
        ("day.itch", 907, None, f"{host}/days/day.itch"),
    ]


def test_the_days_of_pythons_own_server_are_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    (tmp_path / "more days").mkdir()
    for name in ("S010220-v50.txt.gz", "notes.txt", "more days/2020-01-03 ü&%.itch"):
        (tmp_path / name).write_text(name)
    with serving(functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))) as host:
        days = itch.list_days(host)
        assert [day[:3] for day in days] == [
            ("S010220-v50.txt.gz", None, datetime.date(2020, 1, 2)),
            ("2020-01-03 ü&%.itch", None, datetime.date(2020, 1, 3)),
        ]
        assert itch.list_days(f"{host}/more%20days") == days[1:]  # the server says where the folder is
        (tmp_path / "out").mkdir()
        assert itch.fetch(days[1].url, tmp_path / "out").read_text() == f"more days/{days[1].name}"


def test_what_is_not_of_the_folder_is_no_day_of_it(host: str, pages: dict[str, str | bytes]) -> None:
    pages["/days/"] = STRANGE.replace("<![x[", "<b>")
    assert [day.url for day in itch.list_days(f"{host}/days/")] == [f"{host}/days/day.itch"]
    pages["/days/"] = STRANGE
    assert len(itch.list_days(f"{host}/days/")) <= 1  # as the Python at hand reads it
    pages["/days/"] = f'{"9" * 5000} <a href="day.itch">too large to be a size</a>'
    assert [day.size for day in itch.list_days(f"{host}/days/")] == [None]


def test_a_folder_that_fails_is_named(host: str, pages: dict[str, str | bytes]) -> None:
    pages.update({"/days/": APACHE, "/days/old/": b"HTTP/1.0 500 Internal Server Error\r\n\r\n"})
    with pytest.raises(itch.FetchError, match=f"^{host}/days/old/: 500 Internal Server Error$"):
        itch.list_days(f"{host}/days/")
    pages["/days/old/"] = b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\n<a href"
    with pytest.raises(itch.FetchError, match=f"^{host}/days/old/: it ended early"):
        itch.list_days(f"{host}/days/")


def test_a_server_that_cannot_be_listed_is_named(host: str) -> None:
    with pytest.raises(itch.FetchError, match=f"^{host}/none: 404 Not Found$") as error:
        itch.list_days(f"{host}/none")
    assert error.value.status == 404
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
        with pytest.raises(itch.FetchError, match=f"^{url}: Connection refused$"):
            itch.list_days(url)
    for url in ("ftp://example.com/ITCH/", "file:///", "ITCH"):
        with pytest.raises(ValueError, match=r"is no URL that begins with https:// or http://"):
            itch.list_days(url)


# nanobook itch list


def test_the_command_lists(host: str, pages: dict[str, str | bytes]) -> None:
    folder = "/" + "long" * 20 + "/"  # no URL is cut
    pages[folder] = NGINX
    result = run("itch", "list", host + folder)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    heads, _, *rows = result.stdout.splitlines()
    assert heads.split() == ["date", "size", "url"]
    assert [" ".join(row.split()) for row in rows] == [
        f"2020-01-30 5.6 GB {host}{folder}01302020.NASDAQ_ITCH50.gz",
        f"2020-01-30 - {host}{folder}S013020-v50.txt",
        f"2019-07-30 17 bytes {host}{folder}20190730.PSX_ITCH_50",
    ]


def test_the_command_lists_nasdaqs_days_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(itch, "list_days", lambda url: asked.append(url) or [])
    assert_fails(run("itch", "list"), "https://emi.nasdaq.com/ITCH/: no day is listed there")
    assert asked == [itch.PUBLIC_DAYS]


def test_the_command_says_what_it_cannot_list(host: str, pages: dict[str, str | bytes]) -> None:
    pages["/empty/"] = "<pre></pre>"
    assert_fails(run("itch", "list", f"{host}/empty/"), f"{host}/empty/: no day is listed there")
    assert_fails(run("itch", "list", f"{host}/none/"), f"{host}/none/: 404 not found")
    assert_fails(run("itch", "list", "ftp://example.com/"), "is no URL")
