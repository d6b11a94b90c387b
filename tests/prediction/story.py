"""What one session's person did, as its actions say. Knows the record's words, nothing of how phones work. (pure)"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Span = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """One action. `at` in seconds since the session began."""

    at: float
    action: str
    subject: str = ""
    number: int = 1
    seconds: float = 0.0


@dataclass
class Device:
    """What a browser still knows in its next session (contract 1.2, 2.6, 3.8, 10.1)."""

    signed_in: bool = False
    assistant_known: bool = False
    queued: int = 0  # swipe events in the stored queue


@dataclass(frozen=True)
class Answers:
    """How the target answered one call in a session."""

    requests: int = 0
    failed: int = 0
    seconds: float = 0.0

    @property
    def wait_s(self) -> float:
        """For one answer, on average."""
        return self.seconds / self.requests if self.requests else 0.0


Target = Mapping[str, Answers]
"""Call -> answers. What is slow is asked later again, what fails is asked again: the contract says how."""


@dataclass(frozen=True)
class Page:
    """One page load: from there to the next one or to the end of the session.

    live_at: from when somebody is signed in on it; None when nobody ever is. fresh: signed in without a reload.
    """

    start: float
    end: float
    live_at: float | None
    fresh: bool
    lines: tuple[Line, ...]

    def of(self, *actions: str) -> list[Line]:
        """Its lines of these actions, in order."""
        return [line for line in self.lines if line.action in actions]

    def visits(self, screen: str) -> list[Span]:
        """From when to when it was on screen."""
        return self._spans(self.of("open", "leave"), screen)

    def _spans(self, lines: Iterable[Line], screen: str) -> list[Span]:
        spans, since = [], None
        for line in lines:
            if line.subject != screen:
                continue
            if line.action == "open" and since is None:
                since = line.at
            elif line.action == "leave" and since is not None:
                spans.append((since, line.at))
                since = None
        return spans if since is None else [*spans, (since, self.end)]

    def without(self, start: str, stop: str) -> list[Span]:
        """Spans from an action `start` to the next action `stop`: away and back, offline and online."""
        spans, since = [], None
        for line in self.of(start, stop):
            if line.action == start and since is None:
                since = line.at
            elif line.action == stop and since is not None:
                spans.append((since, line.at))
                since = None
        return spans if since is None else [*spans, (since, self.end)]

    @property
    def hidden(self) -> list[Span]:
        return self.without("away", "back")

    @property
    def offline(self) -> list[Span]:
        return self.without("offline", "online")

    @property
    def wakes(self) -> list[float]:
        """When the window came back or the network did."""
        return [line.at for line in self.of("back", "online")]


@dataclass(frozen=True)
class Story:
    """One session."""

    ticket: int
    lines: tuple[Line, ...]
    newcomer: bool = False
    pages: tuple[Page, ...] = field(init=False)
    end: float = field(init=False)

    def __post_init__(self) -> None:
        ends = [line.at for line in self.lines if line.action in ("closed", "killed")]
        end = min(ends, default=max((line.at for line in self.lines), default=0.0))
        object.__setattr__(self, "end", end)
        object.__setattr__(self, "pages", tuple(_pages(self.lines, end)))

    @property
    def killed(self) -> bool:
        return any(line.action == "killed" for line in self.lines)


def _pages(lines: tuple[Line, ...], end: float) -> Iterable[Page]:
    """Lines after the end are those of an app that is gone; what it still learned from answers is kept."""
    starts = [index for index, line in enumerate(lines) if line.action == "page_load"]
    for index, first in enumerate(starts):
        last = starts[index + 1] if index + 1 < len(starts) else len(lines)
        inside = lines[first:last]
        until = min(end, lines[last].at) if last < len(lines) else end
        enters = [line.at for line in inside if line.action == "enter"]
        signed_in = inside[0].subject == "signed_in"
        live_at = inside[0].at if signed_in else min(enters, default=None)
        kept = tuple(line for line in inside if line.action not in ("closed", "killed") and _before(line, end))
        yield Page(inside[0].at, until, live_at, not signed_in, kept)


def _before(line: Line, end: float) -> bool:
    return (line.at <= end and line.action not in ("away", "back")) or line.at < end


def story(ticket: int, rows: Iterable[Mapping[str, Any]], *, newcomer: bool) -> Story:
    """From rows of the actions table, in order."""
    lines = tuple(
        Line(row["at_us"] / 1e6, row["action"], row["subject"], row["number"], row["seconds"])
        for row in rows
        if row["action"] != "drawn"
    )
    return Story(ticket, lines, newcomer)
