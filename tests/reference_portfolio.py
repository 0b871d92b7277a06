"""Naive accounting, the model that the portfolio, the backtest and the sweep are compared with.

Written from the specification alone. Money is Python integers and quotients are fractions; doubles appear only where
they are part of what is specified: weight times equity, the factor that shrinks buys, thresholds, the metrics. It is
slow, and meant to be right at a glance.

Decisions where the specification is silent or can be read in two ways
----------------------------------------------------------------------
 1. Sells that would take an unlevered portfolio's cash below zero (fees above proceeds) are left out.
 2. The factor that shrinks buys counts those that pay the minimum fee as paying it whole; see `shrunk`.
 3. A rebalance to the targets of the one just before, at the same prices of what is targeted or held (or the same lack
    of one), does nothing: fees lowered the equity, and without this rule a second call would sell a share or two. Any
    fill in between makes it a new one.
 4. The first entry of a curve is the initial cash, so that entry costs are in the first return. A ruined portfolio is
    flattened at that bar, whose entry is what then is left. Its return is -1, those after it 0.
 5. Stops look at this bar's price, carried if it is missing, at the average entry price as a double, and at the
    highest price since the bar of the entry. What cannot be sold for want of a price is looked at again.
 6. Exits by stops between scheduled bars are no rebalances, but orders like others, and part of the turnover. With a
    lag they are executed at the next bar, as every decision is. On a scheduled bar, a symbol that was stopped is not
    among those that share the weight.
 7. The drawdown stop looks at the equity before the orders that it decides; after it, all that is held is sold, as
    soon as it has a price. Like any decision of the last bar, it comes to nothing there with a lag.
"""

from __future__ import annotations

import datetime
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from statistics import NormalDist
from typing import Any

Prices = Mapping[str, int | None]
Fill = tuple[str, str, int, int, int]  # symbol, side, quantity, fill price, fee

# ---------------------------------------------------------------------- costs and positions


def half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


def rate(bps: float) -> Fraction:
    """A fraction of one; basis points count in hundredths."""
    return Fraction(round(bps * 100), 1_000_000)


@dataclass(frozen=True)
class Costs:
    commission_bps: float = 0
    slippage_bps: float = 0
    min_trade_fee: int = 0

    def fill_price(self, side: str, price: int) -> int:
        return half_up(price * (1 + (1 if side == "buy" else -1) * rate(self.slippage_bps)))

    def fee(self, quantity: int, fill_price: int) -> int:
        if quantity == 0:
            return 0
        return max(half_up(abs(quantity) * fill_price * rate(self.commission_bps)), self.min_trade_fee)


@dataclass
class Position:
    """Average cost; quantity and total cost are positive when long, negative when short."""

    quantity: int = 0
    total_cost: int = 0
    realised_gross: int = 0
    fees: int = 0

    def trade(self, change: int, price: int, fee: int) -> None:
        self.fees += fee
        if self.quantity * change < 0:
            closed = min(abs(change), abs(self.quantity)) * (1 if self.quantity > 0 else -1)
            cost = math.trunc(Fraction(self.total_cost * closed, self.quantity))
            self.realised_gross += closed * price - cost
            self.total_cost -= cost
            self.quantity -= closed
            change += closed
        self.quantity += change
        self.total_cost += change * price

    @property
    def average(self) -> float:
        return float(self.total_cost) / float(self.quantity)


# ---------------------------------------------------------------------- the portfolio


@dataclass
class Report:
    trades: list[Fill] = field(default_factory=list)
    resized: bool = False
    equity: int = 0  # before the trades

    @property
    def traded(self) -> int:
        return sum(quantity * price for _, _, quantity, price, _ in self.trades)

    @property
    def fees(self) -> int:
        return sum(fee for *_, fee in self.trades)


