"""The files of `harness ci init`: templates with a project's own install command, target, secrets and branch."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

from harness.core.errors import UsageError

MAIN = "main"
PACKAGE = "HARNESS_PACKAGE"
FROM_PACKAGE = (
    f'python -m pip install "${{{PACKAGE}:?set this variable of the project: a wheel, or git+https://... of a copy}}"',
)
"""By a name alone pip would take whatever somebody put under it on a public index."""
FROM_CHECKOUT = ("make install", 'echo "$PWD/.venv/bin" >> "$GITHUB_PATH"')
FROM_CHECKOUT_GITLAB = ("make install", 'export PATH="$PWD/.venv/bin:$PATH"')
_ALONE = "harness-target"
"""GitLab's name of what one job has at a time."""
_NO_SECRETS = [
    "    # A pull request of a fork, or of Dependabot, is given no secrets and reaches no target: skipped, not red.",
    "    if: ${{ github.event_name != 'pull_request' ||"
    " (github.event.pull_request.head.repo.full_name == github.repository && github.actor != 'dependabot[bot]') }}",
]
_FILES = {
    "github": {
        ".github/workflows/harness-smoke.yml": "github-smoke.yml",
        ".github/workflows/harness-nightly.yml": "github-nightly.yml",
        ".github/workflows/harness-rehearsal.yml": "github-rehearsal.yml",
    },
    "gitlab": {".gitlab/harness.yml": "gitlab.yml"},
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")

_UNQUOTED = re.compile(r": |:$| #|\$\{\{|[\x00-\x1f\x7f]")
"""What would end or change a plain YAML scalar, or be an expression of GitHub's, whatever a shell makes of it."""


@dataclass(frozen=True, slots=True)
class Project:
    """What the files are written for. install: shell lines. target: a target file of the project, empty for a sandbox.
    secrets: environment variables that the target files name. preview: a target file of a change's own deployment.
    own_code: whether the sandbox is the project's code, so that a change's is compared with the base's."""

    install: Sequence[str] = FROM_PACKAGE
    target: str = ""
    secrets: Sequence[str] = ()
    branch: str = MAIN
    preview: str = ""
    own_code: bool = False

    @property
    def compared(self) -> str:
        """How a change is compared with its base, by the end of a template's name; empty where it cannot be."""
        if self.target and self.preview:
            return "compared-targets.yml"
        return "compared-code.yml" if self.own_code and not self.target else ""


def secrets_of(target: Mapping[str, Any]) -> tuple[str, ...]:
    """The environment variables that a target file names (`keys.*_env`, `people.password_env`), in its order."""
    found: list[str] = []
    for key, value in target.items():
        if isinstance(value, Mapping):
            found += secrets_of(value)
        elif key.endswith("_env") and isinstance(value, str) and _NAME.fullmatch(value):
            found.append(value)
    return tuple(dict.fromkeys(found))


def written(system: str, project: Project) -> dict[PurePosixPath, str]:
    """Path and text of each file. :raises UsageError: a name that a workflow cannot hold."""
    if not _BRANCH.fullmatch(project.branch):
        raise UsageError(
            f"the branch {project.branch!r:.80} cannot be written into a workflow",
            where="--branch",
            remedy="letters, digits, and . _ / - alone: what else it may hold is a pattern there, or a shell's sign",
        )
    if any("\n" in line for line in (*project.install, project.target, project.preview)):
        raise UsageError("a line break inside an option", where="--install, --target", remedy="one line each")
    for path in (project.target, project.preview):
        if _UNQUOTED.search(path):
            raise UsageError(
                f"{path!r:.80} cannot stand in a workflow", where="--target, --preview", remedy="rename the file"
            )
    compared = _template(f"{system}-{project.compared}") if project.compared else ""
    return {
        PurePosixPath(path): _filled(_template(template).replace("@@COMPARED@@\n", compared), project)
        for path, template in _FILES[system].items()
    }


def _template(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text("utf-8")


def _filled(text: str, project: Project) -> str:
    gitlab = "script:" in text and "jobs:" not in text
    secrets = [f"          {name}: ${{{{ secrets.{name} }}}}" for name in project.secrets]
    block = ["        env:", *secrets] if secrets else []
    install = (
        [f"    - {_yaml(line)}" for line in project.install]
        if gitlab
        else [f"          {one}" for one in project.install]
    )
    asked = any(PACKAGE in line for line in project.install)
    package = ["        env:", f"          {PACKAGE}: ${{{{ vars.{PACKAGE} }}}}"] if asked else []
    forks = _NO_SECRETS if project.secrets else []
    alone = (
        [f"  resource_group: {_ALONE} # one after the other: two would measure each other"] if project.target else []
    )
    blocks = {
        "@@ALONE@@": alone,
        "@@FORKS@@": forks,
        "@@INSTALL@@": install,
        "@@SECRETS@@": secrets,
        "@@SECRETS_BLOCK@@": block,
        "@@PACKAGE@@": package,
    }
    for mark, lines in blocks.items():
        text = text.replace(f"{mark}\n", "".join(f"{line}\n" for line in lines))
    values = {
        "@@TARGET@@": f" --target {shlex.quote(project.target)}" if project.target else "",
        "@@BASELINE@@": MAIN if project.branch == MAIN else f"branch:{project.branch}",
        "@@BRANCH@@": project.branch,
        "@@GROUP@@": _ALONE if project.target else "harness-nightly",
        "@@BASE@@": shlex.quote(project.target),
        "@@PREVIEW@@": shlex.quote(project.preview),
    }
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text


def _yaml(line: str) -> str:
    """A shell line as a YAML scalar in single quotes, which escape nothing but themselves."""
    return "'" + line.replace("'", "''") + "'"
