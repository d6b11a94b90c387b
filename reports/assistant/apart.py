"""Whether a broken provider costs anybody else anything. (pure)"""

from __future__ import annotations

import math

import pandas as pd

from harness.core.assistant_slo import Isolation
from harness.core.fault_record import ASKS_PROVIDER
from harness.core.outcome import Outcome
from harness.core.tables import View
from reports import endings
from reports.access import SOCKET_END
from reports.assistant.asked import SURE_BAD
from reports.assistant.facts import AssistantFacts
from reports.assistant.model import AssistantRow, unasked
from reports.frames import Frames
from reports.text import count, percent

_BAD = [str(one) for one in (Outcome.SERVER_ERROR, Outcome.TIMEOUT, Outcome.NETWORK, Outcome.GAVE_UP)]
BY_CHANCE = 0.001
"""As many failures as inside of the fault, at the rate outside of it, have to be rarer than that."""


def isolation(rule: Isolation, facts: AssistantFacts, frames: Frames) -> AssistantRow:
    """Every call but the assistant's, while a planned fault broke the provider."""
    objective = f"while the provider is broken at most {percent(rule.max_share, 1)} of any other call fails"
    if not facts.broken:
        return unasked(rule.name, rule.kind, objective, "no fault of the profile breaks the provider")
    others = frames.samples[(frames.samples["view"] == View.SERVER) & (frames.samples["operation"] != ASKS_PROVIDER)]
    inside = pd.Series(False, index=others.index)
    for start, end in facts.broken:
        inside |= (others["second"] >= start) & (others["second"] < end)
    worst: tuple[float, str, int, int] = (0.0, "", 0, 0)
    wrong, looked_at = [], 0
    for name, rows in others[inside].groupby("operation"):
        if name == SOCKET_END or endings.beginning(str(name)):  # nothing but ends: each would be all of them
            continue
        total, bad = _counts(rows)
        looked_at += total
        if total < rule.min_samples:
            continue
        share = bad / total
        worst = max(worst, (share, str(name), bad, total))
        calm_total, calm_bad = _counts(others[~inside & (others["operation"] == name)])
        usual = (calm_bad + 1) / (calm_total + 2)  # one of whom nothing is known fails half the time
        by_chance = _at_least(bad, total, max(usual, rule.max_share))
        if share > rule.max_share and bad >= SURE_BAD and by_chance < BY_CHANCE:
            wrong.append(
                f"{name}: {count(bad)} of {count(total)} failed, outside {count(calm_bad)} of {count(calm_total)}"
            )
    if not looked_at:
        return unasked(rule.name, rule.kind, objective, "nothing else was asked meanwhile")
    return AssistantRow(
        name=rule.name,
        kind=rule.kind,
        objective=objective,
        value_text=f"of {count(looked_at)} calls the worst is {worst[1] or 'none'} with {percent(worst[0], 1)}",
        samples=looked_at,
        bad=len(wrong),
        status="missed" if wrong else "held",
        note="; ".join(wrong),
    )


def _at_least(bad: int, total: int, rate: float) -> float:
    """The chance of so many failures or more. In logarithms: minutes of a fault hold more calls than a float has room
    for ways to choose among them."""
    if bad <= 0 or rate >= 1:
        return 1.0

    def log_of(k: int) -> float:
        ways = math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1)
        return ways + k * math.log(rate) + (total - k) * math.log1p(-rate)

    return min(1.0, math.fsum(math.exp(log_of(k)) for k in range(bad, total + 1)))


def _counts(rows: pd.DataFrame) -> tuple[int, int]:
    return int(rows["count"].sum()), int(rows.loc[rows["outcome"].isin(_BAD), "count"].sum())
