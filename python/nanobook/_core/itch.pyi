"""The compiled part of nanobook.itch."""

from collections.abc import Callable, Iterator, Sequence
import os
from typing import Any, Self, overload

import nanobook._core


class Message:
    """What every ITCH message begins with."""

    @property
    def type(self) -> str:
        """The type byte, as a character."""

    @property
    def locate(self) -> int:
        """Names the symbol for one day."""

    @property
    def tracking(self) -> int:
        """Nasdaq's tracking number."""

    @property
    def timestamp(self) -> int:
        """Nanoseconds since midnight, US/Eastern."""

    def as_dict(self) -> dict[str, int | str]:
        """Every field by name."""

class SystemEvent(Message):
    """S: the day's phases."""

    @property
    def event(self) -> str:
        """
        O S Q M E C: start of messages, system hours, market hours; and their ends.
        """

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class StockDirectory(Message):
    """R: names the symbol of a locate."""

    @property
    def stock(self) -> str:
        """The symbol, without padding."""

    @property
    def market_category(self) -> str:
        """Q G S Nasdaq tiers, N NYSE, A American, P Arca, Z BATS, V IEX."""

    @property
    def financial_status(self) -> str:
        """D deficient, E delinquent, Q bankrupt, S suspended, N normal, ..."""

    @property
    def round_lot_size(self) -> int:
        """Shares in a round lot."""

    @property
    def round_lots_only(self) -> str:
        """Y N."""

    @property
    def issue_classification(self) -> str:
        """C common stock, Q exchange-traded fund, ..."""

    @property
    def issue_subtype(self) -> str:
        """Two letters."""

    @property
    def authenticity(self) -> str:
        """P production, T test."""

    @property
    def short_sale_threshold(self) -> str:
        """Y N or blank."""

    @property
    def ipo_flag(self) -> str:
        """Y N or blank."""

    @property
    def luld_tier(self) -> str:
        """1 2 or blank."""

    @property
    def etp_flag(self) -> str:
        """Exchange-traded product: Y N."""

    @property
    def etp_leverage(self) -> int:
        """Leverage factor of the exchange-traded product."""

    @property
    def inverse(self) -> str:
        """Y or N."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class TradingAction(Message):
    """H: state H halted, P paused, Q quotation only, T trading."""

    @property
    def stock(self) -> str:
        """The symbol, without padding."""

    @property
    def state(self) -> str:
        """State: see the message."""

    @property
    def reserved(self) -> str:
        """Reserved."""

    @property
    def reason(self) -> str:
        """Four letters."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class RegSho(Message):
    """Y: action 0 none, 1 restricted since today, 2 still restricted."""

    @property
    def stock(self) -> str:
        """The symbol, without padding."""

    @property
    def action(self) -> str:
        """What happened: see the message."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class MarketParticipantPosition(Message):
    """L: state A E W S D of a market maker."""

    @property
    def mpid(self) -> str:
        """The market participant."""

    @property
    def stock(self) -> str:
        """The symbol, without padding."""

    @property
    def primary(self) -> str:
        """Primary market maker: Y N."""

    @property
    def mode(self) -> str:
        """Market maker mode: N P S R L."""

    @property
    def state(self) -> str:
        """State: see the message."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class MwcbDeclineLevel(Message):
    """V: the market-wide circuit breaker's levels."""

    @property
    def level1(self) -> int:
        """Level 1, 8 decimals."""

    @property
    def level2(self) -> int:
        """Level 2, 8 decimals."""

    @property
    def level3(self) -> int:
        """Level 3, 8 decimals."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class MwcbStatus(Message):
    """W: a circuit breaker level was breached."""

    @property
    def level(self) -> str:
        """Breached level: 1 2 3."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class IpoQuotingPeriod(Message):
    """K: when an IPO is released for quotation."""

    @property
    def stock(self) -> str:
        """The symbol, without padding."""

    @property
    def release_time(self) -> int:
        """Seconds since midnight."""

    @property
    def qualifier(self) -> str:
        """A anticipated release time, C cancelled."""

    @property
    def price(self) -> int:
        """Price, an integer of 4 decimals: 1500000 is $150.00."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class LuldAuctionCollar(Message):
    """J: the price collar of an auction after a pause."""

    @property
    def stock(self) -> str:
        """The symbol, without padding."""

    @property
    def reference(self) -> int:
        """Reference price, 4 decimals."""

    @property
    def upper(self) -> int:
        """Upper bound, 4 decimals."""

    @property
    def lower(self) -> int:
        """Lower bound, 4 decimals."""

    @property
    def extension(self) -> int:
        """Number of extensions of the auction."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class OperationalHalt(Message):
    """h: action H halted, T lifted, on one market centre."""

    @property
    def stock(self) -> str:
        """The symbol, without padding."""

    @property
    def market(self) -> str:
        """Q Nasdaq, B BX, X PSX."""

    @property
    def action(self) -> str:
        """What happened: see the message."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class AddOrder(Message):
    """A: an order rests at the tail of its level."""

    @property
    def ref(self) -> int:
        """Order reference, unique for the day."""

    @property
    def side(self) -> str:
        """B buy, S sell."""

    @property
    def shares(self) -> int:
        """Shares."""

    @property
    def stock(self) -> str:
        """The symbol, without padding."""

    @property
    def price(self) -> int:
        """Price, an integer of 4 decimals: 1500000 is $150.00."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class AddOrderMpid(Message):
    """F: as AddOrder, with the market participant."""

    @property
    def ref(self) -> int:
        """Order reference, unique for the day."""

    @property
    def side(self) -> str:
        """B buy, S sell."""

    @property
    def shares(self) -> int:
        """Shares."""

    @property
    def stock(self) -> str:
        """The symbol, without padding."""

    @property
    def price(self) -> int:
        """Price, an integer of 4 decimals: 1500000 is $150.00."""

    @property
    def attribution(self) -> str:
        """The market participant whose order it is."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class OrderExecuted(Message):
    """E: shares off an order, printed at its price."""

    @property
    def ref(self) -> int:
        """Order reference, unique for the day."""

    @property
    def shares(self) -> int:
        """Shares."""

    @property
    def match(self) -> int:
        """Match number of the execution."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class OrderExecutedWithPrice(Message):
    """C: shares off an order, printed at another price."""

    @property
    def ref(self) -> int:
        """Order reference, unique for the day."""

    @property
    def shares(self) -> int:
        """Shares."""

    @property
    def match(self) -> int:
        """Match number of the execution."""

    @property
    def printable(self) -> str:
        """Y, or N where a cross prints the shares again."""

    @property
    def price(self) -> int:
        """Price, an integer of 4 decimals: 1500000 is $150.00."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class OrderCancel(Message):
    """X: shares off an order, which keeps its place."""

    @property
    def ref(self) -> int:
        """Order reference, unique for the day."""

    @property
    def shares(self) -> int:
        """Shares."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class OrderDelete(Message):
    """D: erases an order."""

    @property
    def ref(self) -> int:
        """Order reference, unique for the day."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class OrderReplace(Message):
    """U: erases one order and appends another, as one change."""

    @property
    def old_ref(self) -> int:
        """Reference of the order that is replaced."""

    @property
    def new_ref(self) -> int:
        """Reference of the order that replaces."""

    @property
    def shares(self) -> int:
        """Shares."""

    @property
    def price(self) -> int:
        """Price, an integer of 4 decimals: 1500000 is $150.00."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class Trade(Message):
    """P: an execution against a hidden order."""

    @property
    def ref(self) -> int:
        """Order reference, unique for the day."""

    @property
    def side(self) -> str:
        """B buy, S sell."""

    @property
    def shares(self) -> int:
        """Shares."""

    @property
    def stock(self) -> str:
        """The symbol, without padding."""

    @property
    def price(self) -> int:
        """Price, an integer of 4 decimals: 1500000 is $150.00."""

    @property
    def match(self) -> int:
        """Match number of the execution."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class CrossTrade(Message):
    """Q: an auction's bulk print."""

    @property
    def shares(self) -> int:
        """Shares."""

    @property
    def stock(self) -> str:
        """The symbol, without padding."""

    @property
    def price(self) -> int:
        """Price, an integer of 4 decimals: 1500000 is $150.00."""

    @property
    def match(self) -> int:
        """Match number of the execution."""

    @property
    def cross_type(self) -> str:
        """O opening, C closing, H halt or IPO, A extended trading close."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class BrokenTrade(Message):
    """B: takes an execution back."""

    @property
    def match(self) -> int:
        """Match number of the execution."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class Noii(Message):
    """I: net order imbalance before an auction."""

    @property
    def paired(self) -> int:
        """Shares paired at the reference price."""

    @property
    def imbalance(self) -> int:
        """Shares not paired."""

    @property
    def direction(self) -> str:
        """Side of the imbalance: B S N (none) O (too few orders) P (paused)."""

    @property
    def stock(self) -> str:
        """The symbol, without padding."""

    @property
    def far(self) -> int:
        """Far indicative clearing price, 4 decimals."""

    @property
    def near(self) -> int:
        """Near indicative clearing price, 4 decimals."""

    @property
    def reference(self) -> int:
        """Reference price, 4 decimals."""

    @property
    def cross_type(self) -> str:
        """O opening, C closing, H halt or IPO, A extended trading close."""

    @property
    def variation(self) -> str:
        """Price variation indicator."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class RetailPriceImprovement(Message):
    """N: retail interest."""

    @property
    def stock(self) -> str:
        """The symbol, without padding."""

    @property
    def interest(self) -> str:
        """Retail interest: B S A (both) N (none)."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class DirectListing(Message):
    """O: a direct listing with a capital raise."""

    @property
    def stock(self) -> str:
        """The symbol, without padding."""

    @property
    def eligibility(self) -> str:
        """Y or N: may the security be released for trading."""

    @property
    def min(self) -> int:
        """Lower price of the range, 4 decimals."""

    @property
    def max(self) -> int:
        """Upper price of the range, 4 decimals."""

    @property
    def near(self) -> int:
        """Near indicative clearing price, 4 decimals."""

    @property
    def near_time(self) -> int:
        """Nanoseconds since midnight."""

    @property
    def lower(self) -> int:
        """Lower bound, 4 decimals."""

    @property
    def upper(self) -> int:
        """Upper bound, 4 decimals."""

    def __bytes__(self) -> bytes: ...

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

