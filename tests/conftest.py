"""For all tests: who stays together on a parallel worker, and no time limit per example of a property test, because the
machine is shared and small."""

import re

import pytest
from hypothesis import settings

settings.register_profile("harness", deadline=None)
settings.load_profile("harness")

GROUP = re.compile(r"@(runs|realtime|tests/[^@:]+\.py)$")


@pytest.hookimpl(tryfirst=True)  # before xdist looks for the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole runs need cores of their own, one after the other; a module starts its sandbox once for all its tests."""
    for item in items:
        if item.get_closest_marker("xdist_group") is not None:
            continue
        module = item.nodeid.partition("::")[0]
        if module.startswith("tests/runs/"):
            item.add_marker(pytest.mark.xdist_group("runs"))
        elif "sandbox" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(module))


class PlainNames:
    """xdist appends a group to its tests' ids, and by those `--last-failed` passes over them and asks nothing again."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        report.nodeid = GROUP.sub("", report.nodeid)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the workers and xdist know each other's tests by the long name
        config.pluginmanager.register(PlainNames())
