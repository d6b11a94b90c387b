"""PhoneUser: a Locust User whose one task takes the next ticket and has its session run; then waits."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import gevent
from locust import User, task
from locust.env import Environment
from locust.user.task import LOCUST_STATE_STOPPING

from harness.client.device import Device
from harness.core.behaviour import PERSONAS, persona_of
from harness.load.session_runner import SessionBody
from harness.load.ticket_queue import TicketQueue
from harness.schedule.arrivals import Ticket

START_AGAIN_S, START_AGAIN_MAX_S = 1.0, 30.0
CLOSED_WAIT_S = (1.0, 5.0)


class SessionServer(Protocol):
    """What users, and the events of their test, need of the worker whose they are."""

    @property
    def closed(self) -> bool:
        """Whether users open one session after the other, instead of by a plan."""

    @property
    def bodies(self) -> Mapping[str, SessionBody]:
        """What a session of each persona does."""

    @property
    def ticket_queue(self) -> TicketQueue: ...

    def run(self, ticket: Ticket, body: SessionBody) -> None:
        """Block the calling greenlet until the session is over."""

    def idle(self) -> None:
        """Block the calling greenlet while there are no tickets: until more come, or the test is about to stop."""

    def inherit(self, tickets: list[int]) -> None:
        """Serve these too: their worker was lost."""

    def start_failed(self, error: Exception, wait_s: float) -> None:
        """A user could not start, and tries again after so many seconds."""

    def close(self) -> None:
        """Locust is about to stop its users: have their sessions end first."""

    def cut(self) -> None:
        """The kill switch: all sessions lose their connections now."""

    def finish(self) -> None:
        """All users have stopped: stop the engine, hand over the rest."""


@dataclass(slots=True)
class Serving:
    """Who serves this process' users: nobody before a test and after it."""

    worker: SessionServer | None = None


serving = Serving()


class PhoneUser(User):
    """A slot in which one phone at a time is in use. Personas derive from it and define `session`.

    A class that derives from a shipped persona is that persona to profile and record, whatever its own name, unless it
    sets `persona` itself: it draws from the same quantities.
    """

    abstract = True
    persona: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "persona" not in vars(cls) and cls.persona not in PERSONAS:
            cls.persona = persona_of(cls.__name__)

    def run(self) -> None:
        """Locust's own, but a start that fails is tried again: Locust would drop the user and its share of the load."""
        wait = START_AGAIN_S
        while True:
            try:
                super().run()
            except Exception as error:
                if serving.worker is not None:
                    serving.worker.start_failed(error, wait)
                gevent.sleep(wait)
                wait = min(2.0 * wait, START_AGAIN_MAX_S)
                if self._state == LOCUST_STATE_STOPPING:
                    return
            else:
                return

    async def session(self, phone: Device) -> None:
        """What this kind of person does from opening the app to closing it. Runs on the engine's loop."""
        raise TypeError(f"{type(self).__name__} does not define session()")

    def wait_time(self) -> float:
        """Between two sessions: none when the plan decides, a few seconds in closed mode."""
        return random.uniform(*CLOSED_WAIT_S) if serving.worker is not None and serving.worker.closed else 0.0

    @task
    def next_session(self) -> None:
        worker = serving.worker
        ticket = worker.ticket_queue.take(self.persona) if worker is not None else None
        if worker is None:
            gevent.sleep(0.1)
        elif ticket is None:
            worker.idle()
        else:
            worker.run(ticket, self.session if worker.closed else worker.bodies[ticket.persona])


def phone_classes(environment: Environment) -> list[type[PhoneUser]]:
    """Those of the user classes that are ours; a locustfile may have any others beside them."""
    return [kind for kind in environment.user_classes if issubclass(kind, PhoneUser)]
