"""Named switches that make the sandbox misbehave on purpose. (pure)

Every switch is off by default, which is MoviNesta as shipped. They are given as `name=value` on the command line, or by
name in code, and each is listed with its value in the sandbox's discovery document, so that a run's record can say what
it ran against.

Each is declared once, as a field of `quirks.QuirkSwitches`, `hosted.HostedSwitches`, `defects.DefectSwitches` or
`throttles.ThrottleSwitches`; parsing, the listing for the command line and the tables of docs/sandbox.md
(`documentation`) follow from that. Imports nothing else of the sandbox.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.switches.defects import DefectSwitches
from sandbox.switches.hosted import PRESETS, HostedSwitches
from sandbox.switches.quirks import QuirkSwitches
from sandbox.switches.switch import Switch, SwitchError, SwitchKind, Value, declared
from sandbox.switches.throttles import ThrottleSwitches

__all__ = [
    "DEFECTS",
    "HOSTED",
    "NAMES",
    "PRESETS",
    "QUIRKS",
    "REGISTRY",
    "THROTTLES",
    "Switch",
    "SwitchError",
    "SwitchKind",
    "Switches",
    "describe",
]


@dataclass(frozen=True)
class Switches(ThrottleSwitches, DefectSwitches, HostedSwitches, QuirkSwitches):
    """The value of every switch."""

    @classmethod
    def parse(cls, assignments: Iterable[str]) -> Switches:
        """From `name=value` texts; the last one wins, and any of them over what a preset says, wherever that stands.

        :raises SwitchError: for a name or value that does not exist.
        """
        values: dict[str, Value] = {}
        for assignment in assignments:
            name, separator, text = assignment.partition("=")
            switch = _BY_NAME.get(name.strip())
            if switch is None:
                raise SwitchError(f"there is no quirk {name.strip()!r}; there are: {', '.join(NAMES)}")
            if not separator:
                raise SwitchError(
                    f"quirk {switch.name} needs a value: {switch.name}={switch.example} ({switch.effect})"
                )
            values[switch.name] = switch.parse(text.strip())
        preset = PRESETS.get(str(values.get("preset", "")))
        if preset is not None:
            values = {**preset.values, **values}
        return cls(**values)  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, Value]:
        """Every switch by name, the unset ones included."""
        return {name: getattr(self, name) for name in NAMES}


QUIRKS: tuple[Switch, ...] = declared(QuirkSwitches)
HOSTED: tuple[Switch, ...] = declared(HostedSwitches)
DEFECTS: tuple[Switch, ...] = declared(DefectSwitches)
THROTTLES: tuple[Switch, ...] = declared(ThrottleSwitches)
REGISTRY: tuple[Switch, ...] = declared(Switches)
NAMES: tuple[str, ...] = tuple(switch.name for switch in REGISTRY)
_BY_NAME = {switch.name: switch for switch in REGISTRY}


def describe() -> str:
    """Every switch in two lines, for people."""
    return "\n".join(
        f"{switch.name}  ({switch.takes}; default {switch.default_text})\n    {switch.effect} [{switch.source}]"
        for switch in REGISTRY
    )
