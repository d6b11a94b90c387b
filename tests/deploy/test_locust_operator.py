"""The Locust operator's resource: what the operator takes, as safe as our own jobs, with our own command lines."""

from __future__ import annotations

import copy
import importlib.util
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.core.run_token import TOKEN_ENV, new_token
from scripts.kubernetes_manifests import PLAIN
from tests.deploy.locust_operator import Role, arguments, job, refused
from tests.deploy.test_kubernetes import assert_valid, documents, jobs, needs_schemas, plain

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/locust-operator"
RECORD = PLAIN / "record"
START = FOLDER / "start.sh"
ROLES: tuple[Role, ...] = ("master", "worker")
needs_jsonschema = pytest.mark.skipif(
    importlib.util.find_spec("jsonschema") is None, reason="jsonschema is not installed (extra: dev)"
)


def resource() -> dict[str, Any]:
    (found,) = (
        one for one in documents((FOLDER / "run.yaml").read_text(encoding="utf-8")) if one["kind"] == "LocustTest"
    )
    return found


def started(words: list[str], folder: Path) -> list[str]:
    """The words that `harness` gets from the script that a container begins with."""
    (folder / "bin").mkdir(exist_ok=True)
    said = folder / "bin/harness"
    said.write_text('#!/bin/sh\nfor word; do printf "%s\\n" "$word"; done\n', encoding="utf-8")
    said.chmod(0o755)
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(_here(words), env={"PATH": path}, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.splitlines()


def _here(words: list[str]) -> list[str]:
    return [word.replace("/harness/deploy", str(ROOT / "deploy")) for word in words]


@needs_jsonschema
def test_the_operator_takes_the_resource() -> None:
    assert refused(resource()) == []


@needs_jsonschema
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda spec: spec["worker"].pop("replicas"), "'replicas' is a required property"),
        (lambda spec: spec["worker"].update(replicas=501), "501 is greater than the maximum"),
        (lambda spec: spec["master"].update(args=["run"]), "'args' was unexpected"),
        (lambda spec: spec["master"]["autoquit"].pop("enabled"), "'enabled' is a required property"),
        (lambda spec: spec["volumeMounts"][0].update(target="all"), "'all' is not one of"),
        (lambda spec: spec["volumeMounts"][0].update(name="filse"), "no volume is called filse"),
        (lambda spec: spec["volumeMounts"][0].update(mountPath="/lotest/src/x"), "the operator needs /lotest/src"),
        (lambda spec: spec["volumes"][0].update(name="secret-files"), "the operator needs the volume name"),
    ],
)
def test_a_wrong_field_would_be_seen(change: Callable[[dict[str, Any]], object], said: str) -> None:
    wrong = copy.deepcopy(resource())
    change(wrong["spec"])
    assert said in "\n".join(refused(wrong))


@needs_schemas
@pytest.mark.parametrize("role", ROLES)
def test_the_jobs_that_it_makes_are_valid(role: Role) -> None:
    assert_valid([job(resource(), role)])


@needs_schemas
def test_what_stands_beside_the_resource_is_valid() -> None:
    beside = documents((FOLDER / "run.yaml").read_text(encoding="utf-8"))
    assert_valid([one for one in beside if one["kind"] != "LocustTest"])


@pytest.mark.parametrize("role", ROLES)
def test_its_pods_have_what_those_of_our_own_jobs_have(role: Role) -> None:
    """The same rights, secrets, files and resources, and labels by which the same network policies hold them."""
    own_pod, own = next((pod, container) for name, pod, container in jobs(plain()) if name == f"harness-{role}")
    made = job(resource(), role)["spec"]["template"]
    (pod, container) = made["spec"], made["spec"]["containers"][0]
    assert pod["securityContext"] == own_pod["securityContext"]
    for part in ("image", "imagePullPolicy", "securityContext", "resources", "envFrom"):
        assert container[part] == own[part], part
    assert sorted(container["volumeMounts"], key=str) == sorted(own["volumeMounts"], key=str)
    given = {one["name"]: one["value"] for one in container["env"]}
    assert {name: value for name, value in given.items() if value} == {"HOME": "/tmp"}, "no secret in clear"
    beside = documents((FOLDER / "run.yaml").read_text(encoding="utf-8"))
    (account,) = (one for one in beside if one["kind"] == "ServiceAccount")
    assert account["metadata"]["name"] == "default", "the operator's pods name none"
    assert account["automountServiceAccountToken"] is False
    policies = [one for one in plain() if one["kind"] == "NetworkPolicy"]
    held = {
        one["metadata"]["name"]
        for one in policies
        if one["spec"]["podSelector"]["matchLabels"].items() <= made["metadata"]["labels"].items()
    }
    assert held == {"harness", {"master": "harness-master", "worker": "harness-workers"}[role]}


