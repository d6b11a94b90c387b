"""Changes over nights, in words. (pure)"""

from __future__ import annotations

from harness.core.counted import counted
from harness.history.model import Night
from harness.history.series import Changed, Together


def named(one: Changed) -> str:
    """`of_one`, with the operation before it."""
    return f"{one.series.operation} ({one.series.view}) {of_one(one)}"


def of_one(one: Changed) -> str:
    """Since when an operation is another, between which runs and commits."""
    change = one.change
    doubt = f"; doubtful: {one.doubt}" if one.doubt else ""
    return (
        f"since {one.first.started_at[:16]}: {change.after:,.1f} ms instead of {change.before:,.1f} ms"
        f" ({(change.ratio - 1) * 100:+.0f} %); {_between(one.last, one.first)};"
        f" by chance: {change.chance * 100:.2g} %{doubt}"
    )


def of_all(one: Together) -> str:
    """Since when most operations are others, and whose doing that may be."""
    why = (
        one.doubt
        if one.doubt
        else "the canary did not change: the target, the network to it, or a build that slows what all of them pass"
    )
    return (
        f"{len(one.operations)} of {counted(one.asked, 'operation')} together since {one.first.started_at[:16]}:"
        f" {(one.ratio - 1) * 100:+.0f} % in the middle; {_between(one.last, one.first)}; {why}"
    )


def _between(last: Night, first: Night) -> str:
    commits = f", commits {last.commit[:12]}..{first.commit[:12]}" if last.commit and first.commit else ""
    return f"between {last.run_id} and {first.run_id}{commits}"
