"""What a rehearsal that is given up still does, against a real sandbox: no load, nothing made, everything removed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli.capacity import capacity
from harness.cli.rehearse import rehearse
from harness.config.load import load_target
from harness.core.errors import TargetError, UsageError
from harness.core.people import email_pattern
from harness.core.target import Target, TargetKeys, TargetPeople, TargetWindow
from harness.load.discovery import discover
from harness.plan import PlanInputs, load_prices, make
from harness.provision import provision
from harness.provision.leftovers import Leftovers
from harness.record.held import held
from harness.rehearse.ask import steps_of
from harness.rehearse.conduct import Rehearsal, guard
from harness.rehearse.state import FILE, AskedRehearsal, RehearsalState, StepOutcome, save
from harness.run.run_request import RunRequest
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from tests.sandbox.signed_in import sql

TARGET = """
name = "given-up"
url = "{url}"
environment = "production"
[keys]
anon_env = "GIVEN_UP_ANON"
service_env = "GIVEN_UP_SERVICE"
[people]
password_env = "GIVEN_UP_PASSWORD"
tag = "gup"
domain = "gup.example.com"
[[window]]
begins = 2020-01-01T00:00:00Z
ends = 2020-01-01T01:00:00Z
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=3, catalogue=60)) as running:
        yield running


@pytest.mark.parametrize("known_folder", [True, False], ids=["resumed", "its folder was lost with its machine"])
def test_a_rehearsal_is_given_up_and_cleaned_up_without_any_more_load(
    known_folder: bool, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its window is over and its target is sick: neither the guard nor the doctor would let it come to its clean-up."""
    known = discover(sandbox.url)
    monkeypatch.setenv("GIVEN_UP_ANON", "eyJhbGciOiJIUzI1NiJ9.e30.of-another-project")
    monkeypatch.setenv("GIVEN_UP_SERVICE", known.service_key.reveal())
    monkeypatch.setenv("GIVEN_UP_PASSWORD", "a-password-of-theirs")
    file, out = tmp_path / "target.toml", tmp_path / "out"
    file.write_text(TARGET.format(url=sandbox.url), encoding="utf-8")
    target = load_target(str(file))
    provision(target, 2, allow_production=True)
    (ours,) = (
        row["id"] for row in sql(sandbox, "select id from auth.users where email like '%000000@gup.example.com'")
    )
    sql(sandbox, f"insert into public.rate_limits (key, window_start) values ('user:{ours}', now())")
    asked = AskedRehearsal(
        target=target.name, url=target.url, people=f"{email_pattern(target.people)}, tag gup", dau=5_000.0,
        sessions_per_day=1.5, session_minutes=0.1, hold_minutes=2.0, scale=1.0, shares=(0.5, 1.0), seed=1,
    )  # fmt: skip
    given = ["--target", str(file), "--out", str(out), "--allow-production"]
    if known_folder:
        save(out, RehearsalState(asked=asked, provisioned="all are there"))
        refused = CliRunner().invoke(rehearse, [*given, "--resume", "--dau", "5000"])
        assert refused.exit_code != 0, "the same options were not given"
    done = CliRunner().invoke(rehearse, [*given, "--clean-up"])
    assert done.exit_code == 30, done.output
    found = json.loads((out / FILE).read_text(encoding="utf-8"))
    assert found["cleaned"]
    shares = "50%, 100%" if known_folder else "1%, 10%, 100%"
    assert found["stopped"] == f"{shares} of the peak were not run: given up, only the clean-up was wanted"
    assert not found["steps"]
    assert "1 rate_limits" in found["cleaned"]
    left = "select count(*) as n from auth.users where email like '%gup.example.com'"
    assert sql(sandbox, left)[0]["n"] == 0
    assert [path.name for path in out.iterdir() if path.is_dir()] == [], "no run was begun"
    assert "only the clean-up was wanted" in (out / "rehearsal.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("more", ["--keep", "--dry-run"])
def test_a_clean_up_is_asked_for_alone(more: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(rehearse, ["--target", "x.toml", "--out", str(tmp_path), "--clean-up", more])
    assert done.exit_code == 2
    assert "--clean-up goes with neither" in done.output


def test_a_folder_is_one_process_alone_until_that_is_gone(tmp_path: Path) -> None:
    """Who lost the connection to a rehearsal that still runs, and resumes it, would load the target twice."""
    ask = "import sys, time, pathlib; from harness.record.held import held\n"
    ask += "with held(pathlib.Path(sys.argv[1]), 'rehearsal'): print('there', flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", ask, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True)
    file = tmp_path / "target.toml"
    file.write_text(TARGET.format(url="http://127.0.0.1:9"), encoding="utf-8")
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "there\n"
        for command, words in ((rehearse, ["--target", str(file)]), (capacity, ["--url", "http://127.0.0.1:9"])):
            done = CliRunner().invoke(command, [*words, "--out", str(tmp_path / "out")])
            assert isinstance(done.exception, UsageError)
            assert "another process is at work on this" in done.exception.what
    finally:
        other.kill()
        other.wait()
    with held(tmp_path / "out", "rehearsal"):
        pass


@pytest.mark.parametrize(("minutes", "refused"), [(50, True), (200, False)])
def test_a_window_holds_the_whole_rehearsal_or_nothing_is_begun(minutes: int, refused: bool, tmp_path: Path) -> None:
    """Each step of 20 minutes fits into 50, and the third one would have been refused behind the other two."""
    asked = AskedRehearsal(
        target="t", dau=500_000.0, sessions_per_day=1.5, session_minutes=8.0, hold_minutes=15.0, scale=1.0,
        shares=(0.01, 0.1, 1.0), seed=1,
    )  # fmt: skip
    inputs = PlanInputs()
    steps = steps_of(asked, make(inputs, load_prices()), inputs, tmp_path)
    now = datetime.now(UTC)
    window = TargetWindow(begins=now - timedelta(minutes=1), ends=now + timedelta(minutes=minutes))
    over = TargetWindow(begins=now - timedelta(minutes=9), ends=now - timedelta(minutes=1))
    target = Target(
        name="t", url="http://127.0.0.1:9", environment="production", window=(window,),
        keys=TargetKeys(anon_env="A", service_env="B"), people=TargetPeople(password_env="C"),
    )  # fmt: skip
    request = RunRequest(steps[-1].profile, "it", (), tmp_path, target=target, allow_production=True)
    work = Rehearsal(request, target, steps, tmp_path, _unasked, _unasked, _unasked)
    state = RehearsalState(asked=asked)
    if not refused:
        guard(work, state)
        return
    with pytest.raises(TargetError, match="its window ends"):
        guard(work, state)
    guard(work, state.model_copy(update={"stopped": "preflight found something"}))
    guard(work, state.model_copy(update={"leftovers": Leftovers()}))
    closed = target.model_copy(update={"window": (over,)})
    guard(
        replace(work, target=closed, steps=steps[-1:]), state.model_copy(update={"steps": (step_outcome(),)})
    )  # cut off before it


def step_outcome() -> StepOutcome:
    return StepOutcome(
        share=1.0, rate=1.0, run="r", planned_sessions=1, requests=1, requests_per_s=1.0, verdict="pass", exit_code=0,
        sentence="", generator_fit=True, machine_share=None,
    )  # fmt: skip


def _unasked(*_: object) -> Any:
    raise AssertionError("nothing is judged, told or made")
