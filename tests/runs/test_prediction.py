"""A recorded run of everybody, session by session, against what the contract says its people's actions lead to.

Ten minutes of the default mix by default; shorter while developing:

    HARNESS_PREDICTION_SECONDS=90 pytest -s tests/runs/test_prediction.py
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from harness.record.store import open_run
from tests.prediction.analysis import compare, table, totals
from tests.prediction.endpoints import ENDPOINTS
from tests.runs.conftest import finish, start

SECONDS = int(os.environ.get("HARNESS_PREDICTION_SECONDS", "600"))
RATE = float(os.environ.get("HARNESS_PREDICTION_RATE", "0.5"))  # sessions/s that two shared cores carry with ease
RUN = os.environ.get("HARNESS_PREDICTION_RUN", "")  # a run directory to look at again, in place of a new run
DRAIN_S = 240
ARRIVALS = r"^(\[\[arrivals\]\]\nseconds = .*\nrate = .*\n(to = .*\n)?\n?)+"
NIGHTLY = Path(__file__).parents[2] / "scenarios" / "profiles" / "nightly.toml"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + DRAIN_S + 180)]


def profile_text() -> str:
    """Profile nightly, its people, mix and habits, at another rate and length."""
    text = NIGHTLY.read_text()
    for pattern, instead in (
        (r"^warmup_s = .*$", "warmup_s = 5"),
        (r"^measure_s = .*$", f"measure_s = {SECONDS - 5}"),
        (r"^drain_s = .*$", f"drain_s = {DRAIN_S}"),
        (
            r"^(\[\[arrivals\]\]\nseconds = .*\nrate = .*\n(to = .*\n)?\n?)+",
            f"[[arrivals]]\nseconds = {SECONDS}\nrate = {RATE}\n\n",
        ),
    ):
        text, changed = re.subn(pattern, instead, text, flags=re.MULTILINE)
        assert changed == 1, pattern
    text, changed = re.subn(r"^\[abort\]\n(.+\n)*", "", text, flags=re.MULTILINE)  # a busy machine may be late here
    assert changed == 1
    return text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if RUN:
        return Path(RUN)
    out = tmp_path_factory.mktemp("prediction")
    profile = out / "everybody.toml"
    profile.write_text(profile_text())
    run = finish(start(out / "runs", profile), out / "runs", patience_s=SECONDS + DRAIN_S + 120)
    assert run.manifest["status"] == "complete", run.said
    return run.folder


def test_each_endpoint_is_asked_as_often_as_the_contract_says(folder: Path) -> None:
    run = open_run(folder)
    sessions = compare(run)
    counted = ", ".join(f"{name} {number}" for name, number in Counter(one.persona for one in sessions).most_common())
    sys.stdout.write(f"\n{len(sessions)} sessions: {counted}\n{table(sessions, ENDPOINTS)}\n")  # shown by -s
    assert {one.persona for one in sessions} == set(run.manifest.profile.mix)
    wrong = [str(row) for row in totals(sessions, ENDPOINTS) if not row.within]
    assert not wrong, "\n".join(wrong)
    sent, predicted = (sum(getattr(one, side).total() for one in sessions) for side in ("sent", "predicted"))
    assert sent == pytest.approx(predicted, rel=0.03)


def test_most_sessions_are_predicted_one_by_one(folder: Path) -> None:
    """Not only the sum: errors of different sessions must not cancel each other."""
    sessions = compare(open_run(folder))
    near = [one for one in sessions if one.distance <= 0.10 * one.predicted.total()]
    assert len(near) >= 0.95 * len(sessions)


def test_every_request_belongs_to_a_session(folder: Path) -> None:
    run = open_run(folder)
    requests = sum(run.traffic()["requests"].to_pylist())
    attempts = run.latency().to_pandas().query("view == 'server'")
    sockets = attempts[attempts["operation"].str.startswith("realtime_")][
        "count"
    ].sum()  # no requests, and no session's
    assert requests + sockets == run.manifest.recorded_attempts
    known = {row["ticket"] for row in run.arrivals().to_pylist()}
    assert set(run.traffic()["ticket"].to_pylist()) <= known
