"""One run, from request to closed record: brings up what is needed, has Locust drive, sees to it that it ends.

The supervisor is a process of its own beside Locust's: whatever happens to the generator, the record is closed,
the sandbox is gone, and somebody is there to say how it went.
"""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from chaos.timeline import Timeline
from harness import __version__
from harness.config.behaviour import lacking, misfits
from harness.core.assistant_slo import Quota
from harness.core.behaviour import PERSONAS
from harness.core.counted import counted
from harness.core.errors import HarnessError, UsageError
from harness.core.fault_record import fault_windows
from harness.core.frozen_model import closest
from harness.core.interrupts import Interrupted
from harness.core.resolved_target import ResolvedTarget
from harness.core.run_spec import RunSpec, windows_of
from harness.core.sign_in import SignInPace
from harness.core.tables import Phase
from harness.egress.gate import Gate
from harness.egress.sources import sources_in
from harness.evidence.collect import collect
from harness.load import child_process as processes
from harness.load.alive import BEAT
from harness.load.sizing import check_workers, processes_for
from harness.observe.keep import keep
from harness.observe.observer import Observations
from harness.probes.ask import probe
from harness.probes.ask_again import ask_again
from harness.record.manifest import Canary, Manifest, Neighbours
from harness.record.run_log import RunLog
from harness.record.store import RunStore, open_run
from harness.run.canary import sing
from harness.run.closing import Stage, closing_record
from harness.run.fitting import fitted
from harness.run.locust_process import LocustProcess, refuse_taken_port
from harness.run.log_watcher import LogWatcher, Show, following, supervisor_log
from harness.run.neighbours import CpuSecond, summary, watched
from harness.run.patient_watcher import patient
from harness.run.preflight_stage import preflight_stage
from harness.run.provider_conductor import ProviderConductor
from harness.run.proxy_conductor import Fronted, fronted
from harness.run.resolved_target import target_of
from harness.run.run_request import RunRequest, Watcher
from harness.run.target_cpu import CoreSecond, mean, target_cpu
from harness.run.witness import explained, witness
from harness.schedule.arrivals import plan


def rehearse(run_request: RunRequest, watcher: Watcher, show: Show | None = None) -> Path:
    """Do the run and return its directory, with the record closed.

    :param show: told of every line of the run's log, in its readable form.
    :raises UsageError: when the request cannot be carried out as it stands.
    :raises TargetError: when the target may not be touched or does not answer; nothing was sent then but one probe.
    """
    with patient(watcher) as shown, BEAT.kept(os.environ):
        told = None if show is None else lambda line: shown.later(lambda: show(line))
        return _logged(run_request, shown, told)


def _logged(run_request: RunRequest, shown: Watcher, show: Show | None) -> Path:
    log = supervisor_log(show)
    watcher = LogWatcher(shown, log)
    with contextlib.closing(log):
        try:
            _known_personas(run_request)
            sources_in(os.environ)
            refuse_taken_port(run_request.web)
            return _rehearse(_sized(run_request, processes.raise_descriptor_limit()), watcher, log, show)
        except HarnessError as error:
            log.error("run refused" if not log.run else "run failed", reason=str(error), code=int(error.exit_code))
            raise
        except Interrupted as error:
            error.while_("before the run had begun", remedy="nothing was recorded; start it again")
            log.warning("interrupted", signal=error.signal, stage=error.stage)
            raise


def _rehearse(run_request: RunRequest, watcher: Watcher, log: RunLog, show: Show | None) -> Path:
    with contextlib.ExitStack() as stack:
        access = stack.enter_context(target_of(run_request, watcher, log))
        log.info("target found", target=access.name, url=access.url, environment=access.environment)
        run_request, access = fitted(run_request, access, watcher, log)
        timeline = run_request.profile.timeline(_seed(run_request))
        front = stack.enter_context(_front(run_request, access, timeline, watcher, log))
        if timeline.of_provider().entries:
            provider = ProviderConductor(access.url, timeline.of_provider(), watcher, log, gate=Gate(access.reach))
            stack.callback(provider.clear)
            front.beside(provider)
        spec, store = _prepare(run_request, access, front.url, timeline)
        log.run = spec.run_id
        with closing_record(store.folder) as stage:
            _carry_out(run_request, access, front, spec, store, stage, watcher, log, show)
    return store.folder


