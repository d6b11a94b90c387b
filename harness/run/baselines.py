"""The baselines of a run, opened before anything is sent: a wrong one is refused while it costs nothing.

A baseline is a run directory, or a name. `last-good` and `main` are names in the history (`harness.history.choose` has
the rule); without a history `last-good` is the newest run in `out` that is alike and passed. A name that leads to
nothing yet is no fault: every first night is one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness import __version__
from harness.core.errors import HarnessError, UsageError
from harness.core.profile import Profile
from harness.core.tables import MANIFEST
from harness.core.target import Target
from harness.history.choose import Wanted, choose
from harness.history.model import Night, storable
from harness.history.packed import unpack
from harness.history.store import HistoryStore
from harness.record.likeness import differences
from harness.record.manifest import Manifest
from harness.record.store import open_run
from harness.run.canary import sing
from harness.schedule.arrivals import plan

LAST_GOOD, MAIN, BRANCH = "last-good", "main", "branch:"
SANDBOX = "movinesta-sandbox"
"""What every sandbox calls itself."""
VERDICT = "verdict.json"


@dataclass(frozen=True, slots=True)
class Baselines:
    """also: earlier runs that stand with this one. notes: what a reader has to know of them, or why there is none.
    problem: why a comparison that was asked for cannot be made; empty where it can, or where there is nothing yet to
    compare with."""

    folders: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""
    also: tuple[Path, ...] = ()


def opened(
    named: Sequence[Path],
    out: Path,
    profile: Profile,
    environment: str,
    *,
    target: str | None = None,
    seed: int | None = None,
    history: Path | None = None,
    optional: bool = False,
) -> Baselines:
    """Find and check the baselines of a run, in the order in which they are named.

    :param target: its name; without one a sandbox is meant, and folders may be of another.
    :param seed: of the run, where it is not the profile's.
    :param history: the file in which names are looked up. :param optional: what is missing or not alike becomes the
        `problem`, instead of an error.
    :raises UsageError: one is no run, or not alike; the history is none; a name needs a history.
    """
    found = Baselines()
    wanted: Wanted | None = None
    for path in named:
        branch = _branch(path)
        if history is not None and (branch is not None or str(path) == LAST_GOOD):
            wanted = wanted or _wanted(profile, environment, target or SANDBOX, seed)
            found = _added(found, _of_history(history, replace(wanted, branch=branch), out, profile, environment))
        elif str(path) == LAST_GOOD:
            newest = _last_good(out, profile, environment, target)
            nothing = f"Compared with nothing: no run in {out} is alike and passed."
            found = _added(found, Baselines(tuple(newest), () if newest else (nothing,)))
        else:
            found = _added(found, _of_path(path, profile, environment, target, optional=optional))
    folders = _once(found.folders)
    return replace(found, folders=tuple(folders.values()), also=tuple(_once(found.also, folders).values()))


def _once(folders: Sequence[Path], known: Collection[str] = ()) -> dict[str, Path]:
    """By run id, each once and none that is `known`: one that is named twice would count as two nights."""
    found: dict[str, Path] = {}
    for folder in folders:
        run_id = open_run(folder).manifest.run_id
        if run_id not in known:
            found.setdefault(run_id, folder)
    return found


def as_recorded(profile: Profile, target: Target | None) -> Profile:
    """The profile as the run's manifest will hold it: a target file may say where its app is served from."""
    origin = target.app_origin if target is not None else None
    return profile.model_copy(update={"app_origin": origin}) if origin else profile


def checked(named: Sequence[Path], out: Path, profile: Profile, environment: str) -> tuple[Path, ...]:
    """`opened`, without a history: the folders alone. :raises UsageError: as `opened`."""
    return opened(named, out, profile, environment).folders


def _branch(path: Path) -> str | None:
    """The branch that a name means; None for any other. A run of that name is a run; a folder that is none, as many
    projects have one, is not meant."""
    if str(path).startswith(BRANCH):
        if not (branch := str(path).removeprefix(BRANCH)):
            raise UsageError(
                f"{BRANCH} names no branch; if it comes from a variable, that variable is not set",
                where="--baseline",
                remedy=f"for example {BRANCH}{MAIN}; nothing was sent",
            )
        return storable(branch)
    return MAIN if str(path) == MAIN and not (path / MANIFEST).is_file() else None


