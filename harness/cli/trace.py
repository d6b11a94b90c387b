"""`harness trace`: are our phones still the real client?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.arguments import Finite, HttpUrl, OutFile
from harness.cli.output_file import write_whole
from harness.core.counted import counted
from harness.core.errors import ExitCode, UsageError
from harness.core.visible import in_json, visible

if TYPE_CHECKING:
    from harness.trace.model import TraceRecording

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

        write_whole(page, trace_page(comparison, recording.stem))
    if as_json:
        click.echo(in_json(json.dumps(told.as_json(comparison), indent=2)))
    else:
        click.echo("\n".join(map(visible, told.lines(comparison))))
    sys.exit(int(ExitCode.SLO_MISSED if comparison.unknown else ExitCode.PASS))


def _chosen(recording: TraceRecording, flows: tuple[str, ...]) -> TraceRecording:
    from dataclasses import replace

    names = [flow.name for flow in recording.flows]
    unknown = [name for name in flows if name not in names]
    if unknown:
        raise UsageError(f"no flow {unknown[0]!r:.80}", where="--flow", remedy=f"it has: {', '.join(names)}")
    return replace(recording, flows=tuple(flow for flow in recording.flows if not flows or flow.name in flows))


def _replayed(
    recording: TraceRecording, flows: tuple[str, ...], options: dict[str, Any]
) -> tuple[TraceRecording, dict[str, str]]:
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
        write_whole(options["keep"], written(done.recording))
    return done.recording, done.notes


@trace.command("record")
@click.option("--app", required=True, metavar="DIR|URL", help="The web app: its package, its build, or where it runs.")
@click.option("--out", type=OutFile(), required=True, help="The recording: JSON lines, cleaned.")
@click.option("--script", type=click.Path(path_type=Path), help="What to do with the app (TOML); MoviNesta by default.")
@click.option(
    "--target", "target_file", type=click.Path(), help="Target file (TOML). Without one, a sandbox is started."
)
@click.option("--url", type=HttpUrl(), help="A sandbox that already runs on this machine, instead of --target.")
@click.option("--person", type=click.IntRange(min=0), default=0, show_default=True, help="Number of who signs in.")
@click.option("--browser", help="Chromium's program; found on PATH by default.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the tap, for an app built beforehand.")
@click.option(
    "--app-port", type=click.IntRange(0, 65535), default=5173, show_default=True, help="Where a folder is served."
)
@click.option("--allow-production", is_flag=True, help="Needed for a target whose environment is production.")
def record(app: str, out: Path, script: Path | None, **options: Any) -> None:
    """Record the real web app in a headless Chromium.

    A package of npm is built with VITE_SUPABASE_URL and VITE_SUPABASE_ANON_KEY set; the URL is that of a proxy on
    loopback, which writes down what the browser sends, preflights and websocket frames included. A built folder or an
    address has to have been built for http://127.0.0.1:PORT, and --port says which. Needs the extra `trace`.
    """
    from harness.cli import progress
    from harness.trace.browser.app import refuse_absent
    from harness.trace.browser.record import record as recorded
    from harness.trace.browser.scripts import read_script
    from harness.trace.lines import written
    from harness.trace.stage import stage

    refuse_absent(app)
    steps = read_script(script)
    given = {name: options[name] for name in ("target_file", "url", "allow_production")}
    with progress.watcher() as watcher, stage(watcher, **given) as target:
        chosen = {name: options[name] for name in ("person", "browser", "port", "app_port")}
        recording = recorded(app, steps, target, told=watcher.stage, **chosen)
    write_whole(out, written(recording))
    requests = sum(len(list(flow.requests)) for flow in recording.flows)
    click.echo(visible(f"{counted(requests, 'request')} in {counted(len(recording.flows), 'flow')}: {out}"))
