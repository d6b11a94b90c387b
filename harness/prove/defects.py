"""The seeded defects that `harness prove` runs, and which gate has to see each. (pure)

switches: of the sandbox. gates: any of them is the right one; a defect that only others notice counts as missed. Names
of gates: `SLO: name`, the id of a data check, `probe: id`, `assistant: name`, `delivery: what`, `baseline: operation`,
`drift: operation`, `database: limit: table or statement` and `preflight: question: object`, each also by the part
before a colon alone.
"""

from __future__ import annotations

from dataclasses import dataclass

DELAY_MS = 110
PACED = (f"delay_all_ms={DELAY_MS}",)
"""Every reply takes so long at least, with the defect and in its baseline: 30 % of it is then more than the noise of a
shared machine, and stays below the objectives' bounds."""


@dataclass(frozen=True, slots=True)
class Suite:
    """What a proof runs: a shipped profile against objectives of `scenarios/`. limit_s: after that a run is stuck."""

    profile: str
    slo_file: str
    limit_s: float


SECONDS = Suite("prove", "slo-prove.toml", 150)
STEADY = Suite("prove-steady", "slo-prove.toml", 240)
"""For what takes a third longer: a percentile of many samples, a trend over ten slices."""
MINUTES = Suite("prove-minutes", "slo.toml", 480)
"""For few errors, and an objective that looks at five minutes."""

PREFLIGHT = Suite("prove-preflight", "slo-prove.toml", 240)
"""For what is asked before the load, of a sandbox that is hardened but for one thing: few seconds of load after it."""

