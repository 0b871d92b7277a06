"""Tables of an ITCH file as Parquet files. pyarrow writes them (extra [parquet])."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import importlib.util
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nanobook
from nanobook._core import itch as _itch
from nanobook._itch_arguments import Progress, Time, parse_interval

if TYPE_CHECKING:
    from nanobook._itch_tables import Tables

__all__ = ["Target", "convert", "target_of"]

# Of a row group, some more: so that it is worth its overhead, and little is in memory at a time.
ROWS = 1 << 18
BYTES = 1 << 25
TABLES = ("bbo", "trades", "depth", "bars", "orders", "status", "mbo")
# Columns whose values grow from row to row, or nearly: few bits tell how much. Those of the others come again and again.
GROWING = {"timestamp", "datetime", "entered", "ended", "first_fill", "match", "ref", "old_ref", "new_ref"}


@dataclass(frozen=True)
class Target:
    """A table that is wanted: "bbo", "depth10", "depth5@1s", "bars1m", or a message type such as "A"."""

    name: str
    kind: str  # one of TABLES, or a message type
    options: dict[str, Any] = field(default_factory=dict)


def target_of(name: str) -> Target:
    """ValueError where there is no such table."""
    if found := re.fullmatch(r"depth([0-9]{1,4})?(?:@(.+))?", name):
        levels = int(found[1] or 10)
        if not 1 <= levels <= 1000:
            raise ValueError(f"the table {name!r} has {levels} levels; they go from 1 to 1000")
        return Target(name, "depth", {"depth": levels, "depth_interval": parse_interval(found[2]) if found[2] else 0})
    if name.startswith("bars"):
        return Target(name, "bars", {"bar_interval": parse_interval(name.removeprefix("bars") or "1m")})
    if name == "imbalance":
        return Target(name, "I")
    if name in TABLES or (len(name) == 1 and _itch.length_of_type(name) > 0):
        return Target(name, name)
    raise ValueError(
        f"no table {name!r}: there are bbo, trades, depth10 (or any number; depth10@1s by the clock), bars1m, orders, "
        "status, mbo, imbalance, and the types of messages"
    )


class Writer:
    """One Parquet file, which appears under its name when it is whole. What pyarrow does is done on a thread of its own,
    its import too: in the meantime the file is read."""

    def __init__(self, path: Path, provenance: dict[str, str]) -> None:
        self.path = path
        self.provenance = provenance
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock, self.part = _part_of(path)
        self._pool = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None
        self._batches: list[_itch.Batches] = []
        self._rows = self._bytes = 0
        self._rows_before = 0  # of those that are not written yet
        self._broken: dict[int, int] = {}
        self._left_out: list[int] = []  # rows
        self._writer: Any = None

    def add(self, batches: _itch.Batches) -> None:
        if len(batches) == 0:
            self._batches, self._rows, self._bytes, self._rows_before = [], 0, 0, 0
            self._do(self._begin, batches)
            return
        self._batches.append(batches)
        self._rows += len(batches)
        self._bytes += len(batches) * len(batches.columns) * 8
        if self._rows >= ROWS or self._bytes >= BYTES:
            self.flush()

    def flush(self) -> None:
        """Writes what there is."""
        if self._batches:
            self._do(self._write, self._batches, self._rows_before, self._broken)
            self._rows_before += self._rows
            self._batches, self._rows, self._bytes = [], 0, 0

    def leave_out(self, broken: dict[int, int]) -> None:
        """Trades of those match numbers, among as many first rows, are not to be in it, whether they are written or not."""
        self._broken = broken

    def close(self) -> None:
        """There are no more rows."""
        self.flush()
        self._do(self._close, self._broken)

    def _close(self, broken: dict[int, int]) -> None:
        self._writer.close()
        if broken:
            self._take_out(broken)

    def _take_out(self, broken: dict[int, int]) -> None:
        """What was written before it was known to be broken."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        # Of the rows that are in it.
        limits = {match: rows - sum(row < rows for row in self._left_out) for match, rows in broken.items()}
        written, lock = self.part, self._lock
        source = pq.ParquetFile(written)
        groups = [source.metadata.row_group(group) for group in range(source.num_row_groups)]
        column = self._schema.get_field_index("match")
        found: dict[int, list[int]] = {}
        rows = 0
        for number, group in enumerate(groups):
            statistics = group.column(column).statistics
            if any(statistics.min <= match <= statistics.max for match in limits):
                found[number] = _broken_in(source.read_row_group(number, ["match"]), rows, limits)
            rows += group.num_rows
        if not any(found.values()):
            return
        # Nothing can be taken out of a file: it is written again.
        self._lock, self.part = _part_of(self.path)
        try:
            self._writer = self._opened()
            for number in range(len(groups)):
                table = source.read_row_group(number)
                if table.schema != self._schema:  # pyarrow below 20 widens the numbers of dictionaries
                    table = table.cast(self._schema)
                self._writer.write_table(pa.concat_tables(_without(table, found.get(number, []))))
            self._writer.close()
        finally:
            written.unlink()
            os.close(lock)

    def finish(self) -> None:
        """Gives it its name, once it is closed."""
        self._wait()
        self._pool.shutdown()
        self.part.chmod(0o644)  # it was made for its owner alone
        self.part.replace(self.path)
        os.close(self._lock)

    def abandon(self) -> None:
        """Whatever comes of it: another error is on its way."""
        try:
            with contextlib.suppress(Exception):
                self._wait()
            self._pool.shutdown()
            with contextlib.suppress(Exception):
                if self._writer is not None:
                    self._writer.close()
        finally:  # also after another Ctrl-C
            with contextlib.suppress(OSError):
                self.part.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                os.close(self._lock)

    def _do(self, work: Callable[..., None], *arguments: Any) -> None:
        # While it is done, the next rows are read; but no more than that, or memory would grow with the file.
        self._wait()
        self._writing = self._pool.submit(work, *arguments)

    def _begin(self, no_rows: _itch.Batches) -> None:
        if self._writer is not None:
            self._writer.close()
        self._schema = _table_of(no_rows).schema.with_metadata(self.provenance)
        self._writer = self._opened()

    def _opened(self) -> Any:
        import pyarrow.parquet as pq

        return pq.ParquetWriter(self.part, self._schema, **_encodings_of(self._schema))

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.result()

    def _write(self, batches: list[_itch.Batches], rows_before: int, broken: dict[int, int]) -> None:
        import pyarrow as pa

        group = pa.concat_tables(map(_table_of, batches)).unify_dictionaries()
        if at := _broken_in(group, rows_before, broken):
            self._left_out += [rows_before + row for row in at]
            group = pa.concat_tables(_without(group, at))
            if group.num_rows == 0:
                return
        self._writer.write_table(group, row_group_size=group.num_rows)


