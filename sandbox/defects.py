"""Seeded defects: switches that break one thing each, so that the checks of a harness can be proven. (pure)

Each lives in the place it imitates: the functions, the REST replies (`sandbox.interference`), the tokens, or, where
the database itself is to blame, a file of `sql/defects/` with the switch's name.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.quirk import Kind, Quirk

DEFECTS: tuple[Quirk, ...] = (
    Quirk("delay_all_ms", Kind.COUNT, 0, "adds so many ms to every function and REST reply", "manual 1"),
    Quirk(
        "latency_percent",
        Kind.COUNT,
        0,
        "every function and REST reply takes so many percent longer",
        "manual 1, error budgets",
    ),
    Quirk(
        "chat_latency_percent",
        Kind.COUNT,
        0,
        "replies about messages and conversations take so many percent longer, and no others",
        "manual 1, error budgets",
    ),
    Quirk(
        "latency_drift_percent",
        Kind.COUNT,
        0,
        "replies get slower by so many percent a minute, on and on",
        "manual 1, error budgets",
    ),
    Quirk(
        "latency_per_row_us",
        Kind.COUNT,
        0,
        "every write through functions and REST makes all later replies so many microseconds slower",
        "contract T66",
    ),
    Quirk(
        "slow_connection_ms",
        Kind.COUNT,
        0,
        "adds so many ms to all replies on every eighth connection that was opened",
        "manual 4",
    ),
    Quirk(
        "cold_start_ms",
        Kind.COUNT,
        0,
        "adds so many ms to every eighth call of a function, as a fresh isolate does",
        "contract T60",
    ),
    Quirk(
        "truncate_one_in",
        Kind.COUNT,
        0,
        "cuts every n-th function and REST reply in half, with the length of the half in its header",
        "manual 9.2",
    ),
    Quirk(
        "message_lost_reply_one_in",
        Kind.COUNT,
        0,
        "stores every n-th message and closes the connection in the middle of the reply",
        "contract 5.4, T43",
    ),
    Quirk(
        "message_refused_stored_one_in",
        Kind.COUNT,
        0,
        "stores every n-th message and answers 403 all the same",
        "contract 5.4",
    ),
    Quirk("event_dedupe_off", Kind.SWITCH, 0, "stores every event as it comes, whatever its key", "contract 3.2, T04"),
    Quirk(
        "event_dedupe_ignores_day",
        Kind.SWITCH,
        0,
        "acknowledges an event without storing it when its key is there from another day",
        "contract 3.2, T05",
    ),
    Quirk(
        "event_refused_accepted",
        Kind.SWITCH,
        0,
        "calls events accepted that it found invalid, and stores none of them",
        "contract 3.3",
    ),
    Quirk(
        "event_refused_stored_one_in", Kind.COUNT, 0, "stores every n-th event and calls it rejected", "contract 3.3"
    ),
    Quirk(
        "event_day_ahead_minutes",
        Kind.COUNT,
        0,
        "events get tomorrow's day from so many minutes before UTC midnight on; 1440 is always",
        "contract T05",
    ),
    Quirk(
        "rate_limit_as_accepted",
        Kind.SWITCH,
        0,
        "calls every event accepted that came beyond the rate limit, and stores none of them",
        "contract 3.3, T02",
    ),
    Quirk("deck_repeat_one_in", Kind.COUNT, 0, "every n-th deck has its first title twice", "contract 8.3, I10"),
    Quirk(
        "deck_foreign_one_in",
        Kind.COUNT,
        0,
        "answers every n-th deck with the one that was made before it, for whomever",
        "contract 2",
    ),
    Quirk(
        "deck_impressions_lost_one_in",
        Kind.COUNT,
        0,
        "does not note the impressions of every n-th deck",
        "contract 8.3, I11",
    ),
    Quirk(
        "deck_impressions_doubled_one_in",
        Kind.COUNT,
        0,
        "notes the impressions of every n-th deck twice",
        "contract 8.3, I09",
    ),
    Quirk(
        "deck_request_lost_one_in", Kind.COUNT, 0, "does not note the request of every n-th deck", "contract 8.3, I12"
    ),
    Quirk(
        "deck_features_lost_one_in",
        Kind.COUNT,
        0,
        "does not note the training features of every n-th deck",
        "contract 8.3, I13",
    ),
    Quirk(
        "pool_hold_ms",
        Kind.COUNT,
        0,
        "every deck keeps its database connection for so many ms after its reply",
        "contract 12.1, T01",
    ),
    Quirk(
        "settings_stale",
        Kind.SWITCH,
        0,
        "public-app-settings never looks again after its first answer, which was of the version before",
        "contract 6.1, T53",
    ),
    Quirk("expired_token_accepted", Kind.SWITCH, 0, "takes access tokens after their time", "contract 1.2"),
    Quirk("forged_token_accepted", Kind.SWITCH, 0, "does not look at the signature of access tokens", "contract 1.2"),
    Quirk("receipt_doubled", Kind.SWITCH, 0, "stores every delivery receipt twice", "contract 8.3, I23"),
    Quirk(
        "receipt_backdated", Kind.SWITCH, 0, "dates delivery receipts an hour before their message", "contract 8.3, I24"
    ),
    Quirk(
        "message_vanishes_one_in",
        Kind.COUNT,
        0,
        "deletes every n-th message again as soon as the next one is sent, after it was delivered",
        "contract 8.3, I19",
    ),
    Quirk("message_doubled_one_in", Kind.COUNT, 0, "stores every n-th message twice", "contract 8.3, I18"),
    Quirk(
        "message_backdated_one_in",
        Kind.COUNT,
        0,
        "dates every n-th message three seconds back, before what was said earlier",
        "contract 8.3",
    ),
    Quirk(
        "read_receipt_regresses_one_in",
        Kind.COUNT,
        0,
        "every n-th read marker goes back to the oldest message of its conversation",
        "contract 8.3, I27",
    ),
    Quirk(
        "read_receipt_misplaced_one_in",
        Kind.COUNT,
        0,
        "every n-th read marker points into another conversation",
        "contract 8.3, I25",
    ),
    Quirk(
        "conversation_not_bumped",
        Kind.SWITCH,
        0,
        "a new message does not make its conversation newer",
        "contract 8.3, I21",
    ),
    Quirk(
        "library_lost_one_in",
        Kind.COUNT,
        0,
        "acknowledges every n-th change of the library and takes it back",
        "contract 8.3, I30",
    ),
    Quirk(
        "rls_off_messages",
        Kind.SWITCH,
        0,
        "row-level security of messages is off: whoever is signed in reads all of them",
        "contract 8.1",
    ),
    Quirk(
        "rls_off_events",
        Kind.SWITCH,
        0,
        "row-level security of swipe events is off: whoever is signed in reads everybody's",
        "contract 8.1",
    ),
    Quirk("anon_reads_messages", Kind.SWITCH, 0, "messages may be read without signing in", "contract 8.1"),
    Quirk(
        "write_amplification",
        Kind.COUNT,
        0,
        "every message writes so many rows more in its transaction",
        "contract 8.2",
    ),
    Quirk(
        "capacity_per_second",
        Kind.COUNT,
        0,
        "serves so many function and REST requests a second, one after the other, also those nobody waits for any more",
        "manual 4",
    ),
    Quirk(
        "gateway_timeout_ms",
        Kind.COUNT,
        0,
        "what would wait longer for its turn is answered 504 by the gateway then, and its turn is used all the same; "
        "with capacity_per_second",
        "contract 3.3, T67",
    ),
    Quirk(
        "lock_wait_ms", Kind.COUNT, 0, "messages wait for each other: each holds one lock for so many ms", "manual 4"
    ),
)


@dataclass(frozen=True, slots=True)
class Defects:
    """The value of every defect; all off is the application as shipped."""

    delay_all_ms: int = 0
    latency_percent: int = 0
    chat_latency_percent: int = 0
    latency_drift_percent: int = 0
    latency_per_row_us: int = 0
    slow_connection_ms: int = 0
    cold_start_ms: int = 0
    truncate_one_in: int = 0
    message_lost_reply_one_in: int = 0
    message_refused_stored_one_in: int = 0
    event_dedupe_off: bool = False
    event_dedupe_ignores_day: bool = False
    event_refused_accepted: bool = False
    event_refused_stored_one_in: int = 0
    event_day_ahead_minutes: int = 0
    rate_limit_as_accepted: bool = False
    deck_repeat_one_in: int = 0
    deck_foreign_one_in: int = 0
    deck_impressions_lost_one_in: int = 0
    deck_impressions_doubled_one_in: int = 0
    deck_request_lost_one_in: int = 0
    deck_features_lost_one_in: int = 0
    pool_hold_ms: int = 0
    settings_stale: bool = False
    expired_token_accepted: bool = False
    forged_token_accepted: bool = False
    receipt_doubled: bool = False
    receipt_backdated: bool = False
    message_vanishes_one_in: int = 0
    message_doubled_one_in: int = 0
    message_backdated_one_in: int = 0
    read_receipt_regresses_one_in: int = 0
    read_receipt_misplaced_one_in: int = 0
    conversation_not_bumped: bool = False
    library_lost_one_in: int = 0
    rls_off_messages: bool = False
    rls_off_events: bool = False
    anon_reads_messages: bool = False
    write_amplification: int = 0
    capacity_per_second: int = 0
    gateway_timeout_ms: int = 0
    lock_wait_ms: int = 0