def _carry_out(
    run_request: RunRequest,
    access: ResolvedTarget,
    front: Fronted,
    spec: RunSpec,
    store: RunStore,
    stage: Stage,
    watcher: Watcher,
    log: RunLog,
    show: Show | None,
) -> None:
    """From a run directory to a complete record."""
    folder = store.folder
    log.open(folder)
    with following(folder, show):
        _log_plan(log, run_request, store.manifest)
        watcher.stage(
            f"run {spec.run_id}: {counted(store.manifest.planned_sessions, 'session')} planned, target {access.url}"
        )
        stage.now = "before the load began"
        _probe(run_request, access, store, log)
        _preflight(run_request, access, store, watcher, log)
        before = _canary("start", log)
        store.update(canary=before)
        stage.now = "while the load's record was closed"
        ours = access.own or run_request.sandbox_ours
        alone = ours and run_request.master_port is None  # with workers elsewhere, whose are they?
        watching: AbstractContextManager[list[CpuSecond]] = watched() if alone else contextlib.nullcontext([])
        with watching as seconds, witness(run_request, access, store) as seen, target_cpu(access.url) as cores:
            LocustProcess(run_request, access, spec, folder, watcher, front, log=log, evidence_follows=True).drive()
        stage.now = "before what the target stored was read"
        ended = open_run(folder).manifest
        RunStore(folder, ended).update(
            canary=(*before, *_canary("end", log)),
            neighbours=_neighbours(ended, seconds, log) if alone else None,
            target_cores=_target_cores(ended, cores),
        )
        if seen is not None:
            watcher.stage("reading the plans of what the load asked")
            explained(run_request, access, seen)
            _keep(folder, seen, watcher, log)
        watcher.stage("reading what the target stored")
        evidence = collect(
            folder,
            access.url,
            service_key=access.service_key.reveal(),
            dsn=access.dsn.reveal(),
            gate=Gate(access.reach),
        )
        stage.now = "right after what the target stored was read"
        _check_all_lived(access, front, store, log)
        _ask_again(access, folder, watcher, log)
        log.info("evidence read", source=evidence.source, rows=evidence.rows, problem=evidence.problem)
        if evidence.problem:
            watcher.problem(f"integrity is not checked: {evidence.problem}")
        ended = open_run(folder).manifest
        log.info("run ended", status=ended.status, reason=ended.abort_reason)


def _probe(run_request: RunRequest, access: ResolvedTarget, store: RunStore, log: RunLog) -> None:
    """What the deployment is like becomes part of the record."""
    if not run_request.questions:
        return
    probes = probe(access, run_request.profile.people, _answers_a_minute(run_request))
    store.update(probes=probes)
    log.info("target probed", schema_from=probes.source, answers=len(probes.answers), took_s=probes.took_s)


def _preflight(run_request: RunRequest, access: ResolvedTarget, store: RunStore, watcher: Watcher, log: RunLog) -> None:
    """What is wrong with the target, where somebody wants to know, becomes part of the record."""
    if not (run_request.preflight or run_request.profile.preflight):
        return
    watcher.stage("asking the target what is open, slow or missing")
    found = preflight_stage(access, run_request.profile.people, run_request.accepted)
    store.update(preflight=found)
    log.info("preflight", found=found.text, took_s=found.took_s)
    for one in found.refused:
        watcher.problem(one.sentence)


def _answers_a_minute(run_request: RunRequest) -> int | None:
    """What the SLO file says that the assistant gives a person in a minute."""
    stated = [one for one in run_request.assistant if isinstance(one, Quota) and one.what == "answers_a_minute"]
    return stated[0].limit if stated else None


