"""The calls the app makes: name, verb, path, patience, and who retries. (pure)

Names are what the server view of a record is keyed by; they stay as they are, because nights are compared by them.
Several names may share an endpoint where the app asks it for different things: `path` says which. Paths and timeouts:
contract sections 0.2, 1.1, 2, 3, 4, 5, 6.

| name | when it is sent |
|---|---|
| sign_in, token_refresh | sign-in form; either token store |
| sign_up, profile_names | sign-up form, and the names right after it |
| user, user_update | every page load; the end of onboarding |
| app_settings | every page load |
| tmdb_configuration | page load, first edge call of all, so it dies on the phone and is never remembered for 24 h |
| presence | page load, then at most once a minute while the tab is visible |
| background_deck | page load: four decks that no screen reads |
| conversation_list, diary_stats, home_feed | page load (ahead of need), then their screens |
| own_profile, own_profile_public, own_stats | page load and home, one after another; again on focus when stale |
| own_preferences | page load: whether the assistant's hints are wanted |
| assistant_conversation | page load, three times, at most every 6 h per device; opening the assistant's chat |
| assistant_suggestions, suggestion_shown | the shell's hint, by surface and context; each new first suggestion |
| landing_deck, friends_watching | /search: deck; feed of 200 |
| trending_titles, trending_media, landing_titles | /search without a deck: trending, its titles; the most popular |
| public_lists, profile_cards, list_items | /search: six public lists, then their owners and items |
| people_followed, suggested_ratings, suggested_stats, suggested_profiles, suggested_overlap | /search: whom to follow |
| home_deck, hero_details, recent_watched, seed_title | home: deck; its first title; the last one watched; its names |
| stories_followed, profile_cards, stories_lists, stories_items | home: the stories of those one follows |
| library_list, library_titles, own_ratings | home: the whole library, its titles, their ratings |
| experiments, swipe_deck, swipe_events, friend_count | swipe page: mount; decks; the outbox's batches; mount |
| title_detail, title_preview | swipe page: the card on top and eight ahead; the next card |
| library_entry, own_rating | swipe page, per card on top, and title page |
| title_page, title_rating_summary, title_reviews, title_feedback | title page |
| title_reviewers | title page, when there are reviews |
| title_event | title page and search: one event, directly |
| media_search, search_titles | search: the function; the table, when the function failed |
| tmdb_search, tmdb_external_ids, catalog_sync_batch | search, per settled query: 1; up to 20; up to 1 |
| people_search, people_stats, people_followed | search, "All" and people: per settled query |
| library_statuses, own_ratings, catalogue_upsert | search, a titles chip: what is noted; up to 3 without a score |
| library_write, library_delete, rating_write, review_write, follow, unfollow | diary, title, search |
| onboarding_deck, onboarding_likes | onboarding |
| messages_poll, blocked_check, message_send, …_receipt, …_poll | conversations, see `operations/chat.py` |
"""

from __future__ import annotations

from dataclasses import replace

from harness.client.api.call import (
    MAYBE_ONE,
    REST_TIMEOUT_S,
    SINGLE,
    Call,
    Caller,
    Service,
    function,
    rpc,
    table,
    upsert,
    write,
)

DECK_TIMEOUT_S = 25.0
SETTINGS_TIMEOUT_S = 10.0

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
PROFILE_NAMES = write("profile_names", "PATCH", "profiles?id=eq.{}", caller=Caller.PLAIN)

APP_SETTINGS = function("app_settings", "public-app-settings", SETTINGS_TIMEOUT_S)
EXPERIMENTS = function("experiments", "experiment-assign")


def _deck(name: str, timeout_s: float = DECK_TIMEOUT_S, caller: Caller = Caller.PLAIN) -> Call:
    return function(name, "media-swipe-deck", timeout_s, caller, require_auth=True)


def _events(name: str) -> Call:
    return replace(function(name, "media-swipe-event", require_auth=True), service=Service.EVENTS)


