"""What the workflows contain that can be run without their host, and what they must agree with."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from commands import ROOT

WORKFLOWS = ROOT / ".github" / "workflows"
MARKER = "<!-- nanobook: benchmarks -->"

# What actions/github-script gives a script. It prints what the script says and does.
RUNNER = r"""
const given = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const done = [];
const doing = (name) => async (what) => { done.push([name, what]); };
const github = {
  paginate: async (route, of) => (await route(of)).data,
  rest: {
    pulls: { get: async ({ pull_number }) => { done.push(['get', pull_number]); return { data: given.pull }; } },
    issues: {
      listComments: async () => ({ data: given.comments }),
      createComment: doing('create'),
      updateComment: doing('update'),
    },
  },
};
const context = { repo: { owner: 'us', repo: 'nanobook' }, payload: { workflow_run: given.run } };
const core = { notice: (text) => done.push(['notice', text]), setFailed: (text) => done.push(['failed', text]) };
const AsyncFunction = (async () => {}).constructor;
new AsyncFunction('require', 'github', 'context', 'core', given.script)(require, github, context, core)
  .then(() => console.log(JSON.stringify(done)));
"""

RUN = {
    "head_sha": "0123abcd",
    "head_repository": {"id": 7},
    "conclusion": "success",
    "html_url": "https://example.org/run",
}
PULL = {"head": {"sha": "0123abcd", "repo": {"id": 7}}}
FILES = {"number": "12\n", "instructions.md": "### Instructions\n", "report.md": "## Benchmarks\n"}


def shell_or_script(workflow: str, step: str) -> str:
    text = (WORKFLOWS / workflow).read_text(encoding="utf-8")
    block = r"( *)(?:run|script): \|\n((?:\1  .*\n|\n)+)"
    found = re.search(rf"^ *- name: {step}\n(?:.*\n)*?{block}", text, re.MULTILINE)
    assert found, f"{workflow} has no step {step}"
    return textwrap.dedent(found[2])


def comment(folder: Path, files: dict[str, str], **changes: Any) -> list[Any]:
    """What bench-comment.yml does where an artifact holds these files."""
    # That of the test group, which is where this Python is.
    node = shutil.which("node", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert node is not None
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    given = {"script": shell_or_script("bench-comment.yml", "Comment"), "run": RUN, "pull": PULL, "comments": []}
    done = subprocess.run(
        [node, "-e", RUNNER],
        check=False,
        input=json.dumps(given | changes),
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "REPORT": str(folder)},
    )
    assert done.returncode == 0, done.stderr
    actions: list[Any] = json.loads(done.stdout)
    return actions


def body_of(folder: Path, report: str) -> str:
    """The comment that a report becomes, from the report on."""
    (_, (name, said)) = comment(folder, FILES | {"instructions.md": "", "report.md": report})
    assert name == "create"
    return str(said["body"].split("\n\n\n\n", 1)[1])


def test_the_first_report_makes_a_comment(tmp_path: Path) -> None:
    looked, (name, said) = comment(tmp_path, FILES)
    assert looked == ["get", 12]
    assert name == "create"
    assert said["issue_number"] == 12
    assert said["body"] == (
        f"{MARKER}\n\nBenchmarks of 0123abcd, as [the run](https://example.org/run) says.\n\n"
        "### Instructions\n\n\n## Benchmarks\n"
    )


def test_the_comment_says_that_the_run_failed(tmp_path: Path) -> None:
    _, (_, said) = comment(tmp_path, FILES, run=RUN | {"conclusion": "failure"})
    assert "says. **The run failed.**\n" in said["body"]


def test_later_reports_update_our_comment_and_nobody_elses(tmp_path: Path) -> None:
    bot = {"login": "github-actions[bot]"}
    comments = [
        {"id": 1, "user": {"login": "somebody"}, "body": f"{MARKER}\n\nmine"},
        {"id": 2, "user": None, "body": f"{MARKER}\n\nof an account that is gone"},
        {"id": 3, "user": bot, "body": f"another workflow quotes {MARKER}"},
        {"id": 4, "user": bot, "body": f"{MARKER}\n\nours"},
    ]
    _, (name, said) = comment(tmp_path, FILES, comments=comments)
    assert (name, said["comment_id"]) == ("update", 4)
    assert said["body"].endswith("## Benchmarks\n")

    _, (name, _) = comment(tmp_path, FILES, comments=comments[:3])
    assert name == "create"


@pytest.mark.parametrize(
    "number", ["12a", "0", "-1", "1.5", "1e3", "0x10", "1 2", "1\n2", "../1", "1" * 10, "x" * 1000]
)
def test_what_is_no_number_is_refused(number: str, tmp_path: Path) -> None:
    ((name, said),) = comment(tmp_path, FILES | {"number": number})
    assert name == "failed"
    assert said == f"Not the number of a pull request: {json.dumps(number[:20])}"


@pytest.mark.parametrize("head", [{"sha": "0123abcd", "repo": {"id": 8}}, {"sha": "0123abcd", "repo": None}])
def test_a_pull_request_from_another_repository_is_not_written_to(head: Any, tmp_path: Path) -> None:
    _, (name, said) = comment(tmp_path, FILES, pull={"head": head})
    assert (name, said) == ("failed", "#12 does not come from the repository of this run")


def test_a_run_whose_repository_is_gone_writes_nothing(tmp_path: Path) -> None:
    _, (name, _) = comment(tmp_path, FILES, run=RUN | {"head_repository": None})
    assert name == "failed"


def test_the_report_of_an_older_head_is_dropped(tmp_path: Path) -> None:
    _, (name, said) = comment(tmp_path, FILES, pull={"head": {"sha": "4567", "repo": {"id": 7}}})
    assert (name, said) == ("notice", "The head of #12 has moved on; the report is of 0123abcd")


def test_a_run_without_a_report_is_no_failure(tmp_path: Path) -> None:
    assert comment(tmp_path / "nothing", {}) == [["notice", "The run left no report"]]


def test_one_of_the_two_reports_will_do(tmp_path: Path) -> None:
    _, (name, said) = comment(tmp_path, {"number": "12", "instructions.md": "### Instructions\n"})
    assert name == "create"
    assert "### Instructions\n" in said["body"]


def test_no_link_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    (folder / "report.md").symlink_to(tmp_path / "secret")
    (folder / "instructions.md").mkdir()
    _, (name, said) = comment(folder, {"number": "12"})
    assert name == "create"
    assert "secret" not in said["body"]


def test_a_long_report_is_cut_between_lines(tmp_path: Path) -> None:
    line = "| `a` | 1 | @1 |\n"
    _, (_, said) = comment(tmp_path, FILES | {"report.md": line * 20_000, "instructions.md": line * 20_000})
    assert len(said["body"]) < 65_536
    cut = "\n(cut; the artifact of the run has all of it)\n"
    assert said["body"].count(cut) == 2
    shown = {part.splitlines()[-1] for part in said["body"].split(cut)[:2]}
    assert shown == {"| `a` | 1 | @\u200b1 |"}


def test_a_report_of_one_endless_line_is_cut_too(tmp_path: Path) -> None:
    _, (_, said) = comment(tmp_path, FILES | {"report.md": "@" * 1_000_000})
    assert len(said["body"]) < 65_536


def test_what_reports_are_made_of_stays(tmp_path: Path) -> None:
    report = (
        "## Benchmarks\n\n> note\n\n| benchmark | change |\n|:---|--:|\n| `depth/5` | **+1.5 %** [0.1, 2.0] |\n\n"
        "<details>\n<summary>Raw data</summary>\n\n```text\nbase\t1 <2 & 3\n```\n\n</details>\n"
    )
    assert body_of(tmp_path, report) == report.replace("<2", "<\u200b2")


@pytest.mark.parametrize(
    ("text", "tamed"),
    [
        ("@us and me@example.org", "@|us and me@|example.org"),
        ("&#64;us &commat;us", "&|#|64;us &|commat;us"),
        ("#1 us/it#1 _GH-1 gh-1", "#|1 us/it#|1 _GH-|1 gh-|1"),
        ("https://example.org http:\\/\\/example.org", "https:|//example.org http:|\\/\\/example.org"),
        ("_www.example.org", "_www|.example.org"),
        ("[a](b) ![a](b) [a][b]\n[b]: c", "[a]|(b) ![a]|(b) [a]|[b]\n[b]|: c"),
        ("<img src=x> <https:x> </div>", "<|img src=x> <|https:x> <|/div>"),
        ("<details open> <summary/>", "<|details open> <|summary/>"),
        (f"a{MARKER}b<!-- c\nd -->e <!-", "abe <|!-"),
        ("a\u202eb\u200bc\x00d\r\ne", "abcd\ne"),
    ],
)
def test_what_could_reach_somebody_is_tamed(text: str, tamed: str, tmp_path: Path) -> None:
    assert body_of(tmp_path, text) == tamed.replace("|", "\u200b")


@pytest.mark.parametrize("step", ["Compare times", "Compare instructions"])
def test_the_tools_know_the_options_that_the_workflow_gives_them(step: str, tmp_path: Path) -> None:
    (tmp_path / "bench").symlink_to(ROOT / "bench")
    for reports in ("report", "raw"):
        (tmp_path / "build" / reports).mkdir(parents=True)
    # Without builds they end as soon as their options are read.
    done = subprocess.run(
        ["bash", "-e", "-c", shell_or_script("bench.yml", step)],
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PERF_OK": "yes"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "usage:" not in done.stderr
    assert "build/bench-base" in done.stderr


def test_the_job_pass_needs_all_others() -> None:
    jobs = (WORKFLOWS / "ci.yml").read_text(encoding="utf-8").partition("\njobs:\n")[2]
    names = set(re.findall(r"^  ([\w-]+):$", jobs, re.MULTILINE))
    assert "tests" in names
    needs = re.search(r"^  pass:\n(?:    .*\n)*?    needs: \[(.*)\]$", jobs, re.MULTILINE)
    assert needs
    assert set(needs[1].split(", ")) == names - {"pass"}
