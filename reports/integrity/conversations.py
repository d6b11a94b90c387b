"""Conversations, receipts, reactions: what the schema promises or leaves to luck (contract 8.3, I20 to I28). (pure)

Everything here is about rows of the run's own time. Tables hold ids as 16 bytes; functions return the offending rows.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import pyarrow as pa

Frame = pd.DataFrame
SKEW_S = 2.0
"""Read receipts carry the phone's clock; so much of it is nobody's fault."""
AT_ONCE_S = 30.0
"""So long the transactions of two messages of one conversation may be open side by side."""


def frame(table: pa.Table) -> Frame:
    """A table of evidence as a frame; ids stay bytes."""
    rows: Frame = table.to_pandas()
    return rows


def repeated(rows: Frame, key: Iterable[str]) -> Frame:
    """Rows whose key occurs more than once, all but the first (I23, I28, I29)."""
    return rows[rows.duplicated(list(key))]


def strangers(messages: Frame, participants: Frame) -> Frame:
    """Messages whose sender is no member of the conversation, or is not who wrote the row (I20)."""
    members = set(zip(participants["conversation_id"], participants["user_id"], strict=True))
    outside = [pair not in members for pair in zip(messages["conversation_id"], messages["user_id"], strict=True)]
    return messages[
        pd.Series(outside, index=messages.index, dtype=bool) | (messages["sender_id"] != messages["user_id"])
    ]


def stale(conversations: Frame, messages: Frame) -> Frame:
    """Conversations that are older than their newest message (I21). Each message moves its conversation to the begin of
    its own transaction (contract 8.2), and of two at once the older one may get to it last: what stands is then that
    one's instant, not long before the newest."""
    newest = messages.groupby("conversation_id")["created_at"].max()
    joined = conversations.join(newest.rename("newest"), on="id")
    older = joined[joined["updated_at"] < joined["newest"]]
    theirs = messages[messages["conversation_id"].isin(older["id"])]
    said = set(zip(theirs["conversation_id"], theirs["created_at"], strict=True))
    moved = [pair in said for pair in zip(older["id"], older["updated_at"], strict=True)]
    at_once = (older["newest"] - older["updated_at"]) <= pd.Timedelta(seconds=AT_ONCE_S)
    return older[~(pd.Series(moved, index=older.index, dtype=bool) & at_once)]


def mixed_pairs(conversations: Frame, participants: Frame) -> Frame:
    """Direct conversations whose pair is not sorted, or not their members (I22). Those without known members are left
    out: participants are read for the conversations that were talked in."""
    members = participants.groupby("conversation_id")["user_id"].agg(lambda ids: sorted(ids))
    direct = conversations[~conversations["is_group"].astype(bool)].join(members.rename("members"), on="id")
    direct = direct[direct["members"].notna()]
    pairs = zip(direct["direct_participant_ids"], direct["members"], strict=True)
    wrong = [pair is None or list(pair) != who or len(who) != 2 for pair, who in pairs]
    return direct[pd.Series(wrong, index=direct.index, dtype=bool)]


def misplaced_deliveries(deliveries: Frame, messages: Frame, participants: Frame) -> Frame:
    """Delivery receipts of another conversation, of one's own message, before it existed, or by a stranger (I24)."""
    known = messages.set_index("id")[["conversation_id", "user_id", "created_at"]].add_suffix("_of_message")
    joined = deliveries.join(known, on="message_id", how="inner")
    members = set(zip(participants["conversation_id"], participants["user_id"], strict=True))
    inside = [pair in members for pair in zip(joined["conversation_id"], joined["user_id"], strict=True)]
    wrong = (
        (joined["conversation_id"] != joined["conversation_id_of_message"])
        | (joined["user_id"] == joined["user_id_of_message"])
        | (joined["delivered_at"] < joined["created_at_of_message"])
        | ~pd.Series(inside, index=joined.index, dtype=bool)
    )
    return joined[wrong]


def misplaced_reads(reads: Frame, messages: Frame) -> Frame:
    """Read markers that point into another conversation (I25)."""
    known = messages.set_index("id")[["conversation_id"]].add_suffix("_of_message")
    joined = reads.join(known, on="last_read_message_id", how="inner")
    return joined[joined["conversation_id"] != joined["conversation_id_of_message"]]


def implausible_reads(reads: Frame, messages: Frame, now: pd.Timestamp, ahead_us: int = 0) -> Frame:
    """Read markers from before the message, or from the future (I26): clocks of phones. `now` on the generator's clock;
    the target's, which dated the messages, is ahead of it by so much."""
    known = messages.set_index("id")[["created_at"]]
    joined = reads.join(known, on="last_read_message_id", how="inner")
    skew = pd.Timedelta(seconds=SKEW_S)
    created = joined["created_at"] - pd.Timedelta(microseconds=ahead_us)
    return joined[(joined["last_read_at"] < created - skew) | (joined["last_read_at"] > now + skew)]


def regressed_reads(marks: Frame, reads: Frame, messages: Frame) -> Frame:
    """Read markers behind the newest one that was acknowledged (I27). What is not among `messages` is older than they.

    :param marks: acknowledged read receipts: conversation_id, user_id, message_id.
    """
    created = messages.set_index("id")["created_at"]
    marks = marks.join(created.rename("marked"), on="message_id", how="inner")
    best = marks.sort_values("marked").groupby(["conversation_id", "user_id"]).last()
    current = reads.set_index(["conversation_id", "user_id"])["last_read_message_id"]
    joined = best.join(current).join(created.rename("stands"), on="last_read_message_id")
    behind = joined["stands"].isna() | (joined["stands"] < joined["marked"])
    return joined[behind].reset_index()


OVERTAKEN = "both writes were under way at once, and the older one was stored last"
WRITTEN_LATER = "the phone itself marked an older message later"
UNDONE = "the newer one was acknowledged, and what stands was written before it"
NOBODYS = "what stands was marked by no phone of this run"


def why_behind(behind: Frame, marks: Frame) -> list[str]:
    """For each marker of `regressed_reads`, what its writes tell: of two that are under way at once either may be
    stored last (contract 5.6 sends the next after 3 s, whatever became of the one before).

    :param marks: all read receipts, also those without an answer: `conversation_id`, `user_id`, `message_id`, sent_us,
        done_us (infinite: no word).
    """
    writes = dict(tuple(marks.groupby(["conversation_id", "user_id", "message_id"])))
    found = []
    for row in behind.to_dict("records"):
        of = (row["conversation_id"], row["user_id"])
        stands, best = writes.get((*of, row["last_read_message_id"])), writes.get((*of, row["message_id"]))
        if stands is None or best is None:
            found.append(NOBODYS)
        elif (stands["sent_us"].min() < best["done_us"].max()) and (stands["done_us"].max() > best["sent_us"].min()):
            found.append(OVERTAKEN)
        else:
            found.append(WRITTEN_LATER if stands["sent_us"].max() >= best["done_us"].max() else UNDONE)
    return found
