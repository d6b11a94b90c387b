"""`harness slo export`: read back by parsers of YAML and PromQL, and held against the promises behind it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from click.testing import CliRunner

from harness.alerts.burn_rates import BURN_RATES, WINDOWS
from harness.alerts.queries import Metrics, identifier, promises
from harness.cli import cli
from harness.config.load import load_slo_file
from harness.core.errors import UsageError
from harness.core.outcome import Outcome
from harness.core.slo import LatencySlo
from harness.core.tables import View
from tests.reports import build

DURATION = re.compile(r"([0-9]+(ms|[smhdwy]))+")
METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
SLOS = load_slo_file()


def exported(*arguments: str) -> str:
    done = CliRunner().invoke(cli, ["slo", "export", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def groups() -> list[dict[str, Any]]:
    return list(yaml.safe_load(exported("--prometheus"))["groups"])


def rules(groups: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def test_it_is_a_rule_file_as_prometheus_reads_one(groups: list[dict[str, Any]]) -> None:
    """What promtool's `check rules` asks: unique groups, a record or an alert, names, durations, PromQL that parses."""
    names = [group["name"] for group in groups]
    assert len(names) == len(set(names)) == len(SLOS.slo) + 1
    seen = set()
    for group in groups:
        assert set(group) == {"name", "rules"}
        for rule in group["rules"]:
            assert ("record" in rule) != ("alert" in rule)
            assert set(rule) <= {"record", "alert", "expr", "for", "labels", "annotations"}
            if "record" in rule:
                assert METRIC.fullmatch(rule["record"])
                assert not {"for", "annotations"} & set(rule)
            assert DURATION.fullmatch(rule.get("for", "5m"))
            words = {**rule.get("labels", {}), **rule.get("annotations", {})}
            assert all(isinstance(value, str) for value in words.values())
            promql_parser.parse(rule["expr"])
            key = (rule.get("record") or rule["alert"], tuple(sorted(rule.get("labels", {}).items())))
            assert key not in seen
            seen.add(key)


def test_the_parser_refuses_what_is_no_promql() -> None:
    """Otherwise the test above says nothing."""
    for wrong in ("sum(rate(a[5m])", "a{b=c}", "rate(a[5 minutes])", "a > > 1"):
        with pytest.raises(ValueError, match=r"."):
            promql_parser.parse(wrong)


def test_every_promise_is_there_and_alerts_read_recorded_series_alone(groups: list[dict[str, Any]]) -> None:
    recorded = {(rule["record"], rule.get("labels", {}).get("slo")) for rule in rules(groups, "record")}
    for slo in SLOS.slo:
        for window in WINDOWS:
            assert (f"slo:bad_ratio:rate{window}", identifier(slo.name)) in recorded
    for alert in rules(groups, "alert"):
        for series, slo_name in re.findall(r'([a-z_]+:[a-z_:0-9]+)(?:\{slo="([^"]+)"\})?', alert["expr"]):
            assert (series, slo_name or None) in recorded, alert


def test_thresholds_are_the_budget_times_the_burn_rate(groups: list[dict[str, Any]]) -> None:
    found = {
        (rule["alert"], rule["labels"]["slo"]): re.findall(r"rate(\w+)\{[^}]*\} > ([0-9.e-]+)", rule["expr"])
        for rule in rules(groups, "alert")
        if rule["alert"].startswith("SloBurn")
    }
    for slo, budget in (("home-feed-server", 0.05), ("server-errors-on-hot-endpoints", 0.005)):
        for burn in BURN_RATES:
            pairs = found[f"SloBurn{burn.severity.capitalize()}{burn.long}", slo]
            assert [window for window, _ in pairs] == [burn.long, burn.short]
            assert all(float(value) == pytest.approx(burn.rate * budget, rel=1e-5) for _, value in pairs)


def test_the_manuals_other_alerts_are_there(groups: list[dict[str, Any]]) -> None:
    names = {rule["alert"] for rule in rules(groups, "alert")}
    assert {
        "DatabaseConnectionsNearLimit",
        "DatabaseWriteSpike",
        "RealtimeListChangesDominates",
        "SloSustained",
    } <= names
    (sustained,) = [
        rule
        for rule in rules(groups, "alert")
        if rule["alert"] == "SloSustained" and rule["labels"]["slo"] == "server-errors-on-hot-endpoints"
    ]
    assert (sustained["for"], sustained["expr"].endswith("> 0.005")) == ("300s", True)


