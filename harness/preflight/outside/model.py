"""What questions from outside are made of: a request on the list, its reply, what the API exposes. (pure)"""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness.core.counted import counted
from harness.preflight.model import Severity

SHOWN_BODY = 240
SHOWN_OF_LARGE = 60
"""Characters of a body that a list shows; of a larger one, only its beginning."""


COUNTERPARTS = ("followed_id", "blocked_id", "recipient_id", "target_user_id")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request.

    caller: whose token it carries, by name: `anonymous` (the public key), `me`, `other`, `service`, or one of
    `Surface.bad_tokens`; `nobody` for none. times: how often at most. when: what has to be the case for it to be
    sent at all; empty: it is sent. body: JSON, or raw bytes.
    """

    method: str
    path: str
    caller: str = "anonymous"
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    times: int = 1
    when: str = ""

    @property
    def content(self) -> bytes | None:
        """The body as it is sent."""
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body).encode()

    @property
    def key(self) -> tuple[object, ...]:
        """By which it is found on a list."""
        return self.method, self.path, self.caller, self.content, self.headers

    @property
    def text(self) -> str:
        """As a list and as evidence show it."""
        content = self.content
        body = ""
        if content is not None:
            large = len(content) > SHOWN_BODY and isinstance(self.body, bytes)
            shown = content[: SHOWN_OF_LARGE if large else None].decode("utf-8", "replace")
            body = f" {shown}... ({len(content):,} bytes)" if large else f" {shown}"
        extra = "".join(f" [{name}: {value}]" for name, value in self.headers)
        return f"{self.method} {self.path} as {self.caller}{extra}{body}"

    @property
    def line(self) -> str:
        """With how often, and when."""
        times = f" at most {counted(self.times, 'time')}" if self.times > 1 else ""
        return f"{self.text}{times}{f' ({self.when})' if self.when else ''}"


@dataclass(frozen=True, slots=True)
class Reply:
    """status: 0 where none came. headers: names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    problem: str = ""

    def json(self) -> Any:
        """The body; None where it is no JSON."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Rows of a PostgREST reply; none where it holds something else."""
        found = self.json() if 200 <= self.status < 300 else None
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []

    @property
    def code(self) -> str:
        """`code` of an error's body: an SQLSTATE, or the application's own; storage's true status."""
        found = self.json()
        return str(found.get("code", found.get("statusCode", ""))) if isinstance(found, dict) else ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        return f"{self.status} {self.code}".strip() if self.status else f"no reply ({self.problem})"


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view of the API. key: its primary key. owner: the column that says whose a row is; empty: none."""

    name: str
    columns: Mapping[str, str]  # name: type
    key: tuple[str, ...] = ()
    owner: str = ""

    @property
    def is_of_conversations(self) -> bool:
        return "conversation_id" in self.columns

    @property
    def counterpart(self) -> str:
        """The column of who a row is about, and who may see it for that; empty: none."""
        return next((name for name in COUNTERPARTS if name in self.columns), "")

    @property
    def nulled(self) -> str:
        """A column of the key that is not the owner's: null in it, a row can never be stored. Empty: there is none."""
        return next((column for column in self.key if column != self.owner), "")


@dataclass(frozen=True, slots=True)
class Rpc:
    """A function of the API. reads: Postgres itself declares that it changes nothing (STABLE or IMMUTABLE)."""

    name: str
    arguments: tuple[tuple[str, str], ...]  # name, type; those that have to be given
    reads: bool
    definer: bool | None = None  # None: not told


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A synthetic person."""

    user_id: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Surface:
    """Everything questions know before they ask.

    conversations: of both people, of me alone, of the other alone; ids. tag: in every row that is made.
    """

    me: SignedIn
    other: SignedIn
    relations: tuple[Relation, ...]
    functions: tuple[Rpc, ...]
    source: str  # how the API was read
    tag: str
    shared: tuple[str, ...] = ()
    mine: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    direct: tuple[str, ...] = ()  # my direct conversations, where the service key shows them
    title: str = ""  # any title of the catalogue
    has_service: bool = False
    signs: bool = False  # whether tokens can be signed as the target's own
    calls: int = 130  # of one endpoint, to find its limit
    largest: int = 1 << 20  # bytes of the largest body

    def id(self, what: str) -> str:
        """The same one for the same thing of one asking."""
        made = uuid.uuid5(uuid.NAMESPACE_URL, f"{self.tag}:{what}")
        return str(uuid.UUID(int=made.int & ~(0xF << 76) | (4 << 76)))  # the app takes version 4 alone in places


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that is wrong. severity: None for the question's own."""

    object: str
    evidence: str
    remedy: str
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """What a question found, and what of it could not be asked."""

    found: tuple[Found, ...] = ()
    unasked: tuple[str, ...] = ()


class Send(Protocol):
    """Sends what is on the list, and nothing else."""

    async def __call__(self, ask: Ask) -> Reply: ...

    async def at_once(self, asks: Sequence[Ask]) -> list[Reply]:
        """All of them on their way before the first reply is read."""
        ...

    async def overhears(self, listener: Ask, then: Ask | None, needle: str) -> str:
        """Join channels; what became of it: `refused: why`, `joined`, or `heard` once `needle` came after `then`."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """One question. plan: every request that `ask` may send."""

    id: str
    severity: Severity
    title: str
    why: str
    manual: str
    plan: Callable[[Surface], Sequence[Ask]]
    ask: Callable[[Surface, Send], Awaitable[Answers]]
