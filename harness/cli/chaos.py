"""`harness chaos`: the fault-injecting proxy."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from chaos.proxy.options import ProxyOptions, proxy_options
from harness.cli.arguments import HttpUrl
from harness.core.counted import counted
from harness.core.visible import visible


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
            click.echo(visible(f"proxy {name}: {address} -> {options['upstream']}"))
        click.echo("Ctrl-C stops it; `harness chaos clear` ends every fault at once.", err=True)

    sys.exit(run(ProxyOptions(**options), ready))


@chaos.command("clear")
@click.option(
    "--api", type=HttpUrl(bare=True), default="http://127.0.0.1:8474", show_default=True, help="URL of the proxy's API."
)
@click.option("--target", "target_file", type=click.Path(), help="Target file (TOML) that lists the API's host.")
@click.option("--allow-production", is_flag=True, help="Needed for a target whose environment is production.")
def chaos_clear(api: str, target_file: str | None, allow_production: bool) -> None:
    """End every fault of a running proxy at once. It is on this machine, or its host is listed in a target file."""
    from chaos.client import ClientError, InvalidApiUrl
    from harness.config.load import load_target
    from harness.core.errors import TargetError, UsageError
    from harness.core.target_guard import permit
    from harness.egress.gate import LOOPBACK, Gate
    from harness.egress.proxy_api import proxy_api

    gate = LOOPBACK
    if target_file:
        gate = Gate(permit(load_target(target_file), peak_phones=0, allow_production=allow_production).reach)
    try:
        with proxy_api(gate, api if "://" in api else f"http://{api}", where="--api") as server:
            click.echo(f"{counted(server.clear(), 'fault')} ended")
    except InvalidApiUrl as error:
        raise UsageError(str(error), where="--api") from None
    except ClientError as error:
        raise TargetError(str(error)) from None
