"""Whether other programs on the machine of the run's own sandbox explain a latency over its limit. (pure)

The sandbox answers with what CPU the rest of the machine leaves it. In seconds in which the machine was full and others
had a tenth of it or more (`harness.run.neighbours`), answers came later than by the target's own doing. Where such
seconds are as many as the objective allows slow answers, it may have been missed for them: a latency over its limit by
no more than such a machine makes is in doubt, neither a pass nor a miss. A target elsewhere is never excused by it.

Of the machine there was 1 - share left; what that makes of a latency is taken as generously as for a machine that was
slower than the baseline's (`reports.environment`).
"""

from __future__ import annotations

from harness.history.machine import GROWS
from harness.record.manifest import Manifest, Neighbours
from reports.health_row import HealthRow
from reports.text import percent, plural

SLACK_S = 1.0
WHERE = "other programs on this machine, where the target ran too,"


def excuse(manifest: Manifest, ratio: float, allowed: float, late_s: float = 0.0) -> str:
    """What speaks for them, as a clause; empty where they do not explain it.

    :param ratio: the latency, over its limit or over what it was before. :param allowed: the share of slow answers that
        the objective allows. :param late_s: by how many seconds one answer is over its limit: in its crowded seconds a
        machine loses no more than the others' share of them, and SLACK_S of those that were just not full.
    """
    found = manifest.neighbours
    if found is None or found.crowded < max(1.0, allowed * found.seconds) or ratio > grown(found):
        return ""
    if late_s > found.crowded * found.share + SLACK_S:
        return ""
    return f"{WHERE} had {_figures(found)}"


def grown(found: Neighbours) -> float:
    """How many times as long answers are taken to have needed, at most, for what others took."""
    return float(1.0 / max(1e-3, 1.0 - found.share)) ** GROWS


def judge(manifest: Manifest) -> tuple[HealthRow, ...]:
    """A row for the generator's health; none for a target elsewhere."""
    found = manifest.neighbours
    if found is None:
        return ()
    bound = "informs; puts missed latency objectives in doubt as far as it explains them"
    if not found.crowded:
        value = f"left the target its CPU in all of {plural(found.seconds, 'second')}"
        return (HealthRow(check="other programs", level="valid", value=value, bound=bound),)
    return (
        HealthRow(
            check="other programs",
            level="suspect",
            value=f"had {_figures(found)}",
            bound=bound,
            reason="the sandbox runs on this machine, and answered later for want of CPU",
            remedy="end what else works here (`top` names it), or run against a target on a machine of its own",
        ),
    )


def _figures(found: Neighbours) -> str:
    return (
        f"{percent(found.share, 0)} of its CPU, with none left, in {found.crowded} of {plural(found.seconds, 'second')}"
    )
