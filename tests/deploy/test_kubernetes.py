"""Manifests and chart: valid by Kubernetes' own schemas, safe by ours, and what the one says the other says."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.kubernetes_manifests import CHART, PLAIN, rendered

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(PLAIN.glob("*.yaml"))
VERSIONS = ("1.29", "1.33", "1.37")
has_schemas = importlib.util.find_spec("kubernetes_validate") is not None
has_helm = importlib.util.find_spec("helm_python") is not None
needs_schemas = pytest.mark.skipif(not has_schemas, reason="kubernetes-validate is not installed (extra: dev)")
needs_helm = pytest.mark.skipif(not has_helm, reason="helm-python-sdk is not installed (scripts/test-tools.sh)")


def documents(text: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(text) if one]


def plain() -> list[dict[str, Any]]:
    return [one for path in FILES for one in documents(path.read_text(encoding="utf-8"))]


def assert_valid(manifests: list[dict[str, Any]]) -> None:
    """By the schemas of the API itself, strictly: an unknown or misspelt field is wrong."""
    import kubernetes_validate

    for manifest in manifests:
        if manifest["apiVersion"].startswith("cilium.io/"):
            continue  # no kind of Kubernetes' own
        for version in VERSIONS:
            kubernetes_validate.validate(manifest, version, strict=True)


def jobs(manifests: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, pod and container of each job."""
    for one in manifests:
        if one["kind"] == "Job":
            pod = one["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            yield one["metadata"]["name"], pod, container


def assert_safe(manifests: list[dict[str, Any]]) -> None:
    """What every pod of ours has to be."""
    found = list(jobs(manifests))
    assert len(found) == 2
    for _, pod, container in found:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
        assert [list(one) for one in container["envFrom"]] == [["secretRef"]], "secrets by reference"
        assert all(re.fullmatch(r"/tmp\S*|[0-9a-f.:,]+", one["value"]) for one in container["env"]), "and nowhere else"
        writable = {one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")}
        assert writable <= {"/runs", "/tmp"}
    assert not [one for one in manifests if one["kind"] == "Secret"]


def egress(manifests: list[dict[str, Any]], component: str) -> list[dict[str, Any]]:
    """What the policies let pods of a component do."""
    rules: list[dict[str, Any]] = []
    for one in manifests:
        if one["kind"] != "NetworkPolicy" or "Egress" not in one["spec"]["policyTypes"]:
            continue
        wanted = one["spec"]["podSelector"]["matchLabels"].get("app.kubernetes.io/component", component)
        rules += one["spec"]["egress"] if wanted == component else []
    return rules


@needs_schemas
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_manifest_is_valid(path: Path) -> None:
    assert_valid(documents(path.read_text(encoding="utf-8")))


@needs_schemas
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("readOnlyRootFilesystem", "readonlyRootFilesystem"),
        ("completionMode: Indexed", "completionMode: indexed: 1"),
        ("parallelism: 2", "parallelism: two"),
        ("- name: worker\n", "- names: worker\n"),
    ],
)
def test_a_wrong_field_would_be_seen(before: str, after: str) -> None:
    text = (PLAIN / "workers.yaml").read_text(encoding="utf-8")
    assert before in text
    with pytest.raises(Exception, match=r".") as caught:
        assert_valid(documents(text.replace(before, after)))
    assert type(caught.value).__name__ in ("ValidationError", "ScannerError"), caught.value


def test_pods_have_no_rights_and_no_secrets_of_their_own() -> None:
    assert_safe(plain())


