"""A SELECT over one resource with everything embedded in it. (pure)"""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.rest.catalogue import SchemaCatalogue
from sandbox.rest.errors import bad_embed_filter, not_embedded, related_order_impossible, spread_impossible
from sandbox.rest.relationships import Relationship, resolve
from sandbox.rest.sql import Binder, Scope, condition, identifier, order_term, qualified
from sandbox.rest.syntax import Embed, FieldPath, FilterCondition, Group, OrderTerm, Select, SelectedColumn, Tree

NOTHING: Select = ()


@dataclass(frozen=True, slots=True)
class Joined:
    """An embedded resource in its parent's FROM clause. alias: of its lateral subquery."""

    alias: str
    relationship: Relationship

    def is_missing(self) -> str:
        """SQL that holds where the parent has no such resource."""
        if self.relationship.to_one:
            return f"{self.alias}.* IS NOT DISTINCT FROM NULL"
        return f"{self.alias}.found IS NULL"


@dataclass
class Parts:
    """The clauses of one SELECT."""

    columns: list[str] = field(default_factory=list)
    joins: list[str] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    def sql(self, source: str, *, bare: bool = False) -> str:
        """bare: only whether rows exist, for counting."""
        text = f"SELECT {'1' if bare or not self.columns else ', '.join(self.columns)} FROM {source}"
        if self.joins:
            text += " " + " ".join(self.joins)
        if self.where:
            text += " WHERE " + " AND ".join(self.where)
        if self.order and not bare:
            text += " ORDER BY " + ", ".join(self.order)
        return text


