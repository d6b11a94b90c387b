"""What a whole run asks of a target beside its load: is it the app's, and who are its people. (pure)

A replay knows its people by their numbers and stores nothing, so whoever comes with the service key for anything else
is told that it is not there: the run then says that what was stored could not be checked.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import orjson

from harness.core.people import email_pattern
from harness.core.target import TargetPeople
from harness.provision.roster import TAG_KEY

SERVICE_KEY = "replay-service"
HEALTH, USERS = "/auth/v1/health", "/auth/v1/admin/users"
PEOPLE = TargetPeople()
"""As a target file has them that says nothing about it."""
_BEARER = f"Bearer {SERVICE_KEY}".encode()
_NOT_THERE = b"HTTP/1.1 404 X\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


def answered(target: str, bearer: bytes, people: list[str]) -> bytes | None:
    """The whole reply; None where it is a phone that asks. people: ids, by number."""
    if target == HEALTH:
        return _reply({"name": "GoTrue", "version": "replay", "description": "GoTrue is a user registration API"})
    if bearer != _BEARER:
        return None
    parts = urlsplit(target)
    return _users(parts.query, people) if parts.path == USERS else _NOT_THERE


def _users(query: str, people: list[str]) -> bytes:
    """A page of them, as GoTrue's admin API lists them."""
    asked = {name: int(values[0]) for name, values in parse_qs(query).items() if values[0].isdecimal()}
    size = max(1, asked.get("per_page", 50))
    first = (max(1, asked.get("page", 1)) - 1) * size
    pattern = email_pattern(PEOPLE)
    users = [
        {"id": people[number], "email": pattern.format(index=number), "app_metadata": {TAG_KEY: PEOPLE.tag}}
        for number in range(first, min(first + size, len(people)))
    ]
    return _reply({"users": users, "aud": "authenticated"}, f"x-total-count: {len(people)}\r\n")


def _reply(value: object, headers: str = "") -> bytes:
    body = orjson.dumps(value)
    head = f"HTTP/1.1 200 X\r\ncontent-type: application/json\r\n{headers}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body
