"""Reads profile, target and SLO files.

Whatever is wrong with a file is one `UsageError` that lists every problem: file, key, value, and what to do. Values
that may be secrets are never repeated.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from harness.config.extend import EXTENDS, extended
from harness.config.problems import sentences
from harness.config.slo_contradictions import contradictions
from harness.config.slo_names import unknown_names
from harness.config.text_file import decoded, is_file, is_folder, read_bytes, shown
from harness.core.counted import counted
from harness.core.errors import UsageError
from harness.core.frozen_model import closest
from harness.core.profile import Profile
from harness.core.secret import NOTHING, Secret
from harness.core.slo import CatchAll, Slo, SloFile
from harness.core.target import Target

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
PROFILES = SCENARIOS / "profiles"
SLOS = SCENARIOS / "slo.toml"
TARGETS = Path("targets")
"""Where a target's bare name is looked for: in the folder one works in, because targets are one's own."""

MAX_DEPTH = 20
"""Profiles that extend one another, at most."""

AnyModel = TypeVar("AnyModel", bound=BaseModel)


def load_profile(name_or_path: str | Path, *, folder: Path = PROFILES) -> Profile:
    """A profile by the name of one in `folder`, or by a path, completed by those it extends.

    :raises UsageError: there is no such file, or something in it is wrong.
    """
    path = _locate(name_or_path, folder, "profile")
    return validated(_resolved(path, folder), path, "profile", Profile)


def _resolved(path: Path, folder: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """What a profile's file says together with what it extends. `above`: the files that led here."""
    if any(os.path.realpath(path) == os.path.realpath(other) for other in above):
        circle = " extends ".join(map(str, (*above, path)))
        raise UsageError(
            f"profiles extend each other in a circle: {circle}",
            where=f"{above[-1]}, {EXTENDS}",
            remedy=f"take {EXTENDS} out of one of them",
        )
    if len(above) > MAX_DEPTH:
        raise UsageError(
            f"more than {MAX_DEPTH} profiles extend each other", where=str(path), remedy="have one say more by itself"
        )
    data = read_toml(path, "profile")
    if EXTENDS not in data:
        return data
    base = data[EXTENDS]
    if not isinstance(base, str) or not base:
        raise UsageError(
            f"{EXTENDS} = {base!r:.120}: must be a profile's name, or a path, in quotes",
            where=str(path),
            remedy=f'write it like {EXTENDS} = "nightly", before the first [table]',
        )
    return extended(data, _resolved(_base_of(path, base, folder), folder, (*above, path)))


def _base_of(path: Path, base: str, folder: Path) -> Path:
    """The file that the one at `path` extends: a name of `folder`, or a path from where the file itself is."""
    try:
        found = path.parent / base if _is_path(base) else _locate(base, folder, "profile")
        if is_file(found):
            return found
        names = sorted(other.name for other in found.parent.glob("*.toml")) if is_folder(found.parent) else []
        raise UsageError(f"there is no profile {shown(found)}", remedy=closest(found.name, names))
    except UsageError as error:
        raise UsageError(f"{EXTENDS} = {base!r:.120}: {error.what}", where=str(path), remedy=error.remedy) from error


def load_target(name_or_path: str | Path, *, folder: Path = TARGETS) -> Target:
    """A target by a path, or by the name of one in `folder`.

    :raises UsageError: there is no such file, or something in it is wrong.
    """
    return load_model(_locate(name_or_path, folder, "target"), "target", Target)


def load_slos(path: str | Path = SLOS) -> tuple[Slo, ...]:
    """The SLOs of a file, in its order.

    :raises UsageError: there is no such file, or something in it is wrong.
    """
    return load_slo_file(path).slo


def load_slo_file(path: str | Path = SLOS) -> SloFile:
    """An SLO file with its catch-all settled: its own or the shipped file's, with the exclusions of both.

    :raises UsageError: there is no such file, something in it is wrong, or it names what no run can hold.
    """
    own = load_model(Path(path), "SLO file", SloFile)
    if problems := unknown_names(own):
        raise UsageError(
            "\n".join((f"SLO file {path} names what nothing in a run is called:", *(f"  {one}" for one in problems))),
            where=str(path),
            remedy="correct the names above and start again; nothing has been started",
        )
    if problems := contradictions(own):
        raise UsageError(
            "\n".join((f"SLO file {path} contradicts itself:", *(f"  {one}" for one in problems))),
            where=str(path),
            remedy="correct the objectives named above and start again; nothing has been started",
        )
    shipped = own if Path(path).resolve() == SLOS else load_model(SLOS, "SLO file", SloFile)
    catch_all = own.catch_all or shipped.catch_all or CatchAll()
    said = (*catch_all.exclude, *own.exclude)
    mine = {(one.name, one.view) for one in said}
    taken = () if own is shipped else tuple(one for one in shipped.exclude if (one.name, one.view) not in mine)
    return own.model_copy(update={"catch_all": catch_all.model_copy(update={"exclude": (*said, *taken)})})