class SelectBuilder:
    """Turns one tree into SELECTs that share a binder."""

    def __init__(self, catalogue: SchemaCatalogue, tree: Tree, binder: Binder) -> None:
        self._catalogue = catalogue
        self._tree = tree
        self._binder = binder
        self._seen: set[tuple[str, ...]] = {()}
        self._aliases = 0

    def root(self, scope: Scope, *, filtered: bool = True) -> Parts:
        """filtered: apply the root's own conditions; a mutation has already applied them.

        :raises RestError: PGRST108 for parameters of a resource that is not selected, PGRST200 and PGRST201 for embeds.
        """
        parts = self._parts(scope, self._tree.select, (), filtered)
        for path, _ in self._tree.levels:
            if path not in self._seen:
                raise not_embedded(path[-1])
        return parts

    def conditions(self, scope: Scope) -> list[str]:
        """The root's conditions alone, for UPDATE and DELETE."""
        return [self._node(node, scope, {}) for node in self._tree.level(()).where]

    def _parts(self, scope: Scope, items: Select, path: tuple[str, ...], filtered: bool) -> Parts:
        parts = Parts()
        joined: dict[str, Joined] = {}
        for item in items:
            if isinstance(item, Embed):
                joined[item.key] = self._embed(item, scope, path, parts)
            else:
                parts.columns.append(_column(item, scope))
        level = self._tree.level(path)
        if filtered:
            parts.where += [self._node(node, scope, joined) for node in level.where]
        parts.order += [order_term(term, self._sort_key(term, scope, joined)) for term in level.order]
        return parts

    def _embed(self, item: Embed, scope: Scope, path: tuple[str, ...], parts: Parts) -> Joined:
        relationship = resolve(self._catalogue, scope.relation or scope.name, item)
        if item.spread and not relationship.to_one:
            raise spread_impossible(scope.name, item.name)
        self._aliases += 1
        here = (*path, item.key)
        self._seen.add(here)
        alias = identifier(f"{scope.name}_{item.key}_{self._aliases}")
        joined = Joined(alias, relationship)
        subquery = self._subquery(item, scope, relationship, here)
        kind = "INNER" if item.inner else "LEFT"
        if relationship.to_one:
            parts.joins.append(f"{kind} JOIN LATERAL ({subquery}) AS {alias} ON TRUE")
        else:
            meets = f"{alias}.found IS NOT NULL" if item.inner else "TRUE"
            rows = f"SELECT json_agg(_rows) AS found FROM ({subquery}) AS _rows"
            parts.joins.append(f"{kind} JOIN LATERAL ({rows}) AS {alias} ON {meets}")
        if item.spread:
            parts.columns.append(f"{alias}.*")
        elif item.items:
            value = f"row_to_json({alias}.*)" if relationship.to_one else f"COALESCE({alias}.found, '[]')"
            parts.columns.append(f"{value} AS {identifier(item.key)}")
        return joined

    def _subquery(self, item: Embed, scope: Scope, relationship: Relationship, path: tuple[str, ...]) -> str:
        target, source, conditions = self._reach(scope, relationship)
        inner = self._parts(target, item.items, path, True)
        inner.where[:0] = conditions
        sql = inner.sql(source)
        level = self._tree.level(path)
        if level.limit is not None:
            sql += f" LIMIT {self._binder.place(level.limit, 'bigint')}"
        if level.offset is not None:
            sql += f" OFFSET {self._binder.place(level.offset, 'bigint')}"
        return sql

    def _reach(self, scope: Scope, relationship: Relationship) -> tuple[Scope, str, list[str]]:
        """The far side's scope, its FROM item, and the conditions that tie it to the near side."""
        self._aliases += 1
        alias = identifier(f"{relationship.target}_{self._aliases}")
        relation = self._catalogue.relations[relationship.target]
        target = Scope(relationship.target, alias, relation.columns, relationship.target)
        source = f"{qualified(relationship.target)} AS {alias}"
        junction = relationship.junction
        if junction is None:
            return (
                target,
                source,
                [f"{target.column(far)} = {scope.column(near)}" for near, far in relationship.columns],
            )
        through = Scope(junction.relation, identifier(f"{junction.relation}_{self._aliases}j"), {}, junction.relation)
        ties = [
            f"{through.column(own)} = {side.column(other)}"
            for key, side in ((junction.to_origin, scope), (junction.to_target, target))
            for own, other in zip(key.columns, key.target_columns, strict=True)
        ]
        return target, f"{source}, {qualified(junction.relation)} AS {through.alias}", ties

    def _node(self, node: FilterCondition | Group, scope: Scope, joined: dict[str, Joined]) -> str:
        if isinstance(node, Group):
            members = f" {node.joiner.upper()} ".join(self._node(member, scope, joined) for member in node.members)
            return f"NOT ({members})" if node.negated else f"({members})"
        resource = joined.get(node.field.name)
        if resource is None or node.field.name in scope.columns:
            return condition(node, scope, self._binder)
        if node.constant not in ("null", "not_null"):
            raise bad_embed_filter(node.field.name)
        wants_missing = (node.constant == "null") != node.negated
        return resource.is_missing() if wants_missing else f"NOT ({resource.is_missing()})"

    def _sort_key(self, term: OrderTerm, scope: Scope, joined: dict[str, Joined]) -> str:
        if term.relation is None:
            return scope.expression(term.field)
        resource = joined.get(term.relation)
        if resource is None:
            raise not_embedded(term.relation)
        if not resource.relationship.to_one:
            raise related_order_impossible(scope.name, term.relation)
        target, source, conditions = self._reach(scope, resource.relationship)
        return f"(SELECT {target.expression(term.field)} FROM {source} WHERE {' AND '.join(conditions)})"


def columns_needed(catalogue: SchemaCatalogue, tree: Tree, scope: Scope) -> list[str]:
    """The columns of the root that its representation reads, for RETURNING: asking for more could be refused."""
    needed: dict[str, None] = {}
    for item in tree.select:
        if isinstance(item, Embed):
            relationship = resolve(catalogue, scope.relation or scope.name, item)
            needed |= dict.fromkeys(_near_columns(relationship))
        else:
            needed[item.field.name] = None
    needed |= dict.fromkeys(term.field.name for term in tree.level(()).order if term.relation is None)
    if "*" in needed:
        return [f"{scope.alias}.*"]
    return [scope.column(name) for name in needed]


def _near_columns(relationship: Relationship) -> tuple[str, ...]:
    if relationship.junction is not None:
        return relationship.junction.to_origin.target_columns
    return tuple(near for near, _ in relationship.columns)


def _column(item: SelectedColumn, scope: Scope) -> str:
    if item.field == FieldPath("*"):
        return f"{scope.alias}.*"
    expression = scope.expression(item.field)
    if item.cast is not None:
        expression = f"CAST({expression} AS {item.cast})"
    if item.alias is None and item.cast is None and not item.field.path:
        return expression
    return f"{expression} AS {identifier(item.key)}"
