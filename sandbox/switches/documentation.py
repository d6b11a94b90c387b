"""The tables of switches in docs/sandbox.md, made from the declarations. (pure)

Each stands between two comments, `<!-- switches: NAME -->` and `<!-- end -->`, and is kept true by a test; after a
change of a switch, `python -m sandbox.switches docs/sandbox.md` writes them anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sandbox.switches import DEFECTS, HOSTED, QUIRKS, THROTTLES, Switch

_REALTIME = "realtime_"
TABLES: dict[str, tuple[Switch, ...]] = {
    "quirks": tuple(switch for switch in QUIRKS if not switch.name.startswith(_REALTIME)),
    "realtime": tuple(switch for switch in QUIRKS if switch.name.startswith(_REALTIME)),
    "hosted": HOSTED,
    "defects": DEFECTS,
    "throttles": THROTTLES,
}
_BLOCK = re.compile(r"(<!-- switches: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(switches: Iterable[Switch]) -> str:
    """Markdown: name, value, effect, source."""
    rows = [f"| `{one.name}` | {one.kind.name.lower()} | {one.effect} | {one.source} |" for one in switches]
    return "\n".join(["| switch | value | effect | where |", "|---|---|---|---|", *rows]) + "\n"


def refreshed(text: str) -> str:
    """The page with its tables made anew. :raises KeyError: for a table that does not exist."""
    return _BLOCK.sub(lambda found: found[1] + table(TABLES[found[2]]) + found[3], text)