@pytest.mark.parametrize("role", ROLES)
def test_the_commands_come_to_those_of_our_own_jobs(role: Role, tmp_path: Path) -> None:
    own = next(container for name, _, container in jobs(plain()) if name == f"harness-{role}")
    found = started(arguments(resource(), role), tmp_path)
    assert sorted(found) == sorted(own["args"])
    for option in (word for word in found if word.startswith("--")):
        assert found[found.index(option) + 1] == own["args"][own["args"].index(option) + 1], option


def test_what_only_plain_locust_knows_is_left_out_and_nothing_else(tmp_path: Path) -> None:
    changed = copy.deepcopy(resource())
    changed["spec"]["master"] |= {"autostart": True, "autoquit": {"enabled": True}, "extraArgs": ["--scale", "0.5 0.6"]}
    words = arguments(changed, "master")
    assert {"--autostart", "--autoquit", "60", "--enable-rebalancing", "--only-summary"} <= set(words)
    found = started(words, tmp_path)
    assert found[found.index("--scale") + 1] == "0.5 0.6", "a word stays one"
    plainly = started(arguments(resource(), "master"), tmp_path)
    assert sorted(found) == sorted([*plainly, "--scale", "0.5 0.6"])


@pytest.mark.parametrize("words", [[], ["smoke"], ["--autoquit"], ["--master", "--expect-workers=2"], ["--worker"]])
def test_a_command_line_that_is_not_the_operators_begins_nothing(words: list[str]) -> None:
    done = subprocess.run(["sh", str(START), *words], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stderr


def test_the_target_file_lists_the_master() -> None:
    (files,) = (one for one in documents((PLAIN / "files.yaml").read_text(encoding="utf-8")))
    target = tomllib.loads(files["data"]["target.toml"])
    assert target["limits"][f"{resource()['metadata']['name']}-master"] == {"private": True}
    mounted = {one["name"]: one for one in resource()["spec"]["volumes"]}
    assert mounted["files"]["configMap"]["name"] == files["metadata"]["name"]


@pytest.mark.parametrize(
    ("role", "refusal"), [("master", "the target does not answer"), ("worker", "no master")], ids=["master", "worker"]
)
def test_the_harness_takes_both_command_lines_and_its_guard_stands_before_any_load(
    role: Role, refusal: str, tmp_path: Path
) -> None:
    """Against a target and a master that are not there."""
    target = tmp_path / "target.toml"
    target.write_text(DEAD, encoding="utf-8")
    found = copy.deepcopy(resource())
    found["spec"][role]["extraArgs"] = ["--wait", "1"] + (["--bind", "127.0.0.1"] if role == "master" else [])
    moved = {
        "/etc/harness/target.toml": str(target),
        "/runs": str(tmp_path / "runs"),
        "/tmp/worker": str(tmp_path / "worker"),
        "--master-host=harness-master": "--master-host=127.0.0.1",
        "--master-port=5557": "--master-port=9",
    }
    words = [moved.get(word, word) for word in _here(arguments(found, role))]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ = {"PATH": path, "HOME": str(tmp_path), "DEAD_ANON": "sb_publishable_x", "DEAD_PASSWORD": "p"}
    environ |= {TOKEN_ENV: new_token(), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        words, env=environ, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 40, done.stdout + done.stderr
    assert refusal in done.stderr
    assert not list(tmp_path.glob("runs/*"))


DEAD = """
name = "dead"
url = "http://127.0.0.1:9"
environment = "sandbox"
[keys]
anon_env = "DEAD_ANON"
[people]
password_env = "DEAD_PASSWORD"
"""


@needs_schemas
def test_records_outlive_the_pods_that_wrote_them() -> None:
    """Nobody can copy from a container that has ended: they stay on a claim, and a pod of ours reads it."""
    claim, reader = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(RECORD.glob("*.yaml")))
    assert_valid([claim, reader])
    named = {
        one["name"]: one.get("persistentVolumeClaim", {}).get("claimName") for one in resource()["spec"]["volumes"]
    }
    (volume,) = reader["spec"]["volumes"]
    assert named["runs"] == volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    own_pod, own = next((pod, container) for name, pod, container in jobs(plain()) if name == "harness-master")
    (container,) = reader["spec"]["containers"]
    assert container["securityContext"] == own["securityContext"]
    assert reader["spec"]["securityContext"] == own_pod["securityContext"], "who may read what the master wrote"
    assert reader["spec"]["automountServiceAccountToken"] is False
    assert "envFrom" not in container


def test_the_resource_is_what_its_comments_say() -> None:
    text = (FOLDER / "run.yaml").read_text(encoding="utf-8")
    for named in ("deploy/kubernetes/files.yaml", "deploy/kubernetes/network.yaml", "deploy/locust-operator/run.yaml"):
        assert named in text
        assert (ROOT / named).exists()
    assert START.exists()
    assert f"/harness/{START.relative_to(ROOT)}" in yaml.safe_dump(resource(), width=1000)
    assert "deploy" not in (ROOT / ".dockerignore").read_text(encoding="utf-8").split(), "the image holds the script"
