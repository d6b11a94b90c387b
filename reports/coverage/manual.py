"""The operational manual's testable sentences, one row each, in the manual's order. (pure)

`docs/manual-coverage.md` is made from this table (`make docs`). A row says what of a run asks the sentence; where
nothing does, what would. To add one: a chapter that is a heading of docs/contract/manual.md, a short name that no other
row has, the sentence in our own words, and an `Ask` (see `reports.coverage.ask`). Never an `Ask` that holds without
having seen anything.
"""

from __future__ import annotations

from harness.client.api.endpoints import ENDPOINTS
from harness.core.ledger import WriteKind
from harness.core.outcome import Outcome
from harness.core.tables import View
from reports.coverage.ask import When, all_of, any_of
from reports.coverage.assistant import AskAssistant
from reports.coverage.conduct import AskDelivery, AskLimit, AskQueues, AskRecovery, AskRetries, AskTyping
from reports.coverage.objectives import AskBaseline, AskDrift, AskLatency, AskLength, AskLoad, AskShare
from reports.coverage.preflight import AskPreflight
from reports.coverage.promise import Promise, beyond, give, not_built, run
from reports.coverage.session import AskRealtimeLimits, AskSession, AskTimeouts
from reports.coverage.stored import AskFact, AskQuestion, AskRule
from reports.coverage.witness import AskGate, AskPlans

DAU, SESSIONS_A_DAY = 500_000, 1.5
DESIGNED_FOR = DAU * SESSIONS_A_DAY / 86_400
"""Sessions a second of the manual's day, on average (manual, section 2)."""
SUSTAINED_P95_S, SUSTAINED_ERRORS_S = 600.0, 300.0
HOT = ("home_feed", "swipe_deck", "swipe_events", "message_send")
EDGE = ("swipe_deck", "swipe_events")
EDGE_CALLS = frozenset(call for call, endpoint in ENDPOINTS.items() if " functions/" in endpoint)
"""All calls that go to edge functions."""
PUBLISHED = frozenset(
    {
        "conversation_participants",
        "conversations",
        "message_delivery_receipts",
        "message_reactions",
        "message_read_receipts",
        "messages",
    }
)
"""Tables whose changes are state that the database owns (contract 8.2); typing and presence are not among them."""

_SERVER, _E2E = View.SERVER, View.E2E
_FEED, _FEED_E2E = AskLatency("home_feed", _SERVER, 400), AskLatency("home_feed", _E2E, 1500)
_DECK, _DECK_E2E = AskLatency("swipe_deck", _SERVER, 700), AskLatency("swipe_deck", _E2E, 2000)
_SEND, _SEND_E2E = AskLatency("message_send", _SERVER, 250), AskLatency("message_send", _E2E, 1000)
_OBJECTIVES = (_FEED, _FEED_E2E, _DECK, _DECK_E2E, _SEND, _SEND_E2E)
_ERRORS = AskShare(HOT, _SERVER, Outcome.SERVER_ERROR, 0.005)

_READ = run("nightly", "with keys.service_env or keys.dsn_env in the target file, so that what is stored is read")
_DSN = give("let the run read the schema: keys.dsn_env in the target file")
_QUESTIONS = give("two synthetic people who can sign in, so that the questions before the load are put")
_TOKENS = give("keys.jwt_secret_env in the target file: tokens are signed anew to be refused")
_OBSERVED = give("keys.dsn_env in the target file: the database's own statistics are read while the run goes on")
_WITNESS = "the database as witness: its statistics and locks before, during and after the load"
_PREFLIGHT = give("harness run --preflight, and keys.dsn_env in the target file")
_FROM_OUTSIDE = give("harness run --preflight")
_TRACE = "a comparison of the real app's recorded calls with our phones'; these behave as the app did when it was read"
_ANALYTICS = beyond("the app's own analytics: what people do, no run can ask; it does what a profile says")
_RECORDED = beyond(
    "a recording of the app beside the phones (harness trace diff app.har): a run's phones do what the app did when it "
    "was read, so a run would only ask itself"
)
_PULLED = beyond(
    "harness levers, which runs each lever beside the shipped behaviour by turns; one run has one behaviour. Its "
    "result goes into the plan (harness plan --measured FILE)"
)
_PROFILER = beyond("a browser's profiler on the app itself; the harness is no browser")
_SESSIONS = run("nightly", "with 30 sessions that end by themselves, of every persona of the mix")
_DEAD = run("nightly-provider-dead", "against a sandbox, whose provider of models can be broken")


