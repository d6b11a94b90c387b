"""What levers did: pieces put together, as it is written to `levers.json` and shown. (pure)

The form is read by `harness plan --measured` and by whoever likes to; docs/levers.md describes it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field

from harness.core.client_settings import SHIPPED as SHIPPED_SETTINGS
from harness.core.frozen_model import FrozenModel
from harness.levers.paired import Compared, Pair, compared, scatter
from harness.levers.piece import Piece
from harness.levers.state import LeversState
from harness.levers.table import GROUPS, Group, Lever

FILE = "levers.json"
PER_SESSION = (
    "requests", "preflights", "invocations", "rows", "wal_bytes", "database_ms", "realtime_messages",
    "realtime_changes", "realtime_broadcasts", "realtime_presence", "bytes_in", "bytes_out",
)  # fmt: skip
RATES: Mapping[str, tuple[str, str]] = {
    "event posts per swipe": ("event_posts", "swipes"),
    "event rows per swipe": ("event_rows", "swipes"),
    "decks per session": ("decks", "sessions"),
    "message events per message": ("message_events", "messages"),
    "realtime changes per message": ("realtime_changes", "messages"),
    "receipts per message": ("receipts", "messages"),
    "failed requests per session": ("failed", "sessions"),
}
"""Name -> what is counted, and of what it is so many."""
ONLY_IN = {"failed requests per session": "trouble"}
"""Elsewhere a failure is an accident, and accidents come in crowds: a few rounds do not know how they scatter."""
SMALLEST = 0.01
"""An effect under a hundredth is nothing that anybody pulls a lever for, however sure it is."""
Verdict = Literal["measured", "nothing", "unfinished"]


class Effect(FrozenModel):
    """One measure. factor: lever / shipped; None where only the lever has any. low, high: None before the second round.
    expected: by the contract's arithmetic, where it says something. high: None also where there is no upper bound."""

    shipped: float
    lever: float
    factor: float | None
    low: float | None = None
    high: float | None = None
    shown: bool = False
    expected: float | None = None

    @property
    def change(self) -> float | None:
        """Of the shipped figure, as a share."""
        return None if self.factor is None else self.factor - 1


class Dollars(FrozenModel):
    """A month's change at the planned size; negative is saved."""

    low: float
    likely: float
    high: float


class LeverAnswer(FrozenModel):
    """What one lever did. settings: as the app would have them. group: beside which baseline."""

    name: str
    what: str
    settings: dict[str, Any]
    switches: dict[str, str] = Field(default_factory=dict)
    group: str
    control: bool = False
    verdict: Verdict
    rounds: int
    effects: dict[str, Effect] = Field(default_factory=dict)
    endpoints: dict[str, Effect] = Field(default_factory=dict)
    rates: dict[str, Effect] = Field(default_factory=dict)
    people: dict[str, Effect] = Field(default_factory=dict)
    costs_people: str = ""
    caveat: str = ""
    dollars: Dollars | None = None


class Arm(FrozenModel):
    """The baseline of a group: all its pieces together; figures per session, rates as named."""

    sessions: int
    swipes: int
    messages: int
    measures: dict[str, float]
    rates: dict[str, float]
    endpoints: dict[str, float]
    settings: dict[str, Any]


class LeversAnswer(FrozenModel):
    """Everything that was measured."""

    format: Literal[1] = 1
    made_at: str
    target: str
    profile: str
    seed: int
    rounds: int
    load_s: float
    dau: float | None = None
    currency: str = "USD"
    shipped: Arm | None  # of the group `shipped`
    baselines: dict[str, Arm]
    levers: tuple[LeverAnswer, ...]
    pieces: int
    closed_share: float  # of sessions that a piece's end cut short
    notes: tuple[str, ...] = ()

    @property
    def ranked(self) -> list[LeverAnswer]:
        """What saves most first; what was not shown to do anything last."""
        return sorted(self.levers, key=lambda one: (one.verdict != "measured", _worth(one), one.name))


def _worth(one: LeverAnswer) -> float:
    if one.dollars is not None:
        return one.dollars.likely
    shown = [effect.change or 0.0 for effect in one.effects.values() if effect.shown]
    return sum(shown)


Pairs = Mapping[str, Mapping[str, list[Pair]]]
"""Measure -> lever -> a pair a round."""


