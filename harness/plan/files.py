"""Reads the price file, and files with inputs. The only part of the plan that touches a disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.config import load as config
from harness.core.errors import UsageError
from harness.plan.inputs import PlanInputs
from harness.plan.levers import checked, pulled
from harness.plan.prices import Prices
from harness.plan.ranges import Range

PRICES = config.SCENARIOS / "prices.toml"
"""The shipped price file."""


def load_prices(path: str | Path = PRICES) -> Prices:
    """The prices of a file. :raises UsageError: there is no such file, or something in it is wrong."""
    return config.load_model(Path(path), "price file", Prices)


def load_changes(path: str | Path) -> dict[str, Any]:
    """Inputs of a TOML file, by their names in `PlanInputs`, for `PlanInputs.changed`.

    `[mix]` is a table of shares, `[app]` one of levers, `curve` an array of 24, a range is `[low, high]`.

    :raises UsageError: there is no such file, it is not TOML, or a range is no pair.
    """
    place = Path(path)
    return {name: _value(name, value, place) for name, value in config.read_toml(place, "plan input file").items()}


def _value(name: str, value: Any, path: Path) -> Any:
    if name == "app" and isinstance(value, dict):
        return pulled(checked(value))
    if not isinstance(getattr(PlanInputs(), name, None), Range):
        return tuple(value) if isinstance(value, list) else value
    if not isinstance(value, list) or len(value) != 2:
        raise UsageError(f"{name} = {value!r} is no range", where=str(path), remedy=f"write {name} = [low, high]")
    return Range(value[0], value[1])
