"""Provisioning against a deployment that misbehaves: a foreign server that throttles, fails and lies."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from rich.console import Console

from harness.core.errors import ExitCode, HarnessError
from harness.core.target import Target
from harness.provision import admin_api, cleanup, display, provision
from harness.provision.display import Display
from harness.provision.pacing import BackoffPolicy

SERVICE, PASSWORD = "service-key-nobody-may-read", 'a-"password"-nobody\\may-read'
QUICK = BackoffPolicy(base_s=0.002, cap_s=0.02)
ADDRESS = "load_{:06d}@people.example.com"


@dataclass
class Answer:
    status: int
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False  # promise more than is sent, and hang up


@dataclass
class Asked:
    method: str
    path: str
    page: int
    per_page: int
    sent: str  # head and body, as a server sees them, secrets and all
    user: dict[str, Any]
    tries: int  # how often this very thing was asked, this time included


def refused(status: int, code: str, message: str = "no") -> Answer:
    return Answer(status, json.dumps({"code": code, "message": message}).encode())


class Foreign:
    """A GoTrue that belongs to somebody else: keeps users, but answers what `fault` gives when it gives something."""

    def __init__(self) -> None:
        self.users: dict[str, dict[str, Any]] = {}
        self.fault: Callable[[Asked], Answer | None] = lambda asked: None
        self.largest_page = 1000
        self.says_more: Callable[[int, int], dict[str, str]] = lambda total, last: {"x-total-count": str(total)}
        self.asked: list[tuple[float, str]] = []
        self._tries: dict[str, int] = {}
        self._lock = threading.Lock()

    def add(self, email: str, tag: object = None) -> None:
        app_metadata = {} if tag is None else {"harness_tag": tag}
        self.users[email] = {"id": str(uuid4()), "email": email, "app_metadata": app_metadata}

    def answer(self, method: str, path: str, sent: str, body: bytes) -> Answer:
        with self._lock:
            parts = urlsplit(path)
            query = parse_qs(parts.query)
            key = f"{method} {path} {body!r}"
            self._tries[key] = self._tries.get(key, 0) + 1
            self.asked.append((time.monotonic(), key))
            page, per_page = (int(query.get(name, ["1"])[0]) for name in ("page", "per_page"))
            user = json.loads(body) if body else {}
            asked = Asked(method, parts.path, page, per_page, sent, user, self._tries[key])
            return self.fault(asked) or self._honest(asked)

    def _honest(self, asked: Asked) -> Answer:
        if asked.method == "GET":
            size = min(asked.per_page, self.largest_page)
            everybody = list(self.users.values())
            part = everybody[(asked.page - 1) * size :][:size]
            more = self.says_more(len(everybody), -(-len(everybody) // size) - asked.page)
            return Answer(200, json.dumps({"users": part, "aud": "authenticated"}).encode(), more)
        if asked.method == "POST":
            email = asked.user["email"]
            if email in self.users:
                return refused(422, "email_exists", "A user with this email address has already been registered")
            self.add(email, asked.user["app_metadata"]["harness_tag"])
            return Answer(200, json.dumps(self.users[email]).encode())
        wanted = UUID(asked.path.rpartition("/")[2])
        for email, user in self.users.items():
            if user["id"] == str(wanted):
                del self.users[email]
                return Answer(200)
        return refused(404, "user_not_found", "User not found")


@pytest.fixture
def foreign() -> Foreign:
    return Foreign()


@pytest.fixture
def target(foreign: Foreign, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            answer = foreign.answer(self.command, self.path, f"{body.decode()} {self.headers}", body)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body) + (1000 if answer.cut else 0)))
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = answer.cut

        do_GET = do_POST = do_DELETE = respond

        def log_message(self, *_: object) -> None:
            pass

    for name, value in {"F_ANON": "anon", "F_SERVICE": SERVICE, "F_PASSWORD": PASSWORD}.items():
        monkeypatch.setenv(name, value)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield Target.model_validate(
        {
            "name": "foreign",
            "url": f"http://127.0.0.1:{server.server_address[1]}",
            "environment": "staging",
            "keys": {"anon_env": "F_ANON", "service_env": "F_SERVICE"},
            "people": {"password_env": "F_PASSWORD"},
        }
    )
    server.shutdown()
    server.server_close()


@pytest.fixture
def failing(capsys: pytest.CaptureFixture[str]) -> Callable[[Callable[[], object]], str]:
    """Runs something that must end with exit 40, and gives its message; no secret may be in anything it leaves."""

    def run(work: Callable[[], object]) -> str:
        with pytest.raises(HarnessError) as caught:
            work()
        assert caught.value.exit_code == ExitCode.TARGET, caught.value
        out, err = capsys.readouterr()
        traces = "".join(traceback.format_exception(caught.value))
        for secret in (SERVICE, PASSWORD, json.dumps(PASSWORD)[1:-1], repr(PASSWORD)[1:-1]):
            assert secret not in f"{caught.value!r}{traces}{out}{err}"
        assert caught.value.where
        assert caught.value.remedy
        return str(caught.value)

    return run


Failing = Callable[[Callable[[], object]], str]


# ---- trouble that passes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_trouble_that_passes_is_waited_out(status: int, foreign: Foreign, target: Target) -> None:
    foreign.fault = lambda asked: refused(status, "busy") if asked.tries <= 3 else None
    assert "all 8 people are there, 8 created now" in provision(target, 8, patience=QUICK)
    assert len(foreign.users) == 8
    foreign.fault = lambda asked: refused(status, "busy") if asked.tries <= 3 and asked.method == "DELETE" else None
    assert "8 people removed, none left" in cleanup(target, patience=QUICK)
    assert not foreign.users


def test_a_reply_lost_after_the_commit_makes_nobody_twice(foreign: Foreign, target: Target) -> None:
    def lose(asked: Asked) -> Answer | None:
        if asked.method != "POST" or asked.tries > 1:
            return None
        foreign.add(asked.user["email"], "load")
        return Answer(200, b'{"id":', cut=True)

    foreign.fault = lose
    assert "all 5 people are there" in provision(target, 5, patience=QUICK)
    assert sorted(foreign.users) == [ADDRESS.format(index) for index in range(5)]


RACES = [
    {"code": "email_exists", "message": "A user with this email address has already been registered"},
    {"code": 422, "error_code": "email_exists", "msg": "A user with this email address has already been registered"},
    {"code": 422, "msg": "A user with this email address has already been registered"},
]


@pytest.mark.parametrize("body", RACES, ids=["2024", "2023", "2022"])
def test_somebody_else_was_faster(body: dict[str, object], foreign: Foreign, target: Target) -> None:
    def race(asked: Asked) -> Answer | None:
        if asked.method == "POST" and asked.user["email"] == ADDRESS.format(2):
            foreign.add(ADDRESS.format(2), "load")
            return Answer(422, json.dumps(body).encode())
        return None

    foreign.fault = race
    assert "all 4 people are there, 3 created now, 1 found" in provision(target, 4, patience=QUICK)


def test_taken_but_not_listed_is_no_success(foreign: Foreign, target: Target, failing: Failing) -> None:
    foreign.fault = lambda asked: refused(422, "email_exists") if asked.method == "POST" else None
    said = failing(lambda: provision(target, 2, patience=QUICK))
    assert f"says that {ADDRESS.format(0)}, {ADDRESS.format(1)} exist, but does not list them" in said


def test_deleted_by_somebody_else_meanwhile(foreign: Foreign, target: Target) -> None:
    provision(target, 3, patience=QUICK)

    def gone(asked: Asked) -> Answer | None:
        if asked.method == "DELETE":
            foreign.users.clear()
            return refused(404, "user_not_found", "User not found")
        return None

    foreign.fault = gone
    assert "0 people removed (3 were already gone), none left" in cleanup(target, patience=QUICK)


# ---- trouble that stays ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "said"), [(429, "keeps limiting us, 6 tries"), (500, "keeps failing, 6 tries")])
def test_what_was_made_is_told_and_kept(
    status: int, said: str, foreign: Foreign, target: Target, failing: Failing
) -> None:
    broken = ADDRESS.format(5)
    foreign.fault = lambda asked: refused(status, "busy", "too much") if asked.user.get("email") == broken else None
    message = failing(lambda: provision(target, 9, concurrency=1, patience=QUICK))
    assert said in message
    assert "busy: too much" in message
    assert "5 people were created before that, of 9 wanted in all" in message
    assert "repeat the same command; it continues" in message
    assert sum(broken in key for _, key in foreign.asked) == 6
    foreign.fault = lambda asked: None
    assert "all 9 people are there, 4 created now, 5 found" in provision(target, 9, patience=QUICK)


def test_one_who_cannot_be_deleted_does_not_keep_the_others(foreign: Foreign, target: Target, failing: Failing) -> None:
    provision(target, 7, patience=QUICK)
    stuck = foreign.users[ADDRESS.format(3)]["id"]
    foreign.fault = lambda asked: (
        refused(500, "unexpected_failure", "Database error deleting user") if asked.path.endswith(stuck) else None
    )
    message = failing(lambda: cleanup(target, patience=QUICK))
    assert f"1 person is still there: {ADDRESS.format(3)}" in message
    assert "Database error deleting user" in message
    assert "6 people were removed before that" in message
    assert list(foreign.users) == [ADDRESS.format(3)]


def test_a_target_that_deletes_nobody_is_left_soon(foreign: Foreign, target: Target, failing: Failing) -> None:
    provision(target, 40, patience=QUICK)
    foreign.fault = lambda asked: refused(500, "unexpected_failure") if asked.method == "DELETE" else None
    assert "0 people were removed" in failing(lambda: cleanup(target, concurrency=1, patience=QUICK))
    assert sum(key.startswith("DELETE") for _, key in foreign.asked) == 5 * 6


def test_a_cleanup_that_is_acknowledged_but_not_done(foreign: Foreign, target: Target, failing: Failing) -> None:
    provision(target, 2, patience=QUICK)
    foreign.fault = lambda asked: Answer(200) if asked.method == "DELETE" else None
    assert "2 people are still there" in failing(lambda: cleanup(target, patience=QUICK))


def test_whom_the_first_list_missed_the_second_finds(foreign: Foreign, target: Target) -> None:
    """Pages by offset lose people when somebody deletes others meanwhile."""
    provision(target, 10, patience=QUICK)
    half = json.dumps({"users": list(foreign.users.values())[:5]}).encode()
    foreign.asked.clear()
    foreign.fault = lambda asked: Answer(200, half) if len(foreign.asked) == 1 else None
    assert "10 people removed, none left" in cleanup(target, patience=QUICK)
    assert not foreign.users


def test_a_server_that_never_finishes(
    foreign: Foreign, target: Target, failing: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_api, "ATTEMPT_TIMEOUT_S", 0.1)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(8)  # connections open, and nothing is ever said
        silent = target.model_copy(update={"url": f"http://127.0.0.1:{mute.getsockname()[1]}"})
        said = failing(lambda: provision(silent, 1, patience=QUICK))
    assert "no complete answer within 0.1 s" in said


# ---- nonsense --------------------------------------------------------------------------------------------------

NONSENSE = {
    "not JSON": b"<html>welcome</html>",
    "empty": b"",
    "truncated": b'{"users": [{"id": "4c7d',
    "not UTF-8": b'{"users": "\xff\xfe"}',
    "deep": b"[" * 100_000,
    "a list": b"[]",
    "null": b"null",
    "no users": b'{"aud": "authenticated"}',
    "users no list": b'{"users": {}}',
    "id no UUID": b'{"users": [{"id": "../../rest/v1/profiles", "email": "a@b.cd"}]}',
    "email no text": b'{"users": [{"id": "4c7d6a53-6a0e-4a39-8a3c-0d8e64a9b0e5", "email": 5}]}',
    "metadata no table": b'{"users": [{"id": "4c7d6a53-6a0e-4a39-8a3c-0d8e64a9b0e5", "app_metadata": "x"}]}',
}


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE.keys())
def test_a_list_that_cannot_be_understood(body: bytes, foreign: Foreign, target: Target, failing: Failing) -> None:
    foreign.fault = lambda asked: Answer(200, body) if asked.method == "GET" else None
    for work in (lambda: provision(target, 2, patience=QUICK), lambda: cleanup(target, patience=QUICK)):
        said = failing(work)
        assert "cannot be understood" in said
        assert f"GET {target.url}/auth/v1/admin/users" in said
    assert len(foreign.asked) == 2, "nonsense is not asked for again"


CREATED = {
    **{name: (NONSENSE[name], "") for name in ("not JSON", "empty", "truncated", "a list")},
    "somebody else": (
        b'{"id": "4c7d6a53-6a0e-4a39-8a3c-0d8e64a9b0e5", "email": "a@b.cd", "app_metadata": {"harness_tag": "load"}}',
        "a user with another address",
    ),
    "tag not kept": (
        b'{"id": "4c7d6a53-6a0e-4a39-8a3c-0d8e64a9b0e5", "email": "load_000000@people.example.com"}',
        "did not keep the app_metadata",
    ),
}


@pytest.mark.parametrize(("body", "problem"), CREATED.values(), ids=CREATED.keys())
def test_a_creation_that_cannot_be_understood(
    body: bytes, problem: str, foreign: Foreign, target: Target, failing: Failing
) -> None:
    foreign.fault = lambda asked: Answer(200, body) if asked.method == "POST" else None
    said = failing(lambda: provision(target, 1, patience=QUICK))
    assert "cannot be understood" in said
    assert problem in said
    assert "0 people were created before that" in said


@pytest.mark.parametrize("status", [200, 400, 403, 422, 500])
def test_secrets_that_are_echoed_are_not_repeated(
    status: int, foreign: Foreign, target: Target, failing: Failing
) -> None:
    def echo(asked: Asked) -> Answer | None:
        body = {"message": f"you said {asked.sent}", "code": SERVICE, "users": PASSWORD, "id": PASSWORD, "email": 1}
        return Answer(status, json.dumps(body).encode()) if asked.method == "POST" else None

    foreign.fault = echo
    failing(lambda: provision(target, 1, patience=QUICK))


def test_a_refusal_cannot_command_the_terminal(foreign: Foreign, target: Target, failing: Failing) -> None:
    foreign.fault = lambda asked: refused(400, "x", "\x1b[2J\x1b]0;owned\x07\r\n\u202e" + "y" * 5000)
    said = failing(lambda: provision(target, 1, patience=QUICK))
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(said)
    assert len(said) < 1000


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 418])
def test_a_refusal_is_final(status: int, foreign: Foreign, target: Target, failing: Failing) -> None:
    elsewhere = {"location": "http://192.0.2.1/"}
    foreign.fault = lambda asked: Answer(status, b'{"message": "go away"}', elsewhere)
    said = failing(lambda: provision(target, 2, patience=QUICK))
    assert f"status {status} (go away)" in said
    assert ("keys.service_env" in said) == (status in (401, 403))
    assert len(foreign.asked) == 1


def test_a_reply_without_end(
    foreign: Foreign, target: Target, failing: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_api, "MAX_REPLY_BYTES", 10_000)
    foreign.fault = lambda asked: Answer(200, b" " * 1_000_000)
    assert "larger than 10,000 bytes" in failing(lambda: provision(target, 2, patience=QUICK))


# ---- paging ----------------------------------------------------------------------------------------------------

MORE: dict[str, Callable[[int, int], dict[str, str]]] = {
    "link": lambda total, left: {"link": '<x?page=9>; rel="next", <x>; rel="last"' if left > 0 else '<x>; rel="last"'},
    "total": lambda total, left: {"x-total-count": str(total)},
}


@pytest.mark.parametrize("size", [7, 1000])
@pytest.mark.parametrize("says_more", MORE.values(), ids=MORE.keys())
def test_all_pages_are_read_even_where_they_are_short(
    says_more: Callable[[int, int], dict[str, str]], size: int, foreign: Foreign, target: Target
) -> None:
    foreign.largest_page, foreign.says_more = size, says_more
    for index in range(30):
        foreign.add(ADDRESS.format(index), "load")
        foreign.add(f"somebody{index}@example.com")
    assert "30 people would be removed" in cleanup(target, dry_run=True)
    assert len(foreign.asked) == (9 if size == 7 else 1)
    assert "all 30 people are there, 0 created now" in provision(target, 30, patience=QUICK)
    summary = cleanup(target, patience=QUICK)
    assert "30 people removed, none left; 30 other users untouched" in summary
    assert len(foreign.users) == 30


@pytest.mark.parametrize("count", [999, 1000, 1001, 2000])
def test_without_a_word_about_more_a_short_page_is_the_last(count: int, foreign: Foreign, target: Target) -> None:
    foreign.says_more = lambda total, left: {}
    for index in range(count):
        foreign.add(ADDRESS.format(index), "load")
    assert f"{count:,} people would be removed" in cleanup(target, dry_run=True)
    assert len(foreign.asked) == count // 1000 + 1


def test_a_list_that_repeats_itself_ends(foreign: Foreign, target: Target, failing: Failing) -> None:
    foreign.add("a@example.com")
    page = json.dumps({"users": list(foreign.users.values())}).encode()
    foreign.fault = lambda asked: Answer(200, page, {"link": '<x>; rel="next"'})
    assert "repeats a page" in failing(lambda: provision(target, 2, patience=QUICK))
    assert len(foreign.asked) == 2


def test_a_list_that_never_ends_is_left(
    foreign: Foreign, target: Target, failing: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_api, "MAX_PAGES", 20)
    foreign.fault = lambda asked: Answer(
        200, json.dumps({"users": [{"id": str(uuid4())}]}).encode(), {"link": '<x>; rel="next"'}
    )
    assert "does not end within 20 pages" in failing(lambda: provision(target, 2, patience=QUICK))


# ---- rate and patience -----------------------------------------------------------------------------------------


def test_the_targets_rate_holds_for_every_request(foreign: Foreign, target: Target) -> None:
    limited = Target.model_validate(
        {**target.model_dump(), "limits": {"127.0.0.1": {"requests_per_second": 50, "phones": 1}}}
    )
    foreign.fault = lambda asked: refused(503, "busy") if asked.tries == 1 else None
    provision(limited, 15, concurrency=16, patience=BackoffPolicy(base_s=0.0001))
    instants = [instant for instant, _ in foreign.asked]
    assert len(instants) == 2 + 30
    spans = [instants[index + 10] - instants[index] for index in range(len(instants) - 10)]
    assert min(spans) > 0.19 / 2, "ten requests take 0.2 s at 50 a second; half of it leaves room for a busy machine"
    assert instants[-1] - instants[0] > 31 / 50 * 0.9


@pytest.mark.parametrize("attempt", range(1, 12))
def test_the_pause_grows_stays_bounded_and_varies(attempt: int) -> None:
    patience, chance = BackoffPolicy(base_s=0.5, cap_s=15), random.Random(attempt)
    pauses = [patience.pause_s(attempt, "", chance) for _ in range(200)]
    limit = min(15, 0.5 * 2 ** (attempt - 1))
    assert 0 <= min(pauses) < limit / 10
    assert limit * 0.9 < max(pauses) <= limit


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("3", 3, 3),
        ("0", 0, 0.5),
        ("99999", 15, 15),
        ("-1", 0, 0.5),
        ("soon", 0, 0.5),
        ("9" * 5000, 0, 0.5),
        ("Fri, 31 Dec 2100 23:59:59 GMT", 15, 15),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0, 0.5),
    ],
)
def test_retry_after_is_obeyed_up_to_the_cap(header: str, least: float, most: float) -> None:
    assert least <= BackoffPolicy(base_s=0.5, cap_s=15).pause_s(1, header, random.Random(1)) <= most


# ---- what people see -------------------------------------------------------------------------------------------


def test_plain_lines_come_now_and_then_and_say_what_is_wrong(
    foreign: Foreign, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display, "PLAIN_EVERY_S", 0.02)
    said = StringIO()

    def fault(asked: Asked) -> Answer | None:
        time.sleep(0.01)
        return refused(503, "busy", "[red]later[/red]") if asked.method == "POST" and asked.tries == 1 else None

    foreign.fault = fault
    begun = time.monotonic()
    provision(target, 20, patience=QUICK, display=Display(Console(file=said, force_terminal=False)))
    most = 5 + (time.monotonic() - begun) / display.PLAIN_EVERY_S
    lines = said.getvalue().splitlines()
    assert 2 <= len(lines) <= most
    assert any("creating people:" in line and "of 20" in line for line in lines)
    assert any("status 503 (busy: [red]later[/red])" in line for line in lines)
    assert "\x1b" not in said.getvalue()


def test_a_terminal_gets_a_bar(target: Target) -> None:
    said = StringIO()
    provision(target, 20, patience=QUICK, display=Display(Console(file=said, force_terminal=True, width=100)))
    assert "creating people" in said.getvalue()
    assert "20/20" in said.getvalue()
