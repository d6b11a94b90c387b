"""When a remembered read is fetched: contract 0.2 (stale time, focus, reconnect) and 5.3 (intervals). (pure)"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tests.prediction.story import Span


def inside(at: float, spans: Iterable[Span]) -> bool:
    """Whether an instant lies in one of the spans."""
    return any(start <= at < end for start, end in spans)


def fetches(
    shown: Sequence[Span],
    *,
    stale_s: float,
    ahead: Sequence[float] = (),
    every_s: Callable[[float], float] | None = None,
    wakes: Sequence[float] = (),
    asleep: Sequence[Span] = (),
    offline: Sequence[Span] = (),
    changes: Sequence[float] = (),
    forced: Sequence[float] = (),
    writes: Sequence[float] = (),
    wait_s: float = 0.0,
) -> list[float]:
    """The instants at which one read is fetched.

    shown: when it is on screen. ahead: when it is fetched ahead of need. every_s: its interval at an instant, counted
    from the last fetch. wakes: when the window or the network came back. asleep: when the window was hidden. changes:
    when the interval became another. forced: when it is fetched however young it is. writes: when the app wrote into
    what it remembers: fresh, and the interval counts from there. wait_s: for an answer, from which the next interval
    counts. What is asked for offline waits, and is fetched once with the first wake that finds a network and the window
    shown, on screen or not.
    """
    moments = [(at, 0) for at in ahead] + [(start, 1) for start, _ in shown] + [(at, 2) for at in wakes]
    moments += [(at, 3) for at in changes] + [(at, 4) for at in forced] + [(at, 5) for at in writes]
    found: list[float] = []
    last: float | None = None
    waits = False

    def fetch(at: float) -> None:
        nonlocal last, waits
        waits = inside(at, offline)
        if not waits:
            found.append(at)
            last = at

    def beats(until: float) -> None:
        """Intervals that end before `until`."""
        if every_s is None:
            return
        for start, end in shown:
            beat = max(start, last if last is not None else start)
            while True:
                beat += every_s(max(beat, since)) + wait_s
                if beat >= min(until, end):
                    break
                if beat > since and not waits and not inside(beat, asleep):
                    fetch(beat)

    since = 0.0
    for at, kind in sorted(moments):
        beats(at)
        stale = not waits and (last is None or at - last >= stale_s)
        awake = kind == 2 and not inside(at, asleep)
        if kind == 5:
            last = at if last is not None else None
        elif kind == 4 or (waits and awake) or (stale and (kind < 2 or (awake and inside(at, shown)))):
            fetch(at)
        since = at
    beats(max((end for _, end in shown), default=0.0))
    return found
