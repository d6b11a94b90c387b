"""The calls the app makes: name, verb, path, patience, and who retries. (pure)

Names are what the server view of a record is keyed by. Paths and timeouts: contract sections 0.2, 1.1, 2, 3, 4, 5, 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

REST_TIMEOUT_S = 60.0
"""supabase-js sets no timeout on PostgREST calls and browsers end them after minutes; a minute is our bound."""

FUNCTION_TIMEOUT_S = 20.0  # ops.frontend.function_timeout_ms
DECK_TIMEOUT_S = 25.0
SETTINGS_TIMEOUT_S = 10.0


class Service(Enum):
    """Which server part answers; decides how the reply is read."""

    AUTH = "auth"
    REST = "rest"
    FUNCTION = "function"
    EVENTS = "events"  # the one function whose status means nothing: the body decides


class Caller(Enum):
    """What stands around the call in the app, and therefore who tries again (contract 0.2)."""

    QUERY = "query"  # react-query: one more try after 1 s
    MUTATION = "mutation"  # no second try
    PLAIN = "plain"  # neither: timers, outbox, auth client


@dataclass(frozen=True, slots=True)
class Call:
    """One kind of request. `path` is completed with `{}` arguments by the operation that makes it."""

    name: str
    method: str
    path: str
    service: Service
    caller: Caller
    timeout_s: float = REST_TIMEOUT_S
    signed_in: bool = True  # bearer is the person's token; else the anon key
    headers: bytes = b""  # beyond the profile's own


_SINGLE = b"accept: application/vnd.pgrst.object+json\r\nprefer: return=representation\r\n"
_UPSERT = b"prefer: resolution=merge-duplicates\r\n"
_MESSAGE_COLUMNS = "id,conversation_id,user_id,body,message_type,text,client_id,meta,attachment_url,created_at"

SIGN_IN = Call(
    "sign_in", "POST", "/auth/v1/token?grant_type=password", Service.AUTH, Caller.PLAIN, 30.0, signed_in=False
)
TOKEN_REFRESH = Call(
    "token_refresh", "POST", "/auth/v1/token?grant_type=refresh_token", Service.AUTH, Caller.PLAIN, 30.0, False
)
USER = Call("user", "GET", "/auth/v1/user", Service.AUTH, Caller.PLAIN)

APP_SETTINGS = Call(
    "app_settings",
    "POST",
    "/functions/v1/public-app-settings",
    Service.FUNCTION,
    Caller.PLAIN,
    SETTINGS_TIMEOUT_S,
)
EXPERIMENTS = Call(
    "experiments", "POST", "/functions/v1/experiment-assign", Service.FUNCTION, Caller.PLAIN, FUNCTION_TIMEOUT_S
)
SWIPE_DECK = Call(
    "swipe_deck", "POST", "/functions/v1/media-swipe-deck", Service.FUNCTION, Caller.PLAIN, DECK_TIMEOUT_S
)
SWIPE_EVENTS = Call(
    "swipe_events", "POST", "/functions/v1/media-swipe-event", Service.EVENTS, Caller.PLAIN, FUNCTION_TIMEOUT_S
)

HOME_FEED = Call("home_feed", "POST", "/rest/v1/rpc/get_home_feed_v2", Service.REST, Caller.QUERY)
TITLE_DETAIL = Call(
    "title_detail",
    "GET",
    "/rest/v1/media_items?select=id,kind,tmdb_id,tmdb_title,tmdb_name,tmdb_overview,tmdb_poster_path,"
    "tmdb_backdrop_path,omdb_imdb_rating,omdb_rating_rotten_tomatoes,omdb_rated,omdb_runtime&id=eq.{}",
    Service.REST,
    Caller.QUERY,
)
PRESENCE = Call("presence", "PATCH", "/rest/v1/profiles?id=eq.{}", Service.REST, Caller.PLAIN)

CONVERSATION_LIST = Call(
    "conversation_list", "POST", "/rest/v1/rpc/get_conversation_summaries_v2", Service.REST, Caller.QUERY
)
MESSAGES_POLL = Call(
    "messages_poll",
    "GET",
    f"/rest/v1/messages?select={_MESSAGE_COLUMNS}&conversation_id=eq.{{}}&order=created_at.desc,id.desc&limit=40",
    Service.REST,
    Caller.QUERY,
)
READ_RECEIPTS_POLL = Call(
    "read_receipts_poll",
    "GET",
    "/rest/v1/message_read_receipts?select=user_id,conversation_id,last_read_at,last_read_message_id"
    "&conversation_id=eq.{}&order=last_read_at.desc",
    Service.REST,
    Caller.QUERY,
)
DELIVERY_RECEIPTS_POLL = Call(
    "delivery_receipts_poll",
    "GET",
    "/rest/v1/message_delivery_receipts?select=id,conversation_id,message_id,user_id,delivered_at,created_at"
    "&conversation_id=eq.{}&message_id=in.({})&order=created_at.asc",
    Service.REST,
    Caller.QUERY,
)
REACTIONS_POLL = Call(
    "reactions_poll",
    "GET",
    "/rest/v1/message_reactions?select=id,conversation_id,message_id,user_id,emoji,created_at"
    "&conversation_id=eq.{}&order=created_at.asc",
    Service.REST,
    Caller.QUERY,
)
BLOCKED_CHECK = Call(
    "blocked_check",
    "GET",
    "/rest/v1/blocked_users?select=blocker_id,blocked_id"
    "&or=(and(blocker_id.eq.{0},blocked_id.eq.{1}),and(blocker_id.eq.{1},blocked_id.eq.{0}))",
    Service.REST,
    Caller.PLAIN,
)
MESSAGE_SEND = Call(
    "message_send",
    "POST",
    f"/rest/v1/messages?select={_MESSAGE_COLUMNS}",
    Service.REST,
    Caller.MUTATION,
    headers=_SINGLE,
)
DELIVERY_RECEIPT = Call(
    "delivery_receipt",
    "POST",
    "/rest/v1/message_delivery_receipts?on_conflict=conversation_id,message_id,user_id",
    Service.REST,
    Caller.PLAIN,
    headers=_UPSERT,
)
READ_RECEIPT = Call(
    "read_receipt",
    "POST",
    "/rest/v1/message_read_receipts?on_conflict=conversation_id,user_id",
    Service.REST,
    Caller.PLAIN,
    headers=_UPSERT,
)
