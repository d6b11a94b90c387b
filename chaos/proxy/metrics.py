"""Prometheus text of Toxiproxy's two counters, counted as bytes pass and not when a connection ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chaos.proxy.proxy import Proxy
from chaos.proxy.toxic import Direction


def render(proxies: Iterable[Proxy]) -> str:
    """The text exposition format, version 0.0.4."""
    shown = list(proxies)
    return "".join([*_family("received", shown), *_family("sent", shown)])


def _family(what: str, proxies: Iterable[Proxy]) -> Iterator[str]:
    name = f"toxiproxy_proxy_{what}_bytes_total"
    yield f"# HELP {name} Bytes {what}, by direction.\n# TYPE {name} counter\n"
    for proxy in proxies:
        for direction in Direction:
            labels = {
                "direction": direction.name.lower(),
                "listener": proxy.listen,
                "proxy": proxy.name,
                "upstream": proxy.upstream.text,
            }
            shown = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
            count = proxy.received(direction) if what == "received" else proxy.sent(direction)
            yield f"{name}{{{shown}}} {count}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
