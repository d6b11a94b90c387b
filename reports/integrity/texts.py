"""The questions in words: what is asked, what it means when the answer is bad, where to look first. (pure)

Ids are those of the contract, section 8.3, where it has one.
"""

from __future__ import annotations

from dataclasses import dataclass

from reports.integrity.model import Check, CheckStatus, Offender


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `bad`: what an offender makes of it."""

    id: str
    title: str
    bad: CheckStatus
    meaning: str
    look_at: str

    def answered(self, looked_at: int, count: int, offenders: tuple[Offender, ...]) -> Check:
        """The check that comes of it."""
        return Check(
            id=self.id,
            title=self.title,
            status=self.bad if count else "held",
            looked_at=looked_at,
            count=count,
            offenders=offenders,
            meaning=self.meaning,
            look_at=self.look_at,
        )


QUESTIONS = {
    question.id: question
    for question in (
        Question(
            "I01",
            "No event is stored twice on one day",
            "broken",
            "Somebody's swipe counts twice: recommendations learn from gestures that nobody made.",
            "the unique index media_events_user_dedupe_uq on every partition, and the conflict target of the upsert",
        ),
        Question(
            "I02",
            "No event is stored again after UTC midnight",
            "noted",
            "A batch that was sent again on the next UTC day is two rows: the day is part of the key as shipped.",
            "event_day in the dedupe key; the client's queue that replays what was already accepted",
        ),
        Question(
            "I03",
            "Every acknowledged event is stored",
            "broken",
            "The app removed the swipe from its queue because the server said yes, and the server does not have it.",
            "the issues in the replies of media-swipe-event, its early accepts, the REST tier in between",
        ),
        Question(
            "I04",
            "No rejected event is stored",
            "broken",
            "The server refused an event for good and kept it all the same.",
            "media-swipe-event after an exception in the middle of a batch",
        ),
        Question(
            "I05",
            "No event was dropped by the app itself",
            "noted",
            "Swipes were evicted from the full queue of 200, or lost with a killed app. Nobody will send them again.",
            "the length of outages against the queue's size; the buffer's one-second timer",
        ),
        Question(
            "I06",
            "No event is stored that nobody made",
            "broken",
            "Rows carry ids of this run that no phone ever used.",
            "whoever writes to media_events beside the edge function",
        ),
        Question(
            "I18",
            "No message is stored twice",
            "broken",
            "Everybody in the conversation reads it twice: its reply was lost, and the sender tried again.",
            "a unique index on messages (conversation_id, user_id, client_id), and 409 read as success by the client",
        ),
        Question(
            "I19 lost",
            "Every acknowledged message is stored",
            "broken",
            "The sender saw it delivered and nobody will ever read it.",
            "triggers on messages, and whatever answers 201 before the commit",
        ),
        Question(
            "I19 refused",
            "No refused message is stored",
            "broken",
            "The sender was told that it failed, and the others read it.",
            "policies on messages: an insert that may write but not read back is refused after the fact",
        ),
        Question(
            "order",
            "Messages of one sender stay in order",
            "broken",
            "What was said second stands first for everybody who loads the conversation.",
            "created_at: clocks of several database hosts, or a queue between API and table",
        ),
        Question(
            "unknown messages",
            "No message is stored that nobody sent",
            "broken",
            "Rows carry client ids of this run that no phone ever used.",
            "whoever writes to messages beside PostgREST",
        ),
    )
}