class Finding:
    """One odd thing in a stream."""

    @property
    def oddity(self) -> str:
        """Its kind."""

    @property
    def type(self) -> str:
        """Type of the message, or '' where the bytes do not reach it."""

    @property
    def offset(self) -> int:
        """Where the message's frame begins, in bytes."""

    @property
    def number(self) -> int:
        """The reference, match number, length or byte count concerned."""

    def __str__(self) -> str: ...

    def __repr__(self) -> str: ...

class Report:
    """
    What was odd about a stream: nothing odd is lost, and the first keeps its place.
    """

    def counts(self) -> dict[str, dict[str, int]]:
        """By kind, then by message type; empty where all was well."""

    def count(self, oddity: str) -> int:
        """Of one kind, over all message types."""

    @property
    def first(self) -> Finding | None:
        """The first odd thing, or None."""

    @property
    def truncated_at(self) -> int | None:
        """
        Where the message begins, in bytes, that the end of the stream cuts off; or None.
        """

    def __bool__(self) -> bool: ...

    def __repr__(self) -> str: ...

class MappedFile:
    """A file's bytes, mapped into memory."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """OSError where the file is missing, a directory, or not readable."""

    def __len__(self) -> int: ...

class Summary:
    """One pass over a stream that builds no books."""

    def __init__(self, strict: bool = ...) -> None: ...

    @overload
    def feed(self, chunk: bytes) -> bool:
        """The next bytes of the stream, cut anywhere. False once it has stopped."""

    @overload
    def feed(self, file: MappedFile, begin: int, size: int) -> bool:
        """A piece of a mapped file."""

    def finish(self) -> None:
        """There are no more bytes."""

    @property
    def report(self) -> Report:
        """What was odd about the stream."""

    @property
    def counts(self) -> dict[str, int]:
        """Messages by type."""

    @property
    def message_count(self) -> int:
        """Messages taken."""

    @property
    def zero_prefixed(self) -> bool:
        """Every length prefix is 0."""

    @property
    def end_of_session(self) -> bool:
        """A length of 0 ended the stream."""

    def symbols(self) -> dict[str, int]:
        """Messages by symbol, in order of locate."""

    @property
    def first_time(self) -> int | None:
        """Of the first message, in nanoseconds since midnight."""

    @property
    def last_time(self) -> int | None:
        """Of the last message, in nanoseconds since midnight."""

class Decoder:
    """Messages of some types and symbols, as records."""

    def __init__(self, types: str, symbols: Sequence[str], strict: bool = ...) -> None: ...

    @overload
    def feed(self, chunk: bytes) -> list[Message]:
        """The records that `chunk` completes."""

    @overload
    def feed(self, file: MappedFile, begin: int, size: int) -> list[Message]:
        """The records in a piece of a mapped file."""

    def finish(self) -> None:
        """There are no more bytes."""

    @property
    def report(self) -> Report:
        """What was odd about the stream."""

    @property
    def counts(self) -> dict[str, int]:
        """Messages by type."""

    @property
    def message_count(self) -> int:
        """Messages taken."""

    @property
    def zero_prefixed(self) -> bool:
        """Every length prefix is 0."""

    @property
    def end_of_session(self) -> bool:
        """A length of 0 ended the stream."""

class Replay:
    """Messages to the books of all symbols, or of some. Nothing is matched."""

    def __init__(self, symbols: Sequence[str] = ..., until: int | None = ..., strict: bool = ...) -> None: ...

    @overload
    def feed(self, chunk: bytes) -> bool:
        """The next bytes of the stream, cut anywhere. False once it has stopped."""

    @overload
    def feed(self, file: MappedFile, begin: int, size: int) -> bool:
        """A piece of a mapped file."""

    def finish(self) -> None:
        """There are no more bytes."""

    @property
    def report(self) -> Report:
        """What was odd about the stream."""

    @property
    def counts(self) -> dict[str, int]:
        """Messages by type."""

    @property
    def message_count(self) -> int:
        """Messages taken."""

    @property
    def zero_prefixed(self) -> bool:
        """Every length prefix is 0."""

    @property
    def end_of_session(self) -> bool:
        """A length of 0 ended the stream."""

    def best_bid_ask(self, symbol: str) -> tuple[int | None, int | None]:
        """
        Prices of the best bid and ask, 4 decimals; None for an empty side. KeyError for an unknown symbol.
        """

    def depth(self, symbol: str, n: int = ...) -> nanobook._core.BookSnapshot:
        """The best `n` levels a side. KeyError for an unknown symbol."""

    def orders(self, symbol: str) -> list[tuple[int, str, int, int]]:
        """
        Every resting order (ref, side, price, shares): bids, then asks; best price first, then by arrival.
        """

    def queue_ahead(self, ref: int) -> int:
        """
        Shares that rest before an order at its price. KeyError where it does not rest.
        """

    def listings(self) -> list[tuple[str, int, str, int, int, int | None, int]]:
        """
        Of every symbol, by locate: symbol, locate, state, volume, trades, last price, live orders.
        """

    @property
    def live_orders(self) -> int:
        """Resting orders, over all symbols."""

    @property
    def out_of_order_executions(self) -> int:
        """Executions of an order that was not first in its queue."""

    @property
    def time(self) -> int:
        """Of the last message applied, in nanoseconds since midnight."""

def length_of_type(type: str) -> int:
    """Bytes of a message of that type; 0 for a type unknown to ITCH 5.0."""

def synthesize(path: str | os.PathLike[str], messages: int, symbols: int, seed: int, all_types: bool = False, progress: Callable[[int, int], object] | None = None) -> None:
    """
    Writes a synthetic day. ValueError where the numbers do not fit each other, OSError where the file cannot be
    written.
    """

class EventIterator:
    """The events of a stream, one by one."""

    def __iter__(self) -> EventIterator: ...

    def __next__(self) -> nanobook._core.Event: ...

class Feed:
    """Tells an exchange a stream of events in parts."""

    def __init__(self, events: EventStream, exchange: nanobook._core.Exchange | nanobook._core.MultiExchange) -> None: ...

    def run(self, count: int | None = ..., until: int | None = ...) -> int:
        """
        Up to `count` events, and none later than `until`; how many there were.
        """

    def __iter__(self) -> Self: ...

    def __next__(self) -> nanobook._core.Event:
        """Tells one event, and gives it."""

class EventStream:
    """A stream of bytes as events of an exchange, like a list."""

    def __init__(self, chunks: Callable[[], Iterator[tuple[Any, ...]]], finish: Callable[[Report], object], symbols: Sequence[str] = ..., until: int | None = None, strict: bool = False) -> None:
        """
        `chunks` begins a pass: an iterator of what `feed` of a reader takes. `finish` hears its report.
        """

    def __len__(self) -> int:
        """How many events there are. The first time it reads the whole file."""

    def __bool__(self) -> bool:
        """Whether there is any event at all."""

    @overload
    def __getitem__(self, index: slice) -> list[nanobook._core.Event]: ...

    @overload
    def __getitem__(self, index: int) -> nanobook._core.Event: ...

    def __iter__(self) -> EventIterator:
        """The events in order, by a pass of its own."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        """
        Tables one by one, as the reader asks for them: polars.DataFrame(events) makes one table.
        """

    @property
    def price_scale(self) -> int:
        """Decimals of every price: 4, so that 1_500_000 is $150.00."""

    @property
    def symbols(self) -> list[str]:
        """Those that have events, sorted. Like len."""

    @property
    def report(self) -> Report:
        """What was odd about the stream. Like len."""

class FramingFinding:
    """One odd thing about a wrapping."""

    @property
    def oddity(self) -> str:
        """Its kind."""

    @property
    def offset(self) -> int:
        """Of the packet or message, in bytes of the file."""

    @property
    def number(self) -> int:
        """
        The first sequence number missing, the length, link or packet type, or byte count concerned.
        """

    @property
    def count(self) -> int:
        """Messages missing, where it is a gap."""

    def __str__(self) -> str: ...

    def __repr__(self) -> str: ...

class Gap:
    """Messages in a row that never came."""

    @property
    def session(self) -> str:
        """Whose numbers they are."""

    @property
    def first(self) -> int:
        """The first sequence number that is missing."""

    @property
    def count(self) -> int:
        """How many are missing."""

    @property
    def offset(self) -> int:
        """Of the packet that comes behind it, in bytes of the file."""

    def __repr__(self) -> str: ...

class FeedSession:
    """A session of MoldUDP64 or SoupBinTCP, which numbers its messages."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def first(self) -> int:
        """
        The first number that is there: those before it were sent before the capture began.
        """

    @property
    def next(self) -> int:
        """The number behind the last one."""

    @property
    def ended(self) -> bool:
        """Its end was captured."""

    def __repr__(self) -> str: ...

