"""Does a rehearsal, stage by stage; each stage that is done is in the state, and is not done again.

Stages: guard, doctor, preflight, provision, doctor again for what needs people, steps, clean-up. Whatever ends the
steps (preflight's findings, an objective missed, a projection that says no, the last step done), the clean-up follows;
after a signal or an error it does not, and `--resume` goes on where it was, or with the clean-up alone (`no_load`).
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.core.counted import counted
from harness.core.errors import ExitCode, UsageError, first_of
from harness.core.ownership import refuse_outside_windows
from harness.core.target import Target
from harness.core.target_guard import permit
from harness.preflight.accepted import AcceptedFinding
from harness.provision import cleanup, everybody, provision
from harness.provision.display import Display
from harness.provision.leftovers import BY_USER, Leftovers, RestJob, found, removed
from harness.rehearse.ask import RehearsalStep, people_of
from harness.rehearse.before import PREFLIGHT_PEOPLE, FailOn, doctored, grave, preflighted
from harness.rehearse.projection import project, should_leave
from harness.rehearse.state import RehearsalState, StepOutcome, save
from harness.run.ended_by_hand import refuse_to_go_on
from harness.run.plan_limits import largest_scale, peak_of
from harness.run.run_request import RunRequest, Watcher
from harness.run.supervisor import rehearse as run

Judge = Callable[[Path, RehearsalStep], StepOutcome]


@dataclass(frozen=True)
class Rehearsal:
    """Everything that a rehearsal works with.

    keep: people stay, and so does what they wrote. fail_on: from which severity on a finding of preflight ends it.
    no_load: nothing more is asked, made or loaded; what is there is cleaned up.
    """

    request: RunRequest  # its profile is replaced by each step's
    target: Target
    steps: Sequence[RehearsalStep]
    folder: Path
    judge: Judge
    told: Callable[[str], None]
    watcher: Callable[[], contextlib.AbstractContextManager[Watcher]]
    accepted: Sequence[AcceptedFinding] = ()
    fail_on: FailOn = "high"
    keep: bool = False
    no_load: bool = False
    concurrency: int = 8

    def save(self, state: RehearsalState) -> RehearsalState:
        save(self.folder, state)
        return state


def conduct(work: Rehearsal, state: RehearsalState) -> RehearsalState:
    """Go on from `state` to the end.

    :raises HarnessError: a stage failed; what was done is kept, and `--resume` goes on with it.
    """
    if state.cleaned:
        return state
    if work.no_load:
        return _cleaned(work, _given_up(work, state))
    guard(work, state)
    state = work.save(state)
    if state.leftovers is None and not state.stopped and len(state.steps) < len(work.steps):
        state = _loaded(work, state)
    if work.keep:
        work.told(f"people are kept; remove them later: harness rehearse --resume --out {work.folder}")
        return state
    return _cleaned(work, state)


def _given_up(work: Rehearsal, state: RehearsalState) -> RehearsalState:
    """What is left to be done is not; whatever the target, its limits or its window say by now."""
    if state.stopped or state.leftovers is not None or len(state.steps) == len(work.steps):
        return state
    left = ", ".join(f"{step.share:.0%}" for step in work.steps[len(state.steps) :])
    why = f"{left} of the peak {'was' if ',' not in left else 'were'} not run: given up, only the clean-up was wanted"
    return work.save(state.model_copy(update={"stopped": why, "stopped_code": int(ExitCode.ABORTED)}))


def guard(work: Rehearsal, state: RehearsalState) -> None:
    """May the largest step be made there, and is there time for all that are left?

    :raises TargetError: it may not, says how much would fit; or there is not: each step alone would fit into a window
        that closes before the last one, when everything has been made and half of it was loaded.
    """
    left = [step.profile.phases for step in work.steps[len(state.steps) :]]
    if left and not state.stopped and state.leftovers is None:  # a clean-up has no window
        lasts_s = math.fsum(phases.end_s + phases.drain_s for phases in left)
        refuse_outside_windows(work.target, datetime.now(UTC), lasts_s)
    largest, seed = work.steps[-1].profile, work.request.seed or 0
    peak = peak_of(largest, seed)
    permit(
        work.target,
        peak_phones=peak.phones,
        peak_requests_per_second=peak.requests_per_second,
        peak_connections_per_second=peak.connections_per_second,
        peak_sockets=peak.sockets,
        largest_scale=lambda limits: largest_scale(largest, seed, limits),
        allow_production=work.request.allow_production,
    )
    if work.target.keys.service_env is None or work.target.people.password_env is None:
        raise UsageError(
            "a rehearsal makes and removes people, which needs keys.service_env and people.password_env",
            where=f"target {work.target.name}",
            remedy="name both in the target file",
        )


def _loaded(work: Rehearsal, state: RehearsalState) -> RehearsalState:
    """Everything up to the last step. The clean-up is not begun, and something is left to be done."""
    state = _doctored(work, state)
    state = _preflighted(work, state)
    if state.stopped:
        return state
    made_now = not state.provisioned
    state = _provisioned(work, state)
    if made_now:
        state = _doctored(work, state)
    return _stepped(work, state)


def _doctored(work: Rehearsal, state: RehearsalState) -> RehearsalState:
    """Asked again by every start: a target can change meanwhile, and so can this machine."""
    made = bool(state.provisioned)
    work.told("doctor: asking target and machine" + (", people among it" if made else ""))
    said = doctored(work.target, work.steps[-1].profile, made=made, allow_production=work.request.allow_production)
    work.told(said)
    return work.save(state.model_copy(update={"checked": (said,)}))


def _preflighted(work: Rehearsal, state: RehearsalState) -> RehearsalState:
    """Asked once, with the first two of the people who are made anyway."""
    found = state.preflight
    if found is None:
        work.told("preflight: asking the target what is open, slow or missing")
        production = work.request.allow_production
        work.told(provision(work.target, PREFLIGHT_PEOPLE, concurrency=1, allow_production=production))
        found = preflighted(work.target, work.accepted, allow_production=production)
        state = work.save(state.model_copy(update={"preflight": found}))
    work.told(f"preflight: {found.text}")
    if not (refused := grave(found, work.fail_on)):
        return state
    for one in refused:
        work.told(one.sentence)
    why = (
        f"preflight found {counted(len(refused), 'thing')} of severity {work.fail_on} or above, and mending them "
        "changes what is measured: mend them, accept them (--accepted FILE), or say --fail-on never"
    )
    return work.save(state.model_copy(update={"stopped": why, "stopped_code": int(ExitCode.TARGET)}))


def _provisioned(work: Rehearsal, state: RehearsalState) -> RehearsalState:
    if state.provisioned:
        return state
    said = provision(
        work.target,
        people_of(work.steps),
        concurrency=work.concurrency,
        allow_production=work.request.allow_production,
    )
    work.told(said)
    return work.save(state.model_copy(update={"provisioned": said}))


def _stepped(work: Rehearsal, state: RehearsalState) -> RehearsalState:
    for step in work.steps[len(state.steps) :]:
        if state.stopped:
            break
        if (leave := should_leave(state.steps, step.rate)) is not None:
            why = f"{step.share:.0%} of the peak was not run: {leave.why}"
            work.told(why)
            state = work.save(state.model_copy(update={"stopped": why, "stopped_code": int(leave.code)}))
            break
        for line in (one.text for one in project(state.steps, step.rate)):
            work.told(f"projected to {step.share:.0%}: {line}")
        with work.watcher() as watcher:
            watcher.stage(
                f"{step.share:.3g} of the peak: {step.rate:.3g} sessions/s, {counted(step.sessions, 'session')}"
            )
            folder = run(replace(work.request, profile=step.profile, out=work.folder), watcher)
        refuse_to_go_on(folder)
        outcome = work.judge(folder, step)
        work.told(f"{step.share:.0%} of the peak: {outcome.verdict}; {outcome.sentence}")
        state = work.save(state.model_copy(update={"steps": (*state.steps, outcome)}))
    return state


def _cleaned(work: Rehearsal, state: RehearsalState) -> RehearsalState:
    """First what the people will leave is found, and noted; then they go; then it goes."""
    production = work.request.allow_production
    with RestJob(work.target, allow_production=production) as job:
        here = everybody(work.target, allow_production=production)
        left = _both(state.leftovers, found(job, here))
        state = work.save(state.model_copy(update={"leftovers": left}))
        said = cleanup(work.target, concurrency=work.concurrency, allow_production=production)
        work.told(said)
        display = Display()
        job.advance = display.advance
        with display.work("removing what they left", (len(BY_USER) + 1) * len(left.people) + len(left.conversations)):
            gone = removed(job, left)
    rows = ", ".join(f"{number:,} {what}" for what, number in gone.items()) or "nothing"
    said = f"{said}; and of what they left: {rows}"
    work.told(f"also removed: {rows}")
    return work.save(state.model_copy(update={"cleaned": said}))


def _both(before: Leftovers | None, now: Leftovers) -> Leftovers:
    """What an interrupted clean-up had found, and what is there now."""
    if before is None:
        return now
    merged = {
        name: tuple(dict.fromkeys((*getattr(before, name), *getattr(now, name))))
        for name in ("people", "conversations", "files")
    }
    return Leftovers(**merged)


def exit_code(state: RehearsalState) -> ExitCode:
    """Of the whole: the last step's, or that of what stopped it; data that was lost in any step counts."""
    codes = [ExitCode.DATA for step in state.steps if step.exit_code == ExitCode.DATA]
    codes.append(ExitCode(state.stopped_code) if state.stopped else state.steps[-1].code)
    return first_of(codes)
