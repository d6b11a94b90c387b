"""The price file as a frozen model. Reading it: `files.py`. (pure)"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator

from harness.core.frozen_model import FrozenModel, Number, PlainName, Text, closest

Money = Annotated[Number, Field(ge=0)]
Amount = Annotated[Number, Field(ge=0)]
Rate = Annotated[Number, Field(gt=0)]

Usage = Literal[
    "edge_invocations",
    "realtime_messages",
    "realtime_connections",
    "egress_gb",
    "mau",
    "disk_gb",
    "disk_operations",
    "disk_mb",
]
USAGES: tuple[Usage, ...] = get_args(Usage)
Countable = Literal[
    "assistant_turns",
    "searches",
    "sessions",
    "requests",
    "rows",
    "log_events",
    "sign_ups",
    "months",
    "compute",  # its price of the month
]
BY_NEED = "by need"
"""The compute that is no name: the cheapest with as much as the plan needs."""


class PlanPrices(FrozenModel):
    """One subscription: its price, what it includes, and where Realtime stops."""

    title: Text
    subscription: Money
    compute_credit: Money = 0.0
    overage: bool  # False: beyond the quota the platform restricts instead of billing
    connections: Rate
    messages_per_second: Rate
    joins_per_second: Rate
    presence_per_second: Rate
    channels_per_connection: Rate
    included: dict[Usage, Amount]

    @field_validator("included")
    @classmethod
    def _every_usage(cls, included: dict[Usage, float]) -> dict[Usage, float]:
        _all_named(included)
        return included


class Package(FrozenModel):
    """`price` for each begun `size` of a usage beyond what is included."""

    size: Rate
    price: Money
    note: str = ""

    def cost(self, quantity: float, included: float) -> float:
        """Of `quantity` with `included` free: whole packages, the begun one too."""
        return math.ceil(max(0.0, quantity - included) / self.size - 1e-9) * self.price


class Compute(FrozenModel):
    hour: Money
    max_database_gb: Rate  # advised
    cores: Rate
    connections: Rate  # of Postgres
    disk_operations: Rate  # per s, sustained
    disk_mb: Rate  # per s, sustained


class Extra(FrozenModel):
    """Something else that has a price, such as the language model behind the assistant.

    low, high: where the price is not published, or not yet billed, or not yours yet; the price itself otherwise.
    """

    name: Text
    per: Countable
    size: Rate = 1.0
    price: Money
    low: Money | None = None
    high: Money | None = None
    included: Amount = 0.0
    basis: Literal["published", "announced", "assumed"] = "published"
    note: str = ""

    def at(self, end: Literal["low", "high"]) -> float:
        """The price's low or high end."""
        given = self.low if end == "low" else self.high
        return self.price if given is None else given


class Ceiling(FrozenModel):
    """A limit that is no subscription's: of another service, or of a part."""

    value: Rate
    low: Rate | None = None
    high: Rate | None = None
    source: Text


CEILINGS = ("tmdb_per_second", "disk_gb", "disk_operations", "disk_mb")


class Prices(FrozenModel):
    as_of: datetime.date
    source: Text
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    plans: Annotated[dict[PlainName, PlanPrices], Field(min_length=1)]
    plan: str  # one of plans
    computes: Annotated[dict[Text, Compute], Field(min_length=1)]
    compute: str  # one of computes, or "by need"
    hours_per_month: Rate
    overage: dict[Usage, Package]
    extras: tuple[Extra, ...] = ()
    options: tuple[Extra, ...] = ()  # beside the plan's total: yours to take
    ceilings: dict[PlainName, Ceiling]
    presence_billed: Literal["likely", "low", "high"] = "likely"
    """Not published. Likely: sent and received, while the channel stands; low: sent only; high: up to the limit, too,
    where it falls."""

    @field_validator("plan", "compute")
    @classmethod
    def _known(cls, name: str, info: ValidationInfo) -> str:
        table: str = f"{info.field_name}s"
        known = info.data.get(table)
        words = {BY_NEED} if table == "computes" else set()
        if known is not None and name not in known and name not in words:
            raise ValueError(f"{name!r} is not in [{table}]; {closest(name, {*known, *words})}")
        return name

    @field_validator("ceilings")
    @classmethod
    def _every_ceiling(cls, ceilings: dict[str, Ceiling]) -> dict[str, Ceiling]:
        if missing := [name for name in CEILINGS if name not in ceilings]:
            raise ValueError(f"without {', '.join(missing)}; give a figure for each")
        return ceilings

    @field_validator("overage")
    @classmethod
    def _every_overage(cls, overage: dict[Usage, Package]) -> dict[Usage, Package]:
        _all_named(overage)
        return overage

    @property
    def chosen(self) -> PlanPrices:
        return self.plans[self.plan]


def _all_named(table: Mapping[Usage, object]) -> None:
    missing = [usage for usage in USAGES if usage not in table]
    if missing:
        raise ValueError(f"without {', '.join(missing)}; give a figure for each")
