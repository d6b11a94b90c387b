"""Nothing leaves: the whole list of attacks, in a network namespace with a counter, sends no packet to anybody else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.egress.attacks import HOSTS

ROOT = Path(__file__).resolve().parents[2]
UNSHARE = ["unshare", "--net", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",))]


def why_not() -> str:
    """Why no namespace can be made here; empty where one can."""
    if not sys.platform.startswith("linux"):
        return "network namespaces are Linux's"
    if missing := [tool for tool in ("unshare", "ip", "mount") if shutil.which(tool) is None]:
        return f"{', '.join(missing)} not installed"
    tried = ["sh", "-c", "ip link set lo up && mount --bind /etc/hosts /etc/hosts"]
    found = subprocess.run([*UNSHARE, *tried], capture_output=True, text=True, timeout=60, check=False)
    return f"network namespaces are not allowed here: {found.stderr.strip()}" if found.returncode else ""


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the list of attacks came to."""
    if reason := why_not():
        pytest.skip(reason)
    command = [*UNSHARE, sys.executable, "-m", "tests.egress.attacks", str(tmp_path_factory.mktemp("attacks"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_counter_sees_what_leaves(driven: dict[str, Any]) -> None:
    assert {to for to, _ in driven["control"]} == set(HOSTS)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_attack_sends_a_packet(driven: dict[str, Any]) -> None:
    assert len(driven["attacks"]) >= 35
    assert driven["packets"] == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_attack_is_refused_in_one_message(driven: dict[str, Any]) -> None:
    assert [one for one in driven["attacks"] if not one["fine"]] == []