class FramingReport:
    """
    What a wrapping told of its messages: which are missing, came twice, or could not be read.
    """

    def counts(self) -> dict[str, int]:
        """Odd things by kind; empty where all was well."""

    @property
    def first(self) -> FramingFinding | None:
        """The first odd thing, or None."""

    @property
    def truncated_at(self) -> int | None:
        """
        Where the packet or message begins, in bytes, that the end of the file cuts off; or None.
        """

    @property
    def gaps(self) -> list[Gap]:
        """The gaps, in order; the first 4,096 of them."""

    @property
    def missing(self) -> int:
        """Messages that are missing, over all gaps."""

    @property
    def duplicates(self) -> int:
        """Messages whose number had been: of a second line, or sent again."""

    @property
    def messages(self) -> int:
        """Messages handed out."""

    @property
    def packets(self) -> int:
        """Packets of the capture, or of SoupBinTCP."""

    @property
    def unrelated(self) -> int:
        """Of them, those that bear no message: other traffic, logins, debugging."""

    @property
    def heartbeats(self) -> int:
        """Packets that say that the line is alive, or has ended."""

    @property
    def sessions(self) -> list[FeedSession]:
        """In the order in which they began."""

    def __bool__(self) -> bool: ...

    def __repr__(self) -> str: ...

