"""The second place where a page keeps the access token, for edge functions only, with its three defects. (pure)

Contract 1.2, as shipped:

A  The first edge call of every page load fills the store, then dies on a programming error: nothing is sent.
B  The store never hears of a sign-in. Filled while signed out it stays empty until the next page load, and every call
   that insists on a signed-in person is refused on the phone (`AUTH_REQUIRED`), nothing is sent.
C  It never hears of a refresh either: it goes on with the old token until 30 s before that one's end, then forces a
   refresh of its own, so that a page refreshes about twice per token lifetime.
"""

from __future__ import annotations

from enum import Enum

from harness.client.auth.account import Account

FORCED_MARGIN_S = 30.0


class EdgeRefusal(Enum):
    """Why a call never left the phone; the text is what the app's own error says."""

    FIRST_CALL = "TYPE_ERROR"
    AUTH_REQUIRED = "AUTH_REQUIRED"


class EdgeStore:
    """One page load's. `authorization` is the header line of the token it holds; None while it holds none."""

    __slots__ = ("_filled", "authorization", "expires_at")

    def __init__(self) -> None:
        self._filled = False
        self.authorization: bytes | None = None
        self.expires_at = 0.0

    def admit(self, account: Account | None, *, require_auth: bool) -> EdgeRefusal | None:
        """Before an edge call of a page where `account` is signed in: whether, and why, it is not sent."""
        if not self._filled:
            self._filled = True
            if account is not None:
                self.take(account)
            return EdgeRefusal.FIRST_CALL
        if require_auth and self.authorization is None:
            return EdgeRefusal.AUTH_REQUIRED
        return None

    def due(self, now: float) -> bool:
        """Whether the next edge call has to force a refresh first; `now` in the account's seconds."""
        return self.authorization is not None and self.expires_at - now <= FORCED_MARGIN_S

    def take(self, account: Account) -> None:
        """The tokens of a refresh that this store asked for itself."""
        self.authorization = account.authorization
        self.expires_at = account.expires_at
