"""How long models take, how often they fail, how much they write, and whether people get a text. (pure)"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from harness.core.assistant_slo import AnswerTime, FailureShare, Fallback, MaxTokens, Partial, Patience, Quota
from reports.assistant.facts import AssistantFacts, Logged
from reports.assistant.model import AssistantRow, unasked
from reports.text import count, ms, percent, plural

NO_LOG = "openrouter_request_log could not be read: give a service key or a connection string"
AFTER_S = 30.0
"""So long after a planned fault its traces are still the fault's: breakers are open, requests under way."""
SURE_BAD = 3
NOT_OF_THE_TOOL = ("timeout", "network", "gave_up", "aborted", "rate_limited")
"""Ends of a request that say nothing of the answer: nobody waited for it, or it was not given."""
WHOLE = 0.9
"""A reply whose first piece came after so much of its time came whole, but for the way back."""
AGAIN_MS = 1200.0
"""A 429 is waited for at most so long, within the time of one answer."""


def latency(rule: AnswerTime, facts: AssistantFacts) -> list[AssistantRow]:
    """A row for each model that answered."""
    if rule.of == "first_token":
        return _first_tokens(rule, facts)
    objective = f"p{rule.percentile:g} of the whole answer under {ms(rule.limit_ms)}"
    if facts.log is None:
        return [unasked(rule.name, rule.kind, objective, NO_LOG)]
    timed = [
        (one.model, one.duration_ms) for one in facts.log if one.duration_ms is not None and not _in_fault(facts, one)
    ]
    return _timed(rule, objective, timed, "no model answered outside of planned faults")


def _first_tokens(rule: AnswerTime, facts: AssistantFacts) -> list[AssistantRow]:
    """From a phone's request to the first piece of text that came to it."""
    objective = f"p{rule.percentile:g} of the first piece of text under {ms(rule.limit_ms)}"
    calm = [
        (one, one.first_ms)
        for one in facts.replies
        if one.first_ms is not None
        and one.outcome == "ok"
        and not one.ai_error
        and not facts.disturbed(one.begun_s, one.at_s, AFTER_S)
    ]
    whole = [first >= WHOLE * 1000 * (one.at_s - one.begun_s) for one, first in calm]
    note = "all came whole, as shipped (params.stream_passthrough is off)" if whole and all(whole) else ""
    timed = [(one.model, first) for one, first in calm]
    return _timed(rule, objective, timed, "no reply came outside of planned faults", note)


def _timed(
    rule: AnswerTime, objective: str, timed: Sequence[tuple[str, float]], none: str, note: str = ""
) -> list[AssistantRow]:
    """A row a model. timed: model and milliseconds of each."""
    rows = []
    for model in _models(rule.model, [one for one, _ in timed]):
        took = sorted(value for one, value in timed if one == model)
        if len(took) < rule.min_samples:
            why = f"{plural(len(took), 'answer')} outside of planned faults, {rule.min_samples} are needed"
            rows.append(unasked(rule.name, rule.kind, objective, why, model, len(took)))
            continue
        value = took[math.ceil(rule.percentile / 100 * len(took)) - 1]
        over = sum(one >= rule.limit_ms for one in took)
        rows.append(
            AssistantRow(
                name=rule.name,
                kind=rule.kind,
                model=model,
                objective=objective,
                value_text=f"p{rule.percentile:g} {ms(value)}, slowest {ms(took[-1])}",
                samples=len(took),
                bad=over,
                over=value / rule.limit_ms if value >= rule.limit_ms else None,
                late_s=(value - rule.limit_ms) / 1000.0 if value >= rule.limit_ms else None,
                status="missed" if value >= rule.limit_ms and over >= SURE_BAD else "held",
                note=note,
            )
        )
    return rows or [unasked(rule.name, rule.kind, objective, none)]


