"""A state file, by which what was interrupted goes on: written, read, and held against what is asked now."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from harness.config.text_file import RECORD_BYTES, is_file, read_bytes
from harness.core.errors import UsageError
from harness.core.frozen_model import FrozenModel
from harness.record.streams import replacing

State = TypeVar("State", bound=FrozenModel)


def write_state(path: Path, state: FrozenModel) -> None:
    """Whole or not at all; its folder is made where it is not. :raises OSError: the disk is full or failing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as draft:
        draft.write_text(state.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_state(model: type[State], path: Path, *, absent: UsageError, broken: str, remedy: str) -> State:
    """What was kept there.

    :param absent: there is none. :param broken: what cannot be gone on with where it cannot be read: "this search".
    :raises UsageError: one of them.
    """
    if not is_file(path):
        raise absent
    try:
        return model.model_validate_json(read_bytes(path, "state", limit=RECORD_BYTES))
    except ValidationError as error:
        raise UsageError(
            f"{broken} cannot be gone on with: {_first_problem(error)}", where=str(path), remedy=remedy
        ) from error


def changed(before: FrozenModel, now: FrozenModel) -> list[str]:
    """What is asked otherwise than before, in words. What an older state does not say is not compared."""
    said, asked = before.model_dump(include=before.model_fields_set), now.model_dump()
    return [
        f"{name} was {said[name]}, now {asked[name]}" for name in asked if name in said and said[name] != asked[name]
    ]


def digest(said: FrozenModel) -> str:
    """12 hexadecimal digits, the same in every process for what says the same."""
    return hashlib.sha256(json.dumps(said.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()[:12]


def _first_problem(error: ValidationError) -> str:
    """Why a file is no state, without repeating what stands in it."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(step) for step in first["loc"])
    return f"{f'{place}: ' if place else ''}{first['msg']}"
