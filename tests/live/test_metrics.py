"""Metrics in both forms, read by those who read them: Prometheus's parser, promtool, OpenTelemetry's own messages."""

from __future__ import annotations

import math
import shutil
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from harness.core.outcome import Outcome
from harness.core.tables import View
from harness.live.exposition import render
from harness.live.families import Family, HistogramPoint, Point, families
from harness.live.otlp import request
from harness.live.snapshot import Snapshot
from tests.live.rig import told
from tests.reports import build

PROMTOOL = shutil.which("promtool")
SLOS = (build.latency_slo(), build.latency_slo("swipe_deck", 300, view=View.E2E), build.share_slo())


@pytest.fixture(scope="module")
def now() -> Snapshot:
    run = build.realistic(slow=2.0, bad=0.02)
    run.manifest = run.manifest.model_copy(update={"slos": SLOS})
    for second in range(build.START, build.START + 4):
        run.add(second, 5.0, outcome=Outcome.TIMEOUT, number=1)
    run.gauges = [{"second": 70, "worker": 0, "what": "sockets", "value": 7}]
    return told(run, Path("/nonexistent"))[1]


def test_prometheus_reads_what_the_snapshot_says(now: Snapshot) -> None:
    read = {family.name: family for family in text_string_to_metric_families(render(families(now)))}
    assert len(read) == len(families(now))

    def value(name: str, **labels: str) -> float:
        (found,) = [
            one.value for one in read[name.removesuffix("_total")].samples if labels.items() <= one.labels.items()
        ]
        return float(found)

    feed = now.slos[0]
    assert value("harness_slo_latency_seconds", slo=feed.name) == pytest.approx((feed.value or 0) / 1000)
    assert value("harness_slo_samples_total", slo=feed.name) == feed.samples
    assert value("harness_slo_bad_samples_total", slo=feed.name) == feed.bad
    assert value("harness_slo_stands", slo=feed.name, stands=str(feed.stands)) == 1
    assert value("harness_realtime_sockets") == 7
    assert value("harness_samples_total", view="server", outcome="timeout") >= 4
    histogram = [
        one for one in read["harness_operation_duration_seconds"].samples if one.labels["operation"] == "home_feed"
    ]
    buckets = {one.labels["le"]: one.value for one in histogram if one.name.endswith("_bucket")}
    ordered = [buckets[le] for le in sorted(buckets, key=float)]
    assert ordered == sorted(ordered), "cumulative"
    assert buckets["+Inf"] == feed.samples
    assert buckets["0.4"] == feed.samples - feed.bad, "the objective's limit is one of its bounds"


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool on PATH (Debian: package prometheus)")
def test_promtool_finds_nothing_wrong(now: Snapshot) -> None:
    done = subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=render(families(now)), capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


names = st.text(min_size=1, max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False, width=64)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(names, numbers), min_size=1, max_size=5, unique_by=lambda pair: pair[0]), names)
def test_no_name_of_a_run_breaks_the_text(points: list[tuple[str, float]], help_: str) -> None:
    """Label values are other people's words: line ends, quotes and backslashes in them end no line."""
    clean = [(name.replace("\r", "").replace("\x00", ""), value) for name, value in points]
    made = Family(
        "a_b", "gauge", help_.replace("\r", ""), tuple(Point(value, (("slo", name),)) for name, value in clean)
    )
    text = render([made])
    (family,) = text_string_to_metric_families(text)
    assert [one.value for one in family.samples] == [value for _, value in clean]
    if not any("\\" in name for name, _ in clean):
        assert [one.labels["slo"] for one in family.samples] == [name for name, _ in clean]


def test_opentelemetry_reads_the_same(now: Snapshot) -> None:
    told_to = request(families(now), zero_epoch_s=1_800_000_000.5, at_s=now.at_s, run_id=now.run_id, version="1")
    message = ParseDict(orjson.loads(orjson.dumps(told_to)), ExportMetricsServiceRequest())
    (resource,) = message.resource_metrics
    about = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert about["service.name"] == "movinesta-harness"
    assert about["service.instance.id"] == now.run_id
    metrics: dict[str, Any] = {one.name: one for one in resource.scope_metrics[0].metrics}
    assert len(metrics) == len(families(now)), "no two have one name"
    sockets = metrics["harness.realtime.sockets"].gauge.data_points[0]
    assert sockets.as_double == 7
    assert sockets.time_unix_nano == round((1_800_000_000.5 + now.at_s) * 1e9)
    samples = metrics["harness.slo.samples"].sum
    assert (samples.is_monotonic, samples.aggregation_temporality) == (True, 2)
    assert {one.as_int for one in samples.data_points} == {slo.samples for slo in now.slos}
    feed = next(
        one
        for one in metrics["harness.operation.duration"].histogram.data_points
        if {label.value.string_value for label in one.attributes} == {"home_feed", "server"}
    )
    assert sum(feed.bucket_counts) == feed.count == now.slos[0].samples
    assert len(feed.bucket_counts) == len(feed.explicit_bounds) + 1


def test_a_histogram_without_samples_is_one(now: Snapshot) -> None:
    empty = Family("h", "histogram", "x", (HistogramPoint((0.1, 1.0), (0, 0), 0, 0.0, (("operation", "a"),)),))
    (family,) = text_string_to_metric_families(render([empty]))
    assert [one.value for one in family.samples] == [0, 0, 0, 0, 0]
    message = ParseDict(
        request([empty], zero_epoch_s=1.0, at_s=-1.0, run_id="r", version="1"), ExportMetricsServiceRequest()
    )
    assert list(message.resource_metrics[0].scope_metrics[0].metrics[0].histogram.data_points[0].bucket_counts) == [
        0,
        0,
        0,
    ]


def test_every_family_says_what_it_is(now: Snapshot) -> None:
    for family in families(now):
        assert family.help.endswith("."), family.name
        assert family.name.startswith("harness_")
        assert not family.name.endswith("_total")
        assert all(isinstance(point, HistogramPoint) or math.isfinite(point.value) for point in family.points)
