"""GoTrue's subset over real HTTP: grants, rotation, logout, sign-up with the application's trigger, the admin API."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg
import httpx
import jwt
import pytest

from sandbox.options import EMAIL_PATTERN
from sandbox.server import Sandbox, SandboxOptions
from tests.plain_http import NO_TLS

VERSION = {"x-supabase-api-version": "2024-01-01"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=6, catalogue=20)) as running:
        yield running


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[httpx.Client]:
    headers = {"apikey": sandbox.discovery["anon_key"], **VERSION}
    with httpx.Client(base_url=f"{sandbox.url}/auth/v1", headers=headers, verify=NO_TLS) as client:
        yield client


@pytest.fixture
def admin(sandbox: Sandbox) -> Iterator[httpx.Client]:
    key = sandbox.discovery["service_key"]
    headers = {"apikey": key, "authorization": f"Bearer {key}", **VERSION}
    with httpx.Client(base_url=f"{sandbox.url}/auth/v1/admin", headers=headers, verify=NO_TLS) as client:
        yield client


def email_of(sandbox: Sandbox, index: int) -> str:
    return str(sandbox.discovery["people"]["email_pattern"].format(index=index))


def sign_in(sandbox: Sandbox, api: httpx.Client, index: int = 1) -> dict[str, Any]:
    body = {"email": email_of(sandbox, index), "password": sandbox.discovery["people"]["password"]}
    reply = api.post("/token?grant_type=password", json={**body, "gotrue_meta_security": {}})
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def bearer(session: dict[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {session['access_token']}"}


def refresh(api: httpx.Client, token: str) -> httpx.Response:
    return api.post("/token?grant_type=refresh_token", json={"refresh_token": token})


def sql(sandbox: Sandbox, statement: str, *arguments: Any) -> Any:
    async def run() -> Any:
        connection = await asyncpg.connect(sandbox.discovery["dsn"])
        try:
            return await connection.fetch(statement, *arguments)
        finally:
            await connection.close()

    # its own thread, so that a running loop of a plugin does not matter
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, run()).result()


def assert_refused(reply: httpx.Response, status: int, code: str) -> None:
    assert (reply.status_code, reply.json().get("code")) == (status, code), reply.text
    assert reply.headers["x-sb-error-code"] == code
    assert reply.json()["message"]


def test_password_grant_gives_a_session_of_the_right_person(sandbox: Sandbox, api: httpx.Client) -> None:
    session = sign_in(sandbox, api)
    secret = sandbox.discovery["jwt_secret"]
    claims = jwt.decode(session["access_token"], secret, algorithms=["HS256"], audience="authenticated")
    assert claims["sub"] == session["user"]["id"]
    assert claims["exp"] == session["expires_at"]
    assert session["expires_in"] == 3600
    assert session["token_type"] == "bearer"
    assert session["user"]["email"] == email_of(sandbox, 1)
    assert session["user"]["user_metadata"]["onboarded"] is True
    user = api.get("/user", headers=bearer(session))
    assert user.json()["id"] == claims["sub"]
    assert user.json()["last_sign_in_at"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"email": EMAIL_PATTERN.format(index=1), "password": "wrong"}, "invalid_credentials"),
        ({"email": "nobody@people.sandbox.test", "password": "wrong"}, "invalid_credentials"),
        ({"password": "wrong"}, "validation_failed"),
        ({"email": EMAIL_PATTERN.format(index=1)}, "validation_failed"),
    ],
)
def test_bad_passwords_are_refused(api: httpx.Client, body: dict[str, str], code: str) -> None:
    assert_refused(api.post("/token?grant_type=password", json=body), 400, code)


def test_bad_bodies_and_grants(api: httpx.Client) -> None:
    assert_refused(api.post("/token?grant_type=password", content=b"{"), 400, "bad_json")
    assert_refused(api.post("/token?grant_type=magic", json={}), 400, "invalid_credentials")
    assert_refused(refresh(api, "nonsense"), 400, "refresh_token_not_found")


def test_callers_without_a_version_get_the_older_error_shape(api: httpx.Client) -> None:
    del api.headers["x-supabase-api-version"]
    reply = refresh(api, "nonsense")
    assert reply.json()["code"] == 400
    assert reply.json()["error_code"] == "refresh_token_not_found"


@pytest.mark.parametrize("headers", [{}, {"apikey": "x"}])
def test_the_gateway_wants_an_api_key(sandbox: Sandbox, headers: dict[str, str]) -> None:
    reply = httpx.post(f"{sandbox.url}/auth/v1/token?grant_type=password", json={}, headers=headers)
    assert reply.status_code == 401
    assert "message" in reply.json()
    assert "hint" in reply.json()


def test_refresh_rotates_within_one_session(sandbox: Sandbox, api: httpx.Client) -> None:
    first = sign_in(sandbox, api)
    second = refresh(api, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    sessions = {
        jwt.decode(session["access_token"], options={"verify_signature": False})["session_id"]
        for session in (first, second)
    }
    assert len(sessions) == 1


def test_a_lost_refresh_reply_can_be_asked_for_again(sandbox: Sandbox, api: httpx.Client) -> None:
    first = sign_in(sandbox, api)
    second = refresh(api, first["refresh_token"]).json()
    again = refresh(api, first["refresh_token"])
    assert again.status_code == 200
    assert again.json()["refresh_token"] == second["refresh_token"]


def test_a_used_refresh_token_works_for_ten_more_seconds(sandbox: Sandbox, api: httpx.Client) -> None:
    first = sign_in(sandbox, api)
    second = refresh(api, first["refresh_token"]).json()
    refresh(api, second["refresh_token"])
    again = refresh(api, first["refresh_token"])
    assert again.status_code == 200
    assert again.json()["refresh_token"] not in (first["refresh_token"], second["refresh_token"])


def test_late_reuse_is_refused_and_ends_the_family(sandbox: Sandbox, api: httpx.Client) -> None:
    first = sign_in(sandbox, api)
    second = refresh(api, first["refresh_token"]).json()
    third = refresh(api, second["refresh_token"]).json()
    aged = "update auth.refresh_tokens set updated_at = now() - interval '11 seconds' where token = $1"
    sql(sandbox, aged, first["refresh_token"])
    assert_refused(refresh(api, first["refresh_token"]), 400, "refresh_token_already_used")
    sql(sandbox, aged, third["refresh_token"])
    assert_refused(refresh(api, third["refresh_token"]), 400, "refresh_token_already_used")


@pytest.mark.parametrize(("scope", "own", "other"), [("global", 403, 403), ("local", 403, 200), ("others", 200, 403)])
def test_logout_ends_the_sessions_of_its_scope(
    sandbox: Sandbox, api: httpx.Client, scope: str, own: int, other: int
) -> None:
    mine, elsewhere = sign_in(sandbox, api, 2), sign_in(sandbox, api, 2)
    assert api.post(f"/logout?scope={scope}", headers=bearer(mine)).status_code == 204
    assert api.get("/user", headers=bearer(mine)).status_code == own
    assert api.get("/user", headers=bearer(elsewhere)).status_code == other
    expected = {403: 400, 200: 200}
    assert refresh(api, mine["refresh_token"]).status_code == expected[own]
    assert refresh(api, elsewhere["refresh_token"]).status_code == expected[other]


def test_an_ended_session_is_no_session_for_edge_functions(sandbox: Sandbox, api: httpx.Client) -> None:
    session = sign_in(sandbox, api)
    url = f"{sandbox.url}/functions/v1/media-swipe-event"
    assert httpx.post(url, json={"items": []}, headers=bearer(session)).status_code == 200
    api.post("/logout?scope=local", headers=bearer(session))
    reply = httpx.post(url, json={"items": []}, headers=bearer(session))
    assert (reply.status_code, reply.json()["code"]) == (401, "INVALID_SESSION")


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [(None, 401, "no_authorization"), ("Bearer x.y.z", 403, "bad_jwt"), ("Basic abc", 401, "no_authorization")],
)
def test_user_needs_a_token(api: httpx.Client, header: str | None, status: int, code: str) -> None:
    headers = {"authorization": header} if header else {}
    assert_refused(api.get("/user", headers=headers), status, code)


def test_a_person_changes_their_metadata_and_password(sandbox: Sandbox, api: httpx.Client, admin: httpx.Client) -> None:
    email = f"c{uuid.uuid4().hex[:12]}@people.sandbox.test"
    body = {"email": email, "password": "first pass", "email_confirm": True, "user_metadata": {"a": 1, "b": 2}}
    assert admin.post("/users", json=body).status_code == 200
    session = api.post("/token?grant_type=password", json=body).json()
    changed = api.put("/user", headers=bearer(session), json={"data": {"onboarded": True, "a": None}})
    assert changed.json()["user_metadata"] == {"b": 2, "onboarded": True}
    weak = api.put("/user", headers=bearer(session), json={"password": "short"})
    assert_refused(weak, 422, "weak_password")
    assert api.put("/user", headers=bearer(session), json={"password": "second pass"}).status_code == 200
    assert_refused(api.post("/token?grant_type=password", json=body), 400, "invalid_credentials")
    body["password"] = "second pass"
    assert api.post("/token?grant_type=password", json=body).status_code == 200


def test_sign_up_fires_the_applications_trigger(sandbox: Sandbox, api: httpx.Client) -> None:
    local = f"s{uuid.uuid4().hex[:12]}"
    body = {"email": f"{local.upper()}@people.sandbox.test", "password": "long enough", "data": {"username": "u"}}
    reply = api.post("/signup", json=body)
    assert reply.status_code == 200, reply.text
    user_id = reply.json()["user"]["id"]
    rows = sql(sandbox, "select username from public.profiles where id = $1", user_id)
    assert [row["username"] for row in rows] == [f"{local}_{user_id[:8]}"]
    assert_refused(api.post("/signup", json=body), 422, "user_already_exists")


def test_a_refusing_trigger_fails_the_whole_sign_up(sandbox: Sandbox, api: httpx.Client) -> None:
    body = {"email": f"a.b{uuid.uuid4().hex[:6]}@people.sandbox.test", "password": "long enough"}
    reply = api.post("/signup", json=body)
    assert_refused(reply, 500, "unexpected_failure")
    assert reply.json()["message"] == "Database error saving new user"
    assert not sql(sandbox, "select 1 from auth.users where email = $1", body["email"])


def test_sign_up_checks_its_input(api: httpx.Client) -> None:
    assert_refused(api.post("/signup", json={"email": "no", "password": "long enough"}), 400, "validation_failed")
    assert_refused(api.post("/signup", json={"email": "a@b.test"}), 400, "validation_failed")
    assert_refused(api.post("/signup", json={"email": "a@b.test", "password": "12345"}), 422, "weak_password")


def test_the_rest_of_the_public_surface(api: httpx.Client) -> None:
    assert api.post("/recover", json={"email": "who@ever.test"}).json() == {}
    assert api.get("/.well-known/jwks.json").json() == {"keys": []}
    assert api.get("/health").json()["name"] == "GoTrue"
    assert api.get("/settings").json()["external"]["email"] is True


def test_admin_life_of_a_person(sandbox: Sandbox, api: httpx.Client, admin: httpx.Client) -> None:
    identifier, email = str(uuid.uuid4()), f"v{uuid.uuid4().hex[:12]}@people.sandbox.test"
    body = {
        "id": identifier,
        "email": email,
        "password": "made by admin",
        "email_confirm": True,
        "user_metadata": {"onboarded": True},
        "app_metadata": {"tag": "run-1"},
    }
    made = admin.post("/users", json=body)
    assert made.json()["id"] == identifier
    assert made.json()["app_metadata"]["tag"] == "run-1"
    assert_refused(admin.post("/users", json=body), 422, "email_exists")
    put = admin.put(f"/users/{identifier}", json={"user_metadata": {"x": 1}})
    assert put.json()["user_metadata"] == {"onboarded": True, "x": 1}
    assert admin.put(f"/users/{identifier}", json={"ban_duration": "1h"}).status_code == 200
    assert_refused(api.post("/token?grant_type=password", json=body), 400, "user_banned")
    assert admin.delete(f"/users/{identifier}").status_code == 200
    assert_refused(admin.get(f"/users/{identifier}"), 404, "user_not_found")
    assert not sql(sandbox, "select 1 from public.profiles where id = $1", uuid.UUID(identifier))


def test_admin_pages_through_everybody(sandbox: Sandbox, admin: httpx.Client) -> None:
    first = admin.get("/users?page=1&per_page=2")
    total = int(first.headers["x-total-count"])
    assert total >= 6
    pages = -(-total // 2)
    assert (
        f'page=2&per_page=2>; rel="next", </admin/users?page={pages}&per_page=2>; rel="last"' in first.headers["link"]
    )
    seen = [
        user["id"]
        for page in range(1, pages + 1)
        for user in admin.get(f"/users?page={page}&per_page=2").json()["users"]
    ]
    assert len(set(seen)) == total
    assert 'rel="next"' not in admin.get(f"/users?page={pages}&per_page=2").headers["link"]


def test_admin_needs_the_service_key(sandbox: Sandbox, api: httpx.Client) -> None:
    assert_refused(api.get("/admin/users"), 401, "no_authorization")
    assert_refused(api.get("/admin/users", headers=bearer(sign_in(sandbox, api))), 403, "not_admin")
    anon = {"authorization": f"Bearer {sandbox.discovery['anon_key']}"}
    assert_refused(api.post("/admin/users", headers=anon, json={}), 403, "not_admin")


def test_an_unconfirmed_person_cannot_sign_in(api: httpx.Client, admin: httpx.Client) -> None:
    body = {"email": f"n{uuid.uuid4().hex[:12]}@people.sandbox.test", "password": "not confirmed"}
    assert admin.post("/users", json=body).status_code == 200
    assert_refused(api.post("/token?grant_type=password", json=body), 400, "email_not_confirmed")
