"""Tables of orders and events, in every form that a batch takes; and what the rows of tables must be."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

import nanobook
from nanobook import Event, Exchange
from reference_exchange import MAX_PRICE, MAX_QUANTITY

Row = tuple[Any, ...]
Order = tuple[str, int | None, int, str | None]  # side, price or None for a market order, quantity, tif or None

# ---------------------------------------------------------------------- the tables of an exchange

WORD = pa.dictionary(pa.int8(), pa.utf8())
TRADES = {
    "trade_id": pa.uint64(),
    "price": pa.int64(),
    "quantity": pa.uint64(),
    "aggressor_side": WORD,
    "aggressor_order_id": pa.uint64(),
    "passive_order_id": pa.uint64(),
    "timestamp": pa.uint64(),
}
ORDERS = {
    "order_id": pa.uint64(),
    "side": WORD,
    "price": pa.int64(),
    "original_quantity": pa.uint64(),
    "remaining_quantity": pa.uint64(),
    "filled_quantity": pa.uint64(),
    "cancelled_quantity": pa.uint64(),
    "status": WORD,
    "time_in_force": WORD,
    "timestamp": pa.uint64(),
    "stop_id": pa.uint64(),
}
DEPTH = {
    "side": WORD,
    "level": pa.uint32(),
    "price": pa.int64(),
    "quantity": pa.uint64(),
    "order_count": pa.uint32(),
}
EVENTS = {
    "kind": WORD,
    "side": WORD,
    "price": pa.int64(),
    "stop_price": pa.int64(),
    "limit_price": pa.int64(),
    "quantity": pa.uint64(),
    "tif": WORD,
    "order_id": pa.uint64(),
    "trail_type": WORD,
    "trail_value": pa.float64(),
    "atr_period": pa.uint32(),
    "match_number": pa.uint64(),
    "matching": pa.bool_(),
    "printable": pa.bool_(),
    "symbol": pa.dictionary(pa.int32(), pa.utf8()),
}
RESULTS = {
    "order_id": pa.uint64(),
    "status": WORD,
    "filled_quantity": pa.uint64(),
    "resting_quantity": pa.uint64(),
    "cancelled_quantity": pa.uint64(),
    "error": WORD,
}
POLARS = {
    pa.int64(): pl.Int64,
    pa.uint32(): pl.UInt32,
    pa.uint64(): pl.UInt64,
    pa.float64(): pl.Float64,
    pa.bool_(): pl.Boolean,
    WORD: pl.Categorical,
    EVENTS["symbol"]: pl.Categorical,
}


def trade_rows(trades: Sequence[nanobook.Trade]) -> list[Row]:
    return [tuple(getattr(trade, name) for name in TRADES) for trade in trades]


def order_rows(orders: Sequence[nanobook.Order]) -> list[Row]:
    return [tuple(getattr(order, name) for name in ORDERS) for order in orders]


def depth_rows(book: nanobook.BookSnapshot) -> list[Row]:
    sides = {"buy": book.bids, "sell": book.asks}
    return [(side, number, *level) for side, levels in sides.items() for number, level in enumerate(levels)]


def event_row(event: Event) -> Row:
    """Null where the kind has no such field: what the exchange's own dictionary of it does not say."""
    other_names = {"new_price": "price", "new_quantity": "quantity", "initial_stop_price": "stop_price"}
    fields = {other_names.get(name, name): value for name, value in event.to_dict().items()}
    fields = {"matching": True, "printable": True, "symbol": ""} | fields
    return tuple(fields.get(name) for name in EVENTS)


def event_rows(events: Sequence[Event]) -> list[Row]:
    return [event_row(event) for event in events]


# ---------------------------------------------------------------------- what a batch must answer


def submit_each(exchange: Exchange, orders: Sequence[Order]) -> list[Row]:
    """The rows of a batch, by submitting one order after another."""
    rows = []
    for side, price, quantity, tif in orders:
        if price is None:
            result = exchange.submit_market(side, quantity)
        else:
            result = exchange.submit_limit(side, price, quantity, tif or "gtc")
        rows.append(submit_row(result))
    return rows


def apply_each(exchange: Exchange, events: Sequence[Event]) -> list[Row]:
    return [applied_row(event, exchange.apply(event)) for event in events]


