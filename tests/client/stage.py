"""Phones on a stage: driven by a real engine, against a sandbox or a scripted server that writes down what it hears."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import orjson

from harness.client.device import Device
from harness.client.interruptible_sleep import SessionClosed
from harness.client.screens.app import enter, open_signed_out
from harness.core.actions import UserAction
from harness.core.app_client import AppClient
from harness.core.client_settings import SHIPPED, ClientSettings
from harness.core.distributions import Constant
from harness.core.people import Secrets
from harness.core.profile import ArrivalStage, Phases, Profile, SandboxSize
from harness.core.scheduled_fault import ChaosEntry
from harness.core.wire_limits import WireLimits
from harness.load.engine import Engine
from harness.load.session_runner import SessionBody
from harness.schedule.arrivals import Ticket
from tests.engines import engine_of

USER = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"
TITLE = "00000000-0000-4000-8000-00000000000a"
RUN_TAG = 0x1A2B3C4D


@dataclass
class Driven:
    """What a session left: the engine's attempts, in the order in which they ended, and its problems."""

    engine: Engine
    ended: list[str] = field(default_factory=list)

    @property
    def names(self) -> Counter[str]:
        """How often each call was sent."""
        return Counter(attempt.name for attempt in self.engine.attempts)

    def outcomes(self, name: str) -> Counter[str]:
        """How the attempts of one name ended."""
        return Counter(attempt.outcome.value for attempt in self.engine.attempts if attempt.name == name)


@contextmanager
def running(
    url: str,
    secrets: Secrets,
    *,
    pattern: str = "p{index}@x.test",
    people: int = 10,
    behaviour: Mapping[str, Mapping[str, float]] | None = None,
    seed: int = 1,
    realtime: bool = False,
    client: AppClient = AppClient.BROWSER,
    app_origin: str = "",
    chaos: tuple[ChaosEntry, ...] = (),
    limits: WireLimits | None = None,
    settings: ClientSettings = SHIPPED,
) -> Iterator[Engine]:
    """An engine whose loop runs in a thread of its own; its phones open sockets when asked to."""
    profile = Profile(
        name="stage",
        people=people,
        phones=people,
        phases=Phases(warmup_s=0, measure_s=60, drain_s=1),
        arrivals=(ArrivalStage(seconds=60, rate=1),),
        mix=dict.fromkeys(behaviour or {"reader": {}}, 1 / len(behaviour or "1")),
        behaviour={
            persona: {quantity: Constant(dist="constant", value=value) for quantity, value in quantities.items()}
            for persona, quantities in (behaviour or {}).items()
        },
        sandbox=SandboxSize(people=max(people, 2), catalogue=100),
        realtime=realtime,
        client=client,
        chaos=chaos,
        settings=settings,
    )
    with engine_of(
        profile,
        url,
        secrets,
        pattern=pattern,
        seed=seed,
        run_tag=RUN_TAG,
        app_origin=app_origin,
        limits=limits,
    ) as engine:
        yield engine


def drive(engine: Engine, body: SessionBody, *, person: int = 0, ticket: int = 0, patience_s: float = 40.0) -> Driven:
    """One session from beginning to end. An exception in it is raised here."""
    over = threading.Event()
    raised: list[BaseException] = []

    async def watched(phone: Any) -> None:
        try:
            await body(phone)
        except SessionClosed:
            raise
        except Exception as error:
            raised.append(error)
            raise

    engine.submit(Ticket(ticket, engine.now(), "reader", person), watched, over.set)
    assert over.wait(patience_s), "the session never ended"
    if raised:
        raise raised[0]
    assert engine.failures == 0, engine.problems[0]
    return Driven(engine)


async def sign_in_and_stay(phone: Device, *, landing: bool = True) -> bool:
    """The sign-in form of a page that was loaded signed out, and straight on into the app: quirk B until a reload."""
    await open_signed_out(phone)
    with phone.notes.operation("sign_in") as operation:
        if not operation.ends(await phone.auth.sign_in()):
            return False
    phone.notes.did(UserAction.ENTER)
    await enter(phone, landing=landing)
    return True


