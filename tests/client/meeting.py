"""Several phones at once in conversations of a sandbox, and what they wrote down."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
import pyarrow as pa

from harness.client.api.chat_shapes import Summary
from harness.client.device import Device
from harness.client.screens.chat.parts import Conversation
from harness.core.client_settings import SHIPPED, ClientSettings
from harness.core.delivery_facts import ChannelState, ChannelTopic, DeliveryFact, FactKind
from harness.core.outcome import Outcome
from harness.core.people import Secrets
from harness.core.tables import DELIVERY, SCHEMAS
from harness.load.engine import Engine
from harness.schedule.arrivals import Ticket
from reports.delivery import Delivery, account
from sandbox.server import Sandbox
from tests.client.stage import running
from tests.plain_http import NO_TLS

PLAIN: dict[str, Any] = {"trust_env": False, "timeout": 10, "verify": NO_TLS}

ADMIN = "/.well-known/movinesta-sandbox/realtime"
PATIENCE_S = 60.0


@dataclass
class Room:
    """A conversation of exactly these people, by their numbers."""

    conversation: str
    ids: Sequence[str]

    def seen_by(self, number: int) -> Summary:
        """Its row in that person's list."""
        others = tuple(id_ for n, id_ in enumerate(self.ids) if n != number)
        return Summary(self.conversation, True, others)


@dataclass
class Meeting:
    """An engine whose phones meet; facts pile up as they are written down."""

    engine: Engine
    sandbox: Sandbox
    facts: list[DeliveryFact] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _tickets: int = 0

    def together(self, numbers: Sequence[int], body: Callable[[Device, int], Awaitable[None]]) -> None:
        """Each of these people runs the body at once; the first exception is raised here."""
        over = [threading.Event() for _ in numbers]
        raised: list[BaseException] = []
        for number, done in zip(numbers, over, strict=True):

            async def session(phone: Device, number: int = number) -> None:
                try:
                    assert await phone.auth.sign_in() is Outcome.OK
                    await body(phone, number)
                except BaseException as error:
                    raised.append(error)
                    raise

            self._tickets += 1
            self.engine.submit(Ticket(self._tickets, self.engine.now(), "chatter", number), session, done.set)
        deadline = time.monotonic() + PATIENCE_S
        for done in over:
            if not done.wait(max(0.0, deadline - time.monotonic())):
                self.counts["abandoned"] += 1  # lets those go who wait for the others
        if raised:
            raise raised[0]
        assert not self.counts["abandoned"], "a session never ended"
        assert self.engine.failures == 0, self.engine.problems[0]

    async def all(self, phone: Device, point: str, number: int) -> None:
        """Wait until so many phones have come to this point."""
        self.counts[point] += 1
        while self.counts[point] < number:
            assert not self.counts["abandoned"], point
            await phone.pause(0.02)

    async def until(self, phone: Device, what: Callable[[], bool], patience_s: float = 20.0) -> None:
        """Wait until it is so."""
        end = phone.now() + patience_s
        while not what():
            assert phone.now() < end, "it never came to pass"
            await phone.pause(0.02)

    def listening(self, conversation: str) -> int:
        """Phones whose channel of that conversation hears changes."""
        states: dict[int, str] = {}
        for fact in self.note():
            if (fact.kind, fact.key, fact.conversation) == (FactKind.CHANNEL, ChannelTopic.CHANGES, conversation):
                states[fact.person] = fact.detail
        return sum(state == ChannelState.LISTENING for state in states.values())

    def note(self) -> list[DeliveryFact]:
        """All facts so far; loop thread, or after the sessions."""
        for noted in self.engine.observer.facts.take():
            self.facts += facts_of(noted.batch())
        while self.engine.taken:
            taken = self.engine.taken.popleft()
            if taken.table == DELIVERY:
                self.facts += facts_of(taken.batch())
        return self.facts

    def deliveries(self) -> list[Delivery]:
        """What became of every message."""
        return list(account(sorted(self.note(), key=lambda fact: fact.at_us)))

    def kinds(self) -> Counter[str]:
        """How many facts of each kind."""
        return Counter(str(fact.kind) for fact in self.note())

    def names(self) -> Counter[str]:
        """How many attempts of each name ended well."""
        return Counter(attempt.name for attempt in self.engine.attempts if attempt.outcome is Outcome.OK)

    def metrics(self) -> dict[str, Any]:
        """The sandbox's own figures."""
        answer: dict[str, Any] = httpx.get(self.sandbox.url + ADMIN, **PLAIN).json()
        return answer

    def fault(self, name: str, value: int, **place: Any) -> None:
        """Break the sandbox's Realtime."""
        body = {"name": name, "value": value, **place}
        httpx.post(f"{self.sandbox.url}{ADMIN}/faults", json=body, **PLAIN).raise_for_status()

    def command(self, do: str, **how: Any) -> None:
        """Have the sandbox's Realtime do something."""
        body = {"do": do, **how}
        httpx.post(f"{self.sandbox.url}{ADMIN}/commands", json=body, **PLAIN).raise_for_status()

    def heal(self) -> None:
        """End all faults."""
        httpx.delete(f"{self.sandbox.url}{ADMIN}/faults", **PLAIN).raise_for_status()


def facts_of(batch: pa.RecordBatch) -> list[DeliveryFact]:
    """Rows of the delivery table."""
    names = SCHEMAS[DELIVERY].names
    return [DeliveryFact(**{**row, "kind": FactKind(row["kind"])}) for row in batch.select(names).to_pylist()]


@contextmanager
def meeting(sandbox: Sandbox, people: int, settings: ClientSettings = SHIPPED) -> Iterator[Meeting]:
    """An engine with sockets against the sandbox."""
    found = sandbox.discovery
    secrets = Secrets(found["anon_key"], found["people"]["password"])
    pattern = found["people"]["email_pattern"]
    with running(sandbox.url, secrets, pattern=pattern, people=people, realtime=True, settings=settings) as engine:
        yield Meeting(engine, sandbox)


def room_of(sandbox: Sandbox, members: int) -> Room:
    """A new, empty group of the first so many people."""
    pattern = sandbox.discovery["people"]["email_pattern"]

    async def make() -> Room:
        connection = await asyncpg.connect(sandbox.discovery["dsn"])
        try:
            emails = [pattern.format(index=number) for number in range(members)]
            rows = await connection.fetch("select email, id from auth.users where email = any($1)", emails)
            ids = {row["email"]: row["id"] for row in rows}
            conversation = uuid.uuid4()
            await connection.execute(
                "insert into conversations (id, is_group, title, created_by) values ($1, true, 'Meeting', $2)",
                conversation,
                ids[emails[0]],
            )
            await connection.executemany(
                "insert into conversation_participants (conversation_id, user_id, role) values ($1, $2, 'member')",
                [(conversation, ids[email]) for email in emails],
            )
            return Room(str(conversation), [str(ids[email]) for email in emails])
        finally:
            await connection.close()

    return asyncio.run(make())


async def opened(phone: Device, summary: Summary) -> Conversation:
    """The conversation on screen."""
    conversation = Conversation(phone, summary)
    assert await conversation.open()
    return conversation
