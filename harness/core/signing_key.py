"""What access tokens are signed with: a project's shared secret (HS256), or a signing key that was imported into it
(ES256, RS256), as PEM or as JWK. (pure)

A signing key only helps where its public half stands in the project's key set: the project takes a token by the `kid`
of its header. A PEM has no `kid`; it is looked up there.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

HS256, ES256, RS256 = "HS256", "ES256", "RS256"
PUBLIC_MEMBERS = {ES256: ("kty", "crv", "x", "y"), RS256: ("kty", "n", "e")}
SHORTEST_RSA_BITS = 2048


class KeyUnusable(ValueError):
    """What was given signs nothing. The text says why, and repeats nothing of it."""


@dataclass(frozen=True)
class SigningKey:
    """One key. kid: "" where it has none. public: its public members, as a key set shows them; none of a secret."""

    algorithm: str
    key: Any = field(repr=False)
    kid: str = ""
    public: Mapping[str, str] = field(default_factory=dict)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """The token. Some 20 us with a secret, 40 us on a curve, 1 ms with RSA."""
        headers = {"kid": self.kid} if self.kid else None
        return jwt.encode(dict(claims), self.key, algorithm=self.algorithm, headers=headers)


@functools.lru_cache(maxsize=8)
def signing_key(text: str) -> SigningKey:
    """A PEM, a JWK, or else a shared secret. :raises KeyUnusable: a PEM or JWK that is none, or of another kind."""
    stripped = text.strip()
    if stripped.startswith("-----BEGIN"):
        return _from_pem(stripped.replace("\\n", "\n"))  # as it has to stand in an .env file, in one line
    if stripped.startswith("{"):
        return _from_jwk(stripped)
    return SigningKey(HS256, text)


def named(text: str, kid: str) -> str:
    """The same signing key as a JWK that has this `kid`."""
    found = signing_key(text)
    algorithm = ECAlgorithm if found.algorithm == ES256 else RSAAlgorithm
    return json.dumps({**algorithm.to_jwk(found.key, as_dict=True), "alg": found.algorithm, "kid": kid})


def kid_in(found: SigningKey, key_set: object) -> str | None:
    """Under which `kid` the project's key set shows this key; None where it does not.

    A key's own `kid` goes before others' that have the same public half.
    """
    keys = key_set.get("keys") if isinstance(key_set, dict) else None
    same = [
        str(one["kid"])
        for one in (keys if isinstance(keys, list) else ())
        if isinstance(one, dict) and "kid" in one and all(one.get(name) == found.public[name] for name in found.public)
    ]
    if not found.public or not same:
        return None
    return found.kid if found.kid in same else same[0]


def kinds_in(key_set: object) -> tuple[str, ...]:
    """The algorithms of a key set, in its order."""
    keys = key_set.get("keys") if isinstance(key_set, dict) else None
    listed = keys if isinstance(keys, list) else ()
    return tuple(dict.fromkeys(str(one.get("alg") or one.get("kty")) for one in listed if isinstance(one, dict)))


def _from_pem(text: str) -> SigningKey:
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError):
        locked = "ENCRYPTED" in text
        raise KeyUnusable(
            "the PEM is locked with a password: openssl pkey -in FILE writes one that is not"
            if locked
            else "the PEM holds no private key that is whole"
        ) from None
    except Exception as error:  # cryptography's own, for curves and formats that it does not know
        raise KeyUnusable(f"the PEM cannot be used ({type(error).__name__})") from None
    return _of(key, "")


def _from_jwk(text: str) -> SigningKey:
    try:
        jwk = json.loads(text)
    except (ValueError, RecursionError):
        raise KeyUnusable("it begins as a JWK and is no JSON") from None
    if jwk.get("kty") == "oct":
        try:
            secret = jwt.algorithms.HMACAlgorithm.from_jwk(text)
        except (jwt.PyJWTError, ValueError, KeyError, TypeError):
            raise KeyUnusable("the JWK of a shared secret has no readable k") from None
        return SigningKey(HS256, secret, str(jwk.get("kid", "")))
    if "d" not in jwk:
        raise KeyUnusable("the JWK has no private half (no member d): a public key signs nothing")
    kind = str(jwk.get("kty"))
    if kind not in ("EC", "RSA"):
        raise KeyUnusable("the JWK is neither of an elliptic curve (P-256) nor of RSA")
    try:
        key = ECAlgorithm.from_jwk(text) if kind == "EC" else RSAAlgorithm.from_jwk(text)
    except (jwt.PyJWTError, ValueError, KeyError, TypeError):
        raise KeyUnusable("the JWK cannot be read as a private key") from None
    return _of(key, str(jwk.get("kid", "")))


def _of(key: object, kid: str) -> SigningKey:
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        jwk = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        return SigningKey(ES256, key, kid, {name: str(jwk[name]) for name in PUBLIC_MEMBERS[ES256]})
    if isinstance(key, RSAPrivateKey) and key.key_size >= SHORTEST_RSA_BITS:
        jwk = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        return SigningKey(RS256, key, kid, {name: str(jwk[name]) for name in PUBLIC_MEMBERS[RS256]})
    raise KeyUnusable("it is neither of the curve P-256 (ES256) nor RSA of 2048 bits or more (RS256)")
