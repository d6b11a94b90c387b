"""What each session did and sent: written down as it happens, rows of the traffic and actions tables once it is over.

Noting is an addition to a dict or an append to a list (under 1 us, `benchmarks/session_log.py`); rows are made outside
the hot path. A log is one session's, belongs to its worker's event loop and may be noted in after the session's end:
what a closed app still had under way is that session's traffic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa

from harness.core.actions import UserAction
from harness.core.outcome import Outcome
from harness.core.rows import Row, Rows
from harness.core.session_end import SessionEnd
from harness.core.tables import ACTIONS, TRAFFIC

OPEN_EVERY_S = 10
"""How often sessions that are still open hand over what they have noted: what a killed run may lack of them."""


class SessionLog:
    """One session's notes. Instants are seconds of the phone's clock.

    outcomes: of each operation, how the last one ended. end: why the session was over before its person was done.
    """

    __slots__ = ("_actions", "_begun", "_calls", "_draws", "end", "outcomes", "ticket")

    def __init__(self, ticket: int, begun: float) -> None:
        self.ticket = ticket
        self.end: SessionEnd | None = None
        self.outcomes: dict[str, Outcome] = {}
        self._begun = begun
        self._calls: dict[str, list[Any]] = {}
        self._actions: list[tuple[int, str, str, int, float]] = []
        self._draws: dict[str, list[float]] = {}

    def sent(
        self, call: str, seconds: float, bytes_out: int = 0, bytes_in: int = 0, rows: int = 0, *, failed: bool = False
    ) -> None:
        """One request is over, answered or not, after `seconds`."""
        noted = self._calls.get(call)
        if noted is None:
            noted = self._calls[call] = [0, 0, 0.0, 0, 0, 0]
        noted[0] += 1
        noted[1] += failed
        noted[2] += seconds
        noted[3] += bytes_out
        noted[4] += bytes_in
        noted[5] += rows

    def wrote(self, call: str, rows: int) -> None:
        """More rows of a request that `sent` has noted: those only its caller can know."""
        self._calls.setdefault(call, [0, 0, 0.0, 0, 0, 0])[5] += rows

    def did(self, action: UserAction, at: float, subject: str = "", number: int = 1, seconds: float = 0.0) -> None:
        """An action, at this instant; what the columns mean: `harness.core.actions`."""
        self._actions.append((max(0, round((at - self._begun) * 1e6)), action, subject, number, seconds))

    def drew(self, quantity: str, value: float) -> None:
        """One draw of a quantity of the profile."""
        noted = self._draws.get(quantity)
        if noted is None:
            noted = self._draws[quantity] = [0, 0.0]
        noted[0] += 1
        noted[1] += value

    def take(self) -> Noted:
        """What was noted since the last take."""
        noted = Noted(self.ticket, self._calls, self._actions, self._draws)
        self._calls, self._actions, self._draws = {}, [], {}
        return noted


class Noted(NamedTuple):
    """Taken from one session's log. Its rows are made where they are written down."""

    ticket: int
    calls: dict[str, list[Any]]
    actions: list[tuple[int, str, str, int, float]]
    draws: dict[str, list[float]]

    def rows(self, table: str, worker: int) -> list[Row]:
        """Of the traffic table one a call; of the actions table one an action, and draws added up at instant 0."""
        if table == TRAFFIC:
            return [(self.ticket, worker, call, *noted) for call, noted in self.calls.items()]
        actions: list[Row] = [(self.ticket, worker, *action) for action in self.actions]
        drawn = ((name, int(count), total) for name, (count, total) in self.draws.items())
        return actions + [(self.ticket, worker, 0, UserAction.DRAWN, *draw) for draw in drawn]


@dataclass(frozen=True, slots=True)
class LogsTaken:
    """Logs on their way into one table; see `harness.core.rows.Taken`."""

    table: str
    worker: int
    noted: list[Noted]

    def batch(self) -> pa.RecordBatch:
        """See `Taken`."""
        return Rows(self.table, [row for one in self.noted for row in one.rows(self.table, self.worker)]).batch()


class SessionLogs:
    """The logs of one worker, on their way into the record."""

    def __init__(self, worker: int) -> None:
        self._worker = worker
        self._open: set[SessionLog] = set()
        self._ended: list[SessionLog] = []
        self._leaving: list[SessionLog] = []
        self._takes = 0

    def begin(self, log: SessionLog) -> None:
        """A session begins."""
        self._open.add(log)

    def end(self, log: SessionLog) -> None:
        """It is over. Its log is looked at once more a second later: cancelled requests report last."""
        self._open.discard(log)
        self._ended.append(log)

    def take(self, *, everything: bool = False) -> list[LogsTaken]:
        """What has been noted; of open sessions every tenth time only, or with `everything`. Call once a second."""
        self._takes += 1
        logs = [*self._ended, *self._leaving]
        if everything or self._takes % OPEN_EVERY_S == 0:
            logs += self._open
        self._ended, self._leaving = [], self._ended
        noted = [log.take() for log in logs]
        traffic = [one for one in noted if one.calls]
        actions = [one for one in noted if one.actions or one.draws]
        return [LogsTaken(table, self._worker, of) for table, of in ((TRAFFIC, traffic), (ACTIONS, actions)) if of]
