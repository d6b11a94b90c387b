"""A target's limits are kept on the wire, measured by the target, and what waits for them is the generator's doing."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sandbox.server import Sandbox

from .conftest import BRIEF, BRIEF_SLO, finish, start
from .counting_front import counting, most_in_a_second

LIMIT = 20
TARGET = """
name = "limited"
url = "{url}"
environment = "staging"
[keys]
anon_env = "LIMITED_ANON"
service_env = "LIMITED_SERVICE"
[people]
password_env = "LIMITED_PASSWORD"
tag = "{tag}"
domain = "{domain}"
[limits."127.0.0.1"]
requests_per_second = {limit}
phones = 60
"""
PROFILE = f"""
extends = "{BRIEF}"
name = "limited"
people = 60
phones = 60
[phases]
warmup_s = 4
measure_s = 36
drain_s = 25
[[arrivals]]
seconds = 10
rate = {{rate}}
[[arrivals]]
seconds = 20
rate = {{rate}}
[[arrivals]]
seconds = 10
rate = 0
[mix]
reader = 0.7
swiper = 0.3
[behaviour.reader]
pages = {{{{ dist = "constant", value = 3 }}}}
read_s = {{{{ dist = "constant", value = 14 }}}}
[behaviour.swiper]
swipes = {{{{ dist = "constant", value = 20 }}}}
dwell_s = {{{{ dist = "constant", value = 2 }}}}
[[chaos]]
fault = "herd"
at = "measure + 22"
for = 4
allow = {{{{ recover_s = 5 }}}}
"""


def prepared(
    folder: Path, url: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, rate: float
) -> tuple[Path, Path]:
    """Profile and target file: sessions of a hundred requests, fifty of them at once, where twenty a second are
    allowed; and all who are there come back from an outage in the same instant."""
    discovery = sandbox.discovery
    monkeypatch.setenv("LIMITED_ANON", discovery["anon_key"])
    monkeypatch.setenv("LIMITED_SERVICE", discovery["service_key"])
    monkeypatch.setenv("LIMITED_PASSWORD", discovery["people"]["password"])
    tag, _, domain = discovery["people"]["email_pattern"].partition("@")
    target, profile = folder / "target.toml", folder / "limited.toml"
    target.write_text(TARGET.format(url=url, tag=tag.partition("_")[0], domain=domain, limit=LIMIT))
    profile.write_text(PROFILE.format(rate=rate))
    return profile, target


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("workers", [1, 4])
def test_no_second_is_a_tenth_over_the_limit(
    workers: int, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one worker, and with four that share the limit."""
    out = tmp_path / "runs"
    with counting(sandbox.url) as seen:
        profile, target = prepared(tmp_path, seen.url, sandbox, monkeypatch, rate=0.074)
        options = ("--slo", BRIEF_SLO, "--target", target, "--processes", str(workers))
        run = finish(start(out, profile, *options), out, patience_s=240)
    assert run.manifest["status"] == "complete", run.said
    assert len(seen.requests) > 150, run.said
    assert most_in_a_second(seen.requests) <= 22, run.said
    assert most_in_a_second(seen.connections) <= 22, run.said
    assert seen.most_open <= run.manifest["limits"]["sockets"]
    (limits,) = [row for row in run.verdict["health"] if row["check"] == "target's limits"]
    assert limits["level"] == "invalid", limits
    assert "(20 requests/s, 20 new connections/s, 420 sockets) held the generator back" in limits["reason"]
    assert run.code == 20, run.said
    server = pd.read_parquet(run.folder / "latency.parquet")
    server = server[server["view"] == "server"]
    held = pd.read_parquet(run.folder / "latency.parquet")
    held = held[held["view"] == "held"]
    assert held["bucket_us"].max() > 1_000_000, "something waited for more than a second"
    slow = server[server["bucket_us"] > 1_000_000]
    assert slow["count"].sum() < 0.02 * server["count"].sum(), "and no latency of the target's has that in it"
