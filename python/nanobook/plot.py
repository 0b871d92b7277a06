"""Charts of sweeps and backtests, by Altair: `pip install "nanobook-cpp[plot]"`.

    import nanobook.plot

    chart = nanobook.plot.heatmap(result, "lookback", "top_k")  # or result.heatmap("lookback", "top_k")
    nanobook.plot.save(chart, "heatmap.png")

Charts are Altair's: a notebook shows them, `a | b` and `a & b` put them side by side, and `save` writes pictures and
pages without a browser or a network. What is drawn stays below 5000 rows; where that takes less than all, the chart
says so.
"""

from __future__ import annotations

import bisect
import datetime
import io
import math
import statistics
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nanobook._results import METRICS, Metric, label, metrics_of, parameters_of, shown

if TYPE_CHECKING:
    import os

    from nanobook._core import BacktestResult, SweepResult

try:
    import altair as alt
except ModuleNotFoundError as error:
    raise ImportError('nanobook.plot needs Altair: pip install "nanobook-cpp[plot]"', name=error.name) from None

__all__ = ["heatmap", "save", "sweep", "tear_sheet"]

Row = dict[str, Any]

INK = "#262b33"
MUTED = "#6b7280"
GRID = "#e7e9ed"
LINE = "#d0d4da"
BLUE = "#1f5fa8"
RED = "#b2182b"
PALE = "#9db2cc"
GREY = "#d4d6da"

# Altair refuses more rows than this in a table; all the curves of a chart together have fewer.
MOST_ROWS = 5000
MOST_CURVES = 50
# Above this many values an axis of a heatmap joins neighbours: 60 * 60 cells are what one can see and Altair takes.
MOST_TICKS = 60
WIDTH = 640

# Of d3, for axes and tooltips.
FORMATS = {"ratio": ".3~r", "part": ".3~%", "amount": ".3~s"}
CALENDAR = {
    "year": "%Y",
    "quarter": "%b",
    "month": "%b",
    "week": "%b %-d",
    "day": "%b %-d",
    "date": "%b %-d",
    "hours": "%H:%M",
    "minutes": "%H:%M",
}


# ---------------------------------------------------------------------- words for numbers


def _shown(number: float | None, kind: str) -> str:
    """A figure for people; a minus is a minus."""
    return shown(number, kind).replace("-", "\N{MINUS SIGN}")


def _labels(values: Iterable[Any]) -> dict[Any, str]:
    """The label of each value, in the order of an axis: nothing, then numbers by size, or words as they came."""
    seen = dict.fromkeys(values)
    nothing = [None] if None in seen else []
    rest = [value for value in seen if value is not None]
    if all(isinstance(value, int | float) for value in rest):
        rest.sort()
    if len(rest) + len(nothing) <= MOST_TICKS:
        return {value: label(value) for value in (*nothing, *rest)}
    size = math.ceil(len(rest) / (MOST_TICKS - len(nothing)))
    labels: dict[Any, str] = {value: label(value) for value in nothing}
    for first in range(0, len(rest), size):
        group = rest[first : first + size]
        name = label(group[0]) if len(group) == 1 else f"{label(group[0])} to {label(group[-1])}"
        labels.update(dict.fromkeys(group, name))
    return labels


def _listed(names: Sequence[str]) -> str:
    """Names as in "a, b and c"."""
    return " and ".join(", ".join(part) for part in (names[:-1], names[-1:]) if part)


# ---------------------------------------------------------------------- what the charts share


def _data(rows: list[Row]) -> alt.InlineData:
    return alt.InlineData(values=rows)


def _layered(*layers: alt.Chart, **properties: Any) -> alt.LayerChart:
    """Charts on top of each other, each with colours of its own, and without a frame."""
    chart: alt.LayerChart = alt.layer(*layers).resolve_scale(color="independent")
    return chart.properties(view=alt.ViewBackground(stroke=None), **properties)


def _title(text: str, lines: Iterable[str] = (), width: float = WIDTH, *, small: bool = False) -> alt.TitleParams:
    """A title on the left, and lines below it that are no wider than the chart."""
    wrapped = [part for line in lines for part in textwrap.wrap(line, max(40, int(width / 5.1)))]
    return alt.TitleParams(
        text=text,
        subtitle=wrapped or alt.Undefined,
        anchor="start",
        frame="group",
        offset=8 if small else 12,
        fontSize=12 if small else 16,
        fontWeight=600,
        color=INK,
        subtitleColor=MUTED,
        subtitleFontSize=11,
        subtitleLineHeight=15,
        subtitlePadding=5,
    )


