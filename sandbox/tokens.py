"""The deployment's API keys and access tokens, in the formats of the platform: GoTrue's JWTs, old keys and new ones.

Old keys are JWTs of the shared secret; new ones (`sb_publishable_`, `sb_secret_`) are opaque words that the gateway
exchanges for a role. Tokens are signed with the shared secret (HS256), or with a signing key whose public half stands
in the key set.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jwt
import orjson

from sandbox.principal import Principal
from sandbox.signing_keys import SigningKey, elliptic, rsa

ROLES = frozenset({"anon", "authenticated", "service_role"})
KEY_ISSUED_AT = 1_700_000_000  # fixed, so that the same secret always gives the same keys
KEY_EXPIRES_AT = 2_300_000_000
NEW_KEY = "sb_"
"""How the new keys begin, both kinds."""
LEGACY, NEW = "legacy", "new"
HS256, ES256, RS256 = "HS256", "ES256", "RS256"


class TokenError(Exception):
    """The token is missing, malformed, forged or expired."""

    def __init__(self, message: str, *, expired: bool = False) -> None:
        super().__init__(message)
        self.expired = expired


@dataclass(frozen=True)
class Keys:
    """Everything that follows from one JWT secret.

    formats: "" (the application as shipped) and legacy: JWT keys alone; new: `sb_` keys alone; both: either.
    signing: of access tokens, "" and HS256: the secret; else a signing key, with the other kind in reserve.
    """

    secret: str
    formats: str = ""
    signing: str = ""

    @cached_property
    def anon(self) -> str:
        """The key that clients are given."""
        return self.publishable if self.formats == NEW else self.legacy_anon

    @cached_property
    def service(self) -> str:
        """The key past row level security."""
        return self.secret_key if self.formats == NEW else self.legacy_service

    @cached_property
    def legacy_anon(self) -> str:
        return self._by_secret({"iss": "supabase", "role": "anon", "iat": KEY_ISSUED_AT, "exp": KEY_EXPIRES_AT})

    @cached_property
    def legacy_service(self) -> str:
        return self._by_secret({"iss": "supabase", "role": "service_role", "iat": KEY_ISSUED_AT, "exp": KEY_EXPIRES_AT})

    @cached_property
    def publishable(self) -> str:
        return f"{NEW_KEY}publishable_{self._word('publishable')}"

    @cached_property
    def secret_key(self) -> str:
        return f"{NEW_KEY}secret_{self._word('secret')}"

    @cached_property
    def public(self) -> frozenset[str]:
        """What is taken for a client's key."""
        return self._taken(self.legacy_anon, self.publishable)

    @cached_property
    def private(self) -> frozenset[str]:
        """What is taken for a server's key."""
        return self._taken(self.legacy_service, self.secret_key)

    @cached_property
    def accepted(self) -> frozenset[str]:
        return self.public | self.private

    @cached_property
    def signing_keys(self) -> Mapping[str, SigningKey]:
        """By kid, the one in use first; none where the secret signs."""
        if self.signing in ("", HS256):
            return {}
        kinds = (elliptic(self.secret), rsa())
        return {key.kid: key for key in sorted(kinds, key=lambda one: one.algorithm != self.signing)}

    @cached_property
    def secret_signs(self) -> bool:
        """Whether a token of the shared secret is taken: it is retired with the old keys, not before."""
        return not self.signing_keys or self.formats != NEW

    @property
    def key_set(self) -> dict[str, Any]:
        """What `/auth/v1/.well-known/jwks.json` shows; a shared secret is never in it."""
        return {"keys": [key.public for key in self.signing_keys.values()]}

    def access_token(
        self,
        user_id: str,
        email: str,
        *,
        lifetime_s: int,
        issuer: str,
        metadata: dict[str, Any] | None = None,
        session_id: str | None = None,
        app_metadata: dict[str, Any] | None = None,
    ) -> str:
        """A signed-in person's access token, valid for `lifetime_s` seconds from now.

        metadata: the person's own claims. session_id: the session it belongs to, default one never opened here.
        app_metadata: the server's claims, default those of a person who signed in with a password.
        """
        now = int(time.time())
        return self._sign(
            {
                "iss": issuer,
                "sub": user_id,
                "aud": "authenticated",
                "role": "authenticated",
                "email": email,
                "session_id": session_id or str(uuid.uuid4()),
                "aal": "aal1",
                "is_anonymous": False,
                "app_metadata": {"provider": "email", "providers": ["email"]} if app_metadata is None else app_metadata,
                "user_metadata": metadata or {},
                "iat": now,
                "exp": now + lifetime_s,
            }
        )

    def principal(
        self, token: str, *, expired: bool = False, forged: bool = False, unsigned: bool = False
    ) -> Principal:
        """Verify signature and expiry; expired, forged, unsigned (seeded defects): take such a token all the same.

        A new key counts as its role.

        :raises TokenError: when either does not hold.
        """
        if token.startswith(NEW_KEY):
            token = self.exchanged(token)
            return _principal(jwt.decode(token, options={"verify_signature": False}))
        forged = forged or (unsigned and _is_unsigned(token))
        checks: Any = {"verify_aud": False, "verify_exp": not expired, "verify_signature": not forged}
        try:
            key, algorithm = self.verifier(jwt.get_unverified_header(token))
            claims = jwt.decode(token, key, algorithms=[algorithm], options=checks)
        except jwt.ExpiredSignatureError as error:
            raise TokenError("JWT expired", expired=True) from error
        except jwt.InvalidTokenError as error:
            raise TokenError(f"invalid JWT: {error}") from error
        return _principal(claims)

    def exchanged(self, key: str) -> str:
        """What the gateway puts in place of a new key: a JWT of its role. :raises TokenError: it is no key of ours."""
        if key not in self.accepted:
            raise TokenError("invalid JWT: not enough segments")
        return self.legacy_service if key in self.private else self.legacy_anon

    def verifier(self, header: Mapping[str, Any]) -> tuple[Any, str]:
        """The key and the algorithm that a token with this header has to hold by.

        :raises jwt.InvalidTokenError: no key of ours signs so.
        """
        signing = self.signing_keys.get(str(header.get("kid", "")))
        if signing is not None and header.get("alg") == signing.algorithm:
            return signing.verifying, signing.algorithm
        if header.get("alg") not in (ES256, RS256) and not self.secret_signs:
            raise jwt.InvalidTokenError("the shared secret is revoked")
        return self.secret, HS256

    def _taken(self, legacy: str, new: str) -> frozenset[str]:
        return frozenset({NEW: {new}, "both": {legacy, new}}.get(self.formats, {legacy}))

    def _word(self, kind: str) -> str:
        """22 characters and a check of 8, as the platform's."""
        drawn = hmac.digest(self.secret.encode(), kind.encode(), "sha256")
        word = base64.urlsafe_b64encode(drawn)[:22].decode().replace("-", "x")
        check = base64.urlsafe_b64encode(hashlib.sha256(word.encode()).digest())[:8].decode().replace("-", "x")
        return f"{word}_{check}"

    def _sign(self, claims: dict[str, Any]) -> str:
        signing = next(iter(self.signing_keys.values()), None)
        return self._by_secret(claims) if signing is None else signing.sign(claims)

    def _by_secret(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self.secret, algorithm=HS256)


def one_key(token: str, key: str) -> str:
    """The bearer token, where a request may have both: a new key is taken for one beside itself only.

    :raises TokenError: another new key stands in its place.
    """
    if token.startswith(NEW_KEY) and token != key:
        raise TokenError("invalid JWT: not enough segments")
    return token


def _principal(claims: dict[str, Any]) -> Principal:
    role = claims.get("role")
    if role not in ROLES:
        raise TokenError(f"unknown role in JWT: {role!r}")
    return Principal(role=role, user_id=claims.get("sub"), claims=orjson.dumps(claims).decode())


def _is_unsigned(token: str) -> bool:
    """Whether its header says that nobody signed it."""
    try:
        return str(jwt.get_unverified_header(token).get("alg")).lower() == "none"
    except jwt.InvalidTokenError:
        return False
