"""Every check of the project by name: `nox -s tests`, `nox -l` lists them.

Each session makes its own environment and builds in its own folder, so that sessions do not disturb one another.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "types", "cpp", "tests"]

ROOT = Path(__file__).resolve().parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def group(name: str) -> list[str]:
    return nox.project.dependency_groups(PROJECT, name)


def install(session: nox.Session, *extra: str) -> None:
    """Install nanobook; a build folder that stays makes the next time quick."""
    session.install(*PROJECT["build-system"]["requires"], *extra)
    session.install("--no-build-isolation", f"--config-settings=build-dir=build/nox-{session.name}", ".")


def build_and_run_cpp_tests(session: nox.Session, preset: str, *options: str, folder: str | None = None) -> None:
    build = f"build/{folder or preset}"
    session.run("cmake", "--preset", preset, "-B", build, *options, external=True)
    session.run("cmake", "--build", build, external=True)
    session.run("ctest", "--test-dir", build, "--output-on-failure", "--parallel", "4", external=True)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The Python tests."""
    install(session, *group("test"))
    session.run("pytest", *session.posargs)


@nox.session(python=False)
def cpp(session: nox.Session) -> None:
    """The C++ tests, with assertions and as users compile them, by every compiler at hand."""
    compilers = [name for name in ("g++", "clang++") if shutil.which(name)]
    if not compilers:
        session.error("neither g++ nor clang++ is on the path")
    for compiler in compilers:
        for preset in ("dev", "release"):
            # Compilers do not share a build folder: CMake would have to start over each time.
            option = f"-DCMAKE_CXX_COMPILER={compiler}"
            build_and_run_cpp_tests(session, preset, option, folder=f"{preset}-{compiler}")


@nox.session(python=False)
def asan(session: nox.Session) -> None:
    """The C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer."""
    build_and_run_cpp_tests(session, "asan")


@nox.session(python=False)
def tsan(session: nox.Session) -> None:
    """The C++ tests under ThreadSanitizer."""
    build_and_run_cpp_tests(session, "tsan")


@nox.session
def lint(session: nox.Session) -> None:
    """Formatting and style, C++ and Python; `-- --fix` mends them."""
    session.install(*group("lint"))
    session.run("scripts/lint", *session.posargs, external=True)


@nox.session
def tidy(session: nox.Session) -> None:
    """clang-tidy over everything the C++ tests compile."""
    session.install("clang-tidy==23.1.4")
    session.run("cmake", "--preset", "tidy", external=True)
    # Go on after a finding: all of them in one run.
    session.run("cmake", "--build", "--preset", "tidy", "--", "-k", "0", external=True)


@nox.session
def types(session: nox.Session) -> None:
    """Static types."""
    install(session, *group("lint"))
    session.run("mypy")


@nox.session
def stub(session: nox.Session) -> None:
    """Refresh the committed type stubs after a change to the bindings."""
    install(session, *group("test"))
    session.run("python", "scripts/stub.py")


@nox.session(python=False)
def fuzz(session: nox.Session) -> None:
    """Every fuzz target for a minute, or as many seconds as the argument says."""
    seconds = session.posargs[0] if session.posargs else "60"
    session.run("cmake", "--preset", "fuzz", external=True)
    session.run("cmake", "--build", "--preset", "fuzz", external=True)
    for source in sorted((ROOT / "cpp" / "fuzz").glob("fuzz_*.cpp")):
        # New inputs go to the build folder; the committed seeds are read only.
        found = ROOT / "build" / "fuzz" / "corpus" / source.stem
        found.mkdir(parents=True, exist_ok=True)
        seeds = ROOT / "cpp" / "fuzz" / "corpus" / source.stem
        folders = [str(folder) for folder in (found, seeds) if folder.is_dir()]
        artifacts = f"-artifact_prefix={ROOT}/build/fuzz/"
        session.run(
            f"build/fuzz/cpp/fuzz/{source.stem}", f"-max_total_time={seconds}", artifacts, *folders, external=True
        )


def build_benchmarks(session: nox.Session, folder: str, source: Path = ROOT, *options: str) -> None:
    """Ours, of the headers of any checkout."""
    configure = ["cmake", "-S", "bench", "-B", folder, "-G", "Ninja", f"-DNANOBOOK_SOURCE={source}"]
    session.run(*configure, external=True)
    session.run("cmake", "--build", folder, *options, external=True)


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def base_revision() -> str:
    """What a comparison begins from: HEAD where something is not committed, else where this branch left main, or, on
    main itself, the commit before."""
    if git("status", "--porcelain", "--untracked-files=no"):
        return git("rev-parse", "HEAD")
    base = git("merge-base", "main", "HEAD")
    return base if base != git("rev-parse", "HEAD") else git("rev-parse", "HEAD~1")


@nox.session(python=False)
def bench(session: nox.Session) -> None:
    """Compare the speed of the working tree with a revision: `-- REV --filter queue_ahead --rounds 24`, or just that.

    What follows the revision goes to bench/compare.py. Instructions are compared too where valgrind is there.
    """
    arguments = list(session.posargs)
    given = arguments and not arguments[0].startswith("-")
    revision = git("rev-parse", arguments.pop(0)) if given else base_revision()
    source = ROOT / "build" / "bench-base-source"
    if source.exists():
        session.run("git", "-C", str(source), "checkout", "--quiet", "--detach", revision, external=True)
    else:
        # By force: git may still remember a worktree whose folder went with build/.
        session.run("git", "worktree", "add", "--quiet", "--force", "--detach", str(source), revision, external=True)
    build_benchmarks(session, "build/bench-head")
    # Some of today's benchmarks need what the revision did not have: then they count as added.
    with contextlib.suppress(nox.command.CommandFailed):
        build_benchmarks(session, "build/bench-base", source, "--", "-k", "0")
    folders = ["build/bench-base", "build/bench-head"]
    reports = [ROOT / "build" / name for name in ("bench-times.md", "bench-instructions.md")]
    session.run(sys.executable, "bench/compare.py", *folders, "--markdown", str(reports[0]), *arguments, external=True)
    if shutil.which("valgrind"):
        chosen = filter_of(arguments)
        command = ["bench/instructions.py", *folders, "--markdown", str(reports[1]), *chosen]
        session.run(sys.executable, *command, external=True, success_codes=[0, 1])
    session.log("reports: " + ", ".join(str(path.relative_to(ROOT)) for path in reports if path.exists()))


