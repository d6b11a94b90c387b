"""Synthetic people, made and removed on the real sandbox over real sockets; and the rules of who is one of them."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.client.auth.newcomers import newcomer
from harness.config.load import ResolvedKeys, load_target
from harness.core.errors import ExitCode, HarnessError, TargetError, UsageError
from harness.core.frozen_model import DOMAIN, TAG
from harness.core.people import email_pattern
from harness.core.profile import MAX_PEOPLE
from harness.core.secret import Secret
from harness.core.target import (
    Target,
    TargetKeys,
    TargetLimits,
    TargetOwnership,
    TargetPeople,
    TargetSignIn,
    TargetWindow,
)
from harness.provision import cleanup, find_user_ids, provision, user_ids
from harness.provision.pacing import BackoffPolicy
from harness.provision.roster import TAG_KEY, Census, User, index_of, new_user, username
from sandbox.server import Sandbox, SandboxOptions
from tests.plain_http import NO_TLS

PASSWORD = "a-password-nobody-may-read"
PEOPLE = st.builds(TargetPeople, tag=st.from_regex(TAG, fullmatch=True), domain=st.from_regex(DOMAIN, fullmatch=True))
INDEX = st.integers(0, MAX_PEOPLE - 1)


# ---- who is one of ours (pure) ---------------------------------------------------------------------------------


@given(PEOPLE, INDEX)
def test_an_address_of_the_pattern_gives_its_index_back(people: TargetPeople, index: int) -> None:
    email = email_pattern(people).format(index=index)
    assert index_of(email, email_pattern(people)) == index
    assert re.fullmatch(r"[a-z0-9_]{1,21}", email.partition("@")[0]), "the sign-up trigger would refuse it (T54)"
    assert email == email.lower(), "GoTrue stores addresses in lower case"


@given(INDEX, st.text(max_size=3), st.integers(0, 40))
def test_any_other_address_is_nobodys(index: int, inserted: str, at: int) -> None:
    pattern = email_pattern(TargetPeople())
    email = pattern.format(index=index)
    other = email[:at] + inserted + email[at:]
    found = index_of(other, pattern)
    assert found is None or pattern.format(index=found) == other


@pytest.mark.parametrize(
    "email",
    [
        "",
        "@",
        "load_00001@people.example.com",  # five digits
        "load_0000001@people.example.com",  # seven, but not the way 1 is written
        "load_-00001@people.example.com",
        "load_+00001@people.example.com",
        "load_1_0000@people.example.com",
        "load_000001@people.example.com.evil.test",
        "xload_000001@people.example.com",
        "LOAD_000001@people.example.com",
        "load_000001@people.example.co",
        "load_000001@",
        "load2_000001@people.example.com",
        "load_\u0660\u0660\u0660\u0660\u0660\u0661@people.example.com",  # Arabic-Indic digits
        "load_²²²²²²@people.example.com",
        "load_000001@people.example.com\n",
        f"load_{MAX_PEOPLE}@people.example.com",
        f"load_{'9' * 5000}@people.example.com",
    ],
)
def test_near_misses_are_nobodys(email: str) -> None:
    assert index_of(email, email_pattern(TargetPeople())) is None


@given(st.text(max_size=60), INDEX)
@example("", 0)
@example("Ł", 0)
def test_a_username_always_passes_the_applications_check(name: str, index: int) -> None:
    made = username(name, index)
    assert re.fullmatch(r"[a-z0-9_]{3,30}", made)
    assert made.endswith(f"_{index}")


@given(INDEX)
def test_a_person_is_the_same_every_time(index: int) -> None:
    people = TargetPeople()
    made = new_user(index, people, PASSWORD)
    assert made == new_user(index, people, PASSWORD)
    assert re.fullmatch(r"[a-z0-9_]{3,30}", made.user_metadata.username)
    assert PASSWORD not in f"{made!r} {made}"


def test_both_marks_are_needed() -> None:
    census = Census(TargetPeople())
    ids = [uuid4() for _ in range(6)]
    marked: dict[str, Any] = {TAG_KEY: "load"}
    both, mail, tag, neither, phone, wrong = (
        User(id=ids[0], email="load_000003@people.example.com", app_metadata=marked),
        User(id=ids[1], email="load_000004@people.example.com", app_metadata={"provider": "email"}),
        User(id=ids[2], email="ada@example.com", app_metadata=marked),
        User(id=ids[3], email="ada@example.com"),
        User(id=ids[4], email=""),
        User(id=ids[5], email="load_000005@people.example.com", app_metadata={TAG_KEY: ["load"]}),
    )
    census.add([both, mail, tag, neither, phone, wrong])
    assert census.mine == {3: ids[0]}
    assert census.untagged == {4: ids[1], 5: ids[5]}
    assert census.elsewhere == {ids[2]}
    assert census.others == 2
    assert list(census.missing(7)) == [0, 1, 2, 6]


def test_a_newcomer_belongs_to_the_target_whose_people_have_the_tag_whatever_the_case_of_the_domain() -> None:
    people = TargetPeople(tag="team", domain="People.Example.COM")
    whose = {tag: newcomer(7, 1, email_pattern(people.model_copy(update={"tag": tag}))) for tag in ("team", "teama")}
    whose["long"] = newcomer(2**32 - 1, 49_999_999_999, email_pattern(TargetPeople(tag="abcdefgh")))
    assert len(whose["long"].username) == 30
    for mine, other in (("team", "teama"), ("teama", "team")):
        census = Census(people.model_copy(update={"tag": mine}))
        accounts = [(new.email, new.username) for new in whose.values()]
        accounts.append(("n00000007_2@people.example.com", "n00000007_2"))
        users = [User(id=uuid4(), email=email, user_metadata={"username": name}) for email, name in accounts]
        census.add(users)
        assert list(census.newcomers) == [whose[mine].email], other
        assert census.unmarked == {users[-1].id}
        assert census.others == 2


# ---- before a packet leaves ------------------------------------------------------------------------------------


def described(url: str, **changes: Any) -> Target:
    facts: dict[str, Any] = {
        "name": "t",
        "url": url,
        "environment": "staging",
        "keys": {"anon_env": "T_ANON", "service_env": "T_SERVICE"},
        "people": {"tag": secrets.token_hex(4), "domain": "people.example.com", "password_env": "T_PASSWORD"},
    }
    return Target.model_validate(facts | changes)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object, **__: object) -> None:
        raise AssertionError("something was sent")

    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, asked)
    monkeypatch.setattr(socket.socket, "connect", asked)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("environment", ["staging", "production"])
def test_nothing_leaves_for_a_host_that_is_not_listed(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("T_ANON", "T_SERVICE", "T_PASSWORD"):
        monkeypatch.setenv(name, "x")
    target = described("https://project.example.com", environment=environment)
    keys = ResolvedKeys(anon=Secret("x"), service=Secret("x"))
    for attempt in (
        lambda: provision(target, 3),
        lambda: cleanup(target),
        lambda: cleanup(target, dry_run=True),
        lambda: user_ids(target, keys, 3),
    ):
        with pytest.raises(TargetError) as caught:
            attempt()
        assert caught.value.exit_code == ExitCode.TARGET


@pytest.mark.usefixtures("no_network")
def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    url, bare = "http://127.0.0.1:9", {"anon_env": "T_ANON"}
    monkeypatch.setenv("T_ANON", "anon")
    monkeypatch.setenv("T_SERVICE", "service")
    with pytest.raises(UsageError, match=r"keys\.service_env"):
        provision(described(url, keys=bare), 1)
    with pytest.raises(UsageError, match=r"keys\.service_env"):
        cleanup(described(url, keys=bare))
    with pytest.raises(UsageError, match=r"keys\.service_env"):
        user_ids(described(url, keys=bare), ResolvedKeys(anon=Secret("anon")), 1)
    with pytest.raises(UsageError, match=r"people\.password_env"):
        provision(described(url, people={}), 1)
    with pytest.raises(UsageError, match=r"T_PASSWORD \(people\.password_env\)"):
        provision(described(url), 1)
    with pytest.raises(UsageError, match="--count"):
        provision(described(url), 0)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("key", ["secret-key-1\r\n", "secret key 1", "secret-kéy-1", "secret-key\x00-1"])
def test_a_key_that_cannot_be_a_header_is_not_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T_ANON", "anon")
    if "\x00" in key:
        target, keys = described("http://127.0.0.1:9"), ResolvedKeys(anon=Secret("anon"), service=Secret(key))
        with pytest.raises(UsageError) as caught:
            user_ids(target, keys, 1)
    else:
        monkeypatch.setenv("T_SERVICE", key)
        with pytest.raises(UsageError) as caught:
            cleanup(described("http://127.0.0.1:9"))
    assert "T_SERVICE" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_guides_example_is_a_target_that_loads(tmp_path: Path) -> None:
    guide = (Path(__file__).resolve().parents[2] / "docs" / "targets.md").read_text(encoding="utf-8")
    example = re.search(r"```toml\n(.*?)```", guide, re.DOTALL)
    assert example
    (tmp_path / "staging.toml").write_text(example[1], encoding="utf-8")
    shown = load_target("staging", folder=tmp_path)
    assert shown.limits[shown.host].phones == 2000
    said = set(re.findall(r"^(?:# )?(\w+) = ", example[1], re.MULTILINE))
    said |= {"keys", "people", "limits", "sign_in", "ownership", "window"}
    models = (Target, TargetKeys, TargetPeople, TargetLimits, TargetSignIn, TargetOwnership, TargetWindow)
    assert said == {key for model in models for key in model.model_fields}, "the example shows every key there is"
    assert (shown.people.tag, shown.people.domain) == (TargetPeople().tag, TargetPeople().domain)


# ---- on the sandbox --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=4, catalogue=100)) as running:
        yield running


@pytest.fixture
def target(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Target:
    """The sandbox as a deployment; each test has a tag of its own, so that tests share it without meeting."""
    monkeypatch.setenv("T_ANON", sandbox.discovery["anon_key"])
    monkeypatch.setenv("T_SERVICE", sandbox.discovery["service_key"])
    monkeypatch.setenv("T_PASSWORD", PASSWORD)
    return described(sandbox.url)


@pytest.fixture
def service(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """Straight to the admin API, past the code under test."""
    key = sandbox.discovery["service_key"]
    headers = {"apikey": key, "authorization": f"Bearer {key}"}
    address = f"{sandbox.url}/auth/v1/admin"
    with httpx.Client(base_url=address, headers=headers, trust_env=False, verify=NO_TLS) as client:
        yield client


def listed(service: httpx.Client) -> dict[str, dict[str, Any]]:
    """Everybody on the sandbox, by address."""
    users = service.get("/users", params={"page": 1, "per_page": 1000}).json()["users"]
    return {user["email"]: user for user in users}


def of(target: Target, service: httpx.Client) -> dict[str, dict[str, Any]]:
    """Those whose address begins with the target's tag, by address."""
    return {email: user for email, user in listed(service).items() if email.startswith(target.people.tag + "_")}


