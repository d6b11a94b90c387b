"""The unmodified @supabase/supabase-js against a whole sandbox."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.server import Sandbox, SandboxOptions
from sandbox.switches import Switches

FOLDER = Path(__file__).parent / "node"
LIMIT_S = 90


@pytest.fixture(scope="module")
def node() -> str:
    """The path of node; skips where the client cannot run, saying what is missing."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not on PATH; install Node.js 20 or newer")
    if not (FOLDER / "node_modules" / "@supabase" / "supabase-js").is_dir():
        pytest.skip("tests/node/node_modules is missing; run `npm ci` in tests/node, or `make test-all`")
    return found


def test_the_lock_file_names_no_registry() -> None:
    assert "://" not in (FOLDER / "package-lock.json").read_text()


@pytest.mark.node
def test_the_real_client_works_against_the_sandbox(node: str) -> None:
    _passes(node, "rest.test.mjs", SandboxOptions(people=20, catalogue=60, seed=5))


@pytest.mark.node
@pytest.mark.parametrize(
    "switches",
    [
        ("api_keys=new", "token_signing=ES256"),
        ("api_keys=new", "token_signing=RS256"),
        ("api_keys=new", "token_signing=HS256"),
        ("api_keys=both", "token_signing=ES256"),
    ],
    ids=lambda one: "+".join(one),
)
def test_the_real_client_works_with_every_kind_of_key(node: str, switches: tuple[str, ...]) -> None:
    _passes(node, "rest.test.mjs", SandboxOptions(people=20, catalogue=60, seed=5, switches=Switches.parse(switches)))


@pytest.mark.node
def test_the_real_client_under_the_platforms_limits_does_what_phones_do(node: str) -> None:
    switches = ("sign_in_burst=3", "sign_in_per_5_minutes=1", "forwarded_for_trusted=on", "edge_worker_limit_one_in=1")
    options = SandboxOptions(people=4, catalogue=20, access_token_lifetime_s=60, switches=Switches.parse(switches))
    _passes(node, "hosted.test.mjs", options)


def _passes(node: str, cases: str, options: SandboxOptions) -> None:
    with Sandbox(options) as sandbox:
        known = sandbox.discovery
        people = known["people"]
        environment = os.environ | {
            "SANDBOX_URL": known["url"],
            "SANDBOX_ANON_KEY": known["anon_key"],
            "SANDBOX_EMAIL": people["email_pattern"].format(index=0),
            "SANDBOX_PASSWORD": people["password"],
        }
        finished = subprocess.run(
            [node, "--test", cases],
            cwd=FOLDER,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    assert finished.returncode == 0, finished.stdout + finished.stderr
