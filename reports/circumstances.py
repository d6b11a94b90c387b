"""In what runs were made differently: profile, seed, target, switches, versions. (pure)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.record.manifest import Manifest
from reports.switches import PREFIX, switches
from reports.text import DASH

NOT_A_DIFFERENCE = frozenset({"description"})


def differing(manifests: Sequence[Manifest]) -> list[tuple[str, tuple[str, ...]]]:
    """Every circumstance in which the runs are not all the same, with what it was in each, in their order."""
    facts = [_facts(manifest) for manifest in manifests]
    keys = list(dict.fromkeys(key for one in facts for key in one))
    rows = [(key, tuple(one.get(key, DASH) for one in facts)) for key in keys]
    return [(key, values) for key, values in rows if len(set(values)) > 1]


def _facts(manifest: Manifest) -> dict[str, str]:
    profile = manifest.profile.model_dump(mode="json", exclude=set(NOT_A_DIFFERENCE))
    return {
        **{f"{PREFIX}{name}": value or DASH for name, value in switches(manifest.notes).items()},
        **{f"version: {name}": value for name, value in manifest.versions.items()},
        "target": f"{manifest.target_name} ({manifest.target_environment})",
        "seed of the run": str(manifest.seed),
        "workers": str(manifest.workers),
        "status": manifest.status,
        **{f"profile: {key}": shown for key, value in profile.items() for key, shown in _flat(key, value)},
    }


def _flat(key: str, value: Any) -> list[tuple[str, str]]:
    """A value as (dotted key, text); tables and lists go on to their leaves, so that only what differs is shown."""
    if isinstance(value, dict):
        return [leaf for name, inner in value.items() for leaf in _flat(f"{key}.{name}", inner)]
    if isinstance(value, list):
        return [leaf for place, inner in enumerate(value) for leaf in _flat(f"{key}.{place}", inner)]
    return [(key, DASH if value is None else str(value))]
