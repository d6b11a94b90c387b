"""What counts as bad in a running system, as PromQL. (pure)

The harness measures at the client, a running system in front of its functions or in its app; so a promise is asked of
one of two histograms:

- server view: one request. By default OpenTelemetry's `http.server.request.duration` as Prometheus names it, with its
  status code. Failures that never became an answer (a timeout at the client, a broken network) are not in it, and what
  failed inside a 200 is not either; both are said.
- e2e and delivery: what the app itself tells. By default `app_operation_duration_seconds`, with an outcome.

Both carry the operation as a label, in the harness's names; docs/alerts.md shows how to relabel a route to one.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from harness.core.errors import UsageError
from harness.core.outcome import Outcome
from harness.core.slo import LatencySlo, ShareSlo, Slo
from harness.core.tables import View

_STATUS: dict[Outcome, str] = {
    Outcome.SERVER_ERROR: "5..",
    Outcome.RATE_LIMITED: "429",
    Outcome.AUTH: "401|403",
    Outcome.CONFLICT: "409",
    Outcome.CLIENT_ERROR: "4..",
}
"""What of an outcome a server's status code shows; of all others it shows nothing."""
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True, slots=True)
class Metrics:
    """Names in the system that is watched: histograms (without `_bucket`) in seconds, and labels.

    :raises UsageError: one is no name that Prometheus takes.
    """

    server: str = "http_server_request_duration_seconds"
    client: str = "app_operation_duration_seconds"
    operation: str = "operation"
    status: str = "http_response_status_code"
    outcome: str = "outcome"

    def __post_init__(self) -> None:
        for name in (self.server, self.client, self.operation, self.status, self.outcome):
            if not _METRIC.fullmatch(name):
                raise UsageError(
                    f"{name!r:.80} is no name that Prometheus takes",
                    where="harness slo export",
                    remedy="letters, digits, underscores and colons, no digit first",
                )


@dataclass(frozen=True, slots=True)
class Promise:
    """One SLO as a ratio. budget: share that may be bad. bad, total: PromQL with `$window` for the range.

    id: for labels and names of rules. unseen: what of the promise the metric cannot show.
    """

    id: str
    name: str
    text: str
    budget: float
    bad: str
    total: str
    sustained_s: float | None
    unseen: str = ""


def promises(slos: tuple[Slo, ...], metrics: Metrics) -> tuple[list[Promise], list[str]]:
    """Those that can be asked, and why others cannot, in words."""
    found: list[Promise] = []
    left: list[str] = []
    for slo in slos:
        promise = _latency(slo, metrics) if isinstance(slo, LatencySlo) else _share(slo, metrics)
        if isinstance(promise, str):
            left.append(promise)
        else:
            found.append(replace(promise, id=_unused(promise.id, {one.id for one in found})))
    return found, left


def _unused(name: str, used: Collection[str]) -> str:
    """Names that differ only in what an identifier cannot hold (`Feed!`, `Feed?`, or of another script) are kept apart
    by a number."""
    numbered = (f"{name[:59]}-{number}" for number in itertools.count(2))
    return name if name not in used else next(one for one in numbered if one not in used)


def identifier(name: str) -> str:
    """A DNS label (RFC 1123), as OpenSLO wants names: `Home feed, server` is home-feed-server."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].rstrip("-") or "slo"


def _latency(slo: LatencySlo, metrics: Metrics) -> Promise:
    """Bad is what took longer than the limit, and what failed, however fast."""
    metric, good, unseen = _side(slo.view, metrics)
    named = f'{metrics.operation}="{slo.operation}"'
    total = f"sum(rate({metric}_count{{{named}}}[$window]))"
    fast = f'sum(rate({metric}_bucket{{{named},{good},le="{slo.limit_ms / 1000:g}"}}[$window]))'
    within = f"({fast} or 0 * {total})"  # in an outage there is no such series, and everything is bad
    return Promise(
        identifier(slo.name),
        slo.name,
        f"{slo.percentile:g} % of {slo.operation} ({slo.view}) under {slo.limit_ms:g} ms",
        round(1 - slo.percentile / 100, 9),
        f"({total} - {within})",
        total,
        slo.sustained_s,
        f"the histogram needs a bucket with the boundary {slo.limit_ms / 1000:g}" + (f"; {unseen}" if unseen else ""),
    )


def _share(slo: ShareSlo, metrics: Metrics) -> Promise | str:
    if slo.max_share == 0:
        return f"{slo.name}: allows nothing, and no budget can be spent; make it a page on the first bad event"
    named = f'{metrics.operation}=~"{"|".join(slo.operations)}"'
    unseen = ""
    if slo.view == View.SERVER:
        metric = metrics.server
        seen = [_STATUS[one] for one in slo.outcomes if one in _STATUS]
        hidden = [str(one) for one in slo.outcomes if one not in _STATUS]
        if not seen:
            return f"{slo.name}: no status code shows {', '.join(hidden)}"
        bad = f'{metrics.status}=~"{"|".join(seen)}"'
        unseen = f"no status code shows {', '.join(hidden)}" if hidden else ""
    else:
        metric = metrics.client
        bad = f'{metrics.outcome}=~"{"|".join(slo.outcomes)}"'
    total = f"sum(rate({metric}_count{{{named}}}[$window]))"
    # where nothing bad ever happened there is no such series, and that is a share of 0
    bad_rate = f"(sum(rate({metric}_count{{{named},{bad}}}[$window])) or 0 * {total})"
    return Promise(
        identifier(slo.name),
        slo.name,
        f"at most {slo.max_share * 100:g} % of {', '.join(slo.operations)} ({slo.view}) end in "
        f"{', '.join(slo.outcomes)}",
        slo.max_share,
        bad_rate,
        total,
        slo.sustained_s,
        unseen,
    )


def _side(view: View, metrics: Metrics) -> tuple[str, str, str]:
    """Histogram, what makes a sample an answer at all, and what is not in it."""
    if view == View.SERVER:
        return metrics.server, f'{metrics.status}!~"5.."', "requests without any answer are not in it"
    return metrics.client, f'{metrics.outcome}="ok"', ""
