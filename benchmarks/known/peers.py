"""The others' side: plain Locust with closed users, and k6 with an arrival rate, each as its manual shows it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from known.schedule import Schedule, percentiles

LOCUST_USERS = 20
K6_USERS = 100
PLAIN = """
import json
from locust import FastHttpUser, constant_throughput, events, task

class Visitor(FastHttpUser):
    wait_time = constant_throughput({each!r})

    @task
    def probe(self):
        self.client.get("/probe")

@events.quitting.add_listener
def tell(environment, **_):
    total = environment.stats.total
    figures = [total.get_response_time_percentile(q / 100) for q in {wanted!r}]
    print("FIGURES", json.dumps([total.num_requests, figures]), flush=True)
"""
SCRIPT = """
import http from 'k6/http';
export const options = {{
  summaryTrendStats: {stats},
  scenarios: {{ open: {{ executor: 'constant-arrival-rate', rate: {rate}, timeUnit: '1s', duration: '{seconds:g}s',
    preAllocatedVUs: {users}, gracefulStop: '10s' }} }},
}};
export default () => http.get('http://127.0.0.1:{port}/probe');
"""

Answer = tuple[int, tuple[float, ...]]


def locust(folder: Path, port: int, *, rate: float, seconds: float, core: int, wanted: tuple[float, ...]) -> Answer:
    """Requests made and percentiles in seconds, as Locust's own statistics state them."""
    script = folder / "plain_locust.py"
    script.write_text(PLAIN.format(each=rate / LOCUST_USERS, wanted=list(wanted)))
    command = [sys.executable, "-m", "locust", "-f", str(script), "--headless", "--only-summary", "-t", f"{seconds:g}s"]
    command += ["-u", str(LOCUST_USERS), "-r", str(LOCUST_USERS), "--host", f"http://127.0.0.1:{port}"]
    line = next(line for line in _output(command, core, seconds).splitlines() if line.startswith("FIGURES "))
    requests, figures = json.loads(line.removeprefix("FIGURES "))
    return int(requests), tuple(figure / 1000 for figure in figures)


def k6(folder: Path, port: int, *, rate: float, seconds: float, core: int, wanted: tuple[float, ...]) -> Answer | None:
    """The same of k6; None where it is not installed."""
    if shutil.which("k6") is None:
        return None
    names = [f"p({q:g})" for q in wanted]
    script, summary = folder / "open.js", folder / "k6.json"
    script.write_text(
        SCRIPT.format(stats=json.dumps(names), rate=round(rate), seconds=seconds, users=K6_USERS, port=port)
    )
    _output(["k6", "run", "--quiet", "--no-usage-report", "--summary-export", str(summary), str(script)], core, seconds)
    metrics = json.loads(summary.read_text())["metrics"]
    return int(metrics["http_reqs"]["count"]), tuple(metrics["http_req_duration"][name] / 1000 for name in names)


def _output(command: list[str], core: int, seconds: float) -> str:
    pinned = ["taskset", "-c", str(core), *command] if shutil.which("taskset") else command
    done = subprocess.run(pinned, capture_output=True, text=True, timeout=seconds + 60)
    if done.returncode not in (0, 1):  # Locust answers 1 after a failed request
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-500:]}")
    return done.stdout


def truth(
    log: npt.NDArray[np.float64], schedule: Schedule, rate: float, seconds: float, wanted: tuple[float, ...]
) -> tuple[float, ...]:
    """What steady open arrivals at `rate` would have seen in the peer's own time, percentiles in seconds."""
    origin, first = float(log[0, 1]), float(log[1:, 1].min())
    arrivals = first + np.arange(round(rate * seconds)) / rate
    found: tuple[float, ...] = percentiles(
        (schedule.due(at, number, origin) - at for number, at in enumerate(arrivals)), wanted
    )
    return found
