"""Which CI system a command runs in, by the variables that it documents. (pure)

GitHub: "Variables reference", default environment variables. GitLab: "Predefined CI/CD variables reference". The token
is ours: nothing is posted with one that was there for another purpose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.core.secret import NOTHING, Secret

System = Literal["github", "gitlab"]
TOKEN = "HARNESS_CI_TOKEN"
"""May write comments on pull requests: `github.token`, or a project access token of GitLab with the scope `api`."""
_PULL = re.compile(r"refs/pull/([0-9]{1,12})/")
_REPOSITORY = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}")


@dataclass(frozen=True, slots=True)
class CiEnvironment:
    """One job. Empty: not known.

    change: the pull or merge request's number. summary: the file that GitHub shows on the run's page. job_url: where a
    person sees the job. api: of the system. project: `owner/name`, or GitLab's id.
    """

    system: System
    api: str = ""
    project: str = ""
    change: str = ""
    summary: str = ""
    job_url: str = ""
    token: Secret = field(default=NOTHING)

    @property
    def can_comment(self) -> bool:
        return bool(self.token and self.api and self.project and self.change)


def detect(environ: Mapping[str, str]) -> CiEnvironment | None:
    """The job that these variables describe; None outside of CI."""
    token = Secret(environ.get(TOKEN, "").strip())  # a pasted one often ends with a line
    if environ.get("GITHUB_ACTIONS") == "true":
        project = environ.get("GITHUB_REPOSITORY", "")
        project = project if _REPOSITORY.fullmatch(project) else ""
        server, run = environ.get("GITHUB_SERVER_URL", ""), environ.get("GITHUB_RUN_ID", "")
        pull = _PULL.match(environ.get("GITHUB_REF", ""))
        return CiEnvironment(
            "github",
            api=environ.get("GITHUB_API_URL", "").rstrip("/"),
            project=project,
            change=pull[1] if pull else "",
            summary=environ.get("GITHUB_STEP_SUMMARY", ""),
            job_url=f"{server}/{project}/actions/runs/{run}" if server and project and run.isdigit() else "",
            token=token,
        )
    if environ.get("GITLAB_CI") == "true":
        project, change = environ.get("CI_PROJECT_ID", ""), environ.get("CI_MERGE_REQUEST_IID", "")
        return CiEnvironment(
            "gitlab",
            api=environ.get("CI_API_V4_URL", "").rstrip("/"),
            project=project if project.isdigit() else "",
            change=change if change.isdigit() else "",
            job_url=environ.get("CI_JOB_URL", ""),
            token=token,
        )
    return None
