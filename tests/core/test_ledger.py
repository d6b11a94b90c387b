"""The ledger: what is noted comes out again, and leads back to the ids that phones sent."""

from __future__ import annotations

import uuid

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.events.event_key import event_facts, is_status, stored_key
from harness.client.events.swipe_event import SwipeEvent, encode, for_wire
from harness.core import ids
from harness.core.ledger import Ledger, WriteKind, WriteStep, proven
from harness.core.outcome import OUTCOMES, Outcome
from harness.core.rows import made
from harness.core.tables import LEDGER_STEPS, LEDGER_WRITES
from sandbox.functions.events.input import Ingest

TAG = 0xDEADBEEF
SESSION = "00000000-0000-4000-8000-000000000001"


def taken(ledger: Ledger) -> dict[str, pa.RecordBatch]:
    return dict(made(ledger.take()))


def test_a_write_and_its_steps_come_out_once() -> None:
    ledger = Ledger(TAG)
    id_ = ids.make(TAG, 7, 3)
    entry = ledger.intend(WriteKind.MESSAGE, 7, 1.5, id_=id_, subject=SESSION, detail="direct", number=2)
    ledger.step(entry, WriteStep.SENT, 1.6)
    ledger.step(ledger.entry(WriteKind.MESSAGE, id_), WriteStep.ACKNOWLEDGED, 1.7, row=SESSION)
    batches = taken(ledger)
    assert batches[LEDGER_WRITES].to_pylist() == [
        {
            "kind": 1,
            "person": 7,
            "sequence": 3,
            "at_us": 1_500_000,
            "key": 0,
            "subject": uuid.UUID(SESSION).bytes,
            "object": None,
            "detail": "direct",
            "number": 2,
            "content": 0,
            "parts": 0,
        }
    ]
    steps = batches[LEDGER_STEPS].to_pylist()
    assert [(row["person"], row["sequence"], row["step"]) for row in steps] == [(7, 3, 0), (7, 3, 1)]
    assert steps[1]["row"] == uuid.UUID(SESSION).bytes
    assert not taken(ledger)


def test_writes_without_an_id_count_on_per_person_and_worker() -> None:
    first, second = Ledger(TAG, worker=0), Ledger(TAG, worker=2)
    mine = [first.intend(WriteKind.LIBRARY, person, 0.0) for person in (1, 1, 2)]
    theirs = second.intend(WriteKind.LIBRARY, 1, 0.0)
    assert len({*mine, theirs}) == 4
    assert theirs.sequence >> ids.WORKER_SHIFT == 2


def test_an_id_of_another_run_is_refused() -> None:
    with pytest.raises(ValueError, match="was not made in this run"):
        Ledger(TAG).intend(WriteKind.EVENT, 1, 0.0, id_=ids.make(TAG + 1, 1, 1))


def test_a_person_taken_over_by_another_worker_repeats_no_id() -> None:
    before, after = ids.Sequence(TAG, 5), ids.Sequence(TAG, 5, worker=1)
    assert not {before() for _ in range(100)} & {after() for _ in range(100)}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_only_a_clear_answer_proves_anything(outcome: Outcome) -> None:
    """Neither a server error nor a failure inside a 200 says whether the row is there."""
    acknowledged = {Outcome.OK, Outcome.CONFLICT}
    refused = {Outcome.REJECTED, Outcome.RATE_LIMITED, Outcome.AUTH, Outcome.CLIENT_ERROR}
    assert (proven(outcome) is WriteStep.ACKNOWLEDGED) == (outcome in acknowledged)
    assert (proven(outcome) is WriteStep.REFUSED) == (outcome in refused)


# ---- the stored key ----------------------------------------------------------------------------------------------

_ids = st.uuids(version=4).map(str)
_scalars = st.one_of(st.text(max_size=20), st.integers(-(2**53), 2**53), st.booleans(), st.none())
_names = st.text(min_size=1, max_size=12).filter(lambda name: not name[0].isdigit())
_payloads = st.none() | st.dictionaries(
    _names,
    _scalars | st.dictionaries(_names, _scalars, max_size=3) | st.lists(_scalars, max_size=60),
    max_size=4,
)
_events = st.builds(
    SwipeEvent,
    event_type=st.sampled_from(["impression", "dwell", "like", "dislike", "skip", "watchlist", "rating"]),
    client_event_id=_ids,
    session_id=_ids,
    media_item_id=_ids,
    deck_id=st.none() | _ids,
    rec_request_id=st.none() | _ids,
    position=st.none() | st.integers(-1, 6000),
    source=st.none() | st.just("for_you"),
    dwell_ms=st.none() | st.integers(0, 10**7),
    rating0_10=st.none() | st.integers(0, 20).map(lambda half: half / 2),
    in_watchlist=st.none() | st.booleans(),
    payload=_payloads,
)


@given(_events)
def test_the_key_is_the_one_that_the_server_stores(event: SwipeEvent) -> None:
    """Against the sandbox's own reading of the wire form: two implementations of contract 3.2."""
    sent = for_wire(event, lambda: str(uuid.uuid4()))
    ingest = Ingest(12_000, lambda: str(uuid.uuid4()))
    for item in orjson.loads(encode([sent]))["items"]:
        ingest.read(item)
    if is_status(sent):
        assert not any(ingest.row_ids)
    else:
        assert [row.dedupe_key for row in ingest.rows] == [stored_key(sent)]


@given(_events, _events)
def test_facts_tell_events_apart_by_what_they_say_not_by_their_ids(one: SwipeEvent, other: SwipeEvent) -> None:
    same = stored_key(one) == stored_key(other)
    assert (event_facts(one)["key"] == event_facts(other)["key"]) == same
