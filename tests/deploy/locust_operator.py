"""The Locust operator's resource and what it makes of one, from its sources (version 2.4.1, August 2026): the custom
resource's schema (`config/crd`), the rules of its webhook (`api/v2`), and both jobs (`internal/resources`)."""

from __future__ import annotations

from typing import Any, Literal

Role = Literal["master", "worker"]
PORT = 5557
RESERVED_PATHS = ("/lotest/src", "/opt/locust/lib")
KAFKA = (
    "KAFKA_BOOTSTRAP_SERVERS",
    "KAFKA_SECURITY_ENABLED",
    "KAFKA_SECURITY_PROTOCOL_CONFIG",
    "KAFKA_SASL_MECHANISM",
    "KAFKA_SASL_JAAS_CONFIG",
    "KAFKA_USERNAME",
    "KAFKA_PASSWORD",
)
TEXT: dict[str, Any] = {"type": "string"}
TEXTS: dict[str, Any] = {"type": "object", "additionalProperties": TEXT}
OBJECT: dict[str, Any] = {"type": "object"}  # of Kubernetes' own kinds: valid where the job made of it is


def _closed(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


_NODE: dict[str, Any] = {
    "command": TEXT,
    "resources": OBJECT,
    "labels": TEXTS,
    "annotations": TEXTS,
    "extraArgs": _list(TEXT),
}
_FROM = _closed(("name",), name=TEXT, prefix=TEXT)
SCHEMA = _closed(
    ("apiVersion", "kind", "metadata", "spec"),
    apiVersion={"const": "locust.io/v2"},
    kind={"const": "LocustTest"},
    metadata=_closed(("name",), name={"type": "string", "maxLength": 63 - len("-worker")}, labels=TEXTS),
    spec=_closed(
        ("image", "master", "worker"),
        image=TEXT,
        imagePullPolicy={"enum": ["Always", "IfNotPresent", "Never"]},
        imagePullSecrets=_list(_closed(name=TEXT)),
        master=_closed(
            ("command",),
            **_NODE,
            autostart={"type": "boolean"},
            autoquit=_closed(("enabled",), enabled={"type": "boolean"}, timeout={"type": "integer", "minimum": 0}),
        ),
        worker=_closed(
            ("command", "replicas"), **_NODE, replicas={"type": "integer", "minimum": 1, "maximum": 500}
        ),
        testFiles=_closed(configMapRef=TEXT, libConfigMapRef=TEXT, srcMountPath=TEXT, libMountPath=TEXT),
        scheduling=_closed(affinity=OBJECT, tolerations=_list(OBJECT), nodeSelector=TEXTS, runtimeClassName=TEXT),
        env=_closed(
            configMapRefs=_list(_FROM),
            secretRefs=_list(_FROM),
            variables=_list(OBJECT),
            secretMounts=_list(
                _closed(("name", "mountPath"), name=TEXT, mountPath=TEXT, readOnly={"type": "boolean"})
            ),
        ),
        volumes=_list(OBJECT),
        volumeMounts=_list(
            {
                "type": "object",
                "required": ["name", "mountPath"],
                "properties": {"target": {"enum": ["master", "worker", "both"]}},
            }
        ),
        security=_closed(podSecurityContext=OBJECT, containerSecurityContext=OBJECT),
        observability=_closed(openTelemetry=OBJECT),
    ),
)  # fmt: skip


def refused(resource: dict[str, Any]) -> list[str]:
    """What the schema and the webhook say against it. :raises ImportError: jsonschema is not here."""
    from jsonschema import Draft202012Validator

    wrong = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMA).iter_errors(resource)]
    if wrong:
        return wrong
    name, spec = resource["metadata"]["name"], resource["spec"]
    names = [one["name"] for one in spec.get("volumes", [])]
    taken = ("locust-lib", f"{name}-master", f"{name}-worker")
    wrong += [f"the operator needs the volume name {one}" for one in names if one.startswith("secret-") or one in taken]
    mounts = spec.get("volumeMounts", [])
    wrong += [f"no volume is called {one['name']}" for one in mounts if one["name"] not in names]
    paths = [(f"{mount['mountPath']}/", f"{path}/") for mount in mounts for path in RESERVED_PATHS]
    wrong += [f"the operator needs {path}" for mine, path in paths if mine.startswith(path) or path.startswith(mine)]
    return wrong


def arguments(resource: dict[str, Any], role: Role) -> list[str]:
    """The words of a container, `args` of an image without an entry point. Its command is parted at blanks alone."""
    spec, of = resource["spec"], resource["spec"][role]
    words = str(of["command"]).split()
    if role == "worker":
        words += ["--worker", f"--master-port={PORT}", f"--master-host={resource['metadata']['name']}-master"]
        return [*words, *of.get("extraArgs", [])]
    words += ["--master", f"--master-port={PORT}", f"--expect-workers={spec['worker']['replicas']}"]
    if of.get("autostart", True):
        words.append("--autostart")
    quit_ = of.get("autoquit", {"enabled": True})
    if quit_["enabled"]:
        words += ["--autoquit", str(quit_.get("timeout", 60))]
    return [*words, "--enable-rebalancing", "--only-summary", *of.get("extraArgs", [])]


def job(resource: dict[str, Any], role: Role) -> dict[str, Any]:
    """The Job that the operator makes of it. The master has a sidecar that asks Locust's page for metrics."""
    name, spec = resource["metadata"]["name"], resource["spec"]
    mounts = [one for one in spec.get("volumeMounts", []) if one.get("target", "both") in ("both", role)]
    env = spec.get("env", {})
    container = {
        "name": f"{name}-{role}",
        "image": spec["image"],
        "imagePullPolicy": spec.get("imagePullPolicy", "IfNotPresent"),
        "args": arguments(resource, role),
        "ports": [{"containerPort": port} for port in ((PORT, 5558, 8089) if role == "master" else (8080,))],
        "resources": spec[role].get("resources", {}),
        "env": [*({"name": one, "value": ""} for one in KAFKA), *env.get("variables", [])],
        "envFrom": [{"secretRef": {"name": one["name"]}} for one in env.get("secretRefs", [])],
        "volumeMounts": [{key: value for key, value in one.items() if key != "target"} for one in mounts],
        "securityContext": spec["security"]["containerSecurityContext"],
    }
    used = {one["name"] for one in mounts}
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": [one for one in spec.get("volumes", []) if one["name"] in used],
        "securityContext": spec["security"]["podSecurityContext"],
    }
    if role == "master":
        pod["initContainers"] = [
            {
                "name": "locust-metrics-exporter",
                "image": "of-the-operator",
                "restartPolicy": "Always",
                "env": [{"name": "LOCUST_EXPORTER_URI", "value": "http://localhost:8089"}],
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
            }
        ]
    labels = {"app": name, "performance-test-name": name, **spec[role].get("labels", {})}
    labels |= {"performance-test-pod-name": f"{name}-{role}", "managed-by": "locust-k8s-operator"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"{name}-{role}"},
        "spec": {
            "parallelism": 1 if role == "master" else spec["worker"]["replicas"],
            "backoffLimit": 0,
            "template": {
                "metadata": {"labels": labels, "annotations": spec[role].get("annotations", {})},
                "spec": pod,
            },
        },
    }