def submit_row(r: nanobook.SubmitResult) -> Row:
    return r.order_id, r.status, r.filled_quantity, r.resting_quantity, r.cancelled_quantity, None


def applied_row(event: Event, result: Any) -> Row:
    match result:
        case nanobook.SubmitResult():
            return submit_row(result)
        case nanobook.StopSubmitResult():
            return result.order_id, result.status, 0, 0, 0, None
        case nanobook.CancelResult():
            return None, None, 0, 0, result.cancelled_quantity, result.error
        case nanobook.PrintResult():
            return None, None, result.quantity, 0, 0, result.error
    if not result.success:
        return None, None, 0, 0, 0, result.error
    # Only a GTC order rests and can be modified, so that the new one is GTC too.
    filled = sum(trade.quantity for trade in result.trades)
    resting = event.new_quantity - filled
    status = "Filled" if resting == 0 else "PartiallyFilled" if filled else "New"
    return result.new_order_id, status, filled, resting, 0, None


# ---------------------------------------------------------------------- columns

INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
TEXTS = [pa.utf8(), pa.large_utf8(), pa.string_view()]
UNUSED = "hold"  # a word that is in dictionaries, but in no row


def polars_type(type_: pa.DataType) -> pl.DataType:
    return pl.Series(pa.array([], type_)).dtype


def greatest(type_: pa.DataType) -> int:
    return 2 ** (type_.bit_width - pa.types.is_signed_integer(type_)) - 1


def entries_of(words: Sequence[str | None]) -> list[str]:
    return [UNUSED, *dict.fromkeys(word for word in words if word is not None)]


def dictionary(words: Sequence[str | None], index: pa.DataType, text: pa.DataType = TEXTS[0]) -> pa.Array:
    entries = entries_of(words)
    indices = [None if word is None else entries.index(word) for word in words]
    return pa.DictionaryArray.from_arrays(pa.array(indices, index), pa.array(entries, text))


TEXT_FORMS: dict[str, Callable[[Sequence[str | None]], Any]] = {
    "polars string": lambda words: pl.Series(words, dtype=pl.String),
    "polars categorical": lambda words: pl.Series(words, dtype=pl.Categorical),
    "polars enum": lambda words: pl.Series(words, dtype=pl.Enum(entries_of(words))),
    **{f"pyarrow {text}": lambda words, text=text: pa.array(words, text) for text in TEXTS},
    **{
        f"pyarrow dictionary of {text}": lambda words, text=text: dictionary(words, INTEGERS[0], text) for text in TEXTS
    },
    **{f"pyarrow dictionary by {index}": lambda words, index=index: dictionary(words, index) for index in INTEGERS},
    "pandas str": lambda words: pd.Series(words, dtype="str"),
    "pandas object": lambda words: pd.Series(words, dtype=object),
    "pandas category": lambda words: pd.Series(words, dtype=pd.CategoricalDtype(entries_of(words))),
}


def table_of(columns: dict[str, Any]) -> Any:
    """A frame of the library that the columns are of. A plain list goes with any."""
    if any(isinstance(column, pl.Series) for column in columns.values()):
        return pl.DataFrame({n: pl.Series(c) if isinstance(c, pa.Array) else c for n, c in columns.items()})
    if any(isinstance(column, pd.Series) for column in columns.values()):
        return pd.DataFrame({n: c.to_pandas() if isinstance(c, pa.Array) else c for n, c in columns.items()})
    return pa.table(columns)


# ---------------------------------------------------------------------- random tables

SPELLINGS = {"buy": ["buy", "buy", "b", "Buy", "BUY"], "sell": ["sell", "sell", "s", "Sell", "SELL"]}
TIFS = st.sampled_from(["gtc", "gtc", "GTC", "ioc", "Ioc", "fok", None])
# Rows that are no orders, before and after those that count.
PADDING = st.integers(0, 9)


