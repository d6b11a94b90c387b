"""`harness preflight`: what is wrong with a deployment before anything is sent to it."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.arguments import HttpUrl, OutFile
from harness.core.errors import ExitCode
from harness.core.visible import visible

if TYPE_CHECKING:
    from harness.preflight.accepted import Sorted
    from harness.preflight.ask import PreflightAnswers
    from harness.preflight.catalogue import Catalogue

WIDTH = 100
CATALOGUE_BYTES = 50_000_000
"""Beyond any app's catalogue; what is larger is not read into memory."""


@click.command()
@click.option("--target", "target_file", type=click.Path(), help="Target file (TOML) that names keys.dsn_env.")
@click.option("--url", type=HttpUrl(), help="A sandbox on this machine, instead of --target.")
@click.option("--accepted", "accepted_file", type=click.Path(path_type=Path), help="Findings that do not count (TOML).")
@click.option(
    "--against",
    "expected_file",
    type=click.Path(path_type=Path),
    help="A kept catalogue: what the target has otherwise is a finding.",
)
@click.option("--save", "save_file", type=OutFile(), help="Keep the target's catalogue in this file, for --against.")
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
    """Ask the target's catalogue what is open, slow or missing.

    Policies, functions, indexes, grants and more. Read-only, through the connection string of the target file; nothing
    is written and no row is read. Each finding names what it is about, the evidence, the manual's chapter, and the SQL
    that mends it.
    """
    from datetime import UTC, datetime

    from harness.preflight.accepted import sort
    from harness.preflight.ask import preflight as ask
    from harness.preflight.ask import read_catalogue
    from harness.preflight.catalogue import drift
    from harness.preflight.model import by_gravity
    from harness.preflight.sarif import sarif
    from harness.record.streams import replacing

    if bool(target_file) == bool(url):
        raise click.UsageError("which target? Give --target FILE, or --url of a sandbox on this machine")
    entries = _accepted(options["accepted_file"])
    gate, dsn = _access(target_file, url, allow_production=options["allow_production"])
    answers = ask(dsn, gate)
    findings = list(answers.findings)
    if options["save_file"] or options["expected_file"]:
        catalogue = read_catalogue(dsn, gate)
        if options["expected_file"]:
            findings = by_gravity([*findings, *drift(_expected(options["expected_file"]), catalogue)])
        if options["save_file"]:
            with replacing(options["save_file"]) as draft:
                draft.write_text(catalogue.model_dump_json(indent=1) + "\n", encoding="utf-8")
    found = sort(findings, entries, datetime.now(UTC).date())
    if options["sarif_file"]:
        with replacing(options["sarif_file"]) as draft:
            draft.write_text(json.dumps(sarif(found.open, found.accepted), indent=1), encoding="utf-8")
    if options["as_json"]:
        click.echo(json.dumps(_document(answers, found), indent=1))
    else:
        click.echo("\n".join(_lines(answers, found)))
    sys.exit(int(_code(found, options["fail_on"])))


def _access(target_file: str | None, url: str | None, *, allow_production: bool) -> tuple[Any, str]:
    """The gate and the connection string. :raises UsageError: the target names none."""
    import os

    from harness.config.load import load_target, resolve_keys
    from harness.core.errors import UsageError
    from harness.core.secret import NOTHING
    from harness.core.target_guard import permit
    from harness.egress.gate import LOOPBACK, Gate
    from harness.load.discovery import discover
    from harness.run.resolved_target import pinned

    if url is not None:
        found = discover(url)
        gate, where, dsn = LOOPBACK, found.url, found.dsn
    else:
        target = load_target(str(target_file))
        gate = Gate(permit(target, peak_phones=0, allow_production=allow_production).reach)
        where, dsn = target.url, resolve_keys(target, os.environ).dsn or NOTHING
    if not dsn:
        raise UsageError(
            "the catalogue is read through a connection string, and there is none",
            where=str(target_file or url),
            remedy="name keys.dsn_env in the target file, and put the connection string into that variable",
        )
    pinned(gate, where, dsn.reveal())
    return gate, dsn.reveal()


def _accepted(path: Path | None) -> Any:
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


def _document(answers: PreflightAnswers, found: Sorted) -> dict[str, Any]:
    return {
        "version": 1,
        "asked": answers.asked,
        "unasked": list(answers.unasked),
        "findings": [asdict(one) for one in found.open],
        "accepted": [asdict(one) for one in found.accepted],
        "expired": [one.model_dump(mode="json") for one in found.expired],
        "unneeded": [one.model_dump(mode="json") for one in found.unneeded],
    }


def _lines(answers: PreflightAnswers, found: Sorted) -> Iterator[str]:
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
    for what in answers.unasked:
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
