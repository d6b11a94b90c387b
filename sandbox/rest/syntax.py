"""The syntax tree of a request's query string. (pure)

Values are no part of the tree: a node that needs one holds its slot in `RestQuery.values`. Two requests that differ
only in their values therefore have equal trees, and share one compiled statement.
"""

from __future__ import annotations

from dataclasses import dataclass

Value = str | int


@dataclass(frozen=True, slots=True)
class JsonStep:
    """One step into a JSON value: `->key`, `->>key`, `->0`."""

    arrow: str
    key: str
    is_index: bool


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A column, or a place inside its JSON value."""

    name: str
    path: tuple[JsonStep, ...] = ()


@dataclass(frozen=True, slots=True)
class SelectedColumn:
    """A selected field. `*` is the field of that name."""

    field: FieldPath
    alias: str | None = None
    cast: str | None = None

    @property
    def key(self) -> str:
        """Its name in the reply: the alias, else the last key of its path, else the column's name."""
        keys = [step.key for step in self.field.path if not step.is_index]
        return self.alias or (keys[-1] if keys else self.field.name)


@dataclass(frozen=True, slots=True)
class Embed:
    """A related resource in the reply: `alias:name!hint!inner(items)`, or `...name(items)` spread into its parent."""

    name: str
    items: tuple[SelectedColumn | Embed, ...]
    alias: str | None = None
    hint: str | None = None
    inner: bool = False
    spread: bool = False

    @property
    def key(self) -> str:
        return self.alias or self.name


Select = tuple[SelectedColumn | Embed, ...]


@dataclass(frozen=True, slots=True)
class FilterCondition:
    """`[not.]operator.value` on one field.

    slot: where its value is; None for `is`, whose word (`constant`) belongs to the statement.
    quantifier: `any` or `all`, with a value that is an array literal.
    language: a text search configuration.
    """

    field: FieldPath
    operator: str
    slot: int | None
    negated: bool = False
    quantifier: str | None = None
    language: str | None = None
    constant: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """`and(...)` or `or(...)`, possibly negated."""

    joiner: str
    members: tuple[FilterCondition | Group, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """relation: the embedded resource whose field sorts the parent, None for an own field."""

    field: FieldPath
    direction: str | None = None
    nulls: str | None = None
    relation: str | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """What restricts and sorts one resource: the root, or an embedded one. limit and offset are slots."""

    where: tuple[FilterCondition | Group, ...] = ()
    order: tuple[OrderTerm, ...] = ()
    limit: int | None = None
    offset: int | None = None


ROOT: tuple[str, ...] = ()
EMPTY_LEVEL = Level()
EVERYTHING: Select = (SelectedColumn(FieldPath("*")),)


@dataclass(frozen=True, slots=True)
class Tree:
    """The whole query string without its values. levels: by path of embed keys, the root's is ().

    The root's limit and offset are not here but in `RestQuery`, because a Range header and the row cap take part.
    """

    select: Select = EVERYTHING
    levels: tuple[tuple[tuple[str, ...], Level], ...] = ()
    columns: tuple[str, ...] | None = None
    on_conflict: tuple[str, ...] | None = None

    def level(self, path: tuple[str, ...]) -> Level:
        for known, level in self.levels:
            if known == path:
                return level
        return EMPTY_LEVEL


@dataclass(frozen=True, slots=True)
class RestQuery:
    """A parsed query string.

    values: by slot.
    arguments: parameters that are no filters; a GET on a function takes them as its arguments.
    limit, offset: of the root; rows.
    """

    tree: Tree
    values: tuple[Value, ...] = ()
    arguments: tuple[tuple[str, str], ...] = ()
    limit: int | None = None
    offset: int = 0