def _canary(at: Literal["start", "end"], log: RunLog) -> tuple[Canary, ...]:
    """How fast this machine is right now; nothing where that cannot be known."""
    try:
        canary = sing(at)
    except OSError as error:
        log.warning("canary failed", reason=str(error))
        return ()
    log.info("canary", when=at, cpu_ms=canary.cpu_ms, loopback_us=canary.loopback_us)
    return (canary,)


def _keep(folder: Path, seen: Observations, watcher: Watcher, log: RunLog) -> None:
    """What the database said of itself becomes part of the record."""
    told = keep(folder, seen)
    log.info(
        "database observed", asked=told.asked, took_s=told.took_s, problem=told.problem, missing=list(told.missing)
    )
    if told.problem:
        watcher.problem(f"the database was not observed to the end: {told.problem}")


def _neighbours(ended: Manifest, seconds: Sequence[CpuSecond], log: RunLog) -> Neighbours | None:
    """What other programs took of this machine in the measure phase."""
    (measure,) = (window for window in ended.windows if window.phase is Phase.MEASURE)
    if ended.zero_epoch_s is None:
        return None
    found = summary(seconds, ended.zero_epoch_s + measure.start_s, ended.zero_epoch_s + measure.end_s)
    if found is not None:
        log.info("other programs", seconds=found.seconds, crowded=found.crowded, share=found.share)
    return found


def _ask_again(access: ResolvedTarget, folder: Path, watcher: Watcher, log: RunLog) -> None:
    """What was shown under load is held against what the target says at rest."""
    if open_run(folder).manifest.status == "aborted":
        return
    again = ask_again(folder, access)
    log.info(
        "asked again",
        asked=again.asked,
        answered=again.answered,
        people=again.people,
        problem=again.problem,
        took_s=again.took_s,
    )
    if again.problem:
        watcher.problem(f"not all questions were asked again after the run: {again.problem}")


def _target_cores(ended: Manifest, seconds: Sequence[CoreSecond]) -> float | None:
    """What the target's process used of this machine in the measure phase."""
    (measure,) = (window for window in ended.windows if window.phase is Phase.MEASURE)
    if ended.zero_epoch_s is None:
        return None
    return mean(seconds, ended.zero_epoch_s + measure.start_s, ended.zero_epoch_s + measure.end_s)


def _log_plan(log: RunLog, run_request: RunRequest, manifest: Manifest) -> None:
    log.info(
        "run planned",
        profile=manifest.profile.name,
        source=run_request.source,
        sessions=manifest.planned_sessions,
        plan_digest=manifest.plan_digest,
        seed=manifest.seed,
        workers=manifest.workers,
        faults=[window.name for window in manifest.chaos if window.kind == "chaos"],
        versions=manifest.versions,
    )


def _front(
    run_request: RunRequest, access: ResolvedTarget, timeline: Timeline, watcher: Watcher, log: RunLog
) -> contextlib.AbstractContextManager[Fronted]:
    """The proxy that the profile's chaos needs, if it does."""
    if run_request.master_port is not None and timeline.of_proxy().entries:
        raise UsageError(
            "faults of the proxy need all workers on this machine, where the proxy is",
            where=f"{run_request.source}, [[chaos]]",
            remedy="leave --master out, or take the proxy's faults out of the profile",
        )
    by_hand = run_request.web is not None and run_request.web.fault_buttons
    return fronted(access.url, timeline, run_request.proxy, watcher, log, gate=Gate(access.reach), by_hand=by_hand)


def _seed(run_request: RunRequest) -> int:
    return run_request.profile.seed if run_request.seed is None else run_request.seed


def _check_all_lived(access: ResolvedTarget, front: Fronted, store: RunStore, log: RunLog) -> None:
    """A sandbox or proxy of our own that died took the run's meaning with it, whenever it died."""
    if reason := access.death() or front.death():
        log.error("target died", reason=reason)
        folder = store.folder
        RunStore(folder, open_run(folder).manifest).update(status="aborted", abort_reason=reason)


