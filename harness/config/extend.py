"""A profile that says only what differs from another: `extends = "nightly"`. (pure)

What the file says wins, top-level key by top-level key, with these differences:

- `name` and `description` are never inherited: a run is known by them.
- `phases`, `sandbox` and `herds` are taken key by key, `behaviour` quantity by quantity; a quantity is one
  distribution, whole.
- `mix` and `arrivals` are taken whole: shares sum to 1 and stages follow one another only together.
- Inherited behaviour of personas that are not in the mix is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EXTENDS = "extends"
_OWN = frozenset((EXTENDS, "name", "description"))
_BY_KEY = ("phases", "sandbox", "herds")


def extended(own: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The profile that `own` means when it extends `base`; both as TOML has them, `base` already resolved.

    Whatever has the wrong type stays as it stands, for the validation that follows to complain about.
    """
    found = {key: value for key, value in base.items() if key not in _OWN} | dict(own)
    del found[EXTENDS]
    for key in _BY_KEY:
        if isinstance(own.get(key), Mapping) and isinstance(base.get(key), Mapping):
            found[key] = base[key] | own[key]
    behaviour = _behaviour(own.get("behaviour", {}), base.get("behaviour", {}), found.get("mix"))
    if behaviour:
        found["behaviour"] = behaviour
    else:
        found.pop("behaviour", None)
    return found


def _behaviour(own: Any, base: Any, mix: Any) -> Any:
    if not isinstance(own, Mapping) or not isinstance(base, Mapping):
        return own
    found: dict[str, Any] = {
        persona: quantities for persona, quantities in base.items() if not isinstance(mix, Mapping) or persona in mix
    }
    for persona, quantities in own.items():
        inherited = found.get(persona)
        both = isinstance(quantities, Mapping) and isinstance(inherited, Mapping)
        found[persona] = inherited | quantities if both else quantities
    return found
