"""Held, broken or not asked: each state of each kind of evidence, from small records; and where it is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from harness.core.fault_record import FaultEvent, FaultLine, FaultWindow
from harness.core.ledger import WriteKind, WriteStep
from harness.core.outcome import Outcome
from harness.core.slo import Slo
from harness.plan.beside import BesideRow
from harness.record.manifest import Evidence
from harness.record.probe_results import ProbeAnswer, Probes, SchemaFact
from reports.compare import compare
from reports.coverage.ask import Ask, AskAnswer, When, all_of, any_of
from reports.coverage.conduct import AskLimit, AskQueues, AskRecovery, AskRetries
from reports.coverage.judged_run import JudgedRun
from reports.coverage.manual import DESIGNED_FOR, EDGE_CALLS, PROMISES
from reports.coverage.model import WAYS, Coverage, PromiseRow
from reports.coverage.objectives import fewest
from reports.coverage.session import AskRealtimeLimits, AskSession, AskTimeouts, beside
from reports.coverage.statement import cover
from reports.frames import load
from reports.integrity.model import UNCHECKED, CheckStatus, Integrity
from reports.integrity.texts import QUESTIONS
from reports.realtime import LimitRow, Realtime
from reports.recovery.model import Recovery
from reports.recovery.report import recover
from reports.render import html as render_html
from reports.render import junit, summary, terminal, verdict_json
from reports.verdict import Verdict, judge, judge_frames
from tests.recovery import build as faulty
from tests.reports import build
from tests.reports.test_realtime import chat

HOT = ("home_feed", "swipe_deck", "swipe_events", "message_send")


def row(found: Coverage | Verdict, title: str) -> PromiseRow:
    coverage = found.coverage if isinstance(found, Verdict) else found
    return next(one for one in coverage.rows if one.title == title)


def status(found: Coverage | Verdict, title: str) -> str:
    return row(found, title).status


def feed(values: Sequence[float], slo: Slo | None = None, **changes: Any) -> build.Run:
    run = build.Run(build.manifest([slo or build.latency_slo(name="Home feed")], **changes)).fit()
    run.spread(values)
    return run.finished(**changes)


def stated(**changes: Any) -> Coverage:
    """The statement of a run of which nothing is known but its manifest, and data checks where they are given."""
    integrity = changes.pop("integrity", UNCHECKED)
    return cover(JudgedRun(manifest=build.manifest(**changes), integrity=integrity))


@cache
def healthy() -> Verdict:
    """Objectives met in a minute of four operations; nothing else is known."""
    return judge(build.realistic(rate=4))


FEED = "1 feed, server"


# ---- nothing is held that was not asked --------------------------------------------------------------------------


def test_an_empty_run_asks_nothing() -> None:
    found = judge(build.Run(build.manifest(build.DEFAULT_SLOS)).finished()).coverage
    assert (found.asked, found.held, found.broken) == (0, 0, 0)
    assert found.promises == len(found.rows) == len(PROMISES)
    assert found.text == f"0 of {len(PROMISES)} promises asked, 0 held"
    assert all(one.seen and one.would_ask and one.way for one in found.rows)


def test_what_nothing_asks_is_never_held() -> None:
    full = {(promise.chapter, promise.name) for promise in PROMISES if promise.ask is None}
    found = judged(checked(), probes=EVERYTHING_FINE)
    assert {one.status for one in found.rows if (one.chapter, one.name) in full} == {"not asked"}


@pytest.mark.parametrize("state", ["aborted", "incomplete", "running"])
def test_nothing_good_counts_in_a_run_that_did_not_end_as_planned(state: str) -> None:
    found = judge(feed([100.0] * 60, status=state, abort_reason="too many errors", probes=EVERYTHING_FINE))
    assert status(found, FEED) == "not asked"
    assert state in row(found, FEED).seen
    assert status(found, "10 rows of others") == "held", "asked before the load"
    assert status(judge(feed([500.0] * 60, status=state)), FEED) == "broken"


def test_a_record_that_is_not_whole_holds_nothing_either() -> None:
    run = feed([100.0] * 60)
    run.complete = False
    assert row(judge(run), FEED).seen.endswith("but the run's record is not whole")


def test_a_generator_in_doubt_neither_holds_nor_breaks_a_latency() -> None:
    def run(limit_ms: float) -> build.Run:
        made = build.Run(build.manifest([build.latency_slo(limit_ms=limit_ms)])).fit(lag_ms=200.0, cpu=0.95)
        made.spread([500.0 if limit_ms < 450 else 100.0] * 200)
        return made.finished()

    good, bad = judge(run(450.0)), judge(run(400.0))
    assert good.vetoes
    assert bad.vetoes
    assert status(good, FEED) == status(bad, FEED) == "not asked"


# ---- objectives --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "state", "words"),
    [
        ([100.0] * 59, "held", "100 ms, 59 samples"),
        ([100.0] * 58, "not asked", "59 are the fewest"),
        ([500.0] * 200, "broken", "500 ms, 200 samples"),
        ([], "not asked", "no sample of home_feed"),
        ([100.0] * 96 + [500.0] * 4, "not asked", "too close to the limit for so few"),  # p95 is met by the figure
    ],
)
def test_a_latency(values: list[float], state: str, words: str) -> None:
    found = row(judge(feed(values)), FEED)
    assert found.status == state, found.seen
    assert words in found.seen
    assert (found.way, bool(found.would_ask)) == (("run", True) if state == "not asked" else (None, False))


def test_too_few_samples_by_the_slo_file_are_not_asked() -> None:
    found = row(judge(feed([100.0] * 200, build.latency_slo(name="Home feed", min_samples=500))), FEED)
    assert (found.status, found.seen) == ("not asked", "Home feed: too few samples: 200 of at least 500")


@pytest.mark.parametrize(
    ("percentile", "limit_ms", "value_ms", "state"),
    [
        (95.0, 300.0, 100.0, "held"),  # stricter, and met
        (99.0, 400.0, 100.0, "held"),
        (95.0, 300.0, 350.0, "not asked"),  # stricter, and missed: says nothing of 400 ms
        (95.0, 500.0, 450.0, "not asked"),  # looser, and met
        (95.0, 500.0, 600.0, "broken"),  # looser, and missed all the same
        (90.0, 400.0, 100.0, "not asked"),
        (90.0, 400.0, 600.0, "broken"),
        (90.0, 300.0, 350.0, "not asked"),
    ],
)
def test_an_objective_as_strict_as_the_manual(percentile: float, limit_ms: float, value_ms: float, state: str) -> None:
    slo = build.latency_slo(limit_ms=limit_ms, percentile=percentile)
    assert status(judge(feed([value_ms] * 400, slo)), FEED) == state


def test_another_operation_or_view_is_no_answer() -> None:
    found = judge(feed([100.0] * 200))
    assert status(found, "1 feed, end to end") == status(found, "1 deck, server") == "not asked"
    assert row(found, "1 deck, server").seen == "the SLO file has no latency objective for swipe_deck (server)"


def errors(bad: int, good: int, operations: Sequence[str] = HOT, **slo: Any) -> build.Run:
    """`good` and `bad` attempts of each operation."""
    values = {"operations": tuple(operations), "outcomes": (Outcome.SERVER_ERROR, Outcome.NETWORK)} | slo
    run = build.Run(build.manifest([build.share_slo(**values)])).fit()
    for operation in operations:
        run.spread([100.0] * good, operation=operation)
        run.spread([100.0] * bad, operation=operation, outcome=Outcome.SERVER_ERROR)
    return run.finished()


ERRORS = "9.2 errors"


@pytest.mark.parametrize(
    ("run", "state", "words"),
    [
        (lambda: errors(0, 150), "held", "600 samples"),
        (lambda: errors(0, 149), "not asked", "598 are the fewest"),
        (lambda: errors(10, 140), "broken", "6.667 %"),
        (lambda: errors(0, 300, HOT[:3]), "not asked", "the SLO file limits no share"),
        (lambda: errors(0, 300, max_share=0.05), "not asked", "allows 5 %, not 0.5 %"),
        (lambda: errors(0, 300, outcomes=(Outcome.TIMEOUT,)), "not asked", "the SLO file limits no share"),
        (lambda: errors(30, 120, max_share=0.05), "broken", "20 %"),
    ],
    ids=["held", "few", "broken", "other operations", "looser", "other outcome", "looser and missed"],
)
def test_a_share(run: Callable[[], build.Run], state: str, words: str) -> None:
    found = row(judge(run()), ERRORS)
    assert found.status == state, found.seen
    assert words in found.seen


def test_a_share_that_pools_calls_which_never_happened_is_no_answer() -> None:
    run = errors(0, 300, HOT)
    run.counts = type(run.counts)({key: number for key, number in run.counts.items() if key[2] != "swipe_deck"})
    found = row(judge(run.finished()), ERRORS)
    assert (found.status, found.seen.endswith("none of swipe_deck")) == ("not asked", True)


def test_availability_takes_an_objective_of_edge_functions_alone_and_enough_calls() -> None:
    edge = ("swipe_deck", "swipe_events")
    assert status(judge(errors(0, 1498, edge, max_share=0.001)), "1 availability") == "held"
    assert status(judge(errors(0, 1490, edge, max_share=0.001)), "1 availability") == "not asked"
    assert status(judge(errors(10, 1490, edge, max_share=0.001)), "1 availability") == "broken"
    assert status(judge(errors(0, 1498, HOT, max_share=0.001)), "1 availability") == "not asked"


def test_the_fewest_samples() -> None:
    assert [fewest(share) for share in (0.05, 0.005, 0.001)] == [59, 598, 2995]


def test_minutes_take_minutes() -> None:
    """A minute of good figures says nothing about ten."""
    assert row(healthy(), "9.2 p95 for minutes").seen == "1 min 00 s were measured, it takes 10 min 00 s"
    assert status(judge(errors(10, 140)), "1 errors for minutes") == "not asked"


def rows_of(*operations: str, state: str = "pass", value: float = 100.0) -> JudgedRun:
    """A long run at full size whose objectives, those of the manual, all ended in `state`."""
    limits = {"home_feed": 400.0, "swipe_deck": 700.0, "message_send": 250.0}
    slos = [build.latency_slo(name, limits[name], sustained_s=600.0) for name in operations]
    run = build.Run(build.manifest(slos)).fit()
    for name in operations:
        run.spread([value] * 100, operation=name)
    found = judge(run.finished())
    return JudgedRun(manifest=run.manifest, measured_s=601.0, started_per_s=DESIGNED_FOR + 0.1, slos=found.slos)


def test_p95_for_minutes() -> None:
    every = ("home_feed", "swipe_deck", "message_send")
    assert status(cover(rows_of(*every)), "9.2 p95 for minutes") == "held"
    assert status(cover(rows_of(*every[:2])), "9.2 p95 for minutes") == "not asked"
    assert status(cover(rows_of(*every, value=600.0)), "9.2 p95 for minutes") == "broken"


def test_an_objective_that_looks_at_no_stretches_does_not_answer_for_minutes() -> None:
    run = feed([100.0] * 200)
    found = cover(JudgedRun(manifest=run.manifest, measured_s=601.0, slos=judge(run).slos))
    assert row(found, "9.2 p95 for minutes").seen.startswith(
        "10 min 01 s were measured; Home feed does not look at stretches of 10 min 00 s"
    )
    assert status(found, FEED) == "held"


def test_the_load_of_the_manual_has_to_be_there() -> None:
    """Objectives that were missed by a smaller load say nothing of the larger one, here; their own rows do."""
    good = healthy()
    assert row(good, "2 500,000 a day").seen == "3.0 sessions/s started, it takes 8.7"
    manifest = build.manifest(build.DEFAULT_SLOS)
    rows = JudgedRun(manifest=manifest, started_per_s=9.0, slos=good.slos)
    assert status(cover(rows), "2 500,000 a day") == "held"
    slow = build.realistic(slow=5.0, rate=4)
    rows = JudgedRun(manifest=manifest, started_per_s=9.0, slos=judge(slow).slos)
    assert status(cover(rows), "2 500,000 a day") == "broken"


def test_a_regression_takes_a_comparison() -> None:
    before = load(build.realistic(seed=1, run_id="before"))
    assert status(healthy(), "1 regression") == "not asked"
    same, slower = build.realistic(seed=2), build.realistic(seed=2, slow=3.0)
    assert status(judge(same, compare(load(same), [before])), "1 regression") == "held"
    assert status(judge(slower, compare(load(slower), [before])), "1 regression") == "broken"
    alone = feed([100.0] * 200)
    found = row(judge(alone, compare(load(alone), [load(feed([100.0] * 200, run_id="before"))])), "1 regression")
    assert (found.status, found.seen) == ("not asked", "too few samples to compare swipe_deck, message_send")


def test_a_comparison_of_unlike_runs_is_no_answer() -> None:
    run, other = build.realistic(seed=2), build.realistic(seed=1, run_id="other", profile=build.profile(name="nightly"))
    found = row(judge(run, compare(load(run), [load(other)], force=True)), "1 regression")
    assert (found.status, found.seen.startswith("compared although")) == ("not asked", True)


def test_a_trend() -> None:
    def run(last_ms: float) -> build.Run:
        made = build.Run(build.manifest([build.latency_slo(limit_ms=1000.0)])).fit()
        for name in ("home_feed", "swipe_events", "message_send"):
            made.spread([100.0 + place % 3 + (last_ms - 100.0) * place / 600 for place in range(600)], operation=name)
        return made.finished()

    name = "Introduction steady latency"
    assert status(judge(run(100.0)), name) == "held"
    assert status(judge(run(180.0)), name) == "broken"
    assert status(judge(feed([100.0] * 600)), name) == "not asked", "one operation of three"


# ---- data and schema ---------------------------------------------------------------------------------------------


def checked(**counts: tuple[int, int]) -> Integrity:
    """Every rule asked of ten rows and held, but for those named (dots for spaces): looked at, and offending."""
    asked = dict.fromkeys(QUESTIONS, (10, 0)) | {name.replace("_", " "): pair for name, pair in counts.items()}
    checks = tuple(QUESTIONS[id_].answered(*pair, ()) for id_, pair in asked.items())
    bad = any(check.status == "broken" for check in checks)
    return Integrity(status="broken" if bad else "held", text="what was asked", checks=checks)


def judged(integrity: Integrity, **changes: Any) -> Coverage:
    return stated(integrity=integrity, **changes)


RULES = {
    "Introduction nothing lost": ("I03", "I19 lost", "I30"),
    "Introduction nothing doubled": ("I01", "I18", "I09"),
    "Introduction nothing misplaced": ("I06", "unknown messages", "I20", "I24", "I25", "foreign decks"),
    "3 events only grow": ("I03",),
    "3 idempotent state": ("I23", "I28", "I29"),
    "Appendix receipts": ("I23",),
}


@pytest.mark.parametrize(("title", "ids"), RULES.items())
def test_data_rules(title: str, ids: Sequence[str]) -> None:
    assert status(judged(checked()), title) == "held"
    unread = row(stated(), title)
    assert (unread.status, unread.seen) == ("not asked", "the data was not read")
    for id_ in ids:
        key = id_.replace(" ", "_")
        assert status(judged(checked(**{key: (10, 2)})), title) == "broken"
        assert row(judged(checked(**{key: (0, 0)})), title).seen == f"{id_}: there was nothing to ask it of"
        one_less = checked().model_copy(update={"checks": tuple(c for c in checked().checks if c.id != id_)})
        assert row(judged(one_less), title).seen == f"{id_}: its tables were not read"


@pytest.mark.parametrize("state", ["noted", "not checked"])
def test_what_is_told_and_not_judged_is_not_held(state: CheckStatus) -> None:
    checks = [one.model_copy(update={"status": state, "count": 1}) for one in checked().checks if one.id == "I23"]
    found = row(judged(Integrity(status="held", text="what was asked", checks=tuple(checks))), "Appendix receipts")
    assert (found.status, found.seen.endswith("told and not judged")) == ("not asked", True)


def test_data_of_a_target_that_still_wrote_is_not_held() -> None:
    busy = Evidence(source="Postgres", read_at="2026-11-23T03:02:00Z", at_rest=False)
    assert "still writing" in row(judged(checked(), evidence=busy), "Appendix receipts").seen
    assert status(judged(checked(I23=(10, 1)), evidence=busy), "Appendix receipts") == "broken"


def probes(answers: dict[str, str], facts: dict[str, str | None]) -> Probes:
    return Probes(
        source="Postgres",
        facts=tuple(
            SchemaFact(name=name, found=found, why_not="" if found else "denied") for name, found in facts.items()
        ),
        answers=tuple(ProbeAnswer.model_validate({"id": id_, "status": state}) for id_, state in answers.items()),
    )


ASKED = (
    "expired token", "forged token", "others' messages", "others' events", "anonymous messages", "strangers' changes",
    "invalid event", "same event twice", "same event, other day", "fresh settings",
)  # fmt: skip
FACTS: dict[str, str | None] = {
    "uq_messages_client_id": "1",
    "media_events_current_partition": "media_events_2026_11",
    "rec_impressions_current_partition": "rec_impressions_2026_11",
    "maintenance_job": "succeeded",
    "realtime_tables": "conversations,messages",
}
EVERYTHING_FINE = probes(dict.fromkeys(ASKED, "held"), FACTS)
BY_QUESTION = {
    "5.1 tokens": ("expired token", "forged token"),
    "5.1 payloads": ("invalid event",),
    "10 rows of others": ("anonymous messages", "others' messages", "others' events", "strangers' changes"),
    "10 flags": ("fresh settings",),
}
BY_FACT = {
    "4.2 partitions": {"media_events_current_partition": "default", "rec_impressions_current_partition": "default"},
    "4.2 next partitions": {"maintenance_job": "never ran"},
    "5.2 unique keys": {"uq_messages_client_id": "0"},
    "6.1 nothing ephemeral stored": {"realtime_tables": "messages,user_presence"},
}


@pytest.mark.parametrize(("title", "ids"), BY_QUESTION.items())
def test_questions_before_the_load(title: str, ids: Sequence[str]) -> None:
    assert status(stated(probes=EVERYTHING_FINE), title) == "held"
    assert row(stated(), title).seen == "no question was put before the load"
    for id_ in ids:
        for state in ("broken", "not asked"):
            asked = probes(dict.fromkeys(ASKED, "held") | {id_: state}, FACTS)
            assert status(stated(probes=asked), title) == state


@pytest.mark.parametrize(("title", "bad"), BY_FACT.items())
def test_facts_of_the_schema(title: str, bad: dict[str, str]) -> None:
    assert status(stated(probes=EVERYTHING_FINE), title) == "held"
    assert row(stated(), title).seen == "the schema was not read"
    for name, found in bad.items():
        wrong = row(stated(probes=probes({}, FACTS | {name: found})), title)
        assert (wrong.status, f"{name} = {found}" in wrong.seen) == ("broken", True)
        unread = row(stated(probes=probes({}, FACTS | {name: None})), title)
        assert (unread.status, unread.seen) == ("not asked", f"{name}: denied")


# ---- conduct -----------------------------------------------------------------------------------------------------


def recovered(back_s: int, *, hits: int, kind: str = "herd", book: faulty.Book | None = None) -> Recovery:
    """Nothing ends well from 80 s until `back_s`; the fault itself is on from 80 to 110 s and hits so many."""

    def second(at: int) -> faulty.Second:
        return (0, 20, 100.0, 40) if 80 <= at < back_s else (20, 0, 100.0, 40)

    window: FaultWindow = faulty.window("away", kind, 80, 110)
    log = [
        FaultLine(event=event, entry="away", fault=kind, layer="phone", at_s=at, worker=0, hits=hits)
        for event, at in ((FaultEvent.START, 80.0), (FaultEvent.END, 110.0))
    ]
    found = recover(faulty.frames(second, (window,)), book.rows() if book else faulty.no_rows, log)
    assert found is not None
    return found


def answer(ask: Ask, recovery: Recovery | None = None, **changes: Any) -> AskAnswer:
    return ask.of(JudgedRun(manifest=build.manifest(), recovery=recovery, **changes))


def test_recovery_takes_a_fault_that_hit_somebody() -> None:
    ask = AskRecovery(("herd", "offline"))
    assert answer(ask).state == "not asked"
    assert answer(ask, recovered(110, hits=0)).state == "not asked"
    assert answer(ask, recovered(110, hits=20, kind="latency")).state == "not asked"
    assert answer(ask, recovered(112, hits=20)).state == "held"
    assert answer(ask, recovered(1000, hits=20)) == AskAnswer("broken", "away: never recovered")
    unknown = answer(ask, recovered(faulty.END_S - 20, hits=20))
    assert (unknown.state, unknown.text.startswith("away: recovery unknown")) == ("not asked", True)


def ledger(late_s: float | None, *, kind: WriteKind = WriteKind.EVENT) -> faulty.Book:
    """A write a second; those that were wanted while the fault was on are sent twice, and arrive `late_s` later."""
    book = faulty.Book()
    ok = (WriteStep.ACKNOWLEDGED, Outcome.OK)
    for at in range(10, 230):
        steps = [(at, WriteStep.SENT, Outcome.OK), (at + 0.5, *ok)]
        if 80 <= at < 110:
            steps = [(at, WriteStep.SENT, Outcome.OK), (at + 1, WriteStep.UNANSWERED, Outcome.NETWORK)]
            steps += [] if late_s is None else [(110 + late_s, WriteStep.SENT, Outcome.OK), (111 + late_s, *ok)]
        book.write(at, *steps, kind=kind)
    return book


def test_queues_have_to_hold_something_and_to_drain() -> None:
    ask = AskQueues(("herd",))
    assert answer(ask).state == "not asked"
    assert answer(ask, recovered(110, hits=20)).state == "not asked", "nobody wrote anything"
    assert answer(ask, recovered(110, hits=0, book=ledger(5))).state == "not asked"
    assert answer(ask, recovered(110, hits=20, book=ledger(5))).state == "held"
    stuck = answer(ask, recovered(110, hits=20, book=ledger(None)))
    assert (stuck.state, "not drained" in stuck.text) == ("not asked", True)
    assert answer(ask, recovered(1000, hits=20, book=ledger(None))).state == "broken"


def test_retries_are_of_their_kind() -> None:
    found = recovered(110, hits=20, book=ledger(5))
    assert answer(AskRetries(WriteKind.EVENT), found) == AskAnswer("held", "30 retries of events")
    assert answer(AskRetries(WriteKind.MESSAGE), found).state == "not asked"
    assert answer(AskRetries(WriteKind.EVENT), recovered(110, hits=20, book=ledger(None))).state == "not asked"


@pytest.mark.parametrize(
    ("again", "doubled", "state"),
    [(WriteKind.MESSAGE, 0, "held"), (WriteKind.EVENT, 0, "not asked"), (None, 0, "not asked"), (None, 1, "broken")],
    ids=["sent again and once there", "only events were", "nothing was", "twice there"],
)
def test_a_message_sent_again(again: WriteKind | None, doubled: int, state: str) -> None:
    recovery = None if again is None else recovered(110, hits=20, book=ledger(5, kind=again))
    found = cover(JudgedRun(manifest=build.manifest(), integrity=checked(I18=(10, doubled)), recovery=recovery))
    assert status(found, "5.2 messages again") == state


def test_an_event_sent_again_by_a_question_or_by_a_fault() -> None:
    name = "5.2 events again"
    twice = probes({"same event twice": "held"}, {})
    assert status(judged(checked(), probes=twice), name) == "held"
    assert status(judged(checked()), name) == "not asked"
    assert status(stated(probes=twice), name) == "not asked", "the data was not read"
    assert status(judged(checked(), probes=probes({"same event twice": "broken"}, {})), name) == "broken"
    found = recovered(110, hits=20, book=ledger(5))
    assert status(cover(JudgedRun(manifest=build.manifest(), integrity=checked(), recovery=found)), name) == "held"


def test_a_limit_is_seen_when_it_refuses() -> None:
    ask = AskLimit(("media_search",))
    assert answer(ask).text == "nobody reached a limit of media_search"
    assert answer(ask, limited={"media_search": 3}) == AskAnswer("held", "media_search limited 3 times")
    run = feed([100.0] * 60)
    run.add(20, 50.0, operation="media_search", outcome=Outcome.RATE_LIMITED)
    run.add(20, 50.0, operation="tmdb_search", outcome=Outcome.SERVER_ERROR)
    found = judge(run.finished())
    assert status(found, "5.5 limit on search") == "held"
    assert status(found, "5.5 limit on TMDb") == "not asked"


def test_delivery_takes_deliveries() -> None:
    name = "Introduction delivery"
    assert status(judge(chat()), name) == "held"
    assert row(judge(chat(missing=(7,))), name).seen.startswith("Realtime lost 1 stored message")
    assert status(judge(chat(missing=(7,))), name) == "broken"
    assert status(judge(chat(messages=0)), name) == "not asked"
    assert row(stated(), name).seen == "no phone used Realtime"
    assert status(judge(chat()), "1 message, other side") == "held"
    assert status(judge(chat()), "6.1 typing by broadcast") == "not asked"


# ---- putting answers together ------------------------------------------------------------------------------------


class Says(Ask):
    def __init__(self, state: str) -> None:
        self.state = state

    def of(self, run: JudgedRun) -> AskAnswer:
        return AskAnswer(self.state, self.state)  # type: ignore[arg-type]

    def words(self) -> str:
        return self.state


@pytest.mark.parametrize("first", ["held", "broken", "not asked"])
@pytest.mark.parametrize("second", ["held", "broken", "not asked"])
def test_all_any_and_when(first: str, second: str) -> None:
    pair = (Says(first), Says(second))
    states = {first, second}
    every = "broken" if "broken" in states else "not asked" if "not asked" in states else "held"
    some = "broken" if "broken" in states else "held" if "held" in states else "not asked"
    assert answer(all_of(*pair)).state == every
    assert answer(any_of(*pair)).state == some
    assert answer(When(*pair)).state == (second if first == "held" else "not asked")
    assert list(When(*pair).parts()) == list(all_of(*pair).parts()) == list(any_of(*pair).parts()) == list(pair)


# ---- where it is shown -------------------------------------------------------------------------------------------


@cache
def shown() -> Verdict:
    broken_: dict[str, str | None] = {"uq_messages_client_id": "0", "maintenance_job": "absent"}
    asked = probes(dict.fromkeys(ASKED, "held"), FACTS | broken_)
    return judge_frames(load(feed([100.0] * 60, probes=asked)), integrity=checked(I18=(10, 2)))


def test_the_statement_counts_its_rows() -> None:
    found = shown().coverage
    assert (found.held, found.broken) == tuple(len(found.of(state)) for state in ("held", "broken"))
    assert found.asked == found.held + found.broken
    assert found.asked + len(found.of("not asked")) == found.promises
    assert found.text == f"{found.asked} of {found.promises} promises asked, {found.held} held"
    assert found.broken == 4  # doubled, messages again, unique keys, next partitions
    ways = [one.way for one in found.of("not asked") if one.way]
    assert ways == sorted(ways, key=WAYS.index)


def test_broken_promises_change_no_exit_code() -> None:
    bare = judge(feed([100.0] * 60))
    found = judge(feed([100.0] * 60, probes=probes({}, FACTS | {"uq_messages_client_id": "0"})))
    assert found.coverage.broken == 1
    assert (found.exit_code, found.exit_codes, found.sentence) == (bare.exit_code, bare.exit_codes, bare.sentence)


def test_the_terminal_says_it_in_a_line_and_names_what_broke() -> None:
    found = shown()
    lines = terminal.plain(found, Path("runs/x"))
    at = next(place for place, line in enumerate(lines) if line.startswith("manual:    "))
    said = " ".join(line.strip() for line in lines[at : at + 3])
    assert said.startswith(f"manual:    {found.coverage.text}; broken: nothing doubled (manual Introduction), ")
    assert "and 1 more" in said
    assert all(len(line) <= 80 for line in lines[at : at + 3])
    quiet = terminal.plain(healthy(), Path("runs/x"))
    assert f"manual:    {healthy().coverage.text}" in quiet


def test_the_page_lists_broken_first_then_what_was_not_asked_with_what_would() -> None:
    found = shown()
    page = render_html.render(found, load(feed([100.0] * 60)))
    part = page[page.index('<section id="coverage">') :]
    part = part[: part.index("</section>")]
    folds = re.findall(r"<details( open)?>.*?</span> ([a-z ]+)</span> (\d+)</summary>", part, re.DOTALL)
    coverage = found.coverage
    assert folds == [
        (" open", "broken", str(coverage.broken)),
        ("", "not asked", str(coverage.promises - coverage.asked)),
        ("", "held", str(coverage.held)),
    ]
    for one in coverage.rows:
        assert f'<small class="note">{one.named.replace(chr(39), "&#39;")}</small>' in part
    assert "run profile outage-and-herd" in part
    assert coverage.text in page[: page.index('<section id="slos">')], "on the first screen too"


def test_summary_json_and_junit() -> None:
    found = shown()
    text = summary.render(found)
    assert f"Operational manual: {found.coverage.text}." in text
    assert "- broken: unique keys (manual 5.2): uq\\_messages\\_client\\_id = 0, wanted 1 or more" in text
    assert "run profile nightly" in text
    read = json.loads(verdict_json.render(found))["coverage"]
    assert (read["promises"], read["asked"], read["held"], read["broken"]) == (
        len(PROMISES), found.coverage.asked, found.coverage.held, 4,
    )  # fmt: skip
    assert Coverage.model_validate(read) == found.coverage
    assert f'name="coverage" value="{found.coverage.text}"' in junit.render(found)


# ---- what a session costs ---------------------------------------------------------------------------------------


def sent(name: str, modelled: float, measured: float, sessions: int = 30) -> JudgedRun:
    row = BesideRow(name, modelled, measured)
    return JudgedRun(manifest=build.manifest(), sessions=sessions, session=(row,))


@pytest.mark.parametrize(
    ("measured", "sessions", "state"),
    [
        (100, 30, "held"),
        (40, 30, "held"),  # less than what was counted breaks nothing
        (110, 30, "held"),
        (111, 30, "not asked"),  # no more than the model may be wrong
        (126, 30, "broken"),
        (126, 29, "not asked"),
        (0, 30, "not asked"),
    ],
)
def test_a_session_beside_the_plans(measured: float, sessions: int, state: str) -> None:
    assert AskSession("rows written").of(sent("rows written", 100, measured, sessions)).state == state


def test_a_session_that_nobody_can_compare() -> None:
    assert AskSession("requests").of(sent("rows written", 100, 100)).state == "not asked"
    run = build.realistic()
    assert beside(load(run).manifest, None) == (0, ())


@pytest.mark.parametrize(
    ("calls", "out", "state"),
    [(598, 0, "held"), (597, 0, "not asked"), (1000, 5, "not asked"), (1000, 6, "broken"), (0, 0, "not asked")],
)
def test_timeouts_of_edge_functions(calls: int, out: int, state: str) -> None:
    run = JudgedRun(
        manifest=build.manifest(),
        measured={("server", "swipe_deck"): calls, ("e2e", "swipe_deck"): 10_000, ("server", "home_feed"): 10_000},
        timed_out={"swipe_deck": out, "home_feed": 1_000},
    )
    assert AskTimeouts(EDGE_CALLS).of(run).state == state


def test_limits_of_realtime() -> None:
    found = judge(chat()).realtime
    assert found is not None

    def asked(realtime: Realtime | None) -> AskAnswer:
        return AskRealtimeLimits().of(JudgedRun(manifest=build.manifest(), realtime=realtime))

    def limited(measured: float, **more: object) -> Realtime:
        row = LimitRow(what="sockets at once", measured=measured, limits={"Free": 200.0, "Team": 10_000.0})
        return found.model_copy(update={"limits": (row,), **more})

    assert asked(None).state == "not asked"
    assert asked(found).state == "not asked"  # judged without a price file
    assert asked(limited(10_000)).state == "held"  # of the largest subscription
    assert asked(limited(10_001)) == AskAnswer("broken", "sockets at once: 10,001 of 10,000")
    assert asked(limited(1, stored=0)).state == "not asked"
