"""Who made the load, and whether all of it arrived: the manifest's roster. (pure)"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Counters(BaseModel):
    """How much there is, counted on one side of the channel. Master and worker each keep their own."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    attempts: int = 0  # server-view samples
    samples: int = 0  # of all views, the generator's own included
    arrivals: int = 0  # rows: one when a session starts, one when it ends
    health: int = 0  # rows


class WorkerRecord(BaseModel):
    """What the master knows about one worker. Instants are seconds since the run's zero, on the master's clock."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    worker: int
    host: str
    pid: int
    folder: str  # the worker's own run files, on its machine; "" when they are the run's
    tickets: int  # planned sessions that are its own
    first_report_s: float
    last_report_s: float
    reports: int  # taken down; repeats not counted
    missing: int  # sequence numbers that never came
    repeated: int  # reports that came twice; the second one was not added
    longest_silence_s: float  # between two reports, or from the last one to the run's end if that was not its farewell
    final: bool  # whether its farewell came
    lost_at_s: float | None  # when the master gave it up for silence; stays when it came back
    taken_over: int  # of its tickets, those that others took over (--rebalance)
    sent: Counters  # what the worker says it sent, at its last report
    received: Counters  # what the master wrote down of it