@dataclass
class Portfolio:
    cash: int
    costs: Costs = Costs()
    leverage: float = 1.0
    ruined: bool = False
    positions: dict[str, Position] = field(default_factory=dict)
    latest: Any = None  # what the rebalance just before was asked for

    def __post_init__(self) -> None:
        self.initial_cash = self.cash

    def held(self, symbol: str) -> int:
        return self.positions[symbol].quantity if symbol in self.positions else 0

    def equity(self, prices: Prices) -> int:
        return self.cash + sum(p.quantity * prices[symbol] for symbol, p in self.positions.items() if p.quantity)

    def total(self, name: str) -> int:
        return sum(getattr(position, name) for position in self.positions.values())

    def check_identity(self, prices: Prices) -> None:
        unrealised = sum(p.quantity * prices[s] - p.total_cost for s, p in self.positions.items() if p.quantity)
        gained = self.total("realised_gross") - self.total("fees") + unrealised
        assert self.equity(prices) - self.initial_cash == gained
        assert all(position.quantity or not position.total_cost for position in self.positions.values())

    def rebalance(
        self,
        targets: Mapping[str, float] | None,
        prices: Prices,
        missing: frozenset[str] = frozenset(),
        band_bps: float = 0.0,
    ) -> Report:
        """What is missing has its last price, and is not traded."""
        report = Report(equity=self.equity(prices))
        if targets is None or self.ruined:
            return report
        if report.equity <= 0:
            self.flatten(prices, report)
            return report

        def question() -> Mapping[str, tuple[float, int | None]]:
            held = {symbol: 0.0 for symbol in self.positions if self.held(symbol)}
            return {s: (weight, None if s in missing else prices[s]) for s, weight in (held | dict(targets)).items()}

        if question() == self.latest:
            return report
        changes = {}
        for symbol in {*targets, *self.positions} - missing:
            value = math.floor(float(targets.get(symbol, 0)) * float(report.equity))
            target, held = math.floor(Fraction(value, prices[symbol])), self.held(symbol)
            full_exit = target == 0 and held != 0
            if full_exit or abs(target - held) * prices[symbol] >= rate(band_bps) * report.equity:
                changes[symbol] = target - held
        self.execute(changes, prices, report)
        self.latest = question()
        return report

    def close(self, symbols: set[str], prices: Prices, missing: frozenset[str]) -> Report:
        report = Report(equity=self.equity(prices))
        if report.equity <= 0:
            self.flatten(prices, report)
        else:
            self.execute({symbol: -self.held(symbol) for symbol in symbols - missing}, prices, report)
        return report

    def flatten(self, prices: Prices, report: Report) -> None:
        for symbol in sorted(self.positions):
            self.fill(symbol, -self.held(symbol), prices, report)
        self.ruined = True

    def execute(self, changes: Mapping[str, int], prices: Prices, report: Report) -> None:
        sells = {symbol: change for symbol, change in changes.items() if change < 0}
        buys = {symbol: change for symbol, change in changes.items() if change > 0}

        def proceeds(symbol: str) -> int:
            price = self.costs.fill_price("sell", prices[symbol])
            return -sells[symbol] * price - self.costs.fee(sells[symbol], price)

        if self.leverage <= 1 and self.cash + sum(map(proceeds, sells)) < 0:
            sells = {symbol: change for symbol, change in sells.items() if proceeds(symbol) >= 0}
        for symbol in sorted(sells):
            self.fill(symbol, sells[symbol], prices, report)
        available = self.cash + math.floor(max(0.0, self.leverage - 1) * float(report.equity))
        fill_prices = {symbol: self.costs.fill_price("buy", prices[symbol]) for symbol in buys}
        bought = shrunk(buys, fill_prices, self.costs, available)
        report.resized = bought != buys
        for symbol in sorted(bought):
            self.fill(symbol, bought[symbol], prices, report)

    def fill(self, symbol: str, change: int, prices: Prices, report: Report) -> None:
        if change == 0:
            return
        side = "buy" if change > 0 else "sell"
        price = self.costs.fill_price(side, prices[symbol])
        fee = self.costs.fee(change, price)
        self.positions.setdefault(symbol, Position()).trade(change, price, fee)
        self.cash -= change * price + fee
        self.latest = None
        report.trades.append((symbol, side, abs(change), price, fee))


def shrunk(buys: Mapping[str, int], prices: Mapping[str, int], costs: Costs, available: int) -> Mapping[str, int]:
    """The buys, all smaller by one factor if the cash does not cover them."""

    def cost(quantities: Mapping[str, int]) -> int:
        return sum(q * prices[symbol] + costs.fee(q, prices[symbol]) for symbol, q in quantities.items())

    if cost(buys) <= available:
        return buys
    if available <= 0:
        return {}
    notional = sum(quantity * prices[symbol] for symbol, quantity in buys.items())
    fees = [costs.fee(quantity, prices[symbol]) for symbol, quantity in buys.items()]
    fixed = sum(fee for fee in fees if fee == costs.min_trade_fee)
    factor = max(0.0, float(available - fixed) / float(cost(buys) - fixed))
    step = 1
    while True:
        smaller = {symbol: math.floor(quantity * factor) for symbol, quantity in buys.items()}
        excess = cost(smaller) - available
        if excess <= 0:
            return smaller
        factor = max(0.0, factor - float(excess * step) / float(notional))
        step *= 2


