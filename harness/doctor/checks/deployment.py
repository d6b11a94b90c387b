"""Is what answers there the app's deployment?"""

from __future__ import annotations

from harness.doctor.facts import Facts
from harness.doctor.model import Answer, ok, wrong


def judge(facts: Facts) -> Answer:
    where = f"{facts.target.url}/auth/v1/health"
    if not facts.health.status:
        return wrong(facts.health.shown, f"curl -i {where}; is the project paused, or a VPN missing?")
    if facts.foreign and facts.health.status >= 500:
        return wrong(facts.foreign, f"curl -i {where}; is the project paused (540), restoring, or overloaded?")
    if facts.foreign:
        return wrong(facts.foreign, f"curl -i {where}; url has to be the project's own address")
    return ok("Supabase answers")
