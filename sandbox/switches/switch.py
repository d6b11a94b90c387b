"""What a named switch of the sandbox is, and how a field of a dataclass declares one. (pure)"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, TypeAlias

Value: TypeAlias = int | float | bool | str
_KEY = "switch"


class SwitchError(ValueError):
    """A switch that does not exist, or a value it cannot take. The text says which, and what would be right."""


class SwitchKind(StrEnum):
    """What a switch's value is."""

    COUNT = "a whole number of 0 or more"
    SHARE = "a number from 0 to 1"
    FLAG = "on or off"
    CHOICE = "one of its names"


_EXAMPLES = {SwitchKind.FLAG: "on", SwitchKind.COUNT: "10", SwitchKind.SHARE: "0.01"}


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch.

    default: the value that leaves the application as shipped.
    effect: what it does when set, units included.
    source: where the behaviour it changes or imitates is written down (a section of the wire contract).
    choices: the names that it can take, where it takes names.
    """

    name: str
    kind: SwitchKind
    default: Value
    effect: str
    source: str
    choices: tuple[str, ...] = ()

    @property
    def takes(self) -> str:
        """Its values, in words."""
        return f"one of {', '.join(self.choices)}" if self.choices else self.kind.value

    @property
    def example(self) -> str:
        """A value it can take, as text."""
        return self.choices[0] if self.choices else _EXAMPLES[self.kind]

    @property
    def default_text(self) -> str:
        """The default as people read it."""
        return "off" if not self.default else str(self.default)

    def parse(self, text: str) -> Value:
        """The value that a text means. :raises SwitchError: when it cannot take it."""
        complaint = SwitchError(f"quirk {self.name} takes {self.takes}, not {text!r}: {self.effect}")
        if self.kind is SwitchKind.CHOICE:
            if text not in self.choices:
                raise complaint
            return text
        if self.kind is SwitchKind.FLAG:
            if text not in ("on", "off"):
                raise complaint
            return text == "on"
        if self.kind is SwitchKind.COUNT:
            if not text.isascii() or not text.isdigit() or len(text) > 9:
                raise complaint
            return int(text)
        try:
            share = float(text)
        except ValueError:
            raise complaint from None
        if not math.isfinite(share) or not 0 <= share <= 1:
            raise complaint
        return share


def count(effect: str, source: str) -> int:
    """Declares a switch that is a whole number, 0 as shipped. Name and type are those of the dataclass's field."""
    made: int = _declared(0, SwitchKind.COUNT, effect, source)
    return made


def share(effect: str, source: str) -> float:
    """Declares a switch that is a share from 0 to 1, 0 as shipped."""
    made: float = _declared(0.0, SwitchKind.SHARE, effect, source)
    return made


def flag(effect: str, source: str) -> bool:
    """Declares a switch that is on or off, off as shipped."""
    made: bool = _declared(False, SwitchKind.FLAG, effect, source)
    return made


def choice(names: tuple[str, ...], effect: str, source: str) -> str:
    """Declares a switch that takes one of these names, none as shipped."""
    made: str = _declared("", SwitchKind.CHOICE, effect, source, names)
    return made


def _declared(default: Value, kind: SwitchKind, effect: str, source: str, choices: tuple[str, ...] = ()) -> Any:
    """A field: to its class's type checker the value that it holds, as `dataclasses.field` is."""
    return field(default=default, metadata={_KEY: (kind, default, effect, source, choices)})


def declared(settings: type[Any]) -> tuple[Switch, ...]:
    """The switches that a dataclass declares, its bases' included, in the order of its fields."""
    return tuple(Switch(one.name, *one.metadata[_KEY]) for one in fields(settings) if _KEY in one.metadata)
