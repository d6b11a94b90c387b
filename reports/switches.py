"""The sandbox's switches, as the record notes them: which were on, and which runs differ in. (pure)"""

from __future__ import annotations

from collections.abc import Sequence

PREFIX = "sandbox switch "
OFF = frozenset({"", "0", "0.0", "False", "false", "off", "None"})


def switches(notes: Sequence[str]) -> dict[str, str]:
    """Every switch that the record names, on or off; empty for a run against anything else than a sandbox."""
    named = (note.removeprefix(PREFIX).partition("=") for note in notes if note.startswith(PREFIX))
    return {name: value for name, _, value in named}


def switched_on(notes: Sequence[str]) -> dict[str, str]:
    """The switches that were on."""
    return {name: value for name, value in switches(notes).items() if value not in OFF}


def told(notes: Sequence[str]) -> tuple[str, ...]:
    """The notes for people: switches that were on by name, the others as a number."""
    others = tuple(note for note in notes if not note.startswith(PREFIX))
    named, on = switches(notes), switched_on(notes)
    if not named:
        return others
    off = len(named) - len(on)
    listed = ", ".join(f"{name}={value}" for name, value in on.items())
    return (*others, f"sandbox switches on: {listed} ({off} others off)" if on else f"all {off} sandbox switches off")
