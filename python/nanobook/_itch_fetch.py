"""What nanobook.itch.fetch and list_days do: a file from a server, however often the connection drops, and what there is.

All of it is the standard library's: what we need of HTTP is one kind of request, and a library would cost every user
more than these lines.
"""

from __future__ import annotations

import contextlib
import errno
import ftplib
import functools
import hashlib
import html.parser
import http.client
import json
import os
import re
import socket
import ssl
import string
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any

from nanobook import __version__
from nanobook._itch_arguments import date_of
from nanobook.itch import DayFile, FetchError, ItchError

__all__ = ["fetch", "list_days", "target_of"]

#: Seconds before each new attempt; bytes that come make the next one the first again.
DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0)
TIMEOUT = 30.0  # seconds without a byte
HEADERS = {"User-Agent": f"nanobook/{__version__}"}
PIECE = 1 << 20
MOST = 1 << 20  # bytes of a page that lists files: reading links takes longer than in proportion
DIGITS = {"md5": 32, "sha256": 64}
#: As Nasdaq names its days: 01302020.NASDAQ_ITCH50.gz, S030220-v50-bx.txt.gz. Checksums and marks have more behind it.
DAY = re.compile(r"(itch\w*|-v50[-\w]*\.txt)(\.gz)?\Z", re.IGNORECASE)
#: Bytes, right behind a time of day.
SIZE = re.compile(r"\d:\d\d(?::\d\d)?(?: [AP]M)? (\d{1,18})(?= |$)")


def fetch(
    url: str, out: str | os.PathLike[str] | None, digests: dict[str, str], progress: Callable[[int, int], None] | None
) -> tuple[Path, bool]:
    """See nanobook.itch.fetch; digests: by the name of the algorithm. Also says whether a published one was checked."""
    target = target_of(url, out)
    name = _name_in(url)
    wanted = {kind: _digest(text, DIGITS[kind], name) for kind, text in digests.items()}
    if target.exists():
        _check(target, wanted, "")
        return target, False
    download = _Download(url, target.with_name(f"{target.name}.part"), progress)
    download.run()
    parts = urllib.parse.urlsplit(url)
    beside = parts._replace(path=f"{parts.path}.md5sum").geturl()
    published = {} if wanted else _published(beside, name)
    source = f" as {beside} says" if published else ""
    _check(download.part, wanted | published, f"{source}; it is kept: delete it to fetch it anew")
    download.part.replace(target)
    download.told.unlink(missing_ok=True)
    return target, bool(published)


def list_days(url: str) -> list[DayFile]:
    """See nanobook.itch.list_days."""
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise ValueError(f"{url!r} is no URL that begins with https:// or http://")
    days, folders = _listed(url)
    for folder in folders[:100]:
        try:
            days += _listed(folder)[0]
        except FetchError as error:
            if error.status not in (401, 403, 404):  # what is closed to us has no days for us
                raise
    return list({day.url: day for day in days}.values())  # folders may lead to the same


def target_of(url: str, out: str | os.PathLike[str] | None) -> Path:
    """Where a download goes. ValueError where the URL is none, FileNotFoundError where the folder is not there."""
    if urllib.parse.urlsplit(url).scheme not in ("http", "https", "ftp"):
        raise ValueError(f"{url!r} is no URL that begins with https://, http:// or ftp://")
    name = _name_in(url)
    target = Path(name if out is None else out)
    if target.is_dir() and name:
        target /= name
    if not target.name:
        raise ValueError(f"{url!r} does not end in the name of a file: say where it goes")
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(target.parent))
    return target


def _name_in(url: str) -> str:
    name = Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name
    return "" if name == ".." else name


def _listed(url: str) -> tuple[list[DayFile], list[str]]:
    """The days and the folders that a page lists of its own folder."""
    text, page = _text_at(_quoted(url), MOST)
    links = _Links()
    with contextlib.suppress(AssertionError):  # some Pythons raise it for "<![x["; what came before is good
        links.feed(text)
        links.close()
    folder = urllib.parse.urljoin(page, ".")
    days: dict[str, DayFile] = {}
    folders: dict[str, None] = {}
    for href, words in links.found:
        try:
            link = urllib.parse.urljoin(page, _quoted(href))
        except ValueError:
            continue
        match = re.fullmatch(re.escape(folder) + "[^/?#]+(/?)", link)
        if match is None:  # the folder above, another host, another order of the same
            continue
        name = _name_in(link)
        date = date_of(Path(name), None)
        if match[1]:
            folders[link] = None
        elif DAY.search(name) or (date is not None and name.lower().endswith(".gz")):
            size = SIZE.search(" ".join(words))
            days[link] = DayFile(name, int(size[1]) if size else None, date, link)
    return list(days.values()), list(folders)


