"""The comment against a server of our own that behaves as GitHub's and GitLab's APIs do: pages, marker, rights."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner

from harness.ci.comments import outdate, upsert
from harness.ci.environment import CiEnvironment, detect
from harness.ci.limits import COMMENT_CHARACTERS
from harness.ci.marker import marker
from harness.cli import cli
from harness.core.errors import HarnessError

TOKEN = "ghs_0123456789abcdef"
MARK = marker("smoke", "staging")


@dataclass
class Api:
    """A forge with one request of changes. foreign: ids that our token may not change. deny: answers all with that.
    login: who the token is, where it is a person's; a workflow's is not told on GitHub."""

    url: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    foreign: set[int] = field(default_factory=set)
    deny: int = 0
    login: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)

    def comment(self, id_: int, body: str, login: str = "") -> dict[str, Any]:
        """By us, or by whoever is called that."""
        kind = "User" if login or self.login else "Bot"
        author = {"login": login or self.login or "github-actions[bot]", "type": kind, "id": 77 if login else 9}
        return {"id": id_, "body": body, "user": author, "author": author}

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> tuple[int, Any]:
        self.asked.append((method, path))
        if self.deny:
            return self.deny, {"message": "Resource not accessible by integration"}
        if path == "/user":
            if query.get("gitlab") is None and not self.login:
                return 403, {"message": "Resource not accessible by integration"}
            return 200, {"id": 9, "login": self.login}
        if path in ("/repos/acme/films/issues/12/comments", "/projects/7/merge_requests/3/notes"):
            if method == "GET":
                size, page = int(query["per_page"][0]), int(query["page"][0])
                return 200, self.comments[(page - 1) * size : page * size]
            if method == "POST":
                if len(body["body"]) > COMMENT_CHARACTERS:
                    return 422, {"message": "Validation Failed"}
                self.comments.append(self.comment(1000 + len(self.comments), body["body"]))
                return 201, self.comments[-1]
        head, _, last = path.rpartition("/")
        if (head, method) in (
            ("/repos/acme/films/issues/comments", "PATCH"),
            ("/projects/7/merge_requests/3/notes", "PUT"),
        ):
            for one in self.comments:
                if one["id"] == int(last):
                    if one["id"] in self.foreign:
                        return 403, {"message": "Forbidden"}
                    one["body"] = body["body"]
                    return 200, one
        return 404, {"message": "Not Found"}


@pytest.fixture
def api() -> Iterator[Api]:
    state = Api()

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            forge = {"gitlab": ["yes"]} if self.headers.get("PRIVATE-TOKEN") else {}
            allowed = (
                self.headers.get("Authorization") == f"Bearer {TOKEN}" or self.headers.get("PRIVATE-TOKEN") == TOKEN
            )
            status, value = (
                state.answer(self.command, parts.path, parse_qs(parts.query) | forge, body)
                if allowed
                else (401, {"message": "Bad credentials"})
            )
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = _any

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_port}"
        yield state
        server.shutdown()
        thread.join(5)


def github(api: Api, token: str = TOKEN) -> CiEnvironment:
    job = detect(
        {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": api.url,
            "GITHUB_REPOSITORY": "acme/films",
            "GITHUB_REF": "refs/pull/12/merge",
            "HARNESS_CI_TOKEN": token,
        }
    )
    assert job is not None
    return job


def gitlab(api: Api) -> CiEnvironment:
    job = detect(
        {
            "GITLAB_CI": "true",
            "CI_API_V4_URL": api.url,
            "CI_PROJECT_ID": "7",
            "CI_MERGE_REQUEST_IID": "3",
            "HARNESS_CI_TOKEN": TOKEN,
        }
    )
    assert job is not None
    return job


@pytest.mark.parametrize("system", [github, gitlab])
@pytest.mark.parametrize("login", ["", "harness-bot"])
def test_the_second_replaces_the_first_on_whichever_page_it_is(api: Api, system: Any, login: str) -> None:
    api.login = login
    api.comments = [api.comment(number, f"talk {number}", "somebody") for number in range(150)]
    assert upsert(system(api), f"{MARK}\n## first") == "posted"
    assert upsert(system(api), f"{MARK}\n## second") == "replaced"
    assert [one["body"] for one in api.comments[150:]] == [f"{MARK}\n## second"]


def test_another_profile_has_its_own(api: Api) -> None:
    upsert(github(api), f"{MARK}\none")
    assert upsert(github(api), f"{marker('nightly', 'staging')}\nother") == "posted"
    assert len(api.comments) == 2


@pytest.mark.parametrize("system", [github, gitlab])
@pytest.mark.parametrize("login", ["", "harness-bot"])
@pytest.mark.parametrize("foreign", [set(), {1}], ids=["a token that may change it", "one that may not"])
def test_somebody_elses_comment_with_our_marker_is_left_alone(
    api: Api, system: Any, login: str, foreign: set[int]
) -> None:
    """Its author could change afterwards what we wrote into it. A workflow's token may change anybody's."""
    api.login, api.foreign = login, foreign
    api.comments = [api.comment(1, f"{MARK}\nforged", "mallory"), api.comment(2, f"he said: {MARK}", "mallory")]
    assert upsert(system(api), f"{MARK}\nours") == "posted"
    assert [one["body"] for one in api.comments[:2]] == [f"{MARK}\nforged", f"he said: {MARK}"]
    assert upsert(system(api), f"{MARK}\nnewer") == "replaced"
    assert api.comments[2]["body"] == f"{MARK}\nnewer"


def test_one_that_may_not_be_changed_any_more_is_followed_by_another(api: Api) -> None:
    upsert(github(api), f"{MARK}\nours")
    api.foreign = {api.comments[0]["id"]}
    assert upsert(github(api), f"{MARK}\nnewer") == "posted"


@pytest.mark.parametrize("system", [github, gitlab])
def test_what_a_later_commit_could_not_be_asked_is_out_of_date_until_the_next_run(api: Api, system: Any) -> None:
    """Once, whoever repeats it; not somebody else's, not one of the other command."""
    other = f"{marker('ab pull-request', 'sandbox')}\n## PASS"
    job = system(api)
    upsert(job, f"{MARK}\n## PASS")
    upsert(job, other)
    api.comments.append(api.comment(5, f"{MARK}\n## PASS", "mallory"))

    def outdated() -> int:
        return outdate(job, lambda mark: ": ab " not in mark, "**Out of date**: why.")

    assert outdated() == 1
    assert outdated() == 0
    bodies = [one["body"] for one in api.comments]
    assert bodies == [f"{MARK}\n**Out of date**: why.\n\n## PASS", other, f"{MARK}\n## PASS"]
    assert upsert(job, f"{MARK}\n## FAIL") == "replaced"
    assert api.comments[0]["body"] == f"{MARK}\n## FAIL"


