"""The verdict of a run, and everything the renderers say. (pure)

`verdict.json` is this module's `Verdict` as JSON: UTF-8, `version` 1. Within a version fields are only added. Latencies
are milliseconds, shares fractions of one, instants ISO 8601 in UTC. null as a latency means that there were no samples
or that the percentile falls on a failure; the `*_text` beside it says which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from harness.core.errors import PRECEDENCE, ExitCode
from harness.core.phase_window import Window
from harness.core.tables import Phase, View
from harness.plan.prices import PlanPrices
from harness.record.manifest import Manifest
from harness.record.preflight_results import PreflightRecord
from reports import access as entrance
from reports import catch_all as everything
from reports import findings as schema_facts
from reports import health as generator
from reports import probes as questions
from reports import slo as objectives
from reports.access import AccessRow
from reports.assistant.model import AssistantRow
from reports.catch_all import CatchAllVerdict
from reports.compare_rows import Comparison
from reports.coverage.judged_run import judged_run
from reports.coverage.model import Coverage
from reports.coverage.session import beside
from reports.coverage.statement import cover
from reports.database.model import DatabaseView, GateRow
from reports.drift import DriftRow, drift
from reports.environment import MachineRow, machine
from reports.findings import Finding, findings
from reports.frames import Frames, RunLike, SessionFigures, load, samples_in, sessions
from reports.health_row import HealthRow
from reports.herds.model import Herds
from reports.hidden import HiddenCost, hidden
from reports.integrity.model import UNCHECKED, Check, Integrity
from reports.limits import LimitMet, limits
from reports.limits import sentence as limits_met
from reports.model import ReportModel
from reports.realtime import Realtime, figures
from reports.recovery.model import Recovery
from reports.saturation import Saturation, data_sentences, saturation
from reports.slo import SloRow
from reports.step import Step
from reports.text import percent, plural, seconds
from reports.traffic import Traffic

Word = Literal["pass", "fail", "inconclusive", "aborted"]

WORD_OF_CODE: dict[ExitCode, Word] = {
    ExitCode.PASS: "pass",
    ExitCode.SLO_MISSED: "fail",
    ExitCode.DATA: "fail",
    ExitCode.REGRESSION: "fail",
    ExitCode.INCONCLUSIVE: "inconclusive",
    ExitCode.ABORTED: "aborted",
    ExitCode.TARGET: "fail",
}
MEANING: dict[ExitCode, str] = {
    ExitCode.PASS: "every SLO met",
    ExitCode.SLO_MISSED: "an SLO was missed",
    ExitCode.DATA: "data was lost or doubled",
    ExitCode.REGRESSION: "slower than the baseline",
    ExitCode.INCONCLUSIVE: "this run cannot answer",
    ExitCode.ABORTED: "the run was aborted",
    ExitCode.TARGET: "the target is not ready",
}


class RunFacts(ReportModel):
    """What was run, and how much of it happened."""

    run_id: str
    profile: str
    description: str
    target_name: str
    target_url: str
    target_environment: str
    started_at: str
    finished_at: str | None
    status: str
    seed: int
    plan_digest: str
    workers: int
    windows: tuple[Window, ...]
    measured_s: float  # length of the measure phase that was reached
    attempts: int  # over the whole run
    attempts_measured: int
    operations_measured: int
    attempts_per_s: float  # over the measure phase
    sessions: SessionFigures
    versions: dict[str, str]
    notes: tuple[str, ...]
    machine: tuple[MachineRow, ...] = ()  # before and after the load; empty in older records


class Verdict(ReportModel):
    """What the run meant."""

    version: Literal[1] = 1
    verdict: Word
    sentence: str  # the verdict's reason in one sentence
    reasons: tuple[str, ...]  # every reason, the winning one's first; empty for a pass
    exit_code: int  # the one that wins
    exit_codes: tuple[int, ...]  # all that apply, the winning one first
    slos: tuple[SloRow, ...]
    catch_all: CatchAllVerdict | None = None  # everything else; null for a record that has no bounds for it
    access: tuple[AccessRow, ...] = ()  # did people get in, and get done
    hidden: tuple[HiddenCost, ...] = ()  # what retries hide from people, and its cost; changes no exit code
    limits: tuple[LimitMet, ...] = ()  # of the platform, by name: why calls failed; changes no exit code
    assistant: tuple[AssistantRow, ...] = ()  # its models: time, cost, limits; empty without [[assistant]]
    health: tuple[HealthRow, ...]
    integrity: Integrity
    coverage: Coverage  # which sentences of the operational manual this run asked; it changes no exit code
    comparison: Comparison | None = None
    realtime: Realtime | None = None
    drift: tuple[DriftRow, ...] = ()  # empty where the load was not level
    probes: tuple[Check, ...] = ()  # questions to the target before the load
    preflight: PreflightRecord | None = None  # what is open, slow or missing there; null where nobody asked
    findings: tuple[Finding, ...] = ()  # known facts of its schema; they change no exit code
    traffic: Traffic | None = None  # what one session sent; null when none ended
    recovery: Recovery | None = None  # what the faults did; null for a run without any
    herds: Herds | None = None  # what many phones did in the same instant; null for a run without such
    database: DatabaseView | None = None  # what the target's database said of itself; null where nobody observed it
    playbook: tuple[Step, ...] = ()  # what to do about what was missed; empty where nothing was
    not_checked: tuple[str, ...] = ()
    facts: RunFacts

    @property
    def meaning(self) -> str:
        """The exit code in words."""
        return MEANING[ExitCode(self.exit_code)]

    @property
    def vetoes(self) -> tuple[HealthRow, ...]:
        return tuple(row for row in self.health if row.level == "invalid")


def judge(run: RunLike, baseline: Comparison | None = None, integrity: Integrity = UNCHECKED) -> Verdict:
    """Judge a run from its record alone, against the objectives in its manifest."""
    return judge_frames(load(run), baseline, integrity=integrity)


def judge_frames(
    frames: Frames,
    baseline: Comparison | None = None,
    traffic: Traffic | None = None,
    integrity: Integrity = UNCHECKED,
    plans: Mapping[str, PlanPrices] | None = None,
    recovery: Recovery | None = None,
    database: DatabaseView | None = None,
    *,
    uncompared: str = "",
    assistant: tuple[AssistantRow, ...] = (),
) -> Verdict:
    """`judge`, for who has the frames already. `integrity`: what became of the data (`reports.integrity`). Realtime's
    figures stand beside the limits of `plans`. `uncompared`: why a comparison that was asked for could not be made."""
    manifest = frames.manifest
    unanswerable = objectives.out_of_reach(manifest)
    rows = objectives.judge(frames, (slo for slo in manifest.slos if slo not in unanswerable))
    health = generator.judge(frames)
    realtime = figures(frames, plans or {})
    shown, _ = integrity.foreign
    full = saturation(frames)
    others, overloaded = data_sentences(integrity, full)
    found = [(ExitCode.DATA, sentence) for sentence in shown]  # the gravest: before all others of its code
    rest, access = everything.judge(frames), entrance.judge(frames)
    found += [(ExitCode.SLO_MISSED, row.sentence) for row in access if row.status == "missed"]
    found += [(ExitCode.SLO_MISSED, row.sentence) for row in assistant if row.status == "missed"]
    found += _findings(manifest, rows, health, baseline)
    found += [(ExitCode.INCONCLUSIVE, row.sentence) for row in access if row.status == "doubt"]
    if rest is not None:
        found += [(ExitCode.SLO_MISSED, sentence) for sentence in rest.misses]
        found += [(ExitCode.INCONCLUSIVE, sentence) for sentence in rest.doubts]
    found += [(ExitCode.DATA, reason) for reason in (realtime.reasons if realtime is not None else ())]
    asked, drifted = questions.checks(manifest.probes), drift(frames)
    found += [(ExitCode.DATA, check.sentence) for check in asked if check.status == "broken"]
    if manifest.preflight is not None:
        found += [(ExitCode.TARGET, one.sentence) for one in manifest.preflight.refused]
    found += [(ExitCode.DATA, sentence) for sentence in others]
    found += [
        (ExitCode.INCONCLUSIVE, f"A part of the record, {fault.part}, {fault.what}: data is not checked.")
        for fault in frames.faults
        if fault.of_data
    ]
    if manifest.evidence_promised and integrity.status == "not checked":
        found.append(
            (ExitCode.INCONCLUSIVE, f"The profile promises that data is checked, and it was not: {integrity.text}")
        )
    if uncompared:
        found.append((ExitCode.INCONCLUSIVE, f"The comparison that was asked for could not be made: {uncompared}."))
    gated, unasked = _gates(database)
    found += [(ExitCode.SLO_MISSED, row.sentence) for row in gated]
    found += [
        (ExitCode.INCONCLUSIVE, f"Database, {row.name}, could not be judged: {row.value_text}.") for row in unasked
    ]
    found += [(ExitCode.REGRESSION, row.sentence) for row in drifted if row.drifts]
    found += [(ExitCode.INCONCLUSIVE, row.sentence) for row in drifted if row.excuse]
    missing = any(code in (ExitCode.SLO_MISSED, ExitCode.DATA) for code, _ in found) or bool(overloaded)
    failing = (
        any(row.status == "missed" for row in assistant)
        or any(row.status == "missed" for row in access)
        or (rest is not None and rest.failing)
        or bool(gated)
    )
    order = _precedence(rows, health, failing=failing)
    if full is not None and missing:
        found, order = _saturated(found, order, full, overloaded)
    ordered = sorted(found, key=lambda item: order.index(item[0]))
    winner = ordered[0][0] if ordered else ExitCode.PASS
    codes = tuple(dict.fromkeys(int(code) for code, _ in ordered)) or (int(ExitCode.PASS),)
    reasons, met = tuple(reason for _, reason in ordered), limits(frames)
    return Verdict(
        verdict=WORD_OF_CODE[winner],
        sentence=_sentence(reasons, rows, integrity, rest) + limits_met(met),
        reasons=reasons,
        exit_code=int(winner),
        exit_codes=codes,
        slos=rows,
        catch_all=rest,
        access=access,
        hidden=hidden(frames),
        limits=met,
        assistant=assistant,
        health=health,
        integrity=integrity,
        coverage=cover(
            judged_run(
                frames,
                slos=rows,
                health=health,
                integrity=integrity,
                comparison=baseline,
                realtime=realtime,
                drift=drifted,
                recovery=recovery,
                database=database,
                assistant=assistant,
                beside=beside(frames.manifest, traffic),
            )
        ),
        not_checked=(
            *integrity.gaps,
            *(row.sentence for row in assistant if row.status == "not asked"),
            *(f"{slo.name}: the profile has no Realtime, so nothing is delivered." for slo in unanswerable),
            *questions.unasked(manifest.probes),
            *schema_facts.unasked(manifest.probes),
            *(f"Preflight, {why}." for why in (manifest.preflight.unasked if manifest.preflight else ())),
            *generator.not_checked(frames),
        ),
        comparison=baseline,
        realtime=realtime,
        drift=drifted,
        probes=asked,
        preflight=manifest.preflight,
        findings=findings(manifest.probes),
        traffic=traffic,
        recovery=recovery,
        database=database,
        facts=_facts(frames),
    )


def _findings(
    manifest: Manifest, rows: Sequence[SloRow], health: Sequence[HealthRow], baseline: Comparison | None
) -> list[tuple[ExitCode, str]]:
    found: list[tuple[ExitCode, str]] = []
    if manifest.status == "aborted":
        found.append((ExitCode.ABORTED, _aborted(manifest)))
    found += [
        (ExitCode.INCONCLUSIVE, f"{row.check.capitalize()} {row.value}: {row.reason}.")
        for row in health
        if row.level == "invalid"
    ]
    if not rows:
        found.append((ExitCode.INCONCLUSIVE, "The run had no SLO to judge."))
    if rows and not any(row.samples for row in rows):
        found.append((ExitCode.INCONCLUSIVE, "No objective has a sample in the measure phase."))
        rows = ()
    for row in rows:
        if row.status == "inconclusive":
            found.append((ExitCode.INCONCLUSIVE, f"{row.name} could not be judged: {row.note}."))
        elif row.status == "fail":
            found.append((ExitCode.SLO_MISSED, missed(row)))
    if baseline is not None and baseline.regressed:
        found.append((ExitCode.REGRESSION, baseline.sentence))
    return found


def _aborted(manifest: Manifest) -> str:
    """Why the run ended early, and after how long."""
    reason = manifest.abort_reason
    if not reason.startswith("interrupted"):
        return f"The run was aborted: {reason or 'no reason recorded'}."
    if manifest.finished_at is None:
        return f"{reason[0].upper()}{reason[1:]}."
    length = datetime.fromisoformat(manifest.finished_at) - datetime.fromisoformat(manifest.started_at)
    return f"Interrupted after {seconds(max(0.0, length.total_seconds()))}{reason.removeprefix('interrupted')}."


def _gates(database: DatabaseView | None) -> tuple[list[GateRow], list[GateRow]]:
    """Of the limits in the SLO file's `[database]`: those that are missed, and those that could not be asked."""
    rows = database.gates if database is not None else ()
    return [row for row in rows if row.status == "over"], [row for row in rows if row.unanswered]


