"""Whether a profile can bring the samples that an SLO asks for, found out before the run. (pure)

Only what is out of reach for certain is refused: sessions that the measure phase plans, times the most that a session
of the persona could plausibly do. Fewer samples than `min_samples` would make the SLO inconclusive whatever the target
does, and the run a waste of time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from harness.core.counted import counted
from harness.core.errors import UsageError
from harness.core.profile import Profile
from harness.core.slo import LatencySlo, Slo
from harness.core.tables import View

DOERS: dict[str, tuple[frozenset[str], int]] = {
    "assistant_reply": (frozenset({"assistant_user"}), 30),
    "conversation_open": (frozenset({"chatter", "assistant_user"}), 10),
    "message_delivery": (frozenset({"chatter", "assistant_user"}), 400),
    "message_send": (frozenset({"chatter", "assistant_user"}), 60),
    "messages_poll": (frozenset({"chatter", "assistant_user"}), 400),
    "onboarding_deck": (frozenset({"newcomer"}), 10),
    "search": (frozenset({"searcher"}), 30),
    "sign_up": (frozenset({"newcomer"}), 3),
    "swipe_batch": (frozenset({"swiper", "commuter"}), 100),
    "swipe_deck": (frozenset({"swiper", "commuter"}), 20),
}
"""What only some personas do: which, and how often in a session at the very most."""
MOST = {View.SERVER: 500, View.E2E: 100, View.DELIVERY: 400}
"""At the very most of anything else in one session."""


@dataclass(frozen=True, slots=True)
class OutOfReach:
    """An SLO whose `min_samples` the profile cannot bring."""

    slo: str
    needed: int
    sessions: float  # that can bring samples, in the measure phase
    measure_s: float | None  # how long the measure phase would have to be; None: no persona of the mix does it

    @property
    def text(self) -> str:
        """One sentence."""
        if self.measure_s is None:
            return f"{self.slo} wants {counted(self.needed, 'sample')}, and no persona of [mix] does any of it"
        return (
            f"{self.slo} wants {counted(self.needed, 'sample')}, and the measure phase plans "
            f"{counted(round(self.sessions), 'session')} that could bring some: too few; "
            f"at this rate it takes measure_s = {math.ceil(self.measure_s):,} or more"
        )


def out_of_reach(profile: Profile, slos: Iterable[Slo]) -> list[OutOfReach]:
    """SLOs that cannot be answered by a run of `profile`, however well everything goes."""
    planned = _sessions(profile)
    found = []
    for slo in slos:
        if slo.view == View.DELIVERY and not profile.realtime:
            continue  # the report says that nothing is delivered
        most, sessions = 0.0, 0.0
        for name in (slo.operation,) if isinstance(slo, LatencySlo) else slo.operations:
            doers, each = DOERS.get(name, (frozenset(profile.mix), MOST[slo.view]))
            mine = planned * sum(share for persona, share in profile.mix.items() if persona in doers)
            most, sessions = most + mine * each, max(sessions, mine)
        if most < slo.min_samples:
            length = profile.phases.measure_s * slo.min_samples / most if most else None
            found.append(OutOfReach(slo.name, slo.min_samples, sessions, length))
    return found


def refuse(profile: Profile, slos: Iterable[Slo], file: str | None) -> None:
    """:raises UsageError: an SLO of a `file` that was asked for by name is out of the profile's reach. The shipped file
    goes with any profile: what of it a short one cannot reach is inconclusive, and said in the report."""
    problems = out_of_reach(profile, slos) if file is not None else []
    if problems:
        raise UsageError(
            "\n".join((f"profile {profile.name} cannot answer:", *(f"  {one.text}" for one in problems))),
            where=str(file),
            remedy="lengthen the profile's phases, raise its rate, or take those SLOs out; nothing has been started",
        )


def _sessions(profile: Profile) -> float:
    """Sessions that the plan has before the end of the measure phase; those of the warm-up may still be open in it."""
    return sum(stage.seconds * (stage.rate + stage.end_rate) / 2 for stage in profile.arrivals)