def _partition(name: str) -> AskFact:
    return AskFact(name, "this month's partition, not the default one", lambda found: found != "default")


def _sustained(latency: AskLatency) -> AskLatency:
    return AskLatency(latency.operation, latency.view, latency.limit_ms, sustained_s=SUSTAINED_P95_S)


def _tables(found: str) -> set[str]:
    return set() if found == "none" else set(found.split(","))


PROMISES: tuple[Promise, ...] = (
    # ---- Introduction ----------------------------------------------------------------------------------------------
    Promise(
        "Introduction",
        "nothing lost",
        "What was acknowledged is stored: swipes, messages, library.",
        all_of(AskRule("I03"), AskRule("I19 lost"), AskRule("I30")),
        _READ,
    ),
    Promise(
        "Introduction",
        "nothing doubled",
        "Nothing is stored twice: swipes, messages, impressions.",
        all_of(AskRule("I01"), AskRule("I18"), AskRule("I09")),
        _READ,
    ),
    Promise(
        "Introduction",
        "nothing misplaced",
        "What is stored belongs to who made it, and stands where it belongs.",
        all_of(*(AskRule(id_) for id_ in ("I06", "unknown messages", "I20", "I24", "I25", "foreign decks"))),
        _READ,
    ),
    Promise(
        "Introduction",
        "delivery",
        "Realtime brings each message to the members who have it open, once, and to nobody else.",
        AskDelivery(),
        run("smoke"),
    ),
    Promise(
        "Introduction",
        "no herd",
        "When everybody comes back at once, the service comes back too.",
        AskRecovery(("herd", "mass_reconnect", "offline")),
        run("outage-and-herd"),
    ),
    Promise(
        "Introduction",
        "steady latency",
        "Latency stays low: it does not creep up under a level load.",
        AskDrift(("home_feed", "swipe_events", "message_send")),
        run("nightly"),
    ),
    # ---- 1. Objectives and error budgets -----------------------------------------------------------------------------
    Promise("1", "feed, server", "95 of 100 home feeds take less than 400 ms at the server.", _FEED, run("nightly")),
    Promise("1", "feed, end to end", "95 of 100 home feeds are on the screen within 1.5 s.", _FEED_E2E, run("nightly")),
    Promise("1", "deck, server", "95 of 100 swipe decks take less than 700 ms at the server.", _DECK, run("nightly")),
    Promise("1", "deck, end to end", "95 of 100 swipe decks are on the screen within 2 s.", _DECK_E2E, run("nightly")),
    Promise("1", "message, server", "95 of 100 messages take less than 250 ms at the server.", _SEND, run("nightly")),
    Promise(
        "1",
        "message, end to end",
        "95 of 100 messages are confirmed to the sender within 1 s.",
        _SEND_E2E,
        run("nightly"),
    ),
    Promise(
        "1",
        "message, other side",
        "95 of 100 messages are read at the other member's socket within 1 s of being sent.",
        AskLatency("message_delivery", View.DELIVERY, 1000),
        run("nightly"),
    ),
    Promise(
        "1",
        "availability",
        "99.9 % of calls to edge functions are answered; here in one run, there in a month.",
        AskShare(EDGE, _SERVER, Outcome.SERVER_ERROR, 0.001, among=EDGE_CALLS),
        run("nightly", "0.1 % takes at least 2,995 calls to show"),
    ),
    Promise(
        "1",
        "regression",
        "No p95 is more than 25 % longer than before.",
        AskBaseline(("home_feed", "swipe_deck", "message_send")),
        give("earlier runs of the same profile: --baseline RUN"),
    ),
    Promise(
        "1",
        "errors for minutes",
        "Server errors of critical endpoints never stay above 0.5 % for 5 minutes.",
        When(AskLength(SUSTAINED_ERRORS_S), AskShare(HOT, _SERVER, Outcome.SERVER_ERROR, 0.005, SUSTAINED_ERRORS_S)),
        run("nightly"),
    ),
    # ---- 2. Capacity -------------------------------------------------------------------------------------------------
    Promise(
        "2",
        "500,000 a day",
        "The objectives hold with the sessions of 500,000 people a day: 8.7 a second, as on average over the day.",
        When(AskLoad(DESIGNED_FOR), all_of(*_OBJECTIVES)),
        give("a deployment of that size, and a profile from `harness plan --dau 500000 --write FILE`"),
    ),
    Promise("2", "people a day", "People are 500,000 a day and come 1.5 times each.", None, _ANALYTICS),
    Promise("2", "minutes", "A session lasts eight minutes.", None, _ANALYTICS),
    Promise("2", "swipes", "A session of swiping has 25 to 60 swipes.", None, _ANALYTICS),
    Promise("2", "messages", "Who messages writes 5 to 30 messages a day.", None, _ANALYTICS),
    Promise(
        "2",
        "writes a day",
        "A session costs no more writes than the plan counts with: events, receipts, presence.",
        AskSession("rows written"),
        _SESSIONS,
    ),
    Promise(
        "2",
        "invocations a day",
        "A session costs no more edge calls than the plan counts with: decks, events, assistant.",
        AskSession("edge invocations"),
        _SESSIONS,
    ),
    Promise(
        "2",
        "not CPU first",
        "It is not CPU that runs out first.",
        None,
        beyond(
            "harness capacity, which says what gave way first, and harness plan, which says which limit comes first: "
            "one run has one load"
        ),
    ),
    Promise(
        "2",
        "write amplification",
        "Writes are not many small inserts: events do not jump, and a session writes what was counted.",
        all_of(AskSession("rows written"), AskGate("event_ratio")),
        run("nightly", "with keys.dsn_env in the target file: the database's own statistics are read"),
    ),
    Promise(
        "2",
        "subscription amplification",
        "Subscriptions do not multiply: listing changes takes little time.",
        AskGate("list_changes_share"),
        _OBSERVED,
    ),
    Promise(
        "2",
        "calls too often",
        "Expensive RPCs are not called too often: no more requests than counted, and each through an index.",
        all_of(AskSession("requests"), AskPlans()),
        run("nightly", "with keys.dsn_env in the target file: the database's own statistics are read"),
    ),
    Promise(
        "2",
        "long handlers",
        "Edge functions do not run so long that calls time out and come again.",
        AskTimeouts(EDGE_CALLS),
        run("nightly", "0.5 % takes at least 598 calls to show"),
    ),
    # ---- 3. Architecture ---------------------------------------------------------------------------------------------
    Promise(
        "3", "short hot paths", "What people wait for does little work in the database.", None, not_built(_WITNESS)
    ),
    Promise(
        "3",
        "events only grow",
        "Event tables are append-only: a swipe that was acknowledged is still there after the run.",
        AskRule("I03"),
        _READ,
    ),
    Promise("3", "small state", "Tables of current state stay small.", None, not_built(_WITNESS)),
    Promise(
        "3",
        "idempotent state",
        "Receipts, reactions and the library are written by key: never twice.",
        all_of(AskRule("I23"), AskRule("I28"), AskRule("I29")),
        _READ,
    ),
    Promise("3", "rollups", "Analytics read rollups, not raw events.", None, not_built(_WITNESS)),
    # ---- 4. Postgres -------------------------------------------------------------------------------------------------
    Promise(
        "4.1",
        "foreign keys",
        "Every foreign key has an index that covers it.",
        AskPreflight(("unindexed_foreign_keys",)),
        _PREFLIGHT,
    ),
    Promise(
        "4.1",
        "latest message",
        "Messages have an index by conversation and descending time.",
        AskPreflight(("latest_per_group_index",), "messages"),
        _PREFLIGHT,
    ),
    Promise(
        "4.1",
        "event streams",
        "Event streams have an index by person and descending time.",
        AskPreflight(("latest_per_group_index",), "events"),
        _PREFLIGHT,
    ),
    Promise(
        "4.2",
        "partitions",
        "Events and impressions of today go into a partition of their own time.",
        all_of(_partition("media_events_current_partition"), _partition("rec_impressions_current_partition")),
        _DSN,
    ),
    Promise(
        "4.2",
        "next partitions",
        "Somebody makes the partitions to come: the maintenance job runs and succeeds.",
        AskFact("maintenance_job", "succeeded", lambda found: found == "succeeded"),
        _DSN,
    ),
    Promise("4.3", "bloat", "Dead rows of busy tables stay bounded.", AskGate("dead_share"), _OBSERVED),
    Promise("4.3", "lean indexes", "Busy tables have no index that nothing uses.", None, not_built(_WITNESS)),
    Promise("4.4", "top queries", "The queries that cost most are known and use their indexes.", AskPlans(), _OBSERVED),
    # ---- 5. Edge functions -------------------------------------------------------------------------------------------
    Promise(
        "5.1",
        "CPU",
        "A request of a hot path takes less than 200 ms of CPU in its function.",
        None,
        beyond("the platform's own function metrics; from outside only time can be seen, not CPU"),
    ),
    Promise(
        "5.1",
        "tokens",
        "Tokens are verified before a function runs: expired and forged ones are refused.",
        all_of(AskQuestion("expired token"), AskQuestion("forged token")),
        _TOKENS,
    ),
    Promise(
        "5.1",
        "no second check",
        "Hot functions do not ask who the person is where the token was verified already.",
        None,
        beyond("a review of the functions' source; the call stays inside the platform"),
    ),
    Promise(
        "5.1",
        "payloads",
        "Payloads are validated: an event that cannot be stored is refused.",
        AskQuestion("invalid event"),
        _QUESTIONS,
    ),
    Promise(
        "5.1", "sizes", "Payloads are capped in size.", AskPreflight(("payload_uncapped",), "size|body"), _FROM_OUTSIDE
    ),
    Promise(
        "5.2",
        "events again",
        "A swipe that is sent again is stored once.",
        all_of(any_of(AskQuestion("same event twice"), AskRetries(WriteKind.EVENT)), AskRule("I01")),
        run("lost-replies", "with a key that may read what is stored"),
    ),
    Promise(
        "5.2",
        "messages again",
        "A message that is sent again is stored once.",
        all_of(AskRetries(WriteKind.MESSAGE), AskRule("I18")),
        run("lost-replies", "with a key that may read what is stored"),
    ),
    Promise(
        "5.2",
        "unique keys",
        "Unique constraints hold what clients key: messages by their client id.",
        AskFact("uq_messages_client_id", "1 or more", lambda found: found.isdigit() and int(found) > 0),
        _DSN,
    ),
    Promise("5.3", "batches", "The app sends events in batches of up to 25.", None, not_built(_TRACE)),
    Promise(
        "5.3",
        "offline queue",
        "What was swiped offline arrives afterwards, all of it.",
        all_of(AskQueues(("herd", "offline")), AskRule("I03")),
        run("outage-and-herd", "with a key that may read what is stored"),
    ),
    Promise(
        "5.4",
        "work behind the reply",
        "Heavy work (vectors, rollups, backfills) is not done while a person waits.",
        None,
        not_built(_WITNESS),
    ),
    Promise(
        "5.5",
        "limit on search",
        "Search is limited.",
        any_of(AskLimit(("media_search",)), AskPreflight(("rate_limit_missing",), "media-search")),
        _FROM_OUTSIDE,
    ),
    Promise(
        "5.5",
        "limit on TMDb",
        "The TMDb proxy is limited.",
        any_of(
            AskLimit(("tmdb_search", "tmdb_external_ids", "tmdb_configuration")),
            AskPreflight(("rate_limit_missing",), "tmdb-proxy"),
        ),
        _FROM_OUTSIDE,
    ),
    Promise(
        "5.5",
        "limit on the assistant",
        "The assistant's endpoints are limited.",
        any_of(
            AskLimit(("assistant_reply", "assistant_suggestions")),
            AskPreflight(("rate_limit_missing",), "assistant-"),
        ),
        _FROM_OUTSIDE,
    ),
    Promise(
        "5.5",
        "limit on decks",
        "Fetching decks is limited.",
        any_of(
            AskLimit(("swipe_deck", "background_deck", "home_deck", "landing_deck")),
            AskPreflight(("rate_limit_missing",), "media-swipe-deck"),
        ),
        _FROM_OUTSIDE,
    ),
    Promise("5.5", "light limits", "Limits take no locks that others wait for.", None, not_built(_WITNESS)),
    # ---- 6. Realtime -------------------------------------------------------------------------------------------------
    Promise("6.1", "only on screen", "The app subscribes only while a screen needs it.", None, not_built(_TRACE)),
    Promise("6.1", "no row channels", "The app has no subscription per row.", None, not_built(_TRACE)),
    Promise("6.1", "no leaks", "A page that is left leaves no channel behind.", None, not_built(_TRACE)),
    Promise(
        "6.1",
        "typing by broadcast",
        "Typing signals are broadcast, and arrive.",
        AskTyping(),
        run("nightly", "two members have to have a conversation open at once"),
    ),
    Promise(
        "6.1",
        "nothing ephemeral stored",
        "Presence and other passing signals are no database changes: only tables of state are published.",
        AskFact(
            "realtime_tables", f"no more than {', '.join(sorted(PUBLISHED))}", lambda found: _tables(found) <= PUBLISHED
        ),
        _DSN,
    ),
    Promise("6.2", "one channel", "The app has one channel per open conversation.", None, not_built(_TRACE)),
    Promise(
        "6.2",
        "message by broadcast",
        "New messages are announced by broadcast.",
        None,
        beyond("a change of the app: as shipped it hears of messages by database changes"),
    ),
    # ---- 7. Client ---------------------------------------------------------------------------------------------------
    Promise("7.1", "stale times", "What was read is not read again before it is stale.", None, _RECORDED),
    Promise("7.1", "no read on focus", "Coming back to the app reads nothing that need not be.", None, _RECORDED),
    Promise("7.1", "pages", "Feeds are read and remembered by the page.", None, _RECORDED),
    Promise("7.2", "virtual messages", "The list of messages is virtual.", None, _PROFILER),
    Promise("7.2", "virtual feed", "The home feed is virtual.", None, _PROFILER),
    Promise("7.2", "virtual results", "Search results are virtual.", None, _PROFILER),
    Promise("7.2", "small page", "The page stays small, and smooth on slow devices.", None, _PROFILER),
    Promise("7.3", "posters", "Posters are sized for the device.", None, _PROFILER),
    Promise("7.3", "lazy images", "Pictures are loaded when they come into sight.", None, _PROFILER),
    Promise("7.3", "backdrops", "Backdrops are not blurred on every card.", None, _PROFILER),
    # ---- 8. The assistant --------------------------------------------------------------------------------------------
    Promise("8.1", "token caps", "Tokens of a model call are capped.", AskAssistant("max_tokens"), _READ),
    Promise("8.1", "model timeouts", "The time of a model call is capped.", AskAssistant("timeout"), _READ),
    Promise("8.1", "circuit breaker", "A model that fails is left alone for a while.", AskAssistant("breaker"), _DEAD),
    Promise("8.1", "latency per model", "Latency is known per model.", AskAssistant("latency"), _READ),
    Promise("8.1", "failures per model", "Failures are known per model.", AskAssistant("failures"), _READ),
    Promise(
        "8.2",
        "cost log",
        "Cost is logged per request and person, and what a person costs a day stays within a limit.",
        AskAssistant("cost"),
        _READ,
    ),
    Promise(
        "8.2",
        "quota of messages",
        "The server enforces its quota of messages, on two devices at once too.",
        all_of(AskQuestion("assistant quota"), AskQuestion("assistant quota, two devices")),
        give('an SLO file that states the limit: [[assistant]], kind = "quota" (docs/assistant.md)'),
    ),
    Promise(
        "8.2",
        "quota of tool calls",
        "The server enforces its quota of tool calls a message.",
        AskAssistant("quota"),
        _READ,
    ),
    Promise(
        "8.2",
        "quota of web searches",
        "The server enforces its quota of web searches.",
        None,
        beyond("an app that logs them: as shipped it does not, so nobody can count them (docs/assistant.md)"),
    ),
    Promise(
        "8.3",
        "fallback",
        "When the model fails, people are told to try again, with a safe suggestion.",
        AskAssistant("fallback"),
        _DEAD,
    ),
    Promise(
        "8.3",
        "tools fail",
        "When a tool fails, people get the rest of the answer.",
        AskAssistant("partial"),
        run("nightly", "where a tool of the assistant fails; in a sandbox: --quirk assistant_tool_failing_one_in=3"),
    ),
    # ---- 9. Observability --------------------------------------------------------------------------------------------
    Promise(
        "9.1",
        "function logs",
        "Each call of a function leaves request id, name, hashed person, latency, status and cold start.",
        None,
        beyond("the platform's logs; the harness has no access to them"),
    ),
    Promise(
        "9.1",
        "database figures",
        "Costly queries, lock waits, connections and replication lag are captured.",
        None,
        not_built(_WITNESS),
    ),
    Promise(
        "9.1",
        "Realtime figures",
        "Subscriptions and errors of Realtime are captured.",
        None,
        beyond("the platform's metrics; the report shows what phones saw of it"),
    ),
    Promise(
        "9.2",
        "errors",
        "Server errors of hot endpoints stay at or below 0.5 %.",
        _ERRORS,
        run("nightly", "0.5 % takes at least 598 calls to show"),
    ),
    Promise(
        "9.2",
        "p95 for minutes",
        "No p95 at the server stays over its target for 10 minutes.",
        When(AskLength(SUSTAINED_P95_S), all_of(_sustained(_FEED), _sustained(_DECK), _sustained(_SEND))),
        run("rehearsal"),
    ),
    Promise(
        "9.2", "connections", "Database connections stay clear of their limit.", AskGate("connection_share"), _OBSERVED
    ),
    Promise(
        "9.2",
        "event writes",
        "Event writes do not jump from one minute to the next.",
        AskGate("event_ratio"),
        _OBSERVED,
    ),
    Promise(
        "9.2",
        "list_changes",
        "Realtime's listing of changes takes little time.",
        AskGate("list_changes_share"),
        _OBSERVED,
    ),
    # ---- 10. Release checklist ---------------------------------------------------------------------------------------
    Promise(
        "10",
        "rows of others",
        "Nobody reads messages or swipes of others, signed in, signed out, or through Realtime.",
        all_of(
            *(
                AskQuestion(id_)
                for id_ in ("anonymous messages", "others' messages", "others' events", "strangers' changes")
            )
        ),
        _QUESTIONS,
    ),
    Promise(
        "10",
        "every table",
        "Row-level security is on, with policies, for every public table.",
        AskPreflight(("rls_disabled_in_public", "rls_enabled_no_policy")),
        _PREFLIGHT,
    ),
    Promise(
        "10",
        "test functions",
        "Functions for tests are gone or gated.",
        AskPreflight(("debug_function_reachable",)),
        _FROM_OUTSIDE,
    ),
    Promise(
        "10",
        "configuration",
        "Every function has a block of its own in the configuration.",
        None,
        beyond("a check in the app's repository; the file is not part of a deployment"),
    ),
    Promise("10", "plans", "The plans of the most frequent RPCs use indexes.", AskPlans(), _OBSERVED),
    Promise(
        "10",
        "flags",
        "Risky features hang on flags, and a flag that is thrown is served.",
        AskQuestion("fresh settings"),
        _QUESTIONS,
    ),
    # ---- 11. Playbook ------------------------------------------------------------------------------------------------
    Promise(
        "11",
        "steps for a miss",
        "For a slow deck, dominant change listings or a jump of writes there are steps, and they help.",
        None,
        not_built("the steps stand beside what was missed; runs with the lever pulled"),
    ),
    # ---- 12. Cost ----------------------------------------------------------------------------------------------------
    Promise(
        "12",
        "cost of edge calls",
        "A session's edge calls, swipe events and assistant among them, are those that the plan bills.",
        AskSession("edge invocations"),
        _SESSIONS,
    ),
    Promise(
        "12",
        "cost of writes",
        "A session's writes, events and receipts among them, are those that the plan bills.",
        AskSession("rows written"),
        _SESSIONS,
    ),
    Promise(
        "12",
        "cost of subscriptions",
        "Realtime stays within what the subscription allows: sockets, joins, messages, presence.",
        AskRealtimeLimits(),
        run("smoke"),
    ),
    Promise(
        "12",
        "cost of pictures",
        "Posters and images cost the bandwidth that is counted.",
        None,
        beyond("the platform's own egress report: phones load no pictures, and posters come from elsewhere"),
    ),
    Promise("12", "lever: batches", "Batches of events save most.", None, _PULLED),
    Promise("12", "lever: kept decks", "Decks kept for a short time save calls.", None, _PULLED),
    Promise("12", "lever: broadcast", "Ephemeral signals by broadcast cost less than changes.", None, _PULLED),
    Promise("12", "lever: caching", "Aggressive caching in the app saves reads.", None, _PULLED),
    # ---- Appendix ----------------------------------------------------------------------------------------------------
    Promise(
        "Appendix",
        "receipts",
        "No delivery receipt stands there twice.",
        AskRule("I23"),
        _READ,
    ),
)
