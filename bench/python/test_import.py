"""What a fresh interpreter takes to start, and to import the package."""

import subprocess
import sys

import pytest

from conftest import Measure


@pytest.mark.parametrize("code", [pytest.param("", id="nothing"), pytest.param("import nanobook", id="nanobook")])
def test_start_and_import(measure: Measure, code: str) -> None:
    measure(lambda: [sys.executable, "-c", code], lambda command: subprocess.run(command, check=True), 1)