def test_only_the_target_dns_and_the_master_can_be_reached() -> None:
    for component, more in (("worker", 1), ("master", 0)):
        rules = egress(plain(), component)
        cidrs = [to["ipBlock"]["cidr"] for rule in rules for to in rule["to"] if "ipBlock" in to]
        assert cidrs == ["203.0.113.7/32"], "the target's"
        ports = sorted({port["port"] for rule in rules for port in rule["ports"]})
        assert ports == ([53, 443, 5557] if more else [53, 443])
        assert all(rule["to"] and rule["ports"] for rule in rules), "an empty rule would let everything through"
    of_all = next(one for one in plain() if one["kind"] == "NetworkPolicy" and one["metadata"]["name"] == "harness")
    assert of_all["spec"]["ingress"] == []
    assert of_all["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_as_many_workers_come_as_the_master_expects() -> None:
    by_name = {one["metadata"]["name"]: one for one in plain() if one["kind"] == "Job"}
    master, worker = by_name["harness-master"], by_name["harness-worker"]
    arguments = master["spec"]["template"]["spec"]["containers"][0]["args"]
    expected = int(arguments[arguments.index("--expect-workers") + 1])
    assert worker["spec"]["completions"] == worker["spec"]["parallelism"] == expected == 2
    assert worker["spec"]["completionMode"] == "Indexed"
    assert worker["spec"]["backoffLimit"] == master["spec"]["backoffLimit"] == 0, "a run is not begun twice"


def test_the_target_file_lists_the_master() -> None:
    (files,) = (one for one in plain() if one["kind"] == "ConfigMap")
    target = tomllib.loads(files["data"]["target.toml"])
    worker = next(container for name, _, container in jobs(plain()) if name == "harness-worker")
    master = worker["args"][worker["args"].index("--worker") + 1]
    assert target["limits"][master.partition(":")[0]] == {"private": True}


@needs_helm
def test_the_plain_manifests_are_what_the_chart_gives() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/kubernetes_manifests.py", "--check"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


VALUES: dict[str, dict[str, Any]] = {
    "by figures": {"workers": {"requestsPerSecond": 7000, "requestsPerSecondEach": 1500, "phones": 20_000}},
    "by phones": {"workers": {"requestsPerSecond": 10, "phones": 31_300}},
    "with everything": {
        "image": {"pullSecrets": ["registry"], "tag": "1"},
        "run": {"profile": "mine.toml", "arguments": ["--rebalance", "--scale", "0.5"]},
        "profiles": {"mine.toml": 'extends = "smoke"\nname = "mine"\n'},
        "workers": {"count": 3, "nodeSelector": {"pool": "load"}, "sourceAddresses": "10.0.0.1,10.0.0.2",
                    "tolerations": [{"key": "load", "operator": "Exists"}]},
        "master": {"runsClaim": "runs", "nodeSelector": {"pool": "load"}},
        "networkPolicy": {"database": {"cidrs": ["203.0.113.9/32"]},
                          "cilium": {"enabled": True, "hosts": ["staging.example.com"]}},
    },
}  # fmt: skip


@needs_helm
@needs_schemas
@pytest.mark.parametrize(("name", "workers"), [("by figures", 5), ("by phones", 4), ("with everything", 3)])
def test_the_chart_is_valid_and_safe_with_other_values(name: str, workers: int) -> None:
    manifests = [one for text in rendered(VALUES[name]).values() for one in documents(text)]
    assert_valid(manifests)
    assert_safe(manifests)
    job = next(one for one in manifests if one["kind"] == "Job" and one["metadata"]["name"] == "harness-worker")
    assert job["spec"]["parallelism"] == workers
    if name == "with everything":
        master = next(container for name, _, container in jobs(manifests) if name == "harness-master")
        assert master["args"][1] == "/etc/harness/mine.toml"
        assert master["args"][-3:] == ["--rebalance", "--scale", "0.5"]
        assert {"harness-hosts"} == {one["metadata"]["name"] for one in manifests if "cilium" in one["apiVersion"]}
        ports = {port["port"] for rule in egress(manifests, "master") for port in rule["ports"]}
        assert ports == {53, 443, 5432}


@needs_helm
@pytest.mark.parametrize(
    "values", [{"worker": {}}, {"workers": {"count": -1}}, {"networkPolicy": {"target": {"cidrs": ["203.0.113.7"]}}}]
)
def test_values_that_nobody_reads_are_refused(values: dict[str, Any]) -> None:
    from helm_python import HelmError

    with pytest.raises(HelmError):
        rendered(values)


def test_the_schema_of_values_knows_every_value() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))

    def covered(value: Any, of: dict[str, Any], path: str) -> None:
        of = schema["definitions"]["place"] if "$ref" in of else of
        if isinstance(value, dict) and of.get("additionalProperties") is False:
            assert set(value) <= set(of["properties"]), path
            for key, inner in value.items():
                covered(inner, of["properties"][key], f"{path}.{key}")

    covered(values, schema, "values")