def filter_of(arguments: list[str]) -> list[str]:
    """The option --filter alone, in either form."""
    for place, argument in enumerate(arguments):
        if argument == "--filter":
            return arguments[place : place + 2]
        if argument.startswith("--filter="):
            return [argument]
    return []


@nox.session(python=False)
def bench_run(session: nox.Session) -> None:
    """Build and run all C++ benchmarks; arguments go to google-benchmark."""
    build_benchmarks(session, "build/bench-head")
    for source in sorted((ROOT / "bench").glob("bench_*.cpp")):
        session.run(f"build/bench-head/{source.stem}", *session.posargs, external=True)


@nox.session
def bench_python(session: nox.Session) -> None:
    """Run the Python benchmarks; arguments go to pytest."""
    install(session, *group("bench"))
    session.run("pytest", "bench/python", *session.posargs)


def measured_as(session: nox.Session) -> list[str]:
    """How the page is to name what was called."""
    names = ("NANOBOOK_BENCH_DAY", "NANOBOOK_BENCH_MESSAGES")
    words = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    words += ["nox", "-s", session.name, *(["--", *session.posargs] if session.posargs else [])]
    return ["--command", " ".join(words)]


@nox.session
def performance(session: nox.Session) -> None:
    """Measure everything and write the tables of docs/performance.md that are about this project: `-- --rounds 3`."""
    install(session, *group("bench"))
    build_benchmarks(session, "build/bench-head")
    session.run("python", "bench/report.py", "ours", "build/bench-head", *measured_as(session), *session.posargs)


@nox.session(python=False)
def random(session: nox.Session) -> None:
    """The exchange against the naive one: 100 million operations on all cores, or as many as the argument says."""
    operations = int(session.posargs[0]) if session.posargs else 100_000_000
    session.run("cmake", "--preset", "release", external=True)
    session.run("cmake", "--build", "--preset", "release", "--target", "exchange_random_test", external=True)
    cores = os.cpu_count() or 1
    a_sequence = 400
    seeds = -(-operations // (a_sequence * cores))
    session.log(f"{cores} processes of {seeds} sequences of {a_sequence} operations")
    runs = []
    for core in range(cores):
        environment = {
            **os.environ,
            "NANOBOOK_TEST_FIRST_SEED": str(1_000_000 + core * seeds),
            "NANOBOOK_TEST_SEEDS": str(seeds),
            "NANOBOOK_TEST_OPERATIONS": str(a_sequence),
            "NANOBOOK_TEST_COMPARE_EVERY": "20",
        }
        runs.append(subprocess.Popen(["build/release/cpp/tests/exchange_random_test"], env=environment))
    answers = [run.wait() for run in runs]
    if any(answers):
        session.error("the exchange and the naive one differ")


@nox.session(python=False)
def mutate(session: nox.Session) -> None:
    """Breaks the engine in dozens of ways, one at a time: the tests have to notice each."""
    session.run("scripts/mutate", *session.posargs, external=True)


@nox.session
def peers(session: nox.Session) -> None:
    """Measure beside the packages of others, and write those tables of docs/performance.md: `-- --rounds 3`.

    Each package has an environment of its own in build/peers.
    """
    build_benchmarks(session, "build/bench-head", ROOT, "--target", "bench_itch")
    given = ["--build", "build/bench-head", *measured_as(session), *session.posargs]
    session.run("python", "bench/report.py", "peers", *given)


@nox.session
def wheel(session: nox.Session) -> None:
    """The packages as users get them: sdist, the wheel from the sdist, and the wheel in a fresh environment."""
    session.install("build")
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    # Without --wheel or --sdist, `build` makes the wheel from the sdist: what is missing there shows here.
    session.run("python", "-m", "build", "--outdir", str(dist))
    (sdist_path,) = dist.glob("*.tar.gz")
    (wheel_path,) = dist.glob("*.whl")

    with tarfile.open(sdist_path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for needed in ("CMakeLists.txt", "LICENSE", "cpp/include/nanobook/version.hpp", "python/src/module.cpp"):
        if needed not in names:
            session.error(f"the sdist lacks {needed}")

    with zipfile.ZipFile(wheel_path) as archive:
        files = archive.namelist()
    unwanted = [name for name in files if name.endswith((".hpp", ".h", ".cmake", ".cpp"))]
    if unwanted:
        session.error(f"the wheel holds {unwanted}")
    for needed in ("nanobook/py.typed", "nanobook/_core/__init__.pyi"):
        if needed not in files:
            session.error(f"the wheel lacks {needed}")

    session.install(str(wheel_path))
    # Outside the repository, so that nothing is imported from the checkout by accident.
    with tempfile.TemporaryDirectory() as elsewhere, session.chdir(elsewhere):
        session.run("nanobook", "--version")
        session.run("nanobook", "demo")
        session.run("python", "-c", "import nanobook; print(nanobook.__version__, nanobook.__file__)")
