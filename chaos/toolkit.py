"""Actions and probes for Chaos Toolkit experiments, and our journal in the shape of theirs.

An experiment names this module: `"provider": {"type": "python", "module": "chaos.toolkit", "func": "inject", ...}`.
The server is `configuration["chaos_proxy_url"]`, by default http://127.0.0.1:8474; it may be a real Toxiproxy, without
leases and counts. Nothing of Chaos Toolkit is imported: install it with the extra `chaostoolkit`. Every function fails
its activity with ClientError when the server refuses.
"""

from __future__ import annotations

import platform as machine
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from chaos.client import DEFAULT_URL, Toxiproxy
from chaos.proxy.journal import JournalEntry, JournalEvent

__all__ = [
    "bring_up",
    "change",
    "clear",
    "fault_hits",
    "heartbeat",
    "inject",
    "is_clean",
    "remove",
    "running_faults",
    "take_down",
]

Configuration = Mapping[str, Any]
HOLDER = "chaostoolkit"
DEFAULT_LEASE_S = 300.0
"""An experiment that dies leaves its faults behind for so long at most."""


def _server(configuration: Configuration | None) -> Toxiproxy:
    url = (configuration or {}).get("chaos_proxy_url") or DEFAULT_URL
    return Toxiproxy(str(url), holder=HOLDER)


# ---- actions ----------------------------------------------------------------------------------------------------


def inject(
    fault: str,
    attributes: dict[str, Any] | None = None,
    proxy: str = "target",
    share: float = 1.0,
    stream: str = "downstream",
    name: str = "",
    lease_s: float = DEFAULT_LEASE_S,
    configuration: Configuration | None = None,
) -> str:
    """Begin a fault; its name, for `change` and `remove`. It ends by itself after `lease_s` without a heartbeat."""
    with _server(configuration) as server:
        made = server.add_toxic(proxy, fault, attributes, name=name, stream=stream, toxicity=share, lease_s=lease_s)
        return made.name


def change(
    name: str,
    attributes: dict[str, Any] | None = None,
    share: float | None = None,
    proxy: str = "target",
    configuration: Configuration | None = None,
) -> bool:
    """Change a running fault's parameters or share; what is not named keeps its value."""
    with _server(configuration) as server:
        server.update_toxic(proxy, name, attributes, toxicity=share)
        return True


def remove(name: str, proxy: str = "target", configuration: Configuration | None = None) -> bool:
    """End one fault."""
    with _server(configuration) as server:
        server.remove_toxic(proxy, name)
        return True


def take_down(
    proxy: str = "target", lease_s: float = DEFAULT_LEASE_S, configuration: Configuration | None = None
) -> bool:
    """Refuse new connections and end the present ones, until `bring_up` or the end of the lease."""
    with _server(configuration) as server:
        return not server.update(proxy, enabled=False, lease_s=lease_s).enabled


def bring_up(proxy: str = "target", configuration: Configuration | None = None) -> bool:
    """Accept connections again."""
    with _server(configuration) as server:
        return server.update(proxy, enabled=True).enabled


def heartbeat(configuration: Configuration | None = None) -> int:
    """Renew the leases of this experiment's faults: how many. 0 on a server without leases."""
    with _server(configuration) as server:
        return server.heartbeat() or 0


def clear(configuration: Configuration | None = None) -> int:
    """End every fault at once: how many. What a rollback calls."""
    with _server(configuration) as server:
        return server.clear()


# ---- probes -----------------------------------------------------------------------------------------------------


def running_faults(configuration: Configuration | None = None) -> int:
    """How many faults there are: toxics, and proxies that are down."""
    with _server(configuration) as server:
        return sum(len(proxy.toxics) + (not proxy.enabled) for proxy in server.proxies().values())


def is_clean(configuration: Configuration | None = None) -> bool:
    """Whether nothing is wrong: a steady state's tolerance is true."""
    return running_faults(configuration) == 0


def fault_hits(name: str, proxy: str = "target", configuration: Configuration | None = None) -> int:
    """What the fault has hit so far: connections, requests or messages. 0 when the journal does not know it."""
    with _server(configuration) as server:
        entries = [entry for entry in server.journal() if (entry.proxy, entry.toxic) == (proxy, name)]
    return entries[-1].hits if entries else 0


# ---- the journal ------------------------------------------------------------------------------------------------


def journal(entries: Sequence[JournalEntry], *, title: str = "chaos proxy") -> dict[str, Any]:
    """Entries of the proxy's journal as a Chaos Toolkit journal: one activity a fault that ended, ours under x-harness.

    Times are UTC in ISO 8601, as there. What was not run by Chaos Toolkit has no hypothesis, so its steady states are
    empty and `deviated` is false.
    """
    runs = [_activity(began, ended) for began, ended in _pairs(entries)]
    start, end = (entries[0].at, entries[-1].at) if entries else (0.0, 0.0)
    return {
        "chaoslib-version": "",
        "platform": machine.platform(),
        "node": machine.node(),
        "experiment": {"version": "1.0.0", "title": title, "description": "Faults of the chaos proxy.", "method": []},
        "start": _iso(start),
        "status": "completed",
        "deviated": False,
        "steady_states": {"before": None, "after": None, "during": []},
        "run": runs,
        "rollbacks": [],
        "end": _iso(end),
        "duration": end - start,
        "x-harness": {"journal": [asdict(entry) for entry in entries]},
    }


def _pairs(entries: Sequence[JournalEntry]) -> list[tuple[JournalEntry, JournalEntry]]:
    """Start and end of each toxic that has both."""
    began: dict[tuple[str, str], JournalEntry] = {}
    pairs = []
    for entry in entries:
        key = (entry.proxy, entry.toxic)
        if entry.event is JournalEvent.STARTED:
            began[key] = entry
        elif entry.event is JournalEvent.ENDED and key in began:
            pairs.append((began.pop(key), entry))
    return pairs


def _activity(began: JournalEntry, ended: JournalEntry) -> dict[str, Any]:
    arguments = {
        "fault": began.type,
        "attributes": dict(began.attributes),
        "proxy": began.proxy,
        "share": began.toxicity,
        "stream": began.stream,
        "name": began.toxic,
    }
    provider = {"type": "python", "module": "chaos.toolkit", "func": "inject", "arguments": arguments}
    return {
        "activity": {"type": "action", "name": began.toxic, "provider": provider},
        "output": {"hits": ended.hits, "seen": ended.seen, "ended by": ended.why},
        "status": "succeeded",
        "start": _iso(began.at),
        "end": _iso(ended.at),
        "duration": ended.at - began.at,
    }


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat()
