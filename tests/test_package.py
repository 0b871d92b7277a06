"""What the installed package promises before anything is done with it."""

import re
import subprocess
import sys
from importlib.metadata import requires, version
from pathlib import Path

import nanobook

ROOT = Path(__file__).resolve().parent.parent


def test_the_version_is_that_of_the_header() -> None:
    header = (ROOT / "cpp" / "include" / "nanobook" / "version.hpp").read_text(encoding="utf-8")
    stated = re.search(r'#define NANOBOOK_VERSION "(.+)"', header)
    assert stated
    assert nanobook.__version__ == version("nanobook-cpp") == stated[1]


def test_the_backend_of_the_bindings_has_no_upper_bound() -> None:
    """Two projects with different bounds could not be installed together."""
    assert "nanobind-backend>=1.0" in (requires("nanobook-cpp") or [])


def test_importing_loads_nothing_heavy() -> None:
    """Importing must be quick, and these are what would make it slow."""
    code = "import sys, nanobook; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    heavy = {"click", "numpy", "pandas", "polars", "pyarrow", "rich", "asyncio", "importlib.metadata"}
    assert heavy.isdisjoint(loaded)
