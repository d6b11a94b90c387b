"""Which limits of the platform the run met, in plain words: the cause behind failures that other rows count. (pure)

Over the whole run, because a limit that was met in the warm-up shapes what comes after; what overlaps a fault that the
profile itself plans is counted too, it was met all the same. It changes no exit code: what failed of it is judged where
it is counted, and this says why.
"""

from __future__ import annotations

from harness.core.platform_limits import LIMITS, parts_of
from harness.core.tables import View
from reports.frames import Frames
from reports.model import ReportModel
from reports.text import count, plural

NAMED_CALLS = 3
NAMED_LIMITS = 3
"""In the verdict's sentence."""


class LimitMet(ReportModel):
    """One limit: its code, what it is in words, how often it refused something, and which calls, most first."""

    code: str
    meaning: str
    times: int
    calls: dict[str, int]

    @property
    def text(self) -> str:
        """The row in words."""
        shown = list(self.calls.items())[:NAMED_CALLS]
        named = ", ".join(f"{call} {count(times)}" for call, times in shown)
        more = f" and {plural(len(self.calls) - len(shown), 'other call')}" if len(self.calls) > len(shown) else ""
        return (
            f"{self.meaning[0].upper() + self.meaning[1:]}: {plural(self.times, 'time')}, {self.code} ({named}{more})"
        )


def limits(frames: Frames) -> tuple[LimitMet, ...]:
    """The limits that were met, most often met first."""
    rows = frames.generator[frames.generator["view"] == View.LIMIT]
    found: dict[str, dict[str, int]] = {}
    for key, times in rows.groupby("operation", sort=True)["count"].sum().items():
        code, call = parts_of(str(key))
        calls = found.setdefault(code, {})
        calls[call] = calls.get(call, 0) + int(times)
    met = [
        LimitMet(
            code=code,
            meaning=LIMITS.get(code, "a limit of the target"),
            times=sum(calls.values()),
            calls=dict(sorted(calls.items(), key=lambda item: (-item[1], item[0]))),
        )
        for code, calls in found.items()
    ]
    return tuple(sorted(met, key=lambda one: (-one.times, one.code)))


def sentence(met: tuple[LimitMet, ...]) -> str:
    """What goes behind a verdict's sentence; "" where no limit was met."""
    if not met:
        return ""
    named = "; ".join(f"{one.meaning}, {plural(one.times, 'time')}" for one in met[:NAMED_LIMITS])
    more = f"; and {count(len(met) - NAMED_LIMITS)} more" if len(met) > NAMED_LIMITS else ""
    return f" Limits of the platform were met: {named}{more}."
