"""The tables of the measurements beside others, in Markdown, from the rows that the scripts print as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Row = dict[str, Any]


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (names, ["---"] * len(names), *rows))


def time_text(seconds: float) -> str:
    """With three digits and a unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size * 0.9995:
            return f"{number_text(seconds / size)} {unit}"
    return f"{number_text(seconds / 1e-9)} ns"


def number_text(value: float) -> str:
    """Three digits: 0.123, 1.23, 12.3, 123, 1,230."""
    if value == 0:
        return "0"
    digits = next((digits for digits, limit in ((3, 0.9995), (2, 9.995), (1, 99.95)) if abs(value) < limit), 0)
    if abs(value) >= 999.5:
        value = float(f"{value:.3g}")
    return f"{value:,.{digits}f}"


def calls_table(rows: list[Row]) -> str:
    """Calls of an exchange from Python, in nanoseconds."""
    names = [name for name in max(rows, key=len) if name != "package"]
    return table(
        ["package", *names],
        ([row["package"], *(number_text(row[name]) if name in row else "" for name in names)] for row in rows),
    )


def by_work(rows: list[Row]) -> list[Row]:
    """The works in the order they were done in, of each the fastest first."""
    order = list(dict.fromkeys(row["work"] for row in rows))
    return sorted(rows, key=lambda row: (order.index(row["work"]), row["seconds"]))


def itch_cells(row: Row) -> list[str]:
    rate = number_text(row["messages"] / row["seconds"] / 1e6)
    return [row["work"], row["engine"], rate, time_text(row["seconds"])]


def itch_table(rows: list[Row]) -> str:
    return table(["work", "package", "M messages/s", "median"], map(itch_cells, by_work(rows)))


def itch_day_table(rows: list[Row]) -> str:
    """As itch_table, with the memory beyond the file where that was measured."""
    return table(
        ["work", "package", "M messages/s", "median", "memory"],
        ([*itch_cells(row), f"{row['memory']:,.0f} MB" if "memory" in row else ""] for row in by_work(rows)),
    )


def sweep_title(row: Row) -> str:
    return f"{row['work']}: {row['sets']:,} sets x {row['bars']:,} bars x {row['symbols']} symbols, six metrics"


def sweep_table(rows: list[Row]) -> str:
    """Of one piece of work."""
    lines = []
    for row in sorted(rows, key=lambda row: row["seconds"]):
        notes = [row["note"]]
        if row["first"] > 1.0:
            notes.append(f"{row['first']:.0f} s to compile")
        if row["kept"] > 100.0:
            notes.append(f"{row['kept']:.0f} MB not given back after {row['runs'] + 1} runs")
        cells = row["sets"] * row["bars"] * row["symbols"]
        lines.append(
            [
                row["engine"],
                str(row["threads"]),
                time_text(row["seconds"]),
                str(row["runs"]),
                f"{cells / row['seconds'] / 1e6:,.0f}",
                f"{row['peak']:.0f} MB",
                row["cents"],
                "; ".join(filter(None, notes)),
            ]
        )
    return table(["engine", "threads", "median", "runs", "M cells/s", "peak memory", "cents", "note"], lines)


def sweep_calls_table(rows: list[Row]) -> str:
    return table(
        ["what", "package", "median"],
        ([row["what"], row["engine"], time_text(row["milliseconds"] / 1e3)] for row in rows),
    )


def naive_table(rows: list[Row]) -> str:
    """Where the time of a sweep goes: milliseconds, and the share of the whole. A part that is None is in the others."""
    parts = {
        "making": "tuples made of the frame",
        "taking": "taken in",
        "accounting": "accounting",
        "metrics": "metrics",
    }
    lines = []
    for row in sorted(rows, key=lambda row: row["sets"]):
        total = sum(row[part] or 0.0 for part in parts)
        cells = [
            "in those" if row[part] is None else f"{number_text(row[part])} ({100 * row[part] / total:.1f} %)"
            for part in parts
        ]
        lines.append([row["engine"], f"{row['sets']:,}", number_text(total), *cells])
    return table(["what", "sets", "total, ms", *parts.values()], lines)
