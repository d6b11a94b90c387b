"""What is said of a run's herds. (pure)

Part of `verdict.json` (`herds`). Rates are requests a second, instants seconds since the run's zero.
"""

from __future__ import annotations

from typing import Literal

from reports.model import ReportModel
from reports.text import count, figure, percent, plural, ratio, seconds

Cause = Literal["push", "outage", "reconnect", "expiry", "tokens"]
CAUSES: dict[Cause, str] = {
    "push": "everybody opens the app",
    "outage": "everybody has a network again",
    "reconnect": "every connection has ended",
    "expiry": "every cache is out of date",
    "tokens": "every token has run out",
}


WORTH_TELLING = 0.01
"""Failures in a herd beyond which its shape is also the target's doing: what fails is asked again."""


class HerdRow(ReportModel):
    """One operation in a herd, or all of them (`operation` empty)."""

    operation: str
    mean_per_s: float  # in the calm before the first herd
    calm_peak_per_s: float  # in that calm's busiest second
    peak_per_s: float  # in the busiest second of the herd
    peak_at_s: float
    in_peak: float  # of these, in the second that is the busiest of all requests together
    extra: float  # requests of the herd beyond the mean
    jitter_s: float | None  # spread with which the expected peak keeps the stated ratio; null: none, or no mean
    expected_per_s: float | None  # the expected peak with that spread
    busiest_per_s: float | None  # what the busiest second of a run like this would about show with it

    @property
    def ratio(self) -> float | None:
        """Peak over mean."""
        return self.peak_per_s / self.mean_per_s if self.mean_per_s else None


class HerdReport(ReportModel):
    """One herd, until the next one or the end of the measure phase."""

    name: str
    cause: Cause
    at_s: float
    until_s: float
    ratio: float  # that was asked for
    tried_s: float  # the jitter that phones had in this run
    failed_share: float  # of the requests from its cause on: no complete answer, or a server error
    whole: HerdRow
    rows: tuple[HerdRow, ...]  # operations, the largest part of the herd first

    @property
    def sentence(self) -> str:
        """In one sentence, for a terminal."""
        row = self.whole
        place = f"{self.name} ({CAUSES[self.cause]}) at {self.at_s:.0f} s"
        found = (
            f"{count(round(row.peak_per_s))} requests in the busiest second, {ratio(row.ratio)} of the mean "
            f"{figure(row.mean_per_s)}, {seconds(max(0.0, row.peak_at_s - self.at_s))} after it"
        )
        if self.rows:
            worst = self.rows[0]
            found += f", the largest part {worst.operation} ({count(round(worst.in_peak))})"
        if self.failed_share >= WORTH_TELLING:
            found += f", {percent(self.failed_share, 0)} of its requests failed"
        tried = f"with a jitter of {seconds(self.tried_s)} " if self.tried_s else ""
        return f"{place}: {tried}{found}; {self.remedy}."

    @property
    def remedy(self) -> str:
        """What jitter the stated ratio takes."""
        row = self.whole
        aim = f"{figure(self.ratio)} times the mean"
        if row.jitter_s is None:
            return f"no jitter up to ten minutes brings it to {aim}"
        more = "more " if self.tried_s else ""
        if not row.jitter_s:
            return f"that is at most {aim}, no {more}jitter needed"
        text = f"{seconds(row.jitter_s)} of {more}jitter would bring the expected peak to {aim}"
        if row.busiest_per_s is not None:
            text += f" (about {count(round(row.busiest_per_s))} in the busiest second of a run as small as this)"
        return text


class Herds(ReportModel):
    """All of them. note: why there is nothing to hold them against."""

    calm_s: float
    dispersion: float  # variance over mean of the calm's seconds
    herds: tuple[HerdReport, ...]
    note: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """For a terminal: a sentence each."""
        return (*(one.sentence for one in self.herds), *([f"Herds: {self.note}."] if self.note else []))

    @property
    def gist(self) -> str:
        """In a few words."""
        if not self.herds:
            return self.note
        worst = max(self.herds, key=lambda one: one.whole.ratio or 0.0)
        return f"{plural(len(self.herds), 'herd')}, at most {ratio(worst.whole.ratio)} of the mean second"
