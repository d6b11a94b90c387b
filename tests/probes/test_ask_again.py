"""Questions of a run, asked again of a real sandbox: as the same people, and never a failure of the run."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import orjson
import pytest

from harness.core.read_log import KeptReply, ReadLog
from harness.core.reply_print import ReplyPrint, printed
from harness.core.resolved_target import ResolvedTarget
from harness.core.rows import made
from harness.core.secret import Secret
from harness.core.tables import READ_AGAIN, SCHEMAS
from harness.probes.ask_again import CALLS, AskedAgain, ask_again
from harness.probes.context import signed_in
from harness.record.store import RunFiles, RunStore, open_run
from reports.integrity import shown_again
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from tests.probes.test_probes import access
from tests.record.test_store import manifest

ANY_TITLES = "/rest/v1/media_items?select=id&limit=5"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=6, catalogue=60)) as running:
        yield running


async def _shown(target: ResolvedTarget, **changes: str) -> ReadLog:
    """What person 0 was shown of five titles; `changes` as a layer in between would have made it up."""
    log, call = ReadLog(), CALLS["title_preview"]
    async with httpx.AsyncClient(base_url=target.url) as http:
        me = await signed_in(http, target, 0)
        headers = {"apikey": target.anon_key.reveal(), "authorization": f"Bearer {me.token}"}
        account = bytes.fromhex(me.user_id.replace("-", ""))
        for title in (await http.get(ANY_TITLES, headers=headers)).json():
            rows = (await http.get(call.path.format(title["id"]), headers=headers)).json()
            kept = KeptReply(
                account, orjson.dumps([title["id"]]).decode(), "null", printed([row | changes for row in rows], ["id"])
            )
            log.keep_print(1_000_000, 1_000_000, 0, call.name, kept)
    return log


def record(folder: Path, log: ReadLog) -> RunFiles:
    store = RunStore.create(folder, manifest(zero_epoch_s=time.time()))
    for table, batch in made(log.take()):
        store.append(table, batch)
    store.close()
    return open_run(folder)


def again(tmp_path: Path, target: ResolvedTarget, log: ReadLog, name: str = "run") -> tuple[AskedAgain, RunFiles]:
    files = record(tmp_path / name, log)
    told = ask_again(files.folder, target)
    return told, open_run(files.folder)


def test_the_same_people_are_told_the_same(sandbox: Sandbox, tmp_path: Path) -> None:
    target = access(sandbox.url)
    told, files = again(tmp_path, target, asyncio.run(_shown(target)))
    assert (told.asked, told.answered, told.people, told.problem) == (5, 5, 1, "")
    (check,) = shown_again.checks(files.rows)
    assert check.status == "held"
    assert check.looked_at > 20
    assert (files.folder / f"{READ_AGAIN}.parquet").is_file()


def test_what_a_layer_in_between_made_up_is_found(sandbox: Sandbox, tmp_path: Path) -> None:
    target = access(sandbox.url)
    _, files = again(tmp_path, target, asyncio.run(_shown(target, omdb_director="Nobody")))
    (check,) = shown_again.checks(files.rows)
    assert check.status == "broken"
    assert check.offenders[0].text == "title_preview: another omdb_director than the same question brings after the run"


def test_accounts_of_others_are_not_asked_as(sandbox: Sandbox, tmp_path: Path) -> None:
    """Whoever signed up in the run has no number of the target's people."""
    log = ReadLog()
    log.keep_print(1, 1, 1, "title_preview", KeptReply(bytes(16), '["x"]', "null", ReplyPrint()))
    told, files = again(tmp_path, access(sandbox.url), log)
    assert (told.asked, told.people) == (0, 1)
    assert list(shown_again.checks(files.rows)) == []


@pytest.mark.parametrize("arguments", ['["no-id"]', "[]", "not json", '["a", "b", "c"]'])
def test_a_question_that_is_refused_has_no_answer(sandbox: Sandbox, tmp_path: Path, arguments: str) -> None:
    target = access(sandbox.url)
    me = asyncio.run(_signed_in(target))
    log = ReadLog()
    log.keep_print(1, 1, 0, "title_preview", KeptReply(me, arguments, "null", ReplyPrint()))
    told, files = again(tmp_path, target, log)
    assert told.asked == 1
    answers = [row for batch in files.rows(READ_AGAIN, SCHEMAS[READ_AGAIN].names) for row in batch.to_pylist()]
    assert [row["keys"] for row in answers] == ([None] if told.answered == 0 else [""])