def _known_personas(run_request: RunRequest) -> None:
    """Before anything is started: every persona of the mix exists, and every quantity is one that somebody draws."""
    unknown = sorted(set(run_request.profile.mix) - set(PERSONAS))
    if unknown:
        raise UsageError(
            f"no such persona: {', '.join(unknown)}",
            where=f"{run_request.source}, [mix]",
            remedy="; ".join(dict.fromkeys(closest(persona, PERSONAS) for persona in unknown)),
        )
    problems = misfits(run_request.profile.behaviour)
    if problems:
        raise UsageError(
            "\n".join(("behaviour that nobody would follow:", *(f"  {problem}" for problem in problems))),
            where=str(run_request.source),
            remedy="correct the keys named above; docs/personas.md explains the quantities",
        )
    if missing := lacking(run_request.profile.mix, run_request.profile.behaviour):
        raise UsageError(
            "\n".join(("personas of [mix] without the behaviour they need:", *(f"  {one}" for one in missing))),
            where=str(run_request.source),
            remedy='add the keys named above, or write extends = "nightly", which has them all; see docs/personas.md',
        )


def _sized(run_request: RunRequest, descriptor_limit: int) -> RunRequest:
    """With the number of worker processes settled. Workers elsewhere check for themselves."""
    if run_request.master_port is not None:
        check_workers(run_request.expect_workers)
        return run_request
    needed = processes_for(run_request.profile.phones, descriptor_limit, processes.cores(), run_request.processes)
    return replace(run_request, processes=needed)


def _prepare(run_request: RunRequest, access: ResolvedTarget, url: str, timeline: Timeline) -> tuple[RunSpec, RunStore]:
    """url: where phones go, the target's or that of a proxy in front of it."""
    profile, seed = run_request.profile, _seed(run_request)
    if access.app_origin:
        profile = profile.model_copy(update={"app_origin": access.app_origin})
    now = datetime.now(UTC)
    tag = secrets.randbits(32)
    run_id = f"{now:%Y%m%dT%H%M%SZ}-{profile.name}-{tag:08x}"
    planned = plan(profile.spread_arrivals, profile.mix, profile.people, seed)
    folder = run_request.out / run_id
    spec = RunSpec(
        run_id=run_id,
        run_tag=tag,
        folder=str(folder.absolute()),
        url=url,
        seed=seed,
        profile=profile,
        email_pattern=access.email_pattern,
        user_ids=access.user_ids,
        minted_with=access.minted_with,
        sign_in_pace=_sign_in_pace(run_request, access),
        windows=windows_of(profile),
        plan_digest=planned.digest,
        limits=access.limits,
        rebalance=run_request.rebalance,
    )
    manifest = Manifest(
        run_id=run_id,
        status="running",
        started_at=now.isoformat(timespec="seconds"),
        seed=seed,
        profile=profile,
        slos=run_request.slos,
        catch_all=run_request.catch_all,
        database=run_request.database,
        assistant=run_request.assistant,
        target_name=access.name,
        target_url=access.url,
        target_environment=access.environment,
        windows=spec.windows,
        chaos=fault_windows(timeline.entries, profile.chaos, profile.phases.end_s),
        limits=access.limits,
        planned_sessions=len(planned),
        plan_digest=spec.plan_digest,
        run_tag=tag,
        evidence_promised=profile.promises_evidence and bool(access.service_key or access.dsn),
        workers=run_request.expect_workers if run_request.master_port is not None else run_request.processes or 1,
        versions=_versions(),
        notes=access.notes,
    )
    store = RunStore.create(folder, manifest)
    (folder / "order.json").write_text(spec.model_dump_json(indent=1), encoding="utf-8")
    return spec, store


def _sign_in_pace(run_request: RunRequest, access: ResolvedTarget) -> SignInPace | None:
    """One worker's, where tokens are minted and somebody could be signed in all the same."""
    if not access.minted_with or not access.password:
        return None
    workers = run_request.expect_workers if run_request.master_port is not None else run_request.processes or 1
    limits = access.sign_in
    return SignInPace.of(run_request.profile.stored_sessions, limits.per_5_minutes, limits.burst, workers)


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("locust", "gevent", "uvloop", "httptools", "pandas")}
    return {
        "harness": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "cores": str(processes.cores()),
        **packages,
    }
