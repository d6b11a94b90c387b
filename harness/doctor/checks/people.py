"""Are there as many people of ours as the profile needs?"""

from __future__ import annotations

from harness.doctor.facts import Facts
from harness.doctor.model import Answer, ok, unasked, wrong


def judge(facts: Facts) -> Answer:
    needed, found = facts.profile.people, facts.people_found
    if facts.people_problem:
        return wrong(
            f"they cannot be counted: {facts.people_problem}",
            "look at the project's Auth logs; then harness users provision --target FILE --count 1",
        )
    if found is None:
        return unasked("they are counted with the service key, which the target file does not name")
    if found < needed:
        return wrong(
            f"the profile needs {needed:,}, {found:,} of them are there",
            f"harness users provision --target FILE --count {needed}",
        )
    return ok(f"{found:,} of {needed:,} are there")