def _broken_in(table: Any, rows_before: int, broken: dict[int, int]) -> list[int]:
    """The rows of broken trades, by match number among as many first rows; as many are before those of the table."""
    if rows_before >= max(broken.values(), default=0):
        return []
    # Not by pyarrow.compute, whose first call takes longer than all this.
    matches = enumerate(table["match"].to_pylist(), rows_before)
    return [row - rows_before for row, match in matches if row < broken.get(match, 0)]


def _without(table: Any, rows: list[int]) -> Iterator[Any]:
    """The pieces of a table between some of its rows."""
    for begin, end in zip([0, *(row + 1 for row in rows)], [*rows, table.num_rows], strict=True):
        yield table.slice(begin, end - begin)


def _table_of(batches: _itch.Batches) -> Any:
    import pyarrow as pa

    return pa.RecordBatchReader.from_stream(batches).read_all()  # pa.table would import pandas, if it is there


def _encodings_of(schema: Any) -> dict[str, Any]:
    """What makes files small at a speed beyond that of decompressing what they are made of."""
    import pyarrow as pa

    growing = [column.name for column in schema if column.name in GROWING]
    # Compressing what is packed already wins a hundredth, and the least and greatest word of a row group tell nothing.
    return {
        "use_dictionary": [c.name for c in schema if c.name not in growing and not pa.types.is_floating(c.type)],
        "column_encoding": dict.fromkeys(growing, "DELTA_BINARY_PACKED"),
        "compression": {column.name: "NONE" if column.name in growing else "ZSTD" for column in schema},
        "write_statistics": [column.name for column in schema if not pa.types.is_dictionary(column.type)],
    }


