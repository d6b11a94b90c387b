"""One comment on a pull or merge request, which the next run replaces. Through the gate.

GitHub REST, "Issue comments"; GitLab REST, "Notes API". The predecessor is found by the marker with which our comments
begin, an HTML comment that nobody sees, and by its author, who is the token's: whoever put our marker before a comment
of their own could change afterwards what we wrote into it. One that may not be changed is left alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from harness.ci.environment import CiEnvironment
from harness.ci.limits import COMMENT_CHARACTERS, within
from harness.ci.marker import NAME
from harness.core.errors import HarnessError
from harness.core.target_guard import Reach, is_loopback
from harness.egress import web
from harness.egress.gate import Gate, host_of

TIMEOUT_S = 15.0
A_PAGE, MOST_PAGES = 100, 30
Done = Literal["posted", "replaced"]


@dataclass(frozen=True, slots=True)
class _Api:
    """Where comments are, and how this system calls their change."""

    path: str  # of all comments of the request
    one: str  # of a single one, with {id}
    change: Literal["PATCH", "PUT"]
    headers: dict[str, str]
    mine: Callable[[dict[str, Any], Any], bool]  # is that comment by whom the API says we are? None: it does not say


def upsert(job: CiEnvironment, text: str) -> Done:
    """Post `text`, whose first line is a marker, or put it in the place of the comment that has the same one.

    :raises HarnessError: it could not be posted. Holds no token.
    """
    mark, _, rest = text.partition("\n")
    body = _sized(mark, rest)
    with _open(job) as forge:
        for comment in forge.mine(mark):
            if forge.change(comment, body):
                return "replaced"
        forge.post(body)
    return "posted"


def outdate(job: CiEnvironment, about: Callable[[str], bool], note: str) -> int:
    """Put `note`, a block of Markdown, before what our comments say, of which `about` takes the marker: a later commit
    could not be asked. Returns how many changed. The next run replaces all of it.

    :raises HarnessError: the API does not answer. Holds no token.
    """
    done = 0
    with _open(job) as forge:
        for comment in forge.mine(f"<!-- {NAME}: "):
            mark, _, rest = str(comment["body"]).partition("\n")
            if about(mark) and not rest.startswith(note):
                done += forge.change(comment, _sized(mark, f"{note}\n\n{rest}"))
    return done


def _sized(mark: str, rest: str) -> str:
    return f"{mark}\n{within(rest, COMMENT_CHARACTERS - len(mark) - 1, characters=True)}"


@dataclass(frozen=True, slots=True)
class _Forge:
    """A request's comments, as the token may see and change them."""

    job: CiEnvironment
    api: _Api
    http: httpx.Client

    def mine(self, mark: str) -> Iterator[dict[str, Any]]:
        """Our comments that begin so."""
        path = self.job.api + self.api.path
        marked = _marked(lambda page: self.http.get(path, params=_page(page)), mark)
        return _mine(marked, self.api, lambda: self.http.get(f"{self.job.api}/user"))

    def change(self, comment: dict[str, Any], body: str) -> bool:
        """False where the token may not."""
        path = self.job.api + self.api.one.format(id=comment["id"])
        answer = self.http.request(self.api.change, path, json={"body": body})
        if answer.status_code in (401, 403, 404):
            return False
        _check(answer, self.job)
        return True

    def post(self, body: str) -> None:
        _check(self.http.post(self.job.api + self.api.path, json={"body": body}), self.job)


@contextlib.contextmanager
def _open(job: CiEnvironment) -> Iterator[_Forge]:
    """:raises HarnessError: the API does not answer, or the token would be sent in clear."""
    api, host = _api(job), host_of(job.api).lower()
    gate = Gate(Reach(frozenset({host}), private=frozenset({host})))  # a server of one's own may be in the same network
    if not job.api.startswith("https://") and not is_loopback(host):
        raise _failed("the API's address is not https, and the token would be sent in clear", job)
    try:
        with web.client(gate, timeout=TIMEOUT_S, headers=api.headers) as http:
            yield _Forge(job, api, http)
    except httpx.HTTPError as error:
        raise _failed(f"no answer from the API ({type(error).__name__})", job) from error


def _api(job: CiEnvironment) -> _Api:
    token = job.token.reveal()
    if job.system == "github":
        return _Api(
            path=f"/repos/{job.project}/issues/{job.change}/comments",
            one=f"/repos/{job.project}/issues/comments/{{id}}",
            change="PATCH",
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
                "User-Agent": NAME,
            },
            mine=_mine_on_github,
        )
    notes = f"/projects/{job.project}/merge_requests/{job.change}/notes"
    return _Api(
        path=notes,
        one=notes + "/{id}",
        change="PUT",
        headers={"PRIVATE-TOKEN": token, "User-Agent": NAME},
        mine=lambda comment, me: me is not None and _part(comment, "author", "id") == _part(me, "id"),
    )


def _mine_on_github(comment: dict[str, Any], me: Any) -> bool:
    """A token of an app, as that of a workflow, is not told who it is; what apps write is by `name[bot]`, as which
    nobody can sign up."""
    login = _part(comment, "user", "login")
    if me is not None:
        return login is not None and login == _part(me, "login")
    return _part(comment, "user", "type") == "Bot" and str(login).endswith("[bot]")


def _part(found: Any, *path: str) -> Any:
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _page(number: int) -> dict[str, int]:
    return {"per_page": A_PAGE, "page": number}


def _marked(ask: Callable[[int], httpx.Response], mark: str) -> Iterator[dict[str, Any]]:
    """The comments that begin with the marker. ask: for a page of them."""
    for page in range(1, MOST_PAGES + 1):
        answer = ask(page)
        if answer.status_code != 200:
            return  # who may not read may still be allowed to write
        listed: Any = _json(answer)
        if not isinstance(listed, list):
            return
        for one in listed:
            if isinstance(one, dict) and str(one.get("body", "")).startswith(mark) and isinstance(one.get("id"), int):
                yield one
        if len(listed) < A_PAGE:
            return


def _mine(marked: Iterator[dict[str, Any]], api: _Api, ask: Callable[[], httpx.Response]) -> Iterator[dict[str, Any]]:
    """Those that we wrote. ask: who we are, once and only where there is one."""
    me: Any = None
    asked = False
    for comment in marked:
        if not asked:
            answer, asked = ask(), True
            me = _json(answer) if answer.status_code == 200 else None
        if api.mine(comment, me):
            yield comment


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None


def _check(answer: httpx.Response, job: CiEnvironment) -> None:
    if answer.status_code not in (200, 201):
        said = _json(answer)
        why = str(said.get("message", ""))[:200] if isinstance(said, dict) else ""
        raise _failed(f"the API answered {answer.status_code}" + (f": {why}" if why else ""), job)


def _failed(what: str, job: CiEnvironment) -> HarnessError:
    return HarnessError(
        f"the comment could not be posted: {what}",
        where=f"{job.api} {job.project} #{job.change}",
        remedy="GitHub: `permissions: pull-requests: write` for the job; GitLab: a project access token with the scope "
        "api. The comment is in comment.md all the same",
    )
