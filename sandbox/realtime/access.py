"""Tokens as Realtime checks them, with its own words for each refusal (realtime contract, 1.1, 1.4). (pure)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """What tokens hold by. secret: None where it is revoked. signing: key and algorithm by kid. new: the JWT that the
    gateway puts in place of a new API key, by key."""

    secret: str | None
    signing: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    new: Mapping[str, str] = field(default_factory=dict)


def examine(token: str, keys: TokenKeys | str, now: float) -> TokenClaims:
    """keys: a text is the secret of one that has no other.

    :raises AccessError: when it is malformed, forged, expired or lacks `role` or `exp`."""
    keys = TokenKeys(keys) if isinstance(keys, str) else keys
    if token in keys.new:
        return _claims(token, jwt.decode(keys.new[token], options={"verify_signature": False}), now)
    try:
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError as error:
        raise AccessError("MalformedJWT", "The token provided is not a valid JWT") from error
    algorithm, kid = str(header.get("alg")), str(header.get("kid", ""))
    known, names = keys.signing.get(kid), list(_ALGORITHMS)
    if known is not None and known[1] == algorithm:
        key, names = known[0], [algorithm]
    elif algorithm not in _ALGORITHMS:
        raise _no_signer(algorithm, kid if keys.signing else "")
    elif keys.secret is None:
        raise AccessError("JwtSignatureError", "Failed to validate JWT signature")
    else:
        key = keys.secret
    try:
        jwt.decode(token, key, algorithms=names, options=_SIGNATURE_ONLY)
    except jwt.InvalidTokenError as error:
        raise AccessError("JwtSignatureError", "Failed to validate JWT signature") from error
    return _claims(token, claims, now)


_SIGNATURE_ONLY: Any = {"verify_exp": False, "verify_aud": False, "verify_iat": False, "verify_nbf": False}


def _no_signer(algorithm: str, kid: str) -> AccessError:
    if algorithm.startswith(_ELSEWHERE):
        which = f' for key ID (kid) "{kid}"' if kid else ""
        return AccessError(
            "JwtSignerError", f"Failed to generate JWT signer{which}, check your JWT secret or JWKS configuration"
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
