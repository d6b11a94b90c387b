"""The schedule of a run spec: drawn once in each process of a run, and the same in all of them. (pure)"""

from __future__ import annotations

import platform

import numpy as np

from harness.core.errors import TargetError
from harness.core.run_spec import RunSpec
from harness.schedule.arrivals import Schedule, plan


class ScheduleMismatch(TargetError):
    """This process draws other sessions than those that were planned, so it must not take part."""


def drawn(spec: RunSpec) -> Schedule:
    """What this process draws for the spec."""
    profile = spec.profile
    return plan(profile.spread_arrivals, profile.mix, profile.people, spec.seed)


def planned(spec: RunSpec) -> Schedule:
    """The schedule that the spec was made with. :raises ScheduleMismatch: another one is drawn here."""
    schedule = drawn(spec)
    if schedule.digest != spec.plan_digest:
        raise ScheduleMismatch(
            f"another schedule is drawn here than was planned: its digest is {schedule.digest}, the run spec's is "
            f"{spec.plan_digest or 'missing'}; most likely numpy or Python differ from those of the machine that "
            f"planned (here numpy {np.__version__}, Python {platform.python_version()})",
            where=f"run {spec.run_id} on {platform.node()}",
            remedy="install the versions that requirements.lock names on every machine of the run",
        )
    return schedule
