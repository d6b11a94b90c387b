"""`harness slo`: the promises of an SLO file, for other systems."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.arguments import OutFile
from harness.cli.output_file import write_whole
from harness.core.counted import counted
from harness.core.visible import visible


@click.group()
def slo() -> None:
    """The promises of an SLO file, for other systems."""


@slo.command()
@click.option("--prometheus", "form", flag_value="prometheus", help="A rule file: recordings and burn-rate alerts.")
@click.option("--openslo", "form", flag_value="openslo", help="OpenSLO v1 documents.")
@click.option("--slo", "slo_file", type=click.Path(), help="SLO file (TOML) instead of the shipped one.")
@click.option("--server-metric", metavar="NAME", help="Histogram of requests, in seconds; OpenTelemetry's by default.")
@click.option("--client-metric", metavar="NAME", help="Histogram of what people do, told by the app.")
@click.option("--operation-label", metavar="NAME", help="Label that names the operation in both.")
@click.option("--service", default="movinesta", show_default=True, help="Its name in OpenSLO documents.")
@click.option("--write", "path", type=OutFile(), metavar="FILE", help="Write here instead of to standard output.")
def export(
    form: str | None,
    slo_file: str | None,
    server_metric: str | None,
    client_metric: str | None,
    operation_label: str | None,
    service: str,
    path: Path | None,
) -> None:
    """The same promises as alerts of a running system.

    And connections, write spikes and Realtime's change listing.

    Which metrics have to be there, and how their labels get the harness's names: docs/alerts.md.
    """
    from harness.alerts import open_slo, prometheus
    from harness.alerts.queries import Metrics, promises
    from harness.config.load import load_slo_file

    if form is None:
        raise click.UsageError("which form? --prometheus or --openslo")
    given = {"server": server_metric, "client": client_metric, "operation": operation_label}
    metrics = Metrics(**{name: value for name, value in given.items() if value is not None})
    slos = load_slo_file(slo_file) if slo_file else load_slo_file()
    found, left = promises(slos.slo, metrics)
    text = (
        prometheus.render(found, left, slos.database) if form == "prometheus" else open_slo.render(found, left, service)
    )
    if path is None:
        click.echo(text, nl=False)
    else:
        write_whole(path, text)
        click.echo(visible(f"{counted(len(found), 'promise')}: {path}"), err=True)
