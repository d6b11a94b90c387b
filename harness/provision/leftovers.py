"""Rows of synthetic people that stay when the people are deleted, because nothing in the schema refers to them.

Deleting a user takes along what cascades: profile, library, messages, memberships. It leaves swipe events, the deck's
log, what jobs reckoned for them, the log of the assistant's calls of models, rate limits, files, and the conversations
that they opened, whose `created_by` becomes null. So what has to go is found while they are still there (`found`), and
removed through PostgREST and Storage with the service key once they are gone (`removed`), by exact ids: nobody else's
row can be among them. A conversation in which somebody else wrote stays, unless it was the app's assistant. What the
target logs of our deletions (`admin_audit_log`) and notes of its models (`openrouter_circuit_breakers`) is its own.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from harness.core.api_key import key_headers
from harness.core.errors import TargetError
from harness.core.frozen_model import FrozenModel
from harness.core.secret_filter import WORDS
from harness.core.target import Target
from harness.core.target_guard import permit
from harness.egress import web
from harness.egress.gate import Gate
from harness.provision.admin_job import resolve, service_key
from harness.provision.pacing import DEFAULT_PATIENCE, BackoffPolicy

BY_USER = (
    "rec_impressions",
    "rec_requests",
    "media_rank_feature_items_v2",
    "media_events",
    "media_item_daily_users",
    "media_rerank_cache",
    "cf_recos",
    "assistant_reply_jobs",
    "openrouter_request_log",
)
"""Tables of the public schema with a `user_id` that refers to nobody."""
BATCH = 60
"""Ids in one request: an address of some 2,500 characters."""
BUCKET = "chat-media"
"""Of files sent in chats; a message names its file as the bucket does."""
ASSISTANT = "movinesta"
"""The username of the app's assistant, as shipped: what it wrote to our people is theirs."""
TIMEOUT_S = 60.0
PAGE = 1000


class Leftovers(FrozenModel):
    """What is to go: ids of people, of the conversations that they opened, paths of files that they sent."""

    people: tuple[str, ...] = ()
    conversations: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass
