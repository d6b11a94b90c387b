"""What a broken check found, in a sentence: "7 of 259 messages were stored twice". (pure)

Rules that have no words here say their title and how often it does not hold.
"""

from __future__ import annotations

_FOUND: dict[str, str] = {
    "I01": "events {was} stored twice on one day",
    "I02": "events {was} stored again after UTC midnight",
    "event day": "events {is} stored under another day than theirs",
    "I03": "acknowledged events {is} not stored",
    "I04": "rejected events {is} stored all the same",
    "I05": "events {was} dropped by the app itself",
    "left offline": "events {was} lost by leaving the app without a network",
    "I06": "stored events {was} made by nobody",
    "I18": "messages {was} stored twice",
    "I19 lost": "acknowledged messages {is} not stored",
    "I19 refused": "refused messages {is} stored all the same",
    "order": "messages {is} stored out of their sender's order",
    "unknown messages": "stored messages {was} sent by nobody",
    "I51": "stored events {does} not hold what was sent",
    "I52": "stored messages {does} not hold what was sent",
    "I53": "events {is} dated at another time than they were made",
    "I54": "messages {is} dated at another time than they were sent",
    "stored earlier": "events {was} already stored by an earlier run",
    "I63": "events of the run's people {was} made by no phone",
    "I64": "messages of the run's people {was} sent by no phone",
    "I09": "impressions {was} stored twice",
    "I10": "decks {has} a position missing, or a title twice",
    "I11": "decks {has} more or fewer impressions than cards",
    "I12": "decks {has} no request on record",
    "foreign decks": "decks {was} served to somebody else than their owner",
    "I13": "impressions {has} no training features",
    "I20": "messages {has} a sender who is no member, or who is somebody else",
    "I21": "conversations {is} dated before their newest message",
    "I22": "direct conversations {has} other members than their pair",
    "I23": "delivery receipts {was} stored twice",
    "I24": "delivery receipts {makes} no sense",
    "I25": "read markers {points} into another conversation",
    "I26": "read markers {has} an implausible time",
    "I27": "read markers went back",
    "I27 overtaken": "read markers {was} overtaken by an older one",
    "I28": "reactions {was} stored twice",
    "I55": "acknowledged delivery receipts {is} not stored",
    "I56": "read markers {does} not hold what a phone wrote",
    "I57": "reactions {is} not as last acknowledged",
    "I58": "edited or deleted messages {is} not as last acknowledged",
    "I29": "library entries {was} stored twice",
    "I30": "library entries {is} not as last acknowledged",
    "I62": "library entries {holds} another kind of title than was sent",
    "I59": "follows {is} not as last acknowledged",
    "I59 dated": "follows {is} dated otherwise than they were made",
    "last seen": "people {was} seen last before they said that they were there",
    "I60": "acknowledged reviews {is} missing or altered",
    "I66": "stored reviews {was} written by nobody",
    "I61": "ratings {is} not as last acknowledged",
    "I65": "receipts, reactions or library entries {was} made by nobody",
    "I67": "looks {shows} people, conversations or entries that are not theirs",
    "I68": "looks at a feed {lacks} something that its people did",
    "I69": "looks at the conversation list {lacks} an own conversation",
    "I70": "looks at a conversation {lacks} a message that was acknowledged before",
    "I71": "looks at the diary {counts} other rows than are there",
    "I72": "looks at library entries, ratings and follows {shows} something else than is stored",
    "I73": "conversations in lists {shows} an older message as the last one than was acknowledged before",
    "I74": "looks at the own figures {shows} others than are stored",
    "I75": "answers of the assistant {lacks} the suggestions that were made for them",
    "assistant typing": "looks at the assistant {shows} it typing where no answer was to come",
    "I76": "looks at the public settings {shows} others than their version has",
    "I77": "files whose removal was acknowledged {is} still there",
    "I78": "messages in pages {is} dated otherwise than they are stored",
    "I80": "answers {is} others than the same questions bring after the run",
    "I79": "public lists and titles of lists {is} missing where they were asked for",
    "I81": "read markers in polls {is} older than was acknowledged before",
}
_ONE = {"was": "was", "is": "is", "has": "has", "does": "does"}
_MANY = {"was": "were", "is": "are", "has": "have", "does": "do"}


def found(id_: str, title: str, count: int, looked_at: int) -> str:
    """`count` of `looked_at` do not fit, as a sentence without a full stop."""
    words = _FOUND.get(id_)
    if words is None:
        return f"{title}: not so in {count:,} of {looked_at:,} cases"
    return f"{count:,} of {looked_at:,} {words.format_map(_Verbs(count))}"


def known() -> frozenset[str]:
    """Ids of rules that have words."""
    return frozenset(_FOUND)


class _Verbs(dict[str, str]):
    """A verb as one subject or several have it; regular ones lose their s."""

    def __init__(self, count: int) -> None:
        super().__init__(_ONE if count == 1 else _MANY)
        self._one = count == 1

    def __missing__(self, verb: str) -> str:
        return verb if self._one else verb.removesuffix("s")
