"""Who listens to which table: the counterpart of the table `realtime.subscription`. (pure)

One entry per binding and published table. Subscriptions with a single `eq` filter are found by its value, so that this
process pays for matches alone; what the real server pays is the cost model's matter (realtime contract, 4.1).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sandbox.realtime.bindings import ChangeBinding
from sandbox.realtime.filters import ChangeCondition, FilterError, comparable, condition, parse

Owner = TypeVar("Owner", bound=Hashable)
Name = tuple[str, str]
Types = Mapping[Name, Mapping[str, str]]


class SubscriptionError(ValueError):
    """A binding that cannot be subscribed; the text is what the channel's notice says."""


@dataclass(frozen=True, slots=True)
class SubscriptionRequest:
    """One binding on one table, its filter read."""

    binding: ChangeBinding
    table: Name
    conditions: tuple[ChangeCondition, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Subscription(Generic[Owner]):
    """role, claims: whom it reads as."""

    owner: Owner
    role: str
    claims: str
    request: SubscriptionRequest

    def wants(self, kind: str, values: Mapping[str, str | None]) -> bool:
        """Whether the action and every condition match."""
        event = self.request.binding.event
        return event in ("*", kind) and all(one.holds(values.get(one.column)) for one in self.request.conditions)


def requests(bindings: Iterable[ChangeBinding], published: Types) -> list[SubscriptionRequest]:
    """All that a channel asks for. published: column types by table. :raises SubscriptionError: for the first that
    names a table or column that is not published, or a filter that is none."""
    found: list[SubscriptionRequest] = []
    for binding in bindings:
        try:
            filters = parse(binding.filter)
        except FilterError as error:
            raise SubscriptionError(str(error)) from error
        names = [name for name in published if name[0] == binding.schema and binding.table in (None, name[1])]
        if not names:
            raise SubscriptionError(_unknown(binding))
        for name in names:
            types = published[name]
            if any(one.column not in types for one in filters):
                raise SubscriptionError(_unknown(binding))
            try:
                conditions = tuple(condition(one, types[one.column]) for one in filters)
            except FilterError as error:
                raise SubscriptionError(_unknown(binding)) from error
            found.append(SubscriptionRequest(binding, name, conditions))
    return found


def _unknown(binding: ChangeBinding) -> str:
    filters = ", ".join(f'{{"{one.column}", "{one.op}", "{",".join(one.values)}"}}' for one in parse(binding.filter))
    return (
        "Unable to subscribe to changes with given parameters. Please check Realtime is enabled for the given connect "
        f"parameters: [event: {binding.event}, schema: {binding.schema}, table: {binding.table or '*'}, "
        f"filters: [{filters}], select: nil]"
    )


@dataclass
class _Table(Generic[Owner]):
    """One table's subscriptions. by_value: column, then value, of those with a single `eq` filter."""

    all: set[Subscription[Owner]] = field(default_factory=set)
    others: set[Subscription[Owner]] = field(default_factory=set)
    by_value: dict[tuple[str, str], dict[Any, set[Subscription[Owner]]]] = field(default_factory=dict)


class SubscriptionRegistry(Generic[Owner]):
    """Every subscription of the project."""

    def __init__(self) -> None:
        self._tables: dict[Name, _Table[Owner]] = {}
        self._owned: dict[Owner, list[Subscription[Owner]]] = {}

    def __len__(self) -> int:
        return sum(len(owned) for owned in self._owned.values())

    def replace(self, owner: Owner, role: str, claims: str, wanted: Iterable[SubscriptionRequest]) -> None:
        """The owner's subscriptions from now on."""
        self.remove(owner)
        made = [Subscription(owner, role, claims, request) for request in wanted]
        self._owned[owner] = made
        for one in made:
            table = self._tables.setdefault(one.request.table, _Table())
            table.all.add(one)
            _bucket(table, one).add(one)

    def remove(self, owner: Owner) -> None:
        """Forget the owner."""
        for one in self._owned.pop(owner, ()):
            table = self._tables[one.request.table]
            table.all.discard(one)
            bucket = _bucket(table, one)
            bucket.discard(one)
            if not bucket and bucket is not table.others:
                conditions = one.request.conditions
                del table.by_value[conditions[0].column, conditions[0].type][conditions[0].values[0]]

    def clear(self) -> None:
        """Forget everybody."""
        self._tables.clear()
        self._owned.clear()

    def count(self, table: Name, kind: str) -> int:
        """Subscriptions on a table and action, whatever their filters: S of the cost model."""
        found = self._tables.get(table)
        if found is None:
            return 0
        return sum(1 for one in found.all if one.request.binding.event in ("*", kind))

    def matching(self, table: Name, kind: str, values: Mapping[str, str | None]) -> list[Subscription[Owner]]:
        """Those whose action and filters match, in no order."""
        found = self._tables.get(table)
        return [] if found is None else [one for one in _candidates(found, values) if one.wants(kind, values)]

    def by_table(self) -> dict[str, int]:
        """How many per `schema.table`."""
        return {f"{schema}.{name}": len(one.all) for (schema, name), one in sorted(self._tables.items()) if one.all}


def _bucket(table: _Table[Owner], one: Subscription[Owner]) -> set[Subscription[Owner]]:
    conditions = one.request.conditions
    if len(conditions) != 1 or conditions[0].op != "eq":
        return table.others
    first = conditions[0]
    return table.by_value.setdefault((first.column, first.type), {}).setdefault(first.values[0], set())


def _candidates(table: _Table[Owner], values: Mapping[str, str | None]) -> Iterator[Subscription[Owner]]:
    yield from table.others
    for (column, type_name), buckets in table.by_value.items():
        text = values.get(column)
        if text is not None:
            try:
                yield from buckets.get(comparable(type_name, text), ())
            except FilterError:
                continue
