"""One write of one person on its way, noted in the ledger as it goes."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol

from harness.client.api.classify import Reading
from harness.core.ledger import LedgerEntry, WriteStep, proven
from harness.core.outcome import Outcome

OFFLINE = "offline"
"""The code of a request that found no network."""
LOST_REQUEST = "lost_request"
"""The code of a request that chaos lost before it left."""
PREFLIGHT_FAILED = "preflight failed"
"""The code of a request that did not leave because the browser's question before it brought no usable answer."""
PREFLIGHT_REFUSED = "preflight refused"
"""The code of a request that did not leave because the answer to that question does not allow it."""
NOT_SENT = frozenset({OFFLINE, LOST_REQUEST, PREFLIGHT_FAILED, PREFLIGHT_REFUSED, "AUTH_REQUIRED"})
"""Codes of requests that never left the device."""

carried: ContextVar[tuple[Write, ...]] = ContextVar("carried", default=())
"""The writes on their way in this task: their request may be sent twice, by a fault or by the wire itself."""


class WriteNotes(Protocol):
    """Where a write is noted; see `SessionNotes`."""

    def step(self, entry: LedgerEntry, step: WriteStep, outcome: Outcome, row: str | None = None) -> None: ...


class Write:
    """Made by `SessionNotes.write` when the person wants it; tell it when a request leaves and how it ended."""

    __slots__ = ("_entry", "_notes")

    def __init__(self, notes: WriteNotes, entry: LedgerEntry) -> None:
        self._notes = notes
        self._entry = entry

    def sent(self) -> None:
        """A request that carries it leaves."""
        self._notes.step(self._entry, WriteStep.SENT, Outcome.OK)
        carried.set((*carried.get(), self))

    def sent_again(self) -> None:
        """A copy of that request leaves, whose answer nobody reads."""
        self._notes.step(self._entry, WriteStep.SENT, Outcome.OK)

    def answered(self, reading: Reading, row: str | None = None) -> None:
        """The request is over. `row`: the server's own id for what it wrote."""
        self._arrived()
        unsent = reading.status == 0 and reading.code in NOT_SENT
        step = WriteStep.UNSENT if unsent else proven(reading.outcome)
        self._notes.step(self._entry, step, reading.outcome, row)

    def settled(self, outcome: Outcome) -> None:
        """The server said so about this very write, whatever the request as a whole came to."""
        self._arrived()
        self._notes.step(self._entry, proven(outcome), outcome)

    def dropped(self) -> None:
        """The device will never send it again."""
        self._notes.step(self._entry, WriteStep.DROPPED, Outcome.GAVE_UP)

    def forgotten(self) -> None:
        """The app held it back without a network and lost it with its page: no request ever carried it."""
        self._notes.step(self._entry, WriteStep.FORGOTTEN, Outcome.GAVE_UP)

    def _arrived(self) -> None:
        carried.set(tuple(write for write in carried.get() if write is not self))
