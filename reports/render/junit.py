"""`junit.xml`: a test case per SLO, per gate, per integrity rule and per finding, as every CI reads it. (pure)

Four suites: `slo`; `integrity`, the data check's rules; `gates`, the generator's health, who got in, questions before
the load, the database's limits, drift, and everything that no SLO names; `findings`, known facts of the target's
schema, which change no exit code and so fail no case. What was missed is a `<failure>`. What could not be judged is an
`<error>`, not a `<skipped>`: a CI shows skipped as green. `<skipped>` is only what was not asked and needs no answer.

Whatever else kept the run from passing (an abort, a regression) stands in a fifth suite, `run`. When no case says why
the exit code is not 0, the case `verdict` does: so the file is green only when that is 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from harness.core.errors import ExitCode
from harness.core.visible import visible
from harness.record.preflight_results import PreflightRecord
from reports.assistant.model import AssistantRow
from reports.database.model import GateRow
from reports.health_row import HealthRow
from reports.realtime import SHOWN_IDS
from reports.slo import SloRow
from reports.text import ms
from reports.verdict import RunFacts, Verdict

# XML 1.0 section 2.2: characters that may not stand in a document, not even escaped.
ILLEGAL = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

VERDICTS: dict[ExitCode, tuple[Literal["failure", "error"], str]] = {
    ExitCode.SLO_MISSED: ("failure", "slo_missed"),
    ExitCode.REGRESSION: ("failure", "regression"),
    ExitCode.INCONCLUSIVE: ("error", "inconclusive"),
    ExitCode.ABORTED: ("error", "aborted"),
}
"""Tag and type of the case `verdict`; of all others: a failure, data."""


@dataclass(frozen=True, slots=True)
class _Case:
    """tag, kind: of the problem, empty for a case that passes. said: what a case that passes has to tell."""

    name: str
    tag: Literal["", "failure", "error", "skipped"] = ""
    kind: str = ""
    message: str = ""
    said: str = ""


def render(verdict: Verdict) -> str:
    root = Element("testsuites", name=clean(f"harness {verdict.facts.profile}"))
    suites = [_slo_suite(root, verdict)]
    if verdict.preflight is not None:
        suites.append(_preflight_suite(root, verdict, verdict.preflight))
    groups = {"integrity": _integrity(verdict), "gates": _gates(verdict), "findings": _facts_of_schema(verdict)}
    told = any(case.tag in ("failure", "error") for cases in groups.values() for case in cases)
    groups["run"] = _rest(verdict, told=told or any(row.status != "pass" for row in verdict.slos))
    suites += [_suite_of(root, name, verdict, cases) for name, cases in groups.items() if cases]
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in suites)))
    root.set("time", f"{verdict.facts.measured_s:.3f}")
    indent(root)
    return "<?xml version='1.0' encoding='utf-8'?>\n" + tostring(root, encoding="unicode") + "\n"


def clean(text: str) -> str:
    """`text` with every character of it to be seen, and none that XML 1.0 cannot carry."""
    return ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", visible(text))


def _slo_suite(root: Element, verdict: Verdict) -> Element:
    suite = _suite(root, "slo", verdict.facts)
    properties = SubElement(suite, "properties")
    for name, value in {
        "verdict": verdict.verdict,
        "exit_code": str(verdict.exit_code),
        "seed": str(verdict.facts.seed),
        "plan_digest": verdict.facts.plan_digest,
        "target": verdict.facts.target_name,
        "integrity": verdict.integrity.status,
        "coverage": verdict.coverage.text,
    }.items():
        SubElement(properties, "property", name=name, value=clean(value))
    for row in verdict.slos:
        case = SubElement(suite, "testcase", classname=f"slo.{row.view}", name=clean(row.name), time="0")
        if row.status != "pass":
            tag, kind = ("failure", "slo_missed") if row.status == "fail" else ("error", "inconclusive")
            _problem(case, tag, kind, _message(row), _details(row))
        SubElement(case, "system-out").text = clean(_details(row))
    return _counted(suite)


def _integrity(verdict: Verdict) -> list[_Case]:
    """Every rule of the data check, by name with its code behind."""
    cases = []
    for check in verdict.integrity.checks:
        name = f"integrity: {check.title} ({check.id})"
        asked = f"{check.count:,} of {check.looked_at:,}" + (f"; {check.note}" if check.note else "")
        if check.status == "broken":
            cases.append(_Case(name, "failure", "data", check.sentence))
        elif check.status == "not checked":
            cases.append(_Case(name, "skipped", message=check.note or "not checked"))
        else:
            cases.append(_Case(name, said=f"{check.status}: {asked}"))
    return cases


def _gates(verdict: Verdict) -> list[_Case]:
    cases = [_health(row) for row in verdict.health]
    for row in verdict.access:
        name = f"access: {row.id}"
        if row.status in ("missed", "doubt"):
            cases.append(_missed(name, row.sentence, sure=row.status == "missed"))
        else:
            cases.append(_Case(name, said=f"{row.status}: {row.text}"))
    cases += [_assistant(rule) for rule in verdict.assistant]
    for probe in verdict.probes:
        broken = probe.status == "broken"
        cases.append(
            _Case(f"probe: {probe.id}", "failure", "data", probe.sentence)
            if broken
            else _Case(f"probe: {probe.id}", said=f"{probe.status}: {probe.title}")
        )
    cases += [_limit(gate) for gate in (verdict.database.gates if verdict.database is not None else ())]
    for drifting in verdict.drift:
        name = f"drift: {drifting.operation}"
        if drifting.drifts:
            cases.append(_Case(name, "failure", "regression", drifting.sentence))
        elif drifting.excuse:
            cases.append(_Case(name, "error", "inconclusive", drifting.sentence))
        else:
            cases.append(_Case(name, said=f"{ms(drifting.begin_ms)}, {drifting.rise_ms:+,.1f} ms until the end"))
    for other in verdict.catch_all.rows if verdict.catch_all is not None else ():
        name = f"catch-all: {other.name} ({other.view})"
        if other.status in ("missed", "doubt"):
            cases.append(_missed(name, "; ".join(other.faults), sure=other.status == "missed"))
        else:
            figures = "; ".join(filter(None, (other.failures_text, other.latency_text, other.note)))
            cases.append(_Case(name, said=f"{other.status}: {figures}"))
    return cases


def _health(row: HealthRow) -> _Case:
    name = f"generator: {row.check}"
    if row.level == "invalid":
        return _Case(name, "error", "inconclusive", f"{row.value}: {row.reason}. {row.remedy}")
    return _Case(name, said=f"{row.level}: {row.value}; {row.bound}")


def _limit(gate: GateRow) -> _Case:
    name = f"database: {gate.id}"
    if gate.status == "over":
        return _Case(name, "failure", "slo_missed", f"{gate.sentence} {gate.remedy}.")
    if gate.unanswered:
        return _Case(name, "error", "inconclusive", f"Database, {gate.name}: {gate.value_text}.")
    if gate.status == "not asked":
        return _Case(name, "skipped", message=gate.value_text)
    return _Case(name, said=f"{gate.status}: {gate.value_text}, the limit is {gate.limit_text}")


def _assistant(row: AssistantRow) -> _Case:
    name = f"assistant: {row.title}"
    if row.status == "missed":
        return _Case(name, "failure", "slo_missed", row.sentence)
    if row.status == "not asked":
        return _Case(name, "skipped", message=row.note or "not asked")
    return _Case(name, said=f"{row.status}: {row.value_text}, {row.objective}")


def _missed(name: str, message: str, *, sure: bool) -> _Case:
    return _Case(name, "failure", "slo_missed", message) if sure else _Case(name, "error", "inconclusive", message)


def _facts_of_schema(verdict: Verdict) -> list[_Case]:
    return [
        _Case(f"{one.severity}: {one.title}", said=f"{one.evidence}. {one.remedy} Playbook: {one.playbook}.")
        for one in verdict.findings
    ]


def _rest(verdict: Verdict, *, told: bool) -> list[_Case]:
    """What went wrong besides. told: another suite says why the run is red."""
    found = []
    if verdict.exit_code == ExitCode.ABORTED:
        found.append(_Case("aborted", "error", "aborted", verdict.reasons[0]))
    if not verdict.slos:
        found.append(_Case("slos", "error", "inconclusive", "The run had no SLO to judge."))
    if verdict.realtime is not None:
        found += [
            _Case(f"realtime: {one.what}", "failure", "data", f"{one.key} in {one.conversation}, person {one.person}")
            for one in verdict.realtime.wrong[:SHOWN_IDS]
        ]
    if verdict.comparison is not None:
        found += [
            _Case(
                f"baseline: {row.operation} ({row.view})",
                "failure",
                "regression",
                f"{row.named(row.now_text)}, baseline {row.before_text}" + (f" ({row.note})" if row.note else ""),
            )
            for row in verdict.comparison.regressed
        ]
    if verdict.exit_code != ExitCode.PASS and not found and not told:
        tag, kind = VERDICTS.get(ExitCode(verdict.exit_code), ("failure", "data"))
        message = f"exit code {verdict.exit_code}, {verdict.meaning}: {verdict.sentence}"
        found.append(_Case("verdict", tag, kind, message))
    return found


def _suite_of(root: Element, name: str, verdict: Verdict, cases: Iterable[_Case]) -> Element:
    suite = _suite(root, name, verdict.facts)
    for one in cases:
        case = SubElement(suite, "testcase", classname=name, name=clean(one.name), time="0")
        if one.tag == "skipped":
            SubElement(case, "skipped", message=clean(one.message))
        elif one.tag:
            _problem(case, one.tag, one.kind, one.message, one.message)
        if one.said:
            SubElement(case, "system-out").text = clean(one.said)
    return _counted(suite)


def _preflight_suite(root: Element, verdict: Verdict, preflight: PreflightRecord) -> Element:
    """A case a finding: one that means exit code 40 fails, a lesser or accepted one says what it is."""
    suite = _suite(root, "preflight", verdict.facts)
    for one in preflight.findings:
        name = clean(f"{one.lint}: {one.object}")
        case = SubElement(suite, "testcase", classname=f"preflight.{one.severity}", name=name, time="0")
        details = f"{one.title}: {one.why}. Evidence: {one.evidence}. Remedy: {one.remedy}. Manual, {one.manual}."
        if one in preflight.refused:
            _problem(case, "failure", "preflight", one.sentence, details)
        else:
            accepted = f"Accepted: {one.accepted}. " if one.accepted else ""
            SubElement(case, "system-out").text = clean(accepted + details)
    if not preflight.findings:
        SubElement(suite, "testcase", classname="preflight", name="no finding", time="0")
    return _counted(suite)


def _suite(root: Element, name: str, facts: RunFacts) -> Element:
    timestamp = facts.started_at.removesuffix("Z").split("+")[0].split(".")[0]
    return SubElement(
        root, "testsuite", name=name, timestamp=clean(timestamp), time=f"{facts.measured_s:.3f}", hostname="harness"
    )


def _problem(case: Element, tag: str, kind: str, message: str, details: str) -> None:
    SubElement(case, tag, type=kind, message=clean(message)).text = clean(details)


def _message(row: SloRow) -> str:
    tail = f" ({row.note})" if row.note else ""
    return f"{', '.join(row.operations)}: {row.value_text}, objective {row.objective}{tail}"


def _details(row: SloRow) -> str:
    return (
        f"objective {row.objective} ({row.view}); value {row.value_text}; margin {row.margin_text}; "
        f"samples {row.samples} (at least {row.min_samples}); 95 % interval {row.interval_text}; {row.proof_text}"
    )


def _counted(suite: Element) -> Element:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for tag in ("failure", "error"):
        suite.set(f"{tag}s", str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    return suite
