"""Is it shown that whoever loads this deployment may, and now?"""

from __future__ import annotations

from harness.doctor.facts import Facts
from harness.doctor.model import Answer, ok, wrong


def judge(facts: Facts) -> Answer:
    if facts.owned_problem:
        return wrong(facts.owned_problem, facts.owned_remedy)
    return ok(facts.owned)
