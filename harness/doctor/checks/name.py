"""Does the target's name lead where the target file lets it lead?"""

from __future__ import annotations

from harness.doctor.facts import Facts
from harness.doctor.model import Answer, ok, wrong


def judge(facts: Facts) -> Answer:
    if facts.name_problem:
        return wrong(
            facts.name_problem,
            f"getent hosts {facts.target.host}; then correct url in the target file, or say private = true of a host "
            "that belongs to a private network",
        )
    return ok(f"{facts.target.host} is {', '.join(facts.addresses[:4])}")
