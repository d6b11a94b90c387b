"""The real client's recorded requests, with the ids of people and things that a sandbox has. (pure)"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TRACES = Path(__file__).parents[1] / "data" / "traces"
_STAND_IN = re.compile(r"id-\d{4}")
_NAMED = re.compile(r"(\w+)\.eq\.(id-\d{4})")
_TMDB_PATH = re.compile(r"^/(movie|tv)/\d+")
_KINDS = {
    **dict.fromkeys(("user_id", "p_user_id", "sender_id", "blocker_id", "blocked_id", "follower_id"), "person"),
    **dict.fromkeys(("conversation_id", "conversationId"), "conversation"),
    **dict.fromkeys(("title_id", "mediaItemId", "media_items.id"), "title"),
    **dict.fromkeys(("message_id", "last_read_message_id"), "message"),
    **dict.fromkeys(("profiles.id", "profiles_public.id"), "person"),
    "suggestionId": "suggestion",
}
"""What a column or member holds, by its own name or by that of its table before it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it was sent, ids being stand-ins. status: what the sandbox of that day answered."""

    flow: str
    method: str
    url: str
    headers: Mapping[str, str]
    signed_in: bool
    body: Any
    status: int

    @property
    def path(self) -> str:
        """Without the query."""
        return self.url.partition("?")[0]


def recorded(name: str) -> list[Recorded]:
    """The requests of one file, in their order."""
    found: list[Recorded] = []
    flow = ""
    for line in (TRACES / name).read_text().splitlines():
        entry = json.loads(line)
        flow = entry.get("flow", flow)
        if entry["event"] == "request":
            found.append(
                Recorded(
                    flow, entry["method"], entry["url"], entry["headers"], entry["auth"] == "bearer",
                    entry.get("body"), entry["status"],
                )
            )  # fmt: skip
    return found


@dataclass
class Cast:
    """Who and what plays each part. known: ids by kind, handed out in order and then again from the front."""

    known: Mapping[str, list[str]]
    parts: dict[str, str] = field(default_factory=dict)

    def play(self, requests: list[Recorded]) -> None:
        """Find out what each stand-in is, from the first place that says so; the others get ids of their own."""
        kinds: dict[str, str] = {}
        for name, stand_in in (mention for request in requests for mention in _mentions(request)):
            kinds[stand_in] = kinds.get(stand_in) or _KINDS.get(name, "")
        taken = dict.fromkeys(self.known, 0)
        for stand_in, kind in kinds.items():
            if kind:
                ids = self.known[kind]
                self.parts[stand_in] = ids[taken[kind] % len(ids)]
                taken[kind] += 1
            else:
                self.parts[stand_in] = str(uuid.uuid4())

    def put(self, value: Any) -> Any:
        """The same with real ids."""
        return json.loads(_STAND_IN.sub(lambda found: self.parts[found[0]], json.dumps(value)))


def _mentions(request: Recorded) -> Iterator[tuple[str, str]]:
    """(what it is called there, stand-in): columns as `table.column` too."""
    table = request.path.rpartition("/")[2]
    for pair in request.url.partition("?")[2].split("&"):
        column, _, condition = pair.partition("=")
        yield from _NAMED.findall(condition)
        for stand_in in _STAND_IN.findall(condition):
            yield (column if column != "id" else f"{table}.id"), stand_in
    yield from _members("", request.body)


def _members(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _members(key, member)
    elif isinstance(value, list):
        for member in value:
            yield from _members(name, member)
    elif isinstance(value, str):
        yield from ((name, stand_in) for stand_in in _STAND_IN.findall(value))


def with_known_titles(body: Any, numbers: Mapping[str, int]) -> Any:
    """A TMDb path that names a title of another catalogue names one of this. numbers: by `movie` and `tv`."""
    if not isinstance(body, dict) or not isinstance(body.get("path"), str):
        return body
    return {**body, "path": _TMDB_PATH.sub(lambda found: f"/{found[1]}/{numbers[found[1]]}", body["path"])}
