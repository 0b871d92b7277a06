"""A portfolio: what trades cost, how positions are kept, what a rebalance does and refuses, and how it is kept."""

import copy
import json
import math
import pickle
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.strategies import DrawFn

import nanobook
import reference_portfolio as reference
from nanobook import CostModel, Portfolio

Targets = Mapping[str, float] | None
NO_COSTS = (0, 0, 0)


def fills(report: Any) -> list[reference.Fill]:
    """Sorted: which of several sells comes first is nobody's business."""
    return sorted((fill.symbol, str(fill.side), fill.quantity, fill.price, fill.fee) for fill in report.trades)


def quantities(portfolio: Portfolio) -> dict[str, int]:
    return {symbol: position.quantity for symbol, position in portfolio.positions().items() if position.quantity}


def check_identity(portfolio: Portfolio, prices: Mapping[str, int]) -> None:
    gained = portfolio.total_equity(prices) - portfolio.initial_cash
    assert gained == portfolio.realised_gross - portfolio.fees + portfolio.unrealised(prices)


def assert_same(portfolio: Portfolio, expected: reference.Portfolio, prices: Mapping[str, int]) -> None:
    """To the cent, in everything."""
    names = ("quantity", "total_cost", "realised_gross", "fees")

    def rows(positions: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
        return {symbol: tuple(getattr(position, name) for name in names) for symbol, position in positions.items()}

    assert rows(portfolio.positions()) == rows(expected.positions)
    assert (portfolio.cash, portfolio.ruined) == (expected.cash, expected.ruined)
    assert portfolio.total_equity(prices) == expected.equity(prices)
    assert (portfolio.realised_gross, portfolio.fees) == (expected.total("realised_gross"), expected.total("fees"))
    check_identity(portfolio, prices)


def rebalanced(targets: Targets, prices: Mapping[str, int], cash: int = 1_000_000, **options: Any) -> Portfolio:
    """A new portfolio after one rebalance."""
    portfolio = Portfolio(cash, **options)
    portfolio.rebalance_simple(targets, prices)
    return portfolio


# ---------------------------------------------------------------------- the cost model


def test_nothing_costs_nothing_by_default() -> None:
    costs = CostModel()
    assert costs == CostModel.zero() == CostModel(0, 0, 0)
    assert (costs.commission_bps, costs.slippage_bps, costs.min_trade_fee) == (0.0, 0.0, 0)
    assert (costs.fill_price("buy", 101), costs.fill_price("sell", 101), costs.commission(12345)) == (101, 101, 0)


@pytest.mark.parametrize(
    ("side", "price", "bps", "expected"),
    [
        ("buy", 10_000, 5, 10_005),
        ("sell", 10_000, 5, 9_995),
        ("buy", 100, 50, 101),  # 100.5 up
        ("sell", 100, 50, 100),  # 99.5 up
        ("buy", 100, 49, 100),
        ("sell", 100, 51, 99),
        ("buy", 1, 4_999, 1),
        ("sell", 1, 5_001, 0),
        ("buy", 10_000, 0.5, 10_001),
        ("sell", 1_000_000, 0.01, 999_999),
    ],
)
def test_slippage_moves_the_price_against_the_trader_and_rounds_to_the_nearest(
    side: str, price: int, bps: float, expected: int
) -> None:
    assert CostModel(slippage_bps=bps).fill_price(side, price) == expected


@pytest.mark.parametrize(
    ("notional", "bps", "fee", "expected"),
    [
        (1_000_000, 5, 0, 500),
        (1_000, 5, 0, 1),  # half a cent up
        (999, 5, 0, 0),
        (1_000_000, 0.5, 0, 50),
        (1_000_000, 0.01, 0, 1),
        (1_000_000, 5, 499, 500),
        (1_000_000, 5, 501, 501),
        (1, 0, 7, 7),
        (0, 10_000, 0, 0),
    ],
)
def test_commission_is_rounded_half_up_and_at_least_the_minimum(
    notional: int, bps: float, fee: int, expected: int
) -> None:
    assert CostModel(bps, 0, fee).commission(notional) == expected


@given(st.integers(0, 1_000_000), st.integers(1, 2**62), st.integers(0, 2**40), st.sampled_from(["buy", "sell"]))
def test_costs_are_exact_for_every_amount(hundredths: int, amount: int, fee: int, side: str) -> None:
    bps, slippage = hundredths / 100, hundredths % 10_000 / 100
    costs, expected = CostModel(bps, slippage, fee), reference.Costs(bps, slippage, fee)
    assert costs.commission(amount) == expected.fee(1, amount)
    assert costs.fill_price(side, amount // 2 + 1) == expected.fill_price(side, amount // 2 + 1)


def test_cost_models_are_values() -> None:
    costs = CostModel(commission_bps=5, slippage_bps=2.5, min_trade_fee=99)
    assert pickle.loads(pickle.dumps(costs)) == copy.copy(costs) == costs
    assert {costs: 1}[CostModel(5, 2.5, 99)] == 1
    assert costs != CostModel(5, 2.5, 98)
    assert eval(repr(costs), {"CostModel": CostModel, "nanobook": nanobook}) == costs


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((-1,), "-1"),
        ((0, -0.5), "-0.5"),
        ((0, 0, -3), "-3"),
        ((0.005,), "0.005"),
        ((0, 1.234), "1.234"),
        ((0, 10_000), "10000|10_000"),
        ((10_001,), "10001|10_001"),
        ((math.nan,), "nan"),
        ((math.inf,), "inf"),
    ],
)
def test_an_impossible_cost_model_is_refused_by_its_value(arguments: tuple[float, ...], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        CostModel(*arguments)


# ---------------------------------------------------------------------- one rebalance


def test_target_shares_are_the_value_divided_by_the_price_rounded_down() -> None:
    portfolio = rebalanced({"A": 0.5, "B": 0.25}, {"A": 300, "B": 700}, 10_000)
    assert quantities(portfolio) == {"A": 16, "B": 3}
    assert portfolio.cash == 10_000 - 16 * 300 - 3 * 700


def test_a_short_target_is_rounded_down_too() -> None:
    portfolio = rebalanced({"A": -0.5}, {"A": 300}, 1_000)
    assert quantities(portfolio) == {"A": -2}
    assert (portfolio.cash, portfolio.total_equity({"A": 300})) == (1_600, 1_000)


def test_a_report_holds_the_fills_their_fees_and_what_was_traded() -> None:
    portfolio = Portfolio(1_000_000, CostModel(10, 5, 20))
    report = portfolio.rebalance_simple({"A": 0.5, "B": 0.01}, {"A": 10_000, "B": 1_000})
    assert fills(report) == [("A", "buy", 50, 10_005, 500), ("B", "buy", 10, 1_001, 20)]
    assert (report.fees, report.traded, report.resized) == (520, 50 * 10_005 + 10 * 1_001, False)
    assert portfolio.cash == 1_000_000 - report.traded - report.fees


def test_what_is_held_and_not_targeted_is_closed() -> None:
    portfolio = rebalanced({"A": 0.5, "B": 0.5}, {"A": 100, "B": 100})
    portfolio.rebalance_simple({"B": 0.5}, {"A": 100, "B": 100})
    assert quantities(portfolio) == {"B": 5_000}
    assert portfolio.position("A").quantity == 0


def test_none_holds_and_an_empty_mapping_liquidates() -> None:
    prices = {"A": 100, "B": 50}
    portfolio = rebalanced({"A": 0.5, "B": -0.3}, prices)
    held = quantities(portfolio)
    assert portfolio.rebalance_simple(None, prices).trades == []
    assert quantities(portfolio) == held
    portfolio.rebalance_simple({}, prices)
    assert quantities(portfolio) == {}
    assert portfolio.cash == 1_000_000


@pytest.mark.parametrize("form", [dict, list, tuple, iter, lambda pairs: (list(pair) for pair in pairs)])
def test_targets_and_prices_are_mappings_or_pairs(form: Callable[[list[tuple[str, Any]]], Any]) -> None:
    portfolio = Portfolio(1_000)
    portfolio.rebalance_simple(form([("A", 0.5), ("B", 0.5)]), form([("A", 100), ("B", 50)]))
    assert quantities(portfolio) == {"A": 5, "B": 10}


def test_proceeds_of_sells_pay_for_buys() -> None:
    portfolio = rebalanced({"A": 1.0}, {"A": 100, "B": 100}, 1_000)
    portfolio.rebalance_simple({"B": 1.0}, {"A": 100, "B": 100})
    assert quantities(portfolio) == {"B": 10}
    assert portfolio.cash == 0


def test_sells_that_cannot_pay_their_fee_are_left_out_rather_than_overdraw() -> None:
    portfolio = Portfolio(1_000, CostModel(min_trade_fee=150))
    portfolio.rebalance_simple({"A": 1.0}, {"A": 85})
    assert (quantities(portfolio), portfolio.cash) == ({"A": 10}, 0)
    report = portfolio.rebalance_simple({"A": 9 / 10 + 1e-9}, {"A": 85})
    assert report.trades == []
    assert (quantities(portfolio), portfolio.cash) == ({"A": 10}, 0)


def test_a_sell_that_just_pays_its_fee_takes_place_where_others_are_left_out() -> None:
    portfolio = rebalanced({"A": 0.425, "B": 0.425}, {"A": 85, "B": 85}, 2_000, cost_model=CostModel(min_trade_fee=150))
    assert (quantities(portfolio), portfolio.cash) == ({"A": 10, "B": 10}, 0)
    report = portfolio.rebalance_simple({"A": 0.3256, "B": 0.5745}, {"A": 85, "B": 150})
    assert fills(report) == [("B", "sell", 1, 150, 150)]


def test_without_leverage_cash_is_never_below_zero_though_costs_are_high() -> None:
    portfolio = Portfolio(1_000_000, CostModel(100, 50, 500))
    report = portfolio.rebalance_simple({"A": 0.5, "B": 0.5}, {"A": 1_000, "B": 999})
    assert report.resized
    assert 0 <= portfolio.cash < 2 * 1_010


def test_cash_goes_below_zero_where_leverage_was_asked_for() -> None:
    portfolio = rebalanced({"A": 2.0}, {"A": 100}, 1_000, leverage=2.0)
    assert (quantities(portfolio), portfolio.cash) == ({"A": 20}, -1_000)
    assert portfolio.leverage == 2.0


def test_crossing_zero_closes_and_opens_the_other_side_for_one_commission() -> None:
    portfolio = Portfolio(100_000, CostModel(min_trade_fee=10))
    portfolio.rebalance_simple({"A": 0.5}, {"A": 100})
    report = portfolio.rebalance_simple({"A": -0.25}, {"A": 110})
    # Equity is 104,990, a quarter of it 26,247.5: 239 shares short.
    assert fills(report) == [("A", "sell", 739, 110, 10)]
    position = portfolio.position("A")
    assert (position.quantity, position.total_cost, position.realised_gross) == (-239, -239 * 110, 5_000)
    assert (position.fees, position.realised_net, position.avg_entry_price) == (20, 4_980, 110.0)
    assert (position.unrealised(100), position.market_value(100)) == (2_390, -23_900)


def test_a_closed_position_stays_listed_with_what_it_gained() -> None:
    portfolio = rebalanced({"A": 1.0}, {"A": 100}, 1_000)
    portfolio.rebalance_simple({}, {"A": 130})
    position = portfolio.positions()["A"]
    assert (position.symbol, position.quantity, position.total_cost, position.realised_gross) == ("A", 0, 0, 300)
    assert position.avg_entry_price is None
    assert portfolio.position("B") is None


def test_the_very_same_rebalance_again_trades_nothing_though_fees_lowered_the_equity() -> None:
    targets, prices = {"A": 0.5, "B": 0.4}, {"A": 101, "B": 57}
    portfolio = rebalanced(targets, prices, cost_model=CostModel(50, 20, 100))
    before = copy.copy(portfolio)
    report = portfolio.rebalance_simple(dict(reversed(targets.items())), list(prices.items()))
    assert (report.trades, report.fees, report.traded, report.resized) == ([], 0, 0, False)
    assert quantities(portfolio) == quantities(before)
    assert portfolio.rebalance_simple(targets, prices | {"A": 99}).trades != []


def test_a_rebalance_to_other_targets_and_back_trades_again() -> None:
    targets, prices = {"A": 0.5}, {"A": 100}
    portfolio = rebalanced(targets, prices)
    portfolio.rebalance_simple({"A": 0.2}, prices)
    portfolio.rebalance_simple(targets, prices)
    assert quantities(portfolio) == {"A": 5_000}


@pytest.mark.parametrize("price", [200, 250])
def test_equity_at_or_below_zero_flattens_and_ruins(price: int) -> None:
    portfolio = rebalanced({"A": -1.0}, {"A": 100}, 1_000)
    report = portfolio.rebalance_simple({"A": 0.5}, {"A": price})
    assert fills(report) == [("A", "buy", 10, price, 0)]
    assert (quantities(portfolio), portfolio.ruined, portfolio.cash) == ({}, True, 2_000 - 10 * price)
    check_identity(portfolio, {"A": price})
    assert portfolio.rebalance_simple({"A": 1.0}, {"A": 1}).trades == []


def test_a_lower_price_of_nothing_held_changes_nothing() -> None:
    portfolio = rebalanced({"A": 0.5}, {"A": 100, "Z": 1})
    assert portfolio.total_equity({"A": 100}) == portfolio.total_equity({"A": 100, "Z": 2**62}) == 1_000_000


# ---------------------------------------------------------------------- traps


def test_the_target_is_rounded_and_not_the_trade_so_that_nothing_is_overdrawn_without_costs() -> None:
    portfolio = rebalanced({"A": 1.0}, {"A": 100, "B": 10}, 1_000)
    portfolio.rebalance_simple({"A": 0.79, "B": 0.21}, {"A": 100, "B": 10})
    # Selling 2.1 shares, rounded to 2, would leave 800 in A, and 210 for B.
    assert (quantities(portfolio), portfolio.cash) == ({"A": 7, "B": 21}, 90)


def test_an_average_price_between_cents_gains_nothing_that_never_happened() -> None:
    portfolio = Portfolio(302)
    portfolio.rebalance_simple({"A": 0.34}, {"A": 100})
    portfolio.rebalance_simple({"A": 1.0}, {"A": 101})
    position = portfolio.position("A")
    assert (position.quantity, position.total_cost, position.avg_entry_price) == (3, 302, 302 / 3)
    left = []
    for weight in (0.7, 0.4, 0.0):
        portfolio.rebalance_simple({"A": weight}, {"A": 101})
        position = portfolio.position("A")
        left.append((position.quantity, position.total_cost, position.realised_gross))
        check_identity(portfolio, {"A": 101})
    assert left == [(2, 202, 1), (1, 101, 1), (0, 0, 1)]


def test_the_cost_of_a_part_of_a_short_is_rounded_towards_zero() -> None:
    portfolio = rebalanced({"A": -0.1}, {"A": 100}, 1_000)
    kept = []
    for weight in (-0.3, -0.2, -0.1, 0.0):
        portfolio.rebalance_simple({"A": weight}, {"A": 101})
        position = portfolio.position("A")
        kept.append((position.quantity, position.total_cost, position.realised_gross))
    assert kept == [(-3, -302, 0), (-2, -202, -1), (-1, -101, -1), (0, 0, -1)]


def test_fees_are_in_the_net_and_not_in_the_gross_gain() -> None:
    portfolio = Portfolio(100_000, CostModel(100))
    portfolio.rebalance_simple({"A": 0.5}, {"A": 100})
    portfolio.rebalance_simple({}, {"A": 110})
    assert (portfolio.realised_gross, portfolio.fees, portfolio.realised_net) == (5_000, 500 + 550, 3_950)
    assert portfolio.cash == 103_950


def test_slippage_is_in_the_fill_price_and_not_in_the_fees() -> None:
    portfolio = Portfolio(1_000_000, CostModel(slippage_bps=100))
    portfolio.rebalance_simple({"A": 0.5}, {"A": 1_000})
    assert (portfolio.fees, portfolio.position("A").total_cost) == (0, 500 * 1_010)
    portfolio.rebalance_simple({}, {"A": 1_000})
    assert (portfolio.fees, portfolio.realised_gross, portfolio.cash) == (0, -500 * 20, 990_000)


def test_the_minimum_fee_is_paid_once_an_order() -> None:
    portfolio = rebalanced({"A": 0.5, "B": 0.5}, {"A": 10, "B": 10}, cost_model=CostModel(min_trade_fee=7))
    assert portfolio.fees == 14
    portfolio.rebalance_simple({}, {"A": 10, "B": 10})
    assert portfolio.fees == 28


@pytest.mark.parametrize("costs", [NO_COSTS, (30, 10, 0), (30, 10, 5_000)])
def test_the_order_in_which_symbols_are_listed_changes_nothing(costs: tuple[int, int, int]) -> None:
    weights = {"A": 0.37, "B": 0.33, "C": 0.3}
    first, then = {"A": 27_500, "B": 4_301, "C": 133}, {"C": 171, "A": 21_007, "B": 5_003}
    outcomes = set()
    for symbols in permutations("ABC"):
        portfolio = Portfolio(100_000_000, CostModel(*costs))
        for prices in (first, then, first):
            report = portfolio.rebalance_simple({s: weights[s] for s in symbols}, {s: prices[s] for s in symbols})
        outcomes.add((portfolio.cash, portfolio.fees, *sorted(quantities(portfolio).items()), *fills(report)))
    assert len(outcomes) == 1


def test_buys_that_cash_does_not_cover_shrink_together() -> None:
    portfolio = Portfolio(100_000_000, CostModel(commission_bps=100))
    prices = {"A": 1_000, "B": 1_000, "C": 1_000}
    report = portfolio.rebalance_simple({"A": 1 / 3, "B": 1 / 3, "C": 1 / 3}, prices)
    bought = set(quantities(portfolio).values())
    assert report.resized
    assert len(bought) == 1
    assert portfolio.cash < 3 * 1_010 + 3


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("targets", "prices", "named"),
    [
        ({"A": math.nan}, {"A": 100}, "A.*nan|nan.*A"),
        ({"A": math.inf}, {"A": 100}, "A.*inf|inf.*A"),
        ({"A": -math.inf}, {"A": 100}, "A.*-inf|-inf.*A"),
        ([("A", 0.1), ("B", 0.1), ("A", 0.2)], {"A": 100, "B": 100}, "A"),
        ({"A": 0.1}, [("A", 100), ("B", 100), ("A", 101)], "A"),
        ({"NOPE": 0.1}, {"A": 100}, "NOPE"),
        ({"A": 0.75, "B": -0.5}, {"A": 100, "B": 100}, r"1\.25"),
        ({"A": 1.01}, {"A": 100}, r"1\.01"),
        ({"A": 0.5}, {"A": 0}, "A"),
        ({"A": 0.5}, {"A": -7}, "-7"),
        ({"B": 0.5}, {"B": 100}, "HELD"),
    ],
)
def test_a_rebalance_that_is_refused_names_the_value_and_changes_nothing(targets: Any, prices: Any, named: str) -> None:
    portfolio = rebalanced({"HELD": 0.1}, {"HELD": 50})
    before = copy.copy(portfolio)
    if named != "HELD":
        prices = [*dict(prices).items(), ("HELD", 50)] if isinstance(prices, dict) else [*prices, ("HELD", 50)]
    with pytest.raises(ValueError, match=named):
        portfolio.rebalance_simple(targets, prices)
    assert portfolio == before
    assert portfolio.to_json() == before.to_json()


