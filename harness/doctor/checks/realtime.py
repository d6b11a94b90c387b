"""Does Realtime let a phone join?"""

from __future__ import annotations

from harness.doctor.facts import Facts
from harness.doctor.model import Answer, ok, wrong


def judge(facts: Facts) -> Answer:
    if facts.realtime.status == 200:
        return ok("a socket opened, and a channel was joined")
    if not facts.profile.realtime:
        return ok("the profile opens no sockets")
    return wrong(
        f"no channel could be joined: {facts.realtime.shown}",
        "look at Realtime, Settings of the project (enabled? public channels allowed? quota?), or set realtime = false "
        "in the profile",
    )