class RestJob:
    """PostgREST and Storage of a target, with its service key, at its pace."""

    target: Target
    allow_production: bool = False
    patience: BackoffPolicy = DEFAULT_PATIENCE
    advance: Callable[[int], None] = lambda _: None
    _free_at: float = field(default=0.0, init=False)

    def __enter__(self) -> RestJob:
        allowed = permit(self.target, peak_phones=0, allow_production=self.allow_production)
        self._interval_s = 1 / allowed.requests_per_second if allowed.requests_per_second else 0.0
        key = service_key(self.target, resolve(self.target, password=False))
        gate, headers = Gate(allowed.reach), key_headers(key)
        self._http = web.client(gate, base_url=self.target.url, headers=headers, timeout=TIMEOUT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def send(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of a good reply; None without a body. :raises TargetError: no good reply after all tries."""
        said = ""
        for attempt in range(1, self.patience.tries + 1):
            wait = ""
            now = time.monotonic()
            time.sleep(max(0.0, self._free_at - now))
            self._free_at = max(now, self._free_at) + self._interval_s
            try:
                reply = self._http.request(method, path, **options)
            except (httpx.HTTPError, httpx.InvalidURL) as error:  # an id of the target's making
                said = type(error).__name__
            else:
                if reply.is_success:
                    return self._understood(reply, method, path) if reply.content else None
                said = f"status {reply.status_code}: {reply.text[:200]}"
                if reply.status_code < 500 and reply.status_code not in (408, 429):
                    break
                wait = reply.headers.get("retry-after", "")
            if attempt < self.patience.tries:
                time.sleep(self.patience.pause_s(attempt, wait, random.Random()))
        raise TargetError(
            f"{method} {path.partition('?')[0]}: {WORDS.text(said)}",
            where=f"target {self.target.name}",
            remedy="see that the service key may read and delete there; then repeat the same command",
        )

    def _understood(self, reply: httpx.Response, method: str, path: str) -> Any:
        """:raises TargetError: it is no JSON."""
        try:
            return reply.json()
        except (ValueError, RecursionError):
            raise self._nonsense(method, path, "something else than JSON") from None

    def _nonsense(self, method: str, path: str, what: str) -> TargetError:
        return TargetError(
            f"{method} {path.partition('?')[0]} was answered with {what}",
            where=f"target {self.target.name}",
            remedy="check that the target file's url is a Supabase project (PostgREST answers under /rest/v1)",
        )

    def _listed(self, rows: Any, method: str, path: str, columns: str) -> list[dict[str, Any]]:
        """:raises TargetError: these are no rows with such columns."""
        needed = set(columns.split(","))
        if not isinstance(rows, list) or not all(isinstance(row, dict) and needed <= row.keys() for row in rows):
            raise self._nonsense(method, path, "something else than rows")
        return rows

    def ids(self, table: str, column: str, values: Sequence[str], select: str) -> Iterator[dict[str, Any]]:
        """Rows with one of these values; `id` is among what is selected. Page by page, to the first page without any:
        how many rows a page has is the deployment's to say, and what is not seen here would stay, or be taken for
        nobody's.

        :raises TargetError: no good reply, or no end.
        """
        for some in batches(values):
            asked = f"/rest/v1/{table}?select={select}&{column}=in.({','.join(some)})&order=id&limit={PAGE}"
            last, ends = "", set[str]()
            while True:
                path = f"{asked}&id=gt.{last}" if last else asked
                rows = self._listed(self.send("GET", path), "GET", path, select)
                if not rows:
                    break
                last = str(rows[-1]["id"])
                if last in ends:
                    raise self._nonsense("GET", path, "the same rows again, whatever page was asked for")
                ends.add(last)
                yield from rows

    def delete(self, table: str, column: str, values: Sequence[str]) -> int:
        """How many rows went."""
        gone = 0
        for some in batches(values):
            path = f"/rest/v1/{table}?{column}=in.({','.join(map(_quoted, some))})&select={column}"
            rows = self.send("DELETE", path, headers={"prefer": "return=representation"})
            gone += len(self._listed(rows or [], "DELETE", path, column))
            self.advance(len(some))
        return gone


def batches(values: Iterable[str]) -> Iterator[list[str]]:
    """Of at most BATCH each."""
    listed = list(values)
    for start in range(0, len(listed), BATCH):
        yield listed[start : start + BATCH]


def _quoted(value: str) -> str:
    return quote(f'"{value}"') if ":" in value else value


def found(job: RestJob, people: Sequence[str]) -> Leftovers:
    """What these people will leave; to be asked while they are still there. :raises TargetError:"""
    conversations = [str(row["id"]) for row in job.ids("conversations", "created_by", people, "id")]
    files = [
        str(row["attachment_url"])
        for row in job.ids("messages", "user_id", people, "id,attachment_url")
        if row["attachment_url"]
    ]
    return Leftovers(people=tuple(people), conversations=tuple(conversations), files=tuple(files))


def removed(job: RestJob, left: Leftovers) -> Mapping[str, int]:
    """Delete it, once the people are gone; how many rows of what. Safe to repeat. :raises TargetError:"""
    gone = {table: job.delete(table, "user_id", left.people) for table in BY_USER}
    gone["rate_limits"] = job.delete("rate_limits", "key", [limiter_key(one) for one in left.people])
    assistant = {row["id"] for row in job.ids("profiles", "username", (ASSISTANT,), "id")}
    written = job.ids("messages", "conversation_id", left.conversations, "id,conversation_id,user_id")
    kept = {str(row["conversation_id"]) for row in written if row["user_id"] not in assistant}
    gone["conversations"] = job.delete("conversations", "id", [one for one in left.conversations if one not in kept])
    gone["files"] = 0
    for some in batches(left.files):
        told = job.send("DELETE", f"/storage/v1/object/{BUCKET}", json={"prefixes": some})
        gone["files"] += len(told) if isinstance(told, list) else 0
    return {what: number for what, number in gone.items() if number}


def limiter_key(user_id: str) -> str:
    """How the app's limiter names a person."""
    return f"user:{user_id}"