# ---------------------------------------------------------------------- metrics


def metrics(returns: Sequence[float], periods_per_year: float = 252.0, risk_free: float = 0.0) -> dict[str, Any]:
    """Plain formulas in two passes; None where a figure is not defined."""
    n = len(returns)
    excess = [r - risk_free for r in returns]
    mean = math.fsum(excess) / n
    deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in excess) / (n - 1)) if n > 1 else None
    constant = all(r == returns[0] for r in returns)
    downside = math.sqrt(math.fsum(min(x, 0.0) ** 2 for x in excess) / n)
    year = math.sqrt(periods_per_year)

    series = drawdowns(returns)
    ruined = min(series, default=0.0) <= -1
    total = -1.0 if ruined else math.prod(1 + r for r in returns) - 1
    deepest = -min(series, default=0.0)
    try:
        cagr = -1.0 if ruined else (1 + total) ** (periods_per_year / n) - 1
    except OverflowError:
        cagr = None
    gains = [r for r in returns if r > 0]
    losses = [r for r in returns if r < 0]
    tail = sorted(returns)[: int((n - 1) * 0.05) + 1]
    return {
        "total_return": total,
        "cagr": cagr,
        "volatility": None if deviation is None else 0.0 if constant else deviation * year,
        "sharpe": None if constant or deviation is None else mean / deviation * year,
        "sortino": mean * periods_per_year / (downside * year) if any(x < 0 for x in excess) else None,
        "max_drawdown": deepest,
        "calmar": cagr / deepest if deepest > 0 and cagr is not None else None,
        "win_rate": len(gains) / (len(gains) + len(losses)) if gains or losses else None,
        "profit_factor": math.fsum(gains) / -math.fsum(losses) if losses else None,
        "cvar_95": math.fsum(tail) / len(tail),
        "n_periods": n,
        "winning": len(gains),
        "losing": len(losses),
    }


def differences(actual: Any, expected: Mapping[str, Any], tolerance: float = 1e-12) -> dict[str, tuple[Any, Any]]:
    """Of a row or of attributes: doubles may differ by rounding, all else must be the same."""

    def same(name: str, one: Any, other: Any) -> bool:
        if type(one) is not float or type(other) is not float:
            return one == other
        # A tiny drawdown is the difference of two numbers close to 1, and calmar is divided by it.
        blurred = 1e-15 / expected["max_drawdown"] if name == "calmar" else 0
        return math.isclose(one, other, rel_tol=tolerance + blurred, abs_tol=1e-12)

    pairs = {
        name: (actual[name] if isinstance(actual, Mapping) else getattr(actual, name), expected[name])
        for name in expected
    }
    return {name: pair for name, pair in pairs.items() if not same(name, *pair)}


def drawdowns(returns: Sequence[float]) -> list[float]:
    """How far below its highest the wealth is, at most 0; once it is gone, -1."""
    series: list[float] = []
    wealth = highest = 1.0
    for r in returns:
        wealth = wealth * (1 + r) if wealth > 0 else 0.0
        highest = max(highest, wealth)
        series.append(max(wealth, 0.0) / highest - 1)
    return series


def returns_of(curve: Sequence[int]) -> list[float]:
    return [0.0 if b <= 0 else max(-1.0, float(a) / float(b) - 1) for b, a in pairwise(curve)]


def expected_max_sharpe(sharpes: Sequence[float]) -> float:
    """The greatest Sharpe ratio to expect of so many trials without skill (Bailey and Lopez de Prado 2014, eq. 1)."""
    n, mean = len(sharpes), math.fsum(sharpes) / len(sharpes)
    deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in sharpes) / (n - 1))
    euler = 0.5772156649015329
    z = NormalDist().inv_cdf
    return deviation * ((1 - euler) * z(1 - 1 / n) + euler * z(1 - 1 / (n * math.e)))


