"""What the plan asks of its busiest hour, and the files that a run of it needs: profile and target."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from replay.control import SERVICE_KEY

from harness.config.load import load_profile
from harness.core.profile import ArrivalStage, Profile
from harness.doctor.checks.generator import VALID_SHARE
from harness.plan import CapacityPlan, PlanInputs, profile_toml

PROFILE = "peak"
LONGEST_DRAIN_S = 60.0
"""Sessions that are open at the end have nothing more to show: their queues are sent, and they close."""
SOURCES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
"""Two connections a phone, and those that were closed within a minute, are more than one address has ports."""
ANON, SERVICE, JWT = "PEAK_ANON_KEY", "PEAK_SERVICE_KEY", "PEAK_JWT_SECRET"


@dataclass(frozen=True)
class Asked:
    """By the plan, of a share `scale` of its busiest hour. Rates are per second; `requests` has no preflights in it.

    presence and changes are messages of Realtime as the app asks for them, presence_limit what the platform delivers.
    """

    scale: float
    sessions: float
    requests: float
    preflights: float
    phones: float
    presence: float
    presence_limit: float
    changes: float

    @classmethod
    def of(cls, plan: CapacityPlan, scale: float) -> Asked:
        """The figures of a plan. Presence, which grows with the square of the phones, by that; its limit is the
        platform's share for so many phones."""
        peak = plan.figures.peak
        streams = {stream.name: stream for stream in plan.figures.realtime.streams}
        return cls(
            scale=scale,
            sessions=peak.arrivals * scale,
            requests=(peak.requests - peak.preflights) * scale,
            preflights=peak.preflights * scale,
            phones=peak.phones * scale,
            presence=streams["presence"].peak * scale**2,
            presence_limit=streams["presence"].limit * scale,
            changes=streams["database changes"].peak * scale,
        )


def share_that_fits(cost_us: float, full: Asked) -> float:
    """The share of the peak at which workers have as much of a core as leaves their figures beyond doubt, where a
    request costs them so much; hundredths, so that two calibrations mostly say the same."""
    carried = VALID_SHARE * 1e6 / max(cost_us, 1e-9) / (full.requests + full.preflights)
    return min(1.0, max(0.01, math.floor(100 * carried) / 100))


def profile_file(plan: CapacityPlan, inputs: PlanInputs, scale: float, hold_s: float, folder: Path) -> Path:
    """The plan's own profile without its end: nothing cools down, sessions close when the measure phase is over, and
    what only a verdict would end early goes on."""
    planned = folder / "planned-peak.toml"
    planned.write_text(profile_toml(plan, inputs, minutes=hold_s / 60, scale=scale), encoding="utf-8")
    base = load_profile(planned)
    stages = base.arrivals[:-1]
    lines = [
        f'extends = "./{planned.name}"',
        f'name = "{PROFILE}"',
        f'description = "{scale:.4g} of the busiest hour that harness plan makes of {inputs.dau:,.0f} people a day."',
        "promises_evidence = false # a replay stores nothing",
        "[abort]",
        "[phases]",
        f"measure_s = {hold_s:g}",
        f"drain_s = {min(LONGEST_DRAIN_S, base.phases.drain_s):g}",
        *(line for stage in stages for line in _stage(stage)),
    ]
    path = folder / f"{PROFILE}.toml"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def _stage(stage: ArrivalStage) -> list[str]:
    end = [] if stage.to is None else [f"to = {stage.to:.15g}"]
    return ["[[arrivals]]", f"seconds = {stage.seconds:.15g}", f"rate = {stage.rate:.15g}", *end]


def target_file(url: str, folder: Path) -> Path:
    """A target on loopback, whose people are known and whose tokens are minted."""
    path = folder / "replay.toml"
    lines = ['name = "replay"', f'url = "{url}"', 'environment = "local"', "[keys]"]
    lines += [f'anon_env = "{ANON}"', f'service_env = "{SERVICE}"', f'jwt_secret_env = "{JWT}"', ""]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def keys(secret: str) -> Mapping[str, str]:
    """What the target file names. secret: that tokens are signed with, which a replay takes on trust."""
    return {ANON: "replay", SERVICE: SERVICE_KEY, JWT: secret}


def length_s(profile: Profile) -> float:
    """From the run's zero to its end, at most."""
    return profile.phases.end_s + profile.phases.drain_s
