"""A ready target, and one broken in many ways, one at a time: the doctor names that fault and nothing else."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import TargetError
from harness.core.ownership import CLAIM_PATH, new_claim, statement
from sandbox.server import Sandbox
from sandbox.signing_keys import elliptic
from sandbox.tokens import Keys
from tests.certificate import self_signed
from tests.doctor.conftest import (
    MACHINE,
    PEOPLE,
    SIGNED,
    Reply,
    diagnosed,
    faults,
    front,
    profile,
    without_user,
    written,
)
from tests.egress.resolver import Resolver, installed
from tests.sandbox.signed_in import sql

NAME = "staging.example.test"
ALLOWED = f'[limits."{NAME}"]\nrequests_per_second = 500\nphones = 100\nconnections_per_second = 500\nprivate = true\n'


def _only(found: Mapping[str, Any], fault: str, said: str) -> None:
    assert faults(found) == [fault], {check: one.answer.text for check, one in found.items() if one.wrong}
    answer = found[fault].answer
    assert said in answer.text, answer.text
    assert answer.remedy


# ---- ready ---------------------------------------------------------------------------------------------------------


def test_a_ready_target_is_ready_and_nothing_was_left_out(environment: Sandbox, tmp_path: Path) -> None:
    found = diagnosed(written(tmp_path, environment.url))
    assert {one.answer.state for one in found.values()} == {"ok"}, found
    assert "publishable key (sb_publishable_) and secret key (sb_secret_)" in found["keys"].answer.text
    assert "retires" not in found["keys"].answer.text
    assert "ES256, kid " in found["key set"].answer.text
    assert found["people"].answer.text == "10 of 10 are there"


def test_a_front_that_changes_nothing_is_as_ready(environment: Sandbox, tmp_path: Path) -> None:
    with front(environment.url) as url:
        assert faults(diagnosed(written(tmp_path, url))) == []


# ---- broken, one fault each ----------------------------------------------------------------------------------------


def test_a_name_that_nobody_knows(environment: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, Resolver({}))
    found = diagnosed(written(tmp_path, "https://gone.example.test", more=ALLOWED.replace(NAME, "gone.example.test")))
    _only(found, "name", "nobody knows the name gone.example.test")


def test_a_certificate_that_nobody_vouches_for(environment: Sandbox, tmp_path: Path) -> None:
    with front(environment.url, certificate=self_signed(tmp_path)) as url:
        _only(diagnosed(written(tmp_path, url)), "TLS", "certificate verify failed")


def test_a_login_page_in_front(environment: Sandbox, tmp_path: Path) -> None:
    def page(method: str, path: str, reply: Reply) -> Reply:
        return 200, {"content-type": "text/html"}, b"<html>please sign in</html>"

    with front(environment.url, page) as url:
        _only(diagnosed(written(tmp_path, url)), "deployment", "what answers is not the app's deployment")


def test_nobody_listens(environment: Sandbox, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = diagnosed(written(tmp_path, f"http://127.0.0.1:{taken.getsockname()[1]}"))
    _only(found, "deployment", "ConnectError")


@pytest.mark.parametrize("off_s", [-120, 120])
def test_a_clock_that_is_off(environment: Sandbox, tmp_path: Path, off_s: int) -> None:
    def later(method: str, path: str, reply: Reply) -> Reply:
        status, headers, content = reply
        now = format_datetime(datetime.now(UTC) + timedelta(seconds=off_s), usegmt=True)
        return status, {**headers, "date": now}, content

    with front(environment.url, later) as url:
        _only(diagnosed(written(tmp_path, url)), "clock", f"120 s {'ahead of' if off_s > 0 else 'behind'}")


def test_the_secret_key_where_everybodys_belongs(
    environment: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCTOR_PUBLISHABLE", os.environ["DOCTOR_SECRET"])
    _only(diagnosed(written(tmp_path, environment.url)), "keys", "DOCTOR_PUBLISHABLE holds a secret key")


def test_another_projects_key(environment: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCTOR_PUBLISHABLE", Keys("another secret of more than thirty-two", "new").publishable)
    _only(diagnosed(written(tmp_path, environment.url)), "keys", "the gateway refuses the publishable key")


def test_a_service_key_that_was_revoked(environment: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCTOR_SECRET", Keys("another secret of more than thirty-two", "new").secret_key)
    _only(diagnosed(written(tmp_path, environment.url)), "keys", "the admin API refuses the key of DOCTOR_SECRET")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_admin_api_that_is_ill_says_nothing_of_the_key(environment: Sandbox, tmp_path: Path, status: int) -> None:
    """A key that is fine would be made anew at three in the morning, and everything that uses it would break."""

    def ill(method: str, path: str, reply: Reply) -> Reply:
        return (status, {"content-type": "application/json"}, b"{}") if "/admin/users" in path else reply

    with front(environment.url, ill) as url:
        found = diagnosed(written(tmp_path, url))
    _only(found, "people", f"the admin API answers status {status}")
    assert "export" not in found["people"].answer.remedy


def test_a_token_endpoint_that_is_ill_says_nothing_of_the_password(environment: Sandbox, tmp_path: Path) -> None:
    def ill(method: str, path: str, reply: Reply) -> Reply:
        return (503, {"content-type": "application/json"}, b"{}") if "grant_type=password" in path else reply

    with front(environment.url, ill) as url:
        found = diagnosed(written(tmp_path, url))
    _only(found, "sign-in", "the first person cannot sign in: status 503")
    assert "password" not in found["sign-in"].answer.remedy.lower()


def test_a_signing_key_that_was_never_imported(
    environment: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCTOR_SIGNING_KEY", elliptic("somebody else's").private)
    found = diagnosed(written(tmp_path, environment.url))
    _only(found, "key set", "is not among the project's (its key set shows: ES256, RS256)")


def test_a_secret_that_signs_nothing_any_more(
    environment: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCTOR_SIGNING_KEY", "the-legacy-secret-of-a-project-that-has-moved-on")
    found = diagnosed(written(tmp_path, environment.url, keys='jwt_secret_env = "DOCTOR_SIGNING_KEY"'))
    _only(found, "key set", "the target refuses a token minted with this key (HS256)")


def test_another_password_than_the_peoples(
    environment: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCTOR_PASSWORD", "not-this-one")
    _only(diagnosed(written(tmp_path, environment.url)), "sign-in", "the first person cannot sign in: status 400")


def test_too_few_people(environment: Sandbox, tmp_path: Path) -> None:
    found = diagnosed(written(tmp_path, environment.url), profile(people=PEOPLE + 30))
    _only(found, "people", f"the profile needs {PEOPLE + 30}, {PEOPLE} of them are there")
    assert found["people"].answer.remedy.endswith(f"--count {PEOPLE + 30}")


def test_a_sign_in_limit_that_is_used_up(environment: Sandbox, tmp_path: Path) -> None:
    with front(environment.url, without_user) as url:
        found = diagnosed(written(tmp_path, url))
    _only(found, "sign-in limit", "GoTrue refused a single sign-in")


def test_more_sign_ins_than_the_limiter_lets_through(environment: Sandbox, tmp_path: Path) -> None:
    asked = []

    def limited(method: str, path: str, reply: Reply) -> Reply:
        if path.startswith("/auth/v1/token"):
            asked.append(path)
            if len(asked) > 4:
                return 429, {"content-type": "application/json"}, b'{"code": 429}'
        return reply

    more = "[sign_in]\nper_5_minutes = 1\nburst = 4"
    with front(environment.url, limited) as url:
        found = diagnosed(written(tmp_path, url, keys="", more=more))
    _only(found, "sign-in limit", "GoTrue answered 429 at request 4")
    assert len(asked) == 5, "asked gently: no further than the first refusal"


def test_an_endpoint_that_answers_something_else(environment: Sandbox, tmp_path: Path) -> None:
    def old(method: str, path: str, reply: Reply) -> Reply:
        if path == "/functions/v1/media-swipe-deck":
            return 404, {"content-type": "application/json"}, b'{"code": "NOT_FOUND"}'
        return reply

    with front(environment.url, old) as url:
        found = diagnosed(written(tmp_path, url))
    _only(found, "endpoints", "1 of 5 kinds of endpoint answer in another shape than the app's: POST media-swipe-deck")


def test_realtime_that_lets_nobody_in(environment: Sandbox, tmp_path: Path) -> None:
    with front(environment.url, sockets=False) as url:
        _only(diagnosed(written(tmp_path, url)), "Realtime", "no channel could be joined")
        found = diagnosed(written(tmp_path, url), profile(realtime=False))
    assert faults(found) == []


def test_a_database_that_is_not_there(environment: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("DOCTOR_DSN", f"postgresql://u:secretword@127.0.0.1:{taken.getsockname()[1]}/postgres")
        found = diagnosed(written(tmp_path, environment.url))
    _only(found, "database", "it does not answer")
    assert "secretword" not in str(found)


def test_a_role_that_may_not_observe(environment: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sql(environment, "create role looker login password 'looker'")
    try:
        dsn = os.environ["DOCTOR_DSN"]
        scheme, rest = dsn.split("://")
        monkeypatch.setenv("DOCTOR_DSN", f"{scheme}://looker:looker@{rest.rpartition('@')[2]}")
        found = diagnosed(written(tmp_path, environment.url))
    finally:
        sql(environment, "drop role looker")
    _only(found, "database", "its role may not do all that is needed")
    assert "grant pg_monitor to looker;" in found["database"].answer.remedy


def test_a_plan_beyond_the_limits(environment: Sandbox, tmp_path: Path) -> None:
    more = '[limits."127.0.0.1"]\nrequests_per_second = 500\nphones = 3\nsockets = 500'
    _only(diagnosed(written(tmp_path, environment.url, more=more)), "plan", "the plan needs 8 phones at once")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"descriptors": 210}, "this limit leaves no descriptor for phones"),
        ({"ports": 5}, "there are 5 ports"),
        ({"us_a_request": 40_000.0}, "cores at 40000 us each here"),
        ({"memory_bytes": 100_000_000}, "0.1 GB are free"),
    ],
)
def test_a_machine_that_is_too_small(environment: Sandbox, tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    found = diagnosed(written(tmp_path, environment.url), machine=replace(MACHINE, **changes))
    _only(found, "generator", said)


# ---- ownership -----------------------------------------------------------------------------------------------------


def _port(url: str) -> str:
    return url.rpartition(":")[2]


def test_a_deployment_that_nothing_shows_to_be_ours(
    environment: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch, Resolver({NAME: ["127.0.0.1"], "127.0.0.1": ["127.0.0.1"]}))
    url, claim = f"http://{NAME}:{_port(environment.url)}", new_claim()
    _only(diagnosed(written(tmp_path, url, more=ALLOWED)), "ownership", "the target file has no claim")
    claimed = f'[ownership]\nclaim = "{claim}"\n{ALLOWED}'
    _only(diagnosed(written(tmp_path, url, more=claimed)), "ownership", "stands neither at")
    waived = f'[ownership]\nwaived = "private-network"\n{ALLOWED}'
    assert faults(diagnosed(written(tmp_path, url, more=waived))) == []


def test_the_claim_stands_in_the_database_or_at_its_path(
    environment: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch, Resolver({NAME: ["127.0.0.1"], "127.0.0.1": ["127.0.0.1"]}))
    claim = new_claim()
    more = f'[ownership]\nclaim = "{claim}"\n{ALLOWED}'
    sql(environment, statement(claim))
    try:
        found = diagnosed(written(tmp_path, f"http://{NAME}:{_port(environment.url)}", more=more))
    finally:
        sql(environment, "delete from public.app_settings where key = 'ops.load_test.claim'")
    assert faults(found) == []
    assert "app_settings" in found["ownership"].answer.text

    def shown(method: str, path: str, reply: Reply) -> Reply:
        return (200, {"content-type": "text/plain"}, claim.encode() + b"\n") if path == CLAIM_PATH else reply

    with front(environment.url, shown) as url:
        found = diagnosed(written(tmp_path, f"http://{NAME}:{_port(url)}", more=more))
    assert faults(found) == []
    assert CLAIM_PATH in found["ownership"].answer.text


def _window(ends_days: float) -> str:
    """One that began two days ago."""
    now = datetime.now(UTC)
    begins, ends = now - timedelta(days=2), now + timedelta(days=ends_days)
    return f"[[window]]\nbegins = {begins.isoformat()}\nends = {ends.isoformat()}"


def test_production_outside_its_window(environment: Sandbox, tmp_path: Path) -> None:
    def asked(more: str) -> Mapping[str, Any]:
        path = written(tmp_path, environment.url, more=more)
        path.write_text(path.read_text().replace('"local"', '"production"'))
        return diagnosed(path, allow_production=True)

    past, short, open_ = _window(-1.0), _window(40 / 86_400), _window(0.1)
    _only(asked(""), "ownership", "and the target file has none")
    _only(asked(past), "ownership", "all of the file's are over")
    _only(asked(short), "ownership", "its window ends")
    assert faults(asked(open_)) == []
    path = written(tmp_path, environment.url, more=open_)
    path.write_text(path.read_text().replace('"local"', '"production"'))
    with pytest.raises(TargetError, match="production"):
        diagnosed(path)


# ---- as a person uses it -------------------------------------------------------------------------------------------


def _doctor(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", "doctor", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL)


@pytest.mark.slow
def test_the_command_says_it_all_and_ends_with_0_or_40(environment: Sandbox, tmp_path: Path) -> None:
    small = tmp_path / "small.toml"
    small.write_text('extends = "smoke"\nname = "small"\npeople = 10\nphones = 8\n')
    path = written(tmp_path, environment.url)
    ready = _doctor("--target", path, "--profile", small)
    assert ready.returncode == 0, ready.stdout + ready.stderr
    assert ready.stdout.splitlines()[-1] == "doctor: patient, for small: ready"
    broken = _doctor("--target", path, "--json")  # smoke needs 120 people
    assert broken.returncode == 40
    told = json.loads(broken.stdout)
    assert [one["check"] for one in told if one["answer"]["state"] == "wrong"] == ["people"]
    for name in ("DOCTOR_SECRET", "DOCTOR_SIGNING_KEY", "DOCTOR_PASSWORD"):
        assert os.environ[name] not in ready.stdout + ready.stderr + broken.stdout
    claimed = _doctor("--target", path, "--claim")
    assert claimed.returncode == 0
    assert 'claim = "load-' in claimed.stdout
    assert SIGNED not in claimed.stdout
