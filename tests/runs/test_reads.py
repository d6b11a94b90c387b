"""A healthy target, used by everybody at once, breaks no rule of reading; and the rules were asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.tables import SCHEMAS, VIOLATIONS
from harness.record.store import open_run
from reports.integrity.reads import counts, reads
from sandbox.server import Sandbox
from tests.runs.conftest import DATA, finish, start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ASKED = frozenset(
    (
        *("owner", "sent-back", "known-rows", "asked-ids"),
        *("feed-parts", "asked-many", "asked-search", "asked-events", "page-order", "page-once", "deck-cards"),
        "statistics",
    )
)
"""By every run of everybody; the others depend on who comes back, and when. Rules of one's own messages are asked when
a page of a conversation is read after a message was sent: on a quick machine everybody has left before the poll."""


def test_everybody_at_once_breaks_no_rule(sandbox: Sandbox, tmp_path: Path) -> None:
    run = finish(start(tmp_path, DATA / "everybody.toml", "--url", sandbox.url), tmp_path, patience_s=240)
    record = open_run(run.folder)
    violations = [row for batch in record.rows(VIOLATIONS, SCHEMAS[VIOLATIONS].names) for row in batch.to_pylist()]
    assert not violations
    asked, broken = counts(record.rows)
    assert sum(broken.values()) == 0
    assert set(asked) >= ASKED
    told = {check["id"]: check["status"] for check in run.verdict["integrity"]["checks"]}
    against = ("I67", "I68", "I69", "I71", "I72", "I74", "I75", "I76", "I79", "I80", "last seen")
    assert {told.get(id_) for id_ in against} == {"held"}, "against what people could see"
    assert told["I41 owner"] == "held"
    assert {check.status for check in reads(record.rows)} == {"held"}
