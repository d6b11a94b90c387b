"""Which message the app asks the assistant to answer, and when: debounce, one call at a time, one waiting. (pure)

Contract 6.6, chat-reply client: 600 ms after the last message, one call in flight, and of what is written meanwhile
only the newest waits.
"""

from __future__ import annotations

DEBOUNCE_S = 0.6


class Turns:
    """One conversation with the assistant. Clock values in seconds; message ids in and out."""

    __slots__ = ("_due", "_pending", "_queued", "asking")

    def __init__(self) -> None:
        self.asking: str | None = None  # the message whose answer is being fetched
        self._queued: str | None = None
        self._pending: str | None = None
        self._due = 0.0

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited or about to be asked for."""
        return self.asking is not None or self._queued is not None or self._pending is not None

    @property
    def due(self) -> float | None:
        """When to call `fire`; None when nothing waits for its debounce."""
        return self._due if self._pending is not None else None

    def wrote(self, message: str, now: float) -> None:
        """A message was stored. An earlier one that has not fired is forgotten."""
        self._pending, self._due = message, now + DEBOUNCE_S

    def fire(self, now: float) -> str | None:
        """The debounce may be over; the message to ask about now, if any. Early or repeated calls do nothing."""
        if self._pending is None or now < self._due:
            return None
        message, self._pending = self._pending, None
        if self.asking is not None:
            self._queued = message
            return None
        self.asking = message
        return message

    def ended(self) -> str | None:
        """The call in flight is over, however; the message to ask about next."""
        self.asking, self._queued = self._queued, None
        return self.asking
