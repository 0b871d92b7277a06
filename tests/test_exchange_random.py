"""Random orders, stops, cancels and modifies on few price levels: the engine equals the naive exchange at every step.

What the original engine got wrong shows here: an index that is stale after a fill or a compaction cancels another order.
"""

import pickle
import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from exchange_comparison import ReferenceResult, Twins
from nanobook import Event
from reference_exchange import MAX_QUANTITY

SIDES = st.sampled_from(["buy", "sell"])
TIFS = st.sampled_from(["gtc", "gtc", "gtc", "ioc", "fok"])
LEVELS = st.integers(0, 6)
QUANTITIES = st.one_of(st.integers(1, 4), st.integers(1, 4), st.integers(1, 30))
# A sum of two of the last does not fit into 64 bits.
ANY_QUANTITIES = st.one_of(QUANTITIES, QUANTITIES, QUANTITIES, QUANTITIES, st.just(MAX_QUANTITY))
TRAILS = st.one_of(
    st.tuples(st.just("fixed"), st.integers(1, 4), st.none()),
    st.tuples(st.just("percentage"), st.sampled_from([0.001, 0.01, 0.015, 0.03, 1e300]), st.none()),
    st.tuples(st.just("atr"), st.sampled_from([0.3, 1.0, 1.7, 3.0, 1e300]), st.sampled_from([1, 2, 3, 14])),
)
# An order that rests, a stop that is pending, or just any id; which of them is drawn as well.
IDS = st.tuples(st.sampled_from(["resting", "resting", "pending", "any"]), st.integers(0, 60))
BAD: list[tuple[str, tuple[object, ...]]] = [
    ("submit_limit", ("buy", 100, 0)),
    ("submit_limit", ("sell", 0, 5)),
    ("submit_limit", ("buy", 100, 5, "day")),
    ("submit_market", ("up", 5)),
    ("modify", (1, -1, 5)),
    ("submit_stop_market", ("buy", 100, MAX_QUANTITY + 1)),
    ("submit_stop_limit", ("sell", 100, 0, 5)),
    ("submit_trailing_stop_market", ("buy", 100, 5, "percentage", float("nan"))),
    ("submit_trailing_stop_limit", ("sell", 100, 90, 5, "atr", 2.0, "gtc", 0)),
]
HOUSEKEEPING = ["clear_trades", "clear_order_history", "compact", "copy", "pickle", "replay"]


def price_of(side: str, level: int) -> int:
    """Bids from 96 up to 102, asks from 104 down to 98: they meet in the middle, and something rests."""
    return 96 + level if side == "buy" else 104 - level


