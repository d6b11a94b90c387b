"""Sessions in waves, on an engine against the replay."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator

from replay.engine import serving

from harness.client.device import Device
from harness.core.profile import ArrivalStage, Phases, Profile
from harness.load.engine import Engine
from harness.schedule.arrivals import Ticket

PATIENCE_S = 120.0
Session = Callable[[Device], Awaitable[None]]


class Waves:
    """Sessions of people 0 to n, all at once, again and again."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._tickets = self._over = 0

    def begin(self, people: range, session: Session) -> None:
        """Within a quarter of a second."""
        self._over = 0
        for place, person in enumerate(people):
            self._tickets += 1
            at = self.engine.now() + 0.25 * place / len(people)
            self.engine.submit(Ticket(self._tickets, at, "reader", person), session, self._ended)

    def wait_for(self, done: Callable[[], bool]) -> None:
        """Meanwhile do what a worker's other thread does: take what the engine noted.

        :raises SystemExit: it took too long, or something of ours failed."""
        ends = time.monotonic() + PATIENCE_S
        while not done():
            if time.monotonic() > ends:
                raise SystemExit(f"sessions were not over after {PATIENCE_S:g} s")
            time.sleep(0.05)
            self.engine.attempts.clear()
            self.engine.taken.clear()
        if self.engine.problems:
            raise SystemExit(str(self.engine.problems[0]))

    def wave(self, people: range, session: Session) -> int:
        """All of them from beginning to end; the requests that they made."""
        before = self.engine.counted
        self.begin(people, session)
        self.wait_for(lambda: self._over == len(people))
        return self.engine.counted - before

    def settle(self, seconds: float) -> None:
        """Let what runs beside the sessions come to rest."""
        ends = time.monotonic() + seconds
        self.wait_for(lambda: time.monotonic() >= ends)

    def _ended(self) -> None:
        self._over += 1


@contextlib.contextmanager
def waves(url: str, people: int, *, realtime: bool = False) -> Iterator[Waves]:
    """An engine at work."""
    profile = Profile(
        name="short",
        people=people,
        phones=people,
        phases=Phases(warmup_s=0, measure_s=3600, drain_s=1),
        arrivals=(ArrivalStage(seconds=3600, rate=1),),
        mix={"reader": 1.0},
        realtime=realtime,
    )
    engine, thread = serving(url, profile, "short")
    try:
        yield Waves(engine)
    finally:
        engine.stop()
        thread.join(10)
