"""Programs that tests start."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str | Path, folder: Path | None = None) -> str:
    """What the command prints, both streams as one; it must succeed."""
    done = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}"
    return done.stdout


def cmake(*arguments: str | Path) -> str:
    program = shutil.which("cmake")
    assert program, "cmake is not on the path: run the tests with ./scripts/test"
    return run(program, *arguments)
