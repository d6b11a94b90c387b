"""A real phone on a virtual clock, its wire replaced by one that a test answers by hand."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import orjson

from harness.client.api.call import Call
from harness.client.api.classify import Reading
from harness.client.auth.account import Account
from harness.client.checks.title_facts import TitleFacts
from harness.client.device import Device
from harness.client.http.origin import Origin
from harness.client.http.reply import Detail, Reply, WireError
from harness.client.interruptible_sleep import InterruptibleSleep
from harness.client.kit import DeviceKit
from harness.core.ledger import Ledger
from harness.core.outcome import Outcome
from harness.core.people import People, Secrets

JUST_AFTER_S = 1e-9
LATENCY_S = 0.05
"""How long a scripted server takes, where a phone has one."""

ME = "00000000-0000-4000-8000-00000000000a"


class _Selector(selectors.SelectSelector):
    """Nothing ever becomes readable; waiting moves the clock."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "everybody waits for ever"
        if timeout > 0:
            self.now += timeout + JUST_AFTER_S
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time passes only while everybody waits, and then at once."""

    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now

    def settle(self) -> None:
        """Let everything happen that can without time passing."""
        self.run_until_complete(_turns())

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.run_until_complete(asyncio.sleep(seconds))
        self.settle()


async def _turns(count: int = 8) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@dataclass(eq=False)
class Sent:
    """One request on the wire, unanswered until the test says so."""

    method: str
    path: str
    headers: bytes
    body: bytes | None
    at: float
    future: asyncio.Future[Reply]

    @property
    def json(self) -> Any:
        return orjson.loads(self.body or b"null")

    @property
    def event_ids(self) -> list[str]:
        return [item["events"][0]["clientEventId"] for item in self.json["items"]]

    def answer(self, body: Any, status: int = 200, headers: dict[bytes, bytes] | None = None) -> None:
        if self.future.done():  # the phone has given up on it
            return
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        usually = {b"content-type": b"application/json", b"content-range": b"*/0"}
        self.future.set_result(Reply(status, usually | (headers or {}), raw, self.at, 0.0, 0.0, 0.0, 0, 0))

    def breaks(self) -> None:
        self.future.set_exception(WireError(Outcome.NETWORK, Detail.RESET, sent_at=self.at))


class ScriptedWire:
    """In place of the wire."""

    def __init__(self, phone: VirtualPhone) -> None:
        self._phone = phone
        self.open: list[Sent] = []

    async def send(
        self, method: str, path: str, headers: bytes, body: bytes | None, *, timeout_s: float, resends: Any = None
    ) -> Reply:
        loop = self._phone.kit.loop
        sent = Sent(method, path, headers, body, self._phone.now(), loop.create_future())
        self.open.append(sent)
        self._phone.sent.append(sent)
        if self._phone.server is not None:
            loop.call_later(LATENCY_S, self._phone.server, sent)
        # Requests of one instant time out in the order in which they were made, which no real clock guarantees.
        timer = loop.call_later(timeout_s + len(self._phone.sent) * 1e-6, self._time_out, sent)
        try:
            return await sent.future
        finally:
            timer.cancel()
            self.open.remove(sent)

    def _time_out(self, sent: Sent) -> None:
        if not sent.future.done():
            sent.future.set_exception(WireError(Outcome.TIMEOUT, Detail.TIMEOUT, sent_at=sent.at))

    def close(self) -> None:
        for sent in self.open:
            if not sent.future.done():
                sent.future.set_exception(WireError(Outcome.GAVE_UP, Detail.WIRE_CLOSED, sent_at=sent.at))


async def _never_refused(call: Call) -> Reading | None:
    """The edge token store's quirks at a page load have tests of their own (test_app_load.py)."""
    return None


class VirtualPhone(Device):
    """A phone whose requests end up in `sent`, oldest first."""

    def __init__(self, kit: DeviceKit, number: int) -> None:
        self.sent: list[Sent] = []
        self.server: Callable[[Sent], None] | None = None
        super().__init__(kit, number)
        self.auth.refused = _never_refused  # type: ignore[method-assign]

    def _open_http(self) -> ScriptedWire:  # type: ignore[override]
        return ScriptedWire(self)

    @property
    def open(self) -> list[Sent]:
        """Requests that wait for an answer."""
        return [sent for sent in self.sent if not sent.future.done()]

    def to(self, path: str, method: str = "") -> list[Sent]:
        """Requests whose path holds this."""
        return [sent for sent in self.sent if path in sent.path and sent.method.startswith(method)]

    def signed_in(self) -> VirtualPhone:
        """With a token that outlasts every test."""
        self.auth.account = Account(ME, "token", "refresh", self.now() + 1e6)
        return self


@dataclass
class Notebook:
    """Observes phones."""

    attempts: list[tuple[str, Outcome, str]] = field(default_factory=list)
    operations: list[tuple[str, Outcome, float, float]] = field(default_factory=list)
    problems: list[BaseException] = field(default_factory=list)
    titles: TitleFacts = field(default_factory=TitleFacts)

    def connected(self, at: float, seconds: float) -> None:
        """Nobody looks."""

    def held(self, name: str, at: float, seconds: float) -> None:
        """Nothing is limited."""

    def attempt(
        self, method: str, name: str, outcome: Outcome, at: float, seconds: float, size: int, code: str
    ) -> None:
        self.attempts.append((name, outcome, code))

    def operation(self, name: str, outcome: Outcome, intended: float, seconds: float) -> None:
        self.operations.append((name, outcome, intended, seconds))

    def problem(self, error: BaseException) -> None:
        self.problems.append(error)

    def checked(self, call: str, rule: str, asked: int) -> None: ...

    def violated(self, *_: Any) -> None: ...

    def samples(self, *_: Any) -> bool:
        return False

    def sampled(self, *_: Any) -> None: ...

    def prints(self, *_: Any) -> bool:
        return False

    def printed(self, *_: Any) -> None: ...

    def saw(self, *fact: Any) -> None:
        raise AssertionError("these phones have no sockets")


class World:
    """One loop, one observer, phones of several people. Close it."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.notebook = Notebook()
        self.kit = DeviceKit(
            loop=self.loop,
            zero=self.loop.time(),
            pulse=InterruptibleSleep(self.loop),
            origin=Origin.parse("http://127.0.0.1:9"),
            tls=None,
            people=People("p{index}@x.test", 100, Secrets("anon")),
            run_tag=1,
            seed=1,
            behaviour={},
            ledger=Ledger(1),
            observer=self.notebook,
            now=self.loop.time,
        )

    def phone(self, number: int = 0) -> VirtualPhone:
        phone = VirtualPhone(self.kit, number)
        phone.begin(0, 0.0)
        return phone

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run to its end, then let the rest of the instant happen."""
        result = self.loop.run_until_complete(work)
        self.loop.settle()
        return result

    def close(self) -> None:
        """:raises AssertionError: when our own code failed somewhere."""
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks))
        self.loop.close()
        assert not self.notebook.problems, self.notebook.problems[0]