def _quoted(url: str) -> str:
    """With what no URL may have, such as blanks, as its code."""
    return urllib.parse.quote(url, safe=string.punctuation)


class _Links(html.parser.HTMLParser):
    """The links of a page, and the words on the line of each: IIS has the size before the link, nginx and Apache after."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[str]]] = []
        self._words: list[str] = []
        self._in_link = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._in_link = True
            self.found.append((dict(attrs).get("href") or "", self._words))
        elif tag in ("br", "div", "li", "p", "tr"):
            self._words = []

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._in_link = False

    def handle_data(self, data: str) -> None:
        for number, line in enumerate(data.split("\n")):
            if number:
                self._words = []
            if not self._in_link:
                self._words += line.split()


def _text_at(url: str, most: int) -> tuple[str, str]:
    """A text of so many bytes at most, and the URL that it came from in the end."""
    request = urllib.request.Request(url, headers=HEADERS)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            text, source = response.read(most).decode(errors="replace"), response.url
            missing = getattr(response, "length", None)  # of what the server announced; ftp announces nothing
    except urllib.error.HTTPError as error:
        error.close()
        raise FetchError(url, _reason(error), error.code) from None
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: it leads to what is no URL
        raise FetchError(url, _reason(error)) from None
    if missing:
        raise FetchError(url, f"it ended early, or has more than {most:,} bytes")
    return text, source


def _published(url: str, name: str) -> dict[str, str]:
    """The md5 that a server publishes beside a file, if it does: whatever else is at the URL is none."""
    with contextlib.suppress(FetchError, ValueError):
        text, _ = _text_at(url, PIECE)
        # A page that says there is none may hold digits too, and so may a list of other files.
        if "<" not in text and (name in text or re.fullmatch(r"\s*\w+\s*", text)):
            return {"md5": _digest_in(text, DIGITS["md5"], name, url)}
    return {}


class _Dropped(Exception):
    """What may go better the next time."""


class _Download:
    """A file that comes in parts. Beside it lies what the server told of it, so that no other version continues it."""

    def __init__(self, url: str, part: Path, progress: Callable[[int, int], None] | None) -> None:
        self.url = url
        self.part = part
        self.told = part.with_name(f"{part.name}.json")
        self._progress = progress
        self._has_answered = False
        self._size: int | None = None
        self._version: str | None = None
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            told = json.loads(self.told.read_text())
            if told["url"] == url:
                self._size, self._version = told["size"], told["version"]
                return
        self._begin(None, None)

    def run(self) -> None:
        """Until it is whole; FetchError where that is hopeless."""
        most = self._have()
        barren = 0
        while True:
            try:
                self._attempt()
            except _Dropped as dropped:
                barren = 0 if self._have() > most else barren + 1
                most = max(most, self._have())
                if barren > len(DELAYS):
                    raise FetchError(self.url, f"{dropped}; {barren} attempts in a row brought nothing more") from None
                time.sleep(DELAYS[max(barren - 1, 0)])
            else:
                return

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _begin(self, size: int | None, version: str | None) -> None:
        """From the first byte on."""
        self.part.unlink(missing_ok=True)
        self._size, self._version = size, version
        self.told.write_text(json.dumps({"url": self.url, "size": size, "version": version}))

    def _attempt(self) -> None:
        have = self._have()
        if have and have == self._size:
            return
        request = urllib.request.Request(self.url, headers=HEADERS)
        if have:
            request.add_header("Range", f"bytes={have}-")
            if self._version is not None:
                request.add_header("If-Range", self._version)
        with contextlib.closing(self._open(request)) as response:
            self._has_answered = True
            version = _version_of(response.headers)
            if response.status == 206:
                begin, size = _range_of(response.headers)
                if begin != have or size != (self._size or size) or version not in (None, self._version):
                    self._begin(None, None)
                    raise _Dropped("the file has changed on the server")
            else:
                length = response.headers.get("Content-Length", "")
                self._begin(int(length) if length.isdecimal() else None, version)
            self._receive(response)
        if self._size is not None and self._have() < self._size:
            raise _Dropped(f"the connection ended after {self._have():,} of {self._size:,} bytes")

    def _open(self, request: urllib.request.Request) -> Any:
        try:
            return urllib.request.urlopen(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            problem = _reason(error)
            error.close()
            if error.code == 416:
                # Nothing behind what we have, though something is missing: it is not the file that we began.
                self._begin(None, None)
                raise _Dropped("the file has changed on the server") from None
            if error.code in (408, 429) or error.code >= 500:
                raise _Dropped(problem) from None
            raise FetchError(self.url, problem, error.code) from None
        except http.client.InvalidURL as error:
            raise FetchError(self.url, str(error)) from None
        except (OSError, http.client.HTTPException) as error:
            cause = error.reason if isinstance(error, urllib.error.URLError) else error
            # A name or port that never answered is wrong; one that did answer comes back.
            hopeless: tuple[type[OSError], ...] = (ssl.SSLCertVerificationError,)
            if not self._has_answered:
                hopeless += (socket.gaierror, ConnectionRefusedError)
            if isinstance(cause, hopeless) or isinstance(error.__cause__, ftplib.error_perm):
                raise FetchError(self.url, _reason(error)) from None
            raise _Dropped(_reason(error)) from None

    def _receive(self, response: Any) -> None:
        with self.part.open("ab") as file:
            done = file.tell()
            while True:
                try:
                    piece = response.read1(PIECE)
                except (OSError, http.client.HTTPException) as error:
                    raise _Dropped(_reason(error)) from None
                if not piece:
                    return
                file.write(piece)
                done += len(piece)
                if self._progress is not None:
                    self._progress(done, self._size or 0)


def _reason(error: object) -> str:
    if isinstance(error, urllib.error.HTTPError):
        text = f"{error.code} {error.reason}"
    elif isinstance(error, urllib.error.URLError):
        return _reason(error.reason)
    else:
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    # A server's words may hold what a terminal acts on.
    return "".join(c if c.isprintable() else "?" for c in text) or type(error).__name__


def _version_of(headers: Message) -> str | None:
    """What If-Range takes: the entity tag, unless it is a weak one, or the time of the last change."""
    tag = headers.get("ETag", "")
    return tag if tag.startswith('"') else headers.get("Last-Modified")


def _range_of(headers: Message) -> tuple[int, int | None]:
    """The first byte of a part, and the size of the whole if it is told."""
    match = re.match(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
    if match is None:
        return -1, None
    return int(match[1]), None if match[2] == "*" else int(match[2])


def _digest(text: str, digits: int, name: str) -> str:
    """A digest from its digits, or from the file or URL that has them, alone or on a line with the name."""
    if re.fullmatch(rf"[0-9a-fA-F]{{{digits}}}", text):
        return text.lower()
    if urllib.parse.urlsplit(text).scheme in ("http", "https", "ftp"):
        content, _ = _text_at(text, PIECE)
    elif Path(text).is_file():
        content = Path(text).read_text(errors="replace")
    else:
        raise ValueError(f"{text!r} is neither {digits} hexadecimal digits nor a file or URL that has them")
    return _digest_in(content, digits, name, text)


def _digest_in(content: str, digits: int, name: str, source: str) -> str:
    """The only digest of a text, or the only one on a line with the name."""
    pattern = re.compile(rf"\b[0-9a-fA-F]{{{digits}}}\b")
    named = re.compile(rf"(^|[\s*(/]){re.escape(name)}($|[\s)])")  # "HEX *./NAME", "MD5 (NAME) = HEX"
    digests = {line: match[0].lower() for line in content.splitlines() if (match := pattern.search(line))}
    found = {digests[line] for line in digests if name and named.search(line)} or {*digests.values()}
    if len(found) != 1:
        raise ValueError(f"{source!r} has {len(found)} digests of {digits} hexadecimal digits, not one for {name!r}")
    return found.pop()


def _check(path: Path, wanted: dict[str, str], advice: str) -> None:
    for kind, digest in wanted.items():
        with path.open("rb") as file:
            # Not for security: where that is ruled, md5 is refused otherwise.
            new = functools.partial(hashlib.new, kind, usedforsecurity=False)
            found = hashlib.file_digest(file, new).hexdigest()
        if found != digest:
            raise ItchError(path, f"its {kind} is {found}, not {digest}{advice}")
