"""Signed download links: a JWT that names one object. Deterministic in its arguments. (pure)"""

from __future__ import annotations

import jwt
from jwt.types import Options

from sandbox.storage.errors import StorageError, invalid

# their time is checked here, against the clock that is given
_UNCHECKED: Options = {"verify_exp": False, "verify_iat": False, "verify_aud": False}


def token(secret: str, path: str, expires_in_s: int, now: int) -> str:
    """path: `bucket/name`; now: epoch seconds."""
    return jwt.encode({"url": path, "iat": now, "exp": now + expires_in_s}, secret, algorithm="HS256")


def check(secret: str, given: str, path: str, now: float) -> None:
    """:raises StorageError: InvalidJWT when forged or over, InvalidSignature when it names another object."""
    try:
        claims = jwt.decode(given, secret, algorithms=["HS256"], options=_UNCHECKED)
    except jwt.InvalidTokenError as error:
        raise invalid("InvalidJWT", _reason(error)) from None
    if not isinstance(claims.get("exp"), int | float) or claims["exp"] <= now:
        raise invalid("InvalidJWT", '"exp" claim timestamp check failed')
    if claims.get("url") != path:
        raise StorageError(400, "InvalidSignature", "The url do not match the signature")


def _reason(error: jwt.InvalidTokenError) -> str:
    return "signature verification failed" if isinstance(error, jwt.InvalidSignatureError) else "jwt malformed"