SWIPE_DECK = _deck("swipe_deck")
BACKGROUND_DECK = _deck("background_deck")
LANDING_DECK = _deck("landing_deck")
HOME_DECK = _deck("home_deck", caller=Caller.QUERY)
ONBOARDING_DECK = _deck("onboarding_deck", 30.0)
SWIPE_EVENTS = _events("swipe_events")
TITLE_EVENT = _events("title_event")
TMDB_CONFIGURATION = function("tmdb_configuration", "tmdb-proxy")
TMDB_SEARCH = function("tmdb_search", "tmdb-proxy")
TMDB_EXTERNAL_IDS = function("tmdb_external_ids", "tmdb-proxy")
MEDIA_SEARCH = function("media_search", "media-search")
CATALOG_SYNC_BATCH = function("catalog_sync_batch", "catalog-sync-batch")
ASSISTANT_CONVERSATION = function("assistant_conversation", "assistant-get-conversation", require_auth=True)
ASSISTANT_SUGGESTIONS = function("assistant_suggestions", "assistant-orchestrator", 12.0, Caller.QUERY)
SUGGESTION_SHOWN = function("suggestion_shown", "assistant-suggestion-action")
ONBOARDING_LIKES = function("onboarding_likes", "onboarding-initial-likes", 45.0, require_auth=True)

HOME_FEED = rpc("home_feed", "get_home_feed_v2")
FRIENDS_WATCHING = rpc("friends_watching", "get_home_feed_v2")
DIARY_STATS = rpc("diary_stats", "get_diary_stats")

