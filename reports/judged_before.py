"""The runs that a run was compared with when it was judged, found again where they lay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from harness.history.packed import FOLDER
from reports.compare_rows import Comparison
from reports.model import ReportModel

VERDICT = "verdict.json"
GONE = "what it was slower than is no longer here: "
"""Before what such a regression was, in the reasons of a verdict that cannot ask again."""


class _Before(ReportModel, extra="ignore"):
    comparison: Comparison | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class JudgedBefore:
    """folders: the baselines; also: further runs of its build. note: of those that are gone, then both are empty."""

    folders: tuple[Path, ...] = ()
    also: tuple[Path, ...] = ()
    note: str = ""


def judged_before(folder: Path) -> JudgedBefore:
    """By the verdict that lies in `folder`: runs beside it, or those that a history laid out there. Nothing where there
    is no verdict, or it compared nothing."""
    try:
        found = _Before.model_validate_json((folder / VERDICT).read_bytes()).comparison
    except (OSError, ValidationError):
        return JudgedBefore()
    if found is None:
        return JudgedBefore()
    places = {one: _place(folder, one) for one in (*found.baselines, *found.also)}
    if gone := [one for one, place in places.items() if place is None]:
        lost = ", ".join(gone)
        return JudgedBefore(note=f"Compared with nothing: it was judged with runs that are no longer here: {lost}.")
    return JudgedBefore(_folders(places, found.baselines), _folders(places, found.also))


def regressed_before(folder: Path) -> str:
    """What the verdict that lies in `folder` said of a regression against runs of which some are gone, or told on of
    one before it; empty where they are there, so that it can be asked again, or where there was none."""
    try:
        found = _Before.model_validate_json((folder / VERDICT).read_bytes())
    except (OSError, ValidationError):
        return ""
    if found.comparison is None:
        told = (reason.partition(GONE)[2].removesuffix(".") for reason in found.reasons)
        return next(filter(None, told), "")
    return found.comparison.sentence if found.comparison.regressed and judged_before(folder).note else ""


def _folders(places: dict[str, Path | None], ids: Sequence[str]) -> tuple[Path, ...]:
    return tuple(place for one in ids if (place := places[one]) is not None)


def _place(folder: Path, run_id: str) -> Path | None:
    """A run id is a folder's name; anything else in its place is not followed."""
    if not run_id or Path(run_id).name != run_id or run_id.startswith("."):
        return None
    beside = folder.absolute().parent
    return next((one for one in (beside / run_id, beside / FOLDER / run_id) if (one / "manifest.json").is_file()), None)