@pytest.mark.parametrize(
    ("targets", "prices"), [({"A": "0.5"}, {"A": 100}), ({"A": 0.5}, {"A": 100.5}), ({"A": 0.5}, {"A": "100"}), (7, {})]
)
def test_targets_and_prices_of_a_wrong_type_are_refused(targets: Any, prices: Any) -> None:
    with pytest.raises(TypeError):
        Portfolio(1_000).rebalance_simple(targets, prices)


def test_weights_may_pass_the_leverage_by_their_rounding() -> None:
    weights = {f"S{i}": 1 / 49 + 1e-17 for i in range(49)}
    prices = dict.fromkeys(weights, 100)
    assert sum(weights.values()) != 1
    assert len(quantities(rebalanced({s: w * (1 + 5e-7) for s, w in weights.items()}, prices))) == 49
    with pytest.raises(ValueError, match=r"1\.0"):
        rebalanced({s: w * (1 + 2e-6) for s, w in weights.items()}, prices)


@pytest.mark.parametrize("cash", [0, -5])
def test_a_portfolio_without_cash_is_refused(cash: int) -> None:
    with pytest.raises(ValueError, match=str(cash)):
        Portfolio(cash)


@pytest.mark.parametrize("leverage", [0.0, -1.0, math.nan, math.inf])
def test_an_impossible_leverage_is_refused(leverage: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{leverage:g}")):
        Portfolio(1_000, leverage=leverage)


@pytest.mark.parametrize("question", ["total_equity", "unrealised", "current_weights", "snapshot", "record_return"])
def test_a_question_about_a_held_symbol_without_a_price_names_it(question: str) -> None:
    portfolio = rebalanced({"HELD": 0.1}, {"HELD": 50})
    with pytest.raises(ValueError, match="HELD"):
        getattr(portfolio, question)({"A": 100})


def test_amounts_past_64_bits_are_an_error_that_changes_nothing() -> None:
    portfolio = rebalanced({"A": 1.0}, {"A": 10}, 2**62)
    before = portfolio.to_json()
    for call in (
        portfolio.total_equity,
        portfolio.record_return,
        lambda prices: portfolio.rebalance_simple({}, prices),
    ):
        with pytest.raises(OverflowError, match="64 bits"):
            call({"A": 10**6})
    assert portfolio.to_json() == before


# ---------------------------------------------------------------------- what it says, and how it is kept


def test_weights_are_shares_of_the_equity_in_open_positions() -> None:
    portfolio = rebalanced({"A": 0.5, "B": -0.25, "C": 0.1}, {"A": 100, "B": 100, "C": 100})
    portfolio.rebalance_simple({"A": 0.5, "B": -0.25}, {"A": 100, "B": 100, "C": 100})
    equity = 1_000_000 + 5_000 * 20 - 2_500 * 10
    weights = portfolio.current_weights({"A": 120, "B": 110})
    assert weights == {"A": pytest.approx(600_000 / equity), "B": pytest.approx(-275_000 / equity)}


def test_a_snapshot_says_all_of_it() -> None:
    portfolio = Portfolio(1_000_000, CostModel(10))
    portfolio.rebalance_simple({"A": 0.5, "B": 0.2}, {"A": 100, "B": 200})
    portfolio.rebalance_simple({"A": 0.4}, {"A": 110, "B": 190})
    prices = {"A": 120}
    assert portfolio.snapshot(prices) == {
        "cash": portfolio.cash,
        "equity": portfolio.total_equity(prices),
        "fees": portfolio.fees,
        "realised_gross": portfolio.realised_gross,
        "realised_net": portfolio.realised_net,
        "unrealised": portfolio.unrealised(prices),
        "positions": quantities(portfolio),
        "weights": portfolio.current_weights(prices),
    }


def test_recorded_returns_are_changes_of_the_equity() -> None:
    portfolio = Portfolio(100_000, CostModel(100))
    assert (portfolio.equity_curve(), portfolio.returns()) == ([100_000], [])
    portfolio.rebalance_simple({"A": 0.5}, {"A": 100})
    for price in (100, 110, 99):
        portfolio.record_return({"A": price})
    assert portfolio.equity_curve() == [100_000, 99_500, 104_500, 99_000]
    assert portfolio.returns() == [99_500 / 100_000 - 1, 104_500 / 99_500 - 1, 99_000 / 104_500 - 1]


def test_metrics_are_those_of_the_recorded_returns() -> None:
    portfolio = rebalanced({"A": 0.9}, {"A": 1_000})
    for price in (1_010, 990, 1_050, 1_049):
        portfolio.record_return({"A": price})
    actual = portfolio.compute_metrics(52.0, 0.001)
    assert reference.differences(actual, reference.metrics(portfolio.returns(), 52.0, 0.001)) == {}
    assert (actual.periods_per_year, actual.risk_free) == (52.0, 0.001)
    assert Portfolio(5).compute_metrics() is None


def test_a_ruined_portfolio_loses_everything_once_and_no_more() -> None:
    portfolio = rebalanced({"A": -1.0}, {"A": 300}, 3_000)
    portfolio.record_return({"A": 300})
    portfolio.rebalance_simple({"A": -1.0}, {"A": 700})
    portfolio.record_return({"A": 700})
    portfolio.record_return({"A": 1_000})
    assert portfolio.equity_curve() == [3_000, 3_000, -1_000, -1_000]
    assert portfolio.returns() == [0.0, -1.0, 0.0]
    assert portfolio.compute_metrics().total_return == -1


def busy() -> Portfolio:
    """With some of everything."""
    portfolio = Portfolio(1_000_000, CostModel(5, 2.5, 100), leverage=1.5)
    for prices in ({"A": 100, "B": 70, "Ç": 33}, {"A": 107, "B": 66, "Ç": 35}):
        portfolio.rebalance_simple({"A": 0.9, "B": -0.2} if prices["A"] > 100 else {"A": 0.5, "Ç": 0.7}, prices)
        portfolio.record_return(prices)
    return portfolio


COPIES: dict[str, Callable[[Portfolio], Portfolio]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda portfolio: pickle.loads(pickle.dumps(portfolio)),
    "json": lambda portfolio: Portfolio.from_json(portfolio.to_json()),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_equal_and_goes_its_own_way(how: str) -> None:
    original, prices = busy(), {"A": 107, "B": 66, "Ç": 35}
    other = COPIES[how](original)
    assert other == original
    assert other.snapshot(prices) == original.snapshot(prices)
    assert (other.equity_curve(), other.returns()) == (original.equity_curve(), original.returns())
    assert (other.cost_model, other.leverage, other.initial_cash) == (original.cost_model, 1.5, 1_000_000)
    assert other.rebalance_simple({"A": 0.9, "B": -0.2}, prices).trades == []  # it knows what it did last
    other.rebalance_simple({"A": 0.1}, prices)
    assert other != original
    assert original == busy()


def test_a_portfolio_is_saved_and_loaded(tmp_path: Path) -> None:
    portfolio = busy()
    portfolio.save_json(tmp_path / "portfolio.json")
    assert Portfolio.load_json(tmp_path / "portfolio.json") == portfolio
    assert json.loads((tmp_path / "portfolio.json").read_text("utf-8")) == json.loads(portfolio.to_json())


def test_a_ruined_portfolio_stays_ruined_when_it_is_saved() -> None:
    portfolio = rebalanced({"A": -1.0}, {"A": 100}, 1_000)
    portfolio.rebalance_simple({}, {"A": 500})
    assert Portfolio.from_json(portfolio.to_json()).ruined


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cash": 5}', "not json", '{"cash": "x"'])
def test_what_is_no_portfolio_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Portfolio.from_json(text)


def test_a_text_that_is_cut_off_anywhere_is_refused() -> None:
    text = busy().to_json().rstrip()
    for length in range(len(text)):
        with pytest.raises(ValueError, match=r"\w"):
            Portfolio.from_json(text[:length])


# ---------------------------------------------------------------------- the naive portfolio

SYMBOLS = ("A", "B", "C", "D")
COSTS = st.tuples(
    st.sampled_from([0, 0, 0.01, 5, 12.5, 300]),
    st.sampled_from([0, 0, 0.5, 20, 900]),
    st.sampled_from([0, 0, 1, 99, 5000]),
)


@st.composite
def histories(draw: DrawFn) -> tuple[int, tuple[float, float, int], float, list[tuple[Targets, dict[str, int]]]]:
    """Cash, costs, leverage, and rebalances with the prices then."""
    cash = draw(st.one_of(st.integers(1, 10**4), st.integers(10**5, 10**9), st.integers(10**12, 8 * 10**15)))
    leverage = draw(st.sampled_from([1.0, 1.0, 1.0, 0.5, 2.0, 3.3]))
    prices = {symbol: draw(st.integers(1, 10 ** draw(st.sampled_from([1, 3, 5])))) for symbol in SYMBOLS}
    least = draw(st.sampled_from([0, 0, -9]))
    steps: list[tuple[Targets, dict[str, int]]] = []
    for _ in range(draw(st.integers(1, 6))):
        shares = draw(st.dictionaries(st.sampled_from(SYMBOLS), st.integers(least, 9)))
        whole = sum(map(abs, shares.values())) * draw(st.sampled_from([1, 1, 1, 1.5, 10])) or 1
        targets = {symbol: share / whole * leverage for symbol, share in shares.items()}
        steps.append((draw(st.sampled_from([targets] * 9 + [None])), dict(prices)))
        for symbol, move in zip(SYMBOLS, draw(st.lists(st.integers(70, 145), min_size=4, max_size=4)), strict=True):
            prices[symbol] = max(1, prices[symbol] * move // 100)
    return cash, draw(COSTS), leverage, steps


@given(histories())
@settings(max_examples=400, deadline=None)
def test_every_history_equals_the_naive_one_to_the_cent(history: Any) -> None:
    cash, costs, leverage, steps = history
    portfolio = Portfolio(cash, CostModel(*costs), leverage=leverage)
    expected = reference.Portfolio(cash, reference.Costs(*costs), leverage)
    for targets, prices in steps:
        report, wanted = portfolio.rebalance_simple(targets, prices), expected.rebalance(targets, prices)
        assert fills(report) == sorted(wanted.trades)
        assert (report.resized, report.fees, report.traded) == (wanted.resized, wanted.fees, wanted.traded)
        assert_same(portfolio, expected, prices)


@given(histories())
@settings(max_examples=100, deadline=None)
def test_every_rebalance_is_idempotent_and_keeps_the_identity(history: Any) -> None:
    cash, costs, leverage, steps = history
    portfolio = Portfolio(cash, CostModel(*costs), leverage=leverage)
    for targets, prices in steps:
        portfolio.rebalance_simple(targets, prices)
        held = quantities(portfolio)
        if portfolio.total_equity(prices) > 0:
            assert portfolio.rebalance_simple(targets, prices).trades == []
            assert quantities(portfolio) == held
        assert portfolio.cash >= 0 or leverage > 1 or portfolio.ruined
        check_identity(portfolio, prices)


@given(histories())
@settings(max_examples=100, deadline=None)
def test_shrunk_buys_have_one_factor_and_leave_little_cash(history: Any) -> None:
    cash, (commission, slippage, _), leverage, steps = history
    portfolio = Portfolio(cash, CostModel(commission, slippage), leverage=leverage)
    for targets, prices in steps:
        equity, held = portfolio.total_equity(prices), {symbol: portfolio.position(symbol) for symbol in SYMBOLS}
        before = {symbol: position.quantity if position else 0 for symbol, position in held.items()}
        report = portfolio.rebalance_simple(targets, prices)
        if not report.resized or portfolio.ruined:
            continue
        wanted = {
            s: math.floor(math.floor(w * float(equity)) / Fraction(prices[s])) - before[s] for s, w in targets.items()
        }
        wanted |= {symbol: -quantity for symbol, quantity in before.items() if symbol not in targets}
        bought = {symbol: 0 for symbol, quantity in wanted.items() if quantity > 0}
        bought |= {fill.symbol: fill.quantity for fill in report.trades if fill.side == "buy"}
        low = max(Fraction(bought[symbol], wanted[symbol]) for symbol in bought)
        high = min(Fraction(bought[symbol] + 1, wanted[symbol]) for symbol in bought)
        assert low < high * (1 + Fraction(1, 2**50))
        idle = portfolio.cash + math.floor(max(0.0, leverage - 1) * float(equity))
        if idle < 2**52 and equity < 2**52:
            buys = CostModel(commission, slippage)
            whole = sum(buys.fill_price("buy", prices[symbol]) + 1 for symbol in bought)
            assert idle <= whole * (1 + commission / 10_000) + len(bought) or sum(bought.values()) == 0
