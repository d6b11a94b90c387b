"""What is read from the target after a run, against the sandbox: nothing that a check needs is left out."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from harness.client.events.event_key import event_facts, stored_key
from harness.client.events.swipe_event import SwipeEvent
from harness.client.message_content import message_content
from harness.core import ids
from harness.core.errors import TargetError
from harness.core.ledger import Ledger, WriteKind, WriteStep
from harness.core.read_log import ReadLog, ReadSample
from harness.core.rows import made
from harness.core.tables import LEDGER_WRITES, SCHEMAS
from harness.evidence import postgres, rest, store
from harness.evidence.collect import collect
from harness.evidence.dated import COLUMNS, DATED, unseen, without, written
from harness.evidence.tables import (
    CONVERSATIONS,
    LAST_SEEN,
    LIBRARY,
    MESSAGES,
    PARTICIPANTS,
    RATINGS,
    READERS_HINTS,
    READERS_JOBS,
    READERS_LIST_ITEMS,
    READERS_LISTS,
    READERS_STATS,
    REMOVED_FILES,
    TABLES,
)
from harness.record.manifest import Evidence
from harness.record.store import RunStore, open_run
from harness.run import checking
from reports.integrity import conversations
from reports.integrity.check import integrity
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from sandbox.switches import Switches
from tests.reports import build

PAST = "2026-01-05 10:00:00+00"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    switches = Switches.parse(["conversation_not_bumped=on"])
    with Sandbox(SandboxOptions(people=30, catalogue=120, switches=switches)) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run that began just now."""
    folder = build.save(build.realistic(), tmp_path / "run")
    RunStore(folder, open_run(folder).manifest).update(zero_epoch_s=time.time())
    return folder


STRANGERS = (
    "select id from auth.users where id not in (select user_id from conversation_participants where conversation_id ="
    " (select id from conversations where is_group order by id limit 1)) order by id"
)
"""People for whom no other test writes: what `message` leaves is nobody's row to a run of its writer."""


async def message(dsn: str) -> str:
    """Somebody writes into an old group; its id."""
    connection = await asyncpg.connect(dsn)
    try:
        conversation = await connection.fetchval("select id from conversations where is_group order by id limit 1")
        async with connection.transaction():
            await connection.execute("set local session_replication_role = replica")  # no trigger makes it newer
            await connection.execute(f"update conversations set updated_at = '{PAST}' where id = $1", conversation)
        member = await connection.fetchval(
            "select user_id from conversation_participants where conversation_id = $1 limit 1", conversation
        )
        await connection.execute(
            "insert into messages (conversation_id, user_id, body) values ($1, $2, $3)", conversation, member, '"hi"'
        )
        return str(conversation)
    finally:
        await connection.close()


@pytest.mark.parametrize("way", ["PostgREST", "Postgres"])
def test_a_conversation_that_nothing_made_newer_is_read_and_found(sandbox: Sandbox, folder: Path, way: str) -> None:
    key, dsn = sandbox.discovery["service_key"], sandbox.discovery["dsn"]
    old = asyncio.run(message(dsn))
    found = collect(folder, sandbox.url, service_key=key) if way == "PostgREST" else collect(folder, "", dsn=dsn)
    assert (found.source, found.problem) == (way, "")
    rooms, messages, members = (store.kept(folder, table) for table in (CONVERSATIONS, MESSAGES, PARTICIPANTS))
    assert rooms is not None
    assert messages is not None
    assert members is not None
    stale = conversations.stale(rooms.to_pandas(), messages.to_pandas())
    assert [str(uuid.UUID(bytes=raw)) for raw in stale["id"]] == [old]
    assert members.num_rows > 1


def noted(*writes: tuple[WriteKind, int, uuid.UUID]) -> pa.RecordBatch:
    """Some of the ledger's writes: kind, person, subject."""
    rows = [{"kind": int(kind), "person": person, "subject": subject.bytes} for kind, person, subject in writes]
    schema = pa.schema([SCHEMAS[LEDGER_WRITES].field(name) for name in COLUMNS])
    return pa.RecordBatch.from_pylist(rows, schema=schema)


