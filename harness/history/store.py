"""The history's file: SQLite with a write-ahead log, so that readers and a second writer are in nobody's way.

Append-only but for `prune` and `forget`. A run is added once, whoever adds it; files of several machines (a CI cache,
an artifact) are merged by run id.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from harness.config.text_file import is_file, shown
from harness.core.errors import ExitCode, HarnessError, UsageError
from harness.core.unusable_path import UNUSABLE, UNUSABLE_NUMBERS
from harness.history.choose import COUNT, WITH, is_good
from harness.history.model import Night

FORMAT = 2
"""1: nights alone. 2: and records of those that passed. `accepted` came later; who does not know it reads the rest."""
RECORDS_KEPT = 20
"""Of each profile, target, plan, branch and exit code, the newest; older nights keep their figures."""
WAIT_S = 20.0
"""For a second writer."""
_SCHEMA = """
create table if not exists nights (
  run_id text primary key, started_at text not null, profile text not null, target text not null,
  environment text not null, exit_code integer not null, night text not null
) without rowid;
create table if not exists records (run_id text primary key, record blob not null) without rowid;
create table if not exists accepted (run_id text primary key) without rowid;
create index if not exists nights_by_time on nights (profile, target, environment, started_at);
"""


MAGIC = b"SQLite format 3\0"


class HistoryStore:
    """An open history; also a context manager.

    :raises UsageError: the file is no history, or one of a later version. :raises HarnessError: the disk is failing.
    """

    def __init__(self, path: Path, *, make: bool = True) -> None:
        """make: it may not be there yet. Otherwise it is opened also on a disk that takes no writes, to be read."""
        self.path = path
        with self._failing():
            _refuse_others(path, make=make)
            if make:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._opened(make)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _opened(self, make: bool) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=WAIT_S, isolation_level=None)
        try:
            database.execute("pragma user_version")
            return database
        except sqlite3.OperationalError:
            database.close()
            # A log beside it holds what the file lacks.
            if make or Path(f"{self.path}-wal").exists():
                raise
        return sqlite3.connect(f"{self.path.absolute().as_uri()}?immutable=1", uri=True, isolation_level=None)

    def _prepare(self) -> None:
        """Bring the file to this version, whatever it is. :raises UsageError: it is somebody else's, or a later one."""
        found = int(self._db.execute("pragma user_version").fetchone()[0])
        if found > FORMAT:
            raise UsageError(
                f"this history is of a later version ({found}, this harness knows {FORMAT})",
                where=str(self.path),
                remedy="update the harness, or name another file",
            )
        tables = {name for (name,) in self._db.execute("select name from sqlite_master")}
        if tables and "nights" not in tables:
            raise UsageError(
                "this is a database, and no history; nothing was changed",
                where=str(self.path),
                remedy="name another file",
            )
        if found == FORMAT:
            return
        self._db.execute("pragma journal_mode = wal")
        self._db.executescript(f"begin immediate; {_SCHEMA} pragma user_version = {FORMAT}; commit;")

    def __enter__(self) -> HistoryStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Harmless when repeated."""
        self._db.close()

    def add(self, night: Night, record: bytes | None = None) -> bool:
        """Keep a run, and its record (`harness.history.packed`). False where it is there already; it stays as it was,
        but for a record that it lacked."""
        row = (
            night.run_id,
            night.started_at,
            night.profile,
            night.target,
            night.environment,
            night.exit_code,
            night.model_dump_json(),
        )
        with self._writing():
            done = self._db.execute("insert or ignore into nights values (?, ?, ?, ?, ?, ?, ?)", row)
            new = done.rowcount == 1
            if record is not None:
                self._db.execute("insert or ignore into records values (?, ?)", (night.run_id, record))
        if record is not None:
            self._forget_records(night)
        return new

    def record(self, run_id: str) -> bytes | None:
        """The record of one run, None where it is not kept."""
        with self._failing():
            row = self._db.execute("select record from records where run_id = ?", (run_id,)).fetchone()
        return None if row is None else bytes(row[0])

    def recorded(self) -> frozenset[str]:
        """Ids of the runs whose record is kept."""
        with self._failing():
            return frozenset(run_id for (run_id,) in self._db.execute("select run_id from records"))

    def accept(self, run_id: str) -> Night:
        """What this run found is wanted: it is a baseline, and no run before it is one any more.

        :raises UsageError: there is no such run, or none that can be a baseline.
        """
        night = self.night(run_id)
        why = (
            f"it ended with {night.exit_code}, and what was missed or lost is no baseline"
            if night.exit_code not in (ExitCode.PASS, ExitCode.REGRESSION)
            else "it was not made to its end"
            if not night.complete
            else "its record is not kept; `harness history add` its folder first"
            if night.run_id not in self.recorded()
            else ""
        )
        if why:
            raise UsageError(f"{night.run_id} cannot be a baseline: {why}", where=str(self.path))
        with self._writing():
            self._db.execute("create table if not exists accepted (run_id text primary key) without rowid")
            self._db.execute("insert or ignore into accepted values (?)", (night.run_id,))
        return night

    def accepted(self) -> frozenset[str]:
        """Ids of the runs that were."""
        with self._failing():
            if not self._db.execute("select 1 from sqlite_master where name = 'accepted'").fetchone():
                return frozenset()
            return frozenset(run_id for (run_id,) in self._db.execute("select run_id from accepted"))

    def _forget_records(self, like: Night) -> None:
        recorded = self.recorded()
        kept = [
            night.run_id
            for night in self.nights(like.profile, like.target)
            if night.series == like.series
            and (night.plan_digest, night.branch, night.exit_code) == (like.plan_digest, like.branch, like.exit_code)
            and night.run_id in recorded
        ]
        with self._failing():
            self._db.executemany("delete from records where run_id = ?", [(one,) for one in kept[:-RECORDS_KEPT]])

    def merge(self, other: Path) -> int:
        """Take over what another history has and this one has not. Returns how many runs came."""
        with HistoryStore(other, make=False) as theirs:
            recorded = theirs.recorded()
            came = sum(
                self.add(night, theirs.record(night.run_id) if night.run_id in recorded else None)
                for night in theirs.nights()
            )
            for run_id in sorted((theirs.accepted() - self.accepted()) & self.recorded()):
                self.accept(run_id)
            return came

    def nights(self, profile: str | None = None, target: str | None = None) -> list[Night]:
        """Runs, the oldest first."""
        with self._failing():
            rows = self._db.execute(
                "select run_id, night from nights where (?1 is null or profile = ?1) and (?2 is null or target = ?2)"
                " order by started_at, run_id",
                (profile, target),
            ).fetchall()
        return [self._read(*row) for row in rows]

    def night(self, run_id: str) -> Night:
        """One run, by its id or an unmistakable beginning of it. :raises UsageError: there is none, or several."""
        found = self.named(run_id)
        with self._failing():
            rows = self._db.execute("select run_id, night from nights where run_id = ?", (found,)).fetchall()
        return self._read(*rows[0])

    def prune(self, keep: int) -> int:
        """Forget all but the newest `keep` runs of each profile and target, and what is a baseline of those: the newest
        that passed of their plans and branches, as many as a comparison takes. Returns how many went."""
        newest_first, recorded, accepted = self.nights()[::-1], self.recorded(), self.accepted()
        seen: Counter[tuple[str, ...]] = Counter()
        kept, used = set(), set()
        for night in newest_first:
            seen[night.series] += 1
            if seen[night.series] <= keep:
                kept.add(night.run_id)
                used |= set(_baselines_of(night))
        for night in newest_first:
            if is_good(night, accepted) and night.run_id in recorded:
                for key in _baselines_of(night):
                    seen[key] += 1
                    if key in used and seen[key] <= COUNT + WITH:
                        kept.add(night.run_id)
        return self.forget([night.run_id for night in newest_first if night.run_id not in kept])

    def forget(self, run_ids: Sequence[str]) -> int:
        """These runs were never there. Returns how many of them were."""
        with self._writing():
            gone = 0
            for run_id in run_ids:
                gone += self._db.execute("delete from nights where run_id = ?", (run_id,)).rowcount
            self._db.execute("create table if not exists accepted (run_id text primary key) without rowid")
            for table in ("records", "accepted"):
                self._db.execute(f"delete from {table} where run_id not in (select run_id from nights)")
        return gone

    def named(self, run_id: str) -> str:
        """The id that this is, or an unmistakable beginning of. :raises UsageError: there is none, or several."""
        with self._failing():
            rows = self._db.execute(
                "select run_id from nights where substr(run_id, 1, length(?1)) = ?1 order by run_id <> ?1 limit 2",
                (run_id,),
            ).fetchall()
        if len(rows) == 1 or (rows and rows[0][0] == run_id):
            return str(rows[0][0])
        what = "no run" if not rows else "more than one run"
        raise UsageError(
            f"{what} begins with {run_id!r:.80}", where=str(self.path), remedy="harness history list names them"
        )

    def _read(self, run_id: str, text: str) -> Night:
        try:
            return Night.model_validate(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise UsageError(
                f"run {run_id!r:.80} in this history cannot be read",
                where=str(self.path),
                remedy="restore the file from a copy, or `harness history forget` it",
            ) from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """All of it, or nothing."""
        with self._failing():
            self._db.execute("begin immediate")
            try:
                yield
                self._db.execute("commit")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back already
                    self._db.execute("rollback")
                raise

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """What SQLite and the disk say, in our words."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise self._said(error) from error
        except OSError as error:
            kind = UsageError if isinstance(error, UNUSABLE) or error.errno in UNUSABLE_NUMBERS else HarnessError
            raise kind(
                f"the history cannot be written: {error.strerror or error}",
                where=shown(self.path),
                remedy="free some space, or name another file",
            ) from error

    def _said(self, error: sqlite3.DatabaseError) -> HarnessError:
        code = str(getattr(error, "sqlite_errorname", ""))
        if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return HarnessError(
                f"somebody else writes to this history for more than {WAIT_S:g} s",
                where=str(self.path),
                remedy="wait",
            )
        if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
            return UsageError(
                f"this history cannot be opened, or not to be written ({error})",
                where=str(self.path),
                remedy="name a file in a folder that may be written, or copy it there",
            )
        if code.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
            return HarnessError(
                f"the history cannot be written ({error})",
                where=str(self.path),
                remedy="free some space, or name another file; what was there before is still there",
            )
        return UsageError(
            f"this is no history, or it is damaged ({error})",
            where=str(self.path),
            remedy="name another file, or restore it from a copy",
        )


def _refuse_others(path: Path, *, make: bool) -> None:
    """SQLite takes an empty file, or one of a few bytes, for a database yet to be made.

    :raises UsageError: a file of another kind is there; or none, where it is to be read. :raises OSError:
    """
    beginning = b""
    if is_file(path):
        with path.open("rb") as file:
            beginning = file.read(len(MAGIC))
    elif path.exists():
        raise UsageError("this is no file", where=shown(path), remedy="name a file")
    if beginning == MAGIC or (make and not beginning):
        return
    if beginning:
        raise UsageError("this is no history", where=shown(path), remedy="name another file, or restore it from a copy")
    raise UsageError("there is no history here yet", where=shown(path), remedy="harness history add RUN begins one")


def _baselines_of(night: Night) -> tuple[tuple[str, ...], ...]:
    """What a run may be a baseline of: of its plan, whatever the branch, and of its branch."""
    plan = (*night.series, night.plan_digest)
    return plan, (*plan, night.branch)
