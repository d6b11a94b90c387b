"""A profile fitted to what the sandbox on this machine carries, or refused with that figure.

A sandbox beyond its strength measures the machine: half an hour of timeouts, and data broken by them. So a run that
starts its own sandbox has it calibrated, and where the profile's busiest rate is beyond that, it runs the largest tenth
of the profile that is not. `--no-fit` runs it as it stands.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from harness.core.errors import UsageError
from harness.core.profile import Profile
from harness.core.resolved_target import ResolvedTarget
from harness.core.scaled_profile import scaled
from harness.record.run_log import RunLog
from harness.run.calibration import Calibration, calibrate
from harness.run.run_request import RunRequest, Watcher

TENTHS = 10
SUSTAINED_S = 60.0


def busiest(profile: Profile) -> float:
    """The highest mean rate of a profile over a minute, sessions a second. What is shorter queues for a moment, and is
    gone; a run that is shorter never has a sandbox's strength for long. (pure)"""
    at, begun, edges, sessions = 0.0, 0.0, [0.0], [0.0]
    for stage in profile.arrivals:
        at += stage.seconds
        begun += stage.seconds * (stage.rate + stage.end_rate) / 2
        edges.append(at)
        sessions.append(begun)
    seconds = np.arange(0.0, at + SUSTAINED_S, 1.0)
    made = np.interp(seconds, edges, sessions)
    return float(np.max(made[int(SUSTAINED_S) :] - made[: -int(SUSTAINED_S)], initial=0.0)) / SUSTAINED_S


def share_that_fits(rate: float, carried: float) -> float:
    """1, or the largest tenth of `rate` that is carried; 0: not even one tenth. (pure)"""
    if rate <= carried:
        return 1.0
    return math.floor(TENTHS * carried / rate + 1e-9) / TENTHS


def fitted(
    run_request: RunRequest, access: ResolvedTarget, watcher: Watcher, log: RunLog
) -> tuple[RunRequest, ResolvedTarget]:
    """The request and its target, with what was found in the target's notes; as they are for any but an own sandbox.

    :raises UsageError: not even a tenth of the profile is carried here.
    """
    if not access.own or run_request.master_port is not None:
        return run_request, access
    found = calibrate(access, run_request.profile)
    if found is None:
        log.warning("sandbox not calibrated")
        return run_request, access
    log.info("sandbox calibrated", sessions_per_s=found.sessions_per_s, session_ms=found.session_ms, ms=dict(found.ms))
    watcher.stage(found.text)
    rate = busiest(run_request.profile)
    share = share_that_fits(rate, found.sessions_per_s)
    if share == 1.0:
        return run_request, replace(access, notes=(*access.notes, found.text))
    if not run_request.fit:
        note = f"{found.text}; asked for {rate:.3g}/s all the same"
        watcher.stage(note)
        return run_request, replace(access, notes=(*access.notes, note))
    if share == 0.0:
        raise _refused(run_request, found, rate)
    note = f"{found.text}; the profile's {rate:.3g}/s do not fit, so {share:g} of its load was run"
    watcher.stage(note)
    profile = scaled(run_request.profile, share)
    return replace(run_request, profile=profile), replace(access, notes=(*access.notes, note))


def _refused(run_request: RunRequest, found: Calibration, rate: float) -> UsageError:
    return UsageError(
        f"{found.text}, the profile asks for {rate:.3g}/s: not even a tenth of it fits",
        where=f"profile {run_request.profile.name}, [[arrivals]]",
        remedy=f"run less (--scale {0.9 * found.sessions_per_s / rate:.2g}), use a target elsewhere (--target), or run "
        "it as it stands to see the sandbox break (--no-fit)",
    )
