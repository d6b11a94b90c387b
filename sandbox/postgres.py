"""A private PostgreSQL server: started in about a second, reachable through one Unix socket, gone without a trace.

initdb and postgres are run directly, as an unprivileged account when we are root. Others may run under that account
too, so whoever connects needs the password of this start. On Linux the kernel tells the
server to shut down when this process dies, however it dies; elsewhere only an orderly exit stops it.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from sandbox.errors import SandboxError
from sandbox.postgres_install import LIBRARIES, SystemAccount, chosen_install, major_version, unprivileged_account
from sandbox.process import end, for_child_to_end_with_us, popen_from_lasting_thread

PORT = 5432  # only part of the socket's name: nothing listens on TCP
PREFIX = "mn-pg-"
MARKER = "movinesta-sandbox"
PASSWORD_FILE = "movinesta_password"
HBA = "local all all scram-sha-256\nlocal replication all scram-sha-256\n"
"""Who may come in (pg_hba.conf): nobody without the password, whatever account asks."""
MARKER_TEXT = "This folder was made by the MoviNesta sandbox. It holds a throw-away PostgreSQL; `data` is its data.\n"
SOCKET_PATH_LIMIT = 100  # sun_path holds 104 (macOS) or 108 bytes, one of them the end
START_LIMIT_S = 30.0
POLL_S = 0.004

SETTINGS: dict[str, str] = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "wal_level": "logical",
    "max_wal_size": "1GB",
    "max_parallel_workers_per_gather": "0",
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The password is 24 random bytes: rounds of hashing would protect nothing, and slow every connection down.
    "scram_iterations": "1",
    # A load test provokes statement errors by the thousand and reads them from the replies: keep them out of the log.
    "log_min_messages": "log",
    "log_checkpoints": "off",
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track": "top",
}
SINCE = {"io_method": 18, "scram_iterations": 16}
"""Settings that older servers do not know, and the first major version that does."""
VOLATILE: dict[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # Logical decoding reads what was flushed, and nobody else flushes: Realtime would hear of a commit 0.2 s late.
    "wal_writer_delay": "10ms",
}


class Postgres:
    """One server with its data.

    folder: keeps the data across starts there; without it the data lives in a temporary folder and goes at `stop()`.
        A folder that exists, is not empty and was not made by this class is refused.
    durable: wait for the disk like a real server does. Off by default: a sandbox that loses its last second after a
        power cut loses nothing of value, and its commits do not measure this machine's disk.
    :raises SandboxError: from `start()`, when the server cannot be started.
    """

    def __init__(self, folder: Path | None = None, *, durable: bool = False) -> None:
        self._folder = None if folder is None else Path(folder).absolute()
        self._durable = durable
        self._account = unprivileged_account()
        self._password = ""
        self._major = 0
        self._runtime: Path | None = None
        self._data: Path | None = None
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()

    def __enter__(self) -> Postgres:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def socket_folder(self) -> Path:
        """Where the Unix socket is while the server runs; :raises SandboxError: before `start()`."""
        if self._runtime is None:
            raise SandboxError("this PostgreSQL has not been started", remedy="call start() first")
        return self._runtime

    @property
    def pid(self) -> int | None:
        """The server's process id, None while it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def dsn(self, database: str = "postgres", user: str = "postgres") -> str:
        """A connection string for asyncpg and libpq, the password of every role in it."""
        folder = quote(str(self.socket_folder))
        return f"postgresql://{quote(user)}:{self._password}@/{quote(database)}?host={folder}&port={PORT}"

    def log_tail(self, lines: int = 20) -> str:
        """The last lines the server wrote, for error messages; empty when it wrote none."""
        if self._runtime is None:
            return ""
        try:
            text = (self._runtime / "log").read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def start(self) -> None:
        """Make the data folder where there is none, start the server, return when it accepts connections."""
        self._owner = os.getpid()
        if self._runtime is not None:
            raise SandboxError("this PostgreSQL is already running", where=str(self._runtime))
        install = chosen_install(self._account)
        sweep_abandoned()
        try:
            self._prepare_runtime()
            data = self._prepare_data()
            self._major = major_version(install)
            self._password = secrets.token_urlsafe(24)
            if not (data / "PG_VERSION").exists():
                self._initialise(install, data)
            self._check_version(data)
            if not (data / PASSWORD_FILE).is_file():
                self._set_password(install, data)
            self._password = (data / PASSWORD_FILE).read_text().strip()
            self._launch(install, data)
        except BaseException:
            self.stop()
            raise
        atexit.register(self.stop)

    def stop(self) -> None:
        """Stop the server and remove everything temporary. Harmless when it does not run, or in a forked copy."""
        atexit.unregister(self.stop)
        if os.getpid() != self._owner:
            return
        if self._process is not None:
            # Data that is deleted anyway needs no last checkpoint.
            end(self._process, signal.SIGINT if self._folder else signal.SIGQUIT)
            self._process = None
        if self._runtime is not None:
            shutil.rmtree(self._runtime, ignore_errors=True)
            self._runtime = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _prepare_runtime(self) -> None:
        runtime = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_short_folder(self._account)))
        self._runtime = runtime
        # Held while we live: whoever can take this lock knows the folder is abandoned (see sweep_abandoned).
        # Taken under another name first, so that a sweep never sees the file unlocked.
        self._lock = os.open(runtime / "lock.new", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        (runtime / "lock.new").rename(runtime / "lock")
        (runtime / "log").touch()
        self._give(runtime)
        self._give(runtime / "log")

    def _prepare_data(self) -> Path:
        folder = self._folder
        if folder is None:
            self._data = self.socket_folder / "data"
            return self._data
        marker = folder / MARKER
        if folder.exists() and not folder.is_dir():
            raise SandboxError("the data folder is a file", where=str(folder), remedy="name a folder")
        if not folder.exists():
            try:
                folder.mkdir(parents=True)
            except OSError as error:
                raise SandboxError(
                    f"the data folder cannot be made: {error.strerror}", where=str(folder), remedy="choose another"
                ) from error
            folder.chmod(0o755)
        if any(folder.iterdir()) and not (marker.is_file() and marker.read_text() == MARKER_TEXT):
            raise SandboxError(
                "the data folder holds files that the sandbox did not make; it was left as it is",
                where=str(folder),
                remedy="choose an empty or new folder",
            )
        if not self._account.may_enter(folder):
            raise SandboxError(
                f"the account that runs PostgreSQL (uid {self._account.uid}) cannot enter the data folder",
                where=str(folder),
                remedy="choose a folder whose parents every user may enter, for example beneath /var/tmp",
            )
        marker.write_text(MARKER_TEXT)
        data = folder / "data"
        if not data.exists():
            data.mkdir(mode=0o700)
            self._give(data)
        self._data = data
        return data

    def _initialise(self, install: Path, data: Path) -> None:
        command = [
            str(install / "bin" / "initdb"),
            *("--pgdata", str(data), "--username", "postgres", "--encoding", "UTF8"),
            *("--auth", "scram-sha-256", "--pwfile", str(self._private("pwfile", self._password + "\n"))),
            *("--no-sync", "--no-instructions"),
        ]
        if self._major >= 17:
            command += ["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        else:
            command += ["--locale", "C.UTF-8", "--lc-collate", "C"]
        if self._major >= 18:
            command.append("--no-data-checksums")
        if self._major >= 16:
            command += ["-c", f"scram_iterations={SETTINGS['scram_iterations']}"]
        with (self.socket_folder / "log").open("ab") as log:
            code = self._spawn(command, log.fileno()).wait(START_LIMIT_S)
        (self.socket_folder / "pwfile").unlink()
        if code:
            raise self._failure("initdb failed", data)
        self._remember(data)

    def _remember(self, data: Path) -> None:
        """The password lies with its data, for us alone: the account that runs the server cannot read it."""
        descriptor = os.open(data / PASSWORD_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as written:
            written.write(self._password + "\n")

    def _set_password(self, install: Path, data: Path) -> None:
        """Of data that an older version made, which asked for none."""
        command = [str(install / "bin" / "postgres"), "--single", "-D", str(data), "postgres"]
        statement = self._private("statement", f"alter role postgres password '{self._password}'\n")
        with (self.socket_folder / "log").open("ab") as log, statement.open("rb") as said:
            code = self._spawn(command, log.fileno(), said.fileno()).wait(START_LIMIT_S)
        statement.unlink()
        if code:
            raise self._failure("the password could not be set", data)
        self._remember(data)

    def _private(self, name: str, text: str) -> Path:
        """A file of the runtime folder that the account alone can read."""
        path = self.socket_folder / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as written:
            written.write(text)
        self._give(path)
        return path

    def _check_version(self, data: Path) -> None:
        found = (data / "PG_VERSION").read_text().strip()
        if found != str(self._major):
            raise SandboxError(
                f"the data folder was made by PostgreSQL {found}, the installed one is {self._major}",
                where=str(data),
                remedy="delete the folder or choose another; it is seeded again",
            )

    def _launch(self, install: Path, data: Path) -> None:
        settings = {name: value for name, value in SETTINGS.items() if self._major >= SINCE.get(name, 0)}
        settings["unix_socket_directories"] = str(self.socket_folder)
        settings["hba_file"] = str(self._private("hba", HBA))
        if not self._durable:
            settings |= VOLATILE
        if not any((install / folder / "pg_stat_statements.so").exists() for folder in LIBRARIES):
            settings = {k: v for k, v in settings.items() if "pg_stat_statements" not in k + v}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.socket_folder / "log").open("ab") as log:
            process = self._spawn([str(install / "bin" / "postgres"), "-D", str(data), *options], log.fileno())
        self._process = process
        deadline = time.monotonic() + START_LIMIT_S
        while not _ready(data, process.pid):
            if process.poll() is not None:
                raise self._failure(f"PostgreSQL ended at once with exit code {process.returncode}", data)
            if time.monotonic() > deadline:
                raise self._failure(f"PostgreSQL was not ready after {START_LIMIT_S:g} s", data)
            time.sleep(POLL_S)

    def _spawn(self, command: list[str], log: int, said: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start `command` as the account, in a session of its own so that Ctrl-C reaches only us."""
        account = None if self._account.is_self else self._account
        return popen_from_lasting_thread(
            lambda: subprocess.Popen(
                command,
                stdin=said,
                stdout=log,
                stderr=log,
                cwd=self.socket_folder,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
                start_new_session=True,
                umask=0o077,
                preexec_fn=for_child_to_end_with_us(),
            )
        )

    def _give(self, path: Path) -> None:
        if not self._account.is_self:
            os.chown(path, self._account.uid, self._account.gid)

    def _failure(self, what: str, data: Path) -> SandboxError:
        tail = self.log_tail() or "(it wrote nothing)"
        return SandboxError(
            f"{what}; its last words:\n{tail}", where=str(data), remedy="see the lines above; is another server on it?"
        )


def _short_folder(account: SystemAccount) -> str:
    """A folder for temporary files that the account can enter and whose name leaves room for a socket's."""
    candidate = Path(tempfile.gettempdir()).absolute()
    longest = len(os.fsencode(candidate / (PREFIX + "12345678") / f".s.PGSQL.{PORT}"))
    return str(candidate) if longest <= SOCKET_PATH_LIMIT and account.may_enter(candidate) else "/tmp"


def _ready(data: Path, pid: int) -> bool:
    """The server's own report, as pg_ctl reads it: line 8 of postmaster.pid says `ready`."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def sweep_abandoned() -> int:
    """Remove what a killed sandbox left in the temporary folder: folders of ours whose lock nobody holds any more.

    Returns how many of those are still there, because their server is shutting down.
    """
    left = 0
    for parent in {Path(tempfile.gettempdir()), Path("/tmp")}:
        for folder in parent.glob(PREFIX + "*"):
            with contextlib.suppress(OSError):
                left += not _remove_if_abandoned(folder)
    return left


def _remove_if_abandoned(folder: Path) -> bool:
    """False when it is abandoned and not yet removed."""
    info = (folder / "lock").lstat()
    if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid():
        return True
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _server_alive(folder / "data"):  # it may still be shutting down
            return False
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return True


def _server_alive(data: Path) -> bool:
    try:
        os.kill(int((data / "postmaster.pid").read_text().split("\n", 1)[0]), 0)
    except (FileNotFoundError, NotADirectoryError, ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