def test_a_refused_run_leaves_no_comment_that_looks_like_its_own(api: Api, tmp_path: Any) -> None:
    job = github(api)
    upsert(job, f"{MARK}\n## ✅ PASS")
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": api.url,
        "GITHUB_REPOSITORY": "acme/films",
        "GITHUB_REF": "refs/pull/12/merge",
        "GITHUB_SHA": "ab" * 20,
        "GITHUB_EVENT_PATH": str(tmp_path / "none"),
        "HARNESS_CI_TOKEN": TOKEN,
    }
    done = CliRunner().invoke(cli, ["run", "no-such-profile", "--out", str(tmp_path / "runs")], env=environ)
    assert isinstance(done.exception, HarnessError)
    (comment,) = api.comments
    assert comment["body"].startswith(
        f"{MARK}\n**Out of date**: the run of commit abababababab ended without a verdict."
    )
    assert comment["body"].endswith("## ✅ PASS")


def test_a_long_one_is_cut_to_what_is_taken(api: Api) -> None:
    upsert(github(api), MARK + "\n" + "\n\n".join(["a block of words " * 20] * 500))
    (kept,) = api.comments
    assert kept["body"].startswith(MARK)
    assert "Cut to the size" in kept["body"]


@pytest.mark.parametrize(("token", "deny", "says"), [("wrong-token", 0, "401"), (TOKEN, 403, "not accessible")])
def test_a_refusal_says_what_is_missing_and_never_the_token(api: Api, token: str, deny: int, says: str) -> None:
    api.deny = deny
    with pytest.raises(HarnessError) as error:
        upsert(github(api, token), f"{MARK}\ntext")
    assert says in str(error.value)
    assert "pull-requests: write" in error.value.remedy
    assert token not in str(error.value)


def test_no_answer_is_an_error_and_no_traceback(api: Api) -> None:
    gone = CiEnvironment("github", "http://127.0.0.1:1", "acme/films", "12", token=github(api).token)
    with pytest.raises(HarnessError, match="no answer"):
        upsert(gone, f"{MARK}\ntext")


def test_a_token_is_never_sent_in_clear_to_elsewhere(api: Api) -> None:
    away = CiEnvironment("github", "http://api.example.org", "acme/films", "12", token=github(api).token)
    with pytest.raises(HarnessError, match="in clear"):
        upsert(away, f"{MARK}\ntext")


def test_a_marker_is_one_comment_whatever_the_names_are() -> None:
    mark = marker("a --> b", "x\ny--z")
    assert "\n" not in mark
    assert mark.count("-->") == 1
    assert mark.endswith("-->")