class EngineAndReference(RuleBasedStateMachine):
    """Every rule does the same to both, and compares the answers."""

    def __init__(self) -> None:
        super().__init__()
        self.twins = Twins()

    @initialize(
        max_rounds=st.sampled_from([100, 100, 2, 1, 0]),
        orders=st.lists(st.tuples(SIDES, LEVELS, st.integers(1, 4)), max_size=20),
    )
    def start(self, max_rounds: int, orders: list[tuple[str, int, int]]) -> None:
        self.twins = Twins(max_rounds)
        for side, level, quantity in orders:
            self.twins.do("submit_limit", side, price_of(side, level), quantity)

    @rule(side=SIDES, level=LEVELS, quantity=ANY_QUANTITIES, tif=TIFS)
    def submit_limit(self, side: str, level: int, quantity: int, tif: str) -> None:
        self.twins.do("submit_limit", side, price_of(side, level), quantity, tif)

    @rule(side=SIDES, level=LEVELS, quantity=QUANTITIES)
    def submit_another_limit(self, side: str, level: int, quantity: int) -> None:
        self.twins.do("submit_limit", side, price_of(side, level), quantity)

    @rule(side=SIDES, quantity=ANY_QUANTITIES)
    def submit_market(self, side: str, quantity: int) -> None:
        self.twins.do("submit_market", side, quantity)

    @rule(who=IDS)
    def cancel(self, who: tuple[str, int]) -> None:
        self.twins.do("cancel", self.id_of(who))

    @rule(who=IDS, quantity=st.integers(0, 10))
    def reduce(self, who: tuple[str, int], quantity: int) -> None:
        self.twins.do("reduce", self.id_of(who), quantity)

    @rule(who=IDS, side=SIDES, level=LEVELS, quantity=st.one_of(ANY_QUANTITIES, st.just(0)))
    def modify(self, who: tuple[str, int], side: str, level: int, quantity: int) -> None:
        self.twins.do("modify", self.id_of(who), price_of(side, level), quantity)

    @rule(side=SIDES, stop=LEVELS, quantity=ANY_QUANTITIES)
    def submit_stop_market(self, side: str, stop: int, quantity: int) -> None:
        self.twins.do("submit_stop_market", side, 97 + stop, quantity)

    @rule(side=SIDES, stop=LEVELS, limit=LEVELS, quantity=ANY_QUANTITIES, tif=TIFS)
    def submit_stop_limit(self, side: str, stop: int, limit: int, quantity: int, tif: str) -> None:
        self.twins.do("submit_stop_limit", side, 97 + stop, 97 + limit, quantity, tif)

    @rule(side=SIDES, stop=LEVELS, quantity=ANY_QUANTITIES, trail=TRAILS)
    def submit_trailing_stop_market(
        self, side: str, stop: int, quantity: int, trail: tuple[str, float, int | None]
    ) -> None:
        self.twins.do("submit_trailing_stop_market", side, 97 + stop, quantity, *trail)

    @rule(side=SIDES, stop=LEVELS, limit=LEVELS, quantity=ANY_QUANTITIES, tif=TIFS, trail=TRAILS)
    def submit_trailing_stop_limit(
        self, side: str, stop: int, limit: int, quantity: int, tif: str, trail: tuple[str, float, int | None]
    ) -> None:
        kind, value, period = trail
        prices = (97 + stop, 97 + limit)
        self.twins.do("submit_trailing_stop_limit", side, *prices, quantity, kind, value, tif, period)

    @rule(bad=st.sampled_from(BAD))
    def refuse(self, bad: tuple[str, tuple[object, ...]]) -> None:
        self.twins.refuse(*bad)

    @rule(names=st.lists(st.sampled_from(HOUSEKEEPING), min_size=1, max_size=3))
    def keep_house(self, names: list[str]) -> None:
        for name in names:
            self.twins.keep_house(name)

    @invariant()
    def both_are_the_same(self) -> None:
        self.twins.compare()
        self.twins.compare_ids()
        self.twins.reference.check()

    @invariant()
    def a_replay_gives_the_same_state(self) -> None:
        self.twins.compare_replays()

    def teardown(self) -> None:
        """The log survives its journey through text and pickles."""
        events = self.twins.engine.events()
        assert [Event.from_json(event.to_json()) for event in events] == events
        assert pickle.loads(pickle.dumps(list(events))) == events

    def id_of(self, who: tuple[str, int]) -> int:
        group, which = who
        reference = self.twins.reference
        ids = {
            "resting": [order.order_id for order in reference.resting],
            "pending": [stop.order_id for stop in reference.pending_stops()],
            "any": [],
        }[group]
        return ids[which % len(ids)] if ids else which


