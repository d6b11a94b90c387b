"""A file whose removal was acknowledged is gone (I77).

The app removes a picture behind a deleted message, and never looks at it again. So storage is asked after the run; its
paths are made once, and nobody uploads to one a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.evidence import store
from harness.evidence.removed_files import CALL
from harness.evidence.tables import REMOVED_FILES
from reports.integrity.model import Check
from reports.integrity.shown import Findings
from reports.integrity.view import Shown


def checks(kept: Iterable[Shown], folder: Path) -> Iterator[Check]:
    """Nothing where storage was not asked."""
    asked = store.kept(folder, REMOVED_FILES)
    if asked is None:
        return
    there = dict(zip(asked["name"].to_pylist(), asked["there"].to_pylist(), strict=True))
    found = Findings()
    for one in kept:
        if one.call == CALL and one.detail in there:
            found.asked += 1
            if there[one.detail]:
                found.finds(one, f"{one.detail} was acknowledged as removed, and is there")
    if found.asked:
        yield found.check("I77")
