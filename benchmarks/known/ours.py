"""Our side: a planned run through Locust, shell, engine, recorder and run directory, as `harness run` makes it."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.core.profile import ArrivalStage, Phases, Profile
from harness.core.resolved_target import ResolvedTarget
from harness.core.run_spec import RunSpec, windows_of
from harness.core.secret import NOTHING, Secret
from harness.core.slo import LatencySlo, Slo
from harness.core.tables import View
from harness.record.manifest import Manifest
from harness.record.store import RunStore, open_run
from harness.run.locust_process import LocustProcess
from harness.run.run_request import RunRequest
from harness.schedule.arrivals import plan
from known.schedule import Schedule, percentiles
from reports.frames import load
from reports.ranks import grouped_percentiles

AHEAD_S = 0.5
"""As in the locustfile: from opening the app to what is measured."""
WARMUP_S, DRAIN_S = 4.0, 10.0
PEOPLE_FOR_S = 12.0
"""How long a person rests between two sessions: longer than anything the target does."""
LOCUSTFILE = Path(__file__).with_name("prober.py")


@dataclass(frozen=True)
class Quiet:
    """A watcher that shows problems only."""

    def stage(self, text: str) -> None: ...

    def progress(self, facts: Mapping[str, Any]) -> None: ...

    def problem(self, text: str) -> None:
        print(text)


def run(folder: Path, port: int, *, rate: float, seconds: float, seed: int, core: int, slos: tuple[Slo, ...]) -> Path:
    """One planned run against the known target, its generator on `core`; the run directory, closed."""
    people = int(rate * PEOPLE_FOR_S)
    profile = Profile(
        name="truth",
        people=people,
        phones=people,
        phases=Phases(warmup_s=WARMUP_S, measure_s=seconds, drain_s=DRAIN_S),
        arrivals=(ArrivalStage(seconds=WARMUP_S + seconds, rate=rate),),
        mix={"prober": 1.0},
        app_origin=f"http://127.0.0.1:{port}",  # the target's own: nothing is asked before calls
    )
    planned = plan(profile.arrivals, profile.mix, people, seed)
    url, now = f"http://127.0.0.1:{port}", datetime.now(UTC)
    shutil.rmtree(folder, ignore_errors=True)
    order = RunSpec(
        run_id=folder.name,
        run_tag=secrets.randbits(32),
        folder=str(folder.absolute()),
        url=url,
        seed=seed,
        profile=profile,
        email_pattern="probe_{index:06d}@people.example.com",
        windows=windows_of(profile),
        plan_digest=planned.digest,
    )
    manifest = Manifest(
        run_id=folder.name,
        status="running",
        started_at=now.isoformat(timespec="seconds"),
        seed=seed,
        profile=profile,
        slos=slos,
        target_name="known",
        target_url=url,
        target_environment="local",
        windows=order.windows,
        planned_sessions=len(planned),
        plan_digest=planned.digest,
        workers=1,
        versions={},
    )
    RunStore.create(folder, manifest)
    (folder / "order.json").write_text(order.model_dump_json())
    np.save(folder / "intended.npy", planned.instants_s + AHEAD_S)  # before the run: the intended arrivals
    run_request = RunRequest(profile=profile, source="truth", slos=slos, out=folder.parent)
    access = ResolvedTarget("known", url, "local", Secret("anon"), NOTHING, order.email_pattern)
    os.environ["TRUTH_ZERO"] = str(folder / "zero")
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        LocustProcess(run_request, access, order, folder, Quiet(), locustfile=LOCUSTFILE).drive()
    finally:
        os.sched_setaffinity(0, everywhere)
    return folder


def slos(limit_ms: float) -> tuple[Slo, ...]:
    """p95 of both views under `limit_ms`."""
    return tuple(
        LatencySlo(name=f"probe {view}", operation="probe", view=view, limit_ms=limit_ms, min_samples=100)
        for view in (View.SERVER, View.E2E)
    )


def answer(folder: Path, wanted: tuple[float, ...]) -> tuple[float, ...]:
    """What our record says: e2e percentiles of the measure phase in seconds."""
    measured = load(open_run(folder)).measured
    chosen = measured[(measured["operation"] == "probe") & (measured["view"] == View.E2E)]
    table = grouped_percentiles(chosen, ["operation"], wanted)
    return tuple(float(table[f"p{q:g}"].iloc[0]) / 1e6 for q in wanted)


def truth(
    folder: Path, log: npt.NDArray[np.float64], schedule: Schedule, wanted: tuple[float, ...]
) -> tuple[float, ...]:
    """What a perfect generator would have seen on this plan, percentiles in seconds.

    For every intended arrival of the measure phase: the answer's instant by the schedule, plus how much later than its
    schedule the target really wrote that answer (its log knows), minus the intended arrival.
    """
    zero, origin = float((folder / "zero").read_text()), float(log[0, 1])
    intended = zero + np.load(folder / "intended.npy")
    seconds = open_run(folder).manifest.profile.phases.measure_s
    late = {int(number): written - schedule.due(arrived, int(number), origin) for number, arrived, written in log[1:]}
    values = [
        schedule.due(at, number, origin) + late[number] - at
        for number, at in enumerate(intended)
        if WARMUP_S <= at - zero < WARMUP_S + seconds and number in late
    ]
    found: tuple[float, ...] = percentiles(values, wanted)
    return found
