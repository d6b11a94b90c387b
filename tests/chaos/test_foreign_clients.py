"""Toxiproxy's clients, unmodified, drive our proxy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from chaos.client import Toxiproxy
from chaos.toolkit import journal
from sandbox.server import Sandbox, SandboxOptions
from tests.chaos.process import proxy_process

ROOT = Path(__file__).parents[2]
NODE = ROOT / "tests" / "node"
PYTHON = ROOT / ".venv" / "toxiproxy-clients" / "bin" / "python"


@pytest.mark.node
@pytest.mark.slow
def test_toxiproxy_node_client() -> None:
    node = shutil.which("node")
    if node is None or not (NODE / "node_modules" / "toxiproxy-node-client").is_dir():
        pytest.skip("needs Node.js 20 and `npm ci` in tests/node; `make test-all` does both")
    with proxy_process() as running:
        done = subprocess.run(
            [node, "--test", "toxiproxy.test.mjs"],
            cwd=NODE,
            env=os.environ | {"TOXIPROXY_URL": running.api},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.node
@pytest.mark.slow
def test_supabase_js_notices_nothing_while_its_requests_are_read_and_delayed() -> None:
    """The whole test of the sandbox's client again, with the proxy in between."""
    node = shutil.which("node")
    if node is None or not (NODE / "node_modules" / "@supabase" / "supabase-js").is_dir():
        pytest.skip("needs Node.js 20 and `npm ci` in tests/node; `make test-all` does both")
    with Sandbox(SandboxOptions(people=20, catalogue=60, seed=5)) as sandbox:
        known = sandbox.discovery
        with (
            proxy_process("--upstream", known["url"].removeprefix("http://")) as running,
            Toxiproxy(running.api) as api,
        ):
            api.add_toxic("target", "http_status", {"path": "/never"})
            for stream in ("upstream", "downstream"):
                api.add_toxic("target", "latency", {"latency": 5, "jitter": 5}, stream=stream)
            environment = os.environ | {
                "SANDBOX_URL": f"http://{running.proxies['target']}",
                "SANDBOX_ANON_KEY": known["anon_key"],
                "SANDBOX_EMAIL": known["people"]["email_pattern"].format(index=0),
                "SANDBOX_PASSWORD": known["people"]["password"],
            }
            done = subprocess.run(
                [node, "--test", "rest.test.mjs"],
                cwd=NODE,
                env=environment,
                capture_output=True,
                text=True,
                timeout=90,
            )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("client", ["toxiproxy", "chaostoolkit"])
def test_python_client(client: str) -> None:
    if not PYTHON.exists():
        pytest.skip(f"needs the clients in {PYTHON.parents[1].name}; `make test-all` installs them")
    with proxy_process() as running:
        host, port = running.api.removeprefix("http://").split(":")
        done = subprocess.run(
            [PYTHON, Path(__file__).with_name("foreign_clients.py"), client, host, port],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_chaos_toolkit_experiment_with_our_actions(tmp_path: Path) -> None:
    """Run by the unmodified `chaos run`; our own journal of the same faults has the keys of its journal."""
    if not PYTHON.exists():
        pytest.skip(f"needs the clients in {PYTHON.parents[1].name}; `make test-all` installs them")
    with proxy_process("--upstream", "127.0.0.1:9") as running:
        done = subprocess.run(
            [PYTHON.with_name("chaos"), "--no-version-check", "run", Path(__file__).with_name("experiment.json")],
            cwd=tmp_path,
            env=os.environ | {"CHAOS_PROXY_URL": running.api, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        theirs = json.loads((tmp_path / "journal.json").read_text())
        with Toxiproxy(running.api) as server:
            ours = journal(server.journal())
    assert (theirs["status"], theirs["deviated"]) == ("completed", False)
    assert [run["output"] for run in theirs["run"]] == ["slow", True, True, 2, 2, True, True]
    assert set(theirs) == set(ours) - {"x-harness"}
    (activity,) = ours["run"]
    assert set(activity) == set(theirs["run"][0])
    assert activity["activity"]["provider"]["arguments"]["attributes"] == {"latency": 10, "jitter": 0}
