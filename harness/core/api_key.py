"""The keys that open a deployment's gateway: which kind one is, and in which headers it is sent. (pure)

Old keys are JWTs of the project's shared secret, and stand as bearer where nobody is signed in. New ones
(`sb_publishable_`, `sb_secret_`) are no JWTs: they are sent as `apikey` alone, and the gateway puts the role's own
token in place.
"""

from __future__ import annotations

from enum import StrEnum

import jwt

PUBLISHABLE_PREFIX, SECRET_PREFIX = "sb_publishable_", "sb_secret_"


class KeyKind(StrEnum):
    PUBLISHABLE = "publishable key (sb_publishable_)"
    SECRET = "secret key (sb_secret_)"
    ANON = "legacy anon key (JWT)"
    SERVICE = "legacy service_role key (JWT)"
    OTHER = "key of no known kind"

    @property
    def new(self) -> bool:
        """Whether it is none of the JWTs that the platform retires."""
        return self in (KeyKind.PUBLISHABLE, KeyKind.SECRET)

    @property
    def public(self) -> bool:
        """Whether everybody may have it."""
        return self in (KeyKind.PUBLISHABLE, KeyKind.ANON)

    @property
    def private(self) -> bool:
        """Whether it opens everything, past row level security."""
        return self in (KeyKind.SECRET, KeyKind.SERVICE)


def is_new(key: str) -> bool:
    return key.startswith((PUBLISHABLE_PREFIX, SECRET_PREFIX))


def kind_of(key: str) -> KeyKind:
    """By what it says itself; nothing is verified."""
    if key.startswith(PUBLISHABLE_PREFIX):
        return KeyKind.PUBLISHABLE
    if key.startswith(SECRET_PREFIX):
        return KeyKind.SECRET
    role = claims_of(key).get("role")
    return {"anon": KeyKind.ANON, "service_role": KeyKind.SERVICE}.get(str(role), KeyKind.OTHER)


def claims_of(token: str) -> dict[str, object]:
    """A JWT's own words, unverified; nothing where it is none."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def key_headers(key: str) -> dict[str, str]:
    """The headers of a request that nobody signed in makes, or that acts with a key past row level security."""
    return {"apikey": key} if is_new(key) else {"apikey": key, "authorization": f"Bearer {key}"}
