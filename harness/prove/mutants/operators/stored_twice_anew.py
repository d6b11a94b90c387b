"""The server does it twice, the second time under an id that no phone made. (pure)"""

from __future__ import annotations

from copy import deepcopy
from uuid import uuid4

from harness.prove.mutants.exchange import CallRequest
from harness.prove.mutants.operators.base import ONE_IN_THREE, CallOperator, Handling, MutantState
from harness.prove.mutants.places import Kind
from harness.prove.mutants.rows import leaves

IDS = ("client_id", "clientId", "clientEventId")
DEDUPE = ("dedupeKey", "dedupe_key")
"""Of an event: with the same one the server would store nothing more."""


class StoredTwiceAnew(CallOperator):
    name = "stored_twice_anew"
    needs = Kind.CLIENT_ID
    one_in = ONE_IN_THREE

    def handle(self, request: CallRequest, state: MutantState) -> Handling | None:
        second = deepcopy(request.json)
        changed = False
        for holder, key in leaves(second):
            if key in IDS:
                holder[key], changed = str(uuid4()), True
            elif key in DEDUPE and holder[key] is not None:
                holder[key] = f"{holder[key]}:again"
        return Handling((request, request.with_json(second))) if changed else None