@st.composite
def sides(draw: DrawFn, library: str, words: Sequence[str], pads: tuple[int, int]) -> Any:
    """A column of these sides, with rows of nonsense before and after."""
    before, after = pads
    ones, zeros = {"buy": 1, "sell": -1}, {"buy": 0, "sell": 1}
    numbers = [codes for codes in (ones, zeros) if {codes[word] for word in words} != {1}]
    if library != "pandas" and numbers and draw(st.booleans()):
        codes = draw(st.sampled_from(numbers))
        type_ = draw(st.sampled_from(INTEGERS[: 4 if codes is ones else 8]))
        values = [7] * before + [codes[word] for word in words] + [7] * after
        return pl.Series(values, dtype=polars_type(type_)) if library == "polars" else pa.array(values, type_)
    spelled = [draw(st.sampled_from(SPELLINGS[word])) for word in words]
    return texts(draw, library, ["day"] * before + spelled + [None] * after)


def texts(draw: DrawFn, library: str, words: Sequence[str | None]) -> Any:
    names = [name for name in TEXT_FORMS if name.startswith(library)]
    return TEXT_FORMS[draw(st.sampled_from(names))](words)


@st.composite
def integers(draw: DrawFn, library: str, values: Sequence[int | None], pads: tuple[int, int], padding: int) -> Any:
    """A column of any integers that can hold the values."""
    most = max((value for value in values if value is not None), default=0)
    type_ = draw(st.sampled_from([type_ for type_ in INTEGERS if greatest(type_) >= most]))
    padded = [padding] * pads[0] + list(values) + [padding] * pads[1]
    if library == "polars":
        return pl.Series(padded, dtype=polars_type(type_))
    if library == "pandas":
        return pd.Series(padded, dtype=str(type_).replace("i", "I").replace("uI", "UI"))
    return pa.array(padded, type_)


def cut(draw: DrawFn, library: str, table: Any, pads: tuple[int, int]) -> Any:
    """The rows that count, perhaps in several pieces, of which some may be empty."""
    rows = len(table) - sum(pads)
    if library == "pandas":
        return table.iloc[pads[0] : pads[0] + rows]
    if library == "pyarrow" and len(table) > 0 and draw(st.booleans()):
        # Rows of structs: their offset is not that of the columns.
        (structs,) = table.combine_chunks().to_struct_array().chunks
        return structs.slice(pads[0], rows)
    table = table.slice(pads[0], rows)
    cuts = sorted(draw(st.lists(st.integers(0, rows), max_size=4)))
    pieces = [table.slice(a, b - a) for a, b in zip([0, *cuts], [*cuts, rows], strict=True)]
    if library == "polars":
        return pl.concat(pieces, rechunk=False)
    return pa.concat_tables(pieces)


@st.composite
def order_tables(draw: DrawFn) -> tuple[list[Order], Any]:
    """Orders at few prices, and a table of them."""
    limits = st.one_of(st.none(), *[st.integers(97, 103)] * 5, st.just(MAX_PRICE))
    quantities = st.one_of(*[st.integers(1, 20)] * 6, st.sampled_from([2**63, MAX_QUANTITY]))
    one_side = draw(st.sampled_from([["buy"], ["sell"], *[["buy", "sell"]] * 6]))
    orders: list[Order] = draw(st.lists(st.tuples(st.sampled_from(one_side), limits, quantities, TIFS), max_size=25))
    library = draw(st.sampled_from(["polars", "pyarrow", "pandas"]))
    pads = draw(st.tuples(PADDING, PADDING))
    before, after = pads
    columns = {
        "side": draw(sides(library, [order[0] for order in orders], pads)),
        "price": draw(integers(library, [order[1] for order in orders], pads, 0)),
        "quantity": draw(integers(library, [order[2] for order in orders], pads, 0)),
    }
    if draw(st.integers(0, 3)):
        columns["tif"] = texts(draw, library, [None] * before + [order[3] for order in orders] + ["day"] * after)
    else:
        orders = [(side, price, quantity, None) for side, price, quantity, _ in orders]
    rows = len(orders) + before + after
    columns |= draw(st.sampled_from([{}, {"note": [1.5] * rows}, {"": [None] * rows, "Side": ["x"] * rows}]))
    columns = {name: columns[name] for name in draw(st.permutations(list(columns)))}
    return orders, cut(draw, library, table_of(columns), pads)