def _added(first: Baselines, then: Baselines) -> Baselines:
    return Baselines(
        (*first.folders, *then.folders),
        (*first.notes, *then.notes),
        "; ".join(filter(None, (first.problem, then.problem))),
        (*first.also, *then.also),
    )


def _of_path(path: Path, profile: Profile, environment: str, target: str | None, *, optional: bool) -> Baselines:
    try:
        run = open_run(path)
        if unlike := differences(profile, environment, run.manifest, complete=run.complete, target=target):
            raise UsageError(
                f"this is no baseline for the run: {'; '.join(unlike)}",
                where=str(path),
                remedy="name an earlier run of the same profile, target and environment, or leave --baseline out "
                "(`harness compare` lays any two beside each other); nothing was sent",
            )
    except UsageError as error:
        if optional:
            return Baselines(problem=f"{error.what} ({error.where})" if error.where else error.what)
        if _branch(path) is not None:
            error.remedy = f"`{path}` is a name in the history: say which with --history FILE; nothing was sent"
        raise
    return Baselines((path,), _another_harness([run.manifest]))


def _wanted(profile: Profile, environment: str, target: str, seed: int | None) -> Wanted:
    planned = plan(profile.spread_arrivals, profile.mix, profile.people, profile.seed if seed is None else seed)
    wanted = Wanted(profile.name, target, environment, planned.digest)
    try:
        canary = sing("start")
    except OSError:  # no loopback to measure
        return wanted
    return replace(wanted, canary_cpu_ms=canary.cpu_ms, canary_loopback_us=canary.loopback_us)


def _of_history(history: Path, wanted: Wanted, out: Path, profile: Profile, environment: str) -> Baselines:
    if not history.exists():
        return Baselines(notes=("Compared with nothing: there is no history yet.",))
    with HistoryStore(history) as store:
        choice = choose(store.nights(), wanted, store.recorded(), datetime.now(UTC), accepted=store.accepted())
        notes, measured = list(choice.notes), list[Manifest]()

        def unpacked(nights: Sequence[Night]) -> Iterator[Path]:
            for night in nights:
                record = store.record(night.run_id)
                if record is None:  # pruned since
                    continue
                try:
                    folder = unpack(night.run_id, record, out)
                    run = open_run(folder)
                except UsageError as error:  # damaged, or of a version that is no longer read: the others will do
                    notes.append(f"Not compared with {night.run_id}: {error.what}.")
                    continue
                if unlike := differences(profile, environment, run.manifest, complete=run.complete):
                    notes.append(f"Not compared with: {'; '.join(unlike)}.")
                else:
                    measured.append(run.manifest)
                    yield folder

        folders, also = tuple(unpacked(choice.nights)), tuple(unpacked(choice.also))
    if choice.nights and not folders:
        notes.append("Compared with nothing: no run in the history can be compared with.")
    return Baselines(folders, (*notes, *_another_harness(measured)), also=also)


def _another_harness(baselines: Sequence[Manifest]) -> tuple[str, ...]:
    """Who measures otherwise finds something else: said, for a newer harness is no reason to have no baseline."""
    others = dict.fromkeys(one.versions.get("harness", __version__) for one in baselines)
    others.pop(__version__, None)
    if not others:
        return ()
    return (f"The baseline was measured by harness {', '.join(others)}, this run by {__version__}.",)


def _last_good(out: Path, profile: Profile, environment: str, target: str | None) -> list[Path]:
    for folder in sorted((one for one in out.glob("*Z-*") if one.is_dir()), reverse=True):
        try:
            if json.loads((folder / VERDICT).read_text(encoding="utf-8"))["exit_code"] != 0:
                continue
            run = open_run(folder)
        except (OSError, ValueError, LookupError, TypeError, RecursionError, HarnessError):
            continue  # no run, or none that was judged
        if not differences(profile, environment, run.manifest, complete=run.complete, target=target):
            return [folder]
    return []
