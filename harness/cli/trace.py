"""`harness trace`: are our phones still the real client?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.arguments import Finite, HttpUrl, OutFile
from harness.core.errors import ExitCode, UsageError
from harness.core.visible import in_json, visible

if TYPE_CHECKING:
    from harness.trace.model import Recording

PERSONAS = ("swiper", "reader", "searcher", "chatter", "commuter", "newcomer")


@click.group()
def trace() -> None:
    """Hold the phones against the real web client."""


@trace.command("diff")
@click.argument("recording", type=click.Path(path_type=Path))
@click.option(
    "--persona", type=click.Choice(PERSONAS), default="swiper", show_default=True, help="Who holds the phone."
)
@click.option("--flow", "flows", multiple=True, metavar="NAME", help="This flow alone. Repeatable.")
@click.option("--known", type=click.Path(path_type=Path), help="Allow list (TOML): differences with a reason each.")
@click.option(
    "--target", "target_file", type=click.Path(), help="Target file (TOML). Without one, a sandbox is started."
)
@click.option("--url", type=HttpUrl(), help="A sandbox that already runs on this machine, instead of --target.")
@click.option("--phone", "phone_file", type=click.Path(path_type=Path), help="Replay nothing: this is what was sent.")
@click.option("--person", type=click.IntRange(min=0), default=0, show_default=True, help="Number of the person.")
@click.option(
    "--play", "play_s", type=Finite(above=0, most=60), default=0.75, show_default=True, help="Of instants, seconds."
)
@click.option("--keep", type=OutFile(), help="Write what the phone sent to this file, as JSON lines.")
@click.option("--html", "page", type=OutFile(), help="Write a page with both time lines to this file.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
@click.option("--allow-production", is_flag=True, help="Needed for a target whose environment is production.")
def diff(recording: Path, flows: tuple[str, ...], page: Path | None, as_json: bool, **options: Any) -> None:
    """What a phone does otherwise than the client in RECORDING.

    RECORDING is a HAR file ("Save all as HAR with content" in Chrome's developer tools) or JSON lines, as `harness
    trace record` writes them. The phone does what the person did, against a sandbox of its own or --target.

    Exit 0 when nothing differs but what --known gives a reason for, else 10.
    """
    from harness.trace import told
    from harness.trace.compare import compare
    from harness.trace.known import read_known
    from harness.trace.reading import read_recording

    known = read_known(options["known"]) if options["known"] else None
    mine = _chosen(read_recording(recording), flows)
    notes: dict[str, str] = {}
    if options["phone_file"]:
        theirs = read_recording(options["phone_file"])
    else:
        theirs, notes = _replayed(read_recording(recording), flows, options)
    comparison = compare(mine, theirs, play_s=options["play_s"], notes=notes)
    if known is not None:
        comparison = known.applied(comparison)
    if page is not None:
        from reports.render.trace_page import trace_page

        page.write_text(trace_page(comparison, recording.stem), encoding="utf-8")
    if as_json:
        click.echo(in_json(json.dumps(told.as_json(comparison), indent=2)))
    else:
        click.echo("\n".join(map(visible, told.lines(comparison))))
    sys.exit(int(ExitCode.SLO_MISSED if comparison.unknown else ExitCode.PASS))


def _chosen(recording: Recording, flows: tuple[str, ...]) -> Recording:
    from dataclasses import replace

    names = [flow.name for flow in recording.flows]
    unknown = [name for name in flows if name not in names]
    if unknown:
        raise UsageError(f"no flow {unknown[0]!r:.80}", where="--flow", remedy=f"it has: {', '.join(names)}")
    return replace(recording, flows=tuple(flow for flow in recording.flows if not flows or flow.name in flows))


def _replayed(
    recording: Recording, flows: tuple[str, ...], options: dict[str, Any]
) -> tuple[Recording, dict[str, str]]:
    from harness.cli import progress
    from harness.trace.lines import written
    from harness.trace.replay import replay
    from harness.trace.stage import stage

    given = {name: options[name] for name in ("target_file", "url", "allow_production")}
    with progress.watcher() as watcher, stage(watcher, **given) as target:
        done = replay(
            recording,
            target,
            person=options["person"],
            persona=options["persona"],
            flows=flows,
            told=lambda name: watcher.stage(f"replaying {name}"),
        )
    if options["keep"]:
        options["keep"].write_bytes(written(done.recording))
    return done.recording, done.notes
