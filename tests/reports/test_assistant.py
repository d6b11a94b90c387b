"""The rules of `[[assistant]]` over facts made for each: what they hold against a deployment, and what they do not."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core import assistant_slo as rules
from harness.core.outcome import OUTCOMES
from reports.assistant import apart, asked, breaker, money
from reports.assistant.facts import AssistantFacts, BreakerSeen, Logged, Reply, Try

FAST, NEXT = "sandbox/talker-1", "sandbox/thinker-1"
ANSWER = Logged(10.0, "2026-11-30", "ann", FAST, 0, 0, 100.0, 50.0, 0.000045, 400.0)
REPLY = Reply(10.0, 11.0, 1, "ok", FAST, "", False, 120, ())
DEAD = replace(REPLY, outcome="soft_failure", model=NEXT, code="AI_NETWORK", ai_error=True, text=40)


def failed(at_s: float, *, alone: bool = False, status: int | None = None) -> Reply:
    tried = (Try(FAST, status, alone), Try(NEXT, status, alone))
    return replace(DEAD, begun_s=at_s - 1, at_s=at_s, tried=tried)


def answers(count: int, **changes: Any) -> tuple[Logged, ...]:
    return tuple(replace(ANSWER, at_s=float(number), **changes) for number in range(count))


# --- time, tokens, failures


def test_the_percentile_of_each_model() -> None:
    rule = rules.AnswerTime(kind="latency", name="x", limit_ms=1000, min_samples=20)
    slow = answers(5, duration_ms=3000.0)
    facts = AssistantFacts(log=answers(40) + slow + answers(3, model=NEXT))
    fast, few = asked.latency(rule, facts)
    assert (fast.model, fast.status, fast.bad, fast.over) == (FAST, "missed", 5, 3.0)
    assert (few.model, few.status, few.samples) == (NEXT, "not asked", 3)
    assert asked.latency(rule, AssistantFacts(log=answers(100) + slow))[0].status == "held"


def test_the_first_piece_of_text_as_phones_got_it() -> None:
    rule = rules.AnswerTime(kind="latency", name="x", of="first_token", limit_ms=500, min_samples=20)
    streamed = tuple(replace(REPLY, begun_s=float(n), at_s=n + 4.0, first_ms=300.0 + n) for n in range(30))
    [row] = asked.latency(rule, AssistantFacts(streamed))
    assert (row.model, row.status, row.samples, row.note) == (FAST, "held", 30, "")
    assert "p95 328" in row.value_text
    whole = tuple(replace(one, first_ms=3990.0) for one in streamed)
    [row] = asked.latency(rule, AssistantFacts(whole))
    assert (row.status, row.bad, row.over) == ("missed", 30, 7.98)
    assert "came whole" in row.note
    failing = tuple(replace(one, ai_error=True) for one in streamed)
    assert asked.latency(rule, AssistantFacts(failing))[0].status == "not asked"
    assert asked.latency(rule, AssistantFacts(streamed, broken=((0.0, 40.0),)))[0].status == "not asked"


def test_what_a_planned_fault_does_is_not_the_models_doing() -> None:
    rule = rules.AnswerTime(kind="latency", name="x", limit_ms=1000, min_samples=20)
    slow = tuple(replace(ANSWER, at_s=100.0 + number, duration_ms=9000.0) for number in range(20))
    facts = AssistantFacts(log=answers(40) + slow, broken=((95.0, 110.0),))
    assert asked.latency(rule, facts)[0].status == "held"
    assert asked.latency(rule, replace(facts, broken=()))[0].status == "missed"


def test_failures_of_a_model() -> None:
    rule = rules.FailureShare(kind="failures", name="x", max_share=0.02, min_samples=20)
    facts = AssistantFacts(tuple(failed(60.0 + number) for number in range(5)), answers(50))
    rows = {row.model: row for row in asked.failures(rule, facts)}
    assert (rows[FAST].status, rows[FAST].bad, rows[FAST].samples) == ("missed", 5, 55)
    assert rows[NEXT].status == "not asked"  # five are too few
    left_alone = AssistantFacts(tuple(failed(60.0, alone=True) for _ in range(5)), answers(50))
    assert asked.failures(rule, left_alone)[0].status == "held"


def test_tokens_and_time_have_an_end() -> None:
    rule = rules.MaxTokens(kind="max_tokens", name="x", limit=2048)
    assert asked.tokens(rule, AssistantFacts(log=answers(3, tokens=2048.0))).status == "held"
    assert asked.tokens(rule, AssistantFacts(log=answers(3) + answers(1, tokens=2049.0))).bad == 1
    patient = rules.Patience(kind="timeout", name="x", limit_ms=12_000)
    for form, place, took, status in ((0, 0, 12_400.0, "held"), (0, 0, 17_000.0, "missed"), (1, 0, 25_000.0, "held")):
        log = answers(1, form=form, place=place, duration_ms=took)
        assert asked.patience(patient, AssistantFacts(log=log)).status == status


def test_answers_for_which_a_tool_failed() -> None:
    rule = rules.Partial(kind="partial", name="x")
    good, bad = replace(REPLY, message="a"), replace(REPLY, message="b", outcome="server_error", text=None, code="TOOL")
    assert asked.partial(rule, AssistantFacts((good,))).status == "not asked"  # nobody could read the log
    assert asked.partial(rule, AssistantFacts((good,), tools_failed=frozenset("c"))).status == "not asked"
    held = asked.partial(rule, AssistantFacts((good, bad), tools_failed=frozenset("a")))
    assert (held.status, held.samples, held.value_text) == ("held", 1, "1 of 1 have one")
    missed = asked.partial(rule, AssistantFacts((good, bad), tools_failed=frozenset("ab")))
    assert (missed.status, missed.bad) == ("missed", 1)
    assert "TOOL" in missed.note
    unheard = replace(bad, outcome="timeout")
    assert asked.partial(rule, AssistantFacts((unheard,), tools_failed=frozenset("b"))).status == "not asked"


# --- money


def test_the_price_list() -> None:
    rule = rules.Price(kind="price", name="x", model=FAST, prompt_usd=0.15, completion_usd=0.60)
    assert money.price(rule, AssistantFacts(log=answers(10))).status == "held"
    tripled = money.price(rule, AssistantFacts(log=answers(10, cost=0.000135)))
    assert (tripled.status, tripled.bad) == ("missed", 10)
    assert "300 %" in tripled.note
    assert money.price(rule, AssistantFacts(log=answers(10, model=NEXT))).status == "not asked"
    free = rules.Price(kind="price", name="x", model=FAST, prompt_usd=0, completion_usd=0)
    assert money.price(free, AssistantFacts(log=answers(2, cost=0.0))).status == "held"


def test_the_dearest_day_has_a_name() -> None:
    rule = rules.Cost(kind="cost", name="x", per="person_day", of="most", limit_usd=0.001)
    facts = AssistantFacts(log=answers(3) + answers(100, user="bob"))
    row = money.cost(rule, facts)
    assert (row.status, row.samples, row.bad) == ("missed", 2, 1)
    assert "bob on 2026-11-30" in row.value_text
    assert money.cost(rule.model_copy(update={"of": "median"}), facts).status == "held"


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60))
def test_cost_figures_are_ordered_and_hold_at_their_own_value(costs: list[float]) -> None:
    log = tuple(replace(ANSWER, at_s=float(n), user=f"u{n}", cost=one) for n, one in enumerate(costs))
    for of in ("median", "p99", "most"):
        for limit, status in ((max(costs) + 1e-9, "held"), (1e9, "held")):
            rule = rules.Cost(kind="cost", name="x", per="answer", of=of, limit_usd=limit)
            assert money.cost(rule, AssistantFacts(log=log)).status == status


# --- quotas, fallback


def test_who_got_most() -> None:
    day = rules.Quota(kind="quota", name="x", what="answers_a_day", limit=5)
    assert asked.quota(day, AssistantFacts(log=answers(5))).status == "held"
    row = asked.quota(day, AssistantFacts(log=answers(6)))
    assert (row.status, row.bad) == ("missed", 1)
    assert "ann" in row.note
    tools = rules.Quota(kind="quota", name="x", what="tool_calls", limit=2)
    assert asked.quota(tools, AssistantFacts(tools={"m": 3, "n": 1})).bad == 1
    web = rules.Quota(kind="quota", name="x", what="web_searches", limit=2)
    assert asked.quota(web, AssistantFacts()).status == "not asked"


def test_a_text_instead_of_an_answer() -> None:
    rule = rules.Fallback(kind="fallback", name="x")
    assert asked.fallback(rule, AssistantFacts((REPLY, DEAD))).status == "held"
    assert asked.fallback(rule, AssistantFacts((REPLY,))).status == "not asked"
    error = replace(DEAD, outcome="server_error", ai_error=False, text=None)
    assert asked.fallback(rule, AssistantFacts((DEAD, error))).status == "missed"
    assert asked.fallback(rule, AssistantFacts((replace(DEAD, text=None),))).status == "missed"


# --- the breaker

BREAKER = rules.Breaker(kind="breaker", name="x")


def seen(at_s: float, failures: int, until: float | None) -> BreakerSeen:
    return BreakerSeen(at_s, FAST, failures, until)


def test_a_breaker_as_stated() -> None:
    told = (seen(10, 2, None), seen(11, 3, 41.0), seen(12, 3, 41.0), seen(43, 4, 73.0), seen(80, 0, None))
    replies = (failed(11), failed(20, alone=True), failed(43), failed(50, alone=True))
    row = breaker.breaker(BREAKER, AssistantFacts(replies, breakers=told))
    assert (row.status, row.value_text) == ("held", "opened 2 times; 1 of 1 closed at the end")


def test_a_breaker_that_does_not_open() -> None:
    row = breaker.breaker(BREAKER, AssistantFacts(breakers=(seen(10, 3, None),)))
    assert (row.status, row.bad) == ("missed", 1)
    unseen = breaker.breaker(BREAKER, AssistantFacts(tuple(failed(10 + n) for n in range(6)), breakers=()))
    assert unseen.status == "missed"
    assert "never left alone" in unseen.note


def test_a_breaker_that_does_not_close() -> None:
    told = (seen(11, 3, 41.0), seen(60, 3, 41.0))
    late = breaker.breaker(BREAKER, AssistantFacts((failed(62, alone=True),), breakers=told))
    assert late.status == "missed"
    assert "still left alone" in late.note
    in_time = breaker.breaker(BREAKER, AssistantFacts((failed(43, alone=True),), breakers=told))
    assert in_time.status == "held"


def test_nobody_broke_the_provider() -> None:
    assert breaker.breaker(BREAKER, AssistantFacts(breakers=())).status == "not asked"
    assert breaker.breaker(BREAKER, AssistantFacts(breakers=None)).status == "not asked"


# --- everybody else


class SampledCalls:
    """What `isolation` reads of a run's frames."""

    def __init__(self, rows: list[tuple[int, str, str, int]]) -> None:
        self.samples = pd.DataFrame(rows, columns=["second", "operation", "outcome", "count"]).assign(view="server")


