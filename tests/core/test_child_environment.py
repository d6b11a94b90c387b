"""A child gets what it needs of our environment, and no more."""

from __future__ import annotations

from harness.core.child_environment import asked_for, child_environment

OURS = {
    "PATH": "/bin",
    "LC_ALL": "C",
    "PYTHONPATH": "x",
    "SSL_CERT_FILE": "/ca.pem",
    "STAGING_SERVICE_KEY": "canary",
    "AWS_SECRET_ACCESS_KEY": "canary",
    "LOCUST_RUN_TIME": "1s",
    "PERSONA_X": "1",
}


def test_nobodys_keys_and_nobodys_options() -> None:
    kept = child_environment(OURS, HARNESS_ANON_KEY="anon", EMPTY="")
    assert kept == {
        "PATH": "/bin",
        "LC_ALL": "C",
        "PYTHONPATH": "x",
        "SSL_CERT_FILE": "/ca.pem",
        "HARNESS_ANON_KEY": "anon",
    }


def test_what_is_told_wins_and_what_is_asked_for_comes_along() -> None:
    ours = OURS | {"HARNESS_PASS_ENV": "PERSONA_X, OTHER", "PATH": "/bin"}
    kept = child_environment(ours, *asked_for(ours), PATH="/other")
    assert (kept["PERSONA_X"], kept["PATH"]) == ("1", "/other")
    assert "canary" not in str(kept)
