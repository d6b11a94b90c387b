"""What the questions before the load say of a deployment, as rows like those of the data check. (pure)"""

from __future__ import annotations

from harness.record.probe_results import ProbeAnswer, Probes
from reports.integrity.model import Check, Offender

_WORDS: dict[str, tuple[str, str, str]] = {
    "expired token": (
        "An access token is refused after its time",
        "Who once had somebody's token acts as them for ever.",
        "the verification of exp in whatever stands before the data; clocks of the hosts",
    ),
    "forged token": (
        "A token with a foreign signature is refused",
        "Anybody can act as anybody.",
        "the verification of signatures: JWT secret, accepted algorithms",
    ),
    "others' messages": (
        "Messages of others cannot be read",
        "Everybody signed in reads everybody's messages.",
        "row-level security of messages: on at all, and its SELECT policies",
    ),
    "others' events": (
        "Swipes of others cannot be read",
        "Everybody signed in sees what everybody likes.",
        "row-level security of media_events: on at all, and its SELECT policies",
    ),
    "anonymous messages": (
        "Messages cannot be read without signing in",
        "Whoever has the app, or its public key, reads messages.",
        "policies on messages that name the role anon or public",
    ),
    "strangers' changes": (
        "Messages are not delivered to strangers",
        "Whoever knows a conversation's id reads along as it is written.",
        "row-level security as Realtime applies it: the subscriber's role and claims",
    ),
    "invalid event": (
        "An event that cannot be stored is refused",
        "The app forgets swipes that were never stored, because it was told yes.",
        "the validation in media-swipe-event, and what its reply lists as accepted",
    ),
    "same event twice": (
        "An event that is sent twice is stored once",
        "Every lost reply makes a swipe count twice, or none of it counts.",
        "the unique index media_events_user_dedupe_uq, and the conflict target of the upsert",
    ),
    "same event, other day": (
        "A gesture is stored on each day on which it is made",
        "What people do again on another day is acknowledged and not stored.",
        "the conflict target of the upsert: event_day belongs to it as shipped",
    ),
    "fresh settings": (
        "The settings that are served are those in force",
        "A switch that is thrown in an emergency does nothing.",
        "the cache of public-app-settings, and caches in front of it",
    ),
    "assistant quota": (
        "The assistant answers as many questions as its limit says, and no more",
        "Each question too many costs the provider's price; each too few is a person who is turned away early.",
        "the counting in assistant-chat-reply: where it compares, and what it counts",
    ),
    "assistant quota, two devices": (
        "The assistant's limit is the person's, not the device's",
        "With a second device, or a second sign-in, anybody gets twice as much.",
        "the key under which assistant-chat-reply counts: the person's id alone",
    ),
}


def checks(probes: Probes | None) -> tuple[Check, ...]:
    """One row per question; a broken one is exit code 11."""
    return () if probes is None else tuple(_check(answer) for answer in probes.answers)


def unasked(probes: Probes | None) -> tuple[str, ...]:
    """Questions that could not be asked, and why."""
    if probes is None:
        return ()
    return tuple(f"{_WORDS[answer.id][0]}: {answer.text}." for answer in probes.answers if answer.status == "not asked")


def _check(answer: ProbeAnswer) -> Check:
    title, meaning, look_at = _WORDS[answer.id]
    return Check(
        id=answer.id,
        title=title,
        status="not checked" if answer.status == "not asked" else answer.status,
        looked_at=answer.asked,
        count=answer.count,
        offenders=tuple(Offender(ids={"row": one}, text=answer.text) for one in answer.ids)
        or ((Offender(ids={}, text=answer.text),) if answer.count else ()),
        meaning=meaning,
        look_at=look_at,
    )