TestEngineAndReference = EngineAndReference.TestCase
TestEngineAndReference.settings = settings(
    max_examples=150, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


# A plain loop makes longer sequences, in which levels are emptied, compacted and filled again.


class Operations:
    """Random inputs for an exchange. Every seed has its own mix of them, and its own number of price levels."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.levels = self.random.choice([3, 4, 9, 31])
        self.crossing = self.random.choice([0.02, 0.1, 0.3, 1])  # how many prices are those of the other side as well
        self.max_rounds = self.random.choice([100, 100, 100, 3, 1])
        stops, cancels = self.random.choice([0, 1, 3]), self.random.choice([2, 4, 7])
        self.kinds = {
            "submit_limit": 12,
            "submit_market": 1,
            "cancel": cancels,
            "reduce": 1,
            "modify": 2,
            "submit_stop_market": stops,
            "submit_stop_limit": stops,
            "submit_trailing_stop_market": stops,
            "submit_trailing_stop_limit": stops,
        }

    def next(self, twins: Twins) -> tuple[str, tuple[object, ...]]:
        draw = self.random
        (kind,) = draw.choices(list(self.kinds), list(self.kinds.values()))
        (tif,) = draw.choices(["gtc", "ioc", "fok"], [12, 1, 1])
        side = draw.choice(["buy", "sell"])
        price, limit, stop = self.price(side), self.price(side), self.price(draw.choice(["buy", "sell"]))
        quantity = MAX_QUANTITY - draw.randint(0, 2) if draw.random() < 0.004 else draw.randint(1, 20)
        match kind:
            case "submit_limit":
                args: tuple[object, ...] = (side, price, quantity, tif)
            case "submit_market":
                args = (side, quantity)
            case "cancel":
                args = (self.order_id(twins),)
            case "reduce":
                args = (self.order_id(twins), draw.randint(0, 20))
            case "modify":
                args = (self.order_id(twins), price, draw.randint(0, 20))
            case "submit_stop_market":
                args = (side, stop, quantity)
            case "submit_stop_limit":
                args = (side, stop, limit, quantity, tif)
            case "submit_trailing_stop_market":
                args = (side, stop, quantity, *self.trail())
            case _:
                trail_type, value, period = self.trail()
                args = (side, stop, limit, quantity, trail_type, value, tif, period)
        return kind, args

    def price(self, side: str) -> int:
        """Mostly on the side's own half of the levels, so that something rests."""
        level = self.random.randrange(self.levels)
        if self.random.random() >= self.crossing:
            half = self.levels // 2
            level = level % half if side == "buy" else self.levels - 1 - level % half
        return 1000 + level

    def order_id(self, twins: Twins) -> int:
        """Mostly of an order that rests."""
        if twins.reference.resting and self.random.random() < 0.8:
            return self.random.choice(twins.reference.resting).order_id
        return self.random.randint(0, twins.reference.next_order_id)

    def trail(self) -> tuple[str, float, int | None]:
        draw = self.random
        match draw.randrange(3):
            case 0:
                return "fixed", draw.randint(1, self.levels), None
            case 1:
                return "percentage", draw.uniform(0.0001, 0.002 * self.levels), None
            case _:
                return "atr", draw.uniform(0.2, 3), draw.choice([1, 2, 5, 20])


def run(seed: int, steps: int) -> Counter[str]:
    """One sequence. What was met in it: a test that no longer meets it would pass whatever the engine does."""
    operations = Operations(seed)
    twins = Twins(operations.max_rounds)
    met: Counter[str] = Counter()
    for step in range(1, steps + 1):
        kind, args = operations.next(twins)
        try:
            result = twins.do(kind, *args)
            if step % 10 == 0:
                twins.compare()
                twins.compare_ids(operations.random.choices(range(twins.reference.next_order_id + 1), k=5))
            if step % 20 == 0:
                for name in operations.random.sample(HOUSEKEEPING, operations.random.randint(0, 2)):
                    twins.keep_house(name)
                    twins.compare()
        except AssertionError as error:
            error.add_note(f"seed {seed}, step {step}: {kind}{args}, max_rounds={operations.max_rounds}")
            raise
        count(met, kind, result)
    twins.compare()
    twins.compare_ids()
    twins.compare_replays()
    twins.reference.check()
    return met


def count(met: Counter[str], kind: str, result: ReferenceResult) -> None:
    met["operations"] += 1
    if getattr(result, "success", False):
        met[kind] += 1
    met["trades"] += len(getattr(result, "trades", ()))
    fired = getattr(result, "triggered", ())
    met["fired"] += len(fired)
    met["chains"] += len(fired) > 1
    met["limits"] += getattr(result, "round_limit_hit", False)


def test_a_hundred_random_sequences_equal_the_reference() -> None:
    met: Counter[str] = Counter()
    for seed in range(100):
        met += run(seed, 400)
    assert met["operations"] == 40_000
    wanted = {"trades": 5_000, "cancel": 3_000, "reduce": 500, "modify": 1_000, "fired": 3_000, "chains": 300}
    assert {name: met[name] for name, least in wanted.items() if met[name] < least} == {}
    assert met["limits"] > 10


@pytest.mark.parametrize("levels", [1, 2])
def test_cancels_deep_in_a_level_hit_the_order_they_name(levels: int) -> None:
    draw = random.Random(levels)
    twins = Twins()
    for _ in range(300):
        twins.do("submit_limit", "buy", 100 + draw.randrange(levels), draw.randint(1, 9))
    for _ in range(400):
        ids = [order.order_id for order in twins.reference.resting]
        if draw.random() < 0.7:
            twins.do("cancel", draw.choice(ids))
        else:
            twins.do("submit_limit", draw.choice(["buy", "sell"]), 100 + draw.randrange(levels), draw.randint(1, 9))
        twins.compare()
    assert len(ids) < 250


def test_equal_seeds_give_equal_hashes_and_other_seeds_others() -> None:
    def hash_of(seed: int) -> int:
        operations = Operations(seed)
        twins = Twins(operations.max_rounds)
        for _ in range(100):
            kind, args = operations.next(twins)
            twins.do(kind, *args)
        return twins.engine.state_hash()

    hashes = [hash_of(seed) for seed in range(20)]
    assert hashes == [hash_of(seed) for seed in range(20)]
    assert len(set(hashes)) == 20
