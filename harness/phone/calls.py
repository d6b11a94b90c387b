"""The calls the app makes: name, verb, path, patience, and who retries. (pure)

Names are what the server view of a record is keyed by; they stay as they are, because nights are compared by them.
Several names may share an endpoint where the app asks it for different things: `path` says which. Paths and timeouts:
contract sections 0.2, 1.1, 2, 3, 4, 5, 6.

| name | when it is sent |
|---|---|
| sign_in, token_refresh | sign-in form; either token store |
| sign_up, profile_names | sign-up form, and the names right after it |
| user, user_update | every page load; the end of onboarding |
| app_settings | page load; as shipped the first edge call of a page dies on the phone, and this is the first |
| tmdb_configuration | page load, when the device's copy is older than 24 h |
| presence | page load, then at most once a minute while the tab is visible |
| background_deck | page load: four decks that no screen reads |
| conversation_list, diary_stats, home_feed | page load (ahead of need), then their screens |
| own_profile, own_profile_public, own_stats, own_preferences | page load, the shell |
| assistant_conversation | page load, at most every 6 h per device |
| assistant_suggestions, suggestion_shown | shell and screens, polled; each new first suggestion |
| landing_deck, landing_titles, friends_watching | landing page: deck; titles when there is no deck; feed of 200 |
| home_deck | home screen |
| experiments, swipe_deck, swipe_events | swipe page: mount; decks; the outbox's batches |
| title_detail, title_preview | swipe page, per card: read ahead; the card on top |
| library_entry, own_rating | swipe page, per card on top, and title page |
| title_page, title_rating_summary, title_reviews, title_feedback | title page |
| title_event | title page and search: one event, directly |
| media_search, search_titles | search: the function; the table, when the function failed |
| tmdb_search, tmdb_external_ids, catalog_sync_batch | search, per settled query: 1; up to 20; up to 1 |
| people_search, people_stats, people_followed | search, people tab |
| library_write, library_delete, rating_write, follow, unfollow | diary, title, search |
| onboarding_deck, onboarding_likes | onboarding |
| messages_poll, blocked_check, message_send, …_receipt, …_poll | conversations, see `operations/chat.py` |
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


EDGE_SERVICES = frozenset((Service.FUNCTION, Service.EVENTS))
"""What goes through the app's edge-function caller, and so through its second token store (contract 1.2)."""


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
    require_auth: bool = False  # edge calls the app refuses to make without a token in its second store (1.2)


_SINGLE = b"accept: application/vnd.pgrst.object+json\r\nprefer: return=representation\r\n"
_UPSERT = b"prefer: resolution=merge-duplicates\r\n"
_MAYBE_ONE = b"accept: application/json\r\n"
_COUNT = b"prefer: count=exact\r\n"
_MESSAGE_COLUMNS = "id,conversation_id,user_id,body,message_type,text,client_id,meta,attachment_url,created_at"

SIGN_IN = Call(
    "sign_in", "POST", "/auth/v1/token?grant_type=password", Service.AUTH, Caller.PLAIN, 30.0, signed_in=False
)
TOKEN_REFRESH = Call(
    "token_refresh", "POST", "/auth/v1/token?grant_type=refresh_token", Service.AUTH, Caller.PLAIN, 30.0, False
)
USER = Call("user", "GET", "/auth/v1/user", Service.AUTH, Caller.PLAIN)
SIGN_UP = Call("sign_up", "POST", "/auth/v1/signup", Service.AUTH, Caller.PLAIN, 30.0, signed_in=False)
USER_UPDATE = Call("user_update", "PUT", "/auth/v1/user", Service.AUTH, Caller.PLAIN, 30.0)
PROFILE_NAMES = Call("profile_names", "PATCH", "/rest/v1/profiles?id=eq.{}", Service.REST, Caller.PLAIN)

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


def _deck(name: str, timeout_s: float = DECK_TIMEOUT_S, caller: Caller = Caller.PLAIN) -> Call:
    return Call(name, "POST", "/functions/v1/media-swipe-deck", Service.FUNCTION, caller, timeout_s, require_auth=True)