def test_people_are_made_as_the_application_needs_them(target: Target, service: httpx.Client, sandbox: Sandbox) -> None:
    summary = provision(target, 12)
    assert "all 12 people are there, 12 created now, 0 found" in summary
    made = of(target, service)
    assert sorted(made) == [f"{target.people.tag}_{index:06d}@people.example.com" for index in range(12)]
    for user in made.values():
        assert user["app_metadata"][TAG_KEY] == target.people.tag
        assert user["user_metadata"]["onboarded"] is True
        assert re.fullmatch(r"[a-z0-9_]{3,30}", user["user_metadata"]["username"])
        assert user["user_metadata"]["display_name"]
        assert user["email_confirmed_at"]
    first = f"{target.people.tag}_000000@people.example.com"
    signed_in = httpx.post(
        f"{sandbox.url}/auth/v1/token",
        params={"grant_type": "password"},
        headers={"apikey": sandbox.discovery["anon_key"]},
        json={"email": first, "password": PASSWORD},
        trust_env=False,
    )
    assert signed_in.status_code == 200
    assert signed_in.json()["user"]["id"] == made[first]["id"]


def test_only_the_missing_are_made(target: Target, service: httpx.Client) -> None:
    provision(target, 5)
    before = {email: user["id"] for email, user in of(target, service).items()}
    lost = f"{target.people.tag}_000002@people.example.com"
    assert service.delete(f"/users/{before.pop(lost)}").status_code == 200
    assert "all 9 people are there, 5 created now, 4 found" in provision(target, 9, concurrency=3)
    after = {email: user["id"] for email, user in of(target, service).items()}
    assert len(after) == 9
    assert before.items() <= after.items()
    again = provision(target, 7)
    assert "all 7 people are there, 0 created now, 7 found" in again
    assert "2 more with higher numbers" in again


