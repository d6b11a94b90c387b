"""What became of the mutants: killed, survived, and the score. (pure)"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from harness.core.frozen_model import FrozenModel
from harness.prove.mutants.allowed import reason
from harness.prove.mutants.areas import STORED, area
from harness.prove.mutants.catalogue import Mutant
from harness.prove.mutants.places import ChannelPlace, Place
from harness.prove.mutants.tally import MutantTally
from harness.prove.verdicts import ALARMS, Judged, fired, warned

Fate = Literal["killed", "warned", "survived", "unnamed", "no answer", "not hit"]
"""warned: no exit code is about it by design, and the verdict warns of it; counts with the killed. unnamed: the run
failed, and its reasons lead somewhere else, so it counts as survived. no answer: the run was inconclusive or died,
twice. not hit: it had nothing to spoil, so the run says nothing of it."""

TARGET = 0.95
"""Share of killed mutants from which on the verdict counts as tested."""

_IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")

OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "swipe_events": ("swipe_batch",),
    "title_event": ("watchlist_add", "title_like", "search"),
    "title_page": ("title_open",),
    "title_rating_summary": ("title_open",),
    "title_reviews": ("title_open",),
    "title_reviewers": ("title_open",),
    "title_feedback": ("title_open",),
    "library_entry": ("title_open",),
    "own_rating": ("title_open",),
    "landing_deck": ("landing",),
    "landing_titles": ("landing",),
    "friends_watching": ("landing",),
    "trending_titles": ("landing",),
    "trending_media": ("landing",),
    "user": ("app_open",),
    "token_refresh": ("app_open", "sign_in"),
    "profile_names": ("sign_up",),
    "user_update": ("onboarding_finish",),
    "onboarding_likes": ("onboarding_finish",),
    "diary_stats": ("diary_open",),
    "library_delete": ("library_write",),
    "unfollow": ("follow",),
    "conversation_list_v1": ("conversation_list",),
    "profiles_public": ("conversation_list",),
    "avatar_sign": ("conversation_list",),
    "messages_poll": ("conversation_open",),
    "prefs_write": ("conversation_prefs",),
    "prefs_delete": ("conversation_prefs",),
    "react": ("message_react",),
    "unreact": ("message_react",),
    "attachment_sign": ("attachment_upload",),
    "media_search": ("search",),
    "search_titles": ("search",),
    "people_stats": ("people_search",),
    "people_followed": ("people_search",),
    "assistant_status": ("assistant_reply",),
    "realtime:join": ("realtime_join_conversation",),
    "realtime:system": ("realtime_postgres_conversation",),
    "realtime:presence": ("realtime_join_presence", "realtime_presence"),
    "realtime:message_read_receipts": ("realtime_read_receipt",),
    "realtime:message_delivery_receipts": ("realtime_delivery_receipt",),
    "realtime:message_reactions": ("realtime_reaction",),
    "realtime:heartbeat": ("realtime_heartbeat",),
}
"""Operations of people that a call is part of, beyond the one that has its name."""


class MutantTrial(FrozenModel):
    """One mutant, one run. gate: what named it. gates: all that fired. commit: of the harness.

    seed: of the run. field_seed: which field was changed. beside: mutants of other areas in the same run.
    """

    mutant: str
    fate: Fate
    gate: str = ""
    gates: tuple[str, ...] = ()
    exit_code: int = 0
    sentence: str = ""
    seen: int = 0
    hits: int = 0
    changed: str = ""
    seed: int = 1
    field_seed: int = 1
    seconds: float = 0.0
    made_at: str = ""
    commit: str = ""
    run: str = ""
    beside: tuple[str, ...] = ()


def names(place: Place, gate: str, judged: Judged) -> bool:
    """Whether a gate that fired leads to the place: a rule always does, an objective by its operations, a row of the
    catch-all by its name."""
    kind, _, rest = gate.partition(": ")
    if kind not in ("SLO", "catch-all", "baseline", "drift"):
        return True
    wanted = _names_of(place)
    if kind != "SLO":
        return rest in wanted
    return any(wanted & {*slo.operations} for slo in judged.slos if slo.name == rest)


def _names_of(place: Place) -> set[str]:
    wanted = {place.name, *OPERATIONS.get(place.name, ())}
    return wanted | {place.name.partition(":")[2]} if isinstance(place, ChannelPlace) else wanted


def named(place: Place, judged: Judged) -> str:
    """The first sentence of the verdict that has the name of the place or of an operation of it, as written in records;
    names of one English word are left out, which any sentence may have."""
    wanted = {name for name in _names_of(place) if "_" in name}
    found = (text for text in (judged.sentence, *judged.reasons) if wanted & {*_IDENTIFIER.findall(text)})
    return next(found, "")


def tried(
    mutant: Mutant, judged: Judged | None, code: int, tally: MutantTally, usual: Collection[str] = ()
) -> MutantTrial:
    """What one run says of one mutant. judged: None when the run left no verdict. usual: warnings that healthy runs
    have too, which are no sign."""
    trial = MutantTrial(
        mutant=mutant.name, fate="survived", exit_code=code, seen=tally.seen, hits=tally.hits, changed=tally.changed
    )
    if judged is None:
        return trial.model_copy(update={"fate": "no answer", "sentence": "no verdict"})
    if not tally.hits:
        return trial.model_copy(update={"fate": "not hit"})
    gates = tuple(one.gate for one in fired(judged))
    facts = {"gates": gates, "sentence": judged.sentence, "exit_code": judged.exit_code}
    warning = next((one for one in warned(judged) if one not in usual and _warns_of(mutant.place, one)), "")
    told = {"fate": "warned", "gate": warning} if warning else {}
    if judged.exit_code == 0:
        return trial.model_copy(update={**facts, **told})
    if judged.exit_code not in ALARMS:
        return trial.model_copy(update={**facts, "fate": "no answer"})
    gate = next((gate for gate in gates if names(mutant.place, gate, judged)), named(mutant.place, judged))
    if gate:
        return trial.model_copy(update={**facts, "fate": "killed", "gate": gate})
    return trial.model_copy(update={**facts, "fate": "unnamed", **told})


def _warns_of(place: Place, warning: str) -> bool:
    """Only messages that are ephemeral themselves: nobody loses data by them."""
    return isinstance(place, ChannelPlace) and place.name.partition(":")[2] == warning.partition(": ")[2]


def tried_beside(mutant: Mutant, judged: Judged | None, code: int, tally: MutantTally) -> MutantTrial | None:
    """What a run with mutants of other areas says of this one: killed, where a gate that fired is about nothing else
    than its place or, for stored rows, its area; None, where it has to be run alone."""
    if judged is None or not tally.hits:
        return None
    gates = tuple(one.gate for one in fired(judged))
    gate = next((gate for gate in gates if _only(mutant.place, gate, judged)), "")
    if not gate:
        return None
    return MutantTrial(
        mutant=mutant.name,
        fate="killed",
        gate=gate,
        gates=gates,
        exit_code=code,
        sentence=judged.sentence,
        seen=tally.seen,
        hits=tally.hits,
        changed=tally.changed,
    )


def _only(place: Place, gate: str, judged: Judged) -> bool:
    kind, _, rest = gate.partition(": ")
    wanted = _names_of(place)
    if kind == "catch-all":
        return rest in wanted
    if kind == "SLO":
        return any(slo.operations and {*slo.operations} <= wanted for slo in judged.slos if slo.name == rest)
    called = {
        one.ids["call"]
        for check in judged.integrity.checks
        if check.id == gate
        for one in check.offenders
        if "call" in one.ids
    }
    return place.name in called if called else STORED.get(kind if kind == "delivery" else gate) == area(place.name)


class Score(FrozenModel):
    """killed and warned of judged, and the rest. allowed: survivors that may live; not_hit: nothing said."""

    killed: int = 0
    warned: int = 0
    survived: int = 0
    unnamed: int = 0
    no_answer: int = 0
    not_hit: int = 0
    allowed: int = 0

    @property
    def judged(self) -> int:
        return self.told + self.survived + self.unnamed + self.no_answer

    @property
    def told(self) -> int:
        """By an exit code, or, of what is ephemeral, by a warning."""
        return self.killed + self.warned

    @property
    def share(self) -> float:
        """0 when nothing was judged."""
        return self.told / self.judged if self.judged else 0.0


def score(trials: Iterable[MutantTrial], known: Mapping[str, Mutant]) -> Score:
    """Mutants that may live are left out, whatever became of them."""
    counts = dict.fromkeys(("killed", "warned", "survived", "unnamed", "no_answer", "not_hit", "allowed"), 0)
    for trial in trials:
        allowed = trial.mutant in known and bool(reason(known[trial.mutant]))
        counts["allowed" if allowed else trial.fate.replace(" ", "_")] += 1
    return Score(**counts)


def line(found: Score) -> str:
    """The result in a sentence."""
    warned_of = f", {found.warned} of them by a warning alone (ephemeral, no exit code)" if found.warned else ""
    return (
        f"{found.told} of {found.judged} mutants killed ({found.share:.1%}){warned_of}: {found.survived} survived, "
        f"{found.unnamed} failed the run under another name, {found.no_answer} without an answer; beside them "
        f"{found.allowed} that may live and {found.not_hit} that had nothing to spoil."
    )


def markdown(trials: Sequence[MutantTrial], known: Mapping[str, Mutant], made_at: str, note: str = "") -> str:
    """The table as a section for a document: by operator, then every mutant that lives."""
    lines = [line(score(trials, known)), *(("", note) if note else ()), "", f"{made_at}.", ""]
    lines += [
        "| operator | killed | warned | survived | unnamed | no answer | may live | not hit |",
        "|---|---|---|---|---|---|---|---|",
    ]
    operators = sorted({trial.mutant.partition("/")[2] for trial in trials})
    for operator in operators:
        part = score([one for one in trials if one.mutant.endswith(f"/{operator}")], known)
        figures = (part.killed, part.warned, part.survived, part.unnamed, part.no_answer, part.allowed, part.not_hit)
        lines.append(f"| {operator} | {' | '.join(map(str, figures))} |")
    living = [one for one in trials if one.fate in ("survived", "unnamed", "no answer")]
    if living:
        lines += ["", "| lives | hits | exit code | why, or what fired |", "|---|---|---|---|"]
        lines += [_living(one, known) for one in sorted(living, key=lambda one: one.mutant)]
    return "\n".join(lines) + "\n"


def _living(trial: MutantTrial, known: Mapping[str, Mutant]) -> str:
    why = reason(known[trial.mutant]) if trial.mutant in known else ""
    told = f"may live: {why}" if why else f"**{trial.fate}** {', '.join(trial.gates)}".strip()
    changed = f" ({trial.changed})" if trial.changed else ""
    return f"| {trial.mutant}{changed} | {trial.hits} of {trial.seen} | {trial.exit_code} | {told} |"
