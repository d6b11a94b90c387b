"""When a read receipt is written: newest message changed, at most one each 3 s, the last one never lost. (pure)

Contract 5.6: throttle 3000 ms with the trailing write kept. Whether it moves forward is nobody's concern: the client
writes what is newest on its screen with its own clock (trap T45).
"""

from __future__ import annotations

EVERY_S = 3.0


class ReadMarker:
    """One open conversation, scrolled to its end. Clock values in seconds."""

    __slots__ = ("_newest", "_written", "_written_at")

    def __init__(self) -> None:
        self._newest: str | None = None
        self._written: str | None = None
        self._written_at: float | None = None

    def sees(self, newest: str) -> None:
        """This is the newest message that the server has given an id."""
        self._newest = newest

    def due(self) -> float | None:
        """When to call `take`; None while there is nothing new. Any past instant means now."""
        if self._newest is None or self._newest == self._written:
            return None
        return 0.0 if self._written_at is None else self._written_at + EVERY_S

    def take(self, now: float) -> str | None:
        """The message to mark read now, if it is time."""
        due = self.due()
        if due is None or now < due:
            return None
        self._written, self._written_at = self._newest, now
        return self._written
