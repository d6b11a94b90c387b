"""A sandbox whose decks are compared with what the real function answered, and what was recorded of that."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.server import Sandbox, SandboxOptions
from tests.sandbox.signed_in import Person, enter, sql

DATA = Path(__file__).parent / "data"
SESSION = "11111111-2222-4333-8444-555555555555"
PEOPLE = 60


def recorded(name: str) -> Any:
    """One of the recordings."""
    return json.loads((DATA / name).read_text(encoding="utf-8"))


class Swiper:
    """Somebody who asks for decks, with nothing served within the last half hour, and a look at what is kept of it."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.id = person.id

    def deck(self, **body: Any) -> dict[str, Any]:
        """A deck; the request must succeed."""
        self.forget()
        reply = self.person.call("media-swipe-deck", {"sessionId": SESSION, "limit": 10, "seed": "s", **body})
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    def cards(self, **body: Any) -> list[dict[str, Any]]:
        """Its cards."""
        return list(self.deck(**body)["cards"])

    def forget(self) -> None:
        """What was served counts no more, nor do the requests."""
        self.sql("delete from public.rec_impressions where user_id = $1", uuid.UUID(self.id))
        self.sql("delete from public.rate_limits")

    def prefer(self, recsys: Any) -> None:
        """Keep these preferences, as the application's settings page does."""
        self.sql(
            "insert into public.user_preferences (user_id, recsys) values ($1, $2::text::jsonb)"
            " on conflict (user_id) do update set recsys = excluded.recsys",
            uuid.UUID(self.id),
            json.dumps(recsys),
        )

    def kept(self, table: str, deck: dict[str, Any]) -> list[dict[str, Any]]:
        """A table's rows of a deck, in the cards' order where they have one."""
        place = "1" if table == "rec_requests" else "position"
        found = self.sql(
            f"select to_jsonb(t)::text as row from public.{table} t where rec_request_id = $1 order by {place}",
            uuid.UUID(deck["recRequestId"]),
        )
        return [json.loads(row["row"]) for row in found]

    def sql(self, statement: str, *arguments: Any) -> list[Any]:
        """As the database's owner."""
        return sql(self.person.sandbox, statement, *arguments)


@pytest.fixture(scope="package")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=PEOPLE, catalogue=200)) as running:
        yield running


_people = itertools.count()


@pytest.fixture
def swiper(sandbox: Sandbox) -> Iterator[Swiper]:
    person = enter(sandbox, next(_people) % PEOPLE)
    swiper = Swiper(person)
    swiper.prefer({})  # people are fewer than tests
    swiper.sql("delete from public.cf_recos where user_id = $1", uuid.UUID(swiper.id))
    yield swiper
    person.client.close()
