"""Tokens as Realtime checks them, with its own words for each refusal (realtime contract, 1.1, 1.4). (pure)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jwt
import orjson

_ALGORITHMS = ("HS256", "HS384", "HS512")
_ELSEWHERE = ("RS", "ES", "Ed")


class AccessError(Exception):
    """A token that is refused. code: the join error's prefix; the text: what a refused upgrade or a notice says."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def reason(self) -> str:
        """As a join's error reply says it."""
        return f"{self.code}: {self}"


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """A token that holds. claims: the payload as JSON text; expires_at: Unix time."""

    token: str
    role: str
    person: str | None
    claims: str
    expires_at: float


def examine(token: str, secret: str, now: float) -> TokenClaims:
    """:raises AccessError: when it is malformed, forged, expired or lacks `role` or `exp`."""
    try:
        algorithm = str(jwt.get_unverified_header(token).get("alg"))
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError as error:
        raise AccessError("MalformedJWT", "The token provided is not a valid JWT") from error
    if algorithm not in _ALGORITHMS:
        raise _no_signer(algorithm)
    try:
        jwt.decode(token, secret, algorithms=list(_ALGORITHMS), options=_SIGNATURE_ONLY)
    except jwt.InvalidTokenError as error:
        raise AccessError("JwtSignatureError", "Failed to validate JWT signature") from error
    return _claims(token, claims, now)


_SIGNATURE_ONLY: Any = {"verify_exp": False, "verify_aud": False, "verify_iat": False, "verify_nbf": False}


def _no_signer(algorithm: str) -> AccessError:
    if algorithm.startswith(_ELSEWHERE):
        return AccessError(
            "JwtSignerError", "Failed to generate JWT signer, check your JWT secret or JWKS configuration"
        )
    return AccessError("MalformedJWT", "The token provided is not a valid JWT")


def _claims(token: str, claims: dict[str, Any], now: float) -> TokenClaims:
    role, expires_at = claims.get("role"), claims.get("exp")
    if not isinstance(role, str) or expires_at is None:
        raise AccessError("InvalidJWTToken", "Fields `role` and `exp` are required in JWT")
    if not isinstance(expires_at, int | float):
        raise AccessError("InvalidJWTToken", "Token expiration time is invalid")
    if expires_at <= now:
        raise AccessError("InvalidJWTToken", expired(expires_at, now))
    person = claims.get("sub")
    return TokenClaims(
        token, role, person if isinstance(person, str) else None, orjson.dumps(claims).decode(), float(expires_at)
    )


def expired(expires_at: float, now: float) -> str:
    """What a notice says of a token that is over."""
    return f"Token has expired {max(0, int(now - expires_at))} seconds ago"
