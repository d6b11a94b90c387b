"""The published schema of `verdict.json`, per version: JSON Schema 2020-12, made from `reports.verdict.Verdict`. (pure)

`docs/schema/verdict-1.json` is what this writes. Within a version fields are only added, so a reader has to let unknown
ones pass; the schema does, though the model that writes does not.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from reports.verdict import Verdict

VERSION = 1
ADDRESS = f"https://movinesta.example/schema/verdict-{VERSION}.json"
"""A name, not a place: nothing is fetched from it."""


class _Published(GenerateJsonSchema):
    """Figures may be null: JSON has no infinity, and a percentile that falls on a failure is one."""

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        return {"anyOf": [super().float_schema(schema), {"type": "null"}]}


def schema() -> dict[str, Any]:
    """As a JSON value."""
    found = Verdict.model_json_schema(mode="serialization", schema_generator=_Published)
    return {
        "$schema": _Published.schema_dialect,
        "$id": ADDRESS,
        "title": "verdict.json",
        "description": "What a run of the MoviNesta harness came to. Latencies are milliseconds, shares fractions of "
        "one, instants ISO 8601 in UTC. Within version 1 fields are only added.",
        **_open({key: value for key, value in found.items() if key not in ("title", "description")}),
    }


def render() -> str:
    """As the file's text."""
    return json.dumps(schema(), indent=1, ensure_ascii=False, sort_keys=False) + "\n"


def _open(value: Any) -> Any:
    """Without `additionalProperties: false` and the titles that pydantic derives from names."""
    if isinstance(value, dict):
        return {
            key: _open(inner)
            for key, inner in value.items()
            if not (key == "additionalProperties" and inner is False)
            and not (key == "title" and isinstance(inner, str))
        }
    return [_open(one) for one in value] if isinstance(value, list) else value