def _part_of(path: Path) -> tuple[int, Path]:
    """A file beside `path` that is this process's alone, should two convert the same at once, and the lock that says so.

    The lock ends with the process: so those of processes that were killed are known, and removed.
    """
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(OSError), part.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()
    while True:
        lock, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        part = Path(name)
        with contextlib.suppress(OSError):  # where the file system has no locks, nothing is removed
            fcntl.flock(lock, fcntl.LOCK_EX)
        if part.exists():  # else another took it for one that nobody locks, before it was
            return lock, part
        os.close(lock)


def convert(
    file: Tables,
    out: Path,
    names: Iterable[str],
    symbols: str | Iterable[str] | None,
    start: Time | None,
    until: Time | None,
    progress: Progress | None,
) -> list[Path]:
    """See Tables.convert."""
    targets = [target_of(name) for name in dict.fromkeys(names)]
    if not targets:
        raise ValueError("no table named: give some, such as bbo and trades")
    if importlib.util.find_spec("pyarrow") is None:
        raise ModuleNotFoundError('Parquet is written by pyarrow: pip install "nanobook-cpp[parquet]"')

    request = file._request(symbols, start, until, progress)
    writers: dict[str, Writer] = {}
    try:
        for target in targets:
            provenance = _provenance(file, target, request)
            path = _path_of(file, out, target)
            if not _is_of(path, provenance):
                writers[target.name] = Writer(path, provenance)
        for now in _passes([target for target in targets if target.name in writers]):
            options = {name: value for target in now.values() for name, value in target.options.items()}
            mend = writers[now["trades"].name].leave_out if "trades" in now else None
            for kind, batches in file._rows(list(now), mend, **request, **options):
                writers[now[kind].name].add(batches)
            for target in now.values():
                writers[target.name].close()
            for target in now.values():
                writers[target.name].finish()
                del writers[target.name]
    except BaseException:
        with contextlib.ExitStack() as all_of_them:
            for writer in writers.values():
                all_of_them.callback(writer.abandon)
        raise
    return [_path_of(file, out, target) for target in targets]


def _is_of(path: Path, provenance: dict[str, str]) -> bool:
    """Was it made before of the same? Then a conversion that was broken off goes on with the others."""
    if not path.exists():
        return False
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        known = pq.read_schema(path).metadata or {}
    except pa.ArrowInvalid:
        return False
    return all(known.get(key.encode()) == value.encode() for key, value in provenance.items())


def _passes(targets: list[Target]) -> Iterator[dict[str, Target]]:
    """Those that one pass can make, by kind: as few passes as their options allow."""
    left = targets
    while left:
        now = {left[0].kind: left[0]}
        for target in left[1:]:
            if target.kind in TABLES and left[0].kind in TABLES:
                now.setdefault(target.kind, target)
        yield now
        left = [target for target in left if target not in now.values()]


def _path_of(file: Tables, out: Path, target: Target) -> Path:
    name = file.path.name.removesuffix(".gz")
    folder = out / (target.name if target.name != "h" else "h_operational_halt")  # H, where case does not matter
    if file.date is not None:
        folder /= f"date={file.date}"
    return folder / f"{name}.parquet"


def _provenance(file: Tables, target: Target, request: dict[str, Any]) -> dict[str, str]:
    status = file.path.stat()
    return {
        "nanobook.version": nanobook.__version__,
        "nanobook.table": target.name,
        "nanobook.source": file.path.name,
        "nanobook.source_bytes": str(status.st_size),
        "nanobook.source_modified": str(status.st_mtime_ns),
        "nanobook.symbols": ",".join(sorted(request["symbols"])),
        "nanobook.start": str(request["start"]),
        "nanobook.until": "" if request["until"] is None else str(request["until"]),
        "nanobook.date": "" if file.date is None else str(file.date),
        "nanobook.strict": str(file.strict),
        "nanobook.decimal_prices": str(file.decimal_prices),
    }
