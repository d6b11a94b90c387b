"""Reads profile, target and SLO files.

Whatever is wrong with a file is one `UsageError` that lists every problem: file, key, value, and what to do. Values
that may be secrets are never repeated.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.config.models import FORMS, Profile, Slo, SloFile, Target, closest
from harness.errors import UsageError

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
PROFILES = SCENARIOS / "profiles"
SLOS = SCENARIOS / "slo.toml"
TARGETS = Path("targets")
"""Where a target's bare name is looked for: in the folder one works in, because targets are one's own."""

MAX_BYTES = 1_000_000

AnyModel = TypeVar("AnyModel", bound=BaseModel)
Location = tuple[int | str, ...]


def load_profile(name_or_path: str | Path, *, folder: Path = PROFILES) -> Profile:
    """A profile by the name of one in `folder`, or by a path.

    :raises UsageError: there is no such file, or something in it is wrong.
    """
    return _load(_locate(name_or_path, folder, "profile"), "profile", Profile)


def load_target(name_or_path: str | Path, *, folder: Path = TARGETS) -> Target:
    """A target by a path, or by the name of one in `folder`.

    :raises UsageError: there is no such file, or something in it is wrong.
    """
    return _load(_locate(name_or_path, folder, "target"), "target", Target)


def load_slos(path: str | Path = SLOS) -> tuple[Slo, ...]:
    """The SLOs of a file, in its order.

    :raises UsageError: there is no such file, or something in it is wrong.
    """
    return _load(Path(path), "SLO file", SloFile).slo


@dataclass(frozen=True, slots=True)
class ResolvedKeys:
    """A target's secrets. Never printed: the repr holds none."""

    anon: str = field(repr=False)
    service: str | None = field(default=None, repr=False)
    jwt_secret: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)  # of the synthetic people


def resolve_keys(target: Target, environ: Mapping[str, str]) -> ResolvedKeys:
    """Read the secrets that the target names from the environment.

    :raises UsageError: naming every variable that is not set or empty.
    """
    names = {
        "keys.anon_env": target.keys.anon_env,
        "keys.service_env": target.keys.service_env,
        "keys.jwt_secret_env": target.keys.jwt_secret_env,
        "people.password_env": target.people.password_env,
    }
    missing = [f"{variable} ({key})" for key, variable in names.items() if variable and not environ.get(variable)]
    if missing:
        raise UsageError(
            f"not set or empty in the environment: {', '.join(missing)}",
            where=f"target {target.name}",
            remedy="export them in the shell that starts the harness; keys never stand in a file",
        )
    anon, service, jwt_secret, password = (environ[name] if name else None for name in names.values())
    return ResolvedKeys(anon=anon or "", service=service, jwt_secret=jwt_secret, password=password)


# ---- finding and parsing ---------------------------------------------------------------------------------------


def _locate(name_or_path: str | Path, folder: Path, kind: str) -> Path:
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text or "\\" in text:
        return Path(name_or_path)
    path = folder / f"{text}.toml"
    if not path.is_file():
        names = [candidate.stem for candidate in folder.glob("*.toml")] if folder.is_dir() else []
        raise UsageError(
            f"there is no {kind} called {text!r}",
            where=str(folder),
            remedy=f"{closest(text, names)}; or give the path of a .toml file",
        )
    return path


def _load(path: Path, kind: str, model: type[AnyModel]) -> AnyModel:
    data = _parse(path, kind)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
    # Outside the handler, so that pydantic's own text, values and all, is not chained to ours.
    problems = [_sentence(detail, data, model) for detail in details if not _follows(detail, details)]
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    raise UsageError(
        "\n".join((f"{count} in {kind} {path}:", *(f"  {problem}" for problem in problems))),
        where=str(path),
        remedy="correct the keys named above and start again; nothing has been started",
    )


def _parse(path: Path, kind: str) -> dict[str, Any]:
    try:
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            raise UsageError(
                f"this {kind} is larger than {MAX_BYTES:,} bytes", where=str(path), remedy="name the right file"
            )
        raw = path.read_bytes()
    except FileNotFoundError as error:
        names = sorted(found.name for found in path.parent.glob("*.toml")) if path.parent.is_dir() else []
        raise UsageError(
            f"there is no {kind} {path}", where=str(path.parent), remedy=f"{closest(path.name, names)}"
        ) from error
    except OSError as error:
        raise UsageError(
            f"this {kind} cannot be read: {error.strerror}", where=str(path), remedy="name a file that you may read"
        ) from error
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        problem, where = "is not UTF-8 text", f"{path}, line {line}, column {column}"
    except tomllib.TOMLDecodeError as error:
        problem, where = _toml_problem(str(error), raw, path)
    except RecursionError:
        problem, where = "is nested too deeply", str(path)
    raise UsageError(f"this {kind} {problem}", where=where, remedy="correct that place; the format is https://toml.io")


