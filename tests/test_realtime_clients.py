"""Unmodified Realtime clients of two generations, and the Python one, against a sandbox."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.realtime import RealtimeSettings
from sandbox.server import Sandbox, SandboxOptions
from tests.sandbox.signed_in import sql

FOLDER = Path(__file__).parent / "node"
VERSIONS = ("2.90.1", "2.119.1")
PYTHON_CLIENT = FOLDER.parent / "python-client"
PYTHON = FOLDER.parents[1] / ".venv" / "realtime-client" / "bin" / "python"
LIMIT_S = 100
SETTINGS = RealtimeSettings().changed(
    {
        "connect_error_ms": 0,
        "channel_error_ms": 0,
        "cold_retry_min_ms": 20,
        "cold_retry_max_ms": 50,
        "resubscribe_min_ms": 100,
        "resubscribe_max_ms": 200,
    }
)
PAIR = """
select c.id, array_agg(u.email order by u.email) as members from public.conversations c
join public.conversation_participants p on p.conversation_id = c.id join auth.users u on u.id = p.user_id
where not c.is_group and u.email like 'p\\_%' group by c.id having count(*) = 2 order by c.id limit 1
"""
STRANGER = """
select email from auth.users u where email like 'p\\_%' and not exists (
  select 1 from public.conversation_participants p where p.user_id = u.id and p.conversation_id = $1
) order by email limit 1
"""


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """A sandbox, and two members of one conversation with a stranger to it, as the clients' environment."""
    with Sandbox(SandboxOptions(people=20, catalogue=60, seed=5, realtime=SETTINGS)) as sandbox:
        known = sandbox.discovery
        pair = sql(sandbox, PAIR)[0]
        yield os.environ | {
            "SANDBOX_URL": known["url"],
            "SANDBOX_ANON_KEY": known["anon_key"],
            "SANDBOX_JWT_SECRET": known["jwt_secret"],
            "SANDBOX_PASSWORD": known["people"]["password"],
            "SANDBOX_CONVERSATION": str(pair["id"]),
            "ANN_EMAIL": pair["members"][0],
            "BOB_EMAIL": pair["members"][1],
            "EVE_EMAIL": sql(sandbox, STRANGER, pair["id"])[0]["email"],
        }


@pytest.fixture(scope="module")
def node() -> str:
    """The path of node; skips where the clients cannot run, saying what is missing."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not on PATH; install Node.js 20 or newer")
    for version in VERSIONS:
        if not (folder(version) / "node_modules" / "@supabase" / "supabase-js").is_dir():
            pytest.skip(f"{folder(version).name}/node_modules is missing; run `sh scripts/test-tools.sh`")
    return found


def folder(version: str) -> Path:
    return FOLDER / f"supabase-{version}"


def run(node: str, environment: dict[str, str], version: str, wanted: str) -> subprocess.CompletedProcess[str]:
    other = next(one for one in VERSIONS if one != version)
    return subprocess.run(
        [node, "--no-deprecation", "realtime/cases.mjs", wanted],
        cwd=FOLDER,
        env=environment
        | {"CLIENT_VERSION": version, "CLIENT_FOLDER": str(folder(version)), "OTHER_FOLDER": str(folder(other))},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_the_lock_file_pins_the_client_and_names_no_registry(version: str) -> None:
    text = (folder(version) / "package-lock.json").read_text()
    assert "://" not in text
    assert json.loads(text)["packages"]["node_modules/@supabase/realtime-js"]["version"] == version


@pytest.mark.node
@pytest.mark.parametrize("version", VERSIONS)
def test_the_real_client_in_short(node: str, environment: dict[str, str], version: str) -> None:
    finished = run(node, environment, version, "fast")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "13 passed, 0 failed" in finished.stdout, finished.stdout


@pytest.mark.node
@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_the_real_client_in_full(node: str, environment: dict[str, str], version: str) -> None:
    finished = run(node, environment, version, "all")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "23 passed, 0 failed" in finished.stdout, finished.stdout


@pytest.mark.slow
def test_the_python_client(environment: dict[str, str]) -> None:
    if not PYTHON.exists():
        pytest.skip("the Python client's environment is missing; run `sh scripts/test-tools.sh`")
    finished = subprocess.run(
        [PYTHON, "cases.py"], cwd=PYTHON_CLIENT, env=environment, capture_output=True, text=True, timeout=LIMIT_S
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "5 passed, 0 failed" in finished.stdout, finished.stdout
