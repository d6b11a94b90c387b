"""Metrics as OpenTelemetry takes them: the JSON of OTLP/HTTP, `ExportMetricsServiceRequest`. (pure)

OpenTelemetry Protocol 1.x, "JSON Protobuf Encoding": names in lowerCamelCase, 64-bit integers as texts, enumerations as
numbers. Sums are cumulative since the run's zero. Names lose their Prometheus endings, which a collector adds again.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from harness.live.families import Family, HistogramPoint, Labels, Point

SERVICE = "movinesta-harness"
CUMULATIVE = 2


def request(
    families: Iterable[Family], *, zero_epoch_s: float, at_s: float, run_id: str, version: str
) -> dict[str, Any]:
    """zero_epoch_s: when the run's zero was; at_s: seconds since then."""
    start, now = round(zero_epoch_s * 1e9), round((zero_epoch_s + max(at_s, 0.0)) * 1e9)
    about = (("service.name", SERVICE), ("service.version", version), ("service.instance.id", run_id))
    return {
        "resourceMetrics": [
            {
                "resource": {"attributes": _attributes(about)},
                "scopeMetrics": [
                    {
                        "scope": {"name": "harness.live", "version": version},
                        "metrics": [_metric(family, start, now) for family in families],
                    }
                ],
            }
        ]
    }


def _metric(family: Family, start: int, now: int) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "name": family.name.removesuffix("_seconds").replace("_", "."),
        "description": family.help,
        "unit": family.unit,
    }
    points = [
        _histogram(point, start, now) if isinstance(point, HistogramPoint) else _point(family, point, start, now)
        for point in family.points
    ]
    if family.kind == "gauge":
        return {**shape, "gauge": {"dataPoints": points}}
    if family.kind == "counter":
        return {**shape, "sum": {"dataPoints": points, "aggregationTemporality": CUMULATIVE, "isMonotonic": True}}
    return {**shape, "histogram": {"dataPoints": points, "aggregationTemporality": CUMULATIVE}}


def _point(family: Family, point: Point, start: int, now: int) -> dict[str, Any]:
    told: dict[str, Any] = {"attributes": _attributes(point.labels), "timeUnixNano": str(now)}
    if family.kind == "counter":
        return {**told, "startTimeUnixNano": str(start), "asInt": str(int(point.value))}
    return {**told, "asDouble": float(point.value)}


def _histogram(point: HistogramPoint, start: int, now: int) -> dict[str, Any]:
    edges = [0, *point.at_most, point.samples]
    return {
        "attributes": _attributes(point.labels),
        "startTimeUnixNano": str(start),
        "timeUnixNano": str(now),
        "count": str(point.samples),
        "sum": point.total,
        "bucketCounts": [str(after - before) for before, after in pairwise(edges)],
        "explicitBounds": list(point.bounds),
    }


def _attributes(labels: Labels) -> list[dict[str, Any]]:
    return [{"key": name, "value": {"stringValue": value}} for name, value in labels]