def test_cleanup_takes_only_those_with_both_marks(
    target: Target, service: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    tag = target.people.tag
    provision(target, 6)
    strangers = {
        f"{tag}_000100@people.example.com": {},  # the address alone
        f"{tag}_000101@people.example.com": {TAG_KEY: f"{tag}x"},  # the address, and another tag
        f"{tag}_000102@people.example.org": {TAG_KEY: tag},  # the tag alone: another domain
        f"{tag}_0000103@people.example.com": {TAG_KEY: tag},  # the tag alone: not how 103 is written
        f"{tag}real@people.example.com": {},
    }
    for email, mark in strangers.items():
        body = {"email": email, "password": PASSWORD, "email_confirm": True, "app_metadata": mark}
        assert service.post("/users", json=body).status_code == 200
    everybody = listed(service)

    fault_schedule = cleanup(target, dry_run=True)
    assert "6 people would be removed" in fault_schedule
    assert f"{tag}_000000@people.example.com" in fault_schedule
    assert fault_schedule.count("@people.example.com") == 3
    assert listed(service).keys() >= everybody.keys()

    capsys.readouterr()
    summary = cleanup(target)
    assert "6 people removed, none left; 4 with only one of address and tag left alone" in summary
    told = capsys.readouterr().err
    assert f"left alone: 2 with an address of the pattern but without app_metadata.{TAG_KEY} = '{tag}'" in told
    assert f"left alone: 2 with app_metadata.{TAG_KEY} = '{tag}' but an address that is not" in told
    assert of(target, service).keys() | {f"{tag}real@people.example.com"} == strangers.keys()
    assert "0 people removed" in cleanup(target)


def test_cleanup_takes_who_signed_up_during_a_run_and_nobody_who_only_looks_like_it(
    target: Target, service: httpx.Client, sandbox: Sandbox
) -> None:
    def sign_up(email: str, username: str) -> None:
        answer = httpx.post(
            f"{sandbox.url}/auth/v1/signup",
            headers={"apikey": sandbox.discovery["anon_key"]},
            json={"email": email, "password": PASSWORD, "data": {"display_name": "N", "username": username}},
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text

    new = newcomer(0xABCDEF01, 7, email_pattern(target.people))
    sign_up(new.email, new.username)
    strangers = {
        newcomer(0xABCDEF01, 8, f"{target.people.tag}b_{{index:06d}}@people.example.com").email: (
            f"nabcdef01_8_{target.people.tag}b"  # another team's, whose tag begins as ours
        ),
        "n12345678_3@people.example.com": "n12345678_3",  # of whom nobody can tell whose it is
        "n12345678_1@people.example.com": "someone",  # the address alone
        "n12345678_2@people.example.org": f"n12345678_2_{target.people.tag}",  # another domain
        "n1234567_2@people.example.com": f"n1234567_2_{target.people.tag}",  # seven digits
    }
    for email, name in strangers.items():
        sign_up(email, name)
    provision(target, 2)

    assert "3 people would be removed, 1 of them signed up during runs" in cleanup(target, dry_run=True)
    assert "3 people removed, none left" in cleanup(target)
    left = listed(service)
    assert new.email not in left
    assert strangers.keys() <= left.keys()
    for email in strangers:
        service.delete(f"/users/{left[email]['id']}")


def test_a_password_that_was_changed_since_is_told_before_a_run_would_find_out(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    provision(target, 2)
    assert "0 created now" in provision(target, 2)
    assert target.people.password_env is not None
    monkeypatch.setenv(target.people.password_env, "changed-in-the-meantime-1")
    with pytest.raises(TargetError, match="cannot sign in with the password in the environment") as caught:
        provision(target, 3)
    assert "harness users cleanup" in caught.value.remedy
    assert "changed-in-the-meantime" not in str(caught.value)


def test_an_address_somebody_else_took_is_not_silently_ours(target: Target, service: httpx.Client) -> None:
    taken = f"{target.people.tag}_000001@people.example.com"
    assert service.post("/users", json={"email": taken, "password": "another-one"}).status_code == 200
    summary = provision(target, 3)
    assert "all 3 people are there, 2 created now, 1 found" in summary
    assert f"warning: 1 of them have no {TAG_KEY} '{target.people.tag}' ({taken})" in summary
    assert sorted(user_ids(target, ResolvedKeys(anon=Secret(""), service=Secret(os.environ["T_SERVICE"])), 3)) == [0, 2]


def test_user_ids_by_index(target: Target, service: httpx.Client) -> None:
    keys = ResolvedKeys(anon=Secret(""), service=Secret(os.environ["T_SERVICE"]))
    assert user_ids(target, keys, 3) == {}
    provision(target, 4)
    made = of(target, service)
    wanted = {index: made[f"{target.people.tag}_{index:06d}@people.example.com"]["id"] for index in range(3)}
    assert user_ids(target, keys, 3) == wanted
    assert asyncio.run(find_user_ids(target, keys, 3)) == wanted


@pytest.mark.parametrize("key", ["anon", "nonsense"])
def test_a_wrong_service_key_is_said_and_not_shown(
    key: str, target: Target, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = sandbox.discovery["anon_key"] if key == "anon" else "not-a-key-at-all"
    monkeypatch.setenv("T_SERVICE", given)
    with pytest.raises(TargetError, match=r"keys\.service_env") as caught:
        provision(target, 3)
    out, err = capsys.readouterr()
    for secret in (given, PASSWORD):
        assert secret not in f"{caught.value}{caught.value!r}{out}{err}"


def test_no_secret_is_printed_when_all_goes_well(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    for text in (provision(target, 2), cleanup(target, dry_run=True), cleanup(target)):
        assert PASSWORD not in text
        assert os.environ["T_SERVICE"] not in text
    out, err = capsys.readouterr()
    assert PASSWORD not in out + err
    assert os.environ["T_SERVICE"] not in out + err


def test_a_proxy_in_the_environment_is_not_used(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert "2 created now" in provision(target, 2)


# ---- the command, interrupted ----------------------------------------------------------------------------------

FILE = """
name = "interrupted"
url = "{url}"
environment = "staging"
[keys]
anon_env = "T_ANON"
service_env = "T_SERVICE"
[people]
tag = "{tag}"
password_env = "T_PASSWORD"
[limits."127.0.0.1"]
requests_per_second = 20
phones = 1
"""


def test_ctrl_c_ends_cleanly_and_the_next_run_continues(target: Target, service: httpx.Client, tmp_path: Path) -> None:
    path = tmp_path / "target.toml"
    path.write_text(FILE.format(url=target.url, tag=target.people.tag), encoding="utf-8")
    command = [sys.executable, "-c", "from harness.cli import main; main()", "users", "provision"]
    command += ["--target", str(path), "--count", "100", "--concurrency", "4"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 30
            while len(of(target, service)) < 5 and time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == ExitCode.ABORTED, err
    assert out == ""
    told = re.search(r"interrupted; (\d+) people were created before that, of 100 wanted in all; repeat", err)
    assert told, err
    assert "Traceback" not in err
    assert PASSWORD not in err
    there = len(of(target, service))
    # up to one request per connection may have been under way, its answer not yet read
    assert 5 <= int(told[1]) <= there <= int(told[1]) + 4 < 100

    unlimited = load_target(path).model_copy(update={"limits": {}})
    assert f"all 100 people are there, {100 - there} created now, {there} found" in provision(unlimited, 100)


def test_a_dead_target_is_said_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: refused, and nobody else can get the port
        target = described(f"http://127.0.0.1:{taken.getsockname()[1]}")
        environ = {"T_ANON": "a", "T_SERVICE": "service-key-x", "T_PASSWORD": PASSWORD}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environ.items():
                patch.setenv(name, value)
            with pytest.raises(HarnessError, match="does not answer, 6 tries") as caught:
                provision(target, 1, patience=BackoffPolicy(base_s=0.001))
    assert caught.value.exit_code == ExitCode.TARGET
    assert "nobody was created" in str(caught.value)
    assert "service-key-x" not in str(caught.value)
