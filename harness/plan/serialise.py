"""The plan as JSON: every field and every derived figure, under its own name. (pure)"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import orjson

from harness.plan.model import CapacityPlan


def to_json(plan: CapacityPlan, *, measured: Any = None) -> str:
    """Indented, in the order of `model.py`, one line end at its end. Units are those of the model; what is never
    reached is null. measured: what stands beside the model, a dataclass; left out when there is none."""
    found = _plain(plan) if measured is None else {**_plain(plan), "measured": _plain(measured)}
    return orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        names = [item.name for item in fields(value)]
        names += [name for name, member in vars(type(value)).items() if isinstance(member, property)]
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.value if isinstance(value, Enum) else value
