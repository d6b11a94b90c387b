"""`harness rehearse` against a sandbox, as a user does it: to its end, killed at eight points, and said in advance."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from harness.load.discovery import discover
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from tests.runs.conftest import BRIEF_SLO

TARGET = """
name = "rehearsed"
url = "{url}"
environment = "staging"
[keys]
anon_env = "REHEARSED_ANON"
service_env = "REHEARSED_SERVICE"
jwt_secret_env = "REHEARSED_JWT"
[people]
password_env = "REHEARSED_PASSWORD"
tag = "reh"
domain = "rehearsed.example.com"
"""
SMALL = ["--dau", "10000", "--minutes", "0.1", "--hold", "0.8", "--step", "0.5", "--step", "1", "--slo", str(BRIEF_SLO)]
ENDED = (0, 10, 11, 20)  # a busy machine may be slow, and its generator doubted; the rehearsal comes to its end
THEIRS = {
    "public.admin_audit_log",  # what the deployment notes of deletions
    "public.openrouter_circuit_breakers",  # of its models, one row each
    "public.swipe_ingest_hourly_metrics",  # and of its own hours
    "public.swipe_ingest_hourly_issue_counts",
    "public.media_items",  # the catalogue is everybody's, whoever's search brought a title
    "public.media_genres",
    "public.genres",
}
OF_PEOPLE = {"public.rate_limits": "where key like 'user:%'"}
"""Of the limiter's counters those of people; others are of addresses, for a minute."""


@dataclass
class Stage:
    """A sandbox with its own people, a target file, and the environment that opens it."""

    sandbox: Sandbox
    target: Path
    environ: dict[str, str]
    dsn: str

    def command(self, out: Path, *more: str) -> list[str]:
        ask = [sys.executable, "-m", "harness", "rehearse", "--target", str(self.target), "--out", str(out)]
        return [*ask, *SMALL, *more]

    def run(self, out: Path, *more: str, **environ: str) -> subprocess.CompletedProcess[str]:
        command, given = self.command(out, *more), self.environ | environ
        return subprocess.run(command, capture_output=True, text=True, env=given, timeout=500, check=False)

    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        return asyncio.run(_counts(self.dsn))

    def people_of_ours(self) -> list[str]:
        """Addresses of those whom a rehearsal made."""
        return asyncio.run(_addresses(self.dsn))

    def fingerprint(self) -> dict[str, str]:
        """Of what the sandbox's own people have."""
        return asyncio.run(_fingerprint(self.dsn))


async def _counts(dsn: str) -> dict[str, int]:
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch("select schemaname s, relname t from pg_stat_user_tables order by 1, 2")
        return {
            name: await connection.fetchval(f"select count(*) from {name} {OF_PEOPLE.get(name, '')}")
            for name in (f"{row['s']}.{row['t']}" for row in tables)
        }
    finally:
        await connection.close()


