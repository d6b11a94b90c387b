"""Whether a model's breaker opens, holds, lets through and closes as stated. (pure)

From what was seen of the breakers each second, and from replies that all models failed: they tell which were asked and
which were left alone.
"""

from __future__ import annotations

from harness.core.assistant_slo import Breaker
from reports.assistant.facts import AssistantFacts, BreakerSeen, Reply
from reports.assistant.model import AssistantRow, unasked
from reports.text import count, plural

SEEN_EVERY_S = 1.5
"""A breaker is looked at once a second; an opening may be seen so late."""
MORE_AT_ONCE = 3
"""Replies under way beside each other may fail before the first of them opens the breaker, or be told late."""


def breaker(rule: Breaker, facts: AssistantFacts) -> AssistantRow:
    """One row for all models; the first thing that is wrong is named."""
    objective = f"open after {count(rule.threshold)} failures in a row, asked again after {rule.cooldown_s:g} s"
    if facts.breakers is None:
        why = "openrouter_circuit_breakers was not watched: give a connection string"
        return unasked(rule.name, rule.kind, objective, why)
    failures = _failures(facts)
    seen: dict[str, list[BreakerSeen]] = {}
    for one in facts.breakers:
        seen.setdefault(one.model, []).append(one)
    opened = sum(_openings(one) for one in seen.values())
    wrong = [
        problem
        for model in sorted({*seen, *failures})
        for problem in (
            _never_opens(rule, seen.get(model, []), failures.get(model, []), model),
            _never_closes(rule, facts, seen.get(model, []), model),
        )
        if problem
    ]
    if not wrong and not opened:
        return unasked(rule.name, rule.kind, objective, "no model failed often enough: break the provider")
    closed = sum(bool(one) and one[-1].failures == 0 and one[-1].open_until_s is None for one in seen.values())
    return AssistantRow(
        name=rule.name,
        kind=rule.kind,
        objective=objective,
        value_text=f"opened {plural(opened, 'time')}; {count(closed)} of {count(len(seen))} closed at the end",
        samples=len(facts.breakers),
        bad=len(wrong),
        status="missed" if wrong else "held",
        note="; ".join(wrong),
    )


def _failures(facts: AssistantFacts) -> dict[str, list[float]]:
    """When a model failed, by the replies."""
    found: dict[str, list[float]] = {}
    for reply in facts.replies:
        for one in reply.tried:
            if one.transient:
                found.setdefault(one.model, []).append(reply.at_s)
    return found


def _openings(seen: list[BreakerSeen]) -> int:
    """Instants from which on it was open, a renewed one included."""
    ends, last = 0, None
    for one in seen:
        if one.open_until_s is not None and (last is None or one.open_until_s > last + SEEN_EVERY_S):
            ends += 1
        last = one.open_until_s if one.open_until_s is not None else None
    return ends


def _never_opens(rule: Breaker, seen: list[BreakerSeen], failed: list[float], model: str) -> str:
    shut = [one for one in seen if one.failures >= rule.threshold and one.open_until_s is None]
    if shut:
        first = shut[0]
        return f"{model} had failed {count(first.failures)} times in a row at {first.at_s:.0f} s and was not left alone"
    if len(failed) >= rule.threshold + MORE_AT_ONCE and not any(one.open_until_s is not None for one in seen):
        return f"{model} failed {count(len(failed))} times and was never left alone"
    return ""


def _never_closes(rule: Breaker, facts: AssistantFacts, seen: list[BreakerSeen], model: str) -> str:
    """Replies that began when its time was over, and that left it alone all the same."""
    late = [reply for reply in facts.replies if _left_alone(reply, model) and _expired(rule, seen, reply.begun_s)]
    if not late:
        return ""
    return (
        f"{model} was still left alone at {late[0].begun_s:.0f} s, {rule.grace_s:g} s and more after its time was over "
        f"({plural(len(late), 'reply', 'replies')})"
    )


def _left_alone(reply: Reply, model: str) -> bool:
    return any(one.alone and one.model == model for one in reply.tried)


def _expired(rule: Breaker, seen: list[BreakerSeen], at_s: float) -> bool:
    """Whether it had been open and no longer was, for `grace_s` at least, as it was last seen before that instant."""
    before = [one for one in seen if one.at_s <= at_s]
    return bool(before) and before[-1].open_until_s is not None and before[-1].open_until_s + rule.grace_s < at_s
