"""Writes deploy/kubernetes/*.yaml: the chart in deploy/helm as it comes, rendered by Helm's own engine.

    .venv/bin/python scripts/kubernetes_manifests.py          # needs helm-python-sdk (scripts/test-tools.sh)

`--check` writes nothing and ends with 1 where a file is not what the chart gives.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHART, PLAIN = ROOT / "deploy/helm/movinesta-harness", ROOT / "deploy/kubernetes"
RELEASE = "harness"
HEAD = "# Written by scripts/kubernetes_manifests.py from deploy/helm: change it there, or the copy that you apply.\n"
OF_HELM = "    app.kubernetes.io/managed-by: Helm\n"


def rendered(values: dict[str, object] | None = None) -> dict[str, str]:
    """Each template's name without folder, and what it comes to. :raises ImportError: Helm's engine is not here."""
    from helm_python import Chart

    found = Chart.load(CHART).render(values, name=RELEASE, namespace="load")
    return {Path(name).name: text for name, text in sorted(found.items()) if name.endswith(".yaml")}


def plain() -> dict[str, str]:
    """As files: nobody manages them, and two workers are a fleet."""
    texts = rendered({"workers": {"count": 2}})
    return {name: HEAD + _without(text).strip() + "\n" for name, text in texts.items()}


def _without(text: str) -> str:
    lines = (line for line in text.splitlines() if line.strip() != OF_HELM.strip())
    return "\n".join(line.rstrip() for line in lines)


def main() -> int:
    """1 where `--check` found a difference."""
    wrong = []
    for name, text in plain().items():
        path = PLAIN / name
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            wrong.append(name)
    if wrong:
        print(f"not what the chart gives: {', '.join(wrong)}; run scripts/kubernetes_manifests.py")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
