"""The committed type stubs say what the compiled module holds."""

import difflib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def stubs(package: Path) -> dict[str, list[str]]:
    paths = sorted((package / "_core").rglob("*.pyi"))
    return {path.relative_to(package).as_posix(): path.read_text(encoding="utf-8").splitlines() for path in paths}


def test_the_committed_stubs_are_fresh(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "scripts" / "stub.py", tmp_path], check=True)
    committed = stubs(ROOT / "python" / "nanobook")
    fresh = stubs(tmp_path)

    assert fresh
    difference = [
        line
        for name in sorted(committed.keys() | fresh.keys())
        for line in difflib.unified_diff(committed.get(name, []), fresh.get(name, []), name, name, lineterm="")
    ]
    assert difference == [], "refresh them with `nox -s stub`, or `python scripts/stub.py` after installing"
