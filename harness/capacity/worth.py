"""What a rate is worth in people a day, and how far it is from the plan's peak. (pure)"""

from __future__ import annotations

from harness.core.counted import counted
from harness.core.frozen_model import FrozenModel
from harness.plan import PlanInputs, Prices
from harness.plan.capacity import figures


class Worth(FrozenModel):
    """A rate against the plan. Sessions and requests a second; people a day."""

    sessions: float
    requests: float | None  # that were sent at that rate
    planned_sessions: float  # in the plan's busiest hour
    planned_requests: float
    planned_dau: float
    people_by_sessions: float  # whose busiest hour has so many sessions
    people_by_requests: float | None  # whose busiest hour has so many requests

    @property
    def people(self) -> float:
        """The more careful of the two: a profile's sessions may ask for less than those of the plan."""
        if self.people_by_requests is None:
            return self.people_by_sessions
        return min(self.people_by_sessions, self.people_by_requests)

    @property
    def headroom(self) -> float:
        """What is carried, times what the plan needs; below 1 it does not suffice."""
        return self.people / self.planned_dau

    @property
    def text(self) -> str:
        enough = (
            f"{self.headroom:.2g} times the plan's peak"
            if self.headroom >= 1
            else (f"{self.headroom:.1%} of the plan's peak")
        )
        return f"{counted(self.people, 'person', 'people')} a day; {enough} for {self.planned_dau:,.0f}"


def worth(sessions: float, requests: float | None, inputs: PlanInputs, prices: Prices) -> Worth:
    """Of a rate, with the requests a second that were seen at it."""
    peak = figures(inputs, prices).peak
    return Worth(
        sessions=sessions,
        requests=requests,
        planned_sessions=peak.arrivals,
        planned_requests=peak.requests,
        planned_dau=inputs.dau,
        people_by_sessions=inputs.dau * sessions / peak.arrivals,
        people_by_requests=None if requests is None else inputs.dau * requests / peak.requests,
    )
