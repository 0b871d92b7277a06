"""Limit order books, market data and portfolios: exact, and fast enough to sweep."""

import importlib
from types import ModuleType

from nanobook import itch
from nanobook._core import (
    BacktestResult,
    BatchResult,
    BookSnapshot,
    CancelResult,
    CostModel,
    EqualWeight,
    Event,
    Events,
    Exchange,
    Fill,
    JournaledExchange,
    LevelView,
    LobFill,
    LobRebalance,
    Metrics,
    ModifyResult,
    MultiExchange,
    Order,
    Orders,
    Portfolio,
    PortfolioView,
    Position,
    Prices,
    PrintResult,
    Rebalance,
    StopOrder,
    StopSubmitResult,
    SubmitResult,
    SweepResult,
    Table,
    Trade,
    Trades,
    backtest_weights,
    compute_metrics,
    load_events,
    open_journal,
    probabilistic_sharpe,
    run_backtest,
    save_events,
    simd_levels,
    sweep_equal_weight,
    version as __version__,
)
from nanobook._enums import OrderError, OrderStatus, Side, TimeInForce, TrailType
from nanobook.itch import parse_itch
from nanobook.sample import synthesize_prices
from nanobook.sweeps import sweep


def __getattr__(name: str) -> ModuleType:
    # Charts are asked for last, and take long to import.
    if name == "plot":
        return importlib.import_module("nanobook.plot")
    raise AttributeError(f"module 'nanobook' has no attribute {name!r}")


__all__ = [
    "BacktestResult",
    "BatchResult",
    "BookSnapshot",
    "CancelResult",
    "CostModel",
    "EqualWeight",
    "Event",
    "Events",
    "Exchange",
    "Fill",
    "JournaledExchange",
    "LevelView",
    "LobFill",
    "LobRebalance",
    "Metrics",
    "ModifyResult",
    "MultiExchange",
    "Order",
    "OrderError",
    "OrderStatus",
    "Orders",
    "Portfolio",
    "PortfolioView",
    "Position",
    "Prices",
    "PrintResult",
    "Rebalance",
    "Side",
    "StopOrder",
    "StopSubmitResult",
    "SubmitResult",
    "SweepResult",
    "Table",
    "TimeInForce",
    "Trade",
    "Trades",
    "TrailType",
    "__version__",
    "backtest_weights",
    "compute_metrics",
    "itch",
    "load_events",
    "open_journal",
    "parse_itch",
    "probabilistic_sharpe",
    "run_backtest",
    "save_events",
    "simd_levels",
    "sweep",
    "sweep_equal_weight",
    "synthesize_prices",
]
