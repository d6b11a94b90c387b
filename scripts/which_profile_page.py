"""Writes the tables of docs/which-profile.md: every shipped profile, how long it takes and how much it asks for.

python scripts/which_profile_page.py            # rewrite what stands between the marks
python scripts/which_profile_page.py --check    # exit 1 when that would change something
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from harness.config.load import PROFILES, load_profile
from harness.core.profile import Profile
from harness.run.plan_limits import peak_of
from scripts.made_page import rewrite

PAGE = Path(__file__).resolve().parents[1] / "docs" / "which-profile.md"
TABLE = re.compile(r"(<!-- profiles: (\w+) -->\n).*?(?=<!-- end -->)", re.DOTALL)
OF_COMMANDS = ("prove", "levers", "pull-request")
"""How the names of profiles begin that a command runs by itself."""


def main() -> int:
    """Rewrite the page, or with --check only say whether it is as it should be."""
    return rewrite(PAGE, written)


def written(page: str) -> str:
    """The page with its tables as they should be. :raises ValueError: a group has no table, or not exactly one."""
    groups: dict[str, list[Profile]] = {"load": [], "faults": [], "commands": []}
    for path in PROFILES.glob("*.toml"):
        profile = load_profile(path.stem)
        groups[group(profile)].append(profile)
    marked = [name for _, name in TABLE.findall(page)]
    if sorted(marked) != sorted(groups):
        raise ValueError(f"{PAGE.name} has tables for {marked}, not one for each of {list(groups)}")
    return TABLE.sub(lambda found: found[1] + table(groups[found[2]]), page)


def group(profile: Profile) -> str:
    """Which table it stands in."""
    if profile.name.startswith(OF_COMMANDS):
        return "commands"
    return "faults" if profile.chaos or any(stage.herd for stage in profile.arrivals) else "load"


def table(profiles: list[Profile]) -> str:
    """Profiles as a Markdown table, the shortest first."""
    rows = map(row, sorted(profiles, key=lambda one: (minutes(one), one.name)))
    return "\n".join((*head(), *rows, ""))


def head() -> Iterator[str]:
    yield "| profile | what it is | minutes | sessions/s | requests/s | phones | people |"
    yield "|---|---|---|---|---|---|---|"


def row(profile: Profile) -> str:
    """One profile, with its busiest rate, and the limit of requests that a target file has to allow."""
    rate = max(max(stage.rate, stage.rate if stage.to is None else stage.to) for stage in profile.arrivals)
    what = profile.description.rstrip(".")
    requests = rounded_up(peak_of(profile, profile.seed).requests_per_second)
    figures = f"{minutes(profile):.1f} | {rate:.3g} | {requests:,} | {profile.phones:,} | {profile.people:,}"
    return f"| `{profile.name}` | {what} | {figures} |"


def rounded_up(value: float) -> int:
    """To two digits."""
    unit = int(10 ** max(0, math.floor(math.log10(value)) - 1))
    return math.ceil(value / unit) * unit


def minutes(profile: Profile) -> float:
    """From the first session to the end of the drain, at the latest."""
    return (profile.phases.end_s + profile.phases.drain_s) / 60


if __name__ == "__main__":
    sys.exit(main())
