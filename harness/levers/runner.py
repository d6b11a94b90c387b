"""Does the pieces one after the other: short runs against one target, the sides by turns."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.core.counted import counted
from harness.core.errors import TargetError
from harness.core.profile import ArrivalStage, Profile
from harness.core.resolved_target import ResolvedTarget
from harness.egress.gate import Gate
from harness.levers.counters import QUIET_S, SETTLED_S, between, hand_in, rows_written
from harness.levers.piece import read_piece, recorded_events
from harness.levers.state import LeversState, save
from harness.levers.table import GROUPS, pulled
from harness.levers.turns import Turn, warmed
from harness.observe.observer import FAULTS, told
from harness.record.store import open_run
from harness.run.ended_by_hand import refuse_to_go_on
from harness.run.resolved_target import target_of
from harness.run.run_request import RunRequest, Watcher
from harness.run.supervisor import rehearse

RUNS = "runs"
START_TAKES_S = 2.0
"""From a run's beginning to its first session, at the very least: its counts are read in between."""


@dataclass(frozen=True)
class LeversJob:
    """request: a run of the baseline; its `quirks` are of every sandbox started here. todo: pieces in order.
    told: a line after each piece."""

    request: RunRequest
    todo: list[Turn]
    folder: Path
    watcher: Callable[[], contextlib.AbstractContextManager[Watcher]]
    told: Callable[[str], None]
    note: Callable[[LeversState], None]
    sleep: Callable[[float], None] = time.sleep


@dataclass
class _Counted:
    """What a database had written at the beginning of each piece, and when its load ended. access: of the target.
    known: keys of the events that pieces have recorded there. hands_in: it tells its counts when it is asked to.
    asked: the questions before a run, whose rows are counted with the piece before."""

    access: ResolvedTarget
    told: Callable[[str], None]
    ended: float = field(default_factory=lambda: time.monotonic() - SETTLED_S)
    rows: Mapping[str, int] = field(default_factory=dict)
    known: set[int] = field(default_factory=set)
    hands_in: bool = False
    asked: bool = False

    def __post_init__(self) -> None:
        self.hands_in = bool(self.access.dsn) and hand_in(self.access.url, Gate(self.access.reach))

    def read(self) -> Mapping[str, int]:
        """{} where nobody can look. :raises nothing: a database that does not answer ends nothing."""
        if not self.access.dsn:
            return {}
        gate = Gate(self.access.reach)
        if self.hands_in and not hand_in(self.access.url, gate):
            self.told("the sandbox did not tell its counts: those of the last piece may lack rows, the next waits")
            self.hands_in = False
        try:
            return rows_written(self.access.dsn.reveal(), gate)
        except FAULTS as error:
            self.told(f"rows are not counted: {told(error)}")
            return {}

    @property
    def rests_in(self) -> float:
        """Seconds until the last piece's counts are complete."""
        return self.ended + (QUIET_S if self.hands_in else SETTLED_S) - time.monotonic()


@dataclass(frozen=True)
class _Done:
    """A piece that was run. took_s: all of it."""

    turn: Turn
    folder: Path
    took_s: float


class _Noticing:
    """Passes on what a run says of itself, and notices when its load begins and ends."""

    def __init__(self, watcher: Watcher, begins: Callable[[], None], ends: Callable[[], None]) -> None:
        self._watcher, self._begins, self._ends = watcher, begins, ends

    def stage(self, text: str) -> None:
        if text == "running":
            self._begins()
        elif text.startswith("reading"):
            self._ends()
        elif text.startswith("ending"):
            self._watcher.stage(text)

    def progress(self, facts: Mapping[str, Any]) -> None:
        self._watcher.progress({**facts, "slos": ()})

    def problem(self, text: str) -> None:
        self._watcher.problem(text)


def measure(job: LeversJob, state: LeversState) -> LeversState:
    """Do what is left, and return everything. The state is saved after every piece.

    :raises HarnessError: as `harness.run.supervisor.rehearse`; what was done is kept.
    """
    save(job.folder, state)
    left = state.left(job.todo)
    for station in dict.fromkeys(turn.station for turn in left):
        state = _at(job, [turn for turn in left if turn.station == station], state)
    return state