def failures(rule: FailureShare, facts: AssistantFacts) -> list[AssistantRow]:
    """Answers are in the log; failures only in the replies that all models failed, as shipped."""
    objective = f"at most {percent(rule.max_share, 1)} of requests fail"
    if facts.log is None:
        return [unasked(rule.name, rule.kind, objective, NO_LOG)]
    good = Counter(one.model for one in facts.log if not _in_fault(facts, one))
    bad: Counter[str] = Counter()
    for reply in facts.replies:
        if not facts.disturbed(reply.begun_s, reply.at_s, AFTER_S):
            bad.update(one.model for one in reply.tried if not one.alone)
    rows = []
    for model in _models(rule.model, [*good, *bad]):
        total = good[model] + bad[model]
        if total < rule.min_samples:
            why = f"{plural(total, 'request')} outside of planned faults, {rule.min_samples} are needed"
            rows.append(unasked(rule.name, rule.kind, objective, why, model, total))
            continue
        missed = bad[model] / total > rule.max_share and bad[model] >= SURE_BAD
        rows.append(
            AssistantRow(
                name=rule.name,
                kind=rule.kind,
                model=model,
                objective=objective,
                value_text=f"{percent(bad[model] / total, 1)} of {count(total)} failed",
                samples=total,
                bad=bad[model],
                status="missed" if missed else "held",
                note="a failure that another model made good is in no table of the app" if not missed else "",
            )
        )
    return rows or [unasked(rule.name, rule.kind, objective, "no model was asked outside of planned faults")]


def tokens(rule: MaxTokens, facts: AssistantFacts) -> AssistantRow:
    """The longest answer against the limit."""
    objective = f"no answer has more than {count(rule.limit)} tokens"
    if facts.log is None:
        return unasked(rule.name, rule.kind, objective, NO_LOG)
    written = [one for one in facts.log if one.tokens is not None]
    if not written:
        return unasked(rule.name, rule.kind, objective, "no answer is logged with its tokens")
    over = [one for one in written if (one.tokens or 0) > rule.limit]
    longest = max(written, key=lambda one: one.tokens or 0)
    return AssistantRow(
        name=rule.name,
        kind=rule.kind,
        objective=objective,
        value_text=f"the longest of {count(len(written))} has {count(int(longest.tokens or 0))}",
        samples=len(written),
        bad=len(over),
        status="missed" if over else "held",
        note=f"{count(len(over))} are longer, one of {longest.model} at {longest.at_s:.0f} s" if over else "",
    )


def patience(rule: Patience, facts: AssistantFacts) -> AssistantRow:
    """No answer took longer than the requests that went before it could explain."""
    objective = f"no request to a model lasts longer than {ms(rule.limit_ms)}"
    if facts.log is None:
        return unasked(rule.name, rule.kind, objective, NO_LOG)
    timed = [one for one in facts.log if one.duration_ms is not None]
    if not timed:
        return unasked(rule.name, rule.kind, objective, "no answer is logged with its duration")
    over = [one for one in timed if (one.duration_ms or 0) > _allowed(rule, one)]
    slowest = max(timed, key=lambda one: (one.duration_ms or 0) - _allowed(rule, one))
    note = ""
    if over:
        note = (
            f"an answer of {slowest.model} at {slowest.at_s:.0f} s took {ms(slowest.duration_ms or 0)}, "
            f"the requests up to it may take {ms(_allowed(rule, slowest))} together"
        )
    return AssistantRow(
        name=rule.name,
        kind=rule.kind,
        objective=objective,
        value_text=f"the slowest of {count(len(timed))} answers took {ms(max(one.duration_ms or 0 for one in timed))}",
        samples=len(timed),
        bad=len(over),
        over=(slowest.duration_ms or 0) / _allowed(rule, slowest) if over else None,
        late_s=((slowest.duration_ms or 0) - _allowed(rule, slowest)) / 1000.0 if over else None,
        status="missed" if over else "held",
        note=note,
    )


def _allowed(rule: Patience, one: Logged) -> float:
    requests = one.place * rule.forms + one.form + 1
    return requests * (rule.limit_ms + AGAIN_MS) + rule.slack_ms


