"""How people come to be signed in where tokens can be minted: most have a session on their phone, the others use the
form, as many as the target's limiter allows from here; who is beyond that is given a minted token. (pure)

GoTrue counts sign-ins and refreshes of one address together: 150 in five minutes as the platform has it, 30 at once
(contract 1.1). A generator is one address for thousands of people, so the plan's pace leaves a fifth of both unused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from harness.core.counted import counted

STORED_SHARE = 0.975
"""Share of people whom the app finds signed in. An access token lasts an hour, but its refresh token until it is used,
and then the next one (contract 1.1, 1.2): whoever was in once stays in. The form is for the few who come without a
stored session: after a sign-out, on a new phone, from a cleared browser. One in forty is our choice: the contract has
the lifetimes and no figure for that."""
SPARE = 0.8
"""Of what the limiter allows; refreshes and the doctor's questions need some."""


class Entry(StrEnum):
    """How a session came by its tokens."""

    STORED = "stored"  # the app found a session on the phone: minted before anything was sent
    PASSWORD = "password"  # through the form
    PACED = "paced"  # would have used the form, and the limiter's pace had no room: minted
    REFRESHED = "refreshed"  # a refresh that GoTrue was asked for
    MINTED_REFRESH = "minted_refresh"  # a refresh that was minted


class SignInPace(BaseModel):
    """What one worker may ask GoTrue's limiter for. Both 0: nothing, everybody's tokens are minted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stored_share: float = Field(ge=0, le=1)
    per_second: float = Field(ge=0)
    burst: int = Field(ge=0)

    @classmethod
    def of(cls, stored_share: float, per_5_minutes: int, burst: int, workers: int) -> SignInPace:
        """One worker's part of an address' allowance."""
        part = SPARE / max(1, workers)
        return cls(stored_share=stored_share, per_second=per_5_minutes / 300 * part, burst=int(burst * part))


class PaceKeeper:
    """One worker's bucket: `burst` at once, `per_second` afterwards."""

    def __init__(self, pace: SignInPace) -> None:
        self._pace = pace
        self._tokens, self._at = float(pace.burst), 0.0

    def take(self, now: float) -> bool:
        """Whether GoTrue may be asked now, at loop time `now`."""
        pace = self._pace
        if self._at:
            self._tokens = min(float(pace.burst), self._tokens + (now - self._at) * pace.per_second)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def has_stored_session(share: float, seed: int, person: int) -> bool:
    """Whether this person's phone has one when the run begins; the same in every worker."""
    drawn = hashlib.blake2b(f"{seed}:{person}:stored session".encode(), digest_size=8).digest()
    return int.from_bytes(drawn) < share * 2**64


def told(counts: Mapping[str, int], how: str) -> str:
    """What a record says of the sign-ins. how: what tokens are minted with; empty where nothing is."""
    word = {entry: counts.get(entry.value, 0) for entry in Entry}
    if not how:
        return (
            f"sign-ins: nobody's tokens were minted; {counted(word[Entry.PASSWORD], 'time')} somebody asked for "
            f"them with the "
            f"password, {counted(word[Entry.REFRESHED], 'time')} for a refresh"
        )
    text = (
        f"sign-ins: {counted(word[Entry.STORED], 'person', 'people')} had a stored session (minted, {how}), "
        f"{word[Entry.PASSWORD]:,} asked for tokens with their password at the limiter's pace, "
        f"{word[Entry.PACED]:,} more would have and were minted to stay within it"
    )
    if refreshes := word[Entry.REFRESHED] + word[Entry.MINTED_REFRESH]:
        text += f"; of {refreshes:,} refreshes {word[Entry.MINTED_REFRESH]:,} were minted"
    return text
