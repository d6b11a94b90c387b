"""`harness doctor`: is a target ready for a profile, and if not, what mends it?"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from harness.core.errors import ExitCode
from harness.core.visible import visible

if TYPE_CHECKING:
    from harness.core.target import Target
    from harness.doctor.model import Diagnosis

WIDTH = 110
INDENT = " " * 15


@click.command()
@click.option("--target", "target_file", type=click.Path(), required=True, help="Target file (TOML).")
@click.option("--profile", default="smoke", show_default=True, help="What it has to be ready for: a name, or a file.")
@click.option("--claim", is_flag=True, help="Print a new claim of ownership and where it has to stand; ask nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the answers as JSON.")
@click.option("--allow-production", is_flag=True, help="Needed for a target whose environment is production.")
def doctor(target_file: str, profile: str, claim: bool, as_json: bool, allow_production: bool) -> None:
    """Ask target and machine all that a run needs.

    Exit 0, or 40 with what mends it.

    Sends some twenty requests and writes nothing.
    """
    from harness.config.load import load_profile, load_target

    target = load_target(target_file)
    if claim:
        click.echo("\n".join(visible(line) for line in _claim(target)))
        return
    from harness.doctor.ask import find
    from harness.doctor.examine import examine
    from harness.doctor.machine import machine

    asked = load_profile(profile)
    found = examine(find(target, asked, machine(), allow_production=allow_production))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=1))
    else:
        for line in _lines(found, f"{target.name}, for {asked.name}"):
            click.echo(visible(line))
    sys.exit(int(ExitCode.TARGET if any(one.wrong for one in found) else ExitCode.PASS))


def _claim(target: Target) -> Iterator[str]:
    from harness.core.ownership import CLAIM_PATH, new_claim, statement

    word = new_claim()
    yield "a new claim; write it into the target file:"
    yield ""
    yield "    [ownership]"
    yield f'    claim = "{word}"'
    yield ""
    yield "and have it stand where only the owner of the deployment can put it, in one of two places:"
    yield ""
    yield f"    {target.url}{CLAIM_PATH}   (that word as its whole text)"
    yield f"    {statement(word)}"


def _lines(found: Sequence[Diagnosis], of_what: str) -> Iterator[str]:
    for one in found:
        mark = {"ok": "ok  ", "wrong": "WRONG", "not asked": "-"}[one.answer.state]
        yield from textwrap.wrap(
            f"{mark:<6}{one.check:<14} {one.answer.text}",
            WIDTH,
            subsequent_indent=" " * 21,
            break_long_words=False,
            break_on_hyphens=False,
        )
        if one.answer.remedy:
            yield from textwrap.wrap(
                f"mend it: {one.answer.remedy}",
                WIDTH,
                initial_indent=" " * 21,
                subsequent_indent=" " * 23,
                break_long_words=False,
                break_on_hyphens=False,
            )
    wrong = [one.check for one in found if one.wrong]
    unasked = sum(one.answer.state == "not asked" for one in found)
    rest = f"; {unasked} not asked" if unasked else ""
    yield f"doctor: {of_what}: {f'not ready: {chr(44).join(wrong)}' if wrong else 'ready'}{rest}"
