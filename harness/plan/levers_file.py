"""What `harness levers` measured, as far as a plan reads it: `levers.json`, format 1."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from harness.config.text_file import RECORD_BYTES, read_bytes
from harness.core.errors import UsageError
from harness.plan.levers import Setting

NAME = "levers.json"
FORMAT = 1


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class MeasuredEffect(_Read):
    """One measure: both arms' means, and the factor between them with its interval."""

    shipped: float | None = None
    lever: float | None = None
    factor: float | None = None
    low: float | None = None
    high: float | None = None
    shown: bool = False


class MeasuredLever(_Read):
    """One lever, or a combination. settings: other than shipped."""

    name: str
    settings: dict[str, Any] = {}
    switches: dict[str, Any] = {}
    verdict: str = ""
    effects: dict[str, MeasuredEffect] = {}
    endpoints: dict[str, MeasuredEffect] = {}

    @property
    def factors(self) -> dict[str, float]:
        """Of what was measured and can be compared, per session."""
        return _factors(self.effects)

    @property
    def by_endpoint(self) -> dict[str, float]:
        """Likewise, of each endpoint's requests."""
        return _factors(self.endpoints)


class MeasuredArm(_Read):
    sessions: float = 0.0
    endpoints: dict[str, float] = {}  # requests per session


class LeversFile(_Read):
    """`levers.json`."""

    format: int
    made_at: str = ""
    target: str = ""
    profile: str
    rounds: int = 0
    shipped: MeasuredArm
    levers: tuple[MeasuredLever, ...] = ()

    @property
    def rows(self) -> float | None:
        """Rows of a shipped session, over all pieces that ran."""
        found = [one.effects["rows"].shipped for one in self.levers if "rows" in one.effects]
        known = [value for value in found if value is not None]
        return math.fsum(known) / len(known) if known else None

    def of(self, settings: Mapping[str, Setting]) -> MeasuredLever | None:
        """What was measured with just these settings, and no switch."""
        for one in self.levers:
            alike = not one.switches and one.settings.keys() == settings.keys()
            if alike and all(_same(one.settings[name], value) for name, value in settings.items()):
                return one
        return None


def _factors(effects: Mapping[str, MeasuredEffect]) -> dict[str, float]:
    return {name: one.factor for name, one in effects.items() if one.factor is not None}


def _same(one: object, other: object) -> bool:
    if isinstance(one, bool):
        one = "on" if one else "off"
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    return math.isclose(float(one), float(other)) if numbers else str(one) == str(other)  # type: ignore[arg-type]


def find(path: Path) -> Path | None:
    """The file in that place: the path itself, or in that folder; None when it is something else."""
    place = path / NAME if path.is_dir() else path
    return place if place.name.endswith(".json") and place.is_file() else None


def read(path: Path) -> LeversFile:
    """:raises UsageError: it is not readable, not of this format, or not what `harness levers` writes."""
    try:
        found = LeversFile.model_validate(json.loads(read_bytes(path, "levers file", limit=RECORD_BYTES)))
    except (ValueError, RecursionError) as error:
        remedy = "give the folder or levers.json of `harness levers`, or a run's folder"
        problem = str(error).splitlines()[0]
        raise UsageError(f"not what `harness levers` writes: {problem}", where=str(path), remedy=remedy) from error
    if found.format != FORMAT:
        raise UsageError(
            f"format {found.format} is not one that this plan reads", where=str(path), remedy="measure again"
        )
    return found
