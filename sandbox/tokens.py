"""The deployment's keys and access tokens: HS256 JWTs in GoTrue's shape."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jwt
import orjson

from sandbox.principal import Principal

ROLES = frozenset({"anon", "authenticated", "service_role"})
KEY_ISSUED_AT = 1_700_000_000  # fixed, so that the same secret always gives the same keys
KEY_EXPIRES_AT = 2_300_000_000


class TokenError(Exception):
    """The token is missing, malformed, forged or expired."""

    def __init__(self, message: str, *, expired: bool = False) -> None:
        super().__init__(message)
        self.expired = expired


@dataclass(frozen=True)
class Keys:
    """Everything that follows from one JWT secret."""

    secret: str

    @cached_property
    def anon(self) -> str:
        return self._sign({"iss": "supabase", "role": "anon", "iat": KEY_ISSUED_AT, "exp": KEY_EXPIRES_AT})

    @cached_property
    def service(self) -> str:
        return self._sign({"iss": "supabase", "role": "service_role", "iat": KEY_ISSUED_AT, "exp": KEY_EXPIRES_AT})

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

        :raises TokenError: when either does not hold.
        """
        forged = forged or (unsigned and _is_unsigned(token))
        checks: Any = {"verify_aud": False, "verify_exp": not expired, "verify_signature": not forged}
        try:
            claims = jwt.decode(token, self.secret, algorithms=["HS256"], options=checks)
        except jwt.ExpiredSignatureError as error:
            raise TokenError("JWT expired", expired=True) from error
        except jwt.InvalidTokenError as error:
            raise TokenError(f"invalid JWT: {error}") from error
        role = claims.get("role")
        if role not in ROLES:
            raise TokenError(f"unknown role in JWT: {role!r}")
        return Principal(role=role, user_id=claims.get("sub"), claims=orjson.dumps(claims).decode())

    def _sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self.secret, algorithm="HS256")


def _is_unsigned(token: str) -> bool:
    """Whether its header says that nobody signed it."""
    try:
        return str(jwt.get_unverified_header(token).get("alg")).lower() == "none"
    except jwt.InvalidTokenError:
        return False
