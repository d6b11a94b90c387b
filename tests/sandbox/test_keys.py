"""API keys old and new, access tokens signed by the secret or by a signing key: what is taken, and by whom."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
from jwt import PyJWKSet

from sandbox.realtime.access import AccessError, TokenKeys, examine
from sandbox.server import Sandbox, SandboxOptions
from sandbox.switches import Switches
from sandbox.tokens import Keys, TokenError

SECRET = "a-secret-of-at-least-thirty-two-characters"
SETTINGS = "app_settings_meta?select=version&limit=1"


@pytest.fixture(scope="module", params=["ES256", "RS256"])
def modern(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """One with new keys alone, whose tokens a signing key signs."""
    switches = Switches.parse(["api_keys=new", f"token_signing={request.param}"])
    with Sandbox(SandboxOptions(people=4, catalogue=20, switches=switches)) as sandbox:
        yield sandbox


def _key(sandbox: Sandbox, name: str = "anon_key") -> str:
    return str(sandbox.discovery[name])


def _signed_in(sandbox: Sandbox) -> dict[str, Any]:
    people = sandbox.discovery["people"]
    body = {"email": people["email_pattern"].format(index=0), "password": people["password"]}
    reply = httpx.post(f"{sandbox.url}/auth/v1/token?grant_type=password", json=body, headers={"apikey": _key(sandbox)})
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def _read(sandbox: Sandbox, **headers: str) -> int:
    return httpx.get(f"{sandbox.url}/rest/v1/{SETTINGS}", headers=headers).status_code


def test_tokens_hold_by_the_key_set_and_are_taken_everywhere(modern: Sandbox) -> None:
    session = _signed_in(modern)
    token = session["access_token"]
    keys = httpx.get(f"{modern.url}/auth/v1/.well-known/jwks.json").json()
    assert {one["alg"] for one in keys["keys"]} == {"ES256", "RS256"}
    assert not any(name in one for one in keys["keys"] for name in ("d", "p", "q", "k"))
    header = jwt.get_unverified_header(token)
    known = PyJWKSet.from_dict(keys)[header["kid"]]
    assert jwt.decode(token, known, algorithms=[header["alg"]], audience="authenticated")["sub"]
    signed = {"apikey": _key(modern), "authorization": f"Bearer {token}"}
    assert _read(modern, **signed) == 200
    assert httpx.get(f"{modern.url}/auth/v1/user", headers=signed).status_code == 200
    wanted = {"sessionId": str(uuid.uuid4()), "limit": 3}
    deck = httpx.post(f"{modern.url}/functions/v1/media-swipe-deck", headers=signed, json=wanted)
    assert deck.status_code == 200, deck.text
    again = httpx.post(
        f"{modern.url}/auth/v1/token?grant_type=refresh_token",
        json={"refresh_token": session["refresh_token"]},
        headers={"apikey": _key(modern)},
    )
    assert again.status_code == 200


def test_a_new_key_stands_for_its_role_as_apikey_and_as_bearer_beside_itself_only(modern: Sandbox) -> None:
    anon, service = _key(modern), _key(modern, "service_key")
    assert anon.startswith("sb_publishable_")
    assert service.startswith("sb_secret_")
    assert _read(modern, apikey=anon) == _read(modern, apikey=anon, authorization=f"Bearer {anon}") == 200
    assert _read(modern, apikey=anon, authorization=f"Bearer {service}") == 401, "past the gateway with another's role"
    admin = f"{modern.url}/auth/v1/admin/users?per_page=1"
    assert httpx.get(admin, headers={"apikey": service}).status_code == 200
    assert httpx.get(admin, headers={"apikey": service, "authorization": f"Bearer {service}"}).status_code == 200
    assert httpx.get(admin, headers={"apikey": anon, "authorization": f"Bearer {service}"}).status_code == 403


def test_what_was_retired_is_refused(modern: Sandbox) -> None:
    old = Keys(SECRET)
    assert modern.discovery["jwt_secret"] == ""
    assert _read(modern, apikey=old.legacy_anon) == 401
    by_secret = old.access_token("11111111-1111-4111-8111-111111111111", "a@b.test", lifetime_s=60, issuer="t")
    assert _read(modern, apikey=_key(modern), authorization=f"Bearer {by_secret}") == 401
    forged = Keys("another secret of more than thirty-two", "new", "ES256").access_token(
        "11111111-1111-4111-8111-111111111111", "a@b.test", lifetime_s=60, issuer="t"
    )
    assert _read(modern, apikey=_key(modern), authorization=f"Bearer {forged}") == 401


def test_as_shipped_there_are_legacy_keys_alone_and_an_empty_key_set() -> None:
    keys = Keys(SECRET)
    assert keys.accepted == {keys.legacy_anon, keys.legacy_service}
    assert keys.key_set == {"keys": []}
    with pytest.raises(TokenError):
        keys.principal(Keys(SECRET, "new").publishable)


def test_while_both_are_taken_the_secret_still_signs() -> None:
    keys = Keys(SECRET, "both", "ES256")
    assert len(keys.accepted) == 4
    assert keys.principal(keys.secret_key).role == keys.principal(keys.legacy_service).role == "service_role"
    by_secret = Keys(SECRET).access_token("x", "a@b.test", lifetime_s=60, issuer="t")
    assert keys.principal(by_secret).user_id == "x"
    assert keys.principal(keys.access_token("x", "a@b.test", lifetime_s=60, issuer="t")).user_id == "x"
    with pytest.raises(TokenError):  # a public key is no secret: HS256 with it is refused
        keys.principal(jwt.encode({"role": "service_role"}, str(keys.key_set)[:64], algorithm="HS256"))


def test_realtime_takes_what_the_gateway_takes() -> None:
    keys = Keys(SECRET, "new", "ES256")
    (signing, *_) = keys.signing_keys.values()
    known = TokenKeys(
        None, {signing.kid: (signing.verifying, "ES256")}, {keys.publishable: keys.exchanged(keys.publishable)}
    )
    assert examine(keys.publishable, known, time.time()).role == "anon"
    token = keys.access_token("x", "a@b.test", lifetime_s=60, issuer="t")
    assert examine(token, known, time.time()).person == "x"
    with pytest.raises(AccessError, match="Failed to validate JWT signature"):
        examine(Keys(SECRET).access_token("x", "a", lifetime_s=60, issuer="t"), known, time.time())
    foreign = Keys(SECRET * 2, "new", "ES256").access_token("x", "a", lifetime_s=60, issuer="t")
    with pytest.raises(AccessError, match=r"for key ID \(kid\) \"[0-9a-f-]{36}\""):
        examine(foreign, known, time.time())
