"""What stands under deploy/observe: Prometheus takes it, and each panel asks for a metric that a run has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from harness.core.tables import View
from harness.core.web_names import METRICS_TOKEN_ENV, WEB_PASSWORD_ENV
from harness.live.families import families
from tests.live.rig import told
from tests.reports import build

ROOT = Path(__file__).parents[2]
OBSERVE = ROOT / "deploy/observe"
BOARD = json.loads((OBSERVE / "grafana/dashboards/rehearsal.json").read_text())
PROMETHEUS = yaml.safe_load((OBSERVE / "prometheus.yml").read_text())
SOURCE = yaml.safe_load((OBSERVE / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"][0]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PROMTOOL = shutil.which("promtool")


def metric_names() -> set[str]:
    """What a run can show, under the names that Prometheus has for it."""
    run = build.realistic(slow=2.0, bad=0.02)
    run.manifest = run.manifest.model_copy(update={"slos": (build.latency_slo(), build.share_slo())})
    run.add(20, 3.0, operation="generator", view=View.LATENESS)
    names = set()
    for family in families(told(run, Path("/nonexistent"))[1]):
        if family.kind == "histogram":
            names |= {f"{family.name}_{part}" for part in ("bucket", "sum", "count")}
        else:
            names.add(f"{family.name}_total" if family.kind == "counter" else family.name)
    return names | {"harness_fault_active", "harness_sessions_late_total"}  # of a run that has some


def queries() -> list[tuple[str, str]]:
    return [(panel["title"], target["expr"]) for panel in BOARD["panels"] for target in panel["targets"]]


def test_each_panel_asks_for_what_a_run_shows() -> None:
    known = metric_names()
    assert len(queries()) >= 18
    for title, query in queries():
        promql_parser.parse(query)
        asked = set(re.findall(r"harness_[a-z_]+", query))
        assert asked, title
        assert asked <= known, f"{title}: {asked - known}"


def test_panels_have_a_place_of_their_own_and_the_provisioned_source() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, f"{panel['title']} lies over another"
        assert at["x"] + at["w"] <= 24
        taken |= cells
        assert {one["datasource"]["uid"] for one in (panel, *panel["targets"])} == {SOURCE["uid"]}
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


def test_compose_mounts_files_that_are_there_and_keeps_passwords_out_of_them() -> None:
    all_: dict[str, Any] = COMPOSE["services"]
    services = {name: one for name, one in all_.items() if one.get("profiles") == ["observe"]}
    assert set(services) == {"prometheus", "grafana"}
    for service in services.values():
        assert re.fullmatch(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", service["image"]), "a version, not the latest"
        for mount in service["volumes"]:
            source, _, mode = mount.split(":")
            assert (ROOT / source).exists(), source
            assert mode == "ro"
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:")
    assert services["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD"] == f"${{{WEB_PASSWORD_ENV}:-}}"
    assert COMPOSE["secrets"]["metrics_token"] == {"environment": METRICS_TOKEN_ENV}
    assert services["prometheus"]["secrets"] == ["metrics_token"]
    (job,) = PROMETHEUS["scrape_configs"]
    assert job["authorization"]["credentials_file"] == "/run/secrets/metrics_token"
    assert job["static_configs"][0]["targets"] == ["master:8089"]
    assert SOURCE["url"] == "http://prometheus:9090"
    assert "127.0.0.1:8089:8089" in COMPOSE["services"]["master"]["ports"]


def test_the_keys_that_compose_needs_are_made_with_the_others() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "harness", "sandbox", "keys"], capture_output=True, text=True, check=True, timeout=60
    )
    keys = dict(line.split("=", 1) for line in made.stdout.splitlines())
    assert len(keys[WEB_PASSWORD_ENV]) >= 16
    assert len(keys[METRICS_TOKEN_ENV]) >= 16
    assert keys[WEB_PASSWORD_ENV] != keys[METRICS_TOKEN_ENV]


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool on PATH (Debian: package prometheus)")
def test_promtool_takes_the_configuration(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-token")
    config = tmp_path / "prometheus.yml"
    config.write_text((OBSERVE / "prometheus.yml").read_text().replace("/run/secrets/metrics_token", str(token)))
    done = subprocess.run([str(PROMTOOL), "check", "config", str(config)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
