"""The allow list: differences that a team knows of, each with its reason (TOML)."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from harness.config.text_file import decoded, read_bytes, shown
from harness.core.errors import UsageError
from harness.trace.comparison import TraceComparison
from harness.trace.differences import DifferenceKind, TraceDifference

Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class KnownDifference(BaseModel):
    """flow, kind, what, detail: patterns (`*`, `?`) of what a difference says of itself. reason: why it may be."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=10, max_length=2000)]
    flow: Said = "*"
    kind: DifferenceKind | None = None
    what: Said = "*"
    detail: Said = "*"

    def covers(self, difference: TraceDifference) -> bool:
        return (
            (self.kind is None or self.kind is difference.kind)
            and fnmatchcase(difference.flow, _literal(self.flow))
            and fnmatchcase(difference.what, _literal(self.what))
            and fnmatchcase(difference.detail, _literal(self.detail))
        )

    @property
    def name(self) -> str:
        kind = self.kind.value if self.kind else "*"
        return " | ".join(part for part in (self.flow, kind, self.what, self.detail) if part)


class KnownDifferences(BaseModel):
    """The whole file: `[[known]]` tables."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    known: tuple[KnownDifference, ...] = ()

    def applied(self, comparison: TraceComparison) -> TraceComparison:
        """The comparison with reasons; each difference has that of the first entry that covers it. An entry that covers
        none is `unused`, unless none of the flows that it speaks of was compared."""
        reasons: dict[int, str] = {}
        used: set[int] = set()
        for difference in comparison.differences:
            for number, entry in enumerate(self.known):
                if entry.covers(difference):
                    reasons.setdefault(id(difference), entry.reason)
                    used.add(number)
        names = [flow.name for flow in comparison.flows]
        unused = tuple(
            entry.name
            for number, entry in enumerate(self.known)
            if number not in used and any(fnmatchcase(name, _literal(entry.flow)) for name in names)
        )
        return comparison.with_differences(reasons, unused)


def _literal(pattern: str) -> str:
    """Square brackets stand for themselves: paths in bodies have them."""
    return pattern.replace("[", "[[]")


def read_known(path: Path) -> KnownDifferences:
    """:raises UsageError: no TOML, or not of this form."""
    text = decoded(read_bytes(path, "allow list"), "allow list", path)
    remedy = "each [[known]] has a reason, and any of flow, kind, what, detail (docs/phones.md)"
    try:
        return KnownDifferences.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"this allow list is no TOML: {error}", where=shown(path), remedy=remedy) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{place}: {first['msg']}", where=shown(path), remedy=remedy) from None