def answer(state: LeversState, levers: Sequence[Lever], *, dau: float | None = None) -> LeversAnswer:
    """Of all pieces so far. Dollars are put in by `money`."""
    pieces = state.pieces
    sessions, closed = sum(one.sessions for one in pieces), sum(one.closed for one in pieces)
    baselines = {
        name: _arm([one for one in pieces if one.group == name and not one.lever], group)
        for name, group in GROUPS.items()
    }
    found = {name: arm for name, arm in baselines.items() if arm is not None}
    return LeversAnswer(
        made_at=f"{datetime.now(UTC):%Y-%m-%d}",
        target=state.asked.target,
        profile=state.asked.profile,
        seed=state.asked.seed,
        rounds=state.rounds,
        load_s=state.asked.load_s,
        dau=dau,
        shipped=found.get("shipped"),
        baselines=found,
        levers=_levers(pieces, levers),
        pieces=len(pieces),
        closed_share=closed / sessions if sessions else 0.0,
        notes=_notes(pieces),
    )


def _levers(pieces: Sequence[Piece], levers: Sequence[Lever]) -> tuple[LeverAnswer, ...]:
    measured = [one for one in levers if any(piece.lever == one.name for piece in pieces)]
    rounds = {one.name: _rounds(pieces, one) for one in measured}
    kinds: dict[str, tuple[list[str], Asks, bool]] = {
        "effects": (_measures(pieces), lambda piece, what: (piece.totals.get(what), piece.sessions), False),
        "p95": (_names(pieces, "p95"), lambda piece, what: (piece.p95.get(what), 1), True),
        "rates": (list(RATES), _rate, False),
        "people": (_names(pieces, "people"), lambda piece, what: (piece.people.get(what), 1), True),
    }
    together = sum(len(names) for names, *_ in kinds.values())
    calls = _names(pieces, "endpoints")
    twice = _twice(pieces)
    found = {kind: _effects(rounds, twice, *asked, among=together) for kind, asked in kinds.items()}
    found["endpoints"] = _effects(
        rounds,
        twice,
        calls,
        lambda piece, what: (piece.endpoints.get(what, 0.0), piece.sessions),
        False,
        among=len(calls),
    )
    return tuple(_answer(one, rounds[one.name], found) for one in measured)


def _answer(
    lever: Lever, rounds: Sequence[tuple[list[Piece], Piece]], kinds: Mapping[str, dict[str, dict[str, Effect]]]
) -> LeverAnswer:
    effects = kinds["effects"][lever.name] | {
        f"p95 {name}": effect for name, effect in kinds["p95"][lever.name].items()
    }
    rates = {
        name: effect.model_copy(update={"expected": _expected(rounds, RATES[name][0])})
        for name, effect in kinds["rates"][lever.name].items()
    }
    people = kinds["people"][lever.name]
    shown = any(effect.shown for kind in (effects, rates, people) for effect in kind.values())
    verdict: Verdict = "unfinished" if len(rounds) < 2 else "measured" if shown else "nothing"
    return LeverAnswer(
        name=lever.name,
        what=lever.what,
        settings=dict(lever.told),
        switches=dict(switch.split("=", 1) for switch in lever.switches),
        group=lever.group.name,
        control=lever.control,
        verdict=verdict,
        rounds=len(rounds),
        effects=effects,
        endpoints=kinds["endpoints"][lever.name],
        rates=rates,
        people=people,
        costs_people=lever.people,
        caveat=lever.caveat,
    )


def _rounds(pieces: Sequence[Piece], lever: Lever) -> list[tuple[list[Piece], Piece]]:
    """The baselines of each round with the lever's piece of it."""
    found = []
    for piece in pieces:
        if piece.lever == lever.name:
            beside = [one for one in pieces if one.group == piece.group and not one.lever and one.round == piece.round]
            if beside:
                found.append((beside, piece))
    return found


Asks = Callable[[Piece, str], tuple[float | None, float]]


def _twice(pieces: Sequence[Piece]) -> list[tuple[list[Piece], Piece]]:
    """Baselines of one round, each later one beside the first."""
    rounds: defaultdict[tuple[str, int], list[Piece]] = defaultdict(list)
    for piece in pieces:
        if not piece.lever:
            rounds[piece.group, piece.round].append(piece)
    return [([first], later) for first, *more in rounds.values() for later in more]


def _effects(
    rounds: Mapping[str, Sequence[tuple[list[Piece], Piece]]],
    twice: Sequence[tuple[list[Piece], Piece]],
    names: Iterable[str],
    ask: Asks,
    mean: bool,
    *,
    among: int,
) -> dict[str, dict[str, Effect]]:
    """Of one kind of measure: lever -> measure -> effect. among: how many measures share the level."""
    found: dict[str, dict[str, Effect]] = {lever: {} for lever in rounds}
    well = {lever for lever, of in rounds.items() if of and not _troubled(of[0][1])}
    twice_well = [one for one in twice if not _troubled(one[1])]
    for what in names:
        pairs = {lever: _pairs(of, what, ask, mean=mean) for lever, of in rounds.items()}
        everywhere = scatter(pairs.values(), _pairs(twice, what, ask, mean=mean))
        calm = scatter((pairs[lever] for lever in well), _pairs(twice_well, what, ask, mean=mean))
        for lever, mine in pairs.items():
            made = compared(mine, calm if lever in well else everywhere, among=among)
            if made is not None:
                found[lever][what] = _effect(made)
    return found


