"""A checkout, read once, and a question to it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config.load import read_toml
from harness.core.errors import UsageError
from harness.preflight.model import Severity

LARGEST_FILE = 8_000_000
MOST_FILES = 20_000
BUNDLES = ("dist", "build", "out", ".output", "www", "public")
"""Where bundlers put what browsers get."""
TEXTS = frozenset({".js", ".mjs", ".cjs", ".html", ".css", ".map", ".json", ".txt", ".webmanifest"})
IMPORT = re.compile(r"""(?:from|import)\s*\(?\s*["'](\.{1,2}/[^"']+)["']""")
DEPTH = 3
"""How far a function's own imports are followed."""


@dataclass(frozen=True, slots=True)
class EdgeFunction:
    """verify_jwt: what the gateway does; the platform's default where config.toml says nothing. source: its own text
    and that of what it imports from the checkout."""

    name: str
    configured: bool
    verify_jwt: bool
    own: str
    source: str


@dataclass(frozen=True)
class Checkout:
    """What was read."""

    folder: Path
    functions: tuple[EdgeFunction, ...]
    bundle: Mapping[str, str]  # path below the checkout: text
    settings: Mapping[str, str]  # the same, of .env files


@dataclass(frozen=True, slots=True)
class InCheckout:
    """One thing that is wrong there."""

    object: str
    evidence: str
    remedy: str
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class CheckoutLint:
    """One question."""

    id: str
    severity: Severity
    title: str
    why: str
    manual: str
    look: Callable[[Checkout], list[InCheckout]]


def read(folder: Path) -> Checkout:
    """:raises UsageError: there is no checkout of a Supabase project, or its config.toml is damaged."""
    supabase = folder / "supabase"
    if not (supabase / "functions").is_dir():
        raise UsageError(
            "no folder supabase/functions here", where=str(folder), remedy="give --app the root of the app's checkout"
        )
    blocks = _blocks(supabase / "config.toml")
    functions = []
    for entry in sorted((supabase / "functions").glob("*/index.ts")):
        name = entry.parent.name
        if name.startswith("_"):
            continue
        block = blocks.get(name)
        verify = True if block is None else bool(block.get("verify_jwt", True))
        texts = list(_sources(entry, _real(folder)))
        if not texts:  # a folder, or a link that leads out of the checkout or to itself
            continue
        functions.append(EdgeFunction(name, block is not None, verify, texts[0], "\n".join(texts)))
    bundle = {
        str(path.relative_to(folder)): _text(path)
        for name in BUNDLES
        for path in _files(folder / name)
        if path.suffix in TEXTS
    }
    settings = {path.name: _text(path) for path in sorted(folder.glob(".env*")) if path.is_file()}
    return Checkout(folder, tuple(functions), bundle, settings)


def _blocks(config: Path) -> Mapping[str, Any]:
    if not config.is_file():
        return {}
    functions = read_toml(config, "configuration of the project").get("functions", {})
    if not isinstance(functions, dict):
        return {}
    return {name: block for name, block in functions.items() if isinstance(block, dict)}


def _sources(entry: Path, root: Path) -> Iterator[str]:
    """The file's own text first, then what it imports by a relative path, each once."""
    waiting, seen = [(_real(entry), 0)], set()
    while waiting:
        path, depth = waiting.pop(0)
        if path in seen or not path.is_file() or not path.is_relative_to(root):
            continue
        seen.add(path)
        text = _text(path)
        yield text
        if depth < DEPTH:
            waiting += [(_real(path.parent / found), depth + 1) for found in IMPORT.findall(text)]


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for number, path in enumerate(sorted(folder.rglob("*"))):
        if number >= MOST_FILES:
            return
        if path.is_file() and not path.is_symlink():
            yield path


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(LARGEST_FILE).decode("utf-8", "replace")


def _real(path: Path) -> Path:
    """Where links lead; one that leads to itself stays what it is."""
    return Path(os.path.realpath(path))