def test_open_slo_documents_are_whole_and_refer_to_each_other() -> None:
    """The requirements of OpenSLO v1 for each kind, one by one."""
    documents = list(yaml.safe_load_all(exported("--openslo", "--service", "Film app")))
    by_kind: dict[str, dict[str, dict[str, Any]]] = {}
    for one in documents:
        assert set(one) == {"apiVersion", "kind", "metadata", "spec"}
        assert one["apiVersion"] == "openslo/v1"
        assert NAME.fullmatch(one["metadata"]["name"])
        assert one["metadata"]["name"] not in by_kind.setdefault(one["kind"], {})
        by_kind[one["kind"]][one["metadata"]["name"]] = one["spec"]
    assert list(by_kind["Service"]) == ["film-app"]
    assert set(by_kind["SLO"]) == {identifier(slo.name) for slo in SLOS.slo}
    for spec in by_kind["SLO"].values():
        assert spec["service"] == "film-app"
        assert spec["budgetingMethod"] == "Occurrences"
        (window,) = spec["timeWindow"]
        assert DURATION.fullmatch(window["duration"])
        (objective,) = spec["objectives"]
        assert 0 < objective["target"] < 1
        ratio = spec["indicator"]["spec"]["ratioMetric"]
        assert set(ratio) == {"counter", "bad", "total"}
        for side in ("bad", "total"):
            promql_parser.parse(ratio[side]["metricSource"]["spec"]["query"])
        assert spec["alertPolicies"]
        assert set(spec["alertPolicies"]) <= set(by_kind["AlertPolicy"])
        assert len(spec["description"]) <= 1050
    for policy in by_kind["AlertPolicy"].values():
        (condition,) = policy["conditions"]
        assert set(condition["spec"]["condition"]) == {"kind", "op", "threshold", "lookbackWindow", "alertAfter"}
        assert {one["targetRef"] for one in policy["notificationTargets"]} <= set(by_kind["AlertNotificationTarget"])


def test_metrics_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    exported("--prometheus", "--server-metric", "edge:latency", "--operation-label", "route", "--write", str(path))
    text = path.read_text(encoding="utf-8")
    assert 'edge:latency_bucket{route=\\"home_feed\\"' in text
    assert "http_server_request" not in text
    with pytest.raises(UsageError, match="no name that Prometheus takes"):
        Metrics(server='a{b="c"}')


def test_what_cannot_be_watched_is_said() -> None:
    unseen = build.share_slo(outcomes=(Outcome.TIMEOUT, Outcome.SOFT_FAILURE))
    nothing = build.share_slo(0.0, name="never")
    found, left = promises((unseen, nothing, build.latency_slo()), Metrics())
    assert [one.name for one in found] == ["home_feed server"]
    assert "no status code shows timeout, soft_failure" in left[0]
    assert "allows nothing" in left[1]
    (partly,), _ = promises((build.share_slo(outcomes=(Outcome.SERVER_ERROR, Outcome.NETWORK)),), Metrics())
    assert partly.unseen == "no status code shows network"


def test_a_burn_rate_that_nothing_can_reach_is_left_out() -> None:
    """A median may be missed by half: no outage burns that budget fourteen times too fast."""
    half = LatencySlo(name="Median", operation="home_feed", view=View.SERVER, percentile=50, limit_ms=100)
    (promise,), _ = promises((half,), Metrics())
    assert [burn.threshold(promise.budget) for burn in BURN_RATES] == [None, None, None, 0.5]


def test_names_of_other_scripts_and_signs_are_kept_apart_and_are_no_template(tmp_path: Path) -> None:
    """Two groups of one name, or an annotation that is a template, and Prometheus takes none of the file."""
    names = ("Лента", "Матчи", "Feed!", "Feed?", "{{ $labels.job }} under {{.Value}}", "x" * 70 + "1", "x" * 70 + "2")
    slos = "".join(
        f'[[slo]]\nkind = "latency"\nname = "{name}"\noperation = "home_feed"\nview = "server"\nlimit_ms = 300\n'
        for name in names
    )
    (tmp_path / "slo.toml").write_text(slos, encoding="utf-8")
    found = yaml.safe_load(exported("--prometheus", "--slo", str(tmp_path / "slo.toml")))["groups"]
    groups = [one["name"] for one in found]
    assert len(set(groups)) == len(groups) == len(names) + 1
    assert all(NAME.fullmatch(name.removeprefix("slo-")) for name in groups)
    told = [text for group in found for rule in group["rules"] for text in rule.get("annotations", {}).values()]
    assert [text for text in told if "$labels" in text]
    assert not [text for text in told if "{{" in text.replace('{{ "{{" }}', "")]
