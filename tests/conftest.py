"""For all tests: who stays together on a parallel worker, which slow tests a commit runs, how many examples a property
test tries, without a time limit for each because the machine is shared and small, and what is done once for all."""

import os
import re
import sys
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import settings

from harness.core.secret_filter import WORDS
from sandbox.postgres import Postgres
from tests import exclusive, initdb_once
from tests.exclusive import beside_others
from tests.slow_slices import chosen

# Each worker and each process that a test starts would otherwise compile, and pytest rewrite, every module anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
for _ci in ("GITHUB_ACTIONS", "GITLAB_CI", "HARNESS_HISTORY", "HARNESS_CI_TOKEN"):
    os.environ.pop(_ci, None)  # a run inside CI says more, and tests of runs are no jobs

settings.register_profile("fast", deadline=None, max_examples=40)
settings.register_profile("thorough", deadline=None, max_examples=200)  # `make test-all`: --hypothesis-profile thorough
settings.load_profile("fast")

GROUP = re.compile(r"@(runs|realtime|tests/[^@:]+\.py)$")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow-slice", metavar="COMMIT", help="of the slow tests only the sixteenth that this hash picks")


@pytest.hookimpl(tryfirst=True)  # before xdist looks for the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Whole runs need cores of their own, one after the other; a module starts its sandbox once for all its tests."""
    if commit := config.getoption("slow_slice"):
        items[:], left = chosen(items, commit)
        config.hook.pytest_deselected(items=left)
    for item in items:
        if item.get_closest_marker("xdist_group") is not None:
            continue
        module = item.nodeid.partition("::")[0]
        if module.startswith("tests/runs/"):
            item.add_marker(pytest.mark.xdist_group("runs"))
        elif "sandbox" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(module))


@pytest.hookimpl(wrapper=True, tryfirst=True)  # waiting is outside the test's own time limit
def pytest_runtest_protocol() -> Iterator[None]:
    with beside_others():
        return (yield)


@pytest.fixture(autouse=True)
def _own_secrets() -> Iterator[None]:
    """One test's password is another one's word."""
    yield
    WORDS.forget()


class PlainNames:
    """xdist appends a group to its tests' ids, and by those a test that failed cannot be asked for again."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        report.nodeid = GROUP.sub("", report.nodeid)


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        run = config.workerinput["testrunuid"]
    else:  # the workers and xdist know each other's tests by the long name
        config.pluginmanager.register(PlainNames())
        run = getattr(config.option, "testrunuid", None) or uuid.uuid4().hex
        if hasattr(config.option, "testrunuid"):
            config.option.testrunuid = run
        config.add_cleanup(lambda: exclusive.clean_up(run))
        config.add_cleanup(lambda: initdb_once.clean_up(run))
    Postgres._initialise = initdb_once.once(run)  # type: ignore[method-assign, assignment]
