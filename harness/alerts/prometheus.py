"""A rule file for Prometheus: recording rules and alerts, in YAML. (pure)"""

from __future__ import annotations

import json
from collections.abc import Iterator

from harness.alerts.burn_rates import BURN_RATES, WINDOWS, BurnRate
from harness.alerts.database import rules
from harness.alerts.queries import Promise
from harness.core.slo import DatabaseLimits

HEAD = """\
# Written by `harness slo export --prometheus`. The promises of an SLO file, watched in a running system.
# Recording rules and burn rates: "The Site Reliability Workbook", chapter 5. docs/alerts.md says which metrics
# have to be there.
"""


def render(promises: list[Promise], left: list[str], limits: DatabaseLimits | None) -> str:
    """left: promises that cannot be watched, as comments."""
    lines = [HEAD + "".join(f"# Not watched: {_comment(why)}\n" for why in left) + "groups:"]
    for promise in promises:
        lines += _group(promise)
    lines += ["  - name: database", "    rules:"]
    for rule in rules(limits):
        kind = "alert" if rule.for_ else "record"
        lines += [f"      - {kind}: {rule.name}", f"        expr: {_text(rule.expr)}"]
        if rule.for_:
            lines += _tail(rule.for_, {"severity": rule.severity}, rule.summary, rule.look_at)
    return "\n".join(lines) + "\n"


def _group(promise: Promise) -> Iterator[str]:
    yield f"  # {_comment(promise.text)}"
    if promise.unseen:
        yield f"  # {_comment(promise.unseen)}"
    yield f"  - name: slo-{promise.id}"
    yield "    rules:"
    for window in WINDOWS:
        yield f"      - record: {_series(window)}"
        yield f"        expr: {_text(f'{promise.bad} / {promise.total}'.replace('$window', window))}"
        yield f"        labels: {{slo: {_text(promise.id)}}}"
    for burn in BURN_RATES:
        threshold = burn.threshold(promise.budget)
        if threshold is None:
            yield f"      # a burn rate of {burn.rate:g} would take more than everything being bad"
            continue
        yield f"      - alert: SloBurn{burn.severity.capitalize()}{burn.long}"
        yield f"        expr: {_text(_burning(promise, burn, threshold))}"
        yield from _tail(
            "",
            {"severity": burn.severity, "slo": promise.id},
            f"{promise.name}: burns its budget at {burn.rate:g} times the even pace ({burn.long} and {burn.short})",
            f"{promise.text}; {burn.spent * 100:g} % of the month's budget is gone",
        )
    if promise.sustained_s is not None:
        yield "      - alert: SloSustained"
        over = f"{_of(promise, WINDOWS[0])} > {promise.budget:g}"
        yield f"        expr: {_text(over)}"
        yield from _tail(
            f"{promise.sustained_s:.0f}s",
            {"severity": "page", "slo": promise.id},
            f"{promise.name}: over its limit for {promise.sustained_s / 60:g} minutes",
            promise.text,
        )


def _burning(promise: Promise, burn: BurnRate, threshold: float) -> str:
    return " and ".join(f"{_of(promise, window)} > {threshold:g}" for window in (burn.long, burn.short))


def _tail(for_: str, labels: dict[str, str], summary: str, description: str) -> Iterator[str]:
    if for_:
        yield f"        for: {for_}"
    yield f"        labels: {{{', '.join(f'{key}: {_text(value)}' for key, value in labels.items())}}}"
    yield "        annotations:"
    yield f"          summary: {_text(_literal(summary))}"
    yield f"          description: {_text(_literal(description))}"


def _series(window: str) -> str:
    return f"slo:bad_ratio:rate{window}"


def _of(promise: Promise, window: str) -> str:
    return f'{_series(window)}{{slo="{promise.id}"}}'


def _text(value: str) -> str:
    """A JSON string is a YAML scalar."""
    return json.dumps(value, ensure_ascii=False)


def _literal(value: str) -> str:
    """An annotation is a template of Go; what opens an action is one that prints it."""
    return value.replace("{{", '{{ "{{" }}')


def _comment(value: str) -> str:
    return " ".join(value.split())
