"""Switches that make the sandbox slower, stricter or less reliable, as a deployment may be. (pure)"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.switches.switch import choice, count, flag, share


@dataclass(frozen=True)
class QuirkSwitches:
    """The value of every quirk; all off is the application as shipped."""

    delay_deck_ms: int = count("adds so many ms to every media-swipe-deck reply", "contract 2.4")
    delay_feed_ms: int = count("adds so many ms to every rpc/get_home_feed_v2 reply", "contract 4")
    delay_message_ms: int = count("adds so many ms to every POST /rest/v1/messages reply", "contract 5.4")
    event_limit_per_minute: int = count(
        "media-swipe-event requests per person and calendar minute; 0 leaves the setting's 1000",
        "contract 3.7",
    )
    deck_limit_per_minute: int = count(
        "media-swipe-deck requests per person and calendar minute; 0 leaves the setting's 120",
        "contract 7.3",
    )
    unique_client_id: bool = flag(
        "a unique index on messages (conversation_id, user_id, client_id): a retried send becomes 409",
        "contract 5.4, T43",
    )
    reranker_ms: int = count(
        "turns the reranker of decks on, as a setting of the application does, and has it take so many ms of each deck "
        "that does not say skipRerank; the order stays as it is",
        "contract 2.4",
    )
    hardened: bool = flag(
        "closes what the shipped application leaves open: rights of functions, membership of who writes a message, "
        "indexes, buckets, keys, caps and limits; kept data stay so",
        "contract 1.3, 5.4, 7.3",
    )
    error_share: float = share(
        "this share of function and REST requests is answered by the gateway, half 500 and half 503 as HTML, "
        "and never reaches the application",
        "contract 3.3, T67",
    )
    event_silent_loss: int = count(
        "acknowledges every event but does not store every n-th; 0 stores all",
        "contract T03",
    )
    tmdb_delay_ms: int = count("adds so many ms to every answer of the stand-in for TMDb", "contract 6.3")
    tmdb_status: int = count(
        "the stand-in for TMDb answers everything with this HTTP status, such as 401, 429 or 503; 0 leaves it well",
        "contract 6.3",
    )
    assistant_delay_ms: int = count(
        "the provider of the assistant's models takes so many ms longer for every answer", "contract 6.6"
    )
    assistant_failure_share: float = share(
        "this share of the assistant's replies fails at every model, whatever is tried: HTTP 200 with a friendly text "
        "and aiError, or an error event while streaming",
        "contract 6.6, T08",
    )
    assistant_unconfigured: bool = flag(
        "the assistant has no key for its model: HTTP 200 with a text that says so",
        "contract 6.6, T08",
    )
    assistant_tool_failing_one_in: int = count(
        "of the tools that the assistant runs for a message about each n-th fails, by the message's id: its logged "
        "result says so, and the answer goes without it; 0: none",
        "manual 8.3",
    )
    provider_fault: str = choice(
        ("dead", "timeout", "rate_limited", "server_error", "truncated", "nonsense", "slow_start"),
        "what is wrong with the provider of the assistant's models, from the beginning on",
        "manual 8.1",
    )
    provider_fault_share: float = share(
        "the share of requests to the provider that provider_fault hits; 0 is all of them",
        "manual 8.1",
    )
    realtime_drop_one_in: int = count(
        "stores every database change but delivers each n-th of a table and action to no channel; 0 delivers all",
        "realtime contract 5, 1.6",
    )
    realtime_duplicate_one_in: int = count(
        "delivers each n-th database change of a table and action twice",
        "realtime contract 5",
    )
    realtime_swap_one_in: int = count(
        "lets the next database change overtake each n-th of a table and action, within a second",
        "realtime contract 5",
    )
    realtime_ignore_rls: bool = flag(
        "delivers database changes to whoever subscribed, may they read the row or not",
        "realtime contract 2.5, 4.1",
    )
    realtime_rls_error_from: int = count(
        "from the n-th database change on, row level security raises for a subscriber of the change's table: the whole "
        "poll fails and is tried again, and nobody hears of anything any more while that subscriber is there",
        "realtime contract 4.1",
    )
    realtime_subscribe_delay_ms: int = count(
        "so many ms more from the reply to a join until its Postgres subscription exists; changes between are lost",
        "realtime contract 1.5",
    )
    realtime_join_delay_ms: int = count(
        "so many ms more until a channel join is answered; the socket does nothing else meanwhile",
        "realtime contract 5",
    )
    realtime_swallow_heartbeats: bool = flag("answers no heartbeat on a socket", "realtime contract 5, 1.8")
    realtime_refuse_status: int = count(
        "answers every WebSocket upgrade with this HTTP status, such as 503 or 429; 0 accepts",
        "realtime contract 5, 1.1",
    )
    realtime_freeze: bool = flag(
        "open sockets stay open, but nothing is handled or sent on them until it is off again",
        "realtime contract 5, 1.8",
    )
    realtime_keep_left_channels: bool = flag(
        "a channel that was left keeps its subscriptions and deliveries until its socket ends",
        "realtime contract 5",
    )
    realtime_db_event_limit: int = count(
        "database events per second beyond which changes are skipped silently; 0 leaves the plan's limit",
        "realtime contract 1.6",
    )