def entry(user: uuid.UUID, title: uuid.UUID, status: str = "watched") -> pa.RecordBatch:
    row = {"id": uuid.uuid4().bytes, "user_id": user.bytes, "title_id": title.bytes, "status": status}
    return pa.RecordBatch.from_pylist([row], schema=LIBRARY.schema)


def test_what_a_wrong_clock_dated_out_of_the_run_is_asked_for_by_name() -> None:
    ann, bob, cleo = (uuid.UUID(int=number, version=4) for number in (1, 2, 3))
    seen, unseen_one, removed = (uuid.UUID(int=number, version=4) for number in (11, 12, 13))
    read = [
        noted((WriteKind.PERSON, 1, ann), (WriteKind.PERSON, 2, bob), (WriteKind.PERSON, 3, cleo)),
        noted((WriteKind.LIBRARY, 1, seen), (WriteKind.LIBRARY, 2, seen), (WriteKind.LIBRARY, 2, unseen_one)),
        noted((WriteKind.UNLIBRARY, 3, removed), (WriteKind.READ, 1, unseen_one)),
    ]
    ledger = written(read)
    came = [entry(ann, seen), entry(bob, seen)]
    library = DATED["library_entries"]
    assert set(unseen(library, ledger, came)) == {str(bob), str(cleo)}
    assert set(unseen(library, ledger, [])) == {str(ann), str(bob), str(cleo)}
    assert unseen(DATED["message_read_receipts"], ledger, []) == [str(unseen_one)]
    assert unseen(library, [], came) == []
    (kept,) = [batch for batch in without(came, "user_id", [str(bob)]) if batch.num_rows]
    assert kept["user_id"].to_pylist() == [ann.bytes]


@pytest.mark.parametrize("way", ["PostgREST", "Postgres"])
def test_a_library_entry_of_a_phone_whose_clock_is_behind_is_read(sandbox: Sandbox, tmp_path: Path, way: str) -> None:
    key, dsn = sandbox.discovery["service_key"], sandbox.discovery["dsn"]

    async def written() -> tuple[uuid.UUID, uuid.UUID]:
        connection = await asyncpg.connect(dsn)
        try:
            user = await connection.fetchval("select id from auth.users order by id limit 1")
            title = await connection.fetchval("select id from media_items order by id limit 1")
            await connection.execute("delete from library_entries where user_id = $1 and title_id = $2", user, title)
            await connection.execute(
                "insert into library_entries (user_id, title_id, content_type, status, updated_at)"
                f" values ($1, $2, 'movie', 'watched', '{PAST}')",
                user,
                title,
            )
            return user, title
        finally:
            await connection.close()

    user, title = asyncio.run(written())
    ledger = Ledger()
    ledger.intend(WriteKind.PERSON, 0, 0.0, subject=str(user))
    ledger.intend(WriteKind.LIBRARY, 0, 1.0, subject=str(title), detail="watched")
    folder = build.save(build.realistic(), tmp_path / "run", killed=True)
    record = RunStore(folder, open_run(folder).manifest)
    record.update(zero_epoch_s=time.time())
    for name, batch in made(ledger.take()):
        record.append(name, batch)
    found = collect(folder, sandbox.url, service_key=key) if way == "PostgREST" else collect(folder, "", dsn=dsn)
    assert found.problem == ""
    library = store.kept(folder, LIBRARY, ["user_id", "title_id"])
    assert library is not None
    assert {"user_id": user.bytes, "title_id": title.bytes} in library.to_pylist()


TAG = 0x1DEA5


def read(sandbox: Sandbox, folder: Path, way: str) -> Evidence:
    key, dsn = sandbox.discovery["service_key"], sandbox.discovery["dsn"]
    found = collect(folder, sandbox.url, service_key=key) if way == "PostgREST" else collect(folder, "", dsn=dsn)
    assert (found.source, found.problem) == (way, "")
    return found


def begun(tmp_path: Path, ledger: Ledger, ago_s: float = 0.0) -> Path:
    """A run that began so long ago, with this ledger."""
    folder = build.save(build.realistic(), tmp_path / "run", killed=True)
    record = RunStore(folder, open_run(folder).manifest)
    record.update(zero_epoch_s=time.time() - ago_s, run_tag=TAG)
    for name, batch in made(ledger.take()):
        record.append(name, batch)
    return folder


