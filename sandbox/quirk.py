"""What a named switch of the sandbox is. (pure)"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a switch's value is."""

    COUNT = "a whole number of 0 or more"
    SHARE = "a number from 0 to 1"
    SWITCH = "on or off"


@dataclass(frozen=True, slots=True)
class Quirk:
    """One switch.

    default: the value that leaves the application as shipped.
    effect: what it does when set, units included.
    source: where the behaviour it changes or imitates is written down (a section of the wire contract).
    """

    name: str
    kind: Kind
    default: float
    effect: str
    source: str
