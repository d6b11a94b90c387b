"""`harness preflight`: what is wrong with a deployment before anything is sent to it."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.arguments import HttpUrl, OutFile
from harness.cli.output_file import write_whole
from harness.core.counted import counted
from harness.core.errors import ExitCode
from harness.core.visible import visible

if TYPE_CHECKING:
    from harness.core.resolved_target import ResolvedTarget
    from harness.preflight.accepted import Sorted
    from harness.preflight.catalogue import Catalogue
    from harness.preflight.model import PreflightFinding

WIDTH = 100
CATALOGUE_BYTES = 50_000_000
"""Beyond any app's catalogue; what is larger is not read into memory."""


@click.command()
@click.option("--target", "target_file", type=click.Path(), help="Target file (TOML).")
@click.option("--url", type=HttpUrl(), help="A sandbox on this machine, instead of --target.")
@click.option(
    "--outside", is_flag=True, help="Ask from outside too: with the public key and the tokens of two synthetic people."
)
@click.option("--dry-run", is_flag=True, help="List what --outside would send, and send none of it.")
@click.option(
    "--app",
    "app_folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A checkout of the app, to be read: its functions, their configuration, its bundle.",
)
@click.option("--accepted", "accepted_file", type=click.Path(path_type=Path), help="Findings that do not count (TOML).")
@click.option(
    "--against",
    "expected_file",
    type=click.Path(path_type=Path),
    help="A kept catalogue: what the target has otherwise is a finding.",
)
@click.option("--save", "save_file", type=OutFile(), help="Keep the target's catalogue in this file, for --against.")
@click.option(
    "--calls",
    type=click.IntRange(10, 2000),
    default=130,
    show_default=True,
    help="Of one endpoint at most, to find its limit.",
)
@click.option(
    "--largest-body",
    type=click.IntRange(64 << 10, 64 << 20),
    default=1 << 20,
    show_default=True,
    help="Bytes of the largest body that is sent.",
)
@click.option("--tag", metavar="TEXT", help="In every row that is made and taken away; a new one by default.")
@click.option(
    "--fail-on",
    type=click.Choice(["high", "medium", "low", "never"]),
    default="high",
    show_default=True,
    help="Exit 40 when something of this severity or above is open.",
)
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON on standard output.")
@click.option("--sarif", "sarif_file", type=OutFile(), help="Write the findings as SARIF 2.1.0 too.")
@click.option("--allow-production", is_flag=True, help="Needed for a target whose environment is production.")
def preflight(target_file: str | None, url: str | None, **options: Any) -> None:
    """Ask what is open, slow or missing at a target.

    Its catalogue, read-only, through the target file's connection string. With --outside, requests with the public key
    and as two synthetic people; rows that they make are taken away. With --app, a checkout of the app. Each finding
    names what it is about, the evidence, the manual's chapter, and the remedy.
    """
    from datetime import UTC, datetime

    from harness.preflight.accepted import sort
    from harness.preflight.model import by_gravity
    from harness.preflight.sarif import sarif

    if bool(target_file) == bool(url) and (url or not options["app_folder"]):
        raise click.UsageError("which target? Give --target FILE, or --url of a sandbox on this machine")
    entries = accepted_in(options["accepted_file"])
    found = _Answers()
    if target_file or url:
        access = _access(target_file, url, options)
        if options["dry_run"]:
            click.echo("\n".join(_listed(access, options)))
            return
        _ask_catalogue(access, options, found, where=str(target_file or url))
        if options["outside"]:
            _ask_outside(access, options, found)
    if options["app_folder"]:
        from harness.preflight.checkout.ask import checkout
        from harness.preflight.checkout.lints import CHECKOUT_LINTS

        found.add(checkout(options["app_folder"]), len(CHECKOUT_LINTS))
    sorted_ = sort(by_gravity(found.findings), entries, datetime.now(UTC).date())
    if options["sarif_file"]:
        write_whole(options["sarif_file"], json.dumps(sarif(sorted_.open, sorted_.accepted), indent=1))
    if options["as_json"]:
        click.echo(json.dumps(_document(found, sorted_), indent=1))
    else:
        click.echo("\n".join(_lines(found, sorted_)))
    sys.exit(int(_code(sorted_, options["fail_on"])))


@dataclass
class _Answers:
    """Of all that was asked together."""

    findings: list[PreflightFinding] = field(default_factory=list)
    asked: int = 0
    unasked: list[str] = field(default_factory=list)  # whole questions
    parts: list[str] = field(default_factory=list)  # of questions

    def add(self, findings: Iterable[PreflightFinding], asked: int, unasked: Iterable[str] = ()) -> None:
        self.findings += findings
        self.asked += asked
        self.unasked += unasked


def _access(target_file: str | None, url: str | None, options: dict[str, Any]) -> ResolvedTarget:
    from harness.run.target_beside_load import beside_load

    people = 2 if options["outside"] or options["dry_run"] else 0
    return beside_load(target_file, url, people=people, allow_production=options["allow_production"])


