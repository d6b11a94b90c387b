"""Seeded defects: switches that break one thing each, so that the checks of a harness can be proven. (pure)

Each lives in the place it imitates: the functions, the REST replies (`sandbox.interference`), the tokens, or, where
the database itself is to blame, a file of `sql/defects/` with the switch's name.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.switches.switch import count, flag


@dataclass(frozen=True)
class DefectSwitches:
    """The value of every defect; all off is the application as shipped."""

    delay_all_ms: int = count("adds so many ms to every function and REST reply", "manual 1")
    latency_percent: int = count(
        "every function and REST reply takes so many percent longer",
        "manual 1, error budgets",
    )
    chat_latency_percent: int = count(
        "replies about messages and conversations take so many percent longer, and no others",
        "manual 1, error budgets",
    )
    feed_latency_percent: int = count(
        "replies of the home feed take so many percent longer, and no others",
        "manual 1, error budgets",
    )
    latency_drift_percent: int = count(
        "replies get slower by so many percent a minute, on and on",
        "manual 1, error budgets",
    )
    latency_per_row_us: int = count(
        "every write through functions and REST makes all later replies so many microseconds slower",
        "contract T66",
    )
    slow_connection_ms: int = count(
        "adds so many ms to all replies on every eighth connection that was opened",
        "manual 4",
    )
    cold_start_ms: int = count(
        "adds so many ms to every eighth call of a function, as a fresh isolate does",
        "contract T60",
    )
    truncate_one_in: int = count(
        "cuts every n-th function and REST reply in half, with the length of the half in its header",
        "manual 9.2",
    )
    message_lost_reply_one_in: int = count(
        "stores every n-th message and closes the connection in the middle of the reply",
        "contract 5.4, T43",
    )
    message_refused_stored_one_in: int = count("stores every n-th message and answers 403 all the same", "contract 5.4")
    event_dedupe_off: bool = flag("stores every event as it comes, whatever its key", "contract 3.2, T04")
    event_dedupe_ignores_day: bool = flag(
        "acknowledges an event without storing it when its key is there from another day",
        "contract 3.2, T05",
    )
    event_refused_accepted: bool = flag(
        "calls events accepted that it found invalid, and stores none of them",
        "contract 3.3",
    )
    event_refused_stored_one_in: int = count("stores every n-th event and calls it rejected", "contract 3.3")
    event_day_ahead_minutes: int = count(
        "events get tomorrow's day from so many minutes before UTC midnight on; 1440 is always",
        "contract T05",
    )
    rate_limit_as_accepted: bool = flag(
        "calls every event accepted that came beyond the rate limit, and stores none of them",
        "contract 3.3, T02",
    )
    deck_repeat_one_in: int = count("every n-th deck has its first title twice", "contract 8.3, I10")
    deck_foreign_one_in: int = count(
        "answers every n-th deck with the one that was made before it, for whomever",
        "contract 2",
    )
    deck_impressions_lost_one_in: int = count("does not note the impressions of every n-th deck", "contract 8.3, I11")
    deck_impressions_doubled_one_in: int = count("notes the impressions of every n-th deck twice", "contract 8.3, I09")
    deck_request_lost_one_in: int = count("does not note the request of every n-th deck", "contract 8.3, I12")
    deck_features_lost_one_in: int = count(
        "does not note the training features of every n-th deck",
        "contract 8.3, I13",
    )
    pool_hold_ms: int = count(
        "every deck keeps its database connection for so many ms after its reply",
        "contract 12.1, T01",
    )
    settings_stale: bool = flag(
        "public-app-settings never looks again after its first answer, which was of the version before",
        "contract 6.1, T53",
    )
    expired_token_accepted: bool = flag("takes access tokens after their time", "contract 1.2")
    forged_token_accepted: bool = flag("does not look at the signature of access tokens", "contract 1.2")
    receipt_doubled: bool = flag("stores every delivery receipt twice", "contract 8.3, I23")
    receipt_backdated: bool = flag("dates delivery receipts an hour before their message", "contract 8.3, I24")
    message_vanishes_one_in: int = count(
        "deletes every n-th message again as soon as the next one is sent, after it was delivered",
        "contract 8.3, I19",
    )
    message_doubled_one_in: int = count("stores every n-th message twice", "contract 8.3, I18")
    message_backdated_one_in: int = count(
        "dates every n-th message three seconds back, before what was said earlier",
        "contract 8.3",
    )
    read_receipt_regresses_one_in: int = count(
        "every n-th read marker goes back to the oldest message of its conversation",
        "contract 8.3, I27",
    )
    read_receipt_misplaced_one_in: int = count(
        "every n-th read marker points into another conversation",
        "contract 8.3, I25",
    )
    conversation_not_bumped: bool = flag("a new message does not make its conversation newer", "contract 8.3, I21")
    library_lost_one_in: int = count(
        "acknowledges every n-th change of the library and takes it back",
        "contract 8.3, I30",
    )
    rls_off_messages: bool = flag(
        "row-level security of messages is off: whoever is signed in reads all of them",
        "contract 8.1",
    )
    rls_off_events: bool = flag(
        "row-level security of swipe events is off: whoever is signed in reads everybody's",
        "contract 8.1",
    )
    anon_reads_messages: bool = flag("messages may be read without signing in", "contract 8.1")
    write_amplification: int = count("every message writes so many rows more in its transaction", "contract 8.2")
    capacity_per_second: int = count(
        "serves so many function and REST requests a second, one after the other, also those nobody waits for any more",
        "manual 4",
    )
    gateway_timeout_ms: int = count(
        "what would wait longer for its turn is answered 504 by the gateway then, and its turn is used all "
        "the same; with capacity_per_second",
        "contract 3.3, T67",
    )
    lock_wait_ms: int = count("messages wait for each other: each holds one lock for so many ms", "manual 4")
    lock_held_ms: int = count(
        "every tenth message locks all conversations for so many ms before it is stored", "manual 9.1"
    )
    message_indexes_dropped: bool = flag(
        "messages are large and have no index by conversation or time any more", "manual 4.1"
    )
    plan_flip: bool = flag(
        "messages are large, and Postgres thinks that reading through an index costs a million times more",
        "manual 4.4",
    )
    table_bloat: bool = flag("messages are large, and half of them are dead rows that nobody vacuums", "manual 4.3")
    temp_spill_rows: int = count(
        "every message sorts so many rows with 64 kB of memory before it is stored", "manual 4.4"
    )
    connection_leak_one_in: int = count(
        "every n-th deck opens a database connection of its own and never closes it", "manual 9.2"
    )
    policy_open_select: bool = flag("library entries may be read by whoever is signed in", "contract 8.1")
    policy_open_insert: bool = flag("library entries may be written in anybody's name", "contract 8.1")
    policy_open_update: bool = flag("messages may be changed by whoever sees them", "contract 8.1")
    policy_open_delete: bool = flag("messages may be deleted by whoever sees them", "contract 8.1")
    function_open_to_anon: bool = flag(
        "a function with its owner's rights tells anybody the e-mail address behind an id", "contract 9.3"
    )
    definer_deletes: bool = flag("a function with its owner's rights lets anybody delete old messages", "contract 9.3")
    storage_policy_missing: bool = flag(
        "files may be read, replaced and deleted by whoever is signed in", "contract 5.5"
    )
    payload_cap_missing: bool = flag("with hardened: bodies of functions may have any size all the same", "manual 5.1")
    limiter_missing: bool = flag("functions count nobody's calls", "contract 7.3")
    unsigned_token_accepted: bool = flag(
        "takes access tokens that say of themselves that nobody signed them", "contract 1.2"
    )
    debug_function: bool = flag("a function debug-env answers whoever has the public key", "manual 10")
    cors_reflects_origin: bool = flag("functions allow every origin by its name, with credentials", "contract 7.2")
    assistant_quota_off_by_one: bool = flag("the assistant answers one message more than its limit", "contract 6.6")
    assistant_quota_per_device: bool = flag(
        "the assistant's limit counts each sign-in by itself, not the person", "contract 6.6"
    )
    assistant_breaker_never_opens: bool = flag(
        "failures of a model are counted, and it is asked again all the same", "manual 8.1"
    )
    assistant_breaker_never_closes: bool = flag("a model that was left alone once is never asked again", "manual 8.1")
    assistant_timeout_ignored: bool = flag("a model may take as long as it likes", "manual 8.1")
    assistant_max_tokens_ignored: bool = flag("a model is not told how much it may write", "manual 8.1")
    assistant_price_percent: int = count(
        "the provider charges so many percent of its price list; 300 is three times the price", "manual 8.2"
    )
    assistant_death_stops_deck: bool = flag(
        "every deck asks the provider of the assistant's models first, and fails with it", "manual 8.3"
    )
    assistant_fallback_missing: bool = flag(
        "a reply whose models all fail is an error: no text, nothing stored", "manual 8.3"
    )
    assistant_partial_missing: bool = flag(
        "a reply for which a tool failed is an error: no text, nothing stored", "manual 8.3"
    )
