"""Whoever ends a run of several has ended all of them: no answer is taken from it, and none is made after it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from harness.ab import conduct as pairs
from harness.ab.conduct import Pair
from harness.capacity import hunt as hunting
from harness.capacity.hunt import Hunt, hunt
from harness.capacity.search import SearchLimits
from harness.capacity.state import Asked, SearchState
from harness.capacity.state import resumed as search_of
from harness.capacity.step_profile import timing_for
from harness.config.load import load_profile
from harness.core.errors import EndedByHand, ExitCode
from harness.core.interrupts import Interrupted
from harness.core.run_spec import ENDED_BY_BUTTON, ENDED_BY_SIGNAL, ENDED_BY_SWITCH
from harness.core.target import Target, TargetKeys
from harness.plan import PlanInputs, load_prices, make
from harness.record.store import RunStore
from harness.rehearse import conduct
from harness.rehearse.ask import steps_of
from harness.rehearse.state import AskedRehearsal, RehearsalState
from harness.run.ended_by_hand import refuse_to_go_on
from harness.run.run_request import RunRequest
from tests.record.test_store import manifest
from tests.runs.conftest import BRIEF


class Quiet:
    """A watcher."""

    def stage(self, text: str) -> None: ...

    def progress(self, facts: Any) -> None: ...

    def problem(self, text: str) -> None: ...


def ended(folder: Path, reason: str, status: str = "aborted") -> Path:
    """The record of a run that came to its end so."""
    RunStore.create(folder, manifest()).update(status=status, abort_reason=reason)
    return folder


BY_HAND = [
    pytest.param(ENDED_BY_SIGNAL, Interrupted, id="Ctrl-C"),
    pytest.param(f"{ENDED_BY_SWITCH} (SIGUSR2)", EndedByHand, id="kill switch"),
    pytest.param(f"{ENDED_BY_BUTTON} (web page)", EndedByHand, id="button"),
]


@pytest.mark.parametrize(("reason", "raised"), BY_HAND)
def test_who_ended_it_is_told(reason: str, raised: type[BaseException], tmp_path: Path) -> None:
    with pytest.raises(raised, match="no further run is begun"):
        refuse_to_go_on(ended(tmp_path / "run", reason))


@pytest.mark.parametrize("reason", ["", "abort rule: p95 of ...", "a worker could not begin: no keys"])
def test_whatever_else_ends_a_run_is_an_answer(reason: str, tmp_path: Path) -> None:
    refuse_to_go_on(ended(tmp_path / "run", reason, "aborted" if reason else "complete"))
    assert EndedByHand("x").exit_code is ExitCode.ABORTED


@pytest.mark.parametrize(("reason", "raised"), BY_HAND)
def test_a_search_whose_step_was_ended_begins_no_other(
    reason: str, raised: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It used to be a step without an answer, which is made again: the load was back after the pause."""
    begun: list[object] = []

    def run(request: RunRequest, watcher: object) -> Path:
        begun.append(request.profile.name)
        assert len(begun) < 2, "the load came back"
        return ended(tmp_path / "run", reason)

    monkeypatch.setattr(hunting, "rehearse", run)
    profile = load_profile("smoke")
    timing = timing_for(profile, None, 60, 5)
    asked = Asked(
        profile="smoke", targets=("a",), start=1, lowest=0.1, highest=2, within=0.5, steps=9, tries=2, confirm=1,
        settle_s=9, measure_s=60, cool_s=5, seed=1,
    )  # fmt: skip
    request = RunRequest(profile, "smoke", (), tmp_path, sandbox_url="http://127.0.0.1:9")
    limits = SearchLimits(start=1, highest=2, lowest=0.1, within=0.5, steps=9, confirm=1)
    made = Hunt(
        {"": request}, limits, timing, tmp_path, _unasked, _unasked, lambda: nullcontext(Quiet()), sleep=_unasked
    )
    with pytest.raises(raised):
        hunt(made, SearchState(asked=asked))
    assert begun == ["smoke-step"]
    assert search_of(tmp_path, asked).steps == (), "the step is made anew when the search goes on"


@pytest.mark.parametrize(("reason", "raised"), BY_HAND)
def test_a_rehearsal_whose_step_was_ended_goes_no_further_and_keeps_no_step(
    reason: str, raised: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = AskedRehearsal(
        target="t", dau=5_000.0, sessions_per_day=1.5, session_minutes=0.1, hold_minutes=2.0, scale=1.0,
        shares=(0.5, 1.0), seed=1,
    )  # fmt: skip
    inputs = PlanInputs().changed(dau=asked.dau, session_minutes=asked.session_minutes)
    steps = steps_of(asked, make(inputs, load_prices()), inputs, tmp_path)
    target = Target(name="t", url="http://127.0.0.1:9", environment="sandbox", keys=TargetKeys(anon_env="A"))
    request = RunRequest(steps[-1].profile, "harness rehearse", (), tmp_path, target=target)
    work = conduct.Rehearsal(
        request, target, steps, tmp_path, _unasked, lambda line: None, lambda: nullcontext(Quiet())
    )
    monkeypatch.setattr(conduct, "run", lambda request, watcher: ended(tmp_path / "run", reason))
    with pytest.raises(raised):
        conduct._stepped(work, RehearsalState(asked=asked, provisioned="all are there"))


@pytest.mark.parametrize(("reason", "raised"), BY_HAND)
def test_two_deployments_are_not_loaded_again_when_one_run_was_ended(
    reason: str, raised: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def a_round(pair: Pair, where: object, number: int) -> dict[str, Path]:
        made.append(number)
        assert made == [0], "the load came back"
        return {"base": ended(tmp_path / "base", "", "complete"), "head": ended(tmp_path / "head", reason)}

    monkeypatch.setattr(pairs, "_round", a_round)
    where = dict.fromkeys(("base", "head"), ("--url", "http://127.0.0.1:9"))
    pair = Pair({}, where, "smoke", (), {}, 4, 1, tmp_path, lambda: nullcontext(Quiet()))
    with pytest.raises(raised):
        pairs.conduct(pair)


def _unasked(*_: object) -> Any:
    raise AssertionError("nothing is judged, told or waited for")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGUSR2], ids=["Ctrl-C", "kill switch"])
def test_a_real_search_has_no_load_any_more_once_its_step_is_ended(number: signal.Signals, tmp_path: Path) -> None:
    """From the signal to the end of the command, with the pauses between steps as short as they can be."""
    command = [sys.executable, "-m", "harness", "capacity", str(BRIEF), "--out", str(tmp_path / "out")]
    command += ["--start", "0.2", "--max-rate", "0.25", "--settle", "1", "--measure", "60", "--cool", "0.1"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 120
        while not list((tmp_path / "out").glob("*/stream/arrivals.arrows")):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, "the load did not begin"
            time.sleep(0.1)
        process.send_signal(number)
        said, _ = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert process.returncode == ExitCode.ABORTED, said
    assert "no further run is begun" in said
    assert "go on with: harness capacity --resume" in said
    assert len(list((tmp_path / "out").glob("*/manifest.json"))) == 1
    assert json.loads((tmp_path / "out" / "capacity.json").read_text(encoding="utf-8"))["steps"] == []