def _ask_catalogue(access: ResolvedTarget, options: dict[str, Any], found: _Answers, where: str) -> None:
    """:raises UsageError: the target names no connection string, and nothing else is asked."""
    from harness.core.errors import UsageError
    from harness.egress.gate import Gate
    from harness.preflight.ask import preflight as ask
    from harness.preflight.ask import read_catalogue
    from harness.preflight.catalogue import drift
    from harness.preflight.lints import LINTS

    wanted = options["save_file"] or options["expected_file"]
    if not access.dsn and options["outside"] and not wanted:
        found.unasked += [f"{lint.id}: the target file names no keys.dsn_env" for lint in LINTS]
        return
    if not access.dsn:
        raise UsageError(
            "the catalogue is read through a connection string, and there is none",
            where=where,
            remedy="name keys.dsn_env in the target file, and put the connection string into that variable; or ask "
            "with --outside alone",
        )
    gate, dsn = Gate(access.reach), access.dsn.reveal()
    answers = ask(dsn, gate)
    found.add(answers.findings, answers.asked, answers.unasked)
    if not wanted:
        return
    catalogue = read_catalogue(dsn, gate)
    if options["expected_file"]:
        found.findings += drift(_expected(options["expected_file"]), catalogue)
    if options["save_file"]:
        write_whole(options["save_file"], catalogue.model_dump_json(indent=1) + "\n")


def _ask_outside(access: ResolvedTarget, options: dict[str, Any], found: _Answers) -> None:
    from harness.preflight.outside.run import outside

    asked = outside(access, tag=options["tag"] or "", calls=options["calls"], largest=options["largest_body"])
    found.add(asked.findings, asked.asked)
    found.parts += asked.unasked


def _listed(access: ResolvedTarget, options: dict[str, Any]) -> Iterator[str]:
    """Every request and statement that would be sent; the first ones were, to know the others."""
    from harness.preflight.outside.run import outside

    asked = outside(
        access, tag=options["tag"] or "", calls=options["calls"], largest=options["largest_body"], only_list=True
    )
    yield f"tag {asked.tag}; the list is the same again with --tag {asked.tag}"
    for number, one in enumerate(asked.listed):
        mark = "sent already, to know the others: " if number < asked.read else ""
        yield visible(f"{mark}{one.line}")
    for statement in asked.statements:
        yield visible(f"SQL {statement}")
    most = sum(one.times for one in asked.listed)
    yield f"{counted(most, 'request')} at most, {counted(len(asked.statements), 'statement')} that are rolled back"


def accepted_in(path: Path | None) -> Any:
    """Entries of a file of accepted findings. :raises UsageError: it is none."""
    from harness.config.load import load_model
    from harness.preflight.accepted import AcceptedFile

    return () if path is None else load_model(path, "file of accepted findings", AcceptedFile).accepted


def _expected(path: Path) -> Catalogue:
    """A kept catalogue. :raises UsageError: it is none."""
    from harness.config.text_file import read_bytes
    from harness.core.errors import UsageError
    from harness.preflight.catalogue import Catalogue

    raw = read_bytes(path, "kept catalogue", limit=CATALOGUE_BYTES)
    try:
        return Catalogue.model_validate_json(raw)
    except ValueError:
        raise UsageError(
            "this is no kept catalogue", where=str(path), remedy="write one with harness preflight --save FILE"
        ) from None


def _code(found: Sorted, fail_on: str) -> ExitCode:
    from harness.preflight.model import ORDER

    if fail_on == "never":
        return ExitCode.PASS
    grave = ORDER[: [str(one) for one in ORDER].index(fail_on) + 1]
    return ExitCode.TARGET if any(one.severity in grave for one in found.open) else ExitCode.PASS


def _document(answers: _Answers, found: Sorted) -> dict[str, Any]:
    return {
        "version": 1,
        "asked": answers.asked,
        "unasked": list(answers.unasked),
        "parts_unasked": list(answers.parts),
        "findings": [asdict(one) for one in found.open],
        "accepted": [asdict(one) for one in found.accepted],
        "expired": [one.model_dump(mode="json") for one in found.expired],
        "unneeded": [one.model_dump(mode="json") for one in found.unneeded],
    }


def _lines(answers: _Answers, found: Sorted) -> Iterator[str]:
    from itertools import groupby

    from harness.preflight.model import ORDER

    for (severity, title), group in groupby(found.open, key=lambda one: (one.severity, one.title)):
        findings = list(group)
        yield from _wrapped(f"{severity.upper()}: {title}", "")
        yield from _wrapped(f"{findings[0].why}. Manual, {findings[0].manual}. [{findings[0].lint}]", "  ")
        for one in findings:
            yield from _wrapped(f"- {one.object}: {one.evidence}", "  ", "    ")
            yield visible(f"      {one.remedy}")
        yield ""
    for what in (*answers.unasked, *answers.parts):
        yield from _wrapped(f"not asked: {what}", "")
    for entry in found.expired:
        yield from _wrapped(f"accepted until {entry.until} only, counts again: {entry.text} ({entry.reason})", "")
    for entry in found.unneeded:
        yield from _wrapped(f"accepted, and not found any more; take it out: {entry.text}", "")
    counts = [f"{sum(one.severity == severity for one in found.open)} {severity}" for severity in ORDER]
    asked = f"{answers.asked} of {answers.asked + len(answers.unasked)} questions asked"
    yield f"preflight: {', '.join(counts)}; {len(found.accepted)} accepted; {asked}"


def _wrapped(text: str, indent: str, further: str | None = None) -> list[str]:
    return textwrap.wrap(
        visible(text),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if further is None else further,
        break_long_words=False,
    )
