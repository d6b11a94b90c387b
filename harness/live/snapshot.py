"""One second of a run as pages and metrics show it. (pure)

Figures are of the measure phase so far, unless a name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.core.tables import View
from harness.live.standing import SloStanding

QUANTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class HealthLine:
    """One check of the generator, by the bounds of the verdict. level: valid, suspect or invalid."""

    check: str
    level: str
    value: str
    bound: str
    figure: float | None = None


@dataclass(frozen=True, slots=True)
class ActiveFault:
    """What goes wrong on purpose now. left_s: by plan; None: nobody knows when it ends."""

    entry: str
    fault: str
    layer: str
    since_s: float
    left_s: float | None
    share: float
    hits: int
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """One worker process, as it said last. Seconds since zero; shares of one core."""

    worker: int
    host: str
    present: bool
    heard_s: float | None
    sessions: int
    sockets: int
    cpu_share: float | None
    descriptors: int | None


@dataclass(frozen=True, slots=True)
class Spread:
    """Quantiles of some waiting, milliseconds, by `QUANTILES`; and how many samples they are of."""

    samples: int
    quantiles_ms: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class OperationHistogram:
    """How long one operation took: counts of at most each bound (seconds), all, failures among them, and the sum of the
    answers' seconds."""

    view: View
    operation: str
    bounds_s: tuple[float, ...]
    at_most: tuple[int, ...]
    samples: int
    failed: int
    sum_s: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at `at_s`, seconds since its zero; before zero it is negative."""

    run_id: str
    profile: str
    target: str
    at_s: float
    end_s: float  # 0: nobody planned its end
    phase: str  # warmup, measure, drain; "starting" before zero
    slos: tuple[SloStanding, ...]
    attempts: int  # of the whole run
    failed: int
    per_second: float  # attempts, over the last seconds
    outcomes: tuple[tuple[str, str, int], ...]  # view, outcome, how often; of the whole run
    sessions: int  # open
    due: int  # sessions planned until now
    started: int
    left: int  # not begun yet
    late: tuple[tuple[str, int], ...]  # by cause
    lateness: Spread  # of starts
    lag: Spread  # of the generator's own loop
    sockets: int  # of Realtime, open
    channels: int
    subscriptions: int
    frames_per_second: float
    connections: int | None  # of HTTP and Realtime: descriptors of all workers; None: not told yet
    health: tuple[HealthLine, ...]
    faults: tuple[ActiveFault, ...]
    workers: tuple[WorkerLine, ...]
    stopping: str = ""  # why the run is being ended; "" while it goes on
    histograms: tuple[OperationHistogram, ...] = field(default=())

    @property
    def doubts(self) -> tuple[str, ...]:
        """Checks of the generator for which the run could not pass, as it is now."""
        return tuple(one.check for one in self.health if one.level == "invalid")

    @property
    def stands(self) -> str:
        """All objectives in one word: missed, met or open."""
        states = {str(one.stands) for one in self.slos}
        if "missed" in states:
            return "missed"
        return "met" if states and states <= {"met", "afterwards"} and "met" in states else "open"