def _precedence(rows: Sequence[SloRow], health: Sequence[HealthRow], *, failing: bool) -> list[ExitCode]:
    """Which code wins: a definite miss before a doubt. While the generator itself is in doubt, so are latencies and
    what was compared with earlier runs; errors stay what they are."""
    order = list(PRECEDENCE)
    if any(row.level == "invalid" for row in health):
        errors = failing or any(row.kind == "share" and row.status == "fail" for row in rows)
        order.remove(ExitCode.INCONCLUSIVE)
        order.insert(order.index(ExitCode.REGRESSION if errors else ExitCode.SLO_MISSED), ExitCode.INCONCLUSIVE)
    return order


def _saturated(
    found: list[tuple[ExitCode, str]], order: list[ExitCode], full: Saturation, overloaded: Sequence[str]
) -> tuple[list[tuple[ExitCode, str]], list[ExitCode]]:
    """The sandbox was the limit: that comes before what was missed, and what the overload broke comes after it. What
    the app broke with CPU to spare, or showed to strangers, stays what it is."""
    order = [code for code in order if code is not ExitCode.INCONCLUSIVE]
    order.insert(order.index(ExitCode.SLO_MISSED), ExitCode.INCONCLUSIVE)
    misses = [item for item in found if item[0] is ExitCode.SLO_MISSED]
    rest = [item for item in found if item[0] is not ExitCode.SLO_MISSED]
    told = [(ExitCode.SLO_MISSED, sentence) for sentence in overloaded]
    return [(ExitCode.INCONCLUSIVE, full.sentence), *rest, *misses, *told], order


