"""For all tests: who stays together on a parallel worker, which slow tests a commit runs, and no time limit per example
of a property test, because the machine is shared and small."""

import re
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import settings

from harness.core.secret_filter import WORDS
from tests.exclusive import beside_others, clean_up
from tests.slow_slices import chosen

settings.register_profile("harness", deadline=None)
settings.load_profile("harness")

GROUP = re.compile(r"@(runs|realtime|tests/[^@:]+\.py)$")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow-slice", metavar="COMMIT", help="of the slow tests only the eighth that this hash picks")


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
    if not hasattr(config, "workerinput"):  # the workers and xdist know each other's tests by the long name
        config.pluginmanager.register(PlainNames())
        if hasattr(config.option, "testrunuid"):
            run = config.option.testrunuid = config.option.testrunuid or uuid.uuid4().hex
            config.add_cleanup(lambda: clean_up(run))