def _toml_problem(message: str, raw: bytes, path: Path) -> tuple[str, str]:
    """tomllib's message as a problem and a place. The line itself stays out: it may hold a secret."""
    match = re.search(r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", message, re.DOTALL)
    if match is None:
        return f"is not TOML: {message}", str(path)
    what, line, column = match.groups()
    if line is None:
        lines = raw.decode("utf-8").split("\n")
        line, column = str(len(lines)), str(len(lines[-1]) + 1)
    return f"is not TOML: {what}", f"{path}, line {line}, column {column}"


# ---- pydantic's findings in plain words ------------------------------------------------------------------------

_TYPE_WORDS = {
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "string_type": "must be text in quotes",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list: [[name]] tables, or values in [ ]",
    "dict_type": "must be a table: [name], or { }",
    "model_type": "must be a table: [name], or { }",
    "model_attributes_type": "must be a table: [name], or { }",
    "finite_number": "must be finite; leave the key out where it means no bound",
}
_BOUND_WORDS = {
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be {ge:g} or more",
    "less_than": "must be below {lt:g}",
    "less_than_equal": "must be {le:g} or less",
    "too_short": "needs at least {min_length} entry; add one",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
}


def _follows(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """Whether a list is called too short only because its entries are wrong, each of which has its own error."""
    place = detail["loc"]
    return detail["type"] == "too_short" and any(
        other["loc"][: len(place)] == place for other in details if len(other["loc"]) > len(place)
    )


def _sentence(detail: ErrorDetails, data: Mapping[str, Any], model: type[BaseModel]) -> str:
    """`key = value: what is wrong; what to do`."""
    kind, context, location = detail["type"], detail.get("ctx", {}), detail["loc"]
    keys, known = _trace(location, data, model)
    dotted = ".".join(str(key) for key in keys) or "the file"
    if kind == "missing":
        return f"{dotted} is missing; add it"
    if kind == "extra_forbidden":
        value = _shown(keys, detail["input"], model, unknown=True)
        return f"{dotted} is not a known key{value}; {closest(str(keys[-1]), known)}"
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        return _tag_sentence(detail, dotted, _tags(location, model))
    if kind == "value_error":
        problem = str(context["error"])
    elif kind == "string_pattern_mismatch":
        problem = f"must be {FORMS.get(context['pattern'], context['pattern'])}"
    elif kind in ("literal_error", "enum"):
        choices = re.findall(r"'([^']*)'", context["expected"])
        problem = f"must be one of {', '.join(choices)}{_near(detail['input'], choices)}"
    elif kind in _BOUND_WORDS:
        problem = _BOUND_WORDS[kind].format(**context)
    else:
        problem = _TYPE_WORDS.get(kind, detail["msg"])
    return f"{dotted}{_shown(keys, detail['input'], model)}: {problem}"


def _tag_sentence(detail: ErrorDetails, dotted: str, tags: Sequence[str]) -> str:
    """The key that says which kind of table this is, is missing or unknown."""
    context = detail["ctx"]
    key = f"{dotted}.{str(context['discriminator']).strip(chr(39))}"
    expected = ", ".join(tags)
    if detail["type"] == "union_tag_not_found":
        return f"{key} is missing; add it, one of {expected}"
    return f"{key} = {context['tag']!r}: must be one of {expected}{_near(context['tag'], tags)}"


def _near(value: object, choices: Sequence[str]) -> str:
    near = difflib.get_close_matches(str(value), choices, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _shown(keys: Sequence[str | int], value: object, model: type[BaseModel], *, unknown: bool = False) -> str:
    """` = value`, unless that says nothing or may give a secret away."""
    if isinstance(value, dict | list | tuple):
        return ""
    if model is Target and isinstance(value, str) and (unknown or keys[0] in ("keys", "people", "url")):
        return " (value not shown, it may hold a secret)" if keys[0] != "url" or "@" in value else f" = {value!r}"
    return f" = {value!r:.120}"


def _trace(location: Location, data: object, model: object) -> tuple[list[str | int], list[str]]:
    """The place in the file that `location` means, and the keys that are known there.

    pydantic's location also names the member of a union that it chose, and marks dictionary keys; a file has neither.
    """
    keys: list[str | int] = []
    known: list[str] = []
    for step in location:
        if step == "[key]":
            continue
        member = _member(model, step)
        if member is not None and not (isinstance(data, Mapping) and step in data):
            model = member
            continue
        keys.append(step)
        known = _known_keys(model)
        model = _below(model, step)
        data = data[step] if _has(data, step) else None  # type: ignore[index]
    return keys, known


def _has(data: object, step: str | int) -> bool:
    if isinstance(data, Mapping):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and step < len(data)


def _plain(annotation: object) -> object:
    """Without `Annotated` and `| None`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        rest = [part for part in get_args(annotation) if part is not type(None)]
        if len(rest) == 1:
            return _plain(rest[0])
    return annotation


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _members(annotation: object) -> dict[str, object]:
    """A union's models by their tag."""
    members: dict[str, object] = {}
    for part in get_args(_plain(annotation)):
        if _is_model(part):
            for info in part.model_fields.values():
                if get_origin(info.annotation) is Literal:
                    members[get_args(info.annotation)[0]] = part
                    break
    return members


def _member(annotation: object, tag: str | int) -> object | None:
    return _members(annotation).get(tag) if isinstance(tag, str) else None


def _tags(location: Location, model: object) -> list[str]:
    for step in location:
        model = _member(model, step) or _below(model, step)
    return list(_members(model))


def _known_keys(annotation: object) -> list[str]:
    plain = _plain(annotation)
    return list(plain.model_fields) if _is_model(plain) else []  # type: ignore[attr-defined]


def _below(annotation: object, step: str | int) -> object:
    """The type of what stands under `step`."""
    plain = _plain(annotation)
    if _is_model(plain):
        info = plain.model_fields.get(str(step))  # type: ignore[attr-defined]
        return info.annotation if info else None
    arguments = get_args(plain)
    if get_origin(plain) is dict:
        return arguments[1]
    return arguments[0] if get_origin(plain) is tuple else None
