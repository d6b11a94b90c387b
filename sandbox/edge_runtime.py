"""The hosted edge runtime in front of the functions: boots, retirement, and its own answers when a call fails there.

What it answers itself carries no CORS headers, as on the platform: a browser shows such a reply to nobody, and the app
hears of a network error. A call that it gives up is not undone: the function's work goes on and may be stored.

Sources: the platform's documentation of status codes, error codes and limits of edge functions; docs/sandbox.md says
what was measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Container, Coroutine, Generator
from dataclasses import dataclass
from functools import partial
from types import coroutine
from typing import Any
from weakref import WeakKeyDictionary

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.edge_workers import Assignment, EdgeWorker, FunctionWorkers, WorkerRules
from sandbox.isolate import CURRENT, Isolate
from sandbox.switches import Switches

log = logging.getLogger("sandbox")
_PREFIX = "/functions/v1/"
_SWITCHES = (
    "edge_boot_ms",
    "edge_worker_life_s",
    "edge_worker_requests",
    "edge_boot_failure_one_in",
    "edge_worker_limit_one_in",
    "edge_cpu_ms",
    "edge_idle_timeout_ms",
)


@dataclass(frozen=True, slots=True)
class PlatformAnswer:
    """What the platform says in a function's place."""

    status: int
    code: str
    message: str

    async def send(self, send: Send) -> None:
        body = orjson.dumps({"code": self.code, "message": self.message})
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"sb-error-code", self.code.encode()),
            (b"x-served-by", b"supabase-edge-runtime"),
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


BOOT_ERROR = PlatformAnswer(503, "BOOT_ERROR", "Function failed to start (please check logs)")
WORKER_LIMIT = PlatformAnswer(
    546,
    "WORKER_RESOURCE_LIMIT",
    "Function failed due to not having enough compute resources (please check logs)",
)


def idle_timeout(seconds: float) -> PlatformAnswer:
    """Nothing was answered for so long."""
    return PlatformAnswer(504, "IDLE_TIMEOUT", f"Request idle timeout limit ({seconds:g}s) reached")


class EdgeRuntime:
    """Gives each call its worker, and answers in the function's place when that cannot."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        switches: Switches,
        names: Container[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """names: of the functions that exist; of any other the application says that there is none."""
        self._app = app
        self._names = names
        self._clock = clock
        self._rules = WorkerRules(
            boot_s=switches.edge_boot_ms / 1000,
            life_s=switches.edge_worker_life_s,
            calls=switches.edge_worker_requests,
            boot_fails_one_in=switches.edge_boot_failure_one_in,
            limit_one_in=switches.edge_worker_limit_one_in,
        )
        self._cpu_s = switches.edge_cpu_ms / 1000
        self._idle_s = switches.edge_idle_timeout_ms / 1000
        self._functions: dict[str, FunctionWorkers] = {}
        self._calls: dict[EdgeWorker, set[_Call]] = {}
        self._memories: WeakKeyDictionary[EdgeWorker, Isolate] = WeakKeyDictionary()
        self._orphans: set[asyncio.Task[None]] = set()

    @staticmethod
    def needed(switches: Switches) -> bool:
        """Whether any of the switches this layer implements is set."""
        return any(getattr(switches, name) for name in _SWITCHES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].removeprefix(_PREFIX) if scope["type"] == "http" else ""
        if not scope["path"].startswith(_PREFIX) or name not in self._names:
            await self._app(scope, receive, send)
            return
        workers = self._functions.setdefault(name, FunctionWorkers(self._rules))
        assigned = workers.assign(self._clock(), counts=scope["method"] != "OPTIONS")
        worker = assigned.worker
        if (boots_s := worker.up_at - self._clock()) > 0:
            await asyncio.sleep(boots_s)
        if worker.stillborn:
            await BOOT_ERROR.send(send)
        elif assigned.limit == "before":
            self._end(worker)
            await WORKER_LIMIT.send(send)
        else:
            await self._work(assigned, scope, receive, send)

    async def _work(self, assigned: Assignment, scope: Scope, receive: Receive, send: Send) -> None:
        """The function's own answer, or the platform's if that comes first."""
        worker = assigned.worker
        call = _Call(send, holds=bool(assigned.limit))
        self._calls.setdefault(worker, set()).add(call)
        task = asyncio.get_running_loop().create_task(self._run(worker, scope, receive, call))
        begins = asyncio.ensure_future(call.decided.wait())
        waited = {task} if assigned.limit else {task, begins}
        try:
            await asyncio.wait(waited, timeout=self._idle_s or None, return_when=asyncio.FIRST_COMPLETED)
            if assigned.limit:
                self._end(worker)
            elif not task.done():
                call.give_up(idle_timeout(self._idle_s))  # unless the answer has begun, or its worker has ended
            if call.answer is None:
                await task
            else:
                self._keep(task)
                await call.answer.send(send)
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            begins.cancel()
            if (calls := self._calls.get(worker)) is not None:
                calls.discard(call)
                if not calls:
                    del self._calls[worker]

    async def _run(self, worker: EdgeWorker, scope: Scope, receive: Receive, call: _Call) -> None:
        CURRENT.set(self._memories.setdefault(worker, Isolate()))  # of this task alone
        work = self._app(scope, receive, call.take)
        if not self._cpu_s:
            await work
        else:
            assert isinstance(work, Coroutine)
            await _metered(work, self._cpu_s, lambda: self._end(worker))

    def _end(self, worker: EdgeWorker) -> None:
        """At a resource limit: whoever has not begun to answer is answered by the platform."""
        worker.ended = True
        for call in tuple(self._calls.get(worker, ())):
            call.give_up(WORKER_LIMIT)

    def _keep(self, task: asyncio.Task[None]) -> None:
        """Work that nobody waits for any more goes on."""
        self._orphans.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._orphans.discard(task)
            with contextlib.suppress(asyncio.CancelledError):
                if error := task.exception():
                    log.debug("a function that was given up failed: %s", error)

        task.add_done_callback(done)


class _Call:
    """One call under way. answer: the platform's, once that was decided; holds: its reply is kept back for good."""

    def __init__(self, send: Send, *, holds: bool) -> None:
        self.answer: PlatformAnswer | None = None
        self.decided = asyncio.Event()
        self._send = send
        self._holds = holds
        self._begun = False

    async def take(self, message: Message) -> None:
        """The function's reply, as long as it is still wanted."""
        if self._holds or self.answer is not None:
            return
        if message["type"] == "http.response.start":
            self._begun = True
            self.decided.set()
        await self._send(message)

    def give_up(self, answer: PlatformAnswer) -> bool:
        """The platform answers from now on; False when somebody has begun to."""
        if self._begun or self.answer is not None:
            return False
        self.answer = answer
        self.decided.set()
        return True


@coroutine
def _metered(work: Coroutine[Any, Any, None], limit_s: float, over: Callable[[], None]) -> Generator[Any, Any, None]:
    """Run it, and say so when it has used more of the processor than that. Waiting costs nothing."""
    used, told = 0.0, False
    step: Callable[[], Any] = partial(work.send, None)
    while True:
        began = time.thread_time()
        try:
            waits = step()
        except StopIteration:
            return
        finally:
            used += time.thread_time() - began
            if used > limit_s and not told:
                told = True
                over()
        try:
            step = partial(work.send, (yield waits))
        except BaseException as error:
            step = partial(work.throw, error)


__all__ = ["BOOT_ERROR", "WORKER_LIMIT", "EdgeRuntime", "PlatformAnswer", "idle_timeout"]