_VERIFIED = "is_verified,verified_type,verified_label,verified_at,verified_by_org"
_CARD = "id,username,display_name,avatar_url"
_POSTER = (
    "id,kind,tmdb_title,tmdb_name,tmdb_original_title,tmdb_original_name,tmdb_release_date,tmdb_first_air_date,"
    "tmdb_poster_path,tmdb_backdrop_path,tmdb_original_language,omdb_title,omdb_year,omdb_language,omdb_imdb_id,"
    "omdb_imdb_rating,omdb_rating_rotten_tomatoes,omdb_poster,omdb_rated,tmdb_id"
)
TITLE_DETAIL = table(
    "title_detail",
    "media_items?select=id,kind,omdb_plot,omdb_director,omdb_writer,omdb_actors,omdb_genre,omdb_language,omdb_country,"
    "omdb_imdb_rating,omdb_imdb_votes,omdb_metascore,omdb_rating_rotten_tomatoes,omdb_poster,omdb_awards,"
    "omdb_box_office,omdb_released,omdb_rated,omdb_runtime,omdb_fetched_at,omdb_status,omdb_error&id=eq.{}",
    headers=MAYBE_ONE,
)
TITLE_PREVIEW = table(
    "title_preview",
    "media_items?select=id,omdb_director,omdb_genre,omdb_rating_rotten_tomatoes,omdb_imdb_rating&id=eq.{}",
    headers=MAYBE_ONE,
)
LIBRARY_ENTRY = table("library_entry", "library_entries?select=status&user_id=eq.{}&title_id=eq.{}", headers=MAYBE_ONE)
OWN_RATING = table("own_rating", "ratings?select=rating&user_id=eq.{}&title_id=eq.{}", headers=MAYBE_ONE)
TITLE_PAGE = table(
    "title_page",
    "media_items?select=id,kind,tmdb_title,tmdb_name,tmdb_release_date,tmdb_first_air_date,tmdb_runtime,"
    "tmdb_poster_path,tmdb_backdrop_path,tmdb_genres,tmdb_tagline,tmdb_overview,tmdb_raw,omdb_title,omdb_year,"
    "omdb_rated,omdb_runtime,omdb_plot,omdb_genre&id=eq.{}",
    headers=MAYBE_ONE,
)
TITLE_RATING_SUMMARY = rpc("title_rating_summary", "get_title_rating_summary_v1")
TITLE_REVIEWS = table(
    "title_reviews",
    "reviews?select=id,user_id,title_id,rating,headline,body,spoiler,created_at&title_id=eq.{}"
    "&order=created_at.desc&limit=2",
)
TITLE_REVIEWERS = table("title_reviewers", f"profiles_public?select={_CARD},{_VERIFIED}&id=in.({{}})")
TITLE_FEEDBACK = table(
    "title_feedback", "media_feedback?select=last_action&user_id=eq.{}&media_item_id=eq.{}", headers=MAYBE_ONE
)
_TITLE_COLUMNS = (
    "id,kind,tmdb_id,tmdb_title,tmdb_name,tmdb_original_title,tmdb_original_name,tmdb_release_date,"
    "tmdb_first_air_date,tmdb_poster_path,tmdb_backdrop_path,tmdb_original_language,tmdb_genre_ids,omdb_title,"
    "omdb_year,omdb_language,omdb_imdb_id,omdb_imdb_rating,omdb_rating_rotten_tomatoes,omdb_poster,omdb_rated"
)
_TRENDING_COLUMNS = _TITLE_COLUMNS.replace(
    "tmdb_genre_ids,", "tmdb_genre_ids,tmdb_vote_average,tmdb_vote_count,tmdb_popularity,"
)
TRENDING_TITLES = table(
    "trending_titles", "media_item_trending_72h?select=media_item_id,trend_score&order=trend_score.desc&limit=60"
)
TRENDING_MEDIA = table(
    "trending_media", f"media_items?select={_TRENDING_COLUMNS}&id=in.({{}})&kind=in.(movie,series)&limit={{}}"
)
LANDING_TITLES = table(
    "landing_titles",
    f"media_items?select={_TRENDING_COLUMNS}&kind=in.(movie,series)&order=tmdb_popularity.desc.nullslast,"
    "tmdb_vote_count.desc.nullslast,tmdb_vote_average.desc.nullslast,tmdb_release_date.desc.nullslast,"
    "tmdb_first_air_date.desc.nullslast&limit=10",
)
SEARCH_TITLES = table(
    "search_titles",
    f"media_items?select={_TITLE_COLUMNS}&search_vector=wfts(english).{{}}{{}}&order=tmdb_release_date.desc.nullslast,"
    "tmdb_first_air_date.desc.nullslast,tmdb_title.asc.nullsfirst&offset=0&limit=20",
    headers=_COUNT,
)
PEOPLE_SEARCH = table(
    "people_search",
    f"profiles_public?select={_CARD},bio,{_VERIFIED}"
    "&or=(username.ilike.%25{0}%25,display_name.ilike.%25{0}%25)&limit=20",
)
PEOPLE_STATS = table("people_stats", "user_stats?select=user_id,followers_count,following_count&user_id=in.({})")
PEOPLE_FOLLOWED = table("people_followed", "follows?select=followed_id&follower_id=eq.{}")
FRIEND_COUNT = Call(
    "friend_count",
    "HEAD",
    "/rest/v1/follows?select=followed_id&follower_id=eq.{}",
    Service.REST,
    Caller.QUERY,
    REST_TIMEOUT_S,
    headers=_COUNT,
)
PROFILE_CARDS = table("profile_cards", f"profiles_public?select={_CARD}&id=in.({{}})")
PUBLIC_LISTS = table(
    "public_lists",
    "lists?select=id,name,description,user_id,updated_at&is_public=eq.true&order=updated_at.desc&limit=6",
)
LIST_ITEMS = table(
    "list_items",
    "list_items?select=list_id,title_id,position,media_items:title_id(id,omdb_poster,tmdb_poster_path,"
    "tmdb_backdrop_path,tmdb_title,tmdb_name,tmdb_release_date,tmdb_first_air_date,tmdb_original_language,kind,"
    "omdb_imdb_rating,omdb_rating_rotten_tomatoes)&list_id=in.({})&order=position.asc&limit=36",
)
SUGGESTED_RATINGS = table(
    "suggested_ratings", "ratings?select=title_id,rating&user_id=eq.{}&order=rating.desc&limit=40"
)
SUGGESTED_STATS = table(
    "suggested_stats", "user_stats?select=user_id,followers_count,following_count&order=followers_count.desc&limit=60"
)
SUGGESTED_PROFILES = table(
    "suggested_profiles", f"profiles_public?select={_CARD},bio,{_VERIFIED}&id=in.({{}})&limit=40"
)
SUGGESTED_OVERLAP = table(
    "suggested_overlap", "ratings?select=user_id,title_id,rating&user_id=in.({})&title_id=in.({})&limit=2000"
)
STORIES_FOLLOWED = table("stories_followed", "follows?select=followed_id&follower_id=eq.{}&limit=40")
STORIES_LISTS = table(
    "stories_lists",
    "lists?select=id,user_id,name,is_public,updated_at,created_at&user_id=in.({})"
    "&order=updated_at.desc,created_at.desc&limit=240",
)
STORIES_ITEMS = table(
    "stories_items",
    "list_items?select=list_id,title_id,position,created_at&list_id=in.({})"
    "&order=position.asc,created_at.asc&limit=400",
)
LIBRARY_LIST = table(
    "library_list",
    "library_entries?select=id,title_id,status,updated_at&user_id=eq.{}&order=updated_at.desc&limit=500",
)
LIBRARY_TITLES = table("library_titles", f"media_items?select={_POSTER}&id=in.({{}})")
LIBRARY_STATUSES = table("library_statuses", "library_entries?select=title_id,status&user_id=eq.{}&title_id=in.({})")
OWN_RATINGS = table("own_ratings", "ratings?select=title_id,rating&user_id=eq.{}&title_id=in.({})")
RECENT_WATCHED = table(
    "recent_watched",
    "library_entries?select=title_id,updated_at&user_id=eq.{}&status=eq.watched&order=updated_at.desc&limit=1",
)
HERO_DETAILS = table(
    "hero_details",
    "media_items?select=id,tmdb_overview,omdb_plot,tmdb_backdrop_path,tmdb_poster_path,tmdb_title,tmdb_name,omdb_title"
    "&id=eq.{}",
    headers=MAYBE_ONE,
)
SEED_TITLE = table("seed_title", "media_items?select=id,tmdb_title,tmdb_name,omdb_title&id=eq.{}", headers=MAYBE_ONE)
OWN_PROFILE = table("own_profile", f"profiles?select={_CARD},bio&id=eq.{{}}", headers=MAYBE_ONE)
OWN_PROFILE_PUBLIC = table("own_profile_public", f"profiles_public?select={_VERIFIED}&id=eq.{{}}", headers=MAYBE_ONE)
OWN_STATS = table("own_stats", "user_stats?select=followers_count,following_count&user_id=eq.{}", headers=MAYBE_ONE)
OWN_PREFERENCES = table(
    "own_preferences",
    "user_preferences?select=assistant&user_id=eq.{}",
    headers=MAYBE_ONE,
    caller=Caller.PLAIN,  # a failure counts as an answer
)

