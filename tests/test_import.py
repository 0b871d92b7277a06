"""Importing nanobook is quick, and what few need is loaded where it is needed."""

import subprocess
import sys
from pathlib import Path

import pytest

from reference_itch import encode, frame


def loaded_by(code: str) -> set[str]:
    """The modules that are loaded after `code`."""
    command = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize("module", ["click", "isal", "numpy", "pandas", "polars", "pyarrow", "rich"])
def test_importing_nanobook_does_not_import(module: str) -> None:
    assert module not in loaded_by("import nanobook, nanobook.itch")


def test_a_plain_file_does_not_load_the_gzip_library(tmp_path: Path) -> None:
    path = tmp_path / "file.itch"
    path.write_bytes(frame(encode("S")))
    assert "isal" not in loaded_by(f"import nanobook; nanobook.itch.open({str(path)!r}).counts()")


def test_the_command_line_does_not_load_its_progress_bar_before_it_is_needed() -> None:
    assert "rich.progress" not in loaded_by("import nanobook.cli")
