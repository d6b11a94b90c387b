"""The rules of `[[assistant]]` over a run's facts. (pure but for `assistant`)"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from harness.core import assistant_slo as rules
from harness.record.store import RunFiles
from reports import neighbours
from reports.assistant import apart, asked, breaker, meanwhile, money
from reports.assistant.facts import AssistantFacts, facts_of
from reports.assistant.model import AssistantRow
from reports.frames import Frames


def assistant(run: RunFiles, frames: Frames) -> tuple[AssistantRow, ...]:
    """Every rule of the run's SLO file, from its record. :raises UsageError: a part of it is damaged."""
    if not run.manifest.assistant:
        return ()
    facts = facts_of(run)
    return (*judge(run.manifest.assistant, facts, frames), *meanwhile.rows(run, facts, frames))


def judge(given: Iterable[rules.AssistantRule], facts: AssistantFacts, frames: Frames) -> tuple[AssistantRow, ...]:
    """A row a rule; of rules about each model one a model."""
    found: list[AssistantRow] = []
    for rule in given:
        if isinstance(rule, rules.Isolation):
            found.append(apart.isolation(rule, facts, frames))
        elif not isinstance(rule, rules.Quota) or rule.what != ASKED_BEFORE:
            found += _ANSWERS[type(rule)](rule, facts)
    return tuple(_excused(row, frames) for row in found)


def _excused(row: AssistantRow, frames: Frames) -> AssistantRow:
    """A time over its limit may be the doing of other programs on the sandbox's machine: then it says nothing."""
    if row.status != "missed" or not row.over or row.late_s is None:
        return row
    excuse = neighbours.excuse(frames.manifest, row.over, 0.0, row.late_s)
    return row.model_copy(update={"status": "not asked", "note": f"{row.note}; {excuse}"}) if excuse else row


ASKED_BEFORE = "answers_a_minute"
"""A quota that is asked before the load, and told with the other questions there."""
_ANSWERS: dict[type[Any], Callable[[Any, AssistantFacts], list[AssistantRow]]] = {
    rules.AnswerTime: asked.latency,
    rules.FailureShare: asked.failures,
    rules.Cost: lambda rule, facts: [money.cost(rule, facts)],
    rules.Price: lambda rule, facts: [money.price(rule, facts)],
    rules.MaxTokens: lambda rule, facts: [asked.tokens(rule, facts)],
    rules.Patience: lambda rule, facts: [asked.patience(rule, facts)],
    rules.Quota: lambda rule, facts: [asked.quota(rule, facts)],
    rules.Breaker: lambda rule, facts: [breaker.breaker(rule, facts)],
    rules.Fallback: lambda rule, facts: [asked.fallback(rule, facts)],
    rules.Partial: lambda rule, facts: [asked.partial(rule, facts)],
}
