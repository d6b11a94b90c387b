"""A function's workers, as the hosted edge runtime keeps them: when one boots, and when it is retired. (pure)

One at a time for each function. The first call of a worker boots it; calls that come meanwhile wait for the same boot.
It is retired between calls, after a time or a number of them, or ended at once by a resource limit.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WorkerRules:
    """boot_s: until it is up; life_s, calls: when it is retired, 0 never; boot_fails_one_in, limit_one_in: 0 never."""

    boot_s: float = 0.0
    life_s: float = 0.0
    calls: int = 0
    boot_fails_one_in: int = 0
    limit_one_in: int = 0


@dataclass(slots=True, eq=False, weakref_slot=True)
class EdgeWorker:
    """One worker. up_at: when it is booted; stillborn: its boot fails; ended: nobody is sent to it any more."""

    up_at: float
    stillborn: bool
    born: float
    calls: int = 0
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where a call goes. limit: it ends its worker, before its work or after it; "" for any other."""

    worker: EdgeWorker
    limit: str = ""


@dataclass(slots=True)
class FunctionWorkers:
    """Those of one function. Times are seconds of whoever asks."""

    rules: WorkerRules
    boots: int = 0
    _current: EdgeWorker | None = None
    _limited: int = field(default=0)
    _calls: int = field(default=0)

    def assign(self, now: float, *, counts: bool = True) -> Assignment:
        """The worker of a call that comes now, a new one if the last is gone.

        counts: whether it is one that a worker can tire of; a browser's preflight needs a worker, and nothing of it.
        """
        rules, worker = self.rules, self._current
        if worker is None or self._over(worker, now):
            worker = self._current = self._boot(now)
        if not counts:
            return Assignment(worker)
        worker.calls += 1
        self._calls += 1
        if worker.stillborn or not rules.limit_one_in or self._calls % rules.limit_one_in:
            return Assignment(worker)
        self._limited += 1
        return Assignment(worker, "before" if self._limited % 2 else "after")

    def _over(self, worker: EdgeWorker, now: float) -> bool:
        rules = self.rules
        if worker.ended or (worker.stillborn and now >= worker.up_at):
            return True
        if rules.calls and worker.calls >= rules.calls:
            return True
        return bool(rules.life_s) and now - worker.born >= rules.life_s

    def _boot(self, now: float) -> EdgeWorker:
        self.boots += 1
        fails = self.rules.boot_fails_one_in
        stillborn = bool(fails) and self.boots % fails == 0
        return EdgeWorker(now + self.rules.boot_s, stillborn, now)
