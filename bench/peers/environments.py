"""The environments of the packages we are measured beside, one each, the C++ programs that one brings, and how a script
runs itself in them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
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

ENGINE_PROGRAMS = ("book_throughput", "parse_throughput")


class Failed(Exception):
    """Why there is no such environment or program, in a sentence."""


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


def engine(folder: Path) -> Path:
    """The folder of itch-book's own C++ benchmarks, which are made of its sdist where they are missing."""
    home = (folder / "itch-book-engine").resolve()
    build = home / "build"
    if all((build / program).exists() for program in ENGINE_PROGRAMS):
        return build
    print("making the C++ benchmarks of itch-book", file=sys.stderr)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (requirement,) = REQUIREMENTS["itch-book"]
    source = requirement.replace("-", "_").replace("==", "-")
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    options = ["-DCMAKE_BUILD_TYPE=Release", *shlex.split(os.environ.get("NANOBOOK_PEER_CMAKE_ARGS", ""))]
    for step, command in {
        "downloaded": [*download, "--no-binary", "itch-book", requirement],
        "unpacked": ["cmake", "-E", "tar", "xf", f"{source}.tar.gz"],
        "configured": ["cmake", "-S", source, "-B", str(build), "-G", "Ninja", *options],
        "built": ["cmake", "--build", str(build), "--target", *ENGINE_PROGRAMS],
    }.items():
        try:
            # What they say goes to standard error: standard output is for rows.
            subprocess.run(command, cwd=home, stdout=sys.stderr, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            print(error, file=sys.stderr)
            raise Failed(f"itch-book, C++: the sdist of {requirement} could not be {step}") from error
    return build


def run(python: str, script: str | Path, *arguments: str) -> list[Any]:
    """What the script prints as JSON, a value a line."""
    # NumPy is to use one thread, as its row says; numba has threads of its own.
    variables = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"}
    command = [python, str(script), *arguments]
    done = subprocess.run(command, env=variables, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        print(f"{' '.join(command)} failed with {done.returncode}", file=sys.stderr)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith(("{", "["))]
