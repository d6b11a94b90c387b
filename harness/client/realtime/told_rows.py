"""Whether a channel brings what was written of receipts and reactions. (pure)

A row has to be told of when it was written after the server began to listen for this channel. Two things say that it
was: the answer to the phone's own write, and a poll that brings somebody else's row where the poll before did not.
Changes come in the order of their commits, so that a channel has passed a row over when it brought a change of a later
one. What is later needs no clock but the phone's own: a write that left after the row's answer was read was committed
after the row. Where no such write came back, a change of any kind is late enough that came DEADLINE_S after the answer;
less says nothing.

Each phone judges what its own channels bring, so that nothing has to be kept of what did come.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import NamedTuple

from harness.client.realtime.told_keys import READ_RECEIPTS

WRITTEN_ONCE = frozenset((READ_RECEIPTS, "messages"))
"""Tables of whose rows no two writes look the same: a change of one is of the write that is known. A delivery receipt
may be that of a visit before."""
KEPT = 256
"""Rows that are remembered: of what a channel brought, and of what it has to bring."""
SETTLED_S = 1.0
"""A poll sees what was committed so long ago, wherever it is answered."""
DEADLINE_S = 30.0
"""After this a change that did not come will not come (`reports.delivery`)."""


class Untold(NamedTuple):
    """A row that was passed over. polled: a poll brought it; else the phone wrote it itself. missing, of: how often it
    was written, and how many of these changes did not come."""

    table: str
    message: str
    polled: bool
    missing: int
    of: int


class _Asked:
    """One row that has to be told of."""

    __slots__ = ("acknowledged", "first_sent", "heard", "known_at", "message", "polled", "table")

    def __init__(self, table: str, message: str, sent: float, *, polled: bool = False) -> None:
        self.table, self.message, self.polled = table, message, polled
        self.first_sent = sent
        self.acknowledged = self.heard = 0
        self.known_at = 0.0


class ToldRows:
    """One channel's. All instants are the phone's loop time; a key is (table, user, message, ...)."""

    __slots__ = ("_asked", "_brought_at", "_forgotten_at", "_heard", "_latest", "_since")

    def __init__(self) -> None:
        self._since: float | None = None
        self._asked: dict[Hashable, _Asked] = {}
        self._heard: dict[int, tuple[int, float]] = {}  # hash of a key -> how often, and when last
        self._latest = 0.0  # everything that was committed before this instant has been passed
        self._brought_at = 0.0  # when the channel brought anything, last
        self._forgotten_at = 0.0

    def listens(self, at: float) -> None:
        """The server listens from now on. What went before is nothing that it has to tell."""
        self._clear()
        self._since = at

    @property
    def since(self) -> float | None:
        """From when on the server listened; None while it does not."""
        return self._since

    def leaves(self, key: tuple[str, ...], at: float) -> None:
        """A request of this phone leaves that writes this row."""
        if self._since is None:
            return
        row = self._asked.get(key)
        if row is None or row.polled:
            self._ask(key, _Asked(key[0], key[2], at))

    def acknowledged(self, key: tuple[str, ...], sent: float, at: float) -> bool:
        """It was answered at `at`: the row is stored. Whether its change came before."""
        row = self._asked.get(key)
        if row is not None and self._since is not None and sent >= self._since and sent > self._forgotten_at:
            row.acknowledged += 1
            row.known_at = max(row.known_at, at)
            return row.heard >= row.acknowledged
        return False

    def polled(self, key: tuple[str, ...], before: float, at: float) -> None:
        """A poll whose answer was read at `at` brought somebody's row; one that was asked for at `before` did not."""
        if self._since is None or before < self._since + SETTLED_S or before <= self._forgotten_at:
            return
        if key in self._asked or hash(key) in self._heard:
            return
        row = _Asked(key[0], key[2], at, polled=True)
        row.acknowledged, row.known_at = 1, at
        self._ask(key, row)

    def gone(self, key: Hashable) -> None:
        """The row is taken away again. A change is examined after its commit, as whoever listens would see its row
        then (walrus, `realtime.apply_rls`): of a row that is not there any more nobody is told."""
        self._asked.pop(key, None)

    def not_among(self, table: str, keys: Iterable[Hashable], begun: float) -> None:
        """A poll of `table` that was asked for at `begun` brought these: what another poll had brought before, and this
        one does not, is gone. Where nothing is waited for that a poll brought, none of them is looked at."""
        waiting = [
            key for key, row in self._asked.items() if row.polled and row.table == table and row.known_at < begun
        ]
        there = set(keys) if waiting else ()
        for key in waiting:
            if key not in there:
                self.gone(key)

    def brought(self, at: float) -> None:
        """The channel brought a change of whatever kind."""
        self._brought_at = at

    def heard(self, key: tuple[str, ...], at: float) -> float | None:
        """The channel brought a change of this row. Seconds since the phone's own write was answered; None where no
        such answer is known yet."""
        if self._since is None:
            return None
        mark = hash(key)
        times = self._heard.pop(mark, (0, at))[0] + 1
        if len(self._heard) >= KEPT:
            oldest = next(iter(self._heard))
            self._forgotten_at = self._heard.pop(oldest)[1]
        self._heard[mark] = (times, at)
        row = self._asked.get(key)
        if row is None or row.polled:
            return None
        if key[0] in WRITTEN_ONCE:
            self._latest = max(self._latest, row.first_sent)
        row.heard += 1
        return max(0.0, at - row.known_at) if row.heard <= row.acknowledged else None

    def over(self) -> list[Untold]:
        """The channel was left, or is down: what it passed over."""
        found = list(self._passed_over()) if self._since is not None else []
        self._clear()
        return found

    def _passed_over(self) -> Iterator[Untold]:
        for key, row in self._asked.items():
            missing = row.acknowledged - self._heard.get(hash(key), (0, 0.0))[0]
            if missing <= 0 or row.first_sent <= self._forgotten_at:
                continue
            if row.known_at < self._latest or self._brought_at - row.known_at >= DEADLINE_S:
                yield Untold(row.table, row.message, row.polled, missing, row.acknowledged)

    def _ask(self, key: tuple[str, ...], row: _Asked) -> None:
        if len(self._asked) >= KEPT:
            del self._asked[next(iter(self._asked))]
        self._asked[key] = row

    def _clear(self) -> None:
        self._since = None
        self._asked.clear()
        self._heard.clear()
        self._latest = self._brought_at = self._forgotten_at = 0.0
