"""Toxiproxy's clients, unmodified, drive our proxy."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

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
