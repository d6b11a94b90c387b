"""The table of the manual's sentences names nothing that does not exist, and its page says what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from chaos.fault import registered
from harness.config.load import load_profile, load_slo_file, load_slos
from harness.core.call_names import CALL_NAMES
from harness.core.ledger import WriteKind
from harness.core.slo import LatencySlo, ShareSlo
from harness.core.tables import View
from harness.preflight.rules import RULES
from harness.probes.ask import QUESTIONS as PROBE_QUESTIONS
from harness.probes.assistant_quota import ONE, TWO
from harness.probes.facts import PROBES
from reports.coverage.ask import AllOf, AnyOf, Ask, When
from reports.coverage.assistant import AskAssistant
from reports.coverage.conduct import AskDelivery, AskLimit, AskQueues, AskRecovery, AskRetries, AskTyping
from reports.coverage.manual import EDGE_CALLS, PROMISES
from reports.coverage.model import WAYS, Way
from reports.coverage.objectives import AskBaseline, AskDrift, AskLatency, AskLength, AskLoad, AskShare
from reports.coverage.preflight import AskPreflight
from reports.coverage.promise import Promise
from reports.coverage.session import AskRealtimeLimits, AskSession, AskTimeouts
from reports.coverage.stored import AskFact, AskQuestion, AskRule
from reports.coverage.witness import AskGate, AskPlans
from reports.database import gates
from reports.drift import OPERATIONS
from reports.integrity.texts import QUESTIONS

ROOT = Path(__file__).resolve().parents[2]
SLOS = load_slos(ROOT / "scenarios" / "slo.toml")
PLAIN = (AskLength, AskLoad, AskDelivery, AskTyping, AskPlans, AskRealtimeLimits)
"""They name nothing."""


def leaves() -> Iterator[Ask]:
    for promise in PROMISES:
        if promise.ask is not None:
            yield from promise.ask.parts()


KNOWN: dict[type[Ask], tuple[Callable[[Any], Iterable[str]], Collection[str]]] = {
    AskRule: (lambda ask: [ask.id], QUESTIONS),
    AskQuestion: (lambda ask: [ask.id], {id_ for id_, _ in PROBE_QUESTIONS} | {ONE, TWO}),
    AskAssistant: (lambda ask: [ask.kind], {rule.kind for rule in load_slo_file().assistant}),
    AskFact: (lambda ask: [ask.name], {probe.name for probe in PROBES}),
    AskRecovery: (lambda ask: ask.faults, registered()),
    AskQueues: (lambda ask: ask.faults, registered()),
    AskRetries: (lambda ask: [ask.kind.name], {"EVENT", "MESSAGE"}),  # of which recovery counts tries
    AskLimit: (lambda ask: ask.calls, CALL_NAMES),
    AskBaseline: (lambda ask: ask.operations, CALL_NAMES),
    AskDrift: (lambda ask: ask.operations, OPERATIONS),
    AskPreflight: (lambda ask: ask.lints, {rule.id for rule in RULES}),
    AskSession: (lambda ask: [ask.figure], {"requests", "edge invocations", "rows written"}),
    AskTimeouts: (lambda ask: ask.calls, CALL_NAMES),
    AskGate: (lambda ask: [ask.id], {row.id for row in gates.judge(None, None)}),
}
"""What an ask names, and where that has to be."""


def dangling(ask: Ask) -> list[str]:
    """What an ask names and nothing here answers to."""
    if isinstance(ask, AskLatency):
        found = any(_answers(slo, ask) for slo in SLOS if isinstance(slo, LatencySlo))
        return [] if found else [f"{ask.view} {ask.operation} {ask.claim}"]
    if isinstance(ask, AskShare):
        found = any(_limits(slo, ask) for slo in SLOS if isinstance(slo, ShareSlo))
        return [] if found else [f"{ask.view} {' '.join(ask.operations)}"]
    if isinstance(ask, PLAIN):
        return []
    names, known = KNOWN[type(ask)]
    return [name for name in names(ask) if name not in known]


def _answers(slo: LatencySlo, ask: AskLatency) -> bool:
    same = (slo.operation, slo.view, slo.percentile, slo.limit_ms)
    looks = ask.sustained_s is None or slo.sustained_s == ask.sustained_s
    return same == (ask.operation, ask.view, ask.percentile, ask.limit_ms) and looks


def _limits(slo: ShareSlo, ask: AskShare) -> bool:
    looks = ask.sustained_s is None or slo.sustained_s == ask.sustained_s
    pooled = set(slo.operations)
    within = set(ask.operations) <= pooled and pooled <= (ask.among or pooled)
    return slo.view == ask.view and slo.max_share == ask.max_share and ask.outcome in slo.outcomes and within and looks


def test_every_name_in_the_table_exists() -> None:
    """Objectives: as an entry of the shipped SLO file with just that limit, so that the shipped file asks them all."""
    assert [f"{type(ask).__name__}: {name}" for ask in leaves() for name in dangling(ask)] == []


@pytest.mark.parametrize(
    "planted",
    [
        AskRule("I" + "99"),
        AskQuestion("forged cookie"),
        AskFact("no_such_probe", "x", bool),
        AskRecovery(("herds",)),
        AskQueues(("offline", "ofline")),
        AskRetries(WriteKind.READ),
        AskLimit(("media_serach",)),
        AskBaseline(("home_fed",)),
        AskDrift(("swipe_deck",)),
        AskAssistant("wisdom"),
        AskLatency("home_feed", View.SERVER, 401),
        AskLatency("home_fed", View.SERVER, 400),
        AskLatency("message_delivery", View.DELIVERY, 1000, sustained_s=600),
    ],
    ids=lambda ask: type(ask).__name__,
)
def test_a_planted_name_is_found(planted: Ask) -> None:
    assert len(dangling(planted)) == 1


def test_every_part_of_an_ask_is_looked_at() -> None:
    parts = [type(part) for part in leaves()]
    assert Counter(parts)[AskRule] > 10
    assert not {AllOf, AnyOf, When} & set(parts)
    kinds = {
        AskAssistant,
        AskBaseline,
        AskDelivery,
        AskDrift,
        AskFact,
        AskGate,
        AskLatency,
        AskLength,
        AskLimit,
        AskLoad,
        AskPreflight,
        AskQuestion,
        AskRealtimeLimits,
        AskSession,
        AskTimeouts,
    }
    assert set(parts) == kinds | {AskPlans, AskQueues, AskRecovery, AskRetries, AskRule, AskShare, AskTyping}


def test_edge_calls_are_those_of_functions() -> None:
    assert {"swipe_deck", "app_settings", "assistant_reply"} <= EDGE_CALLS <= CALL_NAMES
    assert not {"home_feed", "message_send", "sign_in"} & EDGE_CALLS


def test_chapters_are_headings_and_every_chapter_has_its_promises() -> None:
    text = (ROOT / "docs" / "contract" / "manual.md").read_text(encoding="utf-8")
    headings = re.findall(r"^###? (?:(\d[\d.]*?)\.? |(Introduction|Appendix)$)", text, re.MULTILINE)
    known = [number or word for number, word in headings]
    chapters = list(dict.fromkeys(promise.chapter for promise in PROMISES))
    assert set(chapters) <= set(known)
    assert chapters == [one for one in known if one in chapters], "in the manual's order"
    tops = {one.partition(".")[0] for one in chapters}
    assert {one.partition(".")[0] for one in known} == tops


def test_names_are_unique_and_sentences_are_sentences() -> None:
    titles = Counter((promise.chapter, promise.name) for promise in PROMISES)
    assert [title for title, number in titles.items() if number > 1] == []
    assert len(PROMISES) > 50
    for promise in PROMISES:
        assert promise.sentence.endswith("."), promise
        assert len(promise.name) <= 30, promise


def test_ways() -> None:
    assert set(WAYS) == set(get_args(Way))


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: f"{promise.chapter} {promise.name}")
def test_what_would_ask_it(promise: Promise) -> None:
    """Another run names a shipped profile; a sentence that nothing asks says that nothing is built, or why never."""
    remedy = promise.remedy
    assert remedy.words
    assert (remedy.way == "run") == bool(remedy.profile)
    if promise.ask is None:
        assert remedy.way in ("not built", "beyond")
    else:
        assert remedy.way in ("run", "give", "not built")
    if remedy.profile:
        profile = load_profile(remedy.profile)
        faults = {entry.fault for entry in profile.chaos}
        for part in promise.ask.parts() if promise.ask is not None else ():
            if isinstance(part, AskRecovery | AskQueues):
                assert faults & set(part.faults), f"{remedy.profile} has none of {part.faults}"
            if isinstance(part, AskRetries):
                assert "lost_reply" in faults
            if isinstance(part, AskDelivery | AskTyping) or getattr(part, "view", None) is View.DELIVERY:
                assert profile.realtime
            if isinstance(part, AskLength):
                assert profile.phases.measure_s >= part.at_least_s


def test_the_page_is_what_the_table_makes() -> None:
    """`make docs` writes it."""
    command = [sys.executable, "scripts/coverage_page.py", "--check"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0, "run: python scripts/coverage_page.py"


def test_the_page_has_a_row_for_each_promise() -> None:
    page = (ROOT / "docs" / "manual-coverage.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| promise ")]
    assert len(rows) == len(PROMISES)