def calls(inside_bad: int, inside: int, outside_bad: int, outside: int, name: str = "swipe_deck") -> Any:
    rows = [(50, name, "server_error", inside_bad), (50, name, "ok", inside - inside_bad)]
    rows += [(10, name, "server_error", outside_bad), (10, name, "ok", outside - outside_bad)]
    return SampledCalls([row for row in rows if row[3]])


@pytest.mark.parametrize(
    ("figures", "status"),
    [
        ((0, 30, 0, 200), "held"),
        ((20, 30, 0, 200), "missed"),
        ((2, 30, 0, 200), "held"),  # two may be chance
        ((20, 30, 130, 200), "held"),  # as bad without the fault
        ((3, 4, 0, 200), "held"),  # too few to say
    ],
)
def test_a_dead_provider_is_nobody_elses_trouble(figures: tuple[int, int, int, int], status: str) -> None:
    rule = rules.Isolation(kind="isolation", name="x")
    row = apart.isolation(rule, AssistantFacts(broken=((45.0, 60.0),)), calls(*figures))
    assert row.status == status
    assert ("swipe_deck" in row.note) is (status == "missed")


def test_the_assistants_own_failures_are_not_held_against_the_rest() -> None:
    rule = rules.Isolation(kind="isolation", name="x")
    facts = AssistantFacts(broken=((45.0, 60.0),))
    assert apart.isolation(rule, facts, calls(30, 30, 0, 10, "assistant_reply")).status == "not asked"
    assert apart.isolation(rule, AssistantFacts(), calls(30, 30, 0, 10)).status == "not asked"
    assert {"server_error", "ok"} <= {str(one) for one in OUTCOMES}


@given(st.integers(1, 60), st.integers(0, 60), st.floats(0.001, 0.999))
def test_the_chance_of_so_many_failures(total: int, bad: int, rate: float) -> None:
    exact = sum(
        math.comb(total, k) * Fraction(rate) ** k * (1 - Fraction(rate)) ** (total - k)
        for k in range(min(bad, total + 1), total + 1)
    )
    assert apart._at_least(min(bad, total + 1), total, rate) == pytest.approx(float(exact), rel=1e-9, abs=1e-300)


def test_minutes_of_calls_are_counted_without_overflow() -> None:
    assert apart._at_least(60, 5_000, 0.01) == pytest.approx(0.0926, abs=0.01)
    assert apart._at_least(400, 20_000, 0.01) < 1e-30
    assert apart._at_least(1, 50_000, 0.5) == pytest.approx(1.0)
