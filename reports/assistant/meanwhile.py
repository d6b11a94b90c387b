"""Which objectives a dead provider of models costs: the run's own SLOs over the time for which it was broken. (pure but
for `rows`)

The same objectives, judged over the longest planned fault of the provider alone, and over all of the measure phase
outside of its faults. What is missed inside, for sure, and not outside is the provider's doing, and is named with the
database's dearest statement of that time, where somebody observed the database. A sandbox that other programs of its
machine left no CPU is not accused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.core.assistant_slo import Isolation
from harness.core.fault_record import ASKS_PROVIDER
from harness.core.phase_window import Window
from harness.core.slo import Claim, ShareSlo, Slo
from harness.core.tables import Phase
from harness.observe.keep import kept
from harness.observe.questions import OURS
from harness.observe.tables import CLIENTS, INDEXES, RELATIONS, SECONDS, STATEMENTS, TEXTS, WAITS
from harness.record.store import RunFiles
from reports import neighbours
from reports import slo as objectives
from reports.assistant.facts import AssistantFacts
from reports.assistant.model import AssistantRow, unasked
from reports.database.model import shortened
from reports.database.stretch import Observation, Stretch, cut, records
from reports.frames import Frames
from reports.slo import SloRow
from reports.text import plural

_READ = (CLIENTS, INDEXES, RELATIONS, SECONDS, STATEMENTS, TEXTS, WAITS)
MOST_OF_IT = 0.5
"""Of the run's seconds, in which others had the machine: then what fails says nothing of the provider."""
OF_OBJECTIVES = ", objectives"
"""Behind the rule's name: what the second row of the rule is called."""
_OBJECTIVE = "every other objective holds while the provider is broken"


@dataclass(frozen=True, slots=True)
class Dearest:
    """The statement that took most of the database's time in a stretch. Milliseconds a call, and how often a second."""

    text: str
    mean_ms: float
    per_s: float

    @property
    def words(self) -> str:
        return f"{shortened(self.text, 90)}: {self.mean_ms:.2f} ms a call, {self.per_s:.1f} calls/s"


def rows(run: RunFiles, facts: AssistantFacts, frames: Frames) -> tuple[AssistantRow, ...]:
    """One row where the SLO file has an `isolation` rule and a fault of the provider was on; none elsewhere."""
    rule = next((one for one in run.manifest.assistant if isinstance(one, Isolation)), None)
    span = longest(facts)
    if rule is None or span is None:
        return ()
    observed = Observation({name: kept(run.folder, name) for name in _READ if name not in run.left_out})
    return (row(rule, span, frames, facts, dearest(frames, observed, span)),)


def longest(facts: AssistantFacts) -> tuple[float, float] | None:
    """The longest planned fault of the provider: from, to, seconds of the run."""
    return max(facts.broken, key=lambda one: one[1] - one[0], default=None)


def row(
    rule: Isolation, span: tuple[float, float], frames: Frames, facts: AssistantFacts, statement: Dearest | None = None
) -> AssistantRow:
    """All objectives but those of the assistant itself, inside `span` and outside of every fault."""
    name = rule.name + OF_OBJECTIVES
    others = [slo for slo in frames.manifest.slos if not _of_assistant(slo)]
    where = f"from {span[0]:.0f} to {span[1]:.0f} s"
    inside = {one.name: one for one in objectives.judge(within(frames, span), others)}
    sure = {one.name for one in objectives.judge(within(frames, span, Claim.SHOWN), others) if one.status == "fail"}
    outside = {one.name: one for one in objectives.judge(without(frames, facts.broken), others)}
    known = [one for one in inside.values() if one.status == "pass" or one.name in sure]
    if not known:
        why = f"no objective has samples enough {where}"
        return unasked(name, rule.kind, _OBJECTIVE, why, samples=sum(one.samples for one in inside.values()))
    failed = [one for one in known if one.name in sure]
    guilty = [one for one in failed if outside[one.name].status != "fail"]
    busy = neighbours.excuse(frames.manifest, 1.0, MOST_OF_IT) if guilty else ""
    notes = [_said(one, outside[one.name]) for one in failed]
    if guilty and statement is not None:
        notes.append(f"the database's dearest statement meanwhile: {statement.words}")
    elif guilty:
        notes.append("nobody observed the database")
    unknown = [one.name for one in inside.values() if one not in known]
    if busy:
        notes.append(busy)
    if unknown:
        notes.append(f"without an answer for that time: {', '.join(unknown)}")
    return AssistantRow(
        name=name,
        kind=rule.kind,
        objective=_OBJECTIVE,
        value_text=f"{where} {len(known) - len(failed)} of {plural(len(known), 'objective')} held",
        samples=sum(one.samples for one in known),
        bad=len(guilty),
        status="held" if not guilty else "not asked" if busy else "missed",
        note="; ".join(notes),
    )


def _of_assistant(slo: Slo) -> bool:
    named = slo.operations if isinstance(slo, ShareSlo) else (slo.operation,)
    return set(named) == {ASKS_PROVIDER}


def _said(inside: SloRow, outside: SloRow) -> str:
    also = ", as it is without" if outside.status == "fail" else ""
    return f"{inside.name}: {inside.value_text}, promised {inside.objective}, outside {outside.value_text}{also}"


def within(frames: Frames, span: tuple[float, float], claim: Claim = Claim.POINT) -> Frames:
    """The run as if its measure phase were that span, and a pass took `claim`."""
    start, end = max(span[0], frames.window[0]), min(span[1], frames.window[1])
    windows = (Window(phase=Phase.MEASURE, start_s=start, end_s=max(start, end)),)
    samples = frames.samples
    inside = samples[(samples["second"] >= start) & (samples["second"] < end)]
    profile = frames.manifest.profile.model_copy(update={"claim": claim})
    manifest = frames.manifest.model_copy(update={"windows": windows, "profile": profile})
    return replace(frames, samples=inside, manifest=manifest)


def without(frames: Frames, spans: Sequence[tuple[float, float]]) -> Frames:
    """The run without what began in those spans."""
    samples = frames.samples
    for start, end in spans:
        samples = samples[(samples["second"] < start) | (samples["second"] >= end)]
    return replace(frames, samples=samples)


def dearest(frames: Frames, observed: Observation, span: tuple[float, float]) -> Dearest | None:
    """None where nobody observed the database, or not at both ends of the span."""
    zero = frames.manifest.zero_epoch_s
    if zero is None or observed.empty:
        return None
    stretch = cut(observed, *(round((zero + at) * 1e6) for at in span))
    return None if stretch is None else _most(stretch)


def _most(stretch: Stretch) -> Dearest | None:
    theirs = [one for one in records(stretch.statements) if one["calls"] > 0 and not OURS.search(one["text"])]
    most = max(theirs, key=lambda one: float(one["total_ms"]), default=None)
    if most is None or not stretch.length_s:
        return None
    return Dearest(most["text"], most["total_ms"] / most["calls"], most["calls"] / stretch.length_s)