def _at(job: LeversJob, todo: list[Turn], state: LeversState) -> LeversState:
    """The pieces that need these sandboxes, which live as long."""
    with contextlib.ExitStack() as stack:
        counted: dict[tuple[str, ...], _Counted] = {}
        for bench in dict.fromkeys(turn.bench for turn in todo):
            access = stack.enter_context(_standing(job, bench))
            counted[bench] = _Counted(access, job.told)
        pending: dict[tuple[str, ...], _Done] = {}  # their rows come with the next reading of the same database
        try:
            for number, turn in enumerate(todo := warmed(todo)):
                at = counted[turn.bench]
                done, now = _piece(job, turn, at)
                if turn.bench in pending:
                    rows = _grown(at.rows, now)
                    state = _kept(job, state, pending.pop(turn.bench), at, tables=rows, left=len(todo) - number)
                at.rows = now
                pending[turn.bench] = done
            for bench in tuple(pending):
                at = counted[bench]
                if at.rows and at.rests_in > 0:
                    job.sleep(at.rests_in)
                rows = _grown(at.rows, at.read() if at.rows else {})
                state = _kept(job, state, pending.pop(bench), at, tables=rows, left=len(pending))
        except BaseException:  # also an interruption: what was done is kept, but for rows that nobody waited for
            for bench, done in pending.items():
                state = _kept(job, state, done, counted[bench], tables={}, left=0)
            raise
    return state


def _grown(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    return between(before, after) if before and after else {}


@contextlib.contextmanager
def _standing(job: LeversJob, switches: tuple[str, ...]) -> Iterator[ResolvedTarget]:
    request = job.request
    if request.target is None and request.sandbox_url is None:
        request = replace(request, quirks=(*request.quirks, *switches))
    with job.watcher() as watcher, target_of(request, watcher) as access:
        yield access


def _piece(job: LeversJob, turn: Turn, at: _Counted) -> tuple[_Done, Mapping[str, int]]:
    """One run, and what its database had written when it began."""
    settled: list[Mapping[str, int]] = []

    def begins() -> None:
        if at.rests_in > 0:
            job.sleep(at.rests_in)
        settled.append(at.read())

    def ends() -> None:
        at.ended = time.monotonic()

    begun = time.monotonic()
    if (early := at.rests_in - START_TAKES_S) > 0:
        job.sleep(early)
    profile = pulled(job.request.profile, GROUPS[turn.group], turn.lever)
    request = _here(job, at, replace(job.request, profile=profile, seed=turn.seed, questions=not at.asked))
    at.asked = True
    with job.watcher() as watcher:
        folder = rehearse(request, _Noticing(watcher, begins, ends))
    _came_to_its_end(folder)
    return _Done(turn, folder, time.monotonic() - begun), settled[0] if settled else {}


def _came_to_its_end(folder: Path) -> None:
    """A run that is interrupted ends in order; then nobody wants the next one.

    :raises Interrupted: so it was. :raises EndedByHand: by the kill switch. :raises TargetError: by something else.
    """
    refuse_to_go_on(folder)
    manifest = open_run(folder).manifest
    if manifest.status != "complete":
        raise TargetError(
            f"a piece did not come to its end: {manifest.abort_reason or manifest.status}",
            where=str(folder),
            remedy="its run.log says more; --resume goes on with the next piece",
        )


def _here(job: LeversJob, at: _Counted, request: RunRequest) -> RunRequest:
    """Against what stands already."""
    out = job.folder / RUNS
    if request.target is not None:
        return replace(request, out=out)
    return replace(request, sandbox_url=at.access.url, quirks=(), out=out)


def _kept(
    job: LeversJob, state: LeversState, done: _Done, at: _Counted, *, tables: dict[str, int], left: int
) -> LeversState:
    turn, name = done.turn, done.turn.lever.name if done.turn.lever else ""
    fresh = recorded_events(open_run(done.folder)) - at.known
    at.known |= fresh
    if not turn.counts:
        return state
    piece = read_piece(
        done.folder,
        group=turn.group,
        lever=name,
        round_=turn.round,
        took_s=done.took_s,
        tables=tables,
        new_events=len(fresh),
    )
    state = state.with_(piece)
    save(job.folder, state)
    side = name or f"baseline, {turn.group}"
    cut = f", {piece.closed} of them cut short" if piece.closed else ""
    trouble = f"; {piece.problem}" if piece.problem else ""
    job.told(
        f"round {turn.round + 1}, {side}: {counted(piece.sessions, 'session')}{cut}, {counted(piece.swipes, 'swipe')}, "
        f"{counted(piece.messages, 'message')}, {done.took_s:.0f} s{trouble}; {counted(left, 'piece')} to go here, "
        f"{left * _mean_s(state) / 60:.1f} min"
    )
    job.note(state)
    return state


def _mean_s(state: LeversState) -> float:
    return sum(piece.took_s for piece in state.pieces) / len(state.pieces)


def lasting(profile: Profile, seconds: float) -> Profile:
    """With sessions beginning for so long, at the profile's first rate."""
    phases = profile.phases.model_copy(update={"warmup_s": 0.0, "measure_s": seconds})
    arrivals = (ArrivalStage(seconds=seconds, rate=profile.arrivals[0].rate),)
    return Profile.model_validate({**profile.model_dump(), "phases": phases, "arrivals": arrivals})
