"""Which nights are a baseline, and what is odd about a series of nights. (pure)

The rule: the last K runs of the same target, profile and plan that passed, were made to their end, whose record is
kept, and whose machine did the canary's fixed work about as fast as this one does. A run is never compared with one
machine's figures on another. A slower run that somebody accepted (`harness history accept`) is one of them, and no run
before it is: otherwise a slowdown that is wanted would be red for ever.

One night against seven tells a large change only (docs/numbers.md). Where the history reaches back far enough the two
nights before stand with this one, and the three are asked together as well, against the seven before them: so a change
of 30 % that noise hides in one night is named by the third.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from harness.core.counted import counted
from harness.history.machine import canary, same
from harness.history.model import Night

COUNT = 7
"""Baseline runs: with three runs on the other side enough for an exact test (docs/numbers.md), and a week of nights."""
WITH, FEWEST = 2, 5
"""Nights before this one that stand with it, and the fewest that have to be left as a baseline then."""
STALE_DAYS, STALE_RUNS = 14, 5
"""A newest baseline that is so old, or from before so many runs that did not pass, is noted."""
AHEAD = timedelta(hours=1)
"""A run that is dated further from now was made by a wrong clock, and would be the newest for as long."""
FAILED = (10, 11, 12)
"""Exit codes that say something definite against the target."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the run is that needs a baseline. branch: None for any. canaries: of this machine, now; None: not asked."""

    profile: str
    target: str
    environment: str
    plan_digest: str
    branch: str | None = None
    canary_cpu_ms: float | None = None
    canary_loopback_us: float | None = None

    def alike(self, night: Night) -> bool:
        """Whether that run was asked to do the same."""
        return (
            night.series == (self.profile, self.target, self.environment)
            and night.plan_digest == self.plan_digest
            and (self.branch is None or night.branch == self.branch)
        )

    def same_machine(self, night: Night) -> bool:
        """Whether its canary matches; a run without one matches."""
        return same((self.canary_cpu_ms, self.canary_loopback_us), canary(night))


@dataclass(frozen=True, slots=True)
class Choice:
    """nights: the newest first; none: why not stands in `notes`, as does what is odd about those. also: those that
    stand with this one, none of them among `nights`."""

    nights: tuple[Night, ...] = ()
    also: tuple[Night, ...] = ()
    notes: tuple[str, ...] = field(default=())


def choose(
    nights: Sequence[Night],
    wanted: Wanted,
    recorded: Collection[str],
    now: datetime,
    count: int = COUNT,
    *,
    accepted: Collection[str] = (),
) -> Choice:
    """The baseline of a run, by the rule above.

    :param nights: of the history, the oldest first. :param recorded: run ids whose record the history holds.
    :param accepted: ids of runs that somebody accepted.
    """
    of = f"{wanted.profile} on {wanted.target}" + (f", branch {wanted.branch}" if wanted.branch is not None else "")
    ever = [night for night in nights if wanted.alike(night)]
    alike = [night for night in ever if night.at <= now + AHEAD]
    ahead = tuple(
        f"Not compared with {night.run_id}: it is dated {night.started_at[:16]}, which is to come; a clock is wrong."
        for night in ever
        if night.at > now + AHEAD
    )
    since = max((night.started_at for night in alike if night.run_id in accepted), default="")
    good = [night for night in alike if is_good(night, accepted) and night.started_at >= since]
    kept = [night for night in good if night.run_id in recorded]
    if not kept:
        why = (
            f"the history holds no run of {of} with this plan"
            if not ever
            else f"every run of {of} with this plan is dated in what is to come"
            if not alike
            else f"of {counted(len(alike), 'run')} of {of} none passed"
            if not good
            else f"of {counted(len(good), 'run')} of {of} that passed none has its record kept"
        )
        return Choice(notes=(f"Compared with nothing: {why}.", *ahead))
    matching = [night for night in kept if wanted.same_machine(night)]
    if not matching:
        return Choice(
            notes=(
                f"Compared with nothing: {counted(len(kept), 'run')} of {of} passed, none of them on a machine "
                f"about as fast as "
                "this one (canary).",
                *ahead,
            )
        )
    newest = tuple(matching[::-1])
    # Those of a branch are its own; who compares with another branch's nights stands alone.
    also = newest[:WITH] if wanted.branch is None and len(newest) >= WITH + FEWEST else ()
    chosen = newest[len(also) :][:count]
    return Choice(chosen, also, (*stale(alike, newest[0], now), *ahead))


def is_good(night: Night, accepted: Collection[str] = ()) -> bool:
    """Whether a run may be a baseline, by what it came to."""
    return night.complete and (night.exit_code == 0 or night.run_id in accepted)


def stale(alike: Sequence[Night], newest: Night, now: datetime) -> tuple[str, ...]:
    """What is old about a baseline whose newest run is `newest`."""
    found = []
    if (days := (now - newest.at).days) >= STALE_DAYS:
        found.append(f"The newest baseline run, {newest.run_id}, is {days} days old.")
    since = [night for night in alike if night.started_at > newest.started_at]
    if len(since) >= STALE_RUNS and all(night.exit_code != 0 for night in since):
        found.append(f"The last {counted(len(since), 'run')} did not pass: the baseline is from before them.")
    return tuple(found)


def flaky(nights: Sequence[Night]) -> tuple[str, ...]:
    """Commits of which a run passed and another failed, with the same target, profile and plan, in words."""
    groups: dict[tuple[object, ...], list[Night]] = {}
    for night in nights:
        if night.commit:
            groups.setdefault((night.series, night.plan_digest, night.commit), []).append(night)
    found = []
    for (_, _, commit), runs in groups.items():
        passed = sum(night.exit_code == 0 for night in runs)
        failed = [night for night in runs if night.exit_code in FAILED]
        if passed and failed:
            codes = ", ".join(sorted({str(night.exit_code) for night in failed}))
            found.append(
                f"flaky: {runs[0].profile} on {runs[0].target} at {str(commit)[:12]} passed {passed} and failed "
                f"{counted(len(failed), 'time')} (exit {codes})"
            )
    return tuple(found)
