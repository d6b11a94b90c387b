"""What pydantic found wrong with a file, in plain words: key, value, what is wrong, what to do. (pure)"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from chaos.validation import in_words
from harness.core.frozen_model import FORMS, closest
from harness.core.target import Target

Location = tuple[int | str, ...]

_FILE_WORDS = {
    "string_type": "must be text in quotes",
    "tuple_type": "must be a list: [[name]] tables, or values in [ ]",
    "dict_type": "must be a table: [name], or {{ }}",
    "model_type": "must be a table: [name], or {{ }}",
    "model_attributes_type": "must be a table: [name], or {{ }}",
    "finite_number": "must be finite; leave the key out where it means no bound",
    "too_short": "needs at least {min_length} entry; add one",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
}
"""What only files are told, beside `chaos.validation`."""


def sentences(details: Sequence[ErrorDetails], data: Mapping[str, Any], model: type[BaseModel]) -> list[str]:
    """One line for each problem that is not merely the consequence of another.

    :param details: of the ValidationError.
    :param data: what was validated.
    :param model: against what. Text of a `Target` that may be a secret is not repeated.
    """
    return [_sentence(detail, data, model) for detail in details if not _follows(detail, details)]


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
    dotted = ".".join(map(_key, keys)) or "the file"
    if kind == "missing":
        return f"{dotted} is missing; add it"
    if kind == "extra_forbidden":
        value = _shown(keys, detail["input"], model, unknown=True)
        return f"{dotted} is not a known key{value}; {closest(str(keys[-1]), known)}"
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        return _tag_sentence(detail, dotted, _tags(location, model))
    if kind == "string_pattern_mismatch":
        problem = f"must be {FORMS.get(context['pattern'], context['pattern'])}"
    elif kind in ("literal_error", "enum"):
        choices = re.findall(r"'([^']*)'", context["expected"])
        problem = f"must be one of {', '.join(choices)}{_near(detail['input'], choices)}"
    else:
        problem = in_words(kind, context, detail["msg"], _FILE_WORDS)
    return f"{dotted}{_shown(keys, detail['input'], model)}: {problem}"


def _key(key: str | int) -> str:
    """As a file would have it; what is not printable, or endless, as its repr."""
    text = str(key)
    return text if text.isprintable() and len(text) <= 80 else f"{text!r:.80}"


def _tag_sentence(detail: ErrorDetails, dotted: str, tags: Sequence[str]) -> str:
    """The key that says which kind of table this is, is missing or unknown."""
    context = detail["ctx"]
    key = f"{dotted}.{str(context['discriminator']).strip(chr(39))}"
    expected = ", ".join(tags)
    if detail["type"] == "union_tag_not_found":
        return f"{key} is missing; add it, one of {expected}"
    return f"{key} = {context['tag']!r:.120}: must be one of {expected}{_near(context['tag'], tags)}"


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
    if not _is_model(plain):
        return []
    return [info.alias or name for name, info in plain.model_fields.items()]  # type: ignore[attr-defined]


def _below(annotation: object, step: str | int) -> object:
    """The type of what stands under `step`."""
    plain = _plain(annotation)
    if _is_model(plain):
        fields = {info.alias or name: info for name, info in plain.model_fields.items()}  # type: ignore[attr-defined]
        info = fields.get(str(step))
        return info.annotation if info else None
    arguments = get_args(plain)
    if get_origin(plain) is dict:
        return arguments[1]
    return arguments[0] if get_origin(plain) is tuple else None