def deflated_sharpe(returns: Sequence[float], threshold: float) -> float:
    """The probability that the true Sharpe ratio (per period) exceeds the threshold (same paper, eq. 2)."""
    n, mean = len(returns), math.fsum(returns) / len(returns)
    second, third, fourth = (math.fsum((r - mean) ** k for r in returns) / n for k in (2, 3, 4))
    sharpe = mean / math.sqrt(second * n / (n - 1))
    spread = 1 - third / second**1.5 * sharpe + (fourth / second**2 - 1) / 4 * sharpe**2
    return NormalDist().cdf((sharpe - threshold) * math.sqrt(n - 1) / math.sqrt(spread))


# ---------------------------------------------------------------------- the backtest


@dataclass
class Decision:
    targets: Mapping[str, float] | None = None
    exits: set[str] = field(default_factory=set)  # if there are no targets
    stops: bool = False  # for good
    band_bps: float = 0.0


@dataclass
class Result:
    portfolio: Portfolio
    curve: list[int]
    trades: list[tuple[int, str, str, int, int, int]]  # bar, then the fill
    cash: list[int]  # after each bar
    n_rebalances: int
    n_orders: int
    n_resized: int
    turnover: float
    status: str

    @property
    def returns(self) -> list[float]:
        return returns_of(self.curve)

    def row(self, periods_per_year: float = 252.0, risk_free: float = 0.0) -> dict[str, Any]:
        """What a sweep says about it, but for the parameters."""
        return metrics(self.returns, periods_per_year, risk_free) | {
            "final_equity": self.curve[-1],
            "final_cash": self.portfolio.cash,
            "min_cash": min(self.portfolio.initial_cash, *self.cash),
            "fees": self.portfolio.total("fees"),
            "turnover": self.turnover,
            "n_rebalances": self.n_rebalances,
            "n_orders": self.n_orders,
            "n_resized": self.n_resized,
            "n_bars": len(self.curve),
            "status": self.status,
        }


Strategy = Callable[[int, Prices, Portfolio], Mapping[str, float] | None]


def backtest(
    strategy: Strategy | EqualWeight,
    rows: Sequence[Prices],
    initial_cash: int,
    costs: Costs = Costs(),
    *,
    leverage: float = 1.0,
    execution_lag: int = 0,
) -> Result:
    """A missing price is None, and is carried forward."""
    portfolio = Portfolio(initial_cash, costs, leverage)
    prices: dict[str, int | None] = dict.fromkeys(rows[0])
    result = Result(portfolio, [], [], [], 0, 0, 0, 0.0, "ok")
    decision: Decision | None = None

    def carry_out() -> None:
        if decision is None or portfolio.ruined:
            return
        if decision.stops:
            result.status = "stopped"
        if decision.targets is None and not decision.exits:
            return
        if decision.targets is None:
            report = portfolio.close(decision.exits, prices, missing)
        else:
            known = {symbol: weight for symbol, weight in decision.targets.items() if prices[symbol] is not None}
            report = portfolio.rebalance(known, prices, missing, decision.band_bps)
            result.n_rebalances += 1
            result.n_resized += report.resized
        result.turnover += float(report.traded) / float(report.equity) if report.equity > 0 else 0.0
        result.trades += [(bar, *trade) for trade in report.trades]

    for bar, row in enumerate(rows):
        missing = frozenset(symbol for symbol, price in row.items() if price is None)
        prices |= {symbol: price for symbol, price in row.items() if price is not None}
        if execution_lag:
            carry_out()
        if not portfolio.ruined:
            if isinstance(strategy, EqualWeight):
                decision = strategy.decide(bar, prices, missing, portfolio)
            else:
                decision = Decision(strategy(bar, prices, portfolio))
        if not execution_lag:
            carry_out()
        if not portfolio.ruined and portfolio.equity(prices) <= 0:
            report = Report()
            portfolio.flatten(prices, report)
            result.trades += [(bar, *trade) for trade in report.trades]
        if isinstance(strategy, EqualWeight):
            strategy.end_of_bar(prices, portfolio)
        portfolio.check_identity(prices)
        result.curve.append(portfolio.equity(prices) if bar else initial_cash)
        result.cash.append(portfolio.cash)
    result.n_orders = len(result.trades)
    if portfolio.ruined:
        result.status = "ruined"
    return result


