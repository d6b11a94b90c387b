"""Scripts from files: the one for MoviNesta that comes with us, or somebody's own."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from harness.config.text_file import decoded, read_bytes, shown
from harness.core.errors import UsageError
from harness.trace.browser.script import BadScript, BrowserScript, script_of


def read_script(path: Path | None) -> BrowserScript:
    """:raises UsageError: the file is no script."""
    if path is None:
        text = resources.files("harness.trace").joinpath("scripts/movinesta.toml").read_text(encoding="utf-8")
        return script_of(text)
    try:
        return script_of(decoded(read_bytes(path, "script"), "script", path))
    except BadScript as error:
        raise UsageError(str(error), where=shown(path), remedy="docs/phones.md has the actions") from None
