"""What the people of one worker do about being signed in, and how often each of it happened."""

from __future__ import annotations

from collections import Counter

from harness.core.sign_in import Entry, PaceKeeper, SignInPace, has_stored_session


class SignIns:
    """One worker's. pace: None where whoever can be minted is, as in a run that is not about sign-ins."""

    def __init__(self, pace: SignInPace | None = None, *, seed: int = 0) -> None:
        self.counts: Counter[str] = Counter()
        self._pace = pace
        self._seed = seed
        self._keeper = None if pace is None else PaceKeeper(pace)

    def stored(self, person: int) -> bool:
        """Whether this person's phone has a session when the run begins."""
        return self._pace is None or has_stored_session(self._pace.stored_share, self._seed, person)

    def may_ask(self, now: float) -> bool:
        """Whether the limiter has room for one more request at loop time `now`; takes it."""
        return self._keeper is not None and self._keeper.take(now)

    def note(self, entry: Entry) -> None:
        self.counts[entry.value] += 1
