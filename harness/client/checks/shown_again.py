"""Replies that are asked for once more after the run, by the same people, to be held against what was shown (I80).
(pure)

A target under load may answer otherwise than one at rest: out of an old cache, with another person's page, with a field
that a layer in between made up. What it answers always, right or wrong, cannot show here. So this is of calls whose
answer does not depend on when they are asked, as far as their rows stay; what may change is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import orjson

from harness.client.checks.read_rule import CheckedReply, JsonRow
from harness.core import ids
from harness.core.read_log import KeptReply
from harness.core.reply_print import printed

QUESTION_AT_MOST = 8_000
"""Characters of a question, to be kept."""


@dataclass(frozen=True, slots=True)
class Again:
    """How replies to one call are compared.

    key: columns that tell its rows apart; none where there is one. under: members of the reply below which they stand.
    moves: fields, or beginnings of names, that change by themselves; fills: that may have held nothing, and no longer
    do. only_with: fields that tell which version of a row it is: others are compared where these are alike. made: when
    a row was stored, by the database's clock: whatever is older than the question has to be in the answer; first: which
    of them, by this time, where a reply has no place for all. grows: it may have been empty, and is no longer. leaves:
    its rows may be gone by now, floats: likewise where the answer has no place for all.
    """

    key: Sequence[str] = ("id",)
    under: Sequence[str] = ()
    moves: tuple[str, ...] = ()
    fills: tuple[str, ...] = ()
    only_with: tuple[str, ...] = ()
    made: str = ""
    first: Literal["newest", "oldest", ""] = ""
    grows: bool = False
    leaves: bool = False
    floats: bool = False


def _each(names: Iterable[str], how: Again) -> dict[str, Again]:
    return dict.fromkeys(names, how)


_FIGURES = ("tmdb_popularity", "tmdb_vote_", "omdb_imdb_votes")
"""What whoever brings the catalogue up to date changes of all its titles."""
_TITLES = Again(
    moves=(*_FIGURES, "tmdb_raw.popularity", "tmdb_raw.vote_", "omdb_fetched_at", "omdb_status", "omdb_error")
)
_FOUND = replace(_TITLES, moves=(*_TITLES.moves, "tmdb_release_date"), fills=("tmdb_", "omdb_"), grows=True)
"""The app itself adds titles to what a search finds, fetches their scores, and writes the first of January of its year
as the date of one without a score."""
_PEOPLE = Again(key=("user_id",), moves=("followers_count", "following_count"))
_MESSAGES = Again(only_with=("meta.editedAt", "meta.deletedAt", "meta.deleted", "text"), grows=True, leaves=True)
AGAIN: Mapping[str, Again] = {
    **_each(("home_feed", "friends_watching"), Again(grows=True, leaves=True)),  # what people do in the run is in it
    **_each(("title_page", "title_preview", "hero_details", "seed_title", "title_detail"), _TITLES),
    **_each(("library_titles", "landing_titles", "trending_media"), _TITLES),
    **_each(("title_reviewers", "profile_cards", "profiles_public", "suggested_profiles"), Again()),
    "people_search": Again(floats=True),  # asks for no order
    "search_titles": replace(_FOUND, floats=True),
    "title_reviews": Again(made="created_at", first="newest", grows=True, leaves=True),
    "public_lists": Again(made="updated_at", first="newest", leaves=True),
    "stories_lists": Again(made="updated_at", first="newest"),
    "list_items": Again(key=("list_id", "title_id")),
    "stories_items": Again(key=("list_id", "title_id"), made="created_at"),  # by places that change
    "suggested_stats": replace(_PEOPLE, floats=True),
    "people_stats": _PEOPLE,
    "suggested_overlap": Again(key=("user_id", "title_id"), grows=True, floats=True),
    **_each(("stories_followed", "people_followed"), Again(key=("followed_id",), grows=True, floats=True)),
    "conversation_list": Again(
        key=("conversation_id",),
        moves=("updated_at", "participant_receipts", "self_"),
        only_with=("last_message_id",),
        grows=True,  # the one with the assistant is made while the first list is asked for
    ),
    **_each(("messages_poll", "messages_older"), _MESSAGES),
    **_each(
        ("delivery_receipts_poll", "reactions_poll"), Again(made="created_at", first="oldest", grows=True, leaves=True)
    ),
    "own_profile_public": Again(key=()),
    "media_search": replace(_FOUND, under=("results",), leaves=True),
    "tmdb_search": Again(
        key=("media_type", "id"), under=("data", "results"), moves=("popularity", "vote_", "known_for")
    ),
    "tmdb_external_ids": Again(key=(), under=("data",)),
}


def kept_reply(reply: CheckedReply, rows: Sequence[JsonRow], how: Again) -> KeptReply | None:
    """The question, and the reply's rows in numbers; None for a question too long to keep, or of another kind."""
    try:
        arguments, body = orjson.dumps(reply.arguments).decode(), orjson.dumps(reply.body).decode()
        account = ids.raw(reply.me)
    except (TypeError, ValueError):  # bytes of a body that is no JSON
        return None
    if len(arguments) + len(body) > QUESTION_AT_MOST:
        return None
    return KeptReply(account, arguments, body, printed(rows, how.key))
