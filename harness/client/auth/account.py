"""A signed-in person's tokens on one device, and when they are renewed."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from harness.core.signing_key import signing_key

MINTED_LIFETIME_S = 3600
REFRESH_MARGIN_S = 90.0
"""`getSession` refreshes when less than this remains (contract 1.2)."""


LONGEST_TOKEN = 64 * 1024
"""Characters; servers take lines of 8 to 16 KiB, and each of thousands of phones keeps its own."""


class Account:
    """Session storage of the auth client."""

    def __init__(self, user_id: str, access_token: str, refresh_token: str, expires_at: float) -> None:
        self.user_id = user_id
        self.refreshing = asyncio.Lock()
        self._set(access_token, refresh_token, expires_at)

    @classmethod
    def from_reply(cls, data: Any, now: float) -> Account | None:
        """From a token endpoint's reply at loop time `now`; None when the reply is not usable."""
        try:
            texts = data["user"]["id"], data["access_token"], data["refresh_token"]
            lasts_s = float(data["expires_in"])
        except (KeyError, TypeError, ValueError):
            return None
        # A token goes into a header line, as it is: whatever would end the line, or fit into none, is no token.
        if not all(map(_fits_a_header, texts)) or not math.isfinite(lasts_s):
            return None
        return cls(*texts, now + lasts_s)

    @classmethod
    def minted(cls, user_id: str, email: str, signs_with: str, *, now: float, epoch: float) -> Account:
        """As GoTrue would have signed in, without asking it: for rehearsals that are not about sign-in.

        signs_with: a shared secret, or a signing key as JWK or PEM (`harness.core.signing_key`).
        now: loop time; epoch: the same instant in epoch seconds.
        """
        claims = {
            "aud": "authenticated",
            "role": "authenticated",
            "sub": user_id,
            "email": email,
            "aal": "aal1",
            "iat": int(epoch),
            "exp": int(epoch) + MINTED_LIFETIME_S,
        }
        token = signing_key(signs_with).sign(claims)
        return cls(user_id, token, "", now + MINTED_LIFETIME_S)

    def renew(self, data: Any, now: float) -> bool:
        """Take over a refreshed session; an unusable reply leaves the old one in place and says False."""
        fresh = Account.from_reply(data, now)
        if fresh is not None:
            self.adopt(fresh)
        return fresh is not None

    def adopt(self, fresh: Account) -> None:
        """Go on with another session's tokens."""
        self._set(fresh.access_token, fresh.refresh_token, fresh.expires_at)

    def keep(self) -> tuple[str, str, str, float]:
        """What another one is made with."""
        return self.user_id, self.access_token, self.refresh_token, self.expires_at

    def due(self, now: float) -> bool:
        """Whether the next request refreshes first."""
        return self.expires_at - now < REFRESH_MARGIN_S

    def _set(self, access_token: str, refresh_token: str, expires_at: float) -> None:
        self.access_token = access_token
        self.refresh_token = refresh_token
        self.expires_at = expires_at
        self.authorization = b"authorization: Bearer " + access_token.encode() + b"\r\n"


def _fits_a_header(text: Any) -> bool:
    return type(text) is str and len(text) <= LONGEST_TOKEN and text.isprintable()
