"""What the exposed schema holds: relations, their keys, and functions. (pure)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SCHEMA = "public"
EXPOSED = (SCHEMA,)


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """type: without modifiers, for casts; full_type: with them; default: its SQL expression."""

    name: str
    type: str
    full_type: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class DbRelation:
    """A table or view. uniques: column sets of its unique indexes, the primary key among them."""

    name: str
    columns: Mapping[str, ColumnInfo]
    primary_key: tuple[str, ...] = ()
    uniques: frozenset[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class ForeignKey:
    name: str
    relation: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """An input of a function; an unnamed one has the empty name."""

    name: str
    type: str
    required: bool
    variadic: bool = False


@dataclass(frozen=True, slots=True)
class DbFunction:
    """relation: the exposed relation whose rows it returns, if so; columns: of its rows, as far as known."""

    name: str
    parameters: tuple[Parameter, ...]
    returns_set: bool
    is_composite: bool
    is_void: bool
    is_volatile: bool
    relation: str | None = None
    columns: Mapping[str, ColumnInfo] = field(default_factory=dict)

    @property
    def signature(self) -> str:
        inner = ", ".join(f"{p.name} => {p.type}" for p in self.parameters)
        return f"{SCHEMA}.{self.name}({inner})"


@dataclass(frozen=True)
class SchemaCatalogue:
    """An immutable picture of the schema at one moment."""

    relations: Mapping[str, DbRelation]
    foreign_keys: tuple[ForeignKey, ...]
    functions: Mapping[str, tuple[DbFunction, ...]]