SWIPE_DECK = _deck("swipe_deck")
BACKGROUND_DECK = _deck("background_deck")
LANDING_DECK = _deck("landing_deck")
HOME_DECK = _deck("home_deck", caller=Caller.QUERY)
ONBOARDING_DECK = _deck("onboarding_deck", 30.0)
SWIPE_EVENTS = Call(
    "swipe_events",
    "POST",
    "/functions/v1/media-swipe-event",
    Service.EVENTS,
    Caller.PLAIN,
    FUNCTION_TIMEOUT_S,
    require_auth=True,
)
TITLE_EVENT = Call(
    "title_event",
    "POST",
    "/functions/v1/media-swipe-event",
    Service.EVENTS,
    Caller.PLAIN,
    FUNCTION_TIMEOUT_S,
    require_auth=True,
)


def _function(name: str, function: str, timeout_s: float = FUNCTION_TIMEOUT_S, caller: Caller = Caller.PLAIN) -> Call:
    return Call(name, "POST", f"/functions/v1/{function}", Service.FUNCTION, caller, timeout_s)


TMDB_CONFIGURATION = _function("tmdb_configuration", "tmdb-proxy")
TMDB_SEARCH = _function("tmdb_search", "tmdb-proxy")
TMDB_EXTERNAL_IDS = _function("tmdb_external_ids", "tmdb-proxy")
MEDIA_SEARCH = _function("media_search", "media-search")
CATALOG_SYNC_BATCH = _function("catalog_sync_batch", "catalog-sync-batch")
ASSISTANT_CONVERSATION = Call(
    "assistant_conversation",
    "POST",
    "/functions/v1/assistant-get-conversation",
    Service.FUNCTION,
    Caller.PLAIN,
    FUNCTION_TIMEOUT_S,
    require_auth=True,
)
ASSISTANT_SUGGESTIONS = _function("assistant_suggestions", "assistant-orchestrator", 12.0, Caller.QUERY)
SUGGESTION_SHOWN = _function("suggestion_shown", "assistant-suggestion-action")
ONBOARDING_LIKES = Call(
    "onboarding_likes",
    "POST",
    "/functions/v1/onboarding-initial-likes",
    Service.FUNCTION,
    Caller.PLAIN,
    45.0,
    require_auth=True,
)

HOME_FEED = Call("home_feed", "POST", "/rest/v1/rpc/get_home_feed_v2", Service.REST, Caller.QUERY)
FRIENDS_WATCHING = Call("friends_watching", "POST", "/rest/v1/rpc/get_home_feed_v2", Service.REST, Caller.QUERY)
DIARY_STATS = Call("diary_stats", "POST", "/rest/v1/rpc/get_diary_stats", Service.REST, Caller.QUERY)


def _read(name: str, path: str, *, maybe_one: bool = False, headers: bytes = b"") -> Call:
    """A PostgREST read; `maybe_one` reads one row or none (H-GET-maybe1)."""
    return Call(
        name, "GET", f"/rest/v1/{path}", Service.REST, Caller.QUERY, headers=_MAYBE_ONE if maybe_one else headers
    )