HEADER_SAFE = re.compile(r"[!-~]+")
"""What a header value may hold (RFC 9110, 5.5), without the spaces no key has."""


@dataclass(frozen=True, slots=True)
class ResolvedKeys:
    """A target's secrets; None is one that it does not name."""

    anon: Secret
    service: Secret | None = None
    jwt_secret: Secret | None = None
    signing_key: Secret | None = None  # goes before the JWT secret
    dsn: Secret | None = None
    password: Secret | None = None  # of the synthetic people


def resolve_keys(target: Target, environ: Mapping[str, str]) -> ResolvedKeys:
    """Read the secrets that the target names from the environment.

    :raises UsageError: naming every variable that is not set, empty, or no possible key.
    """
    names = {
        "keys.anon_env": target.keys.anon_env,
        "keys.service_env": target.keys.service_env,
        "keys.jwt_secret_env": target.keys.jwt_secret_env,
        "keys.dsn_env": target.keys.dsn_env,
        "people.password_env": target.people.password_env,
        "keys.signing_key_env": target.keys.signing_key_env,
    }
    missing = [f"{variable} ({key})" for key, variable in names.items() if variable and not environ.get(variable)]
    if missing:
        raise UsageError(
            f"not set or empty in the environment: {', '.join(missing)}",
            where=f"target {target.name}",
            remedy="export them in the shell that starts the harness; keys never stand in a file",
        )
    broken = [
        names[key]
        for key in ("keys.anon_env", "keys.service_env")
        if (variable := names[key]) and not HEADER_SAFE.fullmatch(environ[variable])
    ]
    if broken:
        raise UsageError(
            f"no key can look like what stands in: {', '.join(map(str, broken))}",
            where=f"target {target.name}",
            remedy="export it again without spaces, line ends or quotes; keys are sent as header values",
        )
    found = (Secret(environ[name]) if name else None for name in names.values())
    anon, service, jwt_secret, dsn, password, signing_key = found
    return ResolvedKeys(
        anon=anon or NOTHING,
        service=service,
        jwt_secret=jwt_secret,
        signing_key=signing_key,
        dsn=dsn,
        password=password,
    )


# ---- finding and parsing ---------------------------------------------------------------------------------------


def _is_path(text: str) -> bool:
    return text.endswith(".toml") or "/" in text or "\\" in text


def _locate(name_or_path: str | Path, folder: Path, kind: str) -> Path:
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or _is_path(text):
        return Path(name_or_path)
    path = folder / f"{text}.toml"
    if not is_file(path):
        names = [candidate.stem for candidate in folder.glob("*.toml")] if folder.is_dir() else []
        raise UsageError(
            f"there is no {kind} called {text!r:.120}",
            where=str(folder),
            remedy=f"{closest(text, names)}; or give the path of a .toml file",
        )
    return path


def load_model(path: Path, kind: str, model: type[AnyModel]) -> AnyModel:
    return validated(read_toml(path, kind), path, kind, model)


def validated(data: Mapping[str, Any], path: Path, kind: str, model: type[AnyModel]) -> AnyModel:
    """What a file says as a model. :raises UsageError: listing everything that is wrong with it."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
    # Outside the handler, so that pydantic's own text, values and all, is not chained to ours.
    problems = sentences(details, data, model)
    count = counted(len(problems), "problem")
    raise UsageError(
        "\n".join((f"{count} in {kind} {path}:", *(f"  {problem}" for problem in problems))),
        where=str(path),
        remedy="correct the keys named above and start again; nothing has been started",
    )


def read_toml(path: Path, kind: str) -> dict[str, Any]:
    """What a TOML file says. :raises UsageError: it cannot be read, or is not TOML."""
    text = decoded(read_bytes(path, kind), kind, path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem, where = _toml_problem(str(error), text, path)
    except RecursionError:
        problem, where = "is nested too deeply", shown(path)
    except (ValueError, OverflowError):  # what Python makes of a literal that TOML allows: thousands of digits
        problem, where = "holds a number that no computer keeps", _long_number(text, path)
    raise UsageError(f"this {kind} {problem}", where=where, remedy="correct that place; the format is https://toml.io")


def _long_number(text: str, path: Path) -> str:
    """Where the longest row of digits stands."""
    longest = max(re.finditer(r"[0-9_]+", text), key=lambda found: len(found[0]), default=None)
    return f"{shown(path)}, line {text.count(chr(10), 0, longest.start()) + 1}" if longest else shown(path)


def _toml_problem(message: str, text: str, path: Path) -> tuple[str, str]:
    """tomllib's message as a problem and a place. The line itself stays out: it may hold a secret."""
    match = re.search(r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", message, re.DOTALL)
    if match is None:
        return f"is not TOML: {message}", str(path)
    what, line, column = match.groups()
    if line is None:
        lines = text.split("\n")
        line, column = str(len(lines)), str(len(lines[-1]) + 1)
    return f"is not TOML: {what}", f"{path}, line {line}, column {column}"
