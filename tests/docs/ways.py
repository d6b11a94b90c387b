"""What a test does with a command that a document shows: run it at once, run it beside a sandbox, or only check that
its options exist, with the reason why not more. (pure)"""

from __future__ import annotations

from enum import Enum

from tests.docs.commands import Shown


class Way(Enum):
    """How a command is tested."""

    AT_ONCE = "run in an empty folder"
    STAGED = "run beside a sandbox, in a project with a run"
    OPTIONS = "its options exist"


HOURS = ("prove", "tip", "capacity", "rehearse", "levers", "ab")
FILES = {"slo": "--slo", "ci": "--target"}
"""Commands that run anywhere unless this option names a file."""
CLUSTERS = ("docs/kubernetes.md", "docs/cloud.md", "docs/sizing.md")
"""Pages about machines that no test has."""
PLACEHOLDERS = frozenset(
    ("RUN", "RUN_ID", "FILE", "PROFILE", "BASELINE...", "...", "app.har", "../movinesta", "from-the-cache.db")
)
"""What stands for something that only a reader has."""


def way(command: Shown) -> tuple[Way, str]:
    """How, and why not more; OPTIONS without a reason for what nobody has decided about."""
    if command.program != "harness":
        return _other(command)
    arguments = command.arguments
    if PLACEHOLDERS & set(arguments):
        return Way.OPTIONS, "names what only the reader has"
    first = arguments[0]
    if first in ("init", "completion", "plan") or "--help" in arguments or arguments == ("sandbox", "quirks"):
        return Way.AT_ONCE, ""
    if first in ("prove", "levers") and "--list" in arguments:
        return Way.AT_ONCE, ""
    if first in FILES:
        return (Way.OPTIONS, "a file of the reader's") if FILES[first] in arguments else (Way.AT_ONCE, "")
    if first == "doctor":
        return Way.OPTIONS, "needs a deployment; tests/doctor asks sandboxes"
    if first in HOURS:
        return Way.OPTIONS, "takes from minutes to hours; tests/runs runs these commands"
    if first == "run":
        return _run(arguments)
    if arguments[:2] == ("trace", "record") or "runs/app.jsonl" in arguments:
        return Way.OPTIONS, "needs the app, or a recording of it"
    if "production.toml" in arguments:
        return Way.OPTIONS, "needs a production deployment"
    if first in ("sandbox", "chaos", "report", "check", "compare", "history", "users", "preflight", "trace"):
        return Way.STAGED, ""
    return Way.OPTIONS, ""  # nobody has said how; a test names it


def _run(arguments: tuple[str, ...]) -> tuple[Way, str]:
    if "--worker" in arguments or "--master" in arguments:
        return Way.OPTIONS, "needs several machines; tests/runs/test_distributed.py runs them on one"
    if "--target" in arguments or "nightly" in arguments:
        return Way.OPTIONS, "needs a deployment, or takes more than fifteen minutes"
    return Way.STAGED, ""


def _other(command: Shown) -> tuple[Way, str]:
    if command.program == "make":
        return (Way.OPTIONS, "its targets exist") if command.arguments else (Way.AT_ONCE, "")
    if command.program == "eval":
        return Way.AT_ONCE, ""
    if command.program in ("curl", "locust"):
        return Way.STAGED, ""
    if command.program in ("git", "cd", "export", "docker", "pip", "set", ".", "sed"):
        return Way.OPTIONS, "a program of others, with what only the reader has"
    if command.page in CLUSTERS:
        return Way.OPTIONS, "needs a cluster or a cloud; tests/runs/test_kubernetes_commands.py runs what they start"
    return Way.OPTIONS, ""  # nobody has said how; a test names it
