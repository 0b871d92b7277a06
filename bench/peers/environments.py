"""The environments of the packages we are measured beside, one each, and how a script runs itself in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

REQUIREMENTS: dict[str, list[str]] = {
    "ours": [f"{ROOT}[parquet]", "numpy", "polars"],
    "nanobook": ["nanobook==0.19.2", "numpy", "polars"],
    "bourse": ["bourse==0.4.0"],
    "vectorbt": ["vectorbt[rust]==1.2.0"],
    "raptorbt": ["raptorbt==0.13.4", "numpy"],
    "itch-book": ["itch-book==0.2.1"],
    "itchcpp": ["itchcpp==1.6.4"],
    "meatpy": ["meatpy==0.5.0"],
}

# Where a package is not called as its environment is.
DISTRIBUTIONS = {"ours": "nanobook-cpp"}


class Failed(Exception):
    """Why there is no such environment, in a sentence."""


def environment(folder: Path, name: str) -> str:
    """The interpreter of the environment `folder / name`, which is made where it is missing. Ours is renewed."""
    python = folder / name / ("Scripts" if os.name == "nt" else "bin") / "python"
    if python.exists() and name != "ours":
        return str(python)
    print(f"making the environment {name}", file=sys.stderr)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *REQUIREMENTS[name]]
    for command in ([sys.executable, "-m", "venv", "--clear", str(python.parents[1])], install):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            python.unlink(missing_ok=True)  # half an environment is none
            said = done.stdout.strip().splitlines() or ["it said nothing"]
            raise Failed(f"{name}: {' '.join(REQUIREMENTS[name])} could not be installed: {said[-1]}")
    return str(python)


def run(python: str, script: str | Path, *arguments: str) -> list[Any]:
    """What the script prints as JSON, a value a line."""
    # NumPy is to use one thread, as its row says; numba has threads of its own.
    variables = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"}
    command = [python, str(script), *arguments]
    done = subprocess.run(command, env=variables, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        print(f"{' '.join(command)} failed with {done.returncode}", file=sys.stderr)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith(("{", "["))]
