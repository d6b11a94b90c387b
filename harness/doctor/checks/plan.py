"""Is the plan within what the target file allows?"""

from __future__ import annotations

from harness.doctor.facts import Facts
from harness.doctor.model import Answer, ok, wrong


def judge(facts: Facts) -> Answer:
    if facts.permit_problem:
        return wrong(facts.permit_problem, facts.permit_remedy)
    peak = facts.peak
    assert peak is not None  # made with the facts
    return ok(
        f"at most {peak.requests_per_second:,.0f} requests/s, {peak.connections_per_second:,.0f} new connections/s, "
        f"{peak.phones:,} phones, {peak.sockets:,} sockets"
    )