CATALOGUE_UPSERT = write(
    "catalogue_upsert",
    "POST",
    "media_items?on_conflict=kind,tmdb_id&select=id",
    headers=b"prefer: resolution=merge-duplicates, return=representation\r\n",
    caller=Caller.PLAIN,
)
PRESENCE = write("presence", "PATCH", "profiles?id=eq.{}", caller=Caller.PLAIN)
LIBRARY_WRITE = upsert("library_write", "library_entries", "user_id,title_id")
LIBRARY_DELETE = write("library_delete", "DELETE", "library_entries?user_id=eq.{}&title_id=eq.{}")
LIBRARY_DELETE_WANTED = replace(LIBRARY_DELETE, path=LIBRARY_DELETE.path + "&status=eq.want_to_watch")
RATING_WRITE = upsert("rating_write", "ratings", "user_id,title_id")
REVIEW_WRITE = write("review_write", "POST", "reviews")
FOLLOW = write("follow", "POST", "follows")
UNFOLLOW = write("unfollow", "DELETE", "follows?follower_id=eq.{}&followed_id=eq.{}")

CONVERSATION_LIST = rpc("conversation_list", "get_conversation_summaries_v2")
MESSAGES_POLL = table(
    "messages_poll",
    f"messages?select={_MESSAGE_COLUMNS}&conversation_id=eq.{{}}&order=created_at.desc,id.desc&limit=40",
)
READ_RECEIPTS_POLL = table(
    "read_receipts_poll",
    "message_read_receipts?select=user_id,conversation_id,last_read_at,last_read_message_id"
    "&conversation_id=eq.{}&order=last_read_at.desc",
)
DELIVERY_RECEIPTS_POLL = table(
    "delivery_receipts_poll",
    "message_delivery_receipts?select=id,conversation_id,message_id,user_id,delivered_at,created_at"
    "&conversation_id=eq.{}&message_id=in.({})&order=created_at.asc",
)
REACTIONS_POLL = table(
    "reactions_poll",
    "message_reactions?select=id,conversation_id,message_id,user_id,emoji,created_at"
    "&conversation_id=eq.{}&order=created_at.asc",
)
BLOCKED_CHECK = table(
    "blocked_check",
    "blocked_users?select=blocker_id,blocked_id"
    "&or=(and(blocker_id.eq.{0},blocked_id.eq.{1}),and(blocker_id.eq.{1},blocked_id.eq.{0}))",
    caller=Caller.PLAIN,
)
MESSAGE_SEND = write("message_send", "POST", f"messages?select={_MESSAGE_COLUMNS}", headers=SINGLE)
DELIVERY_RECEIPT = upsert(
    "delivery_receipt", "message_delivery_receipts", "conversation_id,message_id,user_id", Caller.PLAIN
)
READ_RECEIPT = upsert("read_receipt", "message_read_receipts", "conversation_id,user_id", Caller.PLAIN)
