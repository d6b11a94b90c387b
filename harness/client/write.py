"""One write of one person on its way, noted in the ledger as it goes."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from harness.core.ledger import LedgerEntry, WriteStep, proven
from harness.core.outcome import Outcome

if TYPE_CHECKING:
    from harness.client.api.classify import Reading
    from harness.client.device import Device

OFFLINE = "offline"
"""The code of a request that found no network."""
LOST_REQUEST = "lost_request"
"""The code of a request that chaos lost before it left."""
NOT_SENT = frozenset({OFFLINE, LOST_REQUEST, "AUTH_REQUIRED"})
"""Codes of requests that never left the phone."""

carried: ContextVar[tuple[Write, ...]] = ContextVar("carried", default=())
"""The writes on their way in this task, kept only where somebody may send them twice."""


class Write:
    """Made by `Device.write` when the person wants it; tell it when a request leaves and how it ended."""

    __slots__ = ("_entry", "_phone")

    def __init__(self, phone: Device, entry: LedgerEntry) -> None:
        self._phone = phone
        self._entry = entry

    def sent(self) -> None:
        """A request that carries it leaves."""
        self._step(WriteStep.SENT, Outcome.OK)
        if self._phone.fault_injector is not None:
            carried.set((*carried.get(), self))

    def sent_again(self) -> None:
        """A copy of that request leaves, whose answer nobody reads."""
        self._step(WriteStep.SENT, Outcome.OK)

    def answered(self, reading: Reading, row: str | None = None) -> None:
        """The request is over. `row`: the server's own id for what it wrote."""
        self._arrived()
        unsent = reading.status == 0 and reading.code in NOT_SENT
        self._step(WriteStep.UNSENT if unsent else proven(reading.outcome), reading.outcome, row)

    def settled(self, outcome: Outcome) -> None:
        """The server said so about this very write, whatever the request as a whole came to."""
        self._arrived()
        self._step(proven(outcome), outcome)

    def dropped(self) -> None:
        """The phone will never send it again."""
        self._step(WriteStep.DROPPED, Outcome.GAVE_UP)

    def _arrived(self) -> None:
        if self._phone.fault_injector is not None:
            carried.set(tuple(write for write in carried.get() if write is not self))

    def _step(self, step: WriteStep, outcome: Outcome, row: str | None = None) -> None:
        kit = self._phone.kit
        kit.ledger.step(self._entry, step, self._phone.now() - kit.zero, outcome, row)
