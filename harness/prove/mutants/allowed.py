"""Mutants that need not be killed, each with its reason: nothing that the app shows or stores depends on what they
change, or the app hides it by design. (pure)

A reason names what makes it so. "Nobody checks it" is none: that is a survivor.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.client.api.call import Service
from harness.prove.mutants.catalogue import Mutant
from harness.prove.mutants.places import service_of


@dataclass(frozen=True, slots=True)
class Allowed:
    """patterns: globs on a mutant's name. services: only calls of these; empty for all."""

    patterns: tuple[str, ...]
    reason: str
    services: frozenset[Service] = frozenset()

    def holds(self, mutant: Mutant) -> bool:
        """Whether this is why the mutant may live."""
        fits = any(fnmatchcase(mutant.name, pattern) for pattern in self.patterns)
        return fits and (not self.services or service_of(mutant.place.name) in self.services)


ALLOWED: tuple[Allowed, ...] = (
    Allowed(
        ("*/wrong_content_type",),
        "postgrest-js and auth-js parse the body as JSON whatever it is called",
        frozenset((Service.REST, Service.AUTH)),
    ),
    Allowed(
        ("assistant_reply/wrong_content_type",), "the app asks for it with fetch and reads the body as JSON itself"
    ),
    Allowed(
        (
            "delivery_receipts_poll/reordered",
            "library_titles/reordered",
            "read_receipts_poll/reordered",
            "reactions_poll/reordered",
            "people_followed/reordered",
            "people_stats/reordered",
            "profiles_public/reordered",
            "blocked_check/reordered",
            "avatar_sign/reordered",
        ),
        "the app looks its rows up by id; their order is nowhere shown",
    ),
    Allowed(
        ("*_poll/repeated", "people_followed/repeated", "people_stats/repeated", "profiles_public/repeated"),
        "the app keys its rows by id (or by message and person), so a second one replaces the first by itself",
    ),
    Allowed(
        ("stories_followed/reordered",),
        "its address asks for no order: the database gives the rows as they come, and the app shows them so",
    ),
    Allowed(
        ("stories_items/other_figure",),
        "a title's place in its list: the app shows the titles in the order in which they come, and no place",
    ),
    Allowed(("suggested_stats/foreign",), "the people with most followers are the same list for everybody"),
    Allowed(("conversation_list*/reordered",), "the app sorts the list by itself"),
    Allowed(
        ("realtime:system/unanswered", "realtime:system/refused"),
        "the app hears no notices; a subscription that is none shows in what is lost",
    ),
    Allowed(
        ("swipe_events/stored_twice_anew", "title_event/stored_twice_anew"),
        "the server makes an event's key by itself and stores it once, whatever ids and key it comes with (I01, I06)",
    ),
    Allowed(("diary_stats/repeated",), "the app reads the first row"),
    Allowed(("blocked_check/repeated",), "the app asks whether there is a row, not how many"),
    Allowed(("prefs_probe/*_figure", "prefs_probe/re*"), "the probe asks whether the column exists, and reads no row"),
    Allowed(
        (
            "library_*/stored_twice",
            "rating_write/stored_twice",
            "prefs_write/stored_twice",
            "*_receipt/stored_twice",
            "presence/stored_twice",
            "profile_names/stored_twice",
            "user_update/stored_twice",
            "mark_*/stored_twice",
            "prefs_delete/stored_twice",
            "un*/stored_twice",
            "message_edit/stored_twice",
            "message_delete/stored_twice",
            "attachment_remove/stored_twice",
            "suggestion_shown/stored_twice",
        ),
        "an upsert, update or delete by key: doing it twice leaves what doing it once leaves",
    ),
    Allowed(
        ("swipe_events/stored_twice", "title_event/stored_twice"),
        "the server stores an event once a day by its dedupe key (I01); the second time changes nothing",
    ),
    Allowed(
        ("sign_up/stored_twice", "attachment_upload/stored_twice"),
        "an address has one account, and a path one file that is never replaced: the second is refused",
    ),
    Allowed(
        ("create_direct_conversation/stored_twice",),
        "two people have one direct conversation: the second request finds it, writes nothing, and gets the same id",
    ),
    Allowed(
        ("react/stored_twice",),
        "one reaction per message, person and emoji: the second is refused, and the phone hears of the first alone",
    ),
    Allowed(
        ("rating_write/stored_other_*",),
        "as shipped every rating is refused whatever it says (trap T16), so none is stored; where a target takes them,"
        " they are compared (I61)",
    ),
    Allowed(
        ("attachment_upload/empty", "attachment_remove/empty"),
        "the app made the file's path itself, and of these replies goes by nothing but whether they failed",
    ),
    Allowed(("suggestion_shown/empty",), "the app sends it and looks at no answer, not even at a failure"),
    Allowed(
        ("catalog_sync_batch/empty",),
        "the app drops every result that does not say which kind of title it is, and as shipped none says so (contract"
        " 6.4)",
    ),
    Allowed(("assistant_suggestions/other_time",), "the app neither shows a suggestion's date nor sorts by it"),
    Allowed(
        ("sign_in/other_time", "token_refresh/other_time", "user/other_time"),
        "of an account's dates (made, confirmed, seen last) the app reads and shows none",
    ),
    Allowed(("realtime:typing/reordered",), "one signal is like the next: the app shows that somebody types"),
    Allowed(
        ("realtime:typing/repeated", "realtime:presence/repeated", "realtime:presence/reordered"),
        "who is there or types is a state; hearing of it twice changes nothing that is shown",
    ),
)


def reason(mutant: Mutant) -> str:
    """Why the mutant may live; "" when it may not."""
    return next((one.reason for one in ALLOWED if one.holds(mutant)), "")
