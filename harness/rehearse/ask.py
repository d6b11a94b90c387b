"""What a rehearsal will do, before a packet leaves: its steps, their profiles, everything that is sent and written."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.config.load import load_profile
from harness.core.counted import counted
from harness.core.errors import UsageError
from harness.core.people import email_pattern
from harness.core.profile import Profile
from harness.core.target import Target
from harness.plan import CapacityPlan, PlanInputs, profile_toml
from harness.plan.run_peak import mean_session
from harness.preflight.model import MOST_CALLS
from harness.provision.leftovers import BY_USER
from harness.record.streams import replacing
from harness.rehearse.state import FILE, AskedRehearsal
from harness.run.plan_limits import peak_of
from harness.schedule.arrivals import plan as schedule

FEWEST_SESSIONS = 10
"""In the hold of a step; one with fewer says nothing, and is left out unless it is the last."""


@dataclass(frozen=True)
class RehearsalStep:
    """One step: a share of the peak, and its profile."""

    share: float
    profile: Profile
    sessions: int  # exactly as planned by the seed

    @property
    def rate(self) -> float:
        """Sessions a second at its peak."""
        return max(max(stage.rate, stage.end_rate) for stage in self.profile.arrivals)

    @property
    def requests(self) -> float:
        """That its sessions send, as planned."""
        return self.sessions * mean_session(self.profile).requests


def steps_of(asked: AskedRehearsal, made: CapacityPlan, inputs: PlanInputs, folder: Path) -> tuple[RehearsalStep, ...]:
    """The steps, with their profiles written to `folder`; without those that are too small to say anything.

    :raises UsageError: a share is no share, or the profile is impossible.
    """
    if not asked.shares or any(not 0 < one <= 1 for one in asked.shares) or list(asked.shares) != sorted(asked.shares):
        raise UsageError("the steps must rise, each above 0 and at most 1", where="--step")
    folder.mkdir(parents=True, exist_ok=True)
    steps = []
    for share in asked.shares:
        text = profile_toml(made, inputs, minutes=asked.hold_minutes, scale=share * asked.scale)
        name = f"peak-{share * 100:g}".replace(".", "-")
        path = folder / f"{name}.toml"
        text = text.replace(f'name = "{tomllib.loads(text)["name"]}"', f'name = "{name}"', 1)
        with replacing(path) as draft:
            draft.write_text(text, encoding="utf-8")
        profile = load_profile(str(path)).model_copy(update={"seed": asked.seed})
        planned = len(schedule(profile.spread_arrivals, profile.mix, profile.people, asked.seed))
        step = RehearsalStep(share, profile, planned)
        if step.rate * asked.hold_minutes * 60 >= FEWEST_SESSIONS or share == asked.shares[-1]:
            steps.append(step)
        else:
            path.unlink()
    return tuple(steps)


def people_of(steps: Sequence[RehearsalStep]) -> int:
    """How many people the largest step needs."""
    return max(step.profile.people for step in steps)


def announcement(target: Target, asked: AskedRehearsal, steps: Sequence[RehearsalStep], folder: Path) -> list[str]:
    """Everything that would be sent and written, in lines. Nothing of it has been."""
    people, pattern = people_of(steps), email_pattern(target.people)
    left = [share for share in asked.shares if share not in {step.share for step in steps}]
    lines = [
        f"target {target.name}: {target.url} ({target.environment})",
        "doctor, by every start, and again when the people are there: one request each of health, key set, claim, "
        "settings, admin list, one Realtime join; with people one sign-in, one minted token, one reply of five kinds "
        "of endpoint; nothing is written",
        "preflight, once: " + ("the database's catalogue, read-only; " if target.keys.dsn_env else "") + "from outside "
        f"as the first two people, each table, function and bucket that the API exposes, one endpoint at most "
        f"{MOST_CALLS} times; rows that it makes go again (each request: harness preflight --outside --dry-run)",
        f"people: GET /auth/v1/admin/users until all are listed; POST /auth/v1/admin/users "
        f"{counted(people, 'time')} at most, "
        f"{pattern.format(index=0)} to {pattern.format(index=people - 1)}, tag {target.people.tag!r}",
    ]
    lines += [f"step {share:.3g}: left out, too few sessions to say anything" for share in left]
    for step in steps:
        peak = peak_of(step.profile, asked.seed)
        phases = step.profile.phases
        lines.append(
            f"step {step.share:.3g}: {counted(step.sessions, 'session')} in {phases.end_s / 60:.0f} min, at most "
            f"{step.rate:.3g}/s; about {counted(step.requests, 'request')}, at most {peak.requests_per_second:,.0f}/s, "
            f"{peak.phones:,} phones, {peak.sockets:,} sockets"
        )
    newcomers = sum(step.sessions * step.profile.mix.get("newcomer", 0.0) for step in steps)
    lines.append(f"of these sessions about {newcomers:,.0f} sign up anew, and are removed with the others")
    lines.append(
        f"clean-up: DELETE /auth/v1/admin/users/{{id}} for each of them; DELETE /rest/v1/{{{', '.join(BY_USER)}}} by "
        "their user ids, rate_limits by their keys, conversations that they opened and nobody else wrote in, and files "
        "that they sent"
    )
    names = [f"{step.profile.name}.toml" for step in steps]
    lines.append(f"written: {folder}/{{{', '.join([FILE, 'rehearsal.md', *names])}}} and a run directory for each step")
    return lines
