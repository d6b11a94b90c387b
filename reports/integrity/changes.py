"""Edited and deleted messages: the row holds what the last acknowledged change left (contract 5.5).

Changes of one message follow one another as the phone sent them. Where one had no clear answer, or two were under way
at once, either may have come last: the row may hold what any of those left. So it is with the time that the app shows
beside such a message: the phone wrote it into the body and into `meta`, and there it stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.core.content import NOT_NOTED, differing
from harness.core.ledger import WriteKind
from harness.evidence.tables import CONTENT_FIELDS, MESSAGES
from reports.integrity import clock as clocks
from reports.integrity import frames
from reports.integrity.columns import NO_INSTANT, Flags, StoredRows, integers, numbers, text
from reports.integrity.model import SHOWN, Check, Offender
from reports.integrity.texts import QUESTIONS
from reports.integrity.writes import LedgerRows


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a message. Instants in microseconds of the run; done is infinite where no word came.

    dated_us: the time that it says, epoch; 0 in records from before that was noted.
    """

    deletes: bool
    sent_us: float
    done_us: float
    acknowledged: bool
    content: int
    parts: int
    dated_us: int = 0


Changes = dict[bytes, list[Change]]
"""By the message's row id, in the order in which they were sent."""


def gathered(rows: LedgerRows) -> Changes:
    """All changes of the ledger."""
    found: Changes = {}
    writes = frames.writes(rows, [WriteKind.EDIT, WriteKind.DELETE]).sort_values("sent_us")
    columns = (writes[name] for name in ("kind", "sent_us", "done_us", "acknowledged", "content", "parts", "key"))
    for message, kind, sent, done, acknowledged, *numbers_ in zip(writes["object"], *columns, strict=True):
        change = Change(kind == WriteKind.DELETE, sent, done, acknowledged, *map(_number, numbers_))
        found.setdefault(message, []).append(change)
    return found


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | np.integer) else NOT_NOTED  # a float is a column of nulls


def touched(changes: Changes, table: StoredRows) -> Flags:
    """Rows of messages that somebody changed, or tried to."""
    if not changes:
        return np.zeros(table.num_rows, np.bool_)
    known = pa.array(list(changes), pa.binary(16))
    return np.asarray(pc.is_in(table["id"], value_set=known), dtype=np.bool_)


def allowed(changes: list[Change]) -> list[Change]:
    """What the row may hold: the last acknowledged change, and all that may have come after it. Empty: anything."""
    last = max((change for change in changes if change.acknowledged), key=lambda one: one.sent_us, default=None)
    if last is None:
        return []
    return [last, *(one for one in changes if one is not last and (not one.acknowledged or one.done_us > last.sent_us))]


def check(changes: Changes, table: StoredRows) -> Check:
    """Whether changed messages hold what they were changed into. `table`: stored messages."""
    rows = np.flatnonzero(touched(changes, table)).tolist()
    content, parts, key = numbers(table["content"]), numbers(table["parts"]), table["id"]
    told = [integers(table[name])[rows].tolist() for name in ("changed_body", "changed_meta")]
    dated = any(us != NO_INSTANT for one in told for us in one)  # records from before these were read have none
    looked_at, blind, offenders = 0, 0, []
    for place, row in enumerate(rows):
        id_ = key[row].as_py()
        may = allowed(changes[id_])
        if not may:
            continue
        looked_at += 1
        if NOT_NOTED in (int(content[row]), *(change.content for change in may)):
            blind += 1
        elif all(change.content != int(content[row]) for change in may):
            fields = differing(CONTENT_FIELDS[MESSAGES.name], may[0].parts, int(parts[row]))
            what = "deleted, and still there" if may[0].deletes else "edited, and another text is there"
            offenders.append(
                Offender(ids={"message": text(id_)}, text=f"{what}: {', '.join(fields) or 'content'} differ")
            )
        elif dated and (words := _misdated(may, int(content[row]), [one[place] for one in told])):
            offenders.append(Offender(ids={"message": text(id_)}, text=words))
    note = f"content not compared: {blind} rows of an older record" if blind else ""
    return QUESTIONS["I58"].answered(looked_at, len(offenders), tuple(offenders[:SHOWN]), note)


def _misdated(may: list[Change], content: int, told: list[int]) -> str:
    """In words, when a row that holds what somebody left tells of another time than they wrote; "" when it does not.
    told: by its body and by its meta, epoch microseconds or `NO_INSTANT`."""
    held = [change for change in may if change.content == content]
    if not all(change.dated_us for change in held):
        return ""
    odd = next((us for us in told if all(us != change.dated_us for change in held)), None)
    if odd is None:
        return ""
    done = "deleted" if held[0].deletes else "edited"
    if odd == NO_INSTANT:
        return f"{done}, and the row does not say when"
    return f"{done}, and dated {clocks.apart((odd - held[0].dated_us) / 1e6)} it was"
