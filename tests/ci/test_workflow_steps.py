"""The workflow that `harness ci init github` writes, step by step in a copy of the checkout, as GitHub runs it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.ci.steps import Job
from tests.runs.conftest import BRIEF
from tests.runs.patient import patient_slos

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that git knows of, as a clone has them, with the workflows written into it."""
    copy = tmp_path_factory.mktemp("job") / "checkout"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if name.startswith(("harness/", "chaos/", "reports/", "sandbox/", "scenarios/", "pyproject.toml")):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
    shutil.copytree(copy / "sandbox", copy.parent / "main" / "sandbox")
    shutil.copyfile(BRIEF, copy / "brief.toml")
    shutil.copyfile(ROOT / "tests" / "data" / "brief-ab.toml", copy / "brief-ab.toml")
    patient_slos(copy)
    bin_ = copy / "bin"
    bin_.mkdir()
    script = bin_ / "harness"  # what pip would install; the packages are those of this checkout's environment
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m harness "$@"\n')
    script.chmod(0o755)
    install = f'echo {shlex.quote(str(bin_))} >> "$GITHUB_PATH"'
    done = subprocess.run(
        [sys.executable, "-m", "harness", "ci", "init", "github", "--install", install],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return copy


def smoke_of(checkout: Path, *options: str, compared: str = "echo left out") -> Path:
    """The smoke workflow with runs that a shared machine can carry: the brief profile and its SLO file. compared: what
    stands in the place of the comparison."""
    text = (checkout / ".github/workflows/harness-smoke.yml").read_text()
    assert "run: harness run smoke --baseline main" in text
    path = checkout / "smoke-brief.yml"
    command = " ".join(["harness run brief.toml --slo patient-slo.toml", *options, "--baseline main"])
    assert "run: harness ab --base-code .harness-base" in text
    text = text.replace("harness ab --base-code .harness-base", compared)
    path.write_text(text.replace("harness run smoke --baseline main", command))
    return path


def job(checkout: Path, event: str, run: int) -> Job:
    pull = event == "pull_request"
    contexts = {
        "github.event_name": event,
        "github.run_id": str(run),
        "github.run_attempt": "1",
        "github.token": "",
        "github.ref": "refs/pull/12/merge" if pull else "refs/heads/main",
        "github.base_ref": "main" if pull else "",
        "inputs.accept": "",
    }
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GITHUB_", "CI_", "HARNESS_", "PYTEST_"))
    }
    environ |= {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "acme/films",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_API_URL": "https://api.github.com",
        "GITHUB_RUN_ID": str(run),
        "GITHUB_REF": contexts["github.ref"],
        "GITHUB_REF_NAME": "12/merge" if pull else "main",
        "GITHUB_HEAD_REF": "slower-feed" if pull else "",
        "GITHUB_SHA": f"{run:040x}",
        "PYTHONPATH": str(checkout),
    }
    cache = checkout.parent / "cache"
    cache.mkdir(exist_ok=True)
    for left in ("runs", ".harness", ".harness-base"):
        shutil.rmtree(checkout / left, ignore_errors=True)  # every job begins with a fresh machine
    return Job(checkout, cache, environ, contexts, base=checkout.parent / "main")


def test_a_push_to_main_and_a_pull_request_after_it(checkout: Path) -> None:
    """The first is a first night and goes into the cache; the second reads it and writes nothing into it."""
    push = job(checkout, "push", 1)
    steps = push.run(smoke_of(checkout))
    ran = {step.name: step for step in steps}
    assert ran["Install the harness"].code == 0
    run = ran["Run, judge, report"]
    assert run.code in (0, 20), run.said
    assert (push.cache / "harness-smoke-1-1" / "history.db").is_file()
    assert run.summary.startswith("## ")
    assert "Compared with nothing" in (checkout / "runs/ci/comment.md").read_text()

    pull = job(checkout, "pull_request", 2)
    steps = pull.run(smoke_of(checkout, "--quirk", "event_silent_loss=1"))
    run = {step.name: step for step in steps}["Run, judge, report"]
    assert run.code == 11, run.said
    assert pull.failed
    assert any(line.startswith("::error title=brief on movinesta-sandbox") for line in run.said.splitlines()), run.said
    assert "## ❌ FAIL" in run.summary
    kept = checkout / "runs" / "ci"
    root = ElementTree.parse(kept / "junit.xml").getroot()
    assert int(root.get("failures", "")) >= 1
    assert json.loads((kept / "verdict.json").read_text())["exit_code"] == 11
    assert "<html" in (kept / "report.html").read_text()
    comment = (kept / "comment.md").read_text()
    assert comment.startswith("<!-- movinesta-harness: brief on movinesta-sandbox -->")
    assert "harness run brief.toml" in comment
    assert "https://github.com/acme/films/actions/runs/2" in comment
    assert [one.name for one in pull.cache.iterdir()] == ["harness-smoke-1-1"]  # of main alone