async def _addresses(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("select email from auth.users where email like '%@rehearsed.example.com'")
        return [str(row["email"]) for row in rows]
    finally:
        await connection.close()


async def _fingerprint(dsn: str) -> dict[str, str]:
    connection = await asyncpg.connect(dsn)
    try:
        found = {}
        for table in ("messages", "library_entries", "follows", "ratings", "media_events", "conversation_participants"):
            sql = f"select md5(coalesce(string_agg(md5(x::text), '' order by md5(x::text)), '')) from public.{table} x"
            found[table] = str(await connection.fetchval(sql))
        return found
    finally:
        await connection.close()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Sandbox(SandboxOptions(people=30, catalogue=300)) as sandbox:
        found = discover(sandbox.url)
        target = tmp_path / "target.toml"
        target.write_text(TARGET.format(url=sandbox.url), encoding="utf-8")
        environ = {
            **os.environ,
            "REHEARSED_ANON": found.anon_key.reveal(),
            "REHEARSED_SERVICE": found.service_key.reveal(),
            "REHEARSED_JWT": found.jwt_secret.reveal(),
            "REHEARSED_PASSWORD": "a-password-of-theirs",
        }
        yield Stage(sandbox, target, environ, found.dsn.reveal())


def state(out: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((out / "rehearsal.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}


def assert_left_as_it_was(before: dict[str, int], after: dict[str, int]) -> None:
    changed = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
    assert {name for name in changed if name not in THEIRS} == set(), changed


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_runs_to_its_end_as_was_said_and_leaves_nothing(stage: Stage, tmp_path: Path) -> None:
    before, theirs, out = stage.rows(), stage.fingerprint(), tmp_path / "out"
    said = stage.run(out, "--dry-run")
    assert said.returncode == 0, said.stderr
    assert stage.rows() == before, "a dry run sends nothing"
    assert not out.exists(), "a dry run writes nothing"
    done = stage.run(out)
    assert done.returncode in ENDED, done.stdout + done.stderr
    found = state(out)
    people = int(re.search(r"users ([0-9,]+) times at most", said.stdout).group(1).replace(",", ""))  # type: ignore[union-attr]
    assert f"all {people:,} people are there, {people - 2:,} created now, 2 found" in found["provisioned"]
    announced = [int(number.replace(",", "")) for number in re.findall(r"([0-9,]+) sessions in", said.stdout)]
    assert [step["planned_sessions"] for step in found["steps"]] == announced[: len(found["steps"])]
    assert len(found["steps"]) == 2 or found["stopped"]
    assert sorted(path.name for path in out.iterdir() if path.suffix) == [
        "peak-100.toml",
        "peak-50.toml",
        "rehearsal.json",
        "rehearsal.md",
    ]
    assert found["cleaned"]
    assert found["checked"][0].startswith("doctor: ")
    assert found["preflight"]["asked"] > 10
    page = (out / "rehearsal.md").read_text(encoding="utf-8")
    assert "## Steps" in page
    assert "## The month" in page
    assert_left_as_it_was(before, stage.rows())
    assert stage.fingerprint() == theirs, "nobody else's rows were touched"
    again = stage.run(out, "--resume")
    assert again.returncode == done.returncode, "resuming what is done does nothing"
    assert state(out) == found


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_eight_points_and_resumed_it_ends_the_same(stage: Stage, tmp_path: Path) -> None:
    before, theirs, out = stage.rows(), stage.fingerprint(), tmp_path / "out"
    points: tuple[Callable[[str], bool], ...] = (
        lambda said: bool(state(out)),
        lambda said: stage.rows()["public.conversations"] > before["public.conversations"],  # preflight's
        lambda said: len(stage.people_of_ours()) > 2,
        lambda said: "0.5 of the peak" in said,
        lambda said: len(state(out).get("steps", ())) == 1,
        lambda said: "1 of the peak" in said and " running" in said,
        lambda said: len(state(out).get("steps", ())) == 2,
        lambda said: state(out).get("leftovers") is not None,
    )
    for number, reached in enumerate(points):
        killed(stage.command(out, *(["--resume"] if number else [])), stage.environ, reached)
    done = stage.run(out, "--resume")
    assert done.returncode in ENDED, done.stdout + done.stderr
    found = state(out)
    shares = [step["share"] for step in found["steps"]]
    assert shares == [0.5, 1.0] or (found["stopped"] and shares == [0.5]), "a busy machine's generator may be in doubt"
    assert found["cleaned"]
    assert_left_as_it_was(before, stage.rows())
    assert stage.fingerprint() == theirs


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_target_that_the_doctor_finds_wrong_gets_nobody_and_is_gone_on_with_once_mended(
    stage: Stage, tmp_path: Path
) -> None:
    before, out = stage.rows(), tmp_path / "out"
    sick = stage.run(out, REHEARSED_ANON=stage.environ["REHEARSED_SERVICE"])
    assert sick.returncode == 40, sick.stdout + sick.stderr
    assert "keys: REHEARSED_ANON holds a" in sick.stderr
    assert "every phone would act past row level security" in sick.stderr
    assert stage.rows() == before, "nothing was written"
    mended = stage.run(out, "--resume", "--fail-on", "medium")
    assert mended.returncode == 40, mended.stdout + mended.stderr
    found = state(out)
    assert "preflight found" in found["stopped"], "the application as shipped has findings"
    assert not found["steps"]
    assert not found["provisioned"]
    assert found["cleaned"], "two people were made to ask as, and are gone again"
    assert "No step was made: preflight found" in (out / "rehearsal.md").read_text(encoding="utf-8")
    assert_left_as_it_was(before, stage.rows())


def killed(command: list[str], environ: dict[str, str], reached: Callable[[str], bool]) -> None:
    """Start it, and end it with all its children the hard way as soon as that is so; it may be done before."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environ, start_new_session=True
    )
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(process.stdout or ()), daemon=True)
    reader.start()
    try:
        until = time.monotonic() + 300
        while process.poll() is None and not reached("".join(said)):
            assert time.monotonic() < until, "".join(said)
            time.sleep(0.05)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        reader.join(5)
