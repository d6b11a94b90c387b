"""Makes the runs of a search, one after the other, and keeps what they said."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.capacity.search import Capacity, Next, SearchLimits, decide
from harness.capacity.state import SearchState, save
from harness.capacity.step import Step
from harness.capacity.step_profile import Timing, at_rate
from harness.run.ended_by_hand import refuse_to_go_on
from harness.run.resolved_target import target_of
from harness.run.run_request import RunRequest, Watcher
from harness.run.supervisor import rehearse

Judge = Callable[[Path, float, str], Step]
Told = Callable[[str], None]
AFTER_A_FAILURE = 2.0
"""Times the cool-down after a step that failed: what it left queueing is served first."""


@dataclass(frozen=True)
class Hunt:
    """sides: a request by name, "" for the only one. judge: a closed run directory, its rate and side, as a step."""

    sides: Mapping[str, RunRequest]
    limits: SearchLimits
    timing: Timing
    folder: Path
    judge: Judge
    told: Told
    watcher: Callable[[], contextlib.AbstractContextManager[Watcher]]
    sleep: Callable[[float], None] = time.sleep


def hunt(asked: Hunt, state: SearchState) -> tuple[SearchState, dict[str, Capacity]]:
    """Go on from `state` until each side has its answer. The state is saved after every step.

    :raises HarnessError: as `harness.run.supervisor.rehearse`; what was done is kept.
    :raises Interrupted: a step was; it is made again when the search goes on.
    """
    save(asked.folder, state)
    answers: dict[str, Capacity] = {}
    with _standing(asked) as requests:
        while len(answers) < len(asked.sides):
            for side in _turns(asked.sides, state):
                if side in answers:
                    continue
                found = decide(state.of(side), asked.limits)
                if isinstance(found, Capacity):
                    answers[side] = found
                    continue
                state = state.with_(_step(asked, requests[side], side, found, len(state.steps)))
                save(asked.folder, state)
                asked.told(state.steps[-1].text)
                failed = state.steps[-1].word == "fail"
                asked.sleep(asked.timing.cool_s * (AFTER_A_FAILURE if failed else 1.0))
    return state, {side: answers[side] for side in asked.sides}  # whichever was done first


def _turns(sides: Mapping[str, RunRequest], state: SearchState) -> Sequence[str]:
    """A, B, B, A, A, B, ...: a drift of the machine meets both alike."""
    names = list(sides)
    rounds = max((len(state.of(name)) for name in names), default=0)
    return names if rounds % 2 == 0 else names[::-1]


def _step(asked: Hunt, request: RunRequest, side: str, found: Next, number: int) -> Step:
    profile = at_rate(request.profile, found.rate, asked.timing, request.seed)
    name = f"{side}: " if side else ""
    with asked.watcher() as watcher:
        watcher.stage(f"{name}step {number + 1}: {found.rate:.3g} sessions/s, {found.why}")
        folder = rehearse(replace(request, profile=profile, seed=profile.seed), watcher)
    refuse_to_go_on(folder)
    return asked.judge(folder, found.rate, side)


@contextlib.contextmanager
def _standing(asked: Hunt) -> Iterator[dict[str, RunRequest]]:
    """The requests, with a sandbox that lasts for all steps where one would be started for each."""
    with contextlib.ExitStack() as stack:
        standing = {}
        for side, request in asked.sides.items():
            if request.target is not None or request.sandbox_url is not None:
                standing[side] = request
                continue
            watcher = stack.enter_context(asked.watcher())
            access = stack.enter_context(target_of(request, watcher))
            standing[side] = replace(request, sandbox_url=access.url, sandbox_ours=True, quirks=())
        yield standing
