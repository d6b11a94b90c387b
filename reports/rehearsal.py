"""A rehearsal's steps from their run directories, and the page that sums it up. `rehearsal.md` is Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from harness.core.errors import ExitCode
from harness.plan import PlanInputs, Prices
from harness.plan.measured import Share, month_figures
from harness.record.store import open_run
from harness.rehearse.ask import RehearsalStep
from harness.rehearse.conduct import exit_code
from harness.rehearse.projection import project
from harness.rehearse.state import MonthLine, RehearsalState, StepFigure, StepOutcome
from reports.frames import load
from reports.given_up import for_the_generator
from reports.report import report
from reports.slo import SloRow
from reports.text import count, figure, percent, ratio
from reports.verdict import Verdict


def judged_step(folder: Path, step: RehearsalStep, inputs: PlanInputs, prices: Prices) -> StepOutcome:
    """Judge and report the run of a step like any other, and say what it was. inputs: of the day that is rehearsed."""
    verdict = report(folder)
    frames = load(open_run(folder))
    start, end = frames.window
    health = frames.health
    busy = health.loc[(health["second"] >= start) & (health["second"] < end), "machine_share"] if len(health) else None
    share = float(busy.mean()) if busy is not None and len(busy) else math.nan
    return StepOutcome(
        share=step.share,
        rate=step.rate,
        run=verdict.facts.run_id,
        planned_sessions=step.sessions,
        requests=verdict.facts.attempts,
        requests_per_s=verdict.facts.attempts_per_s,
        verdict=verdict.verdict,
        exit_code=verdict.exit_code,
        sentence=verdict.sentence,
        generator_fit=not verdict.vetoes,
        generator_ended_it=for_the_generator(frames.manifest),
        machine_share=None if math.isnan(share) else share,
        figures=tuple(_figure(row) for row in verdict.slos if row.kind == "latency"),
        month=_month(verdict, inputs, prices),
    )


def _figure(row: SloRow) -> StepFigure:
    low = row.interval.low if row.interval is not None else None
    high = row.interval.high if row.interval is not None else None
    return StepFigure(name=row.name, value=_finite(row.value), limit=row.limit, low=_finite(low), high=_finite(high))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _month(verdict: Verdict, inputs: PlanInputs, prices: Prices) -> tuple[MonthLine, ...]:
    """Of that many people a day, with the mean session that was seen in the place of the plan's."""
    if verdict.traffic is None:
        return ()
    everybody = verdict.traffic.personas[0]
    session = {one.endpoint: Share(one.requests, one.rows, one.bytes_in) for one in everybody.endpoints}
    return tuple(
        MonthLine(name=row.name, unit=row.unit, planned=row.planned, measured=row.measured)
        for row in month_figures(session, inputs, prices)
    )


def page(state: RehearsalState) -> str:
    """The whole rehearsal as Markdown."""
    asked = state.asked
    lines = [
        f"# Rehearsal for {count(round(asked.dau))} people a day on {asked.target}",
        "",
        f"**{answer(state)}**",
        "",
        f"- exit code: {int(exit_code(state)) if state.steps or state.stopped else 0}",
        *(f"- {line}" for line in state.checked),
        *_preflight(state),
        f"- people: {state.provisioned or 'not made'}",
        f"- clean-up: {state.cleaned or 'not done'}",
        "",
        "## Steps",
        "",
        "| share of the peak | sessions/s | sessions | requests | requests/s | verdict | why | run |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(step) for step in state.steps),
        "",
        *_projections(state),
        *_cost(state.steps),
    ]
    return "\n".join(lines) + "\n"


def _preflight(state: RehearsalState) -> list[str]:
    found = state.preflight
    if found is None:
        return []
    return [f"- preflight: {found.text}", *(f"  - {one.sentence}" for one in found.refused)]


def answer(state: RehearsalState) -> str:
    """The rehearsal's outcome in one sentence."""
    if state.stopped and state.steps:
        return f"Not carried as far as is known: {state.stopped}"
    if state.stopped:
        return f"No step was made: {state.stopped}."
    if not state.steps:
        return "No step was made."
    last = state.steps[-1]
    whole = f"{last.share:.0%} of the planned peak" if state.asked.scale == 1 else (
        f"{last.share * state.asked.scale:.1%} of the planned peak, as asked for by --scale"
    )  # fmt: skip
    word = {ExitCode.PASS: "was carried", ExitCode.INCONCLUSIVE: "cannot be told"}.get(last.code, "was not carried")
    return f"{whole} ({last.rate:.3g} sessions/s) {word}: {last.sentence}"


def _row(step: StepOutcome) -> str:
    why = step.sentence.replace("|", "/")
    return (
        f"| {step.share:.0%} | {step.rate:.3g} | {count(step.planned_sessions)} | {count(step.requests)} | "
        f"{step.requests_per_s:,.0f} | {step.verdict} ({step.exit_code}) | {why} | {step.run} |"
    )


def _projections(state: RehearsalState) -> list[str]:
    """The largest step, from the smaller ones: what was foreseen beside what was seen; or what would have been."""
    steps = state.steps
    if len(steps) < 2 and not (steps and state.stopped):
        return []
    made = not state.stopped
    rate = steps[-1].rate if made else steps[-1].rate / steps[-1].share * state.asked.shares[-1]
    foreseen = project(steps[:-1] if made else steps, rate)
    seen = {one.name: one.value for one in steps[-1].figures} if made else {}
    lines = [f"## Projected to {rate:.3g} sessions/s from the smaller steps", ""]
    lines += ["| figure | projected | from | to | seen | limit |", "|---|---|---|---|---|---|"]
    for one in foreseen:
        cells = [_shown(value, one.unit) for value in (one.value, one.low, one.high)]
        was = _shown(seen[one.name], one.unit) if one.name in seen else ""
        lines.append(f"| {one.name} | {' | '.join(cells)} | {was} | {_shown(one.limit, one.unit)} |")
    return [*lines, ""]


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return "no end"
    return percent(value, 0) if unit == "share" else f"{value:,.0f} ms"


def _cost(steps: Sequence[StepOutcome]) -> list[str]:
    month = next((step.month for step in reversed(steps) if step.month), ())
    if not month:
        return []
    rows = [
        f"| {line.name} | {figure(line.planned)} {line.unit} | {figure(line.measured)} {line.unit} | "
        f"{ratio(line.measured / line.planned if line.planned else None)} |"
        for line in month
    ]
    head = [
        "## The month, from what sessions really sent",
        "",
        "| figure | planned | measured | |",
        "|---|---|---|---|",
    ]
    return [*head, *rows, ""]
