"""`junit.xml`: one test case per SLO, as every CI reads it. (pure)

A missed SLO is a `<failure>`. What could not be judged is an `<error>`, not a `<skipped>`: a CI shows skipped as green.
Whatever else kept the run from passing (a generator veto, an abort, a regression) stands in a second suite, `run`. When
no case says why the exit code is not 0, the case `verdict` does: so the file is green only when that is 0.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from harness.core.errors import ExitCode
from harness.core.visible import visible
from harness.record.preflight_results import PreflightRecord
from reports.realtime import SHOWN_IDS
from reports.slo import SloRow
from reports.verdict import RunFacts, Verdict

# XML 1.0 section 2.2: characters that may not stand in a document, not even escaped.
ILLEGAL = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

VERDICTS = {
    ExitCode.SLO_MISSED: ("failure", "slo_missed"),
    ExitCode.REGRESSION: ("failure", "regression"),
    ExitCode.INCONCLUSIVE: ("error", "inconclusive"),
    ExitCode.ABORTED: ("error", "aborted"),
}
"""Tag and type of the case `verdict`; of all others: a failure, data."""


def render(verdict: Verdict) -> str:
    root = Element("testsuites", name=clean(f"harness {verdict.facts.profile}"))
    suites = [_slo_suite(root, verdict)]
    if verdict.preflight is not None:
        suites.append(_preflight_suite(root, verdict, verdict.preflight))
    if extra := _run_problems(verdict):
        suites.append(_run_suite(root, verdict, extra))
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


def _run_problems(verdict: Verdict) -> list[tuple[str, str, str, str]]:
    """(case, tag, type, message) of what went wrong besides the SLO rows."""
    found = []
    if verdict.exit_code == ExitCode.ABORTED:
        found.append(("aborted", "error", "aborted", verdict.reasons[0]))
    if not verdict.slos:
        found.append(("slos", "error", "inconclusive", "The run had no SLO to judge."))
    missed = verdict.catch_all.of("missed") if verdict.catch_all is not None else ()
    doubted = verdict.catch_all.of("doubt") if verdict.catch_all is not None else ()
    for tag, kind, rows in (("failure", "slo_missed", missed), ("error", "inconclusive", doubted)):
        found += [(f"catch-all: {row.name} ({row.view})", tag, kind, "; ".join(row.faults)) for row in rows]
    found += [
        (f"assistant: {row.title}", "failure", "slo_missed", row.sentence)
        for row in verdict.assistant
        if row.status == "missed"
    ]
    for row in verdict.access:
        if row.status in ("missed", "doubt"):
            tag, kind = ("failure", "slo_missed") if row.status == "missed" else ("error", "inconclusive")
            found.append((f"access: {row.id}", tag, kind, row.sentence))
    found += [(f"integrity: {row.id}", "failure", "data", row.sentence) for row in verdict.integrity.broken]
    found += [(f"probe: {row.id}", "failure", "data", row.sentence) for row in verdict.probes if row.status == "broken"]
    found += [
        (f"generator: {row.check}", "error", "inconclusive", f"{row.value}: {row.reason}. {row.remedy}")
        for row in verdict.vetoes
    ]
    if verdict.database is not None:
        found += [
            (f"database: {row.id}", "failure", "slo_missed", f"{row.sentence} {row.remedy}.")
            for row in verdict.database.gates
            if row.status == "over"
        ]
        found += [
            (f"database: {row.id}", "error", "inconclusive", f"Database, {row.name}: {row.value_text}.")
            for row in verdict.database.gates
            if row.unanswered
        ]
    found += [(f"drift: {row.operation}", "failure", "regression", row.sentence) for row in verdict.drift if row.drifts]
    if verdict.realtime is not None:
        found += [
            (f"realtime: {one.what}", "failure", "data", f"{one.key} in {one.conversation}, person {one.person}")
            for one in verdict.realtime.wrong[:SHOWN_IDS]
        ]
    if verdict.comparison is not None:
        found += [
            (
                f"baseline: {row.operation} ({row.view})",
                "failure",
                "regression",
                f"p95 {row.value_text}, baseline {row.baseline_text}" + (f" ({row.note})" if row.note else ""),
            )
            for row in verdict.comparison.regressed
        ]
    if verdict.exit_code != ExitCode.PASS and not found and all(row.status == "pass" for row in verdict.slos):
        tag, kind = VERDICTS.get(ExitCode(verdict.exit_code), ("failure", "data"))
        message = f"exit code {verdict.exit_code}, {verdict.meaning}: {verdict.sentence}"
        found.append(("verdict", tag, kind, message))
    return found


def _run_suite(root: Element, verdict: Verdict, problems: list[tuple[str, str, str, str]]) -> Element:
    suite = _suite(root, "run", verdict.facts)
    for name, tag, kind, message in problems:
        case = SubElement(suite, "testcase", classname="run", name=clean(name), time="0")
        _problem(case, tag, kind, message, message)
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
    suite.set("skipped", "0")
    return suite
