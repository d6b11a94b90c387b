"""How one relation reaches another through foreign keys, for embedding. (pure)"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.rest.catalogue import SCHEMA, ForeignKey, SchemaCatalogue
from sandbox.rest.errors import NotInCatalogue, RestError
from sandbox.rest.syntax import Embed


@dataclass(frozen=True, slots=True)
class Junction:
    """The table between the two sides of a many-to-many relationship."""

    relation: str
    to_origin: ForeignKey
    to_target: ForeignKey


@dataclass(frozen=True, slots=True)
class Relationship:
    """cardinality: `many-to-one`, `one-to-one`, `one-to-many` or `many-to-many`, seen from `origin`.

    columns: pairs (column of origin, column of target); empty with a junction.
    """

    origin: str
    target: str
    cardinality: str
    constraint: str
    columns: tuple[tuple[str, str], ...]
    junction: Junction | None = None

    @property
    def to_one(self) -> bool:
        return self.cardinality in ("many-to-one", "one-to-one")

    def describe(self) -> dict[str, str]:
        """Its entry in a PGRST201 body."""
        return {
            "cardinality": self.cardinality,
            "embedding": f"{self.origin} with {self.target}",
            "relationship": self._keys(),
        }

    def _keys(self) -> str:
        if self.junction is not None:
            near, far = self.junction.to_origin, self.junction.to_target
            return (
                f"{self.junction.relation} using {near.name}({', '.join(near.columns)})"
                f" and {far.name}({', '.join(far.columns)})"
            )
        here, there = (", ".join(side) for side in zip(*self.columns, strict=True))
        return f"{self.constraint} using {self.origin}({here}) and {self.target}({there})"


def resolve(catalogue: SchemaCatalogue, origin: str, embed: Embed) -> Relationship:
    """The one relationship an embed means; :raises RestError: PGRST200 for none, PGRST201 for several."""
    found = [
        relationship
        for relationship in _all(catalogue, origin)
        if _names(relationship, embed.name) and (embed.hint is None or _hinted(relationship, embed.hint))
    ]
    if not found:
        raise _none(catalogue, origin, embed)
    if len(found) > 1:
        raise _several(origin, embed.name, found)
    return found[0]


def _all(catalogue: SchemaCatalogue, origin: str) -> Iterator[Relationship]:
    for key in catalogue.foreign_keys:
        pairs = tuple(zip(key.columns, key.target_columns, strict=True))
        single = frozenset(key.columns) in catalogue.relations[key.relation].uniques
        if key.relation == origin:
            kind = "one-to-one" if single else "many-to-one"
            yield Relationship(origin, key.target, kind, key.name, pairs)
        if key.target == origin:
            kind = "one-to-one" if single else "one-to-many"
            yield Relationship(origin, key.relation, kind, key.name, tuple((there, here) for here, there in pairs))
            yield from _through(catalogue, key)


def _through(catalogue: SchemaCatalogue, near: ForeignKey) -> Iterator[Relationship]:
    """Many-to-many over the table that `near` belongs to, if its primary key covers both of its foreign keys."""
    primary = set(catalogue.relations[near.relation].primary_key)
    for far in catalogue.foreign_keys:
        if far.relation == near.relation and far.name != near.name and primary >= {*near.columns, *far.columns}:
            junction = Junction(near.relation, near, far)
            yield Relationship(near.target, far.target, "many-to-many", near.relation, (), junction)


def _names(relationship: Relationship, name: str) -> bool:
    """Whether `name` in `select` can mean it: the target, the constraint, or the single column that refers to it."""
    if relationship.target == name:
        return True
    if relationship.junction is not None:
        return False
    if relationship.constraint == name:
        return True
    return relationship.to_one and len(relationship.columns) == 1 and relationship.columns[0][0] == name


def _hinted(relationship: Relationship, hint: str) -> bool:
    if relationship.constraint == hint:
        return True
    return len(relationship.columns) == 1 and hint in relationship.columns[0]


def _none(catalogue: SchemaCatalogue, origin: str, embed: Embed) -> RestError:
    using = "" if embed.hint is None else f" using the hint '{embed.hint}'"
    near = difflib.get_close_matches(embed.name, {r.target for r in _all(catalogue, origin)}, n=1, cutoff=0.75)
    return NotInCatalogue(
        400,
        "PGRST200",
        f"Could not find a relationship between '{origin}' and '{embed.name}' in the schema cache",
        details=f"Searched for a foreign key relationship between '{origin}' and '{embed.name}'{using} "
        f"in the schema '{SCHEMA}', but no matches were found.",
        hint=f"Perhaps you meant '{near[0]}' instead of '{embed.name}'." if near and near[0] != embed.name else None,
    )


def _several(origin: str, name: str, found: list[Relationship]) -> RestError:
    choices = ", ".join(f"'{r.target}!{r.constraint}'" for r in found)
    return RestError(
        300,
        "PGRST201",
        f"Could not embed because more than one relationship was found for '{origin}' and '{name}'",
        details=[r.describe() for r in found],
        hint=f"Try changing '{name}' to one of the following: {choices}. "
        "Find the desired relationship in the 'details' key.",
    )