async def _signed_in(target: ResolvedTarget) -> bytes:
    async with httpx.AsyncClient(base_url=target.url) as http:
        return bytes.fromhex((await signed_in(http, target, 0)).user_id.replace("-", ""))


def test_a_target_that_is_gone_or_knows_nobody_costs_nothing_but_the_question(sandbox: Sandbox, tmp_path: Path) -> None:
    target = access(sandbox.url)
    log = asyncio.run(_shown(target))
    told, files = again(tmp_path, replace(target, url="http://127.0.0.1:9"), log, "gone")
    assert (told.asked, told.problem) == (0, "no reply to a sign-in (ConnectError)")
    assert list(shown_again.checks(files.rows)) == []
    told, _ = again(tmp_path, replace(target, password=Secret("wrong")), asyncio.run(_shown(target)), "stranger")
    assert (told.asked, told.people, told.problem) == (0, 0, "")


class _Hostile(BaseHTTPRequestHandler):
    """Signs anybody in, and answers questions without end: quickly, or a byte now and then."""

    pause_s = 0.0
    user = ""
    sign_in = 200
    page = b""

    def do_POST(self) -> None:
        self._say(self.sign_in, orjson.dumps({"access_token": "t", "user": {"id": self.user}}))

    def do_GET(self) -> None:
        if self.page:
            self._say(206, self.page)
            return
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b"[" * (1 if self.pause_s else 1_000_000))
                self.wfile.flush()
                time.sleep(self.pause_s)

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@contextlib.contextmanager
def hostile(**how: object) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Hostile", (_Hostile,), how))
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_whose_id_is_none_is_not_asked_as(sandbox: Sandbox, tmp_path: Path) -> None:
    target = access(sandbox.url)
    log = asyncio.run(_shown(target))
    told, _ = again(tmp_path, replace(target, user_ids=("nobody",)), log)
    assert (told.asked, told.problem) == (0, "")


@pytest.mark.parametrize(("pause_s", "answered", "problem"), [(0.0, 5, ""), (0.1, 0, "the target took more than 1 s")])
def test_an_answer_without_end_ends(
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pause_s: float,
    answered: int,
    problem: str,
) -> None:
    target = access(sandbox.url)
    log, me = asyncio.run(_shown(target)), asyncio.run(_signed_in(target))
    monkeypatch.setattr("harness.probes.ask_again.ALL_S", 1.0 if pause_s else 30.0)
    with hostile(pause_s=pause_s, user=str(uuid.UUID(bytes=me))) as url:
        begun = time.monotonic()
        told, _ = again(tmp_path, replace(target, url=url), log)
        assert time.monotonic() - begun < 30
    assert (told.asked, told.answered, told.problem) == (answered, 0, problem)


def test_a_page_of_more_rows_is_an_answer(sandbox: Sandbox, tmp_path: Path) -> None:
    target = access(sandbox.url)
    log, me = asyncio.run(_shown(target)), asyncio.run(_signed_in(target))
    with hostile(user=str(uuid.UUID(bytes=me)), page=b'[{"id": "t"}]') as url:
        told, _ = again(tmp_path, replace(target, url=url), log)
    assert (told.asked, told.answered) == (5, 5)


def test_a_limit_of_sign_ins_is_called_one(sandbox: Sandbox, tmp_path: Path) -> None:
    target = access(sandbox.url)
    log = asyncio.run(_shown(target))
    with hostile(sign_in=429) as url:
        told, _ = again(tmp_path, replace(target, url=url), log)
    assert (told.asked, told.problem) == (0, "the target's sign-in limit is reached")


def test_a_run_that_kept_nothing_asks_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    assert again(tmp_path, access(sandbox.url), ReadLog())[0] == AskedAgain()
