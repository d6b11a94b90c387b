"""Writes the tables of docs/personas.md: the personas' quantities, and what the profile nightly says of each.

python scripts/personas_page.py            # rewrite what stands between the marks
python scripts/personas_page.py --check    # exit 1 when that would change something
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from harness.config.load import load_profile
from harness.core.behaviour import BEHAVIOUR, Quantity
from harness.core.distributions import Constant, Distribution, Uniform
from scripts.made_page import rewrite

PAGE = Path(__file__).resolve().parents[1] / "docs" / "personas.md"
SHOWN = "nightly"
"""The shipped profile that has every quantity."""
TABLE = re.compile(r"(<!-- quantities of (\w+) -->\n).*?(?=<!-- end -->)", re.DOTALL)


def main() -> int:
    """Rewrite the page, or with --check only say whether it is as it should be."""
    return rewrite(PAGE, written)


def written(page: str) -> str:
    """The page with its tables as they should be. :raises ValueError: a persona has no table, or not exactly one."""
    marked = [persona for _, persona in TABLE.findall(page)]
    if sorted(marked) != sorted(BEHAVIOUR):
        raise ValueError(f"{PAGE.name} has tables for {marked}, not one for each of {list(BEHAVIOUR)}")
    behaviour = load_profile(SHOWN).behaviour
    return TABLE.sub(lambda found: found[1] + table(found[2], behaviour[found[2]]), page)


def table(persona: str, values: dict[str, Distribution]) -> str:
    """A persona's quantities as a Markdown table."""
    rows = [f"| quantity | unit | what it is | left out | in {SHOWN} |", "|---|---|---|---|---|"]
    rows += [
        f"| `{one.name}` | {f'share of {one.unit}' if one.share else one.unit} | {one.meaning} | {left_out(one)} "
        f"| {value(values[one.name])} |"
        for one in BEHAVIOUR[persona]
    ]
    return "\n".join(rows) + "\n"


def left_out(quantity: Quantity) -> str:
    """What a profile means that does not name the quantity."""
    if quantity.share:
        return "never"
    if quantity.only_with:
        return f"needed with `{quantity.only_with}`"
    return "needed" if quantity.default is None else f"{quantity.default:g}"


def value(distribution: Distribution) -> str:
    """A distribution in few words."""
    if isinstance(distribution, Constant):
        return f"{distribution.value:g}"
    if isinstance(distribution, Uniform):
        return f"{distribution.low:g} to {distribution.high:g}, evenly"
    most = "no bound" if distribution.max is None else f"{distribution.max:g}"
    return f"median {distribution.median:g}, {distribution.min:g} to {most}, sigma {distribution.sigma:g}"


if __name__ == "__main__":
    sys.exit(main())