PRICES = st.integers(97, 103)
QUANTITIES = st.one_of(*[st.integers(1, 20)] * 9, st.just(MAX_QUANTITY))
SIDES = st.sampled_from(["buy", "sell"])
IDS = st.integers(0, 30)
MATCHES = st.sampled_from([0, 1, 2**64 - 1])
TIMES_IN_FORCE = st.sampled_from(["gtc", "gtc", "gtc", "ioc", "fok"])
TRAILS = st.one_of(
    st.tuples(st.just("fixed"), st.integers(1, 4), st.none()),
    st.tuples(st.just("percentage"), st.sampled_from([0.001, 0.015, 0.3, 1e300]), st.none()),
    st.tuples(st.just("atr"), st.sampled_from([0.3, 1.0, 1.7]), st.sampled_from([1, 2, 2**32 - 1])),
)
EVERY_KIND: dict[str, st.SearchStrategy[Event]] = {
    "submit_limit": st.one_of(
        st.builds(Event.submit_limit, SIDES, PRICES, QUANTITIES, TIMES_IN_FORCE),
        st.builds(Event.submit_limit, SIDES, PRICES, QUANTITIES, st.just("gtc"), st.booleans()),
    ),
    "submit_market": st.builds(Event.submit_market, SIDES, QUANTITIES),
    "cancel": st.builds(Event.cancel, IDS),
    "reduce": st.builds(Event.reduce, IDS, st.integers(0, 9)),
    "modify": st.builds(Event.modify, IDS, PRICES, st.integers(0, 9), st.booleans()),
    "submit_stop_market": st.builds(Event.submit_stop_market, SIDES, PRICES, QUANTITIES),
    "submit_stop_limit": st.builds(Event.submit_stop_limit, SIDES, PRICES, PRICES, QUANTITIES, TIMES_IN_FORCE),
    "submit_trailing_stop_market": st.builds(
        lambda side, stop, quantity, trail: Event.submit_trailing_stop_market(side, stop, quantity, *trail),
        SIDES,
        PRICES,
        QUANTITIES,
        TRAILS,
    ),
    "submit_trailing_stop_limit": st.builds(
        lambda side, stop, limit, quantity, trail, tif: Event.submit_trailing_stop_limit(
            side, stop, limit, quantity, trail[0], trail[1], tif, trail[2]
        ),
        SIDES,
        PRICES,
        PRICES,
        QUANTITIES,
        TRAILS,
        TIMES_IN_FORCE,
    ),
    "execute": st.builds(Event.execute, IDS, QUANTITIES, st.none() | PRICES, MATCHES, st.booleans()),
    "trade": st.builds(Event.trade, SIDES, PRICES, QUANTITIES, MATCHES),
}
RANDOM_EVENTS = st.lists(st.one_of(EVERY_KIND["submit_limit"], *EVERY_KIND.values()), max_size=40)


@st.composite
def event_tables(draw: DrawFn, events: nanobook._core.Events) -> Any:
    """The table of a log, as it comes out or as others would write it."""
    library = draw(st.sampled_from(["sequence", "polars", "pyarrow", "pandas"]))
    if library == "sequence":
        return events
    table = pl.DataFrame(events)
    if draw(st.booleans()):
        table = table.with_columns(pl.col(pl.Categorical).cast(pl.String))
    if draw(st.booleans()):
        # What no event has, and what has a default.
        needless = [name for name in table.columns if table[name].null_count() == len(table)]
        needless += ["matching"] * all(table["matching"]) + ["printable"] * all(table["printable"]) + ["symbol"]
        table = table.drop(set(needless) - {"kind"})
    table = table.select(draw(st.permutations(table.columns)))
    nonsense = pl.DataFrame({"kind": ["?", "cancel"]}, schema={"kind": table.schema["kind"]})
    pads = draw(st.sampled_from([(0, 0), (2, 2)]))
    if any(pads):
        table = pl.concat([nonsense, table, nonsense], how="diagonal")
    if library == "pyarrow":
        table = table.to_arrow()
    if library == "pandas":
        table = table.to_pandas(use_pyarrow_extension_array=True)
    return cut(draw, library, table, pads)


# ---------------------------------------------------------------------- many orders, fast


def alternating(rows: int) -> pl.DataFrame:
    """As many orders, of which every second one trades with the one before: for either kind of batch."""
    number = np.arange(rows)
    sides = pl.Series(number % 2).replace_strict({0: "buy", 1: "sell"}, return_dtype=pl.Categorical)
    return pl.DataFrame({"side": sides, "price": 100 + number // 2 % 50}).with_columns(
        kind=pl.lit("submit_limit"), quantity=1
    )
