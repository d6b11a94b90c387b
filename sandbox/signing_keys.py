"""Signing keys of access tokens: an elliptic curve's and RSA's, with their public halves as a key set shows them."""

from __future__ import annotations

import functools
import hashlib
import hmac
import uuid
from dataclasses import dataclass, field
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import rsa as rsa_keys
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

_ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_RSA_BITS = 2048


@dataclass(frozen=True)
class SigningKey:
    """One pair. public: its JWK in the key set. private: its whole JWK as JSON, as the platform lets one import it."""

    algorithm: str
    kid: str
    signing: Any = field(repr=False)
    verifying: Any = field(repr=False)
    public: dict[str, Any]
    private: str = field(repr=False)

    def sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self.signing, algorithm=self.algorithm, headers={"kid": self.kid})


def elliptic(seed: str) -> SigningKey:
    """ES256; the same seed always gives the same key."""
    drawn = int.from_bytes(hmac.digest(seed.encode(), b"signing key", "sha512"))
    key = ec.derive_private_key(drawn % (_ORDER_P256 - 1) + 1, ec.SECP256R1())
    return _pair("ES256", key, ECAlgorithm.to_jwk(key, as_dict=True), ("d",))


@functools.cache
def rsa() -> SigningKey:
    """RS256; this process's."""
    key = rsa_keys.generate_private_key(65_537, _RSA_BITS)
    return _pair("RS256", key, RSAAlgorithm.to_jwk(key, as_dict=True), ("d", "p", "q", "dp", "dq", "qi"))


def _pair(algorithm: str, key: Any, jwk: dict[str, Any], hidden: tuple[str, ...]) -> SigningKey:
    shown = {name: value for name, value in jwk.items() if name not in (*hidden, "key_ops", "use")}
    kid = str(
        uuid.UUID(bytes=hashlib.sha256(orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)).digest()[:16], version=4)
    )
    named = {"alg": algorithm, "kid": kid, "ext": True}
    public = {**shown, **named, "use": "sig", "key_ops": ["verify"]}
    private = orjson.dumps({**shown, **{name: jwk[name] for name in hidden}, **named, "key_ops": ["sign"]}).decode()
    return SigningKey(algorithm, kid, key, key.public_key(), public, private)
