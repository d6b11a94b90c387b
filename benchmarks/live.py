"""What the live figures of a run cost its master: a worker's second taken in, and a snapshot with its metrics.

    .venv/bin/python benchmarks/live.py [--seconds 60]

CPU milliseconds, by attempts a second of one worker. Attempts come as counts per bucket, so their number hardly
matters; the script exits 1 when fifty times the rate costs more than three times as much, or when one worker's second
and a snapshot together take more than 1 % of a core.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson

from harness.config.load import load_profile, load_slos
from harness.core.outcome import Outcome
from harness.core.rows import made
from harness.core.run_spec import windows_of
from harness.core.tables import LATENCY, View
from harness.live.exposition import render
from harness.live.families import families
from harness.live.faults import FaultBoard
from harness.live.otlp import request
from harness.live.state import LiveState
from harness.record.manifest import Manifest
from harness.record.recorder import Recorder

RATES = (100, 1_000, 5_000)
MAX_RATIO, MAX_SHARE = 3.0, 0.01
CALLS = ["home_feed", "swipe_deck", "swipe_events", "message_send", "messages_poll", "conversation_list"]
CALLS += [f"call_{number}" for number in range(20)]


def milliseconds(action: Callable[[], object], times: int) -> float:
    """CPU of one call."""
    begun = time.process_time()
    for _ in range(times):
        action()
    return (time.process_time() - begun) / times * 1e3


def state() -> LiveState:
    profile = load_profile("nightly")
    manifest = Manifest(
        run_id="benchmark",
        status="running",
        started_at="2026-01-01T00:00:00+00:00",
        seed=1,
        profile=profile,
        slos=load_slos(),
        target_name="nobody",
        target_url="http://127.0.0.1:1",
        target_environment="sandbox",
        windows=windows_of(profile),
        planned_sessions=10_000,
        plan_digest="0" * 64,
        workers=1,
        versions={},
    )
    return LiveState(manifest, np.linspace(0, profile.phases.end_s, 10_000), FaultBoard(Path("/nonexistent")))


def of_one_rate(rate: int, seconds: int) -> tuple[float, float, float, float]:
    """Of a worker's second: taking it in, a snapshot, Prometheus's text, OpenTelemetry's."""
    profile = load_profile("nightly")
    recorder, random, live = Recorder(windows_of(profile)), np.random.default_rng(1), state()
    begins = profile.phases.warmup_s + 5.0
    batches = []
    for second in range(seconds):
        for value, call in zip(random.lognormal(-2.5, 0.6, rate), random.choice(CALLS, rate), strict=True):
            outcome = Outcome.OK if random.random() > 0.002 else Outcome.TIMEOUT
            recorder.sample(View.SERVER, str(call), outcome, begins + second, float(value))
            recorder.sample(View.E2E, str(call), outcome, begins + second, float(value) * 2)
        for _ in range(100):
            recorder.sample(View.LAG, "generator", Outcome.OK, begins + second, 0.0004)
        batches += [batch for _, batch in made(recorder.take())]
    queue = iter(batches)
    take = milliseconds(lambda: live.absorb(0, LATENCY, next(queue)), len(batches))
    at = iter(np.arange(begins, begins + 10_000, 1.0))
    look = milliseconds(lambda: live.tick(float(next(at)), [0]), seconds)
    now = live.latest
    assert now is not None
    text = milliseconds(lambda: render(families(now)), 20)
    otlp = milliseconds(
        lambda: orjson.dumps(request(families(now), zero_epoch_s=1.0, at_s=now.at_s, run_id="r", version="1")), 20
    )
    return take, look, text, otlp


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    seconds = parser.parse_args().seconds
    found = {}
    print("CPU ms    attempts/s   a worker's second   snapshot   /metrics   OTLP set")
    for rate in RATES:
        found[rate] = of_one_rate(rate, seconds)
        take, look, text, otlp = found[rate]
        print(f"          {rate:10,}   {take:17.2f}   {look:8.2f}   {text:8.2f}   {otlp:8.2f}")
    ratio = found[RATES[-1]][0] / found[RATES[0]][0]
    share = max((take + look) / 1000 for take, look, _, _ in found.values())
    print(f"fifty times the rate: {ratio:.2f} times the cost; a worker's second and a snapshot: {share:.2%} of a core")
    return int(ratio > MAX_RATIO or share > MAX_SHARE)


if __name__ == "__main__":
    sys.exit(main())
