"""Write the type stubs of the installed nanobook._core, by default to python/nanobook/_core/.

Run it after changing a binding and installing (`nox -s stub` does both); tests/test_stub.py compares.
"""

import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "python" / "nanobook"


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE
    # A submodule that is gone must not leave its stub behind.
    shutil.rmtree(folder / "_core", ignore_errors=True)
    options = ["--quiet", "--exclude-values", "--recursive", "--module", "nanobook._core"]
    subprocess.run([sys.executable, "-m", "nanobind.stubgen", *options, "--output-dir", str(folder)], check=True)


if __name__ == "__main__":
    main()
