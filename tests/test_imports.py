"""Who imports whom: the contracts of pyproject.toml, and what import-linter has no contract for."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("harness", "scenarios", "chaos", "reports", "sandbox")
IMPURE = {"asyncio", "gevent", "locust", "socket", "httpx"}
MODULES = sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def test_the_contracts_are_kept() -> None:
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Beside the contract on siblings: between a package's `__init__` and what lies in it, too, and for types alone."""
    graph = grimp.build_graph(PACKAGES[0], *PACKAGES[1:], cache_dir=None)
    assert "harness.core.errors" in graph.modules
    order = TopologicalSorter({module: graph.find_modules_directly_imported_by(module) for module in graph.modules})
    try:
        order.prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_marked_pure_does_no_io_and_imports_are_absolute(package: str) -> None:
    problems = []
    for module in (path for path in MODULES if path.parts[0] == package):
        tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        problems += [
            f"{module}:{node.lineno} is a relative import"
            for node in imports
            if isinstance(node, ast.ImportFrom) and node.level
        ]
        if "(pure)" in (ast.get_docstring(tree) or ""):
            problems += [
                f"{module}:{node.lineno} is (pure) and imports {name}"
                for node in imports
                for name in _names(node)
                if name.partition(".")[0] in IMPURE
            ]
    assert problems == []


def _names(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]


def test_there_is_something_to_check() -> None:
    assert {module.parts[0] for module in MODULES} == set(PACKAGES)
