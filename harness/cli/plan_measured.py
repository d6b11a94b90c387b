"""`harness plan --measured`: a run's folder, or what `harness levers` wrote, beside the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.counted import counted
from harness.core.errors import UsageError
from harness.core.visible import visible

if TYPE_CHECKING:
    from harness.core.profile import Profile
    from harness.plan import PlanInputs, Prices
    from harness.plan.beside import Beside, LeverFigure
    from harness.plan.layout import Section
    from harness.plan.levers import Setting
    from harness.plan.levers_file import LeversFile


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured, beside the model. shipped: None where the profile that ran is not here. levers: of the ones
    asked for; empty when none were."""

    shipped: Beside | None
    levers: tuple[LeverFigure, ...]
    lever_title: str

    def sections(self) -> tuple[Section, ...]:
        """For the table."""
        from harness.plan import render_beside

        found = [] if self.shipped is None else [render_beside.beside(self.shipped)]
        if self.levers:
            found.append(render_beside.levers(self.lever_title, self.levers))
        return tuple(found)


def read(path: Path, settings: Mapping[str, Setting], inputs: PlanInputs, prices: Prices) -> Measured:
    """:raises UsageError: nothing of the kind is there, or the levers asked for were not measured."""
    from harness.plan import levers_file

    if place := levers_file.find(path):
        return _of_levers(levers_file.read(place), place, settings, inputs, prices)
    if settings:
        raise UsageError(
            "a run says nothing of levers",
            where=str(path),
            remedy="give --measured what `harness levers` wrote, or leave --lever out",
        )
    return _of_run(path, inputs, prices)


def _of_run(path: Path, inputs: PlanInputs, prices: Prices) -> Measured:
    from harness.plan import beside
    from harness.plan.measured import Share
    from harness.record.store import open_run
    from reports.frames import load
    from reports.traffic import measure

    frames = load(open_run(path))
    traffic = measure(frames, prices)
    if traffic is None:
        raise UsageError(
            "no session of this run ended by itself", where=str(path), remedy="give a run that came to its end"
        )
    mean = traffic.personas[0]
    seen = {one.endpoint: Share(one.requests, one.rows, one.bytes_in) for one in mean.endpoints}
    profile = frames.manifest.profile
    number = counted(mean.sessions, "session")
    source = f"Run {path.name}: {number} of profile {profile.name}, at that profile's quantities."
    found = beside.shipped(visible(source), beside.modelled_session(profile), seen, inputs, prices)
    return Measured(found, (), "")


def _of_levers(
    file: LeversFile, path: Path, settings: Mapping[str, Setting], inputs: PlanInputs, prices: Prices
) -> Measured:
    from harness.config.load import load_profile
    from harness.plan import beside
    from harness.plan.levers import LEVERS, pulled

    shipped, absent = None, ""
    try:
        profile = load_profile(file.profile)
    except UsageError:
        if not settings:
            raise  # there is nothing else to show
        absent = f" Profile {file.profile} is not here, so the shipped behaviour stands beside no model."
    else:
        shipped = _shipped(file, path, profile, inputs, prices)
    if not settings:
        return Measured(shipped, (), "")
    lever = file.of(settings)
    if lever is None:
        known = ", ".join(one.name for one in file.levers if one.settings and not one.switches) or "none"
        asked = " ".join(f"{name}={value}" for name, value in settings.items())
        raise UsageError(f"{asked} was not measured", where=str(path), remedy=f"measured are: {known}")
    modelled = all(LEVERS[name].modelled for name in settings)
    moved = inputs.changed(app=pulled(settings, inputs.app)) if modelled else None
    title = f"{lever.name}: {lever.verdict or 'measured'}, factors of {file.rounds} rounds.{absent}"
    return Measured(shipped, beside.levers(inputs, moved, lever.factors, prices, lever.by_endpoint), visible(title))


def _shipped(file: LeversFile, path: Path, profile: Profile, inputs: PlanInputs, prices: Prices) -> Beside:
    from harness.plan import beside
    from harness.plan.measured import Share

    seen = {name: Share(requests=count) for name, count in file.shipped.endpoints.items()}
    number = counted(round(file.shipped.sessions), "session")
    source = (
        f"{path.name} of {file.made_at or 'no date'}, target {file.target or 'unknown'}: {number} of profile "
        f"{file.profile} as shipped, at that profile's quantities."
    )
    return beside.shipped(visible(source), beside.modelled_session(profile), seen, inputs, prices, rows=file.rows)
