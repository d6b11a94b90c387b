"""`harness chaos`: the fault-injecting proxy."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click


@click.group()
def chaos() -> None:
    """Faults between the phones and the target."""


@chaos.command("proxy")
@click.option("--upstream", help="Make a proxy to HOST:PORT, or to https://HOST as a reverse proxy.")
@click.option("--listen", default="127.0.0.1:0", show_default=True, help="Where that proxy listens; 0 is a free port.")
@click.option("--name", default="target", show_default=True, help="Its name in the API.")
@click.option("--api", default="127.0.0.1:8474", show_default=True, help="Where the Toxiproxy-compatible API listens.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of every draw: the same seed hits the same ones.")
@click.option("--lease", "lease_s", type=float, help="Seconds after which any fault ends unless it is renewed.")
@click.option("--allow-remote", is_flag=True, help="Listen elsewhere than on loopback. The API has no password.")
@click.option("--metrics", is_flag=True, help="Serve GET /metrics for Prometheus.")
def chaos_proxy(**options: Any) -> None:
    """Run the fault-injecting proxy and stay until Ctrl-C."""
    from chaos.proxy.command import ProxyOptions, run

    options["upstream"] = options["upstream"] or ""

    def ready(where: Mapping[str, Any]) -> None:
        click.echo(f"API: {where['api']}")
        for name, address in where["proxies"].items():
            click.echo(f"proxy {name}: {address} -> {options['upstream']}")
        click.echo("Ctrl-C stops it; `harness chaos clear` ends every fault at once.", err=True)

    sys.exit(run(ProxyOptions(**options), ready))


@chaos.command("clear")
@click.option("--api", default="http://127.0.0.1:8474", show_default=True, help="URL of the proxy's API.")
def chaos_clear(api: str) -> None:
    """End every fault of a running proxy at once."""
    from chaos.client import ClientError, Toxiproxy
    from harness.core.errors import TargetError

    with Toxiproxy(api if "://" in api else f"http://{api}") as server:
        try:
            click.echo(f"{server.clear()} faults ended")
        except ClientError as error:
            raise TargetError(str(error)) from None