def quota(rule: Quota, facts: AssistantFacts) -> AssistantRow:
    """The one who got most."""
    words = {
        "answers_a_minute": "answers in a minute",
        "answers_a_day": "answers on a day",
        "tool_calls": "tools for a message",
        "web_searches": "searches",
    }
    objective = f"nobody gets more than {count(rule.limit)} {words[rule.what]}"
    if rule.what == "web_searches":
        return unasked(rule.name, rule.kind, objective, "the app's request log does not say who searched the web")
    counts: Counter[str]
    if rule.what == "tool_calls":
        if facts.tools is None:
            why = "assistant_message_action_log could not be read: give a service key or a connection string"
            return unasked(rule.name, rule.kind, objective, why)
        counts = Counter(dict(facts.tools))
    elif facts.log is None:
        return unasked(rule.name, rule.kind, objective, NO_LOG)
    else:
        counts = Counter(f"{one.user} on {one.day}" for one in facts.log)
    if not counts:
        return unasked(rule.name, rule.kind, objective, "nobody asked the assistant anything")
    (who, most), *_ = counts.most_common(1)
    over = sum(number > rule.limit for number in counts.values())
    return AssistantRow(
        name=rule.name,
        kind=rule.kind,
        objective=objective,
        value_text=f"at most {count(most)}",
        samples=len(counts),
        bad=over,
        status="missed" if over else "held",
        note=f"{count(over)} got more, most of all {who}" if over else "",
    )


def fallback(rule: Fallback, facts: AssistantFacts) -> AssistantRow:
    """Replies without any model's answer: with a text, or an error."""
    objective = "every reply that no model answered has a text"
    if rule.max_share:
        objective = f"at most {percent(rule.max_share, 1)} of replies that no model answered have no text"
    with_text = [one for one in facts.replies if one.ai_error and one.text]
    without = [
        one
        for one in facts.replies
        if (one.outcome == "server_error" and one.code.startswith("AI_")) or (one.ai_error and not one.text)
    ]
    total = len(with_text) + len(without)
    if not total:
        return unasked(rule.name, rule.kind, objective, "no reply lacked a model's answer: break the provider")
    note = ""
    if without:
        note = f"the first at {without[0].at_s:.0f} s: {without[0].code or 'no text'}"
    return AssistantRow(
        name=rule.name,
        kind=rule.kind,
        objective=objective,
        value_text=f"{count(len(with_text))} of {count(total)} have one",
        samples=total,
        bad=len(without),
        status="missed" if len(without) / total > rule.max_share else "held",
        note=note,
    )


def partial(rule: Partial, facts: AssistantFacts) -> AssistantRow:
    """Replies to messages for which a tool failed: with a text, or an error."""
    objective = "every reply for which a tool failed has a text"
    if rule.max_share:
        objective = f"at most {percent(rule.max_share, 1)} of replies for which a tool failed have no text"
    if facts.tools_failed is None:
        why = "assistant_message_action_log could not be read: give a service key or a connection string"
        return unasked(rule.name, rule.kind, objective, why)
    theirs = [one for one in facts.replies if one.message in facts.tools_failed and one.outcome not in NOT_OF_THE_TOOL]
    if not theirs:
        return unasked(rule.name, rule.kind, objective, "no tool failed")
    without = [one for one in theirs if not one.text]
    return AssistantRow(
        name=rule.name,
        kind=rule.kind,
        objective=objective,
        value_text=f"{count(len(theirs) - len(without))} of {count(len(theirs))} have one",
        samples=len(theirs),
        bad=len(without),
        status="missed" if len(without) / len(theirs) > rule.max_share else "held",
        note=f"the first at {without[0].at_s:.0f} s: {without[0].code or 'no text'}" if without else "",
    )


def _in_fault(facts: AssistantFacts, one: Logged) -> bool:
    begun = one.at_s - (one.duration_ms or 0.0) / 1000
    return facts.disturbed(begun, one.at_s, AFTER_S)


def _models(wanted: str | None, seen: Sequence[str]) -> list[str]:
    return [wanted] if wanted is not None else sorted(set(seen))