TITLE_DETAIL = _read(
    "title_detail",
    "media_items?select=id,kind,tmdb_id,tmdb_title,tmdb_name,tmdb_overview,tmdb_poster_path,"
    "tmdb_backdrop_path,omdb_imdb_rating,omdb_rating_rotten_tomatoes,omdb_rated,omdb_runtime&id=eq.{}",
)
TITLE_PREVIEW = _read(
    "title_preview", "media_items?select=id,tmdb_poster_path,tmdb_backdrop_path,tmdb_overview,omdb_plot&id=eq.{}"
)
LIBRARY_ENTRY = _read(
    "library_entry", "library_entries?select=status,updated_at&user_id=eq.{}&title_id=eq.{}", maybe_one=True
)
OWN_RATING = _read("own_rating", "ratings?select=rating&user_id=eq.{}&title_id=eq.{}", maybe_one=True)
TITLE_PAGE = _read(
    "title_page",
    "media_items?select=id,kind,tmdb_title,tmdb_name,tmdb_release_date,tmdb_first_air_date,tmdb_runtime,"
    "tmdb_poster_path,tmdb_backdrop_path,tmdb_genre_ids,tmdb_overview,tmdb_vote_average,tmdb_raw,omdb_title,omdb_year,"
    "omdb_rated,omdb_runtime,omdb_plot,omdb_genre&id=eq.{}",
    maybe_one=True,
)
TITLE_RATING_SUMMARY = Call(
    "title_rating_summary", "POST", "/rest/v1/rpc/get_title_rating_summary_v1", Service.REST, Caller.QUERY
)
TITLE_REVIEWS = _read(
    "title_reviews",
    "reviews?select=id,user_id,title_id,rating,headline,body,spoiler,created_at&title_id=eq.{}"
    "&order=created_at.desc&limit=2",
)
TITLE_FEEDBACK = _read(
    "title_feedback", "media_feedback?select=last_action&user_id=eq.{}&media_item_id=eq.{}", maybe_one=True
)
_TITLE_COLUMNS = (
    "id,kind,tmdb_id,tmdb_title,tmdb_name,tmdb_original_title,tmdb_original_name,tmdb_release_date,"
    "tmdb_first_air_date,tmdb_poster_path,tmdb_backdrop_path,tmdb_original_language,tmdb_genre_ids,omdb_title,"
    "omdb_year,omdb_language,omdb_imdb_id,omdb_imdb_rating,omdb_rating_rotten_tomatoes,omdb_poster,omdb_rated"
)
LANDING_TITLES = _read(
    "landing_titles",
    f"media_items?select={_TITLE_COLUMNS}&kind=in.(movie,series)&order=tmdb_popularity.desc.nullslast&limit=10",
)
SEARCH_TITLES = _read(
    "search_titles",
    f"media_items?select={_TITLE_COLUMNS}&search_vector=wfts(english).{{}}&order=tmdb_release_date.desc.nullslast,"
    "tmdb_first_air_date.desc.nullslast,tmdb_title.asc.nullsfirst&offset=0&limit=20",
    headers=_COUNT,
)
PEOPLE_SEARCH = _read(
    "people_search",
    "profiles_public?select=id,username,display_name,avatar_url"
    "&or=(username.ilike.*{0}*,display_name.ilike.*{0}*)&limit=20",
)
PEOPLE_STATS = _read("people_stats", "user_stats?select=user_id,followers_count,following_count&user_id=in.({})")
PEOPLE_FOLLOWED = _read("people_followed", "follows?select=followed_id&follower_id=eq.{}")
OWN_PROFILE = _read("own_profile", "profiles?select=id,username,display_name,avatar_url,bio&id=eq.{}", maybe_one=True)
OWN_PROFILE_PUBLIC = _read(
    "own_profile_public", "profiles_public?select=id,username,display_name,avatar_url&id=eq.{}", maybe_one=True
)
OWN_STATS = _read("own_stats", "user_stats?select=*&user_id=eq.{}", maybe_one=True)
OWN_PREFERENCES = _read(
    "own_preferences", "user_preferences?select=settings,notifications,updated_at&user_id=eq.{}", maybe_one=True
)

PRESENCE = Call("presence", "PATCH", "/rest/v1/profiles?id=eq.{}", Service.REST, Caller.PLAIN)
LIBRARY_WRITE = Call(
    "library_write",
    "POST",
    "/rest/v1/library_entries?on_conflict=user_id,title_id",
    Service.REST,
    Caller.MUTATION,
    headers=_UPSERT,
)
LIBRARY_DELETE = Call(
    "library_delete", "DELETE", "/rest/v1/library_entries?user_id=eq.{}&title_id=eq.{}", Service.REST, Caller.MUTATION
)
RATING_WRITE = Call(
    "rating_write",
    "POST",
    "/rest/v1/ratings?on_conflict=user_id,title_id",
    Service.REST,
    Caller.MUTATION,
    headers=_UPSERT,
)
FOLLOW = Call("follow", "POST", "/rest/v1/follows", Service.REST, Caller.MUTATION)
UNFOLLOW = Call(
    "unfollow", "DELETE", "/rest/v1/follows?follower_id=eq.{}&followed_id=eq.{}", Service.REST, Caller.MUTATION
)

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