# ---- a scripted server -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Heard:
    """One request as it arrived; `at` monotonic seconds."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    at: float

    @property
    def endpoint(self) -> str:
        """The path without its query."""
        return self.path.partition("?")[0]


Answer = tuple[int, Any] | tuple[int, Any, Mapping[str, str]]
Script = Callable[[Heard], Answer | None]
"""The answer to a request: status, JSON or bytes, extra headers. None: the usual answer."""


def session_reply(number: int = 1, expires_in: float = 3600.0) -> dict[str, Any]:
    """What the token endpoint says."""
    return {
        "access_token": f"token-{number}",
        "refresh_token": f"refresh-{number}",
        "expires_in": expires_in,
        "user": {"id": USER},
    }


def cards(count: int, first: int = 0) -> dict[str, Any]:
    """A deck reply with `count` titles, numbered from `first`."""
    return {
        "ok": True,
        "deckId": OTHER,
        "recRequestId": OTHER,
        "cards": [
            {"mediaItemId": f"00000000-0000-4000-8000-{first + n:012x}", "position": n, "title": f"Title {first + n}"}
            for n in range(count)
        ],
    }


def asked_for(heard: Heard) -> Mapping[str, str]:
    """Allows what a preflight asks for; functions do not say for how long."""
    allowed = {
        "access-control-allow-origin": heard.headers["origin"],
        "access-control-allow-methods": heard.headers["access-control-request-method"],
        "access-control-allow-headers": heard.headers.get("access-control-request-headers", ""),
    }
    return allowed if heard.path.startswith("/functions/") else {**allowed, "access-control-max-age": "86400"}


def usual(heard: Heard, said: int) -> Answer:
    """A good answer to anything the app asks; `said` answers came before."""
    if heard.method == "OPTIONS":
        return 200, {}, asked_for(heard)
    if heard.endpoint.startswith(("/auth/v1/token", "/auth/v1/signup")):
        return 200, session_reply(said + 1)
    if heard.endpoint == "/auth/v1/user":
        return 200, {"id": USER}
    if heard.endpoint == "/rest/v1/profiles" and heard.method == "GET":
        return 200, [{"id": USER}]
    if heard.endpoint == "/functions/v1/media-swipe-deck":
        return 200, cards(heard.body["limit"])
    if heard.endpoint == "/functions/v1/media-swipe-event":
        items = heard.body.get("items")
        events = [event for item in items for event in item["events"]] if items is not None else [heard.body]
        return 200, {"ok": True, "acceptedClientEventIds": [event["clientEventId"] for event in events]}
    if heard.endpoint == "/functions/v1/assistant-get-conversation":
        return 200, {"ok": True, "conversationId": OTHER}
    if heard.endpoint == "/functions/v1/assistant-orchestrator":
        return 200, {"ok": True, "suggestions": [{"id": TITLE}, {"id": OTHER}]}
    if heard.endpoint == "/functions/v1/media-search":
        return 200, {"ok": True, "results": [{"id": TITLE, "tmdb_id": 1, "kind": "movie"}], "hasMore": False}
    if heard.endpoint == "/functions/v1/tmdb-proxy" and heard.body["path"] == "/search/multi":
        results = [{"id": n, "media_type": ("movie", "tv", "person")[n % 3]} for n in range(1, 31)]
        return 200, {"ok": True, "data": {"results": results}}
    if heard.endpoint.startswith("/functions/v1/"):
        return 200, {"ok": True, "assignments": {}, "data": {"imdb_id": "tt1"}}
    return 200, []


class Scripted:
    """A server on loopback that answers by script and remembers every request."""

    def __init__(self, script: Script | None = None) -> None:
        self.script: Script = script or (lambda heard: None)
        self.delay_s: Callable[[Heard], float] = lambda heard: 0.0
        self.dies: Callable[[Heard], bool] = lambda heard: False  # the connection ends after the delay, without a word
        self.heard: list[Heard] = []
        self.url = ""
        self._tokens = 0

    def decks(self) -> list[dict[str, Any]]:
        """The bodies of all deck requests."""
        return [heard.body for heard in self.of("media-swipe-deck")]

    def of(self, fragment: str) -> list[Heard]:
        """The requests whose path, decoded, contains this."""
        return [heard for heard in self.heard if fragment in unquote(heard.path)]

    @contextmanager
    def serving(self) -> Iterator[Scripted]:
        loop = asyncio.new_event_loop()
        ready = threading.Event()

        async def start() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            ready.set()

        def run() -> None:
            asyncio.set_event_loop(loop)
            loop.run_until_complete(start())
            loop.run_forever()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        assert ready.wait(10)
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:]) if name
                }
                raw = await reader.readexactly(int(headers.get("content-length", 0)))
                method, path, _ = head[0].split(" ")
                heard = Heard(method, path, headers, orjson.loads(raw) if raw else None, time.monotonic())
                self.heard.append(heard)
                if delay_s := self.delay_s(heard):
                    await asyncio.sleep(delay_s)
                if self.dies(heard):
                    return
                writer.write(self._reply(heard))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _reply(self, heard: Heard) -> bytes:
        answer = self.script(heard)
        if answer is None:
            answer = usual(heard, self._tokens)
            self._tokens += heard.endpoint.startswith(("/auth/v1/token", "/auth/v1/signup"))
        usually = {"content-type": "application/json"} | ({"content-range": "*/0"} if heard.method == "HEAD" else {})
        extra: dict[str, str] = {**usually, **(answer[2] if len(answer) == 3 else {})}
        body = answer[1] if isinstance(answer[1], bytes) else orjson.dumps(answer[1])
        lines = [f"HTTP/1.1 {answer[0]} X", f"content-length: {len(body)}", *(f"{k}: {v}" for k, v in extra.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
