"""What a state file of earlier has to have in common with what is asked now, before anything goes on. (pure)"""

from __future__ import annotations

import hashlib
import json

from pydantic import ValidationError

from harness.core.frozen_model import FrozenModel


def changed(before: FrozenModel, now: FrozenModel) -> list[str]:
    """What is asked otherwise than before, in words. What an older state does not say is not compared."""
    said, asked = before.model_dump(include=before.model_fields_set), now.model_dump()
    return [
        f"{name} was {said[name]}, now {asked[name]}" for name in asked if name in said and said[name] != asked[name]
    ]


def digest(said: FrozenModel) -> str:
    """12 hexadecimal digits, the same in every process for what says the same."""
    return hashlib.sha256(json.dumps(said.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()[:12]


def first_problem(error: ValidationError) -> str:
    """Why a file is no state, without repeating what stands in it."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(step) for step in first["loc"])
    return f"{f'{place}: ' if place else ''}{first['msg']}"
