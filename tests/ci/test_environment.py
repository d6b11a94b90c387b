"""Which CI system, by the variables as GitHub and GitLab document them."""

from __future__ import annotations

from harness.ci.environment import detect

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_API_URL": "https://api.github.com",
    "GITHUB_REPOSITORY": "acme/films",
    "GITHUB_REF": "refs/pull/12/merge",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_RUN_ID": "99",
    "GITHUB_STEP_SUMMARY": "/tmp/summary",
    "GITHUB_TOKEN": "not-ours-to-use",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_API_V4_URL": "https://gitlab.example/api/v4",
    "CI_PROJECT_ID": "7",
    "CI_MERGE_REQUEST_IID": "3",
    "CI_JOB_URL": "https://gitlab.example/acme/films/-/jobs/1",
}


def test_outside_of_ci_there_is_none() -> None:
    assert detect({}) is None
    assert detect({"CI": "true", "GITHUB_ACTIONS": "false", "GITLAB_CI": ""}) is None


def test_github() -> None:
    job = detect(GITHUB)
    assert job is not None
    assert (job.system, job.project, job.change, job.summary) == ("github", "acme/films", "12", "/tmp/summary")
    assert job.job_url == "https://github.com/acme/films/actions/runs/99"
    assert not job.can_comment  # a token that was there for something else is not used
    mine = detect(GITHUB | {"HARNESS_CI_TOKEN": "ghs_abcdefgh"})
    assert mine is not None
    assert mine.can_comment
    assert "ghs_abcdefgh" not in repr(mine)
    pasted = detect(GITHUB | {"HARNESS_CI_TOKEN": " ghs_abcdefgh\n"})
    assert pasted is not None
    assert pasted.token.reveal() == "ghs_abcdefgh", "a line end is no part of a header"
    push = detect(GITHUB | {"HARNESS_CI_TOKEN": "ghs_abcdefgh", "GITHUB_REF": "refs/heads/main"})
    assert push is not None
    assert not push.can_comment


def test_gitlab() -> None:
    job = detect(GITLAB | {"HARNESS_CI_TOKEN": "glpat-abcdefgh"})
    assert job is not None
    assert (job.system, job.project, job.change) == ("gitlab", "7", "3")
    assert job.can_comment


def test_what_is_no_name_or_number_reaches_no_address() -> None:
    job = detect(GITHUB | {"HARNESS_CI_TOKEN": "ghs_abcdefgh", "GITHUB_REPOSITORY": "acme/films/../../x"})
    assert job is not None
    assert not job.can_comment
    other = detect(GITLAB | {"HARNESS_CI_TOKEN": "glpat-abcdefgh", "CI_MERGE_REQUEST_IID": "3/../4"})
    assert other is not None
    assert not other.can_comment
