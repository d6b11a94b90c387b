"""A profile with more load or less. (pure)"""

from __future__ import annotations

import math

from harness.core.profile import Profile


def scaled(profile: Profile, factor: float) -> Profile:
    """As many sessions per second times `factor`, and as many phones for them, but no more than there are people.

    :raises ValueError: what comes out is no possible profile; pydantic's error names the figure.
    """
    if factor == 1.0:
        return profile
    stages = tuple(
        stage.model_copy(
            update={"rate": stage.rate * factor, "to": None if stage.to is None else stage.to * factor},
        )
        for stage in profile.arrivals
    )
    phones = max(1, min(profile.people, math.ceil(profile.phones * factor)))
    return Profile.model_validate({**dict(profile), "arrivals": stages, "phones": phones})
