"""What a sandbox answered to its people, in a file; and the answer to a request, made of it. (pure)

People of a replay are copies of recorded ones: person n is the recorded person n modulo how many there are, with an id
of its own in place of the recorded one, in what it asks and in what comes. An exact request is answered as it was, by
turns where there were several answers; any other as one of the same shape (method, path, names of the parameters) was.
"""

from __future__ import annotations

import gzip
import re
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import orjson

UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NOBODY = ""
EVENTS, MESSAGES = "/functions/v1/media-swipe-event", "/rest/v1/messages"
LARGEST_ECHOED = 1 << 14
"""Bytes of a reply in which ids of the request are looked for: replies to writes are small."""


@dataclass(slots=True)
class Answer:
    """One reply. echoed: (id in the reply, which of the request's ids it was)."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    echoed: list[tuple[bytes, int]] = field(default_factory=list)


@dataclass(slots=True)
class Recording:
    """Replies by who asked and what. people: their ids, by number."""

    people: list[str] = field(default_factory=list)
    exact: dict[tuple[str, str], list[Answer]] = field(default_factory=lambda: defaultdict(list))
    shapes: dict[str, list[tuple[str, Answer]]] = field(default_factory=lambda: defaultdict(list))

    def note(self, person: str, method: str, target: str, asked: bytes, answer: Answer) -> None:
        """One exchange of a recorded person; "" for nobody."""
        if person and person not in self.people:
            self.people.append(person)
        if method not in ("GET", "HEAD") and len(answer.body) <= LARGEST_ECHOED:
            ids = [one for one in UUID.findall(asked) if one != person.encode()]
            answer.echoed = [(one, ids.index(one)) for one in dict.fromkeys(UUID.findall(answer.body)) if one in ids]
        if method in ("GET", "HEAD"):
            self.exact[person, f"{method} {target}"].append(answer)
        self.shapes[shape(method, target)].append((person, answer))

    def save(self, path: Path) -> None:
        """Compressed JSON."""
        rows = [
            (person, key, one.status, one.headers, one.body.decode("latin-1"), [(a.decode(), n) for a, n in one.echoed])
            for key, answers in self.shapes.items()
            for person, one in answers
        ]
        exact = {
            f"{person} {key}": [self._place(key.partition(" ")[0], key.partition(" ")[2], one) for one in answers]
            for (person, key), answers in self.exact.items()
        }
        content = orjson.dumps({"people": self.people, "rows": rows, "exact": exact})
        path.write_bytes(gzip.compress(content, 9, mtime=0))

    def _place(self, method: str, target: str, answer: Answer) -> tuple[str, int]:
        key = shape(method, target)
        return key, next(i for i, (_, one) in enumerate(self.shapes[key]) if one is answer)

    def of_few(self, number: int) -> Recording:
        """The answers to those people who asked in the most ways, one for each other shape, and no sign-ins."""
        shapes = {key: rows for key, rows in self.shapes.items() if " /auth/v1/token" not in key}
        ways = {one: sum(any(one == who for who, _ in rows) for rows in shapes.values()) for one in self.people}
        few = sorted(sorted(ways, key=lambda one: -ways[one])[:number], key=self.people.index)
        made = Recording(people=few)
        for key, rows in shapes.items():
            theirs = [(who, answer) for who, answer in rows if who in few]
            made.shapes[key] = theirs or rows[:1]
        made.exact.update({of: answers for of, answers in self.exact.items() if of[0] in few})
        return made

    @classmethod
    def load(cls, path: Path) -> Recording:
        """As `save` wrote it."""
        told = orjson.loads(gzip.decompress(path.read_bytes()))
        made = cls(people=told["people"])
        for person, key, status, headers, body, echoed in told["rows"]:
            answer = Answer(
                status,
                [(name, value) for name, value in headers],
                body.encode("latin-1"),
                [(one.encode(), place) for one, place in echoed],
            )
            made.shapes[key].append((person, answer))
        for key, places in told["exact"].items():
            person, _, asked = key.partition(" ")
            made.exact[person, asked] = [made.shapes[one][place][1] for one, place in places]
        return made


def shape(method: str, target: str) -> str:
    """What requests of one call have in common."""
    parts = urlsplit(target)
    path = UUID.sub(b"*", parts.path.encode()).decode()
    return f"{method} {path}?{'&'.join(sorted({name for name, _ in parse_qsl(parts.query)}))}"


def gateway(method: str, target: str) -> str:
    """Who answers preflights: it does not matter what they are about."""
    return f"{method} {'/'.join(target.split('/', 3)[:3])}"


def copies(people: int) -> list[str]:
    """Ids of a replay's people, by number."""
    return [str(uuid.UUID(int=(0x5EED << 112) | (4 << 76) | (8 << 60) | number)) for number in range(people)]


def rows_by_id(recording: Recording) -> dict[str, dict[str, bytes]]:
    """Rows that were read by their ids, as JSON, by shape and id; what was asked for by other ids is put together of
    them."""
    found: dict[str, dict[str, bytes]] = {}
    for key, answers in recording.shapes.items():
        if key.startswith("GET /rest/v1/") and "?id&select" in key:
            rows = [
                row
                for _, one in answers
                if one.status == 200 and one.body[:1] == b"["
                for row in orjson.loads(one.body)
            ]
            found[key] = {row["id"]: orjson.dumps(row) for row in rows if "id" in row}
    return found


def asked_ids(target: str) -> list[str]:
    """Ids that a request names, in its order."""
    return [one.decode() for one in UUID.findall(target.encode())]


def acknowledged(reply: bytes, asked: bytes) -> bytes:
    """The swipe endpoint's reply, for the events of this request, of one item or of several (contract 3.3)."""
    told = orjson.loads(asked)
    events = [event for item in (told, *told.get("items", ())) for event in item.get("events", ())]
    ids = [event["clientEventId"] for event in events if "clientEventId" in event]
    return orjson.dumps({**orjson.loads(reply), "acceptedClientEventIds": ids})


def stored(reply: bytes, asked: bytes) -> bytes:
    """The reply to an insert that returns its row, with what this request sent."""
    return orjson.dumps({**orjson.loads(reply), **orjson.loads(asked)})