class Unwrapper:
    """A stream in another wrapping to a stream of lengths and messages."""

    def __init__(self, framing: str, strict: bool = ...) -> None:
        """ValueError where there is no such framing."""

    @overload
    def feed(self, chunk: bytes) -> bytes:
        """
        The messages that the next bytes of the stream complete, each behind its length.
        """

    @overload
    def feed(self, file: MappedFile, begin: int, size: int) -> bytes:
        """Those that a piece of a mapped file completes."""

    def finish(self) -> bytes:
        """There are no more bytes: the messages that were held back."""

    @property
    def first(self) -> FramingFinding | None:
        """The first odd thing, or None."""

    @property
    def report(self) -> FramingReport:
        """What the wrapping told so far."""

@overload
def detect_framing(head: bytes) -> str:
    """
    The framing of a stream that begins so: binaryfile unless it is another beyond doubt.
    """

@overload
def detect_framing(file: MappedFile, begin: int, size: int) -> str:
    """The same of a piece of a mapped file."""

class Lobster:
    """Writes LOBSTER's two files of each symbol."""

    def __init__(self, symbols: Sequence[str], paths: Sequence[tuple[str | os.PathLike[str], str | os.PathLike[str]]], levels: int, start: int = 0, until: int | None = None, strict: bool = False) -> None: ...

    @overload
    def feed(self, chunk: bytes) -> bool:
        """The next bytes of the stream, cut anywhere. False once it has stopped."""

    @overload
    def feed(self, file: MappedFile, begin: int, size: int) -> bool:
        """A piece of a mapped file."""

    def finish(self) -> None:
        """There are no more bytes."""

    @property
    def report(self) -> Report:
        """What was odd about the stream."""

    @property
    def counts(self) -> dict[str, int]:
        """Messages by type."""

    @property
    def message_count(self) -> int:
        """Messages taken."""

    @property
    def zero_prefixed(self) -> bool:
        """Every length prefix is 0."""

    @property
    def end_of_session(self) -> bool:
        """A length of 0 ended the stream."""

    def missing(self) -> list[str]:
        """The symbols that the stream does not name."""

    def commit(self) -> None:
        """Gives the files their names."""

    def discard(self) -> None:
        """Removes what is not committed; nothing may be fed after that."""

