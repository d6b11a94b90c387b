"""Runs a GitHub job's `run` steps one after the other, as its runner does: files for path, environment and summary,
`if`, and actions by name, of which only the cache does anything here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass
class Step:
    """A step that was run: its exit code and what it printed; `summary`: what it left for the page."""

    name: str
    code: int
    said: str
    summary: str
    took_s: float


@dataclass
class Job:
    """contexts: what `${{ }}` may name, in full ("github.event_name"). cache: the folder of the cache service. base:
    what a checkout of the base branch brings."""

    workspace: Path
    cache: Path
    environ: dict[str, str]
    contexts: Mapping[str, str]
    base: Path | None = None
    steps: list[Step] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return any(step.code for step in self.steps)

    def run(self, workflow: Path) -> list[Step]:
        """Every step of its only job, in order; what is skipped leaves no trace."""
        data = yaml.safe_load(workflow.read_text(encoding="utf-8"))
        (job,) = data["jobs"].values()
        environ = {**self.environ, **self._filled(data.get("env", {}))}
        files = self.workspace.parent / "runner"
        shutil.rmtree(files, ignore_errors=True)  # of the job before
        files.mkdir()
        for number, step in enumerate(job["steps"]):
            if not self._due(step.get("if", "${{ success() }}")):
                continue
            if "uses" in step:
                self._action(step)
                continue
            path, summary = files / f"path-{number}", files / f"summary-{number}"
            path.touch()
            summary.touch()
            own = {
                **environ,
                **self._filled(step.get("env", {})),
                "GITHUB_PATH": str(path),
                "GITHUB_STEP_SUMMARY": str(summary),
            }
            begun = time.monotonic()
            done = subprocess.run(  # as a runner's default shell
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=self.workspace,
                env=own,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=900,
            )
            took = time.monotonic() - begun
            self.steps.append(Step(step["name"], done.returncode, done.stdout, summary.read_text(), took))
            for line in path.read_text().splitlines():
                environ["PATH"] = f"{line}{os.pathsep}{environ['PATH']}"
        return self.steps

    def _due(self, condition: str) -> bool:
        text = _EXPRESSION.sub(r"\1", condition)
        for part in map(str.strip, text.split("&&")):
            if part == "always()":
                continue
            if part == "success()":
                if self.failed:
                    return False
                continue
            name, sign, wanted = part.partition(" == " if " == " in part else " != ")
            same = self.contexts[name.strip()] == wanted.strip().strip("'")
            if same != (sign == " == "):
                return False
        return not (self.failed and "always()" not in text)

    def _filled(self, values: Mapping[str, Any]) -> dict[str, str]:
        return {name: self._text(str(value)) for name, value in values.items()}

    def _text(self, value: str) -> str:
        return _EXPRESSION.sub(lambda found: self.contexts[found[1]], value)

    def _action(self, step: dict[str, Any]) -> None:
        action, given = step["uses"].partition("@")[0], step.get("with", {})
        if action == "actions/cache/restore":
            prefix = given["restore-keys"].strip()
            found = [one for one in self.cache.glob("*") if one.name.startswith(prefix)]
            kept = sorted(found, key=lambda one: one.stat().st_ctime_ns)  # GitHub takes the one that was made last
            if kept:
                shutil.copytree(kept[-1], self.workspace / given["path"], dirs_exist_ok=True)
        elif action == "actions/cache/save":
            if (self.workspace / given["path"]).is_dir():
                shutil.copytree(self.workspace / given["path"], self.cache / self._text(given["key"]))
        elif action == "actions/upload-artifact":
            for line in given["path"].split():
                assert (self.workspace / line).exists(), f"nothing to upload: {line}"
        elif action == "actions/checkout" and "path" in given:
            assert self.base is not None
            assert self._text(given["ref"]) == "main"
            shutil.copytree(self.base, self.workspace / given["path"], dirs_exist_ok=True)
        else:
            assert action in ("actions/checkout", "actions/setup-python"), action
