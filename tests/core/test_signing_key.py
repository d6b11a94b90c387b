"""What tokens are signed with, in every form that the platform hands out; and where the project's key set shows it."""

from __future__ import annotations

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from harness.core.api_key import KeyKind, key_headers, kind_of
from harness.core.signing_key import KeyUnusable, kid_in, kinds_in, named, signing_key
from sandbox.signing_keys import elliptic, rsa
from sandbox.tokens import Keys

PAIRS = [elliptic("a seed"), rsa()]
CLAIMS = {"sub": "somebody", "role": "authenticated"}


def _pem(key: object) -> str:
    written: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]
    return written.decode()


@pytest.mark.parametrize("pair", PAIRS, ids=lambda one: one.algorithm)
@pytest.mark.parametrize("form", ["jwk", "pem"])
def test_a_signing_key_is_found_in_the_key_set_and_its_tokens_hold_by_it(pair: object, form: str) -> None:
    assert isinstance(pair, type(PAIRS[0]))
    key_set = {"keys": [one.public for one in PAIRS]}
    text = pair.private if form == "jwk" else _pem(pair.signing)
    found = signing_key(text)
    assert (found.algorithm, found.kid) == (pair.algorithm, pair.kid if form == "jwk" else "")
    assert kid_in(found, key_set) == pair.kid
    again = signing_key(named(text, pair.kid))
    for one in (found, again) if form == "jwk" else (again,):
        token = one.sign(CLAIMS)
        assert jwt.get_unverified_header(token)["kid"] == pair.kid
        known = jwt.PyJWKSet.from_dict(key_set)[pair.kid]
        assert jwt.decode(token, known, algorithms=[pair.algorithm]) == CLAIMS


@pytest.mark.parametrize("pair", PAIRS, ids=lambda one: one.algorithm)
def test_a_pem_in_one_line_is_the_same_key(pair: object) -> None:
    """An .env file, and a Secret that is made of one, has a line for each variable."""
    assert isinstance(pair, type(PAIRS[0]))
    text = _pem(pair.signing)
    assert signing_key(text.replace("\n", "\\n")).public == signing_key(text).public


def test_a_pem_that_is_locked_is_said_to_be() -> None:
    locked = (
        PAIRS[0]
        .signing.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"its password"))
        .decode()
    )
    for text in (locked, locked.replace("\n", "\\n")):
        with pytest.raises(KeyUnusable, match="locked with a password"):
            signing_key(text)
    with pytest.raises(KeyUnusable, match="no private key that is whole"):
        signing_key(_pem(PAIRS[0].signing)[:80])


def test_a_key_that_the_project_does_not_have_is_in_no_key_set() -> None:
    key_set = {"keys": [one.public for one in PAIRS]}
    other = signing_key(elliptic("another seed").private)
    assert kid_in(other, key_set) is None
    assert kid_in(other, {"keys": [{**PAIRS[0].public, "kid": other.kid}]}) is None, "a kid alone proves nothing"
    assert kinds_in(key_set) == ("ES256", "RS256")
    empty: tuple[object, ...] = ({}, {"keys": None}, {"keys": [1, {}]}, [], None)
    for nothing in empty:
        assert kid_in(other, nothing) is None
        assert "ES256" not in kinds_in(nothing)


def test_anything_else_is_a_shared_secret() -> None:
    found = signing_key("a-secret-of-at-least-thirty-two-characters")
    assert (found.algorithm, found.kid, kid_in(found, {"keys": [{"kid": "x"}]})) == ("HS256", "", None)
    token = found.sign(CLAIMS)
    assert jwt.decode(token, "a-secret-of-at-least-thirty-two-characters", algorithms=["HS256"]) == CLAIMS
    octets = jwt.algorithms.HMACAlgorithm.to_jwk("a-secret-of-at-least-thirty-two-characters")
    assert jwt.decode(token, signing_key(octets).key, algorithms=["HS256"]) == CLAIMS


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (json.dumps(PAIRS[0].public), "no private half"),
        (json.dumps({"kty": "OKP", "d": "x"}), "neither of an elliptic curve"),
        (json.dumps({"kty": "oct", "k": 5}), "no readable k"),
        ("{not json", "no JSON"),
        ("-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----", "PEM"),
        (_pem(ec.generate_private_key(ec.SECP384R1())), "neither of the curve P-256"),
        (_pem(Ed25519PrivateKey.generate()), "neither of the curve P-256"),
    ],
    ids=("public", "octets", "number", "no JSON", "no PEM", "P-384", "Ed25519"),
)
def test_what_signs_nothing_says_why_and_repeats_nothing(text: str, why: str) -> None:
    with pytest.raises(KeyUnusable, match=why) as raised:
        signing_key(text)
    assert not text[40:60] or text[40:60] not in str(raised.value)


def test_new_keys_are_sent_as_apikey_alone() -> None:
    keys = Keys("a-secret-of-at-least-thirty-two-characters", "both")
    kinds = [kind_of(one) for one in (keys.publishable, keys.secret_key, keys.legacy_anon, keys.legacy_service, "x.y")]
    assert kinds == [KeyKind.PUBLISHABLE, KeyKind.SECRET, KeyKind.ANON, KeyKind.SERVICE, KeyKind.OTHER]
    assert [one.new for one in kinds] == [True, True, False, False, False]
    assert [one.public for one in kinds] == [True, False, True, False, False]
    for new in (keys.publishable, keys.secret_key):
        assert key_headers(new) == {"apikey": new}
    for old in (keys.legacy_anon, keys.legacy_service):
        assert key_headers(old) == {"apikey": old, "authorization": f"Bearer {old}"}
