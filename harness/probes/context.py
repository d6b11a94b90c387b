"""What a question has to work with: the deployment, and two synthetic people signed in to it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt

from harness.client.auth.account import Account
from harness.core.api_key import key_headers
from harness.core.resolved_target import ResolvedTarget
from harness.core.signing_key import signing_key

EVENTS = "/functions/v1/media-swipe-event"


@dataclass(frozen=True, slots=True)
class SignedInPerson:
    """One signed-in person."""

    user_id: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class ProbeContext:
    """A deployment, and two people who ask it."""

    http: httpx.AsyncClient
    access: ResolvedTarget
    me: SignedInPerson
    other: SignedInPerson

    async def read(self, path: str, caller: SignedInPerson | None, **headers: str) -> httpx.Response:
        """GET from PostgREST as somebody, or with the anonymous key alone."""
        return await self.http.get(f"/rest/v1/{path}", headers=self._headers(caller) | headers)

    async def write(self, path: str, caller: SignedInPerson | None, body: Any, **headers: str) -> httpx.Response:
        """POST anywhere below the deployment's URL."""
        return await self.http.post(path, headers=self._headers(caller) | headers, json=body)

    async def swipe(self, caller: SignedInPerson, **event: Any) -> Mapping[str, Any]:
        """Send one swipe event; the reply's body."""
        return mapping((await self.write(EVENTS, caller, event)).json())

    async def stored_events(self, caller: SignedInPerson, session: str) -> list[dict[str, Any]]:
        """Somebody's own rows of one session."""
        reply = await self.read(f"media_events?select=id,dedupe_key,event_day&session_id=eq.{session}", caller)
        return rows_of(reply)

    async def title(self) -> str:
        """Any title of the catalogue."""
        rows = rows_of(await self.read("media_items?select=id&limit=1", self.me))
        return str(rows[0]["id"])

    def _headers(self, caller: SignedInPerson | None) -> dict[str, str]:
        key = self.access.anon_key.reveal()
        return {"apikey": key, "authorization": f"Bearer {caller.token}"} if caller else key_headers(key)


def rows_of(reply: httpx.Response) -> list[dict[str, Any]]:
    """The rows of a PostgREST reply. :raises ValueError: it holds none, whatever else it holds."""
    rows = reply.json()
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"rows were asked for, and {type(rows).__name__} came")
    return rows


def mapping(found: object) -> Mapping[str, Any]:
    """The same, once it is sure to be an object. :raises ValueError: it is none."""
    if not isinstance(found, dict):
        raise ValueError(f"an object was asked for, and {type(found).__name__} came")
    return found


def event(title: str, session: str) -> dict[str, Any]:
    """A swipe that the server takes, with ids nobody else has."""
    return {
        "sessionId": session,
        "mediaItemId": title,
        "eventType": "detail_open",
        "clientEventId": str(uuid.uuid4()),
        "source": "probe",
    }


async def signed_in(http: httpx.AsyncClient, access: ResolvedTarget, number: int) -> SignedInPerson:
    """Person `number` of the target, by password, or with a minted token where the target lets tokens be minted.

    :raises httpx.HTTPError: the deployment does not answer, or refuses.
    """
    email = access.email_pattern.format(index=number)
    if access.user_ids:
        now = time.time()
        account = Account.minted(access.user_ids[number], email, access.jwt_secret.reveal(), now=0.0, epoch=now)
        return SignedInPerson(access.user_ids[number], account.access_token)
    body = {"email": email, "password": access.password.reveal()}
    reply = await http.post(
        "/auth/v1/token?grant_type=password", headers={"apikey": access.anon_key.reveal()}, json=body
    )
    reply.raise_for_status()
    found = mapping(reply.json())
    return SignedInPerson(str(mapping(found["user"])["id"]), str(found["access_token"]))


def resigned(token: str, secret: str, **changes: Any) -> str:
    """The same token with other claims, signed with a shared secret, or a signing key."""
    claims = jwt.decode(token, options={"verify_signature": False}) | changes
    return signing_key(secret).sign(claims)
