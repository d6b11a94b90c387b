"""Writes the tables of docs/notebook.md: every table of a run directory, column by column, and the codes in them.

python scripts/columns_page.py            # rewrite what stands between the marks
python scripts/columns_page.py --check    # exit 1 when that would change something
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from harness.core.actions import UserAction
from harness.core.column_words import TABLES, words
from harness.core.delivery_facts import FactKind
from harness.core.ledger import WriteKind, WriteStep
from harness.core.outcome import OUTCOMES
from harness.core.session_end import SessionEnd
from harness.core.tables import SCHEMAS, View
from harness.evidence import tables as evidence
from harness.evidence.tables import StoredTable
from harness.observe.tables import SCHEMAS as OBSERVED
from scripts.made_page import rewrite

PAGE = Path(__file__).resolve().parents[1] / "docs" / "notebook.md"
MARKED = re.compile(r"(<!-- columns -->\n).*?(?=<!-- end -->)", re.DOTALL)


def main() -> int:
    """Rewrite the page, or with --check only say whether it is as it should be."""
    return rewrite(PAGE, written)


def written(page: str) -> str:
    """The page with its tables as they should be. :raises ValueError: the marks are not there, or twice."""
    if len(MARKED.findall(page)) != 1:
        raise ValueError(f"{PAGE.name} has not exactly one place for the columns")
    return MARKED.sub(lambda found: found[1] + "\n".join(_lines()), page)


def stored_tables() -> list[StoredTable]:
    """What is read from the target, each file once: those of the run's own rows first."""
    others = (table for table in vars(evidence).values() if isinstance(table, StoredTable))
    return list({table.file: table for table in (*evidence.TABLES, *others)}.values())


def _lines() -> Iterator[str]:
    for name, schema in (SCHEMAS | OBSERVED).items():
        yield from (
            "",
            f"### {name}.parquet",
            "",
            TABLES[name],
            "",
            "| column | type | what it holds |",
            "|---|---|---|",
        )
        for field in schema:
            yield f"| `{field.name}` | {_type(field.type)} | {words(name, field.name)} |"
    yield from ("", "### stored/*.parquet", "")
    yield "Rows of the target, under its own names. `content` and `parts` are hashes of what people wrote, as in the"
    yield "ledger; ids are 16 bytes, instants are timestamps in UTC."
    yield from ("", "| file | columns |", "|---|---|")
    for table in stored_tables():
        yield f"| `{table.file}` | {', '.join(f'`{column}`' for column in table.schema.names)} |"
    yield from ("", "### Values", "", "| column | values |", "|---|---|")
    for column, values in _values():
        yield f"| {column} | {values} |"
    yield ""


def _values() -> Iterator[tuple[str, str]]:
    def listed(names: Iterable[str]) -> str:
        return ", ".join(f"`{name}`" for name in names)

    yield "`view`", listed(View)
    yield "`outcome`; codes in `ledger/steps` count from 0", listed(OUTCOMES)
    yield "`end` of `arrivals`", listed(SessionEnd)
    yield "`kind` of `delivery`", listed(FactKind)
    yield "`action`", listed(UserAction)
    yield "`kind` of the ledger", ", ".join(f"{kind.value} {kind.name.lower()}" for kind in WriteKind)
    yield "`step` of the ledger", ", ".join(f"{step.value} {step.name.lower()}" for step in WriteStep)


def _type(kind: pa.DataType) -> str:
    return "16 bytes" if kind == pa.binary(16) else str(kind)


if __name__ == "__main__":
    sys.exit(main())
