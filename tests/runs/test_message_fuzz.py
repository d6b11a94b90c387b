"""2,000 messages that no worker sends: none gets the order, none raises, each is counted; the run goes on."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.core.run_token import TOKEN_ENV, new_token
from sandbox.server import Sandbox
from tests.runs.conftest import BRIEF, BRIEF_SLO, finish, start, tell
from tests.runs.message_fuzz import LOCUST, Fuzz, Peer, order_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

MESSAGES = int(os.environ.get("HARNESS_FUZZ_MESSAGES", "2000"))
MAD = "a-worker-gone-mad"


def test_a_listening_master_refuses_and_counts_what_no_worker_sends(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = new_token()
    monkeypatch.setenv(TOKEN_ENV, token)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    out = tmp_path / "runs"
    arguments = ("--url", sandbox.url, "--master", str(port), "--expect-workers", "2", "--wait", "120")
    process = start(out, BRIEF, "--slo", BRIEF_SLO, *arguments)
    command = [sys.executable, "-m", "harness", "run", "--worker", f"127.0.0.1:{port}", "--url", sandbox.url]
    worker = subprocess.Popen(
        [*command, "--wait", "90", "--out", str(tmp_path / "worker")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    mad = Peer(port, token, MAD)
    fuzz = Fuzz(port, token, random.Random(7))
    try:
        mad.say("client_ready", LOCUST)
        mad.await_kind("ack", 120.0)
        fuzz.without_token(MESSAGES // 5)
        fuzz.as_stranger(MESSAGES // 5)
        heartbeat = {"state": "ready", "current_cpu_usage": 0.0, "current_memory_usage": 1}
        spawn = mad.await_kind("spawn", 120.0, lambda: mad.say("heartbeat", heartbeat))
        fuzz.as_worker(mad, order_of(spawn, MAD), MESSAGES - 2 * (MESSAGES // 5))
        mad.close()
        run = finish(process, out)
        said, _ = worker.communicate(timeout=60)
    finally:
        for one in (process, worker):
            if one.poll() is None:
                os.killpg(one.pid, signal.SIGKILL)
                one.wait()
    for text in (run.said, said, (run.folder / "locust.log").read_text(), (run.folder / "run.log").read_text()):
        assert "Traceback" not in text, text[-3000:]
    assert token not in run.said + said
    lines = [json.loads(line) for line in (run.folder / "run.log").read_text().splitlines()]
    refused = [line for line in lines if line["event"] == "messages refused"][-1]["what"]
    tell(f"sent {fuzz.sent.total():,}: {dict(fuzz.sent)}; refused: {refused}")
    assert refused["without the token"] >= 0.9 * fuzz.sent["without the token"]
    assert refused["from a stranger"] + refused["malformed"] >= 0.5 * fuzz.sent["as a stranger"]
    assert sum(refused.values()) >= 0.75 * MESSAGES
    assert any("refused by the master" in note for note in run.manifest["notes"])
    roster = {record["worker"]: record for record in run.manifest["roster"]}
    number = next(one for one, record in roster.items() if record["repeated"])
    assert roster[number]["repeated"] >= 19
    assert run.code == 20, run.said
    assert worker.returncode == 0, said
    assert roster[1 - number]["final"]
