"""Who may import whom: the house's floors, as DESIGN has them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BELOW = {
    "chaos": set(),
    "sandbox": set(),
    "harness": {"chaos"},
    "scenarios": {"harness", "chaos"},
    "reports": {"harness", "chaos"},
}
IMPURE = {"asyncio", "gevent", "locust", "socket", "httpx"}
SHELL = {"locust", "gevent"}
ROOF, SHELL_MODULE = Path("harness/cli/__init__.py"), Path("harness/load/locust_adapter.py")
MODULES = sorted(path.relative_to(ROOT) for room in BELOW for path in (ROOT / room).rglob("*.py"))


def imports(tree: ast.Module) -> Iterator[str]:
    """Top-level packages that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative imports hide where they lead"
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_stands_on_its_floor(module: Path) -> None:
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    room, used = module.parts[0], set(imports(tree))
    if module != ROOF:
        assert used & set(BELOW) <= BELOW[room] | {room}
    if room != "scenarios" and module != SHELL_MODULE:
        assert not used & SHELL, "only harness/load/locust_adapter.py and scenarios/ know Locust and gevent"
    if "(pure)" in (ast.get_docstring(tree) or ""):
        assert not used & IMPURE, "a module marked (pure) does no I/O"


def test_there_is_something_to_check() -> None:
    assert {module.parts[0] for module in MODULES} == set(BELOW)
    assert Path("harness/record/buckets.py") in MODULES
