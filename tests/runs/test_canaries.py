"""No byte of a run holds a secret, whatever the target says and however the run ends.

A canary of every kind of secret is planted; healthy and hostile targets are driven, one run is killed; then record,
logs and terminal are searched, tables and compressed parts opened, for every dress that a secret may wear.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from harness.core.secret_filter import forms
from harness.record.streams import batches
from sandbox.server import Sandbox

from .conftest import BRIEF, BRIEF_SLO
from .echo import echoing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]
PART = 24
"""Characters of a secret that are too many to be seen, if it is longer."""


def token(role: str) -> str:
    """A key as Supabase makes them, with a signature that is nobody's."""
    parts = [{"alg": "HS256", "typ": "JWT"}, {"role": role, "iss": f"canary-{role}-{'x' * 20}"}]
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*coded, f"canary-signature-{role}-0123456789ABCDEFGH"])


CANARIES = {
    "T_ANON": token("anon"),
    "T_SERVICE": token("service"),
    "T_PASSWORD": "canary/Pass+word=0123456789&x",
    "T_JWT": "canary-jwt-secret-0123456789-abcdefghijklmnop",
    "T_DSN": "postgresql://canary_user:canary-dsn-pass-0123@127.0.0.1:1/canary_db",
    "UNRELATED_TOKEN": "canary-of-somebody-else-0123456789",
}
TARGET = """
name = "hostile"
url = "{url}"
environment = "local"
[keys]
anon_env = "T_ANON"
service_env = "T_SERVICE"
[people]
password_env = "T_PASSWORD"
"""


def contents(folder: Path) -> Iterator[tuple[str, str]]:
    """Every file below as text, tables opened."""
    for file in sorted(folder.rglob("*")):
        if not file.is_file():
            continue
        yield str(file), file.read_bytes().decode("latin-1")
        if file.suffix == ".parquet":
            yield f"{file}, opened", str(pq.read_table(file).to_pylist())
        elif file.suffix == ".arrows":
            yield f"{file}, opened", str([batch.to_pylist() for batch in batches(file)])


def leaks(texts: list[tuple[str, str]], canaries: dict[str, str]) -> list[str]:
    found = []
    for name, secret in canaries.items():
        needles = {form.lower() for form in forms(secret)}
        needles |= {form[-PART:] for form in needles if len(form) > PART}
        for where, text in texts:
            lowered = text.lower()
            squeezed = "".join(lowered.replace("\\n", "").replace("\\r", "").split())
            found += [
                f"{name} as {needle!r} in {where}" for needle in needles if needle in lowered or needle in squeezed
            ]
    return found


def start(out: Path, *arguments: str | Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "harness", "run", str(BRIEF), "--slo", str(BRIEF_SLO), "--out", str(out), "-v"]
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **CANARIES},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def environments(process: subprocess.Popen[bytes]) -> list[str]:
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            found.append(f"{child.environ()} {child.cmdline()}")
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("killed", [False, True])
def test_a_target_that_echoes_everything(killed: bool, tmp_path: Path) -> None:
    with echoing() as (url, echo):
        file = tmp_path / "target.toml"
        file.write_text(TARGET.format(url=url))
        out = tmp_path / "runs"
        process = start(out, "--target", file)
        children: list[str] = []
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if echo.answered > 60:
                children = environments(process)
                break
            time.sleep(0.05)
        if killed:
            os.kill(process.pid, signal.SIGKILL)
        said = process.communicate(timeout=200)[0].decode("latin-1")
    assert echo.answered > 40, said
    texts = [("terminal", said), *contents(out)]
    assert len(texts) > 4, said
    assert leaks(texts, CANARIES) == []
    assert "\x9b" not in said
    assert "\x1b[2J" not in said
    assert children, "the load generator was looked at while it ran"
    for secret in (CANARIES["T_SERVICE"], CANARIES["T_JWT"], CANARIES["T_DSN"], CANARIES["UNRELATED_TOKEN"]):
        assert not [child for child in children if secret in child]
    assert any(CANARIES["T_ANON"] in child for child in children), "it needs this one"


def test_a_healthy_target(sandbox: Sandbox, tmp_path: Path) -> None:
    document = sandbox.discovery
    process = start(tmp_path, "--url", sandbox.url)
    said = process.communicate(timeout=300)[0].decode("latin-1")
    keys = {name: str(document[name]) for name in ("anon_key", "service_key", "jwt_secret", "dsn")}
    texts = [("terminal", said), *contents(tmp_path)]
    assert any(where.endswith("report.html") for where, _ in texts), said
    assert leaks(texts, keys | {"password": str(document["people"]["password"])}) == []
