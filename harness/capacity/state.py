"""A search as a file: what was asked, and every step that was made. Written after each, so that it can be resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from harness.capacity.step import Step
from harness.core.errors import UsageError
from harness.core.frozen_model import FrozenModel
from harness.run.resumed_state import changed, read_state, write_state

FILE = "capacity.json"


class Asked(FrozenModel):
    """What decides how a search goes on; it must be the same when it is resumed. Rates in sessions/s, seconds."""

    profile: str
    targets: tuple[str, ...]  # one, or two that are tested by turns; no secrets
    urls: tuple[str, ...] = ()  # theirs; a state of an earlier harness has neither these nor the digests
    profile_digest: str = ""  # of all that the profile says
    objectives_digest: str = ""  # of what steps are judged by
    start: float
    lowest: float
    highest: float
    within: float
    steps: int
    tries: int
    confirm: int
    settle_s: float
    measure_s: float
    cool_s: float
    seed: int


class SearchState(FrozenModel):
    """The steps of both deployments, in the order in which they were made."""

    version: Literal[1] = 1
    asked: Asked
    steps: tuple[Step, ...] = ()

    def of(self, side: str) -> tuple[Step, ...]:
        """The steps of one deployment."""
        return tuple(step for step in self.steps if step.side == side)

    def with_(self, step: Step) -> SearchState:
        return self.model_copy(update={"steps": (*self.steps, step)})


def save(folder: Path, state: SearchState) -> None:
    """Whole or not at all."""
    write_state(folder / FILE, state)


def resumed(folder: Path, asked: Asked) -> SearchState:
    """The state in a folder.

    :raises UsageError: there is none, it cannot be read, or it is of another search; says in what they differ.
    """
    path = folder / FILE
    state = read_state(
        SearchState,
        path,
        absent=UsageError(
            "there is no search to go on with", where=str(path), remedy="leave --resume out, or name its folder"
        ),
        broken="this search",
        remedy="go on with the version of the harness that wrote it, or search anew in another folder",
    )
    if other := changed(state.asked, asked):
        raise UsageError(
            f"the search in this folder asked something else: {'; '.join(other)}",
            where=str(path),
            remedy="give the same options, files and targets again, or search anew in another folder",
        )
    return state