class Filter:
    """The messages chosen by type, symbol and time, as they were."""

    def __init__(self, types: str = ..., symbols: Sequence[str] = ..., start: int | None = ..., until: int | None = ..., strict: bool = ...) -> None: ...

    @overload
    def feed(self, chunk: bytes) -> bool:
        """The next bytes of the stream, cut anywhere. False once it has stopped."""

    @overload
    def feed(self, file: MappedFile, begin: int, size: int) -> bool:
        """A piece of a mapped file."""

    def finish(self) -> None:
        """There are no more bytes."""

    @property
    def report(self) -> Report:
        """What was odd about the stream."""

    @property
    def counts(self) -> dict[str, int]:
        """Messages by type."""

    @property
    def message_count(self) -> int:
        """Messages taken."""

    @property
    def zero_prefixed(self) -> bool:
        """Every length prefix is 0."""

    @property
    def end_of_session(self) -> bool:
        """A length of 0 ended the stream."""

    def take(self) -> bytes:
        """
        What was chosen since the last call, framed; after finish() for the last time.
        """

    @property
    def written(self) -> int:
        """Messages chosen."""

    def symbols(self) -> list[str]:
        """
        The symbols that the stream named, in order of locate; none where all are wanted.
        """

class Truths:
    """A replay that watches what is true of every whole day."""

    def __init__(self, strict: bool = ...) -> None: ...

    @overload
    def feed(self, chunk: bytes) -> bool:
        """The next bytes of the stream, cut anywhere. False once it has stopped."""

    @overload
    def feed(self, file: MappedFile, begin: int, size: int) -> bool:
        """A piece of a mapped file."""

    def finish(self) -> None:
        """There are no more bytes."""

    @property
    def report(self) -> Report:
        """What was odd about the stream."""

    @property
    def counts(self) -> dict[str, int]:
        """Messages by type."""

    @property
    def message_count(self) -> int:
        """Messages taken."""

    @property
    def zero_prefixed(self) -> bool:
        """Every length prefix is 0."""

    @property
    def end_of_session(self) -> bool:
        """A length of 0 ended the stream."""

    @property
    def live_orders(self) -> int:
        """Resting orders, over all symbols."""

    @property
    def peak_live_orders(self) -> int:
        """The most orders that rested at any time."""

    @property
    def market_opened(self) -> bool:
        """The event Q was seen."""

    @property
    def messages_ended(self) -> bool:
        """The event C was seen."""

    @property
    def first_crossed(self) -> tuple[str, int, int, int] | None:
        """
        The first book that was crossed while it should not: symbol, since when, bid, ask; or None.
        """

    def crossed(self) -> dict[str, int]:
        """How often, by symbol."""

    def volumes(self) -> dict[str, int]:
        """Shares printed, by symbol, in order of locate."""

    def closing_prices(self) -> dict[str, int]:
        """
        Price of the closing cross, 4 decimals, of each symbol that had one with shares.
        """

