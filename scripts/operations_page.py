"""Writes the lists of docs/slo.md: every name that an SLO file may judge, and what the shipped file says of it.

python scripts/operations_page.py            # rewrite what stands between the marks
python scripts/operations_page.py --check    # exit 1 when that would change something
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.client.api import calls, chat_calls
from harness.client.api.call import Call
from harness.config.load import load_slo_file
from harness.core.call_names import PREFLIGHT
from harness.core.operation_names import NAMES_OF_VIEW
from harness.core.operation_words import DELIVERIES, OPERATIONS, REALTIME
from harness.core.slo import LatencySlo
from harness.core.tables import View
from scripts.made_page import rewrite

PAGE = Path(__file__).resolve().parents[1] / "docs" / "slo.md"
MARKED = re.compile(r"(<!-- view (\w+) -->\n).*?(?=<!-- end -->)", re.DOTALL)


def main() -> int:
    """Rewrite the page, or with --check only say whether it is as it should be."""
    return rewrite(PAGE, written)


def written(page: str) -> str:
    """The page with its lists as they should be. :raises ValueError: a view has no list, or not exactly one."""
    marked = [view for _, view in MARKED.findall(page)]
    if sorted(marked) != sorted(LISTS):
        raise ValueError(f"{PAGE.name} has lists for {marked}, not one for each of {list(LISTS)}")
    return MARKED.sub(lambda found: found[1] + "\n".join((*LISTS[found[2]](), "")), page)


def _operations() -> Iterator[str]:
    yield from ("| operation | is | objectives of the shipped file |", "|---|---|---|")
    for name in sorted(NAMES_OF_VIEW[View.E2E]):
        yield f"| `{name}` | {OPERATIONS[name]} | {judged(name, View.E2E)} |"


def _deliveries() -> Iterator[str]:
    yield from ("| operation | is | objectives of the shipped file |", "|---|---|---|")
    for name in sorted(NAMES_OF_VIEW[View.DELIVERY]):
        yield f"| `{name}` | {DELIVERIES[name]} | {judged(name, View.DELIVERY)} |"


def _server() -> Iterator[str]:
    yield from ("| call | request | objectives of the shipped file |", "|---|---|---|")
    known = catalogue()
    for name in sorted(known):
        yield f"| `{name}` | {known[name]} | {judged(name, View.SERVER)} |"
    yield f"| `{PREFLIGHT}` | OPTIONS: what a browser asks before a call | {judged(PREFLIGHT, View.SERVER)} |"
    for name, words in REALTIME.items():
        labelled = sorted(other for other in NAMES_OF_VIEW[View.SERVER] if other.startswith(f"{name}_"))
        topics = [other.removeprefix(f"{name}_") for other in labelled if name in TOPICS]
        also = f"; also with `_{'`, `_'.join(topics)}`" if topics else ""
        yield f"| `{name}` | Realtime: {words}{also} | {judged(name, View.SERVER)} |"


TOPICS = ("realtime_channel", "realtime_join", "realtime_postgres")
"""What comes with a topic's label behind it."""
LISTS: dict[str, Callable[[], Iterator[str]]] = {"e2e": _operations, "delivery": _deliveries, "server": _server}


def catalogue() -> dict[str, str]:
    """Verb and path of each call, forms that only differ in their query once."""
    found: dict[str, list[str]] = {}
    for module in (calls, chat_calls):
        for call in vars(module).values():
            if isinstance(call, Call):
                forms = found.setdefault(call.name, [])
                form = f"`{call.method} {call.path.partition('?')[0]}`"
                if form not in forms:
                    forms.append(form)
    return {name: " or ".join(forms) for name, forms in found.items()}


def judged(name: str, view: View) -> str:
    """The shipped objectives that are about it."""
    found = []
    for slo in load_slo_file().slo:
        named = (slo.operation,) if isinstance(slo, LatencySlo) else slo.operations
        if slo.view == view and name in named:
            found.append(slo.name)
    return "; ".join(found)


if __name__ == "__main__":
    sys.exit(main())
