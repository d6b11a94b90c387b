"""When Realtime goes away: when phones come back, and what becomes of messages sent meanwhile."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from harness.client.checks.title_facts import TitleFacts
from harness.client.device import Device, DeviceKit
from harness.client.http.client import Origin
from harness.client.interruptible_sleep import InterruptibleSleep
from harness.client.realtime.client import Ticker
from harness.client.realtime.shared import SharedRealtime
from harness.core.delivery_facts import ChannelState, DeliveryFate
from harness.core.ledger import Ledger
from harness.core.outcome import Outcome
from harness.core.people import People, Secrets
from harness.load.discovery import discover
from harness.load.engine import new_loop
from sandbox.options import SandboxOptions
from sandbox.realtime.settings import RealtimeSettings
from sandbox.server import Sandbox
from tests.client.meeting import meeting, opened, room_of

SERVER = Path(__file__).with_name("light_realtime.py")
STEPS_S = (1.0, 2.0, 5.0, 10.0)
"""From a drop to the next try, and from one that failed to the one after it (contract realtime 1.8)."""
EXTRA_S = 0.01
EARLY_S = 0.005
LATE_S = 0.95
"""How late a try may be where a herd shares a busy machine, and still belong to its step: a second apart at least."""


@dataclass
class Herald:
    """Observes one phone: when its socket was lost, and from when to when each try to get it back went on."""

    drops: list[float] = field(default_factory=list)
    tries: list[tuple[float, float]] = field(default_factory=list)
    problems: list[BaseException] = field(default_factory=list)

    def connected(self, at: float, seconds: float) -> None:
        """Nobody looks."""

    def held(self, name: str, at: float, seconds: float) -> None:
        """Nothing is limited."""

    def attempt(
        self, method: str, name: str, outcome: Outcome, at: float, seconds: float, size: int, code: str
    ) -> None:
        if name == "realtime_drop":
            self.drops.append(at)
        elif name == "realtime_connect" and outcome is not Outcome.GAVE_UP:
            self.tries.append((at, at + seconds))

    def waits(self) -> list[float]:
        """Seconds from the drop to the first try after it, and from each try's end to the next."""
        (drop,) = self.drops
        tries = [one for one in self.tries if one[0] > drop]
        return [at - since for (at, _), since in zip(tries, [drop, *(end for _, end in tries)], strict=False)]

    def operation(self, *_: Any) -> None: ...

    def saw(self, *_: Any) -> None: ...

    def checked(self, call: str, rule: str, asked: int) -> None: ...

    def violated(self, *_: Any) -> None: ...

    titles = TitleFacts()

    def samples(self, *_: Any) -> bool:
        return False

    def sampled(self, *_: Any) -> None: ...

    def prints(self, *_: Any) -> bool:
        return False

    def printed(self, *_: Any) -> None: ...

    def problem(self, error: BaseException) -> None:
        self.problems.append(error)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Doomed:
    """A server in a process of its own, to be killed, and its people."""

    process: subprocess.Popen[str]
    url: str
    people: People


