"""The real client's recorded requests, sent to a sandbox as they are: none is refused that the real system takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.server import Sandbox, SandboxOptions
from tests.sandbox.recorded import Cast, Recorded, recorded, with_known_titles
from tests.sandbox.signed_in import Person, enter, send, sql

FILES = {"real-client.jsonl": 3, "real-client-more.jsonl": 4}
"""The recordings, and the number of the person who plays each."""
REFUSED_AS_SHIPPED = {
    ("POST", "/rest/v1/media_items"): "search's upsert: only administrators may insert titles, 42501",
    ("GET", "/rest/v1/media_item_trending_72h"): "the days beneath the view are the service's alone, 42501",
}
"""What the real system refuses as well, and why: both 403, both ignored by the client."""
SURFACES = ("home", "search", "swipe", "messages")
TITLE_COLUMNS = 22
_CONVERSATION = """
select c.id::text as id, other.user_id::text as other from public.conversations c
join public.conversation_participants mine on mine.conversation_id = c.id and mine.user_id = $1::text::uuid
join public.conversation_participants other on other.conversation_id = c.id and other.user_id <> mine.user_id
where not c.is_group limit 1
"""
_TITLES = "select id::text from public.media_items order by tmdb_popularity desc limit 60"
_NUMBERS = "select tmdb_media_type as type, max(tmdb_id) as number from public.media_items group by 1"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=20, catalogue=80)) as sandbox:
        yield sandbox


def cast(person: Person) -> Cast:
    """The person, one conversation of theirs with what the other wrote, the titles and their own suggestions."""
    (talk,) = sql(person.sandbox, _CONVERSATION, person.id)
    people = [
        row[0] for row in sql(person.sandbox, "select id::text from public.profiles where id <> $1", talk["other"])
    ]
    partner = enter(person.sandbox, _index_of(person.sandbox, talk["other"]))
    return Cast(
        {
            "person": [person.id, talk["other"], *(one for one in people if one != person.id)],
            "conversation": [talk["id"]],
            "message": [send(partner, talk["id"], f"hello {number}") for number in range(8)],
            "title": [row[0] for row in sql(person.sandbox, _TITLES)],
            "suggestion": [made for surface in SURFACES for made in _suggested(person, surface)],
        }
    )


def _index_of(sandbox: Sandbox, person_id: str) -> int:
    (row,) = sql(sandbox, "select email from auth.users where id = $1", person_id)
    return int("".join(filter(str.isdigit, row["email"].partition("@")[0])))


def _suggested(person: Person, surface: str) -> list[str]:
    reply = person.call("assistant-orchestrator", {"surface": surface, "context": {}, "limit": 3})
    return [suggestion["id"] for suggestion in reply.json()["suggestions"]]


def sent_again(person: Person, cast: Cast, request: Recorded, numbers: dict[str, int]) -> httpx.Response:
    """Send it with the headers it had; who signed in then is the person now."""
    headers = {name: value for name, value in request.headers.items() if name != "content-length"}
    signed = person.headers if request.signed_in else {"apikey": person.headers["apikey"]}
    body = with_known_titles(cast.put(request.body), numbers)
    if request.path == "/auth/v1/token" and body is not None:
        people = person.sandbox.discovery["people"]
        index = _index_of(person.sandbox, person.id)
        body |= {"email": people["email_pattern"].format(index=index), "password": people["password"]}
    return person.client.request(
        request.method,
        str(cast.put(request.url)),
        json=body,
        headers={**headers, **({} if request.method == "OPTIONS" else signed)},
    )


@pytest.mark.parametrize("name", sorted(FILES))
def test_nothing_that_the_real_client_sent_is_refused(running: Sandbox, name: str) -> None:
    person = enter(running, FILES[name])
    requests = recorded(name)
    played = cast(person)
    played.play(requests)
    numbers = {row["type"]: row["number"] for row in sql(running, _NUMBERS)}
    wrong: list[str] = []
    refused: set[tuple[str, str]] = set()
    for request in requests:
        reply = sent_again(person, played, request, numbers)
        asked = (request.method, request.path)
        if asked in REFUSED_AS_SHIPPED:
            refused.add(asked)
            fits = reply.status_code == 403 and reply.json()["code"] == "42501"
        else:
            fits = reply.status_code in _statuses(request) and _told(request, reply)
        if not fits:
            wrong.append(
                f"{request.flow}: {request.method} {request.url[:120]}: {reply.status_code} {reply.text[:160]}"
            )
    assert len(requests) > 100
    assert wrong == []
    assert refused, "what is refused as shipped was asked for"


def _statuses(request: Recorded) -> set[int]:
    """As recorded, where that was no refusal; an upsert says besides whether its row was there already."""
    if request.status >= 400:
        return {200}
    return {200, 201} if "on_conflict=" in request.url else {request.status}


def _told(request: Recorded, reply: httpx.Response) -> bool:
    """Whether a title read tells its title, and an edge function says that all went well."""
    if request.method == "GET" and request.path == "/rest/v1/media_items" and "&id=eq." in request.url:
        (columns,) = (part for part in request.url.partition("?")[2].split("&") if part.startswith("select="))
        told: Any = reply.json()
        row = told[0] if isinstance(told, list) else told
        return set(row) == set(columns.removeprefix("select=").split(","))
    if request.method == "POST" and request.path.startswith("/functions/"):
        return bool(reply.json()["ok"])
    return True


def test_the_recordings_hold_the_title_reads_that_once_failed() -> None:
    """They were 52 of a recording's requests: a column that goes missing again is seen."""
    reads = [r for r in recorded("real-client-more.jsonl") if r.path == "/rest/v1/media_items" and r.status == 400]
    assert len(reads) > 40
    assert all(r.url.partition("&")[0].count(",") == TITLE_COLUMNS - 1 for r in reads)
