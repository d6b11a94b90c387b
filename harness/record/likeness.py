"""Whether an earlier run can be a baseline of another: by what both were asked to do. (pure)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.profile import Profile
from harness.record.manifest import Manifest


def differences(
    profile: Profile,
    environment: str,
    baseline: Manifest,
    *,
    complete: bool,
    run_id: str | None = None,
    target: str | None = None,
) -> list[str]:
    """What makes a baseline unlike a run, in words; seeds and descriptions may differ.

    :param run_id: of the run, None before it has one. :param complete: whether the baseline's record is whole.
    :param target: the run's, by name; None where two may be compared.
    """
    theirs, found = baseline.run_id, []
    if theirs == run_id:
        found.append(f"{theirs} is the run itself")
    if profile.name != baseline.profile.name:
        found.append(f"{theirs} ran profile {baseline.profile.name!r}, this run {profile.name!r}")
    elif changed := _changed_keys(profile, baseline.profile):
        found.append(f"{theirs} ran another version of profile {profile.name!r} ({', '.join(changed)})")
    if environment != baseline.target_environment:
        found.append(f"{theirs} ran against {baseline.target_environment}, this run {environment}")
    elif target is not None and target != baseline.target_name:
        found.append(f"{theirs} ran against {baseline.target_name!r}, this run {target!r}")
    if not complete or baseline.status != "complete":
        found.append(f"{theirs} is not a complete run")
    return found


def _changed_keys(mine: Profile, theirs: Profile) -> list[str]:
    def load(profile: Profile) -> Mapping[str, Any]:
        return profile.model_dump(exclude={"seed", "description", "claim", "preflight"})

    ours, others = load(mine), load(theirs)
    return sorted(key for key in ours if ours[key] != others[key])