async def rows_of(dsn: str, *statements: tuple[str, tuple[object, ...]]) -> list[object]:
    connection = await asyncpg.connect(dsn)
    try:
        return [await connection.fetchval(statement, *values) for statement, values in statements]
    finally:
        await connection.close()


async def executed(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


TEXT = "👨‍👩‍👧‍👦 e\u0301 שלום 映画 \\ \" ' <b>&amp;</b>\n" * 30


@pytest.mark.parametrize("way", ["PostgREST", "Postgres"])
def test_misdated_rows_are_found_by_their_ids_and_hold_what_was_sent(
    sandbox: Sandbox, tmp_path: Path, way: str
) -> None:
    """An event and a message that the target dates five hours early: read all the same, with the content sent."""
    dsn = sandbox.discovery["dsn"]
    user, title, conversation = asyncio.run(
        rows_of(
            dsn,
            (f"{STRANGERS} limit 1", ()),
            ("select id from media_items order by id limit 1", ()),
            ("select id from conversations where is_group order by id limit 1", ()),
        )
    )
    number = 1 + (way == "Postgres")
    event_id, message_id = ids.make(TAG, 5, number), ids.make(TAG, 5, number + 10)
    event = SwipeEvent("rating", event_id, str(uuid.uuid4()), str(title), rating0_10=7.0, payload={"ui": "x", "a": 1})
    body = {"type": "text", "text": TEXT, "clientId": message_id}
    row = {"text": TEXT, "body": body, "meta": body, "message_type": "text", "attachment_url": None}
    ledger = Ledger(TAG)
    ledger.intend(WriteKind.PERSON, 5, 0.0, subject=str(user))
    for entry in (
        ledger.intend(WriteKind.EVENT, 5, 0.0, **event_facts(event)),
        ledger.intend(WriteKind.MESSAGE, 5, 0.0, id_=message_id, content=message_content(row)),
    ):
        ledger.step(entry, WriteStep.SENT, 0.1)
        ledger.step(entry, WriteStep.ACKNOWLEDGED, 0.2)
    asyncio.run(
        rows_of(
            dsn,
            (
                "insert into media_events (user_id, session_id, media_item_id, event_type, rating_0_10, payload,"
                " client_event_id, dedupe_key, created_at) values ($1, $2, $3, 'rating', 7, $4, $5, $6,"
                " now() - interval '5 hours')",
                (user, event.session_id, title, '{"a": 1, "ui": "x"}', event_id, stored_key(event)),
            ),
            (
                "insert into messages (conversation_id, user_id, sender_id, body, meta, text, client_id, created_at)"
                " values ($1, $2, $2, $3, $3, $4, $5, now() - interval '5 hours')",
                (conversation, user, orjson.dumps(body).decode(), TEXT, message_id),
            ),
        )
    )
    folder = begun(tmp_path, ledger, ago_s=1.0)
    read(sandbox, folder, way)
    found = integrity(open_run(folder))
    checks = {check.id: check for check in found.checks}
    assert [checks[id_].count for id_ in ("I03", "I19 lost", "I51", "I52", "I63", "I64")] == [0] * 6
    for id_ in ("I53", "I54"):
        assert (checks[id_].status, checks[id_].count) == ("broken", 1)
        assert "they are stored, and dated 5.0 h before they were sent" in checks[id_].sentence
    assert "not compared" not in checks["I51"].note + checks["I52"].note


@pytest.mark.parametrize("way", ["PostgREST", "Postgres"])
def test_an_event_that_an_earlier_run_stored_today_is_not_lost(sandbox: Sandbox, tmp_path: Path, way: str) -> None:
    """The same people, the same seed, the same day: one row stands for both, under the earlier run's id."""
    dsn = sandbox.discovery["dsn"]
    user, title = asyncio.run(
        rows_of(
            dsn,
            (f"{STRANGERS} offset {1 + (way == 'Postgres')} limit 1", ()),  # each way has its own
            ("select id from media_items order by id limit 1", ()),
        )
    )
    event = SwipeEvent("detail_open", ids.make(TAG, 6, 1 + (way == "Postgres")), str(uuid.uuid4()), str(title))
    ledger = Ledger(TAG)
    ledger.intend(WriteKind.PERSON, 6, 0.0, subject=str(user))
    entry = ledger.intend(WriteKind.EVENT, 6, 0.0, **event_facts(event))
    ledger.step(entry, WriteStep.SENT, 0.1)
    ledger.step(entry, WriteStep.ACKNOWLEDGED, 0.2)
    insert = (
        "insert into media_events (user_id, session_id, media_item_id, event_type, client_event_id, dedupe_key,"
        " created_at) values ($1, $2, $3, 'detail_open', $4, $5, now() - interval '30 seconds')"
    )
    earlier = (user, event.session_id, title, ids.make(TAG + 1, 6, 1 + (way == "Postgres")), stored_key(event))
    asyncio.run(rows_of(dsn, (insert, earlier)))
    folder = begun(tmp_path, ledger, ago_s=1.0)
    read(sandbox, folder, way)
    found = integrity(open_run(folder))
    checks = {check.id: check for check in found.checks}
    assert checks["I03"].count == 0
    assert (checks["stored earlier"].status, checks["stored earlier"].count) == ("noted", 1)
    broken = {check.id: check.sentence for check in found.checks if check.status == "broken"}
    assert broken.keys() <= {"I21"}, broken  # `message` may just have left a conversation that nothing made newer


@pytest.mark.parametrize(("way", "sure_s"), [("PostgREST", 1.6), ("Postgres", 0.3)])
def test_the_targets_clock_is_measured_and_stays_as_it_was_measured_first(
    sandbox: Sandbox, folder: Path, way: str, sure_s: float
) -> None:
    clock = read(sandbox, folder, way).clock
    assert clock is not None
    assert clock.of == way
    assert abs(clock.offset_s) <= clock.uncertainty_s + 0.05  # one machine, one clock
    assert clock.uncertainty_s <= sure_s
    evidence = open_run(folder).manifest.evidence
    assert evidence is not None
    # Behind, so that the second reading begins earlier and finds again whatever the first one found.
    first = clock.model_copy(update={"offset_s": -61.5})
    RunStore(folder, open_run(folder).manifest).update(evidence=evidence.model_copy(update={"clock": first}))
    assert read(sandbox, folder, way).clock == first


def test_a_locked_table_is_a_problem_of_the_evidence_and_hangs_nothing(
    sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "LOCK_TIMEOUT_S", 0.2)
    dsn = sandbox.discovery["dsn"]
    locked, done = threading.Event(), threading.Event()

    async def hold() -> None:
        connection = await asyncpg.connect(dsn)
        async with connection.transaction():
            await connection.execute("lock table messages in access exclusive mode")
            locked.set()
            await asyncio.to_thread(done.wait, 30)
        await connection.close()

    holder = threading.Thread(target=lambda: asyncio.run(hold()))
    holder.start()
    try:
        assert locked.wait(10)
        found = collect(folder, "", dsn=dsn)
    finally:
        done.set()
        holder.join()
    assert "LockNotAvailableError" in found.problem
    assert "(messages)" in found.problem
    assert open_run(folder).manifest.evidence == found


def test_a_reading_that_fails_destroys_nothing(sandbox: Sandbox, folder: Path) -> None:
    dsn = sandbox.discovery["dsn"]
    asyncio.run(message(dsn))
    RunStore(folder, open_run(folder).manifest).update(target_url=sandbox.url)
    good = collect(folder, "", dsn=dsn)
    assert good.problem == ""
    assert (open_run(folder).manifest.parts or {})["stored/messages"].rows == good.rows["messages"] > 0
    before = {path.name: path.read_bytes() for path in (folder / "stored").iterdir()}
    asyncio.run(executed(dsn, "alter table message_reactions rename to moved"))
    try:
        found = collect(folder, "", dsn=dsn)
        assert "UndefinedTableError" in found.problem
        with pytest.raises(TargetError, match="could not be read again"):
            checking.read_again(folder, None, sandbox.url)
    finally:
        asyncio.run(executed(dsn, "alter table moved rename to message_reactions"))
    assert open_run(folder).manifest.evidence == good
    assert {path.name: path.read_bytes() for path in (folder / "stored").iterdir()} == before
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith("stored")) == ["stored"]
    assert open_run(folder).checked().faults == ()


