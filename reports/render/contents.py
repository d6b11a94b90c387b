"""The page's sections: what each is called, its answer in a few words, and whether it opens by itself. (pure)

A section that holds trouble is open, every other one is a line that says what is in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from reports.past import Past
from reports.text import count, figure, percent, plural, seconds
from reports.verdict import Verdict

Tone = Literal["bad", "doubt", ""]
MARK: dict[Tone, str] = {"bad": "✗", "doubt": "?", "": ""}


@dataclass(frozen=True)
class Section:
    """`gist`: its answer, seen while it is folded. `wide`: open on wide screens only."""

    id: str
    title: str
    gist: str
    tone: Tone = ""
    open: bool = False
    wide: bool = False

    @property
    def mark(self) -> str:
        return MARK[self.tone]


def contents(verdict: Verdict, charts: int, past: Past | None) -> dict[str, Section]:
    """Sections that this run has, in the order of the page."""
    parts = (*_judged(verdict, past), *_seen(verdict, charts), *_circumstances(verdict))
    return {one.id: one for one in parts}


def _judged(v: Verdict, past: Past | None) -> Iterable[Section]:
    if len(v.reasons) > 1:
        yield Section("reasons", "All reasons", f"{plural(len(v.reasons), 'reason')}, the one that decides first")
    yield _slos(v)
    broken = len(v.integrity.broken)
    unchecked = v.integrity.status == "not checked"
    gist = v.integrity.text
    if broken:
        gist = f"{broken} of {plural(len(v.integrity.checks), 'check')} broken"
    yield Section("integrity", "Data integrity", gist, "bad" if broken else "doubt" if unchecked else "", bool(broken))
    if v.catch_all is not None:
        missed = len(v.catch_all.of("missed")) + sum(row.status == "missed" for row in v.access)
        doubt = len(v.catch_all.of("doubt")) + sum(row.status == "doubt" for row in v.access)
        tone: Tone = "bad" if missed else "doubt" if doubt else ""
        yield Section("rest", "Everything else", v.catch_all.text, tone, bool(missed or doubt))
    if v.assistant:
        missed = sum(row.status == "missed" for row in v.assistant)
        held = sum(row.status == "held" for row in v.assistant)
        gist = (
            f"{missed} of {plural(len(v.assistant), 'rule')} missed" if missed else f"{held} of {len(v.assistant)} held"
        )
        yield Section("assistant", "The assistant", gist, "bad" if missed else "", bool(missed))
    if v.limits:
        met = ", ".join(one.code for one in v.limits)
        yield Section("limits", "Limits of the platform", f"met: {met}", "doubt", open=True)
    if v.comparison is not None:
        regressed = len(v.comparison.regressed)
        yield Section(
            "baseline", "Against the baseline", v.comparison.sentence, "bad" if regressed else "", bool(regressed)
        )
    if past is not None:
        yield Section("history", "Earlier runs", past.text)


def _slos(v: Verdict) -> Section:
    failed = sum(row.status == "fail" for row in v.slos)
    unsure = sum(row.status == "inconclusive" for row in v.slos)
    met = len(v.slos) - failed - unsure
    parts = [f"{failed} missed"] if failed else []
    parts += [f"{unsure} without an answer"] if unsure else []
    parts += [f"{met} met"] if met else []
    tone: Tone = "bad" if failed else "doubt" if unsure else ""
    return Section("slos", "Objectives", ", ".join(parts) or "none", tone, open=True)


def _seen(v: Verdict, charts: int) -> Iterable[Section]:
    if v.recovery is not None:
        never = sum(one.recovered.status == "never" for one in v.recovery.faults)
        unknown = sum(one.recovered.status == "unknown" for one in v.recovery.faults)
        gist = plural(len(v.recovery.faults), "fault") + (f", {never} not recovered from" if never else "")
        yield Section(
            "recovery", "Faults and recovery", gist, "bad" if never else "doubt" if unknown else "", bool(never)
        )
    if v.herds is not None:
        yield Section("herds", "Herds", v.herds.gist, "" if v.herds.herds else "doubt")
    if v.playbook:
        plays = len({step.play for step in v.playbook})
        gist = f"{plural(plays, 'play')} of the manual, {plural(len(v.playbook), 'step')}"
        yield Section("playbook", "What to do now", gist, open=True)
    yield Section(
        "time", "Over time", plural(charts, "chart") if charts else "no sample", open=v.verdict != "pass", wide=True
    )
    if v.realtime is not None:
        wrong = len(v.realtime.reasons)
        gist = f"{count(v.realtime.messages)} messages, {count(v.realtime.lost)} lost, "
        gist += f"{count(v.realtime.doubled)} duplicated, {count(v.realtime.misdelivered)} leaked to non-members"
        tone: Tone = "bad" if wrong else "doubt" if v.realtime.warnings or v.realtime.silences else ""
        yield Section("realtime", "Realtime", gist, tone, bool(wrong))
    yield Section("slowest", "Slowest operations", "p50 to p99 of each, with intervals")
    yield Section("outcomes", "Outcomes", f"{count(v.facts.attempts_measured)} attempts by how they ended")
    gist = "none ended" if v.traffic is None else f"{figure(v.traffic.personas[0].requests)} requests on average"
    yield Section("traffic", "What one session sent", gist)
    s = v.facts.sessions
    late = f", {count(s.late_generator)} late by the generator" if s.late_generator else ""
    yield Section("sessions", "Sessions", f"{count(s.started)} of {count(s.planned)} started{late}")
    if v.database is not None:
        over = sum(row.status == "over" for row in v.database.gates)
        top = v.database.statements[0] if v.database.statements else None
        gist = v.database.problem or (f"one statement took {percent(top.share, 0)} of its time" if top else "observed")
        if over:
            gist = f"{plural(over, 'limit')} exceeded; {gist}"
        yield Section("database", "Database", gist, "bad" if over else "", bool(over))


def _circumstances(v: Verdict) -> Iterable[Section]:
    if v.probes:
        broken = sum(one.status == "broken" for one in v.probes)
        gist = f"{broken} of {plural(len(v.probes), 'check')} broken" if broken else f"{len(v.probes)} asked"
        yield Section("probes", "Pre-flight checks", gist, "bad" if broken else "", bool(broken))
    if v.drift:
        rising = [row for row in v.drift if row.drifts]
        gist = ", ".join(row.operation for row in rising) or "no operation that is judged got slower"
        yield Section("drift", "Slower while it ran", gist, "bad" if rising else "", bool(rising))
    if v.preflight is not None:
        refused = len(v.preflight.refused)
        yield Section("preflight", "Preflight", v.preflight.text, "bad" if refused else "", bool(refused))
    if v.findings:
        grave = sum(one.severity == "high" for one in v.findings)
        yield Section("findings", "Known facts of this target", f"{len(v.findings)}, {grave} of them of high severity")
    yield Section("coverage", "What the manual promises", v.coverage.text)
    vetoes = len(v.vetoes)
    suspects = sum(row.level == "suspect" for row in v.health)
    gist = f"{vetoes} invalid, " if vetoes else ""
    gist += f"{suspects} suspect" if suspects else "kept up" if not vetoes else "none suspect"
    yield Section("generator", "Generator health", gist, "bad" if vetoes else "doubt" if suspects else "", bool(vetoes))
    yield Section("unchecked", "Not checked", plural(len(v.not_checked), "thing") if v.not_checked else "nothing")
    yield Section("facts", "Run facts", f"{v.facts.run_id}, {seconds(v.facts.measured_s)} measured")