def _axis(title: str | None, **options: Any) -> alt.Axis:
    settings: dict[str, Any] = {
        "title": title,
        "titleColor": MUTED,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "labelColor": INK,
        "labelFontSize": 10,
        "gridColor": GRID,
        "domainColor": LINE,
        "tickColor": LINE,
        "tickSize": 4,
    }
    return alt.Axis(**{**settings, **options})


def _y(field: str, title: str, kind: str, *, scale: alt.Scale | None = None, **options: Any) -> alt.Y:
    """A vertical axis; all are of one width, so that charts below each other stand below each other."""
    axis = _axis(title, **{"format": FORMATS[kind], "domain": False, "ticks": False, "minExtent": 34, **options})
    return alt.Y(field, type="quantitative", axis=axis, scale=scale if scale is not None else alt.Undefined)


def _thinned(values: Sequence[float], most: int) -> list[int]:
    """The places of at most `most` values: first and last, and the lowest and highest of every stretch between."""
    if len(values) <= most:
        return list(range(len(values)))
    stretches = max(1, (most - 2) // 2)
    kept = {0, len(values) - 1}
    for stretch in range(stretches):
        part = range(len(values) * stretch // stretches, len(values) * (stretch + 1) // stretches)
        kept.add(min(part, key=values.__getitem__))
        kept.add(max(part, key=values.__getitem__))
    return sorted(kept)


def _thinning(drawn: int, of: int, what: str) -> list[str]:
    """Says that less is drawn than there is."""
    return [] if drawn >= of else [f"Drawn with {drawn:,} of {of:,} points {what}; highs and lows are kept."]


def _moments(table: Any) -> list[Any] | None:
    """The dates of a table of bars as Vega reads them: as the clock showed them, in no time zone."""
    if "date" not in table.columns:
        return None
    dates = table["date"]
    if not all(isinstance(date, datetime.date) for date in dates):
        return None
    return [_moment(date) for date in dates]


def _moment(date: datetime.date) -> str:
    # A date alone would be taken for one in UTC, and shown as the day before west of Greenwich.
    at = date if isinstance(date, datetime.datetime) else datetime.datetime.combine(date, datetime.time())
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds")


def _x(dated: bool) -> alt.X:
    if dated:
        return alt.X("when", type="temporal", axis=_axis(None, grid=False, format=CALENDAR, labelOverlap="greedy"))
    axis = _axis("bar", grid=False, format=",d", tickMinStep=1)
    return alt.X("when", type="quantitative", axis=axis, scale=alt.Scale(nice=False, zero=False))


def _when(dated: bool) -> alt.Tooltip:
    if dated:
        return alt.Tooltip("when", type="temporal", title="date", format="%Y-%m-%d %H:%M")
    return alt.Tooltip("when", type="quantitative", title="bar", format=",d")


def _multiples(curve: Sequence[int]) -> list[float]:
    return [equity / curve[0] for equity in curve]


def _growth_axis(lowest: float, highest: float) -> alt.Y:
    """Equity as a multiple of the initial cash, on a logarithmic scale where it spans much."""
    scale, ticks = alt.Scale(zero=False, nice=True), {}
    if lowest > 0 and highest / lowest > 20:
        scale = alt.Scale(type="log", domain=[lowest, highest], nice=False)
        decades = range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1)
        digits = (1, 2, 5) if len(decades) <= 4 else (1,)
        ticks = {"values": [digit * 10.0**decade for decade in decades for digit in digits]}
    return _y(
        "multiple",
        "equity / initial cash",
        "ratio",
        scale=scale,
        labelExpr="format(datum.value, '.3~r') + '\N{MULTIPLICATION SIGN}'",
        labelOverlap="greedy",
        tickCount=6,
        **ticks,
    )


class Bins(NamedTuple):
    """Values counted between round edges."""

    edges: list[float]
    counts: list[int]

    def rows(self) -> list[Row]:
        bounds = zip(self.edges, self.edges[1:], self.counts, strict=False)
        return [{"low": low, "high": high, "count": count, "floor": 0} for low, high, count in bounds if count]


def _bins(values: Sequence[float], about: int) -> Bins:
    """About so many bins of one round width: 1, 2 or 5 times a power of ten."""
    low, high = min(values), max(values)
    rough = (high - low) / about or abs(high) / 10 or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.floor(low / step)
    edges = [number * step for number in range(first, math.floor(high / step) + 2)]
    counts = [0] * (len(edges) - 1)
    for value in values:
        counts[min(max(bisect.bisect_right(edges, value) - 1, 0), len(counts) - 1)] += 1
    return Bins(edges, counts)


class Mark(NamedTuple):
    """A place on a distribution, and what it is."""

    at: float
    text: str
    colour: str


def _distribution(
    bins: Bins, kind: str, what: str, whose: str, marks: Sequence[Mark], width: float, height: float
) -> alt.LayerChart:
    """Bars of counts, with marked places whose words stand above the bars, one above the other."""
    tallest = max(bins.counts)
    low, high = bins.edges[0], bins.edges[-1]
    # A mark that is far off would make a needle of the distribution: it stands at the edge, and points outwards.
    far = high - low
    marks = [
        mark._replace(at=low - 0.1 * far, text=f"\N{LEFTWARDS ARROW} {mark.text}")
        if mark.at < low - far
        else mark._replace(at=high + 0.1 * far, text=f"{mark.text} \N{RIGHTWARDS ARROW}")
        if mark.at > high + far
        else mark
        for mark in marks
    ]
    low, high = min([low, *(mark.at for mark in marks)]), max([high, *(mark.at for mark in marks)])
    pad = (high - low) * 0.02
    reach = alt.Scale(domain=[low - pad, high + pad], nice=False, zero=False)
    top = tallest * (1.08 + 0.14 * len(marks))
    rise = alt.Scale(domain=[0, top], nice=False)
    ticks = _axis(whose, format=",d", tickMinStep=1, domain=False, ticks=False, minExtent=34, tickCount=5)
    bars = (
        alt.Chart(_data(bins.rows()))
        .mark_rect(color=PALE, stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X("low", type="quantitative", scale=reach, axis=_axis(what, format=FORMATS[kind], grid=False)),
            x2=alt.X2("high"),
            y=alt.Y("count", type="quantitative", scale=rise, axis=ticks),
            y2=alt.Y2("floor"),
            tooltip=[
                alt.Tooltip("low", type="quantitative", title="from", format=FORMATS[kind]),
                alt.Tooltip("high", type="quantitative", title="to", format=FORMATS[kind]),
                alt.Tooltip("count", type="quantitative", title=whose, format=",d"),
            ],
        )
    )
    layers: list[alt.Chart] = [bars]
    middle = (low + high) / 2
    # Words lean inwards; those of an outer mark stand higher, and so above the lines of the inner ones.
    for number, mark in enumerate(sorted(marks, key=lambda mark: -abs(mark.at - middle))):
        level = top * (1 - 0.01) - number * tallest * 0.14
        left = mark.at > middle
        base = alt.Chart(_data([{"at": mark.at, "text": mark.text, "level": level, "floor": 0}]))
        place = alt.X("at", type="quantitative", scale=reach)
        layers.append(
            base.mark_rule(color=mark.colour, strokeWidth=1.5).encode(
                x=place, y=alt.Y("floor", type="quantitative"), y2=alt.Y2("level")
            )
        )
        layers.append(
            base.mark_text(
                align="right" if left else "left", baseline="top", dx=-5 if left else 5, fontSize=11, color=mark.colour
            ).encode(x=place, y=alt.Y("level", type="quantitative"), text=alt.Text("text", type="nominal"))
        )
    return _layered(*layers, width=width, height=height)


# ---------------------------------------------------------------------- heatmap


class Colours(NamedTuple):
    """A scale of colours, and where it is so dark that words on it must be white."""

    scale: alt.Scale
    ink: Callable[[float], str]


def _colours(values: Sequence[float], metric: Metric) -> Colours:
    """Two colours that meet where good and bad do, or the one whose half is seen; else shades of one."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    centre = metric.centre
    if centre is not None and low < centre < high:
        reach = max(centre - low, high - centre)
        scale = alt.Scale(domain=[centre - reach, centre + reach], scheme="redblue")
        return Colours(scale, lambda value: "white" if abs(value - centre) > 0.66 * reach else INK)
    if low == high:
        low, high = low - (abs(low) or 1.0) / 10, high + (abs(high) or 1.0) / 10
    spread = high - low
    if centre is not None and low < centre:  # bad throughout: the worst is darkest
        scheme = alt.SchemeParams(name="redblue", extent=[0.0, 0.45])
        return Colours(
            alt.Scale(domain=[low, high], scheme=scheme), lambda v: "white" if high - v > 0.62 * spread else INK
        )
    if centre is not None:
        scheme = alt.SchemeParams(name="redblue", extent=[0.55, 1.0])
    else:
        scheme = alt.SchemeParams(name="oranges" if metric.less_is_better else "blues", extent=[0.05, 1.0])
    return Colours(alt.Scale(domain=[low, high], scheme=scheme), lambda v: "white" if v - low > 0.62 * spread else INK)


def _check_metric(columns: Sequence[str], metric: str) -> None:
    known = metrics_of(columns)
    if metric not in known:
        raise ValueError(f"no metric {metric!r}; the metrics are {', '.join(known)}")


def _step(count: int, room: float, least: float, most: float) -> float:
    return min(most, max(least, room / count))


def heatmap(result: SweepResult, x: str, y: str, metric: str = "sharpe") -> alt.LayerChart:
    """A metric over two parameters of a sweep.

    Where other parameters vary too, a cell is the median of its sets, and the chart says so; that one lucky set does
    not make a good cell. Cells in which the metric is not defined are grey. Colours part at the value where good and
    bad do: 0 for most ratios, 1 for the profit factor, a half for the win rate. Neighbouring values are joined on an
    axis of more than 60.

    x, y: parameters of the grid. metric: a column of numbers of the result. ValueError for others.
    """
    table = result.table
    columns = table.columns
    parameters = parameters_of(columns)
    for axis in (x, y):
        if axis not in parameters:
            there = f"; the parameters are {', '.join(parameters)}" if parameters else ": this sweep has none"
            raise ValueError(f"no parameter {axis!r}{there}")
    if x == y:
        raise ValueError(f"both axes are {x!r}; a heatmap needs two parameters")
    _check_metric(columns, metric)

    across, up, values = table[x], table[y], table[metric]
    x_labels, y_labels = _labels(across), _labels(up)
    cells: dict[tuple[str, str], list[float | None]] = {}
    for at_x, at_y, value in zip(across, up, values, strict=True):
        cells.setdefault((x_labels[at_x], y_labels[at_y]), []).append(value)

    meaning = METRICS[metric]
    medians = {
        place: statistics.median(defined) if (defined := [v for v in cell if v is not None]) else None
        for place, cell in cells.items()
    }
    colours = _colours([median for median in medians.values() if median is not None], meaning)
    x_order, y_order = list(dict.fromkeys(x_labels.values())), list(dict.fromkeys(y_labels.values()))[::-1]
    written = len(x_order) <= 14 and len(y_order) <= 24
    rows: list[Row] = []
    for (at_x, at_y), cell in cells.items():
        median = medians[at_x, at_y]
        defined = [value for value in cell if value is not None]
        rows.append(
            {
                "x": at_x,
                "y": at_y,
                "value": median,
                "text": _shown(median, meaning.kind) if median is not None else "\N{EN DASH}",
                "ink": colours.ink(median) if median is not None else MUTED,
                "sets": len(cell),
                "defined": len(defined),
                "least": _shown(min(defined, default=None), meaning.kind),
                "most": _shown(max(defined, default=None), meaning.kind),
                "shown": _shown(median, meaning.kind),
            }
        )

    wide = _step(len(x_order), 440, 54 if written else 9, 96)
    if written:
        wide = max(wide, 6.3 * max(len(row["text"]) for row in rows) + 10)
    high = _step(len(y_order), 300, 28 if written else 9, 48)
    width = wide * len(x_order)
    crowded = max(map(len, x_order)) * 6.2 > wide - 4
    upright = {"labelAngle": -90, "labelAlign": "right", "labelBaseline": "middle"} if crowded else {"labelAngle": 0}
    several = max(map(len, cells.values()))
    ordinal: dict[str, Any] = {"domain": False, "ticks": False, "labelPadding": 6, "labelLimit": 140}
    encoding = {
        "x": alt.X(
            "x",
            type="ordinal",
            sort=x_order,
            axis=_axis(x, **ordinal, **upright, labelOverlap="greedy"),
            scale=alt.Scale(paddingInner=0.0),
        ),
        "y": alt.Y("y", type="ordinal", sort=y_order, axis=_axis(y, **ordinal, labelOverlap="greedy")),
        "tooltip": [
            alt.Tooltip("x", type="nominal", title=x),
            alt.Tooltip("y", type="nominal", title=y),
            alt.Tooltip("shown", type="nominal", title=f"median {meaning.words}" if several > 1 else meaning.words),
            *(
                [
                    alt.Tooltip("least", type="nominal", title="least"),
                    alt.Tooltip("most", type="nominal", title="most"),
                    alt.Tooltip("defined", type="quantitative", title="sets with a value"),
                    alt.Tooltip("sets", type="quantitative", title="sets"),
                ]
                if several > 1
                else []
            ),
        ],
    }
    legend = alt.Legend(
        title=None,
        format=FORMATS[meaning.kind],
        gradientLength=min(220.0, max(70.0, high * len(y_order))),
        gradientThickness=10,
        tickCount=5,
        labelColor=INK,
        labelFontSize=10,
        offset=14,
    )
    filled: dict[str, Any] = {"stroke": "white", "strokeWidth": 1 if min(wide, high) >= 14 else 0}
    layers: list[alt.Chart] = []
    grey = [row for row in rows if row["value"] is None]
    if grey:
        layers.append(alt.Chart(_data(grey)).mark_rect(color=GREY, **filled).encode(**encoding))
    coloured = [row for row in rows if row["value"] is not None]
    if coloured:
        layers.append(
            alt.Chart(_data(coloured))
            .mark_rect(**filled)
            .encode(**encoding, color=alt.Color("value", type="quantitative", scale=colours.scale, legend=legend))
        )
    if written:
        layers.append(
            alt.Chart(_data(rows))
            .mark_text(fontSize=11)
            .encode(
                **encoding,
                text=alt.Text("text", type="nominal"),
                color=alt.Color("ink", type="nominal", scale=None, legend=None),
            )
        )
    others = [name for name in parameters if name not in (x, y) and len(set(table[name])) > 1]
    sizes = {len(cell) for cell in cells.values()}
    lines = []
    if several > 1:
        count = str(several) if len(sizes) == 1 else f"{min(sizes)} to {several}"
        over = f", over {_listed(others)}" if others else ""
        lines.append(f"Each cell is the median of {count} sets{over}.")
    joined = [name for name, labels in ((x, x_labels), (y, y_labels)) if len(set(labels.values())) < len(labels)]
    if joined:
        lines.append(f"Neighbouring values of {_listed(joined)} are joined.")
    if grey:
        lines.append(f"Grey: no {meaning.words} is defined.")
    words = meaning.words[0].upper() + meaning.words[1:]
    title = _title(f"{words} by {x} and {y}", lines, max(width, 330))
    return _layered(*layers, width=alt.Step(wide), height=alt.Step(high), title=title)


# ---------------------------------------------------------------------- sweep


def _differing(rows: Sequence[Row], parameters: Sequence[str], table: Any) -> list[str]:
    """For each row what tells it from other sets: "lookback 60, top_k 6"."""
    telling = [name for name in parameters if len(set(table[name])) > 1] or list(parameters)
    return [", ".join(f"{name} {label(row[name])}" for name in telling) for row in rows]


def sweep(result: SweepResult, metric: str = "sharpe", n: int = 10) -> alt.VConcatChart:
    """The equity curves of the `n` best sets of a sweep, above the distribution of the metric over all of its sets.

    The distribution marks the best set, and of the Sharpe ratio what the best of so many sets shows by luck alone. At
    most 50 curves; of long ones some points are drawn, with every high and low of a stretch. ValueError for a metric
    that is not there, or that is nowhere defined.
    """
    if not 1 <= n <= MOST_CURVES:
        raise ValueError(f"n is {n}; it must be from 1 to {MOST_CURVES}")
    table = result.table
    _check_metric(table.columns, metric)
    meaning = METRICS[metric]
    best = result.best(metric, n).rows()
    if not best:
        raise ValueError(f"no set of this sweep has a {meaning.words}")
    names = _differing(best, parameters_of(table.columns), table)

    moments = _moments(result.run(best[0]["id"]).table)
    rows: list[Row] = []
    drawn = bars = 0
    lowest, highest = math.inf, -math.inf
    for rank, (row, name) in enumerate(zip(best, names, strict=True), start=1):
        curve = _multiples(result.curve(row["id"]))
        lowest, highest = min(lowest, *curve), max(highest, *curve)
        kept = _thinned(curve, MOST_ROWS // len(best))
        drawn, bars = max(drawn, len(kept)), len(curve)
        same = {"rank": rank, "id": row["id"], "set": name, "value": _shown(row[metric], meaning.kind)}
        rows.extend({**same, "when": moments[bar] if moments else bar, "multiple": curve[bar]} for bar in kept)

    x, y = _x(moments is not None), _growth_axis(lowest, highest)
    tooltip = [
        alt.Tooltip("rank", type="quantitative"),
        alt.Tooltip("id", type="quantitative", format=",d"),
        alt.Tooltip("set", type="nominal"),
        alt.Tooltip("value", type="nominal", title=meaning.words),
    ]
    curves: list[alt.Chart] = []
    others = [row for row in rows if row["rank"] > 1]
    if others:
        pointed = alt.selection_point(on="pointerover", fields=["id"], empty=False, clear="pointerout")
        curves.append(
            alt.Chart(_data(others))
            .mark_line(strokeJoin="round", color=PALE)
            .encode(
                x=x,
                y=y,
                detail=alt.Detail("id", type="nominal"),
                strokeWidth=alt.when(pointed).then(alt.value(3)).otherwise(alt.value(1)),
                tooltip=tooltip,
            )
            .add_params(pointed)
        )
    first = [row for row in rows if row["rank"] == 1]
    curves.append(
        alt.Chart(_data(first))
        .mark_line(strokeJoin="round", color=BLUE, strokeWidth=1.8)
        .encode(x=x, y=y, detail=alt.Detail("id", type="nominal"), tooltip=tooltip)
    )
    value = _shown(best[0][metric], meaning.kind)
    lines = [f"Blue, the best: set {best[0]['id']:,}{', ' * bool(names[0])}{names[0]}."]
    title = f"The {len(best)} best of {len(result):,} sets" if len(best) > 1 else f"The best of {len(result):,} sets"
    upper = _layered(
        *curves,
        width=WIDTH,
        height=250,
        title=_title(f"{title} by {meaning.words}", [*lines, *_thinning(drawn, bars, "a curve")]),
    )

    values = [value for value in table[metric] if value is not None]
    marks = [Mark(best[0][metric], f"best: {value}", BLUE)]
    lines = []
    luck = result.expected_max_sharpe if metric == "sharpe" else None
    if luck is not None:
        marks.append(Mark(luck, f"expected of the best by luck alone: {_shown(luck, 'ratio')}", RED))
        probability = result.deflated_sharpe
        if probability is not None:
            sure = f"{100 * probability:.1f}%" if probability < 0.999 else "more than 99.9%"
            lines.append(f"Deflated Sharpe ratio: {sure} probability that luck does not explain the best.")
    missing = len(result) - len(values)
    if missing:
        lines.append(f"{missing:,} sets without a {meaning.words} are left out.")
    lower = _distribution(_bins(values, 40), meaning.kind, meaning.words, "sets", marks, WIDTH, 150).properties(
        title=_title(f"All {len(values):,} sets" if not missing else f"{len(values):,} sets", lines, small=True)
    )
    return alt.vconcat(upper, lower, spacing=22)


# ---------------------------------------------------------------------- tear sheet

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def _monthly(dates: Sequence[datetime.date], curve: Sequence[int]) -> list[Row] | None:
    """Returns by month and year; None where months are not what to look at: too few, or more than there are bars."""
    ends: dict[tuple[int, int], int] = {}
    for date, equity in zip(dates, curve, strict=True):
        ends[date.year, date.month] = equity
    first, last = min(ends), max(ends)
    span = 12 * (last[0] - first[0]) + last[1] - first[1] + 1
    if span < 3 or len(ends) < 0.9 * span or len(curve) < 3 * span or last[0] - first[0] >= 60:
        return None
    rows: list[Row] = []
    before = start = curve[0]
    for (year, month), equity in ends.items():
        if month == 1 or not rows:
            start = before
        rows.append({"year": year, "column": MONTHS[month - 1], "value": equity / before - 1 if before > 0 else None})
        before = equity
        if month == 12 or (year, month) == last:
            rows.append({"year": year, "column": "year", "value": equity / start - 1 if start > 0 else None})
    return [row for row in rows if row["value"] is not None]


def _monthly_chart(rows: list[Row]) -> alt.LayerChart:
    months = [row for row in rows if row["column"] != "year"]
    colours = _colours([row["value"] for row in months], Metric("", "part", 0.0))
    for row in rows:
        row["text"] = f"{round(100 * row['value'], 1) + 0.0:.1f}".replace("-", "\N{MINUS SIGN}")
        row["ink"] = colours.ink(row["value"]) if row["column"] != "year" else INK
    order: dict[str, Any] = {"domain": False, "ticks": False, "labelPadding": 5}
    x = alt.X("column", type="ordinal", sort=[*MONTHS, "year"], axis=_axis(None, orient="top", labelAngle=0, **order))
    y = alt.Y("year", type="ordinal", axis=_axis(None, minExtent=34, **order))
    tooltip = [
        alt.Tooltip("year", type="ordinal"),
        alt.Tooltip("column", type="nominal", title="month"),
        alt.Tooltip("value", type="quantitative", title="return", format=".2%"),
    ]
    cells = (
        alt.Chart(_data(months))
        .mark_rect(stroke="white", strokeWidth=1)
        .encode(
            x=x, y=y, tooltip=tooltip, color=alt.Color("value", type="quantitative", scale=colours.scale, legend=None)
        )
    )
    words = alt.Chart(_data(rows)).encode(x=x, y=y, tooltip=tooltip, text=alt.Text("text", type="nominal"))
    ink = alt.Color("ink", type="nominal", scale=None, legend=None)
    figures = words.transform_filter("datum.column != 'year'").mark_text(fontSize=10).encode(color=ink)
    sums = words.transform_filter("datum.column == 'year'").mark_text(fontSize=10, fontWeight=600).encode(color=ink)
    title = _title("Returns by month, in percent", small=True)
    return _layered(cells, figures, sums, width=WIDTH, height=alt.Step(20), title=title)


def _rolling_chart(curve: Sequence[int], moments: Sequence[Any] | None, window: int) -> alt.LayerChart:
    values = [
        equity / before - 1 if before > 0 else 0.0
        for before, equity in zip(curve[:-window], curve[window:], strict=True)
    ]
    rows: list[Row] = [
        {"when": moments[bar + window] if moments else bar + window, "value": values[bar]}
        for bar in _thinned(values, 1500)
    ]
    # From the first bar on, like the charts above.
    rows.insert(0, {"when": moments[0] if moments else 0, "value": None})
    base = alt.Chart(_data(rows))
    line = base.mark_line(color=BLUE, strokeWidth=1.3, strokeJoin="round").encode(
        x=_x(moments is not None), y=_y("value", "return", "part", tickCount=5)
    )
    zero = alt.Chart(_data([{"zero": 0}])).mark_rule(color=MUTED).encode(y=alt.Y("zero", type="quantitative"))
    title = _title(f"Return over the last {window:,} bars", small=True)
    return _layered(zero, line, width=WIDTH, height=120, title=title)


def _facts(backtest: BacktestResult) -> list[tuple[str, str]]:
    metrics = backtest.metrics
    facts = [
        (METRICS[name].words, _shown(getattr(metrics, name), METRICS[name].kind))
        for name in ("total_return", "cagr", "volatility", "sharpe", "sortino", "max_drawdown", "calmar")
    ]
    facts.append(("periods won", f"{_shown(metrics.win_rate, 'part')}" if metrics.win_rate is not None else "none"))
    facts.append(("profit factor", _shown(metrics.profit_factor, "ratio")))
    facts.append(("fees / initial cash", _shown(backtest.fees / backtest.equity_curve[0], "part")))
    facts.append(("turnover / equity", f"{backtest.turnover:,.1f}\N{MULTIPLICATION SIGN}"))
    facts.append(("orders", f"{backtest.n_orders:,}"))
    return facts


def _facts_chart(facts: Sequence[tuple[str, str]], width: float, height: float) -> alt.LayerChart:
    rows = [{"row": number, "name": name, "value": value} for number, (name, value) in enumerate(facts)]
    base = alt.Chart(_data(rows)).encode(
        y=alt.Y("row", type="quantitative", axis=None, scale=alt.Scale(domain=[len(rows) - 0.5, -0.5], nice=False))
    )
    names = base.mark_text(align="left", fontSize=11, color=MUTED).encode(
        x=alt.value(0), text=alt.Text("name", type="nominal")
    )
    values = base.mark_text(align="right", fontSize=11, color=INK, fontWeight=600).encode(
        x=alt.value(width), text=alt.Text("value", type="nominal")
    )
    return _layered(names, values, width=width, height=height)


def tear_sheet(backtest: BacktestResult) -> alt.VConcatChart:
    """A backtest on one page: equity, drawdown, returns by month where there are dates of some months and else over
    the bars before, the distribution of the returns, and the metrics.

    Of long backtests some points are drawn, with every high and low of a stretch.
    """
    table = backtest.table
    moments = _moments(table)
    curve = backtest.equity_curve
    dated = moments is not None
    places: list[Any] = moments if moments is not None else list(range(len(curve)))

    multiples = _multiples(curve)
    kept, found = _thinned(multiples, 1500), _thinned(multiples, 400)
    axes: dict[str, Any] = {"x": _x(dated), "y": _growth_axis(min(multiples), max(multiples))}

    def at(bars: Sequence[int]) -> alt.Chart:
        return alt.Chart(_data([{"when": places[bar], "multiple": multiples[bar]} for bar in bars])).encode(**axes)

    metrics = backtest.metrics
    first, last = (places[0], places[-1]) if not dated else (places[0][:10], places[-1][:10])
    span = f"{first} to {last}, " if dated else ""
    lines = [f"{span}{len(curve):,} bar{'s' * (len(curve) != 1)}.", *_thinning(len(kept), len(curve), "of the equity")]
    if backtest.status != "ok":
        word = {"ruined": "the equity fell to zero", "stopped": "the strategy stopped for good"}[backtest.status]
        lines.insert(1, f"It was {backtest.status}: {word}.")
    change = metrics.total_return
    gain = "" if change is None else f": {'+' if change > 0 else ''}{_shown(change, 'part')}"
    deepest = "" if metrics.max_drawdown is None else f": at most {_shown(metrics.max_drawdown, 'part')}"
    charts: list[Any] = [
        _layered(
            at(kept).mark_line(color=BLUE, strokeWidth=1.6, strokeJoin="round"),
            # Points that nobody sees are what the pointer finds.
            at(found)
            .mark_point(opacity=0, size=80)
            .encode(tooltip=[_when(dated), alt.Tooltip("multiple", type="quantitative", title="equity", format=".4f")]),
            width=WIDTH,
            height=220,
            title=_title(f"Equity{gain}", lines),
        )
    ]

    falls = table["drawdown"]
    rows = [{"when": places[bar], "drawdown": falls[bar]} for bar in _thinned(falls, 1500)]
    area = (
        alt.Chart(_data(rows))
        .mark_area(color=RED, opacity=0.25, line={"color": RED, "strokeWidth": 1})
        .encode(x=_x(dated), y=_y("drawdown", "below the peak", "part", tickCount=4))
    )
    charts.append(_layered(area, width=WIDTH, height=90, title=_title(f"Drawdown{deepest}", small=True)))

    months = _monthly(table["date"], curve) if dated else None
    window = max(2, min(round(metrics.periods_per_year / 4), len(curve) // 4))
    if months:
        charts.append(_monthly_chart(months))
    elif len(curve) > 2 * window:
        charts.append(_rolling_chart(curve, moments, window))

    facts = _facts(backtest)
    returns = backtest.returns
    if returns:
        marks = []
        if metrics.cvar_95 is not None:
            marks.append(Mark(metrics.cvar_95, f"mean of the worst 5%: {_shown(metrics.cvar_95, 'part')}", RED))
        bars = _distribution(_bins(returns, 40), "part", "return of a bar", "bars", marks, 370, 200)
        charts.append(
            alt.hconcat(
                bars.properties(title=_title("Returns", width=370, small=True)),
                _facts_chart(facts, 220, 200).properties(title=_title("In figures", width=220, small=True)),
                spacing=50,
                bounds="flush",
            )
        )
    else:
        charts.append(_facts_chart(facts, 220, 200))
    return alt.vconcat(*charts, spacing=18)


# ---------------------------------------------------------------------- files


def save(chart: alt.TopLevelMixin, path: str | os.PathLike[str]) -> None:
    """Writes a chart as .png, .svg or .html, without a browser or a network.

    A page holds all it needs and shows figures where one points. ValueError for another suffix, ImportError without
    vl-convert, which comes with nanobook-cpp[plot].
    """
    target = Path(path)
    form = target.suffix.lower()
    if form not in (".png", ".svg", ".html"):
        raise ValueError(f"{target}: a chart is saved as .png, .svg or .html, not as {form or 'a file without suffix'}")
    try:
        import vl_convert  # noqa: F401
    except ModuleNotFoundError as error:
        raise ImportError('saving charts needs vl-convert: pip install "nanobook-cpp[plot]"', name=error.name) from None
    # To memory first: a chart that cannot be drawn leaves no file.
    if form == ".png":
        picture = io.BytesIO()
        chart.save(picture, format="png", scale_factor=2)
        target.write_bytes(picture.getvalue())
        return
    text = io.StringIO()
    if form == ".svg":
        chart.save(text, format="svg")
    else:
        chart.save(text, format="html", inline=True)
    target.write_text(text.getvalue(), encoding="utf-8")