def missed(row: SloRow) -> str:
    """A missed objective in one sentence that names operation, figure and limit."""
    operations = ", ".join(row.operations)
    if row.value is not None and row.margin is not None and row.margin >= 0 and row.windows is not None and row.note:
        what = f"{operations} ({row.view}) {row.note}"
    elif row.kind == "share":
        what = f"{percent(row.value, 3)} of {operations} ({row.view}) ended badly, the limit is {row.limit_text}"
    elif row.value is None:
        what = f"{operations} ({row.view}): {row.note}; the limit is {row.limit_text}"
    else:
        percentile = row.objective.split()[0]
        what = f"{operations} ({row.view}) {percentile} is {row.value_text}, the limit is {row.limit_text}"
    return f"{row.name} missed: {what}."


def _sentence(
    reasons: Sequence[str], rows: Sequence[SloRow], integrity: Integrity, rest: CatchAllVerdict | None
) -> str:
    if reasons:
        more = len(reasons) - 1
        return reasons[0] + (f" ({plural(more, 'more reason')} below.)" if more else "")
    closest = min(
        (row for row in rows if row.margin_share is not None), key=lambda row: row.margin_share or 0.0, default=None
    )
    met = f"All {plural(len(rows), 'SLO')} met" if len(rows) > 1 else "The SLO is met"
    data = "" if integrity.status == "held" else " Whether the data is all there was not checked."
    if rest is not None:
        data = f" {rest.brief}{data}"
    if closest is None:
        return f"{met}.{data}"
    close = sum(row.close for row in rows)
    mark = f" Too close to call: {close} of them, see the intervals." if close else ""
    unshown = [row.name for row in rows if not row.shown]
    proof = f" Not contradicted, but too short to show: {', '.join(unshown)}." if unshown else ""
    return f"{met}; the closest is {closest.name}, {closest.value_text} of {closest.limit_text}.{mark}{proof}{data}"


def _facts(frames: Frames) -> RunFacts:
    manifest = frames.manifest
    start, end = frames.window
    attempts = samples_in(frames, View.SERVER, Phase.MEASURE)
    return RunFacts(
        run_id=manifest.run_id,
        profile=manifest.profile.name,
        description=manifest.profile.description,
        target_name=manifest.target_name,
        target_url=manifest.target_url,
        target_environment=manifest.target_environment,
        started_at=manifest.started_at,
        finished_at=manifest.finished_at,
        status=manifest.status if frames.complete or manifest.status != "complete" else "incomplete",
        seed=manifest.seed,
        plan_digest=manifest.plan_digest,
        workers=manifest.workers,
        windows=manifest.windows,
        measured_s=end - start,
        attempts=samples_in(frames, View.SERVER),
        attempts_measured=attempts,
        operations_measured=samples_in(frames, View.E2E, Phase.MEASURE),
        attempts_per_s=attempts / (end - start) if end > start else 0.0,
        sessions=sessions(frames),
        versions=manifest.versions,
        notes=manifest.notes,
        machine=machine(manifest),
    )
