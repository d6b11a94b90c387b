"""The app to be recorded: an address, a built folder, or a package of npm that is built with the tap's address."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from harness.config.text_file import is_folder
from harness.core.child_environment import child_environment
from harness.core.errors import UsageError
from harness.egress.gate import Gate
from harness.load import child_process as processes
from harness.trace.browser.files import AppFiles

BUILD_S = 600.0
BUILT = ("dist", "build", "out")
PASSED = ("NODE_PATH", "NPM_CONFIG_CACHE")
QUIET = {
    "NPM_CONFIG_UPDATE_NOTIFIER": "false",
    "NO_UPDATE_NOTIFIER": "1",
    "DO_NOT_TRACK": "1",
    "NEXT_TELEMETRY_DISABLED": "1",
    "ASTRO_TELEMETRY_DISABLED": "1",
    "NUXT_TELEMETRY_DISABLED": "1",
}
"""A build asks nobody whether there is something newer, and tells nobody that it ran."""
WHERE = "harness trace record --app"


def refuse_absent(app: str) -> None:
    """Asked before anything is started. :raises UsageError: it is no address, and no folder is there."""
    if not app.startswith(("http://", "https://")) and not is_folder(Path(app)):
        raise UsageError(f"there is no folder {app!r:.120}", where=WHERE, remedy="name a folder or an http address")


@contextlib.asynccontextmanager
async def serving(app: str, supabase_url: str, anon_key: str, gate: Gate, port: int) -> AsyncIterator[str]:
    """Where the app is. `supabase_url`, which is the tap's, and the key are in the build's environment.
    port: where a folder is served; it is part of the origin, by which functions may refuse the app's preflights.

    :raises UsageError: there is no app. :raises TargetError: its address is neither on loopback nor listed.
    """
    if app.startswith(("http://", "https://")):
        gate.check(app, "the app")
        yield app.rstrip("/")
        return
    refuse_absent(app)
    files = AppFiles(_folder(Path(app), supabase_url, anon_key), port)
    try:
        await files.start()
    except OSError:
        raise UsageError(
            f"port {port} of this machine is taken",
            where=WHERE,
            remedy="stop what listens there, or name another with --app-port that the functions' CORS list allows",
        ) from None
    try:
        yield files.url
    finally:
        await files.stop()


def _folder(folder: Path, supabase_url: str, anon_key: str) -> Path:
    """The built app's."""
    if not (folder / "package.json").is_file():
        if not (folder / "index.html").is_file():
            raise UsageError("no package.json and no index.html", where=f"{WHERE} {folder}", remedy="name the app")
        return folder
    scripts = _scripts(folder / "package.json")
    if "build" not in scripts:
        raise UsageError(
            "its package.json has no script `build`", where=f"{WHERE} {folder}", remedy="build it, and name the result"
        )
    _build(folder, supabase_url, anon_key)
    for name in BUILT:
        if (folder / name / "index.html").is_file():
            return folder / name
    raise UsageError(
        f"the build left no index.html in {', '.join(BUILT)}", where=f"{WHERE} {folder}", remedy="name its folder"
    )


def _scripts(path: Path) -> dict[str, Any]:
    try:
        scripts = json.loads(path.read_text(encoding="utf-8")).get("scripts", {})
    except (OSError, ValueError, AttributeError):
        raise UsageError("its package.json cannot be read", where=str(path)) from None
    return scripts if isinstance(scripts, dict) else {}


def _build(folder: Path, supabase_url: str, anon_key: str) -> None:
    environ = dict(child_environment(os.environ, *PASSED))
    environ |= QUIET | {"VITE_SUPABASE_URL": supabase_url, "VITE_SUPABASE_ANON_KEY": anon_key}
    try:
        process = processes.start(
            ["npm", "run", "build", "--prefix", str(folder)], environ=environ, stderr=subprocess.STDOUT
        )
    except FileNotFoundError:
        raise UsageError("npm is not on PATH", where=WHERE, remedy="install Node.js 20 or newer") from None
    try:
        said, _ = process.communicate(timeout=BUILD_S)
    except subprocess.TimeoutExpired:
        raise UsageError(f"the build took more than {BUILD_S:g} s", where=f"{WHERE} {folder}") from None
    finally:
        processes.end(process, patience_s=5.0)
    if process.returncode != 0:
        last = "\n".join(said.strip().splitlines()[-12:])
        raise UsageError(f"the app's build failed:\n{last}", where=f"{WHERE} {folder}")