@contextmanager
def light_server(number: int) -> Iterator[Doomed]:
    """One that only says yes; tokens are minted."""
    port = free_port()
    ids = tuple(f"00000000-0000-4000-8000-{n:012x}" for n in range(number))
    people = People("p{index}@x.test", number, Secrets("anon", jwt_secret="s" * 32), ids)
    with _serving([sys.executable, str(SERVER), str(port)]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Doomed(process, f"http://127.0.0.1:{port}", people)


@contextmanager
def sandbox_process(number: int) -> Iterator[Doomed]:
    """A whole sandbox without limits; people sign in by password."""
    arguments = ["--people", str(number), "--catalogue", "20"]
    for limit in ("concurrent_users", "joins_per_second", "events_per_second", "presence_events_per_second"):
        arguments += ["--realtime", f"max_{limit}=0"]
    with _serving([sys.executable, "-m", "sandbox.server", *arguments]) as process:
        assert process.stdout is not None
        url = str(json.loads(process.stdout.readline())["url"])
        known = discover(url)
        secrets = Secrets(known.anon_key, known.people.password)
        yield Doomed(process, url, People(known.people.email_pattern, number, secrets))


@contextmanager
def _serving(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


Serve = Callable[[int], AbstractContextManager[Doomed]]


def herd(number: int, tries: int, serve: Serve = light_server) -> list[Herald]:
    """So many phones, each in the app's presence room, lose a server that is killed, and try so often to come back."""
    with serve(number) as doomed:
        return _herd(number, tries, doomed)


def _herd(number: int, tries: int, doomed: Doomed) -> list[Herald]:
    heralds, loop = [Herald() for _ in range(number)], new_loop()
    ticker = Ticker(loop)
    kit = DeviceKit(
        loop=loop,
        zero=monotonic(),
        pulse=InterruptibleSleep(loop),
        origin=Origin.parse(doomed.url),
        tls=None,
        people=doomed.people,
        run_tag=1,
        seed=1,
        behaviour={},
        observer=heralds[0],
        ledger=Ledger(1, worker=0),
        sockets=SharedRealtime(ticker.wheel, doomed.people.secrets.anon_key.reveal()),
    )

    async def story() -> None:
        phones = [Device(replace(kit, observer=herald), n) for n, herald in enumerate(heralds)]
        for phone in phones:
            assert await phone.auth.sign_in() is Outcome.OK
            phone.page.realtime.track()
            await asyncio.sleep(0.002)
        end = monotonic() + 60
        while sum(phone.page.realtime.connected for phone in phones) < number:
            assert monotonic() < end, "they never all connected"
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        doomed.process.send_signal(signal.SIGKILL)
        end = monotonic() + sum(STEPS_S) + 30
        while any(not herald.drops or len(herald.waits()) < tries for herald in heralds):
            assert monotonic() < end, "they never all tried"
            await asyncio.sleep(0.2)
        for phone in phones:
            phone.discard()

    try:
        loop.run_until_complete(story())
    finally:
        ticker.stop()
        loop.run_until_complete(asyncio.sleep(0.1))
        loop.close()
    assert not any(herald.problems for herald in heralds)
    return heralds


def histogram(heralds: list[Herald], tries: int) -> Counter[float]:
    """How many waits belong to each step; a wait that belongs to none counts as step 0."""
    found: Counter[float] = Counter()
    for herald in heralds:
        for wait, step in zip(herald.waits()[:tries], STEPS_S, strict=False):
            late = wait - step - EXTRA_S
            found[step if -EARLY_S <= late <= LATE_S * step else 0.0] += 1
    return found


def test_a_herd_comes_back_in_step() -> None:
    assert histogram(herd(60, 2), 2) == {1.0: 60, 2.0: 60}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("serve", [light_server, sandbox_process])
def test_a_thousand_phones_come_back_after_1_2_5_and_10_seconds(serve: Serve) -> None:
    """Without jitter, as shipped. The herd is one process; what it loses is another one, which is killed."""
    heralds = herd(1_000, 4, serve)
    for n, step in enumerate(STEPS_S):
        late = sorted(herald.waits()[n] - step for herald in heralds)
        sys.stderr.write(f"step {step:g} s: median {late[500] * 1e3:.0f} ms late, p99 {late[990] * 1e3:.0f} ms\n")
    assert histogram(heralds, 4) == dict.fromkeys(STEPS_S, 1_000)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    quick = RealtimeSettings(cold_retry_min_ms=0, cold_retry_max_ms=50, connect_error_ms=0, cost_percent=0)
    with Sandbox(SandboxOptions(people=6, catalogue=120, realtime=quick)) as running:
        yield running


def test_messages_of_an_outage_are_not_replayed_and_come_with_a_poll(sandbox: Sandbox) -> None:
    """Contract realtime 5: every socket is closed and the next try refused; REST goes on."""
    room = room_of(sandbox, 2)
    with meeting(sandbox, 6) as people:

        async def session(phone: Device, number: int) -> None:
            conversation = await opened(phone, room.seen_by(number))
            await people.until(phone, lambda: people.listening(room.conversation) == 2, 40)
            await people.all(phone, "open", 2)
            if number == 0:
                await conversation.send("before")
                await people.until(phone, lambda: people.kinds()["heard"] == 2)
                people.fault("realtime_refuse_status", 503)
                people.command("close", code=1012)
                await people.until(phone, lambda: not conversation.joined)
                for text in ("during 1", "during 2"):
                    await conversation.send(text)
                people.counts["sent"] += 1
            else:
                await people.until(phone, lambda: people.counts["sent"] > 0)
                # the poll of a conversation that is not SUBSCRIBED comes each 1.5 s
                assert conversation.poll_s == 1.5
                await people.until(phone, lambda: len(conversation.messages) == 3)
                people.heal()
            await people.until(phone, lambda: people.listening(room.conversation) == 2, 40)
            await people.all(phone, "back", 2)
            if number == 0:
                await conversation.send("after")
                await people.until(phone, lambda: people.kinds()["heard"] == 4)
            await people.all(phone, "done", 2)

        people.together((0, 1), session)
        for receiver in (0, 1):
            mine = [one for one in people.deliveries() if one.receiver == receiver]
            assert [one.fate for one in mine] == [
                DeliveryFate.DELIVERED,
                DeliveryFate.RECONNECTING,
                DeliveryFate.RECONNECTING,
                DeliveryFate.DELIVERED,
            ]
        missed = [one for one in people.deliveries() if one.fate is DeliveryFate.RECONNECTING and one.receiver == 1]
        assert all(one.polled_us is not None and one.polled_us < 10_000_000 for one in missed)
        states = [fact.detail for fact in people.note() if fact.kind == "channel" and fact.person == 1]
        assert states.count(ChannelState.DOWN) >= 2, "both channels went down"
