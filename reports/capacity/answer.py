"""The answer of a capacity search: an interval with its units, what gave way first, the knee. (pure)

`answer.json` is `CapacityAnswer` as JSON. Rates are per second.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.capacity.search import Capacity, Kind
from harness.capacity.step import Step
from harness.capacity.worth import Worth
from reports.capacity.limiting import NOT_KNOWN
from reports.model import ReportModel
from reports.text import percent


class SideAnswer(ReportModel):
    """Of one deployment."""

    side: str
    target: str
    kind: Kind
    low: float | None  # sessions/s
    high: float | None
    note: str
    requests_low: float | None  # that were sent at these rates
    requests_high: float | None
    worth_low: Worth | None  # of the lower end: what is carried for certain
    worth_high: Worth | None
    first_missed: str  # the objective that gave way first, with its figure
    resource: str
    evidence: str
    knee: float | None  # sessions/s
    knee_note: str
    steps: tuple[Step, ...]
    data_broken: tuple[str, ...] = ()  # rates at which something was lost or doubled

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        who = f"{self.side}: it" if self.side else "It"
        if self.kind == "unknown":
            return f"{who} cannot be told: {self.note}."
        if self.kind == "below":
            return f"{who} carries less than {self.high:.3g} sessions/s; {self.note}."
        sent = f" ({_span(self.requests_low, self.requests_high, ',.0f')} requests/s)" if self.requests_low else ""
        people = f", {self.worth_low.text}" if self.worth_low is not None else ""
        if self.kind == "at least":
            return f"{who} carries at least {self.low:.3g} sessions/s{sent}{people}; {self.note}."
        return f"{who} carries {_span(self.low, self.high, '.3g')} sessions/s{sent}{people}."

    @property
    def first_to_give_way(self) -> str:
        """Objective and resource; empty where nothing failed."""
        if not self.first_missed:
            return ""
        where = f"; what gave way: {self.resource} ({self.evidence})" if self.resource else ""
        return f"{self.first_missed}{where}"


class CapacityAnswer(ReportModel):
    """Of one search."""

    version: int = 1
    profile: str
    sides: tuple[SideAnswer, ...]
    compared: str = ""  # of two deployments: what their intervals say of each other


def _span(low: float | None, high: float | None, form: str) -> str:
    if low is None or high is None or format(low, form) == format(high, form):
        return format(low if low is not None else high or 0.0, form)
    return f"{format(low, form)} to {format(high, form)}"


def side_answer(
    side: str, target: str, steps: Sequence[Step], found: Capacity, worth_low: Worth | None, worth_high: Worth | None
) -> SideAnswer:
    """Put together what one deployment's steps say."""
    missed, resource, evidence = first_to_give_way(steps)
    top, note = knee(steps)
    return SideAnswer(
        side=side,
        target=target,
        kind=found.kind,
        low=found.low,
        high=found.high,
        note=found.note,
        requests_low=requests_at(steps, found.low),
        requests_high=requests_at(steps, found.high),
        worth_low=worth_low,
        worth_high=worth_high,
        first_missed=missed,
        resource=resource,
        evidence=evidence,
        knee=top,
        knee_note=note,
        steps=tuple(steps),
        data_broken=tuple(f"{step.rate:.3g}/s: {step.data_broken}" for step in steps if step.data_broken),
    )


def requests_at(steps: Sequence[Step], rate: float | None) -> float | None:
    """Requests a second that were sent at a rate, mean of its steps."""
    found = [step.requests for step in steps if step.rate == rate and step.requests is not None]
    return sum(found) / len(found) if found else None


def first_to_give_way(steps: Sequence[Step]) -> tuple[str, str, str]:
    """Objective, resource and evidence of the lowest rate that failed: further up everything fails at once. Where
    several steps failed there, or a little above, the resource that most of them name; of those none at all."""
    failed = sorted((step for step in steps if step.word == "fail"), key=lambda step: step.rate)
    if not failed:
        return "", "", ""
    first = failed[0]
    near = [step for step in failed if step.rate <= first.rate * 1.25]
    names = [step.resource for step in near if step.resource and step.resource != NOT_KNOWN]
    resource = max(dict.fromkeys(names), key=names.count) if names else first.resource
    evidence = next((step.evidence for step in near if step.resource == resource), first.evidence)
    if first.missed:
        worst = first.missed[0]
        return f"{worst.name}, {worst.text} of {worst.limit_text} at {first.rate:.3g} sessions/s", resource, evidence
    return f"{first.reason} at {first.rate:.3g} sessions/s", resource, evidence


def knee(steps: Sequence[Step]) -> tuple[float | None, str]:
    """The rate beyond which more load buys less than it costs: where good work a second over latency is highest (the
    "power" of L. Kleinrock, Power and deterministic rules of thumb, ICC 1979). Latency is that of the latency objective
    nearest to its limit, as a share of the limit."""
    powers: dict[float, list[float]] = {}
    for step in steps:
        shares = [
            one.value / one.limit for one in step.figures if one.value and one.limit and one.limit > 1 and one.met
        ]
        if step.good and shares and step.word != "inconclusive":
            powers.setdefault(step.rate, []).append(step.good / max(shares))
    if len(powers) < 3:
        return None, "too few rates were tried"
    means = {rate: sum(found) / len(found) for rate, found in powers.items()}
    best = max(means, key=lambda rate: means[rate])
    if best == max(means):
        return None, f"above {best:.3g} sessions/s, the highest with an answer within its limits"
    return best, "there good work a second, over latency, is highest"


def compared(sides: Sequence[SideAnswer]) -> str:
    """Two deployments by their intervals."""
    if len(sides) != 2:
        return ""
    one, other = sides
    if one.low is None or other.low is None or one.high is None or other.high is None:
        return "The two cannot be compared: one of them has no interval."
    if one.low < other.high and other.low < one.high:
        return f"No difference is shown: the intervals of {one.side} and {other.side} overlap."
    more, less = (one, other) if one.low >= other.high else (other, one)
    assert more.low is not None
    assert more.high is not None
    assert less.low is not None
    assert less.high is not None
    low, high = more.low / less.high - 1, more.high / less.low - 1
    return f"{more.side} carries {percent(low, 0)} to {percent(high, 0)} more than {less.side}."
