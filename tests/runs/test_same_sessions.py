"""The same seed gives the same sessions, person by person, whatever the number of workers."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, TypeAlias

import pytest

from harness.core.actions import BY_RNG
from harness.record.store import RunFiles, open_run
from sandbox.server import Sandbox
from tests.runs.conftest import DATA, finish, start

EVERYBODY = DATA / "everybody.toml"
WORKERS, TRIES = (1, 2, 3), 3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

Session: TypeAlias = tuple[tuple[Any, ...], ...]

TOLD_BY_TARGET = frozenset(("look", "heart", "send"))
"""Actions whose subject is a title, or the kind of the conversation that stands at the drawn place of the list: the
target's choice, whose lists go by what was written last."""


def decided(run: RunFiles) -> dict[int, tuple[int, str, Session]]:
    """Ticket -> person, persona, and all that this session's dice decided, in order; of sessions that ended by
    themselves."""
    actions: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for row in run.actions().to_pylist():
        if row["action"] in BY_RNG:
            subject = "" if row["action"] in TOLD_BY_TARGET else row["subject"]
            actions[row["ticket"]].append((row["action"], subject, row["number"], row["seconds"]))
    return {
        row["ticket"]: (row["person"], row["persona"], _ordered(actions[row["ticket"]]))
        for row in run.arrivals().to_pylist()
        if row["end"] == "finished"
    }


def _ordered(actions: list[tuple[Any, ...]]) -> Session:
    """As they happened; draws, which have no instant and come in as many rows as the session was flushed, added up."""
    drawn: dict[str, list[float]] = defaultdict(lambda: [0, 0.0])
    for action, quantity, number, seconds in actions:
        if action == "drawn":
            drawn[quantity][0] += number
            drawn[quantity][1] += seconds
    sums = sorted(("drawn", name, count, round(total, 9)) for name, (count, total) in drawn.items())
    return tuple(sums) + tuple(action for action in actions if action[0] != "drawn")


@pytest.fixture(scope="module")
def runs(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[int, RunFiles]:
    """One after another against one sandbox: by the last its tables hold more than at the first."""
    return {workers: _run(sandbox, workers, tmp_path_factory) for workers in WORKERS}


def _run(sandbox: Sandbox, workers: int, tmp_path_factory: pytest.TempPathFactory) -> RunFiles:
    """Locust ends a test when its workers, starved of a core while they start, miss three heartbeats; such a run has
    no session to compare and is made again."""
    for _ in range(TRIES):
        out = tmp_path_factory.mktemp(f"workers-{workers}-")
        arguments = (EVERYBODY, "--url", sandbox.url, "--processes", str(workers))
        run = finish(start(out, *arguments), out, patience_s=190)
        found = open_run(run.folder)
        if "never_started" not in found.arrivals()["end"].to_pylist():
            break
    assert found.manifest.status == "complete", run.said
    assert found.manifest.workers == workers
    return found


def test_people_do_the_same_with_one_two_and_three_workers(runs: dict[int, RunFiles]) -> None:
    alone = decided(runs[1])
    assert {persona for _, persona, _ in alone.values()} == set(runs[1].manifest.profile.mix)
    assert sum(len(session) for _, _, session in alone.values()) > 400
    for workers in WORKERS[1:]:
        others = decided(runs[workers])
        assert others.keys() == alone.keys()
        for ticket, session in alone.items():
            assert others[ticket] == session, f"ticket {ticket} with {workers} workers"


def test_another_seed_is_other_sessions(runs: dict[int, RunFiles], sandbox: Sandbox, tmp_path: Any) -> None:
    """The comparison can tell sessions apart."""
    run = finish(start(tmp_path, EVERYBODY, "--url", sandbox.url, "--seed", "7"), tmp_path, patience_s=190)
    other = {session for _, _, session in decided(open_run(run.folder)).values()}
    assert not other & {session for _, _, session in decided(runs[1]).values()}