def test_what_is_slower_and_wanted_is_accepted_by_hand(checkout: Path) -> None:
    """The step itself, with a run of the cache: no load is made, and the next job finds it accepted."""
    from harness.history.store import HistoryStore
    from tests.history.test_history import night

    dispatched = job(checkout, "workflow_dispatch", 7)
    dispatched.contexts = {**dispatched.contexts, "inputs.accept": "r0001"}
    kept = dispatched.cache / "harness-smoke-0-1"
    with HistoryStore(kept / "history.db") as store:
        store.add(night(1, exit_code=12, verdict="fail"), b"record")
    path = smoke_of(checkout)
    text = path.read_text().replace("harness run brief.toml", "echo harness run brief.toml")
    path.write_text(text.replace("path: runs", "path: bin"))
    steps = {step.name: step for step in dispatched.run(path)}
    shutil.rmtree(kept)
    assert steps["Accept what is slower and wanted"].code == 0, steps["Accept what is slower and wanted"].said
    saved = dispatched.cache / "harness-smoke-7-1"
    with HistoryStore(saved / "history.db") as store:
        assert store.accepted() == {"r0001"}
    shutil.rmtree(saved)


COMPARED = "harness ab brief-ab.toml --base-code .harness-base"
FEED = "create function public.get_home_feed_v2("
BEGIN = "\nbegin\n"
CALLS_THE_FEED = {"home_feed", "friends_watching", "landing"}
SLOW = f"{BEGIN}  perform pg_sleep(0.05);\n"


def test_a_pull_request_that_slows_the_feed_is_red(checkout: Path) -> None:
    """The change is one of the code: the feed's function waits fifty milliseconds first, which the base commit's does
    not. Both are loaded at the same time, so a busy machine slows both."""
    code = checkout / "sandbox" / "sql" / "13_feed_and_taste.sql"
    before = code.read_text()
    ahead, after = before.split(FEED)
    assert BEGIN in after
    code.write_text(ahead + FEED + after.replace(BEGIN, SLOW, 1))
    try:
        pull = job(checkout, "pull_request", 5)
        steps = {step.name: step for step in pull.run(smoke_of(checkout, compared=COMPARED))}
    finally:
        code.write_text(before)
    step = steps["Compare with the base"]
    assert step.code == 12, step.said
    assert pull.failed
    assert "::error title=home_feed is slower than at the base::home_feed (" in step.said
    assert "❌ REGRESSED" in step.summary
    kept = checkout / "runs" / "ci" / "ab"
    comment = (kept / "comment.md").read_text()
    assert "**home\\_feed**" in comment
    assert "<pre>harness ab brief-ab.toml --base-code .harness-base</pre>" in comment
    answer = json.loads((kept / "answer.json").read_text())
    regressed = {row["operation"] for row in answer["rows"] if row["change"] == "regressed"}
    assert {"home_feed"} <= regressed <= CALLS_THE_FEED
    assert int(ElementTree.parse(kept / "junit.xml").getroot().get("failures", "")) >= 1


def test_a_pull_request_that_changes_nothing_is_not_slower(checkout: Path) -> None:
    pull = job(checkout, "pull_request", 6)
    steps = {step.name: step for step in pull.run(smoke_of(checkout, compared=COMPARED))}
    step = steps["Compare with the base"]
    assert step.code in (0, 20), step.said  # a busy machine may leave too few samples
    assert "REGRESSED" not in step.summary


def test_a_refused_run_is_seen_on_the_page(checkout: Path) -> None:
    """Where there is no run, summary and annotation say why; the job is red, and later steps see to the rest."""
    path = smoke_of(checkout)
    path.write_text(
        path.read_text().replace("brief.toml --slo", "no-such.toml --slo").replace("path: runs", "path: bin")
    )
    pull = job(checkout, "pull_request", 3)
    run = {step.name: step for step in pull.run(path)}["Run, judge, report"]
    assert run.code == 2, run.said
    assert "::error title=harness run ended without a verdict::" in run.said
    assert run.summary.startswith("## ❌ No verdict")
    assert "no-such.toml" in run.summary