def test_another_target_at_the_same_address_replaces_nothing(sandbox: Sandbox, folder: Path) -> None:
    dsn = sandbox.discovery["dsn"]
    asyncio.run(message(dsn))
    good = collect(folder, "", dsn=dsn)
    strangers = [{"id": uuid.uuid4().bytes} for _ in range(5)]
    for table in TABLES:  # what was read before is of somewhere else
        rows = strangers if table is MESSAGES else []
        store.keep(folder, table, pa.Table.from_pylist(rows, schema=table.schema).to_batches())
    found = collect(folder, "", dsn=dsn)
    assert found.problem == "another target, or an emptied one: none of the rows that were read before is there (5)"
    assert open_run(folder).manifest.evidence == good


@pytest.mark.parametrize("way", ["PostgREST", "Postgres"])
def test_a_deployment_that_allows_empty_times_is_read_whole(
    sandbox: Sandbox, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three of somebody's ratings have no time; pages of two end before, on and behind the first of them."""
    monkeypatch.setattr(rest, "PAGE_ROWS", 2)
    dsn = sandbox.discovery["dsn"]
    person = "(select user_id from ratings group by 1 having count(*) >= 7 order by 1 limit 1)"
    emptied = f"id in (select id from ratings where user_id = {person} order by id desc limit 3)"
    somebody, number = asyncio.run(
        rows_of(dsn, (f"select {person}", ()), (f"select count(*) from ratings where user_id = {person}", ()))
    )
    ledger = Ledger(TAG)
    ledger.intend(WriteKind.PERSON, 0, 0.0, subject=str(somebody))
    ledger.intend(WriteKind.RATING, 0, 0.0, subject=str(uuid.uuid4()))
    folder = begun(tmp_path, ledger, ago_s=40)
    try:
        asyncio.run(
            executed(
                dsn,
                "alter table ratings alter column created_at drop not null",
                "alter table ratings disable trigger user",
                f"update ratings set created_at = null where {emptied}",
            )
        )
        read(sandbox, folder, way)
        stored = store.kept(folder, RATINGS)
        assert stored is not None
        theirs = stored.filter(pc.equal(stored["user_id"], pa.scalar(uuid.UUID(str(somebody)).bytes, pa.binary(16))))
        assert (theirs.num_rows, theirs["created_at"].null_count) == (number, 3)
    finally:
        asyncio.run(
            executed(
                dsn,
                "update ratings set created_at = now() where created_at is null",
                "alter table ratings alter column created_at set not null",
                "alter table ratings enable trigger user",
            )
        )


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", ["PostgREST", "Postgres"])
def test_what_people_could_see_is_read_once_and_stays(sandbox: Sandbox, tmp_path: Path, way: str) -> None:
    """Somebody's feed holds a stranger's row, and none of their own past; later they follow that stranger."""
    dsn = sandbox.discovery["dsn"]
    reader, stranger = asyncio.run(
        rows_of(
            dsn,
            ("select follower_id from follows group by 1 order by count(*), follower_id limit 1", ()),
            (
                "select id from auth.users u where not exists (select 1 from follows f where f.followed_id = u.id and"
                " f.follower_id = (select follower_id from follows group by 1 order by count(*), follower_id limit 1))"
                " order by id desc limit 1",
                (),
            ),
        )
    )
    assert isinstance(reader, uuid.UUID)
    assert isinstance(stranger, uuid.UUID)
    ledger, log = Ledger(TAG), ReadLog()
    ledger.intend(WriteKind.PERSON, 0, 0.0, subject=str(reader))
    shown = ReadSample(reader.bytes, ids=uuid.uuid4().bytes, owners=stranger.bytes)
    log.sampled(30_000_000, 31_000_000, 0, "home_feed", shown)
    folder = begun(tmp_path, ledger, ago_s=40)
    record = RunStore(folder, open_run(folder).manifest)
    record.update(finished_at=datetime.now(UTC).isoformat(timespec="seconds"))
    for name, batch in made(log.take()):
        record.append(name, batch)

    def told() -> dict[str, str]:
        read(sandbox, folder, way)
        found = integrity(open_run(folder))
        return {check.id: check.status for check in found.checks if check.id in ("I67", "I68")}

    assert told() == {"I67": "broken", "I68": "broken"}
    follow = f"insert into follows (follower_id, followed_id) values ('{reader}', '{stranger}')"
    try:
        asyncio.run(executed(dsn, follow))
        assert told() == {"I67": "broken", "I68": "broken"}
    finally:
        asyncio.run(executed(dsn, f"delete from follows where follower_id = '{reader}' and followed_id = '{stranger}'"))
    for table in (folder / "stored").glob("readers_*"):
        table.unlink()
    record.update(finished_at="2026-01-01T00:00:00+00:00")
    assert told() == {}, "a run that is long over is not held against what people see today"


def path(name: str) -> str:
    return f"message_attachments/{uuid.UUID(int=1, version=4)}/{uuid.UUID(int=2, version=4)}/{name} 1.png"


@pytest.mark.parametrize("way", ["PostgREST", "Postgres"])
def test_removed_files_are_asked_for_and_figures_and_suggestions_read(
    sandbox: Sandbox, tmp_path: Path, way: str
) -> None:
    async def written() -> tuple[uuid.UUID, int, uuid.UUID, uuid.UUID]:
        connection = await asyncpg.connect(sandbox.discovery["dsn"])
        try:
            user = await connection.fetchval("select id from auth.users order by id limit 1")
            await connection.execute(
                "insert into storage.objects (bucket_id, name) values ('chat-media', $1) on conflict do nothing",
                path("kept"),
            )
            await connection.execute(
                "insert into assistant_suggestions (user_id, surface, kind, title, body, context_key)"
                " values ($1, 'home', 'k', 't', 'b', 'home:v1')",
                user,
            )
            following = await connection.fetchval("select following_count from user_stats where user_id = $1", user)
            public = await connection.fetchrow("select id, user_id from lists where is_public order by id limit 1")
            assert public is not None
            return user, following, public["id"], public["user_id"]
        finally:
            await connection.close()

    user, following, list_, of = asyncio.run(written())
    log = ReadLog()
    for name in ("kept", "gone"):
        log.sampled(0, 0, 1, "attachment_remove", ReadSample(user.bytes, detail=path(name)))
    log.sampled(0, 0, 1, "own_stats", ReadSample(user.bytes, first=following))
    log.sampled(0, 0, 1, "stories_lists", ReadSample(user.bytes, detail=of.hex))
    log.sampled(0, 0, 1, "list_items", ReadSample(user.bytes, detail=list_.hex))
    folder = begun(tmp_path, Ledger())
    record = RunStore(folder, open_run(folder).manifest)
    record.update(finished_at=datetime.now(UTC).isoformat(timespec="seconds"))
    for part, rows in made(log.take()):
        record.append(part, rows)
    read(sandbox, folder, way)
    files, stats, made_ = (store.kept(folder, table) for table in (REMOVED_FILES, READERS_STATS, READERS_HINTS))
    assert files is not None
    assert stats is not None
    assert made_ is not None
    assert files.to_pylist() == [{"name": path("kept"), "there": True}, {"name": path("gone"), "there": False}]
    lists, items = store.kept(folder, READERS_LISTS), store.kept(folder, READERS_LIST_ITEMS)
    assert lists is not None
    assert items is not None
    assert {(row["id"], row["is_public"]) for row in lists.to_pylist()} >= {(list_.bytes, True)}
    assert {row["user_id"] for row in lists.to_pylist()} == {of.bytes}
    assert {row["list_id"] for row in items.to_pylist()} == {list_.bytes}
    assert stats.to_pylist() == [{"user_id": user.bytes, "following_count": following}]
    assert {(row["user_id"], row["context_key"]) for row in made_.to_pylist()} == {(user.bytes, "home:v1")}


@pytest.mark.parametrize("way", ["PostgREST", "Postgres"])
def test_last_seen_times_and_answers_to_come_are_read_of_those_concerned(
    sandbox: Sandbox, tmp_path: Path, way: str
) -> None:
    """Nobody else's; and judged: somebody was there later than is stored, and waits for an answer that nobody makes."""
    room = uuid.uuid4()
    now = datetime.now(UTC)
    job = "insert into assistant_reply_jobs (user_id, conversation_id, user_message_id, status, dedupe_key, updated_at)"

    async def stored() -> uuid.UUID:
        connection = await asyncpg.connect(sandbox.discovery["dsn"])
        try:
            user = await connection.fetchval("select id from auth.users order by id limit 1")
            seen = now - timedelta(hours=5)
            await connection.execute("update profiles set last_seen_at = $2 where id = $1", user, seen)
            for place, of in enumerate((room, uuid.uuid4())):
                values = (user, of, uuid.uuid4(), "done", f"{of}:{place}", now)
                await connection.execute(f"{job} values ($1, $2, $3, $4, $5, $6)", *values)
            assert isinstance(user, uuid.UUID)
            return user
        finally:
            await connection.close()

    user = asyncio.run(stored())
    ledger, log = Ledger(), ReadLog()
    entry = ledger.intend(WriteKind.SEEN, 1, 1.0, subject=str(user), key=round(now.timestamp() * 1e6))
    ledger.step(entry, WriteStep.SENT, 1.0)
    ledger.step(entry, WriteStep.ACKNOWLEDGED, 2.0)
    status = ReadSample(user.bytes, room.bytes, detail=room.hex, first=0, second=1)
    log.sampled(60_000_000, 60_100_000, 1, "assistant_status", status)
    folder = begun(tmp_path, ledger)
    record = RunStore(folder, open_run(folder).manifest)
    record.update(finished_at=now.isoformat(timespec="seconds"))
    for part, rows in made(log.take()):
        record.append(part, rows)
    read(sandbox, folder, way)
    seen, jobs = store.kept(folder, LAST_SEEN), store.kept(folder, READERS_JOBS)
    assert seen is not None
    assert jobs is not None
    assert [row["id"] for row in seen.to_pylist()] == [user.bytes]
    assert {(row["conversation_id"], row["status"]) for row in jobs.to_pylist()} == {(room.bytes, "done")}
    told = {check.id: check for check in integrity(open_run(folder)).checks}
    assert told["last seen"].offenders[0].text == "seen last 5.0 h before they wrote it"
    record.update(finished_at="2026-01-01T00:00:00+00:00")
    read(sandbox, folder, way)
    assert store.kept(folder, LAST_SEEN) == seen, "as it was when the run ended"
    for table in (folder / "stored").glob("last_seen*"):
        table.unlink()
    read(sandbox, folder, way)
    assert store.kept(folder, LAST_SEEN) is None, "long over: others may have written since"
    assert "has a message waiting, and no answer was to come" in told["assistant typing"].offenders[0].text


def test_a_target_that_hides_its_files_and_suggestions_is_read_all_the_same(sandbox: Sandbox, tmp_path: Path) -> None:
    async def answers(*statements: str) -> None:
        connection = await asyncpg.connect(sandbox.discovery["dsn"])
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    log = ReadLog()
    log.sampled(0, 0, 1, "attachment_remove", ReadSample(bytes(16), detail=path("kept")))
    log.sampled(0, 0, 1, "own_stats", ReadSample(bytes(16), first=1))
    folder = begun(tmp_path, Ledger())
    record = RunStore(folder, open_run(folder).manifest)
    record.update(finished_at=datetime.now(UTC).isoformat(timespec="seconds"))
    for part, rows in made(log.take()):
        record.append(part, rows)
    tables = ("assistant_suggestions", "user_stats")
    asyncio.run(answers(*(f"alter table {name} rename to {name}_hidden" for name in tables)))
    try:
        read(sandbox, folder, "Postgres")
    finally:
        asyncio.run(answers(*(f"alter table {name}_hidden rename to {name}" for name in tables)))
    assert store.kept(folder, READERS_HINTS) is None
    assert store.kept(folder, READERS_STATS) is None
    assert store.kept(folder, REMOVED_FILES) is not None
