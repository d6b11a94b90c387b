"""A sentence of the manual, what asks it, and what would when nothing did. (pure)"""

from __future__ import annotations

from dataclasses import dataclass

from reports.coverage.ask import Ask
from reports.coverage.model import Way


@dataclass(frozen=True)
class Remedy:
    """What would ask a sentence that a run did not ask. profile: a shipped one, for another run."""

    way: Way
    text: str
    profile: str = ""

    @property
    def words(self) -> str:
        if self.way == "run":
            return f"run profile {self.profile}{f': {self.text}' if self.text else ''}"
        return f"not built yet: {self.text}" if self.way == "not built" else self.text


@dataclass(frozen=True)
class Promise:
    """One sentence that can be kept or broken. chapter: a heading of docs/contract/manual.md. name: short, unique.

    ask None: nothing here asks it yet, or ever will; the remedy says which.
    """

    chapter: str
    name: str
    sentence: str
    ask: Ask | None
    remedy: Remedy


def run(profile: str, text: str = "") -> Remedy:
    """Another run asks it."""
    return Remedy("run", text, profile)


def give(text: str) -> Remedy:
    """A run asks it that is given this."""
    return Remedy("give", text)


def not_built(text: str) -> Remedy:
    """Nothing here asks it yet."""
    return Remedy("not built", text)


def beyond(text: str) -> Remedy:
    """No run of this suite can ask it."""
    return Remedy("beyond", text)
