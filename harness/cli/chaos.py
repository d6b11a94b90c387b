"""`harness chaos`: the fault-injecting proxy."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from chaos.proxy.options import ProxyOptions, proxy_options
from harness.cli.arguments import HttpUrl


@click.group()
def chaos() -> None:
    """Faults between the phones and the target."""


@chaos.command("proxy")
@proxy_options
def chaos_proxy(**options: Any) -> None:
    """Run the fault-injecting proxy and stay until Ctrl-C."""
    from chaos.proxy.command import run

    def ready(where: Mapping[str, Any]) -> None:
        click.echo(f"API: {where['api']}")
        for name, address in where["proxies"].items():
            click.echo(f"proxy {name}: {address} -> {options['upstream']}")
        click.echo("Ctrl-C stops it; `harness chaos clear` ends every fault at once.", err=True)

    sys.exit(run(ProxyOptions(**options), ready))


@chaos.command("clear")
@click.option(
    "--api", type=HttpUrl(bare=True), default="http://127.0.0.1:8474", show_default=True, help="URL of the proxy's API."
)
def chaos_clear(api: str) -> None:
    """End every fault of a running proxy at once."""
    from chaos.client import ClientError, InvalidApiUrl, Toxiproxy
    from harness.core.errors import TargetError, UsageError

    try:
        with Toxiproxy(api if "://" in api else f"http://{api}") as server:
            click.echo(f"{server.clear()} faults ended")
    except InvalidApiUrl as error:
        raise UsageError(str(error), where="--api") from None
    except ClientError as error:
        raise TargetError(str(error)) from None
