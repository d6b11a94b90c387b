"""The Prefer header. (pure)"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.rest.errors import bad_preferences

KNOWN: dict[str, tuple[str, frozenset[str]]] = {
    "resolution": ("resolution", frozenset({"merge-duplicates", "ignore-duplicates"})),
    "missing": ("missing", frozenset({"default", "null"})),
    "return": ("returning", frozenset({"minimal", "representation", "headers-only"})),
    "count": ("count", frozenset({"exact", "planned", "estimated"})),
    "handling": ("handling", frozenset({"strict", "lenient"})),
    "tx": ("tx", frozenset({"commit", "rollback"})),
}
SHOWN = ("resolution", "missing", "return", "count", "handling", "max-affected")


@dataclass(frozen=True, slots=True)
class Preferences:
    """None: not asked for. `tx` is read and ignored, as on the platform, which does not allow it."""

    resolution: str | None = None
    missing: str | None = None
    returning: str | None = None
    count: str | None = None
    handling: str | None = None
    tx: str | None = None
    max_affected: int | None = None

    @property
    def representation(self) -> bool:
        return self.returning == "representation"

    @property
    def affected_limit(self) -> int | None:
        """PostgREST heeds max-affected only together with handling=strict."""
        return self.max_affected if self.handling == "strict" else None

    def applied(self, *names: str) -> str:
        """The Preference-Applied header of a request to which preferences of these names apply; may be empty."""
        shown = []
        for name in SHOWN:
            value = self.affected_limit if name == "max-affected" else getattr(self, KNOWN[name][0])
            if name in names and value is not None:
                shown.append(f"{name}={value}")
        return ", ".join(shown)


NOTHING = Preferences()


def parse_prefer(header: str | None) -> Preferences:
    """The first of several values for one preference holds.

    :raises RestError: PGRST122 for unknown preferences under handling=strict.
    """
    if not header:
        return NOTHING
    chosen: dict[str, str] = {}
    unknown: list[str] = []
    max_affected: int | None = None
    for item in filter(None, (part.strip() for part in header.split(","))):
        name, _, value = item.partition("=")
        field, allowed = KNOWN.get(name, ("", frozenset()))
        if value in allowed:
            chosen.setdefault(field, value)
        elif name == "max-affected" and value.isdigit():
            max_affected = int(value) if max_affected is None else max_affected
        elif name != "timezone":
            unknown.append(item)
    if unknown and chosen.get("handling") == "strict":
        raise bad_preferences(unknown)
    return Preferences(**chosen, max_affected=max_affected)
