"""What a replay or a recording runs against: a sandbox of its own, one that runs here, or a deployment."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from harness.config.load import load_profile, load_target
from harness.core.errors import UsageError
from harness.core.profile import ArrivalStage, Phases, Profile, SandboxSize
from harness.core.resolved_target import ResolvedTarget
from harness.run.resolved_target import target_of
from harness.run.run_request import RunRequest, Watcher

PEOPLE, CATALOGUE = 60, 400


@contextlib.contextmanager
def stage(
    watcher: Watcher,
    *,
    target_file: str | None = None,
    url: str | None = None,
    allow_production: bool = False,
) -> Iterator[ResolvedTarget]:
    """Neither a file nor a URL: a sandbox is started, and gone afterwards.

    :raises UsageError: both. :raises TargetError: not allowed there, or nobody answers.
    """
    if target_file and url:
        raise UsageError("--target and --url exclude each other")
    request = RunRequest(
        profile=_one_phone(),
        source="trace",
        slos=(),
        out=Path(),
        target=load_target(target_file) if target_file else None,
        sandbox_url=url,
        allow_production=allow_production,
    )
    with target_of(request, watcher) as target:
        yield target


def _one_phone() -> Profile:
    """The load of a replay, by which a target's limits are asked."""
    personas = load_profile("smoke").behaviour
    return Profile(
        name="trace",
        people=2,  # the least a profile has
        phones=1,
        phases=Phases(warmup_s=0, measure_s=60, drain_s=1),
        arrivals=(ArrivalStage(seconds=60, rate=1 / 60),),
        mix={"reader": 1.0},
        behaviour={"reader": personas["reader"]},
        sandbox=SandboxSize(people=PEOPLE, catalogue=CATALOGUE),
        realtime=True,
    )