class Batches:
    """A table in memory. pl.DataFrame(table), pa.table(table) read it."""

    def __len__(self) -> int: ...

    @property
    def columns(self) -> list[str]:
        """Their names."""

    def extend(self, more: Batches) -> None:
        """Adds the rows of another of the same columns."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The table as an Arrow stream."""

    def __repr__(self) -> str: ...

class BrokenTrades:
    """The trades that a day takes back, by match number."""

    def __init__(self) -> None: ...

    def __len__(self) -> int: ...

class Table:
    """
    A table of an ITCH file, which is read when the table is: pl.DataFrame(table), pa.table(table).
    """

    def __init__(self, tables: Sequence[str], chunks: object, finish: object, scan: object, symbols: Sequence[str] = ..., start: int = ..., until: int | None = ..., strict: bool = ..., midnight: int | None = ..., depth: int = ..., depth_interval: int = ..., bar_interval: int = ..., decimal_prices: bool = ..., threads: int = ..., broken: BrokenTrades | None = ...) -> None:
        """
        tables: names of tables, or one type of message. `chunks` and `scan` begin a pass: an iterator of what `feed` of a reader takes; `scan` is the one that looks for broken trades, unless they are given. `finish` hears the report. Times are in nanoseconds.
        """

    @property
    def columns(self) -> list[str]:
        """Their names."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """
        The table as an Arrow stream, read from the file batch by batch as the consumer asks.
        """

class TablesIterator:
    """Several tables in one pass, batch by batch."""

    def __init__(self, tables: Sequence[str], chunks: object, finish: object, scan: object, symbols: Sequence[str] = ..., start: int = ..., until: int | None = ..., strict: bool = ..., midnight: int | None = ..., depth: int = ..., depth_interval: int = ..., bar_interval: int = ..., decimal_prices: bool = ..., threads: int = ..., broken: BrokenTrades | None = ...) -> None:
        """
        tables: names of tables, or one type of message. `chunks` and `scan` begin a pass: an iterator of what `feed` of a reader takes; `scan` is the one that looks for broken trades, unless they are given. `finish` hears the report. Times are in nanoseconds.
        """

    def __iter__(self) -> TablesIterator: ...

    def __next__(self) -> tuple[str, Batches]: ...

    def no_rows(self) -> dict[str, Batches]:
        """The tables by name, before anything is read."""

    @property
    def broken(self) -> BrokenTrades:
        """The trades that were taken back so far."""

    @property
    def broken_rows(self) -> dict[int, int]:
        """
        The same by match number, with the number of rows of trades that came before each was.
        """

class LiveTables:
    """Tables and books of a stream that goes on."""

    def __init__(self, tables: Sequence[str], symbols: Sequence[str] = ..., strict: bool = ..., midnight: int | None = ..., depth: int = ..., depth_interval: int = ..., bar_interval: int = ..., decimal_prices: bool = ..., framing: str = ..., window: int = ...) -> None:
        """Times are in nanoseconds."""

    def feed(self, chunk: bytes) -> dict[str, Batches]:
        """
        The next bytes of the stream, cut anywhere; new rows by the name of their table.
        """

    def feed_datagram(self, datagram: bytes) -> dict[str, Batches]:
        """
        The same of one MoldUDP64 datagram; ValueError where the framing is another.
        """

    def finish(self) -> dict[str, Batches]:
        """There are no more bytes."""

    @property
    def replay(self) -> Replay:
        """The books, as they are now."""

    @property
    def unwrapper(self) -> Unwrapper:
        """What takes off the framing."""
