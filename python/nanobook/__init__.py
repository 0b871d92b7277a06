"""Limit order books: market data in, true order books out."""

from nanobook import itch
from nanobook._core import BookSnapshot, LevelView, version as __version__

__all__ = ["BookSnapshot", "LevelView", "__version__", "itch"]
