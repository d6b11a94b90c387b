"""Can the database be read and observed, where the target file names it?"""

from __future__ import annotations

from harness.doctor.facts import Facts
from harness.doctor.model import Answer, ok, unasked, wrong


def judge(facts: Facts) -> Answer:
    fact = facts.database
    if fact is None:
        return unasked("the target file names none (keys.dsn_env); what is stored is read through PostgREST")
    if fact.problem:
        return wrong(
            f"it cannot be used: {fact.problem}",
            f"psql \"${facts.target.keys.dsn_env}\" -c 'select 1'; a paused project, a pooler's port, or a password?",
        )
    if fact.lacking:
        return wrong("its role may not do all that is needed", f"as an owner: {' '.join(fact.lacking)}")
    return ok("it answers, and its role may read and observe")
