"""What one run hands to every worker process: everything but the secrets. (pure)

The master puts it into a Locust option, which Locust itself copies to the workers with the first spawn message; so
workers on other machines need nothing but the master's address and the secrets in their environment.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from harness.core.phase_window import Window
from harness.core.profile import Profile
from harness.core.sign_in import SignInPace
from harness.core.tables import Phase
from harness.core.wire_limits import WireLimits

ANON_KEY_ENV = "HARNESS_ANON_KEY"
PASSWORD_ENV = "HARNESS_PEOPLE_PASSWORD"
JWT_SECRET_ENV = "HARNESS_JWT_SECRET"
"""Where workers find the secrets. The supervisor fills them from the target's own variables."""


ENDED_BY_SIGNAL, ENDED_BY_SWITCH, ENDED_BY_BUTTON = "interrupted", "the kill switch was pulled", "ended by hand"
"""How the reason begins of a run that somebody ended."""
KILL_FILE = "KILL"
"""In the run directory, whatever is in it: all load ends at once."""
KILL_FILE_ENV = "HARNESS_KILL_FILE"
"""Names another such file, whose path is known before the run."""


class RunSpec(BaseModel):
    """One run, as its workers see it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    run_tag: int  # 32 bits, in every client-made id
    folder: str  # the run directory, on the master's machine
    url: str
    seed: int
    profile: Profile
    email_pattern: str  # with {index}
    user_ids: tuple[str, ...] = ()  # by person's number, where tokens are minted instead of signed in for
    minted_with: str = ""  # in words, for the record; "": nothing is minted
    sign_in_pace: SignInPace | None = None  # of one worker; None: whoever can be minted is
    windows: tuple[Window, ...]
    plan_digest: str = ""  # SHA-256 over the schedule, as in the manifest; empty where nothing is planned
    limits: WireLimits | None = None  # the target's, over all workers; None: it has none, as on loopback
    grace_s: float = 5.0  # for in-flight operations when the run is ended early
    rebalance: bool = False  # whether the other workers take over what a lost one has not begun

    @property
    def schedule_end_s(self) -> float:
        """When the last session may start, seconds since zero."""
        return max(window.end_s for window in self.windows if window.phase is not Phase.DRAIN)

    @property
    def end_s(self) -> float:
        """When drain is over, seconds since zero."""
        return max(window.end_s for window in self.windows)


def windows_of(profile: Profile) -> tuple[Window, ...]:
    """Warm-up, measure and drain, one after the other from zero; empty ones are left out."""
    windows = []
    start = 0.0
    for phase, length in (
        (Phase.WARMUP, profile.phases.warmup_s),
        (Phase.MEASURE, profile.phases.measure_s),
        (Phase.DRAIN, profile.phases.drain_s),
    ):
        if length > 0:
            windows.append(Window(phase=phase, start_s=start, end_s=start + length))
        start += length
    return tuple(windows)
