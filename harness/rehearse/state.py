"""A rehearsal as a file: what was asked, which stages are done, what the steps said. Written after each change."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from harness.core.errors import ExitCode, UsageError
from harness.core.frozen_model import FrozenModel
from harness.provision.leftovers import Leftovers
from harness.record.preflight_results import PreflightRecord
from harness.run.resumed_state import changed, read_state, write_state

FILE = "rehearsal.json"
WHOSE = ("target", "url", "people")
"""Of what was asked: which deployment, and which of its people."""


class AskedRehearsal(FrozenModel):
    """What decides how a rehearsal goes; it must be the same when it is resumed. Minutes, shares of the peak."""

    target: str
    url: str = ""  # of the target; a state of an earlier harness has neither this nor whose people it made
    people: str = ""
    dau: float
    sessions_per_day: float
    session_minutes: float
    hold_minutes: float
    scale: float  # of the plan's peak that stands for all of it
    shares: tuple[float, ...]  # of that, rising; the last is the rehearsal itself
    seed: int


class StepFigure(FrozenModel):
    """A latency objective in one step, milliseconds. low, high: its 95 % interval; null: not known."""

    name: str
    value: float | None
    limit: float
    low: float | None = None
    high: float | None = None


class MonthLine(FrozenModel):
    """A figure of the month, as planned and as follows from what sessions really sent."""

    name: str
    unit: str
    planned: float
    measured: float


class StepOutcome(FrozenModel):
    """One step of the rehearsal. Rates a second."""

    share: float
    rate: float  # sessions, at its peak
    run: str  # the run directory's name
    planned_sessions: int
    requests: int  # that were sent
    requests_per_s: float
    verdict: str
    exit_code: int
    sentence: str
    generator_fit: bool
    generator_ended_it: bool = False  # an abort rule did, for the generator's sake
    machine_share: float | None  # mean CPU of the generator's machine
    figures: tuple[StepFigure, ...] = ()
    month: tuple[MonthLine, ...] = ()

    @property
    def code(self) -> ExitCode:
        """What the step says of the target: nothing, where the generator was what ended it."""
        return ExitCode.INCONCLUSIVE if self.generator_ended_it else ExitCode(self.exit_code)


class RehearsalState(FrozenModel):
    """checked: what the doctor said last. preflight: null: not asked yet. provisioned: what was said of it.

    stopped: why the (larger) steps were left out. leftovers: found before the people were deleted; null: not looked
    for yet. cleaned: what was said of it, the last stage.
    """

    version: Literal[1] = 1
    asked: AskedRehearsal
    checked: tuple[str, ...] = ()
    preflight: PreflightRecord | None = None
    provisioned: str = ""
    steps: tuple[StepOutcome, ...] = ()
    stopped: str = ""
    stopped_code: int = 0
    leftovers: Leftovers | None = None
    cleaned: str = ""


def save(folder: Path, state: RehearsalState) -> None:
    """Whole or not at all."""
    write_state(folder / FILE, state)


def resumed(folder: Path, asked: AskedRehearsal, *, to_clean_up: bool = False) -> RehearsalState:
    """The state in a folder. to_clean_up: only whose people they are has to be the same.

    :raises UsageError: there is none, it cannot be read, or it is of another rehearsal.
    """
    path = folder / FILE
    state = read_state(
        RehearsalState,
        path,
        absent=UsageError(
            "there is no rehearsal to go on with", where=str(path), remedy="leave --resume out, or name its folder"
        ),
        broken="this rehearsal",
        remedy="go on with the version of the harness that wrote it; or remove what it made, in another folder: "
        "harness rehearse --clean-up",
    )
    if to_clean_up:
        asked = state.asked.model_copy(update={name: getattr(asked, name) for name in WHOSE})
    if other := changed(state.asked, asked):
        raise UsageError(
            f"the rehearsal in this folder asked something else: {'; '.join(other)}",
            where=str(path),
            remedy="give the same options and target file again, or rehearse anew in another folder",
        )
    return state
