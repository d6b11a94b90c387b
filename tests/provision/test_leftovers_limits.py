"""What stays of deleted people, on a deployment that is configured otherwise than the sandbox: a foreign PostgREST."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from harness.core.errors import TargetError
from harness.core.target import Target, TargetKeys
from harness.provision.leftovers import Leftovers, RestJob, found, removed
from harness.provision.pacing import BackoffPolicy

OURS, THEIRS = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
QUICK = BackoffPolicy(tries=2, base_s=0.002, cap_s=0.02)


@dataclass
class Deployment:
    """Tables whose reads show `most` rows at once, as db-max-rows has it, in no order unless one is asked for."""

    url: str
    most: int = 2
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)  # method, path with query, headers
    gone: dict[str, list[str]] = field(default_factory=dict)

    def read(self, table: str, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        filters = {
            name: value[0] for name, value in query.items() if name not in ("select", "limit", "offset", "order")
        }
        rows = [row for row in self.tables.get(table, []) if all(_fits(row, *one) for one in filters.items())]
        assert "id" in query["select"][0].split(",")
        if "order" in query:
            rows = sorted(rows, key=lambda row: str(row[query["order"][0].partition(".")[0]]))
        else:
            rows = rows[::-1] if len(self.asked) % 2 else rows  # whatever it comes across first
        offset, limit = int(query.get("offset", ["0"])[0]), int(query["limit"][0])
        return rows[offset : offset + min(limit, self.most)]


def _fits(row: dict[str, Any], name: str, test: str) -> bool:
    if test.startswith("gt."):
        return str(row.get(name)) > test.removeprefix("gt.")
    return str(row.get(name)) in test.removeprefix("in.(").removesuffix(")").replace('"', "").split(",")


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def _any(self) -> None:
            parts = urlsplit(self.path)
            told.asked.append((self.command, self.path, {name.lower(): text for name, text in self.headers.items()}))
            self.rfile.read(int(self.headers.get("content-length", 0)))
            table, query = parts.path.rpartition("/")[2], parse_qs(parts.query)
            if self.command == "DELETE":
                rows = [row for row in told.tables.get(table, []) if all(_fits(row, *one) for one in _one(query))]
                told.gone.setdefault(table, []).extend(str(row["id"]) for row in rows)
            else:
                rows = told.read(table, query)
            body = json.dumps(rows).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_DELETE = _any

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Deployment(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


def _one(query: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, value[0]) for name, value in query.items() if name != "select"]


def job_of(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, service: str) -> RestJob:
    monkeypatch.setenv("FOREIGN_ANON", "sb_publishable_anon")
    monkeypatch.setenv("FOREIGN_SERVICE", service)
    keys = TargetKeys(anon_env="FOREIGN_ANON", service_env="FOREIGN_SERVICE")
    return RestJob(Target(name="foreign", url=deployment.url, environment="staging", keys=keys), patience=QUICK)


def messages(deployment: Deployment, *writers: str) -> None:
    deployment.tables["conversations"] = [{"id": "c1", "created_by": OURS}]
    deployment.tables["profiles"] = []
    deployment.tables["messages"] = [
        {"id": f"m{number}", "conversation_id": "c1", "user_id": writer, "attachment_url": f"file-{number}"}
        for number, writer in enumerate(writers)
    ]


def test_pages_that_the_deployment_makes_shorter_hide_nothing(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages(deployment, *[OURS] * 7)
    deployment.tables["conversations"] = [{"id": f"c{number}", "created_by": OURS} for number in range(5)]
    with job_of(deployment, monkeypatch, "sb_secret_service") as job:
        left = found(job, [OURS])
    assert sorted(left.conversations) == [f"c{number}" for number in range(5)]
    assert sorted(left.files) == [f"file-{number}" for number in range(7)]


def test_a_conversation_in_which_somebody_else_wrote_late_stays(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages(deployment, OURS, OURS, OURS, OURS, THEIRS)
    with job_of(deployment, monkeypatch, "sb_secret_service") as job:
        removed(job, Leftovers(people=(OURS,), conversations=("c1",)))
        assert deployment.gone.get("conversations", []) == []
        messages(deployment, "bot", "bot", "bot")
        deployment.tables["profiles"] = [{"id": "bot", "username": "movinesta"}]
        removed(job, Leftovers(people=(OURS,), conversations=("c1",)))
        assert deployment.gone["conversations"] == ["c1"]


def test_a_list_that_never_ends_is_not_read_for_ever(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(Deployment):
        def read(self, table: str, query: dict[str, list[str]]) -> list[dict[str, Any]]:
            return self.tables.get(table, [])[:1]

    deployment.tables["conversations"] = [{"id": "c1", "created_by": OURS}]
    deployment.read = Endless(deployment.url, tables=deployment.tables).read  # type: ignore[method-assign]
    with (
        job_of(deployment, monkeypatch, "sb_secret_service") as job,
        pytest.raises(TargetError, match="the same rows again"),
    ):
        found(job, [OURS])


@pytest.mark.parametrize(
    ("service", "bearer"),
    [("sb_secret_of_today_0123456789", None), ("eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2ln", "itself")],
)
def test_the_key_is_sent_as_its_kind_is_taken(
    service: str, bearer: str | None, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new key is no token, and goes as `apikey` alone, as everywhere else."""
    with job_of(deployment, monkeypatch, service) as job:
        removed(job, Leftovers(people=(OURS,), files=("f",)))
    assert deployment.asked
    for method, path, headers in deployment.asked:
        assert headers["apikey"] == service, f"{method} {path}"
        assert headers.get("authorization") == (None if bearer is None else f"Bearer {service}"), f"{method} {path}"
