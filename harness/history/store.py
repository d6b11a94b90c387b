"""The history's file: SQLite with a write-ahead log, so that readers and a second writer are in nobody's way.

Append-only but for `prune`. A run is added once, whoever adds it; files of several machines (a CI cache, an artifact)
are merged by run id.
"""

from __future__ import annotations

import contextlib
import errno
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from harness.config.text_file import is_file, shown
from harness.core.errors import HarnessError, UsageError
from harness.history.model import Night

FORMAT = 2
"""1: nights alone. 2: and records of those that passed."""
RECORDS_KEPT = 20
"""Of each profile, target, plan and branch, the newest; older nights keep their figures."""
WAIT_S = 20.0
"""For a second writer."""
_SCHEMA = """
create table if not exists nights (
  run_id text primary key, started_at text not null, profile text not null, target text not null,
  environment text not null, exit_code integer not null, night text not null
) without rowid;
create table if not exists records (run_id text primary key, record blob not null) without rowid;
create index if not exists nights_by_time on nights (profile, target, environment, started_at);
"""


MAGIC = b"SQLite format 3\0"


class HistoryStore:
    """An open history; also a context manager.

    :raises UsageError: the file is no history, or one of a later version. :raises HarnessError: the disk is failing.
    """

    def __init__(self, path: Path, *, make: bool = True) -> None:
        self.path = path
        with self._failing():
            _refuse_others(path, make=make)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)
            self._db.execute("pragma journal_mode = wal")
            found = int(self._db.execute("pragma user_version").fetchone()[0])
            if found > FORMAT:
                raise UsageError(
                    f"this history is of a later version ({found})", where=str(path), remedy="update the harness"
                )
            if found < FORMAT:
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
        with self._failing():
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

    def _forget_records(self, like: Night) -> None:
        recorded = self.recorded()
        kept = [
            night.run_id
            for night in self.nights(like.profile, like.target)
            if night.series == like.series
            and (night.plan_digest, night.branch) == (like.plan_digest, like.branch)
            and night.run_id in recorded
        ]
        with self._failing():
            self._db.executemany("delete from records where run_id = ?", [(one,) for one in kept[:-RECORDS_KEPT]])

    def merge(self, other: Path) -> int:
        """Take over what another history has and this one has not. Returns how many runs came."""
        with HistoryStore(other, make=False) as theirs:
            recorded = theirs.recorded()
            return sum(
                self.add(night, theirs.record(night.run_id) if night.run_id in recorded else None)
                for night in theirs.nights()
            )

    def nights(self, profile: str | None = None, target: str | None = None) -> list[Night]:
        """Runs, the oldest first."""
        with self._failing():
            rows = self._db.execute(
                "select night from nights where (?1 is null or profile = ?1) and (?2 is null or target = ?2)"
                " order by started_at, run_id",
                (profile, target),
            ).fetchall()
        return [self._read(text) for (text,) in rows]

    def night(self, run_id: str) -> Night:
        """One run, by its id or an unmistakable beginning of it. :raises UsageError: there is none, or several."""
        with self._failing():
            rows = self._db.execute(
                "select night from nights where substr(run_id, 1, length(?1)) = ?1 limit 2", (run_id,)
            ).fetchall()
        if len(rows) != 1:
            what = "no run" if not rows else "more than one run"
            raise UsageError(
                f"{what} begins with {run_id!r:.80}", where=str(self.path), remedy="harness history list names them"
            )
        return self._read(rows[0][0])

    def prune(self, keep: int) -> int:
        """Forget all but the newest `keep` runs of each profile and target. Returns how many went."""
        with self._failing():
            done = self._db.execute(
                "delete from nights where run_id in (select run_id from (select run_id, row_number() over"
                " (partition by profile, target, environment order by started_at desc, run_id desc) as place"
                " from nights) where place > ?)",
                (keep,),
            )
            self._db.execute("delete from records where run_id not in (select run_id from nights)")
        return done.rowcount

    def _read(self, text: str) -> Night:
        try:
            return Night.model_validate(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise UsageError(
                "a run in this history cannot be read", where=str(self.path), remedy="restore the file from a copy"
            ) from error

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """What SQLite and the disk say, in our words."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
                raise HarnessError(
                    f"somebody else writes to this history for more than {WAIT_S:g} s",
                    where=str(self.path),
                    remedy="wait",
                ) from error
            if (kind := _NOT_ITS_FAULT.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)) is not None:
                raise kind(
                    f"the history cannot be used: {error}",
                    where=shown(self.path),
                    remedy="free some space, or name a file that can be written",
                ) from error
            raise UsageError(
                f"this is no history, or it is damaged ({error})",
                where=str(self.path),
                remedy="name another file, or restore it from a copy",
            ) from error
        except OSError as error:
            kind = UsageError if isinstance(error, _NO_PLACE) or error.errno in _NO_NAME else HarnessError
            raise kind(
                f"the history cannot be written: {error.strerror or error}",
                where=shown(self.path),
                remedy="free some space, or name another file",
            ) from error


_NOT_ITS_FAULT: dict[int, type[HarnessError]] = {
    sqlite3.SQLITE_FULL: HarnessError,
    sqlite3.SQLITE_IOERR: HarnessError,
    sqlite3.SQLITE_CANTOPEN: UsageError,
    sqlite3.SQLITE_READONLY: UsageError,
    sqlite3.SQLITE_PERM: UsageError,
}
"""What SQLite says where the disk or the place is to blame, and the file may be good."""
_NO_PLACE = (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
_NO_NAME = frozenset({errno.ELOOP, errno.ENAMETOOLONG, errno.EROFS})
"""Of a path that somebody named: wrong usage, where a disk that is full is not."""


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