def random_rows(rng: random.Random, bars: int, symbols: Sequence[str], missing: float = 0.0) -> list[dict[str, Any]]:
    """Prices that move by up to a tenth a bar, and now and then crash; some are missing."""
    prices = {symbol: rng.choice([3, 500, 20_000]) + rng.randrange(1000) for symbol in symbols}
    rows = []
    for _ in range(bars):
        rows.append({symbol: None if rng.random() < missing else price for symbol, price in prices.items()})
        crash = rng.choices([100, 30], [100, 1])[0]
        prices = {symbol: max(1, price * rng.randint(90, 111) * crash // 10_000) for symbol, price in prices.items()}
    return rows


# ---------------------------------------------------------------------- the strategy of the sweep


@dataclass
class EqualWeight:
    rebalance_every: int | None = None
    rebalance_on: str | None = None
    offset: int = 0
    cash_buffer: float = 0.0
    no_trade_band_bps: float = 0.0
    lookback: int | None = None
    skip: int = 0
    top_k: int | None = None
    min_price: int | None = None
    min_history: int | None = None
    stop_loss_pct: float | None = None
    trailing_stop_pct: float | None = None
    take_profit_pct: float | None = None
    max_drawdown_stop: float | None = None
    dates: Sequence[datetime.date] | None = None
    stopped: bool = False

    def __post_init__(self) -> None:
        self.history: list[dict[str, int | None]] = []  # of carried prices
        self.known: dict[str, int] = {}  # prices that were not missing
        self.highest: dict[str, int] = {}  # of the positions
        self.highest_equity = 0

    def scheduled(self, bar: int) -> bool:
        first = bar - self.offset
        if first < 0:
            return False
        if self.rebalance_on is None:
            every = 1 if self.rebalance_every is None else self.rebalance_every
            return first % every == 0 if every else first == 0
        return first == 0 or self.period(first) != self.period(first - 1)

    def period(self, bar: int) -> tuple[int, ...]:
        date = self.dates[bar]
        return {
            "day": (date.toordinal(),),
            "week": date.isocalendar()[:2],
            "month": (date.year, date.month),
            "quarter": (date.year, (date.month - 1) // 3),
        }[self.rebalance_on]

    def decide(self, bar: int, prices: Prices, missing: frozenset[str], portfolio: Portfolio) -> Decision:
        self.history.append(dict(prices))
        for symbol in set(prices) - missing:
            self.known[symbol] = self.known.get(symbol, 0) + 1
        held = {symbol for symbol in prices if portfolio.held(symbol) > 0}
        equity = portfolio.equity(prices)
        self.highest_equity = max(self.highest_equity, equity, portfolio.initial_cash)
        if self.max_drawdown_stop is not None and equity <= self.highest_equity * (1 - self.max_drawdown_stop):
            self.stopped = True
        if self.stopped:
            return Decision(exits=held, stops=True)
        exits = {symbol for symbol in held if self.leaves(symbol, prices[symbol], portfolio.positions[symbol].average)}
        if not self.scheduled(bar):
            return Decision(exits=exits)
        chosen = self.eligible(prices) - exits
        if self.lookback is not None:
            scores = {symbol: self.score(symbol, bar) for symbol in chosen}
            ranked = sorted((-score, symbol) for symbol, score in scores.items() if score is not None)
            chosen = {symbol for _, symbol in ranked[: self.top_k]}
        weight = portfolio.leverage * (1 - self.cash_buffer) / len(chosen) if chosen else 0.0
        return Decision(dict.fromkeys(chosen, weight), band_bps=self.no_trade_band_bps)

    def leaves(self, symbol: str, price: int, average: float) -> bool:
        peak = max(self.highest.get(symbol, 0), price)
        return (
            (self.stop_loss_pct is not None and price <= average * (1 - self.stop_loss_pct))
            or (self.trailing_stop_pct is not None and price <= peak * (1 - self.trailing_stop_pct))
            or (self.take_profit_pct is not None and price >= average * (1 + self.take_profit_pct))
        )

    def eligible(self, prices: Prices) -> set[str]:
        return {
            symbol
            for symbol, price in prices.items()
            if price is not None and price >= (self.min_price or 0) and self.known[symbol] >= (self.min_history or 0)
        }

    def score(self, symbol: str, bar: int) -> float | None:
        end, start = bar - self.skip, bar - self.skip - self.lookback
        if start < 0 or self.history[start][symbol] is None:
            return None
        return self.history[end][symbol] / self.history[start][symbol] - 1

    def end_of_bar(self, prices: Prices, portfolio: Portfolio) -> None:
        held = {symbol for symbol in prices if portfolio.held(symbol) > 0}
        self.highest = {symbol: max(self.highest.get(symbol, 0), prices[symbol]) for symbol in held}