def _troubled(piece: Piece) -> bool:
    """Whether its service fails on purpose. How much a figure scatters there says nothing of one that works; the other
    way round it is the least that it scatters there, and few levers have such a service."""
    return bool(GROUPS[piece.group].switches)


def _pairs(rounds: Sequence[tuple[list[Piece], Piece]], what: str, ask: Asks, *, mean: bool) -> list[Pair]:
    """mean: figures of several baselines are averaged; otherwise counts and units are added up."""
    found = []
    for beside, piece in rounds:
        mine, units = ask(piece, what)
        theirs = [(value, of) for value, of in (ask(one, what) for one in beside) if value is not None]
        if mine is None or not theirs:
            continue
        shipped, shipped_units = math.fsum(value for value, _ in theirs), math.fsum(of for _, of in theirs)
        found.append(Pair(shipped, mine, len(theirs) if mean else shipped_units, units))
    return [pair for pair in found if pair.usable]


def _effect(made: Compared) -> Effect:
    finite = math.isfinite(made.factor)
    big = made.factor == 0 or not finite or abs(made.factor - 1) >= SMALLEST
    return Effect(
        shipped=made.shipped,
        lever=made.lever,
        factor=made.factor if finite else None,
        low=made.low,
        high=made.high if made.high is not None and math.isfinite(made.high) else None,
        shown=made.shown and big,
    )


def _rate(piece: Piece, name: str) -> tuple[float | None, float]:
    what, unit = RATES[name]
    if ONLY_IN.get(name, piece.group) != piece.group:
        return None, 0.0
    return piece.totals.get(what), float(getattr(piece, unit))


def _expected(rounds: Sequence[tuple[list[Piece], Piece]], what: str) -> float | None:
    """The lever's figure over the shipped one, by arithmetic, per unit of the rate."""
    unit = next(of for counted, of in RATES.values() if counted == what)
    ratios = []
    for beside, piece in rounds:
        if _troubled(piece):  # requests fail: what people did does not say how often something was sent
            return None
        mine, theirs = piece.expected.get(what), sum(one.expected.get(what, 0.0) for one in beside)
        units, of = sum(getattr(one, unit) for one in beside), getattr(piece, unit)
        if mine is None or not theirs or not units or not of:
            return None
        ratios.append((mine / of) / (theirs / units))
    return math.exp(math.fsum(map(math.log, ratios)) / len(ratios)) if ratios and min(ratios) > 0 else None


def _measures(pieces: Sequence[Piece]) -> list[str]:
    return [name for name in PER_SESSION if any(name in piece.totals for piece in pieces)]


def _names(pieces: Sequence[Piece], kind: str) -> list[str]:
    return sorted({name for piece in pieces for name in getattr(piece, kind)})


def _arm(pieces: Sequence[Piece], group: Group) -> Arm | None:
    sessions = sum(piece.sessions for piece in pieces)
    if not sessions:
        return None

    def per_session(kind: str) -> dict[str, float]:
        names = _names(pieces, kind)
        return {name: sum(getattr(piece, kind).get(name, 0.0) for piece in pieces) / sessions for name in names}

    rates = {}
    for name, (what, unit) in RATES.items():
        units = sum(getattr(piece, unit) for piece in pieces)
        if units and all(what in piece.totals for piece in pieces):
            rates[name] = sum(piece.totals[what] for piece in pieces) / units
    return Arm(
        sessions=sessions,
        swipes=sum(piece.swipes for piece in pieces),
        messages=sum(piece.messages for piece in pieces),
        measures=per_session("totals"),
        rates=rates,
        endpoints=per_session("endpoints"),
        settings=SHIPPED_SETTINGS.model_dump() | dict(group.settings),
    )


def _notes(pieces: Sequence[Piece]) -> tuple[str, ...]:
    notes = []
    if pieces and not all("rows" in piece.totals for piece in pieces):
        notes.append("rows are missing from some pieces: the database was not to be asked")
    if pieces and not all("database_ms" in piece.totals for piece in pieces):
        notes.append("database time and WAL are missing: they need a connection string and pg_stat_statements")
    notes += [f"{piece.run}: {piece.problem}" for piece in pieces if piece.problem]
    return tuple(notes)
