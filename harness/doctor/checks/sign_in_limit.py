"""Is there room for the plan's sign-ins under the limiter of this machine's address?"""

from __future__ import annotations

import math

from harness.core.counted import counted
from harness.doctor.facts import Facts
from harness.doctor.model import Answer, ok, wrong

REMEDY = (
    "name keys.signing_key_env (with keys.service_env) to mint tokens, or raise Authentication, Rate limits, token "
    "refreshes, and say so in [sign_in] of the target file"
)


def needed(facts: Facts) -> int:
    """Sign-ins of a run whose tokens are not minted: every person's first session."""
    sessions = math.fsum(stage.seconds * (stage.rate + stage.end_rate) / 2 for stage in facts.profile.arrivals)
    return min(facts.profile.people, math.ceil(sessions))


def allowed(facts: Facts) -> int:
    """How many the limiter of the target file lets one address make while sessions start."""
    limiter = facts.target.sign_in
    return limiter.burst + int(limiter.per_5_minutes / 300 * facts.profile.phases.end_s)


def judge(facts: Facts) -> Answer:
    if facts.sign_in is not None and facts.sign_in.status == 429:
        return wrong("GoTrue refused a single sign-in from this address (429): its limit is used up", REMEDY)
    if facts.minting:
        share = facts.profile.stored_sessions
        return ok(f"{share:.1%} of the people have a stored session (minted), the others ask at the limiter's pace")
    if facts.limited_after is not None:
        return wrong(
            f"the plan signs {counted(needed(facts), 'person', 'people')} in while the limiter lets one address "
            f"make {allowed(facts):,} of "
            f"them; GoTrue answered 429 at request {facts.limited_after}",
            REMEDY,
        )
    if needed(facts) > allowed(facts) and not facts.limiter_asked:
        return wrong(
            f"the plan signs {counted(needed(facts), 'person', 'people')} in, "
            f"the limiter as [sign_in] has it allows {allowed(facts):,}",
            REMEDY,
        )
    if facts.limiter_asked:
        return ok(
            f"no limit met in {counted(facts.limiter_asked, 'request')} at once, for {needed(facts):,} planned sign-ins"
        )
    return ok(f"{needed(facts):,} planned sign-ins, and room for {allowed(facts):,}")
