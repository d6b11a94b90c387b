"""Known facts of a deployment's schema, in words: what was found, what it does, how to mend it. (pure)

They come from the drift probes (contract 8.4) and never change an exit code: they are what to expect of this
deployment, not what happened in this run. Playbook steps are those of the operational manual, section 11.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from harness.record.probe_results import Probes
from reports.model import ReportModel

Severity = Literal["high", "medium", "low"]
ORDER: tuple[Severity, ...] = ("high", "medium", "low")

WRITES = "11, if DB writes spike: 2, uniqueness conflicts and dedupe keys"
DECK_SEARCH = "11, if swipe deck latency spikes: 3, missing index usage and sorts on big sets"
DECK_RERANK = "11, if swipe deck latency spikes: 5, disable the rerank step"
REALTIME = "11, if realtime.list_changes dominates: 2, reduce Postgres Changes usage"
NONE = "none"


class Finding(ReportModel):
    """One known fact that costs something."""

    severity: Severity
    title: str
    evidence: str
    remedy: str
    playbook: str


@dataclass(frozen=True, slots=True)
class _FindingRule:
    probe: str
    holds: Callable[[str], bool]
    severity: Severity
    title: str
    remedy: str
    playbook: str = NONE


def _is(value: str) -> Callable[[str], bool]:
    return lambda found: found == value


def _some(found: str) -> bool:
    return found.isdigit() and int(found) > 0


_RULES = (
    _FindingRule(
        "uq_messages_client_id",
        _is("0"),
        "high",
        "A message whose reply was lost is stored twice when it is sent again",
        "a unique index on messages (conversation_id, user_id, client_id), and 409 read as success by the client",
        WRITES,
    ),
    _FindingRule(
        "uq_user_dedupe_without_day",
        _is("0"),
        "high",
        "onboarding-initial-likes always fails: its upsert names a conflict target that does not exist (42P10)",
        "add event_day to the function's conflict target, as media-swipe-event has it",
        WRITES,
    ),
    _FindingRule(
        "ratings_select_policy",
        _is("0"),
        "high",
        "Rating a title is refused (42501): an upsert reads, and ratings have no SELECT policy",
        "a SELECT policy on ratings for own rows",
        WRITES,
    ),
    _FindingRule(
        "maintenance_job",
        lambda found: found in ("absent", "not scheduled", "never ran", "failed"),
        "high",
        "Nobody makes the next month's partitions: the maintenance job is not there, does not run, or fails",
        "schedule run_scheduled_maintenance(), after mending the calls in it that fail as shipped",
        DECK_SEARCH,
    ),
    _FindingRule(
        "media_events_current_partition",
        _is("default"),
        "high",
        "This month's swipe events all go into the default partition, which grows without end",
        "create the month's partition; rows in the way have to leave the default partition first",
        DECK_SEARCH,
    ),
    _FindingRule(
        "rec_impressions_current_partition",
        _is("default"),
        "medium",
        "This month's impressions all go into the default partition",
        "create the month's partition of rec_impressions",
        DECK_SEARCH,
    ),
    _FindingRule(
        "media_swipe_sessions_table",
        _is("absent"),
        "medium",
        "Taste vectors are never updated: every call fails for want of a table (42P01), one wasted call per event",
        "create media_swipe_sessions, or stop calling media_update_taste_vectors_v1",
        WRITES,
    ),
    _FindingRule(
        "check_rate_limit_anon_execute",
        _is("true"),
        "medium",
        "Anybody with the public key can use up somebody else's rate limit",
        "revoke execute on check_rate_limit from anon and authenticated",
    ),
    _FindingRule(
        "rerank_cache_authenticated_select",
        _is("false"),
        "low",
        "The deck's rerank cache is never readable: each deck asks and is refused",
        "grant select on media_rerank_cache, whose policies already say own rows only",
        DECK_RERANK,
    ),
    _FindingRule(
        "rerank_swipe_enabled",
        _is("true"),
        "low",
        "Each deck calls the rerank service",
        "know its cost and its limit before the peak; embedding_settings.rerank_swipe_enabled turns it off",
        DECK_RERANK,
    ),
    _FindingRule(
        "reviews_select_policy",
        _is("0"),
        "low",
        "Reviews can be written and never read back",
        "a SELECT policy on reviews",
    ),
    _FindingRule(
        "profiles_select_policies",
        _is("profiles_select_self_only"),
        "low",
        "Nobody sees other people's profiles: search for people and last-seen times stay empty",
        "make profiles_public readable for what it is meant to show",
    ),
    _FindingRule(
        "read_receipts_delete_policy",
        _is("0"),
        "low",
        "Marking a conversation unread is answered 204 and does nothing",
        "a DELETE policy on message_read_receipts for own rows",
    ),
    _FindingRule("trending_rows", _is("0"), "low", "Nothing is trending: that part of every deck is empty", "fill it"),
    _FindingRule(
        "embedding_rows", _is("0"), "low", "No title has an embedding: decks fall back to what is popular", "fill it"
    ),
    _FindingRule(
        "active_experiments",
        _some,
        "low",
        "Active experiments add one or two calls to each deck",
        "count them into the deck's latency budget",
        DECK_SEARCH,
    ),
)


def findings(probes: Probes | None) -> tuple[Finding, ...]:
    """What the probes say of this deployment, the gravest first."""
    if probes is None:
        return ()
    found = [_made(rule, fact, probes) for rule in _RULES if (fact := probes.fact(rule.probe)) is not None]
    return tuple(sorted((one for one in found if one), key=lambda one: ORDER.index(one.severity)))


def unasked(probes: Probes | None) -> tuple[str, ...]:
    """Probes that could not be asked, and why, in one line per reason."""
    if probes is None:
        return ()
    reasons: dict[str, list[str]] = {}
    for fact in probes.facts:
        if fact.found is None:
            reasons.setdefault(fact.why_not, []).append(fact.name)
    return tuple(f"Schema: {', '.join(names)} ({why})." for why, names in reasons.items())


def _made(rule: _FindingRule, fact: str, probes: Probes) -> Finding | None:
    if not rule.holds(fact):
        return None
    evidence = f"{rule.probe} = {fact}"
    if rule.probe == "media_events_current_partition" and (rows := probes.fact("default_partition_rows")):
        evidence += f", about {int(rows):,} rows in the default partition"
    return Finding(
        severity=rule.severity, title=rule.title, evidence=evidence, remedy=rule.remedy, playbook=rule.playbook
    )
