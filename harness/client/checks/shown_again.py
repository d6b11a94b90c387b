"""Replies that are asked for once more after the run, by the same people, to be held against what was shown (I80).
(pure)

A target under load may answer otherwise than one at rest: out of an old cache, with another person's page, with a field
that a layer in between made up. What it answers always, right or wrong, cannot show here. So this is of calls whose
answer does not depend on when they are asked, as far as their rows stay; what may change is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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
    moves: fields, or beginnings of names, that change by themselves. only_with: fields that tell which version of a row
    it is: others are compared where these are alike. made: when a row was stored, by the database's clock: whatever is
    older than the question has to be in the answer. grows: it may have been empty, and is no longer. leaves: its rows
    may be gone by now.
    """

    key: Sequence[str] = ("id",)
    under: Sequence[str] = ()
    moves: tuple[str, ...] = ()
    only_with: tuple[str, ...] = ()
    made: str = ""
    grows: bool = False
    leaves: bool = False


def _each(names: Iterable[str], how: Again) -> dict[str, Again]:
    return dict.fromkeys(names, how)


_PEOPLE = Again(key=("user_id",), moves=("followers_count", "following_count"))
_MESSAGES = Again(only_with=("meta.editedAt", "meta.deletedAt", "meta.deleted", "text"), grows=True, leaves=True)
AGAIN: Mapping[str, Again] = {
    **_each(("home_feed", "friends_watching"), Again(leaves=True)),
    **_each(("title_page", "title_preview", "hero_details", "seed_title", "title_detail"), Again()),
    **_each(("library_titles", "title_reviewers", "profile_cards", "profiles_public"), Again()),
    **_each(("landing_titles", "trending_media", "search_titles", "people_search", "suggested_profiles"), Again()),
    "title_reviews": Again(made="created_at", grows=True, leaves=True),
    "public_lists": Again(made="updated_at", leaves=True),
    "stories_lists": Again(made="updated_at"),
    "list_items": Again(key=("list_id", "title_id")),
    "stories_items": Again(key=("list_id", "title_id"), made="created_at"),
    **_each(("suggested_stats", "people_stats"), _PEOPLE),
    "suggested_overlap": Again(key=("user_id", "title_id")),
    **_each(("stories_followed", "people_followed"), Again(key=("followed_id",), grows=True)),
    "conversation_list": Again(
        key=("conversation_id",),
        moves=("updated_at", "participant_receipts", "self_"),
        only_with=("last_message_id",),
    ),
    **_each(("messages_poll", "messages_older"), _MESSAGES),
    **_each(("delivery_receipts_poll", "reactions_poll"), Again(made="created_at", grows=True, leaves=True)),
    "own_profile_public": Again(key=()),
    "media_search": Again(under=("results",), grows=True, leaves=True),  # searches of TMDb add to the catalogue
    "tmdb_search": Again(key=("media_type", "id"), under=("data", "results"), moves=("popularity",)),
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