ASSISTANT = Suite("prove-assistant", "slo-prove-assistant.toml", 300)
"""For the breakers of the assistant's models, whose provider dies and comes back meanwhile."""
ASSISTANT_BRIEF = Suite("prove-assistant-brief", ASSISTANT.slo_file, 300)
"""For what the models cost and write, and what their provider's death does at once."""
ASSISTANT_SLOW = Suite("prove-assistant-slow", ASSISTANT.slo_file, 300)
"""For how long a model is waited for."""
ASSISTANTS = (ASSISTANT, ASSISTANT_BRIEF, ASSISTANT_SLOW)


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing that is wrong with a deployment."""

    name: str
    switches: tuple[str, ...]
    gates: tuple[str, ...]
    suite: Suite = SECONDS

    @property
    def paced(self) -> bool:
        """Whether it runs with `PACED`, and is compared with healthy runs alike."""
        return self.suite == STEADY

    @property
    def all_switches(self) -> tuple[str, ...]:
        """Those to start the sandbox with."""
        return (*PACED, *self.switches) if self.paced else self.switches

    @property
    def timed(self) -> bool:
        """Whether a gate measures time: a run beside it would change what it sees."""
        return any(gate in SLOW or gate.startswith(("baseline", "drift")) for gate in self.gates)


SLOW = ("SLO: Home feed, server", "SLO: Swipe deck, server", "SLO: Message send, server")
ERRORS = ("SLO: Server errors on hot endpoints", "SLO: Availability of edge functions")


def _one(switch: str, *gates: str, suite: Suite = SECONDS) -> Defect:
    return Defect(switch.partition("=")[0], (switch,), gates, suite)


def _open(switch: str, *named: str) -> Defect:
    """What a hardened deployment lacks; named: `question: object`, any of them."""
    name = f"{switch}_in_preflight" if switch in ("expired_token_accepted", "realtime_ignore_rls") else switch
    return Defect(name, ("hardened=on", f"{switch}=on"), tuple(f"preflight: {one}" for one in named), PREFLIGHT)


DEFECTS: tuple[Defect, ...] = (
    # events
    _one("event_silent_loss=8", "I03"),
    _one("event_dedupe_off=on", "probe: same event twice", "I01"),
    _one("event_dedupe_ignores_day=on", "probe: same event, other day"),
    _one("event_refused_accepted=on", "probe: invalid event"),
    _one("event_refused_stored_one_in=8", "I04"),
    _one("event_day_ahead_minutes=1440", "event day"),
    Defect("rate_limit_as_accepted", ("rate_limit_as_accepted=on", "event_limit_per_minute=2"), ("I03",)),
    Defect("retry_after_storm", ("event_limit_per_minute=2",), ("SLO: Failed operations on hot endpoints",)),
    # messages
    _one("message_vanishes_one_in=10", "I19 lost"),
    _one("message_doubled_one_in=10", "I18"),
    _one("message_lost_reply_one_in=10", "I18"),
    _one("message_backdated_one_in=5", "order"),
    _one("message_refused_stored_one_in=10", "I19 refused"),
    _one("receipt_doubled=on", "I23"),
    _one("receipt_backdated=on", "I24"),
    _one("read_receipt_regresses_one_in=2", "I27"),
    _one("read_receipt_misplaced_one_in=3", "I25"),
    _one("conversation_not_bumped=on", "I21"),
    _one("realtime_drop_one_in=10", "delivery: lost"),
    _one("realtime_duplicate_one_in=10", "delivery: doubled"),
    _one("realtime_rls_error_from=150", "delivery: silence"),
    _one("realtime_ignore_rls=on", "probe: strangers' changes", "delivery: misdelivered"),
    # decks and library
    _one("deck_repeat_one_in=10", "I10"),
    _one("deck_foreign_one_in=5", "foreign decks"),
    _one("deck_impressions_lost_one_in=10", "I11"),
    _one("deck_impressions_doubled_one_in=10", "I09"),
    _one("deck_request_lost_one_in=10", "I12"),
    _one("deck_features_lost_one_in=10", "I13"),
    _one("library_lost_one_in=1", "I30"),
    # who may do what
    _one("expired_token_accepted=on", "probe: expired token"),
    _one("forged_token_accepted=on", "probe: forged token"),
    _one("rls_off_messages=on", "probe: others' messages"),
    _one("rls_off_events=on", "probe: others' events"),
    _one("anon_reads_messages=on", "probe: anonymous messages"),
    _one("settings_stale=on", "probe: fresh settings"),
    # the assistant
    _one("assistant_quota_off_by_one=on", "probe: assistant quota", suite=ASSISTANT_BRIEF),
    _one("assistant_quota_per_device=on", "probe: assistant quota, two devices", suite=ASSISTANT_BRIEF),
    _one("assistant_breaker_never_opens=on", "assistant: Breaker", suite=ASSISTANT_BRIEF),
    _one("assistant_breaker_never_closes=on", "assistant: Breaker", suite=ASSISTANT),
    _one("assistant_timeout_ignored=on", "assistant: Timeout", suite=ASSISTANT_SLOW),
    _one("assistant_max_tokens_ignored=on", "assistant: Tokens of an answer", suite=ASSISTANT_BRIEF),
    _one("assistant_price_percent=300", "assistant: Price list, fast model", suite=ASSISTANT_BRIEF),
    _one(
        "assistant_death_stops_deck=on",
        "assistant: Nobody else pays",  # call by call, where there are enough of them
        "assistant: Nobody else pays, objectives",
        suite=ASSISTANT_BRIEF,
    ),
    _one("assistant_fallback_missing=on", "assistant: Fallback", suite=ASSISTANT_BRIEF),
    Defect(
        "assistant_partial_missing",
        ("assistant_partial_missing=on", "assistant_tool_failing_one_in=1"),
        ("assistant: Partial answers",),
        ASSISTANT_BRIEF,
    ),
    # slow and failing
    _one("latency_percent=30", "baseline: message_send", suite=STEADY),
    _one("chat_latency_percent=30", "baseline: message_send", suite=STEADY),
    _one("latency_drift_percent=25", "drift", suite=STEADY),
    _one("latency_per_row_us=10", "drift", "baseline", suite=STEADY),
    _one("error_share=0.006", *ERRORS, suite=MINUTES),
    _one("truncate_one_in=40", "SLO: Failed operations on hot endpoints"),
    _one("slow_connection_ms=500", *SLOW),
    _one("cold_start_ms=1500", "SLO: Swipe deck, server"),
    _one("pool_hold_ms=1000", *SLOW, *ERRORS),
    _one("lock_wait_ms=200", "SLO: Message send, server"),
    # what only the database itself can name: by table, statement or program
    _one("message_indexes_dropped=on", "database: sequential_rows: public.messages"),
    _one("plan_flip=on", "database: sequential_rows: public.messages"),
    _one("table_bloat=on", "database: dead_share: public.messages"),
    _one("temp_spill_rows=20000", "database: temp_bytes_per_s: insert into public.messages"),
    _one("lock_held_ms=2500", "database: lock_wait_s: public.conversations"),
    _one("connection_leak_one_in=1", "database: connection_share: media-swipe-deck"),
    # what is open, before any load
    _open("policy_open_select", "others_access: public.library_entries select"),
    _open("policy_open_insert", "others_access: public.library_entries insert"),
    _open("policy_open_update", "others_changes: public.messages update"),
    _open("policy_open_delete", "others_changes: public.messages delete"),
    _open("function_open_to_anon", "anonymous_functions: public.zz_defect_address_of"),
    _open("definer_deletes", "definer_function_for_anyone: public.zz_defect_purge_messages(integer)"),
    _open("storage_policy_missing", "storage_open: bucket avatars delete as other"),
    _open("payload_cap_missing", "payload_uncapped: function media-swipe-event: size"),
    _open("limiter_missing", "rate_limit_missing: function media-search: limit"),
    _open("expired_token_accepted", "token_accepted: PostgREST: expired"),
    _open("unsigned_token_accepted", "token_accepted: PostgREST: alg none"),
    _open("debug_function", "debug_function_reachable: function debug-env"),
    _open("cors_reflects_origin", "cors_any_origin: function media-swipe-event"),
    _open("realtime_ignore_rls", "realtime_overheard: changes of public.messages as other"),
    _one("write_amplification=20000", "SLO: Message send, server", "baseline: message_send", suite=STEADY),
)
FAST = ("event_silent_loss", "message_doubled_one_in", "deck_repeat_one_in", "rls_off_messages")
"""One of each kind of check, for a proof of a minute or two."""


def chosen(only: tuple[str, ...], *, fast: bool) -> tuple[Defect, ...]:
    """The defects to run. :raises KeyError: with the name of one that does not exist."""
    known = {defect.name: defect for defect in DEFECTS}
    names = only or (FAST if fast else tuple(known))
    return tuple(known[name] for name in names)


def matches(gate: str, fired: str) -> bool:
    """Whether a gate that fired is the one asked for."""
    return fired == gate or fired.startswith(f"{gate}: ")
