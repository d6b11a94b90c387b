"""Writes docs/manual-coverage.md: the operational manual's sentences, and what of a run asks each.

python scripts/coverage_page.py            # write it
python scripts/coverage_page.py --check    # exit 1 when that would change something
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from reports.coverage.manual import PROMISES
from reports.coverage.model import Way
from reports.coverage.promise import Promise
from scripts.made_page import rewrite

PAGE = Path(__file__).resolve().parents[1] / "docs" / "manual-coverage.md"
HEAD = """\
# What the manual promises, and what asks it

Made from `reports/coverage/manual.py` by `make docs`; change that, not this. The operational manual's sentences that
can be kept or broken, in our own words, by its chapters (`docs/contract/manual.md`): {promises} of them. {asked} are
asked by runs that do and read what the third column says, {not_built} by nothing yet, and {beyond} never from here.

Every report has these rows for its own run, in `verdict.json` under `coverage`: **held** (asked, and no breach was
seen), **broken**, or **not asked**, with why and what would ask it. A row holds only in a run that really asked it:

- an objective is as strict as the manual, and has the samples that show it;
- a data rule has rows to look at, of a target that had come to rest;
- a fault has hit somebody, a limit has been reached, a message had somebody to arrive at.

Nothing counts that looks good in a run that did not end as planned, and no latency of a generator in doubt. Coverage
changes no exit code: what it calls broken does so where it is judged (objectives, data check, questions before the
load), and known facts of a schema never do.
"""


def main() -> int:
    """Write the page, or with --check only say whether it is as it should be."""
    return rewrite(PAGE, lambda _: page())


def page() -> str:
    """The whole page."""
    blocks = [
        HEAD.format(
            promises=len(PROMISES),
            asked=sum(promise.ask is not None for promise in PROMISES),
            not_built=_unasked("not built"),
            beyond=_unasked("beyond"),
        )
    ]
    for chapter, promises in groupby(PROMISES, key=lambda promise: promise.chapter):
        lines = [f"## {_title(chapter)}", "", "| promise | name | asked by | otherwise |", "|---|---|---|---|"]
        blocks.append("\n".join([*lines, *map(_row, promises)]) + "\n")
    return "\n".join(blocks)


def _unasked(way: Way) -> int:
    return sum(promise.ask is None and promise.remedy.way == way for promise in PROMISES)


def _title(chapter: str) -> str:
    return f"Chapter {chapter}" if chapter[0].isdigit() else chapter


def _row(promise: Promise) -> str:
    asked = promise.ask.words() if promise.ask is not None else "nothing"
    cells = (promise.sentence, promise.name, asked, promise.remedy.words)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


if __name__ == "__main__":
    sys.exit(main())
