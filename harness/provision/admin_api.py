"""GoTrue's admin API with a service key: users listed, created and deleted. Nothing that it answers is trusted.

Protocol: Supabase Auth, `GET|POST /auth/v1/admin/users` and `DELETE /auth/v1/admin/users/{id}`, API version 2024-01-01;
refusals of older versions are understood too.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar
from uuid import UUID

import httpx
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from harness.core.api_key import key_headers
from harness.core.errors import TargetError
from harness.core.secret_filter import WORDS
from harness.core.visible import visible
from harness.egress import web
from harness.egress.gate import LOOPBACK, Gate
from harness.provision.pacing import DEFAULT_PATIENCE, BackoffPolicy, Pacer
from harness.provision.roster import NewUser, User

API_VERSION = "2024-01-01"
PER_PAGE = 1000
MAX_PAGES = 100_000
MAX_REPLY_BYTES = 64_000_000
"""A page of 1,000 users is about 1 MB; beyond this, what answers is no GoTrue."""
ATTEMPT_TIMEOUT_S = 60.0
CONNECT_TIMEOUT_S = 10.0

Reply = TypeVar("Reply", bound=BaseModel)


class PersistentServerError(TargetError):
    """The target answered one request with 5xx on every try; others may still succeed."""


class _Page(BaseModel):
    model_config = ConfigDict(extra="ignore")

    users: list[User] = Field(max_length=100 * PER_PAGE)


class _Nothing(BaseModel):
    model_config = ConfigDict(extra="ignore")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: httpx.Headers
    body: bytes


class AdminApi:
    """One target's admin API. Use as an async context manager.

    :param gate: where requests may go.
    :param on_trouble: told in one line about every failed try that is going to be repeated.
    """

    def __init__(
        self,
        url: str,
        service_key: str,
        *,
        requests_per_second: float | None = None,
        concurrency: int = 1,
        patience: BackoffPolicy = DEFAULT_PATIENCE,
        on_trouble: Callable[[str], None] = lambda text: None,
        chance: random.Random | None = None,
        gate: Gate = LOOPBACK,
    ) -> None:
        self._url = url.rstrip("/") + "/auth/v1/admin/users"
        WORDS.learn(service_key)
        self._pacer = Pacer(requests_per_second)
        self._patience = patience
        self._on_trouble = on_trouble
        self._chance = chance or random.Random()
        self._client = web.async_client(
            gate,
            headers={
                **key_headers(service_key),
                "accept": "application/json",
                "x-supabase-api-version": API_VERSION,
            },
            timeout=httpx.Timeout(ATTEMPT_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
        )

    async def __aenter__(self) -> AdminApi:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def pages(self) -> AsyncIterator[list[User]]:
        """All users of the target, a page at a time, newest first.

        Users that are deleted meanwhile can hide others from the list; who deletes lists again.

        :raises TargetError: as all methods here: unreachable, refused, or not understood.
        """
        before: list[User] = []
        seen = 0
        for number in range(1, MAX_PAGES + 1):
            request = self._client.build_request("GET", self._url, params={"page": number, "per_page": PER_PAGE})
            answer = await self._send(request)
            if answer.status != 200:
                raise self._refusal(request, answer)
            users = self._understood(request, answer, _Page).users
            if users and users == before:
                raise self._nonsense(request, "it repeats a page, so its list would never end")
            seen += len(users)
            if users:
                yield users
            if not users or not _more(answer.headers, seen, len(users)):
                return
            before = users
        raise self._nonsense(request, f"its list of users does not end within {MAX_PAGES:,} pages")

    async def create(self, user: NewUser) -> bool:
        """Create the user; False when somebody with that address is there already."""
        request = self._client.build_request("POST", self._url, json=user.body())
        answer = await self._send(request)
        if answer.status == 422 and self._says_taken(answer):
            return False
        if answer.status not in (200, 201):
            raise self._refusal(request, answer)
        made = self._understood(request, answer, User)
        if made.email != user.email:
            raise self._nonsense(request, f"asked for {user.email}, it made a user with another address")
        if any((made.app_metadata or {}).get(key) != value for key, value in user.app_metadata.items()):
            raise self._nonsense(request, f"it did not keep the app_metadata of {user.email}; cleanup would miss it")
        return True

    async def delete(self, user_id: UUID) -> bool:
        """Delete the user for good; False when there was none any more."""
        request = self._client.build_request("DELETE", f"{self._url}/{user_id}")
        answer = await self._send(request)
        if answer.status == 404 and re.search("user.not.found", self._said(answer), re.IGNORECASE):
            return False
        if answer.status == 204:
            return True
        if answer.status != 200:
            raise self._refusal(request, answer)
        self._understood(request, answer, _Nothing)
        return True

    async def signs_in(self, email: str, password: str, anon_key: str) -> bool | None:
        """Whether this password opens that account; None when the target does not say so or so."""
        request = self._client.build_request(
            "POST",
            self._url.removesuffix("/admin/users") + "/token?grant_type=password",
            headers=key_headers(anon_key),
            json={"email": email, "password": password},
        )
        await self._pacer.turn()
        answer = await self._try(request)
        if isinstance(answer, str) or answer.status not in (200, 400):
            return None
        if answer.status == 200:
            return True
        refused = re.search("invalid_credentials|invalid_grant|invalid login", self._said(answer), re.IGNORECASE)
        return False if refused else None

    # ---- one request, and its tries ------------------------------------------------------------------------------

    async def _send(self, request: httpx.Request) -> _Answer:
        """The first answer that is neither 429 nor 5xx. :raises TargetError: when every try failed."""
        tries = self._patience.tries
        for attempt in range(1, tries + 1):
            await self._pacer.turn()
            found = await self._try(request)
            if isinstance(found, _Answer) and found.status not in (408, 429) and found.status < 500:
                return found
            trouble = found if isinstance(found, str) else f"status {found.status}{self._quoted(found)}"
            if attempt < tries:
                self._on_trouble(f"{trouble}; try {attempt} of {tries} failed, trying again")
                asked = found.headers.get("retry-after", "") if isinstance(found, _Answer) else ""
                await asyncio.sleep(self._patience.pause_s(attempt, asked, self._chance))
        raise self._exhausted(request, found, trouble)

    async def _try(self, request: httpx.Request) -> _Answer | str:
        """One answer, or what went wrong on the way to it."""
        try:
            async with asyncio.timeout(ATTEMPT_TIMEOUT_S):
                response = await self._client.send(request, stream=True)
                try:
                    body = bytearray()
                    async for part in response.aiter_bytes():
                        body += part
                        if len(body) > MAX_REPLY_BYTES:
                            raise self._nonsense(request, f"its reply is larger than {MAX_REPLY_BYTES:,} bytes")
                finally:
                    await response.aclose()
        except TimeoutError:
            return f"no complete answer within {ATTEMPT_TIMEOUT_S:g} s"
        except httpx.HTTPError as error:
            return self._clean(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
        return _Answer(response.status_code, response.headers, bytes(body))

    # ---- reading answers -----------------------------------------------------------------------------------------

    def _understood(self, request: httpx.Request, answer: _Answer, model: type[Reply]) -> Reply:
        try:
            return model.model_validate_json(answer.body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        # Outside the handler: pydantic's own text holds values of the reply, and must not be chained to ours.
        place = ".".join(str(step) for step in first["loc"]) or "the reply"
        raise self._nonsense(request, self._clean(f"{place}: {first['msg']}"))

    def _says_taken(self, answer: _Answer) -> bool:
        said = self._said(answer)
        return "email_exists" in said or "user_already_exists" in said or "already been registered" in said

    def _said(self, answer: _Answer) -> str:
        """The target's own words about a refusal, safe to print; empty when there are none."""
        try:
            body = TypeAdapter(dict[str, JsonValue]).validate_json(answer.body)
        except ValidationError:
            return ""
        words = (body.get(key) for key in ("error_code", "code", "error", "msg", "message", "error_description"))
        return self._clean(": ".join(dict.fromkeys(word for word in words if isinstance(word, str) and word)))

    def _quoted(self, answer: _Answer) -> str:
        said = self._said(answer)
        return f" ({said})" if said else ""

    def _clean(self, text: str) -> str:
        """Without our secrets, without characters that a terminal would obey, at most 300 characters."""
        return visible(WORDS.text(text))[:300]

    # ---- what to tell people -------------------------------------------------------------------------------------

    def _nonsense(self, request: httpx.Request, problem: str) -> TargetError:
        return TargetError(
            f"the target's reply cannot be understood: {problem}",
            where=_place(request),
            remedy="check that the target file's url is a Supabase project (GoTrue answers under /auth/v1)",
        )

    def _refusal(self, request: httpx.Request, answer: _Answer) -> TargetError:
        what = f"the target refuses with status {answer.status}{self._quoted(answer)}"
        if answer.status in (401, 403):
            remedy = "check that the variable of keys.service_env holds this project's service key, not the anon key"
        elif answer.status in (400, 422):
            remedy = "see the target's words above; a password that is too weak is changed in people.password_env"
        else:
            remedy = "check the url in the target file; GoTrue should answer there under /auth/v1"
        return TargetError(what, where=_place(request), remedy=remedy)

    def _exhausted(self, request: httpx.Request, found: _Answer | str, trouble: str) -> TargetError:
        tries = self._patience.tries
        if isinstance(found, str):
            what, remedy = "the target does not answer", "check the url in the target file and that the target is up"
        elif found.status == 429:
            what = "the target keeps limiting us"
            remedy = "lower --concurrency, or requests_per_second of the target file's limits"
        else:
            what, remedy = "the target keeps failing", "look into the target's auth and Postgres logs"
        kind = PersistentServerError if isinstance(found, _Answer) and found.status >= 500 else TargetError
        return kind(f"{what}, {tries} tries: {trouble}", where=_place(request), remedy=remedy)


def _place(request: httpx.Request) -> str:
    return f"{request.method} {request.url.copy_with(query=None)}"


def _more(headers: httpx.Headers, seen: int, on_page: int) -> bool:
    """Whether another page follows: as the target says, else when this one was full.

    A deployment may cap the size of a page below what was asked, so a short page alone proves nothing.
    """
    if "link" in headers:
        return 'rel="next"' in headers["link"]
    total = headers.get("x-total-count", "")
    if re.fullmatch(r"[0-9]{1,12}", total):
        return seen < int(total)
    return on_page >= PER_PAGE
